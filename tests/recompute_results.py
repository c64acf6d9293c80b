"""Every verdict on the page of 04_results, computed again from the files of its run, by another route."""

import json
import math

import numpy as np
from scipy import special, stats

LEVEL = 0.01
DRAWS = 1000


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def arrays_of(run):
    with np.load(run / "predictions.npz") as arrays:
        return dict(arrays)


def model_of(run):
    return json.loads((run / "model.json").read_text())


def names_of(run):
    return model_of(run)["class_names"]


def counts_of(run, part):
    """Return (errors, hits) of a part, from its confusion matrix."""
    table = np.array(metrics_of(run)[part]["confusion_matrix"])
    return int(table.sum() - np.trace(table)), int(np.trace(table))


def is_right(arrays):
    return arrays["scores"].argmax(axis=1) == arrays["labels"]


def confidence(scores, temperature=1.0):
    """Return the highest probability of each image, float64."""
    return special.softmax((scores / np.float32(temperature)).astype(np.float64), axis=1).max(axis=1)


def temperature_of(run):
    return metrics_of(run)["test"]["calibration"]["temperature"]


def figures(p_value):
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def adjust(p_values, family=None):
    """Return p-values after Holm's correction, in the same order."""
    order = np.argsort(p_values, kind="stable")
    steps = (family or len(p_values)) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps * np.array(p_values)[order]))
    return adjusted.tolist()


def sign_test(one, other):
    """Return McNemar's exact p: a two-sided sign test of the images that only one gets right."""
    ahead, behind = int((one & ~other).sum()), int((other & ~one).sum())
    return min(1.0, 2 * stats.binom.cdf(min(ahead, behind), ahead + behind, 0.5))


def gap_by_chance(claimed, right, draws=DRAWS):
    generator = np.random.default_rng(0)
    distance = abs(right.sum() - claimed.sum())
    count = sum(
        abs((generator.random(len(claimed)) < claimed).sum() - claimed.sum()) >= distance - 1e-9 for _ in range(draws)
    )
    return (1 + count) / (1 + draws)


def compare(run, shown, one, other):
    """Return (p, phrase) of Fisher's test between two parts; the facts name their counts."""
    rows = [counts_of(run, one), counts_of(run, other)]
    for name, (errors, hits) in zip((one, other), rows, strict=True):
        assert (shown["facts"][f"{name}_errors"], shown["facts"][f"{name}_images"]) == (errors, errors + hits)
    p_value = stats.fisher_exact(rows).pvalue
    errors_of_one, errors_of_other = (errors / (errors + hits) for errors, hits in rows)
    return p_value, "sampling error" if p_value >= LEVEL else "worse" if errors_of_one < errors_of_other else "better"


def model(run, shown):
    about = model_of(run)
    assert shown["facts"]["parameters"] == about["parameters"] and shown["facts"]["seed"] == about["seed"]
    assert shown["facts"]["epochs"] == len((run / "history.csv").read_text().splitlines()) - 1
    return about["recipe"]["network"], f"{about['parameters']:,} parameters"


def accuracy(run, shown):
    arrays = arrays_of(run)
    right = is_right(arrays)
    beside = dict(zip(metrics_of(run)["baselines"], arrays["baselines"] == arrays["labels"], strict=True))
    assert shown["facts"]["baselines"] == {name: int(values.sum()) for name, values in beside.items()}
    assert shown["facts"]["errors"] == int((~right).sum()) and shown["facts"]["images"] == len(right)
    low, high = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    assert math.isclose(low, shown["facts"]["low"]) and math.isclose(high, shown["facts"]["high"])
    adjusted = adjust([sign_test(right, values) for values in beside.values()])
    pairs = zip(beside.items(), adjusted, strict=True)
    beaten = [name for (name, values), p in pairs if p < LEVEL and right.sum() > values.sum()]
    if len(beaten) == len(beside):
        return right.mean(), "beats every baseline"
    return right.mean(), ", ".join(beaten) if beaten else "beats no baseline"


def overfitting(run, shown):
    p_value, phrase = compare(run, shown, "train", "validation")
    return p_value, {"worse": "classified better", "better": "classified worse"}.get(phrase, phrase)


def validation_and_test(run, shown):
    p_value, phrase = compare(run, shown, "validation", "test")
    return p_value, phrase


def leaks(run, shown):
    arrays = arrays_of(run)
    right, copies = is_right(arrays), arrays["copies"]
    assert shown["facts"]["errors_on_copies"] == int((~right[copies]).sum())
    if not 0 < len(copies) < len(right):
        return len(copies), f"{len(copies):,} of {len(right):,}"
    rest = np.delete(right, copies)
    p_value = stats.fisher_exact([[(~part).sum(), part.sum()] for part in (right[copies], rest)]).pvalue
    assert math.isclose(p_value, shown["facts"]["p_value"], rel_tol=1e-6)
    return len(copies), "no more than sampling error" if p_value >= LEVEL else "trust the latter"


