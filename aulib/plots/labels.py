"""Figures of known and unknown labels. Every figure shows counts made before plotting, never one pixel per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib.plots.style import BLUE, GREY, LIGHT, ORANGE, canvas, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Unknown is hatched and has no colour.
_STATES = {
    "displayed": {"color": BLUE},
    "not_displayed": {"color": LIGHT},
    "unknown": {"color": "white", "hatch": "////"},
}


def sample_faces(images: Mapping[str, Path], title: str = "", source: str = "") -> Figure:
    """One image per dataset, side by side.

    Args:
        images: what to write above an image -> the image file.
        title: the figure's title.
        source: where the data come from, written under the title.
    """
    from PIL import Image

    figure, axes = canvas(1.4 * len(images), 2.0, columns=len(images))
    for each, (name, path) in zip(np.atleast_1d(axes), images.items(), strict=True):
        with Image.open(path) as image:
            each.imshow(np.asarray(image.convert("RGB")))
        each.set_axis_off()
        each.set_title(name, fontsize=9)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def label_bars(counts: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Displayed, not displayed and unknown labels of each action unit, as in the paper's Figures 1 and 2.

    Args:
        counts: what :func:`aulib.missingness.label_counts` returns (without ``by``).
        title: the figure's title; the number of images is added.
        source: where the labels come from, written under the title.
    """
    figure, axes = canvas(7.0, 0.19 * len(counts) + 1.3)
    _stacked(axes, counts)
    images = int(counts.sum(axis=1).max())
    axes.set(xlabel="images", xlim=(0, images), ylim=(len(counts) - 0.4, -0.6))
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=9)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(titled(f"{title}, {images:,} images", source), fontsize=10)
    return figure


