"""Contact sheets of faces, and what the corpus of faces was measured to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aulib import facs
from aulib.errors import DataError
from aulib.plots.style import canvas, titled

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
    for row, column in ((row, column) for row in range(rows) for column in range(len(images[row]))):
        sheet[row * step :, column * step :][:size, :size] = images[row][column]
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
