"""The exercises of the notebooks: asked, left open, answered, and solved where nobody sees it by accident."""

import ast
import re

import nbformat
import pytest
from conftest import ROOT

from pipeline.stages import STAGES

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FEWEST = 2  # exercises in a notebook
OPEN = re.compile(r"^\w+ = None\b", re.MULTILINE)  # what a reader fills in

FOLD = r"<details>\s*<summary>[^<>]+</summary>\n\n.+\n</details>"  # as `reports.prose` and JupyterLab fold it


def is_exercise(cell):
    """Return whether a cell is one that a reader fills in."""
    return "exercise" in cell.metadata.get("tags", [])


def parts(cells, number):
    """Return (question, exercise, check, solution): the cells of the exercise at `number`."""
    code = next(cell for cell in cells[number + 1 :] if cell.cell_type == "code")
    after = cells[cells.index(code) + 1 :]
    return cells[number - 1], cells[number], code, after[0] if after else nbformat.v4.new_markdown_cell("")


def asked_for(source):
    """Return the names of the variables whose answers a cell checks, by `exercises.check(name, ...)`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    checks = [call for call in calls if ast.unparse(call.func) == "exercises.check"]
    return [ast.unparse(call.args[0]) for call in checks if call.args]


def is_typed(source):
    """Return whether a check holds an answer against something typed, instead of computed."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    checks = [call for call in calls if ast.unparse(call.func) == "exercises.check"]
    return any(isinstance(call.args[1], ast.Constant) for call in checks if len(call.args) > 1)


def faults(cells):
    """Return what is wrong with the exercises among the cells of a notebook, in words."""
    found = []
    for number, cell in enumerate(cells):
        if not is_exercise(cell):
            continue
        question, exercise, check, solution = parts(cells, number)
        name = exercise.source.strip().splitlines()[-1]
        if question.cell_type != "markdown" or "### Exercise: " not in question.source:
            found.append(f"{name}: no Markdown with '### Exercise: ' asks for it")
        opened = [line.split(" = ")[0] for line in OPEN.findall(exercise.source)]
        if len(opened) == 0:
            found.append(f"{name}: nothing is left open by ` = None`")
        elif not set(opened) <= set(asked_for(check.source)):
            found.append(f"{name}: the next code cell does not call exercises.check({opened[0]}, ...)")
        elif is_typed(check.source):
            found.append(f"{name}: what is expected is typed, not computed")
        if not re.search(FOLD, solution.source, re.DOTALL):
            found.append(f"{name}: no solution in <details> comes after the check")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_exercises_are_asked_left_open_checked_and_solved(path):
    cells = nbformat.read(path, 4).cells
    assert sum(map(is_exercise, cells)) >= FEWEST
    assert faults(cells) == []


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_run_all_passes_an_exercise_that_nobody_has_filled_in(finished, stage):
    _, folder, _ = finished
    cells = nbformat.read(folder / "notebooks" / f"{stage.notebook}.ipynb", 4).cells
    checks = [parts(cells, number)[2] for number, cell in enumerate(cells) if is_exercise(cell)]
    assert checks
    for cell in checks:
        said = [output.data["text/markdown"] for output in cell.outputs if "text/markdown" in output.get("data", {})]
        assert any("Not filled in yet" in text for text in said), cell.source


def cells_of(question="### Exercise: how many?", answer="count = None  # your answer", check=None, solution=None):
    """Return the cells of one exercise."""
    exercise = nbformat.v4.new_code_cell(answer)
    exercise.metadata["tags"] = ["exercise"]
    return [
        nbformat.v4.new_markdown_cell(question),
        exercise,
        nbformat.v4.new_code_cell(check or "exercises.check(count, len(labels), hint='Count.')"),
        nbformat.v4.new_markdown_cell(solution or "<details><summary>Solution</summary>\n\nAll.\n\n</details>"),
    ]


def test_what_makes_no_exercise_is_told():
    assert faults(cells_of()) == []
    assert "asks for it" in faults(cells_of(question="How many?"))[0]
    assert "left open" in faults(cells_of(answer="count = 3"))[0]
    assert "does not call" in faults(cells_of(check="exercises.check(other, 3)"))[0]
    assert "typed" in faults(cells_of(check="exercises.check(count, 3)"))[0]
    assert "no solution" in faults(cells_of(solution="<details><summary>Solution</summary>All.</details>"))[0]
    assert "no solution" in faults(cells_of()[:-1])[0]
