"""What makes a page cheap for a reader on a slow line; its bytes are held in test_site.py."""

from __future__ import annotations

import pytest
import site_icons
from site_pages import CHAPTERS, HTML, PAGES, PHONE, rendered, typeset


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
