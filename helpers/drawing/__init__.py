"""A trained network inside a page, offline: a pad to draw a digit on, or one that takes pictures.

pad.html is the frame of both. network.js computes the network and words its answer; frame.js shows that, the examples,
and pictures that are chosen. digit.js is the pad for drawings, photograph.js frames photographs of digits for it, and
picture.js is the pad for pictures of any other form.
"""

import copy
import io
import math
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.image import imsave
from PIL import Image
from torch import Tensor, nn

from .. import plots
from ..certainty import Certainty
from ..evaluation import predict
from ..models import Normalise, NormaliseEach, Residual, count_parameters
from ..widgets.frame import as_json, encode, fill, read, sprite

FOLDER = Path(__file__).resolve().parent
LARGE = 100_000  # parameters: of networks with more, weights are rounded, or a page would be megabytes long
HEAVY = (20_000, 100_000, sys.maxsize)  # weights from which on a layer's take 8 bits, tried in this order; others 16
MOST_ROUNDED = 0.01  # by how much that may change a probability

ACROSS = 20  # thumbnails in a row of their sprite
MISTAKES = "Take a test image that it misclassified, and correct it, or clear the pad and draw:"
WORDS = {
    "digit": {
        "WITHOUT": "Drawing",
        "INVITATION": "Take a test image, or clear the pad and draw:",
        "ASK": "Draw, and the network answers.",
        "CHOOSE": "Read a photograph",
    },
    "picture": {
        "WITHOUT": "To try a picture",
        "INVITATION": "Take a test image, or a picture of your own:",
        "ASK": "Choose a picture, and the network answers.",
        "CHOOSE": "Choose a picture",
    },
}

Layer = dict[str, Any]  # "kind" and what that kind needs: numbers, float32 arrays, and lists of layers
DOES_NOTHING = (nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity)  # in evaluation mode, on numbers that lie in a row


def layers_of(network: nn.Module) -> list[Layer]:
    """Return the layers of a Sequential in evaluation mode, in order, as plain dictionaries with float32 arrays.

    Batch normalisation becomes a scale and a shift for each channel; layers that do nothing in evaluation are left out.
    TypeError names a layer that network.js cannot compute.
    """
    layers: list[Layer] = []
    for layer in network.children():
        if isinstance(layer, nn.Sequential):
            layers += layers_of(layer)
        elif not isinstance(layer, DOES_NOTHING):
            layers.append(describe_layer(layer))
    return layers


def describe_layer(layer: nn.Module) -> Layer:
    """Return one layer as a dictionary; TypeError names a layer that network.js cannot compute."""
    match layer:
        case Normalise():
            scale = 1 / layer.deviation.cpu().numpy()
            return {"kind": "scale", "scale": np.array([scale]), "shift": np.array([-layer.mean.cpu() * scale])}
        case NormaliseEach():
            return {"kind": "normaliseEach", "epsilon": layer.EPSILON}
        case nn.BatchNorm2d():
            return describe_batch_normalisation(layer)
        case nn.Conv2d():
            geometry = {"size": layer.kernel_size[0], "stride": layer.stride[0], "padding": layer.padding[0]}
            return {"kind": "convolution"} | describe_weights(layer) | geometry
        case nn.Linear():
            return {"kind": "linear"} | describe_weights(layer)
        case nn.MaxPool2d(kernel_size=2, stride=2, padding=0):
            return {"kind": "pool"}
        case nn.AdaptiveAvgPool2d(output_size=int(side)):
            return {"kind": "average", "to": side}
        case Residual():
            parts = {"body": layer.body, "shortcut": layer.shortcut, "after": layer.activation}
            return {"kind": "residual"} | {name: layers_of(nn.Sequential(part)) for name, part in parts.items()}
        case nn.ReLU():
            return {"kind": "relu"}
    raise TypeError(f"{type(layer).__name__}: helpers/drawing/network.js has no such layer")


def describe_batch_normalisation(layer: nn.BatchNorm2d) -> Layer:
    """Return a batch normalisation as a scale and a shift, (channels,); TypeError where it keeps no statistics."""
    mean, variance = layer.running_mean, layer.running_var
    if mean is None or variance is None:
        raise TypeError("BatchNorm2d: without running statistics helpers/drawing/network.js cannot compute it")
    scale = (layer.weight / torch.sqrt(variance + layer.eps)).detach().cpu().numpy()
    shift = layer.bias.detach().cpu().numpy() - mean.cpu().numpy() * scale
    return {"kind": "scale", "scale": scale, "shift": shift}


