"""A corruption and its strength in the page: the pixels of helpers/corruptions.py, the answers of PyTorch."""

import base64
import re

import numpy as np
import pytest
import torch
from conftest import AXE
from widget_pages import Pages

from helpers import checkpoints, corruptions, data, drawing, evaluation, models
from helpers.widgets import corruption

NAMES = tuple("0123456789")


def made(form, count=12):
    """Return images, uint8 (count, *form), and their labels: digits where they have MNIST's form, else waves."""
    if form == (1, 28, 28):
        source = data.load("digits")
        return source.images[:count], source.labels[:count].numpy()
    generator = torch.Generator().manual_seed(0)
    lines = torch.linspace(0, 12, form[-1])
    waves = (lines[:, None] * torch.rand(count, form[0], 1, 1, generator=generator) + lines).sin() * 100 + 128
    noise = torch.randint(0, 28, (count, *form), generator=generator)
    return (waves + noise).to(torch.uint8), np.arange(count) % 10


def untrained(form):
    """Return an untrained network for images of a form."""
    return models.build("small", 10, mean=33.3, std=78.6, seed=1, channels=form[0], size=form[-1]).eval()


def answers_for(network, images, labels, ways):
    """Return what a network says of images at each strength of each corruption."""
    answers = {}
    for name, way in ways.items():
        forms = [corruptions.corrupt(images, name, strength) for strength in way.strengths]
        answers[name] = [evaluation.Predictions(evaluation.predict(network, form).numpy(), labels) for form in forms]
    return answers


@pytest.fixture
def opened(browser, tmp_path, trained):
    """Return a function that opens a page of the widget, offline, and keeps what it was made of and complains of."""
    contexts = []

    def open_page(form=(1, 28, 28), names=NAMES, pad=True, network=None, script="", **options):
        images, true = made(form)
        if network is None:
            network = checkpoints.load_model(trained / "hand").network if form == (1, 28, 28) else untrained(form)
        ways = corruptions.suited_to(images)
        html = corruption.corruption_slider(images, true, names, ways, answers_for(network, images, true, ways))
        before = drawing.widget(network, names, [], images[0].numpy()) if pad else ""
        path = tmp_path / "page.html"
        head = '<!DOCTYPE html><html lang="en"><meta charset=utf-8><meta name=viewport content="width=device-width">'
        path.write_text(f"{head}<title>t</title><body><main><h1>t</h1>{before}{html}</main>")
        context = browser.new_context(offline=True, **options)
        context.add_init_script(script)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if "page.html" not in request.url else 0)
        page.goto(path.as_uri())
        contexts.append(context)
        page.network, page.images, page.ways, page.html = network, images, ways, html
        return page

    yield open_page
    for context in contexts:
        context.close()


def shown_places(page):
    """Return where the images of the page stand among all: their pixels are in it as they are."""
    (text,) = re.findall(r'class="pixels">([^<]*)<', page.html)
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, *page.images.shape[1:])
    return [int((page.images.numpy() == image).all(axis=(1, 2, 3)).argmax()) for image in pixels]


def corrupted_by(page, name, strengths):
    """Return the pixels of every image of the page at the strengths, int (images, strengths, c, s, s)."""
    places = len(shown_places(page))
    code = """([place, name, strength]) => {
        const values = corruptionSlider.corrupt(place, name, strength);
        const letters = Array.from(values, value => String.fromCharCode(value));
        return btoa(letters.join(""));
    }"""
    texts = [page.evaluate(code, [place, name, strength]) for place in range(places) for strength in strengths]
    pixels = np.frombuffer(b"".join(map(base64.b64decode, texts)), np.uint8).astype(int)
    return pixels.reshape(places, len(strengths), *page.images.shape[1:])


