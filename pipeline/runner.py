"""Stages through papermill: which are up to date, run the others in order, record what went in and what came out.

The record is the run's manifest. The executed notebook's own status is not trusted: after a kernel has died it reads
as if every cell had completed.
"""

import ast
import os
import re
import time

from helpers import data, errors, files, runs

from . import machine, reports
from .kernels import Kernels
from .stages import NOTEBOOKS

HELPERS = files.PROJECT / "helpers"
PATIENCE = 600  # seconds that a kernel may take to import on a slow disk


class StageFailed(errors.ProjectError):
    """A cell raised, or the kernel died: the text names stage, cell and error in a few lines."""

    def __init__(self, text, error_name=""):
        super().__init__(text)
        kinds = (errors.BadInput, errors.DatasetUnavailable, errors.TrainingDiverged)
        self.exit_code = {kind.__name__: kind.exit_code for kind in kinds}.get(error_name, 1)


def parse(code):
    """Return the syntax tree of Python source; an empty one where it is none, which the kernel will say."""
    code = re.sub(r"^[ \t]*[%!].*$", "", code, flags=re.MULTILINE)  # IPython's magics, which import no helper
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def imported_helpers(*sources):
    """Return the names of the helpers that pieces of source import, directly or through each other."""
    found = set()
    queue = list(sources)
    while queue:
        names = modules_named(queue.pop())
        new = {name for name in names - found if files_of(name)}
        found |= new
        for name in new:
            queue += [path.read_text(encoding="utf-8") for path in files_of(name) if path.suffix == ".py"]
    return found


def modules_named(source):
    """Return the names that may be helper modules in the import statements of one piece of source."""
    names = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = "helpers" if node.level else None
            module = ".".join(part for part in (package, node.module) if part)
            paths = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        names |= {path.split(".")[1] for path in paths if path.startswith("helpers.")}
    return names


def cells_of(stage):
    """Return [(cell type, source)] of a stage's notebook."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in files.read_json(stage.source)["cells"]]


def imports_of(stage):
    """Return the import statements of a stage's notebook, as source."""
    code = "\n".join(source for kind, source in cells_of(stage) if kind == "code")
    return "\n".join(ast.unparse(node) for node in parse(code).body if isinstance(node, ast.Import | ast.ImportFrom))


def helper_digests(stage):
    """Return {file: SHA-256} of the helpers that a stage's notebook reaches, and of the files that they read."""
    names = imported_helpers(*(source for kind, source in cells_of(stage) if kind == "code"))
    paths = []
    for name in sorted(names):
        paths += files_of(name)
    return {f"helpers/{path.relative_to(HELPERS)}": files.file_digest(path) for path in paths}


def files_of(name):
    """Return the files that a helper consists of: its module, or all of its package, scripts and templates included."""
    module = HELPERS / f"{name}.py"
    if module.is_file():
        return [module]
    package = HELPERS / name
    if (package / "__init__.py").is_file():
        return sorted(path for path in package.iterdir() if path.is_file())
    return []


def declared(stage):
    """Return {parameter: type name} of a stage's notebook, as papermill finds them in the cell tagged `parameters`."""
    from papermill import inspect_notebook

    content = files.read_json(stage.source)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise errors.BadInput(
            f"notebooks/{stage.source.name}: missing, or not a notebook; `git checkout` brings it back"
        )
    return {name: about["inferred_type_name"] for name, about in inspect_notebook(stage.source).items()}


def check_parameters(types, parameters):
    """Raise BadInput for a parameter that is not in `types` ({name: type name}), or whose value is of another type."""
    for name, value in parameters.items():
        if name not in types:
            raise errors.BadInput(f"parameter {name}: no notebook declares it; there are {', '.join(sorted(types))}")
        allowed = {"int": int, "float": (int, float), "str": str, "bool": bool}.get(types[name], object)
        if value is not None and (not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool)):
            raise errors.BadInput(f"parameter {name}: {value!r} is not of type {types[name]}")


def ingredients(stage, stages, parameters, note, manifest):
    """Return all that decides what a stage makes, as {part: {thing: value}}, to be compared with its last success."""
    names, dataset = declared(stage), parameters["dataset"]
    cells = cells_of(stage)
    return {
        "notebook": {stage.source.name: files.digest(cells)},  # what it printed last time does not count
        "parameter": {name: value for name, value in parameters.items() if name in names},
        "helper": helper_digests(stage),
        "dataset": {dataset: data.summarise(dataset).fingerprint, "stands in for MNIST": bool(note)},
        "input": {name: digest for need in stage.needs for name, digest in left(stages[need], manifest).items()},
    }


def left(stage, manifest):
    """Return {file: its digest when the stage ended, or None} for what a stage leaves."""
    products = manifest["stages"].get(stage.name, {}).get("products", {})
    return {name: products.get(name) for name in stage.leaves}


