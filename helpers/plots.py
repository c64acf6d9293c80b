"""Figures: arrays in, a matplotlib Figure out; `show` puts one into the notebook and into the run's folder."""

import io
import itertools
import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import Markdown, display
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.rcsetup import cycler
from numpy.typing import ArrayLike
from PIL import Image

from . import evaluation, files, runs
from .framing import Box

# Okabe and Ito's palette (2008), which readers with any colour vision can tell apart.
COLOURS = "#0072B2 #E69F00 #009E73 #D55E00 #56B4E9 #CC79A7 #F0E442 #000000"
BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, BLACK = COLOURS.split()
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK]),
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "image.cmap": "gray_r",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
MORE_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Noto Sans")
DPI = 160  # twice what the figures are shown at, so that they stay sharp
PHONE = 4.4  # inches: a figure that wide is read on a phone as it is
OF_SETTINGS = (BLUE, RED, GREEN, PURPLE, ORANGE, BLACK)  # the best first
QUALITY = 85  # of the JPEG of a figure that holds images in colour
MNISTS = (1, 28, 28)  # the form of images that hold ink
LARGE = 40  # pixels: of images with a longer side little is seen at a thumb nail's size


def use_style() -> None:
    """Draw every figure of this process in this project's style.

    Class names may be in letters that matplotlib's own font does not have: of MORE_FONTS, those that are installed
    stand in. Where none has them, a box is drawn, and matplotlib's warning about it is silenced.
    """
    mpl.rcParams.update(STYLE)
    installed = set(font_manager.get_font_names())
    mpl.rcParams["font.family"] = ["DejaVu Sans", *(name for name in MORE_FONTS if name in installed)]
    warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font")


def new(rows: int = 1, columns: int = 1, width: float = 8.0, height: float = 3.4, **options: Any) -> tuple[Figure, Any]:
    """Return (Figure, its axes) of `width` x `height` inches, free of pyplot's global state.

    The axes are one Axes, or an array of them, as Figure.subplots gives them for these rows, columns and `options`.
    """
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def show(figure: Figure, name: str, caption: str, description: str, folder: Path) -> None:
    """Display a Figure with a caption below and `description` as its alternative text; save figures/`name`.png.

    Figure, caption and description reach the report through the notebook's own output; there a figure that holds
    images in colour is a JPEG, which takes a tenth of the bytes. `folder` is the run's; RunInUse where somebody else is
    writing there.
    """
    content = as_png(figure)
    with runs.writing(folder):
        files.write_file(folder / "figures" / f"{name}.png", content)
    kind = "image/png"
    if holds_colour_images(figure):
        kind = "image/jpeg"
        content = as_jpeg(io.BytesIO(content))
    data = {kind: content, "text/plain": description}
    metadata = {"alt": description, "width": round(figure.get_figwidth() * DPI / 2)}
    display(data, raw=True, metadata={kind: metadata})
    display(Markdown(f"*{caption}*"))


def describe(figure: Figure, text: str) -> Figure:
    """Return a Figure that carries its alternative text, as `figure.description`."""
    figure.description = text  # type: ignore[attr-defined]
    return figure


def as_png(figure: Figure) -> bytes:
    """Return a Figure as the bytes of a PNG file, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return buffer.getvalue()


def holds_colour_images(figure: Figure) -> bool:
    """Return whether a Figure shows an image in colour, (h, w, 3), rather than numbers on a scale of colours."""
    shown = [image for axis in figure.axes for image in axis.images]
    return any(np.asarray(image.get_array()).ndim == 3 for image in shown)


def as_jpeg(png: io.BytesIO) -> bytes:
    """Return the picture in an open PNG file as the bytes of a JPEG."""
    jpeg = io.BytesIO()
    Image.open(png).convert("RGB").save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return jpeg.getvalue()


def plain_ticks(axis: Axis) -> None:
    """Let a logarithmic `axis` (figure.xaxis or yaxis) show 1, 2 and 5 times the powers of ten as plain numbers."""
    axis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def name_ticks(axis: Axis, names: Sequence[str], places: ArrayLike | None = None, inches: float = 7.0) -> None:
    """Write a class's name at each of `places` (0, 1, ...) along `axis` (figure.xaxis or yaxis), `inches` long.

    Names that do not fit side by side stand upright, long ones are shortened; of very many, every second, third, ...
    is written.
    """
    room = 72 * inches / len(names)  # points for each
    size = min(10, max(0.85 * room, 7))
    step = math.ceil(0.85 * size / room)
    shown = [shorten(name, 20) for name in names]
    longest = max(map(len, shown)) * size * 0.6
    upright = isinstance(axis, XAxis) and longest > room
    places = np.arange(len(names)) if places is None else np.asarray(places)
    axis.set_ticks(places[::step], shown[::step], rotation=90 if upright else 0, fontsize=size)


def wrap(text: str, inches: float, points: float = 10) -> str:
    """Return `text` broken into lines that are `inches` long in letters of `points`; its own line breaks stay."""
    length = max(4, int(130 * inches / points))
    return "\n".join(textwrap.fill(line, length) for line in text.splitlines())


def shorten(name: str, length: int) -> str:
    """Return `name` cut to at most `length` characters, the last of them an ellipsis where something was cut off."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def count_lines(texts: Sequence[str]) -> int:
    """Return how many lines the longest of `texts` has; 0 where there is none."""
    return max((text.count("\n") + 1 for text in texts), default=0)


