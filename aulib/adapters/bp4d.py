"""BP4D-Spontaneous."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from aulib import facs
from aulib.adapters.base import Adapter, Part, intensity_column, label_column
from aulib.adapters.cells import UNKNOWN, at_frames, short
from aulib.errors import DatasetNotFoundError, SettingsError

_FILE = re.compile(r"(?P<subject>[FM][0-9]{3})_(?P<task>T[0-9]{1,2})\.csv")
_CODED_MARK = 50  # files with at least so many columns name the action unit of every column 0, 1, ..., 99
_OCCLUSION_COLUMN = 99


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
        threshold: smallest intensity that counts as displayed where a frame has an intensity but no occurrence: 1 is
            FACS's own definition of presence, some benchmarks take 2. None leaves such a label unknown.
        annotations: folder of the occurrence files, relative to the root; None looks in the places above.
        image_folder: the same for the images.
    """

    frame_offset: int = -1
    occluded: str = "unknown"
    threshold: int | None = None
    annotations: str | None = None
    image_folder: str | None = None

    name = "bp4d"
    extras = {"task": "string"}
    image_folders: ClassVar[tuple[str, ...]] = ("Sequences(2D+3D)", "Sequences_2D+3D", "Sequences", "2D+3D")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("occluded", "unknown", "ignore")
        self.require("threshold", None, *range(1, 6))
        self.require_place("annotations")
        self.require_place("image_folder")
        if not isinstance(self.frame_offset, int) or isinstance(self.frame_offset, bool):
            accepted = "a whole number such as -1 or 0"
            raise SettingsError(f"{self.name}: frame_offset={self.frame_offset!r}; accepted: {accepted}")
        self.report |= {"occluded": 0, "intensity_disagrees": 0, "intensity_only": 0}

    def check(self) -> None:
        self.folder = self.find_or("annotations", "AUCoding/AU_OCC", "AUCoding")
        self.files = [self.folder / name for name in self.tree.names(self.folder) if _FILE.fullmatch(name)]
        if not self.files:
            raise DatasetNotFoundError("no annotation file; expected names like 'F001_T1.csv'", self.folder)
        coding = self.folder.parent if self.folder.name == "AU_OCC" else self.folder
        self.intensity_folder = coding / "AU_INT"
        usual = (self.image_folder,) if self.image_folder else self.image_folders
        self.images = self.find_images(*usual)

    def parts(self) -> Iterator[Part]:
        others = [name for name in self.tree.names(self.folder) if name.endswith(".csv") and not _FILE.fullmatch(name)]
        self.ignored(self.folder, others, "'F001_T1.csv'")
        self._note_lonely_intensities()
        self.graded = {au: set(self.tree.names(self.intensity_folder / au)) for au in self.facts.intensity}
        for path in self.files:
            yield from self._part(path)

    def _note_lonely_intensities(self) -> None:
        """Intensity files without an occurrence file are not read."""
        known = {path.stem for path in self.files}
        for au in self.facts.intensity:
            names = self.tree.names(self.intensity_folder / au)
            lonely = [name for name in names if name.endswith(".csv") and name.removesuffix(f"_{au}.csv") not in known]
            expected = f"'F001_T1_{au}.csv' with an occurrence file 'F001_T1.csv'"
            self.ignored(self.intensity_folder / au, lonely, expected)

    def _part(self, path: Path) -> Iterator[Part]:
        name, table = _FILE.fullmatch(path.name), self.integer_table(path)
        if table is None or (columns := self._columns(table[0], path)) is None:
            return
        _, values, lines = table
        readable = self.readable_rows(values[:, 0], path, lines)
        values, lines = values[readable], lines[readable]
        frames = values[:, 0]
        labels, intensities = self.unknown_labels(len(values))
        hidden = self._occurrence(path, columns, values, lines, labels)
        self._intensity(path, frames, labels, intensities)
        labels[hidden] = UNKNOWN
        rows = len(values)
        yield Part(
            subject=[name["subject"]] * rows,
            sequence=[name["task"]] * rows,
            frame=frames.tolist(),
            image=self._images(name, frames),
            source=self.sources(path, lines),
            labels=labels,
            intensities=intensities,
            extras={"task": [name["task"]] * rows},
        )

    def _columns(self, header: list[str], path: Path) -> list[int] | None:
        """Action unit of each column after the first, which is the frame whatever its header says."""
        shown = short(",".join(header)).strip("'")
        if not all(cell.isascii() and cell.isdecimal() and len(cell) <= 2 for cell in header[1:]):
            self.unusable(f"the header {shown} has a cell that is no number from 0 to 99", path, 1)
        elif len(header) < 2 or len(set(header[1:])) < len(header) - 1:
            self.unusable(f"the header {shown} names no action unit, or one twice", path, 1)
        elif len(header) >= _CODED_MARK and header[0] != "0":
            self.unusable(f"column 0 is headed {short(header[0])}; expected '0', the frame", path, 1)
        else:
            return [int(cell) for cell in header[1:]]
        return None

    def _occurrence(
        self, path: Path, columns: list[int], values: np.ndarray, lines: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Fill the labels in; returns which frames are marked as occluded."""
        names = [facs.code(number) for number in columns]
        cells = self.coded_cells(values[:, 1:], path, lines, names, (0, 1), self.facts.unknown_codes)
        for cell, au in enumerate(names):
            if (target := label_column(au)) is not None:
                labels[:, target] = cells[:, cell]
        if _OCCLUSION_COLUMN not in columns or self.occluded == "ignore":
            return np.zeros(len(values), bool)
        hidden = cells[:, columns.index(_OCCLUSION_COLUMN)] == 1
        self.report["occluded"] += int(hidden.sum())
        return hidden

    def _intensity(self, path: Path, frames: np.ndarray, labels: np.ndarray, intensities: np.ndarray) -> None:
        for au in self.facts.intensity:
            file = self.intensity_folder / au / f"{path.stem}_{au}.csv"
            graded = self.graded_file(file, au, self.facts.unknown_codes) if file.name in self.graded[au] else None
            if graded is None:
                continue
            level = at_frames(frames, graded[0], graded[1])
            if len(extra := np.setdiff1d(graded[0], frames)):
                self.note(f"{len(extra)} frames are not in the occurrence file, the first is {extra[0]}", file)
            intensities[:, intensity_column(au)] = level
            self._compare(labels[:, label_column(au)], level)

    def _compare(self, present: np.ndarray, level: np.ndarray) -> None:
        """Count where occurrence (changed in place if there is a threshold) and intensity differ."""
        only = (level != UNKNOWN) & (present == UNKNOWN)
        both = (level != UNKNOWN) & (present != UNKNOWN)
        self.report["intensity_disagrees"] += int((both & ((level > 0) != (present == 1))).sum())
        self.report["intensity_only"] += int(only.sum())
        if self.threshold is not None:
            present[only] = level[only] >= self.threshold

    def _images(self, name: re.Match, frames: np.ndarray) -> list[str | None]:
        if self.images is None:
            return [None] * len(frames)
        folder = self.images / name["subject"] / name["task"]
        names, prefix = self.tree.images(folder), self.relative(folder)
        found = (names.get(frame + self.frame_offset) for frame in frames.tolist())
        return [None if image is None else f"{prefix}/{image}" for image in found]
