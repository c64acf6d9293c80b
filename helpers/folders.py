"""A folder of images sorted by class -> uint8 arrays framed as MNIST's are, decoded once and kept.

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
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np

from .errors import BadInput, DatasetUnavailable
from .files import code_digest, digest, write_file

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
SIDE = 28  # pixels of a framed image
MOST_PIXELS = 50_000_000  # of an image; what is larger is left out
MOST_BYTES = 4 * MOST_PIXELS  # of a file
MOST_CLASSES = 100
MOST_OTHERS = 100_000  # files that are no images
LARGE = threading.Lock()  # large images are taken one at a time, for the memory's sake
LOOK_ALIKES = str.maketrans("*`\\[]$~", "∗‵∖⁅⁆¤∼")  # in Markdown and in formulas these mean something else


class Folder(NamedTuple):
    """What a folder of images holds."""

    images: np.ndarray  # uint8 (n, 1, 28, 28), ink light on dark
    labels: np.ndarray  # int64 (n,)
    is_test: np.ndarray  # bool (n,); none is set where the folder does not say which images test
    class_names: tuple[str, ...]
    fingerprint: str  # SHA-256 over the names and the bytes of the files
    remarks: tuple[str, ...]  # what was left out, and what was inverted


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
    pixels: bytes = b""  # 784, or none where it could not be read
    inverted: bool = False  # whether it was dark on light
    problem: str = ""


class Pixels(NamedTuple):
    """What became of all listed files, in their order: all that is kept, as arrays, so that one file holds them."""

    pixels: np.ndarray  # uint8 (n, 1, 28, 28); black where the file was no whole image
    contents: np.ndarray  # bytes (n,): SHA-256 of each file in hexadecimal
    inverted: np.ndarray  # bool (n,)
    problems: np.ndarray  # bytes (n,), UTF-8; empty where the file was a whole image


def cache_folder() -> Path:
    """Return where decoded images are kept: in the user's cache, never beside the user's own images."""
    return Path.home() / ".cache" / "literate-mnist"


def read(path: Path) -> Folder:
    """Return the Folder at `path`, from the cache where its files are those that were decoded last time.

    BadInput where it is no folder of images by class, DatasetUnavailable where it cannot be read.
    """
    try:
        listing = survey(path)
    except OSError as error:
        place = os.path.relpath(error.filename, path.parent)
        raise DatasetUnavailable(f"{place}: {error.strerror}", field="dataset", value=path.name) from None
    listed = digest([code_digest(__file__), listing])  # a changed decoder decodes again
    kept = load_kept(path, listed)
    if kept is not None:
        return assemble(path, listing, kept)
    decoded = decode(path, listing.files)
    images = assemble(path, listing, decoded)  # nothing is kept of a folder that is refused
    keep(path, listed, decoded)
    return images


def kept_file(path: Path) -> Path:
    """Return the file that keeps what was decoded of the folder at `path`; RuntimeError where the user has no home."""
    return cache_folder() / f"{digest(str(path))[:16]}.npz"


def load_kept(path: Path, listed: str) -> Pixels | None:
    """Return what was decoded of the folder at `path` when its listing had the digest `listed`, or None.

    The seal holds against a file that is cut short, changed, written by other code, or another folder's. Each image is
    bound by the listing to its file's name, size and times, and to its place among the others. Labels, class names and
    which images test are no part of what is kept: they come from the folder as it is. It does not hold against somebody
    who computes the seal anew: who can write here can change this code as well.
    """
    try:
        with np.load(kept_file(path)) as arrays:
            kept = Pixels(*(arrays[name] for name in Pixels._fields))
            if str(arrays["seal"]) == seal(listed, kept):
                return kept
        logger.debug("%s is decoded anew: its files, or what was kept of them, have changed", path)
    except Exception as error:  # nothing is kept, or it is damaged, in any way
        logger.debug("%s is decoded anew: %s", path, error)
    return None


def keep(path: Path, listed: str, pixels: Pixels) -> None:
    """Keep what was decoded of the folder at `path`; where that cannot be written, it is decoded anew each time."""
    buffer = io.BytesIO()
    np.savez(buffer, seal=np.array(seal(listed, pixels)), **pixels._asdict())
    with contextlib.suppress(OSError, RuntimeError):
        write_file(kept_file(path), buffer.getvalue())


def seal(listed: str, pixels: Pixels) -> str:
    """Return the SHA-256 over the digest of a listing and all that was decoded of its files."""
    parts: list[object] = [listed]
    for array in pixels:
        parts.append([array.dtype.str, array.shape, digest(array.tobytes())])
    return digest(parts)


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
                files_of_class.append(File(os.path.relpath(place, path), len(with_images), part.is_test, *state))
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
    inside = {folder.name.lower(): folder for folder in class_folders(path)}
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


def show(name: str) -> str:
    """Return a file's name fit for figures and prose: printable, at most 40 characters."""
    name = os.fsencode(name).decode("utf-8", "replace")
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name).strip()
    name = name.translate(LOOK_ALIKES)
    name = re.sub("^_+|_+$", lambda ends: "ˍ" * len(ends[0]), name)  # else they emphasise
    if len(name) > 40:
        return f"{name[:39]}…"
    return name


