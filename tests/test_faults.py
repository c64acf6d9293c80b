"""The fuzz of a finished run: what it changes, and how it checks what is shown afterwards."""

import json
import random
import re
import shutil
import zipfile
from pathlib import Path

import fuzz
import pytest
import torch

from helpers import files, runs
from pipeline import runner


def fill(run, number):
    """Write a file of each kind that a finished run has; `number` is in each of them."""
    for name in ("run.json", "model.json", "metrics.json", "notebooks/01_eda.ipynb", "reports/.rendered.json"):
        files.write_json(run / name, {"accuracy": number / 7, "name": ["a", {"b": number}], "none": None})
    for name in ("reports/01_eda.html", "figures/loss.png", "model.safetensors"):
        files.write_file(run / name, f"<p>{number}</p>" * 9)
    for folder in runs.SUBFOLDERS:
        (run / folder).mkdir(exist_ok=True)
    torch.save({"weights": [torch.ones(3) * number]}, run / "checkpoints" / "epoch-001.pt")
    files.write_file(run / "checkpoints" / "epoch-001.sha256", "0 epoch-001.pt")
    (run / ".lock").touch()


def test_a_change_is_drawn_by_the_seed_and_changes_nothing_but_the_run(tmp_path):
    places = fuzz.Places(tmp_path / "it", tmp_path / "other", tmp_path / "outside")
    fill(tmp_path / "kept", 1)
    fill(places.other, 2)
    fill(places.outside / "run", 2)
    shutil.copytree(tmp_path / "kept", places.run)
    whole, others = fuzz.tree(places.run), fuzz.tree(tmp_path, skip=places.run)
    kinds = set()
    for number in range(80):
        drawn = []
        for _ in range(2):
            shutil.rmtree(places.run)
            shutil.copytree(tmp_path / "kept", places.run)
            drawn.append(fuzz.tamper(random.Random(number), places))
            (places.outside / "copy").unlink(missing_ok=True)
            assert fuzz.tree(places.run) != whole and fuzz.tree(tmp_path, skip=places.run) == others, drawn
        assert drawn[0] == drawn[1]
        kinds.add(drawn[0].kind)
    assert len(kinds) == 10


ROW = {"name": "it", "accuracy": "98.89%", "state": "done", "reports": [["eda", "it/reports/01_eda.html"]]}


@pytest.mark.parametrize(
    ("verdict", "code", "said", "row", "page"),
    [
        ("ignored", 0, "", {}, "<p>1</p>"),
        ("told", 0, "  eda          would run: has not run yet", {}, "<p>1</p>"),
        ("healed", 0, "  eda          done         2.0 s", {}, "<p>1</p>"),
        ("refused", 2, "error: --run it: holds another run", {"accuracy": "99.99%"}, "<p>1</p>"),
        ("not shown", 0, "", {"name": "gone"}, "<p>1</p>"),
        ("told, differs", 0, "", {"accuracy": "99.99%", "state": "metrics.json has changed"}, "<p>1</p>"),
        ("FALSE", 0, "", {"accuracy": "99.99%"}, "<p>1</p>"),
        ("FALSE", 0, "test accuracy 99.99%", {}, "<p>1</p>"),
        ("FALSE", 0, "", {}, "<p>2</p>"),
        ("FALSE", 0, "error: a word", {}, "<p>1</p><img src=x onerror=alert(1)>"),
        ("traceback", 1, "Traceback (most recent call last):\nValueError", {}, "<p>1</p>"),
        ("traceback", -11, "", {}, "<p>1</p>"),
        ("hangs", None, "", {}, "<p>1</p>"),
    ],
)
def test_what_comes_after_a_change_is_judged(tmp_path, verdict, code, said, row, page):
    world = fuzz.World(tmp_path)
    world.usual = fuzz.Shown("test accuracy 98.89%", row=ROW, pages={"01_eda.html": "<p>1</p>"})
    world.usual_lines = {"again": {"run it", "test accuracy 98.89%"}}
    shown = json.dumps([ROW | row])
    files.write_file(world.outputs / "index.html", f'<script id="data">{shown}</script>')
    files.write_file(world.run / "reports" / "01_eda.html", page)
    change = fuzz.Change("byte", "model.json", "byte 1 is 1, was 2")
    after = {"model.json": "another"}
    ended = fuzz.Said(code, f"run it\n{said}\n", "in this process")
    assert fuzz.judge(world, change, "again", ended, after, after)[0] == verdict


