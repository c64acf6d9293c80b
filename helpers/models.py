"""The networks: each a torch.nn.Sequential that reads as a table of layers, from pixels to one score a class.

Every network takes float32 images of shape (b, 1, 28, 28) with pixels from 0 to 255; its first layer normalises them,
so that nothing outside needs to know the mean and standard deviation that it was trained with, if it needs any.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

Layers = OrderedDict[str, nn.Module]


class Normalise(nn.Module):
    """Shift and scale pixels to mean 0 and standard deviation 1 over the training images.

    `mean` and `std` are those of the training images, with pixels from 0 to 255. In stored weights they are the buffers
    "mean" and "deviation".
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: float = 0.0, std: float = 255.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("deviation", torch.tensor(float(std)))

    def forward(self, images: Tensor) -> Tensor:
        """Return float images of any shape, normalised."""
        return (images - self.mean) / self.deviation


class NormaliseEach(nn.Module):
    """Shift and scale each image by itself to mean 0 and standard deviation 1 over its pixels and channels together.

    The level of the light and its contrast are gone before anything is learnt. EPSILON, one of 255 levels of grey, is
    added to the deviation, so that a blank image gives zeros. There is nothing to store.
    """

    EPSILON = 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Return float images (b, c, h, w), normalised."""
        centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
        deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        return centred / (deviation + self.EPSILON)


def block(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, padding: bool = True, pool: bool = False
) -> nn.Sequential:
    """Return a convolution, 2x2 max pooling where `pool`, batch normalisation and ReLU.

    `inputs` and `outputs` count channels; `size` is the side of the filters. With `padding` the convolution adds a
    border of zeros, so that at stride 1 the image keeps its size. Pooling stands before the layers that it makes four
    times cheaper.
    """
    border = size // 2 if padding else 0
    layers = Layers(convolution=nn.Conv2d(inputs, outputs, size, stride, padding=border, bias=False))
    if pool:
        layers["pool"] = nn.MaxPool2d(2)
    layers["normalisation"] = nn.BatchNorm2d(outputs)
    layers["activation"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


def linear_head(classes: int) -> Layers:
    """Two convolutions of 8 and 16 channels, each pooled, and one linear layer: 9,000 parameters."""
    return Layers(
        convolution1=nn.Conv2d(1, 8, 3, padding=1),
        pool1=nn.MaxPool2d(2),
        activation1=nn.ReLU(),
        convolution2=nn.Conv2d(8, 16, 3, padding=1),
        pool2=nn.MaxPool2d(2),
        activation2=nn.ReLU(),
        flatten=nn.Flatten(),
        output=nn.Linear(16 * 7 * 7, classes),
    )


def lenet(classes: int) -> Layers:
    """LeNet-5 with ReLU and max pooling: convolutions of 6 and 16 channels, three linear layers; 62,000 parameters."""
    return Layers(
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


def dropout(classes: int) -> Layers:
    """Convolutions of 10 and 20 channels, two linear layers, dropout after the second and third: 22,000 parameters."""
    return Layers(
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


def narrow(classes: int) -> Layers:
    """Two convolutions of 10 and 20 channels that shrink the image a little, two linear layers: 31,000 parameters."""
    return Layers(
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


def small(classes: int) -> Layers:
    """Three blocks of 16, 32 and 64 channels that soon make the image small, and one linear layer: 29,000 parameters.

    One epoch trains it well, in a second: the first block halves the image, and none pads it.
    """
    return Layers(
        block1=block(1, 16, 5, stride=2, padding=False),
        block2=block(16, 32, padding=False, pool=True),
        block3=block(32, 64, padding=False),
        flatten=nn.Flatten(),
        output=nn.Linear(64 * 3 * 3, classes),
    )


def compact(classes: int, width: int = 32) -> Layers:
    """Two pairs of blocks, at 12x12 and 6x6, and one linear layer: 72,000 parameters at this width."""
    return Layers(
        block1=block(1, width, 5, stride=2, padding=False),
        block2=block(width, width, pool=True),
        block3=block(width, 2 * width),
        block4=block(2 * width, 2 * width, pool=True),
        flatten=nn.Flatten(),
        output=nn.Linear(2 * width * 3 * 3, classes),
    )


def wide(classes: int) -> Layers:
    """Three pairs of blocks, at 28x28, 14x14 and 7x7, of 48, 96 and 192 channels: 660,000 parameters."""
    return Layers(
        block1=block(1, 48),
        block2=block(48, 48, pool=True),
        block3=block(48, 96),
        block4=block(96, 96, pool=True),
        block5=block(96, 192),
        block6=block(192, 192, pool=True),
        flatten=nn.Flatten(),
        output=nn.Linear(192 * 3 * 3, classes),
    )


NETWORKS: dict[str, Callable[[int], Layers]] = {
    "linear-head": linear_head,
    "lenet": lenet,
    "dropout": dropout,
    "narrow": narrow,
    "small": small,
    "compact": compact,
    "wide": wide,
}


def build(
    name: str,
    classes: int = 10,
    mean: float = 0.0,
    std: float = 255.0,
    seed: int = 0,
    dropout: float = 0.0,
    normalise_each: bool = False,
) -> nn.Sequential:
    """Return the network `name` with weights drawn by `seed`; it takes float32 (b, 1, 28, 28), gives (b, classes).

    `mean` and `std` normalise the pixels, from 0 to 255; with `normalise_each` every image has its own instead.
    `dropout` is the rate of the dropout layers, where the network has any. KeyError for a name that is not in NETWORKS.
    """
    torch.manual_seed(seed)
    layers = NETWORKS[name](classes)
    normalise = NormaliseEach() if normalise_each else Normalise(mean, std)
    network = nn.Sequential(Layers(normalise=normalise, **layers))
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = dropout
    return network


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable numbers in a network."""
    return sum(tensor.numel() for tensor in network.parameters() if tensor.requires_grad)


@torch.inference_mode()
def activations(network: nn.Sequential, images: Tensor) -> dict[str, Tensor]:
    """Return {layer name: its output} for the outermost layers of a network, in order.

    `images` are float32 (b, 1, h, w); the network stays in the mode, training or evaluation, that it is in.
    """
    outputs = {}
    values = images
    for name, layer in network.named_children():
        values = layer(values)
        outputs[name] = values.clone()  # a layer that works in place would change what is shown here
    return outputs


def layer_table(network: nn.Sequential, size: int = 28) -> list[dict[str, str | int]]:
    """Return one row {"layer", "kind", "output", "parameters"} for each outermost layer, in order.

    `output` is the shape of its output for one image of `size` x `size` pixels, such as "32 x 12 x 12".
    """
    was_training = network.training
    outputs = activations(network.eval(), torch.zeros(1, 1, size, size))
    network.train(was_training)
    rows: list[dict[str, str | int]] = []
    for name, layer in network.named_children():
        kinds = [type(part).__name__ for part in layer.children()] or [type(layer).__name__]
        shape = " x ".join(str(length) for length in outputs[name].shape[1:])
        parameters = count_parameters(layer)
        rows.append({"layer": name, "kind": ", ".join(kinds), "output": shape, "parameters": parameters})
    return rows
