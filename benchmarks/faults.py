"""Break runs in every way that was thought of, repeat the command, and see whether anything was lost or is false.

    python benchmarks/faults.py                  all parts (make bench-faults), about an hour on MNIST
    python benchmarks/faults.py --parts changes  some of them; the others stay in the file as they were

Findings go to benchmarks/results/faults.json. Instants and places are drawn at random from a seed that is kept there.
"""

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
from pathlib import Path

import psutil
import torch

from helpers import checkpoints, data, downloads, files, models, recipes, training
from pipeline import machine, runner

sys.path.insert(0, str(files.PROJECT))
from pipeline.stages import STAGES

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


def start(outputs, *arguments, **environment):
    """Start run_all.py with its runs under `outputs`."""
    command = [sys.executable, str(files.PROJECT / "run_all.py"), *arguments]
    known = {"MNIST_OUTPUTS_DIR": str(outputs), "MNIST_DATA_DIR": str(data.data_folder())}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | known | environment, **pipes)


def finish(outputs, *arguments, **environment):
    """Run run_all.py to its end; return (exit code, what it wrote to stderr)."""
    process = start(outputs, *arguments, **environment)
    _, error = process.communicate(timeout=600)
    return process.returncode, error


def outcome(folder):
    """Return the SHA-256 of what must not depend on disturbances: weights, history without times, metrics."""
    rows = list(csv.DictReader(io.StringIO((folder / "history.csv").read_text())))
    untimed = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    files = [files.file_digest(folder / name) for name in ("model.safetensors", "metrics.json")]
    return files.digest([untimed, files])


