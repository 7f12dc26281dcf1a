"""Every page keeps WCAG 2.1, levels A and AA, as far as a machine can tell: axe-core finds nothing, light or dark."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from browsing import PAGES

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
#: All rules of the two levels, and one that axe counts to them but runs on request only. Nothing is left out. Style
#: sheets are not fetched once more ("preload"), which browsers refuse for files; `test_the_page_turns...` stands in.
RUN = """axe.run(document, {
  preload: false,
  resultTypes: ["violations"],
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
  rules: {"label-content-name-mismatch": {enabled: true}},
}).then(({violations}) => violations.flatMap(({id, nodes}) => nodes.map((node) =>
  `${id}: ${node.html.slice(0, 160)} | ${node.failureSummary.replace(/\\s+/g, " ").slice(0, 200)}`)))"""
#: Open all that is folded and check every quiz, so that what readers can unfold is looked at too. Of coloured words in
#: code one of each kind is kept: words of a kind have one style, and thousands of them take most of the time.
UNFOLD = """() => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  document.querySelectorAll(".toggle-hidden").forEach((part) => part.classList.remove("toggle-hidden"));
  document.querySelectorAll(".quiz-question").forEach((question) => {
    question.querySelector("input").checked = true;
    question.querySelector(".quiz-check").click();
  });
  const seen = new Set();
  document.querySelectorAll(".highlight pre span").forEach((word) => {
    if (seen.has(word.className)) word.remove();
    seen.add(word.className);
  });
}"""


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(120_000)  # a busy machine is no fault of a page
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_a_page_has_no_fault_that_axe_can_find(html, tab, page):
    tab.emulate_media(color_scheme="light")
    tab.goto((html / f"{page}.html").as_uri(), wait_until="load")
    tab.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # look at the end state
    tab.evaluate(AXE)
    tab.evaluate(UNFOLD)
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"
    assert tab.evaluate(RUN) == []
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert tab.evaluate(RUN) == []


def test_axe_would_find_faults(tab):
    """A page with four planted faults, so that an empty list above means something."""
    tab.set_content(
        "<html lang='en' data-theme='light'><title>t</title><img src='data:,'><input type='text'>"
        "<p style='color: #999; background: #fff'>pale</p><button aria-label='Close'>Open</button></html>"
    )
    tab.evaluate(AXE)
    found = {line.split(":")[0] for line in tab.evaluate(RUN)}
    assert {"image-alt", "label", "color-contrast", "label-content-name-mismatch"} <= found


def test_the_page_turns_with_the_phone(html):
    """No style sheet rotates the page back in one orientation (axe's css-orientation-lock needs a server)."""
    for sheet in html.glob("_static/**/*.css"):
        text = sheet.read_text("utf-8")
        assert "orientation:" not in text.replace(" ", "") or "rotate" not in text, sheet


@pytest.mark.parametrize("page", ["book/index", "notebooks/04_metrics_and_loss"])
def test_the_first_press_of_tab_offers_to_skip_the_navigation(html, tab, page):
    tab.goto((html / f"{page}.html").as_uri(), wait_until="load")
    tab.keyboard.press("Tab")
    assert "skip" in tab.evaluate("document.activeElement.textContent").lower()
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#main-content"


@pytest.mark.parametrize("page", PAGES)
def test_headings_step_down_one_level_at_a_time(html, tab, page):
    tab.goto((html / f"{page}.html").as_uri(), wait_until="load")
    levels = tab.evaluate("[...document.querySelectorAll('article :is(h1,h2,h3,h4,h5,h6)')].map((h) => +h.tagName[1])")
    assert levels[0] == 1 and all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
