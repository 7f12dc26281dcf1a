"""The image store: every image of a meta-database decoded, cut and resized once, and kept in one memory-mapped array.

How a file becomes pixels is written down in `aulib.decoding`, how a face is framed in `aulib.crops`, and where a
dataset keeps its landmarks in `aulib.landmarks`. A store records the rules that it was made by.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aulib import arrays, crops, decoding, landmarks
from aulib.decoding import decode
from aulib.errors import AulibError, DataError, SettingsError

__all__ = ["ImageStore", "build_store", "decode", "open_store"]

PENDING, GOOD, FAILED = 0, 1, 2
#: How an image was cut, by the number in the state of the work; 0 is an image that failed.
CUTS = ("", "whole", "landmarks", "detector")
#: Why `auto` did not take the best way; bits of one byte.
NOTES = {1: "no landmarks", 2: "landmarks unusable", 4: "no face found"}


@dataclass(frozen=True)
class ImageStore:
    """Decoded images of one size, with the list that says which row holds which image.

    Attributes:
        folder: where the store lies.
        pixels: uint8 memory map of shape (n, size, size, 3), RGB, read-only. Rows of failed images are black.
        index: DataFrame with one row per image: `dataset`, `image`, `row` (position in `pixels`), `ok`, `crop` (how it
            was cut: `landmarks`, `detector`, `whole`), `left`, `top`, `side` (the square, in pixels of the upright
            file; unknown for whole images) and `note` (why a better way was not taken).
        failures: DataFrame of the images that are left out: `dataset`, `image`, `row`, `reason`.
        record: the key of the store, its size, crop and rules, and the counts of images, of ways of cutting, of
            failures, and of table rows that are dropped with them.
    """

    folder: Path
    pixels: np.ndarray
    index: pd.DataFrame
    failures: pd.DataFrame
    record: dict
    _lookup: pd.MultiIndex = field(repr=False)

    @property
    def key(self) -> str:
        """SHA-256 of the image list, the files' and landmarks' sizes and times, the size, the crop and the rules."""
        return self.record["key"]

    def rows(self, db: pd.DataFrame) -> np.ndarray:
        """Positions in `pixels` of the images of a table, one per table row (intp).

        Rows whose image could not be read have a position too (it is black); drop them with `usable`.

        Raises:
            DataError: a row's image is not in the store; the message names the first one.
        """
        found = self._find(db)
        if (found < 0).any():
            first = int(np.argmax(found < 0))
            name = f"{db['dataset'].iloc[first]} {db['image'].iloc[first]!r}"
            raise DataError(
                f"image {name} (table row {first}) and {(found < 0).sum() - 1:,} more are not in the image store; "
                "build the store from this table",
                self.folder,
            )
        return found

    def usable(self, db: pd.DataFrame) -> np.ndarray:
        """Boolean mask over table rows: True where the row's image is in the store and was read without error."""
        found = self._find(db)
        return (found >= 0) & self.index["ok"].to_numpy()[found]

    def dropped(self) -> str:
        """What is left out, in words: images, table rows, and the three most frequent reasons."""
        reasons = self.failures["reason"].str.replace(r"'.*'", "a file", regex=True).value_counts()
        often = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.head(3).items())
        said = f"{self.record['failed']:,} of {self.record['images']:,}, with {self.record['rows_dropped']:,} rows"
        return f"{said}: {often}" if often else said

    def _find(self, db: pd.DataFrame) -> np.ndarray:
        return self._lookup.get_indexer(_names(db)).astype(np.intp)

    def __repr__(self) -> str:
        n, size = self.pixels.shape[:2]
        return f"ImageStore({n:,} images of {size} x {size} px, {len(self.failures):,} failed, in {self.folder.name})"


