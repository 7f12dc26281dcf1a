"""The live view: core ipywidgets, the same under versions 7 and 8."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from aulib.widgets._explorer import Choice, Explorer, Range
from aulib.widgets._static import FEW, body


def widget(explorer: Explorer) -> ipywidgets.VBox:
    """Title, one control for each setting, and the frame, drawn anew whenever a setting changes."""
    controls = {setting.name: _control(setting, not explorer.slow) for setting in explorer.settings}
    view = ipywidgets.HTML()

    def update(change: Any = None) -> None:
        frame = explorer.shown(**{name: control.value for name, control in controls.items()})
        view.value = body(frame) + f"<p><small>{escape(explorer.source)}</small></p>"

    for control in controls.values():
        control.observe(update, "value")
    update()
    title = ipywidgets.HTML(f"<strong>{escape(explorer.title)}</strong>")
    return ipywidgets.VBox([title, *controls.values(), view])


def view(shown: ipywidgets.Widget) -> dict[str, Any]:
    """The part of an output by which a notebook finds a widget of this kernel."""
    reference = {"version_major": 2, "version_minor": 0, "model_id": shown.model_id}
    return {"application/vnd.jupyter.widget-view+json": reference}


def _control(setting: Range | Choice, continuous: bool) -> ipywidgets.Widget:
    make: Callable[..., ipywidgets.Widget]
    common = {"description": setting.label, "value": setting.start, "style": {"description_width": "initial"}}
    wide = {"layout": ipywidgets.Layout(width="min(30rem, 95%)")}
    if isinstance(setting, Range):
        whole = isinstance(setting.step, int)
        make = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        ends = {"min": setting.low, "max": setting.high, "step": setting.step, "readout_format": setting.spec}
        return make(**common, **wide, **ends, continuous_update=continuous)
    options = {"options": [(words, value) for value, words in setting.options.items()]}
    if setting.ordered:
        return ipywidgets.SelectionSlider(**common, **wide, **options, continuous_update=continuous)
    make = ipywidgets.RadioButtons if len(setting.options) <= FEW else ipywidgets.Dropdown
    return make(**common, **wide, **options)
