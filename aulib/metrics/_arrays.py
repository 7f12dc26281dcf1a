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
    positive = check_probabilities(y_prob, y.shape) >= float(threshold)  # a NumPy scalar would widen float32
    displayed, absent = y == 1, y == 0
    cells = (displayed & positive, absent & positive, displayed & ~positive, absent & ~positive)
    return Counts(*(c.sum(axis=0).astype(np.float64) for c in cells))


def _ratio(part: np.ndarray, whole: np.ndarray, undefined: float) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), float(undefined)), where=whole > 0)


def mean_of_labels(values: ArrayLike, weights: ArrayLike | None = None) -> float | np.ndarray:
    """Mean over labels of a score given per label, over the labels where it is defined.

    With F1 scores as values this is the macro F1 (Eq. 1b) and, with displayed rows as weights, the weighted macro F1
    of Table 2. It serves every other score per label too: accuracy, AUC, average precision.

    Args:
        values: scores (..., L), NaN where undefined.
        weights: of the labels, shape (L,) or that of the values; none negative. None weighs all the same.

    Returns:
        A float, or an array without the last axis. NaN where no score is defined, where the weights of the defined
        ones are all 0, or where one of these weights is NaN, that is not known.

    Raises:
        SettingsError: a negative weight, or a shape that does not fit.

    Example:
        >>> mean_of_labels([0.75, float("nan"), 0.25]), mean_of_labels([0.75, float("nan"), 0.25], weights=[3, 5, 1])
        (0.5, 0.625)
        >>> from aulib.paper import TABLE_2
        >>> means = [mean_of_labels(TABLE_2["f1"], TABLE_2[column]) for column in ("test", "train")]
        >>> [round(mean, 2) for mean in (mean_of_labels(TABLE_2["f1"]), *means)]
        [0.58, 0.65, 0.61]
    """
    v = np.atleast_1d(np.asarray(values, dtype=np.float64))
    w = np.asarray(1.0 if weights is None else weights, dtype=np.float64)
    if w.shape not in ((), v.shape[-1:], v.shape) or (w < 0).any():
        raise SettingsError(f"weights is {weights}; give one number for each of {v.shape[-1]} labels, none negative")
    w = np.where(np.isnan(v), 0.0, w)
    total = w.sum(axis=-1)
    mean = _ratio((w * np.nan_to_num(v)).sum(axis=-1), total, np.nan)
    return mean if mean.ndim else float(mean)


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


def fbeta_per_label(
    y_true: ArrayLike, y_prob: ArrayLike, beta: float, threshold: float = 0.5, undefined: float = np.nan
) -> np.ndarray:
    """F-beta of each label: recall counts beta times as much as precision. Beta = 1 gives F1.

    ``F = (1 + b2) TP / ((1 + b2) TP + b2 FN + FP)`` with ``b2 = beta ** 2`` (van Rijsbergen 1979).

    Args:
        y_true: labels (n, L), NaN unknown.
        y_prob: probabilities (n, L).
        beta: above 0; 0.5 favours precision, 2 favours recall.
        threshold: a cell is positive where ``y_prob >= threshold``.
        undefined: value of a label without known cells or with TP + FP + FN = 0, see :func:`f1_per_label`.

    Returns:
        float64 array of shape (L,).

    Example:
        >>> y, p = [[1], [1], [1], [0]], [[0.9], [0.2], [0.1], [0.3]]
        >>> [round(float(fbeta_per_label(y, p, beta)[0]), 3) for beta in (0.5, 1, 2)]
        [0.714, 0.5, 0.385]
    """
    if not 0 < beta < np.inf:
        raise SettingsError(f"beta is {beta}; give a number above 0")
    c, b2 = count(y_true, y_prob, threshold), float(beta) ** 2
    found = (1 + b2) * c.tp
    return _ratio(found, found + b2 * c.fn + c.fp, undefined)


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


def balanced_accuracy_per_label(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan
) -> np.ndarray:
    """Mean of the recall of displayed and of not displayed cells of each label, shape (L,).

    A detector that always gives the same answer gets 0.5, whatever the prevalence. A label without a known positive
    or without a known negative is ``undefined``; scikit-learn would score it by the class that is there.

    Example:
        >>> y, p = [[1], [0], [0], [0]], [[0.1], [0.2], [0.3], [0.1]]
        >>> float(accuracy_per_label(y, p)[0]), float(balanced_accuracy_per_label(y, p)[0])
        (0.75, 0.5)
    """
    c = count(y_true, y_prob, threshold)
    displayed, absent = c.tp + c.fn, c.fp + c.tn
    # one quotient, so that the label is undefined where either class is missing
    return _ratio(c.tp * absent + c.tn * displayed, 2 * displayed * absent, undefined)


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
    return mean_of_labels(f1_per_label(y_true, y_prob, threshold, undefined))


def f1_micro(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> float:
    """F1 of the known cells of all labels together, as if they were one label. Not a mean; the paper does not use it.

    Example:
        >>> round(f1_micro([[1, 0], [0, 1]], [[0.9, 0.6], [0.2, 0.7]]), 3)
        0.8
    """
    c = Counts(*(cells.sum(keepdims=True) for cells in count(y_true, y_prob, threshold)))
    return float(f1_from_counts(c, undefined)[0])


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
        undefined: see :func:`f1_per_label`; also the result where no label with a weight has an F1.
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
    mean = mean_of_labels(scores, w)
    return float(undefined) if np.isnan(mean) else mean


def accuracy_macro(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> float:
    """Mean over labels of the accuracy on known cells (Eq. 1c). Labels without known cells are left out."""
    return mean_of_labels(accuracy_per_label(y_true, y_prob, threshold))


def accuracy_pooled(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5) -> float:
    """Share of correct predictions among all known cells together.

    Not Eq. 1c: here a label counts as often as it is known. See :func:`abaw2020_score` for a challenge that scored so.
    """
    c = count(y_true, y_prob, threshold)
    return float(_ratio((c.tp + c.tn).sum(), sum(c).sum(), np.nan))


def selection_score(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> float:
    """Mean of macro F1 and accuracy: the paper keeps the model with the highest value (Section 3.1)."""
    counts = count(y_true, y_prob, threshold)
    return (mean_of_labels(f1_from_counts(counts, undefined)) + mean_of_labels(accuracy_from_counts(counts))) / 2


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