def build_store(
    db: pd.DataFrame,
    roots: dict[str, str | Path],
    folder: str | Path,
    size: int,
    workers: int | None = None,
    progress: bool = True,
    max_failed: float = 0.02,
    chunk: int = 512,
    crop: crops.Crop = "whole",
    margin: float = 0.0,
) -> ImageStore:
    """Decode, cut and resize every image of a meta-database once.

    The work is done in `<folder>.part`, which remembers every finished chunk: an interrupted call goes on where it
    stopped. The folder gets its name when everything is in it. A finished store of the same images is opened at once.

    Args:
        db: meta-database with the columns `dataset` and `image`; rows without an image are left out.
        roots: for each dataset the folder its image paths are relative to.
        folder: folder of the store.
        size: side of the square images, in pixels.
        workers: decoding threads (Pillow decodes outside Python's lock); None takes one per core.
        progress: show a progress bar.
        max_failed: share of unreadable images up to which they are only listed in `failures`.
        chunk: images between two savings of the state.
        crop: "whole" takes the whole image; "landmarks" the face by the dataset's own landmarks, and an image without
            them fails; "detector" the largest face that is found, and an image without a face fails; "auto" takes the
            whole image of datasets that are distributed as face crops, else landmarks where there are any, else the
            detector, else the whole image, and never fails for want of a face.
        margin: added to the side of the face's square, as a share of it.

    Raises:
        SettingsError: a size or a crop that cannot be used, a dataset without root or, with crop "landmarks", without
            landmarks; or a folder that holds another store.
        DataError: more than `max_failed` of the images cannot be read, or none can.
        AulibError: a detector is needed and cannot run.
    """
    if size < 1:
        raise SettingsError(f"size is {size}; it is the side of the images in pixels, for example 96 or 224")
    folder = Path(folder)
    names = _names(db[db["image"].notna()]).unique().sort_values()
    if not len(names):
        raise DataError("the table names no image, so there is nothing to store")
    paths = _paths(names, roots)
    cutter = _Cutter(crop, margin, size, {name: Path(roots[name]) for name in names.unique(0)})
    key = _key(names, paths, cutter)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.busy.lock"):
        if folder.exists():
            return _open_same(folder, key)
        part = _prepare(folder, key, len(names), size)
        reasons = _decode_all(part, names, cutter, workers or os.cpu_count() or 1, progress, chunk)
        _refuse_failures(names, reasons, max_failed)
        _finish(part, folder, db, names, reasons, {"key": key, "size": size, **cutter.record()})
    return open_store(folder)


def open_store(folder: str | Path) -> ImageStore:
    """Open a finished image store without reading its pixels into memory.

    Raises:
        DataError: the folder is not a finished store.
    """
    folder = Path(folder)
    if not (folder / "store.json").is_file():
        raise DataError("is no finished image store (it has no store.json); build it with build_store", folder)
    index = pd.read_parquet(folder / "index.parquet")
    return ImageStore(
        folder=folder,
        pixels=np.load(folder / "pixels.npy", mmap_mode="r"),
        index=index,
        failures=pd.read_parquet(folder / "failures.parquet"),
        record=json.loads((folder / "store.json").read_text(encoding="utf-8")),
        _lookup=_names(index),
    )


class _Cut(NamedTuple):
    """How one image was cut: index into `CUTS`, the square, bits of `NOTES`."""

    way: int
    box: crops.Box | None = None
    note: int = 0


