"""Figures of metrics and losses on incomplete labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aulib.plots.style import BLUE, GREY, ORANGE, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def baselines(prevalence: Mapping[str, float] | pd.Series, source: str = "") -> Figure:
    """Accuracy of always saying "no" and F1 of always saying "yes", over prevalence, with the labels at theirs.

    Args:
        prevalence: share of positives among the known rows of each label.
        source: where the labels come from, written into the title.
    """
    figure, axes = canvas(6.5, 3.6)
    grid = np.linspace(0, 1, 201)
    axes.plot(grid, 1 - grid, color=ORANGE)
    axes.plot(grid, 2 * grid / (1 + grid), color=BLUE)
    values = pd.Series(prevalence).astype(float).sort_values()
    axes.scatter(values, 1 - values, color=ORANGE, s=18)
    axes.scatter(values, 2 * values / (1 + values), color=BLUE, s=18)
    for name, value in (values.iloc[[0, -1]] if len(values) > 1 else values).items():
        axes.annotate(name, (value, 2 * value / (1 + value)), xytext=(4, -11), textcoords="offset points", fontsize=8)
    axes.text(0.85, 0.04, 'accuracy of always "no"', color=ORANGE, ha="right")
    axes.text(0.98, 0.78, 'F1 of always "yes"', color=BLUE, ha="right")
    axes.set(xlabel="prevalence among known rows", ylabel="score", xlim=(0, 1), ylim=(0, 1.02))
    title = f"Scores that need no face, {len(values)} labels"
    axes.set_title(f"{title}\n{source}" if source else title, fontsize=10)
    return figure


def cells(values: ArrayLike, y: ArrayLike, title: str = "") -> Figure:
    """A number for each cell of a small label table, such as a gradient; unknown cells are hatched.

    Args:
        values: numbers (n, L).
        y: labels (n, L), NaN unknown.
        title: what the numbers are.
    """
    values, y = np.asarray(values, dtype=float), np.asarray(y, dtype=float)
    rows, labels = values.shape
    figure, axes = canvas(1.1 * labels + 1.6, 0.45 * rows + 1.2)
    largest = np.abs(values).max() or 1.0
    axes.imshow(values, cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto")
    for row, label in np.ndindex(values.shape):
        text = f"{values[row, label]:+.3f}\n{_symbol(y[row, label])}" if values[row, label] else _symbol(y[row, label])
        color = "white" if abs(values[row, label]) > 0.6 * largest else "black"
        axes.text(label, row, text, ha="center", va="center", fontsize=8, color=color)
        if np.isnan(y[row, label]):
            axes.fill_between([label - 0.5, label + 0.5], row - 0.5, row + 0.5, facecolor="none", hatch="///",
                              edgecolor=GREY, linewidth=0)  # fmt: skip
    axes.set_xticks(range(labels), [f"label {i}" for i in range(labels)])
    axes.set_yticks(range(rows), [f"row {i}" for i in range(rows)])
    axes.set_title(title, fontsize=10)
    return figure


def batch_distortion(table: pd.DataFrame, title: str = "") -> Figure:
    """Mean soft F1 of batches against that of all rows, and the share of batches without a known positive.

    Args:
        table: indexed by batch size, with ``batch_f1``, ``all_f1`` and ``no_positive``.
        title: what was drawn.
    """
    figure, (left, right) = canvas(8.5, 3.2, columns=2)
    sizes = [f"{n:,}" for n in table.index]
    left.plot(sizes, table["batch_f1"], "o-", color=BLUE)
    left.plot(sizes, table["all_f1"], "--", color=GREY)
    left.annotate("all rows at once", (0, table["all_f1"].iloc[0]), xytext=(0, 4), textcoords="offset points",
                  color=GREY, fontsize=9)  # fmt: skip
    left.annotate("mean over batches", (0, table["batch_f1"].iloc[0]), xytext=(8, -4), textcoords="offset points",
                  color=BLUE, fontsize=9)  # fmt: skip
    left.set(xlabel="batch size", ylabel="soft F1", ylim=(0, None))
    left.margins(y=0.2)
    bars = right.bar(sizes, table["no_positive"], color=ORANGE)
    right.bar_label(bars, [f"{v:.0%}" for v in table["no_positive"]], fontsize=8)
    right.set(xlabel="batch size", ylabel="batches without a known positive", ylim=(0, 1.05))
    figure.suptitle(title, fontsize=10)
    return figure


def stock_against_masked(table: pd.DataFrame, source: str = "") -> Figure:
    """F1 that a ready-made metric gives each label, joined to the F1 on the known cells; beyond 0 to 1 is shaded.

    Args:
        table: indexed by label, with ``stock`` and ``masked``. Values far outside are written at the edge.
        source: where the labels come from, written into the title.
    """
    low, high = -0.6, 1.6
    figure, axes = canvas(6.5, 0.26 * len(table) + 1.4)
    places = np.arange(len(table))[::-1]
    stock = table["stock"].clip(low, high)
    axes.hlines(places, stock, table["masked"], color=GREY, linewidth=1)
    axes.plot(stock, places, "o", color=ORANGE, clip_on=False)
    axes.plot(table["masked"], places, "o", color=BLUE)
    for place, value, shown in zip(places, table["stock"], stock, strict=True):
        if value != shown:
            side, align = (6, "left") if value < low else (-6, "right")
            axes.annotate(f"{value:.1f}", (shown, place), xytext=(side, 3), textcoords="offset points", ha=align,
                          color=ORANGE, fontsize=8)  # fmt: skip
    for edges in ((low, 0), (1, high)):
        axes.axvspan(*edges, color=GREY, alpha=0.15, linewidth=0)
    axes.set(xlim=(low, high), xlabel="F1", ylim=(-0.7, len(table) + 0.3))
    axes.set_yticks(places, table.index)
    axes.text(0.02, len(table) - 0.3, "Keras, unknown as -1", color=ORANGE, fontsize=9)
    axes.text(0.98, len(table) - 0.3, "known cells only", color=BLUE, fontsize=9, ha="right")
    title = f"An F1 cannot lie in the shaded parts, {len(table)} labels"
    axes.set_title(f"{title}\n{source}" if source else title, fontsize=10)
    return figure


def _symbol(label: float) -> str:
    return "unknown" if np.isnan(label) else "displayed" if label else "not displayed"
