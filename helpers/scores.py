"""The accuracy file of the benchmarks: checked as it is read, and cut down to readings that may be compared.

A reading is one training of a recipe with a seed and its scores. Readings of one recipe belong together if their `code`
is the same: training.code_fingerprint of recipe, images, loop and PyTorch. Early readings have none.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import stdtrit
from scipy.stats import fisher_exact

from . import data, errors, evaluation, files, recipes, training
from .evaluation import Difference

Row = dict[str, Any]  # one reading, or one ensemble, in the accuracy file
Results = dict[str, Any]  # its content: {"rows": [reading, ...], "ensembles": [...], "earlier": [in short, ...]}
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
PARTS = ("rows", "ensembles", "earlier")
LATER = ("code", "machine", "versions", "taken")  # an early row has none of them
NOTED = (*LATER, "commit", "digest")  # all of them stand in a row that is not early


class Entry(BaseModel):
    """What is checked of a part of the file; other fields are let through."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Machine(Entry):
    """What it was computed on."""

    processor: str
    cores: int


class Origin(Entry):
    """Where a row comes from. Rows of early code do not say so."""

    code: str | None = None
    commit: str | None = None
    taken: str | None = None  # in UTC, as in 2026-01-31T12:00:00+00:00
    machine: Machine | None = None
    versions: dict[str, str] | None = None
    digest: str | None = None  # of all else in the row


class ClassScores(Entry):
    """How well the test images of a class were classified."""

    precision: Share
    recall: Share
    f1: Share
    support: Annotated[int, Field(ge=0)]  # images


class Epoch(Entry):
    """One epoch of a training."""

    epoch: int
    validation_accuracy: Share
    seconds: Amount


class Reading(Origin):
    """One training, scored on test images."""

    recipe: str
    seed: int
    key: str  # training.fingerprint
    epochs: Annotated[int, Field(ge=1)]
    parameters: int
    train_seconds: Amount
    validation_accuracy: Share
    test_accuracy: Share
    test_macro_f1: Share
    per_class: Annotated[dict[str, ClassScores], Field(min_length=1)]
    history: list[Epoch]
    wrong: list[Annotated[list[int], Field(min_length=2, max_length=2)]]  # [index of a test image, predicted label]


class Ensemble(Origin):
    """Several trainings of a recipe that answer together."""

    recipe: str
    seeds: Annotated[list[int], Field(min_length=2)]
    keys: list[str]  # of their readings
    train_seconds: Amount
    test_accuracy: Share
    wrong: list[Annotated[list[int], Field(min_length=2, max_length=2)]]


@dataclass(frozen=True)
class Comparable:
    """Readings of one code a recipe, today's or else the newest that was read, and the ensembles of their models."""

    rows: dict[str, list[Row]]  # recipe: its readings
    ensembles: list[Row]
    older: list[str]  # the recipes whose readings are not of today's code
    left_out: int  # how many readings of these recipes are of other code than these
    noted: Row = field(default_factory=dict)  # what the file says of early readings: their "machine" and "versions"

    def origin(self) -> str:
        """Return in a sentence which machines the readings were taken on."""
        recipes_on: dict[str, list[str]] = {}
        for name, rows in self.rows.items():
            for place in dict.fromkeys(place_of(row, self.noted) for row in rows):
                recipes_on.setdefault(place, []).append(name)
        if len(recipes_on) == 1:
            return f"Taken on {next(iter(recipes_on))}."
        each = [f"{in_backquotes(names)} on {place}" for place, names in recipes_on.items()]
        return f"Taken: {'; '.join(each)}."

    def age(self) -> str:
        """Return in sentences which readings are not of today's code; "" where all are."""
        sentences = []
        if self.older:
            which = "All readings" if self.older == list(self.rows) else f"The readings of {in_backquotes(self.older)}"
            sentences.append(f"{which} are of older code than today's, which may score otherwise.")
        if self.left_out:
            sentences.append(f"Left out: {self.left_out} of other code than these.")
        return " ".join(sentences)


def in_backquotes(names: Sequence[str]) -> str:
    """Return names as Markdown, with commas between them."""
    return ", ".join(f"`{name}`" for name in names)


