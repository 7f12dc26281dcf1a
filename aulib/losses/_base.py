"""What all losses share: masking, sums in float32, and a Keras class for a loss that is one number a batch."""

from __future__ import annotations

import keras
from keras import ops

register = keras.saving.register_keras_serializable(package="aulib")


def masked(y_true, y_pred, sample_weight):
    """Return weights, labels and probabilities (B, L), the latter two 0 where the label is unknown."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    dtype = keras.backend.result_type(y_pred.dtype, "float32")
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    known = ops.logical_not(ops.isnan(y_true))
    zero = ops.zeros_like(y_true)
    weight = ops.cast(known, dtype)
    if sample_weight is not None:
        sample_weight = ops.cast(sample_weight, dtype)
        rows = len(sample_weight.shape) == 1
        weight = weight * (ops.expand_dims(sample_weight, -1) if rows else sample_weight)
    return weight, ops.where(known, y_true, zero), ops.where(known, y_pred, zero)


def weighted_mean(values, weights):
    """Weighted mean; 0 if all weights are 0."""
    total = ops.sum(weights)
    return ops.sum(weights * values) / ops.where(total > 0, total, ops.ones_like(total))


class MaskedLoss(keras.losses.Loss):
    """A loss whose value is one number for a batch, with weights that go into its sums.

    Keras multiplies what ``call`` returns by the sample weights and averages, which is wrong for a ratio of sums:
    weights of 2 would double the loss. So the weights travel beside the labels into ``call`` instead. The value is
    returned with shape (1,): a scalar would skip the scaling that Keras applies when several devices share a batch.
    """

    def __init__(self, name=None, dtype=None):
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the loss of the batch; weights are per row (B,) or per cell (B, L)."""
        y_true = ops.convert_to_tensor(y_true)
        return super().__call__(y_true if sample_weight is None else (y_true, sample_weight), y_pred)

    def call(self, y_true, y_pred):
        """Return the loss, shape (1,); ``y_true`` is the labels or the pair (labels, weights)."""
        labels, weights = y_true if isinstance(y_true, (tuple, list)) else (y_true, None)
        return ops.reshape(self.batch_loss(labels, y_pred, weights), (1,))

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        raise NotImplementedError

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {"name": self.name}
