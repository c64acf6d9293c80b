"""Run notebooks/05_comparison.ipynb over the accuracy file and render it to outputs/comparison.html.

    python benchmarks/comparison.py        (make comparison)

No stage of a run: it speaks of all recipes at once. The executed notebook and the figures go to outputs/comparison/.
"""

import argparse
import sys
import time

from helpers import data, errors, runs
from pipeline import reports, runner
from pipeline.screen import Screen
from pipeline.stages import Stage

STAGE = Stage("comparison", "05_comparison")


def main():
    """Execute, tidy and render; where the notebook fails, the page before stays and the error is raised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", default="benchmarks/results/accuracy.json", help="the accuracy file")
    parser.add_argument("--dataset", default="auto", help="for the pictures: auto finds MNIST or leaves them out")
    options = parser.parse_args()
    name, note = data.resolve(options.dataset)
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    folder, screen = runs.open_run("comparison"), Screen()
    partial, executed = (folder / "notebooks" / file for file in (".partial.ipynb", "05_comparison.ipynb"))
    parameters = {"run": "comparison", "readings": options.readings, "dataset": name}
    try:
        runner.execute(STAGE, partial, parameters, screen)
        reports.tidy(partial, executed)
    finally:
        partial.unlink(missing_ok=True)
    manifest = {
        "run": "all recipes",
        "parameters": {},
        "dataset": {"name": "mnist", "title": "MNIST", "note": ""},
        "stages": {STAGE.name: {"state": "done", "started": started}},
    }
    page = runs.outputs_folder() / "comparison.html"
    reports.render(executed, page, manifest, STAGE.name)
    reports.write_index(runs.outputs_folder())
    screen.say(f"{page}" + (f"\nwithout pictures: {note}" if note else ""))


if __name__ == "__main__":
    try:
        main()
    except errors.ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
