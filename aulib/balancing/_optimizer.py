"""Balancing of incomplete multi-label data over unique class groups, by linear programming.

Cloning a sample to get more of one label also adds all its other labels, so labels cannot be balanced one by one.
The unique class group optimizer of Rieger, Pahl and Seuss (2020) treats all samples with the same labels as one group
and asks how many samples of each group to take. The exact objective and limits of that optimizer are not public; the
formulation below is ours:

* The groups are the distinct rows of the label table, with *unknown* as a third value beside 0 and 1.
* ``x_g`` is the number of samples taken from group g of size ``n_g``, between ``ceil(lower n_g)`` and
  ``floor(upper n_g)``; the total lies between ``size[0] N`` and ``size[1] N``.
* First the ratio ``max_l P_l / min_l P_l`` of the positive counts ``P_l = sum_g A_gl x_g`` is minimised. A ratio of
  linear functions is minimised exactly by a few linear programs (Dinkelbach 1967).
* Then, among the solutions with that ratio, one with the least change ``sum_g |x_g - n_g|`` is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from aulib.balancing._measures import imbalance_of_counts, label_names
from aulib.errors import DataError, SettingsError
from aulib.metrics import check_labels

#: Relative amount by which the second stage may exceed the smallest ratio, to give it room for a gentle solution.
SLACK = 1e-3
_ROUNDINGS = 64


@dataclass(frozen=True)
class Balance:
    """A balanced sample of the rows of a label table.

    Attributes:
        indices: positions of the sampled rows, ascending, with repeats (np.intp).
        multiplicity: how often each row is taken, shape (n,); 0 leaves it out.
        before: :func:`imbalance` of all rows; ``.attrs["rows"]`` is their number.
        after: :func:`imbalance` of the sample.
        ratio_before: largest over smallest positive count of all rows.
        ratio_after: the same of the sample.
        ratio_optimum: the smallest ratio that any real-valued ``x`` within the limits has.
        groups: table with one row per unique class group: ``n`` rows before, ``x`` rows after, and one column per
            label (Int8, <NA> unknown).
    """

    indices: np.ndarray
    multiplicity: np.ndarray
    before: pd.DataFrame
    after: pd.DataFrame
    ratio_before: float
    ratio_after: float
    ratio_optimum: float
    groups: pd.DataFrame

    def __repr__(self) -> str:
        return (
            f"Balance({self.multiplicity.size:,} rows -> {self.indices.size:,}, {len(self.groups):,} groups, "
            f"max/min {self.ratio_before:.2f} -> {self.ratio_after:.2f})"
        )


def balance(
    y: ArrayLike,
    lower: float = 0.5,
    upper: float = 3.0,
    size: tuple[float, float] = (0.8, 1.2),
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Balance:
    """Choose how often to take each row so that the labels' positive counts come as close as the limits allow.

    Only rows are left out or repeated; no label is ever changed. Split by person first, balance the training part
    only, and drop rows without any known label before. Copies of one row need augmentation to differ.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        lower: smallest multiple of a group's size to take; 0 allows dropping a group.
        upper: largest multiple of a group's size to take.
        size: smallest and largest size of the sample, as multiples of n.
        seed: which rows of a group get the odd copy, and how the few fractional groups are rounded.
        names: names of the labels, for the tables and messages; None numbers them.

    Returns:
        A :class:`Balance`. Within a group each row is taken floor(x/n) or ceil(x/n) times, and those with one more
        are spread evenly over the order of the rows, hence over time in video.

    Raises:
        DataError: y is not a table of 0, 1 and NaN.
        SettingsError: a label has no positive row, or the limits cannot be met.

    Example:
        >>> y = [[1, 0]] * 80 + [[0, 1]] * 20
        >>> b = balance(y, lower=0.5, upper=2.0)
        >>> b.after["positives"].tolist(), b.ratio_before, b.ratio_after
        ([40, 40], 4.0, 1.0)
    """
    y = check_labels(y, "y")
    labels = label_names(names, y.shape[1])
    _check_positives(y, labels)
    keys, group, n = _groups(y)
    problem = _Problem(keys == 1, n, *_limits(n, lower, upper, size))
    optimum = _smallest_ratio(problem)
    rng = np.random.default_rng(seed)
    x = _round(problem, _gentle(problem, optimum * (1 + SLACK)), rng)
    multiplicity = _spread(group, n, x, rng)
    return _balance(keys, n, x, multiplicity, optimum, labels)


def _check_positives(y: np.ndarray, labels: list) -> None:
    if y.size == 0:
        raise DataError(f"y has shape {y.shape}; there is nothing to balance")
    never = np.flatnonzero(~(y == 1).any(axis=0))
    if never.size:
        what = ", ".join(f"{labels[i]} (column {i})" for i in never)
        raise SettingsError(f"no row is known positive for {what}; leave such labels out before balancing")


def _groups(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct rows as codes (G, L) of 0, 1 and 2 = unknown, each row's group (n,), the sizes (G,)."""
    codes = np.where(np.isnan(y), 2, y).astype(np.int8)
    key = np.zeros(len(y), dtype=np.int64)
    for start in range(0, codes.shape[1], 18):  # 18 base-3 digits and a dense number below 2**31 fit into 64 bits
        chunk = codes[:, start : start + 18]
        key = key * 3 ** chunk.shape[1] + chunk.astype(np.int64) @ 3 ** np.arange(chunk.shape[1], dtype=np.int64)
        first, key = np.unique(key, return_index=True, return_inverse=True)[1:]
    return codes[first], key, np.bincount(key)


