"""How often each recipe was scored on MNIST's test images, from all that the results files ever noted of it.

docs/readings.md shows it, written by written.py. A design is what a recipe's trainings have in common but for seed and
machine: rows note a digest of it, `code`. Of rows that note none each commit counts as a design of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from figures import content_of

from helpers import recipes

Row = dict[str, Any]
CLEAN = "test images"
CORRUPTED = "MNIST-C"
PHOTOGRAPHS = "photographs"
SHEETS = "sheets"
UNKNOWN = "not noted"
COMMITTED = {  # when the commits were made whose readings note no time
    "21352f9": "2026-11-21T02:17:22",
    "1164dcd": "2026-11-21T04:38:13",
    "517dbf6": "2026-11-21T04:40:42",
    "020567c": "2026-11-21T05:11:44",
    "4bdc776": "2026-11-21T05:33:59",
    "5ad27ac": "2026-11-21T13:04:43",
    "6831300": "2026-11-21T13:47:00",
}
KINDS = (CLEAN, CORRUPTED, PHOTOGRAPHS, SHEETS)  # of what is made of test images


@dataclass(frozen=True)
class Score:
    """What one network read of test images."""

    recipe: str
    design: str
    training: str  # which training of that design: its key, else its seed
    kind: str  # one of KINDS
    accuracy: float
    taken: str  # when, in UTC, or when its commit was made; "" where neither is known
    is_of_commit: bool  # whether files differed from no commit, or a digest of the code tells the design


def scores_of(folder: Path) -> list[Score]:
    """Return every score on test images that the results files in `folder` hold, each training once a kind."""
    rows = list(rows_in(folder))
    codes = {row["key"]: row["code"] for _, row, _, _ in rows if row.get("key") and row.get("code")}
    found: dict[tuple[str, str, str, str], Score] = {}
    for recipe, row, kind, accuracy in rows:
        code = row.get("code") or codes.get(row.get("key"))
        commit = row.get("commit") or UNKNOWN
        design = f"code {code[:7]}" if code else UNKNOWN if commit == UNKNOWN else f"commit {commit[:7]}"
        training = str(row.get("key") or row.get("seeds") or row.get("seed"))
        is_of_commit = bool(code) or not (commit.endswith("-dirty") or commit == UNKNOWN)
        taken = row.get("taken") or COMMITTED.get(commit[:7], "")
        score = Score(recipe, design, training, kind, accuracy, taken, is_of_commit)
        found.setdefault((recipe, design, training, kind), score)
    return list(found.values())


def rows_in(folder: Path) -> Iterator[tuple[str, Row, str, float]]:
    """Yield (recipe, row, kind, accuracy) of each score on test images in the results files."""
    accuracy = content_of(folder, "accuracy")
    for row in (*accuracy.get("earlier", []), *accuracy["rows"]):
        yield row["recipe"], row, CLEAN, row["test_accuracy"]
    for row in accuracy.get("ensembles", []):
        members = {"key": " ".join(row["keys"])}
        yield f"{len(row['seeds'])} of {row['recipe']} together", row | members, CLEAN, row["test_accuracy"]
    for row in content_of(folder, "robustness")["rows"]:
        if row["split"] == "test":
            yield row["recipe"], row, CLEAN, row["test_accuracy"]
            yield row["recipe"], row, CORRUPTED, row["mean"]
        if row["split"] == "test" and "plain" in row:
            plain = row | {"key": f"plain {row['key']}", "code": None}  # its code is that of the other
            yield f"{row['recipe']}, nothing roughened", plain, CLEAN, row["plain"]["test_accuracy"]
            yield f"{row['recipe']}, nothing roughened", plain, CORRUPTED, row["plain"]["mean"]
    for name, kind in (("photographs", PHOTOGRAPHS), ("sheets", SHEETS)):
        for row in content_of(folder, name)["rows"]:
            if row["split"] == "test" and "recipe" in row:
                yield row["recipe"], row, kind, row["accuracy"]
    for row in content_of(folder, "baselines")["rows"]:
        for classifier, share in row["accuracy"].items():
            yield classifier, row, CLEAN, share
    times = content_of(folder, "speed")
    for row in (*times.get("earlier", []), *times["rows"]):
        if row["part"] == "example_accuracy":
            noted = {"commit": times.get("commit", UNKNOWN)} | row
            for epochs, share in enumerate(row["ours"], start=1):
                yield f"pytorch/examples, mean of {row['repeats']}, epochs: {epochs}", noted, CLEAN, share


def table(folder: Path) -> str:
    """Return what docs/readings.md says: how many designs of each recipe, and what each of them scored."""
    by_recipe: dict[str, dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for score in scores_of(folder):
        by_recipe[score.recipe][score.design].append(score)
    order = list(recipes.RECIPES)
    names = sorted(by_recipe, key=lambda name: order.index(name) if name in order else len(order))
    lines = ["| scored | designs | first | last |", "| --- | ---: | --- | --- |"]
    for name in names:
        every = [score for of_design in by_recipe[name].values() for score in of_design]
        lines.append(f"| {name} | {len(by_recipe[name])} | {first_of(every)} | {last_of(every)} |")
    lines += [
        "",
        f"| scored | design | read | trainings | {' | '.join(KINDS)} |",
        f"| --- | --- | --- |{' ---: |' * 5}",
    ]
    for name in names:
        lines += [design_line(name, design, of_design) for design, of_design in by_recipe[name].items()]
    return "\n".join([*lines, "", below(by_recipe)])


def first_of(scored: Sequence[Score]) -> str:
    """Return when the first score was taken, in words."""
    return in_minutes(min(score.taken for score in scored))


def last_of(scored: Sequence[Score]) -> str:
    """Return when the last score was taken, in words."""
    return in_minutes(max(score.taken for score in scored))


def in_minutes(taken: str) -> str:
    """Return a time in UTC to the minute."""
    return taken[:16].replace("T", " ") if taken else UNKNOWN


def design_line(name: str, design: str, scored: Sequence[Score]) -> str:
    """Return the line of a design: when, how many trainings, and the mean of each kind of score."""
    mark = "" if all(score.is_of_commit for score in scored) else " *"
    times = dict.fromkeys((first_of(scored), last_of(scored)))
    trainings = len({score.training for score in scored})
    cells = []
    for kind in KINDS:
        shares = [score.accuracy for score in scored if score.kind == kind]
        cells.append(f"{fmean(shares):.2%}" if shares else "")
    return f"| {name} | {design}{mark} | {' to '.join(times)} | {trainings} | {' | '.join(cells)} |"


def below(by_recipe: dict[str, dict[str, list[Score]]]) -> str:
    """Return what has to be said of designs that were not committed."""
    every = [score for designs in by_recipe.values() for of_design in designs.values() for score in of_design]
    uncommitted = [score for score in every if not score.is_of_commit]
    if not uncommitted:
        return "Of every score the code, or the commit that it was, is noted."
    return (
        "\\* files differed from the commit when it was read, and no digest of the code is noted: what exactly was "
        f"trained cannot be looked up. So it is with {len(uncommitted):,} of these {len(every):,} scores."
    )
