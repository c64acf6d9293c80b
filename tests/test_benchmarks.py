"""README's figures are those of the results files, and the statistics behind them are right."""

import importlib.util
import json
import math
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from helpers import checkpoints, data, evaluation, recipes, training
from pipeline import machine

specification = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
accuracy = importlib.util.module_from_spec(specification)
specification.loader.exec_module(accuracy)


def test_readmes_table_is_made_from_the_results_file():
    results = json.loads(accuracy.RESULTS.read_text())
    text = accuracy.README.read_text()
    assert text.split(accuracy.BEGIN)[1].split(accuracy.END)[0].strip() == accuracy.table(results)


def test_readings_are_whole():
    for row in json.loads(accuracy.RESULTS.read_text())["rows"]:
        assert len(row["wrong"]) == round((1 - row["test_accuracy"]) * 10_000)
        assert (
            len(row["history"]) == row["epochs"]
            and row["history"][-1]["validation_accuracy"] == row["validation_accuracy"]
        )


def test_readings_of_speed_are_told_apart_by_their_fields():
    rows = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["rows"]
    reading = {"ours", "baseline", "ratio", "range", "unit", "repeats"}
    facts = []
    for row in rows:
        assert reading | {"part", "what"} <= set(row)
        facts.append(tuple((name, value) for name, value in row.items() if name not in reading))
    assert len(set(facts)) == len(rows)
    for name in ("images", "epochs", "width", "threads", "size", "steps", "batch_size", "baseline_epochs"):
        assert {type(row[name]) for row in rows if name in row} == {int}


def test_the_mean_has_the_interval_of_student():
    mean, low, high = evaluation.mean_interval([1, 2, 3, 4, 5])
    assert (mean, low, high) == pytest.approx((3, 3 - 2.776 * math.sqrt(0.5), 3 + 2.776 * math.sqrt(0.5)), abs=1e-3)
    assert math.isnan(evaluation.mean_interval([1])[1])


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """Let the benchmark read a recipe of a moment on a few of the embedded digits, into a folder of its own."""
    whole = data.load("digits")
    few = replace(whole, images=whole.images[:500], labels=whole.labels[:500], is_test=whole.is_test[:500])
    monkeypatch.setattr(data, "load", lambda name: replace(few, validation_size=60))
    monkeypatch.setitem(recipes.RECIPES, "best", replace(recipes.RECIPES["fast"], name="best", min_batches_per_epoch=4))
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.json")
    return {"rows": [], "ensembles": [], "earlier": []}


def test_readings_resume_and_five_models_answer_together(small_world, monkeypatch):
    results = accuracy.measure(["best"], None, small_world)
    assert [row["seed"] for row in results["rows"]] == [0, 1, 2, 3, 4]
    (ensemble,) = results["ensembles"]
    test = data.split(data.load("mnist"))["test"]
    networks = [checkpoints.load_model(accuracy.folder_of("best", seed))[0] for seed in range(5)]
    votes = sum(evaluation.predict_split(network, test).probabilities for network in networks).argmax(axis=1)
    assert ensemble["test_accuracy"] == (votes == test.labels.numpy()).mean()
    assert [index for index, _ in ensemble["wrong"]] == np.flatnonzero(votes != test.labels.numpy()).tolist()
    monkeypatch.setattr(training, "train", None)  # a second time nothing is trained
    assert accuracy.measure(["best"], None, json.loads(accuracy.RESULTS.read_text())) == results


def test_a_reading_of_another_recipe_is_read_again_and_kept_in_short(small_world, monkeypatch):
    before = accuracy.measure(["best"], [0], small_world)
    monkeypatch.setitem(recipes.RECIPES, "best", replace(recipes.RECIPES["best"], learning_rate=0.002))
    after = accuracy.measure(["best"], [0], before)
    assert len(after["rows"]) == 1 and after["rows"][0]["key"] != before["rows"][0]["key"]
    assert [row["test_accuracy"] for row in after["earlier"]] == [before["rows"][0]["test_accuracy"]]


def git(folder, *arguments):
    """Return what git prints in `folder`."""
    known = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    result = subprocess.run(["git", *known, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return result.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Make a project of four files in a git repository of its own; return its folder."""
    folder = tmp_path / "project"
    for name in ("helpers/data.py", "README.md", "run_all.py", "benchmarks/results/accuracy.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"first\n{accuracy.BEGIN}\ntable\n{accuracy.END}\nlast\n")
    (folder / ".gitignore").write_text("outputs/*\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "all")
    monkeypatch.setattr(machine, "PROJECT", folder)
    return folder


def test_the_commit_is_that_of_the_project(repository):
    assert machine.commit() == git(repository, "rev-parse", "HEAD")
    (repository / "README.md").write_text("changed")
    assert machine.commit() == git(repository, "rev-parse", "HEAD") + "-dirty"


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("helpers/new.py", True),
        ("pipeline/template/new.js", True),
        ("notebooks/06_new.ipynb", True),
        ("benchmarks/new.py", True),
        ("benchmarks/results/new.json", False),
        ("notes.txt", False),
        ("outputs/helpers/new.py", False),
    ],
)
def test_code_that_git_does_not_know_counts_as_a_change(repository, name, is_code):
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("new")
    assert machine.commit().endswith("-dirty") == is_code


def test_a_repository_around_the_project_says_nothing_of_it(repository, monkeypatch):
    inner = repository / "helpers"
    monkeypatch.setattr(machine, "PROJECT", inner)
    assert machine.commit() is None
    git(inner, "init")
    assert machine.commit() is None  # it has no commit yet
    git(inner, "add", ".")
    git(inner, "commit", "-m", "inner")
    assert machine.commit() == git(inner, "rev-parse", "HEAD") != git(repository, "rev-parse", "HEAD")


def test_a_linked_worktree_is_a_repository_of_its_own(repository, monkeypatch):
    other = repository.parent / "other"
    git(repository, "worktree", "add", str(other))
    monkeypatch.setattr(machine, "PROJECT", other)
    assert machine.commit() == git(repository, "rev-parse", "HEAD")


def test_without_git_there_is_no_commit(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert machine.commit() is None
