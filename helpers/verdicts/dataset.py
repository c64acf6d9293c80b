"""What may be said of a dataset (01_eda)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2_contingency
from scipy.stats.contingency import expected_freq

from .. import evaluation
from .significance import count_discordant, fisher, mcnemar_by_holm
from .verdict import LEVEL, Verdict, counted, p_is

TOLD_APART = 0.1  # the error of a rule for two classes, below which they count as told apart
MAP_LEVEL = 0.001  # images share their neighbours, which makes McNemar's p too small: at 0.01 it errs in 2 to 4 %


def class_shares(train_counts: ArrayLike, test_counts: ArrayLike) -> Verdict:
    """Return whether train and test hold the classes in the same shares, within sampling error.

    Images of each class, int (classes,). Pearson's chi-square test of homogeneity (1900); the value is its p, or None
    where a class is expected to have fewer than five images in a part (Cochran 1954), too few for that test.
    """
    table = np.stack([np.asarray(train_counts), np.asarray(test_counts)]).astype(int)
    facts = {"train": table[0].tolist(), "test": table[1].tolist()}
    if expected_freq(table).min() < 5:
        sentence = "A class has too few images to test whether train and test hold the classes in the same shares."
        return Verdict("class_shares", None, sentence, facts)
    p_value = float(chi2_contingency(table, correction=False).pvalue)
    shares = f"(chi-square test, {p_is(p_value)})"
    if np.array_equal(table[0] * table[1].sum(), table[1] * table[0].sum()):
        sentence = "Train and test hold the classes in the very same shares."
    elif p_value < LEVEL:
        sentence = f"Train and test hold the classes in shares that differ by more than sampling error {shares}."
    else:
        sentence = (
            "The shares of the classes in train and test cannot be told apart: sampling error could explain the "
            f"difference {shares}."
        )
    return Verdict("class_shares", p_value, sentence, facts)


def odd_images(is_far: ArrayLike, is_nearer_to_another: ArrayLike) -> Verdict:
    """Return whether images far from the mean of their class are nearer to another class's mean more often than others.

    Bool (n,) both: whether an image is among the farthest, and whether the mean of another class is nearer than that of
    its own. Fisher's exact test (1922), two-sided; the value is its p, or None for fewer than 20 far images.
    """
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
    p_value = fisher(strayed[far], strayed[~far])
    shares = f"{strayed[far].mean():.1%} of the far images and {strayed[~far].mean():.1%} of the others"
    test = f"(Fisher's exact test, {p_is(p_value)})"
    if p_value < LEVEL:
        sentence = f"The mean of another class is nearer for {shares}: more than sampling error explains {test}."
    else:
        sentence = (
            f"The mean of another class is nearer for {shares}. "
            f"The two cannot be told apart: sampling error could explain the difference {test}."
        )
    return Verdict("odd_images", p_value, sentence, facts)


def close_classes(means_overlap: ArrayLike, errors: ArrayLike, images: ArrayLike) -> Verdict:
    """Return how many pairs of classes with means close to each other a rule for two classes tells apart nonetheless.

    For each pair: `means_overlap`, bool, whether the means are closer than the smaller spread of the two classes;
    `errors` of so many `images` that the rule was not fitted to. A pair counts as told apart where Wilson's 95%
    interval (1927) of its error, which is not corrected for their number, ends below TOLD_APART. The value is that
    count, or None without such a pair.
    """
    overlap = np.asarray(means_overlap, dtype=bool)
    counts = list(zip(np.asarray(errors)[overlap].tolist(), np.asarray(images)[overlap].tolist(), strict=True))
    facts = {"pairs": len(overlap), "close_pairs": len(counts), "errors_and_images": [list(pair) for pair in counts]}
    if not counts:
        sentence = "No two of the compared classes have means that are closer to each other than either's spread."
        return Verdict("close_classes", None, sentence, facts)
    apart = sum(evaluation.wilson(*pair)[1] < TOLD_APART for pair in counts)
    first = (
        f"Pairs of classes whose means are closer than the smaller of their spreads: {len(counts)} of {len(overlap)}."
    )
    end = "of the images even at the upper end of the 95% interval (for each pair by itself)"
    if apart == len(counts):
        sentence = f"{first} In each of these a plane errs on fewer than {TOLD_APART:.0%} {end}."
    else:
        sentence = (
            f"{first} In {apart} of these a plane errs on fewer than {TOLD_APART:.0%} {end}; "
            "in the others this is not certain."
        )
    return Verdict("close_classes", apart, sentence, facts)


def copies_in_test(leaked: int, test_images: int) -> Verdict:
    """Return how many test images were found to have a copy, exact or near, outside test; the value is that count."""
    facts = {"leaked": int(leaked), "test_images": int(test_images)}
    if leaked == 0:
        sentence = f"None of {counted(test_images, 'test image')} was found to have a copy outside test, exact or near."
    else:
        sentence = f"Test images found to have a copy outside test, exact or near: {leaked:,} of {test_images:,}."
    return Verdict("copies_in_test", int(leaked), sentence, facts)


def neighbours_on_maps(in_pixels: ArrayLike, on_maps: Mapping[str, ArrayLike]) -> Verdict:
    """Return on how many flat maps more images lie next to another class than among the pixels themselves.

    Bool (n,) each, of the same images: whether the nearest other image is of another class, by distance between pixels,
    and on each map, {its name: ...}. McNemar's test (1947), one-sided, with Holm's correction (1979) over the maps;
    images that share neighbours are not independent, hence MAP_LEVEL. The value is the count of maps below it.
    """
    pixels = np.asarray(in_pixels, dtype=bool)
    discordant = {name: count_discordant(on_map, pixels) for name, on_map in on_maps.items()}
    p_values = mcnemar_by_holm(list(discordant.values()))
    worse = [name for name, p_value in zip(discordant, p_values, strict=True) if p_value < MAP_LEVEL]
    facts = {"images": len(pixels), "differ_in_pixels": int(pixels.sum()), "discordant": discordant}
    test = f"by more than sampling error (McNemar's test, p below {MAP_LEVEL})"
    if worse:
        maps = " and the ".join(worse)
        sentence = f"On the {maps} map, more images lie next to another class than in the space of pixels, {test}."
    else:
        sentence = f"No map is shown to have more images next to another class than the space of pixels {test}."
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
    p_values = mcnemar_by_holm(discordant)
    held = [upper for (_, upper), p_value in zip(steps, p_values, strict=True) if p_value < LEVEL]
    facts: dict[str, Any] = {"right": {rule: int(np.asarray(correct[rule]).sum()) for rule in rules}}
    facts |= {"discordant": discordant, "images": len(np.asarray(correct[rules[0]]))}
    test = "by more than sampling error (McNemar's exact test)"
    if len(held) == len(steps):
        sentence = f"Every rule is right more often than the next simpler one, {test}."
    elif held:
        sentence = (
            f"Rules that are right more often than the next simpler one, {test}: {', '.join(held)}. "
            "For the others the test does not show it."
        )
    else:
        sentence = f"No rule is shown to be right more often than the next simpler one {test}."
    return Verdict("ladder_of_rules", len(held), sentence, facts)
