"""Answers as people read them: lines and tables, in any width, without a number cut.

On a terminal tables are as wide as it is, and have bold headings; elsewhere they are plain text
and as wide as they need, unless ``COLUMNS`` says otherwise. rich draws them and is loaded only
here.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = 2  # blanks between columns
NARROWEST = 20  # columns: below it nothing is legible anyway
FOLDED = 12  # columns that a text needs, to be folded beside numbers
ENDLESS = 100_000


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Parameters
    ----------
    columns : sequence of str
        The headings; empty strings for a table without them.
    rows : sequence of sequences of str
        The cells. Nothing in them is wrapped or cut, but for ``prose``.
    prose : sequence of int
        The places of the columns whose cells are sentences, and may be folded.
    title : str
        A line above; may be empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: Sequence[int] = ()
    title: str = ""


def pairs(rows: Iterable[tuple[str, str]], title: str = "") -> Table:
    """A table of two columns without headings: what it is, and how much."""
    return Table(("", ""), [(name, text) for name, text in rows], prose=(1,), title=title)


def width_of(stream) -> int:
    """Return how many columns to use: ``COLUMNS``, the terminal's, or as many as are needed."""
    try:
        told = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        told = 0
    if told > 0:
        return max(told, NARROWEST)
    if not _is_terminal(stream):
        return ENDLESS
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, NARROWEST)
    except (OSError, ValueError):
        return 80


def render(parts: Iterable[str | Table], stream, width: int | None = None) -> str:
    """Return parts as text for a stream, with a blank line around each table.

    Escape codes are only there where the stream is a terminal.
    """
    width = width_of(stream) if width is None else width
    shown, before = "", None
    for part in [parts] if isinstance(parts, (str, Table)) else parts:
        if before is not None:
            shown += "\n\n" if isinstance(part, Table) or isinstance(before, Table) else "\n"
        if isinstance(part, Table):
            shown += _table(part, width, _is_terminal(stream))
        else:
            shown += "\n".join(_wrapped(line, width) for line in part.split("\n"))
        before = part
    return shown


def _is_terminal(stream) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _wrapped(line: str, width: int) -> str:
    """Fold a line between words, with its continuation indented; a word is never broken."""
    if len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _table(table: Table, width: int, styled: bool) -> str:
    title = f"{_wrapped(table.title, width)}\n" if table.title else ""
    if not table.rows:
        return title.rstrip("\n")
    widths = _widths(table, width)
    return title + (_records(table, width) if widths is None else _drawn(table, widths, styled))


def _widths(table: Table, width: int) -> list[int] | None:
    """The columns' widths: what is left over goes to prose. None if there is too little room."""
    least = _least(table)
    left = width - sum(least) - GAP * (len(least) - 1)
    if left < 0:
        return None
    rows = [table.columns, *table.rows]
    wanted = [max(len(row[place]) for row in rows) - low for place, low in enumerate(least)]
    if (most := sum(wanted)) <= left:
        return [low + more for low, more in zip(least, wanted, strict=True)]
    return [low + more * left // most for low, more in zip(least, wanted, strict=True)]


def _least(table: Table) -> list[int]:
    """The fewest columns for each column in which no number and no word is broken."""
    widths = []
    for place, heading in enumerate(table.columns):
        cells = [heading, *(row[place] for row in table.rows)]
        longest = max(map(len, cells))
        if place in table.prose:
            words = max((len(word) for cell in cells for word in cell.split()), default=0)
            longest = min(longest, max(words, FOLDED))
        widths.append(longest)
    return widths


def _records(table: Table, width: int) -> str:
    """Write each row as lines of its own: its first cell, then the others with their headings."""
    lines = []
    for first, *others in table.rows:
        named = f"{table.columns[0]}: " if table.columns[0] else ""
        lines.append(_wrapped(named + first, width))
        for heading, cell in zip(table.columns[1:], others, strict=True):
            if cell not in ("", "-"):
                lines.append(_wrapped(f"  {heading}: {cell}" if heading else f"  {cell}", width))
    return "\n".join(lines)


def _drawn(table: Table, widths: list[int], styled: bool) -> str:
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    headed = any(table.columns)
    drawn = Drawn(
        box=None,
        show_header=headed,
        show_edge=False,
        pad_edge=False,
        padding=0,
        header_style="bold",
    )
    for place, heading in enumerate(table.columns):
        if place:  # a column of blanks, because versions of rich place paddings differently
            drawn.add_column(width=GAP)
        cells = [row[place] for row in table.rows]
        folds = place in table.prose
        drawn.add_column(
            Text(heading),
            justify="right" if not folds and place and _all_numbers(cells) else "left",
            no_wrap=not folds,
            overflow="fold",
            width=widths[place],
        )
    for row in table.rows:
        first, *others = map(Text, row)
        drawn.add_row(first, *(cell for other in others for cell in ("", other)))
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=ENDLESS, force_terminal=styled, force_jupyter=False, highlight=False
    )
    console.print(drawn)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n"))


def _all_numbers(cells: Iterable[str]) -> bool:
    return all(cell.lstrip("-+~")[:1].isdigit() for cell in cells if cell not in ("", "-"))
