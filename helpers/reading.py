"""A trained run and photographs -> answers: opened, framed as its training images are, classified.

reader = reading.load("mnist-balanced-10epochs-seed0")
answer = reader.read(pictures.open_file("photograph.jpg"))
answer.label, answer.probability
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from . import checkpoints, evaluation, framing, runs, sheets
from .errors import BadInput
from .framing import Framed, NoDigit

FRAMINGS = ("auto", "ink", "whole")


class Answer(NamedTuple):
    """What a network says of one photograph; where no digit was found, there are no labels."""

    framed: Framed | NoDigit
    labels: tuple[str, ...] = ()  # all classes, the most probable first
    probabilities: tuple[float, ...] = ()  # of these, from 0 to 1; they add up to 1

    @property
    def label(self) -> str | None:
        """The most probable class, None where no digit was found."""
        return self.labels[0] if self.labels else None

    @property
    def probability(self) -> float:
        """That of the label, at the temperature that was fitted on validation images; 0 where there is none."""
        return self.probabilities[0] if self.probabilities else 0.0


class SheetAnswer(NamedTuple):
    """What a network says of the digits on one photograph; where none was found, there are no lines."""

    lines: tuple[tuple[tuple[Answer, ...], ...], ...]  # from above to below, of numbers from left to right, of digits
    reason: str = ""  # why there are none

    @property
    def text(self) -> str:
        """The digits as a person would write them: lines, with a space between two numbers."""
        return "\n".join(" ".join(number_text(number) for number in line) for line in self.lines)

    @property
    def digits(self) -> list[Answer]:
        """All digits in reading order."""
        return [digit for line in self.lines for number in line for digit in number]


def number_text(number: tuple[Answer, ...]) -> str:
    """Return the labels of a number's digits, one after the other."""
    return "".join(str(digit.label) for digit in number)


@dataclass(frozen=True)
class Reader:
    """A trained network, and how images are framed for it."""

    run: str
    network: nn.Module
    class_names: tuple[str, ...]
    temperature: float
    framing: str  # one of FRAMINGS, not auto

    def read(self, pixels: np.ndarray) -> Answer:
        """Return the Answer on a photograph, uint8 (h, w) or (h, w, 3)."""
        framed = self.frame(pixels)
        if isinstance(framed, NoDigit):
            return Answer(framed)
        return self.answer([framed])[0]

    def read_sheet(self, pixels: np.ndarray) -> SheetAnswer:
        """Return the SheetAnswer on a photograph of several digits, uint8 (h, w) or (h, w, 3)."""
        found = sheets.frame_sheet(pixels)
        if isinstance(found, NoDigit):
            return SheetAnswer((), found.reason)
        answers = iter(self.answer([digit for line in found for number in line for digit in number]))
        return SheetAnswer(tuple(tuple(tuple(next(answers) for _ in number) for number in line) for line in found))

    def answer(self, framed: list[Framed]) -> list[Answer]:
        """Return the Answer on each of some digits that were framed."""
        images = torch.from_numpy(np.stack([digit.image for digit in framed]))[:, None]
        logits = evaluation.predict(self.network, images).double()
        answers = []
        for digit, probabilities in zip(framed, (logits / self.temperature).softmax(dim=1).tolist(), strict=True):
            order = sorted(range(len(probabilities)), key=lambda place: -probabilities[place])
            labels = tuple(self.class_names[place] for place in order)
            answers.append(Answer(digit, labels, tuple(probabilities[place] for place in order)))
        return answers

    def frame(self, pixels: np.ndarray) -> Framed | NoDigit:
        """Return a photograph, uint8 (h, w) or (h, w, 3), Framed for this network, or NoDigit."""
        if self.framing == "ink":
            return framing.frame_ink(pixels)
        height, width = pixels.shape[:2]
        return Framed(framing.frame_whole(pixels), framing.Box(0, 0, width, height))


def load(run: str | None = None, framed: str = "auto", outputs: Path | None = None) -> Reader:
    """Return the Reader of a run's trained network; None is the run that was trained last.

    `framed`: how images are framed, one of FRAMINGS; auto is as the run's own images are. `outputs`: the folder of all
    runs, None that of runs.outputs_folder. BadInput where there is no such run, or none that is trained, or its model
    is not as its training left it.
    """
    outputs = outputs or runs.outputs_folder()
    if framed not in FRAMINGS:
        raise BadInput("not known", field="framing", value=framed, way_out=f"choose one of {', '.join(FRAMINGS)}")
    name = newest(outputs) if run is None else run
    folder = runs.run_folder(name, outputs)
    check_model(folder)
    try:
        found = checkpoints.load_model(folder)
    except OSError as error:
        raise BadInput(f"{error.filename}: {error.strerror}", field="run", value=name) from None
    if found is None:
        rule = "no such run" if not folder.is_dir() else "no trained model in it, or none that is whole"
        way_out = f"python run_all.py --only training --run {name}"
        raise BadInput(rule, field="run", value=name, way_out=f"this makes one: {way_out}")
    description = found.description
    return Reader(
        run=name,
        network=found.network,
        class_names=tuple(str(class_name) for class_name in description["class_names"]),
        temperature=temperature_of(name, description),
        framing=framed if framed != "auto" else framing_of(description),
    )


def newest(outputs: Path) -> str:
    """Return the name of the run that was trained last; BadInput where none is trained."""
    name = runs.newest_with(outputs, "training")
    if name is None:
        way_out = "this trains one: python run_all.py --only training"
        raise BadInput(f"no trained run in {outputs}", way_out=way_out)
    return name


def check_model(folder: Path) -> None:
    """Raise BadInput where a run's manifest says that its model is not the one that its training left.

    A run without a manifest was made by hand; its model.json alone says what belongs together.
    """
    way_out = f"python run_all.py --run {folder.name} --only training makes it anew"
    if runs.is_damaged(folder):
        rule = "its run.json is not as it was written, so nothing of the run is believed"
        raise BadInput(rule, field="run", value=folder.name, way_out=way_out)
    manifest = runs.load_manifest(folder)
    if manifest is None or "training" not in manifest.stages:
        return
    for name in ("model.json", "model.safetensors"):
        if (folder / name).is_file() and runs.read_recorded(folder, manifest, name) is None:
            rule = f"{name} is not as its training left it"
            raise BadInput(rule, field="run", value=folder.name, way_out=way_out)


def temperature_of(run: str, description: dict[str, Any]) -> float:
    """Return the temperature that the model.json of a run names, 1 where it names none; BadInput where it is none."""
    temperature = description.get("temperature", 1.0)
    if isinstance(temperature, int | float) and 0 < temperature < math.inf:
        return float(temperature)
    rule = f"model.json says that the temperature is {str(temperature)[:40]!r}, and it must be a number above 0"
    raise BadInput(rule, field="run", value=run, way_out=f"python run_all.py --run {run} --only training --force")


def framing_of(description: dict[str, Any]) -> str:
    """Return how images are framed for the model that model.json describes: by their ink where its own are digits."""
    noted = description.get("framing")
    name = noted.get("name") if isinstance(noted, dict) else None
    return name if name in FRAMINGS and name != "auto" else "ink"
