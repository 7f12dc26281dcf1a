"""What a training of another size would take, from the rates measured in a finished one: time and disk."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aulib.errors import SettingsError

#: Values per pixel of the image (RGB), and channels of VGG16's fourth and fifth block, whose sides are 1/16 and 1/32.
_RGB, _CHANNELS = 3, 512


def of_run(
    record: dict, images: int, unique: int | None = None, image_size: int = 224, epochs: Sequence[int] = (30, 30)
) -> pd.DataFrame:
    """Time and disk of a training with cached features, scaled up from a run's record.

    Convolutions take time in proportion to the pixels of an image, and so do the caches on the disk; the dense layers
    take time in proportion to their inputs. Reading from the disk is taken to be free, which holds while the computing
    is the slower part.

    Args:
        record: of a finished run (`aulib.training.Run.record`), made with cached features.
        images: rows of the balanced training list, with repeats.
        unique: different images, each of which is decoded and sent through the frozen blocks once; None: ``images``.
        image_size: side of the images in pixels.
        epochs: of stage 1 and of stage 2.

    Returns:
        Rows ``image store``, ``features``, ``stage 1``, ``stage 2`` and ``together``; columns ``hours`` and
        ``gigabytes`` (10^9 bytes on the disk). ``.attrs["device"]`` says where the rates were measured.

    Raises:
        SettingsError: the record has no timings of both stages on cached features, or a number is not positive.

    Example:
        >>> seconds = {"features block4_pool": 100, "features block5_pool": 10, "stage 1": 30, "stage 2": 200}
        >>> settings = {"image_size": 112, "epochs": [30, 20]}
        >>> record = {"seconds": seconds, "settings": settings, "device": "CPU (2 cores)",
        ...           "rows": {"train": 5000, "train, unique": 4000, "validation": 500, "cached": 10000}}
        >>> table = of_run(record, images=10_000, image_size=112, epochs=(30, 20))
        >>> table["hours"].mul(3600).round().tolist()
        [0.0, 110.0, 60.0, 400.0, 570.0]
    """
    unique = images if unique is None else unique
    if min(images, unique, image_size, *epochs) <= 0:
        raise SettingsError("images, unique, image_size and both numbers of epochs must be above 0")
    seconds, before = record["seconds"], record["settings"]
    needed = ("features block4_pool", "features block5_pool", "stage 1", "stage 2")
    if any(name not in seconds for name in needed) or min(before["epochs"]) == 0:
        raise SettingsError("the run has no timings of both stages on cached features; train one that has")
    larger = (image_size / before["image_size"]) ** 2
    frozen = (seconds["features block4_pool"] + seconds["features block5_pool"]) / record["rows"]["cached"]
    stages = [
        seconds[f"stage {stage}"] / (record["rows"]["train"] * before["epochs"][stage - 1]) * images * epochs[stage - 1]
        for stage in (1, 2)
    ]
    side = image_size // 16
    cached = _CHANNELS * 2 * (side**2 + (side // 2) ** 2) * unique  # 2 bytes a value
    table = pd.DataFrame(
        {
            "hours": [0.0, frozen * unique * larger / 3600, *(value * larger / 3600 for value in stages)],
            "gigabytes": [image_size**2 * _RGB * unique / 1e9, cached / 1e9, 0.0, 0.0],
        },
        index=pd.Index(["image store", "features", "stage 1", "stage 2"], name="part"),
    )
    table.loc["together"] = table.sum()
    table.attrs["device"] = record["device"]
    return table
