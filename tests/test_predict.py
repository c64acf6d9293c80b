"""predict.py: answers are those of the reader, in every form; wrong input ends with one line and its exit code."""

import csv
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from conftest import AXE, ROOT, offline
from PIL import Image

import predict
from helpers import data, errors, files, forms, photographs, pictures, reading, recipes, training
from helpers.forms import Form
from pipeline import command_line


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with two photographs of digits, a blank sheet, a broken image, and what is no image."""
    folder = tmp_path_factory.mktemp("photos")
    images = data.load("digits").images
    for number in (3, 5):
        pixels = photographs.photograph(images[number, 0].numpy(), "easy", np.random.default_rng(number)).pixels
        save(pixels, folder / f"{number}.png")
    (folder / "below").mkdir()
    save(np.full((200, 200), 220, np.uint8), folder / "below" / "blank.JPG")
    (folder / "broken.jpg").write_bytes((folder / "3.png").read_bytes()[:1000])
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    return folder


def save(pixels, path):
    """Write pixels as an image."""
    Image.fromarray(pixels).save(path)


def shade(colour, generator):
    """Return a picture of one colour and noise, uint8 (36, 48, 3)."""
    return (np.array(colour) + generator.integers(-30, 30, (36, 48, 1))).clip(0, 255).astype(np.uint8)


COLOURS = {"leaf": (60, 150, 40), "stone": (140, 135, 130)}


@pytest.fixture(scope="module")
def plants(tmp_path_factory):
    """(A folder of runs: `plants` is of 40 pictures in colour, taken whole; a folder of new ones, one broken)."""
    generator = np.random.default_rng(0)
    form = Form(32, "rgb")
    images = [forms.fit(shade(colour, generator), form)[0] for colour in COLOURS.values() for _ in range(20)]
    labels = torch.arange(40) // 20
    about = ("plants", "Plants", "made by the tests", tuple(COLOURS))
    is_test = torch.arange(40) % 10 == 0
    source = data.Dataset(*about, torch.from_numpy(np.stack(images)), labels, is_test, 4, "0", framing="whole")
    instant = replace(recipes.RECIPES["fast"], epochs=1, batch_size=8, min_batches_per_epoch=20)
    outputs = tmp_path_factory.mktemp("plants")
    training.train(source, instant, folder=outputs / "plants")
    folder = tmp_path_factory.mktemp("new-plants")
    for name, colour in COLOURS.items():
        save(shade(colour, generator), folder / f"{name}.png")
    (folder / "broken.jpg").write_bytes((folder / "leaf.png").read_bytes()[:1000])
    return outputs, folder


@pytest.fixture
def answer(trained, monkeypatch, capsys):
    """A function that runs predict.py's `main` on the model `hand` and returns (exit code, stdout, stderr)."""
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(trained))

    threads = torch.get_num_threads()

    def run(*arguments):
        options = predict.make_parser().parse_args([*map(str, arguments), "--run", "hand"])
        code = predict.main(options)
        return code, *capsys.readouterr()

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def ruling(monkeypatch):
    """Gives every Reader a floor that rules labels out; the few photographs that tests make leave it at 0."""
    load = reading.load

    def load_ruling(*given):
        found = load(*given)
        return replace(found, certainty=found.certainty._replace(floor=0.01))

    monkeypatch.setattr(reading, "load", load_ruling)


def command(trained, *arguments, **settings):
    """Run predict.py as a process of its own; return it, ended, with its output as text."""
    line = [sys.executable, str(ROOT / "predict.py"), *map(os.fspath, arguments)]
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained)}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(line, **({"env": environment, "timeout": 100, "text": True} | pipes | settings))


def test_answers_are_those_of_the_reader(answer, trained, photos):
    code, out, error = answer(photos / "3.png", photos / "5.png", "--json", "--top", 3)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and not error and len(rows) == 2
    reader = reading.load("hand", outputs=trained)
    for row, number in zip(rows, (3, 5), strict=True):
        pixels = pictures.open_file(photos / f"{number}.png")
        expected = reader.read(pixels)
        assert row["file"] == str(photos / f"{number}.png")
        assert (row["label"], row["probability"]) == (expected.label, round(expected.probability, 6))
        assert (row["sure"], row["possible"]) == (expected.sure, list(expected.possible))
        assert [label for label, _ in row["top"]] == list(expected.labels[:3])
        height, width = pixels.shape[:2]
        assert np.allclose(row["box"] * np.array([width, height] * 2), expected.framed.box, atol=1)


