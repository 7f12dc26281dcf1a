"""Counts of known and unknown labels: per action unit, per dataset, per pair, per row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import facs
from aulib.errors import SettingsError

#: How an unknown cell is held in the int8 matrices of this package, beside 1 displayed and 0 not displayed.
UNKNOWN = 2


def label_counts(db: pd.DataFrame, aus: Sequence[str] | None = None, by: str | None = None) -> pd.DataFrame:
    """Count displayed, not displayed and unknown labels (the bars of the paper's Figures 1 and 2).

    Args:
        db: table with columns of action units.
        aus: action units; None takes all of the table.
        by: a column such as ``"dataset"`` to count for each of its values.

    Returns:
        Columns ``displayed``, ``not_displayed``, ``unknown`` (int64); index ``AU``, or (``by``, ``AU``).

    Raises:
        SettingsError: the table has no such action unit or column.

    Example:
        >>> label_counts(pd.DataFrame({"AU01": pd.array([1, 0, None, None], "Int8")})).loc["AU01"].tolist()
        [1, 1, 2]
    """
    aus = chosen(db, aus)
    if by is None:
        return _frame(_counts(db, aus, np.zeros(len(db), np.intp), 1)[0], pd.Index(aus, name="AU"))
    require_columns(db, by)
    place, values = pd.factorize(db[by], sort=True)
    counts = _counts(db, aus, place, len(values))
    return _frame(counts.reshape(-1, 3), pd.MultiIndex.from_product([values, aus], names=[by, "AU"]))


def missing_rate(db: pd.DataFrame, aus: Sequence[str] | None = None) -> float:
    """Share of label cells that are unknown, from 0 to 1; NaN for a table without rows.

    Example:
        >>> missing_rate(pd.DataFrame({"AU01": pd.array([1, 0, None, None], "Int8")}))
        0.5
    """
    counts = label_counts(db, aus).sum()
    cells = counts.sum()
    return float(counts["unknown"] / cells) if cells else float("nan")


def coverage(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.DataFrame:
    """Share of rows in which an action unit is known, action units x datasets: who codes it, and how fully."""
    counts = label_counts(db, aus, by="dataset")
    known = 1 - counts["unknown"] / counts.sum(axis=1)
    return known.unstack("dataset").reindex(chosen(db, aus)).reindex(columns=list(dict.fromkeys(db["dataset"])))


def coding_groups(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.Series:
    """Which datasets know an action unit at all, as names joined by commas, the widely known units first.

    Units known to the same datasets stand next to each other, so that a matrix in this order shows its blocks.

    Returns:
        Text indexed by ``AU``; empty text for a unit that no dataset knows.
    """
    known = coverage(db, aus) > 0
    names = known.apply(lambda row: ", ".join(known.columns[row]), axis=1)
    order = sorted(known.index, key=lambda au: (-known.loc[au].sum(), names[au], au))
    return names.reindex(order).rename("datasets").rename_axis("AU")


def co_annotation(db: pd.DataFrame, aus: Sequence[str] | None = None, count: str = "rows") -> pd.DataFrame:
    """Count where both action units of a pair are known, action units x action units; the diagonal counts one alone.

    Args:
        db: table with columns of action units.
        aus: action units; None takes all of the table.
        count: ``"rows"``, or ``"datasets"`` for the number of datasets with at least one such row.

    Example:
        >>> rows = {"AU01": pd.array([1, 0, None], "Int8"), "AU04": pd.array([None, 1, 0], "Int8")}
        >>> co_annotation(pd.DataFrame(rows)).loc["AU01"].tolist()
        [2, 1]
    """
    aus = chosen(db, aus)
    if count not in ("rows", "datasets"):
        raise SettingsError(f"count={count!r}; accepted: 'rows' or 'datasets'")
    known = db[aus].notna().to_numpy()
    if count == "rows":
        both = _both(known)
    else:
        require_columns(db, "dataset")
        place, names = pd.factorize(db["dataset"])
        both = sum(((_both(known[place == d]) > 0).astype(np.int64) for d in range(len(names))), np.int64(0))
    return pd.DataFrame(both, index=pd.Index(aus, name="AU"), columns=aus)


def patterns(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.DataFrame:
    """Distinct patterns of known and unknown action units, most frequent first.

    Returns:
        One row a pattern: ``rows`` (how many rows have it), ``share``, ``datasets`` (their names, joined by commas),
        ``known`` (how many action units are known), then one bool column an action unit, True where it is known.
    """
    aus = chosen(db, aus)
    require_columns(db, "dataset")
    known = db[aus].notna().to_numpy()
    first, number, rows = _distinct(known)
    seen = pd.DataFrame({"number": number, "dataset": db["dataset"].to_numpy(dtype=object)}).drop_duplicates()
    datasets = seen.groupby("number")["dataset"].agg(lambda names: ", ".join(sorted(names)))
    table = pd.DataFrame({"rows": rows, "share": rows / len(db), "datasets": datasets})
    table["known"] = known[first].sum(axis=1)
    table = pd.concat([table, pd.DataFrame(known[first], columns=aus)], axis=1)
    table = table.sort_values(["rows", "known"], ascending=False, kind="stable").reset_index(drop=True)
    return table.rename_axis("pattern")


def pattern_bits(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.Series:
    """Entropy of a row's pattern of known action units in bits, and what of it is left once the dataset is named.

    Returns:
        ``patterns`` (their number), ``bits`` (entropy H of the pattern), ``bits_given_dataset`` (conditional entropy)
        and ``explained`` (1 - conditional / H; NaN if there is one pattern only).

    Example:
        >>> rows = {"dataset": ["bp4d", "unbc"], "AU01": pd.array([1, None], "Int8")}
        >>> pattern_bits(pd.DataFrame(rows)).tolist()
        [2.0, 1.0, 0.0, 1.0]
    """
    from scipy.stats import entropy

    require_columns(db, "dataset")
    _, number, rows = _distinct(db[chosen(db, aus)].notna().to_numpy())
    place, names = pd.factorize(db["dataset"])
    joint = np.bincount(place * len(rows) + number, minlength=len(names) * len(rows))
    bits = entropy(rows, base=2)
    left = max(0.0, entropy(joint, base=2) - entropy(np.bincount(place), base=2))
    explained = 1 - left / bits if bits else np.nan
    return pd.Series({"patterns": len(rows), "bits": bits, "bits_given_dataset": left, "explained": explained})


def cardinality(db: pd.DataFrame, aus: Sequence[str] | None = None, by: str | None = None) -> pd.DataFrame:
    """Label cardinality, the mean number of displayed action units a row, with the bounds that unknown cells leave.

    With unknown cells the cardinality ``mean_i |Y_i|`` of Tsoumakas and Katakis (2007) is not one number: it lies
    between the value with every unknown cell not displayed and the value with every unknown cell displayed.

    Args:
        db: table with columns of action units.
        aus: action units; None takes all of the table.
        by: a column such as ``"dataset"`` to measure for each of its values.

    Returns:
        Columns ``rows``, ``known`` (mean known cells a row), ``lower`` and ``upper`` (bounds of the cardinality),
        ``density_lower`` and ``density_upper`` (the same over the number of action units) and ``density_known``
        (displayed over known cells; NaN without any).

    Example:
        >>> rows = {"AU01": pd.array([1, None], "Int8"), "AU04": pd.array([0, 1], "Int8")}
        >>> cardinality(pd.DataFrame(rows))[["known", "lower", "upper"]].loc["all"].tolist()
        [1.5, 1.0, 1.5]
    """
    aus = chosen(db, aus)
    counts = label_counts(db, aus, by=by)
    total = counts.groupby(level=by).sum() if by else counts.sum().to_frame("all").T
    rows, displayed = total.sum(axis=1) / len(aus), total["displayed"]
    known = displayed + total["not_displayed"]
    lower, upper = displayed / rows, (displayed + total["unknown"]) / rows
    columns = {"rows": rows.astype(np.int64), "known": known / rows, "lower": lower, "upper": upper}
    columns |= {"density_lower": lower / len(aus), "density_upper": upper / len(aus)}
    return pd.DataFrame(columns | {"density_known": displayed / known.where(known > 0)})


def chosen(db: pd.DataFrame, aus: Sequence[str] | None) -> list[str]:
    """The action units asked for, or all of the table in the order of Table 3; SettingsError if one is not there."""
    found = [au for au in facs.ALL if au in db.columns]
    unknown = [] if aus is None else [au for au in aus if au not in found]
    if unknown or not found:
        raise SettingsError(f"no action unit {', '.join(unknown)} in the table; it has: {', '.join(found) or 'none'}")
    return found if aus is None else list(aus)


def require_columns(db: pd.DataFrame, *columns: str) -> None:
    """Raise SettingsError unless the table has these columns."""
    for column in columns:
        if column not in db.columns:
            found = ", ".join(map(str, db.columns[:8]))
            raise SettingsError(f"no column {column!r} to count by; the table has: {found}, ...")


def states(db: pd.DataFrame, au: str) -> np.ndarray:
    """One action unit's labels as int8: 1 displayed, 0 not displayed, UNKNOWN."""
    return db[au].to_numpy(dtype=np.int8, na_value=UNKNOWN)


def _counts(db: pd.DataFrame, aus: Sequence[str], place: np.ndarray, groups: int) -> np.ndarray:
    """Displayed, not displayed, unknown: int64 of shape (groups, action units, 3). Rows with place -1 do not count."""
    counted = place >= 0
    counts = np.empty((groups, len(aus), 3), np.int64)
    for i, au in enumerate(aus):
        cells = (place * 3 + states(db, au))[counted]
        counts[:, i] = np.bincount(cells, minlength=3 * groups).reshape(groups, 3)
    return counts[:, :, [1, 0, UNKNOWN]]


def _frame(counts: np.ndarray, index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(counts, index=index, columns=["displayed", "not_displayed", "unknown"])


def _both(known: np.ndarray) -> np.ndarray:
    small = known.astype(np.float32 if len(known) < 2**24 else np.float64)  # counts below 2 ** 24 are exact in float32
    return (small.T @ small).astype(np.int64)


def _distinct(known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows of a bool matrix of up to 64 columns: first place of each, number of every row's, and counts."""
    packed = np.zeros((len(known), 8), np.uint8)  # a row becomes one whole number, which sorts quickly
    packed[:, : -(-known.shape[1] // 8)] = np.packbits(known, axis=1)
    keys = packed.view(np.uint64).ravel()
    _, first, number, rows = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return first, number.ravel(), rows
