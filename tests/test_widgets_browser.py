"""Explorers in a page without a kernel, opened from disk in a real browser: mouse, touch, keyboard, paper."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

from aulib import notebooks, widgets

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STATIC = notebooks.root() / "book" / "_static"
SHOWN = ("accuracy", "threshold", "mask", "accuracy")
PAGE = """<!DOCTYPE html><html lang="en"{attributes}><head><meta charset="utf-8"><title>Explorers</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="explorers.css"><script src="explorers.js"></script>
<style>html[data-theme="dark"] {{ background: #121212; color: #ced6dd }}</style></head>
<body><main>{body}</main></body></html>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name in ("explorers.css", "explorers.js"):
        shutil.copy(STATIC / name, folder / name)
    body = "".join(widgets.show(name).static() for name in SHOWN)
    (folder / "light.html").write_text(PAGE.format(attributes="", body=body), "utf-8")
    (folder / "dark.html").write_text(PAGE.format(attributes=' data-theme="dark"', body=body), "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, "these tests need Chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, folder):
    """Open a page; at the end nothing may have been asked of another host or complained of."""
    contexts, requests, complaints = [], [], []

    def opened(name="light", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / f"{name}.html").as_uri(), wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert requests and not [url for url in requests if not url.startswith(("file:", "data:"))]
    assert not complaints


def frame(page, place=0):
    return page.locator(".aulib-explorer").nth(place).locator(".aulib-frame:visible")


def alt(page, place=0):
    assert frame(page, place).count() == 1, "one frame is seen"
    return frame(page, place).locator("[role=img]").get_attribute("aria-label")


def message(page, place=0):
    return page.locator(".aulib-explorer").nth(place).locator(".aulib-message").inner_text()


def test_the_arrow_keys_move_a_slider_and_the_frame_follows(visit):
    page, explorer = visit(), widgets.accuracy()
    slider = page.get_by_label("Prevalence").first
    assert alt(page) == explorer.frame().alt and slider.get_attribute("aria-valuetext") == "10%"
    slider.focus()
    page.keyboard.press("ArrowRight")
    expected = explorer.frame(prevalence=0.2)
    assert (alt(page), message(page)) == (expected.alt, expected.message)
    assert slider.get_attribute("aria-valuetext") == "20%"
    assert page.locator("output").first.inner_text() == "20%"
    page.keyboard.press("Home")
    assert alt(page) == explorer.frame(prevalence=0.01).alt


def test_all_settings_together_choose_the_frame(visit):
    page, explorer = visit(), widgets.threshold()
    for au in explorer.settings[0].grid:
        page.get_by_label("Action unit", exact=True).select_option(au)
        page.get_by_label("Threshold", exact=True).fill("1")
        assert alt(page, 1) == explorer.frame(au=au, threshold=0.1).alt


def test_radio_buttons_are_reached_by_the_tabulator_and_moved_by_arrows(visit):
    page, explorer = visit(), widgets.mask()
    page.get_by_label("Labels hidden").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert alt(page, 2) == explorer.frame(rule="negative").alt
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert alt(page, 2) == explorer.frame(rule="negative", view="loss").alt


def test_the_mouse_works(visit):
    page, explorer = visit(), widgets.mask()
    page.get_by_text("complete rows only").click()
    assert alt(page, 2) == explorer.frame(rule="complete").alt
    slider = page.get_by_label("Labels hidden")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert alt(page, 2) == explorer.frame(rule="complete", hidden=12).alt


def test_a_finger_works_and_finds_room(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    explorer = widgets.accuracy()
    slider = page.get_by_label("Prevalence").first
    box = slider.bounding_box()
    assert box["height"] >= 40
    page.touchscreen.tap(box["x"] + 4, box["y"] + box["height"] / 2)
    assert alt(page) == explorer.frame(prevalence=0.01).alt
    page.get_by_text("soft F1 loss").tap()
    assert alt(page, 2) == widgets.mask().frame(view="loss").alt


def test_two_copies_of_one_explorer_do_not_disturb_each_other(visit):
    page, explorer = visit(), widgets.accuracy()
    page.get_by_label("Prevalence").last.press("End")
    assert alt(page, 3) == explorer.frame(prevalence=0.5).alt and alt(page, 0) == explorer.frame().alt


def test_choices_that_the_browser_kept_are_shown(visit):
    page = visit()
    page.get_by_label("Prevalence").first.press("End")
    page.reload()
    kept = page.get_by_label("Prevalence").first.input_value()
    settings = widgets.accuracy().settings[0].grid
    assert alt(page) == widgets.accuracy().frame(prevalence=settings[int(kept)]).alt


def test_without_a_script_it_is_a_figure_that_says_how_to_get_more(visit):
    page = visit(java_script_enabled=False)
    assert [alt(page, place) for place in range(len(SHOWN))] == [widgets.show(name).frame().alt for name in SHOWN]
    assert page.locator(".aulib-controls:visible").count() == 0
    assert page.get_by_text("open the notebook in Colab or Jupyter").first.is_visible()


def test_on_paper_there_is_the_chosen_frame_and_no_control(visit):
    page = visit()
    page.get_by_label("Prevalence").first.press("End")
    page.emulate_media(media="print")
    assert alt(page) == widgets.accuracy().frame(prevalence=0.5).alt
    assert page.locator(".aulib-controls:visible").count() == 0
    assert page.locator(".aulib-message:visible").count() == len(SHOWN)


def test_a_changed_sentence_is_announced_once(visit):
    page = visit()
    live = page.locator(".aulib-explorer").first.locator("[aria-live=polite]")
    assert live.count() == 1 and live.inner_text() == message(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_the_width_and_can_be_read_on_either_ground(visit, width, theme):
    page = visit(theme, viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    ground = "rgb(255, 255, 255)" if ground == "rgba(0, 0, 0, 0)" else ground
    style = "shapes => shapes.map(e => getComputedStyle(e)).map(s => s.fill !== 'none' ? s.fill : s.stroke)"
    words = set(page.eval_on_selector_all("svg text", style))
    inks = set(page.eval_on_selector_all(".aulib-frame:not([hidden]) svg path", style))
    assert all(contrast(word, ground) >= 4.5 for word in words)
    assert sum(contrast(ink, ground) >= 3 for ink in inks) >= 4, inks


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1 of two colours as ``rgb(1, 2, 3)``."""
    bright, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
