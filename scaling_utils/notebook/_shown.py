"""What a chapter shows: sentences, figures with their descriptions, and tables."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence

from scaling_utils.notebook._columns import by_columns

# Formulas, which stay as they are but for what a page could take for a tag or a link.
_FORMULA = re.compile(r"((?<!\\)\$[^$]+(?<!\\)\$)")
PHONE = 358  # pixels that a figure has on a phone of 390
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# `{{ name }}` and `{role}` are carried out where the page is read as MyST.
_MYST = re.compile(r"\{(?=\{|[^{}\s]+\}`)")
# A link may lead to the web or to another page, and to nothing that a browser would run.
_OTHER_LINK = re.compile(r"\]\((?!https?://|mailto:|#|\.{0,2}/|[\w-]+(?:[./#][\w./#-]*)?\))")


def text_of(name: str, text: str) -> str:
    """Return a text that is not empty, or raise ValueError naming the argument."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be a non-empty string, got {text!r}")
    return text


def say(text: str) -> None:
    """Show ``text`` as Markdown. Use an f-string, so that the numbers come from the code.

    Parameters
    ----------
    text : str
        What is shown.

    Raises
    ------
    ValueError
        If there is no text, or it is empty.
    """
    from IPython.display import Markdown, display

    display(Markdown(text_of("text", text)))


def figure(fig, alt: str) -> None:
    """Show a matplotlib figure once, with a description of what it shows, and close it.

    Text on white that is too pale to be read is darkened first: see ``ink``.

    Parameters
    ----------
    fig : matplotlib Figure
        What is shown.
    alt : str
        What a reader who cannot see the figure should know: the axes, the trend, the
        conclusion. At least 30 characters; a bare "plot" helps nobody.

    Raises
    ------
    TypeError
        If ``fig`` is no Figure.
    ValueError
        If ``alt`` is shorter.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure, got {fig!r}")
    if not isinstance(alt, str) or len(alt.strip()) < 30:
        raise ValueError(f"alt must describe the figure in at least 30 characters, got {alt!r}")
    smallest = _make_legible(fig)
    png = io.BytesIO()
    fig.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    plt.close(fig)
    # As raw data, because the Image class takes no alt text before IPython 8, and Colab has 7.
    shown = {"alt": alt.strip(), "width": round(fig.get_figwidth() * 110)}
    shown["phone_text_px"] = smallest
    data = {"image/png": b64encode(png.getvalue()).decode(), "text/plain": alt.strip()}
    display(data, metadata={"image/png": shown}, raw=True)


def _make_legible(fig) -> float:
    """Give all text on white the contrast to be read; return the smallest, in pixels on a phone."""
    from matplotlib.collections import QuadMesh
    from matplotlib.text import Text

    from scaling_utils.notebook._colours import ink

    maps = [ax for ax in fig.axes if ax.images or ax.findobj(QuadMesh)]
    on_colours = {id(text) for ax in maps for text in ax.texts}  # see signed_map
    texts = [one for one in fig.findobj(Text) if one.get_visible() and one.get_text().strip()]
    for text in texts:
        if id(text) not in on_colours:
            text.set_color(ink(text.get_color()))
    points = min((text.get_fontsize() for text in texts), default=0.0)
    return round(points * PHONE / (72 * fig.get_figwidth()), 1)


def table(columns, rows: Iterable[Sequence] | None = None, caption: str = "") -> None:
    """Show a Markdown table, with an optional sentence above it.

    ``table({"law": names, "a": (exponents, ".3f"), "wasted": (shares, "{:.0f} %")})``

    On a phone the last columns may start off the screen: put results first.

    Headings and cells may come from a reader's file. Formulas, emphasis, code and links to the
    web are shown as such; a bar, a line break and a tag lose their meaning, and so do images
    and other links. The caption is the author's own text and is shown as it is.

    Parameters
    ----------
    columns : mapping or sequence
        Mapping from a heading to the column: one value for each row, or a pair (values, format).
        A format is one of Python's, such as ``".3f"``, or a text with it in braces, which may
        carry the unit. None and NaN leave a cell empty. Without a mapping: the headings, and
        then ``rows`` is needed.
    rows : iterable of sequence, optional
        One sequence of cells per row; a cell is shown as ``str`` gives it.
    caption : str
        A sentence that says what the numbers are, with their unit.

    Raises
    ------
    TypeError
        If a column of a mapping is one value, not one for each row.
    ValueError
        If there are no columns or no rows, one is longer or shorter than the others, a value
        cannot be written in its format, or ``rows`` stand beside a mapping; the message names
        the column.
    """
    if isinstance(columns, Mapping):
        if rows is not None:
            raise ValueError("rows must not be given beside a mapping of columns")
        columns, rows = by_columns(columns)
    header = [_cell(cell) for cell in columns]
    body = [[_cell(cell) for cell in row] for row in rows or ()]
    if not header or not body:
        raise ValueError(f"columns and rows must not be empty, got {len(header)} and {len(body)}")
    for row in body:
        if len(row) != len(header):
            raise ValueError(
                f"each row must have {len(header)} cells like the header, got {len(row)}: {row}"
            )
    lines = [header, ["---"] * len(header), *body]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    say(f"{caption}\n\n{text}" if caption else text)


def _cell(value: object) -> str:
    """Write a cell so that nothing in it can end the cell or become part of the page's code."""
    parts = _FORMULA.split(_LINE_BREAKS.sub(" ", str(value)))
    parts[::2] = map(_harmless, parts[::2])
    parts[1::2] = map(_harmless_formula, parts[1::2])
    return "".join(parts).replace("|", r"\|")


def _harmless(text: str) -> str:
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    text = _MYST.sub("&#123;", text).replace("![", r"!\[")
    return _OTHER_LINK.sub(r"]\(", text)


def _harmless_formula(text: str) -> str:
    r"""Write a formula with other signs of the same meaning, such as ``\lt`` for ``<``."""
    text = text.replace("<", r"\lt ").replace(">", r"\gt ").replace("](", "] (")
    return re.sub(r"\{(?=\{)", "{ ", text)
