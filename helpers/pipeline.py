"""Stages through papermill: which are up to date, run the others in order, record what went in and what came out.

The record is the run's manifest. The executed notebook's own status is not trusted: after a kernel has died it reads
as if every cell had completed.
"""

import ast
import importlib.metadata
import os
import platform
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from . import data, reports, runs

HELPERS = Path(__file__).resolve().parent
NOTEBOOKS = runs.PROJECT / "notebooks"
PACKAGES = ("torch", "torchvision", "papermill", "nbconvert", "matplotlib", "seaborn", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Stage:
    """A notebook in the pipeline: the stages it `needs`, and the files it `leaves` in the run's folder."""

    name: str
    notebook: str  # the file's name without .ipynb
    leaves: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def source(self):
        """The path of the notebook."""
        return NOTEBOOKS / f"{self.notebook}.ipynb"


class StageFailed(runs.ProjectError):
    """A cell raised, or the kernel died: the text names stage, cell and error in a few lines."""

    def __init__(self, text, error_name=""):
        super().__init__(text)
        kinds = (runs.BadInput, runs.DatasetUnavailable, runs.TrainingDiverged)
        self.exit_code = {kind.__name__: kind.exit_code for kind in kinds}.get(error_name, 1)


def imported_helpers(code):
    """Return the names of the helper modules that Python source imports, directly or through each other."""
    found, queue = set(), [code]
    while queue:
        names = set()
        for node in ast.walk(ast.parse(queue.pop())):
            if isinstance(node, ast.ImportFrom):
                module = [part for part in (node.module or "").split(".") if part != "helpers"]
                if node.level or (node.module or "").split(".")[0] == "helpers":
                    names |= {module[0]} if module else {alias.name for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("helpers.")}
        new = {name for name in names - found if (HELPERS / f"{name}.py").is_file()}
        found |= new
        queue += [(HELPERS / f"{name}.py").read_text(encoding="utf-8") for name in new]
    return found


def declared(stage):
    """Return {parameter: type name} of a stage's notebook, as papermill finds them in the cell tagged `parameters`."""
    from papermill import inspect_notebook

    if "cells" not in (runs.read_json(stage.source) or {}):
        raise runs.BadInput(f"notebooks/{stage.source.name}: missing, or not a notebook; `git checkout` brings it back")
    return {name: about["inferred_type_name"] for name, about in inspect_notebook(stage.source).items()}


def check_parameters(types, parameters):
    """Raise BadInput for a parameter that is not in `types` ({name: type name}), or whose value is of another type."""
    for name, value in parameters.items():
        if name not in types:
            raise runs.BadInput(f"parameter {name}: no notebook declares it; there are {', '.join(sorted(types))}")
        allowed = {"int": int, "float": (int, float), "str": str, "bool": bool}.get(types[name], object)
        if value is not None and (not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool)):
            raise runs.BadInput(f"parameter {name}: {value!r} is not of type {types[name]}")


def ingredients(stage, stages, parameters, fingerprint, manifest):
    """Return all that decides what a stage makes, as {part: {thing: value}}, to be compared with its last success."""
    names = declared(stage)
    cells = runs.read_json(stage.source)["cells"]
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]  # what it printed last time does not count
    helpers = imported_helpers("\n".join(source for kind, source in cells if kind == "code"))
    made = {need: manifest.get("stages", {}).get(need, {}).get("products", {}) for need in stage.needs}
    return {
        "notebook": {stage.source.name: runs.digest(cells)},
        "parameter": {name: value for name, value in parameters.items() if name in names},
        "helper": {f"helpers/{name}.py": runs.file_digest(HELPERS / f"{name}.py") for name in sorted(helpers)},
        "dataset": {parameters["dataset"]: fingerprint},
        "input": {name: products.get(name) for need, products in made.items() for name in stages[need].leaves},
    }


