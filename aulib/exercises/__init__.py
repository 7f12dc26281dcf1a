"""Exercises of the book: each has a check that says what is wrong, and a hint.

In a notebook::

    from aulib import exercises

    answer = ...  # your answer
    exercises.check("4.1", answer)
    exercises.hint("4.1")

A check never raises for an answer, whatever its type or shape: it says what it expected and what it found.
"""

from aulib.exercises._registry import LEVELS, Exercise, check, get, hint, names
from aulib.exercises._verdict import Verdict

__all__ = ["LEVELS", "Exercise", "Verdict", "check", "get", "hint", "names"]
