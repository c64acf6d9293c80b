"""From a photograph to what MNIST's makers did: a digit alone, light on dark, 20 pixels long, in the middle of 28x28.

    frame_ink       a photograph of a sheet or board: the ink is found first, or it is said that there is no digit
    frame_drawing   a clean drawing: the same frame by five operations on whole numbers that a page's script can repeat
    frame_whole     the image as it is, shrunk: for what fills its frame already

Each step of `frame_ink` is a function of its own. Ink is called `darkness`: how much darker than the paper around it
a point is, in logarithms of brightness, so that it is the same in the light and in a shadow. On a board, where chalk is
lighter, the image is inverted first.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

VERSION = "2"  # of what the functions here make of an image; a trained run notes it
SIDE = 28  # pixels of a framed image
BOX = 20  # pixels of the digit's longer side in it
LONGEST = 400  # pixels of a photograph's longer side while it is looked at
COARSE = 48  # pixels of its longer side while ink and paper are told apart
SMALLEST = 16  # pixels of a photograph's shorter side after that
WINDOW = 1 / 6  # of the longer side: wider than most strokes, narrower than most shadows
WIDE = 0.6  # of the window: with wider strokes the photograph is looked at again, through a window of twice the size
HIGH = 0.5  # of the ink's contrast: surely ink
LOW = 0.42  # of the ink's contrast: ink where it touches what surely is
STROKE = (2.0, 3.4)  # pixels: how wide the strokes of a framed digit may be; most of MNIST's are
FLOOR = 8  # of 255, added before logarithms are taken: below it a camera sees mostly noise
BOARD_FLOOR = 64  # the same for a board, whose wiped chalk would look like strokes beside what is nearly black
GAP = 11  # pixels: what lies this near to ink is one piece with it, as the crumbs of a dry pencil's stroke are
JOIN = 0.3  # of the digit's longer side: how far off its pieces may lie
SHARPENED = 1.25  # times the contrast of a digit: with that, its strokes are told anew from smears that touch them
STRIPS_LENGTH = 14  # widths: what is longer is a strip along an edge,
STRIPS_SHARE = 0.2  # where it is longer than this share of the photograph too
LEAST_PIECE = 0.02  # of the digit's ink: what is less is a speck
LIGHT_FROM = 0.2  # of `ink_lightness`: above it, ink may be lighter than what it is on,
DARK_UP_TO = 0.9  # and below it darker: beside a desk, a sheet looks as chalk does on a board
LEAST_CONTRAST = 0.14  # of ink and paper, in logarithms of brightness
LEAST_CONTRAST_TO_NOISE = 3.5  # in standard deviations of the paper
LEAST_SHARPNESS = 0.35  # of the contrast, over one pixel of the framed digit
LEAST_SHARE = 0.4  # of all ink that is found
SOFTEST = 0.06  # of the contrast, from pixel to pixel of the photograph: edges of ink are steeper
SIZES = (0.08, 0.95)  # of the photograph's longer side
LEAST_CLEAR = 0.75  # of what is close around a digit
LEAST_SOLID = 0.52  # a quarter of the ink is fainter than this share of its darkest parts
LEAST_CLEAR_AND_SOLID = 1.53  # both together: a faint pencil stands free, and ink in a shadow's corner is solid
MOST_FILL = 0.9  # a slanting 1 written with a wide pen fills its box nearly
LENGTHS = (0.7, 6)  # of strokes, in longer sides of the digit: a 1 has about 1, an 8 about 3
STRIP = 16  # columns that are looked at together for rules
RULE = 25  # pixels: a rule, however soft its edges, is thinner
ACROSS = np.arange(RULE) - RULE // 2
SLOPE = 0.25  # of a rule, at most
LEAST_RULE = 0.15  # of the ink's contrast: the faintest rule that is looked for; fainter ones are not taken for ink
SPAN = 0.4  # of the photograph's side: what a rule crosses at least, before it leaves at a corner
CLEAR = 0.8  # of a rule's length: where it is seen, or ink is
MOST_THINNED = 0.3  # pixels on each side: more would eat the thin parts of strokes that are wide elsewhere
RING = 12  # pixels around ink that are compared with it
FINE = 5  # pixels for each of the framed image, while strokes are measured


class Box(NamedTuple):
    """A part of an image: its first column and row, and those after its last, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


