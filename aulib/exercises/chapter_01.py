"""Exercises of chapter 1: from six datasets to one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from aulib import database, facs
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "1.1",
    level="easy",
    expects="the name of a dataset",
    hint="Which number says how many nearly equal images a random split would put on both sides? Sort summary by it.",
)
def most_flattered(answer: object, *, db: pd.DataFrame) -> str:
    """The dataset that gains most from a random split: the one with most images per person."""
    table = database.describe(db)
    each = table["images_per_person"]
    known = {
        each.idxmin(): "It has the fewest images per person: a random split is nearly a split by person there.",
        table["people"].idxmax(): "It has the most people, so its images differ most.",
        table["images"].idxmax(): "It has the most images, but what counts is how many each person has.",
    }
    right = each.index[each == each.max()]
    found = compare.name(answer, right, table.index, known, "a dataset")
    return f"{each[found]:.0f} images a person: split at random, most of those beside a test image are in training."


@exercise(
    "1.2",
    level="easy",
    expects="a number of rows",
    hint="Compare with 0 what must be known to be absent, and look at what pandas makes of <NA> == 0.",
)
def smile_without_cheeks(answer: object, *, db: pd.DataFrame) -> str:
    """Rows on which AU12 is displayed and AU06 is known not to be."""
    smile, cheeks = (db[au].to_numpy(dtype=float, na_value=np.nan) for au in ("AU12", "AU06"))
    shown, absent, unknown = smile == 1, cheeks == 0, np.isnan(cheeks)
    known = compare.causes(
        ((shown & (absent | unknown)).sum(), "rows on which AU06 is unknown are among them. Unknown is not absent."),
        ((shown & unknown).sum(), "on these rows AU06 is unknown; nobody said that it is absent."),
        (shown.sum(), "these are all rows with AU12, with and without AU06."),
        (absent.sum(), "these are all rows without AU06, with and without AU12."),
    )
    right = int((shown & absent).sum())
    compare.number(answer, right, known=known, what="the number of such rows")
    return f"On {int((shown & unknown).sum())} more rows with AU12 nobody looked for AU06; they say nothing about it."


@exercise(
    "1.3",
    level="medium",
    expects="a function of a list of codes that returns labels",
    hint="An array of whole numbers cannot hold NaN: make it floating-point. What about codes you do not expect?",
)
def labels_of_codes(answer: object) -> str:
    """BP4D's codes as labels: 0, 1, NaN for 9, and an error for anything else."""
    cases = [([0, 1, 1, 0],), ([1, 9, 0],), (np.array([9, 9]),), ([],)]
    reasons = [
        None,
        "The code 9 means that nobody looked: it is neither 0 nor 1.",
        "The codes may come as an array of whole numbers, and all may be unknown.",
        "A file without rows has no labels, and that is no error.",
    ]

    def reference(codes: Sequence[int]) -> list[float]:
        return [np.nan if code == 9 else float(code) for code in codes]

    compare.function(answer, reference, cases, reasons=reasons)
    _require_refusal(answer, [0, 7], "7")
    return "Three states come out, and what nobody documented stops the reader instead of becoming a label."


def _require_refusal(function: Callable, argument: list, value: str) -> None:
    try:
        result = function(list(argument))
    except Exception as error:  # any error is a refusal, if it says what it refuses
        if value in str(error):
            return
        raise WrongError(f"{argument} is refused, but the error does not name the value {value}: {error}") from None
    raise WrongError(
        f"{argument} gives {compare._short(result)}. Nobody has documented {value}: raise a ValueError that names it."
    )


@exercise(
    "1.4",
    level="medium",
    expects="a number from 0 to 1",
    hint="Take one dataset. Which action units does it know on some row? Which of its rows know all of these?",
)
def lost_with_holes(answer: object, *, db: pd.DataFrame) -> str:
    """Share of the known labels that goes when rows with a hole among their dataset's action units are dropped."""
    aus = [au for au in facs.ALL if au in db.columns]
    parts = [part[aus].notna().to_numpy() for _, part in db.groupby("dataset")]
    dropped = [~part[:, part.any(axis=0)].all(axis=1) for part in parts]
    total = sum(part.sum() for part in parts)
    lost = [part[rows].sum() for part, rows in zip(parts, dropped, strict=True)]
    holes = sum(part[~part.all(axis=1)].sum() for part in parts)
    of_each = [gone / part.sum() for gone, part in zip(lost, parts, strict=True)]
    known = {
        sum(rows.sum() for rows in dropped) / len(db): "it is the share of the rows; each has its number of labels.",
        holes / total: "a row counts as one with a hole although its dataset never looks for what is missing. Compare "
        "with the action units that the row's own dataset knows.",
        np.mean(of_each): "it is the mean of the datasets' shares; add up the labels of all datasets first.",
        1 - sum(lost) / total: "it is the share that is kept.",
    }
    found = compare.number(answer, sum(lost) / total, known=known, what="the share of known labels that is lost")
    return f"{found:.1%} of all labels would go for the sake of single holes. A mask loses none of them."


@exercise(
    "1.5",
    level="hard",
    expects="a function of listed, coded and asked that returns labels",
    hint="Decide for one action unit at a time, and ask first whether it is listed at all.",
)
def labels_of_list(answer: object) -> str:
    """Labels from a list of observed action units, as CK+ and UNBC write them."""
    cases = [
        ({7: 5}, {7, 12}, [7, 12]),
        ({7: 5}, {7}, [7, 44]),
        ({4: 0}, {4, 7}, [4]),
        ({}, {4, 7}, [4, 7]),
        ({44: 3}, {4}, [44, 4]),
        ({4: 2, 7: 0}, {4, 7, 12}, [12, 7, 4, 51]),
    ]
    reasons = [
        "An action unit that was looked for and is not listed is absent.",
        "Nobody looked for 44, so not being listed says nothing: unknown.",
        "An intensity of 0 says present, intensity not given.",
        "An empty list is an answer: nothing was seen of what was looked for.",
        "What is listed was seen, whether somebody had promised to look for it or not.",
        "The labels come in the order in which they are asked for.",
    ]

    def reference(listed: Mapping[int, int], coded: Iterable[int], asked: Sequence[int]) -> list[float]:
        states = {number: 0.0 for number in coded} | {number: 1.0 for number in listed}
        return [states.get(number, np.nan) for number in asked]

    compare.function(answer, reference, cases, reasons=reasons)
    return "Whether a missing entry is 0 or unknown stands outside of the file, in the list of what was looked for."
