"""Verdicts on recipes and published projects: each sentence where it is true, and seldom by chance."""

import json

import numpy as np
import pytest

from helpers import scores, verdicts
from helpers.evaluation import Difference
from helpers.scores import Pairs, StepTaken

AHEAD, TIE = Difference(0.005, 0.001, 0.009), Difference(0.001, -0.002, 0.004)


def holds(verdict, name):
    """Return a verdict's sentence; its name is that of its function, and its facts are plain."""
    assert verdict.name == name
    json.dumps(verdict.facts, allow_nan=False)
    assert verdict.sentence.count(". ") <= 1 and verdict.sentence.endswith(".")
    return verdict.sentence


def test_former_readings_are_counted():
    designs = [
        {"recipe": "fast", "readings": 5},
        {"recipe": "fast", "readings": 10},
        {"recipe": "balanced", "readings": 8},
    ]
    verdict = verdicts.former_readings(designs, 60)
    assert verdict.value == 23 and "23 earlier ones of former designs of `fast` and `balanced`," in verdict.sentence
    assert "no readings of former designs" in holds(verdicts.former_readings([], 60), "former_readings")


def test_pairs_are_told_apart_or_tied():
    names = ["a", "b", "c"]
    pairs = Pairs(0.98, {("a", "b"): AHEAD, ("a", "c"): AHEAD, ("b", "c"): TIE})
    verdict = verdicts.told_apart(pairs, names)
    assert holds(verdict, "told_apart") == "Told apart: 2 of 3 pairs; the tie highest up is that of `b` and `c`."
    assert verdict.value == 2 and verdict.facts["ties"] == [["b", "c"]]
    assert "none is tied" in verdicts.told_apart(Pairs(0.95, {("a", "b"): AHEAD}), names).sentence
    assert "nothing to compare it with" in verdicts.told_apart(Pairs(0.95, {}), ["a"]).sentence


def test_a_recipe_that_is_ahead_in_less_than_half_the_time():
    pairs = Pairs(0.95, {("a", "b"): AHEAD})
    found = verdicts.cheaper_and_better(pairs, {"a": 10, "b": 40})
    assert found.value == 1 and "`a` is ahead of `b`, which takes 4 times as long" in holds(found, "cheaper_and_better")
    for seconds, difference in (({"a": 30, "b": 40}, AHEAD), ({"a": 10, "b": 40}, TIE)):
        none = verdicts.cheaper_and_better(Pairs(0.95, {("a", "b"): difference}), seconds)
        assert none.value == 0 and none.sentence.startswith("No recipe is ahead")


def test_gains_of_training():
    networks = {"n": ("old", "new")}
    errors = {"old": 100.0, "new": 60.0}
    ahead = verdicts.gains_of_training(Pairs(0.95, {("new", "old"): AHEAD}), networks, errors)
    assert "For 1 of 1 network our training is ahead, with 40% fewer errors" in holds(ahead, "gains_of_training")
    tied = verdicts.gains_of_training(Pairs(0.95, {("new", "old"): TIE}), networks, errors)
    assert tied.value == 0 and "For none of 1 network is" in tied.sentence
    assert "hold no network" in verdicts.gains_of_training(Pairs(0.95, {}), {}, {}).sentence


@pytest.mark.parametrize(
    ("jointly", "said"), [(10, "a gain beyond"), (100, "an interval that includes 0"), (300, "a loss beyond")]
)
def test_an_ensemble_beside_its_members(jointly, said):
    generator = np.random.default_rng(0)
    alone = np.ones((5, 2000), dtype=bool)
    for member in alone:
        member[generator.choice(400, 100, replace=False)] = False
    together = np.ones(2000, dtype=bool)
    together[generator.choice(400, jointly, replace=False)] = False
    verdict = verdicts.answering_together(together, alone)
    assert said in holds(verdict, "answering_together") and verdict.facts["errors"] == jointly
    assert verdict.facts["errors_alone"] == 100


def test_images_on_which_two_recipes_disagree():
    def of(won, lost):
        ahead, behind = np.zeros((2, 100), dtype=bool)
        ahead[:won] = behind[:lost] = True
        return verdicts.different_images("best", "fast", ahead, behind)

    assert (
        "10 images correctly that `fast` never does; 0 the other way round: the two counts are told"
        in of(10, 0).sentence
    )
    assert "are not told apart" in of(4, 3).sentence and of(10, 0).value < 0.01 < of(4, 3).value
    assert of(0, 0).value is None and "No image divides" in holds(of(0, 0), "different_images")


