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


def in_words(names):
    """Return names as a sentence lists them."""
    if len(names) > 8:
        return f"{', '.join(names[:8])} and {len(names) - 8} more"
    return " and ".join(", ".join(names).rsplit(", ", 1)) if len(names) > 1 else names[0]


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
    if p_value < 0.0001:
        return "p < 0.0001"
    return f"p = {p_value:.3g}" if 0.0095 <= p_value < 0.0105 else f"p = {p_value:.2g}"


def near(shown, share, draws=DRAWS):
    """Whether a p-value found by `draws` and one found here by other draws, 4 * DRAWS, may be the same."""
    spread = math.sqrt(max(share * (1 - share), 1 / draws) * (1 / draws + 1 / (4 * DRAWS)))
    return abs(shown - share) <= 5 * spread + 2 / draws


def is_clear(share, draws=DRAWS):
    """Whether a p-value found here lies so far from LEVEL that other draws lie on the same side."""
    return abs(share - LEVEL) > 5 * math.sqrt(LEVEL / draws)


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


def gap_by_chance(claimed, right):
    """Return Poisson's binomial p, two-sided, by the Fourier transform of its characteristic function."""
    turns = np.exp(2j * np.pi * np.arange(len(claimed) + 1) / (len(claimed) + 1)) - 1
    logs = sum(np.log(1 + p * turns + 1e-300) for p in claimed)
    chances = np.fft.fft(np.exp(logs)).real / (len(claimed) + 1)
    distances = abs(np.arange(len(claimed) + 1) - claimed.sum())
    return min(1.0, max(0.0, chances[distances >= abs(right.sum() - claimed.sum()) - 1e-9].sum()))


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
    beaten = [name for name, p in zip(beside, adjusted, strict=True) if p < LEVEL and right.sum() > beside[name].sum()]
    better = [name for name, p in zip(beside, adjusted, strict=True) if p < LEVEL and name not in beaten]
    tied = [f"{name} ({beside[name].mean():.2%})" for name, p in zip(beside, adjusted, strict=True) if p >= LEVEL]
    if better:
        more = in_words([f"{name} ({beside[name].mean():.2%})" for name in better])
        return right.mean(), f"More accurate than the network by more than sampling error: {more}"
    if len(beaten) == len(beside):
        return right.mean(), "beats every baseline"
    rest = in_words(tied)
    known = "" if beaten else "It beats no baseline by more than sampling error; "
    return right.mean(), f"{known}not told apart: {rest}"


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
    if not len(copies):
        return 0, f"No copy of any of the {len(right):,} test images"
    if len(copies) == len(right):
        return len(copies), "nothing of new images"
    rest = np.delete(right, copies)
    p_value = stats.fisher_exact([[(~part).sum(), part.sum()] for part in (right[copies], rest)]).pvalue
    assert math.isclose(p_value, shown["facts"]["p_value"], rel_tol=1e-6)
    return len(copies), "are not told apart" if p_value >= LEVEL else "trust the latter"


def recall_by_class(run, shown):
    table = np.array(metrics_of(run)["test"]["confusion_matrix"])
    hits, images = np.diag(table), table.sum(axis=1)
    assert shown["facts"]["hits"] == hits.tolist() and shown["facts"]["images"] == images.tolist()
    rows = [(n - h, h) for n, h in zip(images, hits, strict=True)]
    p_values = [stats.fisher_exact([row, np.sum(rows, axis=0) - row]).pvalue for row in np.array(rows)]
    smallest = min(1.0, len(rows) * min(p_values))
    assert shown["facts"]["p_values"][0] == smallest
    if smallest >= LEVEL:
        return smallest, "No class's recall differs detectably"
    left, below, above = list(range(len(rows))), [], []
    while len(left) > 1:
        table = np.array(rows)[left]
        p_values = [stats.fisher_exact([row, table.sum(axis=0) - row]).pvalue for row in table]
        shares = table[:, 1] / np.maximum(table.sum(axis=1), 1)
        place = min(range(len(left)), key=lambda place: (p_values[place], shares[place]))
        if len(left) * p_values[place] >= LEVEL:
            break
        is_below = shares[place] < table[:, 1].sum() / table.sum()
        (below if is_below else above).append(names_of(run)[left.pop(place)])
    if below and above:
        return smallest, f"lower than in the rest for {in_words(below)} and higher for {in_words(above)} "
    return smallest, f"lower than in the other classes for {in_words(below)} " if below else f" for {in_words(above)} "


def confusions(run, shown):
    return confusions_of(np.array(metrics_of(run)["test"]["confusion_matrix"]), names_of(run), shown)


