"""The paper's loss, one minus the macro F1 of probabilities on known cells, and its two-sided relative."""

from __future__ import annotations

import keras
from keras import ops

from aulib._masking import masked_batch
from aulib.errors import SettingsError
from aulib.losses._base import MaskedLoss, register, weighted_mean

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

    Raises:
        DataError: the shapes differ, a label is not 0, 1 or NaN, or a probability on a known cell is outside [0, 1].
            Inside a training step, where values cannot be looked at, the last two give NaN instead.

    Example:
        >>> nan = float("nan")
        >>> round(float(masked_f1([[1.0, nan], [0.0, 1.0]], [[0.8, 0.1], [0.2, 0.6]])), 3)
        0.225
    """
    if without_positives not in _WITHOUT_POSITIVES:
        raise SettingsError(f"without_positives is {without_positives!r}; give one of {_WITHOUT_POSITIVES}")
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    f1 = _soft_f1(m, y, p)
    counted = ops.sum(m if without_positives == "zero" else m * y, axis=0) > 0
    return weighted_mean(1 - f1, ops.cast(counted, f1.dtype))


def masked_double_f1(y_true, y_pred, sample_weight=None):
    """One minus the mean of two soft macro F1 scores: of "displayed" and of "not displayed", on known cells.

    With the letters of :func:`masked_f1`, and q = 1 - p, z = 1 - y for the other class:

    ``L = 1 - mean_l (2 sum(m y p) / (sum(m y) + sum(m p)) + 2 sum(m z q) / (sum(m z) + sum(m q))) / 2``

    A label without a known positive in the batch still has a gradient, through its negatives. In exchange the loss is
    no longer the paper's: it also rewards what F1 ignores, the true negatives.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L).
        sample_weight: weight of each row (B,) or cell (B, L); it multiplies m.

    Returns:
        A scalar; 0 for a batch without known cells.

    Example:
        >>> round(float(masked_double_f1([[1.0], [0.0]], [[0.8], [0.2]])), 3)
        0.2
    """
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    both = (_soft_f1(m, y, p) + _soft_f1(m, 1 - y, 1 - p)) / 2
    return weighted_mean(1 - both, ops.cast(ops.sum(m, axis=0) > 0, both.dtype))


def _soft_f1(m, y, p):
    """F1 of each label (L,) from probabilities; 0 for a label without known positives."""
    sizes = ops.sum(m * y, axis=0) + ops.sum(m * p, axis=0)
    return 2 * ops.sum(m * y * p, axis=0) / ops.maximum(sizes, keras.config.epsilon())  # 0 / epsilon where all is 0


@register
class MaskedF1Loss(MaskedLoss):
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


@register
class MaskedDoubleF1Loss(MaskedLoss):
    """:func:`masked_double_f1` for ``model.compile``."""

    def __init__(self, name: str = "masked_double_f1_loss", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return masked_double_f1(y_true, y_pred, sample_weight)
