"""Photographs and what a Reader says of them, as HTML: a card each, for a notebook and for a report.

A card shows the photograph with a box around the digit, or without one where images are taken whole, what the network
saw, the probability of each class, and the answer in words; or why there is none. That of a sheet has a box around each
digit, and what was read in lines.
Photographs are shrunk to thumbnails, so that a page of hundreds stays light.
"""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .. import files, framing, lead, pictures
from ..errors import BadInput
from ..framing import NoDigit
from ..reading import Answer, Reader, SheetAnswer, others_in_words, percent

THUMBNAIL = 240  # pixels of its longer side
SHEET = 720  # the same of a sheet with several digits
QUALITY = 75  # of its JPEG
BARS = 10  # classes at most, the most probable ones
TAKEN = "<figcaption>the photograph</figcaption>"
SEEN = "<figcaption>as the network saw it</figcaption>"
STYLE = Path(__file__).resolve().with_name("cards.css")


Shares = tuple[float, ...]  # left, top, right and bottom of a digit, of the photograph's width and height


class Card(NamedTuple):
    """A photograph, and what became of it; only one of `answer`, `sheet` and `problem` is there."""

    name: str
    answer: Answer | None = None
    sheet: SheetAnswer | None = None  # where several digits were looked for
    problem: str = ""  # why it could not be read
    thumbnail: bytes = b""  # JPEG
    boxes: tuple[Shares, ...] = ()  # around each digit that was found
    is_whole: bool = False  # whether the image is taken as it is, and no digit looked for
    path: str = ""  # of its file, where it has one
    truth: str = ""  # the class that it shows, where that is known

    @property
    def label(self) -> str | None:
        """The class that was read, None where there is none."""
        return self.answer.label if self.answer else None

    @property
    def is_read(self) -> bool:
        """Whether there is an answer: on an image that is taken whole always, elsewhere where a digit was found."""
        return bool(self.boxes) or (self.is_whole and self.answer is not None)

    @property
    def is_wrong(self) -> bool:
        """Whether it is known to show another class than was read, or to show one where none was found."""
        return bool(self.truth) and self.label != self.truth


def find(named: str, folder: Path) -> list[tuple[str, str]]:
    """Return [(name to show, path)] of a photograph, or of those in the folder `named`.

    A name that ends in .json is that of a list of such pairs in `folder`, a run's. BadInput where there is nothing.
    """
    if named.endswith(".json"):
        return [(name, path) for name, path in json.loads(files.read_file(folder / named))]
    path = files.absolute(named)
    if path.is_file():
        return [(path.name, str(path))]
    images = [inner for inner in sorted(path.rglob("*")) if inner.suffix.lower() in pictures.ENDINGS]
    found = [inner for inner in images if not inner.name.startswith(".")]
    if not found:
        raise BadInput("no such photograph, and no folder of them", field="files", value=named)
    return [(str(inner.relative_to(path)), str(inner)) for inner in found]


def read_file(reader: Reader, name: str, path: str, sheet: bool = False) -> Card:
    """Return the Card of the photograph in the file `path`, which is shown as `name`; `sheet`: of several digits."""
    name = name.encode("utf-8", "replace").decode()  # that of a file need not be text
    read = read_sheet if sheet else read_pixels
    is_whole = reader.framing == "whole" and not sheet
    try:
        with warnings.catch_warnings(action="ignore"):  # what NumPy thinks of an odd image helps nobody
            return read(reader, name, pictures.open_file(path))._replace(path=path)
    except pictures.Unreadable as error:
        return Card(name, problem=str(error), path=path, is_whole=is_whole)
    except Exception as error:  # one odd image must not cost the answers on all others
        problem = f"a defect of this program, {type(error).__name__}"
        return Card(name, problem=problem, path=path, is_whole=is_whole)


