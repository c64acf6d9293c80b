"""run.json, model.json and metrics.json: their schemas, their types, and what becomes of each version of them."""

import copy
import json
import shutil
import subprocess
import sys

import jsonschema
import pytest
from conftest import METRICS, ROOT, offline

from helpers import checkpoints, files, reading, run_files, runs, schemas, training
from helpers.errors import BadInput
from pipeline import index

NONSENSE = [True, "2", -1, 0, 1.5, 2.0, None, [2]]
NEWEST = {"run": runs.VERSION, "model": run_files.MODEL_VERSION, "metrics": run_files.METRICS_VERSION}
KINDS = {"model": run_files.Model, "metrics": run_files.Metrics}


@pytest.fixture(scope="module")
def held(finished):
    """What the three files of a finished run hold, {name: content}. No test may change it."""
    return {name: files.read_json(finished[1] / f"{name}.json") for name in NEWEST}


@pytest.fixture
def outputs(trained, tmp_path):
    """A folder of runs in which one, `hand`, is trained; it may be changed."""
    return shutil.copytree(trained, tmp_path / "outputs")


def change(path, **fields):
    """Change fields of a JSON file; those that are ... are left out of it."""
    content = files.read_json(path) | fields
    files.write_json(path, {name: value for name, value in content.items() if value is not ...})


def sign(folder):
    """Let the manifest of a run vouch for what its files hold now."""
    manifest = runs.load_manifest(folder)
    for record in manifest.stages.values():
        record.outputs |= {name: files.file_digest(folder / name) for name in record.outputs}
    runs.save_manifest(folder, manifest)


