"""Where a reading comes from: the commit, which the code must not differ from, the versions, the machine, the time."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers import errors, files, scores
from pipeline import machine


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
