"""The figures of 01_eda: arrays in, a Figure with its alternative text out."""

import numpy as np
import pytest

from helpers import plots


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 40, 40), (3, 32, 32)])
def test_the_numbers_shown_are_those_in_the_middle_of_the_first_channel(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    figure = plots.pixels_and_numbers(image, side=4)
    written = [int(text.get_text()) for text in figure.axes[1].texts]
    top, left = shape[1] // 2 - 2, shape[2] // 2 - 2
    assert written == image[0, top : top + 4, left : left + 4].ravel().tolist()
    assert "4 by 4" in figure.description


@pytest.mark.parametrize(("channels", "named"), [(["grey"], []), (["red", "green", "blue"], ["red", "green", "blue"])])
def test_pixel_values_are_shares_of_each_channel(channels, named):
    levels = {name: np.full(256, 7) for name in channels}
    figure = plots.pixel_values(levels, np.zeros((len(channels), 30, 30), dtype=np.uint8))
    left = figure.axes[0]
    assert [line.get_ydata().tolist() for line in left.lines] == [[100 / 32] * 32] * len(channels)
    assert [text.get_text() for text in left.texts] == named and figure.description


def test_boxes_name_the_medians_at_both_ends():
    figure = plots.boxes([[1, 2, 3], [10, 20, 30]], ["a", "b"], "It", "unit")
    assert "from 2.0 to 20.0" in figure.description and "It" in figure.axes[0].get_title() + figure.axes[0].get_title(
        loc="left"
    )


def test_pairs_of_classes_are_written_for_few_and_left_blank_where_unknown():
    table = np.array([[np.nan, 1.5, 2.0], [1.5, np.nan, np.nan], [2.0, np.nan, np.nan]])
    figure = plots.class_pairs({"one": table, "other": np.full((3, 3), np.nan)}, ["a", "b", "c"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.5", "2.0", "1.5", "2.0"]
    assert len(figure.axes[1].texts) == 0 and "one: 1.5 to 2.0" in figure.description
    both = plots.class_pairs({"near": table, "wrong": table}, ["a", "b", "c"], dark_is_high=("wrong",))
    (near, far), (few, most) = ([patch.get_facecolor()[3] for patch in axis.patches[:2]] for axis in both.axes)
    assert near > far and few < most  # 1.5 and 2.0
    many = plots.class_pairs({"one": np.ones((13, 13))}, [str(number) for number in range(13)])
    assert len(many.axes[0].texts) == 0


@pytest.mark.parametrize("names", [list("012"), ["red", "green", "blue"]])
def test_a_map_draws_every_image_as_its_class_and_explains_its_letters(names):
    points, labels = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    panels = plots.flat_maps({"PCA": points}, labels, names)
    marks = panels.axes[0].collections
    assert [len(mark.get_offsets()) for mark in marks] == [10, 10, 10]
    assert len({tuple(mark.get_facecolor()[0]) for mark in marks}) == 3
    letters = [text.get_text() for axis in panels.axes[1:] for text in axis.texts]
    assert letters == ([] if names[0] == "0" else ["A red", "B green", "C blue"])
    assert plots.as_svg(panels[0], "map").count("<use") == 30


def test_maps_files_and_sizes_carry_their_description():
    points = np.random.default_rng(0).normal(size=(20, 2))
    maps = plots.flat_maps({"PCA": points, "t-SNE": points}, np.arange(20) % 2, ["a", "b"])
    assert "PCA and t-SNE" in maps.description and len(maps.axes) == 2
    files = plots.file_sizes(np.array([10.0, 50.0]), np.array([40.0, 60.0]), 20)
    assert "1 of 2 files" in files.description
    sizes = plots.sizes_on_a_scale({"small": [-0.1, 0.1], "large": [10.0, 10.0]}, "It", "size")
    assert "small 0.1, large 10" in sizes.description
