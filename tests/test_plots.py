"""Figures: their style is asked for, not a side effect; what they hold is what they are given."""

import base64
import io
import itertools
import re
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from helpers import evaluation, plots

IMPORTS = """
import ctypes, warnings
import matplotlib, sklearn.metrics, torch._dynamo  # these have warning filters of their own
def settings():
    return dict(matplotlib.rcParams), list(warnings.filters), torch.get_num_threads()
def forbidden(*_):
    raise AssertionError("a library of the system was opened")
before, ctypes.CDLL = settings(), forbidden
from helpers import checkpoints, corruptions, data, drawing, evaluation, models, plots, recipes, training, transforms
assert settings() == before
"""


def test_importing_helpers_changes_nothing_outside_them():
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_style_is_there_once_it_is_asked_for():
    with mpl.rc_context(), warnings.catch_warnings():
        plots.use_style()
        assert mpl.rcParams["image.cmap"] == "gray_r" and mpl.rcParams["font.family"][0] == "DejaVu Sans"


@pytest.mark.parametrize("classes", [3, 15, 30])
def test_a_confusion_matrix_writes_every_count_that_is_not_zero(classes):
    table = np.diag(np.full(classes, 90))
    table[0, 1] = 7
    figure = plots.confusion_matrix(table, [str(label) for label in range(classes)], "title")
    counts, percent = figure.axes
    written = [text.get_text() for text in counts.texts]
    assert written == (["90"] * classes + ["7"] if classes <= 26 else [])
    assert (counts.get_title(), percent.get_title()) == ("title", "% of each true class")


def drawn(figure):
    """Return the arrays that a figure draws as images."""
    return [np.ma.getdata(image.get_array()) for axis in figure.axes for image in axis.images]


def made(*shape):
    """Return random images, uint8 of `shape`."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_colours_are_drawn_as_they_are_and_greys_of_another_form_too():
    colour, grey, ink = made(3, 40, 40), made(1, 40, 40), made(1, 28, 28)
    assert np.array_equal(plots.drawable(colour), colour.transpose(1, 2, 0))
    assert np.array_equal(plots.drawable(colour + 0.3), colour.transpose(1, 2, 0))  # augmented, and not yet rounded
    assert np.array_equal(plots.drawable(grey), np.stack([grey[0]] * 3, axis=2))
    assert np.array_equal(plots.drawable(ink), ink[0]) and plots.drawable(grey[0]).shape == (40, 40)
    assert plots.drawable(grey / 255.0).shape == (40, 40)  # what a layer gives is a scale of greys
    (shown,) = drawn(plots.images([colour]))
    assert np.array_equal(shown, colour.transpose(1, 2, 0))


def test_large_images_are_drawn_larger_and_fewer_a_row():
    small, large = plots.images(made(20, 1, 28, 28)), plots.images(made(20, 3, 96, 96))
    columns = [figure.axes[0].get_gridspec().ncols for figure in (small, large)]
    assert columns == [10, 7] and large.get_figheight() > 2 * small.get_figheight()
    assert plots.images(made(6, 3, 96, 96), row_titles=["a"]).axes[0].get_gridspec().ncols == 6
    assert max(figure.get_figwidth() for figure in (small, large)) <= 9.3


def test_a_mosaic_holds_colours_beside_greys():
    colour, grey = made(2, 3, 10, 12), np.zeros((1, 10, 12))
    grey[0, 2, 3] = 5
    (sheet,) = drawn(plots.mosaic([colour, grey], ["a", "b"], "both"))
    assert sheet.shape == (24, 28, 3) and sheet.dtype == np.uint8
    assert np.array_equal(sheet[1:11, 1:13], colour[0].transpose(1, 2, 0))
    assert np.array_equal(sheet[1:11, 15:27], colour[1].transpose(1, 2, 0))
    assert (sheet[15, 4] == 0).all() and (sheet[13, 1] == 255).all()  # the highest grey is black, 0 is white
    assert (sheet[12:, 14:] == 255).all() and (sheet[11:13] == 255).all()  # where nothing is


def test_the_title_of_a_narrow_mosaic_is_not_cut_off():
    title = "A long title over a single column of images, of which nothing may be cut off"
    figure = plots.mosaic([made(1, 3, 50, 50)] * 2, ["one", "other"], title)
    FigureCanvasAgg(figure).draw()
    drawn_titles = [text for text in figure.findobj(mpl.text.Text) if text.get_text().replace("\n", " ") == title]
    assert [text.get_window_extent().x1 <= figure.bbox.x1 for text in drawn_titles] == [True]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_holds_what_it_is_given(channels):
    page = made(20, 30, 3)[..., :channels].squeeze()
    (shown,) = drawn(plots.sheet(page, [], []))
    assert np.array_equal(shown, page)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 20)])
def test_an_overlay_is_orange_where_it_is_hot_and_pale_elsewhere(shape):
    heat = np.full(shape[1:], -1.0)
    heat[4, 5] = 2
    image = plots.overlay(made(*shape), heat)
    orange = np.array([213, 94, 0])
    assert image.shape == (3, *shape[1:]) and image.dtype == np.uint8
    assert np.abs(image[:, 4, 5] - orange).max() <= 0.15 * 255 + 1
    cold = image.reshape(3, -1)[:, heat.ravel() < 0]
    assert (cold == cold[0]).all() and cold.min() >= 150
    assert (plots.overlay(made(*shape), heat * 0) == plots.overlay(made(*shape), heat * 0)[0]).all()


def test_ticks_name_what_fits():
    figure, axis = plots.new()
    plots.name_ticks(axis.xaxis, [f"a rather long class name {label}" for label in range(100)])
    labels = axis.get_xticklabels()
    assert len(labels) == 34 and labels[0].get_rotation() == 90 and len(labels[0].get_text()) == 20
    plots.name_ticks(axis.yaxis, list("abc"))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]
    assert figure.axes == [axis]


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A function that shows a figure, as "some", and returns the HTML that a notebook gets, as a tree and as text."""
    given = []
    monkeypatch.setattr(plots.showing, "display", lambda data, raw: given.append(data))

    def show(figure, caption="A caption.", description="Said."):
        with mpl.rc_context(), warnings.catch_warnings():
            plots.use_style()
            plots.show(figure, "some", caption, description, tmp_path)
        assert given[-1]["text/plain"] == description
        return BeautifulSoup(given[-1]["text/html"], "html.parser"), given[-1]["text/html"]

    return show


