"""Figures of label imbalance and balancing. Colors are Okabe and Ito's, told apart by every kind of color vision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib.balancing import Balance
from aulib.plots.style import BLUE, GREY, LIGHT, ORANGE, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def counts(table: pd.DataFrame, source: str = "") -> Figure:
    """Displayed rows of each label, the most frequent first, with the ratio of the largest to the smallest.

    Args:
        table: what :func:`aulib.balancing.imbalance` returns.
        source: where the labels come from, written into the title.
    """
    figure, axes = canvas(6.5, 0.3 * len(table) + 1.2)
    ordered = table.sort_values("positives")
    bars = axes.barh(ordered.index.astype(str), ordered["positives"], color=BLUE)
    axes.bar_label(bars, [f"{n:,}" for n in ordered["positives"]], padding=3, fontsize=8)
    axes.set_xlabel("rows on which the action unit is displayed")
    axes.set_xlim(0, 1.15 * ordered["positives"].max())
    rows, ratio = table.attrs["rows"], table.attrs["max_min"]
    axes.set_title(_title(f"{rows:,} rows, largest / smallest = {ratio:.2f}", source), fontsize=10)
    return figure


def before_after(balance: Balance, source: str = "") -> Figure:
    """Displayed, not displayed and unknown rows of each label, before and after (the form of the paper's Figure 1).

    Args:
        balance: what :func:`aulib.balancing.balance` returns.
        source: where the labels come from, written into the title.
    """
    longest = max(table.attrs["rows"] for table in (balance.before, balance.after))
    figure, panels = canvas(9, 0.3 * len(balance.before) + 1.6, columns=2)
    for axes, table, name in zip(panels, (balance.before, balance.after), ("before", "after"), strict=True):
        _stacked(axes, table, longest)
        ratio, rows = table.attrs["max_min"], table.attrs["rows"]
        axes.set_title(f"{name}: {rows:,} rows, largest / smallest = {ratio:.2f}", fontsize=10)
    panels[1].set_yticks([])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(_title("Labels of the training part", source), fontsize=11)
    return figure


def coverage(balance: Balance, source: str = "") -> Figure:
    """Share of known rows of each label before (open dot) and after (full dot) balancing.

    Args:
        balance: what :func:`aulib.balancing.balance` returns.
        source: where the labels come from, written into the title.
    """
    before, after = (t["known"] / t.attrs["rows"] for t in (balance.before, balance.after))
    figure, axes = canvas(6.5, 0.3 * len(before) + 1.2)
    names = before.index.astype(str)
    axes.hlines(names, before, after, color=GREY, linewidth=2, zorder=1)
    axes.scatter(before, names, s=45, facecolors="white", edgecolors=BLUE, label="before", zorder=2)
    axes.scatter(after, names, s=45, color=BLUE, label="after", zorder=2)
    axes.set(xlabel="share of rows on which the label is known", xlim=(0, 1.02))
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower left")
    rows = f"{balance.before.attrs['rows']:,} rows before, {balance.after.attrs['rows']:,} after"
    axes.set_title(_title(f"Coverage, {rows}", source), fontsize=10)
    return figure


def multiplicity(balance: Balance, source: str = "") -> Figure:
    """How many rows are left out, taken once, and taken several times.

    Args:
        balance: what :func:`aulib.balancing.balance` returns.
        source: where the labels come from, written into the title.
    """
    figure, axes = canvas(5.5, 2.8)
    rows = np.bincount(balance.multiplicity)
    bars = axes.bar(range(len(rows)), rows, color=[ORANGE, *[BLUE] * (len(rows) - 1)])
    axes.bar_label(bars, [f"{n:,}" for n in rows], fontsize=8)
    axes.set_xticks(range(len(rows)))
    axes.set(xlabel="times a row is taken", ylabel="rows", ylim=(0, 1.12 * rows.max()))
    axes.set_title(_title(f"{len(balance.groups):,} unique class groups, {rows.sum():,} rows", source), fontsize=10)
    return figure


def rarity(table: pd.DataFrame, source: str = "") -> Figure:
    """Imbalance ratio of each label by counts (full dot) and by prevalence (open dot), the rarest by counts first.

    Args:
        table: what :func:`aulib.balancing.imbalance` returns.
        source: where the labels come from, written into the title.
    """
    ordered = table[np.isfinite(table["IRLbl"])].sort_values("IRLbl", ascending=False)
    figure, axes = canvas(6.5, 0.3 * len(ordered) + 1.3)
    names, by_count, by_share = ordered.index.astype(str), ordered["IRLbl"], ordered["IRLbl_prevalence"]
    axes.hlines(names, by_count, by_share, color=GREY, linewidth=2, zorder=1)
    axes.scatter(by_share, names, s=45, facecolors="white", edgecolors=ORANGE, label="by prevalence", zorder=2)
    axes.scatter(by_count, names, s=45, color=BLUE, label="by counts (IRLbl)", zorder=2)
    axes.axvline(1, color=GREY, linewidth=0.6)
    axes.set(xlabel="times rarer than the most frequent label")
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower right")
    axes.set_title(_title(f"Rare, or rarely coded? {table.attrs['rows']:,} rows", source), fontsize=10)
    return figure


def growth(samples: Mapping[str, Balance], source: str = "") -> Figure:
    """Displayed rows of each label after resampling as a multiple of before, the rarest label first.

    Args:
        samples: name of a method -> its sample of the same rows; four at most.
        source: where the labels come from, written into the title.
    """
    before = next(iter(samples.values())).before
    ordered = before.index[before["positives"].to_numpy().argsort(kind="stable")]
    figure, axes = canvas(6.5, 0.3 * len(before) + 1.5)
    styles = zip(samples.items(), (ORANGE, BLUE, GREY, "black"), "oDs^", strict=False)
    for (name, sample), color, marker in styles:
        factor = (sample.after["positives"] / sample.before["positives"])[ordered]
        axes.scatter(factor, ordered.astype(str), s=40, color=color, marker=marker, label=name, zorder=2)
    axes.axvline(1, color=GREY, linewidth=0.8, zorder=1)
    axes.grid(axis="y", color="#E5E5E5", linewidth=0.6)
    axes.set(xlabel="displayed rows after, as a multiple of before", axisbelow=True)
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    axes.set_title(_title("Rarest label on top", source), fontsize=10)
    return figure


def compare(samples: Mapping[str, Balance], source: str = "") -> Figure:
    """Largest over smallest count of several samples, with their size and their most repeated row written beside.

    Args:
        samples: name of a method -> its sample of the same rows.
        source: where the labels come from, written into the title.
    """
    before = next(iter(samples.values())).ratio_before
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 8}
    figure, axes = canvas(7.0, 0.36 * len(samples) + 1.4)
    for position, sample in enumerate(samples.values()):
        ours = np.isfinite(sample.ratio_optimum)
        axes.hlines(position, 1, sample.ratio_after, color=GREY, linewidth=1)
        axes.scatter(sample.ratio_after, position, s=50, color=BLUE if ours else ORANGE, zorder=2)
        size, most = sample.indices.size / sample.multiplicity.size, sample.multiplicity.max()
        text = f"{sample.ratio_after:.2f}   (size {size:.2f}, a row up to {most}\N{MULTIPLICATION SIGN})"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.annotate(text, (sample.ratio_after, position), (8, 0), **beside, bbox=box)
    axes.axvline(before, color=GREY, linestyle=":", zorder=0)
    axes.annotate("before", (before, -0.6), (3, 0), **beside, color=GREY)
    axes.set_yticks(range(len(samples)), list(samples))
    highest = max(before, *(sample.ratio_after for sample in samples.values()))
    axes.set(xlabel="largest / smallest count", xlim=(1, 1.5 * highest), ylim=(len(samples) - 0.5, -1))
    axes.set_title(_title("Evenness of the displayed labels", source), fontsize=10)
    return figure


def _stacked(axes: Axes, table: pd.DataFrame, longest: int) -> None:
    names, total = table.index.astype(str), table.attrs["rows"]
    parts = {
        "displayed": (table["positives"], BLUE, ""),
        "not displayed": (table["known"] - table["positives"], LIGHT, ""),
        "unknown": (total - table["known"], "white", "////"),
    }
    left = np.zeros(len(table))
    for label, (width, color, hatch) in parts.items():
        axes.barh(names, width, left=left, color=color, hatch=hatch, edgecolor=GREY, linewidth=0.4, label=label)
        left = left + width.to_numpy()
    for position, n in enumerate(table["positives"]):
        axes.annotate(f"{n:,}", (n, position), xytext=(2, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set(xlabel="rows", xlim=(0, longest), ylim=(len(table) - 0.5, -0.5))


def _title(text: str, source: str) -> str:
    return f"{text}\n{source}" if source else text
