"""A chart as inline SVG: text as text, colours by the page's variables, as few bytes as it takes."""

import base64
import io
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from .labels import OF
from .style import ACCENT, BROWN, ERROR, GREEN, GREY, GRID, INK, PAPER, PURPLE, QUIET, TEXT

VARIABLES = {  # what a page calls a colour; a page that does not know it takes the colour itself
    INK: "--chart-ink",
    QUIET: "--chart-quiet",
    GRID: "--chart-grid",
    ACCENT: "--chart-accent",
    ERROR: "--chart-error",
    GREY: "--chart-grey",
    GREEN: "--chart-green",
    PURPLE: "--chart-purple",
    BROWN: "--chart-brown",
    PAPER: "--paper",
}
ROOT = f"fill:var(--chart-ink,{INK});font:{TEXT}px system-ui,sans-serif;stroke-linejoin:round"
NAMESPACE = re.compile(r"\{[^}]*\}")
DECIMAL = re.compile(r"-?\d+\.\d+(e-?\d+)?")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
RECTANGLE = re.compile(r"M(\S+) (\S+)L(\S+) \2L\3 ([^L]+)L\1 \4(?:L\1 \2z?|z)")
VARIABLE = re.compile(r"var\([^,]+,([^)]+)\)")
ON_IMAGE = "on-image-"
SAME = re.compile(r"rotate\(-?0 [^)]*\)")  # by 0 degrees
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
PIXELS = "image-rendering:pixelated"
QUALITY = 88  # of the JPEG of images in colour
DPI = 144  # of what is drawn as pixels: twice what a page shows


def as_svg(figure: Figure, name: str) -> str:
    """Return a Figure as an <svg> element for a page of HTML; a point of the Figure is a pixel of the page.

    Identifiers begin with `name`, so that they stay apart from those of other charts. The same Figure gives the same
    text. It has no ground: what is behind it shows.
    """
    file = io.BytesIO()
    for axis in figure.axes:
        for image in axis.images:
            image.set_interpolation("none")  # its own pixels, and no more
        for place, text in enumerate(axis.texts if axis.images else ()):
            text.set_gid(f"{ON_IMAGE}{place}")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "digits", "image.composite_image": False}):
        figure.savefig(file, format="svg", dpi=DPI, facecolor="none", metadata=NO_METADATA)
    root = ElementTree.fromstring(file.getvalue())
    width, height = (f"{72 * inches:.0f}" for inches in figure.get_size_inches())
    frames = {element.attrib["id"]: element[0].attrib for element in root.iter() if kind_of(element) == "clipPath"}
    content = "".join(write(element, frames) for element in root)
    opening = f'<svg viewBox="0 0 {width} {height}" width="100%" style="max-width:{width}px;{ROOT}">'
    return f"{opening}{number(content, name)}</svg>"


def kind_of(element: ElementTree.Element) -> str:
    """Return the name of an element."""
    return NAMESPACE.sub("", element.tag)


def write(element: ElementTree.Element, frames: Mapping[str, Mapping[str, str]]) -> str:
    """Return an element that matplotlib wrote in as few characters as say the same.

    `frames` {identifier of a clipPath: attributes of its rectangle}: what reaches out of it is cut off by an <svg>
    within the <svg>, which needs no identifier.
    """
    kind = kind_of(element)
    if kind in ("style", "metadata", "clipPath"):
        return ""
    if element.get("id", "").startswith("QuadMesh"):
        return write_cells(element)
    if element.get("id", "").startswith(ON_IMAGE):  # its ground is the same in the dark
        del element.attrib["id"]
        content = VARIABLE.sub(r"\1", write(element, frames))
        return f'<g style="fill:{INK}">{content}</g>' if content else ""
    attributes = dict(tidy(element, kind))
    if kind == "path" and attributes.get("style") == "fill:none":
        return ""
    text = escape(element.text or "") if kind == "text" else ""
    content = text + "".join(write(child, frames) for child in element)
    styles = set(re.findall(r'<use [^>]*(style="[^"]*")/>', content))
    if len(styles) == 1 and content.count("<use ") == content.count("<") > 1:  # marks that look the same
        style = styles.pop()
        content = f"<g {style}>{content.replace(f' {style}', '')}</g>"
    if kind in ("g", "defs") and not content:
        return ""
    inside = "".join(f' {key}="{value}"' for key, value in attributes.items())
    written = f"<{kind}{inside}>{content}</{kind}>" if content else f"<{kind}{inside}/>"
    if kind == "g" and not attributes:
        written = content
    frame = frames.get(element.get("clip-path", "")[5:-1])  # url(#identifier)
    return cut(written, frame) if frame and reaches_out(element, frame) else written


