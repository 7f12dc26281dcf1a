"""Binary cross-entropy on known cells."""

from __future__ import annotations

import keras
from keras import ops

from aulib.losses._base import MaskedLoss, masked, register, weighted_mean


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
    m, y, p = masked(y_true, y_pred, sample_weight)
    p = ops.clip(p, keras.config.epsilon(), 1 - keras.config.epsilon())
    cost = -(y * ops.log(p) + (1 - y) * ops.log(1 - p))
    if not per_label:
        return weighted_mean(cost, m)
    known = ops.sum(m, axis=0)
    label_cost = ops.sum(m * cost, axis=0) / ops.where(known > 0, known, 1)
    return weighted_mean(label_cost, ops.cast(known > 0, p.dtype))


@register
class MaskedBinaryCrossentropy(MaskedLoss):
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
