"""Run notebooks/05_comparison.ipynb over the accuracy file and render it to outputs/comparison.html.

    python benchmarks/comparison.py        (make comparison)

No stage of a run: it speaks of all recipes at once. The executed notebook and the figures go to outputs/comparison/.
"""

import argparse
import os

import origin

from helpers import data, runs
from helpers.runs import StageRecord
from pipeline import index, reports, runner
from pipeline.kernels import Kernels
from pipeline.reports import Header
from pipeline.request import kernel_environment
from pipeline.screen import Screen
from pipeline.stages import Stage

STAGE = Stage("comparison", "05_comparison")


def main() -> None:
    """Execute and render; where the notebook fails, the page before stays and the error is raised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", default="benchmarks/results/accuracy.json", help="the accuracy file")
    parser.add_argument("--dataset", default="auto", help="for the pictures: auto finds MNIST or leaves them out")
    options = parser.parse_args()
    dataset, note = data.resolve(options.dataset)
    outputs = runs.outputs_folder()
    folder = runs.open_run("comparison", outputs)
    parameters = {"run": "comparison", "readings": options.readings, "dataset": dataset}
    screen = Screen()
    record = StageRecord(state="running", started=runs.now())
    environment = kernel_environment(os.environ, data.data_folder(), outputs)
    with runs.lock(folder), Kernels(environment) as kernels, screen.stage(STAGE, "comparison"):
        assistant = runner.Assistant(kernels, screen, folder, following=())
        runner.run_notebook(STAGE, parameters, folder, kernels, assistant, record)
    page = outputs / "comparison.html"
    header = Header(dataset="MNIST", run="all recipes", started=reports.in_words(record.started))
    reports.render(reports.executed_notebook(folder, STAGE.notebook).read_bytes(), page, header)
    index.write_index(outputs)
    screen.say(str(page))
    if note:
        screen.say("without pictures: MNIST is not in the data folder")


if __name__ == "__main__":
    origin.call(main)
