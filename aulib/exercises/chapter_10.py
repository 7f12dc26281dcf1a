"""Exercises of chapter 10: resampling."""

from __future__ import annotations

import numpy as np

from aulib import balancing
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise


@exercise(
    "10.1",
    level="easy",
    expects="a function of the imbalance ratios of the labels that a row displays; returns its SCUMBLE",
    hint="1 - GM / AM. What is left to compare when a row displays one label only, or none?",
)
def scumble_of_row(answer: object) -> str:
    """SCUMBLE of one row from the ratios of the labels it displays."""

    def reference(ratios: list[float]) -> float:
        r = np.asarray(ratios, dtype=float)
        return 0.0 if r.size == 0 else 1 - float(np.exp(np.log(r).mean()) / r.mean())

    cases = [([1.0, 4.0],), ([1.0, 2.0, 8.0],), ([3.0],), ([],)]
    reasons = [
        None,
        "The geometric mean of three numbers is a cube root.",
        "One label is mixed with nothing.",
        "A row that displays nothing mixes nothing: 0, and no error.",
    ]
    compare.function(answer, reference, cases, reasons=reasons)
    return "Rare beside frequent gives much, equal frequencies give 0."


@exercise(
    "10.2",
    level="medium",
    expects="a whole number of clones",
    hint="Label 0 is displayed on 5 rows, label 1 on 1. Write both counts after k clones, and the first MeanIR.",
)
def where_ml_ros_stops(answer: object) -> str:
    """Clones that ML-ROS makes of one row with two labels beside four rows with one."""
    y = np.array([[1, 1]] + [[1, 0]] * 4, dtype=float)
    clones = float(balancing.ml_ros(y, share=10).indices.size - len(y))
    known = {
        0.0: "label 1 is a minority at the beginning, so at least one row is cloned.",
        4.0: "this many would be needed if a clone raised the rare count only; it raises both.",
        50.0: "this is all that may be cloned; the method stops earlier, at MeanIR.",
    }
    compare.number(answer, clones, tolerance=0.4, known=known, what="the number of clones")
    return "Every clone raises both counts, (5 + k) / (1 + k). Without the stop the ratio would never reach 1."


@exercise(
    "10.3",
    level="medium",
    expects="a number: the ratio with coverage=1 minus the ratio without",
    hint="Call `balancer.balance` twice with the profile's limits and read `max_min` of `summary()`.",
)
def price_of_coverage(answer: object, *, y: np.ndarray, lower: float, upper: float, seed: int) -> str:
    """What a floor under the known shares costs in evenness."""
    without, with_floor = (
        balancing.balance(y, lower, upper, (1, 1), seed=seed, coverage=floor).summary()["max_min"]
        for floor in (None, 1)
    )
    known = {
        without - with_floor: "the sign is turned; the floor cannot make the labels more even.",
        with_floor: "this is the ratio with the floor; subtract the ratio without it.",
    } if abs(with_floor - without) > 2e-3 else {}  # fmt: skip
    compare.number(answer, with_floor - without, tolerance=1e-3, known=known, what="the difference of the ratios")
    return "A constraint can only cost. Whether the known shares are worth the price is for you to say."


@exercise(
    "10.4",
    level="hard",
    expects="a function of labels (n, L) with NaN that returns the number of unique class groups",
    hint="NaN is not equal to itself, so `np.unique` may see two groups in one. Give unknown a number first.",
)
def class_groups(answer: object) -> str:
    """Number of different label rows, unknown being a symbol of its own."""

    def reference(y: np.ndarray) -> int:
        return len({tuple("?" if np.isnan(cell) else int(cell) for cell in row) for row in y})

    nan = np.nan
    plain = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    holes = np.array([[1, nan], [1, nan], [1, 0], [nan, 0]])
    reasons = [
        "This case has no unknown cell.",
        "Is unknown a third symbol, and equal to itself? (1, ?) is not (1, 0).",
    ]
    compare.function(answer, reference, [(plain,), (holes,)], reasons=reasons)
    return "Rows with the same known labels and other holes behave differently when they are cloned."
