"""The confusion matrix that opens the images behind it: the same numbers and pixels as in Python, for everyone."""

import re

import numpy as np
import pytest
from widget_pages import Pages, made_images, made_predictions, violations

from helpers import evaluation
from helpers.evaluation import Predictions
from helpers.widgets import confusion

DIGITS = tuple("0123456789")
SOME = made_predictions(400, 10, 2.5)
IMAGES = made_images(400, 1, 28, 28)
READ = """
canvas => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    return pen.getImageData(0, 0, copy.width, copy.height).data;
}
"""
PIXELS = f"canvas => [...({READ})(canvas)].filter((_, place) => place % 4 < 3)"
PAINTED = f"[...document.querySelectorAll('canvas')].every(canvas => ({READ})(canvas)[3])"
CELL = "({ parentElement: row, cellIndex }) => [row.rowIndex - 1, cellIndex - 1]"


@pytest.fixture
def pages(browser, tmp_path):
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()


def pad(side=28, channels=1):
    """Return a script with a pad that keeps what it is given."""
    return f"window.networkPad = {{ side: {side}, channels: {channels}, load(...what) {{ window.loaded = what; }} }};"


def begun(page):
    """Return a page once the widget has opened its first cell, and drawn its images."""
    page.wait_for_selector("[aria-selected=true]")
    page.wait_for_function(PAINTED)
    return page


def cell(page, row, column):
    """Return the locator of a cell."""
    return page.locator("tbody tr").nth(row).locator("td").nth(column)


def shown(page):
    """Return the numbers of the test images that are shown, in order."""
    labels = [one.get_attribute("aria-label") for one in page.locator(".answers canvas").all()]
    return [int(label.split()[2].rstrip(":")) for label in labels]


def fullest(predictions):
    """Return (row, column) of the cell with the most mistakes."""
    return evaluation.confused_pairs(evaluation.confusion_matrix(predictions), 1)[0][:2]


def test_mistakes_come_from_all_cells_in_turn_the_most_confident_first():
    predictions = made_predictions(4000, 10, 0.2)
    chosen = confusion.choose_mistakes(predictions)
    assert len(chosen) == len(set(chosen)) == confusion.MOST < (~predictions.correct).sum()
    assert not predictions.correct[chosen].any()
    cells = predictions.labels[chosen] * 10 + predictions.predicted[chosen]
    counts = np.bincount(cells, minlength=100)[~np.eye(10, dtype=bool).ravel()]
    assert counts.max() - counts.min() <= 1
    row, column = fullest(predictions)
    of_cell = chosen[cells == row * 10 + column]
    every = np.flatnonzero((predictions.labels == row) & (predictions.predicted == column))
    best = every[np.argsort(-predictions.confidence[every], kind="stable")]
    assert of_cell.tolist() == best[: len(of_cell)].tolist()


def test_one_cell_keeps_some_and_right_answers_are_the_doubted_ones():
    logits = np.tile([[0.0, 1.0]], (100, 1)).astype(np.float32)
    assert len(confusion.choose_mistakes(Predictions(logits, np.zeros(100, dtype=int)))) == confusion.PER_CELL
    right = confusion.choose_right(SOME)
    assert SOME.correct[right].all() and np.bincount(SOME.labels[right]).tolist() == [6] * 10
    least = min(SOME.confidence[SOME.correct & (SOME.labels == 3)])
    assert SOME.confidence[right[SOME.labels[right] == 3]].min() == least
    assert len(confusion.choose_right(made_predictions(3000, 100, 3.0))) == 100


@pytest.mark.parametrize(("form", "kind"), [((1, 28, 28), "image/png"), ((3, 96, 96), "image/jpeg")])
def test_the_images_of_a_page_are_small(form, kind):
    images, predictions = made_images(120, *form), made_predictions(120, 3, 0.5)
    sheet = confusion.pack(images, confusion.choose_mistakes(predictions), confusion.choose_right(predictions))
    assert len(sheet.content) <= confusion.LARGEST and sheet.kind == kind and len(sheet.places) >= 2
    assert not predictions.correct[sheet.places].all() and predictions.correct[sheet.places].any()


def test_the_same_answers_give_the_same_bytes_and_names_are_text():
    names = ["</script><b>", *DIGITS[1:]]
    one = confusion.confusion_table(IMAGES, SOME, names)
    assert one == confusion.confusion_table(IMAGES, SOME, names)
    assert "</script><b>" not in one and " id=" not in one and len(one) < 250_000


