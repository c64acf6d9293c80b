"""The pages over all recipes, made from small files whose differences are known."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from helpers import errors, evaluation, scores

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


def earlier(recipe, seed, parameters, accuracy, commit):
    """Return what is kept of a reading of a former design."""
    return {"recipe": recipe, "seed": seed, "commit": commit, "parameters": parameters, "test_accuracy": accuracy}


EARLIER = [earlier("fast", seed, 20_000, 0.98 + 0.001 * seed, "abcdef0123") for seed in (0, 1, 2)]
EARLIER += [earlier("balanced", 0, 70_000, 0.995, "fedcba9876")]


def step_row(step, wrong, **fields):
    """Return a row of a file of published steps of `lenet`, which misclassified the held-out images `wrong`."""
    history = [{"validation_accuracy": 1 - len(wrong) / 10_000, "validation_loss": 0.1, "train_loss": 0.1}]
    row = {"network": "lenet", "step": step, "name": scores.STEP_NAMES[step], "epochs": 1, "parameters": 61_706}
    row |= {"changed": {"rotation": [0.0, 5]} if step else {}, "validation_images": 10_000, "history": history}
    row |= {"validation_accuracy": 1 - len(wrong) / 10_000, "wrong": [int(place) for place in wrong], "seconds": 2.0}
    return scores.seal(row | {"code": f"code of {step}", "taken": "2026-01-01T00:00:00+00:00"} | FACTS | fields)


def steps_file(path):
    """Write a file of steps: the first changes nothing, the second removes 100 of 200 errors; another is half there."""
    rows = []
    for seed in (0, 1, 2):
        rows.append(step_row(0, range(200), seed=seed))
        rows.append(step_row(1, range(seed, 200 + seed), seed=seed))
        rows.append(step_row(2, range(100), seed=seed))
    path.write_text(json.dumps({"rows": [*rows, step_row(3, range(90), seed=7)]}))
    return path


def run_pages(*options, outputs):
    """Run benchmarks/comparison.py; return the finished process."""
    command = [sys.executable, ROOT / "benchmarks" / "comparison.py", "--dataset", "digits", *options]
    settings = {"MNIST_OUTPUTS_DIR": str(outputs), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return (the accuracy file's content, the comparison's text, what the command printed, the folder of the pages).

    `best` is of today's code, with a reading and an ensemble of older code beside it; `balanced` is of older code, and
    was taken on another machine; `fast` is from the time before there were codes.
    """
    folder = tmp_path_factory.mktemp("comparison")
    generator = np.random.default_rng(0)
    codes = {"best": scores.todays_code("best"), "balanced": "older", "fast": None}
    other = FACTS | {"machine": {"cores": 8, "processor": "other"}}
    rows = []
    for recipe, count in ERRORS.items():
        for seed in range(4):
            wrong = np.sort(generator.choice(600, count + seed, replace=False))
            facts = other if recipe == "balanced" else FACTS
            rows.append(reading(recipe, seed, wrong, codes[recipe], facts=facts))
    best = rows[:4]
    stale = [reading("best", seed, range(900), "older", "2025-01-01T00:00:00+00:00") for seed in (0, 4)]
    ensembles = [ensemble(stale, range(800), "older"), ensemble(best, range(15), codes["best"])]
    head = {"machine": {"cores": 99, "processor": "of the file"}, "versions": {"torch": "9", "python": "9"}}
    content = head | {"rows": [*stale, *rows], "ensembles": ensembles, "earlier": EARLIER}
    (folder / "readings.json").write_text(json.dumps(content))
    simple = {"rows": [{"accuracy": {"majority class": 0.1135, "nearest neighbour": 0.9514}}]}
    (folder / "simple.json").write_text(json.dumps(simple))
    steps = steps_file(folder / "steps.json")
    files = ("--readings", folder / "readings.json", "--simple", folder / "simple.json", "--steps", steps)
    result = run_pages(*files, outputs=folder / "outputs")
    assert result.returncode == 0, result.stderr
    return content, (folder / "outputs" / "comparison.html").read_text(), result.stdout, folder / "outputs"


def words_of(text):
    """Return a page's HTML with the marks of code left out."""
    return re.sub(r"</?code>", "`", text)


def test_its_table_holds_the_files_figures(page):
    content, text, printed, _ = page
    for recipe in ERRORS:
        rows = [row for row in content["rows"] if row["recipe"] == recipe][-4:]
        mean = np.mean([row["test_accuracy"] for row in rows])
        assert re.search(rf"<th[^>]*>{recipe}</th>\s*<td[^>]*>{mean:.2%}</td>", text)
    assert "Together the 4 make 15 errors" in text and "comparison.html" in printed
    assert re.search(r"<th[^>]*>nearest neighbour</th>\s*<td[^>]*>95.14%</td>", text)


