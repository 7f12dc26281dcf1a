"""Features, incomplete labels and the truth of every image: what all methods share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aulib import database, metrics
from aulib.errors import DataError, SettingsError
from aulib.evaluation import truth_of

if TYPE_CHECKING:
    from aulib.pipeline import Pipeline

#: Of the decomposition, whatever the machine has, so that the same seed gives the same table.
THREADS = 2


@dataclass(frozen=True)
class Prepared:
    """Everything a job needs.

    Attributes:
        x: float32 (n, d), features with mean 0 and variance 1.
        y: float32 (n, L), the labels as the datasets give them, NaN unknown.
        truth: float32 (n, L), every label, 0 or 1.
        table: n rows with ``dataset``, ``subject`` and ``image``.
        aus: the L action units.
        about: where all this comes from, for the record.

    Raises:
        DataError: arrays that do not fit the table, a truth with holes, or a label that is not the truth's.
    """

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    table: pd.DataFrame
    aus: tuple[str, ...]
    about: dict

    def __post_init__(self):
        shape = (len(self.table), len(self.aus))
        for name in ("y", "truth"):
            found = metrics.check_labels(getattr(self, name), name)
            if found.shape != shape:
                raise DataError(f"{name} has shape {found.shape}; the table and the action units need {shape}")
        if self.x.ndim != 2 or len(self.x) != len(self.table):
            raise DataError(f"x has shape {self.x.shape}; the table has {len(self.table)} rows")
        self._refuse(np.isnan(self.truth), "the truth is not known, and the comparison is scored on all of it")
        self._refuse(~np.isnan(self.y) & (self.y != self.truth), "the label is not the truth's")

    def _refuse(self, wrong: np.ndarray, why: str) -> None:
        if wrong.any():
            row, label = np.argwhere(wrong)[0]
            where = self.table.iloc[row]
            raise DataError(f"{where['dataset']}, {where['image']}, {self.aus[label]}: {why}")

    @cached_property
    def key(self) -> str:
        """Twelve characters that change with the features, the labels, the people and the settings."""
        about = self.table[["dataset", "subject", "image"]].to_csv(index=False)
        digest = hashlib.sha256((about + json.dumps([self.aus, self.about], sort_keys=True)).encode())
        for array in (self.x, self.y, self.truth):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:12]


def prepare(
    work: Pipeline,
    components: int | None = 256,
    weights: str | Path | None = "profile",
    pixels: str = "profile",
    *,
    shared: bool = False,
) -> Prepared:
    """Compute or find the features of every image that has a label, and look up its truth.

    The features are the output of the last frozen block, standardised. Their first principal components, standardised
    again, stand for them: a head on 256 numbers trains in a fifth of the time of one on all.

    Args:
        work: the pipeline; its data have to be synthetic.
        components: principal components to keep; None keeps every feature.
        weights: of the network, as in :func:`aulib.model.vgg16`; "profile" takes the profile's.
        pixels: scaling of the pixels, "unit" or "caffe"; "profile" takes the profile's.
        shared: start from the features that trainings share (:meth:`aulib.pipeline.Pipeline.features`), where the
            profile keeps them. They are there at once, and passed block 4 in 16 bits, which the stored tables' did not:
            the last digits differ.

    Raises:
        SettingsError: real data, whose truth nobody knows; or shared features with other weights than the profile's.
        DataError: the truth lacks an image of the table; render the corpus anew.
    """
    if any(work.settings.datasets.values()):
        raise SettingsError(
            "the experiment scores on every label, and with real data the missing ones are not known; "
            "leave datasets: in the profile empty. A sweep ('aulib sweep') compares losses on real data"
        )
    table, store = work.table(), work.store()
    table = table[store.usable(table)].reset_index(drop=True)
    recipe = work.settings.training
    if shared and (weights, pixels) != ("profile", "profile"):
        raise SettingsError(
            f"shared features are the profile's; leave out shared, or weights and pixels ({weights}, {pixels})"
        )
    weights = recipe.weights if weights == "profile" else weights
    pixels = recipe.pixels if pixels == "profile" else pixels
    kept = _shared(work) if shared else None
    features = (_features(work, weights, pixels) if kept is None else kept)[store.rows(table)]
    x = _components(features.reshape(len(features), -1).astype(np.float32), components)
    aus = tuple(work.aus)
    about = {
        "settings": work.settings.model_dump(mode="json", include={"corpus", "selection", "split", "balancing"}),
        "images": len(table),
        "persons": int(np.unique(database.person_ids(table)).size),
        "image_size": recipe.image_size,
        "weights": str(weights),
        "pixels": pixels,
        "features": f"{x.shape[1]} principal components" if components else f"all {x.shape[1]}",
    }
    return Prepared(
        x,
        database.labels(table, aus),
        truth_of(table, work.truth(), list(aus)),
        table[["dataset", "subject", "image"]],
        aus,
        about,
    )


def _shared(work: Pipeline) -> np.ndarray | None:
    """Output of the last block as trainings share it; None where the profile keeps none."""
    from aulib import features

    found = [folder for folder in work.features() if folder.name.startswith("block5_pool")]
    return features.open_features(found[0]) if found else None


def _features(work: Pipeline, weights: str | Path | None, pixels: str) -> np.ndarray:
    """Output of the last block for every image of the store (n, s, s, 512), cached beside those of the training."""
    from aulib import features, model

    store, size = work.store(), work.settings.training.image_size
    frozen = model.frozen_part(model.vgg16(work.aus, size, weights=weights, pixels=pixels), "block5_pool")
    key = features.features_key(store.pixels, frozen, "float16", store.key)
    folder = work.folder / "features" / f"block5_pool-{features.short(key)}"
    return features.extract(store.pixels, frozen, folder, dtype="float16", images_key=store.key, progress=work.progress)


def _components(x: np.ndarray, components: int | None) -> np.ndarray:
    """Standardise, keep the first principal components, standardise again. No label is looked at.

    On one thread: with several, sums are taken in another order, and a training amplifies differences in the last
    digit.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    x = _standardised(x)
    if components is None or components >= min(x.shape):
        return x
    with threadpool_limits(THREADS):
        pca = PCA(components, svd_solver="randomized", random_state=0)
        return _standardised(pca.fit_transform(x).astype(np.float32))


def _standardised(x: np.ndarray) -> np.ndarray:
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
