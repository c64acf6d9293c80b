"""The epochs of a training under a slider: counts to the image, and tiles that follow by mouse, finger and keyboard."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import AXE
from PIL import Image

from helpers import data, recipes, training
from helpers.widgets import epochs

NAMES = tuple("0123456789")


def made_history(count):
    """Return the history of a made training."""
    return [{"epoch": e, "train_loss": 1 / e, "validation_loss": 0.5 / e + 0.01} for e in range(1, count + 1)]


def made(count=60, times=4, wrong=0.5, form=(1, 28, 28), classes=10):
    """Return images, labels and the classes predicted after each of a few epochs: fewer are wrong from one to the next.

    A share of the images is wrong after the first.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(count) % classes
    images = torch.from_numpy(generator.integers(0, 256, (count, *form), dtype=np.uint8))
    shares = np.linspace(wrong, wrong / 5, times)[:, None]
    answers = np.where(generator.random((times, count)) < shares, (labels + 1) % classes, labels)
    return images, labels, answers.astype(np.int16)


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a page of the widget, offline, and collects its complaints."""
    contexts = []

    def open_page(images, labels, predicted, names=NAMES, history=None, **options):
        html = epochs.epoch_slider(images, labels, predicted, history or made_history(len(predicted)), names)
        path = tmp_path / "page.html"
        head = '<!DOCTYPE html><html lang="en"><meta charset=utf-8><meta name=viewport content="width=device-width">'
        path.write_text(f"{head}<title>t</title><body><main><h1>t</h1>{html}</main>")
        context = browser.new_context(offline=True, **options)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if "http" in request.url else 0)
        page.goto(path.as_uri())
        contexts.append(context)
        page.html = html
        return page

    yield open_page
    for context in contexts:
        context.close()


def wait_for(page, text):
    """Wait until the page says so."""
    page.wait_for_function("text => document.querySelector('.says').textContent.includes(text)", arg=text)


def tiles(page, kind):
    """Return how many tiles are of a kind."""
    return page.locator(f".tile.{kind}").count()


def test_counts_and_tiles_follow_the_slider_by_keyboard(opened):
    images, labels, predicted = made()
    wrong = predicted != labels
    page = opened(images, labels, predicted)
    page.get_by_label("Epoch", exact=True).focus()
    wait_for(page, f"After epoch 4, {wrong[3].sum()} of 60 validation images are wrong")
    page.keyboard.press("Home")
    wait_for(page, f"After epoch 1, {wrong[0].sum()} of 60 validation images are wrong.")
    before = page.locator(".mark circle").get_attribute("cx")
    for epoch in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        newly, corrected = wrong[epoch] & ~wrong[epoch - 1], wrong[epoch - 1] & ~wrong[epoch]
        wait_for(page, f"After epoch {epoch + 1}, {wrong[epoch].sum()} of 60")
        assert f": {newly.sum()} are newly wrong, {corrected.sum()} are right that" in page.inner_text(".says")
        assert tiles(page, "newly") == newly.sum() and tiles(page, "corrected") == corrected.sum()
        assert tiles(page, "still") + tiles(page, "newly") == wrong[epoch].sum()
        assert tiles(page, "right") + tiles(page, "corrected") == (wrong.any(0) & ~wrong[epoch]).sum()
    assert page.locator(".mark circle").get_attribute("cx") != before and not page.complaints
    assert page.get_by_label("Epoch", exact=True).get_attribute("aria-valuetext") == f"4, {wrong[3].sum()} wrong"


def test_a_tile_tells_its_story_and_arrow_keys_go_on(opened):
    images, labels, predicted = made()
    page = opened(images, labels, predicted, viewport={"width": 800, "height": 900})
    page.get_by_label("Epoch", exact=True).focus()
    wait_for(page, "After epoch 4")
    shown = epochs.choose(predicted != labels, epochs.MOST)
    page.locator(".tile").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    image = shown[1]
    right = int((predicted[:, image] == labels[image]).sum())
    assert page.inner_text(".what") == f"{labels[image]}, right after {right} of 4 epochs. Said from epoch to epoch:"
    runs = [predicted[0, image]]
    runs += [
        after for before, after in zip(predicted[:-1, image], predicted[1:, image], strict=True) if after != before
    ]
    assert page.locator(".course b").all_inner_texts() == [str(answer) for answer in runs]
    assert page.locator(".tile[tabindex='0']").count() == 1
    assert page.evaluate("document.activeElement === document.querySelectorAll('.tile')[1]")
    wrong = f"taken for {predicted[3, image]}, " if predicted[3, image] != labels[image] else ""
    label = page.locator(".tile").nth(1).get_attribute("aria-label")
    assert label.startswith(f"{labels[image]}, {wrong}")


def test_a_tile_shows_the_image_that_it_is_about(opened):
    images, labels, predicted = made(count=40, wrong=0.9)
    images[:] = torch.arange(40, dtype=torch.uint8).view(-1, 1, 1, 1) * 6
    page = opened(images, labels, predicted)
    page.get_by_label("Epoch", exact=True).focus()
    wait_for(page, "After epoch 4")
    page.evaluate("epochSlider.go(0)")
    page.add_style_tag(content=".tile::before { display: none; } .tile i { opacity: 1 !important; transition: none; }")
    shown = epochs.choose(predicted != labels, epochs.MOST)
    for place in (0, 7, len(shown) - 1):
        tile = Image.open(io.BytesIO(page.locator(".tile").nth(place).screenshot(animations="disabled"))).convert("L")
        assert tile.getpixel((tile.width // 2, tile.height // 2)) == 255 - 6 * shown[place]


def test_the_mouse_drags_over_the_curve_and_a_finger_taps(opened):
    images, labels, predicted = made(times=5)
    page = opened(images, labels, predicted, viewport={"width": 390, "height": 844}, has_touch=True)
    chart = page.locator(".epoch-slider svg")
    wait_for(page, "After epoch 5")
    chart.tap(position={"x": 68, "y": 90})
    wait_for(page, "After epoch 1,")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 70, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 70 + (box["width"] - 90) / 2, box["y"] + 95, steps=3)
    page.mouse.up()
    wait_for(page, "After epoch 3,")
    page.locator(".tile").nth(5).tap()
    shown = epochs.choose(predicted != labels, epochs.MOST)
    assert page.inner_text(".what").startswith(f"{labels[shown[5]]}, right after")
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('.epoch-slider :is(button, input)')]
            .map(one => one.getBoundingClientRect()).flatMap(box => [box.width, box.height])"""
    )
    assert min(sizes) >= 24 and page.evaluate("document.documentElement.scrollWidth") <= 390


