"""Run the notebooks in order and leave their reports in outputs/.

python run_all.py                             train the recipe `balanced` and report on it
python run_all.py --epochs 3 --seed 1         another run beside the first
python run_all.py --seed 0 1 2 --threads 1    several runs, side by side
python run_all.py --only results --run NAME   look at a finished run again
python run_all.py --list                      stages, recipes and datasets
"""

import os
import signal

if __name__ == "__main__":  # until `stop` takes over, Ctrl-C ends the imports below without a traceback
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from pipeline.command_line import check_packages

    check_packages()  # what comes below needs them

import argparse
import contextlib
import importlib.util
import io
import itertools
import re
import sys
import time
import webbrowser
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers import data, errors, forms, recipes, runs
from pipeline import grids, index, machine
from pipeline.board import Board, why
from pipeline.command_line import (
    SIGNALS,
    Once,
    Parser,
    address,
    check_heard,
    fail,
    flag,
    fold,
    one_of,
    rate,
    stop,
    whole,
)
from pipeline.grids import Grid, Outcome
from pipeline.plan import Decision, plan
from pipeline.request import Request, Wishes, settle
from pipeline.runner import run
from pipeline.screen import Screen
from pipeline.stages import STAGES

LISTED = 40  # points of a grid that --dry-run shows one by one
OF_FOLDS = "--folds K makes a run of each of K parts"


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add_training_flags(parser)
    add_grid_flags(parser)
    add_run_flags(parser)
    return parser


def add_training_flags(parser: Parser) -> None:
    """Let a parser take the flags that say what is trained, on what and how."""
    add = parser.add_argument
    recipe_help = "how to train; --list names them (balanced)"
    dataset_help = "a name that --list shows, or a folder of images by class (auto)"
    add_axis(parser, "--epochs", "N", "passes over the training images (the recipe's: 10)", whole(1, 999))
    add_axis(parser, "--recipe", "NAME", recipe_help, one_of(recipes.RECIPES))
    add_axis(parser, "--dataset", "NAME|FOLDER", dataset_help)
    add("--data-dir", metavar="DIR", help="where datasets lie ($MNIST_DATA_DIR, else data/)")
    add_form_flags(parser)
    seed_help = "draws weights, order, augmentation and validation images (0)"
    add_axis(parser, "--seed", "N", seed_help, whole(0, 2**32 - 1))
    add_axis(parser, "--batch-size", "N", "images in a step (the recipe's)", whole(1, 100_000))
    add_axis(parser, "--learning-rate", "X", "the highest rate of the schedule (the recipe's)", rate)
    validation_help = "training images held out to validate (the dataset's)"
    add_axis(parser, "--validation-size", "N", validation_help, whole(1, 100_000))
    fold_help = "the I-th of K parts of the training images validates, in place of a number of them"
    add("--fold", nargs="+", action=Once, advice=OF_FOLDS, type=fold, metavar="I/K", help=fold_help)
    start_help = "a run whose weights to start from, all but its last layer (none: from random ones)"
    add("--start-from", metavar="RUN", help=start_help)
    add("--device", type=one_of(("auto", "cpu", "cuda", "mps")), metavar="NAME", help="auto, cpu, cuda or mps (auto)")
    add("--threads", type=whole(1, 1024), metavar="N", help="threads that the processor may use (one per core)")


def add_axis(parser: Parser, name: str, metavar: str, text: str, convert: Callable[[str], Any] = str) -> None:
    """Let a parser take a flag of one value or several, each of which is a run then."""
    parser.add_argument(name, nargs="+", action=Once, type=one_at_a_time(convert), metavar=metavar, help=text)


