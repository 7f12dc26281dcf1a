"""Batches of one shape, gathered ahead of the computation."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from aulib import features as feature_cache

AHEAD = 3  # batches gathered while one is being computed


def batches(
    inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, batch_size: int, change: Callable | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in order and of one shape, gathered ahead in a thread.

    Args:
        inputs: array (n, …).
        y: labels (n, L).
        rows: positions into both, in order.
        batch_size: rows in a batch.
        change: called with a batch's inputs and its positions in `rows`; returns what the network gets instead.
    """
    size = feature_cache.even(min(batch_size, len(rows)))
    pieces = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
    waiting: collections.deque = collections.deque()
    with ThreadPoolExecutor(1) as pool:
        for piece in pieces:
            waiting.append(pool.submit(gather, inputs, y, rows, piece, size, change))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def gather(
    inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, piece: slice, size: int, change: Callable | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One batch; rows that are lacking at the end are zeros with unknown labels, which no masked loss counts."""
    rows = rows[piece]
    values = feature_cache.take(inputs, rows)
    values = _plain_dtype(values) if change is None else change(values, piece)
    x = np.zeros((size, *values.shape[1:]), values.dtype)
    labels = np.full((size, y.shape[1]), np.nan, np.float32)
    x[: len(rows)], labels[: len(rows)] = values, y[rows]
    return x, labels


def predict_rows(model: keras.Model, inputs: np.ndarray, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Outputs (len(rows), …) of a model for some rows, float32."""
    size = max(1, min(batch_size, len(rows)))
    result = np.empty((len(rows), *model.output_shape[1:]), np.float32)
    for start in range(0, len(rows), size):
        batch = _plain_dtype(feature_cache.take(inputs, rows[start : start + size]))
        result[start : start + size] = feature_cache.predict_padded(model.predict_on_batch, batch, size)
    return result


def _plain_dtype(values: np.ndarray) -> np.ndarray:
    """bfloat16 as float32: not every backend takes it from NumPy."""
    return values.astype(np.float32) if values.dtype.name == "bfloat16" else values
