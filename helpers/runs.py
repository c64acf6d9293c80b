"""A run's folder: its name, its one writer, files written whole or not at all, its manifest, the errors people read.

Torch is not imported here: run_all.py reads this module before it decides whether anything has to run.
"""

import ast
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "torchvision", "papermill", "nbconvert", "matplotlib", "seaborn", "scikit-learn", "numpy")
PARTIAL = ".partial"  # ends the names of files that are being written
PATIENCE = 10  # seconds that the kernel of a dead runner may take to notice
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class ProjectError(Exception):
    """An error that a person can mend: one line that names the thing, the rule and the way out."""

    exit_code = 1


class BadInput(ProjectError):
    """A flag, a parameter or a name that breaks a rule."""

    exit_code = 2


class DatasetUnavailable(ProjectError):
    """The dataset is not there, cannot be downloaded, or is damaged."""

    exit_code = 3


class TrainingDiverged(ProjectError):
    """The loss is no longer a finite number; `history` and `losses` tell how it came to that."""

    exit_code = 4

    def __init__(self, message, history=(), losses=()):
        super().__init__(message)
        self.history, self.losses = history, losses


class RunInUse(ProjectError):
    """Another process writes to this run."""

    exit_code = 5


def outputs_folder():
    """Return the folder that holds all runs: `$MNIST_OUTPUTS_DIR`, else outputs/ beside helpers/."""
    return absolute(os.environ.get("MNIST_OUTPUTS_DIR") or PROJECT / "outputs")


def absolute(path):
    """Return `path` without `~`, links and `..`."""
    return Path(os.path.expanduser(path)).resolve()


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


def write_file(path, content):
    """Write bytes or text to `path` whole or not at all: a temporary file beside it, flushed, then renamed."""
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def write_json(path, value):
    """Write `value` to `path` as JSON, whole or not at all; NaN and infinity are refused."""
    return write_file(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path):
    """Return what the JSON file `path` holds, or None where there is no such file or it cannot be read as JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def digest(value):
    """Return the SHA-256, in hexadecimal, of bytes, or of any other value written as JSON with sorted keys."""
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(value).hexdigest()


def file_digest(path):
    """Return the SHA-256 of the file `path` in hexadecimal, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def code_digest(path):
    """Return the SHA-256 of what a Python file does: comments, docstrings and layout do not count."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return digest(ast.dump(tree))


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
