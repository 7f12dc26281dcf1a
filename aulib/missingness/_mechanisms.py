"""Why labels are missing: how far the dataset decides, and whether what is displayed plays a part.

Rows of one person are no independent observations, so every test here counts people. Little's test of "missing
completely at random" is not among them: it compares the means of jointly normal variables, and action units are
binary, with pairs that no dataset codes together, for which there is no covariance to estimate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib.errors import SettingsError
from aulib.missingness._counts import UNKNOWN, chosen, label_counts, require_columns, states

#: Relative slack of a comparison between a statistic and its permuted values, which are sums in another order.
_TIE = 1e-9
#: A dataset whose people all have the same share of holes gets this part of the variance of all people, not none.
_FLOOR = 1e-6
_AT_ONCE = 25
_PAIR_COLUMNS = ("dataset", "unknown", "label", "rows", "subjects", "unknown_if_displayed", "unknown_if_not", "phi")
_PAIR_COLUMNS += ("p_rows", "p", "p_adjusted")


def explained_by_dataset(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.DataFrame:
    """How much of "known or unknown" the name of the dataset explains, for each action unit.

    Args:
        db: the meta-database.
        aus: action units; None takes all of the table.

    Returns:
        Columns, by ``AU``: ``unknown`` (share), ``entropy`` H(M) of the mask M in bits, ``mutual_information``
        I(M; dataset) in bits, ``explained`` = I / H (the uncertainty coefficient) and ``cramers_v``, whose square is
        the share of the mask's variance between datasets. NaN where the mask is constant. In ``.attrs``:
        ``explained``, sum of I over sum of H; ``constant_cells``, share of all cells in blocks (dataset, action unit)
        that are known throughout or unknown throughout; ``constant_unknown``, the same among the unknown cells.

    Example:
        >>> rows = {"dataset": ["bp4d", "bp4d", "unbc"], "AU01": pd.array([1, 0, None], "Int8")}
        >>> explained_by_dataset(pd.DataFrame(rows))[["unknown", "explained"]].round(3).loc["AU01"].tolist()
        [0.333, 1.0]
    """
    from scipy.stats import entropy

    cells = _mask_counts(db, chosen(db, aus))
    total = cells.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        varies = (total > 0).all(axis=1)
        bits = np.where(varies, entropy(total, axis=1, base=2), np.nan)
        information = np.where(varies, _g(cells) / (2 * np.log(2) * total.sum(axis=1)), np.nan)
        columns = {"unknown": total[:, 1] / total.sum(axis=1), "entropy": bits, "mutual_information": information}
        columns |= {"explained": information / bits, "cramers_v": np.sqrt(_chi2(cells) / total.sum(axis=1))}
    table = pd.DataFrame(columns, index=pd.Index(chosen(db, aus), name="AU"))
    constant = (cells == 0).any(axis=2)
    table.attrs = {
        "explained": _ratio(np.nansum(information), np.nansum(bits)),
        "constant_cells": _ratio(cells[constant].sum(), cells.sum()),
        "constant_unknown": _ratio(cells[constant][:, 1].sum(), cells[:, :, 1].sum()),
    }
    return table


def mask_against_dataset(
    db: pd.DataFrame, aus: Sequence[str] | None = None, draws: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Test, for each action unit, whether "known or unknown" is independent of the dataset.

    Two tests side by side. The chi-square and likelihood-ratio statistics take every row for an independent
    observation; as rows of one person are nearly copies of each other, their p is far too small. The permutation test
    counts every person once, by the share of the person's rows that are unknown, and hands the names of the datasets
    out to people at random; its statistic is Welch's, since datasets differ in rows per person and so in spread. It is
    exact if people are exchangeable, and an approximation otherwise.

    Args:
        db: the meta-database; people are told apart by dataset and subject.
        aus: action units; None takes all of the table.
        draws: permutations of people; the smallest possible p is 1 / (draws + 1).
        seed: of the permutations.

    Returns:
        Columns, by ``AU``: ``chi2``, ``G``, ``dof``, ``p_rows`` (of chi2), ``cramers_v``; ``eta2_subjects``, the share
        of the variance between people that lies between datasets, and ``p_subjects``. NaN where the mask is constant.
        In ``.attrs``: ``rows`` and ``subjects``.

    Raises:
        SettingsError: a column or an action unit is not there, or there is nothing to draw from.
    """
    from scipy.stats import chi2

    _check(db, draws)
    aus = chosen(db, aus)
    cells = _mask_counts(db, aus)
    constant = (cells.sum(axis=0) == 0).any(axis=1)
    statistic, dof = np.where(constant, np.nan, _chi2(cells)), len(cells) - 1
    share, dataset = _share_by_subject(db, aus)
    eta2, p = _permuted(share, dataset, draws, np.random.default_rng(seed))
    columns = {"chi2": statistic, "G": np.where(constant, np.nan, _g(cells)), "dof": dof}
    columns |= {"p_rows": chi2.sf(statistic, dof), "cramers_v": np.sqrt(statistic / len(db))}
    columns |= {"eta2_subjects": np.where(constant, np.nan, eta2), "p_subjects": np.where(constant, np.nan, p)}
    table = pd.DataFrame(columns, index=pd.Index(aus, name="AU"))
    table.attrs = {"rows": len(db), "subjects": len(share)}
    return table


