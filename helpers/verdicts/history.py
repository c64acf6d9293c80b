"""What may be said of a training, epoch by epoch (03_training)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .significance import mcnemar
from .verdict import LEVEL, Verdict, p_is


def best_epoch(predicted: ArrayLike, labels: ArrayLike) -> Verdict:
    """Return whether an epoch was better than the last by more than picking the best of several gives by chance.

    `predicted`: int (epochs, n), the class of each validation image after each epoch; `labels`: int (n,). McNemar's
    exact test (1947) on the images that the two epochs disagree on, multiplied by the number of epochs that were picked
    from (Bonferroni); the value is that p, None where there is one epoch. `facts` count epochs from 1.
    """
    wrong = np.asarray(predicted) != np.asarray(labels)
    errors = wrong.sum(axis=1)
    best = int(errors.argmin())
    facts = {"epochs": len(wrong), "best": best + 1, "best_errors": int(errors[best]), "last_errors": int(errors[-1])}
    if len(wrong) == 1:
        return Verdict("best_epoch", None, "There is one epoch, and so none to compare the last one with.", facts)
    p_value = min(1.0, (len(wrong) - 1) * mcnemar(~wrong[best], ~wrong[-1])[2])
    errors_of_both = f"errors on validation: {errors[best]:,}, against {errors[-1]:,} after the last"
    tested = f"(McNemar's exact test, Bonferroni's correction, {p_is(p_value)})"
    if errors[best] == errors[-1]:
        sentence = f"No earlier epoch had fewer errors on validation than the last: {errors[-1]:,}."
    elif p_value >= LEVEL:
        by_chance = f"picking the best of several may gain as much by chance {tested}"
        sentence = f"Epoch {best + 1} has fewer {errors_of_both}; {by_chance}."
    else:
        sentence = f"Epoch {best + 1} has fewer {errors_of_both}; that is more than picking gives by chance {tested}."
    return Verdict("best_epoch", p_value, sentence, facts)


def falling_rate(learning_rates: ArrayLike, predicted: ArrayLike, labels: ArrayLike) -> Verdict:
    """Return whether validation images were classified better at the end than when the learning rate was highest.

    `learning_rates`: float (epochs,), the rate as each epoch began; `predicted` and `labels` as in `best_epoch`. The
    epoch that began at the highest rate (the first of several) and the last one are compared by McNemar's exact test
    (1947); the value is its p, None where no later epoch began at a lower rate. `facts` count epochs from 1.
    """
    rates = np.asarray(learning_rates, dtype=float)
    correct = np.asarray(predicted) == np.asarray(labels)
    highest = int(rates.argmax())
    gained, lost, p_value = mcnemar(correct[-1], correct[highest])
    facts = {"epochs": len(rates), "highest": highest + 1, "gained": gained, "lost": lost}
    if len(rates) == 1:
        sentence = "Of a falling learning rate nothing is known: there is one epoch, so there is nothing to compare."
        return Verdict("falling_rate", None, sentence, facts)
    if rates[-1] == rates[highest]:
        sentence = "The last epoch began at the highest rate, so there is nothing to compare."
        return Verdict("falling_rate", None, sentence, facts)
    counts = f"{gained:,} gained, {lost:,} lost (McNemar's exact test, {p_is(p_value)})"
    since = f"Since epoch {highest + 1}, whose starting rate was highest, validation images"
    if p_value >= LEVEL:
        sentence = f"{since} are not shown to be classified better or worse: {counts}."
    elif gained > lost:
        sentence = f"{since} have come to be classified better: {counts}."
    else:
        sentence = f"{since} have come to be classified worse: {counts}."
    return Verdict("falling_rate", p_value, sentence, facts)
