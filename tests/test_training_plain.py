"""Promises of `aulib.training` without a cache: the plain recipe gives the same model, augmentation is repeatable."""

import keras
import numpy as np
import pandas as pd
import pytest
from backends import BACKENDS, run_under

from aulib import model as network
from aulib import training
from aulib.balancing import augmentation_seed
from aulib.errors import SettingsError
from aulib.training import _stages
from aulib.training._augment import Augmentation, copy_numbers

#: Trains twice on 44 small images; code for `run_under`, and for this process.
TRAIN_BOTH_WAYS = """
import tempfile
from pathlib import Path

from aulib import model as network, training

network.BLOCKS = ((4, 4), (4, 4), (8, 8, 8), (16, 16, 16), (16, 16, 16))
arguments = dict(
    aus=["AU01", "AU06", "AU12"], train=np.r_[0:32, 0:10], validation=np.arange(32, 44), weights=None,
    pixel_scaling="unit", hidden=(16, 16), learning_rate=3e-3, batch_size=16, epochs=(2, 2), seed=3, progress=False,
)
folder = Path(tempfile.mkdtemp())
ways = {
    "plain": {"cache": "none"},
    "float32": {"cache": "both", "cache_dtype": "float32"},
    "float16": {"cache": "both"},
    "bfloat16": {"cache": "both", "cache_dtype": "bfloat16"},
    "stage1": {"cache": "stage1", "cache_dtype": "float32"},
}
for name in wanted:
    run = training.train_two_stage(pixels, y, **arguments, **ways[str(name)], folder=folder / str(name))
    for stage in (1, 2):
        results[f"{name} {stage}"] = training.predict(run.stage_model(stage), pixels)
    results[f"{name} loss"] = run.history["loss"].to_numpy()
start = network.vgg16(arguments["aus"], 32, None, "unit", (16, 16), seed=3)
results["start"] = training.predict(start, pixels)
"""


@pytest.fixture(scope="module")
def data():
    """44 images whose brightness in three bands follows the labels; a fifth of the labels is unknown."""
    rng = np.random.default_rng(0)
    y = (rng.random((44, 3)) < 0.5).astype(np.float32)
    pixels = rng.integers(0, 60, (44, 32, 32, 3), dtype=np.uint8)
    for label in range(3):
        pixels[:, 8 * label : 8 * label + 8] += (150 * y[:, label]).astype(np.uint8)[:, None, None, None]
    y[rng.random(y.shape) < 0.2] = np.nan
    return {"pixels": pixels, "y": y}


@pytest.fixture(scope="module", autouse=True)
def narrow():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "BLOCKS", ((4, 4), (4, 4), (8, 8, 8), (16, 16, 16), (16, 16, 16)))
        yield


@pytest.fixture(scope="module")
def arguments():
    return {
        "aus": ["AU01", "AU06", "AU12"], "train": np.r_[0:32, 0:10], "validation": np.arange(32, 44), "weights": None,
        "pixel_scaling": "unit", "hidden": (16, 16), "learning_rate": 3e-3, "batch_size": 16, "epochs": (2, 2),
        "seed": 3, "progress": False,
    }  # fmt: skip


#: Largest difference of a probability after training, by how features are stored (dropout is on in all ways).
TOLERANCE = {"float32": 2e-4, "stage1": 2e-4, "float16": 5e-3, "bfloat16": 5e-2}


@pytest.mark.parametrize("backend", BACKENDS)
def test_cached_and_plain_training_end_with_the_same_predictions_after_both_stages(backend, data):
    wanted = ["plain", *TOLERANCE] if backend == "tensorflow" else ["plain", "float32", "bfloat16"]
    found = run_under(backend, TRAIN_BOTH_WAYS, {**data, "wanted": np.array(wanted)})
    assert np.abs(found["plain 2"] - found["start"]).max() > 0.1, "nothing was learnt, so nothing is compared"
    for name in wanted[1:]:
        for stage in (1, 2):
            np.testing.assert_allclose(
                found[f"{name} {stage}"], found[f"plain {stage}"], atol=TOLERANCE[name], err_msg=f"{name}, {stage}"
            )


def test_mixed_bfloat16_trains_to_nearly_the_same_loss(data, arguments, tmp_path):
    """Without dropout, whose masks are drawn in the type of the computation."""
    arguments = {**arguments, "dropout": 0.0}
    losses = {
        precision: training.train_two_stage(**data, **arguments, precision=precision, folder=tmp_path / precision)
        .history["loss"]
        .to_numpy()
        for precision in ("float32", "mixed_bfloat16")
    }
    np.testing.assert_allclose(losses["mixed_bfloat16"], losses["float32"], rtol=0.02)


def test_augmentation_leaves_the_cache_and_the_record_says_so(data, arguments, tmp_path):
    run = training.train_two_stage(**data, **arguments, augment=True, folder=tmp_path / "run")
    assert run.record["inputs"] == dict.fromkeys(("stage 1", "stage 2"), "pixels through the whole network")
    assert run.record["settings"]["augment"] == Augmentation().values()
    assert run.record["features"] == {} and not run.cached
    plain = training.train_two_stage(**data, **arguments, cache="none", folder=tmp_path / "plain")
    assert (run.history["loss"] - plain.history["loss"]).abs().min() > 1e-5


