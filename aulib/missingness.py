"""Which labels are unknown: counts, rates and patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.registry import PAPER
from aulib.errors import SettingsError

#: Numbers of action units per dataset with which the paper's 69.07 % can be recomputed. A reconstruction: consistent
#: with the paper, not proved by it.
PAPER_MASKS: dict[str, int] = {
    "actor_study": 30,
    "aff_wild2": 8,
    "bp4d": 12,
    "ck_plus": 30,
    "emotionet": 23,
    "unbc": 11,
}


def label_counts(db: pd.DataFrame, aus: Sequence[str] | None = None, by: str | None = None) -> pd.DataFrame:
    """Count displayed, not displayed and unknown labels (the bars of the paper's Figures 1 and 2).

    Args:
        db: table with columns of action units.
        aus: action units; None takes all of the table.
        by: a column such as ``"dataset"`` to count for each of its values.

    Returns:
        Columns ``displayed``, ``not_displayed``, ``unknown`` (int64); index ``AU``, or (``by``, ``AU``).

    Example:
        >>> label_counts(pd.DataFrame({"AU01": pd.array([1, 0, None, None], "Int8")})).loc["AU01"].tolist()
        [1, 1, 2]
    """
    aus = _aus(db, aus)
    if by is None:
        return _counts(db, aus)
    if by not in db.columns:
        raise SettingsError(f"no column {by!r} to count by; the table has: {', '.join(map(str, db.columns[:8]))}, ...")
    groups = db[[by, *dict.fromkeys(aus)]].groupby(by, sort=True, observed=True)
    return pd.concat({value: _counts(group, aus) for value, group in groups}, names=[by, "AU"])


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
    return known.unstack("dataset").reindex(_aus(db, aus)).reindex(columns=list(dict.fromkeys(db["dataset"])))


def co_annotation(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.DataFrame:
    """Number of rows that know both action units, action units x action units; the diagonal counts one alone."""
    aus = _aus(db, aus)
    known = db[aus].notna().to_numpy().astype(np.float32)  # a quick product; counts below 2 ** 24 are exact in it
    both = known.T @ known if len(db) < 2**24 else known.T.astype(np.float64) @ known
    return pd.DataFrame(both.astype(np.int64), index=pd.Index(aus, name="AU"), columns=aus)


def patterns(db: pd.DataFrame, aus: Sequence[str] | None = None) -> pd.DataFrame:
    """Distinct patterns of known and unknown action units, most frequent first.

    Returns:
        One row a pattern: ``rows`` (how many rows have it), ``share``, ``datasets`` (their names, joined by commas),
        ``known`` (how many action units are known), then one bool column an action unit, True where it is known.
    """
    aus = _aus(db, aus)
    known = db[aus].notna().to_numpy()
    packed = np.packbits(known, axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, number, rows = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    seen = pd.DataFrame({"number": number.ravel(), "dataset": db["dataset"].to_numpy(dtype=object)}).drop_duplicates()
    datasets = seen.groupby("number")["dataset"].agg(lambda names: ", ".join(sorted(names)))
    table = pd.DataFrame({"rows": rows, "share": rows / len(db), "datasets": datasets})
    table["known"] = known[first].sum(axis=1)
    table = pd.concat([table, pd.DataFrame(known[first], columns=aus)], axis=1)
    table = table.sort_values(["rows", "known"], ascending=False, kind="stable").reset_index(drop=True)
    return table.rename_axis("pattern")


def paper_missing_rate(masks: Mapping[str, int] | None = None, aus: int = len(facs.ALL)) -> float:
    """Missing rate of a database in which dataset d, with Table 1's number of images n_d, codes k_d action units.

    The rate is ``1 - sum(k_d * n_d) / (aus * sum(n_d))``. The paper reports 69.07 % and does not say from which k_d;
    the default :data:`PAPER_MASKS` reproduces it, but so do other choices.

    Args:
        masks: dataset -> number of coded action units among ``aus``.
        aus: number of action units in the table; 45 in the paper's Table 3.

    Example:
        >>> round(paper_missing_rate(), 4)
        0.6907
    """
    masks = dict(PAPER_MASKS if masks is None else masks)
    unknown = sorted(set(masks) - set(PAPER))
    if unknown or not masks:
        raise SettingsError(f"no dataset {', '.join(unknown) or 'given'}; the datasets are: {', '.join(PAPER)}")
    for name, size in masks.items():
        if not 0 <= size <= aus:
            raise SettingsError(f"{name} cannot code {size} of {aus} action units")
    known = sum(size * PAPER[name].images for name, size in masks.items())
    return 1 - known / (aus * sum(PAPER[name].images for name in masks))


def _counts(db: pd.DataFrame, aus: Sequence[str]) -> pd.DataFrame:
    displayed = [int((db[au] == 1).sum()) for au in aus]
    not_displayed = [int((db[au] == 0).sum()) for au in aus]
    unknown = [int(db[au].isna().sum()) for au in aus]
    columns = {"displayed": displayed, "not_displayed": not_displayed, "unknown": unknown}
    return pd.DataFrame(columns, index=pd.Index(list(aus), name="AU"), dtype=np.int64)


def _aus(db: pd.DataFrame, aus: Sequence[str] | None) -> list[str]:
    found = [au for au in facs.ALL if au in db.columns]
    unknown = [] if aus is None else [au for au in aus if au not in found]
    if unknown or not found:
        raise SettingsError(f"no action unit {', '.join(unknown)} in the table; it has: {', '.join(found) or 'none'}")
    return found if aus is None else list(aus)
