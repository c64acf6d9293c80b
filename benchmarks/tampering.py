"""One change to the folder of a finished run, drawn at random: a byte, a field, a file, a link."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from helpers import files, runs

MARK = "99.99% of no run"  # stands in whatever is brought in from outside
FOLDERS = {".": 6, "notebooks": 2, "reports": 3, "figures": 1, "checkpoints": 2}  # {folder: weight}
DEAD_HOLDER = {"runner": [4000000, 1.5], "kernels": [[4000001, 2.5]]}
DEEP = "nested a hundred thousand times"
WILD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1e300, float("inf"), float("nan"), [], {}, [1], DEEP),
    *("", "7", "\ud800", "../../x", "/etc/hostname", "<img src=x onerror=alert(1)>", MARK),
)
ADDED = (
    *("05_<img src=x onerror=alert(1)>.html", "00_walkthrough.html", "05_comparison.html", "04_results.htm"),
    *("notes.txt", "-rf", "a\nb.html", "\udcff.html", "ä & ö.png", "epoch-abc.pt", "epoch-999.pt", "it.py"),
    *("..html", "confusion_matrix (1).png", "metrics.json.bak", 'x" onload="alert(1).ipynb'),
)


@dataclass(frozen=True)
class Places:
    """Where a change takes from: the run to be changed, another finished run, and a folder outside of both."""

    run: Path
    other: Path
    outside: Path


@dataclass(frozen=True)
class Change:
    """What was done to a run; `path` is relative to its folder."""

    kind: str
    path: str
    what: str


class NothingToChange(Exception):
    """The file that was drawn cannot be changed in that way; another is drawn."""


def tamper(draw: random.Random, places: Places) -> Change:
    """Change something in a run's folder, and return what."""
    while True:
        kind = draw.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        try:
            path, what = KINDS[kind][1](draw, places)
        except NothingToChange:
            continue
        return Change(kind, path, what)


def files_in(folder: Path) -> list[str]:
    """Return the names of the files right in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def pick(draw: random.Random, run: Path) -> str:
    """Draw one file of a run, by its folder first: there are many more figures than metrics."""
    folder = draw.choices(list(FOLDERS), list(FOLDERS.values()))[0]
    return os.path.normpath(os.path.join(folder, draw.choice(files_in(run / folder))))


def whole_content(path: Path) -> bytes:
    """Return what a file holds; NothingToChange where it is empty."""
    content = path.read_bytes()
    if not content:
        raise NothingToChange
    return content


def flip(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """Return a content with one byte changed, and where."""
    position = draw.randrange(len(content))
    changed = bytearray(content)
    changed[position] ^= draw.randrange(1, 256)
    return bytes(changed), f"byte {position} is {changed[position]}, was {content[position]}"


def change_byte(draw: random.Random, places: Places) -> tuple[str, str]:
    """Change one byte of a file."""
    path = pick(draw, places.run)
    content, what = flip(draw, whole_content(places.run / path))
    (places.run / path).write_bytes(content)
    return path, what


def truncate(draw: random.Random, places: Places) -> tuple[str, str]:
    """Cut off the end of a file."""
    path = pick(draw, places.run)
    whole = len(whole_content(places.run / path))
    if whole == 1:
        raise NothingToChange
    length = draw.randrange(1, whole)
    os.truncate(places.run / path, length)
    return path, f"{length} bytes are left"


def empty(draw: random.Random, places: Places) -> tuple[str, str]:
    """Leave nothing in a file."""
    path = pick(draw, places.run)
    whole_content(places.run / path)
    os.truncate(places.run / path, 0)
    return path, "nothing is left"


def swap(draw: random.Random, places: Places) -> tuple[str, str]:
    """Put the file of the same name of another run in a file's place."""
    path = pick(draw, places.run)
    theirs = places.other / path
    if not theirs.is_file() or files.file_digest(theirs) == files.file_digest(places.run / path):
        raise NothingToChange
    shutil.copyfile(theirs, places.run / path)
    return path, "that of another run"


def delete(draw: random.Random, places: Places) -> tuple[str, str]:
    """Delete a file, or a folder with all that is in it."""
    if draw.random() < 0.15:
        path = draw.choice(runs.SUBFOLDERS)
        shutil.rmtree(places.run / path)
        return path, "the folder is gone"
    path = pick(draw, places.run)
    (places.run / path).unlink()
    return path, "gone"


def put_folder(draw: random.Random, places: Places) -> tuple[str, str]:
    """Put a folder with a file in it in a file's place."""
    path = pick(draw, places.run)
    (places.run / path).unlink()
    (places.run / path).mkdir()
    (places.run / path / "notes.txt").write_text(MARK)
    return path, "a folder of that name"


def link(draw: random.Random, places: Places) -> tuple[str, str]:
    """Put a link that leads out of the run in the place of a file, or of a folder."""
    if draw.random() < 0.15:
        path = draw.choice(runs.SUBFOLDERS)
        shutil.rmtree(places.run / path)
        target = places.outside / "run" / path
    else:
        path = pick(draw, places.run)
        copied = places.outside / "copy"
        shutil.copyfile(places.run / path, copied)
        theirs = places.outside / "run" / path
        itself = places.run / path
        targets = (theirs, theirs, copied, places.outside / "secret.txt", places.outside / "nothing", itself)
        target = draw.choice((*targets, places.outside / "run"))
        (places.run / path).unlink()
    (places.run / path).symlink_to(target)
    return path, f"a link to {target.relative_to(places.outside.parent)}"


