"""MNIST-C (Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer vision"): fifteen corruptions of images.

It is a test set: nothing is trained on it or chosen by it. Its published images lie in a folder that `load` reads.
Where nobody has them, `corrupt` makes images in the fifteen ways, at the severities of the published set, written anew
from its description with NumPy and SciPy. Made images are drawn by another seed than the
published ones, so that shares of 10,000 images agree within what is random.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from helpers import errors

SIDE = 28
MIDDLE = (SIDE - 1) / 2
AFFINE = ("shear", "scale", "rotate", "translate")
MADE_HERE = "made here, as published"  # what a reading notes of images that `corrupt` made


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the published (images uint8 (n, 28, 28), labels int64 (n,)) of one corruption.

    `folder` holds NAME/test_images.npy and NAME/test_labels.npy. BadInput where they are not there, or something else.
    """
    try:
        images, labels = (np.load(folder / name / f"test_{what}.npy") for what in ("images", "labels"))
    except (OSError, ValueError) as error:
        way_out = f"it needs {name}/test_images.npy and {name}/test_labels.npy of MNIST-C"
        raise errors.BadInput(str(error), field="data", value=str(folder), way_out=way_out) from None
    if images.dtype != np.uint8 or images.reshape(len(images), -1).shape != (len(labels), SIDE * SIDE):
        raise errors.BadInput(f"{name} is not of MNIST-C's form", field="data", value=str(folder))
    return images.reshape(-1, SIDE, SIDE), labels.astype(np.int64)


def corrupt(images: np.ndarray, name: str, seed: int = 0) -> np.ndarray:
    """Return uint8 images (n, 28, 28) corrupted by `name`, one of CORRUPTIONS; `seed` draws what is random."""
    generator = np.random.default_rng(seed)
    corrupted = [CORRUPTIONS[name](part / 255, generator) for part in parts(images)]
    return np.rint(np.concatenate(corrupted).clip(0, 1) * 255).astype(np.uint8)


def parts(images: np.ndarray, size: int = 50) -> list[np.ndarray]:
    """Return images in parts small enough for the memory."""
    return [images[start : start + size] for start in range(0, len(images), size)]


# Each corruption takes pixels, float64 (n, 28, 28) from 0 to 1, ink high, and the generator of all that is random; it
# may leave that range. The published severity is what stands in the code.


