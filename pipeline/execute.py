"""One notebook through papermill: load, parameterise, execute, see how it ended, write.

The executed notebook's own status is not trusted: after a kernel has died it reads as if every cell had completed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from helpers import errors, files
from helpers.progress import MEASURED, MESSAGE

from . import plan
from .stages import Stage

if TYPE_CHECKING:
    from jupyter_client import KernelManager
    from nbformat import NotebookNode

logger = logging.getLogger(__name__)

INJECTED = "injected-parameters"  # the tag of the cell in which papermill sets the parameters
PATIENCE = 600  # seconds that a kernel may take to import on a slow disk
EXIT_CODES = {
    kind.__name__: kind.exit_code
    for kind in (errors.BadInput, errors.DatasetUnavailable, errors.TrainingDiverged, errors.RunInUse)
}


class StageFailed(errors.ProjectError):
    """A cell raised, or the kernel died: the text names stage, cell and error in a few lines."""

    def __init__(self, text: str, error_name: str = "") -> None:
        super().__init__(text)
        self.error_name = error_name
        self.exit_code = EXIT_CODES.get(error_name, 1)

    def text(self, name: Callable[[str], str] | None = None) -> str:
        """Return the text; only this project's own errors name parameters in it."""
        return super().text(name if self.error_name in EXIT_CODES else None)


class Listener(Protocol):
    """Whoever is told what happens in a notebook while it runs."""

    def cell(self, number: int, total: int) -> None:
        """Cell `number` of `total`, from 1, begins."""

    def message(self, fields: Mapping[str, Any]) -> None:
        """The kernel told something: the fields of helpers.progress."""


class ListenerFailed(Exception):
    """A listener has raised, which is the `__cause__`; nothing is wrong with the kernel."""


@contextmanager
def listening() -> Iterator[None]:
    """Raise ListenerFailed for whatever a listener raises in the block, so that the kernel is not blamed for it."""
    try:
        yield
    except Exception as error:
        raise ListenerFailed from error


@dataclass
class CellCounter:
    """Which cell of the notebook is at work, from 1; papermill's own parameter cell does not count."""

    total: int
    reached: int = 0

    def advance(self, cell: Mapping[str, Any]) -> None:
        """Count one more cell that begins."""
        if INJECTED not in cell["metadata"].get("tags", []):
            self.reached += 1


def execute(stage: Stage, parameters: Mapping[str, Any], path: Path, kernel: KernelManager, listener: Listener) -> None:
    """Execute a stage's notebook in a running `kernel`, and write it to `path`, however it ends.

    Of the `parameters` it gets those that it declares. StageFailed names the cell that raised, or in which the kernel
    died; OSError where the notebook cannot be written. What the `listener` raises is raised.
    """
    plan.skip_uri_checker()
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    declared = plan.declared_parameters(stage)
    values = {name: value for name, value in parameters.items() if name in declared}
    notebook = load_notebook_node(str(stage.source))
    notebook.cells = [cell for cell in notebook.cells if not set(stage.left_out) & set(cell.metadata.get("tags", []))]
    counter = CellCounter(total=len(notebook.cells))
    notebook = parameterize_notebook(notebook, values, kernel_name="python3", language="python")
    for cell in notebook.cells:
        if INJECTED in cell.metadata.get("tags", []):
            cell.id = INJECTED  # papermill draws one at random, and the same run would not be the same file
    with written_in_any_case(notebook, path):
        try:
            run_cells(notebook, kernel, listener, counter)
            raise_unless_complete(stage, notebook, counter)
        except ListenerFailed as failure:
            raise failure.__cause__ or failure from None
        except (errors.ProjectError, OSError):
            raise
        except Exception as error:  # nbclient, zmq and asyncio raise different errors when a kernel dies
            text = f"{where(stage, counter)}: the kernel died or did not answer ({type(error).__name__})"
            raise StageFailed(f"{text}; run the same command again") from error


@contextmanager
def written_in_any_case(notebook: NotebookNode, path: Path) -> Iterator[None]:
    """Write a notebook when the block ends; where the block fails, its own failure matters more than one to write."""
    try:
        yield
    except BaseException:
        try:
            write(notebook, path)
        except Exception as error:
            logger.warning("%s could not be written: %s", path.name, error)
        raise
    write(notebook, path)


