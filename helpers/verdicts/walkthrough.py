"""What may be said of a network beside simple methods, of training beside validation images, of classes (00, 03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import fisher_exact

from ..evaluation import holm
from .significance import fisher, mcnemar
from .verdict import LEVEL, Verdict, p_is


def overfitting(train_correct: ArrayLike, validation_correct: ArrayLike) -> Verdict:
    """Return whether training images are classified better than validation images by more than sampling error.

    The arguments are bool (n,): whether each image was classified correctly, by the final weights, in evaluation mode
    and without augmentation. Fisher's exact test (1922), two-sided, on the two counts of errors; the value is its p.
    """
    train = np.asarray(train_correct, dtype=bool)
    validation = np.asarray(validation_correct, dtype=bool)
    facts = {
        "train_images": len(train),
        "train_errors": int((~train).sum()),
        "validation_images": len(validation),
        "validation_errors": int((~validation).sum()),
    }
    p_value = fisher(train, validation)
    gap = f"(Fisher's exact test, {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = f"Training and validation are not told apart: sampling error may explain the difference {gap}."
    elif train.mean() > validation.mean():
        sentence = f"The training images are classified better than the validation images {gap}: "
        sentence += "part of what it learnt holds for the training images only."
    else:
        sentence = f"The training images are classified worse than the validation images {gap}."
    return Verdict("overfitting", p_value, sentence, facts)


def against_baselines(network_correct: ArrayLike, baselines_correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return whether a network classifies the same images better than the best of some baselines.

    The arguments are bool (n,), those of the baselines by their names. McNemar's exact test (1947), two-sided, on the
    images that only one of the two classifies correctly; the value is its p. The best is the one that classifies most
    of these images correctly, the first of several: to have been picked so can only help it.
    """
    network = np.asarray(network_correct, dtype=bool)
    baselines = {name: np.asarray(correct, dtype=bool) for name, correct in baselines_correct.items()}
    best = max(baselines, key=lambda name: baselines[name].sum())
    ahead, behind, p_value = mcnemar(network, baselines[best])
    facts = {"baseline": best, "images": len(network), "only_network": ahead, "only_baseline": behind}
    test = f"(McNemar's exact test, {p_is(p_value)})"
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
