"""The Keras metrics give the NumPy numbers on TensorFlow, JAX and PyTorch, to 1e-6."""

import functools

import numpy as np
import pytest
from backends import BACKENDS, run_under
from metric_cases import NAN, cases, side_by_side

from aulib import metrics

#: Scores of a table of labels, each as the Keras metric (written as code) and as the NumPy function.
SCORES = {
    "MaskedF1Score()": metrics.f1_macro,
    "MaskedF1Score(undefined=0.0)": functools.partial(metrics.f1_macro, undefined=0.0),
    "MaskedF1Score('weighted')": metrics.f1_weighted,
    "MaskedF1Score('micro')": metrics.f1_micro,
    "MaskedF1Score(None)": metrics.f1_per_label,
    "MaskedF1Score(None, threshold=0.25)": functools.partial(metrics.f1_per_label, threshold=0.25),
    "MaskedAccuracy()": metrics.accuracy_macro,
    "MaskedAccuracy('pooled')": metrics.accuracy_pooled,
    "MaskedAccuracy(None)": metrics.accuracy_per_label,
    "SelectionScore()": metrics.selection_score,
}

#: Every score of every table, fed in three batches; then what each does with a wrong label in a tensor, a wrong
#: shape, and inside a compiled step. The names of arrays and scores come in as arrays of text.
CODE = """
from aulib import metrics
from aulib.errors import DataError

tables = {"large": (y_large, p_large), "cases": (y_cases, p_cases)}
for score in scores:
    for table, (y, p) in tables.items():
        metric = eval("metrics." + str(score))
        for rows in np.array_split(np.arange(len(y)), 3):
            metric.update_state(ops.convert_to_tensor(y[rows]), ops.convert_to_tensor(p[rows]))
        results[f"{score} {table}"] = metric.result()
    metric.reset_state()
    metric.update_state(ops.convert_to_tensor(np.where(np.isnan(y), -1, y)), ops.convert_to_tensor(p))
    results[f"{score} wrong"] = ops.all(ops.isnan(metric.result()))

try:
    metrics.MaskedF1Score().update_state(ops.convert_to_tensor(y[:, 1:]), ops.convert_to_tensor(p))
except DataError:
    results["refused"] = True

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input(p_large.shape[1:]), keras.layers.Dense(p_large.shape[1], activation="sigmoid")])
model.compile("sgd", "mse", weighted_metrics=[metrics.MaskedF1Score(), metrics.SelectionScore()])
results["p_model"] = model.predict(p_large, verbose=0)
for name, labels in (("compiled", y_large), ("compiled wrong", np.nan_to_num(y_large, nan=-1))):
    found = model.evaluate(p_large, labels, sample_weight=weights, batch_size=64, verbose=0, return_dict=True)
    results[name] = [found["masked_f1_score"], found["selection_score"]]
"""


@functools.cache
def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A table of chance, and the labels of 1,000 small cases side by side: all corners at once."""
    rng = np.random.default_rng(0)
    large = rng.choice([0.0, 1.0, NAN], (300, 13), p=[0.4, 0.2, 0.4]), rng.random((300, 13))
    found = {"large": large, "cases": side_by_side(cases(1_000))}
    return {name: (y.astype("float32"), p.astype("float32")) for name, (y, p) in found.items()}


@functools.cache
def weights() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, len(tables()["large"][0])).astype("float32")


@functools.cache
def results(backend: str) -> dict[str, np.ndarray]:
    arrays = {f"{letter}_{name}": a for name, pair in tables().items() for letter, a in zip("yp", pair, strict=True)}
    return run_under(backend, CODE, {**arrays, "scores": np.array(list(SCORES)), "weights": weights()})


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_keras_metric_equals_its_numpy_function(backend, score):
    for table, (y, p) in tables().items():
        expected = SCORES[score](y.astype("float64"), p.astype("float64"))
        found = results(backend)[f"{score} {table}"]
        assert found.dtype == np.float32 and found.shape == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6, err_msg=table)


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_labels_give_nan_and_wrong_shapes_an_error(backend):
    found = results(backend)
    assert found["refused"]
    wrong = {name: bool(value) for name, value in found.items() if name.endswith(") wrong")}
    assert len(wrong) == len(SCORES)
    # per label, only labels with a wrong cell are NaN; the tables hold complete ones
    assert [name for name, nan in wrong.items() if not nan] == [f"{s} wrong" for s in SCORES if "(None" in s]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_step_gives_the_same_numbers(backend):
    found, (y, _) = results(backend), tables()["large"]
    rows = np.repeat(np.arange(len(y)), weights().astype(int))
    y, p = y[rows], found["p_model"][rows]
    expected = [metrics.f1_macro(y, p), metrics.selection_score(y, p)]
    np.testing.assert_allclose(found["compiled"], expected, rtol=0, atol=1e-6)
    assert np.isnan(found["compiled wrong"]).all()
