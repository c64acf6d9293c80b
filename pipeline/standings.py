"""The runs of a grid, as their files tell -> figures of each, settings ranked on validation, differences with tests.

Nothing is taken from a run but what its manifest vouches for. A choice is made on validation alone; test accuracy is
read for the setting that is first there, and for no other.
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from helpers import evaluation, files, runs
from helpers.evaluation import Difference
from helpers.runs import Accuracy, Manifest

from . import index, request
from .grids import AXES, REPEATS, Grid, Point

logger = logging.getLogger(__name__)

HUGE = 1e12  # of a loss in nats, or of seconds
ROUNDED = 9  # digits to which means that are the same are the same, whatever order they were added in
CHANCE = 0.05  # the adjusted p-value up to which a difference is more than chance
FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "validation_f1")
MORE_THAN_CHANCE = "more than chance"
NOT_TOLD_APART = "not told apart"
ONE_PAIR = "from one pair of runs"  # which says nothing of other trainings
THE_SAME = "the same predictions"
NOT_COMPARED = "no seed or fold that both have finished"
MADE_OF = "validation.npz"
Repeat = tuple[int, str | None]  # (seed, fold)


@dataclass(frozen=True)
class Figures:
    """What a finished training reached. Shares from 0 to 1, losses in nats, after the last epoch."""

    validation_accuracy: float
    validation_loss: float
    validation_f1: float
    train_accuracy: float
    train_loss: float
    epochs: int
    training_seconds: float  # of all epochs
    curve: tuple[float, ...]  # the validation loss after each epoch
    images: str  # a digest of the labels of the validation images: where it differs, the images do
    predicted: str  # a digest of the classes predicted for them
    majority_share: float  # the share of the class that most of them are of: what guessing it reaches
    correct: np.ndarray = field(repr=False, compare=False)  # bool (n,), whether each was classified correctly


@dataclass(frozen=True)
class Reading:
    """What the files of one point's run tell."""

    point: Point
    state: str  # "done", or why there are no figures
    figures: Figures | None = None
    message: str = ""  # why it failed, in one line
    pages: tuple[tuple[str, str], ...] = ()  # (stage, address as seen from beside the runs)
    started: str = ""  # its first stage, in UTC; and its last ended:
    finished: str = ""
    manifest: Manifest | None = field(default=None, repr=False, compare=False)

    @property
    def repeat(self) -> Repeat:
        """Which repeat of its setting it is."""
        return self.point.seed, self.point.fold

    @property
    def kind(self) -> str:
        """`done`, `failed`, or `missing` for a run that is not at its end."""
        if self.figures is not None:
            return "done"
        return "missing" if self.state.startswith(("not ", "running", "stopped")) else "failed"


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over `count` runs, with Student's 95% interval, which one run does not have (nan)."""

    mean: float
    low: float
    high: float
    count: int


def estimate(values: Sequence[float]) -> Estimate:
    """Return the Estimate of a figure from its values, one per run."""
    mean, low, high = evaluation.mean_interval(values)
    return Estimate(float(mean), float(low), float(high), len(values))


@dataclass
class Setting:
    """All runs that differ in seed and fold alone."""

    name: str
    values: dict[str, Any]  # {axis: value}
    readings: list[Reading]
    rank: int | None = None  # 1 is the best of its group; None where no run of it is done
    tied: bool = False  # whether loss alone put it behind the one before

    @property
    def is_complete(self) -> bool:
        """Whether all of its runs have figures."""
        return len(self.done) == len(self.readings)

    @property
    def may_be_guessing(self) -> bool:
        """Whether an exact test at 5% tells none of its runs apart from always guessing the most frequent class."""
        return bool(self.done) and not any(map(beats_guessing, self.done.values()))

    @property
    def done(self) -> dict[Repeat, Figures]:
        """The figures of its finished runs."""
        return {reading.repeat: reading.figures for reading in self.readings if reading.figures is not None}

    def estimate(self, figure: str) -> Estimate:
        """Return the Estimate of a field of Figures over its finished runs; ValueError where none is."""
        values = [getattr(figures, figure) for figures in self.done.values()]
        if not values:
            raise ValueError(f"no run of {self.name} is done")
        return estimate(values)


