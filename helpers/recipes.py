"""Training recipes: everything that decides how a network is trained, as plain values under a name.

Torch is not imported here: run_all.py lists the recipes without it.
"""

import difflib
import math
from dataclasses import dataclass, fields, replace
from typing import Any

from . import folds
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
    warmup_fraction: float = 0.3  # share of the steps in which the rate rises
    label_smoothing: float = 0.0  # Szegedy et al. 2016
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    rough_share: float = 0.0  # of each batch, roughened after that
    roughening: tuple[str, ...] = ()  # operations in transforms.ROUGHENING, which fall on these images by chance
    flip: bool = False  # half of the images, left to right
    crop: float = 0.0  # share of a side that may be cut off
    light_jitter: float = 0.0  # share by which brightness and contrast may change
    colour_jitter: float = 0.0  # share by which saturation may change
    dropout: float = 0.0  # where the network has a place for it
    normalise_each: bool = False  # each image by its own mean and standard deviation, else by those of all of train
    validation_size: int | None = None  # None: the dataset's own, or what `fold` says
    fold: str | None = None  # "2/5": the second of five parts of the training images validates; None: no such part
    min_batches_per_epoch: int = 40  # a small dataset is cut into smaller batches,
    min_batch_size: int = 1  # but none smaller than this

    def augmentation(self) -> dict[str, Any]:
        """Return what transforms.augment takes beside the images."""
        return {name: getattr(self, name) for name in AUGMENTATION}


MNISTS_ALONE = ("linear-head", "lenet", "dropout", "narrow")  # networks as published: for 28x28 grey and no other form
AUGMENTATION = (
    *("rotation", "zoom", "shear", "shift"),
    *("flip", "crop", "light_jitter", "colour_jitter"),
    *("rough_share", "roughening"),
)

