"""Run the notebooks in order and leave their reports in outputs/.

python run_all.py                             train the recipe `balanced` and report on it
python run_all.py --epochs 3 --seed 1         another run beside the first
python run_all.py --only results --run NAME   look at a finished run again
python run_all.py --list                      stages, recipes and datasets
"""

import argparse
import difflib
import math
import os
import re
import signal
import sys
import time
import traceback
import webbrowser
from pathlib import Path

from helpers import data, errors, files, recipes, runs
from pipeline import reports, runner
from pipeline.screen import Screen
from pipeline.stages import STAGES


def whole(low, high):
    """Return a converter of a flag's text to a whole number from `low` to `high`."""

    def convert(text):
        if not re.fullmatch("-?[0-9]{1,20}", text):
            raise argparse.ArgumentTypeError(f"{text}: must be a whole number")
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"{text}: must be at least {low}")
        if int(text) > high:
            raise argparse.ArgumentTypeError(f"{text}: must be at most {high}")
        return int(text)

    return convert


def rate(text):
    """Return a flag's text as a learning rate."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 10:
        raise argparse.ArgumentTypeError(f"{text}: must be a number above 0 and at most 10")
    return number


def one_of(names):
    """Return a converter that lets only `names` through, and otherwise lists them, the nearest first."""

    def convert(text):
        if text not in names:
            nearest = difflib.get_close_matches(text, names, n=len(names), cutoff=0)
            raise argparse.ArgumentTypeError(f"{text}: not known; choose one of {', '.join(nearest)}")
        return text

    return convert


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line each: the flag, what was given, the rule."""

    def error(self, message):
        message = " ".join(message.split())[:300]
        message = re.sub(r"^argument (\S+?)(/\S+)?: ", r"\1 ", message)
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown[1], flags, n=1)
            message = f"{unknown[1]}: no such flag" + (f"; did you mean {near[0]}?" if near else "; see --help")
        raise errors.BadInput(message)


def make_parser():
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    add(
        "--epochs",
        type=whole(1, 999),
        metavar="N",
        help="how often to go through the training images (the recipe's: 10)",
    )
    add("--recipe", type=one_of(recipes.RECIPES), metavar="NAME", help="how to train; --list names them (balanced)")
    add("--dataset", metavar="NAME|FOLDER", help="a name that --list shows, or a folder of images by class (auto)")
    add("--data-dir", metavar="DIR", help="where datasets lie ($MNIST_DATA_DIR, else data/)")
    add(
        "--seed",
        type=whole(0, 2**32 - 1),
        metavar="N",
        help="draws weights, order, augmentation and validation images (0)",
    )
    add("--batch-size", type=whole(1, 100_000), metavar="N", help="images in a step (the recipe's)")
    add("--learning-rate", type=rate, metavar="X", help="the highest rate of the schedule (the recipe's)")
    add(
        "--validation-size",
        type=whole(1, 100_000),
        metavar="N",
        help="training images held back to validate (the dataset's)",
    )
    add("--device", type=one_of(("auto", "cpu", "cuda", "mps")), metavar="NAME", help="auto, cpu, cuda or mps (auto)")
    add("--threads", type=whole(1, 1024), metavar="N", help="threads that the processor may use (one a core)")
    add("--run", metavar="NAME", help="the folder under outputs/ (named after what the run is)")
    add("--only", nargs="+", type=one_of(STAGES), metavar="STAGE", help="run these stages and no others")
    add("--force", action="store_true", help="run the stages even if they are up to date, from nothing")
    add("--list", action="store_true", help="print stages, recipes and datasets, and run nothing")
    add("--dry-run", action="store_true", help="print what would run and why, and run nothing")
    add("--open", action="store_true", help="show the index of reports in the browser at the end")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def parse(arguments):
    """Return the parsed command line; BadInput for anything that breaks a rule."""
    return make_parser().parse_args(arguments)


def settle(options):
    """Return (the notebooks' parameters, note): defaults filled in, `auto` and the run's name settled."""
    given = {
        name: getattr(options, name) for name in ("dataset", "recipe", "seed", *recipes.OVERRIDES, "device", "threads")
    }
    given = {name: value for name, value in given.items() if value is not None}
    before = runs.read_manifest(runs.run_folder(options.run)) if options.run is not None else {}
    old = {name: value for name, value in before.get("parameters", {}).items() if name != "run"}
    wanted = old | given
    name, note = data.resolve(find_dataset(options.dataset, before), download=not options.dry_run)
    recipe = recipes.choose(wanted.get("recipe", "balanced"))
    changes = {key: wanted[key] for key in recipes.OVERRIDES if wanted.get(key) not in (None, getattr(recipe, key))}
    recipes.choose(recipe.name, **changes)
    size, known = changes.get("validation_size", recipe.validation_size), data.summarise(name)
    if size is not None:
        data.check_validation_size(size, known.training_images, known.classes)
    if wanted.get("device") in ("cuda", "mps"):
        from helpers.training import choose_device  # torch, which alone knows what is there

        choose_device(wanted["device"])
    settings = {key: wanted[key] for key in ("device", "threads") if wanted.get(key) not in (None, "auto")}
    parameters = {"dataset": name, "recipe": recipe.name, "seed": wanted.get("seed", 0)} | changes | settings
    differences = [
        f"{key} was {old.get(key)}, is {parameters.get(key)}"
        for key in {**old, **parameters}
        if old.get(key) != parameters.get(key)
    ]
    if old.get("dataset") == name and before.get("dataset", {}).get("data_dir", where(name)) != where(name):
        differences.append(f"{name} was the one in {before['dataset']['data_dir']}, is the one in {where(name)}")
    if old and differences and (options.only or not options.force):
        way_out = "leave out --only" if options.force else "choose another name, or --force to start it over"
        raise errors.BadInput(f"--run {options.run}: holds another run ({'; '.join(differences)}); {way_out}")
    run = options.run if options.run is not None else default_name(parameters, recipe)
    if old.get("dataset") == name and "dataset" not in given:
        note = note or before.get("dataset", {}).get("note", "")
    return {"run": run} | parameters, note


