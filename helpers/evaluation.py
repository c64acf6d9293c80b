"""Predictions and what can honestly be said of them: metrics with intervals, calibration, mistakes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import logsumexp, ndtri, stdtr, stdtrit
from torch import Tensor, nn

from .data import Split

BATCH = 250  # images of 28x28 grey: it fits the caches of a CPU, a third faster than 1,000
RESAMPLES = 2000
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10  # where the search for a temperature ends


def batch_for(images: Tensor) -> int:
    """Return how many of `images`, (n, c, h, w), to predict at once: as many numbers as BATCH of 28x28, 8 at least."""
    numbers = images[:1].numel()
    return min(BATCH, max(8, BATCH * 28 * 28 // max(numbers, 1)))


def predict(network: nn.Module, images: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Return the logits of `images`, uint8 (n, c, h, w), as a float32 tensor (n, classes) on the CPU.

    The network is moved to `device` and put into evaluation mode for the time of the call; everything is computed in
    float32.
    """
    was_training = network.training
    before = next((tensor.device for tensor in network.parameters()), torch.device(device))
    try:
        network.to(device).to(memory_format=torch.channels_last)
        network.eval()
        with torch.inference_mode():  # not around `to`: weights converted under it could never be trained again
            logits = [
                network(part.to(device).float().contiguous(memory_format=torch.channels_last)).float().cpu()
                for part in images.split(batch_for(images))
            ]
    finally:
        network.to(before).train(was_training)
    return torch.cat(logits)


class Predictions(NamedTuple):
    """What a network says of images whose labels are known; numpy arrays."""

    logits: np.ndarray  # float32 (n, classes)
    labels: np.ndarray  # int64 (n,)

    @property
    def log_probabilities(self) -> np.ndarray:
        """float64 (n, classes), from the logits by log-softmax."""
        logits = self.logits.astype(np.float64)
        return logits - logsumexp(logits, axis=1, keepdims=True)

    @property
    def probabilities(self) -> np.ndarray:
        """float64 (n, classes), rows that add up to 1."""
        return np.exp(self.log_probabilities)

    @property
    def predicted(self) -> np.ndarray:
        """int64 (n,): the class with the highest logit."""
        return self.logits.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """float64 (n,): the probability given to the predicted class."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """bool (n,)."""
        return self.predicted == self.labels

    @property
    def losses(self) -> np.ndarray:
        """float64 (n,): the cross-entropy of each image in nats."""
        return -self.log_probabilities[np.arange(len(self.labels)), self.labels]

    def at_temperature(self, temperature: float) -> "Predictions":
        """Return the Predictions whose logits are divided by `temperature`: above 1 less sure, the same answers."""
        return Predictions(self.logits / np.float32(temperature), self.labels)


def predict_split(network: nn.Module, split: Split, device: torch.device | str = "cpu") -> Predictions:
    """Return the Predictions of `network` on a data.Split."""
    return Predictions(predict(network, split.images, device).numpy(), split.labels.numpy())


def summarise(predictions: Predictions) -> dict[str, float]:
    """Return {"loss", "accuracy", "f1"}, the three figures that training follows.

    `loss` is the mean cross-entropy in nats; accuracy and macro F1 are fractions from 0 to 1.
    """
    table = confusion_matrix(predictions)
    return {
        "loss": float(predictions.losses.mean()),
        "accuracy": float(predictions.correct.mean()),
        "f1": float(macro_f1(table)),
    }


def evaluate_split(network: nn.Module, split: Split, device: torch.device | str = "cpu") -> dict[str, float]:
    """Return {"loss", "accuracy", "f1"} of `network` on a data.Split, as `summarise` gives them."""
    return summarise(predict_split(network, split, device))


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Return the confusion matrix, int64 (classes, classes): row = true class, column = predicted class."""
    classes = predictions.logits.shape[1]
    cells = predictions.labels * classes + predictions.predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def macro_f1(table: np.ndarray) -> np.ndarray:
    """Return the mean over classes of F1 for confusion matrices (..., classes, classes); 0 for an empty class."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    total = table.sum(axis=-1) + table.sum(axis=-2)
    return np.divide(2 * hits, total, out=np.zeros(hits.shape), where=total > 0).mean(axis=-1)


def wilson(hits: float, total: float, level: float = 0.95) -> tuple[float, float]:
    """Return the (low, high) interval of a share `hits / total`, by Wilson's score method (1927), inside [0, 1]."""
    z = ndtri((1 + level) / 2)
    share = hits / total
    scale = 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / scale
    reach = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / scale
    low = 0.0 if hits == 0 else float(middle - reach)
    high = 1.0 if hits == total else float(middle + reach)
    return low, high


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return (mean, low, high) of one figure over seeds, by Student's t; the interval of one value is unknown (nan)."""
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    if len(values) < 2:
        return mean, np.nan, np.nan
    reach = stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return mean, mean - reach, mean + reach


