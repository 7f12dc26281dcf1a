"""Splits that keep every person on one side. A person is a pair of dataset and subject."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib.errors import DataError, SettingsError

#: The three published folds of BP4D, by subject (JAA-Net, ME-GraphAU and others use the same).
BP4D_FOLDS: tuple[tuple[str, ...], ...] = tuple(
    tuple(fold.split())
    for fold in (
        "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
        "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
        "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
    )
)
_DRAWS = 200


def by_subject(db: pd.DataFrame, test_size: float = 0.15, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows into training and test rows without a person in both.

    From each dataset, ``test_size`` of its people (rounded; at least one, and never all) go to the test part. Of 200
    random draws the one whose share of rows is nearest to ``test_size`` is taken. A dataset with one person stays in
    training. What is drawn for one dataset does not depend on the others.

    Args:
        db: table with columns ``dataset`` and ``subject``.
        test_size: share of people in the test part, between 0 and 1.
        seed: seed of the draws.

    Returns:
        Integer positions of training rows and test rows (intp), each in increasing order.

    Raises:
        SettingsError: ``test_size`` is not between 0 and 1.
        DataError: a row has no dataset or no subject.
    """
    if not 0 < test_size < 1:
        raise SettingsError(f"test_size={test_size!r}; accepted: a number between 0 and 1")
    datasets = _codes(db, ["dataset"])
    people = person_ids(db)
    in_test = np.zeros(len(db), bool)
    for number in np.unique(datasets):
        rows = np.flatnonzero(datasets == number)
        name = str(db["dataset"].iloc[rows[0]])
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        in_test[rows] = np.isin(people[rows], _draw(people[rows], test_size, rng))
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    assert_partition(db, train, test)
    return train, test


def assert_partition(db: pd.DataFrame, *indices: Sequence[int]) -> None:
    """Raise DataError unless the index arrays hold each row exactly once and each person in one of them only."""
    if not indices:
        raise DataError("no index arrays were given, so they are no partition")
    arrays = [np.asarray(index, dtype=np.intp) for index in indices]
    joined = np.concatenate(arrays)
    if len(joined) and (joined.min() < 0 or joined.max() >= len(db)):
        raise DataError(f"position {joined.min() if joined.min() < 0 else joined.max()} is not a row of {len(db):,}")
    times = np.bincount(joined, minlength=len(db))
    for wrong, what in ((times > 1, "more than once"), (times == 0, "in no part")):
        if wrong.any():
            raise DataError(f"not a partition: row {np.flatnonzero(wrong)[0]} is {what} ({wrong.sum():,} such rows)")
    _refuse_shared_people(db, arrays)


def person_ids(db: pd.DataFrame) -> np.ndarray:
    """Number the people of a table: equal numbers for equal (dataset, subject).

    Raises:
        DataError: a row has no dataset or no subject.
    """
    return _codes(db, ["dataset", "subject"])


def bp4d_folds(db: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the three published folds of BP4D as (training positions, test positions) of its rows.

    Rows of other datasets are in no part. The folds are :data:`BP4D_FOLDS`, each the test part once.

    Raises:
        DataError: a subject of BP4D is in no published fold.
    """
    bp4d = (db["dataset"] == "bp4d").to_numpy(dtype=bool)
    subjects = db["subject"].to_numpy(dtype=object)
    known = {subject for fold in BP4D_FOLDS for subject in fold}
    strangers = sorted(set(subjects[bp4d]) - known)
    if strangers:
        raise DataError(f"BP4D subjects without a published fold: {', '.join(strangers)}")
    tests = [bp4d & np.isin(subjects.astype(str), fold) for fold in BP4D_FOLDS]
    return [(np.flatnonzero(bp4d & ~test), np.flatnonzero(test)) for test in tests]


def leave_one_dataset_out(db: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each dataset: (positions of all other rows, positions of its rows).

    Raises:
        DataError: there is one dataset only, so nothing to train on.
    """
    names = db["dataset"].to_numpy(dtype=object)
    if len(set(names)) < 2:
        raise DataError("leaving one dataset out needs at least two datasets")
    return {name: (np.flatnonzero(names != name), np.flatnonzero(names == name)) for name in dict.fromkeys(names)}


def _draw(people: np.ndarray, test_size: float, rng: np.random.Generator) -> np.ndarray:
    """People for the test part of one dataset."""
    ids, rows = np.unique(people, return_counts=True)
    if len(ids) < 2:
        return ids[:0]
    size = min(max(1, round(test_size * len(ids))), len(ids) - 1)
    draws = [rng.choice(len(ids), size, replace=False) for _ in range(_DRAWS if np.ptp(rows) else 1)]
    shares = np.array([rows[draw].sum() for draw in draws]) / len(people)
    return ids[draws[int(np.argmin(np.abs(shares - test_size)))]]


def _codes(db: pd.DataFrame, columns: list[str]) -> np.ndarray:
    without = db[columns].isna().any(axis=1).to_numpy()
    if without.any():
        row, what = np.flatnonzero(without)[0], " or no ".join(columns)
        raise DataError(f"row {row} has no {what}; people cannot be kept apart")
    return db.groupby(columns, sort=True).ngroup().to_numpy()


def _refuse_shared_people(db: pd.DataFrame, arrays: list[np.ndarray]) -> None:
    people = person_ids(db)
    part = np.empty(len(db), np.intp)
    for number, array in enumerate(arrays):
        part[array] = number
    pairs = np.unique(np.stack([people, part]), axis=1)[0]
    shared = pairs[:-1][pairs[:-1] == pairs[1:]]
    if len(shared):
        row = db.iloc[int(np.flatnonzero(people == shared[0])[0])]
        raise DataError(f"not a partition: person {row['subject']} of {row['dataset']} is in more than one part")
