"""Batches of images for training: shuffled, warped, cropped, in another light, some roughened; whole batches at a time.

torchvision's transforms draw one amount for a batch, and its loaders transform image by image; these draw an amount for
each image, and transform the batch at once.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample, interpolate, max_pool2d


def batches(
    split: tuple[Tensor, Tensor],
    batch_size: int,
    augmentation: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (images, labels) of `split` in shuffled batches, each image at most once.

    `split` is a data.Split: images uint8 (n, c, h, w), labels int64 (n,). A batch has images float32 (b, c, h, w) from
    0 to 255 and labels int64 (b,), both on `device`. The last images, too few to fill a batch, are dropped.
    `augmentation` holds what `augment` takes beside the images. The order and the augmentation come from torch's global
    random state.
    """
    images, labels = split
    order = torch.randperm(len(labels)).to(labels.device)
    for index in order.split(batch_size):
        if len(index) < batch_size:
            continue
        batch = images[index].to(device).float()
        if augmentation:
            batch = augment(batch, **augmentation)
        yield batch, labels[index].to(device)


def augment(
    images: Tensor,
    rotation: float = 0.0,
    zoom: float = 0.0,
    shear: float = 0.0,
    shift: float = 0.0,
    rough_share: float = 0.0,
    roughening: Sequence[str] = (),
    flip: bool = False,
    crop: float = 0.0,
    light_jitter: float = 0.0,
    colour_jitter: float = 0.0,
) -> Tensor:
    """Return a batch in which every image is changed by amounts of its own, and a share of them roughened.

    `images` is float (b, c, h, w) from 0 to 255. Amounts are drawn evenly from -limit to +limit: `rotation` and `shear`
    in degrees, `zoom` as a fraction, `shift` in pixels; what these bring in from outside is 0, the background of
    digits. `flip` and `crop` are those of `crop_randomly`, the jitters those of `jitter`. `rough_share` of the images,
    from 0 to 1, go through `roughen` with the operations named in `roughening`. All that is random comes from torch's
    global random state, and nothing is drawn for what is off.
    """
    if rotation or zoom or shear or shift:
        images = warp_randomly(images, rotation, zoom, shear, shift)
    if flip or crop:
        images = crop_randomly(images, flip, crop)
    if light_jitter or colour_jitter:
        images = jitter(images, light_jitter, colour_jitter)
    if rough_share:
        rough = torch.randperm(len(images), device=images.device)[: round(rough_share * len(images))]
        images = images.index_copy(0, rough, roughen(images[rough], roughening))
    return images


