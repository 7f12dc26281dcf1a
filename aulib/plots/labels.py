"""Figures of known and unknown labels. Every figure shows counts made before plotting, never one pixel per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by every kind of colour vision; unknown is hatched and has no colour.
BLUE, ORANGE, LIGHT, GREY = "#0072B2", "#D55E00", "#B9D7EA", "#7F7F7F"
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

    figure, axes = _canvas(1.4 * len(images), 2.0, columns=len(images))
    for each, (name, path) in zip(np.atleast_1d(axes), images.items(), strict=True):
        with Image.open(path) as image:
            each.imshow(np.asarray(image.convert("RGB")))
        each.set_axis_off()
        each.set_title(name, fontsize=9)
    figure.suptitle(_title(title, source), fontsize=10)
    return figure


def label_bars(counts: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Displayed, not displayed and unknown labels of each action unit, as in the paper's Figures 1 and 2.

    Args:
        counts: what :func:`aulib.missingness.label_counts` returns (without ``by``).
        title: the figure's title; the number of images is added.
        source: where the labels come from, written under the title.
    """
    figure, axes = _canvas(7.0, 0.19 * len(counts) + 1.3)
    left = np.zeros(len(counts))
    for state, style in _STATES.items():
        label = state.replace("_", " ")
        axes.barh(counts.index, counts[state], left=left, edgecolor=GREY, linewidth=0.4, label=label, **style)
        left += counts[state].to_numpy()
    images = int(counts.sum(axis=1).max())
    axes.set(xlabel="images", xlim=(0, images), ylim=(len(counts) - 0.4, -0.6))
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=9)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(_title(f"{title}, {images:,} images", source), fontsize=10)
    return figure


def coverage_map(coverage: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Share of images on which an action unit is known, datasets x action units: the readable Table 3.

    Args:
        coverage: what :func:`aulib.missingness.coverage` returns, action units x datasets.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    figure, axes = _canvas(10.0, 0.42 * coverage.shape[1] + 1.6)
    mesh = axes.pcolormesh(coverage.T.to_numpy(float), cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    axes.set_xticks(np.arange(len(coverage)) + 0.5, coverage.index, rotation=90, fontsize=7)
    known = coverage.notna() & (coverage > 0)
    names = [f"{name} ({known[name].sum()})" for name in coverage.columns]
    axes.set_yticks(np.arange(coverage.shape[1]) + 0.5, names, fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, label="share of images known", fraction=0.03, pad=0.01)
    axes.set_title(_title(f"{title} (in brackets: action units known at all)", source), fontsize=10)
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
    figure, axes = _canvas(max(6.0, 0.19 * len(aus) + 3), 0.3 * len(shown) + 1.6)
    grid = shown[aus].to_numpy(float)
    axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=1.3, edgecolors=LIGHT, linewidth=0.6)
    axes.set_xticks(np.arange(len(aus)) + 0.5, aus, rotation=90, fontsize=7)
    labels = [f"{row.datasets}: {row.rows:,} ({row.share:.1%})" for row in shown.itertuples()]
    axes.set_yticks(np.arange(len(shown)) + 0.5, labels, fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_title(_title(f"{title}: {len(shown)} of {len(patterns)} patterns; filled is known", source), fontsize=10)
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
    figure, axes = _canvas(size + 0.6, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=115)
    for row, column in np.ndindex(share.shape):
        color = "white" if share[row, column] > 70 else "black"
        axes.text(column, row, f"{share[row, column]:.0f}", ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(both)), both.columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(both)), both.index, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(_title(f"{title}\n% of {rows:,} images that know both", source), fontsize=10)
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
    figure, axes = _canvas(6.5, 0.26 * len(counts) + 1.4)
    axes.hlines(counts.index, all_rows, known, color=GREY, linewidth=1)
    axes.scatter(known, counts.index, color=BLUE, zorder=3)
    axes.scatter(all_rows, counts.index, color=ORANGE, marker="s", zorder=3)
    axes.plot([], [], "o", color=BLUE, label="of the images that know it")
    axes.plot([], [], "s", color=ORANGE, label="of all images, unknown read as 0")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set(xlabel="share of images on which the action unit is displayed", xlim=(0, None))
    axes.set_ylim(len(counts) - 0.4, -0.6)
    figure.suptitle(_title(title, source), fontsize=10)
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
    figure, axes = _canvas(9.0, 3.2)
    axes.bar(ordered.index, ordered, color=np.where(kept, BLUE, LIGHT), edgecolor=GREY, linewidth=0.4)
    axes.axhline(threshold, color=ORANGE, linewidth=1.2)
    axes.text(len(ordered) - 0.5, threshold, f"threshold {threshold:,}", color=ORANGE, ha="right", va="bottom")
    axes.tick_params(axis="x", rotation=90, labelsize=7)
    axes.set(ylabel="images on which it is displayed", xlim=(-0.7, len(ordered) - 0.3))
    axes.set_title(_title(f"{title}: {kept.sum()} of {len(ordered)} action units pass", source), fontsize=10)
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
    figure, axes = _canvas(6.5, 2.8)
    axes.plot([f"{threshold:,}" for threshold in thresholds], passing, "o-", color=BLUE)
    for place, number in enumerate(passing):
        axes.annotate(str(number), (place, number), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlabel="smallest number of displayed labels", ylabel="action units that pass", ylim=(0, 46))
    axes.set_title(_title(title, source), fontsize=10)
    return figure


def _canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, Axes | np.ndarray]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(width, height), layout="constrained")
    for each in np.atleast_1d(axes):
        each.spines[["top", "right"]].set_visible(False)
    plt.close(figure)  # a notebook shows the figure as the cell's value, once
    return figure, axes


def _title(text: str, source: str) -> str:
    return f"{text}\n{source}" if source else text
