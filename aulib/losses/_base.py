"""What all losses share: means over known cells, and a Keras class for a loss that is one number a batch."""

from __future__ import annotations

import keras
from keras import ops

from aulib._masking import check_values

register = keras.saving.register_keras_serializable(package="aulib")


def row_weights(m):
    """Weight of each row (B,): the mean weight of its known cells, 0 for a row without any."""
    known = ops.sum(ops.cast(m != 0, m.dtype), axis=-1)
    return ops.sum(m, axis=-1) / ops.maximum(known, 1)


def weighted_mean(values, weights):
    """Weighted mean; 0 if all weights are 0."""
    total = ops.sum(weights)
    return ops.sum(weights * values) / ops.where(total > 0, total, ops.ones_like(total))


def mean_of_cells(cost, weights, per_label: bool):
    """Mean of a cost (B, L) over all known cells, or within each label first and then over the labels."""
    if not per_label:
        return weighted_mean(cost, weights)
    total = ops.sum(weights, axis=0)
    label_cost = ops.sum(weights * cost, axis=0) / ops.where(total > 0, total, ops.ones_like(total))
    return weighted_mean(label_cost, ops.cast(total > 0, cost.dtype))


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
        check_values(y_true, y_pred)
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
