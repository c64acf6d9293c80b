"""Draw a digit: a trained network inside a page, which answers while its reader draws, offline."""

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.image import imsave
from torch import nn

from ..models import Normalise, NormaliseEach

SCRIPT = Path(__file__).resolve().with_name("digit.js")
PAGE = Path(__file__).resolve().with_name("digit.html")

Layer = dict[str, Any]  # "kind" and what that kind needs: numbers, and float32 arrays
DOES_NOTHING = (nn.Flatten, nn.Dropout, nn.Dropout2d)  # in evaluation mode, on numbers that already lie in a row


def layers_of(network: nn.Module) -> list[Layer]:
    """Return the layers of a Sequential in evaluation mode, in order, as plain dictionaries with float32 arrays.

    Batch normalisation becomes a scale and a shift for each channel; layers that do nothing in evaluation are left out.
    TypeError names a layer that digit.js cannot compute.
    """
    layers = []
    for layer in network.children():
        if isinstance(layer, nn.Sequential):
            layers += layers_of(layer)
        elif not isinstance(layer, DOES_NOTHING):
            layers.append(describe_layer(layer))
    return layers


def describe_layer(layer: nn.Module) -> Layer:
    """Return one layer as a dictionary; TypeError names a layer that digit.js cannot compute."""
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
        case nn.MaxPool2d():
            return {"kind": "pool"}
        case nn.ReLU():
            return {"kind": "relu"}
    raise TypeError(f"{type(layer).__name__}: helpers/drawing/digit.js has no such layer")


def describe_batch_normalisation(layer: nn.BatchNorm2d) -> Layer:
    """Return a batch normalisation as a scale and a shift, (channels,); TypeError where it keeps no statistics."""
    mean, variance = layer.running_mean, layer.running_var
    if mean is None or variance is None:
        raise TypeError("BatchNorm2d: without running statistics helpers/drawing/digit.js cannot compute it")
    scale = (layer.weight / torch.sqrt(variance + layer.eps)).detach().cpu().numpy()
    shift = layer.bias.detach().cpu().numpy() - mean.cpu().numpy() * scale
    return {"kind": "scale", "scale": scale, "shift": shift}


def describe_weights(layer: nn.Conv2d | nn.Linear) -> Layer:
    """Return how many outputs and inputs a layer has, its weights, (outputs, inputs, ...), and its bias, (outputs,)."""
    weights = layer.weight.detach().cpu().numpy()
    outputs, inputs = weights.shape[:2]
    bias = np.zeros(outputs) if layer.bias is None else layer.bias.detach().cpu().numpy()
    return {"outputs": outputs, "inputs": inputs, "weights": weights, "bias": bias}


def pack(network: nn.Module) -> tuple[list[Layer], str]:
    """Return (layers, base64 of all weights, float32): an array stands in its layer as [first, end) of the weights."""
    arrays = []
    end = 0
    layers = []
    for layer in layers_of(network):
        packed = {}
        for name, value in layer.items():
            if isinstance(value, np.ndarray):
                arrays.append(value.astype("<f4").ravel())
                first = end
                end = first + value.size
                value = [first, end]
            packed[name] = value
        layers.append(packed)
    return layers, encode(np.concatenate(arrays).tobytes())


def encode(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()


def as_png(pixels: np.ndarray) -> bytes:
    """Return an image, uint8 (1, h, w) or (h, w), ink light on dark, as a PNG with dark ink on white."""
    picture = io.BytesIO()
    imsave(picture, 255 - np.asarray(pixels).squeeze(), cmap="gray", vmin=0, vmax=255, format="png")
    return picture.getvalue()


def widget(
    network: nn.Module,
    class_names: Sequence[str],
    examples: Sequence[tuple[np.ndarray, str, str]],
    still: np.ndarray,
    temperature: float = 1.0,
) -> str:
    """Return HTML with a canvas, a bar for each class, and buttons that load the `examples` onto the canvas.

    `network` is on the CPU, in evaluation mode. `examples`: [(pixels uint8 (1, 28, 28), the label's name, the answer's
    name)]. `still`: uint8 (1, 28, 28), shown to readers without JavaScript. `temperature` is handed to the page, which
    does not yet divide its logits by it.
    """
    layers, weights = pack(network)
    pictures = []
    buttons = []
    for place, (pixels, label, answer) in enumerate(examples):
        pictures.append(encode(np.ascontiguousarray(pixels).tobytes()))
        text = f"{escape(label)}, read as {escape(answer)}"
        buttons.append(f'<button type="button" data-example="{place}">{text}</button>')
    values = {"layers": layers, "names": list(class_names), "pictures": pictures, "temperature": temperature}
    parts = {
        "VALUES": json.dumps(values).replace("<", "\\u003c"),
        "WEIGHTS": weights,
        "BUTTONS": "\n".join(buttons),
        "STILL": encode(as_png(still)),
        "SCRIPT": SCRIPT.read_text(encoding="utf-8"),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace(f"[[{name}]]", text)
    return page
