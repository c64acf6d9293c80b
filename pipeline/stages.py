"""The stages of a run, in order: what each needs and what it leaves."""

from dataclasses import dataclass

from helpers.files import PROJECT

NOTEBOOKS = PROJECT / "notebooks"


@dataclass(frozen=True)
class Stage:
    """A notebook in the pipeline: the stages it `needs`, and the files it `leaves` in the run's folder."""

    name: str
    notebook: str  # the file's name without .ipynb
    leaves: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def source(self):
        """The path of the notebook."""
        return NOTEBOOKS / f"{self.notebook}.ipynb"


STAGES = {
    stage.name: stage
    for stage in (
        Stage("walkthrough", "00_walkthrough"),
        Stage("eda", "01_eda", leaves=("dataset.json",)),
        Stage("prototyping", "02_prototyping", leaves=("prototyping.json",)),
        Stage("training", "03_training", leaves=("model.safetensors", "model.json", "history.csv")),
        Stage(
            "results", "04_results", leaves=("metrics.json", "predictions.npz", "robustness.json"), needs=("training",)
        ),
    )
}
