"""Promises of `aulib.crops` and `aulib.landmarks`: real faces are framed like synthetic ones, and each says how."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from aulib import crops, images, landmarks, pipeline, profiles
from aulib.errors import AulibError, DataError, SettingsError
from aulib.synth import basis, people, render

EXPRESSIONS = ({}, {"AU06": 4.0, "AU12": 5.0}, {"AU27": 5.0}, {"AU09": 5.0}, {"AU15": 5.0, "AU17": 5.0})


def true_points(person, aus, scene):
    """Eyes and tip of the nose of a rendered face in parts of the image, projected from the mesh as the camera does."""
    head = basis.load()
    weights, turn = render._weights({au: render._strength(au, level, scene.side) for au, level in aus.items()}, scene)
    rotation = render._rotation(scene, turn)
    vertices = (head.shape(weights, person.vertices) - render.PIVOT) @ rotation.T + render.PIVOT
    x, y, width = render._window(person, scene, rotation)
    eyes = [np.unique(head.triangles[head.part == basis.PARTS.index(name)]) for name in ("eye_left", "eye_right")]
    middle = np.flatnonzero(
        (np.abs(head.vertices[:, 0]) < 0.02) & (np.abs(head.vertices[:, 1] - head.eye_centres[0, 1]) < 0.6)
    )
    nose = middle[head.vertices[middle, 2].argmax()]
    found = np.array([vertices[eyes[0]].mean(axis=0), vertices[eyes[1]].mean(axis=0), vertices[nose]])
    nearer = render.CAMERA / (render.FACE_DEPTH + render.CAMERA - found[:, 2])
    return np.stack([(found[:, 0] - x) * nearer / width + 0.5, 0.5 - (found[:, 1] - y) * nearer / width], axis=1)


def frames(turn, people_count=30):
    """(person, expression) -> the square found from the true points; the renderer's own frame is (0, 0, 1000)."""
    rng = np.random.default_rng(0)
    found = np.empty((people_count, len(EXPRESSIONS), 3))
    for one in range(people_count):
        person = people.sample(np.random.default_rng([one, 3]), (0.0, 0.8))
        yaw, pitch, roll = rng.normal(0, turn)
        scene = render.Scene(yaw=yaw, pitch=pitch, roll=roll)
        for which, aus in enumerate(EXPRESSIONS):
            found[one, which] = crops.face_box(*1000 * true_points(person, aus, scene))
    return found


def test_the_square_is_the_renderers_own_frame_for_upright_faces():
    found = frames((0, 0, 0))
    sides, centres = found[..., 2], found[..., :2] + found[..., 2:] / 2
    assert abs(sides.mean() / 1000 - 1) < 0.03 and sides.std() / 1000 < 0.06
    assert np.abs(centres.mean(axis=(0, 1)) - 500).max() < 10
    assert np.sqrt(np.square(centres - 500).mean(axis=(0, 1))).max() < 25


def test_an_expression_does_not_change_the_size_of_its_frame():
    sides = frames((0, 0, 0))[..., 2]
    assert np.abs(sides / sides[:, :1] - 1).mean(axis=0).max() < 0.03  # a mouth-to-eye rule: 0.12


def test_turned_heads_stay_framed():
    found = frames((10, 6, 8))
    sides, centres = found[..., 2], found[..., :2] + found[..., 2:] / 2
    assert np.sqrt(np.square(sides / 1000 - 1).mean()) < 0.12
    assert np.sqrt(np.square(centres - 500).mean()) < 60


POINT = st.tuples(st.floats(50, 400), st.floats(50, 400))


@given(POINT, st.floats(20, 200), st.floats(20, 200), st.floats(-40, 40), st.floats(0.2, 5))
def test_the_square_moves_and_grows_with_the_face_and_does_not_mind_which_eye_is_which(eye, apart, down, aside, factor):
    left = np.array(eye)
    right, nose = left + (apart, 0), left + (apart / 2 + aside, down)
    box = np.array(crops.face_box(left, right, nose))
    assert (np.array(crops.face_box(right, left, nose)) == box).all()
    moved = np.array(crops.face_box(left + 100, right + 100, nose + 100))
    assert np.abs(moved - (box + (100, 100, 0))).max() <= 1
    larger = np.array(crops.face_box(left * factor, right * factor, nose * factor))
    assert np.abs(larger - box * factor).max() <= 1 + factor


