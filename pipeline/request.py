"""A command line's wishes -> one settled Request, which everything below takes; nothing below asks again.

Torch is not imported here, unless a CUDA or MPS device was requested.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from helpers import data, folds, forms, recipes, run_files, runs, starts
from helpers.errors import BadInput
from helpers.files import PROJECT, digest
from helpers.forms import Form, Wish
from helpers.recipes import Recipe
from helpers.runs import Manifest

from . import machine
from .stages import STAGES, Stage

SETTINGS = ("device", "threads")  # parameters that do not belong to the recipe
FORM = ("image_size", "colour", "framing")  # parameters that say what the images of a folder are brought to
IN_A_NAME = {  # how the name of a run says what a parameter is
    "epochs": "{}epochs",
    "seed": "seed{}",
    "batch_size": "batch{}",
    "learning_rate": "lr{}",
    "validation_size": "validation{}",
    "fold": "fold{}",
    "start_from": "from-{}",
    "device": "{}",
    "threads": "{}threads",
}
MNISTS_FORM = {"image_size": 28, "colour": "grey", "framing": "whole"}  # of runs of before, which knew no other


class Wishes(BaseModel):
    """What a person asked for; None is what the recipe, the dataset or the run of that name says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str | None = None
    dataset: str | None = None  # a name that data.NAMES holds, or the path of a folder of images
    data_dir: str | None = None
    image_size: int | None = None  # of a folder of images, like the next two
    colour: str | None = None
    framing: str | None = None
    start_from: str | None = None  # the name of a run
    recipe: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    validation_size: int | None = None
    fold: str | None = None  # as in 2/5
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    only: tuple[str, ...] | None = None  # names of stages
    force: bool = False
    dry_run: bool = False  # then a dataset that is not there is not fetched


class Images(NamedTuple):
    """The images of a run, settled: the dataset, never `auto`, the folder in which it lies, their form."""

    dataset: str
    data_dir: Path
    note: str  # why the dataset stands in for another; "" where it does not
    form: Form


class Request(BaseModel):
    """One run, settled: which dataset and where it lies, how to train, and what of it to do."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    run: str
    outputs: Path  # the folder of all runs
    dataset: str  # never `auto`
    data_dir: Path  # the folder in which it lies
    form: Form  # that its images are brought to
    fingerprint: str  # of the images
    start: str | None = None  # SHA-256 of the weights that a training starts from; None where it starts from nothing
    note: str = ""  # why the dataset stands in for another
    recipe: Recipe  # with its changes
    parameters: dict[str, Any]  # of the notebooks, but for those that are left to their defaults
    stages: tuple[Stage, ...]
    force: bool = False
    threads: int  # that a kernel computes with
    environment: dict[str, str]  # of the kernels

    @property
    def folder(self) -> Path:
        """The folder of the run, which may not be there yet."""
        return runs.run_folder(self.run, self.outputs)

    @property
    def is_folder_of_images(self) -> bool:
        """Whether the dataset is a folder of images, and none of those that are known by name."""
        return self.dataset not in data.NAMES

    @property
    def images_to_learn_from(self) -> int:
        """How many training images are left where others validate; of a fold's, which differ by one, the most."""
        summary = self.summarise()
        if self.recipe.fold is not None:
            return summary.training_images - summary.training_images // folds.read(self.recipe.fold)[1]
        held_out = summary.validation_size if self.recipe.validation_size is None else self.recipe.validation_size
        return summary.training_images - (held_out or 0)

    def summarise(self) -> data.DatasetSummary:
        """Return what is known of the dataset without loading it."""
        return data.summarise(self.dataset, self.data_dir, Wish(*self.form))


def kernel_environment(environment: Mapping[str, str], data_dir: Path, outputs: Path) -> dict[str, str]:
    """Return an `environment` in which kernels find the project, the folder of datasets and that of all runs."""
    paths = [str(PROJECT)]
    for path in environment.get("PYTHONPATH", "").split(os.pathsep):
        if path and path not in paths:
            paths.append(path)
    settings = {
        "PYTHONPATH": os.pathsep.join(paths),
        "MNIST_DATA_DIR": str(data_dir),
        "MNIST_OUTPUTS_DIR": str(outputs),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the kernel's debugger warns on the terminal
    }
    defaults = {"GOMP_SPINCOUNT": "1000"}  # threads that wait give way soon: benchmarks/busy.py measures it
    return defaults | dict(environment) | settings


