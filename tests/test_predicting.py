"""Promises of `aulib predict` and `aulib.predicting`: a table for own pictures, and a map of where it comes from."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aulib import cli, crops, model, predicting
from aulib.errors import AulibError, DataError, SettingsError
from aulib.plots import attention

AUS = ["AU06", "AU12"]
SIZE = 32


@pytest.fixture(scope="module")
def net():
    return model.vgg16(AUS, SIZE, weights=None, hidden=(4,), threshold=0.4, seed=1)


@pytest.fixture(scope="module")
def saved(net, tmp_path_factory):
    return model.save(net, tmp_path_factory.mktemp("run") / "model.keras")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    (place / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "deep/c.png"):
        Image.fromarray(rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(place / name)
    (place / "notes.txt").write_text("not a picture")
    (place / ".hidden.png").write_text("not a picture")
    return place


def corner_model(weight):
    """One layer on pixels in [0, 1]: the logit is the weighted sum over the pixels, so every fall is known exactly."""
    about = {"aus": ["AU12"], "threshold": 0.5, "image_size": SIZE, "pixels": "unit", "precision": "float32"}
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Flatten()(model.Pixels("unit", about)(image))
    made = keras.Model(image, keras.layers.Dense(1, "sigmoid", name="aus")(x))
    made.get_layer("aus").set_weights([weight.reshape(-1, 1).astype(np.float32), np.zeros(1, np.float32)])
    return made


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


# The map.


def test_the_map_is_the_mean_fall_over_the_patches_that_cover_a_pixel():
    weight = np.random.default_rng(1).normal(0, 0.05, (SIZE, SIZE, 3))
    face = noise()
    found = predicting.occlusion_map(corner_model(weight), face, patch=10, stride=6)[0]

    def probability(pixels):
        return 1 / (1 + np.exp(-(pixels / 255 * weight).sum()))

    total, count = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    colour = np.round(face.mean(axis=(0, 1)))
    for top in range(-5, SIZE, 6):
        for left in range(-5, SIZE, 6):
            hidden = face.astype(float)
            inside = np.zeros((SIZE, SIZE), bool)
            for row in range(SIZE):
                for column in range(SIZE):
                    if top <= row < top + 10 and left <= column < left + 10:
                        hidden[row, column] = colour
                        inside[row, column] = True
            total[inside] += probability(face) - probability(hidden)
            count += inside
    np.testing.assert_allclose(found, total / count, atol=2e-6)


def test_patches_of_one_pixel_give_the_gradient_times_the_change_of_the_pixel():
    """For a small weight the fall is the derivative of the probability, here written by hand, times the change."""
    weight = np.random.default_rng(1).normal(0, 1e-3, (SIZE, SIZE, 3))
    face = noise()
    found = predicting.occlusion_map(corner_model(weight), face, patch=1, stride=1)[0]
    p = 1 / (1 + np.exp(-(face / 255 * weight).sum()))
    change = (face - np.round(face.mean(axis=(0, 1)))) / 255
    np.testing.assert_allclose(found, p * (1 - p) * (change * weight).sum(axis=2), atol=2e-6)


@pytest.mark.parametrize("corner", [(0, 0), (0, 24), (24, 0), (24, 24)])
def test_a_model_that_looks_at_one_corner_has_a_map_of_that_corner(corner):
    rows, columns = (slice(start, start + 8) for start in corner)
    weight = np.zeros((SIZE, SIZE, 3))
    weight[rows, columns] = 0.012
    face = np.full((SIZE, SIZE, 3), 50, np.uint8)
    face[rows, columns] = 250
    found = predicting.occlusion_map(corner_model(weight), face)[0]
    assert found[rows, columns].min() > 0.05 and found[rows, columns].max() == found.max()
    outside = np.ones((SIZE, SIZE), bool)
    outside[max(corner[0] - 8, 0) : corner[0] + 16, max(corner[1] - 8, 0) : corner[1] + 16] = False
    assert np.abs(found[outside]).max() == 0


def test_the_map_gives_the_action_units_that_are_asked_for_in_their_order(net):
    both = predicting.occlusion_map(net, noise(), ["AU12", "AU06"], patch=16)
    assert both.shape == (2, SIZE, SIZE) and both.dtype == np.float32
    np.testing.assert_allclose(both[::-1], predicting.occlusion_map(net, noise(), patch=16), atol=1e-6)


@pytest.mark.parametrize("patch, stride", [(8, 9), (40, 4), (-1, 1)])
def test_patches_that_leave_gaps_are_refused(net, patch, stride):
    with pytest.raises(SettingsError, match="stride <= patch <= 32"):
        predicting.occlusion_map(net, noise(), patch=patch, stride=stride)


# The table.


def test_the_table_has_a_row_for_each_picture_and_action_unit(net, folder):
    found = predicting.predict_images(net, folder, crop="whole")
    assert found["image"].tolist() == [str(folder / name) for name in ("a.png", "b.jpg", "deep/c.png") for _ in AUS]
    assert found["au"].tolist() == AUS * 3 and found["name"].tolist() == ["Cheek raiser", "Lip corner puller"] * 3
    faces = [np.asarray(Image.open(folder / "a.png").resize((SIZE, SIZE), Image.Resampling.BOX))]
    np.testing.assert_allclose(found["probability"][:2], net.predict_on_batch(np.array(faces))[0], atol=1e-5)
    assert (found["displayed"] == (found["probability"] >= 0.4)).all()  # the model's own threshold
    assert found.attrs["failures"] == {}


def test_a_threshold_and_a_list_of_action_units_can_be_given(net, folder):
    found = predicting.predict_images(net, folder / "a.png", crop="whole", threshold=0.0, aus=["AU12"])
    assert found["au"].tolist() == ["AU12"] and found["displayed"].all()
    with pytest.raises(SettingsError, match="threshold is 1.5"):
        predicting.predict_images(net, folder, crop="whole", threshold=1.5)


def test_the_face_is_cut_out_where_one_is_found(net, folder, monkeypatch):
    boxes = {"a": crops.Box(5, 10, 20), "b": None, "c": crops.Box(-10, 0, 64)}
    monkeypatch.setattr(crops, "check", lambda *_: None)
    monkeypatch.setattr(crops, "find_face", lambda picture, margin: next(found))
    found = iter(boxes.values())
    files, others = predicting.find_images([folder])
    faces = predicting.read_faces(files, SIZE, "auto")
    assert others == 1 and faces.index["crop"].tolist() == ["detector", "whole", "detector"]
    assert faces.index["note"].tolist() == ["", "no face found", ""]
    assert [faces.box(row) for row in range(3)] == list(boxes.values())
    part = Image.open(folder / "a.png").crop((5, 10, 25, 30)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(faces.pixels[0], np.asarray(part))
    found = iter(boxes.values())
    strict = predicting.read_faces(files, SIZE)
    assert strict.failures["image"].tolist() == [str(folder / "b.jpg")] and len(strict.pixels) == 2


def test_one_bad_picture_among_many_is_listed_and_the_others_are_done(net, folder):
    (folder / "bad.png").write_bytes(b"")
    Image.new("RGB", (40, 40)).save(folder / "black.png")
    found = predicting.predict_images(net, folder, crop="whole")
    assert found["image"].nunique() == 3
    reasons = found.attrs["failures"]
    assert reasons[str(folder / "bad.png")].startswith("UnidentifiedImageError")
    assert reasons[str(folder / "black.png")].startswith("black:")


def test_a_picture_too_large_to_be_one_is_listed(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # Pillow refuses from twice this number on
    faces = predicting.read_faces(predicting.find_images([folder])[0], SIZE, "whole")
    assert faces.failures["reason"].str.startswith("DecompressionBombError").tolist() == [True] * 3


def test_action_units_that_the_model_does_not_know_are_refused(net, folder):
    with pytest.raises(SettingsError, match="does not know AU50; it knows AU06, AU12"):
        predicting.predict_images(net, folder, crop="whole", aus=["AU12", "AU50"])


def test_paths_that_hold_no_picture_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no picture; looked for files ending in"):
        predicting.find_images([tmp_path / "empty"])
    with pytest.raises(DataError, match="there is no such file or folder"):
        predicting.find_images([folder / "missing.png"])
    with pytest.raises(SettingsError, match="crop is 'landmarks'; for pictures of one's own"):
        predicting.read_faces([], SIZE, "landmarks")


def test_a_picture_named_twice_is_read_once(folder):
    assert len(predicting.find_images([folder, folder / "a.png"])[0]) == 3


def test_without_the_detector_the_message_names_what_to_install(net, folder, monkeypatch):
    monkeypatch.setattr(crops.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AulibError, match=r"pip install 'aulib\[faces\]'"):
        predicting.predict_images(net, folder)


# Models.


def test_a_run_folder_and_a_file_give_the_same_model(saved, net, folder):
    pictures = [folder / "a.png"]
    ways = (net, saved, saved.parent, str(saved))
    tables = [predicting.predict_images(way, pictures, crop="whole")["probability"] for way in ways]
    for table in tables[1:]:
        np.testing.assert_array_equal(tables[0], table)


def test_a_model_that_wants_to_run_code_is_refused_and_does_not_run(tmp_path):
    path, proof = tmp_path / "evil.keras", tmp_path / "ran"
    x = keras.Input((4,))
    code = eval(f"lambda values: (open({str(proof)!r}, 'w').close(), values)[1]")
    keras.Model(x, keras.layers.Lambda(code)(x)).save(path)
    proof.unlink()  # building the model ran it
    with pytest.raises(DataError, match="(?i)lambda"):
        predicting.load_model(path)
    assert not proof.exists()
    keras.saving.load_model(path, safe_mode=False)  # the file does hold what it should: unsafe loading runs it
    assert proof.exists()


def test_files_that_are_no_model_are_refused(tmp_path, saved):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "cut.keras").write_bytes(saved.read_bytes()[:5000])
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    for name in ("text", "cut", "other"):
        with pytest.raises(DataError, match=f"{name}.keras"):
            predicting.load_model(tmp_path / f"{name}.keras")
    with pytest.raises(DataError, match="no run folder"):
        predicting.load_model(tmp_path)
    with pytest.raises(DataError, match="no such model file"):
        predicting.load_model(tmp_path / "missing.keras")


# The command.


def run(capsys, *arguments):
    code = cli.main(["predict", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_command_prints_a_table_and_writes_csv_and_annotated_pictures(saved, folder, tmp_path, capsys):
    out = tmp_path / "out"
    code, printed, said = run(capsys, saved, folder, "--crop", "whole", "--out", out, "--map", "AU12")
    assert code == 0 and "1 other files" in said
    lines = printed.splitlines()
    assert lines[0].split() == ["image", "crop", "au", "name", "probability", "displayed"]
    assert len(lines) == 7 and "Lip corner puller" in printed
    table = pd.read_csv(out / "predictions.csv")
    expected = predicting.predict_images(saved, folder, crop="whole")
    np.testing.assert_allclose(table["probability"], expected["probability"], atol=1e-6)
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == ["0001_a.png", "0002_b.png", "0003_c.png"]
    assert all(Image.open(out / name).size[0] > 300 for name in pictures)
    code, _, said = run(capsys, saved, folder, "--crop", "whole", "--out", out)
    assert code == 1 and "exists already" in said


def test_the_command_tells_of_bad_pictures_in_words_and_exit_code(saved, folder, capsys):
    (folder / "bad.png").write_text("no picture")
    code, printed, said = run(capsys, saved, folder, "--crop", "whole", "--json")
    assert code == 3 and "bad.png: UnidentifiedImageError" in said
    found = json.loads(printed)
    assert len(found["images"]) == 3 and list(found["images"][0]["aus"]) == AUS and len(found["failures"]) == 1
    code, printed, said = run(capsys, saved, folder / "bad.png", "--crop", "whole")
    assert code == 1 and "none of 1 pictures could be used" in said and not printed


def test_the_commands_mistakes_are_one_sentence(saved, folder, tmp_path, capsys):
    for arguments, message in (
        ((tmp_path / "no.keras", folder), "no such model file"),
        ((saved, tmp_path / "no.png"), "no such file or folder"),
        ((saved, folder, "--crop", "whole", "--map", "AU50"), "does not know AU50"),
        ((saved, folder, "--crop", "whole", "--threshold", "7"), "threshold is 7.0"),
    ):
        code, printed, said = run(capsys, *arguments)
        assert code == 1 and message in said and said.count("\n") == 1 and not printed


# The figures.


def test_figures_show_the_square_the_bars_and_one_map_for_each_action_unit(net, folder):
    table = predicting.predict_images(net, folder / "a.png", crop="whole")
    maps = dict(zip(AUS, predicting.occlusion_map(net, noise(), patch=16), strict=True))
    figure = attention.picture_figure(noise(), crops.Box(4, 4, 20), noise(1), table, 0.5, maps, "here")
    assert len(figure.axes) == 5 and "here" in figure.get_suptitle()
    bars = [bar.get_width() for bar in figure.axes[2].patches]
    np.testing.assert_allclose(bars, table["probability"])
    figure = attention.map_figure(noise(), maps, "here")
    shown = [axes.images[1] for axes in figure.axes[1:3]]
    assert shown[0].get_clim() == shown[1].get_clim() and shown[0].get_clim()[0] == -shown[0].get_clim()[1]
    figure = attention.comparison_figure({"one": table, "two": table}, 0.5)
    assert len(figure.axes[0].lines) == 3
