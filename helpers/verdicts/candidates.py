"""What may be said of small networks that were tried side by side (02_prototyping)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import evaluation
from .significance import mcnemar, pairs_among, smallest_difference
from .verdict import LEVEL, Verdict, counted, p_is

MEMORISED = 0.01  # a loss, in nats: below it, right answers have a probability of 99% or more, on geometric average


def memorised(losses: ArrayLike, images: int) -> Verdict:
    """Return whether a network has memorised one batch of so many `images`; `losses` (steps,) in nats.

    The value is the loss of the last step; below MEMORISED the batch counts as memorised.
    """
    values = np.asarray(losses, dtype=float)
    last = float(values[-1])
    facts = {"images": images, "steps": len(values), "first_loss": float(values[0]), "last_loss": last}
    steps = counted(len(values), "step")
    fell = f"the loss on its {counted(images, 'image')} went from {values[0]:.2f} to {last:.2g} in {steps}"
    if last < MEMORISED:
        sentence = f"The batch was memorised: {fell}, below the mark of {MEMORISED:g}."
    else:
        sentence = f"The batch was **not** memorised: {fell}, not below the mark of {MEMORISED:g}."
    return Verdict("memorised", last, sentence, facts)


def recipe_rate(network: str, suggested: float, recipe: str, learning_rate: float) -> Verdict:
    """Return how the learning rate of a recipe compares with what the range test suggests for its network.

    The value is the recipe's rate divided by the `suggested` one. Both are rough: a factor of up to three, either way,
    counts as agreement.
    """
    ratio = learning_rate / suggested
    facts = {"network": network, "suggested": suggested, "recipe": recipe, "learning_rate": learning_rate}
    compared = f"for `{network}` the former suggests {suggested:.2g}, and `{recipe}` has {learning_rate:g}"
    if 1 / 3 <= ratio <= 3:
        sentence = f"The range test and the recipe agree within a factor of three: {compared}."
    else:
        sentence = f"The range test and the recipe differ by more than a factor of three: {compared}."
    return Verdict("recipe_rate", ratio, sentence, facts)


def first_of(correct: Mapping[str, np.ndarray], parameters: Mapping[str, int]) -> str:
    """Return who classifies most images correctly, of several the one with the fewest parameters."""
    return min(correct, key=lambda name: (-int(correct[name].sum()), parameters[name]))


def against_first(
    correct: Mapping[str, np.ndarray], parameters: Mapping[str, int]
) -> dict[str, tuple[int, int, float]]:
    """Return {candidate: (only the first correct, only this one correct, p)} for all but the first.

    The first was chosen by its answers to these same images, so that every p-value of `mcnemar` is multiplied by the
    number of all pairs of candidates, and is 1 at most (Bonferroni).
    """
    first = first_of(correct, parameters)
    pairs = pairs_among(len(correct))
    rows = {}
    for name, answers in correct.items():
        if name != first:
            only_first, only_this, p_value = mcnemar(correct[first], answers)
            rows[name] = (only_first, only_this, min(1.0, pairs * p_value))
    return rows


def shortlist(correct: Mapping[str, np.ndarray], parameters: Mapping[str, int]) -> Verdict:
    """Return which candidates the first one is not told apart from, by `against_first` at LEVEL.

    `correct` is {candidate: bool (n,)} for the same validation images. The value is the one on the shortlist that has
    the fewest parameters; the facts hold the list and the p-values.
    """
    first = first_of(correct, parameters)
    p_values = {name: row[2] for name, row in against_first(correct, parameters).items()}
    listed = [name for name in correct if name == first or p_values[name] >= LEVEL]
    smallest = min(listed, key=lambda name: parameters[name])
    facts = {
        "images": len(correct[first]),
        "first": first,
        "shortlist": listed,
        "p_values": p_values,
        "correct": {name: int(answers.sum()) for name, answers in correct.items()},
    }
    names = ", ".join(f"`{name}`" for name in listed if name != first)
    if len(listed) == 1:
        sentence = f"`{first}` is told apart from every other candidate, and stands alone on the shortlist."
    elif len(listed) == len(correct):
        sentence = (
            f"No candidate is told apart from `{first}`, so that all {len(listed)} stay on the shortlist. "
            f"`{smallest}` has the fewest parameters of them."
        )
    else:
        sentence = (
            f"No candidate classifies more images correctly than `{first}`; not told apart from it: {names}. "
            f"Of this shortlist `{smallest}` has the fewest parameters."
        )
    return Verdict("shortlist", smallest, sentence, facts)


def detectable_difference(one: ArrayLike, other: ArrayLike, candidates: int) -> Verdict:
    """Return which difference in accuracy the validation images could have shown between two of so many candidates.

    `one` and `other` are bool (n,), their disagreement stands for that of two candidates. The value is the difference
    as a share that is found in four of five such comparisons (LARGE_POWER), or None where even two networks that differ
    on every image are not told apart.
    """
    only_one, only_other, _ = mcnemar(one, other)
    images = len(np.asarray(one))
    comparisons = pairs_among(candidates)
    found = smallest_difference(images, (only_one + only_other) / images, comparisons)
    facts = {"images": images, "disagree": only_one + only_other, "comparisons": comparisons}
    shown = counted(images, "validation image")
    if found is None:
        sentence = f"With {shown} nothing can be decided: no difference is large enough for the test to find it."
    else:
        sentence = (
            f"With {shown} the test finds a difference of {100 * found:.1f} percentage points in "
            "four of five such comparisons. A smaller one would often have gone unnoticed."
        )
    return Verdict("detectable_difference", found, sentence, facts)


def recipe_network(network: str, recipe: str, shortlisted: Sequence[str], smallest: str) -> Verdict:
    """Return whether the network of the default recipe is on the shortlist, and whether it is the smallest there.

    The value is "smallest", "listed" or "not listed".
    """
    facts = {"network": network, "recipe": recipe, "shortlist": list(shortlisted), "smallest": smallest}
    trains = f"For such images the default recipe is `{recipe}`, which trains `{network}`"
    if network == smallest:
        value = "smallest"
        sentence = f"{trains}: the same as the short comparison suggests."
    elif network in shortlisted:
        value = "listed"
        sentence = f"{trains}: it is on the shortlist, where `{smallest}` has fewer parameters."
    else:
        value = "not listed"
        sentence = f"{trains}: it is **not** on the shortlist of these short trainings."
    return Verdict("recipe_network", value, sentence, facts)


def better_than_baselines(
    correct: ArrayLike, baselines: Mapping[str, ArrayLike], name: str, candidates: int = 1
) -> Verdict:
    """Return how many baselines a network is more accurate than, on the same validation images.

    `correct` is bool (n,), and so is each of the `baselines`, {name: whether it classified each image correctly}. The
    network was picked from so many `candidates` by these images. McNemar's exact test (1947) for each baseline, with
    Holm's correction (1979) for all pairs of a candidate and a baseline. The value is the count of those beaten.
    """
    rows = {baseline: mcnemar(correct, answers) for baseline, answers in baselines.items()}
    adjusted = evaluation.holm([p_value for _, _, p_value in rows.values()], candidates * len(rows))
    p_values = dict(zip(rows, adjusted, strict=True))
    told = [baseline for baseline in rows if p_values[baseline] < LEVEL]
    beaten = [baseline for baseline in told if rows[baseline][0] > rows[baseline][1]]
    better = [baseline for baseline in told if baseline not in beaten]
    share = {baseline: np.asarray(answers, dtype=bool).mean() for baseline, answers in baselines.items()}
    facts = {
        "name": name,
        "images": len(np.asarray(correct)),
        "candidates": candidates,
        "discordant": {baseline: [only, other] for baseline, (only, other, _) in rows.items()},
        "p_values": p_values,
    }
    own = f"`{name}` ({np.asarray(correct, dtype=bool).mean():.1%})"
    test = "(McNemar's test, Holm's correction)"
    if len(beaten) == len(rows):
        sentence = f"{own} is more accurate than every baseline, by more than sampling error {test}."
    elif better:
        names = ", ".join(f"{baseline} ({share[baseline]:.1%})" for baseline in better)
        sentence = f"More accurate than {own}, by more than sampling error: {names} {test}."
    else:
        names = ", ".join(f"{baseline} ({share[baseline]:.1%})" for baseline in rows if baseline not in told)
        sentence = f"Not told apart from {own}: {names} {test}."
    return Verdict("better_than_baselines", len(beaten), sentence, facts)


def remedy(before: ArrayLike, after: ArrayLike, what: str) -> Verdict:
    """Return whether the validation error changed with a training (`what`, as in "4,000 images in place of 100").

    `before` and `after` are bool (n,): whether each validation image was classified correctly. The value is the p of
    `mcnemar`, which allows for the choice of images: each network was trained only once.
    """
    only_before, only_after, p_value = mcnemar(before, after)
    first = np.asarray(before, dtype=bool)
    errors = int((~first).sum())
    left = errors + only_before - only_after
    facts = {"what": what, "images": len(first), "errors_before": errors, "errors_after": left}
    facts |= {"only_before": only_before, "only_after": only_after}
    went = f"from {errors / len(first):.1%} to {left / len(first):.1%}"
    tested = f"(McNemar's test, {p_is(p_value)}; one training each)"
    if only_before == only_after:
        sentence = f"The validation error is {errors / len(first):.1%}, with {what} as before {tested}."
    elif p_value >= LEVEL:
        sentence = f"The validation error went {went} with {what}, which sampling error could explain {tested}."
    elif only_after > only_before:
        sentence = f"The validation error fell {went} with {what}, by more than sampling error explains {tested}."
    else:
        sentence = f"The validation error rose {went} with {what}, by more than sampling error explains {tested}."
    return Verdict("remedy", p_value, sentence, facts)
