"""Predictions and what can honestly be said of them: metrics with intervals, calibration, mistakes."""

import contextlib
import ctypes
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, ndtri, stdtrit
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import precision_recall_fscore_support

BATCH = 250  # fits the caches of a CPU: a third faster than 1,000
RESAMPLES = 2000

with contextlib.suppress(OSError, AttributeError, TypeError):  # glibc alone has it
    # Memory that is freed is kept for the next batch. Handed back, it has to be cleared page by page when it is asked
    # for again, which takes a third of the time of inference and a tenth of that of training.
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
    for option, size in ((M_MMAP_THRESHOLD, 32 << 20), (M_TRIM_THRESHOLD, (1 << 31) - 1)):
        ctypes.CDLL(None).mallopt(option, size)


def predict(network, images, device="cpu"):
    """Return the scores (logits) of `images`, uint8 (n, c, h, w), as a float32 tensor (n, classes) on the CPU.

    The network is put into evaluation mode for the time of the call; everything is computed in float32.
    """
    was_training = network.training
    network.to(device, memory_format=torch.channels_last).eval()
    with torch.inference_mode():  # not around `to`: weights converted under it could never be trained again
        scores = [
            network(part.to(device).float().contiguous(memory_format=torch.channels_last)).float().cpu()
            for part in images.split(BATCH)
        ]
    network.train(was_training)
    return torch.cat(scores)


class Predictions(NamedTuple):
    """What a network says of images whose labels are known; numpy arrays."""

    scores: np.ndarray  # float32 (n, classes)
    labels: np.ndarray  # int64 (n,)

    @property
    def log_probabilities(self):
        """float64 (n, classes), from the scores by log-softmax."""
        scores = self.scores.astype(np.float64)
        return scores - logsumexp(scores, axis=1, keepdims=True)

    @property
    def probabilities(self):
        """float64 (n, classes), rows that add up to 1."""
        return np.exp(self.log_probabilities)

    @property
    def predicted(self):
        """int64 (n,): the class with the highest score."""
        return self.scores.argmax(axis=1)

    @property
    def confidence(self):
        """float64 (n,): the probability given to the predicted class."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self):
        """bool (n,)."""
        return self.predicted == self.labels

    @property
    def losses(self):
        """float64 (n,): the cross-entropy of each image in nats."""
        return -self.log_probabilities[np.arange(len(self.labels)), self.labels]

    def at_temperature(self, temperature):
        """Return the Predictions whose scores are divided by `temperature`: above 1 less sure, the same answers."""
        return Predictions(self.scores / np.float32(temperature), self.labels)


def predict_split(network, split, device="cpu"):
    """Return the Predictions of `network` on a data.Split."""
    return Predictions(predict(network, split.images, device).numpy(), split.labels.numpy())


def evaluate_split(network, split, device="cpu"):
    """Return {"loss", "accuracy", "f1"} of `network` on a data.Split: the three figures that training follows."""
    predictions = predict_split(network, split, device)
    table = confusion_matrix(predictions)
    return {
        "loss": float(predictions.losses.mean()),
        "accuracy": float(predictions.correct.mean()),
        "f1": float(macro_f1(table)),
    }


def confusion_matrix(predictions):
    """Return the confusion matrix, int64 (classes, classes): row = true class, column = predicted class."""
    return sklearn_metrics.confusion_matrix(
        predictions.labels, predictions.predicted, labels=np.arange(predictions.scores.shape[1])
    )


def macro_f1(table):
    """Return the mean over classes of F1 for confusion matrices (..., classes, classes); 0 for an empty class."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    total = table.sum(axis=-1) + table.sum(axis=-2)
    return np.divide(2 * hits, total, out=np.zeros(hits.shape), where=total > 0).mean(axis=-1)


def wilson(hits, total, level=0.95):
    """Return the (low, high) interval of a share `hits / total`, by Wilson's score method (1927), inside [0, 1]."""
    z = ndtri((1 + level) / 2)
    share, scale = hits / total, 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / scale
    reach = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / scale
    return 0.0 if hits == 0 else float(middle - reach), 1.0 if hits == total else float(middle + reach)


