"""An executed notebook -> one HTML file that opens anywhere, offline.

Pages are derived: a lost page or a changed template is rendered again from the executed notebook, and nothing runs.
What a page was made from stands in reports/.rendered.json.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import files, runs
from helpers.errors import ProjectError
from helpers.runs import Manifest

from . import article, markdown, tables
from .execute import INJECTED
from .stages import STAGES, Stage

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATE = Path(__file__).resolve().parent / "template"
MODULES = ("article", "markdown", "reports", "tables")  # what turns a notebook into a page, beside the templates
RENDERED = ".rendered.json"  # {page: {"source": digest of what it was made from, "page": digest of it}}
ARCHIVE = "reports.zip"  # has an entry of that form there, too
DIGEST = re.compile("[0-9a-f]{64}")
TRAINED = ("training", "results")  # the stages that are about the network of the run's recipe
INDEX = "../../index.html"  # from a page of a run; not in the archive
TO_INDEX = re.compile(rb'<a class="all-runs"[^>]*>[^<]*</a>')
KICKER = re.compile(r'(<h1[^>]*>)(\d\d (?:·|&#183;) [^:<]+): (.*?)(<a class="anchor-link".*)?(</h1>)', re.DOTALL)


@dataclass(frozen=True)
class Header:
    """What stands above a report."""

    dataset: str
    run: str
    started: str
    recipe: str | None = None
    headline: str = ""
    note: str = ""  # why the dataset stands in for another
    state: str = "done"
    message: str = ""  # why it did not end well
    remark: str = ""  # what a reader should know
    cell: int | None = None  # the last that was begun, from 1, where it did not
    links: Mapping[str, str] = field(default_factory=dict)  # {file: title} of the pages beside it, this one included
    index: str = ""  # where the page over all runs lies
    names: Mapping[str, str] = field(default_factory=dict)  # {what texts call a page beside it, too: its file}


def header_of(manifest: Manifest, stage_name: str, links: Mapping[str, str]) -> Header:
    """Return what the manifest says of a run and one of its stages, for the report on it."""
    record = manifest.stages[stage_name]
    headline = ""
    if stage_name == "results" and record.state == "done" and manifest.test_accuracy:
        headline = f"test accuracy {manifest.test_accuracy}"
    remarks = [record.remark] if record.remark else []
    if stage_name == "results" and record.state == "done" and not manifest.test_accuracy:
        remarks.append("This page is about an earlier model, or other images, than this run holds now.")
    return Header(
        dataset=manifest.dataset.title,
        run=manifest.run,
        started=in_words(record.started),
        recipe=manifest.parameters.get("recipe") if stage_name in TRAINED else None,
        headline=headline,
        note=manifest.dataset.note,
        state=record.state,
        message=record.message,
        remark=" ".join(remarks),
        cell=record.cell,
        links=links,
        index=INDEX,
    )


def in_words(moment: str) -> str:
    """Return the time of a record, which is ISO 8601, as a person reads it, in UTC: 2026-01-31 12:00 UTC.

    What is no such time is returned as it is.
    """
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError):
        return moment


def render_pages(folder: Path, manifest: Manifest, coming: Collection[str] = ()) -> None:
    """Render those pages of a run that are missing, damaged or out of date.

    A page is made only from a notebook that is as its stage left it; where that is lost, the page goes, too.
    `coming`: the names of stages whose pages will follow soon, so that the pages before can name them. BadInput where
    the folder of pages is a link: what is written there would land elsewhere.
    """
    runs.refuse_link(folder, "reports")
    notebooks = recorded_notebooks(folder, manifest)
    links = {}
    for stage in STAGES.values():
        if stage.name in notebooks or stage.name in coming:
            links[page_of(folder, stage).name] = stage.name
    rendered = read_rendered(folder)
    template = template_digest()
    for stage in STAGES.values():
        page = page_of(folder, stage)
        if stage.name not in notebooks:
            if stage.name in manifest.stages:  # a page of which nothing is known is left alone, and shown nowhere
                files.remove_file(page)
            continue
        header = header_of(manifest, stage.name, links)
        source = files.digest([files.digest(notebooks[stage.name]), asdict(header), template])
        known = {"source": source, "page": files.file_digest(page)}
        if rendered.get(page.name) != known or page.is_symlink():
            render(notebooks[stage.name], page, header)
            rendered[page.name] = {"source": source, "page": files.file_digest(page)}
            files.write_json(folder / "reports" / RENDERED, rendered)
    pages = [page_of(folder, STAGES[name]).name for name in notebooks]  # no file that lies where a page will come
    source = files.digest([folder.name, {name: rendered[name]["page"] for name in pages}])
    known = {"source": source, "page": files.file_digest(folder / ARCHIVE)}
    if rendered.get(ARCHIVE) != known or (folder / ARCHIVE).is_symlink():
        pack(folder, pages)
        rendered[ARCHIVE] = {"source": source, "page": files.file_digest(folder / ARCHIVE)}
        files.write_json(folder / "reports" / RENDERED, rendered)


def recorded_notebooks(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return {stage: content} of the executed notebooks of a run that are as their stages left them."""
    notebooks = {}
    for stage in STAGES.values():
        if stage.name in manifest.stages:
            content = runs.read_recorded(folder, manifest, f"notebooks/{stage.notebook}.ipynb")
            if content is not None:
                notebooks[stage.name] = content
    return notebooks


