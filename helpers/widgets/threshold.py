"""A threshold for confidence, and the temperature behind it: two sliders, and what follows from them.

Whatever a page can show is computed here and kept in it as whole numbers, so that it says what Python says.
"""

from typing import Any

import numpy as np

from .. import evaluation
from ..evaluation import Predictions
from . import frame

BINS = 15
STEPS = 12  # temperatures from one to its double
OCTAVES = 2  # doublings, and halvings, of 1 that the slider reaches; the fitted temperature lies within, at any rate
PER_DECADE = 20  # thresholds from 0.9 to 0.99, from 0.99 to 0.999, and so on
DECADES = (2, 4)  # at least and at most
IN_TABLE = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)  # thresholds that are told without JavaScript


def threshold_sliders(predictions: Predictions, temperature: float) -> str:
    """Return HTML with two sliders over the `predictions` of test images, as logits before any temperature.

    The first sets a temperature: a reliability diagram, ECE and loss follow. The second sets a threshold: images whose
    confidence is below it go to a person. `temperature` is the fitted one, at which the sliders begin. Without
    JavaScript a table says what some thresholds do.
    """
    scales = temperatures(temperature)
    stops = thresholds(predictions.at_temperature(temperature).confidence)
    values = {
        "images": len(predictions.labels),
        "temperatures": scales,
        "fitted": scales.index(temperature),
        "plain": scales.index(1.0),
        "thresholds": stops,
        "readings": [read(predictions.at_temperature(scale), stops) for scale in scales],
    }
    parts = {
        "TEMPERATURE": f"{temperature:.2f}",
        "TABLE": table(predictions.at_temperature(temperature)),
        "VALUES": frame.as_json(values),
    }
    return frame.assemble("threshold", parts)


def temperatures(fitted: float) -> list[float]:
    """Return the temperatures of the slider, rising, each the same multiple of the one before; `fitted` is among them.

    From 1/4 to 4, or farther where `fitted` lies beyond.
    """
    reach = max(OCTAVES, int(np.ceil(abs(np.log2(fitted)) + 0.25)))
    regular = 2 ** (np.arange(-reach * STEPS, reach * STEPS + 1) / STEPS)
    return sorted({*regular.tolist(), fitted})


def thresholds(confidence: np.ndarray) -> list[float]:
    """Return the thresholds of the slider, rising from 0: PER_DECADE for each tenth part of the doubt that is left.

    They end where half of the images, by their `confidence`, float (n,), stay below, from 0.99 to 0.9999. Where half
    have less than 0.9, they are hundredths.
    """
    doubt = max(1 - float(np.median(confidence)), 1e-9)
    if doubt > 0.1:
        return [place / 100 for place in range(100)]
    decades = int(np.clip(np.ceil(-np.log10(doubt)), *DECADES))
    left = 10 ** (-np.arange(decades * PER_DECADE + 1) / PER_DECADE)
    return [round(1 - float(f"{value:.1e}"), 6) for value in left]


def read(predictions: Predictions, stops: list[float]) -> dict[str, Any]:
    """Return what a page shows of predictions at one temperature.

    "bins": [which of BINS, images, mean confidence, share classified correctly, and the ends of its 95% interval] of
    each that holds an image; "ece" and "loss"; for each threshold, "person", how many images have less confidence, and
    "mistakes", how many wrong answers have as much or more.
    """
    bins = evaluation.reliability(predictions, BINS)
    rows = []
    for confidence, accuracy, count in zip(bins["confidence"], bins["accuracy"], bins["count"], strict=True):
        ends = evaluation.wilson(round(accuracy * count), count)
        place = min(int(confidence * BINS), BINS - 1)
        rows.append([place, int(count), *(round(float(value), 6) for value in (confidence, accuracy, *ends))])
    gaps = np.abs(bins["confidence"] - bins["accuracy"])
    person, left = hand_over(predictions.confidence, predictions.correct, stops)
    return {
        "bins": rows,
        "ece": round(float(np.average(gaps, weights=bins["count"])), 5),
        "loss": round(float(predictions.losses.mean()), 5),
        "person": person.tolist(),
        "mistakes": left.tolist(),
    }


def hand_over(confidence: np.ndarray, correct: np.ndarray, stops: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (images that go to a person, mistakes that remain), int64 (thresholds,) each.

    An image goes to a person where its `confidence`, float (n,), is below the threshold; a mistake among the others,
    one that is not `correct`, bool (n,), remains.
    """
    of_mistakes = np.sort(confidence[~correct])
    person = np.searchsorted(np.sort(confidence), stops, side="left")
    return person, len(of_mistakes) - np.searchsorted(of_mistakes, stops, side="left")


def table(predictions: Predictions) -> str:
    """Return rows of an HTML table: what thresholds do to `predictions`."""
    images = len(predictions.labels)
    lines = []
    counts = hand_over(predictions.confidence, predictions.correct, list(IN_TABLE))
    for stop, person, left in zip(IN_TABLE, *counts, strict=True):
        kept = images - person
        right = f"{(kept - left) / kept:.2%}" if kept else ""
        lines.append(f'<tr><th scope="row">{stop:g}</th><td>{person:,}</td><td>{left:,}</td><td>{right}</td></tr>')
    return "\n".join(lines)
