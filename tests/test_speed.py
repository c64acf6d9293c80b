"""The comparisons of benchmarks/speed.py: what is the same on both sides, and the tables made of them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import lightning_loop
import pytest
import speed
import speed_table
import torch
from conftest import ROOT
from test_comparison import reading, run_pages

from helpers import data, recipes, training

SIDES = ("batch_size", "precision", "preparation")
TWO = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def untimed(tasks, repeats):
    """Return made seconds for `tasks`, none of which runs: the first takes 1 s, the next 2 s and so on."""
    return {name: [float(number)] * repeats for number, name in enumerate(tasks, start=1)}


@pytest.fixture
def timed(monkeypatch):
    """Let the parts of the benchmark make their rows from seconds that are made up, in two precisions."""
    monkeypatch.setattr(speed, "in_turns", untimed)
    monkeypatch.setattr(speed, "our_precisions", lambda: TWO)
    monkeypatch.setattr(speed, "epochs_of_the_example", lambda: 4)
    return data.load("digits")


def equal_fields(row):
    return {field for field in SIDES if row[field] == row[f"baseline_{field}"]}


def test_each_published_network_is_compared_four_ways_at_either_batch_size(timed):
    rows = speed.published(timed, 2)
    assert len(rows) == 3 * 2 * 4 and {row["batch_size"] for row in rows} == {64, 256}
    for row in rows:
        names = {"precision equal": {"precision"}, "preparation equal": {"preparation"}, "as each does it": set()}
        names["both equal"] = {"precision", "preparation"}
        assert equal_fields(row) == names[row["alike"]] | {"batch_size"}
    told = [(row["what"], row["alike"]) for row in rows]
    assert len(set(told)) == len(rows)


def test_ratios_are_those_of_the_sides_that_the_row_names(timed):
    rows = {(row["batch_size"], row["alike"]): row for row in speed.published(timed, 2)[:8]}
    order = ["stock loader", "in memory", "bfloat16", "float32"]  # of the tasks, at 64, then at 256
    for place, batch_size in enumerate((64, 256)):
        seconds = {name: 4 * place + number for number, name in enumerate(order, start=1)}
        row = rows[batch_size, "as each does it"]
        assert (row["ours"], row["baseline"]) == (seconds["bfloat16"], seconds["stock loader"])
        row = rows[batch_size, "both equal"]
        assert (row["ours"], row["baseline"]) == (seconds["float32"], seconds["in memory"])


def test_fast_and_balanced_are_whole_trainings_against_the_epochs_of_the_example(timed):
    rows = speed.example(timed, 5)
    assert len(rows) == 8 and {row["repeats"] for row in rows} == {speed.LONG}
    for row in rows:
        recipe = recipes.RECIPES[row["recipe"]]
        assert (row["epochs"], row["baseline_epochs"], row["batch_size"]) == (recipe.epochs, 4, recipe.batch_size)
        by_loader = row["baseline_preparation"] == "stock loader"
        assert row["baseline"] == 4 * (1 if by_loader else 2) and row["baseline_batch_size"] == 64
    balanced = next(row for row in rows if row["recipe"] == "balanced" and row["precision"] == "bfloat16")
    assert balanced["ours"] == 4 * recipes.RECIPES["balanced"].epochs


def test_where_training_computes_in_float32_anyway_nothing_is_told_twice(timed, monkeypatch):
    monkeypatch.setattr(speed, "our_precisions", lambda: {"float32": torch.float32})
    rows = speed.published(timed, 1)
    assert {row["alike"] for row in rows} == {"precision equal", "both equal"} and len(rows) == 3 * 2 * 2


def test_our_training_computes_in_the_type_that_is_asked_for_and_as_before_afterwards():
    before = training.precision
    seen = []
    for kind in TWO.values():
        speed.computed_in(kind, lambda: seen.append(training.precision(torch.device("cpu"))))()
    assert seen == list(TWO.values()) and training.precision is before


def test_the_stock_loop_learns_from_memory():
    digits = data.load("digits")
    few = data.Split(digits.images[:64], digits.labels[:64])
    recipe = recipes.RECIPES["narrow-published"]
    torch.manual_seed(0)
    network = speed.published_network(recipe)
    first = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    pixels = (few.images / 255 - 0.1307) / 0.3081
    speed.epoch_in_memory(pixels, few.labels, network, optimizer, torch.nn.functional.cross_entropy, 16)
    assert all(not torch.equal(first[name], value) for name, value in network.state_dict().items())
    speed.stock_published_in_memory(recipe, few, 16)


class FakeLoop:
    version = "9.9"

    def __init__(self, recipe, images, folder):
        assert recipe == "narrow-published" and images > 0
        self.stopped = False

    def stop(self):
        self.stopped = True


def test_lightning_is_compared_in_turns_and_its_version_is_noted(timed, monkeypatch):
    monkeypatch.setattr(lightning_loop, "Loop", FakeLoop)
    *rows, stock = speed.lightning(timed, 1)
    assert [row["alike"] for row in rows] == ["as each does it", "precision equal"] and stock["ratio"] is None
    assert all((row["baseline_version"], row["baseline"], row["batch_size"]) == ("9.9", 1.0, 64) for row in rows)


def test_without_lightning_the_part_says_so_in_one_line_and_leaves_the_row_out(timed, monkeypatch, capsys):
    def no_network(folder):
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(lightning_loop, "environment", no_network)
    assert speed.lightning(timed, 1) == []
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 1 and told[0].startswith("left out: lightning==")


def test_a_loop_that_ends_is_an_error_and_one_that_answers_trains(monkeypatch, tmp_path):
    monkeypatch.setattr(lightning_loop, "environment", lambda folder: Path(sys.executable))
    script = tmp_path / "loop.py"
    monkeypatch.setattr(lightning_loop, "__file__", str(script))
    script.write_text(
        "print('be warned')\nprint('answer: 1.0', flush=True)\n"
        "for line in __import__('sys').stdin: print('advice', 'answer: 0.1', sep=chr(10), flush=True)"
    )
    loop = lightning_loop.Loop("narrow-published", 10, tmp_path)
    loop()
    loop()
    loop.stop()
    assert loop.version == "1.0" and loop.process.returncode == 0 and loop.told == "be warned\nadvice\nadvice\n"
    script.write_text("print('no such module'); raise SystemExit(3)")
    with pytest.raises(subprocess.CalledProcessError) as ended:
        lightning_loop.Loop("narrow-published", 10, tmp_path)
    assert (ended.value.returncode, ended.value.stderr) == (3, "no such module\n")


class EndingLoop(FakeLoop):
    def __call__(self):
        raise subprocess.CalledProcessError(1, ["loop"], stderr="no memory")


def test_a_loop_that_ends_on_the_way_leaves_its_rows_out(timed, monkeypatch, capsys):
    monkeypatch.setattr(lightning_loop, "Loop", EndingLoop)
    monkeypatch.setattr(speed, "in_turns", lambda tasks, repeats: tasks["Lightning"]())
    assert speed.lightning(timed, 1) == [] and "has ended" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["linear-head-published", "dropout-published", "narrow-published"])
def test_our_network_and_the_stock_loops_drop_as_much(name):
    recipe = recipes.RECIPES[name]
    ours, theirs = speed.network_of(recipe), speed.published_network(recipe)
    dropped = [[layer.p for layer in net.modules() if isinstance(layer, torch.nn.Dropout)] for net in (ours, theirs)]
    assert dropped[0] == dropped[1] and all(share == recipe.dropout for share in dropped[0])


def test_lightning_is_no_requirement_of_the_project():
    for name in ("pyproject.toml", "requirements.txt", "environment.yml"):
        assert "lightning" not in (ROOT / name).read_text().lower()


@pytest.fixture
def results(tmp_path, timed, monkeypatch):
    """Return a results folder with rows of today's form, and some readings of `fast`."""
    monkeypatch.setattr(lightning_loop, "Loop", FakeLoop)
    noted = {"versions": {"torch": "2", "python": "3"}, "machine": {"cores": 2, "processor": "made"}}
    rows = []
    for part in (speed.published, speed.lightning, speed.example):
        rows += [{"part": part.__name__} | row | noted for row in part(timed, 1)]
    rows.append({"part": "example_accuracy", "what": "it", "epochs": 4, "ours": [0.98, 0.9912], "repeats": 5})
    (tmp_path / "speed.json").write_text(json.dumps({"rows": [row | {"ratio": row.get("ratio")} for row in rows]}))
    readings = {"rows": [reading("fast", seed, range(80)) for seed in (0, 1)]}
    (tmp_path / "accuracy.json").write_text(json.dumps(readings))
    return tmp_path


