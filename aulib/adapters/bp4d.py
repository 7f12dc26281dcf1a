"""BP4D-Spontaneous."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib import facs
from aulib.adapters.base import UNKNOWN, Adapter, Part, intensity_column, label_column
from aulib.adapters.files import numbered_images
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

_FILE = re.compile(r"(?P<subject>[FM]\d{3})_(?P<task>T\d{1,2})\.csv")
_CODED_MARK = 50  # files with at least so many columns name the action unit of every column 0, 1, ..., 99
_OCCLUSION_COLUMN = "99"


@dataclass
class BP4D(Adapter):
    """Spontaneous expressions of 41 students in eight tasks, filmed in 3D.

    Format on disk:

    * ``AUCoding/AU_OCC/<subject>_<task>.csv``: header ``0,1,...,99``; column 0 is the frame, column N is AU N. Values:
      0 absent, 1 present, 9 not coded. A short header (``1,1,2,4,...``: frame, then action units) is read too.
    * ``AUCoding/AU_INT/AU06/<subject>_<task>_AU06.csv``: no header; frame, intensity 0 to 5, 9 not coded or occluded.
    * ``Sequences(2D+3D)/<subject>/<task>/0000.jpg``, three or four digits.

    Facts: 41 people (F001-F023, M001-M018), 366,954 images in the paper's Table 1. AU25 and AU26 are not coded. In the
    re-release of the FERA 2015 challenge the last column (99) is 0 or 1 and says whether the face is occluded; labels
    of occluded frames become unknown.

    Citation: Zhang et al., Image and Vision Computing 32(10):692-706, 2014.

    Args:
        frame_offset: added to the annotation's frame to get the image's number. -1 follows the official guide (frames
            count from 1, images from 0); 0 is what much benchmark code does, 40 ms off.
        occluded: ``"unknown"`` makes the labels of frames marked as occluded unknown, ``"ignore"`` keeps them.
    """

    frame_offset: int = -1
    occluded: str = "unknown"

    name = "bp4d"
    extras = {"task": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("occluded", "unknown", "ignore")
        if not isinstance(self.frame_offset, int):
            raise SettingsError(f"bp4d: frame_offset={self.frame_offset!r}; accepted: a whole number such as -1 or 0")
        self.report |= {"occluded": 0, "intensity_disagrees": 0}

    def check(self) -> None:
        folder = self.find("AUCoding/AU_OCC", "AUCoding")
        self.files = [path for path in sorted(folder.glob("*.csv")) if _FILE.fullmatch(path.name)]
        if not self.files:
            raise DatasetNotFoundError("no annotation file; expected names like 'F001_T1.csv'", folder)
        self.intensity_folder = self.root / "AUCoding" / "AU_INT"
        self.images = self.find_images("Sequences(2D+3D)", "Sequences_2D+3D", "Sequences", "2D+3D")

    def parts(self) -> Iterator[Part]:
        for path in self.files:
            yield self._part(path)

    def _part(self, path: Path) -> Part:
        name = _FILE.fullmatch(path.name)
        header, values, lines = self.integer_table(path)
        readable = self.readable_rows(values[:, 0])
        values, lines = values[readable], lines[readable]
        frames = values[:, 0]
        labels, intensities = self.unknown_labels(len(values))
        self._occurrence(path, self._columns(header, path), values, lines, labels)
        self._intensity(path, frames, labels, intensities)
        rows = len(values)
        return Part(
            subject=[name["subject"]] * rows,
            sequence=[name["task"]] * rows,
            frame=frames.tolist(),
            image=self._images(name, frames),
            source=self.sources(path, lines),
            labels=labels,
            intensities=intensities,
            extras={"task": [name["task"]] * rows},
        )

    def _columns(self, header: list[str], path: Path) -> dict[int, str]:
        """Column position -> action unit number as text. Column 0 is the frame whatever its header says."""
        try:
            numbers = [str(int(cell)) for cell in header]
        except ValueError:
            raise DataError(f"the header {','.join(header[:5])}... has a cell that is no number", path, 1) from None
        if len(header) >= _CODED_MARK and numbers[0] != "0":
            raise DataError(f"column 0 is headed {header[0]!r}; expected '0', the frame", path, 1)
        return dict(enumerate(numbers[1:], start=1))

    def _occurrence(
        self, path: Path, columns: dict[int, str], values: np.ndarray, lines: np.ndarray, labels: np.ndarray
    ) -> None:
        names = [facs.code(int(number)) for number in columns.values()]
        cells = self.coded_cells(values[:, 1:], path, lines, names, (0, 1), self.facts.unknown_codes)
        for cell, au in enumerate(names):
            if (target := label_column(au)) is not None:
                labels[:, target] = cells[:, cell]
        if _OCCLUSION_COLUMN in columns.values() and self.occluded == "unknown":
            hidden = cells[:, list(columns.values()).index(_OCCLUSION_COLUMN)] == 1
            labels[hidden] = UNKNOWN
            self.report["occluded"] += int(hidden.sum())

    def _intensity(self, path: Path, frames: np.ndarray, labels: np.ndarray, intensities: np.ndarray) -> None:
        for au in self.facts.intensity:
            graded = self.intensity_folder / au / f"{path.stem}_{au}.csv"
            if not graded.exists():
                continue
            values, lines = self.headless_integer_table(graded, 2)
            cells = self.coded_cells(values[:, 1:], graded, lines, [au], range(6), self.facts.unknown_codes)[:, 0]
            level = _at(frames, values[:, 0], cells)
            intensities[:, intensity_column(au)] = level
            present = labels[:, label_column(au)]
            both = (level != UNKNOWN) & (present != UNKNOWN)
            self.report["intensity_disagrees"] += int((both & ((level > 0) != (present == 1))).sum())

    def _images(self, name: re.Match, frames: np.ndarray) -> list[str | None]:
        if self.images is None:
            return [None] * len(frames)
        folder = self.images / name["subject"] / name["task"]
        names, prefix = numbered_images(folder), self.relative(folder)
        found = (names.get(frame + self.frame_offset) for frame in frames.tolist())
        return [None if image is None else f"{prefix}/{image}" for image in found]


def _at(frames: np.ndarray, other_frames: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells of another file, brought to these frames; UNKNOWN where that file has no such frame."""
    if np.array_equal(frames, other_frames):
        return cells
    level = dict(zip(other_frames.tolist(), cells.tolist(), strict=True))
    return np.array([level.get(frame, UNKNOWN) for frame in frames.tolist()], np.int8)
