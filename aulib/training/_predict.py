"""Probabilities of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from aulib import model as network
from aulib.errors import DataError
from aulib.training._batches import predict_rows


def predict(model: keras.Model, pixels: np.ndarray, batch_size: int = 64, rows: np.ndarray | None = None) -> np.ndarray:
    """Probabilities of a model for uint8 pixels, in batches of one shape.

    Args:
        model: from `aulib.model` or a `Run`.
        pixels: uint8 array (n, s, s, 3).
        batch_size: images at a time.
        rows: positions of the images wanted, in order; None for all. No more than a batch is read at once.

    Returns:
        float32 array (n, L), or (len(rows), L).

    Raises:
        SettingsError: the pixels do not fit the model.
    """
    network.check(model, pixels)
    return predict_rows(model, pixels, np.arange(len(pixels)) if rows is None else np.asarray(rows), batch_size)


def prediction_table(table: pd.DataFrame, aus: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Labels and probabilities side by side, one row per image.

    Args:
        table: rows of the meta-database, in the order of the probabilities.
        aus: the L action units, in the order of the columns.
        probabilities: float array (n, L).

    Returns:
        DataFrame with `dataset, subject, sequence, frame, image` and for each AU its label (`AU12`, Int8, <NA> unknown)
        and its probability (`AU12_p`, float32).

    Raises:
        DataError: the shapes do not fit.
    """
    if probabilities.shape != (len(table), len(aus)):
        raise DataError(f"probabilities must have the shape {(len(table), len(aus))}; found {probabilities.shape}")
    columns = table[["dataset", "subject", "sequence", "frame", "image"]].reset_index(drop=True)
    for column, au in enumerate(aus):
        columns[au] = table[au].astype("Int8").to_numpy()
        columns[au] = columns[au].astype("Int8")
        columns[f"{au}_p"] = probabilities[:, column].astype(np.float32)
    return columns