def mask_against_labels(
    db: pd.DataFrame,
    aus: Sequence[str] | None = None,
    observed: pd.DataFrame | None = None,
    draws: int = 499,
    seed: int = 0,
) -> pd.DataFrame:
    """Test, inside each dataset, whether an action unit is unknown more often when another one is displayed.

    For a pair (A, B) the rows that know B are used, with m = 1 where A is unknown and y = 1 where B is displayed. The
    statistic is their correlation phi. Its null distribution comes from handing every person the holes of another
    person, drawn at random, read on cyclically from a random row: holes that come in runs, and people with many or
    few of them, stay as they are, and only their tie to what is displayed is cut. With one row a person this is the
    exact permutation test; with people of unequal length it is an approximation. The largest standardised statistic
    of each draw adjusts p for the number of pairs in a dataset (max-T, Westfall and Young 1993).

    Args:
        db: the meta-database; people are told apart by dataset and subject.
        aus: action units; None takes all of the table.
        observed: where to take B's labels from, row by row as ``db``. None is ``db`` itself, in which a label cannot
            be seen where it is missing. With the truth of the synthetic corpus, A's own label is tested too.
        draws: random exchanges; the smallest possible p is 1 / (draws + 1).
        seed: of the exchanges.

    Returns:
        One row a pair that can be tested (both m and y vary): ``dataset``, ``unknown`` (A), ``label`` (B), ``rows``,
        ``subjects`` (people with such a hole in A), ``unknown_if_displayed`` and ``unknown_if_not`` (shares), ``phi``
        (correlation of m and y, from -1 to 1), ``p_rows`` (chi-square, rows taken for independent), ``p`` and
        ``p_adjusted``. The most suspicious pair comes first; no rows if there is no such pair.

    Raises:
        SettingsError: ``observed`` has another number of rows, a column or an action unit is not there, or there is
            nothing to draw from.
    """
    _check(db, draws)
    aus = chosen(db, aus)
    observed = db if observed is None else observed
    if len(observed) != len(db):
        raise SettingsError(f"observed has {len(observed):,} rows for the {len(db):,} of the table; align them first")
    labels = chosen(observed, aus)
    rng = np.random.default_rng(seed)
    tables = []
    for name in dict.fromkeys(db["dataset"]):
        rows = (db["dataset"] == name).to_numpy()
        tables.append(_pairs(db[rows], observed[rows], name, aus, labels, draws, rng))
    table = pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
    order = table["phi"].abs().mul(-1)
    return table.assign(order=order).sort_values(["p_adjusted", "order"], ignore_index=True).drop(columns="order")


