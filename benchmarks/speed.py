"""Time training and inference side by side with plain baselines, and keep medians and ranges.

    make bench-speed                              all parts; nothing else should run meanwhile
    make bench-speed ARGS="--parts inference"     some of them; the others stay in the file as they were

make sets GOMP_SPINCOUNT as run_all.py sets it for its kernels. What is compared is measured in one run, in turns, so
that a slow moment of the machine falls on both. Seconds count the preparation of the data where it says so.

Readings go to benchmarks/results/speed.json, one row each; those that another has replaced move to "earlier". `part` is
the function that took it and `what` says in words what was measured; whatever a row is selected by stands in a field of
its own: `recipe`, `images`, `epochs`, `width`, `threads`, `operator`, `share_of` and the like. Rows `against` another
training say of both sides `batch_size`, `precision` and `preparation` (`baseline_batch_size` and so on is the other's),
and `alike` names what is the same. Then come `ours` and `baseline` (medians, in `unit`), `ratio` (how many times less
ours took, median over the rounds), `range` (lowest and highest) and `repeats` (how many rounds). Each row notes the
commit, versions, machine and time of its own; commit before you measure.
"""

import argparse
import csv
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import lightning_loop
import origin
import torch
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from helpers import computing, data, evaluation, files, models, recipes, runs, training, transforms
from pipeline import reports

RESULTS = Path(__file__).resolve().parent / "results" / "speed.json"
CPU = torch.device("cpu")
OURS = ("fast", "balanced", "best")
PRODUCT_SIZE = 2048  # rows and columns of the matrices whose product is the yardstick
PRODUCT_FLOPS = 2 * PRODUCT_SIZE**3
TIMES = 20  # how often a task repeats what takes milliseconds
LONG = 3  # rounds at most where one takes a minute and more

Row = dict[str, Any]
Task = Callable[[], object]
Times = dict[str, list[float]]


def in_turns(tasks: Mapping[str, Task], repeats: int) -> Times:
    """Return {name: [seconds, ...]} of `tasks`, each run once a round for `repeats` rounds.

    A round before them warms up and does not count.
    """
    times: Times = {name: [] for name in tasks}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds = time.perf_counter() - started
            if turn > 0:
                times[name].append(seconds)
            print(f"{name}: {seconds:.3f} s", flush=True)
    return times


def versus(facts: Row, ours: Sequence[float], baseline: Sequence[float]) -> Row:
    """Return a row: how many times less time `ours` took than `baseline`, both lists of seconds of the same turns.

    `facts` are the fields that say what was measured.
    """
    ratios = [slow / quick for quick, slow in zip(ours, baseline, strict=True)]
    return facts | {
        "ours": statistics.median(ours),
        "baseline": statistics.median(baseline),
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "unit": "s",
        "repeats": len(ours),
    }


def single(facts: Row, values: Sequence[float], unit: str) -> Row:
    """Return a row for something that has no baseline; `facts` are the fields that say what was measured."""
    return facts | {
        "ours": statistics.median(values),
        "baseline": None,
        "ratio": None,
        "range": [min(values), max(values)],
        "unit": unit,
        "repeats": len(values),
    }


def divided(values: Sequence[float], by: Sequence[float]) -> list[float]:
    """Return the quotients of two lists of the same turns."""
    return [value / divisor for value, divisor in zip(values, by, strict=True)]


def repeated(task: Task) -> Task:
    """Return a task that runs `task` TIMES times; what it returns is held until the last time."""
    return lambda: [task() for _ in range(TIMES)]


def matrix_product() -> Task:
    """Return the yardstick as a task: TIMES products of two large matrices, in the type that training computes in."""
    left, right = torch.randn(2, PRODUCT_SIZE, PRODUCT_SIZE, dtype=training.precision(CPU)).unbind()
    return repeated(lambda: left @ right)


def flops_of_a_step(
    network: nn.Module, recipe: recipes.Recipe, batch: tuple, optimizer: torch.optim.Optimizer, schedule: Any
) -> int:
    """Take one step of training and return how many floating-point operations it took."""
    with FlopCounterMode(display=False) as counter:
        training.train_step(network, recipe, batch, optimizer, schedule)
    return counter.get_total_flops()


def stock_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[..., torch.Tensor],
    batch_size: int,
    images: int | None = None,
) -> None:
    """Train one epoch as textbooks do: torchvision's dataset, one image after the other made a tensor, a DataLoader.

    images: how many of MNIST's training images; None is all of them.
    """
    steps = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    whole = datasets.MNIST(data.data_folder(), transform=steps)
    part = whole if images is None else torch.utils.data.Subset(whole, range(images))
    network.train()
    for pixels, labels in torch.utils.data.DataLoader(part, batch_size, shuffle=True):
        optimizer.zero_grad()
        loss(network(pixels), labels).backward()
        optimizer.step()


