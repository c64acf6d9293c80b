"""A run as an ONNX file answers as its network does, says what a program has to know, and needs no torch."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import ROOT, offline
from test_predict import answer, command, photos, plants  # noqa: F401

import predict
from helpers import (
    certainty,
    checkpoints,
    data,
    evaluation,
    export,
    files,
    framing,
    models,
    pictures,
    reading,
    recipes,
    training,
)
from helpers.errors import BadInput
from helpers.forms import Form
from pipeline.command_line import flag

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def exported(trained):
    """The ONNX file of the run `hand`, as bytes."""
    return export.as_onnx(reading.load("hand", outputs=trained))


def make_reader(folder, **changes):
    """Return the Reader of a run in `folder` that was trained in a moment; `changes` are made to the recipe `fast`."""
    instant = replace(recipes.RECIPES["fast"], epochs=1, batch_size=64, min_batches_per_epoch=20)
    training.train(data.load("digits"), replace(instant, **changes), folder=folder / "instant")
    return reading.load("instant", outputs=folder)


def some_images(count):
    """Return uint8 (count, 1, 28, 28): digits, and from 0 to 255 whatever comes."""
    digits = data.load("digits").images[: count // 2].numpy()
    noise = np.random.default_rng(0).integers(0, 256, (count - len(digits), 1, 28, 28), dtype=np.uint8)
    return np.concatenate([digits, noise])


def by_torch(reader, images):
    """Return the probabilities that a Reader's network gives to images, float64 (n, classes)."""
    logits = evaluation.predict(reader.network, torch.from_numpy(images)).double()
    return (logits / reader.temperature).softmax(dim=1).numpy()


def by_onnx(content, images):
    """Return the probabilities that an ONNX file gives to images, float32 (n, classes)."""
    return onnxruntime.InferenceSession(content).run(["probabilities"], {"images": images})[0]


@pytest.mark.parametrize("name", models.NETWORKS)
def test_the_probabilities_are_those_of_torch(name, tmp_path):
    reader = make_reader(tmp_path, network=name)
    content = export.as_onnx(reader)
    images = some_images(1000)
    expected = by_torch(reader, images)
    assert len(set(expected.argmax(axis=1))) == 10 and (expected.max(axis=1) > 0.9).any()
    for chosen in (slice(None), slice(0, 1)):
        probabilities = by_onnx(content, images[chosen])
        assert probabilities.dtype == np.float32
        assert np.abs(probabilities - expected[chosen]).max() < TOLERANCE


def test_the_temperature_is_in_it(trained):
    reader = reading.load("hand", outputs=trained)
    images = some_images(20)
    found = []
    for temperature in (0.7, 3.0):
        changed = replace(reader, temperature=temperature)
        found.append(by_onnx(export.as_onnx(changed), images))
        assert np.abs(found[-1] - by_torch(changed, images)).max() < TOLERANCE
    assert np.abs(found[0] - found[1]).max() > 0.1


WHOLE = {"key": "0", "framing": {"name": "whole"}}


def test_there_may_be_another_number_of_classes():
    names = ("cat", "dog")
    reader = reading.Reader("pets", models.build("linear-head", classes=2).eval(), names, 1.0, Form(), WHOLE)
    content = export.as_onnx(reader)
    assert by_onnx(content, some_images(3)).shape == (3, 2)
    assert json.loads(notes_of(content)["class_names"]) == ["cat", "dog"]
    assert json.loads(notes_of(content)["framing"]) == {"name": "whole", "version": framing.VERSION}


def test_images_may_be_of_another_form():
    form = Form(48, "rgb")
    network = models.build("compact", classes=2, channels=3, size=48).eval()
    reader = reading.Reader("pets", network, ("cat", "dog"), 1.0, form, WHOLE)
    content = export.as_onnx(reader)
    images = np.random.default_rng(0).integers(0, 256, (3, *form.shape), dtype=np.uint8)
    assert np.abs(by_onnx(content, images) - by_torch(reader, images)).max() < TOLERANCE
    assert json.loads(notes_of(content)["images"]) == {"size": 48, "colour": "rgb"}


def test_the_same_run_gives_the_same_bytes(trained, exported, photos):  # noqa: F811
    reader = reading.load("hand", outputs=trained)
    reader.read(pictures.open_file(photos / "3.png"))  # which lays the network's weights out in another order
    assert export.as_onnx(reader) == exported


def test_nothing_of_this_machine_is_in_it(exported):
    for place in (str(ROOT), sys.prefix, "site-packages", ".py"):
        assert place.encode() not in exported
    onnx.checker.check_model(exported, full_check=True)