def place_of(row: Row, file: Row) -> str:
    """Return in words which machine a row of any results file was taken on, and with which versions.

    An early row does not say so; then it is what its file says of all of them.
    """
    if row.get("machine"):
        return origin_of(row)
    if file.get("machine"):
        return f"{origin_of(file)}, as noted for the file as a whole"
    return "a machine that was not noted with the readings"


def origin_of(noted: Row) -> str:
    """Return in words the `machine` and the `versions` that a row or a file has noted."""
    machine = noted["machine"]
    versions = noted["versions"]
    software = f"PyTorch {versions['torch']}, Python {versions['python']}"
    return f"{machine['cores']} cores ({machine['processor']}), {software}"


def load(path: str | Path) -> Results:
    """Return the content of the accuracy file `path`, of no rows where there is none; BadInput as `check`."""
    try:
        return check(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return no_rows()
    except (OSError, ValueError):
        raise refused("not a whole JSON file") from None


def no_rows() -> Results:
    """Return the content of an accuracy file in which nothing stands yet."""
    return {part: [] for part in PARTS}


def refused(rule: str) -> errors.BadInput:
    """Return the error of an accuracy file that does not add up."""
    way_out = "take the file of the last commit, or delete that row and read it again"
    return errors.BadInput(rule, field="readings", way_out=way_out)


def check(results: Results) -> Results:
    """Return `results`, the content of an accuracy file, with all PARTS; BadInput names the first row that is wrong."""
    if not isinstance(results, dict):
        raise refused("not an accuracy file")
    results = no_rows() | results
    if not all(isinstance(results[part], list) for part in PARTS):
        raise refused("not an accuracy file")
    known = set()
    images = {}
    for row in results["rows"]:
        problem = problem_of(row, Reading)
        if problem:
            raise refused(f"{name_of(row)}: {problem}")
        images[row["recipe"]] = images_of(row)
        place = (row["recipe"], row["seed"], row.get("code"))
        if place in known:
            raise refused(f"{name_of(row)}: stands there twice, with the same code")
        known.add(place)
    for entry in results["ensembles"]:
        problem = problem_of(entry, Ensemble) or problem_together(entry, images)
        if problem:
            raise refused(f"{name_of(entry)}: {problem}")
    return results


def name_of(row: Row) -> str:
    """Return what a person calls a row, as far as it says so."""
    if not isinstance(row, dict):
        return "a row"
    if "seeds" in row:
        return f"{row.get('recipe')}, seeds {row['seeds']} together"
    return f"{row.get('recipe')}, seed {row.get('seed')}"


def problem_of(row: Row, kind: type[Origin]) -> str:
    """Return what is wrong with a row of that `kind`, "" where nothing is."""
    try:
        entry = kind.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "content"
        return f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    if isinstance(entry, Reading):
        problem = sums_of(entry)
        if problem:
            return problem
    is_early = all(getattr(entry, field) is None for field in LATER)
    noted = ("digest",) if is_early else NOTED
    missing = [field for field in noted if getattr(entry, field) is None]
    if missing:
        return f"{missing[0]}: field required"
    return "" if row["digest"] == digest_of(row) else "a field was changed after it was taken (digest)"


def sums_of(reading: Reading) -> str:
    """Return which figures of a reading contradict each other, "" where none do."""
    images = sum(scores.support for scores in reading.per_class.values())
    count = len(reading.wrong)
    read_well = sum(scores.recall * scores.support for scores in reading.per_class.values())
    mean_f1 = sum(scores.f1 for scores in reading.per_class.values()) / len(reading.per_class)
    seconds = sum(epoch.seconds for epoch in reading.history)
    if [epoch.epoch for epoch in reading.history] != list(range(1, reading.epochs + 1)):
        return f"{reading.epochs} epochs, and a history of {len(reading.history)} rows"
    if reading.history[-1].validation_accuracy != reading.validation_accuracy:
        return "validation_accuracy is not that of the last epoch"
    if abs(seconds - reading.train_seconds) > 0.01:
        return "train_seconds is not the sum over the epochs"
    if abs(read_well - (images - count)) > 1e-3:
        return f"{count} images in wrong, {images - read_well:.0f} by the recall of the classes"
    if abs(mean_f1 - reading.test_macro_f1) > 1e-6:
        return "test_macro_f1 is not the mean over the classes"
    return problem_of_wrong(reading.wrong, reading.test_accuracy, images)


def problem_of_wrong(wrong: Sequence[Sequence[int]], accuracy: float, images: int) -> str:
    """Return how a list of misclassified test images contradicts the accuracy on `images`, "" where it agrees."""
    if abs(images * (1 - accuracy) - len(wrong)) > 1e-6 * images:
        return f"{len(wrong)} images in wrong, {images * (1 - accuracy):.2f} by test_accuracy"
    indices = {index for index, _ in wrong}
    if len(indices) != len(wrong) or not all(0 <= index < images for index in indices):
        return "an image in wrong twice, or of a number that no test image has"
    return ""


def problem_together(entry: Row, images: dict[str, int]) -> str:
    """Return in what an ensemble contradicts itself or its recipe's readings; `images`: {recipe: test images}."""
    if len(entry["keys"]) != len(entry["seeds"]) or len(set(entry["seeds"])) != len(entry["seeds"]):
        return "not one key for each seed"
    if entry["recipe"] not in images:
        return "none of its recipe's readings is there"
    return problem_of_wrong(entry["wrong"], entry["test_accuracy"], images[entry["recipe"]])


def images_of(row: Row) -> int:
    """Return how many test images a reading was scored on."""
    return sum(scores["support"] for scores in row["per_class"].values())


def digest_of(row: Row) -> str:
    """Return the SHA-256 of a row's content, its digest aside."""
    return files.digest({name: value for name, value in row.items() if name != "digest"})


def seal(row: Row) -> Row:
    """Return a row with its digest, so that a change of one of its fields is noticed."""
    return row | {"digest": digest_of(row)}


def compare(results: Results) -> Comparable:
    """Return what of an accuracy file may stand beside each other; BadInput as `check`."""
    results = check(results)
    rows = {}
    left_out = 0
    for name in dict.fromkeys(row["recipe"] for row in results["rows"]):
        of_recipe = [row for row in results["rows"] if row["recipe"] == name]
        rows[name] = of_one_code(name, of_recipe)
        left_out += len(of_recipe) - len(rows[name])
    present = [entry for entry in results["ensembles"] if is_of(entry, rows.get(entry["recipe"], []))]
    ensembles = list({(entry["recipe"], *entry["seeds"]): entry for entry in present}.values())  # the last of each
    older = [name for name in rows if rows[name][0].get("code") != todays_code(name)]
    noted: Row = {name: results[name] for name in ("machine", "versions") if name in results}
    return Comparable(rows, ensembles, older, left_out, noted)


def of_one_code(recipe: str, rows: Sequence[Row]) -> list[Row]:
    """Return those of a recipe's readings that are of today's code; where there are none, of the code of the newest.

    Times come second: a clock may have been wrong once.
    """
    today = todays_code(recipe)
    code = max(rows, key=lambda row: row.get("taken") or "").get("code")
    if today is not None and any(row.get("code") == today for row in rows):
        code = today
    return [row for row in rows if row.get("code") == code]


def is_of(entry: Row, rows: Sequence[Row]) -> bool:
    """Return whether the models of an ensemble are all among those of the readings `rows`."""
    known = {row["seed"]: (row["key"], row.get("code")) for row in rows}
    members = zip(entry["seeds"], entry["keys"], strict=True)
    return all(known.get(seed) == (key, entry.get("code")) for seed, key in members)


def todays_code(recipe: str) -> str | None:
    """Return the `code` that a reading of `recipe` on MNIST would get today, None where there is no such recipe."""
    if recipe not in recipes.RECIPES:
        return None
    return training.code_fingerprint(recipes.RECIPES[recipe], data.summarise("mnist").fingerprint)


# Of recipes, compared


def correct_of(rows: Sequence[Row], images: int) -> np.ndarray:
    """Return whether each training of `rows` classified each of so many `images` correctly: bool (rows, images)."""
    correct = np.ones((len(rows), images), dtype=bool)
    for place, row in enumerate(rows):
        correct[place, [one[0] if isinstance(one, list) else one for one in row["wrong"]]] = False
    return correct


@dataclass(frozen=True)
class Pairs:
    """The differences in accuracy between recipes, with intervals that hold for all pairs at once.

    Each interval has the level 1 - 5% / pairs (Bonferroni): 5% bounds the chance of one false claim among all of them.
    """

    level: float
    differences: dict[tuple[str, str], Difference]  # (one, other): how much more one classifies correctly

    def between(self, one: str, other: str) -> Difference:
        """Return the Difference of two recipes, in either order."""
        if (one, other) in self.differences:
            return self.differences[one, other]
        found = self.differences[other, one]
        return Difference(-found.mean, -found.high, -found.low)

    def is_ahead(self, one: str, other: str) -> bool:
        """Return whether `one` is told apart from `other`, and better."""
        return self.between(one, other).low > 0


def compare_all(correct: Mapping[str, np.ndarray], ranking: Sequence[str]) -> Pairs:
    """Return the Pairs of `ranking`; `correct`: {recipe: bool (seeds, images)}.

    An interval is Student's t times evaluation.error_paired to either side: quantiles of a bootstrap as far out as
    these are would depend on its random numbers.
    """
    chosen = list(combinations(ranking, 2))
    level = 1 - 0.05 / max(len(chosen), 1)
    differences = {}
    for one, other in chosen:
        error, freedom = evaluation.error_paired(correct[one], correct[other])
        mean = float(correct[one].mean() - correct[other].mean())
        reach = float(stdtrit(freedom, (1 + level) / 2)) * error
        differences[one, other] = Difference(mean, mean - reach, mean + reach)
    return Pairs(level, differences)


def former_designs(results: Results) -> list[Row]:
    """Return what "earlier" holds, by design: {"recipe", "parameters", "commits", "readings", "mean", "low", "high"}.

    A design is a recipe with so many parameters; its accuracies are fractions of the test images. A reading that was
    taken again, by the same code, is not of a former design.
    """
    present = {row["code"] for row in results["rows"] if row.get("code")}
    groups = defaultdict(list)
    for row in results["earlier"]:
        if row.get("code") in present:
            continue
        groups[row["recipe"], row["parameters"]].append(row)
    designs = []
    for (recipe, parameters), rows in groups.items():
        accuracies = [row["test_accuracy"] for row in rows]
        commits = dict.fromkeys(row.get("commit", "not noted")[:7] for row in rows)
        head = {"recipe": recipe, "parameters": parameters, "commits": ", ".join(commits), "readings": len(rows)}
        designs.append(head | {"mean": float(np.mean(accuracies)), "low": min(accuracies), "high": max(accuracies)})
    return designs


def changes(before: str, after: str) -> str:
    """Return in words in which fields two recipes differ, the network's name aside."""
    if not {before, after} <= set(recipes.RECIPES):
        return "no longer among the recipes"
    old = dict(recipes.table(recipes.RECIPES[before]))
    new = dict(recipes.table(recipes.RECIPES[after]))
    return in_words({name: [old[name], new[name]] for name in old if old[name] != new[name]})


def in_words(changed: Mapping[str, Sequence[Any]]) -> str:
    """Return {field of a recipe: [before, after]} as text; a validation_size of None is that of MNIST."""
    words = []
    for name, (old, new) in changed.items():
        if name == "validation_size":
            old, new = (data.summarise("mnist").validation_size if size is None else size for size in (old, new))
        words.append(f"{name} {plainly(old)} to {plainly(new)}")
    return "; ".join(words)


def plainly(value: Any) -> str:
    """Return a recipe's value as text, a number without a decimal point that says nothing: 0 for 0.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def accuracies_reached(compared: Comparable) -> dict[str, float]:
    """Return {recipe, or "5 of best together": its accuracy on the test images}, a mean over its seeds.

    Of `fast` it is the lower end of that mean's interval, as its goal asks for; from one seed that is not known.
    """
    reached = {}
    for name, rows in compared.rows.items():
        mean, low, _ = evaluation.mean_interval([row["test_accuracy"] for row in rows])
        if name != "fast":
            reached[name] = mean
        elif len(rows) > 1:
            reached[name] = low
    for entry in compared.ensembles:
        reached[f"{len(entry['seeds'])} of {entry['recipe']} together"] = entry["test_accuracy"]
    return reached


# Set before the recipes were made: a floor, and for ours an aim. That of `fast` is for the lower end of its interval.
GOALS: dict[str, tuple[float, float | None]] = {
    "linear-head-published": (0.9748, None),
    "linear-head-tuned": (0.9870, None),
    "lenet-published": (0.9876, None),
    "lenet-tuned": (0.9920, None),
    "dropout-published": (0.9870, None),
    "dropout-tuned": (0.9935, None),
    "narrow-published": (0.9900, None),
    "narrow-tuned": (0.9930, None),
    "fast": (0.9900, None),
    "balanced": (0.9955, 0.9965),
    "best": (0.9972, 0.9976),
    "5 of best together": (0.9974, 0.9980),
}
# (recipe, figure, which way, bar): what the published projects report besides accuracy, see PROJECTS.
FIGURE_GOALS = (
    ("linear-head-published", "lowest precision or recall", "at least", 0.95),
    ("balanced", "lowest precision, recall or F1", "at least", 0.99),
    ("dropout-published", "validation_loss", "at most", 0.0496),
    ("dropout-published", "validation_accuracy", "at least", 0.9852),
    ("dropout-published", "validation_macro_f1", "at least", 0.9851),
    ("dropout-published", "test_macro_f1", "at least", 0.9869),
    ("narrow-published", "train_loss", "at most", 0.03),
)


def accuracy_goals(reached: Mapping[str, float]) -> list[Row]:
    """Return a row for each of GOALS that `reached` ({recipe: accuracy}) has: {"recipe", "floor", "aim", ...}.

    "verdict" is one of "missed", "reached", "floor reached" and "aim reached".
    """
    rows = []
    for name, (floor, aim) in GOALS.items():
        if name not in reached:
            continue
        accuracy = round(reached[name], 6)
        verdict = "missed"
        if accuracy >= floor:
            verdict = "reached" if aim is None else "floor reached"
        if aim is not None and accuracy >= aim:
            verdict = "aim reached"
        rows.append({"recipe": name, "floor": floor, "aim": aim, "accuracy": accuracy, "verdict": verdict})
    return rows


def figure_goals(by_recipe: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Return a row for each of FIGURE_GOALS that there are readings for; the figure is a mean over seeds, or lowest."""
    found = []
    for name, figure, way, bar in FIGURE_GOALS:
        if name not in by_recipe:
            continue
        if figure.startswith("lowest"):
            fields = [word for word in ("precision", "recall", "f1") if word in figure.lower()]
            scored = [entry for row in by_recipe[name] for entry in row["per_class"].values()]
            value = min(entry[field_name] for entry in scored for field_name in fields)
        else:
            value = float(np.mean([row[figure] for row in by_recipe[name]]))
        good = value >= bar if way == "at least" else value <= bar
        verdict = "reached" if good else "missed"
        found.append({"recipe": name, "figure": figure, "value": value, way: bar, "verdict": verdict})
    return found


# Of published projects


@dataclass(frozen=True)
class Project:
    """What the README of a published project says, what it leaves open, and what it reports."""

    name: str  # what it is
    network: str | None  # in models.NETWORKS; None where it states none
    says: str
    leaves_open: str
    reports: str
    reported: float | None = None  # accuracy on the 10,000 test images, of one training as far as it says
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)  # {epoch: {a field of a history: reported}}
    scored_after_epochs: str = "validation"  # the images of its "validation_..." in `epochs`: these, or "test"
    is_bound: bool = False  # whether `reported` is a lower bound: "over 99%"
    stated: tuple[str, ...] = ()  # the fields of a recipe that it says, of those that `filled_in` lists

    @property
    def title(self) -> str:
        """What it is, and the name that its network has here."""
        return f"{self.name} ({self.network})" if self.network else self.name

    @property
    def reported_in_words(self) -> str:
        """Its accuracy on the test images as text, "" where it reports none."""
        if self.reported is None:
            return ""
        return f"over {self.reported:.2%}" if self.is_bound else f"{self.reported:.2%}"