def our_epoch(network: nn.Module, recipe: recipes.Recipe, split: data.Split, steps: int | None = None) -> None:
    """Train one epoch, or some `steps` of it, with this project's loop, without scoring the validation images."""
    optimizer, schedule = training.make_optimizer(network, recipe, len(split.labels), CPU)
    for number, batch in enumerate(transforms.batches(split, recipe.batch_size, recipe.augmentation())):
        if number == steps:
            break
        training.train_step(network, recipe, batch, optimizer, schedule)


def network_of(recipe: recipes.Recipe) -> nn.Module:
    """Return a fresh network in the layout that training uses."""
    network = models.build(recipe.network, 10, 33.3, 78.6, dropout=recipe.dropout, normalise_each=recipe.normalise_each)
    return network.to(memory_format=torch.channels_last)


def published_network(recipe: recipes.Recipe) -> nn.Sequential:
    """Return the network of a published recipe, fresh, without the layer that normalises: the stock loop does that."""
    layers = list(models.build(recipe.network, dropout=recipe.dropout))
    return nn.Sequential(*layers[1:])


def stock_published(recipe: recipes.Recipe, images: int, batch_size: int) -> None:
    """Train an epoch of a published network with Adam by the stock loop, fed by torchvision's loader."""
    network = published_network(recipe)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    stock_epoch(network, optimizer, cross_entropy, batch_size, images)


def stock_published_in_memory(recipe: recipes.Recipe, split: data.Split, batch_size: int) -> None:
    """Train an epoch of a published network with Adam by the stock loop, fed from memory; it normalises them first."""
    network = published_network(recipe)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    pixels = (split.images / 255 - 0.1307) / 0.3081
    epoch_in_memory(pixels, split.labels, network, optimizer, cross_entropy, batch_size)


def epoch_in_memory(
    pixels: torch.Tensor,
    labels: torch.Tensor,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[..., torch.Tensor],
    batch_size: int,
) -> None:
    """Train one epoch as textbooks do, on images that are in memory, normalised: float32 (n, 1, h, w)."""
    network.train()
    for index in torch.randperm(len(labels)).split(batch_size):
        optimizer.zero_grad()
        loss(network(pixels[index]), labels[index]).backward()
        optimizer.step()


def our_precisions() -> dict[str, torch.dtype]:
    """Return {name: type} of what ours is computed in: as training chooses it here, and float32 as the others do."""
    kinds = [training.precision(CPU), torch.float32]
    return {str(kind).removeprefix("torch."): kind for kind in kinds}


def computed_in(kind: torch.dtype, task: Task) -> Task:
    """Return `task` with our training computed in `kind`, whatever it would choose here."""

    def with_precision() -> None:
        with mock.patch.object(training, "precision", lambda device: kind):
            task()

    return with_precision


IN_MEMORY, STOCK_LOADER = "in memory", "stock loader"
PREPARATIONS = (STOCK_LOADER, IN_MEMORY)


def alike(precision: str, baseline_preparation: str) -> str:
    """Return what is the same on both sides, beside the batch size where that is: ours is in memory, theirs float32."""
    same = {"precision": precision == "float32", "preparation": baseline_preparation == IN_MEMORY}
    equal = [name for name, is_same in same.items() if is_same]
    if len(equal) == 2:
        return "both equal"
    return f"{equal[0]} equal" if equal else "as each does it"


def sides(batch_size: int, baseline_batch_size: int, precision: str, baseline_preparation: str) -> Row:
    """Return the fields of a row that say what is the same on both sides and what is not."""
    return {
        "batch_size": batch_size,
        "baseline_batch_size": baseline_batch_size,
        "precision": precision,
        "baseline_precision": "float32",
        "preparation": IN_MEMORY,
        "baseline_preparation": baseline_preparation,
        "alike": alike(precision, baseline_preparation),
    }


BATCH_SIZES = (64, 256)  # those of the stock loop and of most of our recipes


