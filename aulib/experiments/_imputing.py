"""Filling unknown labels with probabilities: from the row's other labels, or from rows that look alike."""

from __future__ import annotations

import numpy as np


def from_other_labels(labels: np.ndarray) -> np.ndarray:
    """Fill each unknown cell with the probability that a logistic regression on the row's other labels gives.

    One regression per label, on the rows where it is known. The inputs are the other labels as 1, -1, and 0 for
    unknown. It stands for methods that learn which action units go together; no pixel is looked at.

    Args:
        labels: (n, L) of 1, 0 and NaN.

    Returns:
        float32 (n, L) without NaN; known cells are unchanged. A label that is known nowhere, or that is the same
        wherever it is known, gets that value, or 0.

    Example:
        >>> y = np.array([[1, 1], [0, 0]] * 20 + [[1, np.nan]])
        >>> bool(from_other_labels(y)[-1, 1] > 0.8)
        True
    """
    from sklearn.linear_model import LogisticRegression

    signs, filled = np.nan_to_num(2 * labels - 1), labels.astype(np.float32)
    for label in range(labels.shape[1]):
        known = ~np.isnan(labels[:, label])
        values = np.unique(labels[known, label])
        if known.all():
            continue
        if len(values) < 2:
            filled[~known, label] = values[0] if len(values) else 0
            continue
        others = np.delete(signs, label, axis=1)
        model = LogisticRegression(C=1.0, max_iter=500).fit(others[known], labels[known, label])
        filled[~known, label] = model.predict_proba(others[~known])[:, 1]
    return filled


def from_neighbours(x: np.ndarray, labels: np.ndarray, k: int = 15) -> np.ndarray:
    """Fill each unknown cell with the share of the k nearest rows, of those where it is known, that display it.

    Args:
        x: features (n, d); distance is Euclidean.
        labels: (n, L) of 1, 0 and NaN.
        k: neighbours; fewer where fewer rows know the label.

    Returns:
        float32 (n, L) without NaN; known cells are unchanged. A label that is known nowhere becomes 0.

    Example:
        >>> y = np.array([[1.0], [1.0], [0.0], [np.nan]])
        >>> float(from_neighbours(np.array([[0.0], [0.1], [5.0], [0.2]]), y, k=2)[3, 0])
        1.0
    """
    from sklearn.neighbors import NearestNeighbors

    filled = labels.astype(np.float32)
    for label in range(labels.shape[1]):
        known = ~np.isnan(labels[:, label])
        if known.all():
            continue
        if not known.any():
            filled[:, label] = 0
            continue
        nearest = NearestNeighbors(n_neighbors=min(k, int(known.sum()))).fit(x[known])
        places = nearest.kneighbors(x[~known], return_distance=False)
        filled[~known, label] = labels[known, label][places].mean(axis=1)
    return filled
