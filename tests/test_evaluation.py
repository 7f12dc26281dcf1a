"""Promises of aulib.evaluation: Table 2's form, checked by scikit-learn, with refusals that name the row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from aulib import evaluation, metrics, paper, pipeline, profiles
from aulib.errors import DataError, SettingsError

AUS = ["AU01", "AU04", "AU12"]


def predictions(seed=0, n=120):
    """Three datasets; bp4d does not code AU04."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "dataset": pd.array(rng.permutation(["bp4d", "ck_plus", "unbc"] * (n // 3)), dtype="string"),
            "subject": pd.array([f"S{i}" for i in rng.integers(0, 8, n)], dtype="string"),
            "sequence": pd.array(["1"] * n, dtype="string"),
            "frame": pd.array(range(n), dtype="Int64"),
            "image": pd.array([f"{i}.jpg" for i in range(n)], dtype="string"),
        }
    )
    for au in AUS:
        truth = rng.random(n) < 0.35
        table[au] = pd.array(truth.astype(int), dtype="Int8")
        table[f"{au}_p"] = np.clip(0.35 * truth + rng.random(n) * 0.65, 0, 1).astype("float32")
    table.loc[table["dataset"] == "bp4d", "AU04"] = pd.NA
    return table


def complete(table, seed=1):
    """A truth that agrees with every known label."""
    rng = np.random.default_rng(seed)
    truth = table[["dataset", "image", *AUS]].copy()
    for au in AUS:
        truth[au] = truth[au].fillna(pd.Series(rng.integers(0, 2, len(truth)), index=truth.index, dtype="Int8"))
    return truth.sample(frac=1, random_state=0)


def test_rows_and_columns_have_the_form_of_table_2():
    table = evaluation.results_table(predictions(), train_counts={"AU01": 10, "AU04": 20, "AU12": 30})
    assert table.index.tolist() == [*AUS, *evaluation.SUMMARY]
    assert table.columns.tolist() == ["train", "test", "known", "prevalence", "f1", "always_positive", "auc", "ap"]
    assert table.loc[AUS, "train"].tolist() == [10, 20, 30]


def test_each_score_is_that_of_scikit_learn_on_the_known_rows():
    p = predictions()
    table = evaluation.results_table(p, threshold=0.4)
    for au in AUS:
        known = p[p[au].notna()]
        truth, prob = known[au].astype(int), known[f"{au}_p"]
        row = table.loc[au]
        assert row["f1"] == pytest.approx(f1_score(truth, prob >= 0.4), abs=1e-12)
        assert row["auc"] == pytest.approx(roc_auc_score(truth, prob), abs=1e-12)
        assert row["ap"] == pytest.approx(average_precision_score(truth, prob), abs=1e-12)
        assert row["always_positive"] == pytest.approx(f1_score(truth, np.ones(len(truth))), abs=1e-12)
        assert (row["test"], row["known"]) == (truth.sum(), len(truth))
        assert row["prevalence"] == pytest.approx(truth.mean())


def test_summary_rows_equal_the_metrics():
    p = predictions(2)
    y = p[AUS].to_numpy(dtype=float, na_value=np.nan)
    prob = p[[f"{a}_p" for a in AUS]].to_numpy()
    f1 = evaluation.results_table(p, train_counts=pd.Series([5, 1, 2], index=AUS))["f1"]
    assert f1["F1 macro"] == pytest.approx(metrics.f1_macro(y, prob))
    assert f1["Weighted F1 macro (test)"] == pytest.approx(metrics.f1_weighted(y, prob))
    assert f1["Weighted F1 macro (train)"] == pytest.approx(metrics.f1_weighted(y, prob, weights=[5, 1, 2]))
    assert f1["Accuracy"] == pytest.approx(metrics.accuracy_macro(y, prob))


def test_without_train_counts_the_train_weighted_row_is_empty():
    table = evaluation.results_table(predictions())
    assert np.isnan(table.loc["Weighted F1 macro (train)", "f1"])
    assert table["train"].isna().all()


