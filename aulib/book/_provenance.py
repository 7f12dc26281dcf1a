"""How each chapter was made and what it holds, counted in the executed notebooks; the card of the trained model."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aulib import editions
from aulib.errors import AulibError

#: Reading speed: words of prose, and lines of code, a minute.
WORDS, LINES = 200, 10
#: A mark in the HTML of every explorer.
EXPLORER = "aulib-explorer"
#: The chapter that shows the card of the trained model.
CARD_IN = "13_own_pictures"

_EXERCISE = re.compile(r"^#+ Exercise \d+\.\d+", re.MULTILINE)


@dataclass(frozen=True)
class Content:
    """What a reader meets in a chapter of the student edition.

    Attributes:
        words: of prose, with what stands in formulas.
        lines: of code that is shown.
        figures: pictures that code made.
        exercises: tasks with a number.
        explorers: figures with controls.
    """

    words: int
    lines: int
    figures: int
    exercises: int
    explorers: int

    @property
    def minutes(self) -> int:
        """Time to read prose and code once, in whole minutes; thinking and exercises come on top."""
        return max(1, round(self.words / WORDS + self.lines / LINES))


def counted(cells: list[dict]) -> Content:
    """Count what executed cells hold.

    Args:
        cells: in nbformat 4, as dictionaries.

    Example:
        >>> prose = dict(cell_type="markdown", metadata={"tags": ["exercise"]}, source="### Exercise 4.1 (easy)")
        >>> code = dict(cell_type="code", metadata={}, source="a = 1\\na", outputs=[{"data": {"image/png": "…"}}])
        >>> counted([prose, code])
        Content(words=2, lines=2, figures=1, exercises=1, explorers=0)
    """
    shown = [cell for cell in editions.student(cells) if not _tags(cell) & {"remove-cell", "injected-parameters"}]
    prose = [cell["source"] for cell in shown if cell["cell_type"] == "markdown"]
    code = [cell for cell in shown if cell["cell_type"] == "code"]
    outputs = [output.get("data", {}) for cell in code for output in cell["outputs"]]
    return Content(
        words=sum(len(re.findall(r"[A-Za-z]\w*", text)) for text in prose),
        lines=sum(1 for cell in code for line in cell["source"].splitlines() if line.strip()),
        figures=sum(any(kind.startswith("image/") for kind in data) for data in outputs),
        exercises=sum(len(_EXERCISE.findall(text)) for text in prose),
        explorers=sum(EXPLORER in "".join(data.get("text/html", "")) for data in outputs),
    )


def made(executed: Path) -> str:
    """Return the table that says how each notebook was executed."""
    lines = ["| Chapter | Profile | Seed | Data | Run time | Finished |", "|---|---|---|---|---|---|"]
    total = 0.0
    for name, notebook in _notebooks(executed):
        record = notebook["metadata"]["aulib"]
        total += record["seconds"]
        cells = [f"`{record['profile']}`", record["seed"], record["data"], f"{record['seconds']:.0f} s"]
        lines.append(_row(_chapter(name), *cells, record["finished"]))
    return "\n".join([*lines, _row("**all**", "", "", "", f"{total:.0f} s", "")]) + "\n"


def content(executed: Path) -> str:
    """Return the table of what each notebook holds."""
    lines = ["| Chapter | Reading | Words | Lines of code | Figures | Exercises | Explorers |", "|---" * 7 + "|"]
    found = {name: counted(notebook["cells"]) for name, notebook in _notebooks(executed)}
    lines += [_row(_chapter(name), *_numbers(one)) for name, one in found.items()]
    total = Content(*(sum(getattr(one, name) for one in found.values()) for name in Content.__dataclass_fields__))
    return "\n".join([*lines, _row("**all**", *_numbers(total))]) + "\n"


def _numbers(one: Content) -> list[str]:
    numbers = (one.words, one.lines, one.figures, one.exercises, one.explorers)
    return [f"{one.minutes} min", *(f"{number:,}" for number in numbers)]


def environments(executed: Path) -> str:
    """Return the machines and versions of the packages, one list for all notebooks that share them."""
    groups: dict[str, list[str]] = {}
    for name, notebook in _notebooks(executed):
        record = notebook["metadata"]["aulib"]
        versions = {"Python": record["python"], **record["versions"]}
        lines = [f"* Machine: {record['machine']}", *(f"* {key}: {value}" for key, value in versions.items())]
        groups.setdefault("\n".join(lines), []).append(name)
    if len(groups) == 1:
        return next(iter(groups)) + "\n"
    return "\n\n".join(f"{', '.join(map(_chapter, names))}:\n\n{lines}" for lines, names in groups.items()) + "\n"


def card(executed: Path) -> dict:
    """Return the card of the trained model, as the chapter on one's own pictures shows it.

    Raises:
        AulibError: the chapter shows none.
    """
    for cell in _read(executed / f"{CARD_IN}.ipynb")["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/plain", ""))
            if text.startswith("{'aus'") and "'sha256'" in text:
                return ast.literal_eval(text)
    raise AulibError(f"notebook {CARD_IN} shows no card of a saved model; the page 'model card' is made from it")


def model_card(executed: Path) -> str:
    """Return the facts about the trained model as a table: its card, and the settings that it was trained under."""
    about, record = card(executed), _read(executed / f"{CARD_IN}.ipynb")["metadata"]["aulib"]
    recipe, split = record["settings"]["training"], record["settings"]["split"]
    hidden, epochs = (" and ".join(map(str, recipe[name])) for name in ("hidden", "epochs"))
    rows = {
        "Output": f"{len(about['aus'])} probabilities, one for each of {', '.join(about['aus'])}",
        "Input": f"one face crop of {about['image_size']} x {about['image_size']} pixels, RGB, 0 to 255; scaled inside "
        f"the model (`{about['pixels']}`)",
        "Displayed from": f"a probability of {about['threshold']}",
        "Architecture": f"VGG16, then dense layers of {hidden} units with dropout {recipe['dropout']}",
        "First weights": about["weights"],
        "Loss": f"`{recipe['loss']}`, the two stages of the recipe with {epochs} epochs at most",
        "Batch and rate": f"{recipe['batch_size']} images, learning rate {recipe['learning_rate']}",
        "Data": f"{record['data']}; {_held_out(split)} held out for the test, "
        f"{split['validation_size']:.0%} of the other people for the choice of the epoch".replace("%", " %"),
        "Profile and seed": f"`{record['profile']}`, {record['seed']}",
        "Arithmetic": f"{about['precision']}; Keras {record['versions']['keras']}, "
        f"TensorFlow {record['versions']['tensorflow']}",
        "Hash of all weights": f"`{about['sha256'][:16]}…` (SHA-256)",
        "Hash of the first convolutional weights": f"`{about['weights_sha256'][:16]}…`",
    }
    return "| Fact | Value |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def _held_out(split: dict) -> str:
    if split["test_dataset"]:
        return f"the dataset {split['test_dataset']} and its people"
    return f"{split['test_size']:.0%} of the people"


def _notebooks(executed: Path) -> Iterator[tuple[str, dict]]:
    return ((path.stem, _read(path)) for path in sorted(executed.glob("[0-9]*.ipynb")))


def _read(path: Path) -> dict:
    """An executed notebook with the sources of its cells as one text each."""
    notebook = json.loads(path.read_text("utf-8"))
    cells = [cell | {"source": "".join(cell["source"])} for cell in notebook["cells"]]
    return notebook | {"cells": cells}


def _tags(cell: dict) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def _chapter(name: str) -> str:
    return f"{{doc}}`../notebooks/{name}`"


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
