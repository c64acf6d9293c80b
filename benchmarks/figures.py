"""What the results files say last: the figures that README and docs quote, each with its range.

A function takes the folder of the results files, and returns {(of what, which figure): Figure}. What stands in a file
first is never looked at where something stands behind it: the last reading of its kind counts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import origin

from helpers import errors, evaluation, recipes, scores

Row = dict[str, Any]
TRAININGS = ("published", "lightning", "example")  # the parts of speed.json that compare ours with other trainings
SIMPLE = ("nearest neighbour", "softmax regression", "nearest mean image")  # the classifiers that are quoted
PICTURES_OF = ("letters", "strokes", "papers", "crops")  # what is no digit


class NoReading(errors.BadInput):
    """A results file does not hold yet what is asked for."""


@dataclass(frozen=True)
class Figure:
    """A figure and its range: a 95% interval of a share, the lowest and the highest of several times.

    `low` and `high` are NaN where the range is not known.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    unit: str = "share"  # or "s", "times", "images/s", "GB", ...
    processor: str = ""  # of a time

    def __str__(self) -> str:
        """Return it in words, with its range."""
        if math.isnan(self.low):
            return self.in_unit(self.value)
        return f"{self.in_unit(self.value)} ({self.in_unit(self.low)} to {self.in_unit(self.high)})"

    def in_unit(self, value: float) -> str:
        """Return a value with its unit."""
        if self.unit == "share":
            return f"{value:.2%}"
        return f"{value:.4g} {self.unit}"

    def agrees_with(self, other: "Figure") -> bool | None:
        """Return whether the ranges meet; None where one is not known, and for times of unlike processors."""
        if self.processor != other.processor:
            return None
        if math.isclose(self.value, other.value, rel_tol=1e-6):
            return True
        if math.isnan(self.low) or math.isnan(other.low):
            return None
        return self.low <= other.high and other.low <= self.high


Figures = dict[tuple[str, str], Figure]


def over_seeds(values: Sequence[float]) -> Figure:
    """Return the mean of shares over seeds, with its 95% interval (Student's t)."""
    mean, low, high = evaluation.mean_interval(values)
    return Figure(float(mean), float(low), float(high))


def over_images(right: float, images: int) -> Figure:
    """Return a share of images, with its 95% interval (Wilson)."""
    return Figure(right / images, *evaluation.wilson(right, images))


def between(values: Sequence[float], unit: str, processor: str = "") -> Figure:
    """Return the median of values, with the lowest and the highest; `processor` is that of times."""
    return Figure(median(values), min(values), max(values), unit, processor)


def processor_of(row: Row, content: Row) -> str:
    """Return the processor that a row was taken on, else that of its file as a whole."""
    return (row.get("machine") or content.get("machine") or {}).get("processor", "")


def rows_of(folder: Path, name: str) -> list[Row]:
    """Return the rows of the results file `name`.json, the last reading last; none where there is no file."""
    return content_of(folder, name)["rows"]


def content_of(folder: Path, name: str) -> Row:
    """Return the content of the results file `name`.json, without rows where there is no file."""
    return origin.read_results(folder / f"{name}.json", {"rows": []})


def last(folder: Path, name: str, **fields: Any) -> Row:
    """Return the last row of a results file with these fields; NoReading where there is none."""
    rows = [row for row in rows_of(folder, name) if fields.items() <= row.items()]
    if not rows:
        of = "".join(f", {field} {value}" for field, value in fields.items())
        rule = f"{name}.json holds no reading{of}"
        raise NoReading(rule, way_out=f"take one: benchmarks/{name}.py")
    return rows[-1]


def of_last_commit(folder: Path, name: str, **fields: Any) -> list[Row]:
    """Return all rows of a results file with these fields that are of the commit of the last; NoReading for none."""
    commit = last(folder, name, **fields)["commit"]
    return [row for row in rows_of(folder, name) if fields.items() <= row.items() and row["commit"] == commit]


def comparable(folder: Path) -> scores.Comparable:
    """Return the readings of today's recipes that may stand beside each other, recipes in their order."""
    results = scores.load(folder / "accuracy.json")
    order = list(recipes.RECIPES)
    present = [row for row in results["rows"] if row["recipe"] in order]
    present.sort(key=lambda row: (order.index(row["recipe"]), row["seed"]))
    return scores.compare(results | {"rows": present})


