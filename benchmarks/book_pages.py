"""Measure the pages of a built book: weight, words, reading time, figures, exercises, checks, explorers, questions.

Run as ``python benchmarks/book_pages.py [FOLDER_OF_HTML] > benchmarks/book_pages.md`` after ``make book``.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
#: Reading speed in words a minute for technical prose; code, figures and exercises take time of their own.
WORDS_A_MINUTE = 200
_VOID = {"img", "input", "br", "hr", "meta", "link", "source", "path", "wbr", "col", "area", "embed", "use"}
_EXPLORER = re.compile(r'<figure class="aulib-explorer".*?</figure>', re.DOTALL)


class Article(HTMLParser):
    """Counts what stands in a page's <article>."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.words, self.images, self.code = 0, [], []
        self.explorers, self.questions, self.exercises, self.checks = 0, 0, 0, 0

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        classes = found.get("class", "")
        if tag not in _VOID:
            self.open.append((tag, f" {classes} {found.get('type', '')} "))
        if not self._within("article"):
            return
        if tag == "img":
            self.images.append((found.get("src", ""), found.get("alt", "")))
        if tag == "pre" and self._input():
            self.code.append("")
        self.explorers += "aulib-explorer" in classes.split()
        self.questions += "quiz-question" in classes.split()
        self.checks += tag == "div" and "tag_check" in classes.split()

    def handle_endtag(self, tag):
        while self.open and any(name == tag for name, _ in self.open):
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data):
        if not self._within("article") or self.open[-1][0] in ("script", "style"):
            return
        if self._input():
            if self.code:
                self.code[-1] += data
        elif not self._within("pre") and not self._within("table") and not self._folded():
            self.words += len(re.findall(r"\w[\w'’-]*", data))
        self.exercises += bool(self.open[-1][0] in ("h3", "strong") and re.match(r"Exercise \d", data))

    def _within(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.open)

    def _folded(self) -> bool:
        return any("quiz-answers" in classes or "aulib-frame" in classes for _, classes in self.open)

    def _input(self) -> bool:
        return any("cell_input" in classes for _, classes in self.open)


def measure(html: Path, page: str) -> dict[str, object]:
    """Return the measures of one page, with its images as (address, alt text) under "images"."""
    path = html / f"{page}.html"
    article = Article()
    text = path.read_text("utf-8")
    article.feed(text)
    own = {(path.parent / source).resolve() for source, _ in article.images if not source.startswith(("data:", "http"))}
    lengths = [sum(bool(line.strip()) for line in code.splitlines()) for code in article.code]
    return {
        "page": page,
        "kB": round((path.stat().st_size + sum(image.stat().st_size for image in own)) / 1000),
        "explorers kB": round(sum(len(found.encode()) for found in _EXPLORER.findall(text)) / 1000),
        "words": article.words,
        "minutes": max(1, round(article.words / WORDS_A_MINUTE)),
        "figures": len(article.images),
        "code cells": len(lengths),
        "code lines p90": int(np.percentile(lengths, 90)) if lengths else 0,
        "exercises": article.exercises,
        "checks": article.checks,
        "explorers": article.explorers,
        "questions": article.questions,
        "images": article.images,
    }


def pages(html: Path) -> list[str]:
    """Return the book's pages, as "notebooks/04_metrics_and_loss"."""
    found = [path for folder in ("book", "notebooks") for path in sorted((html / folder).rglob("*.html"))]
    return [path.relative_to(html).with_suffix("").as_posix() for path in found]


def table(html: Path) -> pd.DataFrame:
    """Return the measures of all pages, one a row."""
    return pd.DataFrame([measure(html, page) for page in pages(html)]).set_index("page").drop(columns="images")


def main() -> None:
    html = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html"
    measured = table(html)
    shared = sum(path.stat().st_size for path in (html / "_static").rglob("*") if path.is_file())
    total = measured.sum().astype(int)
    total["code lines p90"] = measured["code lines p90"].max()
    print("# Pages of the book\n\nMade by `python benchmarks/book_pages.py`. Weight: the page and its own images;")
    print(f"minutes: words outside code, tables and folded answers at {WORDS_A_MINUTE} a minute.")
    print("The last row adds up (p90: largest).")
    print(f"All pages share {shared / 1e6:.1f} MB of scripts, fonts and styles.\n")
    print(pd.concat([measured, total.to_frame("all pages").T]).rename_axis("page").to_markdown())


if __name__ == "__main__":
    main()
