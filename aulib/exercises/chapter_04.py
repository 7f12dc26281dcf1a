"""Exercises of chapter 4: scores and a loss with holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aulib import metrics
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "4.1",
    level="easy",
    expects="an array of probabilities like p",
    hint="Count the false positives and the false negatives of label 0 first. F1 is 1 only when both are gone.",
)
def repaired(answer: object, *, y: np.ndarray, p: np.ndarray) -> str:
    """A copy of ``p`` with as few changes as possible that gives label 0 an F1 of 1."""
    try:
        found = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise WrongError("Expected an array of probabilities; start from p.copy().") from None
    if found.shape != p.shape:
        raise WrongError(f"Expected the shape of p, {p.shape}, found {found.shape}; start from p.copy().")
    if np.isnan(found).any() or found.min() < 0 or found.max() > 1:
        raise WrongError("A probability lies between 0 and 1, and every row has one.")
    score = metrics.f1_per_label(y, found)[0]
    if score < 1:
        raise WrongError(f"Label 0 has an F1 of {score:.3f} now; is there a false positive or a false negative left?")
    wrong = (~np.isnan(y[:, 0])) & ((p[:, 0] >= 0.5) != (y[:, 0] == 1))
    changed = int((~np.isclose(found, p)).sum())
    if changed > wrong.sum():
        raise WrongError(f"F1 is 1, but {changed} values are changed; {int(wrong.sum())} are enough.")
    return f"{changed} values had to cross the threshold: every false positive and every false negative."


@exercise(
    "4.2",
    level="medium",
    expects="a function of c and the prevalence that returns the soft F1",
    hint="Write the sums of the definition for n rows of which a share of prevalence is displayed, then divide by n.",
)
def constant_detector(answer: object) -> str:
    """The soft F1 of a detector that gives every row the same probability."""

    def brute_force(c: float, prevalence: float) -> float:
        y = np.arange(1000) < round(1000 * prevalence)
        return 2 * (c * y).sum() / (y.sum() + 1000 * c)

    cases = [(0.5, 0.5), (1.0, 0.5), (0.1, 0.2), (1.0, 0.01)]
    reasons = [None, "With c = 1 it must be the F1 of always saying yes.", None, "Try a rare label."]
    compare.function(answer, brute_force, cases, reasons=reasons)
    return "It grows with c, so c = 1 is best: a network that cannot tell faces apart learns to say yes."


@exercise(
    "4.3",
    level="easy",
    expects="a number: macro F1 with holes as 0, minus macro F1 with holes left out",
    hint="`np.nan_to_num` turns NaN into 0. Which of TP, FP and FN can then change?",
)
def holes_as_negatives(answer: object, *, y: np.ndarray, p: np.ndarray) -> str:
    """By how much the macro F1 falls when unknown is taken for not displayed."""
    filled, masked = metrics.f1_macro(np.nan_to_num(y), p), metrics.f1_macro(y, p)
    known = {
        masked - filled: "the sign is turned; subtract the masked score from the filled one.",
        filled: "this is the score with zeros; subtract the masked score.",
        masked: "this is the masked score itself.",
    }
    compare.number(answer, filled - masked, tolerance=1e-4, known=known, what="the difference")
    return "Unknown cells that are predicted displayed became false positives. The predictions are the same."


@exercise(
    "4.4",
    level="medium",
    expects="a function of a list of counts (TP, FP, FN) that returns a number",
    hint="Which of the two comes first, adding up or dividing?",
)
def pooled_f1(answer: object) -> str:
    """The F1 of a label from the counts of its batches."""
    cases = [([(3, 1, 2)],), ([(2, 0, 0), (0, 1, 0)],), ([(1, 1, 0), (0, 0, 0)],), ([(0, 0, 0), (0, 0, 0)],)]
    reasons = [
        None,
        "This is a mean over batches; add up the counts of all batches, then divide once.",
        "A batch without known cells has no F1 of its own, and adds nothing to the sums.",
        "0/0 is undefined: np.nan, which a mean can leave out. A 0 or 1 is a convention that somebody chose.",
    ]
    compare.function(answer, _f1_of_rows, cases, reasons=reasons)
    return "It does not matter how rows are cut into batches, so the score belongs to the test set and to nothing else."


def _f1_of_rows(batches: Sequence[tuple[int, int, int]]) -> float:
    """The F1 of one row for each counted cell."""
    tp, fp, fn = np.sum(batches, axis=0)
    y, p = np.repeat([1.0, 0.0, 1.0], [tp, fp, fn]), np.repeat([1.0, 1.0, 0.0], [tp, fp, fn])
    return float(metrics.f1_per_label(y[:, None], p[:, None])[0])


@exercise(
    "4.5",
    level="hard",
    expects="a function of prevalence, known and share that returns a whole number",
    hint="What is the probability that one row brings a known positive? And that n rows bring none?",
)
def smallest_batch(answer: object) -> str:
    """The smallest batch of which less than a share holds no known positive."""
    cases = [(0.5, 1.0, 0.3), (0.1, 0.5, 0.05), (0.09, 0.67, 0.01), (0.02, 0.31, 0.05)]
    reasons = [
        "A batch has whole rows, and with one row fewer the share is too large: round up.",
        "A positive helps only where it is known: both shares multiply.",
        None,
        None,
    ]
    compare.function(answer, _first_batch, cases, reasons=reasons)
    frequent, rare = (_first_batch(*case, 0.05) for case in ((0.09, 0.67), (0.02, 0.31)))
    return f"For 5 %, {frequent} rows do for this chapter's frequent label, and {rare} for the rare one."


def _first_batch(prevalence: float, known: float, share: float) -> int:
    """Make the batch larger, row by row, until few enough lack a known positive."""
    rows, none = 0, 1.0
    while none >= share:
        rows, none = rows + 1, none * (1 - prevalence * known)
    return rows
