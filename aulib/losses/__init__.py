"""Losses for incomplete labels: the paper's masked macro-F1 loss and a masked binary cross-entropy.

Each loss is a pure function of a batch and a class that wraps it for ``model.compile``. An unknown label is NaN in
``y_true``. It is replaced by 0 before any arithmetic, because 0 x NaN is NaN in the value and in the gradient; its
cell then has weight 0, so neither the value nor the gradient depends on what the model predicts there. No row is
deleted, so every shape stays static.
"""

from __future__ import annotations

from aulib.losses._crossentropy import MaskedBinaryCrossentropy, masked_binary_crossentropy
from aulib.losses._f1 import MaskedF1Loss, masked_f1

__all__ = ["MaskedBinaryCrossentropy", "MaskedF1Loss", "masked_binary_crossentropy", "masked_f1"]
