"""Figures of results: scores with their intervals, by dataset, and against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib import evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def f1_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 of each action unit with its 95 % interval, beside the answer "always displayed".

    Args:
        table: a table of :func:`aulib.evaluation.results_table` with intervals.
        source: where the labels come from; stands in the title.

    Returns:
        Figure with one row per action unit, sorted by F1.
    """
    import matplotlib.pyplot as plt

    rows = table.drop(index=list(evaluation.SUMMARY)).sort_values("f1")
    places = np.arange(len(rows))
    figure, axes = plt.subplots(figsize=(7, 0.32 * len(rows) + 1.2), layout="constrained")
    plt.close(figure)  # the notebook shows what the cell returns; an open figure would be shown twice
    axes.hlines(places, rows["f1_low"], rows["f1_high"], color="#0072B2", linewidth=3, alpha=0.45)
    axes.plot(rows["f1"], places, "o", color="#0072B2", label="our model, with 95 % interval by person")
    axes.plot(
        rows["always_positive"],
        places,
        "|",
        color="#D55E00",
        markersize=12,
        markeredgewidth=2.5,
        label="always displayed",
    )
    axes.set_yticks(
        places,
        [f"{au}  ({n} of {known})" for au, n, known in zip(rows.index, rows["test"], rows["known"], strict=True)],
    )
    axes.set(
        xlim=(0, 1), xlabel="F1 on held-out people", title=f"F1 by action unit (displayed of known labels)\n{source}"
    )
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    axes.grid(axis="x", alpha=0.3)
    return figure


def dataset_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 of each action unit on each dataset; a cell is empty where the dataset does not code the action unit.

    Args:
        table: a table of :func:`aulib.evaluation.per_dataset_table`.
        source: where the labels come from; stands in the title.
    """
    import matplotlib.pyplot as plt
    import seaborn

    aus = [column for column in table.columns if column.startswith("AU")]
    names = [
        f"{name} ({row.rows} images, {row.persons} people)"
        for name, row in zip(table.index, table.itertuples(), strict=True)
    ]
    figure, axes = plt.subplots(figsize=(8.5, 0.45 * len(table) + 1.6), layout="constrained")
    plt.close(figure)  # the notebook shows what the cell returns; an open figure would be shown twice
    seaborn.heatmap(
        table[aus].set_axis(names).astype(float),
        vmin=0,
        vmax=1,
        cmap="cividis",
        annot=True,
        fmt=".2f",
        ax=axes,
        linewidths=1,
        annot_kws={"size": 8},
        cbar_kws={"label": "F1"},
    )
    axes.set(
        xlabel="", ylabel="", title=f"F1 by dataset; empty: not coded, or nothing displayed or predicted\n{source}"
    )
    axes.tick_params(axis="x", rotation=45)
    return figure


def truth_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 on the known labels against F1 on the whole truth, one point per action unit.

    Args:
        table: a table of :func:`aulib.evaluation.against_truth`.
        source: where the labels come from; stands in the title.
    """
    import matplotlib.pyplot as plt

    rows = table.drop(index=evaluation.MACRO)
    figure, axes = plt.subplots(figsize=(4.8, 4.8), layout="constrained")
    plt.close(figure)  # the notebook shows what the cell returns; an open figure would be shown twice
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.plot(rows["f1_truth"], rows["f1_known"], "o", color="#0072B2")
    for au, row in rows.iterrows():
        axes.annotate(au, (row["f1_truth"], row["f1_known"]), xytext=(4, 3), textcoords="offset points", fontsize=8)
    low = max(0.0, min(rows["f1_truth"].min(), rows["f1_known"].min()) - 0.05)
    axes.set(
        xlim=(low, 1),
        ylim=(low, 1),
        xlabel="F1 on the whole truth",
        ylabel="F1 on the known labels",
        title=f"What the masked score says, and what is true\n{source}",
    )
    axes.set_aspect("equal")
    return figure
