"""What a person sees while the stages run: one moving line on a terminal, plain lines in a log file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from helpers.runs import StageRecord

from .stages import Stage

STYLES = {"done": "green", "up to date": "dim", "failed": "red", "stopped": "yellow"}
BAR = 20  # characters


class Audience(Protocol):
    """Whoever is told how the stages of a run get on."""

    def say(self, text: str = "") -> None:
        """Take a line for a person."""

    def stage(self, stage: Stage, announcement: str) -> AbstractContextManager[None]:
        """Take note that a stage is at work while the block runs."""

    def cell(self, number: int, total: int) -> None:
        """Take note that the stage has reached a cell."""

    def message(self, fields: Mapping[str, Any]) -> None:
        """Take what a kernel told: the fields of helpers.progress."""

    def skip(self, stage: Stage) -> None:
        """Take note that a stage was up to date."""

    def finish(self, stage: Stage, record: StageRecord, report: str) -> None:
        """Take note how a stage ended, and where its report lies."""


class Screen:
    """Tells on a stream, standard output unless said otherwise, how the stages get on; nothing where it is `quiet`."""

    def __init__(self, stream: IO[str] | None = None, quiet: bool = False) -> None:
        self.console = open_console(stream, quiet)
        self.moving = self.console.is_terminal
        self.live: Live | None = None
        self.stage_name = ""
        self.cell_reached = ""
        self.bar = ""
        self.milestone = 0

    def say(self, text: str = "") -> None:
        """Print a line; a moving one stays below it."""
        self.console.print(Text(text), soft_wrap=True)

    @contextmanager
    def stage(self, stage: Stage, announcement: str) -> Iterator[None]:
        """Show a stage at work while the block runs; a log gets the `announcement` as a line."""
        self.stage_name = stage.name
        self.cell_reached = ""
        self.bar = ""
        self.milestone = 0
        if not self.moving:
            self.say(announcement)
            yield
            return
        self.live = Live(
            console=self.console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=self.moving_line,
        )
        try:
            with self.live:
                self.live.refresh()
                yield
        finally:
            self.live = None

    def moving_line(self) -> Text:
        """Return the line that moves: stage, cell and progress, cut to the terminal's width."""
        return Text(f"  {self.stage_name:<12} {self.cell_reached}  {self.bar}", no_wrap=True, overflow="crop")

    def refresh(self) -> None:
        """Draw the moving line, if there is one."""
        if self.live is not None:
            self.live.refresh()

    def cell(self, number: int, total: int) -> None:
        """Tell which cell the stage has reached."""
        self.cell_reached = f"cell {number}/{total}"
        self.bar = ""
        self.refresh()

    def message(self, fields: Mapping[str, Any]) -> None:
        """Show what a kernel told: the fields of helpers.progress."""
        if fields.get("kind") == "progress":
            self.progress(fields)
        elif fields.get("kind") == "log":
            self.say(f"  {fields['text']}")

    def progress(self, fields: Mapping[str, Any]) -> None:
        """Show how far a computation has come; in a log, a line for each epoch that is done."""
        self.bar = bar_of(fields)
        if not self.moving and fields["milestone"] > self.milestone:
            self.say(f"      {fields['label']}")
        self.milestone = fields["milestone"]
        self.refresh()

    def skip(self, stage: Stage) -> None:
        """Tell that a stage was up to date."""
        self.say_state(stage, "up to date", "")

    def finish(self, stage: Stage, record: StageRecord, report: str) -> None:
        """Tell how a stage ended, how long it took and where its report lies."""
        self.say_state(stage, record.state, f" {record.seconds or 0:7.1f} s  {report}")

    def say_state(self, stage: Stage, state: str, rest: str) -> None:
        """Print the closing line of a stage, its state in colour where colours are wanted."""
        self.console.print(state_line(f"{stage.name:<12}", state, rest, self.console), soft_wrap=True)


def open_console(stream: IO[str] | None = None, quiet: bool = False) -> Console:
    """Return a console on a stream, standard output unless said otherwise; a terminal where lines can move on it."""
    stream = stream or sys.stdout
    moving = stream.isatty() and os.environ.get("TERM") != "dumb"
    return Console(
        file=stream,
        quiet=quiet,
        force_terminal=moving,
        force_interactive=moving,
        highlight=False,
        markup=False,
        emoji=False,
    )


def bar_of(fields: Mapping[str, Any]) -> str:
    """Return how far a computation has come: share, time left, bar, what it does; `fields` as of helpers.progress."""
    filled = round(BAR * fields["share"])
    return f"{fields['share']:4.0%} {fields['detail']} [{'=' * filled:<{BAR}}] {fields['label']}"


def state_line(name: str, state: str, rest: str, console: Console) -> Text:
    """Return the closing line of what has a `name`, its state in colour where the console wants colours."""
    style = "" if console.no_color else STYLES.get(state, "")
    line = Text(f"  {name} ")
    line.append(f"{state:<8}", style=style)
    line.append(rest)
    return line
