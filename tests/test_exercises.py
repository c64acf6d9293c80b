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
        ("1,234.5", 1234.5, 0, True),
        ("82 %", 82, 0.1, True),
        (float("nan"), 3, 1, False),
    ],
)
def test_an_answer_is_right_wrong_or_not_there(answer, expected, tolerance, solved):
    reply = exercises.check(answer, expected, tolerance, hint="Count again.")
    assert reply.solved is solved
    assert ("Count again." in reply.sentence) == (solved is False)
    assert reply._repr_markdown_() == reply.sentence


@pytest.mark.parametrize("answer", ["a guess", (2, 416), [], object()])
def test_what_is_no_number_is_asked_for_again(answer):
    reply = exercises.check(answer, 3, 0, hint="Count again.")
    assert reply.solved is False
    assert reply.sentence == exercises.NO_NUMBER


def test_what_is_not_filled_in_says_where_to_write():
    assert "write your answer into the cell above" in exercises.check(None, 3).sentence
