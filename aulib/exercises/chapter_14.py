"""Exercises of chapter 14: ten faults of the kind that published code has had, to be found and repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aulib import metrics
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "14.1",
    level="easy",
    expects="a function of a name such as 'sub07' and the lists; returns a part or raises ValueError",
    hint="Print the part of every person. Which comparison never succeeds, and where does the else send people?",
    bug=True,
)
def not_a_partition(answer: object) -> str:
    """People that match no list end up in the test part."""
    lists = {"train": ["sub1", "sub02"], "validation": ["sub7"], "test": ["sub10"]}
    right = {"sub01": "train", "sub02": "train", "sub07": "validation", "sub7": "validation", "sub10": "test"}
    for name, part in right.items():
        found = compare.called(answer, name, lists)
        if found != part:
            raise WrongError(f"{name} is in {found!r}, the lists say {part!r}. Compare numbers, not spellings.")
    try:
        found = answer("sub99", lists)  # type: ignore[operator]
    except ValueError:
        return "Every person is in exactly one part, and a person nobody listed stops the program."
    raise WrongError(f"sub99 is in no list and got {found!r}; raise ValueError instead of guessing.")


@exercise(
    "14.2",
    level="easy",
    expects="a function of an array of codes that returns how often the action unit is displayed",
    hint="Which codes can occur, and which of them are greater than zero?",
    bug=True,
)
def nine_is_greater_than_zero(answer: object) -> str:
    """The code for unknown is counted as displayed."""
    cases = [(np.array([0, 1, 1]),), (np.array([9, 9, 1, 0, 9]),), (np.array([9, 9]),)]
    reasons = ["This case has no 9.", "9 means that nobody could say.", "Nothing was seen here at all."]
    compare.function(answer, lambda codes: int((codes == 1).sum()), cases, reasons=reasons)
    return "A frequency that counts unknown cells makes rare labels look frequent, and their weight in the loss small."


@exercise(
    "14.3",
    level="easy",
    expects="a function of a dictionary of columns, the action units and the number of frames; returns (frames, units)",
    hint="What does a column hold when its file is missing? What should it hold?",
    bug=True,
)
def missing_file_is_negative(answer: object) -> str:
    """A missing annotation file leaves a column of zeros."""
    files = {"AU01": [0, 1, 1], "AU12": [1, 0, 0]}

    def reference(files: Mapping[str, Sequence[int]], aus: Sequence[str], frames: int) -> np.ndarray:
        return np.column_stack([np.asarray(files.get(au, [np.nan] * frames), dtype=float) for au in aus])

    cases = [(files, ["AU01", "AU12"], 3), (files, ["AU12", "AU25"], 3)]
    reasons = ["All files are there in this case.", "Nobody coded AU25: unknown, not absent."]
    compare.function(answer, reference, cases, reasons=reasons)
    return "Start from unknown, and let only what was read become 0 or 1."


@exercise(
    "14.4",
    level="medium",
    expects="a function of y and p that returns the Dice loss of one label in a batch",
    hint="What does a perfect prediction cost, and what if every row stands twice? Count the brackets.",
    bug=True,
)
def dice_over_batch_size(answer: object) -> str:
    """Operator precedence divides the Dice coefficient by the batch size."""
    rng = np.random.default_rng(1)
    y, p = (rng.random(20) < 0.4).astype(float), rng.random(20)
    cases = [(np.ones(4), np.ones(4)), (y, p), (np.tile(y, 5), np.tile(p, 5))]
    reasons = [
        "A perfect prediction costs nothing.",
        "Compute 2 sum(yp) / (sum(y) + sum(p)) by hand.",
        "The same rows five times are the same loss.",
    ]
    compare.function(answer, lambda y, p: 1 - 2 * (y * p).sum() / (y.sum() + p.sum()), cases, 1e-4, reasons)
    return "Divided by the batch size, the part that learns had been small, and smaller the larger the batch."


@exercise(
    "14.5",
    level="medium",
    expects="a function of the list of extra draws (row numbers) and the number of rows; returns weights",
    hint="How often is a row seen that was drawn once more? Compare it with a row that was not drawn.",
    bug=True,
)
def one_clone_has_no_effect(answer: object) -> str:
    """A row cloned n times gets the weight n in place of 1 + n."""

    def reference(extra: Sequence[int], rows: int) -> np.ndarray:
        return 1.0 + np.bincount(np.asarray(extra, dtype=int), minlength=rows)

    cases = [([], 3), ([1], 3), ([2, 2, 0], 4)]
    reasons = ["Without clones every row has the weight 1.", "One clone means seen twice.", None]
    compare.function(answer, reference, cases, reasons=reasons)
    return "The original is still there: 1 + n. With n alone, a first clone changes nothing."


@exercise(
    "14.6",
    level="medium",
    expects="a function of a point, its neighbour and r between 0 and 1 that returns the made-up point",
    hint="Put in r = 1. Where should the new point be, and where is it?",
    bug=True,
)
def away_from_the_neighbour(answer: object) -> str:
    """Interpolation with the sign turned goes away from the neighbour."""
    x, z = np.array([0.0, 2.0]), np.array([4.0, 2.0])
    cases = [(x, z, 0.0), (x, z, 1.0), (x, z, 0.25), (z, x, 0.5)]
    reasons = ["r = 0 is the point itself.", "r = 1 is the neighbour.", "It lies between the two.", None]
    compare.function(answer, lambda x, z, r: x + r * (z - x), cases, reasons=reasons)
    return "A made-up sample between two real ones may be plausible; one beyond them was seen by nobody."


@exercise(
    "14.7",
    level="medium",
    expects="a function of labels y and scores z, both (rows, labels), that returns the soft F1 per label",
    hint="Look at what the function makes of y. Then ask whether labels exclude each other on a face.",
    bug=True,
)
def softmax_on_the_targets(answer: object) -> str:
    """Softmax over labels that do not exclude each other, on the targets too."""
    rng = np.random.default_rng(4)
    y, z = (rng.random((30, 3)) < 0.4).astype(float), rng.normal(size=(30, 3))

    def reference(y: np.ndarray, z: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-z))
        return 2 * (y * p).sum(0) / (y + p).sum(0)

    sure = np.array([[1.0, 1.0], [0.0, 1.0]])
    reasons = [
        "The detector is sure and right, so F1 is 1.",
        "Labels stay as they are; each score has its own sigmoid.",
    ]
    compare.function(answer, reference, [(sure, 40 * (2 * sure - 1)), (y, z)], 1e-4, reasons)
    return "Labels are what they are. Faces show several action units at once, so each has a probability of its own."


@exercise(
    "14.8",
    level="hard",
    expects="a function of tp, fp, fn (one per label) that returns the macro F1 and the number of labels averaged",
    hint="What does the tiny number in the denominator make of a label that is neither displayed nor predicted?",
    bug=True,
)
def tiny_number_in_the_denominator(answer: object) -> str:
    """Undefined F1 silently counts as 0 in a mean over many labels."""

    def reference(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> tuple[float, int]:
        sums = 2 * tp + fp + fn
        f1 = 2 * tp[sums > 0] / sums[sums > 0]
        return float(f1.mean()), int((sums > 0).sum())

    cases = [
        tuple(map(np.array, ([3, 4], [1, 0], [0, 2]))),
        tuple(map(np.array, ([3, 4, 0, 0], [1, 0, 0, 0], [0, 2, 0, 0]))),
        tuple(map(np.array, ([3, 0, 0], [1, 2, 0], [0, 0, 0]))),
    ]
    reasons = ["Both labels occur here.", "Labels that never occur say nothing about the detector; leave them out.",
               "A false alarm without any displayed row is an F1 of 0, and it counts."]  # fmt: skip
    compare.function(answer, reference, cases, 1e-6, reasons)
    return "Two papers with other numbers of labels averaged do not print the same quantity. Print the number."


@exercise(
    "14.9",
    level="hard",
    expects="a function of y_val, p_val, y_test, p_test (one label) that returns the F1 on the test part",
    hint="Which arrays may be looked at while the threshold is chosen?",
    bug=True,
)
def tuned_on_test(answer: object) -> str:
    """The threshold is chosen on the data it is scored on."""
    grid = np.linspace(0.05, 0.95, 19)

    def f1(y: np.ndarray, p: np.ndarray, threshold: float) -> float:
        return float(metrics.f1_per_label(y[:, None], p[:, None], threshold, undefined=0.0)[0])

    def reference(y_val: np.ndarray, p_val: np.ndarray, y_test: np.ndarray, p_test: np.ndarray) -> float:
        return f1(y_test, p_test, grid[int(np.argmax([f1(y_val, p_val, t) for t in grid]))])

    rng = np.random.default_rng(8)
    y = (rng.random(400) < 0.2).astype(float)
    p = np.clip(0.3 * y + 0.6 * rng.random(400), 0, 1)
    parts = (y[:200], p[:200], y[200:], np.clip(p[200:] - 0.15, 0, 1))
    flattered = max(f1(*parts[2:], t) for t in grid)
    found = compare.called(answer, *parts)
    known = {flattered: "this is the best F1 that any threshold gives on the test part; nobody has that threshold.",
             f1(*parts[2:], 0.5): "this is the threshold 0.5; choose one on the validation part."}  # fmt: skip
    compare.number(found, reference(*parts), tolerance=1e-6, known=known, what="the F1 of the repaired function")
    return f"{reference(*parts):.2f} is honest here, {flattered:.2f} would have been printed."


@exercise(
    "14.10",
    level="hard",
    expects="a function of labels y and the outputs of the network (probabilities) that returns the cross-entropy",
    hint="Between which values does the second sigmoid lie when its input lies between 0 and 1?",
    bug=True,
)
def two_sigmoids(answer: object) -> str:
    """A loss that expects scores gets probabilities."""

    def reference(y: np.ndarray, p: np.ndarray) -> float:
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())

    sure = np.array([1.0, 0.0, 0.0]), np.array([1 - 1e-6, 1e-6, 1e-6])
    unsure = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    reasons = ["A network that is sure and right pays next to nothing.", "Even odds cost log 2.",
               "A confident mistake must be finite: keep p away from 0 and 1."]  # fmt: skip
    compare.function(answer, reference, [sure, unsure], 1e-3, reasons[:2])
    value = float(compare.called(answer, np.array([1.0]), np.array([0.0])))
    if not np.isfinite(value) or value < 5:
        raise WrongError(f"A confident mistake costs {value:g}. {reasons[2]}")
    return "With two sigmoids no output can say less than one half, so the network can never say no."
