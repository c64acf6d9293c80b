"""Sheets of digits: found one by one, in lines and numbers, against sheets whose digits and places are known."""

import csv
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import sheets as benchmark
import torch
from PIL import Image

import predict
from helpers import data, framing, photographs, plots, reading, sheets
from helpers.errors import BadInput
from helpers.framing import Box, NoDigit
from helpers.photographs import KINDS

SEVEN = np.array([(4, 4), (12, 4), (6, 20)])
LAYOUT = ((3, 4), (2,), (1, 1, 2))


def digit(bar=4):
    """Return an image in MNIST's form, uint8 (28, 28): a seven with a bar `bar` pixels high."""
    image = np.zeros((28, 28), dtype=np.uint8)
    image[4 : 4 + bar, 8:20] = 255
    for row in range(4 + bar, 24):
        column = round(18 - 0.4 * (row - 8))
        image[row, column - 1 : column + 2] = 255
    return image


def sheet(kind="easy", seed=0, layout=LAYOUT, **settings):
    """Return a SheetPhotograph of sevens."""
    images = np.stack([digit()] * photographs.count_digits(layout))
    return photographs.sheet(images, layout, kind, np.random.default_rng(seed), **settings)


def lengths(found):
    """Return how many digits the numbers of lines have."""
    return tuple(tuple(len(number) for number in line) for line in found)


def stroke(pixels, rows, columns, value=40):
    """Draw a thick upright or level stroke on a grey page, in place."""
    pixels[rows[0] : rows[1], columns[0] : columns[1]] = value


def page(size=(400, 600)):
    """Return an empty grey page, uint8 `size`, as a camera sees it."""
    return np.random.default_rng(0).normal(225, 1.5, size).astype(np.uint8)


def hook(pixels, top, left, height=60, width=30):
    """Draw a seven of straight strokes in place."""
    stroke(pixels, (top, top + 6), (left, left + width))
    stroke(pixels, (top, top + height), (left + width - 6, left + width))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_sheet_again_with_all_digits_inside(kind):
    one, again, other = sheet(kind), sheet(kind), sheet(kind, seed=1)
    assert np.array_equal(one.pixels, again.pixels) and one.boxes == again.boxes
    assert not np.array_equal(one.pixels, other.pixels)
    height, width = one.pixels.shape[:2]
    assert len(one.boxes) == 13
    assert all(0 < box.left < box.right < width and 0 < box.top < box.bottom < height for box in one.boxes)


def test_digits_of_a_sheet_are_about_equally_large_and_in_reading_order():
    for seed in range(8):
        boxes = sheet(seed=seed, size=(480, 380)).boxes
        longest = np.array([max(box.right - box.left, box.bottom - box.top) for box in boxes])
        assert longest.max() < 1.8 * longest.min()
        first = boxes[:7]
        assert all(one.left < other.left for one, other in itertools.pairwise(first))
        assert boxes[0].bottom < boxes[7].bottom < boxes[9].bottom


def test_layouts_are_drawn_widely_and_within_their_bounds():
    generator = np.random.default_rng(0)
    drawn = [photographs.draw_layout(generator) for _ in range(300)]
    counts = [photographs.count_digits(layout) for layout in drawn]
    assert min(counts) == 3 and max(counts) == 40
    assert {len(layout) for layout in drawn} == {1, 2, 3, 4, 5, 6}
    assert {number for layout in drawn for line in layout for number in line} == {1, 2, 3, 4, 5, 6}


def test_a_layout_of_another_number_of_digits_is_refused():
    with pytest.raises(ValueError, match="2 images for a layout of 3"):
        photographs.sheet(np.stack([digit()] * 2), ((3,),), "easy", np.random.default_rng(0))
    with pytest.raises(ValueError, match="0 images for a layout of 0"):
        photographs.sheet(np.zeros((0, 28, 28), np.uint8), (), "easy", np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
def test_digits_are_found_where_they_are_in_reading_order(kind):
    right = 0
    for seed in range(3):
        made = sheet(kind, seed)
        found = sheets.frame_sheet(made.pixels)
        if lengths(found) == LAYOUT:
            boxes = [digit.box for line in found for number in line for digit in number]
            apart = np.abs(np.array(boxes) - np.array(made.boxes)).max()
            right += apart < 0.35 * np.median([box.bottom - box.top for box in made.boxes])
    assert right >= 2


def test_a_digit_is_framed_as_it_is_when_it_stands_alone():
    pixels = page()
    hook(pixels, 100, 100)
    hook(pixels, 110, 150)
    hook(pixels, 100, 300)
    found = sheets.frame_sheet(pixels)
    assert lengths(found) == ((2, 1),)
    alone = framing.frame_ink(pixels[60:200, 260:380])
    together = np.corrcoef(found[0][1][0].image.ravel(), alone.image.ravel())[0, 1]
    assert together > 0.9


@pytest.mark.parametrize("degrees", [-9, 0, 9])
def test_lines_that_slope_are_told_apart(degrees):
    pixels = page((500, 800))
    for row, numbers in enumerate(((3, 2), (4,), (2, 3))):
        left = 150
        for number in numbers:
            for _ in range(number):
                hook(pixels, 120 + 90 * row, left)
                left += 45
            left += 50
    rotated = Image.fromarray(pixels).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=225)
    assert lengths(sheets.frame_sheet(np.asarray(rotated))) == ((3, 2), (4,), (2, 3))


