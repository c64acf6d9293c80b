"""What has to be the same on a worker, and the plugin that asks each of them, in a cluster inside this process."""

import asyncio
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest
from conftest import ROOT

distributed = pytest.importorskip("distributed", reason="needs the extra `grid`")

from pipeline import inspection, machine  # noqa: E402

HERE = {
    "python": "3.11.7",
    "torch": "2.13.0+cpu",
    "torchvision": "0.28.0",
    "processor": "AVX512",
    "accelerators": "none",
    "helpers/runs.py": "1" * 64,
    "helpers/training.py": "2" * 64,
    "notebooks/01_eda.ipynb": "3" * 64,
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"torch": "2.10.0"}, "torch 2.10.0, here 2.13.0+cpu"),
        ({"torchvision": None}, "torchvision is not there"),
        ({"torch": None, "processor": None, "accelerators": None}, "torch is not there"),
        ({"processor": "AVX2"}, "processor AVX2, here AVX512"),
        ({"accelerators": "NVIDIA H100"}, "accelerators NVIDIA H100, here none"),
        ({"helpers/training.py": "0"}, "helpers/training.py differs from the one here"),
        ({"helpers/runs.py": None}, "helpers/runs.py is not there"),
        ({"helpers/new.py": "0"}, "helpers/new.py is not here"),
        (
            {"helpers/runs.py": None, "helpers/training.py": None, "notebooks/01_eda.ipynb": None},
            "this project is not there",
        ),
        (
            {"python": "3.12.1", "torch": "2.10.0", "helpers/runs.py": "0", "helpers/training.py": "0"},
            "python 3.12.1, here 3.11.7; torch 2.10.0, here 2.13.0+cpu; helpers/runs.py differs from the one here; "
            "and 1 more",
        ),
    ],
)
def test_a_difference_is_told_in_one_line(changes, told):
    there = {thing: value for thing, value in (HERE | changes).items() if value is not None}
    assert inspection.differences(HERE, there) == told


def copy_code(folder):
    """Copy what counts as code to a folder."""
    for name in inspection.FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


def test_each_file_of_code_counts_and_what_a_notebook_has_printed_does_not(tmp_path):
    code = inspection.code_in(copy_code(tmp_path))
    assert code == inspection.code_in(ROOT)
    assert {"helpers/cards/__init__.py", "pipeline/template/report.css", "notebooks/04_results.ipynb"} <= set(code)
    path = tmp_path / "notebooks" / "01_eda.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}], "execution_count": 7}
    path.write_text(json.dumps(notebook))
    (tmp_path / "helpers" / ".hidden.py").write_text("1")
    (tmp_path / "helpers" / "notes.txt").write_text("1")
    assert inspection.code_in(tmp_path) == code
    notebook["cells"][0]["source"] = ["another"]
    path.write_text(json.dumps(notebook))
    with open(tmp_path / "pipeline" / "template" / "report.css", "a") as file:
        file.write(" ")
    assert inspection.differences(code, inspection.code_in(tmp_path)) == (
        "pipeline/template/report.css differs from the one here; notebooks/01_eda.ipynb differs from the one here"
    )


def test_the_identity_holds_versions_code_and_what_torch_says(monkeypatch):
    monkeypatch.setattr(inspection, "ask_torch", lambda: {"processor": "AVX9", "accelerators": "none"})
    found = inspection.identity()
    assert set(machine.PACKAGES) <= set(found) and found["torch"] == importlib.metadata.version("torch")
    assert found["processor"] == "AVX9" and "pipeline/inspection.py" in found
    keys = {inspection.key_of(found | change, threads) for change in ({}, {"torch": "0"}) for threads in (1, 2)}
    assert len(keys) == 4 and inspection.key_of(dict(reversed(found.items())), 1) in keys


@pytest.mark.whole  # asks another Python
def test_torch_is_asked_in_another_process():
    import torch

    said = inspection.ask_torch()
    assert said["processor"] == torch.backends.cpu.get_cpu_capability() and said["accelerators"]


