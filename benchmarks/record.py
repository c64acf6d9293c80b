"""Read every figure that README and docs quote anew, from one state of the code, part after part, and compare.

    python benchmarks/record.py                     all parts that are not done (make record)
    python benchmarks/record.py --list              the parts, how long each takes, which are done
    python benchmarks/record.py --only speed busy   some of them; what is done is not read again

A part takes less than an hour and runs alone, for times need an idle machine. It is done when its results file holds
what it reads from this commit, or from another that holds the same of all that it runs: see origin.code_of. So a record
goes on where it stopped, and a benchmark that changed costs its own parts alone; not done is what failed, and what
takes something from a part that was read after it. A part that fails is named; the others go on but for those that take
something from it, and the exit code is 1. Once all is done the blocks of README and docs are written, and every figure
is held against what it was at the commit.

benchmarks/results/record.json notes of each part that ran its commit, machine, wall seconds, and how many cores other
programs kept busy meanwhile; and the table of figures before and after. No row of it is ever taken out.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import accuracy
import faults
import figures
import origin
import speed
import steps
import written
from filelock import FileLock, Timeout

from helpers import errors, files, runs
from pipeline import machine

BENCHMARKS = Path(__file__).resolve().parent
RESULTS = BENCHMARKS / "results"
RECORD = RESULTS / "record.json"
RUN = "sample"  # the run of `balanced` that reads photographs and whose reports docs/sample shows
PICTURES = ("docs/report.png", "docs/draw.png")
COMPARED = ("accuracy", "robustness", "published_steps", "speed")  # the results files that the pages show
PAGES = tuple(f"{name}.html" for name in ("comparison", "published", "speed"))  # in the outputs
PUBLISHED = tuple(name for name in accuracy.NAMES if name.endswith("-published"))
TUNED = tuple(name for name in accuracy.NAMES if name.endswith("-tuned"))
WITH_THE_EXAMPLE = ("example_accuracy", "example")  # parts of speed.py
OTHER_TIMES = tuple(part for part in speed.PARTS if part not in (*WITH_THE_EXAMPLE, "lightning"))
AT_LAST = ("kills", "signals", "hangups"), ("grid",), ("fuzz",)  # parts of faults.py that stand apart
OTHER_FAULTS = tuple(part for part in faults.PARTS if part not in {name for names in AT_LAST for name in names})

Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Some commands, and what they leave: rows of results files, or files."""

    name: str
    minutes: float  # on two idle cores, where no time was noted yet
    commands: tuple[tuple[str, ...], ...]
    reads: tuple[tuple[str, Row], ...] = ()  # (results file, fields of a row); each must be of the commit
    leaves: tuple[Path, ...] = ()  # files of what notes no commit; record.json says that it was made from this one
    environment: dict[str, str] = field(default_factory=dict)
    needs: str = ""  # a program or a package of others; where it is not installed, its last reading stays
    after: tuple[str, ...] = ()  # the parts that it takes something from


def python(script: str, *arguments: str) -> tuple[str, ...]:
    """Return the command of a benchmark."""
    return (sys.executable, str(BENCHMARKS / script), *arguments)


def accuracy_part(name: str, minutes: float, names: Sequence[str], seeds: Sequence[int] = ()) -> Part:
    """Return the part that reads recipes with `seeds`, () for all of theirs."""
    command = python("accuracy.py", "--anew", "--recipes", *names)
    if seeds:
        command += ("--seeds", *map(str, seeds))
    rows = [{"recipe": recipe, "seed": seed} for recipe in names for seed in seeds or accuracy.seeds_of(recipe)]
    return Part(name, minutes, (command,), tuple(("accuracy", row) for row in rows))


def best_parts() -> list[Part]:
    """Return the parts that read `best`: an hour would not do for all; with the last, all of them answer together.

    The last asks for all, so that they are of one commit; what the first has read from it is not read again.
    """
    together = ("accuracy", {"recipe": "best", "seeds": list(accuracy.seeds_of("best"))})
    first = accuracy_part("accuracy-best", 28, ["best"], [0, 1, 2])
    last = accuracy_part("accuracy-best-together", 19, ["best"], [3, 4])
    every = (python("accuracy.py", "--anew", "--recipes", "best"),)
    return [first, Part(last.name, last.minutes, every, (*last.reads, together))]


