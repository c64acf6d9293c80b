"""Pictures in classes that one thing alone tells apart, made in another way than in made_pictures.py.

The recipe `pictures` was chosen on those of made_pictures.py; these were written afterwards, and are only read.

    colours     one coloured thing among grey clutter, on clouds of grey: four other colours, many other shapes
    textures    five weaves with periods of a few pixels, of the same mean and spread, seen from any side
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage

PER_CLASS = 250
SIDE = 96
COLOURS = {"cyan": (0, 175, 195), "orange": (235, 125, 20), "purple": (130, 50, 170), "lime": (140, 200, 30)}

Pixels = np.ndarray  # uint8 (h, w, 3)


def pictures(kind: str, seed: int, per_class: int = PER_CLASS) -> Iterator[tuple[str, Pixels]]:
    """Yield (class name, picture), `per_class` times for each class of `kind`; KeyError where it is not in KINDS."""
    names, make = KINDS[kind]
    generator = np.random.default_rng([seed, 7])
    for name in names:
        for _ in range(per_class):
            yield name, make(name, generator)


def clouds(generator: Generator, side: int) -> np.ndarray:
    """Return smooth grey clouds, float (side, side) from 40 to 215."""
    noise = sum(ndimage.gaussian_filter(generator.normal(size=(side, side)), width) * width for width in (3, 8, 20))
    low, high = noise.min(), noise.max()
    return 40 + 175 * (noise - low) / (high - low)


def scribble(draw: ImageDraw.ImageDraw, fill: tuple[int, ...], generator: Generator, side: int) -> None:
    """Draw one thing, of any of four sorts, somewhere in a picture of `side` pixels."""
    x, y = generator.uniform(0.2 * side, 0.8 * side, 2)
    length = generator.uniform(0.08, 0.2) * side
    sort = generator.integers(4)
    if sort == 0:
        draw.ellipse((x - length, y - length / 2, x + length, y + length / 2), fill=fill)
    elif sort == 1:
        corners = [(x + length * np.cos(a), y + length * np.sin(a)) for a in np.sort(generator.uniform(0, 6.28, 5))]
        draw.polygon(corners, fill=fill)
    elif sort == 2:
        ends = [(x + across, y + along) for across, along in generator.uniform(-length, length, (4, 2))]
        draw.line(ends, fill=fill, width=max(3, int(length / 2)), joint="curve")
    else:
        draw.rounded_rectangle((x - length / 2, y - length, x + length / 2, y + length), length / 4, fill=fill)


def in_colour(name: str, generator: Generator) -> Pixels:
    """Return a picture with one thing of the colour `name`, and some grey ones that it may partly hide."""
    image = Image.fromarray(clouds(generator, SIDE).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(generator.integers(2, 6)):
        scribble(draw, (int(generator.integers(20, 236)),) * 3, generator, SIDE)
    colour = np.array(COLOURS[name]) * generator.uniform(0.6, 1.15) + generator.normal(0, 10, 3)
    scribble(draw, tuple(colour.clip(0, 255).astype(int).tolist()), generator, SIDE)
    pixels = np.asarray(image, dtype=float) * generator.uniform(0.8, 1.1) + generator.normal(0, 6, (SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def weave(name: str, x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Return the texture `name` at points (h, w), a float of any mean and spread; `period` in pixels."""
    u, v = 2 * np.pi * x / period, 2 * np.pi * y / period
    if name == "cord":
        return np.sin(u) + 0.3 * np.sin(2 * v)
    if name == "zigzag":
        return np.sin(u + 2.5 * np.abs(np.mod(v / 6, 2) - 1))
    if name == "honeycomb":
        return sum(np.cos(u * np.cos(a) + v * np.sin(a)) for a in (0, 2.094, 4.189))
    if name == "basket":
        return np.where(np.sin(u / 3) * np.sin(v / 3) > 0, np.sin(u), np.sin(v))
    return np.hypot(np.sin(u / 2), np.sin(v / 2)) + 0.5 * np.sin(u) * np.sin(v)  # scales


def in_texture(name: str, generator: Generator) -> Pixels:
    """Return a picture of one texture in grey, rotated, a little bent, of mean 128 and standard deviation 45."""
    side = int(generator.integers(96, 129))
    y, x = np.mgrid[:side, :side].astype(float)
    bend = ndimage.gaussian_filter(generator.normal(size=(side, side)), 16) * 60
    angle = generator.uniform(0, 2 * np.pi)
    across = np.cos(angle) * x - np.sin(angle) * y + bend
    along = np.sin(angle) * x + np.cos(angle) * y + bend
    values = weave(name, across, along, generator.uniform(4.0, 7.0))
    values = (values - values.mean()) / values.std() * 45 + 128 + generator.normal(0, 8, (side, side))
    return np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


KINDS: dict[str, tuple[tuple[str, ...], Callable[[str, Generator], Pixels]]] = {
    "colours": (tuple(sorted(COLOURS)), in_colour),
    "textures": (("basket", "cord", "honeycomb", "scales", "zigzag"), in_texture),
}
