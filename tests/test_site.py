"""The rendered book, as a browser sees it and as its files lie in _build/html.

`make test` renders the book first. Nothing here changes it. The tests that need a browser are
skipped where no Chromium is installed; REQUIRE_CHROMIUM=1 makes that a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pages
import pytest
import yaml
from book_site import chapter_number
from bookdata import read_book

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), ""
)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No other name can be looked up, whatever a page or the browser itself may ask for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CHAPTER_LIMIT = 600_000  # bytes of a chapter's own page and figures, the mean over the chapters
SHARED_LIMIT = 6_000_000  # bytes of scripts, styles and fonts, which a browser loads once

# What axe-core finds in the theme's own markup, on every page, and no page of ours can change:
# rule, the element's selector (a part of it), and why it may stand.
THEME_ISSUES: list[tuple[str, str, str]] = [
    ("region", ".sidebar-primary-item:nth-child(1)", "the site's name is outside any landmark"),
]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]  # and pages of studies
OTHER_PAGES = ["search", "genindex"]


class Page(HTMLParser):
    """The links, anchors and images of one rendered page."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "img":
            self.images.append(attributes)
        for name in ("href", "src"):
            if attributes.get(name):
                self.targets.append(attributes[name])


@cache
def parsed(path: Path) -> Page:
    return Page(path)


def rendered(page: str) -> Path:
    path = HTML / f"{page}.html"
    if not path.is_file():
        pytest.fail(f"{path.relative_to(ROOT)} is missing: run `make book` first")
    return path


def own_images(path: Path) -> list[dict[str, str | None]]:
    """The images of a page that come from the book, not from the theme."""
    return [image for image in parsed(path).images if "_static/" not in (image["src"] or "")]


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
    assert own_images(path), "a chapter without a figure"


def test_no_script_of_thebe_is_loaded():
    assert not [
        target for page in PAGES for target in parsed(rendered(page)).targets if "thebe" in target
    ]


def test_chapters_offer_colab_at_the_books_address():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    address = config["repository"]["url"].removeprefix("https://github.com/")
    for page in CHAPTERS:
        expected = f"https://colab.research.google.com/github/{address}/blob/main/{page}.ipynb"
        assert expected in parsed(rendered(page)).targets


def test_styles_and_scripts_are_those_of_the_checkout():
    """Sphinx copies them only where a page is out of date."""
    for file in (ROOT / "book" / "_static").glob("book.*"):
        assert (rendered("index").parent / "_static" / file.name).read_bytes() == file.read_bytes()


def test_a_chapter_is_light():
    """Page and figures, uncompressed; scripts, styles and fonts are shared by all pages."""
    weights = {}
    for page in CHAPTERS:
        path = rendered(page)
        files = {(path.parent / unquote(image["src"])).resolve() for image in own_images(path)}
        weights[page] = path.stat().st_size + sum(file.stat().st_size for file in files)
    assert sum(weights.values()) / len(weights) < CHAPTER_LIMIT, weights


# The browser


@dataclass
class Visit:
    """A page in the browser, and everything that went wrong while it loaded."""

    page: object
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


class QuietHandler(SimpleHTTPRequestHandler):
    def __init__(self, *args):
        super().__init__(*args, directory=str(HTML))

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    rendered(TOC["root"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        reason = "no Chromium here (chromium, chromium-browser, google-chrome)"
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail(f"REQUIRE_CHROMIUM=1, but {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Open a page by name; close it after the test."""
    contexts = []

    def open_page(name: str, dark: bool = False) -> Visit:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport=DESKTOP, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        seen = Visit(context.new_page())

        def guard(route):
            if route.request.url.startswith(address):
                route.continue_()
            else:
                seen.outside.append(route.request.url)
                route.abort()

        def said(message):
            if message.type == "error":
                seen.errors.append(message.text)

        context.route("**/*", guard)
        seen.page.on("console", said)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on("requestfailed", lambda request: seen.errors.append(request.url))
        seen.page.goto(address + name, wait_until="load")
        return seen

    yield open_page
    for context in contexts:
        context.close()


def typeset(page) -> None:
    """Wait until the formulas of a page stand."""
    page.wait_for_function("!window.MathJax || MathJax.startup?.promise !== undefined")
    page.evaluate("window.MathJax?.startup?.promise")


def resize(page, size: dict[str, int]) -> None:
    """Change the window, and wait for the theme, which answers after 0.3 s."""
    page.set_viewport_size(size)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 400)))")


