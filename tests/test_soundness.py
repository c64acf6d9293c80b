"""Soundness: labels that look wrong, images that are there twice, leaks, rare classes, light."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from helpers import data, evaluation, soundness
from helpers.evaluation import Predictions


def believed(labels, flipped, seed=7):
    """Return probabilities in hundredths that mostly name the true class: `labels`, but for `flipped` {place: true}."""
    truth = labels.copy()
    truth[list(flipped)] = list(flipped.values())
    noise = np.random.default_rng(seed).dirichlet([1, 1, 1], len(labels))
    probabilities = np.round(np.eye(3)[truth] * 0.6 + noise * 0.4, 2)
    probabilities[:, 2] = np.round(1 - probabilities[:, 0] - probabilities[:, 1], 2)
    return probabilities


GIVEN = np.repeat([0, 1, 2], [14, 12, 13])
FLIPPED = {2: 1, 15: 2, 16: 0, 30: 1}


def test_joint_and_suspects_are_those_of_the_paper():
    """The literals are those of another implementation, cleanlab 2.9.0: its calibrated joint, and prune by class."""
    probabilities = believed(GIVEN, FLIPPED)
    joint = soundness.estimate_joint(probabilities, GIVEN)
    assert joint.round().tolist() == [[13, 1, 0], [0, 11, 1], [0, 0, 13]]
    assert joint.sum(axis=1) == pytest.approx([14, 12, 13])
    with np.errstate(divide="ignore"):
        suspects = soundness.suspect_labels(Predictions(np.log(probabilities), GIVEN))
    assert suspects.indices.tolist() == [2, 16] and suspects.suggested.tolist() == [1, 0]
    assert (np.diff(suspects.margins) >= 0).all() and (suspects.margins < 0).all()


def test_no_label_is_suspected_where_all_are_believed_or_a_class_is_too_small_to_check():
    sure = np.eye(3)[GIVEN] * 20
    assert len(soundness.suspect_labels(Predictions(sure, GIVEN)).indices) == 0
    few = np.repeat([0, 1], [30, soundness.CHECKABLE - 1])
    logits = np.eye(2)[few] * 5
    logits[-3:] = [5, 0]
    assert len(soundness.suspect_labels(Predictions(logits, few)).indices) == 0
    enough = np.append(few, 1)
    logits = np.insert(logits, 30, [0, 5], axis=0)
    assert set(soundness.suspect_labels(Predictions(logits, enough)).indices) <= {37, 38, 39}


def test_networks_that_do_not_know_a_class_check_none_of_its_labels():
    labels = np.repeat([0, 1, 2], 20)
    logits = np.eye(3)[labels] * 5
    logits[0] = [0, 5, 0]  # one of 20: checked, and suspected
    logits[20:30] = [0, 0, 5]  # half of 20
    logits[40:49] = [5, 0, 0]  # 9 of 20
    predictions = Predictions(logits, labels)
    assert soundness.checkable_classes(predictions) == [0, 2]
    suspected = set(soundness.suspect_labels(predictions).indices)
    assert 0 in suspected and not suspected & set(range(20, 40))


@pytest.mark.parametrize("counts", [(1, 1), (2, 2), (20, 3, 7), (1, 40)])
def test_folds_spread_each_class_evenly(counts):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    folds = soundness.assign_folds(labels, 5, seed=3)
    for label, count in enumerate(counts):
        sizes = torch.bincount(folds[labels == label], minlength=5)
        assert sizes.sum() == count and sizes.max() - sizes.min() <= 1
    sizes = torch.bincount(folds)
    assert 0 < sizes.max() < len(labels)
    assert not torch.equal(folds, soundness.assign_folds(labels, 5, seed=4)) or len(labels) < 5


@pytest.mark.parametrize("images", [2, 3, 48, 1438, 40_000])
def test_a_quick_training_has_steps_enough_for_any_number_of_images(images):
    recipe = soundness.quick_recipe(images)
    steps = recipe.epochs * (images // recipe.batch_size)
    assert soundness.STEPS <= steps < 2 * soundness.STEPS
    assert recipe.label_smoothing == recipe.rough_share == 0


def coloured(per_class, side=40, seed=0):
    """Return pictures, uint8 (n, 3, side, side), that their colour alone tells apart, and their labels, int64 (n,)."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), per_class)
    pictures = generator.integers(40, 90, (len(labels), 3, side, side))
    pictures[np.arange(len(labels)), labels, 10:30, 10:30] += 120
    return torch.from_numpy(pictures.astype(np.uint8)), torch.from_numpy(labels)


