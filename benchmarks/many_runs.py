"""What a grid costs besides its runs: 300 points whose job only hands over a run that was made before.

    python benchmarks/many_runs.py                300 points on two workers, and the page over them
    python benchmarks/many_runs.py --points 30

A scheduler and two workers are started as `dask scheduler` and `dask worker` start them; the workers are told by a
preload to copy a run instead of making one. All else is as ever: inspection, parcels, jobs, landing. The rows go into
benchmarks/results/many_runs.json, one a call, and none is ever taken out.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import origin
import psutil
from grid_faults import running_cluster

from helpers import files, runs
from pipeline import dispatch, grid_page, grids, parcels, worker
from pipeline.board import Board
from pipeline.request import Wishes

RESULTS = Path(__file__).resolve().parent / "results" / "many_runs.json"
ONE = ["--dataset", "digits", "--recipe", "fast", "--threads", "1", "--seed", "0"]
PRELOAD = '''
"""Let a Dask worker hand over a copy of one run for every run that it is asked for."""
import json, shutil
from pathlib import Path
from helpers import runs
from pipeline import worker
from pipeline.grids import Outcome

def copy(settled, environment, tell, is_wanted):
    folder = Path(settled["outputs"]) / settled["run"]
    shutil.copytree({made!r}, folder, ignore=shutil.ignore_patterns(".*"))
    manifest = runs.load_manifest(folder)
    manifest.run = settled["run"]
    manifest.parameters = settled["parameters"]
    manifest.seed = settled["parameters"]["seed"]
    for record in manifest.stages.values():
        asked = record.inputs["parameter"]
        asked |= {{name: value for name, value in settled["parameters"].items() if name in asked}}
    runs.save_manifest(folder, manifest)
    return Outcome(0)

worker.run_child = copy
'''


class Clock(Board):
    """A board that shows nothing, and notes when each run had landed."""

    def __init__(self, grid: grids.Grid) -> None:
        super().__init__(grid, 2, io.StringIO())
        self.landed: list[float] = []

    def finished(self, point: grids.Point, outcome: grids.Outcome, seconds: float) -> None:
        """Note the moment."""
        super().finished(point, outcome, seconds)
        self.landed.append(time.perf_counter())


def make_run(outputs: Path) -> Path:
    """Make one run of all stages in the folder `outputs`; return its folder."""
    command = [sys.executable, str(files.PROJECT / "run_all.py"), *ONE]
    subprocess.run(command, env=os.environ | {"MNIST_OUTPUTS_DIR": str(outputs)}, check=True, capture_output=True)
    return next(outputs.glob("*/run.json")).parent


def measure(points: int, place: Path) -> dict[str, Any]:
    """Return what a grid of so many points costs the client, in seconds and bytes, and the page over it."""
    made = make_run(place / "made")
    hook = place / "hook.py"
    hook.write_text(PRELOAD.format(made=str(made)))
    wishes = Wishes(dataset="digits", recipe="fast", threads=1)
    started = time.perf_counter()
    grid = grids.settle(wishes, {"seed": list(range(points))}, "many", outputs=place / "outputs")
    settled = time.perf_counter() - started
    process = psutil.Process()
    before = process.memory_info().rss
    with running_cluster(place, "--preload", str(hook)) as cluster:
        sent = time.perf_counter()
        with Clock(grid) as clock:
            outcomes = dispatch.run_grid(grid, 2, cluster.address, clock)
        seconds = time.perf_counter() - sent
    held = process.memory_info().rss - before
    assert len(outcomes) == points and not any(outcome.code for outcome in outcomes.values())
    assert len(list((place / "outputs").glob("*/run.json"))) == points
    started = time.perf_counter()
    page = grid_page.write(grid)
    request = grid.points[0].request
    return {
        "points": points,
        "seconds to settle": round(settled, 2),
        "seconds": round(seconds, 1),
        "seconds until the first had landed": round(clock.landed[0] - sent, 1),
        "seconds a point after that": round((clock.landed[-1] - clock.landed[0]) / (points - 1), 3),
        "bytes of a job": len(worker.pack_request(request, here=False)),
        "bytes of a run that comes back": len(parcels.of_run(request.folder)),
        "bytes that the client's memory grew by": held,
        "seconds of the page": round(time.perf_counter() - started, 1),
        "bytes of the page": page.stat().st_size,
    }


def bytes_of_mnist() -> int | None:
    """Return how many bytes MNIST is sent as, None where it is not there."""
    from pipeline.request import settle

    request = settle(Wishes(dataset="mnist", recipe="fast", dry_run=True))
    return len(parcels.of_dataset(request)) if request.dataset == "mnist" else None


def main() -> None:
    """Take a reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=300)
    options = parser.parse_args()
    facts = origin.facts()
    with tempfile.TemporaryDirectory() as place:
        found = measure(options.points, Path(place))
    found["bytes of MNIST"] = bytes_of_mnist()
    for what, value in found.items():
        print(f"{what}: {value:,}")
    origin.keep(RESULTS, {"taken": runs.now()} | found | facts)


if __name__ == "__main__":
    origin.call(main)
