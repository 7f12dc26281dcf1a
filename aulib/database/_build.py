"""Building the meta-database: read every dataset, put the tables below each other, one row an image."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from aulib import adapters, facs
from aulib.adapters.base import COLUMNS, INTENSITY_COLUMNS, UNKNOWN
from aulib.adapters.base import Adapter as _Adapter
from aulib.database._people import overlapping, shared_people
from aulib.database._schema import validate
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

_COMMON_SETTINGS = ("missing_images", "strict")
_CODED = (*facs.ALL, *INTENSITY_COLUMNS)


def build(roots: Mapping[str, str | Path], **settings) -> pd.DataFrame:
    """Read datasets and put them into one table.

    Rows that repeat an image with the same labels are left out, with a warning. Rows that do not agree on an image are
    an error, or with ``strict=False`` a warning: the first row stays, and a cell is known only where all rows say the
    same. Datasets that show the same people are announced with a warning.

    Args:
        roots: dataset name -> its folder.
        **settings: ``missing_images`` and ``strict`` hold for all datasets; a dataset's name with a dict holds for that
            dataset, as in ``bp4d={"frame_offset": 0}``.

    Returns:
        The validated meta-database, in the order of ``roots``. In ``.attrs``: ``report`` maps each dataset to the
        counts of its reader; ``problems`` lists problems that were read over; ``duplicates`` is the number of rows left
        out because they repeat an image; ``conflicts`` lists the images whose rows did not agree (dataset, image,
        sources, columns).

    Raises:
        SettingsError: a dataset or a setting is not known.
        DatasetNotFoundError: folders are missing; all of them are named at once, before anything is read.
        DataError: a file cannot be read as documented, one image has two different sets of labels or two people, or two
            datasets have columns that do not fit together.
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
    db, repeated, conflicts = _one_row_an_image(_concatenate(tables), [r.name for r in readers if not r.strict])
    db.attrs = {"report": reports, "problems": problems, "duplicates": repeated, "conflicts": conflicts}
    _announce_shared_people(db)
    return validate(db)


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
    extras = _extras(tables)
    filled = []
    for table in tables:
        table = table.copy(deep=False)
        table.attrs = {}
        for column, dtype in extras.items():
            if column not in table.columns:
                table[column] = pd.array([pd.NA] * len(table), dtype=dtype)
        filled.append(table[[*COLUMNS, *extras]])
    return pd.concat(filled, ignore_index=True)


def _extras(tables: Sequence[pd.DataFrame]) -> dict[str, object]:
    """Columns beyond the common ones and their types; one name with two types is refused."""
    first: dict[str, pd.DataFrame] = {}
    for table in tables:
        for column in table.columns[len(COLUMNS) :]:
            other = first.setdefault(column, table)
            if other[column].dtype != table[column].dtype:
                here, there = (f"{t[column].dtype} in {t['dataset'].iloc[0]}" for t in (table, other))
                raise DataError(
                    f"column {column!r} is {there} and {here}; one column of the meta-database has one type, so one "
                    "of the readers must change its extra"
                )
    return {column: table[column].dtype for column, table in first.items()}


def _one_row_an_image(db: pd.DataFrame, lenient: Sequence[str]) -> tuple[pd.DataFrame, int, list[dict]]:
    """Leave out rows that repeat an image; rows that do not agree are an error unless the dataset is read leniently."""
    repeats = db["image"].notna() & db.duplicated(["dataset", "image"], keep=False)
    if not repeats.any():
        return db, 0, []
    rows = db[repeats]
    numbers = rows.groupby(["dataset", "image"], sort=False).ngroup().to_numpy()
    conflicts = []
    for number, columns in _disagreements(rows, numbers).items():
        same = rows[numbers == number]
        _refuse_conflict(same, columns, lenient)
        db.loc[same.index[0], [column for column in columns if column in _CODED]] = pd.NA
        dataset, image = same[["dataset", "image"]].iloc[0]
        conflicts.append({"dataset": dataset, "image": image, "sources": same["source"].tolist(), "columns": columns})
    again = db["image"].notna() & db.duplicated(["dataset", "image"])
    message = f"{int(again.sum()):,} rows repeat an image with the same labels and were left out"
    if conflicts:
        message = (
            f"{int(again.sum()):,} rows repeat an image and were left out; {len(conflicts):,} images were labelled in "
            "different ways, and what their rows do not agree on is unknown now (see .attrs['conflicts'])"
        )
    warnings.warn(message, stacklevel=3)
    return db[~again].reset_index(drop=True), int(again.sum()), conflicts


def _disagreements(rows: pd.DataFrame, numbers: np.ndarray) -> dict[int, list[str]]:
    """Group number -> columns on which the rows of the group differ; unknown differs from known."""
    cells = np.column_stack([rows[c].to_numpy(np.int8, na_value=UNKNOWN) for c in _CODED])
    cells = np.column_stack([pd.factorize(rows["subject"])[0], cells])
    _, first = np.unique(numbers, return_index=True)
    differs = cells != cells[first[numbers]]
    found = {}
    for number in np.unique(numbers[differs.any(axis=1)]):
        columns = differs[numbers == number].any(axis=0)
        found[int(number)] = [c for c, wrong in zip(("subject", *_CODED), columns, strict=True) if wrong]
    return found


def _refuse_conflict(same: pd.DataFrame, columns: list[str], lenient: Sequence[str]) -> None:
    first = same.iloc[0]
    if first["dataset"] in lenient:
        return
    what = "belongs to different people" if "subject" in columns else "is labelled differently"
    raise DataError(
        f"image {first['image']!r} of {first['dataset']} {what} in {' and '.join(same['source'].head(3))} (see "
        f"{', '.join(columns[:5])}); correct one of them, or read on with strict=False, which makes the cells unknown"
    )


def _announce_shared_people(db: pd.DataFrame) -> None:
    groups = overlapping(db["dataset"].unique())
    if not groups:
        return
    shared = shared_people(db)
    for names in groups:
        both = shared[shared["datasets"].map(lambda text, names=names: set(text.split(" + ")) <= set(names))]
        told = (
            f"{len(both):,} people ({', '.join(both['subject'].head(4))}, ...) are taken as one person each; "
            "aulib.splits keeps them on one side, a split of your own must use aulib.database.person_ids"
            if len(both)
            else "no subject has the same name in them, so that nobody can tell who is who: use one of them only"
        )
        warnings.warn(f"{' and '.join(names)} show the same people: {told}", stacklevel=3)
