"""The field's terms: words that stood for them before are gone, but for uses that mean something else."""

import json
import re

import pytest
from conftest import ROOT

COUNTED = r"images|pictures|digits|letters|photographs|labels|files|filters|threads|workers|rows|runs|bars|dots|scores"
COUNTED += r"|one|two|three|four|five|ten|twenty|few|fewer|many|\d[\d,]*|row|folder|colour|score|bar|dot|logit|thread"
TERMS = {  # a pattern, whatever its case: the term that is used instead
    r"(?<!standard )(?<!standard_)(?<!standard-)\bdeviations?\b": "standard deviation",
    r"\bjudg(ed|es|ing)\b|\bjudge_\w+": "evaluated",
    r"\bmis-?read(s|ing|ings)?\b": "misclassified",
    r"\b(held|holds?|holding) ((?!if )[\w,]+ ){0,3}back\b|\bheld_back\b": "held out",
    r"\bimages_a_step\b|\bstep_size\b": "batch_size, learning_rate",
    r"\bslopes\b": "gradients",
    r"\b(un)?luck(y|ier|iest|ily)?\b": "sampling error",
    r"\bcommonest\b": "majority class, most frequent",
    r"\bis_real\b|\breal(ly)? (differen\w+|gains?|effects?|better|worse)\b|\bdifferences? (is|are) real\b": (
        "statistically significant"
    ),
    r"\bdoubles\b": "duplicates",
    r"\bturn(s|ed|ing)? over\b": "inverted",
    r"\bturned\b(?! (over|into|off|on|out|to|away|down))|\bslanted\b": "rotated, sheared",
    r"\b(images?|digits?|pictures?) ((that )?(is|are|was|were) )?moved\b|\bmoved (by|about)\b": "translated",
    r"\b(un)?spoil(t|s|ed|ing)?\b|spoilt_": "corrupted, damaged",
    r"\btoo (sure|modest)\b": "overconfident, underconfident",
    r"\bmend(s|ed|ing)?\b": "recalibrate, fix",
    r"\bby heart\b": "overfits, memorises",
    rf"\b({COUNTED}) a (class|core)\b(?! (needs|has|holds))|--a-class\b|\ba_class\b": "per class, per core",
    r"\b(sits?|sat|sitting) out\b": "dropped",
    r"(?<![a-z])taught(?![a-z])": "trained on",
    r"\bhow many images validate\b": "size of the validation set",
    r"\bproducts of layers\b": "matrix multiplications run in",
}
PLACES = ("*.md", "*.py", "docs/*.md", "data/*.md", "outputs/*.md", "helpers/**/*", "pipeline/**/*")
PLACES += ("benchmarks/*.py", "tests/*.py", "notebooks/*.ipynb")
KINDS = (".md", ".py", ".ipynb", ".js", ".css", ".html", ".j2")
LEFT_OUT = ("CHANGELOG.md", "tests/test_terms.py")  # what was renamed, and the words themselves
DIGESTED = "code whose digest is noted with every reading and every trained model"
ALLOWED = {  # {(file, what stands there): why}
    ("benchmarks/blocks.py", "a_class"): "a field of readings that were taken",
    ("benchmarks/few.py", "a_class"): "a field of readings that were taken",
    ("benchmarks/figures.py", "a_class"): "a field of readings that were taken",
    ("benchmarks/record.py", "a_class"): "a field of readings that were taken",
    ("benchmarks/mnist_c.py", "spoilt"): DIGESTED,
    ("benchmarks/robustness.py", "spoilt_"): "a field of readings that were taken",
    ("helpers/drawing/__init__.py", "deviation"): "the name of a buffer in stored weights",
    ("helpers/framing.py", "slopes"): "those of lines ruled on paper",
    ("tests/test_notebooks.py", "deviation"): "the name of a buffer in stored weights",
    ("helpers/models.py", "deviation"): "the name of a buffer in stored weights",
    ("helpers/photographs.py", "slanted"): DIGESTED,
    ("helpers/photographs.py", "turned"): DIGESTED,
    ("helpers/sheets.py", "slopes"): "those of lines of digits on paper",
}


def files_with_words():
    """Return the paths of all files that are held to the terms, from the project's root."""
    found = {path for place in PLACES for path in ROOT.glob(place) if path.suffix in KINDS}
    return sorted(str(path.relative_to(ROOT)) for path in found if str(path.relative_to(ROOT)) not in LEFT_OUT)


def text_of(name):
    """Return the words of a file: of a notebook those of its cells."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return text


def found_in(text):
    """Return [(what stands there, what is around it, the term that is used instead)] for a text."""
    text = " ".join(text.split())
    found = []
    for pattern, term in TERMS.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            found.append((match[0], text[max(match.start() - 40, 0) : match.end() + 40], term))
    return found


@pytest.mark.parametrize("name", files_with_words())
def test_a_file_speaks_in_the_fields_terms(name):
    found = found_in(text_of(name))
    assert [use for use in found if (name, use[0]) not in ALLOWED] == []
    kept = {(name, what) for what, _, _ in found}
    assert [use for use in ALLOWED if use[0] == name and use not in kept] == [], "allowed, and not there any more"


def test_every_exception_is_of_a_file_and_has_a_reason():
    assert {name for name, _ in ALLOWED} <= set(files_with_words())
    assert all(len(reason.split()) >= 3 for reason in ALLOWED.values())


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("a deviation of 3", "standard deviation"),
        ("it misread 3", "misclassified"),
        ("it holds 288 back", "held out"),
        ("250 a class", "per class, per core"),
        ("threads, one a core", "per class, per core"),
        ("which differences are\nreal?", "statistically significant"),
        ("images turned over", "inverted"),
        ("turned, blurred", "rotated, sheared"),
        ("a network that was taught", "trained on"),
    ],
)
def test_words_are_found(text, term):
    assert term in [found[2] for found in found_in(text)]


@pytest.mark.parametrize(
    "text", ["its standard deviation", "a folder of a class", "turned into a table", "as a class", "the real data"]
)
def test_other_uses_are_not(text):
    assert found_in(text) == []
