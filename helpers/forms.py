"""The form of a dataset's images: their size, their colours, how they are framed; and any picture brought into it.

Training reads a folder of images with it, and whoever asks a trained network brings photographs into the same form.
Torch is not imported here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import framing
from .errors import BadInput
from .framing import Framed, NoDigit

SMALLEST, LARGEST = 16, 256  # pixels of a side
SIZES = (32, 64, 96, 128)  # that are chosen among where nobody says which
COLOURS = ("auto", "grey", "rgb")
FRAMINGS = ("auto", "whole", "ink")
COLOURED = 0.01  # of the images: where more have colour, colour is kept
LOOKED_AT = 1_000  # images at most, by which size and colour are chosen
SPREAD = 16  # of 255: from the least to the greatest of a pixel's channels; with more it has colour
SPREAD_SHARE = 0.01  # of an image's pixels: where as many have colour, the image has


class Form(NamedTuple):
    """What every image of a dataset is brought to."""

    size: int = framing.SIDE  # pixels of each side
    colour: str = "grey"  # or "rgb"
    framing: str = "whole"  # the picture as it is; or by its "ink", as framing.frame_ink finds it

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 3 if self.colour == "rgb" else 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.size, self.size

    @property
    def is_mnists(self) -> bool:
        """Whether the images are as MNIST's are, 28x28 and grey: then ink is light on dark."""
        return self.size == framing.SIDE and self.colour == "grey"

    @property
    def words(self) -> list[str]:
        """How the form departs from MNIST's, as words in the name of a run."""
        words = []
        if self.size != framing.SIDE:
            words.append(f"{self.size}px")
        if self.colour == "rgb":
            words.append("rgb")
        if self.framing == "ink":
            words.append("ink")
        return words

    def describe(self) -> str:
        """Return the form in words."""
        if self.framing == "ink":
            return f"each framed by its ink in {self.size}x{self.size} grey pixels"
        how = "kept in colour" if self.colour == "rgb" else "made grey"
        return f"{how} and fitted into {self.size}x{self.size} pixels"


class Wish(NamedTuple):
    """The form that somebody asked for; what they left open is chosen by the images."""

    image_size: int | None = None
    colour: str = "auto"
    framing: str = "auto"

    @property
    def is_open(self) -> bool:
        """Whether the images have to be looked at to settle it."""
        return self.framing != "ink" and (self.image_size is None or self.colour == "auto")


class Look(NamedTuple):
    """What a look at some of a folder's images told."""

    longer_side: float  # pixels, the median
    coloured: float  # share of the images that have colour, from 0 to 1


def check(wish: Wish) -> None:
    """Raise BadInput where a Wish cannot be met by any images."""
    size = wish.image_size
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise BadInput(f"must be from {SMALLEST} to {LARGEST} pixels", field="image_size", value=size)
    if wish.colour not in COLOURS:
        raise BadInput("not known", field="colour", value=wish.colour, way_out=f"choose one of {', '.join(COLOURS)}")
    if wish.framing not in FRAMINGS:
        way_out = f"choose one of {', '.join(FRAMINGS)}"
        raise BadInput("not known", field="framing", value=wish.framing, way_out=way_out)
    if wish.framing == "ink":
        rule = f"a digit is framed by its ink in {framing.SIDE}x{framing.SIDE} grey pixels"
        if size not in (None, framing.SIDE):
            raise BadInput(rule, field="image_size", value=size, way_out="say `framing` whole, or leave it out")
        if wish.colour == "rgb":
            raise BadInput(rule, field="colour", value=wish.colour, way_out="say `framing` whole, or leave it out")


def settle(wish: Wish, look: Look | None = None) -> Form:
    """Return the Form of a Wish, with what is left open chosen by a Look, which is needed where `wish.is_open`.

    Colour is kept where more than COLOURED of the images have any. Small grey images are made 28x28, as MNIST's are;
    others the next of SIZES that holds the median of their longer sides, the largest of SIZES where none does.
    """
    if wish.framing == "ink":
        return Form(framing="ink")
    colour = wish.colour
    size = wish.image_size
    if colour == "auto":
        assert look is not None
        colour = "rgb" if look.coloured > COLOURED else "grey"
    if size is None:
        assert look is not None
        size = choose_size(look.longer_side, colour)
    return Form(size, colour)


