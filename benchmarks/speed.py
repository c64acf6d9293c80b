"""Time training and inference side by side with plain baselines, and keep medians and ranges.

    python benchmarks/speed.py                    all parts (make bench-speed); nothing else should run meanwhile
    python benchmarks/speed.py --parts inference  some of them; the others stay in the file as they were

What is compared is measured in one run, in turns, so that a slow moment of the machine falls on both. Seconds count
the preparation of the data where it says so. Readings go to benchmarks/results/speed.json.
"""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as run_all.py sets it for its kernels

import torch
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss
from torch.utils.flop_counter import FlopCounterMode
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from helpers import data, evaluation, files, models, recipes, runs, training, transforms
from pipeline import machine, reports

RESULTS = Path(__file__).resolve().parent / "results" / "speed.json"
CPU = torch.device("cpu")


def in_turns(tasks, repeats):
    """Return {name: [seconds, ...]} of `tasks` ({name: function}), each run once a round; the first does not count."""
    times = {name: [] for name in tasks}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if turn:
                times[name].append(time.perf_counter() - started)
            print(f"{name}: {time.perf_counter() - started:.3f} s", flush=True)
    return times


def versus(what, ours, baseline):
    """Return a row: how many times less time `ours` took than `baseline`, both lists of seconds of the same turns."""
    ratios = [slow / quick for quick, slow in zip(ours, baseline, strict=True)]
    row = {"what": what, "ours": statistics.median(ours), "baseline": statistics.median(baseline)}
    row |= {"ratio": statistics.median(ratios), "range": [min(ratios), max(ratios)], "unit": "s"}
    return row | {"repeats": len(ours)}


def single(what, values, unit):
    """Return a row for something that has no baseline."""
    row = {"what": what, "ours": statistics.median(values), "baseline": None, "ratio": None}
    return row | {"range": [min(values), max(values)], "unit": unit, "repeats": len(values)}


def stock_epoch(network, optimizer, loss, batch_size, images=None):
    """Train one epoch as textbooks do: torchvision's dataset, one image after the other made a tensor, a DataLoader."""
    steps = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    whole = datasets.MNIST(data.data_folder(), transform=steps)
    part = whole if images is None else torch.utils.data.Subset(whole, range(images))
    network.train()
    for pixels, labels in torch.utils.data.DataLoader(part, batch_size, shuffle=True):
        optimizer.zero_grad()
        loss(network(pixels), labels).backward()
        optimizer.step()


def our_epoch(network, recipe, split, steps=None):
    """Train one epoch, or some `steps` of it, with this project's loop, without scoring the validation images."""
    optimizer, schedule = training.make_optimizer(network, recipe, len(split.labels), CPU)
    for number, batch in enumerate(transforms.batches(split, recipe.batch_size, recipe.augmentation())):
        if number == steps:
            break
        training.train_step(network, recipe, batch, optimizer, schedule)


def network_of(recipe):
    """Return a fresh network in the layout that training uses."""
    return models.build(recipe.network, 10, 33.3, 78.6).to(memory_format=torch.channels_last)


def published(source, repeats):
    """An epoch of the published networks P1, P3 and P4, Adam, batches of 64: the stock loop against ours."""
    split, rows = data.split(source)["train"], []
    for name in ("linear-head-published", "dropout-published", "narrow-published"):
        recipe = recipes.RECIPES[name]

        def stock(recipe=recipe):
            network = nn.Sequential(*list(models.build(recipe.network, dropout=recipe.dropout))[1:])
            optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
            stock_epoch(network, optimizer, cross_entropy, 64, len(split.labels))

        def ours(recipe=recipe, batch_size=64):
            our_epoch(network_of(recipe), replace(recipe, batch_size=batch_size), split)

        tasks = {"stock": stock, "64": ours, "256": lambda ours=ours: ours(batch_size=256)}
        times = in_turns(tasks, repeats)
        rows.append(versus(f"an epoch of {recipe.network}, batches of 64, stock loop", times["64"], times["stock"]))
        rows.append(versus(f"an epoch of {recipe.network}, batches of 256, stock loop", times["256"], times["stock"]))
    return rows


