"""Figures of 01_eda."""

import itertools
import string
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from .labels import Names, square
from .pictures import MNISTS, drawable
from .showing import Panels
from .style import (
    ACCENT,
    BROWN,
    ERROR,
    GREEN,
    GREY,
    INK,
    NARROW,
    PURPLE,
    TEXT,
    WIDE,
    describe,
    name_ticks,
    new,
    plain_ticks,
    shorten,
    without_ticks,
)

CLASS_COLOURS = (ACCENT, ERROR, GREEN, PURPLE, BROWN, GREY)  # again from the first on: the marks differ, too
MOST_FILES = 1000  # dots, which stand for all
MARKS = string.ascii_uppercase + string.ascii_lowercase  # of classes whose names are longer than a letter


def pixels_and_numbers(image: np.ndarray, side: int = 12) -> Panels:
    """Return an image, uint8 (c, h, w), beside the numbers of its first channel in the middle, `side` by `side`."""
    image = np.asarray(image)
    top, left = image.shape[1] // 2 - side // 2, image.shape[2] // 2 - side // 2
    numbers = image[0, top : top + side, left : left + side]
    cmap = "gray_r" if image.shape == MNISTS else "gray"
    (seen, whole), (given, part) = new(width=NARROW, height=NARROW), new(width=NARROW, height=NARROW)
    whole.imshow(drawable(image), cmap=cmap, vmin=0, vmax=255)
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=ERROR, linewidth=2))
    pale = 0.35 * numbers if image.shape == MNISTS else 166 + 0.35 * numbers  # so that numbers can be read on it
    part.imshow(pale.round().astype(np.uint8), vmin=0, vmax=255, cmap=cmap)
    for (row, column), value in np.ndenumerate(numbers):
        part.text(column, row, value, ha="center", va="center", fontsize=TEXT)
    for axis, title in ((whole, "What we see"), (part, "What a model gets")):
        axis.set_title(title)
        without_ticks(axis)
    text = f"An image; its middle {side} by {side} pixels as numbers from 0 to 255."
    return describe(Panels([seen, given]), text)


def pixel_values(levels: Mapping[str, ArrayLike], mean_image: np.ndarray) -> Panels:
    """Return how often each pixel value occurs in each channel, beside the mean image, uint8 (c, h, w).

    `levels`: {channel: how often the values 0 to 255 occur, (256,)}; "red", "green" and "blue" have their own colours.
    """
    (often, left), (mean, right) = new(width=NARROW, height=3.4), new(width=NARROW, height=3.4)
    colours = {"red": ERROR, "green": GREEN, "blue": ACCENT}
    ends: list[tuple[float, float, float]] = []
    for channel, counts in levels.items():
        occurs = np.asarray(counts, dtype=float)
        grouped = 100 * occurs.reshape(-1, 8).sum(axis=1) / occurs.sum()
        left.step(np.arange(4, 256, 8), grouped, where="mid", color=colours.get(channel, ACCENT))
        place = 8 + 8 * len(ends)  # of 32 steps; the names stand apart
        ends.append((4 + 8.0 * place, 4 + 8.0 * place, float(grouped[place])))
    left.set(title="How often each value occurs", yscale="log", xlabel="pixel value", ylabel="% of pixels, log scale")
    left.set_xticks([0, 64, 128, 192, 255])
    plain_ticks(left.yaxis)
    if len(levels) > 1:
        names = Names(left, list(levels), ends, fontweight="bold")
        for name, channel in zip(names.texts, levels, strict=True):
            name.set_color(colours.get(channel, ACCENT))
    cmap = "gray_r" if mean_image.shape == MNISTS else "gray"
    right.imshow(drawable(mean_image), cmap=cmap, vmin=0, vmax=255)
    right.set_title("The mean image")
    without_ticks(right)
    text = "A histogram of pixel values on a logarithmic scale, and the mean image."
    return describe(Panels([often, mean]), text)


def boxes(values: Sequence[ArrayLike], names: Sequence[str], title: str, label: str) -> Figure:
    """Return a box for each class: median, middle half, and whiskers from the 5th to the 95th percentile."""
    figure, axis = new(width=WIDE, height=3.4)
    thin = {"color": GREY}
    style = {"boxprops": thin, "whiskerprops": thin, "capprops": thin, "medianprops": {"color": ACCENT, "linewidth": 3}}
    axis.boxplot(list(values), positions=range(len(names)), whis=(5, 95), showfliers=False, **style)
    name_ticks(axis.xaxis, names)
    axis.set(title=title, xlabel="class", ylabel=label)
    axis.grid(axis="x", visible=False)
    medians = [float(np.median(np.asarray(some))) for some in values]
    return describe(figure, f"Box plots; the medians run from {min(medians):.1f} to {max(medians):.1f}.")


def file_sizes(heights: np.ndarray, widths: np.ndarray, side: int) -> Panels:
    """Return the sizes of files in pixels, and how wide they are against their height; `side` is that of the images."""
    (sizes, left), (shapes, right) = new(width=NARROW, height=3.2), new(width=NARROW, height=3.2)
    some = np.unique(np.linspace(0, len(widths) - 1, MOST_FILES).round().astype(int))
    left.scatter(widths[some], heights[some], s=8, alpha=0.6, linewidths=0, color=ACCENT)
    left.set(title="Sizes of the files", xlabel="width, pixels", ylabel="height, pixels", xlim=0, ylim=0)
    right.hist(np.log2(widths / heights), bins=31, color=ACCENT)
    right.set(title="Width to height", xlabel="width / height (log2)", ylabel="images")
    smaller = int((np.minimum(heights, widths) < side).sum())
    text = f"{smaller:,} of {len(heights):,} files have a side of fewer than {side} pixels."
    return describe(Panels([sizes, shapes]), text)


