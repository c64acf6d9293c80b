"""The verdicts of 01_eda, computed again from dataset.json and from the dataset itself, by other means."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
from scipy import stats
from scipy.spatial.distance import cdist

from helpers import data, runs, soundness


@cache
def dataset_of(run):
    """Return (the Dataset of a run, its parts, what dataset.json holds)."""
    manifest = runs.load_manifest(run)
    wished = manifest.parameters
    form = [wished.get("image_size"), wished.get("colour", "auto"), wished.get("framing", "auto")]
    source = data.load(wished["dataset"], manifest.dataset.data_dir, *form)
    parts = data.split(source, wished["seed"], wished.get("validation_size"), wished.get("fold"))
    kept = json.loads((run / "dataset.json").read_text(encoding="utf-8"))
    assert kept["fingerprint"] == source.fingerprint == manifest.dataset.fingerprint
    return source, parts, kept


def rows_of(images):
    """Return images as rows of numbers from 0 to 1, float64."""
    small = soundness.shrink(images, min(images.shape[-1], 64))
    return small.flatten(1).numpy().astype(float) / 255


def means_of(split, classes):
    """Return (the mean image of each class, the root mean square distance of its images from it)."""
    rows, labels = rows_of(split.images), split.labels.numpy()
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(classes)])
    squares = np.square(rows - means[labels]).sum(axis=1)
    return means, np.sqrt([squares[labels == label].mean() for label in range(classes)])


def held(discordant, level=0.01):
    """Return how many of McNemar's exact tests, one-sided, are below `level` by Holm's step-down procedure."""
    p_values = sorted(stats.binom.sf(more - 1, more + less, 0.5) for more, less in discordant)
    passed = [p_value * (len(p_values) - place) < level for place, p_value in enumerate(p_values)]
    return len(passed) if all(passed) else passed.index(False)


def class_shares(run, shown):
    source, parts, kept = dataset_of(run)
    train = np.bincount(parts["train"].labels.numpy(), minlength=len(source.class_names))
    test = np.bincount(source.labels[source.is_test].numpy(), minlength=len(source.class_names))
    assert shown["facts"] == {"train": train.tolist(), "test": test.tolist()}
    assert list(kept["counts"]["train"].values()) == train.tolist()
    both = train + test
    statistic = 0.0
    for counts in (train, test):
        expected = both * counts.sum() / both.sum()
        if expected.min() < 5:
            return None, "too few images"
        statistic += (np.square(counts - expected) / expected).sum()
    p_value = stats.chi2.sf(statistic, len(both) - 1)
    if (train * test.sum() == test * train.sum()).all():
        return p_value, "in the very same shares"
    return p_value, "that differ by more" if p_value < 0.01 else "cannot be told apart"


def odd_images(run, shown):
    source, parts, kept = dataset_of(run)
    labels = parts["train"].labels.numpy()
    to_means = cdist(rows_of(parts["train"].images), means_of(parts["train"], len(source.class_names))[0])
    own = to_means[np.arange(len(labels)), labels]
    far = np.zeros(len(labels), dtype=bool)
    far[kept["farthest"]] = True
    assert own[far].min() >= own[~far].max() - 1e-4 and abs(far.sum() - len(labels) / 100) <= 1
    strayed = to_means.argmin(axis=1) != labels
    table = [[int((strayed & far).sum()), int((~strayed & far).sum())]]
    table.append([int((strayed & ~far).sum()), int((~strayed & ~far).sum())])
    told = [sum(table[0]), table[0][0], sum(table[1]), table[1][0]]
    assert np.abs(np.subtract(list(shown["facts"].values()), told)).max() <= 1  # a tie is broken by rounding
    if far.sum() < 20:
        return None, "too few"
    facts = shown["facts"]
    successes = [facts["far_and_nearer_to_another"], facts["others_nearer_to_another"]]
    total = facts["far"] + facts["others"]
    law = stats.hypergeom(total, sum(successes), facts["far"])
    chances = law.pmf(np.arange(facts["far"] + 1))
    p_value = chances[chances <= law.pmf(successes[0]) * (1 + 1e-7)].sum()
    return p_value, "more than sampling error explains" if p_value < 0.01 else "cannot be told apart"


def neighbours_on_maps(run, shown):
    _, parts, kept = dataset_of(run)
    of_map = dict(kept["map"])
    sample = of_map.pop("images")
    rows, labels = rows_of(parts["train"].images[sample]), parts["train"].labels[sample].numpy()
    apart = cdist(rows, rows)
    np.fill_diagonal(apart, np.inf)
    differ = {view: np.isin(np.arange(len(sample)), places) for view, places in of_map.items()}
    assert (differ["pixels"] != (labels[apart.argmin(axis=1)] != labels)).mean() <= 0.01  # ties
    pixels = differ.pop("pixels")
    discordant = {view: [int((one & ~pixels).sum()), int((pixels & ~one).sum())] for view, one in differ.items()}
    assert shown["facts"]["discordant"] == discordant and shown["facts"]["images"] == len(sample)
    worse = held(discordant.values(), 0.001)
    return worse, "No map is shown" if worse == 0 else "more images lie next to another class"


def close_classes(run, shown):
    source, parts, kept = dataset_of(run)
    means, spreads = means_of(parts["train"], len(source.class_names))
    assert np.allclose(list(kept["spread"].values()), spreads, rtol=1e-3)
    gaps = cdist(means, means)
    pairs = [(*(source.class_names.index(name) for name in row[:2]), *row[2:]) for row in kept["pairs"]]
    assert np.allclose([gap for _, _, gap, _, _ in pairs], [gaps[a, b] for a, b, *_ in pairs], atol=1e-2)
    counts = [[wrong, tried] for a, b, gap, wrong, tried in pairs if gap < min(spreads[a], spreads[b])]
    assert shown["facts"] == {"pairs": len(pairs), "close_pairs": len(counts), "errors_and_images": counts}
    if not counts:
        return None, "No two of the compared classes"
    ends = [stats.binomtest(*pair).proportion_ci(method="wilson").high for pair in counts]
    apart = sum(end < 0.1 for end in ends)
    return apart, "In each of these a plane" if apart == len(counts) else f"In {apart} of these a plane"


def ladder_of_rules(run, shown):
    source, parts, kept = dataset_of(run)
    chosen, predicted = kept["rules"]["images"], kept["rules"]["predicted"]
    true = parts["validation"].labels[chosen].numpy()
    rows, labels = rows_of(parts["train"].images), parts["train"].labels.numpy()
    asked = rows_of(parts["validation"].images[chosen])
    majority = np.bincount(labels).argmax()
    assert (np.array(predicted["majority class"]) == majority).all()
    means, _ = means_of(parts["train"], len(source.class_names))
    assert (cdist(asked, means).argmin(axis=1) != predicted["nearest mean image"]).mean() <= 0.01
    assert (labels[cdist(asked, rows).argmin(axis=1)] != predicted["nearest neighbour"]).mean() <= 0.01
    right = {rule: np.array(answers) == true for rule, answers in predicted.items()}
    facts = shown["facts"]
    assert facts["right"] == {rule: int(hits.sum()) for rule, hits in right.items()} and facts["images"] == len(true)
    rungs = list(right.values())
    steps = pairwise(rungs)
    discordant = [[int((upper & ~lower).sum()), int((lower & ~upper).sum())] for lower, upper in steps]
    assert facts["discordant"] == discordant
    steps_up = held(discordant)
    if steps_up == 0:
        return steps_up, "No rule is shown"
    return steps_up, "Every rule is right more often" if steps_up == len(
        discordant
    ) else "Rules that are right more often"


def copies_in_test(run, shown):
    source, _, kept = dataset_of(run)
    tests = source.is_test.nonzero()[:, 0].numpy()
    partners = {place: [] for place in range(len(source.labels))}
    for one, other in kept["copies"]:
        small = soundness.shrink(source.images[[one, other]]).flatten(1).numpy().astype(float)
        assert (small[0] == small[1]).all() or np.corrcoef(small)[0, 1] > 0.994
        partners[one].append(other)
        partners[other].append(one)
    leaked = []
    for number, place in enumerate(tests):
        group, ahead = {int(place)}, [int(place)]
        while ahead:
            new = set(partners[ahead.pop()]) - group
            group |= new
            ahead += new
        if not source.is_test[sorted(group)].all():
            leaked.append(number)
    assert kept["leaks"] == leaked or len(kept["copies"]) == 10_000  # of more, the others are not kept
    assert shown["facts"] == {"leaked": len(kept["leaks"]), "test_images": len(tests)}
    return len(kept["leaks"]), "None of" if not kept["leaks"] else f"{len(kept['leaks']):,} of {len(tests):,}"


RECOMPUTE = {
    "class_shares": class_shares,
    "odd_images": odd_images,
    "neighbours_on_maps": neighbours_on_maps,
    "close_classes": close_classes,
    "ladder_of_rules": ladder_of_rules,
    "copies_in_test": copies_in_test,
}
