"""The epochs of a training under a slider: which validation images are wrong after each, and which no longer are."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from .frame import as_json, assemble, encode, jpeg, sprite

MOST = 200  # images shown
MOST_PICTURES = 100  # of those of another form than MNIST's, which take more bytes
SIDE = 40  # pixels: larger images are shrunk to it
ACROSS = 20  # images in a row of the sprite
QUALITY = 85  # of the JPEG of images in colour


def epoch_slider(
    images: Tensor,
    labels: np.ndarray,
    predicted: np.ndarray,
    history: Sequence[Mapping[str, float]],
    class_names: Sequence[str],
) -> str:
    """Return HTML with a slider over the epochs, the curves of loss, and the validation images that were ever wrong.

    `images`: uint8 (n, c, s, s); `labels`: (n,); `predicted`: (epochs, n), the class predicted after each epoch;
    `history` has the fields of training.HISTORY. Counts are those of all images; at most MOST of them are shown.
    """
    wrong = predicted != labels
    is_ink = tuple(images.shape[1:]) == (1, 28, 28)
    shown = choose(wrong, MOST if is_ink else MOST_PICTURES)
    counts = count(wrong)
    values = {
        "epochs": [int(row["epoch"]) for row in history],
        "train": [round(row["train_loss"], 5) for row in history],
        "validation": [round(row["validation_loss"], 5) for row in history],
        **counts,
        "total": len(labels),
        "names": list(class_names),
        "labels": labels[shown].tolist(),
        "said": predicted[:, shown].T.tolist(),
        "across": ACROSS,
    }
    parts = {
        "ROWS": table(values),
        "TOTAL": f"{len(labels):,}",
        "PICTURE": picture(images[shown].numpy(), is_ink) if len(shown) else "",
        "VALUES": as_json(values),
    }
    return assemble("epochs", parts)


def count(wrong: np.ndarray) -> dict[str, list[int]]:
    """Return how many of all images are wrong after each epoch, and how many are newly wrong or no longer wrong.

    `wrong`: bool (epochs, n). Before the first epoch there is nothing to compare with: 0.
    """
    newly = (wrong[1:] & ~wrong[:-1]).sum(axis=1).tolist()
    corrected = (wrong[:-1] & ~wrong[1:]).sum(axis=1).tolist()
    return {"wrong": wrong.sum(axis=1).tolist(), "newly": [0, *newly], "corrected": [0, *corrected]}


def choose(wrong: np.ndarray, most: int) -> np.ndarray:
    """Return the places of the images to show, int (k,), k at most `most`: the longest wrong and the most often first.

    `wrong`: bool (epochs, n). Where more were ever wrong, they are taken in turn from those that are wrong in the end,
    and from those that each epoch made wrong or right, so that every epoch has some to show.
    """
    epochs = np.arange(1, len(wrong) + 1)
    last = (wrong * epochs[:, None]).max(axis=0)  # the last epoch after which an image is wrong, 0 where none is
    order = np.lexsort((-wrong.sum(axis=0), -last))
    order = order[last[order] > 0]
    if len(order) <= most:
        return order
    newly = wrong[1:] & ~wrong[:-1]
    corrected = wrong[:-1] & ~wrong[1:]
    queues = [order[group[order]] for group in (wrong[-1], wrong[0], *newly, *corrected)]
    taken: dict[int, None] = {}
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue) and len(taken) < most:
                taken[int(queue[turn])] = None
    return np.array([place for place in order if int(place) in taken], dtype=np.int64)


def picture(images: np.ndarray, is_ink: bool) -> str:
    """Return the images, uint8 (k, c, s, s), as an HTML image of rows of ACROSS: a PNG, or in colour a JPEG."""
    shrunk = shrink(images)
    kind = "jpeg" if images.shape[1] == 3 else "png"
    content = jpeg(shrunk, QUALITY, ACROSS) if kind == "jpeg" else sprite(shrunk, ACROSS)
    alternative = f"Validation images that were wrong after at least one epoch, {len(images)} in number"
    style = "sprite ink" if is_ink else "sprite"
    source = f"data:image/{kind};base64,{encode(content)}"
    return f'<img class="{style}" src="{source}" alt="{alternative}" decoding="async">'


def shrink(images: np.ndarray) -> np.ndarray:
    """Return images, uint8 (k, c, s, s), with sides of SIDE where they are larger."""
    if images.shape[-1] <= SIDE:
        return images
    planes = images.reshape(-1, *images.shape[-2:])
    small = [np.asarray(Image.fromarray(plane).resize((SIDE, SIDE), Image.Resampling.BOX)) for plane in planes]
    return np.stack(small).reshape(*images.shape[:2], SIDE, SIDE)


def table(values: Mapping[str, Any]) -> str:
    """Return a row, as HTML, for each epoch: its losses, and how many images are wrong."""
    columns = ("epochs", "train", "validation", "wrong", "newly", "corrected")
    rows = []
    for place, (epoch, *cells) in enumerate(zip(*(values[name] for name in columns), strict=True)):
        texts = [f"{cell:.4f}" for cell in cells[:2]] + [f"{cell:,}" for cell in cells[2:]]
        if place == 0:
            texts[3:] = ["", ""]
        rows.append(f'<tr><th scope="row">{epoch}</th>{"".join(f"<td>{escape(text)}</td>" for text in texts)}</tr>')
    return "\n".join(rows)
