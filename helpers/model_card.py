"""A trained run -> its model card, Markdown: what was trained, on what, how well it does, and what it is not for.

Its sections are those of Mitchell et al. 2019, "Model Cards for Model Reporting"; the block at its head is the metadata
that Hugging Face reads, after modelcard.md of huggingface/hub-docs. Figures are taken from files that the run's
manifest vouches for; where there are none, a sentence says so. A card ends with a line that holds the digest of all
above it: by that it is known again as written here, and unchanged since.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from . import (
    baselines,
    certainty,
    checkpoints,
    corruptions,
    data,
    downloads,
    evaluation,
    export,
    files,
    folders,
    forms,
    models,
    recipes,
    run_files,
    runs,
)
from .errors import BadInput
from .reading import Reader
from .runs import Manifest

SEAL = "<!-- written by predict.py --export; changed by nobody since, if all above has the SHA-256 "
ON_HUGGING_FACE = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
DIGITS = set("0123456789")
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
NAMED = 20  # classes at most that a sentence lists
NEEDED = ("dataset", "fingerprint", "seed", "recipe.name", "recipe.summary", "recipe.epochs")  # of every model.json
NEEDED_OF_START = ("start.dataset", "start.seed", "start.weights_sha256")  # of one that started from another
NEEDED_OF_CERTAINTY = ("fitted_on.validation_images", "fitted_on.photographs", "fitted_on.not_found")
WORST = 3  # classes, and twice as many pairs of them, that are told apart least
SPLITS = ("test", "validation")
FRAMED = {  # what has to be done with an image before the network sees it, by the name of the framing
    "ink": "light ink on black, the ink drawn to fit 20x20 pixels with its shape kept, its centre of mass in the "
    "middle of 28x28, as `framing.frame_ink(pixels)` does and says so where it finds no ink",
    "whole": "the whole picture, shrunk or grown to fit with its shape kept, and laid on the colour of its border, as "
    "`forms.fit(pixels, forms.Form({form.size}, {colour}))[0]` does",
    "stretched": "the whole picture, made 28x28, with its paper at 0 and its ink up to 255, as "
    "`framing.frame_whole(pixels)` does",
}

Count = Annotated[int, Field(ge=0)]


class Curve(run_files.Part):
    """What a card tells of one kind of harder images."""

    strength: list[float]
    accuracy: list[run_files.Share]


class Robustness(run_files.Part):
    """What a card tells of a robustness.json."""

    images: int = Field(gt=0)
    curves: dict[str, Curve]


class Counts(run_files.Part):
    """Numbers of images, by class."""

    train: dict[str, Count]
    validation: dict[str, Count]


class Soundness(run_files.Part):
    """What a card tells of a dataset.json; what has a default may be missing."""

    counts: Counts
    suspected_labels: list[Any] = Field(default=[])
    labels_checked: Count = 0
    classes_checked: list[Any] = Field(default=[])
    leaks: list[Any] = Field(default=[])
    rare_classes: list[Any] = Field(default=[])


@dataclass(frozen=True)
class Facts:
    """What is known of a run, of which its card is made."""

    reader: Reader
    file: str  # the name of the ONNX file
    sha256: str  # its digest
    manifest: Manifest | None  # None for a run that was made by hand
    metrics: dict[str, Any] | None  # the content of metrics.json, None where nothing vouches for it
    robustness: dict[str, Any] | None  # likewise of robustness.json
    soundness: dict[str, Any] | None  # likewise of dataset.json, where it is about the images trained on
    validation_accuracy: float | None  # after the last epoch

    @property
    def described(self) -> dict[str, Any]:
        """The content of model.json."""
        return self.reader.description

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the classes."""
        return self.reader.class_names

    @property
    def dataset(self) -> str:
        """The name of the dataset in data.SOURCES, "" where it was a folder of images."""
        name = self.described["dataset"]
        return name if name in data.SOURCES else ""

    @property
    def title(self) -> str:
        """What the dataset is called, without the path of a folder."""
        if self.manifest is not None:
            return self.manifest.dataset.title or "without a name"
        return title_of(self.described["dataset"]) or "without a name"

    @property
    def images(self) -> str:
        """The dataset in prose."""
        return plain(self.title) if self.dataset else f"the folder “{plain(self.title)}”"

    @property
    def is_of_digits(self) -> bool:
        """Whether it learnt from ink, and every class is a digit."""
        return forms.of_description(self.described).framing == "ink" and set(self.names) <= DIGITS

    @property
    def thing(self) -> str:
        """What an image shows one of."""
        return "digit" if self.is_of_digits else "thing"