@pytest.mark.parametrize("form", [(1, 28, 28), (3, 40, 40), (1, 37, 37), (3, 80, 80)])
def test_the_page_corrupts_as_python_does(opened, form):
    page = opened(form)
    places = shown_places(page)
    apart = 0
    for name, way in page.ways.items():
        steps = [way.strengths[0] + part * (way.strengths[-1] - way.strengths[0]) for part in (0.113, 0.371, 0.829)]
        strengths = [*way.strengths, *steps]
        expected = np.stack([corruptions.corrupt(page.images, name, strength)[places] for strength in strengths], 1)
        error = np.abs(corrupted_by(page, name, strengths) - expected)
        assert error.max() <= 1, name
        apart += (error > 0).mean() / len(page.ways)
    assert apart < 0.001 and not page.complaints


def test_every_step_of_every_slider_and_every_probability(opened):
    page = opened()
    places = shown_places(page)
    for name, way in page.ways.items():
        step = corruption.step(way.strengths)
        strengths = np.arange(way.strengths[0], way.strengths[-1] + step / 2, step).round(3).tolist()
        assert set(way.strengths) <= set(strengths) and 50 <= len(strengths) <= 200
        for strength in strengths[::4]:
            expected = corruptions.corrupt(page.images, name, strength)[places[:1]]
            pixels = page.evaluate("ask => Array.from(corruptionSlider.corrupt(0, ...ask))", [name, strength])
            assert np.abs(np.array(pixels).reshape(1, 1, 28, 28) - expected.numpy()).max() <= 1
        forms = [corruptions.corrupt(page.images, name, strength) for strength in way.strengths]
        expected = torch.stack([form[places[0]] for form in forms])
        told = torch.softmax(evaluation.predict(page.network, expected), 1).numpy()
        code = "([name, all]) => all.map(one => Array.from(networkPad.shares(corruptionSlider.corrupt(0, name, one))))"
        assert np.abs(np.array(page.evaluate(code, [name, way.strengths])) - told).max() < 1e-4, name


def wait_for(page, text):
    """Wait until the page says so."""
    page.wait_for_function(
        "text => document.querySelector('.corruption-slider .says').textContent.includes(text)", arg=text
    )


def state(page):
    """Return what moves together: the pixels seen, the bars, where the mark is, and the number beside the slider."""
    return page.evaluate(
        """() => [
            document.querySelector('.corruption-slider .seen').toDataURL(),
            [...document.querySelectorAll('.corruption-slider .share')].map(cell => cell.textContent).join(),
            document.querySelector('.corruption-slider .mark circle').getAttribute('cx'),
            document.querySelector('.corruption-slider output').textContent,
        ]"""
    )


def test_image_bars_mark_and_words_move_together_by_keyboard(opened):
    page = opened()
    page.get_by_role("radio", name="rotation").focus()
    wait_for(page, "Rotation 45")
    before = state(page)
    page.keyboard.press("ArrowRight")
    wait_for(page, "Shift")
    assert page.get_by_role("radio", name="shift").is_checked()
    page.get_by_label("Strength of shift").focus()
    page.keyboard.press("End")
    wait_for(page, "Shift 12: the network says ")
    after = state(page)
    assert all(one != other for one, other in zip(before, after, strict=True)) and after[3] == "12"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    wait_for(page, "Shift 0.2")
    assert (
        "By the line between the strengths that were counted, about"
        in page.locator(".corruption-slider .says").inner_text()
    )
    assert page.get_by_label("Strength of shift").get_attribute("aria-valuetext") == "0.2, pixels, in any direction"
    assert page.locator(".corruption-slider .says").get_attribute("aria-live") == "polite" and not page.complaints


def test_what_is_said_is_what_python_found(opened):
    page = opened()
    place = shown_places(page)[0]
    page.get_by_label("Strength of rotation").fill("75")
    wait_for(page, "Rotation 75")
    way = page.ways["rotation"]
    images = corruptions.corrupt(page.images, "rotation", 75)
    shares = torch.softmax(evaluation.predict(page.network, images), 1)
    labels = made((1, 28, 28))[1]
    right = (shares.argmax(1).numpy() == labels).mean()
    assert (
        f"says {int(shares[place].argmax())} ({float(shares[place].max()):.1%})"
        in page.locator(".corruption-slider .says").inner_text()
    )
    assert f"{right:.1%} of 12 such images" in page.locator(".corruption-slider .says").inner_text()
    bars = page.locator(".corruption-slider .share").all_inner_texts()
    assert bars == [f"{share:.1%}" for share in shares[place].tolist()]
    strip = page.locator(".corruption-slider .strip span")
    page.wait_for_function("document.querySelector('.corruption-slider .strip span')")
    middle = way.strengths[0] + 0.5 / 40 * (way.strengths[-1] - way.strengths[0])
    first = corruptions.corrupt(page.images, "rotation", middle)[[place]]
    assert strip.first.inner_text() == str(int(evaluation.predict(page.network, first).argmax()))
    assert sum(int(float(grown)) for grown in strip.evaluate_all("all => all.map(one => one.style.flexGrow)")) == 40


