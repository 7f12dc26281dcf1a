"""Promises of the rendered faces and of the head they are made from."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from aulib import facs
from aulib.errors import DataError, SettingsError
from aulib.synth import basis, render, render_face

RENDERABLE = [unit for unit in facs.ALL if facs.CATALOGUE[unit].renderable]


@pytest.mark.parametrize("unit", RENDERABLE)
def test_every_renderable_action_unit_can_be_seen(unit):
    relaxed = render_face({}, identity=4, size=64, noise=0.0).astype(int)
    shown = render_face({unit: 5}, identity=4, size=64, noise=0.0).astype(int)
    assert (np.abs(shown - relaxed).max(axis=2) > 12).sum() >= 8


def test_a_face_is_a_colour_image_and_the_same_each_time():
    face = render_face({"AU12": 4}, identity=1, size=48)
    assert face.shape == (48, 48, 3) and face.dtype == np.uint8
    assert (face == render_face({"AU12": 4}, identity=1, size=48)).all()
    assert (face != render_face({"AU12": 4}, identity=2, size=48)).any()


def test_intensity_grows_what_is_seen():
    relaxed, weak, strong = (
        render_face({"AU12": level}, size=64, noise=0.0).astype(int) for level in (0, 2, 5)
    )  # fmt: skip
    assert 0 < np.abs(weak - relaxed).sum() < np.abs(strong - relaxed).sum()


def test_the_head_turns_the_way_its_angles_say():
    nose, crown = np.array((0.0, 0.0, 1.0)), np.array((0.0, 1.0, 0.0))
    still = {"headYaw": 0.0, "headPitch": 0.0, "headRoll": 0.0}
    left, up, tilt = (render._rotation(render.Scene(**{axis: 20.0}), still) for axis in ("yaw", "pitch", "roll"))
    assert (left @ nose)[0] == pytest.approx(np.sin(np.radians(20)))  # x grows to the person's left
    assert (up @ nose)[1] == pytest.approx(np.sin(np.radians(20)))
    assert (tilt @ crown)[0] == pytest.approx(np.sin(np.radians(20)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"aus": {"AU99": 1}}, "unknown action unit 'AU99'"),
        ({"aus": {"AU31": 1}}, "AU31 .Jaw clencher. cannot be shown"),
        ({"aus": {"AU12": 6}}, "AU12 has intensity 6"),
        ({"size": 8}, "size is 8"),
        ({"identity": -1}, "identity is -1"),
    ],
)
def test_faces_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        render_face(**arguments)


# ---------------------------------------------------------------- the head basis


def test_the_head_basis_is_small_and_holds_no_pickle():
    assert basis.PATH.stat().st_size < 4_000_000
    with np.load(basis.PATH, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)
    assert len([name for name in basis.load().expression if "-" not in name]) == 52


def test_a_changed_head_basis_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / "head_basis.npz"
    copy.write_bytes(basis.PATH.read_bytes()[:-1])
    monkeypatch.setattr(basis, "PATH", copy)
    basis.load.cache_clear()
    with pytest.raises(DataError, match="SHA-256"):
        basis.load()
    monkeypatch.undo()
    assert basis.load().vertices.shape[1] == 3


def test_importing_the_package_loads_no_renderer():
    code = "import sys, aulib.synth; assert not {'embreex', 'keras', 'tensorflow', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
