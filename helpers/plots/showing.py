"""A Figure, or some side by side, into the notebook and into the run's folder."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .. import files, runs
from .style import NARROW, QUIET, TEXT, heading, lay_out, points_of, when_laid_out
from .svg import DPI, PIXELS, as_svg

APART = 24  # points between panels that stand side by side
NARROW_ENOUGH = 360 / 72  # inches: a chart that wide is shown on a phone as it is


class Panels(list[Figure]):
    """Figures that belong together: side by side where there is room, else below each other.

    Each has a title of its own; one of two is NARROW. `description` is the alternative text of them all.
    """

    def __init__(self, figures: Iterable[Figure], description: str = "") -> None:
        super().__init__(figures)
        self.description = description

    @property
    def axes(self) -> list[Axes]:
        """The axes of all figures, in their order."""
        return [axis for figure in self for axis in figure.axes]


def show(figure: Figure | Panels, name: str, caption: str, description: str, folder: Path) -> None:
    """Display a figure with a caption below and `description` as its alternative text; save figures/`name`.png.

    It reaches the report through the notebook's own output: a piece of HTML that holds charts as SVG and images as
    pixels, and whose titles, caption and description are text. `folder` is the run's; RunInUse where somebody else is
    writing there.
    """
    panels = figure if isinstance(figure, Panels) else Panels([figure])
    for panel in panels:
        place_titles(panel)
    with runs.writing(folder):
        files.write_file(folder / "figures" / f"{name}.png", as_png(panels))
    html = as_html(panels, name, caption, description)
    display({"text/html": html, "text/plain": description}, raw=True)


def as_html(panels: Panels, name: str, caption: str, description: str) -> str:
    """Return a <figure> of HTML; of its two drawings of a wide chart, a page shows the narrow one where it is narrow.

    The narrow one is `hidden` until a page's style says otherwise.
    """
    parts = [f'<div class="panels" role="img" aria-label="{escape(description)}">']
    for place, panel in enumerate(panels):
        whole_row = ' style="flex-basis:100%"' if len(panels) > 1 and panel.get_figwidth() > NARROW_ENOUGH else ""
        title = panel.get_suptitle()
        head = f'<p class="panel-title">{escape(title)}</p>' if title else ""
        panel.suptitle("")
        kind = "panel card" if scrolls(panel) else "panel"
        parts.append(f'<div class="{kind}"{whole_row}>{head}{as_drawings(panel, f"{name}-{place}")}</div>')
        if title:
            heading(panel, title)
    content = share_images("\n".join([*parts, "</div>"]), name)
    return (
        f'<figure class="figure" data-name="{escape(name)}">\n{content}\n'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def as_drawings(figure: Figure, name: str) -> str:
    """Return a chart as SVG, in its own width and, where that is no phone's, in a phone's."""
    width = figure.get_figwidth()
    keep_few_pixels(figure)
    lay_out(figure, width)
    drawn = as_svg(figure, name)
    if scrolls(figure):
        return drawn.replace("max-width:", "width:", 1)
    if width <= NARROW_ENOUGH:
        return drawn
    lay_out(figure, NARROW)
    narrow = as_svg(figure, f"{name}-narrow")
    figure.set_figwidth(width)
    return f'<div class="wide">{drawn}</div><div class="narrow" hidden>{narrow}</div>'


def scrolls(figure: Figure) -> bool:
    """Return whether a wide Figure cannot be drawn narrow, so that on a phone one moves along it."""
    return figure.get_figwidth() > NARROW_ENOUGH and getattr(figure, "scrolls", False)


def keep_few_pixels(figure: Figure) -> None:
    """Take the means of the pixels of images that are more than twice as wide as they are shown."""
    images = [(axis, image) for axis in figure.axes for image in axis.images]
    if images:
        lay_out(figure, figure.get_figwidth())
        figure.draw_without_rendering()
    for axis, image in images:
        pixels = np.asarray(image.get_array())
        shown = 2 * points_of(axis)[0]
        if pixels.shape[1] <= shown or np.issubdtype(pixels.dtype, np.floating):
            continue
        image.set_extent(image.get_extent())  # which is that of its pixels, until somebody says so
        size = (round(shown), round(shown * pixels.shape[0] / pixels.shape[1]))
        image.set_data(np.asarray(Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.BOX)))


def share_images(html: str, name: str) -> str:
    """Return HTML in which an image that several drawings show is held once."""
    found = re.findall(r'<image (href="data:[^"]+" width="\d+" height="\d+")', html)
    held = []
    for place, pixels in enumerate(pixels for pixels, count in Counter(found).items() if count > 1):
        held.append(f'<image id="{name}-pixels-{place}" {pixels} style="{PIXELS}"/>')
        html = html.replace(f"<image {pixels}", f'<use href="#{name}-pixels-{place}"')
    if not held:
        return html
    hidden = 'width="0" height="0" style="position:absolute" aria-hidden="true"'
    return f"<svg {hidden}><defs>{''.join(held)}</defs></svg>{html}"


def place_titles(figure: Figure) -> None:
    """Make the title of a Figure's only axis that of the Figure, and let the name of its vertical axis lie above it."""
    if len(figure.axes) != 1:
        return
    (axis,) = figure.axes
    titles = [axis.get_title(place) for place in ("left", "center", "right")]
    if any(titles) and not figure.get_suptitle():
        for place in ("left", "center", "right"):
            axis.set_title("", loc=place)
        heading(figure, " ".join(filter(None, titles)))
    label = axis.get_ylabel()
    if label and not holds_images(figure):
        axis.set_ylabel("")
        axis.set_title(label, loc="left", fontsize=TEXT, fontweight="normal", color=QUIET)
        when_laid_out(figure, lambda: align_label(axis))


def align_label(axis: Axes) -> None:
    """Let what stands above an axis begin where the labels of its ticks do."""
    label = axis._left_title  # type: ignore[attr-defined]  # matplotlib has no public name for it
    ticks, whole = axis.yaxis.get_tightbbox(), axis.get_window_extent()
    if ticks is not None:
        label.set_x(min((ticks.x0 - whole.x0) / whole.width, 0))


def as_png(figure: Figure | Panels) -> bytes:
    """Return a Figure as the bytes of a PNG file, on white; of Panels, one beside the other."""
    if isinstance(figure, Panels):
        return side_by_side([as_png(panel) for panel in figure]) if len(figure) > 1 else as_png(figure[0])
    lay_out(figure, figure.get_figwidth())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return buffer.getvalue()


def side_by_side(contents: list[bytes]) -> bytes:
    """Return PNG files as one, from left to right, their upper edges on one line."""
    pictures = [Image.open(io.BytesIO(content)).convert("RGB") for content in contents]
    apart = APART * DPI // 72
    width = sum(picture.width for picture in pictures) + apart * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + apart
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def holds_images(figure: Figure) -> bool:
    """Return whether a Figure shows an image, or numbers as one."""
    return any(axis.images for axis in figure.axes)
