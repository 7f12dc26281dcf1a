"""The same metrics for ``model.compile``: they collect counts over batches and divide once, at the end."""

from __future__ import annotations

import math

import keras
from keras import ops

from aulib.errors import SettingsError

_register = keras.saving.register_keras_serializable(package="aulib")


class _PooledCounts(keras.metrics.Metric):
    """Counts per label over all batches seen since the last reset.

    Counts are float32 whatever the precision of the model; they are exact up to 2**24 = 16,777,216 rows.
    """

    def __init__(self, threshold: float = 0.5, undefined: float | str = math.nan, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= threshold <= 1:
            raise SettingsError(f"threshold is {threshold}; give a probability from 0 to 1")
        self.threshold = float(threshold)
        self.undefined = float(undefined)
        self._built = False

    def _build(self, labels: int) -> None:
        for name in ("tp", "fp", "fn", "tn"):
            variable = self.add_weight(shape=(labels,), initializer="zeros", dtype="float32", name=name)
            setattr(self, name, variable)
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: ``y_true`` (B, L) of 0, 1 and NaN, ``y_pred`` (B, L), weights (B,) or (B, L)."""
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        if not self._built:
            self._build(y_pred.shape[-1])
        known = ops.logical_not(ops.isnan(y_true))
        weight = ops.cast(known, "float32") * _columns(sample_weight)
        y = ops.where(known, y_true, 0.0)
        positive = ops.cast(y_pred >= self.threshold, "float32")
        self.tp.assign_add(ops.sum(weight * y * positive, axis=0))
        self.fp.assign_add(ops.sum(weight * (1 - y) * positive, axis=0))
        self.fn.assign_add(ops.sum(weight * y * (1 - positive), axis=0))
        self.tn.assign_add(ops.sum(weight * (1 - y) * (1 - positive), axis=0))

    def _f1(self):
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, self.undefined)

    def _accuracy(self):
        return self._ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn, math.nan)

    @staticmethod
    def _ratio(part, whole, undefined: float):
        return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1.0), undefined)

    def get_config(self) -> dict:
        """Arguments of the constructor, as strict JSON: NaN is written as "nan"."""
        undefined = "nan" if math.isnan(self.undefined) else self.undefined
        return {**super().get_config(), "threshold": self.threshold, "undefined": undefined}


def _columns(sample_weight):
    if sample_weight is None:
        return 1.0
    weight = ops.cast(sample_weight, "float32")
    return ops.expand_dims(weight, -1) if len(weight.shape) == 1 else weight


def _mean_defined(values):
    """Mean of the entries that are not NaN; NaN if there is none."""
    defined = ops.logical_not(ops.isnan(values))
    number = ops.sum(ops.cast(defined, "float32"))
    total = ops.sum(ops.where(defined, values, 0.0))
    return ops.where(number > 0, total / ops.maximum(number, 1.0), math.nan)


@_register
class MaskedF1Score(_PooledCounts):
    """F1 on known cells, from counts pooled over all batches (Eq. 1a and 1b).

    Args:
        average: "macro" for the mean over labels, None for one value per label.
        threshold: a cell is positive where ``y_pred >= threshold`` (Keras's own F1Score uses ``>``).
        undefined: value of a label without known cells or with TP + FP + FN = 0; NaN leaves it out of the mean.

    Example:
        >>> metric = MaskedF1Score()
        >>> metric.update_state([[1.0, 0.0], [float("nan"), 1.0]], [[0.9, 0.2], [0.9, 0.7]])
        >>> float(metric.result())
        1.0
    """

    def __init__(self, average="macro", threshold=0.5, undefined=math.nan, name="masked_f1_score", dtype=None):
        super().__init__(threshold, undefined, name=name, dtype=dtype)
        if average not in ("macro", None):
            raise SettingsError(f'average is {average!r}; give "macro" or None')
        self.average = average

    def result(self):
        """The macro F1, or with ``average=None`` an array (L,)."""
        if not self._built:
            return ops.convert_to_tensor(math.nan)
        return self._f1() if self.average is None else _mean_defined(self._f1())

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        return {**super().get_config(), "average": self.average}


@_register
class MaskedAccuracy(_PooledCounts):
    """Accuracy on known cells, from counts pooled over all batches.

    Args:
        average: "macro" for the mean over labels (Eq. 1c), "pooled" for all known cells together, None for one
            value per label.
        threshold: a cell is positive where ``y_pred >= threshold``.
    """

    def __init__(self, average="macro", threshold=0.5, name="masked_accuracy", dtype=None):
        super().__init__(threshold, name=name, dtype=dtype)
        if average not in ("macro", "pooled", None):
            raise SettingsError(f'average is {average!r}; give "macro", "pooled" or None')
        self.average = average

    def result(self):
        """The accuracy, or with ``average=None`` an array (L,)."""
        if not self._built:
            return ops.convert_to_tensor(math.nan)
        if self.average == "pooled":
            right = ops.sum(self.tp + self.tn)
            return self._ratio(right, right + ops.sum(self.fp + self.fn), math.nan)
        return self._accuracy() if self.average is None else _mean_defined(self._accuracy())

    def get_config(self) -> dict:
        """Arguments of the constructor."""
        config = {**super().get_config(), "average": self.average}
        del config["undefined"]
        return config


@_register
class SelectionScore(_PooledCounts):
    """Mean of macro F1 and accuracy, by which the paper keeps the best model of a training (Section 3.1)."""

    def __init__(self, threshold=0.5, undefined=math.nan, name="selection_score", dtype=None):
        super().__init__(threshold, undefined, name=name, dtype=dtype)

    def result(self):
        """The score, a scalar."""
        if not self._built:
            return ops.convert_to_tensor(math.nan)
        return (_mean_defined(self._f1()) + _mean_defined(self._accuracy())) / 2
