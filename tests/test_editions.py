"""One source, two editions: what students get and what instructors get."""

from __future__ import annotations

import ast
import json
import re

import pytest

from aulib import editions, exercises, notebooks
from aulib.errors import SettingsError


def code(source, *tags, outputs=()):
    return text(source, *tags) | {"cell_type": "code", "outputs": list(outputs), "execution_count": 1}


def text(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": source}


TASK = [
    text("### Exercise 4.2 (medium)\n\nWrite a function.", "exercise"),
    code("fault = 1 / 2"),
    code("import math\nhelper = 3\ndef f(c, prevalence=0.5):\n    return helper * c", "solution", outputs=["SECRET"]),
    code("exercises.check('4.2', f)", "check", outputs=["Right."]),
    text("Because of SECRET.", "solution"),
    text("## Summary"),
]


def test_students_get_the_task_a_stub_and_the_check_and_nothing_of_the_solution():
    cells = editions.student(TASK)
    assert [cell["source"] for cell in cells] == [
        TASK[0]["source"],
        "fault = 1 / 2",
        "def f(c, prevalence=0.5):\n    ...  # your code",
        "exercises.check('4.2', f)",
        "## Summary",
    ]
    assert cells[2]["outputs"] == cells[3]["outputs"] == [] and "SECRET" not in str(cells)
    assert "solution" not in cells[2]["metadata"]["tags"]


def test_the_source_is_not_changed():
    before = str(TASK)
    editions.student(TASK)
    editions.of(TASK, "instructor")
    assert str(TASK) == before


def test_both_editions_get_the_hint_and_instructors_the_marked_solution():
    student, instructor = editions.of(TASK, "student"), editions.of(TASK, "instructor")
    hint = exercises.hint("4.2")
    assert hint in student[1]["source"] and hint in instructor[1]["source"]
    sources = [cell["source"] for cell in instructor]
    assert sources.count("**Solution**") == 1
    assert sources[sources.index("**Solution**") + 1].startswith("import math") and "Because of SECRET." in sources


def test_a_stub_names_every_answer_the_check_asks_for():
    assert editions.stub("a, b = 1, 2\nc = 3", "check('1.1', a, b)") == "a = ...  # your answer\nb = ...  # your answer"


def test_a_solution_without_a_check_is_refused():
    with pytest.raises(SettingsError, match="no check after it"):
        editions.student([code("answer = 1", "solution"), text("### Exercise 4.1", "exercise")])


@pytest.mark.parametrize("name", notebooks.names())
def test_every_exercise_of_a_chapter_has_a_heading_a_solution_and_one_check(name):
    cells = notebooks.read(name).cells
    chapter = str(int(name.split("_")[0]))
    starts = [i for i, cell in enumerate(cells) if "exercise" in cell.metadata.get("tags", [])]
    assert starts, f"{name} has no exercise"
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(cells)], strict=True), 1):
        task = exercises.get(f"{chapter}.{number}")
        assert cells[start].source.startswith(f"### Exercise {task.name} ({task.level})"), task.name
        part = cells[start:end]
        tags = [tag for cell in part for tag in cell.metadata.get("tags", [])]
        assert tags.count("check") == 1 and "solution" in tags, task.name
        check = next(cell for cell in part if "check" in cell.metadata.get("tags", []))
        assert f'exercises.check("{task.name}"' in check.source


def test_every_exercise_stands_in_its_chapter():
    found = [
        match
        for name in notebooks.names()
        for cell in notebooks.read(name).cells
        for match in re.findall(r'exercises\.check\("(\d+\.\d+)"', cell.source)
    ]
    assert found == exercises.names()


@pytest.mark.parametrize("name", notebooks.names())
def test_no_line_of_a_solution_is_in_the_twin_that_students_open(name):
    twin = notebooks.twin(name)
    for line in solution_lines(name):
        assert line not in twin, line


def solution_lines(name):
    """Lines of solutions that say something, as they would stand in a notebook's JSON."""
    given = "\n".join(
        cell.source for cell in notebooks.read(name).cells if "solution" not in cell.metadata.get("tags", [])
    )
    for cell in notebooks.read(name).cells:
        if "solution" not in cell.metadata.get("tags", []):
            continue
        code_ = cell.source if cell.cell_type == "code" else ""
        heads = [f"def {node.name}" for node in ast.walk(ast.parse(code_)) if isinstance(node, ast.FunctionDef)]
        for line in map(str.strip, cell.source.splitlines()):
            if len(line) >= 15 and line not in given and not any(line.startswith(head) for head in heads):
                yield json.dumps(line)[1:-1]
