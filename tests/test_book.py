"""The book: one complete tiny run of all notebooks, built with warnings as errors, looked at in a real browser."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
import time
from urllib.parse import urljoin, urlparse

import pytest
from browsing import PAGES, Visit
from conftest import aulib

from aulib import notebooks


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


def test_links_inside_the_book_resolve(html):
    missing = []
    for page in [path for path in html.rglob("*.html") if "_static" not in path.parts]:
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text("utf-8")):
            parts = urlparse(link)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            if not (page.parent / parts.path).exists():
                missing.append(f"{page.relative_to(html)} -> {link}")
    assert not missing


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


def test_formulas_are_typeset(html, browser):
    with Visit(browser, (html / "notebooks/04_metrics_and_loss.html").as_uri()) as visit:
        visit.page.wait_for_selector("mjx-container", timeout=20_000)
        assert visit.page.locator("mjx-container").count() >= 3
        assert visit.page.locator("mjx-merror").count() == 0


def test_search_finds_a_chapter_without_a_server(html, browser):
    with Visit(browser, (html / "search.html").as_uri() + "?q=balancing") as visit:
        visit.page.wait_for_selector("#search-results li", timeout=20_000)
        assert "03_balancing" in visit.page.locator("#search-results").inner_html()


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
