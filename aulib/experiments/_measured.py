"""The large grid, run once by ``benchmarks/missing_labels.py`` and shipped with the package."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from aulib.errors import DataError
from aulib.experiments._jobs import COLUMNS

FOLDER = Path(__file__).resolve().parent / "data"
RECORD = "record.json"


def measured(folder: str | Path | None = None) -> pd.DataFrame:
    """Return the scores of the large grid.

    Args:
        folder: where ``aulib compare`` wrote its tables; None for those shipped with the package.

    Returns:
        A table with the columns :data:`aulib.experiments.COLUMNS`. All of it is about synthetic faces.

    Raises:
        DataError: there is no table, or one has other columns.

    Example:
        >>> "masked_f1" in set(measured()["method"])
        True
    """
    folder = FOLDER if folder is None else Path(folder)
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise DataError("there is no table of results; make one with 'aulib compare'", folder)
    tables = [pd.read_csv(file).fillna({"variant": ""}) for file in files]
    for file, table in zip(files, tables, strict=True):
        if tuple(table.columns) != COLUMNS:
            raise DataError(f"the columns are {', '.join(table.columns)}; expected {', '.join(COLUMNS)}", file)
    return pd.concat(tables, ignore_index=True)


def record(folder: str | Path | None = None) -> dict:
    """Return how the large grid was made: settings, seeds, versions, seconds.

    Raises:
        DataError: there is no record.

    Example:
        >>> record()["synthetic"]
        True
    """
    file = (FOLDER if folder is None else Path(folder)) / RECORD
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"no readable record ({error}); make one with 'aulib compare'", file) from None
