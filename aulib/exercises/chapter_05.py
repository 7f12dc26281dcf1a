"""Exercises of chapter 5: training in two stages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aulib import metrics, paper
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise


@exercise(
    "5.1",
    level="easy",
    expects="a number of bytes",
    hint="How many numbers has the output of block 4 for one image: rows times columns times channels?",
)
def cache_bytes(answer: object) -> str:
    """Size of the features of block 4 for the paper's training images, in 16 bits."""
    values = paper.TRAIN_IMAGES * 14 * 14 * 512
    known = {
        values: "this is the number of values; each of them takes 16 bits.",
        16 * values: "these are bits; a byte has eight of them.",
        4 * values: "this is the size in 32 bits, four bytes a value; the cache stores 16.",
        2 * values // 4: "this is the output of block 5, 7 by 7; block 4 has one pooling less.",
        2 * values // 512: "the 512 channels are missing.",
        2 * values / 1e9: "this is in gigabytes; give bytes.",
        2 * values / 2**30: "this is in gibibytes; give bytes.",
    }
    found = compare.number(answer, 2 * values, tolerance=0.01, known=known, what="the number of bytes")
    return f"{found / 1e9:.0f} GB fit on a disk and not into most memories; hence the cache is a memory map."


@exercise(
    "5.2",
    level="easy",
    expects="one of the letters a, b, c, d",
    hint="How many different outputs can one image have? And what is AU51 in a mirror?",
)
def mirrored(answer: object) -> str:
    """What random mirroring means for cached features."""
    reasons = {
        "a": "An image and its mirror image meet the same filters, but do not come out as the same numbers.",
        "b": "The outputs are right, but a head that turns left turns right in the mirror: some labels must change.",
        "d": "It has no end of outcomes only if the change is drawn from a continuous range. Count those of a mirror.",
    }
    compare.choice(answer, "c", reasons)
    return "Two outcomes can be stored, at twice the space. Random crops or light have no end of outcomes."


@exercise(
    "5.3",
    level="medium",
    expects="a number, 0 or below: the validation score lost",
    hint="Take the rows of stage 2 first. idxmin of one column tells which row to look up in another.",
)
def chosen_by_loss(answer: object, *, history: pd.DataFrame) -> str:
    """Validation score of the epoch of stage 2 with the lowest training loss, minus the best one."""
    stage = history[history["stage"] == 2]
    score = stage["val_score"]
    right = score[stage["loss"].idxmin()] - score.max()
    known = {
        -right: "the sign is turned; subtract the best score from the other.",
        score[stage["loss"].idxmin()]: "this is the score of that epoch; subtract the best one.",
        score.iloc[-1] - score.max(): "this is about the last epoch. It need not have the lowest loss.",
        history.loc[history["loss"].idxmin(), "val_score"] - history["val_score"].max(): "both stages were searched.",
        stage["loss"].min() - stage["loss"][score.idxmax()]: "this is a difference of losses; compare the scores.",
    }
    compare.number(answer, right, tolerance=1e-4, known=known, what="the score that is lost")
    if right > -1e-9:
        return "Here the lowest loss and the best score fall on one epoch. Nothing makes them do so in another run."
    return f"{-right:.3f} would be lost: the loss is about people whom the network learns by heart."


@exercise(
    "5.4",
    level="medium",
    expects="a number of epochs",
    hint="`metrics.selection_score` scores a silly answer as the table above does. Which of the two is harder to beat?",
)
def above_silly(answer: object, *, history: pd.DataFrame, labels: np.ndarray) -> str:
    """Epochs whose selection score is above that of both silly answers by more than 0.001."""
    silly = {answer: np.full_like(labels, answer) for answer in (1, 0)}
    scores = [metrics.selection_score(labels, blind) for blind in silly.values()]
    score, better = history["val_score"], max(scores)
    right = score > better + 1e-3
    known = compare.causes(
        ((score > min(scores) + 1e-3).sum(), "these beat the weaker of the two silly answers."),
        ((score > better).sum(), "some of these are above by a rounding error only; more than 0.001 is asked for."),
        ((score > 0.5).sum(), "these were compared with 0.5; compare with the silly answers."),
        (
            (history["val_f1_macro"] > metrics.f1_macro(labels, silly[1]) + 1e-3).sum(),
            "these were compared by F1 alone; saying displayed more often pleases it.",
        ),
        ((~right).sum(), "these are the epochs that do not beat both."),
    )
    compare.number(answer, right.sum(), known=known, what="the number of such epochs")
    return f"{right.sum()} of {len(history)} epochs of this training have learned more than the better silly answer."


@exercise(
    "5.5",
    level="hard",
    expects="two numbers of the grid: for cross-entropy, and for the soft F1 loss",
    hint="Compute each loss for every c of the grid: `np.full_like(column, c)` is the answer of such a network.",
)
def silly_minimum(c_bce: object, c_f1: object, *, column: np.ndarray, grid: np.ndarray) -> str:
    """The constant probability with the smallest loss, for two losses."""
    prevalence = float(np.nanmean(column))
    bce = grid[np.argmax(prevalence * np.log(grid) + (1 - prevalence) * np.log(1 - grid))]
    f1 = grid[np.argmax(2 * prevalence * grid / (prevalence + grid))]
    known = {
        f1: "this is what the F1 loss prefers.",
        0.5: "0.5 means undecided; cross-entropy asks for a probability that is right on average.",
        grid.min(): "the grid's smallest c would be right if nothing were ever displayed.",
    }
    compare.number(c_bce, bce, tolerance=6e-3, known=known, what="the best c for cross-entropy")
    known = {
        bce: "this is what cross-entropy prefers.",
        0.5: "0.5 means undecided; look whether the soft F1 still rises there.",
        grid.min(): "this is its largest loss. Was the loss maximised, or the F1 minimised?",
    }
    compare.number(c_f1, f1, tolerance=6e-3, known=known, what="the best c for the soft F1 loss")
    says = "never" if prevalence < 0.5 else "always"
    return (
        f"Cross-entropy stays at the prevalence, {prevalence:.2f}, which a threshold of 0.5 turns into '{says} "
        "displayed'; the F1 loss goes to 'always displayed'."
    )