def test_an_augmented_training_that_was_killed_ends_as_the_uninterrupted_one(data, arguments, tmp_path, monkeypatch):
    arguments = {**arguments, "augment": {"rotation": 20}}
    whole = training.train_two_stage(**data, **arguments, folder=tmp_path / "whole")
    after_epoch = _stages.after_epoch

    def kill(job, part, state, row):
        state = after_epoch(job, part, state, row)
        if (row["stage"], row["epoch"]) == (2, 1):
            raise KeyboardInterrupt
        return state

    monkeypatch.setattr(_stages, "after_epoch", kill)
    with pytest.raises(KeyboardInterrupt):
        training.train_two_stage(**data, **arguments, folder=tmp_path / "killed")
    monkeypatch.undo()
    keras.utils.set_random_seed(99)
    resumed = training.train_two_stage(**data, **arguments, folder=tmp_path / "killed")
    timings = ["seconds", "training_seconds"]
    pd.testing.assert_frame_equal(resumed.history.drop(columns=timings), whole.history.drop(columns=timings))
    for found, expected in zip(resumed.model.weights, whole.model.weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_changes_of_a_copy_depend_on_row_copy_epoch_and_seed_only():
    changes = Augmentation()
    together = changes.draw(np.array([5, 9, 5]), np.array([0, 0, 1]), epoch=4, seed=2)
    alone = changes.draw(np.array([5]), np.array([1]), epoch=4, seed=2)
    for name, values in together.items():
        np.testing.assert_array_equal(values[2], alone[name][0])
    others = [(5, 1, 4, 2), (6, 1, 4, 2), (5, 2, 4, 2), (5, 1, 5, 2), (5, 1, 4, 3)]
    drawn = [
        changes.draw(np.array([row]), np.array([copy]), epoch, seed)["zoom"][0] for row, copy, epoch, seed in others
    ]
    assert len(set(drawn)) == 5
    child = augmentation_seed(5, 1, 2).spawn(5)[4]  # the stream that the balanced list foresees, one child an epoch
    expected = np.random.default_rng(child).uniform(-1, 1, 6)
    np.testing.assert_allclose(alone["rotation"][0], 10 * expected[0])


def test_drawn_changes_stay_within_the_limits_and_fill_them():
    changes = Augmentation(rotation=20, translation=0.1)
    drawn = changes.draw(np.arange(2000), np.zeros(2000, int), epoch=1, seed=0)
    for name, largest in changes.values().items():
        assert 0.95 * largest < np.abs(drawn[name]).max() <= largest, name
        assert abs(drawn[name].mean()) < 0.05 * largest, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_images_are_moved_turned_and_brightened_as_asked(backend):
    """A quarter turn and a shift by whole pixels can be done by hand with NumPy."""
    pixels = np.random.default_rng(0).integers(40, 200, (2, 16, 16, 3), dtype=np.uint8)
    code = """
from aulib.training import Augmentation
still = dict(rotation=np.zeros(2), zoom=np.zeros(2), brightness=np.zeros(2), contrast=np.zeros(2),
             translation=np.zeros((2, 2)))
change = Augmentation()
results["still"] = change.apply(pixels, still)
results["turned"] = change.apply(pixels, {**still, "rotation": np.array([90.0, 0.0])})
results["moved"] = change.apply(pixels, {**still, "translation": np.array([[2 / 16, 0], [0, 1 / 16]])})
results["bright"] = change.apply(pixels, {**still, "brightness": np.array([0.1, 1.0])})
results["flat"] = change.apply(pixels, {**still, "contrast": np.array([-1.0, 0.5])})
"""
    found = run_under(backend, code, {"pixels": pixels})
    np.testing.assert_allclose(found["still"], pixels, atol=1e-3)
    np.testing.assert_allclose(found["turned"][0], np.rot90(pixels[0]), atol=0.05)
    np.testing.assert_allclose(found["turned"][1], pixels[1], atol=1e-3)
    np.testing.assert_allclose(found["moved"][0, :, :-2], pixels[0, :, 2:], atol=1e-2)
    np.testing.assert_allclose(found["moved"][1, :-1], pixels[1, 1:], atol=1e-2)
    np.testing.assert_allclose(found["bright"][0], pixels[0] + 25.5, atol=1e-3)
    assert (found["bright"][1] == 255).all()
    np.testing.assert_allclose(found["flat"][0], pixels[0].mean(), atol=1e-2)


def test_copies_are_counted_as_the_balanced_list_counts_them():
    rows = np.random.default_rng(0).integers(0, 9, 50)
    seen: dict[int, int] = {}
    for row, number in zip(rows, copy_numbers(rows), strict=True):
        assert number == seen.get(row, 0)
        seen[row] = number + 1


def test_an_augmentation_that_changes_nothing_is_refused():
    with pytest.raises(SettingsError, match="every change is 0; leave augment out"):
        Augmentation(0, 0, 0, 0, 0)
