"""A run that came back from a worker -> checked -> in its place among the runs here, whole or not at all.

The parcel is unpacked into a hidden folder beside the runs, and what it holds is held against its manifest and against
what was asked for. Then one rename puts it in place, under the run's lock. Whoever reads sees the run of before or the
new one, and a client that is killed on the way leaves a hidden folder that the next landing clears up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from helpers import files, runs
from helpers.errors import BadInput, ProjectError, RunInUse
from helpers.runs import Manifest

from . import reports
from .parcels import HOLDERS, NotWhole, unpack
from .plan import is_whole, plan
from .request import Request, differences_of
from .runner import own_files
from .stages import STAGES

HIDDEN = ".landing-"  # begins the names of the hidden folders
TURN = ".landing.lock"  # one landing at a time in a folder of runs
PATIENCE = 60  # seconds that others may take to land
BEFORE = "before"  # where in a hidden folder the run lies that was there, while another takes its place


def land(parcel: bytes, request: Request) -> bool:
    """Put the run of a Request in its place, as a worker has sent it back; return whether that was done.

    False where a run is there that stays: one that is up to date, or a finished one where this has failed. A run whose
    stage failed lands, too, so that its report can be read. Stages that this run does not hold, and the one that was
    there does, are taken along. ProjectError, and nothing is left behind, where the parcel is damaged, or what it holds
    is not that run as its manifest records it; RunInUse where another process is at work on the run.
    """
    request.outputs.mkdir(parents=True, exist_ok=True)
    with hidden_folder(request.outputs) as place:
        arrived = place / "outputs" / request.run
        try:
            check_names(unpack(parcel, place), request)
            manifest = check_run(arrived, request)
        except (NotWhole, BadInput) as error:
            raise refusal(request, error.rule) from None
        with runs.exclusive(arrived, 0):  # the lock goes where its folder goes
            return put_in_place(arrived, manifest, request, place)


def refusal(request: Request, rule: str) -> ProjectError:
    """Return the error over a parcel that is not the run of a Request."""
    rule = f"what came back from its worker is not believed: {rule}"
    return ProjectError(rule, field="run", value=request.run, way_out="the same command runs it again")


@contextmanager
def hidden_folder(outputs: Path) -> Iterator[Path]:
    """Make a hidden folder among the runs, and delete it when the block ends.

    What landings left that were killed is cleared up before: none other is at work meanwhile.
    """
    turn = FileLock(outputs / TURN)
    try:
        turn.acquire(timeout=PATIENCE)
    except Timeout:
        raise RunInUse(
            f"another command puts runs into {outputs}, for {PATIENCE} s now", way_out="wait for it"
        ) from None
    try:
        clear_up(outputs)
        place = Path(tempfile.mkdtemp(prefix=HIDDEN, dir=outputs))
        try:
            yield place
        finally:
            clear(place, outputs)
    finally:
        turn.release()


def clear_up(outputs: Path) -> None:
    """Clear every hidden folder that a landing left which was killed."""
    for place in sorted(outputs.glob(f"{HIDDEN}*")):
        if place.is_dir() and not place.is_symlink():
            clear(place, outputs)


def clear(place: Path, outputs: Path) -> None:
    """Delete a hidden folder; a run that was moved into it, and that no other has replaced, goes back first."""
    for before in place.glob(f"{BEFORE}/*"):
        if not os.path.lexists(outputs / before.name):
            os.rename(before, outputs / before.name)
    shutil.rmtree(place, ignore_errors=True)  # the next landing tries again


def check_names(names: list[str], request: Request) -> None:
    """Raise NotWhole where the `names` of a parcel's files are of more than the run, or of who is at work on it."""
    folder = f"outputs/{request.run}/"
    for name in names:
        own = name.removeprefix(folder)
        if own == name or own.lower() in HOLDERS or name.endswith(files.PARTIAL):
            raise NotWhole(f"{name[:100]!r} is no file of it")


