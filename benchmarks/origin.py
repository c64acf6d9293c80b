"""Where a reading comes from: the commit, which the code must not differ from, the versions, the machine, the time."""

import json
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from helpers import errors, files, scores
from pipeline import machine

BEGIN = "<!-- results, written by benchmarks/accuracy.py --readme -->"
END = "<!-- end of results -->"


def facts() -> dict[str, Any]:
    """Return {"commit", "versions", "machine"} of the readings to come; BadInput as clean_commit."""
    return machine.provenance() | {"commit": clean_commit()}


def clean_commit() -> str:
    """Return the commit that the code is of; BadInput where there is none, or the code differs from it.

    What the benchmarks write themselves may differ: their results, and README's table.
    """
    commit = machine.commit()
    if commit is None:
        rule = "a reading names the commit that it was taken from, and there is none"
        raise errors.BadInput(rule, way_out="take it in a git repository of the project")
    changed = [name for name in machine.changed_files() if not is_of_benchmarks(name)]
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        rule = f"a reading is taken from a commit, and {changed[0]}{others} is not as in it"
        raise errors.BadInput(rule, way_out="commit first")
    return commit.removesuffix("-dirty")


def is_of_benchmarks(name: str) -> bool:
    """Return whether what was changed in the file `name` is what benchmarks write."""
    if name == "README.md":
        return is_changed_in_its_table_alone()
    return fnmatch(name, "benchmarks/results/*.json")


def is_changed_in_its_table_alone() -> bool:
    """Return whether README is that of the commit, up to what stands between the marks."""
    try:
        committed = machine.git("show", "HEAD:README.md")
        present = (machine.PROJECT / "README.md").read_text(encoding="utf-8")
        return around_table(committed) == around_table(present)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return False


def around_table(text: str) -> tuple[str, str]:
    """Return what stands before the table in README's text, and what after it; ValueError without its marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before, after


def read_results(path: Path, empty: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a results file, `empty` where there is none; BadInput where it is not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except (OSError, ValueError):
        rule = f"{path.name} is not a whole JSON file, and would be lost"
        raise errors.BadInput(rule, way_out="take the file of the last commit") from None


def keep(path: Path, row: dict[str, Any]) -> None:
    """Add a row, sealed, to those of the results file `path`."""
    results = read_results(path, {"rows": []})
    results["rows"].append(scores.seal(row))
    files.write_json(path, results)


def call(main: Callable[[], None]) -> None:
    """Call `main`; an error that a person can fix is one line, and ends the process."""
    try:
        main()
    except errors.ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
