"""docs/many-runs.md: its figures are those of the newest reading, its commands are known."""

import json
import re
from pathlib import Path

import run_all

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "many-runs.md").read_text(encoding="utf-8")
GREW = "bytes that the client's memory grew by"
READINGS = ROOT / "benchmarks" / "results" / "many_runs.json"


def test_its_figures_are_those_of_the_newest_reading():
    reading = json.loads(READINGS.read_text())["rows"][-1]
    assert reading["points"] == 300
    seconds = reading["seconds a point after that"]
    shown = [
        f"| {seconds:.2f} s |",
        f"| {reading['seconds until the first had landed']:.0f} s |",
        f"| {reading['bytes of a job'] / 1e3:.1f} kB |",
        f"| {reading['bytes of MNIST'] / 1e6:.1f} MB |",
        f"| {reading['bytes of a run that comes back'] / 1e6:.1f} MB |",
        f"| {reading[GREW] / 1e6:.0f} MB |",
        f"| {reading['seconds of the page']:.1f} s, {reading['bytes of the page'] / 1e3:.0f} kB |",
    ]
    for cell in shown:
        assert cell in DOCUMENT, cell


def test_every_command_of_this_project_is_one():
    commands = re.findall(r"^python run_all\.py (.+)$", DOCUMENT, re.MULTILINE)
    assert commands
    for command in commands:
        words = [word.replace("host:", "127.0.0.1:") for word in command.split()]
        assert run_all.parse(words).recipe
