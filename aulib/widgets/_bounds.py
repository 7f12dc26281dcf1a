"""What the limits of the balancing optimizer allow, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import ArrayLike

from aulib import balancing, metrics
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH, Bar
from aulib.widgets._example import AUS, SOURCE, example
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

SIZES = {
    (1.0, 1.0): "as many rows",
    (0.8, 1.2): "0.8 to 1.2 times",
    (0.4, 2.0): "0.4 to 2 times",
    (1.5, 2.0): "1.5 to 2 times",
}


def bounds(y: ArrayLike | None = None, names: Sequence[str] | None = None, source: str = SOURCE) -> Explorer:
    """Balancing explorer: widen the limits, and see the counts come together and the copies pile up.

    For the classroom: reach the smallest ratio, then the smallest ratio at which no row is taken more than twice.
    Limits that contradict each other are answered by the optimizer's own message.

    Args:
        y: labels (n, L) with NaN where unknown, each displayed at least once; None takes a simulated table.
        names: of the labels. source: where they come from.

    Raises:
        DataError: y is not a table of 0, 1 and NaN.

    Example:
        >>> numbers = bounds().frame(lower=1.0, upper=1.0, size=(1.0, 1.0)).numbers
        >>> numbers["ratio_after"] == numbers["ratio_before"]
        True
    """
    y, names = (_table(), AUS) if y is None else (metrics.check_labels(y, "y"), names)
    names = [f"label {i}" for i in range(y.shape[1])] if names is None else list(names)
    settings = (
        Range("lower", "Each kind of row at least", 0.0, 1.0, 0.05, (0.0, 0.25, 0.5, 0.75, 1.0), 0.5, ".2f"),
        Range("upper", "and at most (times)", 1.0, 10.0, 0.5, (1.0, 1.5, 2.0, 3.0, 5.0), 3.0, ".1f"),
        Choice("size", "Rows in all", SIZES, (0.8, 1.2), ((0.8, 1.2), (0.4, 2.0))),
    )
    return Explorer("bounds", "Limits of balancing", settings, partial(frame, y, tuple(names)), source, slow=True)


@lru_cache
def _table() -> np.ndarray:
    """The example's labels, of which each dataset leaves some uncoded."""
    y, dataset = example(300).truth.copy(), example(300).dataset
    for name, labels in (("first", [5, 6]), ("second", [1]), ("third", [3, 5])):
        y[np.ix_(dataset == name, labels)] = np.nan
    return y


def frame(y: np.ndarray, names: Sequence[str], lower: float, upper: float, size: tuple[float, float]) -> Frame:
    """The sample that :func:`aulib.balancing.balance` chooses within the limits."""
    found = balancing.balance(y, lower, upper, size, names=names)
    numbers = {
        "before": found.before["positives"].to_numpy(),
        "after": found.after["positives"].to_numpy(),
        "ratio_before": found.ratio_before,
        "ratio_after": found.ratio_after,
        "rows": found.indices.size,
        "left_out": int((found.multiplicity == 0).sum()),
        "most": int(found.multiplicity.max()),
    }
    message = (
        f"Between {lower:.2f} and {upper:.1f} times each kind of row, {SIZES[size]} in all: the largest count is "
        f"{found.ratio_after:.2f} times the smallest, {found.ratio_before:.2f} before. {numbers['rows']:,} rows "
        f"instead of {len(y):,}; {numbers['left_out']:,} are left out, no row is taken more often than "
        f"{numbers['most']}×."
    )
    pairs = zip(names, numbers["before"], numbers["after"], strict=True)
    counts = "; ".join(f"{name} {before:.0f} to {after:.0f}" for name, before, after in pairs)
    alt = f"Bars of displayed rows after balancing with ticks before: {counts}. {message}"
    return Frame(_picture(names, numbers, alt), alt, message, numbers)


def _picture(names: Sequence[str], n: dict, alt: str) -> str:
    high = 1.5 * n["before"].max()
    pairs = zip(names, n["before"], n["after"], strict=True)
    rows = [Bar(name, after, f"{before:.0f} → {after:.0f}", "blue", before) for name, before, after in pairs]
    end = 14 + 18 * len(rows)
    note = _draw.text(WIDTH - 70, end + 8, "tick: before", "end")
    return _draw.svg(end + 14, [_draw.bars(rows, 0, high, top=6, label=60, step=18), note], alt)
