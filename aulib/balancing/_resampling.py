"""Resamplers to compare the optimizer with, from their definitions (Charte et al. 2015), for labels with gaps.

Each leaves rows out or repeats them and returns a :class:`~aulib.balancing.Balance` whose ``ratio_optimum`` is NaN.
Unknown labels are neither displayed nor not displayed: only known positives count, and *unknown* is a third value in a
label set. ``share`` is the article's P/100.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from aulib.balancing._groups import Groups, group_rows
from aulib.balancing._measures import imbalance, label_names
from aulib.balancing._optimizer import Balance, as_balance
from aulib.errors import DataError, SettingsError
from aulib.metrics import check_labels


def ml_ros(y: ArrayLike, share: float = 0.25, seed: int = 0, names: Sequence[str] | None = None) -> Balance:
    """ML-ROS: clone rows of the labels whose IRLbl exceeds MeanIR, one per label in turn.

    A label leaves the turn as soon as its IRLbl, counted again with the clones, is at most the MeanIR of the original
    table; all stop when ``share * n`` rows are cloned. A clone is drawn evenly from the original rows that display the
    label, and takes its other labels along. Labels without a positive are left out, with a warning.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        share: most rows to clone, as a multiple of n.
        seed: which rows are cloned.
        names: names of the labels, for the tables; None numbers them.

    Raises:
        DataError: y is not a table of 0, 1 and NaN, or has no rows.
        SettingsError: share is negative or not finite.

    Example:
        >>> ml_ros([[1, 0]] * 8 + [[0, 1]] * 2, share=0.2).multiplicity[:8].tolist()
        [1, 1, 1, 1, 1, 1, 1, 1]
    """
    y, rng, labels = _checked(y, share, names, seed)
    positive, counts, ratio, mean = *_positives(y), *_ratios(y, labels)
    bags = {label: np.flatnonzero(positive[:, label]) for label in np.flatnonzero((ratio > mean) & np.isfinite(ratio))}
    multiplicity, budget = np.ones(len(y), dtype=np.int64), int(share * len(y))
    while bags and budget:
        for label in list(bags)[:budget]:
            row = bags[label][int(rng.random() * bags[label].size)]
            multiplicity[row] += 1
            counts += positive[row]
            budget -= 1
            if counts.max() <= mean * counts[label]:
                del bags[label]
    return _sample(y, multiplicity, labels)


def ml_rus(y: ArrayLike, share: float = 0.25, seed: int = 0, names: Sequence[str] | None = None) -> Balance:
    """ML-RUS: leave out ``share * n`` random rows that display no label whose IRLbl exceeds MeanIR.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        share: most rows to leave out, as a multiple of n; fewer if there are not so many without a minority label.
        seed: which rows are left out.
        names: names of the labels, for the tables; None numbers them.

    Raises:
        DataError: y is not a table of 0, 1 and NaN, or has no rows.
        SettingsError: share is not between 0 and 1.

    Example:
        >>> ml_rus([[1, 0]] * 8 + [[0, 1]] * 2, share=0.5).after["positives"].tolist()
        [3, 2]
    """
    y, rng, labels = _checked(y, share, names, seed, most=1)
    ratio, mean = _ratios(y, labels)
    without = np.flatnonzero(~(y == 1)[:, ratio > mean].any(axis=1))
    multiplicity = np.ones(len(y), dtype=np.int64)
    multiplicity[rng.permutation(without)[: int(share * len(y))]] = 0
    return _sample(y, multiplicity, labels)


def lp_ros(y: ArrayLike, share: float = 0.25, seed: int = 0, names: Sequence[str] | None = None) -> Balance:
    """LP-ROS: clone rows of the label sets that have fewer rows than the mean label set.

    ``share * n`` clones are divided evenly among these sets, the largest first. A set that reaches the mean size (the
    next whole number) takes no more, and what it leaves is divided among the rest. So fewer rows are cloned if all sets
    reach the mean.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        share: most rows to clone, as a multiple of n.
        seed: which rows of a set are cloned.
        names: names of the labels, for the tables; None numbers them.

    Raises:
        DataError: y is not a table of 0, 1 and NaN, or has no rows.
        SettingsError: share is negative or not finite.

    Example:
        >>> lp_ros([[1, 0]] * 8 + [[0, 1]] * 2, share=0.2).groups["x"].tolist()
        [8, 4]
    """
    y, rng, labels = _checked(y, share, names, seed)
    groups = group_rows(y)
    more = _divided(groups.n.mean() - groups.n, int(share * len(y)))
    multiplicity = np.ones(len(y), dtype=np.int64)
    for rows, k in _some(groups, more):
        np.add.at(multiplicity, rng.choice(rows, k), 1)
    return _sample(y, multiplicity, labels)


def lp_rus(y: ArrayLike, share: float = 0.25, seed: int = 0, names: Sequence[str] | None = None) -> Balance:
    """LP-RUS: leave out rows of the label sets that have more rows than the mean label set.

    ``share * n`` removals are divided evenly among these sets, the smallest first. A set that reaches the mean size
    (the whole number below) loses no more, and what it leaves is divided among the rest.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        share: most rows to leave out, as a multiple of n.
        seed: which rows of a set are left out.
        names: names of the labels, for the tables; None numbers them.

    Raises:
        DataError: y is not a table of 0, 1 and NaN, or has no rows.
        SettingsError: share is not between 0 and 1.

    Example:
        >>> lp_rus([[1, 0]] * 8 + [[0, 1]] * 2, share=0.2).groups["x"].tolist()
        [6, 2]
    """
    y, rng, labels = _checked(y, share, names, seed, most=1)
    groups = group_rows(y)
    fewer = _divided(groups.n - groups.n.mean(), int(share * len(y)))
    multiplicity = np.ones(len(y), dtype=np.int64)
    for rows, k in _some(groups, fewer):
        multiplicity[rng.permutation(rows)[:k]] = 0
    return _sample(y, multiplicity, labels)


def uniform_class(y: ArrayLike, share: float = 1.0, seed: int = 0, names: Sequence[str] | None = None) -> Balance:
    """Uniform-class sampling: ``share * n`` times draw a label evenly, then one of the rows that display it.

    This is what class-balanced batch samplers do over an epoch. A row that displays nothing known is never drawn.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        share: number of draws, as a multiple of n.
        seed: the draws.
        names: names of the labels, for the tables; None numbers them.

    Raises:
        DataError: y is not a table of 0, 1 and NaN, or has no rows.
        SettingsError: share is negative or not finite, or no label has a positive row.

    Example:
        >>> uniform_class([[1, 0]] * 3 + [[0, 0]] * 7, share=0.5).multiplicity[3:].sum()
        np.int64(0)
    """
    y, rng, labels = _checked(y, share, names, seed)
    positive, counts = _positives(y)
    present = np.flatnonzero(counts)
    if not present.size:
        raise SettingsError("no label has a known positive row, so there is nothing to draw from")
    draws = rng.multinomial(int(share * len(y)), np.full(present.size, 1 / present.size))
    multiplicity = np.zeros(len(y), dtype=np.int64)
    for label, k in zip(present, draws, strict=True):
        np.add.at(multiplicity, rng.choice(np.flatnonzero(positive[:, label]), k), 1)
    return _sample(y, multiplicity, labels)


def _checked(y, share: float, names, seed: int, most: float = np.inf):
    y = check_labels(y, "y")
    if not len(y):
        raise DataError(f"y has shape {y.shape}; there is nothing to sample from")
    if not (0 <= share <= most and np.isfinite(share)):
        raise SettingsError(f"share is {share}; give a number from 0{'' if most == np.inf else f' to {most}'}")
    return y, np.random.default_rng(seed), label_names(names, y.shape[1])


def _positives(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positive = y == 1
    return positive, positive.sum(axis=0)


def _ratios(y: np.ndarray, labels: list) -> tuple[np.ndarray, float]:
    table = imbalance(y, labels)
    return table["IRLbl"].to_numpy(), table.attrs["MeanIR"]


def _divided(gap: np.ndarray, budget: int) -> np.ndarray:
    """Divide a budget among the groups with a positive gap (G,): even parts up to the gap, the smallest gap first."""
    parts = np.zeros(gap.size, dtype=np.int64)
    open_ = np.flatnonzero(gap > 0)
    for left, g in zip(range(open_.size, 0, -1), open_[np.argsort(gap[open_], kind="stable")], strict=True):
        parts[g] = min(int(np.ceil(gap[g])), budget // left)
        budget -= parts[g]
    return parts


def _some(groups: Groups, amounts: np.ndarray):
    """Yield the rows of each group with an amount, and the amount."""
    rows = np.split(np.argsort(groups.of_row, kind="stable"), np.cumsum(groups.n)[:-1])
    yield from ((rows[g], int(amounts[g])) for g in np.flatnonzero(amounts))


def _sample(y: np.ndarray, multiplicity: np.ndarray, labels: list) -> Balance:
    groups = group_rows(y)
    x = np.bincount(groups.of_row, multiplicity, len(groups.n)).astype(np.int64)
    return as_balance(groups, x, multiplicity, labels)
