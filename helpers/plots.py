"""Figures: arrays in, a matplotlib Figure out; `show` puts one into the notebook and into the run's folder."""

import io

import matplotlib as mpl
import numpy as np
from IPython.display import Markdown, display
from matplotlib.figure import Figure

from . import evaluation, runs

# Okabe and Ito's palette (2008), which readers with any colour vision can tell apart.
BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
)
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.prop_cycle": mpl.cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK]),
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "image.cmap": "gray_r",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
DPI = 160  # twice what the figures are shown at, so that they stay sharp
mpl.rcParams.update(STYLE)


def new(rows=1, columns=1, width=8.0, height=3.4, **options):
    """Return (Figure, its axes) of `width` x `height` inches, free of pyplot's global state."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, **options)


def show(figure, name, caption, description, folder):
    """Display a Figure with a caption below and `description` as its alternative text; save figures/`name`.png.

    Figure, caption and description reach the report through the notebook's own output.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    runs.write_file(folder / "figures" / f"{name}.png", buffer.getvalue())
    about = {"alt": description, "width": round(figure.get_figwidth() * DPI / 2)}
    data = {"image/png": buffer.getvalue(), "text/plain": description}
    display(data, raw=True, metadata={"image/png": about})
    display(Markdown(f"*{caption}*"))


def images(pixels, titles=None, columns=10, size=0.8, row_titles=None):
    """Return a grid of images, (n, h, w) or a list of such rows; `titles` stand above each, `row_titles` before rows."""
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    extra = 0.22 * max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    figure, axes = new(rows, columns, width=min(columns * size + 0.4, 9), height=rows * (size + extra), squeeze=False)
    for place, axis in enumerate(axes.flat):
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
        if place < len(pixels):
            axis.imshow(pixels[place], interpolation="nearest", vmin=0 if np.min(pixels[place]) >= 0 else None)
            if titles:
                axis.set_title(titles[place], fontsize=8, fontweight="normal", loc="center", pad=3)
    for axis, title in zip(axes[:, 0], row_titles or [], strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center")
    return figure


def bars(values, names, title, label):
    """Return grouped bars: `values` {group: one number a name}, with a legend where there is more than one group."""
    figure, axis = new(height=3.0)
    width, places = 0.8 / len(values), np.arange(len(names))
    for number, (group, heights) in enumerate(values.items()):
        axis.bar(places + (number - (len(values) - 1) / 2) * width, heights, width, label=group)
    axis.set_xticks(places, names)
    axis.set(title=title, ylabel=label)
    axis.grid(axis="x", visible=False)
    if len(values) > 1:
        figure.legend(loc="outside right upper")
    return figure


def curves(history, quantity, label, title, as_percent=False):
    """Return the curves of train and validation `quantity` ("loss", "accuracy") against epochs, named at their ends."""
    figure, axis = new()
    epochs = [row["epoch"] for row in history]
    scale = 100 if as_percent else 1
    for part, colour in (("train", BLUE), ("validation", ORANGE)):
        values = [row[f"{part}_{quantity}"] * scale for row in history]
        axis.plot(epochs, values, marker="o", markersize=4, color=colour, label=part)
    axis.set(title=title, xlabel="epoch", ylabel=label)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axis.legend()
    return figure


def line(x, y, title, x_label, y_label, log_x=False, mark=None):
    """Return one curve; `mark` draws a dashed line at that x, with its value beside it."""
    figure, axis = new()
    axis.plot(x, y, marker="o" if len(x) < 30 else None, markersize=4)
    axis.set(title=title, xlabel=x_label, ylabel=y_label, xscale="log" if log_x else "linear")
    if mark is not None:
        axis.axvline(mark, color=RED, linestyle="--", linewidth=1.2)
        axis.annotate(f" {mark:.2g}", (mark, 0.95), xycoords=("data", "axes fraction"), color=RED)
    return figure


def confusion_matrix(table, names, title):
    """Return the confusion matrix as counts beside shares of each true class; rows true, columns predicted."""
    import seaborn  # here, because it takes over a second and most notebooks draw none

    classes = len(names)
    size = float(np.clip(0.42 * classes, 4.2, 12))
    figure, axes = new(1, 2, width=2 * size + 0.6, height=size + 0.4)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    written = {"annot": classes <= 20, "annot_kws": {"size": 7}, "cbar": False, "square": True, "linewidths": 0.5}
    off = table - np.diag(np.diag(table))
    top = max(off.max(), 1)  # the colours serve the mistakes: the diagonal would drown them
    seaborn.heatmap(table, ax=axes[0], fmt="d", cmap="Blues", vmin=0, vmax=top * 1.5, **written)
    percent = 100 * shares
    seaborn.heatmap(
        percent,
        ax=axes[1],
        fmt=".1f",
        cmap="Blues",
        vmin=0,
        vmax=150 * (off / np.maximum(table.sum(axis=1, keepdims=True), 1)).max() or 1,
        **written,
    )
    for axis, unit in zip(axes, ("images", "% of the true class"), strict=True):
        axis.set_title(unit, fontweight="normal")
        axis.set(xlabel="predicted", ylabel="true")
        axis.set_xticklabels(names, rotation=90 if max(map(len, names)) > 2 else 0)
        axis.set_yticklabels(names, rotation=0)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def reliability(predictions, title):
    """Return the reliability diagram: accuracy against confidence, beside how many images have which confidence."""
    table = evaluation.reliability(predictions)
    figure, (left, right) = new(1, 2, width=8.4, height=3.6)
    low = min(table["accuracy"].min(), table["confidence"].min()) - 0.05
    left.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    left.annotate("perfectly calibrated", (0.04, 0.92), xycoords="axes fraction", color="dimgrey", fontsize=9)
    left.scatter(table["confidence"], table["accuracy"], s=20 + 10 * np.log10(table["count"]) ** 2, zorder=3)
    left.set(title=title, xlabel="confidence", ylabel="accuracy", xlim=(max(low, 0), 1.02), ylim=(max(low, 0), 1.02))
    right.bar(table["confidence"], table["count"], width=0.03, color=SKY)
    right.set(title="Images at each confidence", xlabel="confidence", ylabel="images", yscale="log")
    return figure
