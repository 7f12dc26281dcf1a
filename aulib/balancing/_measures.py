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

    With P the known positives and K the known rows of a label:

    * ``IRLbl_l = max_k P_k / P_l``: 1 for the most frequent label. It mixes rarity with coverage: a label that few
      datasets code has a small P.
    * ``IRLbl_prevalence_l = max_k (P_k / K_k) / (P_l / K_l)``: rarity alone (not in the article).
    * ``SCUMBLE_l``: mean of :func:`scumble` over the rows on which label l is displayed.

    Args:
        y: labels (n, L), NaN unknown.
        names: names of the labels; None numbers them.

    Returns:
        One row per label with ``positives``, ``known``, ``prevalence`` (positives / known), ``IRLbl``,
        ``IRLbl_prevalence`` and ``SCUMBLE``. In ``.attrs``, each over the labels with a positive: ``rows``, ``MeanIR``
        (mean of IRLbl), ``CVIR`` (standard deviation of IRLbl, with L - 1 in the denominator, over MeanIR),
        ``max_min`` (largest over smallest count), ``CV`` (standard deviation, with L in the denominator, over mean of
        the counts); and over all rows ``SCUMBLE`` (mean) and ``SCUMBLE.CV`` (standard deviation, with n - 1 in the
        denominator, over mean). What is not defined is NaN: CVIR of one label, SCUMBLE.CV where SCUMBLE is 0.
        A label without a positive has IRLbl = inf and causes a warning.

    Example:
        >>> imbalance([[1, 0], [1, 1], [0, float("nan")]])["IRLbl"].tolist()
        [1.0, 2.0]
    """
    y = check_labels(y, "y")
    labels = label_names(names, y.shape[1])
    table = imbalance_of_groups(y == 1, ~np.isnan(y), np.ones(len(y), dtype=np.int64), labels)
    if (table["positives"] == 0).any():
        never = table.index[table["positives"] == 0].tolist()
        warnings.warn(f"no positive row for {never}: left out of MeanIR, CVIR, max_min and CV", stacklevel=2)
    return table


def scumble(y: ArrayLike) -> np.ndarray:
    """Return how unequal the imbalance ratios of each row's displayed labels are (SCUMBLE, Charte et al. 2014).

    ``1 - geometric mean / arithmetic mean`` of IRLbl over the row's known positives, an Atkinson index: 0 where all
    labels of a row are equally frequent, near 1 where a rare label sits on the same row as a frequent one.

    Args:
        y: labels (n, L), NaN unknown; only known positives count.

    Returns:
        float64 (n,); 0 for a row with one displayed label or none.

    Example:
        >>> scumble([[1, 1], [1, 0], [1, float("nan")], [1, 0]]).round(3).tolist()
        [0.2, 0.0, 0.0, 0.0]
    """
    positive = check_labels(y, "y") == 1
    return _scumble(positive, positive.sum(axis=0))


def _scumble(positive: np.ndarray, counts: np.ndarray) -> np.ndarray:
    active = positive.sum(axis=1)
    several, result = active > 1, np.zeros(len(positive))
    if several.any():
        ratio = counts.max() / np.maximum(counts, 1)  # a label without positives is on no row
        rows = positive[several].astype(np.float64)
        geometric = np.exp(rows @ np.log(ratio) / active[several])
        result[several] = np.maximum(1 - geometric / (rows @ ratio / active[several]), 0)
    return result


def imbalance_of_groups(positive: np.ndarray, known: np.ndarray, size: np.ndarray, labels: list) -> pd.DataFrame:
    """Return the table of :func:`imbalance` for groups (G, L) of ``size`` (G,) equal rows each."""
    positives, knowns = size @ positive, size @ known
    per_group = _scumble(positive, positives)
    with np.errstate(divide="ignore", invalid="ignore"):
        prevalence = positives / knowns
        table = pd.DataFrame(
            {
                "positives": positives,
                "known": knowns,
                "prevalence": prevalence,
                "IRLbl": _largest(positives) / positives,
                "IRLbl_prevalence": _largest(prevalence) / prevalence,
                "SCUMBLE": (size * per_group) @ positive / positives,
            },
            index=pd.Index(labels, name="label"),
        )
    counts = positives[positives > 0]
    table.attrs = {"rows": int(size.sum()), **_of_counts(counts), **_of_rows(per_group, size)}
    return table


def _largest(values: np.ndarray) -> float:
    present = values[values > 0]  # NaN, the prevalence of a label that is never known, is not
    return present.max() if present.size else np.nan


def _of_counts(counts: np.ndarray) -> dict[str, float]:
    if not counts.size:
        return dict.fromkeys(("MeanIR", "CVIR", "max_min", "CV"), np.nan)
    ratios = counts.max() / counts
    return {
        "MeanIR": float(ratios.mean()),
        "CVIR": float(ratios.std(ddof=1) / ratios.mean()) if counts.size > 1 else np.nan,
        "max_min": float(counts.max() / counts.min()),
        "CV": float(counts.std() / counts.mean()),
    }


def _of_rows(values: np.ndarray, size: np.ndarray) -> dict[str, float]:
    rows = size.sum()
    mean = float(size @ values / rows) if rows else np.nan
    deviation = np.sqrt(size @ (values - mean) ** 2 / (rows - 1)) if rows > 1 else np.nan
    return {"SCUMBLE": mean, "SCUMBLE.CV": float(deviation / mean) if mean > 0 else np.nan}


def label_names(names: Sequence[str] | None, labels: int) -> list:
    chosen = list(range(labels)) if names is None else list(names)
    if len(chosen) != labels:
        raise SettingsError(f"{len(chosen)} names for {labels} labels; give one name per column of y")
    return chosen
