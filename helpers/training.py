"""The training loop: a network, a recipe and images in; trained weights and one row of figures an epoch out."""

import csv
import io
import math
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from . import data, evaluation, models, runs, transforms

HISTORY = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_f1",
    "learning_rate",
    "seconds",
)
CHECKPOINTS_KEPT = 2


def choose_device(name="auto", threads=None):
    """Return the torch.device `name`; `auto` is cuda, else mps, else cpu. `threads` sets how many the CPU may use."""
    if threads is not None:
        torch.set_num_threads(threads)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, available in there.items() if available)
    if not there.get(name):
        usable = ", ".join(kind for kind, available in there.items() if available)
        raise runs.BadInput(f"--device {name}: not on this machine; use auto or one of {usable}")
    torch.backends.cudnn.deterministic = True  # the same command gives the same weights
    return torch.device(name)


def precision(device):
    """Return the type that convolutions and products are computed in while training: bfloat16 where it is in hardware.

    On a CPU that lacks the instructions bfloat16 is emulated, many times slower than float32.
    """
    if device.type == "cpu":
        fast = torch.cpu.get_capabilities().get("avx512_bf16", False)
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else torch.float32


def train(dataset, recipe, seed=0, device="cpu", folder=None, progress=None):
    """Return (network, history) of `recipe` on a data.Dataset, exactly as run_all.py and the benchmarks train.

    The network is on the CPU, in evaluation mode. With a run's `folder`, history.csv, model.safetensors and model.json
    are left there, every epoch leaves a checkpoint, an interrupted training goes on from the last one, and a finished
    one of the same recipe, seed, images, code and machine is loaded instead of repeated. See `fit` for the rest.
    """
    splits = data.split(dataset, seed, recipe.validation_size)
    mean, deviation = data.pixel_statistics(splits["train"].images)
    network = models.build(recipe.network, len(dataset.class_names), mean, deviation, seed, recipe.dropout)
    identity = key(recipe, seed, dataset, torch.device(device))
    if folder and (trained := load(folder)) and trained[2]["key"] == identity:
        return trained[0], trained[1]
    checkpoints = (Path(folder) / "checkpoints", identity) if folder else None
    history = fit(network, recipe, splits["train"], splits["validation"], seed, device, checkpoints, progress)
    if folder:
        about = {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "class_names": dataset.class_names}
        save(folder, network, history, about | {"recipe": asdict(recipe), "seed": seed, "key": identity})
    return network, history


def key(recipe, seed, dataset, device):
    """Return a SHA-256 of all that decides the weights: the recipe, the seed, the images, the code, the machine's ways.

    Two trainings with the same key give the same bits on the same machine.
    """
    parts = ("data.py", "models.py", "training.py", "transforms.py")
    code = [runs.code_digest(Path(__file__).with_name(part)) for part in parts]
    values = {name: value for name, value in asdict(recipe).items() if name not in ("name", "summary")}
    ways = [str(device), str(precision(device)), torch.get_num_threads(), torch.__version__]
    return runs.digest([values, seed, dataset.fingerprint, code, ways])


