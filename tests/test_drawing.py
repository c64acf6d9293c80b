"""The network inside a page: it computes what PyTorch computes, and answers to what is drawn, in a real browser."""

import base64
import copy
import io
import sys

import numpy as np
import pytest
import torch
from conftest import AXE
from PIL import Image, ImageDraw, ImageFilter
from torch import nn

import predict
from helpers import (
    certainty,
    checkpoints,
    data,
    drawing,
    evaluation,
    framing,
    models,
    photographs,
    pictures,
    plain_framing,
)

NAMES = tuple("0123456789")


def trained(name, **options):
    """Return a network whose weights and batch statistics are as uneven as those of a trained one."""
    network = models.build(name, mean=33.3, std=78.6, seed=1, **options)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.running_var):
                values.uniform_(0.5, 2)
            for values in (layer.bias.data, layer.running_mean):
                values.normal_(0, 0.3)
    return network.eval()


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a network's page, offline, and collects what it complains of or asks for."""
    pages = []

    def open_page(network, names=NAMES, examples=(), form=(1, 28, 28), about=None, then="", **options):
        html = drawing.widget(network, names, examples, np.zeros(form, np.uint8), **(about or {}))
        (tmp_path / "page.html").write_text(f"<!DOCTYPE html><meta charset=utf-8><title>t</title>{html}{then}")
        context = browser.new_context(offline=True, **options)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if "page.html" not in request.url else 0)
        page.goto((tmp_path / "page.html").as_uri())
        pages.append(context)
        return page

    yield open_page
    for context in pages:
        context.close()


