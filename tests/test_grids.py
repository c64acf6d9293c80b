"""Several values of a flag: the grid that they make, what is refused, what a person sees, how long it may take."""

import importlib.util
import io
import itertools
import json
import os
import re
import sys
from types import ModuleType

import pytest
from conftest import ROOT

import run_all
from helpers import data, errors, files, runs
from helpers.runs import DatasetRecord, Manifest, StageRecord
from pipeline import board, grids, job, machine, plan, request
from pipeline.board import Board
from pipeline.dispatch import Pages
from pipeline.execute import StageFailed
from pipeline.grids import Outcome
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
        ({"seed": range(10_001)}, "a grid has at most 10,000 runs, and this one has 10,001: 10,001 of --seed"),
        ({"seed": range(101), "epochs": range(1, 101)}, "a grid has at most 10,000 runs, and this one has 10,100: "),
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


def test_a_grid_of_as_many_points_as_are_allowed_is_settled(monkeypatch):
    monkeypatch.setattr(grids, "MOST", 60)
    grid = grids.settle(DIGITS, {"seed": range(20), "epochs": [1, 2, 3]})
    assert len(grid.points) == len({point.run for point in grid.points}) == 60
    with pytest.raises(errors.BadInput, match="at most 60 runs, and this one has 61"):
        grids.settle(DIGITS, {"seed": range(61)})


