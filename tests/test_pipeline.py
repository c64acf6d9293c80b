"""What runs, what is left alone, and what is left behind when something breaks; on stand-in notebooks."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import nbformat
import psutil
import pytest
from conftest import LEAVES, METRICS, RAN, offline

from helpers import errors, files, runs
from pipeline import execute, index, machine, plan, reports, runner, stages
from pipeline.kernels import Kernels
from pipeline.request import Wishes, settle

NAME = RAN
TRAINED = LEAVES["03_training"]
MADE = {name: [f"(folder / {leaf!r}).write_text({METRICS!r})" for leaf in leaves] for name, leaves in LEAVES.items()}


def states(out):
    """Return {stage: its state} as the closing lines of the terminal say."""
    words = [line.split() for line in out.splitlines() if line.startswith("  ")]
    return {line[0]: "up to date" if line[1:3] == ["up", "to"] else line[1] for line in words}


def test_a_run_leaves_its_record_and_the_second_time_starts_no_kernel(project):
    code, out, error = project.run(dataset=None)
    assert code == 0, error
    run = project.outputs / NAME
    manifest = json.loads((run / "run.json").read_text())
    assert [stage["state"] for stage in manifest["stages"].values()] == ["done"] * 5
    assert "embedded digits of scikit-learn" in out
    for report in ("00_walkthrough", "01_eda", "02_prototyping", "03_training", "04_results"):
        text = (run / "reports" / f"{report}.html").read_text()
        assert "These are not MNIST's digits" in text
        assert nbformat.read(run / "notebooks" / f"{report}.ipynb", 4).metadata.get("papermill") is None
    assert "test accuracy 50.00% (95% interval 25.00% to 75.00%) on scikit-learn digits" in out
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.parent.name in ("notebooks", "reports")}
    code, out, error = project.run(dataset=None)
    assert code == 0, error
    assert set(states(out).values()) == {"up to date"}
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_only_what_changed_runs_again(project):
    project.notebook("01_eda", "from helpers import plots\n(folder / 'dataset.json').write_text('{}')")
    assert project.run()[0] == 0
    module = project.folder / "helpers" / "plots" / "__init__.py"
    module.write_text(module.read_text() + "\n# a comment\n")
    _, out, _ = project.run("--dry-run")
    assert "would run: helper changed: helpers/plots/__init__.py" in out and out.count("up to date") == 4
    assert states(project.run()[1]) == {
        name: "up to date" for name in ("walkthrough", "prototyping", "training", "results")
    } | {"eda": "done"}
    (project.outputs / NAME / "dataset.json").write_text("tampered")
    assert states(project.run()[1])["eda"] == "done"


def test_every_helper_that_a_notebook_reaches_counts():
    reached = plan.imported_helpers(["from helpers import training"])
    assert {"training", "models", "transforms", "data", "folders", "downloads", "files"} <= reached
    assert "plots" not in reached
    for source in ("import helpers.plots", "from helpers.plots import show", "from helpers import plots as p"):
        assert {"plots", "evaluation", "files"} <= plan.imported_helpers([source])


@pytest.mark.parametrize("module", ["folders.py", "transforms.py", "drawing/digit.js", "drawing/pad.html"])
def test_a_change_deep_below_a_notebook_runs_it_again(project, module):
    project.notebook("04_results", "from helpers import drawing, training", *MADE["04_results"])
    assert project.run("--only", "training", "results")[0] == 0
    path = project.folder / "helpers" / module
    path.write_text(path.read_text() + "\n")
    _, out, _ = project.run("--only", "training", "results", "--dry-run")
    assert f"results      would run: helper changed: helpers/{module}" in out


def test_results_follow_training_only_when_its_products_change(ran):
    ran.notebook(
        "03_training",
        *(f"(folder / {name!r}).write_text('same')" for name in TRAINED),
    )
    assert ran.run()[0] == 0
    assert states(ran.run("--only", "training", "--force")[1]) == {"training": "done"}
    assert states(ran.run()[1])["results"] == "up to date"
    ran.notebook(
        "03_training",
        *(f"(folder / {name!r}).write_text('other')" for name in TRAINED),
    )
    after = states(ran.run()[1])
    assert after["training"] == after["results"] == "done" and after["eda"] == "up to date"


def test_a_lost_or_damaged_page_is_rendered_again_and_nothing_runs(ran):
    run = ran.outputs / NAME
    lost, damaged, other = (run / "reports" / f"{name}.html" for name in ("03_training", "04_results", "01_eda"))
    before = {path: path.read_bytes() for path in (lost, damaged)}
    untouched = other.stat().st_mtime_ns
    lost.unlink()
    damaged.write_text("99.99%")
    executed = {path: path.stat().st_mtime_ns for path in (run / "notebooks").iterdir()}
    code, out, error = ran.run()
    assert code == 0 and set(states(out).values()) == {"up to date"}, error
    assert before == {path: path.read_bytes() for path in before}
    assert executed == {path: path.stat().st_mtime_ns for path in executed} and untouched == other.stat().st_mtime_ns
    with zipfile.ZipFile(run / "reports.zip") as archive:
        assert archive.read(f"{NAME}/04_results.html") == reports.TO_INDEX.sub(b"", before[damaged])


def test_a_changed_template_renders_every_page_and_runs_nothing(ran):
    template = ran.folder / "pipeline" / "template" / "report.css"
    template.write_text(template.read_text() + "/* a mark */")
    _, out, _ = ran.run("--dry-run")
    assert out.count("up to date") == 5
    code, out, error = ran.run()
    assert code == 0 and set(states(out).values()) == {"up to date"}, error
    pages = list((ran.outputs / NAME / "reports").glob("*.html"))
    assert len(pages) == 5 and all("/* a mark */" in page.read_text() for page in pages)


def test_opening_a_notebook_and_saving_its_outputs_changes_nothing(ran):
    path = ran.folder / "notebooks" / "01_eda.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="seen")]
    nbformat.write(notebook, path)
    assert states(ran.run("--only", "eda")[1]) == {"eda": "up to date"}


def test_a_failing_cell_is_named_and_reported(project):
    project.notebook("01_eda", "x = 1", "print('got here')\nraise ValueError('no <b>ink</b>')")
    code, out, error = project.run()
    assert code == 1
    assert "eda failed at cell 5 of 5" in error and "ValueError: no <b>ink</b>" in error
    assert "Traceback" not in error
    run = project.outputs / NAME
    report = (run / "reports" / "01_eda.html").read_text()
    assert "FAILED" in report and "no &lt;b&gt;ink" in report and "no <b>ink" not in report
    assert 'id="failed"' in report and "got here" in report
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["stages"]["eda"]["state"] == "failed" and "training" not in manifest["stages"]
    assert "failed in eda" in (project.outputs / "index.html").read_text()
    assert not list(run.rglob(f".*{files.PARTIAL}*"))
    project.notebook("01_eda", "(folder / 'dataset.json').write_text('{}')")
    code, out, _ = project.run()
    assert code == 0 and states(out)["walkthrough"] == "up to date" and states(out)["eda"] == "done"


@pytest.mark.parametrize(
    "name, code", [("BadInput", 2), ("DatasetUnavailable", 3), ("TrainingDiverged", 4), ("RunInUse", 5)]
)
def test_errors_from_inside_a_notebook_keep_their_exit_code(project, name, code):
    project.notebook("01_eda", f"raise errors.{name}('the reason')")
    status, _, error = project.run("--only", "eda")
    assert status == code and f"{name}: the reason" in error


class Broken:
    """A listener that has an error of its own, in one of its methods."""

    def __init__(self, method):
        self.method = method

    def cell(self, number, total):
        if self.method == "cell":
            raise KeyError("mine")

    def message(self, fields):
        if self.method == "message":
            raise KeyError("mine")


@pytest.mark.parametrize("method", ["cell", "message"])
def test_an_error_of_whoever_is_told_is_not_blamed_on_the_kernel(project, monkeypatch, method):
    monkeypatch.setattr(stages, "NOTEBOOKS", project.folder / "notebooks")
    project.notebook("01_eda", "from helpers import data")
    stage, executed = stages.STAGES["eda"], project.folder / "executed.ipynb"
    ready = Kernels(offline(project.folder))
    with ready, ready.take(stage) as kernel, pytest.raises(KeyError, match="mine"):
        execute.execute(stage, {"run": "it"}, executed, kernel, Broken(method))
    assert executed.is_file()


def test_what_the_helpers_warn_of_reaches_the_terminal_and_the_report(project):
    told = "checkpoint epoch-001.pt is damaged"
    project.notebook(
        "01_eda", f"import logging\nlogging.getLogger('helpers.checkpoints').warning('{told}')", *MADE["01_eda"]
    )
    code, out, error = project.run("--only", "eda")
    assert code == 0 and f"\n  warning: {told}\n" in out and error == ""
    assert f"warning: {told}" in (project.outputs / NAME / "reports" / "01_eda.html").read_text()


def test_parameters_in_an_error_of_a_notebook_are_called_by_their_flags(project):
    raised = "raise errors.TrainingDiverged('the loss is nan', way_out='try a `learning_rate` of 0.001')"
    project.notebook("01_eda", raised)
    code, _, error = project.run("--only", "eda")
    assert code == 4 and "the loss is nan; try a --learning-rate of 0.001" in error


def test_a_notebook_that_ends_early_is_not_done(project):
    project.notebook("01_eda", "import sys\nsys.exit(0)", "(folder / 'dataset.json').write_text('{}')")
    code, _, error = project.run("--only", "eda")
    assert code == 1 and ("without leaving dataset.json" in error or "ended the notebook" in error)


def wait_for(path, process):
    """Wait until `path` is there and holds something, as long as `process` lives; return its text."""
    while not (path.is_file() and path.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)  # looks again; no result depends on the time
    return path.read_text()


HANG = "import os, time\n(folder / 'pid').write_text(str(os.getpid()))\ntime.sleep(600)"
WAIT = HANG.replace("time.sleep(600)", "while not (folder / 'go').exists(): time.sleep(0.05)")


def test_a_killed_kernel_is_told_and_the_same_command_completes(project):
    project.notebook("03_training", HANG)
    process = project.start("--only", "training")
    run = project.outputs / NAME
    os.kill(int(wait_for(run / "pid", process)), signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1 and "the kernel died" in error and "training failed at cell 4 of 4" in error
    assert json.loads((run / "run.json").read_text())["stages"]["training"]["state"] == "failed"
    assert "FAILED" in (run / "reports" / "03_training.html").read_text()
    project.notebook(
        "03_training",
        *(f"(folder / {leaf!r}).write_text('')" for leaf in TRAINED),
    )
    assert project.run("--only", "training")[0] == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_kernel_and_leaves_a_record(project, number, code):
    project.notebook("03_training", HANG)
    process = project.start("--only", "training")
    run = project.outputs / NAME
    kernel = int(wait_for(run / "pid", process))
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert error == f"stopped by {number.name}; the same command goes on from here\n"
    assert json.loads((run / "run.json").read_text())["stages"]["training"]["state"] == "stopped"
    assert "STOPPED" in (run / "reports" / "03_training.html").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


STOPS = """
from helpers import checkpoints, progress
kept = checkpoints.Checkpoints(folder, "key")
bar = progress.training_bar(4)
row = {"epoch": 3, "train_loss": 1.0, "validation_accuracy": 0.5, "seconds": 1.0}
kept.save({"history": [row] * %d})
bar([row] * 3, 1, 2)  # as a training that goes on after its third epoch does
"""


@pytest.mark.parametrize(
    ("flags", "saved", "said"),
    [
        ([], 3, "the same command goes on from epoch 4"),
        (["--force"], 3, "the same command without --force goes on from epoch 4"),
        ([], 4, "the same command goes on from here"),  # all four epochs are done
    ],
)
def test_a_training_that_is_stopped_says_from_which_epoch_it_goes_on(project, flags, saved, said):
    project.notebook("03_training", STOPS % saved, HANG)
    process = project.start("--only", "training", "--epochs", "4", *flags)
    wait_for(project.outputs / "digits-balanced-4epochs-seed0" / "pid", process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, f"stopped by SIGINT; {said}\n")


def test_a_run_under_nohup_outlives_its_terminal(project):
    project.notebook("01_eda", WAIT, "(folder / 'dataset.json').write_text('{}')")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it to its child
    try:
        process = project.start("--only", "eda")
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(project.outputs / NAME / "pid", process)
    process.send_signal(signal.SIGHUP)
    (project.outputs / NAME / "go").touch()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error


def test_a_second_runner_is_turned_away(project):
    project.notebook("03_training", HANG)
    first = project.start("--only", "training")
    wait_for(project.outputs / NAME / "pid", first)
    code, _, error = project.run("--only", "training")
    first.terminate()
    first.communicate(timeout=60)
    assert code == 5 and f"in use by process {first.pid}; wait for it" in error
    assert not (project.outputs / NAME / ".holder.json").exists()


def test_a_copy_of_a_run_at_work_is_in_nobodys_use(project):
    project.notebook("03_training", HANG)
    first = project.start("--only", "training")
    run, copy = project.outputs / NAME, project.outputs / "copy"
    wait_for(run / "pid", first)
    shutil.copytree(run, copy)
    run.rename(project.outputs / "moved")
    try:
        assert (copy / ".holder.json").is_file() and not runs.is_held(copy)
        assert runs.runner_of(project.outputs / "moved") == first.pid
        code, out, error = project.run("--run", "copy", "--only", "eda")
        assert code == 0 and states(out) == {"eda": "done"}, error
    finally:
        (project.outputs / "moved").rename(run)
        first.terminate()
        first.communicate(timeout=60)


def test_a_lock_file_that_was_deleted_lets_no_second_runner_in(project):
    project.notebook("03_training", HANG)
    first = project.start("--only", "training")
    wait_for(project.outputs / NAME / "pid", first)
    (project.outputs / NAME / ".lock").unlink()
    code, _, error = project.run("--only", "eda")
    first.terminate()
    first.communicate(timeout=60)
    assert code == 5 and f"in use by process {first.pid}; wait for it" in error


def opened_by_hand(project, code):
    """Start `code` as a notebook in JupyterLab does it: in a process that no runner has started, in the run NAME."""
    begin = f"from helpers import runs\nfolder = runs.open_run({NAME!r})\n"
    settings = {"PYTHONPATH": str(project.folder), "MNIST_OUTPUTS_DIR": str(project.outputs)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", begin + code]
    return subprocess.Popen(command, env=offline(project.folder) | settings, cwd=project.folder, **pipes)


def contents(folder):
    """Return {path: content} of all files in a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