def stroke(page, *points, steps=4):
    """Draw a line through points, in pixels of the drawing area, with the mouse, in `steps` moves to each."""
    box = page.locator(".pad").bounding_box()
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=steps)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def random_images(count, *form):
    """Return random images, uint8 (count, *form): noise on a colour of each image's own."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 128, (count, *form), generator=generator)
    return (noise + torch.randint(0, 128, (count, form[0], 1, 1), generator=generator)).to(torch.uint8)


def largest_error(page, network, images, temperature=1.0):
    """Return by how much the page's probabilities for `images` differ from PyTorch's at most."""
    expected = torch.softmax(evaluation.predict(network, images) / temperature, 1).numpy()
    answers = page.evaluate("images => images.map(networkPad.shares)", images.flatten(1).tolist())
    assert expected.max() < 0.999  # certainty would hide an error
    return np.abs(np.array(answers) - expected).max()


@pytest.mark.parametrize("normalise_each", [False, True])
@pytest.mark.parametrize("name", models.NETWORKS)
def test_the_page_computes_what_pytorch_computes(opened, monkeypatch, name, normalise_each):
    monkeypatch.setattr(drawing, "LARGE", 10**9)
    network = trained(name, normalise_each=normalise_each)
    images = torch.randint(0, 256, (8, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    page = opened(network)
    assert largest_error(page, network, images) < 1e-4 and not page.complaints


@pytest.mark.parametrize("form", [(3, 16, 16), (3, 28, 28), (3, 37, 37), (1, 50, 50), (3, 96, 96)])
@pytest.mark.parametrize("name", ["small", "compact", "residual"])
def test_the_page_computes_networks_of_any_form(opened, monkeypatch, name, form):
    monkeypatch.setattr(drawing, "LARGE", 10**9)
    network = trained(name, normalise_each=form[1] == 37, channels=form[0], size=form[1])
    page = opened(network, form=form)
    assert largest_error(page, network, random_images(4, *form)) < 1e-4 and not page.complaints


def test_large_networks_are_rounded_and_the_page_says_by_how_much(opened):
    network, images = trained("residual", channels=3, size=40), random_images(6, 3, 40, 40)
    examples, still = [(image.numpy(), "1", "2") for image in images], np.zeros((3, 40, 40), np.uint8)
    whole = drawing.widget(network, NAMES, examples, still, 0.8)
    page = opened(network, examples=examples, form=(3, 40, 40), about={"temperature": 0.8})
    said = page.locator(".live + p").inner_text()
    assert "rounded to 8 bits here, or 16 in small layers" in said
    most = float(said.split("a probability by ")[1].split(" at most")[0])
    error = largest_error(page, network, images, 0.8)
    assert 1e-5 < error < most + 1e-4 and most < drawing.MOST_ROUNDED + 1e-4
    rounded = drawing.round_network(network, drawing.HEAVY[0])
    assert largest_error(page, rounded, images, 0.8) < 1e-4  # of what was rounded, the page makes the same numbers
    assert len(whole) < 1.6 * models.count_parameters(network) + 150_000 and not page.complaints


@pytest.mark.parametrize(
    ("errors", "bits"),
    [((0.004, 1, 1), {8, 16}), ((1, 0.004, 1), {8, 16}), ((1, 0.02, 0.004), {16}), ((1, 1, 0.02), set())],
    ids=["8", "8 in the largest", "16", "none"],
)
def test_weights_are_rounded_as_far_as_answers_allow(monkeypatch, errors, bits):
    changes = dict(zip(drawing.HEAVY, errors, strict=True))
    monkeypatch.setattr(drawing, "rounding_error", lambda network, images, heavy, temperature: changes[heavy])
    network = trained("residual", channels=3, size=40)
    page = drawing.widget(network, NAMES, [], np.zeros((3, 40, 40), np.uint8))
    weighty = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    counts = {count: page.count(f'"bits": {count}') for count in (8, 16)}
    assert {count for count, layers in counts.items() if layers} == bits
    assert sum(counts.values()) == (len(weighty) if bits else 0)
    assert ("a probability by 0.004 at most" in page) == bool(bits)
    assert ("are rounded to 16 bits here." in page) == (bits == {16})


@pytest.mark.parametrize(("heavy", "kind", "most"), [(60, np.int8, 127), (61, np.int16, 32767)])
def test_rounded_weights_are_within_half_a_step(heavy, kind, most):
    weights = np.random.default_rng(0).normal(0, [[[1]], [[1e-6]], [[300]]], (3, 4, 5)).astype(np.float32)
    weights[1, :2] = 0
    rounded = drawing.round_weights(weights, heavy)
    assert rounded.levels.dtype == kind and (np.abs(rounded.levels).max(axis=(1, 2)) == most).all()
    steps = rounded.steps[:, None, None]
    assert (np.abs(drawing.restore(rounded) - weights) <= 0.5001 * steps).all()
    assert drawing.restore(rounded).dtype == np.float32 and not drawing.restore(rounded)[1, :2].any()
    assert not drawing.restore(drawing.round_weights(np.zeros((2, 3), np.float32), heavy)).any()


def test_a_changed_answer_is_no_small_error(monkeypatch):
    network, images = trained("small"), random_images(4, 1, 28, 28)
    assert drawing.rounding_error(network, images, sys.maxsize) < 1e-3
    other = copy.deepcopy(network)
    other.output.bias.data[(evaluation.predict(network, images).argmax(1)[0] + 1) % 10] += 1e3
    monkeypatch.setattr(drawing, "round_network", lambda network, heavy: other)
    assert drawing.rounding_error(network, images, sys.maxsize) == 1.0


@pytest.mark.parametrize("name", ["small", "residual"])
def test_the_network_answers_as_soon_as_its_script_has_run(opened, name):
    network, form = trained(name, channels=3, size=32), (3, 32, 32)
    page = opened(network, form=form, then="<script>early = networkPad.logits(new Uint8Array(3072).fill(9))</script>")
    early, later = page.evaluate("[early, networkPad.logits(new Uint8Array(3072).fill(9))].map(one => [...one])")
    assert early == later and np.isfinite(early).all() and not page.complaints


def test_drawing_is_answered_and_cleared(opened):
    page = opened(trained("small"))
    assert page.locator(".answer").inner_text() == "Draw, and the network answers."
    stroke(page, (80, 60), (200, 60), (130, 230))
    assert "The network says" in page.locator(".answer").inner_text()
    shares = [float(text.strip("> %")) for text in page.locator(".bars .share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1) and page.locator(".bars li.first").count() == 1
    page.get_by_role("button", name="Clear").press("Enter")
    assert page.locator(".answer").inner_text() == "Draw, and the network answers." and not page.complaints


def made_drawings():
    """Return drawings, uint8 (h, w): lines of many lengths, widths and shades, light on dark too, and odd cases."""
    generator = np.random.default_rng(0)
    drawings = [np.full((30, 40), 255, np.uint8), np.eye(28, dtype=np.uint8) * 255, np.tri(9, 70, 3, dtype=np.uint8)]
    drawings[2][0, 0] = 7  # ink of two shades on one side
    for number in range(17):
        width, height = generator.integers(20, 300, 2).tolist()
        shades = generator.integers(0, 256, 2).tolist()
        picture = Image.new("L", (width, height), shades[0])
        points = [tuple(point) for point in generator.uniform(2, (width - 2, height - 2), (1 + number % 5, 2)).tolist()]
        ImageDraw.Draw(picture).line([points[0], *points], fill=shades[1], width=int(generator.integers(1, 30)))
        drawings.append(np.asarray(picture.filter(ImageFilter.GaussianBlur(generator.uniform(0, 2)))))
    return drawings


def test_the_page_frames_drawings_as_python_does_to_the_pixel(opened):
    page = opened(trained("small"))
    drawings = made_drawings()
    assert len(drawings) == 20
    arguments = [[drawn.ravel().tolist(), *drawn.shape] for drawn in drawings]
    framed = page.evaluate("many => many.map(one => Array.from(networkPad.parts.frame(...one)))", arguments)
    for drawn, pixels in zip(drawings, framed, strict=True):
        assert np.array_equal(np.array(pixels).reshape(28, 28), framing.frame_drawing(drawn))
    assert sum(any(pixels) for pixels in framed) >= 18


@pytest.mark.parametrize("points", [((30, 40), (70, 40), (70, 150)), ((2, 2), (2, 90)), ((277, 277),)])
def test_what_is_drawn_is_framed_before_it_is_read(opened, points):
    """In a corner of the canvas, too, where its first pixel is ink."""
    page = opened(trained("small"))
    stroke(page, *points)
    canvas, seen = (
        np.array(page.evaluate(f"() => Array.from(document.querySelector('.{name}').getContext('2d')"
                               f".getImageData(0, 0, {side}, {side}).data)")).reshape(side, side, 4)[..., 0]
        for name, side in (("pad", 280), ("seen", 28))
    )  # fmt: skip
    expected = framing.frame_drawing(np.pad(canvas.astype(np.uint8), 1, constant_values=255))
    assert np.array_equal(255 - seen, expected) and expected.max() > 200


def test_a_misclassified_image_is_loaded_as_it_is_and_corrected(opened):
    network, whole = trained("small"), data.load("digits")
    pixels = whole.images[5]
    page = opened(network, examples=[(pixels.numpy(), "5", "9")])
    page.wait_for_function("document.querySelector('.bars li.first')")  # the first mistake is there from the beginning
    page.get_by_role("button", name="Clear").press("Enter")
    page.get_by_role("button", name="5, classified as 9").press("Enter")
    said = NAMES[int(evaluation.predict(network, pixels[None]).argmax())]
    answer = page.locator(".answer").inner_text()
    assert f"The network says {said} (" in answer and answer.endswith("Its label is 5.")
    assert page.locator(".thumbnails [aria-pressed=true]").count() == 1
    page.get_by_role("button", name="Rubber").click()
    for height in range(20, 280, 25):
        stroke(page, (5, height), (275, height))
    assert page.locator(".answer").inner_text() == "Draw, and the network answers."


def test_names_are_shown_as_text(opened):
    evil = ("<script>window.ran=1</script>", '"><img src=x onerror="window.ran=1">', "</script><b>", *"3456789")
    page = opened(trained("small"), evil, [(np.zeros((1, 28, 28), np.uint8), evil[0], evil[1])])
    assert page.locator(".bars .name").all_inner_texts() == list(evil)
    assert page.evaluate("window.ran") is None and not page.complaints


def test_without_javascript_there_is_a_picture_and_a_sentence(opened):
    page = opened(trained("small"), java_script_enabled=False)
    assert page.locator(".without img").is_visible() and not page.locator(".live").is_visible()


def as_bytes(pixels):
    """Return pixels, uint8 (h, w, 3), as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


