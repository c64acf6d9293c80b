"""What may be said of figures: each function holds a claim against chance, and returns a Verdict: a value, a sentence.

A notebook shows a Verdict and reads it in Markdown that holds for any outcome. No sentence is chosen anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import evaluation, scores
from .evaluation import Predictions, holm
from .scores import Pairs, StepTaken

FORMAT = "application/vnd.literate-mnist.verdict+json"  # in a notebook's output, for whoever computes it again
LEVEL = 0.01  # below it, a p-value counts as more than chance: a report makes many such comparisons
FAMILY_LEVEL = 0.05  # of p-values that are adjusted for all comparisons of a page


@dataclass(frozen=True)
class Verdict:
    """What may be said of some figures, in at most two sentences, and what it rests on.

    `name` is that of the function that gave it. `value` is what was found: a p-value, a count, a name, or None where
    too little is known. `facts` are the figures that went in, plain numbers and text.
    """

    name: str
    value: float | int | str | None
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: the sentence; and all of it, for whoever computes it again."""
        fields = {"name": self.name, "value": self.value, "sentence": self.sentence, "facts": self.facts}
        return {"text/markdown": self.sentence, "text/plain": self.sentence, FORMAT: fields}


# Of training and validation


def overfitting(train_correct: ArrayLike, validation_correct: ArrayLike) -> Verdict:
    """Return whether training images are classified better than validation images by more than sampling error.

    The arguments are bool (n,): whether each image was classified correctly, by the final weights, in evaluation mode
    and without augmentation. Fisher's exact test (1922), two-sided, on the two counts of errors; the value is its p.
    """
    from scipy.stats import fisher_exact  # a fifth of a second that no photograph should wait for

    train = np.asarray(train_correct, dtype=bool)
    validation = np.asarray(validation_correct, dtype=bool)
    facts = {
        "train_images": len(train),
        "train_errors": int((~train).sum()),
        "validation_images": len(validation),
        "validation_errors": int((~validation).sum()),
    }
    counts = [[(~part).sum(), part.sum()] for part in (train, validation)]
    p_value = float(fisher_exact(counts).pvalue)
    gap = f"(Fisher's exact test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"Training and validation differ by no more than sampling error {gap}."
    elif train.mean() > validation.mean():
        sentence = f"The training images are classified better than the validation images {gap}: the network overfits."
    else:
        sentence = f"The training images are classified worse than the validation images {gap}."
    return Verdict("overfitting", p_value, sentence, facts)


