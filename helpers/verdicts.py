"""What may be said of figures: each function holds a claim against chance, and returns a Verdict: a value, a sentence.

A notebook shows a Verdict and reads it in Markdown that holds for any outcome. No sentence is chosen anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .evaluation import holm

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


def against_baselines(network_correct: ArrayLike, baselines_correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return whether a network classifies the same images better than the best of some baselines.

    The arguments are bool (n,), those of the baselines by their names. McNemar's exact test (1947), two-sided, on the
    images that only one of the two classifies correctly; the value is its p. The best is the one that classifies most
    of these images correctly, the first of several: to have been picked so can only help it.
    """
    from scipy.stats import binomtest

    network = np.asarray(network_correct, dtype=bool)
    baselines = {name: np.asarray(correct, dtype=bool) for name, correct in baselines_correct.items()}
    best = max(baselines, key=lambda name: baselines[name].sum())
    ahead, behind = int((network & ~baselines[best]).sum()), int((baselines[best] & ~network).sum())
    p_value = float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    facts = {"baseline": best, "images": len(network), "only_network": ahead, "only_baseline": behind}
    test = f"(McNemar's exact test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The network and the best baseline, {best}, differ by no more than sampling error {test}."
    elif ahead > behind:
        sentence = f"The network is more accurate than the best baseline, {best} {test}."
    else:
        sentence = f"The network is less accurate than the best baseline, {best} {test}."
    return Verdict("against_baselines", p_value, sentence, facts)


def weakest_classes(predicted: ArrayLike, labels: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return which classes are misclassified more often than the others by more than sampling error.

    `predicted` and `labels` are int (n,), places in `names`. Fisher's exact test (1922), two-sided, of each class that
    has images against all others together, adjusted by Holm (1979); the value is how many classes it finds.
    """
    from scipy.stats import fisher_exact

    images = np.bincount(labels, minlength=len(names))
    wrong = np.asarray(predicted) != np.asarray(labels)
    errors = np.bincount(labels, weights=wrong, minlength=len(names)).astype(int)
    correct = images - errors
    tested = [label for label in range(len(names)) if 0 < images[label] < images.sum()]
    tables = [
        [[errors[one], correct[one]], [errors.sum() - errors[one], correct.sum() - correct[one]]] for one in tested
    ]
    p_values = holm([float(fisher_exact(table).pvalue) for table in tables])
    shares = errors / np.maximum(images, 1)
    found = [
        names[one]
        for one, p_value in zip(tested, p_values, strict=True)
        if p_value < LEVEL and shares[one] > errors.sum() / images.sum()
    ]
    facts = {"names": list(names), "images": images.tolist(), "errors": errors.tolist(), "found": found}
    test = "(Fisher's exact test for each class, adjusted by Holm)"
    if not found:
        sentence = f"No class is misclassified more often than the others by more than sampling error {test}."
    else:
        sentence = f"Misclassified more often than the others by more than sampling error: {', '.join(found)} {test}."
    return Verdict("weakest_classes", len(found), sentence, facts)


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
