"""Change a finished run at random, give a command, and see whether anything false is shown, lost, or touched outside.

    python benchmarks/faults.py --parts fuzz --fuzz 1000   go on to the 1,000th trial; what is done already stays
    python benchmarks/fuzz.py --trial 17 --seed 0          one trial again, with all that the command says

A trial takes a fresh copy of the run, changes one thing in it, gives one of six commands, and checks what is shown
then: the command's own text, the run's line in the index, the pages that it links, the archive of them. A figure is
false where it is not the undisturbed run's, the command ends with 0, and neither text nor index has a word on it.

    healed            what was changed is as before, or was made again and came to the same
    refused           the command ends with an error of one line
    told              a word says that something is not as it was, or which stage would run; nothing false is shown
    told, differs     the same beside a figure that is not the undisturbed run's
    not shown         of the run nothing is shown any more
    ignored           nobody reads what was changed, or the command has nothing to do with it; it is left as it is
    rewritten         what was changed is neither as before nor as the change left it, and nothing false is shown

These are failures:

    FALSE             a false figure and no word on it, or something brought in from outside is shown or vouched for
    traceback         the command ends in one, or with an exit code that is none of its own
    hangs             it has not ended after minutes
    wrote             a command that only looks has changed the run
    outside           something outside the run's folder was touched
    lost              a file of the user's is gone

Out of scope: who changes run.json and computes the digest in it anew is taken for its writer, and believed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbconvert
import origin
import papermill
import sklearn.datasets
from tampering import ADDED, MARK, Change, Places, tamper

from helpers import files, runs
from helpers.errors import ProjectError
from pipeline import machine, runner

WARM = (nbconvert, papermill, sklearn.datasets)  # imported once here, and by no command
RESULTS = Path(__file__).resolve().parent / "results" / "faults.json"
RUN_ALL = files.PROJECT / "run_all.py"
STAGES = ("--only", "eda", "training", "results")
SAME = ("--dataset", "digits", "--recipe", "fast", "--epochs", "2", "--run", "it", *STAGES)
OTHER = ("--dataset", "digits", "--recipe", "balanced", "--epochs", "1", "--seed", "1", "--run", "other", *STAGES)
COMMANDS = {
    "list": ("--list",),
    "dry run": (*SAME, "--dry-run"),
    "again": SAME,
    "results": ("--run", "it", "--only", "results"),
    "eda": ("--run", "it", "--only", "eda"),
    "other": OTHER,
}
READ_ONLY = ("list", "dry run")
CORE = (
    "model.safetensors",
    "validation.npz",
    "certainty.npz",
    "predictions.npz",
    "metrics.json",
)  # the same bytes each time
PATIENCE = 300  # seconds, after which a command hangs
SUFFIXES = (".py", ".ipynb", ".j2", ".html", ".css", ".js")  # of code
KEEP_EVERY = 25  # trials
SHARE_REALLY = 1 / 4  # of the commands for which a stage would run; seconds each
SHARE_OF_NOTES = 1 / 3  # the same where a checkpoint was changed with its digest, which only a training reads
SHARE_PROCESS = 1 / 20  # of the others are given in a process of their own
SAYING = "error: note: warning would.run changed not.as lost stopped failed damaged died cannot not.shown"
WORD = re.compile("|".join([*SAYING.split(), r"^  \w+ +done"]), re.IGNORECASE)
BAD = re.compile(r"Traceback \(most recent call last\)|never retrieved|Exception ignored")
MARKUP = "<img src=x"  # in the names and values that are brought in
INDEX = "../index.html"
FAILURES = ("traceback", "outside", "FALSE", "lost", "wrote", "hangs")
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError)  # of archives
Tree = dict[str, str]  # {path: what is there}


@dataclass
class Said:
    """How a command ended, and what it wrote to stdout and stderr."""

    code: int | None  # None: it did not end
    text: str
    how: str  # "in this process", "as a process", or "pages alone" where a stage would run

    def reran(self) -> list[str]:
        """Return the names of the stages that ran."""
        return re.findall(r"^  (\w+) +done", self.text, re.MULTILINE)


@dataclass
class Shown:
    """What a person finds of a run: on the terminal, in the index, in the pages, in the archive."""

    terminal: str = ""  # the line on the test accuracy
    index: str = ""  # its HTML
    row: dict[str, Any] = field(default_factory=dict)  # the run's line in it
    pages: dict[str, str] = field(default_factory=dict)  # {file that the index links: its HTML}
    packed: dict[str, str] = field(default_factory=dict)  # the same of the archive


class World:
    """Two finished runs, a folder outside of them, and fresh copies of all that for each trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = folder / "kept"
        self.live = folder / "live"
        self.outputs = self.live / "outputs"
        self.run = self.outputs / "it"
        self.places = Places(self.run, self.outputs / "other", self.live / "outside")
        self.usual_lines: dict[str, set[str]] = {}
        self.usual = Shown()
        self.tree: Tree = {}
        self.core: Tree = {}

    def make(self) -> None:
        """Run both runs, and note what is shown of the one that will be changed, and what each command says of it."""
        for path in (self.live / "data", self.places.outside):
            path.mkdir(parents=True)
            (path / "secret.txt").write_text(f"{MARK}\n")
        for arguments in (SAME, OTHER):
            said = self.process(arguments)
            assert said.code == 0, said.text
        shutil.copytree(self.places.other, self.places.outside / "run")
        self.live.rename(self.kept)
        self.restore()
        self.tree = tree(self.run)
        self.core = {name: self.tree[name] for name in CORE}
        for name, arguments in COMMANDS.items():
            said = self.forked(give, arguments)
            assert said.code == 0, said.text
            self.usual_lines[name] = set(said.text.splitlines())
            shown = shown_of(self, said)
            self.usual.terminal = self.usual.terminal or shown.terminal
        self.usual = replace(shown, terminal=self.usual.terminal)
        assert tree(self.run) == self.tree and shown.row["accuracy"] and len(shown.packed) == 3
        assert all(headline(page) for page in shown.pages.values())
        assert not false_figures(self, said, shown)

    def restore(self) -> None:
        """Bring everything back to what it was."""
        if self.live.exists():
            shutil.rmtree(self.live)
        shutil.copytree(self.kept, self.live, symlinks=True)

    def environment(self) -> dict[str, str]:
        """Return the variables under which commands find the runs, and no network."""
        places = {"MNIST_OUTPUTS_DIR": str(self.outputs), "MNIST_DATA_DIR": str(self.live / "data")}
        return places | {"NO_COLOR": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}

    def process(self, arguments: tuple[str, ...]) -> Said:
        """Give a command as a person does."""
        command = [sys.executable, str(RUN_ALL), *arguments]
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": PATIENCE}
        try:
            ended = subprocess.run(command, env=os.environ | self.environment(), **options)
        except subprocess.TimeoutExpired:
            return Said(None, "", "as a process")
        return Said(ended.returncode, self.without_places(ended.stdout), "as a process")

    def forked(self, action: Callable[..., None], *arguments: Any) -> Said:
        """Do something in a fork of this process, where everything is imported already."""
        output = self.folder / "output.txt"
        target = (action, arguments, self.environment(), output)
        child = multiprocessing.get_context("fork").Process(target=in_fork, args=target)
        child.start()
        child.join(PATIENCE)
        if child.is_alive():
            child.kill()
            child.join()
            return Said(None, self.without_places(output.read_bytes()), "in this process")
        return Said(child.exitcode, self.without_places(output.read_bytes()), "in this process")

    def without_places(self, output: bytes) -> str:
        """Return what a command wrote without what differs from one time to the next."""
        text = output.decode(errors="replace").replace(str(self.live), "LIVE")
        return re.sub(r"^\d+ s; reports", "N s; reports", text, flags=re.MULTILINE)

    def run_tree(self) -> Tree:
        """Return all that is in the run's folder, and the index."""
        return tree(self.run) | {INDEX: str(files.file_digest(self.outputs / "index.html"))}

    def other_tree(self) -> Tree:
        """Return all that is not the run's: the other run, the datasets, the folder outside."""
        known = tree(self.live, skip=self.run)
        return {path: what for path, what in known.items() if path != "outputs/index.html"}


