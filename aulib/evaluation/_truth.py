"""Scores on incomplete labels against scores on the whole truth, which synthetic images have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib import metrics
from aulib.errors import DataError
from aulib.evaluation import _checks, _intervals, _scores
from aulib.evaluation._scores import MACRO


def against_truth(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    threshold: float | Mapping[str, float] = 0.5,
    aus: Sequence[str] | None = None,
    intervals: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the F1 that incomplete labels give with the F1 on complete ones (possible for synthetic images only).

    Args:
        predictions: a prediction table.
        truth: a complete table with ``dataset``, ``image`` and the action units as 0 and 1.
        threshold: an action unit counts as predicted where its probability is at least this; one number, or one for
            each action unit.
        aus: action units to report; None takes all that have a probability column.
        intervals: number of bootstrap samples for 95 % intervals of the difference, 0 for none. People are drawn, each
            with known and hidden labels, so that both scores come from the same people.
        seed: of the bootstrap.

    Returns:
        One row per action unit and the row ``F1 macro``: ``known`` and ``unknown`` (cells), ``f1_known`` (on the
        incomplete labels), ``f1_truth`` (all rows), ``f1_hidden`` (only the cells that nobody coded) and
        ``difference`` = f1_known - f1_truth; with intervals also its 95 % limits ``difference_low`` and
        ``difference_high``, NaN where fewer than five people display the action unit on known labels.

    Raises:
        DataError: the truth lacks an image or an action unit, or holds one twice.
    """
    aus, y, p = _checks.checked(predictions, aus)
    complete, thresholds = truth_of(predictions, truth, aus), _scores.thresholds_of(threshold, aus)
    hidden = np.where(np.isnan(y), complete, np.nan)
    labels = {"f1_known": y, "f1_truth": complete, "f1_hidden": hidden}
    columns = {name: metrics.f1_from_counts(_scores.count(values, p, thresholds)) for name, values in labels.items()}
    known = (~np.isnan(y)).sum(axis=0)
    table = pd.DataFrame({"known": known, "unknown": len(y) - known, **columns}, index=pd.Index(aus, name="AU"))
    table.loc[MACRO] = {"known": known.sum(), "unknown": y.size - known.sum()} | table[list(columns)].mean().to_dict()
    table["difference"] = table["f1_known"] - table["f1_truth"]
    if intervals:
        person = _checks.people(predictions)
        both = [_scores.count_by_person(values, p, thresholds, person) for values in (y, complete)]
        _, limits = _intervals.difference_limits(*both, np.full(len(aus), np.nan), intervals, seed)
        table["difference_low"], table["difference_high"] = limits[:, : len(aus) + 1]
    return table.astype({"known": "int64", "unknown": "int64"})


def truth_of(predictions: pd.DataFrame, truth: pd.DataFrame, aus: list[str]) -> np.ndarray:
    """Look up the complete labels of the rows of a table (possible for synthetic images only).

    Args:
        predictions: n rows with ``dataset`` and ``image``.
        truth: a complete table with ``dataset``, ``image`` and the action units as 0 and 1; rows without an image are
            not looked at.
        aus: the L action units.

    Returns:
        float32 (n, L) of 0 and 1.

    Raises:
        DataError: the truth lacks an image or an action unit, holds an image twice, or has unknown labels.

    Example:
        >>> truth = pd.DataFrame({"dataset": "unbc", "image": ["1.png", "2.png"], "AU04": [1, 0]})
        >>> truth_of(truth[1:], truth, ["AU04"]).tolist()
        [[0.0]]
    """
    absent = [c for c in ["dataset", "image", *aus] if c not in truth]
    if absent:
        raise DataError(f"the truth has no column {absent}")
    key = ["dataset", "image"]
    truth = truth[truth["image"].notna()]  # images that were never written cannot be told apart by name
    _checks.refuse_repeats(truth, key, "truth")
    position = _checks.positions(truth, predictions, key)
    if (position < 0).any():
        row = int(np.argmax(position < 0))
        raise DataError(f"the truth has no row for {tuple(predictions.iloc[row][key])}, row {row} of the predictions")
    complete = metrics.check_labels(truth[aus].iloc[position], "truth")
    if np.isnan(complete).any():
        raise DataError("the truth has unknown labels; it must say 0 or 1 for every image and action unit")
    return complete
