"""Pages and values that are made from the package: numbers for the prose, tables of settings, profiles and datasets."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

from aulib import paper, profiles
from aulib.adapters.manual import datasets_page
from aulib.book import _api, _au_reference, _faces, _provenance, _published, _teaching


def substitutions() -> dict[str, str]:
    """Return the published numbers that the prose chapters name, as ``{{ missing_rate }}``."""
    return {
        "missing_rate": f"{paper.MISSING_RATE:.2%}".replace("%", " %"),
        "macro_f1": f"{paper.MACRO_F1:.2f}",
        "paper_images": f"{paper.TABLE_1['images'].sum():,}",
        "paper_people": f"{paper.TABLE_1['subjects'].sum():,}",
        "min_occurrences": f"{paper.MIN_OCCURRENCES:,}",
        "action_units": str(paper.ACTION_UNITS),
    }


def settings_table() -> str:
    """Return the table of the recipe's settings in Markdown: the paper's value, and whether the paper states it."""
    lines = ["| Setting | Profile `paper` | Said by the paper? | Where, or why |", "|---|---|---|---|"]
    for setting in paper.SETTINGS:
        said = {"chosen": "our choice"}.get(setting.source, setting.source)
        reason = ": ".join(filter(None, (_place(setting.where), setting.note)))
        lines.append("| " + " | ".join(map(_escaped, (setting.name, setting.value, said, reason))) + " |")
    return "\n".join(lines) + "\n"


def _place(where: str) -> str:
    """Name a place in the paper (``3.2``) as a section, one in the code as code."""
    if not where:
        return ""
    return f"section {where}" if where[0].isdigit() else f"`{where}`" if where.startswith("aulib") else where


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|")


def profiles_table() -> str:
    """Return the parameters of all profiles side by side in Markdown."""
    loaded = {name: profiles.load(name).model_dump(mode="json") for name in profiles.NAMES}
    lines = ["| Parameter | " + " | ".join(f"`{name}`" for name in loaded) + " |", "|---" * (len(loaded) + 1) + "|"]
    for section, content in loaded["quick"].items():
        if section in ("profile", "datasets", "readers"):
            continue
        fields = content if isinstance(content, dict) else {"": content}
        for field in fields:
            values = [(values[section][field] if field else values[section]) for values in loaded.values()]
            lines.append(f"| `{section}{'.' if field else ''}{field}` | " + " | ".join(map(_cell, values)) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} AUs" if value and str(value[0]).startswith("AU") else ", ".join(map(str, value))
    return (
        {None: "none", True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )


def _alone(make: Callable[[], str]) -> Callable[[Path], str]:
    """Make a page of a function that needs no executed notebook."""
    return lambda executed: make()


#: File under ``book/generated`` -> the function that writes its text, given the folder of the executed notebooks. Prose
#: pages include these files.
PAGES: dict[str, Callable[[Path], str]] = {
    "settings.md": _alone(settings_table),
    "profiles.md": _alone(profiles_table),
    "datasets.md": _alone(datasets_page),
    "published_header.md": _alone(_published.header),
    "published_verdicts.md": _alone(_published.verdicts),
    "published_checks.md": _alone(_published.checks),
    "published_open.md": _alone(_published.not_recomputable),
    "chapters.md": _alone(_teaching.chapters),
    "au_overview.md": _alone(_au_reference.overview),
    "au_gallery.md": _alone(_au_reference.gallery),
    "provenance_made.md": _provenance.made,
    "provenance_content.md": _provenance.content,
    "provenance_environments.md": _provenance.environments,
    "model_card.md": _provenance.model_card,
    **{file: _alone(make) for file, make in _api.pages().items()},
}


def write(executed: Path, generated: Path) -> None:
    """Write all files of :data:`PAGES`, and the rendered faces that they show, into a new folder."""
    generated.mkdir()
    _faces.draw(generated / "faces")
    for file, make in PAGES.items():
        (generated / file).write_text(make(executed), "utf-8")
