"""Break runs in every way that was thought of, repeat the command, and see whether anything was lost or is false.

    python benchmarks/faults.py                            all parts (make bench-faults), two to five hours on MNIST
    python benchmarks/faults.py --parts changes            some of them; the others stay in the file as they were
    python benchmarks/faults.py --parts kills --kills 50   fewer or more of them
    python benchmarks/faults.py --parts fuzz               what benchmarks/fuzz.py tries; goes on where it was stopped
    python benchmarks/faults.py --parts grid               what benchmarks/grid_faults.py tries, 15 to 90 minutes

Findings go to benchmarks/results/faults.json. Instants and places are drawn at random from a seed that is kept there.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import origin
import psutil
import torch
from fuzz import fuzz
from grid_faults import grid

from helpers import checkpoints, data, downloads, errors, files, models, recipes, runs, training
from pipeline import index
from pipeline.plan import plan
from pipeline.request import Wishes, settle

CORE = ("model.safetensors", "metrics.json")
RESULTS = Path(__file__).resolve().parent / "results" / "faults.json"
SHORT = ("--dataset", "mnist", "--recipe", "fast", "--epochs", "3", "--run", "it", "--only", "training", "results")
FAILING = """import builtins, errno, os, pathlib
here, once, number = os.environ["FAIL_AT"], pathlib.Path(os.environ["FAIL_ONCE"]), os.environ["FAIL_WITH"]
replace, plain_open = os.replace, open

def fail(path):
    if here in str(path) and not once.exists():
        once.write_text(str(path))
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)), str(path))

def failing_replace(source, target, **options):
    fail(target)
    return replace(source, target, **options)

def failing_open(path, mode="r", *options, **more):
    if mode[0] in "wxa" and str(path) != str(once):
        fail(path)
    return plain_open(path, mode, *options, **more)

