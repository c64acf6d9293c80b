"""Training recipes: everything that decides how a network is trained, as plain values under a name.

Torch is not imported here: run_all.py lists the recipes without it.
"""

import difflib
import math
from dataclasses import dataclass, fields, replace

from .runs import BadInput


@dataclass(frozen=True)
class Recipe:
    """One way to train one network. Angles in degrees, shifts in pixels, everything else without a unit."""

    name: str
    summary: str
    network: str  # a name in models.NETWORKS
    epochs: int
    batch_size: int
    learning_rate: float  # the highest that the schedule reaches
    weight_decay: float = 0.0  # decoupled from the gradient: AdamW, Loshchilov and Hutter 2019
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "one-cycle"  # or "constant"; Smith and Topin 2018
    warm_up: float = 0.3  # share of the steps in which the rate rises
    label_smoothing: float = 0.0  # Szegedy et al. 2016
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    validation_size: int | None = None  # None: the dataset's own
    steps_an_epoch: int = 40  # at least; a small dataset is cut into smaller batches

    def augmentation(self):
        """Return the limits that data.augment takes."""
        return {"rotation": self.rotation, "zoom": self.zoom, "shear": self.shear, "shift": self.shift}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="balanced",
            summary="the default: a compact network, augmented images, one rise and fall of the learning rate",
            network="compact",
            epochs=10,
            batch_size=128,
            learning_rate=1e-2,
            weight_decay=1e-2,
            rotation=10,
            zoom=0.1,
            shear=10,
            shift=2,
        ),
        Recipe(
            name="fast",
            summary="one epoch of a small network, in seconds",
            network="small",
            epochs=1,
            batch_size=128,
            learning_rate=1e-2,
            betas=(0.7, 0.9),
        ),
    )
}
OVERRIDES = ("epochs", "batch_size", "learning_rate", "validation_size")


def choose(name, **overrides):
    """Return the Recipe `name` with every override that is not None put in its place; BadInput names a bad one."""
    if name not in RECIPES:
        nearest = difflib.get_close_matches(name, RECIPES, n=len(RECIPES), cutoff=0)
        raise BadInput(f"--recipe {name}: not known; choose one of {', '.join(nearest)}")
    recipe = replace(RECIPES[name], **{key: value for key, value in overrides.items() if value is not None})
    check(recipe)
    return recipe


def check(recipe):
    """Raise BadInput where a value that a person may override cannot be trained with."""
    for field in ("epochs", "batch_size", "validation_size"):
        value = getattr(recipe, field)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise BadInput(f"--{field.replace('_', '-')} {value}: must be a whole number of at least 1")
    if not (
        isinstance(recipe.learning_rate, int | float)
        and math.isfinite(recipe.learning_rate)
        and 0 < recipe.learning_rate <= 10
    ):
        raise BadInput(f"--learning-rate {recipe.learning_rate}: must be a number above 0 and at most 10")


def describe(recipe):
    """Return the recipe as rows (field, value) in its own order, without its name and summary."""
    return [(field.name, getattr(recipe, field.name)) for field in fields(recipe)[2:]]
