"""What an explorer is: a pure function from settings to a frame, its settings, and a finite grid of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from aulib.errors import AulibError, SettingsError

#: Most frames that a static copy holds, so that a page stays small.
MOST_FRAMES = 50


@dataclass(frozen=True)
class Frame:
    """What an explorer shows for one combination of settings.

    Attributes:
        picture: HTML, an inline SVG or an image, with the alternative text in it.
        alt: the alternative text: what can be seen, with its numbers.
        message: a sentence or two below the picture: the settings, and what follows from them.
        numbers: the values shown, by name, before rounding.
    """

    picture: str
    alt: str
    message: str
    numbers: dict[str, Any] = field(default_factory=dict, compare=False)  # arrays have no plain ==


@dataclass(frozen=True)
class Range:
    """A number chosen with a slider.

    Attributes:
        name: of the argument. label: in words. low, high, step: of the live slider.
        grid: values of the static copy; a single one is not offered there.
        start: the value shown first, one of the grid. spec: how a value is written, as ``".0%"``.
    """

    name: str
    label: str
    low: float
    high: float
    step: float
    grid: tuple[float, ...]
    start: float
    spec: str = ".2f"
    ordered: bool = True

    def words(self, value: float) -> str:
        """Write a value as a reader sees it."""
        return format(value, self.spec)

    def check(self, value: Any) -> None:
        """Raise SettingsError unless the value lies in the range."""
        if not (isinstance(value, Real) and self.low <= value <= self.high):
            raise SettingsError(f"{self.name} is {value!r}; give a number from {self.low:g} to {self.high:g}")


@dataclass(frozen=True)
class Choice:
    """One of several values: a slider if they are ordered, otherwise a list or radio buttons.

    Attributes:
        name: of the argument. label: in words.
        options: value -> how a reader sees it. grid: values of the static copy; None for all.
        start: the value shown first. ordered: whether the values grow.
    """

    name: str
    label: str
    options: dict[Any, str]
    start: Any
    chosen: tuple | None = None
    ordered: bool = False

    @property
    def grid(self) -> tuple:
        """Values of the static copy."""
        return tuple(self.options) if self.chosen is None else self.chosen

    def words(self, value: Any) -> str:
        """Write a value as a reader sees it."""
        return self.options[value]

    def check(self, value: Any) -> None:
        """Raise SettingsError unless the value is one of the options."""
        if value not in self.options:
            raise SettingsError(f"{self.name} is {value!r}; it is one of {', '.join(map(repr, self.options))}")


@dataclass(frozen=True)
class Explorer:
    """A widget for the classroom: shown live by a kernel, and as precomputed frames in the book.

    Attributes:
        name: as in :func:`aulib.widgets.names`.
        title: what it is about, in a few words.
        settings: what can be chosen.
        draw: pure function that takes the settings by name and returns a :class:`Frame`.
        source: where the data come from; written below the picture.
        slow: whether a frame takes longer than a moment; sliders then wait until they are let go.

    Example:
        >>> from aulib import widgets
        >>> explorer = widgets.accuracy()
        >>> explorer.frame(prevalence=0.05, recall=0.0, alarms=0.0).message[:50]
        'Of 1,000 faces 50 display the action unit. The det'
    """

    name: str
    title: str
    settings: tuple[Range | Choice, ...]
    draw: Callable[..., Frame]
    source: str
    slow: bool = False

    @property
    def start(self) -> dict[str, Any]:
        """The settings shown first."""
        return {setting.name: setting.start for setting in self.settings}

    def frame(self, **settings: Any) -> Frame:
        """Return the frame for some settings; those left out have their start value.

        Raises:
            SettingsError: an unknown setting, or a value out of its range.
        """
        known = {setting.name: setting for setting in self.settings}
        for name, value in settings.items():
            if name not in known:
                raise SettingsError(f"explorer '{self.name}' has no setting {name!r}; it has {', '.join(known)}")
            known[name].check(value)
        return self.draw(**(self.start | settings))

    def shown(self, **settings: Any) -> Frame:
        """As :meth:`frame`, but settings that contradict each other give a frame that says so."""
        try:
            return self.frame(**settings)
        except AulibError as error:
            return Frame("", "", f"These settings do not work: {error}.")

    def grid(self) -> list[dict[str, Any]]:
        """Return the combinations of settings that the static copy holds; the last setting changes fastest."""
        names = [setting.name for setting in self.settings]
        return [dict(zip(names, v, strict=True)) for v in itertools.product(*(s.grid for s in self.settings))]

    def live(self):
        """Return an ipywidgets widget with the full range of all settings; it needs a running kernel."""
        from aulib.widgets import _live

        return _live.widget(self)

    def static(self) -> str:
        """Return HTML that holds every frame of the grid, for a page without a kernel.

        The page's ``explorers.js`` makes the controls work; without it the HTML is a plain figure.
        """
        from aulib.widgets import _static

        return _static.page(self)

    def __repr__(self) -> str:
        return f"Explorer '{self.name}': {self.title}. {self.shown().message}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        if os.environ.get("AULIB_STATIC") == "1" or not _has_kernel():
            return {"text/html": self.static(), "text/plain": repr(self)}
        from aulib.widgets import _live, _static

        return {**_live.view(self.live()), "text/html": _static.still(self), "text/plain": repr(self)}


def _has_kernel() -> bool:
    """Whether this process is the kernel of a notebook, and not a script or a terminal."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