def write(reader: Reader, file: str, content: bytes, outputs: Path | None = None) -> str:
    """Return the model card of a Reader whose network is the `content` of an ONNX file of that name.

    The same for the same run, name and content. `outputs`: the folder of all runs, None that of runs.outputs_folder.
    BadInput where model.json lacks what a card tells, or metrics.json is of a later version than this code knows.
    """
    check_described(reader)
    facts = gather(reader, file, files.digest(content), runs.run_folder(reader.run, outputs))
    parts = [
        metadata(facts),
        *model(facts),
        *uses(facts),
        *how_to(facts),
        *images(facts),
        *training(facts),
        *figures(facts),
        *robustness(facts),
        *certain(facts),
        *limits(facts),
        *provenance(facts),
    ]
    text = "\n\n".join(parts) + "\n\n"
    return f"{text}{SEAL}{files.digest(text.encode())} -->\n"


def is_unchanged(card: bytes) -> bool:
    """Return whether the content of a file is a card as `write` made it; ends of lines may be those of Windows."""
    text, seal, rest = card.replace(b"\r\n", b"\n").rpartition(SEAL.encode())
    return bool(seal) and rest == f"{files.digest(text)} -->\n".encode()


def network_of(card: bytes) -> str | None:
    """Return the SHA-256 of the ONNX file that a card is about; None where it is not as `write` made it."""
    found = re.findall(rb"^\| SHA-256 of .* \| `([0-9a-f]{64})` \|\r?$", card, re.MULTILINE)
    return found[-1].decode() if found and is_unchanged(card) else None


def check_described(reader: Reader) -> None:
    """Raise BadInput, which names the first of them, where fields that a card tells are missing in model.json."""
    described = reader.description
    needed = list(NEEDED)
    if described.get("start") is not None:
        needed += NEEDED_OF_START
    if reader.certainty is not None:
        needed += NEEDED_OF_CERTAINTY
    for path in needed:
        part, _, field = path.rpartition(".")
        if field not in (described.get(part, {}) if part else described):
            way_out = f"python run_all.py --run {reader.run} --only training --force"
            raise BadInput(f"its model.json lacks {path}", field="run", value=reader.run, way_out=way_out)


def gather(reader: Reader, file: str, sha256: str, folder: Path) -> Facts:
    """Return the Facts of a run in its folder; BadInput where its metrics.json is of a later version."""
    manifest = runs.load_manifest(folder)
    metrics, robust = None, None
    if manifest is not None and manifest.test_accuracy is not None:
        metrics = figures_of(read_metrics(folder, manifest), manifest, reader.class_names)
        robust = read_vouched(folder, manifest, "robustness.json", Robustness)
        if metrics is None or (robust is not None and robust["images"] > tested(metrics)):
            robust = None
    sound = read_vouched(folder, manifest, "dataset.json", Soundness) if manifest is not None else None
    if sound is not None and not is_about(sound, reader.description):
        sound = None
    accuracy = last_accuracy(folder, reader.description)
    return Facts(reader, file, sha256, manifest, metrics, robust, sound, accuracy)