def test_a_folder_is_walked_and_what_is_wrong_in_it_is_named(answer, photos):
    code, out, error = answer(photos)
    assert code == 1 and error == f"read by hand\n{photos}/broken.jpg: a damaged image: image file is truncated\n"
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"{photos}/{name}" for name in ("3.png", "5.png", "below/blank.JPG")
    ]
    assert lines[2].endswith("no digit found: nothing on it stands out from its paper")


def test_photographs_as_phones_write_them_are_read_in_a_folder(answer, photos, tmp_path):
    pictures.register_heic()
    with Image.open(photos / "3.png") as image:
        for name, form in (("a.HEIC", "HEIF"), ("b.heif", "HEIF"), ("c.avif", "AVIF")):
            image.save(tmp_path / name, form, quality=90)
    (tmp_path / "d.heic").write_bytes((tmp_path / "a.HEIC").read_bytes()[:1000])
    code, out, error = answer(tmp_path, "--json")
    *rows, damaged = [json.loads(line) for line in out.splitlines()]
    assert code == 1 and error.startswith(f"{tmp_path}/d.heic: a damaged image") and "error" in damaged
    _, out, _ = answer(photos / "3.png", "--json")
    assert len(rows) == 3 and {row["label"] for row in rows} == {json.loads(out)["label"]}


def test_a_table_of_answers(answer, photos, ruling, tmp_path):
    code, _, _ = answer(photos, "--csv", tmp_path / "answers.csv", "--top", 2)
    rows = list(csv.DictReader((tmp_path / "answers.csv").open(newline="")))
    assert code == 1 and list(rows[0]) == [
        *("file", "label", "probability", "sure", "possible", "label_2", "probability_2", "remark")
    ]
    remarks = {Path(row["file"]).name: row["remark"] for row in rows}
    assert remarks["3.png"] == "" and remarks["broken.jpg"].startswith("a damaged image")
    assert remarks["blank.JPG"].startswith("no digit found: ")
    found = next(row for row in rows if row["file"].endswith("3.png"))
    assert found["sure"] in ("yes", "no") and found["label"] in found["possible"].split(";")
    assert found["label"] in "0123456789" and 0 <= float(found["probability_2"]) <= float(found["probability"]) <= 1


def test_labels_are_possible_where_some_are_ruled_out(answer, photos, ruling):
    _, out, _ = answer(photos / "3.png", "--json")
    row = json.loads(out)
    assert row["label"] in row["possible"]


def test_a_floor_of_nothing_names_no_labels(answer, photos, tmp_path):
    _, out, _ = answer(photos / "3.png", "--json", "--csv", tmp_path / "answers.csv")
    row = json.loads(out)
    assert row["sure"] in (True, False) and row["possible"] == []
    assert next(csv.DictReader((tmp_path / "answers.csv").open(newline="")))["possible"] == ""


@pytest.mark.parametrize(
    "sure, possible, top, words",
    [
        (True, ["4"], 1, "4 (98.1%)"),
        (None, [], 1, "4 (98.1%)"),
        (False, ["4"], 1, "unsure: 4 (98.1%)"),
        (False, ["4", "9"], 1, "unsure: 4 (98.1%) or 9"),
        (True, ["4", "9", "7"], 2, "4 (98.1%), 9 (1.0%) or 7"),
        (False, ["4", "9", "7", "1", "0"], 1, "unsure: 4 (98.1%) or one of 4 others"),
        (False, ["4", "9", "7", "1", "0"], 2, "unsure: 4 (98.1%), 9 (1.0%) or 7 or 1 or 0"),
        (False, [*"4971025386"], 1, "unsure: 4 (98.1%)"),  # of ten nothing is ruled out
        (False, list("4901235678"), 1, "unsure: 4 (98.1%)"),
    ],
)
def test_an_answer_in_words(sure, possible, top, words):
    best = [["4", 0.981], ["9", 0.01]][:top]
    assert predict.in_words({"top": best, "sure": sure, "possible": possible}, 10) == words
    few = {"top": [["4", 0.6]], "sure": False, "possible": ["4", "9", "7"]}
    assert predict.in_words(few, 3) == predict.in_words(few, 10) == "unsure: 4 (60.0%) or 9 or 7"


