"""The page over a grid: outputs/grids/<name>/grid.html, and what it shows as grid.csv and grid.json."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import files

from . import index, standings
from .grids import AXES, REPEATS, Grid
from .reports import in_words
from .scale import points_of, scale_of
from .standings import Comparison, Estimate, Group, Reading, Setting, Standings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[int, Reading, standings.Figures]  # a finished run, with the place of its setting
Drawn = tuple[str, "Figure", str, str]  # name of a figure, the figure, its caption, its alternative text
PARTS = ("report.css", "index.css", "report.js", "sort.js")
KINDS = {"failed": "failed", "missing": "without figures"}  # of runs that are not done
VERSION = 1  # of grid.json
ESTIMATED = ("validation_accuracy", "validation_loss", "validation_f1", "train_accuracy", "training_seconds")
COLUMNS = (
    *("run", "state", "rank", *AXES),
    *("validation_accuracy", "validation_loss", "validation_f1", "train_accuracy", "train_loss"),
    *("epochs_done", "training_seconds", "message"),
)


def write(grid: Grid) -> Path:
    """Write grid.html, grid.csv and grid.json of a grid from the files of its runs; return the path of the page.

    The same runs give the same bytes. OSError where that fails.
    """
    stand = standings.read(grid)
    summary = summarise(stand)
    files.write_file(grid.folder / "grid.csv", as_csv(summary["points"]))
    files.write_json(grid.folder / "grid.json", summary)
    return files.write_file(grid.folder / "grid.html", as_html(stand, summary))


def summarise(stand: Standings) -> dict[str, Any]:
    """Return all that the page shows, as grid.json holds it. Shares from 0 to 1, losses in nats; null is not known."""
    ranks: dict[str, int | None] = {}
    for group in stand.groups:
        for setting in group.settings:
            ranks |= {reading.point.run: setting.rank for reading in setting.readings}
    states = Counter(reading.kind for reading in stand.readings)
    return {
        "version": VERSION,
        "name": stand.grid.name,
        "axes": list(stand.grid.axes),
        "runs": {"all": len(stand.readings)} | {kind: states[kind] for kind in ("done", "failed", "missing")},
        "started": min((reading.started for reading in stand.readings if reading.started), default=""),
        "finished": max((reading.finished for reading in stand.readings), default=""),
        "groups": [summarise_group(group) for group in stand.groups],
        "points": [summarise_point(reading, ranks[reading.point.run]) for reading in stand.readings],
    }


def summarise_group(group: Group) -> dict[str, Any]:
    """Return what the page shows of a group of settings."""
    return {
        "dataset": group.dataset,
        "fingerprint": group.fingerprint,
        "form": list(group.form),
        "validation_size": group.validation_size,
        "settings": [summarise_setting(setting) for setting in group.settings],
        "differences": [summarise_comparison(comparison) for comparison in group.comparisons],
        "test": summarise_test(group),
    }


def summarise_setting(setting: Setting) -> dict[str, Any]:
    """Return what the page shows of a setting; its figures are null where no run of it is done."""
    row: dict[str, Any] = {"name": setting.name, "rank": setting.rank, "tied": setting.tied, "values": setting.values}
    row["runs"] = {"all": len(setting.readings), "done": len(setting.done)}
    for figure in ESTIMATED:
        row[figure] = summarise_estimate(setting.estimate(figure)) if setting.done else None
    return row


def summarise_estimate(estimate: Estimate) -> dict[str, Any]:
    """Return an Estimate as JSON holds it."""
    return {
        "mean": estimate.mean,
        "low": known(estimate.low),
        "high": known(estimate.high),
        "n": estimate.count,
    }


def known(value: float) -> float | None:
    """Return a figure, or None for NaN, which JSON does not have."""
    return value if math.isfinite(value) else None


def summarise_comparison(comparison: Comparison) -> dict[str, Any]:
    """Return what the page shows of the first of a group against another."""
    difference = comparison.difference
    return {
        "to": comparison.other.name,
        "repeats": comparison.repeats,
        "mean": difference.mean if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "p": comparison.p_value,
        "adjusted_p": comparison.adjusted,
        "verdict": comparison.verdict,
    }


def summarise_test(group: Group) -> dict[str, Any] | None:
    """Return the test accuracy of the first of a group; None where it is not known."""
    if group.test is None or group.first is None:
        return None
    rows = [{"run": run, **accuracy.model_dump()} for run, accuracy in group.test.accuracies]
    return {"setting": group.first.name, **summarise_estimate(group.test.mean), "runs": rows}


def summarise_point(reading: Reading, rank: int | None) -> dict[str, Any]:
    """Return the row of a point: COLUMNS, and the validation loss after each epoch. What is not known is None."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"run": reading.point.run, "state": reading.state, "rank": rank, "message": reading.message}
    row |= reading.point.settings | {"seed": reading.point.seed, "fold": reading.point.fold, "curve": []}
    figures = reading.figures
    if figures is not None:
        for name in (*standings.FIGURES, "training_seconds"):
            row[name] = getattr(figures, name)
        row["epochs_done"] = figures.epochs
        row["curve"] = list(figures.curve)
    return row


