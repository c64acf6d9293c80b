"""Made pictures, whose classes one thing alone tells apart, and the benchmark that learns them."""

import json

import made_pictures
import numpy as np
import other_pictures
import pictures
import pytest
import torch
from PIL import Image
from test_comparison import FACTS

from helpers import data, recipes, training, transforms


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Compute these tests with one thread: on images this few a second one costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def grey(picture):
    """Return a picture, uint8 (h, w, 3), in grey, float (h, w)."""
    return picture @ np.array(transforms.GREY)


@pytest.mark.parametrize("kind", made_pictures.KINDS)
def test_a_seed_gives_the_same_pictures_and_another_seed_others(kind):
    first = list(made_pictures.pictures(kind, 0, 2))
    again = list(made_pictures.pictures(kind, 0, 2))
    other = list(made_pictures.pictures(kind, 1, 2))
    names = [name for name, _ in first]
    assert names == [name for name in made_pictures.KINDS[kind][0] for _ in range(2)]
    assert all((one == two).all() for (_, one), (_, two) in zip(first, again, strict=True))
    assert not any(np.array_equal(one, two) for (_, one), (_, two) in zip(first, other, strict=True))
    for _, picture in first:
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        assert 96 <= picture.shape[0] == picture.shape[1] <= 128


@pytest.mark.parametrize("hue", [0, 55, 130, 225, 300])
def test_a_colour_is_as_light_as_it_should_be_whatever_its_hue(hue):
    for strength in (0, 0.5, 1):
        for lightness in (40, 120, 200):
            colour = made_pictures.paint(hue, strength, lightness)
            assert colour @ np.array(transforms.GREY) == pytest.approx(lightness)
            assert colour.min() > -1e-9 and colour.max() < 255 + 1e-9
            assert np.ptp(colour) < 1e-9 if strength == 0 else np.ptp(colour) > 10


def test_colours_can_be_told_apart_by_hue_and_not_in_grey():
    hues = {}
    levels = {}
    for name, picture in made_pictures.pictures("colours", 0, 30):
        chroma = picture - grey(picture)[..., None]
        strongest = np.abs(chroma).sum(axis=2) > 90
        hues.setdefault(name, []).append(chroma[strongest].mean(axis=0))
        levels.setdefault(name, []).append(grey(picture).mean())
    red, green, blue = range(3)
    assert {name: int(np.mean(found, axis=0).argmax()) for name, found in hues.items() if name != "yellow"} == {
        "red": red,
        "green": green,
        "blue": blue,
    }
    assert np.mean(hues["yellow"], axis=0).argmin() == blue
    means = [np.mean(found) for found in levels.values()]
    assert np.ptp(means) < 3 * np.mean([np.std(found) for found in levels.values()]) / np.sqrt(15)


def test_textures_are_as_light_in_every_class_and_gone_at_28_pixels():
    levels = {}
    for name, picture in made_pictures.pictures("textures", 0, 30):
        levels.setdefault(name, []).append(grey(picture).mean())
        small = np.asarray(Image.fromarray(picture).resize((28, 28), Image.Resampling.BICUBIC))
        assert grey(small).std() < grey(picture).std()
    means = [np.mean(found) for found in levels.values()]
    assert np.ptp(means) < 3 * np.mean([np.std(found) for found in levels.values()]) / np.sqrt(15)


def test_a_set_is_written_as_folders_of_its_classes(tmp_path):
    pictures.write(tmp_path / "set", "colours", seed=3, per_class=2)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == [f"set/{name}/000{place}.png" for name in made_pictures.HUES for place in range(2)]
    first = next(made_pictures.pictures("colours", 3, 2))[1]
    assert (np.asarray(Image.open(tmp_path / "set" / "blue" / "0000.png")) == first).all()
    split = pictures.read_folder(tmp_path / "set")
    assert split.images.shape == (8, 3, 96, 96) and split.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (split.images[0].numpy() == first.transpose(2, 0, 1)).all()


