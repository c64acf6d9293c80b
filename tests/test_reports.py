"""Reports: one file each, nothing from outside, and everything in them is somebody's words, not markup."""

import json
import re
import zipfile

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from conftest import METRICS

from helpers import errors, files, runs, verdicts
from helpers.runs import DatasetRecord, Manifest, StageRecord
from pipeline import execute, index, reports
from pipeline.reports import Header


def test_of_a_line_that_was_drawn_again_and_again_the_last_state_is_written(tmp_path):
    texts = ("\r 10%", "\r 50%", "\r100%\n", "end")
    pieces = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    other = nbformat.v4.new_output("stream", name="stderr", text=f"careful: {files.PROJECT}/helpers")
    cell = nbformat.v4.new_code_cell("1", outputs=[*pieces, other])
    execute.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "it.ipynb")
    written = nbformat.read(tmp_path / "it.ipynb", 4).cells[0].outputs
    assert [output.text for output in written] == ["100%\nend", "careful: ./helpers"]


def test_tables_have_one_header_row_and_right_aligned_figures():
    frame = pd.DataFrame(
        {"share": ["1.5%", "below 0.001"], "what": ["<b>", "12 men"]}, index=pd.Index(["a", "b"], name="class")
    )
    html = reports.tidy_table(frame._repr_html_())
    assert "<style" not in html and "style=" not in html
    assert html.count("<tr") == 3 and "<th>class</th>" in html and "&lt;b&gt;" in html
    assert '<th class="n">share</th>' in html and '<td class="n">1.5%</td>' in html and "<td>12 men</td>" in html


def test_paths_are_hidden_where_they_end_and_nowhere_else():
    text = f"{files.PROJECT}/helpers/data.py {files.PROJECT}work"
    assert execute.without_paths(text) == f"./helpers/data.py {files.PROJECT}work"


@pytest.fixture
def rendered(tmp_path):
    """Return a function that renders cells as the report of a run, and returns its HTML."""

    def render(*cells, note="", state="done", message=""):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A title\n\n## First part"), *cells])
        path = tmp_path / "run" / "notebooks" / "01_eda.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
        target = tmp_path / "run" / "reports" / "01_eda.html"
        header = Header("scikit-learn digits", "r", "2026-01-01 00:00", note=note, state=state, message=message)
        reports.render(path.read_bytes(), target, header)
        return target.read_text()

    return render


def output(**data):
    """Return a code cell with one displayed output."""
    about = {"alt": 'a "figure" <b>', "width": 300}
    shown = nbformat.v4.new_output("display_data", data, metadata={"image/png": about, "image/jpeg": about})
    return nbformat.v4.new_code_cell("1 < 2", outputs=[shown])


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_figures_carry_their_alternative_text(rendered, kind):
    html = rendered(output(**{f"image/{kind}": "iVBORw0KGgo=\n", "text/plain": "x"}))
    image = BeautifulSoup(html, "html.parser").img
    assert image["alt"] == 'a "figure" <b>' and image["width"] == "300"
    assert image["src"] == f"data:image/{kind};base64,iVBORw0KGgo="


def test_contents_list_the_parts(rendered):
    html = rendered(nbformat.v4.new_markdown_cell("## Second part"))
    assert '<li><a href="#First-part">First part</a></li><li><a href="#Second-part">Second part</a></li>' in html
    assert 'id="First-part"' in html and "<title>A title</title>" in html


def test_code_is_there_but_folded(rendered):
    html = rendered(nbformat.v4.new_code_cell("answer = 42"))
    assert '<details class="code"><summary>code</summary>' in html and "answer" in html


def test_notes_and_messages_are_shown_as_text(rendered):
    html = rendered(note="<script>alert(1)</script>", state="failed", message="<img src=x onerror=alert(1)>")
    assert "<script>alert" not in html and "<img src=x" not in html and "FAILED" in html


SOLUTION = """<details><summary>Solution of "1 & 2"</summary>

The *answer* is $n^2$:

```python
text = "</details>"
```

</details>

After it."""


