"""Kill workers, their children and the client of a grid, and see whether all runs arrive, none twice and none half.

A part of faults.py: `python benchmarks/faults.py --parts grid`. A scheduler and two workers, which share no folder with
the client or with each other, run six seeds of `fast` on the embedded digits.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from helpers import files

SEEDS = [str(seed) for seed in range(6)]
GRID = ["--dataset", "digits", "--recipe", "fast", "--only", "training", "--threads", "1", "--seed", *SEEDS]
TARGETS = ("worker", "child", "client")
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Cluster:
    """A Dask scheduler and two workers, one with a nanny that starts it anew, one without."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.words = words  # that every worker is started with, beside its own
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rsplit(":", 1)[1]
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.workers = [self.start_worker(number) for number in range(2)]

    def start(self, kind: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start `dask scheduler` or `dask worker`, in a folder of its own."""
        module = f"distributed.cli.dask_{kind}"
        return subprocess.Popen([sys.executable, "-m", module, *arguments], **QUIET, **options)

    def start_worker(self, number: int) -> subprocess.Popen[bytes]:
        """Start a worker; the second has no nanny."""
        place = self.folder / f"worker-{number}"
        place.mkdir(exist_ok=True)
        words = [self.address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(place)]
        environment = os.environ | {"PYTHONPATH": str(files.PROJECT), "MNIST_OUTPUTS_DIR": str(place / "none")}
        return self.start(
            "worker", *words, *self.words, *(["--no-nanny"] if number else []), cwd=place, env=environment
        )

    def revive(self) -> None:
        """Start those workers again that have died, and have no nanny to do so."""
        for number, process in enumerate(self.workers):
            if process.poll() is not None:
                self.workers[number] = self.start_worker(number)

    def processes(self, words: str) -> list[psutil.Process]:
        """Return the living processes below the workers whose command holds `words`."""
        found = []
        for one in self.workers:
            with contextlib.suppress(psutil.Error):
                found += [child for child in family(one) if words in " ".join(child.cmdline())]
        return found

    def stop(self) -> None:
        """End all of it."""
        for one in [*self.workers, self.scheduler]:
            for process in reversed(family(one)):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            one.wait()


def family(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """Return a process and all that descends from it."""
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


@contextmanager
def running_cluster(folder: Path, *words: str) -> Iterator[Cluster]:
    """Yield a Cluster in a folder, whose workers are started with `words`; it has ended when the block has."""
    cluster = Cluster(folder, *words)
    try:
        yield cluster
    finally:
        cluster.stop()


def start_client(outputs: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start run_all.py on the grid, with its runs in the folder `outputs`."""
    environment = os.environ | {"MNIST_OUTPUTS_DIR": str(outputs), "NO_COLOR": "1"}
    command = [sys.executable, str(files.PROJECT / "run_all.py"), *GRID, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def outcomes(outputs: Path) -> dict[str, str]:
    """Return {run: SHA-256 of its weights and of its history without times} of the runs that are whole."""
    found = {}
    for path in sorted(outputs.glob("*/run.json")):
        folder = path.parent
        rows = list(csv.DictReader(io.StringIO((folder / "history.csv").read_text())))
        untimed = [{name: row[name] for name in row if name != "seconds"} for row in rows]
        found[folder.name] = files.digest([untimed, files.file_digest(folder / "model.safetensors")])
    return found


def strike(target: str, cluster: Cluster, client: subprocess.Popen[str], draw: random.Random) -> bool:
    """Kill a worker, the child of one, or the client, by SIGKILL; return whether there was one to kill."""
    if target == "client":
        client.send_signal(signal.SIGKILL)
        return client.poll() is None
    if target == "child":
        candidates = cluster.processes("pipeline.job")
    else:
        children = cluster.processes("pipeline.job")
        candidates = [child.parent() for child in children]  # the process that computes, not its nanny
    candidates = [one for one in candidates if one is not None]
    if not candidates:
        return False
    draw.choice(candidates).kill()
    return True


def try_round(
    target: str, length: float, right: dict[str, str], cluster: Cluster, draw: random.Random
) -> dict[str, Any]:
    """Strike once at a random moment; return what came of it, with all that went wrong under "wrong"."""
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        outputs = Path(name)
        client = start_client(outputs, "--scheduler", cluster.address)
        instant = draw.uniform(0.15, 0.85) * length
        time.sleep(instant)  # the instant is what is drawn
        hit = client.poll() is None and strike(target, cluster, client, draw)
        landed = {path.parent.name: path.read_bytes() for path in outputs.glob("*/run.json")}
        _, told = client.communicate(timeout=600)
        code = client.returncode
        if target == "client":
            client = start_client(outputs, "--scheduler", cluster.address)
            _, told = client.communicate(timeout=600)
        if client.returncode:
            wrong.append(f"exit {client.returncode}: {told.strip()[-200:]}")
        found = outcomes(outputs)
        wrong += [f"{run} is not as it should be" for run in right if found.get(run) != right[run]]
        wrong += [f"{run} was run again" for run in landed if (outputs / run / "run.json").read_bytes() != landed[run]]
        wrong += [f"left behind: {path.name}" for path in outputs.rglob(".landing-*")]
        wrong += [f"left behind: {path.name}" for path in outputs.rglob(f".*{files.PARTIAL}")]
        wrong += [f"{one.pid} works on" for one in still_there(cluster)]
    cluster.revive()
    return {
        "target": target,
        "hit": hit,
        "share of the time": round(instant / length, 2),
        "landed before": len(landed),
        "exit": code,
        "arrived": len(found),
        "wrong": wrong,
    }


def still_there(cluster: Cluster) -> list[psutil.Process]:
    """Return the children that are at work ten seconds after the grid has ended, and nobody waits for any more."""
    return psutil.wait_procs(cluster.processes("pipeline.job"), timeout=10)[1]


def grid(options: argparse.Namespace) -> dict[str, Any]:
    """20 SIGKILLs of a worker, a child, the client of a grid, and the same command again: all runs arrive, once."""
    draw = random.Random(options.seed)
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert start_client(folder / "here").wait() == 0
        right = outcomes(folder / "here")
        with running_cluster(folder) as cluster:
            started = time.perf_counter()
            assert start_client(folder / "there", "--scheduler", cluster.address).wait() == 0
            length = time.perf_counter() - started
            same = outcomes(folder / "there") == right
            while sum(one["hit"] for one in rounds) < options.rounds:
                target = TARGETS[len(rounds) % len(TARGETS)]
                rounds.append(try_round(target, length, right, cluster, draw))
                print(rounds[-1], flush=True)
    hits = {target: sum(one["hit"] for one in rounds if one["target"] == target) for target in TARGETS}
    wrong = [fault for one in rounds for fault in one["wrong"]]
    return {
        "same as here": same,
        "seconds undisturbed": round(length, 1),
        "hits": hits,
        "wrong": wrong,
        "rounds": rounds,
    }