def reason_to_run(stage, now, folder, manifest):
    """Return why a stage has to run, in a few words, or "" when its last success had the ingredients `now`."""
    record = manifest["stages"].get(stage.name)
    if not record:
        return "has not run yet"
    if record["state"] != "done":
        return f"{record['state']} last time"
    for part, things in now.items():
        before = record["ingredients"].get(part, {})
        changed = sorted(name for name in {*things, *before} if things.get(name) != before.get(name))
        if changed:
            return f"{part} changed: {', '.join(changed)}"
    lost = [name for name, content in record["products"].items() if files.file_digest(folder / name) != content]
    return f"changed or lost since: {', '.join(lost)}" if lost else ""


def plan(stages, chosen, parameters, note="", force=False):
    """Yield (Stage, its ingredients, reason to run or "") for the `chosen` stages, as things stand when it is asked.

    Nothing is written. BadInput where a stage that is not chosen is needed, and not done or no longer whole.
    """
    folder, expected = runs.run_folder(parameters["run"]), set()
    for name in chosen:
        stage, manifest = stages[name], runs.read_manifest(folder)
        now = ingredients(stage, stages, parameters, note, manifest)
        for need in set(stage.needs) - set(chosen):
            whole = all(made == files.file_digest(folder / file) for file, made in left(stages[need], manifest).items())
            if manifest["stages"].get(need, {}).get("state") != "done" or not whole:
                raise errors.BadInput(
                    f"--only {name}: needs {need}, which is not done or not whole in {folder.name}; add it"
                )
        first = expected & set(stage.needs)
        reason = "forced" if force else reason_to_run(stage, now, folder, manifest)
        reason = reason or (f"{', '.join(first)} runs before it" if first else "")
        if reason:
            expected.add(name)
        yield stage, now, reason


def run(stages, chosen, parameters, note="", force=False, screen=None):
    """Run the `chosen` stages of `stages` ({name: Stage}) that are not up to date, in order; return the run's folder.

    `parameters` holds `run`, `dataset` (never `auto`) and whatever else the notebooks declare; `note` says why the
    dataset stands in for another. `force` runs every chosen stage from nothing. `screen` is told what happens. Raises
    BadInput before anything is created, RunInUse, StageFailed, KeyboardInterrupt.
    """
    types = {name: kind for stage in stages.values() for name, kind in declared(stage).items()}
    check_parameters(types, parameters)
    expected = [stage for stage, _, reason in plan(stages, chosen, parameters, note, force) if reason]
    folder = runs.open_run(parameters["run"])
    with runs.only_writer(folder), Kernels() as kernels:
        manifest = runs.read_manifest(folder)
        if manifest["parameters"] not in (parameters, {}):
            empty(folder, manifest)
        try:
            for number, name in enumerate(chosen, 1):
                data.summarise.cache_clear()  # a folder of images may have changed while the stage before ran
                stage, now, reason = next(plan(stages, [name, *chosen], parameters, note, force))
                manifest = runs.read_manifest(folder)
                if not reason:
                    screen.skip(stage)
                    continue
                manifest |= describe_run(parameters, note)
                screen.start(stage, number, len(chosen), reason)
                following = [other for other in expected if other.name in chosen[number:]]
                run_stage(stage, now, folder, manifest, force, screen, kernels, following)
        finally:
            reports.link(folder, runs.read_manifest(folder))
            reports.collect(folder)
            reports.write_index(folder.parent)
    return folder


def empty(folder, manifest):
    """Delete what every stage of a run left, and its record: another run begins in this folder."""
    products = {name for record in manifest["stages"].values() for name in record.get("products", {})}
    for path in [*(folder / name for name in products), *(folder / "checkpoints").iterdir()]:
        path.unlink(missing_ok=True)
    (folder / "run.json").unlink(missing_ok=True)


def describe_run(parameters, note):
    """Return the head of a manifest: parameters, seed, threads, dataset, commit, versions and machine."""
    known = data.summarise(parameters["dataset"])
    dataset = {"name": parameters["dataset"], "title": known.title, "fingerprint": known.fingerprint, "note": note}
    if data.find_folder(parameters["dataset"]):
        dataset["data_dir"] = str(data.data_folder())  # where the next command finds it
    head = {"run": parameters["run"], "parameters": parameters, "seed": parameters.get("seed")}
    return head | {"threads": threads(parameters), "dataset": dataset} | machine.describe_machine()


def threads(parameters):
    """Return how many threads the kernels may use: as asked for, else as the environment or the machine says."""
    return parameters.get("threads") or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count())


