"""What the widgets share: pieces of a page as text, images in one sprite, data as JSON."""

import base64
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent
PART = re.compile(r"\[\[([A-Z]+)\]\]")


def encode(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()


def as_json(value: Any) -> str:
    """Return a value as JSON that may stand in a script element, whatever text it holds; ValueError on a NaN."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def read(name: str, folder: Path = FOLDER) -> str:
    """Return the text of a widget's file."""
    return (folder / name).read_text(encoding="utf-8")


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Return a template with every [[NAME]] replaced by that part, taken as it is; KeyError where one is missing."""
    return PART.sub(lambda found: parts[found[1]], template)


def assemble(name: str, parts: Mapping[str, str]) -> str:
    """Return the widget `name` as HTML: its template with its style, its script after common.js, and `parts`."""
    whole = {"STYLE": read(f"{name}.css"), "SCRIPT": read("common.js") + read(f"{name}.js"), **parts}
    return fill(read(f"{name}.html"), whole)


def lay_out(images: np.ndarray, across: int = 20) -> Image.Image:
    """Return images, uint8 (n, c, h, w), as one picture: rows of `across` images, the last one filled up with 0.

    Values are kept as they are: in MNIST's form ink is light on dark.
    """
    count, channels, height, width = images.shape
    rows = max(-(-count // across), 1)
    sheet = np.zeros((channels, rows * height, across * width), dtype=np.uint8)
    for place, image in enumerate(images):
        top, left = place // across * height, place % across * width
        sheet[:, top : top + height, left : left + width] = image
    pixels = sheet[0] if channels == 1 else sheet.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels))


def sprite(images: np.ndarray, across: int = 20) -> bytes:
    """Return images, uint8 (n, c, h, w), as one PNG, laid out by `lay_out`; every value is kept."""
    file = io.BytesIO()
    lay_out(images, across).save(file, "PNG", optimize=True)
    return file.getvalue()


def jpeg(images: np.ndarray, quality: int, across: int = 20) -> bytes:
    """Return images, uint8 (n, c, h, w), as one JPEG, laid out by `lay_out`.

    Not optimised: of grainy images Pillow cannot write such a file.
    """
    file = io.BytesIO()
    lay_out(images, across).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()