def choose_size(longer_side: float, colour: str) -> int:
    """Return the size for images whose longer side has that median, in pixels."""
    if colour == "grey" and longer_side <= framing.SIDE:
        return framing.SIDE
    return next((size for size in SIZES if longer_side <= size), SIZES[-1])


def check_named(name: str, wish: Wish, form: Form) -> None:
    """Raise BadInput where another Form was asked for than that of the dataset `name`, which comes as it is."""
    for field, asked, value in zip(("image_size", "colour", "framing"), wish, form, strict=True):
        if asked not in (None, "auto", value):
            framed = "framed by its ink" if form.framing == "ink" else "whole"
            rule = f"{name} comes as {form.size}x{form.size} pixels, {form.colour}, each {framed}"
            raise BadInput(rule, field=field, value=asked, way_out="this is for a folder of images")


def of_description(description: dict[str, Any]) -> Form:
    """Return the Form of the images that a model was trained on, as its model.json says.

    One of before knew no images but MNIST's; where it does not say how they were framed, it was by their ink. BadInput
    where it says what no training writes.
    """
    noted = description.get("framing")
    framed = noted.get("name", "ink") if isinstance(noted, dict) else "ink"
    images = description.get("images", {"size": framing.SIDE, "colour": "grey"})
    try:
        form = Form(images["size"], images["colour"], framed)
        check(Wish(*form))
        if type(form.size) is int and "auto" not in form:
            return form
    except (BadInput, KeyError, TypeError):
        pass
    rule = f"its images are said to be {str(images)[:60]}, framed by {str(framed)[:20]}, which no training writes"
    raise BadInput(rule, field="run", way_out="train it again")


def has_colour(pixels: np.ndarray) -> bool:
    """Return whether an image, uint8 (h, w, 3), has colour: whether SPREAD_SHARE of its pixels do.

    A little of it comes from the camera, or from JPEG, in what is grey.
    """
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return bool((spread > SPREAD).mean() >= SPREAD_SHARE)


def frame(pixels: np.ndarray, form: Form) -> Framed | NoDigit:
    """Return a picture, uint8 (h, w, 3), in a Form, or NoDigit where its ink was asked for and there is none."""
    if form.framing == "ink":
        return framing.frame_ink(pixels)
    height, width = pixels.shape[:2]
    return Framed(fit(pixels, form)[0], framing.Box(0, 0, width, height))


def fit(pixels: np.ndarray, form: Form) -> tuple[np.ndarray, bool]:
    """Return (uint8 (c, size, size), whether it was inverted) of a picture, uint8 (h, w, 3).

    It is shrunk or grown to fit while it keeps its shape, and laid onto its own ground: the median of its border. Only
    in MNIST's form are light and dark told apart: a ground lighter than the middle of its values means ink dark on
    light; then light and dark change places.
    """
    from PIL import Image as Pillow

    image = Pillow.fromarray(pixels).convert("RGB" if form.colour == "rgb" else "L")
    scale = form.size / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    values = np.asarray(image.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=3), dtype=np.float32)
    values = values.reshape(*values.shape[:2], form.channels)
    ground = np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]), axis=0)
    inverted = form.is_mnists and is_dark_on_light(values, float(ground[0]))
    if inverted:
        values = 255 - values
        ground = 255 - ground
    return lay(values, ground, form.size), inverted


def is_dark_on_light(values: np.ndarray, ground: float) -> bool:
    """Return whether an image, floats of any shape from 0 to 255, is darker than its `ground`."""
    lowest, highest = float(values.min()), float(values.max())
    middle = 127 if highest == lowest else (lowest + highest) / 2
    return ground > middle


def lay(values: np.ndarray, ground: np.ndarray, side: int) -> np.ndarray:
    """Return `values`, float (h, w, c) with no side above `side`, in the middle of a square of `ground`, float (c,).

    uint8 (c, side, side).
    """
    height, width, channels = values.shape
    top = (side - height) // 2
    left = (side - width) // 2
    square = np.empty((side, side, channels), dtype=np.uint8)
    square[:] = ground.round()
    square[top : top + height, left : left + width] = values.round()
    return np.ascontiguousarray(square.transpose(2, 0, 1))
