"""Promises of aulib.balancing: within the limits, as balanced as they allow, and no label ever changed."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, milp

from aulib.balancing import SLACK, balance, lp_ros, lp_rus, ml_ros, ml_rus, uniform_class
from aulib.errors import DataError, SettingsError

NAN = np.nan


def labels(seed=0, n=400, prevalences=(0.5, 0.3, 0.15, 0.05), missing=0.3):
    """Correlated labels of three data sets, each of which leaves some labels unknown."""
    rng = np.random.default_rng(seed)
    common = rng.random((n, 1))
    y = (0.5 * common + 0.5 * rng.random((n, len(prevalences))) < np.array(prevalences)).astype("float32")
    source = rng.integers(0, 3, n)
    mask = rng.random((3, len(prevalences))) < missing
    mask[0] = False
    y[mask[source]] = NAN
    y[: len(prevalences)] = np.eye(len(prevalences))
    return y


def rows_as_keys(y):
    return [tuple(np.where(np.isnan(row), 2, row)) for row in y]


CASES = [(0, 0.5, 3.0, (0.8, 1.2)), (1, 0.0, 2.0, (0.5, 1.5)), (2, 1.0, 3.0, (1.0, 1.5)), (3, 0.3, 1.0, (0.4, 1.0))]


@pytest.mark.parametrize(("seed", "lower", "upper", "size"), CASES)
def test_every_limit_holds_and_the_books_agree(seed, lower, upper, size):
    y = labels(seed)
    b = balance(y, lower, upper, size, seed=seed)
    n, x = b.groups["n"].to_numpy(), b.groups["x"].to_numpy()
    assert (np.ceil(lower * n - 1e-9) <= x).all() and (x <= np.floor(upper * n + 1e-9)).all()
    assert size[0] * len(y) <= len(b.indices) <= size[1] * len(y)
    assert n.sum() == len(y) and x.sum() == len(b.indices) == b.multiplicity.sum()
    np.testing.assert_array_equal(np.bincount(b.indices, minlength=len(y)), b.multiplicity)
    assert b.indices.dtype == np.intp
    np.testing.assert_array_equal(b.after["positives"], (y[b.indices] == 1).sum(axis=0))
    np.testing.assert_array_equal(b.after["known"], (~np.isnan(y[b.indices])).sum(axis=0))
    assert b.ratio_after == pytest.approx(b.after["positives"].max() / b.after["positives"].min())
    assert b.ratio_before == pytest.approx(b.before["positives"].max() / b.before["positives"].min())


@pytest.mark.parametrize(("seed", "lower", "upper", "size"), CASES)
def test_copies_are_spread_fairly_inside_each_group(seed, lower, upper, size):
    y = labels(seed)
    b = balance(y, lower, upper, size, seed=seed)
    taken = pd.DataFrame({"key": rows_as_keys(y), "m": b.multiplicity}).groupby("key")["m"]
    assert (taken.max() - taken.min() <= 1).all()
    by_key = {tuple(2 if pd.isna(v) else v for v in row[2:]): row[1] for row in b.groups.itertuples(index=False)}
    assert taken.sum().to_dict() == by_key
    assert len(by_key) == len(set(rows_as_keys(y)))


def test_no_new_label_vector_appears():
    y = labels(4)
    b = balance(y)
    assert set(rows_as_keys(y[b.indices])) <= set(rows_as_keys(y))


def test_undersampling_keeps_rows_spread_over_time():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0]], [900, 300], axis=0)
    b = balance(y, lower=1 / 3, upper=1.0, size=(0.4, 1.0), seed=3)
    kept = np.flatnonzero(b.multiplicity[:900])
    assert b.after["positives"].tolist() == [300, 300]
    assert set(np.diff(kept)) == {3}


def tiny(seed):
    """Six groups of at most four rows, few enough to try every sample."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (NAN, 1, 1), (0, 0, NAN)])[:4]
    groups = np.vstack([groups, [[1, NAN, 1]], [[0, 1, NAN]]])
    return np.repeat(groups, rng.integers(1, 5, len(groups)), axis=0)


