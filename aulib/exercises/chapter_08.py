"""Exercises of chapter 8: other losses with holes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aulib import losses
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "8.1",
    level="easy",
    expects="a list of names of losses, perhaps an empty one",
    hint="Stack the new rows below y and p, and compute every value again as in the second table of the chapter.",
)
def rows_nobody_coded(answer: object, *, y: np.ndarray, p: np.ndarray) -> str:
    """Names of the losses whose value changes with rows whose labels are all unknown."""
    more_y = np.vstack([y, np.full((10, y.shape[1]), np.nan)])
    more_p = np.vstack([p, np.full((10, p.shape[1]), 0.9)])
    changed = [name for name in losses.names() if _value(name, more_y, more_p) != _value(name, y, p)]
    given = _names(answer)
    if "missing_as_negative_crossentropy" in given and "missing_as_negative_crossentropy" not in changed:
        raise WrongError("This loss fills holes, but it leaves out rows in which nothing at all is known. Compute it.")
    compare.members(given, changed, "losses")
    return "None reacts: such an image was looked at by nobody, and the paper drops it before training."


def _names(answer: object) -> list[str]:
    if isinstance(answer, str) or not isinstance(answer, Sequence | set):
        raise WrongError("Expected a list of names as losses.names() gives them; [] means that none changes.")
    strange = [name for name in answer if name not in losses.names()]
    if strange:
        raise WrongError(f"{strange[0]!r} is no name of a loss; see losses.names().")
    return list(answer)


def _value(name: str, y: np.ndarray, p: np.ndarray) -> float:
    return round(float(losses.by_name(name, y)(y, p)), 6)


@exercise(
    "8.2",
    level="medium",
    expects="a function of a list of (tp, fp, fn) that returns the F1 of all batches together",
    hint="Which sums does F1 need? Add them up over the batches before you divide.",
)
def f1_of_batches(answer: object) -> str:
    """F1 of an epoch from the counts of its batches."""

    def pooled(counts: list[tuple[int, int, int]]) -> float:
        tp, fp, fn = np.sum(counts, axis=0)
        return 2 * tp / (2 * tp + fp + fn)

    cases = [([(3, 1, 2)],), ([(0, 0, 1), (8, 0, 1)],), ([(5, 2, 0), (1, 7, 3), (0, 4, 0)],)]
    mean = "This is the mean of the batches' F1; counts have to be added first."
    compare.function(answer, pooled, cases, reasons=[None, mean, mean])
    return "A batch with one missed positive drags the mean of the batches far down, and the pooled F1 hardly at all."


@exercise(
    "8.3",
    level="hard",
    expects="a function of y_true and y_pred that returns the masked cross-entropy",
    hint="Where does NaN first meet an arithmetic operation? Replace it one line earlier than the mask is used.",
    bug=True,
)
def mask_too_late(answer: object) -> str:
    """A cross-entropy whose value is right and whose gradient is NaN."""
    y = np.array([[1, 0, np.nan], [np.nan, 1, 0]], "float32")
    p = np.array([[0.9, 0.2, 0.3], [0.4, 0.6, 0.1]], "float32")
    expected = float(losses.masked_binary_crossentropy(y, p))
    compare.number(_as_float(answer, y, p), expected, tolerance=1e-4, what="the mean cost of the known cells")
    if not np.isfinite(_weights_after_one_step(answer, y)).all():
        raise WrongError(
            "The value is right, but after one step of training weights are NaN. Unknown cells still enter."
        )
    return "Value and gradient are right: 0 x NaN is NaN, so NaN must be gone before the first product or logarithm."


def _as_float(loss: object, y: np.ndarray, p: np.ndarray) -> float:
    import keras

    return float(keras.ops.convert_to_numpy(compare.called(loss, *map(keras.ops.convert_to_tensor, (y, p)))))


def _weights_after_one_step(loss: object, y: np.ndarray) -> np.ndarray:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="sigmoid")])
    model.compile("sgd", loss)
    model.train_on_batch(np.ones((2, 3), "float32"), y)
    return model.get_weights()[0]


@exercise(
    "8.4",
    level="medium",
    expects="a whole number of rows",
    hint="A batch of B rows holds none with probability `(1 - q)^B`. Set this to 0.01 and take logarithms.",
)
def batch_that_is_rarely_empty(answer: object, *, q: Sequence[float]) -> str:
    """Smallest batch in which the rarest label is missing at most once in a hundred times."""
    rarest = float(np.min(np.asarray(q, dtype=float)))
    exact = math.log(0.01) / math.log1p(-rarest)
    known = {
        float(math.floor(exact)): "with one row less than needed the probability is still above 0.01; round up.",
        float(math.ceil(1 / rarest)): "this many rows hold one positive on average, and none in every third batch.",
        float(math.ceil(math.log(0.01) / math.log1p(-float(np.max(q))))): "this is for the most frequent label.",
    }
    compare.number(answer, float(math.ceil(exact)), tolerance=0.5 - 1e-9, known=known, what="the size of the batch")
    return f"A label known positive on {rarest:.1%} of the rows needs batches of this size."


@exercise(
    "8.5",
    level="medium",
    expects="a number: a share of known labels between 0 and 1",
    hint="The weight of the row is the factor times the share. Where is the top of this parabola?",
)
def heaviest_row(answer: object) -> str:
    """Share of known labels at which a row weighs most in the partial cross-entropy."""
    share = np.linspace(0, 1, 100_001)
    weight = (-4.45 * share + 5.45) * share
    known = {0.0: "there the factor on each cell is largest, but the row has no cell.", 1.0: "a complete row weighs 1."}
    compare.number(answer, float(share[weight.argmax()]), tolerance=0.006, known=known, what="the share")
    return "Rows with a bit more than half of their labels known pull most."
