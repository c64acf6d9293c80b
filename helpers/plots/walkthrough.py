"""Figures of 00_walkthrough."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .pictures import blocks_or_means, drawable
from .style import ACCENT, GREY, TEXT, WIDE, new, when_sized, without_ticks


def edges(image: np.ndarray, weights: np.ndarray, response: np.ndarray) -> Figure:
    """Return an image, uint8 (c, h, w), a filter, float (3, 3), and its response, float (h - 2, w - 2), side by side.

    The filter's weights are written into its cells. Blue is above 0, red below, pale at 0.
    """
    figure, axes = new(1, 3, width=WIDE)
    when_sized(figure, lambda width: width / 3 + 0.25)
    picture = drawable(image)
    axes[0].imshow(picture, interpolation=blocks_or_means(picture, 2.6))
    for axis, table in ((axes[1], weights), (axes[2], response)):
        limit = max(1.4 * float(np.abs(table).max()), 1e-12)  # no darker than black numbers can be read on
        axis.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), weight in np.ndenumerate(weights):
        axes[1].text(column, row, f"{weight:g}", ha="center", va="center", color="black")
    for axis, title in zip(axes, ("image", "filter", "response"), strict=True):
        without_ticks(axis)
        axis.set_title(title, fontweight="normal", fontsize=TEXT)
    return figure


def descent(
    weights: ArrayLike, losses: ArrayLike, path: Sequence[tuple[float, float]], slope: float, label: str = "one weight"
) -> Figure:
    """Return the loss in nats against one weight as a curve, and on it the (weight, loss) of steps of gradient descent.

    `weights` and `losses` are (n,); `slope` is that of the curve at the first step, where it is drawn.
    """
    figure, axis = new(width=WIDE, height=4.0)
    steps = np.asarray(path, dtype=float)
    around = steps[0, 0] + np.array([-1.2, 1.2]) * max(np.ptp(steps[:, 0]), 0.1)
    axis.plot(weights, losses, color=GREY)
    axis.plot(around, steps[0, 1] + slope * (around - steps[0, 0]), color=GREY, linestyle="--", linewidth=1.2)
    axis.plot(*steps.T, "o-", color=ACCENT, linewidth=1.2)
    beside: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}
    curve = np.column_stack([weights, losses]).astype(float)
    on_left = curve[0, 1] >= curve[-1, 1]  # its higher end: a valley has room inside
    style: dict[str, Any] = {"color": GREY, "ha": "left" if on_left else "right", "va": "center"}
    axis.annotate("loss", curve[0 if on_left else -1], (9 if on_left else -9, 0), fontweight="bold", **style, **beside)
    end = int(slope < 0)  # the lower end of the tangent
    place = (around[end], steps[0, 1] + slope * (around[end] - steps[0, 0]))
    style |= {"ha": "left" if end else "right", "va": "top"}
    axis.annotate("tangent, its slope\nthe gradient", place, (8 if end else -8, -2), **style, **beside)
    axis.margins(y=0.22)
    for number, point in enumerate(steps):
        axis.annotate(str(number), point, (0, 8), color=ACCENT, fontweight="bold", ha="center", **beside)
    axis.set(title=f"{len(steps) - 1} steps of gradient descent", xlabel=label, ylabel="loss")
    return figure
