"""Who is who: a person is a pair of dataset and subject, but some datasets show the same people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from aulib.adapters import registry
from aulib.errors import DataError


def person_ids(db: pd.DataFrame) -> np.ndarray:
    """Number the people of a table: rows of one person have one number (intp, from 0).

    The same subject name in two datasets is two people, except in datasets that the registry knows to show the same
    people under the same names (``overlaps``), such as DISFA and DISFA+.

    Raises:
        DataError: a row has no dataset or no subject.

    Example:
        >>> person_ids(pd.DataFrame({"dataset": ["unbc", "bp4d", "unbc"], "subject": ["a", "a", "a"]})).tolist()
        [1, 0, 1]
    """
    return group_numbers(pd.DataFrame({"dataset": _families(db["dataset"]), "subject": db["subject"]}))


def shared_people(db: pd.DataFrame) -> pd.DataFrame:
    """The people that a table has from more than one dataset, as far as the registry knows.

    Returns:
        One row per person: ``subject``, ``datasets`` (joined by " + ") and ``rows``. Empty if nobody is shared.

    Raises:
        DataError: a row has no dataset or no subject.
    """
    columns = db[["dataset", "subject"]].astype(object).assign(person=person_ids(db))
    groups = columns.groupby("person", sort=True)
    shared = groups["dataset"].nunique()
    shared = columns[columns["person"].isin(shared.index[shared > 1])].groupby("person", sort=True)
    names = shared["dataset"].agg(lambda values: " + ".join(sorted(set(values))))
    table = pd.DataFrame({"subject": shared["subject"].first(), "datasets": names, "rows": shared.size()})
    return table.reset_index(drop=True)


def overlapping(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of the named datasets that show the same people, each sorted by name.

    Example:
        >>> overlapping(["bp4d", "unbc"])
        []
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        groups.setdefault(_family(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def group_numbers(columns: pd.DataFrame) -> np.ndarray:
    """Number the different rows of a few columns, in sorted order; a cell without a value is refused."""
    without = columns.isna().any(axis=1).to_numpy()
    if without.any():
        row, what = np.flatnonzero(without)[0], " or no ".join(columns)
        raise DataError(f"row {row} has no {what}; people cannot be kept apart")
    return columns.groupby(list(columns), sort=True).ngroup().to_numpy()


def _families(datasets: pd.Series) -> pd.Series:
    families = {name: _family(name) for name in datasets.dropna().unique()}
    return datasets if all(name == family for name, family in families.items()) else datasets.replace(families)


def _family(name: str) -> str:
    """The first, by name, of all datasets that are linked by shared people, in either direction and in chains."""
    links: dict[str, set[str]] = {}
    for dataset, facts in registry.DATASETS.items():
        for other in getattr(facts, "overlaps", ()):
            links.setdefault(dataset, set()).add(other)
            links.setdefault(other, set()).add(dataset)
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(links.get(current, ()))
    return min(found)
