"""Reports: one file each, nothing from outside, and everything in them is somebody's words, not markup."""

import json
import re
import zipfile

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from conftest import METRICS

from helpers import errors, files, lead, runs, verdicts
from helpers.runs import DatasetRecord, Manifest, StageRecord
from pipeline import article, execute, index, markdown, reports, tables
from pipeline.reports import Header
from pipeline.stages import STAGES


def test_of_a_line_that_was_drawn_again_and_again_the_last_state_is_written(tmp_path):
    texts = ("\r 10%", "\r 50%", "\r100%\n", "end")
    pieces = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    other = nbformat.v4.new_output("stream", name="stderr", text=f"careful: {files.PROJECT}/helpers")
    cell = nbformat.v4.new_code_cell("1", outputs=[*pieces, other])
    execute.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "it.ipynb")
    written = nbformat.read(tmp_path / "it.ipynb", 4).cells[0].outputs
    assert [output.text for output in written] == ["100%\nend", "careful: ./helpers"]


def tidied(columns, **index):
    """Return a DataFrame as a page shows it: the table, and {header: its cells}."""
    frame = pd.DataFrame(columns, index=pd.Index(**index) if index else None)
    with pd.option_context("display.max_colwidth", None):
        table = BeautifulSoup(tables.tidy_table(frame._repr_html_()), "html.parser").table
    rows = [row.find_all(["th", "td"]) for row in table.find_all("tr")]
    return table, {header.text: cells for header, *cells in zip(*rows, strict=True)}


def test_tables_have_one_header_row_and_right_aligned_figures():
    table, columns = tidied(
        {"share": ["1.5%", "below 0.001"], "what": ["<b>", "12 men"]}, data=["a", "b"], name="class"
    )
    assert table.parent["class"] == ["scroll"] and not table.find_all(attrs={"style": True})
    assert [row.th.text for row in table.find_all("tr")] == ["class", "a", "b"]
    assert [cell["class"] for cell in columns["share"]] == [["n"], ["n"]]
    assert columns["what"][0].text == "<b>" and columns["what"][0]["class"] == ["short"]
    assert [cell["scope"] for cell in table.find_all("th")] == ["col", "col", "col", "row", "row"]


def test_no_header_of_a_table_is_empty():
    table, _ = tidied({"a": [1], "": [2]})
    assert [cell.text for cell in table.find_all("th")] == ["a", "0"]


def test_counts_from_a_thousand_on_have_separators_and_numbers_of_images_have_none():
    columns = {"images": [999, 5429], "image": [12, 5429], "share": [0.5, 5429.5], "words": ["5429", "a"]}
    columns |= {"operations per image": [1, 1234567]}
    _, shown = tidied(columns, data=[1, 5429])
    texts = {header: [cell.text for cell in cells] for header, cells in shown.items()}
    assert texts["images"] == ["999", "5,429"] and texts["image"] == ["12", "5429"]
    assert texts["operations per image"] == ["1", "1,234,567"]
    assert texts["share"] == ["0.5", "5429.5"] and texts["words"] == ["5429", "a"] and texts[""] == ["1", "5429"]


def test_names_of_classes_that_look_like_numbers_stay_as_they_are():
    columns = {"taken for": ["1", "2019"], "called": ["0001", "2019"], "also": ["\u0663", "2019"], "images": [3, 2019]}
    _, shown = tidied(columns)
    texts = {header: [cell.text for cell in cells] for header, cells in shown.items() if header}
    assert texts == columns | {"images": ["3", "2,019"]}


def test_longer_texts_get_more_room():
    texts = {"a": ["x" * 16], "b": ["x" * 17], "c": ["x" * 61], "d": ["x" * 161]}
    _, shown = tidied(texts)
    assert [shown[name][0]["class"] for name in "abcd"] == [["short"], ["words"], ["long"], ["longest"]]


def test_many_shares_get_bars_and_near_ones_dots():
    wide, near = [f"{10 * n}%" for n in range(1, 9)], [f"{99 + n / 10:.1f}%" for n in range(8)]
    _, shown = tidied({"wide": wide, "near": near, "same": ["50%"] * 8, "over": ["120%"] * 8, ", %": range(8)})
    assert [cell["style"] for cell in shown["wide"][:2]] == ["--part: 10.0", "--part: 20.0"]
    assert shown["near"][0]["style"] == "--part: 99.0"  # on the scale of the column beside it
    assert all("bar" in shown[name][0]["class"] for name in ("wide", "near", ", %"))
    assert not any(cell.has_attr("style") for cell in shown["same"] + shown["over"])
    _, shown = tidied({"near": near})
    assert [cell["style"] for cell in (shown["near"][0], shown["near"][-1])] == ["--part: 0.0", "--part: 100.0"]
    assert "dot" in shown["near"][0]["class"]
    _, shown = tidied({"few": wide[:7]})
    assert not any(cell.has_attr("style") for cell in shown["few"])


