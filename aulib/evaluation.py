"""From a prediction table to result tables: the form of the paper's Table 2, per dataset, and against the truth.

A prediction table has the columns ``dataset, subject, sequence, frame, image`` and for each action unit its label
``AU01`` (Int8, <NA> unknown) and its probability ``AU01_p``. All scores are pooled over the rows they are made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aulib import database, facs, metrics
from aulib.errors import DataError, SettingsError

MACRO, WEIGHTED_TEST, WEIGHTED_TRAIN, ACCURACY = SUMMARY = (
    "F1 macro",
    "Weighted F1 macro (test)",
    "Weighted F1 macro (train)",
    "Accuracy",
)
_KEY = ["dataset", "image", "frame"]


def results_table(
    predictions: pd.DataFrame,
    train_counts: Mapping[str, float] | None = None,
    threshold: float = 0.5,
    aus: Sequence[str] | None = None,
    intervals: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a results table in the form of the paper's Table 2.

    Args:
        predictions: a prediction table.
        train_counts: displayed rows per action unit in the training part (a Series or dictionary), for the column
            ``train`` and the train-weighted F1; None leaves both empty.
        threshold: an action unit counts as predicted where its probability is at least this.
        aus: action units to report; None takes all that have a probability column.
        intervals: number of bootstrap samples for 95 % intervals (1000 is usual), 0 for none. Whole persons
            ``(dataset, subject)`` are drawn with replacement, since frames of one person are alike.
        seed: of the bootstrap.

    Returns:
        One row per action unit: ``train`` and ``test`` (displayed rows), ``known``, ``prevalence`` (test / known),
        ``f1``, ``always_positive`` (F1 of always saying "displayed"), ``auc``, ``ap`` (average precision), with
        intervals also ``f1_low`` and ``f1_high``. Then the rows ``F1 macro``, ``Weighted F1 macro (test)``,
        ``Weighted F1 macro (train)`` and ``Accuracy``, whose score stands in column ``f1``; in ``F1 macro`` the
        last columns are means as well. ``.attrs``: ``rows``, ``threshold``, ``labels_averaged`` (action units in
        the macro F1; one without a known cell is left out).

    Raises:
        DataError: not a prediction table: unknown action units, repeated rows, values out of range.
        SettingsError: an argument that cannot be used.
    """
    aus, y, p = _arrays(predictions, aus)
    train = _train_counts(train_counts, aus)
    counts = metrics.count(y, p, threshold)
    table = pd.DataFrame(
        {
            "train": train,
            "test": counts.tp + counts.fn,
            "known": sum(counts),
            "prevalence": metrics.prevalence(y),
            "f1": metrics.f1_from_counts(counts),
            "always_positive": metrics.always_positive_f1(y),
            "auc": metrics.roc_auc_per_label(y, p),
            "ap": metrics.average_precision_per_label(y, p),
        },
        index=pd.Index(aus, name="AU"),
    )
    means = table[["always_positive", "auc", "ap"]].mean()
    table = pd.concat([table, pd.DataFrame({"f1": _summary(counts, train)}, index=SUMMARY)]).rename_axis("AU")
    table.loc[MACRO, means.index] = means
    table[["train", "test", "known"]] = table[["train", "test", "known"]].astype("Int64")
    if intervals:
        table["f1_low"], table["f1_high"] = _intervals(
            predictions, counts_of=(y, p, threshold), train=train, samples=intervals, seed=seed
        )
    averaged = int((~np.isnan(metrics.f1_from_counts(counts))).sum())
    table.attrs = {"rows": len(predictions), "threshold": threshold, "labels_averaged": averaged}
    return table


