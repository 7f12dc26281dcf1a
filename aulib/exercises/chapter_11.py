"""Exercises of chapter 11: a reader of one's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise


@exercise(
    "11.1",
    level="easy",
    expects="a whole number of cells",
    hint="In the table an 8 of the files has become unknown. Count the unknown cells of the coded action units.",
)
def eights_as_displayed(answer: object, *, table: pd.DataFrame, aus: Sequence[str]) -> str:
    """Cells that "greater than zero" would wrongly call displayed."""
    cells = table[list(aus)]
    eights = float(cells.isna().to_numpy().sum())
    known = {
        float((cells == 1).to_numpy(dtype=bool, na_value=False).sum()): "these are truly displayed; count the eights.",
        float(cells.isna().any(axis=1).sum()): "these are rows with an unknown cell; count cells.",
        float(table.filter(regex=r"^AU\d\d$").isna().to_numpy().sum()): "only the coded action units have eights.",
    }
    compare.number(answer, eights, tolerance=0.4, known=known, what="the number of cells")
    return "So many made-up movements from one missing line in the facts. Strict mode stops at the first of them."


@exercise(
    "11.2",
    level="medium",
    expects="a function of an array of codes that returns labels: 1, 0 or NaN",
    hint="Start with an array full of NaN, and write 1 and 0 only where a code says so.",
)
def second_coder(answer: object) -> str:
    """Codes 0, 1, 2 (certain) and 8 (not coded) as labels."""

    def reference(codes: np.ndarray) -> np.ndarray:
        return np.select([np.isin(codes, (1, 2)), codes == 0], [1.0, 0.0], np.nan)

    reasons = ["Both 1 and 2 mean displayed.", "8 means that nobody looked: neither 0 nor 1."]
    compare.function(answer, reference, [(np.array([0, 1, 2]),), (np.array([8, 0, 2, 8]),)], reasons=reasons)
    return "The rule belongs into the notes of the facts too, where the next person will look for it."


@exercise(
    "11.3",
    level="medium",
    expects="a function of shift, films and frames that returns the number of rows without an image",
    hint="With a shift of 1 the last frame of each film points behind the end. And with 2? And backwards?",
)
def signature_of_a_shift(answer: object) -> str:
    """Rows that lose their image when frames and images are shifted against each other."""

    def brute_force(shift: int, films: int, frames: int) -> int:
        images = set(range(frames))
        return films * sum(frame + shift not in images for frame in range(frames))

    cases = [(1, 8, 30), (0, 8, 30), (-2, 8, 30), (40, 3, 30)]
    reasons = [None, "Without a shift nothing is lost.", "A shift backwards loses frames as well.",
               "A film cannot lose more frames than it has."]  # fmt: skip
    compare.function(answer, brute_force, cases, reasons=reasons)
    return "Missing images that are a multiple of the number of films: look for an off-by-one before all else."
