"""Figures of results: scores with intervals, errors, calibration, thresholds, by dataset and against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib import evaluation
from aulib.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE, canvas, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.32  # inches for one action unit


def f1_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 of each action unit with its 95 % interval, beside the answer "always displayed".

    Args:
        table: a table of :func:`aulib.evaluation.results_table` with intervals.
        source: where the labels come from; stands in the title.

    Returns:
        Figure with one row per action unit, sorted by F1.
    """
    rows = table.drop(index=list(evaluation.SUMMARY)).sort_values("f1")
    places = np.arange(len(rows))
    figure, axes = canvas(7, _ROW * len(rows) + 1.4)
    axes.hlines(places, rows["f1_low"], rows["f1_high"], color=BLUE, linewidth=3, alpha=0.45)
    axes.plot(rows["f1"], places, "o", color=BLUE, label="our model, with 95 % interval by person")
    bar = {"color": ORANGE, "markersize": 12, "markeredgewidth": 2.5}
    axes.plot(rows["always_positive"], places, "|", label="always displayed", **bar)
    counts = zip(rows.index, rows["test"], rows["known"], rows["people"], strict=True)
    names = [f"{au}  ({n} of {known}; {people})" for au, n, known, people in counts]
    _name_rows(axes, places, names)
    title = "F1 by action unit\n(displayed of known labels; people who display it)"
    axes.set(xlim=(0, 1), xlabel="F1 on held-out people", title=titled(title, source))
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def dataset_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 of each action unit on each dataset; a cell is empty where the dataset does not code the action unit.

    Args:
        table: a table of :func:`aulib.evaluation.per_dataset_table`.
        source: where the labels come from; stands in the title.
    """
    import seaborn

    aus = [column for column in table.columns if column.startswith("AU")]
    figure, axes = canvas(8.5, 0.45 * len(table) + 1.6)
    seaborn.heatmap(
        table[aus].set_axis(_dataset_names(table)).astype(float),
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
    title = "F1 by dataset; empty: not coded, or nothing displayed or predicted"
    axes.set(xlabel="", ylabel="", title=titled(title, source))
    axes.tick_params(axis="x", rotation=45)
    return figure


def dataset_macro_figure(table: pd.DataFrame, source: str) -> Figure:
    """Macro F1 of each dataset with its 95 % interval, and how many action units each is a mean of.

    Args:
        table: a table of :func:`aulib.evaluation.per_dataset_table` with intervals.
        source: where the labels come from; stands in the title.
    """
    rows = table.iloc[::-1]
    places = np.arange(len(rows))
    figure, axes = canvas(7, 0.4 * len(rows) + 1.2)
    low, high = (rows[f"{evaluation.MACRO} {end}"] for end in ("low", "high"))
    axes.hlines(places, low, high, color=BLUE, linewidth=3, alpha=0.45)
    axes.plot(rows[evaluation.MACRO], places, "o", color=BLUE)
    for place, right, labels in zip(places, high.fillna(rows[evaluation.MACRO]), rows["labels"], strict=True):
        axes.annotate(f"{labels} AUs", (right, place), (8, 0), textcoords="offset points", va="center", fontsize=8)
    _name_rows(axes, places, _dataset_names(rows))
    axes.set(xlim=(0, 1), xlabel="macro F1, with 95 % interval by person", title=titled("Macro F1 by dataset", source))
    return figure


def precision_recall_figure(table: pd.DataFrame, source: str) -> Figure:
    """Precision and recall of each action unit, joined by a line.

    Args:
        table: a table of :func:`aulib.evaluation.confusion_table`.
        source: where the labels come from; stands in the title.

    Returns:
        Figure with one row per action unit, sorted by recall minus precision.
    """
    rows = table.iloc[(table["recall"] - table["precision"]).argsort()]
    places = np.arange(len(rows))
    figure, axes = canvas(7, _ROW * len(rows) + 1.4)
    axes.hlines(places, rows["precision"], rows["recall"], color=GREY, alpha=0.5)
    axes.plot(rows["precision"], places, "s", color=ORANGE, label="precision: of the seen ones, how many are there")
    axes.plot(rows["recall"], places, "o", color=BLUE, label="recall: of those there, how many are seen")
    _name_rows(axes, places, [f"{au}  ({n} false alarms, {m} missed)" for au, n, m in rows[["fp", "fn"]].itertuples()])
    axes.set(xlim=(0, 1), xlabel="share", title=titled("Which error is the more frequent one", source))
    figure.legend(frameon=False, loc="outside lower center")
    return figure


def confused_figure(table: pd.DataFrame, source: str) -> Figure:
    """How much each displayed action unit raises the false alarms of each other one.

    Args:
        table: a table of :func:`aulib.evaluation.confused_with`.
        source: where the labels come from; stands in the title.
    """
    import seaborn

    figure, axes = canvas(8, 0.42 * len(table) + 1.8)
    limit = max(0.1, float(np.nan_to_num(table.abs()).max()))
    seaborn.heatmap(
        100 * table,
        vmin=-100 * limit,
        vmax=100 * limit,
        cmap="PuOr_r",
        annot=True,
        fmt=".0f",
        ax=axes,
        linewidths=1,
        annot_kws={"size": 8},
        cbar_kws={"label": "more false alarms, percentage points"},
    )
    title = "False alarms for the column where the row's action unit is displayed\nempty: too few known labels"
    axes.set(xlabel="false alarm for", ylabel="displayed", title=titled(title, source))
    axes.tick_params(axis="x", rotation=45)
    axes.tick_params(axis="y", rotation=0)
    return figure


def reliability_figure(table: pd.DataFrame, source: str) -> Figure:
    """Share displayed against predicted probability, with the number of known labels in each bin below.

    Args:
        table: a table of :func:`aulib.evaluation.reliability_table`.
        source: where the labels come from; stands in the title.
    """
    import matplotlib.pyplot as plt

    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(5.5, 6), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    plt.close(figure)  # the notebook shows what the cell returns; an open figure would be shown twice
    upper.plot([0, 1], [0, 1], ":", color=GREY)
    along = {"rotation": 45, "rotation_mode": "anchor", "transform_rotates_text": True, "ha": "center"}
    upper.text(0.5, 0.52, "calibrated", color=GREY, fontsize=8, **along)
    for au, bins in table.drop(index="all", level=0).groupby(level=0):
        upper.plot(bins["probability"], bins["displayed"], color=LIGHT, linewidth=1, label=f"_{au}")
    together = table.loc["all"]
    upper.plot(together["probability"], together["displayed"], "o-", color=BLUE, label="all action units together")
    upper.plot([], [], color=LIGHT, label="one action unit each")
    upper.set(ylabel="share displayed", ylim=(-0.02, 1.02), title=titled("Are the probabilities calibrated?", source))
    upper.legend(frameon=False, loc="upper left")
    widths = together["high"] - together["low"]
    lower.bar(together["low"], together["cells"], widths, align="edge", color=BLUE, edgecolor="white")
    lower.set(xlabel="predicted probability", ylabel="known labels", xlim=(-0.02, 1.02))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def threshold_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 on the test people with one threshold, with thresholds tuned on validation people, and tuned on the test.

    Args:
        table: a table of :func:`aulib.evaluation.threshold_table`.
        source: where the labels come from; stands in the title.
    """
    rows = table.iloc[::-1]
    places = np.arange(len(rows))
    figure, axes = canvas(7, _ROW * len(rows) + 1.5)
    axes.hlines(places, rows["f1_tuned"], rows["f1_tuned_on_test"], color=ORANGE, alpha=0.6)
    axes.plot(rows["f1_tuned_on_test"], places, "x", color=ORANGE, label="tuned on the test people: flattered")
    axes.plot(rows["f1_tuned"], places, "o", color=BLUE, label="tuned on validation people")
    axes.plot(rows["f1"], places, "|", color=GREEN, markersize=12, markeredgewidth=2.5, label="one threshold for all")
    _name_rows(axes, places, rows.index)
    axes.set(xlabel="F1 on held-out people", title=titled("What the choice of thresholds does to F1", source))
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def truth_figure(table: pd.DataFrame, source: str) -> Figure:
    """F1 on the known labels and on the whole truth, and the difference with its 95 % interval.

    Args:
        table: a table of :func:`aulib.evaluation.against_truth` with intervals.
        source: where the labels come from; stands in the title.

    Returns:
        Figure with one row per action unit, sorted by the difference.
    """
    rows = table.drop(index=evaluation.MACRO).sort_values("difference")
    places = np.arange(len(rows))
    figure, (left, right) = canvas(8, _ROW * len(rows) + 1.6, columns=2, sharey=True)
    left.hlines(places, rows["f1_truth"], rows["f1_known"], color=GREY, alpha=0.5)
    left.plot(rows["f1_truth"], places, "o", color=BLUE, label="on the whole truth")
    left.plot(rows["f1_known"], places, "s", color=ORANGE, markersize=5, label="on the known labels")
    _name_rows(left, places, [f"{au}  ({n} unknown)" for au, n in rows["unknown"].items()])
    left.set(xlabel="F1")
    right.axvline(0, color=GREY, linestyle=":")
    right.hlines(places, rows["difference_low"], rows["difference_high"], color=GREY, linewidth=3, alpha=0.6)
    right.plot(rows["difference"], places, "o", color="black", markersize=4)
    right.set(xlabel="known minus truth, 95 % interval by person")
    right.grid(axis="x", alpha=0.3)
    figure.suptitle(titled("What the masked score says, and what is true", source))
    figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def _name_rows(axes: Axes, places: np.ndarray, names) -> None:
    axes.set_yticks(places, names)
    axes.grid(axis="x", alpha=0.3)


def _dataset_names(table: pd.DataFrame) -> list[str]:
    counts = zip(table.index, table["rows"], table["persons"], strict=True)
    return [f"{name} ({rows} images, {persons} people)" for name, rows, persons in counts]