def test_epochs_are_played_but_not_to_those_who_want_no_motion(opened):
    images, labels, predicted = made(times=3)
    page = opened(images, labels, predicted)
    wait_for(page, "After epoch 3")
    page.get_by_role("button", name="Play the epochs").press("Enter")
    assert page.get_by_role("button", name="Pause").is_visible()
    page.wait_for_function("document.querySelector('.epoch').value === '2'")
    page.get_by_role("button", name="Play the epochs").wait_for()
    page = opened(images, labels, predicted, reduced_motion="reduce")
    wait_for(page, "After epoch 3")
    assert not page.locator(".play").is_visible()


def test_one_epoch_has_no_slider(opened):
    images, labels, predicted = made(times=1)
    page = opened(images, labels, predicted)
    wait_for(page, "After epoch 1,")
    assert not page.locator(".epoch").is_visible() and not page.locator(".play").is_visible()
    assert tiles(page, "still") == (predicted != labels).sum() > 10 and "newly" not in page.inner_text(".says")
    assert page.inner_text(".what").endswith("of 1 epoch. Said from epoch to epoch:") and not page.complaints


def test_no_mistake_at_all(opened):
    images, labels, _ = made()
    page = opened(images, labels, np.stack([labels, labels]))
    wait_for(page, "After epoch 2, 0 of 60 validation images are wrong")
    assert page.locator(".tile").count() == 0 and not page.locator(".legend").is_visible()
    assert not page.locator(".detail").is_visible() and "<img" not in page.html and not page.complaints


def test_thousands_of_mistakes_are_counted_and_some_shown(opened):
    images, labels, predicted = made(count=6000, times=12, wrong=0.9)
    wrong = predicted != labels
    page = opened(images, labels, predicted)
    wait_for(page, f"After epoch 12, {wrong[11].sum():,} of 6,000 validation images are wrong")
    assert page.locator(".tile").count() == epochs.MOST and len(page.html) < 250_000
    assert f"{tiles(page, 'still') + tiles(page, 'newly')} of them are shown." in page.inner_text(".says")
    for epoch in range(1, 12):
        page.evaluate("e => epochSlider.go(e)", epoch)
        assert tiles(page, "newly") and tiles(page, "corrected")


