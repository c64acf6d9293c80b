"""The one style of all figures: colours, sizes, ticks, and names that fit."""

import math
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.rcsetup import cycler
from matplotlib.text import Annotation
from matplotlib.ticker import Locator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

# What a page calls --chart-..., on white; in the dark it has lighter ones (svg.VARIABLES). They are near the palette of
# Okabe and Ito (2008), which readers with any colour vision can tell apart, and have at least 3:1 of contrast.
INK = "#1b1f24"  # text, main axis
QUIET = "#57606a"  # tick labels
GRID = "#d8dee4"  # grid lines, frames: no data
ACCENT = "#0072b2"  # what the figure is about
ERROR = "#d55e00"  # mistakes, what is wrong
GREY = "#6b7280"  # what it is compared with
GREEN = "#00805e"  # this and the next two: only where more than two lines must be told apart
PURPLE = "#a2508a"
BROWN = "#8a5a00"
PAPER = "#ffffff"
COLOURS = (ACCENT, ERROR, GREEN, PURPLE, BROWN, GREY)

TEXT = 13  # points, which are pixels in a page: no text is smaller
WIDE = 704 / 72  # inches: a chart as wide as the text of a page
NARROW = 340 / 72  # a chart that a phone shows as it is, or one of two side by side
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": QUIET,
    "axes.labelsize": TEXT,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.01,
    "font.size": TEXT,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "image.cmap": "gray_r",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}
MORE_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Noto Sans")


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


Drawn = TypeVar("Drawn")


def describe(figure: Drawn, text: str) -> Drawn:
    """Return a Figure, or Panels, that carries its alternative text, as `figure.description`."""
    figure.description = text  # type: ignore[attr-defined]
    return figure


def when_laid_out(figure: Figure, fit: Callable[[], Any]) -> None:
    """Call `fit` each time a Figure has been laid out in some width: it fits what depends on the room there is."""
    figure.fits = [*getattr(figure, "fits", []), fit]  # type: ignore[attr-defined]


def when_sized(figure: Figure, height_for: Callable[[float], float]) -> None:
    """Let the height of a Figure follow from its width, both in inches, whenever it is laid out.

    `height_for` is called before that, and may arrange the Figure's axes anew.
    """
    figure.height_for = height_for  # type: ignore[attr-defined]


def lay_out(figure: Figure, width: float) -> None:
    """Lay a Figure out anew, `width` inches wide; and as high as `when_sized` asked for."""
    height_for = getattr(figure, "height_for", None)
    figure.set_size_inches(width, height_for(width) if height_for else figure.get_figheight())
    fits = getattr(figure, "fits", [])
    for _ in fits and range(2):  # what is fitted takes its own room
        figure.draw_without_rendering()
        for fit in fits:
            fit()


def label_lines(axis: Axes, lines: Mapping[str, Line2D], points: float = 8) -> None:
    """Write its name beside the end of each of `lines`, in its colour, so many `points` to the right of it.

    Names that would cover each other move up and down as little as possible.
    """
    labels = []
    for name, line in lines.items():
        known = np.asarray(line.get_xydata(), dtype=float)
        known = known[np.isfinite(known).all(axis=1)]
        if axis.get_yscale() == "log":
            known = known[known[:, 1] > 0]  # 0 has no place
        if len(known):
            style: dict[str, Any] = {"color": line.get_color(), "fontweight": "bold", "annotation_clip": False}
            labels.append(axis.annotate(name, known[-1], (points, 0), textcoords="offset points", va="center", **style))
    when_laid_out(figure_of(axis), lambda: spread(axis, labels))


