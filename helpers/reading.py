"""A trained run and photographs -> answers: opened, framed as its training images are, classified.

reader = reading.load("mnist-balanced-10epochs-seed0")
answer = reader.read(pictures.open_file("photograph.jpg"))
answer.label, answer.probability, answer.sure, answer.possible
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from . import certainty, checkpoints, forms, framing, run_files, runs, sheets
from .certainty import Certainty
from .errors import BadInput
from .forms import Form
from .framing import Framed, NoDigit

NAMED = 5  # runs at most that an error names
MOST_OTHERS = 3  # labels that are named beside an answer; more are counted, as in helpers/drawing/network.js


class Answer(NamedTuple):
    """What a network says of one photograph; where no digit was found, there are no labels."""

    framed: Framed | NoDigit
    labels: tuple[str, ...] = ()  # all classes, the most probable first
    probabilities: tuple[float, ...] = ()  # of these, from 0 to 1; they add up to 1
    sure: bool | None = None  # whether it looks like what the network knows; None where no digit was found, or
    # where that is not known, as Reader.unknown says
    possible: tuple[str, ...] = ()  # the labels that cannot be ruled out, the most probable first; none likewise,
    # and where so few images were there to fit the floor on that it rules nothing out

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


def percent(probability: float, over: str = "over ") -> str:
    """Return a probability in per cent; what is not certain is not shown as 100 %, but as `over` 99.9 %."""
    if 0.9995 <= probability < 1:
        return f"{over}99.9%"
    return f"{probability:.1%}"


def others_in_words(others: Sequence[str], rules_out: bool) -> str:
    """Return the labels that are possible beside an answer, as in `or 4 or 9` and `or one of 5 others`; "" for none.

    Where there are many, and no class at all is ruled out, that they are possible says nothing: "" again.
    """
    if len(others) > MOST_OTHERS:
        return f"or one of {len(others)} others" if rules_out else ""
    return " ".join(f"or {label}" for label in others)


def number_text(number: tuple[Answer, ...]) -> str:
    """Return the labels of a number's digits, one after the other."""
    return "".join(str(digit.label) for digit in number)


@dataclass(frozen=True)
class Reader:
    """A trained network, and how images are framed for it."""

    run: str
    network: nn.Sequential
    class_names: tuple[str, ...]
    temperature: float
    form: Form  # that images are brought to
    description: dict[str, Any]  # the content of model.json
    certainty: Certainty | None = None  # None where it is not known which answers are sure

    @property
    def framing(self) -> str:
        """How images are framed: "ink" or "whole"."""
        return self.form.framing

    @property
    def unknown(self) -> str:
        """Why it is not known which answers are sure, as words that can follow a name; "" where it is known."""
        if self.certainty is not None:
            return ""
        return "too few validation images" if is_fitted_on_few(self.description) else "trained by older code"

    @property
    def stretches(self) -> bool:
        """Whether it is a network of digits that is to take images whole: framing.frame_whole makes them like these."""
        return self.framing == "whole" and forms.of_description(self.description).framing == "ink"

    def read(self, pixels: np.ndarray) -> Answer:
        """Return the Answer on a photograph, uint8 (h, w) or (h, w, 3)."""
        framed = self.frame(pixels)
        if isinstance(framed, NoDigit):
            return Answer(framed)
        return self.answer([framed])[0]

    def check_sheets(self) -> None:
        """Raise BadInput where the network reads no sheets, because it takes images whole."""
        if self.framing == "whole":
            rule = "it reads whole images, and the digits of a sheet are found by their ink"
            way_out = "say `framing` ink to have it try" if self.form.is_mnists else "name a run of digits"
            raise BadInput(rule, field="run", value=self.run, way_out=way_out)

    def read_sheet(self, pixels: np.ndarray) -> SheetAnswer:
        """Return the SheetAnswer on a photograph of several digits, uint8 (h, w) or (h, w, 3). As `check_sheets`."""
        self.check_sheets()
        found = sheets.frame_sheet(pixels)
        if isinstance(found, NoDigit):
            return SheetAnswer((), found.reason)
        answers = iter(self.answer([digit for line in found for number in line for digit in number]))
        return SheetAnswer(tuple(tuple(tuple(next(answers) for _ in number) for number in line) for line in found))

    def answer(self, framed: list[Framed]) -> list[Answer]:
        """Return the Answer on each of some digits that were framed."""
        images = np.stack([digit.image.reshape(self.form.shape) for digit in framed])
        seen = certainty.look(self.network, torch.from_numpy(images))
        logits = torch.from_numpy(seen.logits).double()
        rows = (logits / self.temperature).softmax(dim=1).tolist()
        sure: list[bool | None] = [None] * len(framed)
        if self.certainty is not None:
            sure = self.certainty.is_sure(seen.features).tolist()
        return [self.as_answer(*row) for row in zip(framed, rows, sure, strict=True)]

    def as_answer(self, framed: Framed, probabilities: list[float], sure: bool | None) -> Answer:
        """Return the Answer on one digit, with the probabilities of the classes, in their order."""
        order = sorted(range(len(probabilities)), key=lambda place: -probabilities[place])
        labels = tuple(self.class_names[place] for place in order)
        possible: tuple[str, ...] = ()
        if self.certainty is not None and self.certainty.floor > 0:
            above = tuple(self.class_names[place] for place in order if probabilities[place] >= self.certainty.floor)
            possible = above or labels[:1]
        return Answer(framed, labels, tuple(probabilities[place] for place in order), sure, possible)

    def frame(self, pixels: np.ndarray) -> Framed | NoDigit:
        """Return a photograph, uint8 (h, w, 3), Framed for this network, or NoDigit.

        A network of digits that is to take images whole has learnt from paper that is 0 and ink that goes to 255: so
        they are made.
        """
        if self.stretches:
            height, width = pixels.shape[:2]
            return Framed(framing.frame_whole(pixels)[None], framing.Box(0, 0, width, height))
        return forms.frame(pixels, self.form)


