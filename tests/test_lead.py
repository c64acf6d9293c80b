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
    assert shown.findings[1:] == ("There is one epoch, so there is nothing to compare.", "There is no mistake to sort.")


def results(right, images, baselines):
    accuracy = verdicts.accuracy(some(right, images), {name: some(hits, images) for name, hits in baselines.items()})
    error = verdicts.calibration_error(np.full(images, 0.9), some(right, images))
    three = [verdicts.doubt(np.full(images, 0.9), some(right, images))] * 3
    return lead.results(accuracy, error, three, [{"seconds": 2.04}, {"seconds": 2.0}])


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
    assert tiles["calibration error"][0] == "0.0900" and tiles["calibration error"][1].startswith("by chance up to 0.0")


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


@pytest.mark.parametrize(
    ("finding", "tiles", "findings"),
    [
        ("It is so.", [lead.Tile("a", "1")] * 2, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "1")] * 5, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "1")] * 3, ["it"] * 2),
        ("It is nan% so.", [lead.Tile("a", "1")] * 3, ["it"] * 3),
        ("It is so.", [lead.Tile("a", "nan%")] * 3, ["it"] * 3),
    ],
)
def test_what_a_page_has_no_room_for_and_what_is_no_number_is_refused(finding, tiles, findings):
    with pytest.raises(ValueError, match=r"a lead has|not a number"):
        lead.Lead(finding, tuple(tiles), tuple(findings))
