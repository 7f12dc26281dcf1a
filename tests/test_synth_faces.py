"""Promises of the rendered faces and of the head they are made from."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from aulib import facs
from aulib.errors import DataError, SettingsError
from aulib.synth import basis, people, render, render_face

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
        ({"aus": {"AU12": (0, 6)}}, r"AU12 has intensity \(0, 6\)"),
        ({"aus": {"AU12": "3"}}, "AU12 has intensity '3'"),
        ({"aus": {"AU12": (1, 2, 3)}}, "AU12 has 3 intensities"),
        ({"aus": {"AU17": (0, 3)}}, r"AU17 .Chin raiser. has no sides.*accepted for AU01, AU02, .*AU46"),
        ({"aus": {"AU51": (0, 3)}}, "AU51 .Head turn left. has no sides"),
        ({"aus": {"AU30": (2, 3)}}, "the jaw goes to one side"),
        ({"size": 8}, "size is 8"),
        ({"identity": -1}, "identity is -1"),
    ],
)
def test_faces_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        render_face(**arguments)


# ---------------------------------------------------------------- left and right


@pytest.fixture(scope="module")
def twin():
    """A person whose two halves are alike, to be seen in light and background that are alike on both sides."""
    person = people.sample(np.random.default_rng(3))
    skin = (person.skin + person.skin[:, ::-1]) / 2
    return dataclasses.replace(person, skin=skin, curtain=0.0)


FRONTAL = render.Scene(light=(0.0, 0.5, 0.8), noise=0.0)
SIDED = [unit for unit in RENDERABLE if facs.CATALOGUE[unit].sided]


@pytest.mark.parametrize("unit", SIDED)
def test_the_right_side_is_the_mirror_image_of_the_left(unit, twin):
    left, right = (render.face(twin, {unit: pair}, FRONTAL, 64).astype(int) for pair in ((4, 0), (0, 4)))
    relaxed = render.face(twin, {}, FRONTAL, 64).astype(int)
    unlike, moved = np.abs(left - right[:, ::-1]), np.abs(left - relaxed)
    assert unlike.mean() < 0.15 and unlike.sum() < 0.5 * moved.sum()  # rays meet other triangles of the mirrored mesh
    assert moved[:, 32:].sum() > 2 * moved[:, :32].sum()  # the person's left is on the right of the picture


@pytest.mark.parametrize("unit", [unit for unit in SIDED if unit not in facs.ONE_SIDED])
def test_two_equal_sides_are_the_plain_number(unit, twin):
    assert (render.face(twin, {unit: (3, 3)}, FRONTAL, 48) == render.face(twin, {unit: 3}, FRONTAL, 48)).all()


@pytest.mark.parametrize("unit", sorted(facs.ONE_SIDED))
def test_a_plain_number_moves_a_one_sided_unit_on_the_side_asked_for(unit):
    for side, pair in ((1, (4, 0)), (-1, (0, 4))):
        assert (render_face({unit: 4}, size=48, side=side) == render_face({unit: pair}, size=48)).all()


def test_the_halves_of_a_shape_add_up_to_it():
    head = basis.load()
    for whole, stem in basis.HALVED.items():
        both = head.shape({stem + "Left": 1.0, stem + "Right": 1.0})
        np.testing.assert_allclose(both, head.shape({whole: 1.0}), atol=1e-6)


# ---------------------------------------------------------------- the head basis


def test_the_head_basis_is_small_and_holds_no_pickle():
    assert basis.PATH.stat().st_size < 4_000_000
    with np.load(basis.PATH, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)
    halves = {stem + side for stem in basis.HALVED.values() for side in ("Left", "Right")}
    assert len([name for name in basis.load().expression if "-" not in name and name not in halves]) == 52


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
