"""A run that came back from a worker: what is believed of it, and how it takes its place."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from helpers import data, errors, files, runs
from pipeline import landing, parcels, reports, runner
from pipeline.plan import inputs_of, plan
from pipeline.request import Wishes, settle
from pipeline.stages import STAGES


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Folders of datasets and of runs of this test alone."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    data.summarise.cache_clear()


def settled(*only, **wishes):
    """Return a Request for the embedded digits."""
    return settle(Wishes(**({"dataset": "digits", "recipe": "fast", "only": only or ("training",)} | wishes)))


def make_run(request, outputs, state="done", text="there", **changes):
    """Leave in `outputs` what a run of a Request leaves, each file with `text` in it; return its folder."""
    request = request.model_copy(update={"outputs": outputs} | changes)
    folder = runs.open_run(request.run, outputs)
    manifest = runner.describe(request, None)
    for stage in request.stages:
        names = [*(stage.outputs if state == "done" else ()), f"figures/{stage.name}.png"]
        notebook = reports.executed_notebook(folder, stage.notebook)
        paths = [folder / name for name in names] + [notebook]
        for path in paths:
            files.write_file(path, f"{text} {path.name}")
        cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# {text}"}
        files.write_json(notebook, {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        record = runs.StageRecord(state=state, started=runs.now(), inputs=inputs_of(stage, request, manifest))
        record.outputs = runner.digests(folder, paths)
        manifest.stages[stage.name] = record
    runs.save_manifest(folder, manifest)
    return folder


def sent(request, tmp_path, **about):
    """Return the parcel of a run of a Request that was made elsewhere."""
    return parcels.of_run(make_run(request, tmp_path / "scratch" / "outputs", **about))


def tree(root):
    """Return {name: content} of all files below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def left_in(outputs):
    """Return the names in the folder of runs, but for the lock of those that land."""
    return sorted({path.name for path in outputs.iterdir()} - {landing.TURN})


def test_a_run_lands_as_it_was_sent_and_is_up_to_date_then(tmp_path):
    request = settled("eda", "training", "results")
    parcel = sent(request, tmp_path)
    assert landing.land(parcel, request) is True
    there = tree(tmp_path / "scratch" / "outputs" / request.run)
    assert tree(request.folder) == there | {".lock": b""} and len(there) > 12
    assert left_in(request.outputs) == [request.run]
    assert all(decision.up_to_date for decision in plan(request))
    with runs.lock(request.folder):  # nobody holds it any more
        pass


def test_what_ran_twice_lands_once(tmp_path):
    request = settled()
    assert landing.land(sent(request, tmp_path), request) is True
    before = tree(request.folder)
    assert landing.land(sent(request, tmp_path, text="again"), request) is False
    assert tree(request.folder) == before and left_in(request.outputs) == [request.run]
    assert landing.land(sent(request, tmp_path, text="again"), request.model_copy(update={"force": True})) is True
    assert (request.folder / "history.csv").read_bytes() == b"again history.csv"


def test_an_older_attempt_gives_way_and_what_is_not_of_the_pipeline_stays(tmp_path):
    request = settled()
    make_run(request, request.outputs, state="failed", text="old")
    files.write_file(request.folder / "checkpoints" / "epoch-001.pt", "old")
    files.write_file(request.folder / "reports" / "03_training.html", "old")
    files.write_file(request.folder / "notes" / "mine.txt", "mine")
    assert landing.land(sent(request, tmp_path), request) is True
    there = tree(tmp_path / "scratch" / "outputs" / request.run)
    assert tree(request.folder) == there | {".lock": b"", "notes/mine.txt": b"mine"}
    assert left_in(request.outputs) == [request.run]


def test_an_empty_folder_of_that_name_gives_way(tmp_path):
    request = settled()
    parcel = sent(request, tmp_path)
    runs.open_run(request.run, request.outputs)
    assert landing.land(parcel, request) is True and plan(request)[0].up_to_date


def test_stages_that_did_not_run_there_are_taken_along(tmp_path):
    everything = settled("eda", "prototyping", "training")
    make_run(everything, everything.outputs, text="old")
    request = settled("training")
    files.write_file(request.folder / "history.csv", "changed since")
    assert not plan(request)[0].up_to_date
    assert landing.land(sent(request, tmp_path, text="new"), request) is True
    assert (request.folder / "history.csv").read_bytes() == b"new history.csv"
    assert (request.folder / "figures" / "eda.png").read_bytes() == b"old eda.png"
    assert all(decision.up_to_date for decision in plan(everything))
    assert (request.folder / "reports" / "01_eda.html").is_file()


