"""The record: what is done is told by the results files alone, what fails is named, and figures are compared."""

import json
import sys
from dataclasses import replace

import accuracy
import faults
import figures
import origin
import pytest
import readme_pictures
import record
import speed
import written
from filelock import FileLock
from PIL import Image
from test_benchmarks import git
from test_comparison import FACTS

from helpers import errors, files, runs
from pipeline import machine

PROGRAM = """
import json, sys
from pathlib import Path
path, commit, code = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
content = json.loads(path.read_text()) if path.exists() else {"rows": []}
if code == 0:
    content["rows"].append({"commit": commit, "seed": 1})
    path.write_text(json.dumps(content))
sys.exit(code)
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Let the record keep its files in a folder of its own; return that folder."""
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(record, "RECORD", tmp_path / "record.json")
    monkeypatch.setattr(written, "write", lambda folder: ["results in README.md"])
    monkeypatch.setattr(record, "figures_at", lambda commit: {("best", "accuracy"): figures.Figure(0.5, 0.4, 0.6)})
    monkeypatch.setattr(figures, "all_of", lambda folder: {("best", "accuracy"): figures.Figure(0.7, 0.65, 0.8)})
    monkeypatch.setattr(runs, "outputs_folder", lambda: tmp_path)
    monkeypatch.setattr(record.signal, "signal", lambda *_: None)
    return tmp_path


def part(world, name, code=0, commit="c", minutes=2.0, leaves=()):
    """Return a part that leaves a row of `commit` in the results file of its name, or ends with another exit code."""
    command = (sys.executable, "-c", PROGRAM, str(world / f"{name}.json"), commit, str(code))
    return record.Part(name, minutes, (command,), ((name, {"seed": 1}),), leaves)


def take(parts):
    """Let the record take `parts`, which are all that there are."""
    return record.take(parts, parts, FACTS)


def rows(world):
    """Return what record.json notes of the parts that ran."""
    return json.loads((world / "record.json").read_text())["rows"]


def test_a_part_without_what_it_needs_of_others_is_left_out_and_no_failure(world, capsys):
    parts = [replace(part(world, "other"), needs="no_such_reader"), replace(part(world, "python"), needs="json")]
    assert take(parts) == []
    assert [row["part"] for row in rows(world)] == ["python"]
    assert "other: left out, no_such_reader is not installed; its last reading stays" in capsys.readouterr().out
    assert "left out without no_such_reader; other.json: no row" in "\n".join(record.listing(parts, "c"))


def test_parts_run_once_a_commit_and_what_fails_is_named_while_the_others_go_on(world, capsys):
    parts = [part(world, "first"), part(world, "broken", code=3), part(world, "last")]
    assert take(parts) == ["broken"]
    said = capsys.readouterr().out
    assert "first: 2.0 min last time or as estimated" in said and "broken: 0.0 min, FAILED: exit code 3" in said
    assert "failed: broken; the same command tries them again" in said and "left: broken; once they are" in said
    assert "in README.md: written" not in said and "do not meet" not in said
    assert [(row["part"], row["failed"], row["commit"]) for row in rows(world)] == [
        ("first", False, "c"),
        ("broken", True, "c"),
        ("last", False, "c"),
    ]
    assert all(row["machine"] == FACTS["machine"] and row["seconds"] >= 0 for row in rows(world))
    take([part(world, "first"), part(world, "broken"), part(world, "last")])
    said = capsys.readouterr().out
    assert "first: done already" in said and "results in README.md: written" in said and "do not meet" in said
    assert [row["part"] for row in rows(world)] == ["first", "broken", "last", "broken"]


def test_the_results_files_alone_say_what_is_done(world):
    one = part(world, "one")
    assert record.missing(one, "c") == "one.json: no row of this commit, seed 1"
    take([one])
    (world / "record.json").unlink()
    assert record.missing(one, "c") == "" and "no row of this commit" in record.missing(one, "d")
    (world / "one.json").write_text(json.dumps({"grid": {"commit": "c"}, "earlier": [{"seed": 1, "commit": "c"}]}))
    assert "no row" in record.missing(one, "c")  # what was moved aside is of another reading
    grid = record.Part("grid", 1, (), (("one", {"part": "grid"}),))
    assert record.missing(grid, "c") == ""


