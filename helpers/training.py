"""The training loop: a network, a recipe and images in; trained weights and one row of figures per epoch out."""

import contextlib
import inspect
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch._dynamo  # the first optimizer of a process would import it: a second, then in the midst of training
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from . import certainty, computing, data, errors, evaluation, files, framing, models, runs, transforms
from .checkpoints import Checkpoints, Row, TrainedModel, ValidationRecord, load_model, save_model
from .data import Dataset, Split
from .recipes import Recipe, batch_size_for

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

# Digests of the loop's code as this process has loaded it, whatever becomes of the files meanwhile.
CODE = [files.code_digest(Path(__file__).with_name(part)) for part in ("models.py", "training.py", "transforms.py")]
CODE.append(files.digest(inspect.getsource(batch_size_for)))  # of recipes.py this alone
STARTED = ("weights_sha256", "dataset", "fingerprint", "seed")  # what is noted of a model that a training starts from
SETTLED = 40  # steps after which the averages of batch normalisation follow what the network has learnt
FROZEN_EPOCHS = 1  # in which a network that starts from another's weights learns in its last layer alone
Progress = Callable[[list[Row], int, int], None]  # progress(history, step, steps); step 0 is the end of an epoch


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """Return the torch.device `name`, and set this process up for computing on it; `auto` is cuda, else mps, else cpu.

    `threads` sets how many the CPU may use; None leaves that as it is. Convolutions on a GPU are made to repeat their
    bits, freed memory is kept, and threads run in short turns. BadInput for a device that this machine does not have.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [kind for kind, available in there.items() if available]
    if name == "auto":
        name = usable[0]
    if name not in usable:
        way_out = f"use auto or one of {', '.join(usable)}"
        raise errors.BadInput("not on this machine", field="device", value=name, way_out=way_out)
    if threads is not None:
        torch.set_num_threads(threads)
    computing.keep_freed_memory()
    computing.take_short_turns()
    torch.backends.cudnn.deterministic = True  # the same command gives the same weights
    return torch.device(name)


def precision(device: torch.device) -> torch.dtype:
    """Return the type in which training computes convolutions and products: bfloat16 where it is in hardware.

    On a CPU that lacks the instructions bfloat16 is emulated, many times slower than float32.
    """
    if device.type == "cpu":
        fast = torch.cpu.get_capabilities().get("avx512_bf16", False)
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else torch.float32


def train(
    dataset: Dataset,
    recipe: Recipe,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: str | Path | None = None,
    progress: Progress | None = None,
    start: TrainedModel | None = None,
) -> tuple[nn.Sequential, list[Row]]:
    """Return (network, history) of `recipe` on a data.Dataset, exactly as run_all.py and the benchmarks train.

    The network is on the CPU, in evaluation mode. With a run's `folder`, the files of checkpoints.save_model are left
    there, every epoch leaves a checkpoint, an interrupted training goes on from the last one, and a finished one of the
    same recipe, seed, images, code and machine is loaded instead of repeated. What certainty.fit finds is among the
    files; its seconds are none of the history's. See `fit` for the rest.

    `start`: a model, of the same network, whose weights to start from; its last layer is drawn anew, and the others do
    not learn in the first FROZEN_EPOCHS. See `start_from`.
    """
    splits = data.split(dataset, seed, recipe.validation_size, recipe.fold)
    network = build_network(dataset, recipe, seed, splits["train"], start)
    frozen_epochs = 0 if start is None else FROZEN_EPOCHS
    fitting = (network, recipe, splits["train"], splits["validation"], seed, device)
    if not folder:
        result = fit(*fitting, progress=progress, frozen_epochs=frozen_epochs)
        return network, result.history

    key = fingerprint(recipe, seed, dataset, torch.device(device), start)
    finished = load_model(folder, key)
    if finished:
        return finished.network, finished.history
    result = fit(*fitting, Checkpoints(folder, key), progress, frozen_epochs)
    fitted = certainty.fit(network, dataset, splits["train"], splits["validation"], seed)
    description = describe_model(dataset, recipe, seed, key, start)
    save_model(folder, network, result.history, result.validation, fitted, description)
    return network, result.history


def build_network(
    dataset: Dataset, recipe: Recipe, seed: int, train: Split, start: TrainedModel | None = None
) -> nn.Sequential:
    """Return the network of a recipe for a dataset's images and classes, before it is trained.

    It normalises by the training images, or as `start` does, from whose weights it begins.
    """
    mean, std = data.pixel_statistics(train.images)
    classes = len(dataset.class_names)
    channels, size = dataset.images.shape[1:3]
    network = models.build(
        recipe.network, classes, mean, std, seed, recipe.dropout, recipe.normalise_each, channels, size
    )
    if start is not None:
        start_from(network, start)
    return network


def describe_model(
    dataset: Dataset, recipe: Recipe, seed: int, key: str, start: TrainedModel | None = None
) -> dict[str, Any]:
    """Return what model.json says of where a model comes from.

    The field "key" holds the training's fingerprint, "fingerprint" that of the images. The field "start" says of the
    model that it started from, if any: its "weights_sha256", "dataset", "fingerprint" and "seed".
    """
    form = dataset.form
    told = {}
    if start is not None:
        told["start"] = {name: start.description[name] for name in STARTED}
    return told | {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "class_names": dataset.class_names,
        "framing": {"name": form.framing, "version": framing.VERSION},
        "images": {"size": form.size, "colour": form.colour},
        "recipe": asdict(recipe),
        "seed": seed,
        "key": key,
    }


def load_start(run: str | None) -> TrainedModel | None:
    """Return the model of a run to start a training from, None where none is named; BadInput where there is none."""
    if run is None:
        return None
    found = load_model(runs.run_folder(run))
    if found is None:
        raise errors.BadInput("no trained model in it, or none that is whole", field="start_from", value=run)
    return found


def start_from(network: nn.Sequential, start: TrainedModel) -> None:
    """Give `network` the weights of a TrainedModel, and its normalisation, but for those of its last layer.

    BadInput where it is another network, or takes images of other channels.
    """
    before = start.network.state_dict()
    after = network.state_dict()
    last = list(dict(network.named_children()))[-1]
    taken = {name: tensor for name, tensor in before.items() if not name.startswith(f"{last}.")}
    expected = {name: tensor.shape for name, tensor in after.items() if not name.startswith(f"{last}.")}
    if {name: tensor.shape for name, tensor in taken.items()} != expected:
        rule = "its layers are not those of the network that is to be trained"
        way_out = "use the same `recipe`, on images of as many channels"
        raise errors.BadInput(rule, field="start_from", way_out=way_out)
    network.load_state_dict(after | taken)


def fingerprint(
    recipe: Recipe, seed: int, dataset: Dataset, device: torch.device, start: TrainedModel | None = None
) -> str:
    """Return a SHA-256 of all that decides a model: recipe, seed, images, the code, and how it is computed.

    The weights that it starts from count, where they are those of `start`.

    How: device, precision, threads and the version of PyTorch. Two trainings with the same fingerprint give the same
    bits on the same machine.
    """
    splits = data.split(dataset, seed, recipe.validation_size, recipe.fold)
    images = [files.digest(tensor.numpy().tobytes()) for name in ("train", "validation") for tensor in splits[name]]
    machine = [str(device), str(precision(device)), torch.get_num_threads(), torch.__version__]
    parts = [values_of(recipe), seed, images, CODE, certainty.CODE, machine]
    if start is not None:
        parts += [start.description["weights_sha256"], FROZEN_EPOCHS]
    return files.digest(parts)


def code_fingerprint(recipe: Recipe, images: str) -> str:
    """Return a SHA-256 of what trainings have in common that differ by seed and machine alone.

    That is recipe, images, the loop's code and the version of PyTorch, whichever build of it. `images`: a Dataset's
    fingerprint. Comparable within one version of Python: another one digests the same code to another value.
    """
    version = torch.__version__.partition("+")[0]
    return files.digest([values_of(recipe), images, CODE, version])


def values_of(recipe: Recipe) -> dict[str, Any]:
    """Return what of a recipe decides a training: all but its name and its summary."""
    return {name: value for name, value in asdict(recipe).items() if name not in ("name", "summary")}


@dataclass
class TrainingState:
    """All that changes while a network is trained: what a checkpoint holds."""

    network: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    history: list[Row] = field(default_factory=list)
    logits: Tensor = field(default_factory=torch.Tensor)  # float32 (n, classes), of validation after the last epoch
    predicted: list[Tensor] = field(default_factory=list)  # int16 (n,) each: the classes predicted after each epoch

    @property
    def learning_rate(self) -> float:
        """The rate of the coming step."""
        return self.optimizer.param_groups[0]["lr"]

    def validation_record(self, labels: Tensor) -> ValidationRecord:
        """Return what the network says of the validation images, whose `labels` are int64 (n,)."""
        predicted = torch.stack(self.predicted)
        return ValidationRecord(self.logits.numpy(), labels.numpy(), predicted.numpy())

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors, numbers and texts."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "logits": self.logits,
            "predicted": self.predicted,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.history = saved["history"]
        self.logits = saved["logits"]
        self.predicted = saved["predicted"]


class FitResult(NamedTuple):
    """What a training gives beside the trained network."""

    history: list[Row]  # one per epoch, with the fields of HISTORY
    validation: ValidationRecord


def fit(
    network: nn.Module,
    recipe: Recipe,
    train: Split,
    validation: Split,
    seed: int = 0,
    device: torch.device | str = "cpu",
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
    frozen_epochs: int = 0,
) -> FitResult:
    """Train `network` in place by `recipe`; return its history and what it says of the validation images.

    `train`, `validation`: data.Split, uint8. With `checkpoints`, training goes on from the newest one, and every epoch
    leaves one. `progress(history, step, steps)` is called after every batch and, with step 0, after every epoch. Every
    epoch draws its random numbers from (seed, epoch) alone. In the first `frozen_epochs` only the last layer learns;
    the statistics of batch normalisation follow the images all the same. Raises errors.TrainingDiverged; see
    `run_epoch`.
    """
    device = torch.device(device)
    network.to(device).to(memory_format=torch.channels_last)
    train = Split(train.images.to(device), train.labels.to(device))
    steps = batches_per_epoch(recipe, len(train.labels))
    optimizer, schedule = make_optimizer(network, recipe, steps, device)
    state = TrainingState(network, optimizer, schedule)
    saved = checkpoints.load() if checkpoints else None
    if saved:
        state.load_state_dict(saved)

    for epoch in range(len(state.history) + 1, recipe.epochs + 1):
        torch.manual_seed(1_000_003 * (seed + 1) + epoch)
        with all_but_last_frozen(network, epoch <= frozen_epochs):
            run_epoch(state, recipe, train, validation, progress)
        if checkpoints:
            checkpoints.save(state.state_dict())
        if progress:
            progress(state.history, 0, steps)

    network.to("cpu").eval()
    return FitResult(state.history, state.validation_record(validation.labels))


@contextlib.contextmanager
def all_but_last_frozen(network: nn.Module, frozen: bool) -> Iterator[None]:
    """Keep the layers of a network before its last one from learning for a while, where `frozen`."""
    before = list(network.children())[:-1]
    for layer in before:
        layer.requires_grad_(not frozen)
    try:
        yield
    finally:
        for layer in before:
            layer.requires_grad_(True)


def run_epoch(
    state: TrainingState, recipe: Recipe, train: Split, validation: Split, progress: Progress | None = None
) -> None:
    """Take one step on every batch, then score the validation images; add a row to the state's history.

    The losses of a row are mean cross-entropies in nats, the accuracies fractions; those of `train` are means over the
    epoch's own augmented batches, those of `validation` are measured afterwards in float32. `seconds` is the time of
    both. Raises errors.TrainingDiverged, with the epochs before this one and the losses of its own batches, where a
    loss is not a finite number.
    """
    started = time.perf_counter()
    device = train.images.device
    learning_rate = state.learning_rate
    losses = torch.zeros(batches_per_epoch(recipe, len(train.labels)))
    accuracies = torch.zeros(len(losses))
    batch_size = batch_size_for(recipe, len(train.labels))
    for step, batch in enumerate(transforms.batches(train, batch_size, recipe.augmentation(), device)):
        losses[step], accuracies[step] = train_step(state.network, recipe, batch, state.optimizer, state.schedule)
        if not math.isfinite(losses[step]):
            where = f"at step {step + 1} of epoch {len(state.history) + 1}, learning rate {state.learning_rate:.3g}"
            raise diverged(f"the loss is {losses[step]:.3g} {where}", recipe, state.history, losses[: step + 1])
        if progress:
            progress(state.history, step + 1, len(losses))
    measured = validate(state, train, validation, len(losses))
    if not math.isfinite(measured["loss"]):
        where = f"after epoch {len(state.history) + 1}"
        raise diverged(f"the validation loss is {measured['loss']} {where}", recipe, state.history, losses)
    row = {
        "epoch": len(state.history) + 1,
        "train_loss": losses.mean().item(),
        "train_accuracy": accuracies.mean().item(),
        "validation_loss": measured["loss"],
        "validation_accuracy": measured["accuracy"],
        "validation_f1": measured["f1"],
        "learning_rate": learning_rate,
        "seconds": round(time.perf_counter() - started, 3),
    }
    state.history.append(row)


def settle_averages(network: nn.Module, images: Tensor) -> None:
    """Take the averages of batch normalisation anew, over training images, uint8 (n, c, h, w), as they are.

    While a network learns, its averages follow with a delay: after few steps they are near where they began, and an
    evaluation with them says nothing of the weights. Wu and Johnson 2021, Rethinking "Batch" in BatchNorm.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    network.eval()  # dropout stays out of it
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # all batches count alike
        layer.train()
    with torch.no_grad():
        for some in images.split(evaluation.batch_for(images)):
            network(some.float().contiguous(memory_format=torch.channels_last))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def validate(state: TrainingState, train: Split, validation: Split, steps: int) -> dict[str, float]:
    """Return {"loss", "accuracy", "f1"} on the validation images; the state keeps the logits and predicted classes.

    `steps`: of an epoch. Where there were fewer than SETTLED in all, the averages of batch normalisation are settled.
    """
    if (len(state.history) + 1) * steps < SETTLED:
        settle_averages(state.network, train.images)
    predictions = evaluation.predict_split(state.network, validation, train.images.device)
    state.logits = torch.from_numpy(predictions.logits)
    state.predicted.append(torch.from_numpy(predictions.predicted.astype("int16")))
    return evaluation.summarise(predictions)


