"""What a page says first: one sentence of finding, three or four figures, and three findings in full.

There is a function for each notebook, which takes its verdicts and what it measured. What is claimed was tested by a
verdict; the rest are counts and shares of this run. Notebooks end with a Lead, and pages show it at their top.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .evaluation import wilson
from .verdicts import LEVEL, Verdict, counted, listed

FORMAT = "application/vnd.digits.lead+json"  # in a notebook's output, for the page that is made of it


class Tile(NamedTuple):
    """A figure that was measured: what it is, its value, and its interval or what it is of."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Lead:
    """A finding in one sentence of Markdown, three or four tiles, and three findings, which are verdicts' sentences."""

    finding: str
    tiles: tuple[Tile, ...]
    findings: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where there are more or fewer than a page has room for, or where a figure is no number."""
        if len(self.tiles) not in (3, 4) or len(self.findings) != 3:
            raise ValueError(f"a lead has 3 or 4 tiles and 3 findings, not {len(self.tiles)} and {len(self.findings)}")
        figures = " ".join(tile.value for tile in self.tiles)
        if re.search(r"\b(nan|inf)\b", f"{figures} {self.finding}"):
            raise ValueError(f"not a number: {self.finding} {figures}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: the sentences; and all of it, for the page."""
        points = "\n".join(f"- {sentence}" for sentence in self.findings)
        words = f"{self.finding}\n\n{points}"
        tiles = [tile._asdict() for tile in self.tiles]
        fields = {"finding": self.finding, "tiles": tiles, "findings": list(self.findings)}
        return {"text/markdown": words, "text/plain": words, FORMAT: fields}


def made_of(finding: str, tiles: Sequence[Tile], verdicts: Sequence[Verdict]) -> Lead:
    """Return a Lead whose findings are the sentences of three verdicts."""
    return Lead(finding, tuple(tiles), tuple(verdict.sentence for verdict in verdicts))


def share(label: str, hits: int, total: int, of: str = "") -> Tile:
    """Return the tile of a share with its 95% interval (Wilson 1927), and what it is `of`."""
    low, high = wilson(hits, total)
    interval = f"95% interval {100 * low:.2f} to {high:.2%}"
    return Tile(label, f"{hits / total:.2%}", f"{of}, {interval}" if of else interval)


def time_taken(label: str, seconds: float, detail: str) -> Tile:
    """Return the tile of a time, in seconds, minutes or hours."""
    if seconds < 9.95:
        return Tile(label, f"{seconds:.1f} s", detail)
    whole = round(seconds)
    if whole < 60:
        return Tile(label, f"{whole} s", detail)
    if whole < 3600:
        return Tile(label, f"{whole // 60} min {whole % 60:02d} s", detail)
    return Tile(label, f"{whole // 3600} h {whole % 3600 // 60:02d} min", detail)


def than_baselines(better: Sequence[str], tied: Sequence[str]) -> str:
    """Return how a share compares with those of baselines that were tested to be `better`, or not told apart."""
    if better:
        return f"a smaller share than {listed(better)}"
    if tied:
        return f"a share not told apart from that of {listed(tied)}"
    return "a larger share than any baseline"


def training(
    overfitting: Verdict,
    falling_rate: Verdict,
    confusion: Verdict,
    hits: Mapping[str, int],
    seconds: ArrayLike,
) -> Lead:
    """Return what 03_training says first.

    `hits`: how many validation images each simple classifier and, last, the network classifies correctly; `seconds`:
    of each epoch.
    """
    times = np.asarray(seconds, dtype=float)
    images, errors = (overfitting.facts[f"validation_{what}"] for what in ("images", "errors"))
    epochs = counted(len(times), "epoch")
    *simple, _ = hits
    best = max(simple, key=hits.__getitem__)
    finding = (
        f"After {epochs} the network classifies {1 - errors / images:.2%} of {counted(images, 'validation image')} "
    )
    finding += f"correctly, and training images {compared_with_validation(overfitting)} by more than sampling error."
    tiles = [
        share("validation accuracy", images - errors, images),
        Tile("mistakes", f"{errors:,}", f"of {counted(images, 'validation image')}"),
        share("best baseline", hits[best], images, best),
        time_taken("training time", float(times.sum()), epochs),
    ]
    return made_of(finding, tiles, (overfitting, falling_rate, confusion))


def compared_with_validation(overfitting: Verdict) -> str:
    """Return how training images are classified, beside validation images."""
    facts = overfitting.facts
    in_training = facts["train_errors"] / facts["train_images"]
    if float(overfitting.value or 0) >= LEVEL:
        return "neither better nor worse"
    if in_training < facts["validation_errors"] / facts["validation_images"]:
        return "better"
    return "worse"


def results(
    accuracy: Verdict,
    calibration_error: Verdict,
    findings: Sequence[Verdict],
    history: Sequence[Mapping[str, float]],
) -> Lead:
    """Return what 04_results says first.

    `calibration_error` is that at the temperature; `findings` are three further verdicts; `history` is that of the
    training.
    """
    facts = accuracy.facts
    images, errors = facts["images"], facts["errors"]
    hits, p_values = facts["baselines"], facts["p_values"]
    tied = [name for name in hits if p_values[name] >= LEVEL]
    better = [name for name in hits if name not in tied and hits[name] > images - errors]
    test_images = counted(images, "test image")
    finding = f"The network classifies {1 - errors / images:.2%} of {test_images} correctly, "
    finding += f"{than_baselines(better, tied)}."
    ece, by_chance = (calibration_error.facts[what] for what in ("ece", "most_by_chance"))
    seconds = sum(row["seconds"] for row in history)
    tiles = [
        share("test accuracy", images - errors, images),
        Tile("mistakes", f"{errors:,}", f"of {test_images}"),
        Tile("calibration error", f"{ece:.4f}", f"by chance up to {by_chance:.4f}"),
        time_taken("training time", seconds, counted(len(history), "epoch")),
    ]
    return made_of(finding, tiles, findings)
