"""Promises of aulib.losses: the paper's loss on known cells, right gradients, right weights, right saving."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from aulib import losses, metrics
from aulib.errors import DataError, SettingsError

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


def double_f1_by_deletion(y, p):
    return (f1_by_deletion(y, p) + f1_by_deletion(1 - y, 1 - p)) / 2


def bce_by_deletion(y, p, by_label=False):
    cost = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    if np.isnan(cost).all():
        return 0.0
    return np.nanmean(np.nanmean(cost[:, ~np.isnan(cost).all(0)], axis=0)) if by_label else np.nanmean(cost)


def partial_bce_by_rows(y, p):
    """Durand et al. 2019, one row at a time, with their constants."""
    total = []
    for truth, prob in zip(y, p, strict=True):
        keep = ~np.isnan(truth)
        if keep.any():
            cost = -(truth * np.log(prob) + (1 - truth) * np.log(1 - prob))[keep].sum()
            total.append((-4.45 * keep.mean() + 5.45) / len(truth) * cost)
    return np.mean(total) if total else 0.0


def asymmetric_by_cells(y, p):
    """Ridnik et al. 2021 with gamma+ = 1, gamma- = 4, clip = 0.05, one known cell at a time."""
    cost = []
    for truth, prob in zip(y[~np.isnan(y)], p[~np.isnan(y)], strict=True):
        easy = max(prob - 0.05, 0)
        cost.append((1 - prob) * np.log(prob) if truth else easy**4 * np.log(1 - easy))
    return -np.mean(cost) if cost else 0.0


def missing_as_negative_by_filling(y, p):
    some = ~np.isnan(y).all(axis=1)
    return bce_by_deletion(np.nan_to_num(y[some]), p[some])


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


FUNCTIONS = [
    losses.masked_f1,
    skip,
    losses.masked_double_f1,
    losses.masked_binary_crossentropy,
    per_label,
    losses.partial_binary_crossentropy,
    losses.masked_asymmetric,
]
REFERENCES = {
    losses.masked_f1: f1_by_deletion,
    skip: lambda y, p: f1_by_deletion(y, p, "skip"),
    losses.masked_double_f1: double_f1_by_deletion,
    losses.masked_binary_crossentropy: bce_by_deletion,
    per_label: lambda y, p: bce_by_deletion(y, p, by_label=True),
    losses.partial_binary_crossentropy: partial_bce_by_rows,
    losses.masked_asymmetric: asymmetric_by_cells,
    losses.missing_as_negative_crossentropy: missing_as_negative_by_filling,
}
CLASSES = [
    losses.MaskedF1Loss(),
    losses.MaskedDoubleF1Loss(),
    losses.MaskedBinaryCrossentropy(),
    losses.PartialBinaryCrossentropy(),
    losses.MaskedAsymmetricLoss(),
    losses.MissingAsNegativeCrossentropy(),
]


def corner(number):
    """A random batch; each second one has a corner: unknown, negative or positive throughout, one row, one label."""
    rng = np.random.default_rng(number)
    y, p = sample(number, n=int(rng.integers(1, 9)), labels=int(rng.integers(1, 6)), missing=rng.choice([0, 0.3, 0.8]))
    kind, label = rng.integers(0, 10), rng.integers(y.shape[1])
    if kind == 0:
        y[:, label] = NAN
    if kind in (1, 2):
        y[:, label] = np.where(np.isnan(y[:, label]), NAN, kind - 1)
    if kind == 3:
        y[rng.integers(len(y))] = NAN
    if kind == 4:
        y[:] = NAN
    return y, p


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize("loss", REFERENCES, ids=lambda loss: loss.__name__)
def test_a_thousand_random_batches_equal_the_definition_written_as_a_loop(loss, dtype, tolerance):
    signature = [tf.TensorSpec([None, None], dtype)] * 2
    compiled = tf.function(loss, input_signature=signature)
    with np.errstate(invalid="ignore"):
        for number in range(1000):
            y, p = corner(number)
            p = p.astype(dtype).astype("float64")
            expected = REFERENCES[loss](y, p)
            assert float(compiled(y.astype(dtype), p.astype(dtype))) == pytest.approx(
                expected, rel=tolerance, abs=tolerance
            )


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
    assert np.abs(found[~np.isnan(y) & ((y == 1) | (p > 0.05))]).min() > 0  # the asymmetric loss ignores easy negatives


def test_gradient_of_missing_as_negative_is_that_of_filled_labels_and_so_not_zero_on_unknown_cells():
    y, p = sample(1, n=8, labels=3)
    found = gradient(losses.missing_as_negative_crossentropy, y, p)
    np.testing.assert_allclose(found, gradient(losses.masked_binary_crossentropy, np.nan_to_num(y), p), atol=1e-12)
    assert (found[np.isnan(y)] > 0).all()


def test_missing_as_negative_with_weight_zero_is_the_masked_loss_and_rows_without_label_count_nothing():
    y, p = sample(2)
    ours = losses.missing_as_negative_crossentropy
    expected = float(losses.masked_binary_crossentropy(y, p))
    assert float(ours(y, p, unknown_weight=0.0)) == pytest.approx(expected, abs=1e-12)
    more = np.vstack([y, np.full((3, y.shape[1]), NAN)]), np.vstack([p, np.full((3, y.shape[1]), 0.9)])
    assert float(ours(*more)) == pytest.approx(float(ours(y, p)), abs=1e-12)


def test_complete_labels_make_the_crossentropies_equal():
    y, p = sample(3, missing=0.0)
    expected = pytest.approx(bce_by_deletion(y, p), abs=1e-12)
    assert float(losses.partial_binary_crossentropy(y, p)) == expected
    assert float(losses.missing_as_negative_crossentropy(y, p)) == expected
    assert float(losses.masked_asymmetric(y, p, gamma_negative=0, gamma_positive=0, clip=0)) == expected


def test_partial_crossentropy_with_reciprocal_growth_is_the_mean_of_row_means():
    y, p = sample(4)
    y[0] = NAN
    cost = -(y * np.log(p) + (1 - y) * np.log(1 - p))[1:]
    rows = [np.nanmean(row) for row in cost if not np.isnan(row).all()]
    found = losses.partial_binary_crossentropy(y, p, alpha=1.0, beta=0.0, gamma=-1.0)
    assert float(found) == pytest.approx(np.mean(rows), abs=1e-12)


def test_double_f1_still_punishes_false_positives_where_no_positive_is_known():
    y, p = np.array([[0.0], [0.0], [NAN]]), np.array([[0.9], [0.3], [0.5]])
    assert (gradient(losses.masked_f1, y, p) == 0).all()
    found = gradient(losses.masked_double_f1, y, p)
    assert (found[:2] > 0).all() and found[2] == 0


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


@pytest.mark.parametrize("loss", CLASSES[:-1], ids=lambda loss: loss.name)
def test_equal_weights_change_nothing_and_zero_weights_act_like_unknown(loss):
    y, p = sample(6)
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
    for loss in [*CLASSES, losses.MaskedBinaryCrossentropy(per_label=True)]:
        assert float(loss(y, p, weight)) == pytest.approx(float(loss(y[twice], p[twice])), rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("loss", REFERENCES, ids=lambda loss: loss.__name__)
def test_half_precision_predictions_are_summed_in_single_precision(loss, dtype):
    y = np.ones((40_000, 1), "float32")
    y[::2] = 0
    value = loss(tf.constant(y), tf.cast(np.full(y.shape, 0.5, "float32"), dtype))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    expected = REFERENCES[loss](y[:10].astype("float64"), np.full((10, 1), 0.5))
    assert float(value) == pytest.approx(expected, abs=1e-5)  # float16 counts end at 65,504, bfloat16 at 256


@pytest.mark.parametrize("loss", REFERENCES, ids=lambda loss: loss.__name__)
def test_shapes_are_static_so_that_a_compiler_accepts_the_loss(loss):
    y, p = sample(10)
    compiled = tf.function(lambda y, p: tf.gradients(loss(y, p), p), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(y), tf.constant(p))[0], gradient(loss, y, p), atol=1e-12)


WRONG = [
    ([[1.0, 0.0]], [[0.1]], r"y_true has shape \(1, 2\), y_pred \(1, 1\)"),
    ([1.0, 0.0], [0.1, 0.2], r"shape \(2,\)"),
    ([[1.0], [9.0]], [[0.1], [0.2]], r"y_true\[1, 0\] is 9"),
    ([[1.0], [-1.0]], [[0.1], [0.2]], r"y_true\[1, 0\] is -1"),
    ([[1.0, 0.5]], [[0.1, 0.2]], r"y_true\[0, 1\] is 0.5"),
    ([[1.0, 0.0]], [[0.1, 1.5]], r"y_prob\[0, 1\] is 1.5"),
    ([[1.0, 0.0]], [[-0.1, 0.5]], r"y_prob\[0, 0\] is -0.1"),
    ([[1.0, 0.0]], [[NAN, 0.5]], r"y_prob\[0, 0\] is nan"),
]


@pytest.mark.parametrize(("y", "p", "message"), WRONG)
@pytest.mark.parametrize("loss", [*REFERENCES, *CLASSES], ids=str)
def test_wrong_arrays_are_refused_with_the_position_of_the_value(loss, y, p, message):
    for form in (np.array, list):
        if loss not in CLASSES or form(y) is not y and np.ndim(y) == np.ndim(p) == 2:
            with pytest.raises(DataError, match=message):
                loss(form(y), form(p))


@pytest.mark.parametrize(("y", "p", "message"), WRONG[2:])
@pytest.mark.parametrize("loss", REFERENCES, ids=lambda loss: loss.__name__)
def test_inside_a_training_step_a_wrong_value_gives_nan_and_never_a_number(loss, y, p, message):
    assert np.isnan(float(tf.function(loss)(tf.constant(y), tf.constant(p))))
    if "y_true" in message:  # a wrong probability cannot be learned from, since the clipped one has no gradient
        assert np.isnan(gradient(tf.function(loss), tf.constant(y), np.array(p))).any()


@pytest.mark.parametrize("loss", REFERENCES, ids=lambda loss: loss.__name__)
def test_inside_a_training_step_another_shape_is_refused(loss):
    with pytest.raises(DataError, match=r"y_true has shape \(1, 1\), y_pred \(1, 2\)"):
        tf.function(loss, autograph=False)(tf.constant([[1.0]]), tf.constant([[0.1, 0.2]]))


@pytest.mark.parametrize("weight", [np.ones(3), np.ones((2, 3)), np.ones((2, 1, 1))])
def test_weights_that_fit_neither_rows_nor_cells_are_refused(weight):
    with pytest.raises(DataError, match="sample_weight has shape"):
        losses.masked_f1([[1.0, 0.0], [0.0, 1.0]], [[0.1, 0.2], [0.3, 0.4]], weight)


def test_wrong_settings_are_refused():
    for call, message in [
        (lambda: losses.MaskedF1Loss("drop"), "without_positives"),
        (lambda: losses.masked_f1([[1.0]], [[1.0]], None, "drop"), "without_positives"),
        (lambda: losses.MissingAsNegativeCrossentropy(2.0), "unknown_weight is 2.0"),
        (lambda: losses.MaskedAsymmetricLoss(gamma_negative=-1), "gamma_negative is -1"),
        (lambda: losses.MaskedAsymmetricLoss(clip=1.0), "clip 1.0"),
        (lambda: losses.by_name("f1", [[1.0]]), "masked_f1, count_corrected_f1"),
    ]:
        with pytest.raises(SettingsError, match=message):
            call()


def test_every_name_gives_its_loss():
    y = np.array([[1.0, NAN], [0.0, 1.0]])
    made = [losses.by_name(name, y) for name in losses.names()]
    assert len({type(loss) for loss in made}) == len(losses.names())
    assert all(np.isfinite(float(loss(y, np.full(y.shape, 0.4)))) for loss in made)


ARGUMENTS = [
    losses.MaskedF1Loss("skip", name="a"),
    losses.MaskedDoubleF1Loss(name="b"),
    losses.MaskedBinaryCrossentropy(per_label=True, name="c"),
    losses.PartialBinaryCrossentropy(1.0, 0.0, -1.0, name="d"),
    losses.MissingAsNegativeCrossentropy(0.25, name="e"),
    losses.MaskedAsymmetricLoss(2.0, 0.0, 0.1, True, name="f"),
    losses.CountCorrectedF1Loss([0.3] * 5, [0.4] * 5, 0.5, name="g"),
]


@pytest.mark.parametrize("loss", ARGUMENTS, ids=lambda loss: loss.name)
def test_losses_survive_their_configuration(loss):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss), allow_nan=False))
    again, fresh = (keras.saving.deserialize_keras_object(config) for _ in range(2))
    y, p = sample(8)
    assert type(again) is type(loss) and again.name == loss.name
    assert again.get_config() == loss.get_config()
    assert float(again(y, p)) == float(fresh(y, p))


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])


@pytest.mark.parametrize("loss", CLASSES, ids=lambda loss: loss.name)
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
