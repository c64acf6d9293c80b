"""The form of a folder's images: chosen by the images or by a person, settled once, kept from file to answer."""

import json

import numpy as np
import psutil
import pytest
import torch
from conftest import Project
from PIL import Image

from helpers import data, files, folders, forms, photographs, pictures, reading, recipes, training
from helpers.errors import BadInput
from helpers.forms import Form, Look, Wish

COLOURS = {"red": (200, 40, 40), "blue": (40, 60, 200)}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A folder of its own for what is kept of decoded images."""
    folder = tmp_path_factory.mktemp("home") / "cache"
    monkeypatch.setattr(folders, "cache_folder", lambda: folder)
    return folder


def picture(colour, size=(40, 30), seed=0):
    """Return a Pillow image, (width, height) in pixels, of one colour with some noise."""
    width, height = size
    noise = np.random.default_rng(seed).normal(0, 5, (height, width, 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def make(path, count=8, size=(40, 30)):
    """Write `count` images for each of COLOURS under `path`; return `path`."""
    for name, colour in COLOURS.items():
        (path / name).mkdir(parents=True)
        for number in range(count):
            picture(colour, size, number).save(path / name / f"{number}.png")
    return path


@pytest.mark.parametrize(
    "look, form",
    [
        (Look(28, 0.0), Form(28, "grey")),
        (Look(28, 0.01), Form(28, "grey")),
        (Look(28, 0.02), Form(32, "rgb")),
        (Look(29, 0.0), Form(32, "grey")),
        (Look(33, 0.0), Form(64, "grey")),
        (Look(96, 1.0), Form(96, "rgb")),
        (Look(4000, 1.0), Form(128, "rgb")),
    ],
)
def test_the_form_is_chosen_by_the_images(look, form):
    assert forms.settle(Wish(), look) == form


def test_what_was_asked_for_is_kept():
    look = Look(50, 1.0)
    assert forms.settle(Wish(image_size=100), look) == Form(100, "rgb")
    assert forms.settle(Wish(colour="grey"), look) == Form(64, "grey")
    assert forms.settle(Wish(framing="ink")) == Form(28, "grey", "ink")
    assert forms.settle(Wish(16, "rgb", "whole")) == Form(16, "rgb")
    assert [Wish(16, "rgb").is_open, Wish(16).is_open, Wish(framing="ink").is_open] == [False, True, False]


@pytest.mark.parametrize(
    "wish, told",
    [
        (Wish(15), "image_size 15: must be from 16 to 256 pixels"),
        (Wish(257), "image_size 257: must be from 16 to 256 pixels"),
        (Wish(colour="sepia"), "colour sepia: not known; choose one of auto, grey, rgb"),
        (Wish(framing="tight"), "framing tight: not known; choose one of auto, whole, ink"),
        (
            Wish(64, framing="ink"),
            "image_size 64: a digit is framed by its ink in 28x28 grey pixels; say framing",
        ),
        (Wish(colour="rgb", framing="ink"), "colour rgb: a digit is framed by its ink in 28x28 grey pixels"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wish, told):
    with pytest.raises(BadInput) as caught:
        forms.check(wish)
    assert caught.value.text(str).startswith(told)


def test_colour_is_told_from_what_cameras_and_jpeg_leave_in_grey():
    generator = np.random.default_rng(0)
    grey = np.repeat(generator.integers(0, 240, (50, 50, 1)), 3, axis=2) + generator.integers(0, 12, (50, 50, 3))
    assert not forms.has_colour(grey.astype(np.uint8))
    grey[:5, :5] = (200, 40, 40)
    assert forms.has_colour(grey.astype(np.uint8))


def test_a_picture_keeps_its_shape_and_colours_on_its_own_ground():
    pixels = np.full((30, 60, 3), (10, 120, 240), dtype=np.uint8)
    pixels[10:20, 20:40] = (250, 200, 0)
    framed, inverted = forms.fit(pixels, Form(48, "rgb"))
    assert framed.shape == (3, 48, 48) and framed.dtype == np.uint8 and not inverted
    assert framed[:, 0, 0].tolist() == framed[:, 47, 47].tolist() == [10, 120, 240]
    assert framed[:, 24, 24].tolist() == [250, 200, 0]
    rows, columns = (np.flatnonzero(framed[0].max(axis=axis) > 130) for axis in (1, 0))
    assert (len(rows), len(columns)) == (8, 16)


def test_only_images_as_mnists_are_have_light_and_dark_told_apart():
    dark = np.full((28, 28, 3), 240, dtype=np.uint8)
    dark[8:20, 12:16] = 20
    framed, inverted = forms.fit(dark, Form())
    assert inverted and framed[0, 14, 14] == 235 and framed[0, 0, 0] == 15
    for form in (Form(32, "grey"), Form(28, "rgb")):
        framed, inverted = forms.fit(dark, form)
        assert not inverted and framed[0, 0, 0] == 240


def test_a_folder_keeps_colours_and_size(tmp_path):
    source = data.load(str(make(tmp_path / "pictures")))
    assert source.images.shape == (16, 3, 64, 64) and source.form == Form(64, "rgb")
    assert "kept in colour and fitted into 64x64 pixels" in source.origin
    assert source.sizes.tolist() == [[30, 40]] * 16
    middle = source.images[:, :, 32, 32].float()
    assert (middle[source.labels == source.class_names.index("red")][:, 0] > 150).all()
    assert (middle[source.labels == source.class_names.index("blue")][:, 2] > 150).all()
    grey = data.load(str(tmp_path / "pictures"), None, 20, "grey")
    assert grey.images.shape == (16, 1, 20, 20) and grey.fingerprint != source.fingerprint


def test_mixed_sizes_become_one(tmp_path):
    make(tmp_path / "pictures", size=(50, 50))
    picture((9, 9, 9), (300, 20)).save(tmp_path / "pictures" / "red" / "wide.png")
    picture((9, 200, 9), (12, 12)).save(tmp_path / "pictures" / "red" / "small.png")
    source = data.load(str(tmp_path / "pictures"))
    assert source.images.shape == (18, 3, 64, 64) and [20, 300] in source.sizes.tolist()


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "LA", "P"])
def test_pictures_of_other_modes_are_read(tmp_path, mode):
    make(tmp_path / "pictures")
    image = picture((60, 60, 60), (40, 40))
    if mode == "I;16":
        image = Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40)
    else:
        image = image.convert(mode)
    image.save(tmp_path / "pictures" / "red" / "other.tif")
    assert len(data.load(str(tmp_path / "pictures")).labels) == 17


def test_digits_of_a_folder_are_framed_by_their_ink(tmp_path):
    digits = data.load("digits")
    for label in (0, 1):
        (tmp_path / "sheets" / str(label)).mkdir(parents=True)
        some = digits.images[digits.labels == label][:5, 0].numpy()
        for number, glyph in enumerate(some):
            photograph = photographs.photograph(glyph, "easy", np.random.default_rng(number))
            Image.fromarray(photograph.pixels).save(tmp_path / "sheets" / str(label) / f"{number}.png")
    Image.new("L", (90, 120), 230).save(tmp_path / "sheets" / "0" / "blank.png")
    source = data.load(str(tmp_path / "sheets"), framing="ink")
    assert source.form == Form(28, "grey", "ink") and len(source.labels) == 10
    assert "blank.png: no digit: " in source.origin
    assert source.images[:, 0, 0].max() == 0 and source.images.amax(dim=(1, 2, 3)).min() > 200


def test_images_that_memory_does_not_hold_are_refused_before_one_is_decoded(tmp_path, monkeypatch):
    path = make(tmp_path / "pictures")
    free = psutil.virtual_memory()._replace(available=2 * 16 * 3 * 100 * 100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(folders, "decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadInput, match=r"^image_size 128: 16 images .* half of the free memory .*image_size` 96 would"):
        data.load(str(path), None, 128)
    free = free._replace(available=100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(BadInput, match="name a folder with fewer images"):
        data.summarise(str(path), None, Wish(64, "rgb", "whole"))


def test_a_summary_reads_no_pixels(tmp_path, monkeypatch):
    path = make(tmp_path / "pictures")
    first = data.load(str(path))
    data.summarise.cache_clear()
    monkeypatch.setattr(folders, "load_pixels", lambda *_: pytest.fail("read"))
    monkeypatch.setattr(folders, "decode", lambda *_: pytest.fail("decoded"))
    assert data.summarise(str(path)).fingerprint == first.fingerprint


def test_a_network_of_colour_pictures_reads_them_as_it_was_trained(tmp_path):
    path = make(tmp_path / "pictures", count=12)
    source = data.load(str(path), None, 32)
    recipe = recipes.choose("fast", epochs=2)
    folder = tmp_path / "outputs" / "colours"
    training.train(source, recipe, folder=folder)
    described = files.read_json(folder / "model.json")
    assert described["images"] == {"size": 32, "colour": "rgb"} and described["framing"]["name"] == "whole"
    reader = reading.load("colours", outputs=tmp_path / "outputs")
    assert reader.form == Form(32, "rgb")
    answer = reader.read(pictures.open_file(path / "red" / "3.png"))
    at = source.class_names.index("red") * 12 + 3
    alone = [torch.from_numpy(answer.framed.image)]
    assert any(torch.equal(alone[0], image) for image in source.images) and source.labels[at] == 1
    assert answer.label in COLOURS and answer.framed.box == (0, 0, 40, 30)
    with pytest.raises(BadInput, match=r"it takes images kept in colour and fitted into 32x32 pixels, and ink is"):
        reading.load("colours", "ink", outputs=tmp_path / "outputs")


@pytest.mark.parametrize(
    "images",
    [
        {"size": 0, "colour": "rgb"},
        {"size": 32.0, "colour": "rgb"},
        {"size": 32, "colour": "auto"},
        {"size": 32},
        {"size": True, "colour": "grey"},
        [],
        None,
    ],
)
def test_a_form_that_no_training_writes_is_not_believed(images):
    with pytest.raises(BadInput, match=r"^run: its images are said to be .* which no training writes; train it again"):
        forms.of_description({"images": images, "framing": {"name": "whole"}})


def test_the_form_of_a_model_of_before_is_mnists():
    assert forms.of_description({}) == Form(framing="ink")
    assert forms.of_description({"framing": {"name": "whole"}}) == Form()
    assert forms.of_description({"framing": {"name": "whole"}, "images": {"size": 64, "colour": "rgb"}}) == Form(
        64, "rgb"
    )
    with pytest.raises(BadInput, match="framed by ink, which no training writes"):
        forms.of_description({"framing": {"name": "ink"}, "images": {"size": 64, "colour": "rgb"}})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with notebooks that leave what they should, and beside it a folder of colours."""
    folder = tmp_path_factory.mktemp("forms")
    (folder / "project").mkdir()
    make(folder / "colours", size=(90, 90))
    return Project(folder / "project")


