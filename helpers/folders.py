"""A folder of images sorted by class -> uint8 arrays framed as MNIST's are, decoded once and kept.

    animals/cat/1.png  animals/dog/2.jpg                      a fifth of the images is set aside as the test set
    animals/train/cat/1.png  animals/test/cat/3.webp          the folder itself says which images test

Torch is not imported here: run_all.py reads a folder before it starts anything.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .errors import BadInput, DatasetUnavailable
from .files import code_digest, digest, write_file
from .runs import outputs_folder

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
SIDE = 28
LARGEST = 50_000_000  # pixels of an image, and four times as many bytes of a file; what is larger is left out
MOST_CLASSES, MOST_STRANGE = 100, 100_000
LARGE = threading.Lock()  # large images are taken one at a time, for the memory's sake
LOOK_ALIKES = str.maketrans("*`\\[]$~", "∗‵∖⁅⁆¤∼")  # in Markdown and in formulas these mean something else


class Folder(NamedTuple):
    """What a folder of images holds; the fields are numpy arrays, so that one file keeps them."""

    images: np.ndarray  # uint8 (n, 1, 28, 28), ink light on dark
    labels: np.ndarray  # int64 (n,)
    is_test: np.ndarray  # bool (n,); none is set where the folder does not say which images test
    class_names: np.ndarray  # text (classes,)
    fingerprint: np.ndarray  # text (): SHA-256 over the names and the bytes of the files
    remarks: np.ndarray  # text (any,): what was left out, and what was turned over


class File(NamedTuple):
    """One image file as it is listed; a file that changes differs in one of these."""

    name: str  # relative to the folder
    label: int
    is_test: bool
    size: int
    modified: int  # ns
    changed: int  # ns


def read(path):
    """Return the Folder at `path`, from outputs/.images/ where its files are those that were decoded last time.

    BadInput where it is no folder of images by class, DatasetUnavailable where it cannot be read.
    """
    try:
        files, class_names, split, remarks = survey(path)
    except OSError as error:
        place = os.path.relpath(error.filename, path.parent)
        raise DatasetUnavailable(f"--dataset {path.name}: {place}: {error.strerror}") from None
    kept = outputs_folder() / ".images" / f"{digest(str(path))[:16]}.npz"
    listed = digest([code_digest(__file__), files, class_names, split, remarks])  # a changed decoder decodes again
    try:
        with np.load(kept) as arrays:
            if arrays["listed"] == listed:
                return Folder(*(arrays[name] for name in Folder._fields))
    except Exception:  # nothing is kept, or it is damaged, in any way
        pass
    found, buffer = decode(path, files, class_names, split, remarks), io.BytesIO()
    np.savez(buffer, listed=listed, **found._asdict())
    with contextlib.suppress(OSError):  # then it is decoded anew each time
        write_file(kept, buffer.getvalue())
    return found


def survey(path):
    """Return ([File], class names, whether it says which images test, remarks) of a folder; no file is opened.

    BadInput where its images are not sorted by class.
    """
    parts, remarks, inside = {False: path}, [], {folder.name.lower(): folder for folder in class_folders(path)}
    if "train" in inside and class_folders(inside["train"]):
        if "test" not in inside:
            raise BadInput(
                f"--dataset {path.name}: train holds folders, but no test is beside it; name {path.name}/train"
            )
        parts = {False: inside.pop("train"), True: inside.pop("test")}
        remarks += [f"beside train and test, {count(sorted(inside), 'folder')} left out"] if inside else []
    names = {is_test: {folder.name for folder in class_folders(part)} for is_test, part in parts.items()}
    unknown = sorted(names.get(True, set()) - names[False])
    if unknown:
        raise BadInput(f"--dataset {path.name}: test has {count(unknown, 'class')} that train has not")
    files, strange, classes = [], 0, []
    for name in sorted(names[False], key=lambda name: (natural(name), name)):
        found = []
        for is_test, part in ((is_test, part) for is_test, part in parts.items() if name in names[is_test]):
            images, others = images_in(part / name)
            strange += others
            found += [File(os.path.relpath(place, path), len(classes), is_test, *about) for place, *about in images]
        if strange > MOST_STRANGE:
            raise BadInput(f"--dataset {path.name}: holds over {MOST_STRANGE:,} files that are no images; name another")
        files += sorted(found)
        classes += [name] if found else []
    empty = sorted(names[False] - set(classes))
    remarks += [f"{count(empty, 'folder')} left out, without an image"] if empty else []
    remarks += [f"{strange:,} files are no images, by their names"] if strange else []
    if not 2 <= len(classes) <= MOST_CLASSES:
        rule = f"images by class need 2 to {MOST_CLASSES} folders with images in them"
        raise BadInput(
            f"--dataset {path.name}: {rule}; here {len(classes)} {'has' if len(classes) == 1 else 'have'} any"
        )
    shown = [show(name) for name in classes]
    if len(set(shown)) < len(shown):
        raise BadInput(f"--dataset {path.name}: two classes would both be shown as {max(shown, key=shown.count)!r}")
    return files, shown, len(parts) == 2, remarks


def class_folders(path):
    """Return the folders in `path` that may hold a class: not hidden, and no link that leads back above itself."""
    with os.scandir(path) as entries:
        folders = [Path(entry.path) for entry in entries if os.path.isdir(entry.path) and entry.name[0] != "."]
    return [folder for folder in folders if not path.resolve().is_relative_to(folder.resolve())]


def images_in(path):
    """Return ([(place, size, ns of its last change, ns of its status)] of the image files under `path`, others there).

    Hidden files do not count, links to folders are not followed. OSError where a folder cannot be read.
    """

    def refuse(error):
        raise error

    images, others = [], 0
    for folder, _, names in os.walk(path, onerror=refuse):
        for name in names:
            place = os.path.join(folder, name)
            if name.lower().endswith(ENDINGS) and name[0] != "." and os.path.isfile(place):
                status = os.stat(place)
                images.append((place, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            else:
                others += name[0] != "."
        if others > MOST_STRANGE:
            break
    return images, others


def natural(name):
    """Return a key by which 9 comes before 10."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", name)]


