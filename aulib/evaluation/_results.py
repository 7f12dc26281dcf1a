"""The form of the paper's Table 2, for all rows and for each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib import metrics
from aulib.errors import SettingsError
from aulib.evaluation import _checks, _intervals, _scores
from aulib.evaluation._ranking import ranking_limits
from aulib.evaluation._scores import MACRO, SUMMARY


def results_table(
    predictions: pd.DataFrame,
    train_counts: Mapping[str, float] | None = None,
    threshold: float | Mapping[str, float] = 0.5,
    aus: Sequence[str] | None = None,
    intervals: int = 0,
    seed: int = 0,
    expected: pd.DataFrame | None = None,
    train_people: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return a results table in the form of the paper's Table 2.

    Args:
        predictions: a prediction table.
        train_counts: displayed rows per action unit in the training part (a Series or dictionary), for the column
            ``train`` and the train-weighted F1; None leaves both empty.
        threshold: an action unit counts as predicted where its probability is at least this; one number, or one for
            each action unit, as from :func:`tune_thresholds`.
        aus: action units to report; None takes all that have a probability column.
        intervals: number of bootstrap samples for 95 % intervals (1000 is usual), 0 for none. Whole people
            ``(dataset, subject)`` are drawn with replacement, since frames of one person are alike. The
            intervals are studentised, on the logit scale; with some 130 people those of F1 cover about 94 %, those of
            AUC and average precision about 91 % (``benchmarks/intervals.md``).
        seed: of the bootstrap.
        expected: see :func:`check`.
        train_people: see :func:`check`.

    Returns:
        One row per action unit: ``train`` and ``test`` (displayed rows), ``known``, ``prevalence`` (test / known),
        ``f1``, ``always_positive`` (F1 of always saying "displayed"), ``auc``, ``ap`` (average precision), with
        intervals also ``people`` (who display it) and the 95 % limits ``f1_low``, ``f1_high``, ``auc_low``,
        ``auc_high``, ``ap_low`` and ``ap_high``; limits are NaN where fewer than five people display the action unit,
        or where F1 is exactly 0 or 1. Then the rows ``F1 macro``, ``Weighted F1 macro (test)``,
        ``Weighted F1 macro (train)`` and ``Accuracy``, whose score stands in column ``f1``; in ``F1 macro`` the
        columns ``always_positive``, ``auc`` and ``ap`` are means as well. ``.attrs``: ``rows``, ``threshold``,
        ``labels_averaged`` (action units in the macro F1; one without a known cell is left out).

    Raises:
        DataError: not a prediction table: unknown action units, repeated rows, values out of range; or the rows or
            people are not the right ones.
        SettingsError: an argument that cannot be used.
    """
    aus, y, p = _checks.checked(predictions, aus, expected, train_people)
    train, thresholds = _train_counts(train_counts, aus), _scores.thresholds_of(threshold, aus)
    table = _scores_of_labels(aus, y, p, thresholds, train)
    averaged = int(table["f1"].notna().sum())
    means = table[["always_positive", "auc", "ap"]].mean()
    sums = _scores.summary(_scores.count(y, p, thresholds), train)
    table = pd.concat([table, pd.DataFrame({"f1": sums}, index=SUMMARY)]).rename_axis("AU")
    table.loc[MACRO, means.index] = means
    table[["train", "test", "known"]] = table[["train", "test", "known"]].astype("Int64")
    if intervals:
        table = table.join(_limits(aus, (y, p, thresholds), _checks.people(predictions), train, (intervals, seed)))
    stated = dict(threshold) if hasattr(threshold, "keys") else threshold
    table.attrs = {"rows": len(predictions), "threshold": stated, "labels_averaged": averaged}
    return table


def per_dataset_table(
    predictions: pd.DataFrame,
    threshold: float | Mapping[str, float] = 0.5,
    aus: Sequence[str] | None = None,
    intervals: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the F1 of each action unit on each dataset alone; NaN where the dataset does not code it.

    Args:
        predictions: a prediction table.
        threshold: one number, or one for each action unit.
        aus: action units to report; None takes all that have a probability column.
        intervals: number of bootstrap samples for 95 % intervals of the macro F1, 0 for none. For the intervals of each
            action unit call :func:`results_table` with the rows of one dataset.
        seed: of the bootstrap.

    Returns:
        One row per dataset and a last row ``all``: ``rows``, ``persons``, one column of F1 per action unit,
        ``F1 macro`` and ``labels`` (action units averaged); with intervals also ``F1 macro low`` and ``F1 macro high``,
        NaN for fewer than five people. Datasets code different action units, so their macro F1 scores are means over
        different labels.
    """
    aus, y, p = _checks.checked(predictions, aus)
    thresholds, nothing = _scores.thresholds_of(threshold, aus), np.full(len(aus), np.nan)
    datasets, person = predictions["dataset"].to_numpy(dtype=object), _checks.people(predictions)
    parts = {name: datasets == name for name in sorted(set(datasets))} | {"all": np.full(len(y), True)}
    rows = {}
    for name, of in parts.items():
        who = np.unique(person[of], return_inverse=True)[1]
        counts = _scores.count_by_person(y[of], p[of], thresholds, who)
        f1 = metrics.f1_from_counts(_scores.pooled(counts))
        rows[name] = {"rows": int(of.sum()), "persons": len(counts.tp), **dict(zip(aus, f1, strict=True))}
        rows[name] |= {MACRO: metrics.mean_of_labels(f1), "labels": int((~np.isnan(f1)).sum())}
        if intervals:
            limits = _intervals.score_limits(counts, nothing, intervals, seed)[:, len(aus)]
            rows[name] |= {f"{MACRO} low": limits[0], f"{MACRO} high": limits[1]}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset")


def _scores_of_labels(aus: list[str], y: np.ndarray, p: np.ndarray, thresholds: np.ndarray, train: np.ndarray):
    counts = _scores.count(y, p, thresholds)
    columns = {
        "train": train,
        "test": counts.tp + counts.fn,
        "known": sum(counts),
        "prevalence": metrics.prevalence(y),
        "f1": metrics.f1_from_counts(counts),
        "always_positive": metrics.always_positive_f1(y),
        "auc": metrics.roc_auc_per_label(y, p),
        "ap": metrics.average_precision_per_label(y, p),
    }
    return pd.DataFrame(columns, index=pd.Index(aus, name="AU"))


def _limits(aus: list[str], of: tuple, person: np.ndarray, train: np.ndarray, how: tuple[int, int]) -> pd.DataFrame:
    """The columns that intervals add."""
    y, p, thresholds = of
    counts = _scores.count_by_person(y, p, thresholds, person)
    table = pd.DataFrame(index=pd.Index([*aus, *SUMMARY], name="AU"))
    display = ((counts.tp + counts.fn) > 0).sum(axis=0)
    table["people"] = pd.Series(display, index=aus).reindex(table.index).astype("Int64")
    table["f1_low"], table["f1_high"] = _intervals.score_limits(counts, train, *how)
    for name, (low, high) in zip(("auc", "ap"), ranking_limits(y, p, person, *how), strict=True):
        table.loc[aus, f"{name}_low"], table.loc[aus, f"{name}_high"] = low, high
    return table


def _train_counts(train_counts: Mapping[str, float] | None, aus: list[str]) -> np.ndarray:
    if train_counts is None:
        return np.full(len(aus), np.nan)
    absent = [a for a in aus if a not in train_counts]
    if absent:
        raise SettingsError(f"train_counts has no entry for {absent}; give the displayed rows of each action unit")
    return np.array([train_counts[a] for a in aus], dtype=np.float64)
