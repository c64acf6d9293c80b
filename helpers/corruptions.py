"""Images made harder to read, by kind and strength: how well does a network that never saw such images hold up?"""

import torch
from torch.nn.functional import conv2d

from .transforms import warp

CORRUPTIONS = {  # name: (what its strengths count, the strengths, the strength that changes nothing)
    "rotation": ("degrees, either way", (0, 15, 30, 45, 60, 75), 0),
    "shift": ("pixels, in any direction", (0, 2, 4, 6, 8, 10, 12), 0),
    "zoom": ("size, as a factor", (0.4, 0.55, 0.7, 1, 1.4, 1.8, 2.2), 1),
    "shear": ("degrees, either way", (0, 15, 30, 40, 50, 60), 0),
    "blur": ("deviation, in pixels", (0, 0.5, 1, 1.5, 2, 3), 0),
    "noise": ("deviation, share of full ink", (0, 0.05, 0.1, 0.2, 0.3, 0.5), 0),
    "contrast": ("share that is left", (0.1, 0.2, 0.35, 0.5, 0.75, 1), 1),
    "occlusion": ("side of the blank square, pixels", (0, 4, 8, 12, 16, 20), 0),
}


def corrupt(images, name, strength, seed=0):
    """Return uint8 images (n, h, w) corrupted by `name` at `strength`, both as in CORRUPTIONS.

    Directions, places and noise are drawn by `seed` for each image and are the same at every strength.
    """
    draw = torch.Generator().manual_seed(seed)
    count, height, width = images.shape
    pixels = images.unsqueeze(1).float()
    none, side = torch.zeros(count), torch.randint(2, (count,), generator=draw) * 2.0 - 1
    whole = none + 1
    if name == "rotation":
        pixels = warp(pixels, side * strength, whole, none, none, none)
    elif name == "shift":
        way = torch.rand(count, generator=draw) * 2 * torch.pi
        pixels = warp(pixels, none, whole, none, way.cos() * strength, way.sin() * strength)
    elif name == "zoom":
        pixels = warp(pixels, none, whole * strength, none, none, none)
    elif name == "shear":
        pixels = warp(pixels, none, whole, side * strength, none, none)
    elif name == "blur" and strength:
        reach = int(3 * strength + 1)
        bell = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * strength**2))
        bell = bell / bell.sum()
        pixels = conv2d(pixels, bell.view(1, 1, -1, 1), padding=(reach, 0))
        pixels = conv2d(pixels, bell.view(1, 1, 1, -1), padding=(0, reach))
    elif name == "noise":
        pixels = pixels + torch.randn(pixels.shape, generator=draw) * 255 * strength
    elif name == "contrast":
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        pixels = mean + (pixels - mean) * strength
    elif name == "occlusion":
        corner = [torch.rand(count, 1, generator=draw) * (length - strength + 1) for length in (height, width)]
        rows, columns = [
            (torch.arange(length) >= start.floor()) & (torch.arange(length) < start.floor() + strength)
            for length, start in zip((height, width), corner, strict=True)
        ]
        pixels = pixels.masked_fill((rows[:, :, None] & columns[:, None, :]).unsqueeze(1), 0)
    elif name not in CORRUPTIONS:
        raise ValueError(f"{name}: no such corruption")
    return pixels.round().clamp(0, 255).to(torch.uint8)[:, 0]
