"""Checks of image files: rows without one, images without a row, pixels."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from aulib.checks._findings import MOST_EXAMPLES, NOTE, OK, PROBLEM, SKIPPED, Finding, normal, place
from aulib.checks._reading import Reading, frame_name

# Range of grey levels up to which an image is of one colour: JPEG files of a black image are not all 0.
_FLAT = 8


def missing_images(reading: Reading) -> Finding:
    """Rows without an image file."""
    rows = reading.table[reading.table["image"].isna()]
    if rows.empty:
        return Finding("rows without image", OK, 0, "every annotated frame has its image")
    if len(rows) == len(reading.table):
        message = "no row has an image file: the image folder is missing or named in another way"
        return Finding("rows without image", PROBLEM, len(rows), message)
    reason = normal(reading).missing
    found = [place(row["source"], f"no image of {frame_name(row)}") for _, row in rows.head(MOST_EXAMPLES).iterrows()]
    message = "annotated frames have no image file" + (f"; {reason}" if reason else "")
    return Finding("rows without image", NOTE if reason else PROBLEM, len(rows), message, found)


def unlabelled_images(reading: Reading) -> Finding:
    """Image files without a row, in folders that hold labelled images too."""
    named, usual = _by_folder(reading.table["image"].dropna()), normal(reading)
    spare = {folder: sorted(reading.folders[folder] - names) for folder, names in named.items()}
    spare = {folder: names for folder, names in sorted(spare.items()) if names}
    count = sum(map(len, spare.values()))
    if not count:
        return Finding("images without row", OK, 0, "every image in the folders of labelled images has a row")
    reason = usual.unlabelled
    if not reason and all(len(names) <= usual.spare for names in spare.values()):
        reason = "a video may have a frame more than rows"
    found = [
        place(f"{folder}/{names[0]}", f"{len(names):,} of this folder's images have no row")
        for folder, names in spare.items()
    ]
    message = "image files have no row" + (f"; {reason}" if reason else "")
    return Finding("images without row", NOTE if reason else PROBLEM, count, message, found)


def other_folders(reading: Reading) -> Finding | None:
    """Folders of images in which no image has a row."""
    named = _by_folder(reading.table["image"].dropna())
    others = sorted(set(reading.folders) - set(named))
    if not others:
        return None
    found = [place(folder, f"{len(reading.folders[folder]):,} images") for folder in others]
    return Finding("other image folders", NOTE, len(others), "folders hold images and no labelled one", found)


def pixels(reading: Reading) -> Finding:
    """Decode every labelled image: empty files, damaged ones, and those of one colour."""
    if not reading.options.pixels:
        return Finding("pixels", SKIPPED, 0, "images were not opened; --images does")
    names = sorted(set(reading.table["image"].dropna()))
    with ThreadPoolExecutor(reading.options.workers or os.cpu_count() or 1) as pool:
        faults = pool.map(lambda name: _fault(reading.root / name), names)
        faults = list(tqdm(faults, total=len(names), desc="pixels", unit="img", disable=reading.options.silent))
    found = [place(name, fault) for name, fault in zip(names, faults, strict=True) if fault]
    if not found:
        return Finding("pixels", OK, 0, f"all {len(names):,} labelled images can be decoded and show something")
    return Finding("pixels", PROBLEM, len(found), f"of {len(names):,} labelled images are empty or damaged", found)


def _by_folder(paths: pd.Series) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        found.setdefault(folder or ".", set()).add(name)
    return found


def _fault(path: Path) -> str:
    from aulib.images import decode

    if path.stat().st_size == 0:
        return "the file is empty"
    try:
        image = decode(path, 32)
    except Exception as error:  # Pillow's readers raise many kinds for damaged files; each is a finding
        return f"cannot be decoded ({type(error).__name__}: {error})"
    if image.max() <= _FLAT:
        return "the image is black"
    return "the image has one colour only" if np.ptp(image, axis=(0, 1)).max() <= _FLAT else ""