PROJECTS = (
    Project(
        "two convolutions and one linear layer",
        "linear-head",
        "convolutions of 8 and 16 channels, 3x3, padding 1, each pooled; one linear layer; 60,000 and 10,000 images",
        "activation, optimiser, learning rate, epochs, batch size",
        "97.15% on training images, 97.48% on test images; precision and recall of each class .95 to .99 (8: .96, "
        ".95); a confusion matrix",
        0.9748,
        stated=("dropout",),
    ),
    Project(
        "convolutions and several linear layers",
        "lenet",
        "convolutions, then several linear layers; SGD, cross-entropy; the test images serve as validation",
        "widths, learning rate, epochs, batch size",
        "98.76% on the test images; the training loss after each epoch",
        0.9876,
        stated=("optimizer", "dropout"),
    ),
    Project(
        "a network with dropout",
        "dropout",
        "convolutions of 10 and 20 channels, 5x5, ReLU, pooling, dropout, linear layers of 50 and 10, log-softmax; "
        "50,000 training and 10,000 validation images; ten epochs",
        "optimiser, learning rate, batch size",
        "98.70% on test images, F1 98.69%; losses, accuracy and F1 after each epoch, known here of the first and tenth",
        0.9870,
        {
            1: {
                "train_loss": 0.6291,
                "validation_loss": 0.1312,
                "validation_accuracy": 0.9587,
                "validation_f1": 0.9585,
            },
            10: {
                "train_loss": 0.1469,
                "validation_loss": 0.0496,
                "validation_accuracy": 0.9852,
                "validation_f1": 0.9851,
            },
        },
        stated=("epochs",),
    ),
    Project(
        "two narrow convolutions and two linear layers",
        "narrow",
        "convolutions of 10 and 20 channels, 5x5, padding 1, ReLU and pooling; linear layers of 50 and 10; Adam, "
        "cross-entropy, ten epochs",
        "learning rate, batch size",
        "over 99%; losses and accuracies of epochs 1 and 10, on training and test images",
        0.99,
        {
            1: {"train_loss": 0.53, "train_accuracy": 0.85, "validation_loss": 0.15, "validation_accuracy": 0.95},
            10: {"train_loss": 0.03, "train_accuracy": 0.99, "validation_loss": 0.03, "validation_accuracy": 0.99},
        },
        "test",
        True,
        ("optimizer", "epochs", "dropout"),
    ),
    Project(
        "a workflow in notebooks",
        None,
        "exploration, prototyping, ten epochs of training with a final model and a checkpoint, evaluation, a "
        "walkthrough",
        "the network and all of its training",
        "precision, recall and F1: class 0 .98, .97, .97; class 1 .99, .98, .98",
    ),
)
STEP_NAMES = ("as described", "one-cycle schedule", "augmentation", "the rest of our training", "averaging")  # in rows
STEP_TITLES = ("as described", "one-cycle schedule and its peak rate", *STEP_NAMES[2:])  # as pages call them
AVERAGING = len(STEP_NAMES) - 1
GAIN = "gain, points (95% interval)"  # a column of tables
FEWEST_SEEDS = 3  # of a step that is tested: two do not hold 5% where trainings differ more than images do