EVERY_WRITE = """
import numpy as np
from helpers import certainty, checkpoints, errors, models, plots
network, nothing = models.build("narrow", 10), np.zeros((1, 10))
record = checkpoints.ValidationRecord(nothing, nothing[0], nothing)
fitted = certainty.Certainty(1.0, 0.0, 0.0, nothing, {})
for write in (
    lambda: plots.show(plots.new()[0], "it", "a caption", "a description", folder),
    lambda: checkpoints.Checkpoints(folder, "key").save({"history": [{}]}),
    lambda: checkpoints.Checkpoints(folder, "key").load(),
    lambda: checkpoints.save_model(folder, network, [{"epoch": 1}], record, fitted, {}),
    lambda: runs.save_json(folder, "dataset.json", {}),
):
    try:
        write()
    except errors.RunInUse as error:
        print(error)
"""


def test_a_notebook_that_was_opened_by_hand_changes_nothing_beside_a_runner(project):
    project.notebook("03_training", HANG)
    runner = project.start("--only", "training")
    run = project.outputs / NAME
    wait_for(run / "pid", runner)
    (run / "checkpoints" / "epoch-001.pt").write_text("damaged")
    before = contents(run)
    out, error = opened_by_hand(project, EVERY_WRITE).communicate(timeout=60)
    after = contents(run)
    runner.terminate()
    runner.communicate(timeout=60)
    assert out.splitlines() == [f"run {NAME}: in use by process {runner.pid}; wait for it, or choose another name"] * 5
    assert error == "" and after == before


