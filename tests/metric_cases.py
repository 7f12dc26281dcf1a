"""Small random label tables for the tests of metrics, with every corner among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NAN = np.nan
#: What a case is made to hold; in "mixed" every label has a corner of its own.
KINDS = ("random", "ties", "no known cell", "no positive", "no negative", "all predicted", "none predicted", "mixed")
THRESHOLDS = (0.0, 0.25, 0.5, 1.0)  # exact in float32 as well


class Case(NamedTuple):
    """Labels (n, L) with NaN, probabilities (n, L) in float32 or float64, and a threshold."""

    kind: str
    y: np.ndarray
    p: np.ndarray
    threshold: float


def cases(number: int, seed: int = 0) -> list[Case]:
    """Return cases of 1 to 12 rows and 1 to 4 labels; every kind meets every threshold and both precisions."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(number):
        kind, threshold = KINDS[i % len(KINDS)], THRESHOLDS[i // len(KINDS) % len(THRESHOLDS)]
        precision = ("float32", "float64")[i // (len(KINDS) * len(THRESHOLDS)) % 2]
        y, p = _table(rng, kind, shape=(rng.integers(1, 13), rng.integers(1, 5)))
        made.append(Case(kind, y.astype(precision), p.astype(precision), threshold))
    return made


def _table(rng, kind: str, shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(shape) < rng.uniform(0.1, 0.9, shape[1])).astype(float)
    y[rng.random(shape) < rng.choice([0.0, 0.3, 0.7])] = NAN
    p = rng.random(shape)
    if kind == "mixed":
        for label, corner in enumerate(rng.choice(KINDS[:-1], shape[1])):
            one = slice(label, label + 1)
            y[:, one], p[:, one] = _corner(corner, y[:, one], p[:, one])
        return y, p
    return _corner(kind, y, p)


def _corner(kind: str, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(y)
    return {
        "random": (y, p),
        "ties": (y, np.round(4 * p) / 4),  # 0, 1/4, 1/2, 3/4, 1: equal to every threshold now and then
        "no known cell": (np.full_like(y, NAN), p),
        "no positive": (np.where(known, 0.0, y), p),
        "no negative": (np.where(known, 1.0, y), p),
        "all predicted": (y, np.ones_like(p)),
        "none predicted": (y, np.zeros_like(p)),
    }[kind]


def side_by_side(some: list[Case]) -> tuple[np.ndarray, np.ndarray]:
    """Put cases beside one another as labels of one wide table; shorter ones end in rows without a known cell."""
    rows = max(len(case.y) for case in some)
    y = [np.pad(case.y, ((0, rows - len(case.y)), (0, 0)), constant_values=NAN) for case in some]
    p = [np.pad(case.p, ((0, rows - len(case.p)), (0, 0)), constant_values=0.5) for case in some]
    return np.hstack(y), np.hstack(p)
