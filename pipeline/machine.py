"""What a figure depends on beside its parameters: versions, commit, processor. No name of a person or host."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.files import PROJECT

PACKAGES = ("torch", "torchvision", "papermill", "nbconvert", "matplotlib", "seaborn", "scikit-learn", "numpy")
CODE = ("helpers", "pipeline", "notebooks", "benchmarks/*.py", "run_all.py")  # new files here change what is computed


def provenance() -> dict[str, Any]:
    """Return {"commit": text or None, "versions": {package: version}, "machine": {"system", "processor", "cores"}}."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = importlib.metadata.version(package)
    machine = {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()}
    return {"commit": commit(), "versions": versions, "machine": machine}


def commit() -> str | None:
    """Return the commit of the project's own repository, with `-dirty` behind it where files differ from it.

    None without git, and where the project has no repository of its own: one around it says nothing of it.
    """
    try:
        head = git("rev-parse", "--verify", "HEAD").strip()
        return f"{head}-dirty" if changed_files() else head
    except (OSError, subprocess.CalledProcessError):
        return None


def changed_files() -> list[str]:
    """Return the files that differ from the commit, relative to the project: those that git tracks, and new code."""
    tracked = git("diff", "--name-only", "--no-renames", "-z", "HEAD")
    untracked = git("ls-files", "--others", "--exclude-standard", "-z", "--", *CODE)
    names = {*tracked.split("\0"), *untracked.split("\0")}
    return sorted(names - {""})


def git(*arguments: str) -> str:
    """Return what git says of the project's own repository; OSError or CalledProcessError where it says nothing."""
    command = ["git", "--no-optional-locks", f"--git-dir={PROJECT / '.git'}", f"--work-tree={PROJECT}", *arguments]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    return result.stdout.decode(errors="replace")


def processor() -> str:
    """Return the processor's own name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def threads(wanted: int | None, environment: Mapping[str, str]) -> int:
    """Return how many threads a kernel uses: those `wanted`, else what OMP_NUM_THREADS says, else one a core.

    OMP_NUM_THREADS may hold a list, one number for each level of nesting; what is no number does not count.
    """
    first = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    said = int(first) if first.isascii() and first.isdigit() else 0
    return wanted or said or os.cpu_count() or 1
