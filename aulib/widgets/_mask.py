"""Which cells of an incomplete table count, in a score and in the loss, under three rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from aulib import metrics
from aulib.errors import DataError
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH
from aulib.widgets._explorer import Choice, Explorer, Frame

RULES = {"mask": "known cells only", "negative": "unknown as not displayed", "complete": "complete rows only"}
VIEWS = {"score": "F1 score", "loss": "soft F1 loss"}
#: At most so large is a table that can be read.
MOST_ROWS, MOST_LABELS = 10, 4
_SOURCE = "A table made up by hand"
_Y = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 1, 1]], dtype=float)
_P = np.array([[0.9, 0.2, 0.9], [0.6, 0.1, 0.7], [0.3, 0.8, 0.1], [0.2, 0.4, 0.6], [0.7, 0.6, 0.3], [0.1, 0.7, 0.4]])


def mask(
    y: ArrayLike | None = None, p: ArrayLike | None = None, names: Sequence[str] | None = None, source: str = _SOURCE
) -> Explorer:
    """Mask explorer: hide labels one after the other and see which cells still count, and for how much.

    For the classroom: hide a few cells and compare the rules. Under the mask the F1 moves because less is known; under
    "unknown as not displayed" it falls because what is unknown is held against the detector; and complete rows run
    out. In the loss, look for cells whose gradient is zero.

    Args:
        y, p: labels and probabilities (n, L) of a few rows, NaN in y where unknown; None takes a small table.
        names: of the labels. source: where the table comes from.

    Raises:
        DataError: shapes or values that do not fit, or a table too large to be read.

    Example:
        >>> mask().frame(hidden=12, rule="complete", view="score").numbers["counted"]
        0
    """
    y, p = (_Y, _P) if y is None or p is None else (metrics.check_labels(y).astype(float), np.asarray(p, dtype=float))
    metrics.count(y, p)  # refuses shapes and probabilities that do not fit
    if len(y) > MOST_ROWS or y.shape[1] > MOST_LABELS:
        raise DataError(f"y has shape {y.shape}; the table may have {MOST_ROWS} rows and {MOST_LABELS} labels at most")
    names = [f"label {i}" for i in range(y.shape[1])] if names is None else list(names)
    most = min(int((~np.isnan(y)).sum()), 12)
    hidden = {n: str(n) for n in range(most + 1)}
    settings = (
        Choice("hidden", "Labels hidden", hidden, min(4, most // 2 * 2), tuple(range(0, most + 1, 2)), ordered=True),
        Choice("rule", "What counts", RULES, "mask"),
        Choice("view", "In the", VIEWS, "score"),
    )
    return Explorer("mask", "Which cells count", settings, partial(frame, y, p, names), source)


def hide(y: np.ndarray, cells: int) -> np.ndarray:
    """Make the given number of known cells unknown, in an order that is always the same."""
    y, known = y.copy(), np.argwhere(~np.isnan(y))
    for row, label in known[np.random.default_rng(2020).permutation(len(known))[:cells]]:
        y[row, label] = np.nan
    return y


def counted(y: np.ndarray, rule: str) -> np.ndarray:
    """Labels (n, L) as a rule takes them; NaN where a cell does not count."""
    if rule == "negative":
        return np.nan_to_num(y)
    return np.where(np.isnan(y).any(axis=1, keepdims=True), np.nan, y) if rule == "complete" else y


def soft_f1_gradient(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Soft F1 of each label (NaN without a known cell), the masked F1 loss, and its gradient for each probability."""
    m = ~np.isnan(y)
    y0, total = np.where(m, y, 0), (np.where(m, y, 0) + m * p).sum(axis=0)
    f1 = np.divide(2 * (y0 * p).sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
    labels = m.any(axis=0)
    slope = m * (f1 - 2 * y0) / np.maximum(total, 1e-7) / max(labels.sum(), 1)
    return np.where(labels, f1, np.nan), float(1 - f1[labels].mean()) if labels.any() else 0.0, slope


def frame(y: np.ndarray, p: np.ndarray, names: Sequence[str], hidden: int, rule: str, view: str) -> Frame:
    """Every cell with what it adds: its kind of count in the score, or its gradient in the loss."""
    seen = hide(y, hidden)
    used = counted(seen, rule)
    inside = ~np.isnan(used)
    numbers = {"counted": int(inside.sum()), "f1": metrics.f1_per_label(used, p), "macro": metrics.f1_macro(used, p)}
    soft, numbers["loss"], numbers["gradient"] = soft_f1_gradient(used, p)
    if view == "score":
        words, below = _kinds(used, p), [f"F1 {_or_none(v)}" for v in numbers["f1"]]
        result = f"the macro F1 is {_or_none(numbers['macro'])}"
    else:
        words, below = _signed(numbers["gradient"], inside), [f"F {_or_none(v)}" for v in soft]
        result = f"the loss is {numbers['loss']:.3f}"
    message = (
        f"{int(np.isnan(seen).sum())} of {seen.size} labels are unknown. Rule: {RULES[rule]}; {inside.sum()} cells "
        f"count, and {result}; with every label known it would be {_full(y, p, view)}."
    )
    cells = "; ".join(f"{name}: {', '.join(column)}" for name, column in zip(names, words.T, strict=True))
    alt = f"Table of {len(y)} rows and {y.shape[1]} labels, cells that do not count are empty. {cells}. {message}"
    return Frame(_picture(seen, p, inside, words, names, below, alt), alt, message, numbers)


def _full(y: np.ndarray, p: np.ndarray, view: str) -> str:
    return _or_none(metrics.f1_macro(y, p) if view == "score" else soft_f1_gradient(y, p)[1])


def _or_none(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.3f}"


def _kinds(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    kinds = np.array([["TN", "FP"], ["FN", "TP"]])[(y == 1).astype(int), (p >= 0.5).astype(int)]
    return np.where(np.isnan(y), "out", kinds)


def _signed(gradient: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return np.where(inside, np.vectorize("{:+.3f}".format)(gradient), "out")


def _picture(seen, p, inside, words, names: Sequence[str], below: Sequence[str], alt: str) -> str:
    wide, tall, left, top = (WIDTH - 46) / len(names), 30, 46, 20
    corner = {cell: (left + wide * cell[1], top + tall * cell[0]) for cell in np.ndindex(seen.shape)}
    boxes = {cell: (x + 2, y + 2, wide - 4, tall - 4) for cell, (x, y) in corner.items()}
    parts = [_draw.rects([box for cell, box in boxes.items() if inside[cell]], "light")]
    parts.append(_draw.rects([box for cell, box in boxes.items() if not inside[cell]], "grey", outline=True))
    for cell, (x, y) in corner.items():
        label = "unknown" if np.isnan(seen[cell]) else f"label {seen[cell]:.0f}"
        said = words[cell] if inside[cell] else "does not count"
        parts.append(_draw.text(x + wide / 2, y + 13, f"{label}, p {p[cell]:.1f}", "middle"))
        parts.append(_draw.text(x + wide / 2, y + 25, said, "middle", bold=bool(inside[cell])))
    parts += [_draw.text(left + wide * (i + 0.5), 13, name, "middle") for i, name in enumerate(names)]
    parts += [_draw.text(40, top + tall * row + 19, f"row {row}", "end") for row in range(len(seen))]
    end = top + tall * len(seen) + 14
    parts += [_draw.text(left + wide * (i + 0.5), end, words, "middle", bold=True) for i, words in enumerate(below)]
    return _draw.svg(end + 8, parts, alt)
