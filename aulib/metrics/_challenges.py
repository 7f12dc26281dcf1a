"""Scores by which two challenges of 2020 ranked detectors of action units; the paper names both for orientation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aulib.metrics._arrays import accuracy_macro, accuracy_pooled, f1_macro, fbeta_per_label, mean_of_labels


def abaw2020_score(y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan) -> float:
    """Score of the action unit track of ABAW 2020, on Aff-Wild2: ``0.5 F1 + 0.5 accuracy``.

    F1 is the unweighted mean over the action units; accuracy is taken over all known cells together
    (:func:`accuracy_pooled`), not per action unit as in the paper's Eq. 1c. The formula is that of the evaluation code
    which several participants published (Deng et al. 2020, ``AU_metric``); of the organizers' own text (Kollias et al.
    2020, arXiv 2001.11409) only the abstract was at hand. The action units were 1, 2, 4, 6, 12, 15, 20 and 25.

    Args:
        y_true: labels (n, L); NaN, in Aff-Wild2's files -1, is unknown and counts nowhere.
        y_prob: probabilities (n, L).
        threshold: a cell is positive where ``y_prob >= threshold``.
        undefined: F1 of a label with TP + FP + FN = 0. The published code rests on scikit-learn, which counts 0.0.

    Example:
        >>> y = [[1, 0], [0, float("nan")], [1, 1], [0, 0]]
        >>> p = [[0.9, 0.1], [0.6, 0.9], [0.8, 0.7], [0.2, 0.3]]
        >>> round(abaw2020_score(y, p), 3)
        0.879
    """
    return (f1_macro(y_true, y_prob, threshold, undefined) + accuracy_pooled(y_true, y_prob, threshold)) / 2


def emotionet_score(
    y_true: ArrayLike, y_prob: ArrayLike, threshold: float = 0.5, undefined: float = np.nan, beta: float = 1.0
) -> float:
    """Score of the EmotioNet challenges: mean of the mean accuracy and the mean F-beta of the action units.

    What is certain: the organizers' pages (2017, 2018, 2020) name accuracy per action unit and F-scores as the two
    criteria, and rank by the means over action units. What rests on others: that one number is made of them by
    averaging the two means, with F1, is what a participant of 2020 reports (Werner et al. 2020); that the edition of
    2017 used F-beta with beta 0.5, 1 and 2 was not verified at its source. Nor do the pages say what an undefined
    F-score counts.

    With ``beta=1`` this is the same number as :func:`selection_score`, by which the paper selects its models.

    Args:
        y_true: labels (n, L); NaN, in EmotioNet's files 999, is unknown and counts nowhere.
        y_prob: probabilities (n, L).
        threshold: a cell is positive where ``y_prob >= threshold``.
        undefined: F-beta of a label with TP + FP + FN = 0, see :func:`f1_per_label`.
        beta: see :func:`fbeta_per_label`.

    Example:
        >>> y, p = [[1, 0], [0, 0], [1, 1]], [[0.9, 0.1], [0.6, 0.2], [0.8, 0.7]]
        >>> [round(emotionet_score(y, p, beta=beta), 3) for beta in (0.5, 1, 2)]
        [0.845, 0.867, 0.894]
    """
    f = mean_of_labels(fbeta_per_label(y_true, y_prob, beta, threshold, undefined))
    return (f + accuracy_macro(y_true, y_prob, threshold)) / 2
