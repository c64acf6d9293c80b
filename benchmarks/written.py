"""Write the figures of README.md and docs/*.md into their blocks, from the readings in benchmarks/results/.

    python benchmarks/written.py             fill every block, whichever file it stands in
    python benchmarks/written.py --check     name the blocks that do not say what the readings say; exit code 1

A block stands between two marks, and its name is one of BLOCKS:

    <!-- NAME: written by benchmarks/written.py -->
    <!-- end of NAME -->
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import blocks
import history
import origin
import speed_table

from helpers import errors, files

RESULTS = Path(__file__).resolve().parent / "results"


BLOCKS: dict[str, Callable[[Path], str]] = {
    "results": blocks.results,
    "reading": blocks.reading,
    "run": blocks.run,
    "speed": speed_table.short,
    "speed-all": speed_table.whole,
    "soundness": blocks.soundness,
    "history": history.table,
    "own-images": blocks.own_images,
    "grid-costs": blocks.grid_costs,
}
MARKS = re.compile(
    r"(?P<head><!-- (?P<name>[\w-]+): written by benchmarks/written\.py -->\n)(?P<content>.*?)"
    r"(?P<end><!-- end of (?P=name) -->)",
    re.DOTALL,
)


def pages() -> list[Path]:
    """Return the files that blocks may stand in."""
    return [files.PROJECT / "README.md", *sorted((files.PROJECT / "docs").glob("*.md"))]


def content_of(name: str, folder: Path, page: Path) -> str:
    """Return what stands between the marks of the block `name`; BadInput where there is no such block."""
    if name not in BLOCKS:
        rule = f"{page.name} has a block {name}, which nothing writes"
        raise errors.BadInput(rule, way_out=f"name one of {', '.join(BLOCKS)}, or take its marks away")
    return f"\n{BLOCKS[name](folder)}\n\n"


def filled(page: Path, folder: Path) -> tuple[str, list[str]]:
    """Return (the text of a page with its blocks filled, the names of those that said something else before)."""
    stale = []

    def fill(block: re.Match[str]) -> str:
        content = content_of(block["name"], folder, page)
        if content != block["content"]:
            stale.append(block["name"])
        return block["head"] + content + block["end"]

    return MARKS.sub(fill, page.read_text(encoding="utf-8")), stale


def standing() -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of every block that stands somewhere."""
    for page in pages():
        for block in MARKS.finditer(page.read_text(encoding="utf-8")):
            yield block["name"], page


def write(folder: Path) -> list[str]:
    """Fill every block, and return those that said something else before, as "NAME in FILE"."""
    changed = []
    for page in pages():
        text, stale = filled(page, folder)
        if stale:
            files.write_file(page, text)
        changed += [f"{name} in {page.name}" for name in stale]
    return changed


def stale_blocks(folder: Path) -> list[str]:
    """Return the blocks that do not say what the readings say, as "NAME in FILE"; nothing is written."""
    return [f"{name} in {page.name}" for page in pages() for name in filled(page, folder)[1]]


def main() -> None:
    """Fill the blocks, or say which are not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    if not options.check:
        for block in write(RESULTS):
            print(f"{block}: written")
        return
    stale = stale_blocks(RESULTS)
    for block in stale:
        print(f"{block}: does not say what the readings say; run python benchmarks/written.py")
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    origin.call(main)
