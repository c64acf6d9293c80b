"""Exercises that answer: what a reader has filled in, held against what is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

UNANSWERED = "*Not filled in yet. In the notebook, write your answer into the cell above, and run both cells.*"


@dataclass(frozen=True)
class Reply:
    """What an exercise answers, and whether it was solved; None where nothing has been filled in."""

    solved: bool | None
    sentence: str

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows."""
        return self.sentence


def check(answer: Any, expected: Any, tolerance: float = 0.0, hint: str = "") -> Reply:
    """Return the Reply to `answer`, which is None until a reader has filled it in.

    Numbers are right within `tolerance`, text whatever its case. `hint` says in a sentence what to look at, and never
    the answer itself, which stands folded below the exercise.
    """
    if answer is None:
        return Reply(None, UNANSWERED)
    if matches(answer, expected, tolerance):
        return Reply(True, "**Right.**")
    if not isinstance(expected, str) and number_in(answer) is None:
        return Reply(False, "**Not yet.** Write a plain number, such as 1234.5.")
    return Reply(False, f"**Not yet.** {hint}".strip())


def matches(answer: Any, expected: Any, tolerance: float) -> bool:
    """Return whether an answer is the expected one."""
    if isinstance(expected, str):
        return str(answer).strip().casefold() == expected.casefold()
    number = number_in(answer)
    return number is not None and math.isclose(number, float(expected), rel_tol=0.0, abs_tol=tolerance)


def number_in(answer: Any) -> float | None:
    """Return an answer as a number, be it written as 2416, "2,416" or "91%" (which is 91); None where it is none."""
    text = str(answer).replace(",", "").replace("%", "").strip()
    try:
        return float(text)
    except ValueError:
        return None
