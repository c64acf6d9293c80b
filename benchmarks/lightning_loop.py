"""Train a published network by a plain Lightning loop, an epoch whenever a line comes in on standard input.

    python benchmarks/lightning_loop.py narrow-published 55000        what Trainer speed.py starts; not for hands

As the documentation of Lightning shows a training: a LightningModule with training_step and configure_optimizers, a
Trainer with max_epochs, and a DataLoader over torchvision's MNIST, with no workers. Batches of 64 and Adam at 1e-3 are
those of the stock loop. What a training does not need is off (see OFF). Freed memory is kept as it is for the loops
beside it. Lightning is no part of this project's environment: `environment` makes one of its own, once, which sees this
one's PyTorch.
"""

import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
LIGHTNING = "lightning==2.6.6"  # not 2.6.2 and 2.6.3, which were withdrawn: somebody else had put code into them
OFF = "off: validation, checkpoints, logger, logging of the loss, progress bar, summary of the network"
BATCH_SIZE = 64
ANSWER = "answer: "  # begins every line that is one; whatever else Lightning prints is none


def environment(folder: Path) -> Path:
    """Return the Python of the environment in `folder` that has Lightning; make it where it is not there.

    It finds whatever else it needs among the packages of the Python that runs this. CalledProcessError where Lightning
    cannot be installed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / f"{LIGHTNING}.done"
    if not done.is_file():
        venv.create(folder, clear=True, with_pip=True)
        own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        (own / "those_of_the_project.pth").write_text(sysconfig.get_path("purelib") + "\n")
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", LIGHTNING]
        subprocess.run(command, check=True, capture_output=True, text=True)
        done.touch()
    return python


class Loop:
    """A process that trains an epoch by Lightning's loop whenever it is called; `version` is Lightning's."""

    def __init__(self, recipe: str, images: int, folder: Path) -> None:
        """Start it for the network of a published recipe and some of MNIST's training images; see `environment`.

        OSError or CalledProcessError where it cannot be started.
        """
        command = [environment(folder), __file__, recipe, str(images)]
        settings = os.environ | {"PYTHONPATH": str(PROJECT)}
        self.told = ""  # what it printed besides its answers
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings
        )
        self.version = self.answer()

    def answer(self) -> str:
        """Return the next answer of the process; CalledProcessError where it has ended instead."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(ANSWER):
                return line.removeprefix(ANSWER).strip()
            self.told += line
        raise subprocess.CalledProcessError(self.process.wait(), self.process.args, stderr=self.told)

    def __call__(self) -> None:
        """Train one epoch; CalledProcessError where the process has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("train\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `answer` says why
        self.answer()

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def lightning_module(recipe: str) -> Any:
    """Return the network of a published recipe as a LightningModule."""
    import lightning
    import torch
    from torch.nn.functional import cross_entropy

    from helpers import models, recipes

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            chosen = recipes.RECIPES[recipe]
            layers = list(models.build(chosen.network, dropout=chosen.dropout))
            self.network = torch.nn.Sequential(*layers[1:])  # the loader normalises

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            images, labels = batch
            return cross_entropy(self.network(images), labels)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    return Classifier()


def train_an_epoch(recipe: str, images: int) -> None:
    """Train a fresh network for an epoch of the first `images` of MNIST's training images."""
    import lightning
    from torch.utils.data import DataLoader, Subset
    from torchvision.datasets import MNIST
    from torchvision.transforms import Compose, Normalize, ToTensor

    from helpers import data

    steps = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    whole = MNIST(data.data_folder(), transform=steps)
    loader = DataLoader(Subset(whole, range(images)), batch_size=BATCH_SIZE, shuffle=True)
    off = {"logger": False, "enable_checkpointing": False}
    off |= {"enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", **off)
    trainer.fit(lightning_module(recipe), loader)


def main() -> None:
    """Answer with Lightning's version, then train an epoch and answer with its seconds for every line that comes in."""
    import logging
    import warnings
    from importlib.metadata import version

    warnings.filterwarnings("ignore")  # it advises more workers and another precision
    import lightning  # noqa: F401  (takes seconds, which are no training)

    from helpers import computing

    computing.keep_freed_memory()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    recipe, images = sys.argv[1], int(sys.argv[2])
    print(ANSWER + version("lightning"), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        train_an_epoch(recipe, images)
        print(f"{ANSWER}{time.perf_counter() - started:.3f}", flush=True)


if __name__ == "__main__":
    main()
