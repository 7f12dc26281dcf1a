"""Precision, recall and F1 of one action unit as the threshold moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from aulib import metrics
from aulib.errors import DataError
from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH
from aulib.widgets._example import AUS, SOURCE, example
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

if TYPE_CHECKING:
    import pandas as pd

GRID = (0.05, *(round(0.1 * i, 1) for i in range(1, 10)), 0.95)
_BINS = 20


def threshold(predictions: pd.DataFrame | None = None, source: str = SOURCE) -> Explorer:
    """Threshold explorer: what is counted positive, and what precision, recall and F1 follow.

    For the classroom: find the best threshold of two action units, then ask on which people it may be chosen, and
    why the best one of a rare action unit lies low.

    Args:
        predictions: a prediction table with columns as ``AU04`` (labels) and ``AU04_p`` (probabilities); None takes a
            simulated one. The static copy holds the first four action units that have positives.
        source: where the predictions come from.

    Raises:
        DataError: no action unit with a known positive, a label or a probability out of range.

    Example:
        >>> threshold().frame(au="AU12", threshold=0.0).numbers["recall"]
        1.0
    """
    if predictions is None:
        aus, (y, p, _) = AUS, example()
    else:
        aus = tuple(c[:-2] for c in predictions.columns if c.endswith("_p") and c[:-2] in predictions.columns)
        y = metrics.check_labels(predictions[list(aus)], "labels")
        p = predictions[[f"{au}_p" for au in aus]].to_numpy(dtype="float32", na_value=np.nan)
    cells = {au: (y[:, [i]], p[:, [i]]) for i, au in enumerate(aus) if (y[:, i] == 1).any()}
    if not cells:
        raise DataError("no action unit has a known positive; columns look like AU04 (labels) and AU04_p")
    metrics.count(y, p)  # refuses a probability out of range
    settings = (
        Choice("au", "Action unit", {au: au for au in cells}, next(iter(cells)), tuple(cells)[:4]),
        Range("threshold", "Threshold", 0.0, 1.0, 0.01, GRID, 0.5),
    )
    return Explorer("threshold", "Moving the threshold", settings, partial(frame, cells), source)


def frame(cells: dict[str, tuple[np.ndarray, np.ndarray]], au: str, threshold: float) -> Frame:
    """Scores of one action unit's labels and probabilities, each (n, 1), at one threshold."""
    y, p = cells[au]
    scores = {"precision": metrics.precision_per_label, "recall": metrics.recall_per_label, "f1": metrics.f1_per_label}
    numbers = {name: float(score(y, p, threshold)[0]) for name, score in scores.items()}
    numbers |= {name: int(count[0]) for name, count in metrics.count(y, p, threshold)._asdict().items()}
    numbers["always_yes"] = float(metrics.always_positive_f1(y)[0])
    message = (
        f"{au} at threshold {threshold:.2f}: {numbers['tp']} found, {numbers['fn']} missed, {numbers['fp']} false "
        f"alarms. Precision {_score(numbers['precision'])}, recall {numbers['recall']:.3f}, F1 {numbers['f1']:.3f}; "
        f"always yes has F1 {numbers['always_yes']:.3f}."
    )
    alt = f"Histograms of probabilities where {au} is displayed and where not, and F1 over the threshold. {message}"
    return Frame(_picture(y, p, threshold, numbers["f1"], alt), alt, message, numbers)


def _score(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.3f}"


def _picture(y: np.ndarray, p: np.ndarray, threshold: float, f1: float, alt: str) -> str:
    x = _draw.scale(0, 1, 30, WIDTH - 10)
    parts = [_histogram(p[y == 1], x, 20, "blue"), _histogram(p[y == 0], x, 74, "grey")]
    parts += [_draw.text(x(0.02), 12, "displayed"), _draw.text(x(0.02), 66, "not displayed")]
    height = _draw.scale(0, 1, 190, 130)
    curve = [(t, float(metrics.f1_per_label(y, p, t)[0])) for t in np.linspace(0, 1, 41)]
    parts += [_draw.text(x(0.02), 124, "F1"), _draw.line([(x(t), height(v)) for t, v in curve], "orange")]
    parts += [_draw.line([(x(0), height(v)), (x(1), height(v))], "grey", width=0.5) for v in (0, 1)]
    parts += [_draw.text(26, height(v) + 4, str(v), "end") for v in (0, 1)]
    parts += [_draw.line([(x(threshold), 14), (x(threshold), 190)], "ink", dashed=True)]
    parts += [_draw.dot(x(threshold), height(f1), "orange")]
    ticks = [_draw.text(x(v), 204, f"{v:g}", "middle") for v in (0, 0.5, 1)]
    return _draw.svg(210, [*parts, *ticks], alt)


def _histogram(values: np.ndarray, x, top: float, colour: str) -> str:
    counts, edges = np.histogram(values, _BINS, (0, 1))
    tall = 32 * counts / max(counts.max(), 1)
    wide = x(edges[1]) - x(edges[0]) - 1
    boxes = [(x(left), top + 32 - h, wide, h) for left, h in zip(edges, tall, strict=False) if h]
    return _draw.rects(boxes, colour) + _draw.line([(x(0), top + 32), (x(1), top + 32)], "grey", width=0.5)
