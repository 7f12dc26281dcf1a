"""The losses give the same numbers on TensorFlow, JAX and PyTorch, as functions and in training."""

import functools

import numpy as np
import pytest
from backends import BACKENDS, run_under
from test_losses import NAN, REFERENCES, numerical, sample

VALUES = """
from aulib import losses
functions = {
    "masked_f1": losses.masked_f1,
    "skip": lambda y, p: losses.masked_f1(y, p, without_positives="skip"),
    "masked_double_f1": losses.masked_double_f1,
    "masked_binary_crossentropy": losses.masked_binary_crossentropy,
    "per_label": lambda y, p: losses.masked_binary_crossentropy(y, p, per_label=True),
    "partial_binary_crossentropy": losses.partial_binary_crossentropy,
    "masked_asymmetric": losses.masked_asymmetric,
    "missing_as_negative_crossentropy": losses.missing_as_negative_crossentropy,
    "corrected": losses.CountCorrectedF1Loss.from_labels(y),
}

def gradient(f, y, p):
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf
        p = tf.constant(p)
        with tf.GradientTape() as tape:
            tape.watch(p)
            value = ops.sum(f(tf.constant(y), p))
        return tape.gradient(value, p)
    if keras.config.backend() == "jax":
        import jax, jax.numpy as jnp
        return jax.grad(lambda p: ops.sum(f(jnp.asarray(y), p)))(jnp.asarray(p))
    import torch
    p = torch.tensor(p, requires_grad=True)
    ops.sum(f(torch.tensor(y), p)).backward()
    return p.grad

for name, f in functions.items():
    if name != "corrected":
        results[name] = f(y, p)
        results[name + " gradient"] = gradient(f, y, p)
    else:
        for part in range(3):
            results[f"corrected {part}"] = f(y[part::3], p[part::3])
    wrong = f(ops.convert_to_tensor(np.where(np.isnan(y), -1, y).astype("float32")), ops.convert_to_tensor(p))
    results[name + " of a code for unknown"] = wrong
"""

FIT = """
from aulib import losses, metrics
for name in losses.names():
    loss = losses.by_name(name, y)
    running = [loss.running] if hasattr(loss, "running") else []
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
    model.set_weights([kernel, np.zeros(3)])
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=[metrics.MaskedF1Score(), *running])
    history = model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    results[name] = np.array([history["loss"], history["masked_f1_score"]])
    results[name + " weights"] = model.get_weights()[0]
"""


def batch():
    y, p = sample(0, n=30)
    y[:, 0], y[:, 1], y[3] = np.where(np.isnan(y[:, 0]), NAN, 0), NAN, NAN
    return y.astype("float32"), p.astype("float32")


@functools.cache
def values(backend):
    y, p = batch()
    return run_under(backend, VALUES, {"y": y, "p": p})


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_gradients_equal_float64_definitions(backend):
    (y, p), found = batch(), values(backend)
    for loss, reference in REFERENCES.items():
        name, exact = loss.__name__, p.astype("float64")
        with np.errstate(invalid="ignore"):
            assert found[name] == pytest.approx(reference(y, exact), abs=1e-6), name
            expected = numerical(reference, y, exact)
        np.testing.assert_allclose(found[name + " gradient"], expected, atol=2e-6, err_msg=name)
        if loss.__name__ != "missing_as_negative_crossentropy":
            assert (found[name + " gradient"][np.isnan(y)] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_code_for_unknown_in_a_tensor_gives_nan_on_every_backend(backend):
    wrong = {name: value for name, value in values(backend).items() if name.endswith("code for unknown")}
    assert len(wrong) == 9 and all(np.isnan(value).all() for value in wrong.values()), wrong


def training_data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = np.where(rng.random((64, 3)) < 0.5, NAN, x[:, :3] > 0.5).astype("float32")
    return {"x": x, "y": y, "kernel": rng.normal(size=(4, 3)).astype("float32")}


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_training_takes_the_same_steps_as_on_tensorflow(backend):
    arrays = training_data()
    found, expected = run_under(backend, FIT, arrays), run_under("tensorflow", FIT, arrays)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-5, err_msg=name)


FORGETFUL = """
from aulib import losses
from aulib.errors import SettingsError
loss = losses.CountCorrectedF1Loss.from_labels(y)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
model.compile("sgd", loss)
try:
    model.fit(x, y, verbose=0)
    results["error"] = np.array("none")
except SettingsError as error:
    results["error"] = np.array(str(error))
"""


def test_under_jax_a_corrected_loss_without_its_memory_is_refused():
    found = run_under("jax", FORGETFUL, training_data())
    assert "compile(metrics=[loss.running])" in str(found["error"])
