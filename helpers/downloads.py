"""MNIST and its relatives: four files in torchvision's layout, fetched from one mirror after the other, and checked.

Torchvision knows the mirrors and the MD5 of each archive, but never looks again at what it unpacked. Here the SHA-256
of each unpacked file is known (for MNIST) or noted beside it when it comes, and compared in every run.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import threading
import time
import urllib.request
import zlib
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit

from .errors import DatasetUnavailable
from .files import digest, file_digest, write_file

COUNTS = {"train": 60_000, "t10k": 10_000}
FILES = [f"{part}-{kind}-ubyte" for part in COUNTS for kind in ("images-idx3", "labels-idx1")]
MISSING = "missing"  # what is wrong with a file that is not there
SUMS = "SHA256SUMS"  # beside the files, as `sha256sum --check` reads it
PATIENCE = 10  # seconds without an answer after which a mirror is given up
SLOWEST = 10_000  # bytes a second; a mirror that is slower is given up, too
LARGEST = 200_000_000  # bytes; the largest archive has 30 million


@dataclass(frozen=True)
class Published:
    """A dataset that was published as MNIST was: 28x28 images, ten classes, its own test images."""

    name: str
    title: str
    folder: str  # under the data folder; also the name of torchvision's class
    class_names: tuple[str, ...]
    origin: str  # who made it, under which licence
    sums: dict = field(default_factory=dict)  # {file: SHA-256} of the unpacked files, where it is known


SETS = (
    Published(
        "mnist",
        "MNIST",
        "MNIST",
        tuple("0123456789"),
        "Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    Published(
        "fashion-mnist",
        "Fashion-MNIST",
        "FashionMNIST",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        "Han Xiao, Kashif Rasul and Roland Vollgraf, from photographs of Zalando's; MIT licence",
    ),
    Published(
        "kmnist",
        "KMNIST",
        "KMNIST",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        "Tarin Clanuwat and others, from the Kuzushiji dataset of the Center for Open Data in the Humanities; "
        "CC BY-SA 4.0",
    ),
)
SETS = {published.name: published for published in SETS}


def raw_folder(published, folder):
    """Return where the four files of a Published lie in the data folder `folder`."""
    return folder / published.folder / "raw"


def noted(published, raw):
    """Return {file: SHA-256} that the unpacked files must have; {} where nobody has noted them yet."""
    try:
        lines = (raw / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    return published.sums or {name: content for content, _, name in (line.partition("  ") for line in lines)}


def sums(published, folder):
    """Return {file: SHA-256} of the unpacked files; those of a set that came another way are noted when first seen."""
    raw = raw_folder(published, folder)
    found = noted(published, raw)
    if set(found) != set(FILES):
        found = {name: file_digest(raw / name) for name in FILES}
        with contextlib.suppress(OSError):  # where the folder cannot be written to, they are taken anew each time
            if all(found.values()):
                note(published, raw, found)
    return found


def problems(published, folder):
    """Return {file: what is wrong with it} for the four files of a Published; {} where all is well."""
    raw, found = raw_folder(published, folder), {}
    known = noted(published, raw)
    for name in FILES:
        content = file_digest(raw / name)
        if content is None:
            found[name] = MISSING
        elif name in known and content != known[name]:
            found[name] = "its SHA-256 is not the one that it must have"
        elif name not in known and (problem := wrong_form(raw, name)):
            found[name] = problem
    return found


def wrong_form(raw, name):
    """Return what is wrong with the form of one unpacked file (magic number, length, labels), or ""."""
    content = (raw / name).read_bytes()
    is_images, count = "images" in name, COUNTS[name.split("-")[0]]
    header = 16 if is_images else 8
    if content[:4] != bytes([0, 0, 8, 3 if is_images else 1]):
        return "it does not begin with the magic number of such a file"
    if is_images and content[8:16] != bytes([0, 0, 0, 28, 0, 0, 0, 28]):
        return "its images are not of 28x28 pixels"
    entries = int.from_bytes(content[4:8], "big")
    if entries != count or len(content) != header + count * (784 if is_images else 1):
        return f"{entries:,} entries in {len(content):,} bytes, where {count:,} are expected"
    highest = 0 if is_images else max(content[8:])
    return f"a label is {highest}, above 9" if highest > 9 else ""


def fetch(published, folder):
    """Fetch what is missing or damaged, each file from one mirror after the other until its MD5 is right.

    A damaged file is set aside as `NAME.damaged` once a whole one has come. DatasetUnavailable names what could not be
    had, and what was tried; files that had come whole before stay. One process fetches at a time.
    """
    from filelock import FileLock
    from torchvision import datasets

    source, raw, lock = getattr(datasets, published.folder), raw_folder(published, folder), folder / ".download.lock"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            try:
                wrong, mirrors = problems(published, folder), list(source.mirrors)
                for archive, checksum in source.resources:
                    name = archive.removesuffix(".gz")
                    if name in wrong:
                        install(published, raw, name, from_mirrors(published, archive, checksum, mirrors, raw))
            finally:
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise DatasetUnavailable(f"{error.filename or folder}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):  # they stay where anything is in them
            raw.rmdir()
            raw.parent.rmdir()


def from_mirrors(published, archive, checksum, mirrors, raw):
    """Return the unpacked bytes of `archive`; a mirror that gives no answer is struck from the list `mirrors`."""
    tried = []
    for mirror in list(mirrors):
        place = urlsplit(mirror).netloc
        try:
            packed = download(mirror + archive, archive)
        except (OSError, HTTPException, ValueError) as error:
            reason = str(getattr(error, "reason", error) or type(error).__name__)
            reason = f"no answer for {PATIENCE} s" if "timed out" in reason else reason
            if not isinstance(error, HTTPError):
                mirrors.remove(mirror)
        else:
            if hashlib.md5(packed, usedforsecurity=False).hexdigest() == checksum:
                with contextlib.suppress(OSError, EOFError, zlib.error):
                    return gzip.decompress(packed)
            reason = f"{len(packed):,} bytes that are not the file (wrong MD5)"
        tried.append(f"{place}: {' '.join(reason.split())[:100]}")
        print(f"{published.title}: {archive} from {tried[-1]}", flush=True)
    missing = "is not in the data folder" if not (raw / archive.removesuffix(".gz")).exists() else "is damaged"
    raise DatasetUnavailable(f"{published.title}: {archive} {missing} and cannot be downloaded ({'; '.join(tried)})")


def download(url, title):
    """Return the bytes behind `url`, with a progress bar; OSError where nothing comes, too slowly, or far too much.

    A thread does the waiting: a mirror that sends its headers drop by drop would keep a single one for hours.
    """
    from tqdm import tqdm

    chunks, failed, started = [], [], time.monotonic()

    def work():
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "literate-mnist"})
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                while chunk := answer.read1(1 << 16):
                    chunks.append(chunk)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with tqdm(desc=title, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        while thread.is_alive():
            thread.join(0.1)
            size, spent = sum(map(len, chunks)), time.monotonic() - started
            bar.update(size - bar.n)
            if spent > PATIENCE + 1 and size < spent * SLOWEST:
                raise OSError(f"slower than {SLOWEST // 1000} kB a second" if size else "timed out")
            if size > LARGEST:
                raise OSError("far more bytes than the file has")
    if failed:
        raise failed[0]
    return b"".join(chunks)


def install(published, raw, name, content):
    """Put a file that arrived whole into its place, note its SHA-256, and set aside a damaged one that was there."""
    if published.sums and digest(content) != published.sums[name]:
        raise DatasetUnavailable(f"{published.title}: {name} was downloaded, but is not the published file")
    if (raw / name).exists():
        print(
            f"{published.title}: {name} was damaged; it is set aside as {name}.damaged, a whole one is there",
            flush=True,
        )
        os.replace(raw / name, raw / f"{name}.damaged")
    note(published, raw, {name: digest(content)})
    write_file(raw / name, content)


def note(published, raw, found):
    """Add {file: SHA-256} to those beside the files, for a set whose sums are not known beforehand."""
    if not published.sums:
        lines = (f"{content}  {name}\n" for name, content in sorted((noted(published, raw) | found).items()))
        write_file(raw / SUMS, "".join(lines))


def read(published, folder):
    """Return ([training images, test images], [their labels]) of files just found whole: uint8 tensors, int64 tensors.

    What follows the headers is read as it is: importing torchvision for that would take a second in every notebook.
    """
    import torch

    raw = raw_folder(published, folder)
    parts = {name: torch.frombuffer(bytearray((raw / name).read_bytes()), dtype=torch.uint8) for name in FILES}
    images = [parts[f"{part}-images-idx3-ubyte"][16:].view(-1, 1, 28, 28) for part in ("train", "t10k")]
    return images, [parts[f"{part}-labels-idx1-ubyte"][8:].long() for part in ("train", "t10k")]
