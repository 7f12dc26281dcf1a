"""Saving and loading the meta-database as Parquet. No pickle is ever written or read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aulib import facs
from aulib.database._schema import validate
from aulib.errors import DataError


def save(db: pd.DataFrame, path: str | Path) -> Path:
    """Write the table as Parquet: to a temporary name first, so that a file under this name is always whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        db.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load(path: str | Path, aus: Sequence[str] = facs.ALL) -> pd.DataFrame:
    """Read a table that :func:`save` wrote, with the same types, and validate it.

    Args:
        path: the Parquet file.
        aus: action units it must have; give the kept ones for a table made by :func:`select`.

    Raises:
        DataError: there is no such file, it is not Parquet, or it is not a meta-database.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file; build the meta-database and save it first", path)
    try:
        with pd.option_context("mode.string_storage", "pyarrow"):
            db = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise DataError(
            f"not a readable Parquet file ({error}); a file that was cut short must be built again", path
        ) from None
    try:
        return validate(db, aus)
    except DataError as error:
        raise DataError(str(error), path) from None
