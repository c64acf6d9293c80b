"""The verdicts of 03_training, computed again from history.csv, validation.npz and the saved model, by other means."""

import csv
import json
from fractions import Fraction
from math import comb

import numpy as np
import torch
from recompute_results import confusions_of
from scipy import stats

from helpers import checkpoints, data, runs

LEVEL = 0.01


def validation_of(run):
    """Return (whether each validation image is correct after each epoch, bool (epochs, n); logits; labels)."""
    with np.load(run / "validation.npz") as arrays:
        return arrays["predicted"] == arrays["labels"][None], arrays["logits"], arrays["labels"]


def sign_test(one, other):
    """Return the two-sided p of as many heads in so many throws of a fair coin: whole numbers, and no approximation."""
    throws = one + other
    tail = sum(comb(throws, heads) for heads in range(min(one, other) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**throws)))


def best_epoch(run, shown):
    correct, _, labels = validation_of(run)
    errors = [int(len(labels) - row.sum()) for row in correct]
    best = errors.index(min(errors))
    facts = {"epochs": len(errors), "best": best + 1, "best_errors": errors[best], "last_errors": errors[-1]}
    assert shown["facts"] == facts
    if len(errors) == 1:
        return None, "There is one epoch"
    only_best = sum(here and not there for here, there in zip(correct[best], correct[-1], strict=True))
    only_last = sum(there and not here for here, there in zip(correct[best], correct[-1], strict=True))
    value = min(1.0, sign_test(only_best, only_last) * (len(errors) - 1))
    if errors[best] == errors[-1]:
        return value, "No earlier epoch had fewer errors"
    return value, "more than picking gives" if value < LEVEL else "may gain as much by chance"


def falling_rate(run, shown):
    correct, _, _ = validation_of(run)
    with (run / "history.csv").open() as table:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(table)]
    highest = rates.index(max(rates))
    gained = sum(there and not here for here, there in zip(correct[highest], correct[-1], strict=True))
    lost = sum(here and not there for here, there in zip(correct[highest], correct[-1], strict=True))
    assert shown["facts"] == {"epochs": len(rates), "highest": highest + 1, "gained": gained, "lost": lost}
    if rates[-1] == max(rates):
        return None, "nothing to compare"
    value = sign_test(gained, lost)
    if value >= LEVEL:
        return value, "not shown to be classified better or worse"
    return value, "classified better" if gained > lost else "classified worse"


def confusions(run, shown):
    _, logits, labels = validation_of(run)
    names = json.loads((run / "model.json").read_text())["class_names"]
    table = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(table, (labels, logits.argmax(axis=1)), 1)
    return confusions_of(table, names, shown)


def overfitting(run, shown):
    correct, _, labels = validation_of(run)
    network, _, about = checkpoints.load_model(run)
    manifest = runs.load_manifest(run)
    wished = manifest.parameters
    form = [wished.get("image_size"), wished.get("colour", "auto"), wished.get("framing", "auto")]
    source = data.load(wished["dataset"], manifest.dataset.data_dir, *form)
    assert source.fingerprint == about["fingerprint"]
    recipe = about["recipe"]
    train = data.split(source, about["seed"], recipe["validation_size"], recipe["fold"])["train"]
    images = shown["facts"]["train_images"]
    assert images == min(5000, len(train.labels))
    drawn = data.stratified(train.labels, images, seed=0)
    with torch.no_grad():
        said = torch.cat([network(some.float()).argmax(1) for some in train.images[drawn].split(64)])
    counts = {
        "train_images": images,
        "train_errors": int((said != train.labels[drawn]).sum()),
        "validation_images": len(labels),
        "validation_errors": int(len(labels) - correct[-1].sum()),
    }
    assert shown["facts"] == counts
    all_errors = counts["train_errors"] + counts["validation_errors"]
    possible = stats.hypergeom(images + len(labels), all_errors, images).pmf(np.arange(all_errors + 1))
    value = min(1.0, possible[possible <= possible[counts["train_errors"]] * (1 + 1e-7)].sum())
    if value >= LEVEL:
        return value, "cannot be told apart"
    better = counts["train_errors"] / images < counts["validation_errors"] / len(labels)
    return value, "holds for the training images only" if better else "classified worse than the validation images"


RECOMPUTE = {
    "best_epoch": best_epoch,
    "falling_rate": falling_rate,
    "confusions": confusions,
    "overfitting": overfitting,
}
