"""What a person sees while the stages run: one moving line on a terminal, plain lines in a log file."""

import os
import re
import shutil
import sys

BAR = re.compile(r" *\[[ =]*\] *\d+%")
EPOCH = re.compile(r"epoch (\d+)/\d+")
STATES = {"done": "32", "up to date": "2", "failed": "31", "stopped": "33"}  # colours, as terminals number them


class Screen:
    """The stages' progress on a stream. What a kernel prints comes in through `write`; progress bars are passed on."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.moving = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.coloured = self.moving and not os.environ.get("NO_COLOR")
        self.stage, self.place, self.bar, self.epoch = "", "", "", "0"
        self.number = 0  # of the cell that the stage has reached, from 1

    def say(self, text=""):
        """Print a line, in place of the moving one."""
        print(("\r\x1b[K" if self.moving else "") + text, file=self.stream, flush=True)

    def colour(self, state, text):
        """Return `text` in the colour of a state where colours are wanted."""
        return f"\x1b[{STATES[state]}m{text}\x1b[0m" if self.coloured else text

    def start(self, stage, number, total, reason):
        """Announce a stage and why it runs."""
        self.stage, self.place, self.bar, self.epoch = stage.name, "", "", "0"
        if self.moving:
            self.draw()
        else:
            self.say(f"[{number}/{total}] {stage.name}: {reason}")

    def cell(self, number, count):
        """Tell which cell the stage has reached."""
        self.number, self.place, self.bar = number, f"cell {number}/{count}", ""
        self.draw()

    def write(self, text):
        """Take what a notebook printed; the last state of a progress bar in it is shown."""
        for part in re.split(r"[\r\n]", text):
            if "[" in part and "%" in part:
                self.bar = part.strip()
                epoch = EPOCH.match(self.bar)
                if epoch and not self.moving and epoch[1] not in ("0", self.epoch):
                    self.epoch = epoch[1]
                    self.say(f"      {BAR.sub('', self.bar)}")
            elif part.startswith("warning: "):
                self.say(f"  {part}")
        self.draw()

    def flush(self):
        """Do nothing: a line is flushed when it is printed."""

    def draw(self):
        """Draw the moving line, cut to the terminal's width."""
        if self.moving:
            line = f"  {self.stage:<12} {self.place}  {self.bar}"
            print("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1], end="", file=self.stream, flush=True)

    def skip(self, stage):
        """Tell that a stage was up to date."""
        self.say(f"  {stage.name:<12} {self.colour('up to date', 'up to date')}")

    def finish(self, stage, record, report):
        """Tell how a stage ended, how long it took and where its report lies."""
        state = self.colour(record["state"], f"{record['state']:<8}")
        self.say(f"  {stage.name:<12} {state} {record['seconds']:7.1f} s  {report or 'no report'}")
