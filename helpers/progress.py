"""How far a long computation has come, and what went wrong on the way, told to whoever runs the notebook.

What is told is a display message: plain text, which JupyterLab and a report show, and fields in its metadata under the
name MESSAGE, which the pipeline reads. Outside a notebook a bar is drawn on standard output.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

MESSAGE = "literate_mnist"
MEASURED = "measured"  # the kind of the message that says what a kernel runs under
COUNTS = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
TRAINING_FORMAT = "{desc}: {percentage:3.0f}%|{bar:20}| " + COUNTS


class NotebookBar(tqdm):
    """tqdm's bar, shown as one display message that is updated, instead of a line that is drawn again and again.

    Once it is done, one line is left of it: how many, in which time, and what stood behind the bar.
    """

    handle: Any = None  # of the display message, once there is one
    milestone = 0  # how many epochs are done: each is worth a line of its own in a log
    label: str | None = None  # what a message calls the bar, where that is more than its description
    detail: str | None = None  # and what a message says of it, where that is not what stands behind the bar
    is_closed = False

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Show the bar as it stands; called by tqdm."""
        from IPython.display import display

        data = {"text/plain": self.what_is_left() if self.is_closed and self.n == self.total else str(self)}
        metadata = {MESSAGE: self.fields()}
        if self.handle is None:
            self.handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self.handle.update(data, raw=True, metadata=metadata)
        return True

    def fields(self) -> dict[str, Any]:
        """Return what a reader of messages needs: {"kind", "label", "share" from 0 to 1, "detail", "milestone"}."""
        share = self.n / self.total if self.total else 0.0
        label = self.desc.removesuffix(": ") if self.label is None else self.label
        detail = (self.postfix or "").strip(", ") if self.detail is None else self.detail
        return {"kind": "progress", "label": label, "share": share, "detail": detail, "milestone": self.milestone}

    def close(self) -> None:
        """End the bar; called by tqdm, too, after the last of what it goes over."""
        self.is_closed = True
        super().close()

    def what_is_left(self) -> str:
        """Return the line of a bar that is done, such as "all epochs: 3,436 steps in 01:03, loss=0.050"."""
        took = self.format_interval(self.format_dict["elapsed"])
        unit = "" if self.unit == "it" else self.unit  # tqdm's word for anything
        behind = f", {self.postfix}" if self.postfix else ""
        return f"{self.desc.removesuffix(': ')}: {self.n:,}{unit} in {took}{behind}"

    def clear(self, nolock: bool = False) -> None:
        """Do nothing: there is no line to clear."""

    def moveto(self, n: int) -> None:
        """Do nothing: there are no lines to move between."""


def in_notebook() -> bool:
    """Return whether this code runs in the kernel of a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def bar(iterable: Iterable | None = None, label: str = "", total: int | None = None, **options: Any) -> tqdm:
    """Return a bar over `iterable`, or one of `total` steps that is advanced by hand; see tqdm for what it can do."""
    if in_notebook():
        return NotebookBar(iterable, label, total, ascii=" =", mininterval=0.25, file=Nowhere(), **options)
    return tqdm(iterable, label, total, ascii=" =", mininterval=0.25, file=sys.stdout, **options)


class Nowhere:
    """A stream that keeps nothing: a bar in a notebook writes no lines."""

    def write(self, text: str) -> None:
        """Take a text and forget it."""

    def flush(self) -> None:
        """Do nothing."""


def training_bar(epochs: int) -> Callable[[list[dict], int, int], None]:
    """Return a `progress` for training.train: steps, time and rate, as tqdm shows them, and the last epoch's figures.

    They are the training loss, the mean over the epoch's batches, and the accuracy on validation. To whoever reads
    messages it tells the time that is left, and at each epoch's end what `describe_epoch` says.
    """
    steps_done = bar(label=f"epoch 0/{epochs}", total=epochs, unit=" steps", bar_format=TRAINING_FORMAT)
    steps_done.label, steps_done.detail = f"epoch 0/{epochs}", ""
    clock = RemainingTime()
    told = 0  # epochs
    begun = False

    def progress(history: list[dict], step: int, steps: int) -> None:
        nonlocal told, begun
        if not begun:
            begun = True
            begin(steps_done, len(history) * steps + step, epochs * steps)
        remaining = clock.remaining((len(history) + step / steps) / epochs)
        if remaining is not None:
            steps_done.detail = f"{remaining // 60}:{remaining % 60:02} left"
        has_news = len(history) > told  # an epoch has ended, or a training goes on after some
        if has_news:
            told = len(history)
            steps_done.milestone = told
            show_epoch(steps_done, history[-1], epochs)
        steps_done.update(len(history) * steps + step - steps_done.n)
        if has_news:
            steps_done.refresh()
        if told == epochs and step == 0:
            steps_done.close()

    return progress


def begin(steps_done: tqdm, done: int, total: int) -> None:
    """Let a bar start its clock, at `done` of `total` steps: what was done before does not count for the rate."""
    steps_done.initial = done
    steps_done.total = total
    steps_done.n = done
    steps_done.last_print_n = done
    steps_done.start_t = steps_done.last_print_t = time.time()


def show_epoch(steps_done: tqdm, row: dict, epochs: int) -> None:
    """Put the figures of an epoch, a row of a training's history, behind the bar; they stay until the next one ends."""
    steps_done.set_description_str(f"epoch {row['epoch']}/{epochs}", refresh=False)
    figures = f"loss={row['train_loss']:.4f}, accuracy={row['validation_accuracy']:.2%}"
    steps_done.set_postfix_str(figures, refresh=False)
    steps_done.label = describe_epoch(row, epochs)
    if row["epoch"] == epochs:
        steps_done.detail = "now temperature and threshold"


def describe_epoch(row: dict, epochs: int) -> str:
    """Return the figures of an epoch, a row of a training's history, in a few words."""
    return (
        f"epoch {row['epoch']}/{epochs}  train loss {row['train_loss']:.4f}  "
        f"validation {row['validation_accuracy']:.2%}  {row['seconds']:.1f} s"
    )


class RemainingTime:
    """Tells from the share that is done how long the rest will take; what was done before it began does not count."""

    def __init__(self) -> None:
        self.first_share: float | None = None
        self.started = time.perf_counter()

    def remaining(self, share: float) -> int | None:
        """Return the seconds that are left at `share` (0 to 1), or None while nothing is known."""
        if self.first_share is None:
            self.first_share = share
        if share <= self.first_share:
            return None
        spent = time.perf_counter() - self.started
        return round(spent * (1 - share) / (share - self.first_share))


class DisplayHandler(logging.Handler):
    """Shows what the helpers log as display messages."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record; called by logging."""
        from IPython.display import display

        text = f"{record.levelname.lower()}: {record.getMessage()}"
        fields = {"kind": "log", "level": record.levelname, "text": text}
        display({"text/plain": text}, raw=True, metadata={MESSAGE: fields})


def show_log() -> None:
    """Let the helpers' warnings appear in the notebook as display messages; the pipeline's kernels call it."""
    logger = logging.getLogger("helpers")
    if not any(isinstance(handler, DisplayHandler) for handler in logger.handlers):
        logger.addHandler(DisplayHandler(logging.WARNING))
        logger.propagate = False
