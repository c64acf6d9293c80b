"""What all widgets have in common: shown twice, with a script that fails, printed, and with names of any script."""

import numpy as np
import pytest
import torch
from widget_pages import Pages, made_images, made_predictions

from helpers import corruptions, drawing, evaluation, models, widgets

DIGITS = tuple("0123456789")
HEBREW = ("שלום עולם", *DIGITS[1:])
AFAR = '<div style="height: 9000px"></div>'
FIRST, LAST = "\u2068", "\u2069"  # around a name that runs from right to left


@pytest.fixture
def pages(browser, tmp_path):
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()


def make_pad(names):
    """Return a pad with an example, whose label is the first of the names."""
    network = models.build("small", 10, mean=33.3, std=78.6, seed=1).eval()
    network.output.bias.data[0] += 30  # always the first class
    image = made_images(1, 1, 28, 28)[0]
    return drawing.widget(network, names, [(image, names[0], names[1])], image)


def make_epochs(names):
    """Return a slider over two epochs, after the first of which an image of the first class is wrong."""
    predicted = np.array([[1, 1, 2], [0, 1, 2]])
    history = [{"epoch": e, "train_loss": 1 / e, "validation_loss": 1 / e} for e in (1, 2)]
    images = torch.from_numpy(made_images(3, 1, 28, 28))
    return widgets.epoch_slider(images, np.arange(3), predicted, history, names)


def make_corruption(names):
    """Return a slider over the strength of corruptions, where every answer is right."""
    images, labels = torch.from_numpy(made_images(3, 1, 28, 28)), np.arange(3)
    ways = corruptions.suited_to(images)
    said = evaluation.Predictions(np.eye(10, dtype=np.float32)[labels], labels)
    return widgets.corruption_slider(
        images, labels, names, ways, {k: [said] * len(w.strengths) for k, w in ways.items()}
    )


def make_confusion(names):
    """Return a confusion matrix in which the most frequent mistake is the first class taken for the second."""
    logits = np.tile(np.eye(10, dtype=np.float32)[1], (20, 1))
    return widgets.confusion_table(
        made_images(20, 1, 28, 28), evaluation.Predictions(logits, np.arange(20) // 19), names
    )


def make_threshold(names):
    """Return the sliders of temperature and threshold."""
    return widgets.threshold_sliders(made_predictions(200, len(names), 3.0), 1.3)


MAKE = {
    ".network-pad": make_pad,
    ".epoch-slider": make_epochs,
    ".corruption-slider": make_corruption,
    ".confusion-explorer": make_confusion,
    ".threshold-explorer": make_threshold,
}


@pytest.mark.parametrize("root", MAKE)
def test_shown_twice_both_are_alive_and_no_id_is_there_twice(pages, root):
    page = pages.open(MAKE[root](DIGITS) * 2)
    live = f"document.querySelectorAll('{root} :is(.live, .behind):not([hidden])').length === 2"
    page.wait_for_function(live)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids)) and not page.complaints


def test_the_choices_of_one_slider_are_not_those_of_another(pages):
    page = pages.open(make_corruption(DIGITS) * 2)
    page.get_by_role("radio", name="blur").last.check()
    checked = page.evaluate("[...document.querySelectorAll('.ways :checked')].map(one => one.value)")
    assert checked == ["rotation", "blur"] and not page.complaints


NEEDS = {
    ".network-pad": "matchMedia",
    ".epoch-slider": "IntersectionObserver",
    ".corruption-slider": "IntersectionObserver",
}


@pytest.mark.parametrize("root", NEEDS)
def test_where_a_script_fails_what_stands_in_the_page_stays(pages, root):
    for before, stays in (("", False), (f"window.{NEEDS[root]} = undefined;", True)):
        page = pages.open(MAKE[root](DIGITS), before)
        assert page.locator(f"{root} .without").is_visible() is stays
        assert page.locator(f"{root} .live").is_visible() is not stays
        assert bool(page.complaints) is stays