def confusions_of(table, names, shown):
    """Return (p, phrase): the errors of each true class are dealt out one by one, by draws other than the page's."""
    off = np.where(np.eye(len(table), dtype=bool), 0, table)
    assert shown["facts"]["images"] == int(table.sum()) and shown["facts"]["mistakes"] == int(off.sum())
    if not off.any():
        return shown["value"], "no mistake to sort"
    generator, others = np.random.default_rng(1), len(table) - 1
    smallest = np.ones(4 * DRAWS)
    for count in off.sum(axis=1):
        if count:
            dealt = np.sort(generator.integers(others, size=(4 * DRAWS, count)), axis=1)
            most = np.array([np.bincount(row).max() for row in dealt])
            smallest = np.minimum(smallest, stats.binom.sf(most - 1, count, 1 / others))
    tails = stats.binom.sf(off - 1, off.sum(axis=1, keepdims=True), 1 / others)
    true, given = np.unravel_index(tails.argmin(), tails.shape)
    share = (1 + (smallest <= tails.min() * (1 + 1e-9)).sum()) / (1 + 4 * DRAWS)
    assert shown["facts"]["most"] == off[true].max() and near(shown["value"], share)
    if (share if is_clear(share) else shown["value"]) >= LEVEL:
        return shown["value"], "No confusion is more frequent"
    return shown["value"], f"class {names[true]} is taken for class {names[given]} in {off[true, given]} of its "


