"""Promises of what stands behind the scores: errors, calibration, thresholds, and two detectors against each other."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix, f1_score, precision_score, recall_score
from test_evaluation import AUS, complete, predictions
from torchmetrics.functional.classification import binary_calibration_error

from aulib import evaluation
from aulib.errors import DataError, SettingsError


def known(p, au):
    rows = p[p[au].notna()]
    return rows[au].astype(int).to_numpy(), rows[f"{au}_p"].to_numpy()


def test_confusion_is_that_of_scikit_learn_on_the_known_rows():
    p = predictions(3)
    table = evaluation.confusion_table(p, threshold=0.4)
    for au in AUS:
        y, prob = known(p, au)
        assert table.loc[au, ["tn", "fp", "fn", "tp"]].tolist() == confusion_matrix(y, prob >= 0.4).ravel().tolist()
        assert table.loc[au, "precision"] == pytest.approx(precision_score(y, prob >= 0.4))
        assert table.loc[au, "recall"] == pytest.approx(recall_score(y, prob >= 0.4))
        assert table.loc[au, "false_alarms"] == pytest.approx(1 - recall_score(y, prob >= 0.4, pos_label=0))


def test_confused_with_counts_false_alarms_row_by_row():
    p = predictions(4, n=300)
    table = evaluation.confused_with(p, min_cells=1)
    for b in AUS:
        for a in AUS:
            alarms = {0: [], 1: []}
            for _, row in p.iterrows():
                if not pd.isna(row[a]) and row[a] == 0 and not pd.isna(row[b]):
                    alarms[row[b]].append(row[f"{a}_p"] >= 0.5)
            if a == b:
                assert np.isnan(table.loc[b, a])
            else:
                assert table.loc[b, a] == pytest.approx(np.mean(alarms[1]) - np.mean(alarms[0]))
    assert evaluation.confused_with(p, min_cells=10_000).isna().all(axis=None)


def test_reliability_is_scikit_learns_calibration_curve():
    p = predictions(5, n=300)
    table = evaluation.reliability_table(p, bins=8)
    for au in AUS:
        y, prob = known(p, au)
        displayed, probability = calibration_curve(y, prob, n_bins=8)
        np.testing.assert_allclose(table.loc[au, "displayed"], displayed, rtol=1e-6)
        np.testing.assert_allclose(table.loc[au, "probability"], probability, rtol=1e-6)
        assert table.loc[au, "cells"].sum() == len(y)
    assert table.loc["all", "cells"].sum() == sum(len(known(p, au)[0]) for au in AUS)


def test_calibration_error_and_brier_score_are_those_of_the_libraries():
    p = predictions(6, n=300)
    table = evaluation.calibration_table(p, bins=15, intervals=100)
    for au in AUS:
        y, prob = known(p, au)
        theirs = binary_calibration_error(torch.tensor(prob), torch.tensor(y), n_bins=15, norm="l1")
        assert table.loc[au, "ece"] == pytest.approx(float(theirs), abs=1e-6)
        assert table.loc[au, "brier"] == pytest.approx(brier_score_loss(y, prob), abs=1e-6)
        constant = brier_score_loss(y, np.full(len(y), y.mean()))
        assert table.loc[au, "brier_prevalence"] == pytest.approx(constant, abs=1e-6)
    assert (table["brier_low"] < table["brier"]).all() and (table["brier"] < table["brier_high"]).all()


def test_a_label_that_nobody_codes_has_no_calibration():
    p = predictions()
    p["AU04"] = pd.array([None] * len(p), dtype="Int8")
    assert evaluation.calibration_table(p).loc["AU04", ["prevalence", "ece", "brier"]].isna().all()
    assert "AU04" not in evaluation.reliability_table(p).index


@pytest.mark.parametrize("bins", [1, 101])
def test_useless_numbers_of_bins_are_refused(bins):
    with pytest.raises(SettingsError, match="from 2 to 100"):
        evaluation.reliability_table(predictions(), bins=bins)


def test_no_threshold_beats_the_tuned_one():
    p = predictions(7, n=45)
    tuned = evaluation.tune_thresholds(p)
    for au in AUS:
        y, prob = known(p, au)
        best = max(f1_score(y, prob >= t) for t in np.unique(prob))
        assert f1_score(y, prob >= tuned[au]) == pytest.approx(best, abs=1e-12)


def test_without_a_displayed_label_the_default_is_kept():
    p = predictions()
    p["AU04"] = p["AU04"] * 0
    assert evaluation.tune_thresholds(p, default=0.25)["AU04"] == 0.25


def validation_and_test():
    test = predictions(8)
    return predictions(9).assign(subject=lambda t: t["subject"] + "v"), test


def test_thresholds_from_validation_are_scored_on_the_test():
    validation, test = validation_and_test()
    truth = complete(test)
    table = evaluation.threshold_table(validation, test, truth=truth)
    tuned = evaluation.tune_thresholds(validation)
    for au in AUS:
        y, prob = known(test, au)
        row, whole = table.loc[au], test[["image"]].merge(truth, on="image")[au].astype(int)
        assert row["f1"] == pytest.approx(f1_score(y, prob >= 0.5))
        assert row["f1_tuned"] == pytest.approx(f1_score(y, prob >= tuned[au]))
        assert row["truth_tuned"] == pytest.approx(f1_score(whole, test[f"{au}_p"] >= tuned[au]))
        assert row["flattery"] >= 0 and row["f1_tuned_on_test"] >= row["f1"]
    assert table.loc["F1 macro", "f1_tuned"] == pytest.approx(table.loc[AUS, "f1_tuned"].mean())


def test_tuning_on_test_people_is_refused():
    _, test = validation_and_test()
    with pytest.raises(DataError, match="24 training people are in the prediction table"):
        evaluation.threshold_table(test, test)


def better(p):
    moved = {f"{au}_p": np.clip(p[f"{au}_p"] + 0.1 * (p[au].fillna(0) * 2 - 1).astype(float), 0, 1) for au in AUS}
    return p.assign(**{name: values.astype("float32") for name, values in moved.items()})


def test_compare_is_the_difference_of_two_tables_in_any_order_of_rows():
    a = predictions(10)
    b = better(a)
    table = evaluation.compare(a, b.sample(frac=1, random_state=0), intervals=50)
    for name, other in (("a", a), ("b", b)):
        np.testing.assert_allclose(table[name], evaluation.results_table(other)["f1"].loc[table.index])
    np.testing.assert_allclose(table["difference"], table["b"] - table["a"])
    assert (table["low"] <= table["difference"]).all() and (table["difference"] <= table["high"]).all()
    assert table.loc["F1 macro", "low"] > 0


def test_compared_people_are_drawn_in_pairs():
    """Studentised limits by a loop: F1 differences of drawn people, slopes by differences of weights."""
    a = predictions(10, n=90)
    b = better(a)
    who = a.groupby(["dataset", "subject"], sort=True).ngroup().to_numpy()
    persons = who.max() + 1
    y = (a["AU01"] == 1).to_numpy(float)

    def difference(w):
        w, scores = w[who], []
        for table in (a, b):
            seen = (table["AU01_p"] >= 0.5).to_numpy(float)
            scores.append(2 * (w * y * seen).sum() / (w * (y + seen)).sum())
        return scores[1] - scores[0]

    def error(w):
        steps = 1e-5 * np.eye(persons)
        slopes = np.array([(difference(w + s) - difference(w - s)) / 2e-5 for s in steps])
        return np.sqrt((w * slopes**2).sum())

    rng, ones, t = np.random.default_rng(5), np.ones(persons), []
    for _ in range(25):
        w = rng.multinomial(persons, ones / persons).astype(float)
        t.append((difference(w) - difference(ones)) / error(w))
    high, low = difference(ones) - np.percentile(t, [2.5, 97.5]) * error(ones)
    row = evaluation.compare(a, b, intervals=25, seed=5).loc["AU01"]
    assert [row["low"], row["high"]] == pytest.approx([low, high], abs=1e-5)


def test_a_detector_does_not_differ_from_itself():
    p = predictions()
    table = evaluation.compare(p, p, intervals=50)
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_other_rows_or_other_labels_cannot_be_compared():
    p = predictions()
    with pytest.raises(DataError, match=r"120 and 119 rows.*3\.jpg"):
        evaluation.compare(p, p.drop(index=3))
    with pytest.raises(DataError, match="119 and 120 rows"):
        evaluation.compare(p.drop(index=3), p)
    changed = p.copy()
    changed.loc[6, "AU12"] = 1 - changed.loc[6, "AU12"]
    with pytest.raises(DataError, match=r"AU12 of \('.*', '6\.jpg'\)"):
        evaluation.compare(p, changed)


def test_known_against_truth_has_an_interval_of_the_difference():
    p = predictions(11, n=300)
    table = evaluation.against_truth(p, complete(p), intervals=100)
    assert (table.loc[["AU01", "AU12"], ["difference_low", "difference_high"]] == 0).all(axis=None)  # nothing is hidden
    row = table.loc["AU04"]
    assert row["difference_low"] < row["difference"] < row["difference_high"]