def describe_weights(layer: nn.Conv2d | nn.Linear) -> Layer:
    """Return how many outputs and inputs a layer has, its weights, (outputs, inputs, ...), and its bias, (outputs,)."""
    weights = layer.weight.detach().cpu().numpy()
    outputs, inputs = weights.shape[:2]
    bias = np.zeros(outputs) if layer.bias is None else layer.bias.detach().cpu().numpy()
    return {"outputs": outputs, "inputs": inputs, "weights": weights, "bias": bias}


class Levels(NamedTuple):
    """Weights of a layer, rounded: those that lead to an output are its step times `levels`."""

    levels: np.ndarray  # int8 or int16 (outputs, ...)
    steps: np.ndarray  # float32 (outputs,)


def round_weights(weights: np.ndarray, heavy: int) -> Levels:
    """Return weights, float32 (outputs, ...), in 8 bits each where there are `heavy` or more, or else in 16.

    The largest of an output is the last level on either side of 0, which is a level: symmetric quantisation, channel by
    channel (Krishnamoorthi 2018, Quantizing deep convolutional networks for efficient inference).
    """
    kind = np.dtype("i1" if weights.size >= heavy else "<i2")
    most = np.iinfo(kind).max
    steps = (np.abs(weights).reshape(len(weights), -1).max(axis=1) / most).astype("<f4")
    steps[steps == 0] = 1  # no weight leads there
    return Levels(np.round(weights / column(steps, weights)).clip(-most, most).astype(kind), steps)


def restore(rounded: Levels) -> np.ndarray:
    """Return the weights that Levels stand for, float32 (outputs, ...), as network.js has them."""
    return rounded.levels * column(rounded.steps, rounded.levels)


