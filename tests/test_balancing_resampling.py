"""Promises of the reference resamplers: the articles' definitions, on known positives, and only whole rows moved."""

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_balancing import NAN, labels, rows_as_keys

from aulib.balancing import imbalance, lp_ros, lp_rus, ml_ros, ml_rus, uniform_class
from aulib.errors import DataError, SettingsError

ALL = [ml_ros, ml_rus, lp_ros, lp_rus, uniform_class]


def repeated(**sizes):
    """Rows of label sets written as words: ``_`` is 0, ``x`` is 1, ``q`` is unknown."""
    rows = [[{"_": 0.0, "x": 1.0, "q": NAN}[letter] for letter in word] for word in sizes]
    return np.repeat(np.array(rows), list(sizes.values()), axis=0)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_only_whole_rows_are_repeated_or_left_out(method, seed):
    y = labels(seed)
    b = method(y, seed=seed)
    np.testing.assert_array_equal(np.bincount(b.indices, minlength=len(y)), b.multiplicity)
    np.testing.assert_array_equal(b.after["positives"], (y[b.indices] == 1).sum(axis=0))
    np.testing.assert_array_equal(b.after["known"], (~np.isnan(y[b.indices])).sum(axis=0))
    assert b.groups["x"].sum() == b.indices.size and b.groups["n"].sum() == len(y)
    assert set(rows_as_keys(y[b.indices])) <= set(rows_as_keys(y))
    assert np.isnan(b.ratio_optimum)


@pytest.mark.parametrize("method", ALL)
def test_the_seed_decides_the_rows(method):
    y = labels(0, n=1500)
    np.testing.assert_array_equal(method(y, seed=1).indices, method(y, seed=1).indices)
    assert not np.array_equal(method(y, seed=1).indices, method(y, seed=2).indices)


@pytest.mark.parametrize("method", [ml_ros, lp_ros])
def test_oversampling_keeps_every_row_and_undersampling_repeats_none(method):
    y = labels(6)
    assert method(y).multiplicity.min() == 1 and method(y).indices.size <= 1.25 * len(y)
    under = {ml_ros: ml_rus, lp_ros: lp_rus}[method](y)
    assert under.multiplicity.max() == 1 and under.indices.size >= 0.75 * len(y)


def test_ml_ros_stops_a_label_when_its_ratio_reaches_the_mean():
    # IRLbl 1 and 100/20 = 5, MeanIR 3: clones of label 1 until 100 / P <= 3, that is P = 34, though P% allows 60.
    y = repeated(x_=100, _x=20)
    b = ml_ros(y, share=0.5)
    assert b.after["positives"].tolist() == [100, 34]


def test_ml_ros_stops_at_its_share_of_clones():
    b = ml_ros(repeated(x_=100, _x=20), share=0.05)
    assert b.after["positives"].tolist() == [100, 26]


def test_ml_ros_takes_the_minority_labels_in_turn():
    # IRLbl 1, 10, 10 and MeanIR 7: both rare labels grow alike, from 10 to 100 / 7 -> 15, and 6 clones are 3 each.
    y = repeated(x__=100, _x_=10, __x=10)
    assert ml_ros(y, share=6 / 120).after["positives"].tolist() == [100, 13, 13]
    assert ml_ros(y, share=1).after["positives"].tolist() == [100, 15, 15]


def test_ml_ros_counts_what_its_clones_drag_along():
    # Label 1 only appears with label 0: each clone raises both. P0 = 100 + k, P1 = 10 + k, MeanIR 5.5.
    y = repeated(x_=90, xx=10)
    b = ml_ros(y, share=0.5)
    k = next(k for k in range(100) if (100 + k) / (10 + k) <= 5.5)
    assert b.after["positives"].tolist() == [100 + k, 10 + k]


