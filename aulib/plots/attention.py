"""Figures of predictions on single pictures: the face, its probabilities, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib.plots.style import BLUE, GREY, ORANGE, canvas, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from aulib.crops import Box


def map_figure(pixels: np.ndarray, maps: Mapping[str, np.ndarray], source: str = "") -> Figure:
    """A face, and beside it the fall of each action unit's probability where a patch covers it.

    Args:
        pixels: uint8 (s, s, 3).
        maps: for each title an array (s, s) of `aulib.predicting.occlusion_map`. All have one scale of colours.
        source: where the picture comes from; stands in the title.
    """
    figure, axes = canvas(2.3 * (1 + len(maps)), 2.9, 1 + len(maps))
    axes = np.atleast_1d(axes)
    axes[0].imshow(pixels)
    axes[0].set_title("what the model sees", fontsize=9)
    largest = max([float(np.abs(values).max()) for values in maps.values()] + [1e-6])
    for each, (title, values) in zip(axes[1:], maps.items(), strict=True):
        shown = _overlay(each, pixels, values, largest)
        each.set_title(title, fontsize=9)
    for each in axes:
        each.axis("off")
    if maps:
        bar = figure.colorbar(shown, ax=axes[1:], shrink=0.75)
        bar.set_label("fall of the probability\nwhen covered", fontsize=8)
    figure.suptitle(titled("Where the model looks", source), fontsize=10)
    return figure


def picture_figure(
    picture: np.ndarray,
    box: Box | None,
    pixels: np.ndarray,
    predicted: pd.DataFrame,
    threshold: float,
    maps: Mapping[str, np.ndarray] | None = None,
    source: str = "",
) -> Figure:
    """A picture with the square that was cut out, what the model saw of it, and the probabilities.

    Args:
        picture: uint8 (h, w, 3).
        box: the square, or None for the whole picture.
        pixels: uint8 (s, s, 3), what the model saw.
        predicted: rows of the picture in the table of `aulib.predicting.predict_faces`.
        threshold: probability from which an action unit counts as displayed; a line.
        maps: as in `map_figure`; they follow on the right.
        source: stands in the title.
    """
    maps = maps or {}
    height = max(3.0, 0.22 * len(predicted) + 1)
    figure, axes = canvas(7.5 + 2.2 * len(maps), height, 3 + len(maps))
    axes[0].imshow(picture)
    axes[0].set_title("the picture", fontsize=9)
    if box is not None:
        _frame(axes[0], box)
    axes[1].imshow(pixels)
    axes[1].set_title("what the model sees", fontsize=9)
    _bars(axes[2], predicted, threshold)
    largest = max([float(np.abs(values).max()) for values in maps.values()] + [1e-6])
    for each, (title, values) in zip(axes[3:], maps.items(), strict=True):
        _overlay(each, pixels, values, largest)
        each.set_title(f"fall of {title} when covered\n(largest {largest:.2f})", fontsize=8)
    for each in (*axes[:2], *axes[3:]):
        each.axis("off")
    figure.suptitle(titled("Predicted action units", source), fontsize=10)
    return figure


def comparison_figure(tables: Mapping[str, pd.DataFrame], threshold: float, source: str = "") -> Figure:
    """Probabilities of one picture that was read in several ways, one mark for each way.

    Args:
        tables: for each way the table of `aulib.predicting.predict_faces` of the one picture.
        threshold: a line.
        source: stands in the title.
    """
    figure, axes = canvas(6.0, 4.0)
    marks = zip(tables.items(), (BLUE, ORANGE, GREY), ("o", "s", "x"), (5, 10, 6), strict=False)
    for (name, table), colour, mark, size in marks:  # of different sizes, so that marks at one place are all seen
        look = {
            "markersize": size,
            "color": colour,
            "markerfacecolor": "none",
            "clip_on": False,
            "markeredgewidth": 1.5,
        }
        axes.plot(table["probability"], table["au"], mark, label=name, **look)
    axes.axvline(threshold, color=GREY, linestyle=":")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    axes.set_title(titled("One picture, cut in different ways", source), fontsize=10)
    return figure


def _overlay(axes: Axes, pixels: np.ndarray, values: np.ndarray, largest: float):
    """The map over the grey face; white is no change."""
    axes.imshow(pixels.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    return axes.imshow(values, cmap="PuOr_r", vmin=-largest, vmax=largest, alpha=0.6)


def _frame(axes: Axes, box: Box) -> None:
    left, top, side = box
    columns = np.array([left, left + side, left + side, left, left])
    rows = np.array([top, top, top + side, top + side, top])
    axes.plot(columns, rows, color=ORANGE, linewidth=2, clip_on=False)


def _bars(axes: Axes, predicted: pd.DataFrame, threshold: float) -> None:
    colours = np.where(predicted["displayed"], BLUE, GREY)
    axes.barh(predicted["au"], predicted["probability"], color=colours)
    axes.axvline(threshold, color=ORANGE, linestyle=":")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel=f"probability (line: {threshold:g})")
    axes.tick_params(labelsize=8)
