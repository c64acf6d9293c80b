"""model.json and metrics.json of a run: what they hold, typed, with a version, checked when they are read.

The types describe what is written today, and docs/schemas holds them as JSON Schema; run.json has its own in `runs`.
Whoever reads one of the files gets a dictionary from `parse`. Of older files a field may be missing, and whoever needs
it says what then; what is there is of its type. Torch is not imported: the index reads both files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BadInput
from .files import as_json, parse_json, read_file
from .recipes import Recipe

# Of model.json. 4 knew no folds; 3 knew no images but those of 28x28 grey pixels; 2 knew no network that normalises
# each image by itself, and no "threshold"; 1 had neither "version" nor "temperature" nor "validation_sha256".
MODEL_VERSION = 5
METRICS_VERSION = 2  # of metrics.json; 1 had no "version", and is the same otherwise

Share = Annotated[float, Field(ge=0, le=1)]
Temperature = Annotated[float, Field(ge=0.1, le=10)]
Loss = Annotated[float, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Part(BaseModel):
    """A part of such a file. Numbers and texts are not taken for each other; fields that are not known are left."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class FileOfRun(Part):
    """A whole one."""

    name: ClassVar[str]
    newest: ClassVar[int]  # version that this code knows


class Framing(Part):
    """How images were framed before the network saw them."""

    name: Literal["ink", "whole"] = Field(description="by their ink, as MNIST's digits are, or taken whole")
    version: str = Field(description="of the framing's code, framing.VERSION")


class Images(Part):
    """What images the network takes."""

    size: int = Field(gt=0, description="of a side, in pixels")
    colour: Literal["grey", "rgb"] = Field(description="one channel or three")


class FittedOn(Part):
    """How many images temperature, threshold and floor were fitted on."""

    validation_images: int = Field(ge=0, description="that were classified")
    photographs: int = Field(ge=0, description="that were made of validation images, 0 where they are no digits")
    not_found: int = Field(ge=0, description="of these photographs, on which no digit was found; they were left out")


class Start(Part):
    """The model whose weights a training started from."""

    weights_sha256: Digest = Field(description="SHA-256 of its model.safetensors")
    dataset: str = Field(description="name of the dataset that it was trained on")
    fingerprint: str = Field(description="of the images of that dataset")
    seed: int = Field(description="of its training")


class Model(FileOfRun):
    """model.json: how to build a trained network again, and how to read its answers."""

    name = "model.json"
    newest = MODEL_VERSION

    version: Literal[5] = Field(description="of this form")
    parameters: int = Field(ge=0, description="number of trained weights")
    certainty_code: list[str] = Field(description="digests of the code that fitted threshold and floor")
    temperature: Temperature = Field(description="divides the scores before softmax; from 0.1 to 10")
    threshold: float = Field(
        ge=-1, le=1.0001, description="familiarity from which an answer is sure, a cosine from -1 to 1, as it rounds"
    )
    floor: Share = Field(description="probability below which a label is ruled out, from 0 to 1")
    fitted_on: FittedOn
    threads: int = Field(ge=1, description="that PyTorch computed with")
    torch: str = Field(description="version of PyTorch")
    history_sha256: Digest = Field(description="SHA-256 of history.csv")
    weights_sha256: Digest = Field(description="SHA-256 of model.safetensors")
    validation_sha256: Digest = Field(description="SHA-256 of validation.npz")
    certainty_sha256: Digest = Field(description="SHA-256 of certainty.npz")
    start: Start | None = Field(default=None, description="not there where the training started from nothing")
    dataset: str = Field(description="name of the dataset")
    fingerprint: str = Field(description="of the images of the dataset")
    class_names: list[str] = Field(description="in the order of the network's outputs")
    framing: Framing
    images: Images
    recipe: Recipe = Field(description="how it was trained; helpers/recipes.py says what each field means")
    seed: int = Field(description="that drew validation images, first weights, batches and augmentation")
    key: str = Field(description="fingerprint of the training: recipe, seed, images, code and machine")


class OfClass(Part):
    """How one class was classified; 0 where it has no image."""

    precision: Share = Field(description="share of the images classified so that are of the class, from 0 to 1")
    recall: Share = Field(description="share of the class's images that were classified so, from 0 to 1")
    f1: Share = Field(description="harmonic mean of the two, from 0 to 1")
    support: int = Field(ge=0, description="number of the class's images")


