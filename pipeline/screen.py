"""What a person sees while the stages run: one moving line on a terminal, plain lines in a log file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from helpers.runs import StageRecord

from .stages import Stage

STYLES = {"done": "green", "up to date": "dim", "failed": "red", "stopped": "yellow"}
BAR = 20  # characters


class Screen:
    """Tells on a stream how the stages get on; on no stream at all where it is None and `quiet`."""

    def __init__(self, stream: IO[str] | None = None, quiet: bool = False) -> None:
        self.console = Console(file=stream or sys.stdout, quiet=quiet, highlight=False, markup=False, emoji=False)
        self.live: Live | None = None
        self.stage = ""
        self.place = ""
        self.bar = ""
        self.milestone = 0

    def say(self, text: str = "") -> None:
        """Print a line; a moving one stays below it."""
        self.console.print(Text(text), soft_wrap=True)

    def start(self, stage: Stage, number: int, total: int, reason: str) -> None:
        """Announce a stage and why it runs."""
        self.stage = stage.name
        self.place = ""
        self.bar = ""
        self.milestone = 0
        if not self.console.is_interactive:
            self.say(f"[{number}/{total}] {stage.name}: {reason}")
            return
        self.live = Live(console=self.console, transient=True, auto_refresh=False, get_renderable=self.moving_line)
        self.live.start(refresh=True)

    def moving_line(self) -> Text:
        """Return the line that moves: stage, cell and progress, cut to the terminal's width."""
        return Text(f"  {self.stage:<12} {self.place}  {self.bar}", no_wrap=True, overflow="crop")

    def refresh(self) -> None:
        """Draw the moving line, if there is one."""
        if self.live is not None:
            self.live.refresh()

    def cell(self, number: int, total: int) -> None:
        """Tell which cell the stage has reached."""
        self.place = f"cell {number}/{total}"
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
        filled = round(BAR * fields["share"])
        self.bar = f"{fields['label']} [{'=' * filled:<{BAR}}] {fields['share']:4.0%} {fields['detail']}"
        if not self.console.is_interactive and fields["milestone"] > self.milestone:
            self.say(f"      {fields['label']}")
        self.milestone = fields["milestone"]
        self.refresh()

    def skip(self, stage: Stage) -> None:
        """Tell that a stage was up to date."""
        self.say_state(stage, "up to date", "")

    def finish(self, stage: Stage, record: StageRecord, report: str) -> None:
        """Tell how a stage ended, how long it took and where its report lies."""
        if self.live is not None:
            self.live.stop()
            self.live = None
        self.say_state(stage, record.state, f" {record.seconds or 0:7.1f} s  {report}")

    def say_state(self, stage: Stage, state: str, rest: str) -> None:
        """Print the closing line of a stage, its state in colour where colours are wanted."""
        line = Text(f"  {stage.name:<12} ")
        line.append(f"{state:<8}", style=STYLES.get(state, ""))
        line.append(rest)
        self.console.print(line, soft_wrap=True)