def as_csv(points: list[dict[str, Any]]) -> str:
    """Return the content of grid.csv: a header, then one line per point; what is not known is left empty."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(points)
    return table.getvalue()


def as_html(stand: Standings, summary: dict[str, Any]) -> str:
    """Return the page of a grid: one file that opens offline, and without JavaScript."""
    points = [show_point(reading, row) for reading, row in zip(stand.readings, summary["points"], strict=True)]
    groups = [show_group(stand, group, place) for place, group in enumerate(stand.groups)]
    number_figures(groups)
    return index.render(
        "grid.html.j2",
        PARTS,
        name=stand.grid.name,
        counts=count_runs(summary["runs"]),
        done=summary["runs"]["done"],
        started=in_words(summary["started"]),
        finished=in_words(summary["finished"]),
        axes=stand.grid.axes,
        groups=groups,
        points=points,
        failed=[point for point in points if point["kind"] == "failed"],
        chance=standings.CHANCE,
    )


def number_figures(groups: Sequence[dict[str, Any]]) -> None:
    """Number the figures of a page, one after the other, in their captions."""
    number = 0
    for group in groups:
        for place, figure in enumerate(group["figures"]):
            number += 1
            numbered = re.sub("^<figure ", f'<figure id="figure-{number}" ', figure)
            group["figures"][place] = numbered.replace("<figcaption>", f"<figcaption><b>Figure {number}.</b> ", 1)


def count_runs(counts: dict[str, int]) -> str:
    """Return in words how many runs a grid has, and how they stand."""
    words = [f"{counts['all']} {plural('run', counts['all'])}", f"{counts['done']} done"]
    words += [f"{counts[kind]} {text}" for kind, text in KINDS.items() if counts[kind]]
    return ", ".join(words)


def plural(word: str, count: int) -> str:
    """Return a word as it stands beside a number."""
    return word if count == 1 else f"{word}s"


def show_point(reading: Reading, row: dict[str, Any]) -> dict[str, Any]:
    """Return a point as the page shows it: texts."""
    figures = reading.figures
    texts = {"accuracy": "", "loss": "", "f1": "", "train": "", "epochs": "", "seconds": ""}
    if figures is not None:
        texts = {
            "accuracy": percent(figures.validation_accuracy),
            "loss": f"{figures.validation_loss:.4f}",
            "f1": percent(figures.validation_f1),
            "train": percent(figures.train_accuracy),
            "epochs": str(figures.epochs),
            "seconds": f"{figures.training_seconds:.1f} s",
        }
    return texts | {
        "run": reading.point.run,
        "state": reading.state,
        "kind": reading.kind,
        "message": reading.message,
        "rank": row["rank"] or "",
        "on": {axis: "" if row[axis] is None else standings.shown(row[axis]) for axis in AXES},
        "pages": [(title, f"../../{link}") for title, link in reading.pages],
        "main": f"../../{index.main_page(reading.pages, reading.state)}" if reading.pages else "",
    }


def percent(share: float) -> str:
    """Return a share as the page shows it."""
    return f"{share:.2%}"


def between(low: float, high: float) -> str:
    """Return an interval of a share, from 0 to 1; "" where it is not known."""
    return f"{percent(max(low, 0))} to {percent(min(high, 1))}" if math.isfinite(low) else ""


def spread_of(estimate: Estimate) -> str:
    """Return in words what stands behind a mean: its runs, and its interval where they are not all the same."""
    if estimate.count == 1:
        return "one run, so how far another seed would lie from it is not known"
    if estimate.high - estimate.low < 1e-9:
        return f"mean of {estimate.count} runs, which are all the same"
    return f"mean of {estimate.count} runs, 95% interval {between(estimate.low, estimate.high)}"


def in_points(share: float) -> str:
    """Return a difference of two shares in points, with its sign."""
    return f"{100 * share:+.2f}"


def chance_of(p_value: float) -> str:
    """Return a p-value as the page shows it."""
    return f"{p_value:.3f}" if p_value >= 0.001 else "below 0.001"


def show_group(stand: Standings, group: Group, place: int) -> dict[str, Any]:
    """Return a group of settings, the one at `place`, as the page shows it: texts and figures."""
    first = group.first
    name = name_group(group)
    ranked = [setting for setting in group.settings if setting.rank]
    several = len(stand.groups) > 1
    return {
        "title": name if several else "",
        "note": group.note,
        "of": f": {name}" if several else "",
        "answer": answer(group),
        "next": compare_with_next(group),
        "tiles": tiles_of(group),
        "sentences": qualify(group),
        "first": first.name if first else "",
        "tied": any(setting.tied for setting in ranked),
        "pairs": len(ranked) * (len(ranked) - 1) // 2,
        "test_rows": [(run, str(accuracy)) for run, accuracy in group.test.accuracies] if group.test else [],
        "figures": draw(stand, group, place) if ranked else [],
    } | show_rows(group)


def show_rows(group: Group) -> dict[str, Any]:
    """Return the rows of a group's tables, its settings and differences, and the axes that they stand on."""
    shares: list[float] = []
    for setting in group.settings:
        shares += [figures.validation_accuracy for figures in setting.done.values()]
        shares += interval_of(setting)
    scale = scale_of(shares)
    found = [comparison.difference for comparison in group.comparisons if comparison.difference is not None]
    points = points_of(value for difference in found for value in difference)
    settings, differences = [], []
    for setting in group.settings:
        row: dict[str, Any] = dict(show_setting(setting))
        if scale is not None and setting.done:
            row["marks"] = [scale.mark("run", figures.validation_accuracy) for figures in setting.done.values()]
            kind = "first" if setting is group.first else "other"
            row["marks"].append(scale.mark(kind, setting.estimate("validation_accuracy").mean, *interval_of(setting)))
        settings.append(row)
    for comparison in group.comparisons:
        row = dict(show_comparison(comparison))
        if points is not None and comparison.difference is not None:
            told_apart = comparison.verdict == standings.MORE_THAN_CHANCE
            row["marks"] = [points.mark("first" if told_apart else "other", *comparison.difference)]
        differences.append(row)
    return {"settings": settings, "scale": scale, "differences": differences, "points": points}