def test_a_margin_widens_the_square_around_the_same_centre():
    box, wide = (np.array(crops.face_box((30, 50), (70, 50), (50, 80), margin)) for margin in (0, 0.5))
    assert wide[2] == pytest.approx(1.5 * box[2], abs=1)
    assert np.abs((wide[:2] + wide[2] / 2) - (box[:2] + box[2] / 2)).max() <= 1


@pytest.mark.parametrize("points", [[(5, 5)] * 3, [(0, 0), (np.nan, 0), (1, 1)], [(0, 0), (1, 0), (0, 1)]])
def test_points_that_make_no_face_are_refused(points):
    with pytest.raises(DataError, match="make no face"):
        crops.face_box(*points)


def test_what_reaches_over_the_border_is_black(tmp_path):
    Image.new("RGB", (40, 40), (200, 200, 200)).save(tmp_path / "a.png")
    pixels = images.decode(tmp_path / "a.png", 40, crops.Box(-20, -10, 40))
    expected = np.zeros((40, 40, 3), np.uint8)
    expected[10:, 20:] = 200
    np.testing.assert_array_equal(pixels, expected)


def test_a_square_of_a_large_jpeg_read_at_reduced_scale_is_the_right_part(tmp_path):
    ramp = np.linspace(0, 255, 800, dtype=np.uint8)
    values = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (600, 800, 3)))
    Image.fromarray(values).save(tmp_path / "a.jpg", quality=95)
    found = images.decode(tmp_path / "a.jpg", 16, crops.Box(300, 100, 256))
    expected = ramp[300:556].reshape(16, 16).mean(axis=1)
    assert np.abs(found[8, :, 1] - expected).max() < 4


# Trees with landmarks, written by hand from the datasets' documents.

SIXTY_EIGHT = np.zeros((68, 2))
SIXTY_EIGHT[36:42], SIXTY_EIGHT[42:48], SIXTY_EIGHT[30] = (60, 80), (100, 80), (80, 110)
SIXTY_EIGHT[36] += (-6, 0)
SIXTY_EIGHT[39] += (6, 0)
SQUARE = crops.face_box((60, 80), (100, 80), (80, 110))
SCHEMES = {
    68: SIXTY_EIGHT,
    66: np.delete(SIXTY_EIGHT, (60, 64), axis=0),
    49: np.delete(SIXTY_EIGHT[17:], (43, 47), axis=0),
}


def matlab_text(points):
    return "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in points)