def test_notebooks_that_were_opened_by_hand_wait_for_each_other(project):
    first = opened_by_hand(
        project, "with runs.writing(folder):\n  print('writes', flush=True), input()\n  (folder / 'one').touch()"
    )
    assert first.stdout.readline() == "writes\n"
    second = opened_by_hand(
        project, "print('comes', flush=True)\nwith runs.writing(folder):\n  print((folder / 'one').exists())"
    )
    assert second.stdout.readline() == "comes\n"
    first.communicate("\n", timeout=60)
    assert second.communicate(timeout=60) == ("True\n", "") and first.returncode == second.returncode == 0


def test_a_runner_waits_for_a_notebook_that_is_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNNER_PATIENCE", 60)
    done = threading.Event()

    def work():
        with runs.lock(tmp_path):
            done.set()

    runner = threading.Thread(target=work)
    with runs.writing(tmp_path):
        runner.start()
        assert not done.is_set()
    runner.join(timeout=60)
    assert done.is_set()


def test_a_runner_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNNER_PATIENCE", 0.1)
    with runs.writing(tmp_path), pytest.raises(errors.RunInUse, match="in use by another process"), runs.lock(tmp_path):
        pass


def test_the_kernel_of_a_runner_writes_into_its_run(project):
    project.notebook(
        "01_eda",
        "from helpers import plots\nplots.show(plots.new()[0], 'it', 'a caption', 'a description', folder)",
        "runs.save_json(folder, 'dataset.json', {})",
    )
    code, _, error = project.run("--only", "eda")
    assert code == 0, error
    outputs = runs.load_manifest(project.outputs / NAME).stages["eda"].outputs
    assert {"dataset.json", "figures/it.png"} <= outputs.keys()


TRAIN = """
from helpers import data, recipes, training


def wait(history, step, steps):
    if not history and step == 1:
        print("trains", flush=True), input()


training.train(data.load("digits"), recipes.choose("fast"), folder=folder, progress=wait)
"""


def test_a_training_by_hand_that_ends_beside_a_runner_leaves_nothing(project):
    by_hand = opened_by_hand(project, TRAIN)
    assert by_hand.stdout.readline() == "trains\n"
    project.notebook("01_eda", HANG)
    runner = project.start("--only", "eda")
    run = project.outputs / NAME
    wait_for(run / "pid", runner)
    _, error = by_hand.communicate("\n", timeout=60)
    runner.terminate()
    runner.communicate(timeout=60)
    assert by_hand.returncode == 1 and f"RunInUse: run {NAME}: in use by process {runner.pid}" in error
    assert not list((run / "checkpoints").iterdir())
    assert not [name for name in TRAINED if (run / name).exists()]


