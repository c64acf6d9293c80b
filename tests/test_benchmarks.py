"""README's figures are those of the results files, and the statistics behind them are right."""

import importlib.util
import json
import math
import random
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT

from helpers import checkpoints, data, evaluation, files, recipes, runs, training

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


@pytest.fixture(scope="module")
def fuzz():
    """The module of the same name in benchmarks/, which finds its neighbours as it does when it is called."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import fuzz

        yield fuzz
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def fill(run, number):
    """Write a file of each kind that a finished run has; `number` is in each of them."""
    for name in ("run.json", "model.json", "metrics.json", "notebooks/01_eda.ipynb", "reports/.rendered.json"):
        files.write_json(run / name, {"accuracy": number / 7, "name": ["a", {"b": number}], "none": None})
    for name in ("reports/01_eda.html", "figures/loss.png", "model.safetensors"):
        files.write_file(run / name, f"<p>{number}</p>" * 9)
    for folder in runs.SUBFOLDERS:
        (run / folder).mkdir(exist_ok=True)
    torch.save({"weights": [torch.ones(3) * number]}, run / "checkpoints" / "epoch-001.pt")
    files.write_file(run / "checkpoints" / "epoch-001.sha256", "0 epoch-001.pt")
    (run / ".lock").touch()


def test_a_change_is_drawn_by_the_seed_and_changes_nothing_but_the_run(fuzz, tmp_path):
    places = fuzz.Places(tmp_path / "it", tmp_path / "other", tmp_path / "outside")
    fill(tmp_path / "kept", 1)
    fill(places.other, 2)
    fill(places.outside / "run", 2)
    shutil.copytree(tmp_path / "kept", places.run)
    whole, others = fuzz.tree(places.run), fuzz.tree(tmp_path, skip=places.run)
    kinds = set()
    for number in range(80):
        drawn = []
        for _ in range(2):
            shutil.rmtree(places.run)
            shutil.copytree(tmp_path / "kept", places.run)
            drawn.append(fuzz.tamper(random.Random(number), places))
            (places.outside / "copy").unlink(missing_ok=True)
            assert fuzz.tree(places.run) != whole and fuzz.tree(tmp_path, skip=places.run) == others, drawn
        assert drawn[0] == drawn[1]
        kinds.add(drawn[0].kind)
    assert len(kinds) == 10


ROW = {"name": "it", "accuracy": "98.89%", "state": "done", "reports": [["eda", "it/reports/01_eda.html"]]}


@pytest.mark.parametrize(
    ("verdict", "code", "said", "row", "page"),
    [
        ("ignored", 0, "", {}, "<p>1</p>"),
        ("told", 0, "  eda          would run: has not run yet", {}, "<p>1</p>"),
        ("healed", 0, "  eda          done         2.0 s", {}, "<p>1</p>"),
        ("refused", 2, "error: --run it: holds another run", {"accuracy": "99.99%"}, "<p>1</p>"),
        ("not shown", 0, "", {"name": "gone"}, "<p>1</p>"),
        ("told, differs", 0, "", {"accuracy": "99.99%", "state": "metrics.json has changed"}, "<p>1</p>"),
        ("FALSE", 0, "", {"accuracy": "99.99%"}, "<p>1</p>"),
        ("FALSE", 0, "test accuracy 99.99%", {}, "<p>1</p>"),
        ("FALSE", 0, "", {}, "<p>2</p>"),
        ("FALSE", 0, "error: a word", {}, "<p>1</p><img src=x onerror=alert(1)>"),
        ("traceback", 1, "Traceback (most recent call last):\nValueError", {}, "<p>1</p>"),
        ("traceback", -11, "", {}, "<p>1</p>"),
        ("hangs", None, "", {}, "<p>1</p>"),
    ],
)
def test_what_comes_after_a_change_is_judged(fuzz, tmp_path, verdict, code, said, row, page):
    world = fuzz.World(tmp_path)
    world.usual = fuzz.Shown("test accuracy 98.89%", row=ROW, pages={"01_eda.html": "<p>1</p>"})
    world.usual_lines = {"again": {"run it", "test accuracy 98.89%"}}
    shown = json.dumps([ROW | row])
    files.write_file(world.outputs / "index.html", f'<script id="data">{shown}</script>')
    files.write_file(world.run / "reports" / "01_eda.html", page)
    change = fuzz.Change("byte", "model.json", "byte 1 is 1, was 2")
    after = {"model.json": "another"}
    ended = fuzz.Said(code, f"run it\n{said}\n", "in this process")
    assert fuzz.judge(world, change, "again", ended, after, after)[0] == verdict


def test_what_is_outside_a_run_is_watched_and_no_link_is_followed(fuzz, tmp_path):
    world = fuzz.World(tmp_path)
    fill(world.run, 1)
    files.write_file(world.places.outside / "secret.txt", "1")
    (world.places.outside / "link").symlink_to(world.run)
    before = world.other_tree()
    assert set(before) == {"outputs", "outside", "outside/link", "outside/secret.txt"}
    files.write_file(world.run / "run.json", "2")
    assert world.other_tree() == before
    files.write_file(world.places.outside / "secret.txt", "2")
    assert fuzz.differences(before, world.other_tree()) == ["outside/secret.txt"]


def test_a_page_is_the_same_without_the_links_to_its_neighbours(fuzz):
    page = '<nav aria-label="Reports of this run" class="reports">\n<a href="a">a</a>{}\n</nav>\n</header>{}'
    assert fuzz.plain(page.format("", "97.77%")) == fuzz.plain(page.format("<a>b</a>", "97.77%"))
    assert fuzz.plain(page.format("", "97.77%")) != fuzz.plain(page.format("", "99.99%"))
