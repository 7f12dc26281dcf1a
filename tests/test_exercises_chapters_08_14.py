"""Exercises of chapters 8 to 14: solutions pass, typical mistakes are told apart, and every fault is caught."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from test_exercises import STRANGE

from aulib import balancing, exercises, missingness, notebooks

nan = np.nan
Y = np.array([[1, 0, nan], [0, 0, 1], [1, nan, nan], [0, 0, 0]])
P = np.array([[0.9, 0.2, 0.9], [0.6, 0.1, 0.7], [0.3, 0.8, 0.1], [0.2, 0.4, 0.6]])
LABELS = (np.random.default_rng(0).random((300, 3)) < [0.5, 0.2, 0.08]).astype(float)
CODES = pd.DataFrame({"AU01": [1, None, 0], "AU04": [None, 1, None], "AU05": [None] * 3}, dtype="Int8")
CHANGED = {
    "face": pd.DataFrame({"au": ["AU01", "AU02", "AU04"], "probability": [0.5, 0.5, 0.5]}),
    "whole picture": pd.DataFrame({"au": ["AU01", "AU02", "AU04"], "probability": [0.6, 0.8, 0.1]}),
}
LOOKS = np.repeat([0.1, 0.5, -0.2], 4)[:, None] * np.ones((12, 12))

#: What the notebooks pass along.
GIVEN = {
    "8.1": {"y": Y, "p": P},
    "8.4": {"q": [0.1, 0.05]},
    "10.3": {"y": LABELS, "lower": 0.5, "upper": 3.0, "seed": 0},
    "11.1": {"table": CODES, "aus": ["AU01", "AU04"]},
    "13.1": {"looks": LOOKS},
    "13.2": {"answers": CHANGED},
}
OWN = [name for name in exercises.names() if int(name.split(".")[0]) >= 8]


@pytest.mark.parametrize("name", OWN)
def test_strange_answers_get_a_sentence_even_with_all_that_the_notebook_passes(name):
    for answer in STRANGE:
        if name == "8.1" and isinstance(answer, list) and not answer:  # which is right
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict = exercises.check(name, *([answer, answer] if name == "9.1" else [answer]), **GIVEN.get(name, {}))
        assert verdict.state == "wrong" and len(verdict.message) > 15, (answer, verdict)


RIGHT = [
    ("8.1", []),
    ("8.4", 90),
    ("8.5", 0.61),
    ("10.2", 1),
    ("11.1", 3),
    ("13.1", "Middle"),
    ("13.2", "AU04"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_found_by_hand_pass(name, answer):
    verdict = exercises.check(name, answer, **GIVEN.get(name, {}))
    assert verdict.passed, verdict


MISTAKES = [
    ("8.1", ["missing_as_negative_crossentropy"], "nothing at all is known"),
    ("8.1", ["no_such_loss"], "no name of a loss"),
    ("8.2", lambda counts: np.mean([2 * t / (2 * t + f + n) for t, f, n in counts]), "mean of the batches"),
    ("8.4", 89, "round up"),
    ("8.4", 20, "one positive on average"),
    ("8.4", 44, "most frequent"),
    ("8.5", 0.0, "has no cell"),
    ("8.5", 1.0, "weighs 1"),
    ("9.3", lambda y, p: 2 * (np.nan_to_num(y) * (p >= 0.5)).sum() / (np.nan_to_num(y) + (p >= 0.5)).sum(), "weight 0"),
    ("9.4", lambda prevalence, unknown: 1.0, "half a false negative"),
    ("10.1", lambda r: 1 - np.exp(np.mean(np.log(r))) / np.mean(r) if r else nan, "display"),
    ("10.2", 0, "minority at the beginning"),
    ("10.2", 4, "raises both"),
    ("10.4", lambda y: len(np.unique(np.nan_to_num(y), axis=0)), "third symbol"),
    ("11.1", 2, "truly displayed"),
    ("11.1", 6, "only the coded"),
    ("11.2", lambda codes: np.where(np.equal(codes, 8), 0.0, np.minimum(codes, 1)), "neither 0 nor 1"),
    ("11.3", lambda shift, films, frames: films * shift, "backwards"),
    ("11.3", lambda shift, films, frames: films * abs(shift), "more frames than it has"),
    ("12.1", lambda s: -s * np.log2(s) - (1 - s) * np.log2(1 - s) if 0 < s < 1 else 1.0, "not uncertain"),
    ("12.2", missingness.paper_missing_rate(), "release of 2020"),
    ("12.2", 1 - np.mean([k / 45 for k in (missingness.PAPER_MASKS | {"aff_wild2": 12}).values()]), "weight by them"),
    ("12.3", len(missingness.mask_combinations()), "two printed decimals"),
    ("12.4", lambda prevalence, skipped: prevalence * (1 - skipped), "denominator shrinks"),
    ("13.1", "lower", "falls least"),
    ("13.1", "upper", "larger mean"),
    ("13.2", "AU02", "rises most"),
    ("13.2", "AU01", "by more"),
    ("13.2", "AU45", "Expected one of"),
    ("13.3", lambda size, patch, stride: (size % stride) ** 2, "they cross"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "words"), MISTAKES)
def test_a_typical_mistake_is_told_what_led_to_it(name, answer, words):
    verdict = exercises.check(name, answer, **GIVEN.get(name, {}))
    assert verdict.state == "wrong" and words in verdict.message, verdict


def test_the_sign_of_a_difference_and_a_bare_ratio_are_told_apart():
    """Rows of the rare label know less, so that a floor under the known shares costs evenness."""
    y = LABELS.copy()
    y[:, 0][(y[:, 2] == 1) | (y[:, 1] == 1)] = nan
    plain, floor = (balancing.balance(y, 0.5, 3.0, (1, 1), coverage=c).summary()["max_min"] for c in (None, 1))
    given = GIVEN["10.3"] | {"y": y}
    assert floor - plain > 0.01, "the case is made so that there is a price"
    assert exercises.check("10.3", floor - plain, **given).passed
    assert "sign is turned" in exercises.check("10.3", plain - floor, **given).message
    assert "subtract the ratio without it" in exercises.check("10.3", floor, **given).message


def test_a_negative_f1_needs_an_unknown_cell_that_is_predicted():
    assert exercises.check("9.1", [-1, 1, 1, 0, 0], [0.9, 0.1, 0.1, 0.1, 0.1]).passed
    assert "TP must be below 0" in exercises.check("9.1", [-1, 1, 1, 0, 0], [0.9] * 5).message
    assert "at least one is -1" in exercises.check("9.1", [0, 1, 1, 0, 0], [0.9] * 5).message
    assert "five numbers" in exercises.check("9.1", [1, 2], [0.9] * 5).message


BUGS = [name for name in OWN if exercises.get(name).bug]


def parts_of(name):
    """Given code, solution and check of an exercise, from its notebook."""
    chapter = int(name.split(".")[0])
    notebook = next(n for n in notebooks.names() if n.startswith(f"{chapter:02d}_"))
    cells = notebooks.read(notebook).cells
    start = next(i for i, cell in enumerate(cells) if cell.source.startswith(f"### Exercise {name} "))
    code = [cell for cell in cells[start + 1 : start + 6] if cell.cell_type == "code"]
    is_check = [i for i, cell in enumerate(code) if "check" in cell.metadata.get("tags", [])][0]
    given = [cell.source for cell in code[:is_check] if "solution" not in cell.metadata.get("tags", [])]
    solution = [cell.source for cell in code[:is_check] if "solution" in cell.metadata.get("tags", [])]
    return "\n".join(given), "\n".join(solution), code[is_check].source


@pytest.mark.parametrize("name", BUGS)
def test_the_faulty_function_fails_its_check_and_the_solution_passes(name):
    import keras
    from sklearn.metrics import f1_score

    given, solution, check = parts_of(name)
    scope = {"np": np, "keras": keras, "f1_score": f1_score, "rng": np.random.default_rng(0), "exercises": exercises}
    exec(given, scope)
    exec(solution, scope)
    assert eval(check, scope).passed
    import ast

    functions = [node.name for node in ast.parse(given).body if isinstance(node, ast.FunctionDef)]
    faulty = exercises.check(name, scope[functions[-1]])
    assert faulty.state == "wrong" and "could not be read" not in faulty.message, faulty


def test_the_bug_hunt_has_ten_faults():
    assert sum(name.startswith("14.") for name in BUGS) == 10 and len(BUGS) >= 11
