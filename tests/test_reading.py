"""A reader's answers are those of its network on the framed image; what is not as its training left it is refused."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import checkpoints, data, files, framing, photographs, pictures, reading, runs
from helpers.errors import BadInput
from pipeline.request import Wishes, settle


@pytest.fixture
def outputs(trained, tmp_path):
    """A copy of the folder of runs, of this test alone."""
    return shutil.copytree(trained, tmp_path / "outputs")


@pytest.fixture(scope="module")
def photograph():
    """A photograph of a digit, uint8 (h, w, 3)."""
    image = data.load("digits").images[3, 0].numpy()
    return photographs.photograph(image, "easy", np.random.default_rng(1)).pixels


def note(outputs, name, started="2026-01-31T12:00:00+00:00", **changes):
    """Write the manifest of a run that ended its training, as a runner does."""
    folder = outputs / name
    made = {leaf: files.file_digest(folder / leaf) for leaf in ("model.json", "model.safetensors", "certainty.npz")}
    fields = {"state": "done", "started": started, "outputs": made} | changes
    manifest = runs.Manifest(
        run=name,
        parameters={"run": name},
        dataset=runs.DatasetRecord(name="digits", title="Digits", fingerprint="0"),
        stages={"training": runs.StageRecord(**fields)},
    )
    runs.save_manifest(folder, manifest)


def test_an_answer_is_that_of_the_network_on_the_framed_image(trained, photograph):
    answer = reading.load("hand", outputs=trained).read(photograph)
    network, _, description = checkpoints.load_model(trained / "hand")
    framed = framing.frame_ink(photograph)
    assert np.array_equal(answer.framed.image, framed.image) and answer.framed.box == framed.box
    with torch.inference_mode():
        logits = network(torch.from_numpy(framed.image)[None, None].float())[0].double()
    expected = (logits / description["temperature"]).softmax(dim=0)
    best = int(expected.argmax())
    assert answer.label == answer.labels[0] == str(best)
    assert answer.probability == pytest.approx(float(expected[best]), abs=1e-4)
    assert sorted(answer.labels) == sorted(description["class_names"])
    assert sum(answer.probabilities) == pytest.approx(1)
    assert list(answer.probabilities) == sorted(answer.probabilities, reverse=True)


def test_the_temperature_is_that_of_model_json(outputs, photograph):
    path = outputs / "hand" / "model.json"
    probabilities = []
    for temperature in (0.5, 1.0, 5.0):
        files.write_json(path, files.read_json(path) | {"temperature": temperature})
        probabilities.append(reading.load("hand", outputs=outputs).read(photograph).probability)
    assert probabilities[0] > probabilities[1] > probabilities[2]


def test_sure_and_possible_follow_from_threshold_and_floor(outputs, photograph):
    path = outputs / "hand" / "model.json"

    def read(**changes):
        files.write_json(path, files.read_json(path) | changes)
        return reading.load("hand", outputs=outputs).read(photograph)

    answer = read(threshold=-1, floor=read().probabilities[-1])
    assert answer.sure is True and answer.possible == answer.labels
    assert read(threshold=-1, floor=0)[3:] == (True, ())  # such a floor rules nothing out, and says nothing
    second = answer.probabilities[1]
    answer = read(threshold=1, floor=second)
    assert answer.sure is False and answer.possible == answer.labels[:2]
    assert read(floor=1).possible == answer.labels[:1]


@pytest.mark.parametrize(("validation_images", "photographs", "not_found"), [(19, 0, 0), (10, 10, 1), (0, 0, 0)])
def test_what_so_few_images_say_is_not_believed(outputs, photograph, validation_images, photographs, not_found):
    path = outputs / "hand" / "model.json"
    counts = {"validation_images": validation_images, "photographs": photographs, "not_found": not_found}
    files.write_json(path, files.read_json(path) | {"fitted_on": counts, "floor": 0.01})
    reader = reading.load("hand", outputs=outputs)
    answer = reader.read(photograph)
    assert reader.certainty is None and reader.unknown == "too few validation images"
    assert answer.label and answer.sure is None and answer.possible == ()
    counts["validation_images"] += 20
    files.write_json(path, files.read_json(path) | {"fitted_on": counts})
    reader = reading.load("hand", outputs=outputs)
    assert reader.certainty is not None and reader.unknown == ""
    assert reader.read(photograph).sure is not None and reader.read(photograph).possible
    files.write_json(path, files.read_json(path) | {"certainty_code": ["older"]})
    assert reading.load("hand", outputs=outputs).unknown == "trained by older code"


def test_of_a_model_of_before_it_is_not_known_what_is_sure(outputs, photograph):
    path = outputs / "hand" / "model.json"
    description = files.read_json(path) | {"version": 2}
    for name in ("threshold", "floor", "fitted_on", "certainty_sha256", "certainty_code"):
        del description[name]
    files.write_json(path, description)
    (outputs / "hand" / "certainty.npz").unlink()
    reader = reading.load("hand", outputs=outputs)
    answer = reader.read(photograph)
    assert answer.label and answer.sure is None and answer.possible == ()
    assert reader.unknown == "trained by older code"


def test_where_no_digit_is_there_is_no_label(trained):
    answer = reading.load("hand", outputs=trained).read(np.full((200, 200, 3), 220, np.uint8))
    assert isinstance(answer.framed, framing.NoDigit)
    assert answer.label is None and answer.probability == 0 and answer.labels == ()
    assert answer.sure is None and answer.possible == ()


def test_framing_is_chosen(outputs, photograph):
    whole = reading.load("hand", "whole", outputs=outputs)
    answer = whole.read(photograph)
    assert np.array_equal(answer.framed.image, framing.frame_whole(photograph)[None])
    assert answer.framed.box == (0, 0, photograph.shape[1], photograph.shape[0])
    assert reading.load("hand", outputs=outputs).framing == "ink"
    path = outputs / "hand" / "model.json"
    files.write_json(path, files.read_json(path) | {"framing": {"name": "whole"}})
    assert reading.load("hand", outputs=outputs).framing == "whole"
    assert reading.load("hand", "ink", outputs=outputs).framing == "ink"
    with pytest.raises(BadInput, match="choose one of auto, whole, ink"):
        reading.load("hand", "inks", outputs=outputs)


def test_the_newest_training_answers(outputs):
    for name, started in (("b", "2026-01-31T12:00:00+00:00"), ("a", "2026-01-31T12:30:00-02:00"), ("c", "2025-12-31")):
        shutil.copytree(outputs / "hand", outputs / name)
        note(outputs, name, started if "T" in started else f"{started}T00:00:00+00:00")
    shutil.copytree(outputs / "hand", outputs / "failed")
    note(outputs, "failed", "2026-05-01T12:00:00+00:00", state="failed")
    (outputs / "damaged").mkdir()
    (outputs / "damaged" / "run.json").write_text("{")
    assert reading.load(outputs=outputs).run == "a"


def test_a_misspelt_run_is_told_the_nearest_and_those_that_were_trained_last(outputs):
    for name, started in (("mnist-a", "2026-01-31"), ("mnist-b", "2026-03-31"), ("digits", "2026-02-28")):
        shutil.copytree(outputs / "hand", outputs / name)
        note(outputs, name, f"{started}T00:00:00+00:00")
    with pytest.raises(BadInput) as caught:
        reading.load("mnist-aa", outputs=outputs)
    rule = "run mnist-aa: no such run; did you mean mnist-a? trained last: mnist-b, digits, mnist-a"
    assert str(caught.value) == rule
    with pytest.raises(BadInput, match=r"run zzz: no such run; trained last: mnist-b, digits, mnist-a$"):
        reading.load("zzz", outputs=outputs)
    with pytest.raises(BadInput, match=r"run hands: no such run; did you mean hand\? trained last: "):
        reading.load("hands", outputs=outputs)  # it has a model and no record


def test_a_run_that_is_just_being_trained_is_not_offered_anew(outputs):
    folder = runs.open_run("new", outputs)
    rule = f"run new: process {os.getpid()} is at work on it, and has not trained it yet; wait for it"
    with runs.lock(folder), pytest.raises(BadInput, match=rule):
        reading.load("new", outputs=outputs)
    note(outputs, "hand", state="running")  # an earlier model lies there
    rule = f"run hand: process {os.getpid()} is just training it; wait for it"
    with runs.lock(outputs / "hand"), pytest.raises(BadInput, match=rule):
        reading.load("hand", outputs=outputs)
    with runs.lock(outputs / "hand"), pytest.raises(BadInput, match=r"no trained run in .*: hand is just being"):
        reading.load(outputs=outputs)
    note(outputs, "hand")
    with runs.lock(outputs / "hand"):
        assert reading.load("hand", outputs=outputs).run == "hand"


@pytest.mark.parametrize("run", [None, "nosuch", "", "../hand"])
def test_a_run_that_is_not_there(tmp_path, run):
    with pytest.raises(BadInput, match=r"run_all.py --only training|use 1 to 120 letters"):
        reading.load(run, outputs=tmp_path)
    assert not list(tmp_path.iterdir())


def change_weights(folder):
    """Change a byte of the weights."""
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def change_both(folder):
    """Change a byte of the weights, and their digest in model.json along with it."""
    change_weights(folder)
    digest = files.file_digest(folder / "model.safetensors")
    files.write_json(folder / "model.json", files.read_json(folder / "model.json") | {"weights_sha256": digest})


def change_manifest(folder):
    """Change a word of run.json."""
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"Digits"', '"Digit"'))


DAMAGE = {
    "weights": change_weights,
    "weights and their digest": change_both,
    "run.json": change_manifest,
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "no model.json": lambda folder: (folder / "model.json").unlink(),
    "no certainty": lambda folder: (folder / "certainty.npz").unlink(),
    "half of certainty": lambda folder: os.truncate(folder / "certainty.npz", 100),
    "no history": lambda folder: (folder / "history.csv").unlink(),
    "half of model.json": lambda folder: os.truncate(folder / "model.json", 300),
    "half of the weights": lambda folder: os.truncate(folder / "model.safetensors", 1000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_refused(outputs, damage):
    note(outputs, "hand")
    reading.load("hand", outputs=outputs)
    DAMAGE[damage](outputs / "hand")
    with pytest.raises(BadInput, match=r"run hand: .*run_all.py .*--only training"):
        reading.load("hand", outputs=outputs)


def test_the_way_out_of_a_refusal_is_one_that_run_all_takes(outputs):
    def refused():
        with pytest.raises(BadInput) as caught:
            reading.load("hand", outputs=outputs)
        return caught.value.way_out

    os.truncate(outputs / "hand" / "certainty.npz", 100)  # of a run that was made by hand: no run.json
    assert refused().endswith("python run_all.py --only training --run hand --force")
    wishes = Wishes(run="hand", dataset="digits", only=("training",))
    with pytest.raises(BadInput, match="a model that no command has left there"):
        settle(wishes, outputs)
    settle(wishes.model_copy(update={"force": True}), outputs)
    note(outputs, "hand")
    change_manifest(outputs / "hand")
    assert refused() == "python run_all.py --run hand --only training with its --dataset makes it anew"
    with pytest.raises(BadInput, match="what the run is cannot be told; name its `dataset`"):
        settle(Wishes(run="hand"), outputs)
    settle(wishes, outputs)


@pytest.mark.parametrize("temperature", [0, -1, "warm", None, [1]])
def test_a_temperature_that_is_none_is_refused(outputs, temperature):
    path = outputs / "hand" / "model.json"
    path.write_text(json.dumps(files.read_json(path) | {"temperature": temperature}))
    with pytest.raises(BadInput, match=r"model\.json is not what a training writes \(temperature: .* --only training"):
        reading.load("hand", outputs=outputs)


def test_a_folder_in_place_of_the_weights_is_refused(outputs):
    (outputs / "hand" / "model.safetensors").unlink()
    (outputs / "hand" / "model.safetensors").mkdir()
    with pytest.raises(BadInput, match=r"run hand: .*model.safetensors"):
        reading.load("hand", outputs=outputs)


@pytest.mark.real
def test_photographs_of_validation_digits_are_read(real_data, read_mnist, tmp_path):
    reader = reading.load("fast", outputs=read_mnist)
    validation = data.split(data.load("mnist", real_data))["validation"]
    chosen = validation.images[:40].numpy()
    right = 0
    made = photographs.photographs(chosen, np.random.default_rng(0))
    for (_, picture), label in zip(made, validation.labels, strict=False):
        path = tmp_path / "photograph.jpg"
        Image.fromarray(picture.pixels).save(path, quality=80)
        right += reader.read(pictures.open_file(path)).label == str(int(label))
    assert right >= 36


def test_of_runs_trained_last_one_of_digits_makes_photographs(outputs):
    for name, framing_name, started in (("ink", "ink", "2026-01-01"), ("whole", "whole", "2026-02-01")):
        shutil.copytree(outputs / "hand", outputs / name)
        described = files.read_json(outputs / name / "model.json")
        files.write_json(outputs / name / "model.json", described | {"framing": {"name": framing_name}})
        note(outputs, name, f"{started}T00:00:00+00:00")
    assert reading.newest(outputs) == "whole" and reading.newest_of_digits(outputs) == "ink"
    described = files.read_json(outputs / "whole" / "model.json")
    files.write_json(outputs / "whole" / "model.json", described | {"images": {"size": 0, "colour": "grey"}})
    assert reading.newest_of_digits(outputs) == "ink"  # one that says what no training writes holds up nobody
    files.write_json(outputs / "whole" / "model.json", described)
    assert reading.newest_of_digits(outputs / "nothing") is None
    with pytest.raises(BadInput, match=r"name photographs of its classes in `files`"):
        reading.check_has_photographs(reading.load("whole", outputs=outputs), "")
    reading.check_has_photographs(reading.load("whole", outputs=outputs), "a.jpg")
    reading.check_has_photographs(reading.load("ink", outputs=outputs), "")
