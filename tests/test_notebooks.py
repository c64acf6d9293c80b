"""The notebooks: their form, and one whole run of them on the embedded digits."""

import ast
import contextlib
import csv
import dis
import inspect
import io
import json
import re
from types import SimpleNamespace

import matplotlib
import nbformat
import numpy as np
import papermill
import pytest
import safetensors.torch
import torch
from conftest import ROOT, offline
from torch.nn.functional import conv2d, interpolate, max_pool2d

from helpers import (
    baselines,
    certainty,
    checkpoints,
    corruptions,
    data,
    errors,
    evaluation,
    files,
    forms,
    models,
    plots,
    recipes,
    runs,
    starts,
    training,
)

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, 4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_five_stages_a_reading_and_three_pages_over_all_recipes():
    assert [path.stem for path in NOTEBOOKS] == [
        "00_walkthrough",
        "01_eda",
        "02_prototyping",
        "03_training",
        "04_results",
        "05_comparison",
        "06_reading",
        "07_published",
        "08_speed",
    ]


def test_outputs_are_stripped(notebook):
    nbformat.validate(notebook)
    assert "papermill" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code(notebook))


def test_it_begins_with_title_imports_and_parameters(notebook):
    first, imports, parameters = (
        next(iter(found)) for found in ([notebook.cells[0]], code(notebook)[0:1], code(notebook)[1:2])
    )
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert all(
        line.startswith(("import ", "from ", "    ", ")", "%")) or line in ("", "plots.use_style()")
        for line in imports.source.splitlines()
    )
    assert parameters.metadata["tags"] == ["parameters"]
    assert all("import " not in cell.source for cell in code(notebook)[1:])


def test_parameters_are_typed_literals_with_a_reason(notebook, request):
    lines = code(notebook)[1].source.splitlines()
    for line in lines:
        declaration, reason = line.split("  # ")
        name, rest = declaration.split(": ")
        kind, value = rest.split(" = ")
        assert (
            name.islower()
            and kind in ("int", "float", "str", "bool")
            and len(reason.split()) >= 3
            and "=" not in reason
        )
        literal = eval(value)
        assert literal is None or isinstance(literal, eval(kind))
    found = papermill.inspect_notebook(request.node.callspec.params["notebook"])
    assert len(found) == len(lines)  # papermill drops what it cannot read


def test_cells_are_short_and_prose_outweighs_code(notebook):
    cells = [cell for cell in code(notebook)[1:] if "parameters" not in cell.metadata.get("tags", [])]  # [0] imports
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in cells]
    assert max(lengths) <= 20
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert 35 <= words / len(cells) <= 110


