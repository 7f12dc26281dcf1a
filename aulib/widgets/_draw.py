"""Small pictures as HTML: a few SVG shapes and a bar chart, which follow the page's font and its dark mode.

Matplotlib's figures of the same content are ten times as large and a hundred times as slow, and a page of the book
holds dozens of frames. Coordinates are pixels of a picture :data:`WIDTH` wide, which a phone shows at its own size.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from aulib.plots.style import BLUE, GREEN, GREY, LIGHT, ORANGE

WIDTH = 360
_COLOURS = {"blue": BLUE, "orange": ORANGE, "light": LIGHT, "grey": GREY, "green": GREEN}


def svg(height: float, parts: Iterable[str], alt: str) -> str:
    """Put shapes together to a picture with an alternative text."""
    box = f'viewBox="0 0 {WIDTH} {height:g}"'
    return f'<svg class="aulib-picture" role="img" aria-label="{escape(alt)}" {box}>{"".join(parts)}</svg>'


def image(pixels: np.ndarray, alt: str) -> str:
    """A photograph-like picture, uint8 (height, width, 3), as JPEG inside the page."""
    from PIL import Image

    file, (height, width) = io.BytesIO(), pixels.shape[:2]
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    size = f'width="{width}" height="{height}"'
    return f'<img class="aulib-photo" {size} alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The linear map that takes low to start and high to end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def text(x: float, y: float, words: str, anchor: str = "start", bold: bool = False) -> str:
    """Words whose base line begins, has its middle or ends at a point."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def rects(boxes: Iterable[tuple[float, float, float, float]], colour: str, outline: bool = False) -> str:
    """Boxes (x, y, width, height) of one colour as one shape, filled or only outlined."""
    path = "".join(f"M{x:.4g} {y:.4g}h{w:.4g}v{h:.4g}h{-w:.4g}z" for x, y, w, h in boxes)
    return _path(path, colour, filled=not outline) if path else ""


def line(points: Iterable[tuple[float, float]], colour: str, dashed: bool = False, width: float = 1.5) -> str:
    """A line through points."""
    path = "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in points)
    return _path(path, colour, filled=False, more=f' stroke-width="{width:g}"' + ' stroke-dasharray="4 3"' * dashed)


def dot(x: float, y: float, colour: str) -> str:
    """A filled circle."""
    return f'<circle cx="{x:.4g}" cy="{y:.4g}" r="4" style="fill:{_ink(colour)}"/>'


def _path(path: str, colour: str, filled: bool, more: str = "") -> str:
    style = f"fill:{_ink(colour)}" if filled else f"fill:none;stroke:{_ink(colour)}"
    return f'<path d="{path}" style="{style}"{more}/>'


def _ink(colour: str) -> str:
    return "currentColor" if colour == "ink" else f"var(--aulib-{colour},{_COLOURS[colour]})"


class Bar(NamedTuple):
    """One bar of :func:`bars`; NaN draws no bar. ``words`` stand at its right, ``mark`` is a tick across it."""

    label: str
    value: float
    words: str
    colour: str = "blue"
    mark: float | None = None


def bars(rows: Sequence[Bar], low: float, high: float, top: float = 6, label: float = 110, step: float = 20) -> str:
    """Horizontal bars from zero, one below the other, between low and high.

    Args:
        rows: the bars.
        low, high: ends of the axis; the zero lies between them.
        top: of the first bar. label: room for the names. step: from bar to bar.
    """
    x = scale(low, high, label, WIDTH - 76)
    parts = [line([(x(0), top - 3), (x(0), top + step * len(rows) - 3)], "grey", width=1)]
    for place, row in enumerate(rows):
        y = top + step * place
        parts.append(text(label - 6 if low == 0 else label - 10, y + step / 2 + 1, row.label, "end"))
        if not np.isnan(row.value):
            ends = sorted((x(0), x(float(np.clip(row.value, low, high)))))
            parts.append(rects([(ends[0], y, ends[1] - ends[0], step - 6)], row.colour))
        if row.mark is not None and not np.isnan(row.mark):
            parts.append(line([(x(row.mark), y - 2), (x(row.mark), y + step - 4)], "ink", width=2))
        parts.append(text(WIDTH - 70, y + step / 2 + 1, row.words))
    return "".join(parts)