def page_of(folder: Path, stage: Stage) -> Path:
    """Return the path of a stage's page in a run's folder."""
    return folder / "reports" / f"{stage.notebook}.html"


def executed_notebook(folder: Path, name: str) -> Path:
    """Return the path of a notebook in a run's folder as it was executed."""
    return folder / "notebooks" / f"{name}.ipynb"


def read_rendered(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is known of a run's pages and their archive; nothing of those of which it cannot be read.

    Nor is anything known where the file, or its folder, is a link: what lies there is not the run's.
    """
    if runs.leads_out(folder, f"reports/{RENDERED}"):
        return {}
    content = files.read_json(folder / "reports" / RENDERED)
    names = [ARCHIVE, *(page_of(folder, stage).name for stage in STAGES.values())]
    known = {}
    for name in names if isinstance(content, dict) else []:
        entry = content.get(name)
        if isinstance(entry, dict) and set(entry) == {"source", "page"} and all(map(is_digest, entry.values())):
            known[name] = entry
    return known


def is_digest(value: Any) -> bool:
    """Return whether a value is a SHA-256 in hexadecimal."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def is_as_made(folder: Path, path: Path, rendered: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a page of a run, or its archive, is as it was made: else it may show what no notebook does.

    `rendered`: what `read_rendered` says of the run. What lies behind a link is no page of the run.
    """
    entry = rendered.get(path.name)
    if entry is None or runs.leads_out(folder, str(path.relative_to(folder))):
        return False
    return files.file_digest(path) == entry["page"]


def template_digest() -> str:
    """Return the SHA-256 of all that turns a notebook into a page: the templates and the modules."""
    digests = [files.file_digest(path) for path in sorted(TEMPLATE.glob("[!.]*"))]
    modules = [files.code_digest(Path(__file__).with_name(f"{name}.py")) for name in MODULES]
    return files.digest([*digests, *modules])


def render(content: bytes, target: Path, header: Header) -> None:
    """Render an executed notebook, the `content` of its file, as the HTML file `target`, under `header`.

    ProjectError where it is no notebook that can be rendered.
    """
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)])
    exporter.register_filter("tidy_table", tables.tidy_table)
    exporter.register_filter("prose", markdown.prose)
    exporter.register_filter("sentence", markdown.sentence)
    exporter.register_filter("without_links", markdown.without_links)
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
        for number, cell in enumerate(notebook.cells, 1):
            cell.setdefault("id", f"cell-{number}")  # before nbformat 4.5 cells had none
        failed = failed_cell(notebook, header)
        arranged = article.arrange(notebook, failed)
        headings = [cell.source for cell in arranged.notebook.cells if article.heading_of(cell)[0]]
        places = markdown.Places(arranged.figures, markdown.heading_ids(headings), other_pages(header, target.name))
        page = asdict(header) | {
            "title": arranged.title or "Report",
            "heading": heading(arranged.title),
            "article": arranged,
            "places": places,
            "failed_cell": failed,
            "css": (TEMPLATE / "report.css").read_text(encoding="utf-8"),
            "script": (TEMPLATE / "report.js").read_text(encoding="utf-8"),
            "file": target.name,
        }
        html, _ = exporter.from_notebook_node(arranged.notebook, resources={"page": page})
        html = with_contents(html)
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # nbformat, nbconvert, Jinja and mistune raise errors of their own
        raise ProjectError(f"reports/{target.name}: cannot be rendered ({type(error).__name__}: {error})") from error
    files.write_file(target, html)


def failed_cell(notebook: NotebookNode, header: Header) -> str | None:
    """Return the id of the cell that raised, or at which the kernel died or was stopped; None where all is well."""
    for cell in notebook.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            return cell.id
    if header.state == "done":
        return None
    cells = [cell for cell in notebook.cells if INJECTED not in cell.metadata.get("tags", [])]
    number = min(header.cell or 1, len(cells))
    return cells[number - 1].id


def heading(text: str) -> str:
    """Return a title, Markdown, as a heading of the first level, with "04 · Results" before its colon set off."""
    html = markdown.prose(f"# {text}") if text else ""
    return KICKER.sub(r'\1<span class="kicker">\2<span class="colon">: </span></span><span>\3</span>\4\5', html)


def other_pages(header: Header, file: str) -> dict[str, str]:
    """Return {name: file} of the pages beside a page, by which its text may call them: {"01_eda": "01_eda.html"}."""
    names = {Path(other).stem: other for other in header.links} | dict(header.names)
    return {name: other for name, other in names.items() if other != file}


def with_contents(html: str) -> str:
    """Return a report with a list of its headings of the second level."""
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)<a class="anchor-link"', html.split("<main>", 1)[1])
    items = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in headings)
    if not headings:
        return html
    contents = f"<details><summary>Contents</summary><ol>{items}</ol></details>"
    return html.replace("<!--contents-->", f'<nav class="contents" aria-label="Contents">{contents}</nav>', 1)


def without_index(page: bytes) -> bytes:
    """Return a page without its link to the page over all runs, for those who get it alone."""
    return TO_INDEX.sub(b"", page, count=1)


def pack(folder: Path, pages: Collection[str]) -> None:
    """Pack the `pages` of a run that are there into reports.zip, for mailing; the same pages give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(pages):
            page = folder / "reports" / name
            if page.is_file():
                entry = zipfile.ZipInfo(f"{folder.name}/{name}")
                archive.writestr(entry, without_index(page.read_bytes()), zipfile.ZIP_DEFLATED)
    files.write_file(folder / ARCHIVE, buffer.getvalue())
