"""The training loop: a network, a recipe and images in; trained weights and one row of figures an epoch out."""

import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch._dynamo  # the first optimiser of a process would import it: a second, then in the midst of training
from torch.nn.functional import cross_entropy

from . import checkpoints, data, errors, evaluation, files, models, transforms

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


def choose_device(name="auto", threads=None):
    """Return the torch.device `name`; `auto` is cuda, else mps, else cpu. `threads` sets how many the CPU may use."""
    if threads is not None:
        torch.set_num_threads(threads)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, available in there.items() if available)
    if not there.get(name):
        usable = ", ".join(kind for kind, available in there.items() if available)
        raise errors.BadInput(f"--device {name}: not on this machine; use auto or one of {usable}")
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
    identity = fingerprint(recipe, seed, dataset, torch.device(device)) if folder else None
    if folder and (trained := checkpoints.load_model(folder, identity)):
        return trained[:2]
    kept = (Path(folder) / "checkpoints", identity) if folder else None
    history = fit(network, recipe, splits["train"], splits["validation"], seed, device, kept, progress)
    if folder:
        about = {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "class_names": dataset.class_names}
        checkpoints.save_model(
            folder, network, history, about | {"recipe": asdict(recipe), "seed": seed, "key": identity}
        )
    return network, history


def fingerprint(recipe, seed, dataset, device):
    """Return a SHA-256 of all that decides the weights: recipe, seed, images, the loop's code, the machine's ways.

    Two trainings with the same key give the same bits on the same machine.
    """
    code = [files.code_digest(Path(__file__).with_name(part)) for part in ("models.py", "training.py", "transforms.py")]
    splits = data.split(dataset, seed, recipe.validation_size)
    images = [files.digest(tensor.numpy().tobytes()) for name in ("train", "validation") for tensor in splits[name]]
    values = {name: value for name, value in asdict(recipe).items() if name not in ("name", "summary")}
    ways = [str(device), str(precision(device)), torch.get_num_threads(), torch.__version__]
    return files.digest([values, seed, images, code, ways])


def fit(network, recipe, train, validation, seed=0, device="cpu", kept=None, progress=None):
    """Train `network` in place by `recipe`; return its history, one dictionary an epoch with the fields of HISTORY.

    `train`, `validation`: data.Split, uint8. Losses are mean cross-entropies in nats, accuracies fractions; those of
    `train` are means over the epoch's own augmented batches, those of `validation` are measured after it in float32.
    `seconds` is the epoch's time. Every epoch draws its random numbers from (seed, epoch) alone.

    `kept` is (folder, key): every epoch leaves a checkpoint there, and the newest of that key is gone on from.
    `progress(history, step, steps)` is called after every batch and, with step 0, after every epoch. Raises
    errors.TrainingDiverged, whose `history` and `losses` hold the epochs before it and the batches of its own.
    """
    device = torch.device(device)
    network.to(device, memory_format=torch.channels_last)
    images = data.Split(*(tensor.to(device) for tensor in train))
    batch_size, steps = cut(recipe, len(train.labels))
    optimizer, schedule = make_optimizer(network, recipe, steps, device)
    way_out = f"try --learning-rate {recipe.learning_rate / 10:.2g}"
    parts, history = {"network": network, "optimizer": optimizer, "schedule": schedule}, []
    if kept and (state := checkpoints.load_checkpoint(*kept)):
        history = state["history"]
        for name, part in parts.items():
            part.load_state_dict(state[name])

    for epoch in range(len(history) + 1, recipe.epochs + 1):
        started = time.perf_counter()
        torch.manual_seed(1_000_003 * (seed + 1) + epoch)
        row = {"epoch": epoch, "learning_rate": optimizer.param_groups[0]["lr"]}
        losses, correct = torch.zeros(steps), torch.zeros(steps)
        for step, batch in enumerate(transforms.batches(images, batch_size, recipe.augmentation(), device)):
            losses[step], correct[step] = train_step(network, recipe, batch, optimizer, schedule)
            if not math.isfinite(losses[step]):
                rate = optimizer.param_groups[0]["lr"]
                where = f"the loss is {losses[step]:.3g} at step {step + 1} of epoch {epoch}, learning rate {rate:.3g}"
                raise errors.TrainingDiverged(f"{where}; {way_out}", history, losses[: step + 1].tolist())
            if progress:
                progress(history, step + 1, steps)
        row |= {"train_loss": losses.mean().item(), "train_accuracy": correct.mean().item()}
        row |= {
            f"validation_{name}": value
            for name, value in evaluation.evaluate_split(network, validation, device).items()
        }
        if not math.isfinite(row["validation_loss"]):
            where = f"the validation loss is {row['validation_loss']} after epoch {epoch}"
            raise errors.TrainingDiverged(f"{where}; {way_out}", history, losses.tolist())
        row["seconds"] = round(time.perf_counter() - started, 3)
        history = [*history, {name: row[name] for name in HISTORY}]
        if kept:
            checkpoints.save_checkpoint(*kept, {name: part.state_dict() for name, part in parts.items()}, history)
        if progress:
            progress(history, 0, steps)
    network.to("cpu").eval()
    return history


def cut(recipe, images):
    """Return (batch size, steps an epoch) for a number of images: smaller batches where there are few."""
    batch_size = max(1, min(recipe.batch_size, images // recipe.steps_an_epoch))
    return batch_size, images // batch_size


def train_step(network, recipe, batch, optimizer, schedule):
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
