"""What each block of README and docs says of the readings: the functions that written.py fills its blocks by.

Each takes the folder of the results files and returns Markdown. NoReading where a file does not hold what it tells.
"""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, mode
from typing import Any

import figures
import mnist_c
from figures import Figure, Figures

from helpers import recipes, scores
from helpers.scores import Row

WIDTH = 120  # letters of a line of prose
SIDE_BY_SIDE = "| network | parameters | test accuracy | 95% interval | calibration error | MNIST-C | training |"
GREW = "bytes that the client's memory grew by"
MOVES = ("rotation", "zoom", "shear", "shift")  # fields of a recipe that move images as mnist_c.AFFINE does
UNEVEN = 3  # times the fastest seed's training: a slower one is told


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
    return "\n".join([*lines, "", prose(below_table(folder, compared))])


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
    accuracy = found[figures.together(entry), "test accuracy"]
    return (
        f"| {count} of `{entry['recipe']}` together | {count * member['parameters']:,} | **{accuracy.value:.2%}** "
        f"| {accuracy.low:.2%} to {accuracy.high:.2%} | | | {entry['train_seconds']:.0f} s |"
    )


def simple_line(name: str, accuracy: Figure) -> str:
    """Return a simple classifier's line of the result table."""
    return f"| {name} | | **{accuracy.value:.2%}** | {accuracy.low:.2%} to {accuracy.high:.2%} | | | |"


def in_row(names: Sequence[Any], last: str) -> str:
    """Return names in words, with commas between them and `last` before the last."""
    *others, end = map(str, names)
    return f"{', '.join(others)} {last} {end}" if others else end


def of_relatives(folder: Path, compared: scores.Comparable) -> Iterator[str]:
    """Yield a sentence on those corruptions of MNIST-C that are akin to nothing which a recipe is trained with.

    Akin are what roughens its images, and shear, scale, rotate and translate where it moves them.
    """
    read = {row["key"]: row for row in figures.on_test_corruptions(folder)}
    others: dict[int, list[str]] = {}
    for name, rows in compared.rows.items():
        of_these = [read[row["key"]]["corruptions"] for row in rows if row.get("key") in read]
        if len(of_these) < len(rows):
            continue
        akin = {*read[rows[0]["key"]]["relatives"], *affine(recipes.RECIPES[name])}
        left = [corruption for corruption in of_these[0] if corruption not in akin]
        if akin and left:
            mean = fmean(shares[corruption] for shares in of_these for corruption in left)
            others.setdefault(len(left), []).append(f"`{name}` {mean:.1%}")
    if others:
        each = "; ".join(f"on {count} {', '.join(shares)}" for count, shares in sorted(others.items()))
        yield f"Without those that resemble what a recipe is trained with: {each}."


def affine(recipe: recipes.Recipe) -> tuple[str, ...]:
    """Return the corruptions of MNIST-C that move images, where a recipe moves its own; else none."""
    return mnist_c.AFFINE if any(getattr(recipe, move) for move in MOVES) else ()


def of_corruptions(folder: Path) -> str:
    """Return what the column of MNIST-C holds."""
    made_here = all(row.get("images") == mnist_c.MADE_HERE for row in figures.on_test_corruptions(folder))
    where = ", made here from their description" if made_here else ""
    return f"MNIST-C: the mean of its fifteen corruptions{where}; blank where these very networks were not read."


def times_of(compared: scores.Comparable) -> str:
    """Return what the column of training times holds, and of which recipes they differ much, with both ends."""
    ranges = {}
    for name, rows in compared.rows.items():
        times = [row["train_seconds"] for row in rows]
        if max(times) > UNEVEN * min(times):
            ranges[name] = f"of `{name}` {min(times):.0f} to {max(times):.0f} s"
    uneven = f" ({', '.join(ranges.values())})" if ranges else ""
    return f"training is the median over seeds{uneven}."


def below_table(folder: Path, compared: scores.Comparable) -> str:
    """Return what has to be said of the result table."""
    counts = {name: f"{len(rows)} of `{name}`" for name, rows in compared.rows.items()}
    usual = mode(len(rows) for rows in compared.rows.values())
    others = [text for name, text in counts.items() if len(compared.rows[name]) != usual]
    epochs = sorted({rows[0]["epochs"] for rows in compared.rows.values()})
    simple = figures.last(folder, "baselines", dataset="mnist")
    said = [
        f"MNIST's 10,000 test images; means over {usual} seeds{of_others(others)}, with Student's interval over seeds; "
        "figures read once have Wilson's over images.",
        f"{in_row(epochs, 'or')} epochs, by recipe; {times_of(compared)}",
        f"The last three rows learnt from {simple['train_images']:,} images.",
        "Calibration error: before and after a temperature that validation images chose.",
        of_corruptions(folder),
        *of_relatives(folder, compared),
        compared.origin(),
        compared.age(),
        *other_epochs(compared),
    ]
    return " ".join(text for text in said if text)