def read_metrics(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """Return what metrics.json of a run holds, None where it is not as a stage left it, or a figure is out of range.

    BadInput where it is of a later version than this code knows.
    """
    try:
        content = runs.read_recorded(folder, manifest, "metrics.json") or b""
        return run_files.parse(run_files.Metrics, content, folder.name)
    except ValueError:
        return None


def read_vouched(folder: Path, manifest: Manifest, name: str, kind: type[run_files.Part]) -> dict[str, Any] | None:
    """Return what a JSON file of a run holds, None where it is not as a stage left it, or not of its `kind`."""
    try:
        content = runs.read_recorded(folder, manifest, name) or b""
        kind.model_validate_json(content)
        return files.parse_json(content)
    except ValueError:
        return None


def figures_of(metrics: Any, manifest: Manifest, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the content of a metrics.json if it holds what is told here, and the accuracy that the manifest names."""
    try:
        for split in SPLITS:
            for figure in ("accuracy", "loss", "macro_f1"):
                with_interval(metrics[split], figure, decimal)
            by_class(names, metrics[split])
            if not adds_up(metrics[split], len(names)):
                return None
        compared(metrics)
        noted = manifest.test_accuracy
        return metrics if noted is not None and metrics["test"]["accuracy"] == noted.value else None
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):  # of a changed notebook
        return None


def tested(metrics: dict[str, Any]) -> int:
    """Return how many test images there were."""
    return sum(map(sum, metrics["test"]["confusion_matrix"]))


def adds_up(split: dict[str, Any], classes: int) -> bool:
    """Return whether confusion matrix, images of each class and accuracy of a split agree."""
    matrix = np.array(split["confusion_matrix"])
    images = [split["per_class"][str(label)]["support"] for label in range(classes)]
    if matrix.shape != (classes, classes) or matrix.sum(axis=1).tolist() != images or sum(images) == 0:
        return False
    return abs(matrix.trace() / matrix.sum() - split["accuracy"]) < 1e-6


def is_about(sound: dict[str, Any], described: dict[str, Any]) -> bool:
    """Return whether the content of a dataset.json is about the images that a model.json says it was trained on."""
    try:
        held_out = sum(sound["counts"]["validation"].values())
        alike = [sound[field] == described[field] for field in ("fingerprint", "seed")]
        return all(alike) and held_out == described["fitted_on"]["validation_images"]
    except (AttributeError, KeyError, TypeError):
        return False


def last_accuracy(folder: Path, described: dict[str, Any]) -> float | None:
    """Return the accuracy on validation images after the last epoch, None without the history.csv of the model."""
    try:
        table = files.read_file(folder / "history.csv")
        if files.digest(table) == described["history_sha256"]:
            return checkpoints.history_from_csv(table)[-1]["validation_accuracy"]
    except (OSError, KeyError, ValueError, IndexError):
        pass
    return None


def title_of(dataset: str) -> str:
    """Return the title of a dataset by the name in a model.json: of a folder the last part of its path."""
    if dataset in downloads.SETS:
        return downloads.SETS[dataset].title
    return data.DIGITS_TITLE if dataset == "digits" else folders.show(PurePath(dataset).name)


def origin_of(dataset: str) -> str:
    """Return who made a dataset of data.SOURCES, under which licence; "" of a folder, of which nobody has said."""
    if dataset in downloads.SETS:
        return downloads.SETS[dataset].origin
    return data.load(dataset).origin if dataset else ""


def one_line(text: str) -> str:
    """Return text as one line of printable characters, and of those that join, or do not join, their neighbours."""
    text = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() or letter in JOINERS else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def plain(text: object) -> str:
    """Return text that Markdown shows as it is, in prose and in tables: no markup, link, HTML, formula or emoji."""
    text = re.sub(r"([\\`*_\[\]<>|~&$@#])", r"\\\1", one_line(str(text)))
    return re.sub(r"(?<=www)\.|:(?=//|(?!\d\d[:+-])[\w+-]+:)", r"\\\g<0>", text)  # links, and :smile:, but no time


def code(text: object) -> str:
    """Return text as a code span of Markdown; text that would end it, or a cell of a table, as `plain` does."""
    line = one_line(str(text))
    return plain(line) if set(line) & {"`", "|"} or not line else f"`{line}`"


def quoted(text: object) -> str:
    """Return text as a double-quoted scalar of YAML, which JSON's text is where all characters are printable."""
    return json.dumps(one_line(str(text)), ensure_ascii=False)


def literal(text: str) -> str:
    """Return text as Python writes it, between double quotes where it needs no backslash."""
    return f'"{text}"' if text.isprintable() and not set(text) & {'"', "\\"} else repr(text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def listed(words: Sequence[str], most: int = NAMED) -> str:
    """Return words, made plain, as `a, b and c`; of more than `most` the first, and how many others there are."""
    shown = [plain(word) for word in words[:most]]
    if len(words) > most:
        return f"{', '.join(shown)} and {len(words) - most:,} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def percent(share: float, places: int = 2) -> str:
    """Return a share in per cent."""
    return f"{share:.{places}%}".replace("%", " %")


def metadata(facts: Facts) -> str:
    """Return the block that Hugging Face reads, YAML: no result where there are no test figures."""
    lines = ["---", f"license: {'mit' if facts.dataset else 'unknown'}", "library_name: onnx"]
    lines += ["pipeline_tag: image-classification", "tags:", "- image-classification", "- onnx"]
    place = ON_HUGGING_FACE.get(facts.dataset)
    is_itself = place is not None and facts.title == title_of(facts.dataset)
    if is_itself:
        lines += ["datasets:", f"- {place}"]
    if facts.metrics is not None:
        kind = place if is_itself else facts.dataset or "imagefolder"
        lines += ["metrics:", "- accuracy", "- f1", "model-index:", f"- name: {quoted(facts.reader.run)}", "  results:"]
        lines += ["  - task:", "      type: image-classification", "      name: Image Classification"]
        lines += ["    dataset:", f"      type: {kind}", f"      name: {quoted(facts.title)}", "      split: test"]
        lines += ["    metrics:"]
        for metric, name, figure in (("accuracy", "Accuracy", "accuracy"), ("f1", "Macro F1", "macro_f1")):
            lines += [
                f"    - type: {metric}",
                f"      value: {facts.metrics['test'][figure]:.6f}",
                f"      name: {name}",
            ]
    return "\n".join([*lines, "---"])


def model(facts: Facts) -> list[str]:
    """Return what the model is."""
    described, form = facts.described, forms.of_description(facts.described)
    recipe = described["recipe"]
    parameters = models.count_parameters(facts.reader.network)
    pixels = f"{form.size}x{form.size} {'pixels in colour' if form.colour == 'rgb' else 'grey pixels'}"
    what = (
        f"A convolutional network ({code(recipe['network'])}, {parameters:,} parameters) "
        f"that takes an image of {pixels} and says which of {len(facts.names)} classes it shows: "
        f"{listed(facts.names)}. It was trained on {facts.images} by the recipe {code(recipe['name'])} of "
        f"literate-mnist ({plain(recipe['summary'])}), {times(recipe['epochs'], 'epoch')} long, with seed "
        f"{described['seed']}. {plain(facts.file)} holds it as ONNX, with normalisation and softmax in it."
    )
    parts = [f"# Model card: {plain(facts.reader.run)}", what, *stand_in(facts)]
    if facts.metrics is not None:
        test = facts.metrics["test"]
        low, high = test["accuracy_ci95"]
        parts.append(
            f"**Test accuracy {percent(test['accuracy'])}** (95 % interval {percent(low)} to {percent(high)}, "
            f"{tested(facts.metrics):,} images, one training)."
        )
        parts += framed_otherwise(facts)
    return parts


def framed_otherwise(facts: Facts) -> list[str]:
    """Return that nothing was measured of the framing, where images are framed otherwise than in the training."""
    if not facts.reader.stretches:
        return []
    return ["**Measured on images framed by their ink; of images taken whole, as here, nothing is known.**"]


def times(number: int, thing: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def stand_in(facts: Facts) -> list[str]:
    """Return why the dataset may not be what a reader expects, if so."""
    if facts.manifest is not None and facts.manifest.dataset.note:
        return ["> **Not MNIST.** These images stand in for it, and no figure here is one of MNIST's."]
    if facts.dataset and facts.title != title_of(facts.dataset):
        return [f"> **{plain(facts.title)}:** no checksum showed that its files are those that were published."]
    return []


def uses(facts: Facts) -> list[str]:
    """Return what it is for, and what not."""
    several = " Several on one image have to be cut apart first." if facts.is_of_digits else ""
    other = "; a letter is read as the digit that it resembles" if facts.is_of_digits else ""
    return [
        "## Intended use",
        f"To tell the {len(facts.names)} classes of {facts.images} apart, in images that show one {facts.thing} "
        f"each, made and framed like those that it was trained on: for teaching, for comparing methods, as a part "
        f"of a program whose answers somebody checks.{several}",
        f"**Not for** images of anything else: it has no class for that, and names one of its {len(facts.names)} all "
        f"the same{other}. Not for decisions about people, or wherever a wrong answer that nobody looks at does harm. "
        "Nothing here was measured apart for different writers, places or cameras.",
    ]


def program(facts: Facts) -> str:
    """Return the lines of Python that ask the ONNX file."""
    form = facts.reader.form
    has_familiarity = facts.reader.certainty is not None
    takes = "probabilities, familiarity" if has_familiarity else "(probabilities,)"
    sure = ["    print(names[row.argmax()], row.max())"]
    if has_familiarity:
        sure = [
            '    sure = "sure" if familiar >= json.loads(notes["threshold"]) else "unsure"',
            "    print(names[row.argmax()], row.max(), sure)",
        ]
    code = [
        "```python",
        "import json",
        "",
        "import numpy as np",
        "import onnxruntime",
        "",
        f"session = onnxruntime.InferenceSession({literal(facts.file)})",
        "notes = session.get_modelmeta().custom_metadata_map",
        'names = json.loads(notes["class_names"])',
        f"images = np.zeros((1, {form.channels}, {form.size}, {form.size}), dtype=np.uint8)  # in their place, yours",
        f'{takes} = session.run(None, {{"images": images}})',
        "for row, familiar in zip(probabilities, familiarity):" if has_familiarity else "for row in probabilities:",
        *sure,
        "```",
    ]
    return "\n".join(code)


def how_to(facts: Facts) -> list[str]:
    """Return the lines that ask the ONNX file, what goes in and what comes out."""
    form, classes = facts.reader.form, len(facts.names)
    told = [
        f"- `images`: uint8 (n, {form.channels}, {form.size}, {form.size}), values from 0 to 255, for any n.",
        f"- `probabilities`: float32 (n, {classes}), in the order of `class_names`; a row adds up to 1.",
    ]
    if facts.reader.certainty is not None:
        told.append("- `familiarity`: float32 (n,), how much an image is like what the network knows, about 1 at most.")
    framed = FRAMED[export.metadata(facts.reader)["framing"]["name"]].format(form=form, colour=quoted(form.colour))
    if facts.reader.framing == "whole" and form.is_mnists and not facts.reader.stretches:
        framed += ", and turns dark on light into light on dark"
    told.append(f"- How an image has to be framed: {framed}.")
    told.append(
        "- These modules are in `helpers/` of literate-mnist and need no torch: `framing.py`, `forms.py`, `errors.py`, "
        "and `pictures.py`, whose `open_file(path)` gives the `pixels` of a photograph."
    )
    return ["## How to use it", program(facts), "\n".join(told)]


def images(facts: Facts) -> list[str]:
    """Return which images it was trained, chosen and tested on, whose they are, and what is known to be wrong."""
    described = facts.described
    origin = origin_of(facts.dataset)
    whose = (
        "A folder of images that whoever trained it had. Whose they are, and under which licence, is not known here: "
    )
    whose = f"By {plain(origin)}." if origin else f"{whose}who publishes this has to say."
    rows = [(name, f"{number:,}", what) for name, number, what in splits(facts)]
    fingerprint = (
        f"Their fingerprint, by which two trainings on the same images are known: {code(described['fingerprint'])}."
    )
    parts = ["## Images", f"**{plain(facts.title)}.** {whose}", table(("split", "images", "what for"), rows)]
    absent = [name for name in ("training", "validation", "test") if name not in [row[0] for row in rows]]
    if absent:
        parts.append(f"How many images there were for {' and '.join(absent)} is in no file that this run vouches for.")
    return [*parts, fingerprint, *faults(facts)]


def splits(facts: Facts) -> list[tuple[str, int, str]]:
    """Return (name, images, what for) of each split whose size is known."""
    described = facts.described
    fold = described["recipe"].get("fold")
    drawn = (
        f"fold {fold} of those that do not test"
        if fold
        else f"drawn by seed {described['seed']}, each class in its share"
    )
    tests = "one in five of all, each class in its share, the same for every seed"
    if not facts.dataset:
        tests = "those that the folder sets apart; where it sets none apart, one in five"
    elif facts.dataset in downloads.SETS:
        tests = "those that were published as such"
    found = []
    held_out = described.get("fitted_on", {}).get("validation_images")
    number = training_images(facts, held_out)
    if number is not None:
        found.append(("training", number, "the weights were fitted to them"))
    if held_out is not None:
        found.append(("validation", held_out, f"{drawn}; no weight was fitted to them"))
    if facts.metrics is not None:
        found.append(("test", tested(facts.metrics), f"{tests}; no part of the training"))
    return found


def training_images(facts: Facts, held_out: int | None) -> int | None:
    """Return how many images the weights were fitted to, None where the run's files do not say."""
    if facts.soundness is not None:
        return sum(facts.soundness["counts"]["train"].values())
    if held_out is None or not facts.dataset:
        return None
    if facts.dataset in downloads.SETS:
        return downloads.COUNTS["train"] - held_out
    return data.summarise(facts.dataset).training_images - held_out


def faults(facts: Facts) -> list[str]:
    """Return what the run found wrong with its images."""
    sound = facts.soundness
    if sound is None:
        return ["Known faults: this run did not look for any (its notebook 01_eda does)."]
    checked = ""
    if "labels_checked" in sound:
        number, classes = sound["labels_checked"], len(sound.get("classes_checked", facts.names))
        checked = f", of {number:,} whose labels were checked" if number else " (no label could be checked)"
        if number and classes < len(facts.names):
            checked += f" in {classes:,} of the {len(facts.names):,} classes"
    found = [
        ("suspected_labels", f"training and validation images whose labels are suspected to be wrong{checked}"),
        ("leaks", "test images that have a copy, or nearly one, outside test"),
        ("rare_classes", "classes that are rare"),
    ]
    told = [f"{len(sound[field]):,} {what}" for field, what in found if field in sound]
    return [f"Known faults, as 01_eda of this run looked for them: {'; '.join(told)}. They were left as they are."]


def training(facts: Facts) -> list[str]:
    """Return how it was trained: every value of the recipe that did something."""
    recipe = facts.described["recipe"]
    idle = {"name", "summary", "network"}
    idle |= {"momentum"} if recipe.get("optimizer") == "adamw" else {"betas"}
    idle |= {"rough_share", "roughening"} if not recipe.get("rough_share") else set()
    idle |= {"warmup_fraction"} if recipe.get("schedule") != "one-cycle" else set()
    rows = []
    for field, value in recipe.items():
        if field not in idle and value is not None and value is not False and value not in (0, [], ()):
            words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            meaning = plain(recipes.MEANINGS.get(field, "").removesuffix(": handwriting slants"))
            rows.append((field.replace("_", " "), plain("yes" if value is True else words), meaning))
    start = facts.described.get("start")
    began = "From weights drawn at random."
    if start:
        began = (
            f"From the weights of a training on {plain(title_of(start['dataset']))} (seed {start['seed']}, SHA-256 "
            f"`{start['weights_sha256']}`), its last layer drawn anew."
        )
    how = "The weights are those after the last epoch: no epoch was chosen by how well it did."
    return ["## Training", f"{began} {how}", table(("recipe", "value", "what it decides"), rows)]


def figures(facts: Facts) -> list[str]:
    """Return the figures on test and validation images."""
    parts = ["## Figures"]
    metrics = facts.metrics
    if metrics is None:
        parts.append(f"**No test figures exist.** {why_none(facts)}")
        if facts.validation_accuracy is not None:
            found = percent(facts.validation_accuracy)
            parts.append(f"After its last epoch it classified {found} of the validation images correctly.")
        return parts
    test = metrics["test"]
    parts.append(
        "Of one training, in which the test images had no part. The 95 % intervals are for other images like these, "
        "not for other trainings."
    )
    rows = []
    for name, figure, form in (
        ("accuracy", "accuracy", percent),
        ("macro F1", "macro_f1", decimal),
        ("loss, nats", "loss", decimal),
    ):
        rows.append((name, *(with_interval(metrics[split], figure, form) for split in SPLITS)))
    parts.append(table(("figure", *SPLITS), rows))
    return [*parts, *compared(metrics), *calibration(metrics, facts.reader.temperature), *by_class(facts.names, test)]


def compared(metrics: dict[str, Any]) -> list[str]:
    """Return how simple classifiers do on the same images."""
    rows = metrics.get("baselines", {})
    higher = [name for name, row in rows.items() if row["accuracy"] > metrics["test"]["accuracy"]]
    beside = [f"{plain(name)} {percent(row['accuracy'])}" for name, row in rows.items()]
    if not beside:
        return []
    ahead = f" **Higher than this network: {listed(higher)}.**" if higher else ""
    learnt = f"which learnt from {baselines.MOST:,} images at most"
    return [f"Simple classifiers on the same test images, {learnt}, for comparison: {', '.join(beside)}.{ahead}"]


def why_none(facts: Facts) -> str:
    """Return why there are no test figures."""
    manifest = facts.manifest
    if manifest is None:
        return "This run has no record that would vouch for any."
    if "results" not in manifest.stages:
        return "This run has not been scored on test images (its notebook 04_results does that)."
    return "What this run holds of them is unfinished, of an earlier model, or was changed since, and is left out."


def decimal(value: float) -> str:
    """Return a figure with four places."""
    return f"{value:.4f}"


def with_interval(values: dict[str, Any], figure: str, form: Any) -> str:
    """Return a figure with its interval, each as `form` writes it."""
    low, high = values[f"{figure}_ci95"]
    return f"{form(values[figure])} ({form(low)} to {form(high)})"


def calibration(metrics: dict[str, Any], temperature: float) -> list[str]:
    """Return how far probabilities may be taken at their word, before and after the temperature.

    Nothing where that is not known, or was measured at another temperature.
    """
    for split in SPLITS:
        after = metrics[split].get("calibration") or {}
        if "ece" not in metrics[split] or not {"ece", "loss"} <= set(after) or after.get("temperature") != temperature:
            return []
    rows = []
    for split in SPLITS:
        after = metrics[split]["calibration"]
        rows.append(
            (split, *map(decimal, (metrics[split]["ece"], after["ece"], metrics[split]["loss"], after["loss"])))
        )
    head = ("split", "ECE as trained", "ECE at T", "loss as trained", "loss at T")
    told = (
        f"The scores are divided by the temperature T = {temperature:.4f}, which changes no answer, only "
        "how sure it is. ECE, the expected calibration error in 15 bins, is how far probabilities are from the share "
        "that is right."
    )
    return ["### Calibration", told, table(head, rows)]


def by_class(names: Sequence[str], test: dict[str, Any]) -> list[str]:
    """Return the figures of each class, which do worst, and what is taken for what."""
    parts = ["### By class"]
    rows = [test["per_class"][str(label)] for label in range(len(names))]
    worst = sorted(range(len(names)), key=lambda label: rows[label]["f1"])[:WORST]
    if rows[worst[0]]["f1"] < 1:
        words = [f"{plain(names[label])} ({decimal(rows[label]['f1'])})" for label in worst if rows[label]["f1"] < 1]
        parts.append(f"Lowest F1: {', '.join(words)}.")
    pairs = evaluation.confused_pairs(np.array(test["confusion_matrix"]), 2 * WORST)
    words = [f"{plain(names[true])} taken for {plain(names[other])} ({number:,})" for true, other, number in pairs]
    parts.append(f"Most frequent confusions: {', '.join(words)}." if words else "No test image was classified wrongly.")
    answers = np.array(test["confusion_matrix"]).sum(axis=0)
    cells = []
    for name, row, named in zip(names, rows, answers, strict=True):
        precision = decimal(row["precision"]) if named else "no answer"
        cells.append((plain(name), precision, decimal(row["recall"]), decimal(row["f1"]), f"{int(row['support']):,}"))
    return [*parts, table(("class", "precision", "recall", "F1", "images"), cells)]


def furthest_end(images: int) -> float:
    """Return how far, at most, an end of the 95% interval lies from a share of so many images."""
    shares = np.linspace(0, 1, images + 1)
    ends = [evaluation.wilson(hits, images) for hits in range(images + 1)]
    return float(np.abs(np.array(ends) - shares[:, None]).max())


def robustness(facts: Facts) -> list[str]:
    """Return how accuracy falls on test images that were made harder to read."""
    try:
        found = facts.robustness or {}
        number = found["images"]
        shown = corruptions.shown_in_training(facts.described["recipe"])
        rows = []
        for name, curve in found["curves"].items():
            pairs = zip(curve["strength"], curve["accuracy"], strict=True)
            shares = ", ".join(f"{strength:g}: {percent(share, 1)}" for strength, share in pairs)
            unit = corruptions.CORRUPTIONS[name].unit
            if not facts.reader.form.is_mnists:
                unit = unit.replace("full ink", "full brightness")
            rows.append((plain(name), unit, shares, plain(shown.get(name, "no"))))
        reach = furthest_end(number)
        told = (
            f"Accuracy on {number:,} of the test images, made harder to read (strength: accuracy). "
            f"A share of so many is known to within {100 * reach:.1f} points or less (95 % interval)."
        )
        return ["## Robustness", told, table(("kind", "strength is", "accuracy", "in training"), rows)]
    except (KeyError, TypeError, ValueError):
        return [
            "## Robustness",
            "Nothing is known of how it does on images that are harder to read than its dataset's.",
        ]


def certain(facts: Facts) -> list[str]:
    """Return when an answer may be believed, as far as the run knows."""
    reader, fitted = facts.reader, facts.described.get("fitted_on", {})
    parts = ["## When it is unsure", *framed_otherwise(facts)]
    photographs = fitted.get("photographs", 0) - fitted.get("not_found", 0)
    if reader.certainty is None:
        return [
            *parts,
            f"This run does not know which of its answers are sure: {reader.unknown}. A high probability says nothing "
            f"about images that are unlike those it was trained on. Temperature: {reader.temperature:.4f}.",
        ]
    of = "validation images"
    if photographs:
        of = f"{photographs:,} photographs that were made of validation images (paper, pen and light are simulated)"
    floor = "`floor` is 0: there were too few images to say which labels may be ruled out."
    if reader.certainty.floor > 0:
        of_those = "those photographs" if photographs else of
        floor = (
            f"A label with a probability below {reader.certainty.floor:.4g} (`floor`) may be ruled out: at least "
            f"{percent(certainty.LEVEL, 0)} of {of_those} have their true label at or above it."
        )
    told = [
        f"An answer is sure where the familiarity is {reader.certainty.threshold:.4f} (`threshold`) or more, as it is "
        f"for about {percent(certainty.SURE, 0)} of {of}. A sure answer may be wrong: the image is like those that the "
        "network knows, and that is all.",
        floor,
        f"Probabilities are at the temperature {reader.temperature:.4f}, fitted on {fitted['validation_images']:,} "
        f"validation images{' and on these photographs' if photographs else ''}.",
    ]
    return [*parts, "\n".join(f"- {sentence}" for sentence in told)]


def limits(facts: Facts) -> list[str]:
    """Return what nobody should conclude from the figures."""
    recipe, number = facts.described["recipe"], len(facts.names)
    told = [f"It knows {number} classes. Whatever an image shows, it names one of these."]
    if facts.is_of_digits:
        told.append("It knows digits alone, and takes a letter, a stain or a picture for the digit that comes nearest.")
        told.append("One image, one digit: two on one image get one answer.")
    if facts.reader.certainty is not None and facts.reader.certainty.fitted_on["photographs"]:
        told.append(
            "Made photographs are not taken ones: what it calls sure was fitted on simulated paper, pen and light."
        )
    if not facts.dataset:
        told.append(
            "The figures are of images from one folder. Others, by another camera, in other light, may do worse."
        )
    if not facts.dataset:
        told.append(
            "Where several images show the very same object, some may be in the test set and others in training: then "
            "the figures are too high."
        )
    if recipe.get("fold"):
        told.append(
            f"Fold {recipe['fold']} was held out: one of several trainings, each on another part of the images."
        )
    if facts.described.get("start"):
        told.append("It began with another model's weights: what was wrong with that one's images may live on in it.")
    if recipe.get("flip"):
        told.append("It learnt from mirrored images, too, so it hardly tells what points left from what points right.")
    if facts.dataset == "mnist":
        told.append(
            "Earlier designs of this project's recipes were scored on these test images, and later ones were made by "
            "people who knew those figures: the more designs, the less are the figures those of unseen images."
        )
    told.append("One training with one seed: another would differ; by how much was not measured for this run.")
    return ["## Limits", "\n".join(f"- {sentence}" for sentence in told)]


def commit_in_words(commit: str | None) -> str:
    """Return a commit as a StageRecord holds it, in words."""
    if commit is None:
        return "not known"
    changed = commit.removesuffix("-dirty")
    return commit if changed == commit else f"{changed}, with changes that were in no commit"


def provenance(facts: Facts) -> list[str]:
    """Return by what it can be made, or known, again; and whose licence is which."""
    described = facts.described
    rows = [("run", code(facts.reader.run)), ("training's key", code(described["key"]))]
    rows += [("SHA-256 of model.safetensors", f"`{described['weights_sha256']}`")]
    rows += [(f"SHA-256 of {plain(facts.file)}", f"`{facts.sha256}`")]
    record = facts.manifest.stages.get("training") if facts.manifest is not None else None
    threads = described.get("threads")
    if record is not None:
        rows += [
            ("training notebook last run", plain(record.started)),
            ("commit of literate-mnist", plain(commit_in_words(record.commit))),
        ]
        rows += [("versions", plain(", ".join(f"{name} {number}" for name, number in record.versions.items())))]
        machine = [f"{value} cores" if part == "cores" else str(value) for part, value in record.machine.items()]
        rows += [("machine", plain(", ".join(machine)))]
    elif "torch" in described:
        rows += [("versions", plain(f"torch {described['torch']}"))]
    rows += [("threads", str(threads))] if threads else []
    licences = "literate-mnist, the program that trained it and wrote this card, is under the MIT licence."
    if facts.dataset:
        licences += (
            " The weights are given under the same licence. That of the images is told above; whether it binds who "
            "uses the weights as well, this card does not decide."
        )
    else:
        licences += " The licence of the weights is for whoever has a right to the images to say."
    return ["## Provenance", table(("what", "value"), rows), f"## Licence\n\n{licences}"]
