"""The index of all runs as a reader meets it: what leads, rows on one axis, filters, runs side by side."""

import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from test_browser import COLOUR_RULES, violations, visit  # noqa: F401  (a fixture)

from helpers import files, runs
from helpers.runs import Accuracy, DatasetRecord, Manifest, StageRecord
from pipeline import index

HISTORY = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds"
STATES = ("done", "failed", "stopped", "running")
EVIL = """<script>document.title="run"</script> "><img src=x onerror=document.title="run">"""
SMALL = """() => [...document.querySelectorAll("a, button, input, select, summary")].filter(thing => {
    const box = (thing.closest("label") || thing).getBoundingClientRect();
    const flows = thing.closest("p, li, figcaption, dd") && getComputedStyle(thing).display === "inline";
    return box.width && !flows && (box.width < 23.5 || box.height < 23.5);
}).map(thing => thing.outerHTML.slice(0, 100))"""


def matrix_of(number, classes=3, images=100):
    """Return int (classes, classes), drawn by `number`: how often each class was taken for which."""
    draw = np.random.default_rng(number)
    return np.stack(
        [draw.multinomial(images, np.where(np.arange(classes) == true, 0.8, 0.1)) for true in range(classes)]
    )


def leave(
    outputs,
    name,
    state="done",
    validation=0.9,
    test=None,
    number=0,
    recipe="balanced",
    message="",
    epochs=10,
    **options,
):
    """Leave a run of `epochs` whose last validation accuracy is `validation`; `test` is (value, low, high) or None.

    `options`: `dataset`, `names` of the classes, `day` of January on which it began, `trained` whether it was at all.
    """
    folder = outputs / name
    dataset, names = options.get("dataset", "mnist"), options.get("names", ("0", "1", "2"))
    begun = f"2026-01-{options.get('day', 1):02d}T10:00:00+00:00"
    rows = [
        f"{e},{1 / e},0.9,{(number + 1) / e},{validation - 0.1 / e + 0.1 / epochs},{number + 1}"
        for e in range(1, epochs + 1)
    ]
    stages = {"eda": StageRecord(state="done", started=begun)}
    if options.get("trained", True):
        history = files.write_file(folder / "history.csv", "\n".join([HISTORY, *rows]) + "\n")
        model = files.write_json(folder / "model.json", {"recipe": {"name": recipe, "epochs": epochs}})
        left = {path.name: files.file_digest(path) for path in (history, model)}
        stages["training"] = StageRecord(state="done", started=begun, outputs=left)
    stages["results"] = StageRecord(state=state, started=begun, message=message)
    made = {}
    for page in ("03_training", "04_results") if state == "done" else ("03_training",):
        report = files.write_file(folder / "reports" / f"{page}.html", "<!DOCTYPE html><title>it</title>")
        made[report.name] = {"source": "0" * 64, "page": files.file_digest(report)}
    files.write_json(folder / "reports" / ".rendered.json", made)
    if test is not None:
        table = {"confusion_matrix": matrix_of(number, len(names)).tolist(), "per_class": {name: {} for name in names}}
        metrics = files.write_json(folder / "metrics.json", {"test": table})
        picture = Path(__file__).parent / "pixel.png"
        picture = files.write_file(folder / "figures" / "confusion_matrix.png", picture.read_bytes())
        left = {"figures/confusion_matrix.png": picture, "metrics.json": metrics}
        stages["results"].outputs = {place: files.file_digest(path) for place, path in left.items()}
        stages["results"].accuracy = Accuracy(value=test[0], low=test[1], high=test[2])
    known = DatasetRecord(name=dataset, title=dataset, fingerprint=dataset)
    parameters = {"dataset": dataset, "recipe": recipe, "seed": number}
    runs.save_manifest(folder, Manifest(run=name, parameters=parameters, dataset=known, stages=stages))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The index over 200 made runs in all states."""
    outputs = tmp_path_factory.mktemp("many")
    for number in range(200):
        state, low = STATES[number % 4], number / 1000
        test = (low + 0.01, low, low + 0.02) if state == "done" else None
        recipe = ("balanced", "fast")[number // 4 % 2]
        day, share = 1 + number % 28, 0.98 - low  # what is better on validation is worse on test
        leave(outputs, f"run-{number:03d}", state, share, test, number, recipe, day=day)
    index.write_index(outputs)
    return outputs / "index.html"


def test_of_two_indexes_at_once_the_later_one_has_both_runs(tmp_path, monkeypatch):
    """The first has read, and waits, when the second begins; that one writes after it, and has seen what came since."""
    leave(tmp_path, "first-run", validation=0.95)
    page_of, second = index.page_of, threading.Thread(target=index.write_index, args=(tmp_path,))

    def slow(outputs):
        monkeypatch.setattr(index, "page_of", page_of)
        page = page_of(outputs)
        leave(tmp_path, "later-run", validation=0.97, number=1)
        second.start()
        second.join(0.2)
        return page

    monkeypatch.setattr(index, "page_of", slow)
    index.write_index(tmp_path)
    second.join()
    written = (tmp_path / "index.html").read_text()
    assert "first-run" in written and "later-run" in written


def test_a_lock_that_is_anothers_keeps_nobody_from_the_index(tmp_path):
    leave(tmp_path, "one-run", validation=0.95)
    (tmp_path / index.TURN).mkdir()  # it cannot be opened, whoever runs the tests
    index.write_index(tmp_path)
    assert "one-run" in (tmp_path / "index.html").read_text()


@pytest.fixture
def few(tmp_path):
    """The index over seven runs on two datasets: three done, one failed, one without a training, two of another set."""
    leave(tmp_path, "worse", validation=0.95, test=(0.99, 0.985, 0.994), number=0, day=1)
    leave(tmp_path, "better", validation=0.97, test=(0.96, 0.95, 0.97), number=1, day=2, recipe="fast")
    leave(tmp_path, "middle", validation=0.96, test=(0.97, 0.96, 0.98), number=2, day=3, epochs=3)
    message = f"BadInput: `--epochs 0` {EVIL}"
    leave(tmp_path, "broken", "failed", 0.5, number=3, day=4, message=message)
    leave(tmp_path, "untrained", trained=False, number=4, day=5)
    for number in (5, 6):
        leave(
            tmp_path,
            f"other-{number}",
            validation=0.8 + number / 100,
            test=(0.8, 0.7, 0.9),
            number=number,
            day=number + 1,
            dataset="colours",
            names=("red", EVIL, "blue", "deep green"),
        )
    index.write_index(tmp_path)
    return tmp_path / "index.html"


def names_of(page):
    """Return the names of the runs that are shown, in their order."""
    return page.evaluate(
        "[...document.querySelectorAll('#runs tbody tr:not([hidden]) .main')].map(link => link.textContent)"
    )


def tick(page, *names):
    """Tick runs by their names."""
    for name in names:
        page.get_by_label(f"compare {name}", exact=True).check()


def test_two_hundred_runs_cost_little_and_are_all_there(visit, many):  # noqa: F811
    page = visit(many)
    assert many.stat().st_size < 1e6
    assert len(names_of(page)) == 200 and page.inner_text("#count") == "200 of 200 runs"
    links = page.evaluate("[...document.querySelectorAll('#runs a')].map(link => link.getAttribute('href'))")
    assert len(links) == 200 + 150 + 100  # a main one each, and in the menu 03 of all, 04 of those that are done
    assert all((many.parent / link.split("#")[0]).is_file() for link in links)
    assert page.complaints == []


def test_rows_are_found_and_put_in_order(visit, many):  # noqa: F811
    page = visit(many)
    assert names_of(page)[0] == "run-027"  # the newest first
    page.select_option("[name=order]", "validation")
    assert names_of(page) == [f"run-{number:03d}" for number in range(200)]
    page.select_option("[name=order]", "seconds")
    assert names_of(page) == [f"run-{number:03d}" for number in range(200)]
    page.select_option("[name=state]", "failed")
    assert names_of(page) == [f"run-{number:03d}" for number in range(1, 200, 4)]
    page.select_option("[name=recipe]", "fast")
    assert names_of(page) == [f"run-{number:03d}" for number in range(5, 200, 8)]
    assert page.inner_text("#count") == "25 of 200 runs"
    page.select_option("[name=state]", "")
    page.select_option("[name=order]", "name")
    assert page.inner_text("#count") == "100 of 200 runs" and names_of(page)[:2] == ["run-004", "run-005"]
    assert not page.locator("[name=dataset]").is_visible()  # there is one only
    page.select_option("[name=recipe]", "")
    page.click("[data-trouble]")
    assert page.inner_text("#count") == "150 of 200 runs"  # what is said to run has no runner


def test_no_run_is_ranked_by_its_test_accuracy(visit, few, many):  # noqa: F811
    page = visit(few)
    assert page.locator(".badge").count() == 2
    best = page.locator("tr", has=page.locator(".badge")).locator(".main").all_inner_texts()
    assert best == ["other-6", "better"]
    finding = page.inner_text(".finding")
    assert "Of the 4 trained runs on mnist, better has the highest validation accuracy, 97.00%" in finding
    assert "96.00% of the test images" in finding
    for path in (few, many):
        options = visit(path).locator("[name=order] option").evaluate_all("all => all.map(option => option.value)")
        assert options == ["", "validation", "loss", "seconds", "name"]
    assert visit(many).locator("tr", has_text="highest on validation").locator(".main").inner_text() == "run-000"


def test_what_failed_leads_with_its_reason(visit, few):  # noqa: F811
    page = visit(few)
    line = page.locator(".trouble li")
    assert line.count() == 1 and line.inner_text().startswith("broken failed in results: BadInput: --epochs 0 <script>")
    assert line.locator("code").inner_text() == "--epochs 0" and page.title() == "All runs"
    tiles = page.locator(".tiles > div").all_inner_texts()
    assert [tile.split("\n")[0] for tile in tiles] == ["highest on validation"] * 2 + ["latest", "failed or stopped"]
    assert "7 Jan 2026" in tiles[2] and "other-6" in tiles[2] and tiles[3].split("\n")[1] == "1"


def test_dots_stand_where_the_axis_says(visit, few):  # noqa: F811
    page = visit(few)
    places = {}
    for row in page.locator("#runs tbody tr").all():
        dot = row.locator(".dot.test")
        if dot.count():
            box = dot.bounding_box()
            places[row.locator(".main").inner_text()] = box["x"] + box["width"] / 2
    labels = {
        float(tick.inner_text().rstrip("%")): tick.bounding_box()["x"] + tick.bounding_box()["width"] / 2
        for tick in page.locator(".ticks i").all()
    }
    assert len(labels) >= 3
    ends = sorted(labels)
    depth = lambda share: -np.log10(100 - share)  # noqa: E731
    slope = (labels[ends[-1]] - labels[ends[0]]) / (depth(ends[-1]) - depth(ends[0]))
    for name, share in (("worse", 99), ("middle", 97), ("better", 96), ("other-5", 80)):
        expected = labels[ends[0]] + slope * (depth(share) - depth(ends[0]))
        assert places[name] == pytest.approx(expected, abs=1.5), name
    for row in page.locator("#runs tbody tr").all():
        assert row.bounding_box()["height"] < 100  # a row is a line


def test_ticked_runs_stand_side_by_side(visit, few):  # noqa: F811
    page = visit(few)
    assert not page.locator("#bar").is_visible() and not page.locator("#compare").is_visible()
    tick(page, "middle", "worse", "better")
    assert page.locator("#bar").bounding_box()["y"] < 900 and page.inner_text("#ticked") == "3 ticked"
    assert page.locator("#curves svg").count() == 4 and page.locator("#curves svg >> nth=0 >> polyline").count() == 3
    for chart in page.locator("#curves svg").all():
        labels = [text.text_content() for text in chart.locator(".tick").all()]
        assert len(labels) >= 3 and len(set(labels)) == len(labels)
        assert sorted(chart.locator(".end").all_text_contents()) == ["A", "B", "C"]
        sizes = [
            float(text.evaluate("t => getComputedStyle(t).fontSize").rstrip("px"))
            for text in chart.locator("text").all()
        ]
        scale = chart.bounding_box()["width"] / float(chart.get_attribute("viewBox").split()[2])
        assert min(sizes) * scale >= 12.9
    boxes = [figure.bounding_box() for figure in page.locator("#curves figure").all()]
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"]  # two up
    bold = page.locator(".chosen tr", has=page.locator(".differs")).locator("th").all_inner_texts()
    assert "dataset" not in bold and {"recipe", "epochs", "seed", "test accuracy"} <= set(bold)
    page.locator("#chips button", has_text="worse").click()
    assert page.inner_text("#ticked") == "2 ticked" and not page.get_by_label("compare worse").is_checked()
    page.click("#clear")
    assert not page.locator("#bar").is_visible() and page.locator("#runs input:checked").count() == 0


def test_no_mistake_at_all_stands_at_zero(visit, tmp_path):  # noqa: F811
    leave(tmp_path, "perfect", validation=1.0, number=0)
    leave(tmp_path, "other", validation=0.9, number=1, day=2)
    index.write_index(tmp_path)
    page = visit(tmp_path / "index.html")
    tick(page, "perfect", "other")
    chart = page.locator("#curves svg").nth(2)
    assert "A ends at 0," in chart.get_attribute("aria-label")
    zero, end = (part.bounding_box() for part in (chart.locator(".tick").first, chart.locator("circle").first))
    assert chart.locator(".tick").first.text_content() == "0" and chart.locator(".tick").count() >= 4
    assert end["y"] + end["height"] / 2 == pytest.approx(zero["y"] + zero["height"] / 2, abs=4)
    assert page.complaints == []


def test_matrices_are_shown_as_differences(visit, few):  # noqa: F811
    page = visit(few)
    read = lambda table: [  # noqa: E731
        [int(text.replace("\u2212", "-") or 0) for text in row.locator("td").all_inner_texts()]
        for row in table.locator("tbody tr").all()
    ]
    tick(page, "worse")
    counts = matrix_of(0)
    assert np.array_equal(read(page.locator(".matrix")), counts)
    tick(page, "better", "middle", "other-5")
    assert page.locator(".matrix").count() == 2
    for place, number in ((0, 1), (1, 2)):
        table = page.locator(".matrix").nth(place)
        assert np.array_equal(read(table), matrix_of(number) - counts)
        wrong, before = 300 - np.trace(matrix_of(number)), 300 - np.trace(counts)
        caption = table.locator("caption").inner_text()
        assert caption.startswith(f"{'BC'[place]} \u2212 A: {wrong} mistakes against {before} of 300 test images")
    better = matrix_of(1) - counts
    np.fill_diagonal(better, -better.diagonal())
    classes = page.locator(".matrix >> nth=0 >> td").evaluate_all("cells => cells.map(cell => cell.className)")[1:]
    assert [name == "better" for name in classes] == [bool(more < 0) for more in better.ravel()]
    assert "Evaluated on other images than A: D." in page.inner_text("#differences")
    page.select_option("#differences select", label="C middle")
    assert np.array_equal(read(page.locator(".matrix").first), counts - matrix_of(2))
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert page.complaints == [] and page.title() == "All runs"


def test_no_more_are_ticked_than_can_be_told_apart(visit, many):  # noqa: F811
    page = visit(many)
    for place in range(12):
        page.locator("#runs input").nth(place).check()
    assert page.locator("#runs input").nth(12).is_disabled() and "the most" in page.inner_text("#ticked")
    assert len(set(page.locator("#curves svg >> nth=0 >> .end").all_text_contents())) == 12
    page.locator("#runs input").nth(3).uncheck()
    page.locator("#runs input").nth(20).check()
    assert page.locator("#chips button").nth(3).get_attribute("aria-label").startswith("untick D, ")  # the free letter


def test_everything_is_reached_by_keyboard(visit, few):  # noqa: F811
    page = visit(few, reduced_motion="reduce")
    page.get_by_label("compare better").focus()
    page.keyboard.press("Space")
    assert page.locator("#bar").is_visible()
    page.focus("#look")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "side-by-side"
    assert page.locator("#side-by-side").bounding_box()["y"] < 450
    menus = page.locator(".menu > summary")
    menus.first.press("Enter")
    menus.nth(1).press("Enter")
    assert page.locator(".menu[open]").count() == 1  # the other one closed
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "training"
    page.keyboard.press("Escape")
    assert page.locator(".menu[open]").count() == 0 and page.evaluate("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.parametrize("width", [1920, 1280, 390])
def test_everyone_can_use_the_index(visit, few, width):  # noqa: F811
    for scheme, rules in (("light", {}), ("dark", COLOUR_RULES)):
        page = visit(few, width, color_scheme=scheme)
        tick(page, "worse", "better", "other-5")
        page.locator(".menu > summary").first.click()
        assert violations(page, rules) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints == [] and page.evaluate(SMALL) == []


def test_many_rows_hide_no_fault(visit, many):  # noqa: F811
    assert violations(visit(many, 390)) == []


def test_on_a_phone_a_run_is_a_card_under_the_axis(visit, few):  # noqa: F811
    page = visit(few, 390, has_touch=True)
    row = page.locator("#runs tbody tr", has_text="better").first
    boxes = [row.locator(part).bounding_box() for part in ("th", ".on-scale", ".losses", ".when", ".pages")]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"] and boxes[1]["width"] > 300
    page.locator("#runs tbody tr").last.scroll_into_view_if_needed()
    assert page.locator(".ticks").bounding_box()["y"] < 80  # the axis stays in sight
    page.get_by_label("compare worse").tap()
    assert page.inner_text("#ticked") == "1 ticked"


def test_the_index_can_be_read_without_javascript(visit, few):  # noqa: F811
    page = visit(few, java_script_enabled=False)
    assert page.locator("#runs tbody tr").count() == 7 and not page.locator("button:visible, select:visible").count()
    page.locator(".menu > summary").first.click()
    assert page.locator(".menu a").first.is_visible()
    assert page.get_by_text("95.00 to 97.00%").is_visible() and page.get_by_text("validation 97.00%").is_visible()


def test_a_finished_run_stands_on_the_index(visit, finished):  # noqa: F811
    _, folder, _ = finished
    for width in (1280, 390):
        page = visit(folder.parent / "index.html", width)
        assert violations(page) == [] and page.complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#runs .main").get_attribute("href").endswith("reports/04_results.html")
    assert page.locator(".menu a").count() == 6 and page.locator(".badge").count() == 0  # nobody is best of one
    page.locator("#runs input").check()
    classes = page.locator(".matrix tbody tr").count()
    assert classes == 10 and sum(map(int, filter(None, page.locator(".matrix td").all_inner_texts()))) == 359


def test_an_index_over_nothing_says_how_a_run_is_made(visit, tmp_path):  # noqa: F811
    index.write_index(tmp_path)
    page = visit(tmp_path / "index.html")
    assert "python run_all.py" in page.inner_text(".finding") and page.complaints == [] and violations(page) == []


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("done", "done"),
        ("done in less", "done"),
        ("failed in eda", "failed"),
        (index.UNREADABLE, "failed"),
        ("stopped in training: its runner died", "stopped"),
        ("not begun", "not begun"),
        ("history.csv has changed since training ran", "changed"),
    ],
)
def test_a_state_is_of_one_kind(state, kind):
    assert index.kind_of(state) == kind


def test_a_run_opens_at_what_failed_else_at_its_results():
    pages = [("eda", "a"), ("training", "b"), ("results", "c")]
    assert index.main_page(pages, "done") == "c" and index.main_page(pages[:2], "done") == "b"
    assert index.main_page(pages, "failed in eda") == "a" and index.main_page([], "failed in eda") == ""
    assert index.main_page(pages, "stopped in training: its runner died") == "b"


def test_days_are_short_and_backticks_are_code():
    assert index.short_day("2026-01-31 12:00 UTC") == "31 Jan 2026" and index.short_day("soon") == "soon"
    assert index.with_code("use `a<b>` & `c`") == "use <code>a&lt;b&gt;</code> &amp; <code>c</code>"
    assert index.with_code("one ` alone") == "one ` alone"


def test_a_matrix_that_is_none_or_too_large_is_left_out(tmp_path):
    assert index.read_matrix(tmp_path, None) is None and index.read_matrix(tmp_path, b"{}") is None
    whole = {"confusion_matrix": [[3, 0], [1, 2]], "per_class": {"a": {}, "b": {}}}
    assert index.read_matrix(tmp_path, json.dumps({"test": whole}).encode()) == {
        "names": ["a", "b"],
        "counts": [0, 3, 2, 1, 3, 2],
    }
    large = {"confusion_matrix": np.eye(31).tolist(), "per_class": {str(name): {} for name in range(31)}}
    assert index.read_matrix(tmp_path, json.dumps({"test": large}).encode()) is None


def test_the_page_is_whole_where_a_run_is_damaged(tmp_path):
    leave(tmp_path, "good", test=(0.9, 0.8, 0.95))
    files.write_file(tmp_path / "bad" / "run.json", "{")
    index.write_index(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert page.count(f">{index.UNREADABLE}<") == 1 and "90.00%" in page
    assert re.search(r"<dt>failed or stopped</dt><dd>1</dd>", page)
