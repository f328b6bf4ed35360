"""What this book needs of Sphinx beyond Jupyter Book, and nothing more.

1. A figure in a notebook carries its description in the output's metadata, where
   ``scaling_utils.notebook.figure`` puts it; it becomes the ``alt`` text of the page's image.
   It is also stored with few colours, a quarter of its size, with no difference to the eye.
   The data behind a claim or a verdict, meant for the scoreboard, is not shown a second time.
2. A chapter shows the number of its file (``20_chinchilla`` is chapter 20), so that a number
   means the same chapter after others have been added before it.
3. The line that tells the tests to compare a cell's output is not shown; it is for machines.
4. The scripts of sphinx-thebe are left out: this book has no live kernel, and on every page
   they end in a JavaScript error.
5. A changed style, script or template reaches all pages.

The modules beside this one do the rest: ``site_assets`` and ``site_icons`` make pages light,
``site_api`` reads docstrings, ``site_body`` mends what Sphinx has written, ``site_cells`` names
folded cells, ``site_head`` says what a page is about, and ``site_search`` enters subjects in the
search.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode, b64encode
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from zlib import crc32

import site_api
import site_assets
import site_body
import site_cells
import site_head
import site_search
from docutils import nodes
from PIL import Image, ImageChops, ImageStat

CLAIM_MIME = "application/vnd.scaling-utils.claim+json"
VERDICT_MIME = "application/vnd.scaling-utils.verdict+json"

TEST_MARK = "# NBVAL_CHECK_OUTPUT"
PACKAGE = Path(__file__).parents[2] / "scaling_utils" / "notebook" / "_setup.py"
REPOSITORY = re.compile(r'^REPOSITORY = "(\S+/\S+)"$', flags=re.M)
# The root of the mean square by which fewer colours may change an image, of 255.
ERROR = 2.0
_CHAPTER_FILE = re.compile(r"(?P<number>\d\d)_\w+")


def chapter_number(docname: str) -> int | None:
    """Return the number in a chapter's file name, or None for any other page."""
    path = PurePosixPath(docname)
    match = _CHAPTER_FILE.fullmatch(path.name)
    return int(match["number"]) if match and path.parent.name == "notebooks" else None


def lighter(png: bytes) -> bytes:
    """Return a PNG image with few colours, or as it is where that is no smaller.

    A figure has a few colours and their blends with white at the edges of lines and letters: 64
    do for most. Where they change the image by more than ERROR, a map of colours for example, it
    gets 256. An image with transparent parts is left alone.
    """
    with Image.open(BytesIO(png)) as image:
        if image.convert("RGBA").getextrema()[3] != (255, 255):
            return png
        whole = image.convert("RGB")
    for colours in (64, 256):
        few = whole.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        away = ImageStat.Stat(ImageChops.difference(whole, few.convert("RGB"))).rms
        if max(away) < ERROR:
            break
    out = BytesIO()
    few.save(out, "png", optimize=True)
    return min(png, out.getvalue(), key=len)


class NotebookOutputs:
    """A MyST-NB plugin: images with the description stored with them, claims without their data."""

    mime_priority_overrides = ()

    @staticmethod
    def handle_mime(renderer, data, inline):
        """Return the nodes for an output; None leaves it to MyST-NB."""
        if data.mime_type in (CLAIM_MIME, VERDICT_MIME):
            return []
        if not data.mime_type.startswith("image/"):
            return None
        if data.mime_type == "image/png":
            data = replace(data, content=b64encode(lighter(b64decode(data.content))).decode())
        rendered = renderer.render_image(data)
        alt = data.output_metadata.get(data.mime_type, {}).get("alt", "").strip()
        for node in rendered:
            if alt and isinstance(node, nodes.image):
                node["alt"] = alt
        return rendered


def hide_test_marks(app, doctree):
    """Leave out the first line of a code cell where it only speaks to the tests."""
    for code in doctree.findall(nodes.literal_block):
        first, _, rest = code.astext().partition("\n")
        if first.strip() == TEST_MARK:
            code.rawsource = rest
            code.children = [nodes.Text(rest)]


def number_chapters(app, env):
    """Give each chapter its file's number as section number; return the pages that changed."""
    changed = []
    for docname in env.found_docs:
        number = chapter_number(docname)
        if number is None or docname not in env.tocs:
            continue
        secnumber = (number,)
        if env.titles[docname].get("secnumber") != secnumber:
            changed.append(docname)
        title, *sections = env.tocs[docname].findall(nodes.reference)
        env.titles[docname]["secnumber"] = title["secnumber"] = secnumber
        # None, as in Sphinx, keeps a section from taking over the number of its page.
        unnumbered = {section["anchorname"]: None for section in sections}
        env.toc_secnumbers[docname] = {"": secnumber, **unnumbered}
    return changed


def silence_thebe(app, config):
    """Undo what sphinx-thebe has registered; Jupyter Book loads it and cannot be told not to."""
    for event, listeners in app.events.listeners.items():
        app.events.listeners[event] = [
            listener for listener in listeners if not _is_thebe(listener.handler.__module__)
        ]
    registry = app.registry
    registry.css_files = [asset for asset in registry.css_files if not _is_thebe(asset[0])]


def know_repository(app, config):
    """Give the theme's buttons the package's address; while that is unset there are none."""
    found = REPOSITORY.search(PACKAGE.read_text("utf-8"))[1]
    if found == "OWNER/REPO":
        return
    config.html_theme_options |= {
        "repository_url": f"https://github.com/{found}",
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def know_static_files(app, config):
    """Write all pages again when a style, script or template has changed.

    Sphinx copies these files only where some page is out of date, and pages name their digest.
    """
    config.site_version = config.html_context["site_version"] = site_assets.digest()


def write_bundles(app, problem):
    """Make the style sheet and the script of all pages, when these are written."""
    if problem is None and app.builder.name == "html":
        site_assets.write_bundles(Path(app.outdir))


def _is_thebe(name: str) -> bool:
    return name.startswith(("sphinx_thebe", "sphinx-thebe"))


def setup(app):
    from myst_nb.core.render import load_mime_renders

    # MyST-NB finds plugins through installed entry points only. The list it keeps of them is
    # made once, so adding to it here is enough, and nothing has to be installed.
    plugins = load_mime_renders()
    if NotebookOutputs not in plugins:
        plugins.append(NotebookOutputs)
    app.connect("doctree-read", hide_test_marks)
    # After Sphinx has numbered its own sections, which starts from an empty table.
    app.connect("env-get-updated", number_chapters, priority=900)
    app.connect("doctree-read", site_cells.name_folds)
    app.connect("autodoc-process-docstring", site_api.mend_docstring, priority=100)
    app.connect("html-page-context", site_body.mend_body)
    # The theme adds to a page's context at 500 and 501.
    app.connect("html-page-context", site_head.add_head, priority=600)
    app.connect("html-collect-pages", site_head.lost_page)
    app.connect("html-collect-pages", site_search.feed_keywords)
    # The theme writes its colours of code at 500, when a build ends.
    app.connect("build-finished", write_bundles, priority=900)
    app.connect("build-finished", site_head.write_sitemap)
    # When every extension has been loaded and before any of them acts.
    app.connect("config-inited", silence_thebe, priority=900)
    app.add_config_value("site_version", "", "html", str)
    app.connect("config-inited", know_repository)
    app.connect("config-inited", know_static_files)
    # Pages that are kept between builds were read by the code as it was then.
    reading = b"".join(
        Path(module.__file__).read_bytes() for module in (site_cells, sys.modules[__name__])
    )
    return {
        "version": "1",
        "env_version": crc32(reading),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
