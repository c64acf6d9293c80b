"""What is fitted on validation: a floor as split conformal prediction has it, centres, a threshold, and photographs."""

import importlib.util
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT

from helpers import certainty, checkpoints, data, errors, evaluation, files, framing, models, reading, recipes, training
from helpers.data import Split
from helpers.evaluation import Predictions

TINY = replace(recipes.RECIPES["fast"], epochs=1, batch_size=64, min_batches_per_epoch=4)


@pytest.fixture(scope="module")
def dataset():
    """A few hundred of the embedded digits."""
    whole = data.load("digits")
    return replace(
        whole, images=whole.images[:600], labels=whole.labels[:600], is_test=whole.is_test[:600], validation_size=60
    )


@pytest.fixture(scope="module")
def network():
    """A small network as its weights were drawn."""
    return models.build("small", 10, seed=0).eval()


def given(true):
    """Return Predictions of three classes in which the first, the true one, has the probabilities `true`."""
    true = np.asarray(true)
    probabilities = np.stack([true, (1 - true) * 0.7, (1 - true) * 0.3], axis=1)
    return Predictions(np.log(probabilities), np.zeros(len(true), dtype=int))


ASKED = [
    [0.98, 0.01, 0.01],
    [0.9, 0.07, 0.03],
    [0.5, 0.3, 0.2],
    [0.4, 0.35, 0.25],
    [0.2, 0.75, 0.05],
    [0.12, 0.11, 0.77],
]
# What SplitConformalClassifier(conformity_score="lac") of MAPIE 1.6.0 says of ASKED, conformalised on given(n / 31).
OF_MAPIE = {
    0.5: [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]],
    0.8: [[1, 0, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0], [0, 0, 1]],
    0.9: [[1, 0, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 1]],
    0.95: [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
}


@pytest.mark.parametrize("level", OF_MAPIE)
def test_labels_are_possible_as_mapie_has_it(level):
    floor = certainty.fit_floor(given(np.arange(1, 31) / 31), level)
    assert (np.array(ASKED) >= floor).astype(int).tolist() == OF_MAPIE[level]


def test_the_true_label_is_possible_as_often_as_was_asked():
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        fitted, asked = generator.beta(4, 1, size=(2, 200))
        shares.append((asked >= certainty.fit_floor(given(fitted), 0.9)).mean())
    assert 0.895 < np.mean(shares) < 0.91


def test_few_images_rule_nothing_out():
    assert certainty.fit_floor(given([0.9] * 98)) == 0
    assert certainty.fit_floor(given([0.9] * 99)) == pytest.approx(0.9)


