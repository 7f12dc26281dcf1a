"""Figures of a training: the history, and faces with what was predicted for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = {
    "val_f1_macro": ("macro F1", "#0072B2"),
    "val_accuracy": ("accuracy", "#E69F00"),
    "val_score": ("selection score", "#000000"),
}
STAGES = {1: "#009E73", 2: "#CC79A7"}


def history_figure(history: pd.DataFrame, source: str = "", title: str = "Training in two stages") -> Figure:
    """Loss and validation scores by epoch, both stages one after the other.

    Args:
        history: `Run.history`.
        source: where the labels come from; stands in the title.
        title: the first line of the title.

    Returns:
        Figure with two axes; dots mark each stage's best epoch, a dotted line stands where stage 2 begins.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.9), layout="constrained")
    epoch = history["epoch"] + np.where(history["stage"] == 2, (history["stage"] == 1).sum(), 0)
    for stage, rows in history.groupby("stage"):
        left.plot(epoch[rows.index], rows["loss"], color=STAGES[stage], label=f"stage {stage}")
    for column, (label, colour) in CURVES.items():
        right.plot(epoch, history[column], color=colour, label=label, linewidth=2 if column == "val_score" else 1.2)
    best = history.groupby("stage")["val_score"].idxmax()
    right.plot(epoch[best], history.loc[best, "val_score"], "o", color="#D55E00", label="best epoch of a stage")
    for axes, label in ((left, "loss"), (right, "score on validation people")):
        axes.set(xlabel="epoch", ylabel=label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if history["stage"].nunique() == 2:
            axes.axvline((history["stage"] == 1).sum() + 0.5, color="grey", linestyle=":")
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    figure.suptitle("\n".join(line for line in (title, source) if line))
    plt.close(figure)  # a notebook shows the figure as the cell's value, once
    return figure


def faces_figure(
    pixels: np.ndarray, predictions: pd.DataFrame, aus: Sequence[str], threshold: float = 0.5, source: str = ""
) -> Figure:
    """Faces with the action units predicted for them, and what the labels say.

    Args:
        pixels: uint8 array (n, s, s, 3) of the faces, n at most 12.
        predictions: the n rows of the prediction table, in the same order.
        aus: the action units to name.
        threshold: probability from which an action unit counts as predicted.
        source: where the labels come from; stands in the title.

    Returns:
        Figure; under each face the hits, the wrongly predicted, the missed and those predicted without a label.
    """
    import matplotlib.pyplot as plt

    columns = min(4, len(pixels))
    shape = (-(-len(pixels) // columns), columns)
    figure, grid = plt.subplots(*shape, figsize=(2.1 * columns, 3.35 * shape[0]), layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, face, (_, row) in zip(grid.flat, pixels, predictions.iterrows(), strict=False):
        axes.imshow(face)
        axes.set_title(_verdict(row, aus, threshold), fontsize=9.5, loc="left", y=-0.47, va="bottom")
    figure.suptitle(f"Predicted action units\n{source}".strip(), fontsize=10)
    plt.close(figure)
    return figure


def _verdict(row: pd.Series, aus: Sequence[str], threshold: float) -> str:
    """Four lines of AU numbers: hits, false alarms, misses, and predictions without a label."""
    lists: dict[str, list[str]] = {"right": [], "wrong": [], "missed": [], "no label": []}
    for au in aus:
        said, label = row[f"{au}_p"] >= threshold, row[au]
        if said:
            lists["no label" if pd.isna(label) else "right" if label == 1 else "wrong"].append(au[2:])
        elif not pd.isna(label) and label == 1:
            lists["missed"].append(au[2:])
    return "\n".join(f"{name}: {' '.join(found) or '-'}" for name, found in lists.items())