def accuracy_parts() -> list[Part]:
    """Return the parts that train every recipe and score test images, and then those of MNIST-C."""
    every = [
        accuracy_part("accuracy-fast", 1, ["fast"]),
        accuracy_part("accuracy-balanced", 5, ["balanced"]),
        *best_parts(),
        accuracy_part("accuracy-published", 11, PUBLISHED),
        accuracy_part("accuracy-tuned", 13, TUNED),
    ]
    corrupt = python("robustness.py", "--split", "test", "--threads", str(machine.cores()))
    rows = [{"recipe": name, "seed": seed} for name in accuracy.NAMES for seed in accuracy.seeds_of(name)]
    reads = tuple(("robustness", row | {"split": "test"}) for row in rows)
    return [*every, Part("robustness", 10, (corrupt,), reads, after=tuple(part.name for part in every))]


def reading_parts() -> list[Part]:
    """Return the part that makes the run, and those that read photographs, sheets and what is no digit with it."""
    run_all = (sys.executable, str(files.PROJECT / "run_all.py"))
    run_all += ("--dataset", "mnist", "--epochs", "10", "--run", RUN, "--force")
    made = Part("run", 1.5, (run_all,), leaves=(runs.outputs_folder() / RUN / "reports" / "04_results.html",))
    by_run = [
        photographs_part("photographs", 3, ("--run", RUN), "run", (2000, 200)),
        photographs_part("tesseract", 1, ("--reader", "tesseract"), "tesseract", (200,), needs="tesseract"),
        photographs_part("rapidocr", 2, ("--reader", "rapidocr"), "rapidocr", (200,), needs="rapidocr"),
        Part("certainty", 3, (python("certainty.py", "--run", RUN),), (("certainty", {"recipe": "balanced"}),)),
        Part("sheets", 2, (python("sheets.py", "--run", RUN, "--seed", "5"),), (("sheets", {"seed": 5}),)),
        Part("few", 1.5, (python("few.py", "--run", RUN),), (("few", {"a_class": 5}),)),
    ]
    return [made, *(part if part.needs else replace(part, after=("run",)) for part in by_run)]


def photographs_part(
    name: str, minutes: float, of_whom: tuple[str, ...], reader: str, counts: Sequence[int], needs: str = ""
) -> Part:
    """Return the part that reads photographs of test digits, as many as each of `counts` says."""
    each = [python("photographs.py", *of_whom, "--split", "test", "--images", str(count)) for count in counts]
    reads = tuple(("photographs", {"reader": reader, "split": "test", "images": count}) for count in counts)
    return Part(name, minutes, tuple(each), reads, needs=needs)


def data_parts() -> list[Part]:
    """Return the parts that look at labels, folders and grids, and train simple classifiers and made pictures."""
    settled = python("soundness.py", "--seeds", "0", "1", "2", "3", "4")
    return [
        Part("soundness", 2, (settled,), tuple(("soundness", {"seed": seed}) for seed in range(5))),
        Part("baselines", 1, (python("baselines.py"),), (("baselines", {"dataset": "mnist"}),)),
        pictures_part(),
        Part("folder", 2, (python("folder.py"),), (("folder", {"images": 20_000}),)),
        Part("many-runs", 3, (python("many_runs.py"),), (("many_runs", {"points": 300}),)),
    ]


def pictures_part() -> Part:
    """Return the part that learns made pictures and crops, as docs/your-own-problem.md tells."""
    made = ("made", "--seeds", "0", "1")
    commands = (
        python("pictures.py", *made),
        python("pictures.py", *made, "--kinds", "textures", "--epochs", "10"),
        python("pictures.py", "photographs", "--epochs", "10"),
        python("pictures.py", "speed", "--threads", "1"),
    )
    wanted = [
        {"what": "made", "dataset": kind, "epochs": epochs, "seed": seed, "recipe": "balanced"}  # the last of three
        for kind, epochs in (("colours", 5), ("textures", 5), ("textures", 10))
        for seed in (0, 1)
    ]
    rows = [*wanted, {"what": "photographs"}, {"what": "speed", "threads": 1}]
    return Part("pictures", 6, commands, tuple(("pictures", row) for row in rows))