def reason_to_run(stage, now, folder, manifest):
    """Return why a stage has to run, in a few words, or "" when its last success had the ingredients `now`."""
    record = manifest.get("stages", {}).get(stage.name)
    if not record:
        return "has not run yet"
    if record["state"] != "done":
        return f"{record['state']} last time"
    for part, things in now.items():
        before = record["ingredients"].get(part, {})
        changed = sorted(name for name in {*things, *before} if things.get(name) != before.get(name))
        if changed:
            return f"{part} changed: {', '.join(changed)}"
    lost = [name for name, content in record["products"].items() if runs.file_digest(folder / name) != content]
    return f"changed or lost since: {', '.join(lost)}" if lost else ""


def plan(stages, chosen, parameters, force=False):
    """Yield (Stage, reason to run or "") for the `chosen` stages of `stages`, as things stand when it is asked.

    Nothing is written. BadInput where a stage that is not chosen is needed and not done.
    """
    folder, fingerprint = runs.run_folder(parameters["run"]), data.fingerprint(parameters["dataset"])
    expected = set()
    for name in chosen:
        stage, manifest = stages[name], runs.read_manifest(folder)
        now = ingredients(stage, stages, parameters, fingerprint, manifest)
        for need in set(stage.needs) - set(chosen):
            record = manifest.get("stages", {}).get(need, {})
            if record.get("state") != "done" or not all(now["input"].values()):
                raise runs.BadInput(f"--only {name}: needs {need}, which is not done in the run {folder.name}; add it")
        first = expected & set(stage.needs)
        reason = "forced" if force else reason_to_run(stage, now, folder, manifest)
        reason = reason or (f"{', '.join(first)} runs before it" if first else "")
        if reason:
            expected.add(name)
        yield stage, reason


@contextmanager
def only_writer(folder):
    """Hold the run's lock while the block runs; RunInUse where another process holds it."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise runs.RunInUse(f"--run {folder.name}: in use by another process; wait, or choose another name") from None
    with lock:
        yield


def run(stages, chosen, parameters, note="", force=False, screen=None):
    """Run the `chosen` stages of `stages` ({name: Stage}) that are not up to date, in order; return the run's folder.

    `parameters` holds `run`, `dataset` (never `auto`) and whatever else the notebooks declare; `note` says why the
    dataset stands in for another. `force` runs every chosen stage from nothing. `screen` is told what happens. Raises
    BadInput before anything is created, RunInUse, StageFailed, KeyboardInterrupt.
    """
    types = {name: kind for stage in stages.values() for name, kind in declared(stage).items()}
    check_parameters(types, parameters)
    next(plan(stages, chosen, parameters, force))  # a stage that cannot run is refused here
    folder = runs.open_run(parameters["run"])
    with only_writer(folder):
        try:
            for number, name in enumerate(chosen, 1):
                _, reason = next(plan(stages, [name], parameters, force))
                manifest = runs.read_manifest(folder)
                if not reason:
                    screen.skip(stages[name], manifest["stages"][name]["seconds"])
                    continue
                manifest |= describe_run(parameters, note)
                screen.start(stages[name], number, len(chosen), reason)
                run_stage(stages[name], stages, parameters, folder, manifest, force, screen)
        finally:
            reports.collect(folder)
            reports.write_index(folder.parent)
    return folder


def describe_machine():
    """Return {"commit", "versions", "machine"}: what a figure depends on; no name of a person or host."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    machine = {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()}
    return {"commit": commit(), "versions": versions, "machine": machine}


def describe_run(parameters, note):
    """Return the head of a manifest: parameters, seed, threads, dataset, commit, versions and machine."""
    dataset = {"name": parameters["dataset"], "fingerprint": data.fingerprint(parameters["dataset"]), "note": note}
    head = {"run": parameters["run"], "parameters": parameters, "seed": parameters.get("seed")}
    return head | {"threads": parameters.get("threads") or os.cpu_count(), "dataset": dataset} | describe_machine()