def settle(
    wishes: Wishes,
    outputs: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    images: Images | None = None,
) -> Request:
    """Return the Request of a command line: defaults filled in, `auto` and the run's name settled.

    What a run of that name already is fills in what was not asked for. `outputs` is the folder of all runs, None that
    of runs.outputs_folder. `images`: what settle_images says of these wishes, where it was asked already. BadInput for
    a wish that breaks a rule, or that contradicts the run of that name; DatasetUnavailable where the dataset cannot be
    had.
    """
    folds.check(wishes.fold, wishes.validation_size)
    outputs = outputs or runs.outputs_folder()
    refuse_grid(wishes.run, outputs)
    before = find_run_before(wishes, outputs)
    stages = settle_stages(wishes, before)
    dataset, data_dir, note, form = images or settle_images(wishes, before)
    parameters, recipe = settle_recipe(wishes, before, form)
    if dataset not in data.NAMES:
        parameters |= {"image_size": form.size, "colour": form.colour, "framing": form.framing}
    summary = data.summarise(dataset, data_dir, Wish(*form))
    check_split(recipe, summary)
    check_device(parameters.get("device"))
    name = wishes.run or default_name(dataset, data_dir, form, recipe, parameters)
    request = Request(
        run=name,
        outputs=outputs,
        dataset=dataset,
        data_dir=data_dir,
        form=form,
        fingerprint=summary.fingerprint,
        note=note,
        recipe=recipe,
        parameters={"run": name, "dataset": dataset} | parameters,
        stages=stages,
        force=wishes.force,
        threads=machine.threads(parameters.get("threads"), environment),
        environment=kernel_environment(environment, data_dir, outputs),
    )
    request = request.model_copy(update={"start": settle_start(request, wishes, before)})
    check_run(request, wishes)
    return request


def check_split(recipe: Recipe, summary: data.DatasetSummary) -> None:
    """Raise BadInput where the images that are to validate cannot be drawn, as far as is known by now."""
    if recipe.validation_size is not None:
        data.check_validation_size(recipe.validation_size, summary.training_images, summary.classes)
    if recipe.fold is not None and summary.rarest is not None:
        folds.check_rarest(recipe.fold, summary.rarest)


def check_run(request: Request, wishes: Wishes) -> None:
    """Raise BadInput where the run's folder holds another run, or a model that no command has left there."""
    there = runs.load_manifest(request.folder)
    if there is not None:
        runs.refuse_later_files(request.folder, there)
        refuse_another_run(request, there, wishes)
    elif not wishes.force and (request.folder / "model.json").exists() and not runs.is_damaged(request.folder):
        rule = "holds a model that no command has left there, of a notebook that was opened by hand"
        way_out = "choose another name, or `force` to start it over"
        raise BadInput(rule, field="run", value=request.run, way_out=way_out)


def refuse_grid(name: str | None, outputs: Path) -> None:
    """Raise BadInput where a run is named as a grid of several runs is, and no run is called so."""
    if name is None or (runs.run_folder(name, outputs) / "run.json").exists():
        return
    grid = runs.read_grid(name, outputs)
    if grid is None or name in {row["run"] for row in grid["points"]}:
        return
    rule = f"is a grid of {len(grid['points']):,} runs ({runs.grid_in_words(grid)}), and this command asks for one"
    way_out = "repeat the command of the grid, or choose another name"
    raise BadInput(rule, field="run", value=name, way_out=way_out)