def test_the_network_is_unsure_in_the_words_of_the_pad(opened):
    page = opened()
    page.evaluate(
        """() => {
            const { say } = networkPad;
            networkPad.say = found => ({ ...say(found), sure: false, text: "unsure: 2 (over 99.9%)" });
        }"""
    )
    page.get_by_label("Strength of rotation").fill("75")
    label = made((1, 28, 28))[1][shown_places(page)[0]]
    wait_for(page, f"Rotation 75: the network is unsure: 2 (over 99.9%). Its label is {label}.")


SLOW = """
let pad;
window.asked = 0;
Object.defineProperty(window, "networkPad", { get: () => pad, set: one => {
    const shares = values => {
        for (const began = performance.now(); performance.now() - began < 120;);
        asked++;
        return one.shares(values);
    };
    pad = { ...one, shares };
} });
"""


def test_a_slow_network_is_asked_when_the_slider_is_let_go(opened):
    page = opened(script=SLOW)
    slider = page.get_by_label("Strength of rotation")
    slider.focus()
    page.wait_for_function("document.querySelector('.strip').hidden")
    before = page.evaluate("asked")
    slider.evaluate("one => { one.value = 60; one.dispatchEvent(new Event('input')); }")
    wait_for(page, "Rotation 60: ")
    assert page.evaluate("asked") == before == 2 and page.locator(".answer.old").is_visible()
    slider.dispatch_event("change")
    wait_for(page, "Rotation 60: the network says")
    assert page.evaluate("asked") == 3 and not page.locator(".answer.old").count() and not page.complaints


def test_what_is_nearly_all_is_not_about_all(browser, tmp_path):
    images, labels = made((1, 28, 28), 2)
    ways = {"rotation": corruptions.CORRUPTIONS["rotation"]}
    said = np.eye(10, dtype=np.float32)[labels]
    right, wrong = (evaluation.Predictions(np.repeat(one, 500, 0), labels.repeat(500)) for one in (said, said[:, ::-1]))
    nearly = evaluation.Predictions(np.concatenate([right.logits[:-1], wrong.logits[-1:]]), right.labels)
    html = corruption.corruption_slider(images, labels, NAMES, ways, {"rotation": [nearly] * 6})
    pages = Pages(browser, tmp_path)
    page = pages.open(html)
    page.get_by_label("Strength of rotation").fill("1")
    wait_for(page, "By the line between the strengths that were counted, over 99% of such images")
    page.get_by_label("Strength of rotation").fill("0")
    wait_for(page, "99.9% of ")
    pages.close()