def test_pieces_near_each_other_are_one_digit_and_specks_none():
    pixels = page()
    for left in (100, 150, 200):
        hook(pixels, 100, left)
    pixels[128:134, 120:135] = 225  # the pencil was lifted
    stroke(pixels, (97, 102), (250, 256))
    stroke(pixels, (300, 303), (60, 63))
    assert lengths(sheets.frame_sheet(pixels)) == ((3,),)


def test_digits_that_touch_are_cut_apart_and_wide_ones_are_not():
    pixels = page()
    for left in (100, 143, 300, 400):
        hook(pixels, 100, left, width=45)
    stroke(pixels, (130, 136), (120, 140))  # across the first digit, up to its edge
    assert lengths(sheets.frame_sheet(pixels)) == ((2, 1, 1),)
    wide = page()
    for left in (100, 200, 300):
        hook(wide, 100, left, width=75)
        stroke(wide, (154, 160), (left, left + 75))
    assert lengths(sheets.frame_sheet(wide)) == ((3,),)


def test_a_few_rows_of_digits_on_a_board_are_found_as_those_on_paper_are():
    pixels = page()
    for left in (100, 150, 200, 320):
        hook(pixels, 100, left)
    assert lengths(sheets.frame_sheet(255 - pixels)) == lengths(sheets.frame_sheet(pixels)) == ((3, 1),)


@pytest.mark.filterwarnings("error::RuntimeWarning")  # of NumPy; others may be of tests before
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 3), (2, 900), (16, 16), (60, 70), (200, 31)])
def test_an_image_of_any_size_is_answered(size):
    draw = np.random.default_rng(3)
    for pixels in (draw.integers(0, 256, size), np.full(size, 200), np.where(draw.random(size) < 0.02, 0, 255)):
        found = sheets.frame_sheet(pixels.astype(np.uint8))
        assert isinstance(found, NoDigit) or found


@pytest.mark.parametrize("kind", KINDS)
def test_on_an_empty_sheet_no_digit_is_found(kind):
    empty = photographs.without_digit(kind, np.random.default_rng(4), (480, 380))
    assert isinstance(sheets.frame_sheet(empty), NoDigit)


def test_a_texture_is_no_sheet_of_digits():
    woven = np.sin(np.arange(600) / 6) * np.sin(np.arange(800) / 6)[:, None]
    assert isinstance(sheets.frame_sheet(np.clip(150 + 40 * woven, 0, 255).astype(np.uint8)), NoDigit)


def test_the_widest_step_between_gaps_tells_numbers_from_digits():
    gaps = np.array([0.1, 0.2, 0.45, 0.85, 1.0])
    assert 0.45 < sheets.widest_step(gaps) < 0.85
    assert 0.4 < sheets.widest_step(np.array([0.1, 0.2])) < 0.9
    assert sheets.widest_step(np.array([])) == pytest.approx(0.65)


@pytest.fixture
def real_digits():
    """A photograph of two lines of digits of scikit-learn's, and what is written on it."""
    source = data.load("digits")
    layout = ((3, 2), (2,))
    images = source.images[:7].numpy().reshape(-1, 28, 28)
    return photographs.sheet(images, layout, "easy", np.random.default_rng(2)).pixels


def test_a_sheet_is_read_as_its_digits_are_one_by_one(trained, real_digits):
    reader = reading.load("hand", outputs=trained)
    answer = reader.read_sheet(real_digits)
    found = sheets.frame_sheet(real_digits)
    assert lengths(answer.lines) == lengths(found) == ((3, 2), (2,))
    for digit, framed in zip(answer.digits, itertools.chain(*itertools.chain(*found)), strict=True):
        assert np.array_equal(digit.framed.image, framed.image) and digit.framed.box == framed.box
        alone = reader.answer([framed])[0]
        assert digit.labels[0] == alone.labels[0] and digit.probability == pytest.approx(alone.probability, abs=1e-4)
    labels = [digit.label for digit in answer.digits]
    assert answer.text == "{}{}{} {}{}\n{}{}".format(*labels)


