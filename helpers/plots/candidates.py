"""Figures of 02_prototyping."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from .charts import trade_off
from .style import BLUE, ORANGE, describe, new, plain_ticks


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
    figure, axis = new(height=3.8)
    lowest = []
    for name, losses in sweeps.items():
        seen = rates[: len(losses)]
        (curve,) = axis.plot(seen, losses, label=f"{name}: {suggested[name]:.2g}")
        axis.plot(suggested[name], np.interp(suggested[name], seen, losses), "o", color=curve.get_color())
        lowest.append(f"{name} {seen[losses.argmin()]:.2g} (loss {losses.min():.2f})")
    axis.axvline(rate, color="dimgrey", linestyle="--", linewidth=1, label=f"rate of {recipe}")
    axis.set(title="Loss while the learning rate grows", xscale="log", ylim=(0, 2 * level))
    axis.set(xlabel="learning rate", ylabel="smoothed training loss")
    axis.legend(title="suggested rate", loc="upper left", ncols=2)
    told = f"Loss against learning rate, a dashed line at {rate:g}. Each curve is lowest at: {', '.join(lowest)}."
    return describe(figure, told)


def candidates(
    accuracy: Mapping[str, float],
    interval: Mapping[str, tuple[float, float]],
    seconds: Mapping[str, float],
    parameters: Mapping[str, int],
) -> Figure:
    """Return the `trade_off` of networks between accuracy, and seconds of training and parameters.

    The Figure has a `description`.
    """
    costs = {"seconds of training": seconds, "parameters": parameters}
    figure = trade_off(accuracy, interval, costs, "Accuracy against cost, with 95% intervals")
    points = [
        f"{name} {share:.1%}, {seconds[name]:.2f} s, {parameters[name]:,} parameters"
        for name, share in accuracy.items()
    ]
    told = f"Two scatter plots with one point for each network: {'; '.join(points)}."
    return describe(figure, told)


def parting_curves(trainings: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Return error and loss on training and validation images against the step, side by side, for some trainings.

    `trainings` is {what it trained on: rows}, each row with "step", "train_error", "validation_error" (fractions),
    "train_loss" and "validation_loss" (nats). The first training has solid lines. The Figure has a `description`.
    """
    figure, axes = new(1, 2, width=9, height=3.6)
    ends = []
    for (name, rows), style in zip(trainings.items(), ("-", "--", ":"), strict=False):
        steps = [row["step"] for row in rows]
        for part, name_of_part, colour in (("train", "training", BLUE), ("validation", "validation", ORANGE)):
            errors = [100 * row[f"{part}_error"] for row in rows]
            losses = [row[f"{part}_loss"] for row in rows]
            for axis, values in zip(axes, (errors, losses), strict=True):
                axis.plot(steps, values, style, color=colour, marker="o", markersize=4, label=f"{name}: {name_of_part}")
            ends.append(f"{name}, {name_of_part}: error {errors[-1]:.1f}%, loss {losses[-1]:.2f}")
    axes[0].set(title="Error", ylabel="misclassified, %")
    axes[1].set(title="Loss", ylabel="loss")
    for axis in axes:
        axis.set(xlabel="step (log scale)", xscale="log", ylim=(0, None))
        plain_ticks(axis.xaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    told = f"Curves of error and loss against steps. At the last step: {'; '.join(ends)}."
    return describe(figure, told)
