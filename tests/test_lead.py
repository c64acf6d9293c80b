"""What a page says first: each sentence beside the verdicts that it is made of, and the tiles."""

import numpy as np
import pytest

from helpers import lead, verdicts


def some(correct, total):
    return np.arange(total) < correct


def tiles_of(shown):
    return {tile.label: (tile.value, tile.detail) for tile in shown.tiles}


def training(train, validation, epochs=3, best=80):
    """Return the Lead of a training; `train` and `validation` are pairs, how many images are right and how many are."""
    right, images = validation
    overfitting = verdicts.overfitting(some(*train), some(*validation))
    labels = np.arange(images) % 3
    predicted = np.tile(np.where(some(right, images), labels, (labels + 1) % 3), (epochs, 1))
    falling = verdicts.falling_rate(np.linspace(1, 0.1, epochs), predicted, labels)
    table = np.zeros((3, 3), dtype=int)
    np.add.at(table, (labels, predicted[-1]), 1)
    confusion = verdicts.confusions(table, ("one", "two", "three"))
    hits = {"majority class": 1, "nearest neighbour": best, "network": right}
    return lead.training(overfitting, falling, confusion, hits, np.full(epochs, 40.0))


@pytest.mark.parametrize(
    ("train", "validation", "said"),
    [
        ((1000, 1000), (900, 1000), "training images better by more than sampling error"),
        ((900, 1000), (1000, 1000), "training images worse by more than sampling error"),
        ((1000, 1000), (1000, 1000), "training images neither better nor worse by more than sampling error"),
        ((20, 30), (4, 6), "training images neither better nor worse by more than sampling error"),
    ],
)
def test_a_training_is_compared_as_its_verdict_has_it(train, validation, said):
    shown = training(train, validation, best=1)
    assert said in shown.finding
    assert f"After 3 epochs the network classifies {validation[0] / validation[1]:.2%} of" in shown.finding


def test_a_training_has_its_figures_with_intervals():
    shown = training((990, 1000), (95, 100))
    assert tiles_of(shown) == {
        "validation accuracy": ("95.00%", "95% interval 88.82 to 97.85%"),
        "mistakes": ("5", "of 100 validation images"),
        "best baseline": ("80.00%", "nearest neighbour, 95% interval 71.12 to 86.66%"),
        "training time": ("2 min 00 s", "3 epochs"),
    }


def test_one_epoch_and_no_mistake_are_said_in_the_singular_and_claim_nothing():
    shown = training((30, 30), (6, 6), epochs=1, best=6)
    assert shown.finding.startswith("After 1 epoch the network classifies 100.00% of 6 validation images correctly")
    assert tiles_of(shown)["mistakes"][0] == "0" and tiles_of(shown)["training time"] == ("40 s", "1 epoch")
    assert "there is one epoch, so there is nothing to compare" in shown.findings[1]
    assert shown.findings[2] == "There is no mistake to sort."


def results(right, images, baselines):
    accuracy = verdicts.accuracy(some(right, images), {name: some(hits, images) for name, hits in baselines.items()})
    error = verdicts.calibration_error(np.full(images, 0.9), some(right, images))
    three = [verdicts.doubt(np.full(images, 0.9), some(right, images))] * 3
    return lead.results(accuracy, error, 0.1234, three, [{"seconds": 2.04}, {"seconds": 2.0}])


@pytest.mark.parametrize(
    ("right", "baselines", "said"),
    [
        (990, {"majority class": 100, "nearest neighbour": 900}, "a larger share than any baseline"),
        (900, {"majority class": 100, "nearest neighbour": 990}, "a smaller share than nearest neighbour"),
        (
            900,
            {"majority class": 100, "nearest neighbour": 901},
            "a share not told apart from that of nearest neighbour",
        ),
        (1000, {"majority class": 1000}, "a share not told apart from that of majority class"),
    ],
)
def test_results_are_compared_with_baselines_as_the_verdict_has_it(right, baselines, said):
    finding = results(right, 1000, baselines).finding
    assert finding == f"The network classifies {right / 1000:.2%} of 1,000 test images correctly, {said}."


def test_results_have_four_figures():
    shown = results(990, 1000, {"majority class": 100})
    tiles = tiles_of(shown)
    assert list(tiles) == ["test accuracy", "mistakes", "calibration error", "training time"]
    assert tiles["mistakes"] == ("10", "of 1,000 test images") and tiles["training time"] == ("4.0 s", "2 epochs")
    assert tiles["calibration error"][0] == "0.0900" and tiles["calibration error"][1].startswith(
        "at T; 0.1234 as trained; chance leaves up to 0.0"
    )