class Measures(NamedTuple):
    """What the gate asks of ink that was found."""

    contrast: float  # of the ink and what is around it, in logarithms of brightness
    contrast_to_noise: float  # the ink's darkness, in standard deviations of the paper's
    sharpness: float  # share of the contrast that an edge gains over one pixel of the framed digit
    share: float  # of all ink that is in the one group
    size: float  # the group's longer side, as a share of the photograph's longer side
    fill: float  # share of the group's box that is ink
    length: float  # of the group's strokes one after the other, in longer sides of its box
    clear: float  # share of what is close around the group that is paper
    solid: float  # how dark its faint parts are beside its dark ones


class Framed(NamedTuple):
    """A digit that was found on a photograph."""

    image: np.ndarray  # uint8 (28, 28), ink light on dark; (c, h, w) where the whole image was framed
    box: Box  # where it is on the photograph
    measures: Measures | None = None  # None where the whole image was framed


class NoDigit(NamedTuple):
    """Why no digit was found."""

    reason: str
    measures: Measures | None = None


class Ink(NamedTuple):
    """What was found on a photograph; arrays are (h, w)."""

    evened: np.ndarray  # float32: how much darker than its paper each point is, or lighter than its board
    darkness: np.ndarray  # float32: the same without rules and what lies around the sheet
    strokes: np.ndarray  # bool: which points are ink
    group: np.ndarray  # bool: which of them are the digit's; none where there is no ink
    is_light: bool  # whether it is lighter than what it is on


class Rule(NamedTuple):
    """A line of ruled paper on a photograph."""

    start: float  # its row at the left
    slope: float  # rows that it falls from one column to the next
    darkness: float
    reach: int  # pixels above and below its middle that it covers


def frame_ink(pixels: np.ndarray) -> Framed | NoDigit:
    """Return the digit of a photograph, uint8 (h, w) or (h, w, 3), Framed as MNIST's are, or NoDigit."""
    grey = shrink(pixels)
    if min(grey.shape) < SMALLEST:
        return NoDigit("it is too small, or too long and narrow")
    lightness = ink_lightness(grey)
    found = [look(grey, light_on_dark) for light_on_dark in (False, True) if is_likely(light_on_dark, lightness)]
    found = [ink for ink in found if ink.group.any()]
    if not found:
        return NoDigit("nothing on it stands out from its paper")
    answers = [(measure(ink, grey), ink) for ink in found]
    measures, ink = max(answers, key=lambda answer: likelihood(answer[0], answer[1], lightness))
    reason = refuse(measures)
    if reason:
        return NoDigit(reason, measures)
    return Framed(frame_strokes(ink.group), box_in(pixels, ink.group), measures)


def is_likely(light_on_dark: bool, lightness: float) -> bool:
    """Return whether ink should be looked for as lighter than what it is on, or darker, given `ink_lightness`."""
    return lightness > LIGHT_FROM if light_on_dark else lightness < DARK_UP_TO


def likelihood(measures: Measures, ink: Ink, lightness: float) -> float:
    """Return what is larger for Ink that is more likely the digit: by contrast, `ink_lightness`, and its form.

    Light that falls between a digit's strokes, or between a shadow and the edge of a sheet, is a patch: its strokes are
    short, and it does not stand free.
    """
    strokes = min(measures.length, 2) ** 2 * measures.clear**8
    return measures.contrast * strokes * float(np.exp(lightness if ink.is_light else -lightness))


def look(grey: np.ndarray, light_on_dark: bool) -> Ink:
    """Return the Ink of a photograph in grey, float32 (h, w): lighter than what it is on, or darker."""
    ink = find_ink(grey, light_on_dark, WINDOW)
    if ink.group.any() and widest(ink.group) > WIDE * WINDOW * max(grey.shape):
        ink = find_ink(grey, light_on_dark, 2 * WINDOW)
    return ink


def find_ink(grey: np.ndarray, light_on_dark: bool, window: float) -> Ink:
    """Return the Ink of a photograph in grey, float32 (h, w), that is narrower than `window`; see `even_light`."""
    evened = even_light(grey, light_on_dark, window)
    darkness = leave_out_edges(leave_out_rules(evened))
    strokes = find_strokes(darkness)
    if not strokes.any():
        return Ink(evened, darkness, strokes, strokes, light_on_dark)
    group = sharpen(choose_group(strokes, darkness), darkness)
    return Ink(evened, darkness, strokes, group, light_on_dark)


