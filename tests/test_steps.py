"""The steps from a published network to our training: what each changes, that they resume, and how seeds average."""

import json
import subprocess
import sys
from dataclasses import replace

import baselines as baselines_benchmark
import numpy as np
import origin
import pytest
import steps
from conftest import ROOT
from test_comparison import FACTS

from helpers import data, errors, recipes, scores, training

NETWORKS = recipes.MNISTS_ALONE


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """Let the benchmark train on some of the embedded digits, into a folder of its own."""
    whole = data.load("digits")
    few = replace(whole, images=whole.images[:300], labels=whole.labels[:300], is_test=whole.is_test[:300])
    monkeypatch.setattr(data, "load", lambda name: few)
    monkeypatch.setattr(steps, "HELD_OUT", 60)
    monkeypatch.setattr(steps, "RESULTS", tmp_path / "published_steps.json")
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    steps.images.cache_clear()
    yield tmp_path
    steps.images.cache_clear()


@pytest.mark.parametrize("network", NETWORKS)
def test_each_step_changes_what_its_name_says_and_the_last_ones_are_recipes(network):
    published = replace(recipes.RECIPES[f"{network}-published"], validation_size=10_000)
    tuned = replace(recipes.RECIPES[f"{network}-tuned"], validation_size=10_000)
    assert training.values_of(steps.recipe_of(network, 1)) == training.values_of(published)
    assert training.values_of(steps.recipe_of(network, 3)) == training.values_of(tuned)
    plain = steps.recipe_of(network, 0)
    assert (plain.schedule, plain.label_smoothing, plain.weight_decay, plain.epochs) == ("constant", 0, 0, 10)
    assert plain.learning_rate == {"adamw": 1e-3, "sgd": 1e-2}[plain.optimizer] and plain.batch_size == 64
    assert set(steps.changes(network, 1)) == {"schedule", "learning_rate"}
    assert set(steps.changes(network, 2)) == {"rotation", "zoom", "shear", "shift"}
    assert not set(steps.changes(network, 3)) & set(recipes.AUGMENTATION) and steps.changes(network, 0) == {}


def test_it_trains_keeps_goes_on_and_averages(small_world, monkeypatch):
    tasks = steps.missing(["narrow"], [3, 4], [0, 1], 1)
    assert tasks == [("narrow", 3, 0, 1), ("narrow", 3, 1, 1)]
    steps.keep(steps.trained(tasks[:1], 1, 1, FACTS))
    assert steps.missing(["narrow"], [3, 4], [0, 1], 1) == tasks[1:]
    assert list(steps.averages(["narrow"], [0, 1], 1, FACTS)) == []  # one is not there yet
    steps.keep(steps.trained(tasks[1:], 1, 1, FACTS))
    steps.keep(steps.averages(["narrow"], [0, 1], 1, FACTS))
    rows = json.loads(steps.RESULTS.read_text())["rows"]
    assert [(row["step"], row.get("seed"), row.get("seeds")) for row in rows] == [
        (3, 0, None),
        (3, 1, None),
        (4, None, [0, 1]),
    ]
    for row in rows:
        assert row["digest"] == scores.digest_of(row) and row["validation_images"] == 60
        assert len(row["wrong"]) == round(60 * (1 - row["validation_accuracy"])) and row["commit"] == FACTS["commit"]
    labels = steps.images()[1]["validation"].labels.numpy()
    said = [np.load(steps.probabilities_file("narrow", seed))["probabilities"] for seed in (0, 1)]
    assert rows[2]["wrong"] == np.flatnonzero((said[0] + said[1]).argmax(axis=1) != labels).tolist()
    assert steps.missing(["narrow"], [3], [0, 1], 1, "later") == tasks  # of another commit
    assert list(steps.averages(["narrow"], [0, 1], 1, FACTS, "later")) == []
    monkeypatch.setattr(training, "fit", None)  # a second time nothing is trained
    assert steps.missing(["narrow"], [3, 4], [0, 1], 1) == steps.missing(["narrow"], [3], [0, 1], 1, "c") == []
    assert list(steps.averages(["narrow"], [0, 1], 1, FACTS)) == []


def test_an_average_of_what_was_not_kept_is_refused(small_world):
    steps.keep(steps.trained([("narrow", 3, seed, 1) for seed in (0, 1)], 1, 1, FACTS))
    steps.probabilities_file("narrow", 1).unlink()
    with pytest.raises(errors.BadInput, match=r"narrow, seed 1, said of the held-out images is not in the outputs"):
        list(steps.averages(["narrow"], [0, 1], 1, FACTS))


def test_no_held_out_image_is_a_test_image_or_trains(small_world):
    source, splits = steps.images()
    held_out = {image.numpy().tobytes() for image in splits["validation"].images}
    assert not held_out & {image.numpy().tobytes() for image in source.images[source.is_test]}
    assert not held_out & {image.numpy().tobytes() for image in splits["train"].images}


def test_a_step_that_is_none_is_refused():
    command = [sys.executable, ROOT / "benchmarks" / "steps.py", "--steps", "7"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "invalid choice: 7" in result.stderr


def test_simple_classifiers_are_scored_on_test_images_with_their_places(small_world):
    source = data.load("mnist")
    row = baselines_benchmark.score(source, FACTS)
    assert list(row["accuracy"]) == ["majority class", "nearest mean image", "nearest neighbour", "softmax regression"]
    assert row["test_images"] == int(source.is_test.sum()) and row["commit"] == FACTS["commit"]
    for name, share in row["accuracy"].items():
        assert len(row["wrong"][name]) == round((1 - share) * row["test_images"])
    assert row["accuracy"]["majority class"] < 0.3 < row["accuracy"]["nearest neighbour"]


def test_simple_classifiers_are_scored_once_a_commit(small_world, monkeypatch, capsys):
    monkeypatch.setattr(baselines_benchmark, "RESULTS", small_world / "baselines.json")
    monkeypatch.setattr("sys.argv", ["baselines.py"])
    for commit, count in (("a", 1), ("a", 1), ("b", 2)):
        monkeypatch.setattr(origin, "facts", lambda commit=commit: FACTS | {"commit": commit})
        baselines_benchmark.main()
        rows = json.loads((small_world / "baselines.json").read_text())["rows"]
        assert len(rows) == count and rows[-1]["commit"] == commit
    assert "they stand there already, from today's commit" in capsys.readouterr().out
