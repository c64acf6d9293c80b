"""What 00_walkthrough says, computed again from walkthrough.json and the labels of the dataset."""

import json
import math
from pathlib import Path

import numpy as np

from helpers import data, verdicts


def load(run):
    """Return (walkthrough.json of a run, {"train" | "validation": labels}, names of the classes)."""
    manifest = json.loads((run / "run.json").read_text())
    asked = manifest["parameters"]
    form = (asked.get("image_size"), asked.get("colour", "auto"), asked.get("framing", "auto"))
    source = data.load(asked["dataset"], manifest["dataset"]["data_dir"], *form)
    splits = data.split(source, asked.get("seed", 0), asked.get("validation_size"), asked.get("fold"))
    said = json.loads((Path(run) / "walkthrough.json").read_text())
    labels = {"train": splits["train"].labels.numpy()[said["train_places"]]}
    return said, labels | {"validation": splits["validation"].labels.numpy()}, list(source.class_names)


def fisher(one_wrong, one, other_wrong, other):
    """Return the two-sided p-value of Fisher's exact test: all tables that are no more probable than this one."""
    wrong = one_wrong + other_wrong
    possible = range(max(0, wrong - other), min(wrong, one) + 1)
    ways = {count: math.comb(one, count) * math.comb(other, wrong - count) for count in possible}
    limit = ways[one_wrong] * (10**7 + 1) // 10**7
    return sum(number for number in ways.values() if number <= limit) / sum(ways.values())


def overfitting(run, shown):
    said, labels, _ = load(run)
    wrong = {
        "train": int((np.array(said["train_predicted"]) != labels["train"]).sum()),
        "validation": int((np.array(said["validation_predicted"]["network"]) != labels["validation"]).sum()),
    }
    images = {part: len(some) for part, some in labels.items()}
    assert shown["facts"] == {
        **{f"{part}_images": count for part, count in images.items()},
        **{f"{part}_errors": count for part, count in wrong.items()},
    }
    p_value = fisher(wrong["train"], images["train"], wrong["validation"], images["validation"])
    if p_value >= verdicts.LEVEL:
        return p_value, "cannot be told apart"
    fewer = wrong["train"] / images["train"] < wrong["validation"] / images["validation"]
    return p_value, "holds for the training images only" if fewer else "classified worse"


def sign_test(ahead, behind):
    """Return the two-sided p-value of so many heads and tails of a fair coin."""
    tail = sum(math.comb(ahead + behind, count) for count in range(min(ahead, behind) + 1))
    return min(1.0, 2 * tail / 2 ** (ahead + behind))


def against_baselines(run, shown):
    said, labels, _ = load(run)
    correct = {name: np.array(some) == labels["validation"] for name, some in said["validation_predicted"].items()}
    network = correct.pop("network")
    counts = {name: [int((network > one).sum()), int((network < one).sum())] for name, one in correct.items()}
    assert shown["facts"]["only_one"] == counts and shown["facts"]["images"] == len(network)
    p_values = {name: sign_test(*count) for name, count in counts.items()}
    told, left = set(), len(p_values)
    for name in sorted(p_values, key=p_values.get):  # Holm: the smallest against the strictest level, till one fails
        if p_values[name] * left >= verdicts.LEVEL:
            break
        told.add(name)
        left -= 1
    beaten = [name for name in told if counts[name][0] > counts[name][1]]
    better = [name for name in counts if name in told and name not in beaten]
    alike = [name for name in counts if name not in told]
    if better:
        return len(beaten), f"More accurate than the network by more than sampling error: {verdicts.listed(better)} ("
    if alike:
        return len(beaten), f"Not told apart from the network: {verdicts.listed(alike)};"
    return len(beaten), "more accurate than every baseline"


def recall_by_class(run, shown):
    said, labels, names = load(run)
    wrong = np.array(said["validation_predicted"]["network"]) != labels["validation"]
    images = [int((labels["validation"] == label).sum()) for label in range(len(names))]
    errors = [int(wrong[labels["validation"] == label].sum()) for label in range(len(names))]
    hits = [count - misses for count, misses in zip(images, errors, strict=True)]
    assert shown["facts"]["images"] == images and shown["facts"]["hits"] == hits
    rest = [(sum(errors) - misses, sum(images) - count) for count, misses in zip(images, errors, strict=True)]
    p_values = [
        fisher(misses, count, *rest[label]) for label, (count, misses) in enumerate(zip(images, errors, strict=True))
    ]
    smallest = min(1.0, len(names) * min(p_values))
    if smallest >= verdicts.LEVEL:
        return smallest, "No class's recall differs detectably"
    shares = [count / max(total, 1) for count, total in zip(hits, images, strict=True)]
    return smallest, names[min(range(len(names)), key=lambda label: (p_values[label], shares[label]))]


RECOMPUTE = {
    "overfitting": overfitting,
    "against_baselines": against_baselines,
    "recall_by_class": recall_by_class,
}
