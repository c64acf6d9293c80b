"""Batches of images for training: shuffled, rotated, zoomed, sheared and shifted, a whole batch at a time."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def batches(
    split: tuple[Tensor, Tensor],
    batch_size: int,
    augmentation: Mapping[str, float] | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (images, labels) of `split` in shuffled batches, each image at most once.

    `split` is a data.Split: images uint8 (n, c, h, w), labels int64 (n,). A batch has images float32 (b, c, h, w) from
    0 to 255 and labels int64 (b,), both on `device`. The last images, too few to fill a batch, are dropped.
    `augmentation` holds the limits that `augment` takes. The order and the augmentation come from torch's global
    random state.
    """
    images, labels = split
    order = torch.randperm(len(labels)).to(labels.device)
    for index in order.split(batch_size):
        if len(index) < batch_size:
            continue
        batch = images[index].to(device).float()
        if augmentation and any(augmentation.values()):
            batch = augment(batch, **augmentation)
        yield batch, labels[index].to(device)


def augment(images: Tensor, rotation: float = 0.0, zoom: float = 0.0, shear: float = 0.0, shift: float = 0.0) -> Tensor:
    """Return a batch in which every image is rotated, zoomed, sheared and shifted by amounts of its own.

    `images` is float (b, c, h, w) with background 0. Amounts are drawn evenly from -limit to +limit: `rotation` and
    `shear` in degrees, `zoom` as a fraction, `shift` in pixels. They come from torch's global random state.
    """
    amounts = torch.rand(5, len(images), device=images.device) * 2 - 1
    return warp(
        images,
        rotation=amounts[0] * rotation,
        size=1 + amounts[1] * zoom,
        shear=amounts[2] * shear,
        right=amounts[3] * shift,
        down=amounts[4] * shift,
    )


def warp(images: Tensor, rotation: Tensor, size: Tensor, shear: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Return images, float (b, c, h, w), each rotated and sheared (degrees), made `size` times as large, and moved.

    Amounts are tensors (b,); `right` and `down` are in pixels. Sampling is bilinear; what comes from outside is 0.
    """
    height, width = images.shape[-2:]
    angle = torch.deg2rad(rotation)
    slant = torch.tan(torch.deg2rad(shear))
    scale = 1 / size  # the grid says where to look, so it shrinks where the image is to grow
    cos = angle.cos() * scale
    sin = angle.sin() * scale
    across = [cos, cos * slant - sin, -right * 2 / width]
    along = [sin, sin * slant + cos, -down * 2 / height]
    matrix = torch.stack([*across, *along], dim=1).view(-1, 2, 3)
    grid = affine_grid(matrix, list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)
