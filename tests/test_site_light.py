"""What a page costs a reader on a slow line: bytes as they are sent, and what blocks the paint.

Held as bytes and requests, which are the same on every machine, not as times. On a line of
1.6 Mbit/s and 150 ms, 120 kB before the first paint take 0.6 s and three round trips 0.45 s, and
600 kB take 3 s.
"""

from __future__ import annotations

import pytest
import site_icons
from site_pages import CHAPTERS, HTML, PAGES, PHONE, TOC, rendered, typeset

WHOLE_PAGE = 600_000  # bytes sent, headers too, until everything on a page has been seen
FIRST_PAINT = 120_000  # bytes of the page and of what blocks it
BLOCKING = """() => performance.getEntriesByType("resource")
    .filter(entry => entry.renderBlockingStatus === "blocking")
    .map(entry => [new URL(entry.name).pathname, entry.encodedBodySize])"""
EAGER = "() => document.querySelectorAll('img').forEach(image => image.loading = 'eager')"
WEIGHED = [TOC["root"], *CHAPTERS, "book/scoreboard", "book/api", "search"]


@pytest.mark.parametrize("name", WEIGHED)
def test_a_page_is_light(name, visit):
    seen = visit("404.html", size=PHONE)
    session = seen.page.context.new_cdp_session(seen.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sent, sizes = {}, {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: sent.update({event["requestId"]: event["request"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.update({sent.get(event["requestId"]): event["encodedDataLength"]}),
    )
    seen.page.goto(seen.page.url.replace("404", name), wait_until="load")
    blocking = seen.page.evaluate(BLOCKING)
    typeset(seen.page)
    seen.page.evaluate(EAGER)
    seen.page.wait_for_load_state("networkidle")
    assert [path for path, _ in blocking] == ["/_static/site.css"]
    page = next(size for url, size in sizes.items() if url and url.endswith(f"{name}.html"))
    assert 0 < page + blocking[0][1] < FIRST_PAINT
    total = sum(sizes.values())
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    assert page < total < WHOLE_PAGE, largest


@pytest.mark.parametrize("name", [*PAGES, "404"])
def test_a_page_names_one_style_and_deferred_scripts(name):
    text = rendered(name).read_text("utf-8")
    head = text[: text.index("</head>")]
    assert head.count('rel="stylesheet"') == 1
    assert "fontawesome" not in text
    scripts = [part.split(">")[0] for part in text.split("<script")[1:]]
    assert [script for script in scripts if "src=" in script and "defer" not in script] == []


def test_every_icon_of_the_pages_is_drawn():
    """The theme's markup names icons by class; what is not drawn would be an empty square."""
    used = set()
    for path in HTML.rglob("*.html"):
        for part in path.read_text("utf-8").split('class="fa')[1:]:
            used |= {word[3:] for word in part.split('"')[0].split() if word.startswith("fa-")}
    assert "bars" in used
    assert used - {"solid", "brands", "regular", "lg", "fw"} <= site_icons.names()


def test_images_come_late_and_keep_their_place(visit):
    page = visit(f"{CHAPTERS[0]}.html", size=PHONE).page
    images = page.eval_on_selector_all(
        ".bd-article img", "all => all.map(i => [i.loading, i.width > 0 && i.height > 0])"
    )
    assert images
    assert all(image == ["lazy", True] for image in images)


def test_formulas_are_typeset_when_a_reader_comes_near(visit):
    name = next(page for page in CHAPTERS if "data-mathjax" in rendered(page).read_text("utf-8"))
    page = visit(f"{name}.html").page
    page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
    page.evaluate("MathJax.startup.promise.then(() => true)")
    assert page.locator("mjx-lazy").count() > 0
    typeset(page)
    assert page.locator("mjx-lazy").count() == 0
    assert page.locator("mjx-container").count() > 10
    assert page.locator("mjx-container mjx-assistive-mml").count() > 10  # for screen readers


def test_a_page_without_formulas_loads_no_mathjax(visit):
    seen = visit("book/about_build.html")
    assert "data-mathjax" not in seen.page.content()
