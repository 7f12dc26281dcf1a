"""Metrics of the paper's Eq. 1 as NumPy functions: an unknown label (NaN) counts nowhere, counts are pooled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from aulib.errors import DataError, SettingsError


class Counts(NamedTuple):
    """Cells per label, each a float64 array of shape (L,). Their sum is the number of known cells."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray


def check_labels(y: ArrayLike, name: str = "y_true") -> np.ndarray:
    """Return labels as a float array (n, L) of 0, 1 and NaN.

    Args:
        y: array, or a table of pandas' nullable integers, whose ``<NA>`` becomes NaN.
        name: what to call the array in an error message.

    Raises:
        DataError: the array is not two-dimensional or holds another value; the message gives its position.
    """
    array = y.to_numpy(dtype="float32", na_value=np.nan) if hasattr(y, "to_numpy") else np.asarray(y)
    if array.ndim != 2:
        raise DataError(f"{name} has shape {array.shape}; give a table of shape (samples, labels)")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}; labels are numbers: 0, 1, or NaN for unknown")
    wrong = ~((array == 0) | (array == 1) | np.isnan(array))
    if wrong.any():
        row, label = np.argwhere(wrong)[0]
        raise DataError(
            f"{name}[{row}, {label}] is {array[row, label]}; labels are 0, 1 or NaN (unknown). "
            "Translate a dataset's own code for unknown (9, 999, -1) to NaN first"
        )
    return array


def check_probabilities(y_prob: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return probabilities as an array of the given shape, in their own precision.

    Raises:
        DataError: another shape than the labels', NaN, or a value outside [0, 1]; the message gives its position.
    """
    array = y_prob.to_numpy(dtype="float64", na_value=np.nan) if hasattr(y_prob, "to_numpy") else np.asarray(y_prob)
    if array.shape != shape:
        raise DataError(f"y_prob has shape {array.shape}, y_true {shape}; they must be equal")
    if array.dtype.kind not in "fiub":
        raise DataError(f"y_prob has dtype {array.dtype}; probabilities are numbers from 0 to 1")
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        row, label = np.argwhere(wrong)[0]
        raise DataError(
            f"y_prob[{row}, {label}] is {array[row, label]}; probabilities lie from 0 to 1. "
            "Apply a sigmoid to raw scores first"
        )
    return array


def count(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> Counts:
    """Count true and false positives and negatives per label, on known cells only.

    Args:
        y_true: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        y_prob: probabilities (n, L); positive means ``y_prob >= threshold``.
        threshold: from 0 to 1.

    Example:
        >>> count([[1], [1], [0], [float("nan")]], [[0.9], [0.2], [0.5], [0.9]]).fp
        array([1.])
    """
    if not 0 <= threshold <= 1:
        raise SettingsError(f"threshold is {threshold}; give a probability from 0 to 1")
    y = check_labels(y_true)
    positive = check_probabilities(y_prob, y.shape) >= threshold
    displayed, absent = y == 1, y == 0
    cells = (displayed & positive, absent & positive, displayed & ~positive, absent & ~positive)
    return Counts(*(c.sum(axis=0).astype(np.float64) for c in cells))


def _ratio(part: np.ndarray, whole: np.ndarray, undefined: float) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, float(undefined)), where=whole > 0)


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean of what is defined; NaN if nothing is."""
    defined = ~np.isnan(values)
    w = np.ones(values.shape) if weights is None else weights
    total = w[defined].sum()
    return float((w[defined] * values[defined]).sum() / total) if total > 0 else float("nan")


def f1_from_counts(counts: Counts, undefined: float = np.nan) -> np.ndarray:
    """F1 = 2 TP / (2 TP + FP + FN) of counts of any shape; ``undefined`` where the denominator is 0."""
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn, undefined)


def accuracy_from_counts(counts: Counts, undefined: float = np.nan) -> np.ndarray:
    """Accuracy = (TP + TN) / known of counts of any shape; ``undefined`` where nothing is known."""
    return _ratio(counts.tp + counts.tn, sum(counts), undefined)