def check_run(folder: Path, request: Request) -> Manifest:
    """Return the manifest of the run that arrived in `folder`, of which every recorded file is as it says.

    A folder of images lies elsewhere here than it lay there: the manifest is made to say so. NotWhole, BadInput.
    """
    manifest = runs.load_manifest(folder)
    if manifest is None:
        raise NotWhole("its run.json is not there, or not as it was written")
    about = (manifest.run, manifest.parameters, manifest.dataset.name, manifest.dataset.fingerprint)
    if about != (request.run, request.parameters, request.dataset, request.fingerprint):
        raise NotWhole("its run.json is that of another run")
    check_files(folder, manifest, [stage.name for stage in request.stages])
    if request.is_folder_of_images:
        manifest.dataset.data_dir = str(request.data_dir)
        runs.save_manifest(folder, manifest)
    return manifest


def check_files(folder: Path, manifest: Manifest, asked: Collection[str]) -> None:
    """Raise NotWhole where a file that a manifest records is another, or is missing and of a stage that was `asked`."""
    for name, record in manifest.stages.items():
        if name in asked and record.state == "done":
            missing = set(STAGES[name].outputs) - set(record.outputs)
            if missing:
                raise NotWhole(f"{name} is done, and does not record {', '.join(sorted(missing))}")
        for path, digest in (record.outputs | record.checkpoints).items():
            found = files.file_digest(folder / path)
            if found != digest and (found is not None or name in asked):
                raise NotWhole(f"{path[:100]!r} is not as its run.json says")


def put_in_place(arrived: Path, manifest: Manifest, request: Request, place: Path) -> bool:
    """Rename the folder `arrived`, which is locked, to that of its run, unless the run that is there stays.

    Where none is there, it is one rename, and whoever makes the folder meanwhile is found by it. Else the one that is
    there is moved aside first.
    """
    folder = request.folder
    if not folder.exists():
        with contextlib.suppress(OSError):  # another process has just begun it
            os.rename(arrived, folder)
            return True
        if not folder.exists():
            os.rename(arrived, folder)  # says why it cannot be
    with runs.lock(folder):
        if stays(manifest, request):
            return False
        take_along(folder, arrived, manifest, request)
        aside = place / BEFORE / folder.name
        aside.parent.mkdir()
        os.rename(folder, aside)
        os.rename(arrived, folder)
        shutil.rmtree(aside, ignore_errors=True)  # what is left of it lies in a hidden folder
    return True


def stays(arrived: Manifest, request: Request) -> bool:
    """Return whether the run that is there stays: it is up to date, or it is finished and the one that came failed."""
    there = runs.load_manifest(request.folder)
    if there is None:
        return False
    names = [stage.name for stage in request.stages]
    if not all(map(arrived.is_done, names)):
        return all(there.is_done(stage.name) and is_whole(stage, request.folder, there) for stage in request.stages)
    try:
        return all(decision.up_to_date for decision in plan(request))
    except BadInput:  # it needs a stage that is not there
        return False


def take_along(folder: Path, arrived: Path, manifest: Manifest, request: Request) -> None:
    """Copy from `folder` to the folder `arrived` what the run that is there has, and the new one lacks.

    That is what stages left which did not arrive, with their records, unless it is a run of other parameters, and every
    file that is not the pipeline's own.
    """
    there = runs.load_manifest(folder)
    missing = {}
    if there is not None and not differences_of(request, there):
        missing = {name: record for name, record in there.stages.items() if name not in manifest.stages}
    replaced = {folder / name for name in HOLDERS}
    for stage in STAGES.values():
        if stage.name not in missing:
            replaced |= set(own_files(stage, folder))
    for name, record in there.stages.items() if there is not None else ():
        if name not in missing:
            replaced |= {folder / path for path in record.outputs | record.checkpoints}
    for path in sorted(set(folder.rglob("*")) - replaced):
        target = arrived / path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    if missing:
        manifest.stages.update(missing)
        runs.save_manifest(arrived, manifest)
        with contextlib.suppress(ProjectError):  # a page that cannot be rendered now is tried again by the next command
            reports.render_pages(arrived, manifest)
