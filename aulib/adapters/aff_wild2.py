"""Aff-Wild2, action unit set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.files import au_number, numbered_images
from aulib.errors import DataError, DatasetNotFoundError

_SETS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set", "Valid_Set")}
_STEM = re.compile(r"(?P<video>.+?)(?:_(?P<position>left|right))?")


@dataclass
class AffWild2(Adapter):
    """Videos from the web, annotated frame by frame.

    Format on disk:

    * ``annotations/AU_Set/{Training_Set,Validation_Set}/<name>.txt`` (2020), ``AU_Set/annotations/...`` (web release)
      or ``3rd_ABAW_Annotations/AU_*/{Train_Set,Validation_Set}/<name>.txt`` (2022).
    * each file: a header ``AU1,AU2,...``, then one line a video frame with 0, 1 or -1 (not annotated).
    * ``cropped_aligned/<name>/00001.jpg``; the row after the header is image 1. A frame in which no face was found
      has a row, but no image. Images in ``cropped_aligned_new_50_vids`` are merged in.

    Facts: 8 action units in 2020, 12 in 2022; occurrence only; 49 people and 196,672 images in the paper's Table 1.
    There are no person ids: the video is the person (``subject``), the file is the ``sequence``, so that two people of
    one video (``_left``, ``_right``) stay together in a split. The extra ``position`` tells them apart.

    Citation: Kollias and Zafeiriou, arXiv:1811.07770, 2018.

    Args:
        release: ``"2020"`` (8 action units) or ``"2022"`` (12).
        drop_if_any_missing: leave out rows with any -1, as most published readers do; False keeps what is known.
        group: ``"video"`` makes all faces of a video one person, ``"face"`` every annotation file.
        images: folders of the images; the first that holds a video's folder counts.
    """

    release: str = "2020"
    drop_if_any_missing: bool = False
    group: str = "video"
    images: tuple[str, ...] = ("cropped_aligned", "cropped_aligned_new_50_vids", "cropped")

    name = "aff_wild2"
    extras = {"partition": "string", "position": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("release", *self.facts.coded)
        self.require("drop_if_any_missing", True, False)
        self.require("group", "video", "face")
        self.images = (self.images,) if isinstance(self.images, str) else tuple(self.images)

    def check(self) -> None:
        numbered = ("3rd_ABAW_Annotations/AU_*", "*ABAW*/AU_*")
        plain = ("annotations/AU_Set", "AU_Set/annotations", "AU_Set")
        self.folder = self.find(*(plain + numbered if self.release == "2020" else numbered + plain))
        self.files = [
            (partition, path)
            for partition, names in _SETS.items()
            for name in names
            for path in sorted((self.folder / name).glob("*.txt"))
            if not path.name.startswith(".")
        ]
        if not self.files:
            expected = " or ".join(repr(name) for names in _SETS.values() for name in names)
            raise DatasetNotFoundError(f"no annotation file: expected folders {expected} with .txt files", self.folder)
        self.find_images(*self.images)

    def parts(self) -> Iterator[Part]:
        for partition, path in self.files:
            yield self._part(partition, path)

    def _part(self, partition: str, path: Path) -> Part:
        header, values, lines = self.integer_table(path)
        aus = self._columns(header, path)
        cells = self.coded_cells(values, path, lines, aus, (0, 1), self.facts.unknown_codes)
        frames = lines - 1  # the header is line 1, and frame 1 is line 2
        if self.drop_if_any_missing:
            complete = (cells >= 0).all(axis=1)
            cells, frames, lines = cells[complete], frames[complete], lines[complete]
        labels, intensities = self.unknown_labels(len(cells))
        labels[:, [label_column(au) for au in aus]] = cells
        name = _STEM.fullmatch(path.stem)
        rows = len(cells)
        return Part(
            subject=[name["video"] if self.group == "video" else path.stem] * rows,
            sequence=[path.stem] * rows,
            frame=frames.tolist(),
            image=self._images(path.stem, frames),
            source=self.sources(path, lines),
            labels=labels,
            intensities=intensities,
            extras={"partition": [partition] * rows, "position": [name["position"]] * rows},
        )

    def _columns(self, header: list[str], path: Path) -> tuple[str, ...]:
        """Action units of the columns: by name where all names are known, by position otherwise."""
        coded = self.facts.coded_aus(self.release)
        named = [None if (number := au_number(cell)) is None else f"AU{number:02d}" for cell in header]
        if sorted(coded) == sorted(str(au) for au in named):
            return tuple(named)
        if len(header) == len(coded) and None in named:
            return coded
        others = [release for release in self.facts.coded if release != self.release]
        raise DataError(
            f"the header has {len(header)} columns ({', '.join(header)}), release {self.release} has {len(coded)} "
            f"({', '.join(coded)}); accepted: release={' or '.join(map(repr, others))}, if the files are of that one",
            path,
            1,
        )

    def _images(self, stem: str, frames: np.ndarray) -> list[str | None]:
        for folder in self.images:
            names = numbered_images(self.root / folder / stem)
            if names:
                found = (names.get(frame) for frame in frames.tolist())
                return [None if name is None else f"{folder}/{stem}/{name}" for name in found]
        return [None] * len(frames)