def walkthrough(right, images, baselines):
    network = some(right, images)
    beside = verdicts.against_baselines(network, {name: some(hits, images) for name, hits in baselines.items()})
    overfitting = verdicts.overfitting(network, network)
    by_class = verdicts.recall_by_class(np.diag([5, 5]), ("one", "other"))
    return lead.walkthrough(beside, overfitting, by_class, some(images // 10, images), 1, 12345)


@pytest.mark.parametrize(
    ("right", "baselines", "said"),
    [
        (990, {"majority class": 100, "nearest neighbour": 900}, "a larger share than any baseline"),
        (900, {"majority class": 100, "nearest neighbour": 990}, "a smaller share than nearest neighbour"),
        (
            900,
            {"majority class": 899, "nearest neighbour": 901},
            "not told apart from that of majority class and nearest",
        ),
    ],
)
def test_the_walkthrough_is_compared_with_baselines_as_the_verdict_has_it(right, baselines, said):
    shown = walkthrough(right, 1000, baselines)
    assert shown.finding.startswith(
        f"After 1 step the network classifies {right / 1000:.2%} of 1,000 validation images"
    )
    assert said in shown.finding
    best = max(baselines, key=baselines.get)
    assert tiles_of(shown)["best baseline"][0] == f"{baselines[best] / 1000:.2%}"
    assert tiles_of(shown)["before training"][0] == "10.00%" and tiles_of(shown)["parameters"][0] == "12,345"


@pytest.mark.parametrize(
    ("suspected", "leaked", "copies_said", "labels_said"),
    [(0, 0, "find no test image with ", "suspect none."), (1, 12, "find 12 test images with ", "suspect 1.")],
)
def test_a_dataset_is_counted(suspected, leaked, copies_said, labels_said):
    ladder = verdicts.ladder_of_rules({"majority class": some(10, 100), "nearest neighbour": some(90, 100)})
    copies = verdicts.copies_in_test(leaked, 1000)
    labels = {"checked": 5000, "suspected": suspected, "classes": 2}
    shown = lead.eda(ladder, verdicts.class_shares([90, 90], [10, 10]), copies, 3, 12000, labels)
    assert shown.finding.startswith("Among 12,000 images of 2 classes the checks ")
    assert copies_said in shown.finding and f"of 5,000 labels they {labels_said}" in shown.finding
    assert tiles_of(shown)["best simple rule"] == ("90.00%", "nearest neighbour, 95% interval 82.56 to 94.48%")
    assert tiles_of(shown)["suspected labels"] == (f"{suspected}", "of 5,000 checked")
    shown = lead.eda(ladder, verdicts.class_shares([90, 90], [10, 10]), copies, 3, 12000, labels | {"checked": 0})
    assert shown.finding.endswith("outside test; no label could be checked.")
    assert tiles_of(shown)["suspected labels"] == (f"{suspected}", "no label could be checked")


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"wide": 990, "small": 100, "linear": 90}, "; all others are told apart from it."),
        ({"wide": 990, "small": 989, "linear": 988}, "; none of the others is told apart from it."),
        ({"wide": 990, "small": 989, "linear": 90}, "; not told apart from it: `small`."),
    ],
)
def test_candidates_are_told_apart_as_the_shortlist_has_it(right, said):
    sizes = {"wide": 3000, "small": 2000, "linear": 1000}
    shortlist = verdicts.shortlist({name: some(hits, 1000) for name, hits in right.items()}, sizes)
    shown = lead.prototyping(shortlist, [shortlist] * 3, sizes, 61.0, 3)
    assert shown.finding.startswith(
        "Of 3 small networks `wide` has the highest accuracy, 99.00% of 1,000 validation images"
    )
    assert shown.finding.endswith(said)
    assert tiles_of(shown)["on the shortlist"] == (f"{len(shortlist.facts['shortlist'])}", "of 3 candidates")
    assert tiles_of(shown)["fewest parameters on it"] == (f"{sizes[shortlist.value]:,}", shortlist.value)


def comparison(ties, recipes=("best", "fast", "linear"), low=0.99):
    names = list(recipes)
    facts = {"pairs": 3, "told_apart": 3 - len(ties), "ties": [list(pair) for pair in ties]}
    told = verdicts.Verdict("told_apart", 1, "Told apart.", facts)
    return lead.comparison(told, [told] * 3, names, (0.995, low, 0.998), 15, 351.0)


@pytest.mark.parametrize(
    ("ties", "said"),
    [
        ([], "; all others are told apart from it."),
        ([("best", "fast")], "; not told apart from it: `fast`."),
        ([("fast", "linear")], "; all others are told apart from it."),
        ([("best", "fast"), ("best", "linear")], "; none of the others is told apart from it."),
    ],
)
def test_the_first_recipe_is_told_apart_as_the_pairs_have_it(ties, said):
    shown = comparison(ties)
    assert shown.finding == f"Of 3 recipes `best` has the highest mean accuracy, 99.50% of the test images{said}"
    assert tiles_of(shown)["highest mean accuracy"] == ("99.50%", "best, 95% interval 99.00 to 99.80%")


def test_one_recipe_of_one_training_has_neither_others_nor_an_interval():
    shown = comparison([], ["best"], low=float("nan"))
    assert shown.finding == "Of 1 recipe `best` has the highest mean accuracy, 99.50% of the test images."
    assert tiles_of(shown)["highest mean accuracy"] == ("99.50%", "best, one training")