def test_crops_to_learn_from_and_crops_that_test_come_from_different_halves():
    photographs = {}
    for number, name in enumerate(("one", "two")):
        halves = [np.full((70, 80, 3), 10 * number + tests, np.uint8) for tests in range(2)]
        photographs[name] = np.concatenate(halves, axis=1)
    source = pictures.crops(photographs, (6, 4), seed=0)
    assert source.images.shape == (20, 3, 64, 64) and source.class_names == ("one", "two")
    value = 10 * source.labels + source.is_test
    assert (source.images == value.view(-1, 1, 1, 1)).all() and source.is_test.sum() == 8
    read = pictures.read_histograms(source)
    assert 0 <= read["histograms_accuracy"] <= 1
    assert np.allclose(pictures.histograms(source.images).sum(axis=1), 1)


def test_histograms_tell_colours_apart():
    images = np.zeros((40, 3, 64, 64), np.uint8)
    images[::2, 0] = 255
    source = pictures.dataset("two", images, [1, 0] * 20, ("black", "red"), torch.arange(40) >= 30)
    assert pictures.read_histograms(source)["histograms_accuracy"] == 1
    assert pictures.histograms(source.images)[:2].argmax(axis=1).tolist() == [48, 0]


def test_tasks_take_turns_and_ratios_are_those_of_each_round():
    order = []
    taken = pictures.interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3 and [len(times) for times in taken.values()] == [2, 2]
    assert pictures.ratio({"slow": [8.0, 6.0, 9.0], "fast": [2.0, 2.0, 1.0]}, "slow", "fast") == [4.0, 3.0, 9.0]


@pytest.mark.parametrize("by", tuple(pictures.GENERATORS))
def test_a_made_set_is_read_in_the_form_asked_for(by):
    colours = pictures.made("colours", 0, 5, 96, 3, by)
    assert colours.images.shape == (20, 3, 96, 96) and len(set(colours.labels.tolist())) == 4
    assert pictures.made("textures", 0, 5, 28, 1, by).images.shape == (25, 1, 28, 28)


def test_two_generators_share_no_class_of_colour():
    assert not set(made_pictures.HUES) & set(other_pictures.COLOURS)


def test_readings_are_kept_with_all_that_they_are_of(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(pictures, "RESULTS", tmp_path / "pictures.json")
    monkeypatch.setattr(pictures, "FORMS", ((32, 3), (28, 1)))
    monkeypatch.setattr("origin.facts", lambda: FACTS)
    monkeypatch.setattr(training, "choose_device", lambda *_: torch.device("cpu"))
    small = {"min_batches_per_epoch": 2}
    for name in ("pictures", "balanced"):
        instant = {field: getattr(recipes.RECIPES[name], field) for field in recipes.RECIPES[name].__dataclass_fields__}
        monkeypatch.setitem(recipes.RECIPES, name, recipes.Recipe(**instant | small))
    for arguments in (
        ["made", "--kinds", "colours", "--per-class", "10", "--epochs", "1"],
        ["speed", "--per-class", "8", "--rounds", "1"],
    ):
        monkeypatch.setattr("sys.argv", ["pictures.py", *arguments])
        pictures.main()
    colour, at_28, speed = json.loads((tmp_path / "pictures.json").read_text())["rows"]
    assert (colour["channels"], colour["size"], colour["recipe"]) == (3, 32, "pictures")
    assert (at_28["channels"], at_28["size"], at_28["recipe"]) == (1, 28, "balanced")
    assert colour["test_images"] == 8 and colour["accuracy_ci95"][0] <= colour["accuracy"] <= colour["accuracy_ci95"][1]
    assert speed["images"] == 32 and speed["epoch_ratio"][0] > 0 and speed["commit"] == FACTS["commit"]
    said = capsys.readouterr().out
    assert "colours, 32 pixels, colour, pictures, seed 0: " in said and "times as fast as torchvision's loader" in said


def test_the_recipe_learns_colours_that_nothing_else_tells_apart():
    recipe = recipes.choose("pictures", epochs=3)
    colour = pictures.made("colours", 5, 60, 32, 3)
    _, history = training.train(colour, recipe)
    assert history[-1]["validation_accuracy"] > 0.85
    assert data.split(colour)["validation"].images.shape[1:] == (3, 32, 32)
