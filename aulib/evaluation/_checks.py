"""What a prediction table must be: refusals name the rows and the values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import database, facs, metrics
from aulib.errors import DataError

_KEY = ["dataset", "image", "frame"]


def check(
    predictions: pd.DataFrame,
    aus: Sequence[str] | None = None,
    expected: pd.DataFrame | None = None,
    train_people: pd.DataFrame | None = None,
) -> None:
    """Refuse a prediction table from which no honest score can be made.

    Args:
        predictions: a prediction table.
        aus: action units to check; None takes all that have a probability column.
        expected: the rows that had to be predicted, with ``dataset`` and ``image`` (and ``frame`` where both tables
            have it). Each must occur once, and no other: a detector must not be scored on the easy images only.
        train_people: rows that were learned from, with ``dataset`` and ``subject``. None of their people may be scored.

    Raises:
        DataError: the first fault found, with the rows and values: no rows, unknown action units, repeated rows, labels
            other than 0, 1 and <NA>, probabilities outside [0, 1] or missing, rows missing or not expected, people
            in training and test.

    Example:
        >>> table = pd.DataFrame({"dataset": "unbc", "subject": "s", "image": ["1.png"], "AU04": [1], "AU04_p": [0.7]})
        >>> check(table, train_people=table.assign(subject="t"))
        >>> check(table, train_people=table)
        Traceback (most recent call last):
            ...
        aulib.errors.DataError: 1 training person is in the prediction table: unbc/s (row 0); split by person
    """
    checked(predictions, aus, expected, train_people)


def checked(
    predictions: pd.DataFrame,
    aus: Sequence[str] | None = None,
    expected: pd.DataFrame | None = None,
    train_people: pd.DataFrame | None = None,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Do what :func:`check` does; return the action units, labels (n, L) and probabilities (n, L)."""
    found = _arrays(predictions, aus)
    if expected is not None:
        _refuse_other_rows(predictions, expected)
    if train_people is not None:
        _refuse_shared_people(predictions, train_people)
    return found


def _arrays(predictions: pd.DataFrame, aus: Sequence[str] | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    if not len(predictions):
        raise DataError("the prediction table has no rows")
    missing = [c for c in ("dataset", "subject", "image") if c not in predictions]
    if missing:
        raise DataError(f"the prediction table has no column {missing}; it needs dataset, subject and image")
    found = [c[:-2] for c in predictions.columns if c.endswith("_p")]
    aus = found if aus is None else list(aus)
    unknown = [a for a in aus if a not in facs.ALL]
    if unknown or not aus:
        raise DataError(f"unknown action units {unknown}; a prediction table has columns like AU04 and AU04_p")
    absent = [c for a in aus for c in (a, f"{a}_p") if c not in predictions]
    if absent:
        raise DataError(f"the prediction table has no column {absent}; each action unit needs AUxx and AUxx_p")
    refuse_repeats(predictions, [c for c in _KEY if c in predictions], "prediction table")
    y = metrics.check_labels(predictions[aus], "labels")
    p = predictions[[f"{a}_p" for a in aus]].to_numpy(dtype=np.float32, na_value=np.nan)
    _refuse_no_probabilities(predictions, aus, p)
    return aus, y, p


def people(predictions: pd.DataFrame) -> np.ndarray:
    """Number the people of a prediction table, as :func:`aulib.database.person_ids` does."""
    if predictions[["dataset", "subject"]].isna().to_numpy().any():
        raise DataError("a row of the prediction table has no dataset or subject; intervals need to know the person")
    return database.person_ids(predictions)


def refuse_repeats(table: pd.DataFrame, key: list[str], what: str) -> None:
    """Refuse a table in which an image occurs twice."""
    repeated = table.duplicated(key) & table["image"].notna()
    if repeated.any():
        row = int(np.argmax(repeated.to_numpy()))
        raise DataError(
            f"row {row} of the {what} repeats {key} = {_values(table, key, row)}; each image may occur once"
        )


def positions(table: pd.DataFrame, wanted: pd.DataFrame, key: list[str]) -> np.ndarray:
    """Position in ``table`` of each row of ``wanted``, -1 where there is none."""
    return pd.MultiIndex.from_frame(table[key].astype(object)).get_indexer(
        pd.MultiIndex.from_frame(wanted[key].astype(object))
    )


def row_key(*tables: pd.DataFrame) -> list[str]:
    """The columns by which rows of tables are told apart: dataset, image and, where all have it, frame."""
    for table in tables:
        absent = [c for c in ("dataset", "image") if c not in table]
        if absent:
            raise DataError(f"the table has no column {absent}; rows are told apart by dataset and image")
    return [c for c in _KEY if all(c in table for table in tables)]


def _refuse_no_probabilities(predictions: pd.DataFrame, aus: list[str], p: np.ndarray) -> None:
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        row, label = np.argwhere(wrong)[0]
        raise DataError(
            f"row {row} of the prediction table {_values(predictions, ['dataset', 'image'], row)}: {aus[label]}_p is "
            f"{p[row, label]}; probabilities lie from 0 to 1 and none may be missing ({wrong.sum()} such cells)"
        )


def _refuse_other_rows(predictions: pd.DataFrame, expected: pd.DataFrame) -> None:
    key = row_key(predictions, expected)
    refuse_repeats(expected, key, "expected rows")
    for name, table, other in (
        ("expected rows are not predicted", expected, predictions),
        ("predicted rows were not expected", predictions, expected),
    ):
        missing = np.flatnonzero(positions(other, table, key) < 0)
        if missing.size:
            some = ", ".join(str(_values(table, key, row)) for row in missing[:3])
            raise DataError(f"{missing.size} {name}, the first: {some}; score all rows of the test part and no other")


def _refuse_shared_people(predictions: pd.DataFrame, train: pd.DataFrame) -> None:
    absent = [c for c in ("dataset", "subject") if c not in train]
    if absent:
        raise DataError(f"train_people has no column {absent}; give the dataset and subject of each training row")
    both = pd.concat([t[["dataset", "subject"]].astype(object) for t in (predictions, train)], ignore_index=True)
    person = people(both)
    shared = np.flatnonzero(np.isin(person[: len(predictions)], person[len(predictions) :]))
    if shared.size:
        first = both.iloc[shared].drop_duplicates()
        some = ", ".join(f"{r.dataset}/{r.subject} (row {r.Index})" for r in first[:3].itertuples())
        people_are = "training person is" if len(first) == 1 else "training people are"
        raise DataError(f"{len(first)} {people_are} in the prediction table: {some}; split by person")


def _values(table: pd.DataFrame, key: list[str], row: int) -> tuple:
    return tuple(table.iloc[row][key])