def test_the_run_is_named_after_the_form_which_is_settled_once(project):
    where = {"dataset": "../colours", "HOME": str(project.folder.parent)}
    code, out, error = project.run("--dry-run", **where)
    assert code == 0 and "-96px-rgb-pictures-" in out, error
    code, again, _ = project.run("--dry-run", "--image-size", "96", "--colour", "rgb", **where)
    assert code == 0 and again == out
    code, out, error = project.run("--dry-run", "--image-size", "28", "--colour", "grey", **where)
    assert code == 0 and "px" not in out and "-balanced-" in out
    code, out, error = project.run("--only", "eda", "--image-size", "40", "--run", "small", **where)
    assert code == 0, out + error
    manifest = json.loads((project.outputs / "small" / "run.json").read_text())
    kept = {name: manifest["parameters"][name] for name in ("image_size", "colour", "framing", "recipe")}
    assert kept == {"image_size": 40, "colour": "rgb", "framing": "whole", "recipe": "pictures"}
    code, out, error = project.run("--only", "eda", "--run", "small", dataset=None, HOME=where["HOME"])
    assert code == 0 and "up to date" in out, out + error
    code, _, error = project.run("--only", "eda", "--run", "small", "--image-size", "48", **where)
    assert code == 2 and "holds another run (image_size was 40, is 48)" in error


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--image-size", "15"), "error: --image-size 15: must be at least 16"),
        (("--image-size", "300"), "error: --image-size 300: must be at most 256"),
        (("--image-size", "x"), "error: --image-size x: must be a whole number"),
        (("--colour", "sepia"), "sepia"),
        (("--framing", "ink", "--image-size", "64"), "error: --image-size 64: a digit is framed by its ink in 28x28"),
        (("--recipe", "lenet-published"), "error: --recipe lenet-published: "),
        (("--recipe", "narrow-tuned", "--colour", "grey", "--image-size", "64"), "error: --recipe narrow-tuned: "),
    ],
)
def test_a_form_that_cannot_be_had_is_one_line_and_makes_nothing(project, arguments, told):
    before = sorted(project.outputs.glob("*")) if project.outputs.exists() else []
    code, _, error = project.run(*arguments, dataset="../colours", HOME=str(project.folder.parent))
    assert code == 2 and told in error and error.count("\n") == 1, error
    assert (sorted(project.outputs.glob("*")) if project.outputs.exists() else []) == before


def test_sets_that_come_in_one_form_stay_in_it(project):
    for flag, value in (("--image-size", "32"), ("--colour", "rgb"), ("--framing", "whole")):
        code, _, error = project.run("--dry-run", flag, value, dataset="digits")
        assert code == 2 and error.startswith(f"error: {flag} {value}: digits comes as 28x28 pixels, grey, each framed")
    code, out, _ = project.run("--dry-run", "--image-size", "28", "--colour", "grey", dataset="digits")
    assert code == 0 and "run digits-balanced-10epochs-seed0" in out


def test_a_class_with_one_image_is_refused(project):
    folder = project.folder.parent / "few"
    make(folder, count=5)
    (folder / "green").mkdir()
    picture((20, 200, 20)).save(folder / "green" / "0.png")
    code, _, error = project.run("--dry-run", dataset="../few", HOME=str(project.folder.parent))
    assert code == 2 and error == "error: --dataset few: class 'green' has 1 usable image; 3 are the least\n"