@dataclass(frozen=True)
class StepTaken:
    """A step of a network, and how it differs from the one before it with the same seeds."""

    step: int
    changed: str
    seeds: list[int]
    accuracy: float  # mean over the seeds, a share of the held-out images
    errors: list[int]  # of each training, or of the average
    difference: Difference | None  # None where there is nothing before it with the same seeds
    p_value: float | None


def filled_in() -> dict[str, Row]:
    """Return {network: {field of a recipe: its value at step 0, and whether it is stated or ours}}."""
    fields = ("optimizer", "learning_rate", "schedule", "batch_size", "epochs", "dropout")
    table: dict[str, Row] = {}
    for project in PROJECTS:
        if project.network:
            recipe = recipes.published_step(project.network, 0)
            by = {name: "stated" if name in project.stated else "ours" for name in fields}
            table[project.network] = {name: f"{plainly(getattr(recipe, name))} ({by[name]})" for name in fields}
    return table


def step_rows(path: str | Path) -> dict[str, dict[int, list[Row]]]:
    """Return {network: {step: its rows}} of a file of published steps; of each step those by the code of the newest.

    A file that is not there has no rows; BadInput for one that is not whole, and for a row that was changed.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
        needed = {"network", "step", "digest", "code", "taken"}
        is_whole = isinstance(rows, list) and all(isinstance(row, dict) and needed <= set(row) for row in rows)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise refused("not a whole file of published steps")
    groups: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["digest"] != digest_of(row):
            raise refused(f"{row['network']}, step {row['step']}: a field was changed after it was taken (digest)")
        groups[row["network"]][row["step"]].append(row)
    return {
        network: {step: of_newest(of_step) for step, of_step in sorted(steps.items())}
        for network, steps in groups.items()
    }


def of_newest(rows: Sequence[Row]) -> list[Row]:
    """Return those of a step's rows that are by the code of the newest, by seed; of averages the one of most seeds."""
    newest = max(rows, key=lambda row: row["taken"])["code"]
    present = [row for row in rows if row["code"] == newest]
    if "seeds" in present[0]:
        return [max(present, key=lambda row: (len(row["seeds"]), row["taken"]))]
    return sorted({row["seed"]: row for row in present}.values(), key=lambda row: row["seed"])