def find_run_before(wishes: Wishes, outputs: Path) -> Manifest | None:
    """Return the manifest of the run that was named, if there is one.

    BadInput where it is not as it was written, and nothing else says what the run is; and where its parameters are of
    another kind than those of any command.
    """
    if wishes.run is None:
        return None
    folder = runs.run_folder(wishes.run, outputs)
    before = runs.load_manifest(folder)
    if wishes.dataset is None and runs.is_damaged(folder):
        rule = "its run.json is not as it was written, so what the run is cannot be told"
        raise BadInput(rule, field="run", value=wishes.run, way_out="name its `dataset`, or another run")
    try:
        known = before.parameters if before is not None else {}
        Wishes.model_validate({name: known[name] for name in known if name in Wishes.model_fields}, strict=True)
    except ValidationError:
        rule = "its run.json holds parameters that no command has"
        raise BadInput(
            rule, field="run", value=wishes.run, way_out="delete that folder or choose another name"
        ) from None
    return before


def settle_stages(wishes: Wishes, before: Manifest | None) -> tuple[Stage, ...]:
    """Return the stages that were asked for, in their order; all where none was named.

    BadInput for one that is none, and for one that needs another of a run that is not there.
    """
    if wishes.only is None:
        return tuple(STAGES.values())
    for name in wishes.only:
        if name not in STAGES:
            raise BadInput("not known", field="only", value=name, way_out=f"choose one of {', '.join(STAGES)}")
        missing = [need for need in STAGES[name].needs if need not in wishes.only]
        if missing and wishes.run is not None and before is None:
            rule = f"there is no such run, and {name} needs {', '.join(missing)}"
            raise BadInput(rule, field="run", value=wishes.run, way_out="choose one that is there")
    return tuple(stage for stage in STAGES.values() if stage.name in wishes.only)


def settle_images(wishes: Wishes, before: Manifest | None = None) -> Images:
    """Return the Images that were asked for: found, fetched where that is needed, and checked.

    Errors: BadInput, DatasetUnavailable.
    """
    dataset, data_dir, note = settle_dataset(wishes, before)
    return Images(dataset, data_dir, note, settle_form(wishes, before, dataset, data_dir))


def settle_dataset(wishes: Wishes, before: Manifest | None) -> tuple[str, Path, str]:
    """Return the dataset, never `auto`, the folder of datasets, and why it stands in for another, if it does."""
    name, data_dir = locate_dataset(wishes, before)
    dataset, note = data.resolve(name, data_dir, download=not wishes.dry_run)
    is_as_before = wishes.dataset is None and before is not None and before.dataset.name == dataset
    if is_as_before and before is not None and not note:
        note = before.dataset.note
    return dataset, data_dir, note


def find_again(name: str, before: Manifest, wishes: Wishes) -> Path | None:
    """Return the folder of images `name` where the run `before` had it; BadInput says where that was, if it is gone."""
    place = Path(before.dataset.data_dir or "")
    if wishes.dataset is None and not (place / name).is_dir():
        rule = f"its images lay in {place / name}, where no folder is"
        way_out = "put them back there, or name another run and, with `dataset`, where they are"
        raise BadInput(rule, field="run", value=wishes.run, way_out=way_out)
    return data.find_folder(name, place)


def locate_dataset(wishes: Wishes, before: Manifest | None) -> tuple[str, Path]:
    """Return the dataset as the notebooks know it, and the folder of datasets: as asked for, else as in `before`.

    The folder that holds a folder of images becomes the folder of datasets, so that the notebooks see no more than its
    name. BadInput for a name that is not known.
    """
    data_dir = data.data_folder(wishes.data_dir)
    if wishes.data_dir is not None and not data_dir.is_dir():
        way_out = "make it, or name another"
        raise BadInput("not there, or not a folder", field="data_dir", value=wishes.data_dir, way_out=way_out)
    name = wishes.dataset
    if name is None:
        name = "auto" if before is None else before.parameters.get("dataset", "auto")
    if name in data.NAMES:
        return name, data_dir
    folder: Path | None = None
    if wishes.dataset and wishes.dataset.isprintable() and os.path.isdir(wishes.dataset):
        folder = Path(wishes.dataset).resolve()
    elif before is not None and before.dataset.data_dir and wishes.data_dir is None:
        folder = find_again(name, before, wishes)
    else:
        folder = data.find_folder(name, data_dir)
    assert folder is not None  # only a known name has none
    name_in_its_parent = f"./{folder.name}" if folder.name in data.NAMES else folder.name
    return name_in_its_parent, folder.parent


