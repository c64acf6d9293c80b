"""A run's folder: its name, who may write into it, and its manifest, the only word on what is done and what is true.

The pipeline writes the manifest, and holds the lock while it is at work; a notebook that was opened by hand holds it
for the moment of each write. Whoever shows a run reads it here. Torch is not imported: run_all.py reads this module
before it decides whether anything has to run.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal

import psutil
from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from . import run_files
from .errors import BadInput, RunInUse
from .files import PARTIAL, PROJECT, absolute, digest, read_file, read_json, write_json

GRIDS = "grids"  # the folder, beside those of the runs, of what is said of several together
SUBFOLDERS = ("notebooks", "reports", "figures", "checkpoints")
PATIENCE = 10  # seconds that the kernel of a dead runner may take to notice
RUNNER_PATIENCE = 1  # seconds that a runner waits for a notebook that is writing
WRITER_PATIENCE = 5  # seconds that a notebook waits for others that are writing
CLOCK_SLACK = 2  # seconds by which the start of a process seems to move when the clock is set
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])([.].*)?", re.IGNORECASE)  # names of devices on Windows
CHECKPOINT = re.compile(r"epoch-(\d{3,})\.(pt|sha256|damaged)")  # its number is that of the epochs that are done
FIGURES_REST_ON = ("model.json", "metrics.json")
VERSION: Final = 3  # of the manifest


def outputs_folder() -> Path:
    """Return the folder that holds all runs: `$MNIST_OUTPUTS_DIR`, else outputs/ beside helpers/."""
    return absolute(os.environ.get("MNIST_OUTPUTS_DIR") or PROJECT / "outputs")


def check_outputs(outputs: Path) -> None:
    """Raise BadInput where no run can be written into the folder of all runs, or that cannot be made."""
    place = next((folder for folder in (outputs, *outputs.parents) if os.path.lexists(folder)), None)
    way_out = "name another folder for runs in MNIST_OUTPUTS_DIR"
    if place is None:  # a drive of Windows
        raise BadInput(f"{outputs}: its drive is not there", way_out=way_out)
    if not place.is_dir():
        raise BadInput(f"{place}: a file where a folder has to be", way_out=way_out)
    if not os.access(place, os.W_OK | os.X_OK):
        raise BadInput(f"{place}: nothing can be written there", way_out=way_out)


def run_folder(name: str, outputs: Path | None = None) -> Path:
    """Return the path of the run `name` in the folder of all runs `outputs`, without creating it.

    BadInput for a name that is none, or leads elsewhere.
    """
    if not NAME_RULE.fullmatch(name):
        rule = "use 1 to 120 letters, digits, '.', '_' and '-', the first a letter or digit"
        last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
        is_path = last != name and NAME_RULE.fullmatch(last)
        raise BadInput(rule, field="run", value=repr(name), way_out=f"leave out the folder: {last}" if is_path else "")
    if name.endswith(".") or RESERVED.fullmatch(name):
        rule = "Windows takes no folder of that name, and a run is to be opened there, too"
        raise BadInput(rule, field="run", value=name, way_out="choose another")
    if name.lower() == GRIDS:
        raise BadInput("the folder of what is said of grids", field="run", value=name, way_out="choose another")
    if name.lower().endswith((".html", ".md")):
        rule = "the name of a file, not of a folder"
        raise BadInput(rule, field="run", value=name, way_out="choose another")
    folder = (outputs or outputs_folder()) / name
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        rule = f"{folder} is not a folder"
        raise BadInput(rule, field="run", value=name, way_out="move it away or choose another name")
    return folder


def open_run(name: str, outputs: Path | None = None) -> Path:
    """Return the folder of the run `name`, created with its subfolders where they are missing.

    BadInput as above, and where a subfolder is a link: what is written there would land elsewhere.
    """
    folder = run_folder(name, outputs)
    for subfolder in SUBFOLDERS:
        refuse_link(folder, subfolder)
        try:
            (folder / subfolder).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            rule = "a file where a folder has to be"
            raise BadInput(f"{error.filename}: {rule}", way_out="move it away") from None
    return folder


def refuse_link(folder: Path, subfolder: str) -> None:
    """Raise BadInput where a subfolder of a run is a link."""
    if leads_out(folder, subfolder):
        rule = f"{subfolder} in it is a link"
        raise BadInput(rule, field="run", value=folder.name, way_out="move it away or choose another name")


def read_grid(name: str, outputs: Path) -> dict[str, Any] | None:
    """Return the grid.json of the grid of that name, None where there is none that could be read.

    Of what it holds are certain: `axes`, a list of names, and `points`, a list of rows with a `run` and each axis.
    """
    try:
        found = read_json(outputs / GRIDS / name / "grid.json")
        rows = [{axis: row[axis] for axis in ("run", *found["axes"])} for row in found["points"]]
        return {"axes": list(found["axes"]), "points": rows}
    except (TypeError, KeyError):
        return None


def grid_in_words(grid: dict[str, Any]) -> str:
    """Return what a grid is made of, as `read_grid` returns it: `recipe fast, balanced; seed 0, 1, 2`."""
    words = []
    for axis in grid["axes"]:
        values = list(dict.fromkeys(str(row[axis]) for row in grid["points"]))
        more = f" and {len(values) - 4:,} more" if len(values) > 4 else ""
        words.append(f"{axis.replace('_', ' ')} {', '.join(values[:4])}{more}")
    return "; ".join(words)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a run while the block runs, as a runner does; RunInUse names the process that holds it.

    A runner that was killed leaves a kernel that works on for seconds: its end is waited for. What both left
    half-written is deleted.
    """
    with exclusive(folder, RUNNER_PATIENCE):
        wait_for_kernels(folder)
        for path in half_written(folder):
            path.unlink()
        note_holder(folder)
        try:
            yield
        finally:
            holder_file(folder).unlink(missing_ok=True)


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Hold a run while the block writes into it, as notebooks do: for a moment, never for a computation.

    The kernel of a runner writes at once, since its runner holds the run. Notebooks that were opened by hand wait for
    each other. RunInUse, before anything is written, where a runner holds the run that this process is no part of.
    """
    folder = Path(folder)
    if runner_of(folder) in own_line():
        yield
        return
    with exclusive(folder, WRITER_PATIENCE):
        yield


@contextmanager
def exclusive(folder: Path, patience: float) -> Iterator[None]:
    """Hold a run's lock while the block runs; RunInUse where another process keeps it for `patience` seconds.

    Where the noted runner lives, at once: its word counts beside the lock, since whoever deletes .lock by hand could
    lock a new file of that name.
    """
    refuse_beside_a_runner(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(folder / ".lock")
    try:
        file_lock.acquire(timeout=patience)
    except Timeout:
        raise in_use(folder) from None
    try:
        refuse_beside_a_runner(folder)
        yield
    finally:
        file_lock.release()


def refuse_beside_a_runner(folder: Path) -> None:
    """Raise RunInUse where another process than this one is noted as a run's runner, and lives."""
    if runner_of(folder) not in (None, os.getpid()):
        raise in_use(folder)


