"""Where the gradient of a loss goes in a batch with few positives."""

from __future__ import annotations

import numpy as np

from aulib.widgets import _draw
from aulib.widgets._draw import WIDTH
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

ROWS = 32
LOSSES = {"f1": "soft F1", "crossentropy": "cross-entropy"}


def gradient() -> Explorer:
    """Soft-F1 gradient explorer: the pull on displayed and the push on other cells of one label in one batch.

    For the classroom: take the positives away one by one. Cross-entropy then pushes harder and harder; the soft F1
    stops pushing, and without a positive it teaches nothing at all. Then ask what this does to a rare label.

    Example:
        >>> gradient().frame(positives=0, loss="f1").numbers["push"]
        0.0
    """
    counts = {n: f"{n} of {ROWS}" for n in range(ROWS + 1)}
    settings = (
        Choice("positives", "Displayed rows", counts, 4, (0, 1, 2, 4, 8, 16), ordered=True),
        Range("displayed", "Their probability", 0.05, 0.95, 0.05, (0.3, 0.8), 0.8),
        Range("others", "The others' probability", 0.05, 0.95, 0.05, (0.1, 0.5), 0.1),
        Choice("loss", "Loss", LOSSES, "f1"),
    )
    source = f"One label, a batch of {ROWS} known rows"
    return Explorer("gradient", "Who is pulled and who is pushed", settings, frame, source)


def slopes(positives: int, displayed: float, others: float, loss: str) -> tuple[float, float]:
    """Derivative of the loss for the probability of one displayed cell, and for that of one other cell."""
    if loss == "crossentropy":
        return -1 / (ROWS * displayed), 1 / (ROWS * (1 - others))
    hits = positives * displayed
    total = positives + hits + (ROWS - positives) * others
    f1 = 2 * hits / total
    return -(2 - f1) / total, f1 / total


def totals(positives: int, displayed: float, others: float, loss: str) -> tuple[float, float]:
    """How hard all displayed cells together are pulled up, and all others pushed down."""
    up, down = slopes(positives, displayed, others, loss)
    return positives * -up, (ROWS - positives) * down


def frame(positives: int, displayed: float, others: float, loss: str) -> Frame:
    """The two totals over the number of positives, with a mark at the chosen one."""
    up, down = slopes(positives, displayed, others, loss)
    pull, push = totals(positives, displayed, others, loss)
    numbers = {"displayed": up if positives else 0.0, "other": down, "pull": pull, "push": push}
    what = f"Each of {positives} displayed cells is pulled by {-up:.4f}" if positives else "No cell is displayed"
    note = "; the false alarms go unpunished" if loss == "f1" and not positives else ""
    message = (
        f"Loss: {LOSSES[loss]}. Probability {displayed:.2f} where displayed and {others:.2f} elsewhere. {what}, "
        f"each of {ROWS - positives} others pushed by {down:.4f}. Together: pull {pull:.3f}, push {push:.3f}{note}."
    )
    alt = f"Two lines over the number of displayed rows, 0 to {ROWS}: total pull and total push. {message}"
    return Frame(_picture((positives, displayed, others, loss), alt), alt, message, numbers)


def _picture(chosen: tuple, alt: str) -> str:
    positives, *rest = chosen
    sums = np.array([totals(k, *rest) for k in range(ROWS + 1)])
    high = sums.max() or 1.0
    x, y = _draw.scale(0, ROWS, 40, WIDTH - 12), _draw.scale(0, high, 150, 24)
    parts = [_draw.line([(x(0), y(v)), (x(ROWS), y(v))], "grey", width=0.5) for v in (0, high)]
    parts += [_draw.text(36, y(v) + 4, f"{v:.2g}", "end") for v in (0, high)]
    parts.append(_draw.line([(x(positives), 20), (x(positives), 152)], "ink", dashed=True, width=1))
    for column, colour in ((0, "blue"), (1, "orange")):
        parts.append(_draw.line([(x(k), y(v)) for k, v in enumerate(sums[:, column])], colour))
        parts.append(_draw.dot(x(positives), y(sums[positives, column]), colour))
    parts += [_draw.text(x(k), 165, str(k), "middle") for k in (0, 8, 16, 24, 32)]
    parts.append(_draw.text(x(ROWS / 2), 179, "displayed rows in the batch", "middle"))
    parts += [_draw.rects([(40, 4, 10, 8)], "blue"), _draw.text(54, 12, "pull on displayed cells")]
    parts += [_draw.rects([(200, 4, 10, 8)], "orange"), _draw.text(214, 12, "push on the others")]
    return _draw.svg(184, parts, alt)
