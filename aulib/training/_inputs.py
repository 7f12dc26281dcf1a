"""What a stage is fed with: cached features of its frozen blocks, or pixels that pass the frozen blocks every time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from aulib import features as feature_cache
from aulib import model as network
from aulib.training._batches import predict_rows

CUTS = {1: "block5_pool", 2: "block4_pool"}  # what each stage leaves frozen ends here
#: Stages that start from cached features, by the name of the setting.
CACHED = {"both": (1, 2), "stage1": (1,), "none": ()}


@dataclass(frozen=True)
class Inputs:
    """Inputs of a stage.

    Attributes:
        values: cached features (n, …), or uint8 pixels (n, s, s, 3).
        cut: the layer whose output the features are; None for pixels.
        folder: folder of the cache; None for pixels.
    """

    values: np.ndarray
    cut: str | None = None
    folder: Path | None = None

    def part(self, model: keras.Model, stage: int) -> keras.Model:
        """The network that the stage trains, sharing the model's layers."""
        if self.cut:
            return network.head_part(model, self.cut)
        frozen = True
        for layer in model.layers:
            layer.trainable = not frozen
            frozen = frozen and layer.name != CUTS[stage]
        return keras.Model(model.input, model.output, name=f"{model.name}_stage{stage}")


def of_stages(
    pixels: np.ndarray, model: keras.Model, folder: Path, images_key: str, cache: str, dtype: str, progress: bool
) -> dict[int, Inputs]:
    """Inputs of both stages. What is cached passes the network once; block 5 is computed from block 4 where it can."""
    inputs = {stage: Inputs(pixels) for stage in CUTS}
    source, previous = pixels, model.layers[0].name
    for stage in sorted(CACHED[cache], reverse=True):
        cut = CUTS[stage]
        part = network.frozen_part(model, cut) if source is pixels else network.between(model, previous, cut)
        key = feature_cache.features_key(source, part, dtype, images_key)
        where = folder / f"{cut}-{feature_cache.short(key)}"
        source = feature_cache.extract(source, part, where, dtype=dtype, progress=progress, images_key=images_key)
        inputs[stage], previous, images_key = Inputs(source, cut, where), cut, feature_cache.short(key)
    return inputs


class Computed:
    """The last frozen block's output, computed when it is asked for; stands for a cached array in `Standardise.fit`."""

    def __init__(self, model: keras.Model, pixels: np.ndarray, batch_size: int = 64):
        self.part, self.pixels, self.batch_size = network.frozen_part(model, CUTS[1]), pixels, batch_size

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return predict_rows(self.part, self.pixels, rows, self.batch_size)
