"""Read simulated photographs of sheets of MNIST's digits with a trained run, and keep what came of it, kind by kind.

    python benchmarks/sheets.py --run NAME                 200 sheets of validation digits that the run never trained on
    python benchmarks/sheets.py --run NAME --split test    of test digits: the final reading, kept like every other

helpers/photographs.py makes them: 3 to 40 digits in 1 to 6 lines of numbers. helpers/sheets.py finds the digits. Each
reading is one row of benchmarks/results/sheets.json, and none is ever taken out: the split, the seed that the sheets
were drawn by, the run's training key, `accuracy`, the share of digits that are right and in order, with its 95%
interval over sheets, `edits` a digit, `sheets_right` with every number whole, `kinds` {kind: {"sheets", "digits",
"right", "edits"}}, the median and the longest seconds a sheet on one thread, and where the reading comes from.

What was read is laid beside what was written with as few edits as possible (digits changed, left out, put in:
Levenshtein, 1966); the digits that are the same on both sides are right.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch

from helpers import checkpoints, data, evaluation, files, framing, photographs, reading, runs, sheets

RESULTS = Path(__file__).resolve().parent / "results" / "sheets.json"


def draw(
    split: data.Split, class_names: Sequence[str], count: int, seed: int
) -> Iterator[tuple[str, photographs.SheetPhotograph, str]]:
    """Yield `count` sheets of digits of a split as (kind, photograph, what is written on it), drawn by `seed`."""
    generator = np.random.default_rng(seed)
    kinds = list(photographs.KINDS)
    for number in range(count):
        layout = photographs.draw_layout(generator)
        chosen = generator.choice(len(split.labels), photographs.count_digits(layout), replace=False)
        images = split.images[chosen].numpy().reshape(-1, 28, 28)
        labels = iter([class_names[label] for label in split.labels[chosen].tolist()])
        lines = [" ".join("".join(next(labels) for _ in range(length)) for length in line) for line in layout]
        kind = kinds[number % len(kinds)]
        yield kind, photographs.sheet(images, layout, kind, generator), "\n".join(lines)


def compare(written: str, read: str) -> tuple[int, int]:
    """Return (how many letters of two texts are the same, edits) where they are laid side by side with fewest edits."""
    above = [(place, 0) for place in range(len(read) + 1)]  # (edits, minus the letters that are the same)
    for row, letter in enumerate(written, start=1):
        line = [(row, 0)]
        for column, other in enumerate(read, start=1):
            same = letter == other
            edits, kept = above[column - 1]
            beside = (edits + (not same), kept - same)
            missing = (above[column][0] + 1, above[column][1])
            added = (line[-1][0] + 1, line[-1][1])
            line.append(min(beside, missing, added))
        above = line
    edits, kept = above[-1]
    return -kept, edits


def digits_of(text: str) -> str:
    """Return the digits of a text in reading order, without its spaces and line breaks."""
    return "".join(text.split())


def read(reader: reading.Reader, drawn: Iterator[tuple[str, photographs.SheetPhotograph, str]]) -> dict[str, Any]:
    """Return what came of sheets, as `draw` gives them."""
    kinds: dict[str, dict[str, int]] = {}
    sheets_read = []
    seconds = []
    whole = 0
    for kind, photograph, written in drawn:
        started = time.perf_counter()
        answer = reader.read_sheet(photograph.pixels)
        seconds.append(time.perf_counter() - started)
        right, edits = compare(digits_of(written), digits_of(answer.text))
        digits = len(digits_of(written))
        whole += answer.text == written
        sheets_read.append((right, digits))
        counts = kinds.setdefault(kind, {"sheets": 0, "digits": 0, "right": 0, "edits": 0})
        for name, more in (("sheets", 1), ("digits", digits), ("right", right), ("edits", edits)):
            counts[name] += more
    digits = sum(counts["digits"] for counts in kinds.values())
    return {
        "sheets": len(seconds),
        "digits": digits,
        "accuracy": sum(counts["right"] for counts in kinds.values()) / digits,
        "accuracy_ci95": interval(np.array(sheets_read)),
        "edits": sum(counts["edits"] for counts in kinds.values()) / digits,
        "sheets_right": whole / len(seconds),
        "kinds": kinds,
        "seconds_median": round(float(np.median(seconds)), 3),
        "seconds_longest": round(max(seconds), 3),
    }


def interval(counts: np.ndarray) -> list[float]:
    """Return the 95% interval of a share, from counts (right, digits), int (sheets, 2), by resampling sheets.

    Digits of one sheet have pen, light and paper in common, so that they are not independent.
    """
    generator = np.random.default_rng(0)
    chosen = generator.integers(0, len(counts), (evaluation.RESAMPLES, len(counts)))
    sums = counts[chosen].sum(axis=1)
    return np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975]).tolist()


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a reading in words, a line a kind, the worst first."""
    low, high = row["accuracy_ci95"]
    yield (
        f"{row['accuracy']:.2%} of {row['digits']:,} digits on {row['sheets']} sheets ({low:.2%} to {high:.2%}), "
        f"{row['edits']:.2%} edits, {row['sheets_right']:.1%} of sheets right in every number; {row['split']} digits"
    )
    kinds = row["kinds"]
    for kind in sorted(kinds, key=lambda kind: kinds[kind]["right"] / kinds[kind]["digits"]):
        counts = kinds[kind]
        yield f"  {kind:<10} {counts['right'] / counts['digits']:7.2%} of {counts['digits']}, {counts['edits']} edits"
    yield f"  {row['seconds_median']} s a sheet, {row['seconds_longest']} s at most, on one thread"


def main() -> None:
    """Take one reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="the trained run that reads (the one that was trained last)")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--sheets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="draws digits and sheets")
    options = parser.parse_args()
    facts = origin.facts()
    torch.set_num_threads(1)
    reader = reading.load(options.run, "ink")
    found = checkpoints.load_model(runs.run_folder(reader.run))
    assert found is not None  # the reader has just loaded it
    model = found.description
    recipe = model["recipe"]
    splits = data.split(data.load("mnist"), model["seed"], recipe["validation_size"], recipe.get("fold"))
    about = {
        "split": options.split,
        "seed": options.seed,
        "recipe": recipe["name"],
        "key": model["key"],
        "framing": framing.VERSION,
        "framing_code": files.code_digest(Path(framing.__file__)),
        "sheets_code": files.code_digest(Path(sheets.__file__)),
        "photographs_code": files.code_digest(Path(photographs.__file__)),
        "taken": runs.now(),
    }
    row = about | read(reader, draw(splits[options.split], reader.class_names, options.sheets, options.seed))
    origin.keep(RESULTS, row | facts)
    print("\n".join(lines(row)))


if __name__ == "__main__":
    origin.call(main)
