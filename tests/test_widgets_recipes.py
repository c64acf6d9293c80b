"""The table of all recipes: its figures without a script, and in a browser sorted and marked."""

import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from conftest import AXE

from helpers import plots
from helpers.widgets import recipes

TRAININGS = {"fast": [0.990, 0.992], "best": [0.997, 0.998, 0.999], "a <b> & c": [0.95]}
MEANS = {"fast": (0.991, 0.98, 1.002), "best": (0.998, 0.9975, 0.9985), "a <b> & c": (0.95, np.nan, np.nan)}
COSTS = {"fast": (1.4, "1.4 s", 29_434), "best": (351.0, "351 s", 661_882), "a <b> & c": (36.0, "36 s", 100)}
ROWS = recipes.recipe_rows(TRAININGS, MEANS, COSTS)


def test_the_table_holds_every_recipe_the_highest_mean_first():
    tree = BeautifulSoup(recipes.recipe_table(ROWS), "html.parser")
    rows = [[cell.text for cell in row.select("th, td")] for row in tree.select("tbody tr")]
    assert [row[0] for row in rows] == ["best", "fast", "a <b> & c"]
    assert rows[0][1::2] == ["99.80%", "351 s"] and rows[0][4] == "661,882"
    assert [len(row.select(".plot b")) for row in tree.select("tbody tr")] == [3, 2, 1]
    said = [plot["aria-label"] for plot in tree.select(".plot > [role=img]")]
    assert said[0] == "95% interval 99.75% to 99.85%, 3 trainings" and said[2] == "1 training"
    assert len({row["id"] for row in tree.select("tr[id]")}) == 3 and not tree.select("button")


def test_a_dot_lies_where_its_accuracy_is_between_two_ticks():
    tree = BeautifulSoup(recipes.recipe_table(ROWS), "html.parser")
    percent = lambda text: float(re.search(r"left:([\d.]+)%", text)[1])  # noqa: E731
    ticks = {float(tick.text[:-1]): percent(tick["style"]) for tick in tree.select(".ticks span")}
    assert ticks == {95: 0, 96: 20, 97: 40, 98: 60, 99: 80, 100: 100}
    dots = [percent(dot["style"]) for dot in tree.select("#recipe-fast .plot b")]
    assert dots == pytest.approx([80, 84]) and percent(tree.select_one("#recipe-fast em")["style"]) == pytest.approx(82)
    interval = tree.select_one("#recipe-fast u")["style"]
    assert percent(interval) == pytest.approx(60) and "width:40.00%" in interval  # no share is above 1
    assert not tree.select("tr:last-child u")  # one training has no interval


@pytest.mark.parametrize(
    "shares", [[1.0], [0.0], [0.5, 0.5], [0.9894, 0.9979], [0.0, 1.0], [0.9999, 1.0], [0.11, 0.93]]
)
def test_an_axis_holds_all_shares_and_has_three_to_six_ticks(shares):
    axis = recipes.axis_of(shares)
    ticks = list(axis.ticks())
    assert 3 <= len(ticks) <= 6 and len({text for text, _ in ticks}) == len(ticks)
    assert all(-1e-6 <= axis.place(share) <= 100 + 1e-6 for share in shares)
    assert axis.low >= 0 and axis.high <= 1 + 1e-9
    assert all(axis.place(float(text[:-1]) / 100) == pytest.approx(place, abs=1e-6) for text, place in ticks)


@pytest.fixture
def visit(browser, tmp_path):
    """Return a function that opens a page with the table and a figure below it."""
    contexts = []
    panels = plots.Panels([plots.errors_by_recipe({"best": [20, 30], "fast": [70, 90]}, {}, {}, 10_000)])
    figure = plots.as_html(panels, "errors", "A caption.", "Errors.")
    (tmp_path / "page.html").write_text(
        f"<!doctype html><html lang=en><title>x</title>{recipes.recipe_table(ROWS)}{figure}"
    )

    def open_page(width=1280, anchor="", **options):
        contexts.append(browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri() + anchor)
        return page

    yield open_page
    for context in contexts:
        context.close()


def order_of(page):
    """Return the recipes of the table from the top."""
    return page.locator(".recipes tbody th").all_inner_texts()


def test_its_headings_sort_by_keyboard_and_say_so(visit):
    page = visit()
    page.get_by_role("button", name="training").focus()
    page.keyboard.press("Enter")
    assert order_of(page) == ["fast", "a <b> & c", "best"]
    assert page.locator(".recipes .say").inner_text() == "Sorted by training, ascending: fast first."
    page.keyboard.press("Space")
    assert order_of(page) == ["best", "a <b> & c", "fast"] and page.locator("[aria-sort=descending]").count() == 1
    page.get_by_role("button", name="test accuracy").click()
    assert order_of(page) == ["best", "fast", "a <b> & c"] and page.complaints == []


def test_a_recipe_is_marked_in_the_figures_by_touch_and_by_address(visit):
    page = visit(390, has_touch=True, reduced_motion="reduce")
    page.get_by_role("button", name="best").tap()
    assert page.locator(".recipes .say").inner_text().startswith("best is marked in 1 figure: 99.80%, 351 s, 661,882")
    shown = page.evaluate("[...document.querySelectorAll('[data-of=best]')].map(one => getComputedStyle(one).opacity)")
    others = page.evaluate("[...document.querySelectorAll('[data-of=fast]')].map(one => getComputedStyle(one).opacity)")
    assert set(shown) == {"1"} and set(others) == {"0.2"}
    assert page.get_by_role("button", name="best").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="best").tap()
    assert page.locator(".has-mark, .marked").count() == 0
    assert visit(anchor="#recipe-fast").locator("tr.marked th").inner_text() == "fast"
    other = visit(anchor="#100%")
    assert other.locator(".marked").count() == 0 and other.complaints == []
    assert visit(anchor="#recipe-none").locator(".marked").count() == 0 and page.complaints == []


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_it_fits_can_be_tapped_and_breaks_no_rule(visit, width):
    page = visit(width)
    page.add_script_tag(content=AXE)
    found = page.evaluate("async () => (await axe.run('.recipes')).violations.map(rule => rule.id)")
    assert found == [] and page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate("[...document.querySelectorAll('button')].map(one => one.getBoundingClientRect().toJSON())")
    assert all(size["width"] >= 24 and size["height"] >= 24 for size in sizes)
    wide = "[...document.querySelectorAll('.recipes tr > *')].filter(one => one.scrollWidth > one.clientWidth + 1)"
    assert page.evaluate(f"{wide}.map(one => one.textContent)") == []


def test_without_a_script_it_is_a_table_that_promises_nothing(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".recipes button").count() == 0 and not page.get_by_text("A heading sorts").is_visible()
    assert page.get_by_text("661,882").is_visible() and page.locator(".recipes .plot b").first.is_visible()