def test_it_says_what_is_of_older_code_and_which_machines_it_was_taken_on(page):
    text = words_of(page[1])
    assert "The readings of `balanced`, `fast` are of older code than today's, which may score otherwise." in text
    assert "Left out: 2 of other code than these." in text and "Together the 2" not in text
    places = ["`best` on 2 cores (made), PyTorch 2, Python 3", "`balanced` on 8 cores (other), PyTorch 2, Python 3"]
    of_file = "99 cores (of the file), PyTorch 9, Python 9, as noted for the file as a whole"
    assert f"Taken: {'; '.join(places)}; `fast` on {of_file}." in text


def test_it_tells_every_earlier_reading_of_the_test_images(page):
    text = words_of(page[1])
    said = (
        "Beside the 12 readings compared below, the file holds 4 earlier ones of former designs of `balanced` and "
        "`fast`, whose present designs were therefore written after the test set had been used."
    )
    assert said in text
    for cells in (("fast", "20,000", "abcdef0", "3", "98.10%"), ("balanced", "70,000", "fedcba9", "1", "99.50%")):
        figures = r"\s*".join(rf"<td[^>]*>{re.escape(cell)}</td>" for cell in cells[1:])
        assert re.search(rf"<th[^>]*>{cells[0]}</th>\s*{figures}", text)


def test_a_difference_beyond_chance_is_told_apart_and_a_tie_a_tie(page):
    text = words_of(page[1])
    assert "Told apart: 2 of 3 pairs; the tie highest up is that of `best` and `balanced`." in text


def test_a_goal_that_was_missed_is_called_missed(page):
    text = (page[3] / "speed.html").read_text()
    rows = re.findall(r"<th[^>]*>(fast|balanced|best)</th>\s*((?:<td[^>]*>[^<]*</td>\s*)+)", text)
    verdicts = {
        name: re.findall(r">([^<]*)<", cells)[-1] for name, cells in rows if "reached" in cells or "missed" in cells
    }
    assert verdicts == {"fast": "missed", "balanced": "reached", "best": "missed"}
    assert re.search(r"Missed: \d+ of \d+ goals, by [\w, -]*fast", text)


def test_they_load_nothing_and_show_no_pictures_of_other_digits(page):
    for name in ("comparison", "published", "speed"):
        text = (page[3] / f"{name}.html").read_text()
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    assert page[1].count("<figure") == 4 and "<img" not in page[1] and "never by any" not in page[1]
    assert 'href="published.html"' in (page[3] / "index.html").read_text()


def test_times_are_those_of_the_speed_file(page):
    text = (page[3] / "speed.html").read_text()
    file = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())
    rows = file["rows"]
    assert f"Taken on {'; '.join(dict.fromkeys(scores.place_of(row, file) for row in rows))}." in text
    assert "not noted" not in text
    compared = [row for row in rows if row["ratio"] is not None and row["part"] != "choices"]
    for row in compared:
        cells = [f"{row['ours']:.2f} s", f"{row['baseline']:.2f} s"] if is_listed(row) else []
        figures = r"\s*".join(rf"<td[^>]*>{re.escape(cell)}</td>" for cell in [*cells, f"{row['ratio']:.1f}"])
        between = r"\s*" if is_listed(row) else r"(?:(?!</tr>).)*"
        assert re.search(rf"<th[^>]*>{re.escape(row['what'])}</th>{between}{figures}", text, re.DOTALL)
    assert len(compared) > 5
    whole = {row["what"]: row["ours"] for row in rows if row["part"] == "pipeline"}
    assert f"figures {whole['figures']:.0f} s" in text
    for row in rows:
        if row.get("share_of") == "step" and row["recipe"] == "fast":
            assert f"{row['step_part']} {row['ours']:.0%}" in text
        if row.get("what") == "time by epochs":
            assert f"{row['epochs']} epochs {row['ours']:.1f} s" in text


def is_like_with_like(row):
    return row.get("alike") == "both equal" and row["batch_size"] == row["baseline_batch_size"]


def is_listed(row):
    """Return whether a row stands in a table with its seconds; one that is there both ways is a ratio there."""
    return "alike" not in row or is_like_with_like(row)


