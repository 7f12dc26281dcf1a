"""Exercises of chapter 9: ready-made metrics and losses on labels with holes."""

from __future__ import annotations

import numpy as np

from aulib import metrics
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "9.1",
    level="easy",
    expects="two lists of five numbers: labels (1, 0 or -1) and probabilities",
    hint="Write down what an unknown cell adds to TP, FP and FN when it is predicted, and when it is not.",
)
def negative_f1(labels: object, probabilities: object) -> str:
    """A column of five labels on which Keras's F1 is negative."""
    y, p = (compare_five(value, what) for value, what in ((labels, "labels"), (probabilities, "probabilities")))
    if not set(y) <= {-1.0, 0.0, 1.0} or -1 not in y:
        raise WrongError("Labels are 1, 0 and -1, and at least one is -1.")
    if p.min() < 0 or p.max() > 1:
        raise WrongError("Probabilities lie between 0 and 1.")
    says = p > 0.5
    tp, fp, fn = (y * says).sum(), ((1 - y) * says).sum(), (y * ~says).sum()
    f1 = 2 * tp / (2 * tp + fp + fn + 1e-7)
    if f1 >= 0:
        raise WrongError(f"Keras's sums are TP {tp:g}, FP {fp:g}, FN {fn:g}, and F1 is {f1:.2f}. TP must be below 0.")
    return f"TP is {tp:g}: a count below zero. Nothing in the training log would have said so."


def compare_five(value: object, what: str) -> np.ndarray:
    """Return five finite numbers of an answer."""
    try:
        found = np.asarray(value, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        raise WrongError(f"Expected the {what} as five numbers.") from None
    if found.size != 5 or not np.isfinite(found).all():
        raise WrongError(f"Expected the {what} as five numbers, found {found.size}.")
    return found


@exercise(
    "9.2",
    level="medium",
    expects="a function of y_true (with -1 for unknown) and y_pred (0 or 1) that returns the macro F1",
    hint="y_true != -1 picks cells of all labels into one long vector. Pick the rows of one label at a time.",
    bug=True,
)
def one_long_vector(answer: object) -> str:
    """A macro F1 that pools all labels into one vector."""
    rng = np.random.default_rng(5)
    y = (rng.random((60, 3)) < [0.6, 0.2, 0.4]).astype(int)
    y[rng.random(y.shape) < [0.0, 0.7, 0.3]] = -1
    says = np.where(rng.random(y.shape) < 0.3, 1 - (y == 1), y == 1).astype(int)

    def macro(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return metrics.f1_macro(np.where(y_true == -1, np.nan, y_true), y_pred)

    reasons = ["This case has one label.", "Cells of all labels in one vector give the micro F1: go label by label."]
    compare.function(answer, macro, [(y[:, :1], says[:, :1]), (y, says)], reasons=reasons)
    return "For the macro F1 the rule has to be applied to each label alone, as the paper says."


@exercise(
    "9.3",
    level="medium",
    expects="a function of one column of labels (NaN unknown) and probabilities that returns the F1 by keras_f1",
    hint="Keras takes one weight per row. With a single label a row is a cell; shapes are `(rows, 1)` and `(rows,)`.",
)
def keras_for_one_label(answer: object) -> str:
    """Keras's F1 made right for one label by weights per row."""
    rng = np.random.default_rng(2)
    y = (rng.random(40) < 0.4).astype("float32")
    y[rng.random(40) < 0.5] = np.nan
    p = rng.random(40).astype("float32")
    complete = np.nan_to_num(y)
    reasons = ["Here every cell is known.", "Unknown cells count as not displayed; give them the weight 0."]
    compare.function(answer, lambda y, p: metrics.f1_per_label(y[:, None], p[:, None])[0], [(complete, p), (y, p)],
                     reasons=reasons)  # fmt: skip
    return "One label at a time, weights per row are weights per cell, and Keras is right."


@exercise(
    "9.4",
    level="hard",
    expects="a function of the prevalence and the unknown share that returns the F1 that Keras's sums give",
    hint="A predicted cell adds y to TP and `1 - y` to FP; a cell not predicted adds y to FN. Put in `y = 0.5`.",
)
def halfway(answer: object) -> str:
    """F1 of a faultless detector when unknown is written as 0.5 and never predicted."""

    def by_sums(prevalence: float, unknown: float) -> float:
        n = 10_000
        y = np.concatenate([np.full(round(n * unknown), 0.5), np.zeros(n - round(n * unknown))])
        y[n - round(n * (1 - unknown) * prevalence) :] = 1
        says = y == 1
        return 2 * (y * says).sum() / (2 * (y * says).sum() + ((1 - y) * says).sum() + (y * ~says).sum())

    cases = [(0.3, 0.0), (0.3, 0.5), (0.1, 0.8)]
    reasons = [
        "Nothing is unknown here, and the detector is without fault.",
        "Each hole adds half a false negative.",
        None,
    ]
    compare.function(answer, by_sums, cases, tolerance=1e-3, reasons=reasons)
    return "A plausible number between 0 and 1, and wrong: harder to notice than -1. aulib refuses both."
