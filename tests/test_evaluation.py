"""Metrics against figures worked out by hand or published."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from helpers import evaluation
from helpers.evaluation import Predictions


def made(labels, predicted, confidence=0.9, classes=3):
    """Return Predictions with the given labels and choices, each made with `confidence`."""
    confidence = np.broadcast_to(confidence, len(labels))
    probabilities = np.repeat((1 - confidence)[:, None] / (classes - 1), classes, axis=1)
    probabilities[np.arange(len(labels)), predicted] = confidence
    return Predictions(np.log(probabilities).astype(np.float32), np.array(labels))


def test_metrics_of_a_small_table():
    result = evaluation.metrics(made([0, 0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2, 2, 0, 0]))
    assert result["confusion_matrix"] == [[3, 1, 0], [0, 2, 0], [2, 0, 2]]
    assert result["accuracy"] == pytest.approx(0.7)
    assert result["per_class"]["0"] == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "f1": 2 / 3, "support": 4})
    assert result["per_class"]["1"] == pytest.approx({"precision": 2 / 3, "recall": 1, "f1": 4 / 5, "support": 2})
    assert result["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 2 / 3) / 3)
    assert result["loss"] == pytest.approx(-(7 * np.log(0.9) + 3 * np.log(0.05)) / 10, abs=1e-6)
    assert result["ece"] == pytest.approx(0.2, abs=1e-6)
    for name in ("accuracy", "loss", "macro_f1"):
        low, high = result[f"{name}_ci95"]
        assert low < result[name] < high


def test_wilson_agrees_with_published_intervals():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    for hits, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert evaluation.wilson(hits, total) == pytest.approx((low, high), abs=5e-5)
    assert evaluation.wilson(20, 20)[1] == 1.0


def test_calibration_error_of_known_confidences():
    labels = np.zeros(200, int)
    predicted = np.r_[np.zeros(90, int), np.ones(10, int), np.zeros(60, int), np.ones(40, int)]
    predictions = made(labels, predicted, np.r_[np.full(100, 0.9), np.full(100, 0.75)])
    assert evaluation.calibration_error(predictions) == pytest.approx((0 * 100 + 0.15 * 100) / 200, abs=1e-6)
    table = evaluation.reliability(predictions)
    assert table["count"].tolist() == [100, 100] and table["accuracy"] == pytest.approx([0.6, 0.9])


def test_a_perfect_classifier_has_no_mistakes():
    predictions = made([0, 1, 2], [0, 1, 2])
    assert (
        len(evaluation.mistakes(predictions)) == 0
        and evaluation.confused_pairs(evaluation.confusion_matrix(predictions)) == []
    )
    result = evaluation.metrics(predictions)
    assert result["accuracy_ci95"][1] == 1.0
    assert result["macro_f1_ci95"] == [1, 1]  # of one image a class, too: every class keeps its images


def test_a_class_without_mistakes_does_not_widen_the_interval_of_f1():
    labels = [0] * 40 + [1] * 40 + [2] * 2
    predicted = [0] * 36 + [1] * 4 + [1] * 40 + [2] * 2
    low, high = evaluation.metrics(made(labels, predicted))["macro_f1_ci95"]
    alone = evaluation.metrics(made(labels[:80], predicted[:80], classes=2))["macro_f1_ci95"]
    assert (low, high) == pytest.approx(tuple((2 * end + 1) / 3 for end in alone), abs=0.005)


def test_mistakes_come_most_confident_first():
    predictions = made([0, 0, 0, 0], [1, 0, 1, 2], [0.6, 0.9, 0.95, 0.7])
    assert evaluation.mistakes(predictions).tolist() == [2, 3, 0]


def test_confused_pairs_are_the_largest_cells():
    table = np.array([[50, 3, 0], [1, 40, 7], [0, 0, 30]])
    assert evaluation.confused_pairs(table) == [(1, 2, 7), (0, 1, 3), (1, 0, 1)]


def test_a_class_that_never_occurs_does_not_break_metrics():
    result = evaluation.metrics(made([0, 0, 1], [0, 1, 1]))
    assert result["per_class"]["2"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_huge_logits_do_not_overflow():
    predictions = Predictions(np.array([[1e4, 0, -1e4]], np.float32), np.array([2]))
    assert predictions.losses[0] == pytest.approx(2e4) and np.isfinite(predictions.probabilities).all()


def logits_at(temperature, images=20_000, classes=10, seed=0):
    """Return Predictions whose labels are drawn from the probabilities that their logits have at `temperature`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(images, classes)).astype(np.float32) * 4
    honest = Predictions(logits, np.zeros(images, int)).at_temperature(temperature).probabilities
    labels = (honest.cumsum(axis=1) < generator.random((images, 1))).sum(axis=1).clip(max=classes - 1)
    return Predictions(logits, labels)