def _limits(n: np.ndarray, lower: float, upper: float, size: tuple[float, float]):
    """Return whole-numbered limits of x, (G,) and (G,), and of its sum."""
    if not 0 <= lower <= upper < np.inf:
        raise SettingsError(f"lower is {lower} and upper {upper}; they must satisfy 0 <= lower <= upper < infinity")
    if len(size) != 2 or not 0 < size[0] <= size[1] < np.inf:
        raise SettingsError(f"size is {size}; give (smallest, largest) with 0 < smallest <= largest")
    total, tiny = n.sum(), 1e-9  # 0.1 * 30 is a little more than 3
    low, high = np.ceil(lower * n - tiny), np.floor(upper * n + tiny)
    smallest, largest = np.ceil(size[0] * total - tiny), np.floor(size[1] * total + tiny)
    if (low > high).any():
        g = int(np.argmax(low > high))
        raise SettingsError(f"no whole number lies between {lower} and {upper} times {n[g]}, the size of a group")
    if smallest > largest or low.sum() > largest or high.sum() < smallest:
        raise SettingsError(
            f"the limits of the groups allow {low.sum():,.0f} to {high.sum():,.0f} rows, size={size} asks for "
            f"{smallest:,.0f} to {largest:,.0f}; widen lower, upper or size"
        )
    return low, high, smallest, largest


@dataclass(frozen=True)
class _Problem:
    """The data of all linear programs: positives (G, L), sizes, limits of x and of its sum."""

    positive: np.ndarray
    n: np.ndarray
    low: np.ndarray
    high: np.ndarray
    smallest: float
    largest: float

    def counts(self, x: np.ndarray) -> np.ndarray:
        return x @ self.positive.astype(np.float64)

    def ratio(self, x: np.ndarray) -> float:
        p = self.counts(x)
        return float(p.max() / p.min()) if p.min() > 0 else np.inf

    def allows(self, x: np.ndarray) -> bool:
        inside = (self.low <= x).all() and (x <= self.high).all()
        return bool(inside and self.smallest <= x.sum() <= self.largest)


def _solve(cost, rows, right, bounds) -> np.ndarray:
    result = linprog(cost, A_ub=rows, b_ub=right, bounds=bounds, method="highs")
    if result.status != 0:
        raise SettingsError(f"no sample meets the limits: {result.message}; widen lower, upper or size")
    return result.x


def _smallest_ratio(problem: _Problem) -> float:
    """Minimise max P / min P: repeat ``min t - r tau`` with ``tau <= P_l <= t`` until r no longer falls."""
    a = csr_array(problem.positive.T.astype(np.float64))
    labels, groups = a.shape
    one, none, total = np.ones((labels, 1)), np.zeros((labels, 1)), np.ones((1, groups))
    rows = vstack(
        [
            hstack([a, -one, none]),  # P_l <= t
            hstack([-a, none, one]),  # P_l >= tau
            hstack([csr_array(total), np.zeros((1, 2))]),
            hstack([csr_array(-total), np.zeros((1, 2))]),
        ],
        format="csr",
    )
    right = np.concatenate([np.zeros(2 * labels), [problem.largest, -problem.smallest]])
    bounds = np.vstack([np.column_stack([problem.low, problem.high]), [[0, np.inf]] * 2])
    start = problem.n.astype(np.float64)
    ratio = problem.ratio(start) if problem.allows(start) else np.inf
    while True:
        cost = np.zeros(groups + 2)
        cost[-2:] = 1, -min(ratio, start.sum())
        found = problem.ratio(_solve(cost, rows, right, bounds)[:groups])
        if not found < ratio * (1 - 1e-9):
            break
        ratio = found
    if not np.isfinite(ratio):
        raise SettingsError("no sample within the limits has a positive row for every label; widen lower or size")
    return ratio


