"""The page over all runs: outputs/index.html."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import math
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from helpers import files, run_files, runs
from helpers.errors import BadInput
from helpers.runs import Manifest

from . import reports
from .reports import TEMPLATE
from .scale import Scale, scale_of
from .stages import STAGES

if TYPE_CHECKING:
    from markupsafe import Markup

logger = logging.getLogger(__name__)

CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "seconds")
PARTS = ("report.css", "index.css", "report.js", "runs.js")
FOR_SCRIPT = (  # what the page's script takes of a run
    *("name", "dataset", "images", "recipe", "epochs", "seed", "accuracy", "seconds", "state", "started"),
    *("reports", "zip", "history", "confusion", "matrix"),
)
DIGITS = 6  # that count, of the figures that the script draws
CLASSES = 30  # up to which a table of counts can be read, and is worth its bytes
LED_BY = 3  # failed runs whose reasons stand above all
TROUBLE = ("failed", "stopped")  # kinds of runs that a person should look at
SHOWN = ("model.json", "history.csv", "metrics.json", "figures/confusion_matrix.png")  # what the index takes from a run
OTHERS = {  # pages over all recipes, which benchmarks/comparison.py makes, and what they show
    "comparison.html": "what the recipes reach",
    "published.html": "published projects, step by step",
    "speed.html": "where the time goes",
}
BACKTICKS = re.compile(r"`([^`\n]+)`")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TURN = ".index.lock"  # one writes the page at a time
PATIENCE = 10  # seconds that another may take for it
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
    """Write outputs/index.html: a line for every run, the newest first; the best, the latest and the failed lead.

    Of several commands that end at once, one reads and writes after the other, so that none leaves an older page.
    """
    with turn_of(outputs):
        files.write_file(outputs / "index.html", page_of(outputs))


@contextmanager
def turn_of(outputs: Path) -> Iterator[None]:
    """Wait until no other process writes the index, PATIENCE seconds at most.

    A process that was suspended stops nobody, and nor does a lock that is another user's.
    """
    turn = FileLock(outputs / TURN)
    with contextlib.suppress(OSError):  # a timeout is one
        turn.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        turn.release()


def page_of(outputs: Path) -> str:
    """Return the page over all runs in a folder, as HTML."""
    rows = [row_of(path.parent) for path in sorted(outputs.glob("*/run.json"))]
    rows.sort(key=lambda row: row["started"], reverse=True)
    grids = [row_of_grid(path) for path in sorted(outputs.glob("grids/*/grid.json"))]
    grids.sort(key=lambda row: row["finished"], reverse=True)
    scale = scale_of(shares_of(rows))
    for row in rows:
        row["marks"] = marks_of(row, scale) if scale else []
    return render(
        "runs.html.j2",
        PARTS,
        runs=rows,
        data=[{name: row[name] for name in FOR_SCRIPT if name in row} for row in rows],
        grids=grids,
        others={page: what for page, what in OTHERS.items() if (outputs / page).is_file()},
        scale=scale,
        lead=lead_of(rows),
    )


def render(template: str, parts: Sequence[str], **values: Any) -> str:
    """Return a page that is no report, made from a template; `parts` are the files of style and script in it."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True)
    environment.filters |= {"sparkline": sparkline, "with_code": with_code, "short_day": short_day}
    texts = {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in parts}
    return environment.get_template(template).render(parts=texts, **values)


