"""Promises of the benchmarks of the losses: they run, and the corrected loss keeps what its table claims."""

import runpy

import numpy as np
from conftest import ROOT

from aulib import losses


def script(name):
    return runpy.run_path(str(ROOT / "benchmarks" / name))


def test_the_table_of_distortion_has_every_case_and_the_corrected_loss_is_less_biased():
    table = script("batch_distortion.py")["table"](2**14)
    assert len(table) == 3 * 5 * 7
    some = table[(table["batch"] <= 64) & (table["known"] >= 0.2)]
    assert (some["paper: positives"].abs() > some["corrected: positives"].abs()).mean() > 0.9
    assert some["corrected: positives"].abs().max() < 0.05 < 0.5 < some["paper: positives"].abs().max()


def test_every_loss_takes_its_step_in_the_benchmark_of_steps():
    times = script("head_step.py")["measure"](rounds=1, steps=1)
    assert list(times) == ["Keras", *losses.names()]
    assert all(np.isfinite(found).all() and (found > 0).all() for found in times.values())
