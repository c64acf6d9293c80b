"""Ask a trained run what it is sure of: digits, letters, strokes by mouse, empty paper, crops of pictures.

    python benchmarks/certainty.py --run NAME [--fonts FOLDER]

Photographs are of validation digits that the run never trained on, drawn by another seed than those that its
threshold was fitted on. Letters are printed in ten fonts of Debian (FONTS; `--some-fonts` leaves out those that are
missing), on clean paper, and drawn as with a mouse from strokes (STROKES), bent anew each time. Left out are letters
that are a digit's shape in print (LIKE_DIGITS). None of these fonts and strokes was looked at while the way to tell was
chosen; DejaVu, STIX and Computer Modern were. Nothing here may change it.

Each reading is one row of benchmarks/results/certainty.json, and none is ever taken out: `photographs` {"made",
"found", "right", "sure", "right_of_sure", "possible" (how often the true label was), "labels" (how many were possible,
all together)}, `letters` {font: {"shown", "sure"}}, and the same of `strokes`, `papers` by kind and `crops` by picture;
where the reading comes from.
"""

import argparse
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import origin
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from helpers import certainty, checkpoints, data, framing, photographs, reading, runs
from helpers.errors import BadInput

RESULTS = Path(__file__).resolve().parent / "results" / "certainty.json"
FONTS = {  # the package of Debian that brings each
    "Lato-Regular.ttf": "fonts-lato",
    "Roboto-Regular.ttf": "fonts-roboto-unhinted",
    "OpenSans-Regular.ttf": "fonts-open-sans",
    "Carlito-Regular.ttf": "fonts-crosextra-carlito",
    "LiberationSerif-Regular.ttf": "fonts-liberation",
    "LiberationMono-Regular.ttf": "fonts-liberation",
    "FreeSerif.ttf": "fonts-freefont-ttf",
    "Inconsolata.otf": "fonts-inconsolata",
    "ComicNeue-Regular.otf": "fonts-comic-neue",
    "Humor-Sans.ttf": "fonts-humor-sans",
}
LIKE_DIGITS = "OoQD IliJj| Zz Ss Bb G gq"  # 0, 1, 2, 5, 8 and 6, 6, 9
LETTERS = [letter for letter in string.ascii_letters if letter not in LIKE_DIGITS]
STROKES = {  # the strokes of letters, from point to point, across and down in a square of 1
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.2, 0.6), (0.8, 0.6)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.8, 0.5)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(1, 0), (0, 0.55), (1, 1)]],
    "M": [[(0, 1), (0.1, 0), (0.5, 0.7), (0.9, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "R": [[(0, 1), (0, 0), (0.8, 0.05), (0.9, 0.3), (0.7, 0.5), (0, 0.5), (1, 1)]],
    "W": [[(0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
}
SCRIBBLES = "scribble"  # smooth random strokes, of no letter
TIMES = 10  # each letter of STROKES is drawn, and as many scribbles as half of all these
EACH = 100  # blank papers, textured papers, crops
BLANK = ("easy", "shadow", "pencil", "desk")  # kinds of paper; the others have rules, specks or chalk
SEED = 1_000_003  # of all that is drawn, far from the seeds of trainings


def ask(reader: reading.Reader, shown: Iterable[tuple[str, np.ndarray]]) -> dict[str, dict[str, int]]:
    """Return {name: {"shown", "sure"}} of pictures (name, uint8 (h, w) or (h, w, 3)) none of which is a digit."""
    counts: dict[str, dict[str, int]] = {}
    for name, pixels in shown:
        count = counts.setdefault(name, {"shown": 0, "sure": 0})
        count["shown"] += 1
        count["sure"] += bool(reader.read(pixels).sure)
    return counts


def read_photographs(reader: reading.Reader, split: data.Split, images: int, generator: Generator) -> dict[str, int]:
    """Return what came of photographs of as many images of a split: see the top."""
    order = generator.permutation(len(split.labels))[:images]
    names = [reader.class_names[label] for label in split.labels[order].tolist()]
    counts = dict.fromkeys(("made", "found", "right", "sure", "right_of_sure", "possible", "labels"), 0)
    made = photographs.photographs(split.images[order].numpy(), generator)
    for (_, photograph), name in zip(made, names, strict=True):
        answer = reader.read(photograph.pixels)
        is_right = answer.label == name
        counts["made"] += 1
        counts["found"] += answer.label is not None
        counts["right"] += is_right
        counts["sure"] += bool(answer.sure)
        counts["right_of_sure"] += bool(answer.sure) and is_right
        counts["possible"] += name in answer.possible
        counts["labels"] += len(answer.possible)
    return counts


def missing_fonts(folder: Path) -> list[str]:
    """Return the packages of Debian that bring those of FONTS that are not below `folder`."""
    return sorted({package for name, package in FONTS.items() if next(folder.rglob(name), None) is None})


def letters(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (font, a page with a letter in it, uint8 (h, w)) for all of LETTERS in the FONTS below `folder`."""
    for name, package in FONTS.items():
        path = next(folder.rglob(name), None)
        if path is None:
            print(f"{name}: not below {folder}, left out; apt-get install {package}")
            continue
        font = ImageFont.truetype(str(path), 120)
        for letter in LETTERS:
            page = Image.new("L", (200, 240), 245)
            ImageDraw.Draw(page).text((100, 120), letter, fill=30, font=font, anchor="mm")
            yield name, np.asarray(page)


def strokes(generator: Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (letter of STROKES or SCRIBBLES, a drawing as with a mouse, uint8 (h, w)), TIMES over."""
    for letter, parts in STROKES.items():
        for _ in range(TIMES):
            yield letter, draw([np.array(part) for part in parts], generator)
    for _ in range(TIMES * len(STROKES) // 2):
        yield SCRIBBLES, draw([generator.random((int(generator.integers(4, 8)), 2))], generator)


def draw(parts: list[np.ndarray], generator: Generator) -> np.ndarray:
    """Return strokes, each float (points, 2) in a square of 1, drawn with a round pen by an unsteady hand."""
    bend = np.eye(2) + generator.normal(0, 0.12, (2, 2))
    page = Image.new("L", (280, 280), 255)
    pen = ImageDraw.Draw(page)
    radius = generator.uniform(6, 11)
    for part in parts:
        corners = (part + generator.normal(0, 0.03, part.shape) - 0.5) @ bend.T
        places = np.linspace(0, len(corners) - 1, 40 * len(corners))
        path = np.stack([np.interp(places, np.arange(len(corners)), line) for line in corners.T], axis=1)
        around = np.pad(path, ((8, 8), (0, 0)), mode="edge")
        smooth = np.stack([np.convolve(line, np.full(17, 1 / 17), "valid") for line in around.T], axis=1)
        for across, down in 140 + 150 * smooth:
            pen.ellipse((across - radius, down - radius, across + radius, down + radius), fill=0)
    return np.asarray(page)


def papers(generator: Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (kind, a photograph of paper without a digit, uint8 (h, w, 3)): EACH blank ones, EACH with a texture."""
    textured = [kind for kind in photographs.KINDS if kind not in BLANK]
    for kinds in (BLANK, textured):
        for number in range(EACH):
            kind = kinds[number % len(kinds)]
            yield kind, photographs.without_digit(kind, generator)


def crops(generator: Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (picture, a crop of it, uint8 (h, w, 3)): EACH of scikit-learn's two pictures together."""
    from sklearn.datasets import load_sample_image

    for number in range(EACH):
        name = ("china.jpg", "flower.jpg")[number % 2]
        picture = load_sample_image(name)
        side = int(generator.integers(60, 400))
        top = int(generator.integers(picture.shape[0] - side))
        left = int(generator.integers(picture.shape[1] - side))
        yield name, picture[top : top + side, left : left + side]


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a reading in words."""
    counts = row["photographs"]
    yield f"{counts['made']:,} photographs: no digit found on {counts['made'] - counts['found']}"
    yield f"  {counts['right'] / counts['made']:.2%} right; sure of {counts['sure'] / counts['made']:.2%}"
    yield f"  {counts['right_of_sure'] / max(counts['sure'], 1):.2%} of those right"
    yield f"  {counts['possible'] / max(counts['found'], 1):.2%} of the found with their label possible"
    yield f"  {counts['labels'] / max(counts['found'], 1):.2f} labels possible"
    for part in ("letters", "strokes", "papers", "crops"):
        shown, sure = (sum(count[name] for count in row[part].values()) for name in ("shown", "sure"))
        yield f"{part}: {sure} of {shown} answered as sure"
        for name, count in row[part].items():
            yield f"  {name}: {count['sure']} of {count['shown']}"


def main() -> None:
    """Take one reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="the trained run that reads (the one that was trained last)")
    parser.add_argument("--images", type=int, default=2_000, help="photographs of digits")
    parser.add_argument("--some-fonts", action="store_true", help="leave out the fonts that are missing")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"), help="the folder that FONTS are below")
    options = parser.parse_args()
    facts = origin.facts()
    missing = missing_fonts(options.fonts)
    if missing and not options.some_fonts:
        way_out = f"apt-get install {' '.join(missing)}, or leave them out with --some-fonts"
        raise BadInput("lacks fonts", field="--fonts", value=str(options.fonts), way_out=way_out)
    torch.set_num_threads(1)
    reader = reading.load(options.run)
    found = checkpoints.load_model(runs.run_folder(reader.run))
    assert found is not None  # the reader has just loaded it
    model = found.description
    recipe = model["recipe"]
    splits = data.split(data.load("mnist"), model["seed"], recipe["validation_size"], recipe.get("fold"))
    generator = np.random.default_rng(SEED)
    row = {
        "seed": SEED,
        "recipe": recipe["name"],
        "key": model["key"],
        "framing": framing.VERSION,
        "code": certainty.CODE,
        "taken": runs.now(),
        "photographs": read_photographs(reader, splits["validation"], options.images, generator),
        "letters": ask(reader, letters(options.fonts)),
        "strokes": ask(reader, strokes(generator)),
        "papers": ask(reader, papers(generator)),
        "crops": ask(reader, crops(generator)),
    }
    origin.keep(RESULTS, row | facts)
    print("\n".join(lines(row)))


if __name__ == "__main__":
    origin.call(main)
