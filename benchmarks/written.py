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
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mode

import figures
import history
import origin
from figures import Figure, Figures

from helpers import errors, files, scores
from helpers.scores import Row

RESULTS = Path(__file__).resolve().parent / "results"
WIDTH = 120  # letters of a line of prose
SIDE_BY_SIDE = "| network | parameters | test accuracy | 95% interval | calibration error | MNIST-C | training |"


def prose(text: str) -> str:
    """Return a paragraph in lines."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def results(folder: Path) -> str:
    """Return the result table: recipes, networks that answer together, simple classifiers."""
    compared = figures.comparable(folder)
    found = figures.of_recipes(folder)
    lines = [SIDE_BY_SIDE, "| --- | ---: | ---: | --- | ---: | ---: | ---: |"]
    lines += [recipe_line(name, rows[0], found) for name, rows in compared.rows.items()]
    for entry in compared.ensembles:
        lines.append(ensemble_line(entry, compared.rows[entry["recipe"]][0], found))
    lines += [simple_line(name, figure) for (name, _), figure in figures.of_simple_classifiers(folder).items()]
    return "\n".join([*lines, "", prose(below_table(compared))])


def recipe_line(name: str, first: Row, found: Figures) -> str:
    """Return a recipe's line of the result table; `first` is one of its readings."""
    accuracy = found[name, "test accuracy"]
    has_interval = accuracy.low == accuracy.low  # it is NaN where one seed was read
    interval = f"{accuracy.low:.2%} to {accuracy.high:.2%}" if has_interval else "one seed"
    before, after = (found[name, f"calibration error{of}"].value for of in ("", ", calibrated"))
    corrupted = f"{found[name, 'MNIST-C'].value:.1%}" if (name, "MNIST-C") in found else ""
    return (
        f"| `{name}` | {first['parameters']:,} | **{accuracy.value:.2%}** | {interval} "
        f"| {before:.1%} → {after:.1%} | {corrupted} | {found[name, 'training'].value:.0f} s |"
    )


def ensemble_line(entry: Row, member: Row, found: Figures) -> str:
    """Return an ensemble's line of the result table; `member` is the reading of one of its models."""
    count = len(entry["seeds"])
    accuracy = found[f"{count} of {entry['recipe']}", "test accuracy"]
    return (
        f"| {count} of `{entry['recipe']}` together | {count * member['parameters']:,} | **{accuracy.value:.2%}** "
        f"| {accuracy.low:.2%} to {accuracy.high:.2%} | | | {entry['train_seconds']:.0f} s |"
    )


def simple_line(name: str, accuracy: Figure) -> str:
    """Return a simple classifier's line of the result table."""
    return f"| {name} | | **{accuracy.value:.2%}** | {accuracy.low:.2%} to {accuracy.high:.2%} | | | |"


def below_table(compared: scores.Comparable) -> str:
    """Return what has to be said of the result table."""
    counts = {name: f"{len(rows)} of `{name}`" for name, rows in compared.rows.items()}
    usual = mode(len(rows) for rows in compared.rows.values())
    others = [text for name, text in counts.items() if len(compared.rows[name]) != usual]
    epochs = sorted({rows[0]["epochs"] for rows in compared.rows.values()})
    said = [
        f"MNIST's 10,000 test images; means over {usual} seeds{of_others(others)}, each scored once, with Student's "
        "interval over seeds; what was read once has Wilson's over images.",
        f"{' or '.join(map(str, epochs))} epochs, by recipe; training is the median over seeds.",
        "Calibration error: before and after a temperature that validation images chose. MNIST-C: the mean of its "
        "fifteen corruptions, on none of which anything was trained; empty where these very networks were not read.",
        compared.origin(),
        compared.age(),
    ]
    return " ".join(said)


def of_others(others: list[str]) -> str:
    """Return in brackets which recipes were read with another number of seeds, "" where none was."""
    return f" ({', '.join(others)})" if others else ""


def reading(folder: Path) -> str:
    """Return how well photographs are read, and what is answered as sure."""
    found = {name: figure.value for (_, name), figure in figures.of_photographs(folder).items()}
    ours = figures.last(folder, "photographs", split="test", reader="run")
    others = figures.last(folder, "photographs", split="test", reader="tesseract")
    certain = figures.last(folder, "certainty")
    counts = {part: figures.counts_of(certain, part) for part in figures.PICTURES_OF}
    of = {part: f"{sure} of {shown}" for part, (shown, sure) in counts.items()}
    return prose(
        f"How well does it read? Of {ours['images']:,} photographs that `helpers/photographs.py` made of MNIST's test "
        f"digits, on eight kinds of paper and board, a network of `{ours['recipe']}` read {found['run']:.1%}; of the "
        f"first {others['images']} of them Tesseract read {found['tesseract']:.1%} and RapidOCR "
        f"{found['rapidocr']:.1%}, neither made for single digits. Of {certain['photographs']['made']:,} others, of "
        f"validation digits, it was sure of {found['sure']:.1%}, and {found['right of the sure']:.1%} of these answers "
        f"were right. It was as sure of {of['letters']} printed letters that are no digit's look-alike, of "
        f"{of['strokes']} strokes as by mouse, of {of['papers']} papers without a digit and of {of['crops']} crops of "
        "pictures. Photographs that are made are not photographs that were taken."
    )


def soundness(folder: Path) -> str:
    """Return which share of wrong labels was found."""
    rows = figures.soundness_rows(folder)
    found = figures.of_labels(folder)
    suspected, others = (found["wrong labels", what] for what in ("found", "others suspected"))
    return prose(
        f"Where {rows[0]['labels']['wrong']} labels of MNIST's training images were made wrong, it suspected "
        f"{suspected.low:.1%} to {suspected.high:.1%} of them ({len(rows)} seeds) and {1000 * others.low:.1f} to "
        f"{1000 * others.high:.1f} in 1,000 of the others, some of which are wrong as they were published."
    )


def run(folder: Path) -> str:
    """Return how long a whole run on MNIST takes, and its parts."""
    row = figures.last(folder, "speed", part="pipeline")
    place = scores.place_of(row, figures.content_of(folder, "speed"))
    found = figures.of_run(folder)
    rest = {
        "computing and drawing in other cells": "other cells",
        "figures": "figures",
        "starting and saving": "starting, saving",
        "evaluation": "evaluation",
        "rendering the pages": "rendering",
    }
    parts = [f"{in_seconds(found[name])} {words}" for words, name in rest.items()]
    whole = found["whole"]
    return prose(
        f"Once the packages are there, `make reports` takes {in_seconds(whole)} (median of {row['repeats']} runs, "
        f"{in_seconds(Figure(whole.low))} to {in_seconds(Figure(whole.high))}) on {place}: "
        f"{in_seconds(found['training'])} training, {', '.join(parts)}. The same command again, when all is up to "
        f"date, takes {in_seconds(found['everything up to date'])}. The largest process takes "
        f"{found['largest process'].value:.1f} GB."
    )


def in_seconds(figure: Figure) -> str:
    """Return a time in words."""
    return scores.seconds_in_words(figure.value)


BLOCKS: dict[str, Callable[[Path], str]] = {
    "results": results,
    "reading": reading,
    "run": run,
    "soundness": soundness,
    "history": history.table,
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
