"""Time training beside programs that keep the processors busy, with several ways for its threads to wait.

    python benchmarks/busy.py                 all settings, beside 0, 1, 2 and 4 programs (make bench-busy)
    python benchmarks/busy.py --repeats 1     once round, for a look

Threads that compute together wait for each other at the end of every operation. Whoever waits by spinning is quick on
an idle machine; on a busy one it spins away the time that the thread it waits for would need. Measured is one epoch of
the recipe `fast` on MNIST, in processes that are started once and take turns.

Readings go to benchmarks/results/busy.json, one row per setting and load: `threads`, `spin_count` (GOMP_SPINCOUNT; None
is libgomp's own), `short_turns` (computing.take_short_turns), `programs` (that only count), `seconds` (median),
`range`, `repeats`, and `of_fair_share`: `seconds` over what the quickest setting of an idle machine would take if every
thread and every program got the same share of the processors; where the reading comes from. None is ever taken out:
what was read before stands in "earlier".

Tried, and no better: to look every quarter of a second which share of the cores other programs take, and to keep the
threads to the rest (`gives_way`, in the readings of commit 66370e9 alone).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import origin

from helpers import files, runs
from pipeline import machine

RESULTS = Path(__file__).resolve().parent / "results" / "busy.json"
PROGRAMS = (0, 1, 2, 4)


@dataclass(frozen=True)
class Setting:
    """How the threads of a training wait."""

    threads: int
    spin_count: int | None = None
    short_turns: bool = False

    def environment(self) -> dict[str, str]:
        """Return the environment of a process with this setting."""
        environment = dict(os.environ)
        environment.pop("GOMP_SPINCOUNT", None)
        if self.spin_count is not None:
            environment["GOMP_SPINCOUNT"] = str(self.spin_count)
        return environment


def settings_on(cores: int) -> list[Setting]:
    """Return the settings that are compared on a machine with so many cores."""
    plain = [Setting(cores, spin_count) for spin_count in (None, 20_000, 1_500, 1_000, 0)]
    short = [Setting(cores, spin_count, short_turns=True) for spin_count in (1_500, 1_000)]
    return [*plain, *short, Setting(1)]


def train_on_demand(setting: Setting) -> None:
    """Train one epoch for every line on standard input, and answer with its seconds; a short one warms up."""
    import torch

    from helpers import computing, data, models, recipes, training

    torch.set_num_threads(setting.threads)
    computing.keep_freed_memory()
    if setting.short_turns:
        computing.take_short_turns()
    recipe = recipes.choose("fast", epochs=1)
    splits = data.split(data.load("mnist"))
    few = data.Split(*(part[:4_000] for part in splits["train"]))

    def seconds_of(train: data.Split) -> float:
        network = models.build(recipe.network, 10, dropout=recipe.dropout, normalise_each=recipe.normalise_each)
        started = time.perf_counter()
        training.fit(network, recipe, train, splits["validation"])
        return time.perf_counter() - started

    seconds_of(few)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(seconds_of(splits["train"]), flush=True)


class Trainer:
    """A process that trains on demand."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        command = [sys.executable, __file__, "--train", json.dumps(asdict(setting))]
        self.process = subprocess.Popen(
            command, env=setting.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()

    def answer(self) -> str:
        """Return the next line that the process writes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a process that was to train has ended")
        return line

    def seconds(self) -> float:
        """Train one epoch and return how long it took."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.answer())


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Let so many programs count while the block runs."""
    counting = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        time.sleep(0.5)  # until they count
        yield
    finally:
        for program in counting:
            program.kill()
            program.wait()


def measure(repeats: int) -> list[dict[str, Any]]:
    """Return the rows: every setting beside every number of programs, in turns, `repeats` times."""
    cores = machine.cores()
    trainers = [Trainer(setting) for setting in settings_on(cores)]
    taken: dict[tuple[Setting, int], list[float]] = {}
    for _ in range(repeats):
        for programs in PROGRAMS:
            with busy(programs):
                for trainer in trainers:
                    seconds = trainer.seconds()
                    taken.setdefault((trainer.setting, programs), []).append(seconds)
                    print(f"{programs} programs, {trainer.setting}: {seconds:.2f} s", flush=True)
    for trainer in trainers:
        trainer.process.kill()
        trainer.process.wait()  # what it computed counts as this process's own
    quickest = min(statistics.median(times) for (_, programs), times in taken.items() if programs == 0)
    rows = []
    for (setting, programs), times in taken.items():
        fair_share = quickest * (cores + programs) / cores
        rows.append(row_of(setting, programs, times, fair_share))
    return rows


def row_of(setting: Setting, programs: int, times: Sequence[float], fair_share: float) -> dict[str, Any]:
    """Return one row of the results file."""
    median = statistics.median(times)
    return asdict(setting) | {
        "programs": programs,
        "seconds": round(median, 3),
        "range": [round(min(times), 3), round(max(times), 3)],
        "repeats": len(times),
        "of_fair_share": round(median / fair_share, 2),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table: a line per setting, a column per load, seconds and times the fair share."""
    lines = [f"| setting | {' | '.join(map(str, PROGRAMS))} |", "| --- |" + " ---: |" * len(PROGRAMS)]
    settings = {Setting(row["threads"], row["spin_count"], row["short_turns"]): None for row in rows}
    for setting in settings:
        known = asdict(setting)
        own = [row for row in rows if known.items() <= row.items()]
        cells = [f"{row['seconds']:.2f} ({row['of_fair_share']:.2f})" for row in own]
        words = f"{setting.threads} threads, spin count {setting.spin_count}"
        if setting.short_turns:
            words += ", short turns"
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, keep the rows and show them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train_on_demand(Setting(**json.loads(options.train)))
        return
    facts = origin.facts()
    rows = measure(options.repeats)
    keep(rows, facts | {"taken": runs.now()})
    print(table(rows))


def keep(rows: Sequence[dict[str, Any]], noted: dict[str, Any]) -> None:
    """Write the rows of a reading, each with its origin; those of the reading before move to "earlier"."""
    before = origin.read_results(RESULTS, {"rows": []})
    about = {name: before[name] for name in ("commit", "versions", "machine") if name in before}  # of early rows
    earlier = [*before.get("earlier", []), *(about | row for row in before["rows"])]
    files.write_json(RESULTS, {"rows": [row | noted for row in rows], "earlier": earlier})


if __name__ == "__main__":
    origin.call(main)
