"""Signs that a training learns nothing: a loss that explodes, or a stage that stays with a thoughtless answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aulib import metrics

PATIENCE = 5  # epochs after which a stage should be better than a thoughtless answer
GROWTH = 10.0  # an epoch's loss this many times the lowest one has exploded


def exploded(loss: float, earlier: Sequence[float]) -> bool:
    """Whether a loss is ten times as large as the lowest of the stage's earlier epochs, and above the first.

    Losses between 0 and 1, as the paper's, never get there unless they have nearly reached 0.

    Example:
        >>> exploded(40.0, [0.9, 0.7]), exploded(0.95, [0.9, 0.05]), exploded(0.5, [])
        (True, True, False)
    """
    return bool(earlier) and loss > GROWTH * min(earlier) and loss > earlier[0]


def silly_scores(y_true: np.ndarray) -> dict[str, float]:
    """Selection scores of the two answers that look at no image.

    Example:
        >>> silly_scores(np.float32([[1], [0], [0], [0]]))
        {'always displayed': 0.325, 'never displayed': 0.375}
    """
    answers = {"always displayed": np.ones_like(y_true), "never displayed": np.zeros_like(y_true)}
    return {name: round(float(metrics.selection_score(y_true, answer)), 6) for name, answer in answers.items()}


def stuck(history: Sequence[dict[str, Any]], silly: dict[str, float], stage: int) -> list[str]:
    """In words, that no epoch of a stage is above the better silly answer; empty if one is.

    A stage of fewer than `PATIENCE` epochs is not judged: it may have had no time.
    Reaching a silly answer's score proves nothing about the answers; it says that the score gives no reason to believe
    that anything was learnt.
    """
    scores = [row["val_score"] for row in history if row["stage"] == stage]
    name = max(silly, key=silly.get)
    if len(scores) < PATIENCE or np.nanmax([*scores, -1.0]) > silly[name]:
        return []
    return [
        f"stage {stage}: after {len(scores)} epochs the best selection score on the validation people is "
        f'{np.nanmax([*scores, -1.0]):.3f}, not above the {silly[name]:.3f} of answering "{name}"'
    ]