def test_a_sheet_without_digits_has_no_lines(trained):
    answer = reading.load("hand", outputs=trained).read_sheet(np.full((200, 200, 3), 220, np.uint8))
    assert answer.lines == () and answer.digits == [] and answer.text == "" and answer.reason


@pytest.fixture
def answer(trained, monkeypatch, capsys, tmp_path, real_digits):
    """A function that runs predict.py with --sheet in a folder with page.png and blank.png; see its end."""
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(trained))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(real_digits).save("page.png")
    Image.fromarray(np.full((200, 200), 220, np.uint8)).save("blank.png")
    threads = torch.get_num_threads()

    def run(*arguments):
        options = predict.make_parser().parse_args([*arguments, "--sheet", "--run", "hand"])
        code = predict.main(options)
        return SimpleNamespace(code=code, lines=capsys.readouterr().out.splitlines())

    yield run
    torch.set_num_threads(threads)


def test_predict_prints_a_line_for_each_line_of_digits(answer):
    ended = answer("page.png", "blank.png")
    assert ended.code == 0 and len(ended.lines) == 3
    assert [len(word) for word in ended.lines[0].split()] == [9, 3, 2]
    assert [len(word) for word in ended.lines[1].split()] == [9, 2]
    assert ended.lines[2] == "blank.png: no digit found: nothing on it looks like a digit"


def test_predict_gives_lines_of_numbers_of_digits_as_json(answer):
    page_row, blank_row = (json.loads(line) for line in answer("page.png", "blank.png", "--json").lines)
    assert lengths(page_row["lines"]) == ((3, 2), (2,))
    first = page_row["lines"][0][0][0]
    assert first.keys() == {"label", "probability", "sure", "possible", "box"}
    assert first["label"] == page_row["text"][0] and all(0 < share < 1 for share in first["box"])
    assert blank_row["lines"] == [] and blank_row["text"] == "" and blank_row["reason"]


def test_predict_writes_a_row_for_each_digit(answer):
    answer("page.png", "blank.png", "--csv", "answers.csv")
    with open("answers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    places = [(row["line"], row["number"], row["place"]) for row in rows[:-1]]
    expected = ["111", "112", "113", "121", "122", "211", "212"]
    assert ["".join(place) for place in places] == expected
    assert all(0 < float(row["left"]) < float(row["right"]) < 1 and row["remark"] == "" for row in rows[:-1])
    assert rows[-1]["label"] == "" and rows[-1]["remark"].startswith("no digit found")


@pytest.mark.parametrize("arguments, word", [(["--framing", "whole"], "ink"), (["--top", "2"], "one class")])
def test_predict_refuses_what_a_sheet_cannot_have(answer, arguments, word):
    with pytest.raises(BadInput, match=word):
        answer("page.png", *arguments)


def test_a_figure_has_a_box_and_a_label_for_each_digit():
    boxes = [Box(10, 10, 30, 50), Box(40, 12, 60, 52)]
    figure = plots.sheet(page(), boxes, ["4", "7"], "a title")
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts] == ["4", "7"] and len(axis.patches) == 2
    assert plots.sheet(page(), [], []).axes[0].texts[:] == []


COMPARED = [("407", "407", 3, 0), ("407", "47", 2, 1), ("407", "4107", 3, 1), ("407", "417", 2, 1), ("12", "", 0, 2)]


@pytest.mark.parametrize("written, read, right, edits", COMPARED)
def test_what_was_read_is_laid_beside_what_was_written(written, read, right, edits):
    assert benchmark.compare(written, read) == (right, edits)


def test_a_reading_counts_digits_and_sheets(trained):
    reader = reading.load("hand", outputs=trained)
    source = data.load("digits")
    split = SimpleNamespace(images=source.images[:60], labels=source.labels[:60])
    row = benchmark.read(reader, benchmark.draw(split, reader.class_names, 2, seed=0))
    written = [text for _, _, text in benchmark.draw(split, reader.class_names, 2, seed=0)]
    assert row["sheets"] == 2 and row["digits"] == sum(len(benchmark.digits_of(text)) for text in written)
    assert set(row["kinds"]) == {"easy", "ruled"}
    low, high = row["accuracy_ci95"]
    assert 0 <= low <= row["accuracy"] <= high <= 1
    assert len(list(benchmark.lines(row | {"split": "validation"}))) == 4
