"""Actor Study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from aulib.adapters.base import Adapter, Part, intensity_column, label_column
from aulib.adapters.cells import UNREADABLE, short
from aulib.adapters.files import au_number, plain_name, plain_path, whole_number
from aulib.errors import DataError, SettingsError
from aulib.facs import code

_KEYS = ("subject", "camera", "sequence", "frame")


@dataclass
class ActorStudy(Adapter):
    """Actors who pose action units and emotions, filmed by five cameras at once. **The layout is unverified.**

    Neither the files' layout nor the list of coded action units is public. This reader takes a generic table that any
    copy of the data is easily brought into.

    Format on disk:

    * ``annotations.csv``: utf-8, comma, header ``subject,camera,sequence,frame,AU01,...`` in any order. Only coded
      action units have a column. Cells: 0, 1, or the missing code; an empty cell is missing too.
    * optional columns ``AU01_intensity`` (0 to 5) and ``image`` (path relative to the root).
    * ``images/<subject>/<camera>/<sequence>/<frame:05d>.jpg``, used where there is no column ``image``.

    Facts: 21 actors, 100,232 images in the paper's Table 1.

    Citation: Seuss et al., ACII 2019, doi:10.1109/ACII.2019.8925458.

    Args:
        missing_code: number that means "not annotated".
        annotations: name of the table, relative to the root.
        images: folder of the images, relative to the root.
        encoding: of the table: ``"auto"`` (UTF-8, else Latin-1), ``"utf-8"`` or ``"latin-1"``.
    """

    missing_code: int = -1
    annotations: str = "annotations.csv"
    images: str = "images"
    encoding: str = "auto"

    name = "actor_study"
    extras = {"camera": "string"}
    key = ("subject", "camera", "sequence", "frame")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_place("annotations")
        self.require_place("images")
        self.require("encoding", "auto", "utf-8", "latin-1")
        if self.missing_code in (0, 1):
            raise SettingsError(f"actor_study: missing_code={self.missing_code} is a label; take another number")

    def check(self) -> None:
        self.path = self.find(self.annotations)

    def parts(self) -> Iterator[Part]:
        table = self.text_table(self.path, self.encoding)
        if table is None:
            return
        absent = [key for key in _KEYS if key not in table.columns]
        if absent:
            raise DataError(f"no column {', '.join(absent)}; expected {', '.join(_KEYS)}, AU01, ...", self.path, 1)
        table = table[self._sound_rows(table)]
        frames = np.array([whole_number(text) for text in table["frame"]], np.int64)
        labels, intensities = self._labels(table)
        yield Part(
            subject=list(table["subject"]),
            sequence=list(table["sequence"]),
            frame=frames.tolist(),
            image=self._images(table, frames),
            source=self.sources(self.path, table.index),
            labels=labels,
            intensities=intensities,
            extras={"camera": list(table["camera"])},
        )

    def _sound_rows(self, table: pd.DataFrame) -> np.ndarray:
        """True for rows that name a frame, a person and, where the place of the image follows from them, a folder."""
        numbers = [whole_number(text) for text in table["frame"]]
        frames = np.array([UNREADABLE if number is None else number for number in numbers], np.int64)
        lines = table.index.to_numpy(np.int64)
        sound = np.ones(len(table), bool)
        for key in ("subject", "camera", "sequence"):
            place, texts = pd.factorize(table[key])
            plain = np.array([plain_name(text) or (text == "" and key != "subject") for text in texts], bool)
            bad = ~plain[place] if len(texts) else np.zeros(len(table), bool)
            for row in np.flatnonzero(bad & sound):
                message = f"{key} {short(texts[place[row]])}: expected a name without separators and '..'"
                self.problem(message, self.path, int(lines[row]))
            sound &= ~bad
        for row in np.flatnonzero(sound & (frames == UNREADABLE)):
            subject, frame = table["subject"].iloc[row], table["frame"].iloc[row]
            message = f"subject {short(subject)}, frame {short(frame)}: expected a whole number from 0"
            self.problem(message, self.path, int(lines[row]))
        self.report["unreadable_rows"] += int((~sound).sum())
        numbered = self.readable_rows(frames[sound], self.path, lines[sound])
        sound[sound] = numbered
        return sound

    def _labels(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        labels, intensities = self.unknown_labels(len(table))
        unknown = (self.missing_code,)
        for column in table.columns:
            number = au_number(column.removesuffix("_intensity"))
            if number is None:
                continue
            graded = column.endswith("_intensity")
            cells = self.text_cells(table, [column], self.path, range(6) if graded else (0, 1), unknown)
            target = intensity_column(code(number)) if graded else label_column(code(number))
            if target is not None:
                (intensities if graded else labels)[:, target] = cells[:, 0]
            elif not graded:
                self.other_au(number, int((cells == 1).sum()))
        return labels, intensities

    def _images(self, table: pd.DataFrame, frames: np.ndarray) -> list[str | None]:
        if "image" in table.columns:
            return self._named_images(table["image"])
        images = np.full(len(table), None, object)
        groups = table.reset_index(drop=True).groupby(["subject", "camera", "sequence"], sort=False).indices
        for parts, rows in groups.items():
            folder = PurePosixPath(self.images, *parts)
            names = self.tree.images(self.root / folder)
            found = (names.get(frame) for frame in frames[rows])
            images[rows] = [None if name is None else f"{folder}/{name}" for name in found]
        return images.tolist()

    def _named_images(self, cells: pd.Series) -> list[str | None]:
        """Images as the cells name them; a cell that leads out of the root names none and is a problem."""
        for line, cell in cells.items():
            if cell and not plain_path(cell):
                message = f"image {short(cell)}: expected a path relative to the root, without '..'"
                self.problem(message, self.path, int(line))
        paths = [PurePosixPath(cell.replace("\\", "/")) if plain_path(cell) else None for cell in cells]
        folders = {path.parent for path in paths if path is not None}
        present = {folder / name for folder in folders for name in self.tree.names(self.root / folder)}
        return [str(path) if path in present else None for path in paths]