def metrics(predictions: Predictions) -> dict[str, Any]:
    """Return what metrics.json holds of one split, fractions from 0 to 1, loss in nats.

    Intervals at 95%: accuracy by Wilson; macro F1 by a bootstrap over the images of each class (Efron 1979) with a
    fixed seed (of no width where there is no mistake); loss by the normal approximation, cut off at 0.
    """
    table = confusion_matrix(predictions)
    images = len(predictions.labels)
    of_class = table.sum(axis=1)
    shares = table / np.maximum(of_class, 1)[:, None]
    tables = np.random.default_rng(0).multinomial(of_class, shares, size=(RESAMPLES, len(table)))
    loss = predictions.losses.mean()
    reach = predictions.losses.std(ddof=1) / np.sqrt(images) * ndtri(0.975)
    return {
        "accuracy": float(predictions.correct.mean()),
        "accuracy_ci95": wilson(predictions.correct.sum(), images),
        "loss": float(loss),
        "loss_ci95": [float(max(0, loss - reach)), float(loss + reach)],
        "macro_f1": float(macro_f1(table)),
        "macro_f1_ci95": np.quantile(macro_f1(tables), [0.025, 0.975]).tolist(),
        "ece": calibration_error(predictions),
        "per_class": metrics_per_class(predictions),
        "confusion_matrix": table.tolist(),
    }


