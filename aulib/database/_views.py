"""Looking at the meta-database: a table in the form of the paper's Table 1, and the way back to the annotation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from aulib import facs
from aulib.adapters.files import read_lines
from aulib.errors import DataError, SettingsError


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

    Raises:
        SettingsError: ``roots`` has no folder for the row's dataset.
        DataError: the file is not there any more, or has fewer lines than the row says.
    """
    if row["dataset"] not in roots:
        raise SettingsError(f"no folder is given for {row['dataset']}; `roots` has {', '.join(roots) or 'nothing'}")
    name, _, line = str(row["source"]).rpartition(":")
    path = Path(roots[row["dataset"]]) / (name if line.isdigit() else row["source"])
    if not path.is_file():
        raise DataError(f"there is no such file, though image {row['image']} was labelled from it", path)
    lines = read_lines(path)
    if not line.isdigit():
        return "\n".join(lines)
    if int(line) > len(lines):
        raise DataError(f"the file has {len(lines)} lines; it was changed after the database was built", path, line)
    return f"{lines[0]}\n{lines[int(line) - 1]}"
