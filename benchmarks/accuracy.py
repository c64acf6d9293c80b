"""Train recipes x seeds exactly as run_all.py does, score each once on test, and keep every reading.

    python benchmarks/accuracy.py --recipes balanced --seeds 0 1 2 3 4     (make bench-accuracy runs all)
    python benchmarks/accuracy.py --anew                                   also what was read from another commit

Readings go to benchmarks/results/accuracy.json after each training, so that it resumes where it stopped; the models
stay in outputs/accuracy/. A reading that was made with other code or versions than today's is read again, and moves to
"earlier" in the file. Last, the models of all seeds of `best` answer together, with the mean of their probabilities.
Every row says where it comes from; commit before you read. helpers/scores.py checks the file and says what of it may be
compared; written.py puts it into README.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch

from helpers import (
    checkpoints,
    computing,
    data,
    errors,
    evaluation,
    files,
    models,
    progress,
    recipes,
    runs,
    scores,
    training,
)
from helpers.scores import Results, Row

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.json"
NAMES = tuple(name for name in recipes.RECIPES if name != "pictures")  # those for MNIST
SEEDS = {"fast": range(10)}  # five for every other recipe
TOGETHER = ("best",)  # recipes whose models answer together as well

Facts = dict[str, Any]  # {"commit", "versions", "machine"} of the readings to come


def folder_of(recipe: str, seed: int) -> Path:
    """Return the folder in which a reading's model is kept."""
    return runs.outputs_folder() / "accuracy" / f"{recipe}-seed{seed}"


def read(recipe: recipes.Recipe, seed: int, source: data.Dataset, facts: Facts, anew: bool = False) -> Row:
    """Return one row of the results file: `recipe` trained on `source` with `seed`, scored at the end.

    Accuracies, F1 and calibration errors are fractions from 0 to 1, losses nats. `anew`: train again what another
    commit has trained.
    """
    folder = folder_of(recipe.name, seed)
    key = training.fingerprint(recipe, seed, source, torch.device("cpu"))
    facts = begin(folder, key, facts, anew)
    bar = progress.training_bar(recipe.epochs)
    network, history = training.train(source, recipe, seed, "cpu", folder, bar)
    splits = data.split(source, seed, recipe.validation_size, recipe.fold)
    predictions = {name: evaluation.predict_split(network, part) for name, part in splits.items()}
    metrics = {name: evaluation.metrics(part) for name, part in predictions.items()}
    temperature = evaluation.fit_temperature(predictions["validation"])
    row = {
        "recipe": recipe.name,
        "seed": seed,
        "epochs": recipe.epochs,
        "train_images": len(splits["train"].labels),
        "parameters": models.count_parameters(network),
        "train_seconds": round(sum(epoch["seconds"] for epoch in history), 2),
        "key": key,
        "per_class": metrics["test"]["per_class"],
        "temperature": temperature,
        "test_ece": metrics["test"]["ece"],
        "test_ece_calibrated": evaluation.calibration_error(predictions["test"].at_temperature(temperature)),
        "history": history,
        "wrong": misclassified(predictions["test"].predicted, predictions["test"].labels),
    }
    for part, figures in metrics.items():
        for name in ("accuracy", "loss", "macro_f1"):
            row[f"{part}_{name}"] = figures[name]
    code = training.code_fingerprint(recipe, source.fingerprint)
    return scores.seal(row | facts | {"code": code, "taken": runs.now()})


def begin(folder: Path, key: str, facts: Facts, anew: bool = False) -> Facts:
    """Return what a training in `folder` was begun with: `facts`, or what is noted there of the one with this `key`.

    What another training left there, or one of which nothing is noted, is deleted, and with `anew` that of another
    commit: a finished model is not trained again, and its time is that of the machine that took it.
    """
    note = folder / "origin.json"
    noted = files.read_json(note)
    if isinstance(noted, dict) and noted.get("key") == key and is_done(noted["facts"], facts, anew):
        return noted["facts"]
    shutil.rmtree(folder, ignore_errors=True)
    files.write_json(note, {"key": key, "facts": facts})
    return facts


def is_done(row: Row, facts: Facts, anew: bool) -> bool:
    """Return whether what notes its commit in `row` need not be done again; with `anew` that of another commit must."""
    return not anew or row.get("commit") == facts["commit"]


def misclassified(predicted: np.ndarray, labels: np.ndarray) -> list[list[int]]:
    """Return [[index among the test images, predicted label], ...] of the misclassified ones."""
    return [[int(index), int(predicted[index])] for index in np.flatnonzero(predicted != labels)]


def trained_networks(recipe: str, rows: Sequence[Row]) -> list[torch.nn.Module]:
    """Return the networks behind `rows`, readings of `recipe`; raise BadInput unless all are those of the readings."""
    networks = []
    for row in rows:
        model = checkpoints.load_model(folder_of(recipe, row["seed"]))
        if not model or model.description["key"] != row["key"]:
            raise errors.BadInput(
                f"outputs/accuracy: the models of {recipe} are not those of the readings; read them again"
            )
        networks.append(model.network)
    return networks


