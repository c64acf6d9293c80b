"""Where a reading comes from: the commit, which the code must not differ from, the versions, the machine, the time."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from helpers import errors, files, scores
from pipeline import machine

BENCHMARKS = Path(__file__).resolve().parent
PRODUCT = ("helpers/", "pipeline/", "notebooks/", "run_all.py", "predict.py", "requirements.txt")


def facts() -> dict[str, Any]:
    """Return {"commit", "versions", "machine"} of the readings to come; BadInput as clean_commit."""
    return machine.provenance() | {"commit": clean_commit()}


def clean_commit() -> str:
    """Return the commit that the code is of; BadInput where there is none, or the code differs from it.

    It is the last one that changed more than words, docs/ and results; these may differ from it: machine.ASIDE.
    """
    commit = machine.commit()
    if commit is None:
        rule = "a reading names the commit that it was taken from, and there is none"
        raise errors.BadInput(rule, way_out="take it in a git repository of the project")
    changed = machine.changed_files()
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        rule = f"a reading is taken from a commit, and {changed[0]}{others} is not as in it"
        raise errors.BadInput(rule, way_out="commit first")
    return commit


def code_of(commit: str | None, others: Iterable[Path]) -> dict[str, str]:
    """Return {path: git's digest of it} of the product in `commit`, and of `others`, files of the project.

    Empty where git knows no such commit.
    """
    beside = {path.relative_to(files.PROJECT).as_posix() for path in others}
    of_commit = tree_of(commit) if commit else {}
    return {path: digest for path, digest in of_commit.items() if path in beside or path.startswith(PRODUCT)}


@cache
def tree_of(commit: str) -> dict[str, str]:
    """Return {path: git's digest of its content} of the files in a commit; empty where git knows none of that name."""
    try:
        lines = machine.git("ls-tree", "-r", "-z", "--end-of-options", commit).split("\0")
    except (OSError, subprocess.CalledProcessError):
        return {}
    entries = [line.split("\t", 1) for line in lines if line]
    return {path: entry.split()[2] for entry, path in entries}


def modules_of(scripts: Iterable[Path]) -> set[Path]:
    """Return some benchmarks, those that they import or name in a text of code, those that these do, and so on."""
    found: set[Path] = set()
    left = list(scripts)
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += [other for name in names_in(path) if (other := BENCHMARKS / f"{name}.py").exists()]
    return found


@cache
def names_in(path: Path) -> tuple[str, ...]:
    """Return the modules that a file of Python imports, and the names of the files of Python that it has as a text."""
    return tuple(each_name(ast.parse(path.read_text(encoding="utf-8"))))


def each_name(code: ast.Module) -> Iterator[str]:
    """Yield what `names_in` returns, of code that is parsed."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py"):
            yield Path(node.value).stem


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


def set_aside(results: dict[str, Any], part: str, commit: str | None) -> dict[str, Any]:
    """Return the content of a file of named parts in which `part`, where it is of another commit, is in "earlier".

    A part that notes no commit is of that of the file.
    """
    known = results.get(part)
    of_file = {name: results[name] for name in ("commit", "versions", "machine") if name in results}
    if known is None or (of_file | known).get("commit") == commit:
        return results
    return results | {"earlier": [*results.get("earlier", []), {"part": part} | of_file | known]}


def call(main: Callable[[], None]) -> None:
    """Call `main`; an error that a person can fix is one line, and ends the process."""
    try:
        main()
    except errors.ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
