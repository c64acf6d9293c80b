"""Images as figures: grids of them, mosaics, a photograph with boxes."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from ..framing import Box
from .style import ACCENT, ERROR, NARROW, TEXT, WIDE, count_lines, heading, new, when_sized, without_ticks, wrap
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
    orange = 255 * np.array(mpl.colors.to_rgb(ERROR)).reshape(3, 1, 1)
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
    longest = max((len(line) for title in titles or () for line in title.splitlines()), default=0)
    across = max(size, min(1.5 * size, 0.62 * TEXT / 72 * longest))  # inches for each
    texts = [wrap(title, across, TEXT) for title in titles or ()]
    below = 1.25 * TEXT / 72 * count_lines(texts) + 0.1  # and a gap
    columns = min(columns, len(pixels), max(1, int(WIDE / across)) if row_titles is None else columns)
    figure = Figure(figsize=(min(columns * across + 0.4, WIDE), 1))
    axes = [figure.add_subplot() for _ in pixels]

    def arrange(width: float) -> float:
        fitting = columns if row_titles else max(1, min(columns, int((width + 0.1) / across)))
        if fitting == 1 < columns and 0.62 * TEXT / 72 * longest < width / 2:
            fitting = 2  # large images shrink a little rather than stand alone
        rows = math.ceil(len(axes) / fitting)
        grid = figure.add_gridspec(rows, fitting)
        for place, axis in enumerate(axes):
            axis.set_subplotspec(grid[divmod(place, fitting)])
        return rows * (min(size, width / fitting) + below) + title_height(figure)

    figure.set_figheight(arrange(figure.get_figwidth()))
    when_sized(figure, arrange)
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(w_pad=0.03, h_pad=0.04)
    draw_each(axes, pixels, texts, size)
    for axis, title in zip(axes[::columns], row_titles or (), strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center")
    return figure


def draw_each(
    axes: Sequence[Axes], pixels: Sequence[np.ndarray] | np.ndarray, texts: Sequence[str], size: float
) -> None:
    """Draw an image, (h, w) or (c, h, w), in each of `axes`, at most `size` inches wide, each below its text."""
    for axis, image in zip(axes, pixels, strict=True):
        without_ticks(axis)
        picture = drawable(image)
        lowest = 0 if picture.min() >= 0 else None
        axis.imshow(picture, interpolation=blocks_or_means(picture, size), vmin=lowest)
    for axis, text in zip(axes, texts, strict=False):
        axis.set_title(text, fontsize=TEXT, fontweight="normal", loc="center", pad=3)


def title_height(figure: Figure) -> float:
    """Return how many inches the title of a Figure takes."""
    return 0.3 if figure.get_suptitle() or any(axis.get_title("left") for axis in figure.axes) else 0


def sheet(pixels: np.ndarray, boxes: Sequence[Box], labels: Sequence[str], title: str = "") -> Figure:
    """Return a photograph, uint8 (h, w) or (h, w, 3), with a box around each digit that was read, and its label."""
    height, width = pixels.shape[:2]
    inches = 7 / width  # a pixel's
    figure, axis = new(width=7, height=height * inches)
    when_sized(figure, lambda wide: wide * height / width + title_height(figure))
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    tall = 72 * inches * float(np.median([box.bottom - box.top for box in boxes])) if boxes else 0  # points
    size = float(np.clip(0.3 * tall, 9, TEXT))
    around = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": ACCENT}
    for box, label in zip(boxes, labels, strict=True):
        corner = (box.left - 0.5, box.top - 0.5)
        axis.add_patch(Rectangle(corner, box.right - box.left, box.bottom - box.top, fill=False, edgecolor=ACCENT))
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
    longest = max(len(line) for name in names for line in name.splitlines() or [""])
    indent = 0.2 + 0.64 * TEXT / 72 * longest  # inches for the names
    size = min(size_for(rows[0], size), (WIDE - indent) / count)
    apart = min(np.diff(sorted(headings)), default=count) * size  # inches from one heading to the next
    texts = [wrap(text, apart, TEXT) for text in headings.values()]
    above = 0.1 + 1.25 * TEXT / 72 * count_lines(texts)
    figure, axis = new(width=max(count * size + indent, 6), height=len(rows) * size * height / width + above)

    def height_for(wide: float) -> float:
        return above + title_height(figure) + len(rows) * height / width * min(size, (wide - indent) / count)

    room = figure.get_figwidth() - indent  # for the title, which begins where the images do
    room -= (room - count * size) / 2  # a narrow picture stands in the middle
    coloured = sheet.ndim == 3
    axis.imshow(sheet, vmin=0, interpolation=blocks_or_means(sheet, count * size) if coloured else None)
    axis.set_xticks([(column + 0.5) * (width + 2) - 0.5 for column in headings], texts)
    axis.set_yticks((np.arange(len(rows)) + 0.5) * (height + 2) - 0.5, names)
    axis.tick_params(length=0, labelsize=TEXT, top=False, bottom=False, labeltop=True, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(False)
    axis.set_title(wrap(title, room, 14))
    axis.set_anchor("NW")
    when_sized(figure, height_for)
    figure.scrolls = bool(headings) or (NARROW - indent) / count < 0.3  # type: ignore[attr-defined]
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
