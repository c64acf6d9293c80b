"""Read simulated photographs of MNIST's digits, and keep what came of it, kind by kind.

    python benchmarks/photographs.py --run NAME                 2,000 of validation digits that the run never trained on
    python benchmarks/photographs.py --run NAME --split test    of test digits: the final reading, kept like every other
    python benchmarks/photographs.py --reader tesseract --images 200    the first 200 of the same, read by somebody else

helpers/photographs.py makes them, helpers/framing.py frames them. Nothing is chosen by photographs of test digits. Each
reading is one row of benchmarks/results/photographs.json, and none is ever taken out: the split, the seed that the
photographs were drawn by, the run's training key, `accuracy` with its 95% interval, `kinds` {kind: {"images", "right",
"not found"}}, photographs a second, and where the reading comes from. "Right" is out of all, those in which no digit
was found among them.

Others are held against it where they are installed: `tesseract`, the program of that name, told to look for one
character among the ten digits; `rapidocr`, the package of that name, as it comes (in Python: pip install rapidocr
onnxruntime). Neither was made for single digits; a digit anywhere in what they read counts, if it is the only one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import logging
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch
from PIL import Image

from helpers import checkpoints, data, evaluation, files, framing, photographs, reading, runs

RESULTS = Path(__file__).resolve().parent / "results" / "photographs.json"


Read = Callable[[np.ndarray], str | None]  # a photograph, uint8 (h, w, 3) -> the digit, None where none is found


def read_all(read: Read, split: data.Split, images: int, seed: int) -> dict[str, Any]:
    """Return what came of photographs of the first `images` of a split, in an order drawn by `seed`."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(split.labels))[:images]
    digits = split.images[order].numpy()
    labels = [str(label) for label in split.labels[order].tolist()]
    kinds: dict[str, dict[str, int]] = {}
    spent = 0.0
    for (kind, photograph), label in zip(photographs.photographs(digits, generator), labels, strict=True):
        started = time.perf_counter()
        answer = read(photograph.pixels)
        spent += time.perf_counter() - started
        counts = kinds.setdefault(kind, {"images": 0, "right": 0, "not found": 0})
        counts["images"] += 1
        counts["right"] += answer == label
        counts["not found"] += answer is None
    right = sum(counts["right"] for counts in kinds.values())
    low, high = evaluation.wilson(right, len(labels))
    return {
        "images": len(labels),
        "accuracy": right / len(labels),
        "accuracy_ci95": [low, high],
        "kinds": kinds,
        "photographs_a_second": round(len(labels) / spent, 1),
    }


def by_run(name: str | None) -> tuple[Read, dict[str, Any]]:
    """Return how the trained run `name` reads, None the one that was trained last, and what is to be noted of it."""
    reader = reading.load(name)
    found = checkpoints.load_model(runs.run_folder(reader.run))
    assert found is not None  # the reader has just loaded it
    model = found.description
    about = {
        "recipe": model["recipe"]["name"],
        "training_seed": model["seed"],
        "validation_size": model["recipe"]["validation_size"],
        "fold": model["recipe"].get("fold"),
        "key": model["key"],
        "framing": framing.VERSION,
        "framing_code": files.code_digest(Path(framing.__file__)),
    }
    return lambda pixels: reader.read(pixels).label, about


def by_tesseract(_: str | None) -> tuple[Read, dict[str, Any]]:
    """Return how the program tesseract reads, and its version."""
    program = shutil.which("tesseract")
    if program is None:
        raise SystemExit("tesseract: no such program; leave --reader out, or install it")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    command = [program, "-", "-", "--psm", "10", "-c", "tessedit_char_whitelist=0123456789"]

    def read(pixels: np.ndarray) -> str | None:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        said = subprocess.run(command, input=file.getvalue(), capture_output=True, check=False)
        return only_digit(said.stdout.decode("utf-8", "replace"))

    return read, {"version": version}


def by_rapidocr(_: str | None) -> tuple[Read, dict[str, Any]]:
    """Return how the package rapidocr reads, and its version."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise SystemExit(f"rapidocr: {error}; leave --reader out, or install it") from None
    engine = RapidOCR()
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read(pixels: np.ndarray) -> str | None:
        found = engine(pixels[:, :, ::-1])  # it takes blue first
        return only_digit(" ".join(found.txts or ()))

    return read, {"version": importlib.metadata.version("rapidocr")}


READERS = {"run": by_run, "tesseract": by_tesseract, "rapidocr": by_rapidocr}


def only_digit(text: str) -> str | None:
    """Return the one digit that is in a text; None where there is none, or more than one."""
    digits = re.findall(r"[0-9]", text)
    return digits[0] if len(digits) == 1 else None


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a reading in words, a line a kind, the worst first."""
    low, high = row["accuracy_ci95"]
    yield f"{row['accuracy']:.2%} of {row['images']:,} ({low:.2%} to {high:.2%}), {row['split']} digits"
    kinds = row["kinds"]
    for kind in sorted(kinds, key=lambda kind: kinds[kind]["right"] / kinds[kind]["images"]):
        counts = kinds[kind]
        share = counts["right"] / counts["images"]
        yield f"  {kind:<10} {share:7.2%} of {counts['images']}, no digit found on {counts['not found']}"


def main() -> None:
    """Take one reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="the trained run that reads (the one that was trained last)")
    parser.add_argument("--reader", choices=tuple(READERS), default="run")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="draws digits and photographs")
    options = parser.parse_args()
    facts = origin.facts()
    torch.set_num_threads(1)
    read, about = READERS[options.reader](options.run)
    drawn = (about.get("training_seed", 0), about.get("validation_size"), about.get("fold"))
    splits = data.split(data.load("mnist"), *drawn)
    row = {
        "reader": options.reader,
        "split": options.split,
        "seed": options.seed,
        **about,
        "photographs_code": files.code_digest(Path(photographs.__file__)),
        "taken": runs.now(),
    }
    row |= read_all(read, splits[options.split], options.images, options.seed)
    origin.keep(RESULTS, row | facts)
    print("\n".join(lines(row)))


if __name__ == "__main__":
    origin.call(main)
