"""The confusion matrix as a table whose cells open the images behind them, with the network's probabilities."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from .. import plots
from ..evaluation import Predictions, confusion_matrix, mistakes
from . import frame

MOST = 300  # mistakes whose images a page holds
PER_CELL = 24  # of these in one cell
RIGHT = 60  # right answers whose images it holds, about
RIGHT_PER_CLASS = 6
LARGEST = 130_000  # bytes of their sprite; larger ones are compressed, then thinned out
MANY = 15  # classes: with more, the cells of the table are smaller
SHORT = 3  # letters: where a name is longer, those of the columns are written upwards
ACROSS = 20  # images in a row of the sprite
QUALITY = 85  # of the JPEG that they are compressed to


class Sheet(NamedTuple):
    """Images of a page in one file."""

    places: np.ndarray  # int64 (k,): which images
    content: bytes
    kind: str  # the file's media type; of image/png every pixel is as it was


def confusion_table(images: np.ndarray, predictions: Predictions, class_names: Sequence[str]) -> str:
    """Return HTML with the table of counts; where there is JavaScript, a cell opens its images.

    `images`: uint8 (n, c, s, s), those of `predictions`, whose probabilities are shown. A page holds up to MOST
    mistakes, the most confident of every cell first, and of every class a few right answers, the least confident
    first: all of them as they are, or compressed and fewer where they would take more than LARGEST bytes.
    """
    counts = confusion_matrix(predictions)
    sheet = pack(images, choose_mistakes(predictions), choose_right(predictions))
    values = {
        "names": list(class_names),
        "counts": counts.tolist(),
        "images": [describe(predictions, place) for place in sheet.places.tolist()],
        "side": images.shape[-1],
        "channels": images.shape[1],
        "ink": images.shape[1:] == plots.MNISTS,
        "across": ACROSS,
        "kind": sheet.kind,
    }
    parts = {
        "TABLE": table(counts, class_names),
        "SIZE": "many" if len(class_names) > MANY else "few",
        "NAMES": "long" if max(map(len, class_names)) > SHORT else "short",
        "NOTE": "" if sheet.kind == "image/png" else frame.read("compressed.html"),
        "VALUES": frame.as_json(values),
        "SPRITE": frame.encode(sheet.content),
    }
    return frame.assemble("confusion", parts)


def choose_mistakes(predictions: Predictions) -> np.ndarray:
    """Return the mistakes to show, int64 (k,): of each cell one in turn, its most confident; the fullest cells first.

    At most PER_CELL of a cell and MOST in all.
    """
    order = mistakes(predictions)
    cells = predictions.labels[order] * predictions.logits.shape[1] + predictions.predicted[order]
    turns = place_within(cells)
    fullest = -np.bincount(cells)[cells] if len(cells) else cells
    by_turn = np.lexsort((cells, fullest, turns))
    return order[by_turn[turns[by_turn] < PER_CELL]][:MOST]


def choose_right(predictions: Predictions) -> np.ndarray:
    """Return the right answers to show, int64 (k,): of each class one in turn, the least confident first."""
    right = np.flatnonzero(predictions.correct)
    order = right[np.argsort(predictions.confidence[right], kind="stable")]
    labels = predictions.labels[order]
    turns = place_within(labels)
    each = min(RIGHT_PER_CLASS, max(RIGHT // predictions.logits.shape[1], 1))
    by_turn = np.lexsort((labels, turns))
    return order[by_turn[turns[by_turn] < each]]


def place_within(groups: np.ndarray) -> np.ndarray:
    """Return of each of `groups`, int64 (n,), how many of the same group stand before it, int64 (n,)."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    places = np.empty(len(groups), dtype=np.int64)
    places[order] = np.arange(len(groups)) - starts
    return places


def pack(images: np.ndarray, wrong: np.ndarray, right: np.ndarray) -> Sheet:
    """Return as many of the `wrong` and `right` images, the first of each, as LARGEST bytes hold, as a Sheet.

    One image of each is always taken.
    """
    part = 1
    while True:
        places = np.concatenate([wrong[: -(-len(wrong) // part)], right[: -(-len(right) // part)]])
        chosen = np.asarray(images[places])
        if chosen.nbytes < 4 * LARGEST:  # of more, no PNG is small enough
            content = frame.sprite(chosen, ACROSS)
            if len(content) <= LARGEST:
                return Sheet(places, content, "image/png")
        content = frame.jpeg(chosen, QUALITY, ACROSS)
        if len(content) <= LARGEST or part >= max(len(wrong), len(right)):
            return Sheet(places, content, "image/jpeg")
        part *= 2


def describe(predictions: Predictions, place: int) -> list[float]:
    """Return [place, label, answer, other, probability of the answer, that of the other] of an image.

    The other class is the label of a mistake, and the second most probable of a right answer.
    """
    one = Predictions(predictions.logits[[place]], predictions.labels[[place]])
    label, answer = int(one.labels[0]), int(one.predicted[0])
    shares = one.probabilities[0]
    second = int(np.argsort(-shares, kind="stable")[1])
    other = second if label == answer else label
    return [place, label, answer, other, round(float(shares[answer]), 6), round(float(shares[other]), 6)]


def table(counts: np.ndarray, class_names: Sequence[str]) -> str:
    """Return a confusion matrix as rows of an HTML table; a cell's --heat, per cent, says how full it is.

    On the diagonal that is the share of its class, elsewhere its part of the fullest mistake.
    """
    names = [escape(name) for name in class_names]
    heads = "".join(f'<th scope="col" title="{name}"><span>{name}</span></th>' for name in names)
    lines = [f"<thead><tr><td></td>{heads}</tr></thead>", "<tbody>"]
    off = counts - np.diag(np.diag(counts))
    heat = np.sqrt(off / max(off.max(), 1))
    np.fill_diagonal(heat, np.diag(counts) / counts.sum(axis=1).clip(1))
    for row, name in enumerate(names):
        cells = [cell(counts[row, column], heat[row, column], row == column) for column in range(len(names))]
        lines.append(f'<tr><th scope="row" title="{name}"><span>{name}</span></th>{"".join(cells)}</tr>')
    return "\n".join([*lines, "</tbody>"])


def cell(count: int, heat: float, is_right: bool) -> str:
    """Return one cell of the table as HTML."""
    kind = ' class="right"' if is_right else ""
    if not count:
        return f"<td{kind}></td>"
    return f'<td{kind or " class=wrong"} style="--heat:{100 * heat:.0f}%">{count:,}</td>'
