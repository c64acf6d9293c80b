"""What has to be the same on a worker of a Dask cluster for its runs to be those that this machine would make.

The plugin goes to each worker by value, code included, so that it runs where this project is not, or is another. A
worker that is the same declares a resource, for which the jobs of a grid ask; one that differs says how, and gets none.

At the scheduler it stays while its client is connected: some 15 kB, and each worker that joins is asked. What stays
afterwards is the name of the resource at each worker, and the lines of those refused in the scheduler's log of events.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import (
    SchedulerPlugin,
    WorkerPlugin,
)  # a worker has it; all else in this module comes from Python itself

if TYPE_CHECKING:
    from distributed import Client, Scheduler, Worker

FOLDERS = ("helpers", "pipeline", "notebooks")  # what a run's files are made by
SUFFIXES = (".py", ".js", ".html", ".css", ".j2", ".json", ".ipynb")  # of the files in them
NAMED = 3  # differences that are named; the others are counted
PATIENCE = 300  # seconds that torch may take to be imported
TORCH = "torch"  # the package that is asked for what the machine can do
CAPABILITIES = ("processor", "accelerators")  # what it says
CAPABILITY = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
import torch
devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
if torch.backends.mps.is_available():
    devices.append("MPS")
told = {"processor": torch.backends.cpu.get_cpu_capability(), "accelerators": ", ".join(devices) or "none"}
print(json.dumps(told))
"""


def identity() -> dict[str, str]:
    """Return what decides the bytes of a run here, in the form of `examine`; torch is asked in a child process."""
    from helpers.files import PROJECT

    from .machine import PACKAGES

    return examine(PROJECT, PACKAGES)


def key_of(identity: Mapping[str, str], threads: int) -> str:
    """Return the name of the resource that workers of this identity have for runs of so many threads.

    Another code has another name: clients that differ do not get each other's workers.
    """
    told = json.dumps(dict(identity), sort_keys=True).encode()
    return f"literate-mnist-{hashlib.sha256(told).hexdigest()[:12]}-{threads}threads"


def examine(project: Path | None, packages: Iterable[str]) -> dict[str, str]:
    """Return {thing: what it is} of an installation: a digest of each file of code, versions, what torch can use.

    Things: `helpers/runs.py` and the like, `python`, the `packages` that are there, `processor`, `accelerators`.
    `project` is the folder that holds helpers/, None where there is none.
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if TORCH in found:
        found |= ask_torch()
    if project is not None:
        found |= code_in(project)
    return found


def code_in(project: Path) -> dict[str, str]:
    """Return {file: SHA-256} of the project's code; of notebooks what the cells are, not what they have printed."""
    sums = {}
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*")):
            name = path.relative_to(project)
            if path.suffix not in SUFFIXES or any(part.startswith(".") for part in name.parts):
                continue
            content = path.read_bytes()
            if path.suffix == ".ipynb":
                cells = json.loads(content)["cells"]
                content = json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells]).encode()
            sums[name.as_posix()] = hashlib.sha256(content).hexdigest()
    return sums


