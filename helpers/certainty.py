"""When an answer may be believed: whether an image is of those that a network knows, and which labels are possible.

A network gives every image a label, a letter and a stain as well. Three numbers, fitted on validation images that it
was not trained on, say what to make of that:

    temperature   what scores are divided by, so that a probability can be taken at its word
    threshold     how familiar an image has to be: below it, the answer is unsure
    floor         how probable a label has to be: below it, the label is ruled out

Familiarity is the cosine between what the last layer is given of an image and the nearest of a few centres, found by
k-means in what it is given of training images of each class. The cosine leaves out how strong that is, which noise and
faint ink change more than shape does.

For datasets of digits, whose networks read photographs, the three are fitted on photographs made of validation images.
Of fewer images than FEWEST nothing is known: then nobody is told that an answer is sure.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

from . import evaluation, files, framing, photographs
from .data import Dataset, Split
from .evaluation import Predictions

PHOTOGRAPHS = 400  # made of validation images, at most: of others 95 % are sure, plus or minus two
SIZE = (240, 200)  # of each, height and width: larger ones have the same threshold, smaller ones a lower one
SAMPLE = 8_000  # training images, about, in which centres are looked for
CENTRES = 25  # of each class, at most: fewer let more letters pass
SURE = 0.95  # share of what the threshold is fitted on that is at or above it
FEWEST = 20  # images that the three are fitted on, at least: of fewer, a share of 1 - SURE is not even one image
UNFITTED = 1.0  # the temperature where there are fewer: scores as they are, for a handful of images determines none
LEVEL = 0.99  # share of images whose label is possible. Of 95 % there would be fewer than there are right answers

# Digests of what is fitted on, as this process has loaded it: where they change, the three numbers are fitted anew.
CODE = [files.code_digest(Path(__file__).with_name(part)) for part in ("certainty.py", "framing.py", "photographs.py")]


class Seen(NamedTuple):
    """What a network makes of images; numpy arrays."""

    logits: np.ndarray  # float32 (n, classes)
    features: np.ndarray  # float32 (n, d): what the last layer is given, of length 1


class Certainty(NamedTuple):
    """What was fitted for one trained network."""

    temperature: float
    threshold: float  # familiarity, from -1 to 1
    floor: float  # probability, from 0 to 1
    centres: np.ndarray  # float16 (k, d)
    fitted_on: dict[str, int]  # how many "validation_images" and "photographs", "not_found" of these

    def is_sure(self, features: np.ndarray) -> np.ndarray:
        """Return which images, by their features (n, d), are familiar enough, bool (n,)."""
        return familiarity(features, self.centres) >= self.threshold


def look(network: nn.Sequential, images: Tensor) -> Seen:
    """Return what `network` makes of `images`, uint8 (n, 1, 28, 28)."""
    body = network[:-1].train(network.training)  # a part of it would begin in the mode for training
    features = evaluation.predict(body, images)
    with torch.inference_mode():
        logits = network[-1](features)
    lengths = features.norm(dim=1, keepdim=True)
    return Seen(logits.numpy(), (features / lengths.clamp(min=1e-12)).numpy())


def fit(network: nn.Sequential, dataset: Dataset, train: Split, validation: Split, seed: int = 0) -> Certainty:
    """Return the Certainty of a trained network, on the CPU, of a dataset whose splits these are.

    Where images are framed by their ink, threshold and floor are fitted on photographs of validation images, and the
    temperature on these and on all validation images; elsewhere all three on the validation images. Photographs on
    which no digit is found are left out, and counted. With fewer than FEWEST images the temperature is UNFITTED, and
    `is_known` says so of the other two. Everything is drawn by `seed`.

    The floor would be exact if the temperature had seen none of its images. Half of them each would be exact, and half
    as many: one number, fitted on thousands of images, changes less than that.
    """
    sample = choose_sample(train.labels.numpy())
    centres = find_centres(look(network, train.images[sample]).features, train.labels[sample].numpy(), seed)
    clean = look(network, validation.images)
    of_clean = Predictions(clean.logits, validation.labels.numpy())
    fitted_on = {"validation_images": len(validation.labels), "photographs": 0, "not_found": 0}
    seen = clean
    predictions = of_clean
    together = of_clean
    if dataset.framing == "ink":
        found, made = photograph(validation, seed)
        fitted_on |= {"photographs": made, "not_found": made - len(found.labels)}
        if len(found.labels):
            seen = look(network, found.images)
            predictions = Predictions(seen.logits, found.labels.numpy())
            together = join(of_clean, predictions)
    temperature = evaluation.choose_temperature(together) if is_known(fitted_on) else UNFITTED
    threshold = fit_threshold(seen, centres)
    floor = fit_floor(predictions.at_temperature(temperature))
    return Certainty(temperature, threshold, floor, centres, fitted_on)


def is_known(fitted_on: dict[str, int]) -> bool:
    """Return whether a Certainty was fitted on FEWEST images or more, as its `fitted_on` counts them."""
    return fitted_on["validation_images"] + fitted_on["photographs"] - fitted_on["not_found"] >= FEWEST


def choose_sample(labels: np.ndarray) -> np.ndarray:
    """Return the training images in which centres are found, int64: about SAMPLE, and of a rare class all."""
    every = max(1, len(labels) // SAMPLE)
    chosen = np.arange(len(labels)) % every == 0
    for label in np.unique(labels):
        of_class = labels == label
        if (chosen & of_class).sum() < CENTRES:
            chosen |= of_class
    return np.flatnonzero(chosen)


def join(one: Predictions, other: Predictions) -> Predictions:
    """Return the Predictions of two sets of images as those of one."""
    return Predictions(np.concatenate([one.logits, other.logits]), np.concatenate([one.labels, other.labels]))


def find_centres(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return what is typical of each class, float16 (k, d): centres of `features`, float32 (n, d), by k-means."""
    generator = np.random.default_rng(seed)
    centres = []
    for label in np.unique(labels):
        of_class = features[labels == label]
        found = np.unique(of_class, axis=0) if len(of_class) > CENTRES else of_class  # some may be alike
        if len(found) > CENTRES:
            found, _ = kmeans2(of_class, CENTRES, iter=10, minit="++", rng=generator)
        centres.append(found)
    together = np.concatenate(centres)
    return (together / np.linalg.norm(together, axis=1, keepdims=True).clip(1e-12)).astype(np.float16)


