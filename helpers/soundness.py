"""Whether images are sound: labels that look wrong, images that are there twice, leaks, rare classes, extreme light.

Nothing here decides: it says what a person should look at. Test images are searched for copies, and for nothing else.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn.functional import interpolate

from . import models, training, transforms
from .data import Split
from .evaluation import Predictions, confusion_matrix
from .recipes import RECIPES, Recipe

SIDE = 28  # pixels: what is learnt or compared here is brought to this size first
STEPS = 300  # of a quick training, at least
MANY = 10_000  # images: three folds are enough, and nothing need be augmented
CHECKABLE = 10  # images of a class, at least, for its labels to be checked by networks trained on some of them
FEW = 20  # images of a class: with fewer, even 100% of them right leaves an accuracy below 84% possible (Wilson 1927)
ALIKE = 0.995  # correlation of two images that count as one; the most alike of MNIST's training images reach 0.991
BITS = 4  # of 64 in which the hashes of two such images may differ
FREQUENCIES = 8  # of each direction that a hash is made of
PORTION = 4_000_000  # numbers that are held as floats at once
CANDIDATES = 1_000  # images, at most, that one image is compared with


class Suspects(NamedTuple):
    """Labels that look wrong, the most suspicious first; numpy arrays."""

    indices: np.ndarray  # int64 (m,): places among the images that were checked
    suggested: np.ndarray  # int64 (m,): the class that each looks like
    margins: np.ndarray  # float64 (m,), -1 to 0: probability of the given class less that of the suggested one


class Copies(NamedTuple):
    """Images that are there twice, or nearly; numpy arrays. Copies of copies are in one group."""

    pairs: np.ndarray  # int64 (m, 2): places among the images that were searched, the smaller first
    likeness: np.ndarray  # float64 (m,): the correlation of each pair, ALIKE to 1; of exact copies 1
    exact: np.ndarray  # bool (m,): whether the two have the same pixels
    groups: np.ndarray  # int64 (n,): a number for each image, the same for all that are copies of each other


class Light(NamedTuple):
    """How light images are, from 0 to 255; numpy arrays."""

    mean: np.ndarray  # float32 (n,): of the brightness of an image's pixels
    spread: np.ndarray  # float32 (n,): its standard deviation; near 0 there is hardly anything to see


def shrink(images: Tensor, side: int = SIDE) -> Tensor:
    """Return images, uint8 (n, c, h, w), brought to (n, c, side, side); those of that size as they are."""
    if images.shape[-2:] == (side, side):
        return images
    parts = []
    for some in portions(images):
        small = interpolate(some.float(), (side, side), mode="bilinear", antialias=True, align_corners=False)
        parts.append(small.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def portions(images: Tensor) -> Iterable[Tensor]:
    """Return images, (n, ...), some at a time: few enough to be held as floats."""
    return images.split(max(1, PORTION // images[0].numel()))


def brightness(images: Tensor) -> Tensor:
    """Return the brightness of images, uint8 (n, c, h, w), of 1 or 3 channels: float32 (n, h, w) from 0 to 255."""
    if images.shape[1] == 1:
        return images[:, 0].float()
    return torch.einsum("nchw,c->nhw", images.float(), torch.tensor(transforms.GREY))


# Labels that look wrong


def predict_out_of_fold(images: Tensor, labels: Tensor, classes: int, seed: int = 0) -> Predictions:
    """Return what networks predict for images they were not trained on: one network per fold, trained on the others.

    `images`: uint8 (n, c, h, w); `labels`: int64 (n,), of `classes` classes. Each class is spread evenly over three
    folds, five where there are few images. The networks see images of 28x28; all is drawn by `seed`, and computed on
    one thread: for networks this small a second one brings little, and beside busy programs it costs much.
    """
    small = shrink(images)
    folds = assign_folds(labels, 3 if len(labels) >= MANY else 5, seed)
    logits = np.zeros((len(labels), classes), dtype=np.float32)
    with one_thread():
        for fold in folds.unique().tolist():
            held_out = folds == fold
            trained_on = Split(small[~held_out], labels[~held_out])
            evaluated = Split(small[held_out], labels[held_out])
            network = models.build("small", classes, seed=seed, normalise_each=True, channels=small.shape[1])
            result = training.fit(network, quick_recipe(len(trained_on.labels)), trained_on, evaluated, seed)
            logits[held_out.numpy()] = result.validation.logits
    return Predictions(logits, labels.numpy())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def assign_folds(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Return the fold of each image, int64 (n,) from 0, so that each class of `labels`, int64 (n,), is spread evenly.

    No fold is empty and none holds all, even of two images.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    by_class = order[labels[order].argsort(stable=True)]
    assigned = torch.empty_like(labels)
    assigned[by_class] = torch.arange(len(labels)) % folds
    return assigned


def quick_recipe(images: int) -> Recipe:
    """Return the recipe `fast` for so many training images, without what keeps a network from being sure.

    Smoothed labels and roughened images lower the probability of what is clear. Where there are few images, each is
    seen more often, and rotated, zoomed, sheared and shifted.
    """
    batch_size = min(max(images // 16, 16), 256, images)
    epochs = max(2, math.ceil(STEPS / (images // batch_size)))
    plain = replace(RECIPES["fast"], label_smoothing=0.0, rough_share=0.0, min_batches_per_epoch=1)
    if images < MANY // 2:
        plain = replace(plain, rotation=10, zoom=0.1, shear=5, shift=1)
    return replace(plain, batch_size=batch_size, epochs=epochs)


def suspect_labels(predictions: Predictions) -> Suspects:
    """Return the labels that look wrong to networks that were not trained on them (`predict_out_of_fold`).

    Confident learning (Northcutt, Jiang and Chuang 2021): the joint counts of given and true labels say how many labels
    of a class are wrong, and so many images, those with the lowest probability of their own class, are taken from it
    ("prune by class"). An image whose own class is the most probable one is never among them, nor is one of a class
    that is not among `checkable_classes`. They are ranked by the normalised margin.
    """
    probabilities = predictions.probabilities
    labels = predictions.labels
    joint = estimate_joint(probabilities, labels)
    places = np.arange(len(labels))
    own = probabilities[places, labels]
    others = probabilities.copy()
    others[places, labels] = -1
    suggested = others.argmax(axis=1)
    margins = own - others[places, suggested]
    found = []
    for label in checkable_classes(predictions):
        wrong = round(float(joint[label].sum() - joint[label, label]))
        members = np.flatnonzero(labels == label)
        least = members[np.argsort(own[members], kind="stable")[:wrong]]
        found.append(least[margins[least] < 0])
    indices = np.concatenate([np.empty(0, dtype=np.int64), *found])
    indices = indices[np.argsort(margins[indices], kind="stable")]
    return Suspects(indices, suggested[indices], margins[indices])


def checkable_classes(predictions: Predictions) -> list[int]:
    """Return the classes whose labels can be checked, in order: CHECKABLE images or more, most named as labelled.

    Confident learning takes it that most labels of a class are right and that the networks know the class; where they
    name it for half of its images or fewer, one or the other does not hold.
    """
    table = confusion_matrix(predictions)
    images = table.sum(axis=1)
    named = table.diagonal()
    return np.flatnonzero((images >= CHECKABLE) & (2 * named > images)).tolist()


def estimate_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many images of each given class (row) belong to each class (column), float64 (classes, classes).

    An image counts for the most probable of the classes whose probability reaches their threshold, the mean that the
    images given to that class have of it; one that reaches none does not count. Rows are scaled to the number of images
    in the class. Northcutt, Jiang and Chuang 2021, equations 1 to 3; `probabilities`: (n, classes), `labels`: (n,).
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(labels)), labels]
    thresholds = np.bincount(labels, weights=own, minlength=classes) / np.maximum(counts, 1)
    thresholds[counts == 0] = np.inf
    reaches = probabilities >= thresholds
    believed = np.where(reaches, probabilities, -1).argmax(axis=1)
    clear = reaches.any(axis=1)
    cells = labels[clear] * classes + believed[clear]
    joint = np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(float)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))  # a class of which nothing is clear is taken to be right
    return joint * (counts / joint.sum(axis=1))[:, None]


# Images that are there twice


def find_copies(images: Tensor) -> Copies:
    """Return which images, uint8 (n, c, h, w), are copies of each other: exact, or nearly the same.

    Nearly: their perceptual hashes differ in BITS at most, and, shrunk to 28x28, their correlation over all pixels and
    channels is ALIKE or more. That survives other light, noise and compression; not cropping, rotation or mirroring.
    """
    marks = [hashlib.sha256(image).digest() for image in images.numpy()]
    _, firsts, same = np.unique(np.array(marks, dtype="S32"), return_index=True, return_inverse=True)
    repeated = np.flatnonzero(firsts[same] != np.arange(len(marks)))
    exact = np.stack([firsts[same[repeated]], repeated], axis=1)
    near, likeness = find_near_copies(shrink(images[np.sort(firsts)]))
    near = np.sort(firsts)[near]
    pairs = np.concatenate([exact, near])
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(marks), len(marks)))
    _, groups = connected_components(links, directed=False)
    is_exact = np.arange(len(pairs)) < len(exact)
    return Copies(pairs, np.concatenate([np.ones(len(exact)), likeness]), is_exact, groups.astype(np.int64))


def find_near_copies(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return (pairs, int64 (m, 2), of images, uint8 (n, c, h, w), that are nearly the same; their correlations)."""
    frequencies = lowest_frequencies(images)
    hashes = perceptual_hashes(frequencies)
    pairs = []
    for some in pairs_within(hashes, BITS):
        apart = np.square(frequencies[some[:, 0]] - frequencies[some[:, 1]]).sum(axis=1)
        pairs.append(some[apart <= 4 * (1 - ALIKE)])  # twice what their share of the correlation leaves room for
    together = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    found = [correlations(images, some) for some in np.array_split(together, len(together) // 10_000 + 1)]
    likeness = np.concatenate(found)
    return together[likeness >= ALIKE], likeness[likeness >= ALIKE]


def lowest_frequencies(images: Tensor) -> np.ndarray:
    """Return the cosine transform of images, uint8 (n, c, h, w), in grey: float32 (n, 64), the lowest frequencies.

    Each image has mean 0 and length 1 before, so that two that are nearly the same have nearly the same.
    """
    parts = []
    for some in portions(images):
        grey = standardise(brightness(some))
        parts.append(dctn(grey.numpy(), axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES])
    return np.concatenate(parts).reshape(len(images), -1)


def standardise(images: Tensor) -> Tensor:
    """Return images, (n, ...), as float32 with mean 0 and length 1 each; an image of one tone becomes 0."""
    flat = images.flatten(1).float()
    flat = flat - flat.mean(dim=1, keepdim=True)
    return (flat / flat.norm(dim=1, keepdim=True).clamp(min=1)).view(images.shape)


def perceptual_hashes(frequencies: np.ndarray) -> np.ndarray:
    """Return 64 bits for each row of (n, 64), uint64 (n,): which frequencies are above their median (Zauner 2010)."""
    above = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64)[:, 0]


def pairs_within(hashes: np.ndarray, bits: int) -> Iterator[np.ndarray]:
    """Yield the pairs of `hashes`, uint64 (n,), that differ in so many bits at most, int64 (m, 2), some at a time.

    An image is compared with CANDIDATES others at most. As many threads as torch may use count bits.
    """
    rows = max(1, 1_000_000 // len(hashes))

    def compare(first: int) -> np.ndarray:
        differing = np.bitwise_count(hashes[first : first + rows, None] ^ hashes[None, first:])
        one, other = np.nonzero(differing <= bits)
        later = other > one
        one = one[later]
        other = other[later]
        place = np.arange(len(one)) - np.searchsorted(one, one)  # which of the candidates of its image it is
        return np.stack([one, other], axis=1)[place < CANDIDATES] + first

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        yield from pool.map(compare, range(0, len(hashes), rows))


def correlations(images: Tensor, pairs: np.ndarray) -> np.ndarray:
    """Return the correlation of each of `pairs`, int64 (m, 2), of images over pixels and channels, float64 (m,)."""
    one, other = (standardise(images[pairs[:, side]]).flatten(1) for side in (0, 1))
    return (one * other).sum(dim=1).double().numpy()


def find_leaks(copies: Copies, is_test: Tensor) -> np.ndarray:
    """Return which test images have a copy among the others: places among the test images, int64 in ascending order.

    `copies` are those of all images, `is_test` is bool (n,), such as a Dataset's.
    """
    tests = is_test.numpy()
    others = np.unique(copies.groups[~tests])
    return np.flatnonzero(np.isin(copies.groups[tests], others))


# How many, and how light


def rare_classes(labels: Tensor, classes: int) -> list[int]:
    """Return the classes of which `labels`, int64 (n,), name fewer than FEW images, rarest first."""
    counts = torch.bincount(labels, minlength=classes)
    rarest_first = counts.argsort(stable=True).tolist()
    return [label for label in rarest_first if counts[label] < FEW]


def measure_light(images: Tensor) -> Light:
    """Return how light images, uint8 (n, c, h, w), are."""
    means = []
    spreads = []
    for some in portions(images):
        grey = brightness(some).flatten(1)
        means.append(grey.mean(dim=1).numpy())
        spreads.append(grey.std(dim=1, correction=0).numpy())
    return Light(np.concatenate(means), np.concatenate(spreads))