@pytest.mark.whole  # asks another Python
def test_a_torch_that_cannot_be_imported_is_told(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('libgomp.so.1 is missing')")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = inspection.ask_torch()
    assert said == {"processor": "unknown, since torch cannot be imported (ImportError: libgomp.so.1 is missing)"}
    assert inspection.differences(HERE, HERE | said).startswith("processor unknown, since torch")


def test_the_plugin_runs_where_this_project_is_not(tmp_path):
    """It is unpickled by a Python that cannot import pipeline, nor find any package but those of a cluster."""
    plugin = inspection.Inspection(HERE | {"python": machine.platform.python_version()}, "key", 1)
    cloudpickle.register_pickle_by_value(inspection)
    try:
        (tmp_path / "plugin").write_bytes(distributed.protocol.pickle.dumps(plugin))
    finally:
        cloudpickle.unregister_pickle_by_value(inspection)  # the tests below patch what is in this process
    code = (
        "import pickle, sys; sys.path[:] = [path for path in sys.path if path != sys.argv[2]];"
        "sys.meta_path[:] = [finder for finder in sys.meta_path if 'editable' not in str(finder).lower()];"
        "plugin = pickle.load(open(sys.argv[1], 'rb')); type(plugin).look.__globals__['ask_torch'] = dict;"
        "found = plugin.look(); told = type(plugin).setup.__globals__['differences'](plugin.identity, found);"
        "assert not {'pipeline', 'helpers', 'torch', 'pydantic'} & set(sys.modules); print(told)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code, str(tmp_path / "plugin"), str(ROOT)]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.startswith("this project is not there"), result.stderr


class Cluster:
    """A scheduler in this process, whose workers can be told to be of another identity, and a client."""

    def __init__(self, scheduler, client):
        self.scheduler = scheduler
        self.client = client

    async def told(self, count):
        """Return what workers have said, once they have said so much."""
        while len(said := await self.client.get_events("key")) < count:
            await asyncio.sleep(0.01)
        return [event for _, event in said]


def in_a_cluster(work):
    """Run the coroutine function `work`, which takes a Cluster, in a cluster without workers."""

    async def run():
        async with (
            distributed.Scheduler(protocol="inproc://", dashboard_address="127.0.0.1:0") as scheduler,
            distributed.Client(scheduler.address, asynchronous=True) as client,
        ):
            await asyncio.wait_for(work(Cluster(scheduler, client)), 60)

    with ThreadPoolExecutor(1) as thread:  # a browser's test may have left an event loop in this one
        thread.submit(asyncio.run, run()).result()


def worker_of(cluster, name, **options):
    """Return a worker of a Cluster, to be entered."""
    return distributed.Worker(cluster.scheduler.address, name=name, **({"nthreads": 1} | options))


@pytest.fixture
def installations(monkeypatch):
    """What the next workers that are asked have, in turn; the last for all that follow. It travels by value."""
    turns = [HERE]
    monkeypatch.setattr(inspection.Inspection, "look", lambda self: turns[0] if len(turns) == 1 else turns.pop(0))
    return turns


def plugin_in_this_process(monkeypatch, key="key", threads=1, here=HERE):
    """Return an Inspection that is handed to workers of this process as it is, so that what is patched counts."""
    monkeypatch.setattr(cloudpickle, "register_pickle_by_value", lambda module: None)
    return inspection.Inspection(here, key, threads)


def test_a_worker_that_is_the_same_gets_the_jobs_and_one_that_differs_gets_none(installations, monkeypatch):
    installations[:] = [HERE, HERE | {"torch": "2.10.0"}, HERE]
    plugin = plugin_in_this_process(monkeypatch, threads=2)

    async def work(cluster):
        async with worker_of(cluster, "first", nthreads=5):
            await inspection.register(cluster.client, plugin)
            await cluster.told(1)
            async with worker_of(cluster, "second", nthreads=4), worker_of(cluster, "third"):
                first, second, third = await cluster.told(3)
                assert (first["kind"], first["slots"], first["name"].split(" (inproc")[0]) == ("ready", 2, "first")
                assert second["why"] == "torch 2.10.0, here 2.13.0+cpu" and second["name"].startswith("second (inproc")
                assert (third["kind"], third["slots"]) == ("ready", 1)
                ask = {"resources": {"key": 1}, "pure": False}
                futures = [cluster.client.submit(lambda: distributed.get_worker().name, **ask) for _ in range(9)]
                assert set(await cluster.client.gather(futures)) <= {"first", "third"}

    in_a_cluster(work)


def test_a_job_waits_for_a_worker_that_is_the_same(installations, monkeypatch):
    installations[:] = [HERE | {"helpers/runs.py": "0"}, HERE]
    plugin = plugin_in_this_process(monkeypatch)

    async def work(cluster):
        await inspection.register(cluster.client, plugin)
        async with worker_of(cluster, "other"):
            (refused,) = await cluster.told(1)
            assert refused["why"] == "helpers/runs.py differs from the one here"
            job = cluster.client.submit(lambda: 7, resources={"key": 1})
            async with worker_of(cluster, "same"):
                assert await job == 7

    in_a_cluster(work)


def test_the_worker_answers_while_it_is_compared(installations, monkeypatch):
    asked = []

    def look(self):
        asked.append(time.monotonic())
        while len(asked) < 2:  # until the loop, which goes on, has said so
            time.sleep(0.001)
        return HERE

    monkeypatch.setattr(inspection.Inspection, "look", look)
    plugin = plugin_in_this_process(monkeypatch)

    async def work(cluster):
        async with worker_of(cluster, "one"):
            registered = asyncio.ensure_future(inspection.register(cluster.client, plugin))
            while not asked:
                await asyncio.sleep(0.001)
            assert await cluster.client.submit(lambda: 3) == 3
            asked.append(0)
            await registered
            assert (await cluster.told(1))[0]["kind"] == "ready"

    in_a_cluster(work)


def test_a_worker_that_cannot_be_examined_is_refused_and_lives(monkeypatch):
    def fail(self):
        raise PermissionError(13, "Permission denied\nand more", "helpers/runs.py")

    monkeypatch.setattr(inspection.Inspection, "look", fail)
    plugin = plugin_in_this_process(monkeypatch)

    async def work(cluster):
        async with worker_of(cluster, "one"):
            await inspection.register(cluster.client, plugin)
            (refused,) = await cluster.told(1)
            assert (
                refused["why"].startswith("it cannot be told what is there (PermissionError")
                and "\n" not in refused["why"]
            )
            assert await cluster.client.submit(lambda: 3) == 3

    in_a_cluster(work)


def test_one_that_has_changed_meanwhile_loses_its_slots_and_asking_again_changes_nothing(installations, monkeypatch):
    installations[:] = [HERE, HERE, HERE | {"torch": "3"}]
    plugin = plugin_in_this_process(monkeypatch)

    async def work(cluster):
        async with worker_of(cluster, "one") as worker:
            set_before, sent = worker.set_resources, []

            async def set_resources(**resources):
                sent.append(resources)
                await set_before(**resources)

            worker.set_resources = set_resources
            for count, kind in enumerate(("ready", "ready", "refused"), 1):
                await plugin.setup(worker)
                assert (await cluster.told(count))[-1]["kind"] == kind
            assert sent == [{"key": 1}, {"key": 0}]

    in_a_cluster(work)


def test_nothing_stays_at_the_scheduler_when_the_client_has_left(installations, monkeypatch):
    plugin = plugin_in_this_process(monkeypatch)

    async def work(cluster):
        scheduler = cluster.scheduler
        before = (set(scheduler.worker_plugins), set(scheduler.plugins))
        async with worker_of(cluster, "one") as worker:
            held = set(worker.plugins)
            first, second = [await distributed.Client(scheduler.address, asynchronous=True) for _ in range(2)]
            for client in (first, second):
                await inspection.register(client, plugin)
            assert len(scheduler.worker_plugins) == len(before[0]) + 2
            await first.close()
            while len(scheduler.worker_plugins) > len(before[0]) + 1:
                await asyncio.sleep(0.01)
            assert worker.state.total_resources == {"key": 1}  # the other client goes on
            await second.scheduler_comm.comm.close()  # as when it is killed
            while (set(scheduler.worker_plugins), set(scheduler.plugins), set(worker.plugins)) != (*before, held):
                await asyncio.sleep(0.01)
            await second.close()

    in_a_cluster(work)
