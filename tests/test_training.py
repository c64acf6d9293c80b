"""The training loop: the same bits again, going on after an interruption, and stopping when it makes no sense."""

import ast
import inspect
import json
import math
import os
import pickle
import platform
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT

from helpers import (
    certainty,
    checkpoints,
    computing,
    data,
    errors,
    evaluation,
    files,
    models,
    recipes,
    run_files,
    runs,
    training,
    transforms,
)

PLAIN = {"normalise_each": False, "rough_share": 0.0, "roughening": ()}
TINY = replace(recipes.RECIPES["fast"], epochs=3, batch_size=64, rotation=5, shift=1, min_batches_per_epoch=4, **PLAIN)
ROUGH = replace(TINY, normalise_each=True, rough_share=0.25, roughening=tuple(transforms.ROUGHENING))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Compute these tests with one thread: on images this few a second one costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dataset():
    """A few hundred of the embedded digits, so that an epoch takes a moment."""
    whole = data.load("digits")
    return replace(
        whole, images=whole.images[:600], labels=whole.labels[:600], is_test=whole.is_test[:600], validation_size=60
    )


def weights(folder):
    """Return the bytes of a run's final weights."""
    return (folder / "model.safetensors").read_bytes()


def validation(folder):
    """Return the bytes of what a run says of its validation images, and of what was fitted on them."""
    return (folder / "validation.npz").read_bytes() + (folder / "certainty.npz").read_bytes()


def untimed(history):
    """Return a history without its times."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.mark.parametrize("recipe", [TINY, ROUGH])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(dataset, tmp_path, recipe):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        training.train(dataset, recipe, seed, folder=tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")
    assert validation(tmp_path / "a") == validation(tmp_path / "b") != validation(tmp_path / "c")


def test_it_learns(dataset):
    _, history = training.train(dataset, replace(TINY, epochs=8))
    assert history[-1]["validation_accuracy"] > 0.9 and history[-1]["train_loss"] < history[0]["train_loss"] / 2
    assert [row["epoch"] for row in history] == list(range(1, 9)) and set(history[0]) == set(training.HISTORY)


def test_a_finished_training_is_loaded_and_another_recipe_trained(dataset, tmp_path):
    calls = []
    network, history = training.train(dataset, TINY, folder=tmp_path)
    again, loaded = training.train(dataset, TINY, folder=tmp_path, progress=lambda *call: calls.append(call))
    assert not calls and loaded == history
    assert all(
        torch.equal(one, two)
        for one, two in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    training.train(
        dataset, replace(TINY, learning_rate=0.003), folder=tmp_path, progress=lambda *call: calls.append(call)
    )
    assert calls


def test_a_model_of_a_network_that_has_changed_since_is_trained_anew(dataset, tmp_path):
    _, history = training.train(dataset, TINY, folder=tmp_path)
    description = files.read_json(tmp_path / "model.json") | {"key": "of older code"}
    for name in ("weights_sha256", "history_sha256", "validation_sha256", "certainty_sha256"):
        del description[name]
    record = checkpoints.ValidationRecord(np.zeros((1, 10)), np.zeros(1), np.zeros((3, 1)))
    fitted = certainty.Certainty(1.0, 0.0, 0.0, np.zeros((1, 2)), {})
    checkpoints.save_model(tmp_path, models.build("narrow", 10), history, record, fitted, description)
    with pytest.raises(errors.BadInput, match="not the weights of this network"):
        checkpoints.load_model(tmp_path)
    assert training.train(dataset, TINY, folder=tmp_path)[1][0].keys() == history[0].keys()
    assert checkpoints.load_model(tmp_path).description["key"] != "of older code"


class Interrupted(Exception):
    """Raised in the middle of an epoch."""


def interrupt(at_epoch):
    """Return a progress that raises in the middle of epoch `at_epoch`."""

    def progress(history, step, _):
        if len(history) == at_epoch - 1 and step == 3:
            raise Interrupted

    return progress


@pytest.mark.parametrize("recipe, epoch", [(TINY, 1), (TINY, 2), (TINY, 3), (ROUGH, 2)])
def test_an_interrupted_training_goes_on_to_the_same_bits(dataset, tmp_path, recipe, epoch):
    _, undisturbed = training.train(dataset, recipe, folder=tmp_path / "whole")
    with pytest.raises(Interrupted):
        training.train(dataset, recipe, folder=tmp_path / "cut", progress=interrupt(epoch))
    seen = []
    _, history = training.train(dataset, recipe, folder=tmp_path / "cut", progress=lambda h, *_: seen.append(len(h)))
    assert min(seen) == epoch - 1  # nothing before it was repeated
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut") and untimed(history) == untimed(undisturbed)
    assert validation(tmp_path / "whole") == validation(tmp_path / "cut")


def test_a_training_that_ended_before_its_model_was_written_is_not_repeated(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path / "whole")
    training.train(dataset, TINY, folder=tmp_path / "cut")
    for name in ("model.json", "model.safetensors", "validation.npz"):
        (tmp_path / "cut" / name).unlink()
    calls = []
    training.train(dataset, TINY, folder=tmp_path / "cut", progress=lambda *call: calls.append(call))
    assert not calls
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")
    assert validation(tmp_path / "whole") == validation(tmp_path / "cut")


def test_a_damaged_checkpoint_is_put_away_and_the_one_before_it_used(dataset, tmp_path, caplog):
    training.train(dataset, TINY, folder=tmp_path / "whole")
    with pytest.raises(Interrupted):
        training.train(dataset, TINY, folder=tmp_path / "cut", progress=interrupt(3))
    newest = tmp_path / "cut" / "checkpoints" / "epoch-002.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    epochs = []
    training.train(dataset, TINY, folder=tmp_path / "cut", progress=lambda history, *_: epochs.append(len(history)))
    assert min(epochs) == 1 and weights(tmp_path / "whole") == weights(tmp_path / "cut")
    assert "checkpoint epoch-002.pt is damaged; set aside as epoch-002.damaged" in caplog.text
    assert newest.with_suffix(".damaged").read_bytes() == content


class Payload:
    """What an attacker would hide in a file: it leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