def test_images_in_another_range_or_form_are_refused(exported):
    images = some_images(2)
    for wrong in (images.astype(np.float32) / 255, images[:, 0], images[..., :20]):
        with pytest.raises(Exception, match=r"INVALID_ARGUMENT|Unexpected input|Got invalid"):
            by_onnx(exported, wrong)


def notes_of(content):
    """Return the metadata of an ONNX file, {name: text}."""
    return onnxruntime.InferenceSession(content).get_modelmeta().custom_metadata_map


def test_it_says_what_a_program_has_to_know(trained, exported):
    described = files.read_json(trained / "hand" / "model.json")
    notes = {name: json.loads(text) for name, text in notes_of(exported).items()}
    expected = {
        "class_names": list("0123456789"),
        "framing": {"name": "ink", "version": framing.VERSION},
        "images": {"size": 28, "colour": "grey"},
        "temperature": described["temperature"],
        "run": "hand",
        "key": described["key"],
    }
    for name in ("threshold", "floor"):
        expected[name] = described[name]
    assert notes == expected


def test_the_framing_is_that_of_the_run(trained):
    reader = reading.load("hand", outputs=trained)
    described = reader.description | {"framing": {"name": "ink", "version": "0"}}
    assert export.metadata(replace(reader, description=described))["framing"] == {"name": "ink", "version": "0"}


def test_the_familiarity_is_that_of_torch(trained, exported):
    reader = reading.load("hand", outputs=trained)
    images = some_images(200)
    found = onnxruntime.InferenceSession(exported).run(["familiarity"], {"images": images})[0]
    features = certainty.look(reader.network, torch.from_numpy(images)).features
    expected = certainty.familiarity(features, reader.certainty.centres)
    assert found.shape == (200,) and np.abs(found - expected).max() < TOLERANCE


def test_a_run_that_does_not_know_what_it_knows_gives_probabilities_alone(trained):
    reader = replace(reading.load("hand", outputs=trained), certainty=None)
    content = export.as_onnx(reader)
    assert [output.name for output in onnxruntime.InferenceSession(content).get_outputs()] == ["probabilities"]
    assert "threshold" not in notes_of(content)


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_package_that_is_missing_is_named(package, monkeypatch, answer, tmp_path):  # noqa: F811
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BadInput, match=rf"not installed \({package}\); pip install onnx onnxscript$"):
        answer("--export", tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_file_and_says_nothing_more(trained, exported, tmp_path):
    (tmp_path / "new").mkdir()
    ended = command(trained, "--export", "new/model.onnx", "--run", "hand", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        0,
        "",
        "new/model.onnx, new/MODEL_CARD.md: the network of hand\n",
    )
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"model.onnx", "MODEL_CARD.md"}
    assert (tmp_path / "new" / "model.onnx").read_bytes() == exported


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("flags", "moment", "left"),
    [
        (["--export", "new.onnx"], "before", {"3.png"}),
        (["--export", "new.onnx"], "after", {"3.png", "new.onnx", "MODEL_CARD.md"}),
        (["3.png", "--csv", "new.csv"], "before", {"3.png"}),
    ],
)
def test_a_signal_leaves_all_files_or_none(trained, photos, tmp_path, number, flags, moment, left):  # noqa: F811
    """It comes just before the last file takes its place, or just after."""
    program = (
        "import os, runpy, sys\n"
        "from helpers import export, files\n"
        "export.as_onnx = lambda reader: b'a network'\n"
        "replace = files.replace\n"
        "def stopped(new, path):\n"
        f"    kill = lambda: path.name == {flags[-1]!r} and os.kill(os.getpid(), {number.value})\n"
        f"    {'kill(); replace(new, path)' if moment == 'before' else 'replace(new, path); kill()'}\n"
        "files.replace = stopped\n"
        f"sys.argv = {['predict.py', '--run', 'hand', *flags]!r}\n"
        f"runpy.run_path({str(ROOT / 'predict.py')!r}, run_name='__main__')"
    )
    shutil.copy(photos / "3.png", tmp_path)
    environment = offline(trained) | {"MNIST_OUTPUTS_DIR": str(trained), "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 100}
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, **pipes)
    assert ended.returncode == 128 + number and "Traceback" not in ended.stderr, ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == left


