"""What Keras losses and metrics share: checks of a batch, and unknown cells set aside before any arithmetic."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from aulib.errors import DataError
from aulib.metrics._arrays import check_labels, check_probabilities


def masked_batch(y_true, y_pred, sample_weight=None):
    """Return weights, labels and probabilities of a batch, ready for sums.

    Two kinds of wrong input are told apart. Shapes are known even inside a compiled step: wrong ones raise. Values
    are not: a weight of NaN on the wrong cell makes every sum NaN, so that a code like -1 or 9 for "unknown" can
    never become a plausible number. Arrays and lists, whose values can be seen, raise as well.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L). What stands on an unknown cell is not looked at.
        sample_weight: weight of each row, (B,) or (B, 1), or of each cell (B, L), not negative.

    Returns:
        Three tensors (B, L) in the precision of ``y_pred``, float32 at least: the weights m, 0 where the label is
        unknown and NaN where a known cell has a label other than 0 and 1, a probability outside [0, 1] or a weight
        that is negative or not finite; the labels and the probabilities, both 0 where the label is unknown.

    Raises:
        DataError: shapes that do not fit, or a wrong value in an array.

    Example:
        >>> m, y, p = masked_batch([[1.0, math.nan], [0.0, 1.0]], [[0.8, 0.1], [0.2, 0.6]], [1.0, 2.0])
        >>> keras.ops.convert_to_numpy(m).tolist()
        [[1.0, 0.0], [2.0, 2.0]]
    """
    check_values(y_true, y_pred)
    y, p = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    dtype = keras.backend.result_type(p.dtype, "float32")
    y, p = ops.cast(y, dtype), ops.cast(p, dtype)
    w = None if sample_weight is None else ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    check_shapes(y.shape, p.shape, None if w is None else w.shape)
    known = ops.logical_not(ops.isnan(y))
    fits = ops.logical_and(ops.logical_or(y == 0, y == 1), ops.logical_and(p >= 0, p <= 1))
    if w is None:
        w = ops.ones_like(y)
    else:
        w = ops.expand_dims(w, -1) if len(w.shape) == 1 else w
        fits = ops.logical_and(fits, ops.logical_and(w >= 0, w < math.inf))
    zero = ops.zeros_like(y)
    m = ops.where(known, ops.where(fits, w, math.nan), zero)
    return m, ops.where(known, y, zero), ops.where(known, p, zero)


def check_shapes(y_true, y_pred, sample_weight=None) -> None:
    """Raise where the shapes of a batch do not fit; a dimension that is None fits anything.

    Args:
        y_true: shape of the labels, (B, L).
        y_pred: shape of the probabilities, equal to it.
        sample_weight: shape of the weights: (B,), (B, 1) or (B, L); None without weights.

    Raises:
        DataError: with both shapes.
    """
    y_true, y_pred = tuple(y_true), tuple(y_pred)
    if len(y_true) != 2 or len(y_pred) != 2:
        raise DataError(f"y_true has shape {y_true}, y_pred {y_pred}; both must be (rows, labels)")
    if not _fits(y_true, y_pred):
        raise DataError(f"y_true has shape {y_true}, y_pred {y_pred}; they must be equal")
    rows, labels = (a if a is not None else b for a, b in zip(y_true, y_pred, strict=True))
    if sample_weight is None:
        return
    shape = tuple(sample_weight)
    if not any(_fits(shape, allowed) for allowed in ((rows,), (rows, 1), (rows, labels))):
        raise DataError(
            f"sample_weight has shape {shape}; give one weight a row, ({rows},), or one a cell, ({rows}, {labels})"
        )


def _fits(shape: tuple, other: tuple) -> bool:
    return len(shape) == len(other) and all(a == b or a is None or b is None for a, b in zip(shape, other, strict=True))


def check_values(y_true, y_pred) -> None:
    """Check what is not a tensor yet; on unknown cells only the labels matter."""
    if keras.ops.is_tensor(y_true):
        return
    y = check_labels(y_true)
    if not keras.ops.is_tensor(y_pred) and np.shape(y_pred) == y.shape:
        check_probabilities(np.where(np.isnan(y), 0, y_pred), y.shape)
