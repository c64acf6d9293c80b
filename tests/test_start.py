"""`--start-from`: a training that begins with the weights of another run."""

import re
import shutil

import numpy as np
import pytest
from conftest import Project

from helpers import data, files


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with a trained run `first`, `second`, which started from it, and `fold`, of a fold."""
    found = Project(tmp_path_factory.mktemp("start"), real_notebooks=True)
    others = (("--run", "second", "--start-from", "first"), ("--run", "fold", "--fold", "2/5"))
    for arguments in (("--run", "first"), *others):
        code, out, error = found.run("--recipe", "fast", "--only", "training", *arguments)
        assert code == 0, out + error
    return found


@pytest.fixture
def copied(project, tmp_path):
    """A copy of the project with its runs."""
    return project.copy_to(tmp_path / "copy")


def test_a_run_says_what_it_started_from(project):
    first, second = (files.read_json(project.outputs / run / "model.json") for run in ("first", "second"))
    assert second["start"] == {name: first[name] for name in ("weights_sha256", "dataset", "fingerprint", "seed")}
    assert second["parameters"] == first["parameters"]
    page = (project.outputs / "second" / "reports" / "03_training.html").read_text()
    assert re.search(r"<th[^>]*>first weights</th>\s*<td[^>]*>first</td>", page) and "random numbers" not in page
    code, out, _ = project.run("--dry-run", "--recipe", "fast", "--start-from", "first")
    assert code == 0 and out.startswith("run digits-fast-1epochs-seed0-from-first\n")


def test_a_run_of_a_fold_validates_on_its_images_and_may_start_another_of_the_same(project):
    folder = project.outputs / "fold"
    with np.load(folder / "validation.npz") as arrays:
        labels = arrays["labels"].tolist()
    validation = data.split(data.load("digits"), fold="2/5")["validation"]
    assert len(labels) == 288 and labels == validation.labels.tolist()
    assert files.read_json(folder / "model.json")["recipe"]["fold"] == "2/5"
    page = (folder / "reports" / "03_training.html").read_text()
    assert re.search(r"<th[^>]*>validation images</th>\s*<td[^>]*>288</td>", page) and ">fold=2/5</td>" in page
    code, out, error = project.run("--dry-run", "--recipe", "fast", "--fold", "2/5", "--start-from", "fold")
    assert code == 0 and out.startswith("run digits-fast-1epochs-seed0-fold2of5-from-fold\n"), error


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--start-from", "auto"), "--start-from auto: no such run, or its model is not there"),
        (("--start-from", "../first"), "--start-from '../first': use 1 to 120 letters"),
        (("--start-from", "first", "--recipe", "balanced"), "--start-from first: its network is small, and that of"),
        (("--start-from", "first", "--seed", "1"), "--start-from first: it has learnt from some of the same images"),
        (("--start-from", "first", "--fold", "1/2"), "--start-from first: it has learnt from some of the same images"),
        (("--start-from", "fold"), "--start-from fold: it has learnt from some of the same images"),
        (("--start-from", "fold", "--fold", "1/5"), "--start-from fold: it has learnt from some of the same images"),
        (("--start-from", "first", "--run", "first"), "--start-from first: the run itself; name another run"),
    ],
)
def test_what_nothing_can_start_from_is_one_line_and_makes_nothing(project, arguments, told):
    before = sorted(project.outputs.iterdir())
    recipe = () if "--recipe" in arguments else ("--recipe", "fast")
    code, _, error = project.run(*recipe, *arguments)
    assert code == 2 and error.startswith(f"error: {told}") and error.count("\n") == 1, error
    assert sorted(project.outputs.iterdir()) == before


def test_a_damaged_start_is_refused_before_anything_runs(copied):
    weights = copied.outputs / "first" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    code, _, error = copied.run("--recipe", "fast", "--start-from", "first", "--run", "third")
    assert code == 2 and "its model is not there as its training left it" in error
    assert not (copied.outputs / "third").exists()


def test_a_start_that_is_gone_is_no_loss_to_the_run_that_began_with_it(copied):
    shutil.rmtree(copied.outputs / "first")
    code, out, error = copied.run("--run", "second", "--dry-run", "--only", "training", dataset=None)
    assert code == 0 and "training     up to date" in out, out + error


def test_a_start_that_was_trained_anew_trains_anew_what_began_with_it(copied):
    shutil.rmtree(copied.outputs / "first")
    code, out, error = copied.run("--recipe", "fast", "--run", "first", "--epochs", "2", "--only", "training")
    assert code == 0, out + error
    code, out, error = copied.run("--run", "second", "--dry-run", "--only", "training", dataset=None)
    assert code == 0 and "input changed: start_from" in out, out + error
