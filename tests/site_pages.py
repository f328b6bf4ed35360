"""The rendered book for its tests: its pages, a server that compresses, and a browser.

A test that needs the browser is skipped where no Chromium is installed; REQUIRE_CHROMIUM=1 makes
that a failure.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

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
COMPRESSED = {".html", ".css", ".js", ".svg", ".xml"}
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# What axe-core finds in the theme's own markup, on every page, and no page of ours can change:
# rule, the element's selector (a part of it), and why it may stand.
THEME_ISSUES: list[tuple[str, str, str]] = [
    ("region", ".sidebar-primary-item:nth-child(1)", "the site's name is outside any landmark"),
]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
ROOMS = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in (ROOT / "book" / "_generated" / "api").glob("*.md")
)
PAGES = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
PAGES += ROOMS
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]
OTHER_PAGES = ["search", "genindex", "404"]


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


# The browser


@dataclass
class Visit:
    """A page in the browser, and everything that went wrong while it loaded."""

    page: object
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)  # address by request
    sizes: dict[str, int] = field(default_factory=dict)  # bytes by request, with its headers

    def bytes_of(self, ending: str = "") -> int:
        """Return the bytes that came from addresses with an ending."""
        return sum(size for at, size in self.sizes.items() if self.sent[at].endswith(ending))

    def weigh(self) -> Callable[[], None]:
        """Note the bytes of all that comes, until the function that is returned is called."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on(
            "Network.requestWillBeSent",
            lambda event: self.sent.update({event["requestId"]: event["request"]["url"]}),
        )
        session.on(
            "Network.loadingFinished",
            lambda event: self.sizes.update({event["requestId"]: event["encodedDataLength"]}),
        )
        return session.detach


class CompressingHandler(SimpleHTTPRequestHandler):
    """Serves the book as a static host does: text compressed, and kept by the browser."""

    def __init__(self, *args):
        super().__init__(*args, directory=str(HTML))

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix in COMPRESSED:
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # a page that is closed early hangs up
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site_address():
    rendered(TOC["root"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), CompressingHandler)
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


def watch(page, site_address: str) -> tuple[Visit, Callable[[], None]]:
    """Note from now on what goes wrong in a page; the function that is returned ends it."""
    seen = Visit(page)
    end_weighing = seen.weigh()

    def guard(route):
        if route.request.url.startswith(site_address):
            route.continue_()
        else:
            seen.outside.append(route.request.url)
            route.abort()

    def said(message):
        if message.type == "error":
            seen.errors.append(message.text)

    listeners = {
        "console": said,
        "pageerror": lambda error: seen.errors.append(str(error)),
        "requestfailed": lambda request: seen.errors.append(request.url),
    }
    page.context.route("**/*", guard)
    for event, listener in listeners.items():
        page.on(event, listener)

    def end():
        page.context.unroute_all(behavior="wait")
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        end_weighing()

    return seen, end


def new_context(browser, dark: bool = False, size: dict[str, int] = DESKTOP):
    scheme = "dark" if dark else "light"
    return browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")


@pytest.fixture
def visit(browser, site_address):
    """Open a page by name, in a window of its own; close it after the test."""
    contexts = []

    def open_page(name: str, dark: bool = False, size: dict[str, int] = DESKTOP) -> Visit:
        contexts.append(new_context(browser, dark, size))
        seen, _ = watch(contexts[-1].new_page(), site_address)
        seen.page.goto(site_address + name, wait_until="load")
        return seen

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def window(browser):
    """Return a window for `walk`."""
    context = new_context(browser)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield page, session
    context.close()


@pytest.fixture
def walk(window, site_address):
    """Open a page by name, in the same window as others before it: a new one takes longer.

    It is opened as for a reader who was never here: the browser has kept nothing.
    """
    page, session = window
    ends = []

    def open_page(name: str, size: dict[str, int] = DESKTOP) -> Visit:
        everything = {"origin": site_address.rstrip("/"), "storageTypes": "all"}
        session.send("Storage.clearDataForOrigin", everything)
        page.set_viewport_size(size)
        seen, end = watch(page, site_address)
        ends.append(end)
        page.goto(site_address + name, wait_until="load")
        return seen

    yield open_page
    for end in ends:
        end()
    page.goto("about:blank")  # nothing of this page can still speak when the next is watched


def typeset(page) -> None:
    """Typeset all formulas of a page, also those that no reader has come near, and wait."""
    if page.locator("script[data-mathjax]").count():
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        page.evaluate(
            "MathJax.startup.promise.then(() => MathJax.startup.document.lazyTypesetAll?.())"
        )
        page.wait_for_function("!document.querySelector('mjx-lazy')")


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