def interval_of(setting: Setting) -> list[float]:
    """Return the ends of the interval of a setting's validation accuracy, within 0 and 1; none where it has none."""
    if len(setting.done) < 2:
        return []
    accuracy = setting.estimate("validation_accuracy")
    return [max(accuracy.low, 0.0), min(accuracy.high, 1.0)]


def tiles_of(group: Group) -> list[dict[str, str]]:
    """Return the figures that stand above all of a group: label, value and what stands behind it."""
    first = group.first
    if first is None:
        return []
    reached = first.estimate("validation_accuracy")
    tiles = [tile("first on validation" if not group.missing else "first so far", percent(reached.mean), first.name)]
    if reached.count > 1:
        tiles[0]["detail"] += f", {brief_spread(reached)}"
    comparison = group.comparisons[0] if group.comparisons else None
    if comparison is not None and comparison.difference is not None:
        mean, low, high = comparison.difference
        detail = f"points, {in_points(low)} to {in_points(high)}: {comparison.verdict}"
        tiles.append(tile("ahead of the next", in_points(mean), detail))
    if group.test is not None:
        mean_test = group.test.mean
        detail = "of the first alone"
        if mean_test.count > 1:
            detail += f", {brief_spread(mean_test)}"
        tiles.append(tile("test accuracy", percent(mean_test.mean), detail))
    tiles.append(tile("training", f"{first.estimate('training_seconds').mean:.1f} s", "mean of the first"))
    return tiles


