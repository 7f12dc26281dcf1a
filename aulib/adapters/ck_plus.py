"""CK+, the extended Cohn-Kanade dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib import facs
from aulib.adapters.base import (
    Adapter,
    Part,
    intensity_column,
    label_column,
    set_absent,
)
from aulib.adapters.cells import UNKNOWN
from aulib.errors import DatasetNotFoundError

_IMAGES = ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images", "CK+/cohn-kanade-images")
EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_FILE = re.compile(r"(?P<subject>S[0-9]{3,4})_(?P<sequence>[0-9]{3})_(?P<frame>[0-9]{8})_facs\.txt")


@dataclass
class CKPlus(Adapter):
    """Posed expressions that run from neutral to their peak; the peak, the last frame, is coded.

    Format on disk:

    * ``FACS/S005/001/S005_001_00000011_facs.txt``, one a sequence, named after the peak: lines of two numbers in
      Matlab's notation, action unit and intensity. 1 to 5 are A to E; **0 means present, intensity not given**. An
      action unit that is not listed is absent.
    * ``Emotion/S005/001/S005_001_00000011_emotion.txt``: one number; only 327 sequences have one.
    * ``cohn-kanade-images/S005/001/S005_001_00000001.png``, the last being the peak.

    Facts: 123 people, 593 sequences. Table 1 of the paper counts 10,733 images, so it counts frames that are not coded.
    Which action units were looked for is from memory of the paper: see ``assume_absent_for``.

    Citation: Lucey et al., CVPR Workshops 2010, pp. 94-101.

    Args:
        neutral_first_frame: also give the first frame of each sequence, with every coded action unit absent. A common
            assumption, not an annotation.
        frames: ``"peak"`` gives coded frames only; ``"sequence"`` gives every frame the label of its peak, which is
            wrong for the neutral frames at the start.
        assume_absent_for: action units that are absent when a file does not list them; default: the coded ones.
        listed_only: what an action unit outside that list is where a file does list it. ``"unknown"``, because a label
            that is known only where it is displayed has no negatives: a detector learns from it to answer "displayed"
            to faces of this dataset, and counts of occurrences grow without any use. ``"present"`` keeps it.
        empty: what an empty file says: ``"absent"``, a coded frame without action units, or ``"unknown"``. No document
            says whether such files exist.
        annotations: folder of the annotation, relative to the root; None looks for ``FACS`` in the usual places.
        image_folder: the same for the images.
    """

    neutral_first_frame: bool = False
    frames: str = "peak"
    assume_absent_for: tuple[str, ...] | None = None
    listed_only: str = "unknown"
    empty: str = "absent"
    annotations: str | None = None
    image_folder: str | None = None

    name = "ck_plus"
    extras = {"emotion": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("neutral_first_frame", True, False)
        self.require("frames", "peak", "sequence")
        self.require("listed_only", "present", "unknown")
        self.require_aus("assume_absent_for")
        self.require("empty", "absent", "unknown")
        self.require_place("annotations")
        self.require_place("image_folder")
        self.report |= {"listed_only": 0, "empty_files": 0}

    def check(self) -> None:
        self.folder = self.find_or("annotations", "FACS", "FACS_labels/FACS", "CK+/FACS", "CK+/FACS_labels/FACS")
        self.emotions = self._first(("Emotion", "Emotions", "Emotion_labels/Emotion", "CK+/Emotion"))
        self.images = self.find_images(*((self.image_folder,) if self.image_folder else _IMAGES))
        self.files = [path for path in self._texts() if _FILE.fullmatch(path.name)]
        if not self.files:
            expected = "'S005/001/S005_001_00000011_facs.txt'"
            raise DatasetNotFoundError(f"no annotation file; expected names like {expected}", self.folder)

    def _texts(self) -> list[Path]:
        """All text files two folders down."""
        subjects = [self.folder / name for name in self.tree.names(self.folder)]
        sequences = [subject / name for subject in subjects for name in self.tree.names(subject)]
        return [folder / name for folder in sequences for name in self.tree.names(folder) if name.endswith(".txt")]

    def parts(self) -> Iterator[Part]:
        for path in self._texts():
            if not _FILE.fullmatch(path.name):
                self.ignored(path.parent, [path.name], "'S005_001_00000011_facs.txt'")
        for path in self.files:
            listed = self.listed_aus(path, 2)
            if listed is not None:
                yield self._part(path, listed)

    def _part(self, path: Path, listed: list[tuple[int, int]]) -> Part:
        name = _FILE.fullmatch(path.name)
        place = Path(path.parent.parent.name, path.parent.name)  # S005/001: the folders, not the file, name the place
        names = {} if self.images is None else self.tree.images(self.images / place)
        frames, neutral = self._frames(int(name["frame"]), names)
        labels, intensities = self._labels(listed, neutral)
        self.report["empty_files"] += int(not listed)
        images = (names.get(frame) for frame in frames)
        return Part(
            subject=[place.parts[0]] * len(frames),
            sequence=[place.parts[1]] * len(frames),
            frame=frames,
            image=[None if image is None else f"{self.relative(self.images / place)}/{image}" for image in images],
            source=[self.relative(path)] * len(frames),
            labels=labels,
            intensities=intensities,
            extras={"emotion": [None if is_neutral else self._emotion(place) for is_neutral in neutral]},
        )

    def _frames(self, peak: int, names: dict[int, str]) -> tuple[list[int], np.ndarray]:
        """Frames to give, and which of them count as neutral."""
        frames = {peak, *names} if self.frames == "sequence" else {peak}
        first = min(names, default=peak)
        calm = self.neutral_first_frame and first != peak
        ordered = sorted(frames | {first}) if calm else sorted(frames)
        return ordered, np.array([calm and frame == first for frame in ordered])

    def _labels(self, listed: list[tuple[int, int]], neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, intensities = self.unknown_labels(1)
        absent = self.assume_absent_for if self.assume_absent_for is not None else self.facts.coded_aus()
        if listed or self.empty == "absent":
            set_absent(labels, intensities, absent)
        calm, calm_intensity = labels.copy(), intensities.copy()
        for number, intensity in listed:
            au = facs.code(number)
            if (target := label_column(au)) is None:
                self.other_au(number)
                continue
            self.report["listed_only"] += int(au not in absent)
            if au not in absent and self.listed_only == "unknown":
                continue
            labels[0, target] = 1
            if (graded := intensity_column(au)) is not None:
                intensities[0, graded] = intensity if intensity > 0 else UNKNOWN
        neutral = neutral[:, None]
        return np.where(neutral, calm, labels), np.where(neutral, calm_intensity, intensities)

    def _emotion(self, place: Path) -> str | None:
        if self.emotions is None:
            return None
        folder = self.emotions / place
        for name in self.tree.names(folder):
            if name.endswith("_emotion.txt"):
                number = self.listed_text(folder / name)
                if number is None or number in range(len(EMOTIONS)):
                    return None if number is None else EMOTIONS[int(number)]
                self.problem(f"emotion {number:g} is not a whole number from 0 to 7", folder / name, 1)
        return None
