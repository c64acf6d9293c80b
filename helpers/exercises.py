"""Exercises that answer: what a reader has filled in, held against what is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

NOT_FILLED_IN = "*Not filled in yet. In the notebook, write your answer into the cell above and run both cells.*"
NO_NUMBER = "**Write a plain number**, such as 1234.5."


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

    Numbers are right within `tolerance`, as text too ("1,234.5", "82 %"); text is right whatever its case. `hint` says
    in a sentence what to look at, and never the answer itself, which stands folded below the exercise.
    """
    if answer is None:
        return Reply(None, NOT_FILLED_IN)
    if not isinstance(expected, str) and number(answer) is None:
        return Reply(False, NO_NUMBER)
    if matches(answer, expected, tolerance):
        return Reply(True, "**Right.**")
    return Reply(False, f"**Not yet.** {hint}".strip())


def matches(answer: Any, expected: Any, tolerance: float) -> bool:
    """Return whether an answer is the expected one."""
    if isinstance(expected, str):
        return str(answer).strip().casefold() == expected.casefold()
    found = number(answer)
    return found is not None and math.isclose(found, float(expected), rel_tol=0.0, abs_tol=tolerance)


def number(answer: Any) -> float | None:
    """Return an answer as a number, text without its commas, spaces and per cent signs; None where it is none."""
    if isinstance(answer, str):
        answer = answer.replace(",", "").replace("%", "").replace(" ", "")
    try:
        return float(answer)
    except (TypeError, ValueError):
        return None