def cells(text, line):
    """Return the cells of the first line of a Markdown table that begins with `line`."""
    found = next(row for row in text.splitlines() if row.startswith(f"| {line}"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_short_table_has_a_line_for_what_is_compared_and_a_column_for_what_is_equal(results):
    text = speed_table.short(results)
    kinds = ["as each does it", "both from memory", "both in float32", "both from memory, in float32"]
    assert cells(text, "times as fast as")[1:] == kinds
    assert cells(text, "an epoch of a published network, batches of 64, stock loop")[1:] == ["0.3", "0.7", "0.2", "0.5"]
    assert cells(text, "an epoch of narrow, batches of 64, Lightning 9.9")[1:] == ["0.3", "", "0.2", ""]
    assert cells(text, "fast (1 epoch in batches of 256) against 4 of the example (64)")[1:] == [
        "1.3",
        "2.7",
        "0.8",
        "1.6",
    ]
    assert "`fast` classifies 99.20% of the test images correctly (mean of 2 seeds), the example (" in " ".join(
        text.split()
    )
    assert "of pytorch/examples) 99.12% after" in " ".join(text.split())
    assert text.count("\n| ") == 1 + 2 + 1 + 2


def test_the_whole_table_names_both_sides(results):
    text = speed_table.whole(results)
    assert cells(text, "an epoch of dropout, batches of 256, stock loop")[1] == "0.7 (0.7 to 0.7)"
    sides = "64, bfloat16, in memory | 64, float32, stock loader | 3.00 | 1.00 |"
    assert f"| an epoch of narrow, batches of 64, stock loop | {sides}" in text
    assert "2 cores (made)" in " ".join(text.split())


def test_rows_that_do_not_note_both_sides_are_called_that(tmp_path):
    old = {"part": "published", "recipe": "narrow-published", "what": "an epoch of narrow, batches of 256, stock loop"}
    old |= {"batch_size": 256, "baseline_batch_size": 64, "ours": 1.0, "baseline": 5.0, "ratio": 5.0, "range": [4, 6]}
    noted = {"versions": {"torch": "2", "python": "3"}, "machine": {"cores": 2, "processor": "made"}}
    (tmp_path / "speed.json").write_text(json.dumps(noted | {"rows": [old | {"unit": "s", "repeats": 5}]}))
    short = speed_table.short(tmp_path)
    assert cells(short, "times as fast as")[1:] == ["as first measured"]
    assert cells(short, "an epoch of a published network, batches of 256 against 64, stock loop")[1:] == ["5.0"]
    assert "| 256 | 64 | 1.00 | 5.00 |" in speed_table.whole(tmp_path)


def test_without_times_a_sentence_stands_for_the_table(tmp_path):
    assert speed_table.short(tmp_path) == speed_table.whole(tmp_path) == speed_table.NO_TIMES


def test_tables_are_made_of_the_committed_readings():
    folder = ROOT / "benchmarks" / "results"
    for text in (speed_table.short(folder), speed_table.whole(folder)):
        assert text.startswith("| times as fast as |") and "nan" not in text


def test_the_page_shows_like_with_like_first_and_then_both_ways(results, tmp_path_factory):
    outputs = tmp_path_factory.mktemp("speed")
    finished = run_pages("--pages", "speed", "--timings", results / "speed.json", outputs=outputs)
    assert finished.returncode == 0, finished.stderr
    text = (outputs / "speed.html").read_text()
    like, both_ways = text.split("Then the same trainings both ways")
    assert "Ours was faster in every round in 0 of 6 comparisons, and slower in every round in 6." in like
    for line in ("linear-head, batches of 64", "narrow, batches of 256"):
        assert re.search(rf"<th[^>]*>an epoch of {line}</th>\s*<td[^>]*>\d.00 s</td>", like)
    for head in ("as each does it", "preparation equal", "precision equal", "both equal", "Lightning"):
        assert head in both_ways
    assert "against 4 of the example" in both_ways and "against 4 of the example" not in like