def load(run: str | None = None, framed: str = "auto", outputs: Path | None = None) -> Reader:
    """Return the Reader of a run's trained network; None is the run that was trained last.

    `framed`: how images are framed, one of forms.FRAMINGS; auto is as the run's own images are. `outputs`: the folder
    of all runs, None that of runs.outputs_folder. BadInput where there is no such run, or none that is trained, or its
    model is not as its training left it.
    """
    outputs = outputs or runs.outputs_folder()
    if framed not in forms.FRAMINGS:
        raise BadInput("not known", field="framing", value=framed, way_out=f"choose one of {', '.join(forms.FRAMINGS)}")
    name = newest(outputs) if run is None else run
    folder = runs.run_folder(name, outputs)
    if not folder.is_dir():
        raise no_such_run(name, outputs)
    check_trained(folder)
    check_model(folder)
    try:
        found = checkpoints.load_model(folder)
    except OSError as error:
        raise BadInput(f"{error.filename}: {error.strerror}", field="run", value=name) from None
    if found is None:
        raise untrained(folder)
    description = found.description
    return Reader(
        run=name,
        network=found.network,
        class_names=tuple(str(class_name) for class_name in description["class_names"]),
        temperature=float(description.get("temperature", 1.0)),
        form=form_for(name, description, framed),
        description=description,
        certainty=known_certainty(folder, description),
    )


def known_certainty(folder: Path, description: dict[str, Any]) -> Certainty | None:
    """Return the Certainty of a model that `load_model` has found whole; None where too few images say what it says."""
    found = checkpoints.load_certainty(folder, description)
    return None if is_fitted_on_few(description) else found


def is_fitted_on_few(description: dict[str, Any]) -> bool:
    """Return whether a model.json notes that threshold and floor were fitted on too few images to mean anything."""
    try:
        return not certainty.is_known(description["fitted_on"])
    except (KeyError, TypeError):  # one of before notes nothing
        return False


def newest(outputs: Path) -> str:
    """Return the name of the run that was trained last; BadInput where none is trained."""
    name = runs.newest_with(outputs, "training")
    if name is None:
        for path in sorted(outputs.glob("*/run.json")):
            if runs.is_training(path.parent):
                rule = f"no trained run in {outputs}: {path.parent.name} is just being trained"
                raise BadInput(rule, way_out="wait for it")
        way_out = "this trains one: python run_all.py --only training"
        raise BadInput(f"no trained run in {outputs}", way_out=way_out)
    return name


def newest_of_digits(outputs: Path) -> str | None:
    """Return the name of the run that was trained last of those that frame digits by their ink, None where none is."""
    for name in runs.all_with(outputs, "training"):
        with contextlib.suppress(BadInput, OSError, ValueError):
            if forms.of_description(run_files.read(run_files.Model, outputs / name)).framing == "ink":
                return name
    return None


