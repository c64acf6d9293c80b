"""The verdicts of 02_prototyping, computed again from the files of a run: {name: function(run, shown)}."""

import json
import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, hypergeom

LEVEL = 0.01
POWER = 0.8


def read(run):
    """Return what 02_prototyping left."""
    return json.loads((run / "prototyping.json").read_text(encoding="utf-8"))


def bits(text):
    """Return ones and zeros as bool (n,)."""
    return np.array([letter == "1" for letter in text])


def sign_test(one, other):
    """Return (only the one is right, only the other is, p of a fair coin, both sides)."""
    only_one = int(np.sum(one > other))
    only_other = int(np.sum(other > one))
    tosses = only_one + only_other
    ways = sum(math.comb(tosses, heads) for heads in range(min(only_one, only_other) + 1))
    return only_one, only_other, min(1.0, 2 * ways / 2**tosses)


def networks(written):
    """Return {candidate: bool (n,)}, {candidate: its parameters}."""
    names = [row["network"] for row in written["candidates"]]
    parameters = {row["network"]: row["parameters"] for row in written["candidates"]}
    return {name: bits(written["validation_correct"][name]) for name in names}, parameters


def memorised(run, shown):
    """The last loss on the one batch."""
    batch = read(run)["one_batch"]
    losses = batch["losses"]
    assert shown["facts"] == {
        "images": batch["images"],
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }
    return losses[-1], "The batch was memorised" if losses[-1] < LEVEL else "**not** memorised"


def overfitting(run, shown):
    """Fisher's exact test, by the hypergeometric distribution: all splits that are no more likely than this one."""
    few = read(run)["few_images"]
    train, validation = bits(few["trained_on"]), bits(few["validation"])
    counts = [len(train), int((~train).sum()), len(validation), int((~validation).sum())]
    names = ("train_images", "train_errors", "validation_images", "validation_errors")
    assert shown["facts"] == dict(zip(names, counts, strict=True))
    errors = counts[1] + counts[3]
    chances = hypergeom.pmf(np.arange(errors + 1), counts[0] + counts[2], errors, counts[0])
    p_value = float(chances[chances <= chances[counts[1]] * (1 + 1e-7)].sum())
    if p_value >= LEVEL:
        return p_value, "sampling error"
    return p_value, "classified better" if train.mean() > validation.mean() else "classified worse"


def remedy(run, shown):
    """What the validation images say before and after it."""
    few = read(run)["few_images"]
    before, after = bits(few["validation"]), bits(few["validation_after_remedy"])
    only_before, only_after, p_value = sign_test(before, after)
    facts = shown["facts"]
    assert (facts["only_before"], facts["only_after"]) == (only_before, only_after)
    assert (facts["errors_before"], facts["errors_after"]) == (int((~before).sum()), int((~after).sum()))
    if only_before == only_after:
        return p_value, f"is {(~before).mean():.1%}, with"
    if p_value >= LEVEL:
        return p_value, "sampling error could explain"
    return p_value, "The validation error fell" if only_after > only_before else "The validation error rose"


def recipe_rate(run, shown):
    """A tenth of the rate at which the curve of the recipe's network is lowest."""
    written = read(run)
    recipe = written["recipe"]
    losses = written["range_test"]["losses"][recipe["network"]]
    suggested = float(f"{written['range_test']['rates'][losses.index(min(losses))] / 10:.2g}")
    facts = {"network": recipe["network"], "suggested": suggested, "recipe": recipe["name"]}
    assert shown["facts"] == facts | {"learning_rate": recipe["learning_rate"]}
    ratio = recipe["learning_rate"] / suggested
    return ratio, "agree within a factor" if max(ratio, 1 / ratio) <= 3 else "more than a factor of three"


def rank(written):
    """Return (the first, {candidate: its p against it}, the shortlist, the smallest of it)."""
    correct, parameters = networks(written)
    first = sorted(correct, key=lambda name: (-correct[name].sum(), parameters[name]))[0]
    pairs = math.comb(len(correct), 2)
    p_values = {
        name: min(1.0, pairs * sign_test(correct[first], right)[2]) for name, right in correct.items() if name != first
    }
    listed = [name for name in correct if p_values.get(name, 1.0) >= LEVEL]
    return first, p_values, listed, sorted(listed, key=parameters.get)[0]