def picture(path, value=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((200, 160, 3), value, np.uint8)).save(path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def ck_plus(root):
    picture(root / "cohn-kanade-images/S005/001/S005_001_00000011.png")
    write(root / "Landmarks/S005/001/S005_001_00000011_landmarks.txt", matlab_text(SCHEMES[68]))
    return "cohn-kanade-images/S005/001/S005_001_00000011.png"


def unbc(root):
    picture(root / "Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png")
    write(root / "AAM_landmarks/042-ll042/ll042t1aaaff/ll042t1aaaff001_aam.txt", matlab_text(SCHEMES[66]))
    return "Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png"


def bp4d(root):
    picture(root / "Sequences(2D+3D)/F001/T1/0001.jpg")
    fit = np.zeros((1, 3), dtype=[("pred", object), ("pose", object)])
    for number, points in enumerate((np.zeros((0, 0)), SCHEMES[49], SCHEMES[49] * 2)):
        fit["pred"][0, number], fit["pose"][0, number] = points, np.eye(3)
    (root / "2DFeatures").mkdir()
    savemat(root / "2DFeatures/F001_T1.mat", {"fit": fit})
    return "Sequences(2D+3D)/F001/T1/0001.jpg"


def disfa(root):
    picture(root / "Images/SN001/00002.png")
    picture(root / "Images/SN001/00001.png")
    (root / "Landmark_Points/SN001/frame_lm").mkdir(parents=True)
    for number in range(3):  # counted from 0, the images from 1
        points = SCHEMES[66] if number == 1 else SCHEMES[66] * 3
        savemat(root / f"Landmark_Points/SN001/frame_lm/SN001_{number:04d}_lm.mat", {"pts": points})
    return "Images/SN001/00002.png"


TREES = {"ck_plus": ck_plus, "unbc": unbc, "bp4d": bp4d, "disfa": disfa}


def test_every_dataset_with_landmarks_has_a_tree_here():
    assert set(TREES) == set(landmarks.SOURCES)


@pytest.mark.parametrize("dataset", TREES)
def test_the_landmarks_of_each_dataset_frame_its_image(dataset, tmp_path):
    image = TREES[dataset](tmp_path)
    assert landmarks.available(dataset, tmp_path)
    assert landmarks.box(dataset, tmp_path, image) == SQUARE


def build(root, dataset, *names, crop, folder="store", **settings):
    table = pd.DataFrame({"dataset": dataset, "image": names})
    place = root.parent / f"{root.name}-{folder}"
    return images.build_store(table, {dataset: root}, place, 32, progress=False, crop=crop, **settings)


def test_the_store_says_how_each_image_was_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "check", lambda *_: None)
    monkeypatch.setattr(crops, "detector_name", lambda: "a fake")
    monkeypatch.setattr(crops, "find_face", lambda picture, margin: boxes.pop(0))
    boxes = [crops.Box(10, 20, 100), None]
    good = ck_plus(tmp_path)
    bare, broken = (good.replace("00000011", f"0000001{digit}") for digit in (2, 3))
    picture(tmp_path / bare)
    picture(tmp_path / broken)
    write(tmp_path / "Landmarks/S005/001/S005_001_00000013_landmarks.txt", "1 2\n")
    store = build(tmp_path, "ck_plus", good, bare, broken, crop="auto", workers=1)
    found = store.index.set_index("image")
    assert found["crop"].tolist() == ["landmarks", "detector", "whole"]
    assert found["note"].tolist() == ["", "no landmarks", "landmarks unusable; no face found"]
    assert found.loc[good, ["left", "top", "side"]].tolist() == list(SQUARE)
    assert found.loc[bare, ["left", "top", "side"]].tolist() == [10, 20, 100]
    assert found.loc[broken, ["left", "top", "side"]].isna().all()
    assert store.record["crops"] == {"landmarks": 1, "detector": 1, "whole": 1}
    assert store.record["detector"] == "a fake" and store.record["crop"] == "auto"


def test_without_landmarks_an_image_fails_where_landmarks_are_asked_for(tmp_path):
    good = ck_plus(tmp_path)
    bare = good.replace("00000011", "00000012")
    picture(tmp_path / bare)
    store = build(tmp_path, "ck_plus", good, bare, crop="landmarks", max_failed=0.6)
    assert store.failures["reason"].str.startswith("no landmarks; looked for").tolist() == [True]
    assert store.record["rows_dropped"] == 1
    assert store.index["crop"].tolist() == ["landmarks", ""]


def test_the_pipeline_builds_the_store_that_the_profile_asks_for_and_tells_what_it_drops(tmp_path, monkeypatch, capsys):
    root = tmp_path / "ck_plus"
    good = ck_plus(root)
    picture(root / good.replace("00000011", "00000012"))
    table = pd.DataFrame({"dataset": "ck_plus", "image": [good, good.replace("00000011", "00000012")]})
    monkeypatch.setattr(pipeline.Pipeline, "database", lambda self: table)
    monkeypatch.setattr(pipeline.Pipeline, "roots", lambda self: {"ck_plus": root})
    folders = set()
    for margin in (0.0, 0.3):
        wanted = {"crop": "landmarks", "margin": margin, "max_failed": 0.6}
        settings = profiles.settings(images=wanted, training={"image_size": 32})
        work = pipeline.Pipeline(settings, tmp_path / "work", progress=False)
        work.__dict__["_database_file"] = tmp_path / "database-0/database.parquet"
        store = work.store()
        assert store.record.items() >= {"crop": "landmarks", "margin": margin, "size": 32}.items()
        folders.add(store.folder)
        said = capsys.readouterr().err
        assert "1 of 2, with 1 rows: no landmarks" in said
    assert len(folders) == 2
    whole = profiles.settings(datasets={"ck_plus": str(root)}, training={"image_size": 32})
    work = pipeline.Pipeline(whole, tmp_path / "work", progress=False)
    work.__dict__["_database_file"] = tmp_path / "database-0/database.parquet"
    with pytest.warns(UserWarning, match="images of ck_plus are taken whole, and they are no face crops"):
        work.store()


