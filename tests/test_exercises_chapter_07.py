"""Exercises of chapter 7: right answers pass, typical mistakes are told what led to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_exercises import STRANGE

from aulib import exercises

D = np.array([0.02, 0.01, 0.03, -0.01])
PLAIN = stats.ttest_1samp(D, 0).statistic
T = PLAIN / np.sqrt((1 / 4 + 1 / 2) / (1 / 4))  # four seeds, overlap 1/2: the variance is three times as large
SCORES = pd.DataFrame({"seed": [0, 0, 1, 1], "method": list("abab"), "f1_truth": [0.5, 0.6, 0.8, 0.4]})
UNITS = pd.DataFrame(
    [
        {"method": m, "au": au, "seed": s, "f1_truth": 0.5, "f1_known": 0.5 + (shift if m == "masked_bce" else 0.1) + e}
        for m in ("masked_bce", "masked_f1")
        for au, shift, noise in (("AU12", 0.1, 0.01), ("AU02", 0.01, 0.2), ("AU04", -0.1, 0.01))
        for s, e in enumerate(noise * np.array([-1, 0, 1, 0]))
    ]
)
GIVEN = {
    "7.1": {"d": D, "overlap": 0.5},
    "7.2": {},
    "7.3": {"units": UNITS, "overlap": 0.25},
    "7.4": {"scores": SCORES},
}


def holm(p):
    order, found, last = np.argsort(p), np.zeros(len(p)), 0.0
    for place, i in enumerate(order):
        last = found[i] = min(1.0, max(last, (len(p) - place) * p[i]))
    return found


def without(change):
    """Holm's method with one step left out."""

    def answer(p):
        p, n = np.array(p), len(p)
        order = np.argsort(p)
        steps = p[order] * (n if change == "steps" else np.arange(n, 0, -1))
        if change != "monotone":
            steps = np.maximum.accumulate(steps)
        if change != "cap":
            steps = np.minimum(steps, 1)
        return steps if change == "order" else steps[np.argsort(order)]

    return answer


@pytest.mark.parametrize(("name", "answer"), [("7.1", T), ("7.2", holm), ("7.3", ["AU12"]), ("7.4", 0.7 - 0.65)])
def test_right_answers_found_by_hand_pass(name, answer):
    verdict = exercises.check(name, answer, **GIVEN[name])
    assert verdict.passed, verdict


MISTAKES = [
    ("7.1", PLAIN, "plain paired test"),
    ("7.1", -T, "sign is turned"),
    ("7.1", T * np.sqrt(4 / 3), "J - 1"),
    ("7.1", T * np.sqrt(1.5), "1/J of the plain test"),
    ("7.1", D.mean() / (0.75 * D.var(ddof=1)), "the root of the variance"),
    ("7.2", lambda p: np.array(p) * len(p), "largest by 1"),
    ("7.2", without("order"), "order of the given"),
    ("7.2", without("monotone"), "smaller than that of a smaller p"),
    ("7.2", without("cap"), "larger than 1"),
    ("7.3", ["AU04"], "look worse"),
    ("7.3", ["AU12", "AU02"], "not every interval"),
    ("7.3", [], "missing"),
    ("7.4", 0.7, "mean of the winners"),
    ("7.4", -0.05, "sign is turned"),
    ("7.4", 0.8 - 0.65, "luckiest seed"),
    ("7.4", 0.7 - 0.575, "not with the mean of all"),
]


@pytest.mark.parametrize(("name", "answer", "words"), MISTAKES)
def test_a_typical_mistake_is_told_what_led_to_it(name, answer, words):
    verdict = exercises.check(name, answer, **GIVEN[name])
    assert verdict.state == "wrong" and words in verdict.message, verdict


@pytest.mark.parametrize("name", GIVEN)
def test_strange_answers_get_a_sentence_even_with_all_that_the_notebook_passes(name):
    for answer in STRANGE:
        verdict = exercises.check(name, answer, **GIVEN[name])
        assert verdict.state == "wrong" and len(verdict.message) > 15, (answer, verdict)
