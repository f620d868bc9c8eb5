"""The page of `physsim report` in headless Chromium, without a network."""

import re

import pytest

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

    def call(width=1280, **options):
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
        page.goto((simulated / "report.html").as_uri())
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