def steps_part() -> Part:
    """Return the part that trains the published networks, one change at a time."""
    rows = [
        {"network": network, "step": step, "seed": seed}
        for network in steps.MNISTS_ALONE
        for step in range(steps.AVERAGING)
        for seed in (0, 1, 2)
    ]
    rows += [{"network": network, "step": steps.AVERAGING, "seeds": [0, 1, 2]} for network in steps.MNISTS_ALONE]
    reads = tuple(("published_steps", row) for row in rows)
    return Part("steps", 25, (python("steps.py", "--jobs", "2", "--anew"),), reads)


def speed_part(name: str, minutes: float, parts: Sequence[str]) -> Part:
    """Return a part that takes times, as `make bench-speed` does."""
    command = python("speed.py", "--parts", *parts)
    long = ("example", "pipeline")
    reads = tuple(("speed", {"part": part, "repeats": speed.LONG if part in long else 5}) for part in parts)
    return Part(name, minutes, (command,), reads, environment={"GOMP_SPINCOUNT": "1000"})


def faults_part(name: str, minutes: float, parts: Sequence[str]) -> Part:
    """Return a part that breaks runs."""
    return Part(name, minutes, (python("faults.py", "--parts", *parts),), tuple(("faults", {"part": p}) for p in parts))


def shown_parts(read: Sequence[Part]) -> list[Part]:
    """Return the parts that make what is shown of what was `read`: pages, the sample, pictures."""
    outputs = runs.outputs_folder()
    pages = tuple(outputs / page for page in PAGES)
    shown = [str(outputs / RUN / "reports"), *map(str, pages)]
    sample = ("make", "--assume-old", ".venv/.ready", "sample")  # it finds the run up to date
    left = (files.PROJECT / "docs" / "sample" / "04_results.html",)
    pictures = tuple(files.PROJECT / picture for picture in PICTURES)
    names = tuple(part.name for part in read if {name for name, _ in part.reads} & set(COMPARED))
    return [
        Part("comparison", 2, (python("comparison.py"),), leaves=pages, after=names),
        Part("pages", 5, (python("pages.py", *shown, "--keep"),), (("pages", {}),), after=("run", "comparison")),
        Part("sample", 0.5, (sample,), leaves=left, after=("run",)),
        Part("pictures-of-readme", 0.5, (python("readme_pictures.py"),), leaves=pictures, after=("run",)),
    ]


def parts_of_record() -> list[Part]:
    """Return all parts in order: what is read, what is timed, what is broken, what is shown."""
    read = [
        *accuracy_parts(),
        *reading_parts(),
        *data_parts(),
        steps_part(),
        speed_part("speed-example", 19, WITH_THE_EXAMPLE),
        speed_part("speed", 25, OTHER_TIMES),
        speed_part("speed-lightning", 4, ("lightning",)),
        Part("busy", 9, (python("busy.py"),), (("busy", {}),)),
        faults_part("faults-kills", 32, AT_LAST[0]),
        faults_part("faults-writes", 35, OTHER_FAULTS),
        faults_part("faults-grid", 18, AT_LAST[1]),
        faults_part("faults-fuzz", 31, AT_LAST[2]),
    ]
    return [*read, *shown_parts(read)]


def is_there(need: str) -> bool:
    """Return whether what a part needs of others is installed: a program or a package, or nothing at all."""
    return not need or shutil.which(need) is not None or importlib.util.find_spec(need) is not None


def rows_of(name: str) -> Iterator[Row]:
    """Yield the rows of a results file, whichever form it has: lists of rows, or named parts."""
    content = origin.read_results(RESULTS / f"{name}.json", {})
    for place, rows in content.items():
        if place != "earlier" and isinstance(rows, list):
            yield from rows
        if isinstance(rows, dict):
            yield {"part": place} | rows


