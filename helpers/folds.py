"""Folds: equal parts of the training images, each of which may validate; 2/5 is the second of five.

Torch and scikit-learn are not imported here, but by `draw`.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from .errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

MOST = 100  # K


def read(fold: str) -> tuple[int, int]:
    """Return (I, K) of the text I/K, the I-th of K folds; K is from 2 to MOST, I from 1 to K. BadInput else."""
    numbers = re.fullmatch("([1-9][0-9]{0,2})/([1-9][0-9]{0,2})", fold) if isinstance(fold, str) else None
    if numbers:
        number, parts = int(numbers[1]), int(numbers[2])
        if 2 <= parts <= MOST and number <= parts:
            return number, parts
    rule = f"must be I/K, as in 2/5, the second of five parts: K from 2 to {MOST}, I from 1 to K"
    raise BadInput(rule, field="fold", value=repr(fold) if fold == "" else fold)


def check(fold: str | None, validation_size: int | None) -> None:
    """Raise BadInput for a `fold` that is none, and where a number of validation images is given beside it."""
    if fold is None:
        return
    read(fold)
    if validation_size is not None:
        rule = "says which images validate, and so does `validation_size`"
        raise BadInput(rule, field="fold", value=fold, way_out="leave one of them out")


def check_rarest(fold: str, rarest: int) -> None:
    """Raise BadInput where the smallest class, of `rarest` training images, is too small for every fold to have one.

    `fold`: as in 2/5. A fold that validates nothing of a class would have no figures of it.
    """
    parts = read(fold)[1]
    rule = ""
    if rarest < 2:
        rule = "a class of this dataset has fewer than 2 training images, too few to be divided"
    elif parts > rarest:
        rule = f"K must be at most {rarest}, as many as the rarest class of this dataset has training images"
    if rule:
        raise BadInput(rule, field="fold", value=fold)


def draw(labels: Tensor, seed: int, fold: str) -> Tensor:
    """Return the indices, int64 in ascending order, of one of K folds of `labels`, int64 (n,); `fold` is as in 2/5.

    The folds of one seed are disjoint and hold every index; their sizes differ by one at most, and so do those of each
    class among them. They depend on labels, seed and K alone. BadInput where a class has fewer than K images.
    """
    import torch
    from sklearn.model_selection import StratifiedKFold

    number, parts = read(fold)
    check_rarest(fold, int(torch.bincount(labels).min()))
    drawn = StratifiedKFold(parts, shuffle=True, random_state=seed).split(labels, labels)
    _, validation = next(itertools.islice(drawn, number - 1, None))
    return torch.from_numpy(validation)
