"""A finished training: what it gives, and how it is written down."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

import aulib
from aulib import features as feature_cache
from aulib import model as network
from aulib.errors import DataError, SettingsError
from aulib.training._batches import predict_rows
from aulib.training._devices import backend_version, device, peak_memory
from aulib.training._divergence import stuck
from aulib.training._inputs import CUTS, Inputs
from aulib.training._stages import Job
from aulib.training._state import clean, write_text


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        model: the best model of stage 2, with its card (`aulib.model.card`).
        history: one row per epoch: `stage`, `epoch`, `loss`, `val_f1_macro`, `val_accuracy`, `val_score`, with
            `monitor` also `monitor_score`, then `seconds` and `training_seconds` (without scoring).
        record: settings, seed, versions, origin and hash of the weights, hash of the data, what the stages were fed
            with, timings, images a second, most memory in use, device, warnings.
        folder: holds `model.keras`, `stage1.keras`, `history.csv` and `record.json`.
    """

    model: keras.Model
    history: pd.DataFrame
    record: dict
    folder: Path

    def stage_model(self, stage: int) -> keras.Model:
        """The best model of stage 1 or 2."""
        if stage not in CUTS:
            raise SettingsError(f"stage is {stage}; it is 1 or 2")
        return self.model if stage == 2 else network.load(self.folder / "stage1.keras")

    def best(self, stage: int) -> pd.Series:
        """The history row of a stage's best epoch.

        Raises:
            SettingsError: the stage had no epochs.
        """
        rows = self.history[self.history["stage"] == stage]
        if rows.empty:
            raise SettingsError(f"stage {stage} had no epochs in this run")
        return rows.loc[rows["val_score"].idxmax()]

    def predict(self, rows: np.ndarray, stage: int = 2, batch_size: int = 64) -> np.ndarray:
        """Probabilities for rows of the pixels trained on, from the cached features (no image is read).

        Returns:
            float32 array (len(rows), L).

        Raises:
            DataError: there is no cache, or it was deleted; use `predict(model, pixels)`.
        """
        model, inputs = self.stage_model(stage), self._inputs()
        return predict_rows(inputs.part(model, 2), inputs.values, np.asarray(rows), batch_size)

    @property
    def cached(self) -> bool:
        """Whether the features from which both stages can predict were kept."""
        return CUTS[2] in self.record["features"]

    def _inputs(self) -> Inputs:
        if not self.cached:
            raise DataError("this training kept no features of block 4; use aulib.training.predict", self.folder)
        folder = self.folder / self.record["features"][CUTS[2]]
        if not folder.is_dir():
            raise DataError("the cached features are gone; use aulib.training.predict(model, pixels)", folder)
        return Inputs(feature_cache.open_features(folder), CUTS[2], folder)


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises:
        DataError: the folder holds no finished run.
    """
    folder = Path(folder)
    if not (folder / "record.json").is_file():
        raise DataError("holds no finished training (it has no record.json)", folder)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    model = network.load(folder / "model.keras", aus=record["settings"]["aus"])
    return Run(model, pd.read_csv(folder / "history.csv"), record, folder)


def finish(job: Job, model: keras.Model, key: dict[str, Any], state: dict[str, Any], inputs: dict[int, Inputs]) -> None:
    """Save the final model and the record; the record is written last and says that the run is finished."""
    network.save(model, job.folder / "model.keras")
    seconds = pd.DataFrame(state["history"]).groupby("stage")[["seconds", "training_seconds"]].agg(["sum", "median"])
    about, cache = network.card(model), {source.cut: source.folder for source in inputs.values() if source.cut}
    record = {
        "settings": asdict(job.settings),
        "weights": {"origin": about["weights"], "sha256": about["weights_sha256"]},
        "data": {"images": key["images"], "labels and rows": key["labels and rows"]},
        "rows": {
            "train": len(job.train), "train, unique": len(np.unique(job.train)), "validation": len(job.validation),
            "cached": len(job.pixels) if cache else 0,
        },
        "best": {stage: {"epoch": best["epoch"], "score": best["score"]} for stage, best in state["best"].items()},
        "features": {cut: os.path.relpath(path, job.folder) for cut, path in cache.items()},
        "seconds": {
            **{f"features {cut}": _feature_seconds(path) for cut, path in cache.items()},
            **{f"stage {stage}": round(float(sums), 2) for stage, sums in seconds["seconds", "sum"].items()},
        },
        "images per second": {
            f"stage {stage}": round(len(job.train) / max(float(median), 1e-3), 1)
            for stage, median in seconds["training_seconds", "median"].items()
        },
        "inputs": {f"stage {stage}": _in_words(source) for stage, source in inputs.items()},
        "peak memory, GB": peak_memory(),
        "warnings": [found for stage in inputs for found in stuck(state["history"], job.silly, stage)],
        "device": device(), "devices": feature_cache.even(1),
        "versions": {
            "python": platform.python_version(), "aulib": aulib.__version__, "keras": keras.__version__,
            "backend": f"{keras.backend.backend()} {backend_version()}", "numpy": np.__version__,
        },
    }  # fmt: skip
    write_text(job.folder / "record.json", json.dumps(record, indent=1))
    clean(job.folder, keep=set())


def _in_words(inputs: Inputs) -> str:
    return f"cached {inputs.cut}, {inputs.values.dtype}" if inputs.cut else "pixels through the whole network"


def _feature_seconds(folder: Path) -> float:
    return json.loads((folder / "features.json").read_text(encoding="utf-8"))["seconds"]
