"""What may be said of a trained network on test images (04_results)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import binom, mannwhitneyu, ttest_1samp, wilcoxon

from .. import evaluation
from ..evaluation import Predictions
from .significance import DRAWS, chance_of_gap, fisher, fisher_counts, mcnemar, tied_with
from .verdict import LEVEL, Verdict, counted, listed, p_is

FEWEST_MISTAKES = 50  # from which on the mean change of the losses is near enough to normal
FEWEST_MAPS = 8  # with fewer pairs Wilcoxon's test cannot fall below LEVEL, whatever they are
FEWEST_CORRUPTED = 20  # images


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
    """Return the share of test images that are classified correctly, and which baselines that beats or does not.

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
    first = f"Of {counted(len(right), 'test image')} {share:.2%} are classified correctly"
    first += f" (95% interval {low:.2%} to {high:.2%})."
    shown = {name: f"{name} ({count / len(right):.2%})" for name, count in hits.items()}
    told_apart = [name for name, p in zip(hits, adjusted, strict=True) if p < LEVEL]
    beaten = [shown[name] for name in told_apart if hits[name] < right.sum()]
    better = [shown[name] for name in told_apart if hits[name] > right.sum()]
    tied = [shown[name] for name in hits if name not in told_apart]
    test = "(McNemar's test, Holm's correction)"
    more = "by more than sampling error"
    if len(beaten) == len(hits):
        sentence = f"{first} It beats every baseline {more} {test}."
    elif better and tied:
        sentence = f"{first} More accurate than the network {more}: {listed(better)}; "
        sentence += f"not told apart: {listed(tied)} {test}."
    elif better:
        sentence = f"{first} More accurate than the network {more}: {listed(better)} {test}."
    elif beaten:
        sentence = f"{first} Baselines beaten {more}: {listed(beaten)}; not told apart: {listed(tied)} {test}."
    else:
        sentence = f"{first} It beats no baseline {more}; not told apart: {listed(tied)} {test}."
    return Verdict("accuracy", share, sentence, facts)


def validation_and_test(validation_correct: ArrayLike, test_correct: ArrayLike) -> Verdict:
    """Return whether validation and test images are classified equally well, up to sampling error.

    Both are bool (n,). Fisher's exact test (1922), two-sided, on the two counts of errors; the value is its p.
    """
    validation, test = (np.asarray(part, dtype=bool) for part in (validation_correct, test_correct))
    facts = {"validation_images": len(validation), "validation_errors": int((~validation).sum())}
    facts |= {"test_images": len(test), "test_errors": int((~test).sum())}
    p_value = fisher(validation, test)
    gap = f"(Fisher's exact test, {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = "Accuracy on validation and test images cannot be told apart: sampling error could explain the "
        sentence += f"difference {gap}."
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
    gap = f"(Fisher's exact test, {p_is(p_value)})"
    if count == 0:
        sentence = f"No copy of any of the {len(right):,} test images was found outside test."
    elif count == len(right):
        sentence = f"{first} This test set says nothing of new images."
    elif p_value >= LEVEL:
        sentence = f"{first} They and the rest, {rest.mean():.2%} correct, are not told apart {gap}."
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
    test = f"(Fisher's exact test, corrected for {len(hits)} classes, smallest {p_is(steps[0])})"
    if below and above:
        sentence = f"Recall is lower than in the rest for {listed(below)} and higher for {listed(above)} {test}."
    elif below:
        sentence = f"Recall is lower than in the other classes for {listed(below)} {test}."
    elif above:
        sentence = f"Recall is higher than in the other classes for {listed(above)} {test}."
    else:
        sentence = f"No class's recall differs detectably from that of the others {test}."
    return Verdict("recall_by_class", steps[0], sentence, facts)


