"""The project's lists agree with each other, and README's commands are those that work."""

import importlib.metadata
import re
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
from helpers import recipes

BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()
LOCK = (ROOT / "requirements.txt").read_text()


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
    for command in (["check"], ["format", "--check"]):
        result = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


def test_readmes_commands_exist():
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    targets = re.findall(r"^make (\w+)", blocks, re.MULTILINE) + re.findall(r"`make (\w+)`", README)
    makefile = (ROOT / "Makefile").read_text()
    assert {"reports", "test", "lab"} <= set(targets)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    lines = re.findall(r"^python run_all\.py ?(.*)$", blocks, re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        run_all.parse(line.split())
    lines = re.findall(r"^python predict\.py ?(.*)$", blocks, re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        options = predict.make_parser().parse_args(line.split())
        assert options.files or options.export
    assert "python run_all.py --epochs 10" in blocks and ".venv/bin/python run_all.py --epochs 10" in makefile


def test_readme_names_every_flag_module_notebook_and_nothing_else():
    part = README.split("## The command line")[1].split("## A run's folder")[0]
    documented = set(re.findall(r"--[a-z][a-z-]+", part))
    known = {
        flag for action in run_all.make_parser()._actions for flag in action.option_strings if flag.startswith("--")
    }
    assert documented == known - {"--help"}
    for flag in predict.make_parser()._option_string_actions:
        part = README.split("## Photographs")[1].split("\n## The notebooks")[0]
        assert flag in ("-h", "--help", "--debug") or flag in part, flag
    for package in ("helpers", "pipeline"):
        for path in (ROOT / package).glob("*.py"):
            assert path.name == "__init__.py" or re.search(rf"^    {path.name}\b", README, re.MULTILINE), path
    for path in [*(ROOT / "notebooks").glob("*.ipynb")]:
        assert f"(notebooks/{path.name})" in README
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


def test_contributing_names_files_and_targets_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"\b(?:tests|helpers|pipeline)/[\w/.]+\.\w+", text):
        assert (ROOT / path).is_file(), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([\w-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_readme_names_the_datasets_makers():
    for words in ("Yann LeCun", "Corinna Cortes", "Christopher", "CC BY-SA 3.0", "MIT"):
        assert words in README


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_does_what_readme_says():
    plan = {
        target: subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True).stdout
        for target in ("reports", "test", "lab")
    }
    assert "run_all.py --epochs 10" in plan["reports"]
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
