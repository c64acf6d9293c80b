"""Tables of pandas as a page shows them: one header row, figures to the right, shares with a bar, the extremes bold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import Tag

FIGURE = re.compile(r"(below )?[-+(]?\d[-+\d.,%()eE /]*(to [-+\d.,%() ]+)?( s| kB| MB)?|nan|[-–—]|")
WHOLE = re.compile("0|[1-9][0-9]*|[1-9][0-9]{0,2}(,[0-9]{3})+")  # names of classes may begin with 0
SHARE = re.compile(r"(\d+(?:\.\d+)?)%( \(.+\))?")
BARE = re.compile(r"\d+(\.\d+)?")  # a share whose sign stands in the header: "accuracy, %", "% of values"
# headers of what numbers no quantity
NAMES = re.compile(r"(?<!per )\b(image|index|number|seed|year|epoch|step|class|label|answer|taken for)$")
LENGTHS = {"short": 16, "words": 60, "long": 160}  # characters; what is longer yet is `longest`
ROWS_OF_BARS = 8  # rows from which on figures look alike


def tidy_table(html: str) -> str:
    """Return a pandas table with its header in one row, and a class for each kind of column.

    Columns of figures have the class `n`, others `short`, `words`, `long` or `longest`, by which they get their width.
    Whole numbers get separators; where there are many, shares get a bar, and the class `best` or `worst` where one
    alone is the highest or lowest of its column, which a line below the table says. Other HTML is returned as it is.
    """
    if 'class="dataframe"' not in html:
        return html
    from bs4 import BeautifulSoup

    page = BeautifulSoup(html, "html.parser")
    for style in page.find_all("style"):
        style.decompose()  # pandas aligns all headers to the right
    for table in page.find_all("table"):
        del table["border"]
        rows = one_header_row(table)
        columns = [(header, cells) for header, *cells in zip(*rows, strict=False)]
        for header, cells in columns:
            mark_column(header, cells)
        legend = mark_shares(columns)
        name_cells(rows)
        box = table.wrap(page.new_tag("div", attrs={"class": "scroll"}))
        if legend:
            box.insert_after(page.new_tag("p", attrs={"class": "legend"}, string=legend))
    return str(page)


def one_header_row(table: Tag) -> list[list[Tag]]:
    """Bring a table's header into one row, and return the cells of its rows; pandas names the index in a second one."""
    for row in table.find_all("tr"):
        row.attrs.pop("style", None)
    rows = [list(row.find_all(["th", "td"])) for row in table.find_all("tr")]
    has_two = len(rows) > 1 and len(table.select("thead tr")) == 2
    if has_two and not any(cell.text for cell in rows[1][1:]):
        rows[0][0].string = rows[1][0].text
        table.select("thead tr")[1].decompose()
        del rows[1]
    return rows


def name_cells(rows: Sequence[Sequence[Tag]]) -> None:
    """Say of each header whether it is that of a row or of a column; one without a word is none."""
    for place, row in enumerate(rows):
        for cell in row:
            if cell.name != "th":
                continue
            if cell.text.strip():
                cell["scope"] = "row" if place else "col"
            else:
                cell.name = "td"


def mark_column(header: Tag, cells: Sequence[Tag]) -> None:
    """Give the cells of a column a class, by what it holds."""
    texts = [cell.text.strip() for cell in cells]
    if all(FIGURE.fullmatch(text) for text in texts):
        kind = "n"
        separate_thousands(header, cells)
    else:
        longest = max(map(len, (header.text, *texts)))
        kind = next((kind for kind, length in LENGTHS.items() if longest <= length), "longest")
    for cell in (header, *cells):
        cell["class"] = kind


def separate_thousands(header: Tag, cells: Sequence[Tag]) -> None:
    """Write whole numbers from 1,000 on with separators, where all of a column are whole and count something."""
    texts = [cell.text.strip() for cell in cells]
    if NAMES.search(header.text.strip().lower()) or any(cell.name == "th" for cell in cells):
        return
    if all(WHOLE.fullmatch(text) for text in texts if text):
        for cell, text in zip(cells, texts, strict=True):
            if text.isdecimal():
                cell.string = f"{int(text):,}"


def shares_of(header: str, texts: Sequence[str]) -> list[float]:
    """Return the percentages of a column, from 0 to 100; nothing where it holds anything else."""
    form = BARE if re.search(r"(^|, )%", header.strip()) else SHARE
    found = [form.fullmatch(text) for text in texts]
    shares = [float(match[0] if form is BARE else match[1]) for match in found if match]
    return shares if len(shares) == len(texts) and all(share <= 100 for share in shares) else []


def mark_shares(columns: Sequence[tuple[Tag, Sequence[Tag]]]) -> str:
    """Draw bars into a table's shares where they are many, set extremes in bold, and return what tells of both.

    A bar is as long as the share, from 0. Where all are so near each other that bars would look alike, a dot stands
    between the lowest, at the left, and the highest, at the right. All columns have one scale. In bold are the only
    highest and the only lowest of a column.
    """
    found = [(cells, shares_of(header.text, [cell.text.strip() for cell in cells])) for header, cells in columns]
    found = [(cells, shares) for cells, shares in found if len(shares) >= ROWS_OF_BARS and cells[0].name == "td"]
    found = [(cells, shares) for cells, shares in found if min(shares) < max(shares)]
    if not found:
        return ""
    low, high = (extreme(share for _, shares in found for share in shares) for extreme in (min, max))
    are_near = low > high / 2
    told = []
    for cells, shares in found:
        for cell, share in zip(cells, shares, strict=True):
            part = 100 * (share - low) / (high - low) if are_near else share
            cell["class"] = "n dot" if are_near else "n bar"
            cell["style"] = f"--part: {part:.1f}"
        told += mark_extremes(cells, shares)
    scale = f"Dots: from {low:g}% at the left to {high:g}% at the right." if are_near else "Bars: from 0 to 100%."
    return f"{scale} Bold: the highest and the lowest of a column, where only one cell holds it." if told else scale


def mark_extremes(cells: Sequence[Tag], shares: Sequence[float]) -> list[Tag]:
    """Give the only highest of a column's cells the class `best`, and the only lowest `worst`; return these."""
    marked = []
    for name, extreme in (("best", max(shares)), ("worst", min(shares))):
        holders = [cell for cell, share in zip(cells, shares, strict=True) if share == extreme]
        if len(holders) == 1:
            holders[0]["class"] = f"{holders[0]['class']} {name}"
            marked += holders
    return marked
