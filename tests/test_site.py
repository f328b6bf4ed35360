"""The rendered book, as a browser sees it and as its files lie in _build/html.

`make test` renders the book first. Nothing here changes it.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import pages
import pytest
from book_site import chapter_number
from bookdata import read_book
from site_pages import (
    CHAPTERS,
    DESKTOP,
    OTHER_PAGES,
    PAGES,
    PHONE,
    TOC,
    hidden_beginnings,
    hold_accessible,
    overflow,
    own_images,
    parsed,
    rendered,
    resize,
    typeset,
    unreachable,
)

# The files


def test_the_computed_parts_are_those_of_the_present_data():
    assert pages.write_parts(read_book(), check=True) == [], "run `make book` first"


@pytest.mark.parametrize("page", PAGES + OTHER_PAGES)
def test_internal_links_and_anchors_lead_somewhere(page):
    path = rendered(page)
    dead = []
    for target in parsed(path).targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or target in ("#", "#!"):
            continue
        there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        anchor = unquote(parts.fragment)
        if not there.is_file() or (
            anchor and there.suffix == ".html" and anchor not in parsed(there).anchors
        ):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES)
def test_every_image_has_a_description(page):
    images = parsed(rendered(page)).images
    assert [image["src"] for image in images if not (image.get("alt") or "").strip()] == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_shows_its_number_once_and_its_figures(page):
    path = rendered(page)
    number = chapter_number(page)  # a study has none
    headings = re.findall(r"<h[1-6]>.*?</h[1-6]>", path.read_text("utf-8"))
    numbers = re.findall(r'<span class="section-number">(.*?)</span>', "".join(headings))
    assert numbers == ([] if number is None else [f"{number}. "])
    drawn = 'class="drawing' in path.read_text("utf-8")
    assert own_images(path) or drawn, "a chapter without a figure"


def test_no_script_of_thebe_is_loaded():
    assert not [
        target for page in PAGES for target in parsed(rendered(page)).targets if "thebe" in target
    ]


# The browser

# The images that cannot be had, those too that would come only when a reader is near.
BROKEN = """async () => {
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
    return [...document.images].filter(image => !image.naturalWidth).map(image => image.src);
}"""


# What a page costs a reader on a slow line is held as bytes and requests, which are the same on
# every machine, not as times. On a line of 1.6 Mbit/s and 150 ms, 120 kB before the first paint
# take 0.6 s and three round trips 0.45 s, and 600 kB take 3 s.
WHOLE_PAGE = 600_000  # bytes sent, headers too, until everything on a page has been seen
FIRST_PAINT = 120_000  # bytes of the page and of what blocks it
BLOCKING = """() => performance.getEntriesByType("resource")
    .filter(entry => entry.renderBlockingStatus === "blocking")
    .map(entry => [new URL(entry.name).pathname, entry.encodedBodySize])"""


def hold_light(seen, name, blocking):
    """Fail if a page that has been seen whole was heavy."""
    assert [path for path, _ in blocking] == ["/_static/site.css"]
    page = seen.bytes_of(f"/{name}.html")
    assert 0 < page + blocking[0][1] < FIRST_PAINT
    assert page < seen.bytes_of() < WHOLE_PAGE, seen.sizes


@pytest.fixture(scope="module")
def known() -> Counter:
    """Return the places of texts that had contrast on one of the pages."""
    return Counter()


@pytest.mark.parametrize("name", PAGES + OTHER_PAGES)
def test_page_in_the_browser(name, walk, known):
    """All that is asked of each page is asked in one visit: to open it is what takes time."""
    seen = walk(f"{name}.html", size=PHONE)
    blocking = seen.page.evaluate(BLOCKING)
    typeset(seen.page)
    assert seen.outside == [], "requests to other hosts"
    assert seen.errors == []
    assert seen.page.evaluate(BROKEN) == []
    assert overflow(seen.page) == []
    assert hidden_beginnings(seen.page) == []
    assert unreachable(seen.page) == []
    resize(seen.page, DESKTOP)
    seen.page.wait_for_load_state("networkidle")
    hold_light(seen, name, blocking)
    hold_accessible(seen.page, known)
    assert (seen.outside, seen.errors) == ([], [])


@pytest.mark.parametrize("name", [CHAPTERS[-1], "book/about_build", "book/errata"])
def test_dark_mode_keeps_its_contrast(name, visit):
    seen = visit(f"{name}.html", dark=True)
    typeset(seen.page)
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    hold_accessible(seen.page)


@pytest.mark.parametrize("pale", ["style='color: #bbb'", "class='pale'"])
def test_a_pale_text_among_many_that_are_alike_is_found(pale, visit):
    page = visit("404.html").page
    texts = "<p>dark</p>" * 6 + f"<p {pale}>pale</p>" + "<p>dark</p>" * 6
    page.evaluate(
        """texts => { document.querySelector('article').innerHTML +=
            '<style>.pale { color: #bbb; }</style>' + texts; }""",
        texts,
    )
    with pytest.raises(AssertionError, match=r"color-contrast: .*pale</p>"):
        hold_accessible(page)


def test_a_box_that_scrolls_and_that_no_key_reaches_is_found(visit):
    page = visit("404.html").page
    box = "<div id='box' style='overflow-x: auto; width: 50px'>%s</div>"
    for inner, found in (("m" * 99, 1), ("<a href='#'>" + "m" * 99 + "</a>", 0)):
        page.evaluate("box => { document.querySelector('article').innerHTML = box; }", box % inner)
        assert len(unreachable(page)) == found
    page.evaluate("document.querySelector('#box').innerHTML = 'm'")
    assert unreachable(page) == []
    page.evaluate("box => { document.querySelector('article').innerHTML = box; }", box % ("m" * 99))
    page.evaluate("document.querySelector('#box').tabIndex = 0")
    assert unreachable(page) == []


def test_the_theme_switch_turns_the_page_dark(visit):
    page = visit(f"{TOC['root']}.html").page
    brightness = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(brightness) == "rgb(255, 255, 255)"
    for _ in range(3):  # automatic, light, dark
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        page.locator(".theme-switch-button:visible").first.click()
    red, green, blue = map(int, re.findall(r"\d+", page.evaluate(brightness))[:3])
    assert max(red, green, blue) < 60


def test_search_finds_a_term_of_the_glossary(visit):
    page = visit("search.html?q=perplexity").page
    page.wait_for_selector("#search-results li a")
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert any("book/glossary.html" in link for link in links)


@pytest.mark.parametrize(
    "kind", [".bd-article details:not([class])", "details.hide"], ids=["text", "code"]
)
def test_a_hidden_solution_opens(kind, visit):
    opening = "<details>" if "not" in kind else '<details class="admonition hide'
    name = next((page for page in CHAPTERS if opening in rendered(page).read_text("utf-8")), None)
    assert name, f"no chapter has a hidden solution of the kind {kind}"
    page = visit(f"{name}.html").page
    typeset(page)  # formulas that come late would move what is clicked
    solution = page.locator(kind).first
    assert not solution.evaluate("e => e.open")
    solution.locator("> summary").click()
    assert solution.evaluate("e => e.open")
    assert solution.locator(":scope > :not(summary)").first.is_visible()
