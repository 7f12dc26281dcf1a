"""Promises of `aulib.training` on several devices: the result is that of one; what cannot be done is said."""

import numpy as np
import pytest
from backends import run_under

from aulib.errors import SettingsError
from aulib.training import _devices

#: Two processors of one machine stand for two graphics cards.
TWO = "--xla_force_host_platform_device_count=2"

CODE = """
import tempfile
from pathlib import Path

from aulib import model as network, training
from aulib.errors import SettingsError

network.BLOCKS = ((4, 4), (4, 4), (8, 8, 8), (16, 16, 16), (16, 16, 16))
arguments = dict(
    aus=["AU01", "AU06", "AU12"], train=np.arange(30), validation=np.arange(30, 44), weights=None,
    pixel_scaling="unit", hidden=(16, 16), learning_rate=3e-3, epochs=(2, 2), seed=3, progress=False,
)
folder = Path(tempfile.mkdtemp())
for name, how in {
    "one": {"devices": 1, "batch_size": 16}, "two": {"devices": 2, "batch_size": 16},
    "whole": {"devices": 2, "batch_size": 30, "dropout": 0.0, "epochs": (1, 0), "standardise": False},
}.items():
    run = training.train_two_stage(pixels, y, **{**arguments, **how}, folder=folder / name)
    results[f"{name} loss"] = run.history["loss"].to_numpy()
    results[f"{name} p"] = training.predict(run.model, pixels)
    results[f"{name} devices"] = run.record["devices"]
    for number, weight in enumerate(run.model.weights):
        results[f"{name} w{number}"] = weight
start = network.vgg16(arguments["aus"], 32, None, "unit", (16, 16), dropout=0.0, seed=3)
results["start"] = training.predict(start, pixels)
for name, how in {"three": {"devices": 3, "batch_size": 15}, "odd": {"devices": 2, "batch_size": 15}}.items():
    try:
        training.train_two_stage(pixels, y, **{**arguments, **how}, folder=folder / name)
    except SettingsError as error:
        results[name] = np.frombuffer(str(error).encode(), np.uint8)
"""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = (rng.random((44, 3)) < 0.5).astype(np.float32)
    y[rng.random(y.shape) < 0.2] = np.nan
    return {"pixels": rng.integers(0, 256, (44, 32, 32, 3), dtype=np.uint8), "y": y}


@pytest.fixture(scope="module")
def found(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", TWO)
        return run_under("jax", CODE, data)


def test_two_devices_train_as_one_does(found):
    assert found["one devices"] == 1 and found["two devices"] == 2
    np.testing.assert_allclose(found["two loss"], found["one loss"], atol=1e-5)
    np.testing.assert_allclose(found["two p"], found["one p"], atol=1e-4)
    for name in (name for name in found if name.startswith("one w")):
        np.testing.assert_allclose(found[name.replace("one", "two")], found[name], atol=1e-4, err_msg=name)


def soft_f1_loss(y, p):
    """Eq. 2 of the paper, by a loop over labels: one minus the mean F1 of those with a known cell."""
    f1 = []
    for label in range(y.shape[1]):
        known = ~np.isnan(y[:, label])
        a, b = y[known, label].astype(float), p[known, label].astype(float)
        if known.any():
            f1.append(2 * (a * b).sum() / (a.sum() + b.sum()))
    return 1 - np.mean(f1)


def test_the_loss_is_that_of_the_whole_batch_not_the_mean_of_the_devices(found, data):
    y, p = data["y"][:30], found["start"][:30]
    assert found["whole loss"][0] == pytest.approx(soft_f1_loss(y, p), abs=1e-4)
    halves = np.mean([soft_f1_loss(y[:15], p[:15]), soft_f1_loss(y[15:], p[15:])])
    assert abs(halves - soft_f1_loss(y, p)) > 1e-3, "the data could not tell the two apart"


def test_more_devices_than_there_are_and_batches_that_cannot_be_divided_are_refused(found):
    assert found["three"].tobytes().decode().startswith("devices is 3; there are 2 (cpu:0, cpu:1)")
    assert found["odd"].tobytes().decode() == "batch_size 15 cannot be divided among 2 devices; choose a multiple"


def test_other_backends_say_that_they_train_on_one_device(monkeypatch):
    assert _devices.distribution(None, 16) is None and _devices.distribution(1, 16) is None
    with pytest.raises(SettingsError, match="under JAX only, and this is tensorflow; set KERAS_BACKEND=jax, or leave"):
        _devices.distribution(2, 16)
    monkeypatch.setattr(_devices, "accelerators", lambda: ["A", "B"])
    with pytest.warns(
        UserWarning, match="one of 2 accelerators is used: Keras divides a batch among devices under JAX"
    ):
        assert _devices.distribution(None, 16) is None