def missing(part: Part, commit: str) -> str:
    """Return the first thing that a part has not left yet from the code of `commit`, "" where it is done."""
    ran = [row for row in ran_before() if row["part"] == part.name and counts(part, row["commit"], commit)]
    if ran and ran[-1]["failed"]:
        return "it failed"
    done = last_end(ran)
    if part.leaves and not done:
        return f"{part.leaves[0].name} was not made from this commit"
    later = [name for name in part.after if last_end(row for row in ran_before() if row["part"] == name) > done]
    return unread(part, commit) or (f"{later[0]} was read after it" if later else "")


def counts(part: Part, earlier: str | None, commit: str) -> bool:
    """Return whether what a part has read from the commit `earlier` is as good as read from `commit`.

    It is where both hold the same of all that it runs.
    """
    if earlier == commit:
        return True
    code = origin.code_of(commit, runs_on(part))
    return bool(code) and code == origin.code_of(earlier, runs_on(part))


def runs_on(part: Part) -> set[Path]:
    """Return the files that a part runs beside the product: its benchmarks with their modules, and the Makefile.

    This one, too, for it says how.
    """
    words = [word for command in part.commands for word in command]
    these = {BENCHMARKS / "record.py"} | ({files.PROJECT / "Makefile"} if "make" in words else set())
    return these | origin.modules_of(Path(word) for word in words if Path(word).parent == BENCHMARKS)


def last_end(ran: Iterable[Row]) -> str:
    """Return when a part was last done, of what record.json notes of it, "" where it never was."""
    return max((row["taken"] for row in ran if not row["failed"]), default="")


def unread(part: Part, commit: str, anew: bool = False) -> str:
    """Return the first reading or file that a part has not left from the code of `commit`, "" where there is none.

    anew: nothing but the commit itself will do.
    """
    for name, fields in part.reads:
        commits = [row.get("commit") for row in rows_of(name) if fields.items() <= row.items()]
        if not any(of == commit if anew else counts(part, of, commit) for of in commits):
            told = ", ".join(f"{field} {value}" for field, value in fields.items())
            return f"{name}.json: no row of this commit, {told}".removesuffix(", ")
    gone = [path for path in part.leaves if not path.exists()]
    return f"{gone[0].name} is not there" if gone else ""


def ran_before() -> list[Row]:
    """Return what record.json notes of the parts that ran."""
    return origin.read_results(RECORD, {"rows": []})["rows"]


def seconds_of(part: Part) -> float:
    """Return how long a part took when it was last done, all its goes together; its estimate where it never was."""
    of_part = [ran for ran in ran_before() if ran["part"] == part.name]
    done = [ran["commit"] for ran in of_part if not ran["failed"]]
    if not done:
        return 60 * part.minutes
    return sum(ran["seconds"] for ran in of_part if ran["commit"] == done[-1])


