"""Promises of aulib.losses: the paper's loss on known cells, right gradients, right weights, right saving."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from aulib import losses, metrics
from aulib.errors import SettingsError

NAN = np.nan


def sample(seed=0, n=24, labels=5, missing=0.4):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, labels)) < 0.4).astype("float64")
    y[rng.random(y.shape) < missing] = NAN
    return y, rng.uniform(0.02, 0.98, y.shape)


def f1_by_deletion(y, p, without_positives="zero"):
    """The paper's words: for each class delete the unknown entries of both vectors, then 1 - mean F1."""
    scores = []
    for truth, prob in zip(y.T, p.T, strict=True):
        keep = ~np.isnan(truth)
        truth, prob = truth[keep], prob[keep]
        if not keep.any() or (without_positives == "skip" and truth.sum() == 0):
            continue
        scores.append(2 * (truth * prob).sum() / (truth.sum() + prob.sum()))
    return 1 - np.mean(scores) if scores else 0.0


def bce_by_deletion(y, p, per_label):
    cost = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return np.nanmean(np.nanmean(cost, axis=0)) if per_label else np.nanmean(cost)


def gradient(loss, y, p):
    p = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(p)
        value = loss(y, p)
    return tape.gradient(value, p).numpy()


def numerical(loss, y, p, step=1e-6):
    found = np.zeros(p.shape)
    for cell in np.ndindex(p.shape):
        up, down = p.copy(), p.copy()
        up[cell], down[cell] = p[cell] + step, p[cell] - step
        found[cell] = (float(loss(y, up)) - float(loss(y, down))) / (2 * step)
    return found


def skip(y, p):
    return losses.masked_f1(y, p, without_positives="skip")


def per_label(y, p):
    return losses.masked_binary_crossentropy(y, p, per_label=True)


FUNCTIONS = [losses.masked_f1, skip, losses.masked_binary_crossentropy, per_label]


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("rule", ["zero", "skip"])
def test_masked_f1_equals_deleting_the_unknown_entries(missing, rule):
    for seed in range(5):
        y, p = sample(seed, missing=missing)
        y[:, 0] = np.where(np.isnan(y[:, 0]), NAN, 0)  # known, never displayed
        y[:, 1] = NAN  # never known
        found = losses.masked_f1(y, p, without_positives=rule)
        assert float(found) == pytest.approx(f1_by_deletion(y, p, rule), abs=1e-12)


@pytest.mark.parametrize("by_label", [False, True])
def test_masked_crossentropy_equals_deleting_the_unknown_entries(by_label):
    for seed in range(5):
        y, p = sample(seed)
        found = losses.masked_binary_crossentropy(y, p, per_label=by_label)
        assert float(found) == pytest.approx(bce_by_deletion(y, p, by_label), abs=1e-12)


def test_crossentropy_without_unknown_cells_is_that_of_keras():
    y, p = sample(missing=0.0)
    expected = float(keras.losses.BinaryCrossentropy()(y, p))
    assert float(losses.masked_binary_crossentropy(y, p)) == pytest.approx(expected, rel=1e-5)


def test_masked_f1_of_hard_predictions_is_one_minus_the_metric():
    y, p = sample(3)
    hard = (p >= 0.5).astype(float)
    assert float(losses.masked_f1(y, hard)) == pytest.approx(1 - metrics.f1_macro(y, hard, undefined=0.0), abs=1e-12)


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_gradient_equals_finite_differences_and_is_zero_on_unknown_cells(loss):
    y, p = sample(1, n=8, labels=3)
    found = gradient(loss, y, p)
    np.testing.assert_allclose(found, numerical(loss, y, p), atol=1e-8)
    assert (found[np.isnan(y)] == 0).all()
    assert np.abs(found[~np.isnan(y)]).min() > 0


def test_gradient_of_masked_f1_is_the_formula_of_its_docstring():
    y, p = sample(2)
    m, y0 = ~np.isnan(y), np.nan_to_num(y)
    size = (m * y0).sum(0) + (m * p).sum(0)
    f1 = 2 * (m * y0 * p).sum(0) / size
    np.testing.assert_allclose(gradient(losses.masked_f1, y, p), m * (f1 - 2 * y0) / size / y.shape[1], atol=1e-12)


def test_a_label_without_known_positive_has_zero_gradient_and_the_rule_decides_its_place_in_the_mean():
    y, p = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.9, 0.8], [0.7, 0.3]])
    one = float(losses.masked_f1(y[:, 1:], p[:, 1:]))
    assert float(losses.masked_f1(y, p)) == pytest.approx((1 + one) / 2)
    assert float(skip(y, p)) == pytest.approx(one)
    zero, left_out = gradient(losses.masked_f1, y, p), gradient(skip, y, p)
    assert (zero[:, 0] == 0).all() and (left_out[:, 0] == 0).all()
    np.testing.assert_allclose(left_out[:, 1], 2 * zero[:, 1])


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_a_batch_without_known_cells_costs_nothing(loss):
    y, p = np.full((4, 2), NAN), np.full((4, 2), 0.3)
    assert float(loss(y, p)) == 0
    assert (gradient(loss, y, p) == 0).all()


