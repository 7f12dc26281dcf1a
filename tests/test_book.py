"""The book: one complete tiny run of all notebooks, built with warnings as errors, looked at in a real browser."""

from __future__ import annotations

import functools
import http.server
import json
import re
import runpy
import threading
import time
from html import unescape
from types import SimpleNamespace
from urllib.parse import quote, unquote, urljoin, urlparse

import pytest
from browsing import PAGES, Visit
from conftest import ROOT, aulib
from test_editions import solution_lines

from aulib import notebooks, widgets

book_pages = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "book_pages.py")))
#: The chapter on faults in code shows numbers; pictures would say nothing more.
WITHOUT_FIGURES = {"notebooks/14_find_the_bug"}


@pytest.fixture(scope="module")
def instructor_html(tiny_book):
    aulib(tiny_book, "book", "--profile", "tiny", "--edition", "instructor")
    return tiny_book / "_build" / "html-instructor"


def test_nothing_asked_for_the_network_while_the_book_was_made(tiny_book):
    log = tiny_book / "network.log"
    assert not log.exists(), log.read_text()


def test_every_page_of_the_contents_was_built(html):
    assert {f"notebooks/{name}" for name in notebooks.names()} <= set(PAGES)
    assert (html / "index.html").is_file()
    for page in PAGES:
        assert (html / f"{page}.html").is_file(), page


def test_every_notebook_page_says_how_it_was_executed_and_on_synthetic_data(html):
    for name in notebooks.names():
        text = (html / "notebooks" / f"{name}.html").read_text("utf-8")
        footer = re.sub("<[^>]+>", "", text[text.index("Executed with profile") :])[:600]
        assert "tiny" in footer and "seed 0" in footer and "synthetic data" in footer and "keras" in footer


def test_executed_notebooks_hold_no_errors_and_no_folders_of_this_machine(tiny_book):
    for name in notebooks.names():
        text = (tiny_book / "_build" / "executed" / "tiny" / f"{name}.ipynb").read_text("utf-8")
        assert str(tiny_book) not in text, name
        outputs = [output for cell in json.loads(text)["cells"] for output in cell.get("outputs", [])]
        assert not [output for output in outputs if output["output_type"] == "error"]
        assert not [output["text"] for output in outputs if output.get("name") == "stderr"], (
            "warnings do not belong into the book"
        )


def test_every_image_has_alt_text(html):
    for page in PAGES:
        article = (html / f"{page}.html").read_text("utf-8").split("<article", 1)[1]
        for image in re.findall(r"<img[^>]*>", article):
            alt = re.search(r'alt="([^"]*)"', image)
            assert alt and len(alt[1].split()) >= 4 and not alt[1].endswith(".png"), f"{page}: {image[:200]}"


def test_links_inside_the_book_resolve_and_their_anchors_too(html):
    missing, anchors = [], {}
    pages = [path.resolve() for path in html.rglob("*.html") if "_static" not in path.parts]
    for page in pages:
        anchors[page] = set(re.findall(r'\bid="([^"]+)"', page.read_text("utf-8")))
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text("utf-8")):
            parts = urlparse(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / parts.path).resolve() if parts.path else page
            known = anchors.get(target, {unquote(parts.fragment)})
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in known):
                missing.append(f"{page.name} -> {link}")
    assert not missing


def test_no_line_of_a_solution_is_in_any_file_of_the_student_edition(html):
    lines = {name: list(solution_lines(name)) for name in notebooks.names()}
    files = [path for path in html.rglob("*") if path.suffix in (".html", ".js", ".ipynb", ".txt", ".md", ".inv")]
    assert html / "searchindex.js" in files and any("_sources" in path.parts for path in files)
    for path in files:
        if path.is_relative_to(html / "_static"):
            continue
        # In pages, code is cut into coloured words; in notebooks, it is JSON.
        text = path.read_text("utf-8", errors="ignore")
        forms = (text, json.dumps(plain(text))[1:-1] if path.suffix == ".html" else "")
        # Short lines are looked for in their own chapter only: elsewhere the same few words may stand by chance.
        looked_for = [line for name in lines for line in lines[name] if name in path.name or len(line) >= 25]
        found = [f"{path}: {line}" for line in looked_for if any(line in form for form in forms)]
        assert not found, found[:3]