def steps_taken(rows: Mapping[int, Sequence[Row]], level: float = 0.95) -> list[StepTaken]:
    """Return the StepTaken of each step of a network that `rows` ({step: rows}) has.

    Only seeds that all of its steps were trained with count, so that each row speaks of the same trainings; where there
    are none, all do. Differences are paired within seeds, on the same held-out images; see
    evaluation.compare_within_seeds. Fewer than FEWEST_SEEDS pairs know too little of other trainings: they have an
    interval, that of one pair over images alone, and no p-value.
    """
    taken: list[StepTaken] = []
    paired = of_common_seeds(rows)
    for step, of_step in sorted(paired.items()):
        images = of_step[0]["validation_images"]
        before = {row["seed"]: row for row in (rows if step == AVERAGING else paired).get(step - 1, [])}
        pairs = [(row, before[seed]) for row in of_step for seed in seeds_of(row) if seed in before]
        difference, p_value = None, None
        if pairs:
            one, other = (correct_of([pair[side] for pair in pairs], images) for side in (0, 1))
            difference, p_value = evaluation.compare_within_seeds(list(one), list(other), level, pool=images)
            p_value = p_value if len(pairs) >= FEWEST_SEEDS else None
        errors_of = [len(row["wrong"]) for row in of_step]
        seeds = [seed for row in of_step for seed in seeds_of(row)]
        accuracy = 1 - float(np.mean(errors_of)) / images
        changed = in_words(of_step[0]["changed"])
        taken.append(StepTaken(step, changed, seeds, accuracy, errors_of, difference, p_value))
    return taken


