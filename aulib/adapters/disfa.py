"""DISFA."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from aulib.adapters.base import Part
from aulib.adapters.graded import Graded, GradedAdapter
from aulib.errors import DatasetNotFoundError, SettingsError

_SUBJECT = re.compile(r"SN[0-9]{3}")
_FILE = re.compile(r"(?P<subject>SN[0-9]{3})_au(?P<number>[0-9]{1,2})\.txt", flags=re.IGNORECASE)


@dataclass
class DISFA(GradedAdapter):
    """People who watch a film of four minutes, every frame graded for twelve action units.

    Format on disk:

    * ``ActionUnit_Labels/SN001/SN001_au1.txt``, one file an action unit: lines ``frame,intensity`` without a header,
      frames from 1, intensities 0 to 5. The number of the action unit is not padded: ``SN001_au25.txt``.
    * ``Videos_LeftCamera/LeftVideoSN001_comp.avi``: videos, no images. Extract the frames first, for instance with
      ``ffmpeg -i Videos_LeftCamera/LeftVideoSN001_comp.avi Images/SN001/%05d.png``, whose first image is number 1.

    Facts: 27 people (SN001-013, 016-018, 021, 023-032), 4,845 frames each (SN010: 4,844), 20 frames a second. An action
    unit without a file is unknown. ``source`` names the line in the first action unit's file that has the frame.

    Citation: Mavadati et al., IEEE Transactions on Affective Computing 4(2):151-160, 2013.

    Args:
        threshold: smallest intensity that counts as displayed: 2 in most published benchmarks, 1 in some.
        frame_offset: added to the annotation's frame to get the image's number: 0 for images that count from 1, -1 for
            images that count from 0, as in many published lists.
        unknown_codes: numbers that mean "not annotated"; none is documented.
        images: folder of a person's images, relative to the root.
        annotations: folder of the annotation, relative to the root; None looks in the place above.
    """

    frame_offset: int = 0
    unknown_codes: tuple[int, ...] = ()
    images: str = "Images/{subject}"
    annotations: str | None = None

    name = "disfa"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_place("images")
        self.require_place("annotations")
        if not isinstance(self.frame_offset, int) or isinstance(self.frame_offset, bool):
            raise SettingsError(f"{self.name}: frame_offset={self.frame_offset!r}; accepted: a whole number such as 0")
        if "{subject}" not in self.images:
            raise SettingsError(f"{self.name}: images={self.images!r}; accepted: a path with {{subject}}")
        codes = self.unknown_codes
        self.unknown_codes = (codes,) if isinstance(codes, int) else tuple(codes)
        if set(range(6)) & set(self.unknown_codes):
            raise SettingsError(f"{self.name}: unknown_codes={codes!r} holds an intensity; take other numbers")

    def check(self) -> None:
        self.folder = self.find_or("annotations", "ActionUnit_Labels")
        self.subjects = [name for name in self.tree.names(self.folder) if _SUBJECT.fullmatch(name)]
        if not self.subjects:
            raise DatasetNotFoundError("no person; expected folders like 'SN001'", self.folder)
        self.find_images(PurePosixPath(self.images.partition("{subject}")[0] + "_").parent.as_posix())

    def parts(self) -> Iterator[Part]:
        for subject in self.subjects:
            graded = self.graded(self.folder / subject, _FILE, "'SN001_au1.txt'")
            if graded:
                yield self._part(subject, graded)

    def grades(self, path: Path, au: str) -> Graded | None:
        return self.graded_file(path, au, self.unknown_codes)

    def _part(self, subject: str, graded: dict[str, tuple[Path, Graded]]) -> Part:
        frames, labels, intensities, sources = self.graded_labels(self.folder / subject, graded)
        return Part(
            subject=[subject] * len(frames),
            sequence=[subject] * len(frames),
            frame=frames.tolist(),
            image=self._images(subject, frames),
            source=sources,
            labels=labels,
            intensities=intensities,
        )

    def _images(self, subject: str, frames: np.ndarray) -> list[str | None]:
        folder = self.images.format(subject=subject)
        names = self.tree.images(self.root / folder)
        found = (names.get(frame + self.frame_offset) for frame in frames.tolist())
        return [None if name is None else f"{folder}/{name}" for name in found]