def heading(figure: Figure, title: str) -> None:
    """Put a title over a whole Figure, in the style of an axis's own."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


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


def clouds(axis: Axes, points: ArrayLike, labels: ArrayLike, names: Sequence[str]) -> None:
    """Draw points, (n, 2), on `axis` in one colour per class, with the class's name on a white ground in its midst.

    `labels` are whole numbers (n,): places in `names`.
    """
    points = np.asarray(points)
    labels = np.asarray(labels)
    colours = mpl.color_sequences["tab10" if len(names) <= 10 else "tab20"]
    size = 9 if len(names) <= 20 else 5
    for label in np.unique(labels):
        members = points[labels == label]
        colour = colours[label % len(colours)]
        axis.scatter(members[:, 0], members[:, 1], s=7, color=colour, alpha=0.7, linewidths=0, label=names[label])
        ground = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": colour, "alpha": 0.9}
        x, y = np.median(members, axis=0)
        axis.text(x, y, names[label], ha="center", va="center", fontsize=size, bbox=ground)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color="lightgrey")


def bars(values: Mapping[str, Sequence[float]], names: Sequence[str], title: str, label: str) -> Figure:
    """Return grouped bars (dots for many names): `values` {group: one number per name}, a legend for several groups.

    `label` says what is counted, along the vertical axis.
    """
    figure, axis = new(height=3.0)
    width = 0.8 / len(values)
    places = np.arange(len(names))
    for number, (group, heights) in enumerate(values.items()):
        if len(names) > 30:  # too many for bars
            axis.plot(places, heights, "o", markersize=3, label=group)
        else:
            axis.bar(places + (number - (len(values) - 1) / 2) * width, heights, width, label=group)
    name_ticks(axis.xaxis, names)
    axis.set(title=title, ylabel=label)
    axis.grid(axis="x", visible=False)
    if len(values) > 1:
        figure.legend(loc="outside right upper")
    return figure


def curves(
    history: Sequence[Mapping[str, float]],
    quantity: str,
    label: str,
    title: str,
    as_percent: bool = False,
    log: bool = False,
) -> Figure:
    """Return the curves of train and validation `quantity` ("loss", "accuracy") against epochs, one or many.

    `history` has the fields of training.HISTORY; `as_percent` multiplies fractions by 100.
    """
    figure, axis = new()
    epochs = [row["epoch"] for row in history]
    scale = 100 if as_percent else 1
    size = 4 if len(epochs) > 1 else 8
    for part, colour in (("train", BLUE), ("validation", ORANGE)):
        values = [row[f"{part}_{quantity}"] * scale for row in history]
        axis.plot(epochs, values, marker="o", markersize=size, color=colour, label=part)
    axis.set(title=title, xlabel="epoch", ylabel=label, xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    if log:
        axis.set_yscale("log")
        plain_ticks(axis.yaxis)
    axis.legend()
    return figure


def losses_by_step(
    losses: ArrayLike, title: str, window: int = 1, level: float | None = None, level_name: str = ""
) -> Figure:
    """Return the loss of every step as dots under its moving mean over `window` steps, on a logarithmic scale.

    `losses`: (steps,), in nats. `level` draws a dashed line to compare with, called `level_name`.
    """
    figure, axis = new()
    losses = np.asarray(losses, dtype=float)
    steps = np.arange(1, len(losses) + 1)
    many = len(losses) > 100
    axis.plot(steps, losses, ".", color=SKY, markersize=3 if many else 8, label="one batch")
    if window > 1:
        sums = np.cumsum(np.concatenate([np.zeros(window), losses]))
        means = (sums[window:] - sums[:-window]) / np.minimum(steps, window)
        axis.plot(steps, means, label=f"mean of {window} steps")
    if level is not None:
        axis.axhline(level, color="dimgrey", linestyle="--", linewidth=1, label=level_name)
    axis.set(title=title, xlabel="step", ylabel="training loss", yscale="log")
    axis.legend(loc="lower left" if many else "best")
    return figure


def line(
    x: Sequence[float],
    y: Sequence[float],
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    mark: float | None = None,
) -> Figure:
    """Return one curve; `mark` draws a dashed line at that x, with its value beside it."""
    figure, axis = new()
    axis.plot(x, y, marker="o" if len(x) < 30 else None, markersize=4)
    axis.set(title=title, xlabel=x_label, ylabel=y_label, xscale="log" if log_x else "linear")
    if mark is not None:
        axis.axvline(mark, color=RED, linestyle="--", linewidth=1.2)
        axis.annotate(f" {mark:.2g}", (mark, 0.95), xycoords=("data", "axes fraction"), color=RED)
    return figure


def trade_off(
    accuracy: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    costs: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Return accuracy, with its interval, against each of `costs`, side by side, on a logarithmic scale.

    `accuracy` is {name: fraction}, `interval` {name: (low, high)}, `costs` {what it costs: {name: value}}.
    """
    figure, axes = new(1, len(costs), width=9, height=3.6, sharey=True, squeeze=False)
    for axis, (label, cost) in zip(axes[0], costs.items(), strict=True):
        for (name, share), marker in zip(accuracy.items(), itertools.cycle("os^Dv"), strict=False):
            low, high = interval[name]
            axis.errorbar(cost[name], share, [[share - low], [high - share]], fmt=marker, capsize=3, label=name)
        axis.set(xlabel=f"{label} (log scale)", xscale="log")
        axis.margins(x=0.15)
        axis.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 3)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes[0, 0].set_ylabel("accuracy")
    axes[0, 0].yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
    heading(figure, title)
    return figure


