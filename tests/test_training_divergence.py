"""Promises of `aulib.training` when a training goes wrong: it is stopped, or what is wrong is said and recorded."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from aulib import model as network
from aulib import training
from aulib.errors import AulibError
from aulib.training._divergence import exploded, silly_scores, stuck


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(network, "BLOCKS", ((4, 4), (4, 4), (4, 4, 4), (8, 8, 8), (8, 8, 8)))


@pytest.fixture
def arguments(tmp_path):
    rng = np.random.default_rng(0)
    return {
        "pixels": rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8),
        "y": (rng.random((24, 2)) < 0.3).astype(np.float32), "aus": ["AU06", "AU12"], "train": np.arange(16),
        "validation": np.arange(16, 24), "weights": None, "pixel_scaling": "unit", "hidden": (8,), "batch_size": 8,
        "seed": 1, "folder": tmp_path / "run", "progress": False,
    }  # fmt: skip


class Growing(keras.losses.Loss):
    """A loss that is 100 times larger with every step from the fifth on."""

    def __init__(self):
        super().__init__(name="growing")
        self.steps = keras.Variable(0.0, trainable=False)

    def call(self, y_true, y_pred):
        self.steps.assign_add(1.0)
        return (1.0 + 0.0 * keras.ops.mean(y_pred)) * 100.0 ** keras.ops.maximum(self.steps - 4.0, 0.0)

    def get_config(self):
        return {"name": self.name}


def test_a_loss_that_explodes_stops_the_run_and_the_epoch_before_is_kept(arguments):
    with pytest.raises(
        AulibError, match=r"stage 1, epoch 3: the loss grew to .* from 1; lower .*epoch before.*is kept"
    ):
        training.train_two_stage(**arguments, loss=Growing(), epochs=(6, 1))
    kept = pd.read_csv(arguments["folder"] / "history.csv")
    assert kept["epoch"].tolist() == [1, 2] and kept["loss"].tolist() == [1.0, 1.0]
    with np.load(arguments["folder"] / "state.npz") as stored:
        assert json.loads(stored["note"].tobytes())["epoch"] == 2


def test_falling_noisy_and_bounded_losses_have_not_exploded():
    assert not exploded(2.0, [3.0, 0.3, 0.1]), "it is below where the stage began"
    assert not exploded(0.9, [0.8, 0.1])
    assert not exploded(9.0, [1.0, 2.0])
    assert exploded(11.0, [1.0, 2.0])


def test_silly_scores_are_those_of_scikit_learn():
    y = (np.random.default_rng(0).random((40, 3)) < 0.3).astype(np.float32)
    for name, answer in (("always displayed", np.ones_like(y)), ("never displayed", np.zeros_like(y))):
        f1 = f1_score(y, answer, average="macro", zero_division=0)
        accuracy = np.mean([accuracy_score(y[:, label], answer[:, label]) for label in range(3)])
        assert silly_scores(y)[name] == pytest.approx((f1 + accuracy) / 2, abs=1e-6)


def test_a_stage_that_never_leaves_the_silly_answer_is_warned_about_and_recorded(arguments):
    """With a vanishing learning rate nothing is learnt from noise."""
    with pytest.warns(UserWarning, match="after 5 epochs the best selection score .* not above the .* of answering"):
        run = training.train_two_stage(**arguments, epochs=(6, 0), learning_rate=1e-9, dropout=0.0)
    silly = silly_scores(arguments["y"][16:])
    assert run.history["val_score"].max() <= max(silly.values())
    assert len(run.record["warnings"]) == 1 and "stage 1: after 6 epochs" in run.record["warnings"][0]


def test_a_stage_that_learns_is_not_warned_about():
    silly = {"always displayed": 0.3, "never displayed": 0.4}
    history = [{"stage": 1, "val_score": score} for score in (0.2, 0.41, 0.3, 0.1, 0.1)]
    history += [{"stage": 2, "val_score": 0.4}] * 4
    assert stuck(history, silly, 1) == []
    assert stuck(history, silly, 2) == [], "four epochs say little"
    history += history[-1:]
    assert '0.400, not above the 0.400 of answering "never displayed"' in stuck(history, silly, 2)[0]


def test_monitored_rows_are_scored_and_change_nothing(arguments, tmp_path):
    arguments |= {"train": np.arange(12), "epochs": (2, 1), "learning_rate": 1e-2}
    plain = training.train_two_stage(**{**arguments, "folder": tmp_path / "plain"})
    watched = training.train_two_stage(**{**arguments, "folder": tmp_path / "watched"}, monitor=np.arange(12, 16))
    compared = ["loss", "val_score"]
    pd.testing.assert_frame_equal(plain.history[compared], watched.history[compared])
    for found, expected in zip(watched.model.weights, plain.model.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    best = watched.history.iloc[-1]
    p = training.predict(watched.model, arguments["pixels"][12:16]) >= 0.5
    truth = arguments["y"][12:16]
    expected = (f1_score(truth, p, average="macro", zero_division=0) + (truth == p).mean()) / 2
    assert best["monitor_score"] == pytest.approx(expected, abs=1e-6)


def test_the_record_has_speed_memory_and_what_the_stages_were_fed_with(arguments):
    record = training.train_two_stage(**arguments, epochs=(2, 1)).record
    assert record["images per second"].keys() == {"stage 1", "stage 2"}
    assert all(value > 0 for value in record["images per second"].values())
    assert 0.1 < record["peak memory, GB"]["process"] < 100
    assert record["inputs"] == {"stage 1": "cached block5_pool, float16", "stage 2": "cached block4_pool, float16"}
    assert record["devices"] == 1
