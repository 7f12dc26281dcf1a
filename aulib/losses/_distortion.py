"""How far batches distort the F1 loss: the average over an epoch's batches against the loss of all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from aulib.errors import SettingsError
from aulib.losses._corrected import UNSEEN
from aulib.metrics import check_labels

if TYPE_CHECKING:
    import pandas as pd


def batch_distortion(
    y: ArrayLike, p: ArrayLike, size: int, corrected: bool = False, momentum: float = 0.9, seed: int = 0
) -> pd.DataFrame:
    """Compare the batches of one epoch with all rows at once, for one network that does not change meanwhile.

    The gradient is looked at where it reaches the network: at the logits z of p = sigmoid(z), summed over the positive
    and over the negative cells of a label. A batch without a known cell of a label adds nothing. NumPy only; the tests
    hold it against the gradients of the Keras losses.

    Args:
        y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
        p: probabilities (n, L).
        size: rows in a batch; the rows are shuffled first, and a last incomplete batch is left out.
        corrected: False for the paper's loss of each batch, True for the count-corrected loss.
        momentum: of the corrected loss.
        seed: order of the rows.

    Returns:
        One row a label: ``batch_loss``, the mean over the batches; ``whole_loss``, of all rows; ``positives`` and
        ``negatives``, the mean gradient of the batches divided by that of all rows, 1 being undistorted;
        ``without_positive``, the share of batches without a known positive.

    Raises:
        SettingsError: size is smaller than 1 or larger than n.

    Example:
        >>> y, p = np.array([[1.0], [0.0]] * 8), np.array([[0.7], [0.4]] * 8)
        >>> batch_distortion(y, p, size=16).round(3).loc[0, ["positives", "negatives"]].tolist()
        [1.0, 1.0]
    """
    y, p = check_labels(y), np.asarray(p, "float64")
    if not 1 <= size <= len(y):
        raise SettingsError(f"size is {size}; give a number of rows from 1 to {len(y)}")
    order = np.random.default_rng(seed).permutation(len(y))[: len(y) // size * size]
    positive, negative = (y == 1)[order], (y == 0)[order]
    batches = _sums(positive, negative, p[order], size)
    whole = {name: value.mean(axis=0) for name, value in batches.items()}
    hits, sizes = _running(batches, whole, momentum) if corrected else (batches["hits"], batches["sizes"])
    found, right = _loss(batches, hits, sizes), _loss(whole, whole["hits"], whole["sizes"])
    table = {"batch_loss": found["loss"].mean(axis=0), "whole_loss": right["loss"]}
    for kind in ("positives", "negatives"):
        table[kind] = found[kind].mean(axis=0) / np.where(right[kind] == 0, np.nan, right[kind])
    table["without_positive"] = (batches["displayed"] == 0).mean(axis=0)
    import pandas as pd  # here, so that the losses train where pandas is not installed

    return pd.DataFrame(table).rename_axis("label")


def _sums(positive: np.ndarray, negative: np.ndarray, p: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Means over the rows of each batch, (batches, L)."""
    slope = p * (1 - p)
    cells = {
        "hits": positive * p,
        "displayed": positive,
        "absent": negative,
        "alarms": negative * p,
        "positive_slope": positive * slope,
        "negative_slope": negative * slope,
    }
    means = {name: value.reshape(-1, size, p.shape[1]).mean(axis=1) for name, value in cells.items()}
    return {**means, "sizes": means["displayed"] + means["hits"] + means["alarms"]}


def _loss(batch: dict[str, np.ndarray], hits: np.ndarray, sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Value and gradient of ``1 - F - (2 a - F s) / S`` with F = 2 hits / sizes; a, s are the batch's means."""
    known = sizes > 0
    whole = np.where(known, sizes, 1)
    f1 = 2 * hits / whole
    return {
        "loss": np.where(known, 1 - f1 - (2 * batch["hits"] - f1 * batch["sizes"]) / whole, 0),
        "positives": -(2 - f1) / whole * batch["positive_slope"],
        "negatives": f1 / whole * batch["negative_slope"],
    }


def _running(batches: dict[str, np.ndarray], whole: dict[str, np.ndarray], momentum: float):
    """Running means of the corrected loss after each batch, as the hits and sizes of all rows, (batches, L)."""
    positive = _averages(batches["hits"], batches["displayed"], momentum)
    negative = _averages(batches["alarms"], batches["absent"], momentum)
    hits = whole["displayed"] * positive
    return hits, whole["displayed"] + hits + whole["absent"] * negative


def _averages(total: np.ndarray, count: np.ndarray, momentum: float) -> np.ndarray:
    mean, trust = np.full(total.shape[1], UNSEEN), np.zeros(total.shape[1])
    averages = np.empty(total.shape)
    for batch, (t, c) in enumerate(zip(total, count, strict=True)):
        seen = c > 0
        trust = np.where(seen, 1 + momentum * trust, trust)
        mean = np.where(seen, mean + (t / np.where(seen, c, 1) - mean) / np.where(seen, trust, 1), mean)
        averages[batch] = mean
    return averages
