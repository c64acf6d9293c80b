"""What may be said of a training: every sentence, and how often one is said where nothing is behind it."""

import numpy as np
import pytest

from helpers import verdicts


def classes_with(wrong, images=200):
    """Return the classes predicted for images of class 0: those at the places `wrong` are taken for class 1."""
    predicted = np.zeros(images, dtype=int)
    predicted[list(wrong)] = 1
    return predicted


LABELS = np.zeros(200, dtype=int)


@pytest.mark.parametrize(
    ("wrong", "said", "value"),
    [
        ([range(5)], "one epoch", None),
        ([range(9), range(5)], "No earlier epoch had fewer", 1.0),
        ([range(9), range(4), range(5)], "Epoch 2 has fewer errors on validation: 4, against 5", 1.0),
        ([range(4), range(20)], "more than picking gives by chance", 2 * 0.5**16),
        ([range(4), range(20), range(20)], "more than picking gives by chance", 4 * 0.5**16),
    ],
)
def test_the_best_of_several_epochs_has_to_be_better_than_picking_makes_it(wrong, said, value):
    predicted = np.array([classes_with(places) for places in wrong])
    verdict = verdicts.best_epoch(predicted, LABELS)
    assert said in verdict.sentence and verdict.value == (value if value is None else pytest.approx(value))
    assert verdict.facts["last_errors"] == len(wrong[-1]) and verdict.facts["epochs"] == len(wrong)


def test_the_best_of_equal_epochs_is_seldom_called_better():
    generator = np.random.default_rng(0)
    drawn = (generator.random((200, 10, 300)) < 0.05).astype(int)
    verdict_of = [verdicts.best_epoch(predicted, np.zeros(300, dtype=int)) for predicted in drawn]
    assert np.mean(["more than picking" in verdict.sentence for verdict in verdict_of]) <= 0.02


@pytest.mark.parametrize(
    ("rates", "wrong", "said"),
    [
        ([0.1], [range(5)], "nothing to compare"),
        ([0.1, 0.1], [range(50), range(5)], "nothing to compare"),
        ([0.1, 0.2], [range(50), range(5)], "nothing to compare"),
        ([0.1, 0.3, 0.2], [range(50), range(30), range(5)], "better: 25 gained, 0 lost"),
        ([0.3, 0.2], [range(5), range(30)], "worse: 0 gained, 25 lost"),
        ([0.3, 0.2], [range(5), range(6)], "are not shown to be classified better or worse: 0 gained, 1 lost"),
    ],
)
def test_what_came_of_a_falling_rate_is_held_against_sampling_error(rates, wrong, said):
    predicted = np.array([classes_with(places) for places in wrong])
    verdict = verdicts.falling_rate(rates, predicted, LABELS)
    assert said in verdict.sentence and (verdict.value is None) == ("nothing to compare" in said)
    assert verdict.facts["highest"] == 1 + int(np.argmax(rates))


def test_equal_epochs_are_seldom_told_apart_by_the_rate():
    generator = np.random.default_rng(0)
    drawn = (generator.random((300, 2, 300)) < 0.05).astype(int)
    values = [verdicts.falling_rate([2, 1], predicted, np.zeros(300, dtype=int)).value for predicted in drawn]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.02


@pytest.mark.parametrize(
    ("train_wrong", "validation_wrong", "images", "said"),
    [
        (20, 44, 1000, "holds for the training images only"),  # although the intervals overlap
        (44, 20, 1000, "classified worse"),
        (20, 36, 1000, "cannot be told apart"),
        (0, 4, 4, "cannot be told apart"),  # all right and all wrong, and still so few decide nothing
    ],
)
def test_overfitting_is_told_by_a_test_and_not_by_intervals_that_overlap(train_wrong, validation_wrong, images, said):
    places = np.arange(images)
    assert said in verdicts.overfitting(places >= train_wrong, places >= validation_wrong).sentence
