"""The one axis that the rows of a page share: where a value lies on it, and which values are labelled.

Errors lie logarithmically on an axis of accuracy, so that 90%, 99% and 99.9% stand equally far apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 1e-7  # the smallest error that is told from none
PERFECT = 0.01  # half of it, or of a smaller error that there is, stands for none
MARGIN = 0.06  # of the axis, beyond the outermost value at either end
APART = 18.0  # per cent of the axis between two labels, so that they can be read
MARKS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0))  # errors of a power of ten
STEPS = (5.0, 2.0, 1.0)  # between round values, of a power of ten


@dataclass(frozen=True)
class Axis:
    """An axis from `low`, at its left, to `high`, with its labelled `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()

    def depth(self, value: float) -> float:
        """Return a value as it is drawn."""
        return value

    def spell(self, value: float) -> str:
        """Return the label of a value."""
        return f"{value:g}"

    def place(self, value: float) -> float:
        """Return where a value lies, in per cent from the left; what lies beyond an end is put there."""
        left, right, here = (self.depth(one) for one in (self.low, self.high, value))
        return round(100 * min(max((here - left) / (right - left), 0.0), 1.0), 2)

    def mark(self, kind: str, value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
        """Return a dot and the bar of its interval, where it has one, as the template draws them, in per cent."""
        mark: dict[str, Any] = {"kind": kind, "at": self.place(value)}
        if low is not None and high is not None:
            left, right = self.place(low), self.place(high)
            mark |= {"left": left, "width": round(max(right - left, 0.5), 2)}
        return mark

    @property
    def labels(self) -> list[tuple[float, str]]:
        """The labelled ticks: (where it lies, in per cent; its text)."""
        return [(self.place(tick), self.spell(tick)) for tick in self.ticks]

    @property
    def grid_lines(self) -> str:
        """The CSS of a background with a line at each tick."""
        lines = ["linear-gradient(var(--chart-grid, #d8dee4) 0 0)"] * len(self.ticks)
        places = [f"{place}% 0" for place, _ in self.labels]
        return f"background: {', '.join(lines)}; background-position: {', '.join(places)}" if lines else ""


class Scale(Axis):
    """An axis of accuracy, shares from 0 to 1, on which errors lie logarithmically."""

    def depth(self, value: float) -> float:
        """Return how many powers of ten lie between a share and being always wrong: 1 for 90%, 2 for 99%."""
        return depth(value)

    def spell(self, value: float) -> str:
        """Return a share in per cent."""
        return f"{100 * value:.9g}%"


class Points(Axis):
    """An axis of differences between shares, labelled in points."""

    def spell(self, value: float) -> str:
        """Return a difference in points, with its sign."""
        return "0" if value == 0 else f"{100 * value:+.9g}".replace("-", "\N{MINUS SIGN}")


def depth(accuracy: float) -> float:
    """Return how many powers of ten lie between a share and being always wrong."""
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
    bare = Scale(1 - 10 ** -max(low - room, 0.0), 1 - 10 ** -(high + room))
    last = (1.0,) if max(found) >= 1 else ()  # at the right end, which is labelled as what stands there
    for marks in MARKS:
        ticks = readable(bare, round_errors(bare, marks), last)
        if len(ticks) >= 3:
            return Scale(bare.low, bare.high, ticks)
    return Scale(bare.low, bare.high, round_ticks(bare, last))


def points_of(differences: Iterable[float]) -> Points | None:
    """Return the Points that hold all `differences` of shares, and zero; None where there are none."""
    found = list(differences)
    if not found:
        return None
    low, high = min(*found, 0.0), max(*found, 0.0)
    room = max(MARGIN * (high - low), 1e-4)
    bare = Points(low - room, high + room)
    return Points(bare.low, bare.high, round_ticks(bare))


def round_errors(axis: Axis, marks: Sequence[float]) -> list[float]:
    """Return the shares on an axis whose errors are one of `marks` times a power of ten, from the left."""
    shares = [1 - mark * 10.0**power for power in range(-1, -7, -1) for mark in reversed(marks)]
    return [share for share in shares if axis.low <= share <= axis.high]


def round_ticks(axis: Axis, last: tuple[float, ...] = ()) -> tuple[float, ...]:
    """Return round values of an axis that are equally far from each other, as far apart as three labels let them.

    `last` is another that is labelled after them.
    """
    for power in range(0, -9, -1):
        for step in STEPS:
            ticks = readable(axis, multiples(axis, step * 10**power), last)
            if len(ticks) >= 3:
                return ticks
    return ()


def multiples(axis: Axis, step: float) -> list[float]:
    """Return the multiples of `step` on an axis, from the left; those nearer its right end where there are many."""
    first, last = math.ceil(axis.low / step), math.floor(axis.high / step)
    return [round(number * step, 9) for number in range(max(first, last - 40), last + 1) if number * step < 1]


def readable(axis: Axis, values: Sequence[float], last: tuple[float, ...] = ()) -> tuple[float, ...]:
    """Return those of `values`, from the left, whose labels stand apart from the one before; and then `last`."""
    kept: list[float] = []
    for value in values:
        is_clear = all(axis.place(end) - axis.place(value) >= APART for end in last)
        if is_clear and (not kept or axis.place(value) - axis.place(kept[-1]) >= APART):
            kept.append(value)
    return (*kept, *last)