def kernels_of(process):
    """Return the processes that a runner has started."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return []


def half_written(folder):
    """Return whether a file of the run is being written at this very moment."""
    with contextlib.suppress(OSError):
        for part in ("checkpoints", ".", "figures", "notebooks", "reports"):
            with os.scandir(folder / part) as entries:
                if any(entry.name.startswith(".") and files.PARTIAL in entry.name for entry in entries):
                    return True
    return False


def strike(process, folder, draw, length, aim, number):
    """Send a signal at a random instant, or inside a save; return who was hit (None: it had ended) and kernels."""
    patience = time.perf_counter() + draw.uniform(0.2, length if aim != "save" else length / 2)
    while time.perf_counter() < patience and process.poll() is None:
        time.sleep(0.005)  # the instant is what is drawn
    while aim == "save" and process.poll() is None and not half_written(folder):
        pass
    kernels = kernels_of(process)
    if process.poll() is not None:
        return None, []
    if aim == "kernel" and kernels:
        draw.choice(kernels).kill()  # at work, or getting ready for the next notebook
        return "kernel", kernels
    process.send_signal(number)
    if aim == "save" and kernels and number == signal.SIGKILL:
        for kernel in kernels:
            with contextlib.suppress(psutil.Error):
                kernel.kill()  # whichever was writing
        return "save", kernels
    return "runner", kernels


def disturbed(number, hits, aims, seed, expected_codes):
    """Strike `hits` times, up to three a run, repeat the command each time, and compare what it comes to in the end."""
    draw, found = random.Random(seed), {"hits": {}, "codes": {}, "runs": 0, "identical": 0, "orphans": 0, "failed": []}
    with tempfile.TemporaryDirectory() as reference:
        started = time.perf_counter()
        assert finish(reference, *SHORT)[0] == 0
        length, right = time.perf_counter() - started, outcome(Path(reference) / "it")
    while sum(found["hits"].values()) < hits:
        with tempfile.TemporaryDirectory() as outputs:
            for _ in range(3):
                process, aim = start(outputs, *SHORT), aims[sum(found["hits"].values()) % len(aims)]
                told, kernels = strike(process, Path(outputs) / "it", draw, length * 0.8, aim, number)
                process.communicate(timeout=60)
                if told:
                    alive = psutil.wait_procs(kernels, timeout=5)[1]
                    found["orphans"] += sum(kernel.status() != psutil.STATUS_ZOMBIE for kernel in alive)
                    found["hits"][told] = found["hits"].get(told, 0) + 1
                    code = str(process.returncode)
                    found["codes"][code] = found["codes"].get(code, 0) + 1
                    spare = (
                        told == "kernel" and process.returncode == 0
                    )  # it was for the next notebook: another is started
                    if process.returncode not in expected_codes and not spare:
                        found["failed"].append(f"{told}: exit {code}")
                else:
                    break
            code, error = finish(outputs, *SHORT)
            found["runs"] += 1
            same = code == 0 and outcome(Path(outputs) / "it") == right
            found["identical"] += same
            if not same:
                found["failed"].append(f"exit {code}: {error.strip()[:200]}")
            left = [path for path in Path(outputs).rglob(f".*{files.PARTIAL}*")]
            found["failed"] += [f"left behind: {path.name}" for path in left]
        print(json.dumps(found), flush=True)
    return found


def kills(seed):
    """60 SIGKILLs: of the runner, of its kernel, and inside a save."""
    return disturbed(signal.SIGKILL, 60, ("runner", "save", "kernel"), seed, (-signal.SIGKILL, 1))


def signals(seed):
    """Ctrl-C and SIGTERM, ten each: exit code, no kernel left, the same bytes after all."""
    found = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        found[number.name] = disturbed(number, 10, ("runner",), seed + number, (128 + number,))
    return found


def changes(seed):
    """300 changed bytes and 100 truncations over all files that are read again; none may be used in silence."""
    draw, found = random.Random(seed), {"detected": {}, "missed": []}
    with tempfile.TemporaryDirectory() as folder:
        folder, source = Path(folder), data.load("digits")
        recipe = recipes.choose("fast", epochs=3)
        os.environ["MNIST_OUTPUTS_DIR"] = str(folder)
        assert finish(folder, "--dataset", "digits", "--recipe", "fast", "--epochs", "3", "--run", "it",
                      "--only", "training", "results")[0] == 0  # fmt: skip
        run, raw = folder / "it", folder / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in downloads.FILES:
            (raw / name).write_bytes((data.data_folder() / "MNIST" / "raw" / name).read_bytes())
        fingerprint = files.read_json(run / "model.json")["key"]
        kept = sorted(path.name for path in (run / "checkpoints").iterdir())
        parameters = {"run": "it", "dataset": "digits", "recipe": "fast", "seed": 0, "epochs": recipe.epochs}

        def checkpoint():
            state = checkpoints.Checkpoints(run / "checkpoints", fingerprint).load()
            return len(state["history"]) < 3

        def product():
            chosen = ["training", "results"]
            plan = runner.plan(STAGES, chosen, parameters)
            return any(reason for _, _, reason in plan)

        def dataset():
            return bool(downloads.problems(downloads.SETS["mnist"], folder))

        assert not product() and not dataset() and len(source.labels) == 1797
        places = [(run / "checkpoints" / "epoch-003.pt", checkpoint), (run / "model.safetensors", product),
                  (run / "model.json", product), (run / "history.csv", product), (run / "predictions.npz", product),
                  (run / "metrics.json", product)] + [(raw / name, dataset) for name in downloads.FILES]  # fmt: skip
        whole = {path: path.read_bytes() for path, _ in places}
        note = (run / "checkpoints" / "epoch-003.sha256").read_bytes()
        for turn in range(400):
            path, detects = places[turn % len(places)]
            content = bytearray(whole[path])
            place = draw.randrange(len(content))
            if turn < 300:
                content[place] ^= draw.randrange(1, 256)
            path.write_bytes(content if turn < 300 else content[:place])
            kind = f"{path.name}, {'changed' if turn < 300 else 'truncated'}"
            with contextlib.redirect_stdout(io.StringIO()):
                good = detects()
            found["detected"][kind] = found["detected"].get(kind, 0) + good
            if not good:
                found["missed"].append(f"{kind} at {place}")
            path.write_bytes(whole[path])
            (run / "checkpoints" / "epoch-003.sha256").write_bytes(note)
        assert kept == sorted(name for name in kept if (run / "checkpoints" / name).is_file())
    return found


def writes(seed):
    """Each place that writes fails once, with a full disk and with an I/O error; then the same command goes on."""
    del seed
    found = {}
    places = {  # a part of the path: the stages that write there
        ".01_eda.partial": ["eda"], ".holder.json": ["eda"], "run.json": ["eda"], "dataset.json": ["eda"],
        "figures/": ["eda"],
        "notebooks/01_eda.ipynb": ["eda"], "reports/01_eda.html": ["eda"], "reports.zip": ["eda"],
        "index.html": ["eda"],
        "prototyping.json": ["prototyping"], "epoch-001.sha256": ["training"], "epoch-001.pt": ["training"],
        "model.safetensors": ["training"], "history.csv": ["training"], "model.json": ["training"],
        "predictions.npz": ["training", "results"], "metrics.json": ["training", "results"],
        "robustness.json": ["training", "results"],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(FAILING)
        for error in ("ENOSPC", "EIO"):
            for number, (place, stages) in enumerate(places.items()):
                outputs, once = Path(folder) / f"{error}{number}", Path(folder) / "once"
                once.unlink(missing_ok=True)
                command = ("--dataset", "digits", "--recipe", "fast", "--run", "it", "--only", *stages)
                trap = {"PYTHONPATH": folder, "FAIL_AT": place, "FAIL_ONCE": str(once), "FAIL_WITH": error}
                code, told = finish(outputs, *command, **trap)
                again, after = finish(outputs, *command)
                last = told.strip().splitlines()[-1] if told.strip() else ""
                good = once.exists() and code == 1 and "Traceback" not in told and again == 0
                named = Path(once.read_text()).name in told if once.exists() else False
                last = last.replace(str(outputs), "outputs")
                found[f"{place}, {error}"] = {"exit": code, "again": again, "good": good and named, "told": last[-160:]}
                print(place, error, code, again, named, last, after, flush=True)
    return found


def pairs(seed):
    """20 times the same command twice at once: one works, the other ends with 5 within 5 seconds."""
    del seed
    found = {"right": 0, "slowest": 0.0, "codes": []}
    for _ in range(20):
        with tempfile.TemporaryDirectory() as outputs:
            command = ("--dataset", "digits", "--recipe", "fast", "--run", "it", "--only", "training")
            started, both = time.perf_counter(), [start(outputs, *command) for _ in range(2)]
            ends = {}
            while len(ends) < 2:
                ends |= {
                    p.pid: (time.perf_counter() - started) for p in both if p.poll() is not None and p.pid not in ends
                }
                time.sleep(0.01)
            codes = sorted(p.returncode for p in both)
            found["codes"].append(codes)
            found["slowest"] = max([found["slowest"], *(ends[p.pid] for p in both if p.returncode == 5)])
            found["right"] += codes == [0, 5] and checkpoints.load_model(Path(outputs) / "it") is not None
            for process in both:
                process.communicate()
    return found


def hashes(seed):
    """Ten undisturbed runs; and one thread against all, five seeds of `fast`."""
    found, source = {"hashes": {}}, data.load("mnist")
    for _ in range(10):
        with tempfile.TemporaryDirectory() as outputs:
            assert finish(outputs, *SHORT)[0] == 0
            one = outcome(Path(outputs) / "it")
            found["hashes"][one] = found["hashes"].get(one, 0) + 1
    for count in (1, torch.get_num_threads()):
        torch.set_num_threads(count)
        histories = [training.train(source, recipes.RECIPES["fast"], seed + number)[1] for number in range(5)]
        shares = [history[-1]["validation_accuracy"] for history in histories]
        found[f"validation accuracy of fast, {count} threads"] = shares
    return found


def cost(seed):
    """What the checkpoints of `balanced` cost: the seconds of writing one, beside those of an epoch."""
    recipe, found = recipes.RECIPES["balanced"], []
    network = models.build(recipe.network, seed=seed)
    optimizer, schedule = training.make_optimizer(network, recipe, 429, torch.device("cpu"))
    training.train_step(network, recipe, (torch.rand(8, 1, 28, 28), torch.arange(8)), optimizer, schedule)
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    with tempfile.TemporaryDirectory(dir=files.PROJECT) as folder:
        for number in range(20):
            history = [dict.fromkeys(training.HISTORY, 0.1)] * (number + 1)
            started = time.perf_counter()
            checkpoints.Checkpoints(Path(folder), "fingerprint").save(state | {"history": history})
            found.append(time.perf_counter() - started)
    return {"seconds, median": sorted(found)[10], "seconds, longest": max(found)}


PARTS = {part.__name__: part for part in (kills, signals, changes, writes, pairs, hashes, cost)}


def main():
    """Break what is asked for and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.parts:
        started = time.perf_counter()
        found = PARTS[name](options.seed)
        results = files.read_json(RESULTS) or {}
        about = {"what": PARTS[name].__doc__, "seed": options.seed, "seconds": round(time.perf_counter() - started)}
        files.write_json(RESULTS, results | machine.describe_machine() | {name: about | found})
        print(name, json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
