"""The page over a grid, its CSV and its JSON: right to the figure, in a real browser, and whatever the runs hold."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from made_grids import correct, grid, leave, point
from scipy import stats
from test_browser import COLOUR_RULES, violations, visit  # noqa: F401  (a fixture)
from test_index_page import SMALL

from helpers import files, plots, runs
from pipeline import grid_page, index
from pipeline.reports import TEMPLATE

EVIL = """<script>document.title="run"</script> "><img src=x onerror=document.title="run">"""


@pytest.fixture
def whole(tmp_path):
    """The same as `made`, in which two runs failed and none is missing."""
    return of_twelve(tmp_path, missing=False)


@pytest.fixture
def made(tmp_path):
    """A grid of two recipes, two learning rates and three seeds, in which one run failed and one is not there."""
    return of_twelve(tmp_path, missing=True)


def of_twelve(tmp_path, missing):
    """Return a grid of twelve made runs, one of which failed, and another is `missing`, or failed, too."""
    points = []
    for recipe, share in (("fast", 0.85), ("balanced", 0.93)):
        for rate, more in ((0.001, 0), (0.003, 0.02)):
            for seed in range(3):
                place = point(tmp_path, seed, recipe=recipe, learning_rate=rate, only=("training", "results"))
                points.append(place)
                read = correct(share + more + seed / 100, seed)
                if (recipe, rate, seed) == ("fast", 0.001, 1):
                    leave(place, read, state="failed", message=f"TrainingDiverged: `loss` {EVIL}")
                elif (recipe, rate, seed) == ("fast", 0.001, 2):
                    if not missing:
                        leave(place, read, state="failed", message="KernelDied")
                else:
                    losses = [2 * (1 - share) / epoch for epoch in range(1, 6)]
                    leave(place, read, losses=losses, seconds=1 + seed, test=0.871 + seed / 1000 + more)
    return grid(tmp_path, points, ("recipe", "learning_rate", "seed"))


def table(made):
    """Return the rows of grid.csv."""
    return list(csv.DictReader((made.folder / "grid.csv").read_text().splitlines()))


def test_the_figures_are_those_that_scipy_finds_from_the_csv(made):
    grid_page.write(made)
    rows, summary = table(made), json.loads((made.folder / "grid.json").read_text())
    assert len(rows) == 12 and [row["run"] for row in rows] == [place.run for place in made.points]
    assert summary["runs"] == {"all": 12, "done": 10, "failed": 1, "missing": 1} and summary["version"] == 1
    settings = summary["groups"][0]["settings"]
    assert [setting["rank"] for setting in settings] == [1, 2, 3, 4]
    for setting in settings:
        own = [row for row in rows if row["recipe"] == setting["values"]["recipe"]]
        own = [row for row in own if float(row["learning_rate"]) == setting["values"]["learning_rate"]]
        assert {row["rank"] for row in own} == {str(setting["rank"])}
        for figure in grid_page.ESTIMATED:
            values = [float(row[figure]) for row in own if row["state"] == "done"]
            found = setting[figure]
            assert found["mean"] == pytest.approx(np.mean(values)) and found["n"] == len(values)
            if len(values) == 1:
                assert found["low"] is found["high"] is None
            elif np.ptp(values):
                interval = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
                assert (found["low"], found["high"]) == pytest.approx(interval)
    differences = summary["groups"][0]["differences"]
    assert [row["to"] for row in differences] == [setting["name"] for setting in settings[1:]]
    best = [float(row["validation_accuracy"]) for row in rows if row["rank"] == "1"]
    for difference, setting in zip(differences, settings[1:], strict=True):
        beside = [row["validation_accuracy"] for row in rows if row["rank"] == str(setting["rank"])]
        pairs = [(one, float(two)) for one, two in zip(best, beside, strict=True) if two]
        assert difference["mean"] == pytest.approx(np.mean([one - two for one, two in pairs]))
        assert difference["repeats"] == len(pairs) and difference["p"] <= difference["adjusted_p"] <= 1
        clear = difference["adjusted_p"] <= 0.05 and len(pairs) > 1
        assert (difference["verdict"] == "more than chance") == clear
        assert (difference["verdict"] == "from one pair of runs") == (len(pairs) == 1)
    order = sorted(differences, key=lambda row: row["p"])  # Holm, for the 6 pairs of 4 settings
    steps = [min(1, (6 - place) * row["p"]) for place, row in enumerate(order)]
    assert [row["adjusted_p"] for row in order] == pytest.approx(np.maximum.accumulate(steps).tolist())


