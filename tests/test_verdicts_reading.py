"""What may be said of photographs: each sentence beside the test that it rests on, and its null."""

import json

import nbformat
import numpy as np
import pytest
from conftest import ROOT

from helpers import verdicts
from pipeline import answers

KINDS = ["easy", "shadow", "chalk", "pencil"] * 20


def missed(**counts):
    """Return bool (80,): of each kind that is named, so many are read wrongly."""
    wrong = np.zeros(len(KINDS), dtype=bool)
    for kind, count in counts.items():
        wrong[np.flatnonzero(np.array(KINDS) == kind)[:count]] = True
    return wrong


def test_a_kind_that_is_read_wrongly_far_more_often_is_called_harder():
    verdict = verdicts.hardest_kind(missed(shadow=15, easy=1), KINDS)
    assert "the kind *shadow* are harder" in verdict.sentence and verdict.value < verdicts.LEVEL
    assert verdict.facts["shares"] == {"chalk": 0.0, "easy": 0.05, "pencil": 0.0, "shadow": 0.75}


def test_some_kind_is_always_last_and_that_says_nothing():
    verdict = verdicts.hardest_kind(missed(shadow=4, easy=3, chalk=2), KINDS)
    assert "No kind of photograph is told apart" in verdict.sentence and verdict.value > 0.1


def test_where_nothing_was_read_wrongly_no_kind_is_harder():
    verdict = verdicts.hardest_kind(missed(), KINDS)
    assert verdict.value is None and "Nothing was read wrongly" in verdict.sentence


def test_a_kind_is_seldom_called_harder_by_chance(monkeypatch):
    monkeypatch.setattr(verdicts, "DEALS", 400)
    generator = np.random.default_rng(0)
    values = [verdicts.hardest_kind(generator.random(len(KINDS)) < 0.2, KINDS).value for _ in range(200)]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.03
    assert np.mean(values) > 0.4  # no p-value leans towards 0


@pytest.mark.parametrize(
    ("only_framed", "only_plain", "said"),
    [(30, 2, "helps"), (2, 30, "does harm"), (5, 3, "makes no difference that"), (0, 0, "makes no difference that")],
)
def test_framing_is_held_against_plain_shrinking(only_framed, only_plain, said):
    framed, plain = np.zeros((2, 100), dtype=bool)
    framed[:only_framed] = plain[50 : 50 + only_plain] = True
    verdict = verdicts.framing_gain(framed, plain)
    assert verdict.sentence.startswith(f"The framing `ink` {said}")
    assert verdict.facts["only_framed"] == only_framed and verdict.facts["plain"] == only_plain
    assert "`whole`" in verdicts.framing_gain(framed, plain, "whole").sentence


def test_framing_without_effect_is_seldom_said_to_help():
    generator = np.random.default_rng(0)
    values = [verdicts.framing_gain(*(generator.random((2, 100)) < 0.7)).value for _ in range(400)]
    assert np.mean(np.array(values) < verdicts.LEVEL) <= 0.02


@pytest.mark.parametrize(("changed", "said"), [(0, "gives the same pixels."), (1, "for 2 of 3")])
def test_the_steps_are_held_against_the_function_that_takes_them_all(changed, said):
    images = np.zeros((3, 4, 4))
    others = images.copy()
    others[:changed, 0, 0] = 1
    verdict = verdicts.same_pixels(images, others)
    assert said in verdict.sentence and verdict.value == 3 - changed


@pytest.mark.parametrize(
    ("unknown", "said"),
    [("", "It says of each answer"), ("trained by older code", "which answers are sure: trained by older code.")],
)
def test_a_reader_that_does_not_know_what_is_sure_says_why(unknown, said):
    verdict = verdicts.reader_knows(unknown)
    assert said in verdict.sentence and verdict.value == unknown
    assert json.dumps(verdict.facts)


def test_exercises_are_no_part_of_a_page_on_photographs():
    cells = nbformat.read(ROOT / "notebooks" / "06_reading.ipynb", 4).cells
    about_exercises = [cell for cell in cells if "exercises.check" in cell.source or "### Exercise" in cell.source]
    about_exercises += [cell for cell in cells if "exercise" in cell.metadata.get("tags", [])]
    assert len(about_exercises) == 6
    assert all(answers.STORY in cell.metadata["tags"] for cell in about_exercises)


@pytest.mark.parametrize(
    ("right", "sure", "said"),
    [
        ([True] * 90 + [False] * 10, [True] * 90 + [False] * 10, "a sure answer is right more often"),
        ([True] * 10 + [False] * 90, [False] * 10 + [True] * 90, "a sure answer is right less often"),
        ([True, False] * 50, [True] * 50 + [False] * 50, "the two are not told apart"),
        ([True] * 9 + [False], [True] * 10, "so that there is nothing to compare"),
        ([True] * 9 + [False], [None] * 10, "this reader does not know"),
    ],
)
def test_sure_answers_are_compared_with_the_others(right, sure, said):
    verdict = verdicts.sure_answers(right, sure, [True] * len(right))
    assert said in verdict.sentence
    assert (verdict.value is None) == ("compare" in said or "know" in said)
    wrong = sum(one is True and not other for one, other in zip(sure, right, strict=True))
    assert verdict.facts["sure_and_wrong"] == wrong


def test_a_photograph_without_a_digit_has_no_answer_that_could_be_sure():
    verdict = verdicts.sure_answers([True, False, False], [True, True, None], [True, True, False])
    assert verdict.facts == {"not_found": 1, "sure": 2, "sure_and_wrong": 1, "answers": 2, "right": 1}
    assert verdicts.sure_answers([False], [None], [False]).value is None
