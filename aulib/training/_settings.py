"""What a training was asked for: its settings, their checks, and the key that tells one run from another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from aulib import features as feature_cache
from aulib import model as network
from aulib.errors import SettingsError
from aulib.training._inputs import CACHED
from aulib.training._state import write_text


@dataclass(frozen=True)
class Settings:
    """The arguments of `train_two_stage` that can be written down."""

    aus: list[str]
    image_size: int
    weights: str | None
    pixel_scaling: str
    hidden: list[int]
    dropout: float
    loss: str | dict
    learning_rate: float
    batch_size: int
    epochs: list[int]
    seed: int
    threshold: float
    precision: str
    standardise: bool
    cache: str
    cache_dtype: str
    augment: dict[str, float] | None
    devices: int | None


def build(settings: Settings) -> keras.Model:
    return network.vgg16(
        settings.aus, settings.image_size, settings.weights, settings.pixel_scaling, settings.hidden, settings.dropout,
        settings.seed, settings.threshold, settings.precision, settings.standardise,
    )  # fmt: skip


def described(loss: str | keras.losses.Loss) -> str | dict:
    """What the record says about a loss."""
    return loss if isinstance(loss, str) else {"class": type(loss).__name__, **loss.get_config()}


def cache_mode(cache: str, augmented: bool) -> str:
    """The kind of cache meant by the setting `cache`.

    Raises:
        SettingsError: an unknown kind, or a cache together with augmentation.
    """
    known = ("auto", *CACHED)
    if cache not in known:
        raise SettingsError(f"cache is {cache!r}; it is one of {', '.join(known)}")
    if augmented and cache not in ("auto", "none"):
        raise SettingsError(
            f"cache is {cache!r}, but augment changes the images in every epoch, so that no feature can be kept; "
            "leave one of the two out"
        )
    return cache if cache != "auto" else "none" if augmented else "both"


def check_arrays(
    pixels: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    monitor: np.ndarray,
    settings: Settings,
) -> None:
    if settings.cache_dtype not in feature_cache.DTYPES:
        raise SettingsError(f"cache_dtype is {settings.cache_dtype!r}; it is one of {', '.join(feature_cache.DTYPES)}")
    if y.shape != (len(pixels), len(settings.aus)):
        raise SettingsError(f"y must have the shape {(len(pixels), len(settings.aus))} (images, AUs); found {y.shape}")
    if settings.batch_size < 1 or min(settings.epochs) < 0 or len(settings.epochs) != 2 or settings.epochs[0] < 1:
        raise SettingsError(
            "batch_size must be at least 1 and epochs two numbers, the first at least 1; "
            f"found batch_size {settings.batch_size} and epochs {settings.epochs}"
        )
    for name, rows in (("train", train), ("validation", validation)):
        if not len(rows) or rows.min() < 0 or rows.max() >= len(y):
            raise SettingsError(f"{name} must hold at least one position from 0 to {len(y) - 1}; found {rows}")
        if np.isnan(y[rows]).all():
            raise SettingsError(f"no label of the {name} rows is known, so there is nothing to learn or to select by")
    if len(monitor) and (monitor.min() < 0 or monitor.max() >= len(y)):
        raise SettingsError(f"monitor must hold positions from 0 to {len(y) - 1}; found {monitor}")
    for name, rows, others in (("validation", validation, train), ("monitor", monitor, np.r_[train, validation])):
        shared = np.intersect1d(others, rows)
        if len(shared):
            where = "train" if name == "validation" else "train or validation"
            raise SettingsError(f"{len(shared)} rows are in {where} and in {name}, the first is {shared[0]}")


def run_key(
    settings: Settings,
    model: keras.Model,
    images: str,
    y: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    monitor: np.ndarray,
) -> dict[str, Any]:
    """Everything that decides the result of a run."""
    data = hashlib.sha256()
    rows = [array.astype(np.int64) for array in (train, validation, monitor)]
    for array in (np.asarray(y, np.float32), *rows):
        data.update(f"{array.shape}".encode())
        data.update(np.ascontiguousarray(array))
    decisive = {name: value for name, value in asdict(settings).items() if name != "devices"}
    return {**decisive, "weights_sha256": network.card(model)["weights_sha256"], "images": images,
            "labels and rows": data.hexdigest()}  # fmt: skip


def claim(folder: Path, key: dict[str, Any]) -> None:
    """Write the run's key into a new folder, or refuse a folder with another key."""
    note = folder / "key.json"
    if not note.is_file():
        write_text(note, json.dumps(key, indent=1))
    found = json.loads(note.read_text(encoding="utf-8"))
    other = feature_cache.differences(found, key)
    if other:
        raise SettingsError(f"{folder} holds another run: {other}. Delete it or choose another folder")
