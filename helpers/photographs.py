"""Photographs made of images in MNIST's form: paper or board, pen, pencil or chalk, light, shadows, a phone's camera.

A reader of photographs has to be tried, and its threshold fitted, on photographs whose digit is known. These are made,
not taken: each follows the light from the sheet to the file, with every amount drawn by a seeded generator.

    field      the digit redrawn smoothly, many times as large
    scene      where the sheet and the digit lie before the camera
    paint      paper, rules, ink: how much light each point gives back
    light      lamps and shadows
    camera     blur, noise, JPEG
"""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter
from scipy import ndimage

from .framing import Box, span

FINE = 6  # pixels of the redrawn digit for one of the image
EDGE = 0.5  # value of the redrawn digit where its ink ends
SIZE = (480, 400)  # height and width of a photograph, unless another is asked for
FAINTEST = 64  # of 255: an image with no pixel above it is blank
MARGIN = 0.04  # of each side, kept free of the digit
SLANT = 6  # degrees that a digit is rotated on its sheet, at most
SHEET_SIZE = (960, 760)  # height and width of a photograph of many digits
SMALLEST_SHARE = 0.15  # of the photograph's width: the longer side of a single digit, at least
LARGEST_SHARE = 0.8
MOST_LINES = 6  # of a sheet
MOST_IN_LINE = 10  # digits
MOST_IN_NUMBER = 6
MOST_ON_SHEET = 40
LEAST_ON_SHEET = 3
LARGEST_HAND = 0.25  # of the photograph's width: how long the digits of a sheet are, at most

Colour = tuple[float, float, float]  # red, green, blue from 0 to 1
Layout = tuple[tuple[int, ...], ...]  # lines of numbers: how many digits each has

PAPERS: dict[str, Colour] = {
    "white": (0.93, 0.93, 0.92),
    "cream": (0.93, 0.88, 0.76),
    "recycled": (0.76, 0.73, 0.67),
    "black board": (0.13, 0.13, 0.14),
    "green board": (0.13, 0.25, 0.20),
    "blue board": (0.14, 0.19, 0.30),
}
PENS: dict[str, Colour] = {
    "black": (0.10, 0.10, 0.12),
    "blue": (0.12, 0.18, 0.52),
    "red": (0.65, 0.12, 0.14),
    "green": (0.08, 0.38, 0.20),
    "pencil": (0.36, 0.36, 0.38),
    "white chalk": (0.90, 0.90, 0.87),
    "yellow chalk": (0.90, 0.84, 0.50),
    "pink chalk": (0.90, 0.66, 0.68),
}
DRY = ("pencil", "white chalk", "yellow chalk", "pink chalk")  # they catch on the roughness of a surface
RULES: dict[str, Colour] = {
    "light blue": (0.62, 0.74, 0.88),
    "blue": (0.42, 0.54, 0.80),
    "grey": (0.55, 0.55, 0.57),
    "violet": (0.58, 0.52, 0.80),
}
DESKS: tuple[Colour, ...] = ((0.36, 0.25, 0.17), (0.55, 0.42, 0.29), (0.20, 0.20, 0.22), (0.46, 0.47, 0.48))


class Kind(NamedTuple):
    """What a kind of photograph is made of; of several names one is drawn."""

    papers: tuple[str, ...]  # in PAPERS
    pens: tuple[str, ...]  # in PENS
    thinning: tuple[float, float] = (0.0, 0.6)  # 0 leaves strokes as wide as the image has them, 1 leaves none
    grain: float = 0.0  # how much the surface's roughness breaks the ink up
    gaps: float = 0.0  # share of a stroke that is left out, about
    rules: str = ""  # "lines" or "squares"
    shadows: int = 0  # the most there are; at least one where this is not 0
    specks: float = 0.0  # fibres and spots in the paper, as a share of it
    desk: bool = False  # whether the sheet ends inside the photograph


