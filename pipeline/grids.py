"""Several values of a flag -> a Grid: the runs that it is made of, settled, before any of them starts."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from helpers import recipes, runs
from helpers.errors import BadInput
from helpers.files import digest
from helpers.runs import GRIDS

from . import plan
from .plan import Decision
from .request import IN_A_NAME, Images, Request, Wishes, settle_images, words_of_name
from .request import settle as settle_run

AXES = ("dataset", "recipe", "epochs", "batch_size", "learning_rate", "validation_size", "seed", "fold")
REPEATS = ("seed", "fold")  # axes along which a setting is repeated
MOST = 10_000  # points
LONGEST_NAME = 99  # characters


@dataclass(frozen=True)
class Point:
    """One run of a grid."""

    request: Request
    settings: dict[str, Any]  # {axis: value}, of all axes but REPEATS, as the run has them
    seed: int
    fold: str | None = None  # which part validates, as in 2/5

    @property
    def run(self) -> str:
        """The name of its run."""
        return self.request.run

    def value_of(self, axis: str) -> Any:
        """Return its value on one of AXES."""
        return getattr(self, axis) if axis in REPEATS else self.settings[axis]


@dataclass(frozen=True)
class Grid:
    """The runs that a command with several values of a flag stands for."""

    name: str
    axes: tuple[str, ...]  # those with several values, in the order of AXES
    points: tuple[Point, ...]
    outputs: Path  # the folder of all runs

    @property
    def folder(self) -> Path:
        """The folder of what is said of the grid as a whole, which may not be there yet."""
        return self.outputs / GRIDS / self.name

    def label(self, point: Point) -> str:
        """Return what tells a point from the others, in a few words; its run where it is the only one."""
        if not self.axes:
            return point.run
        words = [axis_in_words(axis, point.value_of(axis)) for axis in self.axes]
        return ", ".join(words)


@dataclass(frozen=True)
class Outcome:
    """How a run of a grid ended."""

    code: int  # the exit code that the single command would have; 0 where all is done
    message: str = ""  # why it is not, in one line


def axis_in_words(axis: str, value: Any) -> str:
    """Return the value of an axis as a person reads it: `balanced`, `seed 3`, `learning rate 0.01`."""
    return str(value) if axis in ("dataset", "recipe") else f"{axis.replace('_', ' ')} {value}"


def settle(
    wishes: Wishes,
    several: Mapping[str, Sequence[Any]],
    name: str | None = None,
    outputs: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Grid:
    """Return the Grid of a command line: the product of `several`, {axis: values}, each point settled as a run is.

    Points are in the order of AXES, seed and fold innermost. `name` is that of the grid, None for one that says what it
    is; runs have their own, unless there is one alone. `outputs` and `environment` are as for request.settle. BadInput
    names the value that breaks a rule and the point: a value that is given twice, no value, more than MOST points, two
    points that are the same run, the name of another grid, what request.settle refuses. DatasetUnavailable where a
    dataset cannot be had.
    """
    check_values(several)
    outputs = outputs or runs.outputs_folder()
    if name is not None:
        runs.run_folder(name, outputs / GRIDS)
    axes = tuple(axis for axis in AXES if len(several.get(axis, ())) > 1)
    if axes:
        wishes = wishes.model_copy(update={"run": None})
    points = tuple(settle_points(wishes, several, outputs, dict(environment)))  # os.environ decodes at each look
    refuse_same_runs(points, several)
    if name is not None and axes and not wishes.force:
        refuse_another_grid(name, points, outputs)
    points = tell_datasets_apart(points)
    if name is None:
        name = default_name(points, axes) if axes else points[0].run
    return Grid(name, axes, points, outputs)


def check_values(several: Mapping[str, Sequence[Any]]) -> None:
    """Raise BadInput where an axis is none, or has no value, or one twice, or all together make too many points."""
    for axis, values in several.items():
        if axis not in AXES:
            raise BadInput("takes a single value", field=axis)
        if not values:
            raise BadInput("no value, so there is nothing to run", field=axis)
    count = math.prod(map(len, several.values()))
    if count > MOST:
        factors = " x ".join(f"{len(values):,} of `{axis}`" for axis, values in several.items() if len(values) > 1)
        raise BadInput(f"a grid has at most {MOST:,} runs, and this one has {count:,}: {factors}")
    for axis, values in several.items():
        for value, times in Counter(values).items():
            if times > 1:
                raise BadInput("given twice", field=axis, value=value, way_out="leave one out")


def settle_points(
    wishes: Wishes, several: Mapping[str, Sequence[Any]], outputs: Path, environment: Mapping[str, str]
) -> Iterator[Point]:
    """Yield the points of a product in order. Each dataset is looked at once, and equal environments are shared."""
    axes = [axis for axis in AXES if axis in several]
    images: dict[str | None, Images] = {}
    environments: dict[Path, dict[str, str]] = {}
    for values in itertools.product(*(several[axis] for axis in axes)):
        asked = dict(zip(axes, values, strict=True))
        wanted = wishes.model_copy(update=asked)
        with told_of_point(asked):
            if wanted.run is None and wanted.dataset not in images:  # a run that is named may know its dataset
                images[wanted.dataset] = settle_images(wanted)
            request = settle_run(wanted, outputs, environment, images.get(wanted.dataset))
        shared = environments.setdefault(request.data_dir, request.environment)
        request = request.model_copy(update={"environment": shared})
        fold = getattr(wanted, "fold", None)
        yield Point(request, settings_of(request), request.parameters["seed"], fold)


@contextmanager
def told_of_point(asked: Mapping[str, Any]) -> Iterator[None]:
    """Let a BadInput say at which point of a grid, {axis: value}, it was raised."""
    try:
        yield
    except BadInput as error:
        others = [f"`{axis}` {value}" for axis, value in asked.items() if axis != error.field]
        rule = f"{error.rule} (at {', '.join(others)})" if others else error.rule
        raise BadInput(rule, field=error.field, value=error.value, way_out=error.way_out) from None


def settings_of(request: Request) -> dict[str, Any]:
    """Return {axis: value} of all axes but REPEATS, as a run has them; None is what its dataset says."""
    settings = {"dataset": request.dataset, "recipe": request.recipe.name}
    for axis in AXES:
        if axis not in settings and axis not in REPEATS:
            settings[axis] = getattr(request.recipe, axis)
    return settings


def tell_datasets_apart(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return points in whose settings folders of images of the same name are called as in the names of their runs."""
    places: dict[str, set[Path]] = {}
    for point in points:
        places.setdefault(point.request.dataset, set()).add(point.request.data_dir)
    told = []
    for point in points:
        if len(places[point.request.dataset]) > 1:
            point = replace(point, settings=point.settings | {"dataset": words_of(point)["dataset"]})
        told.append(point)
    return tuple(told)


