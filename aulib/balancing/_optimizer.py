"""Balancing of incomplete multi-label data over unique class groups, by linear programming.

Cloning a sample to get more of one label also adds all its other labels, so labels cannot be balanced one by one.
The unique class group optimizer of Rieger, Pahl and Seuss (2020) treats all samples with the same labels as one group
and asks how many samples of each group to take. The exact objective and limits of that optimizer are not public; the
formulation below is ours:

* The groups are the distinct rows of the label table, with *unknown* as a third value beside 0 and 1. With limits of
  datasets the dataset belongs to the key.
* ``x_g`` is the number of samples taken from group g of size ``n_g``, between ``ceil(lower n_g)`` and
  ``floor(upper n_g)``; the total lies between ``size[0] N`` and ``size[1] N``.
* First the ratio ``max_l P_l / min_l P_l`` of the positive counts ``P_l = sum_g A_gl x_g`` is minimised. A ratio of
  linear functions is minimised exactly by a few linear programs (Dinkelbach 1967).
* Then, among the solutions with that ratio, one with the least change ``sum_g |x_g - n_g|`` is taken.
* Limits of datasets, of subjects and of coverage are further linear rows of both programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aulib.balancing import _limits, _programs, _rounding
from aulib.balancing._groups import Groups, group_rows, numbered
from aulib.balancing._measures import imbalance_of_groups, label_names
from aulib.errors import DataError, SettingsError
from aulib.metrics import check_labels

#: Relative amount by which the second stage may exceed the smallest ratio, to give it room for a gentle solution.
SLACK = 1e-3


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
        ratio_optimum: the smallest ratio that any real-valued ``x`` within the limits has; NaN for a resampler, which
            has no limits. Limits of subjects hold up to a whole row, so that few rows may come a little below it.
        groups: table with one row per unique class group: ``n`` rows before, ``x`` rows after, ``dataset`` where
            datasets have limits, and one column per label (Int8, <NA> unknown).
    """

    indices: np.ndarray
    multiplicity: np.ndarray
    before: pd.DataFrame
    after: pd.DataFrame
    ratio_before: float
    ratio_after: float
    ratio_optimum: float
    groups: pd.DataFrame

    @property
    def copies(self) -> np.ndarray:
        """Number of each entry of ``indices`` among the copies of its row: 0 for the first, then 1, 2, ... (np.intp).

        With augmentation, copy k draws from :func:`augmentation_seed`; whether copy 0 is changed too is up to the
        training (:mod:`aulib.training` does).
        """
        first = np.cumsum(self.multiplicity) - self.multiplicity
        return np.arange(self.indices.size, dtype=np.intp) - np.repeat(first, self.multiplicity)

    def summary(self) -> pd.Series:
        """Return what was reached and what it cost, as one row of a table that compares samples.

        ``size`` (rows, as a multiple of those before), ``max_min``, ``MeanIR``, ``CVIR`` and ``SCUMBLE`` of the sample,
        ``largest multiplicity``, ``left out`` (share of the rows), ``coverage shift`` (the largest change, up or down,
        of a label's share of known rows).
        """
        known = [table["known"] / max(table.attrs["rows"], 1) for table in (self.before, self.after)]
        return pd.Series(
            {
                "size": self.indices.size / self.multiplicity.size,
                **{name: self.after.attrs[name] for name in ("max_min", "MeanIR", "CVIR", "SCUMBLE")},
                "largest multiplicity": self.multiplicity.max(),
                "left out": (self.multiplicity == 0).mean(),
                "coverage shift": (known[1] - known[0]).abs().max(),
            }
        )

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
    *,
    datasets: ArrayLike | None = None,
    dataset_size: _limits.Range | None = None,
    subjects: ArrayLike | None = None,
    subject_size: _limits.Range | None = None,
    coverage: float | None = None,
) -> Balance:
    """Choose how often to take each row so that the labels' positive counts come as close as the limits allow.

    Only rows are left out or repeated; no label is ever changed. Split by person first, balance the training part
    only, and drop rows without any known label before. Copies of one row need augmentation to differ.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown. Rows of one video in the order of recording.
        lower: smallest multiple of a group's size to take; 0 allows dropping a group.
        upper: largest multiple of a group's size to take.
        size: smallest and largest size of the sample, as multiples of n.
        seed: which rows of a group get the odd copy, and how the few fractional groups are rounded.
        names: names of the labels, for the tables and messages; None numbers them.
        datasets: name of each row's dataset (n,). Used only with ``dataset_size``; then a group is a set of labels in
            one dataset.
        dataset_size: smallest and largest size of each dataset, as multiples of its rows, or a mapping from names to
            such pairs. Exact.
        subjects: name of each row's person (n,), distinct across datasets. Used only with ``subject_size``.
        subject_size: smallest and largest size of each person's rows, as multiples, or a mapping. The linear program
            limits the person's fair share ``sum_g (n_gs / n_g) x_g``; the sample then has at least floor(low N_s) and
            at most ceil(high N_s) rows of person s, so a limit below 1 never adds up to a whole image lost.
        coverage: 0 to 1. Each label's share of known rows stays at least this multiple of its share before:
            ``K_l / sum x >= coverage K_l0 / n``. 1 lets no label become more unknown.

    Returns:
        A :class:`Balance`. Within a group (with limits of subjects: within the rows of one group and person) each row
        is taken floor(x/n) or ceil(x/n) times, and those with one more are spread evenly over the order of the rows,
        hence over time in video, and over the sequences in proportion to their rows in the group.

    Raises:
        DataError: y is not a table of 0, 1 and NaN; datasets or subjects is not one name per row.
        SettingsError: a label has no positive row, or the limits cannot be met; the message names the limit and the
            nearest that is possible.

    Example:
        >>> y = [[1, 0]] * 80 + [[0, 1]] * 20
        >>> b = balance(y, lower=0.5, upper=2.0)
        >>> b.after["positives"].tolist(), b.ratio_before, b.ratio_after
        ([40, 40], 4.0, 1.0)
        >>> b = balance(y, datasets=["a"] * 80 + ["b"] * 20, dataset_size={"b": (1, 1.5)})
        >>> b.after["positives"].tolist()
        [50, 30]
    """
    y = check_labels(y, "y")
    labels = label_names(names, y.shape[1])
    _check_positives(y, labels)
    _check_pairs(datasets=(datasets, dataset_size), subjects=(subjects, subject_size))
    part, parts = (None, []) if dataset_size is None else numbered(datasets, len(y), "datasets")
    problem = _limits.problem(group_rows(y, part), lower, upper, size)
    if dataset_size is not None:
        problem = _limits.limit_datasets(problem, parts, dataset_size)
    if subject_size is not None:
        problem = _limits.limit_subjects(problem, subjects, subject_size)
    if coverage is not None:
        problem = _limits.limit_coverage(problem, coverage, labels)
    optimum = _programs.smallest_ratio(problem)
    rng = np.random.default_rng(seed)
    x = _rounding.to_whole(problem, _programs.gentle(problem, optimum * (1 + SLACK)), optimum, rng)
    return as_balance(problem.groups, x, _rounding.share(problem, x, rng), labels, optimum, parts)