def leaves(content, path=()):
    """Yield the path, a tuple of keys, of every value in a piece of JSON that is no object."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def without(content, path):
    """Return a copy of a piece of JSON without the value at a path."""
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return content


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "ä" * 125 + ".csv", "b.csv"])
def test_a_file_of_any_name_that_the_system_takes_is_written(tmp_path, name):
    files.write_file(tmp_path / name, "whole")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "whole"}


def test_the_schemas_in_docs_are_those_of_the_types():
    committed = {path.name: path.read_bytes() for path in (ROOT / "docs" / "schemas").glob("*.json")}
    assert committed == schemas.contents(), "`make schemas` writes them anew"


def test_the_page_on_schemas_names_the_versions():
    page = (ROOT / "docs" / "schemas" / "README.md").read_text()
    for name, version in NEWEST.items():
        assert f"| `{name}.json` | [{name}.schema.json]({name}.schema.json) | {version} |" in page


def test_the_command_writes_them(tmp_path):
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "helpers.schemas"]
    ended = subprocess.run(command, cwd=tmp_path, env=offline(tmp_path) | {"PYTHONPATH": ""}, capture_output=True)
    assert ended.returncode == 0 and ended.stdout.decode().split() == [
        f"docs/schemas/{name}.schema.json" for name in ("run", "metrics", "model")
    ], ended.stderr
    for name, content in schemas.contents().items():
        assert (tmp_path / "docs" / "schemas" / name).read_bytes() == content


@pytest.mark.parametrize("name", NEWEST)
def test_the_files_of_a_finished_run_are_as_their_schemas_say(held, name):
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    check.validate(held[name])
    assert held[name]["version"] == NEWEST[name]
    for version in (*NONSENSE, NEWEST[name] + 1):
        if version != NEWEST[name]:  # to JSON Schema 2.0 is 2
            assert not check.is_valid(held[name] | {"version": version}), version
    for field in held[name]:
        assert not check.is_valid(without(held[name], [field])), field
        assert not check.is_valid(held[name] | {field: [[None]]}), field


def test_every_figure_of_metrics_has_its_place_in_the_schema(held):
    check = jsonschema.Draft202012Validator(schemas.schema_of("metrics"))
    free = {("validation", "calibration"), ("test", "calibration")}  # a part of the training images has none
    for path in leaves(held["metrics"]):
        is_listed = path[2:3] == ("per_class",) and len(path) < 4
        assert is_listed or path[1:2] == ("baselines",) or not check.is_valid(without(held["metrics"], path)), path
    for part, field in free:
        assert check.is_valid(without(held["metrics"], (part, field)))
    assert not check.is_valid(held["metrics"] | {"test": held["metrics"]["test"] | {"accuracy": 97.5}})


@pytest.mark.parametrize("name", KINDS)
def test_every_field_is_described(name):
    schema = schemas.schema_of(name)
    parts = {"": schema} | {part: of for part, of in schema["$defs"].items() if part != "Recipe"}
    for part, of in parts.items():
        for field, says in of["properties"].items():
            described = says.get("description") or schema["$defs"][says["$ref"].split("/")[-1]]["description"]
            assert described, (part, field)


def test_a_model_that_started_from_another_is_as_its_schema_says(trained):
    described = files.read_json(trained / "hand" / "model.json")
    check = jsonschema.Draft202012Validator(schemas.schema_of("model"))
    check.validate(described)
    check.validate(described | {"start": {name: described[name] for name in training.STARTED}})
    assert not check.is_valid(described | {"start": {"dataset": "mnist"}})


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_any_version_up_to_the_newest_is_read(held, name):
    kind = KINDS[name]
    for version in range(1, kind.newest + 1):
        content = held[name] | {"version": version}
        assert run_files.parse(kind, files.as_json(content), "it") == content
    before = without(held[name], ["version"])
    assert run_files.parse(kind, files.as_json(before), "it") == before


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_a_later_version_is_refused_and_nonsense_is_none(held, name):
    kind = KINDS[name]
    later = held[name] | {"version": kind.newest + 1}
    rule = f"run it: its {name}.json is of version {kind.newest + 1}, and this code knows {kind.newest}; use newer code"
    with pytest.raises(BadInput, match=rule):
        run_files.parse(kind, files.as_json(later), "it")
    for version in NONSENSE:
        with pytest.raises(ValueError, match=r"^version: .* is no whole number above 0$"):
            run_files.parse(kind, files.as_json(held[name] | {"version": version}), "it")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b'"text"', b"null", b'{"seed": NaN}', b"[" * 100_000])
def test_what_is_no_object_is_no_file_of_a_run(content):
    for kind in KINDS.values():
        with pytest.raises(ValueError):
            run_files.parse(kind, content, "it")


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("model", {"temperature": 0}, "temperature: Input should be greater than or equal to 0.1"),
        ("model", {"temperature": 11}, "temperature: Input should be less than or equal to 10"),
        ("model", {"threshold": -1.5}, "threshold: Input should be greater than or equal to -1"),
        ("model", {"threshold": 1.1}, "threshold: Input should be less than or equal to 1.0001"),
        ("model", {"floor": 2}, "floor: Input should be less than or equal to 1"),
        (
            "metrics",
            {"test": {"calibration": {"temperature": 99}}},
            "test.calibration.temperature: Input should be less",
        ),
        ("model", {"class_names": "0123456789"}, "class_names: Input should be a valid array"),
        ("model", {"seed": True}, "seed: Input should be a valid integer"),
        ("model", {"recipe": ["fast"]}, "recipe: Input should be an object"),
        ("model", {"recipe": {"network": 5}}, "recipe.network: Input should be a valid string"),
        ("model", {"weights_sha256": "0"}, "weights_sha256: String should match pattern"),
        ("model", {"images": {"size": 28.5}}, "images.size: Input should be a valid integer"),
        ("metrics", {"test": {"accuracy": "0.9"}}, "test.accuracy: Input should be a valid number"),
        ("metrics", {"test": {"accuracy": 97.5}}, "test.accuracy: Input should be less than or equal to 1"),
        ("metrics", {"test": {"accuracy_ci95": [0.1]}}, "test.accuracy_ci95.1: Field required"),
        ("metrics", {"test": {"confusion_matrix": [[1, -1]]}}, "test.confusion_matrix.0.1: Input should be greater"),
    ],
)
def test_a_field_of_another_type_or_range_is_named(held, name, fields, told):
    with pytest.raises(ValueError) as caught:
        run_files.parse(KINDS[name], files.as_json(held[name] | fields), "it")
    assert str(caught.value).startswith(told)


def test_fields_that_are_missing_or_new_are_left_to_whoever_reads():
    for kind in KINDS.values():
        for content in ({}, {"version": 1}, {"version": kind.newest, "mine": 5}, {"test": {"mine": None}}):
            assert run_files.parse(kind, files.as_json(content), "it") == content
    assert run_files.parse(run_files.Metrics, METRICS.encode(), "it")["test"]["accuracy"] == 0.5


def test_a_model_of_before_is_loaded_and_nonsense_is_not(outputs):
    path = outputs / "hand" / "model.json"
    for version in (..., 1, 2, 3, 4):
        change(path, version=version)
        assert checkpoints.load_model(outputs / "hand") is not None
        assert reading.load("hand", outputs=outputs).class_names == tuple("0123456789")
    for version in NONSENSE:
        change(path, version=version)
        assert checkpoints.load_model(outputs / "hand") is None  # so that a training makes it anew
        with pytest.raises(BadInput) as caught:
            reading.load("hand", outputs=outputs)
        line = str(caught.value)
        assert line.startswith("run hand: its model.json is not what a training writes (version: ")
        assert line.endswith("; python run_all.py --run hand --only training --force") and "\n" not in line


def test_a_model_of_a_later_version_is_refused(outputs):
    change(outputs / "hand" / "model.json", version=6)
    for look in (lambda: checkpoints.load_model(outputs / "hand"), lambda: reading.load("hand", outputs=outputs)):
        with pytest.raises(BadInput, match=r"^run hand: its model\.json is of version 6, and this code knows 5; use"):
            look()


@pytest.mark.parametrize("version", NONSENSE)
def test_a_manifest_whose_version_is_none_is_not_believed(tmp_path, version):
    dataset = runs.DatasetRecord(name="digits", title="digits", fingerprint="f")
    runs.save_manifest(tmp_path, runs.Manifest(run="it", parameters={}, dataset=dataset))
    assert runs.load_manifest(tmp_path) is not None
    content = without(files.read_json(tmp_path / "run.json"), ["digest"]) | {"version": version}
    files.write_json(tmp_path / "run.json", content)
    assert runs.load_manifest(tmp_path) is None  # true and 1.0 are no 1, which has no digest
    files.write_json(tmp_path / "run.json", content | {"digest": files.digest(content)})
    assert runs.load_manifest(tmp_path) is None and runs.is_damaged(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project of stand-in notebooks with the run `it`, of two stages. No test may change it."""
    from conftest import Project

    project = Project(tmp_path_factory.mktemp("made"))
    code, out, error = project.run("--run", "it", "--only", "training", "results")
    assert code == 0, out + error
    return project