def test_a_label_without_known_cells_is_left_out_and_counted():
    p = predictions()
    p["AU04"] = pd.array([None] * len(p), dtype="Int8")
    table = evaluation.results_table(p)
    assert np.isnan(table.loc["AU04", "f1"])
    assert table.attrs["labels_averaged"] == 2
    assert table.loc["F1 macro", "f1"] == pytest.approx(table.loc[["AU01", "AU12"], "f1"].mean())


def test_intervals_contain_the_score_and_are_repeatable():
    p = predictions(n=300)
    a, b = (evaluation.results_table(p, intervals=200, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)
    scored = a.dropna(subset="f1")
    assert (scored["f1_low"] < scored["f1"]).all() and (scored["f1"] < scored["f1_high"]).all()


def test_intervals_draw_whole_persons():
    """Twenty copies of each frame are no new evidence: the interval stays as wide."""
    p = predictions(n=120)
    many = pd.concat([p.assign(image=p["image"] + f"_{i}") for i in range(20)], ignore_index=True)
    once, often = (evaluation.results_table(t, intervals=300).loc["AU01"] for t in (p, many))
    assert once["f1_high"] - once["f1_low"] == pytest.approx(often["f1_high"] - often["f1_low"], rel=1e-9)


def logit_f1(rows, weights):
    """Logit of AU04's F1 with rows weighted by person, and its derivative by each person's weight, by differences."""
    known = rows[rows["AU04"].notna()]
    who = known.groupby(["dataset", "subject"], sort=True).ngroup().to_numpy()
    displayed, predicted = (known["AU04"] == 1).to_numpy(float), (known["AU04_p"] >= 0.5).to_numpy(float)

    def of(w):
        f1 = 2 * (w[who] * displayed * predicted).sum() / (w[who] * (displayed + predicted)).sum()
        return np.log(f1 / (1 - f1))

    steps = 1e-5 * np.eye(len(weights))
    return of(weights), np.array([(of(weights + step) - of(weights - step)) / 2e-5 for step in steps])


def test_intervals_are_studentised_over_tables_made_of_the_drawn_persons():
    p = predictions(n=90)
    p = p[p["dataset"] != "bp4d"]  # does not code AU04, so that all persons here count
    persons = len(p[["dataset", "subject"]].drop_duplicates())
    value, slopes = logit_f1(p, np.ones(persons))
    rng, t = np.random.default_rng(5), []
    for _ in range(25):
        times = rng.multinomial(persons, np.full(persons, 1 / persons)).astype(float)
        drawn, moved = logit_f1(p, times + 2e-5)
        t.append((drawn - value) / np.sqrt((times * moved**2).sum()))
    high, low = value - np.percentile(t, [2.5, 97.5]) * np.sqrt((slopes**2).sum())
    row = evaluation.results_table(p, intervals=25, seed=5).loc["AU04"]
    assert [row["f1_low"], row["f1_high"]] == pytest.approx([1 / (1 + np.exp(-x)) for x in (low, high)], abs=1e-3)


def test_intervals_need_a_person_in_each_row():
    p = predictions()
    p.loc[5, "subject"] = pd.NA
    with pytest.raises(DataError, match="person"):
        evaluation.results_table(p, intervals=10)


def test_per_dataset_scores_are_those_of_each_part():
    p = predictions()
    table = evaluation.per_dataset_table(p)
    assert table.index.tolist() == ["bp4d", "ck_plus", "unbc", "all"]
    for name in table.index[:3]:
        part = evaluation.results_table(p[p["dataset"] == name])
        np.testing.assert_allclose(table.loc[name, AUS].astype(float), part.loc[AUS, "f1"])
        assert table.loc[name, "F1 macro"] == pytest.approx(part.loc["F1 macro", "f1"])
    assert np.isnan(table.loc["bp4d", "AU04"]) and table.loc["bp4d", "labels"] == 2
    assert table.loc["all", "rows"] == len(p)
    assert table.loc["all", "persons"] == len(p[["dataset", "subject"]].drop_duplicates())


def test_against_truth_joins_on_dataset_and_image():
    p = predictions()
    truth = complete(p)
    table = evaluation.against_truth(p, truth)
    merged = p[["dataset", "image"]].merge(truth, on=["dataset", "image"])
    for au in AUS:
        says, unknown = p[f"{au}_p"] >= 0.5, p[au].isna().to_numpy()
        all_truth = merged[au].astype(int).to_numpy()
        assert table.loc[au, "f1_truth"] == pytest.approx(f1_score(all_truth, says))
        assert table.loc[au, "unknown"] == unknown.sum()
        if unknown.any():
            assert table.loc[au, "f1_hidden"] == pytest.approx(f1_score(all_truth[unknown], says[unknown]))
        else:
            assert table.loc[au, "difference"] == 0
    assert table.loc["F1 macro", "f1_truth"] == pytest.approx(table.loc[AUS, "f1_truth"].mean())


def test_against_truth_leaves_out_images_that_were_never_written():
    p = predictions()
    truth = complete(p)
    gone = truth.head(2).assign(image=pd.Series([pd.NA, pd.NA], dtype="string"))
    pd.testing.assert_frame_equal(
        evaluation.against_truth(p, pd.concat([truth, gone])), evaluation.against_truth(p, truth)
    )


def test_against_truth_refuses_a_truth_that_does_not_fit():
    p = predictions()
    truth = complete(p)
    with pytest.raises(DataError, match="no row for"):
        evaluation.against_truth(p, truth[truth["image"] != "7.jpg"])
    with pytest.raises(DataError, match="repeats"):
        evaluation.against_truth(p, pd.concat([truth, truth.head(1)]))
    with pytest.raises(DataError, match="no column"):
        evaluation.against_truth(p, truth.drop(columns="AU12"))
    with pytest.raises(DataError, match="unknown labels"):
        evaluation.against_truth(p, p)


def _repeat(p):
    return pd.concat([p, p.iloc[[3]]], ignore_index=True)


def _range(p):
    return p.assign(AU01_p=2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.iloc[:0], "no rows"),
        (lambda p: p.drop(columns="image"), "image"),
        (lambda p: p.drop(columns="AU04"), "AU04"),
        (lambda p: p.rename(columns={"AU04": "AU99", "AU04_p": "AU99_p"}), "AU99"),
        (lambda p: p.drop(columns=[f"{a}_p" for a in AUS]), "AU04_p"),
        (_repeat, r"row 120 .*3\.jpg"),
        (_range, r"row 0 .*0\.jpg.*AU01_p is 2"),
        (lambda p: p.assign(AU12_p=np.nan), "AU12_p is nan.*120 such cells"),
        (lambda p: p.assign(AU01=pd.array([9] * len(p), dtype="Int8")), r"labels\[0, 0\] is 9"),
    ],
)
def test_what_is_no_prediction_table_is_refused(change, message):
    for function in (evaluation.results_table, evaluation.per_dataset_table):
        with pytest.raises(DataError, match=message):
            function(change(predictions()))


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="AU06"):
        evaluation.results_table(predictions(), aus=["AU06"])
    with pytest.raises(SettingsError, match="AU12"):
        evaluation.results_table(predictions(), train_counts={"AU01": 1, "AU04": 2})
    with pytest.raises(SettingsError, match="bootstrap"):
        evaluation.results_table(predictions(), intervals=1)


