"""The stages of a run, in order: what each needs and what it leaves."""

from dataclasses import dataclass
from pathlib import Path

from helpers.files import PROJECT

NOTEBOOKS = PROJECT / "notebooks"


@dataclass(frozen=True)
class Stage:
    """A notebook in the pipeline: the stages that it `needs`, and the files that it leaves in the run's folder.

    Its cells that have a tag in `left_out` are neither run nor shown.
    """

    name: str
    notebook: str  # the file's name without .ipynb
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The path of the notebook."""
        return NOTEBOOKS / f"{self.notebook}.ipynb"

    @property
    def trains(self) -> bool:
        """Whether it leaves a model, and checkpoints on the way to it."""
        return "model.json" in self.outputs


STAGES = {
    stage.name: stage
    for stage in (
        Stage("walkthrough", "00_walkthrough", outputs=("walkthrough.safetensors", "walkthrough.json")),
        Stage("eda", "01_eda", outputs=("dataset.json",)),
        Stage("prototyping", "02_prototyping", outputs=("prototyping.json",)),
        Stage(
            "training",
            "03_training",
            outputs=("model.safetensors", "model.json", "history.csv", "validation.npz", "certainty.npz"),
        ),
        Stage(
            "results",
            "04_results",
            outputs=("metrics.json", "predictions.npz", "robustness.json"),
            needs=("training",),
        ),
    )
}