def diverged(rule: str, recipe: Recipe, history: list[Row], losses: Tensor) -> errors.TrainingDiverged:
    """Return the error of a training whose loss is no longer a finite number."""
    way_out = f"try a `learning_rate` of {recipe.learning_rate / 10:.2g}"
    return errors.TrainingDiverged(rule, history, losses.tolist(), way_out=way_out)


def batches_per_epoch(recipe: Recipe, images: int) -> int:
    """Return how many whole batches `images` training images make; the last few, too few for one, are dropped."""
    return images // batch_size_for(recipe, images)


def train_step(
    network: nn.Module,
    recipe: Recipe,
    batch: tuple[Tensor, Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler,
) -> tuple[float, float]:
    """Take one step on a batch (images float32 (b, c, h, w), labels int64 (b,)); return (loss, accuracy) before it.

    The loss that is returned is the cross-entropy without label smoothing, to be compared with validation's.
    """
    images, labels = batch
    kind = precision(images.device)
    network.train()
    with torch.autocast(images.device.type, kind, enabled=kind != torch.float32):
        logits = network(images.contiguous(memory_format=torch.channels_last))
    loss = cross_entropy(logits.float(), labels)
    objective = loss
    if recipe.label_smoothing:
        objective = cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    optimizer.zero_grad()
    objective.backward()
    optimizer.step()
    schedule.step()
    correct = logits.detach().argmax(1) == labels
    return loss.item(), correct.float().mean().item()


def make_optimizer(
    network: nn.Module, recipe: Recipe, steps: int, device: torch.device
) -> tuple[Optimizer, LRScheduler]:
    """Return the recipe's optimizer, AdamW or SGD, and its schedule for `steps` batches per epoch.

    Weight decay spares biases and normalisations: everything that is a vector.
    """
    decayed = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    spared = [tensor for tensor in network.parameters() if tensor.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    rate = recipe.learning_rate
    fused = device.type != "mps"
    optimizer: Optimizer
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, rate, recipe.momentum, nesterov=True, fused=fused)
    else:
        optimizer = torch.optim.AdamW(groups, rate, recipe.betas, fused=fused)
    if recipe.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    total = recipe.epochs * steps + 1
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=total, pct_start=recipe.warmup_fraction, cycle_momentum=False
    )
