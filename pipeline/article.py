"""An executed notebook as an article: what stands first, which figure is which, and where its code is folded away.

Markdown cells are split where a heading begins, so that a section is a run of cells. The code of a section is folded at
its end; what teaches, asks the reader or failed stays where it is.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from .execute import INJECTED

if TYPE_CHECKING:
    from nbformat import NotebookNode

LEAD = "application/vnd.digits.lead+json"  # what a notebook says first; see helpers/lead.py
FIGURE = '<figure class="figure"'  # how HTML begins that is a figure; see helpers/plots/showing.py
NAME = re.compile(r'data-name="([\w.-]+)"')
HEADING = re.compile(r"(#{1,6})\s+(.+)")
STARRED = re.compile(r"\*([^*]+)\*")  # a caption, as notebooks of before wrote it below a picture
STAYS = ("show", "exercise")  # tags of code that is read where it stands
EXERCISE = "Exercise:"  # what the heading of an exercise begins with; its code belongs to the section around it


class Tile(BaseModel):
    """A figure of a lead."""

    model_config = ConfigDict(strict=True)

    label: str
    value: str
    detail: str = ""


class Lead(BaseModel):
    """What a page says first; `finding` and `findings` are Markdown."""

    model_config = ConfigDict(strict=True)

    finding: str
    tiles: list[Tile]
    findings: list[str]


@dataclass
class Fold:
    """The code of a section, folded at its end; each cell with a name for what it puts out, empty for nothing."""

    name: str
    cells: list[tuple[NotebookNode, str]] = field(default_factory=list)


@dataclass
class Article:
    """A notebook in the form of a page."""

    notebook: NotebookNode  # with split cells, without its title, and with numbered figures
    title: str  # Markdown
    lead: Lead | None
    figures: dict[str, int]  # {name: number}
    numbers: dict[str, int]  # {id of a cell with code: its number among all, from 1}
    setup: list[str]  # the ids of the cells that are set up in
    folds: dict[str, Fold]  # {id of the cell that it comes after: fold}


def arrange(notebook: NotebookNode, stays: str | None) -> Article:
    """Return an executed notebook as an Article; `stays`: the id of a cell whose code is not folded, as it failed."""
    notebook = copy.deepcopy(notebook)
    counted = [cell for cell in notebook.cells if not has_tag(cell, INJECTED)]
    numbers = {cell.id: number for number, cell in enumerate(counted, 1) if cell.cell_type == "code"}
    title = take_title(notebook)
    notebook.cells = list(split_at_headings(notebook.cells))
    figures = number_figures(notebook.cells, numbers)
    setup = setup_of(notebook.cells)
    folds = fold_code(notebook.cells[len(setup) :], figures, stays)
    names = {name: number for number, name in reversed(figures.values()) if name}  # of two of a name the first
    return Article(notebook, title, lead_of(notebook.cells), names, numbers, setup, folds)


def has_tag(cell: NotebookNode, *tags: str) -> bool:
    """Return whether a cell has one of the `tags`."""
    return not set(tags).isdisjoint(cell.metadata.get("tags", []))


def take_title(notebook: NotebookNode) -> str:
    """Return the text of a notebook's first heading of the first level, and take it out of its cell."""
    for cell in notebook.cells:
        heading = re.search(r"^# (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if heading:
            cell.source = cell.source[: heading.start()] + cell.source[heading.end() :]
            return heading[1]
    return ""


def split_at_headings(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield cells, those of Markdown in pieces, each but the first beginning with a heading; empty ones are left out.

    Where text is folded away, or is code, no heading begins.
    """
    for cell in cells:
        if cell.cell_type != "markdown":
            yield cell
            continue
        for number, text in enumerate(pieces_of(cell.source)):
            if text.strip():
                piece = copy.deepcopy(cell)
                piece.source = text
                piece.id = f"{cell.id}-part-{number}" if number else cell.id
                yield piece


def pieces_of(markdown: str) -> list[str]:
    """Return Markdown in pieces, each but the first beginning with a heading."""
    pieces: list[list[str]] = [[]]
    is_code, folds = False, 0
    for line in markdown.split("\n"):
        if line.lstrip().startswith(("```", "~~~")):
            is_code = not is_code
        elif not is_code:
            folds += line.startswith("<details") - line.startswith("</details>")
        if not is_code and folds <= 0 and HEADING.fullmatch(line):
            pieces.append([])
        pieces[-1].append(line)
    return ["\n".join(lines) for lines in pieces]


def heading_of(cell: NotebookNode) -> tuple[int, str]:
    """Return level and text of the heading that a cell begins with; 0 where it begins with none."""
    found = HEADING.match(cell.source.lstrip("\n")) if cell.cell_type == "markdown" else None
    return (len(found[1]), found[2].strip()) if found else (0, "")


def number_figures(cells: list[NotebookNode], numbers: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """Number the figures in the outputs of cells, from 1; return {"cell id, place": (number, name)}.

    A picture with a caption below it becomes a figure like the others.
    """
    found: dict[str, tuple[int, str]] = {}
    for cell in cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = as_figures(cell.outputs)
        for place, output in enumerate(cell.outputs):
            html = output.get("data", {}).get("text/html", "")
            if not html.lstrip().startswith(FIGURE):
                continue
            number = len(found) + 1
            name = NAME.search(html[: html.find(">")])
            found[f"{cell.id}, {place}"] = (number, name[1] if name else "")
            html = html.replace("<figure ", f'<figure id="figure-{number}" ', 1)
            html = html.replace("<figcaption>", f"<figcaption><b>Figure {number}.</b> ", 1)
            before, ending, after = html.rpartition("</figcaption>")
            label = f'aria-label="code of Figure {number}"'
            link = f' <a class="to-code" href="#code-{numbers[cell.id]}" {label}>code</a>' if cell.id in numbers else ""
            output.data["text/html"] = before + link + ending + after
    return found


def as_figures(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs in which a picture and the starred caption after it are one, as HTML."""
    made: list[NotebookNode] = []
    for output in outputs:
        caption = STARRED.fullmatch(output.get("data", {}).get("text/markdown", "").strip())
        picture = picture_of(made[-1]) if caption and made else ""
        if not caption or not picture:
            made.append(output)
            continue
        figure = copy.deepcopy(made[-1])
        html = f'{FIGURE}><div class="panels"><div class="panel card">{picture}</div></div>'
        figure.data = {"text/html": f"{html}\n<figcaption>{escape(caption[1], quote=False)}</figcaption></figure>"}
        made[-1] = figure
    return made


def picture_of(output: NotebookNode) -> str:
    """Return the image that an output shows as HTML; empty where it shows none, or HTML beside it."""
    data = output.get("data", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data and "text/html" not in data:
            about = output.get("metadata", {}).get(kind, {})
            content = escape("".join(data[kind].split()))
            width = f' width="{about["width"]}"' if str(about.get("width")).isdecimal() else ""
            return f'<img src="data:{kind};base64,{content}" alt="{escape(about.get("alt", ""))}"{width}>'
    return ""


def setup_of(cells: list[NotebookNode]) -> list[str]:
    """Return the ids of the cells up to a notebook's parameters; none where a section begins before them."""
    last = 0
    for place, cell in enumerate(cells, 1):
        if heading_of(cell)[0]:
            break
        if has_tag(cell, "parameters", INJECTED):
            last = place
    return [cell.id for cell in cells[:last]]


def fold_code(cells: list[NotebookNode], figures: Mapping[str, tuple[int, str]], stays: str | None) -> dict[str, Fold]:
    """Return {id of a section's last cell: its Fold}, for those sections that have code to fold away.

    A section begins at a heading of the second or third level, unless it is that of an exercise.
    """
    folds: dict[str, Fold] = {}
    fold, last = Fold("first steps"), ""
    for cell in cells:
        level, text = heading_of(cell)
        if level in (2, 3) and not (level == 3 and text.startswith(EXERCISE)):
            if fold.cells:
                folds[last] = fold
            fold = Fold(text)
        if cell.cell_type == "code" and not has_tag(cell, *STAYS) and cell.id != stays:
            fold.cells.append((cell, made_by(cell, figures)))
        last = cell.id
    if fold.cells:
        folds[last] = fold
    return folds


def made_by(cell: NotebookNode, figures: Mapping[str, tuple[int, str]]) -> str:
    """Return a name for what a cell puts out: its figures, a table, or text; empty where it puts out nothing."""
    places = [f"{cell.id}, {place}" for place in range(len(cell.outputs))]
    numbers = [str(figures[place][0]) for place in places if place in figures]
    if numbers:
        *others, last = numbers
        return f"Figures {', '.join(others)} and {last}" if others else f"Figure {last}"
    if any('class="dataframe"' in output.get("data", {}).get("text/html", "") for output in cell.outputs):
        return "table"
    return "output" if cell.outputs else ""


def lead_of(cells: list[NotebookNode]) -> Lead | None:
    """Return the last lead among the outputs of cells; None where there is none, what is of another form being none."""
    found = None
    for cell in cells:
        for output in cell.get("outputs", []):
            if LEAD in output.get("data", {}):
                with contextlib.suppress(ValidationError):
                    found = Lead.model_validate(output.data[LEAD])
    return found
