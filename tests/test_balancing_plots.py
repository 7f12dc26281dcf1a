"""Promises of the figures of balancing: they show the numbers that the tables hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_balancing import labels

from aulib.balancing import balance, imbalance, lp_ros, ml_ros, uniform_class
from aulib.plots import balance as figures

NAMES = ["AU01", "AU02", "AU04", "AU06"]


@pytest.fixture(scope="module")
def samples():
    y = labels(0, n=900)
    methods = {"ML-ROS": ml_ros, "LP-ROS": lp_ros, "uniform": uniform_class}
    return {**{name: method(y, names=NAMES) for name, method in methods.items()}, "ours": balance(y, names=NAMES)}


def points(axes):
    """The centers of all dots, one array per series."""
    return [collection.get_offsets() for collection in axes.collections if len(collection.get_offsets())]


def test_rarity_shows_both_ratios_of_every_label():
    table = imbalance(labels(0, n=900), names=NAMES)
    axes = figures.rarity(table, "made here").axes[0]
    series = [dots[:, 0] for dots in points(axes) if len(dots) == len(NAMES)]
    assert sorted(table["IRLbl"]) in [sorted(x) for x in series]
    assert sorted(table["IRLbl_prevalence"]) in [sorted(x) for x in series]
    assert "made here" in axes.get_title()


def test_growth_shows_each_methods_factor_for_each_label(samples):
    figure = figures.growth(samples, "made here")
    series = [dots[:, 0] for dots in points(figure.axes[0]) if len(dots) == len(NAMES)]
    assert len(series) == 4
    expected = samples["ML-ROS"].after["positives"] / samples["ML-ROS"].before["positives"]
    np.testing.assert_allclose(sorted(series[0]), sorted(expected))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(samples)


def test_compare_writes_the_ratio_of_each_method(samples):
    axes = figures.compare(samples, "made here").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(samples)
    texts = " ".join(text.get_text() for text in axes.texts)
    for sample in samples.values():
        assert f"{sample.ratio_after:.2f}" in texts


def test_no_figure_stays_open(samples):
    figures.counts(samples["ours"].before)
    figures.before_after(samples["ours"])
    figures.coverage(samples["ours"])
    figures.multiplicity(samples["ours"])
    assert not plt.get_fignums()


def test_the_summary_holds_what_the_sample_shows(samples):
    y = labels(0, n=900)
    b, found = samples["ML-ROS"], samples["ML-ROS"].summary()
    attrs = imbalance(y[b.indices]).attrs
    shift = (~np.isnan(y[b.indices])).mean(axis=0) - (~np.isnan(y)).mean(axis=0)
    expected = [len(b.indices) / len(y), *(attrs[k] for k in ("max_min", "MeanIR", "CVIR", "SCUMBLE"))]
    expected += [np.bincount(b.indices).max(), 1 - len(set(b.indices)) / len(y), np.abs(shift).max()]
    np.testing.assert_allclose(found.to_numpy(float), expected, rtol=1e-9, atol=1e-12)
