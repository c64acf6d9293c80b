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
    """Return whether a text of WORDS words stands anywhere in an expression or a statement."""
    for part in ast.walk(node):
        words = 0
        if isinstance(part, ast.JoinedStr):
            words = sum(len(str(piece.value).split()) for piece in part.values if isinstance(piece, ast.Constant))
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            words = len(part.value.split())
        if words >= WORDS:
            return True
    return False


def is_condition(node):
    """Return whether an expression asks something."""
    return any(isinstance(part, ast.IfExp | ast.BoolOp | ast.Compare) for part in ast.walk(node))


def chosen_by(node):
    """Return the parts among which a syntax node chooses by a condition, if it does."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.If):
        return [one for one in (*node.body, *node.orelse) if not is_figure_or_error(one)]
    if isinstance(node, ast.Match):
        return [one for case in node.cases for one in case.body]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.List | ast.Tuple | ast.Dict):
        return [node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [node.left, node.right]
    return []


def is_figure_or_error(statement):
    """Return whether a statement shows a figure with its caption, where there is one to show, or raises an error."""
    shows = isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("plots.show(")
    return shows or isinstance(statement, ast.Raise)


def choices_of_text(source):
    """Return the numbers of the lines on which a condition chooses a text, or stands inside an f-string."""
    numbers = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.JoinedStr) and is_condition(node):
            numbers.add(node.lineno)
        numbers.update(part.lineno for part in chosen_by(node) if is_text(part))
    return sorted(numbers)


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


@pytest.mark.parametrize(
    "source",
    [
        'said = f"it is {1 if x else 2}"',
        'title = "one two three four" if x else ""',
        'title = f"it is {a} not {b} at all" if x else ""',
        'said = x or "one two three four"',
        'said = ["one two three four", "five"][x]',
        'said = {True: "one two three four", False: "five"}[x]',
        'said = "one two three four" * x',
        'if x:\n    said = "one two three four"',
        'if x:\n    display(Markdown("one two three four"))',
        'if x:\n    words.append("one two three four")',
        'def say(x):\n    if x:\n        return "one two three four"',
        'match x:\n    case 1:\n        said = "one two three four"',
    ],
)
def test_a_choice_of_text_is_found(source):
    assert choices_of_text(source)


@pytest.mark.parametrize(
    "source",
    [
        "show(image if x else None)",
        'said = "one two three four"',
        'if x:\n    plots.show(figure, "it", "one two three four", "a picture", folder)',
        'if x:\n    raise ValueError("one two three four")',
    ],
)
def test_what_is_no_choice_of_text_is_not(source):
    assert choices_of_text(source) == []


def test_lines_of_text_are_counted():
    source = 'said = f"a b c d {x}"\nname = "two words"\nlonger = (\n    "one two three four"\n)\n'
    assert lines_of_text(source) == {1, 4}
