"""Explorers for the classroom: move a setting, see what follows.

An explorer is a pure function from settings to a frame (a picture, its alternative text, a sentence and the numbers
shown) and the list of its settings. In a notebook with a kernel it is a live widget with the full range of every
setting; in the built book it is a copy with precomputed settings that works by mouse, touch and keyboard.

=============== ===================================================================================
face            action units on a rendered face
codes           what a number in a dataset's file means, and what careless readers take it for
mask            which cells of an incomplete table count, in a score and in the loss
accuracy        accuracy and F1 as an action unit becomes rarer
threshold       precision, recall and F1 as the threshold moves
undefined       three conventions for an undefined F1
gradient        whom the soft F1 pulls and pushes in a batch, against cross-entropy
distortion      how batches bend the F1 loss
bounds          what the limits of balancing allow and cost
pattern         the same missing rate for three reasons
people          how sure an F1 is, with few people and many frames
=============== ===================================================================================

**For teachers.** Each takes five minutes in front of a class: ask for a prediction first, move one setting, have the
sentence below the picture read, ask why. Every function's documentation holds such a question. Give an explorer your
own data by its arguments; say where they come from with ``source``. ``explorer.frame(...)`` returns any frame with
its numbers, for slides and for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aulib.errors import SettingsError
from aulib.widgets._accuracy import accuracy
from aulib.widgets._bounds import bounds
from aulib.widgets._codes import codes
from aulib.widgets._distortion import distortion
from aulib.widgets._explorer import Choice, Explorer, Frame, Range
from aulib.widgets._face import face
from aulib.widgets._gradient import gradient
from aulib.widgets._mask import mask
from aulib.widgets._pattern import pattern
from aulib.widgets._people import people
from aulib.widgets._threshold import threshold
from aulib.widgets._undefined import undefined

_EXPLORERS: tuple[Callable[..., Explorer], ...] = (
    face,
    codes,
    mask,
    accuracy,
    threshold,
    undefined,
    gradient,
    distortion,
    bounds,
    pattern,
    people,
)

__all__ = [
    "Choice",
    "Explorer",
    "Frame",
    "Range",
    "accuracy",
    "bounds",
    "codes",
    "distortion",
    "face",
    "gradient",
    "mask",
    "names",
    "pattern",
    "people",
    "show",
    "threshold",
    "undefined",
]


def names() -> list[str]:
    """Names of the explorers, in the order of the book.

    Example:
        >>> names()[:3]
        ['face', 'codes', 'mask']
    """
    return [explorer.__name__ for explorer in _EXPLORERS]


def show(name: str, **data: Any) -> Explorer:
    """Return an explorer by its name; a notebook shows it as the value of a cell.

    Args:
        name: one of :func:`names`.
        data: arguments of the function of that name.

    Raises:
        SettingsError: there is no such explorer.

    Example:
        >>> show("gradient").frame(positives=0).numbers["pull"]
        0.0
    """
    if name not in names():
        raise SettingsError(f"no explorer {name!r}; there are {', '.join(names())}")
    return dict(zip(names(), _EXPLORERS, strict=True))[name](**data)