def figure_of(axis: Axes) -> Figure:
    """Return the Figure that axes stand in."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    return figure


def spread(axis: Axes, labels: Sequence[Annotation]) -> None:
    """Move `labels` of points up and down, as little as possible, until none covers another."""
    from scipy.optimize import isotonic_regression  # here, because it takes a while and few charts need it

    whole, dot = axis.get_window_extent(), figure_of(axis).dpi / 72
    ends = np.array([axis.transData.transform(label.xy)[1] for label in labels]) / dot
    lowest, highest = whole.y0 / dot + 0.6 * TEXT, whole.y1 / dot  # above the axis's line
    ends = np.nan_to_num(ends, neginf=lowest, posinf=highest)
    places = np.clip(ends, lowest, highest)
    order = np.argsort(places, kind="stable")
    gaps = 1.25 * TEXT * np.arange(len(labels))
    moved = isotonic_regression(places[order] - gaps).x + gaps if labels else gaps
    for place, number in enumerate(order):
        others = [label.xy for label in labels if label is not labels[number]]
        turn(labels[number], moved[place] - ends[number], others)


def turn(label: Annotation, shift: float, others: Sequence[tuple[float, float]]) -> None:
    """Move a label of a point so many points up, and to the left of its point where it would cover one of `others`."""
    axes = label.axes
    assert axes is not None
    right = abs(label.get_position()[0])
    label.set(position=(right, shift), ha="left")
    if others:
        box = label.get_window_extent()
        covered = axes.transData.transform(others)
        if ((box.p0 - 4 < covered) & (covered < box.p1 + 4)).all(axis=1).any():
            label.set(position=(-right, shift), ha="right")


class PlainLogTicks(Locator):
    """Ticks of a logarithmic axis at plain numbers: at least three of them, at most as many as there is room for."""

    axis: Any
    STEPS: ClassVar = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
    MOST = 8

    def __init__(self, least: float = 0) -> None:
        """Leave out what is below `least`, but for 0, which a scale that is linear there has a place for."""
        self.least = least

    def __call__(self) -> Any:
        """Return the places of the ticks within the axis's limits."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the places of the ticks from `vmin` to `vmax`."""
        low, high = sorted((vmin, vmax))
        if low <= 0:
            return np.array([0, *self.tick_values(self.least or high / 1000, high)])
        low = max(low, self.least)
        choices = [ticks[(low <= ticks) & (ticks <= high)] for ticks in self.choices(low, high)]
        choices = [ticks for ticks in choices if len(ticks) >= 3]
        fitting = [ticks for ticks in choices if self.fit(ticks)]
        return max(fitting, key=len) if fitting else min(choices, key=len, default=np.array([low, high]))

    def choices(self, low: float, high: float) -> Iterator[np.ndarray]:
        """Yield the ticks that there may be, some of them outside the limits."""
        exponents = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for step in range(1, len(exponents)):
            yield 10.0 ** exponents[::step]
        for steps in self.STEPS:
            yield np.outer(10.0**exponents, steps).ravel()
        for count in (3, 5):
            yield np.asarray(MaxNLocator(count, steps=(1, 2, 5, 10), min_n_ticks=3).tick_values(low, high))

    def fit(self, ticks: np.ndarray) -> bool:
        """Return whether the labels of ticks stand apart."""
        axes = self.axis.axes
        points = points_of(axes)
        ends = np.log10(np.maximum(np.abs(self.axis.get_view_interval()), self.least or 1e-300))
        if isinstance(self.axis, XAxis):
            length, sizes = points[0], np.array([0.64 * TEXT * len(plain(tick)) for tick in ticks])
        else:
            length, sizes = points[1], np.full(len(ticks), 1.2 * TEXT)
        places = np.log10(ticks) * length / max(abs(ends[1] - ends[0]), 1e-12)
        apart = np.diff(places) - (sizes[:-1] + sizes[1:]) / 2
        return len(ticks) <= self.MOST and bool((apart >= 6).all())


def plain(value: float, _: Any = None) -> str:
    """Return a number without an exponent, its thousands set apart: 0.00001, 0.5, 20, 1,000."""
    text = f"{value:,.12f}".rstrip("0").rstrip(".")
    return text if float(text.replace(",", "")) or not value else f"{value:g}"


def plain_ticks(axis: Axis, least: float = 0) -> None:
    """Let a logarithmic `axis` (figure.xaxis or yaxis) have at least three ticks, at plain numbers.

    Of a scale that is linear near 0, `least` is where it begins to be logarithmic: from there on, and at 0, are ticks.
    """
    axis.set_major_locator(PlainLogTicks(least))
    axis.set_major_formatter(plain)
    axis.set_minor_locator(NullLocator())


def name_ticks(axis: Axis, names: Sequence[str], places: ArrayLike | None = None, inches: float = 0) -> None:
    """Write a class's name at each of `places` (0, 1, ...) along `axis` (figure.xaxis or yaxis).

    Names that do not fit side by side stand upright, long ones are shortened; of very many, every second, third, ...
    is written. The axis is taken to be `inches` long until it is laid out.
    """
    places = np.arange(len(names)) if places is None else np.asarray(places)
    side = isinstance(axis, YAxis)
    figure = figure_of(axis.axes)

    def fit(length: float, of: float) -> None:
        room = length / max(of, 1)  # points for each
        shown = [shorten(name, 20) for name in names]
        letters = max(int(room / (0.6 * TEXT)), 1)
        wrapped = shown if side else [textwrap.fill(name, letters, break_long_words=False) for name in shown]
        upright = max(len(line) for name in wrapped for line in name.split("\n")) * TEXT * 0.6 > room and not side
        step = math.ceil(1.1 * TEXT / room) if side or upright else 1
        axis.set_ticks(places[::step], (shown if upright else wrapped)[::step], rotation=90 if upright else 0)

    def fit_again() -> None:
        fit(points_of(axis.axes)[int(side)], abs(np.diff(axis.get_view_interval())[0]))

    fit(72 * (inches or 0.85 * figure.get_size_inches()[int(side)]), len(names))
    when_laid_out(figure, fit_again)


def points_of(axes: Axes) -> np.ndarray:
    """Return how wide and how high axes are, in points."""
    return 72 * np.asarray(axes.get_position().size) * figure_of(axes).get_size_inches()


def wrap(text: str, inches: float, points: float = 10) -> str:
    """Return `text` broken into lines that are `inches` long in letters of `points`; its own line breaks stay."""
    length = max(4, int(120 * inches / points))
    return "\n".join(textwrap.fill(line, length) for line in text.splitlines())


def shorten(name: str, length: int) -> str:
    """Return `name` cut to at most `length` characters, the last of them an ellipsis where something was cut off."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def count_lines(texts: Sequence[str]) -> int:
    """Return how many lines the longest of `texts` has; 0 where there is none."""
    return max((text.count("\n") + 1 for text in texts), default=0)


def heading(figure: Figure, title: str) -> None:
    """Put a title over a whole Figure, in the style of an axis's own."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold")


def without_ticks(axis: Axes) -> None:
    """Leave out ticks, grid and frame of an axis that holds an image."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
