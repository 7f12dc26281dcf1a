"""Promises of the statistics of experiments: checked by scipy, by brute force and by simulated splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aulib import experiments
from aulib.errors import DataError, SettingsError

METHODS = ["oracle", "masked_f1", "missing_as_negative_f1", "common_aus"]
LEVEL = {"oracle": 0.62, "masked_f1": 0.58, "missing_as_negative_f1": 0.50, "common_aus": 0.41}


def scores(seeds=10, methods=METHODS, seed=0, **columns) -> pd.DataFrame:
    """Macro rows as the grid stores them; seeds share an easy or hard split."""
    rng = np.random.default_rng(seed)
    split = rng.normal(0, 0.03, seeds)
    rows = [
        {"method": m, "seed": s, "f1_truth": LEVEL[m] + split[s] + rng.normal(0, 0.01)}
        for m in methods
        for s in range(seeds)
    ]
    return pd.DataFrame(rows).assign(test="all", au="macro", **columns)


def values(table, method) -> np.ndarray:
    return table.loc[table["method"] == method].sort_values("seed")["f1_truth"].to_numpy()


def test_mean_and_interval_are_those_of_scipy():
    table = scores()
    found = experiments.summary(table, confidence=0.9)
    assert found.index.tolist() == METHODS
    for method in METHODS:
        x = values(table, method)
        limits = stats.ttest_1samp(x, 0).confidence_interval(0.9)
        np.testing.assert_allclose(found.loc[method, ["mean", "sd"]].tolist(), [x.mean(), x.std(ddof=1)])
        np.testing.assert_allclose(found.loc[method, ["low", "high"]].tolist(), limits)


def test_without_overlap_the_paired_test_is_that_of_scipy():
    table = scores(7)
    found = experiments.paired(table, confidence=0.99)
    assert found.index.tolist() == [m for m in METHODS if m != "masked_f1"]
    for method, row in found.iterrows():
        expected = stats.ttest_rel(values(table, method), values(table, "masked_f1"))
        np.testing.assert_allclose([row["t"], row["p"], row["p_plain"]], [*expected, expected.pvalue])
        np.testing.assert_allclose([row["low"], row["high"]], expected.confidence_interval(0.99))


def test_the_plain_p_agrees_with_wilcoxon_on_what_is_decided():
    found = experiments.paired(scores(12))
    for method, row in found.iterrows():
        table = scores(12)
        rank = stats.wilcoxon(values(table, method), values(table, "masked_f1")).pvalue
        assert (rank < 0.05) == (row["p_plain"] < 0.05), method


def test_overlap_enlarges_the_variance_by_nadeau_and_bengios_factor():
    table = scores(10)
    found = experiments.paired(table, overlap=0.25).loc["oracle"]
    d = values(table, "oracle") - values(table, "masked_f1")
    variance = sum((x - d.mean()) ** 2 for x in d) / 9
    assert found["t"] == pytest.approx(d.mean() / ((1 / 10 + 0.25) * variance) ** 0.5)
    assert found["p"] > found["p_plain"] and found["p_plain"] == experiments.paired(table).loc["oracle", "p"]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_on_resampled_splits_the_corrected_test_keeps_its_level_and_the_plain_one_does_not(share):
    """Two detectors that are equally good, tested on ten random parts of 200 people, two thousand times."""
    rng, people, seeds = np.random.default_rng(0), 200, 10
    held_out, rows = int(share * people), []
    for world in range(2000):
        lead = rng.normal(size=people)  # how much better one detector does on each person: nothing on average
        drawn = [lead[rng.permutation(people)[:held_out]].mean() for _ in range(seeds)]
        rows += [(world, "other", s, d) for s, d in enumerate(drawn)]
    others = pd.DataFrame(rows, columns=["x", "method", "seed", "f1_truth"])
    table = pd.concat([others, others.assign(method="masked_f1", f1_truth=0.0)])
    found = experiments.paired(table, within="x", overlap=share / (1 - share))
    corrected, plain = (found[["p", "p_plain"]] <= 0.05).mean()
    assert 0.035 < corrected < 0.065
    assert plain > 0.12


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_rejects_what_the_step_down_procedure_rejects(p):
    """At level a, the smallest p is tested at a/n, the next at a/(n-1) and so on until one is not rejected."""
    adjusted = experiments.holm(p)
    for level in (0.01, 0.05, 0.2, 0.6):
        rejected, waiting = set(), sorted(range(len(p)), key=lambda i: p[i])
        while waiting and p[waiting[0]] * len(waiting) <= level:
            rejected.add(waiting.pop(0))
        assert set(np.flatnonzero(adjusted <= level)) == rejected
    assert (adjusted >= np.array(p)).all() and (adjusted <= 1).all()


def test_holm_does_not_count_a_missing_test():
    np.testing.assert_array_equal(experiments.holm([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])


def test_seeds_won_and_lost_are_counted_and_ties_are_neither():
    table = pd.DataFrame({"method": ["masked_f1"] * 4 + ["other"] * 4, "seed": [0, 1, 2, 3] * 2})
    found = experiments.paired(table.assign(f1_truth=[0.5, 0.5, 0.5, 0.5, 0.6, 0.7, 0.4, 0.5])).loc["other"]
    assert found[["won", "lost", "seeds"]].tolist() == [2, 1, 4]


def test_the_order_of_the_rows_does_not_matter():
    table = scores()
    shuffled = table.sample(frac=1, random_state=3)
    found, again = (experiments.paired(t, overlap=0.2).sort_index() for t in (table, shuffled))
    pd.testing.assert_frame_equal(found, again)


def test_an_arm_equal_to_the_reference_has_no_difference_and_p_1():
    table = scores(methods=["masked_f1"])
    found = experiments.paired(pd.concat([table, table.assign(method="copy")]), overlap=0.2).loc["copy"]
    assert found[["difference", "low", "high", "t", "p", "p_holm"]].tolist() == [0, 0, 0, 0, 1, 1]


def test_within_compares_inside_each_point_of_a_curve():
    curve = pd.concat([scores(seed=i).assign(x=x) for i, x in enumerate((0.2, 0.8))])
    found = experiments.paired(curve, within="x", overlap=0.2)
    for x, part in curve.groupby("x"):
        alone = experiments.paired(part, overlap=0.2)
        columns = ["difference", "low", "high", "p", "won"]
        pd.testing.assert_frame_equal(found.loc[x, columns], alone[columns], check_names=False)
    np.testing.assert_allclose(found["p_holm"], experiments.holm(found["p"]))


def test_anything_can_be_the_arm_for_example_balancing():
    table = pd.concat([scores(balanced=0), scores(seed=1, balanced=1)])
    found = experiments.paired(table, reference=0, arm="balanced", within="method")
    assert found.index.tolist() == [(m, 1) for m in METHODS]


def test_known_labels_are_compared_with_the_truth_for_the_same_predictions():
    rng = np.random.default_rng(0)
    rows = [{"au": au, "seed": s} for au in ("AU01", "AU12") for s in range(6)]
    table = pd.DataFrame(rows).assign(f1_truth=rng.random(12), f1_known=rng.random(12))
    table.loc[2, "f1_known"] = np.nan  # in one split nobody coded this action unit
    found = experiments.known_against_truth(table, overlap=0.2)
    for au, group in table.dropna().groupby("au"):
        d = (group["f1_known"] - group["f1_truth"]).to_numpy()
        half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) * np.sqrt(1 / len(d) + 0.2)
        expected = [group["f1_known"].mean(), group["f1_truth"].mean(), d.mean(), d.mean() - half, d.mean() + half]
        np.testing.assert_allclose(found.loc[au].tolist(), [*expected, len(d)])


def test_sentences_say_who_is_ahead_and_by_how_much():
    found = experiments.paired(scores(), overlap=0.18)
    by_name = dict(zip(found.index, experiments.in_words(found), strict=True))
    row = found.loc["missing_as_negative_f1"]
    assert f"beats missing_as_negative_f1 by {-row['difference']:.3f} [{-row['high']:.3f}, " in by_name[row.name]
    row = found.loc["oracle"]
    assert f"loses to oracle by {row['difference']:.3f} [{row['low']:.3f}, " in by_name["oracle"]
    assert f"ahead in {row['lost']:.0f} of 10 seeds" in by_name["oracle"]


def test_sentences_along_a_curve_say_where():
    curve = pd.concat([scores(seed=i).assign(x=x) for i, x in enumerate((0.2, 0.8))])
    said = experiments.in_words(experiments.paired(curve, within="x"))
    assert sum(sentence.startswith("x = 0.2: masked_f1 ") for sentence in said) == len(METHODS) - 1


def test_what_is_not_significant_is_called_open():
    rng = np.random.default_rng(1)
    table = scores(methods=["masked_f1"])
    same = table.assign(method="same", f1_truth=table["f1_truth"] + rng.permutation([-0.1, 0.1] * 5))
    found = experiments.paired(pd.concat([table, same]))
    assert experiments.verdicts(found).tolist() == ["open"]
    assert "masked_f1 and same are not told apart; difference" in experiments.in_words(found)[0]


def test_one_seed_has_a_mean_and_no_interval():
    found = experiments.summary(scores(1)).loc["oracle"]
    assert found["seeds"] == 1 and np.isfinite(found["mean"])
    assert found[["sd", "low", "high"]].isna().all()


def test_a_row_that_occurs_twice_is_refused_with_its_place():
    table = pd.concat([scores(2), scores(2).iloc[[3]]], ignore_index=True)
    for function in (experiments.summary, experiments.paired):
        with pytest.raises(DataError, match="row 8 .* repeats method = masked_f1, seed = 1; "):
            function(table)


def test_a_seed_without_a_pair_is_refused_with_its_number():
    table = scores(4)
    gone = (table["method"] == "common_aus") & (table["seed"] == 2)
    with pytest.raises(DataError, match=r"seeds \[2\] of common_aus have no pair"):
        experiments.paired(table[~gone])
    gone = (table["method"] == "masked_f1") & (table["seed"] == 3)
    with pytest.raises(DataError, match=r"seeds \[3\] of oracle have no pair"):
        experiments.paired(table[~gone])


def test_an_unknown_column_is_refused_with_those_that_exist():
    with pytest.raises(DataError, match=r"no column \['recall'\]; it has \['method', 'seed', 'f1_truth'"):
        experiments.summary(scores(2), value="recall")
    with pytest.raises(DataError, match=r"no column \['f1_known'\]"):
        experiments.known_against_truth(scores(2))
    with pytest.raises(DataError, match=r"no column \['x'\]"):
        experiments.paired(scores(2), within="x")


def test_an_unknown_reference_is_refused_with_those_that_exist():
    with pytest.raises(SettingsError, match="no row has method = 'mask_f1'; found .*'masked_f1'"):
        experiments.paired(scores(2), reference="mask_f1")


def test_an_undefined_score_cannot_be_compared():
    table = scores(2)
    table.loc[1, "f1_truth"] = np.nan
    with pytest.raises(DataError, match="row 1 .* has no f1_truth"):
        experiments.paired(table)


@pytest.mark.parametrize(("name", "value"), [("overlap", -0.1), ("overlap", np.nan), ("confidence", 95)])
def test_arguments_out_of_range_are_refused(name, value):
    with pytest.raises(SettingsError, match=f"{name} is {value}"):
        experiments.summary(scores(2), **{name: value})
