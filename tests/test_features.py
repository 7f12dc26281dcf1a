"""Promises of `aulib.features`: cached outputs are the model's outputs, and a cache of something else is refused."""

import json

import numpy as np
import pytest

from aulib import features
from aulib import model as network
from aulib.errors import AulibError, DataError, SettingsError


@pytest.fixture(scope="module")
def model():
    return network.vgg16(["AU12"], 32, weights=None, pixels="caffe", seed=1)


@pytest.fixture(scope="module")
def part(model):
    return network.frozen_part(model, "block4_pool")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)


def extract(pixels, part, folder, **settings):
    return features.extract(pixels, part, folder, batch_size=4, progress=False, **settings)


def test_the_cache_holds_what_the_model_computes(pixels, part, tmp_path):
    found = extract(pixels, part, tmp_path / "cache")
    expected = part.predict(pixels, verbose=0)
    assert found.shape == (21, 2, 2, 512) and found.dtype == np.float16
    assert expected.max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3)


def test_float32_features_are_exact(pixels, part, tmp_path):
    found = extract(pixels, part, tmp_path / "cache", dtype="float32")
    np.testing.assert_allclose(found, part.predict(pixels, verbose=0), rtol=1e-4, atol=1e-5)


def test_block_5_from_the_cache_of_block_4_is_block_5_from_pixels(pixels, model, part, tmp_path):
    block4 = extract(pixels, part, tmp_path / "block4")
    block5 = extract(block4, network.between(model, "block4_pool", "block5_pool"), tmp_path / "block5")
    expected = network.frozen_part(model, "block5_pool").predict(pixels, verbose=0)
    np.testing.assert_allclose(block5, expected, rtol=5e-3, atol=2e-3)


def test_a_finished_cache_is_opened_without_computing(pixels, part, tmp_path, monkeypatch):
    first = extract(pixels, part, tmp_path / "cache")
    monkeypatch.setattr(features, "predict_padded", lambda *_: pytest.fail("it computes again"))
    np.testing.assert_array_equal(extract(pixels, part, tmp_path / "cache"), first)


def test_an_interrupted_call_goes_on_where_it_stopped(pixels, part, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 2)
    predict_padded, batches = features.predict_padded, []

    def stop_at_four(*args):
        if len(batches) == 3:
            raise KeyboardInterrupt
        batches.append(1)
        return predict_padded(*args)

    monkeypatch.setattr(features, "predict_padded", stop_at_four)
    with pytest.raises(KeyboardInterrupt):
        extract(pixels, part, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    batches.clear()
    monkeypatch.setattr(features, "predict_padded", lambda *args: (batches.append(1), predict_padded(*args))[1])
    found = extract(pixels, part, tmp_path / "cache")
    assert len(batches) == 4  # of six batches two were safe
    np.testing.assert_allclose(found, part.predict(pixels, verbose=0), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("change", ["images", "weights", "pixel scaling", "dtype", "layers"])
def test_a_cache_of_something_else_is_refused_with_the_reason(pixels, model, part, tmp_path, change):
    extract(pixels, part, tmp_path / "cache")
    settings = {}
    if change == "images":
        pixels = pixels[::-1]
    elif change == "dtype":
        settings["dtype"] = "float32"
    elif change == "layers":
        part = network.frozen_part(model, "block5_pool")
    else:
        seed, scaling = (2, "caffe") if change == "weights" else (1, "unit")
        part = network.frozen_part(network.vgg16(["AU12"], 32, None, scaling, seed=seed), "block4_pool")
    with pytest.raises(SettingsError, match=rf"holds features of something else: .*{change} \("):
        extract(pixels, part, tmp_path / "cache", **settings)


def test_the_key_can_name_the_images_instead_of_hashing_them(pixels, part, tmp_path):
    extract(pixels, part, tmp_path / "cache", images_key="store-1")
    assert json.loads((tmp_path / "cache/features.json").read_text())["key"]["images"] == "store-1"
    with pytest.raises(SettingsError, match="images \\(store-1 there, store-2 here"):
        extract(pixels, part, tmp_path / "cache", images_key="store-2")


def test_the_content_hash_sees_a_single_changed_value(pixels):
    changed = pixels.copy()
    changed[20, 31, 31, 2] ^= 1
    assert features.content_hash(pixels) == features.content_hash(pixels.copy(), rows=3)
    assert features.content_hash(pixels) != features.content_hash(changed)


def test_values_too_large_for_the_dtype_are_an_error(pixels, model, tmp_path):
    weights = model.get_layer("block4_conv3").get_weights()
    model.get_layer("block4_conv3").set_weights([weights[0], weights[1] + 1e5])
    try:
        with pytest.raises(AulibError, match="not finite in float16.*use dtype='float32'"):
            extract(pixels, network.frozen_part(model), tmp_path / "cache")
    finally:
        model.get_layer("block4_conv3").set_weights(weights)


def test_a_folder_that_is_no_cache_is_left_alone(pixels, part, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is no feature cache"):
        extract(pixels, part, tmp_path)
    assert (tmp_path / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("dtype", features.DTYPES)
def test_rows_read_from_the_file_are_those_of_the_memory_map(pixels, part, tmp_path, dtype):
    found = extract(pixels, part, tmp_path / "cache", dtype=dtype)
    rows = np.array([20, 0, 3, 3, 7])
    views = {"whole": found, "slice": found[5:], "reversed": found[::-1], "in memory": np.array(found)}
    assert [name for name, array in views.items() if features._is_whole_file(array)] == ["whole"]
    for name, array in views.items():
        chosen = rows % len(array)
        taken = features.take(array, chosen)
        assert taken.dtype == array.dtype, name
        np.testing.assert_array_equal(taken.astype("float32"), array[chosen].astype("float32"), err_msg=name)
    with pytest.raises(IndexError):
        features.take(found, np.array([21]))


def test_a_file_that_was_cut_is_noticed(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 1000), np.float32))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_is_whole_file", lambda array: True)
        with open(tmp_path / "a.npy", "r+b") as file:
            file.truncate(array.offset + 6000)
        assert (features.take(array, np.array([0])) == 1).all()
        with pytest.raises(DataError, match="ends before row 2"):
            features.take(array, np.array([2]))


def test_bfloat16_features_are_the_models_in_two_to_three_digits(pixels, part, tmp_path):
    found = extract(pixels, part, tmp_path / "cache", dtype="bfloat16")
    assert found.dtype.name == "bfloat16" and np.load(tmp_path / "cache/features.npy").dtype == np.uint16
    np.testing.assert_allclose(found.astype("float32"), part.predict(pixels, verbose=0), rtol=5e-3, atol=1e-3)


def test_a_type_that_features_cannot_have_is_refused(pixels, part, tmp_path):
    with pytest.raises(
        SettingsError, match="cannot be stored as 'int8'; they are stored as float16, bfloat16, float32"
    ):
        extract(pixels, part, tmp_path / "cache", dtype="int8")


def test_an_unfinished_cache_is_not_opened(tmp_path):
    with pytest.raises(DataError, match="holds no finished feature cache"):
        features.open_features(tmp_path)