def ask_torch() -> dict[str, str]:
    """Return what torch computes with, {"processor", "accelerators"}, as a child process of the same packages says.

    It is imported there alone: here it would take memory that belongs to the runs.
    """
    command = [sys.executable, "-c", CAPABILITY, json.dumps(sys.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    if result.returncode:
        reason = (result.stderr.strip() or f"exit code {result.returncode}").splitlines()[-1]
        return {CAPABILITIES[0]: f"unknown, since torch cannot be imported ({reason[:200]})"}
    return json.loads(result.stdout.splitlines()[-1])


def find_project() -> Path | None:
    """Return the folder from which this process would import the project, None where there is none."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("pipeline")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent.parent


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return in one line how the installation `there` differs from the one `here`, or "" where it does not."""
    found = []
    if not any("/" in thing for thing in there):
        found.append("this project is not there")
        here = {thing: here[thing] for thing in here if "/" not in thing}
    for thing in [*here, *(thing for thing in there if thing not in here)]:
        if thing in CAPABILITIES and thing not in there:
            continue  # there is no torch to say it
        if thing not in there:
            found.append(f"{thing} is not there")
        elif thing not in here:
            found.append(f"{thing} is not here")
        elif there[thing] != here[thing]:
            found.append(
                f"{thing} differs from the one here" if "/" in thing else f"{thing} {there[thing]}, here {here[thing]}"
            )
    told = "; ".join(found[:NAMED])
    return f"{told}; and {len(found) - NAMED} more" if len(found) > NAMED else told


class Inspection(WorkerPlugin):
    """Compares each worker, also one that joins later, with the client's installation.

    One that is the same gets the resource `key`, as many of it as runs of so many `threads` fit at once. Either is told
    under the topic `key`: {"kind": "ready", "name": name and address, "slots": n} or {"kind": "refused", "name", "why":
    what differs, in one line}. The scheduler adds "worker", the address.
    """

    def __init__(self, identity: Mapping[str, str], key: str, threads: int) -> None:
        self.identity = dict(identity)
        self.key = key
        self.threads = threads

    async def setup(self, worker: Worker) -> None:
        """Compare a worker; its event loop goes on meanwhile. Nothing is raised: a worker is none the worse for it."""
        try:
            why = differences(self.identity, await asyncio.to_thread(self.look))
        except Exception as error:  # whatever is wrong there is wrong with that worker alone
            why = f"it cannot be told what is there ({type(error).__name__}: {error})".splitlines()[0]
        slots = 0 if why else max(1, worker.state.nthreads // self.threads)
        if (
            worker.state.total_resources.get(self.key, 0) != slots
        ):  # to set it makes the scheduler forget what is in use
            await worker.set_resources(**{self.key: slots})
            look_again(worker)
        address = worker.contact_address
        about = {"name": address if worker.name == address else f"{worker.name} ({address})"}
        told = {"kind": "refused", "why": why} if why else {"kind": "ready", "slots": slots}
        worker.log_event(self.key, told | about)

    def look(self) -> dict[str, str]:
        """Return the identity of the installation that this process runs in, asked for the same packages."""
        packages = [thing for thing in self.identity if "/" not in thing]
        return examine(find_project(), [thing for thing in packages if thing not in ("python", *CAPABILITIES)])


def look_again(worker: Worker) -> None:
    """Let the scheduler look for jobs that waited for what a worker has now.

    It does so by itself where a worker joins, or goes on after a pause, and not where one has a new resource: so it is
    told of a pause, in which nothing happens.
    """
    if worker.status.name == "running":
        for status in ("paused", "running"):
            told = {"op": "worker-status-change", "status": status, "stimulus_id": f"inspection-{status}"}
            worker.batched_send(told)


class Farewell(SchedulerPlugin):
    """Lets a scheduler forget an Inspection as soon as its client has left, or was killed."""

    def __init__(self, name: str, client: str) -> None:
        self.name = name
        self.client = client

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Forget it, and this plugin with it, where the client is the one that it came from."""
        if client == self.client:
            scheduler.loop.add_callback(scheduler.unregister_worker_plugin, None, self.name)
            scheduler.loop.add_callback(scheduler.remove_plugin, self.name)


def register(client: Client, inspection: Inspection) -> Any:
    """Let each worker of a client's cluster be compared, now and when it joins; return when those now there were.

    What they say comes as events of the topic `inspection.key`; to subscribe takes a moment, so `client.get_events`
    tells of those that were faster. Nothing has to be undone: all ends with the client's connection. To be awaited
    where the client is asynchronous.
    """
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    name = f"{inspection.key}-{client.id}"
    plugins = [client.register_plugin(plugin, name=name) for plugin in (Farewell(name, client.id), inspection)]
    return asyncio.gather(*plugins) if client.asynchronous else None