def test_prose_stands_between_code_cells(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert "code code code code" not in " ".join(kinds)
    assert kinds[0] == kinds[-1] == "markdown" or "## " in notebook.cells[-2].source


def names_of(source):
    """Return (the names that a cell takes from other cells, the names that it binds)."""
    taken, bound = set(), set()

    def visit(instructions):
        for step in instructions:
            if step.opname == "STORE_NAME":
                bound.add(step.argval)
            elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in bound:
                taken.add(step.argval)
            elif inspect.iscode(step.argval):  # a function or a comprehension
                visit(dis.get_instructions(step.argval))

    visit(dis.get_instructions(compile(source, "cell", "exec")))
    return taken, bound


def test_a_name_that_another_cell_takes_is_bound_by_one_cell_alone(notebook):
    """Then cells may be run again in any order: none finds what a later one has put in the place of its own."""
    cells = [names_of(cell.source) for cell in code(notebook)]
    taken = set.union(*(names for names, _ in cells))
    times_bound = {name: sum(name in bound for _, bound in cells) for name in taken}
    assert [name for name, times in times_bound.items() if times > 1] == []


NOT_AGAIN = {  # a phrase of a cell: why that one is not run again
    '"all epochs"': "trains, and its bar says how long it takes",
    "range(overfit_steps)": "trains",
    '"range tests"': "trains, and its bar says how long it takes",
    '"candidates")': "trains, and takes the time of it",
    "training.train(": "trains, and loads what it trained when it is run again",
    "level, 10_000": "draws for many seconds",
    '"photographs", len(order)': "its bar says how long it takes",
}
SMALL = {
    "dataset": "digits",
    "recipe": "fast",
    "epochs": 1,
    "quick_epochs": 1,
    "sweep_steps": 30,
    "map_size": 200,
    "label_size": 300,
    "robustness_images": 50,
    "made": 24,
}


class Reader:
    """Runs cells in one namespace as a kernel does, and returns what each of them says in words."""

    def __init__(self):
        self.names, self.said = {}, []

    def display(self, *objects, **_):
        for shown in objects:
            words = getattr(shown, "data", None) or getattr(shown, "to_string", shown.__repr__)
            self.said.append(words if isinstance(words, str) else words())

    def show(self, figure, name, caption, description, folder):
        """Stand in for plots.show, which also draws: that takes most of the time."""
        self.said += [name, caption, description]

    def run(self, source):
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        self.said = []
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(tree, "cell", "exec"), self.names)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), self.names) if last else None
        if value is not None and not source.endswith(";"):
            self.display(value)
        return [*self.said, printed.getvalue()]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    reader = Reader()
    monkeypatch.setattr("IPython.display.display", reader.display)
    monkeypatch.setattr(plots, "show", reader.show)
    with matplotlib.rc_context():  # the style of the notebooks stays in it
        yield reader


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of libraries about each other, which no kernel shows
def test_a_cell_that_is_run_again_says_the_same(notebook, reader):
    said = {}
    for cell in code(notebook):
        said[cell.source] = reader.run(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            reader.names |= {name: value for name, value in SMALL.items() if name in reader.names}
            parameters = cell.source
    finished = dict(reader.names)
    for source, before in said.items():
        if source == parameters or any(phrase in source for phrase in NOT_AGAIN):
            continue
        reader.names.clear()
        reader.names.update(finished)
        assert reader.run(source) == before, source


def pictures(channels, size, classes):
    """Return a Dataset of made pictures, 20 of each class: a square of the class's own shade, somewhere, and noise."""
    generator = np.random.default_rng(0)
    labels = np.arange(20 * classes) % classes
    images = generator.integers(180, 240, (len(labels), channels, size, size), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = generator.integers(2, size // 2, 2)
        shade = generator.integers(0, 60, (channels, size // 3, size // 3)) + 100 * label // classes
        image[:, row : row + size // 3, column : column + size // 3] = shade
    labels = torch.from_numpy(labels)
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[data.stratified(labels, 4 * classes, seed=0, both_sides=True)] = True
    one, other = np.flatnonzero(~is_test.numpy() & (labels.numpy() == 0))[:2]
    images[other] = images[one]  # a pair of copies outside test
    names = tuple(f"shade {label}" for label in range(classes))
    about = ("made", "Made pictures", "made by the tests", names)
    return data.Dataset(*about, torch.from_numpy(images), labels, is_test, 3 * classes, "made", framing="whole")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of libraries about each other, which no kernel shows
@pytest.mark.parametrize(("channels", "size", "classes", "fold"), [(3, 44, 2, "2/3"), (1, 20, 30, None)])
def test_pictures_of_any_form_go_through_the_story(reader, monkeypatch, channels, size, classes, fold):
    source = pictures(channels, size, classes)
    monkeypatch.setattr(data, "load", lambda *arguments: source)
    said = {}
    for stem in ("00_walkthrough", "01_eda", "02_prototyping", "03_training", "04_results"):
        reader.names.clear()
        for cell in code(nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", 4)):
            words = reader.run(cell.source)
            said[stem] = said.get(stem, "") + "\n".join(words)
            if "parameters" in cell.metadata.get("tags", []):
                small = SMALL | {"fold": fold}
                fewer = {name: value for name, value in small.items() if name not in ("dataset", "recipe")}
                reader.names |= {name: value for name, value in fewer.items() if name in reader.names}
        validation = data.split(source, fold=fold)["validation"]
        assert torch.equal(reader.names["splits"]["validation"].images, validation.images), stem
    recipe = "pictures" if channels == 3 else "balanced"
    assert re.search(rf"^recipe +{recipe}$", said["03_training"], re.MULTILINE)
    assert f"by the recipe `{recipe}`" in said["04_results"]
    assert (f"{channels} x 40 x 40" in said["02_prototyping"]) == (size == 44)  # larger ones are shrunk, and it is said
    assert 'data-kind="picture"' in said["04_results"] and "Choose a picture" in said["04_results"]
    pages = re.compile(r"<div class=\"(network-pad|[a-z]+-(slider|explorer))[ \"].*</div>", re.DOTALL)
    assert not [stem for stem, words in said.items() if re.search(r"\b(ink|paper)\b", pages.sub("", words))]
    singular = re.compile(r"(?<!\S)1 (images|mistakes|batches|threads|pairs|epochs)\b")
    assert not [stem for stem, words in said.items() if singular.search(words)]
    assert re.search(r"both outside test +[1-9]", said["01_eda"]) and "copies\n" in said["01_eda"]
    if classes == 2:  # 6 validation images and 8 test images
        told = "\n".join(said.values())
        assert "cannot be told apart" in said["03_training"] and "No confusion is more frequent" in said["03_training"]
        assert "nothing can be decided" in said["02_prototyping"]
        assert "8 images are too few to tell what harms" in said["04_results"]
        claims = "sign of|right most often|missed most often|harms more|ends with|gather|is more than"
        claims += "|holds for the training images only|by more than sampling error:|One confusion is"
        assert re.findall(claims, told) == []


def cell_with(phrase, stem):
    """Return the source of the one code cell of a notebook that holds `phrase`."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", 4)
    (source,) = [cell.source for cell in code(notebook) if phrase in cell.source]
    return source


def test_prose_speaks_of_ink_only_where_it_compares():
    for path in NOTEBOOKS[:5]:
        prose = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
        headings = [line for source in prose for line in source.splitlines() if line.startswith("#")]
        assert not [line for line in headings if re.search(r"\b(ink|paper|digit)", line, re.IGNORECASE)]


def test_a_model_of_other_images_is_refused_in_the_words_of_a_notebook(reader):
    about = {"fingerprint": "of others", "dataset": "mnist"}
    reader.names |= {"run": "mine", "BadInput": errors.BadInput, "about": about}
    reader.names["source"] = SimpleNamespace(fingerprint="of these", name="digits")
    told = r"^run mine: its model was trained on other images \(mnist\) than these \(digits\); choose `dataset` mnist"
    with pytest.raises(errors.BadInput, match=told):
        reader.run(cell_with("was trained on other images", "04_results"))


def test_a_training_by_hand_starts_from_no_run_that_has_learnt_from_its_images(reader):
    noted = {"dataset": "digits", "fingerprint": "a", "seed": 0, "recipe": {"validation_size": None}}
    start = SimpleNamespace(description=noted)
    reader.names["training"] = SimpleNamespace(choose_device=lambda *_: "cpu", load_start=lambda _: start)
    source = SimpleNamespace(name="digits", fingerprint="a", form=forms.Form(28, "grey", "whole"))
    reader.names |= {"starts": starts, "start_from": "old", "source": source, "chosen": recipes.choose("fast", True)}
    reader.names |= {"seed": 1, "device": "cpu", "threads": None, "data_dir": None}
    with pytest.raises(errors.BadInput, match=r"^start_from old: it has learnt from some of the same images"):
        reader.run(cell_with("training.load_start", "03_training"))


def test_a_single_training_image_has_no_interval_and_is_refused(reader):
    reader.names |= {"training_images": 1, "BadInput": errors.BadInput}
    with pytest.raises(errors.BadInput, match=r"^training_images 1: too few for an interval; use 2 or more$"):
        reader.run(cell_with("too few for an interval", "04_results"))


def test_nothing_before_results_touches_the_test_split(sealed):
    _, refused = sealed
    assert "AssertionError: the test split was touched" in refused


def test_only_notebooks_that_count_or_score_name_the_test_images():
    for path in NOTEBOOKS:
        source = "\n".join(cell.source for cell in code(nbformat.read(path, 4)))
        touches = "is_test" in source or '"test"' in source
        assert touches == (path.stem in ("01_eda", "04_results", "05_comparison")), path.stem
        if path.stem == "01_eda":
            helpers = "data, evaluation, exercises, lead, plots, runs, soundness, verdicts"
            assert f"from helpers import {helpers}\n" in source  # nothing else trains or predicts
            assert "predict_out_of_fold(source.images[asked]" in source and "asked = known[" in source
            assert "known = (~source.is_test)" in source  # no network there sees a test image


def test_a_run_leaves_every_file_of_the_contract(finished):
    project, folder, _ = finished
    assert (project.outputs / "index.html").is_file()
    names = [
        "run.json",
        "walkthrough.safetensors",
        "walkthrough.json",
        "dataset.json",
        "prototyping.json",
        "model.safetensors",
        "model.json",
        "history.csv",
        "validation.npz",
        "metrics.json",
    ]
    names += ["predictions.npz", "robustness.json", "reports.zip"]
    names += ["figures/loss_vs_epoch.png", "figures/confusion_matrix.png"]
    names += ["checkpoints/epoch-001.pt", "checkpoints/epoch-001.sha256"]
    for path in NOTEBOOKS[:5]:
        names += [f"notebooks/{path.name}", f"reports/{path.stem}.html"]
    assert [name for name in names if not (folder / name).is_file()] == []
    assert not list(folder.rglob(".*partial*"))


def test_history_and_metrics_have_the_fields_of_the_contract(finished):
    _, folder, _ = finished
    rows = list(csv.DictReader(io.StringIO((folder / "history.csv").read_text())))
    assert list(rows[0]) == list(training.HISTORY) and len(rows) == 1
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"version", "train", "validation", "test", "baselines"}
    assert len(metrics["baselines"]) == 4 and metrics["baselines"]["nearest mean image"]["accuracy"] > 0.5
    for part, count in (("train", 1319), ("validation", 119), ("test", 359)):
        figures = metrics[part]
        assert {"accuracy", "accuracy_ci95", "loss", "macro_f1", "ece", "per_class", "confusion_matrix"} <= set(figures)
        assert np.sum(figures["confusion_matrix"]) == count
        assert figures["accuracy"] == pytest.approx(np.trace(figures["confusion_matrix"]) / count)
        assert set(figures["per_class"]["0"]) == {"precision", "recall", "f1", "support"}


def test_calibration_and_robustness_have_the_fields_of_the_contract(finished):
    _, folder, _ = finished
    metrics, robustness = (json.loads((folder / f"{name}.json").read_text()) for name in ("metrics", "robustness"))
    for part in ("validation", "test"):
        calibrated = metrics[part]["calibration"]
        assert set(calibrated) == {"temperature", "ece", "loss"} and 0.1 < calibrated["temperature"] < 10
        assert calibrated["loss"] <= metrics[part]["loss"] or part == "test"
    assert robustness["images"] == 359 and robustness["clean"] == metrics["test"]["accuracy"]
    assert {name: tuple(curve["strength"]) for name, curve in robustness["curves"].items()} == {
        name: strengths for name, (_, strengths, _) in corruptions.CORRUPTIONS.items()
    }
    for name, curve in robustness["curves"].items():
        neutral = curve["strength"].index(corruptions.CORRUPTIONS[name][2])
        assert curve["accuracy"][neutral] == robustness["clean"]
        assert min(curve["accuracy"]) < robustness["clean"] or name == "contrast"  # a pale digit may be read as well


def test_predictions_are_those_of_the_saved_model(finished):
    _, folder, _ = finished
    source = data.load("digits")
    network, _, about = checkpoints.load_model(folder)
    test = data.split(source, about["seed"])["test"]
    again = evaluation.predict_split(network, test)
    saved = np.load(folder / "predictions.npz")
    assert np.allclose(saved["scores"], again.logits, atol=1e-4) and (saved["labels"] == test.labels.numpy()).all()


def test_the_saved_network_of_the_walkthrough_gives_the_answers_that_were_noted(finished):
    _, folder, _ = finished
    said = json.loads((folder / "walkthrough.json").read_text())
    weights = safetensors.torch.load_file(folder / "walkthrough.safetensors")
    splits = data.split(data.load("digits"), 0)
    images = (splits["validation"].images - weights["0.mean"]) / weights["0.deviation"]
    first = max_pool2d(conv2d(images, weights["1.weight"], weights["1.bias"], padding=2).relu(), 2)
    second = max_pool2d(conv2d(first, weights["4.weight"], weights["4.bias"], padding=1).relu(), 2)
    scores = second.flatten(1) @ weights["8.weight"].T + weights["8.bias"]
    noted = torch.tensor(said["validation_predicted"]["network"])
    assert (scores.argmax(1) == noted).sum() >= len(noted) - 1  # one may stand between two classes
    assert sum(tensor.numel() for tensor in weights.values()) - 2 == said["network"]["parameters"]
    truth = splits["validation"].labels.numpy()
    for name, predicted in baselines.predict(splits["train"], splits["validation"].images, 10).items():
        assert (predicted == said["validation_predicted"][name]).mean() > 0.98, name
    assert said["history"][-1]["validation_accuracy"] == pytest.approx((noted.numpy() == truth).mean())


def test_slopes_by_hand_and_by_calculus_agree_and_three_steps_go_down(reader):
    for cell in code(nbformat.read(ROOT / "notebooks" / "00_walkthrough.ipynb", 4)):
        reader.run(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            reader.names |= {"dataset": "digits"}
        if "rate * last_weights.grad" in cell.source:
            break
    names = reader.names
    assert names["difference"] == pytest.approx(names["gradient"], abs=1e-7) and names["gradient"] != 0
    assert torch.equal(names["edges"], names["at_once"]) and names["edges"].abs().max() > 0
    places, losses = zip(*names["path"], strict=True)
    assert len(places) == 4 and list(losses) == sorted(losses, reverse=True)
    assert places[1] == pytest.approx(names["weight"] - names["rate"] * names["gradient"])


def test_a_sketch_changes_the_image_and_may_be_a_drawing_of_its_own(reader):
    sketch = cell_with("sketch = [", "00_walkthrough")
    show = cell_with("marks = interpolate(", "00_walkthrough")
    images = torch.full((2, 3, 30, 30), 7, dtype=torch.uint8)
    reader.names |= {"validation": data.Split(images, torch.zeros(2)), "height": 30, "width": 30, "classes": 2}
    reader.names |= {"names": ("one", "other"), "folder": None, "processor": "cpu", "torch": torch}
    reader.names |= {"interpolate": interpolate, "evaluation": evaluation, "plots": plots}
    reader.names["again"] = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 30 * 30, 2))
    reader.run(sketch)
    reader.run(show)
    after = reader.names["after"]
    assert (after[:, :, 15:] == 0).all() and (after[:, :, :15] == 7).all()
    reader.names |= {"chosen": None, "sketch": ["#" + "." * 13] + ["." * 14] * 13}
    reader.run(show)
    after = reader.names["after"]
    assert (after[:, :, :2, :2] == 255).all() and (after == 0).sum() == 3 * (900 - 9)


def test_the_training_of_the_walkthrough_repeats_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    names = {}
    with matplotlib.rc_context():  # the style of the notebooks stays in it
        for cell in code(nbformat.read(ROOT / "notebooks" / "00_walkthrough.ipynb", 4)):
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names["dataset"] = "digits"
                names["quick_epochs"] = 2
            if '"all epochs"' in cell.source:
                break
    first, history = names["losses"], names["history"]
    exec(cell.source, names)
    assert names["losses"] == first and len(first) >= 160
    assert names["history"] == history and [row["epoch"] for row in history] == [1, 2]


def test_figures_of_a_model_that_was_replaced_meanwhile_are_not_written(tmp_path):
    last = cell_with('"metrics.json"', "04_results")
    record = checkpoints.ValidationRecord(np.zeros((1, 10)), np.zeros(1), np.zeros((1, 1)))
    description = {"key": "", "recipe": {"network": "narrow"}, "class_names": list("0123456789")}
    fitted = certainty.Certainty(1.0, 0.0, 0.0, np.zeros((1, 2)), {})
    checkpoints.save_model(tmp_path, models.build("narrow", 10, seed=0), [{"epoch": 1}], record, fitted, description)
    names = {"io": io, "np": np, "runs": runs, "checkpoints": checkpoints, "folder": tmp_path}
    names |= {"write_file": files.write_file, "write_json": files.write_json}
    names |= {"about": checkpoints.load_model(tmp_path).description, "record": {}, "robustness": {}}
    names |= {"kept": {"scores": np.zeros((1, 10))}}
    exec(last, names)
    written = [tmp_path / name for name in ("metrics.json", "robustness.json", "predictions.npz")]
    for path in written:
        path.unlink()  # fails where one was not written
    checkpoints.save_model(tmp_path, models.build("narrow", 10, seed=1), [{"epoch": 1}], record, fitted, description)
    with pytest.raises(errors.ProjectError, match="replaced since it was loaded"):
        exec(last, names)
    assert not any(path.exists() for path in written)


def test_no_path_of_the_machine_is_in_a_report(finished):
    project, folder, _ = finished
    for path in [*(folder / "reports").glob("*.html"), *(folder / "notebooks").iterdir(), folder / "run.json"]:
        assert str(project.folder) not in path.read_text(), path.name


def test_executed_notebooks_have_no_warnings(finished):
    _, folder, _ = finished
    for path in (folder / "notebooks").iterdir():
        for cell in code(nbformat.read(path, 4)):
            assert not [item.text for item in cell.outputs if item.get("name") == "stderr"], path.name


def test_another_epoch_count_is_another_run_and_a_plot_change_trains_nothing(finished, tmp_path):
    shared, folder, _ = finished
    project = shared.copy_to(tmp_path / "copy")
    folder = project.outputs / folder.name
    module = project.folder / "helpers" / "plots" / "__init__.py"
    module.write_text(module.read_text() + "\n# a comment\n")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    code, out, error = project.run("--epochs", "1", "--only", "training", "results")
    assert code == 0, error
    assert "helper changed: helpers/plots/__init__.py" in out and "epoch 1/1" not in out
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_each_notebook_alone_from_another_folder(tmp_path):
    """04_results, the one that needs another, finds nothing and trains `fast` first."""
    environment = offline(tmp_path) | {"MNIST_OUTPUTS_DIR": str(tmp_path / "outputs"), "PYTHONPATH": str(ROOT)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(tmp_path)
        done = papermill.execute_notebook(
            ROOT / "notebooks" / "04_results.ipynb",
            tmp_path / "out.ipynb",
            {"dataset": "digits", "robustness_images": SMALL["robustness_images"]},
            progress_bar=False,
            kernel_name="python3",
        )
    text = json.dumps(done)
    assert "`fast`" in text and (tmp_path / "outputs" / "interactive" / "metrics.json").is_file()
