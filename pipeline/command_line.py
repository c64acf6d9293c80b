"""What the command lines share: a parser whose errors are one line each, converters of flags, the end with an error."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any, NoReturn

from helpers import errors, folds

NEEDED = ("torch", "numpy", "PIL", "pydantic", "filelock", "papermill")  # without these nothing begins
HEARD: list[str] = []  # the name of the signal that `stop` has turned into an exception
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def check_packages() -> None:
    """End the process with one line where this Python lacks the packages, as one outside the environment does."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        enter = r".venv\Scripts\activate" if os.name == "nt" else ". .venv/bin/activate"
        way_out = f"enter the environment, {enter}, or make it first, as docs/set-up.md tells"
        fail(str(errors.BadInput(f"{missing[0]} is not installed for {sys.executable}", way_out=way_out)), 1)


def shown(text: str) -> str:
    """Return a flag's text as an error shows it: as it is, but for an empty one, which gets quotes."""
    return text or repr(text)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a converter of a flag's text to a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        if not re.fullmatch("-?[0-9]{1,20}", text):
            raise argparse.ArgumentTypeError(f"{shown(text)}: must be a whole number")
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"{text}: must be at least {low}")
        if int(text) > high:
            raise argparse.ArgumentTypeError(f"{text}: must be at most {high}")
        return int(text)

    return convert


def rate(text: str) -> float:
    """Return a flag's text as a learning rate."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 10:
        raise argparse.ArgumentTypeError(f"{shown(text)}: must be a number above 0 and at most 10")
    return number


def fold(text: str) -> str:
    """Return a flag's text as a fold, as in 2/5."""
    try:
        folds.read(text)
    except errors.BadInput as error:
        raise argparse.ArgumentTypeError(f"{error.value}: {error.rule}") from None
    return text


def address(text: str) -> str:
    """Return a flag's text as the address of a scheduler."""
    if not re.fullmatch(r"[a-z]+://[^\s/]+:[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{shown(text)}: must be an address such as tcp://host:8786")
    return text


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """Return a converter that lets only `names` through, and otherwise lists them, the nearest first."""

    def convert(text: str) -> str:
        if text not in names:
            nearest = difflib.get_close_matches(text, names, n=len(names), cutoff=0)
            raise argparse.ArgumentTypeError(f"{shown(text)}: not known; choose one of {', '.join(nearest)}")
        return text

    return convert


class Once(argparse.Action):
    """Keep the values of a flag that takes several, and refuse the flag a second time: the first would be lost.

    `advice` says what to do instead; without it, that all values go behind one.
    """

    def __init__(self, *arguments: Any, advice: str = "", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.advice = advice or f"put all values behind one {self.option_strings[0]}"

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, f"given twice; {self.advice}")
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line each: the flag, what was given, the rule."""

    def error(self, message: str) -> NoReturn:
        message = " ".join(message.split())[:300]
        message = re.sub(r"^argument (\S+?)(/\S+)?: ", r"\1 ", message)
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown[1], flags, n=1)
            advice = f"did you mean {near[0]}?" if near else "see --help"
            if os.path.lexists(unknown[1]):
                advice = f"if it is a file, say ./{unknown[1]}"
            message = f"{unknown[1]}: no such flag; {advice}"
        raise errors.BadInput(message)


def flag(field: str) -> str:
    """Return what the command line calls a parameter: learning_rate is --learning-rate."""
    return f"--{field.replace('_', '-')}"


def stop(number: int, _: FrameType | None) -> NoReturn:
    """Turn a signal into the exception that ends the kernel and leaves a run resumable; later ones wait for that."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    HEARD.append(signal.Signals(number).name)
    raise KeyboardInterrupt(HEARD[0])


def check_heard() -> None:
    """Raise the exception of a signal again: where Python was tidying up when it came, the first one was lost."""
    if HEARD:
        raise KeyboardInterrupt(HEARD[0])


def fail(message: str, code: int) -> NoReturn:
    """End with one line on stderr, after the traceback where --debug asks for it."""
    if "--debug" in sys.argv:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