def run_cells(notebook: NotebookNode, kernel: KernelManager, listener: Listener, counter: CellCounter) -> None:
    """Run every cell of a notebook until one raises; outputs are written into the notebook itself."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NotebookExecutionManager

    class Client(PapermillNotebookClient):
        """papermill's client, which passes on what helpers.progress tells."""

        def process_message(self, message: Any, *arguments: Any, **options: Any) -> Any:
            fields = (message["content"].get("metadata") or {}).get(MESSAGE)
            if fields:
                with listening():
                    listener.message(fields)
                if fields.get("kind") == MEASURED:  # no output of the cell
                    return None
            return super().process_message(message, *arguments, **options)

    def begin(cell: Mapping[str, Any], cell_index: int) -> None:
        counter.advance(cell)
        with listening():
            listener.cell(counter.reached, counter.total)

    manager = NotebookExecutionManager(notebook, progress_bar=False)
    manager.notebook_start()
    client = Client(manager, km=kernel, kernel_name="python3", startup_timeout=PATIENCE, on_cell_start=begin)
    client.timeout = None
    try:
        client.execute()
    except KeyboardInterrupt:
        drop_tasks()
        raise
    finally:
        manager.notebook_complete()


def drop_tasks() -> None:
    """Cancel what still waits for the kernel: else it complains on the terminal when the kernel has been stopped."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    done, _ = loop.run_until_complete(asyncio.wait(tasks, timeout=2))
    for task in done:
        if not task.cancelled():
            task.exception()  # taken note of, and not told


def raise_unless_complete(stage: Stage, notebook: NotebookNode, counter: CellCounter) -> None:
    """Raise StageFailed unless every cell has run, and none has raised."""
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import raise_for_execution_errors, remove_error_markers

    try:
        raise_for_execution_errors(notebook, None)
    except PapermillExecutionError as error:
        remove_error_markers(notebook)
        begins = error.source.strip().splitlines()[0] if error.source.strip() else ""
        text = f"{where(stage, counter)}, which begins: {short(begins)}"
        raise StageFailed(f"{text}\n{short(f'{error.ename}: {error.evalue}')}", error.ename) from None
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            raise StageFailed(f"{stage.name}: a cell ended the notebook before its last cell had run")


def where(stage: Stage, counter: CellCounter) -> str:
    """Return where a stage failed, in words."""
    return f"{stage.name} failed at cell {counter.reached} of {counter.total}"


def short(text: str) -> str:
    """Return at most three lines of a text, without the characters that would steer a terminal."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\t\x20-\x7e\xa0-\U0010ffff]", "", text).splitlines()
    shown = "\n".join(line[:200] for line in lines[:3])
    return f"{shown} ..." if len(lines) > 3 else shown


def write(notebook: NotebookNode, path: Path) -> None:
    """Write an executed notebook without what is only papermill's, the traces of progress bars, and paths."""
    import nbformat
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.source = without_paths(cell.source)
        for output in cell.get("outputs", []):
            hide_paths(output)
    files.write_file(path, nbformat.writes(notebook) + "\n")


def hide_paths(output: NotebookNode) -> None:
    """Replace paths of this machine in every text of one output of a cell."""
    for field in ("text", "evalue", "traceback"):
        if field in output:
            output[field] = without_paths(output[field])
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            output["data"][kind] = without_paths(content)


def without_paths(text: Any) -> Any:
    """Return a text, or a list of texts, with the project's, Python's and the user's folder as `.`, `<python>`, `~`."""
    if isinstance(text, list):
        return [without_paths(line) for line in text]
    names = {files.PROJECT: ".", Path(sys.prefix): "<python>", Path(sys.base_prefix): "<python>", Path.home(): "~"}
    for folder, name in names.items():
        is_home = folder == Path.home()
        if len(folder.parts) > 2 or (is_home and folder != Path("/")):
            text = re.sub(f"(?:{'|'.join(map(re.escape, ways_to_write(folder)))})(?![\\w-])", name, text)
    return text


def ways_to_write(folder: PurePath) -> set[str]:
    """Return how the path of a folder may stand in a text: on Windows with \\, with / and, in quotes, with two \\."""
    text = str(folder)
    return {text, folder.as_posix(), text.replace("\\", "\\\\")}
