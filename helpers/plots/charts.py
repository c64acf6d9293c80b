"""Charts that more than one notebook draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from .. import evaluation
from .showing import Panels
from .style import (
    ACCENT,
    ERROR,
    GREEN,
    GREY,
    INK,
    NARROW,
    PAPER,
    TEXT,
    WIDE,
    figure_of,
    label_lines,
    name_ticks,
    new,
    plain_ticks,
    when_laid_out,
    when_sized,
)

PARTS: dict[str, dict[str, Any]] = {  # how the curves of the parts of the data are drawn, the one in question on top
    "train": {"color": GREY, "marker": "o"},
    "validation": {"color": ACCENT, "marker": "o"},
}


def bars(values: Mapping[str, Sequence[float]], names: Sequence[str], title: str, label: str) -> Figure:
    """Return grouped bars (dots for many names): `values` {group: one number per name}, a legend for several groups.

    `label` says what is counted, along the vertical axis.
    """
    figure, axis = new(width=WIDE, height=3.4)
    width = 0.84 / len(values)
    places = np.arange(len(names))
    for number, ((group, heights), colour) in enumerate(zip(values.items(), (ACCENT, GREY, GREEN), strict=False)):
        if len(names) > 30:  # too many for bars
            axis.plot(places, heights, "o", markersize=4, color=colour, label=group)
        else:
            left = places + (number - (len(values) - 1) / 2) * width
            axis.bar(left, heights, 0.9 * width, color=colour, label=group)
    name_ticks(axis.xaxis, names)
    axis.set(title=title, ylabel=label)
    if len(values) > 1:
        figure.legend(loc="outside lower left", ncols=3, handlelength=0.8, handleheight=0.8)
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
    figure, axis = new(width=WIDE, height=3.8)
    epochs = [row["epoch"] for row in history]
    scale = 100 if as_percent else 1
    for part, style in PARTS.items():
        values = [row[f"{part}_{quantity}"] * scale for row in history]
        axis.plot(epochs, values, markersize=marker_size(len(epochs)), label=part, **style)
    axis.set(title=title, xlabel="epoch", ylabel=label)
    mark_epochs(axis, epochs)
    if log:
        axis.set_yscale("log")
        plain_ticks(axis.yaxis)
    label_lines(axis, {line.get_label(): line for line in axis.lines})
    return figure


def marker_size(count: int) -> float:
    """Return how large the dots of a curve of so many are drawn, in points: one alone is to be seen."""
    return 9 if count == 1 else 5 if count <= 40 else 2


def mark_epochs(axis: Axes, epochs: Sequence[float]) -> None:
    """Let a horizontal axis show whole epochs, and reach half an epoch beyond them."""
    beyond = 0.5 if len(epochs) == 1 else 0.02 * (epochs[-1] - epochs[0])
    axis.set_xlim(epochs[0] - beyond, epochs[-1] + beyond)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))


def losses_by_step(
    losses: ArrayLike, title: str, window: int = 1, level: float | None = None, level_name: str = ""
) -> Figure:
    """Return the loss of every step on a logarithmic scale, and its moving mean over `window` steps.

    `losses`: (steps,), in nats. Of up to 100 each is a dot; of more, a band reaches from the lowest to the highest of
    those that lie next to each other. `level` draws a dashed line to compare with, called `level_name`.
    """
    figure, axis = new(width=WIDE, height=3.8)
    losses = np.asarray(losses, dtype=float)
    steps = np.arange(1, len(losses) + 1)
    lines: dict[str, Line2D] = {}
    if len(losses) > 100:
        draw_band(axis, steps, losses)
    else:
        (lines["one batch"],) = axis.plot(steps, losses, "o-", color=ACCENT, markersize=4, linewidth=1)
    if window > 1:
        sums = np.cumsum(np.concatenate([np.zeros(window), losses]))
        means = (sums[window:] - sums[:-window]) / np.minimum(steps, window)
        some = np.linspace(0, len(steps) - 1, min(len(steps), 300)).astype(int)  # as many as can be told apart
        (lines[f"mean of\n{window} steps"],) = axis.plot(steps[some], means[some], color=ACCENT)
    elif len(losses) > 100:
        (lines["loss"],) = axis.plot(steps, losses, color=ACCENT, linewidth=1.2)
    axis.set(title=title, xlabel="step", ylabel="training loss, log scale", yscale="log")
    plain_ticks(axis.yaxis)
    axis.margins(x=0.01)
    if level is not None:
        mark_level(axis, level, level_name)
    label_lines(axis, lines)
    return figure


def draw_band(axis: Axes, steps: np.ndarray, losses: np.ndarray, most: int = 120) -> None:
    """Draw a pale band from the lowest to the highest of `losses` that lie next to each other, with its name."""
    parts = np.array_split(np.arange(len(losses)), most)
    lows, highs = (np.array([limit(losses[part]) for part in parts]) for limit in (np.min, np.max))
    middles = np.array([steps[part].mean() for part in parts])
    axis.fill_between(middles, lows, highs, color=GREY, alpha=0.25, linewidth=0)
    place = int(0.55 * most)
    axis.annotate(
        "lowest to highest batch",
        (middles[place], highs[place : place + most // 3].max()),
        (0, 4),
        textcoords="offset points",
        color=GREY,
    )


def mark_level(axis: Axes, level: float, name: str) -> None:
    """Draw a dashed line at a height to compare with, and its name on it, at the right."""
    axis.axhline(level, color=GREY, linestyle="--", linewidth=1.2)
    axis.annotate(
        name, (1, level), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points", color=GREY, ha="right"
    )


def trade_off(
    accuracy: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    costs: Mapping[str, Mapping[str, float]],
) -> Panels:
    """Return accuracy in per cent, with its interval, against each of `costs`, a panel each, on a logarithmic scale.

    `accuracy` is {name: fraction}, `interval` {name: (low, high)}, `costs` {what it costs: {name: value}}.
    """
    panels = Panels([])
    shares = 100 * np.array(list(accuracy.values()))
    ends = 100 * np.array([interval[name] for name in accuracy]).T
    for label, cost in costs.items():
        figure, axis = new(width=NARROW, height=4.4)
        points = {}
        for (name, value), share, reach in zip(cost.items(), shares, np.abs(ends - shares).T, strict=True):
            style = {"fmt": "o", "color": ACCENT, "markersize": 7, "elinewidth": 1.5}
            points[name] = axis.errorbar(value, share, reach[:, None], **style).lines[0]
        label_lines(axis, points)
        axis.set(title=f"Accuracy against {label}", xlabel=f"{label}, log scale", ylabel="accuracy, %", xscale="log")
        axis.margins(x=0.12, y=0.08)
        plain_ticks(axis.xaxis)
        panels.append(figure)
    return panels


def confusion_matrix(table: np.ndarray, names: Sequence[str], title: str) -> Panels:
    """Return the confusion matrix as counts and as shares of each true class; rows true, columns predicted.

    `table`: int64 (classes, classes). A number is written where its cell has room for it.
    """
    percent = 100 * table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    longest = min(max(map(len, names)), 20)
    beside = 0.0 if longest <= 2 else 0.11 * longest  # inches for the names, which are higher than wide below
    panels = Panels([])
    for values, form, head in ((table, "d", title), (percent, ".1f", "% of each true class")):
        figure, axis = new(width=NARROW if len(names) <= 12 else WIDE)
        when_sized(figure, lambda width: width - beside + 0.8 + (beside if len(names) > 4 else 0))
        heat_map(axis, values, form)
        axis.set(xlabel="predicted", ylabel="true", title=head)
        for side in (axis.xaxis, axis.yaxis):
            name_ticks(side, names, np.arange(len(names)) + 0.5)
            side.set_tick_params(length=0)
        panels.append(figure)
    return panels


def heat_map(axis: Axes, values: np.ndarray, form: str) -> None:
    """Draw the cells of a confusion matrix on `axis`, with their `values`, (classes, classes), in the format `form`.

    The diagonal is pale blue, mistakes are the darker the more there are of them, empty cells are grey. Of more than
    26 classes no values are written, and of others those for which their cells have room.
    """
    import seaborn  # here, because it takes over a second and most notebooks draw none

    written = len(values) <= 26
    style: dict[str, Any] = {"cbar": False, "square": True, "vmin": 0, "ax": axis, "fmt": form, "annot": written}
    style |= {"linewidths": 1 if written else 0, "linecolor": PAPER, "annot_kws": {"color": INK, "size": TEXT}}
    diagonal = np.eye(len(values), dtype=bool)
    empty = values == 0
    most = max(values[~diagonal].max(), 0.1)
    seaborn.heatmap(values, mask=~diagonal | empty, cmap=shades(ACCENT, 0.22, 0.22), vmax=most, **style)
    seaborn.heatmap(values, mask=diagonal | empty, cmap=shades(ERROR, 0.08, 0.6), vmax=most, **style)
    if written:
        seaborn.heatmap(values, mask=~empty, cmap=shades(GREY, 0.1, 0.1), vmax=1, **style | {"annot": False})
        for text in axis.texts:
            text.set_text(text.get_text().replace("100.0", "100"))  # a cell has room for no more
    else:  # cells are small, so that the whole ground may as well be grey
        axis.axhspan(0, len(values), color=GREY, alpha=0.1, linewidth=0, zorder=0)
    axis.grid(False)
    axis.set_anchor("NW")
    axis.spines[:].set_visible(False)
    when_laid_out(figure_of(axis), lambda: write_what_fits(axis))


def shades(colour: str, palest: float, darkest: float) -> mpl.colors.ListedColormap:
    """Return a scale of one colour, from `palest` to `darkest`, which let a light or a dark ground through."""
    return mpl.colors.ListedColormap([mpl.colors.to_rgba(colour, share) for share in np.linspace(palest, darkest, 64)])


def write_what_fits(axis: Axes) -> None:
    """Show the number of each cell of a heat map whose width it does not exceed by more than a tenth."""
    left, right = axis.transData.transform([(0, 0), (1, 0)])[:, 0]
    renderer = FigureCanvasAgg(figure_of(axis)).get_renderer()
    for text in axis.texts:
        text.set_visible(True)  # what is not to be seen has no width
        text.set_visible(text.get_window_extent(renderer).width <= 1.1 * (right - left))


def reliability(predictions: evaluation.Predictions, title: str, bins: int = 15) -> Panels:
    """Return the reliability diagram, with 95% intervals, beside how many images have which confidence.

    `bins` are those of evaluation.reliability: each bar stands on its own.
    """
    table = evaluation.reliability(predictions, bins)
    confidence, accuracy, count = (table[key] for key in ("confidence", "accuracy", "count"))
    hits = np.rint(accuracy * count)
    ends = np.array([evaluation.wilson(*pair) for pair in zip(hits, count, strict=True)]).T
    edges = np.arange(bins + 1) / bins
    lowest = edges[max(int(confidence.min() * bins), 0)]
    left, axis = new(width=NARROW, height=4.4)
    axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2)
    axis.errorbar(confidence, accuracy, np.abs(ends - accuracy), fmt="o", color=ACCENT, markersize=6, elinewidth=1.5)
    axis.set(title=title, xlabel="confidence", ylabel="share classified correctly", xlim=(lowest - 0.01, 1.02))
    axis.set_ylim(max(min(ends.min(), lowest) - 0.04, 0), 1.02)
    note = {"xycoords": "axes fraction", "color": GREY, "ha": "right"}
    axis.annotate("dashed: perfectly\ncalibrated", (0.98, 0.03), **note)
    right, axis = new(width=NARROW, height=4.4)
    held = np.minimum((predictions.confidence * bins).astype(int), bins - 1)
    counts = np.bincount(held, minlength=bins)
    axis.bar(edges[:-1], counts, width=0.92 / bins, align="edge", color=ACCENT)
    axis.set(title="Images at each confidence", xlabel="confidence", ylabel="images, log scale", yscale="log")
    axis.set(ylim=(0.7, None), xlim=(lowest - 0.01, 1.02))
    plain_ticks(axis.yaxis)
    return Panels([left, right])