@pytest.mark.parametrize("seed", range(16))
def test_tiny_cases_come_within_a_tenth_of_trying_everything(seed):
    y = tiny(seed)
    b = balance(y, 0.5, 2.0, (0.7, 1.3))
    n, positive = b.groups["n"].to_numpy(), b.groups[[0, 1, 2]].to_numpy(dtype=float, na_value=0)
    x = np.array(list(itertools.product(*[range(int(np.ceil(k / 2)), 2 * k + 1) for k in n])))
    x = x[(x.sum(1) >= 0.7 * n.sum()) & (x.sum(1) <= 1.3 * n.sum())]
    counts = x @ positive
    best = (counts.max(1) / np.maximum(counts.min(1), 1e-9)).min()
    assert b.ratio_optimum <= best + 1e-9
    assert best - 1e-9 <= b.ratio_after <= 1.1 * best


def smallest_ratio_by_one_program(n, positive, lower, upper, size):
    """Charnes and Cooper's single program: scale x so that the smallest count is 1, minimise the largest."""
    labels, zero = positive.shape[1], np.zeros
    p, g, low, high = positive.T, len(n), np.ceil(lower * n - 1e-9), np.floor(upper * n + 1e-9)
    rows = np.vstack(
        [
            np.hstack([-p, zero((labels, 2))]),
            np.hstack([p, zero((labels, 1)), -np.ones((labels, 1))]),
            np.hstack([-np.eye(g), low[:, None], zero((g, 1))]),
            np.hstack([np.eye(g), -high[:, None], zero((g, 1))]),
            np.hstack([np.ones(g), [-np.floor(size[1] * n.sum() + 1e-9), 0]]),
            np.hstack([-np.ones(g), [np.ceil(size[0] * n.sum() - 1e-9), 0]]),
        ]
    )
    right = np.concatenate([-np.ones(labels), zero(len(rows) - labels)])
    return linprog(np.eye(g + 2)[-1], A_ub=rows, b_ub=right, bounds=(0, None)).fun


@pytest.mark.parametrize(("seed", "lower", "upper", "size"), CASES)
def test_the_optimum_equals_that_of_another_formulation(seed, lower, upper, size):
    b = balance(labels(seed), lower, upper, size)
    n, positive = b.groups["n"].to_numpy(), (b.groups[[0, 1, 2, 3]] == 1).to_numpy(dtype=float, na_value=0)
    assert b.ratio_optimum == pytest.approx(smallest_ratio_by_one_program(n, positive, lower, upper, size), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_balancing_never_makes_it_worse_and_comes_near_the_optimum(seed):
    y = labels(seed, n=300)
    b = balance(y, seed=seed)
    assert b.ratio_optimum - 1e-9 <= b.ratio_after <= b.ratio_before + 1e-9
    fractional = 2 * y.shape[1] + 3
    least = b.after["positives"].min()
    assert b.ratio_after <= b.ratio_optimum * (1 + SLACK) * (1 + 2 * fractional / max(least - fractional, 1))


def test_on_many_rows_the_ratio_is_within_one_percent_of_the_optimum():
    b = balance(labels(7, n=30_000))
    assert b.ratio_after <= 1.01 * b.ratio_optimum
    assert b.ratio_after < 0.6 * b.ratio_before


def test_two_separate_labels_meet_at_their_limits():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [600, 100, 300], axis=0)
    b = balance(y, 0.5, 2.0, (0.8, 1.2))  # 300..1200 against 50..200: at best 300 / 200
    assert b.ratio_optimum == pytest.approx(1.5)
    assert b.ratio_after == pytest.approx(1.5, rel=2 * SLACK)


def test_wider_limits_never_worsen_the_optimum():
    y = labels(8, n=2000)
    ratios = [balance(y, lo, up, (0.5, 1.5)).ratio_optimum for lo, up in [(1, 1), (0.8, 1.5), (0.5, 3), (0.2, 6)]]
    assert all(a >= b - 1e-6 for a, b in itertools.pairwise(ratios))


def test_equal_limits_of_one_return_every_row_once():
    y = labels(9)
    np.testing.assert_array_equal(balance(y, 1, 1, (1, 1)).indices, np.arange(len(y)))


