"""What may be said of recipes, of published projects and of time (05_comparison, 07_published, 08_speed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import evaluation, scores
from ..scores import Beside, Pairs, StepTaken
from .significance import mcnemar
from .verdict import FAMILY_LEVEL, LEVEL, Verdict, counted, listed, p_is


def former_readings(designs: Sequence[Mapping[str, Any]], readings: int) -> Verdict:
    """Return how many readings of former designs saw the test images before today's; the value is their number.

    `designs`: as scores.former_designs gives them; `readings`: how many are compared today. Nothing is estimated.
    """
    earlier = sum(design["readings"] for design in designs)
    facts = {"designs": len(designs), "earlier": earlier, "readings": readings}
    if earlier == 0:
        sentence = "The file holds no readings of former designs."
    else:
        names = listed([f"`{name}`" for name in dict.fromkeys(design["recipe"] for design in designs)])
        sentence = (
            f"Beside the {counted(readings, 'reading')} compared below, the file holds "
            f"{counted(earlier, 'earlier one')} of former designs of {names}, whose present designs were therefore "
            "written after the test set had been used."
        )
    return Verdict("former_readings", earlier, sentence, facts)


def told_apart(pairs: Pairs, ranking: Sequence[str]) -> Verdict:
    """Return how many pairs of recipes differ beyond sampling error of images and seeds; the value is that number.

    The intervals of scores.Pairs (Student's t) hold for all pairs at once (Bonferroni); a pair is told apart
    where its interval leaves out 0. `ranking`: the recipes by their means.
    """
    apart = [pair for pair, difference in pairs.differences.items() if difference.is_significant]
    ties = [pair for pair in pairs.differences if pair not in apart]
    ties.sort(key=lambda pair: (ranking.index(pair[0]), ranking.index(pair[1])))
    facts = {"pairs": len(pairs.differences), "told_apart": len(apart), "ties": [list(pair) for pair in ties]}
    count = f"Told apart: {len(apart)} of {counted(len(pairs.differences), 'pair')}"
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
            f"A longer training is not always ahead: in {counted(len(found), 'pair')} the recipe ahead takes less than "
            f"half the time. The widest gap: `{one}` is ahead of `{other}`, which takes {times:.0f} times as long."
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
        sentence = f"For none of {counted(len(networks), 'network')} is our training told apart from the published one."
    else:
        part = " to ".join(dict.fromkeys(f"{share(fewer[name] for name in ahead):.0%}" for share in (min, max)))
        sentence = (
            f"For {len(ahead)} of {counted(len(networks), 'network')} our training is ahead, with {part} fewer "
            "errors from the same number of parameters."
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
    misses = int((~jointly).sum())
    facts = {"errors": misses, "errors_alone": float((~singly).sum(axis=1).mean())}
    facts |= {"members": len(singly), "low": gain.low, "high": gain.high, "missed_by_each": missed_by_each}
    points = f"{100 * gain.mean:+.2f} points ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"
    alone_on_average = f"alone {facts['errors_alone']:.1f} on average"
    count = f"Together the {len(singly)} make {counted(misses, 'error')}, {alone_on_average}"
    if not gain.is_significant:
        sentence = f"{count}: {points}, an interval that includes 0, so that a gain is not shown."
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
    won, lost, p_value = mcnemar(ahead, behind)
    facts = {"strong": strong, "weak": weak, "won": won, "lost": lost}
    if won + lost == 0:
        return Verdict("different_images", None, f"No image divides `{strong}` from `{weak}` in all trainings.", facts)
    images = counted(won, "image")
    count = f"`{strong}` always classifies {images} correctly that `{weak}` never does; {lost} the other way round"
    test = f"(sign test, {p_is(p_value)})"
    if p_value < LEVEL:
        return Verdict("different_images", p_value, f"{count}: the two counts are told apart {test}.", facts)
    return Verdict("different_images", p_value, f"{count}: the two counts are not told apart {test}.", facts)


def misclassified_by_all(correct: ArrayLike) -> Verdict:
    """Return how many images no training classifies correctly; the value is their number.

    `correct`: bool (trainings, images). No test: it is a count, and an oracle's, since labels were needed to find them.
    """
    answers = np.asarray(correct, dtype=bool)
    never = int((~answers.any(axis=0)).sum())
    facts = {"trainings": len(answers), "images": answers.shape[1], "never": never}
    sentence = (
        f"Misclassified by each of {counted(len(answers), 'training')}: {never} of {answers.shape[1]:,} images. The "
        f"other {1 - never / answers.shape[1]:.2%} are within reach of an oracle alone, which knows whom to ask."
    )
    return Verdict("misclassified_by_all", never, sentence, facts)


def goals_reached(goals: Sequence[Mapping[str, Any]]) -> Verdict:
    """Return how many goals were missed; the value is their number.

    `goals`: rows of scores.accuracy_goals and scores.figure_goals. Nothing is estimated: a goal is compared with the
    figure itself.
    """
    missed = [goal["recipe"] for goal in goals if goal["verdict"] == "missed"]
    short = [goal["recipe"] for goal in goals if goal["verdict"] == "floor reached"]
    facts = {"goals": len(goals), "missed": missed, "short": short}
    if missed:
        sentence = f"Missed: {len(missed)} of {counted(len(goals), 'goal')}, by {listed(missed)}."
    else:
        sentence = f"None of {counted(len(goals), 'floor')} was missed."
    if short:
        sentence += f" Short of an aim: {listed(short)}."
    return Verdict("goals_reached", len(missed), sentence, facts)


def beside_reported(beside: Sequence[Beside]) -> Verdict:
    """Return of how many published networks our errors are told apart from the reported ones; the value is that number.

    `beside`: of scores.beside_reported, whose p-values are adjusted for all of them. A network is told apart where its
    own is below 0.05.
    """
    apart = [one for one in beside if one.p_value < FAMILY_LEVEL]
    facts = {
        "networks": [one.network for one in beside],
        "errors": [one.errors for one in beside],
        "reported": [one.reported for one in beside],
        "p_values": [one.p_value for one in beside],
        "told_apart": [one.network for one in apart],
    }
    if not beside:
        sentence = "There are no readings of published recipes yet: `make bench-accuracy` takes them."
    elif not apart:
        sentence = f"No network is told apart from the figure that was reported, of {len(beside)} tested."
    else:
        fewer = [
            f"`{one.network}` ({one.errors}, reported {one.reported})" for one in apart if one.errors < one.reported
        ]
        more = [
            f"`{one.network}` ({one.errors}, reported {one.reported})" for one in apart if one.errors >= one.reported
        ]
        parts = [f"{word} errors for {listed(names)}" for word, names in (("fewer", fewer), ("more", more)) if names]
        count = f"{len(apart)} of {len(beside)} tested"
        sentence = f"Networks told apart from the figure that was reported: {count}. Ours makes {'; '.join(parts)}."
    return Verdict("beside_reported", len(apart), sentence, facts)


def steps_of_network(network: str, ladder: Sequence[StepTaken], p_values: Mapping[tuple[str, int], float]) -> Verdict:
    """Return which steps of a published network's training are told apart from the one before; the value is how many.

    `ladder`: of scores.steps_taken; `p_values`: of scores.adjusted, by Holm's method over all networks. A step is told
    apart where its own is below 0.05: then 5% bounds the chance of one false claim among all of them.
    """
    compared = [taken for taken in ladder if (network, taken.step) in p_values]
    untested = [taken for taken in ladder if taken.step and taken not in compared]
    apart = [taken for taken in compared if p_values[network, taken.step] < FAMILY_LEVEL]
    facts = {
        "network": network,
        "compared": [taken.step for taken in compared],
        "untested": [taken.step for taken in untested],
        "told_apart": [taken.step for taken in apart],
        "p_values": [p_values[network, taken.step] for taken in compared],
        "seeds": min((len(taken.seeds) for taken in compared), default=0),
    }
    if not compared:
        sentence = f"`{network}`: no step has three seeds yet that the step before it has, too, so none is tested."
    elif not apart:
        sentence = f"No step of `{network}` is told apart from the one before, of {len(compared)} tested."
    else:
        steps = listed([f"{scores.STEP_TITLES[taken.step]} {points_of(taken)}" for taken in apart])
        count = f"{len(apart)} of {len(compared)} tested"
        sentence = f"Steps of `{network}` told apart from the one before: {count} ({steps})."
    if compared and untested:
        steps = listed([scores.STEP_TITLES[taken.step] for taken in untested])
        sentence += f" Not tested, for want of a third seed: {steps}."
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
    tested = {step: sum(other == step for _, other in p_values) for step in sorted({step for _, step in p_values})}
    counts = {step: sum(other == step for _, other in apart) for step in tested}
    by_step = {scores.STEP_NAMES[step]: count for step, count in counts.items()}
    facts = {"compared": len(p_values), "told_apart": len(apart), "by_step": by_step, "missing": len(missing)}
    words = listed([f"{scores.STEP_TITLES[step]} {counts[step]} of {tested[step]}" for step in tested])
    untested = [title for step, title in enumerate(scores.STEP_TITLES) if step and step not in tested]
    facts |= {"untested": untested}
    if not p_values:
        sentence = "No step can be tested yet: `make bench-steps` trains them, with several seeds."
    else:
        count = f"{len(apart)} of {len(p_values)} tested"
        sentence = f"Steps told apart from the one before: {count} ({words})."
    if p_values and untested:
        sentence = f"{sentence.removesuffix(').')}; not tested with any network: {listed(untested)})."
    if p_values and missing:
        sentence += f" Missing from the file: {counted(len(missing), 'step')}."
    return Verdict("steps_of_all", len(apart), sentence, facts)


def averages(ladders: Mapping[str, Sequence[StepTaken]], p_values: Mapping[tuple[str, int], float]) -> Verdict:
    """Return for how many networks the average is told apart from its members; the value is that number.

    The arguments and the test are those of `steps_of_network`.
    """
    tested = [network for network in ladders if (network, scores.AVERAGING) in p_values]
    apart = [network for network in tested if p_values[network, scores.AVERAGING] < FAMILY_LEVEL]
    facts = {"compared": tested, "told_apart": apart}
    if not tested:
        sentence = "No network has an average yet that could be tested: `make bench-steps` makes them."
    elif not apart:
        sentence = f"No average is told apart from its members, of {len(tested)} tested."
    else:
        names = listed([f"`{name}`" for name in apart])
        sentence = f"Averages told apart from their members: {len(apart)} of {len(tested)} tested ({names})."
    return Verdict("averages", len(apart), sentence, facts)


def off_the_line(kind: str, amounts: ArrayLike, seconds: ArrayLike) -> Verdict:
    """Return how far times lie off a straight line through them; the value is the largest share of the line's value.

    `kind`: what the amounts count, such as "images". Few dots of a machine's noise: no test, and no more is said than
    how far off they are.
    """
    x, y = np.asarray(amounts, dtype=float), np.asarray(seconds, dtype=float)
    if len(x) < 3:
        return Verdict("off_the_line", None, f"By {kind}, too few times were taken to draw a line.", {"times": len(x)})
    off = float(np.abs(y / np.polyval(np.polyfit(x, y, 1), x) - 1).max())
    facts = {"times": len(x), "off": off}
    return Verdict("off_the_line", off, f"By {kind}, no time is further than {off:.0%} off its straight line.", facts)


def times_less(ratios: Mapping[str, Sequence[float]]) -> Verdict:
    """Return in how many comparisons ours takes less time in every round; the value is that number.

    `ratios`: {what: (lowest, highest) over the rounds}, how many times less time ours takes. Five rounds that all point
    one way come about by chance in 1 of 16 cases; that is not tested further.
    """
    faster = [what for what, (low, _) in ratios.items() if low > 1]
    slower = [what for what, (_, high) in ratios.items() if high < 1]
    facts = {"compared": len(ratios), "faster": len(faster), "slower": len(slower)}
    if not ratios:
        sentence = "Nothing was timed like with like yet: `make bench-speed` does."
    else:
        comparisons = f"{len(faster)} of {counted(len(ratios), 'comparison')}"
        never = "none" if not slower else f"{len(slower)}"
        sentence = f"Ours was faster in every round in {comparisons}, and slower in every round in {never}."
    return Verdict("times_less", len(faster), sentence, facts)
