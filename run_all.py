"""Run the notebooks in order and leave their reports in outputs/.

python run_all.py                             train the recipe `balanced` and report on it
python run_all.py --epochs 3 --seed 1         another run beside the first
python run_all.py --only results --run NAME   look at a finished run again
python run_all.py --list                      stages, recipes and datasets
"""

import os
import signal

if __name__ == "__main__":  # until `stop` takes over, Ctrl-C ends the imports below without a traceback
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import argparse
import sys
import time
import webbrowser
from collections.abc import Sequence

from helpers import data, errors, forms, recipes, runs
from pipeline.command_line import SIGNALS, Parser, check_heard, fail, flag, fold, one_of, rate, stop, whole
from pipeline.plan import plan
from pipeline.request import Request, Wishes, settle
from pipeline.runner import run
from pipeline.screen import Screen
from pipeline.stages import STAGES


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add_training_flags(parser)
    add_run_flags(parser)
    return parser


def add_training_flags(parser: Parser) -> None:
    """Let a parser take the flags that say what is trained, on what and how."""
    add = parser.add_argument
    add("--epochs", type=whole(1, 999), metavar="N", help="passes over the training images (the recipe's: 10)")
    add("--recipe", type=one_of(recipes.RECIPES), metavar="NAME", help="how to train; --list names them (balanced)")
    add("--dataset", metavar="NAME|FOLDER", help="a name that --list shows, or a folder of images by class (auto)")
    add("--data-dir", metavar="DIR", help="where datasets lie ($MNIST_DATA_DIR, else data/)")
    add_form_flags(parser)
    seed_help = "draws weights, order, augmentation and validation images (0)"
    add("--seed", type=whole(0, 2**32 - 1), metavar="N", help=seed_help)
    add("--batch-size", type=whole(1, 100_000), metavar="N", help="images in a step (the recipe's)")
    add("--learning-rate", type=rate, metavar="X", help="the highest rate of the schedule (the recipe's)")
    validation_help = "training images held back to validate (the dataset's)"
    add("--validation-size", type=whole(1, 100_000), metavar="N", help=validation_help)
    fold_help = "the I-th of K parts of the training images validates, in place of a number of them"
    add("--fold", type=fold, metavar="I/K", help=fold_help)
    start_help = "a run whose weights to start from, all but its last layer (none: from random ones)"
    add("--start-from", metavar="RUN", help=start_help)
    add("--device", type=one_of(("auto", "cpu", "cuda", "mps")), metavar="NAME", help="auto, cpu, cuda or mps (auto)")
    add("--threads", type=whole(1, 1024), metavar="N", help="threads that the processor may use (one a core)")


def add_form_flags(parser: Parser) -> None:
    """Let a parser take the flags that say what the images of a folder are brought to."""
    add = parser.add_argument
    size_help = f"side in pixels of a folder's images, {forms.SMALLEST} to {forms.LARGEST} (what suits them)"
    add("--image-size", type=whole(forms.SMALLEST, forms.LARGEST), metavar="N", help=size_help)
    colour_help = "auto, grey or rgb; auto keeps the colours of a folder whose images have any (auto)"
    add("--colour", type=one_of(forms.COLOURS), metavar="NAME", help=colour_help)
    framing_help = "a folder's images whole, or framed by their ink as digits are (whole)"
    add("--framing", type=one_of(("whole", "ink")), metavar="NAME", help=framing_help)


def add_run_flags(parser: Parser) -> None:
    """Let a parser take the flags that say which run it is, what of it to do, and what to show."""
    add = parser.add_argument
    add("--run", metavar="NAME", help="the folder under outputs/ (named after what the run is)")
    add("--only", nargs="+", type=one_of(STAGES), metavar="STAGE", help="run these stages and no others")
    add("--force", action="store_true", help="run the stages even if they are up to date, from nothing")
    add("--list", action="store_true", help="print stages, recipes and datasets, and run nothing")
    add("--dry-run", action="store_true", help="print what would run and why, and run nothing")
    add("--open", action="store_true", help="show the index of reports in the browser at the end")
    add("--debug", action="store_true", help="show the traceback of an error")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line; BadInput for anything that breaks a rule."""
    return make_parser().parse_args(arguments)


def show_list() -> None:
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


def main(options: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if options.list:
        show_list()
        return
    started = time.perf_counter()
    request = settle(Wishes(**{name: getattr(options, name) for name in Wishes.model_fields}))
    print(f"run {request.run}")
    for remark in remarks_of(request):
        print(f"note: {remark}")
    if options.dry_run:
        show_plan(request)
        return
    folder = run(request, Screen())
    manifest = runs.load_manifest(folder)
    if manifest is not None and manifest.test_accuracy is not None and not runs.has_its_figures(folder, manifest):
        print("note: its model or its metrics are not as the run left them, so no test accuracy is shown")
    elif manifest is not None and manifest.test_accuracy is not None:
        print(f"test accuracy {manifest.test_accuracy} on {manifest.dataset.title}")
        for record in manifest.stages.values():
            if record.remark:
                print(f"note: {record.remark}")
    page = request.outputs / "index.html"
    print(f"{time.perf_counter() - started:.0f} s; reports: {page}")
    if options.open:
        webbrowser.open(page.as_uri())


def remarks_of(request: Request) -> list[str]:
    """Return what a person should know before anything runs, a line each."""
    remarks = [request.note] if request.note else list(request.summarise().remarks)
    if runs.is_damaged(request.folder):
        remarks.append("the run.json of this run is not as it was written; nothing in it is believed")
    return remarks


def show_plan(request: Request) -> None:
    """Print which stages would run, and why, a line each."""
    for decision in plan(request):
        state = f"would run: {decision.reason}"
        if decision.up_to_date or decision.reason == "is running":
            state = decision.reason or "up to date"
        print(f"  {decision.stage.name:<12} {state}")


if __name__ == "__main__":
    for number in SIGNALS:
        under_nohup = number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN
        if not under_nohup:
            signal.signal(number, stop)
    try:
        main(parse(sys.argv[1:]))
        check_heard()
    except errors.ProjectError as error:
        fail(error.text(flag), error.exit_code)
    except BrokenPipeError:  # whoever read has gone, as in `run_all.py --list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        fail(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except KeyboardInterrupt as signalled:
        command = "the same command without --force" if "--force" in sys.argv else "the same command"
        place = " ".join(getattr(signalled, "__notes__", ["here"]))
        print(f"stopped by {signalled}; {command} goes on from {place}", file=sys.stderr)
        sys.exit(128 + signal.Signals[str(signalled)].value)
