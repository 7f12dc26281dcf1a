"""Print the book: all chapters as one page, which Chromium turns into a PDF."""

from __future__ import annotations

import html
import json
import os
import shutil
from pathlib import Path

import yaml

from aulib import notebooks
from aulib.book._build import folder, jupyter_book
from aulib.book._stage import stage
from aulib.errors import AulibError, SettingsError

#: Edition -> its file below ``_build``.
FILES = {"student": "book.pdf", "instructor": "book-instructor.pdf"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FOOTER = (
    '<div style="width: 100%; margin: 0 16mm; font: 7pt sans-serif; color: #444; display: flex; '
    'justify-content: space-between"><span>{text}</span>'
    '<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>'
)
#: The room for text on A4 between margins of 16 mm, in CSS pixels.
_TEXT = {"width": 673, "height": 994}
#: Prepare the page: title page and contents in front; nothing stays folded, since paper cannot unfold.
_PREPARE = """async (title) => {
  await window.MathJax?.startup?.promise;
  document.documentElement.classList.add("whole-book");
  document.querySelector("article").insertAdjacentHTML("afterbegin", title);
  const contents = document.querySelector(".book-contents ol");
  document.querySelectorAll("span[id^='document-'] + section").forEach((chapter) => {
    const link = document.createElement("a");
    link.href = `#${chapter.id}`;
    link.textContent = chapter.querySelector("h1, h2, h3, h4").innerText; // pages below a page have smaller headings
    contents.appendChild(document.createElement("li")).append(link);
  });
  document.querySelectorAll("details:not(.quiz-answers)").forEach((part) => { part.open = true; });
  document.querySelectorAll(".toggle-hidden").forEach((part) => part.classList.remove("toggle-hidden"));
  const width = document.querySelector("article").clientWidth;
  document.querySelectorAll("article table").forEach((table) => {
    if (table.scrollWidth > width) table.style.zoom = Math.max(0.5, width / table.scrollWidth);
  });
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  return [...document.images].filter((image) => !image.naturalWidth).map((image) => image.src);
}"""


def print_pdf(profile: str, edition: str = "student") -> Path:
    """Write the book of an edition as one PDF: A4, tagged, with bookmarks, page numbers and a title page.

    Args:
        profile: the name of a profile whose notebooks have been executed.
        edition: "student" (exercises without solutions) or "instructor".

    Returns:
        ``_build/book.pdf`` or ``_build/book-instructor.pdf``. An earlier file stays until the new one is complete.

    Raises:
        AulibError: a notebook has not been executed, Jupyter Book gave a warning, an image is missing, or the pages
            ask for anything from another host.
        SettingsError: there is no such edition, or no Chromium.
    """
    folder(edition)  # an edition that does not exist is the first thing to hear of
    chromium = browser()
    root = notebooks.root()
    staged = stage(root, profile, edition)
    jupyter_book(staged, "singlehtml")
    target = root / "_build" / FILES[edition]
    unfinished = target.with_name(f".{target.name}")
    _print(_single_page(staged / "_build" / "singlehtml"), unfinished, chromium, *_about(staged))
    os.replace(unfinished, target)
    return target


def browser() -> str:
    """Return the path of Chromium.

    Raises:
        SettingsError: there is none.
    """
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise SettingsError(f"printing needs one of {', '.join(_BROWSERS)}; on Debian: apt-get install chromium")


def _single_page(place: Path) -> Path:
    """Move the page to where Sphinx makes its links start: the top folder, though the root document lies below it."""
    text = (place / "book" / "index.html").read_text("utf-8")
    page = place / "index.html"
    page.write_text(text.replace('href="book/index.html#', 'href="#'), "utf-8")
    return page


def _about(staged: Path) -> tuple[str, str]:
    """Return the title page as HTML and the line at the foot of every page."""
    config = yaml.safe_load((staged / "_config.yml").read_text("utf-8"))
    records = [json.loads(path.read_text("utf-8"))["metadata"]["aulib"] for path in staged.glob("notebooks/*.ipynb")]
    data = " and ".join(sorted({record["data"] for record in records}))
    day = max(record["finished"] for record in records)[:10]
    made = f"profile {records[0]['profile']}, {data} data, {day}"
    title, author = html.escape(config["title"]), html.escape(config["author"])
    page = (
        f'<div class="book-title"><p class="book-title-name">{title}</p><p>{author}</p>'
        f"<p>Executed with {html.escape(made)}.</p><p>Text: CC BY 4.0. Code: MIT.</p></div>"
        '<nav class="book-contents"><h2>Contents</h2><ol></ol></nav>'
    )
    return page, _FOOTER.format(text=f"{title} · {html.escape(made)}")


def _print(page_file: Path, target: Path, chromium: str, title: str, footer: str) -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SettingsError("printing needs the package playwright: pip install playwright") from None

    outside: list[str] = []
    # Chromium refuses its sandbox to root, as which containers run.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=[*options, "--disable-gpu"])
        page = chrome.new_page(color_scheme="light", viewport=_TEXT)
        page.set_default_timeout(300_000)
        page.route(lambda url: not url.startswith(("file:", "data:", "blob:")), lambda route: _refuse(route, outside))
        page.goto(page_file.as_uri(), wait_until="load")
        page.emulate_media(media="print")
        missing = page.evaluate(_PREPARE, title)
        page.pdf(
            path=target, format="A4", outline=True, tagged=True, print_background=True, display_header_footer=True,
            header_template="<span></span>", footer_template=footer,
            margin={"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
        )  # fmt: skip
        chrome.close()
    if outside or missing:
        raise AulibError(f"the pages ask for what is not in the book: {', '.join([*outside, *missing][:5])}")


def _refuse(route, outside: list[str]) -> None:
    outside.append(route.request.url)
    route.abort()