def count(names: Sequence[str], what: str) -> str:
    """Return how many `names` there are, with up to three of them."""
    plurals = {"class": "classes", "folder": "folders", "file": "files"}
    noun = plurals[what] if len(names) > 1 else what
    some = ", ".join(map(show, names[:3]))
    if len(names) > 3:
        some = f"{some}, ..."
    return f"{len(names):,} {noun} ({some})"


def decode(path: Path, files: Sequence[File]) -> Pixels:
    """Return the Pixels of the listed `files` of the folder at `path`."""
    images = decode_files(path, files)
    black = bytes(SIDE * SIDE)
    pixels = np.frombuffer(b"".join(image.pixels or black for image in images), dtype=np.uint8)
    problems = []
    for image in images:
        problem = "" if image.pixels else image.problem or "cannot be read"
        problems.append(problem.encode("utf-8", "replace"))
    return Pixels(
        pixels=pixels.reshape(-1, 1, SIDE, SIDE),
        contents=np.array([image.content for image in images], dtype="S64"),
        inverted=np.array([image.inverted for image in images], dtype=bool),
        problems=np.array(problems, dtype=np.bytes_),
    )


def assemble(path: Path, listing: Listing, decoded: Pixels) -> Folder:
    """Return the Folder at `path` of the listed files; a file that is no whole image is left out and counted.

    BadInput where a class has too few whole images, or all images are alike.
    """
    is_whole = decoded.problems == b""
    whole = [file for file, whole in zip(listing.files, is_whole, strict=True) if whole]
    labels = np.array([file.label for file in whole], dtype=np.int64)
    is_test = np.array([file.is_test for file in whole], dtype=bool)
    check_counts(path, listing, labels, is_test)
    images = decoded.pixels[is_whole]
    if (images == images[0]).all():
        rule = f"all {len(images):,} images are alike, or blank"
        raise BadInput(rule, field="dataset", value=path.name, way_out="there is nothing to learn")
    contents = [
        [file.name, file.is_test, content.decode()]
        for file, content in zip(whole, decoded.contents[is_whole].tolist(), strict=True)
    ]
    return Folder(
        images=images,
        labels=labels,
        is_test=is_test,
        class_names=tuple(listing.class_names),
        fingerprint=digest(contents),
        remarks=(*listing.remarks, *remarks_on(listing.files, decoded)),
    )


def remarks_on(files: Sequence[File], decoded: Pixels) -> list[str]:
    """Return remarks on which of the listed `files` were left out, with the reasons, and how many were inverted."""
    remarks = []
    broken = []
    for file, problem in zip(files, decoded.problems.tolist(), strict=True):
        if problem:
            broken.append(f"{file.name}: {problem.decode()}")
    if broken:
        remarks.append(f"{count(broken, 'file')} left out, not whole images")
    inverted = int(decoded.inverted.sum())
    if inverted:
        images = len(files) - len(broken)
        remarks.append(f"{inverted:,} of {images:,} images were dark on light, and were turned over")
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
        rule = f"class {listing.class_names[rarest]!r} has {images_per_class[rarest]} whole images{purpose}"
        raise BadInput(rule, field="dataset", value=path.name, way_out=f"{least} are the least")


def decode_files(path: Path, files: Sequence[File]) -> list[Decoded]:
    """Return what became of each of the listed `files` of the folder at `path`, read on up to four cores."""
    from PIL import Image as Pillow
    from tqdm import tqdm

    Pillow.init()  # registers all formats, before threads ask for them
    places = [path / file.name for file in files]
    workers = ThreadPoolExecutor(min(os.cpu_count() or 1, 4))  # a decoder lets other threads work meanwhile
    try:
        images = workers.map(read_image, places)
        title = f"reading {show(path.name)}"
        return list(tqdm(images, total=len(files), desc=title, unit=" images", delay=1, disable=None))
    finally:
        workers.shutdown(cancel_futures=True)


