"""EmotioNet, manually annotated subset."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.cells import UNKNOWN, short
from aulib.adapters.excel import sheet_rows
from aulib.adapters.files import au_number, is_litter, plain_name
from aulib.errors import DataError, SettingsError

_TABLES = (
    "EmotioNet_FACS_aws_2020_24600.csv",
    "EmotioNet_FACS*.csv",
    "EmotioNet_FACS*.xlsx",
    "*/EmotioNet_FACS*.csv",
    "*/EmotioNet_FACS*.xlsx",
)
_PLACE = re.compile(r"(?:(?P<folder>[^/\\]+)[/\\])?(?P<name>[^/\\]+\.(?:jpe?g|png|bmp))$", flags=re.IGNORECASE)


@dataclass
class EmotioNet(Adapter):
    """Images from the web, each annotated by hand.

    Format on disk:

    * ``EmotioNet_FACS_aws_2020_24600.csv`` (or ``.xlsx``): columns ``URL``, ``URL orig`` and 60 columns whose names
      carry quotes and blanks, such as ``'AU 1'``. 0 inactive, 1 active, 999 not annotated. URLs may stand in quotes.
    * images anywhere below the root. The end of the URL, ``N_0000000001/N_0000000001_00002.jpg``, says which one; a
      name that is there once is found in any folder.

    Facts: 24,600 rows, 23 action units coded, occurrence only; no frames, no people. The number in the name is a
    collection, not a person, so that every image is its own ``subject``; the collection is kept as an extra.

    Citation: Fabian Benitez-Quiroz, Srinivasan and Martinez, CVPR 2016, pp. 5562-5570.

    Args:
        annotations: the table, relative to the root; None looks for the names above.
        unknown_codes: numbers that mean "not annotated".
        group: ``"image"`` makes every image its own person, ``"collection"`` every collection.
        uncoded: what a 0 or 1 means in the column of an action unit outside the coded list. The file is expected to
            hold 999 there, but no document says so: ``"unknown"`` does not believe such a cell and counts it,
            ``"as_written"`` does.
        encoding: of the csv file: ``"auto"`` (UTF-8, else Latin-1), ``"utf-8"`` or ``"latin-1"``.
    """

    annotations: str | None = None
    unknown_codes: tuple[int, ...] = (999, 9)
    group: str = "image"
    uncoded: str = "unknown"
    encoding: str = "auto"

    name = "emotionet"
    extras = {"collection": "string"}
    key = ("image",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("group", "image", "collection")
        self.require("uncoded", "unknown", "as_written")
        self.require("encoding", "auto", "utf-8", "latin-1")
        self.require_place("annotations")
        codes = self.unknown_codes
        self.unknown_codes = (codes,) if isinstance(codes, int) else tuple(codes)
        if {0, 1} & set(self.unknown_codes):
            raise SettingsError(f"emotionet: unknown_codes={codes!r} holds a label; take other numbers than 0 and 1")
        self.report |= {"uncoded_cells": 0}

    def check(self) -> None:
        self.path = self.find_or("annotations", *_TABLES)

    def parts(self) -> Iterator[Part]:
        table = self._table()
        if table is None:
            return
        lines = table.index.to_numpy(np.int64)
        places = [self._place(url, int(line)) for line, url in table["URL"].items()]
        rows = [row for row, place in enumerate(places) if place]
        labels, intensities = self._labels(table)
        stems = [PurePosixPath(places[row][1]).stem for row in rows]
        collections = [places[row][0] or stem.rpartition("_")[0] for row, stem in zip(rows, stems, strict=True)]
        yield Part(
            subject=stems if self.group == "image" else collections,
            sequence=[None] * len(rows),
            frame=[None] * len(rows),
            image=self._images([places[row] for row in rows]),
            source=self.sources(self.path, lines[rows].tolist()),
            labels=labels[rows],
            intensities=intensities[rows],
            extras={"collection": collections},
        )

    def _table(self) -> pd.DataFrame | None:
        if self.path.suffix == ".xlsx":
            table = self._sheet()
        else:
            table = self.text_table(self.path, self.encoding)
        if table is not None and "URL" not in table.columns:
            raise DataError(f"no column 'URL'; the header is {short(', '.join(table.columns))}", self.path, 1)
        return table

    def _sheet(self) -> pd.DataFrame | None:
        data = self.tree.binary(self.path)
        rows = sheet_rows(data) if data is not None else None
        if rows is None or isinstance(rows, str):
            self.unusable(rows or "the file cannot be read", self.path)
            return None
        return self.table_of_text(self.path, rows)

    def _place(self, url: str, line: int) -> tuple[str | None, str] | None:
        """Folder and name at the end of a URL; None for a row that names no image."""
        match = _PLACE.search(url.strip().strip("\"'").strip())
        if match is None or not all(plain_name(part) for part in match.groups() if part is not None):
            self.unreadable_row(f"URL {short(url)} does not end in the name of an image", self.path, line)
            return None
        return match["folder"], match["name"]

    def _labels(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        labels, intensities = self.unknown_labels(len(table))
        for column in table.columns:
            number = au_number(column)
            if number is None:
                continue
            cells = self.text_cells(table, [column], self.path, (0, 1), self.unknown_codes)[:, 0]
            if (target := label_column(facs.code(number))) is None:
                if (cells == 1).any():
                    self.other_au(number, int((cells == 1).sum()))
            else:
                labels[:, target] = self._believed(facs.code(number), cells)
        return labels, intensities

    def _believed(self, au: str, cells: np.ndarray) -> np.ndarray:
        known = int((cells != UNKNOWN).sum())
        if au in self.facts.coded_aus() or not known:
            return cells
        self.report["uncoded_cells"] += known
        self.note(f"{au} is not coded, but {known} of its cells are 0 or 1: uncoded={self.uncoded!r}", self.path, 1)
        return cells if self.uncoded == "as_written" else np.full_like(cells, UNKNOWN)

    def _images(self, places: list[tuple[str | None, str]]) -> list[str | None]:
        """Exact folder and name first; a name alone counts only where it is unique on disk and in the table."""
        by_place, by_name = self._on_disk()
        asked = Counter(name for _, name in places)
        images = []
        for folder, name in places:
            exact, loose = by_place.get((folder, name)), by_name.get(name, [])
            unique = loose[0] if len(loose) == 1 and asked[name] == 1 else None
            images.append(exact or unique)
        return images

    def _unlisted(self, error: OSError) -> None:
        self.problem(f"the folder cannot be listed: {error.strerror}", Path(error.filename))

    def _on_disk(self) -> tuple[dict[tuple[str, str], str], dict[str, list[str]]]:
        by_place: dict[tuple[str, str], str] = {}
        by_name: dict[str, list[str]] = {}
        for folder, folders, _ in os.walk(self.root, onerror=self._unlisted):
            folders[:] = sorted(name for name in folders if not is_litter(name))
            here = Path(folder)
            prefix = "" if here == self.root else f"{self.relative(here)}/"
            for name in self.tree.names(here):
                if _PLACE.match(name):
                    by_place.setdefault((here.name if prefix else "", name), prefix + name)
                    by_name.setdefault(name, []).append(prefix + name)
        return by_place, by_name
