"""The comparison page, made from a small accuracy file whose differences are known."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

ERRORS = {"best": 30, "balanced": 30, "fast": 200}  # of 10,000, drawn for every seed among the same hard images


def reading(recipe, seed, wrong):
    """Return a row of an accuracy file: `recipe` misread the images `wrong`."""
    share = 1 - len(wrong) / 10_000
    per_class = {str(label): {"precision": share, "recall": share, "f1": share, "support": 1000} for label in range(10)}
    figures = {"validation_accuracy": share, "validation_loss": 0.02, "train_loss": 0.01}
    row = {"recipe": recipe, "seed": seed, "epochs": 2, "parameters": 1000, "train_seconds": 5.0, "temperature": 0.5}
    row |= {"test_ece": 0.09, "test_ece_calibrated": 0.002, "test_accuracy": share, "test_macro_f1": share}
    history = [figures | {"epoch": epoch} for epoch in (1, 2)]
    return row | figures | {"per_class": per_class, "history": history, "wrong": [[int(i), 3] for i in wrong]}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return (the accuracy file's content, the page's text, what the command printed)."""
    folder = tmp_path_factory.mktemp("comparison")
    generator = np.random.default_rng(0)
    rows = []
    for recipe, errors in ERRORS.items():
        for seed in range(4):
            rows.append(reading(recipe, seed, np.sort(generator.choice(600, errors + seed, replace=False))))
    ensembles = [{"recipe": "best", "seeds": [0, 1, 2, 3], "test_accuracy": 0.9985, "train_seconds": 20.0,
                  "wrong": [[i, 3] for i in range(15)]}]  # fmt: skip
    head = {"machine": {"cores": 2, "processor": "made"}, "versions": {"torch": "2", "python": "3"}}
    content = head | {"rows": rows, "ensembles": ensembles}
    (folder / "readings.json").write_text(json.dumps(content))
    command = [sys.executable, ROOT / "benchmarks" / "comparison.py", "--readings", folder / "readings.json"]
    settings = {"MNIST_OUTPUTS_DIR": str(folder / "outputs"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [*command, "--dataset", "digits"], env=os.environ | settings, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return content, (folder / "outputs" / "comparison.html").read_text(), result.stdout


def test_its_table_holds_the_files_figures(page):
    content, text, printed = page
    for recipe in ERRORS:
        mean = np.mean([row["test_accuracy"] for row in content["rows"] if row["recipe"] == recipe])
        assert re.search(rf"<th[^>]*>{recipe}</th>\s*<td[^>]*>{mean:.2%}</td>", text)
    assert "4 of best together read 99.85%" in text and "comparison.html" in printed


def test_a_real_difference_is_called_real_and_a_tie_a_tie(page):
    assert "2 of 3 differences between recipes are real, 1 are ties" in page[1]
    assert "The tie highest up is that of best and balanced" in page[1]


def test_a_goal_that_was_missed_is_called_missed(page):
    rows = re.findall(r"<th>(fast|balanced|best)</th>\s*((?:<td[^>]*>[^<]*</td>\s*)+)", page[1])
    verdicts = {
        name: re.findall(r">([^<]*)<", cells)[-1] for name, cells in rows if "reached" in cells or "missed" in cells
    }
    assert verdicts == {"fast": "missed", "balanced": "aim reached", "best": "floor reached"}


def test_it_loads_nothing_and_shows_no_pictures_of_other_digits(page):
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page[1])
    assert "the images themselves cannot be shown" in page[1] and page[1].count("<img") == 8


def test_its_times_are_those_of_the_speed_file(page):
    rows = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["rows"]
    compared = [row for row in rows if row["ratio"] is not None and row["part"] != "choices"]
    for row in compared:
        cells = [f"{row['ours']:.2f} s", f"{row['baseline']:.2f} s", f"{row['ratio']:.1f}"]
        figures = r"\s*".join(rf"<td[^>]*>{re.escape(cell)}</td>" for cell in cells)
        assert re.search(rf"<th[^>]*>{re.escape(row['what'])}</th>\s*{figures}", page[1])
    assert len(compared) > 5
    whole = {row["what"]: row["ours"] for row in rows if row["part"] == "pipeline"}
    assert f"figures {whole['figures']:.0f} s" in page[1]
    for row in rows:
        if row.get("share_of") == "step" and row["recipe"] == "fast":
            assert f"{row['step_part']} {row['ours']:.0%}" in page[1]
        if row.get("what") == "time by epochs":
            assert f"{row['epochs']} epochs {row['ours']:.1f} s" in page[1]


def test_without_readings_it_ends_with_one_line(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "comparison.py", "--readings", tmp_path / "none.json"]
    settings = {"MNIST_OUTPUTS_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [*command, "--dataset", "digits"], env=os.environ | settings, capture_output=True, text=True
    )
    assert result.returncode == 2 and "make bench-accuracy" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "comparison.html").exists()