def published(source: data.Dataset, repeats: int) -> list[Row]:
    """An epoch of three published networks: ours with its recipe against the stock loop with Adam, like with like.

    At either batch size: as each does it (ours in its own precision, from memory; the stock loop in float32, by
    torchvision's loader), with the same preparation, with the same precision, with both the same.
    """
    split = data.split(source)["train"]
    rows = []
    for name in ("linear-head-published", "dropout-published", "narrow-published"):
        recipe = recipes.RECIPES[name]
        times = in_turns(tasks_of_published(recipe, split), repeats)
        for batch_size, baseline, precision in itertools.product(BATCH_SIZES, PREPARATIONS, our_precisions()):
            facts: Row = {"recipe": name, "what": f"an epoch of {recipe.network}, batches of {batch_size}"}
            facts |= {"against": "stock loop", "epochs": 1} | sides(batch_size, batch_size, precision, baseline)
            rows.append(versus(facts, times[f"{precision}, {batch_size}"], times[f"{baseline}, {batch_size}"]))
    return rows


def tasks_of_published(recipe: recipes.Recipe, split: data.Split) -> dict[str, Task]:
    """Return the epochs of a published network by both loops as {"precision or preparation, batch size": task}."""
    tasks: dict[str, Task] = {}
    for batch_size in BATCH_SIZES:
        by_loader = partial(stock_published, recipe, len(split.labels), batch_size)
        from_memory = partial(stock_published_in_memory, recipe, split, batch_size)
        tasks |= {f"{STOCK_LOADER}, {batch_size}": by_loader, f"{IN_MEMORY}, {batch_size}": from_memory}
        for name, kind in our_precisions().items():
            tasks[f"{name}, {batch_size}"] = computed_in(kind, partial(our_published, recipe, split, batch_size))
    return tasks


def our_published(recipe: recipes.Recipe, split: data.Split, batch_size: int) -> None:
    """Train an epoch of a published network with this project's loop, in batches of `batch_size`."""
    our_epoch(network_of(recipe), replace(recipe, batch_size=batch_size), split)


def lightning(source: data.Dataset, repeats: int) -> list[Row]:
    """An epoch of `narrow` in batches of 64: ours, the stock loop and a plain Lightning loop, in turns.

    Lightning has an environment of its own in outputs/, made here once; where that cannot be, there are no rows.
    """
    split = data.split(source)["train"]
    recipe = recipes.RECIPES["narrow-published"]
    size = lightning_loop.BATCH_SIZE
    try:
        loop = lightning_loop.Loop(recipe.name, len(split.labels), runs.outputs_folder() / ".lightning")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"left out: {lightning_loop.LIGHTNING} could not be installed or started ({error})", flush=True)
        return []
    tasks: dict[str, Task] = {"Lightning": loop, "stock": partial(stock_published, recipe, len(split.labels), size)}
    for name, kind in our_precisions().items():
        tasks[name] = computed_in(kind, partial(our_published, recipe, split, size))
    try:
        times = in_turns(tasks, repeats)
    except subprocess.CalledProcessError as error:
        print(f"left out: {lightning_loop.LIGHTNING} has ended ({error}: {error.stderr.strip()[-200:]})", flush=True)
        return []
    finally:
        loop.stop()
    facts: Row = {"recipe": recipe.name, "what": f"an epoch of {recipe.network}, batches of {size}", "epochs": 1}
    version = {"baseline_version": loop.version, "baseline_settings": lightning_loop.OFF}
    rows = []
    for precision in our_precisions():
        against = facts | {"against": "Lightning"} | version | sides(size, size, precision, STOCK_LOADER)
        rows.append(versus(against, times[precision], times["Lightning"]))
    beside = {"what": "the stock loop's epoch beside Lightning's", "batch_size": size, "preparation": STOCK_LOADER}
    return [*rows, single(facts | beside | {"precision": "float32"}, times["stock"], "s")]


def example_network() -> nn.Sequential:
    """Return the network of the MNIST script in pytorch/examples, written from its published settings."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.LogSoftmax(dim=1),
    )  # fmt: skip


EXAMPLE_BATCH_SIZE = 64


def example_in_memory(
    pixels: torch.Tensor, labels: torch.Tensor, network: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Train the example's epoch on normalised images that are in memory."""
    epoch_in_memory(pixels, labels, network, optimizer, nll_loss, EXAMPLE_BATCH_SIZE)


