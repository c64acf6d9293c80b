"""The one axis of accuracy that the rows of a page share: where a share lies on it, and which values are labelled.

Errors lie on it logarithmically, so that 90%, 99% and 99.9% stand equally far apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 1e-7  # the smallest error that is told from none
PERFECT = 0.01  # half of it, or of a smaller error that there is, stands for none
MARGIN = 0.06  # of the axis, beyond the outermost share at either end
APART = 18.0  # per cent of the axis between two labels, so that they can be read
MARKS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0))  # errors of a power of ten
STEPS = (5.0, 2.0, 1.0)  # of accuracy, of a power of ten


@dataclass(frozen=True)
class Scale:
    """An axis of accuracy from `low`, at its left, to `high`, both shares, with its labelled `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()

    def place(self, accuracy: float) -> float:
        """Return where a share lies, in per cent from the left; what lies beyond an end is put there."""
        left, right, here = (depth(share) for share in (self.low, self.high, accuracy))
        return round(100 * min(max((here - left) / (right - left), 0.0), 1.0), 2)

    def mark(self, kind: str, accuracy: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
        """Return a dot and the bar of its interval, where it has one, as the template draws them, in per cent."""
        mark: dict[str, Any] = {"kind": kind, "at": self.place(accuracy)}
        if low is not None and high is not None:
            left, right = self.place(low), self.place(high)
            mark |= {"left": left, "width": round(max(right - left, 0.5), 2)}
        return mark

    @property
    def labels(self) -> list[tuple[float, str]]:
        """The labelled ticks: (where it lies, in per cent; its text)."""
        return [(self.place(tick), f"{100 * tick:.9g}%") for tick in self.ticks]

    @property
    def grid_lines(self) -> str:
        """The CSS of a background with a line at each tick."""
        lines = ["linear-gradient(var(--chart-grid, #d8dee4) 0 0)"] * len(self.ticks)
        places = [f"{place}% 0" for place, _ in self.labels]
        return f"background: {', '.join(lines)}; background-position: {', '.join(places)}" if lines else ""


def depth(accuracy: float) -> float:
    """Return how many powers of ten lie between a share and being always wrong: 1 for 90%, 2 for 99%."""
    return -math.log10(max(1 - accuracy, LEAST))


def scale_of(shares: Iterable[float]) -> Scale | None:
    """Return the Scale that holds all `shares`, from 0 to 1, with three labels at least; None where there are none."""
    found = list(shares)
    if not found:
        return None
    errors = [1 - share for share in found if share < 1]
    best = 1 - min([*errors, PERFECT]) / 2  # where a share without an error stands, which has no logarithm
    depths = [depth(min(share, best)) for share in found]
    low, high = min(depths), max(depths)
    room = max(MARGIN * (high - low), 0.05)
    low, high = max(low - room, 0.0), high + room
    bare = Scale(1 - 10**-low, 1 - 10**-high)
    return Scale(bare.low, bare.high, ticks_of(bare))


def ticks_of(scale: Scale) -> tuple[float, ...]:
    """Return the shares to be labelled on a Scale: round errors where there are three of them, else round shares."""
    for marks in MARKS:
        found = readable(scale, round_errors(scale, marks))
        if len(found) >= 3:
            return found
    for power in range(-1, -8, -1):
        for step in STEPS:
            found = readable(scale, round_shares(scale, step * 10**power))
            if len(found) >= 3:
                return found
    return ()


def round_errors(scale: Scale, marks: Sequence[float]) -> list[float]:
    """Return the shares on a Scale whose errors are one of `marks` times a power of ten, from the left."""
    shares = [1 - mark * 10.0**power for power in range(-1, -7, -1) for mark in reversed(marks)]
    return [share for share in shares if scale.low <= share <= scale.high]


def round_shares(scale: Scale, step: float) -> list[float]:
    """Return the multiples of `step` on a Scale, from the left; those nearer its right end where there are many."""
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [round(number * step, 9) for number in range(max(first, last - 40), last + 1) if number * step < 1]


def readable(scale: Scale, shares: Sequence[float]) -> tuple[float, ...]:
    """Return those of `shares`, from the left, whose labels stand apart from the one before."""
    kept: list[float] = []
    for share in shares:
        if not kept or scale.place(share) - scale.place(kept[-1]) >= APART:
            kept.append(share)
    return tuple(kept)
