"""Saliency: on networks whose answer is known to rest on certain pixels, and on every network as it is."""

import numpy as np
import pytest
import torch
from torch import nn

from helpers import models, saliency


class Corner(nn.Module):
    """A network whose score for class 1 is the brightness of the upper left quarter, in units of 1/255."""

    def forward(self, images):
        half = images.shape[-1] // 2
        light = images[:, :, :half, :half].mean(dim=(1, 2, 3)) / 255
        return torch.stack([torch.zeros_like(light), 8 * light], dim=1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 24, 24), (3, 96, 96)])
def test_a_map_is_high_where_the_answer_comes_from_and_zero_elsewhere(shape):
    images = torch.full((2, *shape), 200, dtype=torch.uint8)
    images[:, :, 0] = images[:, :, -1] = 0  # the border, and so the background
    images[:, :, :, 0] = images[:, :, :, -1] = 0
    maps = saliency.occlusion_maps(Corner(), images, torch.tensor([[1], [0]]))[:, 0]
    half, reach = shape[1] // 2, 2 * round(shape[1] / 12)
    assert maps.shape == (2, *shape[1:]) and maps.dtype == torch.float32
    assert (maps[0, 1 : half - reach, 1 : half - reach] > 0).all()
    assert (maps[1, 1 : half - reach, 1 : half - reach] < 0).all()  # the same pixels speak against the other class
    outside = maps.clone()
    outside[:, : half + reach, : half + reach] = 0
    assert outside.abs().max() == 0
    both = saliency.occlusion_maps(Corner(), images, torch.tensor([[0, 1], [0, 1]]))
    assert torch.equal(both[0, 1], maps[0]) and torch.equal(both[1, 0], maps[1])


def test_the_fall_is_that_of_the_logarithm_of_the_probability():
    image = torch.zeros(1, 12, 12, dtype=torch.uint8)
    image[0, 3, 3] = 255  # sides of 2, a step of 1: four squares cover it, and each takes all of its light
    before = torch.tensor([0, 8 / 36.0]).log_softmax(0)[1]
    expected = before - torch.tensor(0.5).log()
    ((found,),) = saliency.occlusion_maps(Corner(), image[None], torch.tensor([[1]]))
    assert found[3, 3] == pytest.approx(expected.item(), abs=1e-6)
    assert found[3, 2] == pytest.approx(expected.item() / 2, abs=1e-6)  # two of its four squares take the light


@pytest.mark.parametrize("length", [16, 28, 33, 96, 256])
def test_four_squares_cover_every_pixel(length):
    squares = saliency.squares_over(length, length)
    assert (squares.sum(dim=0) == 4).all() and len(squares) <= 400


@pytest.mark.parametrize("name", models.NETWORKS)
def test_every_network_is_asked_as_it_is_and_stays_so(name):
    network = models.build(name).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8)
    maps = saliency.occlusion_maps(network, images, torch.tensor([[3, 4], [4, 5]]))
    assert maps.shape == (2, 2, 28, 28) and maps.isfinite().all() and maps.abs().max() > 0 and network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_share_of_the_evidence_in_the_middle():
    heat = torch.zeros(4, 8, 8)
    heat[0] = 1.0  # evenly spread
    heat[1, 3:5, 3:5] = 2.0  # in the middle alone
    heat[2, 0, 0], heat[2, 4, 4] = 1.0, -9.0  # what speaks against counts nowhere
    assert saliency.middle_share(heat)[:3].tolist() == [0.25, 1.0, 0.0] and np.isnan(saliency.middle_share(heat)[3])