def settle_form(wishes: Wishes, before: Manifest | None, dataset: str, data_dir: Path) -> Form:
    """Return the form that the images of a dataset are brought to: as asked for, else as in `before`.

    BadInput for a form that cannot be had, or not of this dataset.
    """
    values: dict[str, Any] = {"image_size": None, "colour": "auto", "framing": "auto"}
    if before is not None and before.dataset.name == dataset and dataset not in data.NAMES:
        values = {name: before.parameters.get(name, MNISTS_FORM[name]) for name in FORM}
        if wishes.framing not in (None, values["framing"]):  # whose size and colours are its own
            values |= {"image_size": None, "colour": "auto"}
    asked = {name: getattr(wishes, name) for name in FORM if getattr(wishes, name) is not None}
    return data.settle_form(dataset, data_dir, Wish(**values | asked))


def settle_recipe(wishes: Wishes, before: Manifest | None, form: Form) -> tuple[dict[str, Any], Recipe]:
    """Return the parameters that say how to train, those of the recipe itself left out, and the recipe with them.

    BadInput names one that cannot be trained with, or a recipe that is not for images of this form.
    """
    wanted = {} if before is None else dict(before.parameters)
    if wishes.fold is not None or wishes.validation_size is not None:  # which says anew what validates
        wanted |= {"fold": None, "validation_size": None}
    for name in ("recipe", "seed", "start_from", *recipes.OVERRIDES, *SETTINGS):
        if getattr(wishes, name) is not None:
            wanted[name] = getattr(wishes, name)
    continues = wanted.get("start_from") is not None
    published = recipes.choose(wanted.get("recipe") or recipes.default(form.size, form.channels), continues)
    recipes.check_form(published, form.size, form.channels)
    changes = {}
    for field in recipes.OVERRIDES:
        if wanted.get(field) not in (None, getattr(published, field)):
            changes[field] = wanted[field]
    settings = {}
    for name in SETTINGS:
        if wanted.get(name) not in (None, "auto"):
            settings[name] = wanted[name]
    if continues:
        settings["start_from"] = wanted["start_from"]
    parameters = {"recipe": published.name, "seed": wanted.get("seed", 0)} | changes | settings
    return parameters, recipes.choose(published.name, continues, **changes)


def settle_start(request: Request, wishes: Wishes, before: Manifest | None) -> str | None:
    """Return the SHA-256 of the weights that a training starts from, None where it starts from nothing.

    Where nobody named the run to start from now, and it is gone, it is the one that the training was started from.
    """
    name = request.parameters.get("start_from")
    if name is None:
        return None
    try:
        return find_start(name, request)
    except BadInput:
        if wishes.start_from is None and before is not None and "training" in before.stages:
            recorded = before.stages["training"].inputs.get("input", {}).get("start_from")
            if recorded is not None:
                return recorded
        raise


def find_start(name: str, request: Request) -> str:
    """Return the SHA-256 of the weights of the run `name`, from which the training of a Request starts.

    BadInput where there is no such run, or it is not trained and whole, or its network is another, or as starts.check.
    """
    if name == request.run:
        raise BadInput("the run itself", field="start_from", value=name, way_out="name another run")
    noted = describe_start(name, request.outputs)
    form = forms.of_description(noted)
    recipe = noted["recipe"]
    if recipe["network"] != request.recipe.network:
        rule = f"its network is {recipe['network']}, and that of {request.recipe.name} is {request.recipe.network}"
        raise BadInput(rule, field="start_from", value=name, way_out=f"`recipe` {recipe['name']} has the same")
    if form.colour != request.form.colour:
        rule = f"its images are {form.colour}, and these are {request.form.colour}"
        raise BadInput(rule, field="start_from", value=name, way_out=f"say `colour` {form.colour}, or name another run")
    images = (request.dataset, request.fingerprint, request.form)
    starts.check(name, noted, *images, request.parameters["seed"], request.recipe, request.data_dir)
    return noted["weights_sha256"]


