"""A folder of many colour images: how long reading takes, again from what was kept, and how much memory.

    python benchmarks/folder.py                     20,000 images of 128x128 pixels, made by a seed
    python benchmarks/folder.py --images 2000

Each part runs in a process of its own: reading the first time, reading again, and what a command asks before anything
runs. Peak memory is the process's own, as the system counts it, with PyTorch in it. The rows go into
benchmarks/results/folder.json, one a call, and none is ever taken out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import origin
from PIL import Image

from helpers import files, runs

RESULTS = Path(__file__).resolve().parent / "results" / "folder.json"
SIDE = 128
PARTS = {  # (what a process imports beforehand, what it is timed at)
    "first": ("torch", "dataset = data.load(sys.argv[1])"),
    "again": ("torch", "dataset = data.load(sys.argv[1])"),
    "split": ("torch", "splits = data.split(data.load(sys.argv[1]))"),
    "summary": ("numpy", "summary = data.summarise(sys.argv[1])"),
}
PROGRAM = """
import json, re, sys, time
import {imported}
from helpers import data
started = time.perf_counter()
{timed}
seconds = time.perf_counter() - started
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({{"seconds": round(seconds, 2), "peak_bytes": peak}}))
"""


def write(folder: Path, images: int) -> None:
    """Write so many images of smooth colours, and a little noise, as JPEG files in two classes."""
    generator = np.random.default_rng(0)
    for number in range(images):
        small = Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        pixels = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = (pixels + generator.integers(-8, 8, pixels.shape)).clip(0, 255).astype(np.uint8)
        path = folder / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path, quality=90)


def measure(part: str, folder: Path, home: Path) -> dict[str, Any]:
    """Return {"seconds", "peak_bytes"} of one part in a process of its own, which keeps images in `home`."""
    imported, timed = PARTS[part]
    command = [sys.executable, "-c", PROGRAM.format(imported=imported, timed=timed), str(folder)]
    environment = dict(os.environ) | {"HOME": str(home), "PYTHONPATH": str(files.PROJECT)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    """Take a reading and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    options = parser.parse_args()
    facts = origin.facts()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        write(folder, options.images)
        parts = {}
        for part in PARTS:
            parts[part] = measure(part, folder, Path(place) / "home")
            print(f"{part}: {parts[part]['seconds']} s, peak {parts[part]['peak_bytes'] / 1e9:.2f} GB", flush=True)
    row = {
        "images": options.images,
        "image_bytes": options.images * 3 * SIDE**2,
        "parts": parts,
        "taken": runs.now(),
    }
    origin.keep(RESULTS, row | facts)
    print(f"the images alone: {row['image_bytes'] / 1e9:.2f} GB")


if __name__ == "__main__":
    origin.call(main)
