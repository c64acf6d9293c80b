"""MNIST and its relatives: four files in torchvision's layout, fetched from one mirror after the other, and checked.

Torchvision knows the mirrors and the MD5 of each archive, but never looks again at what it unpacked. Here the SHA-256
of each unpacked file is compared in every run. What it must be is

- known beforehand, for MNIST;
- proven by its archive, where one with the published MD5 lies beside the file, as it does after a download;
- else noted in SHA256SUMS when the file is first seen. That notices a change, and proves nothing: whoever makes up a
  file makes up its sum as well. Such a set is shown as not verified.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import os
import threading
import time
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit

from .errors import DatasetUnavailable
from .files import digest, file_digest, write_file

if TYPE_CHECKING:
    from torch import Tensor

COUNTS = {"train": 60_000, "t10k": 10_000}
FILES = [f"{part}-{kind}-ubyte" for part in COUNTS for kind in ("images-idx3", "labels-idx1")]
SIDE = 28  # pixels of an image
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
    summary: str  # what it is, in a line
    folder: str  # under the data folder; also the name of torchvision's class, which knows the mirrors
    class_names: tuple[str, ...]
    origin: str  # who made it, under which licence
    archives: Mapping[str, str]  # {file: MD5 of its archive}, as torchvision publishes them
    sums: Mapping[str, str] = field(default_factory=dict)  # {file: SHA-256} of the unpacked files, where it is known
    framing: str = "ink"  # as in Dataset


PUBLISHED = (
    Published(
        name="mnist",
        title="MNIST",
        summary="70,000 handwritten digits, 28x28 (LeCun, Cortes and Burges)",
        folder="MNIST",
        class_names=tuple("0123456789"),
        origin="Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
        archives={
            "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
        },
        sums={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    Published(
        name="fashion-mnist",
        title="Fashion-MNIST",
        summary="70,000 pieces of clothing, 28x28 (Xiao, Rasul and Vollgraf)",
        framing="whole",
        folder="FashionMNIST",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        origin="Han Xiao, Kashif Rasul and Roland Vollgraf, from photographs of Zalando's; MIT licence",
        archives={
            "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    Published(
        name="kmnist",
        title="KMNIST",
        summary="70,000 characters of cursive Japanese, 28x28 (Clanuwat and others)",
        folder="KMNIST",
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        origin="Tarin Clanuwat and others, from the Kuzushiji dataset of the Center for Open Data in the Humanities; "
        "CC BY-SA 4.0",
        archives={
            "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
        },
    ),
)
SETS = {published.name: published for published in PUBLISHED}


def raw_folder(published: Published, folder: Path) -> Path:
    """Return where the four files of a Published lie in the data folder `folder`."""
    return folder / published.folder / "raw"


def known_sums(published: Published, raw: Path) -> dict[str, str]:
    """Return {file: SHA-256} that the unpacked files in `raw` must have; {} where nobody has noted them yet."""
    return noted_sums(raw) | proven_sums(published, raw)


def noted_sums(raw: Path) -> dict[str, str]:
    """Return {file: SHA-256} as it was noted in `raw` when the files were first seen."""
    try:
        lines = (raw / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    noted = {}
    for line in lines:
        content, _, name = line.partition("  ")
        if name in FILES:
            noted[name] = content
    return noted


def proven_sums(published: Published, raw: Path) -> dict[str, str]:
    """Return {file: SHA-256} of those files of which it is certain what was published under their name."""
    if published.sums:
        return dict(published.sums)
    proven = {}
    for name, checksum in published.archives.items():
        content = archived_sum(raw / f"{name}.gz", checksum)
        if content:
            proven[name] = content
    return proven


def archived_sum(archive: Path, checksum: str) -> str | None:
    """Return the SHA-256 of what is in an archive, or None where it is not there or its MD5 is not `checksum`."""
    try:
        about = os.stat(archive)
    except OSError:
        return None
    if about.st_size > LARGEST:
        return None
    return measure_archive(archive, checksum, (about.st_size, about.st_mtime_ns, about.st_ctime_ns))


@functools.cache
def measure_archive(archive: Path, checksum: str, state: tuple[int, ...]) -> str | None:
    """Return what `archived_sum` does; each `state` of the file is unpacked once, which takes a third of a second."""
    content = unpack_kept(archive, checksum)
    return None if content is None else digest(content)


def unverified(published: Published, folder: Path) -> list[str]:
    """Return those of the files of a Published that are there, but not shown to be the published ones.

    That the others are as they must be is for `problems` to say.
    """
    raw = raw_folder(published, folder)
    proven = proven_sums(published, raw)
    return [name for name in FILES if name not in proven and (raw / name).exists()]


def note_sums(published: Published, raw: Path, sums_of_files: Mapping[str, str]) -> None:
    """Add {file: SHA-256} to those beside the files, for a set whose sums are not known beforehand."""
    if published.sums:
        return
    noted = noted_sums(raw) | dict(sums_of_files)
    lines = [f"{content}  {name}\n" for name, content in sorted(noted.items())]
    write_file(raw / SUMS, "".join(lines))


def sums(published: Published, folder: Path) -> dict[str, str | None]:
    """Return {file: SHA-256} of the unpacked files; None for a file that is not there."""
    raw = raw_folder(published, folder)
    known = known_sums(published, raw)
    if set(known) == set(FILES):
        return dict(known)
    return {name: file_digest(raw / name) for name in FILES}


def note_first_seen(published: Published, folder: Path) -> None:
    """Note the sums of the unpacked files, all of them there, of a set that came another way; later changes show."""
    raw = raw_folder(published, folder)
    if set(known_sums(published, raw)) == set(FILES):
        return
    complete = {name: content for name, content in sums(published, folder).items() if content}
    if len(complete) == len(FILES):
        with contextlib.suppress(OSError):  # where the folder cannot be written to, they are taken anew each time
            note_sums(published, raw, complete)


def kept_files(published: Published, folder: Path) -> list[Path]:
    """Return the four files of a Published, and those beside them that say what they must be, where they are needed.

    A set whose sums are not known beforehand is shown as not verified where its archives are not there.
    """
    raw = raw_folder(published, folder)
    paths = [raw / name for name in FILES]
    if not published.sums:
        archives = [raw / f"{name}.gz" for name in proven_sums(published, raw)]
        noted = [raw / SUMS] if noted_sums(raw) else []
        paths += archives + noted
    return paths


def problems(published: Published, folder: Path) -> dict[str, str]:
    """Return {file: what is wrong with it} for the four files of a Published; {} where all is well."""
    raw = raw_folder(published, folder)
    known = known_sums(published, raw)
    wrong = {}
    for name in FILES:
        problem = problem_of(raw / name, known.get(name))
        if problem:
            wrong[name] = problem
    return wrong


def problem_of(path: Path, known_sum: str | None) -> str:
    """Return what is wrong with the unpacked file `path`, or "".

    Its SHA-256 is compared with `known_sum`; where that is None, the form of the file is checked.
    """
    content = file_digest(path)
    if content is None:
        return MISSING
    if known_sum is None:
        return wrong_form(path)
    if content != known_sum:
        return "its SHA-256 is not the one that it must have"
    return ""


def wrong_form(path: Path) -> str:
    """Return what is wrong with the form of one unpacked file (magic number, sizes, length, labels), or ""."""
    content = path.read_bytes()
    is_images = "images" in path.name
    dimensions = 3 if is_images else 1
    header = 4 + 4 * dimensions  # bytes
    pixels = SIDE * SIDE if is_images else 1  # bytes an entry
    if content[:4] != bytes([0, 0, 8, dimensions]):
        return "it does not begin with the magic number of such a file"
    if is_images and content[8:16] != bytes([0, 0, 0, SIDE, 0, 0, 0, SIDE]):
        return f"its images are not of {SIDE}x{SIDE} pixels"
    entries = int.from_bytes(content[4:8], "big")
    expected = COUNTS[path.name.split("-")[0]]
    if entries != expected or len(content) != header + expected * pixels:
        return f"{entries:,} entries in {len(content):,} bytes, where {expected:,} are expected"
    if not is_images and max(content[header:]) > 9:
        return f"a label is {max(content[header:])}, above 9"
    return ""


def fetch(published: Published, folder: Path) -> None:
    """Fetch what is missing or damaged, each file from one mirror after the other until its MD5 is right.

    A damaged file is set aside as `NAME.damaged` once a whole one has come. DatasetUnavailable names what could not be
    had, and what was tried; files that had come whole before stay. One process fetches at a time.
    """
    from filelock import FileLock

    raw = raw_folder(published, folder)
    lock = folder / ".download.lock"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            try:
                fetch_files(published, folder)
            finally:
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise DatasetUnavailable(f"{error.filename or folder}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):  # they stay where anything is in them
            raw.rmdir()
            raw.parent.rmdir()


def fetch_files(published: Published, folder: Path) -> None:
    """Fetch and install what is missing or damaged, while no other process does; see `fetch`."""
    from torchvision import datasets

    raw = raw_folder(published, folder)
    mirrors = list(getattr(getattr(datasets, published.folder, None), "mirrors", ()))
    if not mirrors:
        raise DatasetUnavailable(f"{published.title}: torchvision knows no mirrors of {published.folder}")
    for name, problem in problems(published, folder).items():
        archive = f"{name}.gz"
        checksum = published.archives[name]
        content = unpack_kept(raw / archive, checksum)
        if content is None:
            packed, failures = from_mirrors(published, archive, checksum, mirrors)
            if packed is None:
                state = "is not in the data folder" if problem == MISSING else "is damaged"
                tried = "; ".join(failures)
                raise DatasetUnavailable(f"{published.title}: {archive} {state} and cannot be downloaded ({tried})")
            content = unpack(packed, checksum)
            if not published.sums:  # from now on it proves what the file must be, wherever the folder is carried
                set_aside(published, raw / archive)
                write_file(raw / archive, packed)
        install(published, raw, name, content)


def from_mirrors(
    published: Published, archive: str, checksum: str, mirrors: list[str]
) -> tuple[bytes | None, list[str]]:
    """Return (the bytes of `archive`, whole, or None; why each mirror failed); `checksum` is the archive's MD5.

    A mirror that gives no answer is struck from the list `mirrors`.
    """
    failures = []
    for mirror in list(mirrors):
        try:
            packed = download(mirror + archive, archive)
            unpack(packed, checksum)
        except (OSError, HTTPException, ValueError) as error:
            if not isinstance(error, HTTPError | WrongFile):
                mirrors.remove(mirror)
            failures.append(f"{urlsplit(mirror).netloc}: {reason_of(error)}")
            print(f"{published.title}: {archive} from {failures[-1]}", flush=True)
        else:
            return packed, failures
    return None, failures


class WrongFile(ValueError):
    """A mirror sent something else than the archive that it was asked for."""


def unpack(packed: bytes, checksum: str) -> bytes:
    """Return what the gzip archive `packed` holds; WrongFile where its MD5 is not `checksum`, or it is damaged."""
    if hashlib.md5(packed, usedforsecurity=False).hexdigest() == checksum:
        with contextlib.suppress(OSError, EOFError, zlib.error):
            return gzip.decompress(packed)
    raise WrongFile(f"{len(packed):,} bytes that are not the file (wrong MD5)")


def unpack_kept(archive: Path, checksum: str) -> bytes | None:
    """Return what the file `archive` holds, or None where it is not there or its MD5 is not `checksum`."""
    try:
        return unpack(archive.read_bytes(), checksum)
    except (OSError, WrongFile):
        return None


def reason_of(error: Exception) -> str:
    """Return why a download failed, in one short line."""
    reason = str(getattr(error, "reason", error) or type(error).__name__)
    if "timed out" in reason:
        return f"no answer for {PATIENCE} s"
    return " ".join(reason.split())[:100]


def download(url: str, title: str) -> bytes:
    """Return the bytes behind `url`, with a progress bar.

    OSError where nothing comes, too slowly, or far too much; HTTPException or ValueError for an answer or an address
    that is none. A thread does the waiting: a mirror that sends its headers drop by drop would keep a single one for
    hours.
    """
    from tqdm import tqdm

    chunks: list[bytes] = []
    failures: list[Exception] = []
    started = time.monotonic()
    thread = threading.Thread(target=receive, args=(url, chunks, failures), daemon=True)
    thread.start()
    with tqdm(desc=title, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        while thread.is_alive():
            thread.join(0.1)
            size = sum(map(len, chunks))
            bar.update(size - bar.n)
            check_pace(size, time.monotonic() - started)
    if failures:
        raise failures[0]
    return b"".join(chunks)


def receive(url: str, chunks: list[bytes], failures: list[Exception]) -> None:
    """Append the bytes behind `url` to `chunks` as they come, or to `failures` what went wrong."""
    request = urllib.request.Request(url, headers={"User-Agent": "literate-mnist"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            while chunk := answer.read1(1 << 16):
                chunks.append(chunk)
    except Exception as error:
        failures.append(error)


def check_pace(size: int, seconds: float) -> None:
    """Raise OSError where `size` bytes after `seconds` are far too many, or too few by more than patience allows."""
    if size > LARGEST:
        raise OSError("far more bytes than the file has")
    if seconds > PATIENCE + 1 and size == 0:
        raise OSError("timed out")
    if seconds > PATIENCE + 1 and size < seconds * SLOWEST:
        raise OSError(f"slower than {SLOWEST // 1000} kB a second")


def install(published: Published, raw: Path, name: str, content: bytes) -> None:
    """Put a file that arrived whole into its place, note its SHA-256, and set aside a damaged one that was there."""
    content_digest = digest(content)
    if published.sums and content_digest != published.sums[name]:
        raise DatasetUnavailable(f"{published.title}: {name} was downloaded, but is not the published file")
    set_aside(published, raw / name)
    note_sums(published, raw, {name: content_digest})
    write_file(raw / name, content)


def set_aside(published: Published, path: Path) -> None:
    """Rename a damaged file, where there is one at `path`, and say so."""
    if path.exists():
        message = f"{path.name} was damaged; it is set aside as {path.name}.damaged, a whole one is there"
        print(f"{published.title}: {message}", flush=True)
        os.replace(path, path.with_name(f"{path.name}.damaged"))


def read(published: Published, folder: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Return ([training images, test images], [their labels]) of files just found whole.

    Images are uint8 (n, 1, 28, 28), labels int64 (n,). What follows the headers is read as it is: importing torchvision
    for that would take a second in every notebook.
    """
    import torch

    def after_header(name: str, header: int) -> Tensor:
        content = bytearray((raw / name).read_bytes())
        return torch.frombuffer(content, dtype=torch.uint8)[header:]

    raw = raw_folder(published, folder)
    images = [after_header(f"{part}-images-idx3-ubyte", 16).view(-1, 1, SIDE, SIDE) for part in COUNTS]
    labels = [after_header(f"{part}-labels-idx1-ubyte", 8).long() for part in COUNTS]
    return images, labels
