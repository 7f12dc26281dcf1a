"""The meta-database: one table for all datasets, built, validated, saved, loaded and selected from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from aulib import adapters, facs
from aulib.adapters.base import COLUMNS, INTENSITY_COLUMNS, META
from aulib.adapters.base import Adapter as _Adapter
from aulib.adapters.files import read_lines
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

_COMMON_SETTINGS = ("missing_images", "strict")
_REQUIRED = ("dataset", "subject", "source")


def build(roots: Mapping[str, str | Path], **settings) -> pd.DataFrame:
    """Read datasets and put them into one table.

    Args:
        roots: dataset name -> its folder.
        **settings: ``missing_images`` and ``strict`` hold for all datasets; a dataset's name with a dict holds for that
            dataset, as in ``bp4d={"frame_offset": 0}``.

    Returns:
        The validated meta-database, in the order of ``roots``. ``.attrs["report"]`` maps each dataset to the counts
        of its reader, ``.attrs["problems"]`` lists problems that were read over, ``.attrs["duplicates"]`` is the
        number of rows left out because they repeat an image with the same labels.

    Raises:
        SettingsError: a dataset or a setting is not known.
        DatasetNotFoundError: folders are missing; all of them are named at once, before anything is read.
        DataError: a file cannot be read as documented, or one image has two different sets of labels.
    """
    readers = _readers(roots, settings)
    _check_folders(readers)
    tables = [reader.read() for reader in tqdm(readers, desc="reading", unit="dataset", disable=None)]
    for table in tables:
        _refuse_other_columns(table)
    reports = {reader.name: table.attrs["report"] for reader, table in zip(readers, tables, strict=True)}
    problems = [
        {"dataset": reader.name, **problem}
        for reader, table in zip(readers, tables, strict=True)
        for problem in table.attrs["problems"]
    ]
    db, duplicates = _without_duplicates(_concatenate(tables))
    db.attrs = {"report": reports, "problems": problems, "duplicates": duplicates}
    return validate(db)


def validate(db: pd.DataFrame, aus: Sequence[str] = facs.ALL) -> pd.DataFrame:
    """Return the table if it is a meta-database, with the named action units.

    Raises:
        DataError: a column is missing, has another type, or holds a value that is not accepted. The message names the
            first offending row by dataset, image and annotation file.

    Example:
        >>> validate(pd.DataFrame({"dataset": ["bp4d"]}))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        aulib.errors.DataError: not a meta-database: no column 'subject' ...
    """
    import pandera.errors

    absent = [column for column in (*META, *aus) if column not in db.columns]
    if absent:
        raise DataError(f"not a meta-database: no column {absent[0]!r} ({len(absent)} of its columns are missing)")
    try:
        _schema(aus).validate(db)
    except pandera.errors.SchemaError as error:
        raise DataError(_explain(error, db)) from None
    return db


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
        raise DataError(f"not a readable Parquet file ({error})", path) from None
    return validate(db, aus)


def select(db: pd.DataFrame, aus: Sequence[str] | None = None, min_occurrences: int = 20_000) -> pd.DataFrame:
    """Keep some action units, and the rows that know at least one of them (section 3.2 of the paper).

    Args:
        db: the meta-database.
        aus: action units to keep; None keeps those displayed at least ``min_occurrences`` times.
        min_occurrences: the threshold; the paper's is 20,000. Not used when ``aus`` is given.

    Returns:
        A new table with a fresh index: columns of origin, kept action units and their intensities, extras.
        ``.attrs["report"]`` holds ``kept``, ``dropped`` (action unit -> times displayed), ``rows_before``,
        ``rows_after``.

    Raises:
        SettingsError: an action unit is not known, or nothing is left.
    """
    columns = [au for au in facs.ALL if au in db.columns]
    displayed = {au: int((db[au] == 1).sum()) for au in columns}
    kept = _known_aus(aus, columns) if aus is not None else [a for a in columns if displayed[a] >= min_occurrences]
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
    dropped = {au: count for au, count in displayed.items() if au not in kept}
    report = {"kept": {au: displayed[au] for au in kept}, "dropped": dropped}
    table.attrs = {"report": report | {"rows_before": len(db), "rows_after": len(table)}}
    return table


def labels(db: pd.DataFrame, aus: Sequence[str]) -> np.ndarray:
    """Labels as float32 array of shape (rows, action units): 1 displayed, 0 not displayed, NaN unknown.

    Example:
        >>> labels(pd.DataFrame({"AU01": pd.array([1, 0, None], "Int8")}), ["AU01"]).ravel().tolist()
        [1.0, 0.0, nan]
    """
    aus = _known_aus(aus, db.columns)
    y = np.empty((len(db), len(aus)), np.float32)
    for i, au in enumerate(aus):
        y[:, i] = db[au].to_numpy(dtype=np.float32, na_value=np.nan)
    return y


def describe(db: pd.DataFrame) -> pd.DataFrame:
    """Table per dataset, comparable in form to Table 1 of the paper.

    Columns: ``people``, ``images``, ``images_per_person`` and ``known_share``, the share of label cells that are known.
    """
    aus = [au for au in facs.ALL if au in db.columns]
    known = pd.Series(db[aus].notna().to_numpy().mean(axis=1), index=db.index)
    groups = db.groupby("dataset", sort=False)
    table = pd.DataFrame({"people": groups["subject"].nunique(), "images": groups.size()})
    table["images_per_person"] = table["images"] / table["people"]
    table["known_share"] = known.groupby(db["dataset"], sort=False).mean().astype(float)
    return table


def annotation(row: pd.Series, roots: Mapping[str, str | Path]) -> str:
    """Return what the annotation file says about a row of the database: the way back from a label to its source.

    Args:
        row: a row of the meta-database.
        roots: dataset name -> its folder.

    Returns:
        The file's header and the row's line where a file holds many rows, and the whole file where it holds one.
    """
    name, _, line = str(row["source"]).rpartition(":")
    if not line.isdigit():
        return "\n".join(read_lines(Path(roots[row["dataset"]]) / row["source"]))
    lines = read_lines(Path(roots[row["dataset"]]) / name)
    return f"{lines[0]}\n{lines[int(line) - 1]}"


def _readers(roots: Mapping[str, str | Path], settings: dict) -> list[_Adapter]:
    if not roots:
        raise SettingsError(f"no dataset given; the datasets are: {', '.join(adapters.names())}")
    unknown = [name for name in roots if name not in adapters.names()]
    if unknown:
        known = ", ".join(adapters.names())
        raise SettingsError(f"there is no dataset {', '.join(map(str, unknown))}; the datasets are: {known}")
    for key, value in settings.items():
        if key in adapters.names():
            if not isinstance(value, Mapping):
                raise SettingsError(f"{key}={value!r}: expected a dict of settings of this dataset")
        elif key not in _COMMON_SETTINGS:
            raise SettingsError(f"no setting {key!r}; accepted: {', '.join(_COMMON_SETTINGS)} or a dataset's name")
    common = {key: value for key, value in settings.items() if key in _COMMON_SETTINGS}
    return [adapters.create(name, root, **(common | dict(settings.get(name, {})))) for name, root in roots.items()]


def _check_folders(readers: Sequence[_Adapter]) -> None:
    missing = []
    for reader in readers:
        try:
            reader.check()
        except DatasetNotFoundError as error:
            missing.append(f"{reader.name}: {error}")
    if missing:
        raise DatasetNotFoundError("\n".join(missing))


def _refuse_other_columns(table: pd.DataFrame) -> None:
    if tuple(table.columns[: len(COLUMNS)]) != COLUMNS:
        different = [column for column in COLUMNS if column not in table.columns] or list(table.columns[: len(COLUMNS)])
        name = table["dataset"].iloc[0] if "dataset" in table.columns else "a dataset"
        raise DataError(f"the columns of {name} are not those of the meta-database: see {', '.join(different[:5])}")


def _concatenate(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other; an extra that a dataset lacks is <NA> there and keeps its type."""
    extras: dict[str, object] = {}
    for table in tables:
        for column in table.columns[len(COLUMNS) :]:
            dtype = extras.setdefault(column, table[column].dtype)
            if dtype != table[column].dtype:
                raise DataError(f"column {column!r} is {dtype} in one dataset and {table[column].dtype} in another")
    filled = []
    for table in tables:
        table = table.copy(deep=False)
        table.attrs = {}
        for column, dtype in extras.items():
            if column not in table.columns:
                table[column] = pd.array([pd.NA] * len(table), dtype=dtype)
        filled.append(table[[*COLUMNS, *extras]])
    return pd.concat(filled, ignore_index=True)