KINDS = {
    "easy": Kind(("white", "cream"), ("black", "blue", "red", "green"), thinning=(0.0, 0.5)),
    "ruled": Kind(("white", "cream"), ("black", "blue", "pencil"), grain=0.3, rules="lines"),
    "squared": Kind(("white", "recycled"), ("black", "blue", "pencil"), grain=0.3, rules="squares"),
    "shadow": Kind(("white", "cream"), ("black", "blue"), shadows=2),
    "chalk": Kind(
        ("black board", "green board", "blue board"),
        ("white chalk", "yellow chalk", "pink chalk"),
        thinning=(0.0, 0.3),
        grain=0.55,
        gaps=0.02,
    ),
    "pencil": Kind(("white", "cream"), ("pencil",), thinning=(0.2, 0.9), grain=0.45, gaps=0.05),
    "recycled": Kind(("recycled",), ("black", "blue", "red"), specks=0.004),
    "desk": Kind(("white", "cream"), ("black", "blue"), desk=True, shadows=1),
}


class Photograph(NamedTuple):
    """A photograph of a digit, and where the digit is on it."""

    pixels: np.ndarray  # uint8 (h, w, 3)
    box: Box


class SheetPhotograph(NamedTuple):
    """A photograph of many digits, and where they are on it."""

    pixels: np.ndarray  # uint8 (h, w, 3)
    boxes: tuple[Box, ...]  # in reading order


class View(NamedTuple):
    """Where the sheet lies before the camera; lengths on the sheet are counted in widths of the photograph."""

    to_sheet: np.ndarray  # float64 (3, 3): homogeneous pixels of the photograph to places on the sheet
    across: np.ndarray  # float32 (h, w): the place on the sheet that each pixel shows
    down: np.ndarray  # float32 (h, w)


def photograph(image: np.ndarray, kind: str, generator: Generator, size: tuple[int, int] = SIZE) -> Photograph:
    """Return a Photograph of `kind`, a name in KINDS, with `size` = (height, width) in pixels, of a digit.

    The digit is uint8 (28, 28), ink light on dark. Its longer side is 15 to 80 % of the photograph's width. Every
    amount is drawn from `generator`: the same state gives the same photograph. ValueError for an unknown kind or a
    blank image.
    """
    made_of = find_kind(kind)
    if image.max() < FAINTEST:
        raise ValueError("the image is blank")
    share = draw_share(generator)
    view = draw_view(size, generator)
    field = redraw(image, generator.uniform(*made_of.thinning))
    ink, box = lay_down(field, view, share, generator)
    surface = paint(ink, box, view, share, made_of, generator)
    return Photograph(take(surface, shine(size, made_of.shadows, box, generator), generator), box)