class _Cutter:
    """Finds the face of each image by the rule that was asked for, and brings it to one size."""

    def __init__(self, crop: crops.Crop, margin: float, size: int, roots: dict[str, Path]):
        crops.check(crop, margin)
        self.crop, self.margin, self.size, self.roots = crop, margin, size, roots
        self.marked = {name for name, root in roots.items() if landmarks.available(name, root)}
        bare = sorted(set(roots) - self.marked)
        if crop == "landmarks" and bare:
            raise SettingsError(
                f"crop is 'landmarks', and there are none for {', '.join(bare)}; datasets known to have them: "
                f"{', '.join(landmarks.SOURCES)}. Check the folder, or take crop 'auto'"
            )

    def record(self) -> dict:
        """What decides a pixel, beside the files."""
        about = {"rules": decoding.RULES, "crop": self.crop}
        if self.crop != "whole":
            about |= {"crop_rules": crops.RULE, "margin": self.margin}
        if self.crop in ("detector", "auto"):
            about["detector"] = crops.detector_name()
        return about

    def uses_landmarks(self, dataset: str) -> bool:
        return self.crop in ("landmarks", "auto") and dataset in self.marked

    def read(self, dataset: str, image: str) -> tuple[np.ndarray, _Cut]:
        """Pixels of one image, uint8 (size, size, 3), and how it was cut."""
        path = self.roots[dataset] / image
        if self.crop == "whole" or (self.crop == "auto" and dataset in landmarks.CROPPED):
            return decode(path, self.size), _Cut(1)
        note = 0
        if self.uses_landmarks(dataset):
            box, note = self._by_landmarks(dataset, image)
            if box is not None:
                try:
                    return decode(path, self.size, box), _Cut(2, box)
                except DataError:
                    if self.crop == "landmarks":
                        raise
                    note = 2
        return self._by_detector(path, note)

    def _by_landmarks(self, dataset: str, image: str) -> tuple[crops.Box | None, int]:
        try:
            box = landmarks.box(dataset, self.roots[dataset], image, self.margin)
        except (DataError, OSError):
            if self.crop == "landmarks":
                raise
            return None, 2
        if box is None and self.crop == "landmarks":
            raise DataError(f"no landmarks; looked for {landmarks.file_of(dataset, self.roots[dataset], image)}")
        return box, 0 if box else 1

    def _by_detector(self, path: Path, note: int) -> tuple[np.ndarray, _Cut]:
        picture, _ = decoding.open_rgb(path)
        box = crops.find_face(picture, self.margin)
        if box is None and self.crop == "detector":
            raise DataError("no face found")
        pixels = decoding.shrink(decoding.cut(picture, box), self.size)
        return pixels, _Cut(3, box, note) if box else _Cut(1, None, note | 4)


def _names(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table["dataset"].astype(object), table["image"].astype(object)])


def _paths(names: pd.MultiIndex, roots: dict[str, str | Path]) -> list[Path]:
    missing = sorted(set(names.get_level_values(0)) - set(roots))
    if missing:
        raise SettingsError(f"no folder is given for {', '.join(missing)}; `roots` has {', '.join(sorted(roots))}")
    return [Path(roots[dataset]) / image for dataset, image in names]


def _key(names: pd.MultiIndex, paths: list[Path], cutter: _Cutter) -> str:
    digest = hashlib.sha256(f"{json.dumps(cutter.record(), sort_keys=True)}\n{cutter.size}\n".encode())
    for (dataset, image), path in zip(names, paths, strict=True):
        digest.update(f"{dataset}\0{image}\0{_file_stamp(path)}\n".encode())
        if cutter.uses_landmarks(dataset):
            points = landmarks.file_of(dataset, cutter.roots[dataset], image)
            digest.update(f"{_file_stamp(points) if points else 'none'}\n".encode())
    return digest.hexdigest()


def _file_stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


def _open_same(folder: Path, key: str) -> ImageStore:
    store = open_store(folder)
    if store.key != key:
        raise SettingsError(
            f"{folder} holds a store of other images ({len(store.index):,} at {store.record['size']} px; the image "
            "list, a file, the size, the crop or the rules differ); delete it or choose another folder"
        )
    return store


def _prepare(folder: Path, key: str, n: int, size: int) -> Path:
    """The working folder: the one left by an interrupted call for the same images, else a new one."""
    part = folder.with_name(folder.name + ".part")
    note = part / "key"
    if note.is_file() and note.read_text(encoding="utf-8") == key:
        return part
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    arrays.create(part / "pixels.npy", np.uint8, (n, size, size, 3))
    np.save(part / "state.npy", np.full(n, PENDING, np.uint8))
    np.save(part / "cuts.npy", np.zeros((n, 5), np.int32))
    note.write_text(key, encoding="utf-8")
    return part


