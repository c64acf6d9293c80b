"""Read photographs of digits with a trained run.

python predict.py photograph.jpg                        the answer of the run that was trained last
python predict.py photographs/ --csv answers.csv        a folder, and the answers as a table
python predict.py page.jpg --sheet                      several digits, in lines, as in 407 1999
cat photograph.jpg | python predict.py - --json         from standard input, a line of JSON each
python predict.py photographs/ --report page.html       a page with every photograph, offline, to be mailed
python predict.py --export model.onnx                   the trained network for other programs, without torch,
                                                        and MODEL_CARD.md beside it

A file that is no image is named with the reason, the others are read, and the exit code is 1. Where no digit is found,
that is the answer.
"""

import os
import signal

if __name__ == "__main__":  # Ctrl-C ends the imports below, and reading, without a traceback
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import argparse
import csv
import functools
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from helpers import errors, files
from pipeline.command_line import SIGNALS, Parser, check_heard, check_packages, fail, flag, stop, whole

if TYPE_CHECKING:
    import numpy as np

    from helpers.framing import Box
    from helpers.reading import Answer, Reader

CARD = "MODEL_CARD.md"
PICTURED = 8  # answers at most that are shown with a picture of what the network saw
DECIMALS = 6  # of a probability in a table or in JSON
SURE = {True: "yes", False: "no", None: ""}  # in a table
SHADES = " ░▒▓█"


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE|FOLDER|-", help="images, folders of images, or - for standard input")
    add("--run", metavar="NAME", help="the trained run that answers (the one that run_all.py trained last)")
    add("--top", type=whole(1, 100), default=1, metavar="N", help="how many classes to name for each image (1)")
    add("--csv", metavar="FILE", help="write the answers to a table")
    add("--json", action="store_true", help="print a line of JSON for each image")
    add("--report", metavar="FILE.html", help="write a page that shows every image, its answer, and how it was read")
    export_help = "write the trained network to one file, for programs without torch, and MODEL_CARD.md beside it"
    framing_help = "ink finds the digit, whole takes the image as it is, auto does what the run was trained on (auto)"
    add("--framing", default="auto", metavar="auto|ink|whole", help=framing_help)
    add("--sheet", action="store_true", help="read several digits, in lines of numbers")
    add("--export", metavar="FILE.onnx", help=export_help)
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def main(options: argparse.Namespace) -> int:
    """Do what the command line asks; return the exit code."""
    check_packages()
    reads = bool(options.files) or options.export is None or options.csv is not None or options.report is not None
    named = list(find_files(options.files)) if reads else []
    check_sheet(options)
    check_table(options.csv)
    check_report(options.report, named)
    card = check_export(options.export)
    check_apart([options.csv, options.report, options.export, card], named)
    reader = load_reader(options)
    if options.export is not None and card is not None:
        write_export(reader, options.export, card, options.json)
    if reads and not options.json:
        unknown = f"; {reader.unknown}, so it is not known which answers are sure" if reader.unknown else ""
        print(f"read by {reader.run}{unknown}", file=sys.stderr, flush=True)
    rows = []
    gone = None  # whoever read what is printed: what is to be written to files is written nevertheless
    for name in named:
        rows.append(read_row(reader, name, options))
        try:
            show(rows[-1], options.json, pictured=len(named) <= PICTURED)
        except BrokenPipeError as error:
            if not options.csv and options.report is None:
                raise
            gone = error
    if options.csv:
        table = sheets_table(rows) if options.sheet else as_table(rows, options.top)
        with tidied_after_signals():
            files.write_file(options.csv, table)
    if options.report is not None:
        write_report(reader, named, options.report, options.sheet)
        if not options.json:
            print(f"report: {printable(options.report)}", file=sys.stderr, flush=True)
    if gone is not None:
        raise gone
    return 1 if any("error" in row for row in rows) else 0


def load_reader(options: argparse.Namespace) -> "Reader":
    """Return the Reader that the command line asks for; BadInput where there is none, or it reads no sheets."""
    import torch

    from helpers import reading

    torch.set_num_threads(1)  # for one image at a time a second costs more than it brings
    reader = reading.load(options.run, options.framing)
    if options.sheet:
        reader.check_sheets()
    return reader


