"""One style sheet and one script for all pages, made from those of the theme when a build ends.

The theme names 12 style sheets and 14 scripts in the head of each page and draws nothing before
nearly all of them have come. Here they become two files. Rules of style that no page and no
script of the book can meet, most of Bootstrap, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import site_icons
import tinycss2

BOOK = Path(__file__).resolve().parent.parent
STYLES = [
    "basic.css",
    "styles/theme.css",
    "styles/bootstrap.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "copybutton.css",
    "mystnb.*.css",
    "sphinx-design.min.css",
    "book.css",
]
SCRIPTS = [
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
    "scripts/sphinx-book-theme.js",
    "book.js",
]
# What the bundles above need of other packages: a new version makes new bundles.
PACKAGES = (
    "sphinx-book-theme",
    "pydata-sphinx-theme",
    "sphinx-copybutton",
    "sphinx-design",
    "myst-nb",
)
WORD = re.compile(r"[\w-]+")
LICENCE = re.compile(r"/\*!.*?\*/", flags=re.DOTALL)
NESTED = {"media", "supports", "layer"}


def digest() -> str:
    """Return a digest of what the bundles are made from, for their addresses."""
    files = [*sorted((BOOK / "_static").glob("book.*")), *sorted((BOOK / "_ext").glob("site_*.py"))]
    files += sorted((BOOK / "_templates").iterdir())
    parts = [path.read_bytes() for path in files] + [version(name).encode() for name in PACKAGES]
    return sha256(b"".join(parts)).hexdigest()[:12]


def words(texts: Iterable[str]) -> set[str]:
    """Return everything in some texts that could be the name of a class."""
    return {word for text in texts for word in WORD.findall(text)}


def trimmed(css: str, known: set[str]) -> str:
    """Leave out the rules whose classes are not among the known words, comments and blanks."""
    return _written(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), known)


def _written(rules, known: set[str]) -> str:
    text = ""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [part for part in _selectors(rule.prelude) if _meets(part, known)]
            if selectors:
                named = ",".join(tinycss2.serialize(part).strip() for part in selectors)
                text += f"{named}{{{_declared(rule.content)}}}\n"
        elif rule.type == "at-rule" and rule.content is not None:
            head = f"@{rule.at_keyword} {tinycss2.serialize(rule.prelude).strip()}"
            if rule.lower_at_keyword in NESTED:
                inner = tinycss2.parse_rule_list(
                    rule.content, skip_comments=True, skip_whitespace=True
                )
                kept = _written(inner, known)
                text += f"{head}{{{kept}}}\n" if kept else ""
            else:
                text += f"{head}{{{tinycss2.serialize(rule.content)}}}\n"
    return text


def _declared(content) -> str:
    """Write declarations without comments and with single blanks."""
    kept = [token for token in content if token.type != "comment"]
    return re.sub(r"\s*\n\s*", " ", tinycss2.serialize(kept)).strip()


def _selectors(prelude) -> list[list]:
    """Split a list of selectors at its commas."""
    parts: list[list] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _meets(selector, known: set[str]) -> bool:
    """Whether a page could have what a selector asks for; what stands in :not() or :is() may."""
    return all(
        token.value in known
        for before, token in pairwise(selector)
        if token.type == "ident" and before.type == "literal" and before.value == "."
    )


def _found(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the files that a list names; each name must be there."""
    found = []
    for pattern in patterns:
        matches = sorted(folder.glob(pattern))
        if not matches:
            raise FileNotFoundError(f"the theme has no {pattern}; see {Path(__file__).name}")
        found.append(matches[0])
    return found


def write_bundles(html: Path) -> None:
    """Write _static/site.css and _static/site.js."""
    static = html / "_static"
    scripts = [path.read_text("utf-8") for path in _found(static, SCRIPTS)]
    (static / "site.js").write_text(";\n".join(scripts), encoding="utf-8")
    searching = (static / "searchtools.js").read_text("utf-8")
    known = words([path.read_text("utf-8") for path in html.rglob("*.html")])
    known |= words([*scripts, searching])
    css = "".join(path.read_text("utf-8") for path in _found(static, STYLES))
    # The first of these imports the second, which is in the bundle.
    css = re.sub(r"@import url\([^)]*basic\.css[^)]*\);|@charset [^;]*;", "", css)
    css += site_icons.style()
    # Reading the styles takes seconds; nothing is to be done where nothing has changed.
    mark = f"/* {sha256(repr((css, sorted(known))).encode()).hexdigest()} */\n"
    made = static / "site.css"
    if not (made.is_file() and made.read_text("utf-8").startswith(mark)):
        licences = "\n".join(LICENCE.findall(css)) + "\n"
        made.write_text(mark + licences + trimmed(css, known), encoding="utf-8")