def everything_of(made):
    """Return the text of a grid's page, JSON and CSV, but for its pictures."""
    page, summary, rows = (made.folder / f"grid.{kind}" for kind in ("html", "json", "csv"))
    return re.sub("<svg.*?</svg>", "", page.read_text(), flags=re.DOTALL) + summary.read_text() + rows.read_text()


def test_test_accuracy_is_that_of_the_first_and_nowhere_else(whole):
    grid_page.write(whole)
    summary = json.loads((whole.folder / "grid.json").read_text())
    test = summary["groups"][0]["test"]
    assert test["setting"] == "balanced, learning rate 0.003" and test["mean"] == pytest.approx(0.892)
    everything = everything_of(whole)
    assert "89.20%" in everything and not re.search(r"87\.[123]\d?%|0\.87[123]", everything)
    assert "likely to be too high" in everything


def test_no_test_accuracy_is_shown_while_the_first_may_still_change(made):
    grid_page.write(made)
    assert json.loads((made.folder / "grid.json").read_text())["groups"][0]["test"] is None
    everything = everything_of(made)
    assert not re.search(r"89\.\d+%|0\.89[123]|87\.[123]\d?%|0\.87[123]", everything.replace("89.00%", ""))
    assert "No test accuracy is shown yet: 1 run is missing" in everything and "is first so far" in everything


def test_the_page_opens_with_the_answer_and_names_what_failed(made):
    page = grid_page.write(made).read_text()
    finding = page.split('<p class="finding">')[1]
    assert finding.startswith("balanced, learning rate 0.003 is first so far, with a validation accuracy of 96.00%")
    assert page.index('id="failed"') < page.index("<h2>Settings")
    assert "TrainingDiverged: <code>loss</code> &lt;script&gt;" in page
    assert EVIL not in page and page.count("<figure ") == 4  # two axes, losses, seconds
    assert [f"<b>Figure {number}.</b>" in page for number in range(1, 6)] == [True] * 4 + [False]
    links = re.findall(r'href="(\.\./\.\./[^"]+)"', page)
    assert len(links) == 1 + 2 * 11 + 1 and all((made.folder / link).is_file() for link in links[1:])


def test_every_point_stands_with_its_settings(visit, made):  # noqa: F811
    page = visit(grid_page.write(made))
    cells = page.locator("#points tbody tr >> nth=5").locator("td").all_inner_texts()
    assert cells[1:7] == ["done", "3", "fast", "0.003", "2", "89.00%"] and cells[-1] == "training"
    page.click("#points th:nth-child(3) button")
    page.click("#points th:nth-child(3) button")
    ranks = page.locator("#points tbody").evaluate("body => [...body.rows].map(row => row.cells[2].textContent)")
    assert ranks == ["4"] * 3 + ["3"] * 3 + ["2"] * 3 + ["1"] * 3


def test_intervals_ties_and_small_p_values_sort_as_numbers(visit, tmp_path):  # noqa: F811
    texts = ("below 0.001", "0.020", "-1.50 to +2.00", "10*", "9", "", "+3.10", "5.0 s", "2e-05", "7 of 10")
    script = (TEMPLATE / "sort.js").read_text()
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in texts)
    table = f"<table class=sortable><thead><tr><th>x</th></tr></thead><tbody>{rows}</tbody></table>"
    page = visit(files.write_file(tmp_path / "page.html", f"<!DOCTYPE html>{table}<script>{script}</script>"))
    page.click("th button")
    order = "-1.50 to +2.00|2e-05|below 0.001|0.020|+3.10|5.0 s|7 of 10|9|10*|"
    assert "|".join(page.locator("td").all_inner_texts()) == order


