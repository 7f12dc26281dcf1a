"""From a table of scores to statements: means over seeds, paired differences, and what known labels hide.

A table has one row per method, seed and test, with the columns that :func:`aulib.experiments.measured` names. A seed
decides who is held out. The held-out people of two seeds overlap, so the scores of J seeds say less than J independent
ones would. All variances here are therefore enlarged as Nadeau and Bengio (Machine Learning 52, 2003, section 3)
propose: the variance of a mean over J seeds is (1/J + held_out/trained) times the variance between seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from aulib.errors import DataError, SettingsError

_RELATIONS = {
    "better": "{ours} loses to {other} by",
    "worse": "{ours} beats {other} by",
    "open": "{ours} and {other} are not told apart; difference",
}


def summary(
    table: pd.DataFrame,
    by: str | Sequence[str] = "method",
    value: str = "f1_truth",
    overlap: float = 0.0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Mean and spread over seeds, with a t interval.

    Args:
        table: one row per group and seed.
        by: the columns that make a group.
        value: the column to average; NaN (an undefined score) is left out and not counted as a seed.
        overlap: people held out divided by the others, for seeds that draw the held-out people anew; 0 for
            draws that are independent.
        confidence: of the interval.

    Returns:
        One row per group, in the order of first appearance: ``seeds``, ``mean``, ``sd``, ``low``, ``high``. With one
        seed the last three are NaN.

    Raises:
        DataError: a column is missing, or a group has two rows for one seed.
        SettingsError: ``overlap`` or ``confidence`` is out of range.

    Example:
        >>> table = pd.DataFrame({"method": "ours", "seed": [0, 1, 2], "f1_truth": [0.5, 0.6, 0.7]})
        >>> summary(table).round(3).loc["ours"].tolist()
        [3.0, 0.6, 0.1, 0.352, 0.848]
    """
    by = _names(by)
    _check(table, [*by, "seed", value])
    _refuse_repeats(table, [*by, "seed"])
    groups = table.groupby(by if len(by) > 1 else by[0], sort=False, dropna=False)[value]
    found = groups.agg(seeds="count", mean="mean", sd="std")
    reach = _error(found["sd"], found["seeds"], overlap) * _quantile(found["seeds"], confidence)
    return found.assign(low=found["mean"] - reach, high=found["mean"] + reach)


