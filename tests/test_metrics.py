"""Promises of aulib.metrics: known cells only, pooled counts, scikit-learn's numbers on the known rows."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from aulib import metrics, paper
from aulib.errors import DataError, SettingsError

NAN = np.nan


def sample(seed, n=60, labels=4, missing=0.4, ties=False):
    """Random labels with unknown cells, and probabilities (a few distinct ones if ``ties``)."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, labels)) < rng.uniform(0.1, 0.7, labels)).astype("float32")
    y[rng.random(y.shape) < missing] = NAN
    p = rng.random(y.shape)
    return y, np.round(p, 1) if ties else p


def by_loops(y, p, threshold):
    """F1 and accuracy per label, counted one cell at a time."""
    f1, accuracy = [], []
    for label in range(y.shape[1]):
        tp = fp = fn = tn = 0
        for truth, prob in zip(y[:, label], p[:, label], strict=True):
            if truth != truth:
                continue
            says = prob >= threshold
            tp, fp = tp + (truth == 1 and says), fp + (truth == 0 and says)
            fn, tn = fn + (truth == 1 and not says), tn + (truth == 0 and not says)
        f1.append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else NAN)
        accuracy.append((tp + tn) / (tp + fp + fn + tn) if tp + fp + fn + tn else NAN)
    return np.array(f1), np.array(accuracy)


