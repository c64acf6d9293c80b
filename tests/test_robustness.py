"""Images in bad light and MNIST-C's corruptions, counted on their pixels; what a reading of them holds."""

import json
from dataclasses import replace

import accuracy
import bad_light
import mnist_c
import numpy as np
import origin
import pytest
import robustness
import torch

from helpers import data, errors, files, recipes, scores, training, transforms

FACTS = {"commit": "made", "versions": {"torch": "2"}, "machine": {"cores": 2, "processor": "made"}}


@pytest.fixture(scope="module")
def digits():
    """Return uint8 images (40, 28, 28) of the embedded digits, ink light on dark."""
    return data.load("digits").images[:40, 0].numpy()


@pytest.mark.parametrize("name", bad_light.CORRUPTIONS)
def test_bad_light_changes_every_image_and_is_drawn_by_its_seed(name, digits):
    images = torch.from_numpy(digits)[:, None]
    before = images.clone()
    corrupted = bad_light.corrupt(images, name)
    assert corrupted.dtype == torch.uint8 and corrupted.shape == images.shape and torch.equal(images, before)
    assert (corrupted != images).flatten(1).any(dim=1).all()
    assert torch.equal(corrupted, bad_light.corrupt(images, name))
    drawn = name not in ("vignette", "haze", "low_resolution", "jpeg")
    assert torch.equal(corrupted, bad_light.corrupt(images, name, seed=1)) != drawn


@pytest.mark.parametrize("name", ["ramp", "vignette", "shadow", "specks", "ruled", "bleed"])
def test_where_ink_is_full_bad_light_leaves_it(name):
    full = torch.full((5, 1, 28, 28), 255, dtype=torch.uint8)
    assert torch.equal(bad_light.corrupt(full, name), full)


def test_no_way_of_bad_light_is_a_corruption_of_mnist_c_or_an_operation_of_training():
    assert len(bad_light.CORRUPTIONS) == 10 and len(mnist_c.CORRUPTIONS) == 15
    assert not set(bad_light.CORRUPTIONS) & (set(mnist_c.CORRUPTIONS) | set(transforms.ROUGHENING))
    assert set(robustness.RELATIVES) <= set(bad_light.CORRUPTIONS) | set(mnist_c.CORRUPTIONS)
    assert set(robustness.RELATIVES.values()) <= set(transforms.ROUGHENING)


@pytest.mark.parametrize("name", mnist_c.CORRUPTIONS)
def test_corruptions_of_mnist_c_keep_their_promises(name, digits):
    before = digits.copy()
    corrupted = mnist_c.corrupt(digits, name)
    assert corrupted.dtype == np.uint8 and corrupted.shape == digits.shape and (digits == before).all()
    assert (corrupted != digits).any(axis=(1, 2)).all()
    assert (corrupted == mnist_c.corrupt(digits, name)).all()
    fixed = name in ("scale", "brightness", "stripe", "canny_edges")
    assert (corrupted == mnist_c.corrupt(digits, name, seed=1)).all() == fixed


def test_brightness_stripe_and_translation_are_what_they_say(digits):
    ink = digits.astype(int)
    assert np.abs(mnist_c.corrupt(digits, "brightness") - np.minimum(ink + 127.5, 255)).max() <= 0.5
    stripe = mnist_c.corrupt(digits, "stripe")
    assert (stripe[:, :, 7:21] == ink[:, :, 7:21]).all()
    assert (stripe[:, :, :7] == 255 - ink[:, :, :7]).all() and (stripe[:, :, 21:] == 255 - ink[:, :, 21:]).all()
    point = np.zeros((60, 28, 28), np.uint8)
    point[:, 14, 14] = 255
    places = {tuple(place) for place in np.argwhere(mnist_c.corrupt(point, "translate") == 255)[:, 1:].tolist()}
    assert places == {(11, 11), (11, 17), (17, 11), (17, 17)}


def test_noise_of_mnist_c_has_its_share():
    grey = np.full((100, 28, 28), 128, np.uint8)
    impulse = mnist_c.corrupt(grey, "impulse_noise")
    assert [(impulse == value).mean() for value in (0, 255)] == pytest.approx([0.085, 0.085], abs=0.005)
    counted = mnist_c.corrupt(grey, "shot_noise")
    assert set(np.unique(counted)) == {0, 85, 170, 255} and (counted == 0).mean() == pytest.approx(
        np.exp(-3 * 128 / 255), abs=0.01
    )