def _check(db: pd.DataFrame, draws: int) -> None:
    require_columns(db, "dataset", "subject")
    if not len(db):
        raise SettingsError("the table has no rows to test")
    if draws < 1:
        raise SettingsError(f"draws={draws}; expected 1 or more, and 19 or more to reach p = 0.05")


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _mask_counts(db: pd.DataFrame, aus: Sequence[str]) -> np.ndarray:
    """Known and unknown cells: float of shape (datasets, action units, 2)."""
    counts = label_counts(db, aus, by="dataset")
    known = (counts["displayed"] + counts["not_displayed"]).to_numpy()
    return np.stack([known, counts["unknown"].to_numpy()], axis=1).reshape(-1, len(aus), 2).astype(float)


def _expected(cells: np.ndarray) -> np.ndarray:
    rows, columns = cells.sum(axis=2, keepdims=True), cells.sum(axis=0, keepdims=True)
    return rows * columns / cells.sum(axis=(0, 2))[:, None]


def _chi2(cells: np.ndarray) -> np.ndarray:
    """Pearson's statistic of each action unit's table datasets x (known, unknown); NaN where the mask is constant."""
    expected = _expected(cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((cells - expected) ** 2 / expected).sum(axis=(0, 2))


def _g(cells: np.ndarray) -> np.ndarray:
    """Likelihood-ratio statistic, 2 sum O ln(O / E)."""
    from scipy.special import rel_entr

    return 2 * rel_entr(cells, _expected(cells)).sum(axis=(0, 2))


def _share_by_subject(db: pd.DataFrame, aus: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Share of a person's rows in which an action unit is unknown (people x action units), and the person's dataset."""
    place = _people(db)
    rows = np.bincount(place)
    dataset = np.empty(len(rows), np.intp)
    dataset[place], _ = pd.factorize(db["dataset"])
    unknown = [np.bincount(place, weights=states(db, au) == UNKNOWN) for au in aus]
    return np.stack(unknown, axis=1) / rows[:, None], dataset


def _people(db: pd.DataFrame) -> np.ndarray:
    """Number of every row's person; a person is a subject within a dataset."""
    return db.groupby(["dataset", "subject"], sort=False, observed=True).ngroup().to_numpy()


def _permuted(
    share: np.ndarray, dataset: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Share of variance between datasets, and the p of its permutation test, for each column.

    The statistic is Welch's, in which every dataset has a variance of its own: only so does a permutation test keep
    its level where people of one dataset differ more among themselves than those of another (Chung and Romano 2013).
    """
    member = np.eye(dataset.max() + 1)[dataset]
    people, centred = member.sum(axis=0)[:, None], share - share.mean(axis=0)
    values, spread = np.concatenate([centred, centred**2], axis=1), (centred**2).mean(axis=0)
    floor = _FLOOR * np.where(spread > 0, spread, 1)

    def moments(members: list[np.ndarray]) -> list[np.ndarray]:
        sums = np.concatenate(members, axis=1).T @ values  # many draws at once: few large products are quicker
        return np.split(sums.reshape(len(members), len(people), -1) / people, 2, axis=2)

    def welch(members: list[np.ndarray]) -> np.ndarray:
        mean, square = moments(members)
        variance = np.where(people > 1, (square - mean**2) * people / np.maximum(people - 1, 1), spread)
        weight = people / (np.maximum(variance, 0) + floor)
        centre = (weight * mean).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
        return (weight * (mean - centre) ** 2).sum(axis=1)

    found, reached = welch([member])[0] * (1 - _TIE), np.zeros(share.shape[1])
    for start in range(0, draws, _AT_ONCE):
        exchanged = [rng.permutation(member) for _ in range(min(_AT_ONCE, draws - start))]
        reached += (welch(exchanged) >= found).sum(axis=0)
    between = (people * moments([member])[0][0] ** 2).sum(axis=0) / len(share)
    eta2 = np.divide(between, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    return eta2, (1 + reached) / (1 + draws)


def _pairs(
    db: pd.DataFrame,
    observed: pd.DataFrame,
    name: str,
    aus: Sequence[str],
    labels: Sequence[str],
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """All pairs of one dataset that can be tested."""
    person = _people(db)
    order = np.argsort(person, kind="stable")  # people one after the other, their rows as they were
    masks = np.stack([states(db, au) == UNKNOWN for au in aus], axis=1)[order]
    cells = np.stack([states(observed, au) for au in labels], axis=1)[order]
    pairs = _Pairs(masks, cells)
    table = pairs.effects()
    table.insert(0, "dataset", name)
    table["unknown"], table["label"] = np.array(aus)[table["unknown"]], np.array(labels)[table["label"]]
    table["subjects"] = pairs.people(person[order])
    table["p"], table["p_adjusted"] = _exchanged(pairs, np.bincount(person), draws, rng) if len(table) else (1.0, 1.0)
    return table[[*_PAIR_COLUMNS]]


class _Pairs:
    """Masks against labels: the pairs (mask column, label column) in which both vary where the label is known."""

    def __init__(self, masks: np.ndarray, cells: np.ndarray):
        known, displayed = (cells != UNKNOWN).astype(np.float32), (cells == 1).astype(np.float32)
        rows, positive = known.sum(axis=0), displayed.sum(axis=0)
        holes = masks.astype(np.float32).T @ known
        varies = (holes > 0) & (holes < rows) & (positive > 0) & (positive < rows)
        self.a, self.b = np.flatnonzero(varies.any(axis=1)), np.flatnonzero(varies.any(axis=0))
        self.kept = varies[np.ix_(self.a, self.b)]
        self.masks = masks[:, self.a]
        self.labels = np.concatenate([known[:, self.b], displayed[:, self.b]], axis=1)
        self.rows, self.positive = rows[self.b].astype(float), positive[self.b].astype(float)

    def moments(self, order: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean of m, mean of y and their covariance, each for all kept pairs, with the rows of the masks reordered."""
        y = self.positive / self.rows
        sums = self.masks[order].astype(np.float32).T @ self.labels
        m, both = (half / self.rows for half in np.split(sums, 2, axis=1))
        return m[self.kept], np.broadcast_to(y, m.shape)[self.kept], (both - m * y)[self.kept]

    def phi(self, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        m, y, covariance = self.moments(order)
        variance = m * (1 - m) * y * (1 - y)
        return np.divide(covariance, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 0)

    def effects(self) -> pd.DataFrame:
        from scipy.stats import chi2

        m, y, covariance = self.moments()
        a, b = np.nonzero(self.kept)
        columns = {"unknown": self.a[a], "label": self.b[b], "rows": self.rows[b].astype(np.int64), "phi": self.phi()}
        columns |= {"unknown_if_displayed": m + covariance / y, "unknown_if_not": m - covariance / (1 - y)}
        return pd.DataFrame(columns).assign(p_rows=lambda t: chi2.sf(t["rows"] * t["phi"] ** 2, 1))

    def people(self, person: np.ndarray) -> np.ndarray:
        """Number of people with a hole, for each pair."""
        counts = np.zeros(self.kept.shape, np.int64)
        for i in range(len(counts)):
            holes = self.masks[:, i]
            known = pd.DataFrame(self.labels[holes, : len(self.b)] > 0)
            counts[i] = known.groupby(person[holes]).any().sum(axis=0)
        return counts[self.kept]


def _exchanged(
    pairs: _Pairs, lengths: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """p of each pair when people are given each other's holes, alone and adjusted for all pairs.

    ``lengths`` are the rows of each person, in the order in which the rows of ``pairs`` lie.
    """
    found = np.abs(pairs.phi()) * (1 - _TIE)
    null = np.abs(np.stack([pairs.phi(_exchange(lengths, rng)) for _ in range(draws)]))
    spread = np.sqrt((null**2).mean(axis=0))
    spread[spread == 0] = 1
    largest = (null / spread).max(axis=1, keepdims=True)
    alone, adjusted = (null >= found).sum(axis=0), (largest >= found / spread).sum(axis=0)
    return (1 + alone) / (1 + draws), (1 + adjusted) / (1 + draws)


def _exchange(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For every row the row whose holes it gets: those of another person, read on cyclically from a random one."""
    first = np.cumsum(lengths) - lengths
    giver = rng.permutation(len(lengths))
    start = rng.integers(0, lengths[giver])
    within = np.arange(lengths.sum()) - np.repeat(first, lengths)
    step = (np.repeat(start, lengths) + within) % np.repeat(lengths[giver], lengths)
    return np.repeat(first[giver], lengths) + step