def confusion_matrix(table: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Return the confusion matrix as counts and as shares of each true class; rows true, columns predicted.

    `table`: int64 (classes, classes). The two stand side by side, of many classes one below the other.
    """
    few = len(names) <= 12
    percent = 100 * table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    room_for_names = 0.3 if max(map(len, names)) > 2 else 0  # inches
    if few:
        figure, axes = new(1, 2, width=9, height=5.1 + room_for_names)
    else:
        figure, axes = new(2, 1, width=9, height=16 + room_for_names)
    heat_map(axes[0], table, "d", few)
    heat_map(axes[1], percent, ".1f", few)
    for axis, unit in ((axes[0], "images"), (axes[1], "% of the true class")):
        axis.set(xlabel="predicted", ylabel="true", facecolor="#f3f3f3")
        axis.grid(False)
        axis.set_title(unit, fontweight="normal", fontsize=10)
        for side in (axis.xaxis, axis.yaxis):
            name_ticks(side, names, np.arange(len(names)) + 0.5, 3.6 if few else 6.5)
    heading(figure, title)
    return figure


def heat_map(axis: Axes, values: np.ndarray, form: str, few: bool) -> None:
    """Draw the cells of a confusion matrix on `axis`, with their `values`, (classes, classes), in the format `form`.

    The diagonal is pale blue, mistakes are the darker the more there are of them, empty cells are blank. Of more than
    26 classes no values are written. `few` allows larger digits.
    """
    import seaborn  # here, because it takes over a second and most notebooks draw none

    written = len(values) <= 26
    style: dict[str, Any] = {"cbar": False, "square": True, "linewidths": 0.7 if written else 0.1, "vmin": 0}
    style |= {"annot": written, "annot_kws": {"size": 8 if few else 7, "color": "black"}, "fmt": form, "ax": axis}
    diagonal = np.eye(len(values), dtype=bool)
    empty = values == 0
    darkest = 1.6 * max(values[~diagonal].max(), 0.1)  # no darker than black numbers can be read on
    blue = ["#dcebf7" if written else "#6baed6"]
    seaborn.heatmap(values, mask=~diagonal | empty, cmap=blue, vmax=darkest, **style)
    seaborn.heatmap(values, mask=diagonal | empty, cmap="Oranges", vmax=darkest, **style)


def reliability(predictions: evaluation.Predictions, title: str) -> Figure:
    """Return the reliability diagram, with 95% intervals, beside how many images have which confidence."""
    table = evaluation.reliability(predictions)
    confidence = table["confidence"]
    accuracy = table["accuracy"]
    count = table["count"]
    hits = np.rint(accuracy * count)
    ends = np.array([evaluation.wilson(*pair) for pair in zip(hits, count, strict=True)]).T
    figure, (left, right) = new(1, 2, width=8.8, height=3.7)
    left.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    left.annotate("dashed: perfectly calibrated", (0.98, 0.05), xycoords="axes fraction", color="dimgrey", ha="right")
    left.errorbar(confidence, accuracy, np.abs(ends - accuracy), fmt="o", elinewidth=1.2, zorder=3)
    left.set(
        title=title, xlabel="confidence", ylabel="share classified correctly", xlim=(confidence.min() - 0.03, 1.02)
    )
    left.set_ylim(max(ends.min() - 0.08, 0), 1.02)
    right.bar(confidence, count, width=0.05, color=SKY)
    right.set(title="Images at each confidence", xlabel="confidence", ylabel="images, log scale", yscale="log")
    right.set_ylim(0.7, None)
    return figure


def accuracy_by_value(values: Sequence[Any], accuracy: ArrayLike, label: str, logarithmic: bool = False) -> Figure:
    """Return validation accuracy, shares (runs,), against the value that each run has of one setting, called `label`.

    A dot is a run; beside the dots of a value stand their mean and, from two runs on, its interval by Student. Numbers
    lie on a scale, a logarithmic one where asked for; other values stand below each other, as names.
    """
    if not all(isinstance(value, int | float) for value in values):
        return accuracy_by_name([str(value) for value in values], accuracy, label)
    figure, axis = new(width=PHONE, height=3.2)
    different = sorted(set(values))
    shares, means, lows, highs = summarise_runs(values, accuracy, different)
    axis.plot(values, shares, "o", color=SKY, markersize=5, alpha=0.7)
    axis.vlines(different, lows, highs, color=BLUE)
    axis.plot(different, means, "D", color=BLUE, markersize=6)
    axis.set(xlabel=label, ylabel="validation accuracy, %")
    if logarithmic:
        axis.set_xscale("log")
    if len(different) <= 6:
        axis.set_xticks(different, [f"{value:g}" for value in different])
        axis.set_xticks([], minor=True)
    return figure


def accuracy_by_name(names: Sequence[str], accuracy: ArrayLike, label: str) -> Figure:
    """Return what `accuracy_by_value` shows where the values are names, the first at the top."""
    different = list(dict.fromkeys(names))
    room = min(max(0.45 * len(different), 1.5), 9.0)
    figure, axis = new(width=PHONE, height=room + 0.8)
    shares, means, lows, highs = summarise_runs(names, accuracy, different)
    places = np.arange(len(different))
    axis.plot(shares, [different.index(name) for name in names], "o", color=SKY, markersize=5, alpha=0.7)
    axis.hlines(places, lows, highs, color=BLUE)
    axis.plot(means, places, "D", color=BLUE, markersize=6)
    name_ticks(axis.yaxis, different, inches=room)
    axis.set(xlabel="validation accuracy, %", ylabel=label, ylim=(len(different) - 0.5, -0.5))
    return figure


def summarise_runs(values: Sequence[Any], accuracy: ArrayLike, different: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """Return in per cent the accuracy of each run, and the means of the runs of each value with its interval's ends.

    `values` is that of each run. An interval lies within 0 and 100; that of a single run is unknown (nan).
    """
    shares = 100 * np.asarray(accuracy, dtype=float)
    own: dict[Any, list[float]] = {value: [] for value in different}
    for value, share in zip(values, shares, strict=True):
        own[value].append(share)
    means, lows, highs = np.array([evaluation.mean_interval(own[value]) for value in different]).T
    return shares, means, np.maximum(lows, 0), np.minimum(highs, 100)


def losses_by_run(curves: Sequence[ArrayLike], settings: Sequence[int], names: Sequence[str]) -> Figure:
    """Return the validation loss of each run, (epochs,) in nats, after each of its epochs, on a logarithmic scale.

    `settings`: the place in `names` of each run's setting, the best first. Each setting has a colour, up to six of
    them; of more, the first is coloured and the others are grey.
    """
    figure, axis = new(width=PHONE, height=3.0 + legend_height(names))
    thin = 1.6 if len(curves) <= 12 else 0.7
    for curve, place in sorted(zip(curves, settings, strict=True), key=lambda pair: -pair[1]):  # the first on top
        loss = np.asarray(curve, dtype=float)
        loss = np.where(loss > 0, loss, np.nan)  # a logarithm has no place for others
        mark = "o" if len(loss) == 1 else ""
        axis.plot(1 + np.arange(len(loss)), loss, marker=mark, color=colour_of(place, len(names)), linewidth=thin)
    axis.set(xlabel="epoch", ylabel="validation loss, nats", yscale="log")
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    plain_ticks(axis.yaxis)
    name_colours(figure, names)
    return figure


def accuracy_by_seconds(
    seconds: ArrayLike, accuracy: ArrayLike, settings: Sequence[int], names: Sequence[str]
) -> Figure:
    """Return the validation accuracy of each run, shares (runs,), against the seconds that its training took.

    Colours are as in `losses_by_run`. Seconds that differ tenfold are on a logarithmic scale.
    """
    taken, shares = np.asarray(seconds, dtype=float), 100 * np.asarray(accuracy, dtype=float)
    figure, axis = new(width=PHONE, height=3.0 + legend_height(names))
    order = np.argsort(-np.asarray(settings), kind="stable")  # the first on top
    colours = [colour_of(settings[place], len(names)) for place in order]
    axis.scatter(taken[order], shares[order], c=colours, s=26, alpha=0.8)
    axis.set(xlabel="seconds of training", ylabel="validation accuracy, %")
    if len(taken) and taken.min() > 0 and taken.max() > 10 * taken.min():
        axis.set_xscale("log")
        plain_ticks(axis.xaxis)
    name_colours(figure, names)
    return figure


def colour_of(place: int, settings: int) -> str:
    """Return the colour of the setting at `place`, the best at 0, where so many `settings` are drawn."""
    if settings <= len(OF_SETTINGS):
        return OF_SETTINGS[place]
    return OF_SETTINGS[0] if place == 0 else "#9a9a9a"


def legend_height(names: Sequence[str]) -> float:
    """Return the inches that `name_colours` takes below a figure."""
    return 0.2 * (len(names) if len(names) <= len(OF_SETTINGS) else 2)


def name_colours(figure: Figure, names: Sequence[str]) -> None:
    """Say below a Figure which colour is which setting's, as `colour_of` gives them out."""
    shown = [(colour_of(place, len(names)), name) for place, name in enumerate(names)]
    if len(names) > len(OF_SETTINGS):
        shown = [shown[0], (shown[1][0], f"the other {len(names) - 1} settings")]
    lines = [mpl.lines.Line2D([], [], color=colour, marker="o", markersize=4) for colour, _ in shown]
    figure.legend(lines, [shorten(name, 46) for _, name in shown], loc="outside lower left", fontsize=9)


# 00_walkthrough


def edges(image: np.ndarray, weights: np.ndarray, response: np.ndarray) -> Figure:
    """Return an image, uint8 (c, h, w), a filter, float (3, 3), and its response, float (h - 2, w - 2), side by side.

    The filter's weights are written into its cells. Blue is above 0, red below, pale at 0.
    """
    figure, axes = new(1, 3, width=8.6, height=2.9)
    picture = drawable(image)
    axes[0].imshow(picture, interpolation=blocks_or_means(picture, 2.6))
    for axis, table in ((axes[1], weights), (axes[2], response)):
        limit = max(1.4 * float(np.abs(table).max()), 1e-12)  # no darker than black numbers can be read on
        axis.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), weight in np.ndenumerate(weights):
        axes[1].text(column, row, f"{weight:g}", ha="center", va="center", fontsize=13)
    for axis, title in zip(axes, ("image", "filter", "response"), strict=True):
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontweight="normal", fontsize=10)
        axis.grid(False)
    return figure


def descent(
    weights: ArrayLike, losses: ArrayLike, path: Sequence[tuple[float, float]], slope: float, label: str = "one weight"
) -> Figure:
    """Return the loss in nats against one weight as a curve, and on it the (weight, loss) of steps of gradient descent.

    `weights` and `losses` are (n,); `slope` is that of the curve at the first step, where it is drawn.
    """
    figure, axis = new()
    steps = np.asarray(path, dtype=float)
    around = steps[0, 0] + np.array([-0.6, 0.6]) * max(np.ptp(steps[:, 0]), 0.1)
    axis.plot(weights, losses, label="loss")
    axis.plot(
        around,
        steps[0, 1] + slope * (around - steps[0, 0]),
        color="dimgrey",
        linestyle="--",
        label="tangent, its slope the gradient",
    )
    axis.plot(*steps.T, "o-", color=RED, linewidth=1, label="steps")
    for number, point in enumerate(steps):
        axis.annotate(str(number), point, xytext=(0, 7), textcoords="offset points", ha="center", color=RED)
    axis.set(title="Gradient descent", xlabel=label, ylabel="loss")
    axis.legend()
    return figure


