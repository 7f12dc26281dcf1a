"""Which errors a detector makes: counts by action unit, and which action units are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib.errors import SettingsError
from aulib.evaluation import _checks, _scores


def confusion_table(
    predictions: pd.DataFrame, threshold: float | Mapping[str, float] = 0.5, aus: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the four counts of each action unit on its known labels, and the rates made of them.

    Args:
        predictions: a prediction table.
        threshold: one number, or one for each action unit.
        aus: action units to report; None takes all that have a probability column.

    Returns:
        One row per action unit: ``tp``, ``fp``, ``fn``, ``tn`` (cells), ``precision`` = tp / (tp + fp), ``recall`` =
        tp / (tp + fn), ``false_alarms`` = fp / (fp + tn), ``accuracy`` = (tp + tn) / known. NaN for 0 / 0.

    Example:
        >>> rows = {"dataset": "unbc", "subject": "a", "image": ["1.png", "2.png", "3.png"]}
        >>> table = pd.DataFrame(rows | {"AU04": [1, 0, 0], "AU04_p": [0.9, 0.8, 0.1]})
        >>> confusion_table(table)[["precision", "recall", "false_alarms"]].to_numpy().tolist()
        [[0.5, 1.0, 0.5]]
    """
    aus, y, p = _checks.checked(predictions, aus)
    counts = _scores.count(y, p, _scores.thresholds_of(threshold, aus))
    table = pd.DataFrame(counts._asdict(), index=pd.Index(aus, name="AU")).astype("int64")
    table["precision"] = table["tp"] / (table["tp"] + table["fp"])
    table["recall"] = table["tp"] / (table["tp"] + table["fn"])
    table["false_alarms"] = table["fp"] / (table["fp"] + table["tn"])
    table["accuracy"] = (table["tp"] + table["tn"]) / table[["tp", "fp", "fn", "tn"]].sum(axis=1)
    return table


def confused_with(
    predictions: pd.DataFrame,
    threshold: float | Mapping[str, float] = 0.5,
    aus: Sequence[str] | None = None,
    min_cells: int = 20,
) -> pd.DataFrame:
    """Return by how much each displayed action unit raises the false alarms of each other one.

    Args:
        predictions: a prediction table.
        threshold: one number, or one for each action unit.
        aus: action units to report; None takes all that have a probability column.
        min_cells: fewest cells on both sides of a comparison; with fewer the entry is NaN.

    Returns:
        Square table; row ``b``, column ``a``: share of false alarms of ``a`` where ``a`` is known to be absent and
        ``b`` is displayed, minus the same share where ``b`` is known not to be displayed. 0.3 means: of 100 faces
        without ``a``, the detector sees ``a`` in 30 more when ``b`` is there. NaN on the diagonal.
    """
    if min_cells < 1:
        raise SettingsError(f"min_cells is {min_cells}; give a number of cells from 1")
    aus, y, p = _checks.checked(predictions, aus)
    alarm = (p >= _scores.thresholds_of(threshold, aus)) & (y == 0)
    shares = []
    for other in (y == 1, y == 0):
        cells = other.T.astype(np.float64) @ (y == 0)
        alarms = other.T.astype(np.float64) @ alarm
        shares.append(np.divide(alarms, cells, out=np.full(cells.shape, np.nan), where=cells >= min_cells))
    raised = shares[0] - shares[1]
    np.fill_diagonal(raised, np.nan)
    return pd.DataFrame(raised, index=pd.Index(aus, name="displayed"), columns=pd.Index(aus, name="false alarm"))