def show(name):
    """Return a file's name fit for figures and prose: printable, at most 40 characters."""
    name = os.fsencode(name).decode("utf-8", "replace")
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name).strip()
    name = re.sub("^_+|_+$", lambda ends: "ˍ" * len(ends[0]), name.translate(LOOK_ALIKES))  # else they emphasise
    return name if len(name) <= 40 else f"{name[:39]}…"


def count(names, what):
    """Return how many `names` there are, with up to three of them."""
    plural = {"class": "classes"}.get(what, f"{what}s") if len(names) > 1 else what
    return f"{len(names):,} {plural} ({', '.join(map(show, names[:3]))}{', ...' if len(names) > 3 else ''})"


def decode(path, files, class_names, split, remarks):
    """Return the Folder of listed `files`, read on all cores; a file that is no whole image is left out and counted."""
    from PIL import Image as Pillow
    from tqdm import tqdm

    Pillow.init()  # registers all formats, before threads ask for them
    bar = functools.partial(
        tqdm, total=len(files), desc=f"reading {show(path.name)}", unit=" images", delay=1, disable=None
    )
    workers = ThreadPoolExecutor(min(os.cpu_count(), 4))  # a decoder lets other threads work meanwhile
    try:
        found = list(bar(workers.map(read_image, [path / file.name for file in files])))
    finally:
        workers.shutdown(cancel_futures=True)
    good = [(file, image) for file, image in zip(files, found, strict=True) if image.pixels]
    bad = [f"{file.name}: {image.problem}" for file, image in zip(files, found, strict=True) if not image.pixels]
    turned = sum(image.turned for _, image in good)
    remarks = [*remarks, *([f"{count(bad, 'file')} left out, not whole images"] if bad else [])]
    if turned:
        remarks.append(f"{turned:,} of {len(good):,} images were dark on light, and were turned over")
    labels = np.array([file.label for file, _ in good], dtype=np.int64)
    is_test = np.array([file.is_test for file, _ in good], dtype=bool)
    parts = ((" to train", ~is_test, 2), (" to test", is_test, 1)) if split else (("", ~is_test, 3),)
    for what, part, least in parts:
        numbers = np.bincount(labels[part], minlength=len(class_names))
        if numbers.min() < least:
            few = f"class {class_names[numbers.argmin()]!r} has {numbers.min()} whole images{what}"
            raise BadInput(f"--dataset {path.name}: {few}; {least} are the least")
    contents = [[file.name, bool(file.is_test), image.content] for file, image in good]
    pixels = np.frombuffer(b"".join(image.pixels for _, image in good), dtype=np.uint8).copy()
    pixels = pixels.reshape(-1, 1, SIDE, SIDE)
    if (pixels == pixels[0]).all():
        raise BadInput(
            f"--dataset {path.name}: all {len(pixels):,} images are alike, or blank; there is nothing to learn"
        )
    texts = np.array(class_names), np.array(digest(contents)), np.array(remarks, dtype=str)
    return Folder(pixels, labels, is_test, *texts)


