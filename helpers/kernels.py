"""Kernels of this very interpreter: the next notebook's gets ready while the one before is still at work.

A kernel that has just started takes seconds to import what its notebook needs, and has one processor busy with that.
"""

import os
from contextlib import contextmanager

from . import runs

NOTEBOOKS = runs.PROJECT / "notebooks"
WARM_UP = "try: exec({!r}, {{}})\nexcept Exception: pass"  # the notebook itself will say what is wrong


class Kernels:
    """The kernels of one command, none of which outlives it."""

    def __init__(self):
        self.ready = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        while self.ready:
            stop(self.ready.popitem()[1][1])

    def prepare(self, notebook, code):
        """Start a kernel that `take` will find ready, unless there is one; the file `notebook` says what it imports."""
        if notebook not in self.ready:
            self.ready[notebook] = code, start(notebook)

    @contextmanager
    def take(self, notebook, code):
        """Yield the manager of a living kernel for `notebook`, that which was prepared if it has imported this `code`.

        `code` is anything that tells one state of the imported files from another.
        """
        before, kernel = self.ready.pop(notebook, (None, None))
        if kernel and (before != code or not kernel.is_alive()):
            stop(kernel)
            kernel = None
        kernel = kernel or start(notebook)
        try:
            yield kernel
        finally:
            stop(kernel)


def start(notebook):
    """Return the manager of a new kernel of this interpreter, which runs the first code cell of `notebook` beforehand.

    That cell imports, and what it imports is then at hand; its names are not left in the notebook's namespace.
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

    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(runs.PROJECT)]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(runs.PROJECT), *others])
    os.environ["MNIST_OUTPUTS_DIR"] = str(runs.outputs_folder())
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the kernel's debugger warns on the terminal
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # threads that wait give way: twice as fast on a busy machine
    code = ("".join(cell["source"]) for cell in runs.read_json(notebook)["cells"] if cell["cell_type"] == "code")
    kernel = OwnKernel()
    warm_up = f"--IPKernelApp.exec_lines={WARM_UP.format(next(code, ''))}"
    kernel.start_kernel(extra_arguments=[warm_up], cwd=str(NOTEBOOKS))
    return kernel


def stop(kernel):
    """End a kernel at once, dead or alive: everything is saved by now, and a polite farewell takes longer."""
    for client in kernel.clients:
        client.stop_channels()
    kernel.shutdown_kernel(now=True)
