"""DISFA+, the extension of DISFA with posed expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib.adapters.base import Part
from aulib.adapters.cells import UNREADABLE, short
from aulib.adapters.files import whole_number
from aulib.adapters.graded import Graded, GradedAdapter
from aulib.errors import DatasetNotFoundError, SettingsError

_FILE = re.compile(r"AU(?P<number>[0-9]{1,2})\.txt", flags=re.IGNORECASE)
_LINE = re.compile(r"[ \t]*(?P<frame>[0-9]{1,9})\.(?:jpe?g|png)[ \t]+(?P<intensity>[^ \t]+)[ \t]*", re.IGNORECASE)


@dataclass
class DISFAPlus(GradedAdapter):
    """Nine people of DISFA who pose action units and expressions, every frame graded.

    Format on disk:

    * ``Labels/SN001/<trial>/AU1.txt``, one file an action unit: two header lines, then lines ``000.jpg     0`` with the
      image and the intensity, 0 to 5. A trial is named like ``A5_AU1_4b_TrailNo_1``.
    * ``Images/SN001/<trial>/000.jpg``.

    Facts: SN001, 3, 4, 7, 9, 10, 13, 25 and 27, **all of whom are in DISFA too**. An action unit without a file is
    unknown. ``source`` names the line in the first action unit's file that has the frame.

    Citation: Mavadati, Sanger and Mahoor, CVPR Workshops 2016.

    Args:
        threshold: smallest intensity that counts as displayed: 2 in published benchmarks, 1 in some.
        header_lines: lines at the start of a file that are no data.
        annotations: folder of the annotation, relative to the root; None looks in the place above.
        image_folder: the same for the images.
    """

    header_lines: int = 2
    annotations: str | None = None
    image_folder: str | None = None

    name = "disfa_plus"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_place("annotations")
        self.require_place("image_folder")
        if not isinstance(self.header_lines, int) or not 0 <= self.header_lines <= 100:
            raise SettingsError(f"{self.name}: header_lines={self.header_lines!r}; accepted: 0 to 100")

    def check(self) -> None:
        self.folder = self.find_or("annotations", "Labels")
        self.images = self.find_images(self.image_folder or "Images")
        self.trials = [
            self.folder / subject / trial
            for subject in self.tree.names(self.folder)
            for trial in self.tree.names(self.folder / subject)
        ]
        if not self.trials:
            raise DatasetNotFoundError("no trial; expected folders like 'SN001/A1_AU1_TrailNo_1'", self.folder)

    def parts(self) -> Iterator[Part]:
        for folder in self.trials:
            graded = self.graded(folder, _FILE, "'AU1.txt'")
            if graded:
                yield self._part(folder, graded)

    def grades(self, path: Path, au: str) -> Graded | None:
        texts = self.listing(path)
        if texts is None:
            return None
        heads = [(line, text) for line, text in texts if line <= self.header_lines]
        if any(_LINE.fullmatch(text) for _, text in heads):
            self.unusable(f"expected {self.header_lines} header lines, found data: see header_lines", path, 1)
            return None
        rows = [self._row(text, path, line) for line, text in texts[len(heads) :]]
        values = np.array([row for row in rows if row is not None], np.int64).reshape(-1, 3)
        levels = self.coded_cells(values[:, 1:2], path, values[:, 2], [au], range(6), ())[:, 0]
        return self.each_frame_once(values[:, 0], levels, values[:, 2], path)

    def _row(self, text: str, path: Path, line: int) -> tuple[int, int, int] | None:
        match = _LINE.fullmatch(text)
        if match is None:
            self.unreadable_row(
                f"expected an image and an intensity as in '000.jpg     0', found {short(text)}", path, line
            )
            return None
        intensity = whole_number(match["intensity"])
        if intensity is None:
            self.problem(f"value {short(match['intensity'])} is not a whole number", path, line)
        return int(match["frame"]), UNREADABLE if intensity is None else intensity, line

    def _part(self, folder: Path, graded: dict[str, tuple[Path, Graded]]) -> Part:
        subject, trial = folder.parent.name, folder.name
        frames, labels, intensities, sources = self.graded_labels(folder, graded)
        return Part(
            subject=[subject] * len(frames),
            sequence=[trial] * len(frames),
            frame=frames.tolist(),
            image=self._images(subject, trial, frames),
            source=sources,
            labels=labels,
            intensities=intensities,
        )

    def _images(self, subject: str, trial: str, frames: np.ndarray) -> list[str | None]:
        if self.images is None:
            return [None] * len(frames)
        folder = self.images / subject / trial
        names, prefix = self.tree.images(folder), self.relative(folder)
        return [f"{prefix}/{names[frame]}" if frame in names else None for frame in frames.tolist()]