def test_affine_corruptions_turn_slant_and_shrink_around_the_middle():
    bar = np.zeros((30, 28, 28), np.uint8)
    bar[:, 4:24, 13:15] = 255
    columns = np.arange(28) - 13.5

    def leaning(images):
        """Return where the ink of rows 8 and 19 lies, in columns from the middle, (n,) each."""
        return [images[:, row] @ columns / images[:, row].sum(axis=1) for row in (8, 19)]

    for name, slope in (("rotate", np.tan(0.4)), ("shear", np.tan(0.4))):
        above, below = leaning(mnist_c.corrupt(bar, name).astype(float))
        assert np.abs(above) == pytest.approx(5.5 * slope, abs=0.4) and above == pytest.approx(-below, abs=0.1)
        assert 5 < (above > 0).sum() < 25
    square = np.zeros((1, 28, 28), np.uint8)
    square[:, 4:24, 4:24] = 255
    assert mnist_c.corrupt(square, "scale").sum() / square.sum() == pytest.approx(0.49, abs=0.03)


def test_edges_surround_a_square_by_a_line_of_one_pixel():
    square = np.zeros((1, 28, 28), np.uint8)
    square[0, 8:20, 8:20] = 255
    square[0, [7, 20], 8:20] = square[0, 8:20, [7, 20]] = 128  # else the steepest place lies between two pixels
    edges = mnist_c.corrupt(square, "canny_edges")[0] == 255
    assert not edges[9:19, 9:19].any() and 48 <= edges.sum() <= 52  # corners may belong to it
    assert edges[[7, 20], 8:20].all() and edges[8:20, [7, 20]].all()


def test_fog_lies_between_paper_and_ink_and_is_cloudy():
    clouds = mnist_c.clouds(6, np.random.default_rng(0))
    assert clouds.shape == (6, 256, 256) and clouds.min() == 0 and clouds.max() == 1
    beside = np.abs(np.diff(clouds, axis=1)).mean()
    assert beside < 0.3 * np.abs(clouds - np.roll(clouds, 128, axis=1)).mean()
    assert np.abs(clouds[:, 0] - clouds[:, -1]).mean() < 2 * beside  # opposite sides meet


def test_motion_smears_away_from_the_ink_and_keeps_it():
    point = np.zeros((20, 28, 28), np.uint8)
    point[:, 14, 22] = 255
    smeared = mnist_c.motion_blur(point / 255, np.random.default_rng(0))
    assert smeared.sum(axis=(1, 2)) == pytest.approx(np.ones(20), abs=0.01)
    assert (smeared[:, :, 23:] == 0).all() and (smeared[:, 14, 22] > 0.2).all()


def test_lines_run_from_side_to_side(digits):
    blank = np.zeros((50, 28, 28), np.uint8)
    dotted = mnist_c.corrupt(blank, "dotted_line")
    assert (dotted[:, :, [0, 1, 4, 5, 24, 25, 27]] == 0).all() and (dotted[:, :, [2, 3, 26]].max(axis=1) > 100).all()
    points = mnist_c.zigzag_points(10, 10)
    assert points[0] == (2, 10) and points[1] == (4, 12) and points[2] == (8, 8) and points[-1][0] == 25


def test_published_images_are_read_and_others_refused(tmp_path, digits):
    (tmp_path / "fog").mkdir()
    np.save(tmp_path / "fog" / "test_images.npy", digits[..., None])
    with pytest.raises(errors.BadInput, match=r"test_labels\.npy.*; it needs fog/test_images\.npy and "):
        mnist_c.load(tmp_path, "fog")
    np.save(tmp_path / "fog" / "test_labels.npy", np.arange(40, dtype=np.uint8))
    images, labels = mnist_c.load(tmp_path, "fog")
    assert (images == digits).all() and labels.tolist() == list(range(40)) and labels.dtype == np.int64
    for wrong in (digits[:39], digits.astype(float), np.array([{}])):
        np.save(tmp_path / "fog" / "test_images.npy", wrong)
        with pytest.raises(errors.BadInput, match=r"fog|pickle"):
            mnist_c.load(tmp_path, "fog")


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """Let the benchmark train a recipe of a moment on a few of the embedded digits, into a folder of its own."""
    whole = data.load("digits")
    few = replace(whole, images=whole.images[:500], labels=whole.labels[:500], is_test=whole.is_test[:500])
    recipe = replace(
        recipes.RECIPES["balanced"], name="moment", network="small", epochs=1, validation_size=60,
        normalise_each=True, rough_share=0.25, roughening=("strokes", "noise", "light"),
    )  # fmt: skip
    monkeypatch.setattr(data, "load", lambda name: few)
    monkeypatch.setitem(recipes.RECIPES, "moment", recipe)
    monkeypatch.setattr(origin, "facts", lambda: FACTS)
    monkeypatch.setattr(robustness, "RESULTS", tmp_path / "robustness.json")
    return tmp_path / "robustness.json"


