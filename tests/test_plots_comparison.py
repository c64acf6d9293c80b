"""The figures over all recipes: what they say in words, and names that stand at what they name."""

import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import IdentityTransform

from helpers import evaluation, plots, scores

POINTS = {
    "narrow-published": (30.0, 1000, 70.0),
    "narrow-tuned": (33.0, 1000, 50.0),
    "dropout-published": (29.0, 900, 106.0),
    "dropout-tuned": (31.0, 900, 51.0),
    "best": (300.0, 5000, 25.0),
    "5 of best together": (1500.0, 25_000, 24.0),
}
PAIRS = [("narrow-published", "narrow-tuned"), ("dropout-published", "dropout-tuned")]


def draw(figure):
    """Draw a Figure, so that its names move to their places, and return its only axis."""
    FigureCanvasAgg(figure).draw()
    return figure.axes[0]


def boxes_of(axis):
    """Return {name: where it stands, in pixels} of the names that were placed on an axis."""
    placed = [text for text in axis.texts if isinstance(text.get_transform(), IdentityTransform)]
    return {text.get_text(): text.get_window_extent() for text in placed}


def test_figures_over_all_recipes_say_in_words_what_they_hold():
    errors = {"best": [20, 30], "narrow-published": [60, 80]}
    figure = plots.errors_by_recipe(
        errors, {"nearest mean image": 1800.0}, {"narrow-published": 100.0, "other": 9.0}, 10_000
    )
    assert figure.description == "Mean errors by recipe: best 25; narrow-published 70."
    panels = plots.costs(POINTS, PAIRS)
    assert "5 of best together: 1500 s, 25,000 parameters, 24 errors" in panels.description and len(panels) == 2
    figure = plots.errors_of_recipes_by_epoch({"best": np.array([0.05, 0.01])})
    assert figure.description == "Curves, in per cent: best from 5.00 to 1.00."
    panels = plots.errors_by_step({"lenet": {0: [100, 120], 1: [80]}}, scores.STEP_NAMES, 10_000)
    assert panels.description == "Mean errors from step to step: lenet 110, 80."
    means = [line.get_xdata()[0] for line in panels.axes[0].lines if line.get_marker() == "|"]
    assert means == [110, 80] and [text.get_text() for text in panels.axes[0].texts] == list(scores.STEP_NAMES[:2])


def test_a_triangle_counts_errors_and_names_every_recipe_where_its_row_begins():
    pairs = {("a", "b"): evaluation.Difference(0.01, 0.005, 0.015), ("a", "c"): evaluation.Difference(0.01, -0.1, 0.1)}
    figure = plots.differences(pairs, ["a", "b", "c"], 10_000)
    assert figure.description == "Triangular table of 3 recipes. Ties: a and c."
    written = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert written["100"] == (1, 0) and written["tie"] == (2, 0)
    assert [written[name][1] for name in "abc"] == [0, 1, 2]
    assert len(figure.axes[0].patches) == 1  # a tie has no ground


@pytest.mark.parametrize("place", [0, 1])
def test_every_name_stands_nearest_to_the_mark_that_it_names(place):
    axis = draw(plots.costs(POINTS, PAIRS)[place])
    boxes = boxes_of(axis)
    assert set(boxes) == {"narrow", "dropout", "best", "5 of best together"}
    marks = {name: axis.transData.transform((point[place], point[2])) for name, point in POINTS.items()}
    for name, box in boxes.items():
        own = f"{name}-tuned" if name in ("narrow", "dropout") else name
        away = {mark: np.hypot(*(np.clip(at, box.p0, box.p1) - at)) for mark, at in marks.items()}
        assert min(away, key=away.get) == own
        assert min(away.values()) > 0  # no mark is covered


def test_names_of_rows_stand_beside_their_marks_and_cover_none():
    errors = {"best": [20, 30], "a rather long name": [60, 80], "other": [3000, 9000]}
    axis = draw(plots.errors_by_recipe(errors, {"majority class": 8865.0}, {}, 10_000))
    rows = {name: row for row, name in enumerate([*errors, "majority class"])}
    for name, box in boxes_of(axis).items():
        height = axis.transData.transform((30, rows[name]))[1]
        assert box.y0 < height < box.y1 and box.x0 >= axis.bbox.x0 - 1 and box.x1 <= axis.bbox.x1 + 1
        for count in errors.get(name, [8865.0]):
            assert not box.x0 <= axis.transData.transform((count, 0))[0] <= box.x1


def test_names_keep_apart_where_marks_crowd():
    figure, axis = plots.new(width=plots.NARROW)
    axis.plot([1, 1.01, 1.02, 3], [1, 1.01, 1.02, 3], "o")
    plots.Names(axis, ["one", "two", "three"], [(1, 1, 1), (1.01, 1.01, 1.01), (1.02, 1.02, 1.02)])
    boxes = list(boxes_of(draw(figure)).values())
    assert len(boxes) == 3 and not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)


def test_what_belongs_to_a_recipe_can_be_found_in_the_drawing():
    svg = plots.as_svg(plots.errors_by_recipe({"best": [20, 30], "fast": [70]}, {}, {"fast": 90.0}, 10_000), "errors")
    assert sorted(re.findall(r'data-of="([^"]+)"', svg)) == ["best"] * 3 + ["fast"] * 4
    svg = plots.as_svg(plots.costs(POINTS, PAIRS)[0], "costs")
    assert 'data-of="5_of_best_together"' in svg and "id=" not in re.sub(r'<(path|clipPath) id="costs-\d+"', "", svg)
    pairs = {("a", "b"): evaluation.Difference(0.01, 0.005, 0.015)}
    assert 'data-of="a b"' in plots.as_svg(plots.differences(pairs, ["a", "b"], 100), "pairs")


def test_figures_of_times_say_in_words_what_they_hold():
    shares = {"forward": {"fast": 30.0, "best": 40.0}, "backward": {"fast": 70.0, "best": 60.0}}
    panels = plots.time_spent(shares, {"training": 40.0, "figures": 8.0})
    words = "Dots for fast, best: forward 30%, 40%; backward 70%, 60%. Bars: training 40 s; figures 8 s."
    assert panels.description == words
    assert [bar.get_width() for bar in panels.axes[1].patches] == [40, 8]
    panels = plots.time_by_amount({"epochs": ([1, 2, 4], [0.5, 1.0, 2.0])})
    assert panels.description == "1 epochs 0.5 s; 2 epochs 1.0 s; 4 epochs 2.0 s."
    panels = plots.arithmetic([8, 16], [0.3, 0.4], [0.01, 0.04], {"fast": 0.13}, 2.6)
    assert "fast 0.13; limit 2.60 TFLOP/s" in panels.description
    panels = plots.operators(shares, {"compiled": 1.07, "smaller": 0.9})
    assert "compiled 1.07" in panels.description
    ends = [(bar.get_x(), round(bar.get_width(), 2)) for bar in panels.axes[1].patches]
    assert ends == [(1, 0.07), (1, -0.1)]  # from 1 on, to the side that it is on
