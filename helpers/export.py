"""A trained run -> one ONNX file that other programs read photographs with, without torch.

It takes images as uint8 (n, 1, 28, 28), framed as `framing` frames them, for any n, and gives probabilities as float32
(n, classes): the normalisation is in it, and a softmax at the run's temperature. Pixels are bytes so that no program
can hand in another range than the network was trained on. Its metadata, a text for each name, is JSON:

    class_names    of the columns
    framing        {"name", "version"}: "ink" is framing.frame_ink, "whole" is framing.frame_whole
    temperature    that of the softmax
    threshold      the probability from which an answer is sure, where the run has one
    run, key       the name of the run, and which training it is
"""

import copy
import json
from typing import Any

import torch
from torch import Tensor, nn

from . import framing
from .errors import BadInput
from .reading import Reader

INPUT, OUTPUT = "images", "probabilities"


class Probabilities(nn.Module):
    """A network with what turns its scores into probabilities: a softmax at `temperature`."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities, float32 (n, classes), of images, uint8 (n, 1, 28, 28)."""
        return (self.network(images.float()) / self.temperature).softmax(dim=1)


def as_onnx(reader: Reader) -> bytes:
    """Return the content of the ONNX file of a reading.Reader: the same for the same run and the same packages.

    BadInput where a package that writes ONNX is missing.
    """
    check_packages()
    network = copy.deepcopy(reader.network).to(memory_format=torch.contiguous_format)  # whatever it was used for before
    program = torch.onnx.export(
        Probabilities(network, reader.temperature).eval(),
        (torch.zeros(2, 1, framing.SIDE, framing.SIDE, dtype=torch.uint8),),
        dynamo=True,
        external_data=False,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={"images": {0: torch.export.Dim("n")}},
        verbose=False,
    )
    assert program is not None  # with no file named, there is a program
    model = program.model_proto
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")  # where on this machine the code lies that it was made by
    for name, value in metadata(reader).items():
        model.metadata_props.add(key=name, value=json.dumps(value, ensure_ascii=False))
    return model.SerializeToString(deterministic=True)


def check_packages() -> None:
    """Raise BadInput where a package that writes ONNX is missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        rule = f"this needs packages that are not installed ({error.name})"
        raise BadInput(rule, field="export", way_out="pip install onnx onnxscript") from None


def metadata(reader: Reader) -> dict[str, Any]:
    """Return what a program has to know of the ONNX file of a Reader; every value can be written as JSON."""
    noted = reader.description.get("framing")
    version = noted.get("version") if isinstance(noted, dict) else None
    facts = {
        "class_names": reader.class_names,
        "framing": {"name": reader.framing, "version": version or framing.VERSION},
        "temperature": reader.temperature,
        "run": reader.run,
        "key": reader.description.get("key"),
    }
    if reader.description.get("threshold") is not None:
        facts["threshold"] = reader.description["threshold"]
    return facts
