"""A corruption and its strength in the page: the pixels of helpers/corruptions.py, the answers of PyTorch."""

import base64
import re
from pathlib import Path

import axe_core_python
import numpy as np
import pytest
import torch

from helpers import corruptions, data, drawing, evaluation, models
from helpers.widgets import corruption

NAMES = tuple("0123456789")
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# What a page with a pad has; a network on the pad of before is called as that of today.
STAND_IN = """<script>if (!window.networkPad) { const pad = window.drawADigit || window.readAPicture, c = %d, s = %d;
window.networkPad = { side: s, channels: c, shares: pad.predict }; }</script>"""


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


def network_for(form):
    """Return an untrained network, not too sure of anything."""
    network = models.build("small", 10, mean=33.3, std=78.6, seed=1, channels=form[0], size=form[-1])
    return network.eval()


def answers_for(network, images, labels, ways):
    """Return what a network says of images at each strength of each corruption."""
    answers = {}
    for name, way in ways.items():
        forms = [corruptions.corrupt(images, name, strength) for strength in way.strengths]
        answers[name] = [evaluation.Predictions(evaluation.predict(network, form).numpy(), labels) for form in forms]
    return answers


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a page of the widget, offline, and keeps what it was made of and complains of."""
    contexts = []

    def open_page(form=(1, 28, 28), names=NAMES, pad=True, labels=None, **options):
        images, true = made(form)
        true = true if labels is None else labels
        network = network_for(form)
        ways = corruptions.suited_to(images)
        html = corruption.corruption_slider(images, true, names, ways, answers_for(network, images, true, ways))
        before = drawing.widget(network, names, [], images[0].numpy()) + STAND_IN % (form[0], form[-1]) if pad else ""
        path = tmp_path / "page.html"
        head = '<!DOCTYPE html><html lang="en"><meta charset=utf-8><meta name=viewport content="width=device-width">'
        path.write_text(f"{head}<title>t</title><body><main><h1>t</h1>{before}{html}</main>")
        context = browser.new_context(offline=True, **options)
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
    code = """([places, name, strengths]) => Array.from({ length: places }, (_, place) =>
        strengths.map(strength => Array.from(corruptionSlider.corrupt(place, name, strength))))"""
    pixels = np.array(page.evaluate(code, [places, name, strengths]))
    return pixels.reshape(places, len(strengths), *page.images.shape[1:])


@pytest.mark.parametrize("form", [(1, 28, 28), (3, 40, 40), (1, 37, 37), (3, 84, 84)])
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
        for strength in strengths[::3]:
            expected = corruptions.corrupt(page.images, name, strength)[places[:1]]
            pixels = page.evaluate("ask => Array.from(corruptionSlider.corrupt(0, ...ask))", [name, strength])
            assert np.abs(np.array(pixels).reshape(1, 1, 28, 28) - expected.numpy()).max() <= 1
        forms = [corruptions.corrupt(page.images, name, strength) for strength in way.strengths]
        expected = torch.stack([form[places[0]] for form in forms])
        told = torch.softmax(evaluation.predict(page.network, expected), 1).numpy()
        code = "([name, all]) => all.map(one => Array.from(networkPad.shares(corruptionSlider.corrupt(0, name, one))))"
        assert np.abs(np.array(page.evaluate(code, [name, way.strengths])) - told).max() < 1e-4, name
