"""Images made harder to read, by kind and strength: how well does a network that never saw such images hold up?

Where nothing is left of an image, because it was translated or covered, its background comes in: 0 for MNIST's, and for
images of any other form the colour of their border.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv2d

from .transforms import warp


class Corruption(NamedTuple):
    """One way to make images harder to read, at several strengths."""

    unit: str  # what its strengths count
    strengths: tuple[float, ...]
    neutral: float  # the strength that changes nothing

    @property
    def hardest(self) -> int:
        """The place of the strength that is farthest from neutral: the other end, and for zoom the smallest size."""
        if self.strengths[0] == self.neutral:
            return len(self.strengths) - 1
        return 0


CORRUPTIONS = {
    "rotation": Corruption("degrees, either way", (0, 15, 30, 45, 60, 75), 0),
    "shift": Corruption("pixels, in any direction", (0, 2, 4, 6, 8, 10, 12), 0),
    "zoom": Corruption("size, as a factor", (0.4, 0.55, 0.7, 1, 1.4, 1.8, 2.2), 1),
    "shear": Corruption("degrees, either way", (0, 15, 30, 40, 50, 60), 0),
    "blur": Corruption("standard deviation, pixels", (0, 0.5, 1, 1.5, 2, 3), 0),
    "noise": Corruption("standard deviation, share of full ink", (0, 0.05, 0.1, 0.2, 0.3, 0.5), 0),
    "contrast": Corruption("share that is left", (0.1, 0.2, 0.35, 0.5, 0.75, 1), 1),
    "occlusion": Corruption("side of the blank square, pixels", (0, 4, 8, 12, 16, 20), 0),
}


def suited_to(images: Tensor) -> dict[str, Corruption]:
    """Return CORRUPTIONS with strengths for `images`, (n, c, s, s): pixels count in proportion to 28, to two digits."""
    if is_mnists(images):
        return CORRUPTIONS
    scale = images.shape[-1] / 28
    suited = {}
    for name, (unit, strengths, neutral) in CORRUPTIONS.items():
        if "pixels" in unit:
            strengths = tuple(float(f"{strength * scale:.2g}") for strength in strengths)
        suited[name] = Corruption(unit.replace("full ink", "full brightness"), strengths, neutral)
    return suited


def is_mnists(images: Tensor) -> bool:
    """Whether `images`, (n, c, h, w), have MNIST's form: one channel of 28x28, ink on a background of 0."""
    return tuple(images.shape[1:]) == (1, 28, 28)


def reach(strengths: Sequence[float], shares: Sequence[float], neutral: float, bar: float) -> str:
    """Return in words how far from the `neutral` strength, either way, accuracy stays at `bar` or above.

    `shares` are the accuracies at the `strengths`, from 0 to 1; between two strengths the curve is a straight line.
    """
    start, ends = strengths.index(neutral), {}
    for way, word in ((-1, "from"), (1, "to")):
        place = start
        while 0 <= place + way < len(shares) and shares[place] >= bar:
            (a, b), (x, y) = ((values[place], values[place + way]) for values in (shares, strengths))
            if b < bar:
                ends[word] = f"{x + (y - x) * (a - bar) / (a - b):.2g}"
            place += way
    if shares[start] < bar:
        return f"never {bar:.0%}"
    if not ends:
        return f"{bar:.0%} throughout"
    if len(ends) == 1:
        ends = {{"from": "down to", "to": "up to"}[word]: end for word, end in ends.items()}
    return " ".join([f"{bar:.0%}", *(f"{word} {end}" for word, end in ends.items())])


def shown_in_training(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return how far each corruption was among a recipe's augmentation, in words; those that were not are left out.

    `recipe` is that in model.json. A roughening of the images is no corruption of the same form: its name is told.
    Where each image is normalised by itself, that undoes a loss of contrast, whatever was shown.
    """
    shown = {}
    for name in ("rotation", "shift", "shear"):
        if recipe.get(name):
            shown[name] = f"up to {recipe[name]:g} {CORRUPTIONS[name].unit.split(',')[0]}"
    if zoomed := recipe.get("zoom"):
        shown["zoom"] = f"{1 - zoomed:g} to {1 + zoomed:g}"
    elif cropped := recipe.get("crop"):
        shown["zoom"] = f"1 to {1 / (1 - cropped):.2g}, by cropping"
    if recipe.get("rough_share"):
        for name, akin in (("blur", "filter"), ("noise", "noise"), ("contrast", "light"), ("occlusion", "erasing")):
            if akin in recipe.get("roughening", []):
                shown[name] = f"roughened by {akin}"
    if light := recipe.get("light_jitter"):
        shown["contrast"] = f"{1 - light:g} to {1 + light:g}"
    if recipe.get("normalise_each"):
        shown["contrast"] = "undone: each image is normalised"
    return shown


def backgrounds(images: Tensor) -> Tensor:
    """Return the background of each of `images`, uint8 (n, c, h, w), as float (n, c, 1, 1).

    It is the median of the pixels along the border, channel by channel, and 0 for images of MNIST's form.
    """
    if is_mnists(images):
        return torch.zeros(len(images), 1, 1, 1)
    rows = torch.cat([images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1]], dim=2)
    return rows.float().median(dim=2).values[:, :, None, None]


def corrupt(images: Tensor, name: str, strength: float, seed: int = 0) -> Tensor:
    """Return uint8 images (n, c, h, w) corrupted by `name` at `strength`, both as in `suited_to`.

    Directions, places and noise are drawn by `seed` for each image and are the same at every strength. ValueError for
    an unknown name.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"{name}: no such corruption")
    signs, generator = draw_signs(len(images), seed)
    background = backgrounds(images)
    pixels = OPERATIONS[name](images.float() - background, strength, signs, generator) + background
    return pixels.round().clamp(0, 255).to(torch.uint8)


