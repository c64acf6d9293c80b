"""What Windows and macOS do otherwise, simulated where that can be; and the list for machines without a GPU."""

import ast
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import io
import itertools
import json
import ntpath
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path, PureWindowsPath

import pytest
from conftest import ROOT, Project

import predict
from helpers import computing, errors, files, runs
from pipeline import command_line, execute, job, machine, runner

OURS = [*(ROOT / "helpers").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py"), ROOT / "run_all.py", ROOT / "predict.py"]
MISSING_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}  # on Windows
MISSING_NAMES = {  # on Windows, macOS or both; each may stand behind a question whether it is there
    "os": {"chown", "fork", "geteuid", "getpgid", "getuid", "killpg", "mkfifo", "setsid", "wait4", "O_DIRECTORY"},
    "signal": {"SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "alarm", "setitimer", "sigwait", "pthread_sigmask"},
}


class Clock:
    """Stands in for `time`: sleeping moves it on."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def blocks(text):
    """Return {package: its lines} of a list with hashes."""
    found = re.findall(r"^(([a-z0-9.-]+)==.*\n(?:    --hash=\S+.*\n)+)", text, re.MULTILINE)
    return {name: lines for lines, name in found}


def left_out(lean):
    """Return (packages, list without them): what `make setup LEAN=lean` leaves out, and what it then installs."""
    make = ["make", "--dry-run", "--always-make", "setup", f"LEAN={lean}"]
    plan = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = re.search(r"^(awk .* requirements\.txt) > \.venv/lean\.txt$", plan, re.MULTILINE)[1]
    assert "--no-deps --require-hashes -r .venv/lean.txt" in plan
    lean_list = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    whole = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return set(blocks(whole)) - set(blocks(lean_list)), lean_list


needs_make = pytest.mark.skipif(not (shutil.which("make") and shutil.which("awk")), reason="needs make and awk")


@needs_make
@pytest.mark.parametrize("lean", ["1", "cpu"])
def test_a_lean_list_is_the_locked_one_with_its_hashes_and_without_what_a_gpu_alone_needs(lean):
    whole = blocks((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    missing, lean_list = left_out(lean)
    kept = blocks(lean_list)
    assert "".join(kept.values()) == lean_list and all(kept[name] == whole[name] for name in kept)
    for name in missing - {"torch", "torchvision"}:
        assert "sys_platform == 'linux'" in whole[name] and re.match("triton|cuda|nvidia", name)
    if lean == "cpu":
        assert {"torch", "torchvision"} <= missing and not re.search("^(nvidia|cuda|triton)", lean_list, re.MULTILINE)


@needs_make
def test_make_says_what_lean_may_be_before_it_makes_anything(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    told = subprocess.run(["make", "setup", "LEAN=yes"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode and "LEAN=yes: must be 1 or cpu" in told.stderr
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_make_says_where_the_environment_is_set_up_otherwise(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml", ".venv/.ready"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
    for lean, code in (("1", 0), ("", 0), ("cpu", 2), ("banana", 2)):
        told = subprocess.run(["make", "setup", f"LEAN={lean}"], cwd=tmp_path, capture_output=True, text=True)
        assert told.returncode == code and ("was set up otherwise already" in told.stderr) == bool(code), told


def needed_by(library):
    """Return the names of the libraries that a library names as needed."""
    told = subprocess.run(["readelf", "--dynamic", "--wide", library], capture_output=True, text=True, check=True)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", told.stdout)


@needs_make
@pytest.mark.skipif(not shutil.which("readelf"), reason="needs readelf")
def test_no_library_that_pytorch_needs_to_be_imported_is_left_out_of_the_lean_list():
    place = Path(importlib.util.find_spec("torch").origin).parent / "lib"
    there = {path.name: path for path in [*place.glob("*.so*"), *place.parent.parent.glob("nvidia/*/lib/*.so*")]}
    reached, new = set(), {"libtorch_python.so"}
    while new:
        reached |= new
        new = {needed for name in new if name in there for needed in needed_by(there[name])} - reached
    assert {"libtorch.so", "libtorch_cpu.so"} <= reached
    held = set()
    for name in left_out("1")[0]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            held |= {Path(file.locate()).resolve() for file in importlib.metadata.files(name)}
    assert not {there[name].resolve() for name in reached & set(there)} & held


def test_pytorch_trains_without_the_python_packages_that_the_lean_list_leaves_out():
    code = """
import sys
sys.modules |= dict.fromkeys(("triton", "cuda", "cuda.bindings", "cuda.pathfinder"))  # None: cannot be imported
import torch, torchvision
network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2 * 26 * 26, 10))
network(torch.randn(4, 1, 28, 28)).logsumexp(1).sum().backward()
print(all(part.grad.abs().sum() > 0 for part in network.parameters()))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout == "True\n", told.stderr


