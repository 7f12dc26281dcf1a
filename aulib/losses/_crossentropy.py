"""Binary cross-entropies for incomplete labels: four ways to treat the unknown cells."""

from __future__ import annotations

import keras
from keras import ops

from aulib._masking import check_values, masked_batch
from aulib.errors import SettingsError
from aulib.losses._base import MaskedLoss, mean_of_cells, register, row_weights, weighted_mean


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

    Raises:
        DataError: as :func:`masked_f1`.

    Example:
        >>> nan = float("nan")
        >>> round(float(masked_binary_crossentropy([[1.0, nan], [0.0, nan]], [[0.8, 0.1], [0.2, 0.6]])), 4)
        0.2231
    """
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    return mean_of_cells(_cost(y, p), m, per_label)


def partial_binary_crossentropy(
    y_true, y_pred, sample_weight=None, alpha: float = -4.45, beta: float = 5.45, gamma: float = 1.0
):
    """Cross-entropy that grows with what is unknown in a row (Durand, Mehrasa and Mori 2019, arXiv 1902.09720).

    With s_i the share of the L labels that row i knows:

    ``L_i = g(s_i) / L * sum over known l of c_il``,  ``g(s) = alpha s**gamma + beta``;  L is the mean of the L_i

    The constants are theirs: g(1) = 1, so a complete row has the usual cross-entropy, and g(0.1) = 5. A row that knows
    one label in ten thus counts half as much as a complete one, where :func:`masked_binary_crossentropy` with the mean
    over cells would let it count a tenth. ``alpha=1, beta=0, gamma=-1`` gives each row the mean over its known cells.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L), clipped to [1e-7, 1 - 1e-7].
        sample_weight: weight of each row (B,) or cell (B, L). A cell of weight 0 counts as unknown, and a row weighs
            as much as its known cells on average.
        alpha, beta, gamma: constants of g.

    Returns:
        A scalar, averaged over the rows with a known label; 0 if there is none.

    Example:
        >>> nan = float("nan")
        >>> round(float(partial_binary_crossentropy([[1.0, nan]], [[0.5, 0.5]])), 3)  # 3.225 / 2 * log(2)
        1.118
    """
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    labels = ops.cast(ops.shape(m)[-1], m.dtype)
    known = ops.sum(ops.cast(m != 0, m.dtype), axis=-1)
    growth = alpha * (ops.maximum(known, 1) / labels) ** gamma + beta
    row_cost = growth / labels * ops.sum(m * _cost(y, p), axis=-1)
    rows = ops.sum(row_weights(m))
    return ops.sum(row_cost) / ops.where(rows > 0, rows, ops.ones_like(rows))


def missing_as_negative_crossentropy(y_true, y_pred, sample_weight=None, unknown_weight: float = 1.0):
    """Cross-entropy that takes unknown for "not displayed": what happens when NaN is filled with 0.

    ``L = sum(w c) / sum(w)`` with w = 1 on known cells and ``unknown_weight`` on unknown ones, whose label becomes 0.
    It is here for comparison: every unknown smile is learned as "no smile". ``unknown_weight=1 / (L - 1)`` is the
    weak form of Cole et al. (2021). A row without any known label counts nothing, as the paper drops such rows.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L), clipped to [1e-7, 1 - 1e-7]. Unlike in the other losses they count on unknown
            cells too.
        sample_weight: weight of each row (B,) or cell (B, L).
        unknown_weight: weight of an unknown cell, from 0 (then this is :func:`masked_binary_crossentropy`) to 1.

    Returns:
        A scalar; 0 for a batch without known cells.

    Example:
        >>> nan = float("nan")
        >>> round(float(missing_as_negative_crossentropy([[1.0, nan]], [[0.8, 0.8]])), 4)  # -(log 0.8 + log 0.2) / 2
        0.9163
    """
    check_values(y_true, y_pred)
    y_true = ops.convert_to_tensor(y_true)
    unknown = ops.isnan(y_true)
    weight, y, p = masked_batch(ops.where(unknown, ops.zeros_like(y_true), y_true), y_pred, sample_weight)
    weight = weight * ops.where(unknown, ops.cast(unknown_weight, weight.dtype), ops.ones_like(weight))
    useless = ops.all(unknown, axis=-1, keepdims=True)
    weight = ops.where(useless, ops.zeros_like(weight), weight)
    return weighted_mean(_cost(y, p), weight)


def masked_asymmetric(
    y_true,
    y_pred,
    sample_weight=None,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    clip: float = 0.05,
    per_label: bool = False,
):
    """Asymmetric loss (Ridnik et al. 2021, arXiv 2009.14119) on known cells.

    ``c = -y (1 - p)**g_pos log p - (1 - y) r**g_neg log(1 - r)`` with ``r = max(p - clip, 0)``, averaged over the known
    cells. Easy negatives weigh less than easy positives, and negatives below ``clip`` weigh nothing. With all three
    constants 0 this is :func:`masked_binary_crossentropy`. The defaults are those of the authors' code; the article's
    experiments on MS-COCO have g_pos = 0.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L), clipped to [1e-7, 1 - 1e-7].
        sample_weight: weight of each row (B,) or cell (B, L); it multiplies m.
        gamma_negative, gamma_positive: focusing exponents, not negative.
        clip: probability that a negative may have at no cost, from 0 to below 1.
        per_label: average within each label first.

    Returns:
        A scalar; 0 for a batch without known cells.

    Example:
        >>> y, p = [[1.0, 0.0]], [[0.8, 0.04]]
        >>> round(float(masked_asymmetric(y, p)), 5)  # 0.2 * -log(0.8) / 2
        0.02231
    """
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    tiny = keras.config.epsilon()
    p = ops.clip(p, tiny, 1 - tiny)
    shifted = ops.clip(p - clip, tiny, 1 - tiny) if clip else p
    positive = (1 - p) ** gamma_positive * ops.log(p)
    negative = shifted**gamma_negative * ops.log(1 - shifted)
    return mean_of_cells(-(y * positive + (1 - y) * negative), m, per_label)


def _cost(y, p):
    """Cross-entropy of each cell (B, L), with the probabilities clipped as in Keras."""
    p = ops.clip(p, keras.config.epsilon(), 1 - keras.config.epsilon())
    return -(y * ops.log(p) + (1 - y) * ops.log(1 - p))


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


@register
class PartialBinaryCrossentropy(MaskedLoss):
    """:func:`partial_binary_crossentropy` for ``model.compile``.

    Args:
        alpha, beta, gamma: constants of ``g(s) = alpha s**gamma + beta``.
    """

    def __init__(
        self,
        alpha: float = -4.45,
        beta: float = 5.45,
        gamma: float = 1.0,
        name: str = "partial_binary_crossentropy",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.alpha, self.beta, self.gamma = float(alpha), float(beta), float(gamma)

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return partial_binary_crossentropy(y_true, y_pred, sample_weight, self.alpha, self.beta, self.gamma)

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta, "gamma": self.gamma}


@register
class MissingAsNegativeCrossentropy(MaskedLoss):
    """:func:`missing_as_negative_crossentropy` for ``model.compile``.

    Args:
        unknown_weight: weight of an unknown cell, from 0 to 1.
    """

    def __init__(self, unknown_weight: float = 1.0, name: str = "missing_as_negative_crossentropy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= unknown_weight <= 1:
            raise SettingsError(f"unknown_weight is {unknown_weight}; give a number from 0 to 1")
        self.unknown_weight = float(unknown_weight)

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return missing_as_negative_crossentropy(y_true, y_pred, sample_weight, self.unknown_weight)

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), "unknown_weight": self.unknown_weight}


@register
class MaskedAsymmetricLoss(MaskedLoss):
    """:func:`masked_asymmetric` for ``model.compile``.

    Args:
        gamma_negative, gamma_positive: focusing exponents, not negative.
        clip: probability that a negative may have at no cost, from 0 to below 1.
        per_label: average within each label first.
    """

    def __init__(
        self,
        gamma_negative: float = 4.0,
        gamma_positive: float = 1.0,
        clip: float = 0.05,
        per_label: bool = False,
        name: str = "masked_asymmetric_loss",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if gamma_negative < 0 or gamma_positive < 0 or not 0 <= clip < 1:
            raise SettingsError(
                f"gamma_negative is {gamma_negative}, gamma_positive {gamma_positive}, clip {clip}; "
                "the exponents must not be negative, and clip lies from 0 to below 1"
            )
        self.settings = {
            "gamma_negative": float(gamma_negative),
            "gamma_positive": float(gamma_positive),
            "clip": float(clip),
            "per_label": bool(per_label),
        }

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch."""
        return masked_asymmetric(y_true, y_pred, sample_weight, **self.settings)

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), **self.settings}
