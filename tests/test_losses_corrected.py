"""Promises of the count-corrected F1 loss: the gradient of the training set's loss, at any batch size."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_losses import NAN, f1_by_deletion, gradient, numerical, sample

from aulib import losses
from aulib.errors import DataError, SettingsError


def means(y, p):
    """Means of m y p and of m y + m p over the rows with a known label."""
    keep = ~np.isnan(y).all(axis=1)
    m, y0 = ~np.isnan(y[keep]), np.nan_to_num(y[keep])
    return (m * y0 * p[keep]).mean(0), (m * (y0 + p[keep])).mean(0)


def at(y, p):
    """The linearised loss with the means of y and p as constants."""
    hits, sizes = means(y, p)
    return lambda y, p: losses.linearised_f1(y, p, hits, sizes)


def cells(y, p):
    """Mean probability of the known positive and of the known negative cells of each label."""
    return [np.where((y == value).any(0), np.nanmean(np.where(y == value, p, NAN), 0), 0.5) for value in (1, 0)]


def test_with_the_batchs_own_means_it_is_the_papers_loss_in_value_and_gradient():
    for seed in range(20):
        y, p = sample(seed)
        y[:, 0] = np.where(np.isnan(y[:, 0]), NAN, 0)
        assert float(at(y, p)(y, p)) == pytest.approx(f1_by_deletion(y, p), abs=1e-12)
        np.testing.assert_allclose(gradient(at(y, p), y, p), gradient(losses.masked_f1, y, p), atol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 12])
def test_values_and_gradients_of_an_epochs_batches_average_to_those_of_the_whole(size):
    y, p = sample(1, n=48, missing=0.6)
    y[np.isnan(y).all(axis=1), 0] = 0
    loss, batches = at(y, p), np.arange(48).reshape(-1, size)
    values = [float(loss(y[rows], p[rows])) for rows in batches]
    assert np.mean(values) == pytest.approx(f1_by_deletion(y, p), abs=1e-12)
    steps = np.concatenate([gradient(loss, y[rows], p[rows]) for rows in batches]) / len(batches)
    np.testing.assert_allclose(steps, gradient(losses.masked_f1, y, p), atol=1e-12)


def test_the_gradient_equals_finite_differences_and_is_zero_on_unknown_cells():
    (y, p), whole = sample(2, n=6, labels=3), sample(3, n=60, labels=3)
    found = gradient(at(*whole), y, p)
    np.testing.assert_allclose(found, numerical(at(*whole), y, p), atol=1e-8)
    assert (found[np.isnan(y)] == 0).all() and (found[~np.isnan(y)] != 0).all()


def test_order_of_rows_and_labels_unknown_rows_and_what_stands_on_unknown_cells_do_not_matter():
    y, p = sample(4)
    loss, rng = losses.CountCorrectedF1Loss.from_labels(y), np.random.default_rng(0)
    value, again = float(loss(y, p)), losses.CountCorrectedF1Loss.from_labels
    rows, labels = rng.permutation(len(y)), rng.permutation(y.shape[1])
    more = np.vstack([y, np.full((7, y.shape[1]), NAN)]), np.vstack([p, rng.random((7, y.shape[1]))])
    for other in [
        (y[rows], p[rows]),
        (y[:, labels], p[:, labels]),
        more,
        (y, np.where(np.isnan(y), rng.random(y.shape), p)),
    ]:
        assert float(again(other[0])(*other)) == pytest.approx(value, abs=1e-6)


def test_on_the_whole_training_set_it_is_the_papers_loss_from_the_first_step_on():
    y, p = sample(5)
    loss = losses.CountCorrectedF1Loss.from_labels(y, momentum=0.0)
    for shift in (0.0, 0.2, -0.1):
        q = np.clip(p + shift, 0.01, 0.99)
        assert float(loss(y, q)) == pytest.approx(f1_by_deletion(y, q), abs=1e-6)
        np.testing.assert_allclose(gradient(loss, y, q), gradient(losses.masked_f1, y, q), atol=1e-7)
    assert float(loss.running.result()) == pytest.approx(1 - f1_by_deletion(y, q), abs=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_running_means_are_bias_corrected_averages_over_the_batches_that_hold_such_a_cell(momentum):
    y, p = sample(6, n=60, labels=4, missing=0.8)
    loss = losses.CountCorrectedF1Loss.from_labels(y, momentum=momentum)
    batches = np.arange(60).reshape(-1, 6)
    for rows in batches:
        loss(y[rows], p[rows])
    for found, value in ((loss.running.positive, 1), (loss.running.negative, 0)):
        for label in range(4):
            seen = [p[r, label][y[r, label] == value].mean() for r in batches if (y[r, label] == value).any()]
            weights = momentum ** np.arange(len(seen))[::-1] if momentum else np.eye(len(seen))[-1]
            assert float(found[label]) == pytest.approx(np.average(seen, weights=weights), abs=1e-6)


def test_a_label_that_is_never_known_contributes_nothing_and_gives_no_nan():
    y, p = sample(7)
    y[:, 2] = NAN
    loss = losses.CountCorrectedF1Loss.from_labels(y)
    rest = losses.CountCorrectedF1Loss.from_labels(np.delete(y, 2, axis=1))
    for rows in (slice(0, 4), slice(4, 12), slice(0, 24)):
        assert float(loss(y[rows], p[rows])) == pytest.approx(float(rest(*(np.delete(a[rows], 2, 1) for a in (y, p)))))
    assert (gradient(loss, y, p)[:, 2] == 0).all()


def test_a_batch_without_known_cells_costs_the_running_loss_and_teaches_nothing():
    y, p = sample(8)
    loss = losses.CountCorrectedF1Loss.from_labels(y)
    loss(y, p)
    before = float(loss.running.result())
    nothing = np.full((4, y.shape[1]), NAN)
    assert float(loss(nothing, p[:4])) == pytest.approx(1 - before, abs=1e-6)
    assert (gradient(loss, nothing, p[:4]) == 0).all()
    assert float(loss.running.result()) == before


def test_negatives_of_a_rare_label_are_punished_in_a_batch_without_its_positives():
    y = np.zeros((1000, 1))
    y[::100] = 1
    loss, p = losses.CountCorrectedF1Loss.from_labels(y), np.full((1000, 1), 0.4)
    loss(y, p)
    assert (gradient(losses.masked_f1, y[1:9], p[1:9]) == 0).all()
    assert (gradient(loss, y[1:9], p[1:9]) > 0).all()


@pytest.mark.parametrize("size", [16, 64])
def test_its_mean_gradient_has_a_tenth_of_the_papers_bias_in_small_batches(size):
    rng = np.random.default_rng(0)
    n = 64_000
    y = (rng.random((n, 2)) < [0.02, 0.2]).astype(float)
    p = 1 / (1 + np.exp(-rng.normal(np.where(y, 0.5, -2.5), 1)))
    y[rng.random(y.shape) > [0.3, 0.1]] = NAN
    loss = losses.CountCorrectedF1Loss.from_labels(y)

    def pull(function):
        """Summed gradient on the positive and on the negative cells of each label, over an epoch."""
        batches = zip(y.reshape(-1, size, 2).astype("float32"), p.reshape(-1, size, 2).astype("float32"), strict=True)
        steps = np.concatenate([function(*batch) for batch in batches]) * size / n
        return np.array([(steps * (y == value)).sum(0) for value in (1, 0)])

    step = {
        name: tf.function(lambda y, p, f=f: tf.gradients(f(y, p), p)[0], input_signature=[tf.TensorSpec([size, 2])] * 2)
        for name, f in (("paper", losses.masked_f1), ("ours", loss))
    }
    whole = np.array([(gradient(losses.masked_f1, y, p) * (y == value)).sum(0) for value in (1, 0)])
    bias = {name: np.abs(pull(f) / whole - 1) for name, f in step.items()}
    assert (bias["ours"] < 0.08).all(), bias
    assert bias["ours"].max() < bias["paper"].max() / 10, bias


def pulls(loss, y, p):
    """Gradient at the logits, summed over the positive and over the negative cells of each label, (2, L)."""
    steps = gradient(lambda y, z: loss(y, tf.sigmoid(z)), y, np.log(p / (1 - p)))
    return np.array([(steps * (y == value)).sum(axis=0) for value in (1, 0)])


@pytest.mark.parametrize("corrected", [False, True])
def test_the_distortion_table_is_what_the_keras_losses_do_batch_by_batch(corrected):
    y, p = sample(11, n=96, labels=3, missing=0.5)
    y[:, 0] = np.arange(96) % 2  # every row knows a label
    order, size = np.random.default_rng(5).permutation(96), 8
    table = losses.batch_distortion(y, p, size, corrected, momentum=0.8, seed=5)
    y, p = y[order], p[order]
    # a label without known cells changes the weight of the others in the paper's loss: so one label at a time
    for columns in [[0, 1, 2]] if corrected else [[0], [1], [2]]:
        truth, prob = y[:, columns], p[:, columns]
        loss = losses.CountCorrectedF1Loss.from_labels(truth, momentum=0.8) if corrected else losses.masked_f1
        steps = [pulls(loss, truth[i : i + size], prob[i : i + size]) for i in range(0, 96, size)]
        expected = np.mean(steps, axis=0) / pulls(losses.masked_f1, truth, prob)
        np.testing.assert_allclose(table.loc[columns, ["positives", "negatives"]].T, expected, rtol=1e-5)


def test_shares_are_counted_over_rows_with_a_known_label_and_follow_weights():
    y = np.array([[1, NAN], [0, 1], [NAN, NAN], [NAN, 0]])
    loss = losses.CountCorrectedF1Loss.from_labels(y)
    np.testing.assert_allclose([loss.displayed, loss.absent], [[1 / 3, 1 / 3], [1 / 3, 1 / 3]])
    weighted = losses.CountCorrectedF1Loss.from_labels(y, sample_weight=[2, 1, 9, 1])
    repeated = losses.CountCorrectedF1Loss.from_labels(y[[0, 0, 1, 3]])
    assert weighted.get_config() == repeated.get_config()
    p = np.array([[0.9, 0.1], [0.3, 0.6], [0.5, 0.5], [0.2, 0.4]])
    assert float(weighted(y, p, [2, 1, 9, 1])) == pytest.approx(float(repeated(y[[0, 0, 1, 3]], p[[0, 0, 1, 3]])))


@pytest.mark.parametrize(
    ("displayed", "absent", "momentum", "message"),
    [
        ([0.5], [0.5, 0.1], 0.9, "two lists of equal length"),
        ([0.7], [0.4], 0.9, "together at most 1"),
        ([-0.1], [0.4], 0.9, "displayed is"),
        ([NAN], [0.4], 0.9, "displayed is"),
        ([0.2], [0.4], 1.0, "momentum is 1.0"),
    ],
)
def test_wrong_settings_are_refused(displayed, absent, momentum, message):
    with pytest.raises(SettingsError, match=message):
        losses.CountCorrectedF1Loss(displayed, absent, momentum)


@pytest.mark.parametrize("size", [0, 3])
def test_a_batch_size_that_the_rows_do_not_fill_is_refused(size):
    with pytest.raises(SettingsError, match=f"size is {size}"):
        losses.batch_distortion([[1.0], [0.0]], [[0.5], [0.5]], size)


def test_wrong_data_are_refused():
    with pytest.raises(DataError, match="no known label"):
        losses.CountCorrectedF1Loss.from_labels([[NAN]])
    with pytest.raises(DataError, match="sample_weight has shape"):
        losses.CountCorrectedF1Loss.from_labels([[1.0]], sample_weight=[1.0, 2.0])
    with pytest.raises(DataError, match="9"):
        losses.CountCorrectedF1Loss.from_labels([[9.0]])
    with pytest.raises(DataError, match="made for 1"):
        losses.CountCorrectedF1Loss([0.5], [0.5])([[1.0, 0.0]], [[0.5, 0.5]])


def test_it_trains_in_fit_keeps_its_memory_over_epochs_and_a_saved_model_loads(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 4)).astype("float32")
    y = np.where(rng.random((96, 3)) < 0.5, NAN, x[:, :3] > 0.8)
    loss = losses.CountCorrectedF1Loss.from_labels(y)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=[loss.running])
    history = model.fit(x, y, batch_size=16, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    p = model.predict(x, verbose=0)
    assert history["running_f1"][-1] == pytest.approx(1 - f1_by_deletion(y, p.astype("float64")), abs=0.05)
    np.testing.assert_allclose(loss.running.positive, cells(y, p)[0], atol=0.15)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), p, atol=1e-6)
    assert again.loss.get_config() == loss.get_config()


def test_before_the_first_batch_the_running_f1_is_nan():
    assert np.isnan(float(losses.CountCorrectedF1Loss([0.5], [0.5]).running.result()))