def example_network():
    """Return the network of the MNIST script in pytorch/examples, written from its published settings."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.LogSoftmax(dim=1),
    )  # fmt: skip


def example_in_memory(pixels, labels, network, optimizer):
    """Train the example's epoch on normalised images that are in memory."""
    network.train()
    for index in torch.randperm(len(labels)).split(64):
        optimizer.zero_grad()
        nll_loss(network(pixels[index]), labels[index]).backward()
        optimizer.step()


def example_pixels(source):
    """Return ((pixels, labels) to train on, (pixels, labels) to test on) as the example prepares them."""
    pixels = ((source.images / 255 - 0.1307) / 0.3081).unsqueeze(1)
    return [(pixels[part], source.labels[part]) for part in (~source.is_test, source.is_test)]


def example_accuracy(source, repeats):
    """The example's test accuracy after each epoch, mean of five seeds, until 99.0% is reached; nothing is timed.

    Its settings: Adadelta, rate 1.0, times 0.7 after each epoch, batches of 64. It alone is scored on test each epoch.
    """
    del repeats
    (pixels, labels), (test_pixels, test_labels) = example_pixels(source)
    trainings = []
    for seed in range(5):
        torch.manual_seed(seed)
        network = example_network()
        trainings.append((network, torch.optim.Adadelta(network.parameters(), lr=1.0)))
    reached = []
    while len(reached) < 10 and (not reached or reached[-1] < 0.99):
        shares = []
        for network, optimizer in trainings:
            optimizer.param_groups[0]["lr"] = 0.7 ** len(reached)
            example_in_memory(pixels, labels, network, optimizer)
            with torch.inference_mode():
                said = torch.cat([network.eval()(part) for part in test_pixels.split(1000)]).argmax(1)
            shares.append(float((said == test_labels).float().mean()))
        reached.append(statistics.mean(shares))
        print(f"the example after {len(reached)} epochs: {reached[-1]:.4f}, mean of {shares}", flush=True)
    return [{"what": "the example's test accuracy after each epoch, mean of five seeds", "ours": reached,
             "baseline": None, "ratio": None, "range": None, "unit": "share", "repeats": 5}]  # fmt: skip


def example(source, repeats):
    """`fast` and `balanced` against the settings of pytorch/examples, over as many epochs as those need for 99.0%."""
    rows = (files.read_json(RESULTS) or {"rows": []})["rows"]
    epochs = next((len(row["ours"]) for row in rows if row["part"] == "example_accuracy"), 0)
    assert epochs, "run the part example_accuracy first"
    pixels, labels = example_pixels(source)[0]
    network = example_network()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    split = data.split(source)["train"]
    balanced = recipes.RECIPES["balanced"]
    tasks = {
        "example, stock loader": lambda: stock_epoch(network, optimizer, nll_loss, 64),
        "example, in memory": lambda: example_in_memory(pixels, labels, network, optimizer),
        "fast, data and all": lambda: training.train(data.load("mnist"), recipes.RECIPES["fast"]),
        "balanced, an epoch": lambda: our_epoch(network_of(balanced), balanced, split),
    }
    times = in_turns(tasks, repeats)
    stock, memory, fast, ours = times.values()
    rows = [
        versus(f"fast against {epochs} epochs of the example, {name}", fast, [seconds * epochs for seconds in epoch])
        for name, epoch in (("stock loader", stock), ("in memory", memory))
    ]
    ten = [seconds * 10 for seconds in ours]
    return [*rows, versus("balanced, 10 epochs, against one of the example, stock loader", ten, stock)]


def parts_of_a_step(recipe, split):
    """Return ({part: function}, flops): the parts that a step of `recipe` consists of, each as a task of 20 steps."""
    network, device = network_of(recipe), CPU
    optimizer, schedule = training.make_optimizer(network, recipe, 10_000, device)
    batch = next(transforms.batches(split, recipe.batch_size, recipe.augmentation()))
    index = torch.randperm(len(split.labels))[: recipe.batch_size]
    images, kind = split.images[index].unsqueeze(1).float(), training.precision(device)

    def forward():
        with torch.autocast("cpu", kind, enabled=kind != torch.float32):
            scores = network(batch[0].contiguous(memory_format=torch.channels_last))
        return cross_entropy(scores.float(), batch[1], label_smoothing=recipe.label_smoothing)

    with FlopCounterMode(display=False) as counter:
        training.train_step(network, recipe, batch, optimizer, schedule)
    tasks = {
        "step": lambda: [training.train_step(network, recipe, batch, optimizer, schedule) for _ in range(20)],
        "forward": lambda: [forward() for _ in range(20)],
        "forward and backward": lambda: [forward().backward() for _ in range(20)],
        "augmentation": lambda: [transforms.augment(images, **recipe.augmentation()) for _ in range(20)],
        "indexing": lambda: [split.images[index].unsqueeze(1).float() for _ in range(20)],
        "optimiser": lambda: [optimizer.step() for _ in range(20)],
    }
    return tasks, counter.get_total_flops()


