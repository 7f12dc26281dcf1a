"""Thresholds tuned on validation people, and what tuning them on the test people would print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import metrics
from aulib.evaluation import _checks, _scores
from aulib.evaluation._scores import MACRO
from aulib.evaluation._truth import truth_of


def tune_thresholds(predictions: pd.DataFrame, aus: Sequence[str] | None = None, default: float = 0.5) -> pd.Series:
    """Return for each action unit the threshold with the highest F1 on these rows' known labels.

    Tune on validation people only. The candidates are the probabilities themselves: between two of them F1 is constant.

    Args:
        predictions: a prediction table of validation people.
        aus: action units to tune; None takes all that have a probability column.
        default: kept where no known label is displayed, so that there is nothing to tune; of equally good thresholds
            the one nearest to it is taken.

    Returns:
        float32 Series ``threshold`` by action unit.

    Example:
        >>> rows = {"dataset": "unbc", "subject": "a", "image": ["1.png", "2.png", "3.png"]}
        >>> tune_thresholds(pd.DataFrame(rows | {"AU04": [1, 0, 1], "AU04_p": [0.75, 0.1, 0.25]})).tolist()
        [0.25]
    """
    aus, y, p = _checks.checked(predictions, aus)
    found = [_best(y[:, j], p[:, j], default) for j in range(len(aus))]
    return pd.Series(found, index=pd.Index(aus, name="AU"), name="threshold", dtype="float32")


def threshold_table(
    validation: pd.DataFrame,
    test: pd.DataFrame,
    threshold: float = 0.5,
    aus: Sequence[str] | None = None,
    truth: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare one threshold for all with thresholds tuned on validation people, and with thresholds tuned on the test.

    Args:
        validation: prediction table of validation people, on whom the thresholds are tuned.
        test: prediction table of test people, on whom all are scored.
        threshold: the one for all.
        aus: action units; None takes all of ``test``.
        truth: a complete table of the test images (synthetic only, see :func:`against_truth`), for the scores of the
            same thresholds on all cells.

    Returns:
        One row per action unit and the row ``F1 macro``: ``tuned`` (threshold from validation), ``tuned_on_test``
        (threshold from test), and the F1 on test of each choice, ``f1``, ``f1_tuned`` and ``f1_tuned_on_test``;
        ``gain`` = f1_tuned - f1 (what tuning brings), ``flattery`` = f1_tuned_on_test - f1_tuned (what a paper gains in
        print by tuning on the test people). With the truth also ``truth``, ``truth_tuned`` and ``truth_tuned_on_test``.

    Raises:
        DataError: a person is in both tables, or a table is none of predictions.
    """
    aus, y, p = _checks.checked(test, aus, train_people=validation)
    tuned, flattered = (tune_thresholds(part, aus, threshold) for part in (validation, test))
    chosen = {"": pd.Series(threshold, index=aus), "_tuned": tuned, "_tuned_on_test": flattered}
    labels = {"f1": y} if truth is None else {"f1": y, "truth": truth_of(test, truth, aus)}
    table = pd.DataFrame({"tuned": tuned, "tuned_on_test": flattered}, dtype=np.float64)
    for kind, known in labels.items():
        for name, values in chosen.items():
            table[kind + name] = metrics.f1_from_counts(_scores.count(known, p, _scores.thresholds_of(values, aus)))
    means = table.drop(columns=["tuned", "tuned_on_test"]).mean().to_frame(MACRO).T
    table = pd.concat([table, means]).rename_axis("AU")
    table["gain"] = table["f1_tuned"] - table["f1"]
    table["flattery"] = table["f1_tuned_on_test"] - table["f1_tuned"]
    return table


def _best(y: np.ndarray, p: np.ndarray, default: float) -> float:
    known = ~np.isnan(y)
    y, p = y[known].astype(np.float64), p[known]
    if not (y == 1).any():
        return default
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)  # tied probabilities are predicted together
    found = np.cumsum(y[order])[last]
    f1 = 2 * found / (last + 1 + found[-1])  # 2 TP / (predicted + displayed)
    best = p[order][last][np.isclose(f1, f1.max(), rtol=0, atol=1e-12)]
    return float(best[np.argmin(abs(best - default))])
