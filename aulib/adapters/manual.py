"""The reference page of the datasets, in Markdown, from the registry and the readers' own docstrings."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

from aulib import adapters, facs
from aulib.adapters.base import Adapter
from aulib.adapters.registry import DATASETS, Dataset

_SETTING = re.compile(r"    (?P<name>\w+): (?P<text>.*)")


def datasets_page() -> str:
    """Return the page: a table of all datasets, then for each its terms, its format and its reader's settings."""
    sections = [_overview(), *(_section(dataset) for dataset in DATASETS.values())]
    return "\n\n".join(sections) + "\n"


def settings_of(name: str) -> list[tuple[str, object, str]]:
    """Settings of a reader as (name, default, meaning), the meaning from the docstring of its class.

    Example:
        >>> settings_of("unbc")[0][:2]
        ('threshold', 1)
    """
    reader = type(adapters.create(name, "."))
    defaults = {item.name: item.default for item in fields(reader)}
    common = {item.name for item in fields(Adapter)}
    texts = _arguments(Adapter) | _arguments(reader)
    ordered = [key for key in _arguments(reader) if key not in common]
    ordered += [key for key in defaults if key not in ordered and key not in (*common, "root")]
    return [(key, defaults[key], texts.get(key, "")) for key in ordered]


def _arguments(reader: type) -> dict[str, str]:
    """Argument -> its text in the section ``Args`` of a docstring."""
    _, _, section = inspect.cleandoc(reader.__doc__).partition("Args:\n")
    found: dict[str, str] = {}
    for line in section.splitlines():
        match = _SETTING.fullmatch(line)
        if match:
            found[match["name"]] = match["text"]
        elif found and line.strip():
            found[next(reversed(found))] += " " + line.strip()
    return found


def _overview() -> str:
    lines = [
        "| Dataset | Name | People | Images | Action units | In the paper | Shares people with |",
        "|---" * 7 + "|",
    ]
    for facts in DATASETS.values():
        sizes = dict.fromkeys(str(len(aus)) for aus in facts.coded.values() if aus)
        public = facs.ALL not in facts.coded.values()
        units = (", ".join(sizes) or "not known to us") if public else "not public"
        people, images = (f"{count:,}" if count else "" for count in (facts.subjects, facts.images))
        shared = ", ".join(DATASETS[other].title for other in facts.overlaps)
        cells = [facts.title, f"`{facts.name}`", people, images, units, "yes" if facts.in_paper else "", shared]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _section(facts: Dataset) -> str:
    parts = [f"## {facts.title}", _terms(facts)]
    if facts.name in adapters.names():
        reader = type(adapters.create(facts.name, "."))
        parts.append(inspect.cleandoc(reader.__doc__).partition("\nCitation:")[0])
    parts.append("Traps:\n\n" + "\n".join(f"* {note}" for note in facts.notes))
    if facts.name in adapters.names():
        parts.append(_settings_table(facts.name))
    return "\n\n".join(parts)


def _terms(facts: Dataset) -> str:
    lines = [f"* Licence: {facts.licence}", f"* Cite: {facts.citation}"]
    if facts.url:
        lines.append(f"* Ask for it at <{facts.url}>")
    lines += [f"* Coded in release `{release}`: {_units(aus)}" for release, aus in facts.coded.items() if aus]
    if facts.intensity:
        lines.append(f"* With intensity: {_units(facts.intensity)}")
    if facts.benchmark:
        lines.append(f'* Usual benchmark (`aus="benchmark"`): {_units(facts.benchmark)}')
    if facts.unknown_codes:
        lines.append(f"* Numbers that mean unknown: {', '.join(map(str, facts.unknown_codes))}")
    lines.append(f"* Layout known from public documents: {'yes' if facts.verified else 'no'}")
    return "\n".join(lines)


def _units(aus: tuple[str, ...]) -> str:
    return "not public; the reader takes what the table holds" if aus == facs.ALL else ", ".join(aus)


def _settings_table(name: str) -> str:
    lines = ["```{container} settings", "| Setting | Default | Meaning |", "|---|---|---|"]
    for setting, default, text in settings_of(name):
        lines.append(f"| `{setting}` | `{default!r}` | {text.replace('|', chr(92) + '|')} |")
    return "\n".join([*lines, "```"])
