"""An image file, as phones, scanners and programs write them -> pixels: turned upright, no larger than is needed.

Pixels are uint8 (h, w, 3). Whatever is wrong with a file is told by Unreadable in a few words; nothing else is raised.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import ProjectError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif")
FORMATS = ("PNG", "JPEG", "MPO", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "HEIF")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MOST_PIXELS = 100_000_000  # of an image; what is larger is not opened
MOST_BYTES = 400_000_000  # of a file
LONGEST = 1024  # pixels of the longer side that are kept: framing looks at fewer


class Unreadable(ProjectError):
    """A file that is no image, or none that can be opened; the text is the reason, in a few words."""


def open_file(path: str | Path, longest: int = LONGEST) -> np.ndarray:
    """Return the image in the file `path`, uint8 (h, w, 3), no side longer than `longest`. Raises Unreadable."""
    try:
        if not os.path.isfile(path):  # a pipe would wait for somebody to write
            raise Unreadable("no such file" if not os.path.lexists(path) else "not a file")
        if os.path.getsize(path) > MOST_BYTES:
            raise Unreadable(f"more than {MOST_BYTES // 1_000_000} MB")
        content = Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from None
    return open_bytes(content, longest)


def open_bytes(content: bytes, longest: int = LONGEST) -> np.ndarray:
    """Return the image in the bytes of a file, uint8 (h, w, 3), no side longer than `longest`. Raises Unreadable.

    Of several images in a file it is the first. More than 8 bits a pixel are stretched from the lowest value to the
    highest. What is transparent becomes paper: white under dark ink, black under light.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    can_open_heic = register_heic()
    Pillow.init()
    known = [name for name in FORMATS if name in Pillow.OPEN]
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(io.BytesIO(content), formats=known) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Pillow.DecompressionBombError
            return upright(image, longest)
    except UnidentifiedImageError:
        if is_heic(content) and not can_open_heic:
            raise Unreadable("HEIC, which needs a package more: pip install pillow-heif") from None
        raise Unreadable("no image" if content else "empty") from None
    except Pillow.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS // 1_000_000} million pixels") from None
    except OSError as error:
        raise Unreadable(str(error).split("(")[0].strip()[:80] or "cannot be read") from None
    except Exception as error:  # a decoder may fail in any way on bytes that somebody made up
        raise Unreadable(f"cannot be read ({type(error).__name__})") from None


def register_heic() -> bool:
    """Let Pillow open HEIC, which phones write, where pillow-heif is installed; return whether it is."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_heic(content: bytes) -> bool:
    """Return whether the bytes of a file begin as those of HEIC do."""
    return content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS


def upright(image: Image, longest: int) -> np.ndarray:
    """Return a Pillow image as uint8 (h, w, 3), no side longer than `longest`, turned as its EXIF says."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    image.draft("RGB", (longest, longest))  # a large JPEG is decoded smaller
    orientation = image.getexif()
    image = plain_mode(image)
    factor = max(image.size) // longest
    if factor > 1:
        image = image.reduce(factor)  # before anything needs the whole in another form
    if max(image.size) > longest:
        scale = longest / max(image.size)
        width, height = (max(1, round(length * scale)) for length in image.size)
        image = image.resize((width, height), Pillow.Resampling.LANCZOS)
    image.getexif().update(orientation)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "RGBA"):
        return on_paper(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def plain_mode(image: Image) -> Image:
    """Return a Pillow image of any mode as one that can be shrunk: L, LA, RGB, RGBA or CMYK."""
    from PIL import Image as Pillow

    if image.mode[0] in "IF":  # 16 or 32 bits a pixel
        return Pillow.fromarray(stretch(np.asarray(image)))
    if image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        return image
    if image.mode == "LA" or (image.mode == "L" and image.has_transparency_data):
        return image.convert("LA")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def stretch(values: np.ndarray) -> np.ndarray:
    """Return `values` of any number type and shape as uint8, the lowest finite one as 0 and the highest as 255."""
    values = values.astype(np.float32)
    finite = values[np.isfinite(values)]
    low = finite.min() if len(finite) else 0
    high = finite.max() if len(finite) else 0
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return ((values - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def on_paper(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 (h, w, 4), the last its opacity, as uint8 (h, w, 3) on paper: white under dark ink, else black."""
    colours = pixels[..., :3].astype(np.float32)
    opacity = pixels[..., 3:].astype(np.float32) / 255
    ink_is_light = (colours * opacity).sum() > 3 * 127 * opacity.sum()
    paper = 0 if ink_is_light else 255
    return (colours * opacity + paper * (1 - opacity)).round().astype(np.uint8)