def test_centres_are_typical_of_their_classes():
    generator = np.random.default_rng(0)
    ways = np.eye(40, dtype=np.float32)[:8]  # four ways to write each of two classes
    labels = np.repeat(np.arange(8) // 4, 50)
    features = np.repeat(ways, 50, axis=0) + generator.normal(0, 0.02, (400, 40)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    centres = certainty.find_centres(features, labels)
    assert centres.dtype == np.float16 and len(centres) == 2 * certainty.CENTRES
    assert np.allclose(np.linalg.norm(centres.astype(float), axis=1), 1, atol=1e-2)
    assert certainty.familiarity(features, centres).min() > 0.9
    strange = np.eye(40, dtype=np.float32)[20:]
    assert certainty.familiarity(strange, centres).max() < 0.2
    few = certainty.find_centres(features[::60], labels[::60])
    assert np.allclose(few.astype(np.float32), features[::60], atol=1e-3)


def test_what_a_network_sees_is_its_answer_and_what_leads_to_it(network, dataset):
    images = dataset.images[:20]
    seen = certainty.look(network, images)
    assert np.allclose(seen.logits, evaluation.predict(network, images).numpy(), atol=1e-5)
    assert np.allclose(np.linalg.norm(seen.features, axis=1), 1, atol=1e-5)
    with torch.inference_mode():
        features = network[:-1](images.float()).numpy()
    cosine = (seen.features * features).sum(axis=1) / np.linalg.norm(features, axis=1)
    assert np.allclose(cosine, 1, atol=1e-5)


def test_photographs_are_of_validation_images_and_repeat(dataset):
    validation = data.split(dataset)["validation"]
    blank = Split(torch.cat([torch.zeros_like(validation.images[:5]), validation.images]), None)
    blank = blank._replace(labels=torch.cat([torch.full((5,), 99), validation.labels]))
    one, made = certainty.photograph(blank, seed=1)
    two, _ = certainty.photograph(blank, seed=1)
    other, _ = certainty.photograph(blank, seed=2)
    assert made == certainty.PHOTOGRAPHS and 0.7 * made < len(one.labels) <= made
    assert one.images.dtype == torch.uint8 and one.images.shape[1:] == (1, 28, 28)
    assert torch.equal(one.images, two.images) and torch.equal(one.labels, two.labels)
    assert not torch.equal(one.images[:5], other.images[:5]) and 99 not in one.labels


def test_temperature_threshold_and_floor_are_those_of_validation(network, dataset):
    splits = data.split(dataset)
    fitted = certainty.fit(network, dataset, splits["train"], splits["validation"])
    shown, made = certainty.photograph(splits["validation"])
    seen = certainty.look(network, shown.images)
    assert fitted.is_sure(seen.features).mean() == pytest.approx(0.95, abs=1 / len(shown.labels))
    clean = evaluation.predict_split(network, splits["validation"])
    together = certainty.join(clean, Predictions(seen.logits, shown.labels.numpy()))
    assert fitted.temperature == pytest.approx(evaluation.choose_temperature(together), rel=1e-3)
    assert fitted.fitted_on == {"validation_images": 60, "photographs": made, "not_found": made - len(shown.labels)}


def test_elsewhere_the_validation_images_alone_decide(network, dataset, monkeypatch):
    monkeypatch.setattr(certainty, "photograph", None)
    whole = replace(dataset, framing="whole")
    splits = data.split(whole)
    fitted = certainty.fit(network, whole, splits["train"], splits["validation"])
    clean = evaluation.predict_split(network, splits["validation"])
    assert fitted.temperature == pytest.approx(evaluation.choose_temperature(clean), rel=1e-3)
    assert fitted.is_sure(certainty.look(network, splits["validation"].images).features).mean() == pytest.approx(0.95)
    assert fitted.fitted_on == {"validation_images": 60, "photographs": 0, "not_found": 0}


@pytest.mark.parametrize("count", [1, 19, 20])
def test_a_handful_of_images_fits_no_temperature(network, dataset, monkeypatch, count):
    monkeypatch.setattr(evaluation, "choose_temperature", lambda predictions: 3.0)
    splits = data.split(dataset)
    few = Split(*(values[:count] for values in splits["validation"]))
    fitted = certainty.fit(network, replace(dataset, framing="whole"), splits["train"], few)
    is_enough = count == 20
    assert fitted.temperature == (3.0 if is_enough else 1.0)
    assert certainty.is_known(fitted.fitted_on) == is_enough and fitted.floor == 0


def test_where_no_digit_is_found_the_validation_images_decide(network, dataset, monkeypatch):
    monkeypatch.setattr(framing, "frame_ink", lambda pixels: framing.NoDigit("none"))
    splits = data.split(dataset)
    fitted = certainty.fit(network, dataset, splits["train"], splits["validation"])
    assert fitted.fitted_on["not_found"] == certainty.PHOTOGRAPHS
    assert fitted.is_sure(certainty.look(network, splits["validation"].images).features).mean() == pytest.approx(0.95)


def test_a_training_keeps_what_was_fitted_and_its_bytes_repeat(dataset, tmp_path):
    for name in ("a", "b"):
        network, _ = training.train(dataset, TINY, folder=tmp_path / name)
    for name in ("model.json", "certainty.npz"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("a", "b"))
        if name == "certainty.npz":
            assert one == other
    one, other = (files.read_json(tmp_path / run / "model.json") for run in ("a", "b"))
    assert one | {"history_sha256": ""} == other | {"history_sha256": ""}  # a history holds times
    splits = data.split(dataset)
    kept = checkpoints.load_certainty(tmp_path / "a", one)
    fitted = certainty.fit(network, dataset, splits["train"], splits["validation"])
    assert (kept.temperature, kept.threshold, kept.floor) == (fitted.temperature, fitted.threshold, fitted.floor)
    assert np.array_equal(kept.centres, fitted.centres) and kept.fitted_on == fitted.fitted_on


def test_a_model_whose_certainty_is_of_other_code_is_trained_anew(dataset, tmp_path, monkeypatch):
    training.train(dataset, TINY, folder=tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    key = files.read_json(tmp_path / "model.json")["key"]
    monkeypatch.setattr(certainty, "CODE", ["another"])
    training.train(dataset, TINY, folder=tmp_path)
    assert files.read_json(tmp_path / "model.json")["key"] != key
    assert (tmp_path / "model.safetensors").read_bytes() == before


EDITS = [
    {"threshold": -5},
    {"threshold": "x"},
    {"threshold": None},
    {"floor": 2},
    {"threshold": float("nan")},
]


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_a_certainty_that_no_training_writes_is_refused(dataset, tmp_path, edit):
    training.train(dataset, TINY, folder=tmp_path)
    description = files.read_json(tmp_path / "model.json")
    assert checkpoints.load_certainty(tmp_path, description)
    assert checkpoints.load_certainty(tmp_path, description | {"certainty_code": ["older"]}) is None
    with pytest.raises(errors.BadInput, match=r"is not what a training writes; python run_all\.py"):
        checkpoints.load_certainty(tmp_path, description | edit)
    (tmp_path / "certainty.npz").write_bytes(b"no archive")
    with pytest.raises(errors.BadInput, match="is not what a training writes"):
        checkpoints.load_certainty(tmp_path, description)


def test_a_rare_class_has_its_centres_and_alike_images_one():
    labels = np.zeros(40_000, dtype=np.int64)
    labels[[1, 7, 13]] = 1
    chosen = certainty.choose_sample(labels)
    assert {1, 7, 13} <= set(chosen) and 8_000 <= len(chosen) <= 8_003
    assert len(certainty.find_centres(np.ones((60, 4), np.float32), np.zeros(60))) == 1


@pytest.fixture(scope="module")
def benchmark():
    """benchmarks/certainty.py, whose name is that of the module it measures."""
    spec = importlib.util.spec_from_file_location("benchmark_certainty", ROOT / "benchmarks" / "certainty.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_counts_what_is_sure(benchmark, trained, dataset, tmp_path, capsys):
    reader = reading.load("hand", outputs=trained)
    bold = replace(reader, certainty=reader.certainty._replace(threshold=-1, floor=1e-300))
    meek = replace(reader, certainty=reader.certainty._replace(threshold=2, floor=1))
    drawn = list(benchmark.strokes(np.random.default_rng(0)))[::25]
    for asked, share in ((bold, 1), (meek, 0)):
        counts = benchmark.ask(asked, drawn)
        assert sum(count["shown"] for count in counts.values()) == len(drawn)
        assert sum(count["sure"] for count in counts.values()) == share * len(drawn)
        split = Split(dataset.images[:10], dataset.labels[:10])
        found = benchmark.read_photographs(asked, split, 10, np.random.default_rng(0))
        assert found["made"] == 10 and found["sure"] == share * found["found"]
        assert found["right"] > 2 and found["right_of_sure"] == share * found["right"]
        assert found["labels"] == found["found"] * (10 if share else 1)
    assert list(benchmark.letters(tmp_path)) == []
    assert capsys.readouterr().out.count("left out; apt-get install fonts-") == len(benchmark.FONTS)


def test_the_benchmark_asks_for_its_fonts(benchmark, tmp_path, monkeypatch):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "Lato-Regular.ttf").touch()
    assert set(benchmark.missing_fonts(tmp_path)) == set(benchmark.FONTS.values()) - {"fonts-lato"}
    monkeypatch.setattr(benchmark.origin, "facts", dict)
    monkeypatch.setattr("sys.argv", ["certainty.py", "--fonts", str(tmp_path)])
    with pytest.raises(errors.BadInput, match=r"lacks fonts; apt-get install fonts-comic-neue .*--some-fonts"):
        benchmark.main()


def test_the_benchmark_shows_what_is_no_digit(benchmark):
    assert len(benchmark.LETTERS) * len(benchmark.FONTS) >= 200 and not set("OolIZSBbqgG") & set(benchmark.LETTERS)
    for name, pixels in [*benchmark.strokes(np.random.default_rng(0))][::20]:
        assert isinstance(framing.frame_ink(pixels), framing.Framed), name
    shown = [pixels for _, pixels in itertools.islice(benchmark.crops(np.random.default_rng(0)), 4)]
    assert all(pixels.dtype == np.uint8 and min(pixels.shape[:2]) >= 60 for pixels in shown)


@pytest.mark.parametrize("mode", [True, False])
def test_a_look_leaves_a_network_in_its_mode(mode):
    network = models.build("small").train(mode)
    certainty.look(network, torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    assert all(layer.training == mode for layer in network.modules())
