"""Figures: their style is asked for, not a side effect; what they hold is what they are given."""

import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from conftest import ROOT

from helpers import plots

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
    assert (counts.get_title(), percent.get_title()) == ("images", "% of the true class")


def test_ticks_name_what_fits():
    figure, axis = plots.new()
    plots.name_ticks(axis.xaxis, [f"a rather long class name {label}" for label in range(100)])
    labels = axis.get_xticklabels()
    assert len(labels) == 50 and labels[0].get_rotation() == 90 and len(labels[0].get_text()) == 20
    plots.name_ticks(axis.yaxis, list("abc"))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]
    assert figure.axes == [axis]
