"""Figures of losses on incomplete labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from aulib.plots.style import BLUE, GREEN, GREY, ORANGE, PINK, SKY, YELLOW, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW)


def curves(table: pd.DataFrame, ylabel: str, title: str = "") -> Figure:
    """One line a column over the index, named at its right end.

    Args:
        table: numbers; the index, with its name, is the horizontal axis.
        ylabel: what the numbers are.
        title: the figure's title.
    """
    figure, axes = canvas(6.5, 3.4)
    for (_, values), color in zip(table.items(), _COLORS, strict=False):
        axes.plot(table.index, values, color=color)
    _name_lines(axes, table)
    axes.set(xlabel=table.index.name or "", ylabel=ylabel)
    axes.set_title(title, fontsize=10)
    return figure


def gradient_bias(tables: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """Mean gradient of the batches divided by that of all rows, on positives and on negatives, over the batch size.

    Args:
        tables: name of a loss -> table indexed by batch size with ``positives`` and ``negatives``, as
            :func:`aulib.losses.batch_distortion` gives them for one label.
        title: what was drawn.
    """
    figure, panels = canvas(8.5, 3.4, columns=2, sharey=True)
    for axes, kind in zip(panels, ("positives", "negatives"), strict=True):
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle="--")
        together = pd.DataFrame({name: table[kind] for name, table in tables.items()})
        sizes = [f"{n:,}" for n in together.index]
        for (_, values), color in zip(together.items(), _COLORS, strict=False):
            axes.plot(sizes, values, "o-", color=color)
        _name_lines(axes, together.set_axis(range(len(sizes))))
        axes.set(xlabel="batch size", title=f"on {kind}")
    panels[0].set(ylabel="gradient, batches / all rows", ylim=(0, 1.25))
    figure.get_layout_engine().set(wspace=0.12)  # room for the names
    figure.suptitle(title, fontsize=10)
    return figure


def scores_by_batch(scores: pd.DataFrame, title: str = "") -> Figure:
    """F1 of each label as dots, one panel a batch size, one colour a loss.

    Args:
        scores: long table with ``batch``, ``loss``, ``label`` and ``F1``, one row for each repetition.
        title: what was drawn.
    """
    batches, losses = scores["batch"].unique(), list(scores["loss"].unique())
    figure, panels = canvas(3.2 * len(batches) + 0.6, 3.4, columns=len(batches), sharey=True)
    labels = list(scores["label"].unique())
    for axes, batch in zip(panels, batches, strict=True):
        for number, (loss, color) in enumerate(zip(losses, _COLORS, strict=False)):
            part = scores[(scores["batch"] == batch) & (scores["loss"] == loss)]
            place = part["label"].map(labels.index) + 0.24 * (number - (len(losses) - 1) / 2)
            axes.scatter(place, part["F1"], color=color, s=16, label=loss)
        axes.set_xticks(range(len(labels)), labels, fontsize=8)
        axes.set(title=f"batches of {batch:,}", ylim=(-0.03, 1))
    panels[0].set(ylabel="F1 on complete labels")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(losses), frameon=False)
    figure.suptitle(title, fontsize=10)
    return figure


def _name_lines(axes, table: pd.DataFrame) -> None:
    """Write the columns' names right of their last points, apart from each other."""
    last = table.iloc[-1].sort_values()
    low, high = axes.get_ylim()
    places = last.to_numpy(dtype=float).copy()
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + 0.075 * (high - low))
    for name, place in zip(last.index, places, strict=True):
        color = _COLORS[list(table.columns).index(name)]
        axes.annotate(
            name, (table.index[-1], place), xytext=(6, 0), textcoords="offset points", color=color, fontsize=9,
            va="center", annotation_clip=False,
        )  # fmt: skip
