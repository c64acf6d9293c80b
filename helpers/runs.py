"""A run's folder: its name, its one writer, its manifest.

Torch is not imported here: run_all.py reads this module before it decides whether anything has to run.
"""

import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from .errors import BadInput, RunInUse
from .files import PARTIAL, PROJECT, absolute, read_json, write_json

PATIENCE = 10  # seconds that the kernel of a dead runner may take to notice
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


def outputs_folder():
    """Return the folder that holds all runs: `$MNIST_OUTPUTS_DIR`, else outputs/ beside helpers/."""
    return absolute(os.environ.get("MNIST_OUTPUTS_DIR") or PROJECT / "outputs")


def run_folder(name):
    """Return the path of the run `name` without creating it; BadInput for a name that is none, or leads elsewhere."""
    if not NAME_RULE.fullmatch(name):
        raise BadInput(f"--run {name!r}: use 1 to 120 letters, digits, '.', '_' and '-', the first a letter or digit")
    if name.lower().endswith((".html", ".md")):
        raise BadInput(f"--run {name}: the name of a file, not of a folder; choose another")
    folder = outputs_folder() / name
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BadInput(f"--run {name}: {folder} is not a folder; move it away or choose another name")
    return folder


def open_run(name):
    """Return the folder of the run `name`, created with its subfolders where they are missing."""
    folder = run_folder(name)
    for part in ("notebooks", "reports", "figures", "checkpoints"):
        try:
            (folder / part).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise BadInput(f"{error.filename}: a file where a folder has to be; move it away") from None
    return folder


@contextmanager
def only_writer(folder):
    """Hold the run's lock while the block runs; RunInUse names the process that holds it.

    A runner that was killed leaves a kernel that works on for seconds: its end is waited for. What both left
    half-written is deleted.
    """
    lock, holder = FileLock(folder / ".lock"), folder / ".holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = (read_json(holder) or {}).get("runner", "another process")
        raise RunInUse(f"--run {folder.name}: in use by {who}; wait for it, or choose another name") from None
    with lock:
        kernels, patience = (read_json(holder) or {}).get("kernels", []), time.monotonic() + PATIENCE
        while any(is_alive(*kernel) for kernel in kernels):
            if time.monotonic() > patience:
                number = kernels[0][0]
                raise RunInUse(f"--run {folder.name}: process {number}, left by a dead runner, works on; end it")
            time.sleep(0.1)
        for path in folder.rglob(f".*{PARTIAL}*"):
            path.unlink()
        note_holder(folder)
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)


def note_holder(folder):
    """Write down which processes work on a run: this one, and the kernels that it has started."""
    kernels = [[process.pid, process.create_time()] for process in psutil.Process().children()]
    write_json(folder / ".holder.json", {"runner": f"process {os.getpid()}", "kernels": kernels})


def is_alive(number, created):
    """Return whether the process of that number, born at the time `created`, is still at work."""
    try:
        process = psutil.Process(number)
        return process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def read_manifest(folder):
    """Return the manifest of a run, with "parameters" and "stages" in any case, and only whole stage records in it."""
    manifest = read_json(Path(folder) / "run.json")
    manifest = manifest if isinstance(manifest, dict) else {}
    parts = {
        part: manifest.get(part) if isinstance(manifest.get(part), dict) else {} for part in ("parameters", "stages")
    }
    wanted = {"state": str, "started": str, "ingredients": dict, "products": dict}
    parts["stages"] = {
        name: record
        for name, record in parts["stages"].items()
        if isinstance(record, dict)
        and all(isinstance(record.get(key, kind()), kind) for key, kind in wanted.items())
        and ("products" in record or record.get("state") != "done")
    }
    return manifest | parts


def write_manifest(folder, manifest):
    """Write the manifest of a run: the only word on which stages are done."""
    write_json(Path(folder) / "run.json", manifest)