FITTED = """async text => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    return Array.from(networkPad.parts.fit(picture));
}"""


SEND = """([text, kind]) => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)), carried = new DataTransfer();
    carried.items.add(new File([bytes], "a.png", { type: "image/png" }));
    const target = kind === "paste" ? document : document.querySelector(".drop");
    target.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, { clipboardData: carried })
        : new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_fitted_whole_and_filled_up_with_the_median_of_its_border(opened, channels):
    form = (channels, 32, 32)
    page = opened(trained("small", channels=channels, size=32), form=form)
    exact = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    fitted = np.array(page.evaluate(FITTED, as_bytes(exact))).reshape(form)
    expected = exact.transpose(2, 0, 1) if channels == 3 else np.asarray(Image.fromarray(exact).convert("L"))[None]
    assert np.abs(fitted - expected.astype(int)).max() <= (channels == 1)  # of the form already: its own pixels
    wide = np.full((160, 320, 3), (10, 200, 90), dtype=np.uint8)
    wide[40:120, 80:240] = (250, 30, 30)
    fitted = np.array(page.evaluate(FITTED, as_bytes(wide))).reshape(form)
    middle, around = ([250, 30, 30], [10, 200, 90]) if channels == 3 else ([96], [131])
    assert np.abs(fitted[:, 14:18, 10:22] - np.reshape(middle, (-1, 1, 1))).max() <= 1
    assert np.abs(fitted[:, :11] - np.reshape(around, (-1, 1, 1))).max() <= 1  # the border's colour, above the picture
    assert np.abs(fitted[:, :, :7] - np.reshape(around, (-1, 1, 1))).max() <= 1
    low = np.zeros((9, 64, 3), dtype=np.uint8)  # 4.5 rows of 32: four, as Python rounds
    low[:, 20:44] = 255
    fitted = np.array(page.evaluate(FITTED, as_bytes(low))).reshape(form)
    assert np.nonzero(fitted.any(axis=(0, 2)))[0].tolist() == [14, 15, 16, 17]


@pytest.mark.parametrize("ink", [20, 250])
def test_what_is_transparent_becomes_the_paper_that_python_gives_it(opened, ink):
    page = opened(trained("small", channels=1, size=32), form=(1, 32, 32))
    drawn = np.full((32, 32, 4), ink, dtype=np.uint8)
    drawn[..., 3] = 0
    drawn[8:24, 12:20, 3] = 255
    expected = pictures.open_bytes(base64.b64decode(as_bytes(drawn)))[..., 0]
    assert expected[0, 0] == (255 if ink < 127 else 0)
    assert np.array_equal(np.array(page.evaluate(FITTED, as_bytes(drawn))).reshape(32, 32), expected)


def test_a_picture_is_chosen_by_keyboard_dropped_or_pasted_and_answered(opened, tmp_path):
    network, form = trained("residual", channels=3, size=40), (3, 40, 40)
    many = random_images(40, *form)
    network.output.bias.data -= evaluation.predict(network, many).mean(dim=0)  # so that not all get one answer
    labels = evaluation.predict(network, many).argmax(1)
    others = (labels != labels[0]).nonzero()[:, 0].tolist()
    images = many[[0, others[0], 0]]
    names = [f"class {label}" for label in range(10)]
    said = [names[labels[place]] for place in (0, others[0], 0)]
    page = opened(network, names, [(images[0].numpy(), names[4], said[0])], form)
    answer = page.locator(".answer")
    page.wait_for_function("document.querySelector('.bars li.first')")
    page.locator(".answer[aria-live=polite]").wait_for()  # the first example is shown without a word
    page.get_by_role("button", name=f"class 4, classified as {said[0]}").press("Enter")
    page.wait_for_function("document.querySelector('.bars li.first')")
    assert f"The network says {said[0]} (" in answer.inner_text()

    Image.fromarray(images[1].permute(1, 2, 0).numpy()).save(tmp_path / "one.png")
    page.get_by_label("Choose a picture").set_input_files(tmp_path / "one.png")
    page.wait_for_function("text => document.querySelector('.answer').textContent.includes(text)", arg=said[1])
    shares = [float(text.strip("> %")) for text in page.locator(".bars .share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1)

    for number, kind in ((2, "drop"), (1, "paste")):
        page.evaluate(SEND, [as_bytes(images[number].permute(1, 2, 0).numpy()), kind])
        page.wait_for_function("text => document.querySelector('.answer').textContent.includes(text)", arg=said[number])
    assert not page.complaints


def test_what_is_no_picture_is_told(opened, tmp_path):
    page = opened(trained("small", channels=3, size=32), form=(3, 32, 32))
    (tmp_path / "no.png").write_text("words")
    page.get_by_label("Choose a picture").set_input_files(tmp_path / "no.png")
    page.wait_for_function("document.querySelector('.answer').textContent.includes('no picture')")
    assert page.locator(".bars li.first").count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_the_pad_for_pictures(opened, width):
    names = [f"a rather long class name {label}" for label in range(30)]
    network, images = trained("small", classes=30, channels=3, size=96), random_images(6, 3, 96, 96)
    examples = [(image.numpy(), names[0], names[1]) for image in images]
    page = opened(network, names, examples, (3, 96, 96), viewport={"width": width, "height": 900})
    page.locator(".examples button").first.press("Enter")
    page.wait_for_function("document.querySelector('.bars li.first')")
    assert page.locator(".bars li:not([hidden])").count() >= 10
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run('.network-pad').then(({ violations }) => violations.map(rule => rule.id))")
    assert found == [] and page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_there_is_a_picture_of_any_form(opened):
    page = opened(trained("small", channels=3, size=32), form=(3, 32, 32), java_script_enabled=False)
    assert page.locator(".without img").is_visible() and not page.locator(".live").is_visible()


def test_an_unknown_layer_is_named():
    with pytest.raises(TypeError, match="GELU"):
        drawing.layers_of(nn.Sequential(nn.GELU()))
    with pytest.raises(TypeError, match="MaxPool2d"):
        drawing.layers_of(nn.Sequential(nn.MaxPool2d(3)))


def known(network, images, threshold, floor=0.0):
    """Return a Certainty whose centres are what a network makes of images."""
    centres = certainty.look(network, images).features.astype(np.float16)
    return certainty.Certainty(0.7, threshold, floor, centres, {})


def test_the_page_gives_what_predict_gives(opened):
    """Scores, probabilities at the temperature, and whether the image is familiar."""
    network, images = trained("small"), random_images(8, 1, 28, 28)
    seen = certainty.look(network, images)
    familiar = certainty.familiarity(seen.features, known(network, images[:2], 0).centres)
    threshold = float(np.sort(familiar)[4:6].mean())
    shares = (torch.from_numpy(seen.logits).double() / 0.7).softmax(dim=1)
    floor = float(shares.quantile(0.55))  # some images have more than three others above it, some fewer
    about = {"temperature": 0.7, "certainty": known(network, images[:2], threshold, floor)}
    page = opened(network, about=about)
    found = page.evaluate("images => images.map(networkPad.logits).map(scores => Array.from(scores))", as_lists(images))
    assert np.abs(np.array(found) - seen.logits).max() < 1e-4
    found = page.evaluate("images => images.map(networkPad.shares)", as_lists(images))
    assert np.abs(np.array(found) - shares.numpy()).max() < 1e-4
    said = page.evaluate("images => images.map(one => networkPad.say(networkPad.shares(one)))", as_lists(images))
    assert [one["sure"] for one in said] == (familiar >= threshold).tolist()
    for one, row in zip(said, shares, strict=True):
        possible = [NAMES[place] for place in row.argsort(descending=True).tolist() if row[place] >= floor]
        cells = {"top": [[one["label"], one["probability"]]], "possible": possible, "sure": one["sure"]}
        assert one["text"] == predict.in_words(cells, 10) and one["label"] == NAMES[int(row.argmax())]
    assert {"or one of" in one["text"] for one in said} == {True, False}
    assert page.evaluate("networkPad.say(networkPad.shares(new Uint8Array(784)).slice()).sure") is None
    contract = "({ side, channels, names, temperature, threshold }) => [side, channels, names, temperature, threshold]"
    assert page.evaluate(f"({contract})(networkPad)") == [28, 1, list(NAMES), 0.7, threshold]


def as_lists(images):
    """Return images, (n, ...), as lists of numbers."""
    return images.flatten(1).tolist()


def test_centres_in_bytes_are_nearly_as_they_were():
    generator = np.random.default_rng(0)
    centres = generator.normal(0, 1, (50, 300))
    centres = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float16)
    rounded = drawing.round_centres(centres)
    back = rounded.least[:, None] + rounded.steps[:, None] * rounded.levels
    features = generator.normal(0, 1, (40, 300))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    assert np.abs(features @ (back - centres.astype(float)).T).max() < 0.003
    constant = drawing.round_centres(np.zeros((1, 4), np.float16))
    assert not constant.levels.any() and not constant.least.any()


def test_an_image_is_shown_and_gone_to_by_other_parts_of_a_page(opened):
    page = opened(trained("small"), examples=[(np.eye(28, dtype=np.uint8)[None] * 255, "5", "9")])
    page.evaluate("networkPad.load(Uint8Array.from({ length: 784 }, (_, i) => (i % 28 === 14 ? 255 : 0)), true)")
    assert page.evaluate("document.activeElement.className") == "pad"
    assert page.locator(".answer").inner_text().startswith("The network says")
    page = opened(trained("small", channels=3, size=32), form=(3, 32, 32))
    page.evaluate("networkPad.load(new Uint8Array(3 * 32 * 32).fill(90), true)")
    assert page.evaluate("document.activeElement.className") == "pad"
    assert page.locator(".answer").inner_text().startswith("The network says") and not page.complaints


WHERE = """() => {
    const [pad, says] = [".pad", ".says"].map(name => document.querySelector(name).getBoundingClientRect());
    return [pad.top, pad.bottom, says.top, innerHeight];
}"""
IN_SIGHT = f"() => {{ const [top, bottom, , height] = ({WHERE})(); return top >= 0 && bottom <= height; }}"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("form", [(1, 28, 28), (3, 96, 96)], ids=["digit", "picture"])
def test_the_whole_pad_is_in_sight_when_an_image_is_loaded_from_afar(opened, form, width, height, motion):
    around = """<script>for (const place of ["beforebegin", "afterend"])
        document.querySelector(".network-pad").insertAdjacentHTML(place, "<p style=height:12000px>a</p>")</script>"""
    network = trained("small", channels=form[0], size=form[1])
    page = opened(network, form=form, then=around, viewport={"width": width, "height": height}, reduced_motion=motion)
    for start in ("0", "document.documentElement.scrollHeight"):
        page.evaluate(f"scrollTo({{ top: {start}, behavior: 'instant' }})")
        page.evaluate(f"networkPad.load(new Uint8Array({np.prod(form)}).fill(90), true)")
        top, bottom, says, window = page.evaluate(WHERE)  # at once: so far no eye can follow
        assert 0 <= top < bottom <= window and 0 <= says < window
    for away in (-300, 400):
        page.evaluate(f"scrollBy({{ top: {away}, behavior: 'instant' }})")
        page.evaluate(f"networkPad.load(new Uint8Array({np.prod(form)}).fill(90), true)")
        if motion == "reduce":
            assert page.evaluate(IN_SIGHT)
        page.wait_for_function(IN_SIGHT)
    assert not page.complaints


def test_a_digit_is_drawn_by_keyboard_alone(opened):
    page = opened(trained("small"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "pad" and page.locator(".pen").is_visible()
    for key in ["Shift+ArrowUp", "Shift+ArrowUp", " ", *["Shift+ArrowDown"] * 5, " ", "ArrowRight"]:
        page.keyboard.press(key)
    page.wait_for_function("document.querySelector('.bars li.first')")
    assert page.locator(".pen-state").inner_text() == "Pen up"
    ink = page.evaluate("Array.from(document.querySelector('.pad').getContext('2d').getImageData(140, 0, 1, 280).data)")
    rows = np.flatnonzero(np.array(ink).reshape(280, 4)[:, 0] < 128)
    assert 70 <= rows.min() <= 90 and 220 <= rows.max() <= 240
    page.keyboard.press("Delete")
    assert page.locator(".answer").inner_text() == "Draw, and the network answers." and not page.complaints


@pytest.mark.parametrize("how", ["Clear", "Delete", "example", "load", "photograph"])
def test_what_is_new_on_the_pad_is_drawn_on_with_the_pen(opened, tmp_path, how):
    page = opened(trained("small"), examples=[(data.load("digits").images[5].numpy(), "5", "9")])
    page.wait_for_function("document.querySelector('.bars li.first')")
    rubber = page.get_by_role("button", name="Rubber")
    rubber.click()
    stroke(page, (20, 20), (260, 260))
    assert rubber.get_attribute("aria-pressed") == "true"  # a stroke leaves it on
    if how == "Clear":
        page.get_by_role("button", name="Clear").click()
    elif how == "Delete":
        page.locator(".pad").press("Delete")
    elif how == "example":
        page.locator("[data-example]").click()
    elif how == "load":
        page.evaluate("networkPad.load(new Uint8Array(784).fill(9), true)")
    else:
        Image.new("RGB", (90, 90), "white").save(tmp_path / "empty.png")
        page.locator("input[type=file]").set_input_files(tmp_path / "empty.png")
        page.wait_for_function("document.querySelector('.answer').textContent.startsWith('No digit')")
    assert rubber.get_attribute("aria-pressed") == "false"


def test_why_it_is_unsure_is_told_where_it_is(opened):
    network, images = trained("small"), random_images(2, 1, 28, 28)
    page = opened(network, about={"certainty": known(network, images[:1], 0.9999)})
    told = page.locator(".unsure")
    assert not told.is_visible()
    for pixels, unsure in ((images[0], False), (255 - images[0], True), (images[0], False)):
        page.evaluate("pixels => networkPad.load(pixels)", pixels.flatten().tolist())
        assert told.is_visible() is unsure and ("is unsure" in page.locator(".answer").inner_text()) is unsure
    page.evaluate("pixels => networkPad.load(pixels)", (255 - images[0]).flatten().tolist())
    page.get_by_role("button", name="Clear").click()
    assert not told.is_visible() and not page.complaints


CARRY = """([selector, kind, name, type]) => {
    const carried = new DataTransfer();
    if (name) carried.items.add(new File(["words"], name, { type })); else carried.setData("text/plain", "words");
    const how = { clipboardData: carried, dataTransfer: carried, bubbles: true, cancelable: true };
    const event = kind === "paste" ? new ClipboardEvent(kind, how) : new DragEvent(kind, how);
    document.querySelector(selector).dispatchEvent(event);
    return event.defaultPrevented;
}"""


def test_what_is_pasted_or_dragged_elsewhere_is_not_for_the_pad(opened):
    page = opened(trained("small"))
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea></textarea><p class=cm-editor></p>')")
    picture = ["a.png", "image/png"]
    for selector, *file in (["textarea", *picture], [".cm-editor", *picture], ["body", "a.txt", "text/plain"]):
        assert page.evaluate(CARRY, [selector, "paste", *file]) is False, selector
    for kind in ("dragover", "drop"):
        assert page.evaluate(CARRY, [".drop", kind, "", ""]) is False
        assert page.locator(".drop.over").count() == 0
    assert page.locator(".answer").inner_text() == "Draw, and the network answers."
    assert page.evaluate(CARRY, [".drop", "dragover", *picture]) and page.locator(".drop.over").count() == 1
    assert page.evaluate(CARRY, ["body", "paste", *picture])
    page.evaluate("document.querySelector('.network-pad').remove()")
    assert page.evaluate(CARRY, ["body", "paste", *picture]) is False and not page.complaints


def made_photographs():
    """Return photographs, uint8 (h, w, 3), of training digits: clean ones, large and small, and what is not plain."""
    generator = np.random.default_rng(5)
    whole = data.load("digits")
    digits = data.split(whole, 0)["train"].images.numpy()[:, 0]
    made = [photographs.photograph(digit, "easy", generator).pixels for digit in digits[:6]]
    made += [photographs.photograph(digits[7], "easy", generator, size).pixels for size in ((900, 700), (190, 240))]
    made += [photographs.photograph(digits[8], kind, generator).pixels for kind in photographs.KINDS]
    made.append(photographs.sheet(digits[:3], ((3,),), "easy", generator, (480, 400)).pixels)
    made += [photographs.without_digit("easy", generator), np.full((30, 300, 3), 200, np.uint8), made[0][:41, :41]]
    return made


def test_the_page_frames_photographs_as_python_does_to_the_pixel(opened):
    page = opened(trained("small"))
    read = """async text => {
        const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)), { parts } = networkPad;
        const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        const { reason, pixels, box } = parts.framePlain(parts.greyOf(picture));
        return reason ? [reason] : [Array.from(pixels), box];
    }"""
    count = 0
    made = made_photographs()
    light = np.dstack([np.full((*made[0].shape[:2], 3), 250, np.uint8), 255 - made[0][..., 0]])  # transparent paper
    for pixels in [*made, light]:
        content = as_bytes(pixels)
        expected = plain_framing.frame_plain(pictures.open_bytes(base64.b64decode(content)))
        found = page.evaluate(read, content)
        if isinstance(expected, framing.NoDigit):
            assert found == [expected.reason]
        else:
            assert np.array_equal(np.array(found[0]).reshape(28, 28), expected.image) and found[1] == list(expected.box)
            count += 1
    assert count >= 8 and not page.complaints


def test_a_photograph_is_read_on_the_pad_or_refused_in_words(opened):
    page, made = opened(trained("small")), made_photographs()
    answer = page.locator(".answer")
    page.evaluate(SEND, [as_bytes(made[0]), "paste"])
    page.wait_for_function("document.querySelector('.bars li.first')")
    assert answer.inner_text().startswith("The network says") and page.locator(".photograph").is_visible()
    expected = plain_framing.frame_plain(made[0]).image
    seen = page.evaluate("Array.from(document.querySelector('.seen').getContext('2d').getImageData(0, 0, 28, 28).data)")
    assert np.array_equal(255 - np.array(seen).reshape(28, 28, 4)[..., 0], expected)
    page.evaluate(SEND, [as_bytes(made[-3]), "drop"])
    page.wait_for_function("document.querySelector('.answer').textContent.includes('predict.py')")
    assert "No digit is read here: nothing on it stands out" in answer.inner_text()
    assert page.locator(".bars li.first").count() == 0
    page.get_by_role("button", name="Clear").click()
    assert not page.locator(".photograph").is_visible() and not page.complaints


def test_a_network_of_whole_images_takes_pictures_whole(opened):
    page = opened(trained("small"), about={"by_ink": False})
    dark = np.full((56, 56, 3), 250, np.uint8)
    dark[20:36, 20:36] = 10
    page.evaluate(SEND, [as_bytes(dark), "drop"])
    page.wait_for_function("document.querySelector('.bars li.first')")
    seen = page.evaluate("Array.from(document.querySelector('.seen').getContext('2d').getImageData(0, 0, 28, 28).data)")
    pixels = 255 - np.array(seen).reshape(28, 28, 4)[..., 0]
    assert pixels[14, 14] > 230 and pixels[2, 2] < 20 and not page.complaints


@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_the_pad_for_drawing(opened, width):
    examples = [(image.numpy(), "5", "9") for image in random_images(24, 1, 28, 28)]
    page = opened(trained("small"), examples=examples, viewport={"width": width, "height": 900}, has_touch=True)
    page.wait_for_function("document.querySelector('.bars li.first')")
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run('.network-pad').then(({ violations }) => violations.map(rule => rule.id))")
    assert found == [] and page.evaluate("document.documentElement.scrollWidth") <= width
    for target in page.locator("button:visible, input:visible").all():
        box = target.bounding_box()
        assert box["width"] >= 24 and box["height"] >= 24
    page.locator("[data-example]").last.tap()
    assert page.locator(".pad").bounding_box()["y"] >= 0
    bottom = page.evaluate("document.querySelector('.pad').getBoundingClientRect().bottom")
    assert bottom <= 900 and not page.complaints
    page.get_by_role("button", name="Clear").tap()
    page.locator(".pad").tap()  # a dot
    page.wait_for_function("document.querySelector('.bars li.first')")


def thinned(image):
    """Return the skeleton of a boolean image (Zhang and Suen 1984)."""
    image = np.pad(image.astype(int), 1)
    while True:
        before = image.copy()
        for turn in (0, 1):
            around = [np.roll(image, shift, (0, 1)) for shift in
                      ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]  # fmt: skip
            changes = sum(
                (one == 0) & (other == 1) for one, other in zip(around, [*around[1:], around[0]], strict=True)
            )
            up, right, down, left = around[0], around[2], around[4], around[6]
            ends = (
                ((up & right & down) | (right & down & left)) if turn == 0 else (up & right & left) | (up & down & left)
            )
            image = image & ~((changes == 1) & (sum(around) >= 2) & (sum(around) <= 6) & (ends == 0)).astype(int)
        if (image == before).all():
            return image[1:-1, 1:-1].astype(bool)


def strokes(skeleton):
    """Return lists of points (x, y) that together visit every point of a skeleton along its neighbours."""
    left, found = set(zip(*np.nonzero(skeleton), strict=True)), []

    def near(point):
        rows, columns = np.meshgrid((-1, 0, 1), (-1, 0, 1))
        steps = sorted(zip(rows.flat, columns.flat, strict=True), key=lambda step: abs(step[0]) + abs(step[1]))
        return [
            other for step in steps if (other := (point[0] + step[0], point[1] + step[1])) in left and step != (0, 0)
        ]

    while left:
        point = min(left, key=lambda one: len(near(one)))  # an end of a line, where there is one
        left.remove(point)
        line, before = [point], [other for stroke in found for other in stroke]
        joint = [one for one in before if max(abs(one[0] - point[0]), abs(one[1] - point[1])) == 1]
        line = joint[:1] + line
        while following := near(line[-1]):
            line.append(following[0])
            left.remove(following[0])
        found.append(line)
    return [[(10.0 * int(x) + 5, 10.0 * int(y) + 5) for y, x in line] for line in found]


@pytest.mark.real
def test_digits_redrawn_as_strokes_are_read(opened, real_data, read_mnist):
    network = checkpoints.load_model(read_mnist / "fast").network
    test = data.split(data.load("mnist", real_data))["test"]
    right = (evaluation.predict(network, test.images[:150]).argmax(1) == test.labels[:150]).nonzero()[:100, 0]
    page, hits = opened(network), 0
    for index in right.tolist():
        page.get_by_role("button", name="Clear").click()
        for line in strokes(thinned(test.images[index, 0].numpy() > 100)):
            stroke(page, *line[:-1:3], line[-1], steps=1)
        hits += f"says {int(test.labels[index])} (" in page.locator(".answer").inner_text()
    assert len(right) == 100 and hits >= 90
