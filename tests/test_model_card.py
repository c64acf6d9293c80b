"""A run's model card: figures are those of files that the manifest vouches for; what it says is true of the run."""

import re
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from test_predict import answer  # noqa: F401

from helpers import data, evaluation, export, files, model_card, reading, recipes, runs, training
from helpers.errors import BadInput
from helpers.forms import Form

ODD = (
    'say "cheese": #1',
    "a|b",
    "two\nlines",
    "<b>bold</b>",
    "`code` *and* _more_",
    "$x$ @all www.a.b http://c.d",
    "É 犬 - x",
)


def splits_of(metrics, temperature):
    """Return metrics.json of a run: test and validation alike, at a temperature, with a baseline."""
    after = {"temperature": temperature, "ece": 0.0111, "loss": 0.2222}
    told = {split: metrics | {"calibration": after} for split in ("train", "validation", "test")}
    return told | {"baselines": {"majority class": {"accuracy": 0.1}}, "version": 1}


def curves():
    """Return a robustness.json."""
    curve = {"rotation": {"strength": [0, 15], "accuracy": [0.9, 0.8]}}
    return {"images": 10, "clean": 0.9, "curves": curve, "majority": 0.1, "corruptions": ["rotation"]}


def sound_of(described):
    """Return a dataset.json on the images of a model.json."""
    of_class = {"0": described["fitted_on"]["validation_images"]}
    found = {"suspected_labels": [[1, "4", "9", -0.9]], "leaks": [], "rare_classes": []}
    about = {field: described[field] for field in ("fingerprint", "seed")}
    checked = {"labels_checked": 1234, "classes_checked": list("0123")}
    return about | found | checked | {"counts": {"train": {"0": 4321}, "validation": of_class}}


def finish(folder, title, **parts):
    """Write `parts`, {file: content}, into a run's folder, and a manifest by which training and results left them."""
    for name, content in parts.items():
        files.write_json(folder / f"{name}.json", content)
    left = ("model.json", "model.safetensors", "history.csv", "certainty.npz")
    described = files.read_json(folder / "model.json")
    outputs = {name: files.file_digest(folder / name) for name in left}
    facts = {"started": "2026-01-31T12:00:00+00:00", "state": "done", "commit": "abc-dirty", "versions": {"torch": "2"}}
    stages = {"training": runs.StageRecord(**facts, outputs=outputs, machine={"system": "Linux", "cores": 2})}
    if "metrics" in parts:
        low, high = parts["metrics"]["test"]["accuracy_ci95"]
        accuracy = runs.Accuracy(value=parts["metrics"]["test"]["accuracy"], low=low, high=high)
        made = {f"{name}.json": files.file_digest(folder / f"{name}.json") for name in parts}
        inputs = {"input": {name: outputs[name] for name in left}}
        stages["results"] = runs.StageRecord(**facts, outputs=made, inputs=inputs, accuracy=accuracy)
    name, fingerprint = described.get("dataset", ""), described.get("fingerprint", "")
    about = runs.DatasetRecord(name=name, title=title, fingerprint=fingerprint)
    runs.save_manifest(folder, runs.Manifest(run=folder.name, parameters={}, dataset=about, stages=stages))


