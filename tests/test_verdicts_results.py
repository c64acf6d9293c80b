"""What 04_results may say: each sentence beside the test that it rests on, and its null."""

import numpy as np
import pytest
from scipy import stats

from helpers import corruptions, evaluation, models, verdicts

ABOUT = {"recipe": {"network": "small", "name": "fast"}, "parameters": 29434, "seed": 3}


def share(correct, total):
    return np.arange(total) < correct


def rejected(draw, repeats=200, seed=0):
    """Return how often the verdict of `draw(generator)` falls below LEVEL; its value is a p-value."""
    generator = np.random.default_rng(seed)
    return np.mean([draw(generator).value < verdicts.LEVEL for _ in range(repeats)])


@pytest.mark.parametrize(("found", "said"), [(True, "was found in"), (False, "No trained model lay")])
def test_where_a_model_came_from(found, said):
    verdict = verdicts.model(ABOUT, 2, found)
    assert said in verdict.sentence and "recipe `fast` with seed 3" in verdict.sentence
    assert verdict.value == "small" and verdict.facts["epochs"] == 2


@pytest.mark.parametrize(
    ("baselines", "said"),
    [
        ({"a": share(500, 1000), "b": share(900, 1000)}, "beats every baseline"),
        (
            {"a": share(500, 1000), "b": share(980, 1000)},
            "beaten by more than sampling error: a (50.00%); not told apart: b (98.00%) (McNemar",
        ),
        ({"b": share(985, 1000), "c": share(984, 1000)}, "not told apart: b (98.50%) and c (98.40%) (McN"),
        ({"b": share(985, 1000), "c": share(1000, 1000)}, "error: c (100.00%); not told apart: b (98.50%) (M"),
        (
            {"a": share(500, 1000), "c": share(1000, 1000)},
            "than the network by more than sampling error: c (100.00%)",
        ),
    ],
)
def test_accuracy_is_held_against_baselines(baselines, said):
    verdict = verdicts.accuracy(share(985, 1000), baselines)
    assert said in verdict.sentence and verdict.value == 0.985 and "98.50%" in verdict.sentence


def test_equal_classifiers_seldom_beat_a_baseline():
    generator = np.random.default_rng(0)
    draws = generator.random((200, 5, 300)) < 0.9
    said = [verdicts.accuracy(one, dict(zip("abcd", others, strict=True))).sentence for one, *others in draws]
    assert np.mean(["beats no baseline" not in sentence for sentence in said]) <= 0.02


@pytest.mark.parametrize(
    ("validation", "test", "said"),
    [
        ((990, 1000), (900, 1000), "classified worse"),
        ((900, 1000), (990, 1000), "classified better"),
        ((990, 1000), (985, 1000), "cannot be told apart"),
    ],
)
def test_validation_and_test_are_compared_as_training_and_validation_are(validation, test, said):
    verdict = verdicts.validation_and_test(share(*validation), share(*test))
    assert said in verdict.sentence
    assert verdict.value == verdicts.overfitting(share(*test), share(*validation)).value


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        ([], "No copy of any of the 100 test images was found"),
        (np.arange(100), "says nothing of new images"),
        (np.arange(45, 55), "are not told apart"),
        (np.arange(50), "trust the latter"),
    ],
)
def test_copies_are_held_against_the_rest(copies, said):
    verdict = verdicts.leaks(share(50, 100), copies)
    assert said in verdict.sentence and verdict.value == len(copies)


def table_of(*recalls, images=1000):
    """Return a confusion matrix whose classes have these recalls; a mistake is the next class."""
    hits = np.round(np.array(recalls) * images).astype(int)
    return np.diag(hits) + np.roll(np.diag(images - hits), 1, axis=1)


@pytest.mark.parametrize(
    ("recalls", "said"),
    [
        ((0.98, 0.98, 0.90, 0.98), "lower than in the other classes for c (Fisher"),
        ((0.90, 0.90, 0.99, 0.90), "higher than in the other classes for c (Fisher"),
        ((0.90, 0.95, 0.95, 0.99), "lower than in the rest for a and higher for d"),
        ((0.50, 0.90), "lower than in the other classes for a (Fisher"),
        ((0.97, 0.98, 0.975, 0.98), "No class's recall differs detectably"),
        ((1.0, 1.0, 1.0, 1.0), "No class's recall differs detectably"),
    ],
)
def test_a_class_is_named_where_it_stands_out_among_all(recalls, said):
    assert said in verdicts.recall_by_class(table_of(*recalls), "abcd").sentence


