"""Datasets that grade every frame and keep one file an action unit in each folder: DISFA and DISFA+."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib import facs
from aulib.adapters.base import Adapter, intensity_column, label_column
from aulib.adapters.cells import UNKNOWN, at_frames

#: Frames (int64, increasing), intensities (int8) and lines of a file.
Graded = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass
class GradedAdapter(Adapter):
    """What the two share.

    Args:
        threshold: smallest intensity that counts as displayed.
    """

    threshold: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("threshold", *range(1, 6))

    @abstractmethod
    def grades(self, path: Path, au: str) -> Graded | None:
        """Read one file; None if it cannot be read."""

    def graded(self, folder: Path, pattern: re.Pattern, expected: str) -> dict[str, tuple[Path, Graded]]:
        """Action unit -> its file and content, in the order of the action units. ``pattern`` names the ``number``."""
        names = self.tree.names(folder)
        numbers = {name: int(match["number"]) for name in names if (match := pattern.fullmatch(name))}
        self.ignored(folder, [name for name in names if name not in numbers], expected)
        found: dict[str, tuple[Path, Graded]] = {}
        for name, number in sorted(numbers.items(), key=lambda item: item[1]):
            if list(numbers.values()).count(number) > 1:
                self.unusable(f"there is more than one file for {facs.code(number)}; none is read", folder / name)
            elif (content := self.grades(folder / name, facs.code(number))) is not None:
                found[facs.code(number)] = (folder / name, content)
        return found

    def graded_labels(
        self, folder: Path, graded: dict[str, tuple[Path, Graded]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
        """Frames, labels, intensities and sources of a folder. What has no file is unknown, never absent."""
        frames = np.unique(np.concatenate([content[0] for _, content in graded.values()]))
        labels, intensities = self.unknown_labels(len(frames))
        for au in (au for au in self.facts.coded_aus() if au not in graded):
            self.note(f"no file for {au} could be read: it is unknown", folder)
        for au, (_, (others, levels, _)) in graded.items():
            self._fill(labels, intensities, au, at_frames(frames, others, levels))
        return frames, labels, intensities, self._places(frames, graded)

    def _fill(self, labels: np.ndarray, intensities: np.ndarray, au: str, level: np.ndarray) -> None:
        if (target := label_column(au)) is None:
            self.other_au(int(au[2:]), int((level > 0).sum()))
            return
        labels[:, target] = np.where(level == UNKNOWN, UNKNOWN, level >= self.threshold)
        if (column := intensity_column(au)) is not None:
            intensities[:, column] = level

    def _places(self, frames: np.ndarray, graded: dict[str, tuple[Path, Graded]]) -> list[str]:
        """The line of the first file that has the frame."""
        found = np.full(len(frames), "", object)
        for path, (others, _, lines) in graded.values():
            line = at_frames(frames, others, lines)
            empty = (line > 0) & (found == "")
            found[empty] = self.sources(path, line[empty].tolist())
        return found.tolist()