def test_images_that_stand_in_for_others_are_named_above_all(tmp_path):
    place = leave(point(tmp_path), correct(0.9))
    noted = place.request.model_copy(update={"note": "MNIST was not there"})
    page = grid_page.write(grid(tmp_path, [replace(place, request=noted)], ())).read_text()
    assert page.index("MNIST was not there") < page.index("reaches a validation accuracy")
    assert "Each run is validated on 400 images of digits." in page


def test_the_same_runs_give_the_same_bytes(made):
    grid_page.write(made)
    before = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    grid_page.write(made)
    assert before == {path.name: path.read_bytes() for path in made.folder.iterdir()} and len(before) == 3


def test_a_page_of_a_run_that_was_changed_is_not_linked(made):
    changed = made.points[0].request.folder / "reports" / "03_training.html"
    changed.write_text("another")
    assert f"{made.points[0].run}/reports" not in grid_page.write(made).read_text()
    assert table(made)[0]["state"] == "done"


@pytest.mark.parametrize("state", ["one", "failed", "diverged", "missing"])
def test_a_grid_of_one_point_or_of_none_that_is_done(tmp_path, state):
    points = [point(tmp_path, 0)] if state == "one" else [point(tmp_path, seed) for seed in range(2)]
    losses = (1.0, float("inf") if state == "diverged" else 0.0)
    for place in points if state != "missing" else []:
        leave(place, correct(0.9), losses=losses, state="failed" if state == "failed" else "done")
    page = grid_page.write(grid(tmp_path, points, ("seed",))).read_text()
    assert ("No run has finished" in page) == (state != "one") and page.count("<figure ") == (
        2 if state == "one" else 0
    )
    assert ("No test accuracy is shown here" in page) == (state == "one") and "UTC to  " not in page
    json.loads((tmp_path / "grids" / "made" / "grid.json").read_text())


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The page of a grid of 300 runs."""
    outputs = tmp_path_factory.mktemp("many")
    points = [
        leave(point(outputs, seed, batch_size=size), correct(0.8 + size / 1000, seed), seconds=size)
        for size in range(16, 46)
        for seed in range(10)
    ]
    wanted = grid(outputs, points, ("batch_size", "seed"))
    return grid_page.write(wanted)


def test_three_hundred_runs_are_there_and_sort(visit, many):  # noqa: F811
    page = visit(many)
    assert many.stat().st_size < 2e6 and page.locator("#points tbody tr").count() == 300
    column = page.locator("#points tbody").evaluate("body => [...body.rows].map(row => row.cells[5].textContent)")
    shares = [float(text.rstrip("%")) for text in column]
    page.click("#points th:nth-child(6) button")
    column = page.locator("#points tbody").evaluate("body => [...body.rows].map(row => row.cells[5].textContent)")
    assert [float(text.rstrip("%")) for text in column] == sorted(shares)


@pytest.mark.parametrize("width", [1920, 1280, 390])
def test_everyone_can_use_the_page(visit, made, width):  # noqa: F811
    path = grid_page.write(made)
    for scheme, rules in (("light", {}), ("dark", COLOUR_RULES)):
        page = visit(path, width, color_scheme=scheme)
        assert violations(page, rules) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints == [f"data:{url[5:]}" for url in page.complaints] and page.evaluate(SMALL) == []
    alternatives = page.locator("figure [role=img]").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert len(set(alternatives)) == 4 and all(len(text) > 20 for text in alternatives)
    assert page.title() == "Grid made"  # no text of a run was run


def test_the_page_is_readable_without_javascript(visit, made):  # noqa: F811
    page = visit(grid_page.write(made), java_script_enabled=False)
    assert not page.locator("button:visible").count() and page.locator("#points tbody tr").count() == 12
    assert page.locator("#failed + details li").is_visible()


def test_the_index_lists_grids_and_a_broken_one_breaks_nothing(visit, made):  # noqa: F811
    page = grid_page.write(made)
    outputs = made.outputs
    for name, content in (("torn", b'{"version": 1'), ("later", b'{"version": 2}'), ("odd", b"[]"), ("half", b"\xff")):
        files.write_file(outputs / "grids" / name / "grid.json", content)
    summary = json.loads((made.folder / "grid.json").read_text())
    summary["groups"][0]["settings"][0]["name"] = EVIL
    files.write_json(outputs / "grids" / "evil" / "grid.json", summary)
    index.write_index(outputs)
    shown = visit(outputs / "index.html")
    rows = shown.locator("#grids tbody tr").all_inner_texts()
    assert len(rows) == 6 and sum(index.UNREADABLE in row for row in rows) == 4 and violations(shown) == []
    (line,) = (row.split("\t") for row in rows if row.startswith("made"))
    assert line[1:] == ["10 of 12 done, 1 failed", "digits: balanced, learning rate 0.003, 96.00%", "31 Jan 2026"]
    narrow = visit(outputs / "index.html", 390)
    assert violations(narrow) == [] and narrow.evaluate("document.documentElement.scrollWidth") <= 390
    shown.click("#grids a")
    assert shown.url == page.as_uri() and shown.title() == "Grid made"


def test_an_index_without_grids_has_no_list_of_them(tmp_path):
    leave(point(tmp_path), correct(0.9))
    index.write_index(tmp_path)
    assert 'id="grids"' not in (tmp_path / "index.html").read_text()


def test_figures_hold_what_they_are_given():
    figure = plots.accuracy_by_value([0.1, 0.1, 0.01], [0.9, 0.8, 0.7], "learning rate", logarithmic=True)
    (axis,) = figure.axes
    assert axis.get_xscale() == "log"
    assert sorted(y for line in axis.lines if line.get_marker() == "o" for y in line.get_ydata()) == [70, 80, 90]
    assert [y for line in axis.lines if line.get_marker() == "D" for y in line.get_ydata()] == pytest.approx([70, 85])
    (axis,) = plots.accuracy_by_value(["one", "two", "one"], [0.9, 0.8, 1.0], "recipe").axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one", "two"]
    single = plots.accuracy_by_value(["one", "two"], [0.9, 0.8], "recipe")
    assert "<svg" in plots.as_svg(single, "single")  # the interval of one run is unknown
    (axis,) = plots.losses_by_run([[1, 0.5], [2, float("nan")]], [1, 0], ["best", "other"]).axes
    assert axis.lines[-1].get_color() == plots.ACCENT and axis.get_yscale() == "log"
    names = [f"setting {place}" for place in range(9)]
    figure = plots.accuracy_by_seconds([1] * 8 + [100], [0.9] * 9, list(range(9)), names)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["setting 0", "the other 8 settings"]
    assert figure.axes[0].get_xscale() == "log"


def test_a_grid_page_reads_no_model(made, monkeypatch):
    opened = []
    read_file = files.read_file
    monkeypatch.setattr(runs, "read_file", lambda path: opened.append(path.name) or read_file(path))
    grid_page.write(made)
    assert set(opened) == {"history.csv", "validation.npz", "model.json", "metrics.json"}


def test_shares_stay_shares_and_runs_that_are_the_same_have_no_interval(tmp_path):
    points = [leave(point(tmp_path, seed), correct(share, seed)) for seed, share in enumerate((0.98, 0.5))]
    page = grid_page.write(grid(tmp_path, points, ("seed",))).read_text()
    assert "74.00% (mean of 2 runs, 95% interval 0.00% to 100.00%)" in page and "-2" not in page.split("<h2>")[1]
    assert 'style="left:-' not in page
    points = [leave(point(tmp_path, seed), correct(0.9, seed)) for seed in range(2)]
    page = grid_page.write(grid(tmp_path, points, ("seed",))).read_text()
    assert "90.00% (mean of 2 runs, which are all the same)" in page and "90.00% to 90.00%" not in page


def test_a_setting_that_may_be_guessing_is_called_so(tmp_path):
    points = [leave(point(tmp_path, seed), correct(0.1, seed)) for seed in range(2)]
    page = grid_page.write(grid(tmp_path, points)).read_text()
    assert "not told apart from guessing the most frequent class (exact test at 5%)" in page
    assert "(not told apart from guessing)" in page
    points = [leave(point(tmp_path, seed), correct(0.3, seed)) for seed in range(2)]
    assert "guessing" not in grid_page.write(grid(tmp_path, points)).read_text()
