"""One face on demand, for figures and widgets."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real

import numpy as np

from aulib import facs
from aulib.errors import SettingsError
from aulib.synth import people, render


@lru_cache(maxsize=8)
def _person(identity: int) -> people.Person:
    return people.sample(np.random.default_rng([identity, 2020]), (0.0, 0.7))


def check(aus: dict[str, facs.Level]) -> None:
    """Raise SettingsError unless every action unit can be shown and every intensity lies in 0 to 5."""
    for unit, level in aus.items():
        if unit not in facs.CATALOGUE:
            raise SettingsError(f"unknown action unit {unit!r}; codes look like 'AU04', see aulib.facs.ALL")
        if not facs.CATALOGUE[unit].renderable:
            raise SettingsError(f"{unit} ({facs.CATALOGUE[unit].name}) cannot be shown; leave it out")
        if isinstance(level, (tuple, list)):
            _check_pair(unit, level)
        for value in level if isinstance(level, (tuple, list)) else (level,):
            if not (isinstance(value, Real) and 0 <= value <= 5):
                accepted = "numbers from 0 (absent) to 5 (maximum), or a pair of them (left, right)"
                raise SettingsError(f"{unit} has intensity {level!r}; accepted are {accepted}")


def _check_pair(unit: str, level: tuple | list) -> None:
    if not facs.CATALOGUE[unit].sided:
        having = ", ".join(code for code, entry in facs.CATALOGUE.items() if entry.sided)
        message = f"{unit} ({facs.CATALOGUE[unit].name}) has no sides, so its intensity is one number, not {level!r}"
        raise SettingsError(f"{message}; a pair (left, right) is accepted for {having}")
    if len(level) != 2:
        raise SettingsError(f"{unit} has {len(level)} intensities, {level!r}; accepted are two: (left, right)")
    if unit == "AU30" and min(level) > 0:
        raise SettingsError(f"AU30 is {level!r}; the jaw goes to one side, so one of the two must be 0")


def face(
    aus: dict[str, facs.Level], identity: int, size: int, turn: tuple[float, float, float], side: int, noise: float
) -> np.ndarray:
    """See :func:`aulib.synth.render_face`."""
    check(aus)
    if not (isinstance(size, int) and 32 <= size <= 1024):
        raise SettingsError(f"size is {size!r}; it must be a whole number of pixels from 32 to 1024")
    if not (isinstance(identity, int) and identity >= 0):
        raise SettingsError(f"identity is {identity!r}; it must be a whole number, 0 or more")
    yaw, pitch, roll = turn
    scene = render.Scene(yaw=yaw, pitch=pitch, roll=roll, side=side, noise=noise, blur=0.3 * size / 128)
    return render.face(_person(identity), aus, scene, size)
