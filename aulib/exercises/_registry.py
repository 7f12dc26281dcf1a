"""The list of exercises, and the one door through which answers are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from aulib.errors import SettingsError
from aulib.exercises._verdict import Verdict, WrongError

#: From a line of code to a small investigation.
LEVELS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Exercise:
    """An exercise of a chapter.

    Attributes:
        name: chapter and number, as "4.1".
        level: one of :data:`LEVELS`.
        expects: what an answer is, in words, as "a number"; named when an answer cannot be read.
        hint: a first step, not the answer.
        judge: takes the answer and what the notebook passes along; returns why it is right, or raises
            :class:`~aulib.exercises._verdict.WrongError`.
        bug: whether the task is to find a fault in given code.
    """

    name: str
    level: str
    expects: str
    hint: str
    judge: Callable[..., str]
    bug: bool = False


_FOUND: dict[str, Exercise] = {}


def exercise(name: str, level: str, expects: str, hint: str, bug: bool = False) -> Callable:
    """Register the function below as the judge of an exercise."""

    def register(judge: Callable[..., str]) -> Callable[..., str]:
        if level not in LEVELS or name in _FOUND:
            raise SettingsError(f"exercise {name}: its level {level!r} is not one of {LEVELS}, or it exists already")
        _FOUND[name] = Exercise(name, level, expects, hint, judge, bug)
        return judge

    return register


@cache
def _all() -> dict[str, Exercise]:
    """Import every ``chapter_NN`` module of this package and return the exercises in reading order."""
    package = __name__.rpartition(".")[0]
    for module in iter_modules(import_module(package).__path__):
        if module.name.startswith("chapter_"):
            import_module(f"{package}.{module.name}")
    return dict(sorted(_FOUND.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def names() -> list[str]:
    """Return the names of all exercises in reading order, as "4.1"."""
    return list(_all())


def get(name: str) -> Exercise:
    """Return an exercise.

    Raises:
        SettingsError: there is no such exercise.
    """
    if name not in _all():
        raise SettingsError(f"no exercise {name!r}; there are {', '.join(names())}")
    return _all()[name]


def hint(name: str) -> str:
    """Return the hint of an exercise.

    Raises:
        SettingsError: there is no such exercise.
    """
    return get(name).hint


def check(name: str, *answers: object, **given: object) -> Verdict:
    """Check answers and say what is right or wrong about them.

    Args:
        name: of the exercise, as "4.1".
        answers: of any type; ``...`` means that there is none yet.
        given: what the notebook passes along, for example the table the question is about.

    Returns:
        The verdict; notebooks show it as a sentence.

    Raises:
        SettingsError: there is no such exercise. Nothing about an answer is ever raised.
    """
    task = get(name)
    if any(answer is ... for answer in answers):
        ask = f"Replace the ... above by your answer ({task.expects}). For a hint: exercises.hint({name!r})."
        return Verdict("open", ask)
    try:
        return Verdict("right", task.judge(*answers, **given))
    except WrongError as wrong:
        return Verdict("wrong", str(wrong))
    except Exception as error:  # an answer of a kind nobody thought of: say so, and never show our traceback
        kinds = ", ".join(type(answer).__name__ for answer in answers)
        return Verdict(
            "wrong",
            f"This answer ({kinds}) could not be read: {type(error).__name__}: {error}. Expected: {task.expects}.",
        )