@pytest.mark.parametrize(
    ("several", "name"),
    [
        ({"seed": [5, 1, 0, 2, 4, 3]}, "digits-fast-1epochs-seed0-5"),
        ({"seed": [0, 1]}, "digits-fast-1epochs-seed0_1"),
        ({"seed": [0, 5]}, "digits-fast-1epochs-seed0_5"),
        ({"seed": [7, 0, 1, 2, 9]}, "digits-fast-1epochs-seed0-2_7_9"),
        ({"recipe": ["fast", "balanced"]}, "digits-balanced_fast-seed0"),  # their epochs differ
        ({"recipe": ["fast", "balanced"], "epochs": [1, 10]}, "digits-balanced_fast-1_10epochs-seed0"),
        ({"recipe": ["pictures", "balanced"]}, "digits-balanced_pictures-10epochs-seed0"),
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


def test_folds_are_an_axis_that_repeats_a_setting():
    grid = grids.settle(DIGITS, {"fold": ["1/3", "2/3", "3/3"], "seed": [4, 5]})
    assert grid.axes == ("seed", "fold") and grid.name == "digits-fast-1epochs-seed4_5-3folds"
    places = [(point.seed, point.fold) for point in grid.points]
    assert places == [(seed, f"{number}/3") for seed in (4, 5) for number in (1, 2, 3)]
    assert all(point.settings == grid.points[0].settings for point in grid.points)
    assert "fold" not in grid.points[0].settings and grid.label(grid.points[4]) == "seed 5, fold 2/3"
    for point in grid.points:
        alone = request.settle(DIGITS.model_copy(update={"seed": point.seed, "fold": point.fold}))
        assert point.request == alone


def test_a_single_fold_is_in_the_name_of_a_grid():
    grid = grids.settle(DIGITS.model_copy(update={"fold": "2/5"}), {"seed": [0, 1]})
    assert grid.name == "digits-fast-1epochs-seed0_1-fold2of5" and [point.fold for point in grid.points] == ["2/5"] * 2


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


def leave_grid(grid):
    """Leave the grid.json of a grid, as its page does."""
    rows = [{"run": point.run} | {axis: point.value_of(axis) for axis in grid.axes} for point in grid.points]
    files.write_json(grid.folder / "grid.json", {"axes": list(grid.axes), "points": rows})


def test_a_run_is_not_called_as_a_grid_that_is_there():
    leave_grid(grids.settle(DIGITS, {"recipe": ["fast", "balanced"], "seed": range(6)}, name="mine"))
    mine = DIGITS.model_copy(update={"run": "mine"})
    for wishes in (mine, mine.model_copy(update={"only": ("results",)})):
        with pytest.raises(errors.BadInput) as caught:
            request.settle(wishes)
        rule = "is a grid of 12 runs (recipe fast, balanced; seed 0, 1, 2, 3 and 2 more), and this command asks for one"
        assert in_flags(caught.value) == f"--run mine: {rule}; repeat the command of the grid, or choose another name"
    alone = DIGITS.model_copy(update={"run": "alone"})
    leave_grid(grids.settle(alone, {}))  # a grid of one, as of a scheduler, and its run share a name
    assert request.settle(alone).run == "alone"


def test_a_grid_may_grow_and_takes_no_other_grids_place():
    leave_grid(grids.settle(DIGITS, {"seed": [0, 1, 2]}, name="mine"))
    assert len(grids.settle(DIGITS, {"seed": [2, 1, 0, 3]}, name="mine").points) == 4
    for several in ({"seed": [0, 1, 3]}, {"recipe": ["fast", "balanced"]}):
        with pytest.raises(errors.BadInput, match=r"holds another grid \(seed 0, 1, 2\): . of its 3 runs are not in"):
            grids.settle(DIGITS, several, name="mine")
        assert grids.settle(DIGITS.model_copy(update={"force": True}), several, name="mine").name == "mine"
    leave_grid(grids.settle(DIGITS, {}, name="alone"))
    (runs.outputs_folder() / "grids" / "alone" / "grid.json").write_text("[]")
    assert grids.settle(DIGITS, {"seed": [0, 1]}, name="alone").name == "alone"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--seed", "0-2"], "--seed 0-2: put spaces between the values, as in 0 1 2"),
        (["--seed", "4,5,6,7"], "--seed 4,5,6,7: put spaces between the values, as in 4 5 6"),
        (["--learning-rate", "0.01,1e-3"], "--learning-rate 0.01,1e-3: put spaces between the values, as in 0.01 1e-3"),
        (["--recipe", "fast,best"], "--recipe fast,best: put spaces between the values, as in fast best"),
        (["--seed", "a-b"], "--seed a-b: must be a whole number"),
        (["--seed", "1,x"], "--seed x: must be a whole number"),
        (["--fold", "1/4", "2/4"], "--fold 1/4 2/4: takes a single value; --folds 4 makes a run of each of the 4"),
        (
            ["--folds", "4", "--validation-size", "100"],
            "--folds 4: says which images validate, and so does --validation-size; leave one of them out",
        ),
    ],
)
def test_several_values_that_are_written_otherwise_are_told_how(arguments, line):
    with pytest.raises(errors.BadInput) as caught:
        run_all.wishes_of(run_all.parse(arguments))
    assert in_flags(caught.value) == line


def test_a_single_fold_is_a_single_value():
    assert run_all.wishes_of(run_all.parse(["--fold", "2/4"]))[0].fold == "2/4"


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


def leave_run(point, seconds, state="done"):
    """Leave a run in the outputs folder whose training and results took so long, and are not up to date."""
    summary = point.request.summarise()
    dataset = DatasetRecord(name="digits", title=summary.title, fingerprint=summary.fingerprint)
    record = {"state": state, "started": "2026", "threads_expected": point.request.threads}
    stages = {name: StageRecord(**record, seconds=value) for name, value in seconds.items()}
    manifest = Manifest(run=point.run, parameters=point.request.parameters, dataset=dataset, stages=stages)
    runs.save_manifest(runs.open_run(point.run), manifest)