@pytest.mark.parametrize("loss", FUNCTIONS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_saturated_predictions_give_finite_values_and_gradients(loss, value):
    y = np.array([[0.0, 1.0, NAN], [0.0, 0.0, NAN]])
    p = np.full(y.shape, value)
    assert np.isfinite(float(loss(y, p)))
    assert np.isfinite(gradient(loss, y, p)).all()


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_what_is_predicted_on_unknown_cells_changes_nothing(loss):
    y, p = sample(4)
    other = np.where(np.isnan(y), np.random.default_rng(9).random(y.shape), p)
    assert float(loss(y, other)) == float(loss(y, p))
    assert float(loss(y, np.where(np.isnan(y), NAN, p))) == float(loss(y, p))


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_order_of_rows_and_labels_and_unknown_rows_do_not_matter(loss):
    y, p = sample(5)
    value, rng = float(loss(y, p)), np.random.default_rng(0)
    rows, labels = rng.permutation(len(y)), rng.permutation(y.shape[1])
    assert float(loss(y[rows], p[rows])) == pytest.approx(value, abs=1e-12)
    assert float(loss(y[:, labels], p[:, labels])) == pytest.approx(value, abs=1e-12)
    unknown = np.full((6, y.shape[1]), NAN)
    assert float(loss(np.vstack([y, unknown]), np.vstack([p, np.full(unknown.shape, 0.5)]))) == pytest.approx(value)


@pytest.mark.parametrize("cls", [losses.MaskedF1Loss, losses.MaskedBinaryCrossentropy])
def test_equal_weights_change_nothing_and_zero_weights_act_like_unknown(cls):
    y, p = sample(6)
    loss = cls()
    value = float(loss(y, p))
    assert float(loss(y, p, sample_weight=np.full(len(y), 2.0))) == pytest.approx(value, rel=1e-6)
    keep = np.arange(len(y)) % 3 > 0
    expected = float(loss(y[keep], p[keep]))
    assert float(loss(y, p, sample_weight=keep.astype("float32"))) == pytest.approx(expected, rel=1e-6)
    cells = np.random.default_rng(0).integers(0, 2, y.shape)
    expected = float(loss(np.where(cells, y, NAN), p))
    assert float(loss(y, p, sample_weight=cells)) == pytest.approx(expected, rel=1e-6)


def test_a_row_of_weight_two_counts_like_two_rows():
    y, p = sample(7)
    weight = 1 + np.arange(len(y)) % 2
    twice = np.repeat(np.arange(len(y)), weight)
    for loss in (losses.MaskedF1Loss(), losses.MaskedBinaryCrossentropy(per_label=True)):
        assert float(loss(y, p, weight)) == pytest.approx(float(loss(y[twice], p[twice])), rel=1e-6)


def test_half_precision_predictions_are_summed_in_single_precision():
    y, p = np.ones((40_000, 1), "float16"), np.full((40_000, 1), 0.5, "float16")
    y[::2] = 0
    value = losses.masked_f1(y, p)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == pytest.approx(0.5, abs=1e-4)  # float16 counts end at 65,504


def test_wrong_rule_is_refused():
    for call in (lambda: losses.MaskedF1Loss("drop"), lambda: losses.masked_f1([[1.0]], [[1.0]], None, "drop")):
        with pytest.raises(SettingsError, match="without_positives"):
            call()


@pytest.mark.parametrize(
    "loss", [losses.MaskedF1Loss("skip", name="a"), losses.MaskedBinaryCrossentropy(per_label=True, name="b")]
)
def test_losses_survive_their_configuration(loss):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss), allow_nan=False))
    again = keras.saving.deserialize_keras_object(config)
    y, p = sample(8)
    assert type(again) is type(loss) and again.name == loss.name
    assert again.get_config() == loss.get_config()
    assert float(again(y, p)) == float(loss(y, p))


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])


@pytest.mark.parametrize("loss", [losses.MaskedF1Loss(), losses.MaskedBinaryCrossentropy()])
def test_a_compiled_model_trains_scores_saves_and_loads(loss, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4)).astype("float32")
    y = (x[:, :3] > 0.3).astype("float32")
    y[rng.random(y.shape) < 0.5] = NAN
    model = small_model()
    model.compile("adam", loss, metrics=[metrics.MaskedF1Score(), metrics.MaskedAccuracy(), metrics.SelectionScore()])
    history = model.fit(x, y, batch_size=32, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    p = model.predict(x, verbose=0)
    scores = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    assert scores["masked_f1_score"] == pytest.approx(metrics.f1_macro(y, p), abs=1e-6)
    assert scores["selection_score"] == pytest.approx(metrics.selection_score(y, p), abs=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.evaluate(x, y, batch_size=32, verbose=0, return_dict=True) == pytest.approx(scores)


def test_loss_of_a_full_batch_in_fit_is_the_function():
    x, (y, _) = np.random.default_rng(1).normal(size=(24, 4)), sample(9, labels=3)
    model = small_model(1)
    model.compile("sgd", losses.MaskedF1Loss())
    expected = f1_by_deletion(y, model.predict(x, verbose=0))
    assert model.evaluate(x, y, batch_size=24, verbose=0) == pytest.approx(expected, abs=1e-6)
    weighted = model.evaluate(x, y, batch_size=24, sample_weight=np.full(24, 5.0), verbose=0)
    assert weighted == pytest.approx(expected, abs=1e-6)


TWO_DEVICES = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from aulib.losses import MaskedF1Loss
rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 4)), rng.choice([0.0, 1.0, np.nan], size=(16, 3))
found = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
        model.compile(keras.optimizers.SGD(1.0), MaskedF1Loss())
    model.fit(np.tile(x, (2, 1)), np.tile(y, (2, 1)), batch_size=32, shuffle=False, verbose=0)
    found.append(model.get_weights()[0])
print("step difference", np.abs(found[0] - found[1]).max())
"""


def test_two_devices_with_the_same_half_batch_take_the_step_of_one():
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True)
    assert float(done.stdout.split("step difference")[1]) < 1e-6, done.stderr
