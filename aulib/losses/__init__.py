"""Losses for incomplete labels: the paper's masked macro-F1 loss, its relatives, and cross-entropies.

Each loss is a pure function of a batch and a class that wraps it for ``model.compile``. An unknown label is NaN in
``y_true``. It is replaced by 0 before any arithmetic, because 0 x NaN is NaN in the value and in the gradient; its
cell then has weight 0, so neither the value nor the gradient depends on what the model predicts there. No row is
deleted, so every shape stays static.

================================== ==================================================================================
masked_f1                          the paper's loss (Eq. 2)
CountCorrectedF1Loss               the same for the whole training set instead of the batch (ours)
masked_double_f1                   F1 of "displayed" and of "not displayed" together
masked_binary_crossentropy         cross-entropy on known cells
partial_binary_crossentropy        grows with what a row does not know (Durand et al. 2019)
masked_asymmetric                  focuses on hard negatives (Ridnik et al. 2021)
missing_as_negative_crossentropy   takes unknown for "not displayed"; for comparison
================================== ==================================================================================
"""

from __future__ import annotations

from aulib.errors import SettingsError
from aulib.losses._base import MaskedLoss
from aulib.losses._corrected import CountCorrectedF1Loss, linearised_f1
from aulib.losses._crossentropy import (
    MaskedAsymmetricLoss,
    MaskedBinaryCrossentropy,
    MissingAsNegativeCrossentropy,
    PartialBinaryCrossentropy,
    masked_asymmetric,
    masked_binary_crossentropy,
    missing_as_negative_crossentropy,
    partial_binary_crossentropy,
)
from aulib.losses._distortion import batch_distortion
from aulib.losses._f1 import MaskedDoubleF1Loss, MaskedF1Loss, masked_double_f1, masked_f1

_BY_NAME: dict[str, type[MaskedLoss]] = {
    "masked_f1": MaskedF1Loss,
    "count_corrected_f1": CountCorrectedF1Loss,
    "masked_double_f1": MaskedDoubleF1Loss,
    "masked_binary_crossentropy": MaskedBinaryCrossentropy,
    "partial_binary_crossentropy": PartialBinaryCrossentropy,
    "masked_asymmetric": MaskedAsymmetricLoss,
    "missing_as_negative_crossentropy": MissingAsNegativeCrossentropy,
}

__all__ = [
    "CountCorrectedF1Loss",
    "MaskedAsymmetricLoss",
    "MaskedBinaryCrossentropy",
    "MaskedDoubleF1Loss",
    "MaskedF1Loss",
    "MissingAsNegativeCrossentropy",
    "PartialBinaryCrossentropy",
    "batch_distortion",
    "by_name",
    "linearised_f1",
    "masked_asymmetric",
    "masked_binary_crossentropy",
    "masked_double_f1",
    "masked_f1",
    "missing_as_negative_crossentropy",
    "names",
    "partial_binary_crossentropy",
]


def names() -> list[str]:
    """Names by which a profile chooses a loss.

    Example:
        >>> names()[0]
        'masked_f1'
    """
    return list(_BY_NAME)


def by_name(name: str, y) -> MaskedLoss:
    """Make a loss with its default settings.

    Args:
        name: one of :func:`names`.
        y: labels (n, L) of the rows to train on, with repeats; the count-corrected loss counts them.

    Raises:
        SettingsError: there is no such loss.

    Example:
        >>> by_name("masked_f1", [[1.0]]).name
        'masked_f1_loss'
    """
    if name not in _BY_NAME:
        raise SettingsError(f"loss is {name!r}; it is one of {', '.join(_BY_NAME)}, or a Keras loss object")
    if name == "count_corrected_f1":
        return CountCorrectedF1Loss.from_labels(y)
    return _BY_NAME[name]()
