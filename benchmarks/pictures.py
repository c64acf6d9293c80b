"""How well, and how fast, the recipe for pictures learns: made sets, crops of photographs, a plain loader beside it.

    python benchmarks/pictures.py made            four colours, five fine textures: in colour, in grey, at 28 in grey
    python benchmarks/pictures.py made --generator other    the same questions, made in another way
    python benchmarks/pictures.py photographs     crops of ten photographs that scikit-image and scikit-learn carry
    python benchmarks/pictures.py speed           batches and epochs beside torchvision's loader and a plain loop

Every reading is a row of benchmarks/results/pictures.json, and none is ever taken out; "what" says which of the three.
Accuracies are of images that nothing was trained or chosen on, with 95% intervals by Wilson. Sets are made by
made_pictures.py, on which the recipe was chosen, or by other_pictures.py, on which nothing was. Crops are 64x64 as they
are, from the left half of each photograph to learn from, from its right half to test: a class is a photograph. Beside
them stands logistic regression on histograms of the crops' colours. Photographs need the package scikit-image
(pip install scikit-image).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_pictures
import numpy as np
import origin
import other_pictures
import torch
from made_pictures import write
from torch import nn
from torch.nn.functional import cross_entropy

from helpers import data, evaluation, files, forms, models, recipes, runs, training, transforms
from helpers.forms import Form

RESULTS = Path(__file__).resolve().parent / "results" / "pictures.json"
FORMS = ((96, 3), (96, 1), (28, 1))  # size and channels in which made sets are read
CROP = 64  # pixels a side
CROPS = (100, 50)  # of each photograph: to learn from, to test
BINS = 4  # of each colour: a histogram has BINS ** 3 cells
CPU = torch.device("cpu")
GENERATORS = {"made": made_pictures, "other": other_pictures}

Row = dict[str, Any]


def dataset(name: str, images: np.ndarray, labels: list[int], names: tuple[str, ...], is_test: Any = None) -> Any:
    """Return a data.Dataset of `images`, uint8 (n, c, s, s); a fifth tests unless `is_test`, bool (n,), says which."""
    found = torch.tensor(labels)
    if is_test is None:
        is_test = torch.zeros(len(found), dtype=torch.bool)
        is_test[data.stratified(found, len(found) // 5, 0)] = True
    validation_size = max(int((~is_test).sum()) // 12, len(names))
    print_of_images = files.digest([files.digest(images.tobytes()), labels])
    return data.Dataset(
        name,
        name,
        "made by benchmarks/pictures.py",
        names,
        torch.from_numpy(images),
        found,
        is_test,
        validation_size,
        print_of_images,
        "whole",
    )


def made(kind: str, seed: int, per_class: int, size: int, channels: int, by: str = "made") -> data.Dataset:
    """Return the made set `kind` in one form, made by one of GENERATORS."""
    maker = GENERATORS[by]
    names = maker.KINDS[kind][0]
    form = Form(size, "rgb" if channels == 3 else "grey")
    images = []
    labels = []
    for name, picture in maker.pictures(kind, seed, per_class):
        images.append(forms.fit(picture, form)[0])
        labels.append(names.index(name))
    return dataset(kind, np.stack(images), labels, names)


def read(source: data.Dataset, recipe: recipes.Recipe, seed: int) -> Row:
    """Return what one training by `recipe` scores on the test images, and how long it took."""
    started = time.perf_counter()
    network, history = training.train(source, recipe, seed)
    seconds = time.perf_counter() - started
    test = data.split(source, seed, recipe.validation_size, recipe.fold)["test"]
    predictions = evaluation.predict_split(network, test)
    hits = int(predictions.correct.sum())
    channels, size = source.images.shape[1:3]
    return {
        "dataset": source.name,
        "size": size,
        "channels": channels,
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "seed": seed,
        "training_images": int((~source.is_test).sum()),
        "test_images": len(predictions.labels),
        "accuracy": hits / len(predictions.labels),
        "accuracy_ci95": list(evaluation.wilson(hits, len(predictions.labels))),
        "validation_accuracy": history[-1]["validation_accuracy"],
        "seconds": round(seconds, 2),
        "key": training.fingerprint(recipe, seed, source, CPU),
        "code": training.code_fingerprint(recipe, source.fingerprint),
    }


def read_made(options: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each made set, form and seed: the set and the training are drawn by the same seed."""
    for kind in options.kinds:
        for seed in options.seeds:
            for size, channels in FORMS:
                recipe = recipes.choose(recipes.default(size, channels), epochs=options.epochs)
                source = made(kind, seed, options.per_class, size, channels, options.generator)
                yield {"generator": options.generator} | read(source, recipe, seed)