def test_a_cell_opens_its_images_with_both_probabilities(pages):
    page = begun(pages.open(confusion.confusion_table(IMAGES, SOME, DIGITS), pad()))
    row, column = fullest(SOME)
    count = evaluation.confusion_matrix(SOME)[row, column]
    assert f"{row} called {column}: {count} of" in page.locator(".said").inner_text()
    page.locator(".said[aria-live=polite]").wait_for()
    cell(page, 4, 4).click()
    begun(page)
    doubted = [place for place in confusion.choose_right(SOME).tolist() if SOME.labels[place] == 4]
    assert shown(page) == doubted
    cell(page, row, column).click()
    begun(page)
    places = shown(page)
    every = np.flatnonzero((SOME.labels == row) & (SOME.predicted == column))
    assert set(places) <= set(every) and len(places) == min(len(every), confusion.PER_CELL)
    for number, place in enumerate(places):
        card = page.locator(".answered").nth(number)
        drawn = card.locator("canvas").evaluate(PIXELS)
        assert np.array_equal(drawn, (255 - IMAGES[place, 0]).repeat(3).ravel())
        told = [float(text.rstrip("%").lstrip("<>")) for text in card.locator(".share span").all_inner_texts()]
        assert told == pytest.approx(100 * SOME.probabilities[place, [column, row]], abs=0.051)
    page.get_by_role("button", name="load on the pad").first.click()
    page.wait_for_function("window.loaded")
    pixels, focus, label = page.evaluate("[[...loaded[0]], ...loaded.slice(1)]")
    assert pixels == IMAGES[places[0]].ravel().tolist() and focus is True and not page.complaints
    assert re.sub(r"[^\w .]", "", label) == f" Its label is {row}."


def test_the_table_is_one_stop_of_the_keyboard_and_arrows_move_in_it(pages):
    page = begun(pages.open(confusion.confusion_table(IMAGES, SOME, DIGITS), pad()))
    row, column = fullest(SOME)
    page.keyboard.press("Tab")
    selected = f"[...document.querySelectorAll('td[aria-selected=true]')].map({CELL})"
    focused = f"({CELL})(document.activeElement)"
    assert page.evaluate(focused) == [row, column]
    table = evaluation.confusion_matrix(SOME)
    steps = {"Home": (row, 0), "ArrowLeft": (row, 0), "ArrowRight": (row, 1), "End": (row, 9), "Control+Home": (0, 0)}
    steps |= {"ArrowDown": (1, 0), "Control+End": (9, 9), "ArrowUp": (8, 9)}
    for key, place in steps.items():
        page.keyboard.press(key)
        assert page.evaluate(selected) == [list(place)] and page.evaluate(focused) == list(place), key
        told = page.locator(".said").inner_text()
        assert (f" {table[place]} of" in f" {told}") if table[place] and place[0] != place[1] else told
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON" and not page.complaints


@pytest.mark.parametrize("key", [" ", "Enter"])
def test_space_and_enter_go_on_to_the_images_and_the_page_stays(pages, key):
    html = confusion.confusion_table(IMAGES, SOME, DIGITS) + '<div style="height: 3000px"></div>'
    for script, tag in ((pad(), "BUTTON"), ("", "UL")):
        page = begun(pages.open(html, script))
        page.keyboard.press("Tab")
        page.keyboard.press(key)
        assert page.evaluate("[document.activeElement.tagName, !!document.activeElement.closest('.answers')]") == [
            tag,
            True,
        ]
        empty = next(place for place in np.argwhere(evaluation.confusion_matrix(SOME) == 0))
        cell(page, *empty).click()
        page.evaluate("addEventListener('keydown', event => { window.scrolls = !event.defaultPrevented; })")
        page.keyboard.press(key)
        assert page.evaluate("[document.activeElement.tagName, scrolls]") == ["TD", False] and not page.complaints


def test_the_reverse_and_the_fullest_cells_are_at_hand(pages):
    page = begun(pages.open(confusion.confusion_table(IMAGES, SOME, DIGITS)))
    row, column = fullest(SOME)
    page.get_by_role("button", name="the reverse").press("Enter")
    assert f"{column} called {row}" in page.locator(".said").inner_text()
    pairs = evaluation.confused_pairs(evaluation.confusion_matrix(SOME), 6)
    texts = page.locator(".fullest button").all_inner_texts()
    assert [int(text.split()[-1]) for text in texts] == [count for *_, count in pairs]
    page.locator(".fullest button").nth(2).click()
    assert page.locator(".fullest button[aria-pressed=true]").inner_text() == texts[2]
    assert page.locator(".answered button").count() == 0 and not page.complaints  # there is no pad