def against_baselines(network_correct: ArrayLike, baselines_correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return whether a network classifies the same images better than the best of some baselines.

    The arguments are bool (n,), those of the baselines by their names. McNemar's exact test (1947), two-sided, on the
    images that only one of the two classifies correctly; the value is its p. The best is the one that classifies most
    of these images correctly, the first of several: to have been picked so can only help it.
    """
    from scipy.stats import binomtest

    network = np.asarray(network_correct, dtype=bool)
    baselines = {name: np.asarray(correct, dtype=bool) for name, correct in baselines_correct.items()}
    best = max(baselines, key=lambda name: baselines[name].sum())
    ahead, behind = int((network & ~baselines[best]).sum()), int((baselines[best] & ~network).sum())
    p_value = float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    facts = {"baseline": best, "images": len(network), "only_network": ahead, "only_baseline": behind}
    test = f"(McNemar's exact test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The network and the best baseline, {best}, differ by no more than sampling error {test}."
    elif ahead > behind:
        sentence = f"The network is more accurate than the best baseline, {best} {test}."
    else:
        sentence = f"The network is less accurate than the best baseline, {best} {test}."
    return Verdict("against_baselines", p_value, sentence, facts)


def weakest_classes(predicted: ArrayLike, labels: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return which classes are misclassified more often than the others by more than sampling error.

    `predicted` and `labels` are int (n,), places in `names`. Fisher's exact test (1922), two-sided, of each class that
    has images against all others together, adjusted by Holm (1979); the value is how many classes it finds.
    """
    from scipy.stats import fisher_exact

    images = np.bincount(labels, minlength=len(names))
    wrong = np.asarray(predicted) != np.asarray(labels)
    errors = np.bincount(labels, weights=wrong, minlength=len(names)).astype(int)
    correct = images - errors
    tested = [label for label in range(len(names)) if 0 < images[label] < images.sum()]
    tables = [
        [[errors[one], correct[one]], [errors.sum() - errors[one], correct.sum() - correct[one]]] for one in tested
    ]
    p_values = holm([float(fisher_exact(table).pvalue) for table in tables])
    shares = errors / np.maximum(images, 1)
    found = [
        names[one]
        for one, p_value in zip(tested, p_values, strict=True)
        if p_value < LEVEL and shares[one] > errors.sum() / images.sum()
    ]
    facts = {"names": list(names), "images": images.tolist(), "errors": errors.tolist(), "found": found}
    test = "(Fisher's exact test for each class, adjusted by Holm)"
    if not found:
        sentence = f"No class is misclassified more often than the others by more than sampling error {test}."
    else:
        sentence = f"Misclassified more often than the others by more than sampling error: {', '.join(found)} {test}."
    return Verdict("weakest_classes", len(found), sentence, facts)


# Of a dataset (01_eda)


def class_shares(train_counts: ArrayLike, test_counts: ArrayLike) -> Verdict:
    """Return whether train and test hold the classes in the same shares, within sampling error.

    Images of each class, int (classes,). Pearson's chi-square test of homogeneity (1900); the value is its p, or None
    where a class is expected to have fewer than five images in a part (Cochran 1954), too few for that test.
    """
    from scipy.stats import chi2_contingency  # slow to import

    table = np.stack([np.asarray(train_counts), np.asarray(test_counts)]).astype(int)
    facts = {"train": table[0].tolist(), "test": table[1].tolist()}
    result = chi2_contingency(table, correction=False)
    if result.expected_freq.min() < 5:
        sentence = "A class has too few images to test whether train and test hold the classes in the same shares."
        return Verdict("class_shares", None, sentence, facts)
    p_value = float(result.pvalue)
    shares = f"(chi-square test, p = {in_figures(p_value)})"
    if p_value < LEVEL:
        sentence = f"Train and test hold the classes in shares that differ by more than sampling error {shares}."
    else:
        sentence = f"The shares of the classes in train and test differ by no more than sampling error {shares}."
    return Verdict("class_shares", p_value, sentence, facts)


def odd_images(is_far: ArrayLike, is_nearer_to_another: ArrayLike) -> Verdict:
    """Return whether images far from the mean of their class are nearer to another class's mean more often than others.

    Bool (n,) both: whether an image is among the farthest, and whether the mean of another class is nearer than that of
    its own. Fisher's exact test (1922), two-sided; the value is its p, or None for fewer than 20 far images.
    """
    from scipy.stats import fisher_exact  # slow to import

    far = np.asarray(is_far, dtype=bool)
    strayed = np.asarray(is_nearer_to_another, dtype=bool)
    facts = {
        "far": int(far.sum()),
        "far_and_nearer_to_another": int(strayed[far].sum()),
        "others": int((~far).sum()),
        "others_nearer_to_another": int(strayed[~far].sum()),
    }
    if far.sum() < 20:
        sentence = f"The farthest images are too few to be compared with the others: {far.sum()}."
        return Verdict("odd_images", None, sentence, facts)
    p_value = float(fisher_exact([[strayed[part].sum(), (~strayed[part]).sum()] for part in (far, ~far)]).pvalue)
    shares = f"{strayed[far].mean():.1%} of the far images and {strayed[~far].mean():.1%} of the others"
    sentence = f"The mean of another class is nearer for {shares}"
    if p_value < LEVEL:
        sentence += f": more than sampling error explains (Fisher's exact test, p = {in_figures(p_value)})."
    else:
        sentence += f": no more than sampling error (Fisher's exact test, p = {in_figures(p_value)})."
    return Verdict("odd_images", p_value, sentence, facts)


TOLD_APART = 0.1  # the error of a rule for two classes, below which they count as told apart


def close_classes(means_overlap: ArrayLike, errors: ArrayLike, images: ArrayLike) -> Verdict:
    """Return how many pairs of classes with means close to each other a rule for two classes tells apart nonetheless.

    For each pair: `means_overlap`, bool, whether the means are closer than the smaller spread of the two classes;
    `errors` of so many `images` that the rule was not fitted to. A pair counts as told apart where Wilson's 95%
    interval (1927) of its error ends below TOLD_APART. The value is that count, or None without such a pair.
    """
    from .evaluation import wilson

    overlap = np.asarray(means_overlap, dtype=bool)
    counts = list(zip(np.asarray(errors)[overlap].tolist(), np.asarray(images)[overlap].tolist(), strict=True))
    facts = {"pairs": len(overlap), "close_pairs": len(counts), "errors_and_images": [list(pair) for pair in counts]}
    if not counts:
        sentence = "No two of the compared classes have means that are closer to each other than either's spread."
        return Verdict("close_classes", None, sentence, facts)
    apart = sum(wilson(*pair)[1] < TOLD_APART for pair in counts)
    sentence = (
        f"Pairs of classes whose means are closer than the smaller of their spreads: {len(counts)} of {len(overlap)}. "
        f"A plane tells the classes apart in {apart} of these pairs: the 95% interval of its error ends below "
        f"{TOLD_APART:.0%}."
    )
    return Verdict("close_classes", apart, sentence, facts)


def copies_in_test(leaked: int, test_images: int) -> Verdict:
    """Return how many test images have a copy, exact or nearly, outside test; the value is that count."""
    facts = {"leaked": int(leaked), "test_images": int(test_images)}
    if leaked == 0:
        sentence = f"None of {counted(test_images, 'test image')} has a copy outside test, exact or nearly."
    else:
        sentence = f"Test images with a copy outside test, exact or nearly: {leaked:,} of {test_images:,}."
    return Verdict("copies_in_test", int(leaked), sentence, facts)


def neighbours_on_maps(in_pixels: ArrayLike, on_maps: Mapping[str, ArrayLike]) -> Verdict:
    """Return on how many flat maps more images lie next to another class than among the pixels themselves.

    Bool (n,) each, of the same images: whether the nearest other image is of another class, by distance between pixels,
    and on each map, {its name: ...}. McNemar's exact test (1947), one-sided, with Holm's correction (1979) over the
    maps; the value is the count of maps below LEVEL.
    """
    pixels = np.asarray(in_pixels, dtype=bool)
    discordant = {name: count_discordant(on_map, pixels) for name, on_map in on_maps.items()}
    p_values = hold_steps(list(discordant.values()))
    worse = [name for name, p_value in zip(discordant, p_values, strict=True) if p_value < LEVEL]
    facts = {"images": len(pixels), "differ_in_pixels": int(pixels.sum()), "discordant": discordant}
    test = "by more than sampling error (McNemar's exact test)"
    if worse:
        maps = " and the ".join(worse)
        sentence = f"On the {maps} map, more images lie next to another class than in the space of pixels, {test}."
    else:
        sentence = f"On no map do more images lie next to another class than in the space of pixels {test}."
    return Verdict("neighbours_on_maps", len(worse), sentence, facts)


def ladder_of_rules(correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return how many rules of a ladder are right more often than the one below, by more than sampling error.

    `correct` is {rule: bool (n,)}, the lowest rung first: whether each of the same images was classified correctly.
    McNemar's exact test (1947), one-sided, for each step up, with Holm's correction (1979); the value is the count of
    steps below LEVEL.
    """
    rules = list(correct)
    steps = list(pairwise(rules))
    discordant = [count_discordant(correct[upper], correct[lower]) for lower, upper in steps]
    p_values = hold_steps(discordant)
    held = [upper for (_, upper), p_value in zip(steps, p_values, strict=True) if p_value < LEVEL]
    facts: dict[str, Any] = {"right": {rule: int(np.asarray(correct[rule]).sum()) for rule in rules}}
    facts |= {"discordant": discordant, "images": len(np.asarray(correct[rules[0]]))}
    test = "by more than sampling error (McNemar's exact test)"
    if len(held) == len(steps):
        sentence = f"Every rule is right more often than the one above it in the table, {test}."
    elif held:
        sentence = (
            f"Right more often than the one above it in the table, {test}: {', '.join(held)}. The others are not."
        )
    else:
        sentence = f"No rule is right more often than the one above it in the table {test}."
    return Verdict("ladder_of_rules", len(held), sentence, facts)


def count_discordant(one: ArrayLike, other: ArrayLike) -> list[int]:
    """Return [how often `one` holds and `other` does not, how often it is the other way round]; bool (n,) both."""
    one = np.asarray(one, dtype=bool)
    other = np.asarray(other, dtype=bool)
    return [int((one & ~other).sum()), int((other & ~one).sum())]


def hold_steps(discordant: Sequence[Sequence[int]]) -> list[float]:
    """Return Holm's p-values of McNemar's exact tests, one-sided: whether the first count of each pair is larger."""
    from scipy.stats import binomtest  # slow to import

    from .evaluation import holm

    pairs = [(more, more + less) for more, less in discordant]
    return holm([binomtest(more, both, alternative="greater").pvalue if both else 1.0 for more, both in pairs])


# Of candidates (02_prototyping)

MEMORISED = 0.01  # nats: below it, right answers have a probability of 99% or more, on geometric average
LARGE_POWER = 0.8  # how often a difference shall be found that is called large enough to be found


def memorised(losses: ArrayLike, images: int) -> Verdict:
    """Return whether a network has memorised one batch of so many `images`; `losses` (steps,) in nats.

    The value is the loss of the last step; below MEMORISED the batch counts as memorised.
    """
    values = np.asarray(losses, dtype=float)
    last = float(values[-1])
    facts = {"images": images, "steps": len(values), "first_loss": float(values[0]), "last_loss": last}
    fell = f"the loss on its {images} images went from {values[0]:.2f} to {last:.2g} in {len(values)} steps"
    if last < MEMORISED:
        sentence = f"The batch was memorised: {fell}, and {MEMORISED:g} was the mark."
    else:
        sentence = f"The batch was **not** memorised: {fell}, and {MEMORISED:g} was the mark."
    return Verdict("memorised", last, sentence, facts)


def recipe_rate(network: str, suggested: float, recipe: str, learning_rate: float) -> Verdict:
    """Return how the learning rate of a recipe compares with what the range test suggests for its network.

    The value is the recipe's rate divided by the `suggested` one. Both are rough: a factor of up to three, either way,
    counts as agreement.
    """
    ratio = learning_rate / suggested
    facts = {"network": network, "suggested": suggested, "recipe": recipe, "learning_rate": learning_rate}
    compared = f"for `{network}` the test suggests {suggested:.2g}, and the recipe `{recipe}` has {learning_rate:g}"
    if 1 / 3 <= ratio <= 3:
        sentence = f"They agree within a factor of three: {compared}."
    else:
        sentence = f"They differ by more than a factor of three: {compared}."
    return Verdict("recipe_rate", ratio, sentence, facts)


def mcnemar(one: ArrayLike, other: ArrayLike) -> tuple[int, int, float]:
    """Return (images that only `one` classifies correctly, that only `other` does, p); both are bool (n,).

    McNemar's test (1947) in its exact form, two-sided: were both equally good, each would have half of these images.
    """
    from scipy.stats import binomtest

    first = np.asarray(one, dtype=bool)
    second = np.asarray(other, dtype=bool)
    only_one = int((first & ~second).sum())
    only_other = int((second & ~first).sum())
    disagree = only_one + only_other
    p_value = float(binomtest(only_one, disagree).pvalue) if disagree else 1.0
    return only_one, only_other, p_value


def pairs_among(candidates: int) -> int:
    """Return how many pairs so many candidates make, the number of comparisons that a choice among them may rest on."""
    return candidates * (candidates - 1) // 2


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


def power(images: int, disagreement: float, difference: float, comparisons: int = 1) -> float:
    """Return how often `mcnemar` tells two networks apart, by LEVEL, where one really is better by `difference`.

    `disagreement` is the share of images on which exactly one of the two is right, at least the `difference`; each
    p-value is multiplied by the number of `comparisons`. Exact, by the binomial distribution.
    """
    from scipy.stats import binom

    counts = np.arange(1, images + 1)  # of images on which they disagree
    often = binom.pmf(counts, images, disagreement)
    needed = binom.isf(LEVEL / comparisons / 2, counts, 0.5) + 1  # of them, so that the test tells them apart
    won = binom.sf(needed - 1, counts, (1 + difference / disagreement) / 2)
    return float((often * won).sum())


def smallest_difference(images: int, disagreement: float, comparisons: int = 1) -> float | None:
    """Return the smallest difference in accuracy that `images` show with a power of LARGE_POWER; None where none is.

    Where the difference is larger than the `disagreement`, they disagree on that share of images at least.
    """
    low, high = 0.0, 1.0
    if power(images, 1.0, 1.0, comparisons) < LARGE_POWER:
        return None
    while high - low > 1e-9:
        middle = (low + high) / 2
        found = power(images, max(disagreement, middle), middle, comparisons) >= LARGE_POWER
        low, high = (low, middle) if found else (middle, high)
    return high


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
    if found is None:
        sentence = f"{images} validation images decide nothing: no difference is large enough for the test to find it."
    else:
        sentence = (
            f"With {images:,} validation images the test finds a difference of {100 * found:.1f} percentage points in "
            "four of five such comparisons. A smaller one would often have gone unnoticed."
        )
    return Verdict("detectable_difference", found, sentence, facts)


def recipe_network(network: str, recipe: str, listed: Sequence[str], smallest: str) -> Verdict:
    """Return whether the network that a recipe trains is on the shortlist, and whether it is the smallest there.

    The value is "smallest", "listed" or "not listed".
    """
    facts = {"network": network, "recipe": recipe, "shortlist": list(listed), "smallest": smallest}
    trains = f"`03_training` follows the recipe `{recipe}`, which trains `{network}`"
    if network == smallest:
        value = "smallest"
        sentence = f"{trains}: the same as the short comparison suggests."
    elif network in listed:
        value = "listed"
        sentence = f"{trains}: it is on the shortlist, where `{smallest}` has fewer parameters."
    else:
        value = "not listed"
        sentence = f"{trains}: it is **not** on the shortlist of these short trainings."
    return Verdict("recipe_network", value, sentence, facts)


def better_than_baseline(
    correct: ArrayLike, baseline_correct: ArrayLike, name: str, baseline: str, comparisons: int = 1
) -> Verdict:
    """Return whether a network classifies validation images better than a baseline, by `mcnemar`.

    `correct` and `baseline_correct` are bool (n,) for the same images. The value is p, multiplied by the number of
    `comparisons` that the two may have been picked from (Bonferroni), 1 at most.
    """
    only_network, only_baseline, p_value = mcnemar(correct, baseline_correct)
    p_value = min(1.0, comparisons * p_value)
    facts = {
        "name": name,
        "baseline": baseline,
        "images": len(np.asarray(correct)),
        "only_network": only_network,
        "only_baseline": only_baseline,
        "comparisons": comparisons,
    }
    split = f"(right where the other is wrong: {only_network} against {only_baseline}, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"`{name}` is not told apart from the baseline *{baseline}* {split}."
    elif only_network > only_baseline:
        sentence = f"`{name}` is better than the baseline *{baseline}* {split}."
    else:
        sentence = f"`{name}` is worse than the baseline *{baseline}* {split}."
    return Verdict("better_than_baseline", p_value, sentence, facts)


def remedy(before: ArrayLike, after: ArrayLike, what: str) -> Verdict:
    """Return whether a change (`what`, such as "more images") to a training helped, by `mcnemar`; the value is p.

    `before` and `after` are bool (n,): whether each validation image was classified correctly.
    """
    only_before, only_after, p_value = mcnemar(before, after)
    first = np.asarray(before, dtype=bool)
    errors = int((~first).sum())
    left = errors + only_before - only_after
    facts = {"what": what, "images": len(first), "errors_before": errors, "errors_after": left}
    facts |= {"only_before": only_before, "only_after": only_after}
    went = f"from {errors / len(first):.1%} to {left / len(first):.1%}"
    tested = f"(McNemar's test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The validation error went {went} with {what}, which may be sampling error {tested}."
    elif only_after > only_before:
        sentence = f"The remedy helped: the validation error fell {went} with {what} {tested}."
    else:
        sentence = f"The remedy did harm: the validation error rose {went} with {what} {tested}."
    return Verdict("remedy", p_value, sentence, facts)


# Of a training (03_training)


def best_epoch(predicted: ArrayLike, labels: ArrayLike) -> Verdict:
    """Return whether an epoch was better than the last by more than picking the best of several gives by chance.

    `predicted`: int (epochs, n), the class of each validation image after each epoch; `labels`: int (n,). McNemar's
    exact test (1947) on the images that the two epochs disagree on, multiplied by the number of epochs that were picked
    from (Bonferroni); the value is that p, None where there is one epoch. `facts` count epochs from 1.
    """
    wrong = np.asarray(predicted) != np.asarray(labels)
    errors = wrong.sum(axis=1)
    best = int(errors.argmin())
    facts = {"epochs": len(wrong), "best": best + 1, "best_errors": int(errors[best]), "last_errors": int(errors[-1])}
    if len(wrong) == 1:
        return Verdict("best_epoch", None, "There is one epoch, and so none to compare the last one with.", facts)
    p_value = min(1.0, (len(wrong) - 1) * mcnemar(~wrong[best], ~wrong[-1])[2])
    errors_of_both = f"errors on validation: {errors[best]:,}, against {errors[-1]:,} after the last"
    tested = f"(McNemar's exact test, Bonferroni's correction, p = {in_figures(p_value)})"
    if errors[best] == errors[-1]:
        sentence = f"After no epoch were there fewer errors on validation than after the last: {errors[-1]:,}."
    elif p_value >= LEVEL:
        sentence = f"Epoch {best + 1} has fewer {errors_of_both}; picking the best gives as much by chance {tested}."
    else:
        sentence = f"Epoch {best + 1} has fewer {errors_of_both}; that is more than picking gives by chance {tested}."
    return Verdict("best_epoch", p_value, sentence, facts)


def falling_rate(learning_rates: ArrayLike, predicted: ArrayLike, labels: ArrayLike) -> Verdict:
    """Return whether validation images were classified better at the end than when the learning rate was highest.

    `learning_rates`: float (epochs,), the rate as each epoch began; `predicted` and `labels` as in `best_epoch`. The
    epoch that began at the highest rate (the first of several) and the last one are compared by McNemar's exact test
    (1947); the value is its p, None where no later epoch began at a lower rate. `facts` count epochs from 1.
    """
    rates = np.asarray(learning_rates, dtype=float)
    correct = np.asarray(predicted) == np.asarray(labels)
    highest = int(rates.argmax())
    gained = int((correct[-1] & ~correct[highest]).sum())
    lost = int((correct[highest] & ~correct[-1]).sum())
    facts = {"epochs": len(rates), "highest": highest + 1, "gained": gained, "lost": lost}
    if rates[-1] == rates[highest]:
        sentence = "No epoch began at a lower learning rate than an earlier one, and so there is nothing to compare."
        return Verdict("falling_rate", None, sentence, facts)
    p_value = mcnemar(correct[-1], correct[highest])[2]
    counts = f"{gained:,} gained, {lost:,} lost (McNemar's exact test, p = {in_figures(p_value)})"
    since = f"Since epoch {highest + 1}, which began at the highest rate, validation images"
    if p_value >= LEVEL:
        sentence = f"{since} are classified no better and no worse than sampling error allows: {counts}."
    elif gained > lost:
        sentence = f"{since} have come to be classified better: {counts}."
    else:
        sentence = f"{since} have come to be classified worse: {counts}."
    return Verdict("falling_rate", p_value, sentence, facts)


def common_confusion(table: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return whether errors fall on one pair of classes more often than if every wrong class were equally likely.

    `table`: a confusion matrix, int (classes, classes), rows true; `names`: of the classes. For each cell the exact
    binomial test: an error is one of a class by that class's share of the images, and goes to each other class alike.
    The value is the least p of all cells, multiplied by their number (Bonferroni); None where there is no error.
    """
    from scipy.stats import binom  # a fifth of a second that no photograph should wait for

    cells = np.array(table)
    images = cells.sum(axis=1)
    np.fill_diagonal(cells, 0)
    errors = int(cells.sum())
    facts: dict[str, Any] = {"images": int(images.sum()), "errors": errors}
    if errors == 0:
        return Verdict("common_confusion", None, "Every validation image is classified correctly.", facts)
    expected = np.repeat(images[:, None] / images.sum() / (len(cells) - 1), len(cells), axis=1)
    p_values = np.where(cells > 0, binom.sf(cells - 1, errors, expected), 1.0)
    true, predicted = (int(place) for place in np.unravel_index(p_values.argmin(), cells.shape))
    p_value = float(min(1.0, p_values[true, predicted] * len(cells) * (len(cells) - 1)))
    count = int(cells[true, predicted])
    facts |= {"true": names[true], "predicted": names[predicted], "count": count}
    tested = f"(exact binomial test, Bonferroni's correction, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = (
            f"No pair of classes holds more of the errors, {errors:,} in all, than chance may put there {tested}."
        )
    else:
        pair = f"{names[true]} classified as {names[predicted]}"
        sentence = f"One pair stands out, {pair}, with {count:,} of {errors:,} errors: more than chance {tested}."
    return Verdict("common_confusion", p_value, sentence, facts)


# Of results (04_results)

DRAWS = 1000  # of what chance alone would do, where that is simulated


def model(about: Mapping[str, Any], epochs: int, found: bool) -> Verdict:
    """Return which network is evaluated, and where it came from; the value is its name.

    `about` is the content of model.json; `found` is whether it lay in the run's folder. Nothing is tested.
    """
    used = about["recipe"]
    facts = {"network": used["network"], "parameters": about["parameters"], "recipe": used["name"]}
    facts |= {"seed": about["seed"], "epochs": epochs}
    network = f"The network `{used['network']}` ({about['parameters']:,} parameters)"
    trained = f"trained by the recipe `{used['name']}` with seed {about['seed']}"
    if found:
        sentence = f"{network}, {trained}, was found in this run's folder."
    else:
        sentence = f"**No trained model lay in this run's folder.** {network} was {trained} just now."
    return Verdict("model", used["network"], sentence, facts)


def accuracy(correct: ArrayLike, baselines: Mapping[str, ArrayLike]) -> Verdict:
    """Return the share of test images that are classified correctly, and whether that beats the baselines.

    `correct`: bool (n,); `baselines`: the same of each baseline, on the same images. McNemar's exact test (1947) for
    each, adjusted by Holm (1979). The value is the accuracy, with Wilson's interval (1927).
    """
    right = np.asarray(correct, dtype=bool)
    low, high = evaluation.wilson(int(right.sum()), len(right))
    hits = {name: int(np.sum(values)) for name, values in baselines.items()}
    adjusted = evaluation.holm([mcnemar(right, values)[2] for values in baselines.values()])
    facts = {"images": len(right), "errors": int((~right).sum()), "low": low, "high": high, "baselines": hits}
    facts |= {"p_values": dict(zip(hits, adjusted, strict=True))}
    share = float(right.mean())
    first = (
        f"Of {len(right):,} test images {share:.2%} are classified correctly (95% interval {low:.2%} to {high:.2%})."
    )
    beaten = [name for name, p in zip(hits, adjusted, strict=True) if p < LEVEL and hits[name] < right.sum()]
    test = "(McNemar's test, Holm's correction)"
    if len(beaten) == len(hits):
        sentence = f"{first} It beats every baseline by more than sampling error {test}."
    elif beaten:
        sentence = f"{first} Baselines that this beats by more than sampling error: {', '.join(beaten)} {test}."
    else:
        sentence = f"{first} It beats no baseline by more than sampling error {test}."
    return Verdict("accuracy", share, sentence, facts)


def validation_and_test(validation_correct: ArrayLike, test_correct: ArrayLike) -> Verdict:
    """Return whether validation and test images are classified equally well, up to sampling error.

    Both are bool (n,). Fisher's exact test (1922), two-sided, on the two counts of errors; the value is its p.
    """
    validation, test = (np.asarray(part, dtype=bool) for part in (validation_correct, test_correct))
    facts = {"validation_images": len(validation), "validation_errors": int((~validation).sum())}
    facts |= {"test_images": len(test), "test_errors": int((~test).sum())}
    p_value = fisher(validation, test)
    gap = f"(Fisher's exact test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"Validation and test differ by no more than sampling error {gap}."
    elif validation.mean() > test.mean():
        sentence = f"The test images are classified worse than the validation images {gap}."
    else:
        sentence = f"The test images are classified better than the validation images {gap}."
    return Verdict("validation_and_test", p_value, sentence, facts)


def leaks(correct: ArrayLike, copies: ArrayLike) -> Verdict:
    """Return how many test images have a copy outside test, and whether these are classified otherwise than the rest.

    `correct`: bool (n,); `copies`: places of those images, int64. Fisher's exact test (1922); the value is how many
    there are.
    """
    right = np.asarray(correct, dtype=bool)
    is_copy = np.zeros(len(right), dtype=bool)
    is_copy[np.asarray(copies, dtype=int)] = True
    count, rest = int(is_copy.sum()), right[~is_copy]
    p_value = fisher(right[is_copy], rest) if 0 < count < len(right) else 1.0
    facts: dict[str, Any] = {"images": len(right), "copies": count, "errors": int((~right).sum())}
    facts |= {"errors_on_copies": int((~right[is_copy]).sum()), "p_value": p_value}
    first = f"Test images with a copy outside test: {count:,} of {len(right):,}."
    gap = f"(Fisher's exact test, p = {in_figures(p_value)})"
    if count == 0:
        sentence = f"{first} The accuracy owes nothing to them."
    elif count == len(right):
        sentence = f"{first} This test set says nothing of new images."
    elif p_value >= LEVEL:
        sentence = f"{first} They and the rest, {rest.mean():.2%} correct, differ by no more than sampling error {gap}."
    else:
        sentence = f"{first} Accuracy on them differs from that on the rest, {rest.mean():.2%}: trust the latter {gap}."
    return Verdict("leaks", count, sentence, facts)


def recall_by_class(table: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return which classes are misclassified more, or less, often than all others together.

    `table`: a confusion matrix, int (classes, classes). Fisher's exact test (1922) of each class against the others;
    the smallest p is multiplied by their number, as it was picked from all. A class that is found so is set aside, and
    the others are tested again, as in Holm's method (1979). The value is the first of these p.
    """
    counts = np.asarray(table)
    images, hits = counts.sum(axis=1), np.diag(counts)
    left = list(range(len(hits)))
    steps: list[float] = []
    below: list[str] = []
    above: list[str] = []
    while len(left) > 1 and (not steps or steps[-1] < LEVEL):
        shares = hits[left] / np.maximum(images[left], 1)
        of = (int((images - hits)[left].sum()), int(hits[left].sum()))
        p_values = [fisher_counts(images[k] - hits[k], hits[k], *of) for k in left]
        place = min(range(len(left)), key=lambda place: (p_values[place], shares[place]))
        steps.append(min(1.0, len(left) * p_values[place]))
        if steps[-1] < LEVEL:
            found = below if shares[place] < of[1] / sum(of) else above
            found.append(names[left.pop(place)])
    facts = {"images": images.tolist(), "hits": hits.tolist(), "p_values": steps}
    test = f"(Fisher's exact test, corrected for {len(hits)} classes, smallest p = {in_figures(steps[0])})"
    if below and above:
        sentence = f"Recall is lower than in the rest for {listed(below)} and higher for {listed(above)} {test}."
    elif below:
        sentence = f"Recall is lower than in the other classes for {listed(below)} {test}."
    elif above:
        sentence = f"Recall is higher than in the other classes for {listed(above)} {test}."
    else:
        sentence = f"No class's recall differs from that of the others by more than sampling error {test}."
    return Verdict("recall_by_class", steps[0], sentence, facts)


def confusions(table: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return whether mistakes gather in some pair of classes more than chance would have it.

    `table`: a confusion matrix, int (classes, classes). By chance every image is as likely to be misclassified, and as
    every other class: as many mistakes are thrown so, DRAWS times. The value is the share of throws, (hits + 1) /
    (DRAWS + 1), in which the fullest pair holds as many.
    """
    counts = np.asarray(table)
    mistaken = counts - np.diag(np.diag(counts))
    wrong, most, others = int(mistaken.sum()), int(mistaken.max()), len(counts) - 1
    chances = np.repeat(counts.sum(axis=1) / (others * counts.sum()), others)
    thrown = np.random.default_rng(0).multinomial(wrong, chances, size=DRAWS).max(axis=1)
    p_value = float((1 + (thrown >= most).sum()) / (1 + DRAWS))
    facts = {"images": int(counts.sum()), "mistakes": wrong, "most": most}
    true, given = np.unravel_index(mistaken.argmax(), mistaken.shape)
    fullest = f"{names[true]} taken for {names[given]}, {most} of {wrong:,}"
    if wrong == 0:
        sentence = "There is no mistake to sort."
    elif p_value >= LEVEL:
        sentence = f"Chance alone may fill the fullest pair of classes as much (p = {in_figures(p_value)})."
    else:
        sentence = f"Mistakes gather in some pairs more than chance would have it (p = {in_figures(p_value)}). "
        sentence += f"Among the most frequent is {fullest}."
    return Verdict("confusions", p_value, sentence, facts)


def calibration(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return whether mean confidence differs from accuracy by more than a calibrated network's would.

    `confidence`: (n,), from 0 to 1; `correct`: bool (n,). Under calibration each image is right with the probability of
    its confidence: so it is drawn, DRAWS times. The value is the two-sided p.
    """
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    p_value = chance_of_gap(claimed, right)
    facts = {"images": len(right), "errors": int((~right).sum()), "confidence": float(claimed.mean())}
    figures = f"mean confidence {claimed.mean():.2%}, accuracy {right.mean():.2%}; p = {in_figures(p_value)}"
    if p_value >= LEVEL:
        sentence = f"On average, confidence is no further from the truth than chance would put it ({figures})."
    elif claimed.mean() > right.mean():
        sentence = f"On average the network is overconfident ({figures})."
    else:
        sentence = f"On average the network is underconfident ({figures})."
    return Verdict("calibration", p_value, sentence, facts)


def calibration_error(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return whether the expected calibration error is more than chance leaves of a calibrated network.

    As `calibration`; the value is the share of draws, (hits + 1) / (DRAWS + 1), whose error is as large.
    """
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    places = np.minimum((claimed * 15).astype(int), 14)  # the bins of the reliability diagram
    found = float(np.abs(np.bincount(places, claimed - right)).sum() / len(right))
    generator = np.random.default_rng(0)
    drawn = [np.bincount(places, claimed - (generator.random(len(right)) < claimed)) for _ in range(DRAWS)]
    by_chance = np.array([np.abs(gaps).sum() for gaps in drawn]) / len(right)
    p_value = float((1 + (by_chance >= found - 1e-12).sum()) / (1 + DRAWS))
    most = float(np.quantile(by_chance, 1 - LEVEL))
    facts = {"images": len(right), "ece": found, "by_chance": float(by_chance.mean()), "most_by_chance": most}
    chance = f"{by_chance.mean():.4f} on average, up to {most:.4f} in 99% of draws, p = {in_figures(p_value)}"
    if p_value >= LEVEL:
        sentence = f"An ECE of {found:.4f} is no more than chance may leave of a calibrated network ({chance})."
    else:
        sentence = f"An ECE of {found:.4f} exceeds what chance leaves of a calibrated network ({chance})."
    return Verdict("calibration_error", p_value, sentence, facts)


def doubt(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return whether low confidence warns of mistakes: how many images hold half of them, the least confident first.

    `confidence`: (n,); `correct`: bool (n,). Mann and Whitney's test (1947), two-sided, of the confidence of right and
    wrong answers; the value is that number of images, or None where all answers are right or all wrong.
    """
    from scipy.stats import mannwhitneyu

    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    wrong = int((~right).sum())
    facts: dict[str, Any] = {"images": len(right), "errors": wrong}
    if wrong in (0, len(right)):
        return Verdict("doubt", None, "There are no right and wrong answers to tell apart.", facts)
    places = np.flatnonzero(~right[np.argsort(claimed, kind="stable")])
    looked_at = int(places[(wrong - 1) // 2]) + 1
    p_value = float(mannwhitneyu(claimed[right], claimed[~right]).pvalue)
    facts |= {"p_value": p_value}
    first = f"Half of the mistakes lie among the {looked_at:,} least confident of {len(right):,} images."
    test = f"(Mann-Whitney test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"{first} Right and wrong answers do not differ in confidence by more than sampling error {test}."
    elif np.median(claimed[right]) > np.median(claimed[~right]):
        sentence = f"{first} Wrong answers are less confident than right ones {test}: doubt is a warning."
    else:
        sentence = f"{first} Wrong answers are more confident than right ones {test}."
    return Verdict("doubt", looked_at, sentence, facts)


def temperature(chosen: float, validation: Predictions, photographs: int) -> Verdict:
    """Return what the temperature that was fitted says of the network; the value is the temperature.

    It is 1 exactly where none could be found. Which others explain the validation images nearly as well is asked by the
    likelihood ratio (Wilks 1938), at 95%. `photographs`: how many were added to validation for the fit.
    """
    trials = np.geomspace(evaluation.LOWEST_TEMPERATURE, evaluation.HIGHEST_TEMPERATURE, 201)
    losses = np.array([validation.at_temperature(trial).losses.sum() for trial in trials])
    near = trials[losses < losses.min() + 1.92]
    low, high = float(near[0]), float(near[-1])
    images, errors = len(validation.labels), int((~validation.correct).sum())
    facts = {"temperature": chosen, "low": low, "high": high, "images": images, "errors": errors}
    facts |= {"photographs": photographs}
    fitted = f"on {images:,} validation images ({errors:,} of them misclassified) and {photographs:,} photographs"
    nearly = f"For validation images alone, T from {low:.2f} to {high:.2f} explains them nearly as well"
    if chosen == 1:
        sentence = f"Fitted {fitted}, no temperature makes the loss least: T stays at 1."
    elif low <= 1 <= high:
        sentence = (
            f"The loss is least at T = {chosen:.2f} {fitted}. {nearly}: that includes 1, so nothing may be wrong."
        )
    elif high < 1:
        sentence = f"The loss is least at T = {chosen:.2f} {fitted}. {nearly}: there it was underconfident."
    else:
        sentence = f"The loss is least at T = {chosen:.2f} {fitted}. {nearly}: there it was overconfident."
    return Verdict("temperature", float(chosen), sentence, facts)


def recalibration(before: ArrayLike, after: ArrayLike) -> Verdict:
    """Return whether a temperature lowers the loss of test images by more than sampling error.

    `before`, `after`: the loss of each image in nats, (n,). Student's t-test (1908) of the paired differences; the
    value is its p, 1 where nothing moves.
    """
    from scipy.stats import ttest_1samp

    old, new = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    p_value = 1.0 if np.ptp(new - old) == 0 else float(ttest_1samp(new - old, 0).pvalue)
    facts = {"images": len(old), "before": float(old.mean()), "after": float(new.mean())}
    change = f"from {old.mean():.4f} to {new.mean():.4f} on test (paired t-test, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The temperature changes NLL by no more than sampling error: {change}."
    elif new.mean() < old.mean():
        sentence = f"The temperature lowers NLL by more than sampling error: {change}."
    else:
        sentence = f"The temperature raises NLL by more than sampling error: {change}."
    return Verdict("recalibration", p_value, sentence, facts)


def confident_mistakes(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return how many mistakes are made with more than 90% confidence, beside what a calibrated network would make.

    `confidence`, (n,), is that after calibration: before it, label smoothing alone keeps confidence low. The p-value is
    two-sided, by draws as in `calibration`, among the images above 90%; the value is the number of mistakes.
    """
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    sure = claimed > 0.9
    count, wrong = int((sure & ~right).sum()), int((~right).sum())
    expected = float((1 - claimed[sure]).sum())
    p_value = chance_of_gap(claimed[sure], right[sure]) if sure.any() else 1.0
    facts = {"images": len(right), "errors": wrong, "confident": int(sure.sum()), "expected": expected}
    facts |= {"p_value": p_value}
    first = f"Mistakes made with more than 90% confidence, after calibration: {count:,} of {wrong:,}."
    test = f"a calibrated network as confident would make {expected:.1f} on average (p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"{first} Chance may explain it: {test}."
    elif count > expected:
        sentence = f"{first} That is too many: {test}."
    else:
        sentence = f"{first} That is fewer than its confidence promised: {test}."
    return Verdict("confident_mistakes", count, sentence, facts)


def middle(shares: ArrayLike) -> Verdict:
    """Return whether what answers rest on lies in the middle of the images more than an even spread would.

    `shares`: (n,), of each image's evidence the part in the middle quarter of its area. Wilcoxon's signed-rank test
    (1945) against a quarter, two-sided; the value is the mean share, or None where there is no image.
    """
    from scipy.stats import wilcoxon

    parts = np.asarray(shares, dtype=float)
    if len(parts) == 0:
        return Verdict("middle", None, "There is no mistake to look into.", {"shares": []})
    p_value = float(wilcoxon(parts - 0.25).pvalue) if np.any(parts != 0.25) else 1.0
    first = f"In the middle quarter of the area lies {parts.mean():.0%} of it on average; evenly spread, 25% would."
    test = f"(Wilcoxon signed-rank test, {len(parts)} images, p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"{first} That may be chance {test}."
    elif np.median(parts) > 0.25:
        sentence = f"{first} It gathers in the middle {test}."
    else:
        sentence = f"{first} It avoids the middle {test}."
    return Verdict("middle", float(parts.mean()), sentence, {"shares": parts.tolist()})


def harm(correct: Mapping[str, ArrayLike], clean: ArrayLike, majority: float) -> Verdict:
    """Return which corruptions harm most and least at their hardest strengths, with all that cannot be told from them.

    `correct`: for each corruption bool (n,), whether an image so corrupted is classified correctly; `clean`: the same
    without. McNemar's exact test (1947) of the extreme against each other corruption, adjusted by Holm (1979) for all
    pairs that it was picked from. The value names those that harm most. It is None where fewer than 20 images, or no
    more than the share `majority` of the majority class, are classified correctly without: then there is no telling.
    """
    marks = {name: np.asarray(values, dtype=bool) for name, values in correct.items()}
    shares = {name: float(values.mean()) for name, values in marks.items()}
    unharmed = np.asarray(clean, dtype=bool)
    facts = {"images": len(unharmed), "clean": float(unharmed.mean()), "accuracy": shares}
    if len(unharmed) < 20 or evaluation.wilson(int(unharmed.sum()), len(unharmed))[0] <= majority:
        sentence = f"Without corruption {unharmed.mean():.0%} of {len(unharmed)} images are classified correctly. "
        sentence += "From that the curves cannot tell what harms and what does not."
        return Verdict("harm", None, sentence, facts)
    lowest = tied_with(min(shares, key=shares.__getitem__), marks)
    highest = tied_with(max(shares, key=shares.__getitem__), marks)
    if len(lowest) == len(marks):
        sentence = (
            "At the hardest strengths tried, no corruption harms more than the others by more than sampling error "
        )
        sentence += "(McNemar's test, Holm's correction for all pairs)."
    else:
        sentence = f"At the hardest strengths tried, accuracy is lowest under {with_rivals(lowest)} and highest under "
        sentence += f"{with_rivals(highest)} (McNemar's test, Holm's correction for all pairs)."
    return Verdict("harm", ", ".join(lowest), sentence, facts)


def confidence_on_corrupted(confidence: Mapping[str, ArrayLike], correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return on how many kinds of corrupted images the network is overconfident, by more than chance.

    For each kind as in `calibration`, adjusted by Holm (1979); the value is their number.
    """
    gaps, p_values = {}, []
    for name, values in confidence.items():
        claimed, right = np.asarray(values, dtype=float), np.asarray(correct[name], dtype=bool)
        gaps[name] = float(claimed.mean() - right.mean())
        p_values.append(chance_of_gap(claimed, right, draws=10 * DRAWS))
    adjusted = dict(zip(gaps, evaluation.holm(p_values), strict=True))
    over = [name for name, gap in gaps.items() if gap > 0 and adjusted[name] < LEVEL]
    facts = {"gaps": gaps, "p_values": adjusted}
    sentence = f"At the hardest strengths the network is overconfident under {len(over)} of {len(gaps)} corruptions "
    sentence += "by more than chance (draws by its own confidence, Holm's correction)."
    return Verdict("confidence_on_corrupted", len(over), sentence, facts)


def upside_down(images: int, as_nine: int, as_six: int) -> Verdict:
    """Return what sixes are classified as when they are rotated by 180 degrees; a count, and nothing is tested."""
    facts = {"images": images, "as_nine": as_nine, "as_six": as_six}
    sentence = f"Of {images:,} sixes upside down, {as_nine:,} are classified as 9 and {as_six:,} as 6."
    return Verdict("upside_down", as_nine, sentence, facts)


def filters(trained: ArrayLike, untrained: ArrayLike) -> Verdict:
    """Return whether trained filters are in balance, positive against negative weights, more than untrained ones.

    `trained`: the imbalance of each filter, from 0 to 1; `untrained`: the same (draws, filters) of a layer whose
    weights were drawn anew. A layer counts as one observation: the value is the two-sided share, (hits + 1) / (draws +
    1), of draws whose mean is as far from the mean of all draws as that of the trained layer.
    """
    found, drawn = float(np.asarray(trained).mean()), np.asarray(untrained).mean(axis=1)
    far = np.abs(drawn - drawn.mean()) >= abs(found - drawn.mean())
    p_value = float((1 + far.sum()) / (1 + len(drawn)))
    facts = {"trained": found, "untrained": float(drawn.mean()), "draws": len(drawn)}
    figures = f"mean imbalance {found:.2f} against {drawn.mean():.2f}, {len(drawn)} draws, p = {in_figures(p_value)}"
    if p_value >= LEVEL:
        sentence = f"By their balance, these filters cannot be told from untrained ones ({figures})."
    elif found < drawn.mean():
        sentence = f"These filters are more in balance than untrained ones ({figures})."
    else:
        sentence = f"These filters are less in balance than untrained ones ({figures})."
    return Verdict("filters", p_value, sentence, facts)


def fisher(one: ArrayLike, other: ArrayLike) -> float:
    """Return the two-sided p of Fisher's exact test that two groups of images, bool each, have one share of errors."""
    groups = [np.asarray(part, dtype=bool) for part in (one, other)]
    counts = [count for part in groups for count in (int((~part).sum()), int(part.sum()))]
    return fisher_counts(counts[0], counts[1], counts[0] + counts[2], counts[1] + counts[3])


def fisher_counts(errors: int, hits: int, all_errors: int, all_hits: int) -> float:
    """Return Fisher's p for a group with `errors` and `hits` against the others of all."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[errors, hits], [all_errors - errors, all_hits - hits]]).pvalue)


def chance_of_gap(confidence: np.ndarray, correct: np.ndarray, draws: int = DRAWS) -> float:
    """Return how often a calibrated network's number of right answers is as far from its expectation as this one's.

    That number is a sum of independent draws, one an image (Poisson's binomial distribution): it is simulated by a
    fixed seed. The p-value is two-sided, (hits + 1) / (draws + 1).
    """
    generator = np.random.default_rng(0)
    sums = np.array([(generator.random(len(confidence)) < confidence).sum() for _ in range(draws)])
    far = np.abs(sums - confidence.sum()) >= abs(correct.sum() - confidence.sum()) - 1e-9
    return float((1 + far.sum()) / (1 + draws))


def tied_with(extreme: str, marks: Mapping[str, np.ndarray]) -> list[str]:
    """Return an extreme, then what McNemar's test does not tell from it, with Holm's correction for all pairs."""
    others = [name for name in marks if name != extreme]
    pairs = len(marks) * (len(marks) - 1) // 2
    adjusted = evaluation.holm([mcnemar(marks[extreme], marks[name])[2] for name in others], pairs)
    return [extreme, *(name for name, p in zip(others, adjusted, strict=True) if p >= LEVEL)]


def with_rivals(names: Sequence[str]) -> str:
    """Return the first of some names, and the others as those that are not told apart from it."""
    if len(names) == 1:
        return names[0]
    return f"{names[0]} (not told apart from it: {listed(names[1:])})"


# Of recipes and published projects (05_comparison, 07_published)


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
    more = f" Of the images, {missed_by_each} are misclassified by every member, and averaging can rarely mend those."
    return Verdict("answering_together", gain.mean, sentence + more, facts)


def different_images(strong: str, weak: str, ahead: ArrayLike, behind: ArrayLike) -> Verdict:
    """Return whether images on which all trainings of two recipes disagree fall more to one side; the value is p.

    `ahead`, `behind`: bool (images,), whether all trainings of `strong` classified an image correctly and none of
    `weak` did, and the other way round. A two-sided sign test (exact binomial) on the two counts.
    """
    from scipy.stats import binomtest  # a fifth of a second that no photograph should wait for

    won, lost = int(np.sum(ahead)), int(np.sum(behind))
    facts = {"strong": strong, "weak": weak, "won": won, "lost": lost}
    if won + lost == 0:
        return Verdict("different_images", None, f"No image divides `{strong}` from `{weak}` in all trainings.", facts)
    p_value = float(binomtest(won, won + lost).pvalue)
    count = f"`{strong}` always classifies {won} images correctly that `{weak}` never does; {lost} the other way round"
    test = f"(sign test, p = {in_figures(p_value)})"
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
    from scipy.stats import fisher_exact  # a fifth of a second that no photograph should wait for

    ours, theirs = round(float(np.mean(errors))), round((1 - reported) * images)
    p_value = float(fisher_exact([[ours, images - ours], [theirs, images - theirs]]).pvalue)
    facts = {"recipe": recipe, "trainings": len(errors), "errors": ours, "reported_errors": theirs, "images": images}
    count = f"`{recipe}` makes {ours} errors on average over {len(errors)} seeds, where {theirs} were reported"
    test = f"(Fisher's exact test, p = {in_figures(p_value)})"
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


# Of photographs (06_reading)

DEALS = 2000  # random permutations of a test, enough for a p-value of LEVEL


def hardest_kind(missed: ArrayLike, kinds: Sequence[str]) -> Verdict:
    """Return whether the kind of photograph with the largest share of misread ones is harder than the others.

    `missed` is bool (n,), `kinds` the kind of each photograph. Some kind is always last: so the mistakes are dealt out
    at random DEALS times (a permutation test, Fisher 1935), and it is counted how often the unluckiest kind of a deal
    fares as badly. The value is that p, None where nothing was misread.
    """
    wrong = np.asarray(missed, dtype=bool)
    named = np.asarray(kinds)
    members = {str(kind): named == kind for kind in sorted(set(kinds))}
    shares = {kind: float(wrong[places].mean()) for kind, places in members.items()}
    facts: dict[str, Any] = {"photographs": len(wrong), "misread": int(wrong.sum()), "shares": shares}
    if not wrong.any():
        return Verdict("hardest_kind", None, "Nothing was misread, so that no kind is harder than another.", facts)
    worst = max(shares, key=lambda kind: shares[kind])
    generator = np.random.default_rng(0)
    dealt = np.array([generator.permutation(wrong) for _ in range(DEALS)])
    unluckiest = np.max([dealt[:, places].mean(axis=1) for places in members.values()], axis=0)
    p_value = float(((unluckiest >= shares[worst]).sum() + 1) / (DEALS + 1))
    if p_value < LEVEL:
        sentence = f"*{worst}* is harder than the others (p = {in_figures(p_value)})."
    else:
        sentence = f"No kind is told apart as the hardest: chance deals out mistakes as uneven (p = {p_value:.2f})."
    return Verdict("hardest_kind", p_value, sentence, facts)


def framing_gain(framed_right: ArrayLike, plainly_right: ArrayLike, framing: str = "ink") -> Verdict:
    """Return whether `framing` changes how many photographs are read, by `mcnemar`; the value is p.

    Both are bool (n,) for the same photographs and the same network: framed, and plainly shrunk.
    """
    only_framed, only_plain, p_value = mcnemar(framed_right, plainly_right)
    framed = int(np.asarray(framed_right, dtype=bool).sum())
    plain = int(np.asarray(plainly_right, dtype=bool).sum())
    facts: dict[str, Any] = {"framing": framing, "photographs": len(np.asarray(framed_right))}
    facts |= {"framed": framed, "plain": plain, "only_framed": only_framed, "only_plain": only_plain}
    split = f"({only_framed} are read only with it, {only_plain} only without; p = {in_figures(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The framing `{framing}` makes no difference that these photographs show {split}."
    elif only_framed > only_plain:
        sentence = f"The framing `{framing}` helps {split}."
    else:
        sentence = f"The framing `{framing}` does harm {split}."
    return Verdict("framing_gain", p_value, sentence, facts)


def same_pixels(images: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> Verdict:
    """Return whether two ways to frame photographs give the same images; the value is how many are the same."""
    same = sum(np.array_equal(*pair) for pair in zip(images, others, strict=True))
    if same == len(images):
        sentence = "`frame_ink`, which takes all steps at once, gives the same pixels."
    else:
        sentence = f"`frame_ink`, which takes all steps at once, gives the same pixels for {same} of {len(images)}."
    return Verdict("same_pixels", same, sentence, {"photographs": len(images), "same": same})


def reader_knows(unknown: str) -> Verdict:
    """Return whether a reader says which of its answers are sure; `unknown` is why not, empty where it does.

    The value is `unknown`.
    """
    if unknown:
        sentence = f"It does not know which answers are sure: {unknown}."
    else:
        sentence = "It says of each answer whether it is sure."
    return Verdict("reader_knows", unknown, sentence, {"unknown": unknown})


# How figures are written

MOST_NAMES = 8  # that a sentence lists


def in_figures(p_value: float) -> str:
    """Return a p-value as text with two significant digits; what lies below 0.0001 is not told apart."""
    if p_value < 0.0001:
        return "below 0.0001"
    return f"{p_value:.2g}"


def counted(number: int, thing: str) -> str:
    """Return a number and what it counts, such as "1 image" or "1,200 images"."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing}s"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", "a, b and c"; of very many the first, and how many more."""
    if len(words) > MOST_NAMES:
        return f"{', '.join(words[:MOST_NAMES])} and {len(words) - MOST_NAMES} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
