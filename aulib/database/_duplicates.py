"""Images that are in the meta-database more than once: by name, by content, and nearly."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.base import UNKNOWN
from aulib.database._alike import Work, content_numbers, groups, look_alikes
from aulib.database._people import person_ids
from aulib.errors import SettingsError

#: Columns of the table of duplicates.
TABLE = ("kind", "datasets", "images", "rows", "people", "same", "conflicting", "difference")


def duplicates(
    db: pd.DataFrame,
    roots: Mapping[str, str | Path] | None = None,
    *,
    content: bool = False,
    near: bool = False,
    workers: int | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Find images that the table has more than once, within and across datasets, and compare their labels.

    * ``path``: rows of one dataset that name the same image. Always looked for.
    * ``content``: image files with the same bytes (BLAKE2b of the files that share their size).
    * ``near``: images of *different people* that look alike, because neighbours in one person's video always do.
      Candidates have 64-bit difference hashes (9 x 8 grey pixels, each compared with its right neighbour) that differ
      in at most 3 bits; they are confirmed when thumbnails of 16 x 16 pixels, after taking away their mean, differ by
      at most 6 grey levels (root mean square). This finds images that were scaled, compressed again, or made brighter.
      It does not find crops, mirrored or turned copies, nor other frames of the same moment. Not every pair is
      compared: hashes are sorted into buckets by 16 of their bits, so that the work grows with the number of images
      and not with its square; where a bucket has more than 500 hashes it is cut, and ``.attrs["cut_buckets"]`` says
      how often that happened.

    Args:
        db: the meta-database.
        roots: dataset name -> its folder; needed for ``content`` and ``near``.
        content: whether to compare the bytes of the files.
        near: whether to decode and compare the images.
        workers: threads; default: one per core.
        progress: whether to show progress bars; None shows them in a terminal only.

    Returns:
        One row per group of images: ``kind``; ``datasets`` (joined by " + "); ``images`` (tuple of
        "dataset/path"); ``rows`` (tuple of positions in ``db``); ``people`` (number of different people: above one, a
        split by person does not keep the copies together); ``same`` (number of action units on which at least two rows
        know the same label and none another); ``conflicting`` (tuple of action units that are 0 in one row and 1 in
        another); ``difference`` (largest hash distance between neighbours, 0 to 3; <NA> unless near).
        ``.attrs["unreadable"]`` lists images that cannot be decoded.

    Raises:
        SettingsError: ``roots`` lacks a dataset.
        DataError: an image of the table is not there.

    Example:
        >>> rows = {"dataset": ["unbc"] * 2, "subject": ["s"] * 2, "image": ["a.png"] * 2}
        >>> db = pd.DataFrame(rows).assign(AU04=pd.array([0, 1], "Int8"), AU06=pd.array([1, 1], "Int8"))
        >>> duplicates(db)[["kind", "rows", "same", "conflicting"]].values.tolist()
        [['path', (0, 1), 1, ('AU04',)]]
    """
    named = np.flatnonzero(db["image"].notna().to_numpy())
    keys = db.iloc[named].groupby(["dataset", "image"], sort=False).ngroup().to_numpy()
    rows_of = groups(keys, named)
    found = [("path", rows, pd.NA) for rows in rows_of if len(rows) > 1]
    said = {"unreadable": [], "cut_buckets": 0}
    if content or near:
        first = np.array([rows[0] for rows in rows_of], np.intp)
        paths = _paths(db.iloc[first], roots)
        work = Work(workers or os.cpu_count() or 1, None if progress is None else not progress)
        twins = content_numbers(paths, work) if content else np.arange(len(paths))
        alike = (group for group in groups(twins, np.arange(len(paths))) if len(group) > 1)
        found += [("content", _rows(rows_of, group), pd.NA) for group in alike]
        if near:
            looks, said = look_alikes(paths, person_ids(db)[first], twins, work)
            found += [("near", _rows(rows_of, group), bits) for group, bits in looks]
    return _table(db, found, said)


def _rows(rows_of: list[np.ndarray], images: Iterable[int]) -> np.ndarray:
    return np.sort(np.concatenate([rows_of[image] for image in images]))


def _paths(rows: pd.DataFrame, roots: Mapping[str, str | Path] | None) -> list[Path]:
    lacking = sorted(set(rows["dataset"]) - set(roots or {}))
    if lacking:
        raise SettingsError(f"comparing images needs their folders: `roots` has none for {', '.join(lacking)}")
    return [Path(roots[dataset]) / image for dataset, image in zip(rows["dataset"], rows["image"], strict=True)]


def _table(db: pd.DataFrame, found: list[tuple[str, np.ndarray, object]], said: dict) -> pd.DataFrame:
    aus = [au for au in facs.ALL if au in db.columns]
    cells = np.column_stack(
        [np.empty((len(db), 0), np.int8), *(db[a].to_numpy(np.int8, na_value=UNKNOWN) for a in aus)]
    )
    people = person_ids(db) if found else np.empty(0, np.intp)
    datasets, images = db["dataset"].to_numpy(dtype=object), db["image"].to_numpy(dtype=object)
    lines = []
    for kind, rows, bits in found:
        names = tuple(dict.fromkeys(f"{datasets[row]}/{images[row]}" for row in rows))
        absent, present = ((cells[rows] == value).sum(axis=0) for value in (0, 1))
        same = int(((absent + present > 1) & ((absent == 0) | (present == 0))).sum())
        conflicting = tuple(np.array(aus, object)[(absent > 0) & (present > 0)])
        where = " + ".join(sorted(set(datasets[rows])))
        lines.append((kind, where, names, tuple(rows.tolist()), len(set(people[rows])), same, conflicting, bits))
    table = pd.DataFrame(lines, columns=list(TABLE)).astype({"difference": "Int8"})
    table.attrs = said
    return table
