"""An image file, as phones, scanners and programs write them -> pixels: upright, no larger than is needed.

Pixels are uint8 (h, w, 3). Whatever is wrong with a file is told by Unreadable in a few words; nothing else is raised.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .errors import ProjectError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".heic",
    ".heif",
)
FORMATS = ("PNG", "JPEG", "MPO", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "HEIF")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MOST_PIXELS = 100_000_000  # of an image; what is larger is not opened
MOST_PIXELS_OF = {"WEBP": 25_000_000, "AVIF": 45_000_000, "HEIF": 50_000_000, "TIFF": 90_000_000}
# the same where a decoder holds the image more than once: with more, torch and all, it would take more than 1 GB
MOST_BYTES = 400_000_000  # of a file
NO_IMAGES = "no images in this folder, by their names"
LONGEST = 1024  # pixels of the longer side that are kept: framing looks at fewer
STRIP = 1_000_000  # pixels that are shrunk at a time
ORIENTATION = 0x0112  # the number of that field in EXIF
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}  # what makes an image of that orientation upright
LYING = (5, 6, 7, 8)  # of these: height and width change places


class Unreadable(ProjectError):
    """A file that is no image, or none that can be opened; the text is the reason, in a few words."""


def open_file(path: str | Path, longest: int = LONGEST) -> np.ndarray:
    """Return the image in the file `path`, uint8 (h, w, 3), no side longer than `longest`. Raises Unreadable."""
    try:
        if not os.path.isfile(path):  # a pipe would wait for somebody to write
            raise Unreadable(what_it_is(path))
        size = os.path.getsize(path)
        if not size:  # the kernel's own files say 0 as well, and some of them wait for something to happen
            raise Unreadable("empty")
        if size > MOST_BYTES:
            raise Unreadable(f"more than {MOST_BYTES // 1_000_000} MB")
        with open(path, "rb") as file:
            return decode(file, longest)
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from None


def what_it_is(path: str | Path) -> str:
    """Return in a few words why a path is no file."""
    if os.path.isdir(path):
        return NO_IMAGES if os.access(path, os.R_OK | os.X_OK) else "a folder that cannot be listed"
    if os.path.exists(path):
        return "neither a file nor a folder"
    return "a link that leads nowhere" if os.path.islink(path) else "no such file"


def open_bytes(content: bytes, longest: int = LONGEST) -> np.ndarray:
    """Return the image in the bytes of a file, uint8 (h, w, 3), no side longer than `longest`. Raises Unreadable."""
    if not content:
        raise Unreadable("empty")
    if len(content) > MOST_BYTES:
        raise Unreadable(f"more than {MOST_BYTES // 1_000_000} MB")
    return decode(io.BytesIO(content), longest)


def decode(file: BinaryIO, longest: int) -> np.ndarray:
    """Return the image in an open file, uint8 (h, w, 3), no side longer than `longest`. Raises Unreadable.

    Of several images in a file it is the first. More than 8 bits a pixel are stretched from the lowest value to the
    highest. What is transparent becomes paper: white under dark ink, black under light.
    """
    with opened(file) as image:
        return upright(image, longest)


def size_of(content: bytes) -> tuple[int, int]:
    """Return (height, width) of the image in the bytes of a file, once it is upright; pixels. Raises Unreadable."""
    with opened(io.BytesIO(content)) as image:
        if orientation_of(image) in LYING:
            return image.width, image.height
        return image.height, image.width


@contextlib.contextmanager
def opened(file: BinaryIO) -> Iterator[Image]:
    """Give the Pillow image in an open file, not decoded yet; whatever goes wrong with it is told by Unreadable."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    can_open_heic = register_heic()
    Pillow.init()
    known = [name for name in FORMATS if name in Pillow.OPEN]
    beginning = file.read(12)
    file.seek(0)
    try:
        if not beginning:
            raise Unreadable("empty")
        with warnings.catch_warnings(action="ignore"), Pillow.open(file, formats=known) as image:
            most = MOST_PIXELS_OF.get(image.format or "", MOST_PIXELS)
            if image.width * image.height > most:
                raise Unreadable(f"more than {most // 1_000_000} million pixels, the most for {image.format}")
            yield image
    except Unreadable:
        raise
    except UnidentifiedImageError:
        if is_heic(beginning) and not can_open_heic:
            raise Unreadable("HEIC, which needs a package more: pip install pillow-heif") from None
        raise Unreadable("not an image, or not one of a known format") from None
    except Pillow.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS // 1_000_000} million pixels") from None
    except MemoryError:
        raise Unreadable("too large for this machine's memory") from None
    except Exception as error:  # a decoder may fail in any way on bytes that somebody made up
        raise Unreadable(f"a damaged image: {in_a_few_words(error)}") from None


def in_a_few_words(error: Exception) -> str:
    """Return what a decoder says, as one line of 80 characters at most."""
    words = " ".join(str(error).split("(")[0].split())
    return words[:80] or type(error).__name__


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
    """Return a Pillow image as uint8 (h, w, 3), no side longer than `longest`, rotated as its EXIF says."""
    from PIL import Image as Pillow

    image.draft("RGB", (longest, longest))  # a large JPEG is decoded smaller
    turn = TURNS.get(orientation_of(image))
    image = shrink(image, longest)
    if image.mode in ("I", "F"):
        image = Pillow.fromarray(stretch(np.asarray(image)))
    if max(image.size) > longest:
        scale = longest / max(image.size)
        width, height = (max(1, round(length * scale)) for length in image.size)
        image = image.resize((width, height), Pillow.Resampling.LANCZOS)
    if turn:
        image = image.transpose(Pillow.Transpose[turn])
    if image.mode in ("LA", "RGBA"):
        return on_paper(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def orientation_of(image: Image) -> Any:
    """Return what the EXIF of a Pillow image says of how the camera was held: 1 to 8, or whatever stands there.

    None for a TIFF, which Pillow rotates by itself when its pixels are read.
    """
    if image.format == "TIFF":
        return None
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # the pixels may be whole where what is said of them is not
        return None


def shrink(image: Image, longest: int) -> Image:
    """Return a Pillow image in a plain mode, and about as small as `longest` allows, but not smaller.

    A strip at a time: no second copy of the whole is made in another mode.
    """
    from PIL import Image as Pillow

    factor = max(image.size) // longest
    if factor <= 1:
        return plain_mode(image)
    rows = max(1, STRIP // (image.width * factor))  # of the smaller image
    strips = []
    for top in range(0, image.height, rows * factor):
        strip = image.crop((0, top, image.width, min(top + rows * factor, image.height)))
        strips.append(plain_mode(strip).reduce(factor))
    whole = Pillow.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    for number, strip in enumerate(strips):
        whole.paste(strip, (0, number * rows))
    return whole


def plain_mode(image: Image) -> Image:
    """Return a Pillow image of any mode as one that can be shrunk: L, LA, RGB, RGBA, CMYK, or I and F for many bits."""
    transparent = image.has_transparency_data
    if image.mode[0] in "IF":
        return image.convert("F" if image.mode == "F" else "I")
    if image.mode == "1" and not transparent:
        return image.convert("L")
    if image.mode in ("L", "RGB", "CMYK") and not transparent:
        return image
    if image.mode in ("L", "LA"):
        return image.convert("LA")
    return image.convert("RGBA" if transparent else "RGB")


def stretch(values: np.ndarray) -> np.ndarray:
    """Return `values` of any number type and shape as uint8, the lowest finite one as 0 and the highest as 255."""
    values = values.astype(np.float64)  # the widest difference of two float32 is no float32
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