def other_epochs(compared: scores.Comparable) -> Iterator[str]:
    """Yield a sentence for each recipe that was read with another number of epochs than it has today."""
    for name, rows in compared.rows.items():
        read, today = rows[0]["epochs"], recipes.RECIPES[name].epochs
        if read != today:
            yield f"`{name}` was read after {read} epochs; the recipe takes {today} today."


def of_others(others: list[str]) -> str:
    """Return in brackets which recipes were read with another number of seeds, "" where none was."""
    return f" ({', '.join(others)})" if others else ""


def reading(folder: Path) -> str:
    """Return how well photographs are read, and what is answered as sure."""
    read = {place: figure.value for place, figure in figures.of_photographs(folder).items()}
    ours = figures.photographs_by_a_run(folder)
    names = {"run": "it", "tesseract": "Tesseract", "rapidocr": "RapidOCR"}
    of_first = [f"{names[reader]} read {share:.1%}" for (of, reader), share in read.items() if of == "200 photographs"]
    beside = ""
    if of_first:
        beside = f" Of the first 200 of them {in_row(of_first, 'and')}; readers of text are not made for single digits."
    return prose(
        f"How well does it read? Of {ours['images']:,} photographs that `helpers/photographs.py` made of MNIST's test "
        f"digits, on eight kinds of paper and board, a network of `{ours['recipe']}` read "
        f"{read['photographs', 'run']:.1%}.{beside} "
        f"{of_certainty(folder, ours['recipe'])} Photographs that are made are not photographs that were taken."
    )


def of_certainty(folder: Path, recipe: str) -> str:
    """Return in sentences what the networks of a recipe that were asked last, from one commit, were sure of."""
    of_commit = figures.of_last_commit(folder, "certainty", recipe=recipe)
    rows = list({row["key"]: row for row in of_commit}.values())  # the last reading of each network
    asked = [row["photographs"] for row in rows]
    who, also = (f"{len(rows)} such networks were", "They were") if len(rows) > 1 else ("such a network was", "It was")
    sure = percentages([seen["sure"] / seen["made"] for seen in asked])
    right = percentages([seen["right_of_sure"] / seen["sure"] for seen in asked])
    of = {}
    for part in figures.PICTURES_OF:
        counts = [figures.counts_of(row, part) for row in rows]
        of[part] = f"{ends([str(count) for _, count in sorted(counts)])} of {counts[0][0]}"
    return (
        f"Of {asked[0]['made']:,} others, of validation digits, {who} sure of {sure}, and {right} of these answers "
        f"were right. {also} also sure of {of['letters']} printed letters that resemble no digit, of {of['strokes']} "
        f"strokes as by mouse, of {of['papers']} papers without a digit and of {of['crops']} crops of two pictures."
    )


def percentages(shares: Sequence[float]) -> str:
    """Return shares in words: the lowest and the highest."""
    return ends([f"{share:.1%}" for share in sorted(shares)])


