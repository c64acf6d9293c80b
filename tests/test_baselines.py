"""Simple classifiers, beside which a network is seen."""

import numpy as np
import pytest
import torch

from helpers import baselines, data


def tell_apart(channels, size):
    """Return a Split of dark, grey and light images, 10, 20 and 30 of them, with noise."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([10, 20, 30]))
    noise = torch.randint(0, 30, (60, channels, size, size), generator=torch.Generator().manual_seed(0))
    return data.Split((noise + 100 * labels[:, None, None, None]).clamp(0, 255).to(torch.uint8), labels)


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 44), (1, 20)])
def test_what_is_easy_is_right_and_the_majority_class_is_the_largest(channels, size):
    split = tell_apart(channels, size)
    predicted = baselines.predict(split, split.images, 3)
    assert tuple(predicted) == baselines.NAMES
    assert (predicted.pop("majority class") == 2).all()
    for labels in predicted.values():
        assert labels.dtype == np.int64
        assert np.array_equal(labels, split.labels.numpy())


@pytest.mark.filterwarnings("error")
def test_of_many_images_a_part_is_drawn_by_the_seed(monkeypatch):
    split = data.split(data.load("digits"))
    train, validation = split["train"], split["validation"]
    monkeypatch.setattr(baselines, "MOST", 100)
    first, again, other = (baselines.predict(train, validation.images, 10, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_each_learns_more_of_digits_than_the_majority_class():
    split = data.split(data.load("digits"))
    truth = split["validation"].labels.numpy()
    predicted = baselines.predict(split["train"], split["validation"].images, 10)
    accuracy = {name: (labels == truth).mean() for name, labels in predicted.items()}
    assert accuracy["majority class"] < 0.2
    assert accuracy["nearest mean image"] > 0.8
    assert accuracy["nearest neighbour"] > 0.9 and accuracy["softmax regression"] > 0.9


def test_a_class_without_training_images_is_refused():
    split = tell_apart(1, 28)
    with pytest.raises(ValueError, match="no training image"):
        baselines.predict(split, split.images, 4)
