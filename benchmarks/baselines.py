"""Score simple classifiers once on MNIST's test images, so that a network's accuracy is seen against theirs.

    python benchmarks/baselines.py        (make bench-baselines)

They are those of helpers/baselines.py, as they stand there: nothing is chosen by what comes out here. One row of
benchmarks/results/baselines.json; what stands there from today's commit is not scored again. Commit before you score.
"""

import argparse
import inspect
from pathlib import Path
from typing import Any

import origin
import sklearn

from helpers import baselines, computing, data, files, runs

RESULTS = Path(__file__).resolve().parent / "results" / "baselines.json"
SEED = 0  # draws the training images that the classifiers see


def code() -> str:
    """Return a SHA-256 of what decides the scores, the images aside."""
    return files.digest([inspect.getsource(baselines), SEED, sklearn.__version__])


def score(source: data.Dataset, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a row: {"wrong": {classifier: places of its misclassified test images}, "accuracy": {classifier: share}}.

    `facts`: what the row notes of its origin.
    """
    splits = data.split(source, SEED)
    labels = splits["test"].labels.numpy()
    predicted = baselines.predict(splits["train"], splits["test"].images, len(source.class_names), SEED)
    wrong = {name: (classes != labels).nonzero()[0].tolist() for name, classes in predicted.items()}
    return {
        "dataset": source.name,
        "seed": SEED,
        "train_images": min(baselines.MOST, len(splits["train"].labels)),
        "test_images": len(labels),
        "accuracy": {name: 1 - len(places) / len(labels) for name, places in wrong.items()},
        "wrong": wrong,
        "code": code(),
        "taken": runs.now(),
    } | facts


def main() -> None:
    """Score what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    facts = origin.facts()
    computing.keep_freed_memory()
    rows = origin.read_results(RESULTS, {"rows": []})["rows"]
    if any((row["code"], row["commit"]) == (code(), facts["commit"]) for row in rows):
        print("they stand there already, from today's commit")
        return
    row = score(data.load("mnist"), facts)
    origin.keep(RESULTS, row)
    for name, accuracy in row["accuracy"].items():
        print(f"{name}: {accuracy:.2%} of {row['test_images']:,} test images")


if __name__ == "__main__":
    origin.call(main)
