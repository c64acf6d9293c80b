"""The networks: each a torch.nn.Sequential that reads as a table of layers, from pixels to one score a class.

Every network takes float32 images of shape (b, 1, 28, 28) with pixels from 0 to 255; its first layer normalises them,
so that nothing outside needs to know with which mean and deviation it was trained.
"""

from collections import OrderedDict

import torch
from torch import nn


class Normalise(nn.Module):
    """Shift and scale pixels (0 to 255) to mean 0 and deviation 1 over the training images."""

    def __init__(self, mean=0.0, deviation=255.0):
        super().__init__()
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("deviation", torch.tensor(float(deviation)))

    def forward(self, images):
        return (images - self.mean) / self.deviation


def convolution(inputs, outputs, size=3):
    """Return one block: convolution that keeps the image's size, batch normalisation, ReLU."""
    return nn.Sequential(
        OrderedDict(
            convolution=nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
            normalisation=nn.BatchNorm2d(outputs),
            activation=nn.ReLU(inplace=True),
        )
    )


def small(classes):
    """Two blocks of 16 and 32 channels, each pooled, and one linear layer: what one epoch can train well."""
    return OrderedDict(
        block1=convolution(1, 16, 5),
        pool1=nn.MaxPool2d(2),
        block2=convolution(16, 32),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        output=nn.Linear(32 * 7 * 7, classes),
    )


def compact(classes):
    """Three pairs of blocks at 28x28, 14x14 and 7x7, then the mean over the image: 71,000 parameters."""
    return OrderedDict(
        block1=convolution(1, 16),
        block2=convolution(16, 16),
        pool1=nn.MaxPool2d(2),
        block3=convolution(16, 32),
        block4=convolution(32, 32),
        pool2=nn.MaxPool2d(2),
        block5=convolution(32, 64),
        block6=convolution(64, 64),
        pool3=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        output=nn.Linear(64, classes),
    )


NETWORKS = {"small": small, "compact": compact}


def build(name, classes=10, mean=0.0, deviation=255.0, seed=0):
    """Return the network `name` with weights drawn by `seed`, normalising by `mean` and `deviation` of pixels."""
    torch.manual_seed(seed)
    layers = NETWORKS[name](classes)
    return nn.Sequential(OrderedDict(normalise=Normalise(mean, deviation), **layers))


def parameters(network):
    """Return the number of trainable numbers in a network."""
    return sum(tensor.numel() for tensor in network.parameters() if tensor.requires_grad)


@torch.inference_mode()
def activations(network, images):
    """Return {layer name: its output} for the outermost layers of a Sequential, in order; the mode is left as it is."""
    outputs, values = OrderedDict(), images
    for name, layer in network.named_children():
        values = layer(values)
        outputs[name] = values.clone()  # a layer that works in place would change what is shown here
    return outputs


def describe(network, size=28):
    """Return a table of layers: [{"layer", "kind", "output", "parameters"}], for one image of `size` x `size`."""
    was_training = network.training
    outputs = activations(network.eval(), torch.zeros(1, 1, size, size))
    network.train(was_training)
    rows = []
    for name, layer in network.named_children():
        kind = ", ".join(type(part).__name__ for part in layer.children()) or type(layer).__name__
        shape = " x ".join(str(length) for length in outputs[name].shape[1:])
        rows.append({"layer": name, "kind": kind, "output": shape, "parameters": parameters(layer)})
    return rows