# 01_eda


def without_ticks(axis: Axes) -> None:
    """Leave out ticks, grid and frame of an axis that holds an image."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def pixels_and_numbers(image: np.ndarray, side: int = 12) -> Figure:
    """Return an image, uint8 (c, h, w), beside the numbers of its first channel in the middle, `side` by `side`."""
    image = np.asarray(image)
    top, left = image.shape[1] // 2 - side // 2, image.shape[2] // 2 - side // 2
    numbers = image[0, top : top + side, left : left + side]
    figure, (whole, part) = new(1, 2, width=8.6, height=4)
    whole.imshow(drawable(image), cmap="gray_r" if image.shape == MNISTS else "gray", vmin=0, vmax=255)
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=RED))
    part.imshow(numbers, alpha=0.35, vmin=0, vmax=255, cmap="gray_r" if image.shape == MNISTS else "gray")
    for (row, column), value in np.ndenumerate(numbers):
        part.text(column, row, value, ha="center", va="center", fontsize=7)
    for axis, title in ((whole, "What we see"), (part, "What a model gets")):
        axis.set_title(title)
        without_ticks(axis)
    return describe(figure, f"An image; its middle {side} by {side} pixels as numbers from 0 to 255.")


def pixel_values(levels: Mapping[str, ArrayLike], mean_image: np.ndarray) -> Figure:
    """Return how often each pixel value occurs in each channel, beside the mean image, uint8 (c, h, w).

    `levels`: {channel: how often the values 0 to 255 occur, (256,)}; "red", "green" and "blue" have their own colours.
    """
    figure, (left, right) = new(1, 2, width=8.8, height=3.4)
    colours = {"red": RED, "green": GREEN, "blue": BLUE}
    for channel, counts in levels.items():
        occurs = np.asarray(counts, dtype=float)
        grouped = 100 * occurs.reshape(-1, 8).sum(axis=1) / occurs.sum()
        left.step(np.arange(4, 256, 8), grouped, where="mid", color=colours.get(channel, "dimgrey"), label=channel)
    left.set(title="How often each value occurs", yscale="log", xlabel="pixel value, 0 to 255", ylabel="% of pixels")
    left.yaxis.set_major_formatter("{x:g}")
    if len(levels) > 1:
        left.legend()
    cmap = "gray_r" if mean_image.shape == MNISTS else "gray"
    right.imshow(drawable(mean_image), cmap=cmap, vmin=0, vmax=255)
    right.set_title("The mean image")
    without_ticks(right)
    return describe(figure, "A histogram of pixel values on a logarithmic scale, and the mean image.")


def boxes(values: Sequence[ArrayLike], names: Sequence[str], title: str, label: str) -> Figure:
    """Return a box for each class: median, middle half, and whiskers from the 5th to the 95th percentile."""
    figure, axis = new(height=3.2)
    style = {"patch_artist": True, "boxprops": {"facecolor": SKY}, "medianprops": {"color": "black"}}
    axis.boxplot(list(values), positions=range(len(names)), whis=(5, 95), showfliers=False, **style)
    name_ticks(axis.xaxis, names)
    axis.set(title=title, xlabel="class", ylabel=label)
    axis.grid(axis="x", visible=False)
    medians = [float(np.median(np.asarray(some))) for some in values]
    return describe(figure, f"Box plots; the medians run from {min(medians):.1f} to {max(medians):.1f}.")


def file_sizes(heights: np.ndarray, widths: np.ndarray, side: int) -> Figure:
    """Return the sizes of files in pixels, and how wide they are against their height; `side` is that of the images."""
    figure, (left, right) = new(1, 2, width=8.8, height=3.2)
    left.scatter(widths, heights, s=6, alpha=0.4, linewidths=0)
    left.set(title="Sizes of the files", xlabel="width, pixels", ylabel="height, pixels", xlim=0, ylim=0)
    right.hist(np.log2(widths / heights), bins=31)
    right.set(title="Width to height", xlabel="width / height (log2)", ylabel="images")
    smaller = int((np.minimum(heights, widths) < side).sum())
    return describe(figure, f"{smaller:,} of {len(heights):,} files have a side of fewer than {side} pixels.")


def class_pairs(values: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Return what holds of each two classes as squares side by side: {title: float (classes, classes)}, NaN left out.

    Dark cells are low. The numbers are written for up to 12 classes.
    """
    figure, axes = new(1, len(values), width=9, height=5 if len(names) <= 12 else 5.6, squeeze=False)
    spans = []
    for axis, (title, table) in zip(axes[0], values.items(), strict=True):
        known = table[~np.isnan(table)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        span = max(high - low, 1e-9)
        axis.imshow(table, cmap="Blues_r", vmin=low - 0.1 * span, vmax=low + span)
        for (row, column), value in np.ndenumerate(table):
            if len(names) <= 12 and not np.isnan(value):
                colour = "white" if value < low + 0.5 * span else "black"
                axis.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7.5, color=colour)
        axis.set_title(title)
        axis.grid(False)
        for side in (axis.xaxis, axis.yaxis):
            name_ticks(side, names, inches=3.4)
        spans.append(f"{title}: {low:.1f} to {high:.1f}")
    return describe(figure, f"Square tables, mirrored at the diagonal. {'; '.join(spans)}.")


def flat_maps(maps: Mapping[str, ArrayLike], labels: ArrayLike, names: Sequence[str]) -> Figure:
    """Return flat maps side by side, {title: points (n, 2)}, one colour per class; `labels` are places in `names`."""
    figure, axes = new(1, len(maps), width=9, height=4.4, squeeze=False)
    for axis, (title, points) in zip(axes[0], maps.items(), strict=True):
        clouds(axis, points, labels, names)
        axis.set_title(title)
    if len(names) <= 20:
        handles = axes[0, -1].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right center", markerscale=2.5, handletextpad=0.1)
    return describe(figure, f"Clouds of dots coloured by class: {' and '.join(maps)}.")


def sizes_on_a_scale(values: Mapping[str, ArrayLike], title: str, label: str) -> Figure:
    """Return the distribution of the sizes of numbers, {group: any shape}, on a logarithmic scale of 0.001 to 1000."""
    figure, axis = new(height=3)
    for group, numbers in values.items():
        sizes = np.abs(np.asarray(numbers)).ravel()
        axis.hist(sizes, bins=np.geomspace(1e-3, 1e3, 121), histtype="step", linewidth=1.8, label=group)
    axis.set(title=title, xscale="log", xlabel=label, ylabel="how many")
    figure.legend(loc="outside right upper")
    medians = [f"{group} {np.median(np.abs(np.asarray(numbers))):.2g}" for group, numbers in values.items()]
    return describe(figure, f"Humps on a logarithmic scale; medians: {', '.join(medians)}.")


# 02_prototyping