def confusions(table: ArrayLike, names: Sequence[str]) -> Verdict:
    """Return whether mistakes gather in some pair of classes more than chance would have it.

    `table`: a confusion matrix, int (classes, classes). By chance the mistakes of each true class, as many as there
    are, fall evenly on the other classes: they are thrown so DRAWS times, with a fixed seed. A cell stands out by the
    binomial probability of as many mistakes in it; the value is the share of throws, (hits + 1) / (DRAWS + 1), in which
    the smallest of these is as small: one cell is always the fullest, and that it was picked is part of the test.
    """
    counts = np.asarray(table)
    mistaken = counts - np.diag(np.diag(counts))
    errors, others = mistaken.sum(axis=1), len(counts) - 1
    generator = np.random.default_rng(0)
    found, smallest = np.ones(len(counts)), np.ones(DRAWS)
    for label in np.flatnonzero(errors):
        tails = binom.sf(np.arange(errors[label] + 1) - 1, errors[label], 1 / others)  # of each count or more
        found[label] = tails[mistaken[label].max()]
        thrown = generator.multinomial(errors[label], np.full(others, 1 / others), size=DRAWS)
        smallest = np.minimum(smallest, tails[thrown.max(axis=1)])
    p_value = float((1 + (smallest <= found.min() * (1 + 1e-9)).sum()) / (1 + DRAWS))
    true = int(found.argmin())
    given, most = int(mistaken[true].argmax()), int(mistaken[true].max())
    facts = {"images": int(counts.sum()), "mistakes": int(errors.sum()), "most": most}
    even = "than chance would make it if each class's errors were spread evenly over the others"
    if not errors.any():
        sentence = "There is no mistake to sort."
    elif p_value >= LEVEL:
        sentence = f"No confusion is more frequent {even} ({p_is(p_value)})."
    else:
        share = f"in {most:,} of its {counted(int(errors[true]), 'error')}"
        sentence = f"One confusion is more frequent {even}: class {names[true]} is taken for class {names[given]} "
        sentence += f"{share} ({p_is(p_value)})."
    return Verdict("confusions", p_value, sentence, facts)


