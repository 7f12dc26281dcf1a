"""The printed book: one PDF with every chapter, typeset, tagged, with nothing from outside."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

import pypdf
import pytest
from browsing import PAGES
from conftest import aulib

from aulib import book
from aulib.book import _pdf
from aulib.errors import AulibError, SettingsError


@pytest.fixture(scope="module")
def pdf(tiny_book):
    aulib(tiny_book, "pdf", "--profile", "tiny")
    return pypdf.PdfReader(tiny_book / "_build" / "book.pdf")


@pytest.fixture(scope="module")
def texts(pdf):
    """The text of each page, with ligatures taken apart."""
    return [unicodedata.normalize("NFKC", re.sub(r"\s+", " ", page.extract_text())) for page in pdf.pages]


def test_the_pdf_has_every_chapter_in_its_text_and_its_bookmarks(pdf, texts, html):
    assert 100 <= len(pdf.pages) <= 600
    bookmarks = {re.sub(r"^[\d.]+ ", "", title): pdf.get_destination_page_number(mark) for title, mark in _marks(pdf)}
    for page in PAGES[1:]:
        article = (html / f"{page}.html").read_text("utf-8").split("<article", 1)[1]
        title = re.search(r"<h1>(.*?)<a", article, re.DOTALL)[1]
        title = re.sub(r"^[\d.]+ ", "", unescape(re.sub(r"<[^>]+>", "", title))).strip()
        assert title in bookmarks, title
        assert title in texts[bookmarks[title]], title


def _marks(pdf):
    def walk(marks):
        for mark in marks:
            yield from walk(mark) if isinstance(mark, list) else [(" ".join(mark.title.split()), mark)]

    return walk(pdf.outline)


def test_the_pdf_is_tagged_a4_and_says_how_it_was_made(pdf, texts):
    assert pdf.trailer["/Root"]["/MarkInfo"]["/Marked"] and pdf.trailer["/Root"]["/Lang"] == "en"
    for page in pdf.pages:
        assert abs(float(page.mediabox.width) - 595) < 2 and abs(float(page.mediabox.height) - 842) < 2
    assert "Learning from Incomplete Labels" in texts[0]
    assert "profile tiny, synthetic data" in texts[-1] and f"{len(texts)} / {len(texts)}" in texts[-1]


def test_the_pdf_shows_formulas_and_pictures_and_quizzes_without_answers(pdf, texts):
    text = " ".join(texts)
    assert not re.search(r"\$\$|\\frac|\\sum", text), "a formula was printed before it was typeset"
    assert "Question 1 of" in text and "with reasons" not in text
    assert sum(len(page.images) for page in pdf.pages[:40]) >= 15


def test_printing_refuses_an_edition_or_a_browser_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="no edition 'teacher'"):
        book.print_pdf("tiny", "teacher")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="printing needs one of chromium"):
        book.print_pdf("tiny")


def test_a_page_that_asks_another_host_is_not_printed(tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<article><img src='https://example.org/a.png'></article>")
    with pytest.raises(AulibError, match=r"https://example.org/a.png"):
        _pdf._print(page, tmp_path / "a.pdf", _pdf.browser(), "", "")