def augmentation_seed(row: int, copy: int, seed: int = 0) -> np.random.SeedSequence:
    """Return the seed of the augmentation of one copy of one row: distinct streams, the same in every run.

    It depends on nothing but its arguments: not on the order of the batches, nor on how often other rows are taken.

    Args:
        row: position of the row, an entry of ``Balance.indices``.
        copy: number of the copy, the entry of ``Balance.copies``, from 1. Copy 0 is the row as it is.
        seed: seed of the run.

    Returns:
        A seed for ``numpy.random.default_rng``; its ``generate_state(2)`` seeds the stateless generators of
        TensorFlow and JAX.

    Raises:
        SettingsError: copy 0, or a negative number.

    Example:
        >>> rng = np.random.default_rng(augmentation_seed(row=12, copy=1))
        >>> again = np.random.default_rng(augmentation_seed(row=12, copy=1))
        >>> float(rng.random()) == float(again.random())
        True
    """
    if row < 0 or copy < 1 or seed < 0:
        raise SettingsError(
            f"row {row}, copy {copy}, seed {seed}: a copy is 1 or more (0 is not augmented), row and seed 0 or more"
        )
    return np.random.SeedSequence(int(seed), spawn_key=(int(row), int(copy)))


def _check_pairs(**pairs: tuple) -> None:
    for name, (values, limits) in pairs.items():
        if limits is not None and values is None:
            raise SettingsError(f"{name[:-1]}_size is {limits}, but {name} is not given; it names the one of each row")


def _check_positives(y: np.ndarray, labels: list) -> None:
    if y.size == 0:
        raise DataError(f"y has shape {y.shape}; there is nothing to balance")
    never = np.flatnonzero(~(y == 1).any(axis=0))
    if never.size:
        what = ", ".join(f"{labels[i]} (column {i})" for i in never)
        raise SettingsError(f"no row is known positive for {what}; leave such labels out before balancing")


def as_balance(
    groups: Groups,
    x: np.ndarray,
    multiplicity: np.ndarray,
    labels: list,
    optimum: float = np.nan,
    parts: Sequence[str] = (),
) -> Balance:
    """Put together the result from the rows taken of each group (G,) and of each row (n,)."""
    before, after = (imbalance_of_groups(groups.positive, groups.known, m, labels) for m in (groups.n, x))
    symbols = {label: pd.array(k, dtype="Int8") for label, k in zip(labels, groups.codes.T, strict=True)}
    where = {} if groups.part is None else {"dataset": np.asarray(parts)[groups.part]}
    table = pd.DataFrame({"n": groups.n, "x": x, **where, **symbols})
    table[labels] = table[labels].mask(table[labels] == 2)
    return Balance(
        indices=np.repeat(np.arange(multiplicity.size, dtype=np.intp), multiplicity),
        multiplicity=multiplicity,
        before=before,
        after=after,
        ratio_before=before.attrs["max_min"],
        ratio_after=after.attrs["max_min"],
        ratio_optimum=optimum,
        groups=table,
    )
