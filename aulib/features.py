"""The feature cache: outputs of the frozen blocks, computed once per image and kept in a memory-mapped array.

The recipe of the paper has no augmentation, so a frozen block gives an image the same output in every epoch. Computing
it once is the same calculation, only without the repetitions.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import numpy as np
from tqdm.auto import tqdm

from aulib import arrays
from aulib.errors import AulibError, DataError, SettingsError

if TYPE_CHECKING:
    import keras

CHUNK = 16  # batches between two savings of the state
#: Types in which features can be stored, with the type in the file. NumPy's format has no name for bfloat16.
DTYPES = {"float16": "float16", "bfloat16": "uint16", "float32": "float32"}


def extract(
    pixels: np.ndarray,
    frozen_model: keras.Model,
    folder: str | Path,
    *,
    batch_size: int = 64,
    dtype: str = "float16",
    progress: bool = True,
    images_key: str | None = None,
) -> np.memmap:
    """Outputs of a frozen model for every image, computed once.

    A finished folder with the same key is opened at once. An interrupted call goes on where it stopped.

    Args:
        pixels: array of shape (n, …) that the model takes: uint8 images, or features of an earlier block.
        frozen_model: for example `aulib.model.frozen_part(model, "block4_pool")`.
        folder: folder of the cache.
        batch_size: images at a time; the last batch is padded, so that every batch has the same shape.
        dtype: how the features are stored: float16 (3 to 4 decimal digits), bfloat16 (2 to 3 digits, but the range of
            float32; the file holds its bits as uint16), or float32.
        progress: show a progress bar.
        images_key: what identifies the content of `pixels`, for example `ImageStore.key`; None hashes the content.

    Returns:
        Read-only memory map of shape (n, …) and the given dtype (bfloat16: that of the package ml_dtypes).

    Raises:
        SettingsError: an unknown dtype, or a folder with features of other weights, images or settings; the message
            says which.
        AulibError: a value does not fit the dtype.
    """
    folder = Path(folder)
    key = features_key(pixels, frozen_model, dtype, images_key)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.busy.lock"):
        if not folder.exists():
            _compute(pixels, frozen_model, folder, key, batch_size, progress)
        _refuse_other(folder, key)
    return open_features(folder)


def open_features(folder: str | Path) -> np.memmap:
    """Open a finished cache.

    Raises:
        DataError: there is no finished cache in the folder.
    """
    folder = Path(folder)
    if not (folder / "features.json").is_file() or not (folder / "features.npy").is_file():
        raise DataError("holds no finished feature cache", folder)
    key = json.loads((folder / "features.json").read_text(encoding="utf-8"))["key"]
    return _viewed(np.load(folder / "features.npy", mmap_mode="r"), key["dtype"])


def features_key(
    pixels: np.ndarray, frozen_model: keras.Model, dtype: str = "float16", images_key: str | None = None
) -> dict[str, str]:
    """Everything that decides the content of a cache, in words and hashes; stored in `features.json`."""
    from aulib.model import Pixels, weights_hash

    if dtype not in DTYPES:
        raise SettingsError(f"features cannot be stored as {dtype!r}; they are stored as {', '.join(DTYPES)}")
    scalings = [layer.scaling for layer in frozen_model.layers if isinstance(layer, Pixels)]
    last = frozen_model.layers[-1]
    return {
        "images": images_key or content_hash(pixels),
        "input": str(list(pixels.shape)),
        "pixel scaling": scalings[0] if scalings else "none",
        "layers": f"{frozen_model.layers[1].name} to {last.name}",
        "weights": weights_hash(frozen_model),
        "precision": last.dtype_policy.name,
        "dtype": dtype,
    }


def take(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of an array, as `array[rows]`; those of a file are read in one piece each.

    Through a memory map, a row that is not in memory yet arrives page by page, which takes many times as long.

    Args:
        array: any array; a memory map of a whole C-ordered file is read as described.
        rows: int array (k,).

    Returns:
        Array (k, …) of the same dtype.

    Raises:
        DataError: the file has become shorter than the array.

    Example:
        >>> take(np.array([[1, 2], [3, 4]]), np.array([1, 1])).tolist()
        [[3, 4], [3, 4]]
    """
    inside = len(rows) and rows.min() >= 0 and rows.max() < len(array)
    if not inside or not _is_whole_file(array):
        return array[rows]
    taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
    size = taken[0].nbytes
    with open(array.filename, "rb", buffering=0) as file:
        for place, row in zip(taken.view(np.uint8), rows, strict=True):
            if os.preadv(file.fileno(), [place], array.offset + int(row) * size) != size:
                raise DataError(f"ends before row {row}; it was changed while it was in use", array.filename)
    return taken