# Chosen on validation images alone; benchmarks/results/choices.json has every trial. Figures are per cent of 10,000
# validation images after 5 epochs, means of two seeds, of which 0.07 points may be chance.
#   What `balanced` gained: label smoothing, 99.50 to 99.56; a linear layer in place of a mean over the image, to 99.60.
#   What `best` gained on top: twice the channels, 99.60 to 99.65; it has three times. More epochs: 99.70 after 18, two
#   seeds (99.66 with half as much augmentation again); it takes 16, which end within ten minutes on two cores.
#   Since then `balanced` has four convolutions instead of six and takes half the time; after ten epochs it had lost
#   nothing (99.64 of 5,000 images; 99.62 before).
#   Tried, and no better: averaging the weights over steps (99.51 against 99.50), weight decay 0.1 (99.58 against 99.60;
#   99.65 against 99.65 with twice the channels), rates 0.02 (99.55), batches of 64 (99.60), half the augmentation
#   (99.61), half as much again (99.57; 99.65 with twice the channels). Worse: bending the images (elastic distortion of
#   2 pixels 99.28 against 99.50, of 1 pixel with twice the channels 99.59 against 99.65).
#   What `fast` gained: a third convolution, 98.68 to 98.85; label smoothing, to 99.09; weight decay 0.05, to 99.13.
#   What it gave up to take half as long (a stride for the first pooling, no padding, batches of 256): 98.98 against
#   99.09 after one epoch, five seeds.
#   Tried since to make it quicker still, and no good bargain (five seeds, 98.93 as it is): batches of 512 98.78, a
#   stride for the second pooling as well 98.68, both 98.42, both at twice the rate 98.63.
# Bad light (benchmarks/bad_light.py: ten ways of corrupting validation images, the mean, and the worst in brackets):
#   `balanced` had read 54.0% of them (haze 9.8) after ten epochs. With each image normalised by itself 85.1 (ramp of
#   light 43.5; five epochs); with a quarter roughened as well 97.5 (ruled paper 93.0) after ten epochs. It pays 0.06
#   points on clean images (99.58 to 99.52, one seed) and a tenth more time a step.
#   `fast`: 68.8 (9.8), 92.9 (76.7), and with an eighth roughened 96.9 (94.3), for 98.98 to 98.92, two seeds; with a
#   quarter 97.2, for 98.85.
#   Left out: a straight edge of light, 97.9 for 97.6, but 99.24 for 99.40 clean after five epochs, one seed. `best` and
#   the tuned networks are as they were: nobody has tried.
# Pictures: what was tried for `pictures`, on sets of benchmarks/made_pictures.py, 250 per class, 96 pixels a side. Per
#   cent of 200 validation images of `textures` after five epochs, two trainings each; these trials are in no file.
#   Gained: filters of 3x3 on every pixel, 86 to 95 (5x5 on every second; one training, of an earlier make of the set);
#   a sum of zero for half of the first filters, 92 and 92 to 96 and 99; for three quarters, 99 and 99.
#   `colours` stayed at 99 to 100 with either share.
#   No better, by what was seen before that: a fourth stage, which stays, smaller batches, SGD, a shorter rise of the
#   rate, no label smoothing. Worse: a body that begins at zero; cropping up to 15 % (97 and 97 for 98 and 99).
#   On crops of ten photographs, trained on the left quarter of each and validated in the one beside it (400 crops):
#   68 and 65; light and colours changed by a fifth 66 and 61, which may be chance, and stays for the sake of light that
#   these do not have; mirrored as well 64 and 62; cropped 61 and 60; each image normalised by itself 50 and 58.
#   Batches of at least 8 where images are few (sets of 20 and 40 per class, ten epochs, means of two seeds): textures
#   65 and 89, of 1 or 2 images 57 and 69, of 16 images 73 and 91; colours 94 and 98, of 1 or 2 images 96 and 99, of 16
#   images 71 and 98.
#   Mirrored, and cropped up to 10 %, with ten epochs: crops of photographs, three seeds, 63 as they are, 67 mirrored,
#   66 mirrored and cropped; textures, two seeds, five epochs, 97, 96 and 97. Neither harms, and what is photographed
#   twice is seldom framed alike. What points to the left may be another class: then mirroring has to go.
BAD_LIGHT: dict[str, Any] = {
    "normalise_each": True,
    "roughening": ("strokes", "pieces", "erasing", "filter", "gamma", "light", "noise"),
}
OURS: dict[str, Any] = {
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
TINY: dict[str, Any] = {"batch_size": 64, "learning_rate": 5e-3, "rotation": 5, "zoom": 0.05, "shear": 5, "shift": 1}


def published(name: str, summary: str, **values: Any) -> Recipe:
    """Return the Recipe of the published network `name`: ten epochs, and in `values` what its author said of how.

    Most authors leave the rest open. It was chosen on validation: batches of 64 images, the highest rate, and a rate
    that rises and falls once (`narrow`: 99.24 % where a constant rate gave 98.87).
    """
    common: dict[str, Any] = {"epochs": 10, "batch_size": 64}
    return Recipe(f"{name}-published", summary, name, **common | values)


def tuned(name: str, summary: str) -> Recipe:
    """Return the Recipe that trains the published network `name` for as many epochs in our way."""
    return Recipe(f"{name}-tuned", summary, name, **OURS | TINY)


PLAIN_RATES = {"adamw": 1e-3, "sgd": 1e-2}  # Adam's default in PyTorch; SGD's, beside a momentum of 0.9
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "balanced",
            "the default: a compact network on augmented images, some of them roughened",
            network="compact",
            rough_share=0.25,
            **OURS,
            **BAD_LIGHT,
        ),
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
            rough_share=0.125,
            **BAD_LIGHT,
        ),
        Recipe(
            "pictures",
            "the default for images in colour, or larger than 32 pixels: a small residual network",
            network="residual",
            epochs=10,
            batch_size=64,
            learning_rate=3e-3,
            weight_decay=1e-2,
            label_smoothing=0.1,
            flip=True,
            crop=0.1,
            light_jitter=0.2,
            colour_jitter=0.2,
            min_batch_size=8,
        ),
        Recipe("best", "a wide network on augmented images, for ten minutes", network="wide", **OURS | {"epochs": 16}),
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
# What each field decides, for readers, and what it trades.
MEANINGS = {
    "network": "the layers, listed in the next table",
    "epochs": "passes over the training images: too few leave it undertrained, more bring less and less",
    "batch_size": "images averaged for one step, at most: more give steadier steps, fewer give more of them",
    "learning_rate": "the highest rate that the schedule reaches; too high, and the loss jumps instead of falling",
    "optimizer": "adamw scales the step of every weight separately; sgd follows the gradient, with momentum",
    "weight_decay": "how strongly weights are pulled towards 0, so that none grows without need",
    "betas": "how long adamw remembers the direction and the size of past gradients",
    "momentum": "how much of its last step sgd takes again",
    "schedule": "one-cycle: the rate rises, then falls almost to 0; constant: it stays",
    "warmup_fraction": "share of the steps in which the rate of one-cycle rises: small first steps from random weights",
    "label_smoothing": "share of the target that is spread evenly over all classes; 0 asks for full certainty",
    "rotation": "degrees by which an image is rotated at most, either way: few things stand perfectly upright",
    "zoom": "share by which it grows or shrinks at most: the same thing comes large and small",
    "shear": "degrees by which it is sheared at most, either way: handwriting slants",
    "shift": "pixels by which it is translated at most: where a thing stands does not change what it is",
    "rough_share": "share of each batch that is roughened as well, for images worse than those in the dataset",
    "roughening": "what may happen to such an image, each by chance: thicker or thinner strokes, blots, noise, ...",
    "flip": "whether half of the images are mirrored: most things look alike from left and right; signs do not",
    "crop": "share of a side that may be cut off: things are not always centred or wholly in the picture",
    "light_jitter": "share by which brightness and contrast may change: the same thing is seen in other light",
    "colour_jitter": "share by which colours may become stronger or paler: cameras differ",
    "dropout": "share of the activations set to 0 while training, in networks with such layers: none may be relied on",
    "normalise_each": "whether each image is brought to mean 0 and standard deviation 1 by itself: light matters less",
    "validation_size": "images held out for validation; None takes the dataset's own number, or a fold",
    "fold": "which part is held out instead: 2/5 is the second of five, each image in one of them; None is none",
    "min_batches_per_epoch": "at least so many batches an epoch: a small dataset is cut into smaller batches",
    "min_batch_size": "but none smaller than this",
}


