"""Files written whole or not at all, and digests of what is in them."""

import ast
import errno
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PARTIAL = ".partial"  # ends the names of files that are being written
LONGEST_NAME = 255  # bytes of a file's name that all common file systems take
PATIENCE = 2  # seconds that a reader may keep a file open on Windows, where none takes its place meanwhile
WINDOWS = os.name == "nt"


def absolute(path: str | Path) -> Path:
    """Return `path` without `~`, links and `..`."""
    return Path(os.path.expanduser(path)).resolve()


def write_file(path: str | Path, content: bytes | memoryview | str) -> Path:
    """Write bytes, or text as UTF-8, to `path` whole or not at all; return the path.

    A temporary file beside it, named after it as far as a name may go, is flushed, then renamed. Missing folders are
    created. OSError where that fails; it names `path` where a folder lies there.
    """
    path = Path(path)
    if isinstance(content, str):
        content = content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = f".{secrets.token_hex(4)}{PARTIAL}"
    beginning = os.fsencode(f".{path.name}")[: LONGEST_NAME - len(ending)]
    temporary = path.with_name(beginning.decode("utf-8", "ignore") + ending)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        refuse_folder(path)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def replace(new: Path, path: Path) -> None:
    """Rename the file `new` to `path`, over one that is there; on Windows as soon as nobody has that open.

    PermissionError where somebody keeps it open for PATIENCE seconds; OSError where it fails otherwise.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.replace(new, path)
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def remove_file(path: str | Path) -> None:
    """Delete the file `path` if it is there; OSError where that fails, or a folder lies there."""
    refuse_folder(path)
    Path(path).unlink(missing_ok=True)


def refuse_folder(path: str | Path) -> None:
    """Raise IsADirectoryError, with a way out, where a folder lies in place of the file `path`; links do not count."""
    if os.path.isdir(path) and not os.path.islink(path):
        raise IsADirectoryError(errno.EISDIR, "a folder where a file has to be; move it away", str(path))


def write_json(path: str | Path, value: Any) -> Path:
    """Write `value` to `path` as JSON, whole or not at all; return the path. ValueError as in `as_json`."""
    return write_file(path, as_json(value))


def as_json(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8.

    ValueError for NaN and infinity, which JSON does not have, and for half of a character, which UTF-8 does not.
    """
    return f"{json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()


def parse_json(content: bytes | str) -> Any:
    """Return what a piece of JSON holds; ValueError where it is none, or holds what `as_json` would not write."""
    try:
        value = json.loads(content)
        as_json(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def read_file(path: str | Path) -> bytes:
    """Return the content of a plain file; OSError where there is none, as for a pipe, which might never end."""
    if not os.path.isfile(path):
        raise FileNotFoundError(errno.ENOENT, "not a plain file", str(path))
    return Path(path).read_bytes()


def read_json(path: str | Path) -> Any:
    """Return what the JSON file `path` holds, or None where there is no such file, or none that `parse_json` takes."""
    try:
        return parse_json(read_file(path))
    except (OSError, ValueError):
        return None


def digest(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of bytes, or of any other value written as JSON with sorted keys."""
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(value).hexdigest()


def file_digest(path: str | Path) -> str | None:
    """Return the SHA-256 of the file `path` in hexadecimal, or None where it cannot be read."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def code_digest(path: str | Path) -> str:
    """Return the SHA-256 of what a Python file does: comments, docstrings and layout do not count."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return digest(ast.dump(tree))