def tile(label: str, value: str, detail: str) -> dict[str, str]:
    """Return a tile as the template takes it."""
    return {"label": label, "value": value, "detail": detail}


def brief_spread(estimate: Estimate) -> str:
    """Return in a few words what stands behind a mean of several runs."""
    if estimate.high - estimate.low < 1e-9:
        return f"{estimate.count} runs, all the same"
    return f"{estimate.count} runs, {between(estimate.low, estimate.high)}"


def name_group(group: Group) -> str:
    """Return in words which images the settings of a group are validated on."""
    size = "" if group.validation_size is None else f", {group.validation_size} validation images"
    return f"{group.dataset}{size}"


def answer(group: Group) -> str:
    """Return the sentence that says which setting is first on validation."""
    first = group.first
    if first is None:
        return "No run has finished, so nothing can be ranked."
    reached = first.estimate("validation_accuracy")
    place = "first so far" if group.missing else "first"
    verb = f"is {place}, with a" if len(group.settings) > 1 else "reaches a"
    told = f"{first.name} {verb} validation accuracy of {percent(reached.mean)} ({spread_of(reached)})."
    if first.may_be_guessing:
        told += " That is not told apart from guessing the most frequent class (exact test at 5%)."
    if not first.is_complete:
        missing = len(first.readings) - len(first.done)
        told += f" {missing} of its {len(first.readings)} runs {'has' if missing == 1 else 'have'} no figures."
    return told


def compare_with_next(group: Group) -> str:
    """Return the sentences that say whether the first of a group is more than chance ahead of the others."""
    if not group.comparisons:
        if group.first is None:
            return ""
        alone = len(group.settings) == 1
        return "There is no other setting to compare it with." if alone else "No run of another setting has finished."
    comparison = group.comparisons[0]
    told_apart = sum(other.verdict == standings.MORE_THAN_CHANCE for other in group.comparisons)
    of_all = f" It is told apart from {told_apart} of the {len(group.comparisons)} others."
    if told_apart == len(group.comparisons):
        of_all = " It is told apart from all others."
    if len(group.comparisons) == 1:
        of_all = ""
    if comparison.difference is None or comparison.adjusted is None:
        return f"It cannot be compared with the next, {comparison.other.name}: {comparison.verdict}.{of_all}"
    tie = " The two have the same accuracy, and the lower loss decided." if comparison.other.tied else ""
    if comparison.verdict == standings.THE_SAME:
        return f"The next, {comparison.other.name}, made the same predictions on every validation image.{of_all}"
    mean, low, high = comparison.difference
    verdict = comparison.verdict
    if verdict == standings.ONE_PAIR:
        verdict = "from one pair of runs, which cannot tell whether another seed would reverse it"
    where = "ahead of" if mean >= 0 else "in the runs that both have, behind"
    return (
        f"It is {abs(100 * mean):.2f} points {where} the next, {comparison.other.name} (95% interval {in_points(low)} "
        f"to {in_points(high)}, adjusted p {chance_of(comparison.adjusted)}): {verdict}.{tie}{of_all}"
    )


