"""What a training may start from: nothing that has learnt from images on which it is validated or tested."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from helpers import data, errors, folders, forms, recipes, starts

FAST = recipes.choose("fast", True)
GREY = forms.Form(28, "grey", "ink")
NOTED = {
    "dataset": "digits",
    "fingerprint": "a",
    "seed": 0,
    "recipe": {"validation_size": None},
    "framing": {"name": "ink"},
    "images": {"size": 28, "colour": "grey"},
}


def refused(noted, dataset="digits", fingerprint="a", form=GREY, seed=0, recipe=FAST, data_dir=None):
    """Return the error of a start, whose text is one line."""
    with pytest.raises(errors.BadInput, match=r"^start_from") as caught:
        starts.check("old", noted, dataset, fingerprint, form, seed, recipe, data_dir)
    return caught.value


def test_a_model_of_before_that_knows_of_no_fold_starts_a_run_without_one():
    starts.check("old", NOTED, "digits", "a", GREY, 0, FAST)
    told = {
        "say `seed` 0, and leave out `fold`": replace(FAST, fold="2/5"),
        "say `seed` 0, and the same `validation_size`": replace(FAST, validation_size=100),
    }
    for way_out, recipe in told.items():
        error = refused(NOTED, recipe=recipe)
        assert "old: it has learnt from some of the same" in str(error) and error.way_out == way_out
    of_fold = NOTED | {"recipe": {"validation_size": None, "fold": "1/5"}}
    assert refused(of_fold).way_out == "say `seed` 0, and `fold` 1/5"
    starts.check("old", NOTED, "letters", "b", GREY, 1, FAST)  # other images: any split of them
    starts.check("old", NOTED, "digits", "b", GREY, 0, FAST)  # of another version of the library that carries them
    assert "has learnt from some of the same images" in str(refused(NOTED, fingerprint="b", seed=1))


def keep_pictures(folder, count):
    """Leave `count` pictures of each of two classes, 40x40; the same ones come first."""
    generator = np.random.default_rng(0)
    for number in range(count):
        for name in ("one", "two"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_a_folder_that_grew_is_split_otherwise_and_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    keep_pictures(tmp_path / "coins", 6)
    larger, smaller = forms.Form(48, "rgb", "whole"), forms.Form(32, "rgb", "whole")
    before = {form: data.summarise("coins", tmp_path, forms.Wish(*form)).fingerprint for form in (larger, smaller)}
    noted = NOTED | {"dataset": "coins", "fingerprint": before[smaller], "framing": {"name": "whole"}}
    noted["images"] = {"size": 32, "colour": "rgb"}
    for form in (larger, smaller):  # another size of the same files is no other split
        data.summarise.cache_clear()
        data.summarise("coins", tmp_path, forms.Wish(*form))  # what was decoded is kept for this form alone
        with monkeypatch.context() as patch:
            patch.setattr(folders, "decode", lambda *_: pytest.fail("decoded again"))
            data.summarise.cache_clear()
            starts.check("old", noted, "coins", before[form], form, 0, FAST, tmp_path)
    assert "has learnt from some of the same images" in str(
        refused(noted, "coins", before[larger], larger, 1, FAST, tmp_path)
    )
    keep_pictures(tmp_path / "coins", 8)
    data.summarise.cache_clear()
    for form in (larger, smaller):
        now = data.summarise("coins", tmp_path, forms.Wish(*form)).fingerprint
        error = refused(noted, "coins", now, form, 0, FAST, tmp_path)
        assert (
            "old: it learnt from other images of coins, or of a folder of that name" in str(error)
            and error.way_out == starts.FROM_NOTHING
        )


def test_what_the_model_itself_began_with_counts():
    began = {"dataset": "digits", "fingerprint": "a", "seed": 0, "weights_sha256": "0"}
    noted = NOTED | {"dataset": "letters", "fingerprint": "b", "start": began}
    assert "old: it began with a model of digits, and would be validated" in str(refused(noted))
    assert "began with a model of digits" in str(refused(noted, dataset="renamed"))
    starts.check("old", noted, "icons", "c", GREY, 0, FAST)
    starts.check("old", noted, "letters", "b", GREY, 0, FAST)


def test_a_recipe_of_sgd_is_refused_and_another_named():
    recipe = recipes.choose("lenet-published", True)
    error = refused(NOTED, "letters", "b", recipe=recipe)
    assert "lenet-published trains by SGD" in str(error) and error.way_out == "use `recipe` lenet-tuned"
