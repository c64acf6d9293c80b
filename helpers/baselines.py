"""What simple classifiers make of images, so that a network's accuracy is seen against theirs.

Scikit-learn does the work.
"""

import warnings

import numpy as np
import torch
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from torch import Tensor

from .data import Split, stratified
from .soundness import shrink

MOST = 10_000  # training images that are looked at; nearest neighbour takes as much longer as there are more
CLASSIFIERS = {
    "nearest mean image": NearestCentroid(),
    "nearest neighbour": KNeighborsClassifier(n_neighbors=1),
    "softmax regression": LogisticRegression(C=0.1, max_iter=50),  # more steps bring MNIST's validation 0.1 percent
}
NAMES = ("majority class", *CLASSIFIERS)


def predict(train: Split, images: Tensor, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return what simple classifiers, fitted to training images, call other `images`, uint8 (n, c, h, w).

    The keys are NAMES, in that order; each value is int64 (n,), a class for each image. The classifiers see pixels from
    0 to 1 of images brought to 28x28. Where there are more than MOST training images, as many are drawn by `seed`, each
    class in its share. Every one of `classes` needs a training image, or ValueError.
    """
    if (torch.bincount(train.labels, minlength=classes) == 0).any():
        raise ValueError("a class has no training image")
    drawn = train
    if len(train.labels) > MOST:
        places = stratified(train.labels, MOST, seed, both_sides=True)
        drawn = Split(train.images[places], train.labels[places])
    pixels = as_rows(drawn.images)
    labels = drawn.labels.numpy()
    asked = as_rows(images)
    majority = DummyClassifier().fit(train.labels[:, None], train.labels.numpy())
    predicted = {"majority class": majority.predict(asked)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some pixels are always 0, and that fifty steps are not the last
        for name, classifier in CLASSIFIERS.items():
            predicted[name] = clone(classifier).fit(pixels, labels).predict(asked)
    return predicted


def as_rows(images: Tensor) -> np.ndarray:
    """Return images, uint8 (n, c, h, w), as rows of pixels from 0 to 1: float32 (n, c * 28 * 28)."""
    return shrink(images).flatten(1).numpy().astype(np.float32) / 255
