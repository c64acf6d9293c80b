"""The bar of a training."""

import sys
import time


def training_bar(epochs, file=None):
    """Return a `progress` for fit: one bar on `file`: the epochs done, the last one's figures, the time left."""
    from tqdm import tqdm

    bar = tqdm(
        total=100,
        file=file or sys.stdout,
        ascii=" =",
        bar_format="{desc} [{bar:20}] {n:3.0f}%{postfix}",
        mininterval=0.25,
    )
    bar.set_description_str(f"epoch 0/{epochs}")
    state = {"from": None, "since": time.perf_counter()}

    def progress(history, step, steps):
        share = (len(history) + step / steps) / epochs
        if state["from"] is None:
            state["from"] = share
        elif share > state["from"]:
            left = round((time.perf_counter() - state["since"]) * (1 - share) / (share - state["from"]))
            bar.set_postfix_str(f"{left // 60}:{left % 60:02} left", refresh=False)
        bar.update(100 * share - bar.n)
        if step == 0:
            last = history[-1]
            bar.set_description_str(
                f"epoch {len(history)}/{epochs}  train loss {last['train_loss']:.4f}  "
                f"validation {last['validation_accuracy']:.2%}  {last['seconds']:.1f} s"
            )
            bar.refresh()
            if len(history) == epochs:
                bar.close()

    return progress
