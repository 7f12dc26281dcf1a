"""A simulated label table for explorers that are opened without data: eight action units, three datasets, all known."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

SOURCE = "Simulated labels"
AUS = ("AU01", "AU02", "AU04", "AU06", "AU12", "AU15", "AU17", "AU25")
#: Chosen, from rare to frequent as in recordings; the threshold of a normal score that two common causes move.
_PREVALENCE = np.array([0.12, 0.07, 0.16, 0.25, 0.32, 0.04, 0.1, 0.4])
_CAUSES = np.array([[0.0, 0.1, -0.2, 0.7, 0.8, -0.3, -0.2, 0.4], [0.7, 0.6, 0.3, 0.0, 0.0, 0.1, 0.2, 0.2]])


class Example(NamedTuple):
    """Truth (n, L) of 0 and 1, a detector's probabilities (n, L), and each row's dataset (n,)."""

    truth: np.ndarray
    prob: np.ndarray
    dataset: np.ndarray


@lru_cache
def example(rows: int = 600, seed: int = 0) -> Example:
    """Draw faces, what they display, and what a detector of middling skill says of them."""
    rng = np.random.default_rng([seed, rows])
    own = np.sqrt(1 - (_CAUSES**2).sum(axis=0))
    score = rng.normal(size=(rows, 2)) @ _CAUSES + own * rng.normal(size=(rows, len(AUS)))
    cut = np.diagonal(np.quantile(score, 1 - _PREVALENCE, axis=0))
    truth = (score > cut).astype(float)
    prob = 1 / (1 + np.exp(-(1.8 * (score - cut) - 0.4 + 0.9 * rng.normal(size=score.shape))))
    return Example(truth, prob, np.array(["first", "second", "third"])[rng.integers(0, 3, rows)])
