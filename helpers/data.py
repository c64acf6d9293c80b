"""Datasets: a name -> files that were checked -> uint8 images and labels -> splits.

Torch is imported inside the functions that need it: run_all.py asks this module which dataset there is before it
starts anything, and answers in a tenth of a second.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from . import downloads, folders
from .errors import BadInput, DatasetUnavailable
from .files import PROJECT, absolute, digest

if TYPE_CHECKING:
    from torch import Tensor

NAMES = {
    "auto": "MNIST when it is in the data folder or can be downloaded, otherwise digits",
    "mnist": "70,000 handwritten digits, 28x28 (LeCun, Cortes and Burges)",
    "fashion-mnist": "70,000 pieces of clothing, 28x28 (Xiao, Rasul and Vollgraf)",
    "kmnist": "70,000 characters of cursive Japanese, 28x28 (Clanuwat and others)",
    "digits": "1,797 handwritten digits, 8x8 drawn up to 28x28 (carried by scikit-learn)",
}
OTHERS = "a folder of images sorted by class, here or in the data folder"


class Split(NamedTuple):
    """Images, uint8 of shape (n, c, h, w), and labels, int64 of shape (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Dataset:
    """One dataset, checked: `images` uint8 (n, c, h, w), ink light on dark; `labels` int64 (n,), 0 to classes - 1."""

    name: str
    title: str
    origin: str  # who made it, under which licence
    class_names: tuple[str, ...]
    images: Tensor
    labels: Tensor
    is_test: Tensor  # bool (n,): the test images, the same for every seed
    validation_size: int  # how many training images validate unless a recipe says otherwise
    fingerprint: str  # SHA-256 over the files that it was read from
    note: str = ""  # why this set stands in for another; empty where it was asked for by name

    def introduce(self):
        """Return a paragraph of Markdown: what was loaded, whose it is, and why where it stands in for another set."""
        counts = (
            f"{len(self.labels):,} images, {len(self.class_names)} classes, {int(self.is_test.sum()):,} test images"
        )
        warning = f"\n\n> **Not MNIST.** {self.note}" if self.note else ""
        return f"**{self.title}**: {counts}. {self.origin}.{warning}"


def data_folder(data_dir=None):
    """Return the folder of datasets: `data_dir`, else `$MNIST_DATA_DIR`, else data/ beside helpers/."""
    return absolute(data_dir or os.environ.get("MNIST_DATA_DIR") or PROJECT / "data")


def find_folder(name, data_dir=None):
    """Return the path of the dataset `name` where that is a folder of images, None where it is a known name.

    BadInput where it is neither.
    """
    if name in NAMES:
        return None
    folder = data_folder(data_dir) / (os.path.expanduser(name) if name.startswith("~/") else name)
    if not name or not name.isprintable() or not os.path.isdir(folder):
        raise BadInput(f"--dataset {name[:100]!r}: not known; choose one of {', '.join(NAMES)}, or {OTHERS}")
    return absolute(folder)


def resolve(name="auto", data_dir=None, download=True):
    """Return (dataset name, note): `auto` becomes `mnist`, or `digits` with a note that says why.

    With `download=False` nothing is fetched and torch is not imported. BadInput for an unknown name;
    DatasetUnavailable where a set that was asked for by name is not to be had, or MNIST lies there damaged.
    """
    if name == "digits" or find_folder(name, data_dir):
        return name, ""
    published, folder = downloads.SETS["mnist" if name == "auto" else name], data_folder(data_dir)
    wrong = downloads.problems(published, folder)
    damaged = [
        f"{published.folder}/raw/{file} in the data folder is damaged: {problem}"
        for file, problem in wrong.items()
        if problem != "missing"
    ]
    if damaged and not download:
        raise DatasetUnavailable(f"{damaged[0]}; a run would set it aside and fetch it anew")
    if wrong and not download and name == "auto":
        return "digits", "MNIST is not in the data folder: a run would download it, and use digits if it cannot."
    try:
        if wrong and download:
            downloads.fetch(published, folder)
    except DatasetUnavailable as error:
        if damaged:
            raise DatasetUnavailable(f"{damaged[0]}; {error}") from None
        if name != "auto":
            raise
        stand_in = "The embedded digits of scikit-learn stand in, and no figure here is one of MNIST's."
        return "digits", f"{error}. {stand_in} --data-dir names another folder that holds MNIST/raw."
    return published.name, ""


class About(NamedTuple):
    """What is known of a dataset before it is loaded; torch is not needed for it."""

    title: str
    fingerprint: str  # SHA-256 over the files that it is read from
    training_images: int  # before any is held back to validate
    classes: int
    remarks: tuple[str, ...] = ()  # what a folder held beside whole images


@functools.cache
def summarise(name):
    """Return what is known of a dataset that `resolve` has named, for one command: its files are looked at once."""
    if name == "digits":
        return About("scikit-learn digits", digest({"digits": importlib.metadata.version("scikit-learn")}), 1_438, 10)
    path = find_folder(name)
    if path:
        return about_folder(path, folders.read(path))
    published = downloads.SETS[name]
    return About(published.title, digest(downloads.sums(published, data_folder())), 60_000, 10)


def about_folder(path, found):
    """Return what is known of a folder of images that was read as `found`."""
    images = int((~found.is_test).sum()) - (0 if found.is_test.any() else fifth(found))
    remarks = tuple(map(str, found.remarks))
    return About(folders.show(path.name), str(found.fingerprint), images, len(found.class_names), remarks)


def fifth(found):
    """Return how many images of a folders.Folder test where it does not say so itself: at least one of each class."""
    return max(len(found.labels) // 5, len(found.class_names))


def load(name="auto", data_dir=None):
    """Return the Dataset `name`: one of NAMES, or a folder of images by class, whose path counts from the data folder.

    `auto` is settled by `resolve`. Errors: BadInput, DatasetUnavailable.
    """
    name, note = resolve(name, data_dir)
    if name == "digits":
        return load_digits(note)
    path = find_folder(name, data_dir)
    return load_folder(name, path) if path else load_published(downloads.SETS[name], data_folder(data_dir))


def load_published(published, folder):
    """Return MNIST or a relative: 60,000 training images, then the 10,000 test images that were published with them."""
    import torch

    images, labels = downloads.read(published, folder)
    return Dataset(
        name=published.name,
        title=published.title,
        origin=published.origin,
        class_names=published.class_names,
        images=torch.cat(images),
        labels=torch.cat(labels),
        is_test=torch.arange(sum(map(len, labels))) >= len(labels[0]),
        validation_size=len(labels[0]) // 12,
        fingerprint=digest(downloads.sums(published, folder)),
    )


def load_folder(name, path):
    """Return a folder of images by class; where it does not say which images test, a stratified fifth does."""
    import torch

    found = folders.read(path)
    known = about_folder(path, found)
    labels, is_test = torch.from_numpy(found.labels), torch.from_numpy(found.is_test)
    if not is_test.any():
        is_test[stratified(labels, fifth(found), seed=0, both_sides=True)] = True
    remarks = [f"{remark[0].upper()}{remark[1:]}" for remark in known.remarks]
    return Dataset(
        name=name,
        title=known.title,
        origin=". ".join(["A folder of images by class, made grey and fitted into 28x28 pixels", *remarks]),
        class_names=tuple(map(str, found.class_names)),
        images=torch.from_numpy(found.images),
        labels=labels,
        is_test=is_test,
        validation_size=max(known.training_images // 12, known.classes),
        fingerprint=known.fingerprint,
    )


def load_digits(note=""):
    """Return scikit-learn's digits: 8x8 images drawn up to 20x20 in the middle of 28x28, as MNIST's are framed.

    The test set is a stratified fifth that does not depend on any seed. Source: Alpaydin and Kaynak 1998.
    """
    import torch
    from sklearn.datasets import load_digits as read_digits

    images, labels = read_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8)
    images = torch.nn.functional.interpolate(images, size=(20, 20), mode="bicubic").clamp(0, 16)
    images = torch.nn.functional.pad(images, (4, 4, 4, 4)).mul(255 / 16).round().to(torch.uint8)
    labels = torch.tensor(labels, dtype=torch.int64)
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[stratified(labels, len(labels) // 5, seed=0)] = True
    return Dataset(
        name="digits",
        title=summarise("digits").title,
        origin="Ethem Alpaydin and Cenk Kaynak, UCI repository; CC BY 4.0. The originals have 8x8 pixels; here they "
        "are enlarged to 20x20 in the middle of 28x28, which makes their edges soft and their margins empty",
        class_names=tuple("0123456789"),
        images=images,
        labels=labels,
        is_test=is_test,
        validation_size=int((~is_test).sum()) // 12,
        fingerprint=summarise("digits").fingerprint,
        note=note,
    )


def stratified(labels, size, seed, both_sides=False):
    """Return `size` indices, int64 in ascending order, that hold each class in its share of `labels`.

    The sizes by class are rounded by largest remainder, so that they add up exactly. With `both_sides` at least one
    image of every class is drawn and at least one left, whatever its share. The draw depends on `seed` alone.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    images = torch.bincount(labels)
    exact = images.double() * size / len(labels)
    low, high = (images.clamp(max=1), images - 1) if both_sides else (0 * images, images)
    counts = exact.floor().long().clamp(low, high)
    while missing := size - int(counts.sum()):
        step = 1 if missing > 0 else -1
        free = counts < high if step > 0 else counts > low
        counts[((exact - counts) * step).masked_fill(~free, -torch.inf).argmax()] += step
    order = torch.randperm(len(labels), generator=generator)
    chosen = [order[labels[order] == label][:count] for label, count in enumerate(counts.tolist())]
    return torch.cat(chosen).sort().values


def check_validation_size(size, images, classes=10):
    """Raise BadInput where `size` of `images` would leave a class without a training or a validation image."""
    if not classes <= size <= images - classes:
        raise BadInput(f"--validation-size {size}: must be from {classes} to {images - classes} for this dataset")


def split(dataset, seed=0, validation_size=None):
    """Return {"train": Split, "validation": Split, "test": Split} of a Dataset.

    The test set is the dataset's own. Validation is a stratified part of the rest, drawn by `seed`; `validation_size`
    counts images. BadInput where a class would be left without a training or a validation image.
    """
    import torch

    size = dataset.validation_size if validation_size is None else validation_size
    rest = (~dataset.is_test).nonzero()[:, 0]
    check_validation_size(size, len(rest), len(dataset.class_names))
    in_validation = torch.zeros(len(rest), dtype=torch.bool)
    in_validation[stratified(dataset.labels[rest], size, seed, both_sides=True)] = True
    parts = {"train": rest[~in_validation], "validation": rest[in_validation], "test": dataset.is_test.nonzero()[:, 0]}
    return {name: Split(dataset.images[index], dataset.labels[index]) for name, index in parts.items()}


def pixel_counts(images):
    """Return how often each value from 0 to 255 occurs in uint8 images, int64 (256,)."""
    import torch

    parts = images.split(1000)  # all at once would be eight times as large for a moment
    return sum(torch.bincount(part.flatten(), minlength=256) for part in parts)


def pixel_statistics(images):
    """Return (mean, standard deviation) over all pixels of uint8 images, from 0 to 255."""
    import torch

    counts = pixel_counts(images).double()
    levels, share = torch.arange(256), counts / counts.sum()
    mean = (levels * share).sum()
    return mean.item(), (((levels - mean) ** 2 * share).sum().sqrt().item())
