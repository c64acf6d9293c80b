"""Pages that hold a widget, opened in a real browser, offline; and networks' answers that were made up."""

from pathlib import Path

import numpy as np
from conftest import AXE

from helpers.evaluation import Predictions

CSS = Path(__file__).resolve().parent.parent / "pipeline" / "template" / "report.css"
SMALL = """
() => [...document.querySelectorAll("main :is(button, summary, input, [role=gridcell])")].filter(one => {
    const { width, height } = one.getBoundingClientRect();
    return width && (width < 24 || height < 24);
}).map(one => one.outerHTML.slice(0, 100))
"""


class Pages:
    """Pages of one test: each is offline, and notes what it complains of or asks for."""

    def __init__(self, browser, folder):
        self.browser, self.folder, self.contexts = browser, folder, []

    def open(self, html, before="", width=1280, **options):
        """Return the page of a widget under the style of the reports; `before`: a script that runs first."""
        path = self.folder / "page.html"
        head = f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>t</title><style>{CSS.read_text()}</style>"
        path.write_text(f"{head}<script>{before}</script><main><div class=output>{html}</div></main>", encoding="utf-8")
        context = self.browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if request.url != path.as_uri() else 0)
        page.goto(path.as_uri())
        return page

    def close(self):
        """Close all of them."""
        for context in self.contexts:
            context.close()


def violations(page):
    """Return what axe-core finds wrong in a page, what is too small to be tapped, and whether it is too wide."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run('main').then(({ violations }) => violations.map(rule => rule.id))")
    is_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return found + page.evaluate(SMALL) + ["too wide"] * is_wide


def made_predictions(images, classes, strength, seed=0):
    """Return Predictions of `images` images: noise, and `strength` more for the label."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    logits = generator.normal(size=(images, classes)).astype(np.float32)
    logits[np.arange(images), labels] += strength
    return Predictions(logits, labels)


def made_images(count, *form, seed=0):
    """Return noise, uint8 (count, *form)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *form), dtype=np.uint8)
