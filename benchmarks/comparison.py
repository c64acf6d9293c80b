"""Run the notebooks over all recipes and render them: outputs/comparison.html, published.html and speed.html.

    python benchmarks/comparison.py        (make comparison)

No stages of a run: they speak of all recipes at once. The executed notebooks and the figures go to outputs/comparison/.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import origin

from helpers import data, runs
from helpers.runs import StageRecord
from pipeline import index, reports, runner
from pipeline.kernels import Kernels
from pipeline.reports import Header
from pipeline.request import kernel_environment
from pipeline.screen import Screen
from pipeline.stages import Stage

PAGES = {  # page: its notebook, and the results files that it reads, by parameter
    "comparison": (Stage("comparison", "05_comparison"), ("readings", "simple")),
    "published": (Stage("published", "07_published"), ("readings", "steps")),
    "speed": (Stage("speed", "08_speed"), ("timings", "readings")),
}
FILES = {
    "readings": ("accuracy.json", "the readings of all recipes"),
    "simple": ("baselines.json", "the scores of simple classifiers"),
    "steps": ("published_steps.json", "the published networks, one change at a time"),
    "timings": ("speed.json", "the times"),
}


def main() -> None:
    """Execute and render; where a notebook fails, its page before stays and the error is raised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (file, what) in FILES.items():
        parser.add_argument(f"--{name}", default=f"benchmarks/results/{file}", help=what)
    parser.add_argument("--dataset", default="auto", help="for the pictures: auto finds MNIST or leaves them out")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    options = parser.parse_args()
    options.dataset, note = data.resolve(options.dataset)
    outputs = runs.outputs_folder()
    folder = runs.open_run("comparison", outputs)
    screen = Screen()
    environment = kernel_environment(os.environ, data.data_folder(), outputs)
    for name in options.pages:
        with runs.lock(folder), Kernels(environment) as kernels:
            page = make(name, options, folder, kernels, screen)
        index.write_index(outputs)
        screen.say(str(page))
    if note:
        screen.say("without pictures: MNIST is not in the data folder")


def make(name: str, options: argparse.Namespace, folder: Path, kernels: Kernels, screen: Screen) -> Path:
    """Execute the notebook of a page in a run's folder and render it beside that folder; return the page."""
    stage, read = PAGES[name]
    parameters = {"run": folder.name} | {file: getattr(options, file) for file in read}
    if name == "comparison":
        parameters["dataset"] = options.dataset
    record = StageRecord(state="running", started=runs.now())
    with screen.stage(stage, name):
        assistant = runner.Assistant(kernels, screen, folder, following=())
        runner.run_notebook(stage, parameters, folder, kernels, assistant, record)
    page = folder.parent / f"{name}.html"
    beside = pages_beside(folder.parent, options.pages)
    header = Header(
        dataset="MNIST",
        run="all recipes",
        started=reports.in_words(record.started),
        links=beside,
        index="index.html",
        names={PAGES[Path(file).stem][0].notebook: file for file in beside},
    )
    reports.render(reports.executed_notebook(folder, stage.notebook).read_bytes(), page, header)
    return page


def pages_beside(outputs: Path, coming: Sequence[str]) -> dict[str, str]:
    """Return {file: title} of the pages over all recipes that are there, or `coming`."""
    there = [name for name in PAGES if name in coming or (outputs / f"{name}.html").is_file()]
    return {f"{name}.html": name.capitalize() for name in there}


if __name__ == "__main__":
    origin.call(main)