def test_a_checkpoint_that_holds_code_runs_none_of_it(dataset, tmp_path):
    with pytest.raises(Interrupted):
        training.train(dataset, TINY, folder=tmp_path, progress=interrupt(2))
    path, trace = tmp_path / "checkpoints" / "epoch-001.pt", tmp_path / "trace"
    for write in (lambda: torch.save(Payload(trace), path), lambda: path.write_bytes(pickle.dumps(Payload(trace), 2))):
        write()
        path.with_suffix(".sha256").write_text(files.file_digest(path))
        with pytest.raises(errors.BadInput, match=r"epoch-001\.pt: holds more than tensors and numbers") as caught:
            training.train(dataset, TINY, folder=tmp_path)
        assert str(caught.value).endswith("delete it, or use `force`")
        assert not trace.exists()
    pickle.loads(path.read_bytes())  # the trap would have worked
    assert trace.exists()


def test_a_model_that_holds_code_runs_none_of_it(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path)
    path, trace = tmp_path / "model.safetensors", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Payload(trace)))
    assert checkpoints.load_model(tmp_path) is None  # its SHA-256 is not the model's
    description = files.read_json(tmp_path / "model.json")
    files.write_json(tmp_path / "model.json", description | {"weights_sha256": files.file_digest(path)})
    with pytest.raises(errors.BadInput, match=r"model\.safetensors: not the weights of this network"):
        checkpoints.load_model(tmp_path)
    assert not trace.exists()


def test_a_checkpoint_of_another_training_is_not_used(dataset, tmp_path):
    with pytest.raises(Interrupted):
        training.train(dataset, TINY, seed=1, folder=tmp_path, progress=interrupt(2))
    training.train(dataset, TINY, seed=0, folder=tmp_path)
    training.train(dataset, TINY, seed=0, folder=tmp_path / "whole")
    assert weights(tmp_path) == weights(tmp_path / "whole")


def test_a_whole_checkpoint_of_no_training_is_not_used(tmp_path):
    path = tmp_path / "checkpoints" / "epoch-001.pt"
    path.parent.mkdir()
    for content in ({"history": []}, torch.zeros(2)):
        torch.save(content, path)
        path.with_suffix(".sha256").write_text(files.file_digest(path))
        assert checkpoints.Checkpoints(tmp_path, "key").load() is None and not list(path.parent.iterdir())