def test_a_failed_run_lands_but_never_in_place_of_a_finished_one(tmp_path):
    request = settled()
    failed = sent(request, tmp_path, state="failed", text="failed")
    assert landing.land(failed, request) is True
    assert runs.load_manifest(request.folder).stages["training"].state == "failed"
    assert landing.land(sent(request, tmp_path / "b"), request) is True
    before = tree(request.folder)
    assert landing.land(failed, request) is False
    forced = request.model_copy(update={"force": True})
    assert landing.land(failed, forced) is False
    assert tree(request.folder) == before


def refused(parcel, request, match):
    """See that a parcel is refused in one line, and that nothing is left of it."""
    request.outputs.mkdir(exist_ok=True)
    (request.outputs / landing.TURN).touch()
    before = tree(request.outputs)
    with pytest.raises(errors.ProjectError, match=match) as error:
        landing.land(parcel, request)
    assert "\n" not in str(error.value) and str(error.value).startswith(f"run {request.run}: ")
    assert tree(request.outputs) == before
    assert not [name for name in left_in(request.outputs) if name.startswith(".")]


@pytest.mark.parametrize("there", [False, True])
def test_what_is_not_the_run_is_refused(tmp_path, there):
    request = settled()
    if there:
        make_run(request, request.outputs, state="failed", text="old")
    folder = make_run(request, tmp_path / "scratch" / "outputs")
    whole = parcels.of_run(folder)
    refused(whole[: len(whole) // 2], request, "a parcel is damaged")
    refused(b"", request, "a parcel is damaged")
    refused(whole, request.model_copy(update={"fingerprint": "0" * 64}), "that of another run")
    refused(whole, request.model_copy(update={"parameters": request.parameters | {"seed": 1}}), "that of another run")
    (folder / "model.safetensors").write_bytes(b"altered")
    refused(parcels.of_run(folder), request, "'model.safetensors' is not as its run.json says")
    (folder / "model.safetensors").unlink()
    refused(parcels.of_run(folder), request, "'model.safetensors' is not as its run.json says")
    (folder / "run.json").write_bytes((folder / "run.json").read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    refused(parcels.of_run(folder), request, "not as it was written")
    (folder / "run.json").unlink()
    refused(parcels.of_run(folder), request, "its run.json is not there")


def test_a_run_of_another_name_is_refused(tmp_path):
    request, other = settled(), settled(seed=1)
    refused(sent(other, tmp_path), request, "is no file of it")
    folder = make_run(other, tmp_path / "scratch" / "outputs")
    folder.rename(folder.with_name(request.run))
    refused(parcels.of_run(folder.with_name(request.run)), request, "that of another run")


def test_a_stage_that_says_it_is_done_and_records_no_model_is_refused(tmp_path):
    request = settled()
    folder = make_run(request, tmp_path / "scratch" / "outputs")
    manifest = runs.load_manifest(folder)
    del manifest.stages["training"].outputs["model.json"]
    runs.save_manifest(folder, manifest)
    refused(parcels.of_run(folder), request, "training is done, and does not record model.json")


def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path):
    request = settled()
    folder = make_run(request, tmp_path / "scratch" / "outputs")
    manifest = runs.load_manifest(folder)
    manifest.stages["training"].outputs["../../secret"] = "0" * 64
    runs.save_manifest(folder, manifest)
    refused(parcels.of_run(folder), request, "names a file outside its folder")


@pytest.mark.parametrize(
    "name", ["other/run.json", "outputs/other/run.json", "outputs/RUN/.holder.json", "outputs/RUN/.LOCK", "data/x"]
)
def test_a_parcel_with_more_than_the_run_is_refused(tmp_path, name):
    request = settled()
    make_run(request, tmp_path / "scratch" / "outputs")
    more = tmp_path / "scratch" / name.replace("RUN", request.run)
    files.write_file(more, "{}")
    everything = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    refused(parcels.pack(tmp_path / "scratch", everything), request, "is no file of it")


def test_a_run_that_another_process_works_on_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNNER_PATIENCE", 0)
    request = settled()
    make_run(request, request.outputs, state="failed", text="old")
    with FileLock(request.folder / ".lock"), pytest.raises(errors.RunInUse):
        landing.land(sent(request, tmp_path), request)
    assert (request.folder / "figures" / "training.png").read_bytes() == b"old training.png"
    assert left_in(request.outputs) == [request.run]


def test_two_commands_land_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(landing, "PATIENCE", 0)
    request = settled()
    request.outputs.mkdir()
    with FileLock(request.outputs / landing.TURN), pytest.raises(errors.RunInUse, match="puts runs into"):
        landing.land(sent(request, tmp_path), request)
    assert landing.land(sent(request, tmp_path), request) is True


def test_whoever_begins_the_run_meanwhile_is_found_by_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNNER_PATIENCE", 0)
    request = settled()
    parcel = sent(request, tmp_path)
    rename, held = os.rename, []

    def begin_first(source, target):
        if Path(target) == request.folder and not held:
            runs.open_run(request.run, request.outputs)
            held.append(FileLock(request.folder / ".lock"))
            held[0].acquire()
        rename(source, target)

    monkeypatch.setattr(os, "rename", begin_first)
    with pytest.raises(errors.RunInUse):
        landing.land(parcel, request)
    assert left_in(request.outputs) == [request.run] and not (request.folder / "run.json").exists()
    held[0].release()
    assert landing.land(parcel, request) is True


def test_while_it_lands_the_run_is_held(tmp_path, monkeypatch):
    request = settled()
    rename, seen = os.rename, []

    def look(source, target):
        rename(source, target)
        if Path(target) == request.folder:
            with pytest.raises(errors.RunInUse), runs.exclusive(request.folder, 0):
                pass
            seen.append(target)

    monkeypatch.setattr(os, "rename", look)
    assert landing.land(sent(request, tmp_path), request) is True
    (request.folder / "history.csv").unlink()
    assert landing.land(sent(request, tmp_path), request) is True
    assert len(seen) == 2


def land_and_die(parcel, request, rename_at):
    """Land in a child process that is gone, as if killed, at its rename number `rename_at`, from 1."""
    child = os.fork()
    if child == 0:
        renames, rename = [], os.rename

        def count(source, target):
            renames.append(target)
            if len(renames) == rename_at:
                os._exit(9)
            rename(source, target)

        os.rename = count
        try:
            landing.land(parcel, request)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_client_that_is_killed_on_the_way_loses_no_run(tmp_path):
    request, other = settled(), settled(seed=1)
    parcel = sent(request, tmp_path)
    land_and_die(parcel, request, 1)
    assert not request.folder.exists() and len(left_in(request.outputs)) == 1
    make_run(request, request.outputs, state="failed", text="old")
    old = tree(request.folder)
    land_and_die(parcel, request, 2)  # the old one is moved aside, the new one is not there yet
    assert not request.folder.exists()
    assert landing.land(sent(other, tmp_path), other) is True  # whichever run lands next
    assert left_in(request.outputs) == sorted([request.run, other.run])
    back = tree(request.folder)
    assert {name: back[name] for name in old} == old
    assert landing.land(parcel, request) is True and plan(request)[0].up_to_date


def test_ctrl_c_between_the_two_renames_brings_the_old_run_back(tmp_path, monkeypatch):
    request = settled()
    make_run(request, request.outputs, state="failed", text="old")
    old = tree(request.folder)
    rename, renames = os.rename, []

    def stop(source, target):
        renames.append(target)
        if len(renames) == 2:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        landing.land(sent(request, tmp_path), request)
    back = tree(request.folder)
    assert {name: back[name] for name in old} == old and left_in(request.outputs) == [request.run]


def test_a_link_among_the_runs_is_not_followed_when_leftovers_are_cleared(tmp_path):
    request = settled()
    request.outputs.mkdir()
    files.write_file(tmp_path / "mine" / "kept.txt", "kept")
    (request.outputs / ".landing-link").symlink_to(tmp_path / "mine")
    (request.outputs / ".landing-file").write_text("kept")
    files.write_file(request.outputs / ".landing-dead" / "outputs" / "x" / "run.json", "{")
    assert landing.land(sent(request, tmp_path), request) is True
    assert left_in(request.outputs) == sorted([".landing-file", ".landing-link", request.run])
    assert (tmp_path / "mine" / "kept.txt").is_file()


def test_a_folder_of_images_lies_where_it_lies_here(tmp_path):
    for name in ("one", "two"):
        for number in range(4):
            path = tmp_path / "pictures" / "shapes" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 200, (20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    request = settled(dataset=str(tmp_path / "pictures" / "shapes"))
    parcels.unpack(parcels.of_dataset(request), tmp_path / "scratch")
    parcel = sent(request, tmp_path, data_dir=tmp_path / "scratch" / "data")
    assert landing.land(parcel, request) is True
    assert runs.load_manifest(request.folder).dataset.data_dir == str(tmp_path / "pictures")
    assert settled(dataset="shapes", data_dir=str(tmp_path / "pictures")).run == request.run
    assert settled(dataset=None, recipe=None, run=request.run).data_dir == request.data_dir
    assert json.dumps(tree(request.folder)["run.json"].decode()).count("scratch") == 0
    assert plan(request)[0].up_to_date and set(STAGES) > {"training"}