def column(steps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a step for each output in a form that meets its weights, (outputs, 1, ...)."""
    return steps.reshape(-1, *[1] * (weights.ndim - 1))


class Weights:
    """Arrays of a network, one after another: single precision; `weights` rounded, unless `heavy` is None."""

    def __init__(self, heavy: int | None) -> None:
        self.heavy = heavy
        self.singles: list[np.ndarray] = []
        self.rounded: dict[int, list[np.ndarray]] = {8: [], 16: []}  # by their bits

    def pack(self, layers: list[Layer]) -> list[Layer]:
        """Return `layers` with each array as [first, end) of the singles, or of those rounded to as many "bits"."""
        return [self.pack_layer(layer) for layer in layers]

    def pack_layer(self, layer: Layer) -> Layer:
        """Return one layer, packed with all that is in it."""
        packed: Layer = {}
        for name, value in layer.items():
            if isinstance(value, list):
                packed[name] = self.pack(value)
            elif not isinstance(value, np.ndarray):
                packed[name] = value
            elif self.heavy is not None and name == "weights":
                levels, steps = round_weights(value, self.heavy)
                bits = 8 * levels.itemsize
                packed |= {"bits": bits, "steps": add(self.singles, steps), name: add(self.rounded[bits], levels)}
            else:
                packed[name] = add(self.singles, value.astype("<f4"))
        return packed


def add(arrays: list[np.ndarray], array: np.ndarray) -> list[int]:
    """Append `array` to `arrays`; return [first, end), where its numbers stand among those of all."""
    first = sum(each.size for each in arrays)
    arrays.append(array.ravel())
    return [first, first + array.size]


class Rounding(NamedTuple):
    """How the weights of a network are rounded."""

    heavy: int | None  # from so many weights on, a layer's are rounded to 8 bits, of fewer to 16; None: none at all
    error: float = 0.0  # by how much that changes a probability at most


def choose_rounding(network: nn.Module, images: Tensor, temperature: float = 1.0) -> Rounding:
    """Return the coarsest rounding that changes no probability for `images`, uint8 (n, c, h, w), by MOST_ROUNDED.

    Nor does it change an answer. Layers of few weights take 16 bits each all the same: they are a small part of a page
    and the larger part of the error. Weights of networks with up to LARGE parameters are not rounded.
    """
    if count_parameters(network) > LARGE:
        for heavy in HEAVY:
            error = rounding_error(network, images, heavy, temperature)
            if error < MOST_ROUNDED:
                return Rounding(heavy, error)
    return Rounding(None)


def round_network(network: nn.Module, heavy: int) -> nn.Module:
    """Return a copy of a network on the CPU with the weights that it has in a page after `round_weights`."""
    rounded = copy.deepcopy(network)
    for layer in rounded.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.data = torch.from_numpy(restore(round_weights(layer.weight.detach().numpy(), heavy)))
    return rounded


def rounding_error(network: nn.Module, images: Tensor, heavy: int, temperature: float = 1.0) -> float:
    """Return by how much a probability for `images`, uint8 (n, c, h, w), changes at most with rounded weights.

    1.0 where an answer changes.
    """
    both = (network, round_network(network, heavy))
    before, after = ((predict(one, images) / temperature).softmax(1) for one in both)
    is_same = bool((before.argmax(1) == after.argmax(1)).all())
    return float((before - after).abs().max()) if is_same else 1.0


class Rounded(NamedTuple):
    """Centres of a Certainty in bytes: row by row, `least` plus `steps` times `levels`."""

    levels: np.ndarray  # uint8 (k, d)
    least: np.ndarray  # float64 (k,)
    steps: np.ndarray  # float64 (k,)


def round_centres(centres: np.ndarray) -> Rounded:
    """Return `centres`, float16 (k, d), in a byte for each number: a cosine changes by less than 0.002."""
    values = centres.astype(np.float64)
    least = values.min(axis=1)
    steps = np.maximum(values.max(axis=1) - least, 1e-12) / 255
    levels = np.round((values - least[:, None]) / steps[:, None]).astype(np.uint8)
    return Rounded(levels, least, steps)


def describe_certainty(certainty: Certainty, rounded: Rounded) -> dict[str, Any]:
    """Return what network.js needs of a Certainty beside the levels of its Rounded centres."""
    limits = {"threshold": certainty.threshold, "floor": certainty.floor}
    return limits | {"least": rounded.least.tolist(), "steps": rounded.steps.tolist()}


def join(arrays: list[np.ndarray]) -> str:
    """Return the bytes of arrays, one after another, as base64."""
    return encode(b"".join(array.tobytes() for array in arrays))


def as_png(pixels: np.ndarray) -> bytes:
    """Return an image, uint8 (c, h, w), as a PNG: ink of 28x28, which is light on dark, as dark ink on white."""
    picture = io.BytesIO()
    if is_drawn(pixels):
        imsave(picture, 255 - pixels[0], cmap="gray", vmin=0, vmax=255, format="png")
    else:
        Image.fromarray(plots.drawable(pixels)).save(picture, format="png", optimize=True)
    return picture.getvalue()


def is_drawn(pixels: np.ndarray) -> bool:
    """Whether images like this one, (c, h, w), are drawn with a pen: those of MNIST's form."""
    return pixels.shape == plots.MNISTS


def widget(
    network: nn.Module,
    class_names: Sequence[str],
    examples: Sequence[tuple[np.ndarray, str, str]],
    still: np.ndarray,
    temperature: float = 1.0,
    certainty: Certainty | None = None,
    by_ink: bool = True,
) -> str:
    """Return HTML with a pad, a bar for each class, and thumbnails that load the `examples`; the first is loaded.

    For images of MNIST's form the pad is a canvas to draw on, and photographs are framed `by_ink` by the plain path of
    plain_framing, or else whole. For others it takes a picture that is chosen, dropped or pasted, and fits it into
    their form. `network` is on the CPU, in evaluation mode. `examples`: [(pixels uint8 (c, s, s), the label's name,
    the answer's name)]. `still`: uint8 (c, s, s), shown to readers without JavaScript.

    The page divides scores by `temperature`, and says "unsure" where `certainty` would; with None it never does. The
    weights of large networks are rounded as `choose_rounding` finds on these images, and the page says so.
    """
    still = np.asarray(still).reshape(-1, *np.shape(still)[-2:])
    shown = np.stack([still, *(pixels for pixels, _, _ in examples)])
    rounding = choose_rounding(network, torch.from_numpy(shown), temperature)
    weights = Weights(rounding.heavy)
    rounded = None if certainty is None else round_centres(certainty.centres)
    values = {
        "layers": weights.pack(layers_of(network)),
        "names": list(class_names),
        "examples": [{"label": label} for _, label, _ in examples],
        "temperature": temperature,
        "certainty": None if certainty is None or rounded is None else describe_certainty(certainty, rounded),
        "ink": by_ink,
        "channels": len(still),
        "side": still.shape[-1],
    }
    kind = "digit" if is_drawn(still) else "picture"
    centres = "" if rounded is None else encode(rounded.levels.tobytes())
    parts = words(kind, examples, by_ink) | pictures(still, examples) | numbers(weights, rounding.error)
    return whole(kind, parts | {"VALUES": as_json(values), "CENTRES": centres})


def numbers(weights: Weights, error: float) -> dict[str, str]:
    """Return the weights of a pad, and the note on their rounding, by the names of its parts."""
    return {
        "SINGLES": join(weights.singles),
        "EIGHTS": join(weights.rounded[8]),
        "SIXTEENS": join(weights.rounded[16]),
        "NOTE": note(error, [bits for bits, arrays in weights.rounded.items() if arrays]),
    }


def words(kind: str, examples: Sequence[tuple[np.ndarray, str, str]], by_ink: bool) -> dict[str, str]:
    """Return what the pad of a `kind` says, by the names of its parts."""
    parts = {"KIND": kind, "BUTTONS": buttons(examples)} | WORDS[kind]
    if not by_ink:
        parts |= {"CHOOSE": WORDS["picture"]["CHOOSE"]}
    if kind == "digit" and all(label != answer for _, label, answer in examples):
        parts |= {"INVITATION": MISTAKES}
    return parts


def pictures(still: np.ndarray, examples: Sequence[tuple[np.ndarray, str, str]]) -> dict[str, str]:
    """Return the images of a pad, by the names of its parts; `still` is uint8 (c, s, s)."""
    images = np.array([pixels for pixels, _, _ in examples], dtype=np.uint8).reshape(-1, *still.shape)
    thumbnails = sprite(images, min(max(len(images), 1), ACROSS))
    return {"SIDE": str(still.shape[-1]), "STILL": encode(as_png(still)), "SPRITE": encode(thumbnails)}


def whole(kind: str, parts: dict[str, str]) -> str:
    """Return the pad of a `kind`, "digit" or "picture", with its style and scripts, and `parts` in their places."""
    scripts = {name.upper(): read(f"{name}.js", FOLDER) for name in ("network", "frame")} | {
        "COMMON": read("common.js")
    }
    own = read(f"{kind}.js", FOLDER)
    if kind == "digit":
        own += read("photograph.js", FOLDER)
    surface = fill(read(f"{kind}_surface.html", FOLDER), parts)
    everything = parts | scripts | {"STYLE": read("pads.css", FOLDER), "SCRIPT": own, "SURFACE": surface}
    return fill(read("pad.html", FOLDER), everything)


def buttons(examples: Sequence[tuple[np.ndarray, str, str]]) -> str:
    """Return a button with a thumbnail, as HTML, for each example; its text is heard, or seen under the pointer."""
    lines = []
    for place, (_, label, answer) in enumerate(examples):
        text = f"{escape(label)}, classified as {escape(answer)}"
        opening = f'<button type="button" data-example="{place}" aria-pressed="false" title="{text}">'
        lines.append(f'{opening}<canvas width="1" height="1"></canvas><span class="unseen">{text}</span></button>')
    return "\n".join(lines)


def note(error: float, bits: Sequence[int]) -> str:
    """Return a paragraph that says what rounding did, which changed a probability by `error` at most; or "".

    `bits`: what weights are rounded to, with the fewest first.
    """
    if not bits:
        return ""
    most = max(math.ceil(10_000 * error), 1) / 10_000
    rest = ", or 16 in small layers" if len(bits) > 1 else ""
    return (
        f"<p><small>To keep this page small, the network's weights are rounded to {bits[0]} bits here{rest}. On the "
        f"test images above, that changes no answer, and a probability by {most:g} at most.</small></p>"
    )
