"""The page of answers on named photographs: 06_reading, executed on them, as one HTML file.

All that the notebook needs lies in a temporary folder, a copy of the trained model included. The folder goes when the
page is written or has failed: nothing is left behind, and no run is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers import checkpoints, data, files, forms, runs
from helpers.reading import Reader
from helpers.runs import StageRecord

from . import reports, runner
from .kernels import Kernels
from .reports import Header
from .request import kernel_environment
from .screen import Screen
from .stages import Stage

RUN = "reading"  # the folder that the notebook writes into
LISTED = "photographs.json"  # in it: [[name to show, path]]
STORY = "story"  # the tag of cells that say how the notebook's own photographs fared
OWN = "notebook"  # of those for whoever has the notebook itself open
STEPS = "ink"  # of those that show how one digit is found
BOX = "box"  # of those on the box around a digit, which is not looked for where images are taken whole
DIGITS = "digits"  # of those on letters and MNIST's writers, where a network was trained on other things
MODEL = ("model.json", "model.safetensors", "history.csv", "validation.npz", "certainty.npz")


def write_page(reader: Reader, photographs: Sequence[tuple[str, str]], target: str | Path, sheet: bool = False) -> None:
    """Write the page on `photographs`, [(name to show, path)], as a reading.Reader reads them, to `target`.

    `sheet`: whether each shows several digits, in lines. The page is written whole or not at all. StageFailed where the
    notebook fails; ProjectError where the run's model is no longer the reader's; OSError where a file cannot be
    written.
    """
    run = reader.run
    stage = Stage(RUN, "06_reading", left_out=tags_left_out(reader, sheet))
    with tempfile.TemporaryDirectory(prefix="reading-") as place:
        outputs = Path(place)
        copy_model(runs.run_folder(run), outputs / run)
        checkpoints.check_unchanged(outputs / run, reader.description)
        folder = runs.open_run(RUN if run != RUN else f"{RUN}-page", outputs)
        listed = [[name, str(files.absolute(path))] for name, path in photographs]
        files.write_file(folder / LISTED, json.dumps(listed))  # names that are no text become escapes
        parameters: dict[str, str | bool] = {
            "run": folder.name,
            "trained": run,
            "files": LISTED,
            "framed": reader.framing,
            "sheet": sheet,
        }
        record = StageRecord(state="running", started=runs.now())
        execute(stage, parameters, folder, record)
        content = reports.executed_notebook(folder, stage.notebook).read_bytes()
        count = f"{len(photographs)} photograph{'s' * (len(photographs) != 1)}"
        header = Header(dataset=count, run=run, started=reports.in_words(record.started))
        reports.render(content, files.absolute(target), header)


def tags_left_out(reader: Reader, sheet: bool) -> tuple[str, ...]:
    """Return the tags of the cells that would say nothing true, or nothing of use, on a page of a Reader's answers."""
    left_out = [STORY, OWN]
    if reader.framing != "ink" or sheet:
        left_out.append(STEPS)
    if reader.framing != "ink":
        left_out.append(BOX)
    if forms.of_description(reader.description).framing != "ink":
        left_out.append(DIGITS)
    return tuple(left_out)


def execute(stage: Stage, parameters: dict[str, str | bool], folder: Path, record: StageRecord) -> None:
    """Execute the notebook in `folder`; what happens is shown on stderr, which holds no answers."""
    settings = {"OMP_NUM_THREADS": "1"}  # for one image at a time a second thread costs more than it brings
    environment = kernel_environment(dict(os.environ) | settings, data.data_folder(), folder.parent)
    screen = Screen(sys.stderr, quiet=not sys.stderr.isatty())
    with runs.lock(folder), Kernels(environment) as kernels, screen.stage(stage, "the report"):
        assistant = runner.Assistant(kernels, screen, folder, following=())
        runner.run_notebook(stage, parameters, folder, kernels, assistant, record)


def copy_model(source: Path, target: Path) -> None:
    """Copy what belongs to a run's trained model, as far as it is there."""
    target.mkdir()
    for name in MODEL:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
