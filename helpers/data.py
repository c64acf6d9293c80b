"""Datasets: a name -> files that were checked -> uint8 images and labels -> splits.

Torch is imported inside the functions that need it: run_all.py asks this module which dataset there is before it
starts anything, and answers in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .runs import PROJECT, BadInput, DatasetUnavailable, absolute, digest, file_digest

if TYPE_CHECKING:
    from torch import Tensor

NAMES = {
    "auto": "MNIST when it is in the data folder or can be downloaded, otherwise digits",
    "mnist": "70,000 handwritten digits, 28x28 (LeCun, Cortes and Burges)",
    "digits": "1,797 handwritten digits, 8x8 drawn up to 28x28 (carried by scikit-learn)",
}
TRAINING_IMAGES = {"mnist": 60_000, "digits": 1_438}  # before any is held back to validate
TITLES = {"mnist": "MNIST", "digits": "scikit-learn digits"}
MNIST_FILES = {  # SHA-256 of the unpacked files: torchvision checks the archives, never what it unpacked
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PATIENCE = 10  # seconds without an answer after which a download is given up


class Split(NamedTuple):
    """Images, uint8 of shape (n, 28, 28), and labels, int64 of shape (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Dataset:
    """One dataset, checked: `images` uint8 (n, 28, 28), ink light on dark; `labels` int64 (n,), 0 to classes - 1."""

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


def choose(name="auto", data_dir=None, download=True):
    """Return (dataset name, note): `auto` becomes `mnist`, or `digits` with a note that says why.

    With `download=False` nothing is fetched and torch is not imported. BadInput for an unknown name;
    DatasetUnavailable where MNIST was asked for by name, or lies in the data folder damaged.
    """
    if name not in NAMES:
        raise BadInput(f"--dataset {name}: not known; choose one of {', '.join(NAMES)}")
    if name == "digits":
        return name, ""
    try:
        if not find_mnist(data_dir):
            if not download and name == "auto":
                return (
                    "digits",
                    "MNIST is not in the data folder: a run would download it, and use digits if it cannot.",
                )
            if download:
                download_mnist(data_dir)
        return "mnist", ""
    except DatasetUnavailable as error:
        if name == "mnist" or getattr(error, "damaged", False):
            raise
        stand_in = "The embedded digits of scikit-learn stand in, and no figure here is one of MNIST's."
        return "digits", f"{error}. {stand_in} --data-dir names another folder that holds MNIST/raw."


def find_mnist(data_dir=None):
    """Return whether MNIST is in the data folder, byte for byte; DatasetUnavailable names a file that is damaged."""
    folder = data_folder(data_dir) / "MNIST" / "raw"
    found = {name: file_digest(folder / name) for name in MNIST_FILES}
    for name, content in found.items():
        if content not in (None, MNIST_FILES[name]):
            error = DatasetUnavailable(
                f"{folder / name}: damaged (its SHA-256 is not MNIST's); delete it and run again"
            )
            error.damaged = True
            raise error
    return all(found.values())


def download_mnist(data_dir=None):
    """Download MNIST through torchvision into the data folder; DatasetUnavailable says why that failed.

    The files arrive in a temporary folder and move to their place once all four are whole.
    """
    from torchvision.datasets import MNIST

    target = data_folder(data_dir) / "MNIST" / "raw"
    patience, mirrors = socket.getdefaulttimeout(), MNIST.mirrors
    temporary = None
    try:
        socket.setdefaulttimeout(PATIENCE)
        MNIST.mirrors = [mirror for mirror in mirrors if "yann.lecun.com" not in mirror]  # answers no more, for years
        target.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".download-"))
        MNIST(temporary, download=True)
        if not find_mnist(temporary):
            raise DatasetUnavailable("MNIST was downloaded, but not whole; run again")
        for name in MNIST_FILES:
            os.replace(temporary / "MNIST" / "raw" / name, target / name)
    except (OSError, RuntimeError) as error:
        reason = (re.findall(r"<urlopen error (.*?)>", str(error)) or [" ".join(str(error).split())])[-1][:160]
        raise DatasetUnavailable(f"MNIST is not in the data folder and cannot be downloaded ({reason})") from None
    finally:
        socket.setdefaulttimeout(patience)
        MNIST.mirrors = mirrors
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # they stay where anything is in them
            target.rmdir()
            target.parent.rmdir()


