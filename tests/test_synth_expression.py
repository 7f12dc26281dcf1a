"""Promises of the generative model of expression."""

from __future__ import annotations

import numpy as np
import pytest

from aulib import facs
from aulib.synth import expression


@pytest.mark.parametrize("dataset", list(expression.RATES))
def test_antagonists_never_meet_and_effects_follow_causes(dataset):
    for k in range(150):
        rng = np.random.default_rng(k)
        for levels in expression.frames(expression.apex(dataset, rng), 3, rng):
            shown = [unit for unit in levels if expression.intensity(levels[unit]) > 0]
            assert not any(facs.excludes(a, b) for a in shown for b in shown)
            for cause, least, effect in facs.IMPLIED:
                assert expression.intensity(levels.get(cause, 0)) < least or effect in shown


def test_taken_rates_are_met():
    rng = np.random.default_rng(0)
    peaks = [expression.apex("bp4d", rng) for _ in range(2000)]
    for number, count in {1: 31042, 4: 29755, 7: 80616, 14: 68375, 17: 50406}.items():
        rate = sum(facs.code(number) in peak for peak in peaks) / 2000
        assert rate == pytest.approx(count / 146_847, abs=0.05)


def test_smiles_raise_cheeks_more_often_than_chance():
    rng = np.random.default_rng(1)
    peaks = [expression.apex("emotionet", rng) for _ in range(1500)]
    smiles, cheeks = (np.array([unit in peak for peak in peaks]) for unit in ("AU12", "AU06"))
    assert (smiles & cheeks).mean() > 1.5 * smiles.mean() * cheeks.mean()


def test_ck_plus_rises_from_neutral_to_the_apex():
    first, middle, last = expression.neutral_to_peak({"AU04": 4, "AU17": 2}, 3)
    assert first == {} and middle == {"AU04": 2.0, "AU17": 1.0} and last == {"AU04": 4.0, "AU17": 2.0}
