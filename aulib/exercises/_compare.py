"""Comparisons for checks: each says what is wrong, in the answer's own terms."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aulib.exercises._verdict import WrongError


def number(
    value: object,
    expected: float,
    tolerance: float = 1e-3,
    known: Mapping[float, str] | None = None,
    what: str = "the number",
) -> float:
    """Compare a number.

    Args:
        value: the answer: a number, or an array or Series of one element.
        expected: the right value.
        tolerance: largest absolute difference that counts as equal.
        known: typical wrong values and what led to each.
        what: what the number is, for the message.

    Returns:
        The answer as a float.

    Raises:
        WrongError: not a number, not finite, or another value; too large or too small, or the known reason.

    Example:
        >>> number(np.float32(0.5), 0.5)
        0.5
    """
    found = _as_number(value, what)
    if abs(found - expected) <= tolerance:
        return found
    for wrong, reason in (known or {}).items():
        if abs(found - wrong) <= tolerance:
            raise WrongError(f"{found:.6g} is not {what}: {reason}")
    side = "large" if found > expected else "small"
    raise WrongError(f"{found:.6g} is too {side} for {what}.")


def _as_number(value: object, what: str) -> float:
    if isinstance(value, str | bytes):
        raise WrongError(f"{value!r} is text; give {what} as a number, without quotes.")
    if value is None:
        raise WrongError(f"The answer is None; does the line before it give {what}, or only print it?")
    if callable(value):
        raise WrongError(f"This is a function; call it and give {what} that it returns.")
    if isinstance(value, bool | np.bool_):
        raise WrongError(f"{value} is a truth value; give {what} as a number.")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise WrongError(f"Expected {what} as a number, found {_kind(value)}.") from None
    if array.size != 1:
        raise WrongError(f"Expected {what} as one number, found {_kind(value)} with {array.size} values.")
    if not np.isfinite(array.item()):
        raise WrongError(f"{array.item()} is not finite; {what} is. Is there an unknown (NaN) cell in the sum?")
    return array.item()


def vector(
    value: object,
    expected: Sequence[float],
    names: Sequence[str] | None = None,
    tolerance: float = 1e-3,
    what: str = "the values",
) -> np.ndarray:
    """Compare a row of numbers; NaN equals NaN.

    Args:
        value: the answer: a list, array or Series.
        expected: the right values, shape (n,).
        names: what each value belongs to, for the message; default: its position.
        tolerance: largest absolute difference that counts as equal.
        what: what the numbers are, for the message.

    Returns:
        The answer, float64 of shape (n,).

    Raises:
        WrongError: not numbers, another length, or another value; the first is named.
    """
    expected = np.asarray(expected, dtype=float)
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise WrongError(f"Expected {what} as {expected.size} numbers, found {_kind(value)}.") from None
    if found.shape != expected.shape:
        raise WrongError(f"Expected {what} with the shape {expected.shape}, found {found.shape}.")
    wrong = ~np.isclose(found, expected, rtol=0, atol=tolerance, equal_nan=True)
    if wrong.any():
        first = int(np.argmax(wrong))
        name = names[first] if names is not None else f"position {first}"
        raise WrongError(f"{int(wrong.sum())} of {expected.size} differ; the first is {name}: {found[first]:.6g}.")
    return found


def members(value: object, expected: Iterable[str], what: str = "names") -> set[str]:
    """Compare a set of names in any order.

    Raises:
        WrongError: not a collection of names, or names missing or too many; says how many, and names the ones too many.
    """
    expected = set(expected)
    if isinstance(value, str):
        value = [value]
    try:
        found = {str(name) for name in value}
    except TypeError:
        raise WrongError(f"Expected {what} as a list, found {_kind(value)}.") from None
    extra, missing = sorted(found - expected), len(expected - found)
    if extra or missing:
        parts = [f"{', '.join(extra)} {'does' if len(extra) == 1 else 'do'} not belong here"] if extra else []
        parts += [f"{missing} {'is' if missing == 1 else 'are'} missing"] if missing else []
        raise WrongError(f"Of the {what}, {' and '.join(parts)}.")
    return found


def choice(value: object, right: str, reasons: Mapping[str, str]) -> str:
    """Compare the letter of a choice.

    Args:
        value: the answer.
        right: the right letter.
        reasons: each wrong letter and why it is wrong.

    Raises:
        WrongError: not one of the letters, or a wrong one, with its reason.
    """
    letters = sorted({right, *reasons})
    found = str(value).strip().lower()
    if found not in letters:
        raise WrongError(f"Expected one of the letters {', '.join(letters)}, found {value!r}.")
    if found != right:
        raise WrongError(reasons[found])
    return found


def function(
    value: object,
    reference: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    tolerance: float = 1e-5,
    reasons: Sequence[str | None] | None = None,
) -> None:
    """Call the answer on cases and compare with a reference; NaN equals NaN.

    Args:
        value: the answer, a function.
        reference: the right function.
        cases: arguments for each call; the answer gets copies.
        tolerance: largest absolute difference that counts as equal.
        reasons: for each case, what a wrong result there means; None for no remark.

    Raises:
        WrongError: not a function, an error inside it, a wrong shape or a wrong value; the case is shown.
    """
    for number_, arguments in enumerate(cases):
        shown = _shown(value, arguments)
        expected = np.asarray(reference(*copy.deepcopy(arguments)), dtype=float)
        found = _as_numbers(called(value, *arguments), shown)
        remark = f" {reasons[number_]}" if reasons and reasons[number_] else ""
        if found.shape != expected.shape:
            raise WrongError(f"{shown} has the shape {found.shape}, expected {expected.shape}.{remark}")
        if not np.allclose(found, expected, rtol=0, atol=tolerance, equal_nan=True):
            raise WrongError(f"{shown} gives {_short(found)}, which is not right.{remark}")


def called(value: object, *arguments: Any) -> Any:
    """Call the reader's function with copies of the arguments and return what it returns.

    Raises:
        WrongError: not a function, an error inside it, or nothing returned; the call is shown.

    Example:
        >>> called(max, [1, 3])
        3
    """
    if not callable(value):
        raise WrongError(
            f"Expected a function, found {_kind(value)}; define it with def, and pass it without brackets."
        )
    shown = _shown(value, arguments)
    try:
        result = value(*copy.deepcopy(arguments))
    except Exception as error:  # the reader's own code: tell the reader, whatever it is
        raise WrongError(f"{shown} stops with {type(error).__name__}: {error}.") from None
    if result is None or result is ...:
        raise WrongError(f"{shown} returns nothing; end the function with return.")
    return result


def _as_numbers(result: object, shown: str) -> np.ndarray:
    try:
        return np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise WrongError(f"{shown} returns {_kind(result)}, expected numbers.") from None


def _shown(function_: object, arguments: tuple[Any, ...]) -> str:
    return f"{getattr(function_, '__name__', 'the function')}({', '.join(map(_short, arguments))})"


def _short(value: object) -> str:
    text = np.array2string(value, precision=4, threshold=12) if isinstance(value, np.ndarray) else repr(value)
    return " ".join(text.split())[:120]


def _kind(value: object) -> str:
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"a {type(value).__name__} of shape {value.shape}"
    return f"a value of type {type(value).__name__}"


def name(
    value: object,
    right: Iterable[str],
    accepted: Iterable[str],
    known: Mapping[str, str] | None = None,
    what: str = "a name",
) -> str:
    """Compare one name out of a list.

    Args:
        value: the answer.
        right: the right names: one, or several that are equally right.
        accepted: all names that are possible.
        known: typical wrong names and what led to each.
        what: what the name is of, for the message.

    Returns:
        The answer as a string.

    Raises:
        WrongError: no text, not one of the names, or a wrong one, with the known reason.

    Example:
        >>> name("bp4d", ["bp4d"], ["bp4d", "unbc"])
        'bp4d'
    """
    if not isinstance(value, str):
        raise WrongError(f"Expected {what} as text, found {_kind(value)}.")
    if value not in (accepted := sorted(accepted)):
        raise WrongError(f"{value!r} is not {what} here; there are {', '.join(accepted)}.")
    if value not in set(right):
        raise WrongError(f"{value} is not the one. {(known or {}).get(value, '')}".strip())
    return value


def causes(*mistakes: tuple[float, str]) -> dict[float, str]:
    """Return typical wrong numbers and what leads to each; where two mistakes give the same number, both are named.

    Args:
        mistakes: pairs of a wrong number and its reason, for ``known`` of :func:`number`.

    Example:
        >>> causes((3, "counted twice."), (3, "counted all."), (1, "counted once."))
        {3: 'counted twice. Or: counted all.', 1: 'counted once.'}
    """
    found: dict[float, str] = {}
    for value, reason in mistakes:
        found[value] = f"{found[value]} Or: {reason}" if value in found else reason
    return found
