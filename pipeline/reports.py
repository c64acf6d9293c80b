"""An executed notebook -> one HTML file that opens anywhere, offline; and the index over all runs."""

import csv
import io
import math
import re
import sys
import zipfile
from pathlib import Path

from helpers import files, runs

FIGURE = re.compile(r"(below )?[-+(]?\d[-+\d.,%()eE /]*(to [-+\d.,%() ]+)?( s| kB| MB)?|nan|")
CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "seconds")
LINKS = re.compile("<!--reports-->.*?<!--/reports-->", re.DOTALL)
TEMPLATE = Path(__file__).resolve().parent / "template"


def tidy(path, target):
    """Copy an executed notebook to `target` without what is only papermill's, the traces of a progress bar, or paths.

    A progress bar draws one line again and again; its last state stays.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("papermill", None)
    notebook.cells = [
        cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.source = without_paths(cell.source)
        if cell.cell_type == "code":
            cell.outputs = fold_streams(cell.outputs)
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            shown |= {kind: without_paths(text) for kind, text in shown.items() if kind.startswith("text/")}
            output |= {part: without_paths(output[part]) for part in ("text", "evalue", "traceback") if part in output}
    files.write_file(target, nbformat.writes(notebook) + "\n")


def without_paths(text):
    """Return a text, or a list of texts, with the project's, Python's and the user's folder as `.`, `<python>`, `~`."""
    if isinstance(text, list):
        return [without_paths(line) for line in text]
    names = {files.PROJECT: ".", Path(sys.prefix): "<python>", Path(sys.base_prefix): "<python>", Path.home(): "~"}
    for folder, name in names.items():
        if len(folder.parts) > 2 or folder == Path.home() != Path("/"):
            text = re.sub(re.escape(str(folder)) + r"(?![\w-])", name, text)
    return text


def fold_streams(outputs):
    """Return a cell's outputs with pieces of one stream joined, and of lines drawn over each other the last alone."""
    joined = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            output.text = "\n".join(fold(line) for line in output.text.split("\n"))
    return joined


def fold(line):
    """Return what a terminal would show of a line with carriage returns in it."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def tidy_table(html):
    """Return a pandas table with its header in one row, columns of figures in the class `n`, prose in `long`.

    Any other HTML is returned as it is.
    """
    if 'class="dataframe"' not in html:
        return html
    from bs4 import BeautifulSoup

    page = BeautifulSoup(html, "html.parser")
    for style in page.find_all("style"):
        style.decompose()  # pandas aligns all headers to the right
    for table in page.find_all("table"):
        for row in table.find_all("tr"):
            row.attrs.pop("style", None)
        rows = [row.find_all(["th", "td"]) for row in table.find_all("tr")]
        if len(rows) > 1 and len(table.thead.find_all("tr")) == 2 and not any(cell.text for cell in rows[1][1:]):
            rows[0][0].string = rows[1][0].text  # pandas names the index in a row of its own
            rows.pop(1)[0].parent.decompose()
        for column in zip(*rows, strict=False):
            if all(FIGURE.fullmatch(cell.text.strip()) for cell in column[1:]):
                for cell in column:
                    cell["class"] = "n"
            elif max(len(cell.text) for cell in column) > 60:
                for cell in column:
                    cell["class"] = "long"
    return str(page)


def render(path, target, manifest, stage):
    """Render the executed notebook `path` as the HTML file `target`, headed by what the manifest says of the run."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    failed = next(
        (cell.id for cell in notebook.cells if any(o.output_type == "error" for o in cell.get("outputs", []))), None
    )
    record = manifest["stages"][stage]
    if failed is None and record["state"] != "done":  # the kernel died, or was stopped, at a cell without an error
        cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
        failed = cells[min(record.get("cell", 1), len(cells)) - 1].id
    headline = accuracy(target.parent.parent, manifest) if stage == "results" and record["state"] == "done" else ""
    about = {
        "title": title(notebook),
        "dataset": manifest["dataset"]["title"],
        "note": manifest["dataset"]["note"],
        "recipe": manifest["parameters"].get("recipe"),
        "headline": f"test accuracy {headline}" if headline else "",
        "run": manifest["run"],
        "date": record["started"][:16].replace("T", " "),
        "state": record["state"],
        "message": record.get("message", ""),
        "failed_cell": failed,
        "css": (TEMPLATE / "report.css").read_text(encoding="utf-8"),
        "script": (TEMPLATE / "report.js").read_text(encoding="utf-8"),
    }
    exporter = HTMLExporter(template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)])
    exporter.register_filter("tidy_table", tidy_table)
    exporter.register_filter("prose", prose)
    html, _ = exporter.from_notebook_node(notebook, resources={"about": about})
    files.write_file(target, with_contents(html))


def prose(markdown):
    """Return Markdown as HTML: tags in it are shown as text, formulas become MathML, which needs no script."""
    from latex2mathml.converter import convert
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        """nbconvert's own renderer, but for formulas."""

        def inline_math(self, body):
            return convert(body)

        def block_math(self, body):
            return convert(body, display="block")

    return MarkdownWithMath(renderer=Renderer(escape=True, allow_harmful_protocols=False)).render(markdown)


def title(notebook):
    """Return the text of a notebook's first heading."""
    found = (
        re.search(r"^# (.+)$", cell.source, re.MULTILINE) for cell in notebook.cells if cell.cell_type == "markdown"
    )
    return next((match[1] for match in found if match), "Report")