def _without_duplicates(db: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out rows that repeat an image with the same labels; different labels for one image are an error."""
    repeated = db["image"].notna() & db.duplicated(["dataset", "image"], keep=False)
    if not repeated.any():
        return db, 0
    rows = db[repeated]
    conflicting = rows[~rows.duplicated(["dataset", "image", *facs.ALL, *INTENSITY_COLUMNS], keep=False)]
    if len(conflicting):
        first = conflicting.iloc[0]
        same = rows[(rows["dataset"] == first["dataset"]) & (rows["image"] == first["image"])]
        sources = " and ".join(same["source"].head(3))
        raise DataError(
            f"image {first['image']!r} of {first['dataset']} is labelled differently in {sources}; correct one of them"
        )
    again = db["image"].notna() & db.duplicated(["dataset", "image"])
    warnings.warn(f"{int(again.sum()):,} rows repeat an image with the same labels and were left out", stacklevel=3)
    return db[~again].reset_index(drop=True), int(again.sum())


def _known_aus(aus: Sequence[str], columns: Sequence[str]) -> list[str]:
    unknown = [au for au in aus if au not in facs.ALL or au not in columns]
    if unknown:
        known = ", ".join(au for au in facs.ALL if au in columns)
        raise SettingsError(f"no action unit {', '.join(map(str, unknown))} in this table; it has: {known}")
    if len(set(aus)) < len(aus):
        raise SettingsError(f"an action unit is named twice: {', '.join(aus)}")
    return list(aus)


def _schema(aus: Sequence[str]):
    """The one schema of the meta-database (pandera)."""
    import pandera.pandas as pa

    text = pa.Check(lambda column: isinstance(column.dtype, pd.StringDtype), error="type 'string'")
    columns = {name: pa.Column(None, text, nullable=name not in _REQUIRED) for name in META if name != "frame"}
    columns["dataset"] = pa.Column(None, [text, pa.Check.isin(adapters.names())], nullable=False)
    columns["frame"] = pa.Column("Int64", pa.Check.ge(0), nullable=True)
    columns |= {au: pa.Column("Int8", pa.Check.isin([0, 1]), nullable=True) for au in aus}
    graded = pa.Column("Int8", pa.Check.in_range(0, 5), nullable=True, required=False)
    return pa.DataFrameSchema(columns | dict.fromkeys(INTENSITY_COLUMNS, graded), strict=False)


def _explain(error, db: pd.DataFrame) -> str:
    """A sentence from pandera's error: what is wrong, where first, what is accepted."""
    column, cases = getattr(error.schema, "name", None), error.failure_cases
    accepted = "0, 1 or <NA>" if column in facs.ALL else "0 to 5 or <NA>" if column in INTENSITY_COLUMNS else None
    accepted = accepted or (", ".join(adapters.names()) if column == "dataset" else str(error.check))
    if not isinstance(cases, pd.DataFrame) or "index" not in cases or cases["index"].isna().all():
        return f"not a meta-database: column {column!r} has type {db[column].dtype}; expected {error.check}"
    row = db.loc[[cases["index"].iloc[0]]].iloc[0]
    found = cases["failure_case"].iloc[0]
    place = ", ".join(f"{key} {row[key]}" for key in ("dataset", "image", "source"))
    return f"column {column!r}: value {found} is not accepted (expected {accepted}); first in the row with {place}"
