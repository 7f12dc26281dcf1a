"""Intervals of AUC and average precision: people drawn, both scores with their slopes by the weight of each row."""

from __future__ import annotations

import numpy as np

from aulib.evaluation import _intervals


def ranking_limits(y: np.ndarray, p: np.ndarray, person: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """95 % limits (2, 2, L): of AUC, then of average precision; NaN where fewer than MIN_PEOPLE display the label."""
    limits = [_limits_of_label(y[:, j], p[:, j], person, samples, seed) for j in range(y.shape[1])]
    return np.stack(limits, axis=-1).transpose(1, 0, 2)


def _limits_of_label(y: np.ndarray, p: np.ndarray, person: np.ndarray, samples: int, seed: int) -> np.ndarray:
    known = np.flatnonzero(~np.isnan(y))
    order = known[np.argsort(-p[known], kind="stable")]
    displayed, who = y[order] == 1, person[order]
    if np.unique(who[displayed]).size < _intervals.MIN_PEOPLE:
        return np.full((2, 2), np.nan)
    ends = np.append(np.flatnonzero(np.diff(p[order])), order.size - 1)  # tied probabilities enter together
    by_person = np.argsort(who, kind="stable")
    present, starts = np.unique(who[by_person], return_index=True)

    def score_and_error(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of_row = weights[:, who]
        scores, slopes = ranking_slopes(of_row * displayed, of_row * ~displayed, displayed, ends)
        influence = np.add.reduceat(slopes[..., by_person], starts, axis=2)  # (2, B, persons present)
        return scores.T, np.sqrt(np.einsum("sbp,bp->bs", influence**2, weights[:, present]))

    return _intervals.limits_on_logit(score_and_error, person.max() + 1, 8 * order.size, samples, seed)


def ranking_slopes(found: np.ndarray, false: np.ndarray, displayed: np.ndarray, ends: np.ndarray):
    """AUC and average precision (2, B) of weighted rows, and their slopes by the weight of each row (2, B, n).

    Args:
        found: weights of the displayed rows, 0 elsewhere, from the highest probability to the lowest, (B, n).
        false: weights of the others, 0 elsewhere.
        displayed: which rows are displayed, (n,).
        ends: positions of the last row of each group of tied probabilities.
    """
    group = np.searchsorted(ends, np.arange(displayed.size))
    tp, fp = np.cumsum(found, axis=1)[:, ends], np.cumsum(false, axis=1)[:, ends]
    with np.errstate(divide="ignore", invalid="ignore"):  # draws without one of the classes give NaN
        auc, of_auc = _auc(tp, fp, displayed, group)
        ap, of_ap = _average_precision(tp, fp, displayed, group)
    return np.stack([auc, ap]), np.stack([of_auc, of_ap])


def _auc(tp: np.ndarray, fp: np.ndarray, displayed: np.ndarray, group: np.ndarray):
    """A displayed row adds the share of the others below it, another row the share of the displayed above it."""
    all_tp, all_fp = tp[:, -1:], fp[:, -1:]
    below = 1 - (fp + _before(fp)) / (2 * all_fp)
    above = (tp + _before(tp)) / (2 * all_tp)
    auc = (np.diff(tp, axis=1, prepend=0.0) * below).sum(axis=1) / all_tp[:, 0]
    slopes = np.where(displayed, (below[:, group] - auc[:, None]) / all_tp, (above[:, group] - auc[:, None]) / all_fp)
    return auc, slopes


def _average_precision(tp: np.ndarray, fp: np.ndarray, displayed: np.ndarray, group: np.ndarray):
    """A row changes its own term of the sum and the precision at its place and at all places below."""
    seen = np.where(tp + fp > 0, tp + fp, 1.0)
    gained = np.diff(tp, axis=1, prepend=0.0)
    ap = (gained * tp / seen).sum(axis=1) / tp[:, -1]
    more = _from_here(gained * fp / seen**2)
    less = -_from_here(gained * tp / seen**2)
    own = tp / seen + more - ap[:, None]
    return ap, np.where(displayed, own[:, group], less[:, group]) / tp[:, -1:]


def _before(cumulated: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(cumulated), 1)), cumulated[:, :-1]], axis=1)


def _from_here(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
