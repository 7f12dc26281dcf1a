"""Metrics on the known cells of incomplete labels: NumPy functions, and Keras metrics that are loaded when asked for.

Every function takes ``y_true`` of shape (n, L) with 1 displayed, 0 not displayed and NaN unknown, and ``y_prob`` of
the same shape with probabilities. Counts are pooled over all samples; no metric is a mean over batches.
"""

from __future__ import annotations

from aulib.metrics._arrays import (
    Counts,
    accuracy_from_counts,
    accuracy_macro,
    accuracy_per_label,
    accuracy_pooled,
    always_positive_f1,
    balanced_accuracy_per_label,
    check_labels,
    count,
    f1_from_counts,
    f1_macro,
    f1_micro,
    f1_per_label,
    f1_weighted,
    fbeta_per_label,
    labels_averaged,
    mean_of_labels,
    precision_per_label,
    prevalence,
    recall_per_label,
    selection_score,
)
from aulib.metrics._challenges import abaw2020_score, emotionet_score
from aulib.metrics._ranking import average_precision_per_label, roc_auc_per_label

_KERAS = ("MaskedAccuracy", "MaskedF1Score", "SelectionScore")

__all__ = [
    "Counts",
    "abaw2020_score",
    "accuracy_from_counts",
    "accuracy_macro",
    "accuracy_per_label",
    "accuracy_pooled",
    "always_positive_f1",
    "average_precision_per_label",
    "balanced_accuracy_per_label",
    "check_labels",
    "count",
    "emotionet_score",
    "f1_from_counts",
    "f1_macro",
    "f1_micro",
    "f1_per_label",
    "f1_weighted",
    "fbeta_per_label",
    "labels_averaged",
    "mean_of_labels",
    "precision_per_label",
    "prevalence",
    "recall_per_label",
    "roc_auc_per_label",
    "selection_score",
    *_KERAS,
]


def __getattr__(name: str):
    # The Keras classes live apart so that the NumPy functions work where Keras is not installed.
    if name not in _KERAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aulib.metrics import _keras

    return getattr(_keras, name)