def recall_by_class(run, shown):
    table = np.array(metrics_of(run)["test"]["confusion_matrix"])
    hits, images = np.diag(table), table.sum(axis=1)
    assert shown["facts"]["hits"] == hits.tolist() and shown["facts"]["images"] == images.tolist()
    rows = [(n - h, h) for n, h in zip(images, hits, strict=True)]
    p_values = [stats.fisher_exact([row, np.sum(rows, axis=0) - row]).pvalue for row in np.array(rows)]
    smallest = min(1.0, len(rows) * min(p_values))
    assert shown["facts"]["p_values"][0] == smallest
    if smallest >= LEVEL:
        return smallest, "No class's recall differs"
    shares = hits / np.maximum(images, 1)
    return smallest, names_of(run)[min(range(len(rows)), key=lambda k: (p_values[k], shares[k]))]


def confusions(run, shown):
    table = np.array(metrics_of(run)["test"]["confusion_matrix"])
    off = table[~np.eye(len(table), dtype=bool)]
    wrong = int(off.sum())
    assert shown["facts"] == {"images": int(table.sum()), "mistakes": wrong, "most": int(off.max())}
    shares = table.sum(axis=1) / table.sum() / (len(table) - 1)
    chances = np.concatenate([[share] * (len(table) - 1) for share in shares])
    thrown = np.random.default_rng(0).multinomial(wrong, chances, size=DRAWS)
    p_value = (1 + (thrown.max(axis=1) >= off.max()).sum()) / (1 + DRAWS)
    if not wrong:
        return p_value, "no mistake to sort"
    return p_value, "Chance alone may" if p_value >= LEVEL else f"{off.max()} of {wrong:,}"


