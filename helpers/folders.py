"""A folder of images sorted by class -> uint8 arrays of one form, decoded once and kept.

    animals/cat/1.png  animals/dog/2.jpg                      a fifth of the images is set aside as the test set
    animals/train/cat/1.png  animals/test/cat/3.webp          the folder itself says which images test

Torch is not imported here: run_all.py reads a folder before it starts anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from . import forms, pictures
from .errors import BadInput, DatasetUnavailable
from .files import code_digest, digest, parse_json, read_file, write_file, write_json
from .forms import Form, Look
from .framing import NoDigit

logger = logging.getLogger(__name__)

ENDINGS = pictures.ENDINGS
LARGE_IMAGE = 5_000_000  # pixels: what is larger is decoded alone, for the memory's sake
LARGE = threading.Lock()
LOOKED_AT_LENGTH = 64  # pixels of an image's longer side while its colour is looked for
MOST_CLASSES = 100
MOST_OTHERS = 100_000  # files that are no images
LOOK_ALIKES = str.maketrans("*`\\[]$~<>|", "∗‵∖⁅⁆¤∼‹›∣")  # in Markdown, formulas, HTML these mean something else
CODE = [code_digest(Path(__file__).with_name(part)) for part in ("folders.py", "forms.py", "pictures.py", "framing.py")]
Found = TypeVar("Found")


class Folder(NamedTuple):
    """What a folder of images holds, but for the images themselves."""

    form: Form
    labels: np.ndarray  # int64 (n,)
    is_test: np.ndarray  # bool (n,); none is set where the folder does not say which images test
    sizes: np.ndarray  # int32 (n, 2): height and width of each image as it came
    names: tuple[str, ...]  # of the files, relative to the folder, fit to be shown
    class_names: tuple[str, ...]
    contents: list[list[Any]]  # of each file its name, whether it tests, and the digest of its bytes
    remarks: tuple[str, ...]  # what was left out, and what was inverted

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the form, and the names and the bytes of the files."""
        return self.fingerprint_in(self.form)

    def fingerprint_in(self, form: Form) -> str:
        """Return the fingerprint that the same files have when they are brought to `form`."""
        return digest([form, self.contents])


class Part(NamedTuple):
    """A folder of folders by class: all of the images, or those that train, or those that test."""

    path: Path
    is_test: bool
    class_names: set[str]


class File(NamedTuple):
    """One image file as it is listed; a file that changes differs in one of these."""

    name: str  # relative to the folder
    label: int
    is_test: bool
    size: int  # bytes
    modified: int  # ns
    changed: int  # ns


class Listing(NamedTuple):
    """The image files of a folder, by class; none was opened yet."""

    files: list[File]
    class_names: list[str]  # fit to be shown
    says_which_test: bool
    remarks: list[str]  # what was left out


class Decoded(NamedTuple):
    """What became of one file."""

    content: str = ""  # SHA-256 of its bytes
    size: tuple[int, int] = (0, 0)  # height and width as it came, in pixels
    inverted: bool = False  # whether it was dark on light
    problem: str = ""  # why it is no whole image; its pixels are black then


class Kept(NamedTuple):
    """What became of all listed files, in their order, but for their pixels: arrays, so that one file holds them."""

    pixels_digest: np.ndarray  # SHA-256 over the pixels of all images, text ()
    contents: np.ndarray  # bytes (n,): SHA-256 of each file in hexadecimal
    sizes: np.ndarray  # int32 (n, 2)
    inverted: np.ndarray  # bool (n,)
    problems: np.ndarray  # bytes (n,), UTF-8; empty where the file was a whole image


def cache_folder() -> Path:
    """Return where decoded images are kept: in the user's cache, never beside the user's own images."""
    return Path.home() / ".cache" / "literate-mnist"