def widest(group: np.ndarray) -> float:
    """Return how wide the widest stroke of `group`, bool (h, w), is in pixels."""
    whole = ndimage.gaussian_filter(np.pad(cut(group), 1).astype(np.float32), 2, mode="constant") >= 0.35  # no pinholes
    return 2 * float(ndimage.distance_transform_edt(whole).max())


def frame_drawing(pixels: np.ndarray) -> np.ndarray:
    """Return a clean drawing, uint8 (h, w) with ink of any brightness on even paper, as uint8 (28, 28).

    Five operations on whole numbers: ink is the distance from the first pixel; the box that holds all that is more than
    half of the most ink is cut out; its longer side is made BOX pixels by means over areas; its centre of mass is
    found; it is laid onto 28x28 with that in the middle. A page's script that does the same gets the same pixels.
    Without ink all is 0.
    """
    ink = np.abs(pixels.astype(np.int64) - int(pixels[0, 0]))
    if not ink.any():
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    rows, columns = span(2 * ink > ink.max())
    small = shrink_drawing(ink[rows, columns])
    top = middle_at(small.sum(axis=1))
    left = middle_at(small.sum(axis=0))
    return lay(small, top, left)


def shrink_drawing(ink: np.ndarray) -> np.ndarray:
    """Return ink, int (h, w), with its longer side BOX pixels long: each the mean of the area under it, rounded."""
    longest = max(ink.shape)
    down, across = (overlaps(length, max(1, (2 * BOX * length + longest) // (2 * longest))) for length in ink.shape)
    area = ink.shape[0] * ink.shape[1]
    return (2 * (down @ ink @ across.T) + area) // (2 * area)


def overlaps(length: int, parts: int) -> np.ndarray:
    """Return how much of each of `length` pixels lies in each of `parts` equal parts, in whole parts of a pixel.

    It is int (parts, length), and each row adds up to `length`.
    """
    pixels = np.arange(length) * parts
    part = np.arange(parts)[:, None] * length
    shared = np.minimum(part + length, pixels + parts) - np.maximum(part, pixels)
    return np.maximum(shared, 0)


def middle_at(sums: np.ndarray) -> int:
    """Return where ink with the `sums`, int (n,), has to begin on SIDE pixels so that its mass is in their middle."""
    mass = int(sums.sum())
    moment = int(sums @ (2 * np.arange(len(sums)) + 1))  # about the ends of pixels, in halves
    return ((SIDE + 1) * mass - moment) // (2 * mass)


def lay(small: np.ndarray, top: int, left: int) -> np.ndarray:
    """Return `small`, from 0 to 255, laid onto uint8 (28, 28) of 0 at row `top` and column `left`, kept inside."""
    height, width = small.shape
    top = min(max(top, 0), SIDE - height)
    left = min(max(left, 0), SIDE - width)
    framed = np.zeros((SIDE, SIDE), dtype=np.uint8)
    framed[top : top + height, left : left + width] = small
    return framed


def frame_whole(pixels: np.ndarray) -> np.ndarray:
    """Return an image, uint8 (h, w) or (h, w, 3), as it is, in uint8 (28, 28): paper becomes 0 and its ink 255.

    It is shrunk or grown to fit while it keeps its shape. Paper is the median of its border; where that is lighter than
    the middle of its values, the ink is dark, and light and dark change places. An even image becomes all 0.
    """
    image = Image.fromarray(pixels)
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    values = make_grey(np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)))
    paper = np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]))
    if paper > (values.min() + values.max()) / 2:
        values = 255 - values
        paper = 255 - paper
    ink = np.clip(values - paper, 0, None)
    brightest = np.quantile(ink, 0.99)
    if brightest <= 0:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    small = np.clip(np.round(ink * (255 / brightest)), 0, 255)
    return lay(small, (SIDE - len(small)) // 2, (SIDE - small.shape[1]) // 2)


def shrink(pixels: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """Return an image, uint8 (h, w) or (h, w, 3), in grey, float32 from 0 to 255, no side longer than `longest`."""
    image = Image.fromarray(pixels).convert("L")
    scale = longest / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2)
    return np.asarray(image, dtype=np.float32)


def make_grey(pixels: np.ndarray) -> np.ndarray:
    """Return an image, uint8 (h, w) or (h, w, 3), as brightness, float32 (h, w) from 0 to 255."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def ink_lightness(grey: np.ndarray) -> float:
    """Return whether ink is lighter than what it is on (above 0) or darker (below), from -1 to 1: how surely.

    `grey` is float32 (h, w). Ink is little and far from its paper: of the distances from a wide median, the long ones
    are all on its side.
    """
    height, width = grey.shape
    scale = max(height, width) / COARSE
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    coarse = np.log(np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX)) + FLOOR)
    away = (coarse - ndimage.median_filter(coarse, 13)) ** 3
    return float(away.sum() / max(np.abs(away).sum(), 1e-9))


def even_light(grey: np.ndarray, light_on_dark: bool = False, window: float = WINDOW) -> np.ndarray:
    """Return how much darker than its paper each point of `grey`, float32 (h, w), is: about 0 on paper, in logarithms.

    With `light_on_dark`, how much lighter than its board. The paper is what is left when everything narrower than
    `window`, a share of the longer side, is filled up with what surrounds it: a grey closing. A shadow is wider, and so
    it stays in the paper, with its edge as sharp as it is.
    """
    calm = ndimage.gaussian_filter(grey, 1, truncate=3)
    brightness = -np.log(calm + BOARD_FLOOR) if light_on_dark else np.log(calm + FLOOR)
    side = int(max(grey.shape) * window) | 1
    paper = ndimage.grey_closing(brightness, (side, side))
    darkness = paper - brightness
    return np.maximum(darkness - np.median(darkness[::4, ::4]), 0)


def leave_out_rules(darkness: np.ndarray) -> np.ndarray:
    """Return `darkness`, float32 (h, w), without the lines of ruled or squared paper.

    A rule is thin and straight, and crosses the sheet from side to side. It is taken off where nothing darker lies on
    it; where ink stands on both sides of it, the ink goes on across it.
    """
    faintest = LEAST_RULE * max(find_contrast(darkness), LEAST_CONTRAST)
    level = leave_out_level_rules(darkness, faintest)
    return leave_out_level_rules(level.T, faintest).T


def leave_out_level_rules(darkness: np.ndarray, faintest: float) -> np.ndarray:
    """Return `darkness`, float32 (h, w), without those rules that are nearer to level than to upright."""
    rules = find_level_rules(darkness, faintest)
    if not rules:
        return darkness
    without = darkness.copy()
    columns = np.arange(darkness.shape[1])
    for rule in rules:
        lift_off(without, darkness, np.round(rule.start + rule.slope * columns).astype(int), rule)
    return without


def find_level_rules(darkness: np.ndarray, faintest: float) -> list[Rule]:
    """Return the Rules in `darkness`, float32 (h, w), that are darker than `faintest`.

    They may leave it above or below, and are looked for a quarter of its height beyond.
    """
    height, width = darkness.shape
    count = width // STRIP
    strips = darkness[:, : count * STRIP].reshape(height, count, STRIP).mean(axis=2)
    thin = strips - ndimage.grey_opening(strips, (RULE, 1))
    if count < 4 or (thin.max(axis=0) > faintest / 2).mean() < CLEAR:
        return []
    beyond = height // 4
    rim = ((beyond, beyond), (0, 0))
    thin = np.pad(thin, rim)
    paths = likely_paths(thin, *common_slope(thin), faintest / 2)
    for _ in range(2):
        paths = straighten(nearest_ridge(thin, paths, faintest / 2))
    rows = np.clip(np.round(paths).astype(int), RULE, len(thin) - RULE - 1)
    inside = (rows >= beyond) & (rows < beyond + height)
    rules = []
    for path, row, there in zip(paths, rows, inside, strict=True):
        if there.mean() > SPAN:
            profile = np.pad(strips, rim)[row[there] + ACROSS[:, None], np.flatnonzero(there)]
            rule = see_rule(path, profile, beyond)
            if rule and rule.darkness > faintest:
                rules.append(rule)
    return rules


def see_rule(path: np.ndarray, profile: np.ndarray, beyond: int) -> Rule | None:
    """Return the Rule along `path`, float (strips,), or None where too little of it is seen.

    profile: darkness along it, float32 (RULE, strips), at the distances ACROSS from it.
    """
    middle = profile[RULE // 2]
    usual = np.quantile(profile, 0.4, axis=1)  # whatever crosses it
    strength = float(np.median(middle))
    if (middle > 0.4 * strength).mean() < CLEAR:  # itself, or ink over it
        return None
    beside = np.maximum(usual, usual[::-1])[RULE // 2 :] - usual.min()
    reach = int(np.argmax(np.append(beside, 0) < 0.15 * beside[0]))
    if reach > RULE // 2:
        return None
    slope = (path[-1] - path[0]) / (len(path) - 1) / STRIP
    return Rule(path[0] - beyond - slope * STRIP / 2, slope, strength, reach)


def common_slope(strips: np.ndarray) -> tuple[float, float]:
    """Return (how many pixels rules fall from one strip to the next, how much more they do so a height further down).

    `strips` are float32 (h, strips). Seen along their own slope the rules add up, and the sums over all strips are
    farthest from even. Perspective makes the slope change from above to below.
    """
    coarse = np.maximum(strips[0 : len(strips) // 2 * 2 : 2], strips[1::2])

    def clearness(slopes: tuple[float, float]) -> float:
        return float((along(coarse, slopes[0] / 2, slopes[1] / 2) ** 4).sum())

    even = [(slope, 0.0) for slope in np.linspace(-SLOPE, SLOPE, 33) * STRIP]
    best = max(even, key=clearness)
    step = even[1][0] - even[0][0]
    changes = np.linspace(-SLOPE, SLOPE, 9) * STRIP
    return max([(best[0] + off * step, change) for off in (-2, -1, 0, 1, 2) for change in changes], key=clearness)


def along(strips: np.ndarray, slope: float, change: float) -> np.ndarray:
    """Return the means of strips, float32 (h, strips), along lines of such slopes (see common_slope), by middle row."""
    height, count = strips.shape
    rows = np.arange(height)[:, None]
    slopes = slope + change * (rows / height - 0.5)
    places = np.round(rows + slopes * (np.arange(count) - count / 2)).astype(int)
    return strips[np.clip(places, 0, height - 1), np.arange(count)].mean(axis=1)


def likely_paths(strips: np.ndarray, slope: float, change: float, faintest: float) -> np.ndarray:
    """Return the rows of what may be rules in each strip, float (rules, strips), where the mean exceeds `faintest`."""
    height, count = strips.shape
    means = along(strips, slope, change)
    peaks = np.flatnonzero((means == ndimage.maximum_filter1d(means, 9)) & (means > faintest))[:, None]
    return peaks + (slope + change * (peaks / height - 0.5)) * (np.arange(count) - count / 2)


def nearest_ridge(strips: np.ndarray, paths: np.ndarray, faintest: float) -> np.ndarray:
    """Return `paths`, float (rules, strips), moved in each strip to the darkest of the rows within 4.

    Where none of them is darker than `faintest`, a path stays as it is: ink may lie over the rule. `strips` are float32
    (h, strips).
    """
    rows = np.round(paths).astype(int) + np.arange(-4, 5)[:, None, None]
    values = strips[np.clip(rows, 0, len(strips) - 1), np.arange(strips.shape[1])]
    darkest = np.take_along_axis(rows, values.argmax(axis=0)[None], axis=0)[0]
    return np.where(values.max(axis=0) > faintest, darkest, paths)


def straighten(paths: np.ndarray) -> np.ndarray:
    """Return the straight lines nearest to `paths`, float (n, strips), but for a fifth of the strips, the farthest."""
    lines = fit_lines(paths, np.ones_like(paths))
    away = np.abs(paths - lines)
    return fit_lines(paths, away <= np.quantile(away, 0.8, axis=1, keepdims=True))


def fit_lines(paths: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the straight lines that are nearest to `paths` by least squares; both are (n, strips), weights 0 or 1."""
    places = np.arange(paths.shape[1])
    counts = weights.sum(axis=1, keepdims=True)
    across = places - (weights * places).sum(axis=1, keepdims=True) / counts
    middle = (weights * paths).sum(axis=1, keepdims=True) / counts
    spread = (weights * across**2).sum(axis=1, keepdims=True)
    slopes = (weights * across * paths).sum(axis=1, keepdims=True) / np.maximum(spread, 1)
    return middle + slopes * across


def lift_off(without: np.ndarray, darkness: np.ndarray, rows: np.ndarray, rule: Rule) -> None:
    """Take a rule off `without` (h, w), in place; `darkness` is as it was. rows: its place in each column, int (w,)."""
    height, width = darkness.shape
    columns = np.arange(width)
    above = darkness[np.clip(rows - rule.reach - 1, 0, height - 1), columns]
    below = darkness[np.clip(rows + rule.reach + 1, 0, height - 1), columns]
    bridge = np.minimum(above, below)
    for offset in range(-rule.reach, rule.reach + 1):
        band = rows + offset
        there = (band >= 0) & (band < height)
        band = band[there]
        here = darkness[band, columns[there]]
        is_ink = here > 1.5 * rule.darkness
        without[band, columns[there]] = np.where(is_ink, here, np.minimum(here, bridge[there]))


def find_contrast(darkness: np.ndarray) -> float:
    """Return how dark the ink in `darkness`, float32 (h, w), is: that of a dark part of what is above half of it."""
    sample = darkness[::2, ::2]
    contrast = float(np.quantile(sample, 0.999))
    for _ in range(3):
        ink = sample[sample > HIGH * contrast]
        if not len(ink):
            return 0.0
        contrast = float(np.quantile(ink, 0.75))
    return contrast


def leave_out_edges(darkness: np.ndarray) -> np.ndarray:
    """Return `darkness`, float32 (h, w), without what lies around the sheet: pieces that touch the image's edges.

    They may be darker than all ink: without them others may be found, once more.
    """
    for _ in range(2):
        contrast = max(find_contrast(darkness), LEAST_CONTRAST)
        labels, count = ndimage.label(darkness >= HIGH * contrast, np.ones((3, 3)))
        outside = np.zeros(count + 1, dtype=bool)
        for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            outside[edge] = True
        outside[0] = False
        if not outside.any():
            break
        darkness = np.where(ndimage.maximum_filter(outside[labels], 9), np.float32(0), darkness)
    return darkness


def find_strokes(darkness: np.ndarray, contrast: float | None = None) -> np.ndarray:
    """Return which points are ink, bool (h, w): surely by their darkness, or less surely and touching such a point.

    `contrast` is how dark the ink is; by default, what is found in `darkness`. Pieces whose edges are soft are none:
    what was wiped from a board, and stains.
    """
    if contrast is None:
        contrast = max(find_contrast(darkness), LEAST_CONTRAST)
    labels, count = ndimage.label(darkness >= LOW * contrast, np.ones((3, 3)))
    sure = np.zeros(count + 1, dtype=bool)
    sure[labels[darkness >= HIGH * contrast]] = True
    sure[0] = False
    return (sure & (steepness(labels, count, darkness) >= SOFTEST * contrast))[labels]


def steepness(labels: np.ndarray, count: int, darkness: np.ndarray) -> np.ndarray:
    """Return how much `darkness`, float32 (h, w), rises from pixel to pixel at the edges of pieces, float (1 + count,).

    The pieces are those of `labels`, int (h, w), from 0 to `count`. It is the mean over the edge of each.
    """
    height, width = labels.shape
    inside = np.pad(labels > 0, 1, mode="edge")
    level = inside[:, :-2] & inside[:, 1:-1] & inside[:, 2:]
    rows, columns = np.nonzero(inside[1:-1, 1:-1] & ~(level[:-2] & level[1:-1] & level[2:]))
    down = darkness[np.minimum(rows + 1, height - 1), columns] - darkness[np.maximum(rows - 1, 0), columns]
    across = darkness[rows, np.minimum(columns + 1, width - 1)] - darkness[rows, np.maximum(columns - 1, 0)]
    rise = np.hypot(down, across) / 2
    piece = labels[rows, columns]
    return np.bincount(piece, rise, count + 1) / np.maximum(np.bincount(piece, minlength=count + 1), 1)


def choose_group(strokes: np.ndarray, darkness: np.ndarray) -> np.ndarray:
    """Return the strokes of the digit, bool (h, w): the piece with most ink, and the pieces near it.

    There is at least one piece among `strokes`, bool (h, w). Long thin strips are edges of something, unless there is
    nothing else.
    """
    labels, count = ndimage.label(ndimage.maximum_filter(strokes, GAP), np.ones((3, 3)))
    labels[~strokes] = 0
    piece = labels[strokes]
    ink = np.bincount(piece, darkness[strokes], count + 1)[1:]
    area = np.bincount(piece, minlength=count + 1)[1:]
    boxes = np.array([(s[0].start, s[1].start, s[0].stop, s[1].stop) for s in ndimage.find_objects(labels)])
    diagonal = np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    is_strip = (diagonal > STRIPS_SHARE * max(strokes.shape)) & (area < diagonal**2 / STRIPS_LENGTH)
    if not is_strip.all():
        ink[is_strip] = 0
    members = np.append(False, join(boxes, ink))
    return members[labels]


def sharpen(group: np.ndarray, darkness: np.ndarray) -> np.ndarray:
    """Return `group`, bool (h, w), without what is much fainter than its own ink: smears, and corners of shadows."""
    contrast = float(np.quantile(darkness[group], 0.75))
    only = np.where(group, darkness, np.float32(0))
    strokes = find_strokes(only, SHARPENED * contrast)
    return choose_group(strokes, only) if strokes.any() else group


def join(boxes: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Return which pieces belong together, bool (n,): the one with most ink, and those near it or near another of them.

    boxes: int (n, 4), top, left, bottom, right. ink: float (n,).
    """
    members = ink == ink.max()
    for _ in range(4):
        top, left = boxes[members, :2].min(axis=0)
        bottom, right = boxes[members, 2:].max(axis=0)
        reach = JOIN * max(bottom - top, right - left)
        down = np.maximum(boxes[:, 0] - bottom, top - boxes[:, 2])
        across = np.maximum(boxes[:, 1] - right, left - boxes[:, 3])
        near = np.maximum(down, across) <= reach
        grown = members | (near & (ink > LEAST_PIECE * ink[members].sum()))
        if (grown == members).all():
            break
        members = grown
    return members


def frame_strokes(group: np.ndarray) -> np.ndarray:
    """Return strokes, bool (h, w), framed as MNIST's are, uint8 (28, 28)."""
    fine = scale_to_box(group, FINE * BOX)
    fine = even_strokes(fine)
    small = fit(fine, BOX)
    return centre(small)


def scale_to_box(group: np.ndarray, side: int) -> np.ndarray:
    """Return the box around `group`, bool (h, w), with its longer side `side` pixels long, as float32 from 0 to 1.

    Each pixel is the mean of the area that it covers, so that thin strokes grow faint and are not lost.
    """
    return fit(cut(group).astype(np.float32), side)


def span(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the (rows, columns) of the box around what is set in a bool (h, w)."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def cut(group: np.ndarray) -> np.ndarray:
    """Return the part of an array (h, w) that holds all that is not 0."""
    return group[span(group)]


def fit(values: np.ndarray, side: int) -> np.ndarray:
    """Return `values`, float32 (h, w), with the longer side `side` pixels long and the shape kept.

    The shorter side need not come to whole pixels: its first and last may be covered in part.
    """
    scale = max(values.shape) / side
    height, width = (max(1, int(np.ceil(length / scale - 1e-6))) for length in values.shape)
    around = int(np.ceil(scale))
    padded = np.pad(values, around)
    down = around - (height * scale - values.shape[0]) / 2
    across = around - (width * scale - values.shape[1]) / 2
    part = (across, down, across + width * scale, down + height * scale)
    filtering = Image.Resampling.BOX if scale > 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(padded).resize((width, height), filtering, box=part))


def even_strokes(fine: np.ndarray) -> np.ndarray:
    """Return strokes, float32 (h, w), FINE pixels for each of the framed image, no thinner or wider than STROKE."""
    padded = np.pad(fine, 3 * FINE)
    inside = smooth(padded)
    width = stroke_width(inside) / FINE
    wanted = float(np.clip(width, *STROKE))
    grow = max((wanted - width) / 2, -MOST_THINNED) * FINE
    if grow == 0:
        return padded[span(padded >= 0.5)]
    signed = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    redrawn = np.clip(signed + grow + 0.5, 0, 1).astype(np.float32)
    return redrawn[span(redrawn >= 0.5)]


def smooth(fine: np.ndarray) -> np.ndarray:
    """Return where strokes, float32 (h, w), are, bool (h, w), with ragged edges made smooth and pinholes filled."""
    soft = ndimage.gaussian_filter(fine, FINE / 4)
    return soft >= 0.35 * soft.max()


def stroke_width(inside: np.ndarray) -> float:
    """Return how wide strokes, bool (h, w), are in pixels: across one, the mean distance to its edge is a quarter."""
    distance = ndimage.distance_transform_edt(inside)
    return 4 * float(distance[inside].mean()) - 1


def centre(small: np.ndarray) -> np.ndarray:
    """Return ink, float32 (h, w) from 0 to 1, no side above BOX, with its centre of mass amid uint8 (28, 28)."""
    values = np.round(small * 255).astype(np.int64)
    return lay(values, middle_at(values.sum(axis=1)), middle_at(values.sum(axis=0)))


def measure(ink: Ink, grey: np.ndarray) -> Measures:
    """Return the Measures of Ink in which a group was found, on a photograph in grey, float32 (h, w)."""
    evened, darkness, strokes, group, _ = ink
    part = surroundings(group)
    box = cut(group)
    usual = float(np.median(darkness[group]))
    paper = darkness[~ndimage.maximum_filter(strokes, 5)]
    noise = float(np.quantile(paper, 0.84)) if len(paper) else 0.0  # one standard deviation, whatever else lies about
    rise_down, rise_across = np.gradient(darkness[part])
    steepest = np.quantile(np.hypot(rise_down, rise_across)[ndimage.maximum_filter(group[part], 9)], 0.9)
    inside = smooth(np.pad(scale_to_box(group, FINE * BOX), 1))
    width = stroke_width(inside)
    far = max(round(0.15 * max(box.shape)), 6)
    around = ndimage.maximum_filter(group[part], 2 * far + 1) & ~ndimage.maximum_filter(group[part], 7)
    return Measures(
        contrast=stand_out(grey[part], group[part]),
        contrast_to_noise=usual / max(noise, 1e-3),
        sharpness=float(steepest * max(box.shape) / BOX / usual),
        share=float(darkness[group].sum() / darkness[strokes].sum()),
        size=max(box.shape) / max(group.shape),
        fill=float(box.mean()),
        length=float(inside.sum() / (width * FINE * BOX)),
        clear=float((evened[part][around] < LOW * usual).mean()),
        solid=float(np.quantile(darkness[group], 0.25) / np.quantile(darkness[group], 0.9)),
    )


def surroundings(group: np.ndarray) -> tuple[slice, slice]:
    """Return the (rows, columns) around `group`, bool (h, w), and RING pixels more on each side."""
    rows, columns = span(group)
    return slice(max(rows.start - RING, 0), rows.stop + RING), slice(max(columns.start - RING, 0), columns.stop + RING)


def stand_out(grey: np.ndarray, group: np.ndarray) -> float:
    """Return how far `group`, bool (h, w), is from what is RING pixels around it, in logarithms of `grey`, float32."""
    brightness = np.log(grey + FLOOR)
    near = ndimage.maximum_filter(group, 5)
    ring = ndimage.maximum_filter(group, 2 * RING + 1) & ~near
    if not ring.any():
        return 0.0
    return float(abs(np.median(brightness[group]) - np.median(brightness[ring])))


def refuse(measures: Measures) -> str:
    """Return why ink with such `measures` is no digit, or nothing."""
    if measures.contrast < LEAST_CONTRAST:
        return "nothing on it stands out from its paper"
    if measures.contrast_to_noise < LEAST_CONTRAST_TO_NOISE:
        return "its ink is hardly darker or lighter than the paper's own texture"
    if measures.share < LEAST_SHARE:
        return "its ink is spread over many places"
    if measures.sharpness < LEAST_SHARPNESS:
        return "what is dark or light on it has no edges"
    if not SIZES[0] <= measures.size <= SIZES[1]:
        return "what is on it is too small or too large"
    if measures.clear < LEAST_CLEAR:
        return "what is on it does not stand free"
    if measures.solid < LEAST_SOLID or measures.clear + measures.solid < LEAST_CLEAR_AND_SOLID:
        return "what is on it is shaded, not inked"
    if measures.fill > MOST_FILL or measures.length < LENGTHS[0]:
        return "what is on it is a patch, without strokes"
    if measures.length > LENGTHS[1]:
        return "what is on it has too many strokes"
    return ""


def box_in(pixels: np.ndarray, group: np.ndarray) -> Box:
    """Return the Box on the photograph `pixels` (h, w, ...) of a group that was found on it when it was shrunk."""
    rows, columns = span(group)
    down = pixels.shape[0] / group.shape[0]
    across = pixels.shape[1] / group.shape[1]
    return Box(
        left=int(columns.start * across),
        top=int(rows.start * down),
        right=int(np.ceil(columns.stop * across)),
        bottom=int(np.ceil(rows.stop * down)),
    )