def calibration(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"]), is_right(arrays)
    assert math.isclose(shown["facts"]["confidence"], claimed.mean(), rel_tol=1e-6)
    p_value = gap_by_chance(claimed, right)
    verdict = "overconfident" if claimed.mean() > right.mean() else "underconfident"
    return p_value, "no further from the truth" if p_value >= LEVEL else verdict


def calibration_error(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"], temperature_of(run)), is_right(arrays)
    places = np.minimum((claimed * 15).astype(int), 14)

    def error(answers):
        sums = [abs((claimed - answers)[places == place].sum()) for place in np.unique(places)]
        return sum(sums) / len(claimed)

    assert math.isclose(error(right), metrics_of(run)["test"]["calibration"]["ece"], rel_tol=1e-6)
    generator = np.random.default_rng(0)
    drawn = [error(generator.random(len(claimed)) < claimed) for _ in range(DRAWS)]
    p_value = (1 + sum(value >= error(right) - 1e-9 for value in drawn)) / (1 + DRAWS)
    return p_value, "no more than chance" if p_value >= LEVEL else "exceeds what chance leaves"


def doubt(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"]), is_right(arrays)
    if right.all() or not right.any():
        return None, "no right and wrong answers"
    ranks = np.sort(stats.rankdata(claimed, method="ordinal")[~right])
    p_value = stats.mannwhitneyu(claimed[~right], claimed[right]).pvalue
    assert math.isclose(p_value, shown["facts"]["p_value"], rel_tol=1e-6)
    return int(ranks[(len(ranks) - 1) // 2]), figures(p_value)


def temperature(run, shown):
    with np.load(run / "validation.npz") as arrays:
        logits, labels = arrays["logits"].astype(np.float64), arrays["labels"]
    trials = np.geomspace(0.1, 10, 201)
    losses = np.array([-special.log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels].sum() for t in trials])
    near = trials[losses < losses.min() + 1.92]
    assert math.isclose(near[0], shown["facts"]["low"], rel_tol=0.03)
    assert math.isclose(near[-1], shown["facts"]["high"], rel_tol=0.03)
    assert shown["facts"]["errors"] == int((logits.argmax(axis=1) != labels).sum())
    chosen = model_of(run)["temperature"]
    if chosen == 1:
        return chosen, "T stays at 1"
    if shown["facts"]["low"] <= 1 <= shown["facts"]["high"]:
        return chosen, "nothing may be wrong"
    return chosen, "underconfident" if shown["facts"]["high"] < 1 else "overconfident"


def recalibration(run, shown):
    arrays = arrays_of(run)
    labels = arrays["labels"]
    losses = []
    for divisor in (1.0, temperature_of(run)):
        scores = (arrays["scores"] / np.float32(divisor)).astype(np.float64)
        losses.append(-special.log_softmax(scores, axis=1)[np.arange(len(labels)), labels])
    assert math.isclose(losses[0].mean(), metrics_of(run)["test"]["loss"], rel_tol=1e-6)
    assert math.isclose(losses[1].mean(), metrics_of(run)["test"]["calibration"]["loss"], rel_tol=1e-6)
    moved = np.ptp(losses[1] - losses[0]) > 0
    p_value = stats.ttest_rel(losses[1], losses[0]).pvalue if moved else 1.0
    verdict = "lowers NLL" if losses[1].mean() < losses[0].mean() else "raises NLL"
    return p_value, "by no more than sampling error" if p_value >= LEVEL else verdict


def confident_mistakes(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"], temperature_of(run)), is_right(arrays)
    sure = claimed > 0.9
    count = int((sure & ~right).sum())
    assert math.isclose(shown["facts"]["expected"], (1 - claimed)[sure].sum(), rel_tol=1e-6, abs_tol=1e-9)
    p_value = gap_by_chance(claimed[sure], right[sure]) if sure.any() else 1.0
    verdict = "too many" if count > (1 - claimed)[sure].sum() else "fewer than its confidence promised"
    return count, "Chance may explain it" if p_value >= LEVEL else verdict


def middle(run, shown):
    shares = arrays_of(run)["middle"]
    assert shown["facts"]["shares"] == shares.tolist()
    if not len(shares):
        return None, "no mistake to look into"
    p_value = stats.wilcoxon(shares, np.full(len(shares), 0.25)).pvalue if (shares != 0.25).any() else 1.0
    verdict = "gathers in the middle" if np.median(shares) > 0.25 else "avoids the middle"
    return shares.mean(), "may be chance" if p_value >= LEVEL else verdict


def hardest_of(run):
    """Return {corruption: bool (n,)} at the hardest strengths, as the curves have them."""
    robustness, arrays = json.loads((run / "robustness.json").read_text()), arrays_of(run)
    marks = dict(zip(robustness["corruptions"], arrays["corrupted_correct"], strict=True))
    for name, right in marks.items():
        assert math.isclose(right.mean(), min(robustness["curves"][name]["accuracy"]))
    return robustness, arrays, marks


def harm(run, shown):
    robustness, arrays, marks = hardest_of(run)
    clean = is_right(arrays)[arrays["chosen"]]
    assert math.isclose(robustness["clean"], clean.mean()) and len(clean) == robustness["images"]
    assert math.isclose(robustness["majority"], np.bincount(arrays["labels"][arrays["chosen"]]).max() / len(clean))
    low, _ = stats.binomtest(int(clean.sum()), len(clean)).proportion_ci(method="wilson")
    if len(clean) < 20 or low <= robustness["majority"]:
        return None, "cannot tell what harms"
    worst = min(marks, key=lambda name: marks[name].mean())
    others = [name for name in marks if name != worst]
    adjusted = adjust([sign_test(marks[worst], marks[name]) for name in others], family=28)
    tied = [worst, *(name for name, p in zip(others, adjusted, strict=True) if p >= LEVEL)]
    return ", ".join(tied), "no corruption harms more" if len(tied) == len(
        marks
    ) else f"lowest under {', '.join(tied[:1])} "


def confidence_on_corrupted(run, shown):
    _, arrays, marks = hardest_of(run)
    claims = dict(zip(marks, arrays["corrupted_confidence"], strict=True))
    adjusted = adjust([gap_by_chance(claims[name], right, 10 * DRAWS) for name, right in marks.items()])
    pairs = zip(marks.items(), adjusted, strict=True)
    over = [name for (name, right), p in pairs if p < LEVEL and claims[name].mean() > right.mean()]
    return len(over), f"under {len(over)} of {len(marks)}"


def upside_down(run, shown):
    found = json.loads((run / "robustness.json").read_text())["upside_down"]
    assert shown["facts"] == found
    support = metrics_of(run)["test"]["per_class"][str(names_of(run).index("6"))]["support"]
    assert support == found["images"]
    return found["as_nine"], f"{found['as_six']:,} as 6"


def filters(run, shown):
    import torch

    from helpers import checkpoints

    network = checkpoints.load_model(run).network
    kernels = next(values for values in network.state_dict().values() if values.ndim == 4).numpy()

    def imbalance(filters):
        flat = filters.mean(axis=1).reshape(len(filters), -1)
        return (np.abs(flat.sum(axis=1)) / np.abs(flat).sum(axis=1)).mean()

    layer = torch.nn.Conv2d(kernels.shape[1], kernels.shape[0], kernels.shape[2:])
    torch.manual_seed(1)  # other draws than those of the page
    drawn = []
    for _ in range(400):
        layer.reset_parameters()
        drawn.append(imbalance(layer.weight.detach().numpy()))
    assert math.isclose(shown["facts"]["trained"], imbalance(kernels), rel_tol=1e-5)
    assert math.isclose(shown["facts"]["untrained"], np.mean(drawn), rel_tol=0.05)
    far = abs(np.array(drawn) - np.mean(drawn)) >= abs(imbalance(kernels) - np.mean(drawn))
    p_value = (1 + far.sum()) / 401
    assert abs(p_value - shown["value"]) < 0.15
    return shown["value"], "cannot be told" if shown["value"] >= LEVEL else "in balance than"


RECOMPUTE = {
    function.__name__: function
    for function in (
        model,
        accuracy,
        overfitting,
        validation_and_test,
        leaks,
        recall_by_class,
        confusions,
        calibration,
        calibration_error,
        doubt,
        temperature,
        recalibration,
        confident_mistakes,
        middle,
        harm,
        confidence_on_corrupted,
        upside_down,
        filters,
    )
}
