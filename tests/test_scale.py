"""The axis of accuracy that the rows of a page share."""

import itertools
import random

import pytest

from pipeline.scale import points_of, scale_of


def test_round_errors_stand_equally_far_apart():
    scale = scale_of([0.9, 0.99, 0.999])
    (ninety, one), (more, two), (most, three) = scale.labels
    assert (one, two, three) == ("90%", "99%", "99.9%")
    assert more - ninety == pytest.approx(most - more, abs=0.02)
    assert scale.place(0.9) == ninety and scale.place(0.5) == 0 and scale.place(1) == 100


def test_an_axis_has_three_labels_that_can_be_read_whatever_lies_on_it():
    draw = random.Random(0)
    for _ in range(3000):
        power = draw.choice((0.5, 1, 2, 4))
        drawn = [draw.random() ** power for _ in range(draw.randint(1, 4))]
        shares = [min(draw.choice((1 - share, share)), 1 - 1e-6) for share in drawn]  # of a million images at most
        scale = scale_of(shares)
        places = [place for place, _ in scale.labels]
        assert 3 <= len(places) <= 6 and len({text for _, text in scale.labels}) == len(places), shares
        assert all(later - before >= 18 for before, later in itertools.pairwise(places)), shares
        for label, tick in zip(scale.labels, scale.ticks, strict=True):
            assert float(label[1].rstrip("%")) == pytest.approx(100 * tick, rel=1e-8)
        inside = [scale.place(share) for share in shares if share < 1]
        assert all(0 <= place <= 100 for place in inside)
        assert sorted(inside) == [scale.place(share) for share in sorted(share for share in shares if share < 1)]


@pytest.mark.parametrize("shares", [[0.0], [1.0], [0.0, 1.0], [0.5] * 3, [1.0, 0.9999]])
def test_an_axis_holds_what_has_no_error_and_what_is_nothing_but_errors(shares):
    scale = scale_of(shares)
    assert len(scale.ticks) >= 3 and all(0 <= scale.place(share) <= 100 for share in shares)
    assert scale.grid_lines.count("linear-gradient") == len(scale.ticks)
    assert (scale.labels[-1] == (100, "100%")) == (1.0 in shares)  # the right end stands for no error, and says so
    places = [place for place, _ in scale.labels]
    assert all(later - before >= 18 for before, later in itertools.pairwise(places))


def test_where_nothing_was_measured_there_is_no_axis():
    assert scale_of([]) is None


def test_differences_lie_beside_zero_in_points():
    draw = random.Random(1)
    for _ in range(1000):
        found = [draw.uniform(-1, 1) ** draw.choice((1, 3, 5)) for _ in range(draw.randint(1, 5))]
        axis = points_of(found)
        places = [place for place, _ in axis.labels]
        assert 3 <= len(places) <= 6 and axis.low < 0 < axis.high, found
        assert all(later - before >= 18 for before, later in itertools.pairwise(places)), found
        assert all(0 < axis.place(difference) < 100 for difference in found)
    axis = points_of([-0.02, 0.03])
    assert [text for _, text in axis.labels] == ["\u22122", "0", "+2"] and points_of([]) is None
    mark = axis.mark("other", 0.01, -0.01, 0.02)
    assert mark["left"] == axis.place(-0.01) and mark["left"] + mark["width"] == pytest.approx(
        axis.place(0.02), abs=0.02
    )
