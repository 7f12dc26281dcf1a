"""Exercises of chapter 13: pictures of one's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "13.1",
    level="easy",
    expects="one of upper, middle and lower",
    hint="`np.array_split(the map, 3)` cuts it from top to bottom; compare the means of the three parts.",
)
def where_it_falls_most(answer: object, *, looks: np.ndarray) -> str:
    """The third of the face that an action unit's probability depends on most."""
    parts = ("upper", "middle", "lower")
    found = str(answer).strip().lower()
    if found not in parts:
        raise WrongError(f"Expected one of {', '.join(parts)}, found {answer!r}.")
    means = [float(part.mean()) for part in np.array_split(np.asarray(looks, dtype=float), 3)]
    if found != parts[int(np.argmax(means))]:
        smallest = parts[int(np.argmin(means))]
        why = "there the probability falls least" if found == smallest else "another third has a larger mean"
        raise WrongError(f"Not {found}: {why}. The map holds how far the probability falls, so look for the largest.")
    return "If this is not where the muscle acts, the model may use what often goes along with the action unit."


@exercise(
    "13.2",
    level="medium",
    expects="the code of an action unit, as AU12",
    hint="Subtract the two columns of probabilities, take absolute values, and find where they are largest.",
)
def most_changed(answer: object, *, answers: Mapping[str, pd.DataFrame]) -> str:
    """The action unit whose probability changes most between the cut face and the whole picture."""
    face, whole = (answers[way].set_index("au")["probability"] for way in ("face", "whole picture"))
    change = whole - face
    right = change.abs().idxmax()
    found = str(answer).strip().upper()
    if found not in change.index:
        raise WrongError(f"Expected one of {', '.join(change.index)}, found {answer!r}.")
    if found != right:
        side = "It rises most, but another falls further. " if found == change.idxmax() else ""
        raise WrongError(f"{side}{found} changes by {change[found]:+.3f}; another changes by more.")
    return f"It changes by {change[right]:+.3f}, and nothing about the person has changed."


@exercise(
    "13.3",
    level="hard",
    expects="a function of size, patch and stride that returns the number of pixels that no patch covers",
    hint="On a line first: patches start at 0, stride, 2 stride ... as long as they fit. Which pixels do they touch?",
)
def uncovered(answer: object) -> str:
    """Pixels of a square picture that no patch covers when patches may not hang over the border."""

    def brute_force(size: int, patch: int, stride: int) -> int:
        hit = np.zeros((size, size), dtype=bool)
        for row in range(0, size - patch + 1, stride):
            for column in range(0, size - patch + 1, stride):
                hit[row : row + patch, column : column + patch] = True
        return int((~hit).sum())

    cases = [(8, 4, 4), (10, 4, 4), (9, 2, 3), (6, 6, 1)]
    reasons = ["Here the patches fit exactly.", "Two columns and two rows are left, and they cross.",
               "Steps wider than the patch leave gaps.", "One patch covers all."]  # fmt: skip
    compare.function(answer, brute_force, cases, reasons=reasons)
    return (
        "The library lets patches hang over the border and refuses steps wider than the patch, so nothing is left out."
    )
