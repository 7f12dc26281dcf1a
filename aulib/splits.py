"""Splits that keep every person on one side.

A person is a pair of dataset and subject, and one person in datasets that show the same people under the same names
(:func:`aulib.database.person_ids`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from aulib.database import person_ids
from aulib.errors import DataError, SettingsError

__all__ = ["BP4D_FOLDS", "assert_partition", "bp4d_folds", "by_subject", "folds", "leave_one_dataset_out", "person_ids"]

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
    training. What is drawn for one dataset does not depend on the others, nor on the order of the rows. People who are
    in several datasets are drawn by themselves, in the same way, and are on one side with all their rows.

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
    people = person_ids(db)
    in_test = np.zeros(len(db), bool)
    for name, rows in _strata(db, people):
        in_test[rows] = np.isin(people[rows], _draw(people[rows], test_size, _generator(seed, name)))
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    assert_partition(db, train, test)
    return train, test


def folds(db: pd.DataFrame, k: int = 5, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split the rows into k folds by person, stratified by dataset, for cross-validation.

    Each dataset's people are dealt evenly, so that the folds differ by at most one of its people. Of 200 random deals
    the one in which the folds' numbers of rows are nearest to each other is taken. A dataset with fewer than k people
    is in the test part of so many folds only.

    Args:
        db: table with columns ``dataset`` and ``subject``.
        k: number of folds, from 2 to the number of people.
        seed: seed of the deals.

    Returns:
        For each fold the positions of its training rows and its test rows (intp, increasing). Every row is a test row
        once.

    Raises:
        SettingsError: there are fewer people than folds, or fewer than two folds.
        DataError: a row has no dataset or no subject.

    Example:
        >>> db = pd.DataFrame({"dataset": ["unbc"] * 4, "subject": ["a", "b", "b", "c"]})
        >>> sorted(len(test) for _, test in folds(db, k=3))
        [1, 1, 2]
    """
    people = person_ids(db)
    if not (isinstance(k, int) and 2 <= k <= len(np.unique(people))):
        raise SettingsError(f"k={k!r}; accepted: a whole number from 2 to {len(np.unique(people)):,}, the people")
    fold = np.empty(len(db), np.intp)
    start = 0  # where one dataset's deal ends the next begins, so that no fold gets every odd person
    for name, rows in _strata(db, people):
        ids, place = np.unique(people[rows], return_inverse=True)
        fold[rows] = ((_deal(np.bincount(place), k, _generator(seed, name)) + start) % k)[place]
        start += len(ids)
    parts = [np.flatnonzero(fold == number) for number in range(k)]
    assert_partition(db, *parts)
    return [(np.flatnonzero(fold != number), part) for number, part in enumerate(parts)]


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
    """For each dataset: (positions of the rows to train on, positions of its rows).

    The rows to train on are all rows of other datasets, except those of people whom the dataset shows too.

    Raises:
        DataError: there is one dataset only, so nothing to train on, or a row has no dataset or no subject.
    """
    people, names = person_ids(db), db["dataset"].to_numpy(dtype=object)
    if len(set(names)) < 2:
        raise DataError("leaving one dataset out needs at least two datasets")
    parts = {}
    for name in dict.fromkeys(names):
        held_out = names == name
        train = np.flatnonzero(~held_out & ~np.isin(people, people[held_out]))
        if not len(train):
            raise DataError(f"everybody in the other datasets is in {name} too, so there is nobody to train on")
        parts[name] = (train, np.flatnonzero(held_out))
    return parts


def three_parts(
    db: pd.DataFrame,
    test_size: float,
    validation_size: float,
    seed: int = 0,
    test_dataset: str | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the positions of the rows to train on, to validate on and to test on; nobody is in two of them.

    Args:
        db: a table with ``dataset`` and ``subject``.
        test_size: share of the people to test on, as in :func:`by_subject`.
        validation_size: share of the other people to validate on.
        seed: of both draws; the second one takes ``seed + 1``.
        test_dataset: test on all rows of this dataset and learn from the others; ``test_size`` is not used then, and
            rows of people whom the dataset shows too are in no part.

    Raises:
        DataError: the table has no such dataset, or a part would be empty.

    Example:
        >>> db = pd.DataFrame({"dataset": "bp4d", "subject": [f"F{i:03d}" for i in range(20)]})
        >>> [len(part) for part in three_parts(db, test_size=0.25, validation_size=0.2)]
        [12, 3, 5]
    """
    if test_dataset is None:
        rest, test = by_subject(db, test_size=test_size, seed=seed)
    elif test_dataset in set(db["dataset"]):
        rest, test = leave_one_dataset_out(db)[test_dataset]
    else:
        known = ", ".join(sorted(set(db["dataset"])))
        raise DataError(f"no dataset '{test_dataset}' to test on; the table has only {known}")
    train, validation = by_subject(db.iloc[rest], test_size=validation_size, seed=seed + 1)
    parts = rest[train], rest[validation], test
    used = np.sort(np.concatenate([rest, test]))
    assert_partition(db.iloc[used], *(np.searchsorted(used, part) for part in parts))
    return parts


def _strata(db: pd.DataFrame, people: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The rows of people who are in the same datasets: name of the datasets, positions; sorted by name."""
    pairs = pd.DataFrame({"person": people, "dataset": db["dataset"].to_numpy(dtype=object)}).drop_duplicates()
    names = pairs.sort_values("dataset").groupby("person")["dataset"].agg("+".join).to_numpy()[people]
    for name in sorted(set(names)):
        yield name, np.flatnonzero(names == name)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _draw(people: np.ndarray, test_size: float, rng: np.random.Generator) -> np.ndarray:
    """People for the test part of one dataset."""
    ids, rows = np.unique(people, return_counts=True)
    if len(ids) < 2:
        return ids[:0]
    size = min(max(1, round(test_size * len(ids))), len(ids) - 1)
    draws = [rng.choice(len(ids), size, replace=False) for _ in range(_DRAWS if np.ptp(rows) else 1)]
    shares = np.array([rows[draw].sum() for draw in draws]) / len(people)
    return ids[draws[int(np.argmin(np.abs(shares - test_size)))]]


def _deal(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each person of a dataset, from the person's number of rows; folds have equally many people to one."""
    turns = np.arange(len(rows)) % k
    deals = [rng.permutation(turns) for _ in range(_DRAWS if np.ptp(rows) else 1)]
    sizes = [np.bincount(deal, weights=rows, minlength=k).std() for deal in deals]
    return deals[int(np.argmin(sizes))]


def _refuse_shared_people(db: pd.DataFrame, arrays: list[np.ndarray]) -> None:
    people = person_ids(db)
    part = np.empty(len(db), np.intp)
    for number, array in enumerate(arrays):
        part[array] = number
    pairs = np.unique(np.stack([people, part]), axis=1)[0]
    shared = pairs[:-1][pairs[:-1] == pairs[1:]]
    if len(shared):
        rows = db.iloc[np.flatnonzero(people == shared[0])]
        where = " and ".join(dict.fromkeys(rows["dataset"]))
        raise DataError(f"not a partition: person {rows['subject'].iloc[0]} of {where} is in more than one part")
