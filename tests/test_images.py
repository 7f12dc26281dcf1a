"""Promises of `aulib.images`: every kind of image file ends as RGB pixels by stated rules; nothing is decoded twice."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aulib import images
from aulib.errors import DataError, SettingsError


def table(*names, dataset="bp4d"):
    return pd.DataFrame({"dataset": dataset, "image": pd.array(names, dtype="string")})


@pytest.fixture
def root(tmp_path):
    """Ten PNG images of one colour each: image i has the value 20 (i + 1), so that none is black."""
    folder = tmp_path / "bp4d"
    folder.mkdir()
    for number in range(10):
        Image.fromarray(np.full((12, 12, 3), 20 * (number + 1), np.uint8)).save(folder / f"{number}.png")
    return folder


NAMES = [f"{number}.png" for number in range(10)]


def build(names, root, **settings):
    return images.build_store(
        table(*names), {"bp4d": root}, root.parent / "store", settings.pop("size", 8), progress=False, **settings
    )


def test_each_image_is_stored_once_and_found_by_name(root):
    store = build([*NAMES, "3.png", "3.png"], root)
    assert store.pixels.shape == (10, 8, 8, 3) and store.pixels.dtype == np.uint8
    asked = table("7.png", "2.png", "7.png")
    assert store.pixels[store.rows(asked)][:, 0, 0, 0].tolist() == [160, 60, 160]
    assert store.rows(asked).dtype == np.intp


def test_images_of_the_same_name_in_two_datasets_are_kept_apart(root, tmp_path):
    (tmp_path / "unbc").mkdir()
    Image.new("RGB", (9, 9), (50, 60, 70)).save(tmp_path / "unbc/0.png")
    both = pd.concat([table("0.png"), table("0.png", dataset="unbc")])
    roots = {"bp4d": root, "unbc": tmp_path / "unbc"}
    store = images.build_store(both, roots, tmp_path / "store", 4, progress=False)
    assert store.pixels[store.rows(both)][:, 0, 0].tolist() == [[20, 20, 20], [50, 60, 70]]


def test_an_image_that_is_not_in_the_store_is_named(root):
    store = build(NAMES[:3], root)
    with pytest.raises(DataError, match=r"bp4d '9.png' \(table row 1\) and 0 more are not in the image store"):
        store.rows(table("0.png", "9.png"))
    assert store.usable(table("0.png", "9.png")).tolist() == [True, False]


def test_rows_without_an_image_are_left_out_of_the_store_and_are_not_usable(root):
    mixed = table("0.png", pd.NA)
    store = images.build_store(mixed, {"bp4d": root}, root.parent / "store", 8, progress=False)
    assert len(store.pixels) == 1
    assert store.usable(mixed).tolist() == [True, False]


def save(image, root, name, **settings):
    image.save(root / name, **settings)
    return images.decode(root / name, 4)


def test_grey_becomes_rgb(tmp_path):
    assert (save(Image.new("L", (8, 8), 90), tmp_path, "grey.png") == 90).all()
    assert (save(Image.new("1", (8, 8), 1), tmp_path, "bits.png") == 255).all()


def test_16_bit_grey_is_divided_by_257(tmp_path):
    for value, expected in ((65535, 255), (257 * 100, 100), (0, 0)):
        found = save(Image.fromarray(np.full((4, 4), value, np.uint16)), tmp_path, "deep.png")
        assert (found == expected).all()


def test_transparent_pixels_are_laid_over_black(tmp_path):
    assert (save(Image.new("RGBA", (4, 4), (200, 100, 50, 0)), tmp_path, "clear.png") == 0).all()
    assert save(Image.new("RGBA", (4, 4), (200, 100, 50, 255)), tmp_path, "solid.png")[0, 0].tolist() == [200, 100, 50]
    half = save(Image.new("LA", (4, 4), (200, 128)), tmp_path, "half.png")
    assert np.abs(half.astype(int) - 100).max() <= 1


def test_palette_images_have_their_palettes_colours(tmp_path):
    image = Image.new("RGB", (4, 4), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert save(image, tmp_path, "palette.gif")[0, 0].tolist() == [10, 200, 30]


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    found = save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path, "print.jpg", quality=95)
    assert found[0, 0, 0] > 240 and found[0, 0, 1:].max() < 15  # cyan 0, magenta and yellow full: red


def test_exif_orientation_is_applied(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated clockwise by 90 degrees
    found = save(Image.fromarray(picture), tmp_path, "turned.png", exif=exif)
    assert (found[:, 2:] == 255).all() and (found[:, :2] == 0).all()


def test_the_whole_image_is_shrunk_by_area(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (12, 24, 3), dtype=np.uint8)
    expected = values.reshape(4, 3, 4, 6, 3).mean(axis=(1, 3))
    assert np.abs(save(Image.fromarray(values), tmp_path, "wide.png") - expected).max() <= 1


def test_a_large_jpeg_read_at_reduced_scale_looks_like_the_full_one(tmp_path):
    ramp = np.linspace(0, 255, 400, dtype=np.uint8)
    values = np.broadcast_to(ramp[None, :, None], (300, 400, 3))
    found = save(Image.fromarray(np.ascontiguousarray(values)), tmp_path, "large.jpg", quality=95)
    expected = ramp.reshape(4, 100).mean(axis=1)
    assert np.abs(found[:, :, 1] - expected).max() < 4


def damaged(root):
    """Files that must fail, with the beginning of the reason."""
    (root / "empty.png").write_bytes(b"")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8))
    noise.save(root / "cut.png")
    (root / "cut.png").write_bytes((root / "cut.png").read_bytes()[:1000])
    noise.save(root / "cut.jpg", quality=95)
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:-400])
    (root / "text.jpg").write_text("this is no image")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(root / "float.tif")
    Image.fromarray(np.full((30, 40, 3), 5, np.uint8)).save(root / "black.jpg")
    return {
        "empty.png": "UnidentifiedImageError",
        "cut.png": "OSError",
        "cut.jpg": "OSError: image file is truncated",
        "text.jpg": "UnidentifiedImageError",
        "float.tif": "ValueError: floating-point",
        "black.jpg": "black: no pixel is above 8",
        "missing.png": "FileNotFoundError",
    }


def test_images_that_cannot_be_used_are_listed_and_their_rows_are_dropped_with_a_count(root):
    bad = damaged(root)
    rows = [*NAMES, *bad, "black.jpg", pd.NA]  # the black image has two rows
    store = build(rows, root, max_failed=0.5)
    reasons = store.failures.set_index("image")["reason"]
    assert set(reasons.index) == set(bad)
    for name, reason in bad.items():
        assert reasons[name].startswith(reason), reasons[name]
    assert store.usable(table(*rows)).tolist() == [True] * 10 + [False] * 9
    assert len(store.rows(table(*bad))) == 7
    counts = {"images": 17, "failed": 7, "rows": 19, "rows_without_image": 1, "rows_dropped": 8}
    assert store.record.items() >= counts.items()
    assert "7 failed" in repr(store)


def test_a_dark_image_is_not_a_black_one(root):
    Image.fromarray(np.full((30, 40, 3), 12, np.uint8)).save(root / "dark.png")
    assert build(["dark.png"], root).failures.empty


def test_too_many_failures_stop_with_the_first_reasons(root):
    with pytest.raises(DataError, match=r"7 of 17 images are unusable, more than the accepted share of 0.02"):
        build([*NAMES, *damaged(root)], root)


def test_a_store_without_any_image_is_an_error(root):
    with pytest.raises(DataError, match="1 of 1 images are unusable"):
        build(["missing.png"], root, max_failed=1.0)
    with pytest.raises(DataError, match="names no image"):
        build([pd.NA], root)


def test_an_interrupted_call_decodes_only_what_is_left(root, monkeypatch):
    decode, seen = images.decode, []

    def stop_at_seven(path, size):
        if len(seen) == 7:
            raise KeyboardInterrupt
        seen.append(path.name)
        return decode(path, size)

    monkeypatch.setattr(images, "decode", stop_at_seven)
    with pytest.raises(KeyboardInterrupt):
        build(NAMES, root, workers=1, chunk=3)
    assert not (root.parent / "store").exists()
    monkeypatch.setattr(images, "decode", lambda path, size: (seen.append(path.name), decode(path, size))[1])
    seen.clear()
    store = build(NAMES, root, workers=1, chunk=3)
    assert seen == ["6.png", "7.png", "8.png", "9.png"]  # two chunks of three were finished
    assert store.pixels[store.rows(table(*NAMES))][:, 0, 0, 0].tolist() == [20 * (number + 1) for number in range(10)]


KILLED = """
import sys, time
import pandas as pd
from aulib import images
decode = images.decode
def slow(*arguments):
    time.sleep(0.1)
    return decode(*arguments)
