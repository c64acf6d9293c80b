"""The figures of README and docs are those of the results files, and each block says so."""

import json
import math
import platform
import re
import shutil

import blocks
import figures
import history
import mnist_c
import numpy as np
import pytest
import written
from conftest import ROOT
from test_comparison import FACTS, ensemble, reading

from helpers import errors, evaluation, scores

RESULTS = ROOT / "benchmarks" / "results"
NEEDED = ("accuracy", "baselines", "robustness", "photographs", "certainty", "soundness", "speed", "sheets")
NEEDED += ("pictures", "few", "folder", "many_runs")


@pytest.fixture
def readings(tmp_path):
    """Return a folder with the results files of the project, to be changed."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name in NEEDED:
        shutil.copyfile(RESULTS / f"{name}.json", folder / f"{name}.json")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return the folder of a project with a README and a page of docs, each with a block."""
    monkeypatch.setattr(written.files, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(written, "BLOCKS", {"sum": lambda folder: "4 seeds", "other": lambda folder: "| 5 |"})
    (tmp_path / "project" / "docs").mkdir(parents=True)
    (tmp_path / "project" / "README.md").write_text(f"first\n\n{block('sum')}\nlast\n")
    (tmp_path / "project" / "docs" / "page.md").write_text(f"{block('other')}\nwords\n\n{block('sum')}")
    return tmp_path / "project"


def block(name, content=""):
    """Return a block with its marks."""
    return f"<!-- {name}: written by benchmarks/written.py -->\n{content}<!-- end of {name} -->\n"


def write(folder, name, rows, **more):
    """Write a results file."""
    (folder / f"{name}.json").write_text(json.dumps({"rows": rows} | more))


def test_every_block_of_the_project_says_what_the_readings_say():
    rows = json.loads((RESULTS / "accuracy.json").read_text())["rows"]
    pythons = {row["versions"]["python"].rpartition(".")[0] for row in rows if "code" in row}
    if pythons - {".".join(platform.python_version_tuple()[:2])}:
        pytest.skip("by another Python than that of the readings, their code cannot be told from another")
    assert written.stale_blocks(RESULTS) == []


def test_every_block_that_is_written_stands_somewhere_once():
    assert sorted(name for name, _ in written.standing()) == sorted(written.BLOCKS)


def test_blocks_are_filled_whichever_file_they_stand_in_and_nothing_else_changes(project, tmp_path):
    assert written.stale_blocks(tmp_path) == ["sum in README.md", "other in page.md", "sum in page.md"]
    assert written.write(tmp_path) == ["sum in README.md", "other in page.md", "sum in page.md"]
    filled = block("sum", "\n4 seeds\n\n")
    assert (project / "README.md").read_text() == f"first\n\n{filled}\nlast\n"
    table = block("other", "\n| 5 |\n\n")
    assert (project / "docs" / "page.md").read_text() == f"{table}\nwords\n\n{filled}"
    assert written.write(tmp_path) == [] == written.stale_blocks(tmp_path)


def test_a_check_names_what_was_written_by_hand_and_writes_nothing(project, tmp_path, monkeypatch, capsys):
    written.write(tmp_path)
    readme = project / "README.md"
    readme.write_text(readme.read_text().replace("4 seeds", "40 seeds"))
    monkeypatch.setattr(written, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["written.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        written.main()
    said = capsys.readouterr().out
    assert ended.value.code == 1 and said.startswith("sum in README.md: does not say what the readings say")
    assert said.count("\n") == 1 and "40 seeds" in readme.read_text()


def test_a_block_that_nothing_writes_is_refused(project, tmp_path):
    (project / "README.md").write_text(block("some"))
    with pytest.raises(errors.BadInput, match=r"README\.md has a block some, which nothing writes; name one of sum"):
        written.write(tmp_path)


def test_the_result_table_has_networks_together_and_simple_classifiers_as_rows(readings):
    code = scores.todays_code("best")
    rows = [reading("best", seed, range(30), code) for seed in range(5)]
    together = ensemble(rows, range(20), code)
    write(readings, "accuracy", rows, ensembles=[together])
    shares = {"fog": 0.9, "shear": 0.99, "stripe": 0.8, "spatter": 0.7}
    corrupted = [{"key": row["key"], "mean": 0.95 + row["seed"] / 100, "split": "test"} for row in rows]
    corrupted = [row | {"corruptions": shares, "relatives": {}} for row in corrupted]
    write(readings, "robustness", [corrupted[0] | {"mean": 0.1}, *corrupted, corrupted[0] | {"split": "validation"}])
    text = blocks.results(readings)
    assert "| `best` | 1,000 | **99.70%** | 99.70% to 99.70% | 9.0% → 0.2% | 97.0% | 5 s |" in text
    low, high = evaluation.wilson(9980, 10_000)
    assert f"| 5 of `best` together | 5,000 | **99.80%** | {low:.2%} to {high:.2%} | | | 20 s |" in text
    assert len(re.findall(r"^\| (nearest|softmax)[^|]*\| \| \*\*\d", text, re.MULTILINE)) == 3
    assert "means over 5 seeds, with" in text and "2 epochs" in text
    assert "Taken on 2 cores (made), PyTorch 2, Python 3." in text and "older" not in text
    assert "The last three rows learnt from 10,000 images." in " ".join(text.split())
    said = "Without those that resemble what a recipe is trained with: on 3 `best` 80.0%."  # it moves its own images
    assert said in " ".join(text.split()) and "made here" not in text and "median over seeds." in text
    columns = {line.count("|") for line in text.split("\n\n")[0].splitlines()}
    assert columns == {8}
    akin = [row | {"relatives": {"fog": "light"}, "images": mnist_c.MADE_HERE} for row in corrupted]
    write(readings, "robustness", akin)
    text = " ".join(blocks.results(readings).split())
    assert "trained with: on 2 `best` 75.0%." in text
    assert "the mean of its fifteen corruptions, made here from their description; blank" in text
    write(readings, "robustness", [akin[0], *corrupted[1:]])
    assert "made here" not in blocks.results(readings)  # not all of them
    write(readings, "robustness", corrupted[1:])
    assert "| 9.0% → 0.2% |  | 5 s |" in blocks.results(readings)  # not all of these networks were read


def test_of_a_recipe_whose_training_is_akin_to_no_corruption_nothing_is_left_out(readings):
    rows = [reading("lenet-published", seed, range(30)) for seed in range(5)]
    write(readings, "accuracy", rows)
    corrupted = {"mean": 0.9, "split": "test", "corruptions": {"fog": 0.9, "shear": 0.9}, "relatives": {}}
    write(readings, "robustness", [corrupted | {"key": row["key"]} for row in rows])
    text = blocks.results(readings)
    assert "| 90.0% | 5 s |" in text and "akin to" not in text


def test_the_result_table_tells_old_code_from_new(readings):
    rows = [reading("best", seed, range(30), scores.todays_code("best")) for seed in range(5)]
    other = FACTS | {"machine": {"cores": 8, "processor": "other"}}
    rows += [reading("fast", seed, range(90), "older", facts=other) for seed in range(10)]
    rows += [reading("balanced", seed, range(40), scores.todays_code("balanced")) for seed in range(5)]
    write(readings, "accuracy", rows)
    text = " ".join(blocks.results(readings).split())
    assert "Taken: `balanced`, `best` on 2 cores (made), PyTorch 2, Python 3; `fast` on 8 cores (other)" in text
    assert "The readings of `fast` are of older code than today's" in text and "5 seeds (10 of `fast`)" in text


def test_training_times_of_a_recipe_that_differ_much_are_told(readings):
    rows = [reading("best", seed, range(30), scores.todays_code("best")) for seed in range(5)]
    slow = [epoch | {"seconds": 8.0} for epoch in rows[4]["history"]]
    write(readings, "accuracy", [*rows[:4], scores.seal(rows[4] | {"train_seconds": 16.0, "history": slow})])
    text = " ".join(blocks.results(readings).split())
    assert "training is the median over seeds (of `best` 5 to 16 s)." in text


def test_one_seed_has_no_interval(readings):
    write(readings, "accuracy", [reading("best", 0, range(30))])
    assert "| **99.70%** | one seed |" in blocks.results(readings)


def test_what_is_said_of_photographs_was_read_last(readings):
    rows = figures.rows_of(readings, "photographs")
    last = {row["reader"]: row for row in rows if row["split"] == "test"}
    last["run"] = [row for row in rows if (row["split"], row["reader"], row["images"]) == ("test", "run", 2000)][-1]
    write(readings, "photographs", [*rows, last["tesseract"] | {"accuracy": 0.123}])
    text = " ".join(blocks.reading(readings).split())
    assert f"`{last['run']['recipe']}` read {last['run']['accuracy']:.1%}. Of the first 200" in text
    assert f"Tesseract read 12.3% and RapidOCR read {last['rapidocr']['accuracy']:.1%}; readers" in text
    others = {"accuracy": 0.321, "images": 200}
    write(
        readings, "photographs", [*rows, last["run"] | others, last["rapidocr"] | others | {"photographs_code": "new"}]
    )
    text = " ".join(blocks.reading(readings).split())  # of other photographs nothing is set beside
    shares = [f"{last[name]['accuracy']:.1%}" for name in ("tesseract", "rapidocr")]
    assert f"Of the first 200 of them it read 32.1%, Tesseract read {shares[0]} and RapidOCR read {shares[1]};" in text
    write(readings, "photographs", [*rows, last["run"] | {"photographs_code": "newest"}])
    assert "Of the first" not in blocks.reading(readings) and "readers of text" not in blocks.reading(readings)


def test_of_certainty_all_networks_that_one_commit_asked_are_told(readings):
    rows = figures.rows_of(readings, "certainty")
    nouns = {"letters": "printed", "strokes": "strokes", "papers": "papers", "crops": "crops"}
    last = rows[-1] | {"commit": "last"}
    write(readings, "certainty", [*rows, last])
    text = " ".join(blocks.reading(readings).split())
    seen = last["photographs"]
    sure, right = seen["sure"] / seen["made"], seen["right_of_sure"] / seen["sure"]
    assert f"such a network was sure of {sure:.1%}, and {right:.1%} of these answers were right. It was also" in text
    for part, noun in nouns.items():
        shown, count = figures.counts_of(last, part)
        assert f"of {count} of {shown} {noun}" in text
    fewer = seen | {"sure": seen["made"] // 2, "right_of_sure": seen["made"] // 4}
    more = {part: {"all": {"shown": figures.counts_of(last, part)[0], "sure": 99}} for part in nouns}
    other = last | more | {"photographs": fewer}
    write(readings, "certainty", [*rows, last, other | {"recipe": "fast", "key": "of another recipe"}, other, last])
    assert blocks.reading(readings).split() == text.split()  # the same network again counts once, another recipe's not
    write(readings, "certainty", [*rows, last, other | {"key": "another"}])
    text = " ".join(blocks.reading(readings).split())
    assert f"2 such networks were sure of 50.0% to {sure:.1%}, and 50.0% to {right:.1%} of these answers were" in text
    for part, noun in nouns.items():
        shown, count = figures.counts_of(last, part)
        assert f"of {count} to 99 of {shown} {noun}" in text


def test_what_is_said_of_wrong_labels_is_the_last_reading_of_each_seed(readings):
    rows = figures.rows_of(readings, "soundness")
    again = rows[-1] | {"labels": rows[-1]["labels"] | {"found_share": 0.5}}
    write(readings, "soundness", [*rows, again])
    text = " ".join(blocks.soundness(readings).split())
    assert "suspected 50.0% to " in text and "of them (5 seeds) and " in text


def test_what_is_said_of_own_images_was_read_last(readings):
    text = " ".join(blocks.own_images(readings).split())
    few = figures.rows_of(readings, "few")[-1]
    assert f"{np.mean(few['from_run']):.1%} from a run on MNIST, means of 5 seeds" in text
    rows = figures.rows_of(readings, "pictures")
    rows = [row | ({"accuracy": 0.111} if row.get("size") == 28 else {"accuracy": 0.222}) for row in rows]
    write(readings, "pictures", rows)
    text = " ".join(blocks.own_images(readings).split())
    assert "22.2% and 22.2% of 200" in text and "22.2% and 22.2% after ten, and 11.1% or less by `balanced`" in text
    folder = figures.rows_of(readings, "folder")[-1]
    assert f"were read in {folder['parts']['first']['seconds']:.1f} s, again" in text


def test_a_figure_that_was_never_read_is_named(tmp_path):
    with pytest.raises(errors.BadInput, match=r"speed\.json holds no reading, part pipeline; take one"):
        blocks.run(tmp_path)


def score_rows(folder):
    """Write results files with few scores of `best` on test images: three designs."""
    early = {"recipe": "best", "commit": "1" * 40 + "-dirty", "test_accuracy": 0.99}
    late = {"recipe": "best", "commit": "2" * 40, "code": "c" * 64, "test_accuracy": 0.98}
    noted = [late | {"seed": seed, "key": f"key {seed}", "taken": f"2026-11-2{seed}T10:00:00"} for seed in (1, 2)]
    write(folder, "accuracy", noted, earlier=[early | {"seed": seed} for seed in (0, 1)])
    again = noted[0] | {"split": "test", "mean": 0.9, "taken": "2026-11-27T10:00:00"}
    other = {"split": "test", "recipe": "best", "seed": 0, "commit": "3" * 40, "taken": "2026-11-25T10:00:00"}
    write(folder, "robustness", [again, again | {"split": "validation", "seed": 5, "key": "none"}])
    write(folder, "photographs", [other | {"key": "key 1", "accuracy": 0.7}, {"split": "test", "reader": "tesseract"}])
    write(folder, "sheets", [other | {"key": "key 9", "accuracy": 0.6}])


def test_designs_are_told_by_their_code_and_each_training_counts_once(tmp_path):
    score_rows(tmp_path)
    text = history.table(tmp_path)
    assert "| best | 3 | not noted | 2026-11-27 10:00 |" in text
    assert "| best | commit 1111111 * | not noted | 2 | 99.00% |  |  |  |" in text
    assert "| best | code ccccccc | 2026-11-21 10:00 to 2026-11-27 10:00 | 2 | 98.00% | 90.00% | 70.00% |  |" in text
    assert "| best | commit 3333333 | 2026-11-25 10:00 | 1 |  |  |  | 60.00% |" in text
    assert "So it is with 2 of these 7 scores." in text


def test_every_score_of_the_projects_files_is_in_the_history():
    scored = history.scores_of(RESULTS)
    content = json.loads((RESULTS / "accuracy.json").read_text())
    for row in (*content["rows"], *content["earlier"]):
        assert any(one.recipe == row["recipe"] and one.accuracy == row["test_accuracy"] for one in scored)
    assert {one.kind for one in scored} >= {"test images", "MNIST-C", "photographs"}


def test_figures_agree_where_their_ranges_meet():
    figure = figures.Figure(0.5, 0.4, 0.6)
    assert figure.agrees_with(figures.Figure(0.7, 0.6, 0.8)) and not figure.agrees_with(figures.Figure(0.7, 0.61, 0.8))
    assert figure.agrees_with(figures.Figure(0.51)) is None and figures.Figure(3.0).agrees_with(figures.Figure(3.0))
    before = {("a", "b"): figure, ("only", "before"): figure}
    rows = figures.agreement(before, {("a", "b"): figures.Figure(0.9, 0.8, 1.0), ("only", "after"): figure})
    assert [row["agrees"] for row in rows] == [False, None, None]
    assert rows[0]["before"] == "50.00% (40.00% to 60.00%)" and rows[1]["after"] == "none"


def test_times_of_unlike_processors_tell_nothing():
    quick, slow = figures.between([1, 2], "s", "one"), figures.between([3, 4], "s", "other")
    assert quick.agrees_with(slow) is None and quick.agrees_with(figures.between([3, 4], "s", "one")) is False


def test_a_ratio_that_notes_nothing_alike_is_held_against_that_of_both_as_they_are(readings):
    early = {"part": "published", "recipe": "narrow-published", "batch_size": 64, "baseline_batch_size": 64}
    early |= {"what": "an epoch of narrow, batches of 64, stock loop", "ours": 1.0, "baseline": 3.0, "ratio": 3.0}
    early |= {"range": [2.9, 3.1], "unit": "s", "repeats": 5}
    today = early | {"what": "an epoch of narrow, batches of 64", "alike": "as each does it", "precision": "bfloat16"}
    assert figures.place_of_time(early) == figures.place_of_time(today)
    assert figures.place_of_time(early) != figures.place_of_time(today | {"alike": "both equal"})


def test_networks_together_are_called_by_their_seeds_where_these_are_not_the_first():
    assert figures.together({"recipe": "best", "seeds": [0, 1, 2]}) == "3 of best"
    assert figures.together({"recipe": "best", "seeds": [5, 6]}) == "2 of best, seeds 5 6"


def test_every_figure_of_the_readings_has_its_range():
    found = figures.all_of(RESULTS)
    assert ("balanced", "test accuracy") in found and ("wrong labels", "found") in found
    without = {place for place, figure in found.items() if math.isnan(figure.low)}
    assert {of for of, _ in without} == {"a folder", "a grid"}  # read once
    assert all(figure.low <= figure.value <= figure.high for place, figure in found.items() if place not in without)
    assert figures.all_of(RESULTS / "none") == {}
