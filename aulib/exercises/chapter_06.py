"""Exercises of chapter 6: results that can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aulib import database, evaluation, metrics, splits
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "6.1",
    level="easy",
    expects="a function of the prevalence that returns an F1",
    hint="Of 100 faces, 50 display it and all 100 are called displayed. Count TP, FP and FN.",
)
def thoughtless_f1(answer: object) -> str:
    """The F1 of always answering "displayed"."""

    def brute_force(prevalence: float) -> float:
        y = np.arange(1000) < round(1000 * prevalence)
        return 2 * y.sum() / (2 * y.sum() + (~y).sum())

    reasons = [
        "Nothing is missed, so recall is 1 and precision is the prevalence; F1 lies between them.",
        "A rarer action unit has a lower baseline: most of what is called displayed is not.",
        None,
        "If everything is displayed, always saying so is right.",
    ]
    compare.function(answer, brute_force, [(0.5,), (0.1,), (0.01,), (1.0,)], reasons=reasons)
    return f"At a prevalence of 0.5 it is {brute_force(0.5):.3f}: a model with 0.66 is worse than no model."


@exercise(
    "6.2",
    level="easy",
    expects="a number of action units",
    hint="The results table has a column for the model and a column for the thoughtless answer.",
)
def of_use(answer: object, *, tested: pd.DataFrame, threshold: float) -> str:
    """Action units on which the model's F1 is above that of always answering "displayed"."""
    y, p = _arrays(tested)
    f1, always, prevalence = metrics.f1_per_label(y, p, threshold), metrics.always_positive_f1(y), metrics.prevalence(y)
    right = int((f1 > always).sum())
    known = compare.causes(
        ((f1 > 0.5).sum(), "they were compared with 0.5; a rare action unit has another bar than a frequent one."),
        ((f1 > prevalence).sum(), "they were compared with the prevalence; the thoughtless answer scores more."),
        ((f1 > np.nanmean(always)).sum(), "they were compared with the mean baseline; each has its own."),
        ((f1 <= always).sum(), "these are the action units on which the model is of no use."),
    )
    compare.number(answer, right, known=known, what="the number of action units above their baseline")
    return f"{right} of {len(f1)}, before asking how sure we are. A macro F1 alone does not tell."


@exercise(
    "6.3",
    level="medium",
    expects="a number: width for images over width for people",
    hint="`tested.assign(subject=...)` with another text in every row makes each image a person of its own.",
)
def images_for_people(answer: object, *, tested: pd.DataFrame, threshold: float) -> str:
    """Width of the interval of the macro F1 when images are drawn, over its width when people are drawn."""
    alone = tested.assign(subject=[str(row) for row in range(len(tested))])
    people, images = (_width(table, threshold) for table in (tested, alone))
    right = images / people
    known = {
        people / images: "it is turned over; divide the width for images by the width for people.",
        images: "this is the width for images; divide it by the width for people.",
        people: "this is the width for people; divide the width for images by it.",
        1.0: "both widths are the same, so the rows were not made people of their own.",
    }
    compare.number(answer, right, tolerance=2e-3, known=known, what="the ratio of the widths")
    if right < 1:
        return f"Drawing images makes the interval {1 - right:.0%} narrower. It takes frames of one person for news."
    return "Here drawing images does not narrow the interval. It does where people have many images that are alike."


@exercise(
    "6.4",
    level="medium",
    expects="a number of the grid",
    hint="`metrics.f1_per_label` takes a threshold. Compute the F1 of the action unit for each of the grid.",
)
def flattering_threshold(answer: object, *, tested: pd.DataFrame, au: str, grid: np.ndarray, threshold: float) -> str:
    """A threshold of the grid with the highest F1 on the test part itself."""
    y, p = _arrays(tested, [au])
    found = compare.number(answer, 0, tolerance=np.inf, what="the threshold")
    if not np.isclose(grid, found).any():
        raise WrongError(f"{found:g} is not in the grid, which goes from {grid.min():g} to {grid.max():g}.")
    found = grid[np.isclose(grid, found)][0]
    f1, best = metrics.f1_macro(y, p, found), _f1_over(y, p, grid).max()
    if f1 < best - 1e-9:
        accuracy = [metrics.accuracy_macro(y, p, cut) for cut in grid]
        why = "It has the highest accuracy, not the highest F1. " if found == grid[np.argmax(accuracy)] else ""
        raise WrongError(f"{why}At {found:.2f} the F1 is {f1:.3f}; another threshold of the grid scores higher.")
    gain = best - metrics.f1_macro(y, p, threshold)
    return f"{gain:+.3f} against {threshold:g}, on the images that chose it: a flattered score, not to be reported."


@exercise(
    "6.5",
    level="hard",
    expects="a number: F1 with the chosen threshold minus F1 with the usual one, on the other people",
    hint="Two halves have two tasks: one chooses the threshold and is never scored, the other is scored once.",
)
def honest_gain(answer: object, *, tested: pd.DataFrame, au: str, grid: np.ndarray, threshold: float) -> str:
    """What a threshold chosen on half of the people gains on the other half."""
    y, p = _arrays(tested, [au])
    halves = splits.by_subject(tested, test_size=0.5, seed=0)
    f1 = [_f1_over(y[half], p[half], grid) for half in halves]
    usual = [metrics.f1_macro(y[half], p[half], threshold) for half in halves]
    right = f1[1][np.argmax(f1[0])] - usual[1]
    known = {
        -right: "the sign is turned; subtract the F1 with the usual threshold.",
        f1[0].max() - usual[0]: "this is the gain on the people who chose the threshold.",
        f1[1].max() - usual[1]: "the threshold was chosen on the people it is scored on.",
        f1[0][np.argmax(f1[1])] - usual[0]: "the halves are swapped: the first chooses, the second is scored.",
        f1[1][np.argmax(f1[0])]: "this is the F1 with the chosen threshold; subtract the F1 with the usual one.",
    }
    compare.number(answer, right, tolerance=1e-4, known=known, what="the gain on the other people")
    return f"{right:+.3f} on others, {f1[0].max() - usual[0]:+.3f} on those who chose. Only the first may be reported."


def _arrays(tested: pd.DataFrame, aus: list[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of a prediction table, both (n, L)."""
    aus = aus or [column[:-2] for column in tested.columns if column.endswith("_p")]
    return database.labels(tested, aus), tested[[f"{au}_p" for au in aus]].to_numpy(dtype=np.float32)


def _f1_over(y: np.ndarray, p: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The F1 of one label for each threshold; 0 where it is undefined, so that no such threshold is chosen."""
    return np.array([metrics.f1_macro(y, p, cut, undefined=0.0) for cut in grid])


def _width(tested: pd.DataFrame, threshold: float) -> float:
    table = evaluation.results_table(tested, threshold=threshold, intervals=100, seed=0)
    return float(table.loc["F1 macro", "f1_high"] - table.loc["F1 macro", "f1_low"])