def of_common_seeds(rows: Mapping[int, Sequence[Row]]) -> dict[int, list[Row]]:
    """Return {step: its rows} of those seeds alone that every step was trained with; all rows where there are none."""
    trained = {step: {row["seed"] for row in of_step} for step, of_step in rows.items() if step != AVERAGING}
    common = set.intersection(*trained.values()) if trained else set()
    kept = {step: [row for row in of_step if not common or row.get("seed") in common] for step, of_step in rows.items()}
    return kept | {AVERAGING: list(rows[AVERAGING])} if AVERAGING in rows else kept


def seeds_of(row: Row) -> list[int]:
    """Return the seed of a training, or those of an average."""
    return row["seeds"] if "seeds" in row else [row["seed"]]


def adjusted(ladders: Mapping[str, Sequence[StepTaken]]) -> dict[tuple[str, int], float]:
    """Return {(network, step): p-value}, by Holm's method over all steps of all networks that are compared."""
    found = [
        (network, taken.step, taken.p_value)
        for network, ladder in ladders.items()
        for taken in ladder
        if taken.p_value is not None
    ]
    p_values = evaluation.holm([p_value for *_, p_value in found]) if found else []
    return {(network, step): p_value for (network, step, _), p_value in zip(found, p_values, strict=True)}


