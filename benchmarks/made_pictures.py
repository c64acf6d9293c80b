"""Pictures made by a seed, in classes that one thing alone tells apart: colour, or a texture too fine for 28 pixels.

    colours     four colours on shapes, backgrounds and in light that say nothing: in grey there is nothing to learn
    textures    five patterns of a few pixels' period, rotated, of the same brightness: made small there is nothing left

Everything else is drawn anew for each picture, alike for all classes.

    python benchmarks/made_pictures.py colours FOLDER --per-class 60 --seed 1     writes a folder per class
"""

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage

from helpers.transforms import GREY

SIDE = 96  # pixels of a picture of `colours`
SIDES = (96, 128)  # of `textures`, the smallest and the largest
PER_CLASS = 250  # pictures, unless another number is asked for
FINE = 3  # shapes are drawn so many times as large, for smooth edges
HUES = {"blue": 225.0, "green": 130.0, "red": 0.0, "yellow": 55.0}  # degrees; each picture is up to HUE_SPREAD off
HUE_SPREAD = 15.0
PERIODS = (3.5, 7.0)  # pixels of a texture, the shortest and the longest

Pixels = np.ndarray  # uint8 (h, w, 3)


def pictures(kind: str, seed: int, per_class: int = PER_CLASS) -> Iterator[tuple[str, Pixels]]:
    """Yield (class name, picture), `per_class` times for each class of `kind`; KeyError where it is not in KINDS."""
    names, make = KINDS[kind]
    for label, name in enumerate(names):
        generator = np.random.default_rng([seed, label])
        for _ in range(per_class):
            yield name, make(name, generator)


def write(folder: str | Path, kind: str, seed: int, per_class: int = PER_CLASS) -> None:
    """Write the pictures of `kind` into `folder`, made where it is not there: a folder per class of PNG files."""
    for number, (name, picture) in enumerate(pictures(kind, seed, per_class)):
        path = Path(folder) / name / f"{number % per_class:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)


def paint(hue: float, strength: float, lightness: float) -> np.ndarray:
    """Return a colour, (3,) from 0 to 255, of this lightness in grey whatever its hue, in degrees.

    `strength`, from 0 to 1, is the share of the strongest colour of this hue that is so light.
    """
    around = np.array([hue, hue - 120, hue - 240])
    pure = (0.5 + np.cos(np.deg2rad(around))).clip(0, 1)
    direction = pure - pure @ GREY  # along it, lightness in grey stays
    room = np.where(direction > 0, 255 - lightness, lightness) / np.abs(direction).clip(1e-9)
    return lightness + strength * room.min() * direction


def outline(generator: Generator, side: int) -> list[tuple[float, float]]:
    """Return the corners of a shape anywhere in a square of `side`: from a triangle to nearly a circle, or a star."""
    corners = int(generator.choice([3, 4, 5, 6, 8, 24]))
    angles = np.sort(generator.uniform(0, 360) + np.arange(corners) * 360 / corners)
    reach = generator.uniform(0.12, 0.32) * side * np.where(np.arange(corners) % 2, generator.uniform(0.4, 1), 1)
    wide, high = generator.uniform(0.6, 1, 2)
    across, down = generator.uniform(0.3, 0.7, 2) * side
    points = zip(np.cos(np.deg2rad(angles)) * reach, np.sin(np.deg2rad(angles)) * reach, strict=True)
    return [(across + wide * x, down + high * y) for x, y in points]


def mask(generator: Generator, side: int) -> np.ndarray:
    """Return a shape, (side, side, 1) from 0 to 1, 1 inside."""
    picture = Image.new("L", (side * FINE, side * FINE))
    ImageDraw.Draw(picture).polygon(outline(generator, side * FINE), fill=255)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))[..., None] / 255


def background(generator: Generator, side: int) -> np.ndarray:
    """Return a background that changes smoothly from one pale colour to another, (side, side, 3) from 0 to 255."""
    angle = generator.uniform(0, 2 * math.pi)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    share = (0.5 + 0.7 * (np.cos(angle) * columns + np.sin(angle) * rows)).clip(0, 1)[..., None]
    ends = [paint(generator.uniform(0, 360), generator.uniform(0, 0.15), generator.uniform(40, 215)) for _ in range(2)]
    return ends[0] * share + ends[1] * (1 - share)