def example_pixels(source: data.Dataset) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return [(pixels, labels) to train on, (pixels, labels) to test on] as the example prepares them.

    Pixels are float32 (n, 1, h, w), normalised; labels int64 (n,).
    """
    pixels = (source.images / 255 - 0.1307) / 0.3081
    return [(pixels[part], source.labels[part]) for part in (~source.is_test, source.is_test)]


def example_trainings(source: data.Dataset, seeds: Sequence[int]) -> Iterator[list[float]]:
    """Yield the test accuracies of the example, one per seed, after each of its epochs, without end."""
    (pixels, labels), (test_pixels, test_labels) = example_pixels(source)
    trainings = []
    for seed in seeds:
        torch.manual_seed(seed)
        network = example_network()
        trainings.append((network, torch.optim.Adadelta(network.parameters(), lr=1.0)))
    for epoch in itertools.count():
        accuracies = []
        for network, optimizer in trainings:
            optimizer.param_groups[0]["lr"] = 0.7**epoch
            example_in_memory(pixels, labels, network, optimizer)
            with torch.inference_mode():
                predicted = torch.cat([network.eval()(part) for part in test_pixels.split(1000)]).argmax(1)
            accuracies.append(float((predicted == test_labels).float().mean()))
        yield accuracies


def example_accuracy(source: data.Dataset, repeats: int) -> list[Row]:
    """The example's test accuracy after each epoch, mean of five seeds, until 99.0% is reached; nothing is timed.

    Its settings: Adadelta, rate 1.0, times 0.7 after each epoch, batches of 64. It alone is scored on test each epoch.
    """
    del repeats
    reached: list[float] = []
    for accuracies in example_trainings(source, range(5)):
        reached.append(statistics.mean(accuracies))
        print(f"the example after {len(reached)} epochs: {reached[-1]:.4f}, mean of {accuracies}", flush=True)
        if reached[-1] >= 0.99 or len(reached) == 10:
            break
    facts = {"what": "the example's test accuracy after each epoch, mean of five seeds", "epochs": len(reached)}
    reading = {"ours": reached, "baseline": None, "ratio": None, "range": None, "unit": "share", "repeats": 5}
    return [facts | reading]


def epochs_of_the_example() -> int:
    """Return how many epochs the example needs for 99.0%, from the readings of example_accuracy."""
    results = origin.read_results(RESULTS, {"rows": []})
    for row in results["rows"]:
        if row["part"] == "example_accuracy":
            return row["epochs"]
    raise SystemExit("run the part example_accuracy first")


def example(source: data.Dataset, repeats: int) -> list[Row]:
    """`fast` and `balanced` against as many epochs of pytorch/examples as that needs for 99.0%.

    Those of ours have other networks and batches; preparation and precision are made equal, each and both. `fast` is
    timed whole, with reading the files and with validation. Of `balanced` and of the example an epoch is timed and
    taken as often as they have epochs. Ours train on 55,000 images and keep 5,000 to validate, the example trains on
    all 60,000. LONG rounds at most.
    """
    epochs = epochs_of_the_example()
    times = in_turns(tasks_of_example(source), min(repeats, LONG))
    rows = []
    for name, baseline, precision in itertools.product(("fast", "balanced"), PREPARATIONS, our_precisions()):
        recipe = recipes.RECIPES[name]
        times_over = 1 if name == "fast" else recipe.epochs
        ours_is = (
            f"{name} ({recipe.epochs} {'epoch' if recipe.epochs == 1 else 'epochs'} in batches of {recipe.batch_size})"
        )
        what = f"{ours_is} against {epochs} of the example ({EXAMPLE_BATCH_SIZE})"
        facts: Row = {"recipe": name, "what": what}
        facts |= {"against": "pytorch/examples", "epochs": recipe.epochs, "baseline_epochs": epochs}
        facts |= sides(recipe.batch_size, EXAMPLE_BATCH_SIZE, precision, baseline)
        ours = [seconds * times_over for seconds in times[f"{name}, {precision}"]]
        rows.append(versus(facts, ours, [seconds * epochs for seconds in times[baseline]]))
    return rows


def tasks_of_example(source: data.Dataset) -> dict[str, Task]:
    """Return {what: task}: an epoch of the example by either preparation, `fast` whole, an epoch of `balanced`."""
    pixels, labels = example_pixels(source)[0]
    network = example_network()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    split = data.split(source)["train"]
    balanced = recipes.RECIPES["balanced"]
    tasks: dict[str, Task] = {
        STOCK_LOADER: lambda: stock_epoch(network, optimizer, nll_loss, EXAMPLE_BATCH_SIZE),
        IN_MEMORY: lambda: example_in_memory(pixels, labels, network, optimizer),
    }
    for name, kind in our_precisions().items():
        with_data = partial(fast_with_data, source.name)
        tasks[f"fast, {name}"] = computed_in(kind, with_data)
        tasks[f"balanced, {name}"] = computed_in(kind, lambda: our_epoch(network_of(balanced), balanced, split))
    return tasks


def fast_with_data(dataset: str) -> None:
    """Read a dataset from its files and train `fast` on it, as a run does."""
    training.train(data.load(dataset), recipes.RECIPES["fast"])


def parts_of_a_step(recipe: recipes.Recipe, split: data.Split) -> tuple[dict[str, Task], int]:
    """Return ({part: task}, flops): the parts that a step of `recipe` consists of, each as a task of TIMES steps.

    flops: the floating-point operations of one step.
    """
    network = network_of(recipe)
    kind = training.precision(CPU)
    optimizer, schedule = training.make_optimizer(network, recipe, 10_000, CPU)
    batch = next(transforms.batches(split, recipe.batch_size, recipe.augmentation()))
    index = torch.randperm(len(split.labels))[: recipe.batch_size]
    images = split.images[index].float()

    def forward() -> torch.Tensor:
        with torch.autocast("cpu", kind, enabled=kind != torch.float32):
            logits = network(batch[0].contiguous(memory_format=torch.channels_last))
        return cross_entropy(logits.float(), batch[1], label_smoothing=recipe.label_smoothing)

    flops = flops_of_a_step(network, recipe, batch, optimizer, schedule)
    tasks = {
        "step": repeated(lambda: training.train_step(network, recipe, batch, optimizer, schedule)),
        "forward": repeated(forward),
        "forward and backward": repeated(lambda: forward().backward()),
        "augmentation": repeated(lambda: transforms.augment(images, **recipe.augmentation())),
        "indexing": repeated(lambda: split.images[index].float()),
        "optimiser": repeated(optimizer.step),
    }
    return tasks, flops


def arithmetic(source: data.Dataset, repeats: int) -> list[Row]:
    """How near training comes to a plain matrix product, and where the time of its steps goes."""
    split = data.split(source)["train"]
    product = {"product": matrix_product()}
    rows = []
    for name in OURS:
        tasks, flops = parts_of_a_step(recipes.RECIPES[name], split)
        times = in_turns(product | tasks, repeats)
        rows += rows_of_arithmetic(name, times, flops)
    return rows


def rows_of_arithmetic(name: str, times: Times, flops: int) -> list[Row]:
    """Return the rows of `arithmetic` for the recipe `name`, from the times of its parts and of the product.

    flops: the floating-point operations of one of its steps.
    """
    parts_of_whole = zip(times["step"], times["augmentation"], times["indexing"], strict=True)
    whole = [sum(seconds) for seconds in parts_of_whole]
    limit = [TIMES * PRODUCT_FLOPS / seconds / 1e9 for seconds in times["product"]]
    achieved = [TIMES * flops / seconds / 1e9 for seconds in whole]
    both_ways = zip(times["forward and backward"], times["forward"], strict=True)
    backward = [both - forward for both, forward in both_ways]
    dtype = str(training.precision(CPU)).removeprefix("torch.")
    product = {"recipe": name, "what": "matrix product", "size": PRODUCT_SIZE, "dtype": dtype}
    share = {"recipe": name, "what": "arithmetic while it learns", "share_of": "matrix product"}
    rows = [
        single(product, limit, "GFLOP/s"),
        single({"recipe": name, "what": "arithmetic while it learns"}, achieved, "GFLOP/s"),
        single(share, divided(achieved, limit), "share"),
    ]
    for step_part in ("forward", "backward", "optimiser", "augmentation", "indexing"):
        seconds = backward if step_part == "backward" else times[step_part]
        facts = {"recipe": name, "what": "time of a part of its steps", "step_part": step_part, "share_of": "step"}
        rows.append(single(facts, divided(seconds, whole), "share"))
    return rows


OPERATORS = {  # a name for people: a regular expression of the profiler's names
    "convolution, forward": "aten::mkldnn_convolution",
    "convolution, backward": "aten::convolution_backward",
    "batch normalisation": "batch_norm",
    "pooling": "max_pool|aten::fill_",  # its gradients are set to 0 before they are filled in
    "ReLU": "clamp_min|threshold",
}
EVERYTHING_ELSE = "everything else"


def operator_of(event: str) -> str:
    """Return the name in OPERATORS of an event of the profiler, or EVERYTHING_ELSE."""
    for operator, pattern in OPERATORS.items():
        if re.search(pattern, event):
            return operator
    return EVERYTHING_ELSE


def profiled(step: Task) -> dict[str, float]:
    """Return {operator: seconds} of one run of `step`, under the profiler."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    spent = dict.fromkeys([*OPERATORS, EVERYTHING_ELSE], 0.0)
    for event in profiler.key_averages():
        spent[operator_of(event.key)] += event.self_cpu_time_total / 1e6
    return spent


