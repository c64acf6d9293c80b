"""Read simulated photographs of MNIST's digits with a trained run, and keep what came of it, kind by kind.

    python benchmarks/photographs.py --run NAME                 2,000 of validation digits that the run never trained on
    python benchmarks/photographs.py --run NAME --split test    of test digits: the final reading, kept like every other

helpers/photographs.py makes them, helpers/framing.py frames them. Nothing is chosen by photographs of test digits. Each
reading is one row of benchmarks/results/photographs.json, and none is ever taken out: the split, the seed that the
photographs were drawn by, the run's training key, `accuracy` with its 95% interval, `kinds` {kind: {"images", "right",
"not found"}}, photographs a second, and where the reading comes from. "Right" is out of all, those in which no digit
was found among them.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch

from helpers import checkpoints, data, evaluation, files, framing, photographs, reading, runs, scores

RESULTS = Path(__file__).resolve().parent / "results" / "photographs.json"


def read(reader: reading.Reader, split: data.Split, images: int, seed: int) -> dict[str, Any]:
    """Return what came of photographs of the first `images` of a split, in an order drawn by `seed`."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(split.labels))[:images]
    digits = split.images[order].numpy()
    labels = [reader.class_names[label] for label in split.labels[order].tolist()]
    kinds: dict[str, dict[str, int]] = {}
    spent = 0.0
    for (kind, photograph), label in zip(photographs.photographs(digits, generator), labels, strict=True):
        started = time.perf_counter()
        answer = reader.read(photograph.pixels)
        spent += time.perf_counter() - started
        counts = kinds.setdefault(kind, {"images": 0, "right": 0, "not found": 0})
        counts["images"] += 1
        counts["right"] += answer.label == label
        counts["not found"] += isinstance(answer.framed, framing.NoDigit)
    right = sum(counts["right"] for counts in kinds.values())
    low, high = evaluation.wilson(right, images)
    return {
        "images": images,
        "accuracy": right / images,
        "accuracy_ci95": [low, high],
        "kinds": kinds,
        "photographs_a_second": round(images / spent, 1),
    }


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a reading in words, a line a kind, the worst first."""
    low, high = row["accuracy_ci95"]
    yield f"{row['accuracy']:.2%} of {row['images']:,} ({low:.2%} to {high:.2%}), {row['split']} digits"
    kinds = row["kinds"]
    for kind in sorted(kinds, key=lambda kind: kinds[kind]["right"] / kinds[kind]["images"]):
        counts = kinds[kind]
        share = counts["right"] / counts["images"]
        yield f"  {kind:<10} {share:7.2%} of {counts['images']}, no digit found on {counts['not found']}"


def main() -> None:
    """Take one reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="the trained run that reads (the one that was trained last)")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="draws digits and photographs")
    options = parser.parse_args()
    facts = origin.facts()
    torch.set_num_threads(1)
    reader = reading.load(options.run)
    found = checkpoints.load_model(runs.run_folder(reader.run))
    assert found is not None  # the reader has just loaded it
    model = found.description
    splits = data.split(data.load("mnist"), model["seed"], model["recipe"]["validation_size"])
    about = {
        "split": options.split,
        "seed": options.seed,
        "recipe": model["recipe"]["name"],
        "key": model["key"],
        "framing": framing.VERSION,
        "framing_code": files.code_digest(Path(framing.__file__)),
        "photographs_code": files.code_digest(Path(photographs.__file__)),
        "taken": origin.now(),
    }
    row = about | read(reader, splits[options.split], options.images, options.seed)
    results = origin.read_results(RESULTS)
    results["rows"].append(scores.seal(row | facts))
    files.write_json(RESULTS, results)
    print("\n".join(lines(row)))


if __name__ == "__main__":
    origin.call(main)