def test_a_finger_opens_a_cell_of_images_in_colour(pages):
    images, predictions = made_images(60, 3, 16, 16), made_predictions(60, 3, 1.0)
    html = confusion.confusion_table(images, predictions, ["red", "green", "blue"])
    page = begun(pages.open(html, pad(16, 3), 390, has_touch=True))
    cell(page, 1, 1).tap()
    begun(page)
    place = shown(page)[0]
    assert predictions.labels[place] == predictions.predicted[place] == 1
    drawn = page.locator(".answers canvas").first.evaluate(PIXELS)
    assert np.array_equal(drawn, images[place].transpose(1, 2, 0).ravel())
    page.get_by_role("button", name="load on the pad").first.tap()
    page.wait_for_function("window.loaded")
    assert page.evaluate("[...loaded[0]]") == images[place].ravel().tolist() and not page.complaints


def test_compressed_images_are_said_to_be(pages):
    images, predictions = made_images(120, 3, 96, 96), made_predictions(120, 3, 0.5)
    page = begun(pages.open(confusion.confusion_table(images, predictions, ["a", "b", "c"]), pad(28, 1)))
    assert "compressed" in page.locator(".note").inner_text() and page.locator(".answered button").count() == 0


def test_without_javascript_there_are_all_counts(pages):
    page = pages.open(confusion.confusion_table(IMAGES, SOME, DIGITS), java_script_enabled=False)
    rows = [row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()]
    table = [[int(text or 0) for text in row] for row in rows]
    assert table == evaluation.confusion_matrix(SOME).tolist()
    assert page.locator("table").is_visible() and not page.locator("button:visible, .behind:visible").count()


def test_a_network_without_a_mistake_shows_what_it_doubted(pages):
    page = begun(pages.open(confusion.confusion_table(IMAGES, made_predictions(400, 3, 40.0), ["a", "b", "c"])))
    assert "Not one mistake" in page.inner_text(".fullest") and page.locator(".answered").count() == 6
    cell(page, 0, 1).click()
    assert page.inner_text(".said") == "No a is called b." and not page.complaints


def test_a_class_without_images_and_a_single_image():
    alone = Predictions(np.array([[1.0, 0.0]], dtype=np.float32), np.array([1]))
    assert "class=wrong" in confusion.confusion_table(made_images(1, 1, 28, 28), alone, ["a", "b"])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("classes", [3, 10, 20])
def test_everyone_can_use_it(pages, width, classes):
    names = list(DIGITS) if classes == 10 else [f"a <i>rather</i> long name {label}" for label in range(classes)]
    html = confusion.confusion_table(made_images(2000, 1, 28, 28), made_predictions(2000, classes, 1.5), names)
    for scheme in ("light", "dark"):
        page = begun(pages.open(html, pad(), width, color_scheme=scheme, reduced_motion="reduce"))
        assert violations(page) == []
        assert page.locator("tbody td").count() == classes**2 and not page.complaints
        row, column = fullest(made_predictions(2000, classes, 1.5))
        assert cell(page, row, column).evaluate(
            "one => { const box = one.getBoundingClientRect();"
            " return one.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)); }"
        )


def test_a_hundred_classes_scroll_in_a_box_of_their_own(pages):
    predictions = made_predictions(2000, 100, 1.5)
    names = [f"a <i>rather</i> long name {label}" for label in range(100)]
    html = confusion.confusion_table(made_images(2000, 1, 28, 28), predictions, names)
    page = begun(pages.open(html, pad(), 390, reduced_motion="reduce"))
    assert len(html) < 400_000 and page.locator("tbody td").count() == 10_000
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = page.locator(".box").bounding_box()
    for key in ("Control+Home", "Control+End"):
        page.locator("[aria-selected=true]").press(key)
        box = page.locator("[aria-selected=true]").bounding_box()
        assert inside["x"] <= box["x"] and box["x"] + box["width"] <= inside["x"] + inside["width"] + 1
        assert box["width"] >= 24 and box["height"] >= 24
    assert not page.complaints
