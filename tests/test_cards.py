"""Cards: each says of a photograph what its reader says, keeps light, and shows names as text."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from helpers import cards, data, errors, framing, photographs, pictures, reading

EVIL = "\"><img src=x onerror=\"document.title='run'\"> & '<b>"


@pytest.fixture(scope="module")
def reader(trained):
    """The reader of the model `hand`."""
    return reading.load("hand", outputs=trained)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a photograph of a digit, a blank sheet and a broken image."""
    folder = tmp_path_factory.mktemp("photographs")
    image = data.load("digits").images[3, 0].numpy()
    pixels = photographs.photograph(image, "easy", np.random.default_rng(3)).pixels
    Image.fromarray(pixels).save(folder / "digit.png")
    (folder / "below").mkdir()
    Image.new("RGB", (900, 600), "white").save(folder / "below" / "blank.png")
    (folder / "broken.jpg").write_bytes((folder / "digit.png").read_bytes()[:1000])
    for name in ("notes.txt", ".hidden.png"):
        (folder / name).write_text("no image")
    return folder


def test_photographs_are_found_in_a_folder_alone_and_by_a_list(folder, tmp_path):
    found = cards.find(str(folder), tmp_path)
    assert [name for name, _ in found] == ["below/blank.png", "broken.jpg", "digit.png"]
    assert cards.find(str(folder / "digit.png"), tmp_path) == [("digit.png", str(folder / "digit.png"))]
    (tmp_path / "listed.json").write_text(json.dumps([["shown", "/a/path"]]))
    assert cards.find("listed.json", tmp_path) == [("shown", "/a/path")]
    with pytest.raises(errors.BadInput, match="no such photograph"):
        cards.find(str(tmp_path / "missing"), tmp_path)


def test_a_card_holds_the_readers_answer_and_a_thumbnail(reader, folder):
    card = cards.read_file(reader, "shown", str(folder / "digit.png"))
    pixels = pictures.open_file(folder / "digit.png")
    expected = reader.read(pixels)
    assert card.answer[1:] == expected[1:] and card.label == expected.label
    height, width = pixels.shape[:2]
    assert np.allclose(card.boxes * np.array([width, height] * 2), expected.framed.box)
    thumbnail = Image.open(io.BytesIO(card.thumbnail))
    assert thumbnail.format == "JPEG" and max(thumbnail.size) == cards.THUMBNAIL and len(card.thumbnail) < 12_000


def test_what_is_wrong_with_a_file_stands_on_its_card(reader, folder, monkeypatch):
    broken = cards.read_file(reader, "broken", str(folder / "broken.jpg"))
    assert broken.problem == "a damaged image: image file is truncated" and broken.label is None
    blank = cards.read_file(reader, "blank", str(folder / "below" / "blank.png"))
    assert isinstance(blank.answer.framed, framing.NoDigit)
    texts = [cards.one(card) for card in (broken, blank)]
    assert "Not read:</b> a damaged image" in texts[0] and "<img" not in texts[0]
    assert f"No digit found:</b> {blank.answer.framed.reason}" in texts[1] and texts[1].count("<img") == 1
    monkeypatch.setattr(reading.Reader, "frame", lambda *_: 1 / 0)
    defect = cards.read_file(reader, "odd", str(folder / "digit.png"))
    assert defect.problem == "a defect of this program, ZeroDivisionError"
    assert cards.summary([broken, blank]).startswith("A digit was found on **0 of 2** photographs; none on 1; 1 file ")


def test_a_card_shows_every_class_with_its_probability(reader, folder):
    card = cards.read_file(reader, "digit.png", str(folder / "digit.png"))
    html = cards.one(card)
    rows = re.findall(r'<th scope="row">(.)</th><td><i style="width:([\d.]+)%', html)
    assert [name for name, _ in rows] == list("0123456789")
    expected = dict(zip(card.answer.labels, card.answer.probabilities, strict=True))
    assert all(float(width) == pytest.approx(100 * expected[name], abs=0.06) for name, width in rows)
    assert html.count('class="first"') == 1 and f'first"><th scope="row">{card.label}<' in html


def test_probabilities_are_not_called_certain():
    assert [cards.percent(share) for share in (0.5, 0.99949, 0.99951, 0.0, 1.0)] == [
        "50.0%",
        "99.9%",
        "over 99.9%",
        "0.0%",
        "100.0%",
    ]