@pytest.mark.parametrize("channels, side, kind", [(1, 28, "png"), (3, 96, "jpeg")])
def test_images_are_held_once_by_their_own_pixels_and_fewer_a_row_on_a_phone(shown, tmp_path, channels, side, kind):
    with mpl.rc_context(plots.STYLE):
        figure = plots.images(made(14, channels, side, side), ["a"] * 14)
    tree, html = shown(figure, description="Noise <b>.")
    held = tree.select("svg[aria-hidden=true] > defs > image")
    assert len(held) == 14 and html.count("base64") == 14 and tree.select_one(".panels")["aria-label"] == "Noise <b>."
    pixels = Image.open(io.BytesIO(base64.b64decode(held[0]["href"].partition(",")[2])))
    assert held[0]["href"].startswith(f"data:image/{kind};base64,") and pixels.size == (side, side)
    wide, narrow = tree.select_one(".wide > svg"), tree.select_one(".narrow > svg")
    names = [image["id"] for image in held]
    for drawing in (wide, narrow):
        assert [use["href"][1:] for use in drawing.select("use")] == names
        assert [text.text for text in drawing.select("text")] == ["a"] * 14
    rows = [{use["transform"].split()[-1] for use in drawing.select("use")} for drawing in (wide, narrow)]
    assert len(rows[0]) < len(rows[1])
    assert (tmp_path / "figures" / "some.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_written_on_an_image_does_not_change_with_the_page(shown):
    with mpl.rc_context(plots.STYLE):
        figure = plots.mosaic([made(4, 1, 28, 28)], ["name"], "title")
        ground = {"facecolor": "white", "edgecolor": "none"}
        figure.axes[0].text(3, 3, "on it", color=plots.ERROR, bbox=ground)
        figure.axes[0].text(9, 9, "plain")
    tree, _ = shown(figure)
    on_image = [group for group in tree.select("g") if group.select("text")]
    written = "".join(map(str, on_image))
    assert "on it" in written and "var(" not in written and f"fill:{plots.ERROR}" in written
    assert all(group["style"] == f"fill:{plots.INK}" for group in on_image)


def test_a_mosaic_with_headings_keeps_its_width_and_is_moved_along(shown):
    wide = [made(10, 1, 28, 28)] * 2
    tree, _ = shown(plots.mosaic(wide, ["one", "other"], "title", {0: "some words", 5: "more words"}))
    (drawing,) = tree.select(".panel.card > svg")
    assert drawing["style"].startswith("width:") and not tree.select(".narrow")
    tree, _ = shown(plots.mosaic(wide, ["one", "other"], "title"))
    assert tree.select(".panel:not(.card) > .narrow > svg")
    tree, _ = shown(plots.mosaic(wide, ["a name that takes all the room there is", "other"], "title"))
    assert tree.select(".panel.card > svg")


def test_a_photograph_is_held_by_as_many_pixels_as_are_seen(shown):
    tree, _ = shown(plots.sheet(np.full((900, 4000), 200, dtype=np.uint8), [], []))
    (held,) = tree.select("image")
    pixels = Image.open(io.BytesIO(base64.b64decode(held["href"].partition(",")[2])))
    assert 900 < pixels.width < 1100 and pixels.getextrema() == (200, 200)
    assert pixels.height == pytest.approx(pixels.width * 900 / 4000, abs=1)


def chart(width, title="Its title", low=1.0):
    """Return a chart so many inches wide, of a line that begins at `low` and ends at 3."""
    with mpl.rc_context(plots.STYLE):
        figure, axis = plots.new(width=width)
        (line,) = axis.plot([1, 2, 3], [low, 2, 3])
        axis.set(title=title, xlabel="epoch", ylabel="what is drawn <&")
        plots.label_lines(axis, {"one line": line})
        return figure


def test_a_wide_chart_is_drawn_for_a_phone_too(shown):
    tree, html = shown(chart(plots.WIDE), "A <caption>.", 'Said "so".')
    about = tree.select_one("figure.figure[data-name=some] > .panels[role=img]")
    assert about["aria-label"] == 'Said "so".' and tree.figcaption.text == "A <caption>."
    assert [title.text for title in tree.select(".panel-title")] == ["Its title"]
    wide, narrow = tree.select(".wide > svg")[0], tree.select(".narrow[hidden] > svg")[0]
    assert [drawing["viewbox"].split()[2] for drawing in (wide, narrow)] == ["704", "340"]
    for drawing in (wide, narrow):
        words = [text.text for text in drawing.select("text")]
        assert {"epoch", "one line", "what is drawn <&"} < set(words) and "Its title" not in words
    names = [element["id"] for element in tree.select("[id]")]
    assert len(names) == len(set(names)) and all(name.startswith("some-") for name in names)
    assert {f"#{name}" for name in names} == {use["href"] for use in tree.select("use")}
    assert "url(" not in html and "<style" not in html and "metadata" not in html and len(html) < 15_000


def test_a_narrow_chart_is_drawn_once_and_panels_stand_beside_each_other(shown, tmp_path):
    panels = plots.Panels([chart(plots.NARROW), chart(plots.NARROW, "Other")], "Both.")
    assert len(panels.axes) == 2 and panels.description == "Both."
    tree, _ = shown(panels)
    assert len(tree.select("figure > .panels > .panel > svg")) == 2 and not tree.select(".wide, .narrow")
    assert [title.text for title in tree.select(".panel > .panel-title")] == ["Its title", "Other"]
    names = [element["id"] for element in tree.select("[id]")]
    assert len(names) == len(set(names))
    with Image.open(tmp_path / "figures" / "some.png") as picture:
        assert picture.width == 2 * 2 * 340 + 2 * 24


def test_the_same_figure_gives_the_same_bytes_each_time(shown, tmp_path):
    _, first = shown(chart(plots.WIDE))
    kept = (tmp_path / "figures" / "some.png").read_bytes()
    figure = chart(plots.WIDE)
    assert shown(figure)[1] == first and (tmp_path / "figures" / "some.png").read_bytes() == kept
    assert shown(figure)[1] == first


def test_colours_of_a_chart_are_those_of_the_page_and_what_lies_outside_its_axes_is_cut_off(shown):
    figure = chart(plots.NARROW)
    _, inside = shown(figure)
    assert f"stroke:var(--chart-accent,{plots.ACCENT})" in inside and f"var(--chart-grid,{plots.GRID})" in inside
    assert not re.findall(r"(?<!,)#[0-9a-f]{6}", inside)  # no colour that is not the page's
    figure.axes[0].set_ylim(2.5, 3)
    tree, _ = shown(figure)
    (cut,) = tree.select("svg > svg")
    assert cut.select("path") and cut["viewbox"] == " ".join(cut[key] for key in ("x", "y", "width", "height"))


def test_text_is_large_enough_and_lines_stand_out_from_paper():
    def brightness(colour):
        light = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in mpl.colors.to_rgb(colour)
        ]
        return float(np.dot([0.2126, 0.7152, 0.0722], light))

    assert all(1.05 / (brightness(colour) + 0.05) >= 3 for colour in (*plots.COLOURS, plots.QUIET, plots.INK))
    assert min(value for key, value in plots.STYLE.items() if key.endswith(("font.size", "labelsize"))) >= 13