def write_cells(element: ElementTree.Element) -> str:
    """Return the cells of a table, which overlap nowhere: those that look the same as one path."""
    cells: dict[str, str] = {}
    for cell in element:
        attributes = dict(tidy(cell, "path"))
        style = attributes.get("style", "")
        if "fill:none" not in style:
            cells[style] = cells.get(style, "") + attributes["d"]
    return "".join(f'<path d="{path}" style="{style}"/>' for style, path in cells.items())


def reaches_out(element: ElementTree.Element, frame: Mapping[str, str], by: float = 2.0) -> bool:
    """Return whether an element, or a part of it, is out of a rectangle by more than so many points."""
    places = []
    for part in element.iter():
        if kind_of(part) == "use":
            places.append((float(part.attrib["x"]), float(part.attrib["y"])))
        elif kind_of(part) == "path" and "id" not in part.attrib:
            numbers = list(map(float, NUMBER.findall(part.attrib.get("d", ""))))
            places += zip(numbers[::2], numbers[1::2], strict=True)  # M, L and C, which stand before pairs
    left, top, width, height = (float(frame[key]) for key in ("x", "y", "width", "height"))
    return any(not (left - by <= x <= left + width + by and top - by <= y <= top + height + by) for x, y in places)


def cut(content: str, frame: Mapping[str, str]) -> str:
    """Return SVG of which nothing shows outside a rectangle."""
    left, top, width, height = (shorten_numbers(frame[key], 1) for key in ("x", "y", "width", "height"))
    place = f'x="{left}" y="{top}" width="{width}" height="{height}" viewBox="{left} {top} {width} {height}"'
    return f"<svg {place}>{content}</svg>"


def escape(text: str) -> str:
    """Return text as it stands in an element or an attribute."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def tidy(element: ElementTree.Element, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of an element that say something, rounded, with the page's colours."""
    is_marker = kind == "path" and "id" in element.attrib  # it takes the style of what uses it
    for key, value in element.attrib.items():
        key = NAMESPACE.sub("", key)
        if kind == "image" and key == "href":
            value = smallest(value)
        elif kind == "image" and key == "style":
            value = PIXELS
        elif key == "style":
            value = "" if is_marker else ";".join(declarations(value))
        elif key == "d":
            value = re.sub(r" ?([A-Za-z]) ?", r"\1", " ".join(shorten_numbers(value, 2 if is_marker else 1).split()))
            value = RECTANGLE.sub(r"M\1 \2H\3V\4H\1z", value)
        elif key == "transform":
            value = shorten_numbers(SAME.sub("", value).strip(), 4 if kind == "image" else 2)
        elif key in ("x", "y", "width", "height") and kind != "image":
            value = shorten_numbers(value, 1)
        elif key == "id" and value.startswith(OF):
            key, value = "data-of", value.removeprefix(OF)
        elif key == "clip-path" or (key == "id" and kind != "path"):
            value = ""  # nothing refers to it
        if value:
            yield key, escape(value)


def smallest(source: str) -> str:
    """Return the address that holds a PNG as one that holds the same pixels in fewer bytes, on white."""
    picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(ground, picture).convert("RGB")
    red, green, blue = picture.split()
    is_grey = red.tobytes() == green.tobytes() == blue.tobytes()
    files = {"png": io.BytesIO()}
    (red if is_grey else picture).save(files["png"], "PNG", optimize=True)
    if not is_grey:
        files["jpeg"] = io.BytesIO()
        picture.save(files["jpeg"], "JPEG", quality=QUALITY, subsampling=0)  # optimised, grainy images fail in Pillow
    kind, file = min(files.items(), key=lambda pair: len(pair[1].getvalue()))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def declarations(style: str) -> Iterator[str]:
    """Yield the declarations of a style that differ from those of the whole chart."""
    for declaration in style.split(";"):
        key, value = (part.strip() for part in declaration.split(":", 1))
        if key == "font-family" or (key, value) in (
            ("font-size", f"{TEXT}px"),
            ("text-anchor", "start"),
            ("fill", INK),
        ):
            continue
        if value in VARIABLES:
            value = f"var({VARIABLES[value]},{value})"
        yield f"{key}:{shorten_numbers(value, 2)}"


def shorten_numbers(text: str, digits: int) -> str:
    """Return text with its decimal fractions rounded to so many digits."""
    return DECIMAL.sub(lambda found: f"{round(float(found[0]), digits) + 0:.10g}", text)


def number(content: str, name: str) -> str:
    """Return SVG in which identifiers are `name` and a number, in their order; those that nothing uses are gone."""
    used = dict.fromkeys(re.findall(r'href="#([^"]+)"', content))
    for place, old in enumerate(used):
        content = content.replace(f'id="{old}"', f'id="{name}-{place}"').replace(f'"#{old}"', f'"#{name}-{place}"')
    return content