def without_digit(kind: str, generator: Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a photograph of `kind` on which nothing is written, uint8 (h, w, 3); see `photograph`."""
    made_of = find_kind(kind)
    share = draw_share(generator)
    view = draw_view(size, generator)
    row, column = generator.uniform(0.3, 0.7, 2) * size
    box = Box(int(column), int(row), int(column) + 1, int(row) + 1)
    surface = paint(np.zeros(size, dtype=np.float32), box, view, share, made_of, generator)
    return take(surface, shine(size, made_of.shadows, box, generator), generator)


def find_kind(name: str) -> Kind:
    """Return the Kind called `name`; ValueError where there is none."""
    if name not in KINDS:
        raise ValueError(f"{name}: no such kind of photograph")
    return KINDS[name]


def draw_share(generator: Generator) -> float:
    """Return how long a digit is, in widths of its photograph: 0.15 to 0.8, small ones as often as large ones."""
    return float(SMALLEST_SHARE * (LARGEST_SHARE / SMALLEST_SHARE) ** generator.random())


def redraw(image: np.ndarray, thinning: float) -> np.ndarray:
    """Return the digit of an image, uint8 (28, 28), as float32 (168, 168): EDGE at its strokes' edges, 1 amid them.

    Interpolation alone would leave it as blurred as a few pixels are. Each point is compared with the ridge of its
    stroke, so that a faint stroke is whole and a thin pen (`thinning` from 0 to 1) follows the middle of a wide one.
    """
    soft = ndimage.gaussian_filter(image.astype(np.float32) / 255, 0.7, mode="constant")
    soft /= soft.max()
    size = (image.shape[1] * FINE, image.shape[0] * FINE)
    large = np.asarray(Image.fromarray(soft).resize(size, Image.Resampling.BICUBIC))
    ridge = ndimage.maximum_filter(large, 3 * FINE + 1)
    ridge = ndimage.uniform_filter(ridge, 2 * FINE)
    height = large / np.maximum(ridge, 0.35)
    edge = 0.45 + 0.4 * thinning
    return np.clip(EDGE + (height - edge), 0, 1)


def draw_view(size: tuple[int, int], generator: Generator) -> View:
    """Return a View of moderate rotation and perspective for a photograph of `size` = (height, width)."""
    height, width = size
    turn = np.deg2rad(generator.uniform(-9, 9))
    centred = np.array([[1 / width, 0, -0.5], [0, 1 / width, -height / width / 2], [0, 0, 1]])
    turned = np.eye(3)
    turned[:2, :2] = rotation(turn)
    turned[2, :2] = generator.uniform(-0.16, 0.16, 2)  # the camera's tilt
    to_sheet = turned @ centred
    columns = np.arange(width, dtype=np.float32) + np.float32(0.5)
    rows = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    across, down, depth = (
        np.float32(line[0]) * columns + (np.float32(line[1]) * rows + np.float32(line[2])) for line in to_sheet
    )
    return View(to_sheet, across / depth, down / depth)


def lay_down(field: np.ndarray, view: View, share: float, generator: Generator) -> tuple[np.ndarray, Box]:
    """Return (ink, float32 (h, w) from 0 to 1; its Box) of a redrawn digit at a random place on the sheet.

    Its longer side is about `share` of the photograph's width. It is written at a slant of its own.
    """
    height, width = view.down.shape
    rows, columns = span(field >= EDGE)
    extent = np.array([columns.stop - columns.start, rows.stop - rows.start])
    side = extent.max()
    share = min(share, (1 - 3 * MARGIN) * height / width)
    slanted = extent + 0.3 * extent[::-1]  # the most that slant, turn and perspective make of it
    room = 0.5 * share * width * slanted / side + MARGIN * np.array([width, height])
    centre = generator.uniform(room, np.maximum(np.array([width, height]) - room, room + 1))
    slant = np.deg2rad(generator.uniform(-SLANT, SLANT))
    return write(field, view, centre, side / (share * width), slant)


def write(field: np.ndarray, view: View, centre: np.ndarray, zoom: float, slant: float) -> tuple[np.ndarray, Box]:
    """Return (ink, float32 (h, w) from 0 to 1; its Box) of a redrawn digit around the pixel `centre`, (2,).

    `zoom`: pixels of the redrawn digit for one of the photograph, there. `slant`: how far the digit is rotated on the
    sheet, in radians.
    """
    height, width = view.down.shape
    rows, columns = span(field >= EDGE)
    middle = np.array([columns.stop + columns.start, rows.stop + rows.start]) / 2
    turned = zoom / local_scale(view.to_sheet, centre) * rotation(slant)
    onto_field = np.eye(3)
    onto_field[:2, :2] = turned
    onto_field[:2, 2] = middle - turned @ project(view.to_sheet, centre)
    to_field = onto_field @ view.to_sheet
    coefficients = tuple((to_field / to_field[2, 2]).ravel()[:8])
    sampled = Image.fromarray(field).transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC
    )
    crispness = FINE / zoom / 1.5  # an edge takes one to two pixels, however large the digit is
    ink = np.clip((np.asarray(sampled) - EDGE) * crispness + 0.5, 0, 1)
    rows, columns = span(ink >= 0.5)
    return ink, Box(columns.start, rows.start, columns.stop, rows.stop)


def rotation(angle: float) -> np.ndarray:
    """Return the matrix, float64 (2, 2), that turns by `angle` in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def project(matrix: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return where a homogeneous `matrix` (3, 3) takes a `point` (2,)."""
    across, down, depth = matrix @ np.array([*point, 1])
    return np.array([across, down]) / depth


def local_scale(matrix: np.ndarray, point: np.ndarray) -> float:
    """Return how much longer a homogeneous `matrix` (3, 3) makes a short way from `point` (2,), on average."""
    here = project(matrix, point)
    right = project(matrix, point + np.array([1, 0])) - here
    below = project(matrix, point + np.array([0, 1])) - here
    return float(np.sqrt(abs(right[0] * below[1] - right[1] * below[0])))


def paint(ink: np.ndarray, box: Box, view: View, share: float, made_of: Kind, generator: Generator) -> np.ndarray:
    """Return the sheet with its ink as the share of light that each point gives back, float32 (3, h, w) from 0 to 1.

    `share` is the digit's longer side in widths of the photograph: rules are spaced in proportion to it.
    """
    paper = tinted(PAPERS[made_of.papers[generator.integers(len(made_of.papers))]], 0.02, generator)
    name = made_of.pens[generator.integers(len(made_of.pens))]
    pen = tinted(PENS[name], 0.04, generator)
    texture = roughness(ink.shape, made_of, generator)
    surface = paper[:, None, None] * texture
    if made_of.rules:
        cover, colour = draw_rules(view, share, made_of.rules, generator)
        blend(surface, colour, cover)
    if made_of.specks:
        cover = np.clip(smooth_noise(ink.shape, generator.uniform(1.5, 3), generator) - 2.2, 0, 1)
        blend(surface, paper * generator.uniform(0.5, 0.8), cover)
    blend(surface, pen, wear(ink, made_of, name in DRY, generator))
    if made_of.desk:
        cover_desk(surface, view, box, generator)
    return surface


def tinted(colour: Colour, amount: float, generator: Generator) -> np.ndarray:
    """Return `colour` changed a little, float32 (3,): by up to `amount` as a whole and half of that in its hue."""
    whole = generator.uniform(-amount, amount)
    hue = generator.uniform(-amount / 2, amount / 2, 3)
    return np.clip(np.array(colour) + whole + hue, 0.03, 0.97).astype(np.float32)


def blend(surface: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> None:
    """Lay `colour` (3,) over `surface` (3, h, w) where `cover` (h, w) is 1, and in part where it is less; in place."""
    surface *= 1 - cover
    surface += colour[:, None, None] * cover


def smooth_noise(shape: tuple[int, int], cell: float, generator: Generator) -> np.ndarray:
    """Return noise, float32 of `shape`, mean 0, standard deviation about 1, with spots about `cell` pixels wide."""
    height, width = shape
    rough = generator.standard_normal((int(height / cell) + 3, int(width / cell) + 3), dtype=np.float32)
    frame = (1.0, 1.0, 1 + width / cell, 1 + height / cell)
    fine = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC, box=frame)
    return np.asarray(fine) * np.float32(1.3)  # interpolation takes a quarter of the standard deviation


def roughness(shape: tuple[int, int], made_of: Kind, generator: Generator) -> np.ndarray:
    """Return how bright each point of blank paper is beside its mean, float32 of `shape` about 1."""
    fine = generator.uniform(0.003, 0.015) * smooth_noise(shape, generator.uniform(1.2, 2.5), generator)
    coarse = generator.uniform(0.003, 0.015) * smooth_noise(shape, generator.uniform(20, 80), generator)
    texture = 1 + fine + coarse
    if "board" in made_of.papers[0]:  # wiped, with the dust of what stood there before
        dust = np.clip(smooth_noise((shape[0], shape[1] // 3), 40, generator), 0, None)
        wiped = np.asarray(Image.fromarray(dust).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
        texture = texture * (1 + generator.uniform(0.05, 0.45) * wiped)
    return texture


def draw_rules(view: View, share: float, form: str, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (how much printed rules cover each point, float32 (h, w) from 0 to 1; their colour (3,)).

    `form` is "lines" or "squares". A digit is 0.8 to 2.2 lines high, or 1.3 to 3.5 squares.
    """
    high = generator.uniform(0.8, 2.2) if form == "lines" else generator.uniform(1.3, 3.5)
    pitch = max(share / high, 0.05)
    thickness = max(pitch * generator.uniform(0.02, 0.045), 0.0025)
    phase = generator.random(2)
    cover = stripes(view.down, pitch, thickness, phase[0])
    if form == "squares":
        cover = np.maximum(cover, stripes(view.across, pitch, thickness, phase[1]))
    elif generator.random() < 0.3:  # the margin
        beside = generator.uniform(-0.5, 0.5)
        cover = np.maximum(cover, stripes(view.across, 10, thickness, 0.5 - beside / 10))
    names = sorted(RULES)
    colour = tinted(RULES[names[generator.integers(len(names))]], 0.06, generator)
    return cover * np.float32(generator.uniform(0.5, 1)), colour


def stripes(places: np.ndarray, pitch: float, thickness: float, phase: float) -> np.ndarray:
    """Return how much of each of `places`, float32 (h, w), is covered by stripes `pitch` apart, from 0 to 1."""
    turns = places * np.float32(1 / pitch) + np.float32(phase)
    away = np.abs(turns - np.floor(turns) - np.float32(0.5)) * np.float32(pitch)  # from the middle of the nearest
    pixel = 1 / places.shape[1]
    return np.clip((thickness / 2 - away) / pixel + 0.5, 0, 1)


def wear(ink: np.ndarray, made_of: Kind, is_dry: bool, generator: Generator) -> np.ndarray:
    """Return `ink`, float32 (h, w), as the pen really leaves it: uneven, grainy, with gaps, never quite opaque."""
    flow = 1 - generator.uniform(0.02, 0.12) * np.abs(smooth_noise(ink.shape, generator.uniform(8, 40), generator))
    worn = ink * np.clip(flow, 0, 1) * np.float32(generator.uniform(0.85, 1))
    if made_of.grain and is_dry:
        rough = smooth_noise(ink.shape, generator.uniform(1.3, 2.6), generator)
        amount = made_of.grain * generator.uniform(0.3, 1)
        worn = worn * np.clip(1 - amount * (0.5 + rough), 0, 1)
    if made_of.gaps:
        patches = smooth_noise(ink.shape, generator.uniform(5, 14), generator)
        rarest = 2.6 - 10 * made_of.gaps * generator.uniform(0, 1.6)
        worn = worn * np.clip(2 * (rarest - patches), 0.1, 1)
    return worn


def cover_desk(surface: np.ndarray, view: View, box: Box, generator: Generator) -> None:
    """Cover `surface` (3, h, w) with a desk beyond one or two edges of the sheet, never over `box`; in place."""
    colour = tinted(DESKS[generator.integers(len(DESKS))], 0.04, generator)
    height, width = view.down.shape
    grain = smooth_noise((height, max(width // 12, 4)), generator.uniform(1.5, 5), generator)
    grain = np.asarray(Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC))
    beyond = beyond_edges(view, box, generator)
    shade = 1 - 0.6 * np.exp(-np.clip(beyond, 0, None) / generator.uniform(0.005, 0.02))  # the sheet's own, on the desk
    desk = colour[:, None, None] * ((1 + generator.uniform(0.02, 0.1) * grain) * shade)
    surface += (desk - surface) * np.clip(beyond * width + 0.5, 0, 1)


def beyond_edges(view: View, box: Box, generator: Generator) -> np.ndarray:
    """Return how far each point is beyond the sheet, float32 (h, w) in widths of the photograph, below 0 on the sheet.

    One edge to the left or the right, one above or below, or both; they keep clear of `box`.
    """
    corners = [(across, down) for across in (box.left, box.right) for down in (box.top, box.bottom)]
    inside = np.array([project(view.to_sheet, np.array(corner)) for corner in corners])
    which = generator.integers(3)
    beyond = np.full(view.down.shape, -1, dtype=np.float32)
    for axis, places in enumerate((view.across, view.down)):
        if which == 1 - axis:
            continue
        sign = 1 if generator.random() < 0.5 else -1
        nearest = (sign * inside[:, axis]).max() + 0.05
        farthest = np.percentile(sign * places[::8, ::8], 95)
        edge = generator.uniform(nearest, max(nearest, farthest) + 0.01)
        beyond = np.maximum(beyond, sign * places - np.float32(edge))
    return beyond


def shine(size: tuple[int, int], most_shadows: int, box: Box, generator: Generator) -> np.ndarray:
    """Return the light on each point of a photograph of `size` = (height, width), float32 (3, h, w) about 1.

    Lamps make it uneven and tint it; of up to `most_shadows` shadows there is at least one where that is not 0.
    """
    height, width = size
    across = np.linspace(-1, 1, width, dtype=np.float32)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope = generator.uniform(-0.18, 0.18, 2).astype(np.float32)
    falloff = np.float32(generator.uniform(0, 0.12))
    light = 1 + slope[0] * across + slope[1] * down - falloff * (across**2 + down**2)
    light *= np.float32(generator.uniform(0.65, 1.05))
    if most_shadows:
        for _ in range(1 if generator.random() < 0.7 else most_shadows):
            light *= cast_shadow(size, box, generator)
    warmth = generator.uniform(-0.08, 0.1)
    tint = np.array([1 + warmth, 1, 1 - 1.5 * warmth], dtype=np.float32)
    return tint[:, None, None] * light


def cast_shadow(size: tuple[int, int], box: Box, generator: Generator) -> np.ndarray:
    """Return what a shadow leaves of the light, float32 (h, w): its edge is straight or round, hard or soft.

    The edge passes near `box` or through it.
    """
    height, width = size
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    reach = 0.5 * max(box.right - box.left, box.bottom - box.top) + 0.1 * width
    direction = generator.uniform(0, 2 * np.pi)
    offset = generator.uniform(-1, 1) * reach
    columns = np.arange(width, dtype=np.float32) - np.float32(middle[0])
    rows = (np.arange(height, dtype=np.float32) - np.float32(middle[1]))[:, None]
    if generator.random() < 0.6:
        away = np.float32(np.cos(direction)) * columns + np.float32(np.sin(direction)) * rows - np.float32(offset)
    else:
        radius = generator.uniform(0.4, 1.5) * width
        centre = (radius + offset) * np.array([np.cos(direction), np.sin(direction)])
        away = radius - np.hypot(columns - np.float32(centre[0]), rows - np.float32(centre[1]))
    softness = width * 0.004 * (0.15 / 0.004) ** generator.random()  # from the edge of a phone to a shoulder far off
    depth = generator.uniform(0.25, 0.65)
    rise = np.clip(away / np.float32(softness) + np.float32(0.5), 0, 1)
    return 1 - np.float32(depth) * rise * rise * (3 - 2 * rise)


def take(surface: np.ndarray, light: np.ndarray, generator: Generator, most_blur: float = 1 / 200) -> np.ndarray:
    """Return the picture, uint8 (h, w, 3), that a phone takes of `surface` in `light`, both float32 (3, h, w).

    It is out of focus, which spreads each point over a small patch, noisy, and compressed. `most_blur`: half the side
    of the widest patch, in widths of the photograph.
    """
    height, width = surface.shape[1:]
    exposed = to_pixels(surface * light * 255)
    blurred = Image.fromarray(exposed).filter(ImageFilter.BoxBlur(width * most_blur * generator.random()))
    values = np.asarray(blurred).transpose(2, 0, 1).astype(np.float32)
    noise = np.float32(255 * generator.uniform(0.003, 0.018))
    values += noise * generator.standard_normal((height, width), dtype=np.float32)
    for channel in (0, 2):  # red and blue are seen by half as many points of the sensor
        values[channel] += noise * coarse_noise((height, width), generator)
    return compress(to_pixels(values), int(generator.integers(45, 96)))


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Return `values`, float32 (3, h, w) from 0 to 255, as uint8 (h, w, 3)."""
    return np.ascontiguousarray(np.clip(values, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def coarse_noise(shape: tuple[int, int], generator: Generator) -> np.ndarray:
    """Return noise, float32 of `shape`, mean 0 and standard deviation 1, the same over two by two pixels."""
    height, width = shape
    rough = generator.standard_normal((-(-height // 2), -(-width // 2)), dtype=np.float32)
    return rough.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]


def compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return `pixels`, uint8 (h, w, 3), as they come back from a JPEG file of `quality`, 1 to 100."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def photographs(
    images: np.ndarray, generator: Generator, kinds: Sequence[str] = tuple(KINDS), size: tuple[int, int] = SIZE
) -> Iterator[tuple[str, Photograph]]:
    """Yield (kind, Photograph) of each of `images`, uint8 (n, 28, 28) or (n, 1, 28, 28), by `kinds` in turn."""
    for number, image in enumerate(images):
        kind = kinds[number % len(kinds)]
        yield kind, photograph(image.reshape(28, 28), kind, generator, size)


def draw_layout(generator: Generator) -> Layout:
    """Return a Layout of 3 to 40 digits in 1 to 6 lines of numbers of 1 to 6 digits."""
    count = int(generator.integers(LEAST_ON_SHEET, MOST_ON_SHEET + 1))
    fewest = -(-count // (MOST_IN_LINE - 2))
    lines = int(generator.integers(fewest, min(MOST_LINES, count) + 1))
    while True:
        lengths = 1 + generator.multinomial(count - lines, np.full(lines, 1 / lines))
        if lengths.max() <= MOST_IN_LINE:
            return tuple(draw_numbers(int(length), generator) for length in lengths)


def draw_numbers(length: int, generator: Generator) -> tuple[int, ...]:
    """Return how many digits the numbers of a line of `length` digits have."""
    numbers: list[int] = []
    while sum(numbers) < length:
        numbers.append(int(generator.integers(1, min(length - sum(numbers), MOST_IN_NUMBER) + 1)))
    return tuple(numbers)


def count_digits(layout: Layout) -> int:
    """Return how many digits there are on a sheet."""
    return sum(sum(line) for line in layout)


def sheet(
    images: np.ndarray, layout: Layout, kind: str, generator: Generator, size: tuple[int, int] = SHEET_SIZE
) -> SheetPhotograph:
    """Return a SheetPhotograph of `kind`, with `size` = (height, width) in pixels, of digits in lines.

    The digits are uint8 (n, 28, 28), ink light on dark, in reading order. One hand writes them: with one pen, about
    equally large, on lines that are nearly straight. Otherwise as `photograph`. ValueError where the layout is of
    another number of digits.
    """
    made_of = find_kind(kind)
    if len(images) != count_digits(layout) or not len(images):
        raise ValueError(f"{len(images)} images for a layout of {count_digits(layout)}")
    view = draw_view(size, generator)
    thinning = generator.uniform(*made_of.thinning)
    fields = [redraw(image, thinning) for image in images]
    extents = draw_extents(fields, generator)
    places, whole = set_out(extents, layout, generator)
    hand, origin = fit_onto(view, whole, generator)
    ink = np.zeros(size, dtype=np.float32)
    boxes = []
    for field, extent, place in zip(fields, extents, places, strict=True):
        boxes.append(add_digit(ink, field, view, origin + hand * place, hand * extent.max(), generator))
    box = Box(*np.min(boxes, axis=0)[:2].tolist(), *np.max(boxes, axis=0)[2:].tolist())
    surface = paint(ink, box, view, hand, made_of, generator)
    light = shine(size, made_of.shadows, box, generator)
    most_blur = hand / SMALLEST_SHARE / 200  # what the smallest of single digits bear
    return SheetPhotograph(take(surface, light, generator, min(most_blur, 1 / 200)), tuple(boxes))


def draw_extents(fields: Sequence[np.ndarray], generator: Generator) -> np.ndarray:
    """Return how wide and high redrawn digits are on a sheet, float (n, 2), where the hand's usual digit is 1 long."""
    uneven = generator.uniform(0.1, 0.2)
    extents = []
    for field in fields:
        rows, columns = span(field >= EDGE)
        extent = np.array([columns.stop - columns.start, rows.stop - rows.start])
        extents.append(extent / extent.max() * (1 + generator.uniform(-uneven, uneven)))
    return np.array(extents)


def set_out(extents: np.ndarray, layout: Layout, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (the middles of digits, float (n, 2), across and down; width and height of them all, float (2,)).

    Lengths are those of `extents`, (n, 2); places are counted from the middle of all. Digits of a number stand close,
    and touch now and then.
    """
    close = generator.uniform(0.1, 0.3)
    apart = close + generator.uniform(0.6, 1.4)
    leading = generator.uniform(1.5, 2.4)
    slope = np.tan(np.deg2rad(generator.uniform(-2, 2)))
    remaining = iter(extents)
    places = []
    for line, numbers in enumerate(layout):
        across = generator.uniform(0, 0.6)
        for number in numbers:
            for _ in range(number):
                width, height = next(remaining)
                foot = line * leading + slope * across + generator.normal(0, 0.05)
                places.append((across + width / 2, foot - height / 2))
                across += width + max(generator.normal(close, 0.08), -0.05)
            across += apart * generator.uniform(0.85, 1.15) - close
    first = (np.array(places) - extents / 2).min(axis=0)
    last = (np.array(places) + extents / 2).max(axis=0)
    return np.array(places) - (first + last) / 2, last - first


def fit_onto(view: View, whole: np.ndarray, generator: Generator) -> tuple[float, np.ndarray]:
    """Return (how long the hand's usual digit is, in widths of the photograph; the middle of all on the sheet, (2,)).

    `whole`: width and height of all digits, float (2,), where the usual digit is 1 long.
    """
    size = np.array(view.down.shape[::-1])
    slanted = whole + 0.3 * whole[::-1]  # the most that turn and perspective make of it
    most = ((1 - 2 * MARGIN) * size / size[0] / slanted).min()
    hand = min(most, LARGEST_HAND) * generator.uniform(0.65, 1)
    room = 0.5 * hand * size[0] * slanted + MARGIN * size
    centre = generator.uniform(room, np.maximum(size - room, room + 1))
    return float(hand * local_scale(view.to_sheet, centre) * size[0]), project(view.to_sheet, centre)


def add_digit(
    ink: np.ndarray, field: np.ndarray, view: View, place: np.ndarray, length: float, generator: Generator
) -> Box:
    """Add a redrawn digit to `ink`, float32 (h, w), in place, around `place` on the sheet, (2,); return its Box.

    `length`: that of its longer side on the sheet.
    """
    centre = project(np.linalg.inv(view.to_sheet), place)
    rows, columns = span(field >= EDGE)
    scale = local_scale(view.to_sheet, centre)
    zoom = max(rows.stop - rows.start, columns.stop - columns.start) * scale / length
    reach = int(length / scale) + 2
    left, top = np.maximum(centre.astype(int) - reach, 0)
    part = (slice(top, top + 2 * reach), slice(left, left + 2 * reach))
    moved = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
    near = View(view.to_sheet @ moved, view.across[part], view.down[part])
    slant = np.deg2rad(generator.uniform(-SLANT, SLANT))
    digit, box = write(field, near, centre - (left, top), zoom, slant)
    ink[part] = np.maximum(ink[part], digit)
    return Box(int(left) + box.left, int(top) + box.top, int(left) + box.right, int(top) + box.bottom)
