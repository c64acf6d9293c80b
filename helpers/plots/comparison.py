"""Figures of 05_comparison, 07_published and 08_speed."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import evaluation
from .style import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, describe, heading, new, plain_ticks, wrap


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