def table_2_predictions():
    """Predictions whose positives and F1 scores are those of Table 2: TP = FN + TP split so that F1 is as printed."""
    columns, largest = {}, 0
    for au, row in paper.TABLE_2.iterrows():
        positives = int(row["test"])
        tp = round(row["f1"] * positives)  # FP = FN makes precision = recall = F1
        label = np.r_[np.ones(positives), np.zeros(positives - tp)]
        prob = np.r_[np.ones(tp), np.zeros(positives - tp), np.ones(positives - tp)]
        columns[au], largest = (label, prob), max(largest, label.size)
    table = pd.DataFrame({"dataset": "bp4d", "subject": "S", "image": [f"{i}.jpg" for i in range(largest)]})
    for au, (label, prob) in columns.items():
        table[au] = pd.array([*label.astype(int), *[None] * (largest - label.size)], dtype="Int8")
        table[f"{au}_p"] = np.r_[prob, np.zeros(largest - prob.size)].astype("float32")
    return table


def test_the_three_means_of_table_2_come_out_as_printed():
    table = evaluation.results_table(table_2_predictions(), train_counts=paper.TABLE_2["train"])
    assert table.loc[paper.TABLE_2.index, "f1"].round(2).tolist() == paper.TABLE_2["f1"].tolist()
    assert table.loc[paper.TABLE_2.index, "test"].tolist() == paper.TABLE_2["test"].tolist()
    assert round(table.loc["F1 macro", "f1"], 2) == paper.MACRO_F1
    assert round(table.loc["Weighted F1 macro (test)", "f1"], 2) == paper.WEIGHTED_F1_TEST
    assert round(table.loc["Weighted F1 macro (train)", "f1"], 2) == paper.WEIGHTED_F1_TRAIN