class Image(NamedTuple):
    """What became of one file."""

    content: str = ""  # SHA-256 of its bytes
    pixels: bytes = b""  # 784, or none where it could not be read
    turned: bool = False  # whether it was dark on light
    problem: str = ""


def read_image(path):
    """Return the Image in the file `path`; whatever is wrong with the file is told and not raised."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        if os.path.getsize(path) > 4 * LARGEST:
            return Image(problem=f"more than {4 * LARGEST // 1_000_000} MB")
        content = Path(path).read_bytes()
        with warnings.catch_warnings(action="ignore"), Pillow.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise Pillow.DecompressionBombError
            with LARGE if image.width * image.height > LARGEST // 10 else contextlib.nullcontext():
                pixels, turned = frame(image)
        return Image(hashlib.sha256(content).hexdigest(), pixels.tobytes(), turned)
    except UnidentifiedImageError:
        return Image(problem="no image")
    except Pillow.DecompressionBombError:
        return Image(problem=f"more than {LARGEST // 1_000_000} million pixels")
    except OSError as error:
        return Image(problem=error.strerror or str(error).split("(")[0].strip())
    except Exception as error:  # a decoder may fail in any way on bytes that somebody made up
        return Image(problem=f"{type(error).__name__}: {error}"[:80])


def frame(image):
    """Return (uint8 (28, 28), whether it was turned over) of a Pillow image of any size and mode.

    It is made grey, shrunk or grown to fit while it keeps its shape, and laid onto its own paper: the median of its
    border. Paper lighter than the middle of its values means ink dark on light; then light and dark change places.
    More than 8 bits a pixel are stretched from the lowest value to the highest. What is transparent becomes paper,
    light under dark ink and dark under light.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    image.draft("L", (4 * SIDE, 4 * SIDE))  # a large JPEG is decoded smaller
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode[0] in "IF":  # 16 or 32 bits a pixel: from the lowest that there is to the highest
        values = np.array(image, dtype=np.float32)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0, 0)
        values = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255 / max(high - low, 1e-30))
        image = Pillow.fromarray(values.astype(np.uint8))
    else:
        image = image.convert("RGBA").convert("LA") if image.has_transparency_data else image.convert("L")
    scale = SIDE / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    values = np.asarray(image.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=3), dtype=np.float32)
    if values.ndim == 3:
        values, opaque = values[..., 0], values[..., 1] / 255
        light = (values * opaque).sum() > 127 * opaque.sum()
        values = values * opaque + (0 if light else 255) * (1 - opaque)
    paper = np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]))
    middle = (values.min() + values.max()) / 2
    turned = bool(paper > (middle if values.max() > values.min() else 127))
    if turned:
        values, paper = 255 - values, 255 - paper
    framed = np.full((SIDE, SIDE), round(float(paper)), dtype=np.uint8)
    row, column = ((SIDE - length) // 2 for length in values.shape)
    framed[row : row + values.shape[0], column : column + values.shape[1]] = values.round()
    return framed, turned
