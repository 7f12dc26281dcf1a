"""Missing labels: every count is checked against a plain loop over cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aulib import missingness
from aulib.errors import SettingsError

AUS = ["AU01", "AU04", "AU12"]


def table(rows: list[list[int | None]], datasets: list[str] | None = None) -> pd.DataFrame:
    columns = {au: pd.array([row[i] for row in rows], "Int8") for i, au in enumerate(AUS)}
    names = datasets or ["bp4d"] * len(rows)
    return pd.DataFrame({"dataset": pd.array(names, "string"), **columns})


cells = st.lists(st.lists(st.sampled_from([0, 1, None]), min_size=3, max_size=3), min_size=1, max_size=30)
MIXED = table(
    [[1, 0, None], [0, 0, None], [1, None, None], [None, 1, 1], [None, 0, 1]],
    ["bp4d", "bp4d", "bp4d", "unbc", "unbc"],
)


@settings(max_examples=50, deadline=None)
@given(rows=cells)
def test_counts_and_rate_agree_with_a_loop(rows):
    counts = missingness.label_counts(table(rows))
    for i, au in enumerate(AUS):
        column = [row[i] for row in rows]
        assert counts.loc[au].tolist() == [column.count(1), column.count(0), column.count(None)]
    unknown = sum(row.count(None) for row in rows)
    assert missingness.missing_rate(table(rows)) == pytest.approx(unknown / (3 * len(rows)))


@settings(max_examples=25, deadline=None)
@given(rows=cells, data=st.data())
def test_counts_by_dataset_add_up(rows, data):
    names = data.draw(st.lists(st.sampled_from(["bp4d", "unbc"]), min_size=len(rows), max_size=len(rows)))
    db = table(rows, names)
    by = missingness.label_counts(db, by="dataset")
    pd.testing.assert_frame_equal(by.groupby(level="AU").sum(), missingness.label_counts(db))
    assert by.index.names == ["dataset", "AU"] and set(by.index.levels[0]) == set(names)


@settings(max_examples=25, deadline=None)
@given(rows=cells)
def test_patterns_agree_with_a_loop(rows):
    expected: dict[tuple[bool, ...], int] = {}
    for row in rows:
        key = tuple(value is not None for value in row)
        expected[key] = expected.get(key, 0) + 1
    found = missingness.patterns(table(rows))
    assert {tuple(row[AUS]): row["rows"] for _, row in found.iterrows()} == expected
    assert found["share"].sum() == pytest.approx(1) and found["rows"].is_monotonic_decreasing


@settings(max_examples=25, deadline=None)
@given(rows=cells)
def test_co_annotation_agrees_with_a_loop(rows):
    both = missingness.co_annotation(table(rows))
    for i, a in enumerate(AUS):
        for j, b in enumerate(AUS):
            assert both.loc[a, b] == sum(row[i] is not None and row[j] is not None for row in rows)


def test_patterns_name_their_datasets():
    found = missingness.patterns(MIXED)
    assert found["rows"].tolist() == [2, 2, 1] and found["known"].tolist() == [2, 2, 1]
    assert sorted(found["datasets"]) == ["bp4d", "bp4d", "unbc"]
    shared = missingness.patterns(MIXED, ["AU04"])
    assert shared["datasets"].tolist() == ["bp4d, unbc", "bp4d"]


def test_patterns_of_all_45_units_are_told_apart():
    from aulib import facs

    known = np.eye(45, dtype=bool)
    db = pd.DataFrame({au: pd.array([1 if k else None for k in known[:, i]], "Int8") for i, au in enumerate(facs.ALL)})
    found = missingness.patterns(db.assign(dataset=pd.array(["unbc"] * 45, "string")))
    assert len(found) == 45 and found["known"].eq(1).all()


def test_coverage_is_the_known_share_by_unit_and_dataset():
    share = missingness.coverage(MIXED)
    assert share.columns.tolist() == ["bp4d", "unbc"] and share.index.tolist() == AUS
    np.testing.assert_allclose(share.to_numpy(), [[1, 0], [2 / 3, 1], [0, 1]])


def test_a_subset_of_units_can_be_asked_for():
    assert missingness.label_counts(MIXED, ["AU12"]).loc["AU12"].tolist() == [2, 0, 3]
    assert missingness.missing_rate(MIXED, ["AU12"]) == pytest.approx(3 / 5)
    with pytest.raises(SettingsError, match="no action unit AU99"):
        missingness.label_counts(MIXED, ["AU99"])
    with pytest.raises(SettingsError, match="no column 'camera'"):
        missingness.label_counts(MIXED, by="camera")


def test_a_table_without_rows_has_no_rate():
    assert np.isnan(missingness.missing_rate(MIXED.iloc[:0]))


@settings(max_examples=25, deadline=None)
@given(rows=cells)
def test_cardinality_lies_between_the_bounds_of_a_loop(rows):
    found = missingness.cardinality(table(rows)).loc["all"]
    displayed, unknown = (sum(row.count(value) for row in rows) for value in (1, None))
    known = 3 * len(rows) - unknown
    expected = {"rows": len(rows), "known": known / len(rows), "lower": displayed / len(rows)}
    expected |= {"upper": (displayed + unknown) / len(rows), "density_lower": displayed / (3 * len(rows))}
    expected |= {"density_upper": (displayed + unknown) / (3 * len(rows))}
    expected |= {"density_known": displayed / known if known else np.nan}
    assert found.to_dict() == pytest.approx(expected, nan_ok=True)


def test_cardinality_of_each_dataset():
    found = missingness.cardinality(MIXED, by="dataset")
    assert found.index.tolist() == ["bp4d", "unbc"] and found["rows"].tolist() == [3, 2]
    assert found["lower"].tolist() == pytest.approx([2 / 3, 3 / 2])
    assert found["upper"].tolist() == pytest.approx([6 / 3, 5 / 2])
    assert missingness.cardinality(MIXED.iloc[:0], by="dataset").empty


@settings(max_examples=25, deadline=None)
@given(rows=cells, data=st.data())
def test_bits_of_a_pattern_agree_with_a_loop_over_probabilities(rows, data):
    names = data.draw(st.lists(st.sampled_from(["bp4d", "unbc"]), min_size=len(rows), max_size=len(rows)))
    found = missingness.pattern_bits(table(rows, names))
    keys = [tuple(value is None for value in row) for row in rows]

    def bits(things):
        shares = [things.count(thing) / len(things) for thing in set(things)]
        return -sum(share * np.log2(share) for share in shares)

    left = bits(list(zip(keys, names, strict=True))) - bits(names)
    assert found["patterns"] == len(set(keys))
    assert found["bits"] == pytest.approx(bits(keys), abs=1e-9)
    assert found["bits_given_dataset"] == pytest.approx(left, abs=1e-9)
    assert np.isnan(found["explained"]) if len(set(keys)) == 1 else 0 <= found["explained"] <= 1


def test_pairs_known_together_are_counted_in_datasets_too():
    both = missingness.co_annotation(MIXED, count="datasets")
    assert both.loc["AU01", "AU04"] == 1 and both.loc["AU04", "AU04"] == 2 and both.loc["AU01", "AU12"] == 0
    with pytest.raises(SettingsError, match="accepted: 'rows' or 'datasets'"):
        missingness.co_annotation(MIXED, count="images")


def test_units_known_to_the_same_datasets_stand_together():
    groups = missingness.coding_groups(MIXED)
    assert groups.index.tolist() == ["AU04", "AU01", "AU12"]
    assert groups.tolist() == ["bp4d, unbc", "bp4d", "unbc"]
    nowhere = missingness.coding_groups(MIXED.assign(AU12=pd.array([None] * 5, "Int8")))
    assert nowhere["AU12"] == ""


def test_a_table_without_datasets_is_refused_where_datasets_count():
    bare = MIXED.drop(columns="dataset")
    for measure in (missingness.patterns, missingness.pattern_bits, missingness.coverage, missingness.coding_groups):
        with pytest.raises(SettingsError, match="no column 'dataset'"):
            measure(bare)
    with pytest.raises(SettingsError, match="no column 'dataset'"):
        missingness.co_annotation(bare, count="datasets")


def test_rows_without_a_value_to_count_by_are_left_out():
    db = MIXED.assign(camera=pd.array(["C1", None, "C1", "C2", None], "string"))
    by = missingness.label_counts(db, by="camera")
    assert by.loc["C1", "displayed"].tolist() == [2, 0, 0] and by.loc["C2", "unknown"].tolist() == [1, 0, 0]
    assert set(by.index.levels[0]) == {"C1", "C2"}