def test_thresholds_of_each_action_unit_are_used():
    p = predictions()
    of_each = {"AU01": 0.3, "AU04": 0.5, "AU12": 0.7}
    table = evaluation.results_table(p, threshold=of_each)
    for au, threshold in of_each.items():
        assert table.loc[au, "f1"] == evaluation.results_table(p, threshold=threshold).loc[au, "f1"]
    with pytest.raises(SettingsError, match="AU12"):
        evaluation.results_table(p, threshold={"AU01": 0.3, "AU04": 0.5})
    with pytest.raises(SettingsError, match="from 0 to 1"):
        evaluation.results_table(p, threshold=1.5)


def test_too_few_people_get_no_interval():
    p = predictions()
    few = p["subject"].isin(["S0", "S1"]) & (p["dataset"] == "unbc")
    p.loc[~few, "AU12"] = p.loc[~few, "AU12"] * 0  # displayed by two people at most
    row = evaluation.results_table(p, intervals=50).loc["AU12"]
    assert row["people"] <= 2
    assert row[["f1_low", "f1_high", "auc_low", "ap_high"]].isna().all()


def test_missing_rows_and_rows_too_many_are_refused():
    p = predictions()
    evaluation.check(p, expected=p.sample(frac=1, random_state=0))
    with pytest.raises(DataError, match=r"2 expected rows are not predicted.*'3\.jpg'.*'7\.jpg'"):
        evaluation.results_table(p.drop(index=[3, 7]), expected=p)
    with pytest.raises(DataError, match=r"1 predicted rows were not expected.*'5\.jpg'"):
        evaluation.results_table(p, expected=p.drop(index=5))


def test_people_of_the_training_part_are_refused():
    p = predictions()
    others = p.assign(subject=p["subject"] + "t")
    evaluation.results_table(p, train_people=others)
    first = p.iloc[4]
    with pytest.raises(DataError, match=rf"1 training person .*{first['dataset']}/{first['subject']} \(row "):
        evaluation.results_table(p, train_people=pd.concat([others, p.iloc[[4]]]))


def test_people_of_two_datasets_that_share_their_people_are_one():
    p = predictions().assign(dataset="disfa_plus", subject="SN001")
    with pytest.raises(DataError, match="disfa_plus/SN001"):
        evaluation.check(p, train_people=p.assign(dataset="disfa"))


def test_predictions_of_the_training_part_are_not_given(tmp_path):
    work = pipeline.Pipeline(profiles.settings(), folder=tmp_path)
    with pytest.raises(SettingsError, match="'train'; give 'test' or 'validation'"):
        work.predictions(part="train")