@pytest.mark.parametrize(
    ("low", "high"), [(0.016, 0.021), (0.9, 1.1), (0.01, 0.06), (3, 80), (1e-5, 1.0), (1e-12, 1e3), (250.0, 260.0)]
)
@pytest.mark.parametrize("side", ["x", "y"])
def test_a_logarithmic_axis_has_three_ticks_or_more_and_not_too_many(low, high, side):
    figure, axis = plots.new(width=plots.NARROW)
    axis.set(**{f"{side}lim": (low, high), f"{side}scale": "log"})
    plots.plain_ticks(getattr(axis, f"{side}axis"))
    figure.draw_without_rendering()
    ticks = getattr(axis, f"{side}axis").get_majorticklocs()
    assert 3 <= len(ticks) <= 12 and low <= ticks.min() and ticks.max() <= high
    assert all(float(plots.plain(tick).replace(",", "")) == pytest.approx(tick) for tick in ticks)


def test_names_at_the_ends_of_lines_do_not_cover_each_other():
    figure, axis = plots.new(width=plots.NARROW)
    lines = {f"line {place}": axis.plot([0, 1], [0, end])[0] for place, end in enumerate((5.0, 5.1, 5.05, 0.0, np.nan))}
    plots.label_lines(axis, lines)
    plots.lay_out(figure, plots.NARROW)
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in axis.texts)
    assert len(boxes) == 5 and all(upper[0] >= lower[1] - 1 for lower, upper in itertools.pairwise(boxes))
    by_name = {text.get_text(): text.get_window_extent().y0 for text in axis.texts}
    assert by_name["line 0"] < by_name["line 2"] < by_name["line 1"]


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 96)])
def test_a_filter_stands_between_an_image_and_its_response(channels, side):
    image = np.full((channels, side, side), 9, dtype=np.uint8)
    figure = plots.edges(image, np.arange(9.0).reshape(3, 3) - 4, np.zeros((side - 2, side - 2)))
    assert [text.get_text() for text in figure.axes[1].texts] == [f"{number - 4}" for number in range(9)]
    assert np.asarray(figure.axes[2].images[0].get_array()).shape == (side - 2, side - 2)