def learning_rate_range(
    rates: np.ndarray,
    sweeps: Mapping[str, np.ndarray],
    suggested: Mapping[str, float],
    level: float,
    rate: float,
    recipe: str,
) -> Figure:
    """Return the smoothed loss of each network against the learning rate, with a dot at the rate that is suggested.

    `rates` is (steps,), and `sweeps` {name: (up to so many steps,)}; the axis ends at twice the `level` of guessing, in
    nats. A dashed line stands at the `rate` of a `recipe`. The Figure has a `description`.
    """
    figure, axis = new(height=3.8)
    lowest = []
    for name, losses in sweeps.items():
        seen = rates[: len(losses)]
        (curve,) = axis.plot(seen, losses, label=f"{name}: {suggested[name]:.2g}")
        axis.plot(suggested[name], np.interp(suggested[name], seen, losses), "o", color=curve.get_color())
        lowest.append(f"{name} {seen[losses.argmin()]:.2g} (loss {losses.min():.2f})")
    axis.axvline(rate, color="dimgrey", linestyle="--", linewidth=1, label=f"rate of {recipe}")
    axis.set(title="Loss while the learning rate grows", xscale="log", ylim=(0, 2 * level))
    axis.set(xlabel="learning rate", ylabel="smoothed training loss")
    axis.legend(title="suggested rate", loc="upper left", ncols=2)
    told = f"Loss against learning rate, a dashed line at {rate:g}. Each curve is lowest at: {', '.join(lowest)}."
    return describe(figure, told)


def candidates(
    accuracy: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    seconds: Mapping[str, float],
    parameters: Mapping[str, int],
) -> Figure:
    """Return the `trade_off` of networks between accuracy, and seconds of training and parameters.

    The Figure has a `description`.
    """
    costs = {"seconds of training": seconds, "parameters": parameters}
    figure = trade_off(accuracy, interval, costs, "Accuracy against cost, with 95% intervals")
    points = [
        f"{name} {share:.1%}, {seconds[name]:.2f} s, {parameters[name]:,} parameters"
        for name, share in accuracy.items()
    ]
    told = f"Two scatter plots with one point for each network: {'; '.join(points)}."
    return describe(figure, told)