def test_a_wrong_label_among_few_pictures_in_colour_is_found_with_the_right_one(monkeypatch):
    monkeypatch.setattr(soundness, "STEPS", 60)
    images, labels = coloured(20)
    given = labels.clone()
    given[5] = 2
    predictions = soundness.predict_out_of_fold(images, given, classes=3)
    assert predictions.logits.shape == (60, 3) and (predictions.labels == given.numpy()).all()
    assert (predictions.predicted == labels.numpy()).mean() > 0.9
    suspects = soundness.suspect_labels(predictions)
    assert suspects.indices[0] == 5 and suspects.suggested[0] == 0 and len(suspects.indices) <= 3
    again = soundness.predict_out_of_fold(images, given, classes=3)
    assert (again.logits == predictions.logits).all()


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def as_jpeg(image, quality=75):
    """Return an image, uint8 tensor (c, h, w), as it is after it was a JPEG file."""
    file = io.BytesIO()
    pixels = image.numpy().transpose(1, 2, 0)
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(file, "JPEG", quality=quality)
    read = np.array(Image.open(file))
    return torch.from_numpy(read.reshape(pixels.shape).transpose(2, 0, 1).copy())


def crops(count, side=96):
    """Return parts of two photographs, uint8 (count, 3, side, side), that do not overlap."""
    pictures = [picture[top : top + side, left : left + side] for picture in load_sample_images().images
                for top in range(0, 320, side) for left in range(0, 540, side)]  # fmt: skip
    return torch.from_numpy(np.stack(pictures[:count]).transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("kind", ["ink", "photographs"])
def test_copies_are_found_exact_or_changed_a_little_and_nothing_else(kind, digits):
    originals = digits.images[:40] if kind == "ink" else crops(40)
    darker = (originals[3].float() * 0.8 + 10).to(torch.uint8)
    noise = torch.randint(-3, 4, originals[20].shape, generator=torch.Generator().manual_seed(0))
    noisy = (originals[20].int() + noise).clamp(0, 255).to(torch.uint8)
    changed = torch.stack([originals[1], as_jpeg(originals[2]), darker, noisy, originals[1]])
    copies = soundness.find_copies(torch.cat([originals, changed]))
    grouped = {tuple(np.flatnonzero(copies.groups == group)) for group in np.unique(copies.groups)}
    assert {group for group in grouped if len(group) > 1} == {(1, 40, 44), (2, 41), (3, 42), (20, 43)}
    assert sorted(copies.pairs[copies.exact].tolist()) == [[1, 40], [1, 44]]
    assert (copies.pairs[:, 0] < copies.pairs[:, 1]).all()
    assert (copies.likeness >= soundness.ALIKE).all() and (copies.likeness <= 1.00001).all()


def test_pictures_that_differ_in_colour_alone_are_no_copies():
    red = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    red[0, 0, 8:20, 8:20] = 200
    red[1, 1, 8:20, 8:20] = 200
    red[2, 0, 8:20, 8:20] = 190
    assert soundness.find_copies(red).pairs.tolist() == [[0, 2]]


def test_images_of_one_tone_are_copies_only_where_they_are_exact():
    blank = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    blank[2:] = 255
    copies = soundness.find_copies(blank)
    assert copies.pairs.tolist() == [[0, 1], [2, 3]] and copies.exact.all()


@pytest.mark.real
def test_no_two_images_of_mnist_are_called_the_same(real_data):
    source = data.load("mnist", real_data)
    assert len(soundness.find_copies(source.images[~source.is_test][:20_000]).pairs) == 0


def test_leaks_are_named_through_copies_of_copies(digits):
    images = digits.images[:12].clone()
    images[11] = images[2]  # a test image of a training image
    images[9] = images[11]  # and again
    images[8] = as_jpeg(images[10])  # two test images of each other: no leak
    is_test = torch.arange(12) >= 8
    copies = soundness.find_copies(images)
    leaks = soundness.find_leaks(copies, is_test)
    assert leaks.tolist() == [1, 3]


def test_rare_classes_come_rarest_first():
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([19, 20, 3, 500]))
    assert soundness.rare_classes(labels, 4) == [2, 0]
    assert evaluation.wilson(soundness.FEW, soundness.FEW)[0] < 0.84  # as the notebook says


def test_light_is_that_of_the_eye():
    images = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    images[0, 1] = 200  # green is light
    images[1, 2] = 200  # blue is dark
    images[2, :, :2] = 100
    light = soundness.measure_light(images)
    assert light.mean == pytest.approx([117.4, 22.8, 50], abs=0.01)
    assert light.spread == pytest.approx([0, 0, 50], abs=0.01)
    assert soundness.measure_light(images[:, :1]).mean.tolist() == [0, 0, 50]


@pytest.mark.parametrize("side", [16, 28, 96])
def test_images_of_any_size_are_shrunk_or_enlarged(side):
    images = torch.full((2, 3, side, side), 77, dtype=torch.uint8)
    small = soundness.shrink(images)
    assert small.shape == (2, 3, 28, 28) and small.dtype == torch.uint8 and (small == 77).all()
