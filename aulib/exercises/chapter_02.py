"""Exercises of chapter 2: holes in the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import database, missingness
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "2.1",
    level="easy",
    expects="a number from 0 to 1",
    hint="A prevalence is a share. Of which cells can we say whether they are displayed?",
)
def honest_prevalence(answer: object, *, counts: pd.Series) -> str:
    """Displayed over known labels of one action unit."""
    displayed, absent, unknown = (float(counts[name]) for name in ("displayed", "not_displayed", "unknown"))
    right, low = displayed / (displayed + absent), displayed / counts.sum()
    known = {
        low: "unknown cells were counted as not displayed. Divide by the known cells only.",
        (displayed + unknown) / counts.sum(): "unknown cells were counted as displayed.",
        displayed / max(absent, 1): "it divides by the not displayed cells; these are odds.",
    }
    compare.number(answer, right, known=known, what="the prevalence")
    return f"With zeros for unknown it would seem to be {low:.3f}, and a loss would believe it."


@exercise(
    "2.2",
    level="medium",
    expects="the name of a dataset",
    hint="`db[db['dataset'] != name]` leaves one dataset out. Compare the missing rate of what is left with `rate`.",
)
def heaviest_dataset(answer: object, *, db: pd.DataFrame) -> str:
    """The dataset without which the missing rate changes most."""
    counts = missingness.label_counts(db, by="dataset")
    cells = counts.sum(axis=1).groupby(level="dataset").sum()
    unknown = counts["unknown"].groupby(level="dataset").sum()
    rate = unknown.sum() / cells.sum()
    rest = (unknown.sum() - unknown) / (cells.sum() - cells).replace(0, np.nan)
    change = (rest - rate).abs().fillna(0)
    own = (unknown / cells - rate).abs()
    known = {
        own.idxmax(): "Its own rate is furthest from the whole, but it is too small to move it most.",
        cells.idxmax(): "It has the most rows, but its own rate is nearer to that of the whole.",
    }
    found = compare.name(answer, change.index[np.isclose(change, change.max())], change.index, known, "a dataset")
    move = "rises" if rest[found] > rate else "falls"
    return f"Without {found} the rate {move} most. A missing rate describes a mixture; report the parts beside it."


@exercise(
    "2.3",
    level="medium",
    expects="two numbers: a threshold, and a missing rate from 0 to 1",
    hint="Sort `counts['displayed']` in falling order. Between which two of its numbers must the threshold lie?",
)
def five_left(threshold: object, rate: object, *, db: pd.DataFrame) -> str:
    """A threshold that leaves five action units, and the missing rate of the selected table."""
    displayed = missingness.label_counts(db)["displayed"].sort_values(ascending=False)
    limit = compare.number(threshold, 0, tolerance=np.inf, what="the threshold")
    five = displayed.index[displayed > displayed.iloc[5]]  # fewer than five if two are equal there
    left = displayed.index[displayed >= limit]
    if list(left) != list(five):
        raise WrongError(f"With the threshold {limit:g}, {len(left)} action units are left, not {len(five)}.")
    right = missingness.missing_rate(database.select(db, aus=list(five)))
    known = {
        missingness.missing_rate(db, list(five)): "rows that know none of the five are still counted. database.select "
        "leaves them out.",
        missingness.missing_rate(db): "this is the rate of all action units.",
        1 - right: "this is the share of known cells.",
    }
    compare.number(rate, right, known=known, what="the missing rate of the selected table")
    return f"{', '.join(five)} are left, with {right:.1%} unknown: what many datasets look for is counted most often."


@exercise(
    "2.4",
    level="medium",
    expects="a number: displayed action units a row",
    hint="The expected value of a sum is the sum of the expected values: one summand for each action unit.",
)
def expected_cardinality(answer: object, *, table: pd.DataFrame, aus: Sequence[str]) -> str:
    """The cardinality if unknown cells are displayed as often as the known ones of the same action unit."""
    counts = missingness.label_counts(table, aus)
    displayed, unknown = counts["displayed"], counts["unknown"]
    known_cells = displayed + counts["not_displayed"]
    each = displayed / known_cells
    lower, upper = displayed.sum() / len(table), (displayed + unknown).sum() / len(table)
    known = {
        lower: "this is the lower bound, with every unknown cell not displayed.",
        upper: "this is the upper bound, with every unknown cell displayed.",
        each.mean(): "this is the mean of the prevalences; a row has all the action units, so add them up.",
        len(aus) * displayed.sum() / known_cells.sum(): "all action units were given one prevalence. Each has its own, "
        "and its own number of unknown cells.",
    }
    found = compare.number(answer, each.sum(), known=known, what="the cardinality under this assumption")
    return f"{found:.2f} lies between {lower:.2f} and {upper:.2f}. Where in between is an assumption, no measurement."


@exercise(
    "2.5",
    level="hard",
    expects="the name of a dataset",
    hint="Leave out one dataset at a time, and count the zeros of `missingness.co_annotation(..., count='datasets')`.",
)
def only_witness(answer: object, *, db: pd.DataFrame) -> str:
    """The dataset without which most pairs of action units are coded together nowhere."""
    groups = db.groupby("dataset")
    pairs = {name: missingness.co_annotation(part).to_numpy() > 0 for name, part in groups}
    seen = sum(pair.astype(int) for pair in pairs.values())
    alone = pd.Series({name: int(np.triu(pair & (seen == 1), k=1).sum()) for name, pair in pairs.items()})
    coded = pd.Series({name: int(np.trace(pair)) for name, pair in pairs.items()})
    known = {
        coded.idxmax(): "It knows the most action units. What counts is which of its pairs nobody else knows.",
        groups.size().idxmax(): "It has the most rows, but one row is enough to know a pair.",
    }
    found = compare.name(answer, alone.index[alone == alone.max()], alone.index, known, "a dataset")
    return f"{alone[found]} pairs are known together in {found} only; whatever is wrong there stays unnoticed."
