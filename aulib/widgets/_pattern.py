"""One missing rate, three reasons: what is left of a complete label table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from aulib import metrics
from aulib.errors import DataError
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH, Bar
from aulib.widgets._example import AUS, SOURCE, example
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

REASONS = {"random": "at random", "dataset": "by dataset", "face": "by what is displayed"}
#: A displayed label is so many times as likely to be the next to go when the face decides.
BIAS = 4.0
_DRAWN = 48


def pattern(
    truth: ArrayLike | None = None,
    dataset: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    source: str = SOURCE,
) -> Explorer:
    """Missingness explorer: remove labels from a complete table, at random, by dataset, or by what is displayed.

    For the classroom: keep the missing rate and change the reason. At random, hardly a row stays complete; by dataset,
    pairs of labels are never seen together; by what is displayed, the prevalence among known labels is wrong.

    Args:
        truth: complete labels (n, L) of 0 and 1; None takes a simulated table.
        dataset: each row's dataset (n,). names: of the labels. source: where they come from.

    Raises:
        DataError: truth holds an unknown label, or dataset has another length.

    Example:
        >>> explorer = pattern()
        >>> explorer.frame(reason="dataset", rate=0.5).numbers["pairs"] < explorer.frame(rate=0.5).numbers["pairs"]
        True
    """
    if truth is None or dataset is None:
        truth, dataset, names = example().truth, example().dataset, AUS
    truth, dataset = metrics.check_labels(truth, "truth"), np.asarray(dataset)
    if np.isnan(truth).any() or len(dataset) != len(truth):
        raise DataError(
            f"truth has shape {truth.shape} with {np.isnan(truth).sum()} unknown labels, dataset {len(dataset)} names; "
            "give a complete table and one name for each row"
        )
    order = np.argsort(dataset, kind="stable")
    names = [f"label {i}" for i in range(truth.shape[1])] if names is None else list(names)
    settings = (
        Choice("reason", "Labels go missing", REASONS, "random"),
        Range("rate", "Missing rate", 0.0, 0.95, 0.05, tuple(round(0.1 * i, 1) for i in range(10)), 0.5, ".0%"),
    )
    draw = partial(frame, truth[order], dataset[order], tuple(names))
    return Explorer("pattern", "Why labels are missing", settings, draw, source)


def remove(truth: np.ndarray, dataset: np.ndarray, reason: str, rate: float) -> np.ndarray:
    """Labels with about this share unknown (NaN), for one of :data:`REASONS`; a higher rate adds to the holes."""
    rng = np.random.default_rng(2020)
    if reason == "dataset":
        found, number = np.unique(dataset, return_inverse=True)
        turn = rng.permutation(len(found) * truth.shape[1]).reshape(len(found), -1)
        return np.where(turn[number] < round(rate * turn.size), np.nan, truth)
    weight = np.where((truth == 1) & (reason == "face"), BIAS, 1.0)
    turn = (rng.exponential(size=truth.shape) / weight).argsort(axis=0).argsort(axis=0)
    return np.where(turn < round(rate * len(truth)), np.nan, truth)


def frame(truth: np.ndarray, dataset: np.ndarray, names: Sequence[str], reason: str, rate: float) -> Frame:
    """What is known after the removal: a sample of the rows, and four numbers of all."""
    y = remove(truth, dataset, reason, rate)
    known = ~np.isnan(y)
    together = (known.T.astype(float) @ known)[np.triu_indices(len(names), 1)] > 0
    found, true = metrics.prevalence(y), truth.mean(axis=0)
    numbers = {
        "missing": float(1 - known.mean()),
        "complete": float(known.all(axis=1).mean()),
        "pairs": float(together.mean()),
        "prevalence": metrics.mean_of_labels(found),
        "true_prevalence": float(true[~np.isnan(found)].mean()) if known.any() else np.nan,
    }
    message = (
        f"{numbers['missing']:.0%} of the labels are gone, {REASONS[reason]}. {numbers['complete']:.1%} of the rows "
        f"are complete; {numbers['pairs']:.0%} of the pairs of labels are known together somewhere. Mean prevalence of "
        f"known labels {numbers['prevalence']:.3f}, in truth {numbers['true_prevalence']:.3f}."
    )
    alt = f"Rows of {len(np.unique(dataset))} datasets by {len(names)} labels: dark displayed, light not, else unknown."
    return Frame(_picture(y, dataset, names, numbers, f"{alt} {message}"), f"{alt} {message}", message, numbers)


def _picture(y: np.ndarray, dataset: np.ndarray, names: Sequence[str], n: dict, alt: str) -> str:
    rows = np.linspace(0, len(y) - 1, min(_DRAWN, len(y))).astype(int)
    wide, tall, left, top = (WIDTH - 60) / len(names), 4, 58, 18
    parts = []
    for value, colour in ((1, "blue"), (0, "light")):
        cells = np.argwhere(y[rows] == value)
        parts.append(_draw.rects([(left + wide * j, top + tall * i, wide - 1, 3.5) for i, j in cells], colour))
    bottom = top + tall * len(rows)
    parts.append(_draw.rects([(left - 1, top - 1, wide * len(names) + 1, bottom - top + 1)], "grey", outline=True))
    if len(names) <= 9:
        parts += [_draw.text(left + wide * (j + 0.45), 12, name, "middle") for j, name in enumerate(names)]
    for name in np.unique(dataset):
        inside = np.flatnonzero(dataset[rows] == name)
        if inside.size:
            parts.append(_draw.text(54, top + tall * inside.mean() + 6, str(name)[:9], "end"))
    bars = [
        Bar("complete rows", n["complete"], f"{n['complete']:.1%}"),
        Bar("pairs known together", n["pairs"], f"{n['pairs']:.0%}"),
        Bar("prevalence, tick: truth", n["prevalence"], f"{n['prevalence']:.3f}", "orange", n["true_prevalence"]),
    ]
    parts.append(_draw.bars(bars, 0, 1, top=bottom + 12, label=130))
    return _draw.svg(bottom + 76, parts, alt)