def test_steps_of_gradient_descent_are_drawn_on_their_curve():
    weights = np.linspace(-2, 2, 9)
    path = [(2.0, 4.0), (1.0, 1.0), (0.5, 0.25)]
    curve, tangent, steps = plots.descent(weights, weights**2, path, slope=4.0).axes[0].lines
    assert curve.get_ydata().max() == 4 and np.array_equal(steps.get_xydata(), path)
    (left, low), (right, high) = tangent.get_xydata()
    assert (high - low) / (right - left) == pytest.approx(4.0) and (low + high) / 2 == pytest.approx(4.0)


def epochs_of(*errors):
    """Return a history with so many `errors` of 100 validation images after each epoch, and twice as many on train."""
    return [
        {
            "epoch": number,
            "train_loss": 1 / number,
            "validation_loss": 2 / number,
            "train_accuracy": 1 - 2 * count / 100,
            "validation_accuracy": 1 - count / 100,
            "learning_rate": 0.1 / number,
        }
        for number, count in enumerate(errors, 1)
    ]


@pytest.mark.parametrize(("errors", "said"), [((30, 0, 1), "3 in all"), ((0,), "there is one epoch")])
def test_errors_are_drawn_with_their_intervals_and_so_is_none(errors, said):
    figure = plots.errors_by_epoch(epochs_of(*errors), 100)
    (axis,) = figure.axes
    drawn = [line.get_ydata().tolist() for line in axis.get_lines() if len(line.get_xdata()) == len(errors)]
    assert drawn[0] == pytest.approx([2 * count for count in errors]) and drawn[1] == pytest.approx(list(errors))
    assert plots.as_png(figure) and said in figure.description


