"""Tables as JSON: lists of runs, objects of columns, JSON lines, nested or not.

A list is read run by run, so that a long one need not fit into memory as objects.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

from scaling_utils.tables._source import SAMPLE, Source, chunks_of, plain_name
from scaling_utils.tables.errors import TableError

DEEPEST = 16  # levels of nesting that names reach into
MOST_NAMES = 10_000
LARGEST = 1 << 28  # characters of one JSON value
_NOT_JSON = re.compile(r"\bnan\b|(?<![\w])-?inf\b")


def read_json(name: str, blocks: Iterator[str]) -> Source:
    """Return the table in a JSON text."""
    values = _values(name, blocks)
    first = next(values, None)
    if first is None:
        raise TableError(f"{name}: holds no runs")
    line, value = first
    rest = next(values, None)
    if rest is None and isinstance(value, Mapping):
        value = _unwrapped(value)
        if isinstance(value, list):
            values, rest = iter(enumerate(value, start=1)), None
            line, value = next(values, (1, None))
            if value is None:
                raise TableError(f"{name}: holds no runs")
    rows = chain([(line, value)], [] if rest is None else [rest], values)
    if isinstance(value, list):  # rows of cells, the first of them the header
        header = [plain_name(cell) for cell in value]
        next(rows)
        return _of_lists(name, header, rows)
    return of_objects(name, _objects(name, rows))


def of_objects(name: str, rows: Iterator[tuple[int, Mapping]], by_line: bool = False) -> Source:
    """Return the table of nested objects; a column's name is its path with dots."""
    sample = list(islice(rows, SAMPLE))
    paths: dict[str, tuple] = {}
    for _, row in sample:
        for path in _paths(name, row):
            paths.setdefault(".".join(path), path)
            if len(paths) > MOST_NAMES:
                raise TableError(f"{name}: its first runs have more than {MOST_NAMES:,} names")
    known = list(paths.values())
    rest = chain(sample, rows)
    return Source(
        name,
        list(map(plain_name, paths)),
        [[dig(row, path) for path in known] for _, row in sample],
        lambda places: chunks_of(
            rest, lambda row: tuple(dig(row, known[place]) for place in places)
        ),
        by_line=by_line,
        kind="JSON",
    )


def dig(row, path: tuple):
    """Return what stands at a path, None where there is nothing."""
    for part in path:
        if not isinstance(row, Mapping):
            return None
        row = row.get(part)
    return row


def loads_loosely(text: str):
    """Return the object in a cell: JSON, or a dictionary as Python prints it; None if neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_NOT_JSON.sub("None", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _paths(name: str, row: Mapping, above: tuple = ()) -> Iterator[tuple]:
    if len(above) > DEEPEST:
        raise TableError(f"{name}: is nested deeper than {DEEPEST} levels")
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _paths(name, value, (*above, key))
        else:
            yield (*above, key)


def _values(name: str, blocks: Iterator[str]) -> Iterator[tuple[int, object]]:
    """Yield the values of a text: the entries of an outer list, or one value after another."""
    decoder, text, start, count = json.JSONDecoder(), "", 0, 0
    inside = ended = False
    begun = False
    while True:
        start = _skip(text, start, inside)
        if not begun and start < len(text):
            begun = True
            if text[start] == "[":
                inside, start = True, start + 1
                continue
        if start < len(text) and inside and text[start] == "]":
            inside, start = False, start + 1
            continue
        try:
            if start >= len(text):
                raise json.JSONDecodeError("more", text, start)
            value, end = decoder.raw_decode(text, start)
            if end == len(text) and not ended and text[end - 1] not in "}]":
                raise json.JSONDecodeError("more", text, start)  # a number may go on
        except RecursionError:
            raise TableError(f"{name}: is nested too deeply") from None
        except ValueError as error:
            more = None if ended else next(blocks, None)
            if more is None and start >= len(text.rstrip()) and not inside:
                return
            if more is None and ended:
                raise _bad(name, count, error) from None
            ended = more is None
            text, start = text[start:] + (more or ""), 0
            if len(text) > LARGEST:
                raise TableError(
                    f"{name}: has one JSON value of more than {LARGEST:,} characters; write one "
                    "run a line"
                ) from None
            continue
        count += 1
        yield count, value
        start = end
        if start > 1 << 20:
            text, start = text[start:], 0


def _skip(text: str, start: int, inside: bool) -> int:
    signs = " \t\r\n," if inside else " \t\r\n"
    while start < len(text) and text[start] in signs:
        start += 1
    return start


def _bad(name: str, count: int, error: Exception) -> TableError:
    words = error.msg if isinstance(error, json.JSONDecodeError) else "a number has too many digits"
    return TableError(f"{name}: is no valid JSON after its value {count}: {words}")


def _unwrapped(value: Mapping):
    """Return the runs in one object: a list in it, columns, or runs by name."""
    if "data" in value and isinstance(value.get("columns"), list):
        return [value["columns"], *value["data"]]  # as pandas writes orient="split"
    lists = [part for part in value.values() if isinstance(part, list)]
    runs = [part for part in lists if part and isinstance(part[0], Mapping)]
    if len(runs) == 1:
        return runs[0]
    if lists and len(lists) == len(value) and len({len(part) for part in lists}) == 1:
        return [list(value), *(list(row) for row in zip(*lists, strict=True))]
    inner = [part for part in value.values() if isinstance(part, Mapping)]
    if inner and len(inner) == len(value):
        keys = list(inner[0])
        scalars = not any(isinstance(x, (Mapping, list)) for part in inner for x in part.values())
        if scalars and all(str(key).isdigit() for key in keys):  # pandas: columns of rows
            return [list(value), *([part.get(key) for part in inner] for key in keys)]
        if len(inner) > 1:
            return [{"name": key, **part} for key, part in value.items()]
    return value


def _objects(name: str, rows) -> Iterator[tuple[int, Mapping]]:
    for number, row in rows:
        if not isinstance(row, Mapping):
            raise TableError(f"{name}, row {number}: must be an object, got {_short(row)}")
        yield number, row


def _of_lists(name: str, header: list[str], rows) -> Source:
    def checked():
        for number, (_, row) in enumerate(rows, start=1):
            if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(header):
                raise TableError(
                    f"{name}, row {number}: must hold {len(header)} cells, got {_short(row)}"
                )
            yield number, row

    found = checked()
    sample = list(islice(found, SAMPLE))
    rest = chain(sample, found)
    return Source(
        name,
        header,
        [row for _, row in sample],
        lambda places: chunks_of(rest, lambda row: tuple(row[place] for place in places)),
        by_line=False,
        kind="JSON",
    )


def _short(value) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
