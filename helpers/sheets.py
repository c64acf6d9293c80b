"""From a photograph of a sheet to its digits: found, put into lines and numbers, each framed as MNIST's are.

Ink is found as in `framing`, on the whole sheet at once. Then

    pieces     strokes that hang together, without specks
    digits     pieces that belong together: a 5's bar, a broken pencil line; those that touch are cut apart
    lines      digits at one height, once the slope of the lines is taken off
    numbers    digits of a line with no wide gap between them

Lengths are counted in the usual height of the digits on the sheet.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from . import framing
from .framing import Box, Framed, Ink, Measures, NoDigit

LONGEST = 1024  # pixels of a photograph's longer side while it is looked at
WINDOW = 1 / 12  # of the longer side; see framing.even_light
MOST_PIECES = 600  # of ink; where there are more it is a texture
LEAST_SHARE = 0.6  # of all ink that is in digits
LEAST_CONTRAST_TO_NOISE = 3.0  # see framing: thin strokes are fainter
LEAST_CLEAR = 0.87  # of what is close around a digit: less is at the edges of sheets and in smears
LEAST_CLEAR_AND_SOLID = 1.48  # see framing: small digits are less solid
LARGEST = 0.6  # of the photograph's longer side: a digit's longer side
FAINT = 0.4  # of the usual contrast: what is less is none of the digits
BLURRED = 0.5  # of the usual sharpness: the same

# Lengths, in the usual height of digits.
SPECK = 0.15  # a piece that is shorter
LENGTHS = (0.45, 1.9)  # a digit's longer side
LEAST_HEIGHT = 0.3  # of a digit: what is flatter is a dash
PATCH = 0.35  # wide: wider ones have paper in their box,
FULL = 0.75  # no more than this share of which is ink
TALLEST = 1.35  # digit that is put together of pieces
WIDEST = 1.15
WHOLE = 0.62  # high: a piece that may be a digit by itself
REACH = 0.22  # how far off pieces of a digit may lie
TOUCHING = 1.17  # wide: may be two digits that touch
PART = 0.7  # high: what is left on either side of a cut between them
LEVEL = 0.22  # how far digits of a line stand from it, about
LINE_GAP = 0.5  # between the heights of digits in lines one below the other
GAPS = (0.4, 0.9)  # between numbers: the widest step between the gaps of a sheet lies there

STACKED = 0.5  # of the narrower piece's width that lies below or above the other one
SLANTS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # of a cut between digits that touch
MOST_CUT = 1.1  # of a stroke's width that it goes through
SLOPE = 0.3  # of lines, at most
SLOPE_CHANGE = 0.2  # of it from the top of the sheet to the bottom, at most

Lines = tuple[tuple[tuple[Framed, ...], ...], ...]  # of numbers of digits


class Piece(NamedTuple):
    """Strokes on a shrunk photograph."""

    box: Box  # in pixels of it
    strokes: np.ndarray  # bool (h, w), within the box

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.box.bottom - self.box.top

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.box.right - self.box.left

    @property
    def ink(self) -> int:
        """How many pixels of it are ink."""
        return int(self.strokes.sum())

    @property
    def longest(self) -> int:
        """The longer side in pixels."""
        return max(self.height, self.width)


def frame_sheet(pixels: np.ndarray) -> Lines | NoDigit:
    """Return the digits on a photograph, uint8 (h, w) or (h, w, 3), each Framed, in reading order, or NoDigit."""
    grey = framing.shrink(pixels, LONGEST)
    if min(grey.shape) < framing.SMALLEST:
        return NoDigit("it is too small, or too long and narrow")
    lightness = framing.ink_lightness(grey)
    likely = [light_on_dark for light_on_dark in (False, True) if framing.is_likely(light_on_dark, lightness)]
    found = [find_digits(grey, light_on_dark) for light_on_dark in likely]
    digits = max(found, key=len)
    if not digits:
        return NoDigit("nothing on it looks like a digit")
    scale = max(pixels.shape[:2]) / max(grey.shape)
    return tuple(tuple(tuple(frame(digit, scale) for digit in number) for number in line) for line in in_lines(digits))


def frame(digit: Piece, scale: float) -> Framed:
    """Return a digit Framed; its box is `scale` times as large on the photograph as where it was found."""
    left, top, right, bottom = (place * scale for place in digit.box)
    box = Box(int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))
    return Framed(framing.frame_strokes(digit.strokes), box)


def find_digits(grey: np.ndarray, light_on_dark: bool) -> list[Piece]:
    """Return the digits on a photograph in grey, float32 (h, w), in any order; `light_on_dark`: written in chalk."""
    evened = framing.even_light(grey, light_on_dark, WINDOW)
    darkness = framing.leave_out_edges(framing.leave_out_rules(evened))
    strokes = framing.find_strokes(darkness)
    pieces = [piece for piece in find_pieces(strokes) if not is_edge(piece, max(grey.shape))]
    if not 0 < len(pieces) <= MOST_PIECES:
        return []
    usual = usual_height(pieces)
    parts = [piece for piece in pieces if piece.longest > SPECK * usual]
    digits = [part for digit in join(parts, usual) for part in cut_apart(digit, usual)]
    digits = [digit for digit in digits if is_digit(digit, usual)]
    share = count_ink(digits) / count_ink(pieces)
    ink = Ink(evened, darkness, strokes, strokes, light_on_dark)
    return leave_out_odd(digits, share, ink, grey)


def is_edge(piece: Piece, side: int) -> bool:
    """Return whether a piece is the edge of something, or fills a photograph with the longer `side`, in pixels."""
    diagonal = np.hypot(piece.width, piece.height)
    is_strip = diagonal > framing.STRIPS_SHARE * side and piece.ink < diagonal**2 / framing.STRIPS_LENGTH
    return is_strip or piece.longest > LARGEST * side


def count_ink(pieces: list[Piece]) -> int:
    """Return how many pixels of ink there are in all pieces."""
    return sum(piece.ink for piece in pieces)


def leave_out_odd(digits: list[Piece], share: float, ink: Ink, grey: np.ndarray) -> list[Piece]:
    """Return `digits` without those that are unlike the others, or none where they are not like digits.

    `share`: of all ink that is in them. The photograph is in grey, float32 (h, w). What is asked of a single digit is
    asked of the sheet: the medians of the Measures are held against it.
    """
    measured = [(digit, measure(digit, ink, grey)) for digit in digits]
    free = [(digit, measures) for digit, measures in measured if measures.clear > LEAST_CLEAR]
    if not free:
        return []
    medians = np.median([measures for _, measures in free], axis=0)
    usual = Measures(*medians.tolist())._replace(share=share)
    if refuse(usual):
        return []
    return [digit for digit, measures in free if is_like(measures, usual)]


def is_like(measures: Measures, usual: Measures) -> bool:
    """Return whether a digit is as dark and as sharp as others on the sheet, about."""
    return measures.contrast > FAINT * usual.contrast and measures.sharpness > BLURRED * usual.sharpness


def refuse(usual: Measures) -> str:
    """Return why ink with such `usual` Measures is no sheet of digits, or nothing.

    Where there are several they are small, and so less solid, but they all stand free.
    """
    if usual.share < LEAST_SHARE:
        return "its ink is spread over many places"
    if usual.clear + usual.solid < LEAST_CLEAR_AND_SOLID:
        return "what is on it is shaded, not inked"
    if usual.contrast_to_noise < LEAST_CONTRAST_TO_NOISE:
        return "its ink is hardly darker or lighter than the paper's own texture"
    return framing.refuse(usual._replace(solid=1.0, contrast_to_noise=np.inf))


def find_pieces(strokes: np.ndarray) -> list[Piece]:
    """Return the pieces of `strokes`, bool (h, w), that hang together."""
    labels, _ = ndimage.label(strokes, np.ones((3, 3)))
    pieces = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        box = Box(columns.start, rows.start, columns.stop, rows.stop)
        pieces.append(Piece(box, labels[rows, columns] == number))
    return pieces


def usual_height(pieces: list[Piece]) -> float:
    """Return how high digits are in pixels: half of the ink is in pieces that are higher, half in lower ones."""
    heights = np.array([piece.height for piece in pieces])
    ink = np.array([piece.ink for piece in pieces])
    order = np.argsort(heights, kind="stable")
    return float(heights[order][np.searchsorted(ink[order].cumsum(), ink.sum() / 2)])


def join(pieces: list[Piece], usual: float) -> list[Piece]:
    """Return `pieces` with those put together that belong to one digit, the nearest first."""
    pairs = []
    for i, one in enumerate(pieces):
        for j, other in enumerate(pieces[:i]):
            if may_belong(one, other, usual):
                pairs.append((distance(one, other), i, j))
    digits = dict(enumerate(pieces))
    digit_of = list(range(len(pieces)))
    for apart, i, j in sorted(pairs):
        first, second = digit_of[i], digit_of[j]
        if apart > REACH * usual:
            break
        if first != second and may_belong(digits[first], digits[second], usual):
            digits[first] = put_together(digits[first], digits.pop(second))
            digit_of = [first if digit == second else digit for digit in digit_of]
    return list(digits.values())


def may_belong(one: Piece, other: Piece, usual: float) -> bool:
    """Return whether two pieces may be of one digit: together no larger than it, and not side by side as digits are."""
    box = around(one.box, other.box)
    if box.bottom - box.top > TALLEST * usual or box.right - box.left > WIDEST * usual:
        return False
    shared = min(one.box.right, other.box.right) - max(one.box.left, other.box.left)
    is_stacked = shared > STACKED * min(one.width, other.width)
    return is_stacked or min(one.height, other.height) < WHOLE * usual


def distance(one: Piece, other: Piece) -> float:
    """Return how far apart the strokes of two pieces are in pixels."""
    box = around(one.box, other.box)
    to_other = ndimage.distance_transform_edt(~within(other, box))
    return float(to_other[within(one, box)].min())


def around(one: Box, other: Box) -> Box:
    """Return the box around two boxes."""
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )


def cut_apart(digit: Piece, usual: float) -> list[Piece]:
    """Return what may be several digits that touch as one digit each.

    They are wider than one, and a straight cut across a single stroke, upright or slanting, leaves two parts that are
    both as high as digits. Of all such cuts it is the one through the least ink.
    """
    if digit.width < TOUCHING * usual:
        return [digit]
    cuts = [find_cut(digit, slant, PART * usual) for slant in SLANTS]
    crossed, left = min(cuts, key=lambda cut: cut[0])
    if crossed > MOST_CUT * framing.stroke_width(np.pad(digit.strokes, 1)):
        return [digit]
    parts = (part_of(digit, left), part_of(digit, digit.strokes & ~left))
    return [piece for part in parts for piece in cut_apart(part, usual)]


def find_cut(digit: Piece, slant: float, height: float) -> tuple[float, np.ndarray]:
    """Return (how many pixels of ink a cut goes through, what is left of it, bool (h, w)) for the best of one `slant`.

    Both parts are at least `height` pixels high; where no cut leaves such parts, the first number is infinite.
    """
    rows, columns = np.nonzero(digit.strokes)
    places = np.round(columns + slant * (rows - digit.height / 2)).astype(int)
    places -= places.min()
    crossed = np.bincount(places).astype(float)
    top = np.full(len(crossed), digit.height)
    bottom = np.zeros(len(crossed), dtype=int)
    np.minimum.at(top, places, rows)
    np.maximum.at(bottom, places, rows)
    before = np.maximum.accumulate(bottom) - np.minimum.accumulate(top)
    after = (np.maximum.accumulate(bottom[::-1]) - np.minimum.accumulate(top[::-1]))[::-1]
    crossed[1:][(before[:-1] < height) | (after[1:] < height)] = np.inf
    crossed[0] = np.inf
    place = int(np.argmin(crossed))
    left = np.zeros_like(digit.strokes)
    left[rows, columns] = places < place
    return crossed[place], left


def part_of(digit: Piece, strokes: np.ndarray) -> Piece:
    """Return some `strokes`, bool (h, w), of a digit as a piece of its own."""
    rows, columns = framing.span(strokes)
    left, top = digit.box.left, digit.box.top
    box = Box(left + columns.start, top + rows.start, left + columns.stop, top + rows.stop)
    return Piece(box, strokes[rows, columns])


def within(piece: Piece, box: Box) -> np.ndarray:
    """Return the strokes of a piece in a box around it, bool (h, w)."""
    strokes = np.zeros((box.bottom - box.top, box.right - box.left), dtype=bool)
    top, left = piece.box.top - box.top, piece.box.left - box.left
    strokes[top : top + piece.height, left : left + piece.width] = piece.strokes
    return strokes


def put_together(one: Piece, other: Piece) -> Piece:
    """Return two pieces as one."""
    box = around(one.box, other.box)
    return Piece(box, within(one, box) | within(other, box))


def is_digit(piece: Piece, usual: float) -> bool:
    """Return whether a piece has the size of a digit, and is not a patch of ink."""
    if piece.strokes.mean() > FULL and piece.width > PATCH * usual:
        return False
    return LENGTHS[0] * usual < piece.longest < LENGTHS[1] * usual and piece.height > LEAST_HEIGHT * usual


def measure(digit: Piece, ink: Ink, grey: np.ndarray) -> Measures:
    """Return the Measures of a digit alone, as if there were no other on the photograph in grey, float32 (h, w)."""
    room = max(digit.longest, framing.RING)
    top, left = max(digit.box.top - room, 0), max(digit.box.left - room, 0)
    part = (slice(top, digit.box.bottom + room), slice(left, digit.box.right + room))
    height, width = ink.strokes[part].shape
    group = within(digit, Box(left, top, left + width, top + height))
    others = ndimage.maximum_filter(ink.strokes[part] & ~group, 7)
    evened = np.where(others & ~group, np.float32(0), ink.evened[part])
    alone = Ink(evened, ink.darkness[part], ndimage.maximum_filter(ink.strokes[part], 3), group, ink.is_light)
    return framing.measure(alone, grey[part])._replace(share=1.0)


def in_lines(digits: list[Piece]) -> list[list[list[Piece]]]:
    """Return digits in reading order: lines of numbers of digits."""
    usual = float(np.median([digit.longest for digit in digits]))
    across, down = straighten(digits, usual)
    order = np.argsort(down)
    begins = np.flatnonzero(np.diff(down[order]) > LINE_GAP * usual) + 1
    lines = [[digits[place] for place in line[np.argsort(across[line])]] for line in np.split(order, begins)]
    gaps = [find_gaps(line) / usual for line in lines]
    wide = widest_step(np.concatenate(gaps))
    return [in_numbers(line, between > wide) for line, between in zip(lines, gaps, strict=True)]


def find_gaps(line: list[Piece]) -> np.ndarray:
    """Return how much paper lies between each digit of a line and the next, float (n - 1,), in pixels."""
    left = np.array([digit.box.left for digit in line], dtype=float)
    right = np.array([digit.box.right for digit in line], dtype=float)
    return left[1:] - right[:-1]


def in_numbers(line: list[Piece], ends: np.ndarray) -> list[list[Piece]]:
    """Return the digits of a line as numbers; `ends`, bool (n - 1,): whether one ends between a digit and the next."""
    numbers = [[line[0]]]
    for digit, is_next in zip(line[1:], ends, strict=True):
        if is_next:
            numbers.append([])
        numbers[-1].append(digit)
    return numbers


def straighten(digits: list[Piece], usual: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of digits (across, down), float (n,), with the slope of their lines taken off.

    Of all slopes it is the one at which most pairs of digits are level. From above to below it changes by perspective.
    """
    across = np.array([(digit.box.left + digit.box.right) / 2 for digit in digits])
    down = np.array([(digit.box.top + digit.box.bottom) / 2 for digit in digits])
    across = across - across.mean()
    middle = down.mean()
    height = max(float(np.ptp(down)), usual)

    def moved(slope: float, change: float) -> np.ndarray:
        return down - (slope + change * (down - middle) / height) * across

    def evenness(slopes: tuple[float, float]) -> float:
        places = moved(*slopes)
        apart = (places[:, None] - places) / (LEVEL * usual)
        return float(np.exp(-(apart**2) / 2).sum() * np.exp(-(slopes[0] ** 2 + slopes[1] ** 2)))

    slopes = np.linspace(-SLOPE, SLOPE, 61)
    changes = np.linspace(-SLOPE_CHANGE, SLOPE_CHANGE, 9)
    best = max([(slope, change) for slope in slopes for change in changes], key=evenness)
    return across + best[0] * down, moved(*best)


def widest_step(gaps: np.ndarray) -> float:
    """Return how wide a gap between two numbers is at least: amid the widest step between `gaps`, float (n,)."""
    among = np.sort(np.concatenate([gaps[(gaps > GAPS[0]) & (gaps < GAPS[1])], GAPS]))
    steps = np.diff(among)
    at = int(np.argmax(steps))
    return float((among[at] + among[at + 1]) / 2)
