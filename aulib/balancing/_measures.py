"""How uneven the labels of a table are, counted on known cells."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aulib.errors import SettingsError
from aulib.metrics import check_labels


def imbalance(y: ArrayLike, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return imbalance measures of the labels, from known cells (Charte et al. 2015).

    ``IRLbl_l = max_k P_k / P_l``, with P the known positives: 1 for the most frequent label.

    Args:
        y: labels (n, L), NaN unknown.
        names: names of the labels; None numbers them.

    Returns:
        One row per label with ``positives``, ``known``, ``prevalence`` (positives / known) and ``IRLbl``.
        In ``.attrs``: ``rows``, ``MeanIR`` (mean of IRLbl), ``max_min`` (largest over smallest count) and ``CV``
        (standard deviation over mean of the counts), the last three over labels with a positive. A label without
        one has IRLbl = inf and causes a warning.

    Example:
        >>> imbalance([[1, 0], [1, 1], [0, float("nan")]])["IRLbl"].tolist()
        [1.0, 2.0]
    """
    y = check_labels(y, "y")
    labels = label_names(names, y.shape[1])
    positives = (y == 1).sum(axis=0)
    if (positives == 0).any():
        never = [labels[i] for i in np.flatnonzero(positives == 0)]
        warnings.warn(f"no positive row for {never}: left out of MeanIR, max_min and CV", stacklevel=2)
    return imbalance_of_counts(positives, (~np.isnan(y)).sum(axis=0), len(y), labels)


def imbalance_of_counts(positives: np.ndarray, known: np.ndarray, rows: int, labels: list) -> pd.DataFrame:
    counts = positives[positives > 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        ir = positives.max() / positives if counts.size else np.full(positives.shape, np.nan)
        table = pd.DataFrame(
            {"positives": positives, "known": known, "prevalence": positives / known, "IRLbl": ir},
            index=pd.Index(labels, name="label"),
        )
    nothing = {"MeanIR": np.nan, "max_min": np.nan, "CV": np.nan}
    measures = (
        {
            "MeanIR": float((counts.max() / counts).mean()),
            "max_min": float(counts.max() / counts.min()),
            "CV": float(counts.std() / counts.mean()),
        }
        if counts.size
        else nothing
    )
    table.attrs = {"rows": int(rows), **measures}
    return table


def label_names(names: Sequence[str] | None, labels: int) -> list:
    chosen = list(range(labels)) if names is None else list(names)
    if len(chosen) != labels:
        raise SettingsError(f"{len(chosen)} names for {labels} labels; give one name per column of y")
    return chosen