def overflow(page) -> list[str]:
    """Return the elements that stick out to the right, unless a box around them scrolls."""
    return page.evaluate(
        """() => {
            const limit = document.documentElement.clientWidth + 1;
            if (document.documentElement.scrollWidth <= limit) return [];
            return [...document.querySelectorAll('main *')]
                .filter(e => e.getBoundingClientRect().right > limit)
                .slice(0, 5).map(e => e.outerHTML.slice(0, 120));
        }"""
    ) or (
        ["the page"]
        if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
        else []
    )


def hidden_beginnings(page) -> list[str]:
    """Return the boxes that scroll and do not show the beginning of what is in them."""
    return page.evaluate(
        """() => {
            const left = e => e.getBoundingClientRect().left;
            return [...document.querySelectorAll("div.math, .pst-scrollable-table-container")]
                .filter(box => [...box.children].some(part => left(part) < left(box) - 1))
                .map(box => box.outerHTML.slice(0, 120));
        }"""
    )


# axe takes its time over each element. Of what is alike, some is enough: five rows of a table,
# three words of each colour in code.
THIN_OUT = """() => {
    document.querySelectorAll('tr:nth-child(n+6)').forEach(row => row.remove());
    const seen = {};
    for (const word of document.querySelectorAll('pre span')) {
        seen[word.className] = (seen[word.className] ?? 0) + 1;
        if (seen[word.className] > 3) word.replaceWith(...word.childNodes);
    }
}"""


def hold_accessible(page, *rules: str) -> None:
    """Fail with what axe-core finds, by all its rules or by some, beyond the theme's own issues."""
    from axe_playwright_python.sync_playwright import Axe

    if not rules:
        page.evaluate(THIN_OUT)
    # Formulas are MathJax's. So is a table heading that consists of one: its words for screen
    # readers are MathML, which axe does not read.
    context = {"exclude": [["mjx-container"], ["th:has(mjx-container)"]]}
    options = {"preload": False, **({"runOnly": list(rules)} if rules else {})}
    found = []
    for rule in Axe().run(page, context=context, options=options).response["violations"]:
        for node in rule["nodes"]:
            target = " ".join(map(str, node["target"]))
            if not any(rule["id"] == name and part in target for name, part, _ in THEME_ISSUES):
                found.append(f"{rule['id']}: {target}: {node['html'][:160]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PAGES + OTHER_PAGES)
def test_page_in_the_browser(name, visit):
    seen = visit(f"{name}.html")
    typeset(seen.page)
    assert seen.outside == [], "requests to other hosts"
    assert seen.errors == []
    broken = "() => [...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
    assert seen.page.evaluate(broken) == []
    resize(seen.page, PHONE)
    assert overflow(seen.page) == []
    assert hidden_beginnings(seen.page) == []
    hold_accessible(seen.page, "scrollable-region-focusable")
    resize(seen.page, DESKTOP)
    hold_accessible(seen.page)
    assert (seen.outside, seen.errors) == ([], [])


def test_what_all_pages_share_stays_bounded(visit):
    """Bytes before compression, of everything that a chapter loads but its page and figures."""
    page = visit(f"{CHAPTERS[0]}.html").page
    typeset(page)
    sizes = page.evaluate(
        """() => Object.fromEntries(performance.getEntriesByType("resource")
            .filter(entry => !entry.name.includes("/_images/"))
            .map(entry => [entry.name.split("/").at(-1), entry.decodedBodySize]))"""
    )
    print(f"shared by all pages: {sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} files")
    assert 0 < sum(sizes.values()) < SHARED_LIMIT, sizes


@pytest.mark.parametrize("name", [CHAPTERS[-1], "book/about_build", "book/errata"])
def test_dark_mode_keeps_its_contrast(name, visit):
    seen = visit(f"{name}.html", dark=True)
    typeset(seen.page)
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    hold_accessible(seen.page)


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


@pytest.mark.parametrize("kind", ["details:not([class])", "details.hide"], ids=["text", "code"])
def test_a_hidden_solution_opens(kind, visit):
    opening = "<details>" if "not" in kind else '<details class="admonition hide'
    name = next((page for page in CHAPTERS if opening in rendered(page).read_text("utf-8")), None)
    assert name, f"no chapter has a hidden solution of the kind {kind}"
    solution = visit(f"{name}.html").page.locator(kind).first
    assert not solution.evaluate("e => e.open")
    solution.locator("> summary").click()
    assert solution.evaluate("e => e.open")
    assert solution.locator(":scope > :not(summary)").first.is_visible()