def test_a_model_of_before_is_said_to_be_one(answer, photos, monkeypatch):
    load = reading.load
    monkeypatch.setattr(reading, "load", lambda *given: replace(load(*given), certainty=None))
    code, _, error = answer(photos / "3.png", "--csv", photos / "table.csv")
    assert code == 0 and error.startswith("read by hand; trained by older code, so it is not known which answers are")
    row = next(csv.DictReader((photos / "table.csv").open(newline="")))
    (photos / "table.csv").unlink()
    assert (row["sure"], row["possible"]) == ("", "") and row["label"]


def test_a_run_of_few_validation_images_does_not_say_what_is_sure(trained, photos, tmp_path):
    shutil.copytree(trained, tmp_path / "outputs")
    path = tmp_path / "outputs" / "hand" / "model.json"
    counts = {"validation_images": 3, "photographs": 0, "not_found": 0}
    files.write_json(path, files.read_json(path) | {"fitted_on": counts})
    ended = command(tmp_path / "outputs", photos / "3.png", "--run", "hand")
    assert ended.returncode == 0 and "unsure" not in ended.stdout and " or " not in ended.stdout
    assert ended.stderr == "read by hand; too few validation images, so it is not known which answers are sure\n"


def test_json_has_a_line_for_every_file(answer, photos):
    code, out, _ = answer(photos, "--json")
    rows = {Path(row["file"]).name: row for row in map(json.loads, out.splitlines())}
    assert code == 1 and set(rows) == {"3.png", "5.png", "blank.JPG", "broken.jpg"}
    assert rows["blank.JPG"]["label"] is None and "stands out" in rows["blank.JPG"]["reason"]
    assert "damaged" in rows["broken.jpg"]["error"]


def test_a_defect_costs_one_answer_alone(answer, photos, monkeypatch):
    frame = reading.Reader.frame
    seen = []

    def fail_once(self, pixels):
        seen.append(pixels)
        if len(seen) == 1:
            raise IndexError("out of range")
        return frame(self, pixels)

    monkeypatch.setattr(reading.Reader, "frame", fail_once)
    code, out, error = answer(photos / "3.png", photos / "5.png")
    assert code == 1 and error == f"read by hand\n{photos}/3.png: a defect of this program, IndexError: see --debug\n"
    assert "5.png: " in out and len(seen) == 2
    seen.clear()
    with pytest.raises(IndexError):
        answer(photos / "3.png", "--debug")


def test_no_digit_is_an_answer(answer, photos):
    code, out, error = answer(photos / "below")
    assert code == 0 and error == "read by hand\n" and "no digit found" in out


def test_more_classes_than_there_are_names_all(answer, photos):
    code, out, _ = answer(photos / "3.png", "--top", 99)
    assert code == 0 and out.count("%") == 10


def test_the_framing_is_chosen(answer, photos):
    _, out, _ = answer(photos / "3.png", "--json", "--framing", "whole")
    assert json.loads(out)["box"] == [0, 0, 1, 1]


def test_a_file_that_is_not_there_is_named_and_the_others_are_read(answer, photos):
    code, out, error = answer(photos / "missing.jpg", photos / "3.png")
    assert code == 1 and out.count("3.png") == 1
    assert error.endswith("missing.jpg: no such file\n") and error.count("\n") == 2