@pytest.fixture
def copied(made, tmp_path):
    """A copy of that project, which may be changed."""
    return made.copy_to(tmp_path / "copy")


AGAIN = ("--run", "it", "--only", "training", "results")


def test_files_without_a_version_are_up_to_date_and_shown(copied):
    assert "version" not in files.read_json(copied.outputs / "it" / "metrics.json")
    code, out, error = copied.run(*AGAIN)
    assert code == 0 and out.count("up to date") == 2 and "test accuracy 50.00%" in out, out + error
    assert index.row_of(copied.outputs / "it")["accuracy"].startswith("50.00%")


@pytest.mark.parametrize("name", NEWEST)
def test_a_command_refuses_a_later_version_in_one_line_and_changes_nothing(copied, name):
    folder = copied.outputs / "it"
    change(folder / f"{name}.json", version=NEWEST[name] + 1)
    if name != "run":
        sign(folder)  # as newer code would have left it
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    line = f"its {name}.json is of version {NEWEST[name] + 1}, and this code knows {NEWEST[name]}"
    for more in ((), ("--dry-run",), ("--force",)):
        code, _, error = copied.run(*AGAIN, *more)
        assert (code, error) == (2, f"error: --run it: {line}; use newer code, or another name\n"), error
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert index.row_of(folder)["state"] == f"failed: {line}"


@pytest.mark.parametrize(
    ("name", "version"), [("run", 1.5), ("model", 1.5), ("model", 99), ("metrics", 1.5), ("metrics", 99)]
)
def test_a_command_says_why_a_stage_runs_again_where_a_version_was_edited(copied, name, version):
    change(copied.outputs / "it" / f"{name}.json", version=version)
    code, out, error = copied.run(*AGAIN)
    said = {
        "run": "note: the run.json of this run is not as it was written",
        "model": "training: changed or lost since: model.json",
        "metrics": "results: changed or lost since: metrics.json",
    }
    assert code == 0 and said[name] in out, out + error
    assert copied.run(*AGAIN)[1].count("up to date") == 2
