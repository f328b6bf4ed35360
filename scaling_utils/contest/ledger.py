"""The ledger of a lab: a file of JSON lines, each with a hash over itself and the line before.

A line that is changed, removed, added or moved breaks the chain from there on. The chain starts
from the lab's name. It shows edits, not lies: who writes all hashes anew has a whole chain again,
and is found out by ``scaling-utils contest verify``, which trains runs again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaling_utils.sweeps._lock import lock

ENDING = ".contest.jsonl"


class LedgerError(ValueError):
    """A ledger that cannot be used; the message names the file and, where it can, the line."""


class ChainError(LedgerError):
    """A ledger whose lines are not the ones that were written."""


def path_of(name: str, folder: Path) -> Path:
    """Return where the ledger of a lab lies."""
    return Path(folder) / f"{name}{ENDING}"


def link(previous: str, content: dict) -> str:
    """Return the hash of a line: SHA-256 of the hash before it and of what it says."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def read(path: Path) -> tuple[list[dict], list[str], int]:
    """Read a ledger without changing it.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    (list of dict, list of str, int)
        What each line says, its hash, and the length of the lines in bytes. A last line without
        its end, as a machine that stops leaves it, is left out.

    Raises
    ------
    LedgerError
        If the file cannot be read, or a line is none of a ledger's. ChainError if the chain of
        hashes is broken.
    """
    try:
        pieces = Path(path).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read: {error.strerror or error}") from error
    contents, hashes, length = [], [], 0
    for number, piece in enumerate(pieces, start=1):
        if number == len(pieces) and not piece.endswith(b"\n"):
            break
        content = _parsed(piece)
        told = content.pop("hash", None) if isinstance(content, dict) else None
        if told is None or "kind" not in content:
            raise LedgerError(f"{path}, line {number}: is not a line of a contest's ledger")
        try:
            wanted = link(hashes[-1] if hashes else "", content)
        except ValueError:  # it holds a number that is not finite
            wanted = None
        if told != wanted:
            raise ChainError(
                f"{path}, line {number}: the chain of hashes is broken; this line or the one "
                "before it was edited, added, removed or moved"
            )
        contents.append(content)
        hashes.append(told)
        length += len(piece)
    return contents, hashes, length


def _parsed(piece: bytes):
    try:
        return json.loads(piece)
    except (ValueError, RecursionError):
        return None


class Writer:
    """An open ledger, locked against other processes."""

    def __init__(self, path: Path, file, hashes: list[str], length: int):
        self._path, self._file, self._length = path, file, length
        self._last = hashes[-1] if hashes else ""

    def append(self, content: dict) -> None:
        """Add a line in one go; it is on the disk when this returns, or the file is as it was."""
        self._last, previous = link(self._last, content), self._last
        text = json.dumps({**content, "hash": self._last}).encode() + b"\n"
        try:
            if self._file.write(text) < len(text):
                raise OSError(None, "the disk is full")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._last = previous
            self._file.truncate(self._length)
            raise LedgerError(
                f"{self._path}: cannot be written: {error.strerror or error}"
            ) from error
        self._length += len(text)


@contextmanager
def writing(path: Path) -> Iterator[tuple[list[dict], Writer]]:
    """Lock a ledger, made where it is missing; give what it says, and what adds lines to it.

    Raises
    ------
    LedgerError
        If another process is writing to it, or it cannot be opened, read or believed.
    """
    try:
        file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - closed below, unlocked by it
    except OSError as error:
        raise LedgerError(f"{path}: cannot be opened: {error.strerror or error}") from error
    with file:
        if not lock(file, wait=False):
            raise LedgerError(f"{path}: another process runs this lab; wait for it to end")
        contents, hashes, length = read(path)
        file.truncate(length)  # of what was cut short
        yield contents, Writer(path, file, hashes, length)