def mean_interval(values, level=0.95):
    """Return (mean, low, high) of one figure over seeds, by Student's t; the interval of one value is unknown (nan)."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return values.mean(), np.nan, np.nan
    reach = stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - reach, values.mean() + reach


def metrics(predictions):
    """Return what metrics.json holds of one split, fractions from 0 to 1, loss in nats.

    Intervals at 95%: accuracy by Wilson; macro F1 by a bootstrap over images (Efron 1979) with a fixed
    seed (of no width where there is no mistake); loss by the normal approximation, cut off at 0.
    """
    table, images = confusion_matrix(predictions), len(predictions.labels)
    generator = np.random.default_rng(0)
    tables = generator.multinomial(images, table.ravel() / images, size=RESAMPLES).reshape(-1, *table.shape)
    spread = predictions.losses.std(ddof=1) / np.sqrt(images) * ndtri(0.975)
    loss = predictions.losses.mean()
    columns = precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=np.arange(len(table)), zero_division=0
    )
    names = ("precision", "recall", "f1", "support")
    return {
        "accuracy": float(predictions.correct.mean()),
        "accuracy_ci95": wilson(predictions.correct.sum(), images),
        "loss": float(loss),
        "loss_ci95": [float(max(0, loss - spread)), float(loss + spread)],
        "macro_f1": float(macro_f1(table)),
        "macro_f1_ci95": np.quantile(macro_f1(tables), [0.025, 0.975]).tolist(),
        "ece": calibration_error(predictions),
        "per_class": {
            str(label): {name: value.item() for name, value in zip(names, row, strict=True)}
            for label, row in enumerate(zip(*columns, strict=True))
        },
        "confusion_matrix": table.tolist(),
    }


def reliability(predictions, bins=15):
    """Return {"confidence", "accuracy", "count"}, arrays over the bins that hold an image.

    The bins hold equal ranges of confidence from 0 to 1; Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    place = np.minimum((predictions.confidence * bins).astype(int), bins - 1)
    number = np.bincount(place, minlength=bins)
    filled = number > 0
    means = [
        np.bincount(place, weights=values, minlength=bins)[filled] / number[filled]
        for values in (predictions.confidence, predictions.correct)
    ]
    return {"confidence": means[0], "accuracy": means[1], "count": number[filled]}


def calibration_error(predictions, bins=15):
    """Return the expected calibration error: the mean distance of confidence from accuracy over the bins, by count."""
    table = reliability(predictions, bins)
    gaps = np.abs(table["confidence"] - table["accuracy"])
    return float((gaps * table["count"]).sum() / table["count"].sum())


def fit_temperature(predictions):
    """Return the temperature, from 0.1 to 10, that makes the loss of `predictions` least; Guo et al. 2017.

    To be fitted on validation images, never on those that are reported.
    """

    def loss(logarithm):
        return predictions.at_temperature(np.exp(logarithm)).losses.mean()

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded").x))


class Difference(NamedTuple):
    """How much more of the same images one recipe reads correctly than another; shares from -1 to 1."""

    mean: float
    low: float  # of the 95% interval
    high: float

    @property
    def is_real(self):
        """Whether the interval leaves out 0; otherwise the two are tied."""
        return self.low > 0 or self.high < 0


def compare(one, other, level=0.95, resamples=4000):
    """Return the Difference in accuracy between two recipes, each trained with some seeds, on the same images.

    `one`, `other`: bool (seeds, images), whether each image was read correctly; the seeds may differ in number. A
    bootstrap (Efron 1979) draws images and, apart from that, each recipe's seeds anew, so that the interval speaks for
    other images and other trainings. With few seeds a bootstrap's interval is too narrow by sqrt(n / (n - 1)): each
    draw of seeds is spread by that factor around its mean. From one seed each nothing is known of other trainings, and
    the interval speaks for other images alone.
    """
    generator, images = np.random.default_rng(0), one.shape[1]
    telling = ~(one.all(axis=0) & other.all(axis=0))  # where all agree, nothing changes the difference
    shares = np.full(telling.sum() + 1, 1 / images)
    shares[-1] = 1 - telling.sum() / images
    drawn = generator.multinomial(images, shares, size=resamples)[:, :-1]

    def resample(correct):
        seeds, correct = len(correct), correct[:, telling].astype(float)
        weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
        if seeds > 1:
            weights = 1 / seeds + (weights - 1 / seeds) * np.sqrt(seeds / (seeds - 1))
        return (weights * (drawn @ correct.T)).sum(axis=1) / images

    ends = np.quantile(resample(one) - resample(other), [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(one.mean() - other.mean()), *ends.tolist())


def mistakes(predictions):
    """Return the indices of the wrong predictions, int64, the most confident first."""
    wrong = np.flatnonzero(~predictions.correct)
    return wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]


def confused_pairs(table, most=5):
    """Return [(true class, predicted class, count)] of the largest off-diagonal cells, largest first, none empty."""
    off = table - np.diag(np.diag(table))
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    return [
        (int(i), int(j), int(off[i, j])) for i, j in zip(*np.unravel_index(order, off.shape), strict=True) if off[i, j]
    ]