images.decode = slow
table = pd.DataFrame({"dataset": "bp4d", "image": [f"{number}.png" for number in range(10)]})
images.build_store(table, {"bp4d": sys.argv[1]}, sys.argv[2], 8, workers=1, chunk=1, progress=False)
"""


def done(part):
    return (np.load(part / "state.npy") == images.GOOD).sum()


def test_killed_in_the_middle_and_called_again_the_store_is_the_same(root):
    part = root.parent / "store.part"
    work = subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(root.parent / "store")])
    while work.poll() is None and not ((part / "key").is_file() and done(part) >= 2):  # the key is written last
        time.sleep(0.005)
    work.kill()  # SIGKILL: nothing can be tidied up
    assert work.wait() == -signal.SIGKILL and not (root.parent / "store").exists()
    assert 2 <= done(part) < 10
    resumed = build(NAMES, root)
    whole = images.build_store(table(*NAMES), {"bp4d": root}, root.parent / "other", 8, progress=False)
    np.testing.assert_array_equal(resumed.pixels, whole.pixels)
    pd.testing.assert_frame_equal(resumed.index, whole.index)
    assert resumed.record == whole.record


def test_a_finished_store_is_opened_without_decoding(root, monkeypatch):
    first = build(NAMES, root)
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("it decodes again"))
    again = build(NAMES[::-1], root)  # the order of the table does not matter
    assert again.key == first.key
    np.testing.assert_array_equal(again.pixels, images.open_store(first.folder).pixels)


@pytest.mark.parametrize("change", ["size", "list", "file"])
def test_a_folder_with_other_images_is_refused(root, change):
    build(NAMES, root)
    if change == "file":
        Image.new("RGB", (30, 30), (1, 2, 3)).save(root / "0.png")
    with pytest.raises(SettingsError, match="holds a store of other images"):
        build(NAMES[:5] if change == "list" else NAMES, root, size=16 if change == "size" else 8)


def test_workers_do_not_change_the_store(root):
    one = build(NAMES, root, workers=1).pixels
    store = images.build_store(table(*NAMES), {"bp4d": root}, root.parent / "other", 8, workers=4, progress=False)
    np.testing.assert_array_equal(one, store.pixels)


def test_a_dataset_without_folder_and_a_size_of_zero_are_refused(root):
    with pytest.raises(SettingsError, match="no folder is given for bp4d"):
        images.build_store(table("0.png"), {"unbc": root}, root.parent / "store", 8)
    with pytest.raises(SettingsError, match="size is 0"):
        build(NAMES, root, size=0)


def test_opening_a_folder_that_is_no_store_says_so(tmp_path):
    with pytest.raises(DataError, match="no finished image store"):
        images.open_store(tmp_path)