def test_equally_hard_classes_are_seldom_ranked():
    """One class of ten is always the lowest: that it was picked is corrected for."""

    def draw(generator):
        return verdicts.recall_by_class(table_of(*generator.binomial(200, 0.97, 10) / 200, images=200), "0123456789")

    assert rejected(draw) <= 0.03


def test_mistakes_gather_or_do_not():
    even = np.full((4, 4), 5) + np.diag([95] * 4)
    assert "No confusion is more frequent" in verdicts.confusions(even, "abcd").sentence
    even[2, 1] += 30
    assert "class c is taken for class b in 35 of its 45 errors (p" in verdicts.confusions(even, "abcd").sentence
    assert verdicts.confusions(np.diag([5, 5]), "ab").sentence == "There is no mistake to sort."


def test_mistakes_at_random_seldom_gather_even_where_classes_are_unequal():
    images = np.array([400, 50, 50])

    def draw(generator):
        table = np.zeros((3, 3), dtype=int)
        for label, count in enumerate(images):
            wrong = generator.binomial(count, 0.1)
            others = [other for other in range(3) if other != label]
            table[label, others] = generator.multinomial(wrong, [0.5, 0.5])
            table[label, label] = count - wrong
        return verdicts.confusions(table, "abc")

    assert rejected(draw) <= 0.03


def test_one_hard_class_is_no_pair_that_stands_out():
    """Its mistakes fall evenly on the others: its cells are the fullest, and no two classes are mixed up."""

    def draw(generator):
        table = np.zeros((10, 10), dtype=int)
        for label in range(10):
            others = np.arange(10) != label
            table[label, others] = generator.multinomial(60 if label == 3 else 3, np.full(9, 1 / 9))
        return verdicts.confusions(table, "0123456789")

    assert rejected(draw) <= 0.03


def test_of_two_classes_there_is_but_one_wrong_one():
    assert verdicts.confusions(np.array([[50, 40], [1, 90]]), "ab").value == 1


@pytest.mark.parametrize(
    ("claimed", "said"), [(0.9, "does not differ from accuracy"), (0.97, "overconfident"), (0.8, "underconfident")]
)
def test_confidence_is_held_against_a_calibrated_network(claimed, said):
    verdict = verdicts.calibration(np.full(1000, claimed), share(900, 1000))
    assert said in verdict.sentence


def test_the_chance_of_a_gap_is_that_of_the_binomial_distribution_where_all_confidences_are_one():
    assert verdicts.chance_of_gap(np.full(200, 0.9), share(190, 200)) == pytest.approx(
        stats.binom.sf(189, 200, 0.9) + stats.binom.cdf(170, 200, 0.9)
    )
    assert verdicts.chance_of_gap(np.ones(9), np.ones(9)) == 1


def calibrated(generator):
    confidence = generator.beta(8, 1, 400)
    return confidence, generator.random(400) < confidence


@pytest.mark.parametrize("verdict", [verdicts.calibration, verdicts.calibration_error])
def test_a_calibrated_network_is_seldom_called_otherwise(verdict):
    assert rejected(lambda generator: verdict(*calibrated(generator)), repeats=100) <= 0.04


def test_an_error_of_calibration_beyond_chance_is_said():
    confidence = np.tile([0.55, 0.95], 500)
    right = np.arange(1000) % 4 != 0  # the doubtful half of the time, the confident always: right on average
    assert "does not differ" in verdicts.calibration(confidence, right).sentence
    verdict = verdicts.calibration_error(confidence, right)
    assert "exceeds what chance leaves" in verdict.sentence and verdict.value < 0.01
    fair = verdicts.calibration_error(*calibrated(np.random.default_rng(1)))
    assert "no more than chance may leave" in fair.sentence and 0 < fair.facts["by_chance"] < 0.1


