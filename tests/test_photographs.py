"""Photographs made of digits: repeatable, with the digit where they say that it is, and legible."""

import numpy as np
import pytest
from scipy import ndimage

from helpers import framing, photographs
from helpers.photographs import KINDS, photograph, without_digit


def digit():
    """Return an image in MNIST's form, uint8 (28, 28): a seven."""
    image = np.zeros((28, 28))
    image[6:9, 8:20] = 255
    for row in range(9, 24):
        column = round(18 - 0.5 * (row - 9))
        image[row, column - 1 : column + 2] = 255
    return ndimage.gaussian_filter(image, 0.6).astype(np.uint8)


def draw(kind, seed=0, **settings):
    """Return a Photograph of the seven."""
    return photograph(digit(), kind, np.random.default_rng(seed), **settings)


def overlap(one, other):
    """Return how much of what two boxes cover together is covered by both."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(wide, 0) * max(high, 0)
    return both / (area(one) + area(other) - both)


def area(box):
    """Return how many pixels a box covers."""
    return (box.right - box.left) * (box.bottom - box.top)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_photograph_again(kind):
    one, again, other = draw(kind), draw(kind), draw(kind, seed=1)
    assert np.array_equal(one.pixels, again.pixels) and one.box == again.box
    assert not np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(*(without_digit(kind, np.random.default_rng(5)) for _ in range(2)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_digit_is_inside_and_of_the_size_that_is_told(kind):
    for seed in range(6):
        pixels, box = draw(kind, seed=seed, size=(300, 240))
        assert pixels.shape == (300, 240, 3) and pixels.dtype == np.uint8
        assert 0 < box.left < box.right < 240 and 0 < box.top < box.bottom < 300
        assert 0.13 * 240 < max(box.right - box.left, box.bottom - box.top) < 0.95 * 240


@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_is_found_again_where_it_was_put(kind):
    found = [(framing.frame_ink(pixels), box) for pixels, box in (draw(kind, seed=seed) for seed in range(5))]
    close = [isinstance(answer, framing.Framed) and overlap(answer.box, box) > 0.8 for answer, box in found]
    assert sum(close) >= 4


def test_places_and_sizes_are_drawn_widely():
    boxes = [draw("easy", seed=seed, size=(240, 200)).box for seed in range(40)]
    longest = np.array([max(box.right - box.left, box.bottom - box.top) for box in boxes]) / 200
    middles = np.array([(box.left + box.right) / 400 for box in boxes])
    assert longest.min() < 0.2 and longest.max() > 0.65
    assert middles.min() < 0.3 and middles.max() > 0.7


def test_chalk_is_lighter_than_its_board_and_ink_darker_than_its_paper():
    for kind, sign in (("chalk", 1), ("easy", -1), ("pencil", -1)):
        pixels, box = draw(kind, seed=3)
        grey = pixels.mean(axis=2)
        inside = grey[box.top : box.bottom, box.left : box.right]
        away = np.abs(inside - np.median(grey))
        strongest = inside[away > 0.8 * away.max()]
        assert sign * (strongest.mean() - np.median(grey)) > 30


def test_redrawn_strokes_are_smooth_and_as_thin_as_asked_for():
    wide = photographs.redraw(digit(), 0) >= photographs.EDGE
    thin = photographs.redraw(digit(), 0.8) >= photographs.EDGE
    assert thin.sum() < 0.75 * wide.sum()
    for strokes in (wide, thin):
        assert ndimage.label(strokes)[1] == 1
        assert ndimage.binary_opening(strokes, np.ones((5, 5))).sum() > 0.95 * strokes.sum()


def test_several_are_made_in_turn_of_all_kinds():
    images = np.stack([digit()] * 9)[:, None]
    made = list(photographs.photographs(images, np.random.default_rng(0), size=(120, 100)))
    assert [kind for kind, _ in made] == [*KINDS, next(iter(KINDS))]
    assert len({picture.pixels.tobytes() for _, picture in made}) == 9


def test_what_cannot_be_photographed_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no such kind"):
        photograph(digit(), "watercolour", generator)
    with pytest.raises(ValueError, match="blank"):
        photograph(np.zeros((28, 28), dtype=np.uint8), "easy", generator)
