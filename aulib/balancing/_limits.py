"""The limits of the balancing optimizer as a linear problem over groups."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, vstack

from aulib.balancing._groups import Groups, numbered
from aulib.errors import SettingsError

_TINY = 1e-9  # 0.1 * 30 is a little more than 3
_CLOSE = 1e-6  # rows by which a sum of floating-point numbers may miss a limit

#: Smallest and largest multiple for all names, or for some names by name.
Range = tuple[float, float] | Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Rows:
    """Linear limits ``low <= matrix @ x <= high``; for whole-numbered x, ``whole_low`` and ``whole_high`` hold.

    ``asked`` says each limit in words. ``label`` is the column whose known share a row limits, or -1.
    """

    matrix: csr_array
    low: np.ndarray
    high: np.ndarray
    whole_low: np.ndarray
    whole_high: np.ndarray
    asked: list[str]
    label: np.ndarray

    @classmethod
    def of(cls, matrix, low, high, asked, whole=None, label=None) -> Rows:
        low, high = np.asarray(low, float), np.asarray(high, float)
        label = np.full(len(asked), -1) if label is None else label
        return cls(csr_array(matrix), low, high, *(whole or (low, high)), list(asked), label)

    def __add__(self, other: Rows) -> Rows:
        arrays = ("low", "high", "whole_low", "whole_high", "label")
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in arrays}
        matrix = vstack([self.matrix, other.matrix], format="csr")
        return Rows(matrix=matrix, asked=self.asked + other.asked, **joined)


@dataclass(frozen=True)
class Cells:
    """The rows of one group and one subject: group, subject and number of rows of each cell, and each row's cell."""

    group: np.ndarray
    subject: np.ndarray
    n: np.ndarray
    of_row: np.ndarray

    def fair(self, x: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the fair share of each cell in x_g rows of its group."""
        return self.n * (x / n)[self.group]


@dataclass(frozen=True)
class Problem:
    """The data of all linear programs: groups, whole-numbered limits of x, limits of sums of x."""

    groups: Groups
    low: np.ndarray
    high: np.ndarray
    rows: Rows
    cells: Cells | None = None

    @property
    def n(self) -> np.ndarray:
        return self.groups.n

    @property
    def positive(self) -> csr_array:
        return csr_array(self.groups.positive.T.astype(np.float64))

    def ratio(self, x: np.ndarray) -> float:
        p = x @ self.groups.positive.astype(np.float64)
        return float(p.max() / p.min()) if p.min() > 0 else np.inf

    def allows(self, x: np.ndarray) -> bool:
        """Whether whole-numbered x keeps every limit."""
        sums = self.rows.matrix @ x
        inside = (self.low <= x).all() and (x <= self.high).all()
        return bool(
            inside and (sums >= self.rows.whole_low - _CLOSE).all() and (sums <= self.rows.whole_high + _CLOSE).all()
        )

    def inequalities(self) -> tuple[csr_array, np.ndarray]:
        """Return the limits of sums in the form ``matrix @ x <= right``."""
        rows, above, below = self.rows, np.isfinite(self.rows.high), np.isfinite(self.rows.low)
        matrix = vstack([rows.matrix[np.flatnonzero(above)], -rows.matrix[np.flatnonzero(below)]], format="csr")
        return matrix, np.concatenate([rows.high[above], -rows.low[below]])


def problem(groups: Groups, lower: float, upper: float, size: tuple[float, float]) -> Problem:
    """Return the problem with limits of the groups and of the whole."""
    if not 0 <= lower <= upper < np.inf:
        raise SettingsError(f"lower is {lower} and upper {upper}; they must satisfy 0 <= lower <= upper < infinity")
    n, (smallest, largest) = groups.n, check_range(size, "size")
    total = n.sum()
    low, high = np.ceil(lower * n - _TINY), np.floor(upper * n + _TINY)
    smallest, largest = np.ceil(smallest * total - _TINY), np.floor(largest * total + _TINY)
    if (low > high).any():
        g = int(np.argmax(low > high))
        raise SettingsError(f"no whole number lies between {lower} and {upper} times {n[g]}, the size of a group")
    if smallest > largest or low.sum() > largest or high.sum() < smallest:
        raise SettingsError(
            f"the limits of the groups allow {low.sum():,.0f} to {high.sum():,.0f} rows, size={size} asks for "
            f"{smallest:,.0f} to {largest:,.0f}; widen lower, upper or size"
        )
    asked = f"the sample has {smallest:,.0f} to {largest:,.0f} rows (size)"
    return Problem(groups, low, high, Rows.of(np.ones((1, n.size)), [smallest], [largest], [asked]))


def check_range(pair: ArrayLike, what: str) -> tuple[float, float]:
    if len(pair) != 2 or not 0 <= pair[0] <= pair[1] < np.inf or not pair[1] > 0 or (what == "size" and not pair[0]):
        ends = "0 < smallest <= largest" if what == "size" else "0 <= smallest <= largest and 0 < largest"
        raise SettingsError(f"{what} is {pair}; give (smallest, largest) with {ends}")
    return pair


def limit_datasets(problem: Problem, names: list, limits: Range) -> Problem:
    """Add limits of the rows of each dataset; the groups' ``part`` is the position of their dataset in ``names``."""
    part, n = problem.groups.part, problem.n
    total = np.bincount(part, n, len(names))
    chosen, low, high = _ranges(limits, names, "dataset_size")
    low, high = np.ceil(low * total[chosen] - _TINY), np.floor(high * total[chosen] + _TINY)
    least, most = (np.bincount(part, x, len(names))[chosen] for x in (problem.low, problem.high))
    for i in np.flatnonzero((low > high) | (least > high) | (most < low)):
        raise SettingsError(
            f"dataset_size asks for {low[i]:,.0f} to {high[i]:,.0f} rows of dataset '{names[chosen[i]]}', which has "
            f"{total[chosen[i]]:,.0f}; lower and upper allow {least[i]:,.0f} to {most[i]:,.0f}"
        )
    asked = [
        f"dataset '{names[d]}' has {a:,.0f} to {b:,.0f} rows (dataset_size)"
        for d, a, b in zip(chosen, low, high, strict=True)
    ]
    matrix = (part == chosen[:, None]).astype(np.float64)
    return _with(problem, Rows.of(matrix, low, high, asked))


def limit_subjects(problem: Problem, subjects: ArrayLike, limits: Range) -> Problem:
    """Add limits of each subject's fair share of the groups, ``sum_g (n_gs / n_g) x_g``.

    A subject whose rows are all in one group limits that group only; its rows leave the linear program, so that tens
    of thousands of subjects with one image each cost nothing. Limits that the groups' limits imply are left out too.
    """
    n, of_row = problem.n, problem.groups.of_row
    codes, names = numbered(subjects, of_row.size, "subjects")
    pairs, of_row_cell, cell_n = np.unique(of_row * len(names) + codes, return_inverse=True, return_counts=True)
    cells = Cells(pairs // len(names), pairs % len(names), cell_n, of_row_cell)
    share = csr_array((cells.n / n[cells.group], (cells.subject, cells.group)), shape=(len(names), n.size))
    chosen, low, high = _ranges(limits, names, "subject_size")
    total = np.bincount(codes, minlength=len(names))[chosen]
    box_low, box_high, folded = _fold(problem, cells, chosen, low, high)
    low, high = low * total, high * total
    implied = (share[chosen] @ box_low >= low - _TINY) & (share[chosen] @ box_high <= high + _TINY)
    keep = np.flatnonzero(~folded & ~implied)
    asked = [
        f"subject '{names[chosen[i]]}' has {np.floor(low[i] + _TINY):,.0f} to {np.ceil(high[i] - _TINY):,.0f} rows "
        "(subject_size)"
        for i in keep
    ]
    whole = np.floor(low[keep] + _TINY), np.ceil(high[keep] - _TINY)
    rows = Rows.of(share[chosen[keep]], low[keep], high[keep], asked, whole)
    return Problem(problem.groups, box_low, box_high, problem.rows + rows, cells)


def _fold(problem: Problem, cells: Cells, chosen: np.ndarray, low: np.ndarray, high: np.ndarray):
    """Return the groups' limits with those of subjects in one group, and which of the chosen subjects these are."""
    own = np.bincount(cells.subject)[chosen] == 1
    group = np.zeros(cells.subject.max() + 1, dtype=np.int64)
    group[cells.subject] = cells.group
    g = group[chosen]
    least, most = np.ceil(low * problem.n[g] - _TINY), np.floor(high * problem.n[g] + _TINY)
    own &= least <= most  # else the limits are kept as a row, to be met up to rounding
    box_low, box_high = problem.low.copy(), problem.high.copy()
    np.maximum.at(box_low, g[own], least[own])
    np.minimum.at(box_high, g[own], most[own])
    if (box_low > box_high).any():
        one = int(np.argmax(box_low > box_high))
        raise SettingsError(
            f"subject_size, lower and upper contradict each other: a group of {problem.n[one]} rows would have to be "
            f"taken at least {box_low[one]:,.0f} and at most {box_high[one]:,.0f} times; widen one of them"
        )
    return box_low, box_high, own


def limit_coverage(problem: Problem, coverage: float, labels: list) -> Problem:
    """Add ``K_l / sum x >= coverage * K_l0 / N`` for each label: ``sum_g (known_gl - coverage c_l) x_g >= 0``."""
    if not 0 <= coverage <= 1:
        raise SettingsError(f"coverage is {coverage}; give a share from 0 to 1 of each label's known share")
    known = problem.groups.known
    floor = coverage * (problem.n @ known) / problem.n.sum()
    some = np.flatnonzero(~known.all(axis=0) & (floor > 0))
    matrix = (known[:, some] - floor[some]).T
    asked = [f"{labels[i]} is known on at least {floor[i]:.1%} of the rows (coverage)" for i in some]
    return _with(problem, Rows.of(matrix, np.zeros(some.size), np.full(some.size, np.inf), asked, label=some))


def _with(problem: Problem, rows: Rows) -> Problem:
    return Problem(problem.groups, problem.low, problem.high, problem.rows + rows, problem.cells)


def _ranges(limits: Range, names: list, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the positions of the names with limits, their smallest and their largest multiples."""
    if not isinstance(limits, Mapping):
        check_range(limits, what)
        return np.arange(len(names)), *(np.full(len(names), float(end)) for end in limits)
    position = {name: i for i, name in enumerate(names)}
    for name, pair in limits.items():
        if name not in position:
            close = difflib.get_close_matches(str(name), map(str, names), n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise SettingsError(f"{what} names '{name}', of which there is no row{hint}")
        check_range(pair, f"{what} of '{name}'")
    chosen = np.array([position[name] for name in limits], dtype=np.int64)
    return chosen, *np.array(list(limits.values()), dtype=np.float64).reshape(-1, 2).T
