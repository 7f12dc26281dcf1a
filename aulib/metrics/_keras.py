"""The same metrics for ``model.compile``: they collect counts over batches and divide once, at the end."""

from __future__ import annotations

import math

import keras
from keras import ops

from aulib._masking import masked_batch
from aulib.errors import DataError, SettingsError

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

    def _build(self, labels: int | None) -> None:
        if labels is None:
            raise DataError("the number of labels is not known: y_pred has shape (rows, None); fix its last dimension")
        for name in ("tp", "fp", "fn", "tn"):
            variable = self.add_weight(shape=(labels,), initializer="zeros", dtype="float32", name=name)
            setattr(self, name, variable)
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch.

        Args:
            y_true: labels (B, L): 1 displayed, 0 not displayed, NaN unknown.
            y_pred: probabilities (B, L).
            sample_weight: weight of each row (B,) or (B, 1), or of each cell (B, L).

        Raises:
            DataError: shapes that do not fit, or a wrong value in an array. Inside a compiled step values cannot
                be looked at; there a label other than 0, 1 and NaN, or a probability outside [0, 1] on a known
                cell, makes the result NaN until the next reset.
        """
        m, y, p = masked_batch(y_true, y_pred, sample_weight)
        if not self._built:
            self._build(p.shape[-1])
        if p.shape[-1] != self.tp.shape[0]:
            raise DataError(f"this batch has {p.shape[-1]} labels, those before had {self.tp.shape[0]}")
        positive = ops.cast(p >= self.threshold, p.dtype)
        for counted, cells in (
            (self.tp, m * y * positive),
            (self.fp, m * (1 - y) * positive),
            (self.fn, m * y * (1 - positive)),
            (self.tn, m * (1 - y) * (1 - positive)),
        ):
            counted.assign_add(ops.cast(ops.sum(cells, axis=0), "float32"))

    def result(self):
        """The score of all batches since the last reset: a scalar, or with ``average=None`` an array (L,)."""
        if not self._built:
            return ops.convert_to_tensor(math.nan)
        score = self._score()
        # the weight NaN of a wrong cell is in all four counts of its label, whatever was predicted
        wrong = ops.isnan(self.tp if len(score.shape) else ops.sum(self.tp))
        return ops.where(wrong, math.nan, score)

    def _score(self):
        raise NotImplementedError

    def _f1(self):
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, self.undefined)

    def _accuracy(self):
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn, math.nan)

    def get_config(self) -> dict:
        """Arguments of the constructor, as strict JSON: NaN is written as "nan"."""
        undefined = "nan" if math.isnan(self.undefined) else self.undefined
        return {**super().get_config(), "threshold": self.threshold, "undefined": undefined}


def _ratio(part, whole, undefined: float):
    return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1.0), undefined)


def _mean_defined(values):
    """Mean of the entries that are not NaN; NaN if there is none."""
    defined = ops.logical_not(ops.isnan(values))
    number = ops.sum(ops.cast(defined, "float32"))
    total = ops.sum(ops.where(defined, values, 0.0))
    return ops.where(number > 0, total / ops.maximum(number, 1.0), math.nan)


@_register
class MaskedF1Score(_PooledCounts):
    """F1 on known cells, from counts pooled over all batches (Eq. 1a and 1b).

    Where nothing is unknown and no prediction equals the threshold, ``undefined=0.0`` gives the numbers of
    ``keras.metrics.F1Score``.

    Args:
        average: "macro" for the mean over labels, "weighted" for the mean weighted by known positives, "micro" for
            the F1 of the counts of all labels together, None for one value per label.
        threshold: a cell is positive where ``y_pred >= threshold`` (Keras's own F1Score uses ``>``).
        undefined: value of a label without known cells or with TP + FP + FN = 0; NaN leaves it out of a mean.

    Example:
        >>> metric = MaskedF1Score()
        >>> metric.update_state([[1.0, 0.0], [float("nan"), 1.0]], [[0.9, 0.2], [0.9, 0.7]])
        >>> float(metric.result())
        1.0
    """

    def __init__(self, average="macro", threshold=0.5, undefined=math.nan, name="masked_f1_score", dtype=None):
        super().__init__(threshold, undefined, name=name, dtype=dtype)
        if average not in ("macro", "weighted", "micro", None):
            raise SettingsError(f'average is {average!r}; give "macro", "weighted", "micro" or None')
        self.average = average

    def _score(self):
        if self.average == "micro":
            tp, wrong = ops.sum(self.tp), ops.sum(self.fp + self.fn)
            return _ratio(2 * tp, 2 * tp + wrong, self.undefined)
        if self.average == "weighted":  # an undefined F1 has no positives, so no weight
            positives = self.tp + self.fn
            f1 = _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, 0.0)
            return _ratio(ops.sum(positives * f1), ops.sum(positives), self.undefined)
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

    def _score(self):
        if self.average == "pooled":
            right = ops.sum(self.tp + self.tn)
            return _ratio(right, right + ops.sum(self.fp + self.fn), math.nan)
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

    def _score(self):
        return (_mean_defined(self._f1()) + _mean_defined(self._accuracy())) / 2
