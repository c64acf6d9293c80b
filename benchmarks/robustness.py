"""Train recipes and read how they hold up: in bad light on validation images, and by MNIST-C on test images.

    python benchmarks/robustness.py --against-plain                in the ten ways of bad_light.py, on validation images
    python benchmarks/robustness.py --split test                   MNIST-C and clean test images: the final reading
    python benchmarks/robustness.py --split test --data mnist_c    the published images of MNIST-C, not made ones
    python benchmarks/robustness.py --without light                trained without one operation of its roughening

The final reading is of all recipes, and trains nothing twice: it takes the models that accuracy.py has kept, where
these are those of its readings. It resumes where it stopped.

Each reading is one row of benchmarks/results/robustness.json, and none is ever taken out. Accuracies are shares from 0
to 1. "corruptions" has one for each; "mean" is over all of them, "mean_without_affine" leaves shear, scale, rotate and
translate out, which moderate augmentation covers, "mean_without_relatives" those that an operation of the recipe's
roughening is akin to: "relatives" says which. "plain" is the same recipe with nothing roughened and pixels
normalised by those of all training images, trained in turn with it (first where the seed is odd); "ratio" is that of
their times.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import accuracy
import bad_light
import mnist_c
import origin
import torch

from helpers import checkpoints, data, evaluation, files, recipes, runs, scores, training

RESULTS = Path(__file__).resolve().parent / "results" / "robustness.json"
SEEDS = {"balanced": range(5), "fast": range(3)}

# Corruptions, and the operation of transforms.ROUGHENING that is akin to each: of the same kind, in another form. The
# rule is that of AugMix (Hendrycks et al. 2020), which leaves out whatever blurs, adds noise, covers or changes light.
RELATIVES = {
    "shot_noise": "noise",
    "impulse_noise": "noise",
    "glass_blur": "filter",
    "motion_blur": "filter",
    "fog": "light",
    "brightness": "light",
    "spatter": "erasing",
    "dotted_line": "pieces",
    "zigzag": "pieces",
    "ramp": "light",
    "vignette": "light",
    "shadow": "light",
    "haze": "light",
    "specks": "noise",
    "low_resolution": "filter",
    "pencil": "strokes",
    "bleed": "pieces",
}

Splits = dict[str, data.Split]


def plain(recipe: recipes.Recipe) -> recipes.Recipe:
    """Return the recipe as it was before: nothing roughened, pixels normalised by those of all training images."""
    return replace(recipe, rough_share=0.0, roughening=(), normalise_each=False)


def mnist_c_of(source: data.Dataset, folder: Path | None) -> Splits:
    """Return {corruption: data.Split} of MNIST-C: the published images in `folder`, or test images corrupted here."""
    test = data.split(source)["test"]
    found = {}
    for name in mnist_c.CORRUPTIONS:
        if folder:
            images, labels = mnist_c.load(folder, name)
            found[name] = data.Split(torch.from_numpy(images)[:, None], torch.from_numpy(labels))
        else:
            images = mnist_c.corrupt(test.images[:, 0].numpy(), name)
            found[name] = data.Split(torch.from_numpy(images)[:, None], test.labels)
    return found


def share_read(network: torch.nn.Module, split: data.Split) -> float:
    """Return the share of a split's images that a network reads."""
    return float(evaluation.predict_split(network, split).correct.mean())


def kept(source: data.Dataset, recipe: recipes.Recipe, seed: int) -> tuple[torch.nn.Module, dict[str, Any]] | None:
    """Return the model behind today's reading of accuracy.json, and what that says of it; None where it is not kept."""
    code = training.code_fingerprint(recipe, source.fingerprint)
    rows = scores.load(accuracy.RESULTS)["rows"]
    taken = [row for row in rows if (row["recipe"], row["seed"], row.get("code")) == (recipe.name, seed, code)]
    model = checkpoints.load_model(accuracy.folder_of(recipe.name, seed)) if taken else None
    if model is None or model.description["key"] != taken[-1]["key"]:
        return None
    return model.network, {name: taken[-1][name] for name in ("key", "validation_accuracy", "train_seconds")}