def test_only_what_is_like_with_like_is_called_a_comparison_of_the_loops(page):
    text = (page[3] / "speed.html").read_text()
    rows = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["rows"]
    before, after = text.split("Then the same trainings both ways")
    like = before[before.index("First like with like") :]
    for row in rows:
        if row["ratio"] is not None and row["part"] != "choices":
            both = rf"{row['ours']:.2f} s</td>\s*<td[^>]*>{row['baseline']:.2f} s</td>"
            assert bool(re.search(both, like)) == is_like_with_like(row) and row["what"] in after


def test_published_steps_are_told_apart_by_their_rows_and_what_is_missing_is_said(page):
    text = words_of((page[3] / "published.html").read_text())
    said = "Steps of `lenet` told apart from the one before: 1 of 2 tested (augmentation +1.00 points)."
    assert f"{said} Not tested, for want of a third seed: the rest of our training." in text
    assert "Steps told apart from the one before: 1 of 2 tested (" in text
    assert "Missing from the file: 16 steps." in text and "No network has an average yet" in text
    assert "`narrow`: no step has three seeds yet that the step before it has, too, so none is tested." in text
    title = "one-cycle schedule and its peak rate"
    assert re.search(rf"<td[^>]*>{title}</td>\s*<td[^>]*>rotation 0 to 5</td>\s*<td[^>]*>3</td>", text)


def test_without_readings_it_ends_with_one_line(tmp_path):
    result = run_pages("--readings", tmp_path / "none.json", outputs=tmp_path)
    assert result.returncode == 2 and "make bench-accuracy" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "comparison.html").exists()


def test_a_reading_that_does_not_add_up_ends_it_with_one_line(tmp_path):
    row = reading("best", 0, range(30), "code")
    (tmp_path / "readings.json").write_text(json.dumps({"rows": [row | {"test_accuracy": 0.9999}]}))
    result = run_pages("--readings", tmp_path / "readings.json", outputs=tmp_path)
    assert result.returncode == 2 and "best, seed 0: 30 images in wrong, 1.00 by test_accuracy" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "comparison.html").exists()


def test_a_step_that_was_changed_or_a_file_that_is_not_whole_is_refused(tmp_path):
    path = steps_file(tmp_path / "steps.json")
    assert list(scores.step_rows(path)) == ["lenet"] and scores.step_rows(tmp_path / "none.json") == {}
    path.write_text(path.read_text().replace('"seconds": 2.0', '"seconds": 1.0', 1))
    with pytest.raises(errors.BadInput, match=r"lenet, step 0: a field was changed after it was taken"):
        scores.step_rows(path)
    for content in ("[]", '{"rows": 3}', '{"rows": [1]}', '{"rows": [{"network": "lenet", "step": 0}]}', "{"):
        path.write_text(content)
        with pytest.raises(errors.BadInput, match=r"not a whole file of published steps"):
            scores.step_rows(path)


def test_of_a_step_rows_of_the_newest_code_count_once_a_seed_and_of_averages_that_of_most_seeds():
    old, new, again = (step_row(1, range(wrong), seed=0) for wrong in (30, 20, 10))
    old = old | {"code": "older", "taken": "2025"}
    assert scores.of_newest([old, new, again]) == [again]
    few, many = (step_row(4, range(9), seeds=seeds) for seeds in ([0, 1], [0, 1, 2]))
    assert scores.of_newest([many, few]) == [many]


def test_an_average_is_compared_with_its_members():
    rows = {3: [step_row(3, range(50), seed=seed) for seed in (0, 1)], 4: [step_row(4, range(20), seeds=[0, 1])]}
    first, average = scores.steps_taken(rows)
    assert first.difference is None and average.seeds == [0, 1] and average.errors == [20]
    assert average.difference.mean == pytest.approx(0.003) and average.difference.low > 0


def test_one_seed_says_nothing_of_other_trainings():
    rows = {0: [step_row(0, range(200), seed=0)], 1: [step_row(1, range(90), seed=0)]}
    _, step = scores.steps_taken(rows)
    assert step.difference.low > 0 and step.p_value is None and scores.adjusted({"lenet": [step]}) == {}


def test_two_seeds_are_compared_but_not_tested():
    rows = {step: [step_row(step, range(100 - 30 * step), seed=seed) for seed in (0, 1)] for step in (0, 1)}
    step = scores.steps_taken(rows)[1]
    assert step.difference.mean == pytest.approx(0.003) and step.p_value is None


def test_seeds_that_a_step_lacks_count_in_no_row_of_its_network():
    rows = {
        0: [step_row(0, range(wrong), seed=seed) for seed, wrong in enumerate((100, 100, 400))],
        1: [step_row(1, range(80), seed=seed) for seed in (0, 1)],
        4: [step_row(4, range(70), seeds=[0, 1])],
    }
    first, second, average = scores.steps_taken(rows)
    assert first.seeds == second.seeds == average.seeds == [0, 1]
    assert second.accuracy - first.accuracy == pytest.approx(second.difference.mean)


