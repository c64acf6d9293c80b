"""What 01_eda may say of a dataset: every sentence beside its test, and its null."""

import numpy as np
import pytest

from helpers import verdicts


def first(true, total):
    return np.arange(total) < true


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ((500, 500, 500), (100, 100, 100), "in the very same shares"),
        ((500, 500, 500), (100, 100, 101), "cannot be told apart: sampling error could explain"),
        ((500, 500, 500), (100, 100, 20), "by more than sampling error"),
        ((50, 50, 3), (10, 10, 1), "too few images"),
        ((50, 50, 0), (10, 10, 0), "too few images"),
        ((700, 300), (70, 30), "in the very same shares"),
    ],
)
def test_shares_of_classes_are_compared_where_images_are_enough(train, test, said):
    verdict = verdicts.class_shares(train, test)
    assert said in verdict.sentence and verdict.facts == {"train": list(train), "test": list(test)}
    assert (verdict.value is None) == ("too few" in said)


def test_equal_mixtures_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    shares = [0.5, 0.3, 0.2]
    draws = [(generator.multinomial(900, shares), generator.multinomial(300, shares)) for _ in range(500)]
    values = [verdicts.class_shares(*pair).value for pair in draws]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.03


@pytest.mark.parametrize(
    ("of_far", "of_others", "said"),
    [
        ((18, 20), (100, 1000), "more than sampling error explains"),
        ((3, 20), (100, 1000), "cannot be told apart: sampling error could explain"),
        ((19, 19), (0, 1000), "too few"),
    ],
)
def test_far_images_are_compared_with_the_others(of_far, of_others, said):
    strayed = np.concatenate([first(*of_far), first(*of_others)])
    verdict = verdicts.odd_images(first(of_far[1], len(strayed)), strayed)
    assert said in verdict.sentence and (verdict.value is None) == (said == "too few")
    assert list(verdict.facts.values()) == [of_far[1], of_far[0], of_others[1], of_others[0]]


def test_close_means_do_not_make_classes_overlap():
    verdict = verdicts.close_classes([True, True, True, False], [0, 5, 0, 400], [200, 1000, 20, 1000])
    assert verdict.value == 2 and "In 2 of these a plane" in verdict.sentence and "3 of 4" in verdict.sentence
    assert verdict.sentence.endswith("in the others this is not certain.")
    each = verdicts.close_classes([True, False], [0, 400], [200, 1000])
    assert each.value == 1 and "In each of these a plane" in each.sentence and "others" not in each.sentence
    none = verdicts.close_classes([False], [0], [50])
    assert none.value is None and "No two" in none.sentence
    assert verdicts.close_classes([], [], []).value is None


@pytest.mark.parametrize(
    ("leaked", "total", "said"),
    [
        (0, 359, "None of 359 test images"),
        (0, 1, "None of 1 test image was found"),
        (1, 50, "1 of 50"),
        (1200, 10_000, "1,200 of 10,000"),
    ],
)
def test_leaks_are_counted(leaked, total, said):
    verdict = verdicts.copies_in_test(leaked, total)
    assert said in verdict.sentence and verdict.value == leaked


def test_a_map_is_named_where_it_brings_classes_together():
    pixels = first(10, 500)
    verdict = verdicts.neighbours_on_maps(pixels, {"PCA": first(200, 500), "t-SNE": first(11, 500)})
    assert verdict.value == 1 and "PCA" in verdict.sentence and "t-SNE" not in verdict.sentence
    assert verdict.facts["discordant"] == {"PCA": [190, 0], "t-SNE": [1, 0]}
    less = verdicts.neighbours_on_maps(first(200, 500), {"PCA": pixels})
    assert less.value == 0 and less.sentence.startswith("No map is shown")


def test_a_map_of_other_places_at_random_is_seldom_named():
    generator = np.random.default_rng(2)
    found = []
    for _ in range(300):
        labels = generator.integers(0, 4, 80)
        differ = []
        for _ in range(3):  # the pixels and two maps, all of them at random: no map is worse
            points = generator.normal(size=(80, 2))
            distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + np.diag(np.full(80, np.inf))
            differ.append(labels[distances.argmin(axis=1)] != labels)
        found.append(verdicts.neighbours_on_maps(differ[0], {"PCA": differ[1], "t-SNE": differ[2]}).value)
    assert np.mean(np.array(found) > 0) <= 0.01


@pytest.mark.parametrize(
    ("right", "value", "said"),
    [
        ((100, 300, 450), 2, "Every rule"),
        ((100, 105, 450), 1, "test): third. For the others the test does not show it."),
        ((100, 103, 105), 0, "No rule"),
        ((450, 300, 100), 0, "No rule"),
        ((100, 100, 100), 0, "No rule"),
    ],
)
def test_a_rung_is_higher_where_mcnemars_test_finds_it(right, value, said):
    names = ("first", "second", "third")
    verdict = verdicts.ladder_of_rules({name: first(hits, 500) for name, hits in zip(names, right, strict=True)})
    assert verdict.value == value and said in verdict.sentence
    assert list(verdict.facts["right"].values()) == list(right) and verdict.facts["images"] == 500


def test_rungs_of_equal_height_are_seldom_told_apart():
    generator = np.random.default_rng(1)
    draws = generator.random((400, 3, 200)) < 0.7
    held = [verdicts.ladder_of_rules(dict(zip("abc", rungs, strict=True))).value for rungs in draws]
    assert np.mean(np.array(held) > 0) <= 0.025
