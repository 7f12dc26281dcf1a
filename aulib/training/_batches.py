"""Batches of one shape, gathered ahead of the computation."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from aulib import features as feature_cache

AHEAD = 3  # batches gathered while one is being computed


def batches(
    inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in order and of one shape, gathered ahead in a thread."""
    size = min(batch_size, len(rows))
    pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
    waiting: collections.deque = collections.deque()
    with ThreadPoolExecutor(1) as pool:
        for piece in pieces:
            waiting.append(pool.submit(gather, inputs, y, piece, size))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def gather(inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One batch; rows that are lacking at the end are zeros with unknown labels, which no masked loss counts."""
    x = np.zeros((size, *inputs.shape[1:]), inputs.dtype)
    labels = np.full((size, y.shape[1]), np.nan, np.float32)
    x[: len(rows)], labels[: len(rows)] = inputs[rows], y[rows]
    return x, labels


def predict_rows(model: keras.Model, inputs: np.ndarray, rows: np.ndarray, batch_size: int) -> np.ndarray:
    size = max(1, min(batch_size, len(rows)))
    result = np.empty((len(rows), model.output_shape[-1]), np.float32)
    for start in range(0, len(rows), size):
        batch = inputs[rows[start : start + size]]
        result[start : start + size] = feature_cache.predict_padded(model.predict_on_batch, batch, size)
    return result
