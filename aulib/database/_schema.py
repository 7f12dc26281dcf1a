"""What a meta-database is: its columns, their types and the values accepted in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from aulib import adapters, facs
from aulib.adapters.base import INTENSITY_COLUMNS, META
from aulib.errors import DataError

_REQUIRED = ("dataset", "subject", "source")
_PATHS = ("image", "source")
_LEADS_OUT = r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]"


def validate(db: pd.DataFrame, aus: Sequence[str] = facs.ALL) -> pd.DataFrame:
    """Return the table if it is a meta-database, with the named action units.

    Raises:
        DataError: a column is missing, is there twice, is named like an action unit that the meta-database does not
            have, has another type, or holds a value that is not accepted (a path that leads out of the dataset's
            folder is one). The message names the first offending row by dataset, image and annotation file.

    Example:
        >>> validate(pd.DataFrame({"dataset": ["bp4d"]}))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        aulib.errors.DataError: not a meta-database: no column 'subject' ...
    """
    import pandera.errors

    _check_columns(db, aus)
    unique = db if db.index.is_unique else db.reset_index(drop=True)
    try:
        _schema(aus).validate(unique)
    except pandera.errors.SchemaError as error:
        raise DataError(_explain(error, unique)) from None
    return db


def _check_columns(db: pd.DataFrame, aus: Sequence[str]) -> None:
    if not isinstance(db, pd.DataFrame):
        raise DataError(f"not a meta-database: a {type(db).__name__}; expected a pandas DataFrame")
    twice = db.columns[db.columns.duplicated()]
    if len(twice):
        raise DataError(f"not a meta-database: column {twice[0]!r} is there twice")
    absent = [column for column in (*META, *aus) if column not in db.columns]
    if absent:
        raise DataError(f"not a meta-database: no column {absent[0]!r} ({len(absent)} of its columns are missing)")
    known = {*facs.ALL, *INTENSITY_COLUMNS}
    strange = [c for c in map(str, db.columns) if re.fullmatch(r"AU\d+(_intensity)?", c) and c not in known]
    if strange:
        raise DataError(
            f"not a meta-database: it has no column {strange[0]!r}; accepted are the action units {facs.ALL[0]} to "
            f"{facs.ALL[-1]} of aulib.facs.ALL, and intensities where a dataset codes them; rename or drop the column"
        )


def _schema(aus: Sequence[str]):
    """The one schema of the meta-database (pandera)."""
    import pandera.pandas as pa

    text = pa.Check(lambda column: isinstance(column.dtype, pd.StringDtype), error="type 'string'")
    inside = pa.Check(lambda column: ~column.str.contains(_LEADS_OUT, regex=True), error="a path below the root")
    columns = {
        name: pa.Column(None, [text, inside] if name in _PATHS else text, nullable=name not in _REQUIRED)
        for name in META
        if name != "frame"
    }
    columns["dataset"] = pa.Column(None, [text, pa.Check.isin(adapters.names())], nullable=False)
    columns["frame"] = pa.Column("Int64", pa.Check.ge(0), nullable=True)
    columns |= {au: pa.Column("Int8", pa.Check.isin([0, 1]), nullable=True) for au in aus}
    graded = pa.Column("Int8", pa.Check.in_range(0, 5), nullable=True, required=False)
    return pa.DataFrameSchema(columns | dict.fromkeys(INTENSITY_COLUMNS, graded), strict=False)


def _explain(error, db: pd.DataFrame) -> str:
    """A sentence from pandera's error: what is wrong, where first, what is accepted."""
    column, cases = getattr(error.schema, "name", None), error.failure_cases
    if not isinstance(cases, pd.DataFrame) or "index" not in cases or cases["index"].isna().all():
        return f"not a meta-database: column {column!r} has type {db[column].dtype}; expected {error.check}"
    row = db.loc[[cases["index"].iloc[0]]].iloc[0]
    found, accepted = cases["failure_case"].iloc[0], _accepted(column, error)
    place = ", ".join(f"{key} {row[key]}" for key in ("dataset", "image", "source"))
    return f"column {column!r}: value {found} is not accepted (expected {accepted}); first in the row with {place}"


def _accepted(column: str, error) -> str:
    if column in facs.ALL:
        return "0, 1 or <NA>"
    if column in INTENSITY_COLUMNS:
        return "0 to 5 or <NA>"
    if column == "dataset":
        return ", ".join(adapters.names())
    return "a path below the dataset's folder" if "below the root" in str(error.check) else str(error.check)
