"""What a check looks at: the dataset as its reader gives it, and the image files on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from aulib import adapters, facs
from aulib.adapters.base import INTENSITY_COLUMNS, UNKNOWN, Adapter
from aulib.adapters.registry import Dataset
from aulib.errors import SettingsError

_IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
#: Settings of the readers that a check decides itself.
_OWN = {"strict": False, "missing_images": "keep"}


@dataclass(frozen=True)
class Options:
    """How to look: see :func:`aulib.checks.check`."""

    subset: bool
    pixels: bool
    workers: int | None
    progress: bool | None

    @property
    def silent(self) -> bool | None:
        """As tqdm's ``disable``: None shows a bar in a terminal only."""
        return None if self.progress is None else not self.progress


@dataclass(frozen=True)
class Reading:
    """A dataset that was read.

    Attributes:
        root: its folder.
        reader: the adapter after reading, with its counts and problems.
        table: all annotated frames, also those without an image.
        folders: folder relative to the root -> names of the image files in it.
        options: how to look.
    """

    root: Path
    reader: Adapter
    table: pd.DataFrame
    folders: dict[str, set[str]]
    options: Options

    @property
    def facts(self) -> Dataset:
        """The dataset's entry in the registry."""
        return self.reader.facts

    @property
    def coded(self) -> tuple[str, ...]:
        """Action units that the release codes, as far as the registry knows, and the reader was asked for."""
        coded = self.facts.coded_aus(getattr(self.reader, "release", None))
        return tuple(au for au in coded if au in self.reader.wanted_aus)

    @property
    def sequence(self) -> list[str]:
        """Columns that tell one video from another."""
        return ["subject", "sequence", *(["camera"] if "camera" in self.table.columns else [])]


def read(name: str, root: Path, settings: Mapping[str, object], options: Options) -> Reading:
    """Read a dataset in report mode and list its images."""
    own = sorted(set(settings) & set(_OWN))
    if own:
        raise SettingsError(f"the check sets {' and '.join(own)} itself, to see all rows; leave it out")
    reader = adapters.create(name, root, **settings, **_OWN)
    parts = reader.parts
    reader.parts = lambda: tqdm(parts(), desc="annotation", unit="part", disable=options.silent)
    table = reader.read()
    return Reading(root, reader, table, _folders(root, table, options), options)


def _folders(root: Path, table: pd.DataFrame, options: Options) -> dict[str, set[str]]:
    """Image files by folder: all below the root, without following links, and those that the table names."""
    found: dict[str, set[str]] = {}
    for folder, folders, names in tqdm(os.walk(root), desc="images", unit="folder", disable=options.silent):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if images := {name for name in names if _is_image(name)}:
            found[Path(folder).relative_to(root).as_posix()] = images
    for folder in set(table["image"].dropna().map(os.path.dirname)) - set(found):  # behind a link
        found[folder] = {name for name in os.listdir(root / folder) if _is_image(name)}
    return found


def _is_image(name: str) -> bool:
    return name.lower().endswith(_IMAGES) and not name.startswith(".")


def counts(reading: Reading, aus: pd.DataFrame) -> dict[str, int | float]:
    """What was found, in numbers; ``aus`` is the table of :func:`action_units`."""
    table = reading.table
    known = aus[aus["known"] > 0]
    return {
        "rows": len(table),
        "people": int(table["subject"].nunique()),
        "sequences": int(table[reading.sequence].dropna(subset="sequence").drop_duplicates().shape[0]),
        "rows with an image": int(table["image"].notna().sum()),
        "images on the disk": sum(map(len, reading.folders.values())),
        "action units coded": int(aus["coded"].sum()),
        "action units known": len(known),
        "known share of their cells": float(known["known"].sum() / (len(known) * len(table))) if len(known) else 0.0,
    } | {f"reader: {key}": value for key, value in _other_counts(reading.reader.report).items()}


def _other_counts(report: Mapping[str, object]) -> dict[str, int]:
    """Counts of the reader that no check of ours repeats."""
    told = ("rows", "images_missing", "problems", "pspi_disagrees", "intensity_disagrees")
    other = {key: value for key, value in report.items() if isinstance(value, int) and value and key not in told}
    return other | {f"lines of {au}, which has no column": n for au, n in dict(report.get("other_aus", {})).items()}


def action_units(reading: Reading) -> pd.DataFrame:
    """Per action unit that is coded or known: rows that know it, rows that display it, rows with its intensity."""

    def cells(column: str) -> np.ndarray:
        return reading.table[column].to_numpy(np.int8, na_value=UNKNOWN)

    rows = []
    for au in facs.ALL:
        label, graded = cells(au), f"{au}_intensity"
        known, displayed = int((label != UNKNOWN).sum()), int((label == 1).sum())
        intensity = int((cells(graded) != UNKNOWN).sum()) if graded in INTENSITY_COLUMNS else 0
        if known or intensity or au in reading.coded:
            rows.append((au, au in reading.coded, known, displayed, displayed / known if known else None, intensity))
    columns = ["AU", "coded", "known", "displayed", "share", "intensity"]
    return pd.DataFrame(rows, columns=columns).set_index("AU").astype({"share": "Float64"})


def frame_name(row: pd.Series) -> str:
    """Person, sequence and frame of a row, for a message."""
    parts = [row["subject"], row["sequence"], None if pd.isna(row["frame"]) else f"frame {row['frame']}"]
    return " ".join(str(part) for part in parts if part is not None and not pd.isna(part))