def test_an_empty_folder_is_named_and_the_others_are_read(answer, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, error = answer(tmp_path / "empty", photos / "3.png")
    assert code == 1 and out.count("3.png") == 1
    assert error.endswith("empty: no images in this folder, by their names\n") and error.count("\n") == 2


def test_names_are_shown_as_one_line_of_text(answer, photos, tmp_path):
    content = (photos / "3.png").read_bytes()
    for name in (b"a\nb.png", b"a\x1b[31m.png", b"\xff\xfe.png", "a\u202eb.png".encode()):
        (tmp_path / os.fsdecode(name)).write_bytes(content)
    code, out, error = answer(tmp_path)
    assert code == 0 and error == "read by hand\n" and out.count("\n") == 4
    assert all(line.isprintable() and line.encode() for line in out.splitlines())


BAD = [
    ([], "error: name a file, a folder, or - for standard input"),
    (["missing.jpg"], "error: missing.jpg: no such file or folder"),
    ([""], "error: '': no such file or folder"),
    (["a\nb"], "error: a\N{REPLACEMENT CHARACTER}b: no such file or folder"),
    (["empty"], "error: empty: no images in this folder, by their names"),
    (["-3.png"], "error: -3.png: no such flag; if it is a file, say ./-3.png"),
    (["3.png", "--jsn"], "error: --jsn: no such flag; did you mean --json?"),
    (["3.png", "--top", "0"], "error: --top 0: must be at least 1"),
    (["3.png", "--top", "many"], "error: --top many: must be a whole number"),
    (["3.png", "--csv", ""], "error: --csv '': not a file; name one"),
    (["3.png", "--csv", "-"], "error: --csv -: not a file; name one"),
    (["3.png", "--csv", "empty"], "error: --csv empty: not a file; name one"),
    (["3.png", "--csv", "/dev/null"], "error: --csv /dev/null: not a file; name one"),
    (["3.png", "--csv", "5.png"], "error: --csv 5.png: the name of an image"),
    (["3.png", "--csv", "new/a/answers.csv"], "error: --csv new/a/answers.csv: there is no folder new/a; make it"),
    (["3.png", "--csv", "~/answers.csv"], "error: --csv ~/answers.csv: there is no folder ~; make it"),
    (["3.png", "--csv", "3.png/answers.csv"], "error: --csv 3.png/answers.csv: nothing can be written into "),
    (["3.png", "--report", ""], "error: --report '': not the name of a page; name one, as in page.html"),
    (["3.png", "--report", "5.png"], "error: --report 5.png: not the name of a page"),
    (["-", "--report", "page.html"], "error: --report page.html: standard input cannot be read twice; save the image"),
    (["3.png", "--report", "none/page.html"], "error: --report none/page.html: there is no folder none; make it"),
    (["3.png", "--report", "no/../page.html"], "error: --report no/../page.html: there is no folder no/..; make it"),
    (["3.png", "--report", "3.png/page.html"], "error: --report 3.png/page.html: nothing can be written into "),
]


@pytest.mark.parametrize("arguments, line", BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_ends_before_anything_is_read(trained, photos, tmp_path, arguments, line):
    content = (photos / "3.png").read_bytes()
    for name in ("3.png", "5.png", "-3.png"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty").mkdir()
    ended = command(trained, *arguments, cwd=tmp_path)
    assert ended.returncode == 2 and not ended.stdout
    assert ended.stderr.startswith(line) and ended.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["-3.png", "3.png", "5.png", "empty"]
    assert (tmp_path / "5.png").read_bytes() == content


@pytest.mark.parametrize("flag", [["--run", "nosuch"], ["--run", "../x"], ["--run", ""], ["--framing", "inks"]])
def test_a_run_or_framing_that_is_not_there(trained, photos, flag):
    ended = command(trained, photos / "3.png", *flag)
    assert ended.returncode == 2 and not ended.stdout
    assert ended.stderr.startswith(f"error: {flag[0]} ") and ended.stderr.count("\n") == 1


def test_standard_input_is_read(trained, photos):
    with open(photos / "3.png", "rb") as file:
        ended = command(trained, "-", "--run", "hand", "--json", stdin=file)
    assert ended.returncode == 0 and json.loads(ended.stdout)["file"] == "-"


def test_standard_input_that_is_closed(trained):
    ended = command(trained, "-", "--run", "hand", stdin=None, preexec_fn=lambda: os.close(0))
    assert (ended.returncode, ended.stderr) == (1, "read by hand\n-: standard input is closed\n")


def test_output_that_is_closed_or_full(trained, photos, tmp_path):
    arguments = (photos / "3.png", "--run", "hand", "--csv", tmp_path / "answers.csv")
    ended = command(trained, *arguments, stdout=None, preexec_fn=lambda: os.close(1))
    assert (ended.returncode, ended.stderr) == (0, "read by hand\n")
    assert (tmp_path / "answers.csv").is_file()
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            ended = command(trained, *arguments, stdout=full)
        assert (ended.returncode, ended.stderr) == (1, "read by hand\nerror: system: No space left on device\n")


def test_whoever_read_may_leave_and_the_table_is_written(trained, photos, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    ended = command(trained, photos, "--run", "hand", stdout=writer)
    assert (ended.returncode, ended.stderr) == (141, "read by hand\n")
    ended = command(trained, photos, "--run", "hand", "--csv", tmp_path / "answers.csv", stdout=writer)
    os.close(writer)
    assert ended.returncode == 141 and ended.stderr.startswith("read by hand\n")
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 1 + 4  # a head, and all that is an image by name


def test_json_keeps_letters_that_the_output_does_not_know(trained, photos, tmp_path):
    shutil.copy(photos / "3.png", tmp_path / "Ahorn 猫.png")
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained), "PYTHONIOENCODING": "cp1252"}
    ended = command(trained, tmp_path / "Ahorn 猫.png", "--run", "hand", "--json", env=environment)
    assert ended.returncode == 0 and ended.stdout.isascii()
    assert json.loads(ended.stdout)["file"] == str(tmp_path / "Ahorn 猫.png")


def test_ctrl_c_while_it_reads_leaves_no_traceback_and_no_table(trained, photos, tmp_path):
    line = [sys.executable, ROOT / "predict.py", photos / "3.png", "-", "--run", "hand", "--csv", tmp_path / "x.csv"]
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, env=environment, **pipes) as process:
        assert process.stderr.readline() == "read by hand\n"
        assert "3.png" in process.stdout.readline()
        process.send_signal(signal.SIGINT)  # while it waits for standard input
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == ""
    assert not (tmp_path / "x.csv").exists()


def test_a_terminal_shows_what_the_network_saw(trained, photos):
    terminal, other = pty.openpty()
    ended = command(trained, photos / "3.png", "--run", "hand", stdout=other)
    os.close(other)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert ended.returncode == 0 and shown.count("\n") == 15 and "█" in shown


HOSTILE = ('"><img src=x onerror=alert(1)>.png', "a\nb.png", "<script>alert(1)<!-- $x^2$ `b` *c*.png", "\udcff.png")


@pytest.fixture(scope="module")
def page(trained, photos, tmp_path_factory):
    """(What predict.py said of photographs with hostile names, blank and broken ones; the page's path; its folder)."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("new", "photos", "temporary"):
        (folder / name).mkdir()
    for name in HOSTILE:
        name = name.replace("/", "")
        (folder / "photos" / name).write_bytes((photos / "3.png").read_bytes())
    for name in ("broken.jpg", "below/blank.JPG"):
        (folder / "photos" / Path(name).name).write_bytes((photos / name).read_bytes())
    arguments = (folder / "photos", "--run", "hand", "--json", "--report", folder / "new" / "page.html")
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained), "TMPDIR": str(folder / "temporary")}
    before = sorted(trained.rglob("*"))
    ended = command(trained, *arguments, env=environment)
    assert sorted(trained.rglob("*")) == before
    return ended, folder / "new" / "page.html", folder


def test_a_report_shows_every_file_with_its_answer(page):
    ended, path, _ = page
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    answers = {os.path.basename(row["file"]): row for row in map(json.loads, ended.stdout.splitlines())}
    cards = BeautifulSoup(path.read_text(), "html.parser").select(".cards li")
    assert len(cards) == len(answers) == len(HOSTILE) + 2
    for card in cards:
        row = answers.pop(card.select_one(".name").text)
        said = card.select_one(".says").text
        if "error" in row:
            assert said == f"Not read: {row['error']}" and not card.select("img")
        elif row["label"] is None:
            assert said == f"No digit found: {row['reason']}" and len(card.select("img")) == 1
        else:
            assert (
                f"{row['label']}, " in said
                and said.startswith("Unsure: " if row["sure"] is False else "Read as ")
                and len(card.select("img")) == 2
            )
            assert len(card.select("tr")) == 10 and card.select_one("tr.first th").text == row["label"]
            left, top, width, height = map(float, re.findall(r":([\d.]+)%", card.select_one(".box")["style"]))
            assert np.allclose([left, top, left + width, top + height], 100 * np.array(row["box"]), atol=0.2)


def test_a_report_is_offline_and_its_names_are_text(page):
    _, path, _ = page
    soup = BeautifulSoup(path.read_text(), "html.parser")
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", str(soup))
    assert all(image["src"].startswith("data:image/") and len(image["alt"]) > 20 for image in soup.select("img"))
    assert len(soup.select("script")) == 1 and not soup.select("[onerror]")
    assert "How a photograph is read" in soup.text and "Where it fails" not in soup.text


def seen_on(path):
    """Return a page as BeautifulSoup, without what is folded away, and all its words, with those of alt."""
    soup = BeautifulSoup(path.read_text(), "html.parser")
    for part in soup.select("details.code, details.setup, style, script"):
        part.decompose()
    return soup, " ".join([soup.get_text(" "), *(image["alt"] for image in soup.select("img"))])


OF_DIGITS = re.compile(r"\b(digits?|letters?|doodles?|writers|MNIST|ink|box|sheet)\b", re.IGNORECASE)


def test_a_run_of_pictures_reads_no_sheets(plants):
    rule = r"run plants: it reads whole images, and the digits of a sheet are found by their ink; name a run of digits"
    with pytest.raises(errors.BadInput, match=rule):
        reading.load("plants", outputs=plants[0]).read_sheet(np.zeros((100, 100, 3), np.uint8))


def test_a_report_on_pictures_that_are_taken_whole_speaks_of_no_digits(plants, tmp_path):
    outputs, folder = plants
    ended = command(outputs, folder, "--run", "plants", "--report", tmp_path / "page.html")
    assert ended.returncode == 1
    told = "read by plants; too few validation images, so it is not known which answers are sure\n"
    assert ended.stderr.startswith(told)
    assert " or " not in ended.stdout and "unsure" not in ended.stdout
    soup, words = seen_on(tmp_path / "page.html")
    assert OF_DIGITS.findall(words) == []
    assert "It does not know which answers are sure: too few validation images." in words
    assert "There is an answer on 2 of 3 photographs; 1 file could not be read." in soup.get_text()
    assert not soup.select(".box") and "What it cannot know" in words
    cards = [card for card in soup.select(".cards li") if card.select("img")]
    assert len(cards) == 2
    for card in cards:
        assert [caption.text for caption in card.select("figcaption")] == ["as the network saw it", "the photograph"]
        assert [image["alt"].split(", ")[-1] for image in card.select("img")] == ["32 by 32 pixels", "taken whole"]


@pytest.mark.parametrize("flag", [["--sheet"], ["--framing", "whole"]])
def test_a_report_says_of_digits_what_is_true_of_them(trained, photos, tmp_path, flag):
    ended = command(trained, photos / "3.png", "--run", "hand", *flag, "--report", tmp_path / "page.html")
    assert ended.returncode == 0, ended.stderr
    _, words = seen_on(tmp_path / "page.html")
    assert "A letter is read as the digit that it resembles most" in words  # the network is one of digits
    assert ("A box stands around" in words) == ("A digit was found on" in words) == (flag == ["--sheet"])
    assert "How a photograph is read" not in words and "the group with most ink" not in words


def test_a_report_begins_with_the_answers_and_not_with_what_a_notebook_says(page):
    soup, words = seen_on(page[1])
    assert (
        soup.title.text == soup.h1.text.strip("¶") == "06 · Reading: what does a trained network make of a photograph?"
    )
    for phrase in ("Asks:", "Leaves:", "Three things to try", "Where the story goes on"):
        assert phrase not in words
    for phrase in ("A box stands around", "A digit was found on", "the group with most ink", "writers were Americans"):
        assert phrase in words


def test_a_report_leaves_nothing_else_behind(page):
    _, path, folder = page
    assert sorted(inner.name for inner in folder.iterdir()) == ["new", "photos", "temporary"]
    assert [inner.name for inner in path.parent.iterdir()] == ["page.html"]
    assert not list((folder / "temporary").glob("reading-*"))
    assert str(folder / "temporary") not in path.read_text()


def test_a_report_in_a_browser(page, browser):
    _, path, _ = page
    tab = browser.new_context(offline=True, viewport={"width": 390, "height": 900}).new_page()
    complaints = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("dialog", lambda dialog: complaints.append(dialog.message))
    tab.goto(path.as_uri())
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390 and not complaints
    tab.evaluate(AXE)
    assert tab.evaluate("async () => (await axe.run()).violations.map(rule => rule.id)") == []
    tab.context.close()


@pytest.mark.whole  # its page is made by a kernel
def test_a_report_that_fails_leaves_the_page_before(answer, photos, tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("before")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr("pipeline.answers.copy_model", lambda source, target: target.mkdir())
    with pytest.raises(errors.ProjectError, match="its model has been replaced since it was loaded"):
        answer(photos / "3.png", "--report", tmp_path / "page.html")
    monkeypatch.setattr("helpers.checkpoints.check_unchanged", lambda folder, description: None)
    with pytest.raises(errors.ProjectError, match=r"(?s)reading failed at cell .*no trained model in it"):
        answer(photos / "3.png", "--report", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "before" and not list((tmp_path / "temporary").iterdir())
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_report_that_is_stopped_leaves_nothing_behind(trained, photos, tmp_path, number):
    arguments = ["predict.py", photos / "3.png", "--run", "hand", "--report", tmp_path / "page.html"]
    program = (
        "import os, runpy, signal, sys\n"
        "from pipeline import runner\n"
        "tell = runner.Assistant.cell\n"
        "def cell(self, number, total):\n"
        f"    if number == 5: os.kill(os.getpid(), {number.value})\n"
        "    tell(self, number, total)\n"
        "runner.Assistant.cell = cell\n"
        f"sys.argv = {list(map(str, arguments))!r}\n"
        f"runpy.run_path({str(ROOT / 'predict.py')!r}, run_name='__main__')"
    )
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained), "TMPDIR": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 100}
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, **pipes)
    assert ended.returncode == 128 + number and "Traceback" not in ended.stderr, ended.stderr
    assert not (tmp_path / "page.html").exists() and not list(tmp_path.glob("reading-*"))


def test_looking_for_files_imports_no_torch(trained):
    program = (
        "import runpy, sys\n"
        "sys.argv = ['predict.py', 'missing.jpg']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'predict.py')!r}, run_name='__main__')\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 2\n"
        "heavy = {'torch', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=offline(trained), check=True, stderr=subprocess.PIPE)


def test_reading_imports_what_it_needs_alone():
    program = (
        "import sys\n"
        "from helpers import reading\n"
        "heavy = {'torchvision', 'sklearn', 'scipy.optimize', 'scipy.stats', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_documented_lines_of_python_read_a_photograph(trained, photos, ruling, tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "photographs.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(trained))
    monkeypatch.setattr("helpers.runs.newest_with", lambda outputs, stage: "hand")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photograph.jpg").write_bytes((photos / "3.png").read_bytes())
    exec(program, {})
    label, probability, sure, *possible = capsys.readouterr().out.split()
    assert label in "0123456789" and 0 < float(probability) <= 1
    assert sure in ("True", "False") and f"'{label}'" in possible[0]


def test_what_is_written_replaces_no_image_and_nothing_else_that_is_written(answer, photos, tmp_path):
    image = tmp_path / "scan"
    image.write_bytes((photos / "3.png").read_bytes())
    for arguments in (
        [image, "--csv", image],
        [photos / "3.png", "--csv", tmp_path / "one.html", "--report", tmp_path / "one.html"],
    ):
        with pytest.raises(errors.BadInput, match="named twice, and would be replaced; name another file"):
            answer(*arguments)
    assert image.read_bytes() == (photos / "3.png").read_bytes() and list(tmp_path.iterdir()) == [image]


def test_a_page_names_files_below_the_folder_that_all_are_in(tmp_path):
    names = [str(tmp_path / "a.png"), str(tmp_path / "below" / "b.png")]
    assert predict.names_on_page(names) == ["a.png", "below/b.png"]
    assert predict.names_on_page(names[1:]) == ["b.png"]


def test_a_line_of_a_sheet_says_how_many_digits_are_unsure():
    sure, unsure, unknown = ({"sure": sure} for sure in (True, False, None))
    assert predict.how_unsure([[sure, unsure], [unsure]]) == " (unsure: 2 of 3)"
    assert predict.how_unsure([[sure], [unknown]]) == ""


def test_a_signal_that_was_lost_is_heard_at_the_end(monkeypatch):
    monkeypatch.setattr(command_line, "HEARD", [])
    command_line.check_heard()
    command_line.HEARD.append("SIGINT")
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        command_line.check_heard()
