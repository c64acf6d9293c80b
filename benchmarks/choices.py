"""Try a change of a recipe on validation images, and keep what it gave, whether it helped or not.

    python benchmarks/choices.py balanced label_smoothing=0.1 epochs=5 --seeds 0 1 --threads 1

No test image is looked at. Each trial is one row of benchmarks/results/choices.json and says where it comes from:
commit before you try. Trials are compared with others of the same epochs, seeds and validation images. The notes in
helpers/recipes.py say what came of them.
"""

import argparse
import contextlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import bad_light
import origin
import torch

from helpers import data, files, recipes, runs, scores, training

RESULTS = Path(__file__).resolve().parent / "results" / "choices.json"


def trial(
    name: str,
    changes: dict[str, Any],
    seeds: Sequence[int],
    validation_size: int,
    source: data.Dataset,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Return one row of the results file: recipe `name` with `changes`, trained once per seed.

    Accuracies are fractions from 0 to 1, losses nats, both of the `validation_size` validation images; "in_bad_light"
    has the mean over the seeds of the accuracy on these in each way of bad_light.py. `facts`: what the row notes of its
    origin.
    """
    recipe = replace(recipes.RECIPES[name], validation_size=validation_size, **changes)
    histories = []
    by_seed = []
    for seed in seeds:
        network, history = training.train(source, recipe, seed)
        histories.append(history)
        validation = data.split(source, seed, validation_size)["validation"]
        by_seed.append(bad_light.accuracies(network, validation))
    in_bad_light = {name: round(fmean(found[name] for found in by_seed), 6) for name in by_seed[0]}
    last_epochs = [history[-1] for history in histories]
    accuracies = [epoch["validation_accuracy"] for epoch in last_epochs]
    row = {
        "recipe": name,
        "changes": changes,
        "seeds": seeds,
        "validation_images": validation_size,
        "validation_accuracy": accuracies,
        "validation_loss": [epoch["validation_loss"] for epoch in last_epochs],
        "mean_validation_accuracy": round(sum(accuracies) / len(seeds), 6),
        "in_bad_light": in_bad_light,
        "mean_in_bad_light": round(fmean(in_bad_light.values()), 6),
        "seconds": [round(sum(epoch["seconds"] for epoch in history), 2) for history in histories],
        "keys": [training.fingerprint(recipe, seed, source, torch.device("cpu")) for seed in seeds],
        "code": training.code_fingerprint(recipe, source.fingerprint),
        "taken": runs.now(),
    }
    return scores.seal(row | facts)


def change(text: str) -> tuple[str, Any]:
    """Return (field, value) of `field=value`, the value read as JSON, else as a word."""
    name, _, word = text.partition("=")
    if name not in {field.name for field in fields(recipes.Recipe)}:
        raise argparse.ArgumentTypeError(f"{name}: not a field of a recipe")
    value: Any = word
    with contextlib.suppress(ValueError):
        value = json.loads(word)
    if isinstance(value, list):
        value = tuple(value)
    return name, value


def main() -> None:
    """Run one trial and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=recipes.RECIPES)
    parser.add_argument("changes", nargs="*", type=change, metavar="field=value")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--validation-size", type=int, default=10_000)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    facts = origin.facts()
    training.choose_device("cpu", options.threads)
    source = data.load("mnist")
    row = trial(options.recipe, dict(options.changes), options.seeds, options.validation_size, source, facts)
    results = origin.read_results(RESULTS, {"rows": []})
    results["rows"].append(row)
    files.write_json(RESULTS, results)
    worst = min(row["in_bad_light"], key=row["in_bad_light"].get)
    print(f"{row['mean_validation_accuracy']:.3%} of the validation images, mean over the seeds")
    print(f"{row['mean_in_bad_light']:.2%} of these in bad light; {worst} {row['in_bad_light'][worst]:.2%}")


if __name__ == "__main__":
    origin.call(main)