def one_at_a_time(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a converter of a flag's text that says how several values are written, where it looks like several."""

    def convert_one(text: str) -> Any:
        try:
            return convert(text)
        except argparse.ArgumentTypeError:
            parts = re.split(r"[,;]+|(?<=[0-9])-(?=[0-9])|\.\.", text.strip(",;"))
            with_point = text.replace(",", ".")
            if re.fullmatch("[0-9]+,[0-9]+", text) and accepts(convert, with_point):
                advice = f"decimals have a point, as in {with_point}, and several values spaces between them"
                raise argparse.ArgumentTypeError(f"{text}: {advice}") from None
            for part in parts:
                convert(part)
            if parts == [text]:
                raise
            example = " ".join(parts[:3]) if {",", ";"} & set(text) else "0 1 2"
            advice = f"put spaces between the values, as in {example}"
            raise argparse.ArgumentTypeError(f"{text}: {advice}") from None

    return convert_one


def accepts(convert: Callable[[str], Any], text: str) -> bool:
    """Return whether a converter takes a text."""
    try:
        convert(text)
    except argparse.ArgumentTypeError:
        return False
    return True


def add_form_flags(parser: Parser) -> None:
    """Let a parser take the flags that say what the images of a folder are brought to."""
    add = parser.add_argument
    size_help = f"side in pixels of a folder's images, {forms.SMALLEST} to {forms.LARGEST} (what suits them)"
    add("--image-size", type=whole(forms.SMALLEST, forms.LARGEST), metavar="N", help=size_help)
    colour_help = "auto, grey or rgb; auto keeps the colours of a folder whose images have any (auto)"
    add("--colour", type=one_of(forms.COLOURS), metavar="NAME", help=colour_help)
    framing_help = "a folder's images whole, or framed by their ink as digits are (whole)"
    add("--framing", type=one_of(("whole", "ink")), metavar="NAME", help=framing_help)


def add_grid_flags(parser: Parser) -> None:
    """Let a parser take the flags that say how several runs are made."""
    add = parser.add_argument
    folds_help = "runs of each setting, each validated on another of so many parts of the training images"
    add("--folds", type=whole(2, 100), metavar="K", help=folds_help)
    add("--jobs", type=whole(1, 1024), metavar="N", help="runs at a time on this machine (what its cores take)")
    scheduler_help = "send the runs to the Dask scheduler there, as in tcp://host:8786"
    add("--scheduler", type=address, metavar="ADDRESS", help=scheduler_help)


def add_run_flags(parser: Parser) -> None:
    """Let a parser take the flags that say which run it is, what of it to do, and what to show."""
    add = parser.add_argument
    run_help = "the folder under outputs/, of several runs under outputs/grids/ (named after what it is)"
    add("--run", metavar="NAME", help=run_help)
    add("--only", nargs="+", action=Once, type=one_of(STAGES), metavar="STAGE", help="run these stages and no others")
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


def wishes_of(options: argparse.Namespace) -> tuple[Wishes, dict[str, list[Any]]]:
    """Return the Wishes of a command line, and {axis: values} of the flags that have several, --folds among them."""
    values = {axis: getattr(options, axis) for axis in grids.AXES}
    if options.fold and len(options.fold) > 1:
        parts = options.fold[0].split("/")[1]
        way_out = f"`folds` {parts} makes a run of each of the {parts}"
        raise errors.BadInput("takes a single value", field="fold", value=" ".join(options.fold), way_out=way_out)
    if options.folds is not None:
        check_folds(options)
        values["fold"] = [f"{number}/{options.folds}" for number in range(1, options.folds + 1)]
    several = {axis: chosen for axis, chosen in values.items() if chosen and len(chosen) > 1}
    single = {axis: chosen[0] for axis, chosen in values.items() if chosen and len(chosen) == 1}
    asked = {name: getattr(options, name) for name in Wishes.model_fields if name not in several}
    return Wishes(**asked | single), several


def check_folds(options: argparse.Namespace) -> None:
    """Raise BadInput where something else beside --folds says which images validate."""
    if options.fold is not None:
        rule = "one of those that `folds` asks for"
        raise errors.BadInput(rule, field="fold", way_out="leave one of the two out")
    if options.validation_size is not None:
        rule = "says which images validate, and so does `validation_size`"
        raise errors.BadInput(rule, field="folds", value=options.folds, way_out="leave one of them out")


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks; return the exit code."""
    if options.list:
        show_list()
        return 0
    started = time.perf_counter()
    wishes, several = wishes_of(options)
    if several or options.scheduler:
        return run_several(wishes, several, options)
    request = settle(wishes)
    print(f"run {request.run}")
    for remark in remarks_of(request):
        print(f"note: {remark}")
    if options.jobs is not None:
        print("note: this is one run; --jobs is for several, which several values of a flag ask for")
    if options.dry_run:
        show_plan(request)
        return 0
    runs.check_outputs(request.outputs)
    folder = run(request, Screen())
    show_accuracy(folder)
    page = request.outputs / "index.html"
    print(f"{time.perf_counter() - started:.0f} s; reports: {page}")
    if options.open:
        webbrowser.open(page.as_uri())
    return 0


def show_accuracy(folder: Path) -> None:
    """Print the accuracy of a run on test images, and what a reader of it should know; nothing where there is none."""
    manifest = runs.load_manifest(folder)
    if manifest is not None and manifest.test_accuracy is not None and not runs.has_its_figures(folder, manifest):
        print("note: its model or its metrics are not as the run left them, so no test accuracy is shown")
    elif manifest is not None and manifest.test_accuracy is not None:
        print(f"test accuracy {manifest.test_accuracy} on {manifest.dataset.title}")
        for record in manifest.stages.values():
            if record.remark:
                print(f"note: {record.remark}")


def run_several(wishes: Wishes, several: dict[str, list[Any]], options: argparse.Namespace) -> int:
    """Make the runs of a grid, and say what came of them; return the exit code, 1 where one failed."""
    started = time.perf_counter()
    if not options.dry_run and importlib.util.find_spec("distributed") is None:
        rule = "several runs, or a scheduler, need the package distributed, which is not installed"
        raise errors.BadInput(rule, way_out='`pip install -e ".[grid]"` installs it')
    grid = grids.settle(wishes, several, name=options.run if several else None)
    jobs = options.jobs or max(1, machine.cores() // grid.points[0].request.threads)
    jobs = min(jobs, len(grid.points))
    where = f"for the scheduler at {options.scheduler}" if options.scheduler else f"{jobs} at a time"
    print(f"grid {grid.name}: {in_runs(len(grid.points))}, {where}")
    for remark in remarks_of_grid(grid, jobs, options):
        print(f"note: {remark}")
    if options.dry_run:
        show_grid(grid, 1 if options.scheduler else jobs)
        return 0
    runs.check_outputs(grid.points[0].request.outputs)
    page, outcomes = make(grid, jobs, options.scheduler)
    failed = [point for point in grid.points if outcomes[point.run].code != 0]
    for point in failed:
        print(f"error: {point.run}: {why(point, outcomes[point.run])}", file=sys.stderr)
    count = f"{len(failed):,} of {in_runs(len(grid.points))} failed; " if failed else ""
    print(f"{count}{time.perf_counter() - started:.0f} s; the grid: {page}")
    if options.open:
        webbrowser.open(page.as_uri())
    return 1 if failed else 0


def make(grid: Grid, jobs: int, scheduler: str | None) -> tuple[Path, dict[str, Outcome]]:
    """Make the runs of a grid that are not up to date; return the page over them, and {run: how it ended}.

    The index over all runs is brought up to date, whatever ends this, and that page, unless nothing was begun.
    """
    from pipeline.dispatch import run_grid
    from pipeline.grid_page import write

    try:
        with Board(grid, jobs) as board:
            outcomes = run_grid(grid, jobs, scheduler, board, lambda: write(grid))
        return write(grid), outcomes
    except errors.BadInput:  # nothing was begun
        raise
    except BaseException:
        if any((point.request.folder / "run.json").is_file() for point in grid.points):
            with contextlib.suppress(Exception):  # what ended the grid matters more than its page
                print(f"the grid as far as it is: {write(grid)}")
        raise
    finally:
        if grid.outputs.is_dir():
            index.write_index(grid.outputs)


def in_runs(count: int) -> str:
    """Return a number of runs in words."""
    return f"{count:,} run{'s' if count != 1 else ''}"


def remarks_of(request: Request) -> list[str]:
    """Return what a person should know before anything runs, a line each."""
    remarks = remarks_on_images(request)
    if runs.is_damaged(request.folder):
        remarks.append("the run.json of this run is not as it was written; nothing in it is believed")
    return remarks + remarks_on_batches([request])


def remarks_on_batches(requests: Iterable[Request]) -> list[str]:
    """Return where batches were asked for that are larger than a dataset has images for, a line for each such dataset.

    The same number of images in a batch is the same training.
    """
    capped: dict[tuple[int, int], set[int]] = {}  # {(images, in a batch at most): asked for}
    for request in requests:
        if "batch_size" in request.parameters:
            images = request.images_to_learn_from
            size = recipes.batch_size_for(request.recipe, images)
            if size < request.recipe.batch_size:
                capped.setdefault((images, size), set()).add(request.recipe.batch_size)
    remarks = []
    for (images, size), asked in capped.items():
        limit = f"on {images:,} training images a batch holds {size:,} at most ({images // size:,} batches an epoch)"
        numbers = [f"{number:,}" for number in sorted(asked)]
        same = f"{', '.join(numbers[:-1])} and {numbers[-1]} are the same training"
        remarks.append(f"{limit}; {same if len(numbers) > 1 else f'--batch-size {numbers[0]} is cut to that'}")
    return remarks


def remarks_on_images(request: Request) -> list[str]:
    """Return what a person should know of the images before anything runs, a line each."""
    return [request.note] if request.note else list(request.summarise().remarks)


def remarks_of_grid(grid: Grid, jobs: int, options: argparse.Namespace) -> list[str]:
    """Return what a person should know before a grid runs, a line each."""
    remarks: list[str] = []
    for point in grid.points:
        remarks += [remark for remark in remarks_on_images(point.request) if remark not in remarks]
    remarks += remarks_on_batches(point.request for point in grid.points)
    damaged = [point.run for point in grid.points if runs.is_damaged(point.request.folder)]
    remarks += [f"the run.json of {name} is not as it was written; nothing in it is believed" for name in damaged]
    threads, cores = grid.points[0].request.threads, machine.cores()
    if options.scheduler:
        if options.jobs is not None:
            remarks.append(
                "--jobs is for this machine; a scheduler's workers take as many runs as they have threads for"
            )
    elif jobs > 1 and jobs * threads > cores:
        wanted = f"{jobs} runs at a time with threads {threads} want {jobs * threads} cores, and there are {cores}"
        remarks.append(f"{wanted}: each will be slow; --threads 1 --jobs {cores} fits")
    elif jobs == 1 and options.jobs is None and cores > 1 and len(grid.points) > 1:
        taken = "all" if threads >= cores else f"{threads} of"
        advice = f"--threads 1 runs {min(cores, len(grid.points))} side by side, with other weights"
        remarks.append(f"a run takes {taken} {cores} cores, so they run one after the other; {advice}")
    return remarks


def show_grid(grid: Grid, jobs: int) -> None:
    """Print which runs of a grid are up to date, which stages of the others would run, and how long that might take."""
    plans = grids.plans_of(grid)
    with_reasons = len(plans) <= LISTED
    states = {name: state_in_words(decisions, with_reasons) for name, decisions in plans.items()}
    if len(states) > LISTED:
        for state, count in Counter(states.values()).most_common():
            print(f"  {in_runs(count):>11}  {state}")
    else:
        width = max(map(len, states))
        for name, state in states.items():
            print(f"  {name:<{width}}  {state}")
    up_to_date = list(states.values()).count("up to date")
    print(f"{up_to_date:,} of {in_runs(len(states))} up to date")
    if up_to_date == len(states):
        return
    expected = grids.estimate(grid, jobs, plans)
    if expected is None:
        print("how long it will take cannot be told: no runs like these lie here")
    else:
        more = ", and what is not known" if expected.unknown else ""
        duration = timedelta(seconds=round(expected.seconds))
        print(f"about {duration}{more}, {jobs} at a time, as long as runs like these took")
        if expected.unknown:
            stages = [f"{stage} of {in_runs(count)}" for stage, count in expected.unknown.items()]
            print(f"not known: {', '.join(stages)}")


def state_in_words(decisions: Iterable[Decision], with_reasons: bool = True) -> str:
    """Return in words which stages of a run would run, and why; a reason that several in a row share once."""
    to_run = [decision for decision in decisions if not decision.up_to_date]
    if any(decision.reason == "is running" for decision in to_run):
        return "is running"
    if not to_run:
        return "up to date"
    pieces = []
    for reason, same in itertools.groupby(to_run, key=lambda decision: decision.reason if with_reasons else ""):
        names = ", ".join(decision.stage.name for decision in same)
        pieces.append(f"{names} ({reason})" if reason else names)
    return f"would run: {', '.join(pieces)}"


def show_plan(request: Request) -> None:
    """Print which stages would run, and why, a line each."""
    for decision in plan(request):
        state = f"would run: {decision.reason}"
        if decision.up_to_date or decision.reason == "is running":
            state = decision.reason or "up to date"
        print(f"  {decision.stage.name:<12} {state}")


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of few characters shows what it can
    for number in SIGNALS:
        under_nohup = number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN
        if not under_nohup:
            signal.signal(number, stop)
    try:
        exit_code = main(parse(sys.argv[1:]))
        check_heard()
        sys.exit(exit_code)
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