os.replace, builtins.open = failing_replace, failing_open
"""


def start(
    outputs: str | Path, *arguments: str, before: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start run_all.py with its runs under `outputs`; `before` are words in front of the command."""
    command = [*before, sys.executable, str(files.PROJECT / "run_all.py"), *arguments]
    known = {"MNIST_OUTPUTS_DIR": str(outputs), "MNIST_DATA_DIR": str(data.data_folder())}
    return subprocess.Popen(
        command, env=os.environ | known | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(outputs: str | Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run run_all.py to its end; return (exit code, what it wrote to stderr)."""
    process = start(outputs, *arguments, **environment)
    _, error = process.communicate(timeout=600)
    return process.returncode, error


def outcome(folder: Path) -> str:
    """Return the SHA-256 of what must not depend on disturbances: weights, history without times, metrics."""
    untimed = []
    for row in csv.DictReader(io.StringIO((folder / "history.csv").read_text())):
        del row["seconds"]
        untimed.append(row)
    return files.digest([untimed, [files.file_digest(folder / name) for name in CORE]])


def kernels_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that a runner has started."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return []


def half_written(folder: Path) -> bool:
    """Return whether a file of the run is being written at this very moment."""
    for subfolder in (".", *runs.SUBFOLDERS):
        with contextlib.suppress(OSError), os.scandir(folder / subfolder) as entries:
            if any(entry.name.startswith(".") and entry.name.endswith(files.PARTIAL) for entry in entries):
                return True
    return False


@dataclass
class Strike:
    """Who was hit by a signal (None: the command had ended before), and the kernels that were at work."""

    target: str | None
    kernels: list[psutil.Process]


def strike(
    process: subprocess.Popen[str], folder: Path, draw: random.Random, length: float, aim: str, number: int
) -> Strike:
    """Send a signal at a random instant of the next `length` seconds; with the aim `save`, inside the next save."""
    latest = length / 2 if aim == "save" else length
    instant = time.perf_counter() + draw.uniform(0.2, latest)
    while time.perf_counter() < instant and process.poll() is None:
        time.sleep(0.005)  # the instant is what is drawn
    while aim == "save" and process.poll() is None and not half_written(folder):
        pass
    kernels = kernels_of(process)
    if process.poll() is not None:
        return Strike(None, [])
    if aim == "kernel" and kernels:
        draw.choice(kernels).kill()  # at work, or getting ready for the next notebook
        return Strike("kernel", kernels)
    process.send_signal(number)
    if aim != "save" or not kernels or number != signal.SIGKILL:
        return Strike("runner", kernels)
    for kernel in kernels:
        with contextlib.suppress(psutil.Error):
            kernel.kill()  # whichever was writing
    return Strike("save", kernels)


@dataclass
class Disturbances:
    """What came of runs that were struck."""

    hits: dict[str, int] = field(default_factory=dict)  # {who: how often}
    codes: dict[str, int] = field(default_factory=dict)  # {exit code: how often}
    runs: int = 0
    identical: int = 0  # runs that came to the same bytes after all
    orphans: int = 0  # kernels that outlived their runner
    failed: list[str] = field(default_factory=list)

    def count(self) -> int:
        """Return how many strikes hit."""
        return sum(self.hits.values())

    def note(self, hit: Strike, code: int, expected: Collection[int]) -> None:
        """Take note of one strike that hit, and of the exit code that followed."""
        assert hit.target is not None
        alive = psutil.wait_procs(hit.kernels, timeout=5)[1]
        self.orphans += sum(kernel.status() != psutil.STATUS_ZOMBIE for kernel in alive)
        self.hits[hit.target] = self.hits.get(hit.target, 0) + 1
        self.codes[str(code)] = self.codes.get(str(code), 0) + 1
        replaced = hit.target == "kernel" and code == 0  # it was for the next notebook: another was started
        if code not in expected and not replaced:
            self.failed.append(f"{hit.target}: exit {code}")


def disturbed(
    number: int, hits: int, aims: Sequence[str], seed: int, expected: Collection[int], command: Sequence[str] = SHORT
) -> dict[str, Any]:
    """Strike `hits` times, up to three a run, repeat the command each time, and compare what it comes to in the end."""
    draw = random.Random(seed)
    found = Disturbances()
    with tempfile.TemporaryDirectory() as reference:
        started = time.perf_counter()
        assert finish(reference, *command)[0] == 0
        length = 0.8 * (time.perf_counter() - started)
        right = outcome(Path(reference) / "it")
    while found.count() < hits:
        with tempfile.TemporaryDirectory() as outputs:
            for _ in range(3):
                process = start(outputs, *command)
                aim = aims[found.count() % len(aims)]
                hit = strike(process, Path(outputs) / "it", draw, length, aim, number)
                process.communicate(timeout=60)
                if hit.target is None:
                    break
                found.note(hit, process.returncode, expected)
            compare_with(right, Path(outputs), found, command)
        print(json.dumps(asdict(found)), flush=True)
    return asdict(found)


def compare_with(right: str, outputs: Path, found: Disturbances, command: Sequence[str]) -> None:
    """Let the command end undisturbed, and note whether it came to the outcome `right` and left nothing behind."""
    code, error = finish(outputs, *command)
    found.runs += 1
    if code == 0 and outcome(outputs / "it") == right:
        found.identical += 1
    else:
        found.failed.append(f"exit {code}: {error.strip()[:200]}")
    for path in outputs.rglob(f".*{files.PARTIAL}"):
        found.failed.append(f"left behind: {path.name}")


def kills(options: argparse.Namespace) -> dict[str, Any]:
    """SIGKILLs, 60 unless said otherwise: of the runner, of its kernel, and inside a save."""
    aims = ("runner", "save", "kernel")
    return disturbed(signal.SIGKILL, options.kills, aims, options.seed, (-signal.SIGKILL, 1))


def signals(options: argparse.Namespace) -> dict[str, Any]:
    """Ctrl-C and SIGTERM, ten each: exit code, no kernel left, the same bytes after all."""
    found = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        found[number.name] = disturbed(number, 10, ("runner",), options.seed + number, (128 + number,))
    return found


class Place:
    """A file that is read again, and the check that has to notice when it changes."""

    def __init__(self, path: Path, notices: Callable[[], bool]) -> None:
        self.path = path
        self.notices = notices
        self.whole = path.read_bytes()
        self.note = path.with_suffix(".sha256")
        self.note_whole = self.note.read_bytes() if self.note.is_file() else None

    def restore(self) -> None:
        """Bring the file back to what it was."""
        self.path.write_bytes(self.whole)
        if self.note_whole is not None:
            self.note.write_bytes(self.note_whole)


def places_of(folder: Path) -> list[Place]:
    """Return the files to damage: those of a finished run on the embedded digits in `folder`, and a copy of MNIST."""
    run = folder / "it"
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in downloads.FILES:
        (raw / name).write_bytes((data.data_folder() / "MNIST" / "raw" / name).read_bytes())
    identity = files.read_json(run / "model.json")["key"]

    def checkpoint_is_refused() -> bool:
        state = checkpoints.Checkpoints(run, identity).load()
        return state is None or len(state["history"]) < 3

    def product_is_refused() -> bool:
        request = settle(Wishes(run="it", only=("training", "results")), outputs=folder)
        return any(not decision.up_to_date for decision in plan(request))

    def dataset_is_refused() -> bool:
        return bool(downloads.problems(downloads.SETS["mnist"], folder))

    assert not product_is_refused() and not dataset_is_refused()
    places = [Place(run / "checkpoints" / "epoch-003.pt", checkpoint_is_refused)]
    for name in ("model.safetensors", "model.json", "history.csv", "validation.npz", "predictions.npz", "metrics.json"):
        places.append(Place(run / name, product_is_refused))
    for name in downloads.FILES:
        places.append(Place(raw / name, dataset_is_refused))
    return places


def changes(options: argparse.Namespace) -> dict[str, Any]:
    """Changed bytes, 300 unless said otherwise, and a third as many truncations, over all files that are read again.

    None may be used in silence.
    """
    draw = random.Random(options.seed)
    detected: dict[str, int] = {}
    missed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = ("--dataset", "digits", "--recipe", "fast", "--epochs", "3", "--run", "it")
        assert finish(folder, *command, "--only", "training", "results")[0] == 0
        places = places_of(folder)
        for turn in range(options.changes + options.changes // 3):
            place = places[turn % len(places)]
            content = bytearray(place.whole)
            position = draw.randrange(len(content))
            kind = "changed" if turn < options.changes else "truncated"
            if kind == "changed":
                content[position] ^= draw.randrange(1, 256)
            else:
                del content[position:]
            place.path.write_bytes(content)
            what = f"{place.path.name}, {kind}"
            good = place.notices()
            detected[what] = detected.get(what, 0) + good
            if not good:
                missed.append(f"{what} at {position}")
            place.restore()
    return {"detected": detected, "missed": missed}


WRITES = {  # a part of the path: the stages that write there
    "notebooks/01_eda.ipynb": ["eda"],
    ".holder.json": ["eda"],
    "run.json": ["eda"],
    "dataset.json": ["eda"],
    "figures/": ["eda"],
    "reports/01_eda.html": ["eda"],
    ".rendered.json": ["eda"],
    "reports.zip": ["eda"],
    "index.html": ["eda"],
    "prototyping.json": ["prototyping"],
    "epoch-001.sha256": ["training"],
    "epoch-001.pt": ["training"],
    "model.safetensors": ["training"],
    "validation.npz": ["training"],
    "certainty.npz": ["training"],
    "history.csv": ["training"],
    "model.json": ["training"],
    "predictions.npz": ["training", "results"],
    "metrics.json": ["training", "results"],
    "robustness.json": ["training", "results"],
}


def writes(_: argparse.Namespace) -> dict[str, Any]:
    """Each place that writes fails once, with a full disk and with an I/O error; then the same command goes on."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(FAILING)
        for error in ("ENOSPC", "EIO"):
            for place, stages in WRITES.items():
                found[f"{place}, {error}"] = fail_once(folder, place, stages, error)
    return found


def fail_once(folder: Path, place: str, stages: Sequence[str], error: str) -> dict[str, Any]:
    """Let the first write to `place` fail with `error`; return how the command ended, and the same one after it."""
    once = folder / "once"
    once.unlink(missing_ok=True)
    command = ("--dataset", "digits", "--recipe", "fast", "--run", "it", "--only", *stages)
    trap = {"PYTHONPATH": str(folder), "FAIL_AT": place, "FAIL_ONCE": str(once), "FAIL_WITH": error}
    with tempfile.TemporaryDirectory(dir=folder) as outputs:
        code, told = finish(outputs, *command, **trap)
        again, after = finish(outputs, *command)
        lines = told.strip().splitlines()
        last = lines[-1].replace(outputs, "outputs") if lines else ""
    named = once.is_file() and Path(once.read_text()).name in told
    good = code == 1 and named and "Traceback" not in told and again == 0
    print(place, error, code, again, named, last, after, flush=True)
    return {"exit": code, "again": again, "good": good, "told": last[-160:]}


def pairs(_: argparse.Namespace) -> dict[str, Any]:
    """20 times the same command twice at once: one works, the other ends with 5 within 5 seconds."""
    right = 0
    slowest = 0.0
    all_codes = []
    command = ("--dataset", "digits", "--recipe", "fast", "--run", "it", "--only", "training")
    for _turn in range(20):
        with tempfile.TemporaryDirectory() as outputs:
            started = time.perf_counter()
            both = [start(outputs, *command) for _ in range(2)]
            seconds = {}
            while len(seconds) < len(both):
                for process in both:
                    if process.poll() is not None and process.pid not in seconds:
                        seconds[process.pid] = time.perf_counter() - started
                time.sleep(0.01)
            codes = sorted(process.returncode for process in both)
            all_codes.append(codes)
            slowest = max([slowest, *(seconds[process.pid] for process in both if process.returncode == 5)])
            right += codes == [0, 5] and checkpoints.load_model(Path(outputs) / "it") is not None
            for process in both:
                process.communicate()
    return {"right": right, "slowest": slowest, "codes": all_codes}


DIGITS = ("--dataset", "digits", "--recipe", "fast", "--run", "it", "--only", "training", "results")
BY_HAND = "of a notebook that was opened by hand"  # what a command says that finds a model no command has left


def reference(command: Sequence[str]) -> tuple[str, float]:
    """Return the outcome of a command that nothing disturbs, and its seconds."""
    with tempfile.TemporaryDirectory() as outputs:
        started = time.perf_counter()
        assert finish(outputs, *command)[0] == 0
        return outcome(Path(outputs) / "it"), time.perf_counter() - started


def hangups(options: argparse.Namespace) -> dict[str, Any]:
    """Ten SIGHUP to a run under nohup, which goes on; ten times Ctrl-C twice, which ends it as once does."""
    draw = random.Random(options.seed)
    right, length = reference(DIGITS)
    hung_up = 0
    outlived = 0
    twice = Disturbances()
    while hung_up < 10:
        with tempfile.TemporaryDirectory() as outputs:
            process = start(outputs, *DIGITS, before=("nohup",))
            time.sleep(draw.uniform(0.2, 0.8) * length)  # the instant is what is drawn
            hung_up += process.poll() is None
            process.send_signal(signal.SIGHUP)
            process.communicate(timeout=120)
            outlived += process.returncode == 0 and outcome(Path(outputs) / "it") == right
    while twice.count() < 10:
        with tempfile.TemporaryDirectory() as outputs:
            process = start(outputs, *DIGITS)
            hit = strike(process, Path(outputs) / "it", draw, 0.8 * length, "runner", signal.SIGINT)
            time.sleep(draw.uniform(0, 0.5))
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
            if hit.target is not None:
                twice.note(hit, process.returncode, (128 + signal.SIGINT,))
            if "Traceback" in told or "Task exception" in told:
                twice.failed.append(told.strip()[-200:])
            compare_with(right, Path(outputs), twice, DIGITS)
    return {"SIGHUP": hung_up, "outlived it": outlived, "Ctrl-C twice": asdict(twice)}


def by_hand(outputs: str) -> subprocess.Popen[str]:
    """Start papermill on 03_training in the run `it`, with another seed, as anybody could."""
    command = [sys.executable, "-m", "papermill", str(files.PROJECT / "notebooks" / "03_training.ipynb")]
    command += [str(Path(outputs) / "by-hand.ipynb"), "--cwd", str(files.PROJECT / "notebooks"), "--no-progress-bar"]
    for name, value in {"run": "it", "dataset": "digits", "recipe": "fast", "seed": 1, "epochs": 1}.items():
        command += ["-p", name, str(value)]
    known = {"MNIST_OUTPUTS_DIR": outputs, "PYTHONPATH": str(files.PROJECT)}
    return subprocess.Popen(
        command, env=os.environ | known, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def collisions(options: argparse.Namespace) -> dict[str, Any]:
    """20 runs with a training notebook that papermill runs in the same folder at the same time; half begin before it.

    Whatever the notebook does, the command comes to the same bytes, at once or when it is given again, and the index
    shows its figures or none. Where the notebook is done before the command begins, this is refused, and comes to the
    same bytes with --force.
    """
    draw = random.Random(options.seed)
    right, length = reference(DIGITS)
    shown: set[str] = set()
    codes: dict[str, int] = {}
    refused = 0
    found = Disturbances()
    for turn in range(20):
        with tempfile.TemporaryDirectory() as outputs:
            starts = [lambda: start(outputs, *DIGITS), lambda: by_hand(outputs)]
            first, second = starts if turn % 2 == 0 else reversed(starts)
            both = [first()]
            time.sleep(draw.uniform(0, 0.8) * length)  # the instant is what is drawn
            both.append(second())
            told = [process.communicate(timeout=600)[1] for process in both]
            if turn % 2:
                both.reverse()
                told.reverse()
            ending = f"command {both[0].returncode}, notebook {both[1].returncode}"
            codes[ending] = codes.get(ending, 0) + 1
            if both[1].returncode and "RunInUse" not in told[1]:
                found.failed.append(told[1].strip()[-200:])
            shown.add(index.row_of(Path(outputs) / "it").get("accuracy", ""))
            again = DIGITS
            if both[0].returncode == errors.BadInput.exit_code and BY_HAND in told[0]:
                refused += 1
                again = (*DIGITS, "--force")
            compare_with(right, Path(outputs), found, again)
            accuracy = index.row_of(Path(outputs) / "it").get("accuracy", "")
            if not accuracy:
                found.failed.append(f"turn {turn}: the index shows no figures in the end")
            shown.add(accuracy)
        print(turn, ending, found.identical, flush=True)
    return {
        "codes": codes,
        "refused": refused,
        "shown": sorted(shown),
        "runs": found.runs,
        "identical": found.identical,
        "failed": found.failed,
    }


def hashes(options: argparse.Namespace) -> dict[str, Any]:
    """Ten undisturbed runs; and one thread against all, five seeds of `fast`."""
    source = data.load("mnist")
    outcomes: dict[str, int] = {}
    for _ in range(10):
        with tempfile.TemporaryDirectory() as outputs:
            assert finish(outputs, *SHORT)[0] == 0
            one = outcome(Path(outputs) / "it")
            outcomes[one] = outcomes.get(one, 0) + 1
    found: dict[str, Any] = {"hashes": outcomes}
    for count in (1, torch.get_num_threads()):
        torch.set_num_threads(count)
        shares = []
        for seed in range(options.seed, options.seed + 5):
            _, history = training.train(source, recipes.RECIPES["fast"], seed)
            shares.append(history[-1]["validation_accuracy"])
        found[f"validation accuracy of fast, {count} threads"] = shares
    return found


def cost(_: argparse.Namespace) -> dict[str, Any]:
    """What the checkpoints of `balanced` cost: the seconds that each epoch of one run spends on writing one."""
    seconds = []

    class Timed(checkpoints.Checkpoints):
        """Checkpoints that note how long it takes to save one."""

        def save(self, *arguments: Any, **options: Any) -> None:
            started = time.perf_counter()
            super().save(*arguments, **options)
            seconds.append(time.perf_counter() - started)

    recipe = recipes.choose("balanced", epochs=20)
    splits = data.split(data.load("digits"))
    network = models.build(recipe.network, normalise_each=recipe.normalise_each)
    with tempfile.TemporaryDirectory(dir=files.PROJECT) as folder:
        training.fit(network, recipe, splits["train"], splits["validation"], checkpoints=Timed(Path(folder), "key"))
    return {"seconds, median": sorted(seconds)[len(seconds) // 2], "seconds, longest": max(seconds)}


def keep(name: str, found: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write what came of a part; what was found from another commit moves to "earlier"."""
    results = origin.read_results(RESULTS, {})
    files.write_json(RESULTS, origin.set_aside(results, name, facts["commit"]) | {name: found})


TRIALS = (kills, signals, hangups, changes, writes, pairs, collisions, hashes, cost, grid, fuzz)
PARTS = {part.__name__: part for part in TRIALS}


def main() -> None:
    """Break what is asked for and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--fuzz", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20, help="SIGKILLs of the part `grid`")
    options = parser.parse_args()
    facts = origin.facts()
    for name in options.parts:
        started = time.perf_counter()
        found = PARTS[name](options)
        about = {"what": PARTS[name].__doc__, "seed": options.seed, "seconds": round(time.perf_counter() - started)}
        keep(name, about | facts | found | {"taken": runs.now()}, facts)
        print(name, json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    origin.call(main)
