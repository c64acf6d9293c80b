"""Runs of a grid: here and on a cluster the same files; failures, signals and lost workers."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from made_grids import point

from helpers import errors
from pipeline import dispatch, worker
from pipeline.grids import Outcome

SEEDS = ("--seed", "0", "1")
FAILS = """
if seed == 1:
    raise errors.TrainingDiverged("the loss is not a number")
"""


def content(folder):
    """Return {path: what of a run's file must not depend on when it was made}."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or name in (".lock", "reports/.rendered.json", "reports.zip"):
            continue
        found[name] = path.read_bytes()
        if path.suffix == ".html":
            found[name] = None  # it says when its run began
        elif path.suffix == ".ipynb":
            found[name] = json.loads(found[name])
            for cell in found[name]["cells"]:
                cell["metadata"].pop("execution", None)  # when each cell began and ended
        elif name == "run.json":
            found[name] = json.loads(found[name])
            del found[name]["digest"]
            for record in found[name]["stages"].values():
                del record["started"], record["seconds"]
                record["outputs"] = {path: known for path, known in record["outputs"].items() if ".ipynb" not in path}
    return found


def wait_until(condition, process=None, seconds=120):
    """Look again and again until a condition holds; fail where the process ends before, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        if process is not None and process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {process.communicate()}")
        time.sleep(0.02)


def jobs_of(process):
    """Return the children of a process that run a point of a grid, and those that these have started."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_in_notebook(project):
    """Let the notebook of the EDA leave a file `begun-...` in the project, and then wait for one called `go`."""
    project.notebook(
        "01_eda",
        f"import os, pathlib, time\nplace = pathlib.Path({str(project.folder)!r})",
        "(place / f'begun-{os.getpid()}').touch()",
        "while not (place / 'go').exists():\n    time.sleep(0.02)",
        "(folder / 'dataset.json').write_text('{}')",
    )


def begun(project):
    """Return how many notebooks have begun to wait."""
    return len(list(project.folder.glob("begun-*")))


def test_the_points_of_a_grid_are_the_runs_of_single_commands(project):
    code, out, error = project.run(*SEEDS, "--only", "eda", "training", "--threads", "1")
    assert code == 0, out + error
    project.outputs.rename(project.folder / "together")
    for seed in "01":
        assert project.run("--seed", seed, "--only", "eda", "training", "--threads", "1")[0] == 0
    names = [path.parent.name for path in sorted(project.outputs.glob("*/run.json"))]
    assert len(names) == 2
    for name in names:
        assert content(project.outputs / name) == content(project.folder / "together" / name)
    code, out, error = project.run(*SEEDS, "--only", "eda", "training", "--threads", "1")
    assert code == 0 and "2 up to date" in out, out + error


def test_a_point_that_fails_keeps_no_other_from_its_end(project):
    project.notebook("03_training", FAILS, "(folder / 'model.json').write_text('{}')")
    project.notebook("01_eda", FAILS, "(folder / 'dataset.json').write_text('{}')")
    code, out, error = project.run("--seed", "1", "0", "2", "--only", "eda", "--threads", "1")
    assert code == 1, out + error
    assert "seed1" in out + error and "the loss is not a number" in out + error
    assert "reports/01_eda.html" in out + error and "Traceback" not in error
    states = {}
    for path in sorted(project.outputs.glob("*/run.json")):
        states[json.loads(path.read_text())["seed"]] = json.loads(path.read_text())["stages"]["eda"]["state"]
    assert states == {0: "done", 1: "failed", 2: "done"}


def test_ctrl_c_ends_every_child_and_the_same_command_goes_on(project):
    wait_in_notebook(project)
    command = (*SEEDS, "--only", "eda", "--threads", "1")
    process = project.start(*command)
    wait_until(lambda: begun(project) == 2, process)
    children = jobs_of(process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command goes on" in error and "Traceback" not in error
    assert not psutil.wait_procs(children, timeout=0.5)[1]
    (project.folder / "go").touch()
    code, out, error = project.run(*command)
    assert code == 0, out + error


def test_a_killed_client_leaves_no_child_and_the_same_command_goes_on(project):
    wait_in_notebook(project)
    command = (*SEEDS, "--only", "eda", "--threads", "1")
    process = project.start(*command)
    wait_until(lambda: begun(project) == 2, process)
    children = jobs_of(process)
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(children, timeout=20)[1]
    (project.folder / "go").touch()
    code, out, error = project.run(*command)
    assert code == 0, out + error


@pytest.fixture
def cluster(project):
    """A function that starts a scheduler or a worker, in a folder of its own, and with words and environment."""
    started = []

    def start(kind, name, *words, **environment):
        place = project.folder / "cluster" / name
        place.mkdir(parents=True)
        surroundings = os.environ | {"PYTHONPATH": str(project.folder), "NO_COLOR": "1"} | environment
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"]
        with open(place / "log", "w") as log:
            process = subprocess.Popen(command, cwd=place, env=surroundings, stdout=log, stderr=log)
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        with contextlib.suppress(psutil.Error):
            for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                one.kill()
        process.wait()


def start_scheduler(cluster, project):
    """Start a scheduler; return its address."""
    file = project.folder / "scheduler.json"
    cluster("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
    wait_until(lambda: holds_json(file))  # it is there before all of it is written
    return json.loads(file.read_text())["address"]


def holds_json(file):
    """Return whether a file is there, and is whole JSON."""
    try:
        json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return True


def start_worker(cluster, name, address, *words, **environment):
    """Start a worker of one thread in a folder of its own."""
    return cluster("worker", name, address, "--nthreads", "1", "--no-nanny", "--name", name, *words, **environment)


def test_a_run_comes_back_from_a_cluster_as_it_would_be_here(project, cluster):
    address = start_scheduler(cluster, project)
    other = project.copy_to(project.folder.parent / f"{project.folder.name}-other")
    (other.folder / "helpers" / "errors.py").write_text((other.folder / "helpers" / "errors.py").read_text() + "#\n")
    start_worker(cluster, "one", address)
    start_worker(cluster, "odd", address, PYTHONPATH=str(other.folder))
    command = (*SEEDS, "--only", "eda", "training", "--threads", "1")
    code, out, error = project.run(*command, "--scheduler", address)
    assert code == 0, out + error
    assert "odd" in out and "errors.py" in out  # refused
    project.outputs.rename(project.folder / "there")
    assert project.run(*command)[0] == 0
    names = [path.parent.name for path in sorted(project.outputs.glob("*/run.json"))]
    assert len(names) == 2
    for name in names:
        assert content(project.outputs / name) == content(project.folder / "there" / name)
    assert not list((project.folder / "cluster" / "one").rglob("run.json"))  # nothing of it stays there


def test_a_lost_worker_and_a_killed_child_cost_a_run_and_no_file(project, cluster):
    wait_in_notebook(project)
    address = start_scheduler(cluster, project)
    workers = [start_worker(cluster, name, address) for name in ("one", "two")]
    process = project.start(*SEEDS, "--only", "eda", "--threads", "1", "--scheduler", address)
    wait_until(lambda: begun(project) == 2, process)
    [job] = [one for one in jobs_of(workers[1]) if "pipeline.job" in " ".join(one.cmdline())]
    workers[0].kill()
    job.kill()
    (project.folder / "go").touch()
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, out + error
    assert re.search("^worker one is gone; digits-balanced-10epochs-seed[01]-1threads starts again$", out, re.M), out
    assert len(list(project.outputs.glob("*/run.json"))) == 2 and not list(project.outputs.glob(".landing-*"))


def test_runs_whose_only_worker_has_gone_are_made_by_the_next(project, cluster):
    wait_in_notebook(project)
    hook = project.folder / "full.py"
    hook.write_text(
        "from pipeline import worker\n\ndef full(*_):\n    raise OSError('full')\n\nworker.run_apart = full\n"
    )
    address = start_scheduler(cluster, project)
    start_worker(cluster, "full", address, "--preload", str(hook))
    process = project.start(*SEEDS, "--only", "eda", "--threads", "1", "--scheduler", address)
    told = ""
    while "takes no more runs" not in told:
        told += process.stdout.readline()
        assert process.poll() is None, told
    good = start_worker(cluster, "good", address)
    wait_until(lambda: begun(project) == 1, process)
    good.kill()
    (project.folder / "go").touch()
    start_worker(cluster, "next", address)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, told + out + error


def test_a_worker_without_space_takes_no_more_runs(project, cluster):
    hook = project.folder / "full.py"
    hook.write_text(
        "import errno\nfrom pipeline import worker\n\n"
        "def full(*_):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n\nworker.run_apart = full\n"
    )
    address = start_scheduler(cluster, project)
    start_worker(cluster, "full", address, "--preload", str(hook))
    process = project.start(*SEEDS, "--only", "eda", "--threads", "1", "--scheduler", address)
    told = ""
    while "takes no more runs" not in told:  # whatever it was asked for first
        told += process.stdout.readline()
        assert process.poll() is None, told
    start_worker(cluster, "good", address)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, told + out + error
    assert "worker full takes no more runs: OSError: [Errno 28] No space left on device" in told


def test_where_all_workers_are_refused_the_command_ends(project, cluster):
    address = start_scheduler(cluster, project)
    other = project.copy_to(project.folder.parent / f"{project.folder.name}-other")
    (other.folder / "helpers" / "errors.py").write_text((other.folder / "helpers" / "errors.py").read_text() + "#\n")
    start_worker(cluster, "odd", address, PYTHONPATH=str(other.folder))
    code, out, error = project.run(*SEEDS, "--only", "eda", "--threads", "1", "--scheduler", address)
    assert code == 2 and "its worker cannot do what this machine does; update the code and" in error, out + error
    assert "is refused: helpers/errors.py differs from the one here; update the code or the packages there" in out
    assert not list(project.outputs.glob("*/run.json"))


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_where_no_scheduler_listens_that_is_told_at_once(host, monkeypatch):
    monkeypatch.setattr("distributed.Client", None)  # it would try again and again
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        pytest.raises(errors.BadInput, match="no Dask scheduler answers there"),
        dispatch.connect(1, f"tcp://{host}:{port}"),
    ):
        pass


def test_runs_begin_in_the_order_in_which_they_were_asked_for(project):
    wait_in_notebook(project)
    (project.folder / "go").touch()
    seeds = ("5", "3", "9", "1", "7")
    code, out, error = project.run("--seed", *seeds, "--only", "eda", "--threads", "1", "--jobs", "1")
    assert code == 0, out + error
    assert tuple(re.findall("seed([0-9])-1threads +started", out)) == seeds


def test_a_run_that_is_in_use_here_waits_until_it_can_be_put_in_its_place(tmp_path):
    told = []
    place = SimpleNamespace(in_use=True)

    def take(point, result):
        if place.in_use:
            raise errors.RunInUse("another process is at work on it", field="run", value=point.run)
        return result.outcome

    place.take = take
    board = SimpleNamespace(
        told=lambda point, fields: told.append(fields["text"]),
        finished=lambda point, outcome, seconds: told.append(outcome.code),
    )
    loop = dispatch.Loop(None, place, board, dispatch.Pages(None))
    result = worker.Result(Outcome(0), 1.0)
    loop.put_away(point(tmp_path), result)
    loop.put_away(point(tmp_path), result)  # said once, however often it is tried
    assert len(told) == 1 and told[0].startswith("has come back, and waits: ") and loop.held_up
    place.in_use = False
    loop.put_away(point(tmp_path), result)
    assert told[1:] == [0] and not loop.held_up and list(loop.outcomes.values()) == [Outcome(0)]