def test_what_is_printed_before_it_was_seen_is_drawn(pages):
    page = pages.open(AFAR + make_epochs(DIGITS))
    assert page.locator(".epoch-slider svg *").count() == 0
    page.pdf()
    assert page.locator(".epoch-slider svg polyline").count() == 2 and page.locator(".tile").count() == 1


def test_names_from_right_to_left_leave_sentences_in_order(pages):
    name = f"{FIRST}{HEBREW[0]}{LAST}"
    page = pages.open("".join(make(HEBREW) for make in (make_pad, make_epochs, make_corruption, make_confusion)))
    page.wait_for_function("document.querySelector('.network-pad .answer').textContent.includes('label')")
    said = page.inner_text(".network-pad .answer")
    assert f"The network says {name} (" in said and f"Its label is {name}." in said
    for root in (".confusion-explorer", ".corruption-slider", ".epoch-slider"):
        page.locator(root).scroll_into_view_if_needed()
        page.locator(f"{root} :is(button, input):visible").first.focus()
    page.wait_for_function("document.querySelector('.corruption-slider .says').textContent.includes('label')")
    assert f"says {name} (" in page.inner_text(".corruption-slider .says")
    assert f"{name} called 1: 19 of 19 images of {name}" in page.inner_text(".confusion-explorer .said")
    assert page.locator(".fullest button").first.inner_text() == f"{name} as 1: 19"
    assert page.inner_text(".epoch-slider .what").startswith(f"{name}, right after 1 of 2 epochs")
    assert page.inner_text(".network-pad .bars .name >> nth=0") == HEBREW[0] and not page.complaints


@pytest.mark.parametrize("root", [".epoch-slider", ".corruption-slider", ".confusion-explorer", ".threshold-explorer"])
def test_what_nobody_asked_for_is_not_announced(pages, root):
    page = pages.open(
        AFAR + MAKE[root](DIGITS),
        """window.heard = [];
        addEventListener("DOMContentLoaded", () => new MutationObserver(all => all.forEach(({ target }) => {
            if (target.closest("[aria-live=polite]") && target.textContent) heard.push(target.textContent);
        })).observe(document.body, { childList: true, subtree: true }));""",
    )
    page.locator(root).scroll_into_view_if_needed()
    said = f"[...document.querySelectorAll('{root} p[aria-live=polite]')]"
    page.wait_for_function(f"{said}.length && {said}.every(one => one.textContent)")
    assert page.evaluate("heard") == [] and not page.complaints


def test_texts_of_the_charts_stand_clear(pages):
    """Of the marks at their ends, where a line or a number is as high as it can be."""
    page = pages.open(make_threshold(DIGITS) + make_epochs(DIGITS), reduced_motion="reduce")
    page.wait_for_selector(".doubts .line", state="attached")
    page.locator("input.temperature").press("End")
    page.locator(".epoch-slider").scroll_into_view_if_needed()
    page.locator("input.epoch").press("Home")
    box = "one => { const { x, y, right, bottom } = one.getBoundingClientRect(); return [x, y, right, bottom]; }"
    name = page.locator(".dots .name").last.evaluate(box)
    dots = page.locator(".dot:not([style*='opacity: 0']) circle").evaluate_all(f"all => all.map({box})")
    assert dots and all(dot[1] > name[3] for dot in dots)
    count = page.locator(".epoch-slider .mark text").last.evaluate(box)
    above = page.locator(".epoch-slider .tick", has_text="images wrong").evaluate(box)
    assert page.locator(".epoch-slider .mark text").last.text_content() == "1" and count[1] >= above[3] - 1


@pytest.mark.parametrize("hidden", [".confusion-explorer", ".network-pad .examples"])
def test_what_paper_cannot_do_is_not_printed(pages, hidden):
    page = pages.open(make_confusion(DIGITS) + make_pad(DIGITS))
    assert page.locator(hidden).is_visible()
    page.emulate_media(media="print")
    assert not page.locator(hidden).is_visible()
