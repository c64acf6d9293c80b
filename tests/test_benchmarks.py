"""README's figures are those of the results files, and the statistics behind them are right."""

import argparse
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace

import accuracy
import busy
import choices
import faults
import fuzz
import numpy as np
import origin
import photographs
import pytest
import soundness as soundness_benchmark
import speed
import torch
from conftest import ROOT
from test_comparison import FACTS, ensemble, reading

from helpers import checkpoints, data, errors, evaluation, files, recipes, scores, training
from helpers.photographs import KINDS
from pipeline import machine


def test_readings_are_whole():
    rows = scores.load(accuracy.RESULTS)["rows"]
    assert len(rows) == 60
    for row in rows:
        assert len(row["wrong"]) == round((1 - row["test_accuracy"]) * 10_000)
        assert (
            len(row["history"]) == row["epochs"]
            and row["history"][-1]["validation_accuracy"] == row["validation_accuracy"]
        )


def edit(*path):
    """Return a function that sets a field of a row, however deep it is, to the last of `path`."""

    def change(row):
        *way, field, value = path
        for step in way:
            row = row[step]
        row[field] = value

    return change


@pytest.mark.parametrize("code", [None, "code"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit("test_accuracy", 0.9971), "30 images in wrong, 29.00 by test_accuracy"),
        (edit("test_accuracy", 1.01), "test_accuracy: input should be less than or equal to 1"),
        (edit("test_accuracy", float("nan")), "test_accuracy: input should be"),
        (edit("test_accuracy", "0.997"), "test_accuracy: input should be a valid number"),
        (edit("wrong", [[i, 3] for i in range(29)]), "29 images in wrong, 30 by the recall of the classes"),
        (edit("wrong", 5, [4, 3]), "an image in wrong twice"),
        (edit("wrong", 5, [10_000, 3]), "an image in wrong twice, or of a number that no test image has"),
        (edit("epochs", 3), "3 epochs, and a history of 2 rows"),
        (edit("validation_accuracy", 0.9), "validation_accuracy is not that of the last epoch"),
        (edit("history", 1, "validation_accuracy", 0.9), "validation_accuracy is not that of the last epoch"),
        (edit("per_class", "3", "recall", 0.5), "30 images in wrong, 527 by the recall of the classes"),
        (edit("per_class", "3", "f1", 0.5), "test_macro_f1 is not the mean over the classes"),
        (edit("train_seconds", 1.0), "train_seconds is not the sum over the epochs"),
        (edit("recipe", 5), "recipe: input should be a valid string"),
    ],
)
def test_a_reading_that_contradicts_itself_is_refused(code, change, said):
    rows = [reading("best", seed, range(30), code) for seed in (0, 1)]
    scores.check({"rows": rows})
    change(rows[1])
    with pytest.raises(errors.BadInput, match=re.escape(said)) as caught:
        scores.compare({"rows": rows, "ensembles": []})
    assert "best, seed 1: " in str(caught.value) or "5, seed 1: " in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"), [("test_loss", 0.001), ("parameters", 10), ("commit", "d"), ("taken", "2027"), ("code", "x")]
)
def test_an_edited_field_of_a_reading_is_refused(field, value):
    row = reading("best", 1, range(30), "code")
    with pytest.raises(errors.BadInput, match=r"best, seed 1: a field was changed after it was taken"):
        scores.check({"rows": [row | {field: value}]})


@pytest.mark.parametrize("field", ["code", "machine", "versions", "commit", "taken", "digest"])
def test_a_reading_with_a_code_says_where_it_comes_from(field):
    row = reading("best", 1, range(30), "code")
    del row[field]
    with pytest.raises(errors.BadInput, match=f"best, seed 1: {field}: field required"):
        scores.check({"rows": [row]})


def test_an_early_reading_is_sealed_as_well():
    row = reading("best", 1, range(30))
    scores.check({"rows": [row]})
    with pytest.raises(errors.BadInput, match="best, seed 1: a field was changed"):
        scores.check({"rows": [row | {"parameters": 99}]})
    with pytest.raises(errors.BadInput, match="best, seed 1: digest: field required"):
        scores.check({"rows": [{name: value for name, value in row.items() if name != "digest"}]})