def test_a_solution_is_folded_and_what_comes_after_it_is_not(rendered):
    page = BeautifulSoup(rendered(nbformat.v4.new_markdown_cell(SOLUTION)), "html.parser")
    (fold,) = page.select("details.fold")
    assert fold.summary.text == 'Solution of "1 & 2"' and not fold.has_attr("open")
    assert fold.em.text == "answer" and fold.math is not None and "</details>" in fold.pre.text
    assert "After it." in page.main.text and "After it." not in fold.text


def test_what_a_reader_fills_in_is_not_folded(rendered):
    cell = nbformat.v4.new_code_cell("count = None  # your answer")
    cell.metadata["tags"] = ["exercise"]
    page = BeautifulSoup(rendered(nbformat.v4.new_code_cell("1"), cell), "html.parser")
    assert [fold.has_attr("open") for fold in page.select("details.code")] == [False, True]


@pytest.mark.parametrize(
    "markdown",
    [
        "<details><summary>Solution</summary>\n\nnever closed",
        "closed\n\n</details>\n\ntwice, <b>and</b> never opened",
        "<details open onclick='alert(1)'><summary>S</summary>\n\nx\n\n</details>",
        "<details><summary>S<img src=x></summary>\n\nx\n\n</details>",
    ],
)
def test_no_other_tag_is_one_in_a_page(rendered, markdown):
    page = BeautifulSoup(rendered(nbformat.v4.new_markdown_cell(markdown)), "html.parser")
    assert page.main.find(["details", "summary", "b", "img"]) is None and "details>" in page.main.text


def test_what_a_cell_puts_out_folds_nothing(rendered):
    page = BeautifulSoup(rendered(output(**{"text/markdown": SOLUTION, "text/plain": "x"})), "html.parser")
    assert not page.select("details.fold") and "<details>" in page.main.text


@pytest.mark.filterwarnings("error")
def test_of_a_verdict_a_page_shows_the_sentence_alone(rendered):
    verdict = verdicts.Verdict("overfitting", 0.25, "Nothing **more** than p < 0.3.", {"train_images": 4321})
    page = BeautifulSoup(rendered(output(**verdict._repr_mimebundle_())), "html.parser")
    shown = page.select_one(".output")
    assert shown.text.strip() == "Nothing more than p < 0.3." and shown.strong.text == "more"
    assert "4321" not in page.text and verdicts.FORMAT not in page.text


def outside(html):
    """Return what a page would load from outside itself."""
    loaded = re.findall(r'<(?:link|script|img|iframe|source|object|embed)\b[^>]*?\b(?:src|href)="([^"]*)"', html)
    return [address for address in loaded if not address.startswith("data:")] + re.findall(
        r"@import|url\((?!data:)", html
    )


def test_reports_of_a_real_run_load_nothing_from_outside(finished):
    _, folder, _ = finished
    pages = [*(folder / "reports").glob("*.html"), folder.parent / "index.html"]
    assert len(pages) == 6
    for page in pages:
        html = page.read_text()
        assert not outside(html), page.name
        assert all(re.findall(r'\balt="([^"]*)"', tag)[0].strip() for tag in re.findall(r"<img\b[^>]*>", html)), (
            page.name
        )
        assert "application/vnd.jupyter.widget" not in html and "\r" not in html


def test_the_zip_holds_the_reports_and_is_the_same_each_time(finished):
    _, folder, _ = finished
    before = (folder / "reports.zip").read_bytes()
    with zipfile.ZipFile(folder / "reports.zip") as archive:
        assert sorted(archive.namelist()) == sorted(
            f"{folder.name}/{path.name}" for path in (folder / "reports").glob("*.html")
        )
    reports.pack(folder, [path.name for path in (folder / "reports").glob("*.html")])
    assert (folder / "reports.zip").read_bytes() == before


def manifest(name, **changes):
    """Return a manifest with no stage in it."""
    dataset = DatasetRecord(name="digits", title="scikit-learn digits", fingerprint="f")
    return Manifest(run=name, parameters={}, dataset=dataset).model_copy(update=changes)


