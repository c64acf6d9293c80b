"""Reports as a reader meets them: in a real browser, offline, on a phone, without JavaScript."""

import re
import zipfile
from pathlib import Path

import axe_core_python
import nbformat
import pytest

from helpers import files, runs
from pipeline import reports
from pipeline.reports import Header

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
REPORTS = ("00_walkthrough", "01_eda", "02_prototyping", "03_training", "04_results")


@pytest.fixture
def visit(browser):
    """Return a function that opens a file offline and collects what the page complains of or asks for."""
    contexts = []

    def open_page(path, width=1280, **options):
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if request.url != path.as_uri() else 0)
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_checks_can_fail(visit, tmp_path):
    (tmp_path / "bad.html").write_text("<title>x</title><img src=http://example.org/x.png><p style='color:#ccc'>pale")
    page = visit(tmp_path / "bad.html")
    rules = {line.split(":")[0] for line in violations(page)}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= rules and page.complaints


def page_of(finished, name):
    """Return the path of a report of the finished run."""
    _, folder, _ = finished
    return folder / "reports" / f"{name}.html"


RUN_AXE = """
async options => {
    const { violations } = await axe.run({ ...options, resultTypes: ["violations"] });
    return violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 150)}`));
}
"""
COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def violations(page, options=None):
    """Return what axe-core finds wrong with a page, a line each; `options` as axe.run takes them.

    What passed stays in the page: to bring it over takes several times as long as to find it.
    """
    page.evaluate(AXE)
    return page.evaluate(RUN_AXE, options or {})


@pytest.mark.parametrize("name", REPORTS)
def test_pages_ask_for_nothing_and_show_everything(visit, finished, name):
    page = visit(page_of(finished, name))
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    alternatives = page.evaluate("[...document.images].map(image => image.alt)")
    assert len(set(alternatives)) == len(alternatives) and all(len(text) > 20 for text in alternatives)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    formulas = page.locator("math")
    boxes = [formulas.nth(place).bounding_box() for place in range(formulas.count())]
    assert all(box["width"] > 5 and box["height"] > 5 for box in boxes)
    assert page.complaints == [f"data:{url[5:]}" for url in page.complaints]  # figures are inside the file
    assert page_of(finished, name).stat().st_size < 3e6


def test_formulas_are_rendered(visit, finished):
    for name, count in (("03_training", 1), ("04_results", 3)):
        page = visit(page_of(finished, name))
        assert page.locator("math[display=block]").count() == count and "$$" not in page.inner_text("main")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", REPORTS)
def test_everyone_can_use_the_pages(visit, finished, name, width):
    light = visit(page_of(finished, name), width, color_scheme="light")
    assert violations(light) == []
    assert light.evaluate("document.documentElement.scrollWidth") <= width
    dark = visit(page_of(finished, name), width, color_scheme="dark")
    assert violations(dark, COLOUR_RULES) == []  # the rest of the page is the same as in light
    assert dark.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", REPORTS)
def test_pages_are_readable_without_javascript(visit, finished, name):
    page = visit(page_of(finished, name), java_script_enabled=False)
    assert not page.locator("button:visible:not([data-example])").count()
    folds = page.locator("details.code summary")
    folds.first.click()
    assert page.locator("details.code pre").first.is_visible() and page.locator("main h2").count() > 3


def test_the_reader_chooses_light_or_dark(visit, finished):
    page = visit(page_of(finished, "03_training"), color_scheme="light")
    grounds = []
    for _ in range(4):
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.click("#theme")
    assert grounds[0] == grounds[1] == grounds[3] != grounds[2] and page.inner_text("#theme") == "theme: light"


def test_all_code_opens_at_once_and_by_keyboard(visit, finished):
    page = visit(page_of(finished, "03_training"))
    count = page.locator("details.code").count()
    page.focus("#unfold")
    page.keyboard.press("Enter")
    assert page.locator("details.code[open]").count() == count > 10
    page.keyboard.press("Enter")
    page.focus("details.code summary >> nth=0")
    page.keyboard.press("Space")
    assert page.locator("details.code[open]").count() == 1


