"""Figures of 01_eda."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from .charts import clouds
from .pictures import MNISTS, drawable
from .style import BLUE, GREEN, RED, SKY, describe, name_ticks, new, without_ticks


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