def arithmetic(source, repeats):
    """How near training comes to a plain matrix product, and where the time of its steps goes."""
    split, kind, rows = data.split(source)["train"], training.precision(CPU), []
    left, right = torch.randn(2, 2048, 2048, dtype=kind).unbind()
    product = {"product": lambda: [left @ right for _ in range(20)]}
    for name in ("fast", "balanced", "best"):
        tasks, flops = parts_of_a_step(recipes.RECIPES[name], split)
        times = in_turns(product | tasks, repeats)
        limit = [20 * 2 * 2048**3 / seconds / 1e9 for seconds in times["product"]]
        whole = [sum(times[part][turn] for part in ("step", "augmentation", "indexing")) for turn in range(repeats)]
        achieved = [20 * flops / seconds / 1e9 for seconds in whole]
        rows.append(single(f"a 2048-cube matrix product in {kind}, beside {name}", limit, "GFLOP/s"))
        rows.append(single(f"arithmetic of {name} while it learns", achieved, "GFLOP/s"))
        shares = [a / b for a, b in zip(achieved, limit, strict=True)]
        rows.append(single(f"{name}: share of the product's rate", shares, "share"))
        times["backward"] = [
            both - one for both, one in zip(times["forward and backward"], times["forward"], strict=True)
        ]
        for part in ("forward", "backward", "optimiser", "augmentation", "indexing"):
            shares = [seconds / total for seconds, total in zip(times[part], whole, strict=True)]
            rows.append(single(f"{name}: {part}, share of its steps", shares, "share"))
    return rows


KINDS = {
    "convolution, forward": "aten::mkldnn_convolution",
    "convolution, backward": "aten::convolution_backward",
    "batch normalisation": "batch_norm",
    "pooling": "max_pool|aten::fill_",  # its slopes are set to 0 before they are filled in
    "ReLU": "clamp_min|threshold",
}


def operators(source, repeats):
    """Which operators the time of a step goes to, and how near the convolutions alone come to a matrix product."""
    from torch.profiler import ProfilerActivity, profile

    split, kind, rows = data.split(source)["train"], training.precision(CPU), []
    left, right = torch.randn(2, 2048, 2048, dtype=kind).unbind()
    for name in ("fast", "balanced", "best"):
        tasks, flops = parts_of_a_step(recipes.RECIPES[name], split)
        shares, rates = {part: [] for part in [*KINDS, "everything else"]}, []
        for turn in range(repeats + 1):
            limit = in_turns({"product": lambda: [left @ right for _ in range(20)]}, 1)["product"][0]
            with profile(activities=[ProfilerActivity.CPU]) as found:
                tasks["step"]()
            spent = dict.fromkeys(shares, 0.0)
            for event in found.key_averages():
                part = next((part for part, words in KINDS.items() if re.search(words, event.key)), "everything else")
                spent[part] += event.self_cpu_time_total / 1e6
            for part, seconds in spent.items() if turn else ():
                shares[part].append(seconds / sum(spent.values()))
            convolving = spent["convolution, forward"] + spent["convolution, backward"]
            rates += [20 * flops / convolving / (20 * 2 * 2048**3 / limit)] if turn else []
        rows += [
            single(f"{name}: {part}, share of a profiled step", values, "share") for part, values in shares.items()
        ]
        rows.append(single(f"{name}: share of the product's rate while it convolves", rates, "share"))
    return rows


