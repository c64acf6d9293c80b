"""Train recipes x seeds exactly as run_all.py does, score each once on test, and keep every reading.

    python benchmarks/accuracy.py --recipes balanced --seeds 0 1 2 3 4     (make bench-accuracy runs all)
    python benchmarks/accuracy.py --readme                                 write README's result table from the file

Readings go to benchmarks/results/accuracy.json after each training, so that it resumes where it stopped; the models
stay in outputs/accuracy/. A reading that was made with other code or versions than today's is read again, and moves to
"earlier" in the file. Last, the models of all seeds of `best` answer together, with the mean of their probabilities.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from helpers import checkpoints, data, errors, evaluation, files, models, progress, recipes, runs, training
from pipeline import machine

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.json"
README = files.PROJECT / "README.md"
SEEDS = {"fast": range(10)}  # five for every other recipe
TOGETHER = ("best",)
BEGIN, END = "<!-- results, written by benchmarks/accuracy.py --readme -->", "<!-- end of results -->"


def folder_of(recipe, seed):
    """Return the folder in which a reading's model is kept."""
    return runs.outputs_folder() / "accuracy" / f"{recipe}-seed{seed}"


def read(recipe, seed, source):
    """Return one row of the results file: `recipe` trained on `source` with `seed`, scored at the end."""
    folder = folder_of(recipe.name, seed)
    bar = progress.training_bar(recipe.epochs)
    network, history = training.train(source, recipe, seed, "cpu", folder, bar)
    splits = data.split(source, seed, recipe.validation_size)
    predictions = {name: evaluation.predict_split(network, part) for name, part in splits.items()}
    scores = {name: evaluation.metrics(part) for name, part in predictions.items()}
    temperature = evaluation.fit_temperature(predictions["validation"])
    row = {
        "recipe": recipe.name,
        "seed": seed,
        "commit": machine.describe_machine()["commit"],
        "epochs": recipe.epochs,
        "train_images": len(splits["train"].labels),
        "parameters": models.count_parameters(network),
        "train_seconds": round(sum(epoch["seconds"] for epoch in history), 2),
        "key": training.fingerprint(recipe, seed, source, torch.device("cpu")),
        "per_class": scores["test"]["per_class"],
        "temperature": temperature,
        "test_ece": scores["test"]["ece"],
        "test_ece_calibrated": evaluation.calibration_error(predictions["test"].at_temperature(temperature)),
        "history": history,
        "wrong": wrong(predictions["test"].predicted, predictions["test"].labels),
    }
    for part, figures in scores.items():
        row |= {f"{part}_{name}": figures[name] for name in ("accuracy", "loss", "macro_f1")}
    return row


def wrong(predicted, labels):
    """Return [[index among the test images, predicted label], ...] of the misread ones."""
    return [[int(index), int(predicted[index])] for index in np.flatnonzero(predicted != labels)]


def together(recipe, rows, source):
    """Return an entry of "ensembles": the models of `rows`, one a seed, answer with the mean of their probabilities."""
    test = data.split(source)["test"]
    trained = [checkpoints.load_model(folder_of(recipe, row["seed"])) for row in rows]
    if any(not found or found[2]["key"] != row["key"] for found, row in zip(trained, rows, strict=True)):
        raise errors.BadInput(
            f"outputs/accuracy: the models of {recipe} are not those of the readings; read them again"
        )
    mean = np.mean([evaluation.predict_split(network, test).probabilities for network, _, _ in trained], axis=0)
    labels = test.labels.numpy()
    return {
        "recipe": recipe,
        "seeds": [row["seed"] for row in rows],
        "keys": [row["key"] for row in rows],
        "test_accuracy": float((mean.argmax(axis=1) == labels).mean()),
        "train_seconds": round(sum(row["train_seconds"] for row in rows), 2),
        "wrong": wrong(mean.argmax(axis=1), labels),
    }


