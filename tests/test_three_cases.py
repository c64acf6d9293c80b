"""All stages on three unlike cases: every verdict on their pages is computed again from the files of the run."""

import importlib
import json

import nbformat
import numpy as np
import pytest
from conftest import Project, made_once
from PIL import Image

from helpers import lead, verdicts
from pipeline.stages import STAGES

CASES = ("digits", "colours", "dropout")
HUES = {"amber": (200, 150, 40), "moss": (90, 130, 60), "slate": (80, 100, 150)}
PER_CLASS = 24
UNASKED = {}  # an entry that none of the cases asks for: why it stays


ARGUMENTS = {
    "colours": ("--dataset", "colours", "--epochs", "1"),
    "dropout": ("--dataset", "digits", "--recipe", "dropout-published", "--epochs", "1", "--validation-size", "119"),
}

CAN_BE_SOLVED = '''

whole_check = check


def check(answer, expected, tolerance=0.0, hint=""):
    """See to it that one answer is right, and that another is wrong and told something."""
    wrong = f"not {expected}" if isinstance(expected, str) else expected + 2 * tolerance + 1
    assert matches(expected, expected, tolerance) and not matches(wrong, expected, tolerance) and hint
    return whole_check(answer, expected, tolerance, hint)
'''


def run_of(case, tmp_path_factory):
    """Return the folder of a case's run with all stages done, made once for all processes. No test may change it."""

    def make(folder):
        project = Project(folder, real_notebooks=True, quick=True)
        module = folder / "helpers" / "exercises.py"
        module.write_text(module.read_text() + CAN_BE_SOLVED)
        make_colours(folder / "colours")
        code, out, error = project.run("--run", case, *ARGUMENTS[case], dataset=None, HOME=str(folder))
        assert code == 0, out + error
        return out

    folder, _ = made_once(tmp_path_factory, f"case-{case}", make)
    return folder / "outputs" / case


