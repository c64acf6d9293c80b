"""The two sliders, a temperature and a threshold: what they say is what Python says, to the image, for everyone."""

import json
import re

import numpy as np
import pytest
from widget_pages import Pages, made_images, made_predictions, violations

from helpers import evaluation
from helpers.evaluation import Predictions
from helpers.widgets import confusion, threshold

FITTED = 0.7
SOME = made_predictions(3000, 10, 6.0)
MOVED = "dots => dots.filter(({ style }) => style.opacity === '1').map(({ style }) => style.transform)"
SHRUNK = "all => all.map(one => one.getBoundingClientRect().width / one.viewBox.baseVal.width)"
SLIDE = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }"


@pytest.fixture
def pages(browser, tmp_path):
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()


def begun(page):
    """Return a page once the widget has drawn itself."""
    page.wait_for_selector(".doubts .line", state="attached")
    return page


def slide(page, name, value):
    """Set a slider to a value."""
    page.locator(f"input.{name}").evaluate(SLIDE.replace("(slider, value)", "slider").replace("= value", f"= {value}"))


def values_of(html):
    """Return what a widget hands to its page."""
    return json.loads(re.search(r'class="values">(.*?)</script>', html)[1])


def numbers(text):
    """Return the numbers of a text, without their separators."""
    return [float(one.replace(",", "")) for one in re.findall(r"\d[\d,]*\.?\d*", text)]


@pytest.mark.parametrize("strength", [0.5, 3.0, 6.0, 40.0])
def test_what_goes_to_a_person_is_counted_to_the_image(strength):
    predictions = made_predictions(2000, 10, strength)
    stops = threshold.thresholds(predictions.confidence)
    assert stops[0] == 0 and 0.9 in stops and stops == sorted(set(stops)) and 40 <= len(stops) <= 100
    person, left = threshold.hand_over(predictions.confidence, predictions.correct, stops)
    for stop, sent, remain in zip(stops, person, left, strict=True):
        below = predictions.confidence < stop
        assert sent == below.sum() and remain == (~predictions.correct & ~below).sum()


@pytest.mark.parametrize("fitted", [0.11, 0.46, 1.0, 1.0001, 3.3, 8.9])
def test_the_temperatures_hold_the_fitted_one_and_one(fitted):
    scales = threshold.temperatures(fitted)
    assert fitted in scales and 1.0 in scales and scales == sorted(set(scales))
    assert scales[0] < fitted < scales[-1] and scales[0] <= 0.25 and scales[-1] >= 4


def test_a_page_holds_the_readings_of_python():
    values = values_of(threshold.threshold_sliders(SOME, FITTED))
    assert values["temperatures"][values["fitted"]] == FITTED and values["temperatures"][values["plain"]] == 1
    for place in (0, values["fitted"], values["plain"], -1):
        of = SOME.at_temperature(values["temperatures"][place])
        reading, bins = values["readings"][place], evaluation.reliability(of)
        assert reading["ece"] == pytest.approx(evaluation.calibration_error(of), abs=1e-5)
        assert reading["loss"] == pytest.approx(of.losses.mean(), abs=1e-5)
        assert [row[1] for row in reading["bins"]] == bins["count"].tolist()
        assert [row[2] for row in reading["bins"]] == pytest.approx(bins["confidence"], abs=1e-6)
        assert [row[3] for row in reading["bins"]] == pytest.approx(bins["accuracy"], abs=1e-6)
        assert len({row[0] for row in reading["bins"]}) == len(reading["bins"])


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_a_page_stays_small(classes):
    predictions = made_predictions(1000, classes, 2.0)
    html = threshold.threshold_sliders(predictions, 1.3)
    assert len(html) < 200_000 and html == threshold.threshold_sliders(predictions, 1.3) and " id=" not in html


def test_every_threshold_says_what_python_says(pages):
    html = threshold.threshold_sliders(SOME, FITTED)
    page = begun(pages.open(html))
    after, stops = SOME.at_temperature(FITTED), values_of(html)["thresholds"]
    for place in range(0, len(stops), 7):
        slide(page, "threshold", place)
        below = after.confidence < stops[place]
        wrong = ~after.correct
        assert numbers(page.inner_text("dd.person")) == [below.sum()]
        assert numbers(page.inner_text("dd.left")) == [(wrong & ~below).sum(), wrong.sum()]
        assert numbers(page.inner_text("dd.right"))[0] == pytest.approx(100 * after.correct[~below].mean(), abs=0.006)
        said = page.inner_text(".said")
        assert said.startswith(f"Below {stops[place]:g} at T = 0.70: {below.sum():,} of 3,000 images")
    assert not page.complaints


