"""A command line's wishes settled into a Request: what it fills in, what it refuses, and what it leaves alone."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image

import run_all
from helpers import data, errors, files, recipes, runs, training
from helpers.runs import DatasetRecord, Manifest
from pipeline import machine, runner
from pipeline.plan import plan
from pipeline.request import Wishes, kernel_environment, settle
from pipeline.stages import STAGES


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Folders of datasets and of runs of this test alone."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    data.summarise.cache_clear()


def make_images(folder, brightness):
    """Leave a folder of images of two classes, four images each."""
    generator = np.random.default_rng(brightness)
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, brightness, (20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_two_requests_with_two_data_folders_are_planned_in_one_process(tmp_path):
    before = dict(os.environ)
    requests = []
    for name, brightness in (("here", 100), ("there", 200)):
        make_images(tmp_path / name / "shapes", brightness)
        requests.append(settle(Wishes(dataset="shapes", data_dir=str(tmp_path / name), recipe="fast")))
    here, there = requests
    assert here.run != there.run and here.data_dir == tmp_path / "here" and there.data_dir == tmp_path / "there"
    plans = [plan(request) for request in (here, there, here)]
    marks = [decisions[0].inputs["dataset"]["shapes"] for decisions in plans]
    assert marks[0] == marks[2] != marks[1]
    places = [request.environment["MNIST_DATA_DIR"] for request in requests]
    assert places == [str(tmp_path / "here"), str(tmp_path / "there")]
    assert dict(os.environ) == before and not (tmp_path / "outputs").exists()


def test_a_folder_that_changes_during_a_run_stops_it(tmp_path):
    make_images(tmp_path / "here" / "shapes", 100)
    request = settle(Wishes(dataset="shapes", data_dir=str(tmp_path / "here"), recipe="fast"))
    runner.check_dataset(request)
    (tmp_path / "here" / "shapes" / "one" / "0.png").unlink()
    with pytest.raises(errors.DatasetUnavailable, match="dataset shapes: its images have changed while the run"):
        runner.check_dataset(request)


def test_a_request_cannot_be_changed_and_says_what_notebooks_get():
    request = settle(Wishes(dataset="digits", epochs=3, learning_rate=0.01, device="auto", threads=2))
    assert request.parameters == {
        "run": "digits-balanced-3epochs-seed0-2threads",  # 0.01 is the recipe's own rate
        "dataset": "digits",
        "recipe": "balanced",
        "seed": 0,
        "epochs": 3,
        "threads": 2,
    }
    assert request.threads == 2 and request.recipe.epochs == 3 and request.stages == tuple(STAGES.values())
    with pytest.raises(ValueError, match="frozen"):
        request.note = "another"


def test_a_run_of_that_name_fills_in_what_was_not_asked_for():
    parameters = {"run": "mine", "dataset": "digits", "recipe": "fast", "seed": 7, "epochs": 2}
    dataset = DatasetRecord(name="digits", title="", fingerprint="", note="the reason")
    runs.save_manifest(runs.open_run("mine"), Manifest(run="mine", parameters=parameters, dataset=dataset))
    request = settle(Wishes(run="mine", only=("eda",)))
    assert request.parameters == parameters and request.note == "the reason"
    for wishes in (Wishes(run="mine", seed=8), Wishes(run="mine", seed=8, only=("eda",), force=True)):
        with pytest.raises(errors.BadInput, match=r"run mine: holds another run \(seed was 7, is 8"):
            settle(wishes)
    assert settle(Wishes(run="mine", seed=8, force=True)).parameters["seed"] == 8


def test_a_fold_of_a_run_is_kept_until_something_else_says_what_validates():
    parameters = {"run": "mine", "dataset": "digits", "recipe": "dropout-published", "seed": 0, "fold": "2/5"}
    dataset = DatasetRecord(name="digits", title="", fingerprint="")
    runs.save_manifest(runs.open_run("mine"), Manifest(run="mine", parameters=parameters, dataset=dataset))
    request = settle(Wishes(run="mine"))
    assert request.parameters == parameters
    assert request.recipe.fold == "2/5" and request.recipe.validation_size is None
    own = "the recipe's own"
    differs = rf"run mine: holds another run \(fold was 2/5, is not given; validation_size was {own}, is 100\)"
    with pytest.raises(errors.BadInput, match=differs):
        settle(Wishes(run="mine", validation_size=100))
    with pytest.raises(errors.BadInput, match=r"run mine: holds another run \(fold was 2/5, is 3/5\)"):
        settle(Wishes(run="mine", fold="3/5"))
    with pytest.raises(errors.BadInput, match=r"^fold 3/5: says which images validate, and so does `validation_size`"):
        settle(Wishes(run="mine", fold="3/5", validation_size=100))


def test_more_folds_than_the_rarest_class_has_images_are_refused_before_anything_runs(tmp_path):
    folder = tmp_path / "here" / "shapes"
    make_images(folder, 100)  # four images per class, of which one tests
    wishes = {"dataset": "shapes", "data_dir": str(tmp_path / "here"), "recipe": "fast"}
    assert settle(Wishes(**wishes, fold="3/3")).recipe.fold == "3/3"
    rule = "^fold 1/4: K must be at most 3, as many as the rarest class of this dataset has training images$"
    with pytest.raises(errors.BadInput, match=rule):
        settle(Wishes(**wishes, fold="1/4"))
    labels = data.load("shapes", tmp_path / "here")
    assert torch.bincount(labels.labels[~labels.is_test]).min() == 3
    assert not (tmp_path / "outputs").exists()


def test_errors_name_the_field_and_a_command_line_its_flag():
    with pytest.raises(errors.BadInput) as caught:
        settle(Wishes(dataset="digits", validation_size=1430))
    assert str(caught.value).startswith("validation_size 1430: must be from 10 to 1428")
    assert caught.value.text(lambda field: f"<{field}>").startswith("<validation_size> 1430: must be")


def test_kernels_get_an_environment_of_their_own(tmp_path):
    given = {"PYTHONPATH": os.pathsep.join(["/a", "/b"]), "GOMP_SPINCOUNT": "1", "OTHER": "kept"}
    environment = kernel_environment(given, tmp_path / "data", tmp_path / "outputs")
    assert environment["MNIST_OUTPUTS_DIR"] == str(tmp_path / "outputs") and environment["OTHER"] == "kept"
    assert environment["GOMP_SPINCOUNT"] == "1" and environment["PYTHONPATH"].split(os.pathsep)[1:] == ["/a", "/b"]
    assert given["PYTHONPATH"] == os.pathsep.join(["/a", "/b"]) and "MNIST_OUTPUTS_DIR" not in given


def test_a_wish_that_is_none_is_refused():
    with pytest.raises(ValueError, match="sead"):
        Wishes(sead=3)
    with pytest.raises(errors.BadInput, match="only trainin: not known; choose one of walkthrough"):
        settle(Wishes(only=("trainin",)))


def stack_of(frame):
    """Return the functions of this project that are at work, outermost first."""
    names = []
    while frame is not None:
        place = Path(frame.f_code.co_filename)
        if place.is_relative_to(ROOT) and not place.is_relative_to(ROOT / "tests") and ".venv" not in place.parts:
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return [name for name in reversed(names) if name.isidentifier()]


@pytest.mark.whole  # prepares a kernel
def test_the_number_of_epochs_passes_through_ten_functions_at_most(monkeypatch):
    """From the command line to the loop: those that settle it, those that hand it to the notebook, those that train."""
    route = []

    def mark(module, name):
        real = getattr(module, name)

        def marked(*arguments, **options):
            route.extend([*stack_of(sys._getframe().f_back), name])
            if name == "execute":
                raise KeyboardInterrupt(f"{arguments[1]['epochs']} epochs")
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, marked)

    for module, name in ((recipes, "choose"), (runner, "execute"), (training, "fit")):
        mark(module, name)
    with pytest.raises(KeyboardInterrupt, match="7 epochs"):
        run_all.main(run_all.parse(["--dataset", "digits", "--epochs", "7", "--recipe", "fast", "--only", "training"]))
    recipe = recipes.choose("fast", epochs=1)  # as the notebook chooses it
    training.train(data.load("digits"), recipe)
    passed = list(dict.fromkeys(route))
    assert passed == listed_route() and len(passed) <= 10


def test_no_other_function_hands_the_number_of_epochs_on():
    """A Request holds it as it was settled: what reads it elsewhere compares or shows it."""
    request = settle(Wishes(dataset="digits", epochs=7))
    holders = {name for name, value in request if value == 7 or (isinstance(value, dict) and 7 in value.values())}
    assert holders == {"parameters"} and request.recipe.epochs == 7


def listed_route():
    """Return the functions that CONTRIBUTING.md names on the way of `--epochs`."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("### A flag\n")[1].split("\n### ")[0]
    return re.findall(r"^\d+\. `(?:\w+\.)*(\w+)`", section, re.MULTILINE)


CORES = machine.cores()


@pytest.mark.parametrize("said, threads", [("1,2", 1), ("4096", CORES), ("abc", CORES), ("", CORES), ("0", CORES)])
def test_threads_are_what_the_environment_says_where_that_is_a_number(said, threads):
    assert machine.threads(None, {"OMP_NUM_THREADS": said}) == threads
    assert machine.threads(3, {"OMP_NUM_THREADS": said}) == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_threads_are_one_for_each_core_that_a_process_may_run_on():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert machine.threads(None, {}) == machine.threads(None, {"OMP_NUM_THREADS": "0"}) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_files_get_the_permissions_that_the_user_gives_new_files(tmp_path):
    before = os.umask(0o077)
    try:
        path = files.write_file(tmp_path / "it", "text")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text() == "text"
    assert [other.name for other in tmp_path.glob(".it*")] == []