def _gentle(problem: _Problem, ratio: float) -> np.ndarray:
    """Minimise ``sum |x - n|`` subject to ``max P <= ratio min P``, with x = n + more - less."""
    a = csr_array(problem.positive.T.astype(np.float64))
    labels, groups = a.shape
    total = csr_array(np.ones((1, groups)))
    column = np.ones((labels, 1))
    rows = vstack(
        [
            hstack([a, -a, -ratio * column]),  # P_l <= ratio tau
            hstack([-a, a, column]),  # P_l >= tau
            hstack([total, -total, np.zeros((1, 1))]),
            hstack([-total, total, np.zeros((1, 1))]),
        ],
        format="csr",
    )
    p, rest = problem.counts(problem.n), problem.n.sum()
    right = np.concatenate([-p, p, [problem.largest - rest, rest - problem.smallest]])
    more, less = problem.high - problem.n, problem.n - problem.low
    bounds = np.vstack(
        [
            np.column_stack([np.maximum(-less, 0), np.maximum(more, 0)]),
            np.column_stack([np.maximum(-more, 0), np.maximum(less, 0)]),
            [[0, np.inf]],
        ]
    )
    found = _solve(np.append(np.ones(2 * groups), 0.0), rows, right, bounds)
    return problem.n + found[:groups] - found[groups:-1]


def _round(problem: _Problem, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Round x to whole numbers, its sum changing by less than 1: the best of several systematic roundings.

    A vertex of the linear program has at most 2 L + 3 fractional entries, so there is little to round. The unchanged
    sample competes too: with a handful of rows rounding could otherwise make the ratio worse than it was.
    """
    base = np.rint(x)
    open_ = np.flatnonzero(np.abs(x - base) > 1e-6)
    base[open_] = np.floor(x[open_])
    candidates = [problem.n.astype(np.float64)]
    for _ in range(_ROUNDINGS if open_.size else 1):
        candidate = base.copy()
        order = rng.permutation(open_)
        steps = np.floor(np.cumsum(x[order] - base[order]) + rng.random())
        candidate[order] += np.diff(steps, prepend=0)
        candidates.append(candidate)
    return min(filter(problem.allows, candidates), key=problem.ratio).astype(np.int64)


def _spread(group: np.ndarray, n: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share x_g copies among the n_g rows of a group: floor or ceil each, the odd ones evenly over the row order."""
    order = np.argsort(group, kind="stable")
    g = group[order]
    rank = np.arange(group.size) - (np.cumsum(n) - n)[g]
    each, odd = np.divmod(x, n)
    offset = rng.integers(0, n)[g]
    extra = ((rank + 1) * odd[g] + offset) // n[g] - (rank * odd[g] + offset) // n[g]
    multiplicity = np.empty(group.size, dtype=np.int64)
    multiplicity[order] = each[g] + extra
    return multiplicity


def _balance(keys, n, x, multiplicity, optimum: float, labels: list) -> Balance:
    positive, known = keys == 1, keys != 2
    before, after = (imbalance_of_counts(m @ positive, m @ known, m.sum(), labels) for m in (n, x))
    symbols = {label: pd.array(k, dtype="Int8") for label, k in zip(labels, keys.T, strict=True)}
    groups = pd.DataFrame({"n": n, "x": x, **symbols})
    groups[labels] = groups[labels].mask(groups[labels] == 2)
    return Balance(
        indices=np.repeat(np.arange(multiplicity.size, dtype=np.intp), multiplicity),
        multiplicity=multiplicity,
        before=before,
        after=after,
        ratio_before=before.attrs["max_min"],
        ratio_after=after.attrs["max_min"],
        ratio_optimum=optimum,
        groups=groups,
    )