def test_dots_lie_where_the_bins_are_and_move_with_the_temperature(pages):
    html = threshold.threshold_sliders(SOME, FITTED)
    page = begun(pages.open(html, reduced_motion="reduce"))
    ends = "one => ['x1', 'y1', 'x2', 'y2'].map(name => Number(one.getAttribute(name)))"
    grid = page.locator(".dots .diagonal").evaluate(ends)
    places = {}
    for name, temperature in (("fitted", FITTED), ("plain", 1.0)):
        page.locator(f"button.{name}").click()
        assert page.locator(f"button.{name}").get_attribute("aria-pressed") == "true"
        bins = evaluation.reliability(SOME.at_temperature(temperature))
        dots = page.locator(".dot").evaluate_all(MOVED)
        found = np.array([numbers(dot) for dot in dots])
        x = grid[0] + bins["confidence"] * (grid[2] - grid[0])
        y = grid[1] + bins["accuracy"] * (grid[3] - grid[1])
        assert found == pytest.approx(np.stack([x, y], axis=1), abs=0.1)
        told = page.inner_text(".told")
        assert f"ECE {evaluation.calibration_error(SOME.at_temperature(temperature)):.4f}" in told
        places[name] = found
    assert len(places["fitted"]) != len(places["plain"]) or abs(places["fitted"] - places["plain"]).max() > 2
    ghosts = page.evaluate("[...document.querySelectorAll('.ghost')].map(one => +one.getAttribute('cx'))")
    assert ghosts == pytest.approx(places["plain"][:, 0], abs=0.1) and not page.complaints


def test_both_sliders_obey_the_keyboard_and_say_what_follows(pages):
    html = threshold.threshold_sliders(SOME, FITTED)
    page, values = begun(pages.open(html)), values_of(html)
    page.locator("input.temperature").focus()
    page.keyboard.press("ArrowRight")
    scale = values["temperatures"][values["fitted"] + 1]
    assert page.locator("input.temperature").get_attribute("aria-valuetext") == f"{scale:.2f}"
    assert page.inner_text(".told").startswith(f"T = {scale:.2f}:") and f"at T = {scale:.2f}" in page.inner_text(
        ".said"
    )
    page.locator("input.threshold").focus()
    page.keyboard.press("End")
    assert page.locator("input.threshold").get_attribute("aria-valuetext") == f"{values['thresholds'][-1]:g}"
    person = values["readings"][values["fitted"] + 1]["person"][-1]
    assert (
        numbers(page.inner_text("dd.person"))
        == [person]
        == [(SOME.at_temperature(scale).confidence < values["thresholds"][-1]).sum()]
    )
    page.keyboard.press("Home")
    assert page.inner_text("dd.person") == "0"
    for name in ("told", "said"):
        page.locator(f".{name}[aria-live=polite]").wait_for()
    page.locator("button.plain").press("Enter")
    page.wait_for_function("document.querySelector('.told').textContent.startsWith('T = 1.00, the scores')")
    assert not page.complaints


def test_a_temperature_that_moves_is_announced_at_its_end_alone(pages):
    page = begun(pages.open(threshold.threshold_sliders(SOME, FITTED)))
    page.evaluate(
        """() => {
            window.heard = [];
            const watch = new MutationObserver(all => all.forEach(one => heard.push(one.target.textContent)));
            document.querySelectorAll("[aria-live]").forEach(one => watch.observe(one, { childList: true }));
        }"""
    )
    page.locator("button.plain").click()
    page.wait_for_function("document.querySelector('.told').textContent.startsWith('T = 1.00, the scores')")
    heard = page.evaluate("heard")
    assert len(heard) == 2 and all("T = 1.00" in text for text in heard)
    page.locator("input.threshold").press("ArrowRight")
    assert len(page.evaluate("heard")) == 3  # the temperature is not said again


