"""A Verdict, and how its figures are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = "application/vnd.literate-mnist.verdict+json"  # in a notebook's output, for whoever computes it again
LEVEL = 0.01  # below it, a p-value counts as more than chance: a report makes many such comparisons
FAMILY_LEVEL = 0.05  # of p-values that are adjusted for all comparisons of a page
MOST_NAMES = 8  # that a sentence lists


@dataclass(frozen=True)
class Verdict:
    """What may be said of some figures, in at most two sentences, and what it rests on.

    `name` is that of the function that gave it. `value` is what was found: a p-value, a count, a name, or None where
    too little is known. `facts` are the figures that went in, plain numbers and text.
    """

    name: str
    value: float | int | str | None
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError where a figure is no number: a comparison with it would choose a claim."""
        if self.value != self.value or re.search(r"\bnan%|p = nan\b", self.sentence):
            raise ValueError(f"{self.name}: not a number: {self.sentence}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: the sentence; and all of it, for whoever computes it again."""
        fields = {"name": self.name, "value": self.value, "sentence": self.sentence, "facts": self.facts}
        return {"text/markdown": self.sentence, "text/plain": self.sentence, FORMAT: fields}


def in_figures(p_value: float) -> str:
    """Return a p-value as text with two significant digits; what lies below 0.0001 is not told apart.

    Beside LEVEL there are three, so that the text shows on which side of it a p-value lies.
    """
    if p_value < 0.0001:
        return "below 0.0001"
    if 0.0095 <= p_value < 0.0105:
        return f"{p_value:.3g}"
    return f"{p_value:.2g}"


def p_is(p_value: float) -> str:
    """Return what a sentence says of a p-value: "p = 0.043", or "p < 0.0001"."""
    if p_value < 0.0001:
        return "p < 0.0001"
    return f"p = {in_figures(p_value)}"


def counted(number: int, thing: str) -> str:
    """Return a number and what it counts, such as "1 image" or "1,200 images"."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing}s"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", "a, b and c"; of very many the first, and how many more."""
    if len(words) > MOST_NAMES:
        return f"{', '.join(words[:MOST_NAMES])} and {len(words) - MOST_NAMES} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