def test_the_instructor_edition_holds_every_solution(instructor_html):
    for name in notebooks.names():
        source = next(instructor_html.glob(f"_sources/notebooks/{name}.ipynb"), None)
        text = source.read_text("utf-8")
        page = json.dumps(plain((instructor_html / "notebooks" / f"{name}.html").read_text("utf-8")))
        for line in solution_lines(name):
            # Formulas and Markdown look different in the page; the source beside it has every line as it is.
            assert line in text, f"{name}: {line}"
        marked = sum(cell.get("source") == "**Solution**" for cell in json.loads(text)["cells"])
        assert page.count("Solution") >= marked


def plain(text):
    """The text of a page without its tags."""
    return unescape(re.sub(r"<[^>]+>", "", text))


def test_the_pages_keep_their_budgets(html):
    """A page with its images weighs 3 MB at most, its explorers 1 MB; nine in ten code cells are short."""
    for name in book_pages.pages(html):
        found = book_pages.measure(html, name)
        assert found["kB"] <= 3000 and found["explorers kB"] <= 1000, found
        assert found["code lines p90"] <= 16, found
        assert found["explorers kB"] > 0 if found["explorers"] else found["explorers kB"] == 0
        if name.startswith("notebooks/"):
            assert found["figures"] or name in WITHOUT_FIGURES, f"{name} has no figure"
            assert found["exercises"] >= 3 and 3 <= found["questions"] <= 5, found
        for source, alt in found["images"]:
            assert len(alt.split()) >= 4 and not alt.endswith((".png", ".jpg", ".svg")), f"{name}: {source}"


def test_the_explorers_are_in_the_pages(html):
    """All of them: a page without its explorers would keep every budget."""
    found = {name: book_pages.measure(html, name)["explorers"] for name in book_pages.pages(html)}
    assert sum(found.values()) == len(widgets.names())


def test_the_measures_of_a_page_are_those_of_a_page_written_by_hand(tmp_path):
    (tmp_path / "a.html").write_text(
        "<p>not counted</p><article><h1>Two words</h1><p>three more words</p><h3>Exercise 1.1 (easy)</h3>"
        '<div class="cell tag_check"><div class="cell_input"><pre>a = 1\n\nb = 2\n</pre></div></div>'
        '<div class="cell_output"><pre>an output</pre><img src="a.png" alt="A b c d"></div>'
        '<form class="quiz-question"></form><figure class="aulib-explorer" aria-label="E"><div class="aulib-frame">'
        + "x" * 2000
        + "</div></figure></article>"
    )
    (tmp_path / "a.png").write_bytes(b"0" * 50_000)
    found = book_pages.measure(tmp_path, "a")
    assert found["kB"] == round((50_000 + (tmp_path / "a.html").stat().st_size) / 1000)
    assert found["words"] == 2 + 3 + 4 and found["code cells"] == 1 and found["code lines p90"] == 2
    counted = [found[key] for key in ("figures", "exercises", "checks", "explorers", "questions", "explorers kB")]
    assert counted == [1, 1, 1, 1, 1, 2] and found["images"] == [("a.png", "A b c d")]


def test_the_bibliography_names_its_entries_as_the_text_cites_them(html):
    page = (html / "book/references.html").read_text("utf-8")
    labels = re.findall(r'<span class="label"><span class="fn-bracket">\[</span>(.*?)<span', page)
    labels = [unescape(re.sub("<.*?>", "", label)) for label in labels]
    assert "Baltrušaitis et al., 2015" in labels and "Charte et al., 2015" in labels and len(labels) > 30
    assert all(re.fullmatch(r"\D+, \d{4}", label) for label in labels) and len(set(labels)) == len(labels)