def content_hash(array: np.ndarray, rows: int = 1024) -> str:
    """SHA-256 of an array's shape, dtype and values, read a slice at a time."""
    digest = hashlib.sha256(f"{array.shape}{array.dtype}".encode())
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]))
    return digest.hexdigest()


def short(key: dict[str, str]) -> str:
    """Twelve characters that stand for a key, for use in folder names."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def predict_padded(predict: Callable, batch: np.ndarray, size: int) -> np.ndarray:
    """Outputs for at most `size` rows, computed on `size` rows (zeros at the end): one shape, one compilation.

    Under a `keras.distribution` each device computes its part of the rows.
    """
    import keras

    over = keras.distribution.distribution()
    count = len(batch)
    size = even(size)
    if count < size:
        batch = np.concatenate([batch, np.zeros((size - count, *batch.shape[1:]), batch.dtype)])
    batch = np.asarray(batch)
    if over is not None:
        batch = keras.distribution.distribute_tensor(batch, over.get_data_layout(batch.shape))
    return np.asarray(predict(batch))[:count]


def even(size: int) -> int:
    """The next size of a batch that can be divided among the devices of the `keras.distribution` in force, if any."""
    import keras

    over = keras.distribution.distribution()
    return size if over is None else -(-size // over.num_model_replicas) * over.num_model_replicas


def _compute(
    pixels: np.ndarray, model: keras.Model, folder: Path, key: dict[str, str], batch_size: int, progress: bool
) -> None:
    part = _prepare(folder, key, (len(pixels), *model.output_shape[1:]))
    started = time.perf_counter()
    done = first = int((part / "done").read_text(encoding="utf-8"))
    features = _viewed(np.load(part / "features.npy", mmap_mode="r+"), key["dtype"])
    bar = tqdm(total=len(pixels), initial=done, desc=f"features {key['layers']}", unit="img", disable=not progress)
    with bar:
        while done < len(pixels):
            stop = min(done + batch_size * CHUNK, len(pixels))
            _fill(features, pixels, model, done, stop, batch_size, bar)
            features.flush()
            done = stop
            _write(part / "done", str(done))
    seconds = time.perf_counter() - started
    about = {"key": key, "shape": features.shape, "seconds": round(seconds, 2), "images_timed": len(pixels) - first}
    _write(part / "features.json", json.dumps(about, indent=1))
    (part / "done").unlink()
    os.replace(part, folder)


def _fill(
    features: np.ndarray, pixels: np.ndarray, model: keras.Model, first: int, last: int, batch_size: int, bar: tqdm
) -> None:
    for start in range(first, last, batch_size):
        stop = min(start + batch_size, last)
        values = predict_padded(model.predict_on_batch, pixels[start:stop], batch_size)
        with np.errstate(over="ignore"):
            features[start:stop] = values
        if not np.isfinite(features[start:stop].astype(np.float32)).all():
            largest = np.abs(values.astype(np.float32)).max()
            raise AulibError(
                f"features of images {start} to {stop - 1} are not finite in {features.dtype} (largest magnitude "
                f"{largest:g}); use dtype='float32', or check the weights and the pixel scaling"
            )
        bar.update(stop - start)


def _prepare(folder: Path, key: dict[str, str], shape: tuple[int, ...]) -> Path:
    part = folder.with_name(folder.name + ".part")
    note = part / "key.json"
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) == key:
        return part
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    arrays.create(part / "features.npy", DTYPES[key["dtype"]], shape)
    _write(part / "done", "0")
    _write(note, json.dumps(key))
    return part


def _is_whole_file(array: np.ndarray) -> bool:
    """Whether an array is a memory map of all of a file's rows, in their order; a slice of one is not."""
    if not isinstance(array, np.memmap) or array.ndim < 2 or not array.filename or not hasattr(os, "preadv"):
        return False
    return array.flags.c_contiguous and os.path.getsize(array.filename) == array.offset + array.nbytes


def _viewed(array: np.memmap, dtype: str) -> np.memmap:
    """The stored numbers in the type that they stand for."""
    if dtype != "bfloat16":
        return array
    import ml_dtypes  # comes with Keras

    return array.view(ml_dtypes.bfloat16)


def _refuse_other(folder: Path, key: dict[str, str]) -> None:
    note = folder / "features.json"
    if not note.is_file():
        raise SettingsError(f"{folder} exists and is no feature cache; choose another folder")
    found = json.loads(note.read_text(encoding="utf-8"))["key"]
    other = differences(found, key)
    if other:
        raise SettingsError(f"{folder} holds features of something else: {other}. Delete it or choose another folder")


def differences(there: dict, here: dict) -> str:
    """In words, where two keys differ; empty if they do not."""
    names = [name for name, value in here.items() if there.get(name) != value]
    return "; ".join(f"{name} ({there.get(name)} there, {here[name]} here)" for name in names)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
