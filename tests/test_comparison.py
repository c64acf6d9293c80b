"""The comparison page, made from a small accuracy file whose differences are known."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from helpers import scores

ERRORS = {"best": 30, "balanced": 30, "fast": 200}  # of 10,000, drawn for every seed among the same hard images


FACTS = {"commit": "c", "versions": {"torch": "2", "python": "3"}, "machine": {"cores": 2, "processor": "made"}}


def reading(recipe, seed, wrong, code=None, taken="2026-01-01T00:00:00+00:00", facts=FACTS):
    """Return a row of an accuracy file: `recipe` misclassified the images `wrong`. Early rows have no `code`."""
    share = 1 - len(wrong) / 10_000
    per_class = {str(label): {"precision": share, "recall": share, "f1": share, "support": 1000} for label in range(10)}
    figures = {"validation_accuracy": share, "validation_loss": 0.02, "train_loss": 0.01}
    row = {"recipe": recipe, "seed": seed, "epochs": 2, "parameters": 1000, "train_seconds": 5.0, "temperature": 0.5}
    row |= {"test_ece": 0.09, "test_ece_calibrated": 0.002, "test_accuracy": share, "test_macro_f1": share}
    history = [figures | {"epoch": epoch, "seconds": 2.5} for epoch in (1, 2)]
    row |= figures | {"per_class": per_class, "history": history, "wrong": [[int(i), 3] for i in wrong]}
    return noted(row | {"key": f"key of {recipe}, {seed}, {code}"}, code, taken, facts)


def ensemble(rows, wrong, code=None, taken="2026-01-01T00:00:00+00:00"):
    """Return an entry of "ensembles": the models of `rows` misclassified the images `wrong` together."""
    entry = {"recipe": rows[0]["recipe"], "seeds": [row["seed"] for row in rows], "keys": [row["key"] for row in rows]}
    entry |= {"test_accuracy": 1 - len(wrong) / 10_000, "train_seconds": 20.0, "wrong": [[i, 3] for i in wrong]}
    return noted(entry, code, taken, FACTS)


def noted(row, code, taken, facts):
    """Return a row with its digest, and its origin unless it has no `code`."""
    return scores.seal(row | facts | {"code": code, "taken": taken} if code else row)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return (the accuracy file's content, the page's text, what the command printed).

    `best` is of today's code, with a reading and an ensemble of older code beside it; `balanced` is of older code, and
    was taken on another machine; `fast` is from the time before there were codes.
    """
    folder = tmp_path_factory.mktemp("comparison")
    generator = np.random.default_rng(0)
    codes = {"best": scores.todays_code("best"), "balanced": "older", "fast": None}
    other = FACTS | {"machine": {"cores": 8, "processor": "other"}}
    rows = []
    for recipe, errors in ERRORS.items():
        for seed in range(4):
            wrong = np.sort(generator.choice(600, errors + seed, replace=False))
            facts = other if recipe == "balanced" else FACTS
            rows.append(reading(recipe, seed, wrong, codes[recipe], facts=facts))
    best = rows[:4]
    stale = [reading("best", seed, range(900), "older", "2025-01-01T00:00:00+00:00") for seed in (0, 4)]
    ensembles = [ensemble(stale, range(800), "older"), ensemble(best, range(15), codes["best"])]
    head = {"machine": {"cores": 99, "processor": "of the last one"}, "versions": {"torch": "9", "python": "9"}}
    content = head | {"rows": [*stale, *rows], "ensembles": ensembles}
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
        rows = [row for row in content["rows"] if row["recipe"] == recipe][-4:]
        mean = np.mean([row["test_accuracy"] for row in rows])
        assert re.search(rf"<th[^>]*>{recipe}</th>\s*<td[^>]*>{mean:.2%}</td>", text)
    assert "4 of best together read 99.85%" in text and "comparison.html" in printed


def test_it_says_what_is_of_older_code_and_which_machines_it_was_taken_on(page):
    text = re.sub(r"</?code>", "`", page[1])
    assert "The readings of `balanced`, `fast` are of older code than today's, which may score otherwise." in text
    assert "Left out: 2 of other code than these." in text
    assert "12 trainings of 3 recipes" in text and "2 of best together" not in text
    places = ["`best` on 2 cores (made), PyTorch 2, Python 3", "`balanced` on 8 cores (other), PyTorch 2, Python 3"]
    assert f"Taken: {'; '.join(places)}; `fast` on a machine that was not noted with the readings." in text
    assert "of the last one" not in text


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
    assert f"These times were taken on {'; on '.join(dict.fromkeys(map(scores.place_of, rows)))}." in page[1]
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


def test_a_reading_that_does_not_add_up_ends_it_with_one_line(tmp_path):
    row = reading("best", 0, range(30), "code")
    (tmp_path / "readings.json").write_text(json.dumps({"rows": [row | {"test_accuracy": 0.9999}]}))
    command = [sys.executable, ROOT / "benchmarks" / "comparison.py", "--readings", tmp_path / "readings.json"]
    settings = {"MNIST_OUTPUTS_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [*command, "--dataset", "digits"], env=os.environ | settings, capture_output=True, text=True
    )
    assert result.returncode == 2 and "best, seed 0: 30 images in wrong, 1.00 by test_accuracy" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "comparison.html").exists()
