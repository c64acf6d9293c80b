"""A training's files: checkpoints while it runs, at its end the model and its history; damage is noticed before use."""

import csv
import io
import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import nn

from . import errors, files, forms, models, run_files, runs
from .certainty import CODE, Certainty
from .evaluation import Predictions

logger = logging.getLogger(__name__)

KEPT = 2  # checkpoints a run
DIGESTS = {  # {file of a model: the field of model.json that holds its SHA-256}
    "history.csv": "history_sha256",
    "model.safetensors": "weights_sha256",
    "validation.npz": "validation_sha256",
    "certainty.npz": "certainty_sha256",
}

Row = dict[str, float]  # one epoch of a history, with the fields of training.HISTORY


class ValidationRecord(NamedTuple):
    """What a network says of its validation images, as validation.npz holds it; numpy arrays."""

    logits: np.ndarray  # float32 (n, classes), after the last epoch
    labels: np.ndarray  # int64 (n,)
    predicted: np.ndarray  # int16 (epochs, n): the class predicted after each epoch

    @property
    def predictions(self) -> Predictions:
        """The Predictions after the last epoch."""
        return Predictions(self.logits, self.labels)


class TrainedModel(NamedTuple):
    """A trained network as its files describe it."""

    network: nn.Sequential  # on the CPU, in evaluation mode
    history: list[Row]
    description: dict[str, Any]  # the content of model.json, as run_files.Model says


class Checkpoints:
    """The checkpoints of one training in the folder `run`; `fingerprint` says which training it is.

    RunInUse where somebody else is writing into the run.
    """

    def __init__(self, run: str | Path, fingerprint: str) -> None:
        self.run = Path(run)
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Save the state of a training as epoch-NNN.pt with its SHA-256 beside it; the newest KEPT stay.

        `state` holds tensors, numbers and texts alone; NNN is the number of epochs in its "history".
        """
        buffer = io.BytesIO()
        torch.save(state | {"key": self.fingerprint}, buffer)
        content = buffer.getvalue()
        path = runs.checkpoint_of(self.run, len(state["history"]))
        with runs.writing(self.run):
            files.write_file(path.with_suffix(".sha256"), f"{files.digest(content)}  {path.name}\n")
            files.write_file(path, content)
            for old in runs.checkpoints_of(self.run)[:-KEPT]:
                runs.remove_checkpoint(old)

    def load(self) -> dict[str, Any] | None:
        """Return the state of the newest checkpoint that is whole and of this training, else None.

        Damaged ones are set aside as epoch-NNN.damaged, and a line says so; those of another training are deleted.
        BadInput for one that holds anything but tensors, numbers and texts, of which nothing is run.
        """
        with runs.writing(self.run):
            for path in reversed(runs.checkpoints_of(self.run)):
                content = path.read_bytes()
                if not has_its_digest(path, content):
                    aside = runs.set_aside(path)
                    instead = f"set aside as {aside.name}, going on from an earlier state"
                    logger.warning("checkpoint %s is damaged; %s", path.name, instead)
                    continue
                state = unpack(path, content)
                if isinstance(state, dict) and state.get("key") == self.fingerprint:
                    return state
                runs.remove_checkpoint(path)
        return None


def has_its_digest(path: Path, content: bytes) -> bool:
    """Return whether `content` has the SHA-256 that was written beside the checkpoint `path`."""
    note = path.with_suffix(".sha256")
    return note.is_file() and note.read_bytes().split()[:1] == [files.digest(content).encode()]


def unpack(path: Path, content: bytes) -> Any:
    """Return what the checkpoint `path` holds; BadInput for anything but tensors, numbers and texts."""
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise errors.BadInput(
            f"{path}: holds more than tensors and numbers, and was not loaded", way_out="delete it, or use `force`"
        ) from None


def save_model(
    folder: str | Path,
    network: nn.Module,
    history: list[Row],
    validation: ValidationRecord,
    certainty: Certainty,
    description: dict[str, Any],
) -> None:
    """Write history.csv, model.safetensors, validation.npz, certainty.npz and, last, model.json.

    model.json, which run_files.Model describes, holds its version, the SHA-256 of the other four, the number of
    parameters, `description`, and what certainty.fit found, but for the centres, which are in certainty.npz. That is
    all that is needed to build the network again and to read its answers. RunInUse, and nothing is written, where
    somebody else is writing into the run.
    """
    folder = Path(folder)
    contents = {
        "history.csv": history_as_csv(history),
        "model.safetensors": as_safetensors(network),
        "validation.npz": as_npz(**validation._asdict()),
        "certainty.npz": as_npz(centres=certainty.centres),
    }
    digests = {DIGESTS[name]: files.digest(content) for name, content in contents.items()}
    facts = {
        "version": run_files.MODEL_VERSION,
        "parameters": models.count_parameters(network),
        "certainty_code": CODE,
        "temperature": certainty.temperature,
        "threshold": certainty.threshold,
        "floor": certainty.floor,
        "fitted_on": certainty.fitted_on,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    with runs.writing(folder):
        for name, content in contents.items():
            files.write_file(folder / name, content)
        files.write_json(folder / "model.json", facts | digests | description)


def save_weights(folder: str | Path, name: str, network: nn.Module) -> Path:
    """Write the weights of a network, and nothing else of it, as the file `name` of a run; return its path."""
    with runs.writing(folder):
        return files.write_file(Path(folder) / name, as_safetensors(network))


def load_weights(path: str | Path, network: nn.Module) -> nn.Module:
    """Return `network` with the weights that `save_weights` wrote.

    RuntimeError where they are those of another network, SafetensorError where the file is damaged.
    """
    network.load_state_dict(safetensors.torch.load_file(path))
    return network


def as_safetensors(network: nn.Module) -> bytes:
    """Return the weights of a network as the content of a file in the format of safetensors."""
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def as_npz(**arrays: Any) -> bytes:
    """Return the content of a NumPy archive of named arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def check_unchanged(folder: Path, description: dict[str, Any]) -> None:
    """Raise ProjectError unless the model in a run's folder is still the one that was loaded with `description`."""
    weights = files.file_digest(folder / "model.safetensors")
    if files.read_json(folder / "model.json") != description or weights != description["weights_sha256"]:
        rule = "its model has been replaced since it was loaded, and these are no figures of the new one"
        raise errors.ProjectError(rule, field="run", value=folder.name, way_out="run this again")


