"""See whether wrong labels and leaked test images are found that were put into MNIST on purpose.

    python benchmarks/soundness.py                  a hundredth of the training labels made wrong by seeds 0, 1, 2
    python benchmarks/soundness.py --seeds 7
    python benchmarks/soundness.py --mosaic FILE.png    a picture of the other suspects, to look at

A label that is wrong is any of the nine others, with equal chance. What is suspected is counted in two shares: of the
labels that were made wrong, and of all others, among which some of MNIST's own may truly be wrong. Then a hundred test
images are put among the training images as they are, and a hundred others as JPEG files: how many of them are named as
leaks, and how many that are none. Nothing else is done with test images. Rules and thresholds of helpers/soundness.py
were chosen on training images, with the labels that seeds 100 and 101 make wrong. Each reading is one row of
benchmarks/results/soundness.json, and none is ever taken out.
"""

import argparse
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch
from PIL import Image
from torch import Tensor

from helpers import data, evaluation, files, plots, runs, soundness

RESULTS = Path(__file__).resolve().parent / "results" / "soundness.json"
SHARE = 0.01  # of the training labels that are made wrong
COPIES = 100  # test images that are put among the training images, of either kind


def make_wrong(labels: Tensor, classes: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """Return (labels, of which SHARE are another class, drawn by `seed`; which those are, bool (n,))."""
    generator = np.random.default_rng(seed)
    count = round(SHARE * len(labels))
    wrong = np.zeros(len(labels), dtype=bool)
    wrong[generator.choice(len(labels), count, replace=False)] = True
    others = torch.from_numpy(generator.integers(1, classes, count))
    given = labels.clone()
    given[wrong] = (given[wrong] + others) % classes
    return given, wrong


def find_wrong(images: Tensor, labels: Tensor, classes: int, seed: int) -> tuple[dict[str, Any], soundness.Suspects]:
    """Return what came of looking for labels that were made wrong, and all that are suspected; see `make_wrong`."""
    given, wrong = make_wrong(labels, classes, seed)
    started = time.perf_counter()
    predictions = soundness.predict_out_of_fold(images, given, classes, seed)
    suspects = soundness.suspect_labels(predictions)
    seconds = time.perf_counter() - started
    hits = wrong[suspects.indices]
    found = int(hits.sum())
    others = len(hits) - found
    corrected = suspects.suggested[hits] == labels.numpy()[suspects.indices[hits]]
    row = {
        "images": len(labels),
        "wrong": int(wrong.sum()),
        "found": found,
        "found_share": found / int(wrong.sum()),
        "found_ci95": evaluation.wilson(found, int(wrong.sum())),
        "right_class_suggested": int(corrected.sum()),
        "others_suspected": others,
        "others_share": others / int((~wrong).sum()),
        "out_of_fold_accuracy": float((predictions.predicted == labels.numpy()).mean()),
        "seconds": round(seconds, 1),
    }
    not_made = soundness.Suspects(*(part[~hits] for part in suspects))
    return row, not_made


def find_copied(images: Tensor, tests: Tensor, seed: int) -> dict[str, Any]:
    """Return what came of looking for `tests`, uint8 (m, 1, h, w), some of them put among the training `images`."""
    order = np.random.default_rng(seed).permutation(len(tests))
    exact = order[:COPIES]
    changed = order[COPIES : 2 * COPIES]
    put = torch.cat([tests[exact], torch.stack([as_jpeg(image) for image in tests[changed]])])
    together = torch.cat([images, put, tests])
    started = time.perf_counter()
    copies = soundness.find_copies(together)
    seconds = time.perf_counter() - started
    is_test = torch.arange(len(together)) >= len(images) + len(put)
    leaks = soundness.find_leaks(copies, is_test)
    return {
        "searched": len(together),
        "copied": COPIES,
        "copied_found": int(np.isin(exact, leaks).sum()),
        "copied_as_jpeg": COPIES,
        "copied_as_jpeg_found": int(np.isin(changed, leaks).sum()),
        "others_called_leaks": int((~np.isin(leaks, order[: 2 * COPIES])).sum()),
        "seconds": round(seconds, 1),
    }


def as_jpeg(image: Tensor) -> Tensor:
    """Return an image, uint8 (1, h, w), as it is after it was a JPEG file of quality 75."""
    file = io.BytesIO()
    Image.fromarray(image[0].numpy()).save(file, "JPEG", quality=75)
    return torch.from_numpy(np.array(Image.open(file)))[None]


def draw(images: Tensor, labels: Tensor, suspects: soundness.Suspects, path: Path) -> None:
    """Write a picture of the first hundred suspects: above each its label, and what it looks like."""
    plots.use_style()
    first = suspects.indices[:100]
    pairs = zip(labels[first].tolist(), suspects.suggested[:100].tolist(), strict=True)
    figure = plots.images(images[first].numpy(), [f"{given}: {looks}?" for given, looks in pairs], columns=10)
    figure.savefig(path, dpi=110, facecolor="white")


def main() -> None:
    """Take one reading per seed and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--mosaic", type=Path, help="where to write a picture of suspects that nobody made wrong")
    options = parser.parse_args()
    facts = origin.facts()
    source = data.load("mnist")
    images = source.images[~source.is_test]
    labels = source.labels[~source.is_test]
    classes = len(source.class_names)
    code = files.code_digest(Path(soundness.__file__))
    for seed in options.seeds:
        of_labels, suspects = find_wrong(images, labels, classes, seed)
        of_copies = find_copied(images, source.images[source.is_test], seed)
        row = {"seed": seed, "soundness_code": code, "taken": runs.now(), "labels": of_labels, "copies": of_copies}
        origin.keep(RESULTS, row | facts)
        print(in_words(row))
        if options.mosaic and seed == options.seeds[0]:
            draw(images, labels, suspects, options.mosaic)


def in_words(row: dict[str, Any]) -> str:
    """Return a reading in words."""
    labels = row["labels"]
    copies = row["copies"]
    of_labels = (
        f"{labels['found']} of {labels['wrong']} wrong labels suspected ({labels['found_share']:.1%}), and "
        f"{labels['others_suspected']} others ({1000 * labels['others_share']:.2f} in 1,000), {labels['seconds']} s"
    )
    of_copies = (
        f"{copies['copied_found']} of {copies['copied']} test images named that were put among the training images, "
        f"{copies['copied_as_jpeg_found']} of {copies['copied_as_jpeg']} as JPEG files, and "
        f"{copies['others_called_leaks']} others, {copies['seconds']} s"
    )
    return f"seed {row['seed']}: {of_labels}; {of_copies}"


if __name__ == "__main__":
    origin.call(main)
