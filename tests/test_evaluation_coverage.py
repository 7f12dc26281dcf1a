"""Promises of the intervals: they hold the true value as often as they say, in simulated test sets."""

import runpy

import numpy as np
import pytest
from conftest import ROOT
from sklearn.metrics import average_precision_score, roc_auc_score

from aulib.evaluation import _intervals, _ranking, _scores
from aulib.metrics import Counts

SETS = 200


@pytest.fixture(scope="module")
def simulation():
    """The benchmark's simulator, its true scores, and the counts by person of 200 test sets of 131 people."""
    script = runpy.run_path(str(ROOT / "benchmarks" / "intervals.py"))
    rng = np.random.default_rng(7)
    sets = [script["draw"](rng) for _ in range(SETS)]
    return script, script["truth"](scale=100), sets


def covered(simulation, by_person=True):
    script, true, sets = simulation
    found = []
    for number, faces in enumerate(sets):
        person = faces.person if by_person else np.arange(len(faces.y))
        of = script["counts"](faces.y, faces.p, person)
        found.append(_intervals.score_limits(of, script["NO_TRAIN"], 200 if by_person else 20, number))
    return script["coverage"](np.array(found), true["score"])[0]


def test_intervals_over_people_hold_the_true_scores(simulation):
    """In 92 to 98 % for the means; a single label may miss by the chance of 200 sets (1.5 % is one standard error)."""
    share = covered(simulation)
    labels, (macro, by_test, _, accuracy) = share[:-4], share[-4:]
    assert all(0.92 <= mean <= 0.98 for mean in (macro, by_test, accuracy, labels.mean())), share
    assert labels.min() > 0.86


def test_intervals_over_images_do_not(simulation):
    share = covered((*simulation[:2], simulation[2][:60]), by_person=False)
    assert share[-4] < 0.75 and share[:-4].max() < 0.9


def numbers(seed, persons=7, labels=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (4, persons, labels)).astype(float), np.array([3.0, 1.0, 2.0])


@pytest.mark.parametrize("seed", range(3))
def test_slopes_of_scores_are_their_derivatives(seed):
    counts, train = numbers(seed)
    total = counts.sum(axis=1)
    slopes = _scores.gradients(Counts(*total), train)
    for kind in range(4):
        for label in range(total.shape[1]):
            step = np.zeros_like(total)
            step[kind, label] = 1e-4
            up, down = (_scores.scores(Counts(*(total + sign * step)), train) for sign in (1, -1))
            np.testing.assert_allclose(slopes[:, kind, label], (up - down) / 2e-4, atol=1e-6)


def test_slopes_of_rankings_are_the_derivatives_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = np.sort(rng.integers(0, 12, 60) / 12)[::-1]  # with ties
    y, w = rng.random(60) < 0.4, rng.integers(1, 4, 60).astype(float)
    ends = np.append(np.flatnonzero(np.diff(p)), p.size - 1)
    scores, slopes = _ranking.ranking_slopes((w * y)[None], (w * ~y)[None], y, ends)
    for row, score in enumerate((roc_auc_score, average_precision_score)):
        assert scores[row, 0] == pytest.approx(score(y, p, sample_weight=w))
        steps = 1e-5 * np.eye(60)
        theirs = [(score(y, p, sample_weight=w + s) - score(y, p, sample_weight=w - s)) / 2e-5 for s in steps]
        np.testing.assert_allclose(slopes[row, 0], theirs, atol=1e-8)


def test_blocks_of_draws_do_not_change_the_limits(monkeypatch):
    counts, train = numbers(1, persons=30)
    once = _intervals.score_limits(Counts(*counts), train, 60, seed=2)
    monkeypatch.setattr(_intervals, "_NUMBERS", 1)
    np.testing.assert_allclose(_intervals.score_limits(Counts(*counts), train, 60, seed=2), once)
