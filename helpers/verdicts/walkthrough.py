"""What may be said of training beside validation images, and of a network beside simple methods (00, 02, 03, 04)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ..evaluation import holm
from .significance import fisher, mcnemar
from .verdict import LEVEL, Verdict, listed, p_is


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
        sentence = "Accuracy on training and validation images cannot be told apart: sampling error could explain the "
        sentence += f"difference {gap}."
    elif train.mean() > validation.mean():
        sentence = (
            f"The training images are classified better than the validation images {gap}: part of what the network "
            "learnt holds for the training images only."
        )
    else:
        sentence = f"The training images are classified worse than the validation images {gap}."
    return Verdict("overfitting", p_value, sentence, facts)


def against_baselines(network_correct: ArrayLike, baselines_correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return which baselines a network classifies the same images better, or worse, than.

    The arguments are bool (n,), those of the baselines by their names. McNemar's exact test (1947), two-sided, for each
    baseline on the images that only one of the two classifies correctly, adjusted by Holm (1979) for all of them; the
    value is how many baselines the network is more accurate than.
    """
    network = np.asarray(network_correct, dtype=bool)
    pairs = {name: mcnemar(network, correct) for name, correct in baselines_correct.items()}
    adjusted = dict(zip(pairs, holm([p_value for _, _, p_value in pairs.values()]), strict=True))
    found = [name for name, p_value in adjusted.items() if p_value < LEVEL]
    worse = [name for name in found if pairs[name][0] > pairs[name][1]]
    better = [name for name in found if name not in worse]
    alike = [name for name in pairs if name not in found]
    counts = {name: [ahead, behind] for name, (ahead, behind, _) in pairs.items()}
    facts = {"images": len(network), "only_one": counts, "p_values": adjusted}
    test = "(McNemar's exact test for each, adjusted by Holm)"
    if better:
        sentence = f"More accurate than the network by more than sampling error: {listed(better)} {test}."
    elif alike:
        sentence = (
            f"Not told apart from the network: {listed(alike)}; sampling error may explain the difference {test}."
        )
    else:
        sentence = f"The network is more accurate than every baseline, by more than sampling error {test}."
    return Verdict("against_baselines", len(worse), sentence, facts)
