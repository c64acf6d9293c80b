"""Which part of an image an answer rests on: parts are covered, one after another, and the answer is asked again.

Occlusion, by Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks. It takes a network as it is,
whatever its layers, and what it finds can be checked by hand.
"""

import numpy as np
import torch
from torch import Tensor, nn

from .corruptions import backgrounds
from .evaluation import predict


def occlusion_maps(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Return how much an answer rests on each pixel of `images`, float32 (n, k, h, w), in nats.

    `images` are uint8 (n, c, h, w), `labels` int64 (n, k): the classes that are asked for, right or wrong. A square
    slides over an image by half its side, and covers it with the image's background; a pixel's value is by how much the
    logarithm of the label's probability falls, as a mean over the four squares that cover the pixel. Below 0, what is
    there speaks against the label. Network and images stay as they are.
    """
    maps = [map_image(network, image, asked, device) for image, asked in zip(images, labels, strict=True)]
    return torch.stack(maps)


def middle_share(heat: Tensor) -> np.ndarray:
    """Return which share of the evidence in each map, float (n, h, w), lies in the middle quarter of its area: (n,).

    Evidence is what lies above 0; where there is none, the share is not a number.
    """
    positive = heat.clamp(min=0).numpy().astype(float)
    tall, wide = (length // 4 for length in positive.shape[1:])
    inside = positive[:, tall : positive.shape[1] - tall, wide : positive.shape[2] - wide].sum(axis=(1, 2))
    total = positive.sum(axis=(1, 2))
    return np.where(total > 0, inside / np.maximum(total, 1e-12), np.nan)


def map_image(network: nn.Module, image: Tensor, labels: Tensor, device: torch.device | str) -> Tensor:
    """Return the maps of one image, uint8 (c, h, w), for `labels`, int64 (k,), as above; float32 (k, h, w)."""
    squares = squares_over(*image.shape[-2:])
    background = backgrounds(image[None])[0].to(torch.uint8)
    covered = torch.where(squares[:, None], background, image)
    logits = predict(network, torch.cat([image[None], covered]), device)
    whole, others = logits.double().log_softmax(dim=1)[:, labels].split([1, len(squares)])
    sums = torch.einsum("sk,shw->khw", whole - others, squares.double())
    return (sums / squares.sum(dim=0)).float()


def squares_over(height: int, width: int) -> Tensor:
    """Return squares, bool (s, height, width), with a side of a sixth of the shorter side, half their side apart.

    The outermost ones lie half outside, so that four cover every pixel.
    """
    half = max(1, round(min(height, width) / 12))
    rows = stripes(height, half)
    columns = stripes(width, half)
    return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)


def stripes(length: int, half: int) -> Tensor:
    """Return bool (s, length): stretches of 2 * `half` places, each `half` further than the one before."""
    starts = torch.arange(-half, length, half)[:, None]
    places = torch.arange(length)
    return (places >= starts) & (places < starts + 2 * half)