@pytest.mark.parametrize("points", [SIXTY_EIGHT + 5000, SIXTY_EIGHT * 1e5])
def test_landmarks_beside_the_image_are_not_used(points, tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "check", lambda *_: None)
    monkeypatch.setattr(crops, "detector_name", lambda: "a fake")
    monkeypatch.setattr(crops, "find_face", lambda picture, margin: None)
    image = ck_plus(tmp_path)
    write(tmp_path / "Landmarks/S005/001/S005_001_00000011_landmarks.txt", matlab_text(points))
    found = build(tmp_path, "ck_plus", image, crop="auto").index
    assert found["crop"].tolist() == ["whole"] and found["note"].tolist() == ["landmarks unusable; no face found"]
    with pytest.raises(DataError, match="does not fit an image of 160 x 200"):
        build(tmp_path, "ck_plus", image, crop="landmarks", folder="strict")


def test_a_dataset_without_landmarks_is_refused_before_anything_is_decoded(tmp_path):
    picture(tmp_path / "a.png")
    with pytest.raises(SettingsError, match="'landmarks', and there are none for emotionet"):
        build(tmp_path, "emotionet", "a.png", crop="landmarks")


def test_datasets_that_are_face_crops_are_taken_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "check", lambda *_: None)
    monkeypatch.setattr(crops, "detector_name", lambda: "a fake")
    picture(tmp_path / "cropped_aligned/103/00001.jpg")
    store = build(tmp_path, "aff_wild2", "cropped_aligned/103/00001.jpg", crop="auto")
    assert store.index["crop"].tolist() == ["whole"] and store.index["note"].tolist() == [""]


def test_another_crop_another_margin_and_other_landmarks_are_another_store(tmp_path):
    image = ck_plus(tmp_path)
    keys = {build(tmp_path, "ck_plus", image, crop=crop, folder=crop).key for crop in ("whole", "landmarks")}
    keys.add(build(tmp_path, "ck_plus", image, crop="landmarks", margin=0.2, folder="margin").key)
    path = tmp_path / "Landmarks/S005/001/S005_001_00000011_landmarks.txt"
    path.write_text(path.read_text().replace("e+", "0e+"))
    keys.add(build(tmp_path, "ck_plus", image, crop="landmarks", folder="other").key)
    assert len(keys) == 4


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2\n3 x\n", r"landmarks.txt:2: found '3 x'; expected two numbers"),
        ("1 2\n", r"shape \(1, 2\); expected \(68, 2\)"),
        ("", r"shape \(0, 2\); expected \(68, 2\)"),
        ("nan nan\n" * 68, "make no face"),
    ],
)
def test_damaged_text_landmarks_are_named(text, message, tmp_path):
    image = ck_plus(tmp_path)
    write(tmp_path / "Landmarks/S005/001/S005_001_00000011_landmarks.txt", text)
    with pytest.raises(DataError, match=message):
        landmarks.box("ck_plus", tmp_path, image)


def test_frames_without_landmarks_in_bp4d_and_damaged_files(tmp_path):
    image = bp4d(tmp_path)
    assert landmarks.box("bp4d", tmp_path, image.replace("0001", "0000")) is None  # an empty pred
    with pytest.raises(DataError, match="holds 3 frames; there is none for 0007.jpg"):
        landmarks.box("bp4d", tmp_path, image.replace("0001", "0007"))
    (tmp_path / "2DFeatures/F002_T1.mat").write_bytes(b"no Matlab file")
    with pytest.raises(DataError, match="F002_T1.mat: is not a readable Matlab file"):
        landmarks.box("bp4d", tmp_path, image.replace("F001", "F002"))
    savemat(tmp_path / "2DFeatures/F003_T1.mat", {"other": 1})
    with pytest.raises(DataError, match="has no variable 'fit'"):
        landmarks.box("bp4d", tmp_path, image.replace("F001", "F003"))


