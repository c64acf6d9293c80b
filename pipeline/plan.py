"""Which stages are up to date, and why the others are not."""

from __future__ import annotations

import ast
import functools
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path
from typing import Any, TypeVar

from helpers import files, runs
from helpers.errors import BadInput
from helpers.runs import Manifest

from .request import Request
from .stages import STAGES, Stage

HELPERS = files.PROJECT / "helpers"
SUFFIXES = (".py", ".js", ".html", ".css")  # of what a helper consists of
TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "str": str, "bool": bool}
LATELY = 2_000_000_000  # ns; two changes of a file that are further apart have two times on every file system

Value = TypeVar("Value")


def kept(files_read: Callable[[Stage], list[str]]) -> Callable[[Callable[[Stage], Value]], Callable[[Stage], Value]]:
    """Return a decorator for a function of a stage: it is asked once for each state of the files that it reads.

    What it returns must not be changed. A grid asks the same for thousands of points, a runner again after each stage.
    """

    def decorate(function: Callable[[Stage], Value]) -> Callable[[Stage], Value]:
        @functools.lru_cache(maxsize=64)
        def remember(stage: Stage, state: tuple[Any, ...]) -> Value:
            return function(stage)

        @functools.wraps(function)
        def ask(stage: Stage) -> Value:
            state = state_of(files_read(stage))
            return function(stage) if state is None else remember(stage, state)

        return ask

    return decorate


