"""Exercises: nothing is wrong until it is filled in, and what is filled in is answered."""

import pytest

from helpers import exercises


@pytest.mark.parametrize(
    ("answer", "expected", "tolerance", "solved"),
    [
        (None, 3, 0, None),
        (3, 3, 0, True),
        ("3", 3, 0, True),
        (2, 3, 0, False),
        (0.98, 0.991, 0.02, True),
        ("relu", "ReLU", 0, True),
        ("a guess", 3, 0, False),
        ("2,416", 2416, 0, True),
        ("91%", 91, 0.5, True),
        (float("nan"), 3, 1, False),
    ],
)
def test_an_answer_is_right_wrong_or_not_there(answer, expected, tolerance, solved):
    reply = exercises.check(answer, expected, tolerance, hint="Count again.")
    assert reply.solved is solved
    assert ("Count again." in reply.sentence) == (solved is False and answer != "a guess")
    assert reply._repr_markdown_() == reply.sentence


def test_what_is_no_number_is_told_so():
    assert "plain number" in exercises.check((2, 416), 2416).sentence
