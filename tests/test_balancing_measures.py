"""Promises of aulib.balancing.imbalance and scumble: the measures of the articles, on known cells."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aulib import paper
from aulib.balancing import balance, imbalance, scumble
from aulib.errors import DataError

NAN = np.nan
#: Positives a 4, b 1, c 1; known 4, 3, 3.
BY_HAND = np.array([[1, 1, 0], [1, 0, NAN], [1, 0, 1], [1, NAN, 0]])


def test_counts_and_ratios_computed_by_hand():
    table = imbalance(BY_HAND, names=["a", "b", "c"])
    assert table["positives"].tolist() == [4, 1, 1]
    assert table["known"].tolist() == [4, 3, 3]
    np.testing.assert_allclose(table["prevalence"], [1, 1 / 3, 1 / 3])
    assert table["IRLbl"].tolist() == [1, 4, 4]
    np.testing.assert_allclose(table["IRLbl_prevalence"], [1, 3, 3])


def test_measures_of_the_whole_table_computed_by_hand():
    attrs = imbalance(BY_HAND).attrs
    assert attrs["rows"] == 4
    assert attrs["MeanIR"] == 3.0  # of 1, 4, 4
    assert attrs["CVIR"] == pytest.approx(np.sqrt((4 + 1 + 1) / 2) / 3)
    assert attrs["max_min"] == 4.0
    assert attrs["CV"] == pytest.approx(np.sqrt((4 + 1 + 1) / 3) / 2)  # of 4, 1, 1
    # Rows 0 and 2 display labels with ratios 1 and 4: geometric mean 2, arithmetic mean 2.5.
    assert attrs["SCUMBLE"] == pytest.approx(0.1)
    assert attrs["SCUMBLE.CV"] == pytest.approx(np.sqrt(4 * 0.1**2 / 3) / 0.1)


def test_scumble_of_rows_and_labels_computed_by_hand():
    np.testing.assert_allclose(scumble(BY_HAND), [0.2, 0, 0.2, 0], atol=1e-15)
    np.testing.assert_allclose(imbalance(BY_HAND)["SCUMBLE"], [0.1, 0.2, 0.2])


def by_loop(y):
    """The definitions read aloud, cell by cell."""
    n, labels = y.shape
    positives = [sum(y[i, j] == 1 for i in range(n)) for j in range(labels)]
    ratio = [max(positives) / p if p else None for p in positives]
    rows = []
    for i in range(n):
        active = [ratio[j] for j in range(labels) if y[i, j] == 1]
        rows.append(1 - np.prod(active) ** (1 / len(active)) / np.mean(active) if active else 0.0)
    known = [r for r in ratio if r is not None]
    own = [[rows[i] for i in range(n) if y[i, j] == 1] for j in range(labels)]
    return {
        "rows": rows,
        "labels": [np.mean(o) if o else NAN for o in own],
        "MeanIR": np.mean(known),
        "CVIR": np.std(known, ddof=1) / np.mean(known) if len(known) > 1 else NAN,
        "SCUMBLE": np.mean(rows),
        "SCUMBLE.CV": np.std(rows, ddof=1) / np.mean(rows) if np.mean(rows) > 1e-12 else NAN,
    }


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 6), st.floats(0.05, 0.9), st.floats(0, 0.8))
def test_measures_equal_a_loop_over_cells(seed, n, labels, prevalence, missing):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, labels)) < prevalence).astype(float)
    y[rng.random(y.shape) < missing] = NAN
    y[0, 0] = 1
    expected = by_loop(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = imbalance(y)
    np.testing.assert_allclose(scumble(y), expected["rows"], atol=1e-12)
    np.testing.assert_allclose(table["SCUMBLE"], expected["labels"], atol=1e-12)
    for name in ("MeanIR", "CVIR", "SCUMBLE"):
        assert table.attrs[name] == pytest.approx(expected[name], abs=1e-12, nan_ok=True)
    if expected["SCUMBLE"] > 1e-12:
        assert table.attrs["SCUMBLE.CV"] == pytest.approx(expected["SCUMBLE.CV"])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_unknown_cells_count_as_nothing_and_not_as_negative(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((40, 3)) < 0.5).astype(float)
    y[:3] = np.eye(3)
    holes = (rng.random(y.shape) < 0.4) & (y == 0)
    with_holes = np.where(holes, NAN, y)
    np.testing.assert_array_equal(scumble(with_holes), scumble(y))
    a, b = imbalance(y), imbalance(with_holes)
    np.testing.assert_array_equal(a["IRLbl"], b["IRLbl"])
    assert (b["prevalence"] >= a["prevalence"]).all()


def test_a_label_coded_by_few_is_rare_in_counts_and_not_in_prevalence():
    y = np.array([[1, 1]] * 10 + [[1, NAN]] * 30 + [[0, NAN]] * 40 + [[0, 0]] * 5)
    table = imbalance(y)
    assert table["IRLbl"].tolist() == [1, 4]
    assert table["IRLbl_prevalence"].idxmax() == 0, "label 1 is on 10 of 15 rows, label 0 on 40 of 85"


def test_labels_of_equal_frequency_have_no_scumble():
    y = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
    np.testing.assert_allclose(scumble(y), 0, atol=1e-15)


def test_a_label_without_positives_warns_and_stays_out_of_the_measures():
    with pytest.warns(UserWarning, match="b"):
        table = imbalance([[1, 0], [1, 0]], names=["a", "b"])
    assert table.loc["b", "IRLbl"] == np.inf and table.loc["b", "IRLbl_prevalence"] == np.inf
    assert np.isnan(table.loc["b", "SCUMBLE"])
    assert table.attrs["MeanIR"] == table.attrs["max_min"] == 1
    assert np.isnan(table.attrs["CVIR"]), "one ratio has no standard deviation"


def test_a_label_that_is_never_known_has_no_prevalence():
    with pytest.warns(UserWarning):
        table = imbalance([[1, NAN], [0, NAN]])
    assert np.isnan(table.loc[1, "prevalence"]) and table.loc[0, "IRLbl_prevalence"] == 1


def test_a_table_without_positives_has_no_measures():
    with pytest.warns(UserWarning):
        attrs = imbalance([[0, 0], [0, NAN]]).attrs
    assert all(np.isnan(attrs[name]) for name in ("MeanIR", "CVIR", "max_min", "CV", "SCUMBLE.CV"))
    assert attrs["SCUMBLE"] == 0


def test_measures_of_groups_equal_those_of_their_rows():
    rng = np.random.default_rng(3)
    y = (rng.random((500, 4)) < 0.3).astype(float)
    y[rng.random(y.shape) < 0.2] = NAN
    b = balance(y)
    for table, rows in ((b.before, y), (b.after, y[b.indices])):
        expected = imbalance(rows)
        np.testing.assert_allclose(table.to_numpy(float), expected.to_numpy(float), rtol=1e-12)
        assert table.attrs == pytest.approx(expected.attrs, nan_ok=True)


@pytest.mark.parametrize(("column", "expected"), [("train", (1.975, 1.408, 0.185)), ("test", (4.079, 2.211, 0.490))])
def test_measures_of_the_papers_table_2(column, expected):
    rows = np.repeat(np.eye(13, dtype="float32"), paper.TABLE_2[column], axis=0)
    found = imbalance(rows).attrs
    assert (found["max_min"], found["MeanIR"], found["CV"]) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("function", [imbalance, scumble])
@pytest.mark.parametrize("y", [[[1, 9], [0, 1]], [1, 0]])
def test_other_values_than_labels_are_refused(function, y):
    with pytest.raises(DataError):
        function(y)
