"""Promises of the tables in the page: sorted by mouse and keyboard, saved as CSV, nothing lost without JavaScript."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"

SCORES = pd.DataFrame(
    {
        "method": ["masked", "AN", "oracle", "common, \"few\"", "one"],
        "rows": ["1,200", "90", "12,000", "90", "1,000"],
        "share": ["12 %", "9 %", "100 %", "< 0.1 %", "\u22123 %"],
        "f1": [0.58, 0.5, np.nan, 0.41, 1e-5],
    },
    index=pd.Index(["AU10", "AU02", "AU1", "AU12", "AU04"], name="AU"),
)  # fmt: skip
LEVELS = pd.DataFrame(
    np.arange(16).reshape(4, 4)[::-1], columns=pd.MultiIndex.from_product([["stage 1", "stage 2"], ["f1", "auc"]])
)
PAIRS = pd.DataFrame({"v": [4, 3, 2, 1]}, index=pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "n"]))


def page_html() -> str:
    tables = {
        "scores": SCORES.to_html(),
        "styled": SCORES[["f1"]].style.format(precision=2, na_rep="").set_uuid("styled").set_caption("F1").to_html(),
        "levels": LEVELS.to_html(),
        "pairs": PAIRS.to_html(),
        "small": SCORES.head(3).to_html(),
    }
    cells = "".join(
        f'<div class="cell_output container" id="{name}"><div class="output text_html">{html}</div></div>'
        for name, html in tables.items()
    )
    links = "".join(f'<link rel="stylesheet" href="{name}">' for name in ("tables.css", "tables_sort.css"))
    own = SCORES.to_html().replace("<table", '<table id="prose"')
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>t</title>{links}<script src='tables.js'></script>"
        f"</head><body>{cells}{own}</body></html>"
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("tables")
    for name in ("tables.js", "tables.css", "tables_sort.css"):
        shutil.copy(STATIC / name, folder)
    (folder / "06_results.html").write_text(page_html(), "utf-8")
    return (folder / "06_results.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, "these tests need Chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, url):
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "blob:")) else complaints.append(r.url))
    page.goto(url)
    yield page
    context.close()
    assert not complaints


def column(page, table: str, number: int) -> list[str]:
    """Texts of one column as they stand on the page; column 0 is the index."""
    rows = page.locator(f"#{table} tbody tr")
    return rows.evaluate_all(f"rows => rows.map(row => row.cells[{number}].textContent.trim())")


def button(page, table: str, name: str):
    return page.locator(f"#{table} th").get_by_role("button", name=name, exact=True)


def test_clicks_sort_up_then_down_then_as_before(page):
    before = column(page, "scores", 0)
    header = button(page, "scores", "f1")
    header.click()
    assert column(page, "scores", 4) == ["0.00001", "0.41000", "0.50000", "0.58000", "NaN"]
    header.click()
    assert column(page, "scores", 4) == ["0.58000", "0.50000", "0.41000", "0.00001", "NaN"]  # unknown stays last
    header.click()
    assert column(page, "scores", 0) == before == SCORES.index.tolist()


def test_numbers_are_sorted_as_numbers_and_ties_keep_their_order(page):
    button(page, "scores", "rows").click()
    assert column(page, "scores", 2) == ["90", "90", "1,000", "1,200", "12,000"]
    assert column(page, "scores", 0)[:2] == ["AU02", "AU12"]
    button(page, "scores", "rows").click()
    assert column(page, "scores", 0)[-2:] == ["AU02", "AU12"]
    button(page, "scores", "share").click()
    assert column(page, "scores", 3) == ["\u22123 %", "< 0.1 %", "9 %", "12 %", "100 %"]


def test_words_are_sorted_without_case_and_with_their_numbers_in_order(page):
    button(page, "scores", "method").click()
    assert column(page, "scores", 1) == sorted(SCORES["method"], key=str.lower)
    button(page, "scores", "AU").click()
    assert column(page, "scores", 0) == ["AU1", "AU02", "AU04", "AU10", "AU12"]


def test_rows_stay_whole(page):
    button(page, "scores", "rows").click()
    for au, method in zip(column(page, "scores", 0), column(page, "scores", 1), strict=True):
        assert SCORES.loc[au, "method"] == method


def test_one_header_at_a_time_tells_screen_readers_how_the_table_is_sorted(page):
    button(page, "scores", "rows").click()
    button(page, "scores", "f1").click()
    told = page.locator("#scores [aria-sort]")
    assert told.count() == 1 and told.inner_text().startswith("f1")
    assert told.get_attribute("aria-sort") == "ascending" and told.evaluate("e => e.tagName") == "TH"
    button(page, "scores", "f1").click()
    assert told.get_attribute("aria-sort") == "descending"
    button(page, "scores", "f1").click()
    assert told.count() == 0


def test_the_keyboard_reaches_and_uses_the_headers_in_order(page):
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent"))
    assert names == ["method", "rows", "share", "f1", "AU"]  # pandas writes the index's name below the others
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert column(page, "scores", 4)[0] == "0.00001"
    page.keyboard.press("Space")
    assert column(page, "scores", 4)[0] == "0.58000"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_download_holds_the_table_as_shown_in_its_first_order(page):
    button(page, "scores", "rows").click()
    with page.expect_download() as caught:
        page.locator("#scores .table-download a").click()
    assert caught.value.suggested_filename == "06_results-table-1.csv"
    text = Path(caught.value.path()).read_bytes().decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["AU", "method", "rows", "share", "f1"]
    assert [row[:3] for row in rows[1:]] == [[au, *SCORES.loc[au, ["method", "rows"]]] for au in SCORES.index]
    pd.testing.assert_series_equal(pd.read_csv(io.StringIO(text), index_col="AU")["f1"], SCORES["f1"])


def test_a_styled_table_is_sorted_and_keeps_its_caption(page):
    button(page, "styled", "f1").click()
    assert column(page, "styled", 1) == ["0.00", "0.41", "0.50", "0.58", ""]
    assert page.locator("#styled caption").inner_text() == "F1"


def test_columns_of_two_levels_are_sorted_by_the_lower_and_saved_with_both(page):
    button(page, "levels", "auc").last.click()
    assert column(page, "levels", 4) == ["3", "7", "11", "15"]
    text = page.evaluate("fetch(document.querySelector('#levels .table-download a').href).then(r => r.text())")
    assert text.splitlines()[0] == ",stage 1 f1,stage 1 auc,stage 2 f1,stage 2 auc"


def test_rows_that_share_a_cell_are_not_sorted_but_saved_in_full(page):
    assert page.locator("#pairs button").count() == 0
    text = page.evaluate("fetch(document.querySelector('#pairs .table-download a').href).then(r => r.text())")
    assert text.splitlines()[1:] == ["a,1,4", "a,2,3", "b,1,2", "b,2,1"]


def test_small_tables_and_tables_of_the_text_are_left_alone(page):
    assert page.locator("#small button, #small a, #prose button").count() == 0
    assert page.locator(".table-download").count() == 4


def test_an_index_without_a_name_can_be_sorted_and_is_named_for_screen_readers(page):
    button(page, "levels", "row names").click()
    button(page, "levels", "row names").click()
    assert column(page, "levels", 0) == ["3", "2", "1", "0"]


def test_without_javascript_the_tables_are_there(browser, url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    assert page.locator("#scores tbody tr").count() == len(SCORES)
    assert page.locator("button").count() == 0
    context.close()


def test_nothing_widens_a_phones_page_and_links_can_be_tapped(browser, url):
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(url)
    page.evaluate("document.querySelector('#prose').remove()")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    heights = page.locator(".sort-column").evaluate_all("all => all.map(b => b.getBoundingClientRect().height)")
    assert min(heights) >= 24 - 0.01
    context.close()


def test_print_shows_neither_arrows_nor_links(page):
    page.emulate_media(media="print")
    assert not page.locator(".table-download").first.is_visible()
    content = "getComputedStyle(document.querySelector('#scores .sort-column'), '::after').display"
    assert page.evaluate(content) == "none"