def test_the_newest_checkpoint_is_that_of_most_epochs_and_notes_are_none(tmp_path):
    saved = checkpoints.Checkpoints(tmp_path, "key")
    for epochs in (999, 1000):
        saved.save({"history": [{}] * epochs})
    (tmp_path / "checkpoints" / "epoch-notes.pt").write_text("mine")
    assert len(saved.load()["history"]) == 1000
    names = [path.name for path in runs.checkpoints_of(tmp_path)]
    assert names == ["epoch-999.pt", "epoch-1000.pt"] and (tmp_path / ".lock").exists()
    assert (tmp_path / "checkpoints" / "epoch-notes.pt").read_text() == "mine"


def test_two_checkpoints_are_kept(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        f"epoch-00{epoch}.{end}" for epoch in (2, 3) for end in ("pt", "sha256")
    ]


@pytest.mark.parametrize("name", ["model.safetensors", "history.csv", "validation.npz", "certainty.npz"])
def test_a_changed_model_is_not_loaded_but_trained_anew(dataset, tmp_path, name):
    training.train(dataset, TINY, folder=tmp_path)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[-5] ^= 64
    path.write_bytes(content)
    assert checkpoints.load_model(tmp_path) is None
    path.unlink()
    assert checkpoints.load_model(tmp_path) is None
    training.train(dataset, TINY, folder=tmp_path)
    assert checkpoints.load_model(tmp_path) is not None and path.is_file()


def test_models_of_versions_1_and_2_are_loaded(dataset, tmp_path):
    _, history = training.train(dataset, TINY, folder=tmp_path)
    description = files.read_json(tmp_path / "model.json")
    assert description["version"] == run_files.MODEL_VERSION
    later = {
        2: ("threshold", "floor", "fitted_on", "certainty_sha256", "certainty_code"),
        1: ("version", "temperature", "validation_sha256"),
    }
    for version, names in later.items():
        description["version"] = version
        for name in names:
            del description[name]
        files.write_json(tmp_path / "model.json", description)
        (tmp_path / {2: "certainty.npz", 1: "validation.npz"}[version]).unlink()
        model = checkpoints.load_model(tmp_path)
        assert model.history == history and model.description == description
        assert checkpoints.load_certainty(tmp_path, description) is None


def test_a_model_of_a_later_version_is_refused_and_not_overwritten(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path)
    description = files.read_json(tmp_path / "model.json") | {"version": run_files.MODEL_VERSION + 1}
    files.write_json(tmp_path / "model.json", description)
    with pytest.raises(errors.BadInput, match=r"its model\.json is of version 6, and this code knows 5; use newer"):
        checkpoints.load_model(tmp_path)
    with pytest.raises(errors.BadInput, match=r"model\.json is of version 6"):
        training.train(dataset, TINY, folder=tmp_path)
    assert files.read_json(tmp_path / "model.json") == description


def test_training_leaves_what_it_says_of_the_validation_images(dataset, tmp_path):
    network, history = training.train(dataset, TINY, folder=tmp_path)
    again = evaluation.predict_split(network, data.split(dataset)["validation"])
    saved = np.load(tmp_path / "validation.npz")
    assert {name: array.dtype.name for name, array in saved.items()} == {
        "logits": "float32",
        "labels": "int64",
        "predicted": "int16",
    }
    assert (saved["logits"] == again.logits).all() and (saved["labels"] == again.labels).all()
    assert (saved["predicted"][-1] == again.predicted).all()
    shares = (saved["predicted"] == saved["labels"]).mean(axis=1)
    assert shares.tolist() == [row["validation_accuracy"] for row in history]


def test_weights_alone_are_kept_and_are_no_other_networks(tmp_path):
    one, other = (models.build("narrow", 10, seed=seed) for seed in (0, 1))
    path = checkpoints.save_weights(tmp_path, "some.safetensors", one)
    assert path == tmp_path / "some.safetensors" and checkpoints.load_weights(path, other) is other
    assert all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))
    with pytest.raises(RuntimeError):
        checkpoints.load_weights(path, models.build("narrow", 9))


