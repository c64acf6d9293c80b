"""All recipes in one table: accuracy as dots on one axis, time, size; to be sorted, and one to be marked everywhere."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from .frame import assemble

STEPS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # from one tick to the next


@dataclass(frozen=True)
class Recipe:
    """A row: shares of test images that each training classified correctly, their mean with its interval, the costs."""

    name: str
    accuracies: Sequence[float]
    mean: float
    low: float
    high: float
    seconds: float  # of one training
    time: str  # the same in words
    parameters: int


def recipe_table(recipes: Sequence[Recipe]) -> str:
    """Return a piece of HTML: a row for each of `recipes`, in their order, which is that of their accuracy.

    Without a script it is a plain table. With it, its headings sort, and a recipe's name marks what a page's figures
    draw of it (what has that name in data-of); an address that ends in #recipe-NAME does, too.
    """
    axis = axis_of([share for recipe in recipes for share in shares_of(recipe)])
    rows = "\n".join(row(recipe, axis) for recipe in recipes)
    ticks = "".join(f'<span style="left:{place:.2f}%">{text}</span>' for text, place in axis.ticks())
    return assemble("recipes", {"ROWS": rows, "TICKS": ticks})


def shares_of(recipe: Recipe) -> list[float]:
    """Return what the axis has to hold of a recipe; the interval of one training is unknown."""
    return [share for share in (*recipe.accuracies, recipe.low, recipe.high) if np.isfinite(share)]


@dataclass(frozen=True)
class Axis:
    """An axis of accuracies, from `low` to `high`, shares, with a tick at every `step`."""

    low: float
    high: float
    step: float

    def place(self, share: float) -> float:
        """Return where a share lies, in per cent of the axis."""
        return 100 * (share - self.low) / (self.high - self.low)

    def ticks(self) -> Iterator[tuple[str, float]]:
        """Yield the text of each tick and its place."""
        digits = max(0, math.ceil(-math.log10(100 * self.step) - 1e-9))
        for number in range(round((self.high - self.low) / self.step) + 1):
            share = self.low + number * self.step
            yield f"{100 * share:.{digits}f}%", self.place(share)


def axis_of(shares: Sequence[float]) -> Axis:
    """Return an axis with three to six ticks that holds all `shares`, and no more than there is: 0 to 1."""
    low, high = max(min(shares), 0.0), min(max(shares), 1.0)
    for step in STEPS:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first > 5:
            continue
        last = min(max(last, first + 2), round(1 / step))
        first = min(first, last - 2)
        return Axis(first * step, last * step, step)
    return Axis(0.0, 1.0, STEPS[-1])


def row(recipe: Recipe, axis: Axis) -> str:
    """Return a row of the table."""
    key = escape(recipe.name.replace(" ", "_"))
    grid = "".join(f'<i style="left:{place:.2f}%"></i>' for _, place in axis.ticks())
    dots = "".join(f'<b style="left:{axis.place(share):.2f}%"></b>' for share in recipe.accuracies)
    count = len(recipe.accuracies)
    interval, words = "", f"{count} training{'' if count == 1 else 's'}"
    if np.isfinite([recipe.low, recipe.high]).all():
        left, right = (axis.place(min(max(end, axis.low), axis.high)) for end in (recipe.low, recipe.high))
        interval = f'<u style="left:{left:.2f}%;width:{right - left:.2f}%"></u>'
        words = f"95% interval {recipe.low:.2%} to {recipe.high:.2%}, {words}"
    cells = [
        f'<th scope="row" role="rowheader">{escape(recipe.name)}</th>',
        f'<td role="cell" class="n" data-value="{recipe.mean:.6f}">{recipe.mean:.2%}</td>',
        f'<td role="cell" class="plot"><span role="img" aria-label="{words}">{grid}{interval}{dots}'
        f'<em style="left:{axis.place(recipe.mean):.2f}%"></em></span></td>',
        f'<td role="cell" class="n" data-value="{recipe.seconds:.3f}">{escape(recipe.time)}</td>',
        f'<td role="cell" class="n" data-value="{recipe.parameters}">{recipe.parameters:,}</td>',
    ]
    return f'<tr role="row" id="recipe-{key}" data-recipe="{key}">{"".join(cells)}</tr>'


def recipe_rows(
    trainings: Mapping[str, Sequence[float]],
    means: Mapping[str, tuple[float, float, float]],
    costs: Mapping[str, tuple[float, str, int]],
) -> list[Recipe]:
    """Return a Recipe for each of `trainings`, {name: accuracies}, the highest mean first.

    `means`: {name: (mean, low, high)}, shares; `costs`: {name: (seconds, the same in words, parameters)}.
    """
    ranking = sorted(trainings, key=lambda name: -means[name][0])
    return [Recipe(name, trainings[name], *means[name], *costs[name]) for name in ranking]
