"""Actor Study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from aulib.adapters.base import Adapter, Part, intensity_column, label_column
from aulib.adapters.files import au_number, numbered_images, read_text_table, visible
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
    """

    missing_code: int = -1
    annotations: str = "annotations.csv"
    images: str = "images"

    name = "actor_study"
    extras = {"camera": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.missing_code in (0, 1):
            raise SettingsError(f"actor_study: missing_code={self.missing_code} is a label; take another number")

    def check(self) -> None:
        self.path = self.find(self.annotations)

    def parts(self) -> Iterator[Part]:
        table = read_text_table(self.path)
        absent = [key for key in _KEYS if key not in table.columns]
        if absent:
            raise DataError(f"no column {', '.join(absent)}; expected {', '.join(_KEYS)}, AU01, ...", self.path, 1)
        frames = self.text_frames(table)
        lines = np.flatnonzero(frames >= 0) + 2
        labels, intensities = self._labels(table)
        rows = lines - 2
        table, frames = table.iloc[rows], frames[rows]
        yield Part(
            subject=list(table["subject"]),
            sequence=list(table["sequence"]),
            frame=frames.tolist(),
            image=self._images(table, frames),
            source=self.sources(self.path, lines),
            labels=labels[rows],
            intensities=intensities[rows],
            extras={"camera": list(table["camera"])},
        )

    def text_frames(self, table: pd.DataFrame) -> np.ndarray:
        """Frame numbers (int64); -1 for rows that name no frame or no person, which are problems."""
        number = pd.to_numeric(table["frame"], errors="coerce").to_numpy(np.float64)
        wrong = ~(np.floor(number) == number) | (number < 0) | (table["subject"] == "").to_numpy()
        blank = (table == "").all(axis=1).to_numpy()
        for row in np.flatnonzero(wrong & ~blank):
            subject, frame = table["subject"].iloc[row], table["frame"].iloc[row]
            message = f"subject {subject!r}, frame {frame!r}: expected a name and a whole number from 0"
            self.problem(message, self.path, int(row) + 2)
        return np.where(wrong, -1, np.where(wrong, 0, number)).astype(np.int64)

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
            folder = Path(self.images, *parts)
            names = numbered_images(self.root / folder)
            found = (names.get(frame) for frame in frames[rows])
            images[rows] = [None if name is None else f"{folder.as_posix()}/{name}" for name in found]
        return images.tolist()

    def _named_images(self, paths: pd.Series) -> list[str | None]:
        paths = paths.str.replace("\\", "/")
        folders = {folder for folder in paths.map(lambda path: PurePosixPath(path).parent.as_posix())}
        present = {f"{folder}/{name}".removeprefix("./") for folder in folders for name in visible(self.root / folder)}
        return [path if path.removeprefix("./") in present else None for path in paths]