def test_a_reading_that_stands_there_twice_is_refused():
    rows = [reading("best", 1, range(30), code) for code in ("one", "other", None)]
    scores.check({"rows": rows})
    with pytest.raises(errors.BadInput, match="best, seed 1: stands there twice"):
        scores.check({"rows": [*rows, reading("best", 1, range(31), "other")]})


def test_an_ensemble_that_contradicts_itself_is_refused():
    rows = [reading("best", seed, range(30)) for seed in (0, 1)]
    together = ensemble(rows, range(20))
    scores.check({"rows": rows, "ensembles": [together]})
    for change in ({"test_accuracy": 0.9981}, {"keys": ["a"]}, {"seeds": [0, 0]}, {"recipe": "fast"}):
        with pytest.raises(errors.BadInput, match="together: "):
            scores.check({"rows": rows, "ensembles": [together | change]})
    sealed = ensemble(rows, range(20), "code")
    with pytest.raises(errors.BadInput, match=r"best, seeds .* together: a field was changed"):
        scores.check({"rows": rows, "ensembles": [sealed | {"train_seconds": 1.0}]})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 5}', '{"rows": [5]}', "\xff"])
def test_an_accuracy_file_that_is_none_is_refused_not_overwritten(tmp_path, text):
    (tmp_path / "accuracy.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(errors.BadInput, match="readings: "):
        scores.load(tmp_path / "accuracy.json")
    assert scores.load(tmp_path / "none.json") == {"rows": [], "ensembles": [], "earlier": []}


def test_a_mean_and_an_ensemble_are_of_one_code_the_newest():
    old = [reading("best", seed, range(90), "old", "2026-01-01T00:00:00+00:00") for seed in range(5)]
    new = [reading("best", seed, range(30), "new", "2026-02-01T00:00:00+00:00") for seed in range(2)]
    early = [reading("best", seed, range(80)) for seed in range(5)]
    together = [ensemble(old, range(70), "old"), ensemble(early, range(60)), ensemble(new, range(20), "new")]
    compared = scores.compare({"rows": [*new, *early, *old], "ensembles": together})
    assert compared.rows == {"best": new} and compared.ensembles == [together[2]] and compared.left_out == 10
    mixed = ensemble([*new, *old[2:]], range(10), "new")
    assert scores.compare({"rows": [*new, *old], "ensembles": [mixed]}).ensembles == []


def test_readings_of_todays_code_stand_before_those_that_a_wrong_clock_made_newest():
    today = scores.todays_code("best")
    new = [reading("best", seed, range(30), today, "2026-02-01T00:00:00+00:00") for seed in range(2)]
    ahead = [reading("best", seed, range(90), "old", "2027-01-01T00:00:00+00:00") for seed in range(5)]
    gone = [reading("gone", 0, range(90)), reading("gone", 0, range(80), "old")]
    compared = scores.compare({"rows": [*ahead, *new, *gone]})
    assert compared.rows == {"best": new, "gone": gone[1:]} and compared.left_out == 6
    assert compared.older == ["gone"] and "Left out: 6 of other code" in compared.age()


def test_readings_of_a_recipe_that_is_no_more_stay_in_the_file(small_world):
    before = small_world | {"rows": [reading("gone", 0, range(90))]}
    after = accuracy.measure(["best"], [0], before, FACTS)
    assert [row["recipe"] for row in after["rows"]] == ["best", "gone"]


def test_the_code_is_the_same_for_all_seeds_and_machines_and_another_for_another_training(monkeypatch):
    recipe = recipes.RECIPES["best"]
    code = training.code_fingerprint(recipe, "images")
    assert training.code_fingerprint(replace(recipe, name="other", summary="other"), "images") == code
    monkeypatch.setattr(training, "precision", lambda device: torch.float64)
    monkeypatch.setattr(torch, "__version__", torch.__version__.partition("+")[0] + "+other")
    assert training.code_fingerprint(recipe, "images") == code
    assert training.code_fingerprint(replace(recipe, learning_rate=0.5), "images") != code
    assert training.code_fingerprint(recipe, "other images") != code
    monkeypatch.setattr(torch, "__version__", "1.0")
    assert training.code_fingerprint(recipe, "images") != code
    monkeypatch.undo()
    monkeypatch.setattr(training, "CODE", ["other"])
    assert training.code_fingerprint(recipe, "images") != code


def test_the_key_of_a_training_is_of_the_code_that_was_loaded_not_of_what_became_of_the_files(monkeypatch):
    digits = data.load("digits")
    key = training.fingerprint(recipes.RECIPES["best"], 0, digits, torch.device("cpu"))
    monkeypatch.setattr(files, "code_digest", lambda path: "edited meanwhile")
    assert training.fingerprint(recipes.RECIPES["best"], 0, digits, torch.device("cpu")) == key


def test_readings_of_speed_are_told_apart_by_their_fields():
    rows = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["rows"]
    reading = {"ours", "baseline", "ratio", "range", "unit", "repeats", "commit", "versions", "machine", "taken"}
    facts = []
    for row in rows:
        assert {"ours", "baseline", "ratio", "range", "unit", "repeats", "part", "what"} <= set(row)
        facts.append(tuple((name, value) for name, value in row.items() if name not in reading))
    assert len(set(facts)) == len(rows)
    for name in ("images", "epochs", "width", "threads", "size", "steps", "batch_size", "baseline_epochs"):
        assert {type(row[name]) for row in rows if name in row} == {int}


def test_the_mean_has_the_interval_of_student():
    mean, low, high = evaluation.mean_interval([1, 2, 3, 4, 5])
    assert (mean, low, high) == pytest.approx((3, 3 - 2.776 * math.sqrt(0.5), 3 + 2.776 * math.sqrt(0.5)), abs=1e-3)
    assert math.isnan(evaluation.mean_interval([1])[1])


def test_a_part_of_the_times_keeps_the_reading_before(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "speed.json")
    rows = [{"part": "growth", "ours": 1}, {"part": "example", "ours": 2}]
    (tmp_path / "speed.json").write_text(json.dumps({"commit": "first", "rows": rows}))
    speed.keep("growth", [{"part": "growth", "ours": 3}], FACTS)
    content = json.loads((tmp_path / "speed.json").read_text())
    assert content["rows"] == [{"part": "example", "ours": 2}, {"part": "growth", "ours": 3} | FACTS]
    assert content["earlier"] == [{"commit": "first", "part": "growth", "ours": 1}] and content["commit"] == "first"


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
    results = accuracy.measure(["best"], None, small_world, FACTS)
    assert [row["seed"] for row in results["rows"]] == [0, 1, 2, 3, 4]
    (ensemble,) = results["ensembles"]
    for row in (*results["rows"], ensemble):
        assert {name: row[name] for name in FACTS} == FACTS and row["taken"].endswith("+00:00")
        assert row["code"] == training.code_fingerprint(recipes.RECIPES["best"], data.load("mnist").fingerprint)
    assert len({row["key"] for row in results["rows"]}) == 5
    test = data.split(data.load("mnist"))["test"]
    networks = [checkpoints.load_model(accuracy.folder_of("best", seed))[0] for seed in range(5)]
    votes = sum(evaluation.predict_split(network, test).probabilities for network in networks).argmax(axis=1)
    assert ensemble["test_accuracy"] == (votes == test.labels.numpy()).mean()
    assert [index for index, _ in ensemble["wrong"]] == np.flatnonzero(votes != test.labels.numpy()).tolist()
    monkeypatch.setattr(training, "train", None)  # a second time nothing is trained
    assert accuracy.measure(["best"], None, json.loads(accuracy.RESULTS.read_text()), FACTS) == results


def test_a_reading_of_another_recipe_is_read_again_and_kept_in_short(small_world, monkeypatch):
    before = accuracy.measure(["best"], [0], small_world, FACTS)
    monkeypatch.setitem(recipes.RECIPES, "best", replace(recipes.RECIPES["best"], learning_rate=0.002))
    after = accuracy.measure(["best"], [0], before, FACTS)
    assert after["rows"][0]["code"] != before["rows"][0]["code"]
    assert len(after["rows"]) == 1 and after["rows"][0]["key"] != before["rows"][0]["key"]
    assert [row["test_accuracy"] for row in after["earlier"]] == [before["rows"][0]["test_accuracy"]]


def test_a_reading_of_another_commit_is_taken_anew_only_if_that_is_asked_for(small_world, monkeypatch):
    before = accuracy.measure(["best"], None, small_world, FACTS)
    later = FACTS | {"commit": "later"}
    assert accuracy.measure(["best"], None, before, later) == before
    shutil.rmtree(accuracy.folder_of("best", 4))  # what another commit has trained is not needed
    some = accuracy.measure(["best"], [0, 1], before, later, anew=True)
    assert some["ensembles"] == before["ensembles"]
    after = accuracy.measure(["best"], None, some, later, anew=True)
    assert {row["commit"] for row in after["rows"]} == {"later"}
    assert [entry["commit"] for entry in after["ensembles"]] == ["c", "later"]  # no row is taken out
    assert [row["key"] for row in after["earlier"]] == [row["key"] for row in before["rows"]]
    assert [row["commit"] for row in after["earlier"]] == ["c"] * 5 and scores.former_designs(after) == []
    (present,) = scores.compare(after).ensembles
    assert present["commit"] == "later"
    monkeypatch.setattr(training, "train", None)
    assert accuracy.measure(["best"], None, after, later, anew=True) == after  # it resumes


def test_what_a_file_notes_of_its_early_readings_stays(small_world):
    head = {"machine": {"cores": 99, "processor": "of the file"}}
    after = accuracy.measure(["best"], [0], small_world | head, FACTS)
    assert after["machine"] == head["machine"] and after["rows"][0]["machine"] == FACTS["machine"]


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
        (folder / name).write_text("first\n")
    (folder / ".gitignore").write_text("outputs/*\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "all")
    monkeypatch.setattr(machine, "PROJECT", folder)
    return folder


def test_the_commit_is_that_of_the_project(repository):
    assert machine.commit() == git(repository, "rev-parse", "HEAD")
    (repository / "run_all.py").write_text("changed")
    assert machine.commit() == git(repository, "rev-parse", "HEAD") + "-dirty"


ASIDE = ("README.md", "docs/sample/report.html", "benchmarks/results/accuracy.json", "CITATION.cff", ".github/test.yml")


@pytest.mark.parametrize("name", ASIDE)
def test_what_no_figure_depends_on_changes_no_commit_and_may_be_dirty(repository, name):
    head = git(repository, "rev-parse", "HEAD")
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("changed")
    git(repository, "add", name)
    assert machine.commit() == origin.clean_commit() == head
    git(repository, "commit", "-m", "words")
    assert git(repository, "rev-parse", "HEAD") != head and machine.commit() == origin.clean_commit() == head
    (repository / "helpers" / "data.py").write_text("changed")
    git(repository, "commit", "-a", "-m", "code")
    assert machine.commit() == git(repository, "rev-parse", "HEAD") != head


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


def test_a_trial_says_where_it_comes_from(small_world):
    row = choices.trial("best", {"learning_rate": 0.003}, [0, 1], 60, data.load("mnist"), FACTS)
    recipe = replace(recipes.RECIPES["best"], learning_rate=0.003, validation_size=60)
    assert {name: row[name] for name in FACTS} == FACTS and row["taken"].endswith("+00:00")
    assert row["code"] == training.code_fingerprint(recipe, data.load("mnist").fingerprint)
    assert len(set(row["keys"])) == 2 and row["digest"] == scores.digest_of(json.loads(json.dumps(row)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("helpers/data.py", "changed"),
        ("helpers/new.py", "new"),
        ("run_all.py", "changed"),
    ],
)
def test_no_reading_is_taken_from_code_that_differs_from_its_commit(repository, name, text, monkeypatch, capsys):
    (repository / name).write_text(text)
    monkeypatch.setattr(accuracy, "measure", None)
    monkeypatch.setattr(accuracy, "RESULTS", repository / "none.json")
    monkeypatch.setattr("sys.argv", ["accuracy.py"])
    with pytest.raises(SystemExit) as ended:
        origin.call(accuracy.main)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    assert error.startswith("error: ") and f"{name} is not as in it; commit first" in error


def test_no_reading_is_taken_without_a_commit(repository, monkeypatch):
    monkeypatch.setattr(machine, "PROJECT", repository / "helpers")
    with pytest.raises(errors.BadInput, match="there is none; take it in a git repository of the project"):
        origin.facts()


def test_a_results_file_that_is_not_whole_is_not_overwritten(tmp_path):
    assert origin.read_results(tmp_path / "choices.json", {"rows": []}) == {"rows": []}
    (tmp_path / "choices.json").write_text('{"rows": [')
    with pytest.raises(errors.BadInput, match=r"choices\.json is not a whole JSON file"):
        origin.read_results(tmp_path / "choices.json", {"rows": []})


def test_findings_of_faults_are_not_lost_with_a_results_file_that_is_not_whole(tmp_path, monkeypatch, capsys):
    path = tmp_path / "faults.json"
    path.write_text('{"kills": ')
    monkeypatch.setattr("sys.argv", ["faults.py", "--parts", "cost"])
    monkeypatch.setattr(origin, "facts", lambda: FACTS)
    monkeypatch.setattr(faults, "RESULTS", path)
    monkeypatch.setitem(faults.PARTS, "cost", lambda options: {"seconds, median": 0.1})
    monkeypatch.setattr(fuzz, "RESULTS", path)
    for write in (faults.main, lambda: fuzz.keep({"done": 1}), lambda: fuzz.fuzz(argparse.Namespace(seed=0, fuzz=1))):
        with pytest.raises(errors.BadInput, match=r"faults\.json is not a whole JSON file"):
            write()
        assert path.read_text() == '{"kills": '
    path.unlink()
    faults.main()
    fuzz.keep({"done": 1})
    assert json.loads(path.read_text()).keys() == {"cost", "fuzz"}
    faults.main()
    assert "earlier" not in json.loads(path.read_text())
    monkeypatch.setattr(origin, "facts", lambda: FACTS | {"commit": "later"})
    faults.main()
    fuzz.keep({"done": 2, "commit": "later"})
    content = json.loads(path.read_text())
    assert content["cost"]["commit"] == content["fuzz"]["commit"] == "later"
    assert [(row["part"], row.get("commit")) for row in content["earlier"]] == [("cost", "c"), ("fuzz", None)]
    capsys.readouterr()


def test_a_part_without_a_commit_is_of_that_of_its_file():
    content = {"commit": "a", "machine": {"cores": 2}, "cost": {"seconds": 1}}
    assert origin.set_aside(content, "cost", "a") == content == origin.set_aside(content, "grid", "b")
    moved = origin.set_aside(content, "cost", "b")["earlier"]
    assert moved == [{"part": "cost", "commit": "a", "machine": {"cores": 2}, "seconds": 1}]


def test_a_reading_beside_busy_programs_keeps_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(busy, "RESULTS", tmp_path / "busy.json")
    (tmp_path / "busy.json").write_text(json.dumps({"commit": "first", "rows": [{"seconds": 1}]}))
    for seconds in (2, 3):
        busy.keep([{"seconds": seconds}], FACTS)
    content = json.loads((tmp_path / "busy.json").read_text())
    assert content["rows"] == [{"seconds": 3} | FACTS]
    assert content["earlier"] == [{"commit": "first", "seconds": 1}, {"seconds": 2} | FACTS]


def test_a_model_that_was_trained_elsewhere_is_read_as_such(small_world, monkeypatch):
    elsewhere = FACTS | {"machine": {"cores": 64, "processor": "elsewhere"}}
    source = data.load("mnist")
    first = accuracy.read(recipes.RECIPES["best"], 0, source, elsewhere)
    again = accuracy.read(recipes.RECIPES["best"], 0, source, FACTS)  # the model is there, and is not trained again
    assert first["machine"] == again["machine"] == elsewhere["machine"]
    (accuracy.folder_of("best", 0) / "origin.json").unlink()
    assert accuracy.read(recipes.RECIPES["best"], 0, source, FACTS)["machine"] == FACTS["machine"]


@pytest.fixture(scope="module")
def digits_split():
    """The validation images of the digits that scikit-learn carries."""
    return data.split(data.load("digits"))["validation"]


def test_a_reading_of_photographs_counts_by_kind(digits_split):
    def read(pixels):
        seen.append(pixels.shape)
        return "1" if len(seen) % 8 else None

    seen = []
    row = photographs.read_all(read, digits_split, images=16, seed=0)
    assert len(seen) == row["images"] == 16 and all(shape[2] == 3 for shape in seen)
    assert set(row["kinds"]) == set(KINDS)
    assert all(counts["images"] == 2 for counts in row["kinds"].values())
    assert row["kinds"]["desk"] == {"images": 2, "right": 0, "not found": 2}  # each eighth
    order = np.random.default_rng(0).permutation(len(digits_split.labels))[:16]
    ones = (digits_split.labels[order] == 1).sum() - (digits_split.labels[order][[7, 15]] == 1).sum()
    assert row["accuracy"] == ones / 16
    assert row["accuracy_ci95"][0] <= row["accuracy"] <= row["accuracy_ci95"][1]


def test_fewer_photographs_are_the_first_of_more(digits_split):
    def read_into(kept):
        return lambda pixels: kept.append(pixels) or "0"

    few, more = [], []
    photographs.read_all(read_into(few), digits_split, images=2, seed=3)
    photographs.read_all(read_into(more), digits_split, images=4, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(few, more, strict=False))


@pytest.mark.parametrize(
    ("text", "digit"),
    [("7", "7"), (" 7\n", "7"), ("it is 7.", "7"), ("", None), ("seven", None), ("17", None), ("٧", None)],
)
def test_another_reader_must_name_one_digit(text, digit):
    assert photographs.only_digit(text) == digit


def test_labels_are_made_wrong_and_leaks_are_counted():
    labels = torch.arange(1000) % 10
    given, wrong = soundness_benchmark.make_wrong(labels, classes=10, seed=0)
    assert wrong.sum() == 10 and ((given != labels).numpy() == wrong).all() and given.max() <= 9
    assert not torch.equal(given, soundness_benchmark.make_wrong(labels, classes=10, seed=1)[0])
    digits = data.load("digits").images
    found = soundness_benchmark.find_copied(digits[:600], digits[600:900], seed=0)
    assert found["copied_found"] == 100 and found["copied_as_jpeg_found"] >= 95
    assert found["others_called_leaks"] == 0 and found["searched"] == 1100


def test_most_wrong_labels_are_found_and_few_others_suspected():
    kept = json.loads(soundness_benchmark.RESULTS.read_text())["rows"]
    rows = [row for row in kept if row["soundness_code"] == kept[-1]["soundness_code"]]
    found = [row["labels"]["found_share"] for row in rows]
    others = [1000 * row["labels"]["others_share"] for row in rows]
    assert len({row["seed"] for row in rows}) == 5 and min(found) >= 0.9 and max(others) <= 1
    assert all(row["copies"]["copied_found"] == row["copies"]["copied"] == 100 for row in rows)


def test_suspects_are_counted_apart_from_those_that_were_made_wrong(monkeypatch):
    digits = data.load("digits")
    monkeypatch.setattr(soundness_benchmark, "SHARE", 0.05)
    monkeypatch.setattr("helpers.soundness.STEPS", 60)
    row, others = soundness_benchmark.find_wrong(digits.images[:600], digits.labels[:600], 10, seed=0)
    assert row["wrong"] == 30 and row["found"] > 20 and row["right_class_suggested"] > 20
    assert row["found_share"] == row["found"] / 30 and row["others_suspected"] == len(others.indices)
    assert "30 wrong labels suspected" in soundness_benchmark.in_words({"seed": 0, "labels": row, "copies": COPIES_ROW})


COPIES_ROW = {
    "copied": 1,
    "copied_found": 1,
    "copied_as_jpeg": 1,
    "copied_as_jpeg_found": 1,
    "others_called_leaks": 0,
    "seconds": 1.0,
}
