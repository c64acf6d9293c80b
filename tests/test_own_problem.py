"""docs/your-own-problem.md: every command in it is run, in its order, in an empty folder."""

import csv
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from conftest import ROOT, Project, offline

from helpers import files

DOCUMENT = (ROOT / "docs" / "your-own-problem.md").read_text(encoding="utf-8")


def commands():
    """Return the document's commands, in order, as lists of words without `python`."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line)
            assert words[0] == "python"
            found.append(words[1:])
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What every command of the document prints, [(its words, stdout)], and the folder in which it was run."""
    folder = tmp_path_factory.mktemp("own")
    Project(folder, real_notebooks=True)
    shutil.copy(ROOT / "predict.py", folder)
    environment = offline(folder) | {"HOME": str(folder), "PYTHONPATH": str(folder), "MPLCONFIGDIR": mpl.get_cachedir()}
    printed = []
    for script, *rest in commands():
        path = ROOT / script if script.startswith("benchmarks/") else folder / script
        command = [sys.executable, str(path), *rest]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (script, rest, done.stdout, done.stderr)
        printed.append(([script, *rest], done.stdout))
    return folder, printed


def test_the_run_is_named_as_the_document_says(said):
    _, printed = said
    first = next(out for words, out in printed if "--dry-run" in words)
    assert re.match(r"run my-pictures-[0-9a-f]{6}-96px-rgb-pictures-10epochs-seed0\n", first)


def test_reports_and_answers_are_there(said):
    folder, _ = said
    assert len(list((folder / "outputs" / "first" / "reports").glob("*.html"))) == 5
    assert (folder / "outputs" / "first" / "reports.zip").is_file()
    assert (folder / "answers.html").is_file()
    rows = list(csv.DictReader((folder / "answers.csv").open()))
    assert len(rows) == 12
    right = [row["label"] == Path(row["file"]).parent.name for row in rows]
    assert sum(right) >= 10, rows


def test_few_images_start_from_the_other_run(said):
    folder, _ = said
    described, first = (files.read_json(folder / "outputs" / run / "model.json") for run in ("few", "first"))
    assert described["start"] == first["weights_sha256"]
    assert described["images"] == {"size": 96, "colour": "rgb"}