def test_what_is_reported_after_epochs_is_said_to_be_of_test_images_where_it_is():
    of_name = {project.network: project for project in scores.PROJECTS}
    history = {"train_loss": 0.5, "train_accuracy": 0.9, "validation_loss": 0.2, "validation_accuracy": 0.95}
    rows = [{"epochs": 10, "history": [history | {"validation_f1": 0.94}] * 10}]
    narrow = {row["figure"] for row in scores.epochs_beside(of_name["narrow"], rows)}
    assert "held-out (reported: test) accuracy" in narrow and "training loss" in narrow
    dropout = scores.epochs_beside(of_name["dropout"], rows)
    assert {"epoch": 1, "figure": "held-out macro F1", "reported": 0.9585, "ours": 0.94} in dropout


def test_what_a_readme_leaves_open_is_marked_as_ours():
    table = scores.filled_in()
    assert table["lenet"]["optimizer"] == "sgd (stated)" and table["lenet"]["learning_rate"] == "0.01 (ours)"
    assert table["narrow"]["epochs"] == "10 (stated)" and table["linear-head"]["optimizer"] == "adamw (ours)"


def test_averages_stand_beside_their_members():
    rows = {3: [step_row(3, range(50), seed=seed) for seed in (0, 1)], 4: [step_row(4, range(20), seeds=[0, 1])]}
    (row,) = scores.averages_table({"lenet": scores.steps_taken(rows)}, {})
    assert (row["network"], row["networks"]) == ("lenet", 2) and row[scores.GAIN].startswith("+0.30 (+")
    assert row["alone"] == pytest.approx(0.995) and row["together"] == pytest.approx(0.998)


def test_accuracies_reached_are_means_and_for_fast_the_lower_end():
    rows = {
        "fast": [{"test_accuracy": 0.98}, {"test_accuracy": 0.99}],
        "best": [{"test_accuracy": 0.99}, {"test_accuracy": 0.997}],
    }
    ensemble_of_best = [{"recipe": "best", "seeds": [0, 1], "test_accuracy": 0.998}]
    reached = scores.accuracies_reached(scores.Comparable(rows, ensemble_of_best, [], 0))
    assert reached["best"] == pytest.approx(0.9935) and reached["2 of best together"] == 0.998
    assert reached["fast"] < 0.98
    assert scores.accuracies_reached(scores.Comparable({"fast": rows["fast"][:1]}, [], [], 0)) == {}


def test_the_error_of_a_difference_is_that_of_the_bootstrap_without_its_random_numbers():
    generator = np.random.default_rng(0)
    one = generator.random((20, 2000)) > generator.random((20, 1)) * 0.03
    other = generator.random((30, 2000)) > generator.random((30, 1)) * 0.02
    error, freedom = evaluation.error_paired(one, other)
    drawn = evaluation.compare_paired(one, other, level=0.6827, resamples=20_000)
    assert error == pytest.approx((drawn.high - drawn.low) / 2, rel=0.05) and 19 < freedom < 200
    assert evaluation.error_paired(one[:1], other[:1])[1] == 1e9  # one seed each: images alone


def test_recipes_that_do_not_differ_are_seldom_told_apart():
    generator = np.random.default_rng(1)
    false_claims = 0
    for _ in range(200):
        correct = {name: generator.random((5, 1000)) > 0.02 for name in "abcd"}
        false_claims += any(one.is_significant for one in scores.compare_all(correct, "abcd").differences.values())
    assert false_claims <= 18


def test_pairs_have_one_level_and_two_directions():
    correct = {"a": np.ones((3, 500), dtype=bool), "b": np.ones((3, 500), dtype=bool)}
    correct["b"][:, :60] = False
    pairs = scores.compare_all(correct, ["a", "b"])
    assert pairs.level == pytest.approx(0.95) and pairs.is_ahead("a", "b") and not pairs.is_ahead("b", "a")
    one, other = pairs.between("a", "b"), pairs.between("b", "a")
    assert (one.mean, one.low, one.high) == (-other.mean, -other.high, -other.low)


def test_changes_of_recipes_are_said_in_fields():
    assert "validation_size 10000 to 5000" in scores.changes("dropout-published", "dropout-tuned")
    assert "rotation 0 to 5" in scores.changes("narrow-published", "narrow-tuned")
    assert scores.changes("narrow-published", "gone") == "no longer among the recipes"
