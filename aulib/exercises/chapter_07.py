"""Exercises of chapter 7: what missing labels cost, and how sure one can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aulib import experiments
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "7.1",
    level="easy",
    expects="a number: the t of the corrected paired test",
    hint="Divide the mean of d by the root of its enlarged variance; the variance of a sample divides by J - 1.",
)
def corrected_t(answer: object, *, d: Sequence[float], overlap: float) -> str:
    """The t of a paired test over overlapping splits."""
    d = np.asarray(d, dtype=float)
    mean, variance, seeds = d.mean(), d.var(ddof=1), len(d)
    right = mean / np.sqrt((1 / seeds + overlap) * variance)
    known = {
        mean / np.sqrt(variance / seeds): "this is the plain paired test; where is the overlap of the splits?",
        mean / np.sqrt((1 / seeds + overlap) * d.var()): "the variance divides by J; for a sample it is J - 1.",
        mean / np.sqrt(overlap * variance): "the 1/J of the plain test belongs into the variance as well.",
        mean / ((1 / seeds + overlap) * variance): "divide by the root of the variance of the mean.",
        -right: "the sign is turned; d is the method minus the reference.",
    }
    compare.number(answer, right, known=known, what="the t")
    return "The splits share people, so the same differences are weaker evidence than the plain test takes them for."


@exercise(
    "7.2",
    level="medium",
    expects="a function of a list of p values that returns the adjusted ones in the same order",
    hint="Sort the p values. The smallest is multiplied by n, the next by n - 1; none may fall below the one before.",
)
def holms_method(answer: object) -> str:
    """Adjust p values for the number of tests."""
    cases = [([0.01],), ([0.01, 0.04],), ([0.04, 0.01],), ([0.01, 0.02, 0.021],), ([0.6, 0.7],)]
    reasons = [
        "One test needs no adjustment.",
        "The smallest is multiplied by n, the largest by 1.",
        "Put the adjusted values back into the order of the given ones.",
        "An adjusted value may not be smaller than that of a smaller p.",
        "No p value is larger than 1.",
    ]
    compare.function(answer, experiments.holm, cases, reasons=reasons)
    return "What is decided after this adjustment is wrong anywhere at most as often as the level says."


@exercise(
    "7.3",
    level="medium",
    expects="a list of names of action units",
    hint="known_against_truth gives an interval of the difference; where does it lie above 0 as a whole?",
)
def flattered(answer: object, *, units: pd.DataFrame, overlap: float) -> str:
    """Action units whose F1 on the known labels flatters masked cross-entropy for sure."""
    table = experiments.known_against_truth(units.query("method == 'masked_bce'"), overlap=overlap)
    sure = set(table.index[table["low"] > 0])
    if isinstance(answer, list | tuple | set | pd.Index | np.ndarray):
        given = set(map(str, answer))
        if given == set(table.index[table["high"] < 0]):
            raise WrongError("These are the action units that the known labels make look worse than they are.")
        if given == set(table.index[table["difference"] > 0]) != sure:
            raise WrongError("Here the mean is above 0, but not every interval is; keep those you can be sure of.")
    compare.members(answer, sure, "action units")
    return "Another loss, and the holes of the same datasets: what flatters is the data, not the method."


@exercise(
    "7.4",
    level="hard",
    expects="a number: by how much the mean of the winners exceeds the best mean",
    hint="Make a table with a row per seed and a column per method. Which means need the largest of each row?",
)
def winners_curse(answer: object, *, scores: pd.DataFrame) -> str:
    """What choosing the winner of each seed on the test people adds to a score."""
    table = scores.pivot(index="seed", columns="method", values="f1_truth")
    best = table.mean().max()
    winners = table.max(axis=1).mean()
    known = {
        winners: "this is the mean of the winners; subtract the best method's mean.",
        best - winners: "the sign is turned; subtract the best mean from the mean of the winners.",
        table.to_numpy().max() - best: "this is the luckiest seed alone; take the winner of every seed, then the mean.",
        winners - table.to_numpy().mean(): "compare with the best method, not with the mean of all.",
    }
    compare.number(answer, winners - best, tolerance=5e-5, known=known, what="the difference")
    return "Nobody has learned anything for this gain: it is luck, picked after the fact on the people it is shown on."
