"""Splits: nobody is on both sides, nothing is lost, and every dataset gives its share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aulib import splits
from aulib.errors import DataError, SettingsError


def table(people: dict[tuple[str, str], int], seed: int | None = None) -> pd.DataFrame:
    """Rows of (dataset, subject) -> number of rows, shuffled if a seed is given."""
    rows = [person for person, count in people.items() for _ in range(count)]
    db = pd.DataFrame(rows, columns=["dataset", "subject"], dtype="string")
    return db if seed is None else db.sample(frac=1, random_state=seed)


def many(sizes: dict[str, list[int]]) -> pd.DataFrame:
    return table({(name, f"s{i}"): n for name, counts in sizes.items() for i, n in enumerate(counts)})


def pairs(db: pd.DataFrame, index: np.ndarray) -> set[tuple[str, str]]:
    return set(db.iloc[index][["dataset", "subject"]].itertuples(index=False, name=None))


tables = st.dictionaries(
    st.tuples(st.sampled_from(["bp4d", "unbc", "ck_plus"]), st.sampled_from(list("abcdefgh"))),
    st.integers(1, 9),
    min_size=1,
)


@settings(max_examples=40, deadline=None)
@given(people=tables, seed=st.integers(0, 5), test_size=st.floats(0.05, 0.95))
def test_by_subject_is_a_partition_of_rows_and_people(people, seed, test_size):
    db = table(people, seed)
    train, test = splits.by_subject(db, test_size, seed)
    assert sorted([*train, *test]) == list(range(len(db)))
    assert not pairs(db, train) & pairs(db, test)
    for name in set(db["dataset"]):
        subjects = {subject for dataset, subject in people if dataset == name}
        held_out = len({subject for dataset, subject in pairs(db, test) if dataset == name})
        if len(subjects) >= 2:
            assert held_out == min(max(1, round(test_size * len(subjects))), len(subjects) - 1)
        else:
            assert held_out == 0


@settings(max_examples=40, deadline=None)
@given(people=tables, seed=st.integers(0, 5), test_size=st.floats(0.05, 0.95), order=st.integers(0, 99))
def test_by_subject_does_not_depend_on_the_order_of_the_rows(people, seed, test_size, order):
    db, shuffled = table(people), table(people, order)
    assert pairs(db, splits.by_subject(db, test_size, seed)[1]) == pairs(
        shuffled, splits.by_subject(shuffled, test_size, seed)[1]
    )


@settings(max_examples=60, deadline=None)
@given(people=tables.filter(lambda people: len(people) > 1), seed=st.integers(0, 5), k=st.integers(2, 6))
def test_folds_are_a_partition_of_rows_and_people_and_even_in_every_dataset(people, seed, k):
    db = table(people, seed)
    if k > len(people):
        with pytest.raises(SettingsError, match=f"from 2 to {len(people)}"):
            splits.folds(db, k, seed)
        return
    parts = splits.folds(db, k, seed)
    assert len(parts) == k and sorted(np.concatenate([test for _, test in parts])) == list(range(len(db)))
    for train, test in parts:
        assert sorted([*train, *test]) == list(range(len(db)))
        assert not pairs(db, train) & pairs(db, test)
    for name in {dataset for dataset, _ in people}:
        counts = [sum(dataset == name for dataset, _ in pairs(db, test)) for _, test in parts]
        assert max(counts) - min(counts) <= 1
    totals = [len(pairs(db, test)) for _, test in parts]
    assert max(totals) - min(totals) <= 1


@settings(max_examples=30, deadline=None)
@given(people=tables.filter(lambda people: len(people) > 2), seed=st.integers(0, 5), order=st.integers(0, 99))
def test_folds_do_not_depend_on_the_order_of_the_rows(people, seed, order):
    db, shuffled = table(people), table(people, order)
    first, second = ([pairs(t, test) for _, test in splits.folds(t, 3, seed)] for t in (db, shuffled))
    assert first == second


def test_folds_are_nearly_even_in_rows():
    rng = np.random.default_rng(1)
    db = many({name: rng.integers(20, 400, 41).tolist() for name in ("bp4d", "unbc", "actor_study")})
    shares = [len(test) / len(db) for _, test in splits.folds(db, 5, seed=2)]
    assert shares == pytest.approx([0.2] * 5, abs=0.01)


def test_a_seed_gives_the_same_folds_and_another_seed_others():
    db = many({"bp4d": [3, 4] * 15})
    first, again, other = ([test.tolist() for _, test in splits.folds(db, 4, seed)] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("k", [1, 0, -2, 2.5, "3", 4])
def test_a_number_of_folds_that_cannot_be_is_refused(k):
    with pytest.raises(SettingsError, match="a whole number from 2 to 3"):
        splits.folds(many({"bp4d": [1, 1, 1]}), k)


def test_the_same_subject_name_in_two_datasets_is_two_people():
    db = table({("bp4d", "s1"): 3, ("bp4d", "s2"): 3, ("unbc", "s1"): 3, ("unbc", "s2"): 3})
    train, test = splits.by_subject(db, 0.5)
    assert len(pairs(db, test)) == 2
    splits.assert_partition(db, np.flatnonzero(db["dataset"] == "bp4d"), np.flatnonzero(db["dataset"] == "unbc"))


def test_every_dataset_gives_its_share_of_people_and_nearly_of_rows():
    rng = np.random.default_rng(0)
    sizes = {name: rng.integers(20, 400, 41).tolist() for name in ("bp4d", "unbc", "actor_study")}
    db = many(sizes)
    _, test = splits.by_subject(db, 0.15, seed=3)
    for name, counts in sizes.items():
        rows = db.iloc[test]
        rows = rows[rows["dataset"] == name]
        assert rows["subject"].nunique() == 6
        assert len(rows) / sum(counts) == pytest.approx(0.15, abs=0.01)


def test_a_seed_gives_the_same_split_and_another_seed_another():
    db = many({"bp4d": [3] * 30})
    first, again, other = (splits.by_subject(db, seed=seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_leaving_out_a_dataset_does_not_change_the_others():
    db = many({"bp4d": [3, 5, 8] * 9, "unbc": [4, 2] * 9})
    alone = db[db["dataset"] == "bp4d"].reset_index(drop=True)
    both = pairs(db, splits.by_subject(db)[1])
    assert {person for person in both if person[0] == "bp4d"} == pairs(alone, splits.by_subject(alone)[1])


def test_positions_are_sorted_integers_whatever_the_index():
    db = table({("bp4d", "a"): 4, ("bp4d", "b"): 4}, seed=0)
    train, test = splits.by_subject(db)
    assert train.dtype == np.intp and np.all(np.diff(train) > 0) and np.all(np.diff(test) > 0)


@pytest.mark.parametrize("test_size", [0, 1, -0.1, 2])
def test_a_test_size_outside_0_to_1_is_refused(test_size):
    with pytest.raises(SettingsError, match="between 0 and 1"):
        splits.by_subject(many({"bp4d": [1, 1]}), test_size)


def test_rows_without_a_person_are_refused():
    db = many({"bp4d": [1, 1]})
    db.loc[1, "subject"] = pd.NA
    with pytest.raises(DataError, match="row 1 has no"):
        splits.by_subject(db)


def test_assert_partition_finds_every_fault():
    db = many({"bp4d": [2, 2]})
    splits.assert_partition(db, [0, 1], [2, 3])
    splits.assert_partition(db, [2, 3, 0, 1])
    with pytest.raises(DataError, match="row 3 is in no part"):
        splits.assert_partition(db, [0, 1], [2])
    with pytest.raises(DataError, match="row 1 is more than once"):
        splits.assert_partition(db, [0, 1], [1, 2, 3])
    with pytest.raises(DataError, match="person s1 of bp4d is in more than one part"):
        splits.assert_partition(db, [0, 1, 2], [3])
    with pytest.raises(DataError, match="position 4"):
        splits.assert_partition(db, [0, 1, 4], [2, 3])
    with pytest.raises(DataError, match="no index arrays"):
        splits.assert_partition(db)


def test_the_published_folds_hold_all_41_people_of_bp4d_once():
    people = [subject for fold in splits.BP4D_FOLDS for subject in fold]
    expected = [f"F{i:03d}" for i in range(1, 24)] + [f"M{i:03d}" for i in range(1, 19)]
    assert sorted(people) == expected and [len(fold) for fold in splits.BP4D_FOLDS] == [14, 14, 13]


def test_bp4d_folds_use_each_row_of_bp4d_as_test_row_once():
    db = table({("bp4d", "F001"): 2, ("unbc", "F001"): 5, ("bp4d", "F003"): 3, ("bp4d", "M015"): 1})
    folds = splits.bp4d_folds(db)
    assert [test.tolist() for _, test in folds] == [[0, 1], [7, 8, 9], [10]]
    assert [train.tolist() for train, _ in folds] == [[7, 8, 9, 10], [0, 1, 10], [0, 1, 7, 8, 9]]
    with pytest.raises(DataError, match="F099"):
        splits.bp4d_folds(table({("bp4d", "F099"): 1}))


def test_the_published_folds_are_an_exact_partition_of_bp4d():
    people = {("bp4d", f"{sex}{n:03d}"): n % 4 + 1 for sex, most in (("F", 23), ("M", 18)) for n in range(1, most + 1)}
    db = table(people | {("unbc", "F001"): 3}, seed=4)
    bp4d = np.flatnonzero((db["dataset"] == "bp4d").to_numpy())
    folds = splits.bp4d_folds(db)
    splits.assert_partition(db.iloc[bp4d], *(np.searchsorted(bp4d, test) for _, test in folds))
    for (train, test), published in zip(folds, splits.BP4D_FOLDS, strict=True):
        assert sorted([*train, *test]) == bp4d.tolist()
        assert {subject for _, subject in pairs(db, test)} == set(published)
        assert len(pairs(db, train)) == 41 - len(published)


def test_leaving_a_dataset_out_trains_on_all_rows_of_the_others():
    db = many({"bp4d": [2, 3], "unbc": [1, 1], "ck_plus": [4]}).sample(frac=1, random_state=1)
    for name, (train, test) in splits.leave_one_dataset_out(db).items():
        splits.assert_partition(db, train, test)
        assert set(db.iloc[test]["dataset"]) == {name} and name not in set(db.iloc[train]["dataset"])


def test_leave_one_dataset_out():
    db = many({"bp4d": [2], "unbc": [1, 1]})
    parts = splits.leave_one_dataset_out(db)
    assert {name: (a.tolist(), b.tolist()) for name, (a, b) in parts.items()} == {
        "bp4d": ([2, 3], [0, 1]),
        "unbc": ([0, 1], [2, 3]),
    }
    with pytest.raises(DataError, match="at least two datasets"):
        splits.leave_one_dataset_out(many({"bp4d": [2]}))


@pytest.mark.parametrize("test_dataset", [None, "unbc"])
def test_three_parts_hold_every_row_once_and_no_person_twice(test_dataset):
    db = many({"bp4d": [3] * 12, "unbc": [2] * 8, "ck_plus": [1] * 20})
    parts = splits.three_parts(db, test_size=0.25, validation_size=0.2, seed=4, test_dataset=test_dataset)
    assert sorted(np.concatenate(parts)) == list(range(len(db)))
    people = [pairs(db, part) for part in parts]
    assert all(people) and not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    if test_dataset:
        assert {dataset for dataset, _ in people[2]} == {"unbc"}


def test_three_parts_leave_out_people_of_other_datasets_whom_the_tests_show():
    """DISFA+ shows people of DISFA under the same names."""
    db = many({"bp4d": [1] * 9, "disfa": [3] * 9, "disfa_plus": [2] * 3})
    parts = splits.three_parts(db, test_size=0.25, validation_size=0.2, test_dataset="disfa_plus")
    left_out = sorted(set(range(len(db))) - set(np.concatenate(parts)))
    shared = db["subject"].isin(["s0", "s1", "s2"]).to_numpy()
    assert left_out == np.flatnonzero(shared & (db["dataset"] == "disfa").to_numpy()).tolist()


def test_three_parts_refuse_a_dataset_that_is_not_there():
    with pytest.raises(DataError, match="no dataset 'disfa' to test on; the table has only bp4d"):
        splits.three_parts(many({"bp4d": [1] * 9}), 0.2, 0.2, test_dataset="disfa")