def test_the_index_survives_odd_runs(tmp_path):
    (tmp_path / "empty").mkdir()
    runs.save_manifest(tmp_path / "fresh", manifest("fresh"))
    record = StageRecord(state="running", started="2026-01-31T12:00:00+0100")
    runs.save_manifest(tmp_path / "half", manifest("half", stages={"eda": record}))
    later = manifest("later").model_dump() | {"version": 4}
    odd = ["{", "[]", '{"stages": []}', '{"stages": {"eda": {"state": "done"}}}', json.dumps(later)]
    for number, content in enumerate(odd):
        files.write_file(tmp_path / f"odd{number}" / "run.json", content)
    index.write_index(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert "stopped in eda: its runner died" in html and html.count(">not begun<") == 1
    assert "2026-01-31 11:00 UTC" in html
    assert html.count(">failed: its files cannot be read<") == len(odd)


def test_a_manifest_of_the_first_version_is_read(tmp_path):
    stage = {"state": "done", "started": "2026", "commit": "c", "seconds": 1.5}
    stage |= {"ingredients": {"helper": {"a": "b"}}, "products": {"dataset.json": "d", "reports/01_eda.html": "e"}}
    files.write_file(tmp_path / "metrics.json", METRICS)
    left = {"model.json": "m"}
    training = stage | {"products": left}
    results = stage | {"products": {"metrics.json": files.file_digest(tmp_path / "metrics.json")}}
    results |= {"ingredients": {"input": left}}
    first = {"run": "old", "parameters": {"seed": 0}, "seed": 0, "threads": 2, "commit": "c", "versions": {}}
    first |= {"machine": {}, "stages": {"eda": stage, "training": training, "results": results}}
    first |= {"dataset": {"name": "digits", "title": "digits", "fingerprint": "f", "note": ""}}
    files.write_json(tmp_path / "run.json", first)
    record = runs.load_manifest(tmp_path).stages["eda"]
    assert record.inputs == {"helper": {"a": "b"}} and record.outputs == {"dataset.json": "d"}
    runs.save_manifest(tmp_path, runs.load_manifest(tmp_path))
    assert runs.load_manifest(tmp_path).stages["eda"] == record
    assert str(runs.load_manifest(tmp_path).test_accuracy) == "50.00% (95% interval 25.00% to 75.00%)"


def test_a_manifest_of_the_second_version_is_read(tmp_path):
    stage = {"state": "done", "started": "2026", "commit": "c", "threads": 2}
    second = {"version": 2, "run": "old", "parameters": {"seed": 0}, "seed": 0, "threads": 4, "commit": "later"}
    second |= {"versions": {"torch": "2"}, "machine": {"cores": 4}, "stages": {"training": stage}}
    second |= {"dataset": {"name": "digits", "title": "digits", "fingerprint": "f"}}
    files.write_json(tmp_path / "run.json", second | {"digest": files.digest(second)})
    record = runs.load_manifest(tmp_path).stages["training"]
    assert record.commit == "c" and record.threads is None and record.threads_expected == 2
    assert record.versions == record.machine == {}  # those of the last command, which need not be the stage's
    runs.save_manifest(tmp_path, runs.load_manifest(tmp_path))
    assert runs.load_manifest(tmp_path).stages["training"] == record
    files.write_json(tmp_path / "run.json", second | {"seed": 1, "digest": files.digest(second)})
    assert runs.load_manifest(tmp_path) is None


def test_a_manifest_of_a_later_version_is_refused_with_one_line(tmp_path):
    files.write_json(tmp_path / "run.json", {"version": 4})
    with pytest.raises(errors.BadInput, match=r"its run.json is of version 4, and this code knows 3; use newer code"):
        runs.load_manifest(tmp_path)


def test_what_is_no_notebook_is_told_by_the_pages_name(tmp_path):
    header = Header("digits", "r", "2026-01-01 00:00 UTC")
    with pytest.raises(errors.ProjectError, match=r"reports/01_eda.html: cannot be rendered \(\w+"):
        reports.render(b"no notebook", tmp_path / "01_eda.html", header)
    assert not list(tmp_path.iterdir())


def test_a_page_is_made_only_from_a_notebook_as_it_was_left(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Accuracy 97.77%")])
    path = reports.executed_notebook(tmp_path, "01_eda")
    files.write_file(path, nbformat.writes(notebook))
    outputs = {"notebooks/01_eda.ipynb": files.file_digest(path)}
    record = StageRecord(state="done", started="2026-01-31T12:00:00+00:00", outputs=outputs)
    known = manifest("mine", stages={"eda": record})
    reports.render_pages(tmp_path, known)
    page = tmp_path / "reports" / "01_eda.html"
    other = files.write_file(tmp_path / "reports" / "04_results.html", "of a run before this one")
    assert "97.77%" in page.read_text()
    path.write_text(path.read_text().replace("97.77", "99.99"))
    reports.render_pages(tmp_path, known)
    assert not page.exists()  # better none than one that is not true
    assert other.exists()
    with zipfile.ZipFile(tmp_path / "reports.zip") as archive:
        assert archive.namelist() == []


def run_with_a_page(outputs):
    """Make a run with one stage that is done, its page, their archive and the index; return its folder and manifest."""
    folder = outputs / "mine"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Accuracy 97.77%")])
    path = files.write_file(reports.executed_notebook(folder, "01_eda"), nbformat.writes(notebook))
    outputs = {"notebooks/01_eda.ipynb": files.file_digest(path)}
    record = StageRecord(state="done", started="2026-01-31T12:00:00+00:00", outputs=outputs)
    known = manifest("mine", stages={"eda": record})
    runs.save_manifest(folder, known)
    reports.render_pages(folder, known)
    return folder, known


@pytest.mark.parametrize("name", ["reports/01_eda.html", "reports.zip"])
def test_the_index_links_no_page_and_no_archive_that_is_not_as_it_was_made(tmp_path, name):
    folder, known = run_with_a_page(tmp_path)
    link = f'href="mine/{name}"'
    index.write_index(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert link in html and ">done<" in html
    whole = (folder / name).read_bytes()
    changed = whole.replace(b"97.77", b"99.99") + b" "
    (folder / name).write_bytes(changed)
    index.write_index(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert link not in html and f"{name} has changed since it was made" in html
    elsewhere = files.write_file(tmp_path / "elsewhere", whole)
    (folder / name).unlink()
    (folder / name).symlink_to(elsewhere)
    index.write_index(tmp_path)
    assert link not in (tmp_path / "index.html").read_text()
    reports.render_pages(folder, known)
    index.write_index(tmp_path)
    assert link in (tmp_path / "index.html").read_text()
    assert (folder / name).read_bytes() == whole and elsewhere.read_bytes() == whole


@pytest.mark.parametrize("entry", ["\ud800", float("nan"), {"source": "\ud800", "page": "0" * 64}])
def test_what_is_known_of_pages_is_not_believed_where_it_is_of_another_form(tmp_path, entry):
    folder, known = run_with_a_page(tmp_path)
    note = folder / "reports" / ".rendered.json"
    whole = json.loads(note.read_text())
    note.write_text(json.dumps({"02_prototyping.html": entry, "nobody's": entry}))
    reports.render_pages(folder, known)
    assert json.loads(note.read_text()) == whole


def test_where_every_page_is_up_to_date_nothing_is_written(tmp_path):
    folder, known = run_with_a_page(tmp_path)
    paths = [folder / "reports.zip", *(folder / "reports").iterdir()]
    assert len(paths) == 3
    before = [path.stat().st_ino for path in paths]
    reports.render_pages(folder, known)
    assert [path.stat().st_ino for path in paths] == before
    folder = folder.rename(tmp_path / "renamed")
    reports.render_pages(folder, known)
    with zipfile.ZipFile(folder / "reports.zip") as archive:
        assert archive.namelist() == ["renamed/01_eda.html"]


def test_what_lies_where_a_page_will_come_is_not_packed(tmp_path):
    folder, known = run_with_a_page(tmp_path)
    files.write_file(folder / "reports" / "04_results.html", "test accuracy 99.99%")
    reports.render_pages(folder, known, coming=["results"])
    with zipfile.ZipFile(folder / "reports.zip") as archive:
        assert archive.namelist() == ["mine/01_eda.html"]
