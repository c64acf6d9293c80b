"""A training's files: checkpoints while it runs, at its end the model and its history; damage is noticed before use."""

import csv
import io
import pickle
from pathlib import Path

import safetensors.torch
import torch

from . import errors, files, models

KEPT = 2  # checkpoints a run


def save_checkpoint(folder, identity, state, history):
    """Save a training's state as epoch-NNN.pt with its SHA-256 beside it; the newest KEPT stay."""
    buffer = io.BytesIO()
    torch.save(state | {"history": history, "key": identity}, buffer)
    path = folder / f"epoch-{len(history):03d}.pt"
    files.write_file(path.with_suffix(".sha256"), f"{files.digest(buffer.getvalue())}  {path.name}\n")
    files.write_file(path, buffer.getvalue())
    for old in sorted(folder.glob("epoch-*.pt"))[:-KEPT]:
        remove(old)


def remove(path):
    """Delete a checkpoint and the SHA-256 beside it."""
    path.unlink()
    path.with_suffix(".sha256").unlink(missing_ok=True)


def load_checkpoint(folder, identity):
    """Return the newest checkpoint in `folder` that is whole and of the training `identity`, else None.

    Damaged ones are set aside as epoch-NNN.damaged, and a line says so; those of another training are deleted. BadInput
    for one that holds anything but tensors, numbers and texts, of which nothing is run.
    """
    for path in sorted(folder.glob("epoch-*.pt"), reverse=True):
        content, note = path.read_bytes(), path.with_suffix(".sha256")
        if not note.is_file() or note.read_bytes().split()[:1] != [files.digest(content).encode()]:
            aside = path.replace(path.with_suffix(".damaged"))
            note.unlink(missing_ok=True)
            print(
                f"warning: checkpoint {path.name} is damaged; set aside as {aside.name}, going on from an earlier state"
            )
            continue
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            raise errors.BadInput(
                f"{path}: holds more than tensors and numbers, and was not loaded; delete it, or use --force"
            ) from None
        if state["key"] == identity:
            return state
        remove(path)
    return None


def save_model(folder, network, history, about):
    """Write history.csv, model.safetensors and, last, model.json: `about` and the SHA-256 of both."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    weights = safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    files.write_file(Path(folder) / "history.csv", table.getvalue())
    files.write_file(Path(folder) / "model.safetensors", weights)
    digests = {"weights_sha256": files.digest(weights), "history_sha256": files.digest(table.getvalue().encode())}
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    about = {"parameters": models.count_parameters(network)} | digests | machine | about
    files.write_json(Path(folder) / "model.json", about)


def load_model(folder, identity=None):
    """Return (network, history, about) that `save` left in a run's folder, or None where there is nothing whole.

    With an `identity`, the key of a training, None as well where the model is of another. The network is on the CPU, in
    evaluation mode; `about` is the content of model.json. BadInput where the weights have the SHA-256 that they should
    have, and yet are none.
    """
    paths = [Path(folder) / name for name in ("model.safetensors", "history.csv")]
    try:
        about = files.read_json(Path(folder) / "model.json")
        weights, table = (path.read_bytes() for path in paths)
        if [about["weights_sha256"], about["history_sha256"]] != [files.digest(weights), files.digest(table)]:
            return None
        if identity not in (None, about["key"]):
            return None
        network = models.build(about["recipe"]["network"], len(about["class_names"]))
        network.load_state_dict(safetensors.torch.load(weights))
        history = [
            {name: float(value) for name, value in row.items()} for row in csv.DictReader(io.StringIO(table.decode()))
        ]
    except (FileNotFoundError, KeyError, TypeError):  # nothing there, or a model.json that is none
        return None
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:100]
        raise errors.BadInput(
            f"{paths[0]}: not the weights of this network ({reason}); delete it, or use --force"
        ) from None
    return network.eval(), [row | {"epoch": int(row["epoch"])} for row in history], about