def of_recipes(folder: Path) -> Figures:
    """Return what was read of each recipe, and of networks that answer together."""
    compared = comparable(folder)
    found: Figures = {}
    for name, rows in compared.rows.items():
        found[name, "test accuracy"] = over_seeds([row["test_accuracy"] for row in rows])
        found[name, "calibration error"] = over_seeds([row["test_ece"] for row in rows])
        found[name, "calibration error, calibrated"] = over_seeds([row["test_ece_calibrated"] for row in rows])
        corrupted = on_mnist_c(folder, rows)
        if corrupted:
            found[name, "MNIST-C"] = over_seeds(corrupted)
        on = processor_of(rows[0], content_of(folder, "accuracy"))
        found[name, "training"] = between([row["train_seconds"] for row in rows], "s", on)
    for entry in compared.ensembles:
        images = scores.images_of(compared.rows[entry["recipe"]][0])
        right = images - len(entry["wrong"])
        found[together(entry), "test accuracy"] = over_images(right, images)
    return found


def together(entry: Row) -> str:
    """Return what networks that answer together are called: how many, of which recipe, and their seeds but for 0 on."""
    count, seeds = len(entry["seeds"]), entry["seeds"]
    which = "" if seeds == list(range(count)) else f", seeds {' '.join(map(str, seeds))}"
    return f"{count} of {entry['recipe']}{which}"


def on_mnist_c(folder: Path, readings: Sequence[Row]) -> list[float]:
    """Return the mean accuracy on MNIST-C of each model behind `readings`; none unless all of them were read."""
    means = {row["key"]: row["mean"] for row in on_test_corruptions(folder)}
    if not all(row["key"] in means for row in readings):
        return []
    return [means[row["key"]] for row in readings]


def on_test_corruptions(folder: Path) -> list[Row]:
    """Return the readings of MNIST-C."""
    return [row for row in rows_of(folder, "robustness") if row["split"] == "test"]


def of_simple_classifiers(folder: Path) -> Figures:
    """Return what simple classifiers scored."""
    row = last(folder, "baselines", dataset="mnist")
    images = row["test_images"]
    return {(name, "test accuracy"): over_images(images * row["accuracy"][name], images) for name in SIMPLE}


def photographs_by_a_run(folder: Path) -> Row:
    """Return the last reading of 2,000 photographs of test digits by a run."""
    return last(folder, "photographs", split="test", reader="run", images=2000)


def same_photographs(folder: Path, reader: str) -> Row:
    """Return the last reading by a `reader` of the first 200 of the photographs that a run read last."""
    ours = photographs_by_a_run(folder)
    same = {name: ours[name] for name in ("photographs_code", "seed")}
    return last(folder, "photographs", split="test", reader=reader, images=200, **same)


def of_photographs(folder: Path) -> Figures:
    """Return what was read of photographs of test digits by a run, and of the first 200 by it and by others."""
    ours = photographs_by_a_run(folder)
    found = {("photographs", "run"): Figure(ours["accuracy"], *ours["accuracy_ci95"])}
    for reader in ("run", "tesseract", "rapidocr"):
        try:
            row = same_photographs(folder, reader)
        except NoReading:
            continue
        found["200 photographs", reader] = Figure(row["accuracy"], *row["accuracy_ci95"])
    return found


def of_certainty(folder: Path) -> Figures:
    """Return what a network was sure of, and which of it was right."""
    found: Figures = {}
    row = last(folder, "certainty")
    seen = row["photographs"]
    found["photographs", "sure"] = over_images(seen["sure"], seen["made"])
    found["photographs", "right of the sure"] = over_images(seen["right_of_sure"], seen["sure"])
    for part in PICTURES_OF:
        shown, sure = counts_of(row, part)
        found[part, "answered as sure"] = over_images(sure, shown)
    return found


def counts_of(row: Row, part: str) -> tuple[int, int]:
    """Return (how many pictures of a part were shown, how many were answered as sure) of a reading of certainty."""
    shown, sure = (sum(count[name] for count in row[part].values()) for name in ("shown", "sure"))
    return shown, sure


def soundness_rows(folder: Path) -> list[Row]:
    """Return the last reading of each seed of today's way to look for wrong labels."""
    code = last(folder, "soundness")["soundness_code"]
    rows = [row for row in rows_of(folder, "soundness") if row["soundness_code"] == code]
    return list({row["seed"]: row for row in rows}.values())


