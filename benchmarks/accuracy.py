"""Train recipes x seeds exactly as run_all.py does, score each once on test, and keep every reading.

    python benchmarks/accuracy.py --recipes balanced --seeds 0 1 2 3 4     (make bench-accuracy runs all)
    python benchmarks/accuracy.py --readme                                 write README's result table from the file

Readings go to benchmarks/results/accuracy.json after each training, so that it resumes where it stopped. A reading that
was made with other code or versions than today's is kept until the same recipe and seed are read again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from tqdm import tqdm

from helpers import data, evaluation, models, recipes, runs, training

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.json"
README = runs.PROJECT / "README.md"
SEEDS = {"fast": range(10)}  # five for every other recipe
BEGIN, END = "<!-- results, written by benchmarks/accuracy.py --readme -->", "<!-- end of results -->"


def read(recipe, seed, source, folder):
    """Return one row of the results file: `recipe` trained on `source` with `seed`, scored at the end."""
    network, history = training.train(source, recipe, seed, "cpu", folder, training.progress_bar(recipe.epochs))
    splits = data.split(source, seed, recipe.validation_size)
    predictions = {name: evaluation.judge(network, part) for name, part in splits.items()}
    scores = {name: evaluation.metrics(part) for name, part in predictions.items()}
    index, test = source.is_test.nonzero()[:, 0].numpy(), predictions["test"]
    row = {
        "recipe": recipe.name,
        "seed": seed,
        "epochs": recipe.epochs,
        "train_images": len(splits["train"].labels),
        "parameters": models.parameters(network),
        "train_seconds": round(sum(epoch["seconds"] for epoch in history), 2),
        "key": training.key(recipe, seed, source, torch.device("cpu")),
        "per_class": scores["test"]["per_class"],
        "history": history,
        "wrong": [[int(i - index[0]), int(test.predicted[i - index[0]])] for i in index[~test.correct]],
    }
    for part, figures in scores.items():
        row |= {f"{part}_{name}": figures[name] for name in ("accuracy", "loss", "macro_f1")}
    return row


def mean_interval(values, level=0.95):
    """Return (mean, low, high) of a sample of seeds, by Student's t; the interval of one value is unknown (nan)."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return values.mean(), np.nan, np.nan
    reach = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - reach, values.mean() + reach


def table(results):
    """Return README's result table as Markdown, from the content of accuracy.json."""
    lines = ["| recipe | parameters | epochs | test accuracy, mean over seeds | its 95% interval | seeds | training |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for name in sorted({row["recipe"] for row in results["rows"]}, key=list(recipes.RECIPES).index):
        rows = [row for row in results["rows"] if row["recipe"] == name]
        mean, low, high = mean_interval([row["test_accuracy"] for row in rows])
        interval = f"{low:.2%} to {high:.2%}" if len(rows) > 1 else "one seed"
        seconds = np.median([row["train_seconds"] for row in rows])
        cells = [f"`{name}`", f"{rows[0]['parameters']:,}", f"{rows[0]['epochs']}", f"**{mean:.2%}**", interval]
        lines.append(f"| {' | '.join(cells)} | {len(rows)} | {seconds:.0f} s |")
    machine, versions = results["machine"], results["versions"]
    lines += ["", f"MNIST's 10,000 test images; every weight and image from one seed, and each seed scored once. "
              f"{machine['cores']} cores of an {machine['processor']}, PyTorch {versions['torch']}; training time is "
              "the median over the seeds."]  # fmt: skip
    return "\n".join(lines)


def write_readme(results):
    """Put the result table between its marks in README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    runs.write_file(README, f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{rest.split(END)[1]}")


def main():
    """Read what is asked for and not there yet, then write README's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=recipes.RECIPES, default=list(recipes.RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    results = runs.read_json(RESULTS) or {"rows": [], "ensembles": []}
    if not options.readme:
        source = data.load("mnist")
        wanted = [(name, seed) for name in options.recipes for seed in options.seeds or SEEDS.get(name, range(5))]
        for name, seed in tqdm(wanted, "readings", file=sys.stdout):
            recipe = recipes.choose(name)
            known = {(row["recipe"], row["seed"]): row["key"] for row in results["rows"]}
            if known.get((name, seed)) == training.key(recipe, seed, source, torch.device("cpu")):
                continue
            with tempfile.TemporaryDirectory() as folder:
                row = read(recipe, seed, source, Path(folder))
            others = [other for other in results["rows"] if (other["recipe"], other["seed"]) != (name, seed)]
            rows = sorted([*others, row], key=lambda row: (list(recipes.RECIPES).index(row["recipe"]), row["seed"]))
            results = runs.describe_machine() | {"rows": rows, "ensembles": results["ensembles"]}
            runs.write_json(RESULTS, results)
    write_readme(results)


if __name__ == "__main__":
    main()