def test_a_card_of_a_known_digit_says_when_it_is_wrong(reader, folder):
    pixels = pictures.open_file(folder / "digit.png")
    label = reader.read(pixels).label
    other = "7" if label != "7" else "1"
    right, wrong = (cards.read_pixels(reader, "made", pixels, truth) for truth in (label, other))
    assert not right.is_wrong and "It is" not in cards.in_words(right)
    assert wrong.is_wrong and f"<em>It is {other}</em>" in cards.in_words(wrong)


def test_a_card_of_an_image_that_is_taken_whole_has_no_box(trained, folder):
    reader = reading.load("hand", "whole", outputs=trained)
    names = ("digit.png", "below/blank.png", "broken.jpg")
    made = [cards.read_file(reader, name, str(folder / name)) for name in names]
    assert [card.is_whole for card in made] == [True] * 3 and [card.is_read for card in made] == [True, True, False]
    html = cards.grid(made)
    assert 'class="box"' not in html and "a box around" not in html
    assert html.count('alt="The photograph digit.png, taken whole"') == 1
    assert cards.summary(made).startswith("There is an answer on **2 of 3** photographs; ")
    assert cards.summary(made).endswith("; 1 file could not be read.")
    assert cards.summary(made[2:]) == "There is an answer on **0 of 1** photograph; 1 file could not be read."
    first = cards.lead_of(made)
    assert first.finding == cards.summary(made) and first.findings == ()
    assert [tile.value for tile in first.tiles[:2]] == ["3", "2"] and first.tiles[3].value == "1"


def test_the_pictures_of_a_card_are_told_apart_by_words(reader, folder):
    captions = ["as the network saw it", "the photograph"]
    for name, expected in (("digit.png", captions), ("below/blank.png", captions[1:]), ("broken.jpg", [])):
        html = cards.one(cards.read_file(reader, name, str(folder / name)))
        assert re.findall("<figcaption>(.*?)</figcaption>", html) == expected


def test_names_are_text(reader, folder):
    pair = (str(folder / "digit.png"), str(folder / "broken.jpg"))
    html = cards.grid([cards.read_file(reader, EVIL + "\udcff", path) for path in pair])
    assert html.count("<img ") == 2 and 'onerror="' not in html and html.count("&lt;b&gt;") >= 4
    html.encode()


def test_a_card_of_a_sheet_has_a_box_for_each_digit(reader, folder, tmp_path):
    digits = data.load("digits").images[:4, 0].numpy()
    page = photographs.sheet(digits, ((2, 1), (1,)), "easy", np.random.default_rng(1))
    Image.fromarray(page.pixels).save(tmp_path / "page.png")
    card = cards.read_file(reader, "page.png", str(tmp_path / "page.png"), sheet=True)
    expected = reader.read_sheet(page.pixels)
    assert card.sheet.text == expected.text and len(card.boxes) == len(expected.digits) > 2
    html = cards.grid([card])
    labels = [digit.label for digit in expected.digits]
    assert re.findall(r'<span class="box" style="[^"]*"><b aria-hidden="true">(.)</b>', html) == labels
    assert f"<b>{'<br>'.join(expected.text.splitlines())}</b>" in html and "<li class=sheet>" in html
    blank = cards.read_file(reader, "blank", str(folder / "below" / "blank.png"), sheet=True)
    assert blank.sheet.lines == () and cards.in_words(blank).startswith("<b>No digit found:</b> ")
    broken = cards.read_file(reader, "broken", str(folder / "broken.jpg"), sheet=True)
    found = "A digit was found on **1 of 3** photographs; none on 1; 1 file could not be read."
    assert cards.summary([card, blank, broken]) == found


@pytest.mark.parametrize(
    ("sure", "possible", "words"),
    [
        (True, ("4",), "Read as <b>4</b>, 98.1%"),
        (None, (), "Read as <b>4</b>, 98.1%"),
        (False, ("4", "9"), "<b>Unsure:</b> <b>4</b>, 98.1%, or 9"),
        (False, tuple("49012"), "<b>Unsure:</b> <b>4</b>, 98.1%, or one of 4 others"),
        (False, tuple("4901235678"), "<b>Unsure:</b> <b>4</b>, 98.1%"),
    ],
)
def test_an_answer_says_when_it_is_unsure(sure, possible, words):
    answer = reading.Answer(
        framing.Framed(None, framing.Box(0, 0, 1, 1)), ("4", *"971025386"), (0.981,), sure, possible
    )
    assert cards.label_in_words(answer) == words
