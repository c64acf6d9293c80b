"""Several values of a flag: the grid that they make, what is refused, what a person sees, how long it may take."""

import itertools
import os

import pytest
from conftest import ROOT

from helpers import data, errors, runs
from pipeline import grids, plan, request
from pipeline.request import Wishes
from pipeline.stages import STAGES

DIGITS = Wishes(dataset="digits", recipe="fast")


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Folders of datasets and of runs of this test alone."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    data.summarise.cache_clear()


def in_flags(error):
    """Return an error as the command line says it."""
    return error.text(lambda field: f"--{field.replace('_', '-')}")


def test_each_point_is_the_run_that_the_single_command_makes(tmp_path):
    several = {"seed": [1, 0], "recipe": ["fast", "balanced"], "epochs": [2, 3], "validation_size": [100, 50]}
    wishes = Wishes(dataset="digits", threads=1, only=("training",))
    grid = grids.settle(wishes, several)
    assert grid.axes == ("recipe", "epochs", "validation_size", "seed") and grid.outputs == tmp_path / "outputs"
    asked = itertools.product(*(several[axis] for axis in grid.axes))  # seeds innermost
    for point, values in zip(grid.points, asked, strict=True):
        alone = request.settle(wishes.model_copy(update=dict(zip(grid.axes, values, strict=True))))
        assert point.request == alone and point.run == alone.run and point.seed == values[-1] and point.fold is None
        assert point.settings == {
            "dataset": "digits",
            "recipe": values[0],
            "epochs": values[1],
            "batch_size": 256 if values[0] == "fast" else 128,
            "learning_rate": 0.01,
            "validation_size": values[2],
        }
    assert not (tmp_path / "outputs").exists()


def test_points_share_what_is_the_same_for_all():
    grid = grids.settle(DIGITS, {"seed": range(3)})
    assert len({id(point.request.environment) for point in grid.points}) == 1


def test_a_dataset_is_looked_at_once(monkeypatch):
    asked = []
    resolve = data.resolve
    monkeypatch.setattr(
        data, "resolve", lambda *arguments, **options: asked.append(1) or resolve(*arguments, **options)
    )
    assert len(grids.settle(DIGITS, {"seed": range(50), "epochs": [1, 2]}).points) == 100
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("several", "line"),
    [
        ({"seed": [0, 0]}, "--seed 0: given twice; leave one out"),
        ({"learning_rate": [0.01, 0.02, 1e-2]}, "--learning-rate 0.01: given twice; leave one out"),
        ({"seed": []}, "--seed: no value, so there is nothing to run"),
        ({"seed": range(10_001)}, "a grid has at most 10,000 points, and this one has 10,001: 10,001 of --seed"),
        ({"seed": range(101), "epochs": range(1, 101)}, "a grid has at most 10,000 points, and this one has 10,100: "),
        ({"threads": [1, 2]}, "--threads: takes a single value"),
        (
            {"dataset": ["auto", "digits"]},
            "--dataset digits: the same run as with --dataset auto, digits-fast-1epochs-",
        ),
        ({"validation_size": [100, 5000]}, "--validation-size 5000: must be from 10 to 1428 for this dataset"),
        (
            {"validation_size": [5000, 6000], "seed": [3, 4]},
            "--validation-size 5000: must be from 10 to 1428 for this dataset (at --seed 3)",
        ),
    ],
)
def test_bad_input_is_one_line_before_anything_is_settled(monkeypatch, several, line):
    if "validation_size" not in several and "dataset" not in several:
        monkeypatch.setattr(grids, "settle_run", None)
    with pytest.raises(errors.BadInput) as caught:
        grids.settle(DIGITS.model_copy(update={"dry_run": True}), several)
    assert in_flags(caught.value).startswith(line) and "\n" not in in_flags(caught.value)


def test_ten_thousand_points_are_settled():
    grid = grids.settle(DIGITS, {"seed": range(10_000)})
    assert len(grid.points) == len({point.run for point in grid.points}) == grids.MOST
    assert grid.name == "digits-fast-1epochs-seed0-9999"


@pytest.mark.parametrize(
    ("several", "name"),
    [
        ({"seed": [5, 1, 0, 2, 4, 3]}, "digits-fast-1epochs-seed0-5"),
        ({"seed": [0, 1]}, "digits-fast-1epochs-seed0_1"),
        ({"seed": [0, 5]}, "digits-fast-1epochs-seed0_5"),
        ({"seed": [7, 0, 1, 2, 9]}, "digits-fast-1epochs-seed0-2_7_9"),
        ({"recipe": ["fast", "balanced"]}, "digits-balanced_fast-seed0"),  # their epochs differ
        ({"recipe": ["fast", "balanced"], "epochs": [1, 10]}, "digits-balanced_fast-1_10epochs-seed0"),
        ({"recipe": ["best", "balanced"]}, "digits-balanced_best-10epochs-seed0"),
        ({"learning_rate": [0.01, 0.003]}, "digits-fast-1epochs-seed0-lr0.003_0.01"),
        ({"batch_size": [64, 256], "seed": [1, 2]}, "digits-fast-1epochs-seed1_2-batch64_256"),
    ],
)
def test_the_name_of_a_grid_says_what_it_is(several, name):
    grid = grids.settle(DIGITS, several)
    assert grid.name == name and grid.folder == grid.outputs / "grids" / name
    backwards = {axis: list(reversed(values)) for axis, values in several.items()}
    assert grids.settle(DIGITS, backwards).name == name


