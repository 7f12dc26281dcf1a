"""What the prose of chapter 7 says about the stored grid, held against its numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aulib import experiments


@pytest.fixture(scope="module")
def stored():
    return experiments.measured()


@pytest.fixture(scope="module")
def overlap():
    held_out = experiments.record()["data"]["settings"]["split"]["test_size"]
    return held_out / (1 - held_out)


@pytest.fixture(scope="module")
def macro(stored):
    return stored.query("au == 'macro' and test == 'all'")


@pytest.fixture(scope="module")
def plain(macro):
    return macro.query("experiment == 'methods' and balanced == 0")


def verdicts(table, overlap, **options) -> pd.Series:
    return experiments.verdicts(experiments.paired(table, overlap=overlap, **options))


def test_the_f1_loss_is_ahead_at_one_half_cross_entropy_by_ranking_and_neither_with_tuned_thresholds(plain, overlap):
    pair = plain[plain["method"].isin(["masked_f1", "masked_bce"])]
    said = {v: verdicts(pair, overlap, value=v).item() for v in ("f1_truth", "f1_tuned", "ap", "auc")}
    assert said == {"f1_truth": "worse", "f1_tuned": "open", "ap": "better", "auc": "better"}


def test_with_tuned_thresholds_no_treatment_of_holes_is_ahead_and_negatives_stay_behind_by_less(plain, overlap):
    others = plain[plain["method"].str.contains("pseudo_labels|co_occurrence|label_propagation|missing|masked_f1")]
    tuned = experiments.paired(others, value="f1_tuned", overlap=overlap)
    said, negative = experiments.verdicts(tuned), ["missing_as_negative_f1", "missing_as_negative_bce"]
    assert "better" not in said.to_numpy() and (said[negative] == "worse").all()
    plain_f1 = experiments.paired(others, overlap=overlap)["difference"]
    assert (plain_f1[negative] < tuned.loc[negative, "difference"]).all()


def test_without_the_validation_people_in_the_ratio_some_verdict_falls_open_and_none_turns(plain, overlap):
    split = experiments.record()["data"]["settings"]["split"]
    strict = split["test_size"] / ((1 - split["test_size"]) * (1 - split["validation_size"]))
    usual, other = verdicts(plain, overlap), verdicts(plain, strict)
    assert strict > overlap and (usual != other).any() and (other[usual != other] == "open").all()


def test_no_method_that_real_data_allow_is_decidedly_ahead_of_masked_f1_at_one_half(plain, overlap):
    assert "better" not in verdicts(plain, overlap).to_numpy()


def test_calling_the_unknown_negative_and_dropping_data_are_behind(plain, overlap):
    said = verdicts(plain, overlap)
    behind = ["missing_as_negative_f1", "missing_as_negative_bce", "common_aus", "complete_rows"]
    assert (said[behind] == "worse").all() and (said.filter(like="one_dataset") == "worse").all()


def test_merging_is_ahead_on_some_datasets_and_not_on_all(stored):
    each = stored.query("experiment == 'methods' and balanced == 0 and test != 'all'")
    means = experiments.summary(each, ["method", "test"])["mean"].unstack()
    gain = [means.loc["masked_f1", d] - means.loc[f"one_dataset:{d}", d] for d in means.columns]
    assert min(gain) < 0 < np.median(gain)


def test_on_an_unseen_dataset_nobody_is_ahead_everywhere_and_negatives_are_behind_everywhere(stored):
    left_out = stored.query("experiment == 'leave_one_dataset_out' and au == 'macro' and test != 'all'")
    means = experiments.summary(left_out, ["method", "test"])["mean"].unstack()
    assert means.idxmax().nunique() > 1
    ahead = means.sub(means.loc["masked_f1"]).drop("masked_f1")
    assert not (ahead > 0).all(axis=1).any()
    assert (ahead.loc["missing_as_negative_f1"] < 0).all()


def test_holes_by_dataset_cost_masked_losses_more_over_most_of_the_range(macro, overlap):
    hidden = macro[macro["experiment"].str.startswith("share_known") & (macro["x"] < 1)]
    hidden = hidden[hidden["method"].str.startswith("masked")]
    tests = experiments.paired(hidden, "share_known_random", "experiment", ["method", "x"], overlap=overlap)
    costs = (tests["difference"] < 0).groupby("method").mean()
    assert (costs > 0.5).all()


def test_masking_and_negatives_come_together_at_both_ends_of_the_holes_by_dataset(macro):
    curve = macro.query("experiment == 'share_known_by_dataset'")
    means = experiments.summary(curve, ["method", "x"])["mean"].unstack("x")
    gap = means.loc["masked_f1"] - means.loc["missing_as_negative_f1"]
    inner = gap.iloc[1:-1].max()
    assert abs(gap.iloc[-1]) < 1e-9 and gap.iloc[0] < inner / 2
    assert abs(means.loc["masked_f1"].iloc[0] - curve["always_positive"].mean()) < 0.05


def test_the_correction_of_batches_decides_nothing_and_small_batches_cost_every_loss(macro, overlap):
    batches = macro.query("experiment == 'batch_size'")
    corrected = batches[batches["method"] != "masked_bce"]
    assert (verdicts(corrected, overlap, within="x") == "open").all()
    means = experiments.summary(batches, ["method", "x"])["mean"].unstack("x")
    assert (means.iloc[:, 0] < means.iloc[:, -1]).all()


def test_the_known_labels_flatter_the_macro_mean_and_most_where_holes_are_called_negative(plain, overlap):
    gap = experiments.known_against_truth(plain, "method", overlap=overlap)
    assert gap.loc["masked_f1", "low"] > 0
    by_truth, by_known = (
        experiments.paired(plain, value=value, overlap=overlap)["difference"] for value in ("f1_truth", "f1_known")
    )
    hidden = (by_known - by_truth).sort_values()
    assert set(hidden.index[-2:]) == {"missing_as_negative_f1", "missing_as_negative_bce"}
    ranks = plain.groupby("method")[["f1_truth", "f1_known"]].mean().rank()
    assert ranks.corr("spearman").iloc[0, 1] > 0.9
