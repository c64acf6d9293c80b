"""Figures of 04_results."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .. import evaluation
from .pictures import images, mosaic, overlay
from .showing import Panels
from .style import ACCENT, ERROR, GREY, NARROW, TEXT, WIDE, describe, heading, name_ticks, new, shorten, wrap


def recall_and_precision(table: np.ndarray, names: Sequence[str], most: int = 30) -> Figure:
    """Return recall and precision of each class with 95% intervals, of the `most` lowest recalls where there are more.

    `table`: a confusion matrix, int64 (classes, classes).
    """
    hits = np.diag(table)
    images = table.sum(axis=1)
    called = table.sum(axis=0)
    recall = hits / np.where(images > 0, images, np.nan)
    drawn = np.sort(recall.argsort(kind="stable")[:most])
    figure, axis = new(width=WIDE, height=3.6 if len(drawn) <= 12 else 4.8)  # names of many classes stand upright
    for label, totals, shift, colour in (("recall", images, -0.14, ACCENT), ("precision", called, 0.14, GREY)):
        some = totals[drawn] > 0  # of a class that no answer names there is no precision
        of = np.where(some, totals[drawn], np.nan)
        shares = hits[drawn] / of
        ends = np.array([evaluation.wilson(*pair) for pair in zip(hits[drawn], of, strict=True)]).T
        ends[:, ~some] = np.nan
        places = np.arange(len(drawn)) + shift
        style = {"fmt": "o", "color": colour, "markerfacecolor": colour if colour == ACCENT else "none"}
        axis.errorbar(places, 100 * shares, 100 * np.abs(ends - shares), elinewidth=1.5, label=label, **style)
    figure.legend(loc="outside lower left", ncols=2, handletextpad=0.2, labelcolor="linecolor", prop={"weight": "bold"})
    axis.set(title="Recall and precision by class, 95% intervals", ylabel="% of the images", xlabel="class")
    axis.margins(y=0.12)
    name_ticks(axis.xaxis, [names[label] for label in drawn])
    axis.grid(axis="x", visible=False)
    ends_of_recall = f"recall from {np.nanmin(recall[drawn]):.1%} to {np.nanmax(recall[drawn]):.1%}"
    return describe(figure, f"Two dots with bars for each of {len(drawn)} classes; {ends_of_recall}.")


def wrong_answers(
    pixels: Sequence[np.ndarray], predictions: evaluation.Predictions, names: Sequence[str], title: str
) -> Figure:
    """Return misclassified images, (n, c, h, w); above each what was said and what the label is, with probabilities."""
    short = max(map(len, names)) <= 2
    of_label = predictions.probabilities[np.arange(len(pixels)), predictions.labels]
    rows = zip(predictions.predicted, predictions.confidence, predictions.labels, of_label, strict=True)
    titles = [f"said {names[said]}: {sure:.0%}\nis {names[true]}: {p:.0%}" for said, sure, true, p in rows]
    figure = images(pixels, titles, columns=8 if short else 5, size=1.05 if short else 1.7)
    figure.set_figwidth(max(figure.get_figwidth(), 5))
    heading(figure, title)
    return describe(figure, f"{title}: images with wrong answers, {len(pixels)} in number.")


def occlusion(pixels: np.ndarray, heat: np.ndarray, said: Sequence[str], true: Sequence[str]) -> Figure:
    """Return images, uint8 (n, c, h, w), and below each the `heat`, (n, 2, h, w), of what was said and of the label."""
    pale = [[overlay(*pair) for pair in zip(pixels, maps, strict=True)] for maps in heat.swapaxes(0, 1)]
    pairs = zip(said, true, strict=True)
    heads = {place: f"said {shorten(a, 14)},\nis {shorten(b, 14)}" for place, (a, b) in enumerate(pairs)}
    rows = [pixels, *map(np.stack, pale)]
    figure = mosaic(rows, ["image", "for what it said", "for the label"], "What the answers rest on", heads, 0.8)
    return describe(figure, f"{len(pixels)} images and two maps of each: where covering lowers either probability.")


def corrupted(rows: Mapping[str, np.ndarray], units: Mapping[str, str], answers: Sequence[Sequence[str]]) -> Figure:
    """Return one image under every corruption: a row of images, (n, c, h, w), for each, named by its strengths.

    `units` are the rows' labels; `answers` are the classes to write into the corner of each image, "" for none.
    """
    figure = mosaic(list(rows.values()), list(units.values()), "One image, corrupted more and more")
    tall, wide = (length + 2 for length in next(iter(rows.values())).shape[-2:])
    for row, said_of in enumerate(answers):
        for column, said in enumerate(said_of):
            name = shorten(said, 7)
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if said else None
            place = ((column + 1) * wide - 2, row * tall + 1)
            figure.axes[0].text(*place, name, color=ERROR, ha="right", va="top", fontsize=TEXT, bbox=ground)
    forms, wrong = sum(map(len, answers)), sum(bool(said) for said_of in answers for said in said_of)
    return describe(figure, f"{len(rows)} rows of one image in {forms} forms, {wrong} of them misclassified.")


def robustness(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    labels: Mapping[str, str],
    reach: Mapping[str, str],
    count: int,
    levels: tuple[float, float],
) -> Panels:
    """Return eight curves of accuracy against strength, {"strength", "accuracy"}, with 95% intervals of `count` images.

    `labels` name the strengths, `reach` says in words how far each is held; `levels` are the accuracy without
    corruption and that of always naming the majority class, shares from 0 to 1. A panel each, on one scale.
    """
    panels = []
    for name, curve in curves.items():
        figure, axis = new(width=NARROW, height=2.5)
        band = [evaluation.wilson(round(share * count), count) for share in curve["accuracy"]]
        axis.fill_between(curve["strength"], *(100 * np.array(band).T), color=ACCENT, alpha=0.2, linewidth=0)
        axis.plot(curve["strength"], 100 * np.array(curve["accuracy"]), "o-", color=ACCENT, markersize=5)
        for level, style in zip(levels, ("--", ":"), strict=True):
            axis.axhline(100 * level, color=GREY, linestyle=style, linewidth=1.2)
        title = wrap(f"{name}: {reach[name]}", 5.2, 14)
        axis.set(title=title, xlabel=wrap(labels[name], 5.2), ylabel="accuracy, %", ylim=(0, 104))
        panels.append(figure)
    return describe(Panels(panels), f"Eight curves. {'; '.join(map(': '.join, reach.items()))}.")


def filters(trained: np.ndarray, untrained: np.ndarray, most: int = 32) -> Figure:
    """Return filters of a first convolution, (n, c, k, k), c 1 or 3, above untrained ones, all on one scale."""
    limit = float(np.abs(trained).max())
    coloured, count = trained.shape[1] == 3, min(len(trained), most)
    across = min(count, 16)
    rows = math.ceil(count / across)
    blank = np.zeros((across * rows - count, *trained.shape[1:]))  # so that untrained ones begin a row
    filled = np.concatenate([trained[:count], blank, untrained[:count]])
    shades = 127.5 + 127.5 * np.clip(filled / limit, -1, 1)
    pixels = list(shades if coloured else filled.mean(axis=1))
    row_titles = ["trained", *[""] * (rows - 1), "untrained", *[""] * (rows - 1)]
    figure = images(pixels, columns=across, size=0.5, row_titles=row_titles)
    figure.scrolls = across > 8  # type: ignore[attr-defined]  # else a phone shows squares too small to be seen
    if not coloured:
        for axis in figure.axes[: len(pixels)]:
            axis.images[0].set(cmap="RdBu", clim=(-limit, limit))
        figure.colorbar(figure.axes[0].images[0], ax=figure.axes, label="weight", shrink=0.8)
    heading(figure, "Filters of the first convolution, trained and untrained")
    return describe(figure, f"{count} small squares of weights, and {count} untrained ones.")


def layers(outputs: Mapping[str, Any], original: np.ndarray | None, most: int = 10) -> Figure:
    """Return the `most` active channels of each layer, tensors {name: (channels, h, w)}, a row for each.

    Every layer is scaled to its own maximum. `original`, uint8 (1, c, h, w), is drawn in the place of the first row.
    """
    import torch  # here, because figures of the pipeline's own need none

    first = next(iter(outputs.values()))
    rows = []
    for values in outputs.values():
        strongest = values.mean(dim=(1, 2)).argsort(descending=True)[:most]
        large = torch.nn.functional.interpolate(values[None, strongest], size=first.shape[-2:])[0]
        rows.append((large / large.max().clamp(min=1e-9)).clamp(min=0).numpy())
    if original is not None:
        rows[0] = original
    names = [f"{name} {'x'.join(map(str, values.shape))}" for name, values in outputs.items()]
    figure = mosaic(rows, names, "One image as each layer passes it on")
    return describe(figure, f"A row of small pictures for each of {', '.join(outputs)}.")