@pytest.mark.parametrize(
    ("confidence", "correct", "said"),
    [
        (np.linspace(0, 1, 200), ~share(20, 200), "doubt is a warning"),
        (np.linspace(1, 0, 200), ~share(20, 200), "more confident than right ones"),
        (np.tile([0.3, 0.8], 100), np.arange(200) % 4 > 1, "not told apart by their confidence"),
        (np.linspace(0, 1, 200), np.arange(200) != 6, "the only mistake is number 7 of 200."),
        (np.ones(5), np.ones(5), "no right and wrong answers"),
        (np.ones(5), np.zeros(5), "no right and wrong answers"),
    ],
)
def test_doubt_is_a_warning_where_it_is_one(confidence, correct, said):
    assert said in verdicts.doubt(confidence, correct).sentence


def test_half_of_the_mistakes_are_counted():
    confidence = np.linspace(0, 1, 100)
    assert verdicts.doubt(confidence, ~np.isin(np.arange(100), [3, 9, 50, 99])).value == 10


def predictions_with(margin, right, total):
    """Return Predictions of two classes whose scores differ by `margin`; so many are right."""
    labels = np.where(share(right, total), 0, 1)
    return evaluation.Predictions(np.tile(np.float32([margin, 0]), (total, 1)), labels)


@pytest.mark.parametrize(
    ("margin", "chosen", "said"),
    [
        (np.log(9), 1.02, "there may be nothing to correct"),
        (np.log(3), 0.5, "underconfident"),
        (np.log(999), 3.1, "overconfident"),
        (np.log(9), 1.0, "T stays at 1"),
    ],
)
def test_a_temperature_is_said_with_its_interval(margin, chosen, said):
    verdict = verdicts.temperature(chosen, predictions_with(margin, 900, 1000), 0)
    assert said in verdict.sentence and verdict.value == chosen
    assert verdict.facts["errors"] == 100


def test_the_temperatures_that_a_likelihood_ratio_leaves_end_where_the_loss_has_risen_by_its_limit():
    predictions = predictions_with(2.0, 7200, 10_000)
    facts = verdicts.temperature(1.0, predictions, 0).facts
    best = evaluation.fit_temperature(predictions)
    assert facts["low"] < best < facts["high"]

    def loss(temperature):
        return predictions.at_temperature(temperature).losses.sum()

    for end in (facts["low"], facts["high"]):
        assert loss(end) - loss(best) == pytest.approx(stats.chi2.ppf(0.95, 1) / 2, abs=0.01)
    faultless = verdicts.temperature(1.0, predictions_with(2.0, 1000, 1000), 0).facts
    assert faultless["low"] == pytest.approx(evaluation.LOWEST_TEMPERATURE)


def test_recalibration_helps_or_harms_or_does_neither():
    losses = np.random.default_rng(0).exponential(0.1, 500)
    assert "lowers NLL by more" in verdicts.recalibration(losses, losses * 0.8, 50).sentence
    assert "raises NLL by more" in verdicts.recalibration(losses, losses * 1.2, 50).sentence
    noise = np.random.default_rng(1).normal(0, 1, 500)
    assert "may be sampling error" in verdicts.recalibration(losses, losses + noise, 50).sentence
    assert verdicts.recalibration(losses, losses, 50).value == 1
    few = verdicts.recalibration(losses, losses * 0.8, 1)
    assert few.value is None and "with 1 mistake, a t-test of the change would too often" in few.sentence


def test_confident_mistakes_are_held_against_what_the_confidence_promised():
    """Half the images are at 0.95, of which a calibrated network would get 25 wrong; the other half at 0.6."""
    confidence = np.repeat([0.95, 0.6], 500)
    for right, said in ((475, "the gap may be chance"), (400, "too many"), (500, "fewer than its confidence")):
        correct = np.concatenate([share(right, 500), share(300, 500)])
        verdict = verdicts.confident_mistakes(confidence, correct)
        assert said in verdict.sentence and verdict.value == 500 - right
        assert verdict.facts["expected"] == pytest.approx(25)
    none = verdicts.confident_mistakes(np.full(9, 0.5), share(4, 9))
    assert none.sentence == "After calibration no answer has more than 90% confidence."
    perfect = verdicts.confident_mistakes(np.full(500, 0.95), np.ones(500))
    assert (
        perfect.sentence.startswith("No test image is misclassified; a calibrated") and "25.0 such" in perfect.sentence
    )


