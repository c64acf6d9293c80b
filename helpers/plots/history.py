"""Figures of 03_training."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import evaluation
from .charts import PARTS, curves, losses_by_step, mark_epochs, mark_level, marker_size
from .style import ACCENT, GREY, WIDE, describe, label_lines, new, plain_ticks


def diverged_training(losses: ArrayLike, epoch: int) -> Figure:
    """Return the loss of every step, (steps,) in nats, of the `epoch` in which a training diverged, counted from 1."""
    figure = losses_by_step(losses, f"The training diverged at step {len(np.asarray(losses))} of epoch {epoch}")
    last = ", ".join(f"{loss:.3g}" for loss in np.asarray(losses)[-5:])
    return describe(figure, f"The loss of each batch of epoch {epoch}, a curve that ends early, in {last}.")


def loss_by_epoch(history: Sequence[Mapping[str, float]], asked_for: float) -> Figure:
    """Return the curves of the cross-entropy of train and validation, and how low it is where the target is reached.

    `history` has the fields of training.HISTORY. `asked_for`: the probability of the true class in the target, below 1
    where labels are smoothed; at 1 the cross-entropy would be 0, for which a logarithmic scale has no place.
    """
    figure = curves(history, "loss", "cross-entropy loss, log scale", "Loss by epoch", log=True)
    if asked_for < 1:
        mark_level(figure.axes[0], -math.log(asked_for), "target reached")
    losses = {f"{part} loss": [row[f"{part}_loss"] for row in history] for part in ("train", "validation")}
    return describe(figure, describe_curves(losses, "{:.3f}"))


def errors_by_epoch(history: Sequence[Mapping[str, float]], images: int) -> Figure:
    """Return the share of errors after each epoch in per cent: train, and validation with its 95% interval by Wilson.

    `images` is the size of the validation set. The scale is logarithmic, and linear below one error in so many images,
    where 0 has its place.
    """
    figure, axis = new(width=WIDE, height=3.8)
    epochs = [row["epoch"] for row in history]
    train = [100 * (1 - row["train_accuracy"]) for row in history]
    errors = np.array([round((1 - row["validation_accuracy"]) * images) for row in history])
    ends = 100 * np.array([evaluation.wilson(count, images) for count in errors]).T
    validation = 100 * errors / images
    size = marker_size(len(epochs))
    (of_train,) = axis.plot(epochs, train, markersize=size, **PARTS["train"])
    reach = np.abs(ends - validation)
    drawn = axis.errorbar(epochs, validation, reach, markersize=size, elinewidth=1.2, **PARTS["validation"])
    axis.set(title="Errors by epoch", xlabel="epoch", ylabel="errors in %, log scale")
    mark_epochs(axis, epochs)
    axis.set_yscale("symlog", linthresh=100 / images, subs=(2, 5))
    lowest = min(*ends[0], *train)
    axis.set_ylim(0.8 * lowest, None)  # from 0 on, where an interval reaches it
    plain_ticks(axis.yaxis, 100 / images)
    label_lines(axis, {"train": of_train, "validation": drawn.lines[0]})
    return describe(
        figure, describe_curves({"train errors": train, "validation errors": validation.tolist()}, "{:.2f}%")
    )


def learning_rates(planned: ArrayLike, history: Sequence[Mapping[str, float]]) -> Figure:
    """Return the rate of every step that is `planned`, (steps,), and the rates that a history recorded.

    `history` has the fields of training.HISTORY; an epoch's rate is that of its first step.
    """
    rates = np.asarray(planned, dtype=float)
    figure, axis = new(width=WIDE, height=3.2)
    epochs = max(len(history), 1)
    (plan,) = axis.plot(np.arange(len(rates)) * epochs / len(rates), rates, color=GREY)
    starts, recorded = ([row[key] for row in history] for key in ("epoch", "learning_rate"))
    axis.plot(np.array(starts) - 1, recorded, "o", color=ACCENT, markersize=marker_size(epochs))
    axis.set(title="Learning rate at each step", xlabel="epochs done", ylabel="learning rate", ylim=(0, None))
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axis.margins(x=0.02)
    label_lines(axis, {"plan": plan})
    highest = int(np.argmax(recorded)) if recorded else 0
    if recorded:
        style = {"textcoords": "offset points", "color": ACCENT, "fontweight": "bold", "va": "bottom"}
        axis.annotate("recorded", (starts[highest] - 1, recorded[highest]), (8, 2), **style)
    text = f"A curve from {rates[0]:.2g} to {rates[-1]:.2g}, at most {rates.max():.2g}, and dots at each epoch's start."
    return describe(figure, text)


def seconds_by_epoch(seconds: ArrayLike) -> Figure:
    """Return bars of the wall time of each epoch, (epochs,) in seconds."""
    seconds = np.asarray(seconds, dtype=float)
    figure, axis = new(width=WIDE, height=2.8)
    axis.bar(range(1, len(seconds) + 1), seconds, width=0.7, color=ACCENT)
    room = max(0, 6 - len(seconds)) / 2
    axis.set_xlim(0.4 - room, len(seconds) + 0.6 + room)  # so that a single bar is no wall
    ticks = mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1).tick_values(1, len(seconds))
    axis.set_xticks([tick for tick in ticks if 1 <= tick <= len(seconds)])
    axis.set(title="Wall time of each epoch", xlabel="epoch", ylabel="seconds")
    return describe(figure, f"Bars, one per epoch, from {seconds.min():.1f} s to {seconds.max():.1f} s.")


def describe_curves(curves: Mapping[str, Sequence[float]], form: str) -> str:
    """Return in a sentence where the curves over the epochs, {name: values}, begin and end, written as in `form`."""
    ends = ", ".join(
        f"{name} from {form.format(values[0])} to {form.format(values[-1])}" for name, values in curves.items()
    )
    epochs = len(next(iter(curves.values())))
    if epochs == 1:
        return f"Single points, as there is one epoch: {ends}."
    return f"Two curves over the epochs, {epochs} in all: {ends}."
