"""Losses for incomplete labels: the paper's masked macro-F1 loss and a masked binary cross-entropy.

Each loss is a pure function of a batch and a class that wraps it for ``model.compile``. An unknown label is NaN in
``y_true``. It is replaced by 0 before any arithmetic, because 0 x NaN is NaN in the value and in the gradient; its
cell then has weight 0, so neither the value nor the gradient depends on what the model predicts there. No row is
deleted, so every shape stays static.
"""

from __future__ import annotations

import keras
from keras import ops

from aulib.errors import SettingsError

_register = keras.saving.register_keras_serializable(package="aulib")
_WITHOUT_POSITIVES = ("zero", "skip")


def masked_f1(y_true, y_pred, sample_weight=None, without_positives: str = "zero"):
    """The paper's loss: one minus the macro F1 of probabilities, on known cells (Section 3.1, Eq. 2).

    With m = 1 for a known and m = 0 for an unknown cell, y the label, p the probability, summed over the batch:

    ``F_l = 2 sum(m y p) / (sum(m y) + sum(m p))``,  ``L = 1 - mean_l F_l``

    The gradient is ``dF_l/dp_i = m_i (2 y_i - F_l) / (sum(m y) + sum(m p))``. It is exactly 0 on unknown cells.

    The value belongs to this batch: the mean of batch losses is not the loss of the epoch. Two cases need a rule:

    * A label with no known cell in the batch is left out of the mean. With no known cell at all the loss is 0.
    * A label with known cells but no known positive has F = 0, and its gradient is exactly 0: its false positives
      go unpunished. ``without_positives="zero"`` keeps this F = 0 in the mean, as the formula says;
      ``"skip"`` leaves the label out, so that the other labels weigh more in this batch. The paper does not say
      which of the two it does.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L).
        sample_weight: weight of each row (B,) or cell (B, L); it multiplies m. Equal weights change nothing.
        without_positives: "zero" or "skip", see above.

    Returns:
        A scalar. Sums are float32 at least, also for float16 predictions.

    Example:
        >>> nan = float("nan")
        >>> round(float(masked_f1([[1.0, nan], [0.0, 1.0]], [[0.8, 0.1], [0.2, 0.6]])), 3)
        0.225
    """
    if without_positives not in _WITHOUT_POSITIVES:
        raise SettingsError(f"without_positives is {without_positives!r}; give one of {_WITHOUT_POSITIVES}")
    m, y, p = _masked(y_true, y_pred, sample_weight)
    hits = ops.sum(m * y * p, axis=0)
    displayed = ops.sum(m * y, axis=0)
    sizes = displayed + ops.sum(m * p, axis=0)
    f1 = 2 * hits / ops.maximum(sizes, keras.config.epsilon())  # sizes < 1 only where hits = 0
    counted = ops.sum(m, axis=0) > 0 if without_positives == "zero" else displayed > 0
    return _mean(1 - f1, ops.cast(counted, f1.dtype))


def masked_binary_crossentropy(y_true, y_pred, sample_weight=None, per_label: bool = False):
    """Binary cross-entropy on known cells.

    ``L = sum(m c) / sum(m)`` with ``c = -y log p - (1 - y) log(1 - p)``, summed over all cells of the batch. A label
    that is known more often weighs more. With ``per_label=True`` the quotient is taken for each label and the mean
    over the labels with a known cell, so that each label weighs the same.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L), clipped to [1e-7, 1 - 1e-7] as in Keras.
        sample_weight: weight of each row (B,) or cell (B, L); it multiplies m.
        per_label: average within each label first.

    Returns:
        A scalar; 0 for a batch without known cells.

    Example:
        >>> nan = float("nan")
        >>> round(float(masked_binary_crossentropy([[1.0, nan], [0.0, nan]], [[0.8, 0.1], [0.2, 0.6]])), 4)
        0.2231
    """
    m, y, p = _masked(y_true, y_pred, sample_weight)
    p = ops.clip(p, keras.config.epsilon(), 1 - keras.config.epsilon())
    cost = -(y * ops.log(p) + (1 - y) * ops.log(1 - p))
    if not per_label:
        return _mean(cost, m)
    known = ops.sum(m, axis=0)
    label_cost = ops.sum(m * cost, axis=0) / ops.where(known > 0, known, 1)
    return _mean(label_cost, ops.cast(known > 0, p.dtype))


def _masked(y_true, y_pred, sample_weight):
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


def _mean(values, weights):
    """Weighted mean; 0 if all weights are 0."""
    total = ops.sum(weights)
    return ops.sum(weights * values) / ops.where(total > 0, total, ops.ones_like(total))


class _MaskedLoss(keras.losses.Loss):
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


@_register
class MaskedF1Loss(_MaskedLoss):
    """:func:`masked_f1` for ``model.compile``.

    Args:
        without_positives: what a label with known cells but no known positive does in a batch: "zero" or "skip".

    Example:
        >>> loss = MaskedF1Loss()
        >>> y, p = [[1.0], [0.0]], [[0.8], [0.2]]
        >>> bool(abs(loss(y, p) - loss(y, p, sample_weight=[2.0, 2.0])) < 1e-6)
        True
    """

    def __init__(self, without_positives: str = "zero", name: str = "masked_f1_loss", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if without_positives not in _WITHOUT_POSITIVES:
            raise SettingsError(f"without_positives is {without_positives!r}; give one of {_WITHOUT_POSITIVES}")
        self.without_positives = without_positives

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return masked_f1(y_true, y_pred, sample_weight, self.without_positives)

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), "without_positives": self.without_positives}


@_register
class MaskedBinaryCrossentropy(_MaskedLoss):
    """:func:`masked_binary_crossentropy` for ``model.compile``.

    Args:
        per_label: average within each label first, so that each label weighs the same.
    """

    def __init__(self, per_label: bool = False, name: str = "masked_binary_crossentropy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.per_label = bool(per_label)

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return masked_binary_crossentropy(y_true, y_pred, sample_weight, self.per_label)

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), "per_label": self.per_label}
