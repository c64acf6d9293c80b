"""Several values of a flag -> a Grid: the runs that it is made of, settled, before any of them starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .request import Request

AXES = ("dataset", "recipe", "epochs", "batch_size", "learning_rate", "validation_size", "seed", "fold")
REPEATS = ("seed", "fold")  # axes along which a setting is repeated
MOST = 10_000  # points


@dataclass(frozen=True)
class Point:
    """One run of a grid."""

    request: Request
    settings: dict[str, Any]  # {axis: value}, of all axes but REPEATS, as the run has them
    seed: int
    fold: str | None = None  # which part validates, as in 2/5

    @property
    def run(self) -> str:
        """The name of its run."""
        return self.request.run


@dataclass(frozen=True)
class Grid:
    """The runs that a command with several values of a flag stands for."""

    name: str
    axes: tuple[str, ...]  # those with several values, in the order of AXES
    points: tuple[Point, ...]
    outputs: Path  # the folder of all runs

    @property
    def folder(self) -> Path:
        """The folder of what is said of the grid as a whole, which may not be there yet."""
        return self.outputs / "grids" / self.name


@dataclass(frozen=True)
class Outcome:
    """How a run of a grid ended."""

    code: int  # the exit code that the single command would have; 0 where all is done
    message: str = ""  # why it is not, in one line
