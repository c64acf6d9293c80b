"""What may be said of recipes, of published projects and of time (05_comparison, 07_published, 08_speed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, fisher_exact

from .. import evaluation, scores
from ..scores import Pairs, StepTaken
from .verdict import FAMILY_LEVEL, LEVEL, Verdict, listed, p_is


def former_readings(designs: Sequence[Mapping[str, Any]], readings: int) -> Verdict:
    """Return how many readings of former designs saw the test images before today's; the value is their number.

    `designs`: as scores.former_designs gives them; `readings`: how many are compared today. Nothing is estimated.
    """
    earlier = sum(design["readings"] for design in designs)
    facts = {"designs": len(designs), "earlier": earlier, "readings": readings}
    if earlier == 0:
        sentence = "The file holds no readings of former designs."
    else:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(design["recipe"] for design in designs))
        sentence = (
            f"Beside the {readings} readings compared below, the file holds {earlier} earlier ones of former designs "
            f"of {names}: for these the test set was no longer untouched when today's design was written down."
        )
    return Verdict("former_readings", earlier, sentence, facts)


def told_apart(pairs: Pairs, ranking: Sequence[str]) -> Verdict:
    """Return how many pairs of recipes differ beyond sampling error of images and seeds; the value is that number.

    The intervals of scores.Pairs (bootstrap, Efron 1979) hold for all pairs at once (Bonferroni); a pair is told apart
    where its interval leaves out 0. `ranking`: the recipes by their means.
    """
    apart = [pair for pair, difference in pairs.differences.items() if difference.is_significant]
    ties = [pair for pair in pairs.differences if pair not in apart]
    ties.sort(key=lambda pair: (ranking.index(pair[0]), ranking.index(pair[1])))
    facts = {"pairs": len(pairs.differences), "told_apart": len(apart), "ties": [list(pair) for pair in ties]}
    count = f"{len(apart)} of {len(pairs.differences)} pairs are told apart"
    if not pairs.differences:
        sentence = "There is one recipe alone, and nothing to compare it with."
    elif not ties:
        sentence = f"{count}; none is tied."
    else:
        sentence = f"{count}; the tie highest up is that of `{ties[0][0]}` and `{ties[0][1]}`."
    return Verdict("told_apart", len(apart), sentence, facts)


def cheaper_and_better(pairs: Pairs, seconds: Mapping[str, float]) -> Verdict:
    """Return how many recipes beat one that takes more than twice their time; the value is the number of such pairs.

    One beats the other where it is ahead by an interval of scores.Pairs. `seconds`: of training, by recipe.
    """
    found = []
    for one in seconds:
        for other in seconds:
            if one != other and seconds[one] < seconds[other] / 2 and pairs.is_ahead(one, other):
                found.append((one, other, seconds[other] / seconds[one]))
    facts = {"pairs": [[one, other] for one, other, _ in found]}
    if not found:
        sentence = "No recipe is ahead of one that takes more than twice its time."
    else:
        one, other, times = max(found, key=lambda entry: entry[2])
        sentence = (
            f"A longer training is not always ahead: in {len(found)} pairs the recipe ahead takes less than half the "
            f"time. The widest gap: `{one}` is ahead of `{other}`, which takes {times:.0f} times as long."
        )
    return Verdict("cheaper_and_better", len(found), sentence, facts)


def gains_of_training(pairs: Pairs, networks: Mapping[str, tuple[str, str]], errors: Mapping[str, float]) -> Verdict:
    """Return for how many networks the tuned recipe is ahead of the published one; the value is that number.

    By the intervals of scores.Pairs. `networks`: {network: (published recipe, tuned recipe)}; `errors`: mean number of
    misclassified test images by recipe.
    """
    ahead = [name for name, (before, after) in networks.items() if pairs.is_ahead(after, before)]
    fewer = {name: 1 - errors[after] / errors[before] for name, (before, after) in networks.items()}
    facts = {"networks": len(networks), "ahead": ahead, "fewer": fewer}
    if not networks:
        sentence = "The readings hold no network both as published and with our training."
    elif not ahead:
        sentence = f"For none of {len(networks)} networks is our training told apart from the published one."
    else:
        shares = [fewer[name] for name in ahead]
        sentence = (
            f"For {len(ahead)} of {len(networks)} networks our training is ahead, with {min(shares):.0%} to "
            f"{max(shares):.0%} fewer errors from the same number of parameters."
        )
    return Verdict("gains_of_training", len(ahead), sentence, facts)


def answering_together(together: ArrayLike, alone: ArrayLike) -> Verdict:
    """Return whether an ensemble classifies better than its members do by themselves; the value is the gain, a share.

    `together`: bool (images,), whether each was classified correctly; `alone`: bool (members, images). The 95%
    interval is that of evaluation.compare_paired: one ensemble, members and images drawn anew.
    """
    jointly, singly = np.asarray(together, dtype=bool)[None], np.asarray(alone, dtype=bool)
    gain = evaluation.compare_paired(jointly, singly)
    missed_by_each = int((~singly).all(axis=0).sum())
    facts = {"errors": int((~jointly).sum()), "errors_alone": float((~singly).sum(axis=1).mean())}
    facts |= {"members": len(singly), "low": gain.low, "high": gain.high, "missed_by_each": missed_by_each}
    points = f"{100 * gain.mean:+.2f} points ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"
    count = f"Together the {len(singly)} make {facts['errors']} errors, alone {facts['errors_alone']:.1f} on average"
    if not gain.is_significant:
        sentence = f"{count}: {points}, an interval that holds 0, so that a gain is not shown."
    elif gain.mean > 0:
        sentence = f"{count}: {points}, a gain beyond sampling error."
    else:
        sentence = f"{count}: {points}, a loss beyond sampling error."
    more = f" Of the images, {missed_by_each} are misclassified by every member; averaging can rarely correct those."
    return Verdict("answering_together", gain.mean, sentence + more, facts)


def different_images(strong: str, weak: str, ahead: ArrayLike, behind: ArrayLike) -> Verdict:
    """Return whether images on which all trainings of two recipes disagree fall more to one side; the value is p.

    `ahead`, `behind`: bool (images,), whether all trainings of `strong` classified an image correctly and none of
    `weak` did, and the other way round. A two-sided sign test (exact binomial) on the two counts.
    """
    won, lost = int(np.sum(ahead)), int(np.sum(behind))
    facts = {"strong": strong, "weak": weak, "won": won, "lost": lost}
    if won + lost == 0:
        return Verdict("different_images", None, f"No image divides `{strong}` from `{weak}` in all trainings.", facts)
    p_value = float(binomtest(won, won + lost).pvalue)
    count = f"`{strong}` always classifies {won} images correctly that `{weak}` never does; {lost} the other way round"
    test = f"(sign test, {p_is(p_value)})"
    if p_value < LEVEL:
        return Verdict("different_images", p_value, f"{count}: more than sampling error {test}.", facts)
    return Verdict("different_images", p_value, f"{count}: no more than sampling error {test}.", facts)


def misclassified_by_all(correct: ArrayLike) -> Verdict:
    """Return how many images no training classifies correctly; the value is their number.

    `correct`: bool (trainings, images). No test: it is a count, and an oracle's, since labels were needed to find them.
    """
    answers = np.asarray(correct, dtype=bool)
    never = int((~answers.any(axis=0)).sum())
    facts = {"trainings": len(answers), "images": answers.shape[1], "never": never}
    sentence = (
        f"{never} of {answers.shape[1]:,} images are misclassified by all {len(answers)} trainings. The "
        f"other {1 - never / answers.shape[1]:.2%} are within reach of an oracle alone, which knows whom to ask."
    )
    return Verdict("misclassified_by_all", never, sentence, facts)


def goals_reached(goals: Sequence[Mapping[str, Any]]) -> Verdict:
    """Return how many goals were missed; the value is their number.

    `goals`: rows of scores.accuracy_goals and scores.figure_goals. Nothing is estimated: a goal is held against the
    figure itself.
    """
    missed = [goal["recipe"] for goal in goals if goal["verdict"] == "missed"]
    short = [goal["recipe"] for goal in goals if goal["verdict"] == "floor reached"]
    facts = {"goals": len(goals), "missed": missed, "short": short}
    if missed:
        sentence = f"{len(missed)} of {len(goals)} goals were missed, by {listed(missed)}."
    else:
        sentence = f"None of {len(goals)} floors was missed."
    if short:
        sentence += f" Short of an aim: {listed(short)}."
    return Verdict("goals_reached", len(missed), sentence, facts)


def beside_reported(recipe: str, errors: Sequence[int], reported: float, images: int) -> Verdict:
    """Return whether our trainings of a published network are told apart from the reported figure; the value is p.

    `errors`: misclassified test images of each training; `reported`: its author's accuracy on as many `images`, of one
    training. Fisher's exact test (1922), two-sided, on the rounded mean of ours and the reported count. It takes the
    images of both for independent draws, where they are the same: that makes it cautious. It does not know how far
    the author's other trainings would lie apart.
    """
    ours, theirs = round(float(np.mean(errors))), round((1 - reported) * images)
    p_value = float(fisher_exact([[ours, images - ours], [theirs, images - theirs]]).pvalue)
    facts = {"recipe": recipe, "trainings": len(errors), "errors": ours, "reported_errors": theirs, "images": images}
    count = f"`{recipe}` makes {ours} errors on average over {len(errors)} seeds, where {theirs} were reported"
    test = f"(Fisher's exact test, {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = f"{count}: no more apart than sampling error {test}."
    elif ours < theirs:
        sentence = f"{count}: fewer, beyond sampling error {test}."
    else:
        sentence = f"{count}: more, beyond sampling error {test}."
    return Verdict("beside_reported", p_value, sentence, facts)


def steps_of_network(network: str, ladder: Sequence[StepTaken], p_values: Mapping[tuple[str, int], float]) -> Verdict:
    """Return which steps of a published network's training are told apart from the one before; the value is how many.

    `ladder`: of scores.steps_taken; `p_values`: of scores.adjusted, by Holm's method over all networks. A step is told
    apart where its own is below 0.05: then 5% bounds the chance of one false claim on the page.
    """
    compared = [taken for taken in ladder if (network, taken.step) in p_values]
    apart = [taken for taken in compared if p_values[network, taken.step] < FAMILY_LEVEL]
    facts = {
        "network": network,
        "compared": [taken.step for taken in compared],
        "told_apart": [taken.step for taken in apart],
        "p_values": [p_values[network, taken.step] for taken in compared],
        "seeds": min((len(taken.seeds) for taken in compared), default=0),
    }
    seeds = f"With {facts['seeds']} seeds"
    if not compared:
        sentence = f"`{network}`: no step has two seeds yet that the step before it has, too."
    elif not apart:
        sentence = f"{seeds}, no step of `{network}` is told apart from the one before it."
    else:
        steps = listed([f"{scores.STEP_NAMES[taken.step]} ({points_of(taken)})" for taken in apart])
        sentence = f"{seeds}, {len(apart)} of {len(compared)} steps of `{network}` are told apart: {steps}."
    return Verdict("steps_of_network", len(apart), sentence, facts)


def points_of(taken: StepTaken) -> str:
    """Return what a step changed in points of accuracy."""
    assert taken.difference is not None
    return f"{100 * taken.difference.mean:+.2f} points"


def steps_of_all(ladders: Mapping[str, Sequence[StepTaken]], p_values: Mapping[tuple[str, int], float]) -> Verdict:
    """Return for how many networks each step is told apart; the value is the number of steps told apart in all.

    The arguments and the test are those of `steps_of_network`.
    """
    apart = [place for place, p_value in p_values.items() if p_value < FAMILY_LEVEL]
    missing = scores.missing_rows(ladders)
    counts = {name: sum(step == number for _, step in apart) for number, name in enumerate(scores.STEP_NAMES)}
    facts = {"compared": len(p_values), "told_apart": len(apart), "by_step": counts, "missing": len(missing)}
    if not p_values:
        sentence = "No step can be held against chance yet: `make bench-steps` trains them, with several seeds."
    else:
        words = listed([f"{name} {counts[name]}" for name in scores.STEP_NAMES[1:]])
        sentence = f"{len(apart)} of {len(p_values)} steps are told apart, by the step that was taken: {words}."
    if p_values and missing:
        sentence += f" {len(missing)} steps are missing in the file."
    return Verdict("steps_of_all", len(apart), sentence, facts)


def off_the_line(amounts: ArrayLike, seconds: ArrayLike) -> Verdict:
    """Return how far times lie off a straight line through them; the value is the largest share of the line's value.

    Few dots of a machine's noise: no test, and no more is said than how far off they are.
    """
    x, y = np.asarray(amounts, dtype=float), np.asarray(seconds, dtype=float)
    if len(x) < 3:
        return Verdict("off_the_line", None, "Too few times were taken to draw a line.", {"times": len(x)})
    off = float(np.abs(y / np.polyval(np.polyfit(x, y, 1), x) - 1).max())
    facts = {"times": len(x), "off": off}
    return Verdict("off_the_line", off, f"No time is further than {off:.0%} off its straight line.", facts)


def times_less(ratios: Mapping[str, Sequence[float]]) -> Verdict:
    """Return in how many comparisons ours takes less time in every round; the value is that number.

    `ratios`: {what: (lowest, highest) over the rounds}, how many times less time ours takes. Five rounds that all point
    one way come about by chance in 1 of 16 cases; that is not tested further.
    """
    faster = [what for what, (low, _) in ratios.items() if low > 1]
    slower = [what for what, (_, high) in ratios.items() if high < 1]
    facts = {"compared": len(ratios), "faster": len(faster), "slower": len(slower)}
    if not ratios:
        sentence = "No times were taken yet: `make bench-speed` takes them."
    else:
        sentence = (
            f"In {len(faster)} of {len(ratios)} comparisons ours took less time in every round, in {len(slower)} more."
        )
    return Verdict("times_less", len(faster), sentence, facts)