@pytest.fixture
def digits(trained, tmp_path):
    """A folder of runs in which `hand`, of digits, was trained, and scored on its test images."""
    shutil.copytree(trained, tmp_path / "runs")
    reader = reading.load("hand", outputs=trained)
    scored = evaluation.metrics(evaluation.predict_split(reader.network, data.split(data.load("digits"))["test"]))
    told = splits_of(scored, reader.temperature)
    finish(tmp_path / "runs" / "hand", data.DIGITS_TITLE, metrics=told, robustness=curves())
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of runs in which `odd` is of pictures in colour, with classes that are called as they should not be."""
    form = Form(32, "rgb")
    images = np.random.default_rng(0).integers(0, 256, (len(ODD) * 10, *form.shape), dtype=np.uint8)
    labels = torch.arange(len(images)) % len(ODD)
    about = ('/secret/place/My: "set" | <i>x</i>', 'My: "set" | <i>x</i>', "made by the tests", ODD)
    is_test = torch.arange(len(images)) < 2 * len(ODD)
    source = data.Dataset(*about, torch.from_numpy(images), labels, is_test, 21, "0", framing="whole")
    outputs = tmp_path_factory.mktemp("odd")
    instant = replace(recipes.RECIPES["pictures"], network="small", epochs=1, batch_size=8, shear=10)
    network, _ = training.train(source, instant, folder=outputs / "odd")
    scored = evaluation.metrics(evaluation.predict_split(network, data.split(source)["test"]))
    told = splits_of(scored, files.read_json(outputs / "odd" / "model.json")["temperature"])
    finish(outputs / "odd", source.title, metrics=told, robustness=curves())
    return outputs


def card_of(outputs, run, file="model.onnx", framed="auto"):
    """Return the card of a run; what would be its ONNX file is of a few bytes."""
    return model_card.write(reading.load(run, framed, outputs), file, b"onnx", outputs)


def block_of(card):
    """Return the metadata of a card."""
    _, block, _ = re.split(r"^---\n", card, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(block)


def tables_of(card):
    """Return the tables of a card as a reader sees them, {its first head: its rows}; a row is a list of texts."""
    page = BeautifulSoup(markdown2html_mistune(card.split("---\n", 2)[2]), "html.parser")
    tables = {}
    for table in page.find_all("table"):
        head, *rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
        tables[head[0]] = rows
    return tables


def test_the_figures_are_those_of_the_files(digits):
    card = card_of(digits, "hand")
    test = files.read_json(digits / "hand" / "metrics.json")["test"]
    (result,) = block_of(card)["model-index"]
    (entry,) = result["results"]
    assert result["name"] == "hand" and entry["task"]["type"] == "image-classification"
    assert entry["dataset"] == {"type": "digits", "name": data.DIGITS_TITLE, "split": "test"}
    values = {metric["type"]: metric["value"] for metric in entry["metrics"]}
    assert values == pytest.approx({"accuracy": test["accuracy"], "f1": test["macro_f1"]}, abs=1e-6)
    low, high = test["accuracy_ci95"]
    shown = f"{test['accuracy']:.2%} ({low:.2%} to {high:.2%})".replace("%", " %")
    tables = tables_of(card)
    assert tables["figure"][0][:2] == ["accuracy", shown]
    assert tables["figure"][1][1].startswith(f"{test['macro_f1']:.4f} (")
    assert [row[0] for row in tables["class"]] == list("0123456789")
    for label, row in enumerate(tables["class"]):
        expected = test["per_class"][str(label)]
        assert row[1:4] == [f"{expected[figure]:.4f}" for figure in ("precision", "recall", "f1")]
        assert row[4] == str(expected["support"])
    columns = [row for row in tables["split"] if row[0] == "test"][-1]
    assert columns[1:] == [f"{number:.4f}" for number in (test["ece"], 0.0111, test["loss"], 0.2222)]
    assert tables["kind"] == [["rotation", "degrees, either way", "0: 90.0 %, 15: 80.0 %", "no"]]
    pairs = evaluation.confused_pairs(np.array(test["confusion_matrix"]), 1)
    for true, other, number in pairs:
        assert f"{true} taken for {other} ({number})" in card


def test_the_real_results_are_told(sealed):
    folder, _ = sealed
    card = card_of(folder.parent, folder.name)
    metrics = files.read_json(folder / "metrics.json")
    assert f"**Test accuracy {metrics['test']['accuracy']:.2%}".replace("%", " %") in card
    tables = tables_of(card)
    assert [row[0] for row in tables["kind"]] == list(files.read_json(folder / "robustness.json")["curves"])
    counts = files.read_json(folder / "dataset.json")["counts"]
    sizes = [f"{sum(counts[part].values()):,}" for part in ("train", "validation", "test")]
    assert re.findall(r"^\| (?:training|validation|test) \| ([\d,]+) \| [a-z]", card, re.MULTILINE) == sizes
    assert "Known faults, as 01_eda of this run looked for them" in card
    assert folder.name in card and str(folder.parent) not in card


def test_a_card_is_the_same_each_time(digits):
    assert card_of(digits, "hand") == card_of(digits, "hand")
    assert model_card.is_unchanged(card_of(digits, "hand").encode())
    assert model_card.is_unchanged(card_of(digits, "hand").replace("\n", "\r\n").encode())
    for changed in (
        card_of(digits, "hand").replace("Limits", "limits"),
        card_of(digits, "hand") + "more\n",
        "",
        "a card",
    ):
        assert not model_card.is_unchanged(changed.encode())


def test_provenance_is_told(digits):
    rows = dict(tables_of(card_of(digits, "hand"))["what"])
    described = files.read_json(digits / "hand" / "model.json")
    assert rows["run"] == "hand" and rows["training's key"] == described["key"]
    assert rows["SHA-256 of model.safetensors"] == files.file_digest(digits / "hand" / "model.safetensors")
    assert rows["SHA-256 of model.onnx"] == files.digest(b"onnx")
    assert rows["training notebook last run"] == "2026-01-31T12:00:00+00:00" and rows["versions"] == "torch 2"
    assert rows["commit of literate-mnist"] == "abc, with changes that were in no commit"


def test_a_run_without_results_says_so(trained, digits):
    by_hand = card_of(trained, "hand")
    finish(digits / "hand", data.DIGITS_TITLE)
    unscored = card_of(digits, "hand")
    files.write_json(digits / "hand" / "metrics.json", {"test": {"accuracy": 1.0}})
    for card in (by_hand, unscored, card_of(digits, "hand")):
        assert "**No test figures exist.**" in card and not {"model-index", "metrics"} & set(block_of(card))
        assert "Test accuracy" not in card and "## By class" not in card
        assert re.search(r"After its last epoch it classified [\d.]+ % of the validation images correctly", card)
    assert "no record that would vouch for any" in by_hand and "has not been scored on test images" in unscored


@pytest.mark.parametrize("name", ["metrics.json", "robustness.json"])
def test_figures_that_nothing_vouches_for_are_left_out(digits, name):
    path = digits / "hand" / name
    path.write_text(path.read_text().replace("0.", "0.1", 1))
    card = card_of(digits, "hand")
    assert ("No test figures exist" in card) == (name == "metrics.json")
    assert "Nothing is known of how it does on images that are harder" in card


def test_figures_of_another_form_are_left_out(digits):
    scored = files.read_json(digits / "hand" / "metrics.json")
    scored["test"]["per_class"] = {"0": {}}
    finish(digits / "hand", data.DIGITS_TITLE, metrics=scored)
    assert "No test figures exist" in card_of(digits, "hand")


def with_files(outputs, metrics=None, robustness=None, dataset=None, model=None):
    """Return the card of `hand` with fields of its files changed as given, all vouched for; ... leaves a field out."""
    folder = outputs / "hand"
    described = files.read_json(folder / "model.json")
    held = {"metrics": files.read_json(folder / "metrics.json"), "robustness": curves(), "dataset": sound_of(described)}
    for name, fields in {"metrics": metrics, "robustness": robustness, "dataset": dataset}.items():
        held[name] = {field: value for field, value in (held[name] | (fields or {})).items() if value is not ...}
    changed = {field: value for field, value in (described | (model or {})).items() if value is not ...}
    kept = (folder / "model.json").read_bytes(), (folder / "metrics.json").read_bytes()
    files.write_json(folder / "model.json", changed)
    try:
        finish(folder, data.DIGITS_TITLE, **held)
        return card_of(outputs, "hand")
    finally:
        (folder / "model.json").write_bytes(kept[0])
        (folder / "metrics.json").write_bytes(kept[1])


def test_metrics_of_a_later_version_are_refused(digits):
    rule = r"run hand: its metrics\.json is of version 3, and this code knows 2; use newer code"
    with pytest.raises(BadInput, match=rule):
        with_files(digits, metrics={"version": 3})
    with pytest.raises(BadInput, match=r"is of version 9{40}, and this code knows"):
        with_files(digits, metrics={"version": int("9" * 1000)})


def test_figures_out_of_range_or_at_odds_are_left_out(digits):
    test = files.read_json(digits / "hand" / "metrics.json")["test"]
    matrix, by_class = test["confusion_matrix"], test["per_class"]
    assert "Test accuracy" in with_files(digits)
    for fields in (
        {"accuracy_ci95": [-3, 44]},
        {"macro_f1": 7},
        {"loss": -1},
        {"ece": "x"},
        {"confusion_matrix": []},
        {"confusion_matrix": [[*row, 0] for row in [*matrix, [0] * 10]]},
        {"confusion_matrix": [[number / 2 for number in row] for row in matrix]},
        {"confusion_matrix": [[number * 2 for number in row] for row in matrix]},
        {"confusion_matrix": [row[::-1] for row in matrix]},
        {"confusion_matrix": [matrix[0][:1], *matrix[1:]]},
        {
            "confusion_matrix": [[0] * 10] * 10,
            "per_class": {name: row | {"support": 0} for name, row in by_class.items()},
        },
    ):
        card = with_files(digits, metrics={"test": test | fields})
        assert "**No test figures exist.**" in card and "model-index" not in block_of(card), fields


def test_odd_fields_are_as_if_they_were_not_there(digits):
    for odd in (None, [], {"x": {}}, {"x": {"accuracy": "a"}}):
        assert "**No test figures exist.**" in with_files(digits, metrics={"baselines": odd})
    assert "Simple classifiers" not in with_files(digits, metrics={"baselines": ...})
    test = files.read_json(digits / "hand" / "metrics.json")["test"]
    for odd in (None, {}, {"ece": 0.1}, 5):
        card = with_files(digits, metrics={"test": test | {"calibration": odd}})
        assert "### Calibration" not in card and ("Test accuracy" in card) == (odd != 5)
    curve = {"strength": [0, 15], "accuracy": [0.9, 0.8]}
    for odd in (
        *({"curves": odd} for odd in (None, [], ..., {"rotation": None}, {"no such": curve})),
        *({"images": odd} for odd in (0, -5, 1e308, "5", ..., 10**400, 1_000_000)),
        {"curves": {"rotation": curve | {"accuracy": [0.9, 9]}}},
        {"curves": {"rotation": curve | {"accuracy": [0.9]}}},
    ):
        card = with_files(digits, robustness=odd)
        assert "Nothing is known of how it does on images that are harder" in card and "Test accuracy" in card, odd
    counts = sound_of(files.read_json(digits / "hand" / "model.json"))["counts"]
    for odd in (
        *({"counts": odd} for odd in ([], {}, counts | {"train": "x"}, {"validation": counts["validation"]})),
        {"counts": counts | {"train": {"0": "4"}}},
        *({"suspected_labels": odd} for odd in (3, None)),
        {"classes_checked": 3},
    ):
        assert "this run did not look for any" in with_files(digits, dataset=odd), odd


def test_a_model_that_lacks_what_a_card_tells_is_refused_in_one_line(digits):
    described = files.read_json(digits / "hand" / "model.json")
    recipe, fitted = described["recipe"], described["fitted_on"]
    assert reading.load("hand", outputs=digits).certainty is not None
    for lacked, fields in (
        *((field, {field: ...}) for field in ("seed", "dataset", "fingerprint")),
        *(
            (f"recipe.{field}", {"recipe": {name: value for name, value in recipe.items() if name != field}})
            for field in ("name", "summary", "epochs")
        ),
        ("start.seed", {"start": {"dataset": "mnist"}}),
        ("start.dataset", {"start": {}}),
        ("fitted_on.photographs", {"fitted_on": {"validation_images": fitted["validation_images"]}}),
    ):
        with pytest.raises(BadInput) as refused:
            with_files(digits, model=fields)
        line = f"run hand: its model.json lacks {lacked}; python run_all.py --run hand --only training --force"
        assert str(refused.value) == line


def test_of_labels_it_is_told_how_many_were_checked(digits):
    told = "1 training and validation images whose labels are suspected to be wrong"
    assert f"{told}, of 1,234 whose labels were checked in 4 of the 10 classes;" in with_files(digits)
    every = with_files(digits, dataset={"classes_checked": list("0123456789")})
    assert f"{told}, of 1,234 whose labels were checked;" in every
    assert f"{told};" in with_files(digits, dataset={"classes_checked": ..., "labels_checked": ...})
    assert f"{told} (no label could be checked);" in with_files(
        digits, dataset={"classes_checked": [], "labels_checked": 0}
    )


def test_of_another_framing_nothing_was_measured(digits):
    told = "**Measured on images framed by their ink; of images taken whole, as here, nothing is known.**"
    card = card_of(digits, "hand", framed="whole")
    assert card.count(told) == 2 and told not in card_of(digits, "hand")
    assert card.index("**Test accuracy") < card.index(told) < card.index("## Intended use")
    assert told in card.split("## When it is unsure")[1].split("##")[0]


def test_a_card_has_one_temperature(digits):
    test = files.read_json(digits / "hand" / "metrics.json")["test"]
    after = test["calibration"]
    assert "### Calibration" in with_files(digits)
    card = with_files(digits, metrics={"test": test | {"calibration": after | {"temperature": 3.3}}})
    assert "### Calibration" not in card and "3.3" not in card


def test_nothing_is_said_that_was_not_measured(digits):
    card = card_of(digits, "hand")
    assert "another would differ; by how much was not measured for this run." in card and "about 1 at most" in card
    assert "The weights are given under the same licence." in card and block_of(card)["license"] == "mit"


def test_odd_text_in_code_spoils_no_table(digits):
    odd = "a`b|c\nd"
    recipe = files.read_json(digits / "hand" / "model.json")["recipe"]
    card = with_files(digits, model={"key": odd, "fingerprint": odd, "recipe": recipe | {"name": odd}})
    page = BeautifulSoup(markdown2html_mistune(card.split("---\n", 2)[2]), "html.parser").get_text()
    assert dict(tables_of(card)["what"])["training's key"] == "a`b|c d"
    assert "by the recipe a`b|c d of" in page and "are known: a`b|c d." in page


def test_a_dataset_without_a_title_is_said_to_be_one(digits):
    with_files(digits)
    finish(digits / "hand", "")
    card = card_of(digits, "hand")
    assert "**without a name:** no checksum showed" in card and "****" not in card and "**.**" not in card


def test_names_keep_what_joins_their_letters_and_are_no_emoji():
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    for name in (family, "\u0646\N{ZERO WIDTH NON-JOINER}\u0645"):
        assert model_card.plain(name) == name and yaml.safe_load(model_card.quoted(name)) == name
    assert model_card.plain(":smile: :+1: :100:") == r"\:smile: \:+1: \:100:"
    for time in ("12:00:00", "2026-01-31T12:30:07+00:00", "2026-01-31T12:30:07-05:00"):
        assert model_card.plain(time) == time


def test_odd_names_stand_as_they_are(odd):
    card = card_of(odd, "odd", file="a`b|c.onnx")
    seen = [" ".join(name.split()) for name in ODD]
    assert [row[0] for row in tables_of(card)["class"]] == seen
    page = BeautifulSoup(markdown2html_mistune(card.split("---\n", 2)[2]), "html.parser")
    assert not page.find_all(["b", "i", "em", "math"]) and not page.select("a:not(.anchor-link)")
    assert 'the folder “My: "set" | <i>x</i>”' in page.get_text() and "/secret" not in card
    (result,) = block_of(card)["model-index"]
    assert result["results"][0]["dataset"] == {"type": "imagefolder", "name": 'My: "set" | <i>x</i>', "split": "test"}
    assert dict(tables_of(card)["what"])["SHA-256 of a`b|c.onnx"] == files.digest(b"onnx")


@pytest.mark.parametrize(
    "name", ["two\nlines", 'a "quote": \\n', "- x", "\x00\x85\u2028\ud800", "é 犬 🐕", "'", "yes", "1e3", ""]
)
def test_any_text_is_a_text_in_the_block(name):
    found = yaml.safe_load(f"key: {model_card.quoted(name)}")["key"]
    assert found == model_card.one_line(name) and "\n" not in found


def test_a_card_of_pictures_does_not_speak_of_digits(odd):
    card = card_of(odd, "odd")
    assert not re.search(r"\bdigits?\b|\bletters?\b|handwrit|\bink\b|\bpaper\b", card.lower())
    assert "uint8 (n, 3, 32, 32)" in card and 'forms.Form(32, "rgb")' in card
    assert block_of(card)["license"] == "unknown" and "datasets" not in block_of(card)
    assert "mirrored images" in card


def test_digits_say_what_they_are_not(digits):
    card = card_of(digits, "hand")
    assert "takes a letter, a stain or a picture for the digit that comes nearest" in card
    assert "Made photographs are not taken ones" in card and block_of(card)["license"] == "mit"
    assert "frame_ink" in card and "frame_whole" in card_of(digits, "hand", framed="whole")


def test_what_is_not_known_is_said(digits):
    reader = replace(reading.load("hand", outputs=digits), certainty=None)
    card = model_card.write(reader, "model.onnx", b"onnx", digits)
    assert "does not know which of its answers are sure: trained by older code" in card and "familiarity" not in card


def test_a_fold_a_start_and_a_stand_in_are_told(digits):
    folder = digits / "hand"
    described = files.read_json(folder / "model.json")
    start = {"weights_sha256": "a" * 64, "dataset": "/secret/cats", "fingerprint": "0", "seed": 3}
    files.write_json(
        folder / "model.json", described | {"start": start, "recipe": described["recipe"] | {"fold": "2/5"}}
    )
    finish(folder, data.DIGITS_TITLE)
    manifest = runs.load_manifest(folder)
    manifest.dataset.note = "MNIST was not to be had"
    runs.save_manifest(folder, manifest)
    card = card_of(digits, "hand")
    assert f"From the weights of a training on cats (seed 3, SHA-256 `{'a' * 64}`)" in card and "/secret" not in card
    assert "Fold 2/5 was held out" in card and "**Not MNIST.**" in card


@pytest.mark.parametrize("run", ["hand", "odd"])
def test_the_lines_of_the_card_run(run, digits, odd, tmp_path, monkeypatch, capsys):
    outputs = odd if run == "odd" else digits
    reader = reading.load(run, outputs=outputs)
    (tmp_path / "it's.onnx").write_bytes(export.as_onnx(reader))
    card = model_card.write(reader, "it's.onnx", b"", outputs)
    monkeypatch.chdir(tmp_path)
    exec(card.split("```python\n")[1].split("```")[0], {})
    session = onnxruntime.InferenceSession("it's.onnx")
    images = np.zeros((1, *reader.form.shape), dtype=np.uint8)
    row = session.run(["probabilities"], {"images": images})[0][0]
    assert capsys.readouterr().out.startswith(f"{reader.class_names[row.argmax()]} {row.max()!s} ")


@pytest.fixture
def quick(monkeypatch):
    """Makes the export of a moment."""
    monkeypatch.setattr(export, "as_onnx", lambda reader: b"onnx")


def test_the_command_writes_both_and_names_both(answer, trained, quick, tmp_path):  # noqa: F811
    code, out, error = answer("--export", tmp_path / "model.onnx")
    card = tmp_path / "MODEL_CARD.md"
    assert (code, out) == (0, "") and error == f"{tmp_path / 'model.onnx'}, {card}: the network of hand\n"
    first = card.read_bytes()
    assert first.decode() == card_of(trained, "hand") and model_card.is_unchanged(first)
    answer("--export", tmp_path / "model.onnx")
    assert card.read_bytes() == first and sorted(path.name for path in tmp_path.iterdir()) == [card.name, "model.onnx"]


def test_a_card_of_somebody_elses_is_kept(answer, quick, tmp_path):  # noqa: F811
    card = tmp_path / "MODEL_CARD.md"
    answer("--export", tmp_path / "model.onnx")
    changed = card.read_text().replace("## Limits", "## Limits\n\nMy own words.")
    for text in (changed, "# My model\n", ""):
        card.write_text(text)
        (tmp_path / "other.onnx").unlink(missing_ok=True)
        with pytest.raises(BadInput, match="lies beside it, which this did not write, or somebody has changed; move"):
            answer("--export", tmp_path / "other.onnx")
        assert card.read_text() == text and not (tmp_path / "other.onnx").exists()
    card.unlink()
    card.mkdir()
    with pytest.raises(BadInput, match="lies beside it"):
        answer("--export", tmp_path / "other.onnx")


def test_what_fails_leaves_neither(answer, quick, tmp_path, monkeypatch):  # noqa: F811
    write_file = files.write_file

    def refuse(path, content):
        if str(path).endswith(".onnx"):
            raise OSError(28, "No space left on device", str(path))
        return write_file(path, content)

    monkeypatch.setattr(files, "write_file", refuse)
    with pytest.raises(
        BadInput, match=rf"^export {tmp_path}/model\.onnx: No space left on device; choose another place$"
    ):
        answer("--export", tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(files, "write_file", write_file)
    answer("--export", tmp_path / "model.onnx")
    before = (tmp_path / "MODEL_CARD.md").read_bytes()
    monkeypatch.setattr(files, "write_file", refuse)
    monkeypatch.setattr(model_card, "write", lambda *given: "another")
    monkeypatch.setattr(files, "write_file", lambda path, content: refuse(path, content))
    with pytest.raises(
        BadInput, match=rf"^export {tmp_path}/model\.onnx: No space left on device; choose another place$"
    ):
        answer("--export", tmp_path / "model.onnx")
    assert (tmp_path / "MODEL_CARD.md").read_bytes() == before


def test_a_card_that_somebody_writes_meanwhile_is_kept(answer, tmp_path, monkeypatch):  # noqa: F811
    card = tmp_path / "MODEL_CARD.md"
    monkeypatch.setattr(export, "as_onnx", lambda reader: card.write_text("My own words.").to_bytes())
    with pytest.raises(BadInput, match="lies beside it, which this did not write"):
        answer("--export", tmp_path / "model.onnx")
    assert card.read_text() == "My own words." and list(tmp_path.iterdir()) == [card]


def test_an_onnx_file_of_somebody_elses_is_kept(answer, quick, tmp_path):  # noqa: F811
    path = tmp_path / "model.onnx"
    path.write_text("another's")
    rule = "a file of that name is there, and no model card beside it says that this wrote it; move it away, or choose"
    with pytest.raises(BadInput, match=rule):
        answer("--export", path)
    assert path.read_text() == "another's" and list(tmp_path.iterdir()) == [path]
    path.unlink()
    answer("--export", path)
    path.write_text("changed")
    with pytest.raises(BadInput, match=rule):
        answer("--export", path)
    assert path.read_text() == "changed"


def test_a_card_stays_beside_the_network_that_it_is_about(answer, quick, tmp_path, monkeypatch):  # noqa: F811
    answer("--export", tmp_path / "one.onnx")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(export, "as_onnx", lambda reader: b"another")
    with pytest.raises(BadInput, match=r"MODEL_CARD\.md is that of .*one\.onnx; choose another folder"):
        answer("--export", tmp_path / "two.onnx")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "one.onnx").unlink()
    answer("--export", tmp_path / "two.onnx")
    answer("--export", tmp_path / "two.onnx")
    card = (tmp_path / "MODEL_CARD.md").read_bytes()
    assert (
        model_card.network_of(card) == model_card.network_of(card.replace(b"\n", b"\r\n")) == files.digest(b"another")
    )
    assert model_card.network_of(card + b"more") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MODEL_CARD.md", "two.onnx"]


def test_a_name_that_no_file_can_have_is_told_in_one_line(answer, quick, tmp_path):  # noqa: F811
    path = tmp_path / f"{'m' * 251}.onnx"
    with pytest.raises(BadInput, match=r"^export .*m\.onnx: File name too long; choose another place$"):
        answer("--export", path)
    assert not list(tmp_path.iterdir())


def test_the_card_and_a_table_of_its_name_exclude_each_other(answer, quick, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"no image")
    with pytest.raises(BadInput, match="named twice"):
        answer("photo.png", "--csv", "MODEL_CARD.md", "--export", "model.onnx")
    assert not list(tmp_path.glob("*.md"))


def test_of_a_class_that_no_answer_names_no_precision_is_told():
    of_class = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 3}
    other = {"precision": 0.625, "recall": 1.0, "f1": 10 / 13, "support": 5}
    test = {"per_class": {"0": of_class, "1": other}, "confusion_matrix": [[0, 3], [0, 5]]}
    rows = tables_of("---\n---\n" + "\n\n".join(model_card.by_class(["a", "b"], test)))["class"]
    assert [row[1] for row in rows] == ["no answer", "0.6250"]


def test_a_share_is_known_to_within_the_furthest_end_of_an_interval():
    ends = [abs(end - hits / 20) for hits in range(21) for end in evaluation.wilson(hits, 20)]
    assert model_card.furthest_end(20) == pytest.approx(max(ends))
    low, high = evaluation.wilson(10, 20)
    assert max(ends) > (high - low) / 2  # the interval of a half is the widest, and not the one that reaches furthest