def per_dataset_table(
    predictions: pd.DataFrame, threshold: float = 0.5, aus: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the F1 of each action unit on each dataset alone; NaN where the dataset does not code it.

    Returns:
        One row per dataset and a last row ``all``: ``rows``, ``persons``, one column of F1 per action unit,
        ``F1 macro`` and ``labels`` (action units averaged). Datasets code different action units, so their macro F1
        scores are means over different labels.
    """
    aus, y, p = _arrays(predictions, aus)
    datasets = predictions["dataset"].to_numpy(dtype=object)
    parts = {name: datasets == name for name in sorted(set(datasets))} | {"all": np.full(len(y), True)}
    rows = {}
    for name, rows_of in parts.items():
        scores = metrics.f1_per_label(y[rows_of], p[rows_of], threshold)
        persons = np.unique(database.person_ids(predictions.loc[rows_of])).size
        rows[name] = {
            "rows": int(rows_of.sum()),
            "persons": persons,
            **dict(zip(aus, scores, strict=True)),
            MACRO: metrics.mean_of_labels(scores),
            "labels": int((~np.isnan(scores)).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset")


def against_truth(
    predictions: pd.DataFrame, truth: pd.DataFrame, threshold: float = 0.5, aus: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare the F1 that incomplete labels give with the F1 on complete ones (possible for synthetic images only).

    Args:
        predictions: a prediction table.
        truth: a complete table with ``dataset``, ``image`` and the action units as 0 and 1.
        threshold: an action unit counts as predicted where its probability is at least this.
        aus: action units to report; None takes all that have a probability column.

    Returns:
        One row per action unit and the row ``F1 macro``: ``known`` and ``unknown`` (cells), ``f1_known`` (on the
        incomplete labels), ``f1_truth`` (all rows), ``f1_hidden`` (only the cells that nobody coded) and
        ``difference`` = f1_known - f1_truth.

    Raises:
        DataError: the truth lacks an image or an action unit, or holds one twice.
    """
    aus, y, p = _arrays(predictions, aus)
    complete = _truth_of(predictions, truth, aus)
    hidden = np.where(np.isnan(y), complete, np.nan)
    columns = {
        "f1_known": metrics.f1_per_label(y, p, threshold),
        "f1_truth": metrics.f1_per_label(complete, p, threshold),
        "f1_hidden": metrics.f1_per_label(hidden, p, threshold),
    }
    known = (~np.isnan(y)).sum(axis=0)
    table = pd.DataFrame({"known": known, "unknown": len(y) - known, **columns}, index=pd.Index(aus, name="AU"))
    table.loc[MACRO] = {"known": known.sum(), "unknown": y.size - known.sum()} | table[list(columns)].mean().to_dict()
    table["difference"] = table["f1_known"] - table["f1_truth"]
    return table.astype({"known": "int64", "unknown": "int64"})


def _arrays(predictions: pd.DataFrame, aus: Sequence[str] | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Check a prediction table; return its action units, labels (n, L) and probabilities (n, L)."""
    if not len(predictions):
        raise DataError("the prediction table has no rows")
    missing = [c for c in ("dataset", "subject", "image") if c not in predictions]
    if missing:
        raise DataError(f"the prediction table has no column {missing}; it needs dataset, subject and image")
    found = [c[:-2] for c in predictions.columns if c.endswith("_p")]
    aus = found if aus is None else list(aus)
    unknown = [a for a in aus if a not in facs.ALL]
    if unknown or not aus:
        raise DataError(f"unknown action units {unknown}; a prediction table has columns like AU04 and AU04_p")
    absent = [c for a in aus for c in (a, f"{a}_p") if c not in predictions]
    if absent:
        raise DataError(f"the prediction table has no column {absent}; each action unit needs AUxx and AUxx_p")
    _refuse_repeats(predictions, [c for c in _KEY if c in predictions], "prediction table")
    y = metrics.check_labels(predictions[aus], "labels")
    p = predictions[[f"{a}_p" for a in aus]].to_numpy(dtype=np.float32, na_value=np.nan)
    return aus, y, p


def _refuse_repeats(table: pd.DataFrame, key: list[str], what: str) -> None:
    repeated = table.duplicated(key) & table["image"].notna()
    if repeated.any():
        row = int(np.argmax(repeated.to_numpy()))
        value = tuple(table.iloc[row][key])
        raise DataError(f"row {row} of the {what} repeats {key} = {value}; each image may occur once")


def _train_counts(train_counts: Mapping[str, float] | None, aus: list[str]) -> np.ndarray:
    if train_counts is None:
        return np.full(len(aus), np.nan)
    absent = [a for a in aus if a not in train_counts]
    if absent:
        raise SettingsError(f"train_counts has no entry for {absent}; give the displayed rows of each action unit")
    return np.array([train_counts[a] for a in aus], dtype=np.float64)


def _summary(counts: metrics.Counts, train: np.ndarray) -> np.ndarray:
    """Return the four summary scores of counts (..., L), in the order of SUMMARY, shape (4, ...)."""
    f1, positives = metrics.f1_from_counts(counts), counts.tp + counts.fn
    accuracy = metrics.accuracy_from_counts(counts)
    return np.array(
        [
            metrics.mean_of_labels(f1),
            metrics.mean_of_labels(f1, positives),
            metrics.mean_of_labels(f1, train),
            metrics.mean_of_labels(accuracy),
        ]
    )


def _intervals(predictions: pd.DataFrame, counts_of, train, samples: int, seed: int) -> np.ndarray:
    """95 % limits (2, L + 4) of the column f1, by drawing persons with replacement."""
    if samples < 2:
        raise SettingsError(f"intervals is {samples}; give a number of bootstrap samples, for example 1000, or 0")
    y, p, threshold = counts_of
    if predictions[["dataset", "subject"]].isna().to_numpy().any():
        raise DataError("a row of the prediction table has no dataset or subject; intervals need to know the person")
    person = database.person_ids(predictions)
    persons = person.max() + 1
    positive, displayed, absent = p >= threshold, y == 1, y == 0
    cells = (displayed & positive, absent & positive, displayed & ~positive, absent & ~positive)
    of_person = [_sum_by(c, person, persons) for c in cells]
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(samples):
        drawn = rng.multinomial(persons, np.full(persons, 1 / persons)).astype(np.float64)
        counts = metrics.Counts(*(drawn @ c for c in of_person))
        scores.append(np.concatenate([metrics.f1_from_counts(counts), _summary(counts, train)]))
    return _percentiles(np.array(scores))


def _sum_by(cells: np.ndarray, person: np.ndarray, persons: int) -> np.ndarray:
    return np.stack([np.bincount(person, weights=c, minlength=persons) for c in cells.T], axis=1)


def _percentiles(scores: np.ndarray) -> np.ndarray:
    limits = np.full((2, scores.shape[1]), np.nan)
    defined = ~np.isnan(scores).all(axis=0)
    limits[:, defined] = np.nanpercentile(scores[:, defined], [2.5, 97.5], axis=0)
    return limits


def _truth_of(predictions: pd.DataFrame, truth: pd.DataFrame, aus: list[str]) -> np.ndarray:
    """Return the complete labels (n, L) of the rows of a prediction table."""
    absent = [c for c in ["dataset", "image", *aus] if c not in truth]
    if absent:
        raise DataError(f"the truth has no column {absent}")
    key = ["dataset", "image"]
    truth = truth[truth["image"].notna()]  # images that were never written cannot be told apart by name
    _refuse_repeats(truth, key, "truth")
    position = pd.MultiIndex.from_frame(truth[key].astype(object)).get_indexer(
        pd.MultiIndex.from_frame(predictions[key].astype(object))
    )
    if (position < 0).any():
        row = int(np.argmax(position < 0))
        raise DataError(f"the truth has no row for {tuple(predictions.iloc[row][key])}, row {row} of the predictions")
    complete = metrics.check_labels(truth[aus].iloc[position], "truth")
    if np.isnan(complete).any():
        raise DataError("the truth has unknown labels; it must say 0 or 1 for every image and action unit")
    return complete
