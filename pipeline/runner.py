"""The loop over stages: decide, run, record, render.

The record is the run's manifest. A stage that fails or is stopped is recorded and rendered, too.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import data, files, runs
from helpers.errors import BadInput, DatasetUnavailable
from helpers.progress import MEASURED
from helpers.runs import DatasetRecord, Manifest, StageRecord

from . import index, machine, reports
from .execute import StageFailed, execute, without_paths
from .kernels import Kernels
from .plan import Decision, check_needs, decide, out_of_date, plan
from .request import Request, differences_of
from .screen import Audience, Screen
from .stages import STAGES, Stage

logger = logging.getLogger(__name__)

ORIGIN = ("threads", "commit", "versions", "machine")  # fields of a StageRecord: what its kernel ran under
STARTED_OVER = "note: started over"  # how a line begins that tells what was deleted for that
BUSY = 0.75  # cores that a training misses because of other programs, from which on it is told to suffer


def run(request: Request, screen: Audience | None = None, alone: bool = True) -> Path:
    """Run the stages of a Request that are not up to date, in order; return the run's folder.

    `screen` is told what happens. A run that is `alone` gets its kernels ready ahead of time, and brings the index over
    all runs up to date; beside others that would take the core of another run. Raises BadInput before anything is
    created, or, for a stage that is needed and a file that is to be deleted, when their turn comes; DatasetUnavailable
    where the images change meanwhile; RunInUse, StageFailed, KeyboardInterrupt.
    """
    screen = screen or Screen(quiet=True)
    expected = [decision.stage for decision in plan(request) if not decision.up_to_date]
    folder = runs.open_run(request.run, request.outputs)
    with runs.lock(folder), Kernels(request.environment, alone) as kernels, up_to_date_pages(folder, alone):
        manifest = take_over(request, screen)
        for number, stage in enumerate(request.stages, 1):
            check_dataset(request)
            check_needs(stage, request, manifest)
            decision = decide(stage, request, manifest)
            if decision.up_to_date:
                screen.skip(stage)
                tell_of_threads(stage, request, manifest, screen)
                continue
            manifest = describe(request, manifest)
            following = [other for other in expected if other in request.stages[number:]]
            with screen.stage(stage, f"[{number}/{len(request.stages)}] {stage.name}: {decision.reason}"):
                run_stage(decision, request, manifest, kernels, screen, following)
    return folder


def check_dataset(request: Request) -> None:
    """Raise DatasetUnavailable where a folder of images has changed since the Request was settled."""
    data.summarise.cache_clear()
    if request.summarise().fingerprint != request.fingerprint:
        rule = "its images have changed while the run was at work"
        way_out = "the same command starts again with those that are there now"
        raise DatasetUnavailable(rule, field="dataset", value=request.dataset, way_out=way_out)


def check_images(request: Request, record: StageRecord) -> None:
    """Raise DatasetUnavailable, as `check_dataset`, after a stage; its record then says that it failed."""
    try:
        check_dataset(request)
    except DatasetUnavailable as error:
        record.state = "failed"
        record.message = without_paths(str(error))
        record.accuracy = None
        raise


def tell_of_threads(stage: Stage, request: Request, manifest: Manifest | None, screen: Audience) -> None:
    """Say so where a model was trained with another number of threads, with which it would have other weights.

    PyTorch may take fewer threads than a command expects; only where the expectation has changed, too, will it now take
    another number than it took.
    """
    if not stage.trains or manifest is None:
        return
    record = manifest.stages[stage.name]
    if record.threads_expected is None or request.threads in (record.threads_expected, record.threads):
        return
    before = record.threads or record.threads_expected
    screen.say(f"note: threads were {before} when it was trained, and are {request.threads}: other weights")


def remark_on_needs(stage: Stage, request: Request, manifest: Manifest) -> str:
    """Return what a reader of a stage's page should know of the stages that it needs, where one is out of date."""
    for need in stage.needs:
        reason = out_of_date(STAGES[need], request, manifest)
        if reason:
            return f"The stage {need}, on whose files this page rests, is out of date ({reason})."
    return ""


@contextmanager
def up_to_date_pages(folder: Path, with_index: bool) -> Iterator[None]:
    """Bring a run's pages, and the index, up to date when the block ends; what made it fail matters more than they."""
    try:
        yield
    except BaseException as reason:
        try:
            render_all(folder, with_index)
        except Exception as error:
            if str(error) != str(reason):
                logger.warning("the pages of this run are not up to date: %s", error)
        raise
    render_all(folder, with_index)


