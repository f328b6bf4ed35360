"""What machines read of a page: description, picture, address; the page for what is not there."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import site_head
from site_pages import HTML, PAGES, rendered


class Head(HTMLParser):
    """The tags of a page's head that machines read."""

    def __init__(self, text: str):
        super().__init__()
        self.meta: dict[str, str] = {}
        self.canonical: list[str] = []
        self.base: list[str] = []
        self.feed(text[: text.index("</head>")] if "</head>" in text else text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag == "meta":
            name = known.get("name") or known.get("property")
            if name:
                self.meta[name] = known.get("content", "")
        if tag == "link" and known.get("rel") == "canonical":
            self.canonical.append(known["href"])
        if tag == "base":
            self.base.append(known["href"])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_is_about(name):
    path = rendered(name)
    head = Head(path.read_text("utf-8"))
    assert 20 <= len(head.meta["description"]) <= site_head.LONGEST
    assert head.meta["og:description"] == head.meta["description"]
    assert head.meta["og:title"]
    assert (path.parent / head.meta["og:image"]).resolve().is_file()


def test_descriptions_differ():
    said = [Head(rendered(name).read_text("utf-8")).meta["description"] for name in PAGES]
    assert len(set(said)) == len(said)


def test_without_a_public_address_no_page_claims_one():
    assert not (HTML / "sitemap.xml").exists()
    for name in PAGES:
        assert Head(rendered(name).read_text("utf-8")).canonical == []


def builder(tmp_path, base: str) -> SimpleNamespace:
    """Stand in for Sphinx with two pages and one figure."""
    env = SimpleNamespace(
        found_docs={"book/intro", "notebooks/20_chinchilla"},
        images={"a.png": ({"notebooks/20_chinchilla"}, "a.png")},
        config=SimpleNamespace(root_doc="book/intro"),
    )
    return SimpleNamespace(
        env=env,
        outdir=tmp_path,
        config=SimpleNamespace(
            html_baseurl=base, html_title="Book", project="Book", root_doc="book/intro"
        ),
        builder=SimpleNamespace(name="html", get_target_uri=lambda name: f"{name}.html"),
    )


def test_with_a_public_address_there_is_a_list_of_pages(tmp_path):
    site_head.write_sitemap(builder(tmp_path, "https://example.org/book/"), None)
    text = (tmp_path / "sitemap.xml").read_text("utf-8")
    assert "<loc>https://example.org/book/notebooks/20_chinchilla.html</loc>" in text
    assert text.count("<url>") == 2
    site_head.write_sitemap(builder(tmp_path, ""), None)
    assert not (tmp_path / "sitemap.xml").exists()


def test_with_a_public_address_pictures_and_the_lost_page_use_it(tmp_path):
    app = builder(tmp_path, "https://example.org/book/")
    context = {"title": "A &amp; B", "pathto": lambda name, _: name, "pageurl": "x"}
    site_head.add_head(app, "notebooks/20_chinchilla", "page.html", context, None)
    head = Head(context["site_head"])
    assert head.meta["og:image"] == "https://example.org/book/_images/a.png"
    assert head.meta["og:title"] == "A & B"
    assert head.base == []
    site_head.add_head(app, "404", "page.html", context, None)
    assert Head(context["site_head"]).base == ["https://example.org/book/"]
    assert context["pageurl"] is None


def test_a_long_description_ends_between_words():
    text = site_head.shortened("word " * 100)
    assert len(text) <= site_head.LONGEST
    assert text.endswith("word…")


def test_the_lost_page_leads_home():
    text = rendered("404").read_text("utf-8")
    assert "This page does not exist" in text
    assert 'href="book/intro.html"' in text