def in_use(folder: Path) -> RunInUse:
    """Return the error that names the process that holds a run."""
    runner = runner_of(folder)
    holder = "another process" if runner is None else f"process {runner}"
    return RunInUse(
        f"in use by {holder}", field="run", value=folder.name, way_out="wait for it, or choose another name"
    )


def own_line() -> list[int]:
    """Return the numbers of this process and of those that it descends from."""
    return [os.getpid(), *(process.pid for process in psutil.Process().parents())]


def half_written(folder: Path) -> list[Path]:
    """Return the files in a run's folder that files.write_file began, and did not live to rename."""
    places = [folder, *(folder / name for name in SUBFOLDERS)]
    named = [path for place in places for path in place.glob(f".*.{'[0-9a-f]' * 8}{PARTIAL}")]
    return [path for path in named if path.is_file()]


def holder_file(folder: Path) -> Path:
    """Return the file that says which processes work on a run."""
    return folder / ".holder.json"


def read_holder(folder: Path) -> dict[str, Any]:
    """Return what the last runner wrote of itself: {"runner": process, "kernels": [process, ...], "folder": identity}.

    A process is [its number, the time of its start]. Nothing where it was written for another folder, as in a copy.
    """
    content = read_json(holder_file(folder))
    if not isinstance(content, dict) or content.get("folder") != identity(folder):
        return {}
    return content


def identity(folder: Path) -> list[int]:
    """Return the numbers by which the system knows a folder, wherever it is moved; a copy has others."""
    state = folder.stat()
    return [state.st_dev, state.st_ino]


def note_holder(folder: Path) -> None:
    """Write down which processes work on a run: this one, and the kernels that it has started."""
    own = psutil.Process()
    runner, *kernels = [[process.pid, process.create_time()] for process in (own, *own.children())]
    write_json(holder_file(folder), {"runner": runner, "kernels": kernels, "folder": identity(folder)})