def load_model(folder: str | Path, fingerprint: str | None = None) -> TrainedModel | None:
    """Return the TrainedModel that `save_model` left in a run's folder, or None where there is nothing whole.

    With the `fingerprint` of a training, None as well where the model is of another. BadInput where model.json is of a
    later version than this code knows, and where the weights have the SHA-256 that they should have, and yet are none
    of this network. What else is wrong with model.json, run_files.read tells.
    """
    folder = Path(folder)
    path = folder / "model.safetensors"
    try:
        description = run_files.read(run_files.Model, folder)
        weights = path.read_bytes()
        table = (folder / "history.csv").read_bytes()
        if description["weights_sha256"] != files.digest(weights):
            return None
        if description["history_sha256"] != files.digest(table):
            return None
        if not has_its_arrays(folder, description):
            return None
        if fingerprint not in (None, description["key"]):
            return None
        network = build_network(description)
        network.load_state_dict(safetensors.torch.load(weights))
    except (FileNotFoundError, KeyError, ValueError):  # nothing there, or a model.json that is none
        return None
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:100]
        raise errors.BadInput(
            f"{path}: not the weights of this network ({reason})", way_out="delete it, or use `force`"
        ) from None
    network.eval()
    return TrainedModel(network, history_from_csv(table), description)


def build_network(description: dict[str, Any]) -> nn.Sequential:
    """Return the network that model.json describes, with weights drawn anew."""
    recipe = description["recipe"]
    form = forms.of_description(description)
    return models.build(
        recipe["network"],
        len(description["class_names"]),
        normalise_each=recipe.get("normalise_each", False),
        channels=form.channels,
        size=form.size,
    )


def has_its_arrays(folder: Path, description: dict[str, Any]) -> bool:
    """Return whether validation.npz and certainty.npz are those that model.json names; one of before names none."""
    for name in ("validation", "certainty"):
        noted = description.get(f"{name}_sha256")
        if noted is not None and noted != files.file_digest(folder / f"{name}.npz"):
            return False
    return True


def load_certainty(folder: str | Path, description: dict[str, Any]) -> Certainty | None:
    """Return the Certainty of a model that `load_model` has found whole.

    None where its training fitted none, or fitted it by other code than today's, which frames photographs in another
    way. BadInput where it is none.
    """
    folder = Path(folder)
    if description.get("certainty_code") != CODE:
        return None
    try:
        with np.load(folder / "certainty.npz", allow_pickle=False) as arrays:
            centres = arrays["centres"]
        fitted = {name: description[name] for name in ("temperature", "threshold", "floor", "fitted_on")}
        found = Certainty(centres=centres, **fitted)
        if is_sound(found):
            return found
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        pass
    rule = "what model.json and certainty.npz say of when an answer is sure is not what a training writes"
    way_out = f"python run_all.py --run {folder.name} --only training --force"
    raise errors.BadInput(rule, field="run", value=folder.name, way_out=way_out)


def is_sound(certainty: Certainty) -> bool:
    """Return whether the numbers of a Certainty are in their ranges, and its centres an array (k, d) of numbers."""
    centres = certainty.centres
    is_table = centres.ndim == 2 and len(centres) > 0 and bool(np.isfinite(centres).all())
    return is_table and -1 <= certainty.threshold <= 1.0001 and 0 <= certainty.floor <= 1


def history_as_csv(history: list[Row]) -> bytes:
    """Return the content of history.csv: a header, then one line per epoch."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return table.getvalue().encode()


def history_from_csv(table: bytes) -> list[Row]:
    """Return the history that `history_as_csv` wrote; "epoch" is a whole number again."""
    history = []
    for line in csv.DictReader(io.StringIO(table.decode())):
        row: Row = {name: float(value) for name, value in line.items()}
        row["epoch"] = int(line["epoch"])
        history.append(row)
    return history
