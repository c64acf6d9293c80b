"""Train the networks of four published projects step by step, one change at a time, on validation images alone.

    python benchmarks/steps.py --jobs 2                        (make bench-steps)
    python benchmarks/steps.py --network lenet --steps 0 1 --seeds 0

Step 0 is what a project's README says; what it leaves open is PyTorch's default or stated here. Then come our schedule,
our augmentation, the rest of our training, and at last the networks of all seeds answer together. 10,000 of MNIST's
training images are held out, the same for every step and every seed; no test image is looked at. A row of
benchmarks/results/published_steps.json is one training and says where it comes from: commit before you train. What
stands there by today's code is not trained again, unless it is of another commit and `--anew` is said. `--jobs` trains
side by side, and one process alone writes the file.
"""

import argparse
import functools
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import origin

from helpers import data, errors, evaluation, models, recipes, runs, scores, training
from helpers.recipes import MNISTS_ALONE, Recipe

RESULTS = Path(__file__).resolve().parent / "results" / "published_steps.json"
HELD_OUT = 10_000  # training images, drawn by class
SPLIT_SEED = 0  # draws them, whatever the seed of a training: then the networks of all seeds may answer together
STEPS = scores.STEP_NAMES
AVERAGING = len(STEPS) - 1

Row = dict[str, Any]
Task = tuple[str, int, int, int | None]  # network, step, seed, epochs


def recipe_of(network: str, step: int, epochs: int | None = None) -> Recipe:
    """Return the Recipe of a step that trains, 0 to 3, for a network of MNISTS_ALONE; `epochs` None are its own ten."""
    recipe = recipes.published_step(network, step)
    return replace(recipe, validation_size=HELD_OUT, epochs=epochs or recipe.epochs)


def changes(network: str, step: int) -> dict[str, list[Any]]:
    """Return {field of a recipe: [before, after]} of what a step changes; nothing for step 0."""
    if step == 0:
        return {}
    before = dict(recipes.table(recipe_of(network, step - 1)))
    after = dict(recipes.table(recipe_of(network, step)))
    return {field: [before[field], after[field]] for field in before if before[field] != after[field]}


@functools.cache
def images() -> tuple[data.Dataset, dict[str, data.Split]]:
    """Return MNIST and its splits, the same for every seed of a training."""
    source = data.load("mnist")
    return source, data.split(source, SPLIT_SEED, HELD_OUT)


def code_of(network: str, step: int, epochs: int | None) -> str:
    """Return what rows have in common that may stand beside each other; an average has that of what it averages."""
    source, _ = images()
    return training.code_fingerprint(recipe_of(network, min(step, AVERAGING - 1), epochs), source.fingerprint)


def probabilities_file(network: str, seed: int) -> Path:
    """Return the file that keeps what a network of the step before averaging says of the held-out images."""
    return runs.outputs_folder() / "steps" / f"{network}-seed{seed}.npz"


def take(task: Task, facts: Row) -> Row:
    """Return the row of one training: {"network", "step", "seed", "changed", "validation_accuracy", "wrong", ...}.

    Accuracies and F1 are fractions, losses nats, of the held-out images; "wrong" has the places of those misclassified
    among them. `facts`: what the row notes of its origin.
    """
    network_name, step, seed, epochs = task
    source, splits = images()
    recipe = recipe_of(network_name, step, epochs)
    network = training.build_network(source, recipe, seed, splits["train"])
    history = training.fit(network, recipe, splits["train"], splits["validation"], seed).history
    predictions = evaluation.predict_split(network, splits["validation"])
    if step == AVERAGING - 1:
        keep_probabilities(probabilities_file(network_name, seed), predictions.probabilities)
    fields = {
        "seed": seed,
        "changed": changes(network_name, step),
        "epochs": recipe.epochs,
        "parameters": models.count_parameters(network),
        "seconds": round(sum(epoch["seconds"] for epoch in history), 2),
        "history": history,
    }
    return row_of(task, predictions.probabilities, fields, facts)


