"""The image store: every image of a meta-database decoded once, resized once, and kept in one memory-mapped array.

How a file becomes pixels (`RULES`, recorded with every store):

* the EXIF orientation is applied first;
* grey, palette, CMYK, YCbCr and Lab images are converted to RGB by Pillow;
* 16-bit grey (and Pillow's 32-bit integer mode, in which it opens some 16-bit files) is divided by 257, so that 65535
  becomes 255; floating-point images are refused;
* transparent pixels are laid over black;
* the whole image is resized to a square: by area (box filter) where it shrinks, bilinear where it grows. The aspect
  ratio is not kept. Large JPEG files are decoded at a reduced scale that is at least twice the size asked for.
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

import filelock
import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from aulib import arrays
from aulib.errors import AulibError, DataError, SettingsError

RULES = "exif; 16-bit / 257; alpha over black; whole image; box to shrink, bilinear to grow; jpeg draft 2x; v1"
PENDING, GOOD, FAILED = 0, 1, 2


@dataclass(frozen=True)
class ImageStore:
    """Decoded images of one size, with the list that says which row holds which image.

    Attributes:
        folder: where the store lies.
        pixels: uint8 memory map of shape (n, size, size, 3), RGB, read-only. Rows of failed images are black.
        index: DataFrame with one row per image: `dataset`, `image`, `row` (position in `pixels`), `ok`.
        failures: DataFrame of the images that could not be read: `dataset`, `image`, `row`, `reason`.
        record: the key of the store, its size, the rules of decoding and the counts.
    """

    folder: Path
    pixels: np.ndarray
    index: pd.DataFrame
    failures: pd.DataFrame
    record: dict
    _lookup: pd.MultiIndex = field(repr=False)

    @property
    def key(self) -> str:
        """SHA-256 that stands for the image list, the files' sizes and times, the size and the rules."""
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
) -> ImageStore:
    """Decode and resize every image of a meta-database once.

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

    Raises:
        SettingsError: a size that cannot be used, a dataset without root, or a folder that holds another store.
        DataError: more than `max_failed` of the images cannot be read, or none can.
    """
    if size < 1:
        raise SettingsError(f"size is {size}; it is the side of the images in pixels, for example 96 or 224")
    folder = Path(folder)
    names = _names(db[db["image"].notna()]).unique().sort_values()
    if not len(names):
        raise DataError("the table names no image, so there is nothing to store")
    paths = _paths(names, roots)
    key = _key(names, paths, size)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.busy.lock"):
        if folder.exists():
            return _open_same(folder, key)
        part = _prepare(folder, key, len(names), size)
        reasons = _decode_all(part, paths, size, workers or os.cpu_count() or 1, progress, chunk)
        _refuse_failures(names, reasons, max_failed)
        _finish(part, folder, names, reasons, {"key": key, "size": size, "rules": RULES})
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


def decode(path: str | Path, size: int) -> np.ndarray:
    """Read one image file as RGB pixels, uint8 of shape (size, size, 3), by the rules above.

    Raises:
        OSError, ValueError, SyntaxError: what Pillow raises for a missing, empty, truncated or unknown file.
    """
    with Image.open(path) as image:
        image.draft("RGB", (2 * size, 2 * size))
        picture = _to_rgb(ImageOps.exif_transpose(image))
    if picture.size != (size, size):
        shrinks = min(picture.size) >= size
        picture = picture.resize((size, size), Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save the image as 8-bit or 16-bit")
    if image.mode.startswith("I"):
        return Image.fromarray(_from_16_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 65535) / 257).astype(np.uint8)


def _names(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table["dataset"].astype(object), table["image"].astype(object)])


def _paths(names: pd.MultiIndex, roots: dict[str, str | Path]) -> list[Path]:
    missing = sorted(set(names.get_level_values(0)) - set(roots))
    if missing:
        raise SettingsError(f"no folder is given for {', '.join(missing)}; `roots` has {', '.join(sorted(roots))}")
    return [Path(roots[dataset]) / image for dataset, image in names]


def _key(names: pd.MultiIndex, paths: list[Path], size: int) -> str:
    digest = hashlib.sha256(f"{RULES}\n{size}\n".encode())
    for (dataset, image), path in zip(names, paths, strict=True):
        digest.update(f"{dataset}\0{image}\0{_file_stamp(path)}\n".encode())
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
            "list, a file, the size or the rules differ); delete it or choose another folder"
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
    note.write_text(key, encoding="utf-8")
    return part


def _decode_all(part: Path, paths: list[Path], size: int, workers: int, progress: bool, chunk: int) -> dict[int, str]:
    """Fill the rows that are not done yet; return {row: reason} of those that failed."""
    pixels = np.load(part / "pixels.npy", mmap_mode="r+")
    state = np.load(part / "state.npy", mmap_mode="r+")
    todo = np.flatnonzero(state != GOOD)
    reasons: dict[int, str] = {}
    bar = tqdm(total=len(paths), initial=len(paths) - len(todo), desc="images", unit="img", disable=not progress)
    with bar, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(todo), chunk):
            rows = todo[start : start + chunk]
            results = pool.map(partial(_decode_into, pixels, size), rows, [paths[row] for row in rows])
            reasons.update((int(row), reason) for row, reason in zip(rows, results, strict=True) if reason)
            pixels.flush()
            state[rows] = [FAILED if int(row) in reasons else GOOD for row in rows]
            state.flush()
            bar.update(len(rows))
    return reasons


def _decode_into(pixels: np.ndarray, size: int, row: int, path: Path) -> str | None:
    try:
        pixels[row] = decode(path, size)
    except Exception as error:  # Pillow's readers raise many kinds for damaged files; all of them are reported
        return f"{type(error).__name__}: {error}"
    return None


def _refuse_failures(names: pd.MultiIndex, reasons: dict[int, str], max_failed: float) -> None:
    if not reasons or (len(reasons) <= max_failed * len(names) and len(reasons) < len(names)):
        return
    shown = "; ".join(f"{names[row][0]} {names[row][1]}: {reason}" for row, reason in list(reasons.items())[:3])
    raise DataError(
        f"{len(reasons):,} of {len(names):,} images cannot be read, more than the accepted share of {max_failed:g} "
        f"(setting max_failed). First: {shown}. Check the dataset's folder, or drop these rows from the table"
    )


def _finish(part: Path, folder: Path, names: pd.MultiIndex, reasons: dict[int, str], record: dict) -> None:
    index = pd.DataFrame({"dataset": names.get_level_values(0), "image": names.get_level_values(1)}).astype("string")
    index["row"] = np.arange(len(names))
    index["ok"] = ~index["row"].isin(list(reasons))
    failures = index.loc[~index["ok"], ["dataset", "image", "row"]].reset_index(drop=True)
    failures["reason"] = pd.array([reasons[row] for row in failures["row"]], dtype="string")
    index.to_parquet(part / "index.parquet", index=False)
    failures.to_parquet(part / "failures.parquet", index=False)
    record = {**record, "images": len(names), "failed": len(reasons)}
    (part / "store.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    for name in ("key", "state.npy"):
        (part / name).unlink()
    try:
        os.replace(part, folder)
    except OSError as error:
        raise AulibError(f"the finished store {part} cannot be renamed to {folder}: {error}") from error