def beats_guessing(figures: Figures) -> bool:
    """Return whether a run classifies more images correctly than guessing would, by the binomial test at 5%."""
    from scipy.stats import binomtest

    hits, images = int(figures.correct.sum()), len(figures.correct)
    return binomtest(hits, images, figures.majority_share, alternative="greater").pvalue <= CHANCE


@dataclass(frozen=True)
class Comparison:
    """The first of a group against another: how many more of the same images it gets right, and whether by chance."""

    other: Setting
    verdict: str  # MORE_THAN_CHANCE, NOT_TOLD_APART, ONE_PAIR, THE_SAME or NOT_COMPARED
    repeats: int  # that both have finished
    difference: Difference | None = None
    p_value: float | None = None
    adjusted: float | None = None  # by Holm, for all pairs of settings of the group


@dataclass(frozen=True)
class Test:
    """The test accuracy of the setting that is first on validation, run by run and as a mean.

    It is read when all runs have ended: a first that another may still overtake would be one of several to choose from.
    """

    accuracies: tuple[tuple[str, Accuracy], ...]  # (run, accuracy)
    mean: Estimate


@dataclass
class Group:
    """The settings whose validation images are the same, seed by seed, so that they can be ranked."""

    dataset: str
    fingerprint: str
    form: tuple[int, str, str]
    validation_size: int | None
    settings: list[Setting]  # the best first, then those of which no run is done
    title: str = ""  # of the dataset
    note: str = ""  # why the dataset stands in for another
    comparisons: list[Comparison] = field(default_factory=list)
    test: Test | None = None

    @property
    def first(self) -> Setting | None:
        """The setting that is first on validation; None where no run is done."""
        return self.settings[0] if self.settings and self.settings[0].rank else None

    @property
    def missing(self) -> int:
        """How many runs are not at their end. Until none is, another setting may become the first."""
        return sum(reading.kind == "missing" for setting in self.settings for reading in setting.readings)


@dataclass(frozen=True)
class Standings:
    """A grid as the files of its runs tell."""

    grid: Grid
    readings: tuple[Reading, ...]  # in the order of the points
    groups: tuple[Group, ...]

    @property
    def done(self) -> list[Reading]:
        """The readings that have figures."""
        return [reading for reading in self.readings if reading.figures is not None]


def read(grid: Grid) -> Standings:
    """Return what the files of the runs of a grid tell; a run that cannot be read is one without figures."""
    readings = tuple(read_point(point) for point in grid.points)
    groups = tuple(group_settings(grid, readings))
    for group in groups:
        rank(group)
        compare(group)
        if group.first is not None and not group.missing and is_alone(group, groups):
            group.test = read_test(group.first)
    return Standings(grid, readings, groups)


def is_alone(group: Group, groups: Sequence[Group]) -> bool:
    """Return whether no other group is of the same dataset: else two firsts would be compared on test images."""
    return sum(other.dataset == group.dataset for other in groups) == 1


def read_point(point: Point) -> Reading:
    """Return what the files of a point's run tell."""
    folder = point.request.folder
    try:
        manifest = runs.load_manifest(folder)
        if manifest is None:
            damaged = (folder / "run.json").exists()
            return Reading(point, "damaged: its run.json is not as it was written" if damaged else "not run")
        return read_run(point, folder, manifest)
    except Exception as error:  # whatever lies in the folder, the other runs are shown
        logger.debug("%s cannot be read: %s", folder, error)
        return Reading(point, index.UNREADABLE, message=" ".join(f"{type(error).__name__}: {error}".split()))


def read_run(point: Point, folder: Path, manifest: Manifest) -> Reading:
    """Return what a run tells whose manifest could be read."""
    state = state_of(point, folder, manifest)
    figures = None
    if not state:
        figures, state = read_figures(folder, manifest)
    messages = [record.message for record in manifest.stages.values() if record.state != "done"]
    started = [record.started for record in manifest.stages.values()]
    return Reading(
        point,
        state=state,
        figures=figures,
        message=" ".join(" ".join(messages).split()),
        pages=tuple(index.pages_of(folder, manifest)),
        started=min(started, default=""),
        finished=max(map(ended, manifest.stages.values()), default="") if figures else "",
        manifest=manifest,
    )


def ended(record: runs.StageRecord) -> str:
    """Return when a stage ended, as records hold times."""
    from datetime import UTC, datetime, timedelta

    moment = datetime.fromisoformat(record.started).astimezone(UTC) + timedelta(seconds=record.seconds or 0)
    return moment.isoformat(timespec="seconds")


