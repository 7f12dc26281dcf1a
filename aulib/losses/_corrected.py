"""Our loss: the macro F1 of all training rows, estimated from a batch without the distortion by batches.

F1 is a ratio of sums. The mean of the batches' ratios is not the ratio of the whole, so the gradient of the batch loss
points elsewhere than the gradient of the training set's loss; the fewer known positives a batch holds, the worse. The
paper accepts this (Section 3.1). Here each batch contributes to the sums only, and the ratio is taken where it
belongs: at the sums of all rows. How many rows display a label, and how many are known not to, a table tells exactly;
only the mean probabilities of these two kinds of rows have to be remembered from batch to batch.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from aulib._masking import masked_batch
from aulib.errors import DataError, SettingsError
from aulib.losses._base import MaskedLoss, register, row_weights, weighted_mean
from aulib.metrics import check_labels

#: Mean probability of a kind of row that no batch has shown yet: what an untrained sigmoid says.
UNSEEN = 0.5


def linearised_f1(y_true, y_pred, hits, sizes, sample_weight=None):
    """First-order expansion of ``1 - macro F1`` around the sums of a whole data set.

    With ``A_l``, the mean of m y p, and ``S_l``, the mean of m y + m p, over all rows, and ``a_l``, ``s_l`` the same
    means over the batch:

    ``L = 1 - mean_l (F_l + (2 a_l - F_l s_l) / S_l)``,  ``F_l = 2 A_l / S_l``

    A and S are constants here. L is linear in the batch's means, so its average over equally large batches is the loss
    of the whole data set, and the average of its gradients is the gradient of the whole, exactly. This is compositional
    stochastic optimisation with the outer function's gradient taken at (A, S) (Wang and Yang 2022, arXiv 2202.12396).
    With the batch's own means for A and S it is :func:`masked_f1` again, value and gradient.

    Args:
        y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
        y_pred: probabilities (B, L).
        hits: A, shape (L,).
        sizes: S, shape (L,); a label whose S is 0 is left out.
        sample_weight: weight of each row (B,) or cell (B, L).

    Returns:
        A scalar. Means are over the rows with a known label.

    Example:
        >>> y, p = [[1.0], [0.0]], [[0.8], [0.2]]
        >>> round(float(linearised_f1(y, p, hits=[0.4], sizes=[1.0])), 3)  # 0.8 / 2 and (1 + 1) / 2
        0.2
    """
    m, y, p = masked_batch(y_true, y_pred, sample_weight)
    hits, sizes = ops.cast(hits, p.dtype), ops.cast(sizes, p.dtype)
    return _expansion(m, y, p, hits, sizes)


def _expansion(m, y, p, hits, sizes):
    rows = ops.maximum(ops.sum(row_weights(m)), keras.config.epsilon())
    batch_hits = ops.sum(m * y * p, axis=0) / rows
    batch_sizes = ops.sum(m * (y + p), axis=0) / rows
    known = sizes > 0
    whole = ops.where(known, sizes, ops.ones_like(sizes))
    f1 = 2 * hits / whole
    return weighted_mean(1 - f1 - (2 * batch_hits - f1 * batch_sizes) / whole, ops.cast(known, p.dtype))


@register
class RunningMeans(keras.metrics.Metric):
    """Mean probability of the rows known positive and known negative, per label: the memory of the corrected loss.

    A metric only because Keras carries the variables of metrics from step to step on every backend. It is not reset
    between epochs; a training goes on with what it knows. Its result is the macro F1 of probabilities, NaN before the
    first batch. A loaded model's metric is not joined to its loss: compile the model again to train it further.
    """

    def __init__(self, displayed, absent, momentum: float, name: str = "running_f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.displayed, self.absent = (np.asarray(share, "float32") for share in (displayed, absent))
        self.momentum = momentum
        labels = self.displayed.shape[0]
        start = keras.initializers.Constant(UNSEEN)
        self.positive = self.add_weight(shape=(labels,), initializer=start, name="positive")
        self.negative = self.add_weight(shape=(labels,), initializer=start, name="negative")
        self.positive_trust = self.add_weight(shape=(labels,), initializer="zeros", name="positive_trust")
        self.negative_trust = self.add_weight(shape=(labels,), initializer="zeros", name="negative_trust")
        self.attached = False

    def learn(self, m, y, p):
        """Take in a batch; return A and S of :func:`linearised_f1`, which are constants for the gradient."""
        m, y, p = (ops.stop_gradient(ops.cast(value, "float32")) for value in (m, y, p))
        positive = self._update(self.positive, self.positive_trust, m * y, p)
        negative = self._update(self.negative, self.negative_trust, m * (1 - y), p)
        return self._sums(positive, negative)

    def _update(self, mean, trust, cells, p):
        """Move a running mean towards the batch's, and no label that has no such cell in the batch."""
        count = ops.sum(cells, axis=0)
        batch_mean = ops.sum(cells * p, axis=0) / ops.where(count > 0, count, ops.ones_like(count))
        old, old_trust = ops.convert_to_tensor(mean), ops.convert_to_tensor(trust)
        grown = 1 + self.momentum * old_trust
        new = ops.where(count > 0, old + (batch_mean - old) / grown, old)  # the first batch replaces the start
        trust.assign(ops.where(count > 0, grown, old_trust))
        mean.assign(new)
        return new

    def _sums(self, positive, negative):
        positive, negative = ops.convert_to_tensor(positive), ops.convert_to_tensor(negative)
        hits = positive * self.displayed
        return hits, hits + self.displayed + negative * self.absent

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Do nothing: the loss takes in each training batch itself."""
        self.attached = True

    def result(self):
        """Macro F1 of probabilities at the running means, over the labels with a known row."""
        hits, sizes = self._sums(self.positive, self.negative)
        f1 = weighted_mean(2 * hits / ops.where(sizes > 0, sizes, 1.0), ops.cast(sizes > 0, "float32"))
        return ops.where(ops.any(ops.convert_to_tensor(self.positive_trust) + self.negative_trust > 0), f1, math.nan)

    def reset_state(self):
        """Do nothing, see the class."""

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        shares = {"displayed": self.displayed.tolist(), "absent": self.absent.tolist()}
        return {**super().get_config(), **shares, "momentum": self.momentum}


@register
class CountCorrectedF1Loss(MaskedLoss):
    """The paper's loss of the whole training set, without the distortion by batches that the paper accepts.

    Each step takes :func:`linearised_f1` at the training set's counts and the running mean probabilities of its
    positives and negatives. The running means lag behind the network by about ``1 / (1 - momentum)`` batches that hold
    such a cell; apart from this lag the expected gradient is that of the training set's loss at any batch size. Its
    price is variance: a batch that happens to hold many positives of a rare label takes a large step.

    Pass the memory to ``compile`` too, so that Keras carries it from step to step: with JAX this is required::

        loss = CountCorrectedF1Loss.from_labels(y_train)
        model.compile("adam", loss, metrics=[loss.running])

    Batches that ``evaluate`` or ``validation_data`` pass through the loss enter the running means as well, which is
    forgotten after a few training batches. A saved model keeps the counts, not the running means.

    Args:
        displayed: share of the training rows with a known label in which each label is displayed, shape (L,).
        absent: share in which it is known not displayed, shape (L,).
        momentum: how much of the running means stays at each step, from 0 to below 1.

    Raises:
        SettingsError: the shares do not fit each other, or momentum is out of range.

    Example:
        >>> y = np.array([[1.0, np.nan], [0.0, 1.0], [np.nan, 0.0], [0.0, 0.0]])
        >>> loss = CountCorrectedF1Loss.from_labels(y)
        >>> loss.displayed, loss.absent
        ([0.25, 0.25], [0.5, 0.5])
        >>> p = np.full(y.shape, 0.5)
        >>> round(float(loss(y, p)), 3)  # 1 - 2 * 0.125 / (0.25 + 0.125 + 0.25)
        0.6
    """

    def __init__(self, displayed, absent, momentum: float = 0.9, name: str = "count_corrected_f1_loss", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.displayed, self.absent = _shares(displayed, absent)
        if not 0 <= momentum < 1:
            raise SettingsError(f"momentum is {momentum}; give a number from 0 to below 1")
        self.momentum = float(momentum)
        self.running = RunningMeans(self.displayed, self.absent, self.momentum)

    @classmethod
    def from_labels(cls, y, sample_weight=None, **arguments) -> CountCorrectedF1Loss:
        """Make the loss for the rows that will be trained on, with their repeats if they are balanced.

        Args:
            y: labels (n, L): 1 displayed, 0 not displayed, NaN unknown.
            sample_weight: weight of each row (n,), if the training uses weights.
            **arguments: of the constructor.

        Raises:
            DataError: y is not a table of 0, 1 and NaN, or holds no known label.
        """
        y = check_labels(y, "y")
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, "float64")
        if weight.shape != (len(y),):
            raise DataError(f"sample_weight has shape {weight.shape}; give one weight for each of the {len(y)} rows")
        rows = weight[~np.isnan(y).all(axis=1)].sum()
        if not rows > 0:
            raise DataError("y holds no known label, so there is nothing to count")
        return cls((weight @ (y == 1) / rows).tolist(), (weight @ (y == 0) / rows).tolist(), **arguments)

    def batch_loss(self, y_true, y_pred, sample_weight):
        """Return the scalar loss of a batch, after its probabilities have entered the running means."""
        if y_true.shape[-1] != len(self.displayed):
            raise DataError(f"y_true has {y_true.shape[-1]} labels, the loss was made for {len(self.displayed)}")
        self._refuse_lost_memory(y_pred)
        m, y, p = masked_batch(y_true, y_pred, sample_weight)
        hits, sizes = self.running.learn(m, y, p)
        return _expansion(m, y, p, ops.cast(hits, p.dtype), ops.cast(sizes, p.dtype))

    def _refuse_lost_memory(self, y_pred) -> None:
        """JAX forgets what a compiled step assigns to variables that the trainer does not know."""
        if keras.backend.backend() == "jax" and not self.running.attached:
            import jax

            if isinstance(y_pred, jax.core.Tracer):
                raise SettingsError("with JAX the running means must be named too: compile(metrics=[loss.running])")

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        shares = {"displayed": self.displayed, "absent": self.absent}
        return {**super().get_config(), **shares, "momentum": self.momentum}


def _shares(displayed, absent) -> tuple[list[float], list[float]]:
    displayed, absent = np.asarray(displayed, "float64"), np.asarray(absent, "float64")
    fits = displayed.ndim == 1 and displayed.shape == absent.shape
    if not fits or not ((displayed >= 0) & (absent >= 0) & (displayed + absent <= 1 + 1e-9)).all():
        raise SettingsError(
            f"displayed is {displayed.tolist()} and absent {absent.tolist()}; give two lists of equal length with "
            "the shares of rows in which each label is displayed and known not displayed, together at most 1"
        )
    return displayed.tolist(), absent.tolist()
