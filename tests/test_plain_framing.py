"""The plain path from a photograph to a digit: near to frame_ink where it answers, and silent where it is not plain."""

import numpy as np
import pytest

from helpers import data, photographs, plain_framing
from helpers.framing import Framed, NoDigit, frame_ink
from helpers.plain_framing import frame_plain


@pytest.fixture(scope="module")
def digits():
    """Return training digits, uint8 (n, 28, 28)."""
    return data.split(data.load("digits"), 0)["train"].images.numpy()[:, 0]


def drawn(height=300, width=240, ink=40, paper=220):
    """Return a sheet, uint8 (h, w), with a stroke from above to below and one across it."""
    sheet = np.full((height, width), paper, dtype=np.uint8)
    sheet[80:220, 110:125] = ink
    sheet[150:165, 90:160] = ink
    return sheet


def reason(pixels):
    """Return why no digit was found."""
    answer = frame_plain(pixels)
    assert isinstance(answer, NoDigit), answer
    return answer.reason


def test_clean_paper_is_framed_nearly_as_by_frame_ink(digits):
    generator = np.random.default_rng(0)
    differences = []
    for number in range(10):
        size = ((480, 400), (1100, 900))[number == 9]
        picture = photographs.photograph(digits[number], "easy", generator, size)
        plain, ink = frame_plain(picture.pixels), frame_ink(picture.pixels)
        if isinstance(plain, Framed):
            assert isinstance(ink, Framed) and plain.image.shape == (28, 28) and plain.image.dtype == np.uint8
            differences.append(np.abs(plain.image.astype(int) - ink.image).mean())
            assert np.abs(np.array(plain.box) - picture.box).max() <= 12
    assert len(differences) >= 8 and np.mean(differences) < 16


def test_a_drawn_sheet_is_framed_in_the_middle_whatever_its_size():
    answer = frame_plain(drawn())
    assert isinstance(answer, Framed) and np.abs(np.array(answer.box) - (90, 80, 160, 220)).max() <= 2
    rows, _ = np.nonzero(answer.image > 127)
    assert rows.max() - rows.min() == 19 and answer.image.max() == 255
    places = np.arange(28) + 0.5
    for axis in (0, 1):
        sums = answer.image.sum(axis=axis).astype(float)
        assert abs((sums * places).sum() / sums.sum() - 14) <= 0.5
    coloured = np.repeat(drawn()[..., None], 3, axis=2)
    assert np.array_equal(frame_plain(coloured).image, answer.image)
    large = frame_plain(drawn().repeat(4, axis=0).repeat(4, axis=1))
    assert np.abs(large.image.astype(int) - answer.image).mean() < 6
    assert np.abs(np.array(large.box) - 4 * np.array(answer.box)).max() <= 8


def test_what_is_not_plain_is_refused_with_its_reason():
    assert reason(np.full((300, 240), 200, np.uint8)) == plain_framing.FAINT
    assert reason(255 - drawn()) == plain_framing.LIGHT
    assert reason(drawn(ink=190)) == plain_framing.FAINT
    ruled = drawn()
    ruled[200:204] = 90
    assert reason(ruled) == plain_framing.AWAY
    two = np.hstack([drawn(), drawn()])
    assert reason(two) == plain_framing.MORE
    beside = drawn(width=300)
    beside[100:200, 180:195] = 40
    assert reason(beside) == plain_framing.MORE
    patch = np.full((300, 240), 220, np.uint8)
    patch[100:150, 80:120] = 40
    assert "patch" in reason(patch)
    spot = np.full((300, 240), 220, np.uint8)
    spot[150:160, 100:106] = 40
    assert "too small" in reason(spot)
    assert "too small" in reason(drawn()[:30]) and "narrow" in reason(drawn()[:, 100:130])


@pytest.mark.parametrize("kind", ["chalk", "desk"])
def test_boards_and_desks_are_refused(digits, kind):
    generator = np.random.default_rng(1)
    made = [photographs.photograph(digit, kind, generator).pixels for digit in digits[:6]]
    assert sum(isinstance(frame_plain(pixels), NoDigit) for pixels in made) >= 5


def test_sheets_of_several_digits_and_blank_ones_are_refused(digits):
    generator = np.random.default_rng(2)
    for number in range(4):
        many = photographs.sheet(digits[number : number + 2], ((2,),), "easy", generator, (480, 400)).pixels
        assert reason(many) == plain_framing.MORE
        assert reason(photographs.without_digit("easy", generator)) == plain_framing.FAINT


def test_logarithms_are_the_same_on_every_machine():
    """None is near the middle between two whole numbers, where the last bit of a logarithm would decide."""
    exact = 1000 * np.log(np.arange(1021) / 4 + plain_framing.FLOOR)
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-6
    assert np.array_equal(plain_framing.LOGARITHMS, np.round(exact)) and plain_framing.LOGARITHMS.max() < 8192


def test_areas_add_up_and_their_middle_stays():
    for length, longest, side in ((7, 12, 20), (12, 12, 20), (500, 640, 120), (1, 300, 20)):
        shared = plain_framing.overlaps(length, longest, side)
        assert (shared.sum(axis=0) == 2 * side).all() and (shared.sum(axis=1) <= 2 * longest).all()
        assert np.array_equal(shared, shared[::-1, ::-1])
    generator = np.random.default_rng(0)
    values = generator.integers(0, 256, (50, 33))
    small = plain_framing.fit(values, 20)
    assert small.shape == (20, 14) and abs(small.sum() / 20**2 - values.sum() / 50**2) < 1
