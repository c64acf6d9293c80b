"""Figures of the page over a grid of runs."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import evaluation
from .style import ACCENT, BROWN, ERROR, GREEN, GREY, INK, NARROW, PAPER, PURPLE, name_ticks, new, plain_ticks, shorten

ONE_RUN: dict[str, Any] = {  # hollow, over the interval and under the mean
    "color": GREY,
    "markerfacecolor": PAPER,
    "markersize": 7,
    "markeredgewidth": 1.4,
    "zorder": 2.5,
}
OF_SETTINGS = (ACCENT, ERROR, GREEN, PURPLE, BROWN, INK)  # the best first


def accuracy_by_value(values: Sequence[Any], accuracy: ArrayLike, label: str, logarithmic: bool = False) -> Figure:
    """Return validation accuracy, shares (runs,), against the value that each run has of one setting, called `label`.

    A dot is a run; beside the dots of a value stand their mean and, from two runs on, its interval by Student. Numbers
    lie on a scale, a logarithmic one where asked for; other values stand below each other, as names.
    """
    if not all(isinstance(value, int | float) for value in values):
        return accuracy_by_name([str(value) for value in values], accuracy, label)
    figure, axis = new(width=NARROW, height=3.2)
    different = sorted(set(values))
    shares, means, lows, highs = summarise_runs(values, accuracy, different)
    axis.plot(values, shares, "o", **ONE_RUN)
    axis.vlines(different, lows, highs, color=ACCENT)
    axis.plot(different, means, "D", color=ACCENT, markersize=5, zorder=2.6)
    axis.set(xlabel=label, ylabel="validation accuracy, %")
    if logarithmic:
        axis.set_xscale("log")
        plain_ticks(axis.xaxis)
    if len(different) <= 6:
        axis.set_xticks(different, [f"{value:g}" for value in different])
        axis.set_xticks([], minor=True)
    return figure


def accuracy_by_name(names: Sequence[str], accuracy: ArrayLike, label: str) -> Figure:
    """Return what `accuracy_by_value` shows where the values are names, the first at the top."""
    different = list(dict.fromkeys(names))
    room = min(max(0.45 * len(different), 1.5), 9.0)
    figure, axis = new(width=NARROW, height=room + 0.8)
    shares, means, lows, highs = summarise_runs(names, accuracy, different)
    places = np.arange(len(different))
    axis.plot(shares, [different.index(name) for name in names], "o", **ONE_RUN)
    axis.hlines(places, lows, highs, color=ACCENT)
    axis.plot(means, places, "D", color=ACCENT, markersize=5, zorder=2.6)
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
    figure, axis = new(width=NARROW, height=3.0 + legend_height(names))
    thin = 1.6 if len(curves) <= 12 else 0.7
    for curve, place in sorted(zip(curves, settings, strict=True), key=lambda pair: -pair[1]):  # the first on top
        loss = np.asarray(curve, dtype=float)
        loss = np.where(loss > 0, loss, np.nan)  # a logarithm has no place for others
        mark = "o" if len(loss) == 1 else ""
        axis.plot(1 + np.arange(len(loss)), loss, marker=mark, color=colour_of(place, len(names)), linewidth=thin)
    axis.set(xlabel="epoch", ylabel="validation loss, nats, log scale", yscale="log")
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
    figure, axis = new(width=NARROW, height=3.0 + legend_height(names))
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
    return OF_SETTINGS[0] if place == 0 else GREY


def legend_height(names: Sequence[str]) -> float:
    """Return the inches that `name_colours` takes below a figure."""
    return 0.27 * (len(names) if len(names) <= len(OF_SETTINGS) else 2)


def name_colours(figure: Figure, names: Sequence[str]) -> None:
    """Say below a Figure which colour is which setting's, as `colour_of` gives them out."""
    shown = [(colour_of(place, len(names)), name) for place, name in enumerate(names)]
    if len(names) > len(OF_SETTINGS):
        shown = [shown[0], (shown[1][0], f"the other {len(names) - 1} settings")]
    lines = [mpl.lines.Line2D([], [], color=colour, marker="o", markersize=4) for colour, _ in shown]
    figure.legend(lines, [shorten(name, 38) for _, name in shown], loc="outside lower left")
