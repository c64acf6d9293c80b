"""Training recipes: everything that decides how a network is trained, as plain values under a name.

Torch is not imported here: run_all.py lists the recipes without it.
"""

import difflib
import math
from dataclasses import dataclass, fields, replace

from .errors import BadInput


@dataclass(frozen=True)
class Recipe:
    """One way to train one network. Angles in degrees, shifts in pixels, everything else without a unit."""

    name: str
    summary: str
    network: str  # a name in models.NETWORKS
    epochs: int
    batch_size: int
    learning_rate: float  # the highest that the schedule reaches
    optimizer: str = "adamw"  # Loshchilov and Hutter 2019; without weight decay it is Adam. Or "sgd"
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)  # of adamw
    momentum: float = 0.9  # of sgd, Nesterov's
    schedule: str = "one-cycle"  # or "constant"; Smith and Topin 2018
    warm_up: float = 0.3  # share of the steps in which the rate rises
    label_smoothing: float = 0.0  # Szegedy et al. 2016
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    dropout: float = 0.0  # where the network has a place for it
    validation_size: int | None = None  # None: the dataset's own
    steps_an_epoch: int = 40  # at least; a small dataset is cut into smaller batches

    def augmentation(self):
        """Return the limits that transforms.augment takes."""
        return {name: getattr(self, name) for name in ("rotation", "zoom", "shear", "shift")}


# Chosen on validation images alone; benchmarks/results/choices.json has every trial. Figures are per cent of 10,000
# validation images after 5 epochs, means of two seeds, of which 0.07 points may be chance.
#   What `balanced` gained: label smoothing, 99.50 to 99.56; a linear layer in place of a mean over the image, to 99.60.
#   What `best` gained on top: twice the channels, 99.60 to 99.65; it has three times.
#   Since then `balanced` has four convolutions instead of six and takes half the time; after ten epochs it had lost
#   nothing (99.64 of 5,000 images; 99.62 before).
#   Tried, and no better: averaging the weights over steps (99.51 against 99.50), weight decay 0.1 (99.58 against 99.60;
#   99.65 against 99.65 with twice the channels), rates 0.02 (99.55), batches of 64 (99.60), half the augmentation
#   (99.61), half as much again (99.57; 99.65 with twice the channels). Worse: bending the images (elastic distortion of
#   2 pixels 99.28 against 99.50, of 1 pixel with twice the channels 99.59 against 99.65).
#   What `fast` gained: a third convolution, 98.68 to 98.85; label smoothing, to 99.09; weight decay 0.05, to 99.13.
#   What it gave up to take half as long (a stride for the first pooling, no margins, batches of 256): 98.98 against
#   99.09 after one epoch, five seeds.
OURS = {
    "epochs": 10,
    "batch_size": 128,
    "learning_rate": 1e-2,
    "weight_decay": 1e-2,
    "label_smoothing": 0.1,
    "rotation": 10,
    "zoom": 0.1,
    "shear": 10,
    "shift": 2,
}
# Networks of so few weights learn more from smaller steps and from half the augmentation (`dropout`: 99.26 to 99.44).
TINY = {"batch_size": 64, "learning_rate": 5e-3, "rotation": 5, "zoom": 0.05, "shear": 5, "shift": 1}


def published(name, summary, **values):
    """Return the Recipe of a published network: ten epochs, and what its author said of how.

    Left open by most, and chosen on validation: batches of 64 images, the highest rate, and that it rises and falls
    once (`narrow`: 99.24 % where a constant rate gave 98.87).
    """
    return Recipe(f"{name}-published", summary, name, **{"epochs": 10, "batch_size": 64} | values)


def tuned(name, summary):
    """Return the Recipe of the same network and as many epochs with our training."""
    return Recipe(f"{name}-tuned", summary, name, **OURS | TINY)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("balanced", "the default: a compact network on augmented images", network="compact", **OURS),
        Recipe(
            "fast",
            "a small network in seconds",
            network="small",
            epochs=1,
            batch_size=256,
            learning_rate=1e-2,
            weight_decay=5e-2,
            betas=(0.7, 0.9),
            label_smoothing=0.1,
        ),
        Recipe("best", "a wide network on augmented images, for minutes", network="wide", **OURS),
        published("linear-head", "two tiny convolutions and one linear layer, Adam", learning_rate=3e-3),
        tuned("linear-head", "the same network with our training"),
        published("lenet", "two convolutions and three linear layers, SGD", optimizer="sgd", learning_rate=0.05),
        tuned("lenet", "the same network with our training"),
        published(
            "dropout",
            "two convolutions, half of the numbers dropped, 50,000 images to learn from, Adam",
            learning_rate=5e-3,
            dropout=0.5,
            validation_size=10_000,
        ),
        tuned("dropout", "the same network with our training, and nothing dropped"),
        published("narrow", "two narrow convolutions and two linear layers, Adam", learning_rate=3e-3),
        tuned("narrow", "the same network with our training"),
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


def table(recipe):
    """Return the recipe as rows (field, value) in its own order, without its name and summary."""
    return [(field.name, getattr(recipe, field.name)) for field in fields(recipe)[2:]]