def test_divergence_stops_with_the_step_and_a_way_out(dataset):
    recipe = replace(TINY, learning_rate=1e30, schedule="constant", network="small")
    network = models.build("small", 10)
    splits = data.split(dataset)
    with pytest.raises(
        errors.TrainingDiverged, match=r"loss is (nan|inf) at step \d+ of epoch \d.*; try a `learning_rate` of 1e\+29"
    ) as caught:
        training.fit(network, recipe, splits["train"], splits["validation"])
    losses = caught.value.losses
    assert math.isfinite(losses[0]) and not math.isfinite(losses[-1]) and caught.value.history == []


def test_the_schedule_rises_and_falls(dataset):
    network = models.build("small", 10)
    optimizer, schedule = training.make_optimizer(network, replace(TINY, epochs=2), 50, torch.device("cpu"))
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(TINY.learning_rate, rel=1e-3) and rates.index(max(rates)) in range(28, 32)
    assert rates[0] < TINY.learning_rate / 20 and rates[-1] < rates[0] / 50


def test_weight_decay_spares_biases_and_normalisations():
    optimizer, _ = training.make_optimizer(
        models.build("small", 10), recipes.RECIPES["balanced"], 50, torch.device("cpu")
    )
    decayed, spared = optimizer.param_groups
    assert {tensor.ndim for tensor in decayed["params"]} == {2, 4} and decayed["weight_decay"] > 0
    assert {tensor.ndim for tensor in spared["params"]} == {1} and spared["weight_decay"] == 0


def test_bfloat16_only_where_the_processor_has_it(monkeypatch):
    for has, kind in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: {"avx512_bf16": has})
        assert training.precision(torch.device("cpu")) is kind


def test_a_device_that_is_not_there_is_refused():
    if not torch.cuda.is_available():
        with pytest.raises(errors.BadInput, match="device cuda: not on this machine; use auto or one of"):
            training.choose_device("cuda")
    assert training.choose_device("cpu").type == "cpu"
    assert training.choose_device(str(training.choose_device("auto"))) == training.choose_device("auto")