def ends(texts: Sequence[str]) -> str:
    """Return the first and the last of some texts in words; one alone where they are alike."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


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
        f"Once the packages and MNIST are there, `make reports` takes {in_seconds(whole)} ({row['repeats']} runs, "
        f"{in_seconds(Figure(whole.low))} to {in_seconds(Figure(whole.high))}) on {place}: "
        f"{in_seconds(found['training'])} training, {', '.join(parts)}. The same command again, when all is up to "
        f"date, takes {in_seconds(found['everything up to date'])}. The largest process takes "
        f"{found['largest process'].value:.1f} GB."
    )


def in_seconds(figure: Figure) -> str:
    """Return a time in words."""
    return scores.seconds_in_words(figure.value)


def own_images(folder: Path) -> str:
    """Return how well made pictures, crops and few images are learnt, and how long a folder takes to read."""
    few = figures.last(folder, "few", a_class=5)
    means = {name: f"{fmean(few[name]):.1%}" for name in ("from_nothing", "from_nothing_gently", "from_run")}
    return "\n\n".join(map(prose, (of_pictures(folder), of_few(means, len(few["seeds"])), of_folder(folder))))


def of_pictures(folder: Path) -> str:
    """Return in sentences how well made pictures and crops of photographs are learnt."""
    colour, grey = ({"recipe": "pictures", "channels": channels} for channels in (3, 1))
    small = {"recipe": "balanced", "channels": 1, "size": 28}
    in_colour = made(folder, dataset="colours", epochs=5, **colour)
    textures = [made(folder, dataset="textures", epochs=epochs, **colour) for epochs in (5, 10)]
    in_grey = made(folder, dataset="colours", epochs=5, **grey)
    of_all = figures.of_last_commit(folder, "pictures", what="made", generator="made", dataset="textures", **small)
    shrunk = [row["accuracy"] for row in of_all]
    crops = figures.last(folder, "pictures", what="photographs")
    low, high = crops["accuracy_ci95"]
    return (
        "Four colours on shapes, backgrounds and in light that do not depend on the class, 250 pictures per class of "
        f"{in_colour[0]['size']} pixels: after five epochs of `pictures` {each(in_colour)} of "
        f"{in_colour[0]['test_images']} test pictures (two seeds), and in grey {each(in_grey)}, where guessing gives "
        f"25%. Five fine textures: {each(textures[0])} of {textures[0][0]['test_images']} after five epochs, "
        f"{each(textures[1])} after ten, and {max(shrunk):.1%} or less by `balanced`, which sees them in grey and 28 "
        f"pixels small. Crops of {crops['size']} pixels from ten photographs, their left halves to learn from, their "
        f"right halves to test: {crops['accuracy']:.1%} of {crops['test_images']} (one seed; {low:.1%} to {high:.1%} "
        f"for crops of these ten alone), and {crops['histograms_accuracy']:.1%} by histograms of colours."
    )


def made(folder: Path, **fields: Any) -> list[Row]:
    """Return the last reading of made pictures with these fields for the seeds 0 and 1."""
    return [figures.last(folder, "pictures", what="made", generator="made", seed=seed, **fields) for seed in (0, 1)]


def each(rows: Sequence[Row]) -> str:
    """Return the accuracies of rows in words."""
    return " and ".join(f"{row['accuracy']:.1%}" for row in rows)


def of_few(means: dict[str, str], seeds: int) -> str:
    """Return in a sentence how well five images per class are learnt."""
    return (
        f"Five of scikit-learn's digits per class: {means['from_nothing']} from nothing, "
        f"{means['from_nothing_gently']} from nothing with the steps of a start, {means['from_run']} from a run on "
        f"MNIST, means of {seeds} seeds."
    )


def of_folder(folder: Path) -> str:
    """Return in a sentence how long a folder of many images takes to read."""
    row = figures.last(folder, "folder", images=20_000)
    first, again, split = (row["parts"][part] for part in ("first", "again", "split"))
    besides = (split["peak_bytes"] - row["image_bytes"]) / 1e9
    place = scores.place_of(row, figures.content_of(folder, "folder"))
    return (
        f"{row['images']:,} colour pictures of 128 pixels were read in {first['seconds']:.1f} s, again in "
        f"{again['seconds']:.1f} s, and took {besides:.1f} GB besides themselves where they were split: once, on "
        f"{place}."
    )


def grid_costs(folder: Path) -> str:
    """Return what a grid costs besides its runs, and what that would be with a hundred workers."""
    row = figures.last(folder, "many_runs", points=300)
    seconds, sent = row["seconds a point after that"], row["bytes of a run that comes back"]
    page = f"{row['seconds of the page']:.1f} s, {row['bytes of the page'] / 1e3:.0f} kB"
    lines = [
        "| what | measured |",
        "| --- | --- |",
        "| from the command to the first run in its place: connecting, inspecting both workers, one run "
        f"| {row['seconds until the first had landed']:.0f} s |",
        f"| each run after that: sent, copied by the worker, returned, checked, put in its place | {seconds:.2f} s |",
        f"| a job, as it is sent | {row['bytes of a job'] / 1e3:.1f} kB |",
        f"| MNIST, as it is sent once to each worker | {row['bytes of MNIST'] / 1e6:.1f} MB |",
        f"| a run of all stages, as it comes back | {sent / 1e6:.1f} MB |",
        f"| what the client's memory grew by, in all | {row[GREW] / 1e6:.0f} MB |",
        f"| the page over {row['points']} runs: to write it, its size | {page} |",
        "",
    ]
    rest = (
        "On paper, then, for a hundred workers: the client takes in one run after the other, "
        f"{1 / seconds:.1f} a second, so it keeps up as long as a run takes {100 * seconds:.0f} s or more. That is "
        f"{sent / seconds / 1e6:.0f} MB a second through the scheduler. The dataset reaches a hundred workers as "
        f"{row['bytes of MNIST'] / 1e7:.1f} GB in all; workers hand it on to each other. Measured once, on "
        f"{scores.place_of(row, figures.content_of(folder, 'many_runs'))}."
    )
    return "\n".join([*lines, prose(rest)])