def check_has_photographs(reader: Reader, named: str) -> None:
    """Raise BadInput where photographs would have to be made, `named` being none, and the Reader is none of digits."""
    if not named and forms.of_description(reader.description).framing != "ink":
        rule = "it takes images whole, and the photographs that are made here are of digits"
        raise BadInput(rule, field="run", value=reader.run, way_out="name photographs of its classes in `files`")


def no_such_run(name: str, outputs: Path) -> BadInput:
    """Return the error of a run `name` that is not there: it names the nearest one, and those that were trained last.

    Where nothing is trained, and no name is near, it says how to train.
    """
    known = {path.parent.name for made in ("run.json", "model.json") for path in outputs.glob(f"*/{made}")}
    names = [other for other in sorted(known) if runs.NAME_RULE.fullmatch(other)]
    advice = [f"did you mean {near}?" for near in difflib.get_close_matches(name, names, n=1)]
    trained = [other for other in runs.all_with(outputs, "training") if other in names]
    if trained:
        advice.append(f"trained last: {', '.join(trained[:NAMED])}")
    return BadInput("no such run", field="run", value=name, way_out=" ".join(advice) or training_of(name))


def training_of(name: str) -> str:
    """Return the way out where the run `name` has no model."""
    return f"this makes one: python run_all.py --only training --run {name}"


def untrained(folder: Path) -> BadInput:
    """Return the error of a run that has no model which can be loaded: it says why, as far as model.json tells."""
    rule = "no trained model in it, or none that is whole"
    way_out = training_of(folder.name)
    try:
        run_files.read(run_files.Model, folder)
        if runs.load_manifest(folder) is None:  # made by hand: no command trains over it unless it is told to
            way_out += " --force"
    except ValueError as error:
        rule = f"its model.json is not what a training writes ({error})"
        way_out = f"python run_all.py --run {folder.name} --only training --force"
    except OSError:  # there is none
        pass
    return BadInput(rule, field="run", value=folder.name, way_out=way_out)


def check_trained(folder: Path) -> None:
    """Raise BadInput where a runner is at work on a run, and has not trained it yet, or is training it anew."""
    runner = runs.runner_of(folder)
    if runner is None:
        return
    manifest = runs.load_manifest(folder)
    if manifest is None or not manifest.is_done("training"):
        rule = f"process {runner} is at work on it, and has not trained it yet"
        if runs.is_training(folder):
            rule = f"process {runner} is just training it"
        raise BadInput(rule, field="run", value=folder.name, way_out="wait for it, or name another")


def check_model(folder: Path) -> None:
    """Raise BadInput where a run's manifest says that its model is not the one that its training left.

    A run without a manifest was made by hand; its model.json alone says what belongs together.
    """
    way_out = f"python run_all.py --run {folder.name} --only training makes it anew"
    if runs.is_damaged(folder):
        rule = "its run.json is not as it was written, so nothing of the run is believed"
        way_out = f"python run_all.py --run {folder.name} --only training with its --dataset makes it anew"
        raise BadInput(rule, field="run", value=folder.name, way_out=way_out)
    manifest = runs.load_manifest(folder)
    if manifest is None or "training" not in manifest.stages:
        return
    if not manifest.is_done("training"):
        way_out = f"python run_all.py --run {folder.name} --only training goes on with it"
        raise BadInput("its training has not been finished", field="run", value=folder.name, way_out=way_out)
    for name in ("model.json", "model.safetensors", "certainty.npz"):
        if (folder / name).is_file() and runs.read_recorded(folder, manifest, name) is None:
            rule = f"{name} is not as its training left it"
            raise BadInput(rule, field="run", value=folder.name, way_out=way_out)


def form_for(run: str, description: dict[str, Any], framed: str) -> Form:
    """Return the Form that images are brought to for the model that model.json describes, `framed` as was asked for.

    BadInput where ink was asked for, and the model is of other images than 28x28 grey ones.
    """
    form = forms.of_description(description)
    if framed == "ink" and not form.is_mnists:
        rule = f"it takes images {form.describe()}, and ink is framed in {framing.SIDE}x{framing.SIDE} grey pixels"
        raise BadInput(rule, field="run", value=run, way_out="leave out `framing`")
    return form if framed == "auto" else form._replace(framing=framed)