def in_words(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def run(part: Part, facts: Row) -> str:
    """Run the commands of a part and note what it took; return what is wrong with it, "" where it is done."""
    print(f"{part.name}: {in_words(seconds_of(part))} last time or as estimated", flush=True)
    started = time.perf_counter()
    neighbours = machine.Neighbours()
    wrong = "interrupted"
    try:
        wrong = failure_of(part, facts["commit"])
    finally:
        seconds = time.perf_counter() - started
        row = {"part": part.name, "seconds": round(seconds, 1), "others": round(neighbours.cores_taken(), 2)}
        add(row | {"failed": bool(wrong), "taken": runs.now()} | facts)
    print(f"{part.name}: {in_words(seconds)}, {f'FAILED: {wrong}' if wrong else 'done'}", flush=True)
    if row["others"] > 0.2:
        print(f"  other programs kept {row['others']:.1f} cores busy meanwhile: its times are too long", flush=True)
    return wrong


def failure_of(part: Part, commit: str) -> str:
    """Run the commands of a part, up to the first that fails; return what is wrong, "" where nothing is."""
    for command in part.commands:
        code = subprocess.run(command, env=os.environ | part.environment, cwd=files.PROJECT, check=False).returncode
        if code:
            return f"exit code {code} of {Path(command[1]).name}"
    return unread(part, commit, anew=True)


def add(row: Row) -> None:
    """Add a row to record.json."""
    content = origin.read_results(RECORD, {"rows": []})
    content["rows"].append(row)
    files.write_json(RECORD, content)


def listing(parts: Sequence[Part], commit: str) -> Iterator[str]:
    """Yield a line for each part, and the sums."""
    left = 0.0
    for part in parts:
        lacks = missing(part, commit)
        left += seconds_of(part) if lacks else 0
        left_out = "" if is_there(part.needs) else f"left out without {part.needs}; "
        yield f"{part.name:<24} {in_words(seconds_of(part)):>9}  {left_out}{lacks or 'done'}"
    whole = sum(seconds_of(part) for part in parts)
    yield f"{'all of them':<24} {in_words(whole):>9}  {in_words(left)} left, commit {commit[:7]}"


def figures_at(commit: str) -> figures.Figures:
    """Return the figures of the results files as they were committed."""
    with tempfile.TemporaryDirectory() as folder:
        for name in machine.git("ls-tree", "--name-only", commit, "benchmarks/results/").split():
            (Path(folder) / Path(name).name).write_text(machine.git("show", f"{commit}:{name}"), encoding="utf-8")
        return figures.all_of(Path(folder))


def compare(facts: Row) -> Iterator[str]:
    """Hold every figure against what it was at the commit, keep the table, and yield it as lines."""
    rows = figures.agreement(figures_at(facts["commit"]), figures.all_of(RESULTS))
    content = origin.read_results(RECORD, {"rows": []})
    content["figures"] = [*content.get("figures", []), {"taken": runs.now(), "compared": rows} | facts]
    files.write_json(RECORD, content)
    marks = {True: "", False: "  <- the ranges do not meet", None: "  <- nothing to tell by"}
    for row in rows:
        yield f"{row['of']}, {row['figure']}: {row['before']} -> {row['after']}{marks[row['agrees']]}"
    beyond = [f"{row['of']}, {row['figure']}" for row in rows if row["agrees"] is False]
    yield f"{len(rows)} figures, the ranges of {len(beyond)} do not meet{': ' if beyond else ''}{'; '.join(beyond)}"


def main() -> None:
    """Run what is not done, write the blocks, compare."""
    parts = every = parts_of_record()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="say what would run, and run nothing")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in parts], metavar="PART", help="some of them")
    options = parser.parse_args()
    facts = origin.facts()
    if options.only:
        parts = [part for part in parts if part.name in options.only]
    if options.list:
        print("\n".join(listing(parts, facts["commit"])))
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        with FileLock(runs.outputs_folder() / ".record.lock", timeout=0):
            failed = take(parts, every, facts)
    except Timeout:
        raise errors.BadInput("a record is at work already", way_out="wait for it, or stop it") from None
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        sys.exit(130)
    sys.exit(1 if failed else 0)


def stop(*_: object) -> None:
    """End the record and the part that is at work, as Ctrl-C does."""
    raise KeyboardInterrupt


def take(parts: Sequence[Part], every: Sequence[Part], facts: Row) -> list[str]:
    """Run those of `parts` that are not done, one after the other; return those that failed.

    Once all parts, `every`, are done, the blocks are written and the figures compared.
    """
    failed = []
    for part in parts:
        awaited = [other.name for other in every if other.name in part.after and is_open(other, facts["commit"])]
        if not missing(part, facts["commit"]):
            print(f"{part.name}: done already")
        elif not is_there(part.needs):
            print(f"{part.name}: left out, {part.needs} is not installed; its last reading stays")
        elif awaited:
            print(f"{part.name}: left out, it takes something from {', '.join(awaited)}")
        elif run(part, facts):
            failed.append(part.name)
    left = [part.name for part in every if is_open(part, facts["commit"])]
    if failed:
        print(f"failed: {', '.join(failed)}; the same command tries them again", flush=True)
    if left:
        print(f"left: {', '.join(left)}; once they are done, blocks are written and figures compared", flush=True)
        return failed
    for block in written.write(RESULTS):
        print(f"{block}: written")
    print("\n".join(compare(facts)))
    return failed


def is_open(part: Part, commit: str) -> bool:
    """Return whether a part is still to be done, and can be."""
    return bool(missing(part, commit)) and is_there(part.needs)


if __name__ == "__main__":
    origin.call(main)
