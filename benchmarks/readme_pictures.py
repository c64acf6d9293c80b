"""Take README's two pictures, docs/report.png and docs/draw.png, of the reports in docs/sample.

    python benchmarks/readme_pictures.py

In Chromium without a window: the head of the results report, its confusion matrix beside it; and its drawing pad after
a 3 was drawn with the mouse.
"""

import argparse
import io
from pathlib import Path

import origin
from pages import CHROMIUM
from PIL import Image
from playwright import sync_api
from playwright.sync_api import Browser, Page

from helpers import files
from helpers.errors import BadInput

REPORT = files.PROJECT / "docs" / "sample" / "04_results.html"
WIDTH, HEIGHT = 960, 620  # of a window, in pixels
MARGIN = 24  # pixels between the edge of a picture and what it shows
THREE = [(85, 75), (112, 48), (150, 38), (190, 50), (212, 92), (195, 122), (150, 138)]  # on a pad of 280 pixels
THREE += [(195, 150), (222, 185), (205, 225), (160, 245), (115, 235), (80, 212)]


def scroll_to(page: Page, selector: str) -> None:
    """Bring the top of the first element that matches to the top of the window."""
    element = page.locator(selector).first
    element.wait_for()
    element.evaluate(f"element => window.scrollBy(0, element.getBoundingClientRect().top - {MARGIN})")


def draw(page: Page) -> None:
    """Draw a 3 with the mouse on an empty pad, and wait until the network has answered."""
    page.get_by_role("button", name="Clear").first.click()
    box = page.locator(".pad").first.bounding_box()
    assert box is not None
    scale = box["width"] / 280
    (left, top), *rest = [(box["x"] + scale * across, box["y"] + scale * down) for across, down in THREE]
    page.mouse.move(left, top)
    page.mouse.down()
    for across, down in rest:
        page.mouse.move(across, down, steps=8)
    page.mouse.up()
    page.mouse.move(1, 1)
    page.wait_for_timeout(1_000)


def beside(left: bytes, right: bytes) -> Image.Image:
    """Return two pictures of windows, as PNG files, side by side."""
    both = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    both.paste(Image.open(io.BytesIO(left)), (0, 0))
    both.paste(Image.open(io.BytesIO(right)), (WIDTH, 0))
    return both


def take(report: Path, folder: Path) -> None:
    """Write report.png and draw.png into a folder; BadInput where there is no report."""
    if not report.is_file():
        raise BadInput("is not there", field="report", value=str(report), way_out="run `make sample` first")
    program = next((name for name in CHROMIUM if Path(name).is_file()), None)
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        take_in(browser, report, folder)
        browser.close()


def take_in(browser: Browser, report: Path, folder: Path) -> None:
    """Write the pictures of a report, as a browser shows it, into a folder."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto(report.resolve().as_uri())
    head = page.screenshot()
    scroll_to(page, ".confusion-explorer")
    beside(head, page.screenshot()).save(folder / "report.png", optimize=True)
    scroll_to(page, ".network-pad")
    draw(page)
    page.locator(".network-pad").first.screenshot(path=folder / "draw.png")
    page.close()


def main() -> None:
    """Take both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    take(REPORT, REPORT.parent.parent)


if __name__ == "__main__":
    origin.call(main)