def render_all(folder: Path, with_index: bool = True) -> None:
    """Bring a run's pages and their archive up to date, and the index over all runs."""
    manifest = runs.load_manifest(folder)
    if manifest is not None:
        reports.render_pages(folder, manifest)
    if with_index:
        index.write_index(folder.parent)


def describe(request: Request, manifest: Manifest | None) -> Manifest:
    """Return the manifest of a run as of now: what it is, with the stages that are known already."""
    summary = request.summarise()
    dataset = DatasetRecord(
        name=request.dataset,
        title=summary.title,
        fingerprint=summary.fingerprint,
        note=request.note,
        data_dir=str(request.data_dir) if request.is_folder_of_images else None,  # where the next command finds it
    )
    return Manifest(
        run=request.run,
        parameters=request.parameters,
        seed=request.parameters["seed"],
        dataset=dataset,
        stages={} if manifest is None else manifest.stages,
    )


def take_over(request: Request, screen: Audience) -> Manifest | None:
    """Return the manifest of the run that is in a Request's folder already, None where another run begins there.

    A run that was renamed or copied goes on under its new name. One of other parameters is deleted if that is forced;
    else a Request for it would not have been settled.
    """
    folder = request.folder
    manifest = runs.load_manifest(folder)
    if manifest is None:
        return None
    if request.force and differences_of(request, manifest):
        recorded = [folder / path for record in manifest.stages.values() for path in record.outputs]
        own = [path for stage in STAGES.values() for path in own_files(stage, folder)]
        delete(folder, [*recorded, *own, folder / "run.json"], screen)
        return None
    manifest.run = request.run
    manifest.parameters = request.parameters
    for record in manifest.stages.values():
        if record.state == "running":  # nobody else holds the lock, so nothing runs
            record.state = "stopped"
            record.message = "its runner died"
    runs.save_manifest(folder, manifest)
    return manifest


def own_files(stage: Stage, folder: Path) -> list[Path]:
    """Return the files in a run's folder that have the names of what a stage leaves, its notebook and page included."""
    paths = [folder / name for name in stage.outputs]
    if stage.trains:
        paths += runs.checkpoint_files(folder)
    return [*paths, reports.executed_notebook(folder, stage.notebook), reports.page_of(folder, stage)]


def set_aside_altered(folder: Path, before: StageRecord, screen: Audience) -> None:
    """Rename the checkpoints and the model.json that are not as the training `before` left them, so that none is used.

    The SHA-256 beside a checkpoint and those in model.json tell damage alone: whoever changes one can change the
    other. Where no checkpoint is known, that training was killed, and its checkpoints stay.
    """
    altered = []
    if before.checkpoints:
        altered = [path for path in runs.checkpoints_of(folder) if is_altered(folder, path, before.checkpoints)]
    model = folder / "model.json"
    known = before.outputs | before.checkpoints
    if model.is_file() and "model.json" in known and is_altered(folder, model, known):
        altered.append(model)
    for path in altered:
        runs.set_aside(path)
        screen.say(f"note: {path.relative_to(folder)} is not as the training left it, and was set aside")


def is_altered(folder: Path, path: Path, known: Mapping[str, str]) -> bool:
    """Return whether the file `path` of a run is not the one of that name that is `known`, {path: digest}."""
    return files.file_digest(path) != known.get(path.relative_to(folder).as_posix())


def delete(folder: Path, paths: Iterable[Path], screen: Audience) -> None:
    """Delete those `paths` that are there, and say so; BadInput, and nothing is deleted, where one is no plain file."""
    present = [path for path in dict.fromkeys(paths) if os.path.lexists(path)]
    for path in present:
        name = str(path.relative_to(folder))
        if runs.leads_out(folder, name) or not path.is_file():
            raise BadInput(f"{name} in it is no plain file", field="run", value=folder.name, way_out="move it away")
    for path in present:
        path.unlink()
    if present:
        names = ", ".join(str(path.relative_to(folder)) for path in present)
        screen.say(f"{STARTED_OVER}, and deleted: {names}")


