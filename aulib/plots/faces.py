"""Contact sheets of faces, and what the corpus of faces was measured to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib import facs
from aulib.errors import DataError
from aulib.plots.style import BLUE, GREY, LIGHT, ORANGE, canvas, titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: White pixels between two pictures of a sheet.
GAP = 4


def montage(images: Sequence[Sequence[np.ndarray]], gap: int = GAP) -> np.ndarray:
    """Pictures of one size in rows and columns, as one picture on white.

    Args:
        images: rows of uint8 pictures (s, s, 3); a shorter row is filled with white at its end.
        gap: pixels between neighbours.

    Returns:
        uint8 array (rows * s + (rows - 1) * gap, columns * s + (columns - 1) * gap, 3).

    Raises:
        DataError: no pictures, or pictures of several sizes.

    Example:
        >>> face = np.zeros((32, 32, 3), np.uint8)
        >>> montage([[face, face, face], [face]], gap=4).shape
        (68, 104, 3)
    """
    shapes = {np.shape(image) for row in images for image in row}
    if len(shapes) != 1:
        raise DataError(f"a sheet needs pictures of one size; found {sorted(shapes) or 'none'}")
    size = shapes.pop()[0]
    rows, columns, step = len(images), max(map(len, images)), size + gap
    sheet = np.full((rows * step - gap, columns * step - gap, 3), 255, np.uint8)
    for row, pictures in enumerate(images):
        for column, picture in enumerate(pictures):
            sheet[row * step :, column * step :][:size, :size] = picture
    return sheet


def contact_sheet(
    images: Sequence[Sequence[np.ndarray]],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    title: str = "",
    source: str = "",
    inches: float = 0.85,
) -> Figure:
    """Faces in rows and columns, named at the left and on top.

    Args:
        images: rows of uint8 pictures (s, s, 3), all of one size.
        rows: a name per row, or none.
        columns: a name per column, or none.
        title: the figure's title.
        source: where the faces come from, written under the title.
        inches: edge of one picture in the figure.

    Raises:
        DataError: no pictures, pictures of several sizes, or not one name per row or column.
    """
    sheet = montage(images)
    size, longest = len(images[0][0]), max(map(len, images))
    for names, count, what in ((rows, len(images), "rows"), (columns, longest, "columns")):
        if len(names) not in (0, count):
            raise DataError(f"{len(names)} names for {count} {what}; give one name each, or none")
    height, width = (length / size * inches for length in sheet.shape[:2])
    side = 0.075 * max((len(line) for name in rows for line in name.splitlines()), default=0)
    figure, axes = canvas(width + side + 0.1, height + (0.25 if columns else 0) + (0.5 if title else 0))
    axes.imshow(sheet, interpolation="antialiased")
    centres = np.arange(max(len(images), longest)) * (size + GAP) + size / 2
    axes.set_yticks(centres[: len(rows)], rows, fontsize=8)
    axes.set_xticks(centres[: len(columns)], columns, fontsize=8)
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    if title:
        figure.suptitle(titled(title, source), fontsize=10)
    return figure


def captioned(
    images: Sequence[np.ndarray], captions: Sequence[str], title: str = "", source: str = "", columns: int = 6
) -> Figure:
    """Faces with some lines of text under each.

    Args:
        images: uint8 pictures (s, s, 3).
        captions: what to write under each; every line as it is.
        title: the figure's title.
        source: where the faces come from, written under the title.
        columns: pictures in a row.

    Raises:
        DataError: not one caption per picture.
    """
    if len(images) != len(captions):
        raise DataError(f"{len(captions)} captions for {len(images)} pictures; give one each")
    import matplotlib.pyplot as plt

    lines = max(len(caption.splitlines()) for caption in captions)
    rows = -(-len(images) // columns)
    size = (1.5 * columns, rows * (1.35 + 0.15 * lines) + 0.5)
    figure, panels = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    plt.close(figure)  # otherwise it is shown twice
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, image, caption in zip(panels.flat, images, captions, strict=False):
        axes.imshow(image)
        axes.text(0, 1.03 * len(image), caption, va="top", fontsize=7)
    figure.suptitle(titled(title, source), fontsize=10)
    return figure


def name_of(au: str) -> str:
    """Code and FACS name of an action unit in two lines, for the side of a sheet.

    Example:
        >>> name_of("AU04").splitlines()
        ['AU04', 'Brow lowerer']
    """
    return f"{au}\n{facs.CATALOGUE[au].name}"


def rates_map(rates: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """How often each dataset's faces display each action unit by the generative model, and which rates are taken.

    Args:
        rates: one row per ``dataset`` and ``au`` with ``rate`` (0 to 1) and ``origin`` ("taken" or "invented").
        title: the figure's title; how many rates are taken is added.
        source: where the numbers come from, written under the title.
    """
    shares = rates.pivot(index="dataset", columns="au", values="rate")
    taken = rates.pivot(index="dataset", columns="au", values="origin").to_numpy() == "taken"
    figure, axes = canvas(0.21 * shares.shape[1] + 2.2, 0.34 * len(shares) + 1.8)
    mesh = axes.pcolormesh(shares.to_numpy(float), cmap="Blues", vmin=0, edgecolors="white", linewidth=1)
    row, column = np.nonzero(taken)
    axes.scatter(column + 0.5, row + 0.5, s=14, color=ORANGE, edgecolors="white", linewidth=0.5, label="taken")
    axes.set_xticks(np.arange(shares.shape[1]) + 0.5, shares.columns, rotation=90, fontsize=7)
    axes.set_yticks(np.arange(len(shares)) + 0.5, shares.index, fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, label="share of images", fraction=0.03, pad=0.01)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize=9)
    counted = f"{title}: {taken.sum()} of {taken.size} rates are taken from real counts"
    axes.set_title(titled(counted, source), fontsize=10)
    return figure


def pairs_map(below: pd.DataFrame, above: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Two symmetric matrices of correlations in one square: one below the diagonal, one above.

    Args:
        below, above: correlations (-1 to 1) of the same action units in the same order.
        title: the figure's title; it should say what stands below and what above.
        source: where the numbers come from, written under the title.

    Raises:
        DataError: the matrices are not about the same action units.
    """
    if list(below.index) != list(above.index):
        raise DataError(f"the matrices differ in their action units: {list(below.index)} and {list(above.index)}")
    names, count = list(below.index), len(below)
    cells = np.tril(below.to_numpy(float), -1) + np.triu(above.to_numpy(float), 1)
    np.fill_diagonal(cells, np.nan)
    size = 0.2 * count + 1.6
    figure, axes = canvas(size + 0.8, size)
    mesh = axes.pcolormesh(cells, cmap="RdBu_r", vmin=-0.7, vmax=0.7, edgecolors="#EEEEEE", linewidth=0.3)
    axes.set_xticks(np.arange(count) + 0.5, names, rotation=90, fontsize=7)
    axes.set_yticks(np.arange(count) + 0.5, names, fontsize=7)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, label="correlation (phi)", fraction=0.04, pad=0.02)
    axes.set_title(titled(title, source), fontsize=10)
    return figure