class Drawn(NamedTuple):
    """What is random about one image, whatever the corruption and its strength."""

    sign: float  # -1 or 1, which way it is rotated or sheared
    direction: float  # in which it is translated, radians
    noise: Tensor  # float32 (c, h, w), of standard deviation 1
    row: float  # where the blank square lies, from 0 at the top to 1 at the bottom
    column: float  # the same from left to right


def draw(images: Tensor, place: int, seed: int = 0) -> Drawn:
    """Return what `corrupt` draws by `seed` for the image at `place` of `images`, (n, c, h, w)."""
    count = len(images)
    signs, generator = draw_signs(count, seed)
    direction = draw_directions(count, generator)[place]
    noise = draw_noise(images.shape, draw_signs(count, seed)[1])[place]
    _, generator = draw_signs(count, seed)
    row = draw_places(count, generator)[place]
    column = draw_places(count, generator)[place]
    return Drawn(signs[place].item(), direction.item(), noise.clone(), row.item(), column.item())


def draw_signs(count: int, seed: int) -> tuple[Tensor, Generator]:
    """Return -1 or 1 for each of `count` images, float32, and the generator of whatever else is random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (count,), generator=generator) * 2.0 - 1, generator


def draw_directions(count: int, generator: Generator) -> Tensor:
    """Return a direction for each of `count` images, float32 (count,), radians."""
    return torch.rand(count, generator=generator) * 2 * torch.pi


def draw_noise(shape: Sequence[int], generator: Generator) -> Tensor:
    """Return Gaussian noise of standard deviation 1, float32, in the `shape` of the images."""
    return torch.randn(tuple(shape), generator=generator)


def draw_places(count: int, generator: Generator) -> Tensor:
    """Return where along a side the square of each of `count` images begins, float32 (count, 1), from 0 to 1."""
    return torch.rand(count, 1, generator=generator)


# Each operation takes pixels, float (n, c, h, w), with a background of 0 and a range of 255, the strength, a sign for
# each image (-1 or 1, which way it goes), and the generator of whatever else is random. It returns pixels of the same
# shape.


def rotate(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Rotate every image by `strength` degrees, one way or the other."""
    return warp_some(pixels, rotation=signs * strength)


def shift(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Move every image by `strength` pixels in a direction of its own."""
    direction = draw_directions(len(pixels), generator)
    return warp_some(pixels, right=direction.cos() * strength, down=direction.sin() * strength)


def zoom(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Make every image `strength` times as large."""
    return warp_some(pixels, size=torch.full((len(pixels),), float(strength)))


def shear(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Shear every image along its rows by `strength` degrees, one way or the other."""
    return warp_some(pixels, shear=signs * strength)


def blur(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Blur every image with a Gaussian of `strength` pixels standard deviation, columns first, then rows."""
    if strength == 0:
        return pixels
    channels = pixels.shape[1]
    reach = int(3 * strength + 1)
    bell = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * strength**2))
    bell = bell / bell.sum()
    upright = bell.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    level = bell.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    pixels = conv2d(pixels, upright, padding=(reach, 0), groups=channels)
    return conv2d(pixels, level, padding=(0, reach), groups=channels)


def add_noise(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Add Gaussian noise with a standard deviation of `strength` times 255."""
    return pixels + draw_noise(pixels.shape, generator) * 255 * strength


def reduce_contrast(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Leave the share `strength` of every pixel's distance from the mean of its image."""
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (pixels - mean) * strength


def occlude(pixels: Tensor, strength: float, signs: Tensor, generator: Generator) -> Tensor:
    """Blank a square of `strength` pixels a side, wholly inside each image, at a place of its own."""
    height, width = pixels.shape[-2:]
    rows = covered(len(pixels), height, strength, generator)
    columns = covered(len(pixels), width, strength, generator)
    square = rows[:, None, :, None] & columns[:, None, None, :]
    return pixels.masked_fill(square, 0)


OPERATIONS: dict[str, Callable[[Tensor, float, Tensor, Generator], Tensor]] = {
    "rotation": rotate,
    "shift": shift,
    "zoom": zoom,
    "shear": shear,
    "blur": blur,
    "noise": add_noise,
    "contrast": reduce_contrast,
    "occlusion": occlude,
}


def warp_some(pixels: Tensor, **amounts: Tensor) -> Tensor:
    """Return `pixels` warped as `transforms.warp` does; amounts that are not given change nothing."""
    zeros = torch.zeros(len(pixels))
    neutral = {"rotation": zeros, "size": zeros + 1, "shear": zeros, "right": zeros, "down": zeros}
    return warp(pixels, **(neutral | amounts))


def covered(count: int, length: int, side: float, generator: Generator) -> Tensor:
    """Return bool (count, length): the rows (or columns) of `count` images that a square of `side` pixels covers."""
    start = (draw_places(count, generator) * (length - side + 1)).floor()
    places = torch.arange(length)
    return (places >= start) & (places < start + side)