def run_stage(
    decision: Decision,
    request: Request,
    manifest: Manifest,
    kernels: Kernels,
    screen: Audience,
    following: Sequence[Stage],
) -> None:
    """Run one stage and record it in the manifest, whatever happens to it; render its page, and tell how it ended.

    Kernels for the next two of the stages `following` get ready meanwhile.
    """
    stage = decision.stage
    folder = request.folder
    if request.force:
        delete(folder, own_files(stage, folder), screen)
    if stage.trains and stage.name in manifest.stages:
        set_aside_altered(folder, manifest.stages[stage.name], screen)
    before = manifest.stages.get(stage.name)
    record = begin(stage, request, manifest, decision.inputs)
    assistant = Assistant(kernels, screen, folder, following)
    if stage.trains and request.threads > 1:
        assistant.watch_neighbours(request.threads)
    try:
        with origin_of_model(stage, folder, record, before):
            run_notebook(stage, request.parameters, folder, kernels, assistant, record)
        check_images(request, record)
    except KeyboardInterrupt as stopped:
        note_next_epoch(stopped, stage, request, assistant.milestone)
        raise
    finally:
        runs.save_manifest(folder, manifest)
        with screen_line(stage, folder, record, screen):
            reports.render_pages(folder, manifest, coming=[other.name for other in following])


def begin(stage: Stage, request: Request, manifest: Manifest, inputs: dict[str, dict[str, Any]]) -> StageRecord:
    """Return the record of a stage that begins now, and note it in the manifest."""
    record = StageRecord(
        state="running",
        started=runs.now(),
        inputs=inputs,
        threads_expected=request.threads,
        remark=remark_on_needs(stage, request, manifest),
    )
    manifest.stages[stage.name] = record
    runs.save_manifest(request.folder, manifest)
    return record


def note_next_epoch(stopped: KeyboardInterrupt, stage: Stage, request: Request, milestone: int) -> None:
    """Note on what `stopped` a training from which epoch it will go on, where that is known.

    It is where the training has told of a `milestone`, epochs done: then its newest checkpoint is its own.
    """
    saved = runs.checkpoints_of(request.folder)
    if not stage.trains or not milestone or not saved:
        return
    following = runs.epochs_of(saved[-1]) + 1
    if following <= request.recipe.epochs:
        stopped.add_note(f"epoch {following}")


@contextmanager
def origin_of_model(stage: Stage, folder: Path, record: StageRecord, before: StageRecord | None) -> Iterator[None]:
    """Let the `record` of a stage that trains say what its model was trained under, even where that was loaded.

    It was loaded, not trained, where the block writes neither model nor checkpoint: then the record `before` knows what
    the model was trained under, and where there is none, nothing is claimed.
    """
    found = left_by_training(folder)
    try:
        yield
    finally:
        if stage.trains and folder / "model.json" in found and found == left_by_training(folder):
            known = before or StageRecord(state="stopped", started="")
            for field in ORIGIN:
                setattr(record, field, getattr(known, field))


@contextmanager
def screen_line(stage: Stage, folder: Path, record: StageRecord, screen: Audience) -> Iterator[None]:
    """Tell how a stage ended, once the block that renders its page has; a stage that failed needs no page."""
    try:
        yield
    except Exception as error:
        if record.state == "done":
            raise
        logger.warning("no report on %s: %s", stage.name, error)
    finally:
        page = reports.page_of(folder, stage)
        screen.finish(stage, record, str(page.relative_to(folder)) if page.is_file() else "no report")


def run_notebook(
    stage: Stage,
    parameters: Mapping[str, Any],
    folder: Path,
    kernels: Kernels,
    assistant: Assistant,
    record: StageRecord,
) -> None:
    """Execute a stage's notebook in a run's `folder`, and complete its record, whatever happens.

    The record then holds its state, its times, what its kernel measured and the digests of what it left. What made it
    fail is raised.
    """
    executed = reports.executed_notebook(folder, stage.notebook)
    figures = figures_of(folder)
    begun = time.perf_counter()
    try:
        files.remove_file(executed)  # the one before would be taken for what this attempt left
        with kernels.take(stage) as kernel:
            execute(stage, parameters, executed, kernel, assistant)
        check_outputs(stage, folder)
        record.state = "done"
    except (Exception, KeyboardInterrupt) as error:
        record.state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        record.message = without_paths(str(error))
        record.cell = assistant.cell_reached
        raise
    finally:
        record.seconds = round(time.perf_counter() - begun, 2)
        for field, value in assistant.measured.items():
            setattr(record, field, value)
        drawn = [path for path, written in figures_of(folder).items() if figures.get(path) != written]
        left = stage.outputs if record.state == "done" else ()  # else they may be those of the attempt before
        record.outputs = digests(folder, [*(folder / name for name in left), *drawn, executed])
        if stage.trains:
            record.checkpoints = digests(folder, left_by_training(folder))
        if "metrics.json" in stage.outputs and record.state == "done":
            record.accuracy = runs.read_accuracy(folder, (folder / "metrics.json").read_bytes())


