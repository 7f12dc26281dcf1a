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
from aulib import model as network
from aulib.errors import DataError, SettingsError
from aulib.training._batches import predict_rows
from aulib.training._devices import backend_version, device
from aulib.training._stages import CUTS, Job
from aulib.training._state import clean, write_text


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        model: the best model of stage 2, with its card (`aulib.model.card`).
        history: one row per epoch: `stage`, `epoch`, `loss`, `val_f1_macro`, `val_accuracy`, `val_score`, `seconds`.
        record: settings, seed, versions, origin and hash of the weights, hash of the data, timings, device.
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
            DataError: the cache was deleted; use `predict(model, pixels)`.
        """
        path = self.folder / self.record["features"][CUTS[2]] / "features.npy"
        if not path.is_file():
            raise DataError("the cached features are gone; use aulib.training.predict(model, pixels)", path)
        head = network.head_part(self.stage_model(stage), CUTS[2])
        return predict_rows(head, np.load(path, mmap_mode="r"), np.asarray(rows), batch_size)


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


def finish(job: Job, model: keras.Model, key: dict[str, Any], state: dict[str, Any], cache: dict[str, Path]) -> None:
    """Save the final model and the record; the record is written last and says that the run is finished."""
    network.save(model, job.folder / "model.keras")
    seconds = pd.DataFrame(state["history"]).groupby("stage")["seconds"].sum()
    about = network.card(model)
    record = {
        "settings": asdict(job.settings),
        "weights": {"origin": about["weights"], "sha256": about["weights_sha256"]},
        "data": {"images": key["images"], "labels and rows": key["labels and rows"]},
        "rows": {
            "train": len(job.train), "train, unique": len(np.unique(job.train)), "validation": len(job.validation)
        },
        "best": {stage: {"epoch": best["epoch"], "score": best["score"]} for stage, best in state["best"].items()},
        "features": {cut: os.path.relpath(path, job.folder) for cut, path in cache.items()},
        "seconds": {
            **{f"features {cut}": _feature_seconds(path) for cut, path in cache.items()},
            **{f"stage {stage}": round(float(value), 2) for stage, value in seconds.items()},
        },
        "device": device(),
        "versions": {
            "python": platform.python_version(), "aulib": aulib.__version__, "keras": keras.__version__,
            "backend": f"{keras.backend.backend()} {backend_version()}", "numpy": np.__version__,
        },
    }  # fmt: skip
    write_text(job.folder / "record.json", json.dumps(record, indent=1))
    clean(job.folder, keep=set())


def _feature_seconds(folder: Path) -> float:
    return json.loads((folder / "features.json").read_text(encoding="utf-8"))["seconds"]
