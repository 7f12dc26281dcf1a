"""One visual language for the figures: colours, canvas, titles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by every kind of colour vision.
BLUE, ORANGE, LIGHT, GREY = "#0072B2", "#D55E00", "#B9D7EA", "#7F7F7F"
GREEN, PINK, SKY, YELLOW = "#009E73", "#CC79A7", "#56B4E9", "#E69F00"


def canvas(width: float, height: float, columns: int = 1, **options) -> tuple[Figure, Axes | np.ndarray]:
    """Figure and axes in inches, without the upper and right frame; a notebook shows the figure as a cell's value."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(width, height), layout="constrained", **options)
    for each in np.atleast_1d(axes):
        each.spines[["top", "right"]].set_visible(False)
    plt.close(figure)  # otherwise it is shown twice
    return figure, axes


def titled(text: str, source: str) -> str:
    """A title with the source of the data in a second line."""
    return f"{text}\n{source}" if source else text