def familiarity(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the cosine of each of `features`, float32 (n, d), and the nearest of `centres` (k, d); float32 (n,)."""
    return (features @ centres.astype(np.float32).T).max(axis=1)


def fit_threshold(seen: Seen, centres: np.ndarray) -> float:
    """Return the familiarity that a share SURE of the images has at least."""
    return float(np.quantile(familiarity(seen.features, centres), 1 - SURE))


def fit_floor(predictions: Predictions, level: float = LEVEL) -> float:
    """Return the probability at or above which a label is possible: `level` of all true labels are, or more.

    Split conformal prediction (Papadopoulos et al. 2002; Vovk et al. 2005; Angelopoulos and Bates 2021): the score of
    an image is 1 minus the probability of its true label; of n scores, the ceil((n + 1) level)-th smallest is the
    largest that is still possible. With fewer than level / (1 - level) images that is none of them, and the floor is 0.
    It holds for images like these alone, on average over many such fits.
    """
    scores = np.sort(1 - np.exp(-predictions.losses))
    place = int(np.ceil((len(scores) + 1) * level))
    return float(1 - scores[place - 1]) if place <= len(scores) else 0.0


def photograph(validation: Split, seed: int = 0) -> tuple[Split, int]:
    """Return (photographs of some of the validation images, of all kinds in turn, framed by their ink; how many).

    The Split holds those on which a digit was found; the number counts the others, too. Which images, and every amount
    in a photograph, is drawn by `seed`. Blank images are left out. As many threads as torch may use frame them.
    """
    generator = np.random.default_rng(seed)
    images = validation.images.numpy()
    visible = np.flatnonzero(images.reshape(len(images), -1).max(axis=1) >= photographs.FAINTEST)
    chosen = generator.permutation(visible)[:PHOTOGRAPHS]
    made = (picture.pixels for _, picture in photographs.photographs(images[chosen], generator, size=SIZE))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        answers = list(pool.map(framing.frame_ink, made))
    found = torch.tensor([isinstance(answer, framing.Framed) for answer in answers], dtype=torch.bool)
    framed = [torch.from_numpy(answer.image) for answer in answers if isinstance(answer, framing.Framed)]
    pictures = torch.stack(framed)[:, None] if framed else validation.images[:0]
    return Split(pictures, validation.labels[chosen][found]), len(chosen)