def make_colours(folder):
    """Write three classes of small pictures that differ in colour, each with a bright or a dark disc somewhere."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    for name, colour in HUES.items():
        (folder / name).mkdir(parents=True)
        for number in range(PER_CLASS):
            pixels = np.array(colour) + generator.normal(0, 40, 3) + generator.normal(0, 15, (32, 32, 3))
            row, column = generator.integers(8, 24, 2)
            pixels[np.hypot(rows - row, columns - column) < generator.integers(3, 8)] += generator.choice([-60, 60])
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number:02d}.png")


@pytest.fixture(scope="session", params=CASES)
def case(request, tmp_path_factory, sealed):
    """The folder of the finished run of a case."""
    return sealed[0] if request.param == "digits" else run_of(request.param, tmp_path_factory)


def shown_on(path):
    """Return the verdicts that an executed notebook shows: [{"name", "value", "sentence", "facts"}]."""
    notebook = nbformat.read(path, 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [dict(output.data[verdicts.FORMAT]) for output in outputs if verdicts.FORMAT in output.get("data", {})]


def lead_of(path):
    """Return what an executed notebook says first: {"finding", "tiles", "findings"}; a page takes the last it finds."""
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    return [output.data[lead.FORMAT] for output in outputs if lead.FORMAT in output.get("data", {})][-1]


def entries(stage):
    """Return {verdict: the function that computes it again} of a stage; empty where nothing is written yet."""
    try:
        return importlib.import_module(f"recompute_{stage}").RECOMPUTE
    except ModuleNotFoundError as error:
        if error.name != f"recompute_{stage}":
            raise
        return {}


def differences(run, shown, recompute):
    """Return what is wrong with a verdict that a page shows, in words; an empty text where nothing is."""
    name, sentence = shown["name"], shown["sentence"]
    if not callable(getattr(verdicts, name, None)):
        return f"{name}: helpers/verdicts has no such function"
    if name not in recompute:
        return f"{name}: nothing computes it again"
    value, phrase = recompute[name](run, shown)
    if not is_same(value, shown["value"]):
        return f"{name}: the page has {shown['value']!r}, the files {value!r}"
    if not phrase or phrase not in sentence:
        return f"{name}: {phrase!r} is not in {sentence!r}"
    return ""


def is_same(value, shown):
    """Return whether a value is the one shown: text and None alike, numbers to one part in 10,000."""
    if value is None or shown is None or isinstance(value, str) or isinstance(shown, str):
        return value is shown or value == shown
    return float(value) == pytest.approx(float(shown), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("stage", STAGES)
def test_every_verdict_on_a_page_is_what_the_runs_files_say(case, stage):
    shown = shown_on(case / "notebooks" / f"{STAGES[stage].notebook}.ipynb")
    assert shown, "the page shows no verdict"
    wrong = [differences(case, verdict, entries(stage)) for verdict in shown]
    assert [text for text in wrong if text] == []
    page = (case / "reports" / f"{STAGES[stage].notebook}.html").read_text(encoding="utf-8")
    assert verdicts.FORMAT not in page and "&quot;facts&quot;" not in page and '"facts"' not in page


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_page_says_first_is_what_its_verdicts_say_below(case, stage):
    path = case / "notebooks" / f"{STAGES[stage].notebook}.ipynb"
    first = lead_of(path)
    sentences = {verdict["sentence"] for verdict in shown_on(path)}
    assert [finding for finding in first["findings"] if finding not in sentences] == []
    assert 3 <= len(first["tiles"]) <= 4 and all(tile["label"] and tile["value"] for tile in first["tiles"])


@pytest.mark.parametrize(("stage", "part"), [("training", "validation"), ("results", "test")])
def test_the_figures_that_come_first_are_those_of_the_files(case, stage, part):
    first = lead_of(case / "notebooks" / f"{STAGES[stage].notebook}.ipynb")
    tiles = {tile["label"]: (tile["value"], tile["detail"]) for tile in first["tiles"]}
    measured = json.loads((case / "metrics.json").read_text())[part]
    low, high = measured["accuracy_ci95"]
    share = f"{measured['accuracy']:.2%}"
    assert tiles[f"{part} accuracy"] == (share, f"95% interval {100 * low:.2f} to {high:.2%}")
    table = np.array(measured["confusion_matrix"])
    assert tiles["mistakes"][0] == f"{table.sum() - np.trace(table):,}"
    assert f"classifies {share} of {table.sum():,} {part} images correctly" in first["finding"]
    if stage == "results":
        assert tiles["calibration error"][0] == f"{measured['calibration']['ece']:.4f}"
        assert tiles["calibration error"][1].startswith(f"at T; {measured['ece']:.4f} as trained; ")


def test_every_entry_is_asked_for_by_a_case(sealed, tmp_path_factory):
    folders = [sealed[0], *(run_of(case, tmp_path_factory) for case in ARGUMENTS)]
    unasked = []
    for stage in STAGES.values():
        pages = [folder / "notebooks" / f"{stage.notebook}.ipynb" for folder in folders]
        asked = {shown["name"] for page in pages for shown in shown_on(page)}
        unasked += [f"{stage.name}: {name}" for name in entries(stage.name) if name not in asked]
    assert unasked == list(UNASKED)


@pytest.fixture
def page(tmp_path):
    """An executed notebook that shows one verdict between other things, and what it shows."""
    verdict = verdicts.overfitting(np.arange(100) < 99, np.arange(50) < 45)
    data = json.loads(json.dumps(verdict._repr_mimebundle_()))
    outputs = [nbformat.v4.new_output("stream", text="one"), nbformat.v4.new_output("display_data", data=data)]
    cells = [nbformat.v4.new_markdown_cell("# It"), nbformat.v4.new_code_cell("verdict", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "it.ipynb")
    return tmp_path / "it.ipynb", verdict


def test_verdicts_are_found_in_an_executed_notebook(page):
    path, verdict = page
    assert shown_on(path) == [vars(verdict)]


def test_what_is_not_so_is_told(page, tmp_path):
    _, verdict = page
    shown = vars(verdict)

    def again(value, phrase):
        return {"overfitting": lambda run, shown: (value, phrase)}

    phrase = "sampling error" if verdict.value >= verdicts.LEVEL else "holds for the training images only"
    assert differences(tmp_path, shown, again(verdict.value, phrase)) == ""
    assert differences(tmp_path, shown, again(verdict.value * (1 + 1e-6), phrase)) == ""
    assert "the files" in differences(tmp_path, shown, again(verdict.value * 1.01, phrase))
    assert "the files None" in differences(tmp_path, shown, again(None, phrase))
    assert "is not in" in differences(tmp_path, shown, again(verdict.value, "worse than any"))
    assert "is not in" in differences(tmp_path, shown, again(verdict.value, ""))
    assert "nothing computes it again" in differences(tmp_path, shown, {})
    assert "no such function" in differences(tmp_path, shown | {"name": "chance"}, {"chance": None})
