"""The one style of all figures: colours, sizes, ticks, and names that fit."""

import math
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
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
GREEN, PURPLE, BROWN = "#00805e", "#a2508a", "#8a5a00"  # only where more than two lines must be told apart
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

# Names of earlier figures.
BLUE, ORANGE, RED, SKY, YELLOW, BLACK = ACCENT, ERROR, ERROR, ACCENT, BROWN, INK
PHONE = NARROW


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


def lay_out(figure: Figure, width: float) -> None:
    """Lay a Figure out anew, `width` inches wide."""
    figure.set_figwidth(width)
    figure.draw_without_rendering()
    for fit in getattr(figure, "fits", []):
        fit()


def label_lines(axis: Axes, lines: Mapping[str, Line2D], points: float = 8) -> None:
    """Write its name beside the end of each of `lines`, in its colour, so many `points` to the right of it.

    Names that would cover each other move up and down as little as possible.
    """
    labels = []
    for name, line in lines.items():
        known = np.asarray(line.get_xydata(), dtype=float)
        known = known[np.isfinite(known).all(axis=1)]
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
    ends = [axis.transData.transform(label.xy)[1] for label in labels]
    places = np.clip(np.nan_to_num(ends, neginf=whole.y0, posinf=whole.y1), whole.y0, whole.y1) / dot
    order = np.argsort(places, kind="stable")
    gaps = 1.25 * TEXT * np.arange(len(labels))
    moved = isotonic_regression(places[order] - gaps).x + gaps if labels else gaps
    for place, (label, new_place) in enumerate(zip([labels[number] for number in order], moved, strict=True)):
        label.set_position((label.get_position()[0], new_place - places[order[place]]))


class PlainLogTicks(Locator):
    """Ticks of a logarithmic axis at plain numbers: at least three of them, at most as many as there is room for."""

    axis: Any
    STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))

    def __call__(self) -> Any:
        """Return the places of the ticks within the axis's limits."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the places of the ticks from `vmin` to `vmax`, both above 0."""
        low, high = sorted((vmin, vmax))
        powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        room = max(self.axis.get_tick_space(), 3)
        found = [np.outer(powers, steps).ravel() for steps in self.STEPS]
        found = [ticks[(low <= ticks) & (ticks <= high)] for ticks in found]
        if len(found[0]) > room:
            return found[0][:: math.ceil(len(found[0]) / room)]
        fitting = [ticks for ticks in found if 3 <= len(ticks) <= room]
        if fitting:
            return fitting[-1]
        enough = [ticks for ticks in found if len(ticks) >= 3]
        if enough:
            return enough[0]
        ticks = np.asarray(MaxNLocator(min(room, 5), steps=(1, 2, 5, 10), min_n_ticks=3).tick_values(low, high))
        return ticks[(low <= ticks) & (ticks <= high)]


def plain(value: float, _: Any = None) -> str:
    """Return a number without an exponent, its thousands set apart: 0.00001, 0.5, 20, 1,000."""
    text = f"{value:,.12f}".rstrip("0").rstrip(".")
    return text if float(text.replace(",", "")) or not value else f"{value:g}"


def plain_ticks(axis: Axis) -> None:
    """Let a logarithmic `axis` (figure.xaxis or yaxis) have at least three ticks, at plain numbers."""
    axis.set_major_locator(PlainLogTicks())
    axis.set_major_formatter(plain)
    axis.set_minor_locator(NullLocator())


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
    figure.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold")


def without_ticks(axis: Axes) -> None:
    """Leave out ticks, grid and frame of an axis that holds an image."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