def test_images_that_nobody_classifies_are_an_oracles():
    correct = np.ones((3, 1000), dtype=bool)
    correct[:, :2] = False
    correct[0, 2:50] = False
    verdict = verdicts.misclassified_by_all(correct)
    assert verdict.value == 2 and "99.80%" in holds(verdict, "misclassified_by_all") and "oracle" in verdict.sentence


def test_goals():
    goals = [{"recipe": name, "verdict": verdict} for name, verdict in (("a", "reached"), ("b", "floor reached"))]
    assert holds(verdicts.goals_reached(goals), "goals_reached") == "None of 2 floors was missed. Short of an aim: b."
    missed = verdicts.goals_reached([*goals[:1], {"recipe": "c", "verdict": "missed"}])
    assert missed.value == 1 and missed.sentence == "Missed: 1 of 2 goals, by c."


def test_goals_are_verdict_of_by_floor_and_aim():
    reached = {"fast": 0.9899, "balanced": 0.9965, "best": 0.9973, "narrow-tuned": 0.995}
    verdict_of = {row["recipe"]: row["verdict"] for row in scores.accuracy_goals(reached)}
    assert verdict_of == {
        "fast": "missed",
        "balanced": "aim reached",
        "best": "floor reached",
        "narrow-tuned": "reached",
    }
    readings = [{"train_loss": loss} for loss in (0.02, 0.06)]
    (row,) = scores.figure_goals({"narrow-published": readings})
    assert row["value"] == 0.04 and row["verdict"] == "missed"
    per_class = {"1": {"precision": 0.99, "recall": 0.96, "f1": 0.9}}
    (row,) = scores.figure_goals({"linear-head-published": [{"per_class": per_class}]})
    assert row["value"] == 0.96 and row["verdict"] == "reached"


def beside(**errors):
    """Return what scores.beside_reported makes of readings with so many errors: {network: (of each training)}."""
    per_class = {"0": {"support": 10_000}}
    readings = {
        name: [{"per_class": per_class, "wrong": list(range(count))} for count in counts]
        for name, counts in errors.items()
    }
    return scores.beside_reported(readings)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([70, 74, 72], "1 of 1 tested. Ours makes fewer errors for `lenet` (72, reported 124)."),
        ([130, 128], "No network is told apart from the figure that was reported, of 1 tested."),
        ([260, 262], "1 of 1 tested. Ours makes more errors for `lenet` (261, reported 124)."),
    ],
)
def test_beside_a_reported_figure(counts, said):
    verdict = verdicts.beside_reported(beside(lenet=counts))
    assert said in holds(verdict, "beside_reported") and verdict.facts["reported"] == [124]
    assert verdict.value == ("No network" not in said)


def test_reported_figures_are_tested_together_and_a_bound_is_contradicted_by_more_errors_alone():
    alone, both = beside(lenet=[90])[0], beside(lenet=[90], dropout=[130])[0]
    assert 0.01 < alone.p_value < 0.05 and both.p_value == pytest.approx(2 * alone.p_value)
    fewer, more = (beside(narrow=[count])[0] for count in (40, 160))
    assert fewer.is_bound and fewer.p_value > 0.9 and more.p_value < 0.01
    assert (fewer.reported_in_words, alone.reported_in_words) == ("fewer than 100", "124")
    assert "`make bench-accuracy`" in verdicts.beside_reported([]).sentence


def taken(step, mean=0.002, seeds=(0, 1, 2)):
    """Return a StepTaken that differs by `mean`, None where there is nothing to compare."""
    difference = None if mean is None else Difference(mean, mean - 0.001, mean + 0.001)
    return StepTaken(step, "", list(seeds), 0.99, [100], difference, None if mean is None else 0.001)


