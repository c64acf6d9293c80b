"""Files as bytes: what a run needs where no disk is shared, and what it leaves there, each checked on arrival.

A parcel is a zip archive. Beside the files it holds the list of their SHA-256 digests, so that what was cut short or
altered on the way is noticed. That holds against damage, not against whoever makes up a list: what a run is believed,
`landing` decides.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath

from helpers import data, files, runs
from helpers.errors import BadInput, ProjectError
from helpers.forms import Wish

from .request import Request, find_start

LIST = "SHA256SUMS.json"  # the member that says what the others have to be: {name: SHA-256}
START = ("run.json", "model.json", "model.safetensors")  # what a run has to hold for another to start from it
HOLDERS = (".lock", ".holder.json")  # whoever is at work on a run; true of one machine alone
MOST = 16 * 2**30  # bytes that a parcel may unpack to
LARGEST = 2 * 2**30  # bytes of one file, which is in memory as a whole
LEVEL = 1  # of deflate; the usual 6 takes nearly twice as long on MNIST, for a parcel a tenth smaller
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip archive can name


class NotWhole(ProjectError):
    """A parcel that is damaged, or holds what no parcel may."""


def pack(root: Path, paths: Iterable[Path], under: str = "") -> bytes:
    """Return the files `paths`, which lie in the folder `root`, as a parcel; the same files give the same bytes.

    Their names in it are relative to `root`, below the folder `under` if there is one. A link is followed: what it
    leads to is packed. Parcel and largest file are in memory at once. OSError where a file cannot be read, BadInput
    where its name is no text.
    """
    contents = io.BytesIO()
    sums = {}
    with zipfile.ZipFile(contents, "w") as archive:
        for path in sorted(set(paths)):
            name = str(PurePosixPath(under, path.relative_to(root).as_posix()))
            content = files.read_file(path)
            sums[name] = files.digest(content)
            add(archive, name, content)
        add(archive, LIST, files.as_json(sums))
    return contents.getvalue()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a member to an archive: deflated, of no date, a plain file for everyone to read."""
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    try:
        archive.writestr(entry, content, compresslevel=LEVEL)
    except UnicodeEncodeError:
        way_out = "rename it, or leave it out"
        raise BadInput(f"{name!r} is not UTF-8, and cannot be sent as the name of a file", way_out=way_out) from None


def unpack(content: bytes, root: Path, most: int = MOST) -> list[str]:
    """Write the files of a parcel into the folder `root`, and return their names, relative to it.

    NotWhole, and nothing is written, where it is damaged, says that it unpacks to more than `most` bytes or to a file
    of more than LARGEST, which it is held to, or holds anything but plain files inside `root`, each with the SHA-256 in
    its list. Each file is written whole or not at all, over one that is there.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = check_members(archive, root, most)
            check_contents(archive, names)
            for name in names:
                files.write_file(root / name, archive.read(name))
    except NotWhole:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise NotWhole(f"a parcel is damaged ({error})") from None
    return names


def check_members(archive: zipfile.ZipFile, root: Path, most: int) -> list[str]:
    """Return the names of a parcel's files, but for its list; NotWhole where one is none that may be written."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise NotWhole(f"a parcel holds {max(names, key=names.count)[:100]!r} twice")
    sizes = [entry.file_size for entry in entries]
    if sum(sizes) > most or max(sizes, default=0) > LARGEST:
        limits = f"{most / 1e9:.3g} GB, or holds a file of more than {LARGEST / 1e9:.3g} GB"
        raise NotWhole(f"a parcel would unpack to more than {limits}")
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    for entry in entries:
        problem = problem_of(entry, root)
        if not problem and entry.filename in folders:
            problem = "is a file and a folder"
        if problem:
            raise NotWhole(f"a parcel holds {entry.orig_filename[:100]!r}, which {problem}")
    if LIST not in names:
        raise NotWhole("a parcel holds no list of what is in it")
    return [name for name in names if name != LIST]


def problem_of(entry: zipfile.ZipInfo, root: Path) -> str:
    """Return what is wrong with a member that is to be written into the folder `root`, or ""."""
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or kind not in (0, stat.S_IFREG):
        return "is no plain file"
    if name != entry.orig_filename or PurePath(name).as_posix() != name or PurePath(name).anchor:
        return "is no name of a file"
    if runs.leads_out(root, name):
        return "leads out of its folder"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
        return "is packed in another way"
    return ""


def check_contents(archive: zipfile.ZipFile, names: Iterable[str]) -> None:
    """Raise NotWhole where a file of a parcel is not the one in its list; one file is in memory at a time."""
    sums = files.parse_json(archive.read(LIST))
    if not isinstance(sums, dict) or set(sums) != set(names):
        raise NotWhole("a parcel does not hold the files in its list")
    for name in names:
        if files.digest(archive.read(name)) != sums[name]:
            raise NotWhole(f"a parcel holds {name[:100]!r}, whose SHA-256 is not the one in its list")


def of_dataset(request: Request) -> bytes:
    """Return the files that the dataset of a Request is read from, as they lie in a folder of datasets: data/...

    Whoever unpacks it into a folder finds the dataset in the data/ in it. A set that comes with a library has none.
    MNIST's 55 MB become 13 MB. A folder of images costs what its files take, in memory, once here and once on
    arrival; images that are compressed already become no smaller. Files in it that are no images stay here, and so do
    remarks on them. DatasetUnavailable where a file is not there, or damaged; BadInput.
    """
    data.resolve(request.dataset, request.data_dir, download=False)  # refuses what is damaged
    paths = data.files_of(request.dataset, request.data_dir, Wish(*request.form))
    with data.told_of_files(request.dataset):
        return pack(request.data_dir, paths, under="data")


def of_run(folder: Path) -> bytes:
    """Return everything in a run's folder, under outputs/ and its name, but who is at work on it.

    What is half-written is left out, and what is no plain file.
    """
    half_written = runs.half_written(folder)
    paths = []
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        is_its_own = path.is_file() and not runs.leads_out(folder, name)
        if is_its_own and path not in half_written and name not in HOLDERS:
            paths.append(path)
    return pack(folder.parent, paths, under="outputs")


def of_start(request: Request) -> bytes:
    """Return what another run needs to start from the one that a Request names, under outputs/; else an empty parcel.

    BadInput where that run is not there as its training left it, or its weights are others than were settled.
    """
    name = request.parameters.get("start_from")
    if name is None:
        return pack(request.outputs, [])
    if find_start(name, request) != request.start:
        rule = "its weights have changed since"
        raise BadInput(rule, field="start_from", value=name, way_out="the same command starts from those there now")
    folder = runs.run_folder(name, request.outputs)
    return pack(request.outputs, [folder / part for part in START], under="outputs")
