"""Batches of images for training: shuffled, turned, zoomed, sheared and shifted, a whole batch at a time."""

import torch
from torch.nn.functional import affine_grid, grid_sample


def batches(split, batch_size, augmentation=None, device="cpu"):
    """Yield (images float32 (b, 1, h, w) from 0 to 255, labels int64 (b,)) over a shuffled data.Split, once around.

    `augmentation` holds the limits that `augment` takes. The last images, too few for a batch, sit out this round. The
    order and the augmentation come from torch's global random state.
    """
    order = torch.randperm(len(split.labels)).to(split.labels.device)
    for index in order.split(batch_size):
        if len(index) == batch_size:
            images = split.images[index].to(device).unsqueeze(1).float()
            if augmentation and any(augmentation.values()):
                images = augment(images, **augmentation)
            yield images, split.labels[index].to(device)


def augment(images, rotation=0.0, zoom=0.0, shear=0.0, shift=0.0):
    """Return a batch in which every image is turned, zoomed, sheared and shifted by amounts of its own.

    `images` float (b, 1, h, w), background 0. Amounts are drawn evenly from -limit to +limit: `rotation` and `shear`
    in degrees, `zoom` as a fraction, `shift` in pixels.
    """
    angle, size, slant, right, down = (torch.rand(5, len(images), device=images.device) * 2 - 1).unbind()
    return warp(images, angle * rotation, 1 + size * zoom, slant * shear, right * shift, down * shift)


def warp(images, rotation, size, shear, right, down):
    """Return images, float (b, 1, h, w), each turned and sheared (degrees), made `size` times as large, and moved.

    Amounts are tensors (b,); `right` and `down` in pixels. Sampling is bilinear; what comes from outside is 0.
    """
    height, width = images.shape[-2:]
    angle, slant = torch.deg2rad(rotation), torch.tan(torch.deg2rad(shear))
    scale = 1 / size  # the grid says where to look, so it shrinks where the image is to grow
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack(
        [cos, cos * slant - sin, -right * 2 / width, sin, sin * slant + cos, -down * 2 / height], dim=1
    )
    grid = affine_grid(matrix.view(-1, 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)
