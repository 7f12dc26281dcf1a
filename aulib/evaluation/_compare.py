"""Two detectors on the same rows: the difference of their scores, with an interval over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib.errors import DataError
from aulib.evaluation import _checks, _intervals, _scores
from aulib.evaluation._scores import SUMMARY, WEIGHTED_TRAIN


def compare(
    a: pd.DataFrame,
    b: pd.DataFrame,
    threshold: float | Mapping[str, float] = 0.5,
    aus: Sequence[str] | None = None,
    intervals: int = 1000,
    seed: int = 0,
    threshold_b: float | Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Compare two prediction tables of the same rows, people drawn in pairs.

    Both detectors saw the same faces, so most of the chance in their scores is shared, and the interval of the
    difference is narrower than the two intervals apart would suggest.

    Args:
        a: a prediction table.
        b: another of the same images with the same labels, in any order.
        threshold: one number, or one for each action unit.
        aus: action units to compare; None takes all of ``a``.
        intervals: number of bootstrap samples.
        seed: of the bootstrap.
        threshold_b: thresholds for ``b``; None takes those for ``a``.

    Returns:
        One row per action unit, then ``F1 macro``, ``Weighted F1 macro (test)`` and ``Accuracy``: the scores ``a`` and
        ``b``, ``difference`` = b - a, and its 95 % limits ``low`` and ``high`` (studentised cluster bootstrap). An
        interval that does not hold 0 says that the difference is more than the choice of these people; with many
        action units, one in twenty such intervals misses 0 by chance alone.

    Raises:
        DataError: the tables have other rows or other labels; the message names the first.

    Example:
        >>> rows = {"dataset": "unbc", "subject": list("aabbccddee"), "image": [f"{i}.png" for i in range(10)]}
        >>> a = pd.DataFrame(rows | {"AU04": [1, 0] * 5, "AU04_p": [0.9, 0.1, 0.4, 0.1, 0.6, 0.7, 0.8, 0.2, 0.3, 0.4]})
        >>> compare(a, a.assign(AU04_p=a["AU04"] * 0.9)).loc["AU04", "difference"].round(3)
        np.float64(0.333)
    """
    aus, y, p = _checks.checked(a, aus)
    _, other, q = _checks.checked(b, aus)
    order = _same_rows(a, b)
    other, q = other[order], q[order]
    _refuse_other_labels(a, aus, y, other)
    thresholds = [_scores.thresholds_of(threshold if t is None else t, aus) for t in (threshold, threshold_b)]
    person, train = _checks.people(a), np.full(len(aus), np.nan)
    counts = [_scores.count_by_person(y, x, t, person) for x, t in zip((p, q), thresholds, strict=True)]
    difference, limits = _intervals.difference_limits(counts[1], counts[0], train, intervals, seed)
    table = pd.DataFrame(index=pd.Index([*aus, *SUMMARY], name="AU"))
    table["a"], table["b"] = (_scores.scores(_scores.pooled(c), train) for c in counts)
    table["difference"], table["low"], table["high"] = difference, *limits
    return table.drop(index=WEIGHTED_TRAIN)


def _same_rows(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Position in b of each row of a."""
    key = _checks.row_key(a, b)
    position = _checks.positions(b, a, key)
    if (position < 0).any() or len(a) != len(b):
        without = np.flatnonzero(position < 0)
        first = f"; the first row of a that is not in b is {tuple(a.iloc[without[0]][key])}" if without.size else ""
        raise DataError(f"the tables have {len(a)} and {len(b)} rows and must have the same{first}")
    return position


def _refuse_other_labels(a: pd.DataFrame, aus: list[str], y: np.ndarray, other: np.ndarray) -> None:
    differs = ~((y == other) | (np.isnan(y) & np.isnan(other)))
    if differs.any():
        row, label = np.argwhere(differs)[0]
        where = tuple(a.iloc[row][["dataset", "image"]])
        raise DataError(
            f"{aus[label]} of {where} is {y[row, label]} in a and {other[row, label]} in b (nan: unknown); "
            "two detectors can only be compared on the same labels"
        )
