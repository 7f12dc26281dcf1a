"""UNBC-McMaster shoulder pain expression archive."""

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
from aulib.errors import DatasetNotFoundError, SettingsError

_FRAME = re.compile(r"(?P<sequence>.+?)(?P<frame>[0-9]{3,9})_facs\.txt")
_PRESENCE_ONLY = "AU43"
_MOST_PAIN = 16


@dataclass
class UNBC(Adapter):
    """People with shoulder pain who move their arms, coded frame by frame.

    Format on disk:

    * ``Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt``: lines of four numbers in Matlab's notation:
      action unit, intensity (0 to 5) and two that are not documented. **An empty file is a coded frame without any
      action unit.**
    * ``Frame_Labels/PSPI/...`` (same file names): one number, the pain score, kept as the extra ``pspi``.
    * ``Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png``.

    Facts: 25 people, 200 sequences, 48,397 images in the paper's Table 1. AU43 (eyes closed) has no intensity: a line
    means present. AU15, AU27 and AU50 were not looked for throughout, so that their absence is unknown. The pain score
    is AU04 + max(AU06, AU07) + max(AU09, AU10) + AU43 (Prkachin and Solomon 2008); where the file
    disagrees, this is noted in ``.attrs["problems"]``.

    Citation: Lucey et al., FG 2011, pp. 57-64.

    Args:
        threshold: smallest intensity that counts as displayed.
        assume_absent_for: action units that are absent when a file does not list them; default: the coded ones.
        listed_only: what an action unit outside that list is where a file does list it, AU15 among them.
            ``"unknown"``, because a label that is known only where it is displayed has no negatives: a detector learns
            from it to answer "displayed" to faces of this dataset, and counts of occurrences grow without any use.
            ``"present"`` keeps it.
        au43: ``"listed"`` makes AU43 present wherever a line names it, ``"value"`` only where its number is 1 or more.
            Published readers differ.
        read_pspi: read the pain scores too.
        annotations: folder of the annotation, relative to the root; None looks in the places above.
        image_folder: the same for the images.
    """

    threshold: int = 1
    assume_absent_for: tuple[str, ...] | None = None
    listed_only: str = "unknown"
    au43: str = "listed"
    read_pspi: bool = True
    annotations: str | None = None
    image_folder: str | None = None

    name = "unbc"
    extras = {"pspi": "Float32"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold not in range(1, 6):
            raise SettingsError(f"unbc: threshold={self.threshold!r}; accepted: 1 to 5")
        self.require("listed_only", "present", "unknown")
        self.require_aus("assume_absent_for")
        self.require("read_pspi", True, False)
        self.require("au43", "listed", "value")
        self.require_place("annotations")
        self.require_place("image_folder")
        self.report |= {"pspi_disagrees": 0, "listed_only": 0}

    def check(self) -> None:
        self.folder = self.find_or("annotations", "Frame_Labels/FACS", "Frame_Labels/Frame_Labels/FACS")
        self.images = self.find_images(*((self.image_folder,) if self.image_folder else ("Images/Images", "Images")))
        self.sequences = [
            self.folder / subject / sequence
            for subject in self.tree.names(self.folder)
            for sequence in self.tree.names(self.folder / subject)
        ]
        if not self.sequences:
            raise DatasetNotFoundError("no sequence; expected folders like '042-ll042/ll042t1aaaff'", self.folder)

    def parts(self) -> Iterator[Part]:
        for folder in self.sequences:
            yield self._part(folder)

    def _part(self, folder: Path) -> Part:
        names = self.tree.names(folder)
        named = [(match, folder / name) for name in names if (match := _FRAME.fullmatch(name))]
        unnamed = [name for name in names if name.endswith(".txt") and not _FRAME.fullmatch(name)]
        self.ignored(folder, unnamed, "'ll042t1aaaff001_facs.txt'")
        files = [(int(match["frame"]), path, self.listed_aus(path, 4)) for match, path in named]
        files = [entry for entry in files if entry[2] is not None]
        frames, paths = [entry[0] for entry in files], [entry[1] for entry in files]
        labels, intensities = self._labels([entry[2] for entry in files])
        subject, sequence = folder.parent.name, folder.name
        rows = len(files)
        return Part(
            subject=[subject] * rows,
            sequence=[sequence] * rows,
            frame=frames,
            image=self._images(subject, sequence, frames),
            source=[self.relative(path) for path in paths],
            labels=labels,
            intensities=intensities,
            extras={"pspi": self._pspi(paths, labels, intensities)},
        )

    def _labels(self, listed: list[list[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray]:
        labels, intensities = self.unknown_labels(len(listed))
        set_absent(labels, intensities, self._absent())
        for row, aus in enumerate(listed):
            for number, intensity in aus:
                self._fill(labels[row], intensities[row], number, intensity)
        return labels, intensities

    def _absent(self) -> tuple[str, ...]:
        return self.facts.coded_aus() if self.assume_absent_for is None else tuple(self.assume_absent_for)

    def _fill(self, labels: np.ndarray, intensities: np.ndarray, number: int, intensity: int) -> None:
        au = facs.code(number)
        target, graded = label_column(au), intensity_column(au)
        uncoded = target is not None and au not in self._absent()
        self.report["listed_only"] += int(uncoded)
        if target is None:
            self.other_au(number)
        elif uncoded and self.listed_only == "unknown":
            return
        elif au == _PRESENCE_ONLY and self.au43 == "listed":
            labels[target] = 1
        elif intensity == UNKNOWN:
            labels[target] = UNKNOWN
            if graded is not None:
                intensities[graded] = UNKNOWN
        else:
            labels[target] = int(intensity >= self.threshold)
            if graded is not None:
                intensities[graded] = intensity

    def _images(self, subject: str, sequence: str, frames: list[int]) -> list[str | None]:
        if self.images is None:
            return [None] * len(frames)
        folder = self.images / subject / sequence
        names, prefix = self.tree.images(folder), self.relative(folder)
        return [f"{prefix}/{names[frame]}" if frame in names else None for frame in frames]

    def _pspi(self, paths: list[Path], labels: np.ndarray, intensities: np.ndarray) -> list[float | None]:
        scores: list[float | None] = [None] * len(paths)
        if not (self.read_pspi and paths):
            return scores
        folder = self.folder.parent / "PSPI" / paths[0].parent.relative_to(self.folder)
        names, recomputed = set(self.tree.names(folder)), pain_score(labels, intensities)
        for row, path in enumerate(paths):
            if path.name in names:
                scores[row] = self._score(folder / path.name)
                self._compare(scores[row], recomputed[row], path)
        return scores

    def _score(self, path: Path) -> float | None:
        score = self.listed_text(path)
        if score is not None and not 0 <= score <= _MOST_PAIN:
            self.problem(f"the pain score {score:g} is not between 0 and {_MOST_PAIN}", path, 1)
            return None
        return score

    def _compare(self, score: float | None, recomputed: float, path: Path) -> None:
        if score is not None and np.isfinite(recomputed) and score != recomputed:
            self.report["pspi_disagrees"] += 1
            self.note(f"the pain score in the file is {score:g}, the action units give {recomputed:g}", path)


def pain_score(labels: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """Pain score of each row, float64: AU04 + max(AU06, AU07) + max(AU09, AU10) + AU43; NaN if one is unknown."""

    def level(au: str) -> np.ndarray:
        column = labels[:, label_column(au)] if au == _PRESENCE_ONLY else intensities[:, intensity_column(au)]
        return np.where(column == UNKNOWN, np.nan, column)

    cheeks, nose = np.maximum(level("AU06"), level("AU07")), np.maximum(level("AU09"), level("AU10"))
    return level("AU04") + cheeks + nose + level("AU43")