#: Ways to recognise an action unit, in the tables of :func:`aulib.synth.recognition`: name and mark.
_RECOGNISERS = {
    "probe": ("linear probe", {"color": GREY, "marker": "o"}),
    "tuned": ("fine-tuned on 13", {"color": BLUE, "marker": "s"}),
    "tuned_all": ("fine-tuned on all", {"color": ORANGE, "marker": "^"}),
}


def recognition_dots(units: pd.DataFrame, title: str = "", source: str = "") -> Figure:
    """Area under the ROC curve of each action unit with its 95 % interval, by each way it was measured.

    Args:
        units: table ``units`` of :func:`aulib.synth.recognition`; action units with too few images are left out.
        title: the figure's title; how many are left out is added.
        source: where the numbers come from, written under the title.
    """
    shown = units[units["probe_verdict"] != "too few"].sort_values("probe_auc")
    figure, axes = canvas(7.0, 0.24 * len(shown) + 1.6)
    axes.axvspan(0.7, 0.85, color=LIGHT, alpha=0.4, linewidth=0)
    axes.axvline(0.5, color=GREY, linestyle=":")
    measured = {part: look for part, look in _RECOGNISERS.items() if shown[f"{part}_auc"].notna().any()}
    shifts = np.linspace(-0.2, 0.2, len(measured)) if len(measured) > 1 else [0.0]
    for shift, (part, (label, look)) in zip(shifts, measured.items(), strict=True):
        places = np.arange(len(shown)) + shift
        axes.hlines(places, shown[f"{part}_low"], shown[f"{part}_high"], color=look["color"], linewidth=2, alpha=0.4)
        axes.scatter(shown[f"{part}_auc"], places, s=18, label=label, zorder=3, **look)
    axes.set_yticks(
        range(len(shown)),
        [f"{name} {au} ({displayed:,})" for au, name, displayed in shown[["name", "displayed"]].itertuples()],
        fontsize=8,
    )
    lowest = min(0.45, shown[[f"{part}_low" for part in measured]].min().min() - 0.02)
    axes.set(xlim=(lowest, 1.005), ylim=(-0.6, len(shown) - 0.4), xlabel="AUC on unseen people")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    left_out = f"{title} (images that display it); {len(units) - len(shown)} with too few are left out"
    figure.suptitle(titled(left_out, source), fontsize=10)
    return figure


def transfer_map(across: pd.DataFrame, score: str = "f1_macro", title: str = "", source: str = "") -> Figure:
    """A score on each dataset's unseen people, by the dataset that the model was trained on.

    Args:
        across: table ``across`` of :func:`aulib.synth.recognition`.
        score: column to show.
        title: the figure's title.
        source: where the numbers come from, written under the title.
    """
    cells = across.pivot(index="train", columns="test", values=score)
    cells = cells.reindex([*cells.columns, *(name for name in cells.index if name not in cells.columns)])
    figure, axes = canvas(0.85 * cells.shape[1] + 2.2, 0.42 * len(cells) + 1.5)
    mesh = axes.imshow(cells, cmap="cividis", aspect="auto")
    middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
    for (row, column), value in np.ndenumerate(cells.to_numpy(float)):
        color, weight = ("black" if value > middle else "white"), ("bold" if row == column else "normal")
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color=color, weight=weight)
    axes.set_xticks(range(cells.shape[1]), cells.columns, fontsize=9)
    axes.set_yticks(range(len(cells)), cells.index, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="tested on", ylabel="trained on")
    figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02)
    axes.set_title(titled(title, source), fontsize=10)
    return figure