def fingerprint(name):
    """Return the SHA-256 that stands for the content of a dataset that `choose` has named, without reading it again."""
    if name == "mnist":
        return digest(MNIST_FILES)
    return digest({"digits": importlib.metadata.version("scikit-learn")})


def load(name="auto", data_dir=None):
    """Return the Dataset `name`; every count, shape and label range is checked.

    `auto` is settled by `choose`. Errors: BadInput, DatasetUnavailable.
    """
    name, note = choose(name, data_dir)
    dataset = load_mnist(data_dir) if name == "mnist" else load_digits(note)
    images, labels, classes = dataset.images, dataset.labels, len(dataset.class_names)
    if images.ndim != 3 or len(images) != len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise DatasetUnavailable(f"{dataset.title}: images {tuple(images.shape)} and labels do not belong together")
    return dataset


def load_mnist(data_dir=None):
    """Return MNIST: 60,000 training images, then the 10,000 test images that were published with them.

    The files have just been checked byte for byte, so what follows their headers is read as it is: importing
    torchvision for that would take a second in every notebook.
    """
    import torch

    raw = data_folder(data_dir) / "MNIST" / "raw"
    parts = {name: torch.frombuffer(bytearray((raw / name).read_bytes()), dtype=torch.uint8) for name in MNIST_FILES}
    images = [parts[f"{part}-images-idx3-ubyte"][16:].view(-1, 28, 28) for part in ("train", "t10k")]
    labels = [parts[f"{part}-labels-idx1-ubyte"][8:].long() for part in ("train", "t10k")]
    return Dataset(
        name="mnist",
        title=TITLES["mnist"],
        origin="Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
        class_names=tuple("0123456789"),
        images=torch.cat(images),
        labels=torch.cat(labels),
        is_test=torch.arange(70_000) >= 60_000,
        validation_size=5_000,
        fingerprint=fingerprint("mnist"),
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
    images = torch.nn.functional.pad(images, (4, 4, 4, 4)).mul(255 / 16).round().to(torch.uint8)[:, 0]
    labels = torch.tensor(labels, dtype=torch.int64)
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[stratified(labels, len(labels) // 5, seed=0)] = True
    return Dataset(
        name="digits",
        title=TITLES["digits"],
        origin="Ethem Alpaydin and Cenk Kaynak, UCI repository; CC BY 4.0. The originals have 8x8 pixels; here they "
        "are enlarged to 20x20 in the middle of 28x28, which makes their edges soft and their margins empty",
        class_names=tuple("0123456789"),
        images=images,
        labels=labels,
        is_test=is_test,
        validation_size=int((~is_test).sum()) // 12,
        fingerprint=fingerprint("digits"),
        note=note,
    )


def stratified(labels, size, seed):
    """Return `size` indices, int64 in ascending order, that hold each class in its share of `labels`.

    The sizes by class are rounded by largest remainder, so that they add up exactly. The draw depends on `seed` alone.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    exact = torch.bincount(labels).double() * size / len(labels)
    counts = exact.floor().long()
    largest = (exact - counts).argsort(descending=True, stable=True)[: size - int(counts.sum())]
    counts[largest] += 1
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
    in_validation[stratified(dataset.labels[rest], size, seed)] = True
    parts = {"train": rest[~in_validation], "validation": rest[in_validation], "test": dataset.is_test.nonzero()[:, 0]}
    return {name: Split(dataset.images[index], dataset.labels[index]) for name, index in parts.items()}


def pixel_statistics(images):
    """Return (mean, standard deviation) over all pixels of uint8 images, from 0 to 255."""
    import torch

    counts = torch.bincount(images.flatten(), minlength=256).double()
    levels, share = torch.arange(256), counts / counts.sum()
    mean = (levels * share).sum()
    return mean.item(), (((levels - mean) ** 2 * share).sum().sqrt().item())