def in_fork(action: Callable[..., None], arguments: Any, environment: Mapping[str, str], output: Path) -> None:
    """Do something in a child process whose output goes to a file."""
    with open(output, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.update(environment)
    action(*arguments)


def give(arguments: tuple[str, ...]) -> None:
    """Do in this process what the command line with these arguments does."""
    sys.argv = [str(RUN_ALL), *arguments]
    runpy.run_path(str(RUN_ALL), run_name="__main__")


def pages_alone(name: str) -> None:
    """Do what a command does before and after its stages: take the lock, bring pages and index up to date."""
    try:
        folder = runs.open_run(name)
        with runs.lock(folder):
            runner.render_all(folder)
    except (ProjectError, OSError) as error:
        print(f"error: {error}")
        sys.exit(getattr(error, "exit_code", 1))


def tree(folder: Path, skip: Path | None = None) -> Tree:
    """Return {path: its permissions and its SHA-256 or its target} of all below a folder; no link is followed."""
    known: Tree = {}
    for path in sorted(folder.rglob("*")):
        if skip is not None and (path == skip or skip in path.parents):
            continue
        if path.is_symlink():
            what = f"-> {os.readlink(path)}"
        else:
            what = f"{path.stat().st_mode:o} {'' if path.is_dir() else files.file_digest(path)}"
        known[str(path.relative_to(folder))] = what
    return known


def shown_of(world: World, said: Said) -> Shown:
    """Return what a person finds of the run after a command."""
    shown = Shown(index=(world.outputs / "index.html").read_text(errors="replace"))
    if re.search(r"^run it$", said.text, re.MULTILINE):  # else it is of the other run
        shown.terminal = "".join(re.findall(r"^test accuracy .*", said.text, re.MULTILINE))
    rows = json.loads(re.findall(r'id="data">(.*?)</script>', shown.index, re.DOTALL)[0])
    shown.row = next((row for row in rows if row["name"] == "it"), {})
    for _, address in shown.row.get("reports", ()):
        with contextlib.suppress(OSError):
            shown.pages[Path(address).name] = (world.outputs / address).read_text(errors="replace")
    if shown.row.get("zip"):
        with contextlib.suppress(*BROKEN), zipfile.ZipFile(world.outputs / shown.row["zip"]) as archive:
            shown.packed = {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}
    return shown


def plain(html: str) -> str:
    """Return a page without the links to the pages beside it; where one stands in a text, its words stay."""
    html = re.sub(r'<nav [^>]*class="(reports|around)\b.*?</nav>\s*', "", html, flags=re.DOTALL)
    return re.sub(r'<a [^>]*href="\d\d_\w+\.html[^>]*>(.*?)</a>', r"\1", html, flags=re.DOTALL)


def headline(html: str) -> list[str]:
    """Return what a page's header has found, with its figures: all but the times."""
    header = html.split("</header>")[0]
    found = re.findall(r'<p class="finding">.*?</p>|<div><dt>.*?</div>|<li>.*?</li>', header, re.DOTALL)
    return [part for part in found if "<dt>training time</dt>" not in part]


def false_figures(world: World, said: Said, shown: Shown) -> list[str]:
    """Return what is shown and is not the undisturbed run's."""
    wrong = []
    usual = world.usual
    if shown.terminal not in ("", usual.terminal):
        wrong.append(f"terminal: {shown.terminal}")
    timed = {"started", "reports", "state", "zip"} | ({"seconds", "history"} if "training" in said.reran() else set())
    for name, value in shown.row.items():
        if name not in timed and value not in ("", {}, [], None, usual.row.get(name)):
            wrong.append(f"index: {name} is {str(value)[:80]}")
    if shown.row.get("confusion") and not any(stage in said.reran() for stage in ("training", "results")):
        picture = world.outputs / shown.row["confusion"]
        if files.file_digest(picture) != world.tree["figures/confusion_matrix.png"].split()[-1]:
            wrong.append("index: another confusion matrix")
    for name, html in shown.pages.items():
        wrong += wrong_page(world, said, f"page {name}", name, html)
    for name, html in shown.packed.items():
        wrong += wrong_page(world, said, f"zip {name}", Path(name).name, html)
    if MARK in said.text or MARK in shown.index or MARKUP in shown.index:
        wrong.append("terminal or index: with what was brought in")
    return wrong + wrong_metrics(world)


def wrong_page(world: World, said: Said, place: str, name: str, html: str) -> list[str]:
    """Return what is wrong with a page: of a stage that ran again, its figures; of any other, all but its links."""
    usual = world.usual.pages.get(name)
    if usual is None:
        return [f"{place}: nobody's"]
    if MARKUP in html or MARK in html:
        return [f"{place}: with what was brought in"]
    stage = Path(name).stem.split("_")[1]
    if stage in said.reran():
        return [] if headline(html) == headline(usual) else [f"{place}: {headline(html)}"]
    if plain(html) != plain(usual) and 'class="notice' not in html:
        return [f"{place}: differs"]
    return []


def wrong_metrics(world: World) -> list[str]:
    """Return those of the files that do not depend on time which the manifest vouches for, and which are others."""
    try:
        manifest = runs.load_manifest(world.run)
    except ProjectError:
        return []
    if manifest is None:
        return []
    wrong = []
    for name in CORE:
        content = runs.read_recorded(world.run, manifest, name)
        if content is not None and files.digest(content) != world.core[name].split()[-1]:
            wrong.append(f"{name}: vouched for, and another")
    return wrong


def words_of(world: World, command: str, said: Said, shown: Shown) -> list[str]:
    """Return in which words a command, or the index, says that something is not as it was."""
    words = []
    for line in said.text.splitlines():
        if line not in world.usual_lines[command] and WORD.search(line):
            words.append(line.strip())
    if shown.row.get("state") not in (None, world.usual.row["state"]):
        words.append(f"index: {shown.row['state']}")
    return words


def command_of(world: World, name: str, draw: random.Random, share: float) -> Said:
    """Give a command; where a stage would run, it runs in a `share` of the trials, else the pages alone are made."""
    really = draw.random() < share
    as_process = draw.random() < SHARE_PROCESS
    arguments = COMMANDS[name]
    if name not in READ_ONLY:
        planned = world.forked(give, (*arguments, "--dry-run"))
        if "would run" in planned.text and planned.code == 0:
            if really:
                return world.process(arguments)
            done = world.forked(pages_alone, arguments[arguments.index("--run") + 1])
            return Said(done.code, planned.text + done.text, "pages alone")
    return world.process(arguments) if as_process else world.forked(give, arguments)


def trial(world: World, seed: int, number: int) -> dict[str, Any]:
    """Do one trial, and return what was changed, which command was given, the verdict and the reasons for it."""
    draw = random.Random(f"{seed} {number}")  # does not depend on the trials before
    command = draw.choice(list(COMMANDS))
    world.restore()
    change = tamper(random.Random(f"{seed} {number} change"), world.places)
    before, others = world.run_tree(), world.other_tree()
    said = command_of(world, command, draw, SHARE_OF_NOTES if change.kind == "with its sha256" else SHARE_REALLY)
    after = world.run_tree()
    touched = differences(others, world.other_tree())
    if command in READ_ONLY and after != before:
        verdict, reasons = "wrote", differences(before, after)
    elif touched:
        verdict, reasons = "outside", touched
    else:
        verdict, reasons = judge(world, change, command, said, before, after)
    about = {"trial": number, "kind": change.kind, "path": ascii(change.path)[1:-1], "what": change.what}
    about |= {"command": command, "how": said.how, "exit": said.code, "verdict": verdict}
    return about | {"reasons": reasons, "said": said.text if verdict in FAILURES else ""}


def differences(before: Tree, after: Tree) -> list[str]:
    """Return the paths at which two trees differ."""
    return [path for path in {**before, **after} if before.get(path) != after.get(path)]


def judge(world: World, change: Change, command: str, said: Said, before: Tree, after: Tree) -> tuple[str, list[str]]:
    """Return the verdict on a trial that touched nothing outside, and the reasons for it."""
    if said.code is None:
        return "hangs", []
    if BAD.search(said.text) or said.code not in range(6):
        return "traceback", said.text.strip().splitlines()[-1:]
    if change.kind == "added" and change.path not in after and not runs.CHECKPOINT.fullmatch(Path(change.path).name):
        return "lost", [change.path]
    if said.code:
        return "refused", said.text.strip().splitlines()[-1:]
    if command in READ_ONLY:
        shown = Shown(terminal=shown_of(world, said).terminal)
        return ("told" if words_of(world, command, said, shown) else "ignored"), []
    shown = shown_of(world, said)
    words = words_of(world, command, said, shown)
    wrong = false_figures(world, said, shown)
    if wrong and not words:
        return "FALSE", wrong
    strict = [reason for reason in wrong if "vouched" in reason or "brought in" in reason or "nobody's" in reason]
    if strict:
        return "FALSE", strict  # no word excuses these
    if part(after, change.path) == part(world.tree, change.path) or said.reran():
        return "healed", words
    if words:
        return ("told, differs" if wrong else "told"), wrong + words
    if not shown.row.get("accuracy"):
        return "not shown", []
    return ("ignored" if part(after, change.path) == part(before, change.path) else "rewritten"), []


def part(known: Tree, path: str) -> Tree:
    """Return what a tree holds at a path and below it."""
    return {name: what for name, what in known.items() if name == path or name.startswith(f"{path}/")}


def kind_of_file(path: str) -> str:
    """Return of which kind a file in a run is, for a table: figures count as one kind, checkpoints as another."""
    name = Path(path).name
    if any(name == added.encode("ascii", "backslashreplace").decode() for added in ADDED) or "\\" in name:
        return f"added to {path.split('/')[0] if '/' in path else '.'}"
    return re.sub(r"[^/]+\.png$", "*.png", re.sub(r"epoch-\d+", "epoch-N", path))


def count(found: dict[str, Any], one: Mapping[str, Any]) -> None:
    """Add one trial to what was found."""
    verdict = one["verdict"]
    tables = {"verdicts": "all", "by change": one["kind"], "by command": one["command"], "by way": one["how"]}
    for table, line in tables.items():
        row = found.setdefault(table, {}).setdefault(line, {})
        row[verdict] = row.get(verdict, 0) + 1
    if verdict == "ignored" and one["command"] not in READ_ONLY:
        kind = f"{kind_of_file(one['path'])}, {one['kind']}"
        ignored = found.setdefault("ignored, though the run was read", {})
        ignored[kind] = ignored.get(kind, 0) + 1
    if verdict == "told, differs":
        short = {name: one[name] for name in ("trial", "kind", "path", "command", "reasons")}
        found.setdefault("told, differs", []).append(short)
    if verdict in FAILURES:
        found.setdefault("failures", []).append(dict(one))
    found["done"] = one["trial"] + 1


def code() -> str:
    """Return the SHA-256 of all that the trials try, and of the trials themselves."""
    paths = [RUN_ALL, *Path(__file__).parent.glob("*.py")]
    for folder in ("helpers", "pipeline", "notebooks"):
        paths += [path for path in (files.PROJECT / folder).rglob("*") if path.suffix in SUFFIXES]
    return files.digest([files.file_digest(path) for path in sorted(paths)])


def keep(found: Mapping[str, Any]) -> None:
    """Write what was found so far to the results file."""
    results = origin.read_results(RESULTS, {})
    aside = origin.set_aside(results, "fuzz", found.get("commit"))
    files.write_json(RESULTS, aside | {"fuzz": dict(found)})


def fuzz(options: argparse.Namespace) -> dict[str, Any]:
    """One change to a finished run and one command, 1,000 times unless said otherwise.

    A second time it goes on where the first has ended, unless seed, code or commit is another. Nothing false may be
    shown without a word, nothing outside the run's folder touched, nothing of a user's lost, and there is no traceback.
    """
    found = origin.read_results(RESULTS, {}).get("fuzz", {})
    about = {"seed": options.seed, "code": code(), "commit": machine.commit()}
    if not about.items() <= found.items():
        found = about | {"done": 0, "seconds": 0}
    if found["done"] >= options.fuzz:
        return found
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve())
        world.make()
        for number in range(found["done"], options.fuzz):
            started = time.perf_counter()
            one = trial(world, options.seed, number)
            count(found, one)
            found["seconds"] = round(found["seconds"] + time.perf_counter() - started, 1)
            if one["verdict"] in FAILURES:
                print(json.dumps(one), flush=True)
            if found["done"] % KEEP_EVERY == 0:
                keep(found)
                print(found["done"], found["seconds"], json.dumps(found["verdicts"]["all"]), flush=True)
    return found


def main() -> None:
    """Do some trials again, and print all that is known of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", type=int, nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve())
        world.make()
        for number in options.trial:
            print(json.dumps(trial(world, options.seed, number), indent=1), flush=True)


if __name__ == "__main__":
    main()