def read_row(reader: "Reader", name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the row of one file, as `read_one` or `read_sheet` do."""
    try:
        return read_sheet(reader, name) if options.sheet else read_one(reader, name, options.top)
    except Exception as error:  # one odd image must not cost the answers on all others
        if options.debug:
            raise
        return {"file": printable(name), "error": f"a defect of this program, {type(error).__name__}: see --debug"}


def check_apart(written: Sequence[str | None], named: Sequence[str]) -> None:
    """Raise BadInput where what is written would replace an image that is read, or something else that is written."""
    taken = {os.path.realpath(name) for name in named if name != "-"}
    for path in written:
        if path is None:
            continue
        if os.path.realpath(path) in taken:
            raise errors.BadInput(f"{printable(path)}: named twice, and would be replaced", way_out="name another file")
        taken.add(os.path.realpath(path))


def check_sheet(options: argparse.Namespace) -> None:
    """Raise BadInput where --sheet stands beside a flag that says something else."""
    if options.sheet and options.framing == "whole":
        way_out = "leave out one of them"
        raise errors.BadInput("--sheet finds digits by their ink", field="framing", value="whole", way_out=way_out)
    if options.sheet and options.top > 1:
        rule = "with --sheet one class is named for each digit"
        raise errors.BadInput(rule, field="top", value=str(options.top), way_out="leave out one of them")


def find_files(named: Sequence[str]) -> Iterator[str]:
    """Yield the files that were named, and the images in named folders; BadInput where there is none to read.

    A folder without one stands for itself, so that it is named with the reason.
    """
    from helpers import pictures

    if not named:
        raise errors.BadInput("name a file, a folder, or - for standard input", way_out="as in predict.py photo.jpg")
    missing = [name for name in named if name != "-" and not os.path.lexists(name)]
    if len(missing) == len(named):
        raise errors.BadInput(f"{printable(missing[0]) or repr(missing[0])}: no such file or folder")
    for name in named:
        if not os.path.isdir(name):
            yield name
            continue
        images = images_in(name)
        if not images and len(named) == 1:
            raise errors.BadInput(f"{printable(name)}: {pictures.NO_IMAGES}")
        yield from images or [name]


def images_in(folder: str) -> list[str]:
    """Return the images in a folder and those below it, by their names, and below them folders that keep theirs."""
    from helpers import pictures

    closed: list[str] = []
    images = []
    for place, inner, names in os.walk(folder, onerror=lambda error: closed.append(error.filename)):
        inner.sort()
        for name in sorted(names):
            if name.lower().endswith(pictures.ENDINGS) and not name.startswith("."):
                images.append(os.path.join(place, name))
    return images + closed


def check_table(path: str | None) -> None:
    """Raise BadInput where the table of answers could not be written to `path`, or would replace an image."""
    from helpers import pictures

    if path is None:
        return
    wrong = functools.partial(errors.BadInput, field="csv", value=printable(path) or repr(path))
    if path in ("", "-") or (os.path.lexists(path) and not os.path.isfile(path)):
        raise wrong("not a file", way_out="name one, as in answers.csv")
    if path.lower().endswith(pictures.ENDINGS):
        raise wrong("the name of an image", way_out="name a table, as in answers.csv")
    check_place(path, wrong)


def check_report(path: str | None, named: Sequence[str]) -> None:
    """Raise BadInput where the page could not be written to `path`, or an image could not be opened again for it."""
    if path is None:
        return
    wrong = functools.partial(errors.BadInput, field="report", value=printable(path) or repr(path))
    if not path.lower().endswith((".html", ".htm")):
        raise wrong("not the name of a page", way_out="name one, as in page.html")
    if "-" in named:
        raise wrong("standard input cannot be read twice", way_out="save the image and name its file")
    check_place(path, wrong)


def check_export(path: str | None) -> str | None:
    """Return the path of the model card that belongs to the ONNX file `path`, None where no such file is asked for.

    BadInput where one of them could not be written, by its name the file is of another kind, or something would be
    replaced that this program did not write.
    """
    if path is None:
        return None
    wrong = wrong_export(path)
    if not path.lower().endswith(".onnx"):
        raise wrong("not the name of an ONNX file", way_out="name one, as in model.onnx")
    check_place(path, wrong)
    card = os.path.join(os.path.dirname(path), CARD)
    check_replaced(path, card)
    return card


def wrong_export(path: str) -> Callable[..., errors.BadInput]:
    """Return what makes a BadInput on the ONNX file `path` of a rule and a way out."""
    return functools.partial(errors.BadInput, field="export", value=printable(path) or repr(path))


def check_replaced(path: str, card: str) -> None:
    """Raise BadInput where an ONNX file or its card would replace what this did not write, or the card of another."""
    from helpers import model_card

    wrong = wrong_export(path)
    named = None  # the SHA-256 of the ONNX file that the card there is about
    if os.path.lexists(card):
        named = model_card.network_of(files.read_file(card)) if os.path.isfile(card) else None
        if named is None:
            rule = f"{printable(card)} lies beside it, which this did not write, or somebody has changed"
            raise wrong(rule, way_out="move that away, or choose another folder")
    if os.path.lexists(path):
        if files.file_digest(path) != named:
            rule = "a file of that name is there, and no model card beside it says that this wrote it"
            raise wrong(rule, way_out="move it away, or choose another name")
        return
    for other in sorted(os.listdir(os.path.dirname(path) or ".")):
        found = os.path.join(os.path.dirname(path), other)
        if named is not None and other.lower().endswith(".onnx") and files.file_digest(found) == named:
            raise wrong(f"{printable(card)} is that of {printable(found)}", way_out="choose another folder")


def check_place(path: str, wrong: Callable[..., errors.BadInput]) -> None:
    """Raise what `wrong` makes of a rule and a way out where no file could be written to `path`."""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise wrong("not a file", way_out="choose another name")
    folder = os.path.dirname(path) or "."  # as it is: what writes knows no `~`, and goes through what is before `..`
    if not os.path.lexists(folder):
        raise wrong(f"there is no folder {printable(folder)}", way_out="make it, or choose another")
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        raise wrong(f"nothing can be written into {printable(folder)}", way_out="choose another place")


def write_report(reader: "Reader", named: Sequence[str], path: str, sheet: bool) -> None:
    """Write the page on the named files. A signal that comes meanwhile ends the kernel and leaves nothing behind."""
    from pipeline import answers

    with tidied_after_signals():
        photographs = list(zip(names_on_page(named), named, strict=True))
        answers.write_page(reader, photographs, path, sheet)


@contextmanager
def tidied_after_signals() -> Iterator[None]:
    """Let a signal that comes while the block runs raise KeyboardInterrupt, so that it is tidied up after."""
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
        check_heard()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def names_on_page(named: Sequence[str]) -> list[str]:
    """Return the names of files as a page shows them: below the folder that all are in, which is nobody's business.

    Those on several drives, as Windows has them, are in no common folder, and lose theirs.
    """
    paths = [os.path.abspath(name) for name in named]
    if len({os.path.splitdrive(path)[0].lower() for path in paths}) > 1:
        return [printable(os.path.basename(path)) for path in paths]
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [printable(os.path.relpath(path, common)) for path in paths]


def write_export(reader: "Reader", path: str, card: str, as_json: bool) -> None:
    """Write the ONNX file of a Reader and its model card, both or neither, and say so unless answers are JSON.

    BadInput where that fails, or somebody has written what would be replaced since `check_export` looked.
    """
    from helpers import export, model_card

    content = export.as_onnx(reader)
    text = model_card.write(reader, os.path.basename(path), content)
    check_replaced(path, card)
    try:
        with tidied_after_signals():
            write_both(path, content, card, text)
    except OSError as error:
        raise wrong_export(path)(error.strerror or str(error), way_out="choose another place") from None
    if not as_json:
        print(f"{printable(path)}, {printable(card)}: the network of {reader.run}", file=sys.stderr, flush=True)


def write_both(path: str, content: bytes, card: str, text: str) -> None:
    """Write an ONNX file and its model card; where that fails, the card is as before, as the ONNX file is."""
    before = files.read_file(card) if os.path.lexists(card) else None
    network = files.file_digest(path)  # None where there is no file
    files.write_file(card, text)
    try:
        files.write_file(path, content)
    except BaseException:
        if files.file_digest(path) != network:
            raise  # both are written: a signal came after that
        if before is None:
            files.remove_file(card)
        else:
            files.write_file(card, before)
        raise


def read_one(reader: "Reader", name: str, top: int) -> dict[str, Any]:
    """Return the row of one file: {"file", "label", "probability", "sure", "possible", "top", "box"}.

    For `show` there are "image", what the network saw, and "classes", how many it knows. In place of what is not known
    there is "reason", why no digit was found, or "error", why the file was not read.
    """
    from helpers import framing, pictures

    row: dict[str, Any] = {"file": printable(name)}
    try:
        pixels = open_named(name)
        answer = reader.read(pixels)
    except pictures.Unreadable as error:
        return row | {"error": str(error)}
    if isinstance(answer.framed, framing.NoDigit):
        return row | {"label": None, "probability": None, "sure": None, "possible": [], "reason": answer.framed.reason}
    return row | {
        "label": answer.label,
        "probability": round(answer.probability, DECIMALS),
        "sure": answer.sure,
        "possible": list(answer.possible),
        "top": best(answer, top),
        "box": shares(answer.framed.box, pixels),
        "image": answer.framed.image,
        "classes": len(answer.labels),
    }


def read_sheet(reader: "Reader", name: str) -> dict[str, Any]:
    """Return the row of one file with several digits: {"file", "text", "lines", "reason" or "error"}.

    Lines are lists of numbers, numbers are lists of digits, as in `as_digits`.
    """
    from helpers import pictures

    row: dict[str, Any] = {"file": printable(name)}
    try:
        pixels = open_named(name)
    except pictures.Unreadable as error:
        return row | {"error": str(error)}
    answer = reader.read_sheet(pixels)
    row |= {"text": answer.text, "lines": [[as_digits(number, pixels) for number in line] for line in answer.lines]}
    return row if answer.lines else row | {"reason": answer.reason}


def as_digits(number: Sequence["Answer"], pixels: "np.ndarray") -> list[dict[str, Any]]:
    """Return the digits of a number on a photograph: {"label", "probability", "sure", "possible", "box"} each."""
    from helpers import framing

    digits = []
    for digit in number:
        assert isinstance(digit.framed, framing.Framed)  # on a sheet there are no others
        box = shares(digit.framed.box, pixels)
        row = {"label": digit.label, "probability": round(digit.probability, DECIMALS), "sure": digit.sure}
        digits.append(row | {"possible": list(digit.possible), "box": box})
    return digits


def open_named(name: str) -> "np.ndarray":
    """Return the image in the file `name`, or on standard input, uint8 (h, w, 3)."""
    from helpers import pictures

    if name != "-":
        return pictures.open_file(name)
    if sys.stdin is None:
        raise pictures.Unreadable("standard input is closed")
    return pictures.open_bytes(sys.stdin.buffer.read(pictures.MOST_BYTES + 1))


def shares(box: "Box", pixels: "np.ndarray") -> list[float]:
    """Return left, top, right and bottom of a box as shares of the width and height of the image that it is on."""
    height, width = pixels.shape[:2]
    return [round(place / length, 4) for place, length in zip(box, (width, height, width, height), strict=True)]


def best(answer: "Answer", top: int) -> list[list[Any]]:
    """Return [[label, probability]] of the `top` most probable classes."""
    pairs = zip(answer.labels[:top], answer.probabilities[:top], strict=True)
    return [[label, round(probability, DECIMALS)] for label, probability in pairs]


def show(row: dict[str, Any], as_json: bool, pictured: bool) -> None:
    """Print one answer: a line, with a picture on a terminal, or JSON; what is wrong with a file goes to stderr too."""
    image = row.pop("image", None)
    classes = row.pop("classes", None)
    if "error" in row:
        print(f"{row['file']}: {row['error']}", file=sys.stderr, flush=True)
        if not as_json:
            return
    if as_json:
        is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"  # elsewhere letters could be lost
        print(json.dumps(row, ensure_ascii=not is_utf8), flush=True)
        return
    if "reason" in row:
        print(f"{row['file']}: no digit found: {row['reason']}", flush=True)
        return
    if "lines" in row:
        for line, numbers in zip(row["text"].splitlines(), row["lines"], strict=True):
            print(f"{row['file']}: {line}{how_unsure(numbers)}", flush=True)
        return
    print(f"{row['file']}: {in_words(row, classes)}", flush=True)
    if pictured and image is not None and image.size == 28 * 28 and sys.stdout.isatty():
        print(picture(image), flush=True)


def how_unsure(numbers: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Return in words how many digits of a line of numbers are unsure, as in ` (unsure: 2 of 7)`; "" where none is."""
    digits = [digit for number in numbers for digit in number]
    unsure = sum(digit["sure"] is False for digit in digits)
    return f" (unsure: {unsure} of {len(digits)})" if unsure else ""


def in_words(row: dict[str, Any], classes: int | None = None) -> str:
    """Return an answer as a person reads it, as in `4 (98.1%)` and `unsure: 4 (61.0%) or 9`; of so many classes."""
    from helpers.reading import others_in_words, percent

    named = [label for label, _ in row["top"]]
    words = ", ".join(f"{label} ({percent(probability)})" for label, probability in row["top"])
    others = [label for label in row["possible"] if label not in named]
    beside = others_in_words(others, len(row["possible"]) != classes)
    words += f" {beside}" if beside else ""
    return f"unsure: {words}" if row["sure"] is False else words


def picture(image: "np.ndarray") -> str:
    """Return what the network saw, 28x28 grey pixels as uint8, in characters: 14 lines of 28."""
    halves = image.reshape(14, 2, 28).mean(axis=1)
    lines = []
    for values in halves:
        lines.append("    " + "".join(SHADES[min(4, int(value) * 5 // 256)] for value in values).rstrip())
    return "\n".join(lines)


def as_table(rows: Sequence[dict[str, Any]], top: int) -> str:
    """Return the answers as CSV: a class, its probability, yes or no for sure, `a;b` for possible; `top` classes."""
    columns = ["file", "label", "probability", "sure", "possible"]
    for place in range(2, top + 1):
        columns += [f"label_{place}", f"probability_{place}"]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*columns, "remark"])
    for row in rows:
        cells = [cell for pair in row.get("top", []) for cell in pair]
        cells += [""] * (2 * top - len(cells))
        cells[2:2] = [SURE[row.get("sure")], ";".join(row.get("possible", []))]
        remark = row.get("error") or (f"no digit found: {row['reason']}" if "reason" in row else "")
        writer.writerow([row["file"], *cells, remark])
    return table.getvalue()


def sheets_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the answers on sheets as CSV, a row for each digit: in which line and number it is, and where on both."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    box = ["left", "top", "right", "bottom"]
    writer.writerow(["file", "line", "number", "place", "label", "probability", "sure", "possible", *box, "remark"])
    for row in rows:
        if not row.get("lines"):
            remark = row.get("error") or f"no digit found: {row['reason']}"
            writer.writerow([row["file"], *[""] * 11, remark])
            continue
        for line, numbers in enumerate(row["lines"], start=1):
            for number, digits in enumerate(numbers, start=1):
                for place, digit in enumerate(digits, start=1):
                    cells = [line, number, place, digit["label"], digit["probability"], SURE[digit["sure"]]]
                    writer.writerow([row["file"], *cells, ";".join(digit["possible"]), *digit["box"], ""])
    return table.getvalue()


def printable(name: str) -> str:
    """Return the name of a file as one line of text."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


if __name__ == "__main__":
    if sys.stdout is None:  # closed by whoever wants a table alone
        sys.stdout = io.StringIO()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of few characters shows what it can
    if "--debug" not in sys.argv:
        warnings.simplefilter("ignore")  # what NumPy thinks of an odd image helps nobody who reads answers
    try:
        sys.exit(main(make_parser().parse_args()))
    except errors.ProjectError as error:
        fail(error.text(flag), error.exit_code)
    except BrokenPipeError:  # whoever read has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt as signalled:
        sys.exit(128 + signal.Signals[str(signalled)].value)
    except OSError as error:
        fail(f"{printable(str(error.filename or 'system'))}: {error.strerror or error}", 1)
