"""Promises of the catalogue of action units."""

from __future__ import annotations

import doctest

import pytest

from aulib import facs
from aulib.synth import basis


def test_there_are_45_action_units_in_the_order_of_table_3():
    assert len(facs.ALL) == 45
    assert tuple(facs.CATALOGUE) == facs.ALL
    assert facs.ALL[:7] == ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09")
    assert facs.ALL[-1] == "AU56"


def test_the_paper_trains_on_13_of_them():
    assert len(facs.PAPER_13) == 13
    assert set(facs.PAPER_13) < set(facs.ALL)


@pytest.mark.parametrize("unit", facs.CATALOGUE.values(), ids=lambda unit: unit.code)
def test_every_entry_is_filled_in(unit):
    assert unit.code == facs.code(unit.number)
    assert unit.name and unit.region
    assert unit.part in {"upper", "lower", "head"}
    assert unit.renderable == bool(unit.shapes)


def test_famous_names_are_right():
    names = {4: "Brow lowerer", 6: "Cheek raiser", 12: "Lip corner puller", 17: "Chin raiser", 24: "Lip pressor"}
    assert {number: facs.CATALOGUE[facs.code(number)].name for number in names} == names
    assert facs.CATALOGUE["AU12"].muscles == ("zygomaticus major",)


def test_only_four_action_units_cannot_be_shown():
    hidden = [unit.number for unit in facs.CATALOGUE.values() if not unit.renderable]
    assert hidden == [31, 32, 33, 37]


def test_every_shape_exists_in_the_head_basis():
    known = set(basis.load().expression) | {"headYaw", "headPitch", "headRoll"}
    used = {name for unit in facs.CATALOGUE.values() for name in unit.shapes}
    assert used <= known


def test_left_and_right_are_moved_alike():
    for unit in facs.CATALOGUE.values():
        for name, weight in unit.shapes.items():
            if name.endswith("Left"):
                assert unit.shapes[name.removesuffix("Left") + "Right"] == weight


def test_units_that_move_the_middle_or_the_head_have_no_sides():
    without = {unit.number for unit in facs.CATALOGUE.values() if unit.renderable and not unit.sided}
    assert without == {17, 18, 19, 22, 23, 24, 25, 26, 27, 28, 29, 39, *range(51, 57)}
    assert all(facs.CATALOGUE[unit].sided for unit in facs.ONE_SIDED)


def test_the_label_of_a_pair_is_its_stronger_side():
    assert facs.stronger((1, 4)) == facs.stronger([4.0, 0]) == facs.stronger(4) == 4


def test_shapes_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        facs.CATALOGUE["AU12"].shapes["mouthSmileLeft"] = 0.0


def test_closed_lips_exclude_parted_ones_both_ways():
    for closed in ("AU24", "AU28"):
        for parted in ("AU25", "AU26", "AU27"):
            assert facs.excludes(closed, parted) and facs.excludes(parted, closed)
    assert facs.excludes("AU05", "AU43") and facs.excludes("AU17", "AU27")
    assert not facs.excludes("AU01", "AU02")


def test_no_action_unit_excludes_itself_or_what_it_implies():
    assert not any(facs.excludes(unit, unit) for unit in facs.ALL)
    assert not any(facs.excludes(cause, effect) for cause, _, effect in facs.IMPLIED)


def test_the_examples_in_the_documentation_hold():
    assert doctest.testmod(facs).failed == 0