def train(source: data.Dataset, recipe: recipes.Recipe, seed: int) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Return a model that was trained here, and what is noted of it."""
    network, history = training.train(source, recipe, seed)
    return network, {
        "key": training.fingerprint(recipe, seed, source, torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "validation_accuracy": history[-1]["validation_accuracy"],
        "train_seconds": round(sum(epoch["seconds"] for epoch in history), 2),
    }


def read(
    source: data.Dataset, recipe: recipes.Recipe, seed: int, corrupted: Splits | None, against_plain: bool
) -> dict[str, Any]:
    """Return what came of one model: accuracies and its seconds; test images only where they come `corrupted`.

    With test images the model is the one that accuracy.py has kept, where there is one; not `against_plain`, where the
    seconds of both are compared.
    """
    known = kept(source, recipe, seed) if corrupted is not None and not against_plain else None
    network, found = known or train(source, recipe, seed)
    splits = data.split(source, seed, recipe.validation_size, recipe.fold)
    if corrupted is None:
        return found | {"corruptions": bad_light.accuracies(network, splits["validation"])}
    by_corruption = {name: share_read(network, split) for name, split in corrupted.items()}
    return found | {"test_accuracy": share_read(network, splits["test"]), "corruptions": by_corruption}


def means(by_corruption: dict[str, float], relatives: Sequence[str]) -> dict[str, float]:
    """Return the means over all corruptions, without the affine ones, and without the `relatives`."""
    left_out: dict[str, Sequence[str]] = {
        "mean": (),
        "mean_without_affine": mnist_c.AFFINE,
        "mean_without_relatives": relatives,
    }
    return {
        name: round(fmean(share for corruption, share in by_corruption.items() if corruption not in out), 6)
        for name, out in left_out.items()
    }


def reading(
    source: data.Dataset, recipe: recipes.Recipe, seed: int, corrupted: Splits | None, against_plain: bool
) -> dict[str, Any]:
    """Return one row of the results file, without its origin: `recipe`, and its plain form where that is asked for."""
    trained = [recipe, plain(recipe)] if against_plain else [recipe]
    order = trained[::-1] if seed % 2 else trained
    found = {each: read(source, each, seed, corrupted, against_plain) for each in order}
    relatives = {name: operation for name, operation in RELATIVES.items() if operation in recipe.roughening}
    for each in found.values():
        each |= means(each["corruptions"], list(relatives))
    row = {
        "recipe": recipe.name,
        "seed": seed,
        "roughening": recipe.roughening,
        "relatives": {name: relatives[name] for name in found[recipe]["corruptions"] if name in relatives},
    }
    row |= found[recipe]
    if against_plain:
        row["plain"] = found[plain(recipe)]
        row["ratio"] = round(row["train_seconds"] / row["plain"]["train_seconds"], 3)
    return row | {"code": training.code_fingerprint(recipe, source.fingerprint)}


def is_there(about: dict[str, Any], recipe: str, seed: int, commit: str) -> bool:
    """Return whether the file has a row that says `about`, of this recipe and seed, read from this commit."""
    wanted = about | {"recipe": recipe, "seed": seed, "commit": commit}
    return any(wanted.items() <= row.items() for row in origin.read_results(RESULTS, {"rows": []})["rows"])


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a reading in words, the worst corruption first."""
    clean = row.get("test_accuracy", row["validation_accuracy"])
    time = f", {row['ratio']:.2f} times the plain recipe's time" if "ratio" in row else ""
    yield f"{row['recipe']}, seed {row['seed']}: {clean:.2%} clean, {row['mean']:.2%} corrupted{time}"
    without = [f"{row[f'mean_without_{what}']:.2%} without {what}" for what in ("affine", "relatives")]
    yield f"  {', '.join(without)}"
    if "plain" in row:
        old = row["plain"]
        yield f"  plain: {old.get('test_accuracy', old['validation_accuracy']):.2%} clean, {old['mean']:.2%} corrupted"
    for name, share in sorted(row["corruptions"].items(), key=lambda item: item[1]):
        yield f"  {share:7.2%} {name}"


def main() -> None:
    """Train and read what is asked for; every reading is kept at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=recipes.RECIPES)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--data", type=Path, help="the folder of the published MNIST-C; its images are made without it")
    parser.add_argument("--without", nargs="+", default=[], help="operations to leave out of the roughening")
    parser.add_argument("--against-plain", action="store_true", help="train the recipe as it was, too, in turn")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.without and options.split == "test":
        parser.error("--without is for validation: test images are read once, by the recipe as it is")
    facts = origin.facts()
    training.choose_device("cpu", options.threads)
    source = data.load("mnist")
    about: dict[str, Any] = {"split": options.split, "spoilt_code": files.code_digest(Path(bad_light.__file__))}
    corrupted = None
    if options.split == "test":
        corrupted = mnist_c_of(source, options.data)
        about["spoilt_code"] = files.code_digest(Path(mnist_c.__file__))
        about["images"] = "published" if options.data else mnist_c.MADE_HERE
    is_final = options.split == "test" and not options.against_plain
    for name in options.recipes or (accuracy.NAMES if is_final else SEEDS):
        recipe = recipes.choose(name)
        recipe = replace(recipe, roughening=tuple(part for part in recipe.roughening if part not in options.without))
        for seed in options.seeds or (accuracy.seeds_of(name) if is_final else SEEDS.get(name, range(3))):
            if is_final and is_there(about, name, seed, facts["commit"]):
                continue
            row = reading(source, recipe, seed, corrupted, options.against_plain)
            origin.keep(RESULTS, about | row | {"taken": runs.now()} | facts)
            print("\n".join(lines(row)), flush=True)


if __name__ == "__main__":
    origin.call(main)
