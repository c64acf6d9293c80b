"""The networks: each a torch.nn.Sequential that reads as a table of layers, from pixels to one score per class.

Every network takes float32 images of shape (b, c, s, s) with pixels from 0 to 255; its first layer normalises them,
so that nothing outside needs to know the mean and standard deviation that it was trained with, if it needs any. Those
that were published take 28x28 grey alone, as they were; the others 1 or 3 channels and 16 to 256 pixels a side.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import recipes

Layers = OrderedDict[str, nn.Module]
SHARE_OF_EDGES = 0.75  # of the first filters of `residual`


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
    added to the standard deviation, so that a blank image gives zeros. There is nothing to store.
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


def linear_head(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """Two convolutions of 8 and 16 channels, each pooled, and one linear layer: 9,000 parameters."""
    recipes.check_network("linear-head", size, channels)
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


def lenet(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """LeNet-5 with ReLU and max pooling: convolutions of 6 and 16 channels, three linear layers; 62,000 parameters."""
    recipes.check_network("lenet", size, channels)
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


def dropout(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """Convolutions of 10 and 20 channels, two linear layers, dropout after the second and third: 22,000 parameters."""
    recipes.check_network("dropout", size, channels)
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


def narrow(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """Two convolutions of 10 and 20 channels that shrink the image a little, two linear layers: 31,000 parameters."""
    recipes.check_network("narrow", size, channels)
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


def pool_to(side: int, size: int) -> Layers:
    """Return the stage that brings images of another size than 28x28 to `side` x `side`: at 28 they have it already."""
    if size == 28:
        return Layers()
    return Layers(pool=nn.AdaptiveAvgPool2d(side))


def small(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """Three blocks of 16, 32 and 64 channels that soon make the image small, and one linear layer: 29,000 parameters.

    One epoch trains it well, in a second: the first block halves the image, and none pads it. At other sizes than 28
    they all do, so that something is left of 16 pixels, and a stage of pooling comes after them.
    """
    padding = size != 28
    return Layers(
        block1=block(channels, 16, 5, stride=2, padding=padding),
        block2=block(16, 32, padding=padding, pool=True),
        block3=block(32, 64, padding=padding),
        **pool_to(3, size),
        flatten=nn.Flatten(),
        output=nn.Linear(64 * 3 * 3, classes),
    )


def compact(classes: int, channels: int = 1, size: int = 28, width: int = 32) -> Layers:
    """Two pairs of blocks, at 12x12 and 6x6, and one linear layer: 72,000 parameters at this width.

    At other sizes than 28 the first block pads as well, and a stage of pooling comes before the linear layer.
    """
    return Layers(
        block1=block(channels, width, 5, stride=2, padding=size != 28),
        block2=block(width, width, pool=True),
        block3=block(width, 2 * width),
        block4=block(2 * width, 2 * width, pool=True),
        **pool_to(3, size),
        flatten=nn.Flatten(),
        output=nn.Linear(2 * width * 3 * 3, classes),
    )


def wide(classes: int, channels: int = 1, size: int = 28) -> Layers:
    """Three pairs of blocks, at 28x28, 14x14 and 7x7, of 48, 96 and 192 channels: 660,000 parameters.

    At other sizes than 28 a stage of pooling comes before the linear layer.
    """
    return Layers(
        block1=block(channels, 48),
        block2=block(48, 48, pool=True),
        block3=block(48, 96),
        block4=block(96, 96, pool=True),
        block5=block(96, 192),
        block6=block(192, 192, pool=True),
        **pool_to(3, size),
        flatten=nn.Flatten(),
        output=nn.Linear(192 * 3 * 3, classes),
    )


class Residual(nn.Module):
    """Two convolutions whose result is added to what went in: He et al. 2016, "Deep residual learning".

    Where the number of channels or the size changes, or `projects` says so, what went in goes through a convolution of
    1x1 first.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, projects: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1 or projects:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return float (b, outputs, h, w) for (b, inputs, h, w), a side divided by the stride and rounded up."""
        return self.activation(self.body(images) + self.shortcut(images))


def residual(classes: int, channels: int = 1, size: int = 28, width: int = 32) -> Layers:
    """A block, residual stages of 32, 64, 128 and 128 channels, their mean, a linear layer: 620,000 parameters.

    The block sees every pixel, and its pooling halves images of more than 32; the first stage halves those of more than
    64 again. Weights are of the same shapes for every size. The mean over the image does not care where in it something
    is. SHARE_OF_EDGES of the first filters begin with a sum of zero, so that fine textures are seen from the first step
    on, whatever the colour that they are in.
    """
    layers = Layers(
        stem=block(channels, width, pool=size > 32),
        stage1=Residual(width, width, stride=2 if size > 64 else 1, projects=True),
        stage2=Residual(width, 2 * width, stride=2),
        stage3=Residual(2 * width, 4 * width, stride=2),
        stage4=Residual(4 * width, 4 * width, stride=2),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        output=nn.Linear(4 * width, classes),
    )
    first = next(layers["stem"].parameters()).data[: round(SHARE_OF_EDGES * width)]
    first -= first.mean(dim=(2, 3), keepdim=True)
    return layers


# name: (classes, channels, size) -> Layers; the published ones raise BadInput for another form than 28x28 grey
NETWORKS: dict[str, Callable[[int, int, int], Layers]] = {
    "linear-head": linear_head,
    "lenet": lenet,
    "dropout": dropout,
    "narrow": narrow,
    "small": small,
    "compact": compact,
    "wide": wide,
    "residual": residual,
}


def build(
    name: str,
    classes: int = 10,
    mean: float = 0.0,
    std: float = 255.0,
    seed: int = 0,
    dropout: float = 0.0,
    normalise_each: bool = False,
    channels: int = 1,
    size: int = 28,
) -> nn.Sequential:
    """Return the network `name` with weights drawn by `seed`; it takes float32 (b, c, s, s), gives (b, classes).

    `mean` and `std` normalise the pixels, from 0 to 255; with `normalise_each` every image has its own instead.
    `dropout` is the rate of the dropout layers, where the network has any. `channels` is 1 or 3, `size` 16 to 256
    pixels a side. KeyError for a name that is not in NETWORKS, BadInput where it does not take images of that form.
    """
    torch.manual_seed(seed)
    layers = NETWORKS[name](classes, channels, size)
    normalise = NormaliseEach() if normalise_each else Normalise(mean, std)
    network = nn.Sequential(Layers(normalise=normalise, **layers))
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = dropout
    return network


def count_parameters(network: nn.Module) -> int:
    """Return the number of numbers in a network that training finds, those that are frozen included."""
    return sum(tensor.numel() for tensor in network.parameters())


@torch.inference_mode()
def activations(network: nn.Sequential, images: Tensor) -> dict[str, Tensor]:
    """Return {layer name: its output} for the outermost layers of a network, in order.

    `images` are float32 (b, c, h, w); the network stays in the mode, training or evaluation, that it is in.
    """
    outputs = {}
    values = images
    for name, layer in network.named_children():
        values = layer(values)
        outputs[name] = values.clone()  # a layer that works in place would change what is shown here
    return outputs


def layer_table(network: nn.Sequential, size: int = 28) -> list[dict[str, str | int]]:
    """Return one row {"layer", "kind", "output", "parameters"} for each outermost layer, in order.

    `output` is the shape of its output for one image of `size` x `size` pixels, such as "32 x 12 x 12". `kind` names
    the parts of a block, and a residual stage as such.
    """
    was_training = network.training
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    outputs = activations(network.eval(), torch.zeros(1, convolutions[0].in_channels, size, size))
    network.train(was_training)
    rows: list[dict[str, str | int]] = []
    for name, layer in network.named_children():
        parts = layer.children() if isinstance(layer, nn.Sequential) else [layer]
        kinds = [type(part).__name__ for part in parts]
        shape = " x ".join(str(length) for length in outputs[name].shape[1:])
        parameters = count_parameters(layer)
        rows.append({"layer": name, "kind": ", ".join(kinds), "output": shape, "parameters": parameters})
    return rows