def test_the_mouse_drags_on_the_curve_and_another_image_is_taken(opened):
    page = opened(viewport={"width": 1280, "height": 900})
    page.locator(".corruption-slider svg").scroll_into_view_if_needed()
    wait_for(page, "Rotation 45")
    box = page.locator(".corruption-slider svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 40, box["y"] + 60, steps=3)
    page.mouse.up()
    wait_for(page, "Rotation 75")
    before = state(page)
    page.locator(".images label").nth(3).click()
    page.wait_for_function(
        "before => document.querySelector('.corruption-slider .seen').toDataURL() !== before", arg=before[0]
    )
    assert state(page)[2:] == before[2:]
    page.get_by_role("button", name="Load on the pad").click()
    page.wait_for_function("!document.querySelector('.network-pad .answer').textContent.startsWith('Draw')")
    assert not page.complaints


def test_a_finger_chooses_and_moves(opened):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator(".ways label", has_text="blur").tap()
    wait_for(page, "Blur")
    page.locator(".corruption-slider svg").tap(position={"x": 50, "y": 90})
    wait_for(page, "Blur 0")
    assert state(page)[3] in ("0", "0.05", "0.1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('.corruption-slider :is(label, button, input[type=range])')]
            .map(one => one.getBoundingClientRect()).flatMap(box => [box.width, box.height])"""
    )
    assert min(sizes) >= 24


def test_without_a_pad_the_rest_goes_on(opened):
    page = opened(pad=False)
    page.get_by_label("Strength of rotation").fill("30")
    wait_for(page, "Rotation 30: ")
    assert not page.locator(".corruption-slider .bars").is_visible() and not page.locator(".take").is_visible()
    assert "the network says" not in page.locator(".corruption-slider .says").inner_text() and not page.complaints


def test_without_javascript_there_is_a_table(opened):
    page = opened(java_script_enabled=False, pad=False)
    assert page.locator(".without tbody tr").count() == 8 and not page.locator(".live").is_visible()
    assert re.search(r"zoom.*0\.4:\s\d", page.locator(".without").inner_text())


def test_names_are_text_and_many_classes_show_the_ten_most_probable(opened):
    evil = ("<script>window.ran=1</script>", '"><img src=x onerror="window.ran=1">', "</script><b>", *"3456789")
    page = opened(names=evil)
    page.get_by_label("Strength of rotation").focus()
    wait_for(page, "Rotation 45")
    assert page.locator(".corruption-slider .name").all_inner_texts() == list(evil)
    assert page.evaluate("window.ran") is None and not page.complaints
    network = models.build("small", 30, mean=33.3, std=78.6, seed=1).eval()
    page = opened(names=[f"a rather long class name {label}" for label in range(30)], network=network)
    page.get_by_label("Strength of rotation").focus()
    wait_for(page, "Rotation 45")
    assert page.locator(".corruption-slider .row:visible").count() in (10, 11)


@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_it(opened, width):
    page = opened(viewport={"width": width, "height": 900}, pad=False, reduced_motion="reduce")
    page.get_by_label("Strength of rotation").focus()
    wait_for(page, "Rotation 45")
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run()).violations.map(rule => `${rule.id}: ${rule.nodes[0].html}`)")
    assert found == []
    moves = "getComputedStyle(document.querySelector('.track i') || document.body).transitionDuration"
    assert page.evaluate(moves) == "0s"


def test_no_noise_for_images_that_are_very_large_and_no_right_answer_at_all():
    images, labels = made((3, 144, 144), 3)
    ways = corruptions.suited_to(images)
    said = np.eye(10, dtype=np.float32)[(labels + 1) % 10]
    answers = {name: [evaluation.Predictions(said, labels)] * len(way.strengths) for name, way in ways.items()}
    html = corruption.corruption_slider(images, labels, NAMES, ways, answers)
    assert '"blur": {' in html and '"noise": {' not in html and len(html) < 150_000


def test_images_are_right_ones_one_for_each_class_and_fewer_where_they_are_large():
    images, labels = made((1, 28, 28), 40)
    way = corruptions.CORRUPTIONS["rotation"]
    said = np.eye(10, dtype=np.float32)[labels]
    said[0] = said[0][::-1]  # the first is wrong
    forms = [evaluation.Predictions(said, labels)] * 6
    places = corruption.choose(images, labels, forms, way)
    assert places[0] == 1 and 0 not in places and len(set(labels[places])) == len(places) == 10
    large = images.repeat(1, 3, 2, 2)
    assert corruption.choose(large, labels, forms, way) == [1]


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_a_slider_meets_every_strength(name):
    for size in (16, 28, 96, 128):
        way = corruptions.suited_to(torch.zeros(1, 3, size, size))[name]
        step = corruption.step(way.strengths)
        places = [(strength - way.strengths[0]) / step for strength in way.strengths]
        assert np.allclose(places, np.round(places)) and 50 <= places[-1] <= 1000
