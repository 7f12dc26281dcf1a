"""Promises of `aulib.training`: the recipe is the paper's, caching changes nothing, a killed run is resumed."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from aulib import features, losses, metrics, training
from aulib import model as network
from aulib.errors import AulibError, DataError, SettingsError
from aulib.training import _batches, _stages

AUS = ["AU01", "AU06", "AU12"]
TRAIN, VALIDATION = np.r_[0:32, 0:10], np.arange(32, 44)


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """VGG16 with few channels: the recipe is the same, each test takes a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "BLOCKS", ((8, 8), (8, 8), (16, 16, 16), (32, 32, 32), (32, 32, 32)))
        yield


@pytest.fixture(scope="module")
def data():
    """44 images whose brightness in one corner follows the first label; a fifth of the labels is unknown."""
    rng = np.random.default_rng(0)
    y = (rng.random((44, 3)) < 0.5).astype(np.float32)
    pixels = rng.integers(0, 60, (44, 32, 32, 3), dtype=np.uint8)
    for label in range(3):
        pixels[:, 8 * label : 8 * label + 8] += (150 * y[:, label]).astype(np.uint8)[:, None, None, None]
    y[rng.random(y.shape) < 0.2] = np.nan
    return pixels, y


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def arguments(shared):
    return {
        "aus": AUS, "train": TRAIN, "validation": VALIDATION, "weights": None, "pixel_scaling": "unit",
        "hidden": (16, 16), "learning_rate": 1e-3, "batch_size": 16, "epochs": (3, 2), "seed": 3,
        "features": shared, "progress": False,
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(data, arguments, tmp_path_factory):
    return training.train_two_stage(*data, **arguments, folder=tmp_path_factory.mktemp("runs") / "run")


def test_the_history_has_one_row_per_epoch_of_each_stage(run):
    assert run.history["stage"].tolist() == [1, 1, 1, 2, 2]
    assert run.history["epoch"].tolist() == [1, 2, 3, 1, 2]
    assert (run.history["val_score"] - run.history[["val_f1_macro", "val_accuracy"]].mean(axis=1)).abs().max() < 1e-6


def test_the_final_model_is_the_best_epoch_of_stage_2(run, data):
    pixels, y = data
    for stage in (1, 2):
        probabilities = training.predict(run.stage_model(stage), pixels[VALIDATION])
        score = metrics.selection_score(y[VALIDATION], probabilities)
        assert score == pytest.approx(run.best(stage)["val_score"], abs=1e-3)
        assert run.best(stage)["val_score"] == run.history.query("stage == @stage")["val_score"].max()


def test_stage_1_trains_the_head_only_and_stage_2_also_the_last_block(run):
    start = network.vgg16(AUS, 32, None, "unit", (16, 16), seed=3, standardise=True)
    changed = {
        stage: [
            layer.name
            for layer, first in zip(run.stage_model(stage).layers, start.layers, strict=True)
            if network.weights_hash([layer]) != network.weights_hash([first])
        ]
        for stage in (1, 2)
    }
    head = ["standardise", "dense1", "dense2", "aus"]  # `standardise` is fitted once, not trained
    assert changed == {1: head, 2: ["block5_conv1", "block5_conv2", "block5_conv3", *head]}
    fixed = [run.stage_model(stage).get_layer("standardise") for stage in (1, 2)]
    assert network.weights_hash(fixed[:1]) == network.weights_hash(fixed[1:])


def test_features_are_standardised_by_the_training_rows(run, data):
    block5 = network.frozen_part(run.stage_model(1), "block5_pool").predict(data[0][:32], verbose=0).reshape(32, -1)
    layer = run.model.get_layer("standardise")
    np.testing.assert_allclose(layer.mean, block5.mean(axis=0), rtol=5e-3, atol=1e-4)
    variance = block5.var(axis=0)
    np.testing.assert_allclose(layer.scale, np.sqrt(variance + 0.01 * variance.mean()), rtol=1e-2)


def test_the_loss_falls(data, arguments, tmp_path):
    history = training.train_two_stage(
        *data, **{**arguments, "epochs": (20, 1), "dropout": 0.0, "learning_rate": 1e-2}, folder=tmp_path / "run"
    ).history
    assert history["loss"].iloc[19] < 0.8 * history["loss"].iloc[0]


def test_the_record_says_what_was_done(run):
    record = json.loads((run.folder / "record.json").read_text())
    assert record["settings"]["batch_size"] == 16
    assert record["weights"]["origin"] == "random"
    assert record["rows"] == {"train": 42, "train, unique": 32, "validation": 12, "cached": 44}
    assert record["versions"]["keras"] == keras.__version__
    assert {"features block4_pool", "features block5_pool", "stage 1", "stage 2"} == set(record["seconds"])


def test_only_readable_files_are_left_when_a_run_is_finished(run):
    left = {path.name for path in run.folder.iterdir()}
    assert left >= {"model.keras", "stage1.keras", "history.csv", "record.json", "key.json"}
    assert not list(run.folder.glob("*.npz")) and not list(run.folder.glob("*.tmp"))


@pytest.fixture(scope="module")
def corrected(data, arguments, tmp_path_factory):
    """A run whose loss remembers earlier batches."""
    arguments = {**arguments, "loss": "count_corrected_f1"}
    return training.train_two_stage(*data, **arguments, folder=tmp_path_factory.mktemp("corrected") / "run")


@pytest.mark.parametrize("last_epoch", [2, 4])
@pytest.mark.parametrize("which", ["run", "corrected"])
def test_a_killed_run_ends_as_the_uninterrupted_one(request, which, data, arguments, tmp_path, monkeypatch, last_epoch):
    run = request.getfixturevalue(which)
    arguments = {**arguments, "loss": run.record["settings"]["loss"]}
    after_epoch, finished = _stages.after_epoch, []

    def kill(*args):
        state = after_epoch(*args)
        finished.append(state)
        if len(finished) == last_epoch:
            raise KeyboardInterrupt
        return state

    monkeypatch.setattr(_stages, "after_epoch", kill)
    with pytest.raises(KeyboardInterrupt):
        training.train_two_stage(*data, **arguments, folder=tmp_path / "run")
    assert len(pd.read_csv(tmp_path / "run/history.csv")) == last_epoch
    monkeypatch.undo()
    keras.utils.set_random_seed(99)
    resumed = training.train_two_stage(*data, **arguments, folder=tmp_path / "run")
    timings = ["seconds", "training_seconds"]
    pd.testing.assert_frame_equal(resumed.history.drop(columns=timings), run.history.drop(columns=timings))
    for found, expected in zip(resumed.model.weights, run.model.weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("loss", losses.names())
def test_each_loss_of_a_profile_trains(loss, data, arguments, tmp_path):
    arguments = {**arguments, "loss": loss, "epochs": (2, 1)}
    run = training.train_two_stage(*data, **arguments, folder=tmp_path / "run")
    assert run.record["settings"]["loss"] == loss
    assert np.isfinite(run.history[["loss", "val_score"]]).all(axis=None)


def test_a_finished_run_is_returned_without_training(run, data, arguments, monkeypatch):
    monkeypatch.setattr(_stages, "_epoch", lambda *_: pytest.fail("it trains again"))
    again = training.train_two_stage(*data, **arguments, folder=run.folder)
    pd.testing.assert_frame_equal(again.history, run.history)


def test_a_folder_with_another_run_is_refused_with_the_reason(run, data, arguments):
    with pytest.raises(SettingsError, match=r"learning_rate \(0.001 there, 0.01 here\)"):
        training.train_two_stage(*data, **{**arguments, "learning_rate": 0.01}, folder=run.folder)
    pixels, y = data
    with pytest.raises(SettingsError, match="labels and rows"):
        training.train_two_stage(pixels, np.nan_to_num(y), **arguments, folder=run.folder)


def plain_recipe(start, pixels, y, arguments, stage_epochs):
    """The paper's recipe without any cache: the whole network on the pixels, with layers frozen by `trainable`."""
    model = keras.models.clone_model(start)
    model.set_weights(start.get_weights())
    for stage, epochs in enumerate(stage_epochs, start=1):
        for layer in model.layers:
            layer.trainable = not layer.name.startswith("block") or (stage == 2 and layer.name.startswith("block5"))
        optimizer = keras.optimizers.Adam(arguments["learning_rate"], amsgrad=True)
        model.compile(optimizer, losses.MaskedF1Loss(), jit_compile=False)
        for epoch in range(1, epochs + 1):
            order = np.random.default_rng([arguments["seed"], stage, epoch]).permutation(TRAIN)
            for first in range(0, len(order), 21):
                model.train_on_batch(pixels[order[first : first + 21]], y[order[first : first + 21]])
    return model


def test_training_on_cached_features_is_the_plain_recipe(data, arguments, tmp_path):
    settings = {
        **arguments, "pixel_scaling": "caffe", "dropout": 0.0, "standardise": False, "batch_size": 21, "epochs": (1, 1),
        "features": None, "learning_rate": 3e-3,
    }  # fmt: skip
    cached = training.train_two_stage(*data, **settings, folder=tmp_path / "run").model
    start = network.vgg16(AUS, 32, None, "caffe", (16, 16), dropout=0.0, seed=3)
    plain = plain_recipe(start, *data, settings, (1, 1))
    found, expected, before = (training.predict(model, data[0]) for model in (cached, plain, start))
    assert np.abs(expected - before).max() > 0.1
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected - before).max()


def test_a_run_predicts_from_its_cache_what_the_model_predicts_from_pixels(run, data):
    rows = np.array([40, 3, 3])
    for stage in (1, 2):
        direct = training.predict(run.stage_model(stage), data[0][rows])
        np.testing.assert_allclose(run.predict(rows, stage), direct, atol=2e-3)


def test_runs_share_cached_features(run, shared):
    caches = [path.parent for path in shared.glob("block?_pool-*/features.npy")]  # all runs above started from seed 3
    assert sorted(path.name.split("-")[0] for path in caches) == ["block4_pool", "block5_pool"]
    assert {(run.folder / path).resolve() for path in run.record["features"].values()} == set(caches)


@pytest.mark.parametrize("cache, blocks", [("auto", {"block4", "block5"}), ("stage1", {"block5"}), ("none", set())])
def test_features_made_beforehand_are_those_that_a_run_starts_from(data, arguments, tmp_path, cache, blocks):
    how = {name: arguments[name] for name in ("weights", "pixel_scaling", "seed", "progress")}
    made = training.cache_features(data[0], tmp_path / "shared", **how, cache=cache)
    assert {folder.name.split("_")[0] for folder in made} == blocks
    written = {folder: (folder / "features.npy").stat().st_mtime_ns for folder in made}
    given = arguments | {"features": tmp_path / "shared", "epochs": (1, 1), "cache": cache}
    training.train_two_stage(*data, **given, folder=tmp_path / "run")
    assert {path for path in (tmp_path / "shared").glob("*_pool-*") if path.is_dir()} == set(made)
    assert written == {folder: (folder / "features.npy").stat().st_mtime_ns for folder in made}


def test_no_features_are_made_of_images_that_change(data, tmp_path):
    assert training.cache_features(data[0], tmp_path / "none", weights=None, augment=True) == []
    assert not (tmp_path / "none").exists()
    with pytest.raises(SettingsError, match="augment changes the images"):
        training.cache_features(data[0], tmp_path / "none", weights=None, augment=True, cache="both")


def test_a_loss_that_is_not_finite_stops_the_run(data, arguments, tmp_path):
    class Broken(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(y_true * y_pred)  # NaN labels are not masked

    with pytest.raises(AulibError, match="stage 1, epoch 1: the loss became nan in batch 1; lower learning_rate"):
        training.train_two_stage(*data, **{**arguments, "loss": Broken()}, folder=tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aus": AUS[:2]}, r"y must have the shape \(44, 2\)"),
        ({"validation": np.array([44])}, "validation must hold at least one position from 0 to 43"),
        ({"validation": np.array([0, 33])}, "1 rows are in train and in validation"),
        ({"image_size": 64}, r"pixels of shape \(n, 64, 64, 3\)"),
        ({"loss": "f1"}, "masked_f1"),
        ({"epochs": (0, 1)}, "epochs"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"precision": "float16"}, "precision is 'float16'; it is 'float32' or 'mixed_bfloat16'"),
        ({"cache_dtype": "int8"}, "cache_dtype is 'int8'; it is one of float16, bfloat16, float32"),
        ({"cache": "block5"}, "cache is 'block5'; it is one of auto, both, stage1, none"),
        ({"cache": "both", "augment": True}, "augment changes the images in every epoch"),
        ({"augment": {"shear": 0.1}}, "augment has no setting 'shear'; it has rotation, translation"),
        ({"augment": {"zoom": 1.5}}, "zoom is 1.5; it lies from 0 to below 1"),
        ({"monitor": np.array([50])}, "monitor must hold positions from 0 to 43"),
        ({"monitor": np.array([33])}, "1 rows are in train or validation and in monitor, the first is 33"),
        ({"train": np.array([0, 60])}, "train must hold at least one position from 0 to 43"),
        ({"devices": 2}, "devices is 2: Keras divides a batch among devices under JAX only, and this is tensorflow"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(data, arguments, tmp_path, change, message):
    with pytest.raises(SettingsError, match=message):
        training.train_two_stage(*data, **{**arguments, **change}, folder=tmp_path / "run")


def test_labels_and_images_of_different_length_are_refused(data, arguments, tmp_path):
    with pytest.raises(SettingsError, match=r"y must have the shape \(43, 3\) \(images, AUs\); found \(44, 3\)"):
        training.train_two_stage(data[0][:43], data[1], **arguments, folder=tmp_path / "run")


def test_the_table_of_a_model_with_other_action_units_is_refused(run):
    with pytest.raises(SettingsError, match="trained on AU01, AU06, AU12, in this order; found AU06, AU26"):
        network.load(run.folder / "model.keras", aus=["AU06", "AU26"])


def test_validation_people_without_labels_are_refused(data, arguments, tmp_path):
    pixels, y = data[0], data[1].copy()
    y[VALIDATION] = np.nan
    with pytest.raises(SettingsError, match="no label of the validation rows is known"):
        training.train_two_stage(pixels, y, **arguments, folder=tmp_path / "run")


def test_prediction_does_not_depend_on_the_batch_size(run, data):
    one, many = (training.predict(run.model, data[0][:7], batch_size=size) for size in (3, 64))
    assert one.dtype == np.float32 and one.shape == (7, 3)
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_the_last_batch_keeps_its_shape_and_adds_unknown_labels_only(data):
    pixels, y = data
    batches = list(_batches.batches(pixels, y, np.arange(10), batch_size=4))
    assert [x.shape[0] for x, _ in batches] == [4, 4, 4]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches])[:10], pixels[:10])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches])[:10], y[:10])
    assert np.isnan(batches[-1][1][2:]).all()