def metrics_per_class(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Return {class: {"precision", "recall", "f1", "support"}}, fractions from 0 to 1, 0 where there is no image.

    A class is named by its number, as text; `support` counts its images.
    """
    from sklearn.metrics import precision_recall_fscore_support  # half a second that no photograph should wait for

    classes = range(predictions.logits.shape[1])
    columns = precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=np.arange(len(classes)), zero_division=0
    )
    rows = {}
    for label in classes:
        precision, recall, f1, support = (column[label].item() for column in columns)
        rows[str(label)] = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    return rows


def reliability(predictions: Predictions, bins: int = 15) -> dict[str, np.ndarray]:
    """Return {"confidence", "accuracy", "count"}, arrays over the bins that hold an image.

    The bins hold equal ranges of confidence from 0 to 1; confidence and accuracy are means over a bin's images. Guo et
    al. 2017, On Calibration of Modern Neural Networks.
    """
    confidence = predictions.confidence
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(places, minlength=bins)
    sum_of_confidence = np.bincount(places, weights=confidence, minlength=bins)
    hits = np.bincount(places, weights=predictions.correct, minlength=bins)
    filled = count > 0
    return {
        "confidence": sum_of_confidence[filled] / count[filled],
        "accuracy": hits[filled] / count[filled],
        "count": count[filled],
    }


def calibration_error(predictions: Predictions, bins: int = 15) -> float:
    """Return the expected calibration error: the mean distance of confidence from accuracy over the bins, by count."""
    table = reliability(predictions, bins)
    gaps = np.abs(table["confidence"] - table["accuracy"])
    return float((gaps * table["count"]).sum() / table["count"].sum())


def fit_temperature(predictions: Predictions) -> float:
    """Return the temperature, from 0.1 to 10, that makes the loss of `predictions` least; Guo et al. 2017.

    To be fitted on validation images, never on those that are reported.
    """
    from scipy.optimize import minimize_scalar  # a fifth of a second that no photograph should wait for

    def loss(logarithm: float) -> float:
        return predictions.at_temperature(np.exp(logarithm)).losses.mean()

    bounds = (np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def choose_temperature(predictions: Predictions) -> float:
    """Return the temperature that `fit_temperature` finds, or exactly 1.0 where its search runs into a limit.

    There, below 0.11 or above 9, the images do not determine a temperature: without a single mistake, for one, the loss
    falls the more, the surer the network is made.
    """
    temperature = fit_temperature(predictions)
    if 0.11 < temperature < 9:
        return temperature
    return 1.0


class Difference(NamedTuple):
    """How much more of the same images one recipe classifies correctly than another; shares from -1 to 1."""

    mean: float
    low: float  # of the 95% interval
    high: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves out 0; otherwise the two are tied."""
        return self.low > 0 or self.high < 0


def compare_paired(one: np.ndarray, other: np.ndarray, level: float = 0.95, resamples: int = 4000) -> Difference:
    """Return the Difference in accuracy between two recipes, each trained with some seeds, on the same images.

    `one`, `other`: bool (seeds, images), whether each image was classified correctly; the seeds may differ in number. A
    bootstrap (Efron 1979) draws images and, apart from that, each recipe's seeds anew, so that the interval speaks for
    other images and other trainings. From one seed each nothing is known of other trainings, and the interval speaks
    for other images alone.
    """
    generator = np.random.default_rng(0)
    images = one.shape[1]
    telling = ~(one.all(axis=0) & other.all(axis=0))  # where all agree, nothing changes the difference
    shares = np.full(telling.sum() + 1, 1 / images)
    shares[-1] = 1 - telling.sum() / images
    drawn = generator.multinomial(images, shares, size=resamples)[:, :-1]
    hits_of_one = resample_seeds(one[:, telling], drawn, generator)
    hits_of_other = resample_seeds(other[:, telling], drawn, generator)
    differences = hits_of_one / images - hits_of_other / images
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Difference(float(one.mean() - other.mean()), low, high)


def resample_seeds(correct: np.ndarray, drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the number of correct images, float64 (resamples,), of one recipe with its seeds drawn anew.

    `correct`: bool (seeds, images); `drawn`: int64 (resamples, images), how often each image was drawn. With few seeds
    a bootstrap's interval is too narrow by sqrt(n / (n - 1)): each draw of seeds is spread by that factor around its
    mean.
    """
    seeds = len(correct)
    weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(drawn)) / seeds
    if seeds > 1:
        weights = 1 / seeds + (weights - 1 / seeds) * np.sqrt(seeds / (seeds - 1))
    hits = drawn @ correct.astype(float).T
    return (weights * hits).sum(axis=1)


def error_paired(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return (standard error, degrees of freedom) of the difference in accuracy between two recipes.

    `one`, `other` as in `compare_paired`. It is the standard deviation of that bootstrap, computed instead of drawn:
    the variance by images of the difference between the recipes' means, and for each recipe the variance between its
    seeds and that of both together. The seeds are few, so it counts by Student's t, with the degrees of freedom of
    Satterthwaite (1946).
    """
    images = one.shape[1]
    by_images = float((one.mean(axis=0) - other.mean(axis=0)).var()) / images
    by_seeds, both = [], 0.0
    for correct in (one, other):
        seeds = len(correct)
        if seeds > 1:
            by_seeds.append((float(correct.mean(axis=1).var(ddof=1)) / seeds, seeds - 1))
            both += float(correct.var(axis=1).mean() - correct.mean(axis=0).var()) / images / (seeds - 1)
    variance = by_images + both + sum(part for part, _ in by_seeds)
    uncertain = sum(part**2 / freedom for part, freedom in by_seeds)
    freedom = variance**2 / uncertain if uncertain > 0 else 1e9  # as good as the normal distribution
    return float(np.sqrt(variance)), min(freedom, 1e9)


def compare_within_seeds(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray], level: float = 0.95, pool: int | None = None
) -> tuple[Difference, float]:
    """Return the Difference in accuracy between two settings, and its two-sided p-value, above 0 and at most 1.

    `one`, `other`: for each repeat (a seed, a fold) a bool array (images,), whether each of its validation images was
    classified correctly; the images are those of the repeat, the same for both settings. As in `compare_paired`, the
    interval speaks for other trainings and for other images: the variance of the repeats' mean and that of their images
    are added up, which is that of a bootstrap over both. How many repeats stand behind it counts by Student's t, with
    the degrees of freedom of Satterthwaite (1946). Where trainings differ no more than images do, it finds a difference
    where there is none in 5% of cases at most; where they differ thrice as much, two repeats find one in 12%, five in
    5%. A single repeat says nothing of other trainings: then all this speaks for other images alone. `pool`: how many
    images the repeats draw theirs from, None for no end of them; many repeats then see no more images than that.
    Trainings on nearly the same images count as if these were others.
    """
    differences = np.array([left.mean() - right.mean() for left, right in zip(one, other, strict=True)])
    repeats = len(differences)
    by_images = float(np.mean([variance_by_images(*pair) for pair in zip(one, other, strict=True)]))
    by_repeats = float(differences.var(ddof=1)) if repeats > 1 else 0.0
    freedom = 1e9  # as good as the normal distribution
    if by_repeats > 0:
        freedom = min(freedom, (repeats - 1) * (1 + by_images / by_repeats) ** 2)
    draws = float(repeats)  # of images that are not yet among the others
    if pool is not None:
        draws = max(1.0, min(draws, pool / float(np.mean([len(images) for images in one]))))
    mean = float(differences.mean())
    error = float(np.sqrt(by_repeats / repeats + by_images / draws))
    reach = float(stdtrit(freedom, (1 + level) / 2) * error)
    p_value = 2 * float(stdtr(freedom, -abs(mean) / error))
    return Difference(mean, mean - reach, mean + reach), max(p_value, float(np.finfo(float).tiny))


def variance_by_images(one: np.ndarray, other: np.ndarray) -> float:
    """Return the variance, over draws of the images, of the difference in accuracy between two settings.

    `one`, `other`: bool (images,). Half an image is added to each of the four cells of right and wrong (Agresti and Min
    2005): from few images that tell the two apart it would be too small, and from none it would be 0.
    """
    images = len(one) + 2
    ahead, behind = (one & ~other).sum() + 0.5, (other & ~one).sum() + 0.5
    return (ahead + behind - (ahead - behind) ** 2 / images) / images**2


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Return p-values adjusted by Holm's method (1979) for their number, in the same order, each at most 1.

    `family`: the number of tests that they were picked from, where that is larger. Whoever compares the best of k
    settings with the others has picked these k - 1 pairs from k (k - 1) / 2 by looking at them.
    """
    count = family or len(p_values)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (count - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def mistakes(predictions: Predictions) -> np.ndarray:
    """Return the indices of the wrong predictions, int64, the most confident first."""
    wrong = np.flatnonzero(~predictions.correct)
    return wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]


def confused_pairs(table: np.ndarray, most: int = 5) -> list[tuple[int, int, int]]:
    """Return [(true class, predicted class, count)] of the largest off-diagonal cells, largest first, none empty.

    `table` is a confusion matrix; at most `most` pairs are named.
    """
    mistaken = table - np.diag(np.diag(table))
    cells = np.argsort(-mistaken, axis=None, kind="stable")[:most]
    pairs = []
    for cell in cells:
        true, predicted = np.unravel_index(cell, mistaken.shape)
        count = int(mistaken[true, predicted])
        if count:
            pairs.append((int(true), int(predicted), count))
    return pairs