def shares_of(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return every accuracy that the rows of the page show, with the ends of its interval."""
    shares = [row["validation"] for row in rows if row.get("validation") is not None]
    for row in rows:
        if row.get("test"):
            shares += row["test"].values()
    return shares


def marks_of(row: dict[str, Any], scale: Scale) -> list[dict[str, Any]]:
    """Return what stands on the axis of a row: the accuracy on validation images, that on test images above it."""
    marks = []
    if row.get("validation") is not None:
        marks.append(scale.mark("validation", row["validation"]))
    if row.get("test"):
        marks.append(scale.mark("test", row["test"]["value"], row["test"]["low"], row["test"]["high"]))
    return marks


def lead_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return which runs stand above all: the best on validation of each dataset, the latest, those that failed.

    The best is marked in its row. Where a dataset has one run, none is the best of it. Test accuracy has no part in it.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("validation") is not None:
            groups.setdefault(row["images"], []).append(row)
    best = []
    for group in groups.values():
        if len(group) > 1:
            first = max(group, key=lambda row: (row["validation"], -row["history"]["validation_loss"][-1]))
            first["best_of"] = len(group)
            best.append(first)
    best.sort(key=lambda row: -row["best_of"])
    return {
        "best": best,
        "latest": rows[0] if rows else None,
        "failed": [row for row in rows if row["kind"] in TROUBLE],
        "datasets": list(dict.fromkeys(row["dataset"] for row in rows if row.get("dataset"))),
        "named": LED_BY,
    }


def row_of(folder: Path) -> dict[str, Any]:
    """Return one run's line as a dictionary of texts; a run that cannot be read keeps no other from the page."""
    state = UNREADABLE
    try:
        manifest = runs.load_manifest(folder)
        if manifest is not None:
            row = summarise(folder, manifest)
            files.as_json(row)  # ValueError for what the page could not hold
            return row
    except BadInput as error:
        state = f"failed: {error.rule}"
    except Exception as error:  # whatever lies in the folder, the other runs are shown
        logger.debug("%s cannot be read: %s", folder, error)
    name = folder.name.encode(errors="replace").decode()  # that of a folder need not be text
    return {"name": name, "state": state, "kind": kind_of(state), "started": "", "reports": []}


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
    recipe = run_files.parse(run_files.Model, model, folder.name).get("recipe", {}) if model else {}
    accuracy = manifest.test_accuracy if runs.has_its_figures(folder, manifest) else None
    history = read_history(runs.read_recorded(folder, manifest, "history.csv"))
    dataset = manifest.dataset.title
    if manifest.dataset.note:
        dataset += ", MNIST was not there"
    rendered = reports.read_rendered(folder)
    archive = folder / reports.ARCHIVE
    confusion = "figures/confusion_matrix.png"
    shows_confusion = accuracy and runs.read_recorded(folder, manifest, confusion)
    state = state_of(folder, manifest)
    pages = pages_of(folder, manifest)
    messages = [record.message for record in manifest.stages.values() if record.state != "done"]
    return {
        "name": folder.name,
        "dataset": dataset,
        "images": f"{manifest.dataset.name} {manifest.dataset.fingerprint[:12]}",
        "recipe": recipe.get("name", manifest.parameters.get("recipe", "")),
        "epochs": recipe.get("epochs", ""),
        "seed": manifest.parameters.get("seed", ""),
        "accuracy": str(accuracy) if accuracy else "",
        "seconds": in_seconds(sum(history["seconds"])) if history else "",
        "state": state,
        "kind": kind_of(state),
        "message": " ".join(" ".join(messages).split()),
        "started": max((reports.in_words(record.started) for record in manifest.stages.values()), default=""),
        "reports": pages,
        "main": main_page(pages, state),
        "zip": link_to(folder, archive) if reports.is_as_made(folder, archive, rendered) else "",
        "history": history,
        "confusion": link_to(folder, folder / confusion) if shows_confusion else "",
        "matrix": read_matrix(folder, runs.read_recorded(folder, manifest, "metrics.json")) if accuracy else None,
        "validation": history["validation_accuracy"][-1] if history else None,
        "test": accuracy.model_dump() if accuracy else None,
    }


def kind_of(state: str) -> str:
    """Return which kind of state one is: done, failed, stopped, running, not begun, or changed, since it was made."""
    if state == "not begun":
        return state
    first = state.split()[0].rstrip(":")
    return first if first in ("done", "failed", "stopped", "running") else "changed"


def main_page(pages: Sequence[tuple[str, str]], state: str) -> str:
    """Return the address of the page that a run is best opened at: that of the stage which failed, else the last."""
    links = dict(pages)
    troubled = [link for stage, link in pages if state.split(":")[0].endswith(f" in {stage}")]
    return next(iter(troubled), links.get("results", pages[-1][1] if pages else ""))


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
    """Return {curve: its value after each epoch} of a history.csv; nothing where there is none, or no figures in it.

    The values are rounded to DIGITS digits that count.
    """
    rows = list(csv.DictReader(io.StringIO((content or b"").decode())))
    curves = {name: [float(f"{float(row[name]):.{DIGITS}g}") for row in rows] for name in CURVES}
    if not rows or not all(math.isfinite(value) for values in curves.values() for value in values):
        return {}
    return curves


def read_matrix(folder: Path, content: bytes | None) -> dict[str, Any] | None:
    """Return the confusion matrix of the test images in a run's metrics.json: {"names", "counts"}, of true by answer.

    Of `counts`, a list of place and count in turn, those that are none are left out: place = true * classes + answer.
    None where there is no such matrix, or one of more than CLASSES classes. BadInput where the file is of a later
    version.
    """
    try:
        test = run_files.parse(run_files.Metrics, content or b"", folder.name).get("test", {})
    except ValueError:  # a notebook that was changed may leave other figures
        return None
    table, names = test.get("confusion_matrix", []), list(test.get("per_class", {}))
    if not 0 < len(names) == len(table) <= CLASSES:
        return None
    counts = []
    for true, row in enumerate(table):
        for answer, count in enumerate(row):
            if count:
                counts += [true * len(names) + answer, int(count)]
    return {"names": names, "counts": counts}


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


def in_seconds(seconds: float) -> str:
    """Return how long a training took as a row shows it."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def with_code(text: str) -> Markup:
    """Return a text as HTML in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    return Markup(BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # escaped before, so no tag of the text is one


def short_day(moment: str) -> str:
    """Return the day of a time as `reports.in_words` writes it, 2026-01-31 12:00 UTC, as 31 Jan 2026; else the text."""
    try:
        day = datetime.strptime(moment, "%Y-%m-%d %H:%M UTC")
    except ValueError:
        return moment
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