def test_a_reading_counts_until_something_that_it_runs_changes(world, monkeypatch):
    """Another benchmark, words and results may change; not what it imports, what it starts, or the product."""
    files_then = {
        "benchmarks/one.py": "import shared\nstarted = 'child.py'\n",
        "benchmarks/shared.py": "",
        "benchmarks/child.py": "",
        "benchmarks/other.py": "",
        "helpers/data.py": "",
        "README.md": "",
    }
    for module in (files, machine):
        monkeypatch.setattr(module, "PROJECT", world)
    for module in (origin, record):
        monkeypatch.setattr(module, "BENCHMARKS", world / "benchmarks")
    first = committed(world, files_then)
    one = record.Part("one", 1, (("python", str(world / "benchmarks" / "one.py")),), (("one", {"seed": 1}),))
    (world / "one.json").write_text(json.dumps({"rows": [{"commit": first, "seed": 1}]}))
    assert record.missing(one, first) == ""
    for name in ("benchmarks/other.py", "README.md"):
        assert record.missing(one, committed(world, files_then | {name: "# another"})) == ""
    for name in ("benchmarks/shared.py", "benchmarks/child.py", "helpers/data.py", "helpers/new.py"):
        after = committed(world, files_then | {name: "# another"})
        assert record.missing(one, after) == "one.json: no row of this commit, seed 1"
        assert record.unread(one, after, anew=True)
        (world / "helpers" / "new.py").unlink(missing_ok=True)
    back = committed(world, files_then | {"README.md": "as before"})
    assert record.missing(one, back) == "" and record.unread(one, back, anew=True)
    record.add({"part": "one", "commit": first, "failed": True, "taken": "1", "seconds": 1})
    assert record.missing(one, back) == "it failed"
    assert not record.counts(one, "no commit at all", back) and not record.counts(one, None, back)


def committed(project, contents):
    """Write files of a project, {name: content}, commit all that is there, and return the commit."""
    for name, content in contents.items():
        path = project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    if not (project / ".git").exists():
        git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "--message", "a state")
    return git(project, "rev-parse", "HEAD")


def test_the_modules_of_a_benchmark_are_all_that_it_imports_or_starts():
    names = {path.name for path in origin.modules_of([record.BENCHMARKS / "faults.py"])}
    assert names >= {"faults.py", "fuzz.py", "tampering.py", "grid_faults.py", "origin.py"} and "speed.py" not in names
    assert record.BENCHMARKS / "lightning_loop.py" in origin.modules_of([record.BENCHMARKS / "speed.py"])
    by_name = {one.name: one for one in record.parts_of_record()}
    assert record.runs_on(by_name["sample"]) == {files.PROJECT / "Makefile", record.BENCHMARKS / "record.py"}


def test_what_notes_no_commit_is_done_where_the_record_says_so_and_it_is_there(world):
    page = world / "page.html"
    made = record.Part("page", 1, ((sys.executable, "-c", f"open({str(page)!r}, 'w')"),), leaves=(page,))
    page.touch()
    assert record.missing(made, "c") == "page.html was not made from this commit"
    assert take([made]) == [] and record.missing(made, "c") == ""
    page.unlink()
    assert record.missing(made, "c") == "page.html is not there" and record.missing(made, "d") != ""


def test_a_part_that_leaves_nothing_has_failed(world, capsys):
    assert take([part(world, "idle", commit="another")]) == ["idle"]
    assert "FAILED: idle.json: no row of this commit" in capsys.readouterr().out


def test_a_part_that_wrote_its_rows_and_then_failed_is_tried_again(world):
    add_then_fail = PROGRAM.replace("if code == 0:", "if True:")
    command = (sys.executable, "-c", add_then_fail, str(world / "late.json"), "c", "1")
    late = record.Part("late", 1, (command,), (("late", {"seed": 1}),))
    assert take([late]) == ["late"] and record.missing(late, "c") == "it failed"
    assert take([part(world, "late")]) == [] and record.missing(late, "c") == ""