@pytest.mark.parametrize("name", models.NETWORKS)
def test_networks_give_one_logit_per_class(name):
    network = models.build(name, classes=7, mean=30, std=80, seed=1)
    rows = models.layer_table(network)
    assert sum(row["parameters"] for row in rows) == models.count_parameters(network) and rows[-1]["output"] == "7"
    again = models.build(name, classes=7, mean=30, std=80, seed=1)
    assert again(torch.zeros(2, 1, 28, 28)).shape == (2, 7)
    again = models.build(name, classes=7, mean=30, std=80, seed=1)
    assert all(
        torch.equal(one, two)
        for one, two in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_the_first_layer_normalises():
    images = torch.rand(50, 1, 28, 28) * 255
    out = models.Normalise(images.mean(), images.std())(images)
    assert abs(out.mean()) < 1e-4 and out.std() == pytest.approx(1, abs=1e-4)


def test_each_image_is_normalised_by_itself_whatever_its_light():
    images = torch.rand(5, 3, 28, 28) * 255
    out = models.NormaliseEach()(images)
    assert torch.allclose(out.mean(dim=(1, 2, 3)), torch.zeros(5), atol=1e-5)
    assert torch.allclose(out.std(dim=(1, 2, 3), correction=0), torch.ones(5), atol=0.02)
    assert torch.allclose(models.NormaliseEach()(images * 0.5 + 90), out, atol=0.05)
    assert torch.allclose(out[2:3], models.NormaliseEach()(images[2:3]), atol=1e-6)


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_a_blank_image_normalised_by_itself_is_zero(level):
    assert (models.NormaliseEach()(torch.full((2, 1, 28, 28), float(level))) == 0).all()


def test_a_network_that_normalises_each_image_is_loaded_as_it_was(dataset, tmp_path):
    network, _ = training.train(dataset, replace(TINY, normalise_each=True), folder=tmp_path)
    again = checkpoints.load_model(tmp_path).network
    assert isinstance(again.normalise, models.NormaliseEach)
    assert torch.allclose(again(dataset.images[:9].float()), network(dataset.images[:9].float()), atol=1e-4)


def test_a_model_of_version_2_is_loaded_and_weights_of_the_other_normalisation_are_refused(dataset, tmp_path):
    network, _ = training.train(dataset, TINY, folder=tmp_path)
    description = files.read_json(tmp_path / "model.json")
    recipe = {name: value for name, value in description["recipe"].items() if name != "normalise_each"}
    files.write_json(tmp_path / "model.json", description | {"version": 2, "recipe": recipe})
    again = checkpoints.load_model(tmp_path).network
    assert torch.allclose(again(dataset.images[:9].float()), network(dataset.images[:9].float()), atol=1e-4)
    other = {"recipe": description["recipe"] | {"normalise_each": True}}
    files.write_json(tmp_path / "model.json", description | other)
    with pytest.raises(errors.BadInput, match=r"not the weights of this network .*; delete it, or use `force`"):
        checkpoints.load_model(tmp_path)


def test_figures_in_training_are_those_of_evaluation(dataset):
    network, history = training.train(dataset, TINY)
    measured = evaluation.metrics(evaluation.predict_split(network, data.split(dataset)["validation"]))
    last = history[-1]
    assert math.isclose(last["validation_loss"], measured["loss"], rel_tol=1e-6)
    assert last["validation_accuracy"] == measured["accuracy"] and last["validation_f1"] == pytest.approx(
        measured["macro_f1"]
    )


FOLD = "must be I/K, as in 2/5, the second of five parts: K from 2 to 100, I from 1 to K"


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"epochs": 0}, "epochs 0: must be a whole number of at least 1"),
        ({"learning_rate": math.nan}, "learning_rate nan: must be a number above 0 and at most 10"),
        ({"batch_size": -1}, "batch_size -1: must be a whole number of at least 1"),
        ({"validation_size": 0.5}, "validation_size 0.5: must be a whole number of at least 1"),
        ({"fold": "6/5"}, f"fold 6/5: {FOLD}"),
        ({"fold": "1/101"}, f"fold 1/101: {FOLD}"),
        ({"fold": "1/1"}, f"fold 1/1: {FOLD}"),
        ({"fold": "0/5"}, f"fold 0/5: {FOLD}"),
        ({"fold": "02/5"}, f"fold 02/5: {FOLD}"),
        ({"fold": 2.5}, f"fold 2.5: {FOLD}"),
        (
            {"fold": "2/5", "validation_size": 9},
            "fold 2/5: says which images validate, and so does `validation_size`; leave one of them out",
        ),
    ],
)
def test_recipes_refuse_what_cannot_be_trained(changes, line):
    with pytest.raises(errors.BadInput) as caught:
        recipes.choose("balanced", **changes)
    assert str(caught.value) == line and caught.value.field in changes


def test_every_field_of_a_recipe_has_a_meaning_and_no_other_word_has_one():
    fields = [name for name, _ in recipes.table(recipes.RECIPES["balanced"])]
    assert sorted(recipes.MEANINGS) == sorted(fields)
    assert all(4 <= len(meaning.split()) <= 25 for meaning in recipes.MEANINGS.values())


def test_a_fold_takes_the_place_of_the_recipes_own_number_of_validation_images():
    assert recipes.choose("dropout-published").validation_size == 10_000
    chosen = recipes.choose("dropout-published", fold="2/5")
    assert chosen.validation_size is None and chosen.fold == "2/5"


def test_a_training_validates_on_its_fold_and_is_another_than_that_of_any_other_fold(dataset, tmp_path):
    marks = set()
    for fold in (None, "1/3", "2/3"):
        recipe = replace(TINY, fold=fold)
        training.train(dataset, recipe, folder=tmp_path / str(fold)[0])
        splits = data.split(dataset, fold=fold)
        with np.load(tmp_path / str(fold)[0] / "validation.npz") as arrays:
            assert arrays["labels"].tolist() == splits["validation"].labels.tolist()
        found = checkpoints.load_model(tmp_path / str(fold)[0])
        assert found.description["recipe"]["fold"] == fold
        marks.add(found.description["key"])
    assert len(marks) == 3


