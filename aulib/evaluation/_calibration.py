"""Whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import metrics
from aulib.errors import SettingsError
from aulib.evaluation import _checks, _intervals
from aulib.evaluation._scores import sum_by


def reliability_table(predictions: pd.DataFrame, aus: Sequence[str] | None = None, bins: int = 10) -> pd.DataFrame:
    """Return how often an action unit is displayed where its probability lies in a bin; known labels only.

    Args:
        predictions: a prediction table.
        aus: action units to report; None takes all that have a probability column.
        bins: number of bins of equal width between 0 and 1; the upper end belongs to a bin.

    Returns:
        One row per action unit and bin that holds a known cell, then the same for all action units together (``all``);
        index ``AU, bin``; columns ``low`` and ``high`` (ends of the bin), ``cells``, ``probability`` (mean) and
        ``displayed`` (share).

    Example:
        >>> rows = {"dataset": "unbc", "subject": "a", "image": ["1.png", "2.png", "3.png"]}
        >>> table = pd.DataFrame(rows | {"AU04": [1, 0, 1], "AU04_p": [0.9, 0.8, 0.1]})
        >>> reliability_table(table, bins=2).loc["AU04", ["cells", "displayed"]].to_numpy().tolist()
        [[1.0, 1.0], [2.0, 0.5]]
    """
    aus, y, p = _checks.checked(predictions, aus)
    parts = {au: _bins(y[:, j], p[:, j], bins) for j, au in enumerate(aus)} | {"all": _bins(y.ravel(), p.ravel(), bins)}
    return pd.concat(parts, names=["AU", "bin"])


def calibration_table(
    predictions: pd.DataFrame, aus: Sequence[str] | None = None, bins: int = 10, intervals: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Return expected calibration error and Brier score of each action unit on its known labels.

    Args:
        predictions: a prediction table.
        aus: action units to report; None takes all that have a probability column.
        bins: of the calibration error, of equal width.
        intervals: number of bootstrap samples for 95 % percentile intervals of the Brier score, 0 for none. The
            calibration error has none: it is a sum of absolute values, larger than its true value by chance alone, and
            larger still in a resample, so that resampling gives no honest interval for it.
        seed: of the bootstrap.

    Returns:
        One row per action unit: ``known``, ``prevalence``, ``probability`` (mean), ``ece`` (mean over cells of
        ``|share displayed - mean probability|`` of the cell's bin; Guo et al. 2017, Eq. 3), ``brier`` (mean of
        ``(probability - label)**2``; Brier 1950, one class), ``brier_prevalence`` (the Brier score of always saying the
        prevalence, the best constant); with intervals also ``brier_low`` and ``brier_high``.
    """
    aus, y, p = _checks.checked(predictions, aus)
    known, square = ~np.isnan(y), (p.astype(np.float64) - y) ** 2
    prevalence = metrics.prevalence(y)
    columns = {
        "known": known.sum(axis=0),
        "prevalence": prevalence,
        "probability": _mean(p, known),
        "ece": [_calibration_error(_bins(y[:, j], p[:, j], bins)) for j in range(len(aus))],
        "brier": _mean(square, known),
        "brier_prevalence": prevalence * (1 - prevalence),
    }
    table = pd.DataFrame(columns, index=pd.Index(aus, name="AU"))
    if intervals:
        limits = _brier_limits(square, known, _checks.people(predictions), intervals, seed)
        table["brier_low"], table["brier_high"] = limits
    return table


def _bins(y: np.ndarray, p: np.ndarray, bins: int) -> pd.DataFrame:
    if not 2 <= bins <= 100:
        raise SettingsError(f"bins is {bins}; give a number from 2 to 100")
    known = ~np.isnan(y)
    y, p = y[known].astype(np.float64), p[known].astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], p)
    cells = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(cells)
    sums = [np.bincount(place, weights=x, minlength=bins)[filled] / cells[filled] for x in (p, y)]
    columns = {"low": edges[filled], "high": edges[filled + 1], "cells": cells[filled]}
    return pd.DataFrame(columns | dict(zip(("probability", "displayed"), sums, strict=True)), index=filled)


def _calibration_error(table: pd.DataFrame) -> float:
    """Expected calibration error of one action unit's bins; NaN without a known cell."""
    away = (table["displayed"] - table["probability"]).abs()
    return float((away * table["cells"]).sum() / table["cells"].sum()) if len(table) else np.nan


def _mean(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0)


def _brier_limits(square: np.ndarray, known: np.ndarray, person: np.ndarray, samples: int, seed: int) -> np.ndarray:
    persons = person.max() + 1
    sums, cells = (sum_by(x, person, persons) for x in (np.where(known, square, 0.0), known))

    def score(weights: np.ndarray) -> np.ndarray:
        total = weights @ cells
        return np.divide(weights @ sums, total, out=np.full(total.shape, np.nan), where=total > 0)

    return _intervals.percentile_limits(score, persons, persons, samples, seed)