def test_a_part_waits_for_those_that_it_takes_something_from_and_comes_again_after_them(world, monkeypatch, capsys):
    times = iter("123456789")
    monkeypatch.setattr(runs, "now", lambda: next(times))
    first, second = part(world, "first", code=1), replace(part(world, "second"), after=("first",))
    assert take([first, second]) == ["first"]
    assert "second: left out, it takes something from first" in capsys.readouterr().out
    first = part(world, "first")
    assert take([first, second]) == [] and [row["part"] for row in rows(world)] == ["first", "first", "second"]
    record.add({"part": "first", "commit": "c", "failed": False, "taken": "4", "seconds": 1})
    assert record.missing(second, "c") == "first was read after it"
    third = replace(part(world, "third"), after=("first",))
    assert record.missing(third, "c") == "third.json: no row of this commit, seed 1"
    assert take([first, second]) == [] and record.missing(second, "c") == ""


def test_two_records_are_not_at_work_at_once(world, monkeypatch):
    monkeypatch.setattr(record, "parts_of_record", lambda: [part(world, "one")])
    monkeypatch.setattr(origin, "facts", lambda: FACTS)
    monkeypatch.setattr("sys.argv", ["record.py"])
    with FileLock(world / ".record.lock"), pytest.raises(errors.BadInput, match="a record is at work already"):
        record.main()
    assert not (world / "one.json").exists()


def test_a_record_that_is_stopped_notes_the_time_and_goes_on(world, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "parts_of_record", lambda: [part(world, "one")])
    monkeypatch.setattr(origin, "facts", lambda: FACTS)
    monkeypatch.setattr("sys.argv", ["record.py"])
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(record.subprocess, "run", stop)
        record.main()
    assert ended.value.code == 130 and "stopped; the same command goes on" in capsys.readouterr().err
    assert [row["failed"] for row in rows(world)] == [True] and record.missing(part(world, "one"), "c") != ""
    with pytest.raises(SystemExit) as ended:
        record.main()
    assert ended.value.code == 0 and [row["failed"] for row in rows(world)] == [True, False]


def test_a_list_has_the_time_of_last_time_and_the_sum_of_what_is_left(world):
    one, other = part(world, "one"), part(world, "other", minutes=90)
    take([one])
    for seconds, failed in ((200, True), (400, False)):  # a part that was interrupted, and went on
        record.add({"part": "one", "commit": "c", "seconds": seconds, "failed": failed, "taken": "2026"})
    first, second, last = record.listing([one, other], "c")
    assert first.split() == ["one", "10.0", "min", "done"] and second.startswith("other") and "1.5 h" in second
    assert "1.7 h" in last and "1.5 h left" in last


def test_the_record_ends_by_comparing_and_keeps_the_table(world, capsys):
    take([])
    said = capsys.readouterr().out
    assert "best, accuracy: 50.00% (40.00% to 60.00%) -> 70.00% (65.00% to 80.00%)  <- the ranges do not meet" in said
    assert "1 figures, the ranges of 1 do not meet: best, accuracy" in said
    (kept,) = json.loads((world / "record.json").read_text())["figures"]
    assert kept["compared"][0]["agrees"] is False and kept["commit"] == "c"
    take([])
    assert len(json.loads((world / "record.json").read_text())["figures"]) == 2


def test_figures_are_held_against_those_of_the_commit(tmp_path, monkeypatch):
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    row = {"soundness_code": "a", "seed": 0, "labels": {"found_share": 0.5, "others_share": 0.1}}
    (results / "soundness.json").write_text(json.dumps({"rows": [row]}))
    for words in (("init",), ("add", "."), ("commit", "-m", "results")):
        git(tmp_path, *words)
    (results / "soundness.json").write_text(json.dumps({"rows": [row, row | {"seed": 1}]}))
    monkeypatch.setattr(machine, "PROJECT", tmp_path)
    found = record.figures_at(git(tmp_path, "rev-parse", "HEAD"))
    assert found["wrong labels", "found"] == figures.Figure(0.5, 0.5, 0.5) and len(found) == 2


