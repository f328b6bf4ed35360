"""What machines read of a page: its description, its picture and its address.

The public address of the book stands in _config.yml as ``html: baseurl``. While it is empty, no
page claims an address of its own, and there is no list of pages for search engines.
"""

from __future__ import annotations

import csv
from html import escape
from pathlib import Path

from docutils import nodes

BOOK = Path(__file__).resolve().parent.parent
LONGEST = 200  # characters of a description that search engines show
LOST = """\
<section><h1>This page does not exist</h1>
<p>The address may be old, or mistyped. The number of a chapter never changes, but its name may.</p>
<ul><li><a href="{home}">The start of the book</a>, with all its chapters</li>
<li><a href="{search}">Search the book</a></li></ul></section>
"""


def plans() -> dict[str, str]:
    """Return what each chapter is about, by its page."""
    with (BOOK / "chapters.csv").open(newline="", encoding="utf-8") as file:
        return {f"notebooks/{row['file']}": row["about"] for row in csv.DictReader(file)}


def shortened(text: str) -> str:
    """Return a text in one line, cut between words where it is too long."""
    line = " ".join(text.split())
    if len(line) <= LONGEST:
        return line
    return line[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def description(pagename: str, doctree: nodes.document | None, title: str) -> str:
    """Return what a page is about: the chapter's plan, the first paragraph, or the title."""
    planned = plans().get(pagename)
    if planned:
        return shortened(planned)
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        if len(paragraph.astext()) > 40:
            return shortened(paragraph.astext())
    return shortened(f"{title}: a page of the book Neural Scaling.")


def picture(env, pagename: str) -> str:
    """Return the address, from the root, of a page's first figure or of the book's first."""
    root = env.config.root_doc
    for wanted in (pagename, root):
        own = [name for uri, (pages, name) in env.images.items() if wanted in pages]
        if own:
            return f"_images/{own[0]}"
    return ""


def add_head(app, pagename, templatename, context, doctree):
    """Write the tags for the head of a page into `site_head`, which the template shows."""
    title = nodes_text(context.get("title", "")) or app.config.html_title
    base = app.config.html_baseurl
    tags = {
        "og:type": "article",
        "og:site_name": app.config.project,
        "og:title": title,
        "og:description": description(pagename, doctree, title),
    }
    image = picture(app.env, pagename)
    if image:
        tags["og:image"] = base.rstrip("/") + "/" + image if base else context["pathto"](image, 1)
    if base:
        tags["og:url"] = context.get("pageurl") or base
    lines = [f'<meta name="description" content="{escape(tags["og:description"])}" />']
    lines += [f'<meta property="{key}" content="{escape(text)}" />' for key, text in tags.items()]
    if pagename == "404":
        # The host shows this page under any address; its links are meant from the root.
        lines = [*([f'<base href="{escape(base)}" />'] if base else []), *lines]
        lines.append('<meta name="robots" content="noindex" />')
        context["pageurl"] = None
    context["site_head"] = "\n    " + "\n    ".join(lines)


def nodes_text(title: str) -> str:
    """Return a title, which is HTML, as text."""
    from bs4 import BeautifulSoup

    return " ".join(BeautifulSoup(title, "html.parser").get_text().split())


def lost_page(app):
    """The page that a host shows for an address that does not exist."""
    home, search = (app.builder.get_target_uri(name) for name in (app.config.root_doc, "search"))
    body = LOST.format(home=home, search=search)
    yield "404", {"title": "Page not found", "body": body}, "page.html"


def write_sitemap(app, problem):
    """List all pages with their public addresses, once there are any."""
    path = Path(app.outdir, "sitemap.xml")
    base = app.config.html_baseurl
    if problem is not None or app.builder.name != "html":
        return
    if not base:
        path.unlink(missing_ok=True)
        return
    names = sorted(app.env.found_docs)
    places = [base.rstrip("/") + "/" + app.builder.get_target_uri(name) for name in names]
    rows = "".join(f"  <url><loc>{escape(place)}</loc></url>\n" for place in places)
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n',
        encoding="utf-8",
    )
