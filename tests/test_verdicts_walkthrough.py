"""What the walkthrough says of its network: each sentence beside its test, and its null."""

import numpy as np
import pytest
from scipy.stats import binom

from helpers import verdicts


def paired(ahead, behind, both=100):
    """Return whether each of two classifies an image correctly, bool (n,): `ahead` images only the first does."""
    one = np.repeat([True, False, True], [ahead, behind, both])
    return one, np.repeat([False, True, True], [ahead, behind, both])


@pytest.mark.parametrize(
    ("ahead", "behind", "said"),
    [
        (20, 2, "is more accurate than the best baseline, nearest"),
        (2, 20, "is less accurate than the best baseline, nearest"),
        (9, 4, "differ by no more than sampling error"),
        (0, 0, "differ by no more than sampling error"),
    ],
)
def test_a_network_is_held_against_the_best_baseline_by_mcnemars_test(ahead, behind, said):
    network, best = paired(ahead, behind)
    verdict = verdicts.against_baselines(network, {"majority": np.zeros_like(best), "nearest": best})
    assert said in verdict.sentence and verdict.facts["baseline"] == "nearest"
    assert (verdict.facts["only_network"], verdict.facts["only_baseline"]) == (ahead, behind)
    assert verdict.value == pytest.approx(min(1, 2 * binom.cdf(min(ahead, behind), ahead + behind, 0.5)))


def test_the_first_of_equal_baselines_is_named():
    network, best = paired(3, 1)
    assert verdicts.against_baselines(network, {"one": best, "other": best}).facts["baseline"] == "one"


def test_equals_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    draws = generator.random((2, 300, 200)) < 0.9
    values = [verdicts.against_baselines(one, {"it": other}).value for one, other in zip(*draws, strict=True)]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.02


def of_classes(errors, images):
    """Return (predicted, labels), int (n,): of each class so many images, of which so many are given another name."""
    labels = np.repeat(np.arange(len(images)), images)
    wrong = np.concatenate([np.arange(count) < misses for misses, count in zip(errors, images, strict=True)])
    return np.where(wrong, (labels + 1) % len(images), labels), labels


@pytest.mark.parametrize(
    ("errors", "images", "found"),
    [
        ([2, 2, 30], [100, 100, 100], ["c"]),
        ([50, 2, 50], [100, 100, 100], ["a", "c"]),
        ([2, 2, 6], [100, 100, 100], []),
        ([0, 0, 0], [5, 5, 5], []),
        ([90, 90, 5], [100, 100, 100], ["a", "b"]),  # the third is better than the others, and not named
        ([0, 1, 0], [4, 4, 0], []),  # no image of the third
        ([0], [10], []),
    ],
)
def test_classes_are_named_where_they_are_misclassified_more_often(errors, images, found):
    names = ["a", "b", "c"][: len(images)]
    verdict = verdicts.weakest_classes(*of_classes(errors, images), names)
    assert verdict.value == len(found) and verdict.facts["found"] == found
    assert verdict.facts["errors"] == errors and verdict.facts["images"] == images
    assert (", ".join(found) if found else "No class is") in verdict.sentence


def test_of_equal_classes_one_is_seldom_named():
    generator = np.random.default_rng(0)
    labels = np.arange(500) % 10
    named = [
        verdicts.weakest_classes((labels + (generator.random(500) < 0.1)) % 10, labels, list("0123456789")).value
        for _ in range(200)
    ]
    assert np.mean(np.array(named) > 0) <= 0.02
