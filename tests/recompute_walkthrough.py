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
        return p_value, "Training and validation are not told apart"
    fewer = wrong["train"] / images["train"] < wrong["validation"] / images["validation"]
    return p_value, "holds for the training images only" if fewer else "classified worse"


def against_baselines(run, shown):
    said, labels, _ = load(run)
    correct = {name: np.array(some) == labels["validation"] for name, some in said["validation_predicted"].items()}
    network = correct.pop("network")
    totals = {name: int(some.sum()) for name, some in correct.items()}
    best = next(name for name, total in totals.items() if total == max(totals.values()))
    ahead, behind = int((network > correct[best]).sum()), int((network < correct[best]).sum())
    facts = {"baseline": best, "images": len(network), "only_network": ahead, "only_baseline": behind}
    assert shown["facts"] == facts
    told = ahead + behind
    tail = sum(math.comb(told, count) for count in range(min(ahead, behind) + 1))
    p_value = min(1.0, 2 * tail / 2**told)
    if p_value >= verdicts.LEVEL:
        return p_value, f"the best baseline, {best}, differ by no more than sampling error"
    return p_value, f"is {'more' if ahead > behind else 'less'} accurate than the best baseline, {best}"


def weakest_classes(run, shown):
    said, labels, names = load(run)
    wrong = np.array(said["validation_predicted"]["network"]) != labels["validation"]
    images = [int((labels["validation"] == label).sum()) for label in range(len(names))]
    errors = [int(wrong[labels["validation"] == label].sum()) for label in range(len(names))]
    p_values = {}
    for label, (count, misses) in enumerate(zip(images, errors, strict=True)):
        if 0 < count < sum(images):
            p_values[label] = fisher(misses, count, sum(errors) - misses, sum(images) - count)
    below, left = set(), len(p_values)
    for label in sorted(p_values, key=p_values.get):  # Holm: the smallest against the strictest level, till one fails
        if p_values[label] * left >= verdicts.LEVEL:
            break
        below.add(label)
        left -= 1
    found = [names[label] for label in sorted(below) if errors[label] / images[label] > wrong.mean()]
    assert shown["facts"] == {"names": names, "images": images, "errors": errors, "found": found}
    return len(found), ", ".join(found) if found else "No class is misclassified more often"


RECOMPUTE = {
    "overfitting": overfitting,
    "against_baselines": against_baselines,
    "weakest_classes": weakest_classes,
}
