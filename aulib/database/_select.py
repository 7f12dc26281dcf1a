"""Selecting action units and rows (section 3.2 of the paper), with a report, and labels as an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.base import COLUMNS, META
from aulib.errors import DataError, SettingsError


def select(db: pd.DataFrame, aus: Sequence[str] | None = None, min_occurrences: int = 20_000) -> pd.DataFrame:
    """Keep some action units, and the rows that know at least one of them (section 3.2 of the paper).

    Args:
        db: the meta-database.
        aus: action units to keep; None keeps those displayed at least ``min_occurrences`` times.
        min_occurrences: the threshold; the paper's is 20,000. Not used when ``aus`` is given.

    Returns:
        A new table with a fresh index: columns of origin, kept action units and their intensities, extras.
        ``.attrs["report"]`` holds ``kept``, ``dropped`` (action unit -> times displayed), ``min_occurrences`` (None
        when ``aus`` was given), ``rows_before``, ``rows_after`` and ``rows`` (dataset -> rows before and after);
        :func:`selection_report` makes tables of it.

    Raises:
        SettingsError: an action unit is not known, or nothing is left.
    """
    columns = [au for au in facs.ALL if au in db.columns]
    displayed = {au: int((db[au] == 1).sum()) for au in columns}
    kept = known_aus(aus, columns) if aus is not None else [a for a in columns if displayed[a] >= min_occurrences]
    if not kept:
        most = sorted(displayed.items(), key=lambda item: -item[1])[:5]
        counts = ", ".join(f"{au} {count:,}" for au, count in most)
        raise SettingsError(f"no action unit is displayed {min_occurrences:,} times; the most frequent are: {counts}")
    known = db[kept].notna().any(axis=1).to_numpy()
    if not known.any():
        raise SettingsError(f"no row knows any of {', '.join(kept)}; {len(db):,} rows looked at")
    intensities = [f"{au}_intensity" for au in kept if f"{au}_intensity" in db.columns]
    extras = [column for column in db.columns if column not in COLUMNS]
    table = db.loc[known, [*META, *kept, *intensities, *extras]].reset_index(drop=True)
    report = {
        "kept": {au: displayed[au] for au in kept},
        "dropped": {au: count for au, count in displayed.items() if au not in kept},
        "min_occurrences": None if aus is not None else min_occurrences,
    }
    table.attrs = {"report": report | _rows(db["dataset"], known)}
    return table


def _rows(datasets: pd.Series, known: np.ndarray) -> dict:
    """Rows before and after, in all and per dataset, as plain numbers: attrs are written to Parquet as JSON."""
    counts = pd.Series(known).groupby(datasets.to_numpy(dtype=object), sort=False).agg(["size", "sum"])
    rows = {str(name): [int(size), int(kept)] for name, size, kept in counts.itertuples()}
    return {"rows_before": len(known), "rows_after": int(known.sum()), "rows": rows}


def selection_report(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What :func:`select` left out and why.

    The report travels in ``table.attrs`` through copies, filters, sorting and Parquet.

    Args:
        table: what :func:`select` returned.

    Returns:
        A table of action units (columns ``displayed``, ``kept``, ``why``), most frequent first, and a table of datasets
        (``before``, ``after``, ``dropped``, ``why``).

    Raises:
        DataError: the table carries no report.

    Example:
        >>> db = pd.DataFrame({"dataset": ["unbc"] * 3, "AU04": pd.array([1, 1, None], "Int8")}).assign(
        ...     AU06=pd.array([0, None, 1], "Int8"), subject="s", sequence="q", frame=1, image="i", source="f")
        >>> units, rows = selection_report(select(db, min_occurrences=2))
        >>> units["why"].tolist()
        ['', 'displayed 1 times, fewer than 2']
        >>> rows.loc["unbc", "dropped"].item()
        1
    """
    report = table.attrs.get("report", {})
    if "min_occurrences" not in report:
        raise DataError("the table carries no report of a selection; give the table that database.select returned")
    return _units(report), _datasets(report)


def _units(report: dict) -> pd.DataFrame:
    least = report["min_occurrences"]
    rows = [(au, count, True, "") for au, count in report["kept"].items()]
    for au, count in report["dropped"].items():
        why = "not asked for" if least is None else f"displayed {count:,} times, fewer than {least:,}"
        rows.append((au, count, False, why))
    units = pd.DataFrame(rows, columns=["AU", "displayed", "kept", "why"]).set_index("AU")
    return units.sort_values("displayed", ascending=False, kind="stable")


def _datasets(report: dict) -> pd.DataFrame:
    rows = pd.DataFrame.from_dict(report["rows"], orient="index", columns=["before", "after"])
    rows["dropped"] = rows["before"] - rows["after"]
    rows["why"] = np.where(rows["dropped"] > 0, "every kept action unit is unknown", "")
    return rows.rename_axis("dataset")


def labels(db: pd.DataFrame, aus: Sequence[str]) -> np.ndarray:
    """Labels as float32 array of shape (rows, action units): 1 displayed, 0 not displayed, NaN unknown.

    Raises:
        SettingsError: an action unit is not in the table, or is named twice.

    Example:
        >>> labels(pd.DataFrame({"AU01": pd.array([1, 0, None], "Int8")}), ["AU01"]).ravel().tolist()
        [1.0, 0.0, nan]
    """
    aus = known_aus(aus, db.columns)
    y = np.empty((len(db), len(aus)), np.float32)
    for i, au in enumerate(aus):
        y[:, i] = db[au].to_numpy(dtype=np.float32, na_value=np.nan)
    return y


def known_aus(aus: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The action units as a list, if all are columns of the table and none is named twice."""
    unknown = [au for au in aus if au not in facs.ALL or au not in columns]
    if unknown:
        known = ", ".join(au for au in facs.ALL if au in columns)
        raise SettingsError(f"no action unit {', '.join(map(str, unknown))} in this table; it has: {known}")
    if len(set(aus)) < len(aus):
        raise SettingsError(f"an action unit is named twice: {', '.join(aus)}")
    return list(aus)