def test_the_prediction_table_keeps_names_labels_and_unknowns():
    table = pd.DataFrame({
        "dataset": ["bp4d", "unbc"], "subject": ["F001", "042"], "sequence": ["T1", "t"], "frame": [3, 4],
        "image": ["a.jpg", "b.jpg"], "AU06": pd.array([1, None], "Int8"), "AU12": pd.array([0, 1], "Int8"),
    }, index=[17, 4])  # fmt: skip
    found = training.prediction_table(table, ["AU12", "AU06"], np.array([[0.25, 0.5], [0.75, 1.0]]))
    assert found.columns.tolist()[5:] == ["AU12", "AU12_p", "AU06", "AU06_p"]
    assert found["AU06"].dtype == "Int8" and found["AU06"].isna().tolist() == [False, True]
    assert found["AU12_p"].dtype == np.float32 and found["AU12_p"].tolist() == [0.25, 0.75]
    with pytest.raises(DataError, match=r"\(2, 1\)"):
        training.prediction_table(table, ["AU12"], np.zeros((2, 2)))


def test_opening_an_unfinished_run_says_so(tmp_path):
    with pytest.raises(DataError, match="no finished training"):
        training.open_run(tmp_path)


def test_deleted_features_are_named(run, tmp_path):
    moved = training.Run(run.model, run.history, run.record, tmp_path)
    with pytest.raises(DataError, match="cached features are gone"):
        moved.predict(np.array([0]))


def test_the_history_figure_shows_both_stages(run):
    from aulib.plots.training import history_figure

    figure = history_figure(run.history, "Synthetic data")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "score on validation people"]
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[1].get_lines()}
    np.testing.assert_allclose(lines["selection score"], run.history["val_score"])


def test_padding_gives_the_same_output(data):
    found = features.predict_padded(lambda batch: batch.astype(float) * len(batch), data[0][:3], 5)
    np.testing.assert_array_equal(found, data[0][:3] * 5.0)