def calibration(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"]), is_right(arrays)
    assert math.isclose(shown["facts"]["confidence"], claimed.mean(), rel_tol=1e-6)
    p_value = gap_by_chance(claimed, right)
    verdict = "overconfident" if claimed.mean() > right.mean() else "underconfident"
    return p_value, "does not differ from accuracy" if p_value >= LEVEL else verdict


def calibration_error(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"], temperature_of(run)), is_right(arrays)
    places = np.minimum((claimed * 15).astype(int), 14)

    def error(answers):
        sums = [abs((claimed - answers)[places == place].sum()) for place in np.unique(places)]
        return sum(sums) / len(claimed)

    assert math.isclose(error(right), metrics_of(run)["test"]["calibration"]["ece"], rel_tol=1e-6)
    generator = np.random.default_rng(1)
    drawn = [error(generator.random(len(claimed)) < claimed) for _ in range(4 * DRAWS)]
    share = (1 + sum(value >= error(right) - 1e-9 for value in drawn)) / (1 + 4 * DRAWS)
    assert near(shown["value"], share)
    p_value = share if is_clear(share) else shown["value"]
    return shown["value"], "no more than chance" if p_value >= LEVEL else "exceeds what chance leaves"


def doubt(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"]), is_right(arrays)
    if right.all() or not right.any():
        return None, "no right and wrong answers"
    ranks = np.sort(stats.rankdata(claimed, method="ordinal")[~right])
    p_value = stats.mannwhitneyu(claimed[~right], claimed[right]).pvalue
    assert math.isclose(p_value, shown["facts"]["p_value"], rel_tol=1e-6)
    place = int(ranks[(len(ranks) - 1) // 2])
    if len(ranks) == 1:
        return place, f"the only mistake is number {place:,} of"
    if p_value >= LEVEL:
        return place, "not told apart by their confidence"
    middles = [stats.rankdata(claimed)[part].mean() for part in (right, ~right)]
    return place, "Wrong answers are less" if middles[0] > middles[1] else "Wrong answers are more"


def temperature(run, shown):
    with np.load(run / "validation.npz") as arrays:
        logits, labels = arrays["logits"].astype(np.float64), arrays["labels"]
    trials = np.geomspace(0.1, 10, 4001)
    losses = np.array([-special.log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels].sum() for t in trials])
    near = trials[losses < losses.min() + 1.92]
    assert math.isclose(near[0], shown["facts"]["low"], rel_tol=0.003)
    assert math.isclose(near[-1], shown["facts"]["high"], rel_tol=0.003)
    assert shown["facts"]["errors"] == int((logits.argmax(axis=1) != labels).sum())
    chosen = model_of(run)["temperature"]
    if chosen == 1:
        return chosen, "T stays at 1"
    if shown["facts"]["low"] <= 1 <= shown["facts"]["high"]:
        return chosen, "there may be nothing to correct"
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
    mistakes = int((~is_right(arrays)).sum())
    assert shown["facts"]["mistakes"] == mistakes
    if np.ptp(losses[1] - losses[0]) == 0:
        return 1.0, "NLL stays at"
    if mistakes < 50:
        return None, "too often find what is not there"
    verdict = "lowers NLL" if losses[1].mean() < losses[0].mean() else "raises NLL"
    p_value = stats.ttest_rel(losses[1], losses[0]).pvalue
    return p_value, "may be sampling error" if p_value >= LEVEL else verdict


def confident_mistakes(run, shown):
    arrays = arrays_of(run)
    claimed, right = confidence(arrays["scores"], temperature_of(run)), is_right(arrays)
    sure = claimed > 0.9
    count = int((sure & ~right).sum())
    assert math.isclose(shown["facts"]["expected"], (1 - claimed)[sure].sum(), rel_tol=1e-6, abs_tol=1e-9)
    p_value = gap_by_chance(claimed[sure], right[sure]) if sure.any() else 1.0
    if not sure.any() or right.all():
        return count, "No test image is misclassified" if sure.any() else "no answer has more than 90%"
    verdict = "too many" if count > (1 - claimed)[sure].sum() else "fewer than its confidence promised"
    return count, "the gap may be chance" if p_value >= LEVEL else verdict


def middle(run, shown):
    pairs = arrays_of(run)["middle"]
    evidence, drawn = pairs[:, np.isfinite(pairs.sum(axis=0))]
    assert (shown["facts"]["evidence"], shown["facts"]["drawn"]) == (evidence.tolist(), drawn.tolist())
    if not len(evidence):
        return None, "No mistake was looked into"
    if len(evidence) < 8:
        return evidence.mean(), "Too few to test"
    p_value = stats.wilcoxon(evidence, drawn).pvalue if (evidence != drawn).any() else 1.0
    verdict = "closer to the middle" if np.median(evidence - drawn) > 0 else "further from the middle"
    return evidence.mean(), "may be chance" if p_value >= LEVEL else verdict


def hardest_of(run):
    """Return {corruption: bool (n,)} at the hardest strengths, the end of each curve that is farthest from neutral."""
    robustness, arrays = json.loads((run / "robustness.json").read_text()), arrays_of(run)
    marks = dict(zip(robustness["corruptions"], arrays["corrupted_correct"], strict=True))
    for name, right in marks.items():
        end = 0 if name in ("zoom", "contrast") else -1
        assert math.isclose(right.mean(), robustness["curves"][name]["accuracy"][end])
    return robustness, arrays, marks


def harm(run, shown):
    robustness, arrays, marks = hardest_of(run)
    clean = is_right(arrays)[arrays["chosen"]]
    assert math.isclose(robustness["clean"], clean.mean()) and len(clean) == robustness["images"]
    assert math.isclose(robustness["majority"], np.bincount(arrays["labels"][arrays["chosen"]]).max() / len(clean))
    low, _ = stats.binomtest(int(clean.sum()), len(clean)).proportion_ci(method="wilson")
    if len(clean) < 20:
        return None, "too few to tell what harms"
    if low <= robustness["majority"]:
        return None, "cannot tell what harms"
    found = {}
    for way, pick in (("lowest", min), ("highest", max)):
        extreme = pick(marks, key=lambda name: marks[name].mean())
        others = [name for name in marks if name != extreme]
        adjusted = adjust([sign_test(marks[extreme], marks[name]) for name in others], family=28)
        found[way] = [extreme, *(name for name, p in zip(others, adjusted, strict=True) if p >= LEVEL)]
    worst = ", ".join(found["lowest"])
    both = set(found["lowest"]) & set(found["highest"])
    if both & {found["lowest"][0], found["highest"][0]}:
        return worst, "no corruption is told apart"
    found = {way: [name for name in names if name not in both] for way, names in found.items()}
    said = [
        f"{'among the ' * (len(names) > 1 or bool(both))}{way} under {in_words(names)}" for way, names in found.items()
    ]
    return worst, " and ".join(said)


def confidence_on_corrupted(run, shown):
    _, arrays, marks = hardest_of(run)
    claims = dict(zip(marks, arrays["corrupted_confidence"], strict=True))
    adjusted = adjust([gap_by_chance(claims[name], right) for name, right in marks.items()])
    pairs = zip(marks.items(), adjusted, strict=True)
    over = [name for (name, right), p in pairs if p < LEVEL and claims[name].mean() > right.mean()]
    return len(over), f"under {len(over)} of {len(marks)}"


def upside_down(run, shown):
    found = json.loads((run / "robustness.json").read_text())["upside_down"]
    assert shown["facts"] == found
    support = metrics_of(run)["test"]["per_class"][str(names_of(run).index("6"))]["support"]
    assert support == found["images"]
    return found["as_nine"], f"{found['as_nine']:,} are classified as 9 and {found['as_six']:,} as 6"


def filters(run, shown):
    import torch

    from helpers import checkpoints, forms, models

    network = checkpoints.load_model(run).network
    kernels = next(values for values in network.state_dict().values() if values.ndim == 4).numpy()
    about, form = model_of(run), forms.of_description(model_of(run))

    def imbalance(filters):
        flat = filters.mean(axis=1).reshape(len(filters), -1)
        return (np.abs(flat.sum(axis=1)) / np.abs(flat).sum(axis=1)).mean()

    drawn = []
    for seed in range(2_000_003, 2_000_203):  # other draws than those of the page
        torch.manual_seed(seed)
        layers = models.NETWORKS[about["recipe"]["network"]](len(names_of(run)), form.channels, form.size)
        drawn.append(
            imbalance(
                next(values for values in torch.nn.Sequential(layers).parameters() if values.ndim == 4).detach().numpy()
            )
        )
    drawn = np.array(drawn)
    assert math.isclose(shown["facts"]["trained"], imbalance(kernels), rel_tol=1e-5)
    assert math.isclose(shown["facts"]["untrained"], drawn.mean(), rel_tol=0.1)
    share = (1 + (abs(drawn - drawn.mean()) >= abs(imbalance(kernels) - drawn.mean())).sum()) / 201
    assert abs(share - shown["value"]) < 0.25
    if shown["value"] >= LEVEL:
        return shown["value"], "cannot be told"
    return shown["value"], "more in balance" if imbalance(kernels) < drawn.mean() else "less in balance"


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
