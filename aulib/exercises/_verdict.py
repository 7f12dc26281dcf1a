"""What a check says to an answer."""

from __future__ import annotations

import html
from dataclasses import dataclass


class WrongError(Exception):
    """An answer is wrong; the message says what about it. Raised by comparisons, caught by the check."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer.

    Attributes:
        state: "right", "wrong" or "open" (no answer yet).
        message: what is right or wrong about it.
    """

    state: str
    message: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.state == "right"

    def __repr__(self) -> str:
        return f"{_WORDS[self.state]} {self.message}"

    def _repr_html_(self) -> str:
        return (
            f'<div class="aulib-verdict {self.state}" role="status"><strong>{_WORDS[self.state]}</strong> '
            f"{html.escape(self.message)}</div>"
        )


_WORDS = {"right": "Right.", "wrong": "Not yet.", "open": "No answer yet."}
