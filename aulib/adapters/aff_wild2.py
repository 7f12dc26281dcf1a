"""Aff-Wild2, action unit set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.cells import short
from aulib.adapters.files import au_number, plain_name
from aulib.errors import DatasetNotFoundError

EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
_SETS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set", "Valid_Set")}
_TABLES = {"train": "train_set.txt", "validation": "validation_set.txt"}
_STEM = re.compile(r"(?P<video>.+?)(?:_(?P<position>left|right))?")
_IMAGE = re.compile(r"(?P<stem>[^/]+)/(?P<frame>[0-9]{1,9})\.(?:jpe?g|png)")
_BEFORE_AUS = ("image", "valence", "arousal", "expression")
_MULTI_TASK = "2022_mtl"


@dataclass
class AffWild2(Adapter):
    """Videos from the web, annotated frame by frame.

    Format on disk:

    * ``annotations/AU_Set/{Training_Set,Validation_Set}/<name>.txt`` (2020), ``AU_Set/annotations/...`` (web release)
      or ``3rd_ABAW_Annotations/AU_*/{Train_Set,Validation_Set}/<name>.txt`` (2022).
    * each file: a header ``AU1,AU2,...``, then one line a video frame with 0, 1 or -1 (not annotated).
    * multi-task set of 2022: ``3rd_ABAW_Annotations/MTL_*/{train_set,validation_set}.txt``: a header, then lines
      ``<name>/00001.jpg,valence,arousal,expression,AU1,...``, -5 being unknown for valence and arousal and -1 for
      the others. A frame may be repeated.
    * ``cropped_aligned/<name>/00001.jpg``; the row after the header is image 1. A frame in which no face was found
      has a row, but no image. Images in ``cropped_aligned_new_50_vids`` are merged in.

    Facts: 8 action units in 2020, 12 in 2022; occurrence only; 49 people and 196,672 images in the paper's Table 1.
    There are no person ids: the video is the person (``subject``), the file is the ``sequence``, so that two people of
    one video (``_left``, ``_right``) stay together in a split. The extra ``position`` tells them apart.

    Citation: Kollias and Zafeiriou, arXiv:1811.07770, 2018.

    Args:
        release: ``"2020"`` (8 action units), ``"2022"`` (12) or ``"2022_mtl"`` (the same 12 in the multi-task set, with
            valence, arousal and expression as extras).
        drop_if_any_missing: leave out rows with any -1, as most published readers do; False keeps what is known.
        group: ``"video"`` makes all faces of a video one person, ``"face"`` every annotation file.
        images: folders of the images; the first that holds a video's folder counts.
        annotations: folder of the annotation, relative to the root; None looks in the places above. The name of the
            folder of 2022 is not certain.
    """

    release: str = "2020"
    drop_if_any_missing: bool = False
    group: str = "video"
    images: tuple[str, ...] = ("cropped_aligned", "cropped_aligned_new_50_vids", "cropped")
    annotations: str | None = None

    name = "aff_wild2"
    extras = {"partition": "string", "position": "string"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("release", *self.facts.coded)
        self.require("drop_if_any_missing", True, False)
        self.require("group", "video", "face")
        self.require_place("images")
        self.require_place("annotations")
        self.images = (self.images,) if isinstance(self.images, str) else tuple(self.images)
        if self.release == _MULTI_TASK:
            self.extras = self.extras | {"valence": "Float32", "arousal": "Float32", "expression": "string"}

    def check(self) -> None:
        self.folder = self.find_or("annotations", *self._places())
        self.files = self._tables() if self.release == _MULTI_TASK else self._videos()
        if not self.files:
            folders = " or ".join(repr(name) for names in _SETS.values() for name in names)
            tables = " or ".join(map(repr, _TABLES.values()))
            expected = tables if self.release == _MULTI_TASK else f"folders {folders} with .txt files"
            raise DatasetNotFoundError(f"no annotation file: expected {expected}", self.folder)
        self.find_images(*self.images)

    def _places(self) -> tuple[str, ...]:
        if self.release == _MULTI_TASK:
            return "3rd_ABAW_Annotations/MTL_*", "*ABAW*/MTL_*", "MTL_*"
        numbered_editions = ("3rd_ABAW_Annotations/AU_*", "*ABAW*/AU_*")
        plain = ("annotations/AU_Set", "AU_Set/annotations", "AU_Set")
        return plain + numbered_editions if self.release == "2020" else numbered_editions + plain

    def _videos(self) -> list[tuple[str, Path]]:
        return [
            (partition, self.folder / name / file)
            for partition, names in _SETS.items()
            for name in names
            for file in self.tree.names(self.folder / name)
            if file.endswith(".txt")
        ]

    def _tables(self) -> list[tuple[str, Path]]:
        present = self.tree.names(self.folder)
        return [(partition, self.folder / name) for partition, name in _TABLES.items() if name in present]

    def parts(self) -> Iterator[Part]:
        for partition, path in self.files:
            if self.release == _MULTI_TASK:
                yield from self._table(partition, path)
            else:
                yield from self._video(partition, path)

    # -- a file per video ----------------------------------------------------------------------------------------------

    def _video(self, partition: str, path: Path) -> Iterator[Part]:
        table = self.integer_table(path)
        if table is None or (aus := self._columns(table[0], path)) is None:
            return
        _, values, lines = table
        cells = self.coded_cells(values, path, lines, aus, (0, 1), self.facts.unknown_codes)
        yield self._part(partition, path, path.stem, lines - 1, lines, aus, cells)  # frame 1 is line 2

    def _columns(self, header: list[str], path: Path) -> tuple[str, ...] | None:
        """Action units of the columns: by name where all names are known, by position where no name contradicts it."""
        coded = self.facts.coded_aus(self.release)
        named = [None if (number := au_number(cell)) is None else f"AU{number:02d}" for cell in header]
        if sorted(coded) == sorted(str(au) for au in named):
            return tuple(named)
        fits = len(header) == len(coded) and all(au in (None, place) for au, place in zip(named, coded, strict=True))
        if fits and not all(cell in ("0", "1", "-1") for cell in header):
            return coded
        message = (
            f"the header has {len(header)} columns ({short(', '.join(header))}), release {self.release} has "
            f"{len(coded)} ({', '.join(coded)}); release={' or '.join(map(repr, self._others(len(header))))} may fit"
        )
        self.unusable(message, path, 1)
        return None

    def _others(self, columns: int) -> list[str]:
        """Releases to suggest: those with so many columns, or else all others."""
        others = [release for release in self.facts.coded if release != self.release]
        return [release for release in others if len(self.facts.coded[release]) == columns] or others

    def _part(
        self,
        partition: str,
        path: Path,
        stem: str,
        frames: np.ndarray,
        lines: np.ndarray,
        aus: tuple[str, ...],
        cells: np.ndarray,
        extras: dict[str, np.ndarray] | None = None,
    ) -> Part:
        kept = (cells >= 0).all(axis=1) if self.drop_if_any_missing else np.ones(len(cells), bool)
        cells, frames, lines = cells[kept], frames[kept], lines[kept]
        labels, intensities = self.unknown_labels(len(cells))
        labels[:, [label_column(au) for au in aus]] = cells
        name, rows = _STEM.fullmatch(stem), len(cells)
        further = {extra: values[kept].tolist() for extra, values in (extras or {}).items()}
        return Part(
            subject=[name["video"] if self.group == "video" else stem] * rows,
            sequence=[stem] * rows,
            frame=frames.tolist(),
            image=self._images(stem, frames),
            source=self.sources(path, lines),
            labels=labels,
            intensities=intensities,
            extras={"partition": [partition] * rows, "position": [name["position"]] * rows} | further,
        )

    def _images(self, stem: str, frames: np.ndarray) -> list[str | None]:
        for folder in self.images:
            names = self.tree.images(self.root / folder / stem)
            if names:
                found = (names.get(frame) for frame in frames.tolist())
                return [None if name is None else f"{folder}/{stem}/{name}" for name in found]
        return [None] * len(frames)

    # -- one table for all videos --------------------------------------------------------------------------------------

    def _table(self, partition: str, path: Path) -> Iterator[Part]:
        table = self._frames_of_table(path)
        if table is None or table.empty:
            return
        aus = tuple(column for column in table.columns if column.startswith("AU"))
        cells = self.text_cells(table, aus, path, (0, 1), self.facts.unknown_codes)
        extras = {name: self.text_reals(table, name, path, -1, 1, -5) for name in ("valence", "arousal")}
        emotions = self.text_cells(table, ["expression"], path, range(len(EXPRESSIONS)), (-1,))[:, 0]
        extras["expression"] = np.array([*EXPRESSIONS, None], object)[emotions]  # -1 is the last: unknown
        lines, frames = table.index.to_numpy(np.int64), table["frame"].to_numpy(np.int64)
        for stem, rows in table.reset_index(drop=True).groupby("stem", sort=False).indices.items():
            some = {extra: values[rows] for extra, values in extras.items()}
            yield self._part(partition, path, stem, frames[rows], lines[rows], aus, cells[rows], some)

    def _frames_of_table(self, path: Path) -> pd.DataFrame | None:
        """The table with columns ``stem`` and ``frame``; rows that name no image of a video are problems."""
        rows = self.text_rows(path)
        if not rows:
            return None
        (line, header), rows = rows[0], rows[1:]
        aus = self._columns(header[len(_BEFORE_AUS) :], path) if line == 1 else None
        if aus is None:
            return None
        width, kept = len(_BEFORE_AUS) + len(aus), []
        for line, cells in rows:
            place = self._place(cells[0]) if len(cells) == width else None
            if place is None:
                message = f"expected <video>/<frame>.jpg and {width - 1} values, found {short(','.join(cells))}"
                self.unreadable_row(message, path, line)
            else:
                kept.append((line, [*cells, *place]))
        columns = [*_BEFORE_AUS, *aus, "stem", "frame"]
        return pd.DataFrame([cells for _, cells in kept], index=[line for line, _ in kept], columns=columns)

    @staticmethod
    def _place(cell: str) -> tuple[str, int] | None:
        """Video and frame of ``<video>/00001.jpg``; None for anything else, such as a path with ``..``."""
        match = _IMAGE.fullmatch(cell)
        return (match["stem"], int(match["frame"])) if match and plain_name(match["stem"]) else None