def test_an_estimate_is_the_median_of_runs_like_these():
    wishes = DIGITS.model_copy(update={"only": ("training", "results")})
    grid = grids.settle(wishes, {"seed": [0, 1, 2, 3]})
    assert grids.estimate(grid, 1) is None
    for point, seconds in zip(grid.points, (10.0, 30.0, 11.0), strict=False):
        leave_run(point, {"training": seconds, "results": 4.0, "eda": 100.0})
    assert grids.estimate(grid, 1).seconds == pytest.approx(4 * (11 + 4))
    assert grids.estimate(grid, 2).seconds == pytest.approx(2 * (11 + 4))
    assert grids.estimate(grid, 400).seconds == pytest.approx(11 + 4)  # no shorter than the longest
    for others in ({"epochs": 3}, {"recipe": "balanced"}, {"threads": grid.points[0].request.threads + 1}):
        assert grids.estimate(grids.settle(wishes.model_copy(update=others), {"seed": [0, 1]}), 1) is None
    part = grids.settle(wishes, {"recipe": ["fast", "balanced"]})
    assert grids.estimate(part, 1) == (pytest.approx(15), {"training": 1, "results": 1})  # nothing is known of a half


def test_a_stage_that_failed_tells_no_time():
    grid = grids.settle(DIGITS.model_copy(update={"only": ("eda",)}), {"seed": [0, 1]})
    leave_run(grid.points[0], {"eda": 1.0}, state="failed")
    (grid.outputs / "broken").mkdir()
    (grid.outputs / "broken" / "run.json").write_text("{")
    assert grids.estimate(grid, 1) is None


