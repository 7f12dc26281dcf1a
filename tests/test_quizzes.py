"""Quizzes: what a file must hold, and what a page does with it, by mouse, by keyboard, on paper and without scripts."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from browsing import Visit
from conftest import ROOT

from aulib import notebooks
from aulib.errors import DataError

quiz = SimpleNamespace(**runpy.run_path(str(ROOT / "book" / "_ext" / "quiz.py")))
FILES = sorted((ROOT / "book" / "quizzes").glob("*.yml"))

ONE = {
    "question": "Which cells count, with $m=1$?",
    "options": [
        {"text": "All `cells`.", "feedback": "Not the unknown ones."},
        {"text": "The known ones.", "feedback": "That is the rule.", "right": True},
    ],
}
SEVERAL = {
    "question": "Which are even?",
    "options": [
        {"text": "One", "feedback": "One is odd."},
        {"text": "Two", "feedback": "Two halves.", "right": True},
        {"text": "Four", "feedback": "Twice two.", "right": True},
    ],
}


@pytest.mark.parametrize("name", notebooks.names())
def test_every_chapter_has_three_to_five_questions(name):
    assert 3 <= len(quiz.load(ROOT / "book" / "quizzes" / f"{name}.yml")) <= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_option_has_feedback_of_its_own(path):
    for question in quiz.load(path):
        said = [option["feedback"] for option in question["options"]]
        assert len(set(said)) == len(said) and min(map(len, said)) > 15, question["question"]


def test_the_place_of_an_option_does_not_give_the_answer_away():
    places = Counter()
    for path in FILES:
        for question in quiz.load(path):
            if len(question["options"]) == 3:
                places += Counter(
                    i for i, option in enumerate(quiz.shuffled(question["options"])) if option.get("right")
                )
    assert max(places.values()) < 0.5 * places.total(), places


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"question": "?"}, ["q.yml must be a list"]),
        ([], ["q.yml must be a list"]),
        (["What?"], ["question 1", "'What?'"]),
        ([ONE, {"question": "?", "options": []}], ["question 2", "at least two"]),
        ([{"question": 3, "options": ONE["options"]}], ["question 1", "'question' must be a text", "found 3"]),
        ([ONE | {"answer": 1}], ["question 1", "'answer'", "accepted"]),
        (
            [ONE | {"options": [{"text": "a", "right": True}, ONE["options"][0]]}],
            ["question 1, option 1", "'feedback'"],
        ),
        ([ONE | {"options": [ONE["options"][0], ONE["options"][0]]}], ["question 1", "same text"]),
        ([ONE | {"options": [ONE["options"][0], {"text": "b", "feedback": "c"}]}], ["no option is right"]),
        ([ONE | {"options": [ONE["options"][0] | {"right": "yes"}, ONE["options"][1]]}], ["option 1", "'yes'"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_place(tmp_path, content, words):
    path = tmp_path / "q.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(DataError) as raised:
        quiz.load(path)
    assert not [word for word in words if word not in str(raised.value)], raised.value


def test_a_missing_file_and_text_that_is_no_yaml_are_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere.yml does not exist"):
        quiz.load(tmp_path / "nowhere.yml")
    (tmp_path / "q.yml").write_text("- question: a: b")
    with pytest.raises(DataError, match="q.yml is not YAML"):
        quiz.load(tmp_path / "q.yml")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A book of one page with two questions, built by Sphinx."""
    folder = tmp_path_factory.mktemp("quiz")
    (folder / "book" / "quizzes").mkdir(parents=True)
    (folder / "book" / "quizzes" / "two.yml").write_text(yaml.safe_dump([ONE, SEVERAL]))
    (folder / "index.md").write_text("# Title\n\n```{quiz} two\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\nextensions = ['myst_parser', 'quiz']\n"
        f"myst_enable_extensions = ['dollarmath']\nhtml_static_path = [{str(ROOT / 'book' / '_static')!r}]\n"
        "html_theme = 'basic'\nmathjax_path = 'none.js'\n"
    )
    done = _sphinx(folder)
    assert done.returncode == 0, done.stderr
    return folder / "html" / "index.html"


def _sphinx(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_wrong_file_stops_the_build_with_the_reason(page, tmp_path):
    for name in ("conf.py", "index.md"):
        (tmp_path / name).write_text((page.parent.parent / name).read_text())
    done = _sphinx(tmp_path)
    assert done.returncode and "two.yml does not exist" in done.stderr


@pytest.fixture
def visit(browser, page):
    with Visit(browser, page.as_uri()) as opened:
        yield opened


def _question(visit, number):
    return visit.page.locator(".quiz-question").nth(number - 1)


def test_a_wrong_answer_is_told_why_and_a_right_one_too(visit):
    question = _question(visit, 1)
    for text, said in (("All cells.", "Not right. Not the unknown ones."), ("The known ones.", "Right. That is the")):
        question.get_by_label(text).check()
        question.get_by_role("button", name="Check question 1").click()
        assert question.get_by_role("status").inner_text().startswith(said)
    assert not [url for url in visit.requests if not url.startswith("file:")]


def test_nothing_chosen_is_said_in_words_and_gives_nothing_away(visit):
    question = _question(visit, 1)
    question.get_by_role("button").click()
    assert question.get_by_role("status").inner_text().startswith("Nothing is chosen yet.")
    assert question.locator(".quiz-answers").is_hidden()


def test_the_keyboard_alone_is_enough(visit):
    page = visit.page
    page.locator("body").press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.type") == "radio":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    chosen = page.evaluate("document.activeElement.labels[0].textContent")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said = _question(visit, 1).get_by_role("status").inner_text()
    assert said.startswith("Right. That is the rule" if "known" in chosen else "Not right. Not the unknown")


@pytest.mark.parametrize(
    ("chosen", "verdict", "said"),
    [
        (["Two", "Four"], "right", "Right, and complete."),
        (["Two"], "wrong", "One right answer is still missing."),
        (["One"], "wrong", "2 right answers are still missing."),
        (["One", "Two", "Four"], "wrong", "is not right. One is odd."),
    ],
)
def test_several_right_answers_are_all_asked_for(visit, chosen, verdict, said):
    question = _question(visit, 2)
    for text in chosen:
        question.get_by_label(text).check()
    question.get_by_role("button").click()
    status = question.get_by_role("status")
    assert status.get_attribute("data-verdict") == verdict and said in status.inner_text()
    assert ("complete" in status.inner_text()) == (verdict == "right")


def test_a_changed_answer_takes_the_old_verdict_away(visit):
    question = _question(visit, 1)
    question.get_by_label("All cells.").check()
    question.get_by_role("button").click()
    question.get_by_label("The known ones.").check()
    assert question.get_by_role("status").inner_text() == ""


def test_without_scripts_the_answers_can_be_unfolded(browser, page):
    with Visit(browser, page.as_uri(), java_script_enabled=False) as visit:
        question = visit.page.locator(".quiz-question").first
        assert question.get_by_role("button").count() == 0 and question.get_by_role("radio").count() == 2
        question.locator("summary").click()
        assert "Not right: All cells. Not the unknown ones." in question.locator("li").all_inner_texts()


def test_paper_shows_the_questions_only(visit):
    visit.page.emulate_media(media="print")
    question = _question(visit, 1)
    assert (
        question.get_by_text("Which cells count").is_visible() and question.get_by_text("All cells.").first.is_visible()
    )
    assert question.get_by_role("button").count() == 0 and question.locator(".quiz-answers").is_hidden()
