"""Prose stands in prose: how much of the notebooks' code is text, and what chooses it."""

import ast
import json

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_TEXT = 0.15  # of the lines of code; captions and alternative texts count
WORDS = 4  # as many make a string a text
MOST_WORDS = {"00": 2500, "01": 2500, "02": 2500, "03": 2500}  # a quarter of an hour
MOST_WORDS_OF_OTHERS = 3300  # twenty minutes


def cells_of(path):
    """Return the cells of code of a notebook, that of its parameters left out, as text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in code if "parameters" not in cell["metadata"].get("tags", [])]


def parse(source):
    """Return a cell's syntax tree; a line of IPython's own is left out."""
    return ast.parse("\n".join("" if line.startswith("%") else line for line in source.splitlines()))


def lines_of_text(source):
    """Return the numbers of the lines of code that hold a text."""
    numbers = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.JoinedStr):
            words = " ".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)).split()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value.split()
        else:
            continue
        if len(words) >= WORDS:
            numbers.update(range(node.lineno, node.end_lineno + 1))
    return numbers


def is_text(node):
    """Return whether an expression is a text of WORDS words, or holds one outside a call."""
    return any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value.split()) >= WORDS
        for part in ast.walk(node)
    )


def choices_of_text(source):
    """Return the numbers of the lines on which a condition chooses a text, or stands inside an f-string."""
    numbers = []
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.JoinedStr):
            conditions = [part for part in ast.walk(node) if isinstance(part, ast.IfExp | ast.BoolOp | ast.Compare)]
            numbers += [part.lineno for part in conditions]
        elif isinstance(node, ast.IfExp):
            numbers += [node.lineno for part in (node.body, node.orelse) if is_text(part)]
        elif isinstance(node, ast.If):
            statements = [*node.body, *node.orelse]
            numbers += [
                one.lineno for one in statements if isinstance(one, ast.Assign | ast.AugAssign) and is_text(one.value)
            ]
    return sorted(set(numbers))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_little_of_the_code_is_text(path):
    sources = cells_of(path)
    lines = sum(bool(line.strip()) for source in sources for line in source.splitlines())
    text = sum(len(lines_of_text(source)) for source in sources)
    assert text / lines <= MOST_TEXT, f"{text} of {lines} lines hold a text: {text / lines:.1%}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_condition_chooses_between_sentences(path):
    found = {number: choices_of_text(source) for number, source in enumerate(cells_of(path))}
    assert {number: lines for number, lines in found.items() if lines} == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_read_in_a_quarter_of_an_hour_or_in_twenty_minutes(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    words = sum(len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
    assert words <= MOST_WORDS.get(path.stem[:2], MOST_WORDS_OF_OTHERS)


def test_what_is_counted():
    source = 'said = f"a b c d {1 if x else 2}"\nname = "two words"\nif x:\n    said = "one two three four"\n'
    assert lines_of_text(source) == {1, 4}
    assert choices_of_text(source) == [1, 4]
    assert choices_of_text('title = "one two three four" if x else ""') == [1]
    assert choices_of_text("show(image if x else None)") == []