def test_on_paper_pages_are_dark_on_light_and_say_what_is_folded(visit, tmp_path):
    solution = nbformat.v4.new_markdown_cell("# It\n\n<details><summary>Solution</summary>\n\nAll.\n\n</details>")
    content = nbformat.writes(nbformat.v4.new_notebook(cells=[solution])).encode()
    reports.render(content, tmp_path / "it.html", Header("digits", "r", "2026-01-01 00:00"))
    page = visit(tmp_path / "it.html", color_scheme="dark")
    summary = page.locator("details.fold > summary")
    after = "element => getComputedStyle(element, '::after').content"
    assert summary.evaluate(after) == "none" and not page.get_by_text("All.").is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert "folded" in summary.evaluate(after)
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    page.emulate_media(media="screen")
    summary.press("Enter")
    assert page.get_by_text("All.").is_visible()
    assert not violations(page) and not page.complaints


def test_contents_follow_the_scroll(visit, finished):
    page = visit(page_of(finished, "04_results"))
    links = page.locator(".contents a")
    for place in (3, 6):
        links.nth(place).click()
        page.wait_for_function(
            "place => document.querySelectorAll('.contents a')[place].ariaCurrent === 'true'", arg=place
        )
        assert page.locator(".contents [aria-current]").count() == 1
        assert page.locator(".contents").bounding_box()["y"] < 60  # it stays in sight


def test_the_other_reports_are_a_click_away_also_from_the_zip(visit, finished, tmp_path):
    _, folder, _ = finished
    with zipfile.ZipFile(folder / "reports.zip") as archive:
        archive.extractall(tmp_path)
    page = visit(tmp_path / folder.name / "01_eda.html")
    for name in REPORTS:
        page.click(f".reports a[href='{name}.html']")
        assert page.locator(".reports [aria-current=page]").get_attribute("href") == f"{name}.html"
    for path in (tmp_path / folder.name).iterdir():
        links = re.findall(r'<a [^>]*href="([^"#]+)"', path.read_text())
        assert len(links) == 5 and all((path.parent / link).is_file() for link in links)


def test_rendering_again_leaves_the_pages_as_they_are(finished):
    _, folder, _ = finished
    manifest = runs.load_manifest(folder)
    for record in manifest.stages.values():
        assert all(files.file_digest(folder / name) == digest for name, digest in record.outputs.items())
    before = {path: path.stat().st_mtime_ns for path in (folder / "reports").iterdir()}
    assert len(before) == 6
    reports.render_pages(folder, manifest)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_a_class_is_called_runs_nowhere(visit, tmp_path):
    evil = """<script>document.title="run"</script> "><img src=x onerror=document.title="run"> """
    evil += '[x](javascript:document.title="run")'
    cells = [nbformat.v4.new_markdown_cell(f"# A {evil}\n\n## Part {evil}")]
    for kind in ("text/markdown", "text/plain", "application/javascript"):
        text = 'document.title="run"' if "javascript" in kind else f"of class {evil}"
        cells.append(nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", {kind: text})]))
    stream = nbformat.v4.new_output("stream", name="stdout", text=evil)
    png = nbformat.v4.new_output("display_data", {"image/png": "x"}, metadata={"image/png": {"alt": evil}})
    cells.append(nbformat.v4.new_code_cell(f"# {evil}", outputs=[stream, png]))
    content = nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()
    links = {"01_eda.html": evil, f"02_{evil}.html": "results"}
    header = Header(evil, evil, evil, recipe=evil, headline=evil, note=evil, state="failed", message=evil, links=links)
    reports.render(content, tmp_path / "01_eda.html", header)
    page = visit(tmp_path / "01_eda.html")
    page.evaluate("document.querySelectorAll('main a').forEach(link => link.click())")
    assert page.title().startswith("A <script>") and page.locator("main img").count() == 1
    assert page.inner_text("main").count('<script>document.title="run"</script>') >= 5