def test_steps_of_a_network():
    ladder = [taken(0, None), taken(1), taken(2, -0.0001)]
    both = verdicts.steps_of_network("lenet", ladder, {("lenet", 1): 0.004, ("lenet", 2): 0.9})
    title = "one-cycle schedule and its peak rate"
    said = f"Steps of `lenet` told apart from the one before: 1 of 2 tested ({title} +0.20 points)."
    assert holds(both, "steps_of_network") == said and both.facts["told_apart"] == [1]
    none = verdicts.steps_of_network("lenet", ladder, {("lenet", 1): 0.06, ("lenet", 2): 0.9})
    assert none.value == 0 and none.sentence == "No step of `lenet` is told apart from the one before, of 2 tested."
    some = verdicts.steps_of_network("lenet", ladder, {("lenet", 1): 0.06})
    assert holds(some, "steps_of_network").endswith("Not tested, for want of a third seed: augmentation.")
    assert "no step has three seeds yet" in verdicts.steps_of_network("lenet", ladder[:1], {}).sentence


def test_steps_of_all_networks():
    ladders = {"lenet": [taken(0, None), taken(1)]}
    verdict = verdicts.steps_of_all(ladders, {("lenet", 1): 0.001})
    assert verdict.value == 1 and "Missing from the file: 18 steps." in holds(verdict, "steps_of_all")
    assert (
        "1 of 1 tested (one-cycle schedule and its peak rate 1 of 1; not tested with any network:" in verdict.sentence
    )
    assert "augmentation, the rest of our training and averaging)." in verdict.sentence
    assert "`make bench-steps` trains them, with several seeds" in verdicts.steps_of_all({}, {}).sentence
    full = {project.network: [taken(step) for step in range(5)] for project in scores.PROJECTS if project.network}
    all_tested = {(network, step): 0.001 for network in full for step in range(1, 5)}
    said = holds(verdicts.steps_of_all(full, all_tested), "steps_of_all")
    assert "16 of 16 tested" in said and "averaging 4 of 4)." in said and "issing" not in said


@pytest.mark.parametrize(
    ("p_values", "said"),
    [
        ({("lenet", 4): 0.001, ("narrow", 4): 0.2}, "Averages told apart from their members: 1 of 2 tested (`lenet`)."),
        ({("lenet", 4): 0.3}, "No average is told apart from its members, of 1 tested."),
        ({("lenet", 3): 0.001}, "No network has an average yet that could be tested: `make bench-steps` makes them."),
    ],
)
def test_averages_beside_their_members(p_values, said):
    verdict = verdicts.averages({"lenet": [], "narrow": []}, p_values)
    assert holds(verdict, "averages") == said


def test_steps_that_change_nothing_are_seldom_told_apart():
    """16 steps of three seeds each, where trainings differ by chance alone: the whole page errs in 5% of cases."""
    generator = np.random.default_rng(0)
    false_claims = 0
    for _ in range(100):
        ladders = {}
        for network in ("a", "b", "c", "d"):
            rows = {}
            for step in range(5):
                wrong = [np.flatnonzero(generator.random(2000) < 0.01).tolist() for _ in range(3)]
                rows[step] = [
                    {"seed": seed, "wrong": wrong[seed], "validation_images": 2000, "changed": {}} for seed in range(3)
                ]
            ladders[network] = scores.steps_taken(rows)
        false_claims += verdicts.steps_of_all(ladders, scores.adjusted(ladders)).value > 0
    assert false_claims <= 12


def test_words_in_a_row():
    assert [verdicts.listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_times_off_a_line():
    assert verdicts.off_the_line("images", [1, 2, 3], [2, 4, 6]).value == pytest.approx(0, abs=1e-9)
    off = verdicts.off_the_line("epochs", [1, 2, 3, 4], [1, 2, 3, 8])
    assert off.value > 0.2 and "By epochs, no time is further than" in holds(off, "off_the_line")
    assert verdicts.off_the_line("images", [1, 2], [1, 2]).value is None


def test_times_less():
    verdict = verdicts.times_less({"a": (1.2, 1.4), "b": (0.9, 1.1), "c": (0.5, 0.6)})
    said = "Ours was faster in every round in 1 of 3 comparisons, and slower in every round in 1."
    assert verdict.value == 1 and verdict.sentence == said
    assert "1 of 1 comparison, and slower in every round in none." in verdicts.times_less({"a": (1.2, 1.4)}).sentence
    assert "Nothing was timed like with like yet" in holds(verdicts.times_less({}), "times_less")