def words_of(point: Point) -> dict[str, str]:
    """Return the words of which the default name of a point's run consists, each under its parameter."""
    request = point.request
    return words_of_name(request.dataset, request.data_dir, request.form, request.recipe, request.parameters)


def refuse_same_runs(points: Sequence[Point], several: Mapping[str, Sequence[Any]]) -> None:
    """Raise BadInput where two points of a product are one run, and name what was asked for in either."""
    axes = [axis for axis in AXES if axis in several]
    products = itertools.product(*(several[axis] for axis in axes))
    first: dict[str, tuple[Any, ...]] = {}
    for point, values in zip(points, products, strict=True):
        before = first.setdefault(point.run, values)
        if before is not values:
            differing = [triple for triple in zip(axes, before, values, strict=True) if triple[1] != triple[2]]
            axis, one, other = differing[0]
            rule = f"the same run as with `{axis}` {one}, {point.run}"
            raise BadInput(rule, field=axis, value=other, way_out="leave one out")


def refuse_another_grid(name: str, points: Sequence[Point], outputs: Path) -> None:
    """Raise BadInput where a grid of that name has runs that are none of these; one that has some of them may grow."""
    there = runs.read_grid(name, outputs)
    if there is None:
        return
    missing = len({row["run"] for row in there["points"]} - {point.run for point in points})
    if missing:
        share = f"{missing:,} of its {len(there['points']):,} runs are not in this one"
        rule = f"holds another grid ({runs.grid_in_words(there)}): {share}"
        raise BadInput(rule, field="run", value=name, way_out="choose another name, or `force` to start it over")