@pytest.mark.parametrize("temperature", [0.4, 1, 2.5])
def test_a_known_temperature_is_found_and_changes_no_answer(temperature):
    predictions = logits_at(temperature)
    found = evaluation.fit_temperature(predictions)
    assert found == pytest.approx(temperature, rel=0.03)
    calibrated = predictions.at_temperature(found)
    assert (calibrated.predicted == predictions.predicted).all() and calibrated.logits.dtype == np.float32
    assert calibrated.losses.mean() <= predictions.losses.mean() + 1e-9
    assert evaluation.calibration_error(calibrated) < 0.01
    assert temperature == 1 or evaluation.calibration_error(predictions) > 0.05
    other = logits_at(temperature, seed=1).at_temperature(found)  # fitted on one part, it serves another
    assert evaluation.calibration_error(other) < 0.01


def test_without_a_mistake_the_temperature_runs_into_its_limit():
    assert evaluation.fit_temperature(made([0, 1, 2] * 20, [0, 1, 2] * 20)) == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("temperature", [0.4, 1, 2.5])
def test_a_temperature_inside_the_limits_is_chosen_as_it_was_fitted(temperature):
    predictions = logits_at(temperature)
    assert evaluation.choose_temperature(predictions) == evaluation.fit_temperature(predictions)


def test_a_temperature_at_a_limit_is_not_chosen():
    right = made([0, 1, 2] * 20, [0, 1, 2] * 20)
    assert evaluation.choose_temperature(right) == 1.0  # the search ends at 0.1
    wrong = made([1, 2, 0] * 20, [0, 1, 2] * 20, confidence=0.999)
    assert evaluation.fit_temperature(wrong) > 9 and evaluation.choose_temperature(wrong) == 1.0


def test_a_summary_holds_the_figures_of_metrics():
    predictions = made([0, 0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2, 2, 0, 0])
    summary, whole = evaluation.summarise(predictions), evaluation.metrics(predictions)
    assert summary == {"loss": whole["loss"], "accuracy": whole["accuracy"], "f1": whole["macro_f1"]}


def readings(chances, seeds, generator):
    """Return bool (seeds, images): which images are read correctly, image for image with the given chances."""
    return generator.random((seeds, len(chances))) < chances


@pytest.mark.parametrize("seeds", [1, 5])
def test_recipes_that_are_equal_are_called_different_once_in_twenty(seeds):
    generator, real, found = np.random.default_rng(0), 0, []
    for _ in range(100):
        hard = np.where(generator.random(2000) < 0.03, generator.random(2000), 0.999)
        one, other = (readings(hard, seeds, generator) for _ in range(2))
        difference = evaluation.compare_paired(one, other, resamples=500)
        assert difference.low <= difference.mean <= difference.high
        real, found = real + difference.is_significant, [*found, difference.high - difference.low]
    assert real <= 7  # 5 expected, at most 7 allowed for chance
    assert 0 < np.mean(found) < 0.02


def test_a_large_difference_is_found_and_swapping_mirrors_it():
    generator = np.random.default_rng(1)
    hard = np.where(generator.random(5000) < 0.05, 0.7, 0.998)
    one, other = readings(hard, 5, generator), readings(hard - 0.01, 3, generator)
    difference, mirrored = evaluation.compare_paired(one, other), evaluation.compare_paired(other, one)
    assert difference.is_significant and difference.low < 0.01 < difference.high and difference.mean > 0
    assert difference.mean == pytest.approx(one.mean() - other.mean())
    assert mirrored.is_significant and mirrored.mean == pytest.approx(-difference.mean)
    assert (mirrored.low, mirrored.high) == pytest.approx((-difference.high, -difference.low), abs=5e-4)


def test_equal_readings_have_no_difference_and_one_seed_is_enough():
    generator = np.random.default_rng(2)
    same = readings(np.full(1000, 0.9), 3, generator)
    assert evaluation.compare_paired(same, same).mean == 0 and not evaluation.compare_paired(same, same).is_significant
    one, other = readings(np.full(1000, 0.95), 1, generator), readings(np.full(1000, 0.8), 1, generator)
    assert evaluation.compare_paired(one, other).is_significant
    assert not evaluation.compare_paired(one, one).is_significant


def split_up(ahead, behind, images):
    """Return (one, other), bool (images,): `ahead` images that one alone reads, `behind` that the other alone does."""
    one, other = np.ones(images, bool), np.ones(images, bool)
    other[:ahead], one[ahead : ahead + behind] = False, False
    return one, other