def run_stage(stage, now, folder, manifest, force, screen, kernels, following):
    """Run one notebook, keep it and its report, and record the stage in the manifest, whatever happens to it."""
    if force:
        checkpoints = (folder / "checkpoints").iterdir() if "model.json" in stage.leaves else ()
        for path in [*(folder / name for name in stage.leaves), *checkpoints]:
            path.unlink(missing_ok=True)
    record = {"state": "running", "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "commit": manifest["commit"]}
    manifest["stages"] |= {stage.name: record}
    runs.write_manifest(folder, manifest)
    partial = folder / "notebooks" / f".{stage.notebook}{files.PARTIAL}.ipynb"
    executed = folder / "notebooks" / f"{stage.notebook}.ipynb"
    report = folder / "reports" / f"{stage.notebook}.html"
    start, clock = time.perf_counter(), time.time()
    failure = None
    try:
        execute(stage, partial, now["parameter"], screen, kernels, following)
        lost = [name for name in stage.leaves if not (folder / name).is_file()]
        if lost:
            raise StageFailed(f"{stage.name}: the notebook ended without leaving {', '.join(lost)}")
        record["state"] = "done"
    except (Exception, KeyboardInterrupt) as error:
        failure = error
        state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        record |= {"state": state, "message": reports.without_paths(str(error)), "cell": screen.number}
    record["seconds"] = round(time.perf_counter() - start, 2)
    try:
        if partial.is_file():
            reports.tidy(partial, executed)
            reports.render(executed, report, manifest, stage.name)
    except Exception as error:  # a full disk, or half a notebook: the stage's own failure matters more
        failure = failure or error
        record["state"] = "failed" if record["state"] == "done" else record["state"]
    finally:
        partial.unlink(missing_ok=True)
    figures = [path for path in (folder / "figures").glob("*.png") if path.stat().st_mtime >= clock - 1]
    made = [path for path in (*(folder / name for name in stage.leaves), *figures, executed, report) if path.is_file()]
    record |= {
        "ingredients": now,
        "products": {str(path.relative_to(folder)): files.file_digest(path) for path in made},
    }
    runs.write_manifest(folder, manifest)
    screen.finish(stage, record, report.relative_to(folder) if report.is_file() else None)
    if failure:
        raise failure


def execute(stage, path, parameters, screen, kernels=None, following=()):
    """Execute a stage's notebook with `parameters` into the file `path`, in one of `kernels`.

    Kernels for the next two of the stages `following` get ready meanwhile: one beside this stage's own, the other late,
    when the long computations of a notebook are done and its figures leave a processor free. StageFailed names the cell
    that raised, or in which the kernel died; the notebook is written as far as it came.
    """
    import nbformat
    import papermill

    kernels, notebooks, added, count = kernels or Kernels(), [], [0], len(cells_of(stage))
    late = count * 3 // 4

    def prepare(stages):
        for coming in stages:
            kernels.prepare(coming.name, imports_of(coming), helper_digests(coming))

    def at_cell(cell, cell_index):
        added[0] += "injected-parameters" in cell.metadata.get("tags", [])  # papermill's own cell is not counted
        if cell_index in (0, late):
            prepare(following[1:2] if cell_index == late else ())
            runs.note_holder(path.parent.parent)
        screen.cell(cell_index + 1 - added[0], count)

    try:
        prepare(following[:1])
        with kernels.take(stage.name, imports_of(stage), helper_digests(stage)) as kernel:
            notebook = papermill.execute_notebook(
                stage.source,
                path,
                parameters,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                stdout_file=screen,
                cwd=NOTEBOOKS,
                km=kernel,
                start_timeout=PATIENCE,
                on_notebook_start=lambda notebook: notebooks.append(notebook),
                on_cell_start=at_cell,
                request_save_on_cell_execute=False,  # or it is written twice a cell, which takes seconds
            )
    except papermill.PapermillExecutionError as error:
        line = error.source.strip().splitlines()[0] if error.source.strip() else ""
        text = f"{stage.name} failed at cell {screen.number} of {count}, which begins: {short(line)}"
        raise StageFailed(f"{text}\n{short(f'{error.ename}: {error.evalue}')}", error.ename) from None
    except OSError:
        raise
    except Exception as error:  # nbclient, zmq and asyncio each have their own words for a kernel that is gone
        text = f"{stage.name} failed at cell {screen.number} of {count}: the kernel died or did not answer"
        raise StageFailed(f"{text} ({type(error).__name__}); run the same command again") from error
    finally:
        if notebooks and not path.is_file():
            nbformat.write(notebooks[0], path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if any(cell.execution_count is None for cell in code):
        raise StageFailed(f"{stage.name}: a cell ended the notebook before its last cell had run")


def short(text):
    """Return at most three lines of a text, without the characters that would steer a progress."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\t\x20-\x7e\xa0-\U0010ffff]", "", text).splitlines()
    return "\n".join(line[:200] for line in lines[:3]) + (" ..." if len(lines) > 3 else "")
