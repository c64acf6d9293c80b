"""A corruption and its strength: image, answer of the page's network and accuracy move together.

What is random about an image is handed to the page as numbers, so that corruption.js repeats helpers/corruptions.py.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from torch import Tensor

from .. import corruptions, evaluation
from ..corruptions import Corruption
from .frame import as_json, assemble, encode

MOST = 10  # images to choose from
NUMBERS = 16_384  # of their pixels: fewer images where they are large, one at least, so that the page stays small
LARGEST = 50_000  # numbers: of a larger image no noise is offered, which would take half a megabyte
STEPS = 50  # of a slider, at least


def corruption_slider(
    images: Tensor,
    labels: Sequence[int] | np.ndarray,
    class_names: Sequence[str],
    ways: Mapping[str, Corruption],
    answers: Mapping[str, Sequence[evaluation.Predictions]],
) -> str:
    """Return HTML with one of a few images, a corruption, a slider over its strength, and the curve of accuracy.

    `images`: uint8 (n, c, s, s), those that were corrupted together, with seed 0; `labels` (n,); `ways` as in
    corruptions.suited_to; `answers`: what the network says of all the images at each strength of each corruption. The
    page asks its own network, that of helpers/drawing, where there is one.
    """
    is_large = images[0].numel() > LARGEST
    ways_told = {
        name: describe_way(way, answers[name]) for name, way in ways.items() if name != "noise" or not is_large
    }
    places = choose(images, np.asarray(labels), next(iter(answers.values())), next(iter(ways.values())))
    drawn = [corruptions.draw(images, place) for place in places]
    backgrounds = corruptions.backgrounds(images)
    told = [describe_image(place, labels, one, backgrounds) for place, one in zip(places, drawn, strict=True)]
    is_exact = len(places) * images[0].numel() <= NUMBERS
    noise = np.stack([one.noise.numpy() for one in drawn[: 0 if is_large else None]] or [np.zeros(0)])
    values = {
        "ways": ways_told,
        "images": told,
        "names": list(class_names),
        "channels": images.shape[1],
        "side": images.shape[-1],
        "count": len(images),
        "ink": corruptions.is_mnists(images),
        "half": not is_exact,
    }
    parts = {
        "ROWS": table(ways_told),
        "COUNT": f"{len(images):,}",
        "VALUES": as_json(values),
        "PIXELS": encode(images[places].numpy().tobytes()),
        "NOISE": encode(noise.astype("<f4" if is_exact else "<f2").tobytes()),
    }
    return assemble("corruption", parts)


def choose(images: Tensor, labels: np.ndarray, forms: Sequence[evaluation.Predictions], way: Corruption) -> list[int]:
    """Return the places of the images to show: the first that is right as it is, then the first right one per class."""
    correct = forms[way.strengths.index(way.neutral)].correct
    first = int(np.argmax(correct))
    most = min(MOST, max(1, NUMBERS // images[0].numel()))
    others = {int(label): place for place, label in reversed(list(enumerate(labels))) if correct[place]}
    others.pop(int(labels[first]), None)
    return [first, *(others[label] for label in sorted(others)[: most - 1])]


def describe_image(place: int, labels: Sequence[int] | np.ndarray, drawn: corruptions.Drawn, ground: Tensor) -> Any:
    """Return what the page has to know of an image beside its pixels and its noise."""
    background = ground[place].flatten().tolist()
    told = {"label": int(labels[place]), "background": background}
    return told | {name: value for name, value in drawn._asdict().items() if name != "noise"}


def describe_way(way: Corruption, forms: Sequence[evaluation.Predictions]) -> dict[str, Any]:
    """Return a corruption's strengths, the accuracy at each with its 95% interval (Wilson), and its slider's step."""
    hits = [int(of.correct.sum()) for of in forms]
    ends = [evaluation.wilson(count, len(of.labels)) for count, of in zip(hits, forms, strict=True)]
    return {
        "unit": way.unit,
        "strengths": way.strengths,
        "neutral": way.neutral,
        "step": step(way.strengths),
        "accuracy": [round(count / len(of.labels), 6) for count, of in zip(hits, forms, strict=True)],
        "low": [round(low, 6) for low, _ in ends],
        "high": [round(high, 6) for _, high in ends],
    }


def step(strengths: Sequence[float]) -> float:
    """Return the step of a slider that meets every one of the `strengths` and takes STEPS steps or more."""
    thousandths = [round(1000 * (strength - strengths[0])) for strength in strengths]
    common = math.gcd(*thousandths)
    fits = (part for part in range(1, common + 1) if common % part == 0 and thousandths[-1] * part >= STEPS * common)
    return common / next(fits, 1) / 1000


def table(ways: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row, as HTML, for each corruption: its accuracy at each strength."""
    rows = []
    for name, way in ways.items():
        pairs = zip(way["strengths"], way["accuracy"], strict=True)
        cells = ", ".join(f"{strength:g}:&nbsp;{share:.1%}" for strength, share in pairs)
        head = f'<th scope="row">{escape(name)}</th>'
        rows.append(f"<tr>{head}<td>{escape(way['unit'])}</td><td>{cells}</td></tr>")
    return "\n".join(rows)
