"""Charts that more than one notebook draws."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import evaluation
from .style import BLUE, ORANGE, RED, SKY, heading, name_ticks, new, plain_ticks


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
