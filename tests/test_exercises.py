"""The checks of the exercises: they say what is wrong, and never fall over an answer."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from aulib import exercises
from aulib.errors import SettingsError
from aulib.exercises import _compare as compare
from aulib.exercises._verdict import WrongError

#: Answers nobody should give.
STRANGE = [
    None, "text", -3e7, -1.5, float("nan"), [], [1, "a"], {}, {"a": 1}, np.zeros((2, 3)), pd.DataFrame({"a": [-7e8]}),
    object(), lambda: 1 / 0, print, ["AU01"], "AU01", b"0", True, 1j, range(3), Exception("x"),
]  # fmt: skip


@pytest.mark.parametrize("name", exercises.names())
def test_strange_answers_get_a_sentence_and_never_a_traceback(name):
    for answer in STRANGE:
        verdict = exercises.check(name, answer)
        assert verdict.state == "wrong", answer
        assert len(verdict.message) > 15 and "Traceback" not in verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_no_answer_yet_says_what_is_expected_and_how_to_get_a_hint(name):
    verdict = exercises.check(name, ...)
    assert verdict.state == "open" and exercises.get(name).expects in verdict.message and "hint" in verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_has_a_level_and_a_hint(name):
    task = exercises.get(name)
    assert task.level in exercises.LEVELS and len(task.hint.split()) >= 6
    assert re.fullmatch(r"\d+\.\d+", task.name) and task.judge.__doc__


def test_an_unknown_exercise_is_refused():
    with pytest.raises(SettingsError, match="no exercise '99.1'"):
        exercises.check("99.1", 3)


def test_a_verdict_is_a_sentence_in_text_and_a_status_in_html():
    verdict = exercises.Verdict("wrong", "3 < 4")
    assert repr(verdict) == "Not yet. 3 < 4"
    assert 'role="status"' in verdict._repr_html_() and "3 &lt; 4" in verdict._repr_html_()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3", "text"),
        (None, "None"),
        ([1, 2], "2 values"),
        (np.nan, "not finite"),
        (4, "too large"),
        (2, "too small"),
        (9, "squared"),
        (len, "function"),
        (True, "truth value"),
    ],
)
def test_a_wrong_number_is_told_apart(value, words):
    with pytest.raises(WrongError, match=words):
        compare.number(value, 3.0, known={9: "it is squared."})


@pytest.mark.parametrize("value", [3, 3.0004, np.float32(3), np.array([3.0]), pd.Series([3])])
def test_a_right_number_may_come_in_any_dress(value):
    assert compare.number(value, 3.0) == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize(
    ("value", "words"), [([1, 2], r"\(3,\)"), (["a", 1, 2], "3 numbers"), ([1, 9, 3], "AU02: 9"), (None, "shape")]
)
def test_a_wrong_row_names_its_first_difference(value, words):
    with pytest.raises(WrongError, match=words):
        compare.vector(value, [1, 2, 3], names=["AU01", "AU02", "AU04"])


def test_a_row_may_hold_unknown_cells_where_they_belong():
    compare.vector([1, np.nan], [1, np.nan])
    with pytest.raises(WrongError):
        compare.vector([1, 0], [1, np.nan])


@pytest.mark.parametrize(
    ("value", "words"), [(["AU01"], "1 is missing"), (["AU01", "AU02", "AU09"], "AU09 does not belong"), (3, "list")]
)
def test_a_wrong_set_says_what_is_too_many_and_how_many_are_missing(value, words):
    with pytest.raises(WrongError, match=words):
        compare.members(value, ["AU01", "AU02"])


def test_a_choice_gets_the_reason_of_its_letter():
    assert compare.choice(" B ", "b", {"a": "no"}) == "b"
    with pytest.raises(WrongError, match="too early"):
        compare.choice("a", "b", {"a": "too early"})
    with pytest.raises(WrongError, match="one of the letters a, b"):
        compare.choice(7, "b", {"a": "no"})


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x + 1, "not right. Look"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: None, "returns nothing"),
        (lambda x: [x, x], "shape"),
        (lambda x: "a", "expected numbers"),
        (3, "Expected a function"),
    ],
)
def test_a_wrong_function_is_shown_its_case(function, words):
    with pytest.raises(WrongError, match=words):
        compare.function(function, lambda x: 2 * x, [(3,)], reasons=["Look."])


def test_a_function_cannot_spoil_the_cases():
    def spoiler(x):
        x[:] = 0
        return x

    case = np.ones(2)
    with pytest.raises(WrongError):
        compare.function(spoiler, lambda x: x, [(case,)])
    assert case.tolist() == [1, 1]


def test_typical_mistakes_of_chapter_4_are_named():
    y = np.float32([[1, np.nan], [0, 1], [1, 0]])
    p = np.float32([[0.9, 0.9], [0.8, 0.6], [0.2, 0.3]])
    one = p.copy()
    one[1, 0] = 0.1
    assert "left" in exercises.check("4.1", one, y=y, p=p).message
    assert "are enough" in exercises.check("4.1", np.nan_to_num(y), y=y, p=p).message
    one[2, 0] = 0.7
    assert exercises.check("4.1", one, y=y, p=p).passed
    verdict = exercises.check("4.2", lambda c, prevalence: c)
    assert verdict.state == "wrong" and "gives 1." in verdict.message and "always saying yes" in verdict.message
    assert "too large" in exercises.check("4.3", 0.5, y=y, p=p).message