def in_colour(name: str, generator: Generator) -> Pixels:
    """Return a picture of `colours`: one to three shapes of that colour among grey ones."""
    pixels = background(generator, SIDE)
    strengths = [0.0] * generator.integers(0, 3) + [1.0] * generator.integers(1, 4)
    for coloured in strengths:
        hue = HUES[name] + generator.uniform(-HUE_SPREAD, HUE_SPREAD)
        colour = paint(hue, coloured * generator.uniform(0.5, 1), generator.uniform(60, 190))
        inside = mask(generator, SIDE)
        pixels = pixels * (1 - inside) + colour * inside
    return finish(pixels, generator)


def finish(pixels: np.ndarray, generator: Generator) -> Pixels:
    """Return pixels with a camera's noise, as bytes."""
    noise = generator.normal(0, generator.uniform(1, 12), pixels.shape)
    return (pixels + noise).round().clip(0, 255).astype(np.uint8)


def stripes(u: np.ndarray, v: np.ndarray, generator: Generator) -> np.ndarray:
    """Return parallel lines."""
    return np.sin(u)


def checks(u: np.ndarray, v: np.ndarray, generator: Generator) -> np.ndarray:
    """Return the squares of a board: two crossing waves, as coarse as a single one of the others."""
    return np.sin(u / math.sqrt(2)) * np.sin(v / math.sqrt(2))


def dots(u: np.ndarray, v: np.ndarray, generator: Generator) -> np.ndarray:
    """Return dots, each with six neighbours."""
    rise = math.sqrt(3) / 2 * v
    return np.cos(u) + np.cos(u / 2 + rise) + np.cos(u / 2 - rise)


def rings(u: np.ndarray, v: np.ndarray, generator: Generator) -> np.ndarray:
    """Return circles around a point of the picture."""
    row, column = generator.integers(0, len(u), 2)
    return np.sin(np.hypot(u - u[row, column], v - v[row, column]))


def grain(u: np.ndarray, v: np.ndarray, generator: Generator) -> np.ndarray:
    """Return noise of about that period."""
    period = 2 * math.pi / np.hypot(u[0, 1] - u[0, 0], u[1, 0] - u[0, 0])
    noise = generator.normal(size=u.shape)
    return ndimage.gaussian_filter(noise, period / 8) - ndimage.gaussian_filter(noise, period / 3)


PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray, Generator], np.ndarray]] = {
    "checks": checks,
    "dots": dots,
    "grain": grain,
    "rings": rings,
    "stripes": stripes,
}


def in_texture(name: str, generator: Generator) -> Pixels:
    """Return a picture of `textures`: a pattern at any angle, in two colours whose mean is as light in every class."""
    side = int(generator.integers(SIDES[0], SIDES[1] + 1))
    angle = generator.uniform(0, 2 * math.pi)
    rows, columns = np.mgrid[:side, :side] * 2 * math.pi / generator.uniform(*PERIODS)
    first, second = generator.uniform(0, 2 * math.pi, 2)
    u = np.cos(angle) * columns + np.sin(angle) * rows + first
    v = np.cos(angle) * rows - np.sin(angle) * columns + second
    pattern = PATTERNS[name](u, v, generator)
    pattern = (pattern - pattern.mean()) / pattern.std()
    level = paint(generator.uniform(0, 360), generator.uniform(0, 0.5), generator.uniform(100, 150))
    light = 1 + 0.2 * generator.uniform(-1, 1) * (rows / rows.max() - 0.5)
    pixels = level * light[..., None] + generator.uniform(15, 40) * pattern[..., None]
    return finish(pixels, generator)


KINDS: dict[str, tuple[tuple[str, ...], Callable[[str, Generator], Pixels]]] = {
    "colours": (tuple(HUES), in_colour),
    "textures": (tuple(PATTERNS), in_texture),
}


def main() -> None:
    """Write the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=tuple(KINDS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=PER_CLASS, help="pictures of each class")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write(options.folder, options.kind, options.seed, options.per_class)


if __name__ == "__main__":
    main()
