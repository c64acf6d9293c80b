"""What a figure depends on beside its parameters: versions, commit, processor."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from helpers.files import PROJECT

PACKAGES = ("torch", "torchvision", "papermill", "nbconvert", "matplotlib", "seaborn", "scikit-learn", "numpy")


def describe_machine():
    """Return {"commit", "versions", "machine"}: what a figure depends on; no name of a person or host."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    machine = {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()}
    return {"commit": commit(), "versions": versions, "machine": machine}


def commit():
    """Return the project's git commit, with `-dirty` behind it where files differ from it, or None without git."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def processor():
    """Return the processor's own name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