def together(recipe: str, rows: Sequence[Row], source: data.Dataset, facts: Facts) -> Row:
    """Return an entry of "ensembles": the models of `rows`, one per seed, answer with the mean of their probabilities.

    `rows`: readings of one code.
    """
    test = data.split(source)["test"]
    networks = trained_networks(recipe, rows)
    probabilities = [evaluation.predict_split(network, test).probabilities for network in networks]
    predicted = np.mean(probabilities, axis=0).argmax(axis=1)
    labels = test.labels.numpy()
    entry = {
        "recipe": recipe,
        "seeds": [row["seed"] for row in rows],
        "keys": [row["key"] for row in rows],
        "test_accuracy": float((predicted == labels).mean()),
        "train_seconds": round(sum(row["train_seconds"] for row in rows), 2),
        "wrong": misclassified(predicted, labels),
    }
    return scores.seal(entry | facts | {"code": rows[0].get("code"), "taken": runs.now()})


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows in the order of the recipes, those of recipes that are no more at the end."""
    order = {name: place for place, name in enumerate(recipes.RECIPES)}
    return sorted(rows, key=lambda row: (order.get(row["recipe"], len(order)), row["recipe"], row["seed"]))


def main() -> None:
    """Read what is asked for and not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=recipes.RECIPES, default=list(NAMES))
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--anew", action="store_true", help="read again what was read from another commit")
    options = parser.parse_args()
    facts = origin.facts()
    measure(options.recipes, options.seeds, scores.load(RESULTS), facts, options.anew)


def measure(
    names: Sequence[str], seeds: Sequence[int] | None, results: Results, facts: Facts, anew: bool = False
) -> Results:
    """Return `results` with a reading for each recipe and seed that today's code has not read; each is kept at once.

    seeds: None is as many as the recipe gets by default. facts: what each new row notes of its origin. anew: read again
    what was read from another commit.
    """
    computing.keep_freed_memory()  # as the notebooks do
    source = data.load("mnist")
    for name in names:
        for seed in seeds or seeds_of(name):
            results = with_reading(name, seed, results, source, facts, anew)
    for name in TOGETHER:
        if name in names:
            results = with_ensemble(name, results, source, facts, anew)
    return results


def seeds_of(name: str) -> range:
    """Return the seeds that a recipe is read with."""
    return SEEDS.get(name, range(5))


def with_reading(
    name: str, seed: int, results: Results, source: data.Dataset, facts: Facts, anew: bool = False
) -> Results:
    """Return `results` with a reading of recipe `name` with `seed` by today's code; one by other code moves aside."""
    recipe = recipes.choose(name)
    old = [row for row in results["rows"] if row["recipe"] == name and row["seed"] == seed]
    key = training.fingerprint(recipe, seed, source, torch.device("cpu"))
    if old and old[-1]["key"] == key and is_done(old[-1], facts, anew):
        return results
    row = read(recipe, seed, source, facts, anew)
    print(f"{name}, seed {seed}: test accuracy {row['test_accuracy']:.2%}, {row['train_seconds']:.0f} s", flush=True)
    others = [other for other in results["rows"] if other not in old]
    earlier = [*results["earlier"], *(in_short(other) for other in old)]
    return keep(results, facts, rows=[*others, row], earlier=earlier)


def with_ensemble(name: str, results: Results, source: data.Dataset, facts: Facts, anew: bool = False) -> Results:
    """Return `results` with the joint answer of the models of recipe `name`, where one code read five seeds or more."""
    rows = [row for row in scores.compare(results).rows.get(name, []) if is_done(row, facts, anew)]
    keys = [row["key"] for row in rows]
    known = [entry["keys"] for entry in results["ensembles"] if is_done(entry, facts, anew)]
    if len(rows) < 5 or keys in known:
        return results
    return keep(results, facts, ensembles=[*results["ensembles"], together(name, rows, source, facts)])


def in_short(row: Row) -> Row:
    """Return what is kept of a reading that another has replaced."""
    names = ("recipe", "seed", "commit", "code", "key", "taken", "parameters", "epochs")
    names += ("test_accuracy", "validation_accuracy", "train_seconds", "test_ece", "test_ece_calibrated")
    names += ("machine", "versions")
    return {name: row[name] for name in names if name in row}


def keep(results: Results, facts: Facts, **changes: list[Row]) -> Results:
    """Write the results file with `changes`, in the order of the recipes, and return its content."""
    results = facts | results | changes  # what the file notes as a whole is of its early readings
    results["rows"] = in_order(results["rows"])
    files.write_json(RESULTS, results)
    return results


if __name__ == "__main__":
    origin.call(main)