def test_what_is_balanced_already_is_left_alone():
    y = np.tile(np.eye(3), (40, 1))
    np.testing.assert_array_equal(balance(y).indices, np.arange(120))


def test_change_is_no_larger_than_needed():
    y = np.repeat([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [100, 50, 500], axis=0)
    b = balance(y, 0.5, 3.0)
    moved = (b.groups["x"] - b.groups["n"]).abs().sum()
    assert b.ratio_after == pytest.approx(1.0, rel=0.03)
    assert moved <= 50
    assert b.groups.loc[(b.groups[[0, 1]] == 0).all(axis=1), "x"].item() == 500


def test_labels_that_always_occur_together_cannot_be_separated():
    y = np.array([[1, 1, 0]] * 10 + [[1, 0, 0]] * 30 + [[0, 0, 1]] * 10, dtype=float)
    b = balance(y, 0.5, 2, (0.5, 2))
    assert b.after.loc[0, "positives"] >= b.after.loc[1, "positives"]


def test_unknown_is_a_group_of_its_own():
    y = np.array([[1, 0], [1, NAN], [0, 1], [0, 1]])
    assert len(balance(y).groups) == 3


def test_order_of_rows_and_labels_does_not_change_the_optimum():
    y, rng = labels(10, n=1500), np.random.default_rng(0)
    b = balance(y)
    for other in (y[rng.permutation(len(y))], y[:, rng.permutation(y.shape[1])]):
        assert balance(other).ratio_optimum == pytest.approx(b.ratio_optimum, rel=1e-6)


def test_ten_times_the_rows_have_the_same_optimum_or_a_better_one():
    y = labels(11)
    once, ten = balance(y), balance(np.repeat(y, 10, axis=0))
    assert ten.ratio_optimum <= once.ratio_optimum + 1e-6


def test_many_labels_are_grouped_exactly():
    rng = np.random.default_rng(0)
    y = rng.choice([0.0, 1.0, NAN], size=(300, 45))
    y = np.vstack([y, y[:50]])
    b = balance(y, size=(0.5, 1.5))
    assert len(b.groups) == len(set(rows_as_keys(y))) == 300


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    y = labels(12)
    np.testing.assert_array_equal(balance(y, seed=1).indices, balance(y, seed=1).indices)
    assert not np.array_equal(balance(y, seed=1).indices, balance(y, seed=2).indices)


def test_half_a_million_rows_come_within_one_percent_of_the_optimum():
    y = np.repeat(labels(13, n=5000, prevalences=np.geomspace(0.05, 0.5, 13)), 100, axis=0)
    b = balance(y)
    assert b.ratio_after <= 1.01 * b.ratio_optimum


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lower": 2, "upper": 1}, "lower is 2 and upper 1"),
        ({"lower": -1}, "lower is -1"),
        ({"upper": np.inf}, "upper inf"),
        ({"size": (1.2, 0.8)}, "size is"),
        ({"size": (5, 6)}, "widen lower, upper or size"),
        ({"lower": 0.6, "upper": 0.9}, "no whole number"),
        ({"names": ["AU01"]}, "1 names for 2 labels"),
    ],
)
def test_limits_that_cannot_be_met_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        balance([[1, 0]] * 4 + [[0, 1]], **arguments)


def test_a_label_without_positives_is_named():
    with pytest.raises(SettingsError, match=r"AU02 \(column 1\)"):
        balance([[1, 0], [1, NAN]], names=["AU01", "AU02"])


def test_a_size_that_leaves_no_room_for_a_label_is_refused():
    y = [[1.0, 0.0]] * 50 + [[0.0, 1.0]]
    with pytest.raises(SettingsError, match="positive row for every label"):
        balance(y, lower=0.0, upper=0.5, size=(0.1, 0.5))


@pytest.mark.parametrize("y", [[[1, 9], [0, 1]], [1, 0], np.empty((0, 2))])
def test_other_values_than_labels_are_refused(y):
    with pytest.raises(DataError):
        balance(y)


