"""The errors that a person can fix: each one line that names the thing, the rule and the way out."""

import re
from collections.abc import Callable, Sequence


class ProjectError(Exception):
    """An error with a rule that was broken, and, where they are known, the field, its value and a way out.

    `field` is the name of a parameter as the notebooks declare it (`learning_rate`). Names of other parameters stand in
    `rule` and `way_out` in backquotes. A command line that calls its parameters otherwise says so by `text`.
    """

    exit_code = 1

    def __init__(self, rule: str, *, field: str = "", value: object = None, way_out: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.field = field
        self.value = value
        self.way_out = way_out

    def text(self, name: Callable[[str], str] | None = None) -> str:
        """Return the error as one line in which every parameter is called `name(parameter)`.

        With no `name`, the field is called as it is, and other parameters stand in backquotes.
        """
        line = self.rule
        if self.field:
            field = name(self.field) if name else self.field
            subject = field if self.value is None else f"{field} {self.value}"
            line = f"{subject}: {line}"
        if self.way_out:
            line = f"{line}; {self.way_out}"
        if name is None:
            return line
        return re.sub(r"`(\w+)`", lambda parameter: name(parameter[1]), line)

    def __str__(self) -> str:
        return self.text()


class BadInput(ProjectError):
    """A parameter or a name that breaks a rule."""

    exit_code = 2


class DatasetUnavailable(ProjectError):
    """The dataset is not there, cannot be downloaded, or is damaged."""

    exit_code = 3


class TrainingDiverged(ProjectError):
    """The loss is no longer a finite number; `history` and `losses` tell how it came to that.

    history: one dictionary for each epoch that ended. losses: the loss of each batch of the epoch that did not.
    """

    exit_code = 4

    def __init__(
        self, rule: str, history: Sequence[dict] = (), losses: Sequence[float] = (), *, way_out: str = ""
    ) -> None:
        super().__init__(rule, way_out=way_out)
        self.history = history
        self.losses = losses


class RunInUse(ProjectError):
    """Another process writes to this run."""

    exit_code = 5
