"""Visit pages as their readers do: wide and narrow, light and dark, without a network, without JavaScript, on paper.

    python benchmarks/pages.py FOLDER ...              every page of these folders of outputs; also single pages
    python benchmarks/pages.py FOLDER --axe axe.min.js    by another edition of axe-core than the one that is installed
    python benchmarks/pages.py FOLDER --keep           and add the reading to benchmarks/results/pages.json

Each page is opened in Chromium at widths of a phone, a laptop and a desk, in both themes, offline. What is counted:
requests other than for the page itself, messages of the console, pixels by which the page is wider than its window,
violations that axe-core finds, things to tap that are under 24 pixels (a link in a line of text may be), letters of
charts under 13 pixels, letters that nobody can read without JavaScript, kilobytes, the time until something is seen
(the median of five visits), and sheets of paper. A page that fails is named, and the exit code is 1.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import axe_playwright_python
import origin
from playwright import sync_api
from playwright.sync_api import Browser, Page

from helpers import runs
from helpers.errors import BadInput

RESULTS = Path(__file__).resolve().parent / "results" / "pages.json"
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
WIDTHS = (390, 1280, 1920)
THEMES = ("light", "dark")
KINDS = ("requests", "console", "overflow", "axe", "targets", "letters")
MEASURED = ("kilobytes", "first_paint", "sheets")
VISITS = 5
MOST_KILOBYTES = 1_500
MOST_OF_RESULTS = 2_500  # kilobytes of 04_results
SHEETS = {"04_results.html": 14}  # at most, on paper
RUN_AXE = """async () => {
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 120)}`));
}"""
SMALL_TARGETS = """() => {
    const small = [], LINES = "p, li, figcaption, td, th, dd";
    const things = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0'], [role=button]");
    for (const thing of things) {
        const own = thing.getBoundingClientRect(), around = (thing.closest("label") || thing).getBoundingClientRect();
        const box = own.height > around.height ? own : around;
        if (!box.width || getComputedStyle(thing).visibility === "hidden") continue;
        const flows = thing.matches("a") && getComputedStyle(thing).display === "inline" && thing.closest(LINES);
        if (!flows && (box.width < 23.5 || box.height < 23.5)) small.push(thing.outerHTML.slice(0, 120));
    }
    return small;
}"""
SMALL_LETTERS = """() => {
    const small = [];
    for (const text of document.querySelectorAll("figure svg text")) {
        const svg = text.ownerSVGElement, box = svg.getBoundingClientRect();
        if (!box.width || !text.textContent.trim() || svg.closest("[aria-hidden=true]")) continue;
        const { a, b } = text.getScreenCTM(), size = Math.hypot(a, b) * parseFloat(getComputedStyle(text).fontSize);
        if (size < 12.9) small.push(`${size.toFixed(1)} px: ${text.textContent.slice(0, 40)}`);
    }
    return small;
}"""
SCROLL = """async () => {
    for (let top = 0; top < document.body.scrollHeight; top += innerHeight) {
        scrollTo(0, top);
        await new Promise(done => setTimeout(done, 50));
    }
    scrollTo(0, 0);
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - innerWidth"
PAINTED = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null"""


def visit(browser: Browser, path: Path, axe: str) -> dict[str, Any]:
    """Return what is found on a page: {"requests": [...], "console": [...], ...}, each with where it was seen."""
    found: dict[str, Any] = {kind: {} for kind in KINDS}
    for width in WIDTHS:
        for theme in THEMES:
            place = f"{width} {theme}"
            page = open_page(browser, path, found, place, width, theme)
            scroll_through(page)
            overflow = page.evaluate(OVERFLOW)
            if overflow > 0:
                note(found, "overflow", f"{overflow} px", place)
            page.evaluate(axe)
            for kind, look in (("axe", RUN_AXE), ("targets", SMALL_TARGETS), ("letters", SMALL_LETTERS)):
                for text in page.evaluate(look):
                    note(found, kind, text, place)
            page.context.close()
    found["kilobytes"] = round(path.stat().st_size / 1000)
    found["first_paint"] = statistics.median(paint_time(browser, path) for _ in range(VISITS))
    found["hidden_without_script"] = hidden_without_script(browser, path)
    found["sheets"] = count_sheets(browser, path)
    return found


def note(found: dict[str, Any], kind: str, text: str, place: str) -> None:
    """Add what was seen at a place to `found`: {kind: {text: [places]}}."""
    places = found[kind].setdefault(text, [])
    if place not in places:
        places.append(place)


def open_page(browser: Browser, path: Path, found: dict[str, Any], place: str, width: int, theme: Any) -> Page:
    """Return a page that is open offline; what it asks for or complains of is added to `found`."""
    context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.on("console", lambda message: note(found, "console", message.text, place))
    page.on("pageerror", lambda error: note(found, "console", str(error), place))
    page.on("request", lambda request: note_request(found, place, request.url, path.as_uri()))
    page.goto(path.as_uri())
    return page


def note_request(found: dict[str, Any], place: str, address: str, own: str) -> None:
    """Add a request to `found` where it goes anywhere but to the page and what it holds."""
    if address != own and not address.startswith(("data:", "blob:")):
        note(found, "requests", address[:120], place)


def scroll_through(page: Page) -> None:
    """Scroll a page to its end and back, window by window, so that what waits to be seen is there."""
    page.evaluate(SCROLL)


def paint_time(browser: Browser, path: Path) -> float:
    """Return the seconds until something of a page is seen."""
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_function(PAINTED)
    taken = page.evaluate(PAINTED)
    page.close()
    return round(taken / 1000, 3)


def hidden_without_script(browser: Browser, path: Path) -> list[str]:
    """Return headings and figures' captions that are not seen where JavaScript is off."""
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    told = page.locator("main :is(h1, h2, h3, figcaption):not(details *):not(noscript *)")
    hidden = [told.nth(place).inner_text()[:60] for place in range(told.count()) if not told.nth(place).is_visible()]
    context.close()
    return hidden


def count_sheets(browser: Browser, path: Path) -> int:
    """Return how many sheets of A4 a page takes."""
    page = browser.new_page()
    page.goto(path.as_uri())
    with tempfile.TemporaryDirectory() as folder:
        paper = Path(folder) / "page.pdf"
        page.pdf(path=paper, format="A4")
        content = paper.read_bytes()
    page.close()
    return content.count(b"/Type /Page\n") or content.count(b"/Type /Page") - content.count(b"/Type /Pages")


def faults(name: str, found: dict[str, Any]) -> list[str]:
    """Return what is wrong with a page of this name, a line each."""
    wrong = []
    for kind in KINDS:
        for text, places in found[kind].items():
            seen = "everywhere" if len(places) == len(WIDTHS) * len(THEMES) else ", ".join(places)
            wrong.append(f"{kind}: {text} ({seen})")
    wrong += [f"hidden without JavaScript: {text}" for text in found["hidden_without_script"]]
    most = MOST_OF_RESULTS if name == "04_results.html" else MOST_KILOBYTES
    if found["kilobytes"] > most:
        wrong.append(f"{found['kilobytes']:,} kB, and at most {most:,} are allowed")
    if found["sheets"] > SHEETS.get(name, found["sheets"]):
        wrong.append(f"{found['sheets']} sheets of paper, and at most {SHEETS[name]} are allowed")
    return wrong


def pages_of(folders: Sequence[Path]) -> list[Path]:
    """Return the pages in folders of outputs, or the pages themselves; BadInput where there is none."""
    found = [path for folder in folders for path in ([folder] if folder.is_file() else sorted(folder.rglob("*.html")))]
    if not found:
        raise BadInput("holds no page", field="folder", value=str(folders[0]), way_out="run `make reports` first")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--axe", type=Path, default=AXE, metavar="FILE", help="another axe.min.js")
    parser.add_argument("--keep", action="store_true", help="add the reading to benchmarks/results/pages.json")
    options = parser.parse_args()
    facts = origin.facts() if options.keep else {}
    axe = options.axe.read_text(encoding="utf-8")
    program = next((name for name in CHROMIUM if Path(name).is_file()), None)
    rows = {}
    wrong = 0
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in pages_of(options.folders):
            found = visit(browser, path.resolve(), axe)
            name = f"{path.parent.parent.name}/{path.name}" if path.parent.name == "reports" else path.name
            lines = faults(path.name, found)
            wrong += len(lines)
            size, seen, sheets = (found[key] for key in MEASURED)
            print(f"{name}: {size:,} kB, seen after {seen:.2f} s, {sheets} sheets")
            for line in lines:
                print(f"  {line}")
            rows[name] = {key: found[key] for key in MEASURED} | {"faults": lines}
    if options.keep:
        edition = axe[: axe.find("\n")].removeprefix("/*! ")
        origin.keep(RESULTS, {"taken": runs.now(), "axe": edition, "pages": rows} | facts)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    origin.call(main)
