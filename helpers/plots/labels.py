"""Names beside what they name, instead of a legend: placed when a figure is drawn, whatever its size is then."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, IdentityTransform

from .style import GREY

OF = "of "  # begins the `gid` of what belongs to something, which a page can mark: there it is data-of
Span = tuple[float, float, float]  # left, right and y of what is named, in data or in pixels
GAP = 8.0  # points from the middle of a mark to its name
FURTHEST = 4  # lines that a name may move up or down


def belongs_to(*names: str) -> str:
    """Return the `gid` of what is drawn of `names`; a page finds it by any of them, with _ for its blanks."""
    return OF + " ".join(name.replace(" ", "_") for name in names)


class Names(Artist):
    """Texts of an axis, each beside its own span, where it covers no mark, no line and no other name.

    Candidates are to the right, to the left, above and below, then further away; a name that is far from its mark is
    joined to it by a thin line. The texts are the axis's own; this artist moves them just before they are drawn.
    """

    def __init__(
        self, axis: Axes, names: Sequence[str], spans: Sequence[Span], only_beside: bool = False, **style: Any
    ) -> None:
        """Add the texts to `axis`, in this `style`; with `only_beside` each stays to the right or left of its span."""
        super().__init__()
        self.axis = axis
        self.only_beside = only_beside
        self.set_in_layout(False)
        self.set_zorder(2.9)  # texts are drawn at 3
        self.spans = list(spans)
        self.leaders = Line2D([], [], color=GREY, linewidth=0.8, transform=IdentityTransform())
        self.texts = [axis.text(left, y, name, **style) for name, (left, _, y) in zip(names, spans, strict=True)]
        for text in self.texts:
            text.set(ha="left", va="bottom", clip_on=False, transform=IdentityTransform(), in_layout=False)
        axis.add_artist(self)

    def draw(self, renderer: RendererBase) -> None:
        """Move the texts to their places."""
        axis = self.axis
        gap = float(renderer.points_to_pixels(GAP))  # type: ignore[arg-type]  # it is a number for a number
        marks = covered_points(axis, gap)
        spans = [in_pixels(axis, span) for span in self.spans]
        placed: list[Bbox] = []
        ends: list[tuple[float, float]] = []
        for text, span in zip(self.texts, spans, strict=True):
            extent = text.get_window_extent(renderer)
            options = list(candidates(span, extent.width, extent.height, gap, axis.bbox))
            options = options[:2] if self.only_beside else options
            costs = [cost(box, marks, placed, axis.bbox) + misleads(box, span, spans) for box in options]
            box = options[int(np.argmin(np.add(costs, 0.02 * np.arange(len(options)))))]
            placed.append(box)
            text.set_position((box.x0, box.y0))
            ends += leader(box, span, gap)
        self.leaders.set_data(*np.array(ends).reshape(-1, 2).T)
        self.leaders.set_figure(axis.figure)
        self.leaders.draw(renderer)


def candidates(span: Span, width: float, height: float, gap: float, room: Bbox) -> Iterator[Bbox]:
    """Yield where a name so wide and high may stand, the best place first, in an axis's `room`; all in pixels."""
    left, right, y = span
    for step in range(FURTHEST + 1):
        for shift in (step * height, -step * height)[: 1 + (step > 0)]:
            yield Bbox.from_bounds(right + gap, y - height / 2 + shift, width, height)
            yield Bbox.from_bounds(left - gap - width, y - height / 2 + shift, width, height)
        for bottom in (y + gap + step * height, y - gap - height - step * height):
            for side in ((left + right - width) / 2, right + gap - width, left - gap):
                yield Bbox.from_bounds(min(max(side, room.x0), max(room.x1 - width, room.x0)), bottom, width, height)


def in_pixels(axis: Axes, span: Span) -> Span:
    """Return a span of an axis's data in pixels."""
    (left, y), (right, _) = axis.transData.transform([(span[0], span[2]), (span[1], span[2])])
    return float(left), float(right), float(y)


def misleads(box: Bbox, own: Span, spans: Sequence[Span]) -> float:
    """Return how bad it is that a name in `box` is about as near to another mark as to its own."""
    others = [distance(box, span) for span in spans if span != own]
    return 0.8 if min(others, default=np.inf) < distance(box, own) + 2 else 0


def distance(box: Bbox, span: Span) -> float:
    """Return how far a name is from what it may name, in pixels."""
    return float(np.hypot(*np.subtract(*nearest(box, span))))


def nearest(box: Bbox, span: Span) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the point of a span and that of a box that lie next to each other."""
    left, right, y = span
    corner = (min(max((left + right) / 2, box.x0), box.x1), min(max(y, box.y0), box.y1))
    return (min(max(corner[0], left), right), y), corner


def cost(box: Bbox, marks: np.ndarray, placed: Sequence[Bbox], room: Bbox) -> float:
    """Return how bad a place is: marks that it covers, names that it overlaps, how far it leaves the `room`."""
    inside = (marks > box.p0).all(axis=1) & (marks < box.p1).all(axis=1)
    outside = max(room.x0 - box.x0, 0) + max(box.x1 - room.x1, 0) + max(room.y0 - box.y0, 0) + max(box.y1 - room.y1, 0)
    return 0.2 * int(inside.sum()) + sum(box.overlaps(other) for other in placed) + 0.5 * outside


def leader(box: Bbox, span: Span, gap: float) -> list[tuple[float, float]]:
    """Return the ends of a line from a mark to its name, and a break after it; none where the two are neighbours."""
    mark, corner = nearest(box, span)
    return [] if distance(box, span) < 2 * gap else [mark, corner, (np.nan, np.nan)]


def covered_points(axis: Axes, apart: float) -> np.ndarray:
    """Return points, (n, 2) in pixels, all over the lines and marks of an axis."""
    points = [np.empty((0, 2))]
    for line in axis.lines:
        if line.get_transform() != axis.transData:
            continue
        path = line.get_transform().transform(np.column_stack(line.get_data()).astype(float))
        radius = line.get_markersize() * axis.figure.dpi / 144 if line.get_marker() not in ("", "None", None) else 0
        points += [path + radius * np.array(corner) for corner in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))]
        if line.get_linestyle() != "None":
            points += [on_the_way(*pair, apart) for pair in itertools.pairwise(path)]
    everything = np.concatenate(points)
    return everything[np.isfinite(everything).all(axis=1)]


def on_the_way(start: np.ndarray, end: np.ndarray, apart: float) -> np.ndarray:
    """Return points, (n, 2), from `start` to `end`, about so far `apart`."""
    if not np.isfinite([start, end]).all():
        return np.empty((0, 2))
    steps = int(np.hypot(*(end - start)) / apart) + 1
    return start + np.linspace(0, 1, steps + 1)[:, None] * (end - start)


def square(column: float, row: float, colour: str, strength: float, gid: str | None = None) -> Rectangle:
    """Return the ground of a cell of a table: `colour` so strong, from 0 to 1, over whatever the page's own is."""
    size = 0.96
    corner = (column - size / 2, row - size / 2)
    return Rectangle(corner, size, size, facecolor=colour, alpha=strength, linewidth=0, gid=gid)