@pytest.fixture
def engine(monkeypatch):
    """Stand in for what runs a grid and makes its page: {run: exit code}, and the grids that were handed over."""
    given = []
    codes = {}

    def run_grid(grid, jobs, scheduler, board, write):
        given.append((grid, jobs, scheduler))
        outcomes = {}
        for point in grid.points:
            outcomes[point.run] = Outcome(codes.get(point.run, 0), "the loss is nan" if point.run in codes else "")
            board.started(point)
            board.finished(point, outcomes[point.run], 1.5)
        return outcomes

    for name, function in {
        "dispatch.run_grid": run_grid,
        "grid_page.write": lambda grid: grid.folder / "grid.html",
    }.items():
        module = ModuleType(f"pipeline.{name.split('.')[0]}")
        setattr(module, name.split(".")[1], function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(machine, "cores", lambda: 4)
    return given, codes


def command(*arguments):
    """Do what a command line on the embedded digits asks; return the exit code."""
    return run_all.main(run_all.parse(["--dataset", "digits", "--recipe", "fast", *arguments]))


def test_several_values_are_handed_over_as_a_grid(engine, capsys, tmp_path):
    assert command("--seed", "0", "1", "2", "--threads", "1") == 0
    ((grid, jobs, scheduler),) = engine[0]
    assert [point.seed for point in grid.points] == [0, 1, 2] and jobs == 3 and scheduler is None
    out = capsys.readouterr().out
    assert out.startswith("grid digits-fast-1epochs-seed0-2-1threads: 3 runs, 3 at a time\n")
    assert f"s; the grid: {tmp_path / 'outputs' / 'grids' / grid.name / 'grid.html'}\n" in out and "note" not in out


def test_folds_are_handed_over_as_a_grid(engine, capsys):
    assert command("--folds", "3", "--threads", "1") == 0
    assert [point.fold for point in engine[0][0][0].points] == ["1/3", "2/3", "3/3"]
    with pytest.raises(errors.BadInput, match="fold: one of those that `folds` asks for"):
        command("--folds", "3", "--fold", "1/3")


def test_the_failed_are_named_and_the_exit_code_is_1(engine, capsys):
    engine[1]["digits-fast-1epochs-seed1"] = 4
    assert command("--seed", "0", "1", "2") == 1
    out, error = capsys.readouterr()
    assert error == "error: digits-fast-1epochs-seed1: the loss is nan\n" and "1 of 3 runs failed; " in out


def test_where_nothing_could_begin_no_page_over_the_grid_is_made(engine, capsys, monkeypatch, tmp_path):
    def refuse(*_):
        raise errors.BadInput("no Dask scheduler answers there", field="scheduler", value="tcp://there:8786")

    monkeypatch.setattr(sys.modules["pipeline.dispatch"], "run_grid", refuse)
    made_before = tmp_path / "outputs" / "digits-fast-1epochs-seed0" / "run.json"
    made_before.parent.mkdir(parents=True)
    made_before.touch()
    with pytest.raises(errors.BadInput, match="no Dask scheduler"):
        command("--seed", "0", "1", "--scheduler", "tcp://there:8786", "--force")
    assert "the grid as far as it is" not in capsys.readouterr().out


def test_a_single_point_is_a_run_unless_a_scheduler_is_named(engine, capsys, monkeypatch):
    made = []
    monkeypatch.setattr(run_all, "run", lambda request, screen: made.append(request.run) or request.folder)
    assert command("--seed", "3", "--jobs", "2") == 0
    assert made == ["digits-fast-1epochs-seed3"] and not engine[0]
    assert "note: this is one run; --jobs is for several" in capsys.readouterr().out
    assert command("--seed", "3", "--run", "mine", "--scheduler", "tcp://there:8786") == 0
    ((grid, _, scheduler),) = engine[0]
    assert [point.run for point in grid.points] == ["mine"] and scheduler == "tcp://there:8786" and len(made) == 1
    assert capsys.readouterr().out.startswith("grid mine: 1 run, for the scheduler at tcp://there:8786\n")


@pytest.mark.parametrize(
    ("arguments", "jobs", "note"),
    [
        ((), 1, "note: a run takes all 4 cores, so they run one after the other; --threads 1 runs 3 side by side"),
        (("--threads", "3"), 1, "note: a run takes 3 of 4 cores, so they run one after the other; --threads 1 runs 3"),
        (("--threads", "2"), 2, ""),
        (("--jobs", "1"), 1, ""),
        (("--jobs", "3", "--threads", "2"), 3, "note: 3 runs at a time with threads 2 want 6 cores, and there are 4"),
        (("--jobs", "9", "--threads", "1"), 3, ""),
        (("--jobs", "9", "--scheduler", "tcp://h:1"), 3, "note: --jobs is for this machine"),
    ],
)
def test_how_many_run_at_a_time_is_told_where_it_does_not_suit_the_machine(
    engine, capsys, monkeypatch, arguments, jobs, note
):
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert command("--seed", "0", "1", "2", *arguments) == 0
    assert engine[0][0][1] == jobs
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note")]
    assert len(notes) == bool(note) and all(line.startswith(note) for line in notes)


def test_without_distributed_one_line_says_what_to_install(engine, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.BadInput, match=r"need the package distributed.*; `pip install -e \"\.\[grid\]\"`"):
        command("--seed", "0", "1")
    assert not engine[0]
    assert command("--seed", "0", "1", "--dry-run") == 0


def test_a_dry_run_shows_each_run_of_a_grid_or_counts_them(engine, capsys):
    assert command("--seed", "0", "1", "--only", "training", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        "  digits-fast-1epochs-seed0  would run: training (has not run yet)" in lines
        and "0 of 2 runs up to date" in lines
    )
    assert lines[-1] == "how long it will take cannot be told: no runs like these lie here"
    for point in grids.settle(DIGITS, {"seed": [7, 8]}).points:
        leave_run(point, {"training": 60.0})
    assert command("--seed", *map(str, range(41)), "--only", "training", "--dry-run", "--jobs", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "      41 runs  would run: training" in lines and len(lines) == 4
    assert lines[-1] == "about 0:20:30, 2 at a time, as long as runs like these took" and not engine[0]


def test_a_dry_run_says_why_each_stage_would_run(engine, capsys):
    for point in grids.settle(DIGITS, {"seed": [0, 1]}).points[:1]:
        leave_run(point, {"training": 1.0}, state="failed")
    arguments = ("--seed", "0", "1", "--only", "training", "results", "--dry-run")
    assert command(*arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  digits-fast-1epochs-seed0  would run: training (failed last time), results (has not run yet)" in lines
    assert "  digits-fast-1epochs-seed1  would run: training, results (has not run yet)" in lines
    assert command(*arguments, "--force") == 0
    assert "  digits-fast-1epochs-seed1  would run: training, results (forced)" in capsys.readouterr().out


def test_batches_that_a_dataset_is_too_small_for_are_told(engine, capsys):
    limit = "note: on 1,319 training images a batch holds 32 at most (41 batches an epoch)"
    assert command("--batch-size", "16", "64", "128", "--dry-run") == 0
    assert f"{limit}; 64 and 128 are the same training\n" in capsys.readouterr().out
    assert command("--batch-size", "64", "--dry-run") == 0
    assert f"{limit}; --batch-size 64 is cut to that\n" in capsys.readouterr().out
    assert command("--batch-size", "32", "--dry-run") == 0 and command("--dry-run") == 0
    assert "a batch holds" not in capsys.readouterr().out


@pytest.mark.parametrize("wishes", [{}, {"validation_size": 100}, {"fold": "2/4"}])
def test_the_images_to_learn_from_are_those_of_the_split(wishes):
    settled = request.settle(DIGITS.model_copy(update=wishes))
    digits = data.load("digits")
    left = len(data.split(digits, 0, settled.recipe.validation_size, settled.recipe.fold)["train"].labels)
    assert 0 <= settled.images_to_learn_from - left <= (1 if wishes.get("fold") else 0)
    assert digits.validation_size == settled.summarise().validation_size


def test_a_dry_run_says_of_which_stages_no_time_is_known(engine, capsys):
    leave_run(grids.settle(DIGITS, {"seed": [7, 8]}).points[0], {"training": 60.0})
    assert command("--seed", "0", "1", "--only", "training", "results", "--dry-run", "--jobs", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "about 0:02:00, and what is not known, 1 at a time, as long as runs like these took"
    assert lines[-1] == "not known: results of 2 runs"


def test_ctrl_c_leaves_an_index_of_what_is_finished(engine, monkeypatch, tmp_path):
    def stopped(*_):
        (tmp_path / "outputs").mkdir()
        raise KeyboardInterrupt("SIGINT")

    monkeypatch.setattr(sys.modules["pipeline.dispatch"], "run_grid", stopped)
    with pytest.raises(KeyboardInterrupt):
        command("--seed", "0", "1")
    assert (tmp_path / "outputs" / "index.html").is_file()


def test_ctrl_c_leaves_a_page_of_what_is_there(engine, monkeypatch, capsys):
    def stopped(grid, *_):
        leave_run(grid.points[0], {"training": 1.0})
        raise KeyboardInterrupt("SIGINT")

    written = []
    monkeypatch.setattr(sys.modules["pipeline.dispatch"], "run_grid", stopped)
    monkeypatch.setattr(sys.modules["pipeline.grid_page"], "write", lambda grid: written.append(grid) or "grid.html")
    with pytest.raises(KeyboardInterrupt):
        command("--seed", "0", "1")
    assert len(written) == 1 and "the grid as far as it is: grid.html\n" in capsys.readouterr().out


def test_the_page_is_written_seldom_while_a_grid_runs(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    written = []

    def write():
        written.append(clock[0])
        clock[0] += 7
        raise OSError("no room")  # which keeps no run from its end

    pages = Pages(write)
    for now in (1, 59, 61, 70, 130, 137, 140):
        clock[0] = max(clock[0], now)
        pages.run_has_ended()
    assert written == [61, 140]  # 68, and ten times seven later
    Pages(None).run_has_ended()


def test_a_message_of_a_failed_stage_begins_with_the_error():
    where = "training failed at cell 7 of 12, which begins: x"
    raised = "TrainingDiverged: the loss is nan at step 13; try a `learning_rate` of 1"
    told = "the loss is nan at step 13; try a --learning-rate of 1 (training failed at cell 7 of 12, which begins: x)"
    assert job.in_a_line(StageFailed(f"{where}\n{raised}", "TrainingDiverged")) == told
    told = f"ValueError: not this: or that ({where})"
    assert job.in_a_line(StageFailed(f"{where}\nValueError: not this:\nor that", "ValueError")) == told
    assert job.in_a_line(errors.BadInput("is none", field="batch_size")) == "--batch-size: is none"


def test_a_job_waits_for_a_run_that_another_process_makes(monkeypatch):
    tries = []

    def run(request, teller, alone):
        tries.append(1)
        if len(tries) < 3:
            raise errors.RunInUse("in use by process 7")

    monkeypatch.setattr(job.runner, "run", run)
    monkeypatch.setattr(job, "LOOK", 0)
    monkeypatch.setattr(job, "PATIENCE", -1)
    stream = io.StringIO()
    assert job.attempt(None, job.Teller(stream)) == (0, "")
    notes = [json.loads(line)["text"] for line in stream.getvalue().splitlines()]
    assert notes == ["in use by process 7; waiting for it", "was made meanwhile"]


def test_a_run_of_a_grid_tells_once_that_it_starts_over():
    stream = io.StringIO()
    teller = job.Teller(stream)
    for name in ("run.json", "model.json"):
        teller.say(f"{job.runner.STARTED_OVER}, and deleted: {name}")
    assert [json.loads(line)["text"] for line in stream.getvalue().splitlines()] == ["note: started over"]


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("two words", 9, "two words"),
        ("two words", 8, "two..."),
        ("  seed 0  4/5 training", 17, "  seed 0  4/5..."),
        ("undivided", 7, "undi..."),
        ("undivided", 2, ".."),
    ],
)
def test_a_line_is_cut_behind_a_word(text, width, cut):
    assert board.cut(text, width) == cut


PROGRESS = {"kind": "progress", "share": 0.5, "detail": "0:10 left", "label": "epoch 1/2", "milestone": 1}


def tell(board, points):
    """Let a board tell of four runs: one is up to date, one done, one failed, one at work."""
    with board:
        board.up_to_date(points[0])
        board.started(points[1])
        board.started(points[2], "worker-2")
        board.told(points[1], {"kind": "stage", "stage": "training"})
        board.told(points[1], {"kind": "cell", "number": 3, "total": 40})
        board.told(points[1], PROGRESS)
        board.told(points[2], {"kind": "note", "text": "note: a checkpoint is damaged"})
        board.told(points[2], {"kind": "ended", "stage": "training"})
        board.finished(points[1], Outcome(0), 12.34)
        board.finished(points[2], Outcome(4, "the loss is nan"), 2.0)
        board.started(points[3])
        board.told(points[0], PROGRESS)  # too late, of one that has ended
        return board.counts(), str(board.moving_lines()).splitlines()


def test_a_log_gets_a_line_for_each_that_starts_finishes_or_fails():
    grid = grids.settle(DIGITS, {"seed": range(5)})
    folder = runs.open_run(grid.points[2].run)
    leave_run(grid.points[2], {"training": 1.0}, state="failed")
    page = folder / "reports" / "03_training.html"
    page.write_text("")
    stream = io.StringIO()
    counts, _ = tell(Board(grid, 2, stream), grid.points)
    assert counts == {"finished": 2, "running": 1, "waiting": 1, "failed": 1}
    name = "digits-fast-1epochs-seed"
    lines = stream.getvalue().splitlines()
    times = [line.rpartition(", ")[2] for line in lines if "left" in line]
    assert len(times) == 2 and all(re.fullmatch(r"0:00:(25|24|12) left\)", text) for text in times)
    assert [line.split(", 0:")[0] for line in lines] == [
        f"  {name}1 started",
        f"  {name}2 started   worker-2",
        f"  {name}2: note: a checkpoint is damaged",
        f"  {name}1 done        12.3 s  (2 of 5",
        f"  {name}2 failed       2.0 s  the loss is nan  (3 of 5",
        f"  {name}3 started",
    ]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 60 columns and six lines."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "6")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_terminal_gets_moving_lines_that_fit(terminal):
    grid = grids.settle(DIGITS, {"seed": range(9)})
    board = Board(grid, 9, terminal)
    with board:
        for point in grid.points[:2]:
            board.started(point, "worker-1")
        board.told(grid.points[0], {"kind": "stage", "stage": "training"})
        board.told(grid.points[0], {"kind": "cell", "number": 3, "total": 40})
        assert str(board.moving_lines()).splitlines() == [
            "  seed 0  worker-1  4/5 training     cell 3/40",
            "  seed 1  worker-1",
            "  finished 0  running 2  waiting 7  failed 0",
        ]
        for point in grid.points[2:]:
            board.started(point)
        board.told(grid.points[0], PROGRESS)
        lines = str(board.moving_lines()).splitlines()
        assert len(lines) == 5 and lines[0].endswith("50% 0:10 left...") and lines[3] == "  and 6 more at work"
        board.finished(grid.points[0], Outcome(0), 3.0)
        assert (
            str(board.moving_lines())
            .splitlines()[-1]
            .startswith("  finished 1  running 8  waiting 0  failed 0  0:00:0")
        )
        board.live.refresh()
    text = terminal.getvalue()
    assert "started" not in text and re.search(r"seed0 \x1b\[32mdone", text)
    drawn = [line for line in re.split(r"\r|\n|\x1b\[[0-9;?]*[A-Za-z]", text) if "worker-1" in line]
    assert drawn and max(map(len, drawn)) <= 60
    assert text.count("\x1b[?25h") >= text.count("\x1b[?25l") > 0


def test_a_board_that_is_interrupted_gives_the_cursor_back(terminal):
    grid = grids.settle(DIGITS, {"seed": range(2)})
    with pytest.raises(KeyboardInterrupt), Board(grid, 1, terminal) as board:
        board.started(grid.points[0])
        raise KeyboardInterrupt
    assert "\x1b[?25h" in terminal.getvalue().split("\x1b[?25l")[-1]


def test_a_run_that_starts_again_counts_once():
    grid = grids.settle(DIGITS, {"seed": range(2)})
    board = Board(grid, 1, io.StringIO())
    board.started(grid.points[0], "one")
    board.started(grid.points[0], "two")
    assert board.counts() == {"finished": 0, "running": 1, "waiting": 1, "failed": 0} and board.time_left("") == ""


def test_the_time_that_is_left_follows_from_those_that_are_done(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    grid = grids.settle(DIGITS, {"seed": range(7)})
    board = Board(grid, 2, io.StringIO())
    for point in grid.points[:2]:
        board.started(point)
    board.finished(grid.points[0], Outcome(0), 90.0)
    board.finished(grid.points[1], Outcome(1), 5.0)  # one that failed tells no time
    for point in grid.points[2:4]:
        board.started(point)
    clock[0] += 30
    assert board.time_left("") == "0:04:00 left"  # of three that wait, two begin in 60 s, and the last after 90 more
    board.up_to_date(grid.points[4])
    assert board.time_left("") == "0:02:30 left"  # two wait, and begin in 60 s
    for point in grid.points[5:]:
        board.finished(point, Outcome(0), 90.0)
    assert board.time_left(", ") == ", 0:01:00 left"
    clock[0] += 70
    assert board.time_left("") == ""


def test_the_time_that_is_left_does_not_rise_when_the_last_run_begins(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    grid = grids.settle(DIGITS, {"seed": range(3)})
    board = Board(grid, 2, io.StringIO())
    for point in grid.points[:2]:
        board.started(point)
    clock[0] += 10
    board.finished(grid.points[0], Outcome(0), 10.0)
    assert board.time_left("") == "0:00:10 left"
    board.started(grid.points[2])
    assert board.time_left("") == "0:00:10 left"


def test_a_run_whose_worker_is_gone_waits_again():
    grid = grids.settle(DIGITS, {"seed": range(2)})
    board = Board(grid, 2, io.StringIO())
    board.started(grid.points[0], "one")
    board.lost(grid.points[0])
    assert board.counts() == {"finished": 0, "running": 0, "waiting": 2, "failed": 0}
