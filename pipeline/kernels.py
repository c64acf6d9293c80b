"""Kernels of this very interpreter: the next notebook's gets ready while the one before is still at work.

A kernel that has just started takes seconds to import what its notebook needs, and keeps one processor busy with that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import plan
from .stages import NOTEBOOKS, Stage

if TYPE_CHECKING:
    from jupyter_client import KernelManager

# What a kernel runs before its first cell, ahead of the notebook's imports.
WARM_UP = """
from helpers import progress
from pipeline import machine
progress.show_log()
machine.tell_after_each_cell()
"""


@dataclass(frozen=True)
class Imports:
    """What a stage's kernel imports ahead: the statements, and the digests of the helpers that they reach."""

    statements: str
    digests: Mapping[str, str | None]

    @classmethod
    def of(cls, stage: Stage) -> Imports:
        """Return those of a stage's notebook as it is now."""
        return cls(plan.imports_of(stage), plan.helper_digests(stage))


class Kernels:
    """The kernels of one command, started with one environment; none outlives the block that opens them.

    Unless they may start `ahead` of time, each starts when its notebook does.
    """

    def __init__(self, environment: Mapping[str, str], ahead: bool = True) -> None:
        self.environment = dict(environment)
        self.ahead = ahead
        self.prepared: dict[str, tuple[Imports, KernelManager]] = {}

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *error: object) -> None:
        for _, kernel in self.prepared.values():
            stop(kernel)

    def prepare(self, stage: Stage) -> None:
        """Start a kernel that `take` will find ready, unless there is one; it imports at once."""
        if self.ahead and stage.name not in self.prepared:
            imports = Imports.of(stage)
            self.prepared[stage.name] = imports, start(imports.statements, self.environment)

    @contextmanager
    def take(self, stage: Stage) -> Iterator[KernelManager]:
        """Yield a living kernel: the one that was prepared, if its imports are those of today, else a new one."""
        imports = Imports.of(stage)
        prepared_imports, kernel = self.prepared.pop(stage.name, (None, None))
        if kernel is not None and (prepared_imports != imports or not kernel.is_alive()):
            stop(kernel)
            kernel = None
        if kernel is None:
            kernel = start(imports.statements, self.environment)
        try:
            yield kernel
        finally:
            stop(kernel)


def start(imports: str, environment: Mapping[str, str]) -> KernelManager:
    """Return a new kernel of this interpreter, which runs the statements `imports` before anything else.

    What they import is then at hand; no name is left in the notebook's namespace.
    """
    plan.skip_uri_checker()
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import KernelManager
    from jupyter_client.asynchronous import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec

    class OwnKernel(KernelManager):
        """A kernel of this interpreter, whatever the kernelspecs in the user's folders say; it knows its clients."""

        kernel_spec = KernelSpec(**get_kernel_dict())
        client_factory = AsyncKernelClient
        transport_encryption = "auto"
        clients: tuple[Any, ...] = ()

        def client(self, **options: Any) -> Any:
            client = super().client(**options)
            self.clients = (*self.clients, client)
            return client

    kernel = OwnKernel()
    ahead = f"exec({WARM_UP + imports!r}, {{}})"  # in a namespace of its own
    line = f"try:\n    {ahead}\nexcept Exception:\n    pass"  # import errors are left for the notebook to report
    arguments = [f"--IPKernelApp.exec_lines={line}"]
    kernel.start_kernel(extra_arguments=arguments, cwd=str(NOTEBOOKS), env=dict(environment))
    return kernel


def stop(kernel: KernelManager) -> None:
    """End a kernel at once, dead or alive: everything is saved by now, and a polite farewell takes longer."""
    for client in getattr(kernel, "clients", ()):
        client.stop_channels()
    kernel.shutdown_kernel(now=True)