def state_of(point: Point, folder: Path, manifest: Manifest) -> str:
    """Return in a few words why a run has no figures of its point; "" where it has."""
    if request.differences_of(point.request, manifest):
        return "another run lies there"
    asked = [stage.name for stage in point.request.stages]
    trouble = index.trouble_with(folder, manifest, {*asked, "training"})
    if trouble:
        return trouble
    missing = [name for name in asked if name not in manifest.stages]
    if missing:
        return f"not all run: {', '.join(missing)} missing"
    if "training" not in manifest.stages:
        return "not trained, as it was asked for"
    name, fingerprint = point.request.dataset, point.request.fingerprint
    if manifest.stages["training"].inputs.get("dataset", {}).get(name) not in (None, fingerprint):
        return "trained on other images than those that lie there now"
    return ""


def read_figures(folder: Path, manifest: Manifest) -> tuple[Figures | None, str]:
    """Return (the Figures of a run, "done"), or (None, why there are none)."""
    table = runs.read_recorded(folder, manifest, "history.csv")
    arrays = runs.read_recorded(folder, manifest, MADE_OF)
    if table is None or arrays is None:
        missing = "history.csv" if table is None else MADE_OF
        return None, f"{missing} is not there as training left it"
    history = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(io.StringIO(table.decode()))]
    with np.load(io.BytesIO(arrays), allow_pickle=False) as validation:
        labels = validation["labels"]
        predicted = validation["logits"].argmax(axis=1)
        correct = predicted == labels
    last = history[-1]
    if not all(math.isfinite(row[name]) for row in history for name in (*FIGURES, "seconds")):
        return None, "diverged: a figure in its history.csv is none"
    if not all(map(is_possible, history)) or correct.ndim != 1:
        return None, "its history.csv holds a figure that cannot be"
    if not math.isclose(last["validation_accuracy"], correct.mean(), abs_tol=1e-6):
        return None, f"its history.csv and {MADE_OF} are of different trainings"
    figures = Figures(
        **{name: last[name] for name in FIGURES},
        epochs=len(history),
        training_seconds=sum(row["seconds"] for row in history),
        curve=tuple(row["validation_loss"] for row in history),
        images=files.digest([str(labels.dtype), list(labels.shape), files.digest(labels.tobytes())]),
        predicted=files.digest(predicted.tobytes()),
        majority_share=float(np.unique(labels, return_counts=True)[1].max() / len(labels)),
        correct=correct,
    )
    return figures, "done"


def is_possible(row: dict[str, float]) -> bool:
    """Return whether the figures of an epoch can be: shares from 0 to 1, losses and seconds that are not negative."""
    shares = [row[name] for name in FIGURES if not name.endswith("loss")]
    others = [row["train_loss"], row["validation_loss"], row["seconds"]]
    return all(0 <= share <= 1 for share in shares) and all(0 <= value < HUGE for value in others)


def group_settings(grid: Grid, readings: Sequence[Reading]) -> list[Group]:
    """Return the groups of a grid, each with its settings, in the order of the points."""
    groups: dict[Any, dict[Any, Setting]] = {}
    of_group: dict[Any, Reading] = {}
    for reading in readings:
        asked, values = reading.point.request, reading.point.settings
        key = (asked.fingerprint, tuple(asked.form), values["validation_size"])
        settings = groups.setdefault(key, {})
        of_group.setdefault(key, reading)
        same = tuple(values[axis] for axis in AXES if axis not in REPEATS)
        settings.setdefault(same, Setting(name_of(grid, values), values, [])).readings.append(reading)
    made = []
    for (fingerprint, form, size), settings in groups.items():
        reading = of_group[fingerprint, form, size]
        asked = reading.point.request
        group = Group(asked.dataset, fingerprint, form, size, list(settings.values()), asked.dataset, asked.note)
        if reading.manifest is not None:
            group.title = reading.manifest.dataset.title
        made.append(group)
    return made


def name_of(grid: Grid, values: dict[str, Any]) -> str:
    """Return a setting's name: the values by which it differs from the others of its grid, else its recipe.

    A recipe that differs without having been asked for, as two datasets have each their own, is part of it.
    """
    axes = [axis for axis in grid.axes if axis not in REPEATS]
    if "recipe" not in axes and len({point.settings["recipe"] for point in grid.points}) > 1:
        axes.append("recipe")
    words = [in_words(axis, values[axis]) for axis in axes]
    return ", ".join(words) or str(values["recipe"])


