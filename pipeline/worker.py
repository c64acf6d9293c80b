"""What a Dask worker does for a grid: a Request -> a child process that runs it -> how it ended, and what it left.

On this machine the child writes into outputs/ itself. Elsewhere it gets a folder of its own, with nothing in it but
what was sent; the run is sent back, and the folder deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from helpers import folders
from helpers.files import PROJECT

from . import machine, parcels
from .grids import Outcome
from .request import Request, kernel_environment

LOOK = 0.25  # seconds between two looks whether a run is still wanted
GRACE = 3.5  # seconds in which a run that is no longer wanted may end by itself
PAUSE = 1.0  # seconds between two messages on how far a run has come
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # that a worker's nanny sets to 1
CHILDREN: set[psutil.Process] = set()  # at work for this process

Tell = Callable[[Mapping[str, Any]], None]


class ChildKilled(RuntimeError):
    """A child has died without a word: it was killed, as for want of memory."""


@dataclass(frozen=True)
class Result:
    """What comes back of a run; no outcome where the worker could not even prepare it, or send it back."""

    outcome: Outcome | None
    seconds: float
    parcel: bytes | None = None  # the run's folder, where it was not written in place
    trouble: str = ""  # why there is no outcome, in one line; as for want of space
    worker: str = ""  # the address of the worker that had it


def work_here(request: str, topic: str) -> Result:
    """Run a Request, as `pack_request` makes it, in place; `topic` is that on which it tells how it gets on."""
    settled = json.loads(request)
    began = time.perf_counter()
    tell, is_wanted = attention(settled["run"], topic)
    tell({"kind": "begun", "where": ""})
    try:
        outcome = run_child(settled, settled.pop("environment"), tell, is_wanted)
    except Exception as error:
        outcome = outcome_of(error)
    return Result(outcome, time.perf_counter() - began)


def outcome_of(error: Exception) -> Outcome:
    """Return how a run ended whose job failed beside it; ChildKilled is raised again, for Dask to try once more."""
    if isinstance(error, ChildKilled):
        raise error
    return Outcome(1, in_a_line(error))


def in_a_line(error: BaseException) -> str:
    """Return the name and the text of an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def work_elsewhere(request: str, topic: str, *sent: bytes) -> Result:
    """Run a Request in a folder of its own, made of the parcels that were `sent`, and return the run as a parcel."""
    from distributed import get_worker

    settled = json.loads(request)
    began = time.perf_counter()
    worker = get_worker()
    tell, is_wanted = attention(settled["run"], topic)
    tell({"kind": "begun", "where": str(worker.name)})
    try:
        outcome, parcel = run_apart(settled, Path(worker.local_directory), sent, tell, is_wanted)
    except ChildKilled:
        raise
    except Exception as error:
        return Result(None, time.perf_counter() - began, trouble=in_a_line(error), worker=worker.address)
    return Result(outcome, time.perf_counter() - began, parcel)


def run_apart(
    settled: dict[str, Any], place: Path, sent: Iterable[bytes], tell: Tell, is_wanted: Callable[[], bool]
) -> tuple[Outcome, bytes | None]:
    """Run a Request, as JSON holds it, in a new folder in `place`; return how it ended, and the run as a parcel."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=place, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        for parcel in sent:
            parcels.unpack(parcel, scratch)
        environment = move(settled, scratch)
        try:
            outcome = run_child(settled, environment, tell, is_wanted)
        finally:
            folders.forget(scratch / "data" / settled["dataset"])
        folder = scratch / "outputs" / settled["run"]
        return outcome, parcels.of_run(folder) if folder.is_dir() else None


def pack_request(request: Request, here: bool) -> str:
    """Return a Request as JSON; what the client's environment holds beside threads never leaves its machine."""
    packed = request.model_dump(mode="json", exclude={"environment"})
    environment = request.environment
    if not here:
        environment = {name: environment[name] for name in THREADS if name in environment}
    return json.dumps(packed | {"environment": environment})