def read_pixels(reader: Reader, name: str, pixels: np.ndarray, truth: str = "") -> Card:
    """Return the Card of a photograph, uint8 (h, w, 3); `truth` is the class that it shows, where that is known."""
    answer = reader.read(pixels)
    is_whole = reader.framing == "whole"
    boxes = () if is_whole else boxes_of([answer], pixels)
    return Card(name, answer, thumbnail=as_thumbnail(pixels), boxes=boxes, truth=truth, is_whole=is_whole)


def read_sheet(reader: Reader, name: str, pixels: np.ndarray) -> Card:
    """Return the Card of a photograph of several digits, uint8 (h, w, 3)."""
    answer = reader.read_sheet(pixels)
    boxes = boxes_of(answer.digits, pixels)
    return Card(name, sheet=answer, thumbnail=as_thumbnail(pixels, SHEET), boxes=boxes)


def boxes_of(answers: Sequence[Answer], pixels: np.ndarray) -> tuple[Shares, ...]:
    """Return where on a photograph, (h, w, 3), the digits are that were found."""
    height, width = pixels.shape[:2]
    boxes = [answer.framed.box for answer in answers if not isinstance(answer.framed, NoDigit)]
    return tuple((left / width, top / height, right / width, bottom / height) for left, top, right, bottom in boxes)


