"""The accuracy file of the benchmarks: checked as it is read, and cut down to readings that may be compared.

A reading is one training of a recipe with a seed and its scores. Readings of one recipe belong together if their `code`
is the same: training.code_fingerprint of recipe, images, loop and PyTorch. Early readings have none.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import data, errors, files, recipes, training

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

    def origin(self) -> str:
        """Return in a sentence which machines the readings were taken on."""
        recipes_on: dict[str, list[str]] = {}
        for name, rows in self.rows.items():
            for place in dict.fromkeys(place_of(row) for row in rows):
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


def place_of(row: Row) -> str:
    """Return in words which machine a row of any results file was taken on, and with which versions."""
    if not row.get("machine"):
        return "a machine that was not noted with the readings"
    machine = row["machine"]
    versions = row["versions"]
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
    """Return in what a list of misclassified test images contradicts the accuracy on `images`, "" where it agrees."""
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
    ensembles = [entry for entry in results["ensembles"] if is_of(entry, rows.get(entry["recipe"], []))]
    older = [name for name in rows if rows[name][0].get("code") != todays_code(name)]
    return Comparable(rows, ensembles, older, left_out)


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
