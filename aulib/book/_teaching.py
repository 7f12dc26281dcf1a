"""The list of chapters in the teaching guide: time, needs and exercises, as the notebooks themselves say."""

from __future__ import annotations

import re

from aulib import exercises, notebooks

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_SAID = {
    "time": re.compile(r"\*\*Time needed:\*\*\s*(.+?)(?=\s*\*\*|\n\n|\Z)", re.DOTALL),
    "needs": re.compile(r"\*\*Needs:\*\*\s*(.+?)(?=\n\n|\Z)", re.DOTALL),
}


def chapters() -> str:
    """Return a table of all chapters in Markdown."""
    lines = ["| Chapter | Time | Needs | Exercises |", "|---|---|---|---|"]
    for name in notebooks.names():
        said = chapter(name)
        link = f"{int(name[:2])}: {{doc}}`../notebooks/{name}`"
        duration = said["time"].partition(" once ")[0]  # "once the corpus is there" is said above the table
        lines.append(f"| {link} | {duration} | {said['needs']} | {_exercises(int(name[:2]))} |")
    return "\n".join(lines) + "\n"


def chapter(name: str) -> dict[str, str]:
    """Return what the first cell of a notebook says: ``title``, ``time`` and ``needs``; empty where it says nothing."""
    text = notebooks.read(name).cells[0]["source"]
    found = {"title": _TITLE.search(text)}
    found |= {key: pattern.search(text) for key, pattern in _SAID.items()}
    return {key: _one_line(match[1]) if match else "" for key, match in found.items()}


def _one_line(text: str) -> str:
    """Join lines, end without a full stop, and let links start from the folder of the prose pages."""
    text = " ".join(text.split()).removesuffix(".")
    return re.sub(r"\{doc\}`(\d\d_\w+)`", r"{doc}`../notebooks/\1`", text).replace("|", "\\|")


def _exercises(number: int) -> str:
    found = [exercises.get(name) for name in exercises.names() if name.split(".")[0] == str(number)]
    return ", ".join(f"{task.name} {task.level}{' (find the bug)' * task.bug}" for task in found)