def qualify(group: Group) -> list[str]:
    """Return the sentences that say what the first reaches on test images, and how far all this can be believed."""
    if group.first is None:
        return []
    alone = len(group.settings) == 1
    test = (
        "No test accuracy is shown here: this grid did not ask for one, or it would be one of several to choose from."
    )
    if group.missing:
        missing = f"{group.missing} {plural('run', group.missing)}"
        verb = "is" if group.missing == 1 else "are"
        test = (
            f"No test accuracy is shown yet: {missing} {verb} missing, and another setting may still become the first."
        )
    if group.test is not None:
        mean = group.test.mean
        spread = spread_of(mean)
        if mean.count == 1:
            accuracy = group.test.accuracies[0][1]
            spread = f"one run, 95% interval {between(accuracy.low, accuracy.high)}"
        test = f"Its test accuracy is {percent(mean.mean)} ({spread})."
        if not alone:
            test += " No other setting's is shown: whoever chose by test images would have none left to measure it by."
    sentences = [count_images(group), test]
    if group.comparisons:
        sentences.append(
            "The first was chosen by its validation accuracy, and a figure that was chosen because it is the highest "
            "is likely to be too high. Test images had no part in the choice."
        )
    if any(comparison.repeats == 1 for comparison in group.comparisons):
        sentences.append(
            "Where two settings share a single seed or fold that both have finished, interval and p-value speak for "
            "other images, and not for other trainings: another seed may well reverse the difference."
        )
    return sentences


def count_images(group: Group) -> str:
    """Return the sentence that says on which images, and on how many, the settings of a group are validated."""
    counts = {len(figures.correct) for setting in group.settings for figures in setting.done.values()}
    many = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
    return f"Each run is validated on {many} images of {group.title}."


def show_setting(setting: Setting) -> dict[str, str]:
    """Return a setting as the page shows it: texts, empty where no run of it is done."""
    name = f"{setting.name} (not told apart from guessing)" if setting.may_be_guessing else setting.name
    row = {"rank": "", "name": name, "runs": f"{len(setting.done)} of {len(setting.readings)}"}
    if not setting.done:
        return row
    accuracy = setting.estimate("validation_accuracy")
    return row | {
        "rank": f"{setting.rank}{'*' if setting.tied else ''}",
        "accuracy": percent(accuracy.mean),
        "interval": between(accuracy.low, accuracy.high) if accuracy.high - accuracy.low >= 1e-9 else "",
        "loss": f"{setting.estimate('validation_loss').mean:.4f}",
        "f1": percent(setting.estimate("validation_f1").mean),
        "train": percent(setting.estimate("train_accuracy").mean),
        "seconds": f"{setting.estimate('training_seconds').mean:.1f} s",
    }


def show_comparison(comparison: Comparison) -> dict[str, str]:
    """Return a comparison as the page shows it: texts, empty where the two have nothing in common."""
    row = {"to": comparison.other.name, "verdict": comparison.verdict, "repeats": str(comparison.repeats)}
    if comparison.difference is None or comparison.p_value is None or comparison.adjusted is None:
        return row
    mean, low, high = comparison.difference
    return row | {
        "mean": in_points(mean),
        "interval": f"{in_points(low)} to {in_points(high)}",
        "p": chance_of(comparison.p_value),
        "adjusted": chance_of(comparison.adjusted),
    }


def draw(stand: Standings, group: Group, place: int) -> list[str]:
    """Return the figures of a group, the one at `place`, as HTML, each with its caption and its alternative text."""
    import matplotlib as mpl

    from helpers import plots  # matplotlib, which no other part of a grid needs

    ranked = [setting for setting in group.settings if setting.rank]
    names = [setting.name for setting in ranked]
    rows = [
        (number, reading, reading.figures)
        for number, setting in enumerate(ranked)
        for reading in setting.readings
        if reading.figures is not None
    ]
    accuracy = [figures.validation_accuracy for _, _, figures in rows]
    with mpl.rc_context():
        plots.use_style()
        drawn = [
            draw_axis(axis, [value_on(axis, reading) for _, reading, _ in rows], accuracy, group)
            for axis in axes_to_draw(stand.grid, group)
        ]
        drawn.append(draw_losses(rows, names, group))
        drawn.append(draw_seconds(rows, names, group))
        return [
            as_figure(figure, f"{name}_{place}", caption, description) for name, figure, caption, description in drawn
        ]


