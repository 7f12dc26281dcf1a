"""Counts by person, the scores made of them, and how much each person moves each score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aulib import metrics
from aulib.errors import SettingsError

#: Row of the mean of the labels' F1.
MACRO = "F1 macro"
#: Row of the mean weighted by how often each label is displayed in the test part (Table 2).
WEIGHTED_TEST = "Weighted F1 macro (test)"
#: Row of the mean weighted by how often each label is displayed in the training part (Table 2).
WEIGHTED_TRAIN = "Weighted F1 macro (train)"
#: Row of the mean of the labels' accuracies.
ACCURACY = "Accuracy"
#: The rows below the action units in :func:`~aulib.evaluation.results_table`, in their order.
SUMMARY = (MACRO, WEIGHTED_TEST, WEIGHTED_TRAIN, ACCURACY)


def thresholds_of(threshold: float | Mapping[str, float], aus: list[str]) -> np.ndarray:
    """One threshold for each action unit, float32 like the probabilities; from one number, or from a mapping."""
    if hasattr(threshold, "keys"):
        absent = [a for a in aus if a not in threshold.keys()]
        if absent:
            raise SettingsError(f"threshold has no entry for {absent}; give one number, or one for each action unit")
        threshold = [threshold[a] for a in aus]
    values = np.broadcast_to(np.asarray(threshold, dtype=np.float32), len(aus))
    if not ((values >= 0) & (values <= 1)).all():
        raise SettingsError(f"threshold is {threshold}; give a probability from 0 to 1")
    return values


def count(y: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> metrics.Counts:
    """Count the four kinds of known cells per label; arrays (L,)."""
    return metrics.Counts(*(c.sum(axis=0).astype(np.float64) for c in _cells(y, p, thresholds)))


def count_by_person(y: np.ndarray, p: np.ndarray, thresholds: np.ndarray, person: np.ndarray) -> metrics.Counts:
    """Count the four kinds of known cells per person and label; arrays (P, L), persons numbered from 0."""
    persons = person.max() + 1
    return metrics.Counts(*(sum_by(c, person, persons) for c in _cells(y, p, thresholds)))


def pooled(counts: metrics.Counts) -> metrics.Counts:
    """Sums (L,) of counts by person (P, L)."""
    return metrics.Counts(*(c.sum(axis=0) for c in counts))


def sum_by(cells: np.ndarray, person: np.ndarray, persons: int) -> np.ndarray:
    """Sums (P, L) over the rows of each person."""
    return np.stack([np.bincount(person, weights=c, minlength=persons) for c in cells.T], axis=1)


def _cells(y: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, ...]:
    positive, displayed, absent = p >= thresholds, y == 1, y == 0
    return displayed & positive, absent & positive, displayed & ~positive, absent & ~positive


def summary(counts: metrics.Counts, train: np.ndarray) -> np.ndarray:
    """Return the four summary scores of counts (..., L), in the order of SUMMARY, shape (..., 4)."""
    f1, accuracy = metrics.f1_from_counts(counts), metrics.accuracy_from_counts(counts)
    means = [metrics.mean_of_labels(f1, w) for w in (None, counts.tp + counts.fn, train)]
    return np.stack([*means, metrics.mean_of_labels(accuracy)], axis=-1)


def scores(counts: metrics.Counts, train: np.ndarray) -> np.ndarray:
    """Return F1 of each label and the four summary scores of counts (..., L), shape (..., L + 4)."""
    return np.concatenate([metrics.f1_from_counts(counts), summary(counts, train)], axis=-1)


def gradients(counts: metrics.Counts, train: np.ndarray) -> np.ndarray:
    """Derivatives of :func:`scores` with respect to the counts, shape (..., L + 4, 4, L); 0 where undefined.

    A score of sums over persons moves by ``gradient @ counts of the person`` for each unit of the person's weight: the
    linearised influence, from which the standard error of the score follows.
    """
    labels = np.arange(counts.tp.shape[-1])
    f1, of_f1, of_accuracy = metrics.f1_from_counts(counts), _of_f1(counts), _of_accuracy(counts)
    result = np.zeros((*counts.tp.shape[:-1], len(labels) + 4, 4, len(labels)))
    for kind in range(4):
        result[..., labels, kind, labels] = of_f1[..., kind, :]
    positives = counts.tp + counts.fn
    for place, weights in enumerate((np.ones_like(f1), positives, np.broadcast_to(train, f1.shape)), len(labels)):
        result[..., place, :, :] = of_f1 * _shares(weights, f1)[..., None, :]
    mean = np.expand_dims(metrics.mean_of_labels(f1, positives), -1)
    moved = (f1 - mean) * _shares(positives, f1) / np.maximum(positives, 1)
    result[..., -3, ::2, :] += np.nan_to_num(moved)[..., None, :]  # the test weights are sums over persons themselves
    result[..., -1, :, :] = of_accuracy * _shares(np.ones_like(f1), metrics.accuracy_from_counts(counts))[..., None, :]
    return result


def _of_f1(c: metrics.Counts) -> np.ndarray:
    square = np.maximum(2 * c.tp + c.fp + c.fn, 1) ** 2  # counts are whole numbers; below 1 only 0 is left
    wrong = -2 * c.tp / square
    return np.stack([2 * (c.fp + c.fn) / square, wrong, wrong, np.zeros_like(wrong)], axis=-2)


def _of_accuracy(c: metrics.Counts) -> np.ndarray:
    square = np.maximum(sum(c), 1) ** 2
    right, wrong = (c.fp + c.fn) / square, -(c.tp + c.tn) / square
    return np.stack([right, wrong, wrong, right], axis=-2)


def _shares(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weights of the labels in a mean, adding up to 1 over the labels with a value; NaN weights give 0."""
    weights = np.nan_to_num(np.where(np.isnan(values), 0.0, weights))
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