def runner_of(folder: Path) -> int | None:
    """Return the number of the process that is noted as a run's runner; None where there is none, or it is dead."""
    for number, started in processes_in([read_holder(folder).get("runner")]):
        if is_alive(number, started):
            return number
    return None


def is_held(folder: Path) -> bool:
    """Return whether the process that is noted as a run's runner still lives."""
    return runner_of(folder) is not None


def wait_for_kernels(folder: Path) -> None:
    """Wait until the kernels of a dead runner have ended; RunInUse names one that outlives PATIENCE seconds."""
    kernels = processes_in(read_holder(folder).get("kernels"))
    deadline = time.monotonic() + PATIENCE
    while alive := [number for number, started in kernels if is_alive(number, started)]:
        if time.monotonic() > deadline:
            rule = f"process {alive[0]}, left by a dead runner, works on"
            raise RunInUse(rule, field="run", value=folder.name, way_out="end it")
        time.sleep(0.1)


def processes_in(entries: Any) -> list[tuple[int, float]]:
    """Return (number, time of its start) of each process in a list from a holder's file; what is none does not count.

    `entries`: whatever the file holds in the list's place.
    """
    processes = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, int | float) for part in entry):
            processes.append((int(entry[0]), entry[1]))
    return processes


def is_alive(number: int, started: float) -> bool:
    """Return whether the process of that number, started at the time `started`, is still at work."""
    try:
        process = psutil.Process(number)
        moved = abs(process.create_time() - started)
        return moved < CLOCK_SLACK and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # the last two for numbers that no process can have
        return False


class Record(BaseModel):
    """A part of run.json: what is not known is refused, numbers and texts are not taken for each other."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,  # every field is written, at its default as well
    )


def single(value: Any) -> Any:
    """Return the value of a parameter; ValueError for a list or an object, which no notebook takes."""
    if isinstance(value, list | dict):
        raise ValueError("not a single value")
    return value


Parameter = Annotated[
    Any, AfterValidator(single), WithJsonSchema({"type": ["string", "integer", "number", "boolean", "null"]})
]


class Accuracy(Record):
    """A share of images that were classified correctly, with its 95% interval; all from 0 to 1."""

    value: float = Field(description="the share, from 0 to 1")
    low: float = Field(description="lower end of the interval, from 0 to 1")
    high: float = Field(description="upper end of the interval, from 0 to 1")

    def __str__(self) -> str:
        return f"{self.value:.2%} (95% interval {self.low:.2%} to {self.high:.2%})"


class StageRecord(Record):
    """One stage as it last ran. Digests are SHA-256 in hexadecimal; paths are relative to the run's folder.

    Threads, commit, versions and machine are as the stage's own kernel measured them; of a model only loaded, as that
    of its training.
    """

    state: Literal["running", "done", "failed", "stopped"] = Field(description="how it stands, or how it ended")
    started: str = Field(description="when, with its offset from UTC, as in 2026-01-31T12:00:00+00:00")
    seconds: float | None = Field(default=None, description="that it took")
    cell: int | None = Field(
        default=None, description="the last that was begun, from 1, where the stage did not end well"
    )
    message: str = Field(default="", description="why it did not")
    remark: str = Field(default="", description="what a reader of its page should know")
    threads: int | None = Field(default=None, description="that PyTorch computed with")
    commit: str | None = Field(default=None, description="of the project")
    versions: dict[str, str] = Field(default={}, description="of Python and of packages")
    machine: dict[str, str | int | None] = Field(default={}, description="processor, cores, system")
    threads_expected: int | None = Field(
        default=None, description="by the command that ran it, to be compared with what the next one expects"
    )
    inputs: dict[str, dict[str, Any]] = Field(
        default={}, description="all that decides what the stage makes: {part: {thing: value}}"
    )
    outputs: dict[str, str] = Field(default={}, description="what it left: {path: digest}")
    checkpoints: dict[str, str] = Field(default={}, description="what a training may go on from: {path: digest}")
    accuracy: Accuracy | None = Field(default=None, description="on test images, from the stage that measures it")


def now() -> str:
    """Return the time in UTC, to the second, as it stands in records: 2026-01-31T12:00:00+00:00."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class DatasetRecord(Record):
    """The images that a run is about."""

    name: str = Field(description="by which it is chosen")
    title: str = Field(description="by which pages call it")
    fingerprint: str = Field(description="of the bytes that are read")
    note: str = Field(default="", description="why they stand in for others")
    data_dir: str | None = Field(default=None, pattern=r"^[^\x00]*$", description="where a folder of images lies")


