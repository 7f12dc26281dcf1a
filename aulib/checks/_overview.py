"""All datasets that can be checked, and where to ask for them."""

from __future__ import annotations

import textwrap

from aulib import adapters, facs
from aulib.adapters.registry import DATASETS, Dataset


def overview() -> str:
    """Return a text that lists the datasets: name, size, licence and where to obtain the data."""
    known = [_entry(DATASETS[name]) for name in adapters.names()]
    others = [_entry(facts) for name, facts in DATASETS.items() if name not in adapters.names()]
    parts = ["Datasets that aulib reads. To check your copy of one: aulib check NAME FOLDER", *known]
    return "\n\n".join([*parts, "Known, but not read:", *others] if others else parts)


def _entry(facts: Dataset) -> str:
    people, images = (f"{n:,}" if n else "?" for n in (facts.subjects, facts.images))
    coded = facts.coded_aus()
    units = "?" if not coded or coded == facs.ALL else len(coded)  # all 45 stand for "nobody says which"
    size = f"{people} people, {images} images, {units} action units, {facts.setting}, {facts.expression}"
    layout = "" if facts.verified else "  [layout not verified]"
    lines = [f"{facts.name:<12} {facts.title}: {size}{layout}"]
    lines += textwrap.wrap(f"{facts.licence} {facts.url}".strip(), 100, break_on_hyphens=False, break_long_words=False)
    return "\n".join([lines[0], *(f"{'':13}{line}" for line in lines[1:])])