def read_image(path: Path) -> Decoded:
    """Return what became of the image in the file `path`; whatever is wrong with the file is told and not raised."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        if os.path.getsize(path) > MOST_BYTES:
            return Decoded(problem=f"more than {MOST_BYTES // 1_000_000} MB")
        content = Path(path).read_bytes()
        with warnings.catch_warnings(action="ignore"), Pillow.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels, inverted = frame_in_turn(image)
        return Decoded(hashlib.sha256(content).hexdigest(), pixels.tobytes(), inverted)
    except UnidentifiedImageError:
        return Decoded(problem="no image")
    except Pillow.DecompressionBombError:
        return Decoded(problem=f"more than {MOST_PIXELS // 1_000_000} million pixels")
    except OSError as error:
        return Decoded(problem=error.strerror or str(error).split("(")[0].strip())
    except Exception as error:  # a decoder may fail in any way on bytes that somebody made up
        return Decoded(problem=f"{type(error).__name__}: {error}"[:80])


def frame_in_turn(image: Image) -> tuple[np.ndarray, bool]:
    """Return what `frame` does of an image, one large image at a time; DecompressionBombError for one too large."""
    from PIL import Image as Pillow

    size = image.width * image.height
    if size > MOST_PIXELS:
        raise Pillow.DecompressionBombError
    if size <= MOST_PIXELS // 10:
        return frame(image)
    with LARGE:
        return frame(image)


def frame(image: Image) -> tuple[np.ndarray, bool]:
    """Return (uint8 (28, 28), whether it was inverted) of a Pillow image of any size and mode.

    It is made grey, shrunk or grown to fit while it keeps its shape, and laid onto its own paper: the median of its
    border. Paper lighter than the middle of its values means ink dark on light; then light and dark change places.
    More than 8 bits a pixel are stretched from the lowest value to the highest. What is transparent becomes paper,
    light under dark ink and dark under light.
    """
    from PIL import ImageOps

    image.draft("L", (4 * SIDE, 4 * SIDE))  # a large JPEG is decoded smaller
    ImageOps.exif_transpose(image, in_place=True)
    values = resize(make_grey(image))
    if values.ndim == 3:
        values = fill_transparent(values[..., 0], values[..., 1] / 255)
    paper = np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]))
    middle = (values.min() + values.max()) / 2
    if values.max() == values.min():
        middle = 127
    inverted = bool(paper > middle)
    if inverted:
        values = 255 - values
        paper = 255 - paper
    return lay_on_paper(values, float(paper)), inverted


def make_grey(image: Image) -> Image:
    """Return a Pillow image of any mode as mode L (grey, 8 bits a pixel), or LA where part of it is transparent."""
    from PIL import Image as Pillow

    if image.mode[0] in "IF":  # 16 or 32 bits a pixel
        return Pillow.fromarray(stretch(np.array(image, dtype=np.float32)))
    if image.has_transparency_data:
        return image.convert("RGBA").convert("LA")
    return image.convert("L")


def stretch(values: np.ndarray) -> np.ndarray:
    """Return float `values` of any shape as uint8, the lowest finite one as 0 and the highest as 255."""
    finite = values[np.isfinite(values)]
    low = finite.min() if len(finite) else 0
    high = finite.max() if len(finite) else 0
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return ((values - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def resize(image: Image) -> np.ndarray:
    """Return a Pillow image, float32 (h, w) or (h, w, 2), made as large as fits into SIDE x SIDE in its own shape."""
    from PIL import Image as Pillow

    scale = SIDE / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    return np.asarray(image.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=3), dtype=np.float32)


def fill_transparent(grey: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return `grey`, float (h, w), on paper where `opacity`, from 0 to 1, is low: light under dark ink, else dark."""
    ink_is_light = (grey * opacity).sum() > 127 * opacity.sum()
    paper = 0 if ink_is_light else 255
    return grey * opacity + paper * (1 - opacity)


def lay_on_paper(values: np.ndarray, paper: float) -> np.ndarray:
    """Return `values`, float (h, w) with no side above SIDE, in the middle of SIDE x SIDE of `paper`, as uint8."""
    height, width = values.shape
    top = (SIDE - height) // 2
    left = (SIDE - width) // 2
    framed = np.full((SIDE, SIDE), round(paper), dtype=np.uint8)
    framed[top : top + height, left : left + width] = values.round()
    return framed
