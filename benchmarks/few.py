"""Few images: five per class of scikit-learn's digits, learnt from nothing, and from the weights of a run on MNIST.

    python benchmarks/few.py --run mnist-balanced-10epochs-seed0
    python benchmarks/few.py --run mnist-balanced-10epochs-seed0 --per-class 20 --seeds 0 1 2

The trainings of a seed have the same images, so their differences are paired. A training that starts from a run has
gentler steps than the recipe says (recipes.gently); the third one starts from nothing and has these, too. What is
scored are the digits' test images. The rows go into benchmarks/results/few.json, one a call, and none is ever taken
out.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import origin
import torch

from helpers import data, evaluation, recipes, runs, training
from helpers.checkpoints import TrainedModel
from helpers.data import Dataset
from helpers.recipes import Recipe

RESULTS = Path(__file__).resolve().parent / "results" / "few.json"


def take(source: Dataset, per_class: int, seed: int) -> Dataset:
    """Return a Dataset with `per_class` training images of each class and one to validate, drawn by `seed`."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(source.labels), generator=generator)
    chosen = [source.is_test.nonzero()[:, 0]]
    for label in range(len(source.class_names)):
        of_class = order[(source.labels[order] == label) & ~source.is_test[order]]
        chosen.append(of_class[: per_class + 1])
    index = torch.cat(chosen)
    return replace(
        source,
        images=source.images[index],
        labels=source.labels[index],
        is_test=source.is_test[index],
        validation_size=len(source.class_names),
    )


def accuracy(few: Dataset, recipe: Recipe, seed: int, start: TrainedModel | None) -> float:
    """Return the share of test images that one training reads."""
    network, _ = training.train(few, recipe, seed, start=start)
    test = data.split(few, seed, recipe.validation_size, recipe.fold)["test"]
    return float(evaluation.predict_split(network, test).correct.mean())


def main() -> None:
    """Take a reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="a run on MNIST to start from")
    parser.add_argument("--per-class", type=int, default=5, help="training images of each class (5)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    facts = origin.facts()
    start = training.load_start(options.run)
    assert start is not None
    name = start.description["recipe"]["name"]
    gentle = recipes.choose(name, continues=True)
    source = data.load("digits")
    shares: dict[str, list[float]] = {"from_nothing": [], "from_nothing_gently": [], "from_run": []}
    for seed in options.seeds:
        few = take(source, options.per_class, seed)
        shares["from_nothing"].append(accuracy(few, recipes.choose(name), seed, None))
        shares["from_nothing_gently"].append(accuracy(few, gentle, seed, None))
        shares["from_run"].append(accuracy(few, gentle, seed, start))
        print(f"seed {seed}: {in_words({kind: values[-1] for kind, values in shares.items()})}", flush=True)
    gains = {}
    for kind in ("from_nothing", "from_nothing_gently"):
        gains[f"gain_over_{kind}"] = list(evaluation.mean_interval(np.subtract(shares["from_run"], shares[kind])))
    row = (
        shares
        | gains
        | {
            "a_class": options.per_class,  # so called since the first reading
            "recipe": name,
            "start": {name: start.description[name] for name in ("dataset", "seed", "weights_sha256")},
            "seeds": options.seeds,
            "taken": runs.now(),
        }
    )
    origin.keep(RESULTS, row | facts)
    print(f"means: {in_words({kind: float(np.mean(values)) for kind, values in shares.items()})}")
    for kind, (gain, low, high) in gains.items():
        print(f"{kind.replace('_', ' ')}: {gain:+.1%} ({low:+.1%} to {high:+.1%})")


def in_words(shares: dict[str, float]) -> str:
    """Return the accuracies of trainings in words."""
    return ", ".join(f"{kind.replace('_', ' ')} {share:.1%}" for kind, share in shares.items())


if __name__ == "__main__":
    origin.call(main)
