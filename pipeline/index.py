"""The page over all runs: outputs/index.html."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from helpers import files, runs
from helpers.runs import Manifest

from . import reports
from .reports import TEMPLATE
from .stages import STAGES

logger = logging.getLogger(__name__)

CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "seconds")
PARTS = ("report.css", "report.js", "sort.js", "runs.js")
SHOWN = ("model.json", "history.csv", "metrics.json", "figures/confusion_matrix.png")  # what the index takes from a run
OTHERS = {  # pages over all recipes, which benchmarks/comparison.py makes, and what they show
    "comparison.html": "what the recipes reach",
    "published.html": "published projects, step by step",
    "speed.html": "where the time goes",
}
UNREADABLE = "failed: its files cannot be read"


class Part(BaseModel):
    """A part of a grid.json that the index takes; what else is there is left."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class MeanOf(Part):
    """A mean over runs, a share from 0 to 1."""

    mean: float = Field(ge=0, le=1)


class SettingOf(Part):
    """A setting and its rank in its group."""

    name: str
    rank: int | None
    validation_accuracy: MeanOf | None


class GroupOf(Part):
    """Settings that are ranked against each other."""

    dataset: str
    settings: list[SettingOf]

    @property
    def first(self) -> str:
        """The first setting with its validation accuracy, in words; "" where none is ranked."""
        for setting in self.settings:
            if setting.rank == 1 and setting.validation_accuracy is not None:
                return f"{self.dataset}: {setting.name}, {setting.validation_accuracy.mean:.2%}"
        return ""


class CountsOf(Part):
    """How many runs a grid has, and how they stand."""

    all: int
    done: int
    failed: int


class GridSummary(Part):
    """What the index takes from a grid.json."""

    version: Literal[1]
    runs: CountsOf
    started: str
    finished: str
    groups: list[GroupOf]


def write_index(outputs: Path) -> None:
    """Write outputs/index.html: a line for every run, the newest first; runs that failed or stopped say so."""
    from jinja2 import Environment, FileSystemLoader

    rows = [row_of(path.parent) for path in sorted(outputs.glob("*/run.json"))]
    rows.sort(key=lambda row: row["started"], reverse=True)
    texts = {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in PARTS}
    grids = [row_of_grid(path) for path in sorted(outputs.glob("grids/*/grid.json"))]
    grids.sort(key=lambda row: row["finished"], reverse=True)
    others = {page: what for page, what in OTHERS.items() if (outputs / page).is_file()}
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True)
    environment.filters["sparkline"] = sparkline
    page = environment.get_template("runs.html.j2").render(runs=rows, grids=grids, parts=texts, others=others)
    files.write_file(outputs / "index.html", page)


def row_of(folder: Path) -> dict[str, Any]:
    """Return one run's line as a dictionary of texts; a run that cannot be read keeps no other from the page."""
    try:
        manifest = runs.load_manifest(folder)
        if manifest is not None:
            row = summarise(folder, manifest)
            files.as_json(row)  # ValueError for what the page could not hold
            return row
    except Exception as error:  # whatever lies in the folder, the other runs are shown
        logger.debug("%s cannot be read: %s", folder, error)
    name = folder.name.encode(errors="replace").decode()  # that of a folder need not be text
    return {"name": name, "state": UNREADABLE, "started": "", "reports": []}


def row_of_grid(path: Path) -> dict[str, Any]:
    """Return one grid's line from its grid.json; one that cannot be read keeps no other from the page."""
    name = path.parent.name.encode(errors="replace").decode()
    try:
        return {"name": name} | summarise_grid(path)
    except (OSError, ValueError) as error:
        logger.debug("%s cannot be read: %s", path, error)
    return {"name": name, "link": "", "runs": UNREADABLE, "first": [], "started": "", "finished": ""}


def summarise_grid(path: Path) -> dict[str, Any]:
    """Return the line of a grid but for its name; OSError or ValueError where its grid.json is none."""
    grid = GridSummary.model_validate(files.parse_json(files.read_file(path)))
    page = path.with_name("grid.html")
    counts = grid.runs
    standing = [f"{counts.done} of {counts.all} done", *([f"{counts.failed} failed"] if counts.failed else [])]
    return {
        "link": quote(f"grids/{path.parent.name}/{page.name}") if page.is_file() else "",
        "runs": ", ".join(standing),
        "first": [group.first for group in grid.groups if group.first],
        "started": reports.in_words(grid.started),
        "finished": reports.in_words(grid.finished),
    }


