"""Figures of 05_comparison, 07_published and 08_speed."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import evaluation
from .labels import Names, belongs_to, square
from .showing import Panels
from .style import (
    ACCENT,
    GREEN,
    GREY,
    INK,
    NARROW,
    QUIET,
    WIDE,
    describe,
    label_lines,
    new,
    plain_ticks,
)

ROW = 0.36  # inches: of a row with its name beside its marks
NAMED_ROW = 0.56  # of a row with its name above them


def errors_by_recipe(
    errors: Mapping[str, Sequence[int]], lines: Mapping[str, float], reported: Mapping[str, float], images: int
) -> Figure:
    """Return the errors of each training, a row per recipe, on a logarithmic scale; the first of `errors` on top.

    `errors`: {recipe: misclassified images of each training}; `lines` follow below as rows of their own, {name:
    errors}; `reported` by a recipe's author, {recipe: errors}. The Figure has a `description`.
    """
    figure, axis = new(width=WIDE, height=ROW * (len(errors) + len(lines)) + 0.9)
    spans = draw_rows(axis, errors, ACCENT)
    for name in [name for name in errors if name in reported]:
        count, row = reported[name], list(errors).index(name)
        axis.plot(count, row, "x", color=GREY, markersize=7, markeredgewidth=2, gid=belongs_to(name))
        spans[row] = (spans[row][0], max(spans[row][1], count), row)
    below = sorted(lines, key=lambda name: lines[name])
    for row, name in enumerate(below, len(errors)):
        axis.plot(lines[name], row, "D", color=GREY, markersize=6)
        spans.append((lines[name], lines[name], row))
    axis.set(title=f"Errors among {images:,} test images", xlabel="misclassified test images, log scale")
    axis.set(xscale="log", ylim=(len(spans) - 0.4, -0.6), yticks=[])
    axis.grid(True, axis="x")
    plain_ticks(axis.xaxis)
    if lines:  # then the axis is long
        axis.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 3)))
    names = Names(axis, [*errors, *below], spans, only_beside=True)
    for text, name in zip(names.texts, errors, strict=False):
        text.set_gid(belongs_to(name))
    means = "; ".join(f"{name} {np.mean(counts):.0f}" for name, counts in errors.items())
    return describe(figure, f"Mean errors by recipe: {means}.")


def draw_rows(axis: Axes, errors: Mapping[str, Sequence[float]], colour: str) -> list[tuple[float, float, float]]:
    """Draw a row of dots for each name, with a bar at their mean; return from where to where it goes, and its y."""
    spans: list[tuple[float, float, float]] = []
    for row, (name, counts) in enumerate(errors.items()):
        mean = float(np.mean(counts))
        axis.plot(counts, np.full(len(counts), row), "o", color=colour, markersize=6, alpha=0.6, gid=belongs_to(name))
        axis.plot(mean, row, "|", color=colour, markersize=16, markeredgewidth=3, gid=belongs_to(name))
        spans.append((min(*counts, mean), max(*counts, mean), row))
    return spans


KINDS_OF_RECIPE = {  # how `costs` draws them: marker, colour, and what fills it
    "published": ("o", GREY, "none"),
    "tuned": ("o", GREY, GREY),
    "ours": ("D", ACCENT, ACCENT),
    "ensemble": ("*", ACCENT, ACCENT),
}


COLOUR_OF_KIND = {"published": GREY, "tuned": GREEN, "ours": ACCENT, "ensemble": ACCENT}  # where all are lines


def costs(points: Mapping[str, tuple[float, float, float]], pairs: Sequence[tuple[str, str]]) -> Panels:
    """Return errors against seconds and against parameters, on logarithmic scales: down and to the left is better.

    `points`: {name: (seconds, parameters, errors)}; a name that ends in "together" is an ensemble. `pairs`: published
    and tuned recipe of a network, which a line joins; the network's name stands at its end. There is a `description`.
    """
    panels = Panels(
        [
            cost_panel({name: (point[0], point[2]) for name, point in points.items()}, pairs, "seconds of training"),
            cost_panel({name: (point[1], point[2]) for name, point in points.items()}, pairs, "parameters"),
        ]
    )
    words = []
    for name, (taken, size, count) in points.items():
        digits = int(taken < 10)  # after the decimal point
        words.append(f"{name}: {taken:.{digits}f} s, {size:,} parameters, {count:.0f} errors")
    return describe(panels, f"Two scatter plots. {'; '.join(words)}.")


def cost_panel(points: Mapping[str, tuple[float, float]], pairs: Sequence[tuple[str, str]], label: str) -> Figure:
    """Return one panel of `costs`: {name: (cost, errors)}."""
    figure, axis = new(width=NARROW, height=4.6)
    names = {name: name for name in points}
    for before, after in pairs:
        ends = np.array([points[before], points[after]]).T
        axis.plot(*ends, color=GREY, linewidth=1.2, gid=belongs_to(before, after))
        names[after] = after.rpartition("-")[0]
        del names[before]
    for name, point in points.items():
        marker, colour, filled = KINDS_OF_RECIPE[kind_of_recipe(name)]
        size = 12 if marker == "*" else 7
        style = {"color": colour, "markerfacecolor": filled, "markersize": size, "markeredgewidth": 1.6}
        axis.plot(*point, marker, gid=belongs_to(name), **style)
    axis.set(title=f"Errors by {label}", xlabel=f"{label}, log scale", ylabel="errors, log scale")
    axis.set(xscale="log", yscale="log")
    axis.margins(x=0.2, y=0.12)
    axis.xaxis.set_major_locator(mpl.ticker.LogLocator())
    axis.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
    axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    plain_ticks(axis.yaxis)
    order = sorted(names, key=lambda name: points[name][1])  # the best is named first, where there is most room
    written = Names(axis, [names[name] for name in order], [(points[name][0], *points[name]) for name in order])
    for text, name in zip(written.texts, order, strict=True):
        text.set(gid=belongs_to(name), color=ACCENT if names[name] == name else INK)
    return figure


def kind_of_recipe(name: str) -> str:
    """Return which of KINDS_OF_RECIPE a name is of."""
    kind = "ensemble" if name.endswith("together") else name.rsplit("-")[-1]
    return kind if kind in KINDS_OF_RECIPE else "ours"


def differences(pairs: Mapping[tuple[str, str], evaluation.Difference], ranking: Sequence[str], images: int) -> Figure:
    """Return a triangle: how many errors fewer, of `images`, the row's recipe makes than the column's, or "tie".

    A recipe's name stands where its row begins and its column ends, so that none has to be rotated. `pairs`: {(one,
    other): Difference}, each pair of `ranking` in its order. The Figure has a `description`.
    """
    count = len(ranking)
    figure, axis = new(width=WIDE, height=ROW * count + 0.4)
    largest = max((abs(one.mean) for one in pairs.values() if one.is_significant), default=1.0)
    for (one, other), difference in pairs.items():
        row, column = ranking.index(one), ranking.index(other)
        gid = belongs_to(one, other)
        text, colour = "tie", GREY
        if difference.is_significant:
            text, colour = f"{images * difference.mean:.0f}", INK
            strength = 0.12 + 0.43 * abs(difference.mean) / largest
            axis.add_patch(square(column, row, ACCENT, strength, gid=gid))
        axis.text(column, row, text, ha="center", va="center", color=colour, gid=gid)
    for place, name in enumerate(ranking):
        axis.text(place + 0.3, place, name, ha="right", va="center", fontweight="bold", gid=belongs_to(name))
    axis.set(title="How many errors fewer", xlim=(0.4, count - 0.5), ylim=(count - 0.5, -0.5), xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
    ties = [f"{one} and {other}" for (one, other), difference in pairs.items() if not difference.is_significant]
    return describe(figure, f"Triangular table of {count} recipes. Ties: {', '.join(ties) or 'none'}.")


def errors_of_recipes_by_epoch(curves: Mapping[str, np.ndarray]) -> Figure:
    """Return the share of misclassified validation images after each epoch: `curves` {name: fractions (epochs,)}.

    Our own recipes have the accent, other kinds one colour each. The Figure has a `description`.
    """
    figure, axis = new(width=WIDE, height=5.4)
    last = max(map(len, curves.values()))
    lines = {}
    for name, curve in reversed(list(curves.items())):  # the first on top
        shares = 100 * np.asarray(curve)
        style = {"color": COLOUR_OF_KIND[kind_of_recipe(name)], "gid": belongs_to(name)}
        axis.plot(range(1, len(shares) + 1), shares, marker="o", markersize=3.5, linewidth=1.5, **style)
        level = [len(shares), last], [shares[-1]] * 2  # on to where all names stand
        (lines[name],) = axis.plot(*level, linestyle=":", linewidth=1, **style)
    axis.set(title="Validation errors by epoch", xlabel="epoch", ylabel="misclassified, %, log scale", yscale="log")
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    plain_ticks(axis.yaxis)
    label_lines(axis, lines)
    for text in axis.texts:
        text.set_gid(belongs_to(text.get_text()))
    ends = [f"{name} from {100 * curve[0]:.2f} to {100 * curve[-1]:.2f}" for name, curve in curves.items()]
    return describe(figure, f"Curves, in per cent: {'; '.join(ends)}.")


def errors_by_step(ladders: Mapping[str, Mapping[int, Sequence[int]]], names: Sequence[str], images: int) -> Panels:
    """Return the errors of each training at each step, a panel per network: `ladders` {network: {step: errors}}.

    `names` are those of the steps, `images` how many are held out; one scale for all. There is a `description`.
    """
    everything = [count for steps in ladders.values() for counts in steps.values() for count in counts]
    panels = []
    for network, steps in ladders.items():
        figure, axis = new(width=NARROW, height=NAMED_ROW * len(steps) + 0.9)
        draw_rows(axis, {names[step]: counts for step, counts in steps.items()}, ACCENT)
        name_rows(axis, [names[step] for step in steps])
        axis.set(title=network, xlabel=f"errors among {images:,}, log scale", xscale="log")
        axis.set_xlim(0.8 * min(everything), 1.25 * max(everything))
        axis.grid(True, axis="x")
        plain_ticks(axis.xaxis)
        panels.append(figure)
    words = []
    for network, steps in ladders.items():
        words.append(f"{network} {', '.join(f'{np.mean(counts):.0f}' for counts in steps.values())}")
    return describe(Panels(panels), f"Mean errors from step to step: {'; '.join(words)}.")


def name_rows(axis: Axes, names: Sequence[str]) -> None:
    """Let each name stand at the left above its own row, 0, 1, ..., from the top; there are no ticks then."""
    for row, name in enumerate(names):
        place = (0, row - 0.25)
        axis.annotate(name, place, xycoords=axis.get_yaxis_transform(), ha="left", va="bottom", annotation_clip=False)
    axis.set(ylim=(len(names) - 0.6, -0.85), yticks=[])


def shares_by_piece(shares: Mapping[str, Mapping[str, float]], title: str) -> tuple[Figure, str]:
    """Return a row of dots for each piece, one for each recipe, and the same in words.

    `shares`: {piece: {recipe: per cent}}. The last recipe has the accent; their names stand beside the dots of the
    widest row.
    """
    figure, axis = new(width=NARROW, height=NAMED_ROW * len(shares) + 0.8)
    recipes = list(next(iter(shares.values()), {}))
    styles = dict(zip(reversed(recipes), ((ACCENT, ACCENT), (GREY, GREY), (GREY, "none")), strict=False))
    for row, values in enumerate(shares.values()):
        axis.plot([min(values.values()), max(values.values())], [row, row], color=GREY, linewidth=1)
        for recipe, value in values.items():
            colour, filled = styles.get(recipe, (GREY, GREY))
            style = {"color": colour, "markerfacecolor": filled, "markeredgewidth": 1.6}
            axis.plot(value, row, "o", markersize=8, **style)
    widest = max(range(len(shares)), key=lambda row: np.ptp(list(list(shares.values())[row].values())), default=0)
    named = list(list(shares.values())[widest].items()) if shares else []
    Names(axis, [name for name, _ in named], [(value, value, widest) for _, value in named], color=QUIET)
    name_rows(axis, list(shares))
    axis.set(title=title, xlabel="% of its time")
    axis.set_xlim(0, 1.25 * max((value for values in shares.values() for value in values.values()), default=1))
    axis.grid(True, axis="x")
    return figure, "; ".join(
        f"{piece} {', '.join(f'{value:.0f}%' for value in values.values())}" for piece, values in shares.items()
    )


def named_bars(values: Mapping[str, float], title: str, form: str, start: float = 0, compared: str = "") -> Figure:
    """Return bars from `start`, each with its name above and its value, in the format `form`, at its end.

    The one called `compared` is grey. No grid: the numbers say more.
    """
    figure, axis = new(width=NARROW, height=NAMED_ROW * len(values) + 0.4)
    for row, (name, value) in enumerate(values.items()):
        colour = GREY if name == compared else ACCENT
        axis.barh(row, value - start, 0.36, start, color=colour)
        beside = {"ha": "right" if value < start else "left", "va": "center", "textcoords": "offset points"}
        axis.annotate(form.format(value), (value, row), (-5 if value < start else 5, 0), **beside)
        axis.plot([start, start], [row - 0.24, row + 0.24], color=GREY, linewidth=1)
    low, high = min(start, *values.values()), max(start, *values.values())
    room = 0.3 * (high - low)  # for the numbers
    name_rows(axis, list(values))
    axis.set(title=title, xlim=(low - room * (low < start), high + room), xticks=[])
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    return figure


def time_spent(shares: Mapping[str, Mapping[str, float]], seconds: Mapping[str, float]) -> Panels:
    """Return where the time goes: of a step of training, per cent by piece and recipe, and of a run, seconds by piece.

    There is a `description`.
    """
    step, words = shares_by_piece(shares, "A step of training")
    run = named_bars(seconds, f"python run_all.py: {sum(seconds.values()):.0f} s", "{:.1f} s")
    taken = "; ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    recipes = ", ".join(next(iter(shares.values()), {}))
    return describe(Panels([step, run]), f"Dots for {recipes}: {words}. Bars: {taken}.")


def time_by_amount(times: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Panels:
    """Return seconds against amounts, a panel each, with straight lines: `times` {kind: (amounts, seconds)}.

    There is a `description`.
    """
    panels, words = [], []
    for kind, (amounts, seconds) in times.items():
        figure, axis = new(width=NARROW, height=3.2)
        x, y = np.asarray(amounts, dtype=float), np.asarray(seconds, dtype=float)
        whole = np.array([0, x.max()])
        axis.plot(whole, np.polyval(np.polyfit(x, y, 1), whole), "--", color=GREY)
        axis.plot(x, y, "o", color=ACCENT)
        axis.set(title=f"Time by {kind}", xlabel=kind, ylabel="seconds", xlim=(0, None), ylim=(0, None))
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))
        axis.xaxis.set_major_formatter("{x:,.0f}")
        panels.append(figure)
        words += [f"{amount:,.0f} {kind} {taken:.1f} s" for amount, taken in zip(x, y, strict=True)]
    return describe(Panels(panels), f"{'; '.join(words)}.")


def arithmetic(
    widths: ArrayLike, seconds: ArrayLike, at_least: ArrayLike, rates: Mapping[str, float], limit: float
) -> Panels:
    """Return the time of 50 steps by width beside that of their arithmetic alone, and rates beside a `limit`, TFLOP/s.

    `rates`: {recipe: TFLOP/s while it trains}. There is a `description`.
    """
    figure, axis = new(width=NARROW, height=3.4)
    x = np.asarray(widths, dtype=float)
    (whole,) = axis.loglog(x, seconds, "o-", color=ACCENT)
    (alone,) = axis.loglog(x, at_least, "--", color=GREY)
    axis.set(title="Time of 50 steps", xlabel="width, log scale", ylabel="seconds, log scale")
    plain_ticks(axis.yaxis)
    axis.set_xticks(x, [f"{width:.0f}" for width in x])
    axis.set_xticks([], minor=True)
    place = len(x) // 3
    for line, name in ((whole, "50 steps"), (alone, "their arithmetic alone")):
        y = float(np.asarray(line.get_ydata())[place])
        Names(axis, [name], [(x[place], x[place], y)], color=line.get_color(), fontweight="bold")
    product = "a matrix product"
    reached = named_bars({**rates, product: limit}, "Arithmetic a second, TFLOP/s", "{:.2f}", compared=product)
    words = ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items())
    return describe(
        Panels([figure, reached]), f"Two panels: time by width, and rates: {words}; limit {limit:.2f} TFLOP/s."
    )


def operators(shares: Mapping[str, Mapping[str, float]], ratios: Mapping[str, float]) -> Panels:
    """Return the time of a step by operator, per cent, and the time with one choice changed, times that as it is.

    `shares`: {operator: {recipe: per cent}}; `ratios`: {what is changed: times}. There is a `description`.
    """
    step, words = shares_by_piece(shares, "The operators of a step")
    changed = named_bars(ratios, "Time with one choice changed", "{:.2f}", start=1)
    in_words = "; ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items())
    return describe(Panels([step, changed]), f"Dots by operator: {words}. One choice changed: {in_words}.")