def photographs() -> dict[str, np.ndarray]:
    """Return {name: uint8 (h, w, 3)}: colour photographs that scikit-image and scikit-learn carry in their packages."""
    try:
        from skimage import data as carried
    except ImportError as error:
        raise SystemExit(f"photographs: {error}; pip install scikit-image") from None
    from sklearn.datasets import load_sample_image

    names = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field", "immunohistochemistry")
    found = {name: getattr(carried, name)() for name in names}
    found["motorcycle"] = carried.stereo_motorcycle()[0]
    return found | {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}


def crops(found: dict[str, np.ndarray], per_class: tuple[int, int], seed: int) -> data.Dataset:
    """Return crops of photographs: those to learn from lie in the left halves, those that test in the right ones."""
    generator = np.random.default_rng(seed)
    images = []
    labels = []
    is_test = []
    for label, photograph in enumerate(found.values()):
        middle = photograph.shape[1] // 2
        for tests, half in enumerate((photograph[:, :middle], photograph[:, middle:])):
            for _ in range(per_class[tests]):
                row = generator.integers(half.shape[0] - CROP + 1)
                column = generator.integers(half.shape[1] - CROP + 1)
                images.append(half[row : row + CROP, column : column + CROP].transpose(2, 0, 1))
                labels.append(label)
                is_test.append(bool(tests))
    return dataset("photographs", np.stack(images), labels, tuple(found), torch.tensor(is_test))