def parting_curves(trainings: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Return error and loss on training and validation images against the step, side by side, for some trainings.

    `trainings` is {what it trained on: rows}, each row with "step", "train_error", "validation_error" (fractions),
    "train_loss" and "validation_loss" (nats). The first training has solid lines. The Figure has a `description`.
    """
    figure, axes = new(1, 2, width=9, height=3.6)
    ends = []
    for (name, rows), style in zip(trainings.items(), ("-", "--", ":"), strict=False):
        steps = [row["step"] for row in rows]
        for part, name_of_part, colour in (("train", "training", BLUE), ("validation", "validation", ORANGE)):
            errors = [100 * row[f"{part}_error"] for row in rows]
            losses = [row[f"{part}_loss"] for row in rows]
            for axis, values in zip(axes, (errors, losses), strict=True):
                axis.plot(steps, values, style, color=colour, marker="o", markersize=4, label=f"{name}: {name_of_part}")
            ends.append(f"{name}, {name_of_part}: error {errors[-1]:.1f}%, loss {losses[-1]:.2f}")
    axes[0].set(title="Error", ylabel="misclassified, %")
    axes[1].set(title="Loss", ylabel="loss")
    for axis in axes:
        axis.set(xlabel="step (log scale)", xscale="log", ylim=(0, None))
        plain_ticks(axis.xaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    told = f"Curves of error and loss against steps. At the last step: {'; '.join(ends)}."
    return describe(figure, told)


# 03_training


def diverged_training(losses: ArrayLike, epoch: int) -> Figure:
    """Return the loss of every step, (steps,) in nats, of the `epoch` in which a training diverged, counted from 1."""
    figure = losses_by_step(losses, f"The training diverged at step {len(np.asarray(losses))} of epoch {epoch}")
    last = ", ".join(f"{loss:.3g}" for loss in np.asarray(losses)[-5:])
    return describe(figure, f"The loss of each batch of epoch {epoch}, a curve that ends early, in {last}.")


def loss_by_epoch(history: Sequence[Mapping[str, float]], asked_for: float) -> Figure:
    """Return the curves of the cross-entropy of train and validation, and how low it is where the target is reached.

    `history` has the fields of training.HISTORY. `asked_for`: the probability of the true class in the target, below 1
    where labels are smoothed; at 1 the cross-entropy would be 0, for which a logarithmic scale has no place.
    """
    figure = curves(history, "loss", "cross-entropy loss, log scale", "Loss by epoch", log=True)
    if asked_for < 1:
        (axis,) = figure.axes
        axis.axhline(-math.log(asked_for), color="dimgrey", linestyle="--", linewidth=1, label="target reached")
        axis.legend()
    return describe(figure, describe_curves(history, "loss", "{:.3f}"))


def errors_by_epoch(history: Sequence[Mapping[str, float]], images: int) -> Figure:
    """Return the share of errors after each epoch in per cent: train, and validation with its 95% interval by Wilson.

    `images` is the size of the validation set. The scale is logarithmic, and linear below one error in so many images,
    where 0 has its place.
    """
    figure, axis = new()
    epochs = [row["epoch"] for row in history]
    train = [100 * (1 - row["train_accuracy"]) for row in history]
    errors = np.array([round((1 - row["validation_accuracy"]) * images) for row in history])
    ends = 100 * np.array([evaluation.wilson(count, images) for count in errors]).T
    size = 4 if len(epochs) > 1 else 8
    axis.plot(epochs, train, marker="o", markersize=size, color=BLUE, label="train")
    validation = 100 * errors / images
    reach = np.abs(ends - validation)
    axis.errorbar(epochs, validation, reach, fmt="o-", markersize=size, color=ORANGE, capsize=3, label="validation")
    axis.set(title="Errors by epoch", xlabel="epoch", ylabel="errors in %, log scale")
    axis.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_yscale("symlog", linthresh=100 / images, subs=(2, 5))
    axis.yaxis.set_major_locator(mpl.ticker.SymmetricalLogLocator(base=10, linthresh=100 / images, subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    lowest = min(*ends[0], *train)
    axis.set_ylim(0.8 * lowest, None)  # from 0 on, where an interval reaches it
    axis.legend()
    return describe(figure, describe_curves(history, "accuracy", "{:.2%}"))


def learning_rates(planned: ArrayLike, history: Sequence[Mapping[str, float]]) -> Figure:
    """Return the rate of every step that is `planned`, (steps,), and the rates that a history recorded.

    `history` has the fields of training.HISTORY; an epoch's rate is that of its first step.
    """
    rates = np.asarray(planned, dtype=float)
    figure, axis = new(height=3.0)
    epochs = max(len(history), 1)
    axis.plot(np.arange(len(rates)) * epochs / len(rates), rates, color=SKY, label="plan")
    recorded = [row["learning_rate"] for row in history]
    axis.plot([row["epoch"] - 1 for row in history], recorded, "o", color=BLUE, label="recorded")
    axis.set(title="Learning rate at each step", xlabel="epochs done", ylabel="learning rate", ylim=(0, None))
    axis.legend()
    text = f"A curve from {rates[0]:.2g} to {rates[-1]:.2g}, at most {rates.max():.2g}, and dots at each epoch's start."
    return describe(figure, text)


def seconds_by_epoch(seconds: ArrayLike) -> Figure:
    """Return bars of the wall time of each epoch, (epochs,) in seconds."""
    seconds = np.asarray(seconds, dtype=float)
    figure, axis = new(height=2.6)
    axis.bar(range(1, len(seconds) + 1), seconds, width=0.7)
    room = max(0, 6 - len(seconds)) / 2
    axis.set_xlim(0.4 - room, len(seconds) + 0.6 + room)  # so that a single bar is no wall
    axis.set_xticks(range(1, len(seconds) + 1, len(seconds) // 20 + 1))
    axis.grid(axis="x", visible=False)
    axis.set(title="Wall time of each epoch", xlabel="epoch", ylabel="seconds")
    return describe(figure, f"Bars, one per epoch, from {seconds.min():.1f} s to {seconds.max():.1f} s.")


def describe_curves(history: Sequence[Mapping[str, float]], quantity: str, form: str) -> str:
    """Return in a sentence where the curves of `quantity` ("loss", "accuracy") begin and end, written as in `form`."""
    ends = [
        f"{part} {quantity} from {form.format(history[0][name])} to {form.format(history[-1][name])}"
        for part, name in (("train", f"train_{quantity}"), ("validation", f"validation_{quantity}"))
    ]
    if len(history) == 1:
        return f"Single points, as there is one epoch: {ends[0]}, {ends[1]}."
    return f"Two curves over the epochs, {len(history)} in all: {ends[0]}, {ends[1]}."


# 04_results


def recall_and_precision(table: np.ndarray, names: Sequence[str], most: int = 30) -> Figure:
    """Return recall and precision of each class with 95% intervals, of the `most` lowest recalls where there are more.

    `table`: a confusion matrix, int64 (classes, classes).
    """
    hits = np.diag(table)
    images = table.sum(axis=1)
    called = table.sum(axis=0)
    recall = hits / np.maximum(images, 1)
    drawn = np.sort(recall.argsort(kind="stable")[:most])
    figure, axis = new(height=3.4 if len(drawn) <= 12 else 4.6)  # names of many classes stand upright
    for name, totals, shift in (("recall", images, -0.12), ("precision", called, 0.12)):
        of = np.maximum(totals[drawn], 1)
        shares = hits[drawn] / of
        ends = np.array([evaluation.wilson(*pair) for pair in zip(hits[drawn], of, strict=True)]).T
        places = np.arange(len(drawn)) + shift
        axis.errorbar(places, 100 * shares, 100 * np.abs(ends - shares), fmt="o", label=name, elinewidth=1.2)
    axis.set(title="Recall and precision by class, 95% intervals", ylabel="% of the images", xlabel="class")
    name_ticks(axis.xaxis, [names[label] for label in drawn])
    axis.grid(axis="x", visible=False)
    figure.legend(loc="outside right upper")
    ends_of_recall = f"recall from {recall[drawn].min():.1%} to {recall[drawn].max():.1%}"
    return describe(figure, f"Two dots with bars for each of {len(drawn)} classes; {ends_of_recall}.")


def wrong_answers(
    pixels: Sequence[np.ndarray], predictions: evaluation.Predictions, names: Sequence[str], title: str
) -> Figure:
    """Return misclassified images, (n, c, h, w); above each what was said and what the label is, with probabilities."""
    short = max(map(len, names)) <= 2
    of_label = predictions.probabilities[np.arange(len(pixels)), predictions.labels]
    rows = zip(predictions.predicted, predictions.confidence, predictions.labels, of_label, strict=True)
    titles = [f"said {names[said]}: {sure:.0%}\nis {names[true]}: {p:.0%}" for said, sure, true, p in rows]
    figure = images(pixels, titles, columns=8 if short else 5, size=1.05 if short else 1.7)
    figure.set_figwidth(max(figure.get_figwidth(), 5))
    heading(figure, title)
    return describe(figure, f"{title}: images with wrong answers, {len(pixels)} in number.")


def occlusion(pixels: np.ndarray, heat: np.ndarray, said: Sequence[str], true: Sequence[str]) -> Figure:
    """Return images, uint8 (n, c, h, w), and below each the `heat`, (n, 2, h, w), of what was said and of the label."""
    pale = [[overlay(*pair) for pair in zip(pixels, maps, strict=True)] for maps in heat.swapaxes(0, 1)]
    pairs = zip(said, true, strict=True)
    heads = {place: f"said {shorten(a, 14)},\nis {shorten(b, 14)}" for place, (a, b) in enumerate(pairs)}
    rows = [pixels, *map(np.stack, pale)]
    figure = mosaic(rows, ["image", "for what it said", "for the label"], "What the answers rest on", heads, 0.8)
    return describe(figure, f"{len(pixels)} images and two maps of each: where covering lowers either probability.")


def corrupted(rows: Mapping[str, np.ndarray], units: Mapping[str, str], answers: Sequence[Sequence[str]]) -> Figure:
    """Return one image under every corruption: a row of images, (n, c, h, w), for each, named by its strengths.

    `units` are the rows' labels; `answers` are the classes to write into the corner of each image, "" for none.
    """
    figure = mosaic(list(rows.values()), list(units.values()), "One image, corrupted more and more")
    tall, wide = (length + 2 for length in next(iter(rows.values())).shape[-2:])
    for row, said_of in enumerate(answers):
        for column, said in enumerate(said_of):
            size, name = (9 if len(said) < 3 else 6), shorten(said, 10)
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if said else None
            place = ((column + 1) * wide - 2, row * tall + 1)
            figure.axes[0].text(*place, name, color=RED, ha="right", va="top", fontsize=size, bbox=ground)
    forms, wrong = sum(map(len, answers)), sum(bool(said) for said_of in answers for said in said_of)
    return describe(figure, f"{len(rows)} rows of one image in {forms} forms, {wrong} of them misclassified.")


def robustness(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    labels: Mapping[str, str],
    reach: Mapping[str, str],
    count: int,
    levels: tuple[float, float],
) -> Figure:
    """Return eight curves of accuracy against strength, {"strength", "accuracy"}, with 95% intervals of `count` images.

    `labels` name the strengths, `reach` says in words how far each is held; `levels` are the accuracy without
    corruption and that of always naming the majority class, shares from 0 to 1.
    """
    figure, axes = new(2, 4, width=9, height=4.9, sharey=True)
    for axis, (name, curve) in zip(axes.flat, curves.items(), strict=True):
        band = [evaluation.wilson(round(share * count), count) for share in curve["accuracy"]]
        axis.fill_between(curve["strength"], *(100 * np.array(band).T), alpha=0.2, linewidth=0)
        axis.plot(curve["strength"], 100 * np.array(curve["accuracy"]), marker="o", markersize=3.5)
        for level, style in zip(levels, ("--", ":"), strict=True):
            axis.axhline(100 * level, color="grey", linestyle=style, linewidth=1)
        axis.set_xlabel(wrap(labels[name], 1.7, 8.5), fontsize=8.5)
        axis.set_title(f"{name}: {reach[name]}", fontsize=9)
    for axis in axes[:, 0]:
        axis.set(ylabel="accuracy, %", ylim=(0, 104))
    heading(figure, "Accuracy against the strength of each corruption")
    return describe(figure, f"Eight curves. {'; '.join(map(': '.join, reach.items()))}.")


def filters(trained: np.ndarray, untrained: np.ndarray, most: int = 32) -> Figure:
    """Return filters of a first convolution, (n, c, k, k), c 1 or 3, above untrained ones, all on one scale."""
    limit = float(np.abs(trained).max())
    coloured, count = trained.shape[1] == 3, min(len(trained), most)
    across = min(count, 16)
    rows = math.ceil(count / across)
    blank = np.zeros((across * rows - count, *trained.shape[1:]))  # so that untrained ones begin a row
    filled = np.concatenate([trained[:count], blank, untrained[:count]])
    shades = 127.5 + 127.5 * np.clip(filled / limit, -1, 1)
    pixels = list(shades if coloured else filled.mean(axis=1))
    row_titles = ["trained", *[""] * (rows - 1), "untrained", *[""] * (rows - 1)]
    figure = images(pixels, columns=across, size=0.5, row_titles=row_titles)
    if not coloured:
        for axis in figure.axes[: len(pixels)]:
            axis.images[0].set(cmap="RdBu", clim=(-limit, limit))
        figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="weight", shrink=0.8)
    heading(figure, "Filters of the first convolution, trained and untrained")
    return describe(figure, f"{count} small squares of weights, and {count} untrained ones.")


def layers(outputs: Mapping[str, Any], original: np.ndarray | None, most: int = 10) -> Figure:
    """Return the `most` active channels of each layer, tensors {name: (channels, h, w)}, a row for each.

    Every layer is scaled to its own maximum. `original`, uint8 (1, c, h, w), is drawn in the place of the first row.
    """
    import torch  # here, because figures of the pipeline's own need none

    first = next(iter(outputs.values()))
    rows = []
    for values in outputs.values():
        strongest = values.mean(dim=(1, 2)).argsort(descending=True)[:most]
        large = torch.nn.functional.interpolate(values[None, strongest], size=first.shape[-2:])[0]
        rows.append((large / large.max().clamp(min=1e-9)).clamp(min=0).numpy())
    if original is not None:
        rows[0] = original
    names = [f"{name} {'x'.join(map(str, values.shape))}" for name, values in outputs.items()]
    figure = mosaic(rows, names, "One image as each layer passes it on")
    figure.set_figwidth(figure.get_figwidth() + 0.6)  # the names are longer than most
    return describe(figure, f"A row of small pictures for each of {', '.join(outputs)}.")


# 05_comparison, 07_published, 08_speed


def errors_by_recipe(
    errors: Mapping[str, Sequence[int]], lines: Mapping[str, float], reported: Mapping[str, float], images: int
) -> Figure:
    """Return the errors of each training, a row per recipe, on a logarithmic scale; the first of `errors` on top.

    `errors`: {recipe: misclassified images of each training}; `lines` are drawn to compare with, {name: errors};
    `reported` by a recipe's author, {recipe: errors}. The Figure has a `description`.
    """
    figure, axis = new(height=0.36 * len(errors) + 1.5)
    for place, (name, counts) in enumerate(errors.items()):
        axis.plot(counts, np.full(len(counts), place), "o", color=SKY, markersize=5, alpha=0.8)
        axis.plot(np.mean(counts), place, "|", color=BLUE, markersize=16, markeredgewidth=2.5)
        if name in reported:
            axis.plot(reported[name], place, "x", color=RED, markersize=7)
    for label, marker, colour in (("one training", "o", SKY), ("mean", "|", BLUE), ("reported", "x", RED)):
        axis.plot([], [], marker, color=colour, label=label, markersize=8, markeredgewidth=2)
    for name, count in lines.items():
        axis.axvline(count, color="dimgrey", linestyle="--", linewidth=1)
        beside = {"xytext": (-2, 0), "textcoords": "offset points"}
        axis.annotate(name, (count, -0.6), fontsize=8, rotation=90, ha="right", va="top", color="dimgrey", **beside)
    title = f"Errors among {images:,} test images"
    axis.set(title=title, xlabel="misclassified test images, log scale", xscale="log", ylim=(len(errors) - 0.5, -0.8))
    axis.set_yticks(range(len(errors)), list(errors))
    plain_ticks(axis.xaxis)
    figure.legend(loc="outside lower right", ncols=3)
    means = "; ".join(f"{name} {np.mean(counts):.0f}" for name, counts in errors.items())
    return describe(figure, f"Mean errors by recipe: {means}.")


KINDS_OF_RECIPE = {  # how `costs` draws them
    "published": "s",
    "tuned": "o",
    "ours": "D",
    "ensemble": "*",
}


def costs(points: Mapping[str, tuple[float, float, float]], pairs: Sequence[tuple[str, str]]) -> Figure:
    """Return errors against seconds and parameters, on logarithmic scales: down and to the left is better.

    `points`: {name: (seconds, parameters, errors)}; a name that ends in "together" is an ensemble. `pairs`: names that
    a line joins. The Figure has a `description`.
    """
    figure, axes = new(1, 2, width=9, height=5, sharey=True)
    networks = dict.fromkeys(
        name.rpartition("-")[0] for name in points if kind_of_recipe(name) in ("published", "tuned")
    )
    colours = dict(zip(networks, (ORANGE, GREEN, PURPLE, RED, SKY, BLACK), strict=False))
    for axis, column, label in zip(axes, (0, 1), ("seconds of training", "parameters"), strict=True):
        for pair in pairs:
            ends = np.array([points[name] for name in pair])
            axis.plot(ends[:, column], ends[:, 2], color=colours.get(pair[0].rpartition("-")[0], "grey"), linewidth=1)
        for name, point in points.items():
            draw_recipe(axis, name, (point[column], point[2]), colours)
        axis.set(xscale="log", yscale="log", xlabel=f"{label}, log scale")
        axis.margins(x=0.2, y=0.12)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        plain_ticks(axis.yaxis)
    axes[0].set_ylabel("misclassified test images, log scale")
    for kind, marker in KINDS_OF_RECIPE.items():
        axes[0].plot([], [], marker, color="dimgrey", label=kind)
    for network, colour in colours.items():
        axes[0].plot([], [], color=colour, label=network)
    figure.legend(loc="outside lower center", ncols=4)
    heading(figure, "Errors against time and size")
    words = []
    for name, (taken, size, count) in points.items():
        digits = int(taken < 10)  # after the decimal point
        words.append(f"{name}: {taken:.{digits}f} s, {size:,} parameters, {count:.0f} errors")
    return describe(figure, f"Two scatter plots. {'; '.join(words)}.")


def draw_recipe(axis: Axes, name: str, place: tuple[float, float], colours: Mapping[str, str]) -> None:
    """Draw a recipe of `costs`: one of a network in its colour, which the legend names; ours with its name."""
    kind = kind_of_recipe(name)
    axis.plot(*place, KINDS_OF_RECIPE[kind], color=colours.get(name.rpartition("-")[0], BLUE))
    if kind == "ours":
        axis.annotate(name, place, (0, 5), textcoords="offset points", fontsize=8, ha="center", va="bottom")
    if kind == "ensemble":
        axis.annotate(name, place, (0, -5), textcoords="offset points", fontsize=8, ha="center", va="top")


def kind_of_recipe(name: str) -> str:
    """Return which of KINDS_OF_RECIPE a name is of."""
    kind = "ensemble" if name.endswith("together") else name.rsplit("-")[-1]
    return kind if kind in KINDS_OF_RECIPE else "ours"


def differences(pairs: Mapping[tuple[str, str], evaluation.Difference], ranking: Sequence[str]) -> Figure:
    """Return a triangle: by how many points of accuracy the row's recipe is ahead of the column's, or "tie".

    `pairs`: {(one, other): Difference}, each pair of `ranking` in its order. The Figure has a `description`.
    """
    count = len(ranking)
    figure, axis = new(width=9, height=0.42 * count + 1.9)
    shown = np.full((count, count), np.nan)
    for (one, other), difference in pairs.items():
        row, column = ranking.index(one), ranking.index(other)
        text, colour = "tie", "dimgrey"
        if difference.is_significant:
            shown[row, column] = 100 * difference.mean
            text, colour = f"{100 * difference.mean:.2f}", "black"
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axis.imshow(shown, cmap="Blues", vmin=0, vmax=2 * max(np.nanmax(shown, initial=0), 0.01), aspect="auto")
    axis.set_xticks(range(count), ranking, rotation=40, ha="left")
    axis.set_yticks(range(count), ranking)
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=9)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    heading(figure, "Differences in points of accuracy, and ties")
    ties = [f"{one} and {other}" for (one, other), difference in pairs.items() if not difference.is_significant]
    return describe(figure, f"Triangular table of {count} recipes. Ties: {', '.join(ties) or 'none'}.")


def errors_of_recipes_by_epoch(curves: Mapping[str, np.ndarray]) -> Figure:
    """Return the share of misclassified validation images after each epoch: `curves` {name: fractions (epochs,)}.

    The Figure has a `description`.
    """
    figure, axis = new(height=3.8)
    for name, curve in curves.items():
        shares = 100 * np.asarray(curve)
        axis.plot(range(1, len(shares) + 1), shares, marker="o", markersize=3.5, label=name)
    axis.set(title="Validation errors by epoch", xlabel="epoch", ylabel="misclassified, %, log scale", yscale="log")
    plain_ticks(axis.yaxis)
    axis.legend(loc="upper right", ncols=2)
    ends = [f"{name} from {100 * curve[0]:.2f} to {100 * curve[-1]:.2f}" for name, curve in curves.items()]
    return describe(figure, f"Curves, in per cent: {'; '.join(ends)}.")


def errors_by_step(ladders: Mapping[str, Mapping[int, Sequence[int]]], names: Sequence[str], images: int) -> Figure:
    """Return the errors of each training at each step, a panel per network: `ladders` {network: {step: errors}}.

    `names` are those of the steps, `images` how many are held out. The Figure has a `description`.
    """
    figure, axes = new(1, max(len(ladders), 1), width=9, height=3.6, sharey=True, squeeze=False)
    for axis, (network, steps) in zip(axes[0], ladders.items(), strict=False):
        for step, counts in steps.items():
            axis.plot(np.full(len(counts), step), counts, "o", color=SKY, markersize=5, alpha=0.8)
        axis.plot(list(steps), [np.mean(counts) for counts in steps.values()], "_-", color=BLUE, markersize=14)
        axis.set(title=network, yscale="log", xlim=(-0.5, len(names) - 0.5))
        axis.set_xticks(range(len(names)), [wrap(name, 1.5, 8) for name in names], rotation=60, ha="right", fontsize=8)
        axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
    axes[0, 0].set_ylabel("errors, log scale")
    heading(figure, f"Errors step by step, on {images:,} held-out images")
    words = []
    for network, steps in ladders.items():
        words.append(f"{network} {', '.join(f'{np.mean(counts):.0f}' for counts in steps.values())}")
    return describe(figure, f"Mean errors from step to step: {'; '.join(words)}.")


def stacked(axis: Axes, shares: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Draw a bar for each recipe, of pieces in per cent; return it in words. `shares`: {piece: {recipe: per cent}}."""
    ends: dict[str, float] = {}
    words = []
    for piece, values in shares.items():
        lefts = [ends.get(name, 0.0) for name in values]
        axis.barh(list(values), list(values.values()), left=lefts, label=piece)
        ends = {name: ends.get(name, 0.0) + value for name, value in values.items()}
        words.append(f"{piece} {', '.join(f'{value:.0f}%' for value in values.values())}")
    axis.set(title=title, xlabel="% of its time")
    axis.invert_yaxis()
    axis.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return "; ".join(words)


def time_spent(shares: Mapping[str, Mapping[str, float]], seconds: Mapping[str, float]) -> Figure:
    """Return where the time goes: of a step of training, per cent by piece and recipe, and of a run, seconds by piece.

    The Figure has a `description`.
    """
    figure, (left, right) = new(1, 2, width=9, height=3.4)
    words = stacked(left, shares, "A step of training")
    right.barh(list(seconds), list(seconds.values()), color=BLUE)
    right.set(title=f"python run_all.py: {sum(seconds.values()):.0f} s", xlabel="seconds")
    right.invert_yaxis()
    run = "; ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    return describe(figure, f"Bars for {', '.join(next(iter(shares.values()), {}))}: {words}; {run}.")


def time_by_amount(times: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Return seconds against amounts, a panel each, with straight lines: `times` {kind: (amounts, seconds)}.

    The Figure has a `description`.
    """
    figure, axes = new(1, len(times), width=9, height=3.2, squeeze=False)
    words = []
    for axis, (kind, (amounts, seconds)) in zip(axes[0], times.items(), strict=True):
        x, y = np.asarray(amounts, dtype=float), np.asarray(seconds, dtype=float)
        whole = np.array([0, x.max()])
        axis.plot(x, y, "o", whole, np.polyval(np.polyfit(x, y, 1), whole), "--")
        axis.set(title=f"Time by {kind}", xlabel=kind, ylabel="seconds", xlim=(0, None), ylim=(0, None))
        words += [f"{amount:,.0f} {kind} {taken:.1f} s" for amount, taken in zip(x, y, strict=True)]
    return describe(figure, f"{'; '.join(words)}.")


def arithmetic(
    widths: ArrayLike, seconds: ArrayLike, at_least: ArrayLike, rates: Mapping[str, float], limit: float
) -> Figure:
    """Return the time of 50 steps by width beside that of their arithmetic alone, and rates beside a `limit`, TFLOP/s.

    `rates`: {recipe: TFLOP/s while it trains}. The Figure has a `description`.
    """
    figure, (left, right) = new(1, 2, width=9, height=3.2)
    left.loglog(widths, seconds, "o-", label="50 steps")
    left.loglog(widths, at_least, "--", label="their arithmetic alone")
    left.set(title="Time by width", xlabel="width", ylabel="seconds")
    plain_ticks(left.yaxis)
    left.set_xticks(widths, [f"{width:.0f}" for width in np.asarray(widths)])
    left.xaxis.set_minor_formatter("")
    left.legend()
    right.bar(list(rates), list(rates.values()), color=BLUE)
    right.axhline(limit, color=RED, linestyle="--")
    right.annotate("matrix product", (0, limit), xytext=(0, -12), textcoords="offset points", color=RED)
    right.set(title="Rate of arithmetic", ylabel="TFLOP/s")
    reached = ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items())
    return describe(figure, f"Two panels: time by width, and rates: {reached}; limit {limit:.2f} TFLOP/s.")


def operators(shares: Mapping[str, Mapping[str, float]], ratios: Mapping[str, float]) -> Figure:
    """Return the time of a step by operator, per cent, and the time with one choice changed, times that as it is.

    `shares`: {operator: {recipe: per cent}}; `ratios`: {what is changed: times}. The Figure has a `description`.
    """
    figure, (left, right) = new(1, 2, width=9, height=3.8)
    words = stacked(left, shares, "The operators of a step")
    bars = right.barh([wrap(what, 1.5, 9) for what in ratios], list(ratios.values()), color=BLUE)
    right.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    right.axvline(1, color=RED, linestyle="--")
    right.set(title="One choice changed", xlabel="time of best, times as it is", xlim=(0, 1.15 * max(ratios.values())))
    right.invert_yaxis()
    right.tick_params(axis="y", labelsize=8)
    changed = "; ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items())
    return describe(figure, f"Bars by operator: {words}. One choice changed: {changed}.")
