"""Promises of the further limits of aulib.balancing.balance: datasets, subjects and coverage, and copies."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from test_balancing import NAN, labels, rows_as_keys

from aulib.balancing import SLACK, _programs, augmentation_seed, balance
from aulib.errors import DataError, SettingsError

BOXES = {"lower": 0.25, "upper": 4.0, "size": (0.6, 1.4)}


def table(seed=0, n=600, people=40):
    """Labels, datasets and people; each dataset leaves other labels unknown, each person has a habit of their own."""
    rng = np.random.default_rng(seed)
    person = np.sort(rng.integers(0, people, n))
    dataset = np.array(["lab", "web", "ward"])[person % 3]
    y = (rng.random((n, 4)) < np.array([0.5, 0.3, 0.15, 0.1]) + 0.2 * rng.random((people, 4))[person]).astype("float32")
    y[dataset == "web", 3] = NAN
    y[dataset == "ward", 1:3] = NAN
    y[:4] = np.eye(4)
    return y, dataset, np.array([f"p{i:02d}" for i in person])


def sizes(names, b):
    """Rows of each name before and after."""
    return pd.DataFrame({"before": 1, "after": b.multiplicity}).groupby(np.asarray(names)).sum()


def known_share(y):
    return (~np.isnan(y)).mean(axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_each_dataset_keeps_its_limits_exactly(seed):
    y, dataset, _ = table(seed)
    b = balance(y, **BOXES, datasets=dataset, dataset_size=(0.9, 1.1), seed=seed)
    taken = sizes(dataset, b)
    assert (taken["after"] >= np.ceil(0.9 * taken["before"] - 1e-9)).all()
    assert (taken["after"] <= np.floor(1.1 * taken["before"] + 1e-9)).all()
    assert b.ratio_after < b.ratio_before


def test_a_dataset_without_an_entry_in_the_mapping_is_free():
    y, dataset, _ = table(1)
    b = balance(y, **BOXES, datasets=dataset, dataset_size={"lab": (1, 1)})
    taken = sizes(dataset, b)
    assert taken.loc["lab", "after"] == taken.loc["lab", "before"]
    assert taken.loc["ward", "after"] != taken.loc["ward", "before"]


def test_groups_are_split_by_dataset_only_when_datasets_have_limits():
    y, dataset, subject = table(2)
    plain = balance(y, **BOXES, datasets=dataset, subjects=subject)
    assert "dataset" not in plain.groups and len(plain.groups) == len(set(rows_as_keys(y)))
    np.testing.assert_array_equal(plain.indices, balance(y, **BOXES).indices)
    split = balance(y, **BOXES, datasets=dataset, dataset_size=(0.5, 2)).groups
    expected = pd.DataFrame({"d": dataset, "k": rows_as_keys(y)}).value_counts()
    assert len(split) == len(expected)
    assert sorted(split.groupby("dataset")["n"].sum()) == sorted(pd.Series(dataset).value_counts())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("low", "high"), [(0.8, 1.25), (0.5, 1.5), (1.0, 1.0)])
def test_each_subject_keeps_its_limits_up_to_a_whole_row(seed, low, high):
    y, _, subject = table(seed)
    b = balance(y, **BOXES, subjects=subject, subject_size=(low, high), seed=seed)
    taken = sizes(subject, b)
    assert (taken["after"] >= np.floor(low * taken["before"] + 1e-9)).all()
    assert (taken["after"] <= np.ceil(high * taken["before"] - 1e-9)).all()


def test_limits_of_subjects_bind():
    y, _, subject = table(3)
    free = sizes(subject, balance(y, **BOXES))
    assert (free["after"] > np.ceil(1.2 * free["before"])).any(), "else the test above shows nothing"
    mapping = {"p07": (0.5, 0.6)}
    b = balance(y, **BOXES, subjects=subject, subject_size=mapping)
    taken = sizes(subject, b).loc["p07"]
    assert 0.5 * taken["before"] - 1 <= taken["after"] <= 0.6 * taken["before"] + 1


def test_with_limits_of_subjects_each_person_gets_a_fair_share_of_each_group():
    y, _, subject = table(4)
    b = balance(y, **BOXES, subjects=subject, subject_size=(0.5, 1.5))
    rows = pd.DataFrame({"key": rows_as_keys(y), "subject": subject, "m": b.multiplicity})
    whole = rows.groupby("key")["m"].mean()
    cells = rows.groupby(["key", "subject"])["m"].agg(["sum", "size", "min", "max"]).reset_index()
    fair = cells["size"] * whole[cells["key"]].to_numpy()
    assert ((cells["sum"] - fair).abs() < 1).all()
    assert (cells["max"] - cells["min"] <= 1).all()


def test_one_image_per_person_is_no_burden():
    rng = np.random.default_rng(0)
    y = labels(0, n=30_000)
    subject = np.concatenate([np.arange(25_000), 25_000 + rng.integers(0, 50, 5_000)])
    b = balance(y, subjects=subject, subject_size=(0.5, 1.5))
    taken = sizes(subject, b)
    assert (taken["after"] <= np.ceil(1.5 * taken["before"])).all()
    assert b.ratio_after <= 1.01 * b.ratio_optimum


@pytest.mark.parametrize("kappa", [0.9, 0.97, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_no_labels_known_share_falls_below_its_floor(seed, kappa):
    y = labels(seed, n=600)
    free, kept = (balance(y, **BOXES, **floor, seed=seed) for floor in ({}, {"coverage": kappa}))
    assert (known_share(y[free.indices]) < kappa * known_share(y)).any(), "else the next line shows nothing"
    assert (known_share(y[kept.indices]) >= kappa * known_share(y) - 1e-12).all()


def test_coverage_costs_the_evenness_computed_by_hand():
    y = np.repeat([[1, 0], [NAN, 1], [0, 1], [0, 0]], [70, 10, 5, 15], axis=0)
    free, kept = balance(y), balance(y, coverage=1.0)
    assert free.ratio_optimum == pytest.approx(1.0)
    assert known_share(y[free.indices])[0] < 0.9
    # 35 rows of the first kind, 15 of the third, 45 of the fourth, and of the second b = 0.1 (95 + b).
    assert kept.ratio_optimum == pytest.approx(35 / (15 + 95 / 9))
    assert known_share(y[kept.indices])[0] >= 0.9


@pytest.mark.parametrize("seed", range(4))
def test_all_limits_hold_together_and_the_ratio_is_near_the_optimum(seed):
    y, dataset, subject = table(seed, n=3000)
    b = balance(
        y,
        datasets=dataset,
        dataset_size=(0.9, 1.1),
        subjects=subject,
        subject_size=(0.7, 1.4),
        coverage=0.98,
        seed=seed,
    )
    people, sets = sizes(subject, b), sizes(dataset, b)
    assert (people["after"] >= np.floor(0.7 * people["before"] + 1e-9)).all()
    assert (people["after"] <= np.ceil(1.4 * people["before"] - 1e-9)).all()
    assert (sets["after"].between(0.9 * sets["before"], 1.1 * sets["before"])).all()
    assert (known_share(y[b.indices]) >= 0.98 * known_share(y) - 1e-12).all()
    n, x = b.groups["n"], b.groups["x"]
    assert (x >= np.ceil(0.5 * n)).all() and (x <= 3 * n).all()
    assert b.ratio_after <= 1.01 * b.ratio_optimum


def best_ratio(y, dataset, subject, limits):
    """The optimum from rows of code of its own: bisect the ratio, ask a feasibility program at each."""
    frame = pd.DataFrame({"key": [(*k, d) for k, d in zip(rows_as_keys(y), dataset, strict=True)], "subject": subject})
    keys = sorted(set(frame["key"]))
    n = frame["key"].value_counts()[keys].to_numpy()
    a = np.array([[k[i] == 1 for k in keys] for i in range(4)], float)
    known = np.array([[k[i] != 2 for k in keys] for i in range(4)], float)
    total = n.sum()
    rows, right = [np.ones(len(n)), -np.ones(len(n))], [np.floor(1.4 * total + 1e-9), -np.ceil(0.6 * total - 1e-9)]
    for name in set(dataset):
        own = np.array([k[4] == name for k in keys], float)
        size = own @ n
        rows += [own, -own]
        right += [np.floor(limits["d"][1] * size + 1e-9), -np.ceil(limits["d"][0] * size - 1e-9)]
    for _, part in frame.groupby("subject"):
        share = part["key"].value_counts().reindex(keys, fill_value=0).to_numpy() / n
        rows += [share, -share]
        right += [limits["s"][1] * len(part), -limits["s"][0] * len(part)]
    for line in known:
        rows.append(limits["c"] * (line @ n) / total - line)
        right.append(0.0)
    bounds = np.column_stack([np.ceil(0.25 * n - 1e-9), np.floor(4 * n + 1e-9)])
    low, high = 1.0, 50.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        pairs = [a[i] - middle * a[j] for i, j in itertools.permutations(range(4), 2)]
        found = linprog(np.zeros(len(n)), np.array(rows + pairs), [*right, *[0.0] * len(pairs)], bounds=bounds)
        low, high = (low, middle) if found.status == 0 else (middle, high)
    return high


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_under_all_limits_equals_that_of_bisection(seed):
    y, dataset, subject = table(seed, n=300, people=9)
    limits = {"d": (0.9, 1.1), "s": (0.8, 1.2), "c": 0.99}
    b = balance(
        y,
        **BOXES,
        datasets=dataset,
        dataset_size=limits["d"],
        subjects=subject,
        subject_size=limits["s"],
        coverage=limits["c"],
    )
    assert b.ratio_optimum == pytest.approx(best_ratio(y, dataset, subject, limits), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_dividing_groups_without_limiting_the_parts_changes_no_optimum(seed):
    y, *_ = table(seed)
    halves = np.random.default_rng(seed).choice(["left", "right"], len(y))
    whole = balance(y, 0, 4, (0.5, 1.5))
    parts = balance(y, 0, 4, (0.5, 1.5), datasets=halves, dataset_size=(0, 10))
    assert len(parts.groups) > len(whole.groups)
    assert parts.ratio_optimum == pytest.approx(whole.ratio_optimum, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.95), st.floats(0, 0.5))
def test_a_further_limit_never_improves_the_optimum_and_a_wider_one_never_worsens_it(seed, kappa, width):
    y, dataset, subject = table(seed, n=200, people=12)
    own = {**BOXES, "datasets": dataset, "subjects": subject}
    free = balance(y, **own, dataset_size=(0, 100)).ratio_optimum
    tight = balance(y, **own, dataset_size=(0.8, 1.2), coverage=1.0, subject_size=(0.8, 1.2)).ratio_optimum
    wide = balance(
        y, **own, dataset_size=(0.8 - width, 1.2 + width), coverage=kappa, subject_size=(0.8 - width, 1.2 + width)
    ).ratio_optimum
    assert free <= wide * (1 + 1e-6) <= tight * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_every_linear_program_is_solved_to_optimality(seed, monkeypatch):
    solved = []

    def recorded(cost, A_ub, b_ub, bounds, method):
        result = linprog(cost, A_ub=A_ub, b_ub=b_ub, bounds=bounds, method=method)
        finite = np.where(np.isfinite(bounds[:, 1]), bounds[:, 1], 0)
        dual = b_ub @ result.ineqlin.marginals + bounds[:, 0] @ result.lower.marginals + finite @ result.upper.marginals
        solved.append((result.fun, dual, result.ineqlin.marginals.max(), result.lower.marginals.min()))
        return result

    monkeypatch.setattr(_programs, "linprog", recorded)
    y, dataset, subject = table(seed)
    balance(y, **BOXES)
    balance(
        y, **BOXES, datasets=dataset, dataset_size=(0.9, 1.1), subjects=subject, subject_size=(0.5, 1.5), coverage=1
    )
    assert len(solved) >= 4
    for primal, dual, largest, least in solved:
        assert dual == pytest.approx(primal, rel=1e-6, abs=1e-6 * len(y))
        assert largest <= 1e-9 and least >= -1e-9, "the dual point is feasible"


def test_limits_that_only_the_unchanged_table_meets_return_it():
    y, dataset, subject = table(5)
    b = balance(
        y, 1, 1, (1, 1), datasets=dataset, dataset_size=(1, 1), subjects=subject, subject_size=(1, 1), coverage=1
    )
    np.testing.assert_array_equal(b.indices, np.arange(len(y)))


def message(y, **arguments):
    with pytest.raises((SettingsError, DataError)) as caught:
        balance(y, **arguments)
    return str(caught.value)


def test_a_dataset_that_cannot_be_so_large_is_named_with_what_is_possible():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0]], [60, 40], axis=0)
    said = message(y, datasets=["lab"] * 60 + ["web"] * 40, dataset_size={"web": (4, 5)})
    assert "dataset 'web'" in said and "160 to 200" in said and "20 to 120" in said


def test_datasets_that_are_too_large_together_name_the_size():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0]], [60, 40], axis=0)
    said = message(y, datasets=["lab"] * 60 + ["web"] * 40, dataset_size=(1.5, 2))
    assert "80 to 120 rows (size)" in said and "leave is 150 rows" in said


def test_a_subject_that_cannot_be_so_large_is_named_with_what_is_possible():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0]], [60, 40], axis=0)
    subject = np.array(["anna"] * 30 + ["bert"] * 60 + ["anna"] * 10)
    said = message(y, subjects=subject, subject_size={"anna": (2.5, 3)}, size=(0.8, 1.2))
    assert "(size)" in said or "subject 'anna' has 100 to 120 rows" in said
    said = message(y, upper=2, subjects=subject, subject_size={"anna": (2.5, 3)}, size=(0.5, 2))
    assert "subject 'anna' has 100 to 120 rows" in said and "leave is 80 rows" in said


def test_a_coverage_that_cannot_be_kept_names_the_label_and_what_is_possible():
    y = np.array([[1, NAN]] * 50 + [[0, 1]] * 50)
    said = message(
        y,
        datasets=["lab"] * 50 + ["web"] * 50,
        dataset_size={"lab": (1, 1), "web": (0.5, 0.6)},
        size=(0.5, 2),
        coverage=0.9,
        names=["AU01", "AU02"],
    )
    assert "AU02 is known on at least 45.0%" in said and "37.5%" in said  # 30 of 80


def test_room_for_fractions_only_is_explained():
    y = [[1, NAN]] * 3 + [[NAN, 1]] * 2  # both shares stay 3/5 and 2/5 only if the sample is a multiple of 5
    assert "not for whole rows" in message(y, coverage=1, size=(1.2, 1.2))
    assert balance(y, coverage=1, size=(2, 2)).after["positives"].tolist() == [6, 4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dataset_size": (1, 1)}, "datasets is not given"),
        ({"subject_size": (1, 1)}, "subjects is not given"),
        ({"datasets": ["a"], "dataset_size": (1, 1)}, "datasets has shape (1,); give one name per row of y, 5"),
        ({"subjects": ["a", None, "a", "b", "b"], "subject_size": (1, 1)}, "subjects[1] is missing"),
        ({"datasets": list("bp4dx"), "dataset_size": {"q": (1, 1)}}, "names 'q', of which there is no row"),
        ({"datasets": ["bp4d"] * 5, "dataset_size": {"bp4": (1, 1)}}, "did you mean 'bp4d'?"),
        ({"datasets": ["a"] * 5, "dataset_size": (1.2, 0.8)}, "dataset_size is (1.2, 0.8)"),
        ({"datasets": ["a"] * 5, "dataset_size": {"a": (1, np.inf)}}, "dataset_size of 'a'"),
        ({"coverage": 1.1}, "coverage is 1.1; give a share from 0 to 1"),
        ({"coverage": NAN}, "coverage is nan"),
    ],
)
def test_mistakes_are_named(arguments, words):
    assert words in message([[1, 0]] * 4 + [[0, 1]], **arguments)


def test_copies_number_the_repeats_of_each_row():
    b = balance([[1, 0]] * 80 + [[0, 1]] * 20, upper=2.0)
    pairs = list(zip(b.indices.tolist(), b.copies.tolist(), strict=True))
    assert pairs == [(row, k) for row, m in enumerate(b.multiplicity) for k in range(m)]
    assert b.copies.dtype == np.intp


def test_streams_of_copies_are_reproducible_and_distinct():
    triples = list(itertools.product(range(40), (1, 2, 3), (0, 1)))
    streams = {t: tuple(augmentation_seed(*t).generate_state(4)) for t in triples}
    assert len(set(streams.values())) == len(triples)
    assert all(tuple(augmentation_seed(*t).generate_state(4)) == s for t, s in streams.items())
    np.testing.assert_array_equal(
        augmentation_seed(np.intp(5), np.int64(1)).generate_state(2), augmentation_seed(5, 1, 0).generate_state(2)
    )


@pytest.mark.parametrize("wrong", [(0, 0, 0), (-1, 1, 0), (1, -1, 0), (1, 1, -1)])
def test_the_original_row_has_no_stream(wrong):
    with pytest.raises(SettingsError, match="0 is not augmented"):
        augmentation_seed(*wrong)


def test_undersampling_is_spread_over_every_sequence_of_interleaved_groups():
    rng = np.random.default_rng(0)
    sequence = np.repeat(np.arange(4), [300, 450, 120, 900])
    frequent = rng.random(len(sequence)) < 0.75  # the two groups alternate at random within each sequence
    b = balance(np.column_stack([frequent, ~frequent]), lower=0.25, upper=1.0, size=(0.3, 1.0), seed=2)
    share = b.multiplicity[frequent].mean()
    assert 0.2 < share < 0.9
    for part in range(4):
        own = b.multiplicity[frequent & (sequence == part)]
        assert abs(own.sum() - share * own.size) < 1
        gaps = np.diff(np.flatnonzero(own))
        assert gaps.max() - gaps.min() <= 1, "as evenly as whole frames allow"


def test_copies_are_spread_over_every_sequence_of_interleaved_groups():
    rng = np.random.default_rng(1)
    sequence = np.repeat(np.arange(3), [200, 50, 400])
    rare = rng.random(len(sequence)) < 0.3
    b = balance(np.column_stack([rare, ~rare]), lower=1.0, upper=3.0, size=(1.0, 1.3), seed=2)
    share = b.multiplicity[rare].mean()
    assert 1.1 < share < 2.9
    for part in range(3):
        own = b.multiplicity[rare & (sequence == part)]
        assert abs(own.sum() - share * own.size) < 1 and set(own) <= {int(share), int(share) + 1}


def test_the_second_stage_may_use_no_more_than_the_slack():
    y, *_ = table(6, n=20_000)
    b = balance(y, coverage=1.0)
    assert b.ratio_after <= b.ratio_optimum * (1 + SLACK) * 1.005