def in_words(axis: str, value: Any) -> str:
    """Return a value of an axis as it stands in the name of a setting."""
    if value is None:
        value = "default"
    if axis in ("dataset", "recipe"):
        return str(value)
    if axis == "epochs":
        return f"{value} epochs"
    return f"{axis.replace('_', ' ')} {shown(value)}"


def shown(value: Any) -> str:
    """Return a value as a person writes it: a whole number without `.0`."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def rank(group: Group) -> None:
    """Sort the settings of a group by their mean validation accuracy; a tie is broken by the lower mean loss.

    A setting some of whose runs have no figures stands behind those that are complete. Where the losses are the same,
    too, the rank is.
    """
    scores = {}
    for setting in group.settings:
        if setting.done:
            accuracy, loss = setting.estimate("validation_accuracy").mean, setting.estimate("validation_loss").mean
            scores[id(setting)] = (not setting.is_complete, -round(accuracy, ROUNDED), round(loss, ROUNDED))
    group.settings.sort(key=lambda setting: scores.get(id(setting), (True, math.inf, math.inf)))
    before = None
    for place, setting in enumerate(group.settings[: len(scores)], 1):
        score = scores[id(setting)]
        setting.rank = place
        if before is not None and scores[id(before)] == score:
            setting.rank = before.rank
        elif before is not None and scores[id(before)][:2] == score[:2]:
            setting.tied = True
        before = setting


def compare(group: Group) -> None:
    """Compare the first of a group with every other that has a figure; the first was picked by looking at all pairs."""
    first = group.first
    if first is None:
        return
    others = [setting for setting in group.settings[1:] if setting.rank]
    pairs = len(others) * (len(others) + 1) // 2
    found = [compare_pair(first, other) for other in others]
    adjusted = iter(evaluation.holm([p_value for _, _, p_value in found if p_value is not None], pairs))
    for other, (repeats, difference, p_value) in zip(others, found, strict=True):
        if p_value is None:
            group.comparisons.append(Comparison(other, NOT_COMPARED, repeats))
        else:
            chance = next(adjusted)
            verdict = MORE_THAN_CHANCE if chance <= CHANCE else NOT_TOLD_APART
            if repeats == 1:
                verdict = ONE_PAIR
            if same_predictions(first, other):
                verdict = THE_SAME
            group.comparisons.append(Comparison(other, verdict, repeats, difference, p_value, chance))


def same_predictions(first: Setting, other: Setting) -> bool:
    """Return whether two settings have the same repeats, and in each the same predictions and losses."""
    told = [{repeat: (f.images, f.predicted, f.curve) for repeat, f in one.done.items()} for one in (first, other)]
    return told[0] == told[1]


def compare_pair(first: Setting, other: Setting) -> tuple[int, Difference | None, float | None]:
    """Return (repeats, Difference, p-value) of two settings on the validation images of the repeats that both have.

    Where the labels of a repeat are not the same its images are not, and it does not count. (0, None, None) where no
    repeat is left.
    """
    ones, others = [], []
    for repeat, figures in first.done.items():
        beside = other.done.get(repeat)
        if beside is not None and figures.images == beside.images:
            ones.append(figures.correct)
            others.append(beside.correct)
    if not ones:
        return 0, None, None
    pool = first.readings[0].point.request.summarise().training_images
    return len(ones), *evaluation.compare_within_seeds(ones, others, pool=pool)


def read_test(first: Setting) -> Test | None:
    """Return the Test of a setting; None where no run of it was asked to be evaluated on test images, and was."""
    accuracies = []
    for reading in first.readings:
        if reading.figures is None or reading.manifest is None:
            continue
        if "results" not in [stage.name for stage in reading.point.request.stages]:
            continue
        accuracy = reading.manifest.test_accuracy
        if accuracy is not None and runs.has_its_figures(reading.point.request.folder, reading.manifest):
            accuracies.append((reading.point.run, accuracy))
    if not accuracies:
        return None
    values = [accuracy.value for _, accuracy in accuracies]
    return Test(tuple(accuracies), estimate(values))
