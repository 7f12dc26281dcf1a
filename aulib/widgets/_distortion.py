"""How batches bend the F1 loss, for one simulated label and a detector that does not change."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aulib.widgets import _draw
from aulib.widgets._draw import Bar
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

ROWS = 2**14
LOSSES = {False: "the paper's, batch by batch", True: "count-corrected"}


def distortion() -> Explorer:
    """Batch explorer: how far the mean of batch losses and gradients is from that of all rows at once.

    For the classroom: find the smallest batch at which a frequent label is trained as it should be, then make the
    label rarer. Then switch to the count-corrected loss.

    Example:
        >>> explorer = distortion()
        >>> small, large = (explorer.frame(size=n, prevalence=0.02).numbers["positives"] for n in (8, 1024))
        >>> small < 0.5 < large
        True
    """
    sizes = {n: f"{n:,}" for n in (8, 16, 32, 64, 128, 256, 512, 1024)}
    settings = (
        Choice("size", "Batch size", sizes, 64, ordered=True),
        Range("prevalence", "Prevalence", 0.01, 0.5, 0.01, (0.02, 0.1, 0.3), 0.1, ".0%"),
        Range("known", "Share of rows known", 0.1, 1.0, 0.1, (0.3,), 0.3, ".0%"),
        Choice("corrected", "Loss", LOSSES, False),
    )
    return Explorer("distortion", "Batches bend the F1 loss", settings, frame, f"Simulated, {ROWS:,} rows")


@lru_cache(maxsize=16)
def simulated(prevalence: float, known: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels (ROWS, 1) with NaN where unknown, and probabilities of a detector with some skill."""
    rng = np.random.default_rng(2020)
    truth = rng.random((ROWS, 1)) < prevalence
    prob = 1 / (1 + np.exp(-rng.normal(np.where(truth, 0.5, -2.5), 1)))
    return np.where(rng.random(truth.shape) < known, truth, np.nan), prob


def frame(size: int, prevalence: float, known: float, corrected: bool) -> Frame:
    """Loss and gradient of the batches beside those of all rows; see :func:`aulib.losses.batch_distortion`."""
    from aulib import losses  # needs Keras, which no other explorer does

    y, p = simulated(prevalence, known)
    numbers = losses.batch_distortion(y, p, size, corrected).loc[0].to_dict()
    words = f"{numbers['batch_loss']:.3f}", f"{numbers['whole_loss']:.3f}"
    message = (
        f"{size:,} rows a batch, prevalence {prevalence:.0%}, known on {known:.0%}, loss {LOSSES[corrected]}: "
        f"{numbers['without_positive']:.1%} of the batches hold no known positive. The mean loss is {words[0]}, of all "
        f"rows {words[1]}. Of the right gradient, positives get {numbers['positives']:.0%}, negatives "
        f"{numbers['negatives']:.0%}."
    )
    alt = f"Four bars with ticks where they should be. {message}"
    return Frame(_picture(numbers, alt), alt, message, numbers)


def _picture(n: dict, alt: str) -> str:
    rows = [
        Bar("loss, mean of batches", n["batch_loss"], f"{n['batch_loss']:.3f}", "blue", n["whole_loss"]),
        Bar("gradient, positives", n["positives"], f"{n['positives']:.0%}", "blue", 1.0),
        Bar("gradient, negatives", n["negatives"], f"{n['negatives']:.0%}", "blue", 1.0),
        Bar("batches without positive", n["without_positive"], f"{n['without_positive']:.1%}", "orange"),
    ]
    note = _draw.text(142, 106, "tick: all rows at once")
    return _draw.svg(112, [_draw.bars(rows, 0, 1.25, top=8, label=142, step=22), note], alt)
