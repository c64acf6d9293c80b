"""README's figures are those of the results files, and the statistics behind them are right."""

import importlib.util
import json
import math

import pytest
from conftest import ROOT

from helpers import evaluation

specification = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
accuracy = importlib.util.module_from_spec(specification)
specification.loader.exec_module(accuracy)


def test_readmes_table_is_made_from_the_results_file():
    results = json.loads(accuracy.RESULTS.read_text())
    text = accuracy.README.read_text()
    assert text.split(accuracy.BEGIN)[1].split(accuracy.END)[0].strip() == accuracy.table(results)


def test_readings_are_whole():
    for row in json.loads(accuracy.RESULTS.read_text())["rows"]:
        assert len(row["wrong"]) == round((1 - row["test_accuracy"]) * 10_000)
        assert (
            len(row["history"]) == row["epochs"]
            and row["history"][-1]["validation_accuracy"] == row["validation_accuracy"]
        )


def test_the_mean_has_the_interval_of_student():
    mean, low, high = evaluation.mean_interval([1, 2, 3, 4, 5])
    assert (mean, low, high) == pytest.approx((3, 3 - 2.776 * math.sqrt(0.5), 3 + 2.776 * math.sqrt(0.5)), abs=1e-3)
    assert math.isnan(evaluation.mean_interval([1])[1])