def missing_rows(ladders: Mapping[str, Sequence[StepTaken]]) -> list[tuple[str, int]]:
    """Return (network, step) of the steps that no row was taken of."""
    there = {(network, taken.step) for network, ladder in ladders.items() for taken in ladder}
    networks = [project.network for project in PROJECTS if project.network]
    return [(name, step) for name in networks for step in range(len(STEP_NAMES)) if (name, step) not in there]


def step_table(network: str, ladder: Sequence[StepTaken], p_values: Mapping[tuple[str, int], float]) -> list[Row]:
    """Return a row for each step of a network, gains as `gain_of`; an adjusted p that is not known is NaN."""
    return [
        {
            "step": taken.step,
            "package": STEP_TITLES[taken.step],
            "what changed": taken.changed,
            "seeds": len(taken.seeds),
            "accuracy": taken.accuracy,
            GAIN: gain_of(taken),
            "adjusted p": p_values.get((network, taken.step), np.nan),
        }
        for taken in ladder
    ]


def gain_of(taken: StepTaken) -> str:
    """Return what a step brings, in points of accuracy with its interval; "" if there is nothing to compare it with."""
    gain = taken.difference
    if gain is None:
        return ""
    return f"{100 * gain.mean:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"


def averages_table(ladders: Mapping[str, Sequence[StepTaken]], p_values: Mapping[tuple[str, int], float]) -> list[Row]:
    """Return a row for each network whose seeds were averaged: accuracy alone (a mean) and together, and the gain."""
    table = []
    for network, ladder in ladders.items():
        for taken in ladder:
            if taken.step == AVERAGING and taken.difference is not None:
                alone = taken.accuracy - taken.difference.mean
                head = {"network": network, "networks": len(taken.seeds), "alone": alone, "together": taken.accuracy}
                p_value = p_values.get((network, taken.step), np.nan)
                table.append(head | {GAIN: gain_of(taken), "adjusted p": p_value})
    return table


