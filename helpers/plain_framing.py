"""The plain path from a photograph to a framed digit: one dark digit on clean paper, in whole numbers alone.

A page's script repeats it operation by operation, in drawing/photograph.js, and gets the same pixels. It does what
framing.frame_ink does where that is easy. What it leaves out: ruled paper, chalk on a board, what lies around a sheet,
a second look at wide strokes. Where it meets them, or doubts, it gives NoDigit: frame_ink, and so predict.py, may find
a digit there.
"""

import numpy as np
from scipy import ndimage

from .framing import BOX, FINE, FLOOR, GAP, LEAST_PIECE, Box, Framed, NoDigit, lay, middle_at, span

LONGEST = 640  # pixels of a photograph's longer side while it is looked at, at most
SMALLEST = 40  # pixels of its shorter side then
COARSE = 48  # pixels of its longer side while ink and paper are told apart, at most
AROUND = 13  # pixels of the coarse photograph: the side of what a point is compared with
FAR = 12  # of 255, from them: what differs less is the light's
WINDOW = 4  # how often what is wider than strokes fits into the longer side
LOGARITHMS = np.array([round(1000 * float(np.log(level / 4 + FLOOR))) for level in range(4 * 255 + 1)])
PART = 16  # of a pixel, while distances are measured

# In hundredths, where nothing else is said.
HIGH, LOW = 50, 42  # of the ink's contrast: surely ink, and ink where it touches what surely is
SHARPENED = 125  # of a digit's contrast: with that, its strokes are told anew
LEAST_CONTRAST = 200  # in thousandths of logarithms of brightness
LEAST_TO_NOISE = 350  # of the paper's own darkness
LEAST_STEEP = 9  # of the contrast, from pixel to pixel at the edges of ink
LEAST_SHARE = 90  # of all ink
SIZES = (8, 90)  # of the photograph's longer side
LEAST_CLEAR = 85  # of what is close around a digit
LEAST_SOLID = 60  # a quarter of the ink is fainter than this share of its darkest tenth
WIDE = 60  # of the window: wider strokes may not be whole
MOST_FILL = 80  # of its box
REACH = 30  # of the digit's longer side: how far off its pieces may lie
WIDEST = 150  # of its height: hardly any digit of MNIST is wider
SECOND = 25  # of the ink: what stands beside the rest, with a gap, is a second digit
STROKE = (2 * FINE * PART, 17 * PART)  # in parts of a pixel of the fine digit: as framing.STROKE
MOST_THINNED = 3 * FINE * PART // 10  # likewise, on each side
LENGTHS = (70, 600)  # of strokes, in longer sides of the digit

AWAY = "it has something dark at its edge: a line, a shadow, or the end of the sheet"
FAINT = "nothing on it stands out clearly from its paper"
LIGHT = "what is on it is lighter than its ground"
MORE = "there is more on it than one digit"
SHADED = "what is dark on it has soft or uneven edges, as shadows have"


def frame_plain(pixels: np.ndarray) -> Framed | NoDigit:
    """Return the digit of a plain photograph, uint8 (h, w) or (h, w, 3), Framed as MNIST's are, or NoDigit.

    The image is uint8 (28, 28), ink light on dark.
    """
    grey, factor = shrink(make_grey(pixels), LONGEST)
    if min(grey.shape) < SMALLEST:
        return NoDigit("it is too small, or too long and narrow")
    if is_light_on_dark(grey):
        return NoDigit(LIGHT)
    darkness = even_light(grey)
    contrast = find_contrast(darkness)
    if contrast < LEAST_CONTRAST:
        return NoDigit(FAINT)
    strokes = find_strokes(darkness, contrast)
    if touches_edge(strokes):
        return NoDigit(AWAY)
    group = choose_group(strokes, darkness)
    share = 100 * int(darkness[group].sum()) // int(darkness[strokes].sum())
    group = sharpen(group, darkness)
    reason = refuse(group, strokes, darkness, share)
    if reason:
        return NoDigit(reason)
    fine = np.pad(fit(255 * group[span(group)].astype(np.int64), FINE * BOX), 3 * FINE)
    width, inside = stroke_width(fine)
    length = 100 * int(inside.sum()) * PART // (max(width, 1) * FINE * BOX)
    if not LENGTHS[0] <= length <= LENGTHS[1]:
        return NoDigit("what is on it is a patch, or has too many strokes")
    small = fit(even_strokes(inside, width), BOX)
    image = lay(small, middle_at(small.sum(axis=1)), middle_at(small.sum(axis=0)))
    rows, columns = span(group)
    return Framed(image, Box(*(factor * edge for edge in (columns.start, rows.start, columns.stop, rows.stop))))


def make_grey(pixels: np.ndarray) -> np.ndarray:
    """Return an image, uint8 (h, w) or (h, w, 3), as brightness, int64 (h, w) from 0 to 255, as Pillow's L has it."""
    values = pixels.astype(np.int64)
    return values if values.ndim == 2 else (values @ np.array([19595, 38470, 7471]) + 32768) >> 16