def state_of(paths: Iterable[str]) -> tuple[Any, ...] | None:
    """Return what tells whether files are still those of before: path, identity, size and times of each.

    None where one is not there, or was changed so lately that it may change again and have the same times.
    """
    states = []
    lately = time.time_ns() - LATELY
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            return None
        if max(found.st_mtime_ns, found.st_ctime_ns) > lately:
            return None
        states.append((path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    return tuple(states)


def notebook_alone(stage: Stage) -> list[str]:
    """Return the file of a stage's notebook, as the only one."""
    return [str(stage.source)]


def notebook_and_helpers(stage: Stage) -> list[str]:
    """Return the files of a stage's notebook and of all helpers."""
    paths = [str(stage.source)]
    for folder, subfolders, names in os.walk(HELPERS):
        subfolders[:] = [name for name in subfolders if folder == str(HELPERS) and name != "__pycache__"]
        paths += [os.path.join(folder, name) for name in names if name.endswith(SUFFIXES)]
    return sorted(paths)


@dataclass(frozen=True)
class Decision:
    """Whether a stage has to run: why, in a few words, or "" where its last success had the same inputs."""

    stage: Stage
    inputs: dict[str, dict[str, Any]]  # {part: {thing: value}}: all that decides what it makes
    reason: str

    @property
    def up_to_date(self) -> bool:
        """Whether nothing has to be done."""
        return not self.reason


def plan(request: Request) -> list[Decision]:
    """Return a Decision for every stage of a Request, as things stand; nothing is written.

    BadInput where a notebook does not declare a parameter, or a stage that is needed is not asked for and not done.
    """
    check_parameters(request)
    manifest = runs.load_manifest(request.folder)
    decisions: list[Decision] = []
    for stage in request.stages:
        check_needs(stage, request, manifest)
        runs_before = [decision.stage.name for decision in decisions if not decision.up_to_date]
        decisions.append(decide(stage, request, manifest, runs_before))
    return decisions


def decide(stage: Stage, request: Request, manifest: Manifest | None, runs_before: Collection[str] = ()) -> Decision:
    """Return whether `stage` has to run. `runs_before`: the names of stages that are about to run."""
    inputs = inputs_of(stage, request, manifest)
    reason = "forced" if request.force else reason_to_run(stage, inputs, request.folder, manifest)
    waited_for = [need for need in stage.needs if need in runs_before]
    if not reason and waited_for:
        reason = f"{', '.join(waited_for)} runs before it"
    return Decision(stage, inputs, reason)


def reason_to_run(
    stage: Stage, inputs: Mapping[str, Mapping[str, Any]], folder: Path, manifest: Manifest | None
) -> str:
    """Return why a stage has to run, in a few words, or "" when its last success had these inputs and is whole."""
    if manifest is None or stage.name not in manifest.stages:
        return "has not run yet"
    record = manifest.stages[stage.name]
    if record.state == "running":
        return "is running" if runs.is_held(folder) else "stopped last time: its runner died"
    if record.state != "done":
        return f"{record.state} last time"
    for part, things in inputs.items():
        before = record.inputs.get(part, {})
        changed = [name for name in sorted({*things, *before}) if things.get(name) != before.get(name)]
        if changed:
            return f"{part} changed: {', '.join(changed)}"
    lost = [path for path, digest in record.outputs.items() if files.file_digest(folder / path) != digest]
    if lost:
        return f"changed or lost since: {', '.join(lost)}"
    return ""


def inputs_of(stage: Stage, request: Request, manifest: Manifest | None) -> dict[str, dict[str, Any]]:
    """Return all that decides what a stage makes, as {part: {thing: value}}, to be compared with its last success.

    The run's own name is not part of it: a run that was renamed is still what it is.
    """
    needed: dict[str, Any] = {}
    for need in stage.needs:
        needed |= recorded_outputs(STAGES[need], manifest)
    if stage.trains and request.start is not None:
        needed["start_from"] = request.start
    counting = declared_parameters(stage).keys() - {"run"}
    return {
        "notebook": {stage.source.name: cells_digest(stage)},  # what it printed last time does not count
        "parameter": {name: value for name, value in request.parameters.items() if name in counting},
        "helper": helper_digests(stage),
        "dataset": {request.dataset: request.summarise().fingerprint, "stands in for MNIST": bool(request.note)},
        "input": needed,
    }


def recorded_outputs(stage: Stage, manifest: Manifest | None) -> dict[str, str | None]:
    """Return {file: its digest when the stage ended, or None} for what a stage leaves."""
    if manifest is None or stage.name not in manifest.stages:
        return dict.fromkeys(stage.outputs)
    return {name: manifest.stages[stage.name].outputs.get(name) for name in stage.outputs}


def check_needs(stage: Stage, request: Request, manifest: Manifest | None) -> None:
    """Raise BadInput where a stage needs one that is not asked for, and not done, no longer whole, or out of date.

    One that is out of date may be used where that is forced.
    """
    for need in stage.needs:
        if STAGES[need] in request.stages:
            continue
        if manifest is None or not manifest.is_done(need) or not is_whole(STAGES[need], request.folder, manifest):
            rule = f"needs {need}, which is not done or not whole in {request.run}"
            raise BadInput(rule, field="only", value=stage.name, way_out="add it")
        reason = out_of_date(STAGES[need], request, manifest)
        if reason and not request.force:
            rule = f"needs {need}, which is out of date ({reason})"
            raise BadInput(rule, field="only", value=stage.name, way_out="add it, or `force`")


def out_of_date(stage: Stage, request: Request, manifest: Manifest) -> str:
    """Return why a stage that is done would run again, in a few words, or "" where it would not."""
    return reason_to_run(stage, inputs_of(stage, request, manifest), request.folder, manifest)


def is_whole(stage: Stage, folder: Path, manifest: Manifest) -> bool:
    """Return whether everything that a stage leaves is in a run's folder as it was left."""
    for path, digest in recorded_outputs(stage, manifest).items():
        if digest is None or files.file_digest(folder / path) != digest:
            return False
    return True


def check_parameters(request: Request) -> None:
    """Raise BadInput for a parameter that no notebook declares, or whose value is of another type."""
    declared: dict[str, str] = {}
    for stage in STAGES.values():
        declared |= declared_parameters(stage)
    for name, value in request.parameters.items():
        if name not in declared:
            raise BadInput(f"parameter {name}: no notebook declares it; there are {', '.join(sorted(declared))}")
        allowed = TYPES.get(declared[name], object)
        is_wrong_boolean = isinstance(value, bool) and allowed is not bool
        if is_wrong_boolean or not isinstance(value, allowed):
            raise BadInput(f"parameter {name}: {value!r} is not of type {declared[name]}")


@kept(notebook_alone)
def declared_parameters(stage: Stage) -> dict[str, str]:
    """Return {parameter: type name} of a notebook, as papermill finds them in the cell tagged `parameters`.

    BadInput where the notebook is missing or is none.
    """
    skip_uri_checker()
    from papermill import inspect_notebook

    content = files.read_json(stage.source)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        rule = f"notebooks/{stage.source.name}: missing, or not a notebook"
        raise BadInput(rule, way_out="`git checkout` brings it back")
    parameters = inspect_notebook(str(stage.source))
    return {name: parameter["inferred_type_name"] for name, parameter in parameters.items()}


def skip_uri_checker() -> None:
    """Let jsonschema do without its checker of URIs, which nobody needs here and which takes 0.8 s to import."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def cells_of(stage: Stage) -> list[tuple[str, str]]:
    """Return [(cell type, source)] of a stage's notebook."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in files.read_json(stage.source)["cells"]]


@kept(notebook_alone)
def cells_digest(stage: Stage) -> str:
    """Return the SHA-256 of the cells of a stage's notebook, without what they printed."""
    return files.digest(cells_of(stage))


def code_of(stage: Stage) -> list[str]:
    """Return the sources of the code cells of a stage's notebook."""
    return [source for kind, source in cells_of(stage) if kind == "code"]


def imports_of(stage: Stage) -> str:
    """Return the import statements of a stage's notebook, as source."""
    statements = parse("\n".join(code_of(stage))).body
    return "\n".join(ast.unparse(node) for node in statements if isinstance(node, ast.Import | ast.ImportFrom))


@kept(notebook_and_helpers)
def helper_digests(stage: Stage) -> dict[str, str | None]:
    """Return {file: SHA-256} of the helpers that a stage's notebook reaches, and of the files that they read."""
    paths = []
    for name in sorted(imported_helpers(code_of(stage))):
        paths += files_of(name)
    return {f"helpers/{path.relative_to(HELPERS).as_posix()}": files.file_digest(path) for path in paths}


def imported_helpers(sources: Iterable[str]) -> set[str]:
    """Return the names of the helpers that pieces of source import, directly or through each other."""
    reached: set[str] = set()
    new: set[str] = set()
    for source in sources:
        new |= modules_named(source)
    while new:
        reached |= new
        named: set[str] = set()
        for name in new:
            for path in files_of(name):
                if path.suffix == ".py":
                    package = "helpers" if path.parent == HELPERS else f"helpers.{path.parent.name}"
                    named |= modules_named(path.read_text(encoding="utf-8"), package)
        new = named - reached
    return reached


def files_of(name: str) -> list[Path]:
    """Return the files that a helper consists of: its module, or all of its package, scripts and templates included."""
    module = HELPERS / f"{name}.py"
    if module.is_file():
        return [module]
    package = HELPERS / name
    if not (package / "__init__.py").is_file():
        return []
    return sorted(path for path in package.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))


def modules_named(source: str, package: str = "") -> set[str]:
    """Return the names of helpers in the import statements of a piece of source, which lies in a `package`."""
    modules = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                origin = resolve_name("." * node.level + origin, package)
            modules |= {f"{origin}.{alias.name}" for alias in node.names}
    names = {module.split(".")[1] for module in modules if module.startswith("helpers.")}
    return {name for name in names if files_of(name)}


def parse(code: str) -> ast.Module:
    """Return the syntax tree of Python source; an empty one where it is none, which the kernel will say."""
    code = re.sub(r"^[ \t]*[%!].*$", "", code, flags=re.MULTILINE)  # IPython's magics, which import no helper
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])