def fit(network, recipe, train, validation, seed=0, device="cpu", checkpoints=None, progress=None):
    """Train `network` in place by `recipe`; return its history, one dictionary an epoch with the fields of HISTORY.

    `train`, `validation`: data.Split, uint8. Losses are mean cross-entropies in nats, accuracies fractions; those of
    `train` are means over the epoch's own augmented batches, those of `validation` are measured after it in float32.
    `seconds` is the epoch's time. Every epoch draws its random numbers from (seed, epoch) alone.

    `checkpoints` is (folder, key): the training goes on from the newest checkpoint of that key. `progress(history,
    step, steps)` is called after every batch and, with step 0, after every epoch. Raises runs.TrainingDiverged.
    """
    device = torch.device(device)
    network.to(device, memory_format=torch.channels_last)
    images = data.Split(*(tensor.to(device) for tensor in train))
    batch_size, steps = cut(recipe, len(train.labels))
    optimizer, schedule = make_optimizer(network, recipe, steps, device)
    way_out = f"try --learning-rate {recipe.learning_rate / 10:.2g}"
    parts, history = {"network": network, "optimizer": optimizer, "schedule": schedule}, []
    if checkpoints and (state := read_checkpoint(*checkpoints)):
        history = state["history"]
        for name, part in parts.items():
            part.load_state_dict(state[name])

    for epoch in range(len(history) + 1, recipe.epochs + 1):
        started = time.perf_counter()
        torch.manual_seed(1_000_003 * (seed + 1) + epoch)
        row = {"epoch": epoch, "learning_rate": optimizer.param_groups[0]["lr"]}
        losses, correct = torch.zeros(steps), torch.zeros(steps)
        for step, batch in enumerate(transforms.batches(images, batch_size, recipe.augmentation(), device)):
            losses[step], correct[step] = learn(network, recipe, batch, optimizer, schedule)
            if not math.isfinite(losses[step]):
                raise runs.TrainingDiverged(
                    f"the loss is {losses[step]:.3g} at step {step + 1} of epoch {epoch}, learning rate "
                    f"{optimizer.param_groups[0]['lr']:.3g}; {way_out}"
                )
            if progress:
                progress(history, step + 1, steps)
        row |= {"train_loss": losses.mean().item(), "train_accuracy": correct.mean().item()}
        row |= {f"validation_{name}": value for name, value in evaluation.score(network, validation, device).items()}
        if not math.isfinite(row["validation_loss"]):
            raise runs.TrainingDiverged(
                f"the validation loss is {row['validation_loss']} after epoch {epoch}; {way_out}"
            )
        row["seconds"] = round(time.perf_counter() - started, 3)
        history = [*history, {name: row[name] for name in HISTORY}]
        if checkpoints:
            write_checkpoint(*checkpoints, {name: part.state_dict() for name, part in parts.items()}, history)
        if progress:
            progress(history, 0, steps)
    network.to("cpu").eval()
    return history