def test_the_loss_is_drawn_beside_what_is_asked_for():
    smoothed, plain = (plots.loss_by_epoch(epochs_of(9, 5), asked_for) for asked_for in (0.91, 1.0))
    assert len(smoothed.axes[0].get_lines()) == 3 == len(plain.axes[0].get_lines()) + 1
    assert smoothed.axes[0].get_lines()[-1].get_ydata()[0] == pytest.approx(-np.log(0.91))
    assert smoothed.description == plain.description and "train loss from 1.000 to 0.500" in plain.description


def test_the_plan_of_the_rate_and_the_time_of_an_epoch_are_drawn():
    figure = plots.learning_rates([0.1, 0.2, 0.05, 0.01], epochs_of(9, 5))
    plan, recorded = figure.axes[0].get_lines()
    assert plan.get_xdata().tolist() == [0, 0.5, 1, 1.5] and list(recorded.get_xdata()) == [0, 1]
    assert "at most 0.2" in figure.description
    assert "from 1.0 s to 3.0 s" in plots.seconds_by_epoch([1, 3, 2]).description
    assert "epoch 2" in plots.diverged_training([1, 2, np.nan], 2).description


def test_the_time_of_a_single_epoch_has_no_other_epochs_beside_it():
    for epochs, ticks in ((1, [1]), (3, [1, 2, 3]), (12, [2, 4, 6, 8, 10, 12])):
        assert plots.seconds_by_epoch([2.0] * epochs).axes[0].get_xticks().tolist() == ticks


def test_errors_by_epoch_are_described_as_errors():
    history = [{"epoch": 1, "train_accuracy": 0.9, "validation_accuracy": 0.95}]
    told = plots.errors_by_epoch(history, 100).description
    assert "train errors from 10.00% to 10.00%, validation errors from 5.00% to 5.00%" in told


def test_every_curve_of_two_trainings_has_a_name_of_its_own():
    rows = [
        {"step": step, "train_error": 0.5 / step, "validation_error": 0.6 / step, "train_loss": 1, "validation_loss": 2}
        for step in (1, 10)
    ]
    for trainings, names in (
        ({100: rows}, {"train", "validation"}),
        ({100: rows, 4000: rows}, {"train, 100", "validation, 100", "train, 4,000", "validation, 4,000"}),
    ):
        panels = plots.parting_curves(trainings)
        assert [{text.get_text() for text in axis.texts} for axis in panels.axes] == [names, names]
    assert "4,000 images, validation: error 6.0%, loss 2.00" in panels.description


def test_figures_of_results_carry_what_they_show():
    table = np.array([[8, 2], [1, 9]])
    assert "recall from 80.0% to 90.0%" in plots.recall_and_precision(table, ["a", "b"]).description
    never = plots.recall_and_precision(np.array([[0, 3], [0, 5]]), ["a", "b"])  # no answer names class a
    precision = never.axes[0].containers[1].lines[0].get_ydata()
    assert np.isnan(precision[0]) and precision[1] == pytest.approx(100 * 5 / 8)
    predictions = evaluation.Predictions(np.float32([[2, 0], [1, 3]]), np.array([1, 0]))
    figure = plots.wrong_answers(np.zeros((2, 1, 28, 28), np.uint8), predictions, ["a", "b"], "Mistakes")
    assert figure.axes[0].get_title() == "said a: 88%\nis b: 12%" and "2 in number" in figure.description
    rows = {"blur": np.zeros((3, 3, 20, 20), np.uint8)}
    figure = plots.corrupted(rows, {"blur": "blur"}, [["", "b", "b"]])
    assert "3 forms, 2 of them misclassified" in figure.description
    assert [text.get_text() for text in figure.axes[0].texts] == ["", "b", "b"]


