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


def block(inputs, outputs, size=3, stride=1, margin=True, pool=False):
    """Return convolution, maximum over 2x2 where `pool`, batch normalisation, ReLU.

    The convolution looks at every `stride`-th place; with a `margin` of zeros around it the image keeps its size, but
    for the stride. Pooling comes before what it makes four times cheaper.
    """
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2 if margin else 0, bias=False)
    layers = OrderedDict(convolution=convolution)
    if pool:
        layers["pool"] = nn.MaxPool2d(2)
    layers |= OrderedDict(normalisation=nn.BatchNorm2d(outputs), activation=nn.ReLU(inplace=True))
    return nn.Sequential(layers)


def linear_head(classes):
    """Two convolutions of 8 and 16 channels, each pooled, and one linear layer: 9,000 parameters."""
    return OrderedDict(
        convolution1=nn.Conv2d(1, 8, 3, padding=1),
        pool1=nn.MaxPool2d(2),
        activation1=nn.ReLU(),
        convolution2=nn.Conv2d(8, 16, 3, padding=1),
        pool2=nn.MaxPool2d(2),
        activation2=nn.ReLU(),
        flatten=nn.Flatten(),
        output=nn.Linear(16 * 7 * 7, classes),
    )


def lenet(classes):
    """Two convolutions of 6 and 16 channels, then three linear layers: LeNet-5 with ReLU and maxima, 62,000."""
    return OrderedDict(
        convolution1=nn.Conv2d(1, 6, 5, padding=2),
        pool1=nn.MaxPool2d(2),
        activation1=nn.ReLU(),
        convolution2=nn.Conv2d(6, 16, 5),
        pool2=nn.MaxPool2d(2),
        activation2=nn.ReLU(),
        flatten=nn.Flatten(),
        linear1=nn.Linear(16 * 5 * 5, 120),
        activation3=nn.ReLU(),
        linear2=nn.Linear(120, 84),
        activation4=nn.ReLU(),
        output=nn.Linear(84, classes),
    )


def dropout(classes):
    """Two convolutions of 10 and 20 channels and two linear layers, with dropout before the last of each: 22,000."""
    return OrderedDict(
        convolution1=nn.Conv2d(1, 10, 5),
        pool1=nn.MaxPool2d(2),
        activation1=nn.ReLU(),
        convolution2=nn.Conv2d(10, 20, 5),
        dropout1=nn.Dropout2d(),
        pool2=nn.MaxPool2d(2),
        activation2=nn.ReLU(),
        flatten=nn.Flatten(),
        linear=nn.Linear(20 * 4 * 4, 50),
        activation3=nn.ReLU(),
        dropout2=nn.Dropout(),
        output=nn.Linear(50, classes),
    )


def narrow(classes):
    """Two convolutions of 10 and 20 channels that shrink the image a little, and two linear layers: 31,000."""
    return OrderedDict(
        convolution1=nn.Conv2d(1, 10, 5, padding=1),
        pool1=nn.MaxPool2d(2),
        activation1=nn.ReLU(),
        convolution2=nn.Conv2d(10, 20, 5, padding=1),
        pool2=nn.MaxPool2d(2),
        activation2=nn.ReLU(),
        flatten=nn.Flatten(),
        linear=nn.Linear(20 * 5 * 5, 50),
        activation3=nn.ReLU(),
        output=nn.Linear(50, classes),
    )


def small(classes):
    """Three blocks of 16, 32 and 64 channels that soon make the image small, and one linear layer: 29,000 parameters.

    What one epoch can train well, in a second: the first block halves the image, none adds a margin.
    """
    return OrderedDict(
        block1=block(1, 16, 5, stride=2, margin=False),
        block2=block(16, 32, margin=False, pool=True),
        block3=block(32, 64, margin=False),
        flatten=nn.Flatten(),
        output=nn.Linear(64 * 3 * 3, classes),
    )


def compact(classes, width=32):
    """Two pairs of blocks, at 12x12 and 6x6, and one linear layer: 72,000 parameters at this width."""
    return OrderedDict(
        block1=block(1, width, 5, stride=2, margin=False),
        block2=block(width, width, pool=True),
        block3=block(width, 2 * width),
        block4=block(2 * width, 2 * width, pool=True),
        flatten=nn.Flatten(),
        output=nn.Linear(2 * width * 3 * 3, classes),
    )


def wide(classes):
    """Three pairs of blocks, at 28x28, 14x14 and 7x7, of 48, 96 and 192 channels: 660,000 parameters."""
    return OrderedDict(
        block1=block(1, 48),
        block2=block(48, 48, pool=True),
        block3=block(48, 96),
        block4=block(96, 96, pool=True),
        block5=block(96, 192),
        block6=block(192, 192, pool=True),
        flatten=nn.Flatten(),
        output=nn.Linear(192 * 3 * 3, classes),
    )


NETWORKS = {
    "linear-head": linear_head,
    "lenet": lenet,
    "dropout": dropout,
    "narrow": narrow,
    "small": small,
    "compact": compact,
    "wide": wide,
}


def build(name, classes=10, mean=0.0, deviation=255.0, seed=0, dropout=0.0):
    """Return the network `name` with weights drawn by `seed`, normalising by `mean` and `deviation` of pixels.

    `dropout` is the rate of the layers that drop, where it has any.
    """
    torch.manual_seed(seed)
    network = nn.Sequential(OrderedDict(normalise=Normalise(mean, deviation), **NETWORKS[name](classes)))
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = dropout
    return network


def count_parameters(network):
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


def layer_table(network, size=28):
    """Return a table of layers: [{"layer", "kind", "output", "parameters"}], for one image of `size` x `size`."""
    was_training = network.training
    outputs = activations(network.eval(), torch.zeros(1, 1, size, size))
    network.train(was_training)
    rows = []
    for name, layer in network.named_children():
        kind = ", ".join(type(part).__name__ for part in layer.children()) or type(layer).__name__
        shape = " x ".join(str(length) for length in outputs[name].shape[1:])
        rows.append({"layer": name, "kind": kind, "output": shape, "parameters": count_parameters(layer)})
    return rows
