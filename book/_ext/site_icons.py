"""The few icons of the theme's buttons, drawn for this book, as a style sheet.

The theme loads an icon font of 1,400 icons and a script of 540 kB that draws them. Its markup,
``<i class="fas fa-bars">``, is kept; a mask on a square of the text's colour does the rest.
"""

from __future__ import annotations

from urllib.parse import quote

# Paths in a square of 24 units, drawn with a line of 2. What is filled ends with Z and has "F".
LINES = {
    "angle-left": "M15 5 8 12l7 7",
    "angle-right": "M9 5l7 7-7 7",
    "arrow-up": "M12 20V5M5 12l7-7 7 7",
    "bars": "M3 6h18M3 12h18M3 18h18",
    "chevron-down": "M5 9l7 7 7-7",
    "chevron-right": "M9 5l7 7-7 7",
    "code-branch": "M7 8v8M17 8c0 5-10 3-10 8M7 3a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5M17 3a2.5 2.5 "
    "0 1 0 0 5 2.5 2.5 0 1 0 0-5M7 16a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5",
    "download": "M12 3v12M6 10l6 6 6-6M4 21h16",
    "expand": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "file": "M6 3h8l5 5v13H6zM14 3v5h5",
    "file-pdf": "M6 3h8l5 5v13H6zM14 3v5h5M9 17h6M9 13h6",
    "lightbulb": "M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10.5c.7.7 1 1.5 1 2.5h6c0-1 .3-1.800 "
    "1-2.5A6 6 0 0 0 12 3",
    "list": "M8 6h13M8 12h13M8 18h13M3 6h1M3 12h1M3 18h1",
    "magnifying-glass": "M11 4a7 7 0 1 0 0 14 7 7 0 1 0 0-14M16 16l5 5",
    "moon": "M20 14A8.5 8.5 0 1 1 10 4a7 7 0 0 0 10 10",
    "rocket": "M9 15c0-6 4-11 11-12-1 7-6 11-12 11zM9 9H5l-2 4h4M15 15v4l-4 2v-4M5 17l-2 4 4-2",
    "sun": "M12 8a4 4 0 1 0 0 8 4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 "
    "17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5",
    "xmark": "M5 5l14 14M19 5 5 19",
}
FILLED = {"circle-half-stroke": "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18zm0 2.5v13a6.5 6.5 0 1 1 0-13"}
# The mark of a company is its own; the button's text names the host.
OTHER_NAMES = {"github": "code-branch", "outdent": "list"}

ICONS = ":is(.fa-solid, .fas, .far, .fab, .fa-regular, .fa-brands)"
RULES = f"""\
{ICONS} {{ display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em; }}
{ICONS}::before {{
  content: ""; display: block; width: 1em; height: 1em; background: currentcolor;
  mask: var(--icon) center / contain no-repeat; forced-color-adjust: none;
}}
.fa-lg {{ font-size: 1.25em; }}
"""


def names() -> set[str]:
    """Return the names that the theme's markup may use."""
    return LINES.keys() | FILLED.keys() | OTHER_NAMES.keys()


def style() -> str:
    """Return the style sheet."""
    text = RULES
    for name in sorted(names()):
        text += f'.fa-{name} {{ --icon: url("{_drawn(OTHER_NAMES.get(name, name))}"); }}\n'
    return text


def _drawn(name: str) -> str:
    if name in FILLED:
        drawn = f"<path fill-rule='evenodd' d='{FILLED[name]}'/>"
    else:
        look = "fill='none' stroke='#000' stroke-width='2'"
        drawn = f"<path {look} stroke-linecap='round' stroke-linejoin='round' d='{LINES[name]}'/>"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>{drawn}</svg>"
    return "data:image/svg+xml," + quote(svg, safe="/:='")
