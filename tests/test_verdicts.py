"""What may be said of figures: each sentence beside the test that it rests on, and its null."""

import numpy as np
import pytest

from helpers import verdicts


def share(correct, total):
    return np.arange(total) < correct


@pytest.mark.parametrize(
    ("train", "validation", "said"),
    [
        ((990, 1000), (900, 1000), "holds for the training images only"),
        ((900, 1000), (990, 1000), "classified worse"),
        ((100, 100), (99, 100), "cannot be told apart"),
        ((119, 119), (113, 119), "cannot be told apart"),  # 5 points apart, and still nothing is known
    ],
)
def test_overfitting_is_said_where_fishers_test_finds_it(train, validation, said):
    verdict = verdicts.overfitting(share(*train), share(*validation))
    assert said in verdict.sentence
    assert (verdict.value < verdicts.LEVEL) == ("cannot be told apart" not in verdict.sentence)
    assert verdict.facts["validation_errors"] == validation[1] - validation[0]


def test_equal_parts_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    draws = generator.random((2, 400, 500)) < 0.95
    values = [verdicts.overfitting(*parts).value for parts in zip(*draws, strict=True)]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.02


def test_a_notebook_keeps_what_a_verdict_rests_on():
    verdict = verdicts.overfitting(share(99, 100), share(98, 100))
    shown = verdict._repr_mimebundle_()
    assert shown["text/markdown"] == verdict.sentence
    assert shown[verdicts.FORMAT]["facts"]["train_errors"] == 1 and shown[verdicts.FORMAT]["name"] == "overfitting"


@pytest.mark.parametrize(
    ("p_value", "text"),
    [(0.04321, "0.043"), (0.01042, "0.0104"), (0.00996, "0.00996"), (1.0, "1"), (3e-9, "below 0.0001")],
)
def test_p_values_are_written_with_two_digits_and_three_beside_the_level(p_value, text):
    assert verdicts.in_figures(p_value) == text


@pytest.mark.parametrize(("value", "sentence"), [(float("nan"), "a claim"), (0.5, "nan% of the images")])
def test_what_is_no_number_makes_no_claim(value, sentence):
    with pytest.raises(ValueError, match="not a number"):
        verdicts.Verdict("it", value, sentence)


def test_a_class_called_nan_is_a_name():
    assert verdicts.Verdict("it", 0.5, "the class nan").sentence