def epochs_beside(project: Project, rows: Sequence[Row]) -> list[Row]:
    """Return {"epoch", "figure", "reported", "ours"} of what a project reports by epoch; ours is a mean over `rows`."""
    words = {"train": "training", "validation": "held-out"}
    if project.scored_after_epochs == "test":
        words["validation"] = "held-out (reported: test)"
    table = []
    for epoch, reported in project.epochs.items():
        for figure, value in reported.items():
            ours = [row["history"][epoch - 1][figure] for row in rows if row["epochs"] >= epoch]
            mean = float(np.mean(ours)) if ours else np.nan
            split, _, kind = figure.partition("_")
            called = f"{words[split]} {kind.replace('f1', 'macro F1')}"
            table.append({"epoch": epoch, "figure": called, "reported": value, "ours": mean})
    return table


@dataclass(frozen=True)
class Beside:
    """Our trainings of a published network beside the figure that its project reports, on the same test images."""

    network: str
    trainings: int
    errors: int  # mean over the trainings, rounded
    reported: int  # errors; fewer than so many where `is_bound`
    images: int
    is_bound: bool
    p_value: float  # by Holm's method, adjusted for all of them

    @property
    def reported_in_words(self) -> str:
        """How many errors were reported, as text."""
        return f"fewer than {self.reported}" if self.is_bound else f"{self.reported}"


def beside_reported(taken: Mapping[str, Sequence[Row]]) -> list[Beside]:
    """Return the Beside of each network of PROJECTS that `taken` ({network: readings}) has readings of.

    Fisher's exact test (1922) on the rounded mean of ours and the reported count, adjusted by Holm's method for the
    number of networks; two-sided, but where a bound was reported, which more errors alone contradict. It takes the
    images of both for independent draws, where they are the same: that makes it cautious. It does not know how far the
    author's other trainings would lie apart.
    """
    found = []
    for project in PROJECTS:
        readings = taken.get(project.network or "", [])
        if project.network is None or project.reported is None or not readings:
            continue
        images = images_of(readings[0])
        ours = round(float(np.mean([len(row["wrong"]) for row in readings])))
        theirs = round((1 - project.reported) * images)
        side = "greater" if project.is_bound else "two-sided"
        table = [[ours, images - ours], [theirs, images - theirs]]
        p_value = float(fisher_exact(table, alternative=side).pvalue)
        found.append(Beside(project.network, len(readings), ours, theirs, images, project.is_bound, p_value))
    adjusted_values = evaluation.holm([one.p_value for one in found]) if found else []
    return [replace(one, p_value=value) for one, value in zip(found, adjusted_values, strict=True)]


def seconds_in_words(seconds: float) -> str:
    """Return a time as text: below ten seconds with a decimal place, above it without."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