def warp_randomly(images: Tensor, rotation: float, zoom: float, shear: float, shift: float) -> Tensor:
    """Return images, float (b, c, h, w), each warped by amounts drawn from -limit to +limit, as in `augment`."""
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
    """Return images, float (b, c, h, w), each rotated and sheared (degrees), scaled by `size`, and translated.

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


def crop_randomly(images: Tensor, flip: bool, crop: float) -> Tensor:
    """Return images, float (b, c, h, w), each cut out of itself and stretched to its size; with `flip` half mirrored.

    Of each side a share is kept that is drawn evenly from 1 - `crop` to 1, for height and width apart, and where the
    cut lies is drawn as well. It lies inside the image, so nothing comes in from outside. Sampling is bilinear.
    """
    if not crop:
        mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        return torch.where(mirrored, images.flip(-1), images)
    amounts = torch.rand(4, len(images), device=images.device)
    width, height = 1 - amounts[:2] * crop
    right = (2 * amounts[2] - 1) * (1 - width)
    down = (2 * amounts[3] - 1) * (1 - height)
    if flip:
        width = torch.where(torch.rand(len(images), device=images.device) < 0.5, -width, width)
    rows, columns = places(images)
    across = width.view(-1, 1, 1) * (columns * 2 / images.shape[-1] - 1) + right.view(-1, 1, 1)
    along = height.view(-1, 1, 1) * (rows * 2 / images.shape[-2] - 1) + down.view(-1, 1, 1)
    grid = torch.stack(torch.broadcast_tensors(across, along), dim=-1)  # affine_grid's, in a fraction of its time
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


GREY = (0.299, 0.587, 0.114)  # what red, green and blue bring to how light a pixel is (ITU-R BT.601)


def jitter(images: Tensor, light: float, colour: float) -> Tensor:
    """Return images, float (b, c, h, w) from 0 to 255, each in another light and in colours of another strength.

    Brightness and contrast are multiplied by factors drawn evenly from 1 - `light` to 1 + `light`, saturation by one
    drawn likewise by `colour`; hues stay. Each of the three is linear in the pixels, so together they are one matrix of
    (c, c) and one number to add, for each image.
    """
    count, channels = images.shape[:2]
    limits = torch.tensor([light, light, colour], device=images.device).view(3, 1, 1)
    brightness, contrast, saturation = 1 + (2 * torch.rand(3, count, 1, device=images.device) - 1) * limits
    grey = torch.tensor(GREY if channels == 3 else [1 / channels] * channels, device=images.device)
    level = images.mean(dim=(2, 3)) @ grey  # how light each image is, (b,)
    same = torch.eye(channels, device=images.device)
    mixed = saturation.unsqueeze(2) * same + (1 - saturation).unsqueeze(2) * grey
    matrix = (brightness * contrast).unsqueeze(2) * mixed
    added = brightness * (1 - contrast) * level.view(-1, 1)
    changed = torch.baddbmm(added.unsqueeze(2), matrix, images.flatten(2))
    return changed.clamp_(0, 255).view(images.shape)


def roughen(images: Tensor, names: Sequence[str]) -> Tensor:
    """Return images, float (b, c, h, w) from 0 to 255, through the operations `names` of ROUGHENING, in that order.

    Each operation falls on an image by CHANCE, whatever else has fallen on it. KeyError for an unknown name.
    """
    for name in names:
        chosen = (torch.rand(len(images), device=images.device) < CHANCE).nonzero()[:, 0]
        if len(chosen):
            images = images.index_copy(0, chosen, ROUGHENING[name](images[chosen]))
    return images.clamp(0, 255)


# Each operation takes and returns images, float (b, c, h, w) from 0 to 255, ink high; it may leave that range a little.
# Amounts are drawn for each image by itself.


def change_strokes(images: Tensor) -> Tensor:
    """Thicken strokes by up to a pixel on each side, or thin them a little less."""
    thick = max_pool2d(images, 3, stride=1, padding=1)
    thin = -max_pool2d(-images, 3, stride=1, padding=1)
    amount = uniform(images, -0.7, 1)
    return torch.lerp(images, torch.where(amount > 0, thick, thin), amount.abs())


def paste_pieces(images: Tensor) -> Tensor:
    """Put a piece of another image, up to 11 pixels high and wide, over each: what stands beside a digit on a page."""
    rows, columns = places(images)
    height, width = images.shape[-2:]
    inside = (rows - uniform(images, 0, height)).abs() < uniform(images, 2, 6)
    inside = inside & ((columns - uniform(images, 0, width)).abs() < uniform(images, 2, 6))
    return torch.maximum(images, images.roll(1, dims=0).flip(-1) * inside)


def erase_smoothly(images: Tensor) -> Tensor:
    """Take ink away in blots with soft edges, about a sixth of each image."""
    return images * (1 - ((blots(images, 5) - 0.65) * 8).clamp(0, 1))


def filter_randomly(images: Tensor) -> Tensor:
    """Convolve each image with a 5x5 filter of its own, mix it with the image, and stretch it to its whole range.

    Random filters: Xu et al. 2021, "Robust and generalizable visual representation learning via random convolutions".
    """
    count, channels = images.shape[:2]
    filters = torch.randn(count, 1, 5, 5, device=images.device).repeat_interleave(channels, 0) / 5
    rows = images.reshape(1, count * channels, *images.shape[-2:])
    filtered = conv2d(rows, filters, padding=2, groups=count * channels).view(images.shape)
    mixed = torch.lerp(images, filtered, uniform(images, 0, 1))
    low = mixed.amin(dim=(1, 2, 3), keepdim=True)
    high = mixed.amax(dim=(1, 2, 3), keepdim=True)
    return (mixed - low) * (255 / (high - low).clamp(min=1))


def bend_greys(images: Tensor) -> Tensor:
    """Raise each image to a power between 1/3 and 3: faint strokes come out, or full ones alone stay."""
    return 255 * (images / 255).clamp(0, 1) ** uniform(images, -math.log(3), math.log(3)).exp()


def shade(images: Tensor) -> Tensor:
    """Darken the paper unevenly, up to four fifths of full ink, without an edge."""
    return images + (255 - images) * blots(images, 3) * uniform(images, 0, 0.8)


def add_noise(images: Tensor) -> Tensor:
    """Add Gaussian noise with a standard deviation of up to a quarter of full ink."""
    return images + torch.randn_like(images) * uniform(images, 0, 64)


ROUGHENING: dict[str, Callable[[Tensor], Tensor]] = {
    "strokes": change_strokes,
    "pieces": paste_pieces,
    "erasing": erase_smoothly,
    "filter": filter_randomly,
    "gamma": bend_greys,
    "light": shade,
    "noise": add_noise,
}
CHANCE = 0.3  # of each operation to fall on an image


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Return one number for each of `images`, float (b, 1, 1, 1), drawn evenly from low to high."""
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, device=images.device)


def blots(images: Tensor, cells: int) -> Tensor:
    """Return smooth random numbers from 0 to 1, (b, 1, h, w): `cells` x `cells` drawn, the others between them."""
    drawn = torch.rand(len(images), 1, cells, cells, device=images.device)
    return interpolate(drawn, images.shape[-2:], mode="bilinear", align_corners=True)


def places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (rows, columns) of the middles of pixels, float (h, 1) and (1, w)."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device).view(-1, 1) + 0.5
    return rows, torch.arange(width, device=images.device) + 0.5
