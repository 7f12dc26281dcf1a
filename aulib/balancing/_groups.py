"""Unique class groups: rows with the same labels, *unknown* being a third value beside 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aulib.errors import DataError


@dataclass(frozen=True)
class Groups:
    """The groups of a table's rows.

    Attributes:
        codes: labels of each group, int8 (G, L): 0, 1, or 2 for unknown.
        of_row: group of each row, (n,).
        n: rows of each group, (G,).
        part: dataset of each group, (G,), where datasets belong to the key; else None.
    """

    codes: np.ndarray
    of_row: np.ndarray
    n: np.ndarray
    part: np.ndarray | None = None

    @property
    def positive(self) -> np.ndarray:
        return self.codes == 1

    @property
    def known(self) -> np.ndarray:
        return self.codes != 2


def group_rows(y: np.ndarray, part: np.ndarray | None = None) -> Groups:
    """Group the rows of labels (n, L) by their values, and by their number ``part`` (n,) if it is given."""
    codes = np.where(np.isnan(y), 2, y).astype(np.int8)
    key = np.zeros(len(y), dtype=np.int64)
    for start in range(0, codes.shape[1], 18):  # 18 base-3 digits and a dense number below 2**31 fit into 64 bits
        chunk = codes[:, start : start + 18]
        key = key * 3 ** chunk.shape[1] + chunk.astype(np.int64) @ 3 ** np.arange(chunk.shape[1], dtype=np.int64)
        first, key = np.unique(key, return_index=True, return_inverse=True)[1:]
    if part is not None:
        first, key = np.unique(key * (part.max() + 1) + part, return_index=True, return_inverse=True)[1:]
    return Groups(codes[first], key, np.bincount(key), None if part is None else part[first])


def numbered(names: ArrayLike, rows: int, what: str) -> tuple[np.ndarray, list]:
    """Return the number of each row's name, (n,), and the distinct names.

    Raises:
        DataError: another number of names than rows, or a row without a name.
    """
    names = np.asarray(names, dtype=object)  # as text a missing name would become the name "nan"
    if names.shape != (rows,):
        raise DataError(f"{what} has shape {names.shape}; give one name per row of y, {rows:,}")
    codes, distinct = pd.factorize(names)
    if (codes < 0).any():
        raise DataError(f"{what}[{int(np.argmin(codes))}] is missing; every row needs a name")
    return codes, list(distinct)


def spread(group: np.ndarray, n: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share x_g copies among the n_g rows of a group: floor or ceil each, the odd ones evenly over the row order.

    Any stretch of a group's rows, as one sequence, gets its share of the odd ones to within one.
    """
    order = np.argsort(group, kind="stable")
    g = group[order]
    rank = np.arange(group.size) - (np.cumsum(n) - n)[g]
    each, odd = np.divmod(x, n)
    offset = rng.integers(0, n)[g]
    extra = ((rank + 1) * odd[g] + offset) // n[g] - (rank * odd[g] + offset) // n[g]
    multiplicity = np.empty(group.size, dtype=np.int64)
    multiplicity[order] = each[g] + extra
    return multiplicity