def f1_per_label(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> np.ndarray:
    """F1 of each label (Eq. 1a), on its known cells.

    ``F1 = 2 TP / (2 TP + FP + FN)``, the same number as ``2 P R / (P + R)`` and defined also where TP = 0.

    Args:
        y_true: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        y_prob: probabilities (n, L).
        threshold: a cell is positive where ``y_prob >= threshold``.
        undefined: value of a label without known cells or with TP + FP + FN = 0. NaN leaves the label out of a
            mean; 0.0 is scikit-learn's default and lowers the mean; 1.0 raises it.

    Returns:
        float64 array of shape (L,).

    Raises:
        DataError: shapes differ, a label is not 0, 1 or NaN, a probability is outside [0, 1].

    Example:
        >>> y = [[1, 0], [0, 0], [float("nan"), 0]]
        >>> p = [[0.9, 0.1], [0.6, 0.2], [0.9, 0.3]]
        >>> [round(float(f), 3) for f in f1_per_label(y, p)]
        [0.667, nan]
    """
    return f1_from_counts(count(y_true, y_prob, threshold), undefined)


def precision_per_label(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan
) -> np.ndarray:
    """Precision TP / (TP + FP) of each label, shape (L,); ``undefined`` where nothing is predicted positive."""
    c = count(y_true, y_prob, threshold)
    return _ratio(c.tp, c.tp + c.fp, undefined)


def recall_per_label(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan
) -> np.ndarray:
    """Recall TP / (TP + FN) of each label, shape (L,); ``undefined`` where no known cell is positive."""
    c = count(y_true, y_prob, threshold)
    return _ratio(c.tp, c.tp + c.fn, undefined)


def accuracy_per_label(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan
) -> np.ndarray:
    """Share of correct predictions among the known cells of each label, shape (L,)."""
    return accuracy_from_counts(count(y_true, y_prob, threshold), undefined)


def f1_macro(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> float:
    """Mean of the labels' F1 scores (Eq. 1b).

    The mean of F1 scores, not the F1 of mean precision and mean recall. A label whose F1 is NaN is left out;
    :func:`labels_averaged` says how many remain.

    Example:
        >>> f1_macro([[1, 0], [1, 0]], [[0.9, 0.1], [0.8, 0.2]])
        1.0
        >>> f1_macro([[1, 0], [1, 0]], [[0.9, 0.1], [0.8, 0.2]], undefined=0.0)
        0.5
    """
    return _mean(f1_per_label(y_true, y_prob, threshold, undefined))


def f1_weighted(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    threshold: float = 0.5,
    undefined: float = np.nan,
    *,
    weights: ArrayLike | None = None,
) -> float:
    """Weighted mean of the labels' F1 scores, as in the last two rows of the paper's Table 2.

    Args:
        y_true: labels (n, L), NaN unknown.
        y_prob: probabilities (n, L).
        threshold: a cell is positive where ``y_prob >= threshold``.
        undefined: see :func:`f1_per_label`.
        weights: one per label, not negative; None takes the known positives of ``y_true``. The paper also weights
            by the positives of the training part.

    Raises:
        SettingsError: the weights have another shape, or one is negative or not finite.
    """
    scores = f1_per_label(y_true, y_prob, threshold, undefined)
    if weights is None:
        weights = np.asarray(check_labels(y_true) == 1).sum(axis=0)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != scores.shape or not np.isfinite(w).all() or (w < 0).any():
        raise SettingsError(f"weights is {weights}; give {scores.size} finite numbers, none negative")
    return _mean(scores, w)


def accuracy_macro(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> float:
    """Mean over labels of the accuracy on known cells (Eq. 1c). Labels without known cells are left out."""
    return _mean(accuracy_per_label(y_true, y_prob, threshold))


def accuracy_pooled(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> float:
    """Share of correct predictions among all known cells together.

    Not Eq. 1c: here a label counts as often as it is known. The 2020 challenge on Aff-Wild2 scored like this.
    """
    c = count(y_true, y_prob, threshold)
    known = sum(c).sum()
    return float((c.tp + c.tn).sum() / known) if known else float("nan")


def selection_score(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> float:
    """Mean of macro F1 and accuracy: the paper keeps the model with the highest value (Section 3.1)."""
    counts = count(y_true, y_prob, threshold)
    return (_mean(f1_from_counts(counts, undefined)) + _mean(accuracy_from_counts(counts))) / 2


def labels_averaged(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> int:
    """Number of labels whose F1 is defined: how many :func:`f1_macro` averages with ``undefined=nan``."""
    return int((~np.isnan(f1_per_label(y_true, y_prob, threshold))).sum())


def prevalence(y_true: ArrayLike) -> np.ndarray:
    """Share of positives among the known cells of each label, shape (L,); NaN where nothing is known.

    Example:
        >>> [float(p) for p in prevalence([[1, 0], [0, float("nan")]])]
        [0.5, 0.0]
    """
    y = check_labels(y_true)
    displayed = (y == 1).sum(axis=0).astype(np.float64)
    return _ratio(displayed, displayed + (y == 0).sum(axis=0), np.nan)


def always_positive_f1(y_true: ArrayLike, undefined: float = np.nan) -> np.ndarray:
    """F1 of a detector that always says "displayed": ``2 p / (1 + p)`` with prevalence p, shape (L,).

    The honest baseline beside every F1. Lipton et al. (2014) show that no uninformed detector does better.

    Example:
        >>> [round(float(f), 3) for f in always_positive_f1([[1], [0], [0], [0]])]
        [0.4]
    """
    p = prevalence(y_true)
    return np.where(np.isnan(p), undefined, 2 * p / (1 + p))
