"""How likely is it by chance? The tests that several Verdicts rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, binomtest, fisher_exact

from .. import evaluation
from .verdict import LEVEL

LARGE_POWER = 0.8  # how often a difference shall be found that is called large enough to be found
DRAWS = 1000  # of what chance alone would do, where that is simulated


def count_discordant(one: ArrayLike, other: ArrayLike) -> list[int]:
    """Return [how often `one` holds and `other` does not, how often it is the other way round]; bool (n,) both."""
    one = np.asarray(one, dtype=bool)
    other = np.asarray(other, dtype=bool)
    return [int((one & ~other).sum()), int((other & ~one).sum())]


def mcnemar_by_holm(discordant: Sequence[Sequence[int]]) -> list[float]:
    """Return Holm's p-values of McNemar's exact tests, one-sided: whether the first count of each pair is larger."""
    pairs = [(more, more + less) for more, less in discordant]
    return evaluation.holm(
        [binomtest(more, both, alternative="greater").pvalue if both else 1.0 for more, both in pairs]
    )


def mcnemar(one: ArrayLike, other: ArrayLike) -> tuple[int, int, float]:
    """Return (images that only `one` classifies correctly, that only `other` does, p); both are bool (n,).

    McNemar's test (1947) in its exact form, two-sided: were both equally good, each would have half of these images.
    """
    only_one, only_other = count_discordant(one, other)
    disagree = only_one + only_other
    p_value = float(binomtest(only_one, disagree).pvalue) if disagree else 1.0
    return only_one, only_other, p_value


def pairs_among(candidates: int) -> int:
    """Return how many pairs so many candidates make, the number of comparisons that a choice among them may rest on."""
    return candidates * (candidates - 1) // 2


def power(images: int, disagreement: float, difference: float, comparisons: int = 1) -> float:
    """Return how often `mcnemar` tells two networks apart, by LEVEL, where one really is better by `difference`.

    `disagreement` is the share of images on which exactly one of the two is right, at least the `difference`; each
    p-value is multiplied by the number of `comparisons`. Exact, by the binomial distribution.
    """
    counts = np.arange(1, images + 1)  # of images on which they disagree
    often = binom.pmf(counts, images, disagreement)
    needed = binom.isf(LEVEL / comparisons / 2, counts, 0.5) + 1  # of them, so that the test tells them apart
    won = binom.sf(needed - 1, counts, (1 + difference / disagreement) / 2)
    return float((often * won).sum())


def smallest_difference(images: int, disagreement: float, comparisons: int = 1) -> float | None:
    """Return the smallest difference in accuracy that `images` show with a power of LARGE_POWER; None where none is.

    Where the difference is larger than the `disagreement`, they disagree on that share of images at least.
    """
    low, high = 0.0, 1.0
    if power(images, 1.0, 1.0, comparisons) < LARGE_POWER:
        return None
    while high - low > 1e-9:
        middle = (low + high) / 2
        found = power(images, max(disagreement, middle), middle, comparisons) >= LARGE_POWER
        low, high = (low, middle) if found else (middle, high)
    return high


def fisher(one: ArrayLike, other: ArrayLike) -> float:
    """Return the two-sided p of Fisher's exact test that two groups of images, bool each, have one share of errors."""
    groups = [np.asarray(part, dtype=bool) for part in (one, other)]
    counts = [count for part in groups for count in (int((~part).sum()), int(part.sum()))]
    return fisher_counts(counts[0], counts[1], counts[0] + counts[2], counts[1] + counts[3])


def fisher_counts(errors: int, hits: int, all_errors: int, all_hits: int) -> float:
    """Return Fisher's p for a group with `errors` and `hits` against the others of all."""
    return float(fisher_exact([[errors, hits], [all_errors - errors, all_hits - hits]]).pvalue)


def chance_of_gap(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Return how likely a calibrated network's number of right answers is as far from its expectation as this one's.

    `confidence` is float (n,), from 0 to 1, `correct` bool (n,). That number is a sum of independent draws, one per
    image: Poisson's binomial distribution, exact. The p-value is two-sided.
    """
    chances = np.zeros(len(confidence) + 1)  # of 0, 1, 2 ... right answers among the images so far
    chances[0] = 1.0
    for place, p in enumerate(confidence):
        chances[1 : place + 2] += p * (chances[: place + 1] - chances[1 : place + 2])
        chances[0] *= 1 - p
    expected = confidence.sum()
    far = np.abs(np.arange(len(chances)) - expected) >= abs(correct.sum() - expected) - 1e-9
    return float(min(1.0, chances[far].sum()))


def tied_with(extreme: str, marks: Mapping[str, np.ndarray]) -> list[str]:
    """Return an extreme, then what McNemar's test does not tell from it, with Holm's correction for all pairs."""
    others = [name for name in marks if name != extreme]
    p_values = [mcnemar(marks[extreme], marks[name])[2] for name in others]
    adjusted = evaluation.holm(p_values, pairs_among(len(marks)))
    return [extreme, *(name for name, p in zip(others, adjusted, strict=True) if p >= LEVEL)]
