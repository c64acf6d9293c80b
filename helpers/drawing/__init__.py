"""Draw a digit: a trained network inside a page, which answers while its reader draws, offline."""

import base64
import io
import json
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.image import imsave
from torch import nn

SCRIPT = Path(__file__).resolve().with_name("digit.js")
PAGE = Path(__file__).resolve().with_name("digit.html")


def describe(network):
    """Return the layers of a Sequential in evaluation mode, in order, as plain dictionaries with float32 arrays.

    Batch normalisation becomes a scale and a shift for each channel; layers that do nothing in evaluation are left out.
    TypeError names a layer that digit.js cannot compute.
    """
    layers = []
    for layer in network.children():
        if isinstance(layer, nn.Sequential):
            layers += describe(layer)
        elif type(layer).__name__ == "Normalise":
            scale = 1 / layer.deviation.numpy()
            layers.append({"kind": "scale", "scale": np.array([scale]), "shift": np.array([-layer.mean * scale])})
        elif isinstance(layer, nn.BatchNorm2d):
            scale = (layer.weight / (layer.running_var + layer.eps).sqrt()).detach().numpy()
            shift = layer.bias.detach().numpy() - layer.running_mean.numpy() * scale
            layers.append({"kind": "scale", "scale": scale, "shift": shift})
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            weights = layer.weight.detach().numpy()
            bias = np.zeros(len(weights)) if layer.bias is None else layer.bias.detach().numpy()
            about = {"outputs": weights.shape[0], "inputs": weights.shape[1], "weights": weights, "bias": bias}
            if isinstance(layer, nn.Conv2d):
                about |= {"size": weights.shape[2], "stride": layer.stride[0], "padding": layer.padding[0]}
                layers.append({"kind": "convolution"} | about)
            else:
                layers.append({"kind": "linear"} | about)
        elif isinstance(layer, nn.MaxPool2d):
            layers.append({"kind": "pool"})
        elif isinstance(layer, nn.ReLU):
            layers.append({"kind": "relu"})
        elif not isinstance(layer, nn.Flatten | nn.Dropout | nn.Dropout2d):
            raise TypeError(f"{type(layer).__name__}: helpers/drawing/digit.js has no such layer")
    return layers


def pack(network):
    """Return (layers, base64 of all weights, float32): an array stands in its layer as [first, end) of the weights."""
    arrays, place, layers = [], 0, []
    for layer in describe(network):
        values = {}
        for name, value in layer.items():
            if isinstance(value, np.ndarray):
                arrays.append(value.astype("<f4").ravel())
                value = [place, place + value.size]
                place = value[1]
            values[name] = value
        layers.append(values)
    return layers, base64.b64encode(np.concatenate(arrays).tobytes()).decode()


def widget(network, class_names, examples, still):
    """Return HTML with a canvas, a bar for each class, and buttons that load the `examples` onto the canvas.

    `examples`: [(pixels uint8 (1, 28, 28), the label's name, the answer's name)]. `still`: uint8 (1, 28, 28), shown to
    readers without JavaScript.
    """
    picture = io.BytesIO()
    imsave(picture, 255 - np.asarray(still).squeeze(), cmap="gray", vmin=0, vmax=255, format="png")
    layers, weights = pack(network)
    pictures = [base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode() for pixels, _, _ in examples]
    values = {"layers": layers, "names": list(class_names), "pictures": pictures}
    buttons = [
        f'<button type="button" data-example="{place}">{escape(label)}, read as {escape(answer)}</button>'
        for place, (_, label, answer) in enumerate(examples)
    ]
    parts = {
        "VALUES": json.dumps(values).replace("<", "\\u003c"),
        "WEIGHTS": weights,
        "BUTTONS": "\n".join(buttons),
        "STILL": base64.b64encode(picture.getvalue()).decode(),
        "SCRIPT": SCRIPT.read_text(encoding="utf-8"),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace(f"[[{name}]]", text)
    return page