def test_smoothing_alone_makes_no_mistake_look_doubtful():
    """Scores of a network that was asked for 0.9 at most: as they are no mistake is confident, calibrated some are."""
    smoothed = predictions_with(np.log(8), 9990, 10000)
    assert verdicts.confident_mistakes(smoothed.confidence, smoothed.correct).value == 0
    temperature = evaluation.choose_temperature(smoothed)
    after = smoothed.at_temperature(temperature)
    assert verdicts.confident_mistakes(after.confidence, after.correct).value == 10


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (np.linspace(0.75, 0.9, 8), "lies closer to the middle"),
        (np.linspace(0.5, 0.65, 8), "lies further from the middle"),
        (np.linspace(0.6, 0.8, 8), "may be chance"),
        (np.full(8, 0.7), "may be chance"),
        (np.full(3, 0.9), "Too few to test the difference: 3 images."),
        ([0.9, *[np.nan] * 9], "Too few to test the difference: 1 image."),
        ([], "No mistake was looked into."),
    ],
)
def test_evidence_in_the_middle_is_compared_with_what_is_drawn_there(evidence, said):
    """Digits stand in the middle, and evidence that is spread as their ink is proves nothing."""
    verdict = verdicts.middle(evidence, np.full(len(evidence), 0.7))
    assert said in verdict.sentence and not np.isnan(verdict.facts["evidence"]).any()


def test_what_harms_most_is_named_with_all_that_cannot_be_told_from_it():
    generator = np.random.default_rng(0)
    shares = {"a": 0.2, "b": 0.22, "c": 0.6, "d": 0.95}
    marks = {name: generator.random(1000) < value for name, value in shares.items()}
    verdict = verdicts.harm(marks, share(990, 1000), 0.1)
    assert "is among the lowest under a and b and highest under d (McNemar" in verdict.sentence
    assert verdict.value == "a, b"
    places = np.arange(40)
    steps = {name: places < count for name, count in {"low": 10, "middle": 20, "high": 30}.items()}
    steps |= {"other": places >= 30}  # as many as `low`, but others: told apart from `high`, not from `middle`
    said = verdicts.harm(steps | {"high": places >= 0}, share(40, 40), 0.1).sentence
    assert "is among the lowest under low and other and highest under high" in said
    between = {"a": places < 10, "b": places < 16, "c": places < 22}
    ends = verdicts.harm(between, share(40, 40), 0.1)
    assert (
        "among the lowest under a and among the highest under c" in ends.sentence and ends.value == "a, b"
    )  # b is told from neither
    alike = {name: generator.random(1000) < 0.5 for name in "abcd"}
    assert "no corruption is told apart" in verdicts.harm(alike, share(990, 1000), 0.1).sentence
    assert "cannot tell" in verdicts.harm(marks, share(120, 1000), 0.11).sentence
    few = {name: values[:8] for name, values in marks.items()}
    too_few = verdicts.harm(few, share(8, 8), 0.1)
    assert too_few.value is None and too_few.sentence.startswith("8 images are too few")


def test_corruptions_that_harm_alike_are_seldom_ranked():
    """One of eight always lies lowest: that it was picked from all pairs is corrected for."""
    generator = np.random.default_rng(0)
    ranked = 0
    for _ in range(100):
        marks = dict(enumerate(generator.random((8, 300)) < 0.5))
        marks = {str(name): values for name, values in marks.items()}
        ranked += "no corruption is told apart" not in verdicts.harm(marks, share(290, 300), 0.1).sentence
    assert ranked <= 3


def test_the_hardest_strength_is_fixed_beforehand_and_never_the_neutral_one():
    """Picked as the lowest of the curve it would be the neutral one now and then, and lower by the picking."""
    found = {name: way.strengths[way.hardest] for name, way in corruptions.CORRUPTIONS.items()}
    assert found["zoom"] == 0.4 and found["contrast"] == 0.1 and found["shift"] == 12
    assert not [name for name, way in corruptions.CORRUPTIONS.items() if found[name] == way.neutral]