PER_LABEL = {
    "f1_per_label": sk.f1_score,
    "precision_per_label": sk.precision_score,
    "recall_per_label": sk.recall_score,
}


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("undefined", [0.0, 1.0, NAN])
@pytest.mark.parametrize("name", PER_LABEL)
def test_per_label_scores_equal_scikit_learn_on_the_known_rows(name, threshold, undefined):
    for seed in range(6):
        y, p = sample(seed, missing=0.15 * seed, ties=seed % 2 == 0)
        found = getattr(metrics, name)(y, p, threshold, undefined)
        for label in range(y.shape[1]):
            known = ~np.isnan(y[:, label])
            truth, says = y[known, label], p[known, label] >= threshold
            expected = PER_LABEL[name](truth, says, zero_division=undefined)
            np.testing.assert_allclose(found[label], expected, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays("float64", st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.sampled_from([0.0, 1.0, NAN])),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_f1_and_accuracy_equal_counting_cell_by_cell(y, seed, threshold):
    p = np.random.default_rng(seed).integers(0, 5, y.shape) / 4
    f1, accuracy = by_loops(y, p, threshold)
    np.testing.assert_allclose(metrics.f1_per_label(y, p, threshold), f1, atol=1e-12)
    np.testing.assert_allclose(metrics.accuracy_per_label(y, p, threshold), accuracy, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_and_average_precision_equal_scikit_learn(ties):
    for seed in range(8):
        y, p = sample(seed, ties=ties)
        auc, ap = metrics.roc_auc_per_label(y, p), metrics.average_precision_per_label(y, p)
        for label in range(y.shape[1]):
            known = ~np.isnan(y[:, label])
            assert auc[label] == pytest.approx(sk.roc_auc_score(y[known, label], p[known, label]), abs=1e-12)
            assert ap[label] == pytest.approx(sk.average_precision_score(y[known, label], p[known, label]), abs=1e-12)


def test_ranking_scores_are_nan_where_a_class_is_missing():
    y = np.array([[1, 0, NAN], [1, 0, NAN]])
    p = np.full((2, 3), 0.5)
    assert np.isnan(metrics.roc_auc_per_label(y, p)).all()
    np.testing.assert_array_equal(metrics.average_precision_per_label(y, p), [1, NAN, NAN])


def test_macro_f1_is_the_mean_of_f1_not_the_f1_of_means():
    y = np.array([[1, 1], [1, 0], [0, 0], [0, 0]])
    p = np.array([[0.9, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    assert metrics.f1_macro(y, p) == pytest.approx((2 / 3 + 0.4) / 2)
    mean_p, mean_r = metrics.precision_per_label(y, p).mean(), metrics.recall_per_label(y, p).mean()
    assert metrics.f1_macro(y, p) != pytest.approx(2 * mean_p * mean_r / (mean_p + mean_r), abs=0.01)


def test_undefined_labels_follow_the_convention_asked_for():
    y = np.array([[1, 0, NAN], [1, 0, NAN]])
    p = np.array([[0.9, 0.1, 0.9], [0.9, 0.1, 0.9]])
    assert metrics.f1_macro(y, p) == 1
    assert metrics.f1_macro(y, p, undefined=0.0) == pytest.approx(1 / 3)
    assert metrics.f1_macro(y, p, undefined=1.0) == 1
    assert metrics.labels_averaged(y, p) == 1
    assert np.isnan(metrics.f1_macro(y[:, 1:], p[:, 1:]))


def test_weighted_f1_takes_test_positives_or_the_weights_given():
    y, p = sample(1)
    f1, positives = metrics.f1_per_label(y, p), (y == 1).sum(axis=0)
    assert metrics.f1_weighted(y, p) == pytest.approx(np.average(f1, weights=positives))
    assert metrics.f1_weighted(y, p, weights=[1, 2, 3, 4]) == pytest.approx(np.average(f1, weights=[1, 2, 3, 4]))
    complete = np.nan_to_num(y)
    expected = sk.f1_score(complete, p >= 0.5, average="weighted")
    assert metrics.f1_weighted(complete, p) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("undefined", [0.0, 1.0, NAN])
def test_a_mean_in_which_no_label_counts_is_undefined(undefined):
    """Two labels without a positive, never predicted: there is no F1, no weight and no pooled F1."""
    y, p = np.zeros((3, 2)), np.full((3, 2), 0.1)
    for score in (metrics.f1_macro, metrics.f1_micro, metrics.f1_weighted):
        assert score(y, p, undefined=undefined) == pytest.approx(undefined, nan_ok=True)


def test_micro_f1_is_that_of_all_known_cells_in_one_column():
    y, p = sample(8)
    known = ~np.isnan(y)
    assert metrics.f1_micro(y, p) == pytest.approx(sk.f1_score(y[known], p[known] >= 0.5), abs=1e-12)


def test_table_2_has_the_printed_macro_and_both_weighted_means():
    table = paper.TABLE_2
    means = [metrics.mean_of_labels(table["f1"], weights) for weights in (None, table["test"], table["train"])]
    assert [round(mean, 2) for mean in means] == [0.58, 0.65, 0.61]
    assert means[1] == pytest.approx(np.average(table["f1"], weights=table["test"]), abs=1e-12)


def test_mean_of_labels_averages_the_last_axis_and_leaves_out_what_is_undefined():
    scores = np.array([[0.2, NAN, 0.4], [NAN, NAN, NAN], [1.0, 0.0, 0.5]])
    np.testing.assert_allclose(metrics.mean_of_labels(scores), [0.3, NAN, 0.5])
    np.testing.assert_allclose(metrics.mean_of_labels(scores, [1, 1, 3]), [0.35, NAN, 0.5])
    np.testing.assert_allclose(metrics.mean_of_labels(scores, np.eye(3)), [0.2, NAN, 0.5])
    assert np.isnan(metrics.mean_of_labels([0.2, 0.4], [NAN, 1])), "a weight that is not known"
    assert metrics.mean_of_labels([0.2, NAN], [1, NAN]) == 0.2
    for weights in ([1, -1], [1, 1, 1]):
        with pytest.raises(SettingsError, match="weights"):
            metrics.mean_of_labels([0.2, 0.4], weights)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_fbeta_equals_scikit_learn(beta):
    y, p = sample(9)
    for label, known in enumerate(~np.isnan(y.T)):
        expected = sk.fbeta_score(y[known, label], p[known, label] >= 0.5, beta=beta)
        assert metrics.fbeta_per_label(y, p, beta)[label] == pytest.approx(expected, abs=1e-12)


def test_balanced_accuracy_of_one_constant_answer_is_one_half_and_needs_both_classes():
    y, p = sample(10)
    for answer in (0.0, 1.0):
        np.testing.assert_array_equal(metrics.balanced_accuracy_per_label(y, np.full(p.shape, answer)), 0.5)
    one_class = [[1, 0, NAN], [1, 0, NAN]]
    assert np.isnan(metrics.balanced_accuracy_per_label(one_class, p[:2, :3])).all()
    assert (metrics.balanced_accuracy_per_label(one_class, p[:2, :3], undefined=0.0) == 0).all()


def abaw_as_published(y, says):
    """The published evaluation: scikit-learn's F1 of each column, accuracy of everything in one long vector."""
    f1 = [sk.f1_score(truth, said) for truth, said in zip(y.T, says.T, strict=True)]
    return 0.5 * np.mean(f1) + 0.5 * sk.accuracy_score(y.reshape(-1), says.reshape(-1))


def test_abaw_score_of_complete_labels_is_that_of_the_published_code():
    y, p = sample(11, missing=0.0)
    p[:, 0] = 0.1
    assert metrics.abaw2020_score(y, p, undefined=0.0) == pytest.approx(abaw_as_published(y, p >= 0.5), abs=1e-12)


def test_abaw_score_skips_unknown_cells_and_pools_the_others():
    y = np.array([[1, 1], [NAN, 1], [NAN, 1]])
    p = np.array([[0.1, 0.9], [0.9, 0.9], [0.9, 0.9]])
    assert metrics.abaw2020_score(y, p) == pytest.approx((0.5 + 0.75) / 2)


def test_emotionet_score_with_f1_is_the_selection_score_of_the_paper():
    y, p = sample(12)
    assert metrics.emotionet_score(y, p) == metrics.selection_score(y, p)
    for beta in (0.5, 2.0):
        mean_f = metrics.mean_of_labels(metrics.fbeta_per_label(y, p, beta))
        expected = (mean_f + metrics.accuracy_macro(y, p)) / 2
        assert metrics.emotionet_score(y, p, beta=beta) == pytest.approx(expected, abs=1e-12)


def test_macro_accuracy_is_eq_1c_and_pooled_accuracy_is_not():
    y = np.array([[1, 1], [NAN, 1], [NAN, 1]])
    p = np.array([[0.1, 0.9], [0.9, 0.9], [0.9, 0.9]])
    assert metrics.accuracy_macro(y, p) == 0.5
    assert metrics.accuracy_pooled(y, p) == 0.75


def test_selection_score_is_the_mean_of_macro_f1_and_accuracy():
    y, p = sample(2)
    expected = (metrics.f1_macro(y, p) + metrics.accuracy_macro(y, p)) / 2
    assert metrics.selection_score(y, p) == pytest.approx(expected)


def test_a_probability_equal_to_the_threshold_is_positive_in_its_own_precision():
    assert metrics.f1_macro([[1.0]], [[0.5]]) == 1
    assert metrics.f1_macro([[1.0]], np.float32([[0.7]]), threshold=0.7) == 1
    assert metrics.f1_macro([[1.0]], np.float32([[0.7]]), threshold=np.float64(0.7)) == 1


def test_decisions_may_be_given_as_true_and_false():
    y, says = [[1], [0], [1], [NAN]], np.array([[True], [False], [False], [True]])
    assert metrics.f1_macro(y, says) == pytest.approx(2 / 3)
    assert metrics.roc_auc_per_label(y, says) == 0.75
    assert metrics.average_precision_per_label(y, says.astype("uint8")) == pytest.approx(5 / 6)


def test_always_positive_f1_is_the_f1_of_ones():
    y, _ = sample(3)
    np.testing.assert_allclose(metrics.always_positive_f1(y), metrics.f1_per_label(y, np.ones(y.shape)))
    p = np.nanmean(y, axis=0)
    np.testing.assert_allclose(metrics.prevalence(y), p, rtol=1e-6)
    assert np.isnan(metrics.always_positive_f1([[NAN]])).all()


def test_order_of_rows_and_labels_and_unknown_rows_do_not_matter():
    y, p = sample(4)
    f1, rng = metrics.f1_per_label(y, p), np.random.default_rng(0)
    rows, labels = rng.permutation(len(y)), rng.permutation(y.shape[1])
    np.testing.assert_array_equal(metrics.f1_per_label(y[rows], p[rows]), f1)
    np.testing.assert_array_equal(metrics.f1_per_label(y[:, labels], p[:, labels]), f1[labels])
    more = np.vstack([y, np.full((9, 4), NAN)]), np.vstack([p, rng.random((9, 4))])
    np.testing.assert_array_equal(metrics.f1_per_label(*more), f1)


def test_a_table_of_nullable_integers_is_accepted():
    y = pd.DataFrame({"AU01": pd.array([1, 0, None], dtype="Int8")})
    assert metrics.f1_macro(y, [[0.9], [0.1], [0.9]]) == 1


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([[1, 0]], [[0.1]], r"\(1, 1\).*\(1, 2\)"),
        ([1, 0], [0.1, 0.2], r"shape \(2,\)"),
        ([[1, 9]], [[0.1, 0.2]], r"y_true\[0, 1\] is 9"),
        ([[0], [-1]], [[0.1], [0.2]], r"y_true\[1, 0\] is -1"),
        ([[1, 0]], [[0.1, 1.2]], r"y_prob\[0, 1\] is 1.2"),
        ([[1, 0]], [[NAN, 0.2]], r"y_prob\[0, 0\] is nan"),
        ([[1, 0]], [[0.2, -0.1]], r"y_prob\[0, 1\] is -0.1"),
        ([["a"]], [[0.1]], "dtype"),
    ],
)
def test_wrong_input_is_refused_with_its_position(y, p, message):
    with pytest.raises(DataError, match=message):
        metrics.f1_per_label(np.array(y), np.array(p))


def test_wrong_arguments_are_refused():
    with pytest.raises(SettingsError, match="threshold is 2"):
        metrics.f1_macro([[1]], [[0.1]], threshold=2)
    with pytest.raises(SettingsError, match="weights"):
        metrics.f1_weighted([[1]], [[0.1]], weights=[-1])
    with pytest.raises(SettingsError, match="weights"):
        metrics.f1_weighted([[1]], [[0.1]], weights=[1, 2])
    for beta in (0, -1, NAN, np.inf):
        with pytest.raises(SettingsError, match="beta"):
            metrics.fbeta_per_label([[1]], [[0.1]], beta)


def test_importing_metrics_imports_no_keras():
    code = "import sys, aulib.metrics, aulib.evaluation, aulib.balancing, aulib.paper; print('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchMetric"):
        metrics.NoSuchMetric  # noqa: B018


# The Keras twins -----------------------------------------------------------------------------------------------------

TWINS = [
    ("MaskedF1Score", {}, metrics.f1_macro),
    ("MaskedF1Score", {"average": "micro"}, metrics.f1_micro),
    ("MaskedF1Score", {"average": "weighted"}, metrics.f1_weighted),
    ("MaskedF1Score", {"average": "weighted", "undefined": 1.0}, lambda y, p: metrics.f1_weighted(y, p, undefined=1)),
    ("MaskedF1Score", {"undefined": 0.0}, lambda y, p: metrics.f1_macro(y, p, undefined=0.0)),
    ("MaskedF1Score", {"average": None}, metrics.f1_per_label),
    ("MaskedF1Score", {"threshold": 0.3}, lambda y, p: metrics.f1_macro(y, p, 0.3)),
    ("MaskedAccuracy", {}, metrics.accuracy_macro),
    ("MaskedAccuracy", {"average": "pooled"}, metrics.accuracy_pooled),
    ("MaskedAccuracy", {"average": None}, metrics.accuracy_per_label),
    ("SelectionScore", {}, metrics.selection_score),
]


@pytest.mark.parametrize(("name", "arguments", "function"), TWINS)
def test_keras_metric_pooled_over_batches_equals_the_numpy_function(name, arguments, function):
    y, p = sample(5, labels=5, ties=True)
    y[:, 3], y[:, 4] = NAN, 0  # never known; known, never displayed
    p = p.astype("float32")
    p[:, 4] = 0.1
    metric = getattr(metrics, name)(**arguments)
    for rows in np.array_split(np.arange(len(y)), 7):
        metric.update_state(y[rows], p[rows])
    np.testing.assert_allclose(np.asarray(metric.result()), function(y, p), atol=1e-6)
    metric.reset_state()
    np.testing.assert_array_equal(np.asarray(metric.result()), arguments.get("undefined", NAN))
    metric.update_state(y, p)
    np.testing.assert_allclose(np.asarray(metric.result()), function(y, p), atol=1e-6)


def test_keras_metric_before_the_first_batch_is_nan():
    assert np.isnan(float(metrics.MaskedF1Score().result()))
    assert np.isnan(float(metrics.SelectionScore().result()))


@pytest.mark.parametrize("shape", ["rows", "cells"])
def test_weights_of_zero_act_like_unknown_cells(shape):
    y, p = sample(6)
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 2, len(y) if shape == "rows" else y.shape)
    hidden = np.where(weight[:, None] if shape == "rows" else weight, y, NAN)
    metric = metrics.MaskedF1Score()
    metric.update_state(y, p, sample_weight=weight)
    assert float(metric.result()) == pytest.approx(metrics.f1_macro(hidden, p), abs=1e-6)


@pytest.mark.parametrize(("name", "arguments", "function"), TWINS)
def test_keras_metric_survives_its_configuration(name, arguments, function):
    import json

    import keras

    config = keras.saving.serialize_keras_object(getattr(metrics, name)(**arguments))
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config, allow_nan=False)))
    y, p = sample(7)
    again.update_state(y, p)
    np.testing.assert_allclose(np.asarray(again.result()), function(y, p), atol=1e-6)


def test_keras_metrics_refuse_wrong_arguments():
    with pytest.raises(SettingsError, match="average"):
        metrics.MaskedF1Score(average="samples")
    with pytest.raises(SettingsError, match="average"):
        metrics.MaskedAccuracy(average="weighted")
    with pytest.raises(SettingsError, match="threshold"):
        metrics.SelectionScore(threshold=-1)


def test_counts_stay_float32_for_half_precision_predictions():
    metric = metrics.MaskedAccuracy()
    y, p = np.ones((5000, 1), "float16"), np.ones((5000, 1), "float16")
    p[0] = 0
    metric.update_state(y, p)
    assert float(metric.result()) == pytest.approx(4999 / 5000, abs=1e-6)
