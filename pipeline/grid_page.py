"""The page over a grid: outputs/grids/<name>/grid.html, and what it shows as grid.csv and grid.json."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from helpers import files

from . import standings
from .grids import AXES, Grid
from .standings import Comparison, Estimate, Group, Reading, Setting, Standings

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
    states = Counter(kind_of(reading) for reading in stand.readings)
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


def kind_of(reading: Reading) -> str:
    """Return `done`, `failed`, or `missing` for a run that is not at its end."""
    if reading.figures is not None:
        return "done"
    return "missing" if reading.state.startswith(("not ", "running", "stopped")) else "failed"


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
    """Return the content of grid.csv: a header, then one line a point; what is not known is left empty."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(points)
    return table.getvalue()


def as_html(stand: Standings, summary: dict[str, Any]) -> str:
    """Return the page of a grid."""
    return f"<!DOCTYPE html><title>{escape(stand.grid.name)}</title>"
