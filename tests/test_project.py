"""The project's lists agree with each other, links lead somewhere, and documented commands are those that work."""

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.version import Version

import predict
import run_all
from helpers import data, recipes
from pipeline import stages

BIN = Path(sys.executable).parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.txt").read_text()
PAGES = sorted(path for place in ("*.md", "docs/*.md", "data/*.md", "outputs/*.md") for path in ROOT.glob(place))
BLOCK = re.compile(
    r"<!-- (?P<name>[\w-]+): written by benchmarks/written\.py -->.*?<!-- end of (?P=name) -->", re.DOTALL
)
MEASURED = re.compile(
    r"\d ?%|\bper ?cent\b|\d ?(?:s|ms|sec|seconds?|min|minutes?|hours?)\b|\d times\b|\btimes (?:as|faster)\b"
)


def pins(text):
    """Return {package: (version, marker)} of the lines `package==version ; marker` in a text."""
    found = re.findall(r"^([a-z0-9.-]+)==([^\s\\;]+)(?: ; ([^\\\n]*[^\s\\]))?", text, re.MULTILINE)
    return {name: (version, marker) for name, version, marker in found}


def test_conda_gets_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    listed = environment["dependencies"][-1]["pip"]
    assert "-e ." in listed
    assert pins("\n".join(listed)) == pins(LOCK) and len(pins(LOCK)) > 100


def test_every_direct_dependency_is_locked_with_hashes_and_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    own = f"{project['name']}[onnx,heic,grid]"  # so that the locked list holds them, and the tests try them
    assert set(extras) == {"onnx", "heic", "grid", "dev"} and own in extras["dev"]
    wanted = project["dependencies"] + extras["onnx"] + extras["heic"] + extras["grid"] + extras["dev"]
    wanted.remove(own)
    for requirement in wanted:
        name, minimum = re.match(r"([\w-]+)(?:>=([\d.]+))?", requirement).groups()
        version = pins(LOCK)[name][0]
        assert minimum is None or [int(part) for part in version.split(".")[:3]] >= [
            int(part) for part in minimum.split(".")
        ]
    text = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf'"{re.escape(requirement)}",\s+# \S+', text) for requirement in wanted)
    assert LOCK.count("--hash=sha256:") >= len(pins(LOCK)) and "://" not in LOCK and "--index" not in LOCK


def test_locked_versions_are_past_the_known_advisories():
    safe = {"nbconvert": "7.17.1", "torch": "2.10"}  # CVE-2026-39377, -39378; CVE-2025-32434, CVE-2026-24747
    for name, minimum in safe.items():
        assert Version(pins(LOCK)[name][0]) >= Version(minimum)


def test_the_tests_run_on_the_locked_versions():
    for name in ("torch", "torchvision", "papermill", "nbconvert", "scikit-learn"):
        assert importlib.metadata.version(name).split("+")[0] == pins(LOCK)[name][0]


def test_modules_and_notebooks_are_clean():
    parts = ["helpers", "pipeline", "benchmarks", "tests", "notebooks", "run_all.py", "predict.py"]
    for command in (["check"], ["format", "--check"]):
        line = [sys.executable, "-m", "ruff", *command, *parts]
        result = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["photographs", "pictures", "torch"])
def test_a_folder_of_ones_own_changes_no_order_of_imports(tmp_path, name):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f"import {name}\n\nfrom helpers import files\n")
    line = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "I", "tests"]
    result = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def page(name):
    """Return the text of a page of docs/."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def commands_in(text):
    """Return the lines of the shell in a page."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_documented_commands_exist(path):
    text = path.read_text(encoding="utf-8")
    blocks = commands_in(text).replace("//host:", "//127.0.0.1:")
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([\w-]+)", blocks, re.MULTILINE) + re.findall(r"`make\s([\w-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for line in re.findall(r"^python run_all\.py ?(.*)$", blocks, re.MULTILINE):
        run_all.parse(shlex.split(line, comments=True))
    for line in re.findall(r"^python predict\.py ?(.*)$", blocks, re.MULTILINE):
        options = predict.make_parser().parse_args(shlex.split(line, comments=True))
        assert options.files or options.export
    for script in re.findall(r"^python (\S+\.py)", blocks, re.MULTILINE):
        assert (ROOT / script).is_file(), script


def test_readmes_commands_are_those_of_the_makefile():
    blocks = commands_in(README)
    assert re.findall(r"^make (\w+)", blocks, re.MULTILINE)[:2] == ["reports", "test"] and "`make lab`" in README
    assert "\npython run_all.py --epochs 10\n" in commands_in(page("set-up"))


def test_every_flag_is_documented_and_nothing_else():
    for parser, name in ((run_all.make_parser(), "command-line"), (predict.make_parser(), "photographs")):
        known = {flag for flag in parser._option_string_actions if flag.startswith("--")} - {"--help"}
        documented = set(re.findall(r"`(--[a-z][a-z-]+)", page(name)))
        assert documented == known


