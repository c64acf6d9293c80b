"""Images as figures: grids of them, mosaics, a photograph with boxes."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..framing import Box
from .style import ORANGE, RED, count_lines, heading, new, wrap
from .svg import DPI

MNISTS = (1, 28, 28)  # the form of images that hold ink
LARGE = 40  # pixels: of images with a longer side little is seen at a thumb nail's size


def drawable(image: np.ndarray) -> np.ndarray:
    """Return an image, (h, w) or (c, h, w), as matplotlib draws it: (h, w) for a scale of greys, or uint8 (h, w, 3).

    Colours have values from 0 to 255. What is (h, w), or of MNIST's form, is ink, drawn dark on white; a grey image of
    another form, uint8 (1, h, w), is drawn as it is, black at 0.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        return image
    if len(image) == 1 and (image.dtype != np.uint8 or image.shape == MNISTS):
        return image[0]
    if image.dtype != np.uint8:
        image = np.nan_to_num(image, nan=255).round().clip(0, 255).astype(np.uint8)
    return image.transpose(1, 2, 0).repeat(3 // len(image), axis=2)


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return uint8 (3, h, w): an image, uint8 (c, h, w), pale and grey, under `heat`, (h, w), in orange.

    The highest value of `heat` is full orange, 0 and what is below it none.
    """
    picture = drawable(image).astype(float)
    grey = 255 - picture if picture.ndim == 2 else picture.mean(axis=2)
    pale = 150 + grey * (105 / 255)
    share = np.clip(heat / max(heat.max(), 1e-12), 0, 1)
    orange = 255 * np.array(mpl.colors.to_rgb(RED)).reshape(3, 1, 1)
    return ((1 - 0.85 * share) * pale + 0.85 * share * orange).round().astype(np.uint8)


def size_for(image: np.ndarray, size: float) -> float:
    """Return how many inches wide `image`, (..., h, w), is drawn where one of MNIST's takes `size`: large ones 1.25."""
    return size if np.asarray(image).shape[-1] <= LARGE else max(size, 1.25)


def blocks_or_means(picture: np.ndarray, inches: float) -> str:
    """Return how matplotlib draws a picture, (h, w) or (h, w, 3), so many `inches` wide: "nearest" or "antialiased".

    Pixels become blocks, which files hold in few bytes; but where there are more of them than fit, some would be left
    out, so that they are averaged. What is (h, w) always becomes blocks.
    """
    return "antialiased" if picture.ndim == 3 and picture.shape[1] > inches * DPI else "nearest"


def images(
    pixels: Sequence[np.ndarray] | np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 10,
    size: float = 0.8,
    row_titles: Sequence[str] | None = None,
) -> Figure:
    """Return a grid of images, (n, h, w) or (n, c, h, w); `titles` stand above each, `row_titles` before rows.

    An image is `size` inches wide, or more where it has many pixels; then fewer stand in a row, unless rows have
    titles. How it is drawn says `drawable`; greys are drawn from 0 where none is negative.
    """
    if size_for(pixels[0], size) != size:
        size = size_for(pixels[0], size)
        columns = columns if row_titles else min(columns, int(9 / size))
    columns = min(columns, len(pixels))
    rows = math.ceil(len(pixels) / columns)
    titles = [wrap(title, size, 9) for title in titles or ()]
    height = size + 0.22 * count_lines(titles)
    figure, axes = new(rows, columns, width=min(columns * size + 0.4, 9), height=rows * height, squeeze=False)
    for place, axis in enumerate(axes.flat):
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
        if place < len(pixels):
            picture = drawable(pixels[place])
            lowest = 0 if picture.min() >= 0 else None
            axis.imshow(picture, interpolation=blocks_or_means(picture, size), vmin=lowest)
            if titles:
                axis.set_title(titles[place], fontsize=8, fontweight="normal", loc="center", pad=3)
    for axis, title in zip(axes[:, 0], row_titles or (), strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center")
    return figure


def sheet(pixels: np.ndarray, boxes: Sequence[Box], labels: Sequence[str], title: str = "") -> Figure:
    """Return a photograph, uint8 (h, w) or (h, w, 3), with a box around each digit that was read, and its label."""
    height, width = pixels.shape[:2]
    inches = 7 / width  # a pixel's
    figure, axis = new(width=7, height=height * inches + (0.4 if title else 0))
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    tall = 72 * inches * float(np.median([box.bottom - box.top for box in boxes])) if boxes else 0  # points
    size = float(np.clip(0.3 * tall, 5, 12))
    around = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": ORANGE}
    for box, label in zip(boxes, labels, strict=True):
        corner = (box.left - 0.5, box.top - 0.5)
        axis.add_patch(Rectangle(corner, box.right - box.left, box.bottom - box.top, fill=False, edgecolor=ORANGE))
        axis.annotate(label, corner, ha="right", va="top", fontsize=size, bbox=around)
    axis.axis("off")
    heading(figure, title)
    return figure


def mosaic(
    rows: Sequence[np.ndarray],
    names: Sequence[str],
    title: str,
    headings: Mapping[int, str] | None = None,
    size: float = 0.62,
) -> Figure:
    """Return rows of images, (n, h, w) or (n, c, h, w), all of one height and width, as one picture.

    This is far quicker than `images` where there are many. How an image is drawn says `drawable`; greys have values
    from 0, and the highest of all is black.

    Rows are arrays or tensors; `names` stand before them, `headings` {column: text} above. NaN stays white, and so does
    the end of a short row. An image is at most `size` inches wide, or more where it has many pixels.
    """
    headings = headings or {}
    count = max(map(len, rows))
    height, width = rows[0].shape[-2:]
    sheet = paste(rows)
    size = min(size_for(rows[0], size), 7.8 / count)
    apart = min(np.diff(sorted(headings)), default=count) * size  # inches from one heading to the next
    texts = [wrap(text, apart) for text in headings.values()]
    indent = 0.35 + 0.08 * max(map(len, names))  # inches for the names
    tall = len(rows) * size * height / width + 0.45 + 0.2 * count_lines(texts)
    figure, axis = new(width=max(count * size + indent, 6), height=tall)
    room = figure.get_figwidth() - indent  # for the title, which begins where the images do
    room -= (room - count * size) / 2  # a narrow picture stands in the middle
    coloured = sheet.ndim == 3
    axis.imshow(sheet, vmin=0, interpolation=blocks_or_means(sheet, count * size) if coloured else None)
    axis.set_xticks([(column + 0.5) * (width + 2) - 0.5 for column in headings], texts)
    axis.set_yticks((np.arange(len(rows)) + 0.5) * (height + 2) - 0.5, names)
    axis.tick_params(length=0, labelsize=9, top=False, bottom=False, labeltop=True, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(False)
    axis.set_title(wrap(title, room, 12))
    return figure


def paste(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return rows of images, as `mosaic` takes them, side by side with a border of one pixel around each.

    The sheet is float (h, w), in greys, with NaN where there is nothing; or, where an image has colours, uint8
    (h, w, 3), in which greys have become what they are drawn as.
    """
    height, width = rows[0].shape[-2:]
    across, down = max(map(len, rows)) * (width + 2), len(rows) * (height + 2)
    greys = np.full((down, across), np.nan)
    colours = np.full((down, across, 3), 255, dtype=np.uint8)
    coloured = np.zeros((down, across), dtype=bool)
    for place, row in enumerate(rows):
        for column, image in enumerate(row):
            top, left = place * (height + 2) + 1, column * (width + 2) + 1
            part = slice(top, top + height), slice(left, left + width)
            picture = drawable(image)
            if picture.ndim == 2:
                greys[part] = picture
            else:
                colours[part] = picture
                coloured[part] = True
    if not coloured.any():
        return greys
    drawn = ~np.isnan(greys)
    if drawn.any():
        scale = mpl.colors.Normalize(0, max(float(greys[drawn].max()), 1e-12))
        colours[drawn] = mpl.colormaps["gray_r"](scale(greys[drawn]), bytes=True)[:, :3]
    return colours