def paired(
    table: pd.DataFrame,
    reference: object = "masked_f1",
    arm: str = "method",
    within: str | Sequence[str] = (),
    value: str = "f1_truth",
    overlap: float = 0.0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Difference of each arm to a reference that has seen the same splits, with the corrected resampled t-test.

    Let d be the J differences, one a seed. With the correction for overlapping splits
    t = mean(d) / sqrt((1/J + overlap) var(d)), with J - 1 degrees of freedom. ``overlap=0`` is the plain paired
    t-test.

    Args:
        table: one row per arm, seed and ``within``.
        reference: the value of column ``arm`` that the others are compared with.
        arm: the column that tells what is compared.
        within: columns inside whose values the comparison is made, for example ``"x"`` along a curve.
        value: the column to compare.
        overlap: people held out divided by the others (trained on, or used to choose a state); see :func:`summary`.
        confidence: of the interval of each difference. It is not adjusted for the number of comparisons.

    Returns:
        One row per comparison, indexed by ``within`` and ``arm``: ``difference`` (arm minus reference), ``low``,
        ``high``, ``t``, ``p``, ``p_plain`` (of the t-test without correction), ``p_holm`` (``p`` adjusted by Holm's
        method for all rows), ``seeds``, ``won`` and ``lost`` (seeds in which the arm scores above and below the
        reference). ``.attrs["reference"]`` names the reference.

    Raises:
        DataError: a column is missing, a row occurs twice, an arm lacks a seed that the reference has or the other
            way round, or a score is NaN.
        SettingsError: the reference does not occur; ``overlap`` or ``confidence`` is out of range.

    Example:
        >>> scores = dict(method=["masked_f1"] * 3 + ["other"] * 3, seed=[0, 1, 2] * 2)
        >>> table = pd.DataFrame(scores | {"f1_truth": [0.5, 0.6, 0.7, 0.4, 0.4, 0.6]})
        >>> paired(table, overlap=0.2)[["difference", "p_plain", "p", "lost"]].round(3).loc["other"].tolist()
        [-0.133, 0.057, 0.087, 3.0]
    """
    within = _names(within)
    long = _differences(table, reference, arm, within, value)
    found = summary(long, [*within, arm], "difference", overlap, confidence)
    corrected, plain = (_error(found["sd"], found["seeds"], size) for size in (overlap, 0.0))
    found["t"], found["p"] = _t_test(found["mean"], corrected, found["seeds"])
    found["p_plain"] = _t_test(found["mean"], plain, found["seeds"])[1]
    found["p_holm"] = holm(found["p"])
    signs = long.assign(won=long["difference"] > 0, lost=long["difference"] < 0)
    signs = signs.groupby([*within, arm] if within else arm, sort=False, dropna=False)[["won", "lost"]].sum()
    found = found.rename(columns={"mean": "difference"}).join(signs)
    found.attrs = {"reference": reference}
    return found[["difference", "low", "high", "t", "p", "p_plain", "p_holm", "seeds", "won", "lost"]]


def known_against_truth(
    table: pd.DataFrame, by: str | Sequence[str] = "au", overlap: float = 0.0, confidence: float = 0.95
) -> pd.DataFrame:
    """How far the F1 on the known labels lies from the F1 on the truth, for the same predictions.

    Args:
        table: rows of one method, or of several that ``by`` tells apart.
        by: the columns that make a group.
        overlap: people held out divided by the others (trained on, or used to choose a state); see :func:`summary`.
        confidence: of the interval.

    Returns:
        One row per group: means of ``f1_known`` and ``f1_truth``; ``difference`` = f1_known - f1_truth, positive
        where the incomplete labels flatter; its ``low`` and ``high``; ``seeds`` in which both scores are defined.

    Raises:
        DataError: a column is missing, or a row occurs twice.

    Example:
        >>> table = pd.DataFrame({"au": "AU04", "seed": [0, 1], "f1_known": [0.5, 0.6], "f1_truth": [0.4, 0.6]})
        >>> known_against_truth(table)["difference"].round(3).tolist()
        [0.05]
    """
    by = _names(by)
    scores = ["f1_known", "f1_truth"]
    _check(table, [*by, "seed", *scores])
    both = table.assign(difference=table["f1_known"] - table["f1_truth"])
    both[scores] = both[scores].where(both["difference"].notna())
    found = summary(both, by, "difference", overlap, confidence).rename(columns={"mean": "difference"})
    means = both.groupby(by if len(by) > 1 else by[0], sort=False, dropna=False)[scores].mean()
    return means.join(found[["difference", "low", "high", "seeds"]])


def verdicts(tests: pd.DataFrame, level: float = 0.05) -> pd.Series:
    """Return "better", "worse" or "open" for each comparison of :func:`paired`, by its adjusted p.

    Args:
        tests: a table of :func:`paired`.
        level: a comparison is decided where ``p_holm`` is at most this.

    Example:
        >>> verdicts(pd.DataFrame({"difference": [0.1, -0.1, 0.1], "p_holm": [0.01, 0.01, 0.2]})).tolist()
        ['better', 'worse', 'open']
    """
    decided = np.where(tests["difference"] > 0, "better", "worse")
    return pd.Series(np.where(tests["p_holm"] <= level, decided, "open"), index=tests.index, name="verdict")


def in_words(tests: pd.DataFrame, level: float = 0.05) -> list[str]:
    """Say each comparison of :func:`paired` in a sentence, from the reference's point of view.

    Args:
        tests: a table of :func:`paired`.
        level: see :func:`verdicts`.

    Example:
        >>> scores = dict(method=["masked_f1"] * 3 + ["other"] * 3, seed=[0, 1, 2] * 2)
        >>> table = pd.DataFrame(scores | {"f1_truth": [0.5, 0.6, 0.7, 0.2, 0.31, 0.4]})
        >>> in_words(paired(table))
        ['masked_f1 beats other by 0.297 [0.282, 0.311], ahead in 3 of 3 seeds (adjusted p < 0.001).']
    """
    said = []
    for key, row, verdict in zip(tests.index, tests.itertuples(), verdicts(tests, level), strict=True):
        # The table says arm minus reference; a sentence about a lead of the reference turns the sign.
        lead = [row.difference, row.low, row.high] if verdict == "better" else [-row.difference, -row.high, -row.low]
        other, where = _label(key, tests.index.names)
        start = _RELATIONS[verdict].format(ours=_shown(tests.attrs["reference"]), other=other)
        p = f"p = {row.p_holm:.3f}" if row.p_holm >= 0.001 else "p < 0.001"
        said.append(
            f"{where}{start} {lead[0]:.3f} [{lead[1]:.3f}, {lead[2]:.3f}], "
            f"ahead in {row.lost} of {row.seeds} seeds (adjusted {p})."
        )
    return said


def holm(p: ArrayLike) -> np.ndarray:
    """Adjust p values for the number of tests by Holm's step-down method (Scandinavian Journal of Statistics 6, 1979).

    Args:
        p: p values (n,); NaN stays NaN and does not count as a test.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    adjusted, tested = np.full(p.shape, np.nan), np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _names(columns: str | Sequence[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _label(key: object, names: Sequence[str]) -> tuple[str, str]:
    """The arm of a comparison, and where it was compared, as "x = 0.1: "."""
    if not isinstance(key, tuple):
        return _shown(key), ""
    where = ", ".join(f"{name} = {_shown(value)}" for name, value in zip(names, key[:-1], strict=False))
    return _shown(key[-1]), f"{where}: " if where else ""


def _check(table: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [name for name in dict.fromkeys(columns) if name not in table]
    if absent:
        raise DataError(f"the table of experiments has no column {absent}; it has {list(table.columns)}")


def _refuse_repeats(table: pd.DataFrame, key: list[str]) -> None:
    repeated = table.duplicated(key).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        value = ", ".join(f"{name} = {table[name].iloc[row]}" for name in key)
        raise DataError(
            f"row {row} of the table of experiments repeats {value}; "
            "choose the rows of one experiment, test and action unit first, or name the column that differs"
        )


def _differences(table, reference, arm: str, within: list[str], value: str) -> pd.DataFrame:
    """One row per arm (without the reference), seed and ``within``, with the column ``difference``."""
    _check(table, [arm, "seed", *within, value])
    _refuse_repeats(table, [*within, arm, "seed"])
    if not (table[arm] == reference).any():
        raise SettingsError(f"no row has {arm} = {reference!r}; found {list(table[arm].unique())}")
    if table[value].isna().any():
        row = int(np.argmax(table[value].isna().to_numpy()))
        raise DataError(f"row {row} of the table of experiments has no {value}; only defined scores can be compared")
    ours = table.loc[table[arm] == reference, [*within, "seed", value]]
    others = table.loc[table[arm] != reference, [*within, arm, "seed", value]]
    _refuse_unpaired(ours, others, arm, within)
    both = others.merge(ours, on=[*within, "seed"], suffixes=("", "_of_reference"), how="left")
    return both.assign(difference=both[value] - both[f"{value}_of_reference"])


def _refuse_unpaired(ours: pd.DataFrame, others: pd.DataFrame, arm: str, within: list[str]) -> None:
    seeds_of = {(): set(ours["seed"])}
    if within:
        seeds_of = {key: set(group["seed"]) for key, group in ours.groupby(within, dropna=False)}
    for key, group in others.groupby([*within, arm], sort=False, dropna=False):
        lone = seeds_of.get(key[:-1], set()) ^ set(group["seed"])
        if lone:
            other, where = _label(key if within else key[-1], [*within, arm])
            raise DataError(
                f"{where}seeds {sorted(lone)} of {other} have no pair; {arm} and reference need the same seeds"
            )


def _error(sd: pd.Series, seeds: pd.Series, overlap: float) -> pd.Series:
    """Standard error of a mean over overlapping splits."""
    if not overlap >= 0:
        raise SettingsError(f"overlap is {overlap}; give people held out / the others, at least 0")
    return sd * np.sqrt(1 / seeds.where(seeds > 0) + overlap)


def _quantile(seeds: pd.Series, confidence: float) -> np.ndarray:
    if not 0 < confidence < 1:
        raise SettingsError(f"confidence is {confidence}; give a number between 0 and 1, for example 0.95")
    return stats.t.ppf((1 + confidence) / 2, seeds.where(seeds > 1) - 1)


def _t_test(mean: pd.Series, error: pd.Series, seeds: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """t and the two-sided p; differences that are all 0 give t = 0 and p = 1."""
    mean, error = mean.to_numpy(float), error.to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((mean == 0) & (error == 0), 0.0, mean / error)
    return t, 2 * stats.t.sf(np.abs(t), seeds.where(seeds > 1) - 1)