def test_every_notebook_dataset_and_own_recipe_is_documented():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(../notebooks/{path.name})" in page("notebooks")
    for name in ("auto", *data.SOURCES):
        assert f"`{name}`" in page("datasets") and f"`{name}`" in page("command-line")
    for name in recipes.RECIPES:
        assert name.endswith(("-published", "-tuned")) or f"`{name}`" in page("recipes")


def tree():
    """Return the files that docs/structure.md names, relative to the project."""
    (block,) = re.findall(r"```\n(.*?)```", page("structure"), re.DOTALL)
    named, folders = set(), []
    for line in block.splitlines():
        name = line.split()[0]
        del folders[(len(line) - len(line.lstrip())) // 4 :]
        if name.endswith("/"):
            folders.append(name)
        named.add("".join(folders) + ("" if name.endswith("/") else name))
    return named


def test_the_tree_names_every_module_and_no_other():
    modules = {
        str(path.relative_to(ROOT).as_posix())
        for package in ("helpers", "pipeline", "benchmarks")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {name for name in tree() if "/" in name and name.endswith(".py")} == modules
    assert all((ROOT / name).exists() for name in tree())


def anchors(text):
    """Return what a link may name behind `#` in a page: its headings, as GitHub writes them."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```|`[^`]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_stands_in_the_list():
    for path in DOCS.glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in page("README"), path.name
    assert "(docs/README.md)" in README


def test_readme_is_short_and_holds_no_measured_figure_outside_blocks():
    assert len(README.splitlines()) <= 150
    assert [block["name"] for block in BLOCK.finditer(README)] == ["run", "results", "speed", "reading"]
    outside = BLOCK.sub("", README)
    assert "written by" not in outside and MEASURED.findall(outside) == []


@pytest.mark.parametrize(
    "text",
    ["reads 98.5% of", "41 s of training", "5.1 times", "in 630 seconds", "twenty per cent", "three times as fast"],
)
def test_a_measured_figure_is_found(text):
    assert MEASURED.search(text)


def test_contributing_names_files_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"\b(?:tests|helpers|pipeline)/[\w/.]+\.\w+", text):
        assert (ROOT / path).is_file(), path


def test_the_datasets_makers_are_named():
    for words in ("Yann LeCun", "Corinna Cortes", "Christopher", "CC BY-SA 3.0", "MIT"):
        assert words in page("datasets")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_does_what_readme_says():
    plan = {
        target: subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True).stdout
        for target in ("reports", "test", "lab")
    }
    assert ".venv/bin/python run_all.py --epochs 10 \n" in plan["reports"]
    other = subprocess.run(
        ["make", "-n", "reports", "ARGS=--seed 1 --epochs 3"], cwd=ROOT, capture_output=True, text=True
    )
    assert ".venv/bin/python run_all.py  --seed 1 --epochs 3\n" in other.stdout  # a flag is given once
    assert "-m pytest -n auto" in plan["test"]
    assert "jupyter lab" in plan["lab"]


def test_every_recipe_passes_its_own_check():
    for name, recipe in recipes.RECIPES.items():
        assert recipes.choose(name) == recipe and recipe.name == name and recipe.summary


def test_imports_go_one_way():
    result = subprocess.run([BIN / "lint-imports"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_every_function_has_types_and_they_agree():
    result = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_lint_checks_style_imports_and_types():
    plan = subprocess.run(["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True).stdout
    assert all(command in plan for command in ("ruff check", "ruff format --check", "lint-imports", "mypy"))


def test_the_citation_is_of_this_version_and_these_authors():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["title"], citation["version"], citation["license"]) == (
        "literate-mnist",
        project["version"],
        "MIT",
    )
    (author,) = citation["authors"]
    assert f"(c) 2026 {author['name']}\n" in (ROOT / "LICENSE").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {citation['version']} - {citation['date-released']}\n" in changelog


def test_the_workflow_runs_what_make_runs_and_may_only_read():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    lines = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    makefile = (ROOT / "Makefile").read_text()
    assert lines["lint"] == ["make setup LEAN=1", "make lint"]
    (test,) = re.findall(
        r"\t\.venv/bin/(python -m pytest .+) \$\(ARGS\)", makefile.split("\ntest:")[1].split("\n\n")[0]
    )
    assert lines["tests"][-1] == test
    matrix = jobs["tests"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert all(job["timeout-minutes"] <= 120 for job in jobs.values())


def test_the_stage_in_contributing_is_one():
    (line,) = re.findall(r"^Stage\(.*\)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    made = eval(line, vars(stages).copy())
    assert made.source.name == "09_errors.ipynb" and set(made.needs) <= set(stages.STAGES)


def test_the_recipe_in_contributing_is_one(monkeypatch):
    (line,) = re.findall(r"^Recipe\(.*\)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    made = eval(line, vars(recipes).copy())
    monkeypatch.setitem(recipes.RECIPES, made.name, made)
    assert recipes.choose("brief") == made and made.epochs == 2
