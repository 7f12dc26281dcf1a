"""Promises of the Keras metrics: Keras's own F1 where nothing is missing, and never a number from wrong input."""

import keras
import numpy as np
import pytest
from metric_cases import NAN, cases, side_by_side

from aulib import metrics
from aulib.errors import DataError

AVERAGES = (None, "micro", "macro", "weighted")
#: What Keras tries its F1Score on, in tables of our own: all right, all wrong, some of each, a label that is never
#: displayed, and one decision a row. Thresholds lie between the probabilities.
TABLES = {
    "all right": ([[1, 0, 1], [0, 0, 1], [1, 1, 0]], [[0.8, 0.1, 0.9], [0.2, 0.0, 1.0], [0.7, 0.9, 0.3]]),
    "all wrong": ([[0, 1, 0], [1, 0, 0]], [[0.8, 0.1, 0.9], [0.2, 0.95, 1.0]]),
    "some right": (
        [[1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 0]],
        [[0.9, 0.7, 0.1, 0.2], [0.3, 0.8, 0.6, 0.1], [0.7, 0.1, 0.2, 0.8], [0.2, 0.4, 0.9, 0.7], [0.8, 0.1, 0.3, 0.9]],
    ),
    "never displayed": ([[1, 0], [0, 0], [1, 0]], [[0.9, 0.1], [0.8, 0.2], [0.2, 0.1]]),
    "never displayed, predicted": ([[1, 0], [0, 0], [1, 0]], [[0.9, 0.1], [0.8, 0.9], [0.2, 0.1]]),
    "one a row": (np.eye(3)[[0, 1, 2, 0, 0, 2]], np.eye(3)[[0, 1, 2, 0, 1, 2]]),
}
WEIGHTS = (None, (1.0,), (0.5, 1.0, 0.0), (2.0, 0.25))


def both(table, average, threshold, weights):
    """Ours and Keras's metric after the same two updates."""
    y, p = (np.asarray(a, "float32") for a in TABLES[table])
    w = None if weights is None else np.resize(np.float32(weights), len(y))
    ours = metrics.MaskedF1Score(average=average, threshold=threshold, undefined=0.0)
    theirs = keras.metrics.F1Score(average=average, threshold=threshold)
    for rows in (slice(0, 2), slice(2, None)):
        for metric in (ours, theirs) if len(y[rows]) else ():
            metric.update_state(y[rows], p[rows], sample_weight=None if w is None else w[rows])
    return np.asarray(ours.result()), np.asarray(theirs.result())


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("table", TABLES)
def test_without_unknown_cells_the_numbers_are_those_of_keras(table, average, weights):
    for threshold in (0.05, 0.5, 0.66):
        ours, theirs = both(table, average, threshold, weights)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_random_labels_of_unequal_length_have_the_f1_of_keras():
    """Shorter columns end in rows that nobody coded; Keras gets rows there that count in no F1."""
    some = [case for case in cases(1_000, seed=3) if case.kind == "random"]
    y, p = side_by_side([case._replace(y=np.nan_to_num(case.y)) for case in some])
    ours = metrics.MaskedF1Score(average=None, undefined=0.0)
    ours.update_state(y.astype("float32"), p.astype("float32"))
    theirs = keras.metrics.F1Score(average=None, threshold=0.5)
    known = ~np.isnan(y)
    theirs.update_state(np.where(known, y, 0).astype("float32"), np.where(known, p, 0).astype("float32"))
    assert y.shape[1] > 250
    np.testing.assert_allclose(np.asarray(ours.result()), np.asarray(theirs.result()), atol=1e-6)


def test_a_prediction_equal_to_the_threshold_is_positive_here_and_negative_in_keras():
    found = {}
    for metric in (metrics.MaskedF1Score(average="micro"), keras.metrics.F1Score(average="micro", threshold=0.5)):
        metric.update_state([[1.0]], [[0.5]])
        found[type(metric).__name__] = float(metric.result())
    assert found == {"MaskedF1Score": 1.0, "F1Score": 0.0}


# Wrong input ---------------------------------------------------------------------------------------------------------

METRICS = {
    "MaskedF1Score": lambda **more: metrics.MaskedF1Score(**more),
    "MaskedAccuracy": lambda **more: metrics.MaskedAccuracy(**more),
    "SelectionScore": lambda **more: metrics.SelectionScore(**more),
}
GOOD = np.array([[1, 0, NAN], [0, 1, 1], [1, NAN, 0], [0, 0, 1]], "float32")
P = np.array([[0.9, 0.2, 0.4], [0.6, 0.7, 0.8], [0.3, 0.1, 0.1], [0.2, 0.6, 0.9]], "float32")


def with_cell(array, row, label, value):
    changed = array.copy()
    changed[row, label] = value
    return changed