def cut(recipe, images):
    """Return (batch size, steps an epoch) for a number of images: smaller batches where there are few."""
    batch_size = max(1, min(recipe.batch_size, images // recipe.steps_an_epoch))
    return batch_size, images // batch_size


def learn(network, recipe, batch, optimizer, schedule):
    """Take one step on a batch (images float32 (b, 1, h, w), labels int64 (b,)); return (loss, accuracy) before it.

    The loss that is returned is the cross-entropy without label smoothing, to be compared with validation's.
    """
    images, labels = batch
    kind = precision(images.device)
    network.train()
    with torch.autocast(images.device.type, kind, enabled=kind != torch.float32):
        scores = network(images.contiguous(memory_format=torch.channels_last))
    loss = goal = cross_entropy(scores.float(), labels)
    if recipe.label_smoothing:
        goal = cross_entropy(scores.float(), labels, label_smoothing=recipe.label_smoothing)
    optimizer.zero_grad()
    goal.backward()
    optimizer.step()
    schedule.step()
    return loss.item(), (scores.detach().argmax(1) == labels).float().mean().item()


def make_optimizer(network, recipe, steps, device):
    """Return (AdamW, its schedule) for `steps` batches an epoch; weight decay spares biases and normalisations."""
    decayed = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    spared = [tensor for tensor in network.parameters() if tensor.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    fused = device.type != "mps"
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, recipe.learning_rate, recipe.momentum, nesterov=True, fused=fused)
    else:
        optimizer = torch.optim.AdamW(groups, recipe.learning_rate, recipe.betas, fused=fused)
    if recipe.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=recipe.epochs * steps + 1,
        pct_start=recipe.warm_up,
        cycle_momentum=False,
    )


def progress_bar(epochs, file=None):
    """Return a `progress` for fit: one bar on `file`: the epochs done, the last one's figures, the time left."""
    bar = tqdm(
        total=100,
        file=file or sys.stdout,
        ascii=" =",
        bar_format="{desc} [{bar:20}] {n:3.0f}%{postfix}",
        mininterval=0.25,
    )
    bar.set_description_str(f"epoch 0/{epochs}")
    state = {"from": None, "since": time.perf_counter()}

    def progress(history, step, steps):
        share = (len(history) + step / steps) / epochs
        if state["from"] is None:
            state["from"] = share
        elif share > state["from"]:
            left = round((time.perf_counter() - state["since"]) * (1 - share) / (share - state["from"]))
            bar.set_postfix_str(f"{left // 60}:{left % 60:02} left", refresh=False)
        bar.update(100 * share - bar.n)
        if step == 0:
            last = history[-1]
            bar.set_description_str(
                f"epoch {len(history)}/{epochs}  train loss {last['train_loss']:.4f}  "
                f"validation {last['validation_accuracy']:.2%}  {last['seconds']:.1f} s"
            )
            bar.refresh()
            if len(history) == epochs:
                bar.close()

    return progress


def write_checkpoint(folder, identity, state, history):
    """Save a training's state as epoch-NNN.pt with its SHA-256 beside it; the newest CHECKPOINTS_KEPT stay."""
    buffer = io.BytesIO()
    torch.save(state | {"history": history, "key": identity}, buffer)
    path = folder / f"epoch-{len(history):03d}.pt"
    runs.write_file(path.with_suffix(".sha256"), f"{runs.digest(buffer.getvalue())}  {path.name}\n")
    runs.write_file(path, buffer.getvalue())
    for old in sorted(folder.glob("epoch-*.pt"))[:-CHECKPOINTS_KEPT]:
        remove_checkpoint(old)


def remove_checkpoint(path):
    """Delete a checkpoint and the SHA-256 beside it."""
    path.unlink()
    path.with_suffix(".sha256").unlink(missing_ok=True)


def read_checkpoint(folder, identity):
    """Return the newest checkpoint in `folder` that is whole and of the training `identity`, else None.

    Those of another training and damaged ones are deleted, the latter with a warning.
    """
    for path in sorted(folder.glob("epoch-*.pt"), reverse=True):
        note = path.with_suffix(".sha256")
        if note.is_file() and note.read_bytes().split()[:1] == [runs.file_digest(path).encode()]:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["key"] == identity:
                return state
        else:
            warnings.warn(f"{path} is damaged and was deleted; training goes on from the one before it", stacklevel=2)
        remove_checkpoint(path)
    return None


def save(folder, network, history, about):
    """Write history.csv, model.safetensors and, last, model.json: `about` and the SHA-256 of both."""
    table = io.StringIO()
    writer = csv.DictWriter(table, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    weights = safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    runs.write_file(Path(folder) / "history.csv", table.getvalue())
    runs.write_file(Path(folder) / "model.safetensors", weights)
    digests = {"weights_sha256": runs.digest(weights), "history_sha256": runs.digest(table.getvalue().encode())}
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    about = {"parameters": models.parameters(network)} | digests | machine | about
    runs.write_json(Path(folder) / "model.json", about)


def load(folder):
    """Return (network, history, about) that `save` left in a run's folder, or None where there is nothing whole.

    The network is on the CPU, in evaluation mode; `about` is the content of model.json.
    """
    paths = [Path(folder) / name for name in ("model.safetensors", "history.csv")]
    try:
        about = runs.read_json(Path(folder) / "model.json")
        if [about["weights_sha256"], about["history_sha256"]] != [runs.file_digest(path) for path in paths]:
            return None
        network = models.build(about["recipe"]["network"], len(about["class_names"]))
        network.load_state_dict(safetensors.torch.load_file(paths[0]))
        rows = csv.DictReader(io.StringIO(paths[1].read_text()))
        history = [{name: float(value) for name, value in row.items()} for row in rows]
    except (KeyError, TypeError):  # a model.json that is none
        return None
    return network.eval(), [row | {"epoch": int(row["epoch"])} for row in history], about
