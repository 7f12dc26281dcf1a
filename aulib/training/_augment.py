"""Random changes of the images, the same ones in every run.

Keras's augmentation layers draw for a whole batch, so that an image's changes would depend on its neighbours. Here each
image draws for itself, from its row, the number of its copy, the epoch and the seed; the pixels are then moved by
Keras's own affine transformation. No image is mirrored: AU46, the codes L and R, and one-sided movements would change
their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import keras
import numpy as np

from aulib.errors import SettingsError


@dataclass(frozen=True)
class Augmentation:
    """Largest changes of an image; each image draws uniformly from minus to plus these values.

    The paper names no augmentation. The default is small: a face stays a face and an action unit stays visible.

    Attributes:
        rotation: degrees.
        translation: of both axes, as a share of the image's edge.
        zoom: change of size, as a share.
        brightness: added to every pixel, as a share of 255.
        contrast: change of the distance from the image's mean, as a share.

    Raises:
        SettingsError: a value outside of its range, or nothing to change.

    Example:
        >>> Augmentation(rotation=5).zoom
        0.1
    """

    rotation: float = 10.0
    translation: float = 0.05
    zoom: float = 0.1
    brightness: float = 0.1
    contrast: float = 0.2

    def __post_init__(self):
        limits = {"rotation": 180.0}
        for name, value in self.values().items():
            if not 0 <= value < limits.get(name, 1.0):
                raise SettingsError(f"augment: {name} is {value}; it lies from 0 to below {limits.get(name, 1.0):g}")
        if not any(self.values().values()):
            raise SettingsError("augment: every change is 0; leave augment out to train on the images as they are")

    def values(self) -> dict[str, float]:
        """The largest changes by name."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self)}

    def draw(self, rows: np.ndarray, copies: np.ndarray, epoch: int, seed: int) -> dict[str, np.ndarray]:
        """Draw the changes of each image: float64 arrays (n,), but (n, 2) for the translation.

        The stream of copy k is a child of ``balancing.augmentation_seed(row, k, seed)``, one child for each epoch.
        """
        drawn = np.empty((len(rows), 6))
        for number, (row, copy) in enumerate(zip(rows, copies, strict=True)):
            stream = np.random.SeedSequence(seed, spawn_key=(int(row), int(copy), epoch))
            drawn[number] = np.random.default_rng(stream).uniform(-1, 1, 6)
        largest = self.values()
        names = ("rotation", "zoom", "brightness", "contrast")
        changes = {name: largest[name] * drawn[:, column] for column, name in enumerate(names)}
        return {**changes, "translation": largest["translation"] * drawn[:, 4:]}

    def apply(self, pixels: np.ndarray, changes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Change images.

        Args:
            pixels: uint8 array (n, s, s, 3).
            changes: from `draw`.

        Returns:
            float32 array (n, s, s, 3) of 0 to 255.
        """
        size = pixels.shape[1]
        moved = keras.ops.image.affine_transform(
            pixels.astype(np.float32), _matrices(changes, size).astype(np.float32), fill_mode="nearest",
            data_format="channels_last",
        )  # fmt: skip
        moved = keras.ops.convert_to_numpy(moved)
        mean = moved.mean(axis=(1, 2, 3), keepdims=True)
        shape = (len(pixels), 1, 1, 1)
        contrast, brightness = (1 + changes["contrast"]).reshape(shape), (255 * changes["brightness"]).reshape(shape)
        return np.clip((moved - mean) * contrast + mean + brightness, 0, 255).astype(np.float32)


def augmentation(settings: Mapping[str, float] | bool | None) -> Augmentation | None:
    """Make the augmentation that a mapping of its values names; None or False for none, True for the default.

    Raises:
        SettingsError: an unknown name or a value outside of its range.
    """
    if settings is None or settings is False:
        return None
    known = [field.name for field in fields(Augmentation)]
    given = {} if settings is True else dict(settings)
    for name in given:
        if name not in known:
            raise SettingsError(f"augment has no setting {name!r}; it has {', '.join(known)}")
    return Augmentation(**given)


def copy_numbers(rows: np.ndarray) -> np.ndarray:
    """How often each entry's row has come before: 0 for the first copy of a row, then 1, 2, ...

    Example:
        >>> copy_numbers(np.array([7, 2, 7, 7])).tolist()
        [0, 0, 1, 2]
    """
    order = np.argsort(rows, kind="stable")
    found, first = np.unique(rows[order], return_index=True)
    numbers = np.empty(len(rows), np.intp)
    numbers[order] = np.arange(len(rows)) - first[np.searchsorted(found, rows[order])]
    return numbers


def _matrices(changes: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Rows (a0, a1, a2, b0, b1, b2, 0, 0) that map a pixel of the result to its source, about the image's centre."""
    angle, scale = np.deg2rad(changes["rotation"]), 1 / (1 + changes["zoom"])
    cosine, sine, centre = scale * np.cos(angle), scale * np.sin(angle), (size - 1) / 2
    along, down = (size * changes["translation"]).T
    zeros = np.zeros_like(cosine)
    return np.stack([
        cosine, -sine, centre - centre * (cosine - sine) + along,
        sine, cosine, centre - centre * (sine + cosine) + down, zeros, zeros,
    ], axis=1)  # fmt: skip
