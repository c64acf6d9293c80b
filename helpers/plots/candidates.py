"""Figures of 02_prototyping."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from .charts import PARTS, trade_off
from .showing import Panels
from .style import GREY, NARROW, WIDE, describe, label_lines, new, plain_ticks


def learning_rate_range(
    rates: np.ndarray,
    sweeps: Mapping[str, np.ndarray],
    suggested: Mapping[str, float],
    level: float,
    rate: float,
    recipe: str,
) -> Figure:
    """Return the smoothed loss of each network against the learning rate, with a dot at the rate that is suggested.

    `rates` is (steps,), and `sweeps` {name: (up to so many steps,)}; the axis ends at twice the `level` of guessing, in
    nats. A dashed line stands at the `rate` of a `recipe`. The Figure has a `description`.
    """
    figure, axis = new(width=WIDE, height=4.4)
    lowest = []
    curves = {}
    for name, losses in sweeps.items():
        seen = rates[: len(losses)]
        (curve,) = axis.plot(seen, losses)
        axis.plot(suggested[name], np.interp(suggested[name], seen, losses), "o", color=curve.get_color(), markersize=7)
        curves[f"{name}: {suggested[name]:.2g}"] = curve
        lowest.append(f"{name} {seen[losses.argmin()]:.2g} (loss {losses.min():.2f})")
    axis.axvline(rate, color=GREY, linestyle="--", linewidth=1.2)
    beside = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "color": GREY}
    axis.annotate(f"rate of {recipe}", (rate, 1), (-6, -2), ha="right", va="top", **beside)
    axis.set(title="Loss while the learning rate grows", xscale="log", ylim=(0, 2 * level))
    axis.set(xlabel="learning rate, log scale", ylabel="smoothed training loss")
    plain_ticks(axis.xaxis)
    figure.legend(curves.values(), curves, title="suggested rate", loc="outside lower left", ncols=2, alignment="left")
    told = f"Loss against learning rate, a dashed line at {rate:g}. Each curve is lowest at: {', '.join(lowest)}."
    return describe(figure, told)


def candidates(
    accuracy: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    seconds: Mapping[str, float],
    parameters: Mapping[str, int],
) -> Panels:
    """Return the `trade_off` of networks between accuracy, and seconds of training and parameters.

    The Panels have a `description`.
    """
    costs = {"seconds of training": seconds, "parameters": parameters}
    panels = trade_off(accuracy, interval, costs)
    points = [
        f"{name} {share:.1%}, {seconds[name]:.2f} s, {parameters[name]:,} parameters"
        for name, share in accuracy.items()
    ]
    told = f"Two scatter plots with one point for each network: {'; '.join(points)}."
    return describe(panels, told)


def parting_curves(trainings: Mapping[int, Sequence[Mapping[str, float]]]) -> Panels:
    """Return error and loss on training and validation images against the step, side by side, for some trainings.

    `trainings` is {how many images it trained on: rows}, each row with "step", "train_error", "validation_error"
    (fractions), "train_loss" and "validation_loss" (nats). The first training has solid lines. Names stand at their
    ends, with the number of images where there are several trainings. The Panels have a `description`.
    """
    drawn = {
        "error": ("Error", "misclassified, %", 100),
        "loss": ("Loss", "loss", 1),
    }
    panels = Panels([])
    for quantity, (title, label, scale) in drawn.items():
        figure, axis = new(width=NARROW, height=4.0)
        lines = {}
        for (count, rows), style in zip(trainings.items(), ("-", "--", ":"), strict=False):
            steps = [row["step"] for row in rows]
            for part, look in PARTS.items():
                values = [scale * row[f"{part}_{quantity}"] for row in rows]
                said = f"{part}, {count:,}" if len(trainings) > 1 else part
                (lines[said],) = axis.plot(steps, values, linestyle=style, markersize=4, **look)
        label_lines(axis, lines)
        axis.set(title=title, ylabel=label, xlabel="step, log scale", xscale="log", ylim=(0, None))
        plain_ticks(axis.xaxis)
        panels.append(figure)
    ends = []
    for count, rows in trainings.items():
        last = rows[-1]
        for part, name_of_part in (("train", "training"), ("validation", "validation")):
            ends.append(
                f"{count:,} images, {name_of_part}: error {last[f'{part}_error']:.1%}, loss {last[f'{part}_loss']:.2f}"
            )
    return describe(panels, f"Curves of error and loss against steps. At the last step: {'; '.join(ends)}.")
