"""What a figure depends on beside its parameters: versions, commit, processor, threads. No name of a person or host."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import psutil

from helpers.files import PROJECT
from helpers.progress import MEASURED, MESSAGE

PACKAGES = ("torch", "torchvision", "papermill", "nbconvert", "matplotlib", "seaborn", "scikit-learn", "numpy")
SHORTEST_LOOK = 3.0  # seconds; in less the clocks are too coarse
CODE = ("helpers", "pipeline", "notebooks", "benchmarks/*.py", "run_all.py")  # new files here change what is computed
ASIDE = ("*.md", "docs/*", "benchmarks/results/*", "CITATION.cff", ".github/*")  # nothing computed depends on it


def provenance() -> dict[str, Any]:
    """Return {"commit": text or None, "versions": {package: version}, "machine": {"system", "processor", "cores"}}."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = importlib.metadata.version(package)
    machine = {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()}
    return {"commit": commit(), "versions": versions, "machine": machine}


def commit() -> str | None:
    """Return the last commit of the project that changed more than what is ASIDE, `-dirty` where files differ from it.

    The project's files are those of this commit, whatever was committed since, up to what is ASIDE. None without git,
    and where the project has no repository of its own: one around it says nothing of it.
    """
    try:
        aside = [f":(exclude){pattern}" for pattern in ASIDE]
        last = git("log", "-1", "--format=%H", "HEAD", "--", ".", *aside).strip()
        if not last:
            return None
        return f"{last}-dirty" if changed_files() else last
    except (OSError, subprocess.CalledProcessError):
        return None


def changed_files() -> list[str]:
    """Return the files that differ from the commit, relative to the project: those that git tracks, and new code.

    What is ASIDE does not count.
    """
    tracked = git("diff", "--name-only", "--no-renames", "-z", "HEAD")
    untracked = git("ls-files", "--others", "--exclude-standard", "-z", "--", *CODE)
    names = {*tracked.split("\0"), *untracked.split("\0")} - {""}
    return sorted(name for name in names if not any(fnmatchcase(name, pattern) for pattern in ASIDE))


def git(*arguments: str) -> str:
    """Return what git says of the project's own repository; OSError or CalledProcessError where it says nothing."""
    command = ["git", "--no-optional-locks", f"--git-dir={PROJECT / '.git'}", f"--work-tree={PROJECT}", *arguments]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    return result.stdout.decode(errors="replace")


def processor() -> str:
    """Return the processor's own name where the system tells it, else its architecture.

    With its family and model where they are known: a rented machine may tell no more than "AMD EPYC", and two that both
    say so have differed threefold in speed.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    told: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    if {"cpu family", "model"} <= told.keys():
        return f"{name} (family {told['cpu family']}, model {told['model']})"
    return name


def threads(wanted: int | None, environment: Mapping[str, str]) -> int:
    """Return how many threads a kernel will use: those `wanted`, else what OMP_NUM_THREADS says, else one per core.

    PyTorch takes no more than one per core by itself. OMP_NUM_THREADS may hold a list, one number for each level of
    nesting; what is no number, or 0, does not count.
    """
    first = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    said = int(first) if first.isascii() and first.isdigit() else 0
    return wanted or min(said or cores(), cores())


def cores() -> int:
    """Return how many cores this process may run on; those that the system counts twice count once, as in PyTorch."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, cores_of_machine() or allowed)


@functools.cache
def cores_of_machine() -> int | None:
    """Return how many cores this machine has, those that the system counts twice once; None where it does not tell."""
    return psutil.cpu_count(logical=False)


def threads_of_torch() -> int | None:
    """Return how many threads PyTorch computes with in this process, None where it has not been imported."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None


def tell_after_each_cell() -> None:
    """Let the kernel that calls this tell its runner, after each cell, what the notebook runs under.

    The message holds provenance() as it is now, and the number of threads as it is after the cell.
    """
    from IPython import get_ipython
    from IPython.display import display

    measured = provenance()

    def tell(*_: object) -> None:
        fields = {"kind": MEASURED, "threads": threads_of_torch()} | measured
        display({"text/plain": ""}, raw=True, metadata={MESSAGE: fields})

    get_ipython().events.register("post_run_cell", tell)


class Neighbours:
    """How busy other programs keep this machine's processors, from the moment this was made."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.spent_by_all = seconds_of_all()
        self.spent_by_us = seconds_of_ours()

    def cores_taken(self) -> float:
        """Return how many cores other programs kept busy, on average; 0 where too little time has passed to tell."""
        passed = time.perf_counter() - self.started
        if passed < SHORTEST_LOOK:
            return 0.0
        by_others = seconds_of_all() - self.spent_by_all - (seconds_of_ours() - self.spent_by_us)
        return max(0.0, by_others / passed)


def seconds_of_all() -> float:
    """Return how many seconds the processors have worked since the machine was started, added up."""
    times = psutil.cpu_times()
    return times.user + times.system + getattr(times, "nice", 0.0)


def seconds_of_ours() -> float:
    """Return how many seconds this process, those that it has started and those that have ended have computed."""
    own = psutil.Process()
    total = 0.0
    for process in [own, *own.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # it has just ended
            total += sum(process.cpu_times()[:4])  # user, system, and both of its children that have ended
    return total
