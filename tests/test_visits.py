"""benchmarks/pages.py finds what it looks for, and nothing on a page that is as it should be."""

import pages
import pytest

GOOD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Good</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>Good</h1><p>A page.</p>
<p><button style="padding: 1rem">Press</button></p>
<figure>
<svg viewBox="0 0 300 40" width="300" role="img" aria-label="A word"><text y="30" font-size="14">word</text></svg>
<figcaption>A word.</figcaption></figure></main></body></html>"""
BAD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Bad</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>Bad</h1><img src="http://example.org/x.png">
<p style="width: 500px">wide</p><button style="padding: 0; font-size: 8px">x</button><h2 hidden id="late">Late</h2>
<figure>
<svg viewBox="0 0 600 40" width="300" role="img" aria-label="A word"><text y="30" font-size="14">tiny</text></svg>
</figure></main><script>document.getElementById("late").hidden = false; console.log("oh");</script></body></html>"""


@pytest.fixture(autouse=True)
def one_visit(monkeypatch):
    monkeypatch.setattr(pages, "VISITS", 1)


def visited(browser, folder, html):
    """Return what is wrong with a page, a line each."""
    page = folder / "page.html"
    page.write_text(html)
    return pages.faults("page.html", pages.visit(browser, page, pages.AXE.read_text(encoding="utf-8")))


def test_nothing_is_wrong_with_a_good_page(browser, tmp_path):
    assert visited(browser, tmp_path, GOOD) == []


def test_everything_is_found_on_a_bad_page(browser, tmp_path):
    wrong = visited(browser, tmp_path, BAD)
    for start in (
        "requests: http://example.org/x.png (everywhere)",
        "console: oh (everywhere)",
        "overflow: ",
        "axe: image-alt: ",
        "targets: <button ",
        "letters: 7.0 px: tiny (everywhere)",
        "hidden without JavaScript: Late",
    ):
        assert any(line.startswith(start) for line in wrong), start
    assert sum(line.startswith("overflow: ") for line in wrong) == 1  # on the phone alone


def test_sheets_of_paper_and_kilobytes_are_counted(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(GOOD.replace("<p>A page.</p>", "<p style='break-after: page'>One.</p>" * 3))
    assert pages.count_sheets(browser, page) == 4
    found = {kind: {} for kind in pages.KINDS} | {"hidden_without_script": [], "kilobytes": 1600, "sheets": 15}
    assert pages.faults("01_eda.html", found) == ["1,600 kB, and at most 1,500 are allowed"]
    assert pages.faults("04_results.html", found) == ["15 sheets of paper, and at most 14 are allowed"]


def test_pages_are_those_of_folders_or_given_by_name(tmp_path):
    (tmp_path / "reports").mkdir()
    for name in ("reports/b.html", "reports/a.html", "c.html"):
        (tmp_path / name).touch()
    found = pages.pages_of([tmp_path / "reports", tmp_path / "c.html"])
    assert [path.name for path in found] == ["a.html", "b.html", "c.html"]