def test_text_files_end_their_lines_alike_on_every_system():
    assert "eol=lf" in (ROOT / ".gitattributes").read_text()


@pytest.fixture
def windows(monkeypatch, tmp_path):
    """A file that a reader has open, as Windows has it: nothing takes its place. Returns (path, attempts, clock)."""
    path = files.write_file(tmp_path / "run.json", "old")
    attempts, clock, replace = itertools.count(1), Clock(), os.replace
    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files, "time", clock)

    def refuse(until):
        def replace_when_free(new, old):
            if next(attempts) < until:
                raise PermissionError(13, "Access is denied", str(new), 5, str(old))
            replace(new, old)

        monkeypatch.setattr(files.os, "replace", replace_when_free)

    return path, refuse, clock


def test_on_windows_a_file_takes_the_place_of_another_once_its_reader_has_closed_it(windows):
    path, refuse, clock = windows
    refuse(until=20)
    files.write_file(path, "new")
    assert path.read_text() == "new" and 0 < clock.now < files.PATIENCE


def test_on_windows_a_file_that_stays_open_is_left_as_it_was(windows):
    path, refuse, clock = windows
    refuse(until=10**9)
    with pytest.raises(PermissionError):
        files.write_file(path, "new")
    assert clock.now > files.PATIENCE and [*path.parent.iterdir()] == [path] and path.read_text() == "old"


def test_elsewhere_nobody_waits_for_a_place_that_is_forbidden(windows, monkeypatch):
    path, refuse, clock = windows
    monkeypatch.setattr(files, "WINDOWS", False)
    refuse(until=2)
    with pytest.raises(PermissionError):
        files.write_file(path, "new")
    assert clock.now == 0


def test_a_job_without_its_starter_stops_by_its_handler_where_signals_go_to_no_thread(monkeypatch):
    def end_at_once(*_):
        raise AssertionError("on Windows, os.kill ends the process, and no handler is run")

    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        monkeypatch.delattr(signal, "pthread_kill", raising=False)
        monkeypatch.setattr(job.os, "kill", end_at_once)
        job.stop_at_the_end_of(io.StringIO("a line\n"))
        deadline = time.monotonic() + 30
        while not heard and time.monotonic() < deadline:
            pass
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_the_signals_that_stop_a_run_are_those_that_the_system_has(monkeypatch):
    for name in ("SIGHUP", "SIGBREAK"):
        monkeypatch.delattr(signal, name, raising=False)
    monkeypatch.setattr(signal, "SIGBREAK", 21, raising=False)  # that of Windows, for Ctrl-Break
    again = importlib.util.spec_from_file_location("again", command_line.__file__)
    module = importlib.util.module_from_spec(again)
    again.loader.exec_module(module)
    assert module.SIGNALS == [signal.SIGINT, signal.SIGTERM, 21]


def test_records_name_files_alike_on_every_system(monkeypatch):
    monkeypatch.setattr(files, "file_digest", lambda path: "0" * 64)
    folder = PureWindowsPath(r"C:\outputs\run")
    path = folder / "checkpoints" / "epoch-001.pt"
    assert runner.digests(folder, [path]) == {"checkpoints/epoch-001.pt": "0" * 64}
    assert not runner.is_altered(folder, path, {"checkpoints/epoch-001.pt": "0" * 64})