def test_of_many_shares_the_best_and_the_worst_stand_out_where_one_alone_is():
    shares = ["5.0%", "7.5% (6% to 9%)", "2.5%", "2.5%", *["5.0%"] * 4]
    _, shown = tidied({"share": shares, "count": range(8)})
    assert [cell["class"][2:] for cell in shown["share"]] == [[], ["best"], [], [], [], [], [], []]
    assert not any({"best", "worst"} & set(cell["class"]) for cell in shown["count"])
    _, shown = tidied({"share": ["1%", "2%", "3%"]})  # few rows are seldom of one kind
    assert [cell["class"] for cell in shown["share"]] == [["n"], ["n"], ["n"]]


def test_shares_of_a_table_have_one_scale_and_a_line_tells_of_it():
    near, wide = [f"{95 + n / 2:.1f}%" for n in range(8)], [f"{10 * n}%" for n in range(1, 9)]
    table, shown = tidied({"confidence": near, "accuracy": wide})
    assert all("bar" in cells[0]["class"] for header, cells in shown.items() if header)
    assert shown["confidence"][0]["style"] == "--part: 95.0"
    said = "Bars: from 0 to 100%. Bold: the highest and the lowest of a column, where only one cell holds it."
    assert table.parent.find_next_sibling("p", class_="legend").text == said
    table, shown = tidied({"precision": near, "recall": [f"{98 + n / 10:.1f}%" for n in range(8)]})
    assert [shown[name][0]["style"] for name in ("precision", "recall")] == ["--part: 0.0", "--part: 81.1"]
    assert "Dots: from 95% at the left to 98.7% at the right." in table.parent.find_next_sibling("p").text
    table, _ = tidied({"count": range(8)})
    assert table.parent.find_next_sibling() is None


def test_paths_are_hidden_where_they_end_and_nowhere_else():
    text = f"{files.PROJECT}/helpers/data.py {files.PROJECT}work"
    assert execute.without_paths(text) == f"./helpers/data.py {files.PROJECT}work"


@pytest.fixture
def rendered(tmp_path):
    """Return a function that renders cells as the report of a run, and returns its HTML."""

    def render(*cells, note="", state="done", message="", **about):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A title\n\n## First part"), *cells])
        path = tmp_path / "run" / "notebooks" / "01_eda.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        target = tmp_path / "run" / "reports" / "01_eda.html"
        header = Header(
            "scikit-learn digits", "r", "2026-01-01 00:00", note=note, state=state, message=message, **about
        )
        reports.render(path.read_bytes(), target, header)
        return target.read_text()

    return render


def code(source, *outputs, tags=()):
    """Return a code cell."""
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    return cell


def text(source):
    """Return a Markdown cell."""
    return nbformat.v4.new_markdown_cell(source)


def shown(**data):
    """Return an output."""
    return nbformat.v4.new_output(
        "display_data", {"text/plain": "x"} | {kind.replace("_", "/"): it for kind, it in data.items()}
    )


def soup(html):
    """Return a page, parsed."""
    return BeautifulSoup(html, "html.parser")