def test_launch_buttons_open_the_committed_twins(html):
    for name in notebooks.names():
        text = (html / "notebooks" / f"{name}.html").read_text("utf-8")
        assert re.search(rf'href="https://colab\.research\.google\.com/github/[^"]+/notebooks/{name}\.ipynb"', text)
        assert (notebooks.root() / "notebooks" / f"{name}.ipynb").is_file()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opened_from_disk_asks_no_other_host_and_complains_of_nothing(html, browser, page, scheme):
    with Visit(
        browser, (html / f"{page}.html").as_uri(), viewport={"width": 1280, "height": 900}, color_scheme=scheme
    ) as visit:
        assert not [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert not visit.complaints
        assert visit.page.locator("article h1").count() == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_width_of_a_phone(html, browser, page):
    with Visit(browser, (html / f"{page}.html").as_uri(), viewport={"width": 390, "height": 844}) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


TOO_WIDE = """() => [...document.querySelectorAll(".cell:not(.tag_injected-parameters) .cell_input pre")]
    .filter(code => code.clientWidth > 0 && code.scrollWidth > code.clientWidth + 1).map(code => code.innerText)"""


@pytest.mark.parametrize("name", notebooks.names())
def test_code_of_a_chapter_needs_no_sideways_scrolling_beside_both_side_bars(html, browser, name):
    with Visit(browser, (html / f"notebooks/{name}.html").as_uri(), viewport={"width": 1280, "height": 900}) as visit:
        assert visit.page.locator(".cell_input pre").count() > 5
        assert visit.page.evaluate(TOO_WIDE) == []


def test_formulas_are_typeset(html, browser):
    with Visit(browser, (html / "notebooks/04_metrics_and_loss.html").as_uri()) as visit:
        visit.page.wait_for_selector("mjx-container", timeout=20_000)
        assert visit.page.locator("mjx-container").count() >= 3
        assert visit.page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("balancing", "03_balancing"),
        ("masked soft F1", "04_metrics_and_loss"),
        ("off-by-one", "11_own_adapter"),
        ("occlusion", "13_own_pictures"),
        ("Teahouse", "11_own_adapter"),
    ],
)
def test_search_finds_a_chapter_without_a_server(html, browser, words, page):
    with Visit(browser, (html / "search.html").as_uri() + f"?q={quote(words)}") as visit:
        visit.page.wait_for_selector("#search-results li", timeout=20_000)
        assert page in visit.page.locator("#search-results").inner_html()


def test_search_for_a_word_that_is_not_there_says_so(html, browser):
    with Visit(browser, (html / "search.html").as_uri() + "?q=xylophone") as visit:
        visit.page.wait_for_function("document.querySelector('#search-results').innerText.includes('did not match')")
        assert visit.page.locator("#search-results li").count() == 0


@pytest.mark.parametrize("name", notebooks.names())
def test_the_quiz_of_a_chapter_answers(html, browser, name):
    with Visit(browser, (html / "notebooks" / f"{name}.html").as_uri()) as visit:
        question = visit.page.locator(".quiz-question").last
        question.locator("input").first.check()
        question.get_by_role("button").click()
        assert len(question.get_by_role("status").inner_text()) > 20
        assert not visit.complaints


@pytest.mark.parametrize("page", ["notebooks/04_metrics_and_loss", "book/settings"])
def test_a_printed_page_has_its_title_and_no_navigation(html, browser, page):
    with Visit(browser, (html / f"{page}.html").as_uri()) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.locator("article h1").is_visible()
        for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer", ".bd-footer"):
            shown = [element for element in visit.page.locator(part).all() if element.is_visible()]
            assert not shown, part


def test_the_first_page_leads_to_the_book_over_http(html, browser):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(html))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with Visit(browser, address) as visit:
            visit.page.wait_for_url(urljoin(address, "book/index.html"))
            assert "Incomplete Labels" in visit.page.locator("article h1").inner_text()
    finally:
        server.shutdown()


def test_a_second_run_does_nothing_and_takes_under_a_minute(tiny_book):
    executed = sorted((tiny_book / "_build" / "executed" / "tiny").glob("*.ipynb"))
    before = [path.stat().st_mtime_ns for path in executed]
    started = time.monotonic()
    aulib(tiny_book, "make", "--profile", "tiny")
    assert time.monotonic() - started < 60
    assert [path.stat().st_mtime_ns for path in executed] == before


def test_a_changed_chapter_is_executed_again_and_nothing_else(tiny_book):
    folder = tiny_book / "_build" / "executed" / "tiny"
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.ipynb")}
    with (tiny_book / "notebooks" / "04_metrics_and_loss.py").open("a") as source:
        source.write("\n# %% [markdown]\n# One more sentence.\n")
    aulib(tiny_book, "make", "--profile", "tiny")
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.ipynb")}
    assert [name for name in after if after[name] != before[name]] == ["04_metrics_and_loss.ipynb"]
    assert "One more sentence." in (tiny_book / "_build" / "html" / "notebooks" / "04_metrics_and_loss.html").read_text(
        "utf-8"
    )