def move(settled: dict[str, Any], scratch: Path) -> dict[str, str]:
    """Let a Request, as `pack_request` made it, lie in the folder `scratch`; return the environment of its kernels.

    It computes with as many threads as it would where it was settled, whatever this machine has.
    """
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    environment |= settled.pop("environment")
    if "threads" not in settled["parameters"] and machine.threads(None, environment) != settled["threads"]:
        environment["OMP_NUM_THREADS"] = str(settled["threads"])
    data_dir = scratch / "data"
    outputs = scratch / "outputs"
    for folder in (data_dir, outputs):
        folder.mkdir(exist_ok=True)
    settled |= {"data_dir": str(data_dir), "outputs": str(outputs)}
    return kernel_environment(environment, data_dir, outputs)


def attention(run: str, topic: str) -> tuple[Tell, Callable[[], bool]]:
    """Return, in a job of a Dask worker, how to tell of a run on a topic, and how to ask whether it is still wanted."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def tell(fields: Mapping[str, Any]) -> None:
        worker.log_event(topic, {"run": run} | dict(fields))

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return tell, is_wanted


def run_child(
    settled: Mapping[str, Any], environment: Mapping[str, str], tell: Tell, is_wanted: Callable[[], bool]
) -> Outcome:
    """Run a Request, as JSON holds it, in a child process, and pass on what it tells; ChildKilled where it was killed.

    Where it is no longer wanted it is stopped, and killed where that takes too long.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            cwd=PROJECT,
            env=dict(environment),
            start_new_session=True,  # a terminal's Ctrl-C is for its starter, which then ends the child
        )
        with ended_in_any_case(child):
            ending = listen(child, settled, tell, is_wanted)
        if ending is not None:
            return Outcome(ending["code"], ending["message"])
        complaints.seek(0)
        last = (complaints.read().strip().splitlines() or [f"its process ended with {child.returncode}"])[-1]
    if child.returncode < 0:
        raise ChildKilled(f"its process was killed by signal {-child.returncode}")
    return Outcome(1, last[:300])


def listen(
    child: subprocess.Popen[str], settled: Mapping[str, Any], tell: Tell, is_wanted: Callable[[], bool]
) -> dict[str, Any] | None:
    """Hand a child its Request and pass on what it tells, until it ends; return its last word, if it had one."""
    assert child.stdin and child.stdout
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=read_lines, args=[child.stdout, lines], daemon=True).start()
    with contextlib.suppress(BrokenPipeError):  # it has died already, which its return code will say
        child.stdin.write(json.dumps(settled) + "\n")
        child.stdin.flush()
    ending = None
    told = 0.0
    while True:
        try:
            line = lines.get(timeout=LOOK)
        except queue.Empty:
            line = "" if child.poll() is None else None  # a process that it left may hold its output open
        if line is None:
            return ending
        if not is_wanted():
            return {"code": 130, "message": "stopped"}
        fields = message_in(line)
        if fields is None:
            continue
        if fields["kind"] == "end":
            ending = fields
        elif fields["kind"] not in ("cell", "progress"):
            tell(fields)
        elif time.monotonic() - told > PAUSE:
            told = time.monotonic()
            tell(fields)


def message_in(line: str) -> dict[str, Any] | None:
    """Return what a line of a child tells; None where it is none of its own, as a library may print one."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "kind" in fields else None


def read_lines(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Put the lines of a stream into a queue, and None behind the last."""
    for line in stream:
        lines.put(line)
    lines.put(None)


@contextmanager
def ended_in_any_case(child: subprocess.Popen[str]) -> Iterator[None]:
    """See that a child, and what it has started, has ended when the block has: by itself, else by force."""
    process = psutil.Process(child.pid)
    CHILDREN.add(process)
    try:
        yield
    finally:
        family = [process]
        with contextlib.suppress(psutil.Error):
            family += process.children(recursive=True)
        with contextlib.suppress(OSError):
            child.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
        child.wait()
        child.stdout.close()  # type: ignore[union-attr]
        CHILDREN.discard(process)


def kill_children(seconds: float) -> None:
    """Wait until the children at work for this process have ended; kill those that take longer, and their kernels."""
    deadline = time.monotonic() + seconds
    while CHILDREN and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in list(CHILDREN):
        with contextlib.suppress(psutil.Error):
            for one in [*process.children(recursive=True), process]:
                one.kill()