def made(folder, cells, **about):
    """Return the page of cells, parsed."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    header = Header("MNIST", "r", "2026-01-01 00:00 UTC", **about)
    reports.render(nbformat.writes(notebook).encode(), folder / "01_eda.html", header)
    return soup((folder / "01_eda.html").read_text())


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


def folds_of(page):
    """Return {name: code} of what is folded away on a page."""
    return {
        fold.summary.text: [box.pre.text.strip() for box in fold.select(".source")]
        for fold in page.select("details.code")
    }


def test_the_code_of_a_section_is_folded_at_its_end(rendered):
    page = soup(
        rendered(
            code("one = 1"),
            text("Words.\n\n## Second *part*\n\nMore."),
            code("two = 2"),
            text("### Exercise: three\n\nHow many?"),
            code("three = None", tags=["exercise"]),
            code("check(three)"),
            text("### Below it"),
            code("four = 4"),
            code("five = 5", tags=["show"]),
        )
    )
    expected = {"First part": ["one = 1"], "Second part": ["two = 2", "check(three)"], "Below it": ["four = 4"]}
    assert folds_of(page) == {f"code: {name}": sources for name, sources in expected.items()}
    assert [box.pre.text.strip() for box in page.select(".shown")] == ["three = None", "five = 5"]
    first = page.select_one("details.code")
    assert (
        first.find_next("h2").text.startswith("Second part") and first.find_previous("p", string="Words.") is not None
    )


def test_no_heading_begins_in_code_or_in_what_is_folded(rendered):
    solution = "<details><summary>Solution</summary>\n\n## In it\n\nx\n\n</details>"
    page = soup(rendered(text(f"```\n## no\n```\n\n{solution}"), code("1")))
    assert list(folds_of(page)) == ["code: First part"] and page.select_one("details.fold h2") is not None


def test_code_and_what_it_puts_out_are_linked_both_ways(rendered):
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": "aa"}, metadata={"image/png": {"alt": "An alternative."}}
    )
    table = shown(text_html=pd.DataFrame({"a": [1]})._repr_html_())
    given = code("seed = 1", tags=["injected-parameters"])
    cells = [code("draw()", picture, shown(text_markdown="*A caption.*")), code("table", table), given, code("x = 1")]
    page = soup(rendered(*cells))
    labels = [box.select_one(".label") for box in page.select("details.code .source")]
    assert [label.text.strip() for label in labels] == [
        "Cell 2: Figure 1",
        "Cell 3: table",
        "Parameters of this run",
        "Cell 4",
    ]
    for label in labels[:2]:
        target = page.find(id=label.a["href"][1:])
        assert target is not None and target.select_one("figure, table") is not None
    assert page.find(id=page.select_one("figcaption a")["href"][1:]).pre.text.strip() == "draw()"


def test_the_cell_that_failed_stays_where_it_is_with_its_code(rendered):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    page = soup(rendered(code("1"), code("fail()", error), state="failed", message="ValueError: no"))
    assert page.find(id="failed").pre.text.strip() == "fail()" and folds_of(page) == {"code: First part": ["1"]}
    assert page.select_one(".notice.failed a")["href"] == "#failed"
    page = soup(rendered(text("It stopped here."), state="stopped", message="stopped"))
    assert page.find(id="failed") is None and page.select_one(".notice.failed a") is None


def test_what_a_page_is_set_up_with_is_one_fold(tmp_path):
    cells = [text("# 01 · Data: what is it?\n\n**Asks** what."), text("Imports."), code("import this")]
    cells += [code("seed = 0", tags=["parameters"]), code("seed = 1", tags=["injected-parameters"])]
    cells += [code("data.load()", shown(text_markdown="Loaded.")), text("## Part"), code("1")]
    page = made(tmp_path, cells)
    (setup,) = page.select("details.setup")
    assert not setup.has_attr("open") and "Asks" in setup.text and "Imports." in setup.text
    assert [box.pre.text.strip() for box in setup.select(".source")] == ["import this", "seed = 0", "seed = 1"]
    assert "Loaded." not in setup.text and "Loaded." in page.main.text
    assert page.h1.text == "01 · Data: what is it?¶" and page.select_one("h1 .kicker").text == "01 · Data: "
    assert not page.main.find("h1") and page.title.text == "01 · Data: what is it?"
    cells[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["E"])]
    assert made(tmp_path, cells, state="failed").select_one("details.setup").has_attr("open")


LEAD = {
    "finding": "It is **right** on 99%.",
    "tiles": [{"label": "accuracy", "value": "99%", "detail": "98 to 100%"}, {"label": "<i>", "value": "<b>"}],
    "findings": ["One <img src=x>.", "[Two](javascript:alert(1))"],
}


def test_the_last_lead_of_a_notebook_stands_at_the_top_of_its_page(rendered):
    first, last = (shown(**{"text_markdown": "It is said here, too."}) for _ in range(2))
    first.data[article.LEAD], last.data[article.LEAD] = LEAD | {"finding": "An earlier one."}, LEAD
    lead = soup(rendered(code("1", first), code("2", last), headline="test accuracy 99%")).select_one("header.lead")
    assert lead.h1 is not None and lead.select_one("p.finding strong").text == "right" and "earlier" not in lead.text
    tiles = [[part.text for part in tile.find_all(["dt", "dd"])] for tile in lead.select("dl.tiles > div")]
    assert tiles == [["accuracy", "99%", "98 to 100%"], ["<i>", "<b>"]]
    assert [item.text for item in lead.select("ul.findings li")] == ["One <img src=x>.", "Two"]
    assert "javascript" not in str(lead.ul) and "test accuracy" not in lead.select_one("p.meta").text


@pytest.mark.parametrize(
    "other",
    [
        None,
        [1],
        "words",
        {},
        LEAD | {"tiles": 5},
        LEAD | {"tiles": ["a"]},
        LEAD | {"finding": 5},
        LEAD | {"findings": None},
    ],
)
def test_what_has_another_form_is_no_lead(rendered, other):
    it = shown(**{"text_markdown": "It is said here, too."})
    it.data[article.LEAD] = other
    page = soup(rendered(code("1", it), headline="test accuracy 99%"))
    assert page.select_one(".tiles, .finding") is None and "test accuracy 99%" in page.select_one("p.meta").text
    assert "said here, too" in page.main.text


def test_the_page_knows_a_lead_as_the_notebook_shows_it():
    assert article.LEAD == lead.FORMAT


def test_a_page_without_a_lead_says_its_headline(rendered):
    page = soup(rendered(headline="test accuracy 99%"))
    assert page.select_one(".tiles, .finding") is None and "test accuracy 99%" in page.select_one("p.meta").text


FIGURE = '<figure class="figure" data-name="{}"><div class="panels">1</div><figcaption>It.</figcaption></figure>'


def test_figures_are_numbered_and_prose_links_to_them(rendered):
    words = "[The figure below](#loss) and [both maps](#maps); [the figure](#gone); [a part](#First-part); [x](http://x.org)"
    cells = [text(words), code("1", shown(text_html=FIGURE.format("maps")), shown(text_html=FIGURE.format("loss")))]
    page = soup(rendered(*cells))
    assert [figure["id"] for figure in page.find_all("figure")] == ["figure-1", "figure-2"]
    assert page.find(id="figure-2").figcaption.text == "Figure 2. It. code"
    (said,) = (paragraph for paragraph in page.main.find_all("p") if "both maps" in paragraph.text)
    assert said.text == "Figure 2 and both maps (Figure 1); the figure; a part; x"
    assert [link["href"] for link in said.find_all("a")] == ["#figure-2", "#figure-1", "#First-part", "http://x.org"]


def test_a_picture_and_its_caption_become_a_figure(rendered):
    about = {"alt": 'a "figure" <b>', "width": 300}
    picture = nbformat.v4.new_output("display_data", {"image/jpeg": "a\nb"}, metadata={"image/jpeg": about})
    (figure,) = soup(rendered(code("1", picture, shown(text_markdown="*Of <b>.*")))).find_all("figure")
    assert figure.img["src"] == "data:image/jpeg;base64,ab" and figure.img["alt"] == about["alt"]
    assert (
        figure.img["width"] == "300" and figure.figcaption.text == "Figure 1. Of <b>. code" and not figure.b.find("b")
    )


def test_a_link_to_one_of_two_figures_of_a_name_leads_to_the_first(rendered):
    two = code("1", *[shown(text_html=FIGURE.format("loss"))] * 3)
    page = soup(rendered(text("## [The figure](#loss)\n\n[The figure](#loss)"), two))
    assert [link["href"] for link in page.main.p.find_all("a")] == ["#figure-1"]
    names = ["code of Figure 1", "code of Figure 2", "code of Figure 3"]
    assert [link["aria-label"] for link in page.select(".to-code")] == names
    assert page.find("a", href="#cell-3").text == "Figures 1, 2 and 3"


def test_headings_hold_no_links_and_have_no_ids_of_the_page(rendered):
    heading = "## See `03_training` and [*more*](http://x.org)"
    cells = [text(heading), code("1", shown(text_html=FIGURE.format("a"))), text("## figure-1\n\n## theme")]
    page = soup(rendered(*cells, links={"01_eda.html": "eda", "03_training.html": "training"}))
    assert [link.text for link in page.select(".contents li a")][1:] == [
        "See 03_training and more",
        "figure-1",
        "theme",
    ]
    assert page.select_one("details.code summary").text == "code: See 03_training and more"
    assert not page.select("summary a") and len(page.select("main h2 a:not(.anchor-link)")) == 0
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids)) and "part-figure-1" in ids and page.find(id="figure-1").name == "figure"
    assert page.select_one(".contents a[href='#part-theme']") is not None


def test_only_what_is_about_the_network_of_a_recipe_names_it():
    stages = dict.fromkeys(STAGES, StageRecord(state="done", started="2026-01-31T12:00:00+00:00"))
    about = manifest("a", parameters={"recipe": "fast"}, stages=stages)
    assert [reports.header_of(about, name, {}).recipe for name in STAGES] == [None, None, None, "fast", "fast"]


def test_no_caption_ends_before_its_text_does_and_no_width_is_a_word(rendered):
    picture = nbformat.v4.new_output("display_data", {"image/png": "ab"}, metadata={"image/png": {"width": "wide"}})
    page = soup(
        rendered(
            code("1", picture, shown(text_markdown="*One* and *two*")), code("2", picture, shown(text_markdown="*It.*"))
        )
    )
    (figure,) = page.find_all("figure")
    assert figure.figcaption.text == "Figure 1. It. code" and not figure.img.has_attr("width")
    assert [part.text for part in page.find_all("em")] == ["One", "two"]


def test_notes_stand_with_the_paragraph_before_them(rendered):
    note = "<details><summary>Note: <x & y</summary>\n\nWhat it *is*.\n\n</details>"
    assert soup(rendered(text(note))).select_one("details.note") is None  # no tag may be in a summary
    page = soup(rendered(text(f"First.\n\nSecond.\n\n{note.replace('<x', 'x')}\n\nThird.")))
    (noted,) = page.select(".noted")
    assert noted.select_one("details.note summary").text == "Note: x & y" and noted.em.text == "is"
    assert [part.text for part in noted.find_all("p", recursive=False)] == ["Second."]


def test_names_of_other_pages_are_links_where_those_are(rendered):
    links = {"01_eda.html": "eda", "02_prototyping.html": "prototyping"}
    page = soup(rendered(text("`01_eda`, `02_prototyping`, `04_results`"), links=links))
    assert [(link["href"], link.text) for link in page.select("main p a")] == [
        ("02_prototyping.html", "02_prototyping")
    ]


def test_a_table_in_prose_can_scroll():
    assert soup(markdown.prose("| a | b |\n|---|---|\n| 1 | 2 |")).select_one(".scroll > table td").text == "1"


def test_pages_lead_to_each_other_and_to_all_runs(rendered):
    links = {"00_walkthrough.html": "walkthrough", "01_eda.html": "eda", "02_prototyping.html": "prototyping"}
    page = soup(rendered(links=links, index="../../index.html"))
    steps = [(link["href"], link.text) for link in page.select("nav.steps a")]
    assert steps[:2] == [("../../index.html", "All runs"), ("00_walkthrough.html", "00 walkthrough")]
    assert page.select_one("[aria-current=page]").text == "01 eda"
    around = {link["rel"][0]: link["href"] for link in page.select("nav.around a")}
    assert around == {"prev": "00_walkthrough.html", "next": "02_prototyping.html"}
    alone = reports.without_index(str(page).encode()).decode()
    assert "index.html" not in alone and soup(alone).select_one("nav.steps a").text == "00 walkthrough"


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
    """Return what a page would load from outside itself, but for what a script may ask for: a browser sees that."""
    loaded = re.findall(r'<(?:link|script|img|iframe|source|object|embed)\b[^>]*?\b(?:src|href)="([^"]*)"', html)
    without_scripts = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    styles = re.findall(r"@import|url\((?!data:|#)", without_scripts)
    return [address for address in loaded if not address.startswith("data:")] + styles


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
    assert html.count(">failed: its files cannot be read<") == len(odd) - 1
    assert html.count(">failed: its run.json is of version 4, and this code knows 3<") == 1


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


def test_a_notebook_whose_cells_have_no_ids_is_rendered(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[text("# Old"), code("1", shown(text_plain="one"))])
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        del cell["id"]
    reports.render(json.dumps(notebook).encode(), tmp_path / "01_eda.html", Header("digits", "r", "2026-01-01"))
    assert soup((tmp_path / "01_eda.html").read_text()).main.find(id="cell-2").text.strip() == "one"


@pytest.mark.parametrize("delimiter", ["$", "$$"])
def test_a_formula_that_cannot_be_read_is_shown_as_it_is(delimiter):
    html = markdown.prose(f"It is {delimiter}<\\frac{{{delimiter} here.")
    assert "<code>&lt;\\frac{</code> here." in html


def test_prices_are_no_formulas():
    assert markdown.prose("It costs $5 and $6.").strip() == "<p>It costs $5 and $6.</p>"
    assert [part.text for part in soup(markdown.prose("For $5 one gets $n$, $m$.")).find_all("math")] == ["n", "m"]


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