def smallest_whole_ratio(n, positive, lower, upper, size):
    """Bisect the ratio; at each, ask an integer program whether a sample of whole rows has it."""
    low, high = np.ceil(lower * n - 1e-9), np.floor(upper * n + 1e-9)
    total = LinearConstraint(np.ones(len(n)), np.ceil(size[0] * n.sum() - 1e-9), np.floor(size[1] * n.sum() + 1e-9))
    best, worst = 1.0, 100.0
    while worst - best > 1e-4:
        r = (best + worst) / 2
        pairs = [positive[:, i] - r * positive[:, j] for i, j in itertools.permutations(range(positive.shape[1]), 2)]
        some = LinearConstraint(positive.sum(axis=1), 1, np.inf)
        rules = [total, some, LinearConstraint(np.array(pairs), -np.inf, 0)]
        found = milp(np.zeros(len(n)), integrality=np.ones(len(n)), bounds=(low, high), constraints=rules)
        best, worst = (best, r) if found.status == 0 else (r, worst)
    return worst


@pytest.mark.parametrize("seed", range(4))
def test_rounding_comes_within_two_percent_of_the_best_whole_numbered_sample(seed):
    b = balance(labels(seed, n=250), 0.5, 3.0, (0.8, 1.2), seed=seed)
    n, positive = b.groups["n"].to_numpy(), (b.groups[[0, 1, 2, 3]] == 1).to_numpy(dtype=float, na_value=0)
    best = smallest_whole_ratio(n, positive, 0.5, 3.0, (0.8, 1.2))
    assert b.ratio_optimum - 1e-4 <= best <= b.ratio_after + 1e-4
    assert b.ratio_after <= 1.02 * best


@pytest.mark.parametrize("method", [ml_ros, ml_rus, lp_ros, lp_rus, uniform_class])
@pytest.mark.parametrize("seed", range(3))
def test_no_resampler_beats_the_optimum_under_the_same_limits(method, seed):
    y = labels(seed, n=1500)
    other = method(y, share=0.25 if method is not uniform_class else 1.0, seed=seed)
    multiple = other.groups["x"] / other.groups["n"]
    size = other.indices.size / len(y)
    ours = balance(y, multiple.min(), multiple.max(), (size, size))
    assert ours.ratio_optimum <= other.ratio_after * (1 + 1e-9)
    assert ours.ratio_after <= other.ratio_after * 1.01


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_label_that_contains_another_never_has_fewer_rows(seed):
    rng = np.random.default_rng(seed)
    y = labels(seed, n=200, missing=0)
    y[:, 0] = np.maximum(y[:, 0], y[:, 1])  # label 1 only appears with label 0
    b = balance(y, 0.2, 4.0, (0.5, 1.5), seed=int(rng.integers(9)))
    assert b.after.loc[0, "positives"] >= b.after.loc[1, "positives"]


@pytest.mark.parametrize("copies", [2, 7])
def test_more_rows_of_every_kind_have_the_same_optimum(copies):
    y = labels(14, n=900)
    once = balance(y, 0, 4).ratio_optimum  # without rounded limits the programs are multiples of each other
    more = balance(np.repeat(y, copies, axis=0), 0, 4).ratio_optimum
    assert more == pytest.approx(once, rel=1e-6)


def test_the_order_of_rows_and_labels_permutes_nothing_but_the_tables():
    y, rng = labels(15, n=800), np.random.default_rng(0)
    order = rng.permutation(4)
    names = ["a", "b", "c", "d"]
    one, other = balance(y, names=names), balance(y[:, order], names=[names[i] for i in order])
    pd.testing.assert_frame_equal(one.before.loc[names], other.before.loc[names])
    assert other.ratio_after == pytest.approx(one.ratio_after, rel=0.01)


def test_every_sampled_row_has_the_labels_of_its_source_and_its_group():
    y = labels(16)
    b = balance(y)
    taken = pd.Series(rows_as_keys(y[b.indices])).value_counts()
    by_key = {tuple(2 if pd.isna(v) else v for v in row[2:]): row[1] for row in b.groups.itertuples(index=False)}
    assert taken.to_dict() == {key: x for key, x in by_key.items() if x}
