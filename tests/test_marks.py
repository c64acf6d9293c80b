"""What `make check` runs: the tests that start no program and take no longer than a moment."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, SLOW, refuse_python, starts_a_program


def starts():
    """Start a program."""
    return subprocess.run([sys.executable, "--version"])


def starts_inside():
    """Start a program in a function inside."""

    def inside():
        return subprocess.run([sys.executable, "--version"])

    return inside()


def starts_by_another():
    """Start a program by another function of this file."""
    return starts()


def goes_round():
    """Call itself, and nothing that starts a program."""
    return goes_round()


@pytest.mark.parametrize("function", [starts, starts_inside, starts_by_another])
def test_what_starts_a_program_is_found(function):
    assert starts_a_program([goes_round, function])


def test_what_starts_none_is_a_unit_test():
    assert not starts_a_program([goes_round, re.sub, str])


@pytest.mark.parametrize("fixture", ["project", "ran", "finished", "sealed", "browser"])
def test_what_a_fixture_makes_counts(request, fixture):
    """Read the fixtures of conftest.py by the names that a test would take them by, and make none of them."""
    definitions = request.session._fixturemanager.getfixturedefs(fixture, request.node)
    assert starts_a_program([definitions[-1].func])


def test_this_test_is_a_unit_test(request):
    assert request.node.get_closest_marker("whole") is None


def test_a_unit_test_that_starts_python_all_the_same_fails():
    with pytest.raises(AssertionError, match="needs the marker `whole`"):
        refuse_python("subprocess.Popen", (None, ["/somewhere/python3.11", "-c", ""], None, None))
    refuse_python("subprocess.Popen", ("/usr/bin/git", ["git", "status"], None, None))
    refuse_python("open", ("python", "r", 0))


def test_every_slow_test_is_there():
    for name in SLOW:
        module, test = name.split("::")
        assert f"\ndef {test}(" in (ROOT / "tests" / f"{module}.py").read_text(), name


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_check_is_lint_and_the_unit_tests():
    plan = subprocess.run(["make", "--dry-run", "check"], cwd=ROOT, capture_output=True, text=True).stdout
    assert all(command in plan for command in ("ruff check", "ruff format --check", "lint-imports", "mypy"))
    assert '-m "not whole and not slow"' in plan