def test_an_unknown_crop_and_an_impossible_margin_are_refused(tmp_path):
    picture(tmp_path / "a.png")
    with pytest.raises(SettingsError, match="crop is 'tight'; it is one of whole, landmarks, detector, auto"):
        build(tmp_path, "emotionet", "a.png", crop="tight")
    with pytest.raises(SettingsError, match="margin is -1"):
        build(tmp_path, "emotionet", "a.png", crop="whole", margin=-1)


def test_a_missing_detector_is_said_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    monkeypatch.setattr(crops.importlib.util, "find_spec", lambda name: None)
    picture(tmp_path / "a.png")
    with pytest.raises(AulibError, match=r"pip install 'aulib\[faces\]'"):
        build(tmp_path, "emotionet", "a.png", crop="auto")
    assert not (tmp_path.parent / f"{tmp_path.name}-store.part").exists()


def test_under_another_backend_the_detector_says_what_to_do(monkeypatch):
    monkeypatch.setattr(crops, "_require_detector", lambda: None)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(AulibError, match="Keras runs on jax: build the image store once with KERAS_BACKEND=tensorflow"):
        crops._detector.__wrapped__()


# With the detector itself.


def pasted(seed):
    """A synthetic head somewhere in a noisy picture, and the renderer's own frame of its face there."""
    rng = np.random.default_rng(seed)
    person = people.sample(rng, (0.0, 0.8))
    zoom, size = rng.uniform(0.4, 0.55), int(rng.integers(150, 400))
    yaw, pitch, roll = rng.normal(0, (6, 4, 4))
    face = render.face(person, {"AU12": 4.0}, render.Scene(zoom=zoom, yaw=yaw, pitch=pitch, roll=roll), size)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    canvas = np.asarray(Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)).copy()
    top, left = rng.integers(0, 480 - size), rng.integers(0, 640 - size)
    canvas[top : top + size, left : left + size] = face
    side = size * zoom
    return Image.fromarray(canvas), (left + size / 2 - side / 2, top + size / 2 - side / 2, side)


def overlap(box, truth):
    """Intersection over union of two squares."""
    inside = [max(0.0, min(box[k] + box[2], truth[k] + truth[2]) - max(box[k], truth[k])) for k in (0, 1)]
    shared = inside[0] * inside[1]
    return shared / (box[2] ** 2 + truth[2] ** 2 - shared)


def test_the_detector_frames_heads_anywhere_in_a_picture_as_the_renderer_does():
    shared = [overlap(crops.find_face(picture) or (0, 0, 0), truth) for picture, truth in map(pasted, range(8))]
    assert min(shared) > 0.7 and np.mean(shared) > 0.85


def test_a_picture_without_a_face_has_none_and_the_store_keeps_or_drops_it_as_asked(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    (tmp_path / "trees").mkdir()
    Image.fromarray(noise).save(tmp_path / "trees/noise.png")
    pasted(1)[0].save(tmp_path / "trees/face.png")
    names = ("face.png", "noise.png")
    store = build(tmp_path / "trees", "emotionet", *names, crop="detector", max_failed=0.6, folder="strict")
    assert store.failures[["image", "reason"]].values.tolist() == [["noise.png", "no face found"]]
    kept = build(tmp_path / "trees", "emotionet", *names, crop="auto", folder="auto").index
    assert kept["crop"].tolist() == ["detector", "whole"] and kept["note"].tolist() == ["", "no face found"]


def test_tiny_pictures_have_no_face_and_do_no_harm():
    for size in (1, 5, 12, 20):
        assert crops.find_face(Image.new("RGB", (size, size), (90, 90, 90))) is None
