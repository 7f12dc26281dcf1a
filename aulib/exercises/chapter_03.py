"""Exercises of chapter 3: balancing labels that come in bundles."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from aulib import balancing
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "3.1",
    level="easy",
    expects="a number of groups",
    hint="`np.unique(..., axis=0)` gives the distinct rows. Is NaN equal to NaN for it?",
)
def groups_without_unknown(answer: object, *, y: np.ndarray) -> str:
    """Distinct label rows when unknown is read as 0."""
    right, three = (len(np.unique(np.nan_to_num(y, nan=value), axis=0)) for value in (0, 2))
    known = compare.causes(
        (three, "these are the groups with unknown as a third symbol."),
        (
            len(np.unique(y, axis=0)),
            "NaN is not equal to NaN, so nearly every row with an unknown cell became a group "
            "of its own. Replace NaN first.",
        ),
        (len(y), "this is the number of rows."),
    )
    compare.number(answer, right, known=known, what="the number of groups")
    return f"{three - right} groups would melt into others, and their copies would change counts of which nobody knew."


@exercise(
    "3.2",
    level="easy",
    expects="a number: largest over smallest count",
    hint="The rows are in cloned already, and `balancer.imbalance` measures them. Guess before you compute.",
)
def cloned_ratio(answer: object, *, y: np.ndarray) -> str:
    """The ratio of the counts after every row that displays the rarest label was taken twice."""
    positive = y == 1
    counts = positive.sum(axis=0)
    rarest = counts.argmin()
    after = counts + positive[positive[:, rarest]].sum(axis=0)
    before, right = counts.max() / counts.min(), after.max() / after.min()
    known = {
        before / 2: "half of the old ratio would be right if no other label sat on the cloned rows.",
        before: "this is the ratio before cloning.",
        after.max() / after[rarest]: "the rarest label of before need not be the rarest any more.",
    }
    compare.number(answer, right, known=known, what="the ratio after cloning")
    return f"{before:.2f} became {right:.2f}; half would be {before / 2:.2f}. What else is on the cloned rows grew too."


@exercise(
    "3.3",
    level="medium",
    expects="what balancer.balance returns",
    hint="Rows may only be dropped: which limit is then 1? And how small may a sample be with the usual size?",
)
def undersampled(answer: object, *, y: np.ndarray) -> str:
    """A sample that leaves rows out, repeats none, and keeps at least a fifth of each group."""
    if not isinstance(answer, balancing.Balance):
        raise WrongError("Expected what balancer.balance returns, the whole object.")
    if len(answer.multiplicity) != len(y) or len(answer.before) != y.shape[1]:
        raise WrongError(f"This is a sample of {len(answer.multiplicity):,} rows; take it of the {len(y):,} of part.")
    if answer.multiplicity.max() > 1:
        raise WrongError(f"A row is taken {answer.multiplicity.max()} times; nothing may be repeated, so mind upper.")
    right = balancing.balance(y, lower=0.2, upper=1, size=(0.2, 1))
    found, kept = answer.ratio_optimum, answer.indices.size / len(y)
    least = (answer.groups["x"] / answer.groups["n"]).min()
    if found > right.ratio_optimum * 1.001:
        limit = "size" if kept >= 0.799 else "lower"
        raise WrongError(
            f"Its best ratio is {found:.2f}; dropping more makes it smaller. {kept:.0%} of the rows are left, and at "
            f"least {least:.0%} of each group. Is {limit} still the usual one?"
        )
    if found < right.ratio_optimum * 0.999:
        raise WrongError(f"A group keeps only {least:.0%} of its rows; a fifth of each must stay. Mind lower.")
    return f"Dropping alone reaches {found:.2f} with {kept:.0%} of the rows. What was dropped is variety that is lost."


@exercise(
    "3.4",
    level="hard",
    expects="a function of a, b, both, lower and upper that returns a ratio",
    hint="Start with `both=0`. When can the two counts be made equal? If they cannot, which ends come nearest?",
)
def two_labels(answer: object) -> str:
    """The smallest ratio that two labels can reach within the limits of their three groups."""
    cases = [
        (4, 4, 0, 1, 1), (8, 2, 0, 0.5, 2), (20, 2, 0, 0.5, 2), (20, 2, 4, 0.5, 2),
        (2, 20, 4, 0.5, 2), (0, 6, 4, 0, 2), (0, 6, 4, 0.5, 2), (0, 0, 4, 0.5, 2),
    ]  # fmt: skip
    reasons = [
        None,
        "The limits let both counts become equal.",
        "The best is the fewest rows of the frequent label over the most of the rare one.",
        "Rows with both labels raise both counts alike, which brings their ratio nearer to 1: take as many as allowed.",
        "Either of the two labels may be the frequent one.",
        "With lower = 0 a group may vanish altogether.",
        "Every row with A displays B too: only the rows with B alone can be fewer.",
        "Two labels on the same rows are equally frequent in every sample.",
    ]
    compare.function(answer, _best_of_all, cases, tolerance=1e-3, reasons=reasons)
    return "Limits decide how even two labels can become; the rows that they share only move both together."


def _best_of_all(a: int, b: int, both: int, lower: float, upper: float) -> float:
    """Try every whole number of rows of each group."""
    ranges = [range(round(lower * n), round(upper * n) + 1) for n in (a, b, both)]
    counts = ((x + z, y + z) for x, y, z in product(*ranges))
    return min(max(pair) / min(pair) for pair in counts if min(pair) > 0)


@exercise(
    "3.5",
    level="hard",
    expects="a number of groups",
    hint="Take a group of 3 rows with `lower = 0.5`: what is the smallest whole number of rows to take?",
)
def between_corners(answer: object, *, groups: pd.DataFrame, lower: float, upper: float) -> str:
    """Groups of the sample that are at none of their corners: least, unchanged, most."""
    n, x = groups["n"].to_numpy(), groups["x"].to_numpy()
    least, most = np.ceil(lower * n - 1e-9), np.floor(upper * n + 1e-9)
    labels = len(groups.columns) - 2 - ("dataset" in groups.columns)

    def between(*corners: np.ndarray) -> int:
        return int(np.all([~np.isclose(x, corner) for corner in corners], axis=0).sum())

    right = between(least, n, most)
    known = compare.causes(
        (
            between(lower * n, n, upper * n),
            "lower times n need not be whole; the program's limits are rounded inwards, "
            "up for the lower and down for the upper.",
        ),
        (between(least, most), "unchanged groups are among these. The second program makes x = n a corner too."),
        (len(groups) - right, "these are the groups at a corner; the others are asked for."),
    )
    compare.number(answer, right, known=known, what="the number of groups between their corners")
    return f"Of {len(groups)} groups only {right} lie in between, beside {labels} labels: hardly anything is rounded."
