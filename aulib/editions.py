"""Two forms of a notebook from one source: with solutions for instructors, without for students.

In the source, an exercise is a run of cells with tags:

* ``exercise``: Markdown, ``### Exercise 4.1 (medium)`` and the task;
* code without a tag, if any: what is given, for example a function with a fault;
* ``solution``: code that answers, and Markdown that explains;
* ``check``: one line of code, ``exercises.check("4.1", answer)``.

The source is executed as it stands, so that every check meets its solution whenever the book is made. The student form
has no Markdown of solutions; their code becomes a stub that holds the names the check asks for.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from typing import Any

from aulib import exercises
from aulib.errors import SettingsError

_HEADING = re.compile(r"^#+ Exercise (\d+\.\d+)", re.MULTILINE)


def of(cells: Sequence[dict[str, Any]], edition: str) -> list[dict[str, Any]]:
    """Return the cells of a page of the book: hints added, solutions marked or left out.

    Args:
        cells: executed cells in nbformat 4, as dictionaries.
        edition: "student" or "instructor".

    Raises:
        SettingsError: an exercise that :mod:`aulib.exercises` does not know, or a solution without a check.
    """
    shown = student(cells) if edition == "student" else _marked(cells)
    return [with_hint for cell in shown for with_hint in (cell, *_hint(cell))]


def student(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cells without solutions; a solution's code becomes a stub, and checks lose what they said.

    Example:
        >>> cell = dict(cell_type="code", metadata={"tags": ["solution"]}, source="answer = 42", outputs=[])
        >>> check = dict(cell_type="code", metadata={"tags": ["check"]}, source="check('4.1', answer)", outputs=[])
        >>> [cell["source"] for cell in student([cell, check])]
        ['answer = ...  # your answer', "check('4.1', answer)"]
    """
    found = []
    for place, cell in enumerate(map(copy.deepcopy, cells)):
        if _is(cell, "solution"):
            source = "" if cell["cell_type"] != "code" else stub(cell["source"], _check_after(cells, place))
            if not source:
                continue  # an explanation, or a helper that the check does not ask for
            cell["source"] = source
            cell["metadata"]["tags"].remove("solution")
            _empty(cell)
        elif _is(cell, "check"):
            _empty(cell)
        found.append(cell)
    return found


def stub(source: str, check: str) -> str:
    """Return what is left of a solution for the student: the names that the check asks for, without their values.

    Example:
        >>> print(stub("def f1(tp, fp, fn):\\n    return 2 * tp / (2 * tp + fp + fn)", "check('4.2', f1)"))
        def f1(tp, fp, fn):
            ...  # your code
    """
    asked = {node.id for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Name)}
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in asked:
            lines += [f"def {node.name}({ast.unparse(node.args)}):", "    ...  # your code"]
        elif isinstance(node, ast.Assign):
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            lines += [f"{name} = ...  # your answer" for name in names if name in asked]
    return "\n".join(dict.fromkeys(lines))


def _check_after(cells: Sequence[dict[str, Any]], place: int) -> str:
    for cell in cells[place:]:
        if _is(cell, "exercise"):
            break
        if _is(cell, "check"):
            return cell["source"]
    raise SettingsError(f"a solution has no check after it: {cells[place]['source'][:60]!r}")


def _marked(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the word "Solution" before the first cell of each solution."""
    found, before = [], False
    for cell in cells:
        if _is(cell, "solution") and not before:
            found.append(_markdown("**Solution**", f"solution-{len(found):03d}"))
        before = _is(cell, "solution") or (before and not _is(cell, "exercise"))
        found.append(copy.deepcopy(cell))
    return found


def _hint(cell: dict[str, Any]) -> list[dict[str, Any]]:
    heading = _HEADING.search(cell["source"]) if _is(cell, "exercise") else None
    if not heading:
        return []
    text = exercises.get(heading[1]).hint
    name = f"hint-{heading[1].replace('.', '-')}"
    return [_markdown(f"```{{admonition}} Hint\n:class: dropdown\n{text}\n```", name)]


def _markdown(source: str, name: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def _empty(cell: dict[str, Any]) -> None:
    cell["outputs"], cell["execution_count"] = [], None


def _is(cell: dict[str, Any], tag: str) -> bool:
    return tag in cell["metadata"].get("tags", [])