def look(path: Path) -> Look:
    """Return the Look at some of the images of the folder at `path`, forms.LOOKED_AT of them at most.

    Those are spread evenly over the folder. BadInput where it is no folder of images by class, or none of these images
    is whole; DatasetUnavailable where it cannot be read.
    """
    listing = read_listing(path)
    listed = digest([CODE, listing])
    kept = load_look(path, listed)
    if kept is not None:
        return kept
    step = -(-len(listing.files) // forms.LOOKED_AT)
    chosen = listing.files[::step]
    title = f"looking at {show(path.name)}"
    looks = [seen for seen in on_all_cores(look_at, [path / file.name for file in chosen], title) if seen is not None]
    if not looks:
        raise BadInput("no whole image in it", field="dataset", value=path.name, way_out="name another")
    found = Look(float(np.median([length for length, _ in looks])), float(np.mean([colour for _, colour in looks])))
    facts = {"listed": listed, "longer_side": found.longer_side, "coloured": found.coloured}
    with contextlib.suppress(OSError, RuntimeError):
        write_json(kept_file(path, ".json"), facts | {"seal": digest(facts)})
    return found


def load_look(path: Path, listed: str) -> Look | None:
    """Return the Look that was kept of the folder at `path` when its listing had the digest `listed`, or None."""
    try:
        facts = parse_json(read_file(kept_file(path, ".json")))
        seal = facts.pop("seal")
        if seal == digest(facts) and facts["listed"] == listed:
            return Look(float(facts["longer_side"]), float(facts["coloured"]))
    except Exception as error:  # nothing is kept, or it is damaged, in any way
        logger.debug("%s is looked at anew: %s", path, error)
    return None


def look_at(path: Path) -> tuple[int, bool] | None:
    """Return (pixels of the longer side, whether it has colour) of the image in a file, None where there is none."""
    try:
        size, picture = open_in_turn(read_bounded(path), LOOKED_AT_LENGTH)
    except (OSError, pictures.Unreadable):
        return None
    return max(size), forms.has_colour(picture)


def describe(path: Path, form: Form) -> Folder:
    """Return the Folder at `path`, from what was kept where its files are those that were decoded last time.

    Errors are those of `read`.
    """
    listing = read_listing(path)
    kept = load_kept(path, digest_of(listing, form))
    if kept is not None:
        return assemble(path, listing, form, kept)
    return decode_and_keep(path, listing, form)[0]


def read(path: Path, form: Form) -> tuple[Folder, np.ndarray]:
    """Return (the Folder at `path`, its images, uint8 (n, c, size, size)); decoded once for a form, and kept.

    BadInput where it is no folder of images by class, or they would take more than half of the free memory;
    DatasetUnavailable where it cannot be read.
    """
    listing = read_listing(path)
    check_memory(len(listing.files), form)
    kept = load_kept(path, digest_of(listing, form))
    pixels = None if kept is None else load_pixels(path, (len(listing.files), *form.shape), str(kept.pixels_digest))
    if kept is not None and pixels is not None:
        return assemble(path, listing, form, kept), whole_images(pixels, kept)
    return decode_and_keep(path, listing, form)


def decode_and_keep(path: Path, listing: Listing, form: Form) -> tuple[Folder, np.ndarray]:
    """Return what `read` does of the listed files of the folder at `path`, and keep it for the next time.

    Nothing is kept of a folder that is refused.
    """
    check_memory(len(listing.files), form)
    kept, pixels = decode(path, listing.files, form)
    folder = assemble(path, listing, form, kept)
    images = whole_images(pixels, kept)
    if all(np.array_equal(image, images[0]) for image in images):
        rule = f"all {len(images):,} images are alike, or blank"
        raise BadInput(rule, field="dataset", value=path.name, way_out="there is nothing to learn")
    keep(path, digest_of(listing, form), kept, pixels)
    return folder, images


def check_memory(images: int, form: Form) -> None:
    """Raise BadInput where so many images of a Form take more than half of the memory that is free.

    The other half is for the copies that training makes of them.
    """
    import psutil

    most = psutil.virtual_memory().available / 2
    needed = images * form.channels * form.size**2
    if needed <= most:
        return
    sizes = () if form.framing == "ink" else (forms.SMALLEST, 28, *forms.SIZES)
    fitting = [size for size in sizes if images * form.channels * size**2 <= most]
    way_out = f"`image_size` {fitting[-1]} would fit" if fitting else "name a folder with fewer images"
    told = f"{images:,} images {form.describe()} take {needed / 1e9:.1f} GB"
    rule = f"{told}, and half of the free memory is {most / 1e9:.1f} GB"
    raise BadInput(rule, field="image_size", value=form.size, way_out=way_out)


def whole_images(pixels: np.ndarray, kept: Kept) -> np.ndarray:
    """Return of the pixels of all listed files, (n, c, h, w), those of whole images."""
    is_whole = kept.problems == b""
    return pixels if is_whole.all() else pixels[is_whole]


def digest_of(listing: Listing, form: Form) -> str:
    """Return the SHA-256 of all that decides what is decoded: a changed decoder decodes again."""
    return digest([CODE, listing, form])


def kept_file(path: Path, ending: str) -> Path:
    """Return the file that keeps something of the folder at `path`; RuntimeError where the user has no home.

    `ending`: ".json" is the Look, ".npz" what is Kept, ".pixels" the pixels of all images, as they lie in memory.
    """
    return cache_folder() / f"{digest(str(path))[:16]}{ending}"


def forget(path: Path) -> None:
    """Delete what is kept of the folder at `path`, which will not be read again."""
    for ending in (".json", ".npz", ".pixels"):
        with contextlib.suppress(OSError, RuntimeError):
            kept_file(path, ending).unlink()


def load_kept(path: Path, listed: str) -> Kept | None:
    """Return what was decoded of the folder at `path` when its listing and form had the digest `listed`, or None.

    The seal holds against a file that is cut short, changed, written by other code, or another folder's. Each image is
    bound by the listing to its file's name, size and times, and to its place among the others. Labels, class names and
    which images test are no part of what is kept: they come from the folder as it is. It does not hold against somebody
    who computes the seal anew: who can write here can change this code as well.
    """
    try:
        with np.load(kept_file(path, ".npz")) as arrays:
            kept = Kept(*(arrays[name] for name in Kept._fields))
            if str(arrays["seal"]) == seal(listed, kept):
                return kept
        logger.debug("%s is decoded anew: its files, or what was kept of them, have changed", path)
    except Exception as error:  # nothing is kept, or it is damaged, in any way
        logger.debug("%s is decoded anew: %s", path, error)
    return None


def load_pixels(path: Path, shape: tuple[int, ...], pixels_digest: str) -> np.ndarray | None:
    """Return the pixels that were kept of the folder at `path`, uint8 of that shape; None where they have changed."""
    with contextlib.suppress(OSError, RuntimeError):
        kept = kept_file(path, ".pixels")
        if os.path.isfile(kept) and os.path.getsize(kept) == np.prod(shape):
            pixels = np.fromfile(kept, dtype=np.uint8)
            if digest_pixels(pixels) == pixels_digest:
                return pixels.reshape(shape)
    logger.debug("%s is decoded anew: its pixels are not as they were kept", path)
    return None


def keep(path: Path, listed: str, kept: Kept, pixels: np.ndarray) -> None:
    """Keep what was decoded of the folder at `path`; where that cannot be written, it is decoded anew each time."""
    buffer = io.BytesIO()
    np.savez(buffer, seal=np.array(seal(listed, kept)), **kept._asdict())
    with contextlib.suppress(OSError, RuntimeError):
        write_file(kept_file(path, ".pixels"), pixels.reshape(-1).data)
        write_file(kept_file(path, ".npz"), buffer.getvalue())


def digest_pixels(pixels: np.ndarray) -> str:
    """Return the SHA-256 over the bytes of an array."""
    return hashlib.sha256(pixels.reshape(-1).data).hexdigest()


def seal(listed: str, kept: Kept) -> str:
    """Return the SHA-256 over the digest of a listing and all that was decoded of its files."""
    parts: list[object] = [listed]
    for array in kept:
        parts.append([array.dtype.str, array.shape, digest(array.tobytes())])
    return digest(parts)


def read_listing(path: Path) -> Listing:
    """Return the Listing of the folder at `path`; no file is opened.

    BadInput where its images are not sorted by class, DatasetUnavailable where a folder in it cannot be read.
    """
    try:
        return survey(path)
    except OSError as error:
        place = os.path.relpath(error.filename, path.parent)
        raise DatasetUnavailable(f"{place}: {error.strerror}", field="dataset", value=path.name) from None


def survey(path: Path) -> Listing:
    """Return the Listing of the folder at `path`; no file is opened.

    BadInput where its images are not sorted by class, OSError where a folder in it cannot be read.
    """
    parts, remarks = find_parts(path)
    files: list[File] = []
    with_images: list[str] = []
    others = 0
    folder_names = parts[0].class_names
    for name in sorted(folder_names, key=natural_order):
        files_of_class = []
        for part in parts:
            if name not in part.class_names:
                continue
            images, others_there = images_in(part.path / name)
            others += others_there
            for place, *state in images:
                files_of_class.append(
                    File(Path(place).relative_to(path).as_posix(), len(with_images), part.is_test, *state)
                )
        if others > MOST_OTHERS:
            rule = f"holds over {MOST_OTHERS:,} files that are no images"
            raise BadInput(rule, field="dataset", value=path.name, way_out="name another")
        if files_of_class:
            files += sorted(files_of_class)
            with_images.append(name)
    empty = sorted(folder_names - set(with_images))
    if empty:
        remarks.append(f"{count(empty, 'folder')} left out, without an image")
    loose = sum(loose_images(place) for place in {path, *(part.path for part in parts)})
    if loose:
        remarks.append(f"{count_loose(loose)} left out, in no folder of a class")
    if others:
        told = "1 file is no image, by its name" if others == 1 else f"{others:,} files are no images, by their names"
        remarks.append(told)
    return Listing(files, shown_classes(path, with_images, loose), len(parts) == 2, remarks)


def find_parts(path: Path) -> tuple[list[Part], list[str]]:
    """Return the parts of the folder at `path`, the one that trains first, and remarks on what is left out.

    There are two where the folder holds train and test, with the classes below, and otherwise one. BadInput where train
    stands alone, test holds a class that train does not, or neither is sorted by class.
    """
    folders = class_folders(path)
    inside = {folder.name.lower(): folder for folder in folders}
    for part in ("train", "test"):
        names = sorted(folder.name for folder in folders if folder.name.lower() == part)
        if len(names) > 1:
            rule = f"it holds {' and '.join(names)}, and which of them is meant cannot be told"
            raise BadInput(rule, field="dataset", value=path.name, way_out="put all of it into one")
    if set(inside) == {"train", "test"} and not any(map(class_folders, inside.values())):
        name = show(path.name)
        example = f"sort them as {name}/train/cat/1.png, {name}/train/dog/1.png, {name}/test/cat/2.png and so on"
        raise BadInput("train and test hold no folders by class", field="dataset", value=path.name, way_out=example)
    if "train" not in inside or not class_folders(inside["train"]):
        return [make_part(path, is_test=False)], []
    if "test" not in inside:
        rule = "train holds folders, but no test is beside it"
        raise BadInput(rule, field="dataset", value=path.name, way_out=f"name {path.name}/train")
    train = make_part(inside.pop("train"), is_test=False)
    test = make_part(inside.pop("test"), is_test=True)
    unknown = sorted(test.class_names - train.class_names)
    if unknown:
        rule = f"test has {count(unknown, 'class')} that train has not"
        raise BadInput(rule, field="dataset", value=path.name)
    remarks = []
    if inside:
        remarks.append(f"beside train and test, {count(sorted(inside), 'folder')} left out")
    return [train, test], remarks


def make_part(path: Path, is_test: bool) -> Part:
    """Return the Part at `path`."""
    return Part(path, is_test, {folder.name for folder in class_folders(path)})


def shown_classes(path: Path, names: Sequence[str], loose: int) -> list[str]:
    """Return how the classes `names` of the folder at `path`, with `loose` images beside them, are shown.

    BadInput where there are too few or too many of them, or two would look alike.
    """
    if not 2 <= len(names) <= MOST_CLASSES:
        verb = "has" if len(names) == 1 else "have"
        rule = f"images by class need 2 to {MOST_CLASSES} folders with images in them"
        here = f"here {len(names)} {verb} any"
        if loose:
            here = f"{here}, {count_loose(loose)} in no folder"
        if len(names) < 2:
            name = show(path.name)
            here = f"{here}; sort them as {name}/cat/1.png, {name}/cat/2.png, {name}/dog/1.png and so on"
        raise BadInput(rule, field="dataset", value=path.name, way_out=here)
    shown = [show(name) for name in names]
    if len(set(shown)) < len(shown):
        rule = f"two classes would both be shown as {max(shown, key=shown.count)!r}"
        raise BadInput(rule, field="dataset", value=path.name)
    return shown


def class_folders(path: Path) -> list[Path]:
    """Return the folders in `path` that may hold a class: not hidden, and no link that leads back above itself."""
    with os.scandir(path) as entries:
        folders = [Path(entry.path) for entry in entries if os.path.isdir(entry.path) and entry.name[0] != "."]
    return [folder for folder in folders if not path.resolve().is_relative_to(folder.resolve())]


def loose_images(path: Path) -> int:
    """Return how many images lie in `path` itself, in no folder of a class."""
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
    return sum(name.lower().endswith(ENDINGS) for name in names)


def count_loose(loose: int) -> str:
    """Return in words how many images are in no folder of a class."""
    return "1 image" if loose == 1 else f"{loose:,} images"


def images_in(path: Path) -> tuple[list[tuple[str, int, int, int]], int]:
    """Return ([(place, bytes, ns of its last change, ns of its status)] of the image files under `path`, others there).

    Hidden files do not count, links to folders are not followed. OSError where a folder cannot be read.
    """

    def refuse(error: OSError) -> NoReturn:
        raise error

    images = []
    others = 0
    for folder, _, names in os.walk(path, onerror=refuse):
        for name in names:
            if name.startswith("."):
                continue
            place = os.path.join(folder, name)
            if name.lower().endswith(ENDINGS) and os.path.isfile(place):
                status = os.stat(place)
                images.append((place, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            else:
                others += 1
        if others > MOST_OTHERS:
            break
    return images, others


def natural_order(name: str) -> tuple[list[int | str], str]:
    """Return a key by which 9 comes before 10; of names that differ in case alone, capitals come first."""
    pieces = re.split(r"(\d+)", name)
    return [int(piece) if piece.isdecimal() else piece.lower() for piece in pieces], name


def show(name: str, most: int = 40) -> str:
    """Return a file's name fit for figures and prose: printable, of at most so many characters."""
    name = os.fsencode(name).decode("utf-8", "replace")
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name).strip()
    name = name.translate(LOOK_ALIKES)
    name = re.sub("^_+|_+$", lambda ends: "ˍ" * len(ends[0]), name)  # else they emphasise
    if len(name) > most:
        return f"{name[: most - 1]}…"
    return name


def count(names: Sequence[str], what: str, most: int = 40) -> str:
    """Return how many `names` there are, with up to three of them, each of at most `most` characters."""
    plurals = {"class": "classes", "folder": "folders", "file": "files"}
    noun = plurals[what] if len(names) > 1 else what
    some = ", ".join(show(name, most) for name in names[:3])
    if len(names) > 3:
        some = f"{some}, ..."
    return f"{len(names):,} {noun} ({some})"


def decode(path: Path, files: Sequence[File], form: Form) -> tuple[Kept, np.ndarray]:
    """Return what became of the listed `files` of the folder at `path`, and their pixels, uint8 (n, c, size, size)."""
    pixels = np.zeros((len(files), *form.shape), dtype=np.uint8)

    def read_into(numbered: tuple[int, File]) -> Decoded:
        number, file = numbered
        return read_image(path / file.name, form, pixels[number])

    decoded = on_all_cores(read_into, list(enumerate(files)), f"reading {show(path.name)}")
    kept = Kept(
        pixels_digest=np.array(digest_pixels(pixels)),
        contents=np.array([one.content for one in decoded], dtype="S64"),
        sizes=np.array([one.size for one in decoded], dtype=np.int32).reshape(-1, 2),
        inverted=np.array([one.inverted for one in decoded], dtype=bool),
        problems=np.array([one.problem.encode("utf-8", "replace") for one in decoded], dtype=np.bytes_),
    )
    return kept, pixels


def assemble(path: Path, listing: Listing, form: Form, kept: Kept) -> Folder:
    """Return the Folder at `path` of the listed files; a file that is no whole image is left out and counted.

    BadInput where a class has too few whole images.
    """
    is_whole = kept.problems == b""
    whole = [file for file, whole in zip(listing.files, is_whole, strict=True) if whole]
    labels = np.array([file.label for file in whole], dtype=np.int64)
    is_test = np.array([file.is_test for file in whole], dtype=bool)
    check_counts(path, listing, labels, is_test)
    contents = [
        [file.name, file.is_test, content.decode()]
        for file, content in zip(whole, kept.contents[is_whole].tolist(), strict=True)
    ]
    return Folder(
        form=form,
        labels=labels,
        is_test=is_test,
        sizes=kept.sizes[is_whole],
        names=tuple(show(file.name, 200) for file in whole),
        class_names=tuple(listing.class_names),
        contents=contents,
        remarks=(*listing.remarks, *remarks_on(listing.files, kept)),
    )


def remarks_on(files: Sequence[File], kept: Kept) -> list[str]:
    """Return remarks on which of the listed `files` were left out, with the reasons, and how many were inverted."""
    remarks = []
    broken = []
    for file, problem in zip(files, kept.problems.tolist(), strict=True):
        if problem:
            broken.append(f"{show(file.name)}: {problem.decode()}")
    if broken:
        remarks.append(f"{count(broken, 'file', most=120)} left out")
    inverted = int(kept.inverted.sum())
    if inverted:
        images = len(files) - len(broken)
        remarks.append(f"{inverted:,} of {images:,} images were dark on light, and were inverted")
    return remarks


def check_counts(path: Path, listing: Listing, labels: np.ndarray, is_test: np.ndarray) -> None:
    """Raise BadInput where a class has too few whole images to train, validate and test."""
    if listing.says_which_test:
        check_part(path, listing, labels[~is_test], least=2, purpose=" to train")
        check_part(path, listing, labels[is_test], least=1, purpose=" to test")
    else:
        check_part(path, listing, labels, least=3)


def check_part(path: Path, listing: Listing, labels: np.ndarray, least: int, purpose: str = "") -> None:
    """Raise BadInput where a class has fewer than `least` of the whole images with these `labels`."""
    images_per_class = np.bincount(labels, minlength=len(listing.class_names))
    rarest = int(images_per_class.argmin())
    if images_per_class[rarest] < least:
        usable = images_per_class[rarest]
        plural = "" if usable == 1 else "s"
        rule = f"class {listing.class_names[rarest]!r} has {usable} usable image{plural}{purpose}"
        raise BadInput(rule, field="dataset", value=path.name, way_out=f"{least} are the least")


def on_all_cores(work: Callable[[Any], Found], things: Sequence[Any], title: str) -> list[Found]:
    """Return what `work` makes of each of `things`, in their order, on up to four cores; a bar follows it."""
    from PIL import Image as Pillow
    from tqdm import tqdm

    Pillow.init()  # registers all formats, before threads ask for them
    workers = ThreadPoolExecutor(min(os.cpu_count() or 1, 4))  # a decoder lets other threads work meanwhile
    try:
        found: Iterable[Found] = workers.map(work, things)
        return list(tqdm(found, total=len(things), desc=title, unit=" images", delay=1, disable=None))
    finally:
        workers.shutdown(cancel_futures=True)


def read_image(path: Path, form: Form, pixels: np.ndarray) -> Decoded:
    """Bring the image in the file `path` into a Form, in `pixels`, uint8 (c, size, size); return what became of it.

    Whatever is wrong with the file is told and not raised.
    """
    try:
        content = read_bounded(path)
        size, picture = open_in_turn(content)
    except pictures.Unreadable as error:
        return Decoded(problem=str(error))
    except OSError as error:
        return Decoded(problem=error.strerror or "cannot be read")
    found = Decoded(hashlib.sha256(content).hexdigest(), size)
    if form.framing == "ink":
        framed = forms.frame(picture, form)
        if isinstance(framed, NoDigit):
            return found._replace(problem=f"no digit: {framed.reason}")
        pixels[:] = framed.image
        return found
    pixels[:], inverted = forms.fit(picture, form)
    return found._replace(inverted=inverted)


def read_bounded(path: Path) -> bytes:
    """Return the content of a plain file; Unreadable where it is larger than any image, OSError where it is none."""
    if os.path.getsize(path) > pictures.MOST_BYTES:
        raise pictures.Unreadable(f"more than {pictures.MOST_BYTES // 1_000_000} MB")
    return read_file(path)


def open_in_turn(content: bytes, longest: int = pictures.LONGEST) -> tuple[tuple[int, int], np.ndarray]:
    """Return ((height, width) as it came, pixels uint8 (h, w, 3)) of the image in the bytes of a file.

    While it is large, no other large one is decoded. Raises pictures.Unreadable. `longest` is that of
    pictures.open_bytes.
    """
    size = pictures.size_of(content)
    turn = LARGE if size[0] * size[1] > LARGE_IMAGE else contextlib.nullcontext()
    with turn:
        return size, pictures.open_bytes(content, longest)