def test_a_resumed_training_has_all_its_epochs(opened, tmp_path):
    source = data.load("digits")
    instant = replace(recipes.RECIPES["fast"], epochs=3, batch_size=64, min_batches_per_epoch=20)
    seen = []

    def stop(history, step, steps):
        seen.append(len(history))
        if len(history) == 2 and step == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(source, instant, folder=tmp_path / "run", progress=stop)
    _, history = training.train(source, instant, folder=tmp_path / "run")
    record = np.load(tmp_path / "run" / "validation.npz")
    images = data.split(source, 0, instant.validation_size)["validation"].images
    page = opened(images, record["labels"], record["predicted"], history=history)
    wrong = (record["predicted"] != record["labels"]).sum(axis=1)
    assert len(wrong) == 3 and seen[-1] == 2
    for epoch in (0, 2):
        page.evaluate("e => { epochSlider.start(); epochSlider.go(e); }", epoch)
        wait_for(page, f"After epoch {epoch + 1}, {wrong[epoch]} of {len(images)}")
    accuracy = 1 - wrong / len(images)
    assert accuracy.tolist() == pytest.approx([row["validation_accuracy"] for row in history])


@pytest.mark.parametrize("form", [(3, 96, 96), (1, 50, 50)])
def test_images_of_another_form_are_shrunk_and_keep_the_page_small(opened, form):
    images, labels, predicted = made(count=600, form=form, wrong=0.8)
    page = opened(images, labels, predicted)
    wait_for(page, "After epoch 4")
    assert page.locator(".tile").count() == epochs.MOST_PICTURES and len(page.html) < 500_000
    kind = "jpeg" if form[0] == 3 else "png"
    assert f"data:image/{kind}" in page.html and not page.locator(".of-ink").count() and not page.complaints


def test_names_are_text(opened):
    evil = ("<script>window.ran=1</script>", '"><img src=x onerror="window.ran=1">', "</script><b>", *"3456789")
    images, labels, predicted = made(wrong=1.0, times=1)
    page = opened(images, labels, predicted, evil)
    wait_for(page, "After epoch 1")
    for label in range(3):
        page.locator(".tile").nth(int(np.argmax(labels[epochs.choose(predicted != labels, 200)] == label))).click()
        assert page.inner_text(".what").startswith(evil[label])
    assert page.evaluate("window.ran") is None and not page.complaints


def test_without_javascript_there_are_a_table_and_the_images(opened):
    images, labels, predicted = made()
    page = opened(images, labels, predicted, java_script_enabled=False)
    wrong = predicted != labels
    cells = page.locator(".without tbody tr").last.locator("td").all_inner_texts()
    newly = (wrong[3] & ~wrong[2]).sum()
    assert cells[2:4] == [str(wrong[3].sum()), str(newly)] and page.locator(".without tbody tr").count() == 4
    assert page.locator("img").is_visible() and not page.locator(".live").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_it(opened, width):
    images, labels, predicted = made()
    page = opened(images, labels, predicted, viewport={"width": width, "height": 900})
    wait_for(page, "After epoch 4")
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run()).violations.map(rule => `${rule.id}: ${rule.nodes[0].html}`)")
    assert found == [] and page.locator(".says").get_attribute("aria-live") == "polite"
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.epoch-slider svg text')).fontSize)")
    assert size >= 13


def test_the_longest_wrong_come_first_and_every_epoch_has_some():
    wrong = np.zeros((4, 9), dtype=bool)
    wrong[:, 0] = True
    wrong[3, 1] = True
    wrong[:3, 2] = True
    wrong[0, 3:8] = True
    assert epochs.choose(wrong, 200).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    few = epochs.choose(wrong, 4).tolist()
    assert few[:3] == [0, 1, 2] and len(few) == 4
    assert epochs.count(wrong)["newly"] == [0, 0, 0, 1] and epochs.count(wrong)["corrected"] == [0, 5, 0, 1]
    assert re.search(
        "<td></td><td></td>",
        epochs.table({"epochs": [1], "train": [1.0], "validation": [1.0]} | epochs.count(wrong[:1])),
    )