def test_overconfidence_on_corrupted_images_is_counted():
    generator = np.random.default_rng(0)
    claims = {name: np.full(500, 0.9) for name in "abc"}
    marks = {"a": share(200, 500), "b": generator.random(500) < 0.9, "c": share(500, 500)}
    verdict = verdicts.confidence_on_corrupted(claims, marks)
    assert verdict.value == 1 and "under 1 of 3 corruptions" in verdict.sentence
    assert verdict.facts["p_values"]["b"] > verdicts.LEVEL


def test_sixes_upside_down_are_counted():
    assert verdicts.upside_down(30, 20, 3).sentence.endswith("30, of which 20 are classified as 9 and 3 as 6.")


@pytest.mark.parametrize(
    ("trained", "said"), [(0.2, "cannot be told"), (0.01, "more in balance"), (0.9, "less in balance")]
)
def test_filters_are_held_against_untrained_ones(trained, said):
    untrained = np.random.default_rng(0).uniform(0, 0.4, (400, 16))
    assert said in verdicts.filters(np.full(16, trained), untrained).sentence


@pytest.mark.parametrize("name", models.NETWORKS)
def test_networks_that_were_never_trained_are_not_told_from_others_of_their_kind(name):
    """The first filters of some begin in balance: the null has to draw whole networks, as these are built."""

    def first_filters(seed):
        network = models.build(name, seed=seed)
        kernels = next(values for values in network.parameters() if values.ndim == 4).detach().numpy().mean(axis=1)
        return np.abs(kernels.sum(axis=(1, 2))) / np.abs(kernels).sum(axis=(1, 2))

    untrained = [first_filters(1000 + draw) for draw in range(100)]
    said = [verdicts.filters(first_filters(seed), untrained).sentence for seed in range(10)]
    assert sum("cannot be told" in sentence for sentence in said) >= 9


def test_untrained_filters_seldom_look_trained():
    """Random 5x5 filters are nearly all in balance: that alone is nothing that was learnt."""

    def draw(generator):
        kernels = generator.uniform(-1, 1, (201, 16, 25))
        found = np.abs(kernels.sum(axis=2)) / np.abs(kernels).sum(axis=2)
        assert (found < 0.5).mean() > 0.9
        return verdicts.filters(found[0], found[1:])

    assert rejected(draw, repeats=100) <= 0.04


def test_lists_of_names_end():
    assert verdicts.listed("abc") == "a, b and c"
    assert verdicts.listed("abcdefghijkl") == "a, b, c, d, e, f, g, h and 4 more"


@pytest.mark.parametrize(
    ("strengths", "shares", "neutral", "words"),
    [
        ((0, 10, 20), (1, 0.9, 0.7), 0, "80% up to 15"),
        ((0.5, 1, 2), (0.6, 1, 0.6), 1, "80% from 0.75 to 1.5"),
        ((0.5, 1), (0.6, 1), 1, "80% down to 0.75"),
        ((0, 1), (0.9, 0.9), 0, "80% throughout"),
        ((0, 1), (0.7, 0.9), 0, "never 80%"),
    ],
)
def test_how_far_accuracy_is_held(strengths, shares, neutral, words):
    assert corruptions.reach(strengths, shares, neutral, 0.8) == words


def test_what_augmentation_showed():
    recipe = {"rotation": 10, "zoom": 0.1, "rough_share": 0.5, "roughening": ["noise", "light"]}
    assert corruptions.shown_in_training(recipe) == {
        "rotation": "up to 10 degrees",
        "zoom": "0.9 to 1.1",
        "noise": "roughened by noise",
        "contrast": "roughened by light",
    }
    assert corruptions.shown_in_training({"crop": 0.2, "light_jitter": 0.3}) == {
        "zoom": "1 to 1.2, by cropping",
        "contrast": "0.7 to 1.3",
    }
    assert corruptions.shown_in_training({"rotation": 0}) == {}
    undone = corruptions.shown_in_training(recipe | {"normalise_each": True})
    assert undone["contrast"] == "undone: each image is normalised" and undone["noise"] == "roughened by noise"