def shot_noise(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Photons are counted, three at full ink."""
    return generator.poisson(pixels * 3) / 3


def impulse_noise(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Of all pixels 17% are black or white instead."""
    hit = generator.random(pixels.shape) < 0.17
    return np.where(hit, generator.random(pixels.shape) < 0.5, pixels)


def glass_blur(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Neighbours change places, between two blurs along the columns; the published set blurs no rows."""
    blur = (0, 0.7, 0)
    shuffled = np.floor(ndimage.gaussian_filter(pixels, blur, mode="nearest") * 255)
    every = np.arange(len(pixels))
    for _ in range(2):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                up, left = generator.integers(0, 2, (2, len(pixels))) * generator.integers(0, 2, len(pixels))
                there = every, row - up, column - left
                here = shuffled[:, row, column].copy()
                shuffled[:, row, column] = shuffled[there]
                shuffled[there] = here
    return ndimage.gaussian_filter(shuffled / 255, blur, mode="nearest")


def motion_blur(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Ink is smeared one way, up to 20 pixels by half a Gaussian of 3, within 45 degrees of the rows."""
    angle = generator.uniform(-np.pi / 4, np.pi / 4, (len(pixels), 1, 1))
    weights = np.exp(-(np.arange(21) ** 2) / (2 * 3**2))
    image, row, column = np.ogrid[: len(pixels), :SIDE, :SIDE]
    smeared = np.zeros_like(pixels)
    for step, weight in enumerate(weights / weights.sum()):
        rows = row + np.ceil(step * np.sin(angle) - 0.5).astype(int)
        columns = column + np.ceil(step * np.cos(angle) - 0.5).astype(int)
        smeared += weight * pixels[image, rows.clip(0, SIDE - 1), columns.clip(0, SIDE - 1)]
    return smeared


def shear(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Sheared by 0.4 radians, one way or the other."""
    angles = 0.4 * signs(pixels, generator)
    return warp(pixels, [[[np.cos(angle), 0], [-np.sin(angle), 1]] for angle in angles])


def scale(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Shrunk to 0.7 of its size."""
    return warp(pixels, [np.eye(2) / 0.7] * len(pixels))


def rotate(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Rotated by 0.4 radians, one way or the other."""
    angles = 0.4 * signs(pixels, generator)
    return warp(pixels, [[[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] for angle in angles])


def translate(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Translated by three pixels along the rows and three along the columns, one way or the other each."""
    down, right = 3 * signs(pixels, generator), 3 * signs(pixels, generator)
    moves = zip(pixels, down, right, strict=True)
    return np.stack([ndimage.shift(image, (rows, columns), order=0) for image, rows, columns in moves])


def brightness(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Half of full ink is added everywhere."""
    return pixels + 0.5


def stripe(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """The outer quarters on the left and the right are inverted."""
    outside = np.abs(np.arange(SIDE) - MIDDLE) > SIDE / 4
    return np.where(outside, 1 - pixels, pixels)


def fog(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Three times a fractal cloud is added; then the range is brought back to what it was."""
    most = pixels.max(axis=(1, 2), keepdims=True)
    thick = pixels + 3 * clouds(len(pixels), generator)[:, :SIDE, :SIDE]
    return thick * most / (most + 3)


def spatter(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Grey blots of mud, at a quarter of full ink, hide what is beneath them."""
    wet = ndimage.gaussian_filter(generator.normal(0.65, 0.3, pixels.shape), (0, 1, 1), mode="nearest")
    mud = ndimage.gaussian_filter((wet > 0.65).astype(float), (0, 1.5, 1.5), mode="nearest")
    mud[mud < 0.8] = 0
    return pixels * (1 - mud) + 63 / 255 * mud


def dotted_line(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """A dotted line runs from the left to the right."""
    ends = generator.integers(0, 27, (len(pixels), 2))
    lines = np.stack([line((0, start), (27, end)) for start, end in ends])
    return pixels + lines * (np.arange(SIDE) // 2 % 2)


def zigzag(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """A zigzag of two pixels either way runs from the left to the right."""
    spoilt = []
    for image in pixels:
        start = generator.integers(0, 27)
        points = zigzag_points(start, start + generator.integers(-5, 5))
        lines = [line(one, other) for one, other in pairwise(points)]
        spoilt.append(image + np.sum(lines, axis=0))
    return np.stack(spoilt)


def canny_edges(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Only edges are left (Canny 1986; Gaussian of 1 pixel, thresholds 0.1 and 0.2)."""
    return np.stack([edges(image) for image in pixels])


CORRUPTIONS: dict[str, Callable[[np.ndarray, Generator], np.ndarray]] = {
    corruption.__name__: corruption
    for corruption in (
        shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate, stripe, fog,
        spatter, dotted_line, zigzag, canny_edges,
    )
}  # fmt: skip


def signs(pixels: np.ndarray, generator: Generator) -> np.ndarray:
    """Return -1 or 1 for each image."""
    return generator.choice([-1, 1], len(pixels))


def warp(pixels: np.ndarray, matrices: list) -> np.ndarray:
    """Return images sampled where `matrices`, 2x2 in the order (row, column), send their pixels around the middle."""
    middle = np.full(2, MIDDLE)
    warped = []
    for image, matrix in zip(pixels, matrices, strict=True):
        offset = middle - np.asarray(matrix) @ middle
        warped.append(ndimage.affine_transform(image, np.asarray(matrix), offset, order=1, mode="grid-constant"))
    return np.stack(warped)


def clouds(count: int, generator: Generator, side: int = 256, decay: float = 1.4) -> np.ndarray:
    """Return fractal clouds (count, side, side), from 0 to 1 each, by midpoint displacement (diamonds and squares).

    Opposite sides meet. A point is the mean of the four around it and a displacement, evenly drawn, which is divided by
    the square of `decay` whenever the step is halved.
    """
    heights = np.zeros((count, side, side))
    step, reach = side, 1.0
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        ends = corners + np.roll(corners, -1, 1)
        centres = around(ends + np.roll(ends, -1, 2), reach, generator)
        beside = corners + np.roll(corners, -1, 2) + centres + np.roll(centres, 1, 1)
        heights[:, half::step, half::step] = centres
        heights[:, ::step, half::step] = around(beside, reach, generator)
        heights[:, half::step, ::step] = around(ends + centres + np.roll(centres, 1, 2), reach, generator)
        step, reach = half, reach / decay**2
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return heights / heights.max(axis=(1, 2), keepdims=True)


def around(sums: np.ndarray, reach: float, generator: Generator) -> np.ndarray:
    """Return a quarter of each of `sums`, displaced by up to `reach` either way."""
    return sums / 4 + generator.uniform(-reach, reach, sums.shape)


def line(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """Return a soft line between two points (column, row), float (28, 28) from 0 to 1."""
    (left, top), (right, bottom) = start, end
    if left == right:
        return np.zeros((SIDE, SIDE))
    row, column = np.ogrid[:SIDE, :SIDE]
    height = top + (bottom - top) / (right - left) * (column - left)
    ink = 1 + np.log(np.maximum(1 - np.abs(row - height) / 2.3, 1e-10))
    inside = (column >= np.floor(left)) & (column < np.ceil(right))
    return np.where(inside, ink.clip(0, 1), 0)


def zigzag_points(first: float, last: float) -> list[tuple[float, float]]:
    """Return the corners (column, row) of a zigzag around the line from (2, first) to (25, last)."""
    angle = np.arctan2(last - first, 23)
    length = 23 / np.cos(angle)
    along = np.array([0, 2, 6, 10, 14, 18, 22, length])
    across = np.array([0, 2, -2, 2, -2, 2, -2, 1 / (20 - length)])  # where the published zigzag ends
    columns = 2 + along * np.cos(angle) - across * np.sin(angle)
    rows = first + along * np.sin(angle) + across * np.cos(angle)
    return list(zip(columns, rows, strict=True))


def edges(image: np.ndarray) -> np.ndarray:
    """Return the edges of an image as Canny 1986 found them: bool, (28, 28)."""
    inside = ndimage.gaussian_filter(np.ones_like(image), 1, mode="constant")
    smooth = ndimage.gaussian_filter(image, 1, mode="constant") / inside
    slope = np.stack([ndimage.sobel(smooth, axis) for axis in (0, 1)])
    steepness = np.hypot(*slope)
    steps = slope / np.abs(slope).max(axis=0).clip(1e-12)
    here = np.indices(image.shape)
    ahead, behind = (ndimage.map_coordinates(steepness, here + way * steps, order=1) for way in (1, -1))
    peaks = (steepness >= ahead) & (steepness >= behind)
    peaks[[0, -1], :] = peaks[:, [0, -1]] = False
    groups, _ = ndimage.label(peaks & (steepness >= 0.1), np.ones((3, 3)))
    strong = np.unique(groups[peaks & (steepness >= 0.2)])
    return np.isin(groups, strong[strong > 0])
