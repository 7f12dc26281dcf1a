"""Missing labels: every count is checked against a plain loop over cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aulib import missingness
from aulib.adapters.registry import PAPER
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


def test_the_papers_rate_follows_from_table_1_and_the_assumed_masks():
    assert sum(dataset.images for dataset in PAPER.values()) == 747_585
    assert missingness.paper_missing_rate() == pytest.approx(0.69074, abs=5e-6)


def test_the_thirteen_trained_units_are_far_less_incomplete():
    masks = {"actor_study": 13, "aff_wild2": 7, "bp4d": 12, "ck_plus": 13, "emotionet": 10, "unbc": 6}
    assert missingness.paper_missing_rate(masks, aus=13) == pytest.approx(0.202, abs=5e-4)


def test_bp4d_with_27_units_cannot_give_the_papers_rate():
    """Too much is known then, even if of the others only Aff-Wild2 coded its 8 units and the rest nothing at all."""
    masks = dict.fromkeys(PAPER, 0) | {"bp4d": 27, "aff_wild2": 8}
    assert missingness.paper_missing_rate(masks) < 0.69065


def test_masks_are_checked():
    with pytest.raises(SettingsError, match="disfa"):
        missingness.paper_missing_rate({"disfa": 12})
    with pytest.raises(SettingsError, match="cannot code 46 of 45"):
        missingness.paper_missing_rate({"bp4d": 46})