def published_step(network: str, step: int) -> Recipe:
    """Return the Recipe of a step, 0 to 3, from what the README of a network of MNISTS_ALONE says to our training.

    Step 0 leaves what is not said to PyTorch's defaults or to the plainest choice: a constant rate of PLAIN_RATES,
    batches of 64 and ten epochs.
    """
    published = RECIPES[f"{network}-published"]
    tuned = RECIPES[f"{network}-tuned"]
    augmentation = {field: getattr(tuned, field) for field in AUGMENTATION}
    return (
        replace(published, schedule="constant", learning_rate=PLAIN_RATES[published.optimizer]),
        published,
        replace(published, **augmentation),
        tuned,
    )[step]


OVERRIDES = ("epochs", "batch_size", "learning_rate", "validation_size", "fold")


def choose(name: str, continues: bool = False, **overrides: float | str | None) -> Recipe:
    """Return the Recipe `name` with each override that is not None in place of the recipe's own value.

    `continues`: whether the training starts from the weights of another; see `gently`. `overrides` are fields of a
    Recipe, as a rule those in OVERRIDES; a `fold` takes the place of the recipe's validation_size. BadInput for an
    unknown name, and for a value that cannot be trained with.
    """
    if name not in RECIPES:
        nearest = difflib.get_close_matches(name, RECIPES, n=len(RECIPES), cutoff=0)
        raise BadInput("not known", field="recipe", value=name, way_out=f"choose one of {', '.join(nearest)}")
    changes: dict[str, Any] = {field: value for field, value in overrides.items() if value is not None}
    recipe = gently(RECIPES[name]) if continues else RECIPES[name]
    if "fold" in changes:
        recipe = replace(recipe, validation_size=None)
    recipe = replace(recipe, **changes)
    check(recipe)
    return recipe


def gently(recipe: Recipe) -> Recipe:
    """Return the Recipe for a training that starts from another's weights, which large and erratic steps would undo.

    Chosen on training images of the embedded digits, five per class to learn from and the others to evaluate on, after
    MNIST by `balanced`; five seeds: 93.2 % as the recipe is, 96.5 with batches of at least 8, 97.9 with a third of
    the rate as well; 97.1 with a tenth of the rate alone.
    """
    return replace(recipe, learning_rate=0.3 * recipe.learning_rate, min_batch_size=8)


def check(recipe: Recipe) -> None:
    """Raise BadInput where a value that a person may override cannot be trained with."""
    for field in ("epochs", "batch_size", "validation_size"):
        value = getattr(recipe, field)
        if value is None:
            continue
        if not isinstance(value, int) or value < 1:
            raise BadInput("must be a whole number of at least 1", field=field, value=value)
    rate = recipe.learning_rate
    if not isinstance(rate, int | float) or not math.isfinite(rate) or not 0 < rate <= 10:
        raise BadInput("must be a number above 0 and at most 10", field="learning_rate", value=rate)
    folds.check(recipe.fold, recipe.validation_size)


def batch_size_for(recipe: Recipe, images: int) -> int:
    """Return how many of `images` training images make a batch: the recipe's number, or fewer where there are few."""
    size = max(recipe.min_batch_size, images // recipe.min_batches_per_epoch)
    return min(recipe.batch_size, size, images)


def check_form(recipe: Recipe, size: int, channels: int) -> None:
    """Raise BadInput where the recipe's network does not take images of `channels` (1, 3) and `size` pixels a side."""
    check_network(recipe.network, size, channels, recipe.name)


def check_network(network: str, size: int, channels: int, name: str | None = None) -> None:
    """Raise BadInput, as `check_form`, for a network of models.NETWORKS; `name`: how a person calls what uses it."""
    if network not in MNISTS_ALONE or (size, channels) == (28, 1):
        return
    colour = "grey" if channels == 1 else "in colour"
    rule = f"a network for 28x28 grey, as it was published, and these images are {size}x{size} {colour}"
    way_out = "use `recipe` pictures, or `image_size` 28 and `colour` grey"
    raise BadInput(rule, field="recipe", value=name or network, way_out=way_out)


def default(size: int, channels: int) -> str:
    """Return the name of the recipe for images of `channels` (1, 3) and `size` pixels a side, where none is named."""
    return "pictures" if channels != 1 or size > 32 else "balanced"


def table(recipe: Recipe) -> list[tuple[str, Any]]:
    """Return the recipe as rows (field, value) in its own order, without its name and summary."""
    rows = []
    for field in fields(recipe):
        if field.name not in ("name", "summary"):
            rows.append((field.name, getattr(recipe, field.name)))
    return rows
