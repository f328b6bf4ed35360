"""The body of a page, after Sphinx has written it: images, tables, and what they are called.

Images say their size, so that nothing jumps when they come, and come only when a reader is near.
Each figure of a chapter has a link to the whole image, for small screens. Docutils gives
bibliography entries a role that the standard has since withdrawn. An empty heading of a table is
a plain cell.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

from PIL import Image

EMPTY_HEADING = re.compile(r'<th class="head[^"]*">\s*(?:<p>\s*</p>)?\s*</th>')
IMAGE = re.compile(r"<img\b[^>]*?/?>")
# Sphinx's own link around an image that is shown at another width; its only name is the image's.
WRAPPED = re.compile(
    rf'<a class="reference internal image-reference"[^>]*>\s*({IMAGE.pattern})\s*</a>'
)
ATTRIBUTE = re.compile(r'\b(src|width|height|loading|alt)="([^"]*)"')
# A drawing that says how large it is in its first tag.
VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="[\d.\-]+ [\d.\-]+ ([\d.]+) ([\d.]+)"')
FULL_SIZE = '<a class="full-size" href="{}">Open the figure at full size</a>'


@cache
def size(path: Path) -> tuple[int, int] | None:
    """Return the width and height of an image in pixels, or None where it does not say."""
    if path.suffix == ".svg":
        found = VIEW_BOX.search(path.read_text("utf-8"))
        return tuple(round(float(side)) for side in found.groups()) if found else None
    with Image.open(path) as image:
        return image.size


def sized(tag: str, path: Path | None) -> str:
    """Give an image's tag its size, unless it has one, and let it come late."""
    known = dict(ATTRIBUTE.findall(tag))
    more = "" if "loading" in known else ' loading="lazy" decoding="async"'
    measured = size(path) if path and "width" not in known and "height" not in known else None
    if measured:
        more += f' width="{measured[0]}" height="{measured[1]}"'
    return tag.removesuffix(">").removesuffix("/").rstrip() + more + " />"


def with_images(body: str, files: dict[str, Path]) -> str:
    """Give the images of a page their size, and those of the book a link to the whole image.

    Parameters
    ----------
    body : the page as HTML.
    files : where the images of the book lie, by the last part of their address.
    """

    def mended(match: re.Match) -> str:
        tag = match[0]
        source = dict(ATTRIBUTE.findall(tag)).get("src", "")
        path = files.get(source.rsplit("/", 1)[-1]) if "_images/" in source else None
        linked = FULL_SIZE.format(escape(source)) if path else ""
        return sized(tag, path) + linked

    return IMAGE.sub(mended, WRAPPED.sub(r"\1", body))


def image_files(env) -> dict[str, Path]:
    """Return where each image of the book lies, by its name among the rendered files."""
    return {name: Path(env.srcdir, uri) for uri, (_, name) in env.images.items()}


def mend_body(app, pagename, templatename, context, doctree):
    """Correct a page's body, and say whether it has formulas."""
    body = context.get("body")
    if body is None:
        return
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    body = EMPTY_HEADING.sub("<td></td>", body)
    context["body"] = with_images(body, image_files(app.env))
    context["has_formulas"] = 'class="math' in body or "math notranslate" in body
