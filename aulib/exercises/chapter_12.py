"""Exercises of chapter 12: why labels are missing."""

from __future__ import annotations

import numpy as np

from aulib import missingness, paper
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise


@exercise(
    "12.1",
    level="easy",
    expects="a function of the known share of a label that returns the uncertainty of known or unknown in bits",
    hint="The entropy of a coin: `-s log2(s) - (1 - s) log2(1 - s)`. What is it where a logarithm has no value?",
)
def bits(answer: object) -> str:
    """Entropy of the mask of a label."""

    def reference(share: float) -> float:
        return -sum(s * np.log2(s) for s in (share, 1 - share) if s > 0)

    reasons = [
        "Half known is one bit.",
        None,
        "A label known everywhere is not uncertain: 0.",
        "Nor is one known nowhere.",
    ]
    compare.function(answer, reference, [(0.5,), (0.1,), (1.0,), (0.0,)], reasons=reasons)
    return "The dataset explains a label's holes fully when each dataset has a share of 0 or 1."


@exercise(
    "12.2",
    level="easy",
    expects="a number: a missing rate between 0 and 1",
    hint="Change one entry of `masks` and call `missingness.paper_missing_rate`.",
)
def newer_release(answer: object) -> str:
    """Missing rate of the paper's database with the release of Aff-Wild2 of 2022."""
    masks = missingness.PAPER_MASKS | {"aff_wild2": 12}
    unweighted = 1 - np.mean([k / paper.ACTION_UNITS for k in masks.values()])
    known = {
        missingness.paper_missing_rate(): "this is the rate with the release of 2020.",
        float(unweighted): "datasets have different numbers of images; weight by them.",
        1 - missingness.paper_missing_rate(masks): "this is the known share.",
    }
    compare.number(answer, missingness.paper_missing_rate(masks), tolerance=1e-4, known=known, what="the missing rate")
    return "Four more action units of one dataset move the rate by more than two points."


@exercise(
    "12.3",
    level="medium",
    expects="a whole number of combinations",
    hint="`mask_combinations` takes the rate as a share and the number of its printed decimals: 69.07 % has 4.",
)
def one_digit_more(answer: object) -> str:
    """Combinations left if the paper had printed 69.074 %."""
    left, printed = (
        len(missingness.mask_combinations(rate=rate, digits=digits))
        for rate, digits in ((0.69074, 5), (paper.MISSING_RATE, 4))
    )
    compare.number(answer, float(left), tolerance=0.4, known={float(printed): "this is for two printed decimals."},
                   what="the number of combinations")  # fmt: skip
    return f"{left} instead of {printed}: printing a digit costs nothing and helps readers."


@exercise(
    "12.4",
    level="hard",
    expects="a function of the true prevalence and the skipped share that returns the prevalence among known labels",
    hint="Imagine 1,000 images. How many displayed ones stay known, and how many known ones are there in all?",
)
def skipped_smiles(answer: object) -> str:
    """Prevalence that is seen when coders skip a share of the displayed cells."""

    def brute_force(prevalence: float, skipped: float) -> float:
        n = 1_000_000
        displayed = n * prevalence
        return displayed * (1 - skipped) / (n - displayed * skipped)

    reasons = ["Nothing is skipped here.", "Skipped cells leave the known ones too, so the denominator shrinks.", None]
    compare.function(answer, brute_force, [(0.3, 0.0), (0.3, 0.5), (0.05, 0.9)], reasons=reasons)
    return "The table shows fewer smiles than there were, and nothing in it tells. Such holes are not at random."