def shortlist(run, shown):
    """Every candidate against the first."""
    written = read(run)
    correct, _ = networks(written)
    first, p_values, listed, smallest = rank(written)
    facts = shown["facts"]
    assert (facts["first"], facts["shortlist"], facts["images"]) == (first, listed, written["validation_images"])
    assert facts["correct"] == {name: int(right.sum()) for name, right in correct.items()}
    assert np.allclose([facts["p_values"][name] for name in p_values], list(p_values.values()))
    assert written["shortlist"] == listed and written["fewest_parameters"] == smallest
    if len(listed) == 1:
        return smallest, "stands alone on the shortlist"
    return smallest, f"`{smallest}` has the fewest parameters"


def power(images, disagreement, difference, comparisons):
    """Return how often the test finds a difference: over every number of images on which two networks disagree."""
    found = 0.0
    often = binom.pmf(np.arange(images + 1), images, disagreement)
    for tosses in np.flatnonzero(often > 1e-14):
        most = binom.ppf(LEVEL / comparisons / 2, tosses, 0.5) - 1  # so few for the other are told apart
        found += often[tosses] * binom.cdf(most, tosses, (1 - difference / disagreement) / 2)
    return float(found)


def detectable_difference(run, shown):
    """The difference at which the power is four fifths."""
    written = read(run)
    correct, _ = networks(written)
    first, *_ = rank(written)
    others = [name for name in correct if name != first]
    second = max(others, key=lambda name: correct[name].sum())
    disagree = sum(sign_test(correct[first], correct[second])[:2])
    images, comparisons = len(correct[first]), math.comb(len(correct), 2)
    assert shown["facts"] == {"images": images, "disagree": disagree, "comparisons": comparisons}
    if power(images, 1.0, 1.0, comparisons) < POWER:
        return None, "nothing can be decided"

    def lacking(difference):
        return power(images, max(disagree / images, difference), difference, comparisons) - POWER

    found = brentq(lacking, 1e-4, 1.0, xtol=1e-10)
    return found, f"{100 * shown['value']:.1f} percentage points"


def recipe_network(run, shown):
    """Where the recipe's network is on the shortlist."""
    written = read(run)
    network = written["recipe"]["network"]
    _, _, listed, smallest = rank(written)
    facts = {"network": network, "recipe": written["recipe"]["name"], "shortlist": listed, "smallest": smallest}
    assert shown["facts"] == facts
    if network == smallest:
        return "smallest", "the same as the short comparison suggests"
    return ("listed", "it is on the shortlist") if network in listed else ("not listed", "**not** on the shortlist")


def better_than_baselines(run, shown):
    """The first against every baseline, by Holm's step-down procedure over all pairs of a candidate and a baseline."""
    written = read(run)
    correct, _ = networks(written)
    first, *_ = rank(written)
    baselines = {name: bits(written["validation_correct"][name]) for name in written["baselines"]}
    rows = {name: sign_test(correct[first], right) for name, right in baselines.items()}
    told, pairs = [], len(baselines) * len(correct)
    for place, name in enumerate(sorted(rows, key=lambda name: rows[name][2])):
        if (pairs - place) * rows[name][2] >= LEVEL:
            break
        told.append(name)
    facts = shown["facts"]
    assert (facts["name"], facts["candidates"], facts["images"]) == (first, len(correct), len(correct[first]))
    assert facts["discordant"] == {name: list(row[:2]) for name, row in rows.items()}
    assert {name for name, p_value in facts["p_values"].items() if p_value < LEVEL} == set(told)
    beaten = [name for name in told if rows[name][0] > rows[name][1]]
    if len(beaten) == len(rows):
        return len(beaten), f"`{first}` ({correct[first].mean():.1%}) is more accurate than every baseline"
    open_ones = [name for name in rows if name not in told]
    if len(beaten) < len(told):
        return len(beaten), "More accurate than"
    return len(beaten), ", ".join(f"{name} ({baselines[name].mean():.1%})" for name in open_ones)


RECOMPUTE = {
    function.__name__: function
    for function in (
        memorised,
        overfitting,
        remedy,
        recipe_rate,
        shortlist,
        detectable_difference,
        recipe_network,
        better_than_baselines,
    )
}
