"""What the walkthrough says of its network: each sentence beside its test, and its null."""

import numpy as np
import pytest
from scipy.stats import binom

from helpers import verdicts


def paired(ahead, behind, both=100):
    """Return whether each of two classifies an image correctly, bool (n,): `ahead` images only the first does."""
    one = np.repeat([True, False, True], [ahead, behind, both])
    return one, np.repeat([False, True, True], [ahead, behind, both])


@pytest.mark.parametrize(
    ("ahead", "behind", "said", "beaten"),
    [
        (20, 2, "more accurate than every baseline", 2),
        (2, 20, "More accurate than the network by more than sampling error: nearest (", 1),
        (9, 4, "Not told apart from the network: nearest;", 1),
        (0, 0, "Not told apart from the network: nearest;", 1),
    ],
)
def test_a_network_is_held_against_every_baseline_by_mcnemars_test(ahead, behind, said, beaten):
    network, nearest = paired(ahead, behind)
    verdict = verdicts.against_baselines(network, {"majority": np.zeros_like(nearest), "nearest": nearest})
    assert said in verdict.sentence and verdict.value == beaten
    assert verdict.facts["only_one"]["nearest"] == [ahead, behind]
    alone = min(1, 2 * binom.cdf(min(ahead, behind), ahead + behind, 0.5))
    assert verdict.facts["p_values"]["nearest"] == pytest.approx(alone)  # the larger of the two, by Holm


def test_equals_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    draws = generator.random((2, 300, 200)) < 0.9
    found = [verdicts.against_baselines(one, {"it": other}) for one, other in zip(*draws, strict=True)]
    assert np.mean(["Not told apart" not in verdict.sentence for verdict in found]) <= 0.02