class Assistant:
    """Passes on what happens in a notebook, and meanwhile gets the kernels of the next two ready.

    One starts with the notebook; the other late, when the long computations of a notebook are done and its figures
    leave a processor free.
    """

    def __init__(self, kernels: Kernels, screen: Audience, folder: Path, following: Sequence[Stage]) -> None:
        self.kernels = kernels
        self.screen = screen
        self.folder = folder
        self.following = following
        self.cell_reached = 0
        self.measured: dict[str, Any] = {}  # fields of a StageRecord
        self.neighbours: machine.Neighbours | None = None
        self.threads = 1  # of the training that they may disturb
        self.milestone = 0  # of the training that is under way

    def cell(self, number: int, total: int) -> None:
        """Take note that a cell begins."""
        self.cell_reached = number
        self.screen.cell(number, total)
        late = max(2, total * 3 // 4)
        if number == 1:
            self.prepare(self.following[:1])
        elif number == late:
            self.prepare(self.following[1:2])

    def prepare(self, stages: Iterable[Stage]) -> None:
        """Get the kernels of `stages` ready, and write down which processes work on the run."""
        for stage in stages:
            try:
                self.kernels.prepare(stage)
            except Exception as error:  # it will be started when its turn comes
                logger.warning("no kernel could be made ready for %s: %s", stage.name, error)
        runs.note_holder(self.folder)

    def message(self, fields: Mapping[str, Any]) -> None:
        """Pass on what the kernel told; what it runs under is kept for the stage's record."""
        if fields.get("kind") == MEASURED:
            self.measured = {name: fields[name] for name in ORIGIN}
        else:
            self.screen.message(fields)
        if fields.get("milestone", 0) > self.milestone:
            self.milestone = fields["milestone"]
            self.tell_of_neighbours()

    def watch_neighbours(self, threads: int) -> None:
        """From now on, look after each epoch whether other programs leave too few cores to so many `threads`."""
        self.threads = threads
        self.neighbours = machine.Neighbours()

    def tell_of_neighbours(self) -> None:
        """Say once that other programs keep the machine busy, where it misses most of one core, and what can be done.

        Less is what a desktop does; and what they take of cores that are idle costs nothing.
        """
        if self.neighbours is None:
            return
        taken = self.neighbours.cores_taken()
        idle = max(0, machine.cores() - self.threads)
        if taken - idle < BUSY:
            return
        self.neighbours = None
        others = f"other programs keep {taken:.1f} of {machine.cores()} cores busy"
        advice = "one thread has no other to wait for, and may be faster now, with other weights"
        self.screen.say(f"  note: {others}, and threads that work together suffer most; {advice} (--threads 1)")


def check_outputs(stage: Stage, folder: Path) -> None:
    """Raise StageFailed where a notebook ended without leaving a file that it has to leave."""
    missing = [name for name in stage.outputs if not (folder / name).is_file()]
    if missing:
        raise StageFailed(f"{stage.name}: the notebook ended without leaving {', '.join(missing)}")


def figures_of(folder: Path) -> dict[Path, int]:
    """Return {path: when it was written, in ns} of the figures in a run's folder."""
    return {path: path.stat().st_mtime_ns for path in sorted((folder / "figures").glob("*.png"))}


def left_by_training(folder: Path) -> dict[Path, int]:
    """Return {path: when it was written, in ns} of a run's checkpoints and model.json, which a training writes last."""
    paths = [folder / "model.json", *runs.checkpoint_files(folder)]
    return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}


def digests(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return {path relative to the folder, with / on every system: SHA-256} of those `paths` that are files."""
    known = {}
    for path in paths:
        digest = files.file_digest(path)
        if digest is not None:
            known[path.relative_to(folder).as_posix()] = digest
    return known