def taken(monkeypatch, *arguments):
    """Return the rows of the results file after a command."""
    monkeypatch.setattr("sys.argv", ["robustness.py", "--recipes", "moment", "--seeds", "0", *arguments])
    robustness.main()
    return json.loads(robustness.RESULTS.read_text())["rows"]


def test_a_reading_on_validation_never_touches_the_test_images(small_world, monkeypatch, capsys):
    monkeypatch.setattr(mnist_c, "corrupt", None)
    (row,) = taken(monkeypatch)
    assert set(row["corruptions"]) == set(bad_light.CORRUPTIONS) and "test_accuracy" not in row and "plain" not in row
    relatives = {"ramp": "light", "vignette": "light", "shadow": "light", "pencil": "strokes", "specks": "noise"}
    relatives["haze"] = "light"
    assert row["relatives"] == relatives
    others = [share for name, share in row["corruptions"].items() if name not in row["relatives"]]
    assert row["mean_without_relatives"] == pytest.approx(np.mean(others), abs=1e-6)
    assert row["mean"] == row["mean_without_affine"] == pytest.approx(np.mean([*row["corruptions"].values()]), abs=1e-6)
    assert row["digest"] == scores.digest_of(row) and row["commit"] == "made"
    assert "moment, seed 0: " in capsys.readouterr().out


def test_a_final_reading_holds_mnist_c_beside_the_recipe_as_it_was(small_world, monkeypatch):
    taken(monkeypatch, "--without", "noise")
    _, row = taken(monkeypatch, "--split", "test", "--against-plain")
    assert set(row["corruptions"]) == set(row["plain"]["corruptions"]) == set(mnist_c.CORRUPTIONS)
    noisy = {"shot_noise": "noise", "impulse_noise": "noise"}
    assert row["images"] == "made here, as published" and row["relatives"] == noisy | {
        "fog": "light",
        "brightness": "light",
    }
    shares = row["corruptions"]
    for what, out in (
        ("affine", ("shear", "scale", "rotate", "translate")),
        ("relatives", (*noisy, "fog", "brightness")),
    ):
        left = [share for name, share in shares.items() if name not in out]
        assert row[f"mean_without_{what}"] == pytest.approx(np.mean(left), abs=1e-6)
    assert row["ratio"] == pytest.approx(row["train_seconds"] / row["plain"]["train_seconds"], abs=0.001)
    assert 0 < row["test_accuracy"] <= 1 and row["plain"]["test_accuracy"] != row["plain"]["mean"]


def test_operations_are_left_out_and_published_images_used_on_request(small_world, monkeypatch, tmp_path, digits):
    for name in mnist_c.CORRUPTIONS:
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "test_images.npy", digits[..., None])
        np.save(tmp_path / name / "test_labels.npy", data.load("digits").labels[:40].numpy())
    (row,) = taken(monkeypatch, "--split", "test", "--data", str(tmp_path))
    assert row["images"] == "published"
    with pytest.raises(SystemExit):
        taken(monkeypatch, "--split", "test", "--without", "noise")
    assert len(set(row["corruptions"].values())) == 1  # the same images stand for all


@pytest.fixture
def read_before(small_world, monkeypatch, tmp_path):
    """Let the recipe of a moment have been read by accuracy.py; return the row of its reading."""
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.json")
    (row,) = accuracy.measure(["moment"], [0], scores.no_rows(), FACTS)["rows"]
    return row


def test_a_final_reading_takes_the_models_that_were_read_and_resumes(read_before, small_world, monkeypatch):
    monkeypatch.setattr(training, "train", None)  # nothing is trained twice
    (row,) = taken(monkeypatch, "--split", "test")
    assert set(row["corruptions"]) == set(mnist_c.CORRUPTIONS)
    for name in ("key", "code", "test_accuracy", "validation_accuracy", "train_seconds"):
        assert row[name] == read_before[name]
    assert taken(monkeypatch, "--split", "test") == [row]
    monkeypatch.setattr(origin, "facts", lambda: FACTS | {"commit": "later"})
    assert len(taken(monkeypatch, "--split", "test")) == 2


def test_a_model_that_is_not_the_readings_own_is_trained(read_before, small_world, monkeypatch):
    files.write_json(accuracy.RESULTS, {"rows": [scores.seal(read_before | {"key": "another"})]})
    (row,) = taken(monkeypatch, "--split", "test")
    assert row["key"] == read_before["key"] and row["threads"] == torch.get_num_threads()
    *_, row = taken(monkeypatch, "--split", "test", "--against-plain")
    assert "threads" in row and "threads" in row["plain"]  # its time is compared