@pytest.mark.parametrize("has_touch", [False, True])
def test_the_threshold_is_pulled_on_the_chart(pages, has_touch):
    html = threshold.threshold_sliders(SOME, FITTED)
    page, last = begun(pages.open(html, width=390, has_touch=has_touch)), len(values_of(html)["thresholds"]) - 1
    page.locator(".doubts").scroll_into_view_if_needed()
    box = page.locator(".doubts").bounding_box()
    middle, height = box["x"] + box["width"] / 2, box["y"] + 20
    if has_touch:
        page.touchscreen.tap(middle, height)
    else:
        page.mouse.move(box["x"] + box["width"] - 15, height)
        page.mouse.down()
        page.mouse.move(middle, height, steps=3)
        page.mouse.up()
        page.mouse.move(box["x"] + 5, height)
    assert abs(int(page.locator("input.threshold").input_value()) - last / 2) <= 1
    line = float(page.locator(".doubts .line").get_attribute("x1"))
    assert line == pytest.approx(box["width"] / 2, abs=box["width"] / last) and not page.complaints


def test_every_mistake_is_a_mark_and_those_below_the_threshold_are_hollow(pages):
    predictions = made_predictions(500, 10, 5.0)
    page = begun(pages.open(threshold.threshold_sliders(predictions, 1.0)))
    wrong = (~predictions.correct).sum()
    assert page.locator(".doubts .mistake").count() == wrong
    left = numbers(page.inner_text("dd.left"))[0]
    assert page.locator(".doubts .mistake.caught").count() == wrong - left
    assert page.locator("button.plain").is_hidden()  # the fitted temperature is 1


def test_without_javascript_there_is_a_table(pages):
    page = pages.open(threshold.threshold_sliders(SOME, FITTED), java_script_enabled=False)
    assert page.locator("table").is_visible() and not page.locator("input:visible, button:visible").count()
    after = SOME.at_temperature(FITTED)
    for row in page.locator("tbody tr").all():
        stop, person, left, right = numbers(row.inner_text())
        below = after.confidence < stop
        assert (person, left) == (below.sum(), (~after.correct & ~below).sum())
        assert right == pytest.approx(100 * after.correct[~below].mean(), abs=0.006)


def test_networks_without_a_mistake_and_with_thousands(pages):
    page = begun(pages.open(threshold.threshold_sliders(made_predictions(300, 3, 60.0), 1.0)))
    assert "no mistake" in page.locator(".doubts").inner_text() and page.inner_text("dd.left") == "0 of 0"
    slide(page, "threshold", 0)
    assert page.inner_text("dd.right") == "100.00%" and not page.complaints
    bad = made_predictions(9000, 10, 0.2)
    page = begun(pages.open(threshold.threshold_sliders(bad, 2.5)))
    assert numbers(page.inner_text("dd.left"))[1] == (~bad.correct).sum() > 6000
    assert 0 <= numbers(page.inner_text("dd.person"))[0] <= 9000 / 4
    slide(page, "threshold", 99)
    assert page.inner_text("dd.right") == "–" and not page.complaints


def test_one_image():
    alone = Predictions(np.array([[1.0, 0.0]], dtype=np.float32), np.array([1]))
    assert values_of(threshold.threshold_sliders(alone, 1.0))["readings"][0]["mistakes"][0] == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_it(pages, width):
    html = threshold.threshold_sliders(SOME, FITTED)
    for scheme in ("light", "dark"):
        page = begun(pages.open(html, width=width, color_scheme=scheme))
        page.locator("summary").click()
        assert violations(page) == []
        sizes = page.locator("svg text").evaluate_all(
            "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
        )
        shrunk = page.locator("svg").evaluate_all(SHRUNK)
        assert min(sizes) * min(shrunk) >= 12.9 and not page.complaints


def test_both_widgets_share_a_page(pages):
    few = made_predictions(200, 10, 3.0)
    both = confusion.confusion_table(made_images(200, 1, 28, 28), few, "0123456789") + threshold.threshold_sliders(
        few, 1.2
    )
    page = pages.open(both + both)
    page.wait_for_selector("[aria-selected=true]")
    page.mouse.wheel(0, 3000)
    page.wait_for_function("document.querySelectorAll('.doubts .line').length === 2")
    assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map(one => one.id)).size") == 0
    assert not page.complaints