def of_labels(folder: Path) -> Figures:
    """Return which share of wrong labels was found, and of others suspected: medians, lowest and highest over seeds."""
    labels = [row["labels"] for row in soundness_rows(folder)]
    shares = {"found": "found_share", "others suspected": "others_share"}
    return {("wrong labels", what): between([row[name] for row in labels], "share") for what, name in shares.items()}


def of_times(folder: Path) -> Figures:
    """Return every time and ratio of speed.json that notes its range.

    Of what is compared with another training the recipe, the batches and what is the same on both sides say what it is;
    a row that notes nothing the same is one of both as they are.
    """
    found: Figures = {}
    content = content_of(folder, "speed")
    for row in content["rows"]:
        if row["range"] is None:
            continue
        is_ratio = row["ratio"] is not None
        value, unit = (row["ratio"], "times") if is_ratio else (row["ours"], row["unit"])
        found[place_of_time(row)] = Figure(value, *row["range"], unit, processor_of(row, content))
    return found


def place_of_time(row: Row) -> tuple[str, str]:
    """Return (of what, which figure) of a row of speed.json."""
    facts = {"ours", "baseline", "ratio", "range", "unit", "repeats", "commit", "versions", "machine", "taken", "what"}
    if row["part"] in TRAININGS and row["ratio"] is not None:
        early = "preparation equal" if row.get("baseline_loader") == "in memory" else "as each does it"
        if row["part"] == "example":
            what = f"{row['epochs']} and {row['baseline_epochs']} epochs"
        else:
            what = f"batches of {row['batch_size']} and {row['baseline_batch_size']}"
        return f"{row['part']}, {row['recipe']}", f"{what}, {row.get('alike', early)}"
    return row["what"], ", ".join(f"{name} {value}" for name, value in row.items() if name not in facts)


def of_run(folder: Path) -> dict[str, Figure]:
    """Return {part: its time} of a whole run on MNIST, from the command to the reports."""
    found = {}
    for row in rows_of(folder, "speed"):
        if row["part"] == "pipeline":
            found[row["what"]] = Figure(row["ours"], *row["range"], row["unit"])
    return found


def of_own_images(folder: Path) -> Figures:
    """Return how well made pictures, crops and few images per class were learnt."""
    found: Figures = {}
    for row in rows_of(folder, "pictures"):
        if "accuracy" in row:
            of = ", ".join(str(row[name]) for name in ("dataset", "generator", "size", "channels") if name in row)
            name = f"{row['recipe']}, {row['epochs']} epochs, seed {row['seed']}"
            found[f"pictures, {of}", name] = Figure(row["accuracy"], *row["accuracy_ci95"])
    row = last(folder, "few", a_class=5)
    for name in ("from_nothing", "from_nothing_gently", "from_run"):
        found["five images per class", name.replace("_", " ")] = over_seeds(row[name])
    return found


def of_sizes(folder: Path) -> Figures:
    """Return what a folder of many images and a grid of many runs take; read once, so without a range."""
    row = last(folder, "folder", images=20_000)
    found = {("a folder", part): Figure(taken["seconds"], unit="s") for part, taken in row["parts"].items()}
    row = last(folder, "many_runs", points=300)
    for name, value in row.items():
        if name.startswith("seconds"):
            found["a grid", name] = Figure(value, unit="s")
        elif name.startswith("bytes"):
            found["a grid", name] = Figure(value, unit="bytes")
    return found


ALL: tuple[Callable[[Path], Figures], ...] = (
    of_recipes,
    of_simple_classifiers,
    of_photographs,
    of_certainty,
    of_labels,
    of_times,
    of_own_images,
    of_sizes,
)


def all_of(folder: Path) -> Figures:
    """Return every figure; those of a file that holds none yet are left out."""
    found: Figures = {}
    for part in ALL:
        try:
            found |= part(folder)
        except NoReading:
            continue
    return found


def agreement(before: Figures, after: Figures) -> list[Row]:
    """Return {"of", "figure", "before", "after", "agrees"} of each figure; agrees is None where that cannot be told."""
    rows = []
    for place in dict.fromkeys((*before, *after)):
        old, new = before.get(place), after.get(place)
        agrees = old.agrees_with(new) if old and new else None
        head = {"of": place[0], "figure": place[1]}
        rows.append(head | {"before": str(old or "none"), "after": str(new or "none"), "agrees": agrees})
    return rows