def test_photographs_are_read_beside_it(answer, photos, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(export, "as_onnx", lambda reader: reader.run.encode())
    path, card = tmp_path / "model.ONNX", tmp_path / "MODEL_CARD.md"
    code, out, error = answer(photos / "3.png", "--export", path, "--json")
    assert code == 0 and not error and json.loads(out)["file"] == str(photos / "3.png")
    assert path.read_text() == "hand"
    code, out, error = answer(photos / "3.png", "--export", path)
    assert code == 0 and error == f"{path}, {card}: the network of hand\nread by hand\n" and path.read_text() == "hand"
    assert [line.split(":")[0] for line in out.splitlines()] == [str(photos / "3.png")]


BAD = [
    (["--export", ""], "--export '': not the name of an ONNX file; name one, as in model.onnx"),
    (["--export", "photograph.jpg"], "--export photograph.jpg: not the name of an ONNX file"),
    (["--export", "model.safetensors"], "--export model.safetensors: not the name of an ONNX file"),
    (["--export", "folder.onnx"], "--export folder.onnx: not a file; choose another name"),
    (["--export", "photograph.jpg/x.onnx"], "--export photograph.jpg/x.onnx: nothing can be written into "),
    (["--export", "~/x.onnx"], "--export ~/x.onnx: there is no folder ~; make it, or choose another"),
    (["--export", "no/../x.onnx"], "--export no/../x.onnx: there is no folder no/..; make it, or choose another"),
    (["--export", "x.onnx", "--csv", "x.csv"], "name a file, a folder, or - for standard input"),
    (["--export", "x.onnx", "missing.jpg"], "missing.jpg: no such file or folder"),
    (["--export", "x.onnx", "--run", "nosuch"], "--run nosuch: no such run"),
]


@pytest.mark.parametrize("arguments, line", BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_ends_before_anything_is_written(trained, tmp_path, monkeypatch, arguments, line):
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(trained))
    monkeypatch.chdir(tmp_path)
    Path("photograph.jpg").write_text("a photograph")
    Path("folder.onnx").mkdir()
    with pytest.raises(BadInput) as refused:
        predict.main(predict.make_parser().parse_args(arguments))
    assert refused.value.text(flag).startswith(line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.onnx", "photograph.jpg"]
    assert Path("photograph.jpg").read_text() == "a photograph"


@pytest.fixture
def copied(exported, tmp_path):
    """A folder with model.onnx, those modules of helpers/ alone that docs/export.md names, and its lines as main.py."""
    (tmp_path / "model.onnx").write_bytes(exported)
    return copy_lines(tmp_path, which=0)


def copy_lines(folder, which):
    """Copy the modules that docs/export.md names before its program number `which`, and that program as main.py."""
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1 + which].split("```")[0]
    (folder / "helpers").mkdir()
    for name in ["__init__.py", *re.findall(r"`(\w+\.py)`", page.split(program)[0])]:
        shutil.copy(ROOT / "helpers" / name, folder / "helpers")
    (folder / "main.py").write_text(f"import sys\nsys.modules['torch'] = None  # not to be imported\n{program}")
    return folder


def read_in(folder):
    """Run the page's lines in a folder as `copied` made it; return the process, ended."""
    line = [sys.executable, "main.py"]
    environment = offline(folder) | {"PYTHONPATH": str(folder)}
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def test_documented_lines_read_photographs_without_torch(trained, copied, photos):  # noqa: F811
    reader = reading.load("hand", outputs=trained)
    for number in (3, 5):
        shutil.copy(photos / f"{number}.png", copied / "photograph.jpg")
        ended = read_in(copied)
        assert ended.returncode == 0, ended.stderr
        label, probability, word = ended.stdout.split()
        expected = reader.read(pictures.open_file(photos / f"{number}.png"))
        assert label == expected.label and float(probability) == pytest.approx(expected.probability, abs=TOLERANCE)
        assert (word == "sure") == expected.sure
    shutil.copy(photos / "below" / "blank.JPG", copied / "photograph.jpg")
    assert read_in(copied).stderr == "no digit found: nothing on it stands out from its paper\n"


@pytest.mark.parametrize("knows", [True, False])
def test_documented_lines_read_pictures_without_torch(plants, tmp_path, knows):  # noqa: F811
    outputs, folder = plants
    reader = reading.load("plants", outputs=outputs)
    assert reader.certainty is None  # its validation images are too few
    if knows:
        reader = replace(reader, certainty=checkpoints.load_certainty(outputs / "plants", reader.description))
    (tmp_path / "model.onnx").write_bytes(export.as_onnx(reader))
    copy_lines(tmp_path, which=1)
    for name in ("leaf", "stone"):
        shutil.copy(folder / f"{name}.png", tmp_path / "photograph.jpg")
        ended = read_in(tmp_path)
        assert ended.returncode == 0, ended.stderr
        label, probability = ended.stdout.split()
        expected = reader.read(pictures.open_file(folder / f"{name}.png"))
        assert label == expected.label and float(probability) == pytest.approx(expected.probability, abs=TOLERANCE)