def as_figure(figure: Figure, name: str, caption: str, description: str) -> str:
    """Return a figure as HTML, as the reports show it."""
    from helpers import plots
    from helpers.plots.showing import place_titles

    panels = figure if isinstance(figure, plots.Panels) else plots.Panels([figure])
    for panel in panels:
        place_titles(panel)
    return plots.as_html(panels, name, caption, description)


def draw_losses(rows: list[Row], names: list[str], group: Group) -> Drawn:
    """Return (name, figure, caption, alternative text) of the validation loss by epoch."""
    from helpers import plots

    figure = plots.losses_by_run([figures.curve for _, _, figures in rows], [place for place, _, _ in rows], names)
    lowest = min(figures.validation_loss for _, _, figures in rows)
    caption = "Validation loss after each epoch, one line per run (a dot, of one epoch), on a logarithmic scale."
    text = f"Lines of validation loss by epoch, {len(rows)} {plural('run', len(rows))} on {name_group(group)}"
    return "losses", figure, caption, f"{text}; the lowest ends at {lowest:.4f} nats."


def draw_seconds(rows: list[Row], names: list[str], group: Group) -> Drawn:
    """Return (name, figure, caption, alternative text) of the validation accuracy against the time of training."""
    from helpers import plots

    seconds = [figures.training_seconds for _, _, figures in rows]
    accuracy = [figures.validation_accuracy for _, _, figures in rows]
    figure = plots.accuracy_by_seconds(seconds, accuracy, [place for place, _, _ in rows], names)
    caption = "Validation accuracy against the seconds of training, one dot per run: up and to the left is better."
    text = f"Dots of validation accuracy against seconds, {len(rows)} {plural('run', len(rows))} on {name_group(group)}"
    text += f", from {min(seconds):.1f} to {max(seconds):.1f} s; the highest is {percent(max(accuracy))}."
    return "seconds", figure, caption, text


def axes_to_draw(grid: Grid, group: Group) -> list[str]:
    """Return the axes along which the runs of a group differ; those of repeats where there is no other."""
    different = [axis for axis in grid.axes if len(set(values_on(axis, group))) > 1]
    return [axis for axis in different if axis not in REPEATS] or different


def values_on(axis: str, group: Group) -> list[Any]:
    """Return the value on an axis of each run of a group."""
    return [value_on(axis, reading) for setting in group.settings for reading in setting.readings]


def value_on(axis: str, reading: Reading) -> Any:
    """Return the value of a run on an axis."""
    if axis in REPEATS:
        return getattr(reading.point, axis)
    return reading.point.settings[axis]


def draw_axis(axis: str, values: list[Any], accuracy: list[float], group: Group) -> Drawn:
    """Return (name, figure, caption, alternative text) of validation accuracy along one axis."""
    from helpers import plots

    label = axis.replace("_", " ")
    figure = plots.accuracy_by_value(values, accuracy, label, logarithmic=axis == "learning_rate")
    means = {}
    for value in dict.fromkeys(values):
        own = [share for other, share in zip(values, accuracy, strict=True) if other == value]
        means[value] = sum(own) / len(own)
    best = max(means, key=lambda value: means[value])
    caption = (
        f"Validation accuracy by {label}. A dot is a run; diamond and line are the mean of all runs with that value, "
        "whatever their other settings, and its 95% interval."
    )
    text = f"Validation accuracy by {label} on {name_group(group)}: the highest mean"
    return axis, figure, caption, f"{text}, {percent(means[best])}, is at {best}."
