"""EmotioNet, manually annotated subset."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from aulib import facs
from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.files import au_number, read_text_table, stripped
from aulib.errors import DataError, SettingsError

_TABLES = ("EmotioNet_FACS_aws_2020_24600.csv", "EmotioNet_FACS*.csv", "EmotioNet_FACS*.xlsx", "*/EmotioNet_FACS*.csv")
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
    """

    annotations: str | None = None
    unknown_codes: tuple[int, ...] = (999, 9)
    group: str = "image"

    name = "emotionet"
    extras = {"collection": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("group", "image", "collection")
        codes = self.unknown_codes
        self.unknown_codes = (codes,) if isinstance(codes, int) else tuple(codes)
        if {0, 1} & set(self.unknown_codes):
            raise SettingsError(f"emotionet: unknown_codes={codes!r} holds a label; take other numbers than 0 and 1")

    def check(self) -> None:
        self.path = self.find(*((self.annotations,) if self.annotations else _TABLES))

    def parts(self) -> Iterator[Part]:
        table = self._table()
        places = [self._place(url, row) for row, url in enumerate(table["URL"])]
        rows = [row for row, place in enumerate(places) if place]
        labels, intensities = self._labels(table)
        stems = [Path(places[row][1]).stem for row in rows]
        collections = [places[row][0] or stem.rpartition("_")[0] for row, stem in zip(rows, stems, strict=True)]
        yield Part(
            subject=stems if self.group == "image" else collections,
            sequence=[None] * len(rows),
            frame=[None] * len(rows),
            image=self._images([places[row] for row in rows]),
            source=self.sources(self.path, (row + 2 for row in rows)),
            labels=labels[rows],
            intensities=intensities[rows],
            extras={"collection": collections},
        )

    def _table(self) -> pd.DataFrame:
        if self.path.suffix == ".xlsx":
            table = stripped(pd.read_excel(self.path, dtype=str, keep_default_na=False))
        else:
            table = read_text_table(self.path)
        table.columns = [str(column).strip().strip("\"'").strip() for column in table.columns]
        if "URL" not in table.columns:
            raise DataError(f"no column 'URL'; the header is {', '.join(table.columns[:4])}, ...", self.path, 1)
        return table

    def _place(self, url: str, row: int) -> tuple[str | None, str] | None:
        """Folder and name at the end of a URL; None for a row that names no image."""
        match = _PLACE.search(url.strip().strip("\"'").strip())
        if match is None:
            if url:
                self.problem(f"URL {url!r} does not end in the name of an image", self.path, row + 2)
            return None
        return match["folder"], match["name"]

    def _labels(self, table: pd.DataFrame):
        labels, intensities = self.unknown_labels(len(table))
        for column in table.columns:
            number = au_number(column)
            if number is None:
                continue
            cells = self.text_cells(table, [column], self.path, (0, 1), self.unknown_codes)[:, 0]
            if (target := label_column(facs.code(number))) is not None:
                labels[:, target] = cells
            elif (cells == 1).any():
                self.other_au(number, int((cells == 1).sum()))
        return labels, intensities

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

    def _on_disk(self) -> tuple[dict[tuple[str, str], str], dict[str, list[str]]]:
        by_place: dict[tuple[str, str], str] = {}
        by_name: dict[str, list[str]] = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            prefix = Path(folder).relative_to(self.root).as_posix()
            for name in sorted(names):
                if not name.startswith(".") and _PLACE.match(name):
                    path = name if prefix == "." else f"{prefix}/{name}"
                    by_place.setdefault((Path(prefix).name, name), path)
                    by_name.setdefault(name, []).append(path)
        return by_place, by_name