def as_thumbnail(pixels: np.ndarray, side: int = THUMBNAIL) -> bytes:
    """Return a photograph, uint8 (h, w, 3), as a small JPEG, its longer side of at most `side` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def as_png(image: np.ndarray) -> bytes:
    """Return what a network saw, uint8 (h, w) or (c, h, w), as a PNG.

    In MNIST's form, 28x28 and grey, ink is light, and is shown dark on white.
    """
    if image.ndim == 2:
        image = image[None]
    if image.shape == (1, framing.SIDE, framing.SIDE):
        image = 255 - image
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    return file.getvalue()


def in_words(card: Card) -> str:
    """Return what became of a photograph, as HTML: the one place where an answer is put into words."""
    if card.sheet is not None:
        return sheet_in_words(card.sheet)
    if card.answer is None:
        return f"<b>Not read:</b> {escape(card.problem)}"
    if isinstance(card.answer.framed, NoDigit):
        said = f"<b>No digit found:</b> {escape(card.answer.framed.reason)}"
    else:
        said = label_in_words(card.answer)
    if card.is_wrong:
        said += f". <em>It is {escape(card.truth)}</em>"
    return said


def label_in_words(answer: Answer) -> str:
    """Return what was read, as HTML, and what else it may be: `Unsure: 4, 61.0%, or 9`."""
    label = answer.label or ""
    words = f"<b>{escape(label)}</b>, {percent(answer.probability)}"
    others = [escape(other) for other in answer.possible if other != label]
    beside = others_in_words(others, len(answer.possible) != len(answer.labels))
    words += f", {beside}" if beside else ""
    return f"<b>Unsure:</b> {words}" if answer.sure is False else f"Read as {words}"


def sheet_in_words(sheet: SheetAnswer) -> str:
    """Return what was read on a sheet, as HTML: a line each, and how many of its digits are unsure."""
    if not sheet.lines:
        return f"<b>No digit found:</b> {escape(sheet.reason)}"
    lines = "<br>".join(escape(line) for line in sheet.text.splitlines())
    unsure = sum(digit.sure is False for digit in sheet.digits)
    digits = f"{len(sheet.digits)} digit{'s' * (len(sheet.digits) != 1)}"
    return f"Read as<br><b>{lines}</b><br>{digits}{f', {unsure} of them unsure' if unsure else ''}"


def summary(cards: Sequence[Card]) -> str:
    """Return in a sentence, as Markdown, how many of the photographs were read."""
    unread = sum(bool(card.problem) for card in cards)
    read = sum(card.is_read for card in cards)
    unsure = sum(card.answer is not None and card.answer.sure is False for card in cards)
    without = len(cards) - unread - read
    counted = f"**{read} of {len(cards)}** photograph{'s' * (len(cards) != 1)}"
    is_whole = any(card.is_whole for card in cards)
    parts = [f"There is an answer on {counted}" if is_whole else f"A digit was found on {counted}"]
    if unsure:
        parts.append(f"{unsure} of these answers {'are' if unsure > 1 else 'is'} unsure")
    if without:
        parts.append(f"none on {without}")
    if unread:
        parts.append(f"{unread} file{'s' * (unread != 1)} could not be read")
    return "; ".join(parts) + "."


def lead_of(cards: Sequence[Card]) -> lead.Lead:
    """Return what a page says first of photographs: `summary`, and its figures. A sheet is unsure where a digit is."""
    given = [
        [card.answer] if card.answer else card.sheet.digits if card.sheet else [] for card in cards if card.is_read
    ]
    unsure = sum(any(answer.sure is False for answer in answers) for answers in given)
    is_known = not any(answer.sure is None for answers in given for answer in answers)
    return lead.answers(summary(cards), len(cards), len(given), unsure if is_known else None)


def grid(cards: Sequence[Card]) -> str:
    """Return the cards as HTML, with their style."""
    items = "\n".join(f"<li{' class=sheet' * (card.sheet is not None)}>{one(card)}</li>" for card in cards)
    return f'<div class="cards">\n<style>{STYLE.read_text(encoding="utf-8")}</style>\n<ul>\n{items}\n</ul>\n</div>'


def one(card: Card) -> str:
    """Return one card as HTML."""
    words = f'<p class="says">{in_words(card)}</p><p class="name">{escape(card.name)}</p>'
    if card.problem:
        return f'<div class="head"><div>{words}</div></div>'
    photograph = f'<figure class="taken"><div class="photograph">{picture(card)}</div>{TAKEN}</figure>'
    if card.answer is None or isinstance(card.answer.framed, NoDigit):
        return f'<div class="head"><div>{words}</div></div><div class="body">{photograph}</div>'
    source = data_address("png", as_png(card.answer.framed.image))
    height, width = card.answer.framed.image.shape[-2:]
    alternative = escape(f"{card.name} as the network saw it, {width} by {height} pixels")
    image = f'<img src="{source}" alt="{alternative}" width="56" height="56">'
    seen = f'<figure class="seen">{image}{SEEN}</figure>'
    return f'<div class="head">{seen}<div>{words}</div></div><div class="body">{photograph}{bars(card.answer)}</div>'


def picture(card: Card) -> str:
    """Return the photograph of a card as HTML, with a box around each digit, and on a sheet its label."""
    found = {0: "on which no digit was found", 1: "with a box around the digit"}
    shown = "taken whole" if card.is_whole else found.get(len(card.boxes), "with a box around each digit")
    alternative = f"The photograph {card.name}, {shown}"
    labels = [digit.label or "" for digit in card.sheet.digits] if card.sheet else [""] * len(card.boxes)
    boxes = "".join(box(*each) for each in zip(card.boxes, labels, strict=True))
    return f'<img src="{data_address("jpeg", card.thumbnail)}" alt="{escape(alternative)}">{boxes}'


def box(shares: Shares, label: str) -> str:
    """Return a box on a photograph as HTML; `label` stands beside it, as text that a screen reader leaves out."""
    left, top, right, bottom = (100 * share for share in shares)
    place = f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"
    shown = f'<b aria-hidden="true">{escape(label)}</b>' if label else ""
    return f'<span class="box" style="{place}">{shown}</span>'


def bars(answer: Answer) -> str:
    """Return the probabilities of an answer as HTML: a row per class in the order of their names, BARS of them."""
    most = list(zip(answer.labels, answer.probabilities, strict=True))[:BARS]
    rows = []
    for label, probability in sorted(most):
        kind = ' class="first"' if label == answer.label else ""
        bar = f'<td><i style="width:{100 * probability:.1f}%"></i></td>'
        rows.append(f'<tr{kind}><th scope="row">{escape(label)}</th>{bar}<td>{percent(probability, "&gt;")}</td></tr>')
    return f'<table class="bars"><tbody>{"".join(rows)}</tbody></table>'


def data_address(kind: str, content: bytes) -> str:
    """Return the address of an image that lies in the page itself; `kind` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