def where(dataset):
    """Return the folder that holds the dataset, where that is a folder of images; None for a known one."""
    return str(data.data_folder()) if data.find_folder(dataset) else None


def default_name(parameters, recipe):
    """Return a run's name that says what it is: dataset, recipe, epochs, seed, then every departure from the recipe."""
    epochs = parameters.get("epochs", recipe.epochs)
    dataset = parameters["dataset"]
    if data.find_folder(dataset):  # two folders may have the same name
        plain = re.sub("[^A-Za-z0-9]+", "-", dataset)[:40]
        dataset = f"{plain}-{files.digest([where(dataset), dataset])[:6]}".strip("-")
    name = f"{dataset}-{recipe.name}-{epochs}epochs-seed{parameters['seed']}"
    marks = {"batch_size": "batch{}", "learning_rate": "lr{}", "validation_size": "validation{}"}
    marks |= {"device": "{}", "threads": "{}threads"}
    return "-".join([name, *(mark.format(parameters[key]) for key, mark in marks.items() if key in parameters)])


def show_list():
    """Print the stages, the recipes and the datasets, a line each."""
    print("stages")
    for stage in STAGES.values():
        print(f"  {stage.name:<22} notebooks/{stage.source.name}")
    print("recipes")
    for recipe in recipes.RECIPES.values():
        plural = "s" if recipe.epochs > 1 else ""
        print(f"  {recipe.name:<22} {recipe.summary}; {recipe.epochs} epoch{plural}")
    print("datasets")
    for name, what in data.NAMES.items():
        print(f"  {name:<22} {what}")
    print(f"  {'FOLDER':<22} {data.OTHERS}")


def find_dataset(given, before):
    """Return the dataset as the notebooks know it: `given` on the command line, else that of the manifest `before`.

    The folder that holds a folder of images becomes the data folder, so that the notebooks see no more than its name.
    """
    os.environ["MNIST_DATA_DIR"] = str(data.data_folder())  # the kernels run in another folder
    name = before.get("parameters", {}).get("dataset", "auto") if given is None else given
    if name in data.NAMES:
        return name
    here = given and given.isprintable() and os.path.isdir(given)
    folder = Path(given).resolve() if here else data.find_folder(name, before.get("dataset", {}).get("data_dir"))
    os.environ["MNIST_DATA_DIR"] = str(folder.parent)
    return f"./{folder.name}" if folder.name in data.NAMES else folder.name


def main(options):
    """Do what the command line asks."""
    if options.list:
        return show_list()
    started = time.perf_counter()
    if options.data_dir:
        os.environ["MNIST_DATA_DIR"] = options.data_dir
    parameters, note = settle(options)
    chosen = [name for name in STAGES if not options.only or name in options.only]
    remarks = [note] if note else data.summarise(parameters["dataset"]).remarks
    print("\n".join([f"run {parameters['run']}", *(f"note: {remark}" for remark in remarks)]))
    if options.dry_run:
        for stage, _, reason in runner.plan(STAGES, chosen, parameters, note, options.force):
            print(f"  {stage.name:<12} {'would run: ' + reason if reason else 'up to date'}")
        return None
    folder = runner.run(STAGES, chosen, parameters, note, options.force, Screen())
    accuracy = reports.accuracy(folder, runs.read_manifest(folder))
    if accuracy:
        print(f"test accuracy {accuracy} on {data.summarise(parameters['dataset']).title}")
    index = folder.parent / "index.html"
    print(f"{time.perf_counter() - started:.0f} s; reports: {index}")
    if options.open:
        webbrowser.open(index.as_uri())
    return None


def stop(number, _):
    """Turn a signal into the exception that ends the kernel and leaves the run resumable; later ones wait for that."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


def flag(field):
    """Return what the command line calls a parameter: learning_rate is --learning-rate."""
    return f"--{field.replace('_', '-')}"


def fail(message, code):
    """End with one line on stderr, after the traceback where --debug asks for it."""
    if "--debug" in sys.argv:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

if __name__ == "__main__":
    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        main(parse(sys.argv[1:]))
    except errors.ProjectError as error:
        fail(error.text(flag), error.exit_code)
    except OSError as error:
        fail(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except KeyboardInterrupt as signalled:
        print(f"stopped by {signalled}; the same command goes on from here", file=sys.stderr)
        sys.exit(128 + signal.Signals[str(signalled)].value)
