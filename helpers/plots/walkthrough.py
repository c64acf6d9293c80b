"""Figures of 00_walkthrough."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .pictures import blocks_or_means, drawable
from .style import ACCENT, GREY, WIDE, new


def edges(image: np.ndarray, weights: np.ndarray, response: np.ndarray) -> Figure:
    """Return an image, uint8 (c, h, w), a filter, float (3, 3), and its response, float (h - 2, w - 2), side by side.

    The filter's weights are written into its cells. Blue is above 0, red below, pale at 0.
    """
    figure, axes = new(1, 3, width=8.6, height=2.9)
    picture = drawable(image)
    axes[0].imshow(picture, interpolation=blocks_or_means(picture, 2.6))
    for axis, table in ((axes[1], weights), (axes[2], response)):
        limit = max(1.4 * float(np.abs(table).max()), 1e-12)  # no darker than black numbers can be read on
        axis.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), weight in np.ndenumerate(weights):
        axes[1].text(column, row, f"{weight:g}", ha="center", va="center", fontsize=13)
    for axis, title in zip(axes, ("image", "filter", "response"), strict=True):
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontweight="normal", fontsize=10)
        axis.grid(False)
    return figure


def descent(
    weights: ArrayLike, losses: ArrayLike, path: Sequence[tuple[float, float]], slope: float, label: str = "one weight"
) -> Figure:
    """Return the loss in nats against one weight as a curve, and on it the (weight, loss) of steps of gradient descent.

    `weights` and `losses` are (n,); `slope` is that of the curve at the first step, where it is drawn.
    """
    figure, axis = new(width=WIDE, height=4.0)
    steps = np.asarray(path, dtype=float)
    around = steps[0, 0] + np.array([-0.6, 0.6]) * max(np.ptp(steps[:, 0]), 0.1)
    axis.plot(weights, losses, color=GREY)
    axis.plot(around, steps[0, 1] + slope * (around - steps[0, 0]), color=GREY, linestyle="--", linewidth=1.2)
    axis.plot(*steps.T, "o-", color=ACCENT, linewidth=1.2)
    beside: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}
    axis.annotate(
        "loss",
        (np.asarray(weights)[-1], np.asarray(losses)[-1]),
        (8, 0),
        color=GREY,
        fontweight="bold",
        va="center",
        **beside,
    )
    end = int(slope < 0)  # the lower end of the tangent: nothing is drawn below it
    place = (around[end], steps[0, 1] + slope * (around[end] - steps[0, 0]))
    style = {"color": GREY, "ha": "right" if end else "left", "va": "bottom"}
    axis.annotate("tangent, its slope\nthe gradient", place, (-14 if end else 14, -4), **style, **beside)
    for number, point in enumerate(steps):
        axis.annotate(str(number), point, (0, 8), color=ACCENT, fontweight="bold", ha="center", **beside)
    axis.set(title=f"{len(steps) - 1} steps of gradient descent", xlabel=label, ylabel="loss")
    return figure
