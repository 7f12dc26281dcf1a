"""The book's pages in a real browser: for the tests of the book, of its accessibility and of its quizzes."""

from __future__ import annotations

import shutil

import yaml
from conftest import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def _pages() -> list[str]:
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text("utf-8"))
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    files = [page["file"] for chapter in chapters for page in (chapter, *chapter.get("sections", []))]
    return [contents["root"], *files]


#: Every page of the contents, as "notebooks/04_metrics_and_loss".
PAGES = _pages()


class Visit:
    """A page opened in the browser, with everything it asked for and complained of."""

    def __init__(self, browser, url: str, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url, wait_until="load")
        self.page.wait_for_timeout(300)

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.context.close()
