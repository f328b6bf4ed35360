"""What every kind of file comes down to: a header, some first rows, and columns in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

CHUNK = 1 << 14  # rows that are held as text at a time
SAMPLE = 200  # rows that a guess is made from


@dataclass(frozen=True)
class Chunk:
    """Some rows by columns: the number of the first row, the lines, and the cells by column."""

    first: int
    lines: Sequence[int]
    columns: list[Sequence]


@dataclass(frozen=True)
class Source:
    """A table that can be read once.

    Attributes
    ----------
    name : str
        For messages.
    header : list of str
        Names of the columns.
    sample : list of sequences
        The first rows, cell by cell in the order of the header.
    chunks : callable
        From the places of columns to their cells, chunk by chunk.
    by_line : bool
        Whether a row has a line of the file.
    kind : str
        In words, such as "separated by ;".
    """

    name: str
    header: list[str]
    sample: list[Sequence]
    chunks: Callable[[list[int]], Iterator[Chunk]] = field(repr=False)
    by_line: bool = True
    kind: str = ""

    def where(self, number: int, line: int) -> str:
        """Return a row's place in words."""
        return f"{self.name}, row {number}" + (f" (line {line})" if self.by_line else "")


def plain_name(name: str) -> str:
    """Return a column's name on one line, without signs that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in " ".join(str(name).split())).strip()


def chunks_of(rows: Iterator[tuple[int, object]], pick: Callable) -> Iterator[Chunk]:
    """Yield rows of the form (line, row) in chunks of columns; ``pick`` takes the cells wanted."""
    first = 1
    while block := list(islice(rows, CHUNK)):
        lines = [line for line, _ in block]
        yield Chunk(first, lines, list(zip(*(pick(row) for _, row in block), strict=True)))
        first += len(block)