class Calibrated(Part):
    """What is left of the miscalibration once all scores are divided by the temperature of model.json."""

    temperature: Temperature = Field(description="from 0.1 to 10")
    ece: Share = Field(description="expected calibration error, from 0 to 1")
    loss: Loss = Field(description="mean cross-entropy in nats")


class OfSplit(Part):
    """How the images of one part of the dataset were classified."""

    accuracy: Share = Field(description="share that was classified correctly, from 0 to 1")
    accuracy_ci95: tuple[Share, Share] = Field(description="its 95% interval, by Wilson's score method")
    loss: Loss = Field(description="mean cross-entropy in nats")
    loss_ci95: tuple[Loss, Loss] = Field(description="its 95% interval in nats, by the normal approximation")
    macro_f1: Share = Field(description="mean of F1 over the classes, from 0 to 1")
    macro_f1_ci95: tuple[Share, Share] = Field(
        description="its 95% interval, by a bootstrap over the images of each class"
    )
    ece: Share = Field(description="expected calibration error over 15 bins of confidence, from 0 to 1")
    per_class: dict[str, OfClass] = Field(description="under the number of each class, in their order")
    confusion_matrix: list[list[Annotated[int, Field(ge=0)]]] = Field(
        description="numbers of images: a row for each true class, a column for each class that was predicted"
    )
    calibration: Calibrated | None = Field(default=None, description="of validation and test images alone")


class OfBaseline(Part):
    """How a simple classifier does on the same test images."""

    accuracy: Share = Field(description="share that it classifies correctly, from 0 to 1")


class Metrics(FileOfRun):
    """metrics.json: what was measured of a trained network."""

    name = "metrics.json"
    newest = METRICS_VERSION

    version: Literal[2] = Field(description="of this form")
    train: OfSplit = Field(description="on training images, or on a sample of them")
    validation: OfSplit
    test: OfSplit
    baselines: dict[str, OfBaseline] = Field(description="under the name of each classifier")


def version_of(content: dict[str, Any]) -> int | None:
    """Return the version of the form of a file of a run, 1 where it names none; None where what it names is none."""
    version = content.get("version", 1)
    return version if type(version) is int and version > 0 else None


def refuse_later(name: str, content: object, newest: int, run: str) -> None:
    """Raise BadInput where the content of the file `name` is of a later version than the `newest` that is known."""
    version = version_of(content) if isinstance(content, dict) else None
    if version is not None and version > newest:
        rule = f"its {name} is of version {str(version)[:40]}, and this code knows {newest}"
        raise BadInput(rule, field="run", value=run, way_out="use newer code, or another name")


def parse(kind: type[FileOfRun], content: bytes, run: str) -> dict[str, Any]:
    """Return what a file of a run holds, `content` being that of the file of this `kind`.

    BadInput where it is of a later version; ValueError, which says why, where it is not what is written there.
    """
    value = parse_json(content)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    refuse_later(kind.name, value, kind.newest, run)
    check_types(kind, value)
    return value


def read(kind: type[FileOfRun], folder: Path) -> dict[str, Any]:
    """Return what the file of this `kind` in a run's folder holds, as `parse` does; OSError where there is none."""
    return parse(kind, read_file(folder / kind.name), folder.name)


def check_types(kind: type[FileOfRun], content: dict[str, Any]) -> None:
    """Raise ValueError, which names the first of them, where fields of a file are not of their types.

    Those that are missing do not count: older files, and those of notebooks that were changed, have fewer.
    """
    version = version_of(content)
    if version is None:
        raise ValueError(f"version: {str(content['version'])[:40]!r} is no whole number above 0")
    try:
        kind.model_validate_json(as_json(content | {"version": kind.newest}))
    except ValidationError as error:
        wrong = [found for found in error.errors(include_url=False) if not is_missing_field(found)]
        if wrong:
            place = ".".join(str(part) for part in wrong[0]["loc"])[:100]
            raise ValueError(f"{place}: {wrong[0]['msg']}") from None


def is_missing_field(found: Mapping[str, Any]) -> bool:
    """Return whether what pydantic found is that a field is missing, and not, say, an end of an interval."""
    return found["type"] == "missing" and isinstance(found["loc"][-1], str)
