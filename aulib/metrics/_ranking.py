"""Metrics of how well probabilities rank the samples; they need no threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aulib.metrics._arrays import check_labels, check_probabilities


def roc_auc_per_label(y_true: ArrayLike, y_prob: ArrayLike) -> np.ndarray:
    """Area under the ROC curve of each label, on its known cells.

    The probability that a displayed sample gets a higher score than one that is not displayed, ties counting half
    (the Mann-Whitney statistic). It does not depend on the prevalence.

    Args:
        y_true: labels (n, L), NaN unknown.
        y_prob: probabilities (n, L).

    Returns:
        float64 array (L,), NaN for a label without a known positive or without a known negative.

    Example:
        >>> [float(a) for a in roc_auc_per_label([[1], [0], [0], [float("nan")]], [[0.8], [0.1], [0.9], [0.0]])]
        [0.5]
    """
    return _per_label(_auc, y_true, y_prob)


def average_precision_per_label(y_true: ArrayLike, y_prob: ArrayLike) -> np.ndarray:
    """Average precision of each label, on its known cells: ``sum_k (R_k - R_(k-1)) P_k`` over distinct scores.

    Returns:
        float64 array (L,), NaN for a label without a known positive. Constant scores give the prevalence.

    Example:
        >>> [round(float(a), 3) for a in average_precision_per_label([[1], [0], [1]], [[0.8], [0.7], [0.2]])]
        [0.833]
    """
    return _per_label(_average_precision, y_true, y_prob)


def _per_label(score, y_true: ArrayLike, y_prob: ArrayLike) -> np.ndarray:
    y = check_labels(y_true)
    p = check_probabilities(y_prob, y.shape)
    known = ~np.isnan(y)
    p = p.astype(np.float64)  # scipy 1.18 ranks float32 in float32, too coarse for the ranks of many samples
    return np.array([score(y[k, j] == 1, p[k, j]) for j, k in enumerate(known.T)], dtype=np.float64)


def _auc(displayed: np.ndarray, p: np.ndarray) -> float:
    positives = int(displayed.sum())
    negatives = displayed.size - positives
    if positives == 0 or negatives == 0:
        return np.nan
    from scipy.stats import rankdata  # here, so that the losses train where scipy is not installed

    ranks = rankdata(p)[displayed].sum()
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _average_precision(displayed: np.ndarray, p: np.ndarray) -> float:
    if not displayed.any():
        return np.nan
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)  # tied scores enter together
    found = np.cumsum(displayed[order])[last]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (last + 1)).sum() / displayed.sum())
