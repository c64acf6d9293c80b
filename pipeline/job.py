"""One run of a grid, in a process of its own: a Request comes on standard input, what happens goes to standard output.

    python -m pipeline.job

Both are lines of JSON. Whoever has started it keeps standard input open: where that ends, its starter is gone, or
wants no more of it, and the run stops as by Ctrl-C, to be gone on with later.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from helpers import errors
from helpers.runs import StageRecord

from . import runner
from .command_line import SIGNALS, flag, stop
from .execute import EXIT_CODES, StageFailed
from .request import Request
from .stages import Stage

PATIENCE = 5  # seconds after which it is told that a run is waited for; a runner that was killed lets go sooner
LOOK = 0.5  # seconds between two looks whether a run is free


class Teller:
    """Tells on a stream, in lines of JSON, how the stages of a run get on."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.has_started_over = False
        self.has_begun = False  # a stage

    def tell(self, kind: str, **fields: Any) -> None:
        """Write a line."""
        self.stream.write(json.dumps({"kind": kind} | fields) + "\n")
        self.stream.flush()

    def say(self, text: str = "") -> None:
        """Pass on a line for a person; that a run starts over, once and without the names of its files."""
        text = text.strip()
        if text.startswith(runner.STARTED_OVER):
            if self.has_started_over:
                return
            self.has_started_over = True
            text = runner.STARTED_OVER
        self.tell("note", text=text)

    @contextmanager
    def stage(self, stage: Stage, announcement: str) -> Iterator[None]:
        """Tell that a stage is at work; `announcement` is for people."""
        self.has_begun = True
        self.tell("stage", stage=stage.name)
        yield

    def cell(self, number: int, total: int) -> None:
        """Tell which cell the stage has reached."""
        self.tell("cell", number=number, total=total)

    def message(self, fields: Mapping[str, Any]) -> None:
        """Pass on what a kernel told."""
        if fields.get("kind") == "log":
            self.say(fields["text"])
        elif fields.get("kind") == "progress":
            self.tell(**fields)

    def skip(self, stage: Stage) -> None:
        """Tell nothing: what was up to date is no news."""

    def finish(self, stage: Stage, record: StageRecord, report: str) -> None:
        """Tell how a stage ended, and where its report lies."""
        self.tell("ended", stage=stage.name, state=record.state, report=report)


def main() -> None:
    """Run the Request that comes on standard input, and tell how that ended."""
    teller = Teller(sys.stdout)
    sys.stdout = sys.stderr  # where whatever else is printed does no harm
    request = Request.model_validate(json.loads(sys.stdin.readline()) | {"environment": dict(os.environ)})
    for number in SIGNALS:
        signal.signal(number, stop)
    threading.Thread(target=stop_at_the_end_of, args=[sys.stdin], daemon=True).start()
    code, message = attempt(request, teller)
    teller.tell("end", code=code, message=message)


def stop_at_the_end_of(stream: TextIO) -> None:
    """Wait until a stream ends, and then stop this process as Ctrl-C would."""
    while stream.read(1024):
        pass
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:  # Windows, where os.kill would end this process at once
        _thread.interrupt_main(signal.SIGTERM)


def attempt(request: Request, teller: Teller) -> tuple[int, str]:
    """Run a Request; return the exit code that a command for it alone would have, and why it failed, if it did."""
    try:
        run_when_free(request, teller)
        return 0, ""
    except errors.ProjectError as error:
        return error.exit_code, in_a_line(error)
    except OSError as error:
        return 1, f"{error.filename or 'system'}: {error.strerror or error}"
    except KeyboardInterrupt as stopped:
        return 128 + signal.Signals[str(stopped)].value, f"stopped by {stopped}"
    except Exception as error:
        traceback.print_exc()
        return 1, f"{type(error).__name__}: {error}"


def in_a_line(error: errors.ProjectError) -> str:
    """Return an error in one line; of a stage that failed, what its cell raised, and then which cell that was."""
    text = error.text(flag)
    place, _, raised = text.partition("\n")
    if not isinstance(error, StageFailed) or not raised:
        return " ".join(text.split())
    if error.error_name in EXIT_CODES:
        raised = raised.removeprefix(f"{error.error_name}: ")
    return f"{' '.join(raised.split())} ({' '.join(place.split())})"


def run_when_free(request: Request, teller: Teller) -> None:
    """Run a Request; where another process is at work on the run, wait for it, and tell that after a while."""
    begun = time.monotonic()
    told = False
    while True:
        try:
            runner.run(request, teller, alone=False)
        except errors.RunInUse as error:
            if not told and time.monotonic() - begun > PATIENCE:
                told = True
                teller.say(f"{error.rule}; waiting for it")
            time.sleep(LOOK)
        else:
            if told and not teller.has_begun:
                teller.say("was made meanwhile")
            return


if __name__ == "__main__":
    main()
