"""A command line's wishes -> one settled Request, which everything below takes; nothing below asks again.

Torch is not imported here, unless a device is named that it alone knows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from helpers import data, recipes, runs
from helpers.errors import BadInput
from helpers.files import PROJECT, digest
from helpers.recipes import Recipe
from helpers.runs import Manifest

from .stages import STAGES, Stage

SETTINGS = ("device", "threads")  # parameters that do not belong to the recipe


class Wishes(BaseModel):
    """What a person asked for; None is what the recipe, the dataset or the run of that name says."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # a command line has flags that are no wishes of this kind

    run: str | None = None
    dataset: str | None = None  # a name that data.NAMES holds, or the path of a folder of images
    data_dir: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    validation_size: int | None = None
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    only: tuple[str, ...] | None = None  # names of stages
    force: bool = False
    dry_run: bool = False  # then a dataset that is not there is not fetched

    def parameters(self) -> dict[str, Any]:
        """Return those of the notebooks' parameters that were asked for, but for run and dataset."""
        names = ("recipe", "seed", *recipes.OVERRIDES, *SETTINGS)
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


class Request(BaseModel):
    """One run, settled: which dataset and where it lies, how to train, and what of it to do."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    run: str
    outputs: Path  # the folder of all runs
    dataset: str  # never `auto`
    data_dir: Path  # the folder in which it lies
    note: str = ""  # why the dataset stands in for another
    recipe: Recipe  # with its changes
    changes: dict[str, int | float] = {}  # what differs from the recipe of that name
    seed: int = 0
    device: str | None = None  # None is the best that is there
    threads: int | None = None  # None is one a core
    stages: tuple[Stage, ...]
    force: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the run, which may not be there yet."""
        return runs.run_folder(self.run, self.outputs)

    @property
    def is_folder_of_images(self) -> bool:
        """Whether the dataset is a folder of images, and none of those that are known by name."""
        return self.dataset not in data.NAMES

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the notebooks that are not left to their defaults."""
        values: dict[str, Any] = {"run": self.run, "dataset": self.dataset, "recipe": self.recipe.name}
        values["seed"] = self.seed
        values |= self.changes
        if self.device is not None:
            values["device"] = self.device
        if self.threads is not None:
            values["threads"] = self.threads
        return values

    def summarise(self) -> data.DatasetSummary:
        """Return what is known of the dataset without loading it."""
        return data.summarise(self.dataset, self.data_dir)

    def kernel_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the `environment` as the notebooks' kernels need it; nothing outside is changed."""
        return kernel_environment(environment, self.data_dir, self.outputs)


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
    defaults = {"GOMP_SPINCOUNT": "20000"}  # threads that wait give way: twice as fast on a busy machine
    return defaults | dict(environment) | settings


def settle(wishes: Wishes) -> Request:
    """Return the Request of a command line: defaults filled in, `auto` and the run's name settled.

    What a run of that name already is fills in what was not asked for. BadInput for a wish that breaks a rule, or that
    contradicts the run of that name; DatasetUnavailable where the dataset cannot be had.
    """
    outputs = runs.outputs_folder()
    before = None if wishes.run is None else runs.load_manifest(runs.run_folder(wishes.run, outputs))
    known = {} if before is None else before.parameters
    wanted = known | wishes.parameters()
    dataset, data_dir = locate_dataset(wishes, before)
    dataset, note = data.resolve(dataset, data_dir, download=not wishes.dry_run)
    if not note and wishes.dataset is None and before is not None and before.dataset.name == dataset:
        note = before.dataset.note
    recipe, changes = settle_recipe(wanted)
    summary = data.summarise(dataset, data_dir)
    if recipe.validation_size is not None:
        data.check_validation_size(recipe.validation_size, summary.training_images, summary.classes)
    check_device(wanted.get("device"))
    request = Request(
        run=wishes.run or "",
        outputs=outputs,
        dataset=dataset,
        data_dir=data_dir,
        note=note,
        recipe=recipe,
        changes=changes,
        seed=wanted.get("seed", 0),
        device=None if wanted.get("device") == "auto" else wanted.get("device"),
        threads=wanted.get("threads"),
        stages=tuple(stage for stage in STAGES.values() if wishes.only is None or stage.name in wishes.only),
        force=wishes.force,
    )
    if wishes.run is None:
        request = request.model_copy(update={"run": default_name(request)})
        before = runs.load_manifest(request.folder)
    if before is not None:
        refuse_another_run(request, before, wishes)
    return request


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
    if wishes.dataset and wishes.dataset.isprintable() and os.path.isdir(wishes.dataset):
        folder = Path(wishes.dataset).resolve()
    else:
        known_place = before.dataset.data_dir if before is not None and wishes.data_dir is None else None
        folder = data.find_folder(name, known_place or data_dir)
    in_its_parent = f"./{folder.name}" if folder.name in data.NAMES else folder.name
    return in_its_parent, folder.parent


def settle_recipe(wanted: Mapping[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    """Return the recipe that is wanted with its changes, and the changes: {field: value}. BadInput for a bad one."""
    published = recipes.choose(wanted.get("recipe", "balanced"))
    changes = {}
    for field in recipes.OVERRIDES:
        if wanted.get(field) not in (None, getattr(published, field)):
            changes[field] = wanted[field]
    return recipes.choose(published.name, **changes), changes


def check_device(name: str | None) -> None:
    """Raise BadInput where a device was named that this machine does not have."""
    if name in ("cuda", "mps"):
        from helpers.training import choose_device  # torch, which alone knows what is there

        choose_device(name)


def default_name(request: Request) -> str:
    """Return a run's name that says what it is: dataset, recipe, epochs, seed, then every departure from the recipe."""
    dataset = request.dataset
    if request.is_folder_of_images:  # two folders may have the same name
        plain = re.sub("[^A-Za-z0-9]+", "-", dataset)[:40]
        dataset = f"{plain}-{digest([str(request.data_dir), dataset])[:6]}".strip("-")
    parts = [dataset, request.recipe.name, f"{request.recipe.epochs}epochs", f"seed{request.seed}"]
    marks = {"batch_size": "batch{}", "learning_rate": "lr{}", "validation_size": "validation{}"}
    marks |= {"device": "{}", "threads": "{}threads"}
    for parameter, mark in marks.items():
        if parameter in request.parameters:
            parts.append(mark.format(request.parameters[parameter]))
    return "-".join(parts)


def differences_of(request: Request, before: Manifest) -> list[str]:
    """Return in words how a Request differs from what a run is; its name is not part of that."""
    differences = []
    for name in before.parameters | request.parameters:
        old, new = before.parameters.get(name), request.parameters.get(name)
        if name != "run" and old != new:
            differences.append(f"{name} was {old}, is {new}")
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
