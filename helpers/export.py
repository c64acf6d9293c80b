"""A trained run -> one ONNX file that other programs read photographs with, without torch.

It takes images as uint8 (n, c, size, size), brought into their form as `forms.frame` does, for any n, and gives
probabilities as float32 (n, classes): the normalisation is in it, and a softmax at the run's temperature. Where the run
knows what it knows, there is the familiarity of each image as well, float32 (n,), as certainty.familiarity has it.
Pixels are bytes so that no program can hand in another range than the network was trained on. Its metadata, a text for
each name, is JSON:

    class_names    of the columns
    framing        {"name", "version"}: "ink" is framing.frame_ink, "whole" is forms.fit; "stretched" is
                   framing.frame_whole, by which a network of digits takes images whole
    images         {"size", "colour"}: pixels of a side, and "grey" or "rgb"
    temperature    that of the softmax
    threshold      the familiarity from which an answer is sure, where the run has one
    floor          the probability below which a label is ruled out, likewise
    run, key       the name of the run, and which training it is
"""

import copy
import json
import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import framing
from .errors import BadInput
from .reading import Reader

INPUT = "images"
PROBABILITIES = "probabilities"
FAMILIARITY = "familiarity"


class Exported(nn.Module):
    """A network with what turns its scores into probabilities, and tells how familiar an image is to it.

    `centres`: those of its certainty.Certainty, None where it has none.
    """

    def __init__(self, network: nn.Sequential, temperature: float, centres: np.ndarray | None) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.centres = None if centres is None else nn.Buffer(torch.from_numpy(centres.astype(np.float32)))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return (probabilities, float32 (n, classes),) of images, uint8 (n, c, h, w); familiarity (n,) as well."""
        features = self.network[:-1](images.float())
        probabilities = (self.network[-1](features) / self.temperature).softmax(dim=1)
        if self.centres is None:
            return (probabilities,)
        lengths = features.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return probabilities, (features / lengths @ self.centres.T).amax(dim=1)


def as_onnx(reader: Reader) -> bytes:
    """Return the content of the ONNX file of a reading.Reader: the same for the same run and the same packages.

    BadInput where a package that writes ONNX is missing.
    """
    check_packages()
    network = copy.deepcopy(reader.network).to(memory_format=torch.contiguous_format)  # whatever it was used for before
    centres = reader.certainty.centres if reader.certainty else None
    logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)  # it misses triton, which nothing here needs
    program = torch.onnx.export(
        Exported(network, reader.temperature, centres).eval(),
        (torch.zeros(2, *reader.form.shape, dtype=torch.uint8),),
        dynamo=True,
        external_data=False,
        input_names=[INPUT],
        output_names=[PROBABILITIES] if centres is None else [PROBABILITIES, FAMILIARITY],
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
        "framing": {"name": "stretched" if reader.stretches else reader.framing, "version": version or framing.VERSION},
        "images": {"size": reader.form.size, "colour": reader.form.colour},
        "temperature": reader.temperature,
        "run": reader.run,
        "key": reader.description.get("key"),
    }
    if reader.certainty is not None:
        facts |= {"threshold": reader.certainty.threshold, "floor": reader.certainty.floor}
    return facts