def operators(source: data.Dataset, repeats: int) -> list[Row]:
    """Which operators the time of a step goes to, and how near the convolutions alone come to a matrix product."""
    split = data.split(source)["train"]
    product = {"product": matrix_product()}
    rows = []
    for name in OURS:
        tasks, flops = parts_of_a_step(recipes.RECIPES[name], split)
        shares: Times = {operator: [] for operator in [*OPERATORS, EVERYTHING_ELSE]}
        rates = []
        for turn in range(repeats + 1):
            product_seconds = in_turns(product, 1)["product"][0]
            spent = profiled(tasks["step"])
            if turn == 0:
                continue  # warms up
            for operator, seconds in spent.items():
                shares[operator].append(seconds / sum(spent.values()))
            convolving = spent["convolution, forward"] + spent["convolution, backward"]
            rates.append((TIMES * flops / convolving) / (TIMES * PRODUCT_FLOPS / product_seconds))
        for operator, values in shares.items():
            facts = {"recipe": name, "what": "time of an operator", "operator": operator, "share_of": "profiled step"}
            rows.append(single(facts, values, "share"))
        facts = {"recipe": name, "what": "arithmetic while it convolves", "share_of": "matrix product"}
        rows.append(single(facts, rates, "share"))
    return rows


def learner(
    split: data.Split,
    kind: torch.dtype,
    layout: torch.memory_format = torch.channels_last,
    batch_size: int = 128,
    fused: bool = True,
    compiled: bool = False,
) -> Task:
    """Return a task in which `best` learns from 2,560 images, in batches of `batch_size`.

    kind: what convolutions and products are computed in. layout: of images and weights in memory. fused: the whole
    step of the optimiser is one operator. compiled: the network is compiled by torch.compile.
    """
    recipe = recipes.RECIPES["best"]
    network = network_of(recipe).to(memory_format=layout)
    called = torch.compile(network) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=fused, foreach=False)
    images, labels = next(transforms.batches(split, batch_size, recipe.augmentation()))

    def steps() -> None:
        for _ in range(2560 // batch_size):
            with torch.autocast("cpu", kind, enabled=kind != torch.float32):
                logits = called(images.contiguous(memory_format=layout))
            optimizer.zero_grad()
            cross_entropy(logits.float(), labels).backward()
            optimizer.step()

    return steps


def choices(source: data.Dataset, repeats: int) -> list[Row]:
    """What each choice of the engine is worth: `best` learning with one of them taken back, beside as it is."""
    split = data.split(source)["train"]
    ours = training.precision(CPU)
    tasks = {
        "as it is": learner(split, ours),
        "computed in float32": learner(split, torch.float32),
        "channels apart in memory (not channels_last)": learner(split, ours, layout=torch.contiguous_format),
        "an optimiser that is not fused": learner(split, ours, fused=False),
        "batches of 64": learner(split, ours, batch_size=64),
        "batches of 256": learner(split, ours, batch_size=256),
        "torch.compile, once it has compiled": learner(split, ours, compiled=True),
    }
    times = in_turns(tasks, repeats)
    as_it_is = times.pop("as it is")
    # Here the change is the baseline: a ratio above 1 says that the change makes it slower.
    return [versus({"recipe": "best", "what": change}, as_it_is, seconds) for change, seconds in times.items()]


def inference(source: data.Dataset, repeats: int) -> list[Row]:
    """Images a second and milliseconds an image with `balanced`."""
    network = network_of(recipes.RECIPES["balanced"]).eval()
    images = source.images[source.is_test]
    one = source.images[:1]
    calls = 200

    def in_bfloat16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            evaluation.predict(network, images)

    tasks: dict[str, Task] = {
        "float32": lambda: evaluation.predict(network, images),
        "bfloat16": in_bfloat16,
        "one": lambda: [evaluation.predict(network, one) for _ in range(calls)],
    }
    times = in_turns(tasks, repeats)
    rows = []
    for dtype in ("float32", "bfloat16"):
        facts = {"recipe": "balanced", "what": "inference", "images": len(images), "dtype": dtype}
        rows.append(single(facts, [len(images) / seconds for seconds in times[dtype]], "images/s"))
    facts = {"recipe": "balanced", "what": "inference", "images": 1, "dtype": "float32"}
    return [*rows, single(facts, [seconds / calls * 1000 for seconds in times["one"]], "ms")]


WIDTHS = (8, 16, 32, 48, 64)
STEPS_AT_A_WIDTH = 50


def balanced_of_width(width: int) -> nn.Module:
    """Return the network of `balanced`, fresh, with `width` channels where it begins."""
    network = nn.Sequential(models.Normalise(33.3, 78.6), *models.compact(10, width=width).values())
    return network.to(memory_format=torch.channels_last)


def flops_at(width: int, split: data.Split) -> int:
    """Return the floating-point operations of a step of `balanced` with `width` channels."""
    recipe = recipes.RECIPES["balanced"]
    network = balanced_of_width(width)
    batch = next(transforms.batches(split, recipe.batch_size))
    optimizer, schedule = training.make_optimizer(network, recipe, 1000, CPU)
    return flops_of_a_step(network, recipe, batch, optimizer, schedule)


def steps_on_threads(split: data.Split, steps: int, threads: int) -> None:
    """Train a fresh `balanced` for some `steps` on so many threads; afterwards there are as many as before."""
    recipe = recipes.RECIPES["balanced"]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        our_epoch(network_of(recipe), recipe, split, steps)
    finally:
        torch.set_num_threads(before)


def label(facts: Row) -> str:
    """Return the name of a measurement in one line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def epochs_of_balanced(few: data.Split, epochs: int) -> None:
    """Train a fresh `balanced` for some `epochs` of `few` images, with its schedule and validation."""
    recipe = replace(recipes.RECIPES["balanced"], epochs=epochs)
    validation = data.Split(*(tensor[:640] for tensor in few))
    training.fit(network_of(recipe), recipe, few, validation)


def steps_at(split: data.Split, width: int) -> None:
    """Train a fresh `balanced` with `width` channels for STEPS_AT_A_WIDTH steps."""
    our_epoch(balanced_of_width(width), recipes.RECIPES["balanced"], split, STEPS_AT_A_WIDTH)


def tasks_of_growth(split: data.Split, threads: int) -> list[tuple[Row, Task]]:
    """Return (what is measured, task) for every amount of work of `balanced` whose time is taken."""
    few = data.Split(*(tensor[:2560] for tensor in split))
    measured: list[tuple[Row, Task]] = []
    facts: Row
    for steps in (50, 100, 200, 400):
        facts = {"what": "time by images", "images": 128 * steps, "threads": threads}
        measured.append((facts, partial(steps_on_threads, split, steps, threads)))
    for epochs in (2, 4, 8, 16):
        facts = {"what": "time by epochs", "epochs": epochs, "images": 2560}
        measured.append((facts, partial(epochs_of_balanced, few, epochs)))
    for width in WIDTHS:
        facts = {"what": "time by width", "width": width, "steps": STEPS_AT_A_WIDTH}
        measured.append((facts, partial(steps_at, split, width)))
    return measured


def growth(source: data.Dataset, repeats: int) -> list[Row]:
    """How the time of `balanced` grows with images, epochs, width and threads, and what arithmetic alone would take."""
    split = data.split(source)["train"]
    threads = torch.get_num_threads()
    flops = {width: flops_at(width, split) for width in WIDTHS}
    measured = tasks_of_growth(split, threads)
    tasks = {label(facts): task for facts, task in measured}
    others = {"1 thread": lambda: steps_on_threads(split, 100, 1), "product": matrix_product()}
    times = in_turns(tasks | others, repeats)

    rows = [single({"recipe": "balanced"} | facts, times[label(facts)], "s") for facts, _ in measured]
    for width in WIDTHS:
        at_the_rate: Row = {"recipe": "balanced", "what": "time by width at the rate of a matrix product"}
        at_the_rate |= {"width": width, "steps": STEPS_AT_A_WIDTH}
        needed = STEPS_AT_A_WIDTH * flops[width] / (TIMES * PRODUCT_FLOPS)
        rows.append(single(at_the_rate, [needed * seconds for seconds in times["product"]], "s"))
    work: Row = {"images": 12_800, "threads": threads}
    on_all_threads = times[label({"what": "time by images"} | work)]
    facts = {"recipe": "balanced", "what": f"{threads} threads against 1"} | work | {"baseline_threads": 1}
    return [*rows, versus(facts, on_all_threads, times["1 thread"])]


# A small process starts the command and asks for the peak of its children: those of a large one inherit its peak.
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def run_on_mnist(outputs: str) -> tuple[float, float]:
    """Run `python run_all.py` on MNIST as the run `it` in the folder `outputs`; return (seconds, peak in GB).

    The peak is the largest memory of a single one of its processes.
    """
    command = [sys.executable, "-c", PEAK, sys.executable, str(files.PROJECT / "run_all.py")]
    command += ["--dataset", "mnist", "--run", "it"]
    environment = os.environ | {"MNIST_OUTPUTS_DIR": outputs}
    started = time.perf_counter()
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    return seconds, int(printed.split()[-1]) * unit / 1e9


def seconds_of_fitting(folder: Path) -> float:
    """Return the seconds that a run spent on fitting networks, in 02 and 03 together."""
    with open(folder / "history.csv") as file:
        training_seconds = sum(float(row["seconds"]) for row in csv.DictReader(file))
    return training_seconds + files.read_json(folder / "prototyping.json")["fit_seconds"]


def seconds_of_rendering(folder: Path) -> float:
    """Render the reports of a run once more; return the seconds that takes."""
    manifest = runs.load_manifest(folder)
    assert manifest is not None
    for page in (folder / "reports").iterdir():
        page.unlink()
    started = time.perf_counter()
    reports.render_pages(folder, manifest)
    return time.perf_counter() - started


CELLS = {  # kind: a regular expression of a cell's source; the first that matches decides
    "fitting": r"training\.(fit|train)\(",
    "imports": "from helpers import",
    "data": r"data\.load",
    "figures": r"plots\.show",
    "evaluation": r"evaluation\.",
}
OTHER_CELLS = "other cells"


def kind_of(cell: dict) -> str:
    """Return the kind in CELLS of a notebook's cell, or OTHER_CELLS."""
    source = "".join(cell["source"])
    for kind, pattern in CELLS.items():
        if re.search(pattern, source):
            return kind
    return OTHER_CELLS


def seconds_of_cells(folder: Path) -> dict[str, float]:
    """Return {kind: seconds} of the cells of the executed notebooks in `folder`."""
    spent = dict.fromkeys([*CELLS, OTHER_CELLS], 0.0)
    for path in folder.glob("*.ipynb"):
        for cell in files.read_json(path)["cells"]:
            when = cell["metadata"].get("execution", {})
            if "iopub.status.busy" not in when or "shell.execute_reply" not in when:
                continue
            begun = datetime.fromisoformat(when["iopub.status.busy"])
            ended = datetime.fromisoformat(when["shell.execute_reply"])
            spent[kind_of(cell)] += (ended - begun).total_seconds()
    return spent


def one_run() -> dict[str, float]:
    """Run everything on MNIST, and once more when all is up to date; return {what: seconds}, and the peak in GB."""
    with tempfile.TemporaryDirectory() as outputs:
        whole, peak = run_on_mnist(outputs)
        up_to_date, _ = run_on_mnist(outputs)
        folder = Path(outputs) / "it"
        fitting = seconds_of_fitting(folder)
        cells = seconds_of_cells(folder / "notebooks")
        rendering = seconds_of_rendering(folder)
    return {
        "whole": whole,
        "training": fitting,
        "beyond training": whole - fitting,
        "everything up to date": up_to_date,
        "starting, saving": whole - sum(cells.values()) - rendering,
        "imports": cells["imports"],
        "data": cells["data"],
        "figures": cells["figures"],
        "evaluation": cells["evaluation"],
        "other cells": cells[OTHER_CELLS] + cells["fitting"] - fitting,
        "rendering": rendering,
        "largest process": peak,
    }


def pipeline(source: data.Dataset, repeats: int) -> list[Row]:
    """What `python run_all.py` on MNIST takes beyond training: five notebooks and their reports."""
    del source
    taken = []
    for _ in range(min(repeats, LONG)):
        taken.append(one_run())
        print(taken[-1], flush=True)
    rows = []
    for what in taken[0]:
        unit = "GB" if what == "largest process" else "s"
        rows.append(single({"recipe": "balanced", "what": what}, [one[what] for one in taken], unit))
    return rows


PARTS = {
    part.__name__: part
    for part in (
        published,
        lightning,
        example_accuracy,
        example,
        arithmetic,
        operators,
        choices,
        inference,
        growth,
        pipeline,
    )
}


def main() -> None:
    """Measure what is asked for and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    facts = origin.facts()
    computing.keep_freed_memory()  # as the notebooks do
    source = data.load("mnist")
    for part in options.parts:
        rows = [{"part": part} | row for row in PARTS[part](source, options.repeats)]
        if rows:
            keep(part, rows, facts | {"taken": runs.now()})
        for row in rows:
            print(row, flush=True)


def keep(part: str, rows: Sequence[Row], noted: Row) -> None:
    """Write the rows of a part, each with its origin; those of its reading before move to "earlier"."""
    results = origin.read_results(RESULTS, {"rows": []})
    about = {name: results[name] for name in ("commit", "versions", "machine") if name in results}  # of early rows
    others = [row for row in results["rows"] if row["part"] != part]
    before = [about | row for row in results["rows"] if row["part"] == part]
    earlier = [*results.get("earlier", []), *before]
    files.write_json(RESULTS, results | {"rows": [*others, *(row | noted for row in rows)], "earlier": earlier})


if __name__ == "__main__":
    origin.call(main)
