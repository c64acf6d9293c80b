"""The one style of all figures: colours, sizes, ticks, and names that fit."""

import math
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from numpy.typing import ArrayLike

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
PHONE = 4.4  # inches: a figure that wide is read on a phone as it is


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


def describe(figure: Figure, text: str) -> Figure:
    """Return a Figure that carries its alternative text, as `figure.description`."""
    figure.description = text  # type: ignore[attr-defined]
    return figure


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


def without_ticks(axis: Axes) -> None:
    """Leave out ticks, grid and frame of an axis that holds an image."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
