"""Quizzes that need no kernel: the directive ``quiz`` and the reading of its files.

A chapter's questions stand in ``book/quizzes/NN_name.yml``, a list of::

    - question: Which cells count?
      options:
        - {text: All., feedback: The unknown ones count nowhere.}
        - {text: The known ones., right: true, feedback: Each label has its own.}

One right option makes a choice of one, several make a choice of all that are right. Texts are MyST, within a line.
Options are shown in an order that depends on their texts only, so that no habit of an author gives answers away.
The page is complete without JavaScript: questions, options, and the answers folded away. ``quiz.js`` adds the button
that checks, and takes what it says from the folded answers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from aulib.errors import DataError

QUESTION_KEYS = {"question", "options"}
OPTION_KEYS = {"text", "feedback", "right"}


def load(path: Path) -> list[dict[str, Any]]:
    """Read the questions of a file.

    Raises:
        DataError: naming the file, the question and what is wrong with it.
    """
    try:
        questions = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; write the chapter's questions there") from None
    except yaml.YAMLError as error:
        raise DataError(f"{path} is not YAML: {error}; put texts with a colon or # in quotes") from None
    if not isinstance(questions, list) or not questions:
        raise DataError(f"{path} must be a list of questions, found {type(questions).__name__}")
    for number, question in enumerate(questions, 1):
        _check_question(question, f"{path}, question {number}")
    return questions


def shuffled(options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return options in an order that looks random and is the same in every build."""
    return sorted(options, key=lambda option: hashlib.sha256(option["text"].encode()).hexdigest())


def _check_question(question: Any, place: str) -> None:
    _check_entry(question, QUESTION_KEYS, ("question",), place)
    options = question.get("options")
    if not isinstance(options, list) or len(options) < 2:
        raise DataError(f"{place}: 'options' must be a list of at least two, found {options!r}")
    for number, option in enumerate(options, 1):
        _check_entry(option, OPTION_KEYS, ("text", "feedback"), f"{place}, option {number}")
        if not isinstance(option.get("right", False), bool):
            raise DataError(f"{place}, option {number}: 'right' must be true or false, found {option['right']!r}")
    texts = [option["text"] for option in options]
    if len(set(texts)) < len(texts):
        raise DataError(f"{place}: two options have the same text")
    if not any(option.get("right") for option in options):
        raise DataError(f"{place}: no option is right; write 'right: true' at those that are")


def _check_entry(entry: Any, accepted: set[str], texts: tuple[str, ...], place: str) -> None:
    if not isinstance(entry, dict):
        raise DataError(f"{place} must have the keys {', '.join(sorted(accepted))}, found {entry!r}")
    if unknown := sorted(set(entry) - accepted, key=str):
        raise DataError(f"{place}: unknown key {unknown[0]!r}; accepted are {', '.join(sorted(accepted))}")
    for key in texts:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise DataError(f"{place}: '{key}' must be a text, found {entry.get(key)!r}; put it in quotes")


class quiz(nodes.General, nodes.Element):
    """All questions of a page."""


class quiz_question(nodes.General, nodes.Element):
    """One question: its text, its options and its answers. Has number, total, kind and name."""


class quiz_text(nodes.General, nodes.TextElement):
    """The question itself."""


class quiz_option(nodes.General, nodes.TextElement):
    """A text to choose. Has kind, name and number."""


class quiz_answers(nodes.General, nodes.Element):
    """All answers with their reasons. Has number."""


class quiz_answer(nodes.General, nodes.TextElement):
    """What is said about one option. Has right."""


class QuizDirective(SphinxDirective):
    """Show the questions of a file below ``book/quizzes``, named without its ending."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "book" / "quizzes" / f"{self.arguments[0]}.yml"
        self.env.note_dependency(str(path))
        try:
            questions = load(path)
        except DataError as error:
            raise self.error(str(error)) from None
        whole = quiz()
        for number, question in enumerate(questions, 1):
            whole += self._question(question, number, len(questions))
        return [whole]

    def _question(self, question: dict[str, Any], number: int, total: int) -> quiz_question:
        several = sum(option.get("right", False) for option in question["options"]) > 1
        # Names are unique in the whole book, which may be printed as one page.
        shared = {"kind": "checkbox" if several else "radio", "name": f"quiz-{self.arguments[0]}-{number}"}
        node = quiz_question("", number=number, total=total, **shared)
        node += quiz_text("", "", *self._inline(question["question"]))
        answers = quiz_answers("", number=number)
        for place, option in enumerate(shuffled(question["options"]), 1):
            node += quiz_option("", "", *self._inline(option["text"]), number=place, **shared)
            said = nodes.inline("", "", *self._inline(option["feedback"]), classes=["quiz-said"])
            text = [*self._inline(option["text"]), nodes.Text(" ")]
            answers += quiz_answer("", "", *text, said, right=option.get("right", False))
        node += answers
        return node

    def _inline(self, text: str) -> list[nodes.Node]:
        children, messages = self.state.inline_text(" ".join(text.split()), self.lineno)
        return [*children, *messages]


def visit_quiz(self, node):
    self.body.append('<div class="quiz">\n')


def depart_quiz(self, node):
    self.body.append("</div>\n")


def visit_question(self, node):
    self.body.append('<form class="quiz-question" autocomplete="off"><fieldset>\n')


def depart_question(self, node):
    self.body.append("</form>\n")


def visit_text(self, node):
    question = node.parent
    self.body.append(f'<legend><span class="quiz-number">Question {question["number"]} of {question["total"]}.</span> ')


def depart_text(self, node):
    how = "Choose one answer." if node.parent["kind"] == "radio" else "Choose all answers that are right."
    self.body.append(f'</legend>\n<p class="quiz-how">{how}</p>\n')


def visit_option(self, node):
    name = f"{node['name']}-{node['number']}"
    self.body.append(
        f'<div class="quiz-option"><input type="{node["kind"]}" name="{node["name"]}" id="{name}" '
        f'value="{node["number"]}"><label for="{name}">'
    )


def depart_option(self, node):
    self.body.append("</label></div>\n")


def visit_answers(self, node):
    self.body.append(
        '<button type="submit" class="quiz-check" hidden>Check'
        f'<span class="visually-hidden"> question {node["number"]}</span></button></fieldset>\n'
        '<div class="quiz-feedback" role="status" aria-live="polite"></div>\n'
        f'<details class="quiz-answers"><summary>Answers to question {node["number"]}, with reasons</summary><ul>\n'
    )


def depart_answers(self, node):
    self.body.append("</ul></details>\n")


def visit_answer(self, node):
    verdict = "Right:" if node["right"] else "Not right:"
    self.body.append(f'<li data-right="{str(node["right"]).lower()}"><strong>{verdict}</strong> ')


def depart_answer(self, node):
    self.body.append("</li>\n")


def setup(app):
    for node, html in {
        quiz: (visit_quiz, depart_quiz),
        quiz_question: (visit_question, depart_question),
        quiz_text: (visit_text, depart_text),
        quiz_option: (visit_option, depart_option),
        quiz_answers: (visit_answers, depart_answers),
        quiz_answer: (visit_answer, depart_answer),
    }.items():
        app.add_node(node, html=html)
    app.add_directive("quiz", QuizDirective)
    app.add_css_file("quiz.css")
    app.add_js_file("quiz.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