def summarise(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Return the line of a run whose manifest could be read; a file that a stage has not left so is not shown."""
    model = runs.read_recorded(folder, manifest, "model.json")
    recipe = files.parse_json(model).get("recipe", {}) if model else {}
    accuracy = manifest.test_accuracy if runs.has_its_figures(folder, manifest) else None
    history = read_history(runs.read_recorded(folder, manifest, "history.csv"))
    dataset = manifest.dataset.title
    if manifest.dataset.note:
        dataset += ", MNIST was not there"
    rendered = reports.read_rendered(folder)
    archive = folder / reports.ARCHIVE
    confusion = "figures/confusion_matrix.png"
    shows_confusion = accuracy and runs.read_recorded(folder, manifest, confusion)
    return {
        "name": folder.name,
        "dataset": dataset,
        "recipe": recipe.get("name", manifest.parameters.get("recipe", "")),
        "epochs": recipe.get("epochs", ""),
        "seed": manifest.parameters.get("seed", ""),
        "accuracy": str(accuracy) if accuracy else "",
        "seconds": f"{sum(history['seconds']):.0f} s" if history else "",
        "state": state_of(folder, manifest),
        "started": max((reports.in_words(record.started) for record in manifest.stages.values()), default=""),
        "reports": pages_of(folder, manifest),
        "zip": link_to(folder, archive) if reports.is_as_made(folder, archive, rendered) else "",
        "history": history,
        "confusion": link_to(folder, folder / confusion) if shows_confusion else "",
    }


def pages_of(folder: Path, manifest: Manifest) -> list[tuple[str, str]]:
    """Return [(stage, address as seen from beside the runs)] of the pages of a run that are as they were made."""
    rendered = reports.read_rendered(folder)
    pages = []
    for stage in STAGES.values():
        page = reports.page_of(folder, stage)
        if stage.name in manifest.stages and reports.is_as_made(folder, page, rendered):
            pages.append((stage.name, link_to(folder, page)))
    return pages


def link_to(folder: Path, path: Path) -> str:
    """Return the address of a file of a run on the page beside the runs; its folder may have any name."""
    return quote(path.relative_to(folder.parent).as_posix())


def state_of(folder: Path, manifest: Manifest) -> str:
    """Return how a run stands, in a few words."""
    remarks = [record.remark for record in manifest.stages.values() if record.remark]
    return trouble_with(folder, manifest) or altered_page(folder, manifest) or " ".join(["done", *remarks])


def trouble_with(folder: Path, manifest: Manifest, asked: Collection[str] = tuple(STAGES)) -> str:
    """Return in a few words why the figures of the stages `asked` are not all there; "" where they are."""
    stages = {name: record for name, record in manifest.stages.items() if name in asked}
    if not stages:
        return "not begun"
    for name, record in stages.items():
        if record.state == "running" and not runs.is_held(folder):
            return f"stopped in {name}: its runner died"
        if record.state != "done":
            return f"{record.state} in {name}"
    if "results" in stages and manifest.is_done("results") and manifest.test_accuracy is None:
        return "results are of an earlier model, or of other images"
    for name, record in stages.items():
        for path in SHOWN:
            if path in record.outputs and runs.read_recorded(folder, manifest, path) is None:
                return f"{path} has changed since {name} ran"
    return ""


def altered_page(folder: Path, manifest: Manifest) -> str:
    """Return in words which page of a run, or whether their archive, is not as it was made; "" where all are."""
    if runs.leads_out(folder, "reports"):
        return "reports in it is a link"
    rendered = reports.read_rendered(folder)
    pages = [reports.page_of(folder, stage) for stage in STAGES.values() if stage.name in manifest.stages]
    for path in (*pages, folder / reports.ARCHIVE):
        if os.path.lexists(path) and not reports.is_as_made(folder, path, rendered):
            return f"{path.relative_to(folder)} has changed since it was made"
    return ""


def read_history(content: bytes | None) -> dict[str, list[float]]:
    """Return {curve: its value after each epoch} of a history.csv; nothing where there is none, or no figures in it."""
    rows = list(csv.DictReader(io.StringIO((content or b"").decode())))
    curves = {name: [float(row[name]) for row in rows] for name in CURVES}
    if not rows or not all(math.isfinite(value) for values in curves.values() for value in values):
        return {}
    return curves


def sparkline(values: Sequence[float]) -> str:
    """Return the points of an SVG polyline, 100 wide and 20 high, through positive values on a logarithmic scale."""
    logs = [math.log10(max(value, 1e-9)) for value in values if math.isfinite(value)]
    low = min(logs)
    span = max(max(logs) - low, 1e-9)
    step = 100 / max(len(logs) - 1, 1)
    points = []
    for place, value in enumerate(logs):
        height = 19 - 18 * (value - low) / span
        points.append(f"{place * step:.0f},{height:.0f}")
    return " ".join(points)