def test_a_page_of_the_archive_is_that_of_the_folder_and_another_figure_in_a_header_is_found(finished):
    _, folder, _ = finished
    pages = {path.name: path.read_text() for path in (folder / "reports").glob("*.html")}
    with zipfile.ZipFile(folder / "reports.zip") as archive:
        packed = {Path(name).name: archive.read(name).decode() for name in archive.namelist()}
    assert packed.keys() == pages.keys() and packed != pages
    assert {name: fuzz.plain(html) for name, html in packed.items()} == {
        name: fuzz.plain(html) for name, html in pages.items()
    }
    results = pages["04_results.html"]
    better = re.sub(r"(<dt>test accuracy</dt><dd>)[^<]*", r"\g<1>99.99%", results)
    assert better != results and fuzz.headline(better) != fuzz.headline(results)
    slower = re.sub(r"(<dt>training time</dt><dd>)[^<]*", r"\g<1>1 h", results)
    assert slower != results and fuzz.headline(slower) == fuzz.headline(results)


def test_a_link_to_a_page_that_is_gone_is_no_difference(finished, tmp_path):
    _, folder, _ = finished
    run = tmp_path / folder.name
    shutil.copytree(folder, run)
    (run / "notebooks" / "01_eda.ipynb").unlink()
    runner.render_all(run)
    before, after = ((place / "reports" / "04_results.html").read_text() for place in (folder, run))
    assert 'href="01_eda.html"' in before and 'href="01_eda.html"' not in after
    assert fuzz.plain(before) == fuzz.plain(after)


class Planned(fuzz.World):
    """A world in which a stage would run, whatever the command; nothing runs."""

    def forked(self, action, *arguments):
        return fuzz.Said(0, "  results      would run: has not run yet", "in this process")

    def process(self, arguments):
        return fuzz.Said(0, "", "as a process")


def test_of_the_trials_in_which_a_stage_would_run_a_quarter_really_run_it(tmp_path):
    world = Planned(tmp_path)
    share = fuzz.SHARE_REALLY
    ways = [fuzz.command_of(world, "again", random.Random(number), share).how for number in range(1000)]
    assert 0.2 < ways.count("as a process") / len(ways) < 0.3 and ways.count("pages alone") > 0


def test_what_is_outside_a_run_is_watched_and_no_link_is_followed(tmp_path):
    world = fuzz.World(tmp_path)
    fill(world.run, 1)
    files.write_file(world.places.outside / "secret.txt", "1")
    (world.places.outside / "link").symlink_to(world.run)
    before = world.other_tree()
    assert set(before) == {"outputs", "outside", "outside/link", "outside/secret.txt"}
    files.write_file(world.run / "run.json", "2")
    assert world.other_tree() == before
    files.write_file(world.places.outside / "secret.txt", "2")
    assert fuzz.differences(before, world.other_tree()) == ["outside/secret.txt"]


def test_a_page_is_the_same_without_the_links_to_its_neighbours():
    page = '<nav aria-label="Reports of this run" class="reports">\n<a href="a">a</a>{}\n</nav>\n</header>{}'
    assert fuzz.plain(page.format("", "97.77%")) == fuzz.plain(page.format("<a>b</a>", "97.77%"))
    assert fuzz.plain(page.format("", "97.77%")) != fuzz.plain(page.format("", "99.99%"))