def default_name(points: Sequence[Point], axes: Sequence[str]) -> str:
    """Return a grid's name that says what it is: the words of its runs' names, with all values of its `axes`.

    What differs between runs, and is no axis, is left out, as the epochs of two recipes. The same values in another
    order are the same grid. A long name ends in six letters that stand for it.
    """
    words: dict[str, set[str]] = {}
    for point in points:
        for parameter, word in words_of(point).items():
            words.setdefault(parameter, set()).add(word)
    for axis in axes:
        if axis == "fold":
            words[axis] = {f"{len({point.fold for point in points})}folds"}
        elif axis in ("dataset", "recipe"):
            words[axis] = {"_".join(sorted(words[axis]))}
        else:
            values = sorted({point.value_of(axis) for point in points})
            words[axis] = {IN_A_NAME[axis].format(numbers_in_words(values))}
    name = "-".join(word for same in words.values() if len(same) == 1 for word in same)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 7].rstrip('-_.')}-{digest(name)[:6]}"


def numbers_in_words(values: Sequence[int | float]) -> str:
    """Return numbers, in rising order, as a name has them: 0, 1, 2, 3 and 7 are 0-3_7."""
    pieces: list[list[int | float]] = []
    for value in values:
        if pieces and isinstance(value, int) and value == pieces[-1][-1] + 1:
            pieces[-1].append(value)
        else:
            pieces.append([value])
    words: list[str] = []
    for piece in pieces:
        words += [f"{piece[0]}-{piece[-1]}"] if len(piece) > 2 else map(str, piece)
    return "_".join(words)


def plans_of(grid: Grid) -> dict[str, list[Decision]]:
    """Return {run: its decisions, as plan.plan makes them} of all points; BadInput names the point that has none."""
    plans = {}
    for point in grid.points:
        with told_of_point({axis: point.value_of(axis) for axis in grid.axes}):
            plans[point.run] = plan.plan(point.request)
    return plans


class Expected(NamedTuple):
    """How long a grid may take, as far as that is known."""

    seconds: float
    unknown: dict[str, int]  # {stage of which no time is known: runs that would run it}


def estimate(grid: Grid, jobs: int, plans: Mapping[str, Sequence[Decision]] | None = None) -> Expected | None:
    """Return about how long a grid takes with so many `jobs` at once; None where no part of it is known.

    A stage that would run takes the median of what it took in runs like this one: those in the folder of all runs with
    the same dataset, recipe, epochs and threads, wherever they ran. Not counted: the start of each run, and what runs
    side by side take from each other. `plans`: those of plans_of, where they are known already.
    """
    plans = plans or plans_of(grid)
    known = seconds_of_stages(grid.outputs)
    unknown: Counter[str] = Counter()
    times = []
    for point in grid.points:
        request = point.request
        kind = (request.fingerprint, request.recipe.name, request.recipe.epochs, request.threads)
        to_run = [decision.stage.name for decision in plans[point.run] if not decision.up_to_date]
        unknown.update(stage for stage in to_run if (*kind, stage) not in known)
        seconds = [known[(*kind, stage)] for stage in to_run if (*kind, stage) in known]
        if seconds:
            times.append(sum(seconds))
    return Expected(max(sum(times) / jobs, max(times)), dict(unknown)) if times else None


def seconds_of_stages(outputs: Path) -> dict[tuple[Any, ...], float]:
    """Return {(fingerprint of the dataset, recipe, epochs, threads, stage): median seconds} of the runs in a folder."""
    seconds: dict[tuple[Any, ...], list[float]] = {}
    for path in outputs.glob("*/run.json"):
        manifest = None
        with contextlib.suppress(BadInput, OSError):  # a run that cannot be read tells nothing
            manifest = runs.load_manifest(path.parent)
        recipe = recipes.RECIPES.get(manifest.parameters.get("recipe", "")) if manifest else None
        if manifest is None or recipe is None:
            continue
        epochs = manifest.parameters.get("epochs") or recipe.epochs
        for stage, record in manifest.stages.items():
            if record.state == "done" and record.seconds is not None:
                kind = (manifest.dataset.fingerprint, recipe.name, epochs, record.threads_expected, stage)
                seconds.setdefault(kind, []).append(record.seconds)
    return {kind: statistics.median(values) for kind, values in seconds.items()}
