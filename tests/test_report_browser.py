"""The page of `physsim report` in headless Chromium, without a network."""

import re

import numpy as np
import pytest

from physsim.cli._curves import Axis, Curves, Trace
from physsim.cli._page import Plot, Section, render
from physsim.cli._task import METHODS

from .chromium import browser
from .report_runs import simulated

__all__ = ["simulated"]


@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture
def visit(chromium, simulated):
    """Opens the page; afterwards nothing may have failed."""
    problems, contexts = [], []

    def call(width=1280, place=simulated / "report.html", **options):
        contexts.append(
            chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda r: problems.append(r.url) if r.url.startswith("http") else None)
        page.goto(place.as_uri())
        page.wait_for_function("document.querySelectorAll('.axes .xtick').length > 10")
        return page

    yield call
    for context in contexts:
        context.close()
    assert problems == []


def axis(page, plot=0, name="xaxis"):
    code = "([k, name]) => document.querySelectorAll('.axes')[k].layout[name].range"
    return page.evaluate(code, [plot, name])


def settled(page, plot, expected):
    """Wait until a plot shows that part of its x axis."""
    page.wait_for_function(
        """([k, [low, high]]) => {
            const shown = document.querySelectorAll(".axes")[k].layout.xaxis.range;
            return Math.abs(shown[0] - low) + Math.abs(shown[1] - high) < 1e-6 * (high - low);
        }""",
        arg=[plot, expected],
    )


def brightness(page):
    """Of a plot's text and of the page, from 0 to 3 times 255."""
    text = page.locator(".axes .xtick text").first.evaluate("x => getComputedStyle(x).fill")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return tuple(sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (text, paper))


def drag(page, start, end):
    """Drag over the first plot, in parts of its width."""
    page.locator(".axes .nsewdrag").first.scroll_into_view_if_needed()
    box = page.locator(".axes .nsewdrag").first.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    page.mouse.up()


def test_opens_without_errors_and_draws_every_plot(visit):
    page = visit()
    assert page.title() == "Simulation, tank.cir"
    code = "[...document.querySelectorAll('.axes')].map(x => x.querySelectorAll('.js-line').length)"
    assert page.evaluate(code) == [2, 1, 1, 2]
    assert page.locator("math").first.bounding_box()["height"] > 10


def test_zoom_follows_in_time_and_reset_restores(visit):
    page = visit()
    before = axis(page)
    assert before == pytest.approx([0, 5e-7])
    drag(page, 0.25, 0.5)
    page.wait_for_function("document.querySelector('.axes').layout.xaxis.range[0] > 1e-8")
    zoomed = axis(page)
    assert zoomed == pytest.approx([1.25e-7, 2.5e-7], rel=0.05)
    settled(page, 1, zoomed)
    page.get_by_role("button", name="Reset").first.click()
    settled(page, 0, before)
    settled(page, 1, before)
    page.get_by_role("button", name="+").first.click()
    settled(page, 0, [1.25e-7, 3.75e-7])
    page.locator(".axes .nsewdrag").first.dblclick()
    settled(page, 0, before)


def test_curves_are_hidden_and_shown(visit):
    page = visit()
    lines = page.locator(".axes").first.locator(".js-line")
    assert lines.count() == 2
    toggle = page.locator(".traces").first.get_by_role("button", name="v(<b>)")
    for shown in (False, True):
        toggle.click()
        assert toggle.get_attribute("aria-pressed") == str(shown).lower()
        page.wait_for_function(
            "n => document.querySelector('.axes').querySelectorAll('.js-line').length === n",
            arg=1 + shown,
        )


def test_a_hint_says_what_a_click_on_a_name_does(visit):
    page = visit()
    traces = page.locator(".traces")
    several = [k for k in range(traces.count()) if traces.nth(k).locator("button").count() > 1]
    hints = page.locator(".traces .hint")
    assert 0 < hints.count() == len(several) < traces.count()
    assert hints.first.inner_text() == "a click on a name shows or hides its curve"


@pytest.mark.parametrize("width", [1280, 390])
def test_words_in_tiles_are_not_broken(visit, width):
    page = visit(width)
    tile = page.locator(".figures dd").first
    line = tile.evaluate("(x) => { x.textContent = 'x'; return x.offsetHeight; }")
    for method in METHODS:
        code = "(x, text) => { x.textContent = text; return x.offsetHeight; }"
        assert tile.evaluate(code, method) == line, method


def test_the_legend_of_a_broad_curve_looks_like_it(visit, tmp_path):
    x = np.arange(9.0)
    traces = (Trace("target", x, x, "broad"), Trace("after", x, 2 * x, shown=False))
    plot = Plot(Curves("learned", Axis("time", "s"), Axis("voltage", "V"), traces))
    place = tmp_path / "page.html"
    place.write_text(render("a page", [], [Section("Training", [plot] * 3)]), encoding="utf-8")
    page = visit(place=place)
    style = "getComputedStyle(x, '::before')"
    look = f"(x) => [{style}.borderTopWidth, {style}.opacity]"
    names = page.locator(".traces").first.get_by_role("button")
    assert names.nth(0).evaluate(look) == ["5px", "0.35"]
    assert names.nth(1).evaluate(look) == ["3px", "0.3"]
    names.nth(1).click()
    assert names.nth(1).evaluate(look) == ["3px", "1"]
    assert page.locator(".hint").first.inner_text().endswith("some start hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_and_takes_its_colours(visit, scheme):
    page = visit(390, color_scheme=scheme, has_touch=True, is_mobile=True)
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window == 390
    ink, paper = brightness(page)
    assert (ink < paper) == (scheme == "light") and abs(ink - paper) > 400
    # A finger scrolls; it zooms only where asked to.
    assert page.evaluate("document.querySelector('.axes').layout.dragmode") is False


def test_prints_plots_on_the_width_of_paper_in_black_on_white(visit):
    page = visit(1280, color_scheme="dark")
    wide = page.locator(".axes svg").first.bounding_box()["width"]
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".axes svg").first.bounding_box()["width"] == 670 < wide
    assert brightness(page) == (0, 3 * 255)
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".axes svg").first.bounding_box()["width"] == wide
    ink, paper = brightness(page)
    assert ink > paper
    pdf = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1
    # Vectors, not pictures of plots: drawing operators that are not there without, and no image.
    assert not re.search(rb"/Subtype\s*/Image\b", pdf)
    page.evaluate("document.querySelectorAll('.axes').forEach(plot => plot.remove())")
    assert len(pdf) > len(page.pdf(format="A4")) + 5_000
