"""A rendered face beside the same face relaxed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aulib import facs, synth
from aulib.widgets import _draw
from aulib.widgets._explorer import Choice, Explorer, Frame, Range

SIZE = 112
#: Action units of the static copy, from brow to jaw.
SHOWN = ("AU01", "AU04", "AU06", "AU12", "AU15", "AU24", "AU26")
NONE = "none"
SIDES = {"both": "both sides", "left": "the person's left", "right": "the person's right"}


def face(identity: int = 6) -> Explorer:
    """Face explorer: one or two action units on a rendered face, from nothing to the maximum, beside the relaxed face.

    For the classroom: cover the caption and have the action unit named; then find the intensity from which everybody
    agrees. Live, a second action unit, one side only, other people and head pose can be chosen.

    Args:
        identity: number of the person shown first.

    Example:
        >>> face().frame(unit="AU12", level=0).numbers["change"]
        0.0
    """
    units = {code: f"{code} {unit.name}" for code, unit in facs.CATALOGUE.items() if unit.renderable}
    settings = (
        Choice("unit", "Action unit", units, "AU12", SHOWN),
        Range("level", "Intensity, 0 to 5 (E)", 0, 5, 1, tuple(range(6)), 4, "d"),
        Choice("second", "Second action unit", {NONE: NONE} | units, NONE, (NONE,)),
        Range("second_level", "Its intensity", 0, 5, 1, (3,), 3, "d"),
        Choice("side", "Side of the first", SIDES, "both", ("both",)),
        Range("person", "Person", 0, 99, 1, (identity,), identity, "d"),
        Range("yaw", "Head turned left (degrees)", -30, 30, 5, (0,), 0, "d"),
    )
    return Explorer("face", "Action units on a face", settings, frame, "Synthetic face (SynthAU)", slow=True)


@lru_cache(maxsize=64)
def _rendered(aus: tuple, person: int, yaw: int) -> np.ndarray:
    return synth.render_face(dict(aus), person, SIZE, yaw=yaw, noise=0)


def frame(unit: str, level: int, second: str, second_level: int, side: str, person: int, yaw: int) -> Frame:
    """The relaxed face and the face with the action units, side by side, and how far they are apart."""
    pair = {"both": level, "left": (level, 0), "right": (0, level)}[side]
    aus = ({} if second == NONE else {second: second_level}) | {unit: pair}
    displayed = tuple((code, value) for code, value in aus.items() if facs.stronger(value) > 0)
    relaxed, shown = _rendered((), person, yaw), _rendered(displayed, person, yaw)
    difference = np.abs(shown.astype(int) - relaxed).mean(axis=2)
    numbers = {"change": float(difference.mean()), "share": float((difference > 10).mean())}
    names = [_words(unit, level, "" if side == "both" else f" on {SIDES[side]}")]
    names += [] if second == NONE else [_words(second, second_level, "")]
    message = (
        f"{' and '.join(names)}. Against the relaxed face a pixel changes by {numbers['change']:.1f} of 255 grey "
        f"levels on average, and {numbers['share']:.0%} of the pixels by more than 10."
    )
    alt = f"Rendered person {person} twice: relaxed, then with {' and '.join(names)}."
    picture = np.concatenate([relaxed, np.full((SIZE, 4, 3), 255, np.uint8), shown], axis=1)
    return Frame(_draw.image(picture, alt), alt, message, numbers)


def _words(unit: str, level: int, where: str) -> str:
    strength = f"intensity {facs.INTENSITY_LETTERS[level - 1]} ({level})" if level else "intensity 0, not displayed"
    return f"{unit} {facs.CATALOGUE[unit].name}{where}, {strength}"
