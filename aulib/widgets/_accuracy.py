"""Accuracy and F1 of one detector as its action unit becomes rarer."""

from __future__ import annotations

import numpy as np

from aulib import metrics
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH, Bar
from aulib.widgets._explorer import Explorer, Frame, Range

FACES = 1000


def accuracy() -> Explorer:
    """F1 against accuracy: a detector with given recall and false alarms, for a frequent or a rare action unit.

    For the classroom: leave recall and false alarms alone and make the action unit rarer. Accuracy hardly moves; F1
    collapses. Then ask at which prevalence the detector is less accurate than never saying "displayed".

    Example:
        >>> numbers = accuracy().frame(prevalence=0.02, recall=0.0, alarms=0.0).numbers
        >>> numbers["accuracy"], numbers["f1"]
        (0.98, 0.0)
    """
    settings = (
        Range("prevalence", "Prevalence", 0.01, 0.6, 0.01, (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5), 0.1, ".0%"),
        Range("recall", "Recall, of the displayed", 0.0, 1.0, 0.05, (0.0, 0.5, 0.9), 0.9, ".0%"),
        Range("alarms", "False alarms, of the others", 0.0, 1.0, 0.01, (0.02, 0.2), 0.2, ".0%"),
    )
    return Explorer("accuracy", "Accuracy and F1 of a rare action unit", settings, frame, f"{FACES:,} imagined faces")


def frame(prevalence: float, recall: float, alarms: float) -> Frame:
    """Counts of :data:`FACES` faces, rounded to whole faces, and the scores that follow from them."""
    displayed = round(FACES * prevalence)
    tp, fp = round(recall * displayed), round(alarms * (FACES - displayed))
    cells = (tp, fp, displayed - tp, FACES - displayed - fp)
    counts = metrics.Counts(*(np.array([n], dtype=float) for n in cells))
    numbers = dict(zip(metrics.Counts._fields, cells, strict=True)) | {
        "accuracy": float(metrics.accuracy_from_counts(counts)[0]),
        "f1": float(metrics.f1_from_counts(counts)[0]),
        "always_no": 1 - displayed / FACES,
        "always_yes": 2 * displayed / (FACES + displayed),
    }
    alt = _alt(numbers)
    return Frame(_picture(numbers, alt), alt, _message(numbers), numbers)


def _alt(n: dict) -> str:
    return (
        f"A bar of {FACES:,} faces: {n['tp']} found, {n['fn']} missed, {n['fp']} false alarms, {n['tn']} rightly left "
        f"alone. Accuracy {n['accuracy']:.3f}, always no {n['always_no']:.3f}; F1 {n['f1']:.3f}, always yes "
        f"{n['always_yes']:.3f}."
    )


def _message(n: dict) -> str:
    verdict = [
        f"{'beats' if n[score] > n[blind] else 'does not beat'} always {word} ({n[blind]:.3f})"
        for score, blind, word in (("accuracy", "always_no", "no"), ("f1", "always_yes", "yes"))
    ]
    return (
        f"Of {FACES:,} faces {n['tp'] + n['fn']} display the action unit. The detector finds {n['tp']} of them and "
        f"raises {n['fp']} false alarms: accuracy {n['accuracy']:.3f} {verdict[0]}, F1 {n['f1']:.3f} {verdict[1]}."
    )


def _picture(n: dict, alt: str) -> str:
    x = _draw.scale(0, FACES, 0, WIDTH)
    parts, left = [], 0
    for name, colour in (("tp", "blue"), ("fn", "light"), ("fp", "orange"), ("tn", "grey")):
        parts.append(_draw.rects([(x(left), 18, x(n[name]), 18)], colour))
        left += n[name]
    end = x(n["tp"] + n["fn"])
    parts.append(_draw.line([(end, 14), (end, 40)], "ink", width=2))
    parts += [_draw.text(0, 11, "displayed: found, missed"), _draw.text(WIDTH, 11, "others: false alarms, rest", "end")]
    rows = [
        Bar("accuracy", n["accuracy"], f"{n['accuracy']:.3f}", "blue", n["always_no"]),
        Bar("F1", n["f1"], f"{n['f1']:.3f}", "blue", n["always_yes"]),
    ]
    parts.append(_draw.bars(rows, 0, 1, top=56, label=70))
    parts.append(_draw.text(70, 108, "ticks: always no (accuracy), always yes (F1)"))
    return _draw.svg(114, parts, alt)
