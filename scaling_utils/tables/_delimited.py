"""Tables as text: separated by commas, semicolons, tabs, bars or white space."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter

from scaling_utils.tables._numbers import is_missing, number_of
from scaling_utils.tables._source import SAMPLE, Source, chunks_of, plain_name
from scaling_utils.tables.errors import TableError

SEPARATORS = {"\t": "tabs", ";": ";", "|": "|", ",": ",", " ": "white space"}
NAMED = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}
_RULE = re.compile(r"\s*:?-+:?\s*")


class _Lines:
    """Lines without comments and blanks, which know their number in the file."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.number, self.comment = 0, ""
        self._lines = iter(lines)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            bare = line.strip()
            if bare.startswith("#") and not bare.startswith(("#,", "#;", "#\t", "#|")):
                self.comment = bare.lstrip("# ") or self.comment
            elif bare:
                yield line


def read_delimited(
    name: str, lines: Iterable[str], separator: str | None, names: list[str] | None
) -> Source:
    """Return the table in ``lines``; ``names`` are those of a table without a header."""
    feed = _Lines(lines)
    first, numbers = [], []
    for line in islice(feed, SAMPLE + 1):
        first.append(line)
        numbers.append(feed.number)
    if first and (said := re.fullmatch(r"sep=(.)\s*", first[0])):
        separator, first, numbers = separator or said[1], first[1:], numbers[1:]
    if not first:
        raise TableError(f"{name}: is empty; it needs a header line and at least one run")
    mark = NAMED.get(separator or "", separator) or _separator(first)
    if len(mark) != 1:
        raise TableError(f"{name}: --separator must be one sign, or tab, got {separator!r}")
    rows = _rows(name, feed, _Counted(first, numbers, feed), mark)
    header = [plain_name(cell) for cell in next(rows)[1]]
    if names is None and all(_numeric(cell) for cell in header):
        above = _split(feed.comment, mark) if feed.comment else []
        if len(above) != len(header):
            raise TableError(
                f"{name}: has no header line, its first line holds numbers only; name the "
                "columns with --columns, such as --columns N,D,loss"
            )
        header, rows = above, chain([(numbers[0], header)], rows)
    elif names is not None:
        rows = chain([(numbers[0], header)], rows) if all(map(_numeric, header)) else rows
        if len(names) != len(header):
            raise TableError(
                f"{name}: --columns names {len(names)} columns, the table has {len(header)}"
            )
        header = names
    rows = _checked(name, rows, header)
    sample = list(islice(rows, SAMPLE))
    rest = chain(sample, rows)
    return Source(
        name,
        header,
        [row for _, row in sample],
        lambda places: chunks_of(rest, _picker(places)),
        kind=f"separated by {SEPARATORS.get(mark, mark)}",
    )


class _Counted:
    """The first lines again and then the rest, with the line number of the last one."""

    def __init__(self, first: list[str], numbers: list[int], feed: _Lines) -> None:
        self._first, self._numbers, self._feed = first, numbers, feed
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line, number in zip(self._first, self._numbers, strict=True):
            self.number = number
            yield line
        for line in self._feed:
            self.number = self._feed.number
            yield line


def _rows(name: str, feed: _Lines, counted: _Counted, mark: str) -> Iterator[tuple[int, list]]:
    if mark == " ":
        yield from ((counted.number, line.split()) for line in counted)
        return
    reader = csv.reader(counted, delimiter=mark, skipinitialspace=mark != "\t")
    try:
        for row in reader:
            if mark == "|" and len(row) > 2 and not row[0].strip() and not row[-1].strip():
                row = row[1:-1]  # of Markdown
                if all(_RULE.fullmatch(cell) for cell in row):
                    continue
            if any(cell and not cell.isspace() for cell in row):
                yield counted.number, row
    except csv.Error as error:
        words = str(error)
        if "field larger" in words:
            words = "a cell has more than 131,072 characters; is a quotation mark left open?"
        raise TableError(f"{name}, line {counted.number}: {words}") from error


def _checked(name: str, rows: Iterator, header: list[str]) -> Iterator[tuple[int, list]]:
    width = len(header)
    for number, (line, row) in enumerate(rows, start=1):
        if len(row) != width:
            row = _fitting(row, width)
            if len(row) != width:
                hint = "; a number with a comma needs quotation marks" if len(row) > width else ""
                raise TableError(
                    f"{name}, row {number} (line {line}): has {len(row)} cells, the header has "
                    f"{width}{hint}"
                )
        yield line, row


def _fitting(row: list, width: int) -> list:
    """Return a row without the empty cells that a trailing separator makes."""
    while len(row) > width and not row[-1].strip():
        row = row[:-1]
    return row


def _picker(places: list[int]):
    if len(places) == 1:
        return lambda row, place=places[0]: (row[place],)
    return itemgetter(*places) if places else lambda row: ()


def _split(line: str, mark: str) -> list[str]:
    cells = line.split() if mark == " " else next(csv.reader([line], delimiter=mark), [])
    return [cell.strip() for cell in cells]


def _separator(lines: list[str]) -> str:
    """Return the sign that parts the header and most of the rows into equally many cells."""
    best, most = " ", (0.0, 1)
    for mark in ("\t", ";", "|", ","):
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=mark) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            found = (round(sum(w == widths[0] for w in widths) / len(widths), 1), widths[0])
            best, most = (mark, found) if found > most else (best, most)
    if most[1] > 1 or len(lines[0].split()) > 1:
        return best
    return ","


def _numeric(cell: str) -> bool:
    try:
        number_of(cell)
    except ValueError:
        return False
    return not is_missing(cell)