def test_the_command_line_lists_chooses_and_ends_with_1_where_a_part_fails(world, monkeypatch, capsys):
    parts = [part(world, "good"), part(world, "bad", code=1)]
    monkeypatch.setattr(record, "parts_of_record", lambda: parts)
    monkeypatch.setattr(origin, "facts", lambda: FACTS)
    for words, code in ((("--list",), None), (("--only", "good"), 0), ((), 1)):
        monkeypatch.setattr("sys.argv", ["record.py", *words])
        if code is None:
            record.main()
            assert "4.0 min left" in capsys.readouterr().out and not (world / "record.json").exists()
            continue
        with pytest.raises(SystemExit) as ended:
            record.main()
        assert ended.value.code == code
    assert [row["part"] for row in rows(world)] == ["good", "bad"]


def test_the_parts_are_short_and_read_all_that_their_benchmarks_can():
    parts = record.parts_of_record()
    assert len({one.name for one in parts}) == len(parts) and all(one.minutes < 60 for one in parts)
    assert all(one.reads or one.leaves for one in parts)
    read = [reads for one in parts for reads in one.reads]
    recipes_read = {row["recipe"] for name, row in read if name == "accuracy"}
    assert recipes_read == set(accuracy.NAMES)
    assert {row["part"] for name, row in read if name == "speed"} == set(speed.PARTS)
    assert {row["part"] for name, row in read if name == "faults"} == set(faults.PARTS)
    assert ("accuracy", {"recipe": "best", "seeds": [0, 1, 2, 3, 4]}) in read
    (together,) = [one for one in parts if one.name == "accuracy-best-together"]
    assert "--seeds" not in together.commands[0]  # its five networks are of one commit, whenever the others were read
    assert {name for one in parts for name in one.after} < {one.name for one in parts}
    for command in (command for one in parts for command in one.commands if command[0] == sys.executable):
        assert (record.BENCHMARKS / command[1]).is_file()


def test_what_the_parts_look_for_is_what_the_benchmarks_write(monkeypatch):
    """Each part would find its rows, were they of the commit: those that the files hold already."""
    results = record.BENCHMARKS / "results"
    monkeypatch.setattr(record, "RESULTS", results)
    for one in record.parts_of_record():
        for name, fields in one.reads:
            assert any(fields.items() <= row.items() for row in record.rows_of(name)), (one.name, fields)


PAGE = """<style>body { margin: 0; background: white } div { height: 900px; position: relative }</style>
<div style="background: rgb(0, 0, 200)"></div><div class="confusion-explorer" style="background: rgb(0, 150, 0)"></div>
<div class="network-pad"><button onclick="pad.style.background = 'rgb(250, 250, 0)'">Clear</button>
<canvas id="pad" class="pad" width="280" height="280"></canvas></div>
<script>pad.onmousemove = event => { if (event.buttons) {
    const box = pad.getBoundingClientRect();
    pad.getContext("2d").fillRect(event.clientX - box.x - 5, event.clientY - box.y - 5, 10, 10); } }</script>"""


def test_the_pictures_of_readme_show_the_report_its_matrix_and_a_drawn_3(browser, tmp_path):
    (tmp_path / "04_results.html").write_text(PAGE)
    readme_pictures.take_in(browser, tmp_path / "04_results.html", tmp_path)
    report = Image.open(tmp_path / "report.png")
    assert report.size == (2 * readme_pictures.WIDTH, readme_pictures.HEIGHT)
    assert report.getpixel((100, 300)) == (0, 0, 200) and report.getpixel((readme_pictures.WIDTH + 100, 300)) == (
        0,
        150,
        0,
    )
    drawn = Image.open(tmp_path / "draw.png").convert("RGB")
    colours = {colour: count for count, colour in drawn.getcolors(100_000)}
    assert colours[250, 250, 0] > 50_000 and 4_000 < colours[0, 0, 0] < 20_000