def test_an_unknown_recipe_is_refused_with_the_nearest_first():
    with pytest.raises(errors.BadInput, match=r"^recipe balancd: not known; choose one of balanced, "):
        recipes.choose("balancd")


def test_a_network_that_has_predicted_can_still_be_trained(dataset):
    network = models.build("small", 10)
    splits = data.split(dataset)
    evaluation.predict_split(network, splits["validation"])
    assert network.training
    training.fit(network, replace(TINY, epochs=1), splits["train"], splits["validation"])


def test_training_never_touches_the_test_images(dataset, monkeypatch):
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"the test images were touched: {name}")

        __getitem__ = __len__ = __iter__ = __getattr__

    whole = data.split

    def split(*options):
        return whole(*options) | {"test": Untouchable()}

    with pytest.raises(AssertionError, match="touched"):
        evaluation.predict_split(models.build("small"), Untouchable())
    monkeypatch.setattr(data, "split", split)
    assert len(training.train(dataset, TINY)[1]) == TINY.epochs


def test_published_networks_are_those_that_were_published():
    sizes = {"linear-head": 9_098, "lenet": 61_706, "dropout": 21_840, "narrow": 30_840}
    assert {name: models.count_parameters(models.build(name)) for name in sizes} == sizes
    shapes = [row["output"] for row in models.layer_table(models.build("narrow")) if "olution" in row["layer"]]
    assert shapes == ["10 x 26 x 26", "20 x 11 x 11"]


def test_the_rate_of_dropout_is_the_recipes():
    rates = [layer.p for layer in models.build("dropout", dropout=0.3).modules() if "Dropout" in type(layer).__name__]
    assert rates == [0.3, 0.3]


NICE_AND_SLICE = """
import ctypes, os, platform
from helpers import computing
os.nice(5)
computing.take_short_turns()
read = computing.SchedulerAttributes()
number = computing.SCHED_SETATTR[platform.machine()] + 1  # sched_getattr comes next
ctypes.CDLL(None).syscall(number, 0, ctypes.byref(read), ctypes.sizeof(read), 0)
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), read.runtime)
"""


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() not in computing.SCHED_SETATTR, reason="Linux")
def test_short_turns_leave_priority_and_policy_as_they_are():
    found = subprocess.run([sys.executable, "-c", NICE_AND_SLICE], cwd=ROOT, capture_output=True, text=True, check=True)
    nice, policy, runtime = map(int, found.stdout.split())
    assert (nice, policy) == (os.nice(0) + 5, os.SCHED_OTHER)
    since_6_12 = tuple(map(int, platform.release().split(".")[:2])) >= (6, 12)
    assert runtime == (computing.SLICE if since_6_12 else runtime)


def test_where_the_system_cannot_be_asked_nothing_happens(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(computing, "threads_of_this_process", lambda: pytest.fail("asked"))
    computing.take_short_turns()


def test_a_training_starts_from_the_weights_of_another(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path / "first")
    first = checkpoints.load_model(tmp_path / "first")
    network, _ = training.train(dataset, replace(TINY, epochs=1), 1, folder=tmp_path / "second", start=first)
    before = first.network.state_dict()
    learnt = {name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])}
    assert learnt == {"output.weight", "output.bias"}  # in its first epoch
    assert all(parameter.requires_grad for parameter in network.parameters())
    described = files.read_json(tmp_path / "second" / "model.json")
    assert described["start"]["weights_sha256"] == first.description["weights_sha256"] != described["weights_sha256"]
    assert described["start"]["seed"] == 0 and described["parameters"] == first.description["parameters"]
    network, _ = training.train(dataset, replace(TINY, epochs=2), 1, start=first)
    learnt = {name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])}
    assert len(learnt) == len(list(network.parameters()))


def test_its_last_layer_is_drawn_anew_and_may_have_other_classes(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path)
    first = checkpoints.load_model(tmp_path)
    network = models.build(TINY.network, classes=3, seed=5)
    fresh = network[-1].weight.clone()
    training.start_from(network, first)
    assert torch.equal(network[-1].weight, fresh)
    assert torch.equal(network.normalise.mean, first.network.normalise.mean)
    assert torch.equal(network[1][0].weight, first.network[1][0].weight)