WRONG_VALUES = {
    "-1 for unknown": (with_cell(GOOD, 0, 2, -1), P, r"y_true\[0, 2\] is -1"),
    "9 for unknown": (with_cell(GOOD, 2, 1, 9), P, r"y_true\[2, 1\] is 9"),
    "999 for unknown": (with_cell(GOOD, 2, 1, 999), P, r"y_true\[2, 1\] is 999"),
    "an intensity": (with_cell(GOOD, 1, 1, 0.4), P, r"y_true\[1, 1\] is 0.4"),
    "a logit": (GOOD, with_cell(P, 1, 0, 1.5), r"y_prob\[1, 0\] is 1.5"),
    "a negative logit": (GOOD, with_cell(P, 3, 1, -0.2), r"y_prob\[3, 1\] is -0.2"),
    "a diverged model": (GOOD, with_cell(P, 0, 0, NAN), r"y_prob\[0, 0\] is nan"),
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_wrong_value_in_an_array_is_refused_with_its_position(name, case):
    y, p, message = WRONG_VALUES[case]
    with pytest.raises(DataError, match=message):
        METRICS[name]().update_state(y, p)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_wrong_value_in_a_tensor_makes_the_score_nan_until_the_next_reset(name, case):
    y, p, _ = WRONG_VALUES[case]
    metric = METRICS[name]()
    metric.update_state(GOOD, P)
    expected = float(metric.result())
    metric.update_state(*map(keras.ops.convert_to_tensor, (y, p)))
    metric.update_state(GOOD, P)
    assert np.isfinite(expected) and np.isnan(float(metric.result()))
    metric.reset_state()
    metric.update_state(GOOD, P)
    assert float(metric.result()) == expected


@pytest.mark.parametrize("average", AVERAGES)
def test_no_convention_for_undefined_labels_hides_a_wrong_value(average):
    metric = metrics.MaskedF1Score(average=average, undefined=0.0)
    metric.update_state(keras.ops.convert_to_tensor(with_cell(GOOD, 0, 2, -1)), P)
    found = np.asarray(metric.result())
    assert np.isnan(found if average else found[2]).all()
    assert average or np.isfinite(found[:2]).all()


def model_of(metric):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=[metric])
    return model


@pytest.mark.parametrize("name", METRICS)
def test_a_compiled_step_shows_nan_for_a_wrong_label_and_the_score_otherwise(name):
    model = model_of(METRICS[name](name="score"))
    p = model.predict(P, verbose=0)
    function = {"MaskedF1Score": metrics.f1_macro, "MaskedAccuracy": metrics.accuracy_macro}.get(
        name, metrics.selection_score
    )
    good = model.evaluate(P, GOOD, batch_size=2, verbose=0, return_dict=True)["score"]
    assert good == pytest.approx(function(GOOD, p), abs=1e-6)
    assert np.isnan(model.evaluate(P, with_cell(GOOD, 0, 2, -1), batch_size=2, verbose=0, return_dict=True)["score"])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("y", "p", "weights", "message"),
    [
        (GOOD[:, :2], P, None, r"y_true has shape \(4, 2\), y_pred \(4, 3\); they must be equal"),
        (GOOD[:, :1], P, None, r"\(4, 1\).*\(4, 3\)"),
        (GOOD[:1], P, None, r"\(1, 3\).*\(4, 3\)"),
        (GOOD[:, 0], P[:, 0], None, r"shape \(4,\)"),
        (GOOD[None], P[None], None, r"shape \(1, 4, 3\)"),
        (GOOD, P, np.ones(3), r"sample_weight has shape \(3,\).*\(4,\).*\(4, 3\)"),
        (GOOD, P, np.ones((4, 2)), r"sample_weight has shape \(4, 2\)"),
        (GOOD, P, np.ones((1, 3)), r"sample_weight has shape \(1, 3\)"),
        (GOOD, P, 2.0, r"sample_weight has shape \(\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, y, p, weights, message):
    y, p = map(keras.ops.convert_to_tensor, (y, p))
    with pytest.raises(DataError, match=message):
        METRICS[name]().update_state(y, p, sample_weight=weights)


def test_a_compiled_step_refuses_labels_of_another_width():
    with pytest.raises(DataError, match=r"y_true has shape \(None, 2\)|y_true has shape \(4, 2\)"):
        model = model_of(metrics.MaskedF1Score())
        model.compile("sgd", lambda y_true, y_pred: 0.0 * keras.ops.sum(y_pred), metrics=[metrics.MaskedF1Score()])
        model.evaluate(P, GOOD[:, :2], verbose=0)


def test_another_number_of_labels_than_in_the_batches_before_is_refused():
    metric = metrics.MaskedF1Score()
    metric.update_state(GOOD, P)
    with pytest.raises(DataError, match="this batch has 2 labels, those before had 3"):
        metric.update_state(GOOD[:, :2], P[:, :2])


@pytest.mark.parametrize("weight", [-1.0, NAN, np.inf])
def test_a_weight_that_is_no_weight_makes_the_score_nan(weight):
    metric = metrics.MaskedF1Score(undefined=0.0)
    metric.update_state(GOOD, P, sample_weight=[1.0, weight, 1.0, 1.0])
    assert np.isnan(float(metric.result()))


@pytest.mark.parametrize("name", METRICS)
def test_batches_without_known_cells_change_nothing_and_alone_give_no_number(name):
    unknown = np.full_like(GOOD, NAN)
    metric = METRICS[name]()
    metric.update_state(unknown, P)
    assert np.isnan(float(metric.result()))
    metric.update_state(GOOD, P)
    after = float(metric.result())
    alone = METRICS[name]()
    alone.update_state(GOOD, P)
    assert after == float(alone.result())


def test_what_is_predicted_on_unknown_cells_changes_nothing_even_if_it_is_no_probability():
    for value in (0.0, 1.0, 7.0, NAN):
        metric = metrics.MaskedF1Score()
        metric.update_state(GOOD, np.where(np.isnan(GOOD), value, P))
        assert float(metric.result()) == pytest.approx(metrics.f1_macro(GOOD, P), abs=1e-6)


def test_weights_of_rows_count_like_repeated_rows():
    metric, repeated = metrics.MaskedF1Score(), metrics.MaskedF1Score()
    metric.update_state(GOOD, P, sample_weight=np.array([[1], [3], [2], [1]]))
    rows = np.repeat(np.arange(4), [1, 3, 2, 1])
    repeated.update_state(GOOD[rows], P[rows])
    assert float(metric.result()) == pytest.approx(float(repeated.result()), abs=1e-6)