class Manifest(Record):
    """run.json: what a run is, and every stage as it last ran."""

    version: Literal[3] = Field(default=VERSION, description="of this form")
    run: str = Field(description="the name of the run, which is that of its folder")
    parameters: dict[str, Parameter] = Field(description="of the notebooks")
    seed: int | None = Field(default=None, description="that draws everything")
    dataset: DatasetRecord
    stages: dict[str, StageRecord] = Field(
        default={}, description="under their names, in the order in which they first ran"
    )

    def is_done(self, stage: str) -> bool:
        """Return whether a stage ended well the last time that it ran."""
        return stage in self.stages and self.stages[stage].state == "done"

    @property
    def test_accuracy(self) -> Accuracy | None:
        """The accuracy on test images, unless `results` evaluated other images or an earlier model."""
        if not self.is_done("results") or "training" not in self.stages:
            return None
        results = self.stages["results"]
        if results.inputs.get("dataset", {}).get(self.dataset.name) not in (None, self.dataset.fingerprint):
            return None  # other images than those that the run is about now
        evaluated = results.inputs.get("input", {})
        model = self.stages["training"].outputs
        if any(model.get(path) != evaluated[path] for path in evaluated):
            return None
        return self.stages["results"].accuracy


class SignedManifest(Manifest):
    """run.json: what a run is, every stage as it last ran, and a digest of all that."""

    digest: str = Field(description="SHA-256 of the rest, written as JSON with sorted keys and no line breaks")


def load_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a run; None, so that nothing of the run is known, where it is not there as it was written.

    BadInput for a manifest of a later version than this code knows, or one that names files outside the run's folder.
    """
    folder = Path(folder)
    content = read_json(folder / "run.json")
    if not isinstance(content, dict):
        return None
    run_files.refuse_later("run.json", content, VERSION, folder.name)
    version = run_files.version_of(content)
    if version is None or (version > 1 and content.pop("digest", None) != digest(content)):
        return None
    try:
        manifest = Manifest.model_validate(upgrade(content))
    except (ValidationError, AttributeError, TypeError, KeyError):
        return None
    check_paths(folder, manifest)
    if version == 1 and "results" in manifest.stages:
        manifest.stages["results"].accuracy = read_accuracy(folder, read_recorded(folder, manifest, "metrics.json"))
    return manifest


def newest_with(outputs: Path, stage: str) -> str | None:
    """Return the name of the run in `outputs` whose `stage` ended well last, None where there is none."""
    return next(iter(all_with(outputs, stage)), None)


def all_with(outputs: Path, stage: str) -> list[str]:
    """Return the names of the runs in `outputs` whose `stage` ended well, the last first.

    A run that cannot be read does not count.
    """
    found: list[tuple[datetime, str]] = []
    for path in sorted(outputs.glob("*/run.json")):
        with contextlib.suppress(BadInput, OSError, ValueError):
            manifest = load_manifest(path.parent)
            if manifest is not None and manifest.is_done(stage):
                started = datetime.fromisoformat(manifest.stages[stage].started).astimezone(UTC)
                found.append((started, path.parent.name))
    return [name for _, name in sorted(found, reverse=True)]


def is_training(folder: Path) -> bool:
    """Return whether a runner is at work on a run, and in the stage that trains; one that cannot be read is in none."""
    with contextlib.suppress(BadInput, OSError, ValueError):
        manifest = load_manifest(folder) if is_held(folder) else None
        record = manifest.stages.get("training") if manifest else None
        return record is not None and record.state == "running"
    return False


def is_damaged(folder: Path) -> bool:
    """Return whether a run's manifest is there, and not as it was written, so that nothing of the run is known."""
    return (folder / "run.json").exists() and load_manifest(folder) is None


def check_paths(folder: Path, manifest: Manifest) -> None:
    """Raise BadInput where a manifest names a file outside the run's folder."""
    for record in manifest.stages.values():
        for path in record.outputs:
            if leads_out(folder, path):
                rule = f"its run.json names a file outside its folder, {path[:100]!r}"
                way_out = "delete that folder or choose another name"
                raise BadInput(rule, field="run", value=folder.name, way_out=way_out)


def leads_out(folder: Path, path: str) -> bool:
    """Return whether a path from a run's manifest leads out of its folder: absolute, by `..`, or through a link."""
    relative = PurePath(path)
    if relative.anchor or not relative.parts or ".." in relative.parts or "\0" in path:
        return True
    place = folder
    for part in relative.parts:
        place = place / part
        if place.is_symlink():
            return True
    return False