def histograms(images: torch.Tensor) -> np.ndarray:
    """Return the share of pixels of each colour, float64 (n, BINS ** 3), of images uint8 (n, 3, h, w)."""
    red, green, blue = (images.flatten(2).numpy().astype(int) * BINS // 256).swapaxes(0, 1)
    cells = (red * BINS + green) * BINS + blue
    return np.stack([np.bincount(row, minlength=BINS**3) / len(row) for row in cells])


def read_histograms(source: data.Dataset) -> Row:
    """Return what logistic regression on colour histograms scores on the same test images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = histograms(source.images)
    labels = source.labels.numpy()
    is_test = source.is_test.numpy()
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    classifier.fit(columns[~is_test], labels[~is_test])
    hits = int((classifier.predict(columns[is_test]) == labels[is_test]).sum())
    total = int(is_test.sum())
    low, high = evaluation.wilson(hits, total)
    return {"histograms_accuracy": hits / total, "histograms_accuracy_ci95": [low, high]}


def read_photographs(options: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each seed, which draws the crops and the training."""
    found = photographs()
    for seed in options.seeds:
        source = crops(found, (options.crops, options.crops // 2), seed)
        recipe = recipes.choose(recipes.default(CROP, 3), epochs=options.epochs)
        yield read(source, recipe, seed) | {"classes": list(found)} | read_histograms(source)


def plain_loader(folder: Path, recipe: recipes.Recipe, size: int, batch_size: int, workers: int) -> Any:
    """Return torchvision's way: a DataLoader that reads a folder and transforms image by image, as `recipe` does."""
    from torchvision import datasets
    from torchvision.transforms import v2

    kept = 1 - recipe.crop
    light = recipe.light_jitter
    steps = [
        v2.RandomResizedCrop(size, scale=(kept**2, 1)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=light, contrast=light, saturation=recipe.colour_jitter),
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),  # what was ToTensor
    ]
    folder_of_images = datasets.ImageFolder(str(folder), v2.Compose(steps))
    return torch.utils.data.DataLoader(
        folder_of_images, batch_size, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )


def plain_epoch(network: nn.Module, loader: Any) -> None:
    """Train an epoch in the plainest way: AdamW, float32, batches as the loader gives them."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    network.train()
    for images, labels in loader:
        optimizer.zero_grad()
        cross_entropy(network(images * 255), labels).backward()
        optimizer.step()


def our_epoch(network: nn.Module, recipe: recipes.Recipe, split: data.Split) -> None:
    """Train an epoch with this project's loop, without scoring validation images."""
    batch_size = training.batch_size_for(recipe, len(split.labels))
    optimizer, schedule = training.make_optimizer(network, recipe, len(split.labels) // batch_size, CPU)
    for batch in transforms.batches(split, batch_size, recipe.augmentation()):
        training.train_step(network, recipe, batch, optimizer, schedule)


def read_folder(folder: Path) -> data.Split:
    """Return all images of a folder of classes, decoded once, as training has them in memory."""
    from torchvision import datasets

    listed = datasets.ImageFolder(str(folder), lambda picture: np.asarray(picture).transpose(2, 0, 1))
    pairs = [listed[place] for place in range(len(listed))]
    return data.Split(
        torch.from_numpy(np.stack([pixels for pixels, _ in pairs])), torch.tensor([label for _, label in pairs])
    )


def interleaved(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return {name: seconds of each round} of `tasks`, taken in turns after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if number:
                taken[name].append(time.perf_counter() - started)
    return taken


def ratio(taken: dict[str, list[float]], slow: str, fast: str) -> list[float]:
    """Return [median, lowest, highest] over the rounds of how many times as long `slow` took as `fast`."""
    ratios = [one / other for one, other in zip(taken[slow], taken[fast], strict=True)]
    return [round(value, 2) for value in (statistics.median(ratios), min(ratios), max(ratios))]


def read_speed(options: argparse.Namespace) -> Iterator[Row]:
    """Yield one row: batches that are read and augmented, and whole epochs, beside a plain loader and loop.

    Our images are decoded once, which is a time of its own ("read once"); the plain loader decodes them every epoch.
    Both mirror, crop and jitter, whatever the recipe has off.
    """
    recipe = replace(recipes.RECIPES["pictures"], flip=True, crop=0.3, light_jitter=0.2, colour_jitter=0.2)
    size = made_pictures.SIDE
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "colours", 0, options.per_class)
        split = read_folder(Path(folder))
        count = len(split.labels)
        batch_size = training.batch_size_for(recipe, count)
        loader = plain_loader(Path(folder), recipe, size, batch_size, options.workers)
        classes = len(made_pictures.HUES)
        ours = models.build(recipe.network, classes, channels=3, size=size).to(memory_format=torch.channels_last)
        plain = models.build(recipe.network, classes, channels=3, size=size)
        augmentation = recipe.augmentation()
        tasks = {
            "plain batches": lambda: sum(1 for _ in loader),
            "our batches": lambda: sum(1 for _ in transforms.batches(split, batch_size, augmentation)),
            "read once": lambda: read_folder(Path(folder)),
            "plain epoch": lambda: plain_epoch(plain, loader),
            "our epoch": lambda: our_epoch(ours, recipe, split),
        }
        taken = interleaved(tasks, options.rounds)
    yield {
        "size": size,
        "images": count,
        "batch_size": batch_size,
        "workers": options.workers,
        "threads": torch.get_num_threads(),
        "seconds": {name: [round(value, 4) for value in values] for name, values in taken.items()},
        "batches_ratio": ratio(taken, "plain batches", "our batches"),
        "epoch_ratio": ratio(taken, "plain epoch", "our epoch"),
        "images_a_second": round(count / statistics.median(taken["our epoch"]), 1),
        "plain_images_a_second": round(count / statistics.median(taken["plain epoch"]), 1),
    }


def line_of(row: Row) -> str:
    """Return a row in words."""
    if row["what"] == "speed":
        batches, epoch = row["batches_ratio"], row["epoch_ratio"]
        return (
            f"batches {batches[0]} times as fast as torchvision's loader ({batches[1]} to {batches[2]}), "
            f"epochs {epoch[0]} times ({epoch[1]} to {epoch[2]}): {row['images_a_second']} images a second "
            f"for {row['plain_images_a_second']}, {row['threads']} threads, {row['workers']} workers"
        )
    low, high = row["accuracy_ci95"]
    colour = "colour" if row["channels"] == 3 else "grey"
    text = f"{row['dataset']}, {row['size']} pixels, {colour}, {row['recipe']}, seed {row['seed']}: "
    text += f"{row['accuracy']:.1%} of {row['test_images']} ({low:.1%} to {high:.1%}), {row['seconds']} s"
    if "histograms_accuracy" in row:
        low, high = row["histograms_accuracy_ci95"]
        text += f"; by histograms of colours {row['histograms_accuracy']:.1%} ({low:.1%} to {high:.1%})"
    return text


READINGS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "made": read_made,
    "photographs": read_photographs,
    "speed": read_speed,
}


def main() -> None:
    """Take the readings of one kind and keep each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(READINGS))
    parser.add_argument("--kinds", nargs="+", choices=tuple(made_pictures.KINDS), default=list(made_pictures.KINDS))
    parser.add_argument("--generator", choices=tuple(GENERATORS), default="made", help="which pictures are made")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="draw the images and the training")
    parser.add_argument("--per-class", type=int, default=made_pictures.PER_CLASS, help="made pictures of each class")
    parser.add_argument("--crops", type=int, default=CROPS[0], help="of each photograph to learn from; half test")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5, help="of timing, in turns")
    parser.add_argument("--workers", type=int, default=0, help="processes of the plain loader; it begins with none")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    facts = origin.facts()
    training.choose_device("cpu", options.threads)
    for row in READINGS[options.what](options):
        whole = {"what": options.what} | row | {"taken": runs.now()} | facts
        origin.keep(RESULTS, whole)
        print(line_of(whole), flush=True)


if __name__ == "__main__":
    origin.call(main)