def with_contents(html):
    """Return a report with its title in the header, and a list of its second-level headings before the main part."""
    head, body = html.split("<main>", 1)
    first = re.search(r"<h1\b.*?</h1>", body, re.DOTALL)
    if first:
        head, body = head.replace("<!--title-->", first[0], 1), body.replace(first[0], "", 1)
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)<a', body)
    items = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in headings)
    contents = f'<nav class="contents" aria-label="Contents"><ol>{items}</ol></nav>' if headings else ""
    return head.replace("<!--contents-->", contents, 1) + "<main>" + body


def link(folder, manifest):
    """Give each report of a run links to those that lie beside it, and bring the manifest's digests up to date."""
    there = {path: path.stem.split("_", 1)[-1] for path in sorted((folder / "reports").glob("*.html"))}
    for path in there:
        items = (
            f'<a href="{other.name}"{" aria-current=page" * (other == path)}>{name}</a>'
            for other, name in there.items()
        )
        links = (
            f'<nav class="reports" aria-label="Reports of this run">{" ".join(items)}</nav>' if len(there) > 1 else ""
        )
        before, name = path.read_bytes(), f"reports/{path.name}"
        after = LINKS.sub(
            lambda _, links=links: f"<!--reports-->{links}<!--/reports-->", before.decode(), count=1
        ).encode()
        for record in manifest["stages"].values():
            if after != before and record.get("products", {}).get(name) == files.digest(before):
                record["products"][name] = files.digest(after)
                files.write_file(path, after)
                runs.write_manifest(folder, manifest)


def accuracy(folder, manifest):
    """Return a run's test accuracy with its interval, as text in per cent; "" unless results judged this very model."""
    results, training = (manifest["stages"].get(name, {}) for name in ("results", "training"))
    judged = results.get("ingredients", {}).get("input", {})
    current = training.get("products", {})
    metrics = files.read_json(folder / "metrics.json")
    if results.get("state") != "done" or not metrics or any(current.get(file) != made for file, made in judged.items()):
        return ""
    low, high = metrics["test"]["accuracy_ci95"]
    return f"{metrics['test']['accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})"


def collect(folder):
    """Pack a run's reports into reports.zip, for mailing; the same reports give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for report in sorted((folder / "reports").glob("*.html")):
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{report.name}"), report.read_bytes(), zipfile.ZIP_DEFLATED)
    files.write_file(folder / "reports.zip", buffer.getvalue())


def summary(folder):
    """Return one run's line in the index as a dictionary of texts."""
    manifest, model = runs.read_manifest(folder), files.read_json(folder / "model.json")
    parameters, recipe = manifest["parameters"], (model or {}).get("recipe", {})
    states = {name: stage["state"] for name, stage in manifest["stages"].items()}
    tested, note = accuracy(folder, manifest), manifest.get("dataset", {}).get("note", "")
    state = next((f"{state} in {name}" for name, state in states.items() if state != "done"), "done")
    if state == "done" and states.get("results") == "done" and not tested:
        state = "stopped before results looked at the new model"
    rows, history = [], folder / "history.csv"
    if history.is_file():
        rows = [{name: float(row[name]) for name in CURVES} for row in csv.DictReader(io.StringIO(history.read_text()))]
    seconds = f"{sum(row['seconds'] for row in rows):.0f} s" if rows else ""
    confusion = folder / "figures" / "confusion_matrix.png"
    reports = sorted((folder / "reports").glob("*.html"))
    return {
        "name": folder.name,
        "dataset": manifest.get("dataset", {}).get("title", parameters.get("dataset", ""))
        + (", MNIST was not there" if note else ""),
        "recipe": recipe.get("name", parameters.get("recipe", "")),
        "epochs": recipe.get("epochs", ""),
        "seed": parameters.get("seed", ""),
        "accuracy": tested,
        "seconds": seconds,
        "state": state if states else "not begun",
        "started": max((stage["started"] for stage in manifest["stages"].values()), default=""),
        "reports": [(path.stem.split("_", 1)[-1], f"{folder.name}/reports/{path.name}") for path in reports],
        "zip": f"{folder.name}/reports.zip" if (folder / "reports.zip").is_file() else "",
        "history": {name: [row[name] for row in rows] for name in CURVES if rows},
        "confusion": f"{folder.name}/figures/{confusion.name}" if tested and confusion.is_file() else "",
    }


def sparkline(values):
    """Return the points of an SVG polyline, 100 wide and 20 high, through positive values on a logarithmic scale."""
    logs = [math.log10(max(value, 1e-9)) for value in values if math.isfinite(value)]
    low, span = min(logs), max(max(logs) - min(logs), 1e-9)
    step = 100 / max(len(logs) - 1, 1)
    return " ".join(f"{place * step:.0f},{19 - 18 * (value - low) / span:.0f}" for place, value in enumerate(logs))


def write_index(outputs):
    """Write outputs/index.html: a line for every run, the newest first; runs that failed or stopped say so."""
    from jinja2 import Environment, FileSystemLoader

    rows = []
    for folder in sorted(path.parent for path in outputs.glob("*/run.json")):
        try:
            rows.append(summary(folder))
        except Exception:  # a damaged run must not keep the others from their page
            rows.append(
                {"name": folder.name, "state": "failed: its files cannot be read", "started": "", "reports": []}
            )
    rows.sort(key=lambda row: row["started"], reverse=True)
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True)
    environment.filters["sparkline"] = sparkline
    page = environment.get_template("runs.html.j2")
    parts = {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js", "runs.js")}
    others = ["comparison.html"] if (outputs / "comparison.html").is_file() else []
    files.write_file(outputs / "index.html", page.render(runs=rows, parts=parts, others=others))
