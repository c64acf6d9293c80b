"""From a photograph to a digit as MNIST's makers framed it, against drawings whose place and shape are known."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from helpers import framing
from helpers.framing import Box, Framed, NoDigit, frame_drawing, frame_ink, frame_whole

FIVE = ((180, 90), (110, 90), (105, 150), (160, 160), (170, 200), (140, 235), (95, 225))  # across, down
FIVES_BOX = Box(89, 84, 187, 242)


def draw(points=FIVE, width=12, paper=225, ink=50, size=(400, 320)):
    """Return a grey image, uint8 `size`, of strokes from point to point with round ends, a little out of focus."""
    picture = Image.new("L", size[::-1], 0)
    pen = ImageDraw.Draw(picture)
    pen.line(points, fill=255, width=width, joint="curve")
    for across, down in (points[0], points[-1]):
        pen.ellipse([across - width / 2, down - width / 2, across + width / 2, down + width / 2], fill=255)
    cover = ndimage.gaussian_filter(np.asarray(picture, dtype=np.float64) / 255, 0.7)
    noise = np.random.default_rng(0).normal(0, 1.5, size)
    return np.clip(paper + (ink - paper) * cover + noise, 0, 255).astype(np.uint8)


def in_light(pixels, light):
    """Return `pixels` with the brightness of each multiplied by `light`."""
    return np.clip(pixels * light, 0, 255).astype(np.uint8)


def apart(one, other):
    """Return how far framed image `one` is from `other`, as a share of its ink.

    Both are blurred by a pixel, and `one` is shifted by up to a pixel each way: where an edge or the centre of mass is
    half way between two pixels, a trifle decides which of them it comes to.
    """
    one, other = (ndimage.gaussian_filter(image.astype(float), 1) for image in (one, other))
    moves = [np.roll(one, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return min(np.abs(moved - other).sum() for moved in moves) / other.sum()


def near(box, other, within=4):
    """Return whether two boxes differ by `within` pixels at most on each side."""
    return max(abs(one - two) for one, two in zip(box, other, strict=True)) <= within


@pytest.fixture(scope="module")
def plain():
    """What becomes of a dark five on light paper."""
    return frame_ink(draw())


def test_the_digit_is_found_where_it_is(plain):
    assert isinstance(plain, Framed)
    assert near(plain.box, FIVES_BOX)
    moved = frame_ink(draw([(across + 100, down + 140) for across, down in FIVE]))
    assert near(moved.box, (189, 224, 287, 382))
    assert apart(moved.image, plain.image) < 0.1


def test_the_frame_is_that_of_mnist(plain):
    image = plain.image
    assert image.shape == (28, 28) and image.dtype == np.uint8
    rows, columns = framing.span(image > 100)
    assert rows.stop - rows.start in (19, 20)
    assert 10 <= columns.stop - columns.start <= 16
    mass = image.sum(dtype=float)
    places = np.arange(28) + 0.5
    assert abs(image.sum(axis=1) @ places / mass - 14) <= 0.5
    assert abs(image.sum(axis=0) @ places / mass - 14) <= 0.5
    assert image.max() > 250 and image[0].max() == image[:, -1].max() == 0


def test_chalk_on_a_board_is_framed_as_ink_on_paper_is(plain):
    chalk = frame_ink(draw(paper=45, ink=215))
    assert near(chalk.box, FIVES_BOX)
    assert apart(chalk.image, plain.image) < 0.1


def test_colour_and_size_of_the_photograph_change_little(plain):
    coloured = np.stack([draw(ink=40), draw(ink=60), draw(ink=130)], axis=2)
    assert apart(frame_ink(coloured).image, plain.image) < 0.1
    large = np.asarray(Image.fromarray(draw()).resize((1280, 1600), Image.Resampling.BICUBIC))
    framed = frame_ink(large)
    assert near(framed.box, [4 * place for place in FIVES_BOX], within=12)
    assert apart(framed.image, plain.image) < 0.1


@pytest.mark.parametrize("softness", [1, 40])
@pytest.mark.parametrize("slant", [0, 0.6])
def test_a_shadow_across_the_digit_is_no_ink(plain, softness, slant):
    columns, rows = np.meshgrid(np.arange(320), np.arange(400))
    shadow = 1 - 0.6 * np.clip((columns + slant * rows - 135 - 150 * slant) / softness + 0.5, 0, 1)
    framed = frame_ink(in_light(draw(), shadow))
    assert near(framed.box, FIVES_BOX)
    assert apart(framed.image, plain.image) < 0.15
    assert isinstance(frame_ink(in_light(draw(ink=225), shadow)), NoDigit)


def test_uneven_light_is_evened_out(plain):
    lamp = np.linspace(1.1, 0.4, 320) * np.linspace(1, 0.6, 400)[:, None]
    assert apart(frame_ink(in_light(draw(), lamp)).image, plain.image) < 0.15


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("tilt", [0, 0.1])
def test_rules_are_left_out(plain, squared, tilt):
    columns, rows = np.meshgrid(np.arange(320), np.arange(400))
    down = (rows + tilt * columns) % 44
    across = (columns - tilt * rows) % 44
    is_rule = (down < 3) | (squared & (across < 3))
    pixels = np.where(is_rule, np.minimum(draw(), 110), draw()).astype(np.uint8)
    framed = frame_ink(pixels)
    assert near(framed.box, FIVES_BOX)
    assert apart(framed.image, plain.image) < 0.2
    only_rules = np.where(is_rule, 110, draw(ink=225)).astype(np.uint8)
    assert isinstance(frame_ink(only_rules), NoDigit)


def test_a_line_that_ends_on_the_sheet_is_a_stroke():
    seven = ((60, 90), (250, 90), (130, 330))
    framed = frame_ink(draw(seven, width=9))
    assert near(framed.box, (55, 85, 256, 336), within=5)


def test_the_desk_around_a_sheet_is_left_out(plain):
    on_desk = draw()
    on_desk[330:] = 70
    on_desk[:, 270:] = 70
    framed = frame_ink(on_desk)
    assert near(framed.box, FIVES_BOX)
    assert apart(framed.image, plain.image) < 0.1


@pytest.mark.parametrize("side, edge", [(215, -60), (240, 40)])
def test_light_on_a_sheet_half_in_a_shadow_on_a_dark_desk_is_no_chalk(side, edge):
    columns, rows = np.meshgrid(np.arange(320), np.arange(400))
    on_desk = np.where((columns > side) | (rows > side + 60), 50, draw(ink=90))
    framed = frame_ink(in_light(on_desk, np.where(columns - rows > edge, 0.4, 1)))
    assert near(framed.box, FIVES_BOX)


def test_crumbs_of_a_dry_stroke_are_one_digit():
    columns, rows = np.meshgrid(np.arange(320), np.arange(400))
    crumbs = np.where((rows + columns) % 8 < 4, 225, draw(width=7)).astype(np.uint8)
    assert near(frame_ink(crumbs).box, (92, 87, 183, 238))


def test_pieces_near_each_other_are_one_digit_and_a_spot_far_off_is_not(plain):
    broken = draw()
    broken[120:130] = 225
    broken[150:172, 128:136] = 225
    framed = frame_ink(broken)
    assert near(framed.box, FIVES_BOX)
    spotted = draw()
    spotted[350:354, 20:24] = 40
    assert apart(frame_ink(spotted).image, plain.image) < 0.02


@pytest.mark.parametrize("width", [4, 12, 26])
def test_strokes_of_any_pen_come_to_a_width_that_mnist_has(width):
    image = frame_ink(draw(width=width)).image
    enlarged = np.asarray(Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC)) >= 128
    low, high = framing.STROKE
    assert low - 0.4 <= framing.stroke_width(enlarged) / 10 <= high + 0.4


def test_a_thin_stroke_on_a_large_photograph_is_not_lost():
    points = [(4 * across, 4 * down) for across, down in FIVE]
    framed = frame_ink(draw(points, width=14, size=(1600, 1280)))
    _, pieces = ndimage.label(framed.image > 60, np.ones((3, 3)))
    assert pieces == 1


@pytest.mark.parametrize("paper", [0, 20, 128, 225, 255])
def test_a_blank_page_holds_no_digit(paper):
    even = np.full((300, 200), paper, dtype=np.uint8)
    noisy = np.clip(np.random.default_rng(1).normal(paper, 4, (300, 200)), 0, 255).astype(np.uint8)
    for pixels in (even, noisy, np.dstack([even] * 3)):
        answer = frame_ink(pixels)
        assert isinstance(answer, NoDigit) and answer.reason


def test_a_texture_holds_no_digit():
    rough = ndimage.gaussian_filter(np.random.default_rng(2).normal(0, 1, (300, 240)), 2)
    woven = np.sin(np.arange(240) / 3) * np.sin(np.arange(300) / 3)[:, None]
    for texture in (rough / rough.std(), woven):
        answer = frame_ink(np.clip(150 + 40 * texture, 0, 255).astype(np.uint8))
        assert isinstance(answer, NoDigit) and answer.reason


@pytest.mark.filterwarnings("error::RuntimeWarning")  # of NumPy; others may be of tests before
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3), (2, 900), (16, 16), (60, 70), (200, 31)])
def test_an_image_of_any_size_is_answered(size):
    draw = np.random.default_rng(3)
    scattered = np.where(draw.random(size) < 0.02, 0, 255)
    one_point = np.zeros(size)
    one_point[size[0] // 2, size[1] // 2] = 255
    hair = np.full(size, 200)
    hair[size[0] // 4 : size[0] // 2 + 1, size[1] // 2] = 20
    for pixels in (draw.integers(0, 256, size), scattered, one_point, hair):
        pixels = pixels.astype(np.uint8)
        assert isinstance(frame_ink(pixels), (Framed, NoDigit))
        assert frame_drawing(pixels).shape == frame_whole(pixels).shape == (28, 28)


def test_a_wide_stroke_with_a_thin_tail_keeps_its_tail():
    blob = ((100, 110), (102, 112), (190, 300))
    pixels = np.minimum(draw(blob[:2], width=70), draw(blob, width=9))
    image = frame_ink(pixels).image
    rows, columns = framing.span(image > 60)
    assert rows.stop - rows.start >= 19 and image[rows.stop - 4, columns.stop - 3 :].max() > 60


def test_the_same_image_is_framed_the_same_and_left_as_it_is():
    pixels = draw()
    before = pixels.copy()
    one, other = frame_ink(pixels), frame_ink(pixels)
    assert one.box == other.box and one.measures == other.measures
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(pixels, before)


def by_hand(pixels):
    """Return what `frame_drawing` says that it does, pixel by pixel."""
    ink = [[abs(int(value) - int(pixels[0][0])) for value in row] for row in pixels]
    most = max(max(row) for row in ink)
    rows = [y for y, row in enumerate(ink) if any(2 * value > most for value in row)]
    columns = [x for x in range(len(ink[0])) if any(2 * row[x] > most for row in ink)]
    cut = [row[columns[0] : columns[-1] + 1] for row in ink[rows[0] : rows[-1] + 1]]
    height, width = len(cut), len(cut[0])
    longest = max(height, width)
    tall, wide = (max(1, (40 * length + longest) // (2 * longest)) for length in (height, width))
    small = np.zeros((tall, wide), dtype=int)
    for i in range(tall):
        for j in range(wide):
            total = 0
            for y in range(height):
                down = max(0, min((i + 1) * height, (y + 1) * tall) - max(i * height, y * tall))
                for x in range(width):
                    across = max(0, min((j + 1) * width, (x + 1) * wide) - max(j * width, x * wide))
                    total += down * across * cut[y][x]
            small[i, j] = (2 * total + height * width) // (2 * height * width)
    mass = small.sum()
    top = (29 * mass - sum((2 * y + 1) * small[y].sum() for y in range(tall))) // (2 * mass)
    left = (29 * mass - sum((2 * x + 1) * small[:, x].sum() for x in range(wide))) // (2 * mass)
    top, left = min(max(top, 0), 28 - tall), min(max(left, 0), 28 - wide)
    framed = np.zeros((28, 28), dtype=int)
    framed[top : top + tall, left : left + wide] = small
    return framed


def test_a_drawing_is_framed_by_whole_numbers_alone():
    small = np.asarray(Image.fromarray(draw(paper=255, ink=0)).resize((64, 80)))
    small = np.where(small > 240, 255, small).astype(np.uint8)
    framed = frame_drawing(small)
    assert np.array_equal(framed, by_hand(small))
    assert np.array_equal(framed, frame_drawing(255 - small))
    assert np.array_equal(framed, frame_drawing(small.repeat(3, axis=0).repeat(3, axis=1)))
    assert not frame_drawing(np.full((9, 9), 200, dtype=np.uint8)).any()


def test_a_whole_image_keeps_its_place_with_black_paper_and_bright_ink():
    pale = np.full((56, 56), 210, dtype=np.uint8)
    pale[8:16, 20:36] = 150
    framed = frame_whole(pale)
    assert np.median(framed) == 0 and framed.max() == 255
    rows, columns = framing.span(framed > 127)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (4, 8, 10, 18)
    assert apart(frame_whole(255 - pale), framed) < 0.01
    assert not frame_whole(np.full((40, 30, 3), 99, dtype=np.uint8)).any()
