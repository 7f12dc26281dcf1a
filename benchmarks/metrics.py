"""Scores of a test set of the paper's size: one call of aulib against scikit-learn on each column's known rows.

    python benchmarks/metrics.py

Both are timed in turn in one process; the ratio is what counts. Last printed, on 2 shared cores:

    104,545 rows x 13 labels, median of 7
    score    aulib s  sklearn s   ratio  largest difference
    F1         0.026      0.308    0.08             0.0e+00
    AUC        0.288      0.453    0.64             1.1e-16
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from aulib import metrics, paper

ROWS, LABELS, REPEATS = paper.TEST_IMAGES, len(paper.TABLE_2), 7
NAN = float("nan")


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels with the counts of Table 2, a fifth of the cells unknown, and probabilities with some skill."""
    rng = np.random.default_rng(seed)
    y = (rng.random((ROWS, LABELS)) < paper.TABLE_2["test"].to_numpy() / ROWS).astype("float32")
    p = np.clip(0.4 * y + 0.7 * rng.random(y.shape), 0, 1).astype("float32")
    y[rng.random(y.shape) < 0.2] = NAN
    return y, p


def by_column(score, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Score of each label by scikit-learn, on the rows where it is known."""
    return np.array([score(t[~np.isnan(t)], q[~np.isnan(t)]) for t, q in zip(y.T, p.T, strict=True)])


PAIRS = {
    "F1": (metrics.f1_per_label, lambda y, p: by_column(f1_score, y, p >= 0.5)),
    "AUC": (metrics.roc_auc_per_label, lambda y, p: by_column(roc_auc_score, y, p)),
}


def seconds(function, *arguments) -> float:
    """Time of one call."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def main() -> None:
    """Print a table: seconds of both (median), their ratio, and the largest difference of the results."""
    y, p = table()
    print(f"{ROWS:,} rows x {LABELS} labels, median of {REPEATS}")
    print(f"{'score':<6}{'aulib s':>10}{'sklearn s':>11}{'ratio':>8}{'largest difference':>20}")
    for name, (ours, theirs) in PAIRS.items():
        difference = np.abs(ours(y, p) - theirs(y, p)).max()
        times = np.array([(seconds(ours, y, p), seconds(theirs, y, p)) for _ in range(REPEATS)])
        a, b = np.median(times, axis=0)
        print(f"{name:<6}{a:>10.3f}{b:>11.3f}{a / b:>8.2f}{difference:>20.1e}")


if __name__ == "__main__":
    main()