def keep_probabilities(path: Path, probabilities: np.ndarray) -> None:
    """Write probabilities, (n, classes), for the averaging of all seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, probabilities=probabilities)


def row_of(task: Task, probabilities: np.ndarray, fields: Row, facts: Row) -> Row:
    """Return a row with the score of `probabilities`, (held-out images, classes), and with `fields`."""
    network_name, step, _, epochs = task
    labels = images()[1]["validation"].labels.numpy()
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    head = {"network": network_name, "step": step, "name": STEPS[step]}
    scored = {
        "validation_images": len(labels),
        "validation_accuracy": 1 - len(wrong) / len(labels),
        "wrong": wrong.tolist(),
        "code": code_of(network_name, step, epochs),
        "taken": runs.now(),
    }
    return head | fields | scored | facts


def average(network: str, seeds: Sequence[int], rows: Sequence[Row], epochs: int | None, facts: Row) -> Row:
    """Return the row of the mean of the probabilities of the networks of all `seeds`, whose rows are `rows`.

    BadInput where what a network said is not kept, or is not what its row was scored on.
    """
    labels = images()[1]["validation"].labels.numpy()
    said = []
    for row in rows:
        path = probabilities_file(network, row["seed"])
        probabilities = np.load(path)["probabilities"] if path.exists() else None
        if probabilities is None or np.flatnonzero(probabilities.argmax(axis=1) != labels).tolist() != row["wrong"]:
            rule = f"what {network}, seed {row['seed']}, said of the held-out images is not in the outputs"
            raise errors.BadInput(rule, way_out="delete its row of step 3, and train it again")
        said.append(probabilities)
    fields = {
        "seeds": list(seeds),
        "changed": {"networks": [1, len(seeds)]},
        "epochs": rows[0]["epochs"],
        "parameters": sum(row["parameters"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 2),
    }
    return row_of((network, AVERAGING, 0, epochs), np.mean(said, axis=0), fields, facts)


def rows_there(network: str, step: int, epochs: int | None, commit: str | None = None) -> list[Row]:
    """Return the rows of today's code that the results file has of a step; of this `commit`, unless it is None."""
    rows = origin.read_results(RESULTS, {"rows": []})["rows"]
    code = code_of(network, step, epochs)
    there = [row for row in rows if (row["network"], row["step"], row["code"]) == (network, step, code)]
    return [row for row in there if commit in (None, row["commit"])]


def missing(
    networks: Sequence[str], steps: Iterable[int], seeds: Sequence[int], epochs: int | None, commit: str | None = None
) -> list[Task]:
    """Return the trainings that are asked for and not there, all steps of one network and seed after each other.

    commit: None counts those of any commit.
    """
    tasks = []
    for seed in seeds:
        for network in networks:
            for step in sorted(set(steps) - {AVERAGING}):
                known = {row["seed"] for row in rows_there(network, step, epochs, commit)}
                if seed not in known:
                    tasks.append((network, step, seed, epochs))
    return tasks


def prepare(threads: int | None) -> None:
    """Set a process up for training."""
    training.choose_device("cpu", threads)


def trained(tasks: Sequence[Task], jobs: int, threads: int | None, facts: Row) -> Iterator[Row]:
    """Yield the row of each training as it ends; as many as `jobs` processes train side by side."""
    if jobs == 1:
        prepare(threads)
        for task in tasks:
            yield take(task, facts)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=prepare, initargs=(threads,)) as pool:
        waiting = [pool.submit(take, task, facts) for task in tasks]
        try:
            for ended in as_completed(waiting):
                yield ended.result()
        finally:
            pool.shutdown(cancel_futures=True)


def averages(
    networks: Sequence[str], seeds: Sequence[int], epochs: int | None, facts: Row, commit: str | None = None
) -> Iterator[Row]:
    """Yield the row of each average that is not there, where a network was trained with all `seeds`, two or more.

    commit: None counts those of any commit.
    """
    for network in networks:
        of_seeds = {row["seed"]: row for row in rows_there(network, AVERAGING - 1, epochs, commit)}
        rows = [of_seeds[seed] for seed in seeds if seed in of_seeds]
        there = [row["seeds"] for row in rows_there(network, AVERAGING, epochs, commit)]
        if len(rows) == len(seeds) > 1 and list(seeds) not in there:
            yield average(network, seeds, rows, epochs, facts)


def keep(rows: Iterable[Row]) -> None:
    """Write each row as it comes, and say so."""
    for row in rows:
        origin.keep(RESULTS, row)
        of = f"seed {row['seed']}" if "seed" in row else f"seeds {row['seeds']} together"
        place = f"{row['network']}, step {row['step']} ({row['name']}), {of}"
        print(f"{place}: {row['validation_accuracy']:.2%} of the held-out images, {row['seconds']:.0f} s", flush=True)


def main() -> None:
    """Train what is asked for and not there yet, then average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="+", choices=MNISTS_ALONE, default=list(MNISTS_ALONE))
    parser.add_argument("--steps", nargs="+", type=int, choices=range(len(STEPS)), default=list(range(len(STEPS))))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="in place of ten, to try it")
    parser.add_argument("--anew", action="store_true", help="train again what was trained from another commit")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side, each with --threads")
    parser.add_argument("--threads", type=int, help="of each training; default: one where there are several jobs")
    options = parser.parse_args()
    facts = origin.facts()
    seeds = sorted(set(options.seeds))
    threads = 1 if options.threads is None and options.jobs > 1 else options.threads
    commit = facts["commit"] if options.anew else None
    tasks = missing(options.network, options.steps, seeds, options.epochs, commit)
    print(f"{len(tasks)} trainings to do", flush=True)
    keep(trained(tasks, max(options.jobs, 1), threads, facts))
    if AVERAGING in options.steps:
        keep(averages(options.network, seeds, options.epochs, facts, commit))


if __name__ == "__main__":
    origin.call(main)