def shrink(grey: np.ndarray, longest: int) -> tuple[np.ndarray, int]:
    """Return (`grey`, int (h, w), with no side above `longest`; how many pixels became one in each direction).

    Each is the mean of a square, rounded down. What is left over on the right and below is cut off.
    """
    factor = -(-max(grey.shape) // longest)
    height, width = (length // factor for length in grey.shape)
    squares = grey[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return squares.sum(axis=(1, 3)) // factor**2, factor


def is_light_on_dark(grey: np.ndarray) -> bool:
    """Return whether what is far from its surroundings in `grey`, int (h, w), is lighter than they are."""
    coarse, _ = shrink(grey, COARSE)
    away = coarse - ndimage.median_filter(coarse, AROUND, mode="nearest")
    return bool(np.abs(away).max() >= FAR and (away**3).sum() > 0)


def soften(values: np.ndarray, times: int) -> np.ndarray:
    """Return 16 times as much of `values`, int (h, w), spread over three by three pixels as 1, 2, 1; `times` over."""
    for _ in range(times):
        padded = np.pad(values, 1, mode="edge")
        across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
        values = across[:-2] + 2 * across[1:-1] + across[2:]
    return values


def even_light(grey: np.ndarray) -> np.ndarray:
    """Return how much darker than its paper each point of `grey`, int (h, w), is, in thousandths of logarithms.

    The paper is what is left when everything narrower than a window is filled up with what surrounds it.
    """
    brightness = LOGARITHMS[soften(grey, 2) >> 6]
    side = window(grey)
    darkness = ndimage.grey_closing(brightness, (side, side)) - brightness
    return np.maximum(darkness - ranked(darkness[::2, ::2], 50), 0)


def window(image: np.ndarray) -> int:
    """Return how many pixels of an image, (h, w), are wider than strokes: an odd number."""
    return max(image.shape) // WINDOW | 1


def ranked(values: np.ndarray, share: int, whole: int = 100) -> int:
    """Return the one of `values` that about `share` of `whole` lie below; 0 where there are none."""
    if not values.size:
        return 0
    return int(np.sort(values, axis=None)[(values.size - 1) * share // whole])


def find_contrast(darkness: np.ndarray) -> int:
    """Return how dark the ink in `darkness`, int (h, w), is; 0 where there is none."""
    sample = darkness[::2, ::2]
    contrast = ranked(sample, 999, 1000)
    for _ in range(3):
        ink = sample[100 * sample > HIGH * contrast]
        if not ink.size:
            return 0
        contrast = ranked(ink, 75)
    return contrast


def find_strokes(darkness: np.ndarray, contrast: int) -> np.ndarray:
    """Return which points are ink, bool (h, w): surely by their darkness, or less surely and touching such a point."""
    labels, count = ndimage.label(100 * darkness >= LOW * contrast, np.ones((3, 3)))
    sure = np.zeros(count + 1, dtype=bool)
    sure[labels[100 * darkness >= HIGH * contrast]] = True
    sure[0] = False
    return sure[labels]


def touches_edge(strokes: np.ndarray) -> bool:
    """Return whether any of `strokes`, bool (h, w), is at the edge of the image."""
    return bool(strokes[[0, -1]].any() or strokes[:, [0, -1]].any())


def choose_group(strokes: np.ndarray, darkness: np.ndarray) -> np.ndarray:
    """Return the strokes of the digit, bool (h, w): the piece with most ink, and the pieces near it."""
    labels, count = ndimage.label(ndimage.maximum_filter(strokes, GAP), np.ones((3, 3)))
    labels[~strokes] = 0
    ink = ndimage.sum_labels(darkness, labels, np.arange(count + 1)).astype(np.int64)
    ink[0] = 0
    boxes = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in ndimage.find_objects(labels)]
    return join(np.array([(0, 0, 0, 0), *boxes]), ink)[labels]


def join(boxes: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Return which pieces belong together, bool (n,): the one with most ink, and those near it or near another of them.

    boxes: int (n, 4), top, left, bottom, right. ink: int (n,). The first is none.
    """
    members = np.arange(len(ink)) == ink.argmax()
    for _ in range(4):
        top, left = boxes[members, :2].min(axis=0)
        bottom, right = boxes[members, 2:].max(axis=0)
        down = np.maximum(boxes[:, 0] - bottom, top - boxes[:, 2])
        across = np.maximum(boxes[:, 1] - right, left - boxes[:, 3])
        near = 100 * np.maximum(down, across) <= REACH * max(bottom - top, right - left)
        members = members | (near & (ink > int(100 * LEAST_PIECE) * ink[members].sum() // 100))
        members[0] = False
    return members


def sharpen(group: np.ndarray, darkness: np.ndarray) -> np.ndarray:
    """Return `group`, bool (h, w), without what is much fainter than its own ink."""
    only = np.where(group, darkness, 0)
    strokes = find_strokes(only, SHARPENED * ranked(darkness[group], 75) // 100)
    return choose_group(strokes, only) if strokes.any() else group


def refuse(group: np.ndarray, strokes: np.ndarray, darkness: np.ndarray, share: int) -> str:
    """Return why a `group`, bool (h, w), is no digit on clean paper, or nothing. `share`: of all ink, in hundredths."""
    rows, columns = span(group)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    ink = darkness[group]
    usual = ranked(ink, 50)
    paper = darkness[~ndimage.maximum_filter(strokes, 5)]
    if usual < LEAST_CONTRAST or 100 * usual < LEAST_TO_NOISE * max(ranked(paper, 84), 1):
        return FAINT
    if share < LEAST_SHARE or 100 * width > WIDEST * height or has_second(group, darkness):
        return MORE
    if not SIZES[0] * max(group.shape) <= 100 * max(height, width) <= SIZES[1] * max(group.shape):
        return "what is on it is too small or too large"
    near = ndimage.maximum_filter(group, 2 * max(15 * max(height, width) // 100, 6) + 1)
    around = darkness[near & ~ndimage.maximum_filter(group, 7)]
    if 100 * int((100 * around < LOW * usual).sum()) < LEAST_CLEAR * around.size:
        return "what is on it does not stand free"
    if 100 * ranked(ink, 25) < LEAST_SOLID * ranked(ink, 90) or steepness(group, darkness) < LEAST_STEEP * usual:
        return SHADED
    wide = WIDE * window(group) // 100 | 1
    if 100 * int(group.sum()) > MOST_FILL * height * width or ndimage.minimum_filter(group, wide).any():
        return "what is on it is a patch, or has very wide strokes"
    return ""


def has_second(group: np.ndarray, darkness: np.ndarray) -> bool:
    """Return whether empty columns divide `group`, bool (h, w), into parts of which two hold much of its ink."""
    columns = np.where(group, darkness, 0).sum(axis=0)
    part = np.cumsum(columns == 0)  # one more after each empty column
    return bool((100 * np.bincount(part, columns).astype(np.int64) >= SECOND * columns.sum()).sum() > 1)


def steepness(group: np.ndarray, darkness: np.ndarray) -> int:
    """Return by how much `darkness`, int (h, w), changes from pixel to pixel at the edge of a `group`, times 100."""
    edge = group & ~ndimage.minimum_filter(group, 3)
    rows, columns = np.nonzero(edge)  # none at the edge of the image
    down = np.abs(darkness[rows + 1, columns] - darkness[rows - 1, columns])
    across = np.abs(darkness[rows, columns + 1] - darkness[rows, columns - 1])
    return 100 * int(np.maximum(down, across).sum()) // (2 * len(rows))


def fit(values: np.ndarray, side: int) -> np.ndarray:
    """Return `values`, int (h, w), with the longer side `side` pixels long and the shape kept.

    Each pixel is the mean of the area that it covers, rounded. The shorter side need not come to whole pixels: its
    first and last may be covered in part.
    """
    longest = max(values.shape)
    down, across = (overlaps(length, longest, side) for length in values.shape)
    area = (2 * longest) ** 2
    return (2 * (down @ values @ across.T) + area) // (2 * area)


def overlaps(length: int, longest: int, side: int) -> np.ndarray:
    """Return how much of each of `length` pixels lies in each part, int (parts, length), in units of 1 / (2 side).

    Parts are such that `side` of them are `longest` pixels long; there are just enough, and they lie in the middle.
    """
    count = -(-side * length // longest)
    pixels = 2 * side * np.arange(length)
    part = side * length - longest * count + 2 * longest * np.arange(count)[:, None]
    return np.maximum(np.minimum(part + 2 * longest, pixels + 2 * side) - np.maximum(part, pixels), 0)


def distance(inside: np.ndarray) -> np.ndarray:
    """Return how far each point of `inside`, bool (h, w), is from the nearest outside it, in parts of a pixel."""
    return np.floor(PART * ndimage.distance_transform_edt(inside)).astype(np.int64)


def stroke_width(fine: np.ndarray) -> tuple[int, np.ndarray]:
    """Return (how wide strokes, int (h, w) from 0 to 255, are in parts of a pixel; where they are, bool (h, w))."""
    soft = soften(fine, 3)
    inside = 100 * soft >= 35 * soft.max()
    return 4 * int(distance(inside)[inside].sum()) // int(inside.sum()) - PART, inside


def even_strokes(inside: np.ndarray, width: int) -> np.ndarray:
    """Return strokes, bool (h, w) and `width` wide, as int from 0 to 255, no thinner or wider than STROKE; cut out."""
    wanted = min(max(width, STROKE[0]), STROKE[1])
    grow = max((wanted - width) // 2, -MOST_THINNED)
    signed = distance(inside) - distance(~inside)
    redrawn = 255 * np.clip(signed + grow + PART // 2, 0, PART) // PART
    return redrawn[span(redrawn >= 128)]
