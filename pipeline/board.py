"""What a person sees while a grid runs: a moving line for each run at work, and one for all; plain lines in a log."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from rich.live import Live
from rich.text import Text

from helpers import runs
from helpers.errors import BadInput

from .grids import Grid, Outcome, Point
from .reports import page_of
from .screen import bar_of, open_console, state_line

REDRAWN = 4  # times a second
SHORT = 120  # characters of why a run failed; the end of the command has all
OTHER_LINES = 3  # of a terminal: that on all runs, that on those for which there is no room, and the cursor's


@dataclass
class Working:
    """A run that is at work, as far as it has told."""

    label: str
    where: str
    started: float  # by time.monotonic
    stage: str = ""  # and which of how many it is
    cell: str = ""
    bar: str = ""


class Board:
    """Tells on a stream, standard output unless said otherwise, how the runs of a Grid get on, `jobs` at a time.

    One thread calls its methods. `with` shows the moving lines while the block runs.
    """

    def __init__(self, grid: Grid, jobs: int, stream: IO[str] | None = None) -> None:
        self.grid = grid
        self.console = open_console(stream)
        self.live: Live | None = None
        self.side_by_side = jobs  # the most that were seen, or are expected
        self.at_work: dict[str, Working] = {}
        self.ended: dict[str, Outcome] = {}
        self.already_done: set[str] = set()
        self.took: list[float] = []  # seconds of each that was done
        self.width = max(len(point.run) for point in grid.points)

    def __enter__(self) -> Board:
        if self.console.is_terminal:
            self.live = Live(
                console=self.console,
                transient=True,
                refresh_per_second=REDRAWN,
                redirect_stdout=False,
                redirect_stderr=False,
                get_renderable=self.moving_lines,
            )
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def say(self, text: str = "") -> None:
        """Print a line; those that move stay below it."""
        self.console.print(Text(text), soft_wrap=True)

    def up_to_date(self, point: Point) -> None:
        """Take note that nothing has to be done for a run."""
        self.already_done.add(point.run)

    def started(self, point: Point, where: str = "") -> None:
        """Tell that a run is at work, and where, if not on this machine; a second time where it had to start again."""
        self.at_work[point.run] = Working(self.grid.label(point), where, time.monotonic())
        self.side_by_side = max(self.side_by_side, len(self.at_work))
        if self.live is None:
            self.say(f"  {point.run:<{self.width}} started   {where}".rstrip())

    def lost(self, point: Point) -> None:
        """Take note that the worker of a run is gone: it waits again."""
        self.at_work.pop(point.run, None)

    def told(self, point: Point, fields: Mapping[str, Any]) -> None:
        """Show what a run tells: its stage, cell and progress on a terminal alone, a note as a line."""
        kind = fields.get("kind")
        working = self.at_work.get(point.run)
        if kind == "note":
            self.say(f"  {point.run}: {fields['text']}")
        elif working is not None and kind == "stage":
            names = [stage.name for stage in point.request.stages]
            number = names.index(fields["stage"]) + 1 if fields["stage"] in names else 0
            working.stage = f"{number}/{len(names)} {fields['stage']}"
            working.cell = working.bar = ""
        elif working is not None and kind == "cell":
            working.cell = f"cell {fields['number']}/{fields['total']}"
            working.bar = ""
        elif working is not None and kind == "progress":
            working.bar = bar_of(fields)

    def finished(self, point: Point, outcome: Outcome, seconds: float) -> None:
        """Tell how a run ended, after how many seconds; of one that failed, why."""
        self.at_work.pop(point.run, None)
        self.ended[point.run] = outcome
        rest = f" {seconds:7.1f} s"
        if outcome.code == 0:
            self.took.append(seconds)
        else:
            rest += f"  {cut(outcome.message, SHORT)}"
        if self.live is None:
            ended = len(self.ended) + len(self.already_done)
            rest += f"  ({ended:,} of {len(self.grid.points):,}{self.time_left(', ')})"
        line = state_line(f"{point.run:<{self.width}}", state_of(outcome), rest, self.console)
        self.console.print(line, soft_wrap=True)

    def counts(self) -> dict[str, int]:
        """Return how many runs are in each state: {"finished", "running", "waiting", "failed"}, up to date or done."""
        failed = sum(outcome.code != 0 for outcome in self.ended.values())
        finished = len(self.ended) - failed + len(self.already_done)
        waiting = len(self.grid.points) - finished - failed - len(self.at_work)
        return {"finished": finished, "running": len(self.at_work), "waiting": waiting, "failed": failed}

    def moving_lines(self) -> Text:
        """Return the lines that move: a run each, as many as there is room for, and one on all of them."""
        at_work = list(self.at_work.values())
        room = max(1, self.console.size.height - OTHER_LINES)
        shown = at_work[:room]
        width = min(self.console.width // 2, max((len(working.label) for working in shown), default=0))
        columns = self.console.width
        lines = [cut(line_of(working, width), columns) for working in shown]
        if len(at_work) > len(shown):
            lines.append(f"  and {len(at_work) - len(shown):,} more at work")
        lines.append("  " + "  ".join(f"{state} {count:,}" for state, count in self.counts().items()))
        lines[-1] += self.time_left("  ")
        return Text("\n".join(lines), no_wrap=True, overflow="crop")

    def time_left(self, before: str) -> str:
        """Return in words how long all that is left will take, behind `before`; "" where that is not known.

        Each is taken to need the mean of those that are done, and to begin where a place gets free first; as many
        places as there have been, or as the workers have. Nothing is known before one is done, and when those at work
        have all taken longer.
        """
        at_work = list(self.at_work.values())
        waiting = self.counts()["waiting"]
        if not self.took or not waiting + len(at_work):
            return ""
        mean = statistics.fmean(self.took)
        now = time.monotonic()
        rests = [max(0.0, mean - (now - working.started)) for working in at_work]
        rests = sorted([0.0] * (self.side_by_side - len(rests)) + rests)
        rounds, more = divmod(waiting, len(rests))  # no rest is above the mean: in a round each place gets one
        last = max(rests[-1], mean + rests[more - 1]) if more else rests[-1]
        left = round(rounds * mean + last)
        return f"{before}{timedelta(seconds=left)} left" if left else ""


def line_of(working: Working, width: int) -> str:
    """Return the line of a run at work, its label in `width` characters."""
    label = cut(working.label, width)
    words = [f"{label:<{width}}", working.where, f"{working.stage:<15}", working.bar or working.cell]
    return "  " + "  ".join(word for word in words if word).rstrip()


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` characters; one that is cut ends with a whole word and three dots."""
    if len(text) <= width:
        return text
    begins = text[: max(0, width - 3)]
    words = begins.rsplit(" ", 1)[0].rstrip()
    return f"{words or begins}..."[:width]


def state_of(outcome: Outcome) -> str:
    """Return in a word how a run ended: done, failed, or stopped by a signal."""
    if outcome.code == 0:
        return "done"
    return "stopped" if outcome.code > 128 else "failed"


def why(point: Point, outcome: Outcome) -> str:
    """Return why a run failed and where the report on it lies, in one line."""
    page = page_of_failure(point)
    return outcome.message if page is None else f"{outcome.message or 'it failed'}; see {page}"


def page_of_failure(point: Point) -> Path | None:
    """Return the page of the stage in which a run failed or was stopped, None where there is none."""
    folder = point.request.folder
    with contextlib.suppress(BadInput, OSError):  # a run that cannot be read has no page to be shown
        manifest = runs.load_manifest(folder)
        for stage in point.request.stages:
            record = manifest.stages.get(stage.name) if manifest else None
            if record is not None and record.state in ("failed", "stopped") and page_of(folder, stage).is_file():
                return page_of(folder, stage)
    return None