def table(results):
    """Return README's result table as Markdown, from the content of accuracy.json."""
    lines = ["| recipe | parameters | epochs | test accuracy, mean over seeds | its 95% interval | seeds | training |"]
    lines += ["| --- | ---: | ---: | ---: | --- | ---: | ---: |"]
    for name in sorted({row["recipe"] for row in results["rows"]}, key=list(recipes.RECIPES).index):
        rows = [row for row in results["rows"] if row["recipe"] == name]
        mean, low, high = evaluation.mean_interval([row["test_accuracy"] for row in rows])
        interval = f"{low:.2%} to {high:.2%}" if len(rows) > 1 else "one seed"
        seconds = np.median([row["train_seconds"] for row in rows])
        cells = [f"`{name}`", f"{rows[0]['parameters']:,}", f"{rows[0]['epochs']}", f"**{mean:.2%}**", interval]
        lines.append(f"| {' | '.join(cells)} | {len(rows)} | {seconds:.0f} s |")
        for entry in (entry for entry in results["ensembles"] if entry["recipe"] == name):
            count, images = len(entry["seeds"]), 10_000
            low, high = evaluation.wilson(images - len(entry["wrong"]), images)
            cells = [f"{count} of `{name}` together", f"{count * rows[0]['parameters']:,}", f"{rows[0]['epochs']}"]
            cells += [f"**{entry['test_accuracy']:.2%}**", f"{low:.2%} to {high:.2%}, over images", "all"]
            lines.append(f"| {' | '.join(cells)} | {entry['train_seconds']:.0f} s |")
    machine, versions = results["machine"], results["versions"]
    lines += ["", f"MNIST's 10,000 test images; every weight and image from one seed, and each seed scored once. "
              f"{machine['cores']} cores of an {machine['processor']}, PyTorch {versions['torch']}; training time is "
              "the median over the seeds."]  # fmt: skip
    return "\n".join(lines)


def write_readme(results):
    """Put the result table between its marks in README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    files.write_file(README, f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{rest.split(END)[1]}")


def main():
    """Read what is asked for and not there yet, then write README's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=recipes.RECIPES, default=list(recipes.RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    results = files.read_json(RESULTS) or {"rows": [], "ensembles": [], "earlier": []}
    if not options.readme:
        results = measure(options.recipes, options.seeds, results)
    write_readme(results)


def measure(names, seeds, results):
    """Return `results` with a reading for each recipe and seed that today's code has not read; each is kept at once."""
    evaluation.keep_freed_memory()  # as the notebooks do
    source = data.load("mnist")
    wanted = [(name, seed) for name in names for seed in seeds or SEEDS.get(name, range(5))]
    for name, seed in wanted:
        recipe = recipes.choose(name)
        known = {(row["recipe"], row["seed"]): row["key"] for row in results["rows"]}
        if known.get((name, seed)) != training.fingerprint(recipe, seed, source, torch.device("cpu")):
            row = read(recipe, seed, source)
            print(f"{name}, seed {seed}: test accuracy {row['test_accuracy']:.2%}, {row['train_seconds']:.0f} s")
            old = [one for one in results["rows"] if (one["recipe"], one["seed"]) == (name, seed)]
            others = [one for one in results["rows"] if one not in old]
            results = keep(results, rows=[*others, row], earlier=[*results["earlier"], *map(in_short, old)])
    for name in TOGETHER:
        rows = [row for row in results["rows"] if row["recipe"] == name]
        known = next((entry["keys"] for entry in results["ensembles"] if entry["recipe"] == name), [])
        if len(rows) >= 5 and known != [row["key"] for row in rows]:
            others = [entry for entry in results["ensembles"] if entry["recipe"] != name]
            results = keep(results, ensembles=[*others, together(name, rows, source)])
    return results


def in_short(row):
    """Return what is kept of a reading that another has replaced."""
    names = ("recipe", "seed", "commit", "parameters", "test_accuracy", "validation_accuracy", "train_seconds")
    return {name: row[name] for name in names if name in row}


def keep(results, **changes):
    """Write the results file with `changes`, in the order of the recipes, and return its content."""
    results = machine.describe_machine() | {part: results[part] for part in ("rows", "ensembles", "earlier")} | changes
    order = {name: place for place, name in enumerate(recipes.RECIPES)}
    results["rows"] = [row for row in results["rows"] if row["recipe"] in order]
    results["rows"].sort(key=lambda row: (order[row["recipe"]], row["seed"]))
    files.write_json(RESULTS, results)
    return results


if __name__ == "__main__":
    main()
