"""Which run a training may start from: none that has learnt from the images that validate or test here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import data, forms, recipes
from .errors import BadInput
from .forms import Form
from .recipes import Recipe

FROM_NOTHING = "train from random weights, or start from a run on other images"


def check(
    run: str,
    noted: Mapping[str, Any],
    dataset: str,
    fingerprint: str,
    form: Form,
    seed: int,
    recipe: Recipe,
    data_dir: str | Path | None = None,
) -> None:
    """Raise BadInput where a training must not begin with the weights of `run`, whose model.json is `noted`.

    dataset, fingerprint, form: of the images of the training, which has `seed` and trains by `recipe`. It must not
    validate or test on images from which the run has learnt, or the one that this began with. A dataset is known by its
    name and its bytes: of a copy under another name, and of runs further back, model.json tells nothing.
    """
    check_optimizer(recipe)
    began = noted.get("start")
    if noted["fingerprint"] == fingerprint:
        check_split(run, noted, seed, recipe)
    elif noted["dataset"] == dataset:
        if dataset != "digits":  # whose fingerprint is the version of the library that carries them
            check_same_files(run, noted, dataset, form, data_dir)
        check_split(run, noted, seed, recipe)
    elif began and (began["dataset"] == dataset or began["fingerprint"] == fingerprint):
        rule = (
            f"it began with a model of {began['dataset']}, and would be validated on images that this one learnt from"
        )
        raise BadInput(rule, field="start_from", value=run, way_out=FROM_NOTHING)


def check_optimizer(recipe: Recipe) -> None:
    """Raise BadInput where a recipe trains by SGD, whose momentum PyTorch cannot begin in the last layer alone."""
    if recipe.optimizer != "sgd":
        return
    others = [
        other.name for other in recipes.RECIPES.values() if other.network == recipe.network and other.optimizer != "sgd"
    ]
    rule = f"{recipe.name} trains by SGD, which cannot start from weights of another run"
    raise BadInput(rule, field="start_from", way_out=f"use `recipe` {others[0]}" if others else FROM_NOTHING)


def check_same_files(run: str, noted: Mapping[str, Any], dataset: str, form: Form, data_dir: str | Path | None) -> None:
    """Raise BadInput where a dataset holds other files than when `run` was trained: the split is another one, too.

    Images that are brought to another form are the same files: the fingerprint is taken in the form of then.
    """
    then = forms.of_description(dict(noted))
    if data.fingerprint_in(dataset, data_dir, form, then) == noted["fingerprint"]:
        return
    rule = f"it learnt from other images of {dataset}, or of a folder of that name: some may validate or test here"
    raise BadInput(rule, field="start_from", value=run, way_out=FROM_NOTHING)


def check_split(run: str, noted: Mapping[str, Any], seed: int, recipe: Recipe) -> None:
    """Raise BadInput where other images than those that validated `run` are to validate, on the same dataset."""
    trained = noted["recipe"]
    fold = trained.get("fold")  # models of before know of none
    if (noted["seed"], trained["validation_size"], fold) == (seed, recipe.validation_size, recipe.fold):
        return
    way_out = f"say `seed` {noted['seed']}, and the same `validation_size`"
    if fold is not None:
        way_out = f"say `seed` {noted['seed']}, and `fold` {fold}"
    elif recipe.fold is not None:
        way_out = f"say `seed` {noted['seed']}, and leave out `fold`"
    rule = "it has learnt from some of the same images, and would be validated on them here"
    raise BadInput(rule, field="start_from", value=run, way_out=way_out)