@pytest.mark.parametrize(("ahead", "behind"), [(60, 40), (70, 40), (130, 100), (25, 8)])
def test_one_repeat_is_compared_as_mcnemars_test_does(ahead, behind):
    one, other = split_up(ahead, behind, 5000)
    difference, p_value = evaluation.compare_within_seeds([one], [other])
    exact = stats.binomtest(ahead, ahead + behind).pvalue
    middle = exact - stats.binom.pmf(ahead, ahead + behind, 0.5)  # mid-p: Fagerland and others 2013
    assert p_value == pytest.approx(middle, rel=0.1, abs=1e-3) and p_value == pytest.approx(exact, rel=0.35)
    assert difference.mean == pytest.approx((ahead - behind) / 5000) and difference.is_significant == (p_value < 0.05)


def test_many_images_are_compared_as_the_paired_t_test_does():
    pairs = [split_up(*counts, 10**6) for counts in ((9000, 4000), (7000, 6000), (8000, 2000), (5000, 6000))]
    one, other = zip(*pairs, strict=True)
    difference, p_value = evaluation.compare_within_seeds(one, other)
    means = [left.mean() - right.mean() for left, right in pairs]
    assert p_value == pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=0.02)
    interval = stats.t.interval(0.95, 3, loc=np.mean(means), scale=stats.sem(means))
    assert difference == pytest.approx((np.mean(means), *interval), rel=0.02)


def test_settings_that_are_the_same_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    for repeats in (1, 2, 5):
        found = 0
        for _ in range(400):
            one, other = generator.random((2, repeats, 500)) > 0.1
            found += evaluation.compare_within_seeds(one, other)[1] <= 0.05
        assert found <= 0.08 * 400  # 5%, and chance


def test_a_comparison_is_the_same_from_either_side_and_never_certain():
    one, other = split_up(500, 0, 500)
    forth, p_value = evaluation.compare_within_seeds([one] * 5, [other] * 5)
    back, the_same = evaluation.compare_within_seeds([other] * 5, [one] * 5)
    assert p_value == the_same > 0 and (back.mean, back.low) == pytest.approx((-forth.mean, -forth.high))
    difference, p_value = evaluation.compare_within_seeds([one], [one])
    assert p_value == 1 and difference.mean == 0 and difference.low < 0 < difference.high


def test_holm_adjusts_for_the_number_of_tests():
    assert evaluation.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Wikipedia's example
    assert evaluation.holm([0.01, 0.04], family=6) == pytest.approx([0.06, 0.2])
    assert evaluation.holm([0.6, 0.9]) == [1.0, 1.0] and evaluation.holm([]) == []


def test_a_comparison_is_as_wide_as_a_bootstrap_over_repeats_and_their_images():
    generator = np.random.default_rng(0)
    rates = generator.uniform(0.05, 0.2, (2, 6, 1))
    one, other = generator.random((2, 6, 400)) > rates
    means = []
    for _ in range(4000):
        repeats = generator.integers(6, size=6)
        images = generator.integers(400, size=(6, 400))
        drawn = one[repeats[:, None], images].mean(axis=1) - other[repeats[:, None], images].mean(axis=1)
        spread = (one - 1.0 * other).mean(axis=1)[repeats]
        means.append((drawn - spread).mean() + spread.mean() * np.sqrt(6 / 5))  # as `resample_seeds` spreads them
    by_repeats = (one - 1.0 * other).mean(axis=1).var(ddof=1)
    by_images = np.mean([evaluation.variance_by_images(*pair) for pair in zip(one, other, strict=True)])
    assert (by_repeats + by_images) / 6 == pytest.approx(np.var(means), rel=0.1)
    freedom = 5 * (1 + by_images / by_repeats) ** 2
    difference, p_value = evaluation.compare_within_seeds(one, other)
    interval = stats.t.interval(0.95, freedom, loc=difference.mean, scale=np.sqrt((by_repeats + by_images) / 6))
    assert (difference.low, difference.high) == pytest.approx(interval)
    assert difference.is_significant == (p_value < 0.05)


class Elsewhere(torch.nn.Module):
    """A network that claims to be on a GPU, and notes where it is when it computes."""

    device = "cuda"
    computed_on = None

    def parameters(self, recurse=True):
        return iter([SimpleNamespace(device=torch.device(self.device))])

    def to(self, device=None, **_):
        self.device = str(device or self.device)
        return self

    def forward(self, images):
        self.computed_on = self.device
        return images.flatten(1)


def test_a_network_is_back_where_it_was_once_it_has_predicted():
    network = Elsewhere().eval()
    assert evaluation.predict(network, torch.zeros(3, 1, 2, 2, dtype=torch.uint8), "cpu").shape == (3, 4)
    assert network.computed_on == "cpu" and network.device == "cuda" and not network.training


def test_a_network_that_cannot_answer_is_back_as_it_was():
    class Failing(Elsewhere):
        def forward(self, images):
            raise ValueError("no answer")

    network = Failing().train()
    with pytest.raises(ValueError, match="no answer"):
        evaluation.predict(network, torch.zeros(3, 1, 2, 2, dtype=torch.uint8), "cpu")
    assert network.device == "cuda" and network.training
