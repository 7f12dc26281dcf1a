"""Average precision and AUC of weighted people, for intervals of scores that need no threshold."""

from __future__ import annotations

import numpy as np

from aulib.evaluation import _intervals


def ranking_limits(y: np.ndarray, p: np.ndarray, person: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """95 % percentile limits (2, 2, L), by drawing people: of AUC, then of average precision."""
    limits = [_limits_of_label(y[:, j], p[:, j], person, samples, seed) for j in range(y.shape[1])]
    return np.stack(limits, axis=-1).transpose(1, 0, 2)


def _limits_of_label(y: np.ndarray, p: np.ndarray, person: np.ndarray, samples: int, seed: int) -> np.ndarray:
    persons, known = person.max() + 1, ~np.isnan(y)
    order = np.flatnonzero(known)[np.argsort(-p[known], kind="stable")]
    displayed, who = y[order] == 1, person[order]
    if np.unique(who[displayed]).size < _intervals.MIN_PEOPLE:
        return np.full((2, 2), np.nan)
    last = np.append(np.flatnonzero(np.diff(p[order])), order.size - 1)  # tied probabilities enter together

    def score(weights: np.ndarray) -> np.ndarray:
        of_row = weights[:, who]
        found = np.cumsum(of_row * displayed, axis=1)[:, last]
        false = np.cumsum(of_row * ~displayed, axis=1)[:, last]
        return np.stack([_auc(found, false), _average_precision(found, false)], axis=1)

    return _intervals.percentile_limits(score, persons, order.size, samples, seed)


def _auc(found: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Trapezia under the curve of cumulated weights (B, K); NaN where one class is not drawn."""
    before = np.concatenate([np.zeros((len(found), 1)), found[:, :-1]], axis=1)
    area = (np.diff(false, axis=1, prepend=0.0) * (before + found) / 2).sum(axis=1)
    whole = found[:, -1] * false[:, -1]
    return np.divide(area, whole, out=np.full(len(area), np.nan), where=whole > 0)


def _average_precision(found: np.ndarray, false: np.ndarray) -> np.ndarray:
    precision = found / np.maximum(found + false, 1)  # weights are whole numbers
    area = (np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1)
    return np.divide(area, found[:, -1], out=np.full(len(area), np.nan), where=found[:, -1] > 0)
