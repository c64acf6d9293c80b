"""Tables of the ratios in speed.json as Markdown, for README and docs/speed.md: how many times less time ours takes."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import figures
from blocks import prose

from helpers import files, scores

Row = dict[str, Any]
KINDS = {  # the field `alike` of a row: the head of its column
    "as each does it": "as each does it",
    "preparation equal": "both from memory",
    "precision equal": "both in float32",
    "both equal": "both from memory, in float32",
    None: "as first measured",  # early readings, which note less
}
NO_TIMES = "No times were taken yet: `make bench-speed` takes them."


def short(results_folder: str | Path) -> str:
    """Return README's table: a line for what is compared, a column for what is the same on both sides.

    Networks of published projects share a line: the lowest and the highest of their medians. `results_folder` holds
    speed.json and accuracy.json; without times it is one sentence.
    """
    rows = compared(results_folder)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(in_short(row), []).append(row)
    return as_markdown(groups, spread, results_folder)


def whole(results_folder: str | Path) -> str:
    """Return the table of docs/speed.md: a line for each comparison, a ratio with its range for each way to make it.

    The seconds of both stand in a table below it. `results_folder` as for `short`.
    """
    rows = compared(results_folder)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(in_full(row), []).append(row)
    ratios = as_markdown(groups, with_range, results_folder)
    if not rows:
        return ratios
    head = ["compared with", "our side", "the other side", "our seconds", "the other's"]
    body = [[in_full(row), side(row, ""), side(row, "baseline_"), *seconds(row)] for row in rows]
    return "\n\n".join([ratios, table(head, body), prose(f"{rounds(rows)}, with the lowest and the highest.")])


def compared(results_folder: str | Path) -> list[Row]:
    """Return the rows of speed.json that set our training beside another; none where there is no such file."""
    found = files.read_json(Path(results_folder) / "speed.json") or {"rows": []}
    return [row for row in found["rows"] if row["part"] in figures.TRAININGS and row["ratio"] is not None]


def as_markdown(groups: dict[str, list[Row]], cell: Any, results_folder: str | Path) -> str:
    """Return a table of {line: its rows}; `cell` makes the text of those rows that belong to a line and a column."""
    if not groups:
        return NO_TIMES
    rows = [row for group in groups.values() for row in group]
    kinds = [kind for kind in KINDS if any(row.get("alike") == kind for row in rows)]
    body = []
    for line, group in groups.items():
        cells = [[row for row in group if row.get("alike") == kind] for kind in kinds]
        body.append([line, *(cell(of_kind) if of_kind else "" for of_kind in cells)])
    drawn = table(["times as fast as", *(KINDS[kind] for kind in kinds)], body)
    said = [*accuracy_of_fast(rows, results_folder), places(rows, results_folder)]
    return "\n\n".join([drawn, prose(" ".join(said))])


def places(rows: Sequence[Row], results_folder: str | Path) -> str:
    """Return a sentence on where these times were taken."""
    content = files.read_json(Path(results_folder) / "speed.json")
    found = list(dict.fromkeys(scores.place_of(row, content) for row in rows))
    return f"Taken on {'; some on '.join(found)}."


def accuracy_of_fast(rows: Sequence[Row], results_folder: str | Path) -> list[str]:
    """Return the sentence that says what `fast` reaches in its time; none where it is not compared, or was not read."""
    path = Path(results_folder) / "accuracy.json"
    if not path.is_file() or not any(row["recipe"] == "fast" for row in rows):
        return []
    compared = scores.compare(scores.load(path))
    read = compared.rows.get("fast", [])
    if not read:
        return []
    reached = mean(row["test_accuracy"] for row in read)
    sentence = f"`fast` classifies {reached:.2%} of the test images correctly (mean of {len(read)} seeds)"
    age = " This accuracy is of older code than today's." if "fast" in compared.older else ""
    return [f"{sentence}{accuracy_of_example(results_folder)}.{age}"]


def accuracy_of_example(results_folder: str | Path) -> str:
    """Return what the example reaches in its epochs as the rest of a sentence; "" where that was not read."""
    for row in files.read_json(Path(results_folder) / "speed.json")["rows"]:
        if row["part"] == "example_accuracy":
            of_example = f"the example (of pytorch/examples) {row['ours'][-1]:.2%}"
            least = "the fewest that reach 99.0%" if row["ours"][-1] >= 0.99 else "fewer than it needs for 99.0%"
            return f", {of_example} after {row['epochs']} epochs (mean of {row['repeats']} seeds), {least}"
    return ""


def in_short(row: Row) -> str:
    """Return the line of README's table that a row belongs to."""
    if row["part"] == "published":
        return f"an epoch of a published network, batches of {row['batch_size']}{unlike(row)}, stock loop"
    return in_full(row)


def in_full(row: Row) -> str:
    """Return what a row compares, and with whom."""
    version = f" {row['baseline_version']}" if row.get("baseline_version") else ""
    against = f"{row['against']}{version}" if row.get("against") else ""
    return ", ".join([row["what"], against]) if against and row["part"] != "example" else row["what"]


def unlike(row: Row) -> str:
    """Return in words that the batches of the other are of another size; "" where they are not."""
    theirs = row["baseline_batch_size"]
    return "" if theirs == row["batch_size"] else f" against {theirs}"


def side(row: Row, prefix: str) -> str:
    """Return batch size, precision and preparation of one side of a row; `prefix`: "" or "baseline_"."""
    noted = [row.get(prefix + field) for field in ("batch_size", "precision", "preparation")]
    return ", ".join(str(fact) for fact in noted if fact is not None) or "not noted"


def seconds(row: Row) -> list[str]:
    """Return the seconds of ours and of the other, as text."""
    return [f"{row['ours']:.2f}", f"{row['baseline']:.2f}"]


def spread(rows: Sequence[Row]) -> str:
    """Return the ratio of rows as text: the lowest and the highest where there are several."""
    lowest, highest = (f"{end(row['ratio'] for row in rows):.1f}" for end in (min, max))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def with_range(rows: Sequence[Row]) -> str:
    """Return the ratio of a row as text, with its range over the rounds in brackets."""
    low, high = rows[0]["range"]
    return f"{rows[0]['ratio']:.1f} ({low:.1f} to {high:.1f})"


def rounds(rows: Sequence[Row]) -> str:
    """Return in words over how many rounds medians and ranges are, and of what where they are not all alike."""
    names = {"published": "the stock loop", "lightning": "Lightning", "example": "the example"}
    beside: dict[int, list[str]] = {}
    for part, count in dict.fromkeys((row["part"], row["repeats"]) for row in rows):
        beside.setdefault(count, []).append(names[part])
    if len(beside) == 1:
        return f"Medians of {next(iter(beside))} rounds"
    return "Medians of " + ", ".join(f"{count} rounds beside {' and '.join(of)}" for count, of in beside.items())


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; its first column holds text, all else is set to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *(list(cells) for cells in body)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
