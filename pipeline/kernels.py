"""Kernels of this very interpreter: the next notebook's gets ready while the one before is still at work.

A kernel that has just started takes seconds to import what its notebook needs, and keeps one processor busy with that.
"""

import os
import sys
from contextlib import contextmanager

from helpers import files, runs

# jsonschema can do without this checker of URIs, which nobody needs here and which takes most of a second to import.
sys.modules.setdefault("rfc3987_syntax", None)
WARM_UP = "try: exec({!r}, {{}})\nexcept Exception: pass"  # the notebook itself will say what is wrong


class Kernels:
    """The kernels of one command, none of which outlives it."""

    def __init__(self):
        self.ready = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for _, kernel in self.ready.values():
            stop(kernel)

    def prepare(self, name, imports, state):
        """Start a kernel that `take` will find ready, unless there is one; it runs the statements `imports` already.

        `state` is any value that is another when what is imported has changed.
        """
        if name not in self.ready:
            self.ready[name] = (imports, state), start(imports)

    @contextmanager
    def take(self, name, imports, state):
        """Yield the manager of a living kernel: that which was prepared with the same values, else a new one."""
        before, kernel = self.ready.pop(name, (None, None))
        if kernel and (before != (imports, state) or not kernel.is_alive()):
            stop(kernel)
            kernel = None
        kernel = kernel or start(imports)
        try:
            yield kernel
        finally:
            stop(kernel)


def start(imports):
    """Return the manager of a new kernel of this interpreter that runs the statements `imports` before anything else.

    What they import is then at hand; no name is left in the notebook's namespace.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import KernelManager
    from jupyter_client.asynchronous import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec

    class OwnKernel(KernelManager):
        """A kernel of this interpreter, whatever the kernelspecs in the user's folders say; it knows its clients."""

        kernel_spec = KernelSpec(**get_kernel_dict())
        client_factory = AsyncKernelClient
        transport_encryption = "auto"
        clients = ()

        def client(self, **options):
            self.clients = (*self.clients, super().client(**options))
            return self.clients[-1]

    others = [
        path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(files.PROJECT)
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(files.PROJECT), *others])
    os.environ["MNIST_OUTPUTS_DIR"] = str(runs.outputs_folder())
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the kernel's debugger warns on the terminal
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # threads that wait give way: twice as fast on a busy machine
    kernel = OwnKernel()
    warm_up = f"--IPKernelApp.exec_lines={WARM_UP.format(imports)}"
    kernel.start_kernel(extra_arguments=[warm_up], cwd=str(files.PROJECT / "notebooks"))
    return kernel


def stop(kernel):
    """End a kernel at once, dead or alive: everything is saved by now, and a polite farewell takes longer."""
    for client in kernel.clients:
        client.stop_channels()
    kernel.shutdown_kernel(now=True)
