"""Opening a file or standard input as text, or saying what it is instead."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from scaling_utils.tables.errors import TableError

HEAD = 1 << 16  # bytes that decide what a file is
LONGEST_LINE = 1 << 22  # characters; a table's line is some thousands at most
PARQUET = b"PAR1"

_PICKLE = "is a pickle, which could run code when read: write it as CSV, JSON or Parquet"
_OTHERS = {
    b"\x1f\x8b": "is compressed by gzip: unpack it first",
    b"BZh": "is compressed by bzip2: unpack it first",
    b"\xfd7zXZ": "is compressed by xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: unpack it first",
    b"PK\x03\x04": "is an archive or a spreadsheet: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet of an old kind: save the sheet as CSV",
    b"\x93NUMPY": "is an array of numpy, not a text file in UTF-8: write it as CSV",
    b"\x80\x04\x95": _PICKLE,
    b"\x80\x05\x95": _PICKLE,
    b"SQLite format 3": "is a database: export the table as CSV",
    b"%PDF": "is a PDF: a table of runs is needed as CSV, JSON or Parquet",
    b"ARROW1": "is an Arrow file: write it as Parquet",
}
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


class _Rejoined(io.RawIOBase):
    """The bytes that were read to see what they are, and then the rest."""

    def __init__(self, head: bytes, rest) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(part) :] if self._head else b""
        buffer[: len(part)] = part
        return len(part)


def open_text(path: str) -> tuple[str, io.TextIOBase | None]:
    """Return the name for messages and the text; None in its place where it is Parquet."""
    if path == "-":
        raw = getattr(sys.stdin, "buffer", None)
        if raw is None:  # already text, as in a notebook
            return "standard input", io.StringIO(sys.stdin.read().removeprefix("\ufeff"))
        return "standard input", _decoded("standard input", raw)
    try:
        if Path(path).is_dir():
            raise TableError(f"{path}: cannot be read: it is a folder")
        return path, _decoded(path, Path(path).open("rb"))
    except (OSError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        why = getattr(error, "strerror", None) or error
        raise TableError(f"{path}: cannot be read: {why}") from error


def _decoded(name: str, raw) -> io.TextIOBase | None:
    head = raw.read(HEAD) or b""
    if head.startswith(PARQUET):
        return None
    for mark, words in _OTHERS.items():
        if head.startswith(mark):
            raise TableError(f"{name}: {words}")
    encoding = next((code for mark, code in _MARKS if head.startswith(mark)), None)
    encoding = encoding or _unmarked(name, head)
    return io.TextIOWrapper(
        io.BufferedReader(_Rejoined(head, raw), HEAD), encoding=encoding, newline=""
    )


def _unmarked(name: str, head: bytes) -> str:
    """Return the encoding of bytes without a mark: every second byte of Latin UTF-16 is zero."""
    zeros = [head[k::2].count(0) / max(1, len(head[k::2])) for k in (0, 1)]
    if zeros[1] > 0.7 and zeros[0] < 0.1:
        return "utf-16-le"
    if zeros[0] > 0.7 and zeros[1] < 0.1:
        return "utf-16-be"
    if b"\0" in head:
        raise not_text(name)
    return "utf-8"


def not_text(name: str) -> TableError:
    """Return the error for bytes that are no text."""
    return TableError(f"{name}: is not a text file in UTF-8 or UTF-16; save it as CSV in UTF-8")


def lines_of(name: str, text: io.TextIOBase) -> Iterator[str]:
    """Yield the lines of a text, none of which may be endless."""
    count = 0
    try:
        while line := text.readline(LONGEST_LINE):
            count += 1
            if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
                raise TableError(
                    f"{name}, line {count}: is longer than {LONGEST_LINE:,} characters"
                )
            yield line
    except UnicodeError as error:
        raise not_text(name) from error


def blocks_of(name: str, text: io.TextIOBase, size: int = 1 << 18) -> Iterator[str]:
    """Yield a text in blocks."""
    try:
        while block := text.read(size):
            yield block
    except UnicodeError as error:
        raise not_text(name) from error
