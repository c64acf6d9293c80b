"""Datasets: a name -> files that were checked -> uint8 images and labels -> splits.

SOURCES is the list of them: a new dataset is a class and one entry there, and nothing else changes. One that was
published as MNIST was is an entry in PUBLISHED of downloads.py instead.

Torch is imported inside the functions that need it: run_all.py asks this module which dataset there is before it
starts anything, and answers in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from . import downloads, folders, folds, forms
from .errors import BadInput, DatasetUnavailable
from .files import PROJECT, absolute, digest
from .forms import Form, Wish

if TYPE_CHECKING:
    from torch import Tensor

AUTO = "MNIST when it is in the data folder or can be downloaded, otherwise digits"
OTHERS = "a folder of images sorted by class, here or in the data folder"
DIGITS_TITLE = "scikit-learn digits"
AS_IT_COMES = Wish()


class Split(NamedTuple):
    """Images, uint8 of shape (n, c, h, w), and labels, int64 of shape (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Dataset:
    """One dataset, checked: `images` uint8 (n, c, size, size), `labels` int64 (n,), 0 to classes - 1.

    c is 1 or 3. In MNIST's form, 28x28 and grey, ink is light on dark.
    """

    name: str
    title: str
    origin: str  # who made it, under which licence
    class_names: tuple[str, ...]
    images: Tensor
    labels: Tensor
    is_test: Tensor  # bool (n,): the test images, the same for every seed
    validation_size: int  # how many training images validate unless a recipe says otherwise
    fingerprint: str  # SHA-256 over the files that it was read from
    framing: str = "ink"  # how other images are framed for a network of it: the "ink" is found, or taken as a "whole"
    note: str = ""  # why this set stands in for another; empty where it was asked for by name
    caution: str = ""  # why this may not be what its title says; empty where that is certain
    sizes: Tensor | None = None  # int32 (n, 2), height and width of each image as it came; None where all came alike
    files: tuple[str, ...] = ()  # the file of each image, where each came in one

    @property
    def form(self) -> Form:
        """The Form of its images."""
        channels, size = self.images.shape[1:3]
        return Form(size, "rgb" if channels == 3 else "grey", self.framing)

    def name_of(self, place: int) -> str:
        """Return what the image at a place is called: by its file, or by its place, from 0, where it came in none."""
        return self.files[place] if self.files else f"image {place:,}"

    def introduce(self) -> str:
        """Return Markdown: what was loaded, whose it is, why it stands in for another set, why it may not be itself."""
        counts = (
            f"{len(self.labels):,} images, {len(self.class_names)} classes, {int(self.is_test.sum()):,} test images"
        )
        paragraphs = [f"**{self.title}**: {counts}. {self.origin}."]
        if self.note:
            paragraphs.append(f"> **Not MNIST.** {self.note}")
        if self.caution:
            paragraphs.append(f"> **Not verified:** {self.caution}.")
        return "\n\n".join(paragraphs)


class DatasetSummary(NamedTuple):
    """What is known of a dataset before it is loaded; torch is not needed for it."""

    title: str
    fingerprint: str  # SHA-256 over the files that it is read from
    training_images: int  # before any is held out to validate
    classes: int
    remarks: tuple[str, ...] = ()  # what a person should know before anything runs, a line each
    validation_size: int | None = None  # how many of them validate unless a recipe says otherwise
    rarest: int | None = None  # training images of the smallest class; None where nobody counts before it is loaded


class Source(Protocol):
    """Where a dataset comes from. `folder` is the folder of datasets.

    Torch is imported by `load`, and by a `fetch` that downloads what torchvision knows.
    """

    @property
    def summary(self) -> str:
        """What it is, in a line for `run_all.py --list`."""

    @property
    def form(self) -> Form:
        """The Form of its images; its framing says how other images are framed for a network of it."""

    def fetch(self, folder: Path, download: bool) -> None:
        """See that the dataset is there and whole; fetch it where it is not, unless `download` is False.

        DatasetUnavailable where it cannot be had. With `download=False` that is: where no run could have it, either.
        """

    def summarise(self, folder: Path) -> DatasetSummary:
        """Return title, fingerprint and counts, the same as those of what `load` returns."""

    def files(self, folder: Path) -> list[Path]:
        """Return the files that it is read from, each in `folder`: a machine that has them there has the dataset."""

    def load(self, folder: Path) -> Dataset:
        """Return the Dataset, which `fetch` has found whole."""


@dataclass(frozen=True)
class PublishedSet:
    """MNIST or a relative: 60,000 training images, then the 10,000 test images that were published with them."""

    name: str  # in downloads.SETS

    @property
    def published(self) -> downloads.Published:
        """What is known of the set beforehand."""
        return downloads.SETS[self.name]

    @property
    def summary(self) -> str:
        """What it is, in a line."""
        return self.published.summary

    @property
    def form(self) -> Form:
        """The Form of its images."""
        return Form(framing=self.published.framing)

    def fetch(self, folder: Path, download: bool) -> None:
        """Fetch what is missing or damaged; with `download=False` refuse what is damaged, and leave what is missing."""
        problems = downloads.problems(self.published, folder)
        damage = first_damage(self.published, problems)
        if damage and not download:
            raise DatasetUnavailable(damage, way_out="a run would set it aside and fetch it anew")
        if not download:
            return
        if not problems:
            downloads.note_first_seen(self.published, folder)
            return
        try:
            downloads.fetch(self.published, folder)
        except DatasetUnavailable as error:
            if damage:
                raise DatasetUnavailable(damage, way_out=str(error)) from None
            raise

    def caution(self, folder: Path) -> str:
        """Return why the files may not be those of the set, or "" where they are shown to be, or are not all there."""
        published = self.published
        raw = f"{published.folder}/raw"
        unverified = downloads.unverified(published, folder)
        if not unverified:
            return ""
        which = "the files" if len(unverified) == len(downloads.FILES) else ", ".join(unverified)
        return (
            f"this may not be {published.title}. Checksums were published of the archives alone, and {which} in {raw} "
            f"came without. Lay the archives (.gz) beside them, or move {raw} away and let a run fetch the set"
        )

    def title(self, folder: Path) -> str:
        """Return the title, which says so where the files were not verified: it heads figures wherever they go."""
        if self.caution(folder):
            return f"{self.published.title} (not verified)"
        return self.published.title

    def summarise(self, folder: Path) -> DatasetSummary:
        """Return the DatasetSummary; the fingerprint is that of the files that the set must have."""
        caution = self.caution(folder)
        fingerprint = digest(downloads.sums(self.published, folder))
        remarks = (f"not verified: {caution}",) if caution else ()
        training_images = downloads.COUNTS["train"]
        classes = len(self.published.class_names)
        validation_size = training_images // 12
        return DatasetSummary(self.title(folder), fingerprint, training_images, classes, remarks, validation_size)

    def files(self, folder: Path) -> list[Path]:
        """Return the four files, and what proves them: archives and noted sums, of a set whose sums are not known."""
        return downloads.kept_files(self.published, folder)

    def load(self, folder: Path) -> Dataset:
        """Return the Dataset."""
        import torch

        published = self.published
        caution = self.caution(folder)
        images, labels = downloads.read(published, folder)
        training_images = len(labels[0])
        return Dataset(
            name=published.name,
            title=self.title(folder),
            origin=f"If it is what its name says, by {published.origin}" if caution else published.origin,
            class_names=published.class_names,
            images=torch.cat(images),
            labels=torch.cat(labels),
            is_test=torch.arange(sum(map(len, labels))) >= training_images,
            validation_size=training_images // 12,
            fingerprint=digest(downloads.sums(published, folder)),
            framing=published.framing,
            caution=caution,
        )


def first_damage(published: downloads.Published, problems: dict[str, str]) -> str:
    """Return in words which file of a Published is damaged, and how; "" where none is, or some are merely missing."""
    for file, problem in problems.items():
        if problem != downloads.MISSING:
            return f"{published.folder}/raw/{file} in the data folder is damaged: {problem}"
    return ""


class Digits:
    """Scikit-learn's digits: 8x8 images drawn up to 20x20 in the middle of 28x28, as MNIST's are framed."""

    summary = "1,797 handwritten digits, 8x8 drawn up to 28x28 (carried by scikit-learn)"
    form = Form(framing="ink")

    def fetch(self, folder: Path, download: bool) -> None:
        """Do nothing: they came with scikit-learn."""

    def summarise(self, folder: Path) -> DatasetSummary:
        """Return the DatasetSummary; the fingerprint is that of scikit-learn's version."""
        fingerprint = digest({"digits": importlib.metadata.version("scikit-learn")})
        return DatasetSummary(DIGITS_TITLE, fingerprint, training_images=1_438, classes=10, validation_size=1_438 // 12)

    def files(self, folder: Path) -> list[Path]:
        """Return no file: scikit-learn has them."""
        return []

    def load(self, folder: Path) -> Dataset:
        """Return the Dataset. The test set is a stratified fifth that does not depend on any seed.

        Source: Alpaydin and Kaynak 1998.
        """
        import torch
        from sklearn.datasets import load_digits

        pixels, numbers = load_digits(return_X_y=True)
        images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8)
        images = torch.nn.functional.interpolate(images, size=(20, 20), mode="bicubic").clamp(0, 16)
        images = torch.nn.functional.pad(images, (4, 4, 4, 4)).mul(255 / 16).round().to(torch.uint8)
        labels = torch.tensor(numbers, dtype=torch.int64)
        is_test = torch.zeros(len(labels), dtype=torch.bool)
        is_test[stratified(labels, len(labels) // 5, seed=0)] = True
        summary = self.summarise(folder)
        return Dataset(
            name="digits",
            title=summary.title,
            origin="Ethem Alpaydin and Cenk Kaynak, UCI repository; CC BY 4.0. The originals have 8x8 pixels; here "
            "they are enlarged to 20x20 in the middle of 28x28, which makes their edges soft and their margins empty",
            class_names=tuple("0123456789"),
            images=images,
            labels=labels,
            is_test=is_test,
            validation_size=int((~is_test).sum()) // 12,
            fingerprint=summary.fingerprint,
        )


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images by class; where it does not say which images test, a stratified fifth does."""

    name: str  # as it was asked for
    path: Path
    wish: Wish = AS_IT_COMES
    summary: str = OTHERS

    @property
    def form(self) -> Form:
        """The Form that its images are brought to; some are looked at where nobody has settled it."""
        look = folders.look(self.path) if self.wish.is_open else None
        return forms.settle(self.wish, look)

    def fetch(self, folder: Path, download: bool) -> None:
        """Do nothing: whoever named the folder has it."""

    def summarise(self, folder: Path) -> DatasetSummary:
        """Return the DatasetSummary; the fingerprint is that of the form, and of the images' names and bytes."""
        return summarise_folder(self.path, folders.describe(self.path, self.form))

    def files(self, folder: Path) -> list[Path]:
        """Return the image files, those that are no whole image included: they are counted."""
        return [self.path / file.name for file in folders.read_listing(self.path).files]

    def load(self, folder: Path) -> Dataset:
        """Return the Dataset."""
        import torch

        found, images = folders.read(self.path, self.form)
        summary = summarise_folder(self.path, found)
        labels = torch.from_numpy(found.labels)
        is_test = torch.from_numpy(found.is_test)
        if not is_test.any():
            is_test[stratified(labels, count_test_images(found), seed=0, both_sides=True)] = True
        made = f"A folder of images by class, {found.form.describe()}"
        remarks = [f"{remark[0].upper()}{remark[1:]}" for remark in summary.remarks]
        return Dataset(
            name=self.name,
            title=summary.title,
            origin=". ".join([made, *remarks]),
            class_names=found.class_names,
            images=torch.from_numpy(images),
            labels=labels,
            is_test=is_test,
            validation_size=summary.validation_size or 0,
            fingerprint=summary.fingerprint,
            framing=found.form.framing,
            sizes=torch.from_numpy(found.sizes),
            files=found.names,
        )


def summarise_folder(path: Path, images: folders.Folder) -> DatasetSummary:
    """Return the DatasetSummary of the folder of images at `path`, which holds `images`."""
    images_per_class = np.bincount(images.labels[~images.is_test], minlength=len(images.class_names))
    if not images.is_test.any():
        images_per_class = images_per_class - share_out(images_per_class, count_test_images(images), both_sides=True)
    return DatasetSummary(
        title=folders.show(path.name),
        fingerprint=images.fingerprint,
        training_images=int(images_per_class.sum()),
        classes=len(images.class_names),
        remarks=images.remarks,
        validation_size=count_validation_images(images.form, int(images_per_class.sum()), len(images.class_names)),
        rarest=int(images_per_class.min()),
    )


def count_test_images(images: folders.Folder) -> int:
    """Return how many images test where the folder does not say so itself: a fifth, at least one of each class."""
    return max(len(images.labels) // 5, len(images.class_names))


def count_validation_images(form: Form, training_images: int, classes: int) -> int:
    """Return how many of a folder's `training_images` validate unless a recipe says otherwise, one per class at least.

    A twelfth, as of MNIST; where that is less than 100, a fifth, but no more than 100: every choice rests on them. In
    MNIST's form it is a twelfth, however many there are.
    """
    twelfth = training_images // 12
    if form.is_mnists:
        return max(twelfth, classes)
    return max(twelfth, min(training_images // 5, 100), classes)


SOURCES: dict[str, Source] = {
    **{name: PublishedSet(name) for name in downloads.SETS},
    "digits": Digits(),
}
NAMES = {"auto": AUTO} | {name: source.summary for name, source in SOURCES.items()}


def data_folder(data_dir: str | Path | None = None) -> Path:
    """Return the folder of datasets: `data_dir`, else `$MNIST_DATA_DIR`, else data/ beside helpers/."""
    return absolute(data_dir or os.environ.get("MNIST_DATA_DIR") or PROJECT / "data")


def find_folder(name: str, data_dir: str | Path | None = None) -> Path | None:
    """Return the path of the dataset `name` where that is a folder of images, None where it is a known name.

    A relative `name` counts from the data folder. BadInput where it is neither.
    """
    if name == "auto" or name in SOURCES:
        return None
    given = os.path.expanduser(name) if name.startswith("~/") else name
    folder = data_folder(data_dir) / given
    if not name or not name.isprintable() or not os.path.isdir(folder):
        way_out = f"choose one of {', '.join(['auto', *SOURCES])}, or {OTHERS}"
        raise BadInput("not known", field="dataset", value=repr(name[:100]), way_out=way_out)
    return absolute(folder)


def find_source(name: str, data_dir: str | Path | None = None, wish: Wish = AS_IT_COMES) -> Source:
    """Return the Source of a dataset, never `auto`, which `resolve` has settled; BadInput where none is called so.

    `wish`: the form that its images are brought to, where it is a folder of images.
    """
    path = find_folder(name, data_dir)
    if path:
        return ImageFolder(name, path, wish)
    if name == "auto":
        raise BadInput("a choice, and no dataset", field="dataset", value="auto", way_out="settle it first")
    return SOURCES[name]


def resolve(name: str = "auto", data_dir: str | Path | None = None, download: bool = True) -> tuple[str, str]:
    """Return (dataset name, note): `auto` becomes `mnist`, or `digits` with a note that says why.

    With `download=False` nothing is fetched, the note says what would be, and torch is not imported. BadInput for an
    unknown name; DatasetUnavailable where a set that was asked for by name is not to be had, or MNIST is there damaged.
    """
    folder = data_folder(data_dir)
    if name == "auto":
        return resolve_auto(folder, download)
    with told_of_files(name):
        find_source(name, data_dir).fetch(folder, download)
    return name, "" if download else to_download(name, folder)


def to_download(name: str, folder: Path) -> str:
    """Return that a run would download a dataset, where it is one that can be and is not there whole; else ""."""
    published = downloads.SETS.get(name)
    if published is None or not downloads.problems(published, folder):
        return ""
    return f"{published.title} is not in the data folder: a run would download it."


def resolve_auto(folder: Path, download: bool) -> tuple[str, str]:
    """Return what `auto` means where the folder of datasets is `folder`, as `resolve` returns it."""
    mnist = downloads.SETS["mnist"]
    problems = downloads.problems(mnist, folder)
    if not problems:
        return "mnist", ""
    if first_damage(mnist, problems):  # it is repaired or refused; nothing stands in for it
        SOURCES["mnist"].fetch(folder, download)
        return "mnist", ""
    if not download:
        return "digits", "MNIST is not in the data folder: a run would download it, and use digits if it cannot."
    try:
        SOURCES["mnist"].fetch(folder, download)
    except DatasetUnavailable as error:
        stand_in = "The embedded digits of scikit-learn stand in, and no figure here is one of MNIST's."
        return "digits", f"{error}. {stand_in} Where MNIST/raw lies in another folder, name that in MNIST_DATA_DIR."
    return "mnist", ""


def settle_form(name: str, data_dir: str | Path | None = None, wish: Wish = AS_IT_COMES) -> Form:
    """Return the Form of the images of a dataset that `resolve` has named.

    A folder's images are looked at where `wish` leaves something open. BadInput for a wish that cannot be met.
    """
    forms.check(wish)
    source = find_source(name, data_dir, wish)
    if not isinstance(source, ImageFolder):
        forms.check_named(name, wish, source.form)
    return source.form


@functools.cache
def summarise(name: str, data_dir: str | Path | None = None, wish: Wish = AS_IT_COMES) -> DatasetSummary:
    """Return the DatasetSummary of a dataset that `resolve` has named, whose images are brought to the form of `wish`.

    Its files are looked at once for each set of arguments; `summarise.cache_clear()` makes it look again. Errors:
    BadInput, DatasetUnavailable.
    """
    with told_of_files(name):
        return find_source(name, data_dir, wish).summarise(data_folder(data_dir))


def fingerprint_in(name: str, data_dir: str | Path | None, form: Form, other: Form) -> str:
    """Return the fingerprint that a dataset, whose images are brought to `form`, would have if they were to `other`.

    Nothing is decoded for it. Errors as those of `summarise`.
    """
    source = find_source(name, data_dir, Wish(*form))
    if isinstance(source, ImageFolder):
        with told_of_files(name):
            return folders.describe(source.path, form).fingerprint_in(other)
    return summarise(name, data_dir).fingerprint


def files_of(name: str, data_dir: str | Path | None = None, wish: Wish = AS_IT_COMES) -> list[Path]:
    """Return the files that a dataset is read from, which `resolve` has named; none where it comes with a library.

    All lie in the folder of datasets. BadInput, DatasetUnavailable.
    """
    with told_of_files(name):
        return find_source(name, data_dir, wish).files(data_folder(data_dir))


def load(
    name: str = "auto",
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    colour: str = "auto",
    framing: str = "auto",
) -> Dataset:
    """Return the Dataset `name`: one of NAMES, or a folder of images by class, whose path counts from the data folder.

    `auto` is settled by `resolve`. `image_size` (pixels), `colour` ("grey", "rgb") and `framing` ("whole", "ink") say
    what the images of a folder are brought to; what is None or "auto" is chosen by the images. Errors: BadInput,
    DatasetUnavailable.
    """
    name, note = resolve(name, data_dir)
    wish = Wish(image_size, colour, framing)
    form = settle_form(name, data_dir, wish)
    with told_of_files(name):
        dataset = find_source(name, data_dir, Wish(*form)).load(data_folder(data_dir))
    check_form(dataset, name, form)
    return replace(dataset, note=note) if note else dataset


@contextlib.contextmanager
def told_of_files(name: str) -> Iterator[None]:
    """Turn an OSError over a file of the dataset `name` into DatasetUnavailable: it went after it was found whole."""
    try:
        yield
    except OSError as error:
        place = os.path.basename(error.filename or "a file of it")
        rule = f"{place} cannot be read: {error.strerror or error}"
        raise DatasetUnavailable(rule, field="dataset", value=name) from None


def check_form(dataset: Dataset, name: str, form: Form) -> None:
    """Raise DatasetUnavailable where what the Source of `name` loaded is not what it, or Dataset, promises."""
    import torch

    images = dataset.images
    labels = dataset.labels
    is_test = dataset.is_test
    count = len(labels)
    classes = len(dataset.class_names)
    rule = ""
    if images.dtype != torch.uint8 or tuple(images.shape) != (count, *form.shape):
        rule = f"its images are {images.dtype} {tuple(images.shape)}, not uint8 {(count, *form.shape)}"
    elif labels.dtype != torch.int64 or labels.unique().tolist() != list(range(classes)):
        rule = f"its labels are not int64 that name each of its {classes} classes, counted from 0"
    elif is_test.dtype != torch.bool or len(is_test) != count or not is_test.any() or is_test.all():
        rule = "it does not say of each image whether it tests, or none does, or all do"
    elif torch.bincount(labels[is_test], minlength=classes).min() < 1:
        rule = "a class has no test image"
    elif torch.bincount(labels[~is_test], minlength=classes).min() < 2:
        rule = "a class has fewer than two images beside those that test"
    if rule:
        raise DatasetUnavailable(rule, field="dataset", value=name)


def stratified(labels: Tensor, size: int, seed: int, both_sides: bool = False) -> Tensor:
    """Return `size` indices, int64 in ascending order, that hold each class in its share of `labels`, int64 (n,).

    The sizes by class are rounded so that they add up exactly. With `both_sides` at least one image of every class is
    drawn and at least one left, whatever its share. The draw depends on `seed` alone.
    """
    import torch

    counts = share_out(torch.bincount(labels).numpy(), size, both_sides)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = []
    for label, count in enumerate(counts.tolist()):
        of_this_class = order[labels[order] == label]
        chosen.append(of_this_class[:count])
    return torch.cat(chosen).sort().values


def share_out(images_per_class: np.ndarray, size: int, both_sides: bool = False) -> np.ndarray:
    """Return how many images of each class are among `size` that hold each in its share, int64 (classes,).

    `both_sides` is that of `stratified`.
    """
    shares = images_per_class.astype(np.float64) * size / images_per_class.sum()
    fewest = np.zeros_like(images_per_class)
    most = images_per_class
    if both_sides:
        fewest = np.minimum(images_per_class, 1)
        most = images_per_class - 1
    return round_shares(shares, size, fewest, most)


def round_shares(shares: np.ndarray, total: int, fewest: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return whole numbers near `shares`, float64 (n,), that add up to `total`, each from `fewest` to `most`.

    All are int64 (n,). Rounded by the method of the largest remainder (Hamilton 1792).
    """
    counts = np.minimum(np.maximum(np.floor(shares).astype(np.int64), fewest), most)
    while counts.sum() < total:
        remainders = np.where(counts >= most, -np.inf, shares - counts)
        counts[remainders.argmax()] += 1
    while counts.sum() > total:
        excesses = np.where(counts <= fewest, -np.inf, counts - shares)
        counts[excesses.argmax()] -= 1
    return counts


def check_validation_size(size: int, images: int, classes: int) -> None:
    """Raise BadInput where `size` of `images` would leave a class without a training or a validation image."""
    if not classes <= size <= images - classes:
        rule = f"must be from {classes} to {images - classes} for this dataset"
        raise BadInput(rule, field="validation_size", value=size)


def split(
    dataset: Dataset, seed: int = 0, validation_size: int | None = None, fold: str | None = None
) -> dict[str, Split]:
    """Return {"train": Split, "validation": Split, "test": Split} of a Dataset.

    The test set is the dataset's own. Validation is a stratified part of the rest, drawn by `seed`; `validation_size`
    counts images. In its place, `fold` 2/5 is the second of five such parts, which together are all of the rest.
    BadInput where a class would be left without a training or a validation image, and for both at once.
    """
    import torch

    folds.check(fold, validation_size)
    rest = (~dataset.is_test).nonzero()[:, 0]
    labels = dataset.labels[rest]
    if fold is not None:
        chosen = folds.draw(labels, seed, fold)
    else:
        size = dataset.validation_size if validation_size is None else validation_size
        check_validation_size(size, len(rest), len(dataset.class_names))
        chosen = stratified(labels, size, seed, both_sides=True)
    in_validation = torch.zeros(len(rest), dtype=torch.bool)
    in_validation[chosen] = True
    indices = {
        "train": rest[~in_validation],
        "validation": rest[in_validation],
        "test": dataset.is_test.nonzero()[:, 0],
    }
    return {name: Split(dataset.images[index], dataset.labels[index]) for name, index in indices.items()}


def pixel_counts(images: Tensor) -> Tensor:
    """Return how often each value from 0 to 255 occurs in uint8 images of any shape, int64 (256,)."""
    import torch

    counts = torch.zeros(256, dtype=torch.int64)
    for some in images.flatten().split(1_000_000):  # all at once would be eight times as large for a moment
        counts += torch.bincount(some, minlength=256)
    return counts


def pixel_statistics(images: Tensor) -> tuple[float, float]:
    """Return (mean, standard deviation) over all pixels of uint8 images, from 0 to 255."""
    import torch

    counts = pixel_counts(images).double()
    shares = counts / counts.sum()
    levels = torch.arange(256)
    mean = (levels * shares).sum()
    variance = ((levels - mean) ** 2 * shares).sum()
    return mean.item(), variance.sqrt().item()