def describe_start(name: str, outputs: Path) -> dict[str, Any]:
    """Return the model.json of the run `name`, whose weights are whole; BadInput where they are not, or not yet."""
    try:
        folder = runs.run_folder(name, outputs)
    except BadInput as error:
        raise BadInput(error.rule, field="start_from", value=error.value) from None
    if runs.is_training(folder):
        raise BadInput("it is just being trained", field="start_from", value=name, way_out="wait for it")
    manifest = runs.load_manifest(folder)
    if manifest is not None:
        contents = [runs.read_recorded(folder, manifest, file) for file in ("model.json", "model.safetensors")]
        if None not in contents:
            with contextlib.suppress(ValueError):
                return run_files.parse(run_files.Model, contents[0] or b"", name)
    rule = "no such run, or its model is not there as its training left it"
    raise BadInput(rule, field="start_from", value=name, way_out="train it first")


def check_device(name: str | None) -> None:
    """Raise BadInput where a device was named that this machine does not have."""
    if name in ("cuda", "mps"):
        from helpers.training import choose_device  # torch, which alone knows what is there

        choose_device(name)


def default_name(dataset: str, data_dir: Path, form: Form, recipe: Recipe, parameters: dict[str, Any]) -> str:
    """Return a run's name that says what it is: dataset, recipe, epochs, seed, then every departure from the recipe."""
    return "-".join(words_of_name(dataset, data_dir, form, recipe, parameters).values())


def words_of_name(
    dataset: str, data_dir: Path, form: Form, recipe: Recipe, parameters: dict[str, Any]
) -> dict[str, str]:
    """Return the words of which a run's default name consists, in order, each under the parameter that it tells of.

    Images of a folder that are not in MNIST's form have it in the name as well.
    """
    if dataset not in data.NAMES:  # two folders of images may have the same name
        plain = re.sub("[^A-Za-z0-9]+", "-", dataset)[:40]
        mark = digest([str(data_dir), dataset])[:6]
        dataset = "-".join([f"{plain}-{mark}".strip("-"), *form.words])
    if "start_from" in parameters:
        parameters = parameters | {"start_from": shorten(parameters["start_from"])}
    if "fold" in parameters:
        parameters = parameters | {"fold": parameters["fold"].replace("/", "of")}
    told = parameters | {"epochs": recipe.epochs}
    words = {"dataset": dataset, "recipe": recipe.name}
    for parameter, text in IN_A_NAME.items():
        if parameter in told:
            words[parameter] = text.format(told[parameter])
    return words


def shorten(name: str) -> str:
    """Return the name of a run as it stands in that of another: a long one ends in six letters that stand for it."""
    return name if len(name) <= 40 else f"{name[:33]}-{digest(name)[:6]}"


def differences_of(request: Request, before: Manifest) -> list[str]:
    """Return in words how a Request differs from what a run is; its name is not part of that."""
    differences = []
    parameters = before.parameters
    if request.is_folder_of_images:
        parameters = MNISTS_FORM | parameters
    for name in parameters | request.parameters:
        old, new = parameters.get(name), request.parameters.get(name)
        if name != "run" and old != new:
            own = "the recipe's own" if name in recipes.OVERRIDES and name != "fold" else "not given"
            was, now = (own if value is None else value for value in (old, new))
            differences.append(f"{name} was {was}, is {now}")
    place = str(request.data_dir) if request.is_folder_of_images else None
    if before.dataset.name == request.dataset and (before.dataset.data_dir or place) != place:
        differences.append(f"{request.dataset} was the one in {before.dataset.data_dir}, is the one in {place}")
    return differences


def refuse_another_run(request: Request, before: Manifest, wishes: Wishes) -> None:
    """Raise BadInput where the folder holds a run of other parameters, unless it is to be started over as a whole."""
    differences = differences_of(request, before)
    if not differences or (wishes.force and wishes.only is None):
        return
    way_out = "leave out `only`" if wishes.force else "choose another name, or `force` to start it over"
    raise BadInput(f"holds another run ({'; '.join(differences)})", field="run", value=request.run, way_out=way_out)