def read_recorded(folder: Path, manifest: Manifest, path: str) -> bytes | None:
    """Return the content of a file of a run as a stage has left it; None where it is not there, or another now."""
    digests = {record.outputs[path] for record in manifest.stages.values() if path in record.outputs}
    try:
        content = read_file(folder / path)
    except OSError:
        return None
    return content if digest(content) in digests else None


def refuse_later_files(folder: Path, manifest: Manifest) -> None:
    """Raise BadInput where model.json or metrics.json is of a later version than this code knows, and as it was left.

    Where it is not, its stage runs again.
    """
    for kind in (run_files.Model, run_files.Metrics):
        content = read_recorded(folder, manifest, kind.name)
        with contextlib.suppress(ValueError):
            run_files.parse(kind, content or b"", folder.name)


def has_its_figures(folder: Path, manifest: Manifest) -> bool:
    """Return whether the model of a run and its metrics are as its stages left them: else no figure of it is shown."""
    return all(read_recorded(folder, manifest, name) is not None for name in FIGURES_REST_ON)


def read_accuracy(folder: Path, metrics: bytes | None) -> Accuracy | None:
    """Return the accuracy on test images that the content of the metrics.json of a run's folder holds, if it does."""
    try:
        test = run_files.parse(run_files.Metrics, metrics or b"", folder.name)["test"]
        low, high = test["accuracy_ci95"]
        return Accuracy(value=test["accuracy"], low=low, high=high)
    except (KeyError, ValueError):  # a notebook that was changed may leave other figures
        return None


def upgrade(content: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of any version that was as one of today's."""
    if content.get("version", 1) == 1:
        content = second_version(content)
    if content["version"] == 2:
        content = third_version(content)
    return content


def second_version(content: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1 as one of version 2.

    Its pages are rendered anew, so they are not among the outputs; its accuracy stands in metrics.json.
    """
    stages = {}
    for name, old in content["stages"].items():
        record = {new: value for new, value in old.items() if new not in ("ingredients", "products")}
        record["inputs"] = old.get("ingredients", {})
        record["inputs"].get("parameter", {}).pop("run", None)
        record["outputs"] = {
            path: known for path, known in old.get("products", {}).items() if not path.startswith("reports/")
        }
        stages[name] = record
    return content | {"version": 2, "stages": stages}


def third_version(content: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 2 as one of version 3.

    What it said of the machine was true of the last command alone, and the threads of a stage were not measured.
    """
    stages = {}
    for name, old in content["stages"].items():
        record = {field: value for field, value in old.items() if field != "threads"}
        stages[name] = record | {"threads_expected": old.get("threads")}
    kept = {field: content[field] for field in content if field not in ("threads", "commit", "versions", "machine")}
    return kept | {"version": 3, "stages": stages}


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a run, whole or not at all, with a digest of itself."""
    content = manifest.model_dump(mode="json")
    write_json(Path(folder) / "run.json", content | {"digest": digest(content)})


def checkpoint_of(folder: Path, epochs: int) -> Path:
    """Return the path of a run's checkpoint after a number of `epochs`; beside it lies its SHA-256, as .sha256."""
    return folder / "checkpoints" / f"epoch-{epochs:03d}.pt"


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the files of a run's checkpoints, the SHA-256 beside each and those set aside included, oldest first."""
    numbered = []
    for path in (folder / "checkpoints").glob("epoch-*"):
        name = CHECKPOINT.fullmatch(path.name)
        if name:
            numbered.append((int(name[1]), path))
    return [path for _, path in sorted(numbered)]


def checkpoints_of(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return [path for path in checkpoint_files(folder) if path.suffix == ".pt"]


def epochs_of(checkpoint: Path) -> int:
    """Return the number of epochs that were done when a checkpoint was saved, by its name."""
    return int(checkpoint.stem.removeprefix("epoch-"))


def remove_checkpoint(path: Path) -> None:
    """Delete a checkpoint and the SHA-256 beside it."""
    path.unlink()
    path.with_suffix(".sha256").unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename a checkpoint that must not be used, so that the next one of that epoch spares it; return its new path."""
    aside = path.replace(path.with_suffix(".damaged"))
    path.with_suffix(".sha256").unlink(missing_ok=True)
    return aside


def save_json(folder: Path, name: str, value: Any) -> Path:
    """Write `value` as the JSON file `name` of a run, whole or not at all; return its path. See `writing`."""
    with writing(folder):
        return write_json(Path(folder) / name, value)
