"""Figures of what missing labels cost: methods, paired differences, curves, and known labels against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib import experiments
from aulib.plots.style import BLUE, GREEN, GREY, ORANGE, PINK, SKY, YELLOW, canvas, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A verdict has a shape as well as a colour.
_VERDICTS = {"better": (BLUE, "o"), "open": (GREY, "D"), "worse": (ORANGE, "s")}
# A method looks the same in every figure; the paper's stands out in orange.
_METHODS = {
    "masked_f1": (ORANGE, "s"),
    "masked_bce": (BLUE, "o"),
    "missing_as_negative_f1": (GREEN, "^"),
    "count_corrected_f1": (PINK, "D"),
    "oracle_f1": (GREY, "v"),
}
_FAR = 0.15  # below the best by this much or more is the darkest colour
_OTHERS = ((SKY, "P"), (YELLOW, "X"))


def ranking(
    summary: pd.DataFrame, title: str, source: str, reference: str = "masked_f1", baseline: float | None = None
) -> Figure:
    """Mean and interval of each method, the best on top; the reference stands out.

    Args:
        summary: what :func:`aulib.experiments.summary` returns, one row a method.
        title: the figure's title; the number of seeds is added.
        source: where the labels come from, written under the title.
        reference: the method to stand out.
        baseline: score of the answer "always displayed", as a line; None for no line.
    """
    rows = summary.sort_values("mean")
    names = rows.index.astype(str)
    figure, axes = canvas(7.5, 0.3 * len(rows) + 1.4)
    colours = [ORANGE if name == reference else BLUE for name in names]
    axes.hlines(names, rows["low"], rows["high"], color=colours, linewidth=3, alpha=0.45)
    axes.scatter(rows["mean"], names, color=colours, zorder=3)
    for name, row in zip(names, rows.itertuples(), strict=True):
        axes.annotate(f"{row.mean:.3f}", (row.mean, name), xytext=(0, 6), textcoords="offset points", ha="center",
                      fontsize=8)  # fmt: skip
    if baseline is not None:
        _line(axes, baseline, "always\ndisplayed")
    axes.set_xlabel("macro F1 on the truth of held-out people, mean and 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.06)
    figure.suptitle(titled(f"{title}, {_seeds(rows)} seeds", source), fontsize=10)
    return figure


def differences(tests: pd.DataFrame, title: str, source: str, edge: float | None = None) -> Figure:
    """Paired difference of each method to the reference, with its interval, its verdict and the seeds won.

    Args:
        tests: what :func:`aulib.experiments.paired` returns, without ``within``.
        title: the figure's title; the number of seeds is added.
        source: where the labels come from, written under the title.
        edge: a method whose interval reaches further down than this is written there as a number, so that the others
            can be told apart; None shows all.
    """
    rows = tests.sort_values("difference")
    said = experiments.verdicts(rows)
    figure, axes = canvas(7.5, 0.3 * len(rows) + 1.7)
    places = np.arange(len(rows))
    far = (rows["low"] < (-np.inf if edge is None else edge)).to_numpy()
    for place, row in zip(places[far], rows[far].itertuples(), strict=True):
        axes.annotate(f"\u25c0 {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]", (edge, place), va="center",
                      fontsize=8, color=_VERDICTS[said.iloc[place]][0])  # fmt: skip
    for verdict, (colour, marker) in _VERDICTS.items():
        chosen = (said == verdict).to_numpy() & ~far
        axes.hlines(places[chosen], rows["low"][chosen], rows["high"][chosen], color=colour, linewidth=3, alpha=0.45)
        axes.scatter(rows["difference"][chosen], places[chosen], color=colour, marker=marker, label=verdict, zorder=3)
    axes.axvline(0, color="black", linewidth=0.8)
    names = [f"{name}  ({row.won} of {row.seeds})" for name, row in zip(rows.index, rows.itertuples(), strict=True)]
    axes.set_yticks(places, names)
    axes.set(xlim=(edge, None), ylim=(-0.7, len(rows) - 0.3))
    axes.set_xlabel(f"macro F1 minus that of {tests.attrs['reference']}, same people, 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(titled(f"{title} (seeds won of {_seeds(rows)})", source), fontsize=10)
    return figure


def curves(
    panels: Mapping[str, pd.DataFrame],
    xlabel: str | Sequence[str],
    title: str,
    source: str,
    log: bool = False,
    share: bool = False,
) -> Figure:
    """Mean and interval of each method over a quantity, one panel a condition, lines named at their right ends.

    Args:
        panels: title of a panel -> what :func:`aulib.experiments.summary` returns by ``["method", "x"]``. A method
            with one value of x is drawn as a level line.
        xlabel: what x is; a sequence names it for each panel.
        title: the figure's title; the number of seeds is added.
        source: where the labels come from, written under the title.
        log: doublings of x are equally far apart.
        share: x is written in percent.
    """
    figure, all_axes = canvas(4.2 * len(panels) + 1.8, 3.8, columns=len(panels), sharey=True)
    together = pd.concat(panels.values())
    styles = _styles(together.index.get_level_values(0).unique())
    labels = [xlabel] * len(panels) if isinstance(xlabel, str) else xlabel
    for axes, label, (name, table) in zip(np.atleast_1d(all_axes), labels, panels.items(), strict=True):
        if log:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:,.0f}")
        for method, style in styles.items():
            if method in table.index.get_level_values(0):
                _curve(axes, table.loc[method].sort_index(), *style)
        _name_ends(axes, table, styles)
        axes.set(xlabel=label, title=name if len(panels) > 1 else "")
        axes.grid(axis="y", alpha=0.3)
        if share:
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    np.atleast_1d(all_axes)[0].set_ylabel("macro F1 on the truth")
    figure.suptitle(titled(f"{title}, {_seeds(together)} seeds, 95 % intervals", source), fontsize=10)
    return figure


def known_against_truth(table: pd.DataFrame, title: str, source: str) -> Figure:
    """For each action unit the F1 on the known labels joined to that on the truth, the most flattered on top.

    Args:
        table: what :func:`aulib.experiments.known_against_truth` returns by action unit.
        title: the figure's title; the number of seeds is added.
        source: where the labels come from, written under the title.
    """
    rows = table.sort_values("difference")
    names = rows.index.astype(str)
    figure, (left, right) = canvas(9, 0.3 * len(rows) + 1.6, columns=2, sharey=True, width_ratios=[1.3, 1])
    left.hlines(names, rows["f1_known"], rows["f1_truth"], color=GREY, linewidth=1.5)
    left.scatter(rows["f1_truth"], names, color=BLUE, zorder=3, label="on the truth")
    left.scatter(rows["f1_known"], names, color=ORANGE, marker="s", zorder=3, label="on the known labels")
    left.set_xlabel("mean F1")
    right.hlines(names, rows["low"], rows["high"], color=GREY, linewidth=3, alpha=0.6)
    right.scatter(rows["difference"], names, color="black", s=18, zorder=3)
    right.axvline(0, color="black", linewidth=0.8)
    right.set_xlabel("known minus truth, 95 % interval")
    right.locator_params(axis="x", nbins=5)
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(titled(f"{title}, {_seeds(rows)} seeds", source), fontsize=10)
    return figure


def score_map(scores: pd.DataFrame, title: str, source: str) -> Figure:
    """Macro F1 of each method on each dataset; the colour says how far it is below the best of its column.

    Args:
        scores: one row a method, one column a dataset; NaN stays empty.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    figure, axes = canvas(1.05 * scores.shape[1] + 3.4, 0.3 * len(scores) + 1.7)
    values = scores.to_numpy(dtype=float)
    below = values - np.nanmax(values, axis=0)
    image = axes.imshow(below, cmap="cividis", aspect="auto", vmin=-_FAR, vmax=0)
    for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
        axes.text(column, row, f"{values[row, column]:.3f}", ha="center", va="center", fontsize=8,
                  fontweight="bold" if below[row, column] == 0 else "normal",
                  color="white" if below[row, column] < -0.55 * _FAR else "black")  # fmt: skip
    axes.set_xticks(range(scores.shape[1]), scores.columns, rotation=20)
    axes.set_yticks(range(len(scores)), scores.index)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="below the best of the column", fraction=0.04, extend="min")
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def ablations(panels: Mapping[str, pd.DataFrame], title: str, source: str) -> Figure:
    """One row of dots a choice: what each value of a choice that the paper leaves open scores.

    Args:
        panels: name of a choice -> what :func:`aulib.experiments.summary` returns for its values.
        title: the figure's title.
        source: where the labels come from, written under the title.
    """
    import matplotlib.pyplot as plt

    sizes = [len(table) + 0.8 for table in panels.values()]
    figure, all_axes = plt.subplots(len(panels), 1, figsize=(7.5, 0.34 * sum(sizes) + 1.2), sharex=True,
                                    height_ratios=sizes, layout="constrained", squeeze=False)  # fmt: skip
    plt.close(figure)
    for axes, (name, table) in zip(all_axes[:, 0], panels.items(), strict=True):
        values = table.index.astype(str)
        axes.hlines(values, table["low"], table["high"], color=BLUE, linewidth=3, alpha=0.45)
        axes.scatter(table["mean"], values, color=BLUE, zorder=3)
        axes.set_title(f"{name} ({_seeds(table)} seeds)", loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
        axes.set_ylim(len(table) - 0.4, -0.6)
    all_axes[-1, 0].set_xlabel("macro F1 on the truth, mean and 95 % interval")
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def _styles(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    others = iter(_OTHERS * len(methods))
    return {method: _METHODS.get(method) or next(others) for method in methods}


def _seeds(table: pd.DataFrame) -> str:
    least, most = int(table["seeds"].min()), int(table["seeds"].max())
    return str(most) if least == most else f"{least} to {most}"


def _line(axes: Axes, value: float, text: str) -> None:
    axes.axvline(value, color=GREY, linestyle=":")
    axes.annotate(text, (value, 0), xycoords=("data", "axes fraction"), xytext=(-3, 3), textcoords="offset points",
                  ha="right", fontsize=8, color="#555555")  # fmt: skip


def _curve(axes: Axes, line: pd.DataFrame, colour: str, marker: str) -> None:
    if len(line) == 1:
        axes.axhline(line["mean"].iloc[0], color=colour, linestyle="--", linewidth=1)
        return
    axes.plot(line.index, line["mean"], color=colour, marker=marker, markersize=5)
    axes.fill_between(line.index, line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)


def _name_ends(axes: Axes, table: pd.DataFrame, styles: Mapping[str, Sequence[str]]) -> None:
    """Write each line's name at its right end, moved apart where they would lie on each other."""
    ends = {m: table.loc[m].sort_index()["mean"].iloc[-1] for m in styles if m in table.index.get_level_values(0)}
    low, high = axes.get_ylim()
    step, last = 0.055 * (high - low), -np.inf
    for method, value in sorted(ends.items(), key=lambda item: item[1]):
        last = max(value, last + step)
        axes.annotate(method, (1.02, last), xycoords=("axes fraction", "data"), color=styles[method][0], fontsize=8,
                      va="center", annotation_clip=False)  # fmt: skip
