"""How wide an F1 scatters with few people and many frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aulib import metrics
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

TESTS = 400
#: Mean over people: prevalence, recall, false alarms. Chosen.
MEANS = {"prevalence": 0.2, "recall": 0.7, "alarms": 0.1}
_BINS = 40


def people() -> Explorer:
    """Interval explorer: the F1 of one detector over many test sets, with few or many people and frames.

    For the classroom: multiply the frames by a hundred and see how little is gained; then double the people. Ask which
    of the two numbers a paper gives as the size of its test set.

    Example:
        >>> explorer = people()
        >>> more_frames = explorer.frame(people=20, frames=100).numbers["width"]
        >>> explorer.frame(people=160, frames=10).numbers["width"] < more_frames
        True
    """
    some, frames = (5, 10, 20, 40, 80, 160), (1, 10, 100)
    settings = (
        Choice("people", "People", {n: str(n) for n in some}, 20, ordered=True),
        Choice("frames", "Frames of each", {n: f"{n:,}" for n in frames}, 100, ordered=True),
        Range("spread", "People differ", 0.0, 0.6, 0.05, (0.1, 0.4), 0.4),
    )
    source = f"Simulated, {TESTS:,} test sets; 0 means that people do not differ"
    return Explorer("people", "How sure is an F1?", settings, frame, source)


def rates(rng: np.random.Generator, mean: float, spread: float, shape: tuple[int, ...]) -> np.ndarray:
    """A rate of each person: beta-distributed, its variance ``spread ** 2`` of the largest that the mean allows."""
    if spread == 0:
        return np.full(shape, mean)
    weight = 1 / spread**2 - 1
    return rng.beta(mean * weight, (1 - mean) * weight, shape)


@lru_cache(maxsize=128)
def scores(people: int, frames: int, spread: float) -> np.ndarray:
    """Pooled F1 (TESTS,) of the same detector on test sets of other people; NaN where nothing is displayed or found."""
    rng = np.random.default_rng([2020, people, frames])
    p, recall, alarms = (rates(rng, mean, spread, (TESTS, people)) for mean in MEANS.values())
    displayed = rng.binomial(frames, p)
    tp, fp = rng.binomial(displayed, recall), rng.binomial(frames - displayed, alarms)
    cells = (tp, fp, displayed - tp, frames - displayed - fp)
    return metrics.f1_from_counts(metrics.Counts(*(c.sum(axis=1).astype(float) for c in cells)))


def frame(people: int, frames: int, spread: float) -> Frame:
    """Where 95 % of the test sets lie, beside test sets of as many rows that all come from other people."""
    # Frames that all come from other people are one frame repeated: their counts are drawn at once.
    found, naive = scores(people, frames, spread), scores(1, people * frames, 0.0)
    (low, high), (near, far) = (np.nanquantile(f1, (0.025, 0.975)).tolist() for f1 in (found, naive))
    numbers = {"low": low, "high": high, "width": high - low, "naive_width": far - near}
    message = (
        f"{people} people, {frames:,} frames each, {people * frames:,} rows; people differ by {spread:.2f}. 95 % of "
        f"such test sets give an F1 from {low:.3f} to {high:.3f}, a width of {high - low:.3f}. If every row were a "
        f"person of its own it would be {far - near:.3f}."
    )
    alt = f"Two histograms of the F1 of {TESTS:,} simulated test sets. {message}"
    return Frame(_picture(found, naive, alt), alt, message, numbers)


def _picture(found: np.ndarray, naive: np.ndarray, alt: str) -> str:
    x, parts = _draw.scale(0, 1, 10, WIDTH - 10), []
    for top, values, colour, name in (
        (16, found, "blue", "these people"), (94, naive, "grey", "every row a person of its own")
    ):  # fmt: skip
        counts, edges = np.histogram(values[~np.isnan(values)], _BINS, (0, 1))
        tall = 44 * counts / counts.max()
        wide = x(edges[1]) - x(edges[0]) - 1
        boxes = [(x(left), top + 44 - h, wide, h) for left, h in zip(edges, tall, strict=False) if h]
        parts += [_draw.text(x(0), top - 4, name), _draw.rects(boxes, colour)]
        ends = [(x(v), top + 50) for v in np.nanquantile(values, (0.025, 0.975))]
        parts += [_draw.line(ends, "ink", width=3), _draw.line([(x(0), top + 44), (x(1), top + 44)], "grey", width=0.5)]
    parts += [_draw.text(x(v), 168, f"{v:g}", "middle") for v in (0, 0.5, 1)]
    return _draw.svg(174, [*parts, _draw.text(x(0.75), 168, "F1; bar: 95 %", "middle")], alt)
