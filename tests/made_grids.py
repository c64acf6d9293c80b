"""Grids of made runs on the embedded digits: no network is trained, and what each validation image became is chosen."""

import io

import numpy as np

from helpers import files, runs
from helpers.runs import Accuracy, DatasetRecord, Manifest, StageRecord
from pipeline import grids, request
from pipeline.grids import Grid, Point
from pipeline.request import Wishes

IMAGES, CLASSES = 400, 10
HEADER = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,validation_f1,learning_rate,seconds"
STARTED = "2026-01-31T12:00:00+00:00"


def point(outputs, seed=0, fold=None, only=("training",), **wishes):
    """Return a Point of the recipe `fast` on the digits, settled; its run is not there."""
    wished = Wishes(**({"dataset": "digits", "recipe": "fast", "seed": seed, "only": only} | wishes))
    settled = request.settle(wished, outputs=outputs)
    own = ("epochs", "batch_size", "learning_rate", "validation_size")
    settings = {"dataset": settled.dataset, "recipe": settled.recipe.name}
    return Point(settled, settings | {axis: getattr(settled.recipe, axis) for axis in own}, seed, fold)


def grid(outputs, points, axes=("recipe", "seed"), name="made"):
    """Return the Grid of some points; the order of its axes is that of grids.AXES."""
    return Grid(name, tuple(axis for axis in grids.AXES if axis in axes), tuple(points), outputs)


def correct(share, seed=0):
    """Return bool (IMAGES,), of which `share` are true, drawn by `seed`."""
    return np.random.default_rng(seed).permutation(IMAGES) < round(share * IMAGES)


def leave(made, right, losses=(1.0, 0.5), seconds=2.0, state="done", message="", test=None):
    """Leave the run of a Point as a training does whose validation images were read `right`, bool (n,), or not.

    `losses`: that of validation after each epoch. `test`: its accuracy on test images, None where none was measured.
    """
    folder = made.request.folder
    labels = np.random.default_rng(made.seed).integers(0, CLASSES, len(right))
    logits = np.zeros((len(right), CLASSES), np.float32)
    logits[np.arange(len(right)), np.where(right, labels, (labels + 1) % CLASSES)] = 5
    arrays = io.BytesIO()
    np.savez(arrays, logits=logits, labels=labels)
    share = right.mean()
    rows = [f"{epoch},{loss / 2},{share},{loss},{share},{share},0.1,{seconds}" for epoch, loss in enumerate(losses, 1)]
    left = [
        files.write_file(folder / "history.csv", "\n".join([HEADER, *rows]) + "\n"),
        files.write_file(folder / "validation.npz", arrays.getvalue()),
        files.write_json(folder / "model.json", {"recipe": {}}),
    ]
    digests = {path.name: files.file_digest(path) for path in left}
    stages = {"training": StageRecord(state=state, started=STARTED, seconds=9.0, message=message, outputs=digests)}
    if test is not None:
        metrics = files.write_json(folder / "metrics.json", {})
        accuracy = Accuracy(value=test, low=test - 0.01, high=test + 0.01)
        stages["results"] = StageRecord(state="done", started=STARTED, seconds=1.0, accuracy=accuracy)
        stages["results"].outputs = {metrics.name: files.file_digest(metrics)}
    page = files.write_file(folder / "reports" / "03_training.html", "<!DOCTYPE html><title>it</title>")
    rendered = {page.name: {"source": "0" * 64, "page": files.file_digest(page)}}
    files.write_json(folder / "reports" / ".rendered.json", rendered)
    asked = made.request
    dataset = DatasetRecord(name=asked.dataset, title="digits", fingerprint=asked.fingerprint)
    manifest = Manifest(run=made.run, parameters=asked.parameters, seed=made.seed, dataset=dataset, stages=stages)
    runs.save_manifest(folder, manifest)
    return made