@pytest.mark.parametrize("path", ["C:x.png", "C:\\x.png", "\\x.png", "/x.png", "\\\\server\\share\\x", "..\\x", ""])
def test_on_windows_no_path_of_a_manifest_leads_to_another_drive(path, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PurePath", PureWindowsPath)
    assert runs.leads_out(tmp_path, path)
    assert not runs.leads_out(tmp_path, "figures/x.png")


@pytest.mark.parametrize("name", ["con", "NUL", "aux.txt", "Com1", "lpt9.2", "mine."])
def test_no_run_has_a_name_that_windows_does_not_take(name, tmp_path):
    with pytest.raises(errors.BadInput, match="Windows takes no folder of that name"):
        runs.run_folder(name, tmp_path)


@pytest.mark.parametrize("name", ["console", "null", "com", "com10", "auxiliary", "mine.1"])
def test_names_that_only_look_like_those_are_taken(name, tmp_path):
    assert runs.run_folder(name, tmp_path) == tmp_path / name


def test_what_windows_lacks_is_imported_nowhere_and_used_only_where_it_is_there():
    used = []
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used += [name.name for name in node.names if name.name in MISSING_MODULES]
            elif isinstance(node, ast.ImportFrom) and node.module in MISSING_MODULES:
                used.append(node.module)
            elif isinstance(node, ast.Attribute) and node.attr in MISSING_NAMES.get(ast.unparse(node.value), ()):
                used.append(f"{path.name}: {ast.unparse(node)}")
    assert len(OURS) > 80 and not used


def test_every_text_file_is_opened_as_utf_8():
    careless = []
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            modes = [argument.value for argument in node.args[1:2] if isinstance(argument, ast.Constant)]
            is_text = name in ("read_text", "write_text") or (name == "open" and isinstance(node.func, ast.Name))
            is_binary = any("b" in str(mode) for mode in modes)
            if is_text and not is_binary and "encoding" not in [keyword.arg for keyword in node.keywords]:
                careless.append(f"{path.name}:{node.lineno}")
    assert not careless


@pytest.mark.parametrize("system, processor", [("Windows", "AMD64"), ("Darwin", "arm64"), ("Linux", "s390x")])
def test_where_there_is_no_glibc_and_no_linux_computing_is_left_as_it_is(system, processor, monkeypatch):
    def no_library(name):
        raise TypeError("bad argument type for built-in operation")  # as on Windows for None

    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: processor)
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    computing.keep_freed_memory()
    computing.take_short_turns()


def test_cores_are_counted_where_processes_are_not_bound_to_them(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(machine, "cores_of_machine", lambda: 4)
    assert machine.cores() == 4


def test_a_processor_has_a_name_where_there_is_no_proc(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda path: Path("/nowhere") / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert machine.processor() == platform.machine()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n", "AMD EPYC (family 25, model 1)"),
        ("processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\n", "ARMv7 Processor rev 3 (v7l)"),
    ],
)
def test_processors_of_one_name_are_told_apart_by_family_and_model(monkeypatch, tmp_path, told, name):
    other = "\nprocessor\t: 1\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: another\n"
    (tmp_path / "cpuinfo").write_text(told + other if "family" in told else told, encoding="utf-8")
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path / "cpuinfo")
    assert machine.processor() == name


def test_photographs_on_two_drives_are_named_without_their_folders(monkeypatch):
    monkeypatch.setattr(predict.os, "path", ntpath)
    named = ["C:\\mine\\3.png", "D:\\camera\\4.png"]
    assert predict.names_on_page(named) == ["3.png", "4.png"]
    assert predict.names_on_page(["C:\\mine\\a\\3.png", "c:\\mine\\b\\4.png"]) == ["a\\3.png", "b\\4.png"]


def test_a_folder_is_hidden_however_windows_writes_its_path():
    folder = PureWindowsPath(r"C:\Users\Ada")
    ways = execute.ways_to_write(folder)
    assert ways == {r"C:\Users\Ada", "C:/Users/Ada", r"C:\\Users\\Ada"}
    assert all(way in f"{folder} {folder.as_posix()} {json.dumps(str(folder))}" for way in ways)


def test_a_checkout_whose_path_has_spaces_and_letters_of_any_script_runs_from_anywhere(tmp_path):
    """In a terminal of few characters, as Windows has where its output goes to a file."""
    folder = tmp_path / "a b ü 犬"
    elsewhere = tmp_path / "else where"
    folder.mkdir()
    elsewhere.mkdir()
    project = Project(folder)
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(folder / "run_all.py"), "--dataset", "digits", "--recipe", "fast"]
    told = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, timeout=600)
    assert told.returncode == 0, told.stderr
    assert "a b ü ?" in told.stdout.decode("cp1252")
    record = files.read_json(project.outputs / "digits-fast-1epochs-seed0" / "run.json")
    assert all(stage["state"] == "done" for stage in record["stages"].values()) and len(record["stages"]) == 5
    assert not [*elsewhere.iterdir()]