def class_pairs(values: Mapping[str, np.ndarray], names: Sequence[str], dark_is_high: Collection[str] = ()) -> Panels:
    """Return what holds of each two classes as squares, a panel each: {title: float (classes, classes)}, NaN left out.

    Dark cells are low, and high in the panels whose titles are in `dark_is_high`. The numbers are written for up to 12
    classes.
    """
    panels, spans = [], []
    for title, table in values.items():
        figure, axis = new(width=NARROW, height=NARROW)
        known = table[~np.isnan(table)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        shares = (table - low) / max(high - low, 1e-9)
        strength = shares if title in dark_is_high else 1 - shares
        if len(names) <= 12:
            write_pairs(figure, table, strength)
        else:
            axis.imshow(strength, cmap="Blues", vmin=0, vmax=1.1)
        axis.set_title(title)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        for side in (axis.xaxis, axis.yaxis):
            name_ticks(side, names, inches=3.9)
        spans.append(f"{title}: {low:.1f} to {high:.1f}")
        panels.append(figure)
    return describe(Panels(panels), f"Square tables, mirrored at the diagonal. {'; '.join(spans)}.")


def write_pairs(figure: Figure, table: np.ndarray, strength: np.ndarray) -> None:
    """Draw the cells of a table, (classes, classes), on a Figure's axis with their numbers; NaN is left blank.

    `strength`: of each cell's colour, from 0 to 1, of the same shape.
    """
    (axis,) = figure.axes
    for (row, column), value in np.ndenumerate(table):
        if not np.isnan(value):
            axis.add_patch(square(column, row, ACCENT, 0.05 + 0.5 * float(strength[row, column])))
            axis.text(
                column, row, f"{value:.1f}" if value < 10 else f"{value:.0f}", ha="center", va="center", color=INK
            )
    count = len(table)
    axis.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")


def flat_maps(maps: Mapping[str, ArrayLike], labels: ArrayLike, names: Sequence[str]) -> Panels:
    """Return flat maps, a panel each, {title: points (n, 2)}: every image is drawn as its class's name.

    `labels` are places in `names`. A letter stands for a class whose name is longer than that, and a key names them.
    """
    classes = np.asarray(labels)
    short = all(len(name) == 1 for name in names)
    marks = list(names) if short else list(itertools.islice(itertools.cycle(MARKS), len(names)))
    panels = []
    for title, points in maps.items():
        figure, axis = new(width=NARROW, height=NARROW)
        places = np.asarray(points)
        for label in np.unique(classes):
            x, y = places[classes == label].T
            style = {"color": CLASS_COLOURS[label % len(CLASS_COLOURS)], "linewidths": 0}
            axis.scatter(x, y, s=34, marker=f"${marks[label]}$", **style)
        axis.set(title=title, xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
        panels.append(figure)
    if not short:
        panels.append(key_of(marks, names))
    return describe(Panels(panels), f"Each image drawn as its class: {' and '.join(maps)}.")


def key_of(marks: Sequence[str], names: Sequence[str], most: int = 40) -> Figure:
    """Return which mark stands for which class, of the first `most` classes."""
    shown = [f"{mark} {shorten(name, 18)}" for mark, name in zip(marks, names, strict=True)][:most]
    columns = 2
    rows = -(-len(shown) // columns)
    figure, axis = new(width=NARROW, height=0.25 * rows + 0.4)
    for place, text in enumerate(shown):
        colour = CLASS_COLOURS[place % len(CLASS_COLOURS)]
        axis.text(place // rows / columns, place % rows, text, color=colour, fontweight="bold", va="center")
    axis.set(title="Classes", xlim=(0, 1), ylim=(rows - 0.5, -0.5))
    axis.axis("off")
    return figure


def sizes_on_a_scale(values: Mapping[str, ArrayLike], title: str, label: str) -> Figure:
    """Return the distribution of the sizes of numbers, {group: any shape}, on a logarithmic scale of 0.001 to 1000."""
    figure, axis = new(width=WIDE, height=3)
    colours = itertools.cycle((GREY, GREEN, ACCENT, PURPLE))
    for (group, numbers), colour in zip(values.items(), colours, strict=False):
        counts, edges = np.histogram(np.abs(np.asarray(numbers)).ravel(), bins=np.geomspace(1e-3, 1e3, 121))
        middles = np.sqrt(edges[1:] * edges[:-1])
        axis.plot(middles, counts, drawstyle="steps-mid", color=colour, label=group)
    axis.set(title=title, xscale="log", xlabel=f"{label}, log scale", ylabel="how many")
    plain_ticks(axis.xaxis)
    look = {"labelcolor": "linecolor", "prop": {"weight": "bold"}}
    narrow = {"handlelength": 1, "handletextpad": 0.4, "columnspacing": 1.2}  # a phone is as wide as three names
    figure.legend(loc="outside lower left", ncols=len(values), **look, **narrow)
    medians = [f"{group} {np.median(np.abs(np.asarray(numbers))):.2g}" for group, numbers in values.items()]
    return describe(figure, f"Humps on a logarithmic scale; medians: {', '.join(medians)}.")
