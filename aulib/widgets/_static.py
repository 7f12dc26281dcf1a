"""The static view: native controls and every frame of the grid; ``explorers.js`` shows the one that is chosen."""

from __future__ import annotations

import itertools
import json
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

from aulib.errors import SettingsError
from aulib.widgets._explorer import MOST_FRAMES, Choice, Explorer, Frame, Range

PRECOMPUTED = "This copy shows precomputed settings; open the notebook in Colab or Jupyter for free choice."
NO_KERNEL = "This is a picture: no kernel is running. Open the notebook in Colab or Jupyter and run the cell."
#: So many options at most become radio buttons; more become a list.
FEW = 3
_number = itertools.count(1)


def page(explorer: Explorer) -> str:
    """See :meth:`aulib.widgets.Explorer.static`."""
    grid = explorer.grid()
    if len(grid) > MOST_FRAMES:
        raise SettingsError(f"explorer '{explorer.name}' has {len(grid)} frames; a page takes {MOST_FRAMES} at most")
    frames = [explorer.shown(**settings) for settings in grid]
    first = grid.index(explorer.start)
    pictures = "".join(_frame(frame, place != first) for place, frame in enumerate(frames))
    message = f'<p class="aulib-message" aria-live="polite">{escape(frames[first].message)}</p>'
    return _figure(explorer, _controls(explorer) + pictures + message, PRECOMPUTED)


def still(explorer: Explorer) -> str:
    """The first frame alone, for a saved notebook that is looked at without a kernel."""
    return _figure(explorer, body(explorer.shown()), NO_KERNEL)


def body(frame: Frame) -> str:
    """A frame with its style and its message, for a live view."""
    return f"<style>{style()}</style>{frame.picture}<p>{escape(frame.message)}</p>"


@lru_cache
def style() -> str:
    """The style sheet of the pictures."""
    return files("aulib.widgets").joinpath("frame.css").read_text("utf-8")


def _figure(explorer: Explorer, content: str, note: str) -> str:
    name, title = f'aria-label="Explorer: {escape(explorer.title)}"', f"<strong>{escape(explorer.title)}</strong>"
    caption = f"<figcaption>{escape(explorer.source)}. <em>{note}</em></figcaption>"
    sheet = f"<style>{style()}</style>"
    return f'<figure class="aulib-explorer" {name}>{sheet}<p class="aulib-title">{title}</p>{content}{caption}</figure>'


def _frame(frame: Frame, hidden: bool) -> str:
    attributes = f'class="aulib-frame" data-message="{escape(frame.message)}"' + " hidden" * hidden
    return f"<div {attributes}>{frame.picture}</div>"


def _controls(explorer: Explorer) -> str:
    """Hidden until a script makes them work. A control's stride is the number of frames between two of its values."""
    parts, stride = [], len(explorer.grid())
    for setting in explorer.settings:
        stride //= len(setting.grid)
        if len(setting.grid) > 1:
            parts.append(_control(setting, stride, f"aulib-{explorer.name}-{setting.name}-{next(_number)}"))
    return f'<div class="aulib-controls" hidden>{"".join(parts)}</div>'


def _control(setting: Range | Choice, stride: int, key: str) -> str:
    words, start = [setting.words(value) for value in setting.grid], setting.grid.index(setting.start)
    if setting.ordered:
        return _slider(setting.label, words, start, stride, key)
    make = _radios if len(words) <= FEW else _list
    return make(setting.label, words, start, stride, key)


def _slider(label: str, words: list[str], start: int, stride: int, key: str) -> str:
    ends = f'min="0" max="{len(words) - 1}" step="1" value="{start}" aria-valuetext="{escape(words[start])}"'
    texts = escape(json.dumps(words, ensure_ascii=False))
    control = f'<input type="range" id="{key}" {ends} data-stride="{stride}" data-texts="{texts}">'
    output = f'<output for="{key}" aria-live="off">{escape(words[start])}</output>'
    return _row(f'<label for="{key}">{escape(label)}</label>{control}{output}')


def _list(label: str, words: list[str], start: int, stride: int, key: str) -> str:
    options = "".join(_option(place, word, place == start) for place, word in enumerate(words))
    control = f'<select id="{key}" data-stride="{stride}" autocomplete="off">{options}</select>'
    return _row(f'<label for="{key}">{escape(label)}</label>{control}')


def _option(place: int, word: str, chosen: bool) -> str:
    return f'<option value="{place}"{" selected" * chosen}>{escape(word)}</option>'


def _radios(label: str, words: list[str], start: int, stride: int, key: str) -> str:
    buttons = "".join(
        f'<label><input type="radio" name="{key}" value="{place}"{" checked" * (place == start)}>{escape(word)}</label>'
        for place, word in enumerate(words)
    )
    legend = f"<legend>{escape(label)}</legend>"
    return f'<fieldset class="aulib-setting" data-stride="{stride}">{legend}{buttons}</fieldset>'


def _row(content: Any) -> str:
    return f'<div class="aulib-setting">{content}</div>'
