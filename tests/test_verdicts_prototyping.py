"""What may be said of candidates: each sentence beside the test that it rests on, and its null."""

import math

import numpy as np
import pytest

from helpers import verdicts

PARAMETERS = {"a": 300, "b": 200, "c": 100}


def right(images, *wrong):
    """Return bool (images,) that is False at the places `wrong`."""
    correct = np.ones(images, dtype=bool)
    correct[list(wrong)] = False
    return correct


@pytest.mark.parametrize(("last", "said"), [(0.0099, "was memorised"), (0.01, "**not** memorised")])
def test_a_batch_is_memorised_where_its_loss_has_fallen_far_enough(last, said):
    verdict = verdicts.memorised([2.3, 1.0, last], 64)
    assert said in verdict.sentence and verdict.value == last
    assert verdict.facts == {"images": 64, "steps": 3, "first_loss": 2.3, "last_loss": last}
    assert "64 images" in verdict.sentence and "in 3 steps" in verdict.sentence
    assert "its 1 image went" in verdicts.memorised([2.3, last], 1).sentence


@pytest.mark.parametrize(("suggested", "agree"), [(0.01, True), (0.0034, True), (0.0033, False), (0.031, False)])
def test_rates_agree_within_a_factor_of_three(suggested, agree):
    verdict = verdicts.recipe_rate("compact", suggested, "balanced", 0.01)
    assert ("The range test and the recipe agree within" in verdict.sentence) == agree
    assert verdict.value == pytest.approx(0.01 / suggested)


def test_mcnemars_test_looks_at_what_one_alone_has_right():
    assert verdicts.mcnemar(right(100, *range(8)), right(100)) == (0, 8, pytest.approx(2 / 2**8))
    assert verdicts.mcnemar(right(100, 1, 2), right(100, 1, 2)) == (0, 0, 1.0)
    assert verdicts.mcnemar(right(9, 1), right(9, 2)) == (1, 1, 1.0)


def test_of_several_at_the_top_the_one_with_the_fewest_parameters_is_first():
    correct = {"a": right(50), "b": right(50), "c": right(50, 1)}
    assert verdicts.first_of(correct, PARAMETERS) == "b"


@pytest.mark.parametrize(
    ("wrong_of_a", "wrong_of_c", "listed", "smallest", "said"),
    [
        (30, 30, ["b"], "b", "stands alone"),
        (4, 30, ["a", "b"], "b", "not told apart from it: `a`"),
        (5, 6, ["a", "b", "c"], "c", "No candidate is told apart from `b`"),
        (0, 9, ["a", "b", "c"], "c", "No candidate is told apart"),  # 2 / 2**9, times three pairs, is above 0.01
        (0, 11, ["a", "b"], "b", "not told apart from it: `a`"),
    ],
)
def test_a_candidate_leaves_the_shortlist_where_the_test_tells_it_apart(wrong_of_a, wrong_of_c, listed, smallest, said):
    correct = {"a": right(200, *range(wrong_of_a)), "b": right(200), "c": right(200, *range(wrong_of_c))}
    verdict = verdicts.shortlist(correct, PARAMETERS)
    assert verdict.facts["first"] == "b" and verdict.facts["shortlist"] == listed
    assert verdict.value == smallest and said in verdict.sentence


def test_equal_candidates_seldom_leave_the_shortlist():
    generator = np.random.default_rng(0)
    left = 0
    for _ in range(300):
        images = generator.random(500) < 0.9  # most images are easy or hard for all of them
        answers = [np.where(generator.random(500) < 0.1, generator.random(500) < 0.9, images) for _ in range(5)]
        correct = dict(zip("abcde", answers, strict=True))
        listed = verdicts.shortlist(correct, dict.fromkeys("abcde", 1)).facts["shortlist"]
        left += len(listed) < 5
    assert left / 300 <= 0.02


@pytest.mark.parametrize(("images", "disagreement", "comparisons"), [(400, 0.1, 1), (1000, 0.05, 10)])
def test_the_power_is_how_often_the_test_finds_a_difference(images, disagreement, comparisons):
    difference = verdicts.smallest_difference(images, disagreement, comparisons)
    assert 0 < difference <= 1
    share = max(disagreement, difference)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(1000):
        draws = generator.random(images)
        better = draws >= (share - difference) / 2  # all but those that only the other has right
        other = (draws < (share - difference) / 2) | (draws >= share)
        found.append(comparisons * verdicts.mcnemar(better, other)[2] < verdicts.LEVEL)
    assert np.mean(found) == pytest.approx(verdicts.LARGE_POWER, abs=0.05)