def calibration(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return whether mean confidence differs from accuracy by more than a calibrated network's would.

    `confidence`: (n,), from 0 to 1; `correct`: bool (n,). Under calibration each image is right with the probability of
    its confidence, so that the number of right answers has Poisson's binomial distribution. The value is the two-sided
    p.
    """
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    p_value = chance_of_gap(claimed, right)
    facts = {"images": len(right), "errors": int((~right).sum()), "confidence": float(claimed.mean())}
    figures = f"mean confidence {claimed.mean():.2%}, accuracy {right.mean():.2%}; {p_is(p_value)}"
    if p_value >= LEVEL:
        sentence = f"On average, confidence does not differ from accuracy by more than chance ({figures})."
    elif claimed.mean() > right.mean():
        sentence = f"On average the network is overconfident ({figures})."
    else:
        sentence = f"On average the network is underconfident ({figures})."
    return Verdict("calibration", p_value, sentence, facts)


def calibration_error(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return whether the expected calibration error is more than chance leaves of a calibrated network.

    As `calibration`, but drawn DRAWS times, with a fixed seed; the value is the share of draws, (hits + 1) / (DRAWS +
    1), whose error is as large.
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
    chance = f"{by_chance.mean():.4f} on average, up to {most:.4f} in 99% of draws, {p_is(p_value)}"
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
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    wrong = int((~right).sum())
    facts: dict[str, Any] = {"images": len(right), "errors": wrong}
    if wrong in (0, len(right)):
        return Verdict("doubt", None, "There are no right and wrong answers to tell apart.", facts)
    places = np.flatnonzero(~right[np.argsort(claimed, kind="stable")])
    looked_at = int(places[(wrong - 1) // 2]) + 1
    ranks, p_value = map(float, mannwhitneyu(claimed[right], claimed[~right]))
    facts |= {"p_value": p_value}
    first = f"Half of the mistakes lie among the {looked_at:,} least confident of {len(right):,} images."
    test = f"(Mann-Whitney test, {p_is(p_value)})"
    if wrong == 1:
        sentence = f"In the order of confidence, lowest first, the only mistake is number {looked_at:,} of "
        sentence += f"{len(right):,}. A single mistake does not show what a confidence is good for."
    elif p_value >= LEVEL:
        sentence = f"{first} Right and wrong answers are not told apart by their confidence {test}."
    elif ranks > right.sum() * wrong / 2:
        sentence = f"{first} Wrong answers are less confident than right ones {test}: doubt is a warning."
    else:
        sentence = f"{first} Wrong answers are more confident than right ones {test}."
    return Verdict("doubt", looked_at, sentence, facts)


def temperature(chosen: float, validation: Predictions, photographs: int) -> Verdict:
    """Return what the temperature that was fitted says of the network; the value is the temperature.

    It is 1 exactly where none could be found. Which others explain the validation images nearly as well is asked by the
    likelihood ratio (Wilks 1938), at 95%. `photographs`: how many were added to validation for the fit.
    """
    low, high = likely_temperatures(validation)
    images, errors = len(validation.labels), int((~validation.correct).sum())
    facts = {"temperature": chosen, "low": low, "high": high, "images": images, "errors": errors}
    facts |= {"photographs": photographs}
    fitted = f"on {counted(images, 'validation image')} ({errors:,} misclassified)"
    if photographs:
        fitted += f" and {counted(photographs, 'photograph')}"
    nearly = f"For validation images alone, T from {low:.2f} to {high:.2f} explains them nearly as well"
    if chosen == 1:
        sentence = f"No temperature that minimises the loss was found {fitted}: T stays at 1."
    elif low <= 1 <= high:
        sentence = f"The loss is lowest at T = {chosen:.2f} {fitted}. {nearly}: that includes 1, so there may be "
        sentence += "nothing to correct."
    elif high < 1:
        sentence = f"The loss is lowest at T = {chosen:.2f} {fitted}. {nearly}: there it was underconfident."
    else:
        sentence = f"The loss is lowest at T = {chosen:.2f} {fitted}. {nearly}: there it was overconfident."
    return Verdict("temperature", float(chosen), sentence, facts)


def likely_temperatures(validation: Predictions) -> tuple[float, float]:
    """Return the lowest and the highest temperature that the likelihood ratio does not reject at 95% (Wilks 1938).

    Both lie where the sum of the losses is half of chi-squared's 3.84 above the least one, or at the limits of the fit.
    """

    def excess(logarithm: float) -> float:
        return float(validation.at_temperature(np.exp(logarithm)).losses.sum()) - least - 1.92

    lowest, highest = np.log([evaluation.LOWEST_TEMPERATURE, evaluation.HIGHEST_TEMPERATURE])
    best = float(np.log(evaluation.fit_temperature(validation)))
    least = float(validation.at_temperature(np.exp(best)).losses.sum())
    low = brentq(excess, lowest, best, xtol=1e-6) if excess(lowest) > 0 else lowest
    high = brentq(excess, best, highest, xtol=1e-6) if excess(highest) > 0 else highest
    return float(np.exp(low)), float(np.exp(high))


def recalibration(before: ArrayLike, after: ArrayLike, mistakes: int) -> Verdict:
    """Return whether a temperature lowers the loss of test images by more than sampling error.

    `before`, `after`: the loss of each image in nats, (n,); `mistakes`: how many of these are misclassified. Student's
    t-test (1908) of the paired differences; the value is its p, 1 where nothing moves, and None with fewer than
    FEWEST_MISTAKES: the test would then find too often what is not there.
    """
    old, new = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    facts = {"images": len(old), "mistakes": mistakes, "before": float(old.mean()), "after": float(new.mean())}
    change = f"from {old.mean():.4f} to {new.mean():.4f}"
    if np.ptp(new - old) == 0:
        return Verdict("recalibration", 1.0, f"NLL stays at {old.mean():.4f} on test.", facts)
    if mistakes < FEWEST_MISTAKES:
        sentence = f"NLL went {change} on test; with {counted(mistakes, 'mistake')}, a t-test of the "
        sentence += "change would too often find what is not there."
        return Verdict("recalibration", None, sentence, facts)
    p_value = float(ttest_1samp(new - old, 0).pvalue)
    test = f"{change} on test (paired t-test, {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The change of NLL may be sampling error: {test}."
    elif new.mean() < old.mean():
        sentence = f"The temperature lowers NLL by more than sampling error: {test}."
    else:
        sentence = f"The temperature raises NLL by more than sampling error: {test}."
    return Verdict("recalibration", p_value, sentence, facts)


def confident_mistakes(confidence: ArrayLike, correct: ArrayLike) -> Verdict:
    """Return how many mistakes are made with more than 90% confidence, beside what a calibrated network would make.

    `confidence`, (n,), is that after calibration: before it, label smoothing alone keeps confidence low. The p-value is
    two-sided, as in `calibration`, among the images above 90%; the value is the number of mistakes.
    """
    claimed, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    sure = claimed > 0.9
    count, wrong = int((sure & ~right).sum()), int((~right).sum())
    expected = float((1 - claimed[sure]).sum())
    p_value = chance_of_gap(claimed[sure], right[sure]) if sure.any() else 1.0
    facts = {"images": len(right), "errors": wrong, "confident": int(sure.sum()), "expected": expected}
    facts |= {"p_value": p_value}
    first = f"Mistakes made with more than 90% confidence, after calibration: {count:,} of {wrong:,}."
    promised = f"A calibrated network as confident would make {expected:.1f} on average"
    if not sure.any():
        sentence = "After calibration no answer has more than 90% confidence."
    elif wrong == 0:
        sentence = "No test image is misclassified; a calibrated network as confident would make "
        sentence += f"{expected:.1f} such mistakes on average ({p_is(p_value)})."
    elif p_value >= LEVEL:
        sentence = f"{first} {promised}; the gap may be chance ({p_is(p_value)})."
    elif count > expected:
        sentence = f"{first} {promised}: there are too many ({p_is(p_value)})."
    else:
        sentence = f"{first} {promised}: there are fewer than its confidence promised ({p_is(p_value)})."
    return Verdict("confident_mistakes", count, sentence, facts)


def middle(evidence: ArrayLike, drawn: ArrayLike) -> Verdict:
    """Return whether what answers rest on lies more, or less, in the middle of the images than what they show.

    `evidence`: (n,), of each image's evidence the share in the middle quarter of its area; `drawn`: the same of its
    difference from its background. Not a number stands for an image without any; it is left out. Wilcoxon's
    signed-rank test (1945) of the pairs, two-sided; the value is the mean share of the evidence, None where there is no
    image. Fewer than FEWEST_MAPS are not tested.
    """
    pairs = np.array([evidence, drawn], dtype=float)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    facts = {"evidence": pairs[0].tolist(), "drawn": pairs[1].tolist()}
    count = pairs.shape[1]
    if count == 0:
        return Verdict("middle", None, "No mistake was looked into.", facts)
    of_evidence, of_drawn = (float(shares.mean()) for shares in pairs)
    first = f"On average {of_evidence:.0%} of the evidence for what it said lies in the middle quarter of the area, "
    first += f"and {of_drawn:.0%} of what the images show."
    gaps = pairs[0] - pairs[1]
    p_value = float(wilcoxon(gaps).pvalue) if count >= FEWEST_MAPS and gaps.any() else 1.0
    test = f"(Wilcoxon signed-rank test, {p_is(p_value)})"
    if count < FEWEST_MAPS:
        sentence = f"{first} Too few to test the difference: {counted(count, 'image')}."
    elif p_value >= LEVEL:
        sentence = f"{first} The difference may be chance {test}."
    elif np.median(gaps) > 0:
        sentence = f"{first} The evidence lies closer to the middle {test}."
    else:
        sentence = f"{first} The evidence lies further from the middle {test}."
    return Verdict("middle", of_evidence, sentence, facts)


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
    if len(unharmed) < FEWEST_CORRUPTED:
        few = f"{counted(len(unharmed), 'image')} are too few to tell what harms and what does not."
        return Verdict("harm", None, few, facts)
    if evaluation.wilson(int(unharmed.sum()), len(unharmed))[0] <= majority:
        sentence = f"Without corruption {unharmed.mean():.0%} of {len(unharmed)} images are classified correctly. "
        sentence += "From that the curves cannot tell what harms and what does not."
        return Verdict("harm", None, sentence, facts)
    worst, best = (extreme(shares, key=shares.__getitem__) for extreme in (min, max))
    lowest, highest = tied_with(worst, marks), tied_with(best, marks)
    both = set(lowest) & set(highest)  # they are told apart from neither end
    test = "(McNemar's test, Holm's correction for all pairs)"
    if both & {worst, best}:
        sentence = "At the hardest strengths tried, no corruption is told apart as the one that harms most "
        sentence += f"{test}."
    else:
        low, high = ([name for name in names if name not in both] for names in (lowest, highest))
        sentence = f"At the hardest strengths tried, accuracy is {among('lowest', low, bool(both))} and "
        sentence += f"{among('highest', high, bool(both))} {test}."
    return Verdict("harm", ", ".join(lowest), sentence, facts)


def confidence_on_corrupted(confidence: Mapping[str, ArrayLike], correct: Mapping[str, ArrayLike]) -> Verdict:
    """Return on how many kinds of corrupted images the network is overconfident, by more than chance.

    For each kind as in `calibration`, adjusted by Holm (1979); the value is their number.
    """
    gaps, p_values = {}, []
    for name, values in confidence.items():
        claimed, right = np.asarray(values, dtype=float), np.asarray(correct[name], dtype=bool)
        gaps[name] = float(claimed.mean() - right.mean())
        p_values.append(chance_of_gap(claimed, right))
    adjusted = dict(zip(gaps, evaluation.holm(p_values), strict=True))
    over = [name for name, gap in gaps.items() if gap > 0 and adjusted[name] < LEVEL]
    facts = {"gaps": gaps, "p_values": adjusted}
    sentence = f"At the hardest strengths the network is overconfident under {len(over)} of {len(gaps)} corruptions "
    sentence += "by more than chance would allow if its confidence were true (Holm's correction)."
    return Verdict("confidence_on_corrupted", len(over), sentence, facts)


def upside_down(images: int, as_nine: int, as_six: int) -> Verdict:
    """Return what sixes are classified as when they are rotated by 180 degrees; a count, and nothing is tested."""
    facts = {"images": images, "as_nine": as_nine, "as_six": as_six}
    sentence = f"Sixes upside down: {images:,}, of which {as_nine:,} are classified as 9 and {as_six:,} as 6."
    return Verdict("upside_down", as_nine, sentence, facts)


def filters(trained: ArrayLike, untrained: ArrayLike) -> Verdict:
    """Return whether trained filters are in balance, positive against negative weights, more than untrained ones.

    `trained`: the imbalance of each filter, from 0 to 1; `untrained`: the same (draws, filters) of networks that
    were never trained. A layer counts as one observation: the value is the two-sided share, (hits + 1) / (draws +
    1), of draws whose mean is as far from the mean of all draws as that of the trained layer.
    """
    found, drawn = float(np.asarray(trained).mean()), np.asarray(untrained).mean(axis=1)
    far = np.abs(drawn - drawn.mean()) >= abs(found - drawn.mean())
    p_value = float((1 + far.sum()) / (1 + len(drawn)))
    facts = {"trained": found, "untrained": float(drawn.mean()), "draws": len(drawn)}
    figures = f"mean imbalance {found:.2f} against {drawn.mean():.2f}, {len(drawn)} draws, {p_is(p_value)}"
    if p_value >= LEVEL:
        sentence = f"By their balance, these filters cannot be told from untrained ones ({figures})."
    elif found < drawn.mean():
        sentence = f"These filters are more in balance than untrained ones ({figures})."
    else:
        sentence = f"These filters are less in balance than untrained ones ({figures})."
    return Verdict("filters", p_value, sentence, facts)


def among(extreme: str, names: Sequence[str], others: bool = False) -> str:
    """Return where a figure is lowest, or highest: under one name; among the lowest under several, or with `others`."""
    if len(names) == 1 and not others:
        return f"{extreme} under {names[0]}"
    return f"among the {extreme} under {listed(names)}"
