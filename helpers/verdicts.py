"""What may be said of figures: each function holds a claim against chance, and returns a Verdict: a value, a sentence.

A notebook shows a Verdict and reads it in Markdown that holds for any outcome. No sentence is chosen anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

FORMAT = "application/vnd.literate-mnist.verdict+json"  # in a notebook's output, for whoever computes it again
LEVEL = 0.01  # below it, a p-value counts as more than chance: a report makes many such comparisons


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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: the sentence; and all of it, for whoever computes it again."""
        fields = {"name": self.name, "value": self.value, "sentence": self.sentence, "facts": self.facts}
        return {"text/markdown": self.sentence, "text/plain": self.sentence, FORMAT: fields}


# Of training and validation


def overfitting(train_correct: ArrayLike, validation_correct: ArrayLike) -> Verdict:
    """Return whether training images are classified better than validation images by more than sampling error.

    The arguments are bool (n,): whether each image was classified correctly, by the final weights, in evaluation mode
    and without augmentation. Fisher's exact test (1922), two-sided, on the two counts of errors; the value is its p.
    """
    from scipy.stats import fisher_exact  # a fifth of a second that no photograph should wait for

    train = np.asarray(train_correct, dtype=bool)
    validation = np.asarray(validation_correct, dtype=bool)
    facts = {
        "train_images": len(train),
        "train_errors": int((~train).sum()),
        "validation_images": len(validation),
        "validation_errors": int((~validation).sum()),
    }
    counts = [[(~part).sum(), part.sum()] for part in (train, validation)]
    p_value = float(fisher_exact(counts).pvalue)
    gap = f"(Fisher's exact test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"Training and validation differ by no more than sampling error {gap}."
    elif train.mean() > validation.mean():
        sentence = f"The training images are classified better than the validation images {gap}: the network overfits."
    else:
        sentence = f"The training images are classified worse than the validation images {gap}."
    return Verdict("overfitting", p_value, sentence, facts)


# Of a dataset (01_eda)


# Of candidates (02_prototyping)


# Of a training (03_training)


# Of results (04_results)


# Of recipes and published projects (05_comparison, 07_published)


# Of photographs (06_reading)


# How figures are written


def in_figures(p_value: float) -> str:
    """Return a p-value as text with two significant digits; what lies below 0.0001 is not told apart."""
    if p_value < 0.0001:
        return "below 0.0001"
    return f"{p_value:.2g}"