@pytest.mark.parametrize("changes", [{"name": "compact"}, {"name": "small", "channels": 3}])
def test_another_network_cannot_start_from_its_weights(dataset, tmp_path, changes):
    training.train(dataset, TINY, folder=tmp_path)
    first = checkpoints.load_model(tmp_path)
    with pytest.raises(errors.BadInput, match=r"^start_from: its layers are not those of the network"):
        training.start_from(models.build(**changes), first)


def test_what_a_training_started_from_is_part_of_what_decides_it(dataset, tmp_path):
    training.train(dataset, TINY, folder=tmp_path)
    first = checkpoints.load_model(tmp_path)
    cpu = torch.device("cpu")
    assert training.fingerprint(TINY, 0, dataset, cpu, first) != training.fingerprint(TINY, 0, dataset, cpu)
    edited = first._replace(description=first.description | {"weights_sha256": "0"})
    assert training.fingerprint(TINY, 0, dataset, cpu, first) != training.fingerprint(TINY, 0, dataset, cpu, edited)


def test_a_run_without_a_model_is_nothing_to_start_from(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    assert training.load_start(None) is None
    with pytest.raises(errors.BadInput, match=r"^start_from nothing: no trained model in it"):
        training.load_start("nothing")


def test_a_training_that_continues_takes_gentler_steps_unless_a_rate_is_named():
    plain, gentle = (recipes.choose("balanced", continues) for continues in (False, True))
    assert gentle.learning_rate == pytest.approx(0.3 * plain.learning_rate)
    assert (plain.min_batch_size, gentle.min_batch_size) == (1, 8)
    assert recipes.choose("balanced", True, learning_rate=0.02).learning_rate == 0.02
    assert [training.batch_size_for(recipe, 50) for recipe in (plain, gentle)] == [1, 8]
    assert training.batch_size_for(gentle, 5) == 5
    assert training.batch_size_for(plain, 55_000) == training.batch_size_for(gentle, 55_000) == 128


def test_weights_are_taken_over_between_sizes():
    for name in ("residual", "compact", "small", "wide"):
        shapes = []
        for size in (16, 28, 32, 64, 96, 256):
            network = models.build(name, channels=3, size=size)
            shapes.append({key: tensor.shape for key, tensor in network.state_dict().items()})
        assert all(one == shapes[0] for one in shapes), name


def test_after_few_steps_the_averages_of_batch_normalisation_are_taken_anew(dataset):
    splits = data.split(dataset)
    mean, std = data.pixel_statistics(splits["train"].images)
    recipe = replace(TINY, epochs=1, batch_size=64, min_batches_per_epoch=4)
    assert training.batches_per_epoch(recipe, len(splits["train"].labels)) < training.SETTLED
    network = models.build("small", 10, mean, std)
    training.fit(network, recipe, splits["train"], splits["validation"])
    batch_norm = next(layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    assert batch_norm.momentum == 0.1
    seen = []
    batch_norm.register_forward_hook(lambda layer, inputs, _: seen.append(inputs[0]))
    evaluation.predict(network, splits["train"].images)
    assert torch.allclose(torch.cat(seen).mean(dim=(0, 2, 3)), batch_norm.running_mean, atol=0.02)


def statements(function):
    """Return the first line of every statement in a function but its docstring, as it is written."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    lines = source.splitlines()
    inside = sorted((node for node in ast.walk(definition) if isinstance(node, ast.stmt)), key=lambda node: node.lineno)
    text = definition.body[0] if ast.get_docstring(definition) else None
    return [lines[node.lineno - 1].strip() for node in inside if node not in (definition, text)]


def test_every_line_of_a_step_is_explained_as_it_stands():
    cells = json.loads((ROOT / "notebooks" / "03_training.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = next(place for place, cell in enumerate(cells) if "inspect.getsource(" in "".join(cell["source"]))
    prose = "".join(cells[shown + 1]["source"]).split("\n- ")[1:]
    quoted = [line.split("`")[1] for line in prose]
    lines = statements(training.train_step)
    assert len(lines) == len(quoted) >= 12
    assert [line for line, words in zip(lines, quoted, strict=True) if not line.startswith(words)] == []