def test_four_times_as_many_images_show_half_the_difference():
    some, more = (verdicts.smallest_difference(images, 0.05) for images in (1000, 4000))
    assert more == pytest.approx(some / 2, rel=0.1)


def test_which_difference_could_have_shown_is_said_or_that_none_could():
    verdict = verdicts.detectable_difference(right(119, 1, 2), right(119, 3, 4, 5), 5)
    assert verdict.facts == {"images": 119, "disagree": 5, "comparisons": 10}
    assert 0.05 < verdict.value < 0.2 and f"{100 * verdict.value:.1f} percentage points" in verdict.sentence
    few = verdicts.detectable_difference(right(6), right(6, 1), 5)
    assert few.value is None and "With 6 validation images nothing can be decided" in few.sentence
    assert "With 1 validation image nothing" in verdicts.detectable_difference(right(1), right(1), 5).sentence
    same = verdicts.detectable_difference(right(119), right(119), 5)
    assert same.value > 0  # who agrees on all images could still have differed


@pytest.mark.parametrize(
    ("network", "value", "said"),
    [
        ("small", "smallest", "the same as the short comparison suggests"),
        ("compact", "listed", "`small` has fewer parameters"),
        ("linear", "not listed", "it is **not** on the shortlist"),
    ],
)
def test_the_recipes_network_is_held_against_the_shortlist(network, value, said):
    verdict = verdicts.recipe_network(network, "balanced", ["small", "compact"], "small")
    assert verdict.value == value and said in verdict.sentence
    assert verdict.sentence.startswith("For such images the default recipe is `balanced`, which trains ")


@pytest.mark.parametrize(
    ("network_wrong", "wrong_of_a", "wrong_of_b", "candidates", "beaten", "said"),
    [
        (0, 40, 20, 1, 2, "`small` (100.0%) is more accurate than every baseline, by more than sampling error"),
        (20, 0, 20, 1, 0, "More accurate than `small` (93.3%), by more than sampling error: a (100.0%) (McNemar"),
        (3, 40, 8, 1, 1, "Not told apart from `small` (99.0%): b (97.3%) (McNemar"),
        (3, 3, 8, 1, 0, "Not told apart from `small` (99.0%): a (99.0%), b (97.3%) (McNemar"),
        (0, 40, 9, 1, 2, "more accurate than every baseline"),
        (0, 40, 9, 5, 1, "Not told apart from `small` (100.0%): b (97.0%) (McNemar"),
    ],
)
def test_a_network_is_held_against_the_baselines(network_wrong, wrong_of_a, wrong_of_b, candidates, beaten, said):
    correct = right(300, *range(network_wrong))
    baselines = {"a": right(300, *range(100, 100 + wrong_of_a)), "b": right(300, *range(200, 200 + wrong_of_b))}
    verdict = verdicts.better_than_baselines(correct, baselines, "small", candidates)
    assert verdict.value == beaten and said in verdict.sentence
    assert verdict.facts["discordant"] == {"a": [wrong_of_a, network_wrong], "b": [wrong_of_b, network_wrong]}


def test_the_best_of_equals_seldom_beats_a_baseline():
    generator = np.random.default_rng(0)
    beaten = []
    for _ in range(300):
        answers = generator.random((8, 200)) < 0.9  # five candidates, three baselines
        best = answers[:5][answers[:5].sum(axis=1).argmax()]
        beaten.append(verdicts.better_than_baselines(best, dict(zip("abc", answers[5:], strict=True)), "best", 5).value)
    assert np.mean(np.array(beaten) > 0) <= 0.02


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (30, 5, "The validation error fell from 30.0% to 5.0% with more images, by more than sampling error"),
        (5, 30, "The validation error rose from 5.0% to 30.0% with more images, by more than sampling error"),
        (10, 8, "sampling error could explain"),
        (0, 0, "The validation error is 0.0%, with more images as before (McNemar's test, p = 1;"),
    ],
)
def test_an_error_has_changed_where_the_paired_test_finds_it(before, after, said):
    verdict = verdicts.remedy(right(100, *range(before)), right(100, *range(after)), "more images")
    assert said in verdict.sentence and "more images" in verdict.sentence
    assert (verdict.facts["errors_before"], verdict.facts["errors_after"]) == (before, after)
    assert (verdict.value < verdicts.LEVEL) == ("by more than sampling error" in verdict.sentence)


def test_a_remedy_without_effect_is_seldom_said_to_change_the_error():
    generator = np.random.default_rng(0)
    values = [verdicts.remedy(*(generator.random((2, 300)) < 0.9), "nothing").value for _ in range(400)]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.02
    assert not any(math.isnan(value) for value in values)