def add(draw: random.Random, places: Places) -> tuple[str, str]:
    """Add a file that nobody expects."""
    path = os.path.normpath(os.path.join(draw.choice(list(FOLDERS)), draw.choice(ADDED)))
    (places.run / path).write_text(f"<h1>{MARK}</h1>\n")
    return path, "added"


def change_note(draw: random.Random, places: Places) -> tuple[str, str]:
    """Change a checkpoint and the SHA-256 beside it; every other time the model is gone as well, so that it is read."""
    path = os.path.join("checkpoints", draw.choice(files_in(places.run / "checkpoints")).split(".")[0] + ".pt")
    checkpoint = places.run / path
    if draw.random() < 0.5:
        content, what = flip(draw, checkpoint.read_bytes())
    else:
        content, what = with_other_weights(checkpoint.read_bytes()), "all weights are larger by a tenth"
    checkpoint.write_bytes(content)
    checkpoint.with_suffix(".sha256").write_text(f"{files.digest(content)}  {checkpoint.name}\n")
    if draw.random() < 0.5:
        (places.run / "model.json").unlink()
        what += ", and model.json is gone"
    return path, what


def with_other_weights(content: bytes) -> bytes:
    """Return a checkpoint all of whose tensors of floating-point numbers are larger by a tenth."""
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    buffer = io.BytesIO()
    torch.save(enlarged(state), buffer)
    return buffer.getvalue()


def enlarged(value: Any) -> Any:
    """Return a structure of dictionaries, lists and tensors with larger tensors in it."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value * 1.1
    if isinstance(value, dict):
        return {key: enlarged(part) for key, part in value.items()}
    if isinstance(value, list):
        return [enlarged(part) for part in value]
    return value


def change_field(draw: random.Random, places: Places) -> tuple[str, str]:
    """Change a field of a JSON file in its type, its value or its name; executed notebooks are JSON, too."""
    top = [name for name in files_in(places.run) if name.endswith(".json")]
    notebooks = [f"notebooks/{name}" for name in files_in(places.run / "notebooks")]
    path = draw.choice([*top, "run.json", "reports/.rendered.json", ".holder.json", draw.choice(notebooks)])
    file = places.run / path
    if path == ".holder.json":
        file.write_text(json.dumps(DEAD_HOLDER | {"folder": runs.identity(places.run)}))
    content = json.loads(file.read_text())
    changed, what = mutate(draw, content)
    file.write_text(as_text(changed))
    return path, what


def as_text(value: Any) -> str:
    """Return a value as JSON; lone surrogates and numbers that are none are written as they are."""
    text = json.dumps(value, indent=1)
    return text.replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000)


def mutate(draw: random.Random, content: Any) -> tuple[Any, str]:
    """Change one field somewhere in a JSON value; return the value, and in words what was changed."""
    container, way = content, "$"
    while True:
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        key = draw.choice(keys)
        inner = container[key]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.2:
            break
        container, way = inner, f"{way}.{key}"
    before = inner
    action = draw.choice(("type", "value", "value", "removed", "renamed", "added"))
    if action == "type":
        container[key] = draw.choice([value for value in WILD if type(value) is not type(before)])
    elif action == "value":
        container[key] = nearby(draw, before)
    else:
        reshape(draw, container, key, action)
    now = container[key] if action in ("type", "value") else ""
    return content, f"{way}.{key}: {action} {short(before)} {short(now)}"


def reshape(draw: random.Random, container: Any, key: Any, action: str) -> None:
    """Remove, rename or add an entry of a dictionary or a list."""
    if action == "added":
        if isinstance(container, dict):
            container[draw.choice(("zz", "\ud800", "../x", MARK))] = draw.choice(WILD)
        else:
            container.append(draw.choice(WILD))
        return
    value = container.pop(key)
    if action == "renamed" and isinstance(container, dict):
        container[draw.choice((f"{key}x", "\ud800", "../../x", "/etc/hostname"))] = value


def nearby(draw: random.Random, value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice((-1, 1, 1000, 10**20))
    if isinstance(value, float):
        return value * draw.choice((0.99, 1.01, -1, 1e30)) + 1e-6
    if isinstance(value, str):
        return draw.choice([text for text in (*WILD, value[::-1] + "0") if isinstance(text, str) and text != value])
    return draw.choice(([], {}, [value], {"zz": value})) if value else [0]


def short(value: Any) -> str:
    """Return a value in a few characters."""
    return ascii(value)[:60]


Kind = Callable[[random.Random, Places], tuple[str, str]]
KINDS: dict[str, tuple[int, Kind]] = {  # {name: (weight, what does it)}
    "byte": (4, change_byte),
    "field": (6, change_field),
    "truncated": (2, truncate),
    "emptied": (2, empty),
    "of another run": (3, swap),
    "linked": (3, link),
    "deleted": (2, delete),
    "a folder": (1, put_folder),
    "added": (3, add),
    "with its sha256": (2, change_note),
}
