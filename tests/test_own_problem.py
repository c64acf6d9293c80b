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
    Project(folder, real_notebooks=True, quick=True)
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
    assert described["start"]["weights_sha256"] == first["weights_sha256"]
    assert described["images"] == {"size": 96, "colour": "rgb"}


def rows(name):
    """Return the rows of a results file."""
    return files.read_json(ROOT / "benchmarks" / "results" / f"{name}.json")["rows"]


def test_the_documents_figures_are_those_of_the_readings():
    said = " ".join(DOCUMENT.split("## How well does it do?")[1].split("##")[0].split())
    shares = {}
    for row in rows("pictures"):
        if row["what"] == "speed":
            continue
        key = (row["what"], row.get("generator"), row["dataset"], row["size"], row["channels"], row["epochs"])
        shares.setdefault(key, []).append(row)
    colours, grey = (shares["made", "made", "colours", 96, channels, 5][-2:] for channels in (3, 1))
    textures = [shares["made", "made", "textures", 96, 3, epochs][-2:] for epochs in (5, 10)]
    for pair in (colours, grey, *textures):
        assert f"{pair[0]['accuracy']:.1%} and {pair[1]['accuracy']:.1%}" in said
    small = [row for epochs in (5, 10) for row in shares["made", "made", "textures", 28, 1, epochs]]
    small = [row for row in small if row["recipe"] == "balanced" and row["commit"] == textures[-1][-1]["commit"]]
    assert f"{max(row['accuracy'] for row in small):.1%} or less by `balanced`, which sees them in grey" in said
    crops = [row for row in rows("pictures") if row["what"] == "photographs"][-1]
    low, high = crops["accuracy_ci95"]
    assert f"{crops['accuracy']:.1%} of {crops['test_images']} (one seed; {low:.1%} to {high:.1%} for" in said
    assert f"{crops['histograms_accuracy']:.1%} by histograms" in said
    few = rows("few")[-1]
    means = [100 * sum(few[kind]) / 5 for kind in ("from_nothing", "from_nothing_gently", "from_run")]
    assert (
        "{:.1f}% from nothing, {:.1f}% from nothing with the steps of a start, {:.1f}% from a run".format(*means)
        in said
    )
    folder = rows("folder")[-1]
    seconds = [folder["parts"][part]["seconds"] for part in ("first", "again")]
    besides = (folder["parts"]["split"]["peak_bytes"] - folder["image_bytes"]) / 1e9
    assert f"read in {seconds[0]:.1f} s, again in {seconds[1]:.1f} s, and took {besides:.1f} GB besides" in said