def commit():
    """Return the project's git commit, with `-dirty` behind it where files differ from it, or None without git."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
        return subprocess.run(command, cwd=runs.PROJECT, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def processor():
    """Return the processor's own name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run_stage(stage, stages, parameters, folder, manifest, force, screen):
    """Run one notebook, keep it and its report, and record the stage in the manifest, whatever happens to it."""
    now = ingredients(stage, stages, parameters, data.fingerprint(parameters["dataset"]), manifest)
    if force:
        for path in [folder / name for name in stage.leaves] + [*(folder / "checkpoints").glob("epoch-*")]:
            path.unlink(missing_ok=True)
    record = {"state": "running", "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "ingredients": now}
    manifest["stages"] = manifest.get("stages", {}) | {stage.name: record}
    runs.write_manifest(folder, manifest)
    partial = folder / "notebooks" / f".{stage.notebook}.partial.ipynb"
    start, clock = time.perf_counter(), time.time()
    failure = None
    try:
        execute(stage, partial, now["parameter"], screen)
        lost = [name for name in stage.leaves if not (folder / name).is_file()]
        if lost:
            raise StageFailed(f"{stage.name}: the notebook ended without leaving {', '.join(lost)}")
        record["state"] = "done"
    except (StageFailed, KeyboardInterrupt) as error:
        failure = error
        state = "failed" if isinstance(error, StageFailed) else "stopped"
        record |= {"state": state, "message": reports.without_paths(str(error))}
    record["seconds"] = round(time.perf_counter() - start, 2)
    executed, report = (
        folder / part / f"{stage.notebook}{end}" for part, end in (("notebooks", ".ipynb"), ("reports", ".html"))
    )
    if partial.is_file():
        reports.tidy(partial, executed)
        reports.render(executed, report, manifest, stage.name)
        partial.unlink()
    figures = [path for path in (folder / "figures").glob("*.png") if path.stat().st_mtime >= clock - 1]
    made = [*(folder / name for name in stage.leaves), *figures, executed, report]
    record["products"] = {str(path.relative_to(folder)): runs.file_digest(path) for path in made if path.is_file()}
    runs.write_manifest(folder, manifest)
    screen.finish(stage, record, report.relative_to(folder) if report.is_file() else None)
    if failure:
        raise failure


def execute(stage, path, parameters, screen):
    """Execute a stage's notebook with `parameters` into the file `path`, in a kernel of this very interpreter.

    StageFailed names the cell that raised, or in which the kernel died.
    """
    import papermill
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class OwnKernel(AsyncKernelManager):
        """A kernel of this interpreter, whatever the kernelspecs in the user's folders say."""

        kernel_spec = KernelSpec(**get_kernel_dict())
        transport_encryption = "auto"

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(runs.PROJECT), os.environ.get("PYTHONPATH")]))
    os.environ["MNIST_OUTPUTS_DIR"] = str(runs.outputs_folder())
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the kernel's debugger warns on the terminal
    count, current = len(runs.read_json(stage.source)["cells"]), [0]

    def at_cell(cell, cell_index):
        current[0] = min(cell_index, count)  # papermill has put one cell in: the parameters
        screen.cell(current[0], count)

    try:
        papermill.execute_notebook(
            stage.source,
            path,
            parameters,
            progress_bar=False,
            stdout_file=screen,
            cwd=NOTEBOOKS,
            kernel_manager_class=OwnKernel,
            on_cell_start=at_cell,
            shutdown_kernel="immediate",  # everything is saved by now, and a polite farewell takes longer
        )
    except papermill.PapermillExecutionError as error:
        where = f"{stage.name} failed at cell {current[0]} of {count}"
        line = error.source.strip().splitlines()[0] if error.source.strip() else ""
        raise StageFailed(f"{where}, which begins: {line}\n{error.ename}: {error.evalue}", error.ename) from None
    except Exception as error:  # nbclient, zmq and asyncio each have their own words for a kernel that is gone
        text = f"{stage.name} failed at cell {current[0]} of {count}: the kernel died or did not answer"
        raise StageFailed(f"{text} ({type(error).__name__}); run the same command again") from error