@pytest.mark.parametrize(("count", "channels"), [(6, 1), (20, 1), (16, 3), (64, 3)])
def test_trained_filters_stand_above_as_many_untrained_ones(count, channels):
    kernels = np.random.default_rng(0).normal(0, 1, (2, count, channels, 5, 5))
    figure = plots.filters(*kernels)
    rows = -(-min(count, 32) // 16)
    labels = [axis.get_ylabel() for axis in figure.axes]
    across = min(count, 16)
    assert labels[0] == "trained" and labels[rows * across] == "untrained"
    assert f"{min(count, 32)} untrained ones" in figure.description


def test_bars_of_a_reliability_diagram_stand_on_their_bins():
    generator = np.random.default_rng(0)
    scores_of = generator.normal(0, 2, (200, 3)).astype(np.float32)
    predictions = evaluation.Predictions(scores_of, generator.integers(0, 3, 200))
    _, counts = plots.reliability(predictions, "title").axes
    places = np.array([bar.get_x() for bar in counts.patches])
    heights = np.array([bar.get_height() for bar in counts.patches])
    assert places == pytest.approx(np.arange(15) / 15) and heights.sum() == 200
    assert heights.tolist() == np.histogram(predictions.confidence, np.arange(16) / 15)[0].tolist()


def test_numbers_are_written_in_the_cells_that_have_room_for_them():
    table = np.full((20, 20), 12)
    (figure, _) = plots.confusion_matrix(table, [f"c{label}" for label in range(20)], "title")
    seen = {}
    for width in (plots.WIDE, plots.NARROW):
        plots.lay_out(figure, width)
        seen[width] = {text.get_visible() for text in figure.axes[0].texts}
    assert seen == {plots.WIDE: {True}, plots.NARROW: {False}}


def test_many_losses_become_a_band_from_the_lowest_to_the_highest():
    losses = np.exp(np.random.default_rng(0).normal(0, 1, 1000))
    axis = plots.losses_by_step(losses, "title", window=20, level=2.3, level_name="guessing").axes[0]
    (band,) = axis.collections
    edges = band.get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (losses.min(), losses.max())
    mean, level = axis.lines
    assert mean.get_ydata()[-1] == pytest.approx(losses[-20:].mean()) and level.get_ydata()[0] == 2.3
    assert {"mean of\n20 steps", "guessing"} <= {text.get_text() for text in axis.texts}


def test_the_name_of_a_point_stands_to_its_left_where_another_point_is_to_its_right():
    with mpl.rc_context(plots.STYLE):
        figure, axis = plots.new(width=plots.NARROW)
        axis.set(xlim=(0, 10), ylim=(0, 1))
        points = {name: axis.plot(x, 0.5, "o")[0] for name, x in (("one", 5.0), ("other", 5.6))}
        plots.label_lines(axis, points)
        plots.lay_out(figure, plots.NARROW)
    sides = {text.get_text(): text.get_ha() for text in axis.texts}
    assert sides == {"one": "right", "other": "left"}


def test_grainy_images_in_colour_are_drawn(shown):
    grainy = np.random.default_rng(0).normal(128, 60, (4, 3, 96, 96)).clip(0, 255).astype(np.uint8)
    _, html = shown(plots.mosaic([grainy], ["grain"], "Grain"))
    assert "data:image/jpeg" in html


def test_a_line_that_ends_in_nothing_on_a_logarithmic_axis_is_named_where_it_is_seen():
    figure = plots.losses_by_step([1.0, 0.1, 0.0], "Loss")
    (label,) = figure.axes[0].texts
    assert label.xy == (2, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.as_html(plots.Panels([figure]), "some", "A caption.", "A loss.")