def test_a_long_name_is_cut_and_stays_its_own():
    odd, even = range(1, 99, 2), range(0, 98, 2)
    names = {grids.settle(DIGITS, {"seed": [100, *seeds]}).name for seeds in (odd, even, odd[:-1])}
    assert len(names) == 3 and all(len(name) < 100 and runs.NAME_RULE.fullmatch(name) for name in names)


def test_a_name_that_is_given_is_that_of_the_grid_and_not_of_its_runs():
    wishes = DIGITS.model_copy(update={"run": "mine"})
    grid = grids.settle(wishes, {"seed": [0, 1]}, name="mine")
    assert grid.name == "mine" and [point.run for point in grid.points] == [
        "digits-fast-1epochs-seed0",
        "digits-fast-1epochs-seed1",
    ]
    with pytest.raises(errors.BadInput, match=r"run '\.\./x': use 1 to 120 letters"):
        grids.settle(DIGITS, {"seed": [0, 1]}, name="../x")


def test_a_single_run_is_a_grid_of_one_and_may_have_a_name():
    grid = grids.settle(DIGITS.model_copy(update={"run": "mine"}), {"seed": [3]})
    assert grid.axes == () and grid.name == "mine" and [point.run for point in grid.points] == ["mine"]
    assert grid.points[0].seed == 3 and grid.label(grid.points[0]) == "mine"
    assert grids.settle(DIGITS, {}).name == "digits-fast-1epochs-seed0"


def test_a_label_tells_points_apart():
    grid = grids.settle(DIGITS, {"seed": [0, 1], "epochs": [1, 2], "learning_rate": [0.01, 0.003]})
    labels = [grid.label(point) for point in grid.points]
    assert labels[0] == "epochs 1, learning rate 0.01, seed 0" and len(set(labels)) == 8


def test_no_run_is_called_as_the_folder_of_grids():
    for name in ("grids", "Grids"):
        with pytest.raises(errors.BadInput, match=f"run {name}: the folder of what is said of grids"):
            runs.run_folder(name)


def test_plans_name_the_point_that_has_none():
    grid = grids.settle(DIGITS.model_copy(update={"only": ("results",)}), {"seed": [4, 5]})
    with pytest.raises(errors.BadInput) as caught:
        grids.plans_of(grid)
    assert in_flags(caught.value).startswith("--only results: needs training") and "(at --seed 4)" in str(
        in_flags(caught.value)
    )


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A notebook and helpers that may be changed, and a function that counts what is asked of them."""
    helpers = tmp_path / "helpers"
    helpers.mkdir()
    for name in ("__init__.py", "errors.py", "files.py"):
        (helpers / name).write_text((ROOT / "helpers" / name).read_text())
    monkeypatch.setattr(plan, "HELPERS", helpers)
    return helpers


def test_code_is_read_once_and_read_again_when_it_has_changed(copied, monkeypatch):
    asked = []

    @plan.kept(lambda stage: plan.notebook_and_helpers(stage)[1:])
    def names(stage):
        asked.append(stage.name)
        return [path.name for path in sorted(copied.iterdir())]

    eda = STAGES["eda"]
    assert names(eda) == names(eda) and len(asked) == 2  # the files are new: they may change within a tick of the clock
    monkeypatch.setattr(plan, "LATELY", 0)
    assert names(eda) == names(eda) and len(asked) == 3
    times = os.stat(copied / "files.py")
    text = (copied / "files.py").read_text()
    (copied / "files.py").write_text(text.replace("import ast", "import abc", 1))  # as long as before
    os.utime(copied / "files.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    names(eda)
    assert len(asked) == 4
    (copied / "more.py").write_text("")
    assert "more.py" in names(eda) and len(asked) == 5
    (copied / "more.py").unlink()
    assert "more.py" not in names(eda)


def test_a_changed_notebook_is_planned_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "LATELY", 0)
    source = tmp_path / "01_eda.ipynb"
    source.write_text((ROOT / "notebooks" / "01_eda.ipynb").read_text())
    monkeypatch.setattr(type(STAGES["eda"]), "source", source)
    before = plan.cells_digest(STAGES["eda"])
    assert plan.cells_digest(STAGES["eda"]) == before and "seed" in plan.declared_parameters(STAGES["eda"])
    source.write_text(source.read_text().replace("seed", "sead"))
    assert plan.cells_digest(STAGES["eda"]) != before and "sead" in plan.declared_parameters(STAGES["eda"])