def ml_ros_by_the_book(y, share, choose):
    """The article's Algorithm ML-ROS, every measure computed anew after every clone; ``choose`` replays the draws."""
    rows, budget = list(range(len(y))), int(share * len(y))

    def ratio(label):
        counts = [sum(y[i, j] == 1 for i in rows) for j in range(y.shape[1])]
        return max(counts) / counts[label]

    mean = np.mean([ratio(j) for j in range(y.shape[1])])
    bags = {j: [i for i in range(len(y)) if y[i, j] == 1] for j in range(y.shape[1]) if ratio(j) > mean}
    while budget > 0 and bags:
        for j in list(bags):
            if budget > 0:
                rows.append(choose(bags[j]))
                budget -= 1
                if ratio(j) <= mean:
                    del bags[j]
    return Counter(rows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_ml_ros_equals_the_algorithm_as_printed(seed, share):
    rng = np.random.default_rng(seed)
    y = (rng.random((30, 4)) < [0.7, 0.4, 0.15, 0.1]).astype(float)
    y[rng.random(y.shape) < 0.25] = NAN
    y[:4] = np.eye(4)
    draws = np.random.default_rng(seed)  # the same stream that ml_ros draws from
    expected = ml_ros_by_the_book(y, share, lambda bag: bag[int(draws.random() * len(bag))])
    found = ml_ros(y, share=share, seed=seed).multiplicity
    assert found.tolist() == [expected[i] for i in range(30)]


def test_ml_rus_leaves_rows_with_a_minority_label_alone():
    # IRLbl 1, 2.5, 10: MeanIR 4.5, so label 2 is the only minority label.
    y = repeated(x__=80, xx_=10, _x_=20, x_x=5, _qx=5, ___=5)
    b = ml_rus(y, share=0.5, seed=3)
    assert (b.multiplicity[y[:, 2] == 1] == 1).all()
    assert (b.multiplicity == 0).sum() == int(0.5 * len(y))


def test_ml_rus_stops_when_only_minority_rows_are_left():
    y = repeated(x_=6, _x=2)
    assert ml_rus(y, share=1).after["positives"].tolist()[1] == 2
    assert ml_rus(y, share=1).indices.tolist() == [6, 7]


def test_ml_rus_does_not_take_unknown_for_displayed():
    y = repeated(x_=6, xq=2, _x=2)
    assert set(ml_rus(y, share=1).indices) == {8, 9}


def test_lp_ros_fills_small_label_sets_up_to_the_mean():
    # Sets of 70, 20, 9 and 1: mean 25. Gaps 5, 16 and 24, 30 clones, 10 each; the first takes 5, 12 and 13 are left.
    y = repeated(x__=70, _x_=20, __x=9, xxx=1)
    after = Counter(rows_as_keys(y[lp_ros(y, share=0.3).indices]))
    assert after == {(1, 0, 0): 70, (0, 1, 0): 25, (0, 0, 1): 21, (1, 1, 1): 14}
    after = Counter(rows_as_keys(y[lp_ros(y, share=1).indices]))
    assert after == {(1, 0, 0): 70, (0, 1, 0): 25, (0, 0, 1): 25, (1, 1, 1): 25}, "no set grows past the mean"


def test_lp_rus_cuts_large_label_sets_down_to_the_mean():
    # Sets of 60, 30 and 6, 4: mean 25. Gaps 35 and 5, 30 removals: 5 and 25.
    y = repeated(x__=60, _x_=30, __x=6, xxx=4)
    after = Counter(rows_as_keys(y[lp_rus(y, share=0.3).indices]))
    assert after == {(1, 0, 0): 35, (0, 1, 0): 25, (0, 0, 1): 6, (1, 1, 1): 4}
    after = Counter(rows_as_keys(y[lp_rus(y, share=0.08).indices]))
    assert after == {(1, 0, 0): 56, (0, 1, 0): 26, (0, 0, 1): 6, (1, 1, 1): 4}
    after = Counter(rows_as_keys(y[lp_rus(y, share=1).indices]))
    assert after == {(1, 0, 0): 25, (0, 1, 0): 25, (0, 0, 1): 6, (1, 1, 1): 4}, "no set shrinks below the mean"


def test_a_mean_that_is_no_whole_number_is_reached_from_both_sides():
    y = repeated(x__=7, _x_=2, __x=1)  # mean 10 / 3
    assert lp_ros(y, share=1).after["positives"].tolist() == [7, 4, 4]
    assert lp_rus(y, share=1).after["positives"].tolist() == [3, 2, 1]


@pytest.mark.parametrize(("method", "gap"), [(lp_ros, -1), (lp_rus, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_label_set_methods_divide_evenly_until_a_set_reaches_the_mean(method, gap, seed):
    y = labels(seed, n=700)
    b = method(y, share=0.2, seed=seed)
    n, x = b.groups["n"], b.groups["x"]
    room = np.ceil(np.maximum(gap * (n - n.mean()), 0))
    moved = (x - n).abs()
    assert (moved <= room).all()
    assert moved.sum() == min(int(0.2 * len(y)), room.sum())
    not_full = moved[moved < room]
    assert not_full.empty or not_full.max() - not_full.min() <= 1, "those below the mean share alike"


@pytest.mark.parametrize("method", [lp_ros, lp_rus])
def test_unknown_makes_a_label_set_of_its_own(method):
    y = repeated(x_=20, xq=10, _x=3, qx=3)
    assert len(method(y).groups) == 4


@pytest.mark.parametrize("method", [ml_ros, lp_ros, lp_rus])
def test_balanced_labels_on_rows_of_their_own_stay_as_they_are(method):
    np.testing.assert_array_equal(method(np.tile(np.eye(3), (20, 1))).multiplicity, 1)


def test_ml_rus_leaves_out_its_share_even_of_balanced_labels():
    assert ml_rus(np.tile(np.eye(3), (20, 1))).indices.size == 45, "no label is protected, as the definition has it"


def test_one_label_a_row_gives_the_counts_of_random_over_and_undersampling():
    # Of one label a row, label sets are classes: small classes rise to the mean size, large ones fall to it.
    y = repeated(x___=50, _x__=30, __x_=15, ___x=5)
    assert lp_ros(y, share=9).after["positives"].tolist() == [50, 30, 25, 25]
    assert lp_rus(y, share=1).after["positives"].tolist() == [25, 25, 15, 5]


def test_uniform_class_sampling_draws_each_label_equally_often():
    y = repeated(x__=900, _x_=90, __x=10, ___=500)
    b = uniform_class(y, share=2.0, seed=1)
    assert b.indices.size == 3000
    assert (b.after["positives"] - 1000).abs().max() < 5 * np.sqrt(3000 * 2 / 9)
    assert b.multiplicity[-500:].sum() == 0, "rows that display nothing are never drawn"


@pytest.mark.parametrize("method", ALL)
def test_a_label_without_positives_is_left_out_and_named(method):
    y = repeated(x__=20, _x_=5, _xq=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        b = method(y, names=["a", "b", "c"])
    assert b.after.loc["c", "positives"] == 0
    if method in (ml_ros, ml_rus):
        assert any("'c'" in str(w.message) for w in caught)
        assert imbalance(y[:, :2]).attrs["MeanIR"] == b.before.attrs["MeanIR"]


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    ("y", "arguments", "error"),
    [
        ([[1, 9], [0, 1]], {}, DataError),
        (np.empty((0, 2)), {}, DataError),
        ([[1, 0], [0, 1]], {"share": -0.1}, SettingsError),
        ([[1, 0], [0, 1]], {"share": np.inf}, SettingsError),
        ([[1, 0], [0, 1]], {"share": NAN}, SettingsError),
        ([[1, 0], [0, 1]], {"names": ["a"]}, SettingsError),
    ],
)
def test_mistakes_are_refused(method, y, arguments, error):
    with pytest.raises(error):
        method(y, **arguments)


@pytest.mark.parametrize("method", [ml_rus, lp_rus])
def test_more_than_everything_cannot_be_left_out(method):
    with pytest.raises(SettingsError, match="share is 1.5; give a number from 0 to 1"):
        method([[1, 0], [0, 1]], share=1.5)


def test_uniform_class_needs_a_positive():
    with pytest.raises(SettingsError, match="no label has a known positive row"):
        uniform_class([[0, NAN], [0, 0]])
