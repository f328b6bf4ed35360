"""The parts of a drawing as SVG text: its colours in both themes, its letters, its numbers."""

from __future__ import annotations

import hashlib
import re
from html import escape

# Light ground, dark ground. Each has 4.5 to 1 or more on its ground; a test computes it.
GROUNDS = ("#ffffff", "#121212")  # of the page, in the book's two themes
PALETTE = {
    "blue": ("#005f99", "#6cb6ef"),
    "orange": ("#b34700", "#f79352"),
    "green": ("#00704f", "#4ecfa6"),
    "pink": ("#9c4a7d", "#e39ac5"),
    "grey": ("#5c636b", "#a3adb8"),
}
INK = "ink"  # the colour of the text around the drawing
# What says that a page is light or dark: the book, JupyterLab, Colab and VS Code.
_LIGHT = ("html[data-theme=light]", "[data-jp-theme-light=true]", "html[theme=light]")
_DARK = ("html[data-theme=dark]", "[data-jp-theme-light=false]", "html[theme=dark]", ".vscode-dark")

_MARKUP = re.compile(r"([_^])\{([^{}]*)\}|\*([^*]+)\*")


def paint(colour: str) -> str:
    """Return the CSS of a colour of the palette."""
    return "currentColor" if colour == INK else f"var(--{colour})"


def number(value: float) -> str:
    """Write a coordinate with at most one decimal, the same on every machine."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def letters(text: str) -> str:
    """Return text as SVG: ``_{..}`` is lowered, ``^{..}`` raised, and ``*..*`` is slanted."""
    parts, at = [], 0
    for found in _MARKUP.finditer(text):
        parts.append(escape(text[at : found.start()], quote=False))
        at = found.end()
        kind, small, slanted = found.groups()
        if slanted is not None:
            parts.append(f'<tspan font-style="italic">{escape(slanted, quote=False)}</tspan>')
        else:
            down = 4 if kind == "_" else -6
            parts.append(
                f'<tspan dy="{down}" font-size="75%">{escape(small, quote=False)}</tspan>'
                f'<tspan dy="{-down}">\N{ZERO WIDTH SPACE}</tspan>'
            )
    return "".join([*parts, escape(text[at:], quote=False)])


def letters_wide(text: str) -> float:
    """Estimate how wide a text is, in units of its size: half a unit a letter."""
    bare = _MARKUP.sub(lambda found: found[3] or "", text)
    small = sum(len(found[2] or "") for found in _MARKUP.finditer(text))
    return 0.5 * (len(bare) + 0.75 * small)


def document(body: list[str], width: float, height: float, title: str, description: str) -> str:
    """Put the parts together. The name of the drawing follows from what it shows."""
    inside = "".join(body)
    name = "d" + hashlib.sha256((inside + title + description).encode()).hexdigest()[:8]
    light, dark = (
        ";".join(f"--{colour}:{pair[theme]}" for colour, pair in PALETTE.items())
        for theme in (0, 1)
    )

    def on(pages: tuple[str, ...]) -> str:
        return ",".join(f"{page} #{name}" for page in pages)

    style = (
        f"#{name}{{{light}}}@media(prefers-color-scheme:dark){{#{name}{{{dark}}}}}"
        f"{on(_LIGHT)}{{{light}}}{on(_DARK)}{{{dark}}}"
    )
    return (
        f'<div class="drawing"><svg id="{name}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-labelledby="{name}-t {name}-d" viewBox="0 0 {number(width)} {number(height)}" '
        f'style="display:block;width:100%;max-width:{number(width * 1.25)}px;height:auto;'
        'margin:0 auto" font-family="inherit" fill="none" stroke-linecap="round" '
        'stroke-linejoin="round">'
        f'<title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(description)}</desc>'
        f"<style>{style}</style>{inside}</svg></div>"
    )