def choices(source, repeats):
    """What each choice of the engine is worth: `best` learning with one of them taken back, beside as it is."""
    recipe, split, ours = recipes.RECIPES["best"], data.split(source)["train"], training.precision(CPU)

    def learner(kind=ours, layout=torch.channels_last, batch_size=128, fused=True, compiled=False):
        network = network_of(recipe).to(memory_format=layout)
        called = torch.compile(network) if compiled else network
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=fused, foreach=False)
        images, labels = next(transforms.batches(split, batch_size, recipe.augmentation()))

        def steps():
            for _ in range(2560 // batch_size):
                with torch.autocast("cpu", kind, enabled=kind != torch.float32):
                    scores = called(images.contiguous(memory_format=layout))
                optimizer.zero_grad()
                cross_entropy(scores.float(), labels).backward()
                optimizer.step()

        return steps

    tasks = {
        "as it is": learner(),
        "computed in float32": learner(torch.float32),
        "channels apart in memory (not channels_last)": learner(layout=torch.contiguous_format),
        "an optimiser that is not fused": learner(fused=False),
        "batches of 64": learner(batch_size=64),
        "batches of 256": learner(batch_size=256),
        "torch.compile, once it has compiled": learner(compiled=True),
    }
    times = in_turns(tasks, repeats)
    known = times.pop("as it is")
    return [versus(f"best: {name}", known, seconds) for name, seconds in times.items()]


def inference(source, repeats):
    """Images a second and milliseconds an image with `balanced`."""
    network = network_of(recipes.RECIPES["balanced"]).eval()
    images, one = source.images[source.is_test], source.images[:1]

    def in_bfloat16():
        with torch.autocast("cpu", torch.bfloat16):
            evaluation.predict(network, images)

    tasks = {
        "float32": lambda: evaluation.predict(network, images),
        "bfloat16": in_bfloat16,
        "one": lambda: [evaluation.predict(network, one) for _ in range(200)],
    }
    times = in_turns(tasks, repeats)
    rows = [
        single(f"inference with balanced, {kind}", [len(images) / seconds for seconds in times[kind]], "images/s")
        for kind in ("float32", "bfloat16")
    ]
    return [*rows, single("one image alone", [seconds / 200 * 1000 for seconds in times["one"]], "ms")]


def growth(source, repeats):
    """How the time of `balanced` grows with images, epochs, width and threads, and what arithmetic alone would take."""
    recipe, splits = recipes.RECIPES["balanced"], data.split(source)
    split, few = splits["train"], data.Split(*(tensor[:2560] for tensor in splits["train"]))
    threads = torch.get_num_threads()

    def steps(count, used):
        torch.set_num_threads(used)
        our_epoch(network_of(recipe), recipe, split, count)
        torch.set_num_threads(threads)

    def epochs(count):
        training.fit(network_of(recipe), replace(recipe, epochs=count), few, data.Split(*(t[:640] for t in few)))

    def wide(width):
        network = nn.Sequential(models.Normalise(33.3, 78.6), *models.compact(10, width).values())
        return network.to(memory_format=torch.channels_last)

    def flops(width):
        network, batch = wide(width), next(transforms.batches(split, recipe.batch_size))
        optimizer, schedule = training.make_optimizer(network, recipe, 1000, CPU)
        with FlopCounterMode(display=False) as counter:
            training.train_step(network, recipe, batch, optimizer, schedule)
        return counter.get_total_flops()

    left, right = torch.randn(2, 2048, 2048, dtype=training.precision(CPU)).unbind()
    widths = {width: flops(width) for width in (8, 16, 32, 48, 64)}
    tasks = {f"{count * 128:,} images": lambda count=count: steps(count, threads) for count in (50, 100, 200, 400)}
    tasks |= {f"{count} epochs of 2,560 images": lambda count=count: epochs(count) for count in (2, 4, 8, 16)}
    tasks |= {
        f"50 steps at width {width}": lambda width=width: our_epoch(wide(width), recipe, split, 50) for width in widths
    }
    product = {"1 thread": lambda: steps(100, 1), "product": lambda: [left @ right for _ in range(20)]}
    times = in_turns(tasks | product, repeats)
    rows = [single(f"balanced, {name}", times[name], "s") for name in tasks]
    for width, needed in widths.items():
        limit = [50 * needed * seconds / (20 * 2 * 2048**3) for seconds in times["product"]]
        rows.append(single(f"balanced, 50 steps at width {width}: at the rate of a matrix product", limit, "s"))
    return [*rows, versus(f"{threads} threads against 1", times["12,800 images"], times["1 thread"])]


# A small process starts the command and asks for the peak of its children: those of a large one inherit its peak.
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def pipeline(source, repeats):
    """What `python run_all.py` on MNIST takes beyond training: five notebooks and their reports."""
    del source
    names = (
        "whole",
        "training",
        "beyond training",
        "up to date",
        "start",
        "imports",
        "data",
        "figures",
        "evaluation",
        "other cells",
        "rendering",
    )
    rows, peaks = {name: [] for name in names}, []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as outputs:
            command = [sys.executable, "-c", PEAK, sys.executable, str(files.PROJECT / "run_all.py")]
            command += ["--dataset", "mnist", "--run", "it"]
            for kind in ("whole", "up to date"):
                started = time.perf_counter()
                environment = os.environ | {"MNIST_OUTPUTS_DIR": outputs}
                told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
                peaks.append(int(told.split()[-1]) / 1e6)
                rows[kind].append(time.perf_counter() - started)
            folder = Path(outputs) / "it"
            with open(folder / "history.csv") as file:
                fitted = sum(float(row["seconds"]) for row in csv.DictReader(file))
            fitted += files.read_json(folder / "prototyping.json")["fit_seconds"]
            cells, manifest = seconds_of_cells(folder / "notebooks"), runs.read_manifest(folder)
            started = time.perf_counter()
            for stage, path in zip(manifest["stages"], sorted((folder / "notebooks").glob("*.ipynb")), strict=True):
                reports.render(path, folder / "reports" / f"{path.stem}.html", manifest, stage)
            rows["rendering"].append(time.perf_counter() - started)
        rows["training"].append(fitted)
        rows["beyond training"].append(rows["whole"][-1] - fitted)
        for kind in ("imports", "data", "figures", "evaluation"):
            rows[kind].append(cells[kind])
        rows["other cells"].append(cells["other"] + cells["fitting"] - fitted)
        rows["start"].append(rows["whole"][-1] - sum(cells.values()) - rows["rendering"][-1])
        print({name: values[-1] for name, values in rows.items()}, flush=True)
    names = {"start": "starting, saving", "up to date": "everything up to date"}
    found = [single(f"run_all.py: {names.get(name, name)}", values, "s") for name, values in rows.items()]
    return [*found, single("run_all.py: largest process", peaks[::2], "GB")]


CELLS = {"fitting": r"training\.(fit|train)\(", "imports": "from helpers import", "data": r"data\.load",
         "figures": r"plots\.show", "evaluation": r"evaluation\."}  # fmt: skip


def seconds_of_cells(folder):
    """Return {kind: seconds} of the cells of executed notebooks: of the first kind in CELLS that they match."""
    spent = dict.fromkeys([*CELLS, "other"], 0.0)
    for path in folder.glob("*.ipynb"):
        for cell in files.read_json(path)["cells"]:
            when = cell["metadata"].get("execution", {})
            if "iopub.status.busy" in when and "shell.execute_reply" in when:
                begun, ended = (
                    datetime.fromisoformat(when[key]) for key in ("iopub.status.busy", "shell.execute_reply")
                )
                source = "".join(cell["source"])
                kind = next((kind for kind, words in CELLS.items() if re.search(words, source)), "other")
                spent[kind] += (ended - begun).total_seconds()
    return spent


PARTS = {
    part.__name__: part
    for part in (published, example_accuracy, example, arithmetic, operators, choices, inference, growth, pipeline)
}


def main():
    """Measure what is asked for and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    evaluation.keep_freed_memory()  # as the notebooks do
    source = data.load("mnist")
    for name in options.parts:
        rows = [row | {"part": name} for row in PARTS[name](source, options.repeats)]
        results = files.read_json(RESULTS) or {"rows": []}
        others = [row for row in results["rows"] if row["part"] != name]
        files.write_json(RESULTS, machine.describe_machine() | {"rows": [*others, *rows]})
        for row in rows:
            print(row, flush=True)


if __name__ == "__main__":
    main()