def _decode_all(
    part: Path, names: pd.MultiIndex, cutter: _Cutter, workers: int, progress: bool, chunk: int
) -> dict[int, str]:
    """Fill the rows that are not done yet; return {row: reason} of those that failed."""
    pixels, cuts, state = (np.load(part / f"{name}.npy", mmap_mode="r+") for name in ("pixels", "cuts", "state"))
    todo = np.flatnonzero(state != GOOD)
    reasons: dict[int, str] = {}
    bar = tqdm(total=len(names), initial=len(names) - len(todo), desc="images", unit="img", disable=not progress)
    with bar, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(todo), chunk):
            rows = todo[start : start + chunk]
            results = pool.map(partial(_read_into, pixels, cuts, cutter), rows, [names[row] for row in rows])
            reasons.update((int(row), reason) for row, reason in zip(rows, results, strict=True) if reason)
            pixels.flush()
            cuts.flush()
            state[rows] = [FAILED if int(row) in reasons else GOOD for row in rows]
            state.flush()
            bar.update(len(rows))
    return reasons


def _read_into(pixels: np.ndarray, cuts: np.ndarray, cutter: _Cutter, row: int, name: tuple[str, str]) -> str | None:
    try:
        found, cut = cutter.read(*name)
        decoding.refuse_black(found)
    except DataError as error:
        return str(error)
    except AulibError:
        raise  # the detector cannot run: not this image's fault
    except Exception as error:  # Pillow's readers raise many kinds for damaged files; all of them are reported
        return f"{type(error).__name__}: {error}"
    pixels[row], cuts[row] = found, (cut.way, *(cut.box or (0, 0, 0)), cut.note)
    return None


def _refuse_failures(names: pd.MultiIndex, reasons: dict[int, str], max_failed: float) -> None:
    if not reasons or (len(reasons) <= max_failed * len(names) and len(reasons) < len(names)):
        return
    shown = "; ".join(f"{names[row][0]} {names[row][1]}: {reason}" for row, reason in list(reasons.items())[:3])
    raise DataError(
        f"{len(reasons):,} of {len(names):,} images are unusable, more than the accepted share of {max_failed:g} "
        f"(setting max_failed). First: {shown}. Check the dataset's folder, or drop these rows from the table"
    )


def _finish(
    part: Path, folder: Path, db: pd.DataFrame, names: pd.MultiIndex, reasons: dict[int, str], record: dict
) -> None:
    index = _index(names, reasons, np.load(part / "cuts.npy"))
    failures = index.loc[~index["ok"], ["dataset", "image", "row"]].reset_index(drop=True)
    failures["reason"] = pd.array([reasons[row] for row in failures["row"]], dtype="string")
    index.to_parquet(part / "index.parquet", index=False)
    failures.to_parquet(part / "failures.parquet", index=False)
    record = {**record, **_counts(db, index, failures)}
    (part / "store.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    try:
        os.replace(part, folder)
    except OSError as error:
        raise AulibError(f"the finished store {part} cannot be renamed to {folder}: {error}") from error
    for name in ("key", "state.npy", "cuts.npy"):  # last: a call that is killed before the renaming needs them
        (folder / name).unlink(missing_ok=True)


def _index(names: pd.MultiIndex, reasons: dict[int, str], cuts: np.ndarray) -> pd.DataFrame:
    index = pd.DataFrame({"dataset": names.get_level_values(0), "image": names.get_level_values(1)}).astype("string")
    index["row"] = np.arange(len(names))
    index["ok"] = ~index["row"].isin(list(reasons))
    index["crop"] = pd.array(np.array(CUTS)[cuts[:, 0]], dtype="string")
    for column, name in enumerate(crops.Box._fields, start=1):
        index[name] = pd.array(cuts[:, column], dtype="Int32")
    index.loc[~index["crop"].isin(["landmarks", "detector"]), list(crops.Box._fields)] = pd.NA
    notes = ["; ".join(text for bit, text in NOTES.items() if note & bit) for note in cuts[:, 4].tolist()]
    index["note"] = pd.array(notes, dtype="string")
    return index


def _counts(db: pd.DataFrame, index: pd.DataFrame, failures: pd.DataFrame) -> dict:
    """Images and table rows, kept and dropped."""
    kept = index[index["ok"]]
    dropped = _names(db).isin(_names(failures))
    return {
        "images": len(index),
        "failed": len(failures),
        "crops": kept["crop"].value_counts().to_dict(),
        "notes": kept.loc[kept["note"] != "", "note"].value_counts().to_dict(),
        "rows": len(db),
        "rows_without_image": int(db["image"].isna().sum()),
        "rows_dropped": int(dropped.sum()),
    }
