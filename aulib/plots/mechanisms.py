"""Figures of why labels are missing, and of what the paper's missing rate allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE, PINK, SKY, YELLOW, canvas, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Datasets differ in shape too, so that they can be told apart without colour.
_MARKS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", PINK), ("v", SKY), ("P", YELLOW))
_BACKGROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}


def explained_bars(explained: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Uncertainty of "known or unknown" in bits, split into what the dataset explains and what is left.

    Args:
        explained: what :func:`aulib.missingness.explained_by_dataset` returns; constant masks are left out.
        title: the figure's title; the share explained over all units is added.
        source: where the labels come from, written under the title.
    """
    shown = explained.dropna(subset=["entropy"])
    left = shown["entropy"] - shown["mutual_information"]
    figure, axes = canvas(9.0, 3.4)
    axes.bar(shown.index, shown["mutual_information"], color=BLUE, label="explained by the dataset")
    axes.bar(shown.index, left, bottom=shown["mutual_information"], color=ORANGE, label="left within datasets")
    axes.tick_params(axis="x", rotation=90, labelsize=7)
    axes.set(ylabel="bits", ylim=(0, 1.02), xlim=(-0.7, len(shown) - 0.3))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    share = explained.attrs["explained"]
    figure.suptitle(titled(f"{title}: {share:.1%} of all bits explained", source), fontsize=10)
    return figure


def pair_effects(pairs: pd.DataFrame, title: str = "", source: str = "", named: int = 5) -> Figure:
    """Each tested pair by size of effect and p: holes that hang on what is displayed stand high and far out.

    Args:
        pairs: what :func:`aulib.missingness.mask_against_labels` returns.
        title: the figure's title; how many pairs survive the adjustment is added.
        source: where the labels come from, written under the title.
        named: how many of the surviving pairs to name.
    """
    figure, axes = canvas(7.0, 3.8)
    for (name, group), (marker, colour) in zip(pairs.groupby("dataset", sort=True), _MARKS * 3, strict=False):
        axes.scatter(group["phi"], group["p"], s=14, alpha=0.6, marker=marker, color=colour, label=name, linewidth=0,
                     zorder=3)  # fmt: skip
    significant = pairs[pairs["p_adjusted"] <= 0.05]
    _name_pairs(axes, significant.head(named))
    widest = 1.1 * max(0.1, pairs["phi"].abs().max()) if len(pairs) else 0.1
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(yscale="log", xlim=(-widest, widest), ylim=(1.3, 0.6 * pairs["p"].min() if len(pairs) else 0.001))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="correlation of hole and label (phi)", ylabel="p of the pair, people exchanged")
    if len(pairs):
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    summary = f"{title}: {len(significant)} of {len(pairs)} pairs with adjusted p of 0.05 or less"
    figure.suptitle(titled(summary, source), fontsize=10)
    return figure


def _name_pairs(axes: Axes, pairs: pd.DataFrame) -> None:
    """Write hole and label beside the dots: pairs on one dot together, those of dots of one height below each other."""
    used: dict[tuple[bool, float], int] = {}
    for (phi, p, label), group in pairs.groupby(["phi", "p", "label"], sort=False):
        place = (phi > 0, p)
        below = used[place] = used.get(place, -1) + 1
        axes.annotate(f"{', '.join(group['unknown'])} unknown if {label}", (phi, p),
                      xytext=(-8 if phi > 0 else 8, -12 * below), textcoords="offset points",
                      ha="right" if phi > 0 else "left", va="center", fontsize=8, bbox=_BACKGROUND,
                      arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkB": 3})  # fmt: skip


def combination_map(found: pd.DataFrame, title: str = "") -> Figure:
    """Combinations of coded units that give the printed missing rate, by the sizes of Actor Study and BP4D.

    Args:
        found: what :func:`aulib.missingness.mask_combinations` returns.
        title: the figure's title; how many combinations there are is added.
    """
    figure, axes = canvas(7.5, 3.4)
    counts = found.groupby(["actor_study", "bp4d"]).size()
    for (actor, bp4d), number in counts.items():
        axes.scatter(actor, bp4d, s=150, color=LIGHT, edgecolors=BLUE, linewidth=0.8)
        axes.text(actor, bp4d, str(number), ha="center", va="center", fontsize=8)
    axes.set(xlabel="action units that Actor Study codes", ylabel="action units that BP4D codes", xlim=(-1, 46))
    axes.grid(color="#E8E8E8", linewidth=0.6)
    axes.set_axisbelow(True)
    tried = found.attrs["tried"]
    axes.set_title(
        f"{title}: {len(found)} of {tried:,} combinations\nin a dot: ways to choose the other datasets", fontsize=10
    )
    return figure


def known_shares(shares: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Share of known cells in each dataset, for two choices of action units.

    Args:
        shares: two columns of shares, one row a dataset; the columns' names are the legend.
        title: the figure's title.
        source: where the numbers come from, written under the title.
    """
    first, second = shares.columns
    figure, axes = canvas(7.0, 0.36 * len(shares) + 1.4)
    axes.hlines(shares.index, shares[first], shares[second], color=GREY, linewidth=1)
    axes.scatter(shares[first], shares.index, color=BLUE, zorder=3, label=first)
    axes.scatter(shares[second], shares.index, color=ORANGE, marker="s", zorder=3, label=second)
    axes.set(xlabel="share of cells known", xlim=(0, 1.03))
    axes.set_ylim(len(shares) - 0.4, -0.6)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xticks(np.linspace(0, 1, 6))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure
