"""A Figure into the notebook and into the run's folder."""

import io
from pathlib import Path

import numpy as np
from IPython.display import Markdown, display
from matplotlib.figure import Figure
from PIL import Image

from .. import files, runs

DPI = 160  # twice what the figures are shown at, so that they stay sharp
QUALITY = 85  # of the JPEG of a figure that holds images in colour


def show(figure: Figure, name: str, caption: str, description: str, folder: Path) -> None:
    """Display a Figure with a caption below and `description` as its alternative text; save figures/`name`.png.

    Figure, caption and description reach the report through the notebook's own output; there a figure that holds
    images in colour is a JPEG, which takes a tenth of the bytes. `folder` is the run's; RunInUse where somebody else is
    writing there.
    """
    content = as_png(figure)
    with runs.writing(folder):
        files.write_file(folder / "figures" / f"{name}.png", content)
    kind = "image/png"
    if holds_colour_images(figure):
        kind = "image/jpeg"
        content = as_jpeg(io.BytesIO(content))
    data = {kind: content, "text/plain": description}
    metadata = {"alt": description, "width": round(figure.get_figwidth() * DPI / 2)}
    display(data, raw=True, metadata={kind: metadata})
    display(Markdown(f"*{caption}*"))


def as_png(figure: Figure) -> bytes:
    """Return a Figure as the bytes of a PNG file, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return buffer.getvalue()


def holds_colour_images(figure: Figure) -> bool:
    """Return whether a Figure shows an image in colour, (h, w, 3), rather than numbers on a scale of colours."""
    shown = [image for axis in figure.axes for image in axis.images]
    return any(np.asarray(image.get_array()).ndim == 3 for image in shown)


def as_jpeg(png: io.BytesIO) -> bytes:
    """Return the picture in an open PNG file as the bytes of a JPEG."""
    jpeg = io.BytesIO()
    Image.open(png).convert("RGB").save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return jpeg.getvalue()