def label_bars_by_dataset(counts: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """The same bars for every dataset: a panel each, whose width is the dataset's own number of images.

    Args:
        counts: what :func:`aulib.missingness.label_counts` returns with ``by="dataset"``.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    names = list(dict.fromkeys(counts.index.get_level_values(0)))
    aus = list(dict.fromkeys(counts.index.get_level_values(1)))
    figure, panels = canvas(1.75 * len(names) + 0.8, 0.15 * len(aus) + 1.8, columns=len(names))
    for axes, name in zip(np.atleast_1d(panels), names, strict=True):
        _stacked(axes, counts.loc[name])
        images = int(counts.loc[name].sum(axis=1).max())
        axes.set_title(f"{name}\n{images:,} images", fontsize=9)
        axes.set(xlim=(0, images), ylim=(len(aus) - 0.4, -0.6))
        axes.set_xticks([0, images / 2, images], ["0", "50 %", "100 %"], fontsize=7)
        for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
            label.set_horizontalalignment(side)
        axes.set_yticks(range(len(aus)), aus if name == names[0] else [""] * len(aus), fontsize=7)
    handles = np.atleast_1d(panels)[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def documented_map(states: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """The reconstructed Table 3 beside what a table holds, datasets x action units.

    Args:
        states: what :func:`aulib.missingness.table_3_against` returns, action units x datasets.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    marks = {
        "both": ("documented, and known in the table", {"marker": "o", "color": BLUE}),
        "documented": ("documented, never known", {"marker": "o", "facecolors": "none", "edgecolors": BLUE}),
        "known": ("known somewhere, not documented", {"marker": "x", "color": ORANGE}),
    }
    figure, axes = canvas(10.0, 0.32 * states.shape[1] + 1.8)
    for state, (label, style) in marks.items():
        dataset, au = np.nonzero(states.T.to_numpy() == state)
        axes.scatter(au, dataset, s=42, label=f"{label} ({len(au)})", **style)
    axes.set_xticks(range(len(states)), states.index, rotation=90, fontsize=7)
    axes.set_yticks(range(states.shape[1]), states.columns, fontsize=9)
    axes.set(xlim=(-0.7, len(states) - 0.3), ylim=(states.shape[1] - 0.4, -0.6))
    axes.grid(color="#E8E8E8", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def coverage_map(coverage: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Share of images on which an action unit is known, datasets x action units: the readable Table 3.

    Args:
        coverage: what :func:`aulib.missingness.coverage` returns, action units x datasets.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    figure, axes = canvas(10.0, 0.42 * coverage.shape[1] + 1.6)
    mesh = axes.pcolormesh(coverage.T.to_numpy(float), cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    axes.set_xticks(np.arange(len(coverage)) + 0.5, coverage.index, rotation=90, fontsize=7)
    known = coverage.notna() & (coverage > 0)
    names = [f"{name} ({known[name].sum()})" for name in coverage.columns]
    axes.set_yticks(np.arange(coverage.shape[1]) + 0.5, names, fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, label="share of images known", fraction=0.03, pad=0.01)
    axes.set_title(titled(f"{title} (in brackets: action units known at all)", source), fontsize=10)
    return figure


def pattern_map(patterns: pd.DataFrame, most: int = 12, title: str = "", source: str = "") -> Figure:
    """The most frequent patterns of known (filled) and unknown (empty) action units.

    Args:
        patterns: what :func:`aulib.missingness.patterns` returns.
        most: how many patterns to draw.
        title: the figure's title; how many patterns there are is added.
        source: where the labels come from, written under the title.
    """
    aus = [column for column in patterns.columns if column.startswith("AU")]
    shown = patterns.head(most)
    figure, axes = canvas(max(6.0, 0.19 * len(aus) + 3), 0.3 * len(shown) + 1.6)
    grid = shown[aus].to_numpy(float)
    axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=1.3, edgecolors=LIGHT, linewidth=0.6)
    axes.set_xticks(np.arange(len(aus)) + 0.5, aus, rotation=90, fontsize=7)
    labels = [f"{row.datasets}: {row.rows:,} ({row.share:.1%})" for row in shown.itertuples()]
    axes.set_yticks(np.arange(len(shown)) + 0.5, labels, fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_title(titled(f"{title}: {len(shown)} of {len(patterns)} patterns; filled is known", source), fontsize=10)
    return figure


def co_annotation_map(both: pd.DataFrame, rows: int, title: str = "", source: str = "") -> Figure:
    """Percentage of images that know both action units of a pair.

    Args:
        both: what :func:`aulib.missingness.co_annotation` returns.
        rows: number of images the counts were made from.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    share = 100 * both.to_numpy() / rows
    size = 0.42 * len(both) + 1.4
    figure, axes = canvas(size + 0.6, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=115)
    for row, column in np.ndindex(share.shape):
        color = "white" if share[row, column] > 70 else "black"
        axes.text(column, row, f"{share[row, column]:.0f}", ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(both)), both.columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(both)), both.index, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(titled(f"{title}\n% of {rows:,} images that know both", source), fontsize=10)
    return figure


def co_annotation_blocks(both: pd.DataFrame, groups: pd.Series, title: str = "", source: str = "") -> Figure:
    """In how many datasets both units of a pair are known; units that the same datasets know stand together.

    Args:
        both: what :func:`aulib.missingness.co_annotation` returns with ``count="datasets"``.
        groups: what :func:`aulib.missingness.coding_groups` returns; its order is the order of the matrix.
        title: the figure's title; how many pairs are never known together is added.
        source: where the labels come from, written under the title.
    """
    import matplotlib as mpl

    cells = both.loc[groups.index, groups.index].to_numpy()
    most, units = max(1, int(cells.max())), len(groups)
    colours = mpl.colors.ListedColormap(["white", *mpl.colormaps["Blues"](np.linspace(0.3, 1, most))])
    figure, axes = canvas(0.155 * units + 2.2, 0.155 * units + 1.6)
    mesh = axes.pcolormesh(cells, cmap=colours, vmin=-0.5, vmax=most + 0.5, edgecolors="#EEEEEE", linewidth=0.3)
    edges = [i for i in range(1, units) if groups.iloc[i] != groups.iloc[i - 1]]
    axes.hlines(edges, 0, units, color=GREY, linewidth=0.7)
    axes.vlines(edges, 0, units, color=GREY, linewidth=0.7)
    axes.set_xticks(np.arange(units) + 0.5, groups.index, rotation=90, fontsize=6.5)
    axes.set_yticks(np.arange(units) + 0.5, groups.index, fontsize=6.5)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, ticks=range(most + 1), label="datasets that know both", fraction=0.04, pad=0.02)
    never, pairs = int((np.triu(cells == 0, 1)).sum()), units * (units - 1) // 2
    axes.set_title(titled(f"{title}: {never} of {pairs} pairs in no dataset", source), fontsize=10)
    return figure


def cardinality_bounds(cardinality: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Displayed action units a row: from the ones that are known to all that unknown cells leave possible.

    Args:
        cardinality: what :func:`aulib.missingness.cardinality` returns; a column ``truth`` is drawn where there is one.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    figure, axes = canvas(7.0, 0.36 * len(cardinality) + 1.4)
    names = cardinality.index.astype(str)
    axes.hlines(names, cardinality["lower"], cardinality["upper"], color=LIGHT, linewidth=7)
    axes.scatter(cardinality["lower"], names, color=BLUE, marker="|", s=140, zorder=3, label="known to be displayed")
    at_most = "if every unknown were displayed"
    axes.scatter(cardinality["upper"], names, color=GREY, marker="|", s=140, zorder=3, label=at_most)
    if "truth" in cardinality:
        axes.scatter(cardinality["truth"], names, color=ORANGE, marker="D", s=26, zorder=4, label="truth")
    axes.set(xlabel="displayed action units a row (label cardinality)", xlim=(0, None))
    axes.set_ylim(len(names) - 0.4, -0.6)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def prevalence_shift(counts: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Prevalence among known labels, and what it becomes when unknown counts as not displayed.

    Args:
        counts: what :func:`aulib.missingness.label_counts` returns (without ``by``).
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    known = counts["displayed"] / (counts["displayed"] + counts["not_displayed"])
    all_rows = counts["displayed"] / counts.sum(axis=1)
    figure, axes = canvas(6.5, 0.26 * len(counts) + 1.4)
    axes.hlines(counts.index, all_rows, known, color=GREY, linewidth=1)
    axes.scatter(known, counts.index, color=BLUE, zorder=3)
    axes.scatter(all_rows, counts.index, color=ORANGE, marker="s", zorder=3)
    axes.plot([], [], "o", color=BLUE, label="of the images that know it")
    axes.plot([], [], "s", color=ORANGE, label="of all images, unknown read as 0")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set(xlabel="share of images on which the action unit is displayed", xlim=(0, None))
    axes.set_ylim(len(counts) - 0.4, -0.6)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def occurrences(displayed: pd.Series, threshold: int, title: str = "", source: str = "") -> Figure:
    """Displayed labels of each action unit, most frequent first, with the threshold of the selection.

    Args:
        displayed: times each action unit is displayed.
        threshold: units below it are left out.
        title: the figure's title; how many pass is added.
        source: where the labels come from, written under the title.
    """
    ordered = displayed.sort_values(ascending=False)
    kept = ordered >= threshold
    figure, axes = canvas(9.0, 3.2)
    axes.bar(ordered.index, ordered, color=np.where(kept, BLUE, LIGHT), edgecolor=GREY, linewidth=0.4)
    axes.axhline(threshold, color=ORANGE, linewidth=1.2)
    axes.text(len(ordered) - 0.5, threshold, f"threshold {threshold:,}", color=ORANGE, ha="right", va="bottom")
    axes.tick_params(axis="x", rotation=90, labelsize=7)
    axes.set(ylabel="images on which it is displayed", xlim=(-0.7, len(ordered) - 0.3))
    axes.set_title(titled(f"{title}: {kept.sum()} of {len(ordered)} action units pass", source), fontsize=10)
    return figure


def threshold_steps(displayed: pd.Series, thresholds: Sequence[int], title: str = "", source: str = "") -> Figure:
    """How many action units pass each threshold.

    Args:
        displayed: times each action unit is displayed.
        thresholds: thresholds to try, in increasing order.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    passing = [int((displayed >= threshold).sum()) for threshold in thresholds]
    figure, axes = canvas(6.5, 2.8)
    axes.plot([f"{threshold:,}" for threshold in thresholds], passing, "o-", color=BLUE)
    for place, number in enumerate(passing):
        axes.annotate(str(number), (place, number), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlabel="smallest number of displayed labels", ylabel="action units that pass", ylim=(0, 46))
    axes.set_title(titled(title, source), fontsize=10)
    return figure


def _stacked(axes: Axes, counts: pd.DataFrame) -> None:
    """Displayed, not displayed and unknown as one bar an action unit."""
    left = np.zeros(len(counts))
    for state, style in _STATES.items():
        label = state.replace("_", " ")
        axes.barh(counts.index, counts[state], left=left, edgecolor=GREY, linewidth=0.4, label=label, **style)
        left += counts[state].to_numpy()
