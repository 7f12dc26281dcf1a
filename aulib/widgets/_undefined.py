"""Three conventions for an undefined F1, and the macro F1 that each makes of the same predictions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from aulib import metrics
from aulib.errors import DataError
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH, Bar
from aulib.widgets._example import AUS, SOURCE, example
from aulib.widgets._explorer import Choice, Explorer, Frame

CONVENTIONS = {"skip": "leave out", "zero": "count as 0", "one": "count as 1"}
_VALUE = {"skip": np.nan, "zero": 0.0, "one": 1.0}
SIZES = (10, 20, 40, 80, 160, 320)


def undefined(
    y: ArrayLike | None = None, p: ArrayLike | None = None, names: Sequence[str] | None = None, source: str = SOURCE
) -> Explorer:
    """Undefined-F1 explorer: fewer test rows, more labels without an F1, three different macro scores.

    For the classroom: shrink the test set until labels drop out; then ask which of the three numbers a paper printed.

    Args:
        y, p: labels and probabilities (n, L); None takes simulated ones. The first rows are the test set.
        names: of the labels. source: where they come from.

    Raises:
        DataError: shapes or values that do not fit, or fewer than 10 rows.

    Example:
        >>> frames = [undefined().frame(rows=10, convention=c) for c in ("zero", "skip", "one")]
        >>> zero, skip, one = (frame.numbers["macro"] for frame in frames)
        >>> zero < skip < one
        True
    """
    if y is None or p is None:
        y, p, names = example().truth, example().prob, AUS
    y = metrics.check_labels(y)
    metrics.count(y, p)  # refuses shapes and probabilities that do not fit
    if len(y) < SIZES[0]:
        raise DataError(f"y has {len(y)} rows; the explorer needs {SIZES[0]} or more")
    names = [f"label {i}" for i in range(y.shape[1])] if names is None else list(names)
    sizes = [n for n in SIZES if n <= len(y)]
    settings = (
        Choice("rows", "Rows of the test set", {n: f"{n} rows" for n in sizes}, sizes[min(1, len(sizes) - 1)],
               ordered=True),
        Choice("convention", "An undefined F1", CONVENTIONS, "skip"),
    )  # fmt: skip
    draw = partial(frame, y, np.asarray(p, dtype=float), names)
    return Explorer("undefined", "When an F1 is undefined", settings, draw, source)


def frame(y: np.ndarray, p: np.ndarray, names: Sequence[str], rows: int, convention: str) -> Frame:
    """F1 of each label on the first rows, and their macro mean under one convention."""
    plain = metrics.f1_per_label(y[:rows], p[:rows])
    macros = {c: metrics.f1_macro(y[:rows], p[:rows], undefined=value) for c, value in _VALUE.items()}
    missing = [name for name, value in zip(names, plain, strict=True) if np.isnan(value)]
    numbers = {"f1": plain, "macro": macros[convention], "undefined": len(missing), **macros}
    averaged = len(plain) - len(missing) if convention == "skip" else len(plain)
    which = f"{len(missing)} of {len(plain)} labels have no F1 ({', '.join(missing)})" if missing else "every F1 exists"
    others = ", ".join(f"{CONVENTIONS[c]} {value:.3f}" for c, value in macros.items())
    message = (
        f"With {rows} rows {which}. Convention: {CONVENTIONS[convention]}. Macro F1 {macros[convention]:.3f}, a mean "
        f"of {averaged} labels. The three conventions: {others}."
    )
    alt = f"Bars of the F1 of {len(plain)} labels with a line at the macro F1. {message}"
    return Frame(_picture(names, plain, convention, macros[convention], alt), alt, message, numbers)


def _picture(names: Sequence[str], f1: np.ndarray, convention: str, macro: float, alt: str) -> str:
    rows = [_bar(name, value, convention) for name, value in zip(names, f1, strict=True)]
    x, bottom = _draw.scale(0, 1, 60, WIDTH - 76), 26 + 18 * len(rows)
    parts = [_draw.bars(rows, 0, 1, top=24, label=60, step=18)]
    if not np.isnan(macro):
        parts.append(_draw.line([(x(macro), 16), (x(macro), bottom)], "ink", dashed=True))
        parts.append(_draw.text(x(macro), 11, f"macro F1 {macro:.3f}", "middle"))
    return _draw.svg(bottom + 4, parts, alt)


def _bar(name: str, value: float, convention: str) -> Bar:
    if not np.isnan(value):
        return Bar(name, value, f"{value:.2f}")
    words = {"skip": "left out", "zero": "0 by rule", "one": "1 by rule"}[convention]
    return Bar(name, _VALUE[convention], words, "orange")