def test_the_kernel_of_a_killed_runner_is_waited_for(project):
    project.notebook("03_training", HANG)
    process = project.start("--only", "training")
    run = project.outputs / NAME
    number = int(wait_for(run / "pid", process))
    (kernel,) = json.loads((run / ".holder.json").read_text())["kernels"]
    assert kernel[0] == number and runs.is_alive(*kernel) and not runs.is_alive(number, 0)
    process.kill()
    process.communicate(timeout=60)
    (run / "notebooks" / ".half.ipynb.0123abcd.partial").write_text("left behind")
    mine = run / "notebooks" / ".notes.partial.md"
    mine.write_text("of the user")
    code, out, error = project.run("--only", "eda")
    assert code == 0 and states(out) == {"eda": "done"}, error
    assert not runs.is_alive(*kernel) and list(run.rglob(".*.partial*")) == [mine]


def test_a_kernel_that_outlives_its_runner_keeps_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE", 0.3)
    alive = [os.getpid(), psutil.Process().create_time()]
    holder = {"runner": [4000000, 1.5], "kernels": [[4000001, 2.5], alive]}
    (tmp_path / ".holder.json").write_text(json.dumps(holder | {"folder": runs.identity(tmp_path)}))
    with (
        pytest.raises(errors.RunInUse, match=f"process {os.getpid()}, left by a dead runner"),
        runs.lock(tmp_path),
    ):
        pass


def test_the_next_kernel_has_imported_and_holds_no_names(project):
    ready = "import sys\nready = 'colorsys' in sys.modules and 'colorsys' not in globals()"
    project.notebook("01_eda", ready, "import colorsys\n(folder / 'dataset.json').write_text(str(ready))")
    assert project.run("--only", "walkthrough", "eda")[0] == 0
    assert (project.outputs / NAME / "dataset.json").read_text() == "True"


def test_a_kernel_that_imported_helpers_before_they_changed_is_not_taken(project):
    module, imported = project.folder / "helpers" / "plots" / "__init__.py", project.folder / "imported"
    told = f"__import__('pathlib').Path({str(imported)!r}).write_text('yes')"
    module.write_text(f"{module.read_text()}\nMARK = 'old'\n{told}\n")
    project.notebook("00_walkthrough", WAIT, *MADE["00_walkthrough"])
    project.notebook("01_eda", "from helpers import plots\n(folder / 'dataset.json').write_text(plots.MARK)")
    process = project.start("--only", "walkthrough", "eda")
    wait_for(imported, process)
    module.write_text(module.read_text().replace("'old'", "'new'"))
    (project.outputs / NAME / "go").touch()
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    assert (project.outputs / NAME / "dataset.json").read_text() == "new"


@pytest.mark.parametrize("dies", ["the kernel", "the runner"])
def test_a_prepared_kernel_that_dies_is_replaced_and_none_is_left(project, dies):
    project.notebook("00_walkthrough", WAIT, *MADE["00_walkthrough"])
    process, run = project.start("--only", "walkthrough", "eda"), project.outputs / NAME
    number = int(wait_for(run / "pid", process))
    kernels = json.loads((run / ".holder.json").read_text())["kernels"]
    (other,) = [kernel for kernel in kernels if kernel[0] != number]
    os.kill(other[0] if dies == "the kernel" else process.pid, signal.SIGKILL)
    (run / "go").touch()
    code = process.wait(timeout=60)
    assert code == 0 if dies == "the kernel" else code == -signal.SIGKILL
    if code:
        assert project.run("--only", "walkthrough", "eda")[0] == 0
    assert not any(runs.is_alive(*kernel) for kernel in kernels)