def unreachable(page) -> list[str]:
    """Return the boxes that scroll and that no key can reach: neither they nor what they hold.

    The page's scripts make boxes reachable once it is there, so this looks for 1 s. Parts that are
    folded are left out until somebody opens them.
    """
    return page.evaluate(
        """async () => {
            const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)
                && e.scrollWidth > e.clientWidth + 1
                || ['auto', 'scroll'].includes(getComputedStyle(e).overflowY)
                && e.scrollHeight > e.clientHeight + 1;
            const focus = 'a[href], button, input, select, textarea, summary, [tabindex]';
            const reached = e => [e, ...e.querySelectorAll(focus)].some(
                one => one.matches(focus) && one.tabIndex >= 0);
            const found = () => [...document.querySelectorAll('main *')]
                .filter(e => e.checkVisibility() && scrolls(e) && !reached(e));
            for (let look = 0; look < 10 && found().length; look++)
                await new Promise(done => setTimeout(done, 100));
            return found().map(e => e.outerHTML.slice(0, 120));
        }"""
    )


def hidden_beginnings(page) -> list[str]:
    """Return the boxes that scroll and do not show the beginning of what is in them."""
    return page.evaluate(
        """() => {
            const left = e => e.getBoundingClientRect().left;
            return [...document.querySelectorAll("div.math, .pst-scrollable-table-container")]
                .filter(box => box.scrollLeft !== 0
                    || [...box.children].some(part => left(part) < left(box) - 1))
                .map(box => box.outerHTML.slice(0, 120));
        }"""
    )


# axe takes its time over each element and each text. A formula is many elements, all MathJax's
# own: an empty box of its size is the same to axe. Of the words of code three of a kind are enough.
THIN_OUT = """() => {
    const formulas = [...document.querySelectorAll('mjx-container')];
    const sizes = formulas.map(formula => formula.getBoundingClientRect());
    formulas.forEach((formula, k) => {
        formula.replaceChildren();
        Object.assign(formula.style, {display: 'inline-block',
            width: sizes[k].width + 'px', height: sizes[k].height + 'px'});
    });
    const seen = {};
    for (const word of document.querySelectorAll('pre span')) {
        seen[word.className] = (seen[word.className] ?? 0) + 1;
        if (seen[word.className] > 3) word.replaceWith(...word.childNodes);
    }
}"""
# The contrast of a text follows from its place among tags, classes and styles, so three texts of a
# place are enough, be they on one page or on several: all pages have one style sheet. The others
# are emptied, once every other rule has seen them. A page's own styles hold for an element by its
# id, and such a place is one of its own; otherwise all places of the page are.
EMPTY_WHAT_IS_ALIKE = """known => {
    const rules = list => [...list].flatMap(rule => rule.cssRules?.length
        ? rules(rule.cssRules) : [rule.selectorText ?? '']);
    const own = [...document.querySelectorAll('style:not([id^="MJX-"])')];
    const selectors = own.flatMap(style => rules(style.sheet?.cssRules ?? []))
        .flatMap(text => text.split(','));
    const ids = new Set(selectors.map(text => /^\\s*#([\\w-]+)/.exec(text)?.[1]));
    const root = document.documentElement.dataset.theme + document.documentElement.className
        + (ids.has(undefined) ? location.href + own.map(style => style.textContent) : '');
    const places = new Map();
    const place = e => {
        if (e === document.documentElement) return root;
        if (!places.has(e)) places.set(e, place(e.parentElement) + '>' + e.tagName
            + '.' + (e.className.baseVal ?? e.className) + (e.getAttribute('style') ?? '')
            + (ids.has(e.id) ? '#' + e.id : ''));
        return places.get(e);
    };
    const seen = {};
    for (const one of document.body.querySelectorAll('*')) {
        const texts = [...one.childNodes].filter(
            node => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (!texts.length || !one.checkVisibility()) continue;
        const where = place(one);
        seen[where] = (seen[where] ?? 0) + 1;
        if (seen[where] + (known[where] ?? 0) > 3) texts.forEach(node => { node.data = ''; });
    }
    return seen;
}"""
CONTRAST = "color-contrast"


def hold_accessible(page, known: Counter | None = None) -> None:
    """Fail with what axe-core finds, beyond the theme's own issues.

    `known` counts the texts of each place that had contrast on the pages before; it is added to.
    """
    page.evaluate(THIN_OUT)
    found = _violations(page, rules={CONTRAST: {"enabled": False}})
    seen = page.evaluate(EMPTY_WHAT_IS_ALIKE, known or {})
    pale = _violations(page, runOnly=[CONTRAST])
    if known is not None and not pale:
        known.update(seen)
    assert not found + pale, "\n".join(found + pale)


def _violations(page, **options) -> list[str]:
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # A table heading that consists of a formula has its words for screen readers in MathML, which
    # axe does not read.
    context = {"exclude": [["mjx-container"], ["th:has(mjx-container)"]]}
    options |= {"preload": False, "resultTypes": ["violations"]}
    found = []
    answer = page.evaluate("([context, options]) => axe.run(context, options)", [context, options])
    for rule in answer["violations"]:
        for node in rule["nodes"]:
            target = " ".join(map(str, node["target"]))
            if not any(rule["id"] == name and part in target for name, part, _ in THEME_ISSUES):
                found.append(f"{rule['id']}: {target}: {node['html'][:160]}")
    return found
