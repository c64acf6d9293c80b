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
    """A finding in one sentence of Markdown, three or four tiles, and three findings, which are verdicts' sentences.

    There are no findings where nothing is tested.
    """

    finding: str
    tiles: tuple[Tile, ...]
    findings: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where there are more or fewer than a page has room for, or where a figure is no number."""
        if len(self.tiles) not in (3, 4) or len(self.findings) not in (0, 3):
            raise ValueError(f"a lead has 3 or 4 tiles and 3 findings, not {len(self.tiles)} and {len(self.findings)}")
        said = [self.finding, *(text for tile in self.tiles for text in (tile.value, tile.detail))]
        for text in said:
            if re.search(r"\b(nan|inf)(%|$)", text):  # elsewhere in a text it may be a name
                raise ValueError(f"not a number: {text}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: the sentences; and all of it, for the page."""
        points = "\n".join(f"- {sentence}" for sentence in self.findings)
        words = f"{self.finding}\n\n{points}".rstrip()
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
    as_trained: float,
    findings: Sequence[Verdict],
    history: Sequence[Mapping[str, float]],
) -> Lead:
    """Return what 04_results says first.

    `calibration_error` is that at the temperature, `as_trained` what it was without; `findings` are three further
    verdicts; `history` is that of the training.
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
        Tile(
            "calibration error", f"{ece:.4f}", f"at T; {as_trained:.4f} as trained; chance leaves up to {by_chance:.4f}"
        ),
        time_taken("training time", seconds, counted(len(history), "epoch")),
    ]
    return made_of(finding, tiles, findings)


def walkthrough(
    beside: Verdict, overfitting: Verdict, by_class: Verdict, untrained: ArrayLike, steps: int, parameters: int
) -> Lead:
    """Return what 00_walkthrough says first.

    `beside` is the network beside baselines; `untrained`: bool (n,), whether the network classified each validation
    image correctly before its training, of so many `steps`.
    """
    images = beside.facts["images"]
    right = images - overfitting.facts["validation_errors"]
    only_one, p_values = beside.facts["only_one"], beside.facts["p_values"]
    hits = {name: right - ahead + behind for name, (ahead, behind) in only_one.items()}
    tied = [name for name in hits if p_values[name] >= LEVEL]
    better = [name for name in hits if name not in tied and hits[name] > right]
    best = max(hits, key=hits.__getitem__)
    finding = f"After {counted(steps, 'step')} the network classifies {right / images:.2%} of "
    finding += f"{counted(images, 'validation image')} correctly, {than_baselines(better, tied)}."
    tiles = [
        share("validation accuracy", right, images),
        share("before training", int(np.sum(untrained)), images),
        share("best baseline", hits[best], images, best),
        Tile("parameters", f"{parameters:,}", f"adjusted in {counted(steps, 'step')}"),
    ]
    return made_of(finding, tiles, (beside, overfitting, by_class))


def eda(
    ladder: Verdict, class_shares: Verdict, copies: Verdict, pairs: int, images: int, labels: Mapping[str, int]
) -> Lead:
    """Return what 01_eda says first.

    `pairs` of copies in so many `images`; `labels`: how many were "checked" and "suspected", and how many "classes"
    there are.
    """
    right, asked = ladder.facts["right"], ladder.facts["images"]
    best = max(right, key=right.__getitem__)
    leaked = copies.facts["leaked"]
    checked = labels["checked"]
    suspected = labels["suspected"]
    classes = labels["classes"]
    none_checked = "no label could be checked"  # where images are few, networks know no class well enough
    of_all = f"Among {images:,} images of {classes:,} classes"
    finding = f"{of_all} the checks find {no_or_some(leaked, 'test image')} with a copy outside test; "
    finding += f"of {checked:,} labels they suspect {suspected or 'none'}." if checked else f"{none_checked}."
    tiles = [
        Tile("images", f"{images:,}", f"of {classes:,} classes"),
        Tile("suspected labels", f"{suspected:,}", f"of {checked:,} checked" if checked else none_checked),
        Tile("pairs of copies", f"{pairs:,}", f"{no_or_some(leaked, 'test image')} with one outside test"),
        share("best simple rule", right[best], asked, best),
    ]
    return made_of(finding, tiles, (class_shares, copies, ladder))


def prototyping(
    shortlist: Verdict, findings: Sequence[Verdict], parameters: Mapping[str, int], seconds: float, epochs: int
) -> Lead:
    """Return what 02_prototyping says first.

    `findings` are three further verdicts; `parameters` of each candidate; all trainings, of so many `epochs` each, took
    so many `seconds`.
    """
    facts = shortlist.facts
    first = facts["first"]
    images = facts["images"]
    listed_ones = facts["shortlist"]
    right, candidates = facts["correct"][first], len(facts["correct"])
    finding = f"Of {candidates} small networks `{first}` has the highest accuracy, {right / images:.2%} of "
    finding += (
        f"{counted(images, 'validation image')}; {told_apart_from_first(first, list(facts['correct']), listed_ones)}."
    )
    smallest = str(shortlist.value)
    tiles = [
        share("highest accuracy", right, images, first),
        Tile("on the shortlist", f"{len(listed_ones)}", f"of {counted(candidates, 'candidate')}"),
        Tile("fewest parameters on it", f"{parameters[smallest]:,}", smallest),
        time_taken("trainings with validation", seconds, f"all together, {counted(epochs, 'epoch')} each"),
    ]
    return made_of(finding, tiles, findings)


def told_apart_from_first(first: str, names: Sequence[str], tied: Sequence[str]) -> str:
    """Return which of `names` are not told apart from the first of them."""
    others = [f"`{name}`" for name in names if name in tied and name != first]
    if not others:
        return "all others are told apart from it"
    if len(others) == len(names) - 1:
        return "none of the others is told apart from it"
    return f"not told apart from it: {listed(others)}"


def comparison(
    told_apart: Verdict,
    findings: Sequence[Verdict],
    ranking: Sequence[str],
    mean: Sequence[float],
    trainings: int,
    seconds: float,
) -> Lead:
    """Return what 05_comparison says first.

    `findings` are three verdicts; `ranking`: the recipes by their means; `mean`: test accuracy of the first of them,
    with both ends of its interval; `seconds` of its training. The figures are of so many `trainings`.
    """
    first, (accuracy, low, high) = ranking[0], mean
    tied = [name for pair in told_apart.facts["ties"] if first in pair for name in pair]
    finding = (
        f"Of {counted(len(ranking), 'recipe')} `{first}` has the highest mean accuracy, {accuracy:.2%} of the test "
    )
    finding += "images"
    if len(ranking) > 1:
        finding += f"; {told_apart_from_first(first, ranking, tied)}"
    interval = "one training" if np.isnan(low) else f"95% interval {100 * low:.2f} to {high:.2%}"
    tiles = [
        Tile("highest mean accuracy", f"{accuracy:.2%}", f"{first}, {interval}"),
        time_taken("its training time", seconds, "median"),
        Tile("pairs told apart", f"{told_apart.facts['told_apart']:,}", f"of {told_apart.facts['pairs']:,}"),
        Tile("trainings compared", f"{trainings:,}", f"of {counted(len(ranking), 'recipe')}"),
    ]
    return made_of(f"{finding}.", tiles, findings)


def reading(gain: Verdict, hardest: Verdict, sure: Verdict) -> Lead:
    """Return what 06_reading says first: of the framing, of kinds of photographs, and of sure answers."""
    photographs, framed, plain = (gain.facts[what] for what in ("photographs", "framed", "plain"))
    made = counted(photographs, "photograph")
    finding = f"Of {made} that were made here the network reads {framed / photographs:.2%} correctly; plainly shrunk, "
    finding += f"{plain / photographs:.2%}."
    tiles = [
        share("read correctly", framed, photographs),
        share("plainly shrunk", plain, photographs),
        Tile("no digit found", f"{sure.facts['not_found']:,}", f"of {made}"),
        Tile(
            "sure, and wrong", f"{sure.facts['sure_and_wrong']:,}", f"of {counted(sure.facts['sure'], 'sure answer')}"
        ),
    ]
    return made_of(finding, tiles, (gain, hardest, sure))


def answers(finding: str, photographs: int, read: int, unsure: int | None) -> Lead:
    """Return what the page on somebody's own photographs says first: how many were read, and how many are unsure.

    `finding` says so in a sentence; `unsure` is None where the reader does not know. Nothing is tested.
    """
    tiles = (
        Tile("photographs", f"{photographs:,}"),
        Tile("with an answer", f"{read:,}", f"of {photographs:,}"),
        Tile("of them unsure", "-" if unsure is None else f"{unsure:,}", "not known by this reader" * (unsure is None)),
        Tile("without an answer", f"{photographs - read:,}", f"of {photographs:,}"),
    )
    return Lead(finding, tiles, ())


def published(steps: Verdict, averages: Verdict, beside: Verdict, trainings: int) -> Lead:
    """Return what 07_published says first, of so many `trainings`."""
    tested, apart = steps.facts["compared"], steps.facts["told_apart"]
    networks = beside.facts.get("networks", [])
    steps_to_ours = f"{counted(tested, 'step')} from what READMEs state to our training"
    finding = f"Of {steps_to_ours} {apart:,} change{'s' * (apart == 1)} the accuracy by more than sampling error."
    if not apart:
        finding = (
            f"Of {steps_to_ours} none is told apart: sampling error may explain each, with so few trainings of it."
        )
    tiles = [
        Tile("steps told apart", f"{apart:,}", f"of {tested:,} tested"),
        Tile(
            "averages told apart",
            f"{len(averages.facts['told_apart'])}",
            f"of {len(averages.facts['compared'])} tested",
        ),
        Tile("unlike their README", f"{beside.value:,}", f"of {counted(len(networks), 'network')}"),
        Tile("trainings", f"{trainings:,}", "scored on held-out training images"),
    ]
    return made_of(finding, tiles, (steps, averages, beside))


def speed(
    times_less: Verdict,
    straight: Verdict,
    goals: Verdict,
    ratios: Mapping[str, Sequence[float]],
    whole: Mapping[str, float],
) -> Lead:
    """Return what 08_speed says first.

    `ratios`: {what: (lowest, highest) over the rounds}, how many times less time ours takes; `whole`: seconds of each
    part of a whole run. Both may be empty, where nothing was measured.
    """
    compared = times_less.facts["compared"]
    comparisons = counted(compared, "comparison")
    finding = times_less.sentence
    if ratios:
        finding = (
            f"In {times_less.facts['faster']:,} of {comparisons}, like with like, our training took less time than a "
        )
        finding += "plain loop in every round."
    tiles = [
        Tile("faster in every round", f"{times_less.facts['faster']:,}", f"of {comparisons}"),
        Tile("off a straight line", measured(straight.value), "at most, time by images"),
        Tile("goals missed", f"{len(goals.facts['missed']):,}", f"of {counted(goals.facts['goals'], 'goal')}"),
    ]
    if ratios:
        ends = f"{min(low for low, _ in ratios.values()):.1f} to {max(high for _, high in ratios.values()):.1f}"
        tiles[1] = Tile("times less time", ends, f"over all rounds of {comparisons}")
    if whole:
        tiles.append(time_taken("a whole run", sum(whole.values()), "five notebooks, with balanced"))
    return made_of(finding, tiles, (times_less, straight, goals))


def measured(value: float | int | str | None) -> str:
    """Return a share as text; a dash where it was not measured."""
    return "-" if value is None else f"{float(value):.0%}"


def no_or_some(number: int, thing: str) -> str:
    """Return a number and what it counts, such as "no label" or "12 labels"."""
    return counted(number, thing) if number else f"no {thing}"