def test_a_kernelspec_in_the_users_folder_is_not_taken(project, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    code, _, error = project.run("--only", "eda", JUPYTER_PATH=str(tmp_path / "jupyter"))
    assert code == 0, error


def test_a_parameter_that_no_notebook_declares_is_an_error_before_any_kernel(project):
    few = 'run: str = "interactive"  # x\ndataset: str = "auto"  # x\nrecipe: str = "x"  # x'
    for name in ("00_walkthrough", "01_eda", "02_prototyping", "03_training", "04_results"):
        project.notebook(name, parameters=few)
    code, _, error = project.run()
    assert (
        code == 2
        and error.startswith("error: parameter seed: no notebook declares it")
        and not project.outputs.exists()
    )
    project.notebook(
        "03_training",
        parameters=few + '\nseed: str = ""  # x',
    )
    code, _, error = project.run()
    assert code == 2 and "parameter seed: 0 is not of type str" in error and not project.outputs.exists()


def test_only_results_needs_training(project):
    code, _, error = project.run("--only", "results")
    assert code == 2 and "needs training" in error and not project.outputs.exists()


def test_a_run_with_other_parameters_is_refused_with_the_difference(project):
    assert project.run("--run", "mine", "--epochs", "3", "--only", "eda")[0] == 0
    code, _, error = project.run("--run", "mine", "--epochs", "4", "--only", "eda")
    assert code == 2 and "epochs was 3, is 4" in error
    assert states(project.run("--run", "mine", "--only", "eda")[1]) == {"eda": "up to date"}
    assert project.run("--run", "mine", "--epochs", "4", "--force")[0] == 0
    assert json.loads((project.outputs / "mine" / "run.json").read_text())["parameters"]["epochs"] == 4


def test_two_seeds_stand_beside_each_other_on_the_index(ran):
    assert ran.run("--seed", "1")[0] == 0
    index = (ran.outputs / "index.html").read_text()
    for seed in (0, 1):
        assert f"digits-balanced-10epochs-seed{seed}/reports/04_results.html" in index


def test_paths_of_the_machine_stay_out_of_reports(project):
    project.notebook(
        "01_eda", "import os\nprint(files.PROJECT, os.path.expanduser('~/secret'))\nraise OSError(str(files.PROJECT))"
    )
    project.run("--only", "eda", HOME="/home/somebody-private")
    run = project.outputs / NAME
    for path in (run / "reports" / "01_eda.html", run / "notebooks" / "01_eda.ipynb"):
        text = path.read_text()
        assert str(project.folder) not in text and "somebody-private" not in text


def test_results_never_judge_a_model_that_training_did_not_leave(ran):
    (ran.outputs / NAME / "model.safetensors").unlink()
    code, _, error = ran.run("--only", "results", "--force")
    assert code == 2 and "needs training, which is not done or not whole" in error


def test_an_accuracy_of_another_model_is_not_shown(ran):
    assert "50.00%" in (ran.outputs / "index.html").read_text()
    ran.notebook(
        "03_training",
        *(f"(folder / {name!r}).write_text('other')" for name in TRAINED),
        "(folder / 'model.json').write_text('{}')",
        "(folder / 'history.csv').write_text('epoch,seconds')",
    )
    code, out, _ = ran.run("--only", "training")
    assert code == 0 and "test accuracy" not in out
    index = (ran.outputs / "index.html").read_text()
    assert "50.00%" not in index and "results are of an earlier model" in index


def test_a_run_started_over_with_other_parameters_keeps_nothing_of_the_old(ran):
    ran.notebook("00_walkthrough", "raise ValueError")
    assert ran.run("--run", NAME, "--seed", "1", "--force")[0] == 1
    run = ran.outputs / NAME
    assert not (run / "metrics.json").exists() and not (run / "reports" / "04_results.html").exists()
    assert "50.00%" not in (ran.outputs / "index.html").read_text()


@pytest.mark.parametrize(
    "content",
    [
        '{"stages": []}',
        '{"parameters": [], "stages": {"eda": {}}}',
        '{"stages": {"eda": {"state": "done"}}}',
        "[1]",
        "{",
    ],
)
def test_a_damaged_run_harms_no_other(project, content):
    for name in ("other", "mine"):
        (project.outputs / name).mkdir(parents=True)
        (project.outputs / name / "run.json").write_text(content)
    code, out, error = project.run("--run", "mine", "--only", "eda")
    assert code == 0, error
    assert states(out) == {"eda": "done"} and "mine" in (project.outputs / "index.html").read_text()


def change_manifest(folder, change):
    """Change a run's manifest as a dictionary, and write it with the digest that it then has."""
    path = folder / "run.json"
    content = json.loads(path.read_text())
    del content["digest"]
    change(content)
    path.write_text(json.dumps(content | {"digest": files.digest(content)}))


def change_file(folder, name, content):
    """Change a file of a run, and its digest in the manifest with it."""
    (folder / name).write_text(content)
    digest = files.file_digest(folder / name)
    stage = "results" if name == "metrics.json" else "training"
    change_manifest(folder, lambda manifest: manifest["stages"][stage]["outputs"].update({name: digest}))


def change_parameter(folder, name, value):
    """Change a parameter in a run's manifest."""
    change_manifest(folder, lambda manifest: manifest["parameters"].update({name: value}))


def change_record(folder, name, value):
    """Change a field of the record of `eda` in a run's manifest."""
    change_manifest(folder, lambda manifest: manifest["stages"]["eda"].update({name: value}))


def change_dataset(folder, name, value):
    """Change what a run's manifest says of the dataset."""
    change_manifest(folder, lambda manifest: manifest["dataset"].update({name: value}))


DAMAGED = {
    "nan": lambda run: change_parameter(run, "learning_rate", float("nan")),
    "infinite": lambda run: change_parameter(run, "seed", float("inf")),
    "half-name": lambda run: change_dataset(run, "title", "\ud800"),
    "half-message": lambda run: change_record(run, "message", "\ud800"),
    "deep": lambda run: (run / "run.json").write_text("[" * 100_000),
    "list": lambda run: change_parameter(run, "recipe", ["fast"]),
    "place": lambda run: change_dataset(run, "data_dir", "a\0b"),
    "model": lambda run: change_file(run, "model.json", '{"recipe": ["fast"]}'),
    "history": lambda run: change_file(run, "history.csv", "epoch,train_loss\n1,much\n"),
}
HOLDER = {"runner": [-5, 1], "kernels": [[-5, 1], [1e30, 2], ["x", 3], 4]}
ODD = {
    "holder": lambda run: (run / ".holder.json").write_text("[1]"),
    "numbers": lambda run: files.write_json(run / ".holder.json", HOLDER | {"folder": runs.identity(run)}),
    "moment": lambda run: change_record(run, "started", "0001-01-01T00:00:00+14:00"),
    "number": lambda run: change_parameter(run, "recipe", 5),
    "metrics": lambda run: change_file(run, "metrics.json", '{"test": {"accuracy": "x", "accuracy_ci95": "yz"}}'),
}


@pytest.fixture
def damaged(ran):
    """A project with a good run, and one damaged in each way of DAMAGED and ODD."""
    (ran.outputs / NAME).rename(ran.outputs / "good")
    for name, damage in (DAMAGED | ODD).items():
        shutil.copytree(ran.outputs / "good", ran.outputs / name)
        damage(ran.outputs / name)
    return ran


def test_damaged_runs_are_listed_as_unreadable_and_the_others_live(damaged):
    (damaged.outputs / os.fsdecode(b"\xff")).mkdir()
    (damaged.outputs / os.fsdecode(b"\xff") / "run.json").touch()
    for arguments in (["--list"], ["--dry-run"], ["--run", "good", "--only", "eda"]):
        code, _, error = damaged.run(*arguments)
        assert code == 0 and error == "", (arguments, error)
    page = (damaged.outputs / "index.html").read_text()
    assert page.count(">failed: its files cannot be read<") == len(DAMAGED) + 1
    rows = files.parse_json(page.split('id="data">')[1].split("</script>")[0])  # refuses NaN
    assert len(rows) == len(DAMAGED | ODD) + 2 and "good/reports/01_eda.html" in page


def test_a_command_on_a_damaged_run_ends_without_a_traceback(damaged):
    for name in ("nan", "list", "holder", "moment", "metrics"):
        for arguments in (["--only", "eda"], ["--only", "eda", "--dataset", "digits"]):
            code, _, error = damaged.run("--run", name, *arguments, dataset=None)
            assert (code, error) == (0, "") or (code == 2 and error.startswith(f"error: --run {name}: its run.json "))


def test_looking_at_a_damaged_run_raises_nothing_but_the_projects_own_errors(damaged):
    for name in DAMAGED | ODD:
        for dataset in (None, "digits"):
            with contextlib.suppress(errors.ProjectError):
                plan.plan(settle(Wishes(run=name, dataset=dataset, only=("eda",)), damaged.outputs))
        with contextlib.suppress(errors.ProjectError):
            runner.render_all(damaged.outputs / name)


def test_a_magic_or_a_syntax_error_is_the_kernels_business(project):
    project.notebook("01_eda", "%matplotlib inline\n(folder / 'dataset.json').write_text('{}')")
    assert project.run("--only", "eda")[0] == 0
    project.notebook("01_eda", "x = = 1")
    code, _, error = project.run("--only", "eda")
    assert code == 1 and "SyntaxError" in error and "Traceback" not in error


def test_an_endless_error_message_is_cut(project):
    project.notebook("01_eda", "raise ValueError('\\x1b[2J' + 'line\\n' * 3000)")
    code, _, error = project.run("--only", "eda")
    assert code == 1 and error.count("\n") <= 5 and "\x1b" not in error


def test_results_do_not_judge_a_model_of_older_code_in_silence(project):
    project.notebook("03_training", "from helpers import training", *MADE["03_training"])
    assert project.run("--only", "training", "results")[0] == 0
    module = project.folder / "helpers" / "models.py"
    module.write_text(module.read_text() + "\n# a change\n")
    code, _, error = project.run("--only", "results")
    assert code == 2 and "needs training, which is out of date (helper changed: helpers/models.py)" in error
    assert "add it, or --force" in error
    code, _, error = project.run("--only", "results", "--force")
    assert code == 0, error
    page = (project.outputs / NAME / "reports" / "04_results.html").read_text()
    assert (
        "The stage training, on whose files this page rests, is out of date (helper changed: helpers/models.py)."
        in page
    )


@pytest.mark.skipif(machine.cores() < 2, reason="needs two cores")
def test_another_number_of_threads_is_told_and_trains_nothing(ran):
    code, out, _ = ran.run("--only", "training", OMP_NUM_THREADS="2")
    assert code == 0 and states(out) == {"training": "up to date"}
    assert "note: threads were 1 when it was trained, and are 2: other weights" in out


def test_threads_are_told_only_where_expectation_and_measurement_have_changed(ran):
    for threads, threads_expected, told in ((5, 1, False), (1, 7, False), (5, 7, True)):
        manifest = runs.load_manifest(ran.outputs / NAME)
        manifest.stages["training"].threads = threads
        manifest.stages["training"].threads_expected = threads_expected
        runs.save_manifest(ran.outputs / NAME, manifest)
        out = ran.run("--only", "training", OMP_NUM_THREADS="1")[1]
        assert ("note: threads were 5 when it was trained, and are 1: other weights" in out) == told


@pytest.mark.parametrize("said", ["0", "1,2", "one core", "set in the notebook"])
def test_the_threads_of_a_stage_are_those_that_its_kernel_had(project, said):
    choice = "torch.set_num_threads(5)" if said == "set in the notebook" else ""
    show = "(folder / 'dataset.json').write_text(str(torch.get_num_threads()))"
    project.notebook("01_eda", f"import torch\n{choice}", f"_ = {show}")
    before = os.sched_getaffinity(0)
    if said == "one core":
        os.sched_setaffinity(0, {min(before)})
    try:
        code, _, error = project.run("--only", "eda", OMP_NUM_THREADS=said if said[0].isdigit() else "")
    finally:
        os.sched_setaffinity(0, before)
    assert code == 0, error
    run = project.outputs / NAME
    had = int((run / "dataset.json").read_text())
    assert runs.load_manifest(run).stages["eda"].threads == had
    assert {"1,2": 1, "one core": 1, "set in the notebook": 5}.get(said, had) == had
    cells = nbformat.read(run / "notebooks" / "01_eda.ipynb", 4).cells
    assert not [output for cell in cells for output in cell.get("outputs", [])]


def test_what_a_stage_ran_under_is_not_rewritten_by_another(ran):
    before = runs.load_manifest(ran.outputs / NAME).stages["training"]
    assert before.versions["torch"] and before.machine["cores"] == os.cpu_count()
    module = ran.folder / "pipeline" / "machine.py"
    module.write_text(module.read_text().replace('PACKAGES = ("torch", ', "PACKAGES = ("))
    assert ran.run("--only", "results", "--force")[0] == 0
    manifest = runs.load_manifest(ran.outputs / NAME)
    assert manifest.stages["training"] == before and "torch" not in manifest.stages["results"].versions
    assert not {"commit", "versions", "machine", "threads"} & manifest.model_dump().keys()


RELOAD = f"""
if not (folder / "model.json").exists():
    for name in {TRAINED!r}:
        (folder / name).write_text({METRICS!r})
"""


def test_a_model_that_was_reloaded_keeps_the_record_of_who_trained_it(project):
    project.notebook("03_training", RELOAD)
    assert project.run("--only", "training")[0] == 0
    run = project.outputs / NAME
    manifest = runs.load_manifest(run)
    trained = {"commit": "then", "versions": {"torch": "1"}, "machine": {"cores": 99}, "threads": 7}
    manifest.stages["training"] = manifest.stages["training"].model_copy(update=trained)
    runs.save_manifest(run, manifest)

    def origin(code, *cells):
        project.notebook("03_training", *cells)
        assert project.run("--only", "training")[0] == code
        record = runs.load_manifest(run).stages["training"]
        return {name: getattr(record, name) for name in trained}

    assert origin(0, RELOAD, "'drawn again'") == trained
    assert origin(1, RELOAD, "raise ValueError") == trained
    assert origin(0, RELOAD, "'drawn once more'") == trained
    assert origin(0, *MADE["03_training"])["machine"]["cores"] == os.cpu_count()  # the same model, trained again
    (run / "run.json").unlink()
    assert project.run("--only", "training", "--force")[0] == 0
    assert runs.load_manifest(run).stages["training"].versions["torch"] != "1"


def test_of_a_model_that_nobody_knows_who_trained_nothing_is_claimed(project):
    project.notebook("03_training", RELOAD)
    assert project.run("--only", "training")[0] == 0
    (project.outputs / NAME / "run.json").write_text("{")
    assert project.run("--only", "training")[0] == 0
    record = runs.load_manifest(project.outputs / NAME).stages["training"]
    assert (record.state, record.commit, record.versions, record.machine) == ("done", None, {}, {})


def test_a_run_that_was_renamed_goes_on_under_its_new_name(ran):
    (ran.outputs / NAME).rename(ran.outputs / "renamed")
    shutil.copytree(ran.outputs / "renamed", ran.outputs / "copied")
    before = {path.name: path.read_bytes() for path in (ran.outputs / "copied").iterdir() if path.is_file()}
    for name in ("renamed", "copied"):
        code, out, error = ran.run("--run", name, "--only", "results")
        assert code == 0 and states(out) == {"results": "up to date"}, error
        manifest = json.loads((ran.outputs / name / "run.json").read_text())
        assert manifest["run"] == manifest["parameters"]["run"] == name
        assert f"run {name}" in (ran.outputs / name / "reports" / "04_results.html").read_text()
    for name in ("model.safetensors", "metrics.json", "dataset.json"):
        assert (ran.outputs / "copied" / name).read_bytes() == before[name]


def test_a_folder_of_another_run_is_not_taken_for_the_one_of_that_name(project):
    assert project.run("--run", "a", "--seed", "5", "--only", "eda")[0] == 0
    (project.outputs / "a").rename(project.outputs / NAME)
    code, _, error = project.run("--only", "eda")
    assert code == 2 and f"--run {NAME}: holds another run (seed was 5, is 0)" in error
    assert (project.outputs / NAME / "dataset.json").is_file()


def test_starting_over_deletes_what_is_the_projects_and_says_so(ran):
    run = ran.outputs / NAME
    mine = ("checkpoints/notes.txt", "checkpoints/epoch-notes.txt", "notes.txt", "reports/mine.html")
    for note in mine:
        (run / note).write_text("mine")
    (run / "checkpoints" / "epoch-001.pt").write_text("of the project")
    code, out, error = ran.run("--run", NAME, "--seed", "1", "--force")
    assert code == 0, error
    (line,) = [line for line in out.splitlines() if "run.json" in line]
    assert line.startswith("note: started over, and deleted: ") and "checkpoints/epoch-001.pt" in line
    assert "notes.txt" not in line and not (run / "checkpoints" / "epoch-001.pt").exists()
    assert all((run / note).read_text() == "mine" for note in mine)


@pytest.mark.parametrize("kind", ["a folder", "a link"])
def test_starting_over_stops_before_the_first_deletion(ran, kind):
    run = ran.outputs / NAME
    outside = ran.folder / "outside"
    outside.write_text("of the user")
    (run / "metrics.json").unlink()
    if kind == "a folder":
        (run / "metrics.json").mkdir()
    else:
        (run / "metrics.json").symlink_to(outside)
    code, _, error = ran.run("--run", NAME, "--seed", "1", "--force")
    assert code == 2 and error.count("\n") == 1 and "metrics.json" in error
    assert (run / "model.safetensors").is_file() and (run / "run.json").is_file()
    assert outside.read_text() == "of the user"


@pytest.mark.parametrize("path", ["../victim", "/etc/hostname", "figures/../../victim", "link/victim"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(ran, path):
    run = ran.outputs / NAME
    victim = ran.outputs / "victim"
    victim.write_text("of the user")
    (run / "link").symlink_to(ran.outputs)
    manifest = runs.load_manifest(run)
    manifest.stages["eda"].outputs[path] = files.file_digest(victim)
    runs.save_manifest(run, manifest)
    for arguments in (("--seed", "1", "--force"), ("--only", "eda")):
        code, _, error = ran.run("--run", NAME, *arguments)
        assert code == 2 and error.startswith(f"error: --run {NAME}: its run.json names a file outside its folder")
        assert error.count("\n") == 1
    assert victim.read_text() == "of the user" and (run / "dataset.json").is_file()


@pytest.mark.parametrize("subfolder", ["figures", "checkpoints", "reports", "notebooks"])
def test_a_subfolder_that_is_a_link_is_refused(project, subfolder):
    outside = project.folder / "outside"
    outside.mkdir()
    (project.outputs / "mine").mkdir(parents=True)
    (project.outputs / "mine" / subfolder).symlink_to(outside)
    code, _, error = project.run("--run", "mine", "--only", "eda")
    assert code == 2 and error.startswith(f"error: --run mine: {subfolder} in it is a link")
    assert not list(outside.iterdir())


def test_pages_in_a_folder_that_leads_out_are_neither_linked_nor_packed(ran):
    run, elsewhere = ran.outputs / NAME, ran.folder / "elsewhere"
    (run / "reports").rename(elsewhere)
    (run / "reports").symlink_to(elsewhere)
    before = contents(elsewhere)
    row = index.row_of(run)
    assert row["reports"] == [] and row["zip"] == "" and row["state"] == "reports in it is a link"
    (run / "reports.zip").unlink()
    with pytest.raises(errors.BadInput, match="reports in it is a link; move it away"):
        runner.render_all(run)
    assert not (run / "reports.zip").exists() and contents(elsewhere) == before


def test_strange_files_among_the_reports_are_neither_linked_nor_mailed(project):
    assert project.run("--only", "eda")[0] == 0
    reports = project.outputs / NAME / "reports"
    (reports / "05_x.html").symlink_to("/etc/passwd")
    (reports / "05_<img src=x onerror=alert(1)>.html").write_text("hello")
    (reports / "01_eda.html").unlink()
    (reports / "01_eda.html").symlink_to("/etc/passwd")
    assert states(project.run("--only", "eda")[1]) == {"eda": "up to date"}
    page = reports / "01_eda.html"
    assert not page.is_symlink() and "onerror" not in page.read_text() and "root:x" not in page.read_text()
    with zipfile.ZipFile(project.outputs / NAME / "reports.zip") as archive:
        assert archive.namelist() == [f"{NAME}/01_eda.html"]


def test_a_manifest_that_was_edited_is_not_believed(project):
    assert project.run("--only", "training", "results")[0] == 0
    path = project.outputs / NAME / "run.json"
    text = path.read_text()
    for old, new in (
        ('"seed": 0', '"seed": 7'),
        ('"value": 0.5', '"value": 0.9999'),
        ('"state": "done"', '"state": "failed"'),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        assert runs.load_manifest(path.parent) is None
        index.write_index(project.outputs)
        page = (project.outputs / "index.html").read_text()
        assert "its files cannot be read" in page and "99.99%" not in page
    code, _, error = project.run("--only", "results", "--run", NAME, dataset=None)
    assert code == 2 and "its run.json is not as it was written" in error and "name its --dataset" in error
    pages = sorted((path.parent / "reports").glob("*.html"))
    code, out, _ = project.run("--only", "training")
    assert code == 0 and states(out) == {"training": "done"}
    assert "note: the run.json of this run is not as it was written" in out
    assert sorted((path.parent / "reports").glob("*.html")) == pages  # none is deleted
    with zipfile.ZipFile(path.parent / "reports.zip") as archive:
        assert archive.namelist() == [f"{NAME}/03_training.html"]


def test_the_index_shows_nothing_that_was_edited(ran):
    (ran.outputs / NAME / "metrics.json").write_text(METRICS.replace("0.5", "0.9999"))
    (ran.outputs / NAME / "history.csv").write_text("nan")
    index.write_index(ran.outputs)
    page = (ran.outputs / "index.html").read_text()
    assert "99.99%" not in page and "50.00%" not in page and "changed since training ran" in page


def test_a_training_never_goes_on_from_a_checkpoint_that_it_did_not_leave(project):
    keep = "path = folder / 'checkpoints' / 'epoch-001.pt'\n"
    keep += "(folder / 'found.txt').write_text(str(path.exists()))\npath.write_text('whole')"
    project.notebook("03_training", "\n".join([*MADE["03_training"], keep]))
    assert project.run("--only", "training")[0] == 0
    run = project.outputs / NAME
    checkpoint = run / "checkpoints" / "epoch-001.pt"
    (run / "model.json").unlink()
    assert project.run("--only", "training")[0] == 0
    assert (run / "found.txt").read_text() == "True"  # as it was left, it may be used
    checkpoint.write_text("other weights")
    checkpoint.with_suffix(".sha256").write_text("of the other weights")
    (run / "model.json").unlink()
    code, out, _ = project.run("--only", "training")
    assert code == 0 and "checkpoints/epoch-001.pt is not as the training left it, and was set aside" in out
    assert (run / "found.txt").read_text() == "False"
    assert checkpoint.with_suffix(".damaged").read_text() == "other weights"
    assert not checkpoint.with_suffix(".sha256").exists()


def test_a_stage_that_failed_has_left_nothing_of_the_attempt_before(ran):
    ran.notebook("01_eda", "raise ValueError('no')")
    assert ran.run("--only", "eda")[0] == 1
    assert (ran.outputs / NAME / "dataset.json").is_file()
    record = runs.load_manifest(ran.outputs / NAME).stages["eda"]
    assert (record.state, list(record.outputs)) == ("failed", ["notebooks/01_eda.ipynb"])


def test_a_model_json_that_was_edited_is_not_taken_for_a_finished_training(project):
    find = "(folder / 'found.txt').write_text(str((folder / 'model.json').exists()))"
    project.notebook("03_training", "\n".join([find, *MADE["03_training"]]))
    assert project.run("--only", "training")[0] == 0
    run = project.outputs / NAME
    (run / "model.json").write_text('{"temperature": 5.0}')
    code, out, _ = project.run("--only", "training")
    assert code == 0 and "note: model.json is not as the training left it, and was set aside" in out
    assert (run / "found.txt").read_text() == "False" and (run / "model.damaged").is_file()


def test_the_terminal_shows_no_accuracy_of_metrics_that_have_changed(ran):
    assert "test accuracy 50.00%" in ran.run("--only", "eda")[1]
    (ran.outputs / NAME / "metrics.json").write_text(METRICS.replace("0.5", "0.6"))
    code, out, _ = ran.run("--only", "eda")
    assert code == 0 and "60.00%" not in out and "50.00%" not in out and "no test accuracy is shown" in out


def test_an_accuracy_on_other_images_is_not_shown(ran):
    folder = ran.outputs / NAME
    manifest = runs.load_manifest(folder)
    assert manifest.test_accuracy is not None
    manifest.dataset.fingerprint = "other images"
    assert manifest.test_accuracy is None
    runs.save_manifest(folder, manifest)
    row = index.row_of(folder)
    assert row["accuracy"] == "" and "of other images" in row["state"]


def test_a_link_on_the_index_leads_into_the_run_whatever_its_name(ran):
    shutil.copytree(ran.outputs / NAME, ran.outputs / "javascript:alert(1)<!--")
    row = index.row_of(ran.outputs / "javascript:alert(1)<!--")
    assert row["zip"].startswith("javascript%3Aalert") and all(
        link.startswith("javascript%3A") for _, link in row["reports"]
    )


def test_only_what_the_project_began_to_write_is_cleared_away(project):
    run = runs.open_run("it", project.outputs)
    own = [run / "reports" / ".my.partial-thoughts.txt", run / ".notes.partial.md", run / ".a.partial"]
    begun = run / "figures" / ".loss.png.0123abcd.partial"
    for path in (*own, begun):
        path.write_text("x")
    with runs.lock(run):
        assert all(path.exists() for path in own) and not begun.exists()


def test_a_pipe_in_one_run_holds_up_no_command(ran):
    run = ran.outputs / NAME
    (run / "metrics.json").unlink()
    os.mkfifo(run / "metrics.json")
    assert index.row_of(run)["accuracy"] == "" and files.file_digest(run / "metrics.json") is None
    assert files.read_json(run / "metrics.json") is None


@pytest.mark.parametrize("name", ["reports/01_eda.html", "reports.zip", ".holder.json", "notebooks/01_eda.ipynb"])
def test_a_folder_in_place_of_a_file_is_named_with_the_way_out(project, name):
    run = runs.open_run(NAME, project.outputs)
    (run / name).mkdir()
    code, _, error = project.run("--only", "eda")
    assert code == 1
    assert error == f"error: {run / name}: a folder where a file has to be; move it away\n"
    assert (run / name).is_dir() and not list(run.rglob(f".*{files.PARTIAL}*"))
    (run / name).rmdir()
    code, _, error = project.run("--only", "eda")
    assert code == 0 and error == "", error


def test_a_model_that_was_trained_by_hand_is_not_trained_over(project):
    run = runs.open_run("hand", project.outputs)
    (run / "model.json").write_text("{}")
    code, _, error = project.run("--run", "hand", "--only", "training")
    assert code == 2 and "holds a model that no command has left there" in error
    assert (run / "model.json").read_text() == "{}"
    assert project.run("--run", "hand", "--only", "training", "--force")[0] == 0


def test_a_figure_belongs_to_the_stage_that_drew_it(project):
    for stage, name in (("00_walkthrough", "first"), ("01_eda", "second")):
        draw = f"(folder / 'figures' / '{name}.png').write_bytes(b'{name}')"
        project.notebook(stage, "\n".join([draw, *MADE[stage]]))
    assert project.run("--only", "walkthrough", "eda")[0] == 0
    stages = runs.load_manifest(project.outputs / NAME).stages
    drawn = {name: [path for path in record.outputs if path.startswith("figures/")] for name, record in stages.items()}
    assert drawn == {"walkthrough": ["figures/first.png"], "eda": ["figures/second.png"]}