def test_photographs_that_were_read_are_counted():
    missed = ~some(150, 160)
    gain = verdicts.framing_gain(~missed, some(40, 160))
    hardest = verdicts.hardest_kind(missed, ["shadow", "chalk"] * 80)
    sure = verdicts.sure_answers(~missed, [True] * 140 + [False] * 20, some(158, 160))
    shown = lead.reading(gain, hardest, sure)
    assert "Of 160 photographs that were made here the network reads 93.75% correctly" in shown.finding
    assert shown.finding.endswith("plainly shrunk, 25.00%.") and shown.findings[2] == sure.sentence
    assert tiles_of(shown)["no digit found"] == ("2", "of 160 photographs")
    assert tiles_of(shown)["sure, and wrong"] == ("0", "of 140 sure answers")


@pytest.mark.parametrize(("unsure", "said"), [(None, ("-", "not known by this reader")), (2, ("2", ""))])
def test_photographs_of_ones_own_are_counted_and_nothing_is_tested(unsure, said):
    shown = lead.answers("A digit was found on **5 of 6** photographs.", 6, 5, unsure)
    assert tiles_of(shown)["of them unsure"] == said and tiles_of(shown)["without an answer"] == ("1", "of 6")
    bundle = shown._repr_mimebundle_()
    assert bundle["text/markdown"] == shown.finding and bundle[lead.FORMAT]["findings"] == []


def published(p_values, apart=4):
    facts = {"compared": 16, "told_apart": apart}
    steps = verdicts.Verdict("steps_of_all", apart, "Steps told apart.", facts)
    averages = verdicts.averages({}, p_values)
    return lead.published(steps, averages, verdicts.beside_reported([]), 52)


def test_steps_of_published_networks_are_counted():
    shown = published({})
    assert "Of 16 steps from what READMEs state to our training 4 change the" in shown.finding
    assert " our training 1 changes the accuracy by more than" in published({}, 1).finding
    assert tiles_of(shown)["unlike their README"] == ("0", "of 0 networks")


def test_where_no_step_is_told_apart_none_is_said_to_change_nothing():
    finding = published({}, 0).finding
    assert "none is told apart: sampling error may explain each" in finding and "0 change" not in finding


def test_speed_is_said_of_what_was_measured_and_of_nothing_else():
    goals = verdicts.goals_reached([{"recipe": "best", "verdict": "missed"}])
    ratios = {"one": (1.5, 2.0), "other": (0.5, 3.0)}
    straight = verdicts.off_the_line("images", [1, 2, 3], [1, 2, 3])
    shown = lead.speed(verdicts.times_less(ratios), straight, goals, ratios, {"training": 60.0, "imports": 14.0})
    assert (
        shown.finding
        == "In 1 of 2 comparisons, like with like, our training took less time than a plain loop in every round."
    )
    assert tiles_of(shown)["times less time"] == ("0.5 to 3.0", "over all rounds of 2 comparisons")
    assert tiles_of(shown)["a whole run"][0] == "1 min 14 s" and tiles_of(shown)["goals missed"] == ("1", "of 1 goal")
    nothing = lead.speed(verdicts.times_less({}), verdicts.off_the_line("images", [], []), goals, {}, {})
    assert nothing.finding == "Nothing was timed like with like yet: `make bench-speed` does."
    assert list(tiles_of(nothing)) == ["faster in every round", "off a straight line", "goals missed"]
    assert tiles_of(nothing)["off a straight line"][0] == "-"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_time_is_said_in_two_units_at_most(seconds, said):
    assert lead.time_taken("time", seconds, "") == lead.Tile("time", said, "")


def test_a_notebook_gets_sentences_and_a_page_gets_all_of_it():
    shown = training((990, 1000), (95, 100))
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/markdown", "text/plain", "application/vnd.digits.lead+json"}
    fields = bundle[lead.FORMAT]
    assert set(fields) == {"finding", "tiles", "findings"} and fields["finding"] == shown.finding
    assert [set(tile) for tile in fields["tiles"]] == [{"label", "value", "detail"}] * 4
    assert all(f"\n- {sentence}" in bundle["text/markdown"] for sentence in fields["findings"])
    assert bundle["text/markdown"].startswith(f"{shown.finding}\n\n- ")


def test_a_name_may_be_a_word_that_is_no_number():
    tiles = [lead.Tile("best rule", "1.00%", "nan, 95% interval 0.50 to 1.50%")] * 3
    assert lead.Lead("It is better than nan and inf.", tuple(tiles), ()).tiles[0].value == "1.00%"


@pytest.mark.parametrize(
    ("finding", "tiles", "findings"),
    [
        ("It is so.", [lead.Tile("a", "1")] * 2, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "1")] * 5, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "1")] * 3, ["it"] * 2),
        ("It is nan% so.", [lead.Tile("a", "1")] * 3, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "nan%")] * 3, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "0.1", "chance leaves up to nan")] * 3, ["it"] * 3),
    ],
)
def test_what_a_page_has_no_room_for_and_what_is_no_number_is_refused(finding, tiles, findings):
    with pytest.raises(ValueError, match=r"a lead has|not a number"):
        lead.Lead(finding, tuple(tiles), tuple(findings))
