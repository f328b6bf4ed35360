"""The lines of a ledger: how one is written, and what it must hold to be believed."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

from scaling_utils.sweeps.jobs import job_key

_KINDS = {"job", "provenance"}
_FIELDS = {  # of a job's line: what it must be, in words
    "key": (str, "text"),
    "experiment": (str, "text"),
    "job": (dict, "a table of settings"),
    "rows": (list, "a list of one or more tables"),
    "seconds": (int | float, "a number"),
    "provenance": (str, "text"),
}


class LedgerError(ValueError):
    """A ledger that cannot be used; the message names the file and, where it can, the line."""


class LedgerWarning(UserWarning):
    """The last line of a ledger was cut short, or its jobs do not say which code they ran."""


def line_of(content: dict) -> bytes:
    """Return a line of a ledger."""
    return json.dumps(content).encode() + b"\n"


def source_id(provenance: dict) -> str:
    """Return the id of a provenance: the first eight digits of its line's SHA-256."""
    return hashlib.sha256(line_of(provenance)).hexdigest()[:8]


def read_lines(path: Path) -> tuple[dict[str, dict], dict[str, dict], int]:
    """Return the jobs' lines by key, the provenances by id, and the length of both in bytes.

    A last line that was cut short is left out, with a warning.

    Raises
    ------
    LedgerError
        If the file cannot be read, or a line is none of a ledger's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = _Found()
    length = 0
    pieces = content.splitlines(keepends=True)
    for number, piece in enumerate(pieces, start=1):
        line = _parsed(piece)
        if line is not None:
            problem = found.add(number, line)
        elif number < len(pieces):
            problem = "is not JSON"
        else:
            warnings.warn(
                f"{path}: line {number}, the last, was cut short; its job counts as not done",
                LedgerWarning,
                stacklevel=4,
            )
            break
        if problem is not None:
            raise LedgerError(f"{path}, line {number}: {problem}")
        length += len(piece)
    return found.jobs, found.sources, length


def _parsed(piece: bytes):
    """Return what a line holds; None where it was not written to its end."""
    try:
        return json.loads(piece) if piece.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None


class _Found:
    """The lines of a ledger so far."""

    def __init__(self):
        self.jobs: dict[str, dict] = {}
        self.sources: dict[str, dict] = {}
        self._numbers: dict[str, int] = {}

    def add(self, number: int, line) -> str | None:
        """Take a line in; return what is wrong with it, if anything."""
        if not isinstance(line, dict) or line.get("kind") not in _KINDS:
            return "is not a line of a sweep's ledger"
        if line["kind"] == "provenance":
            return self._source(line)
        problem = _problem(line)
        if problem is None and line["provenance"] not in self.sources:
            problem = f"the provenance {line['provenance']!r} has no line before this one"
        key = line.get("key")
        if problem is None and key in self.jobs and line_of(self.jobs[key]) != line_of(line):
            problem = f"the job {key} is in line {self._numbers[key]} too, and differs"
        if problem is None:
            self.jobs.setdefault(key, line)
            self._numbers.setdefault(key, number)
        return problem

    def _source(self, line: dict) -> str | None:
        content = {name: value for name, value in line.items() if name not in ("kind", "id")}
        if line.get("id") != source_id(content):
            return f"the provenance {line.get('id')!r} was edited: its id is {source_id(content)!r}"
        self.sources[line["id"]] = line
        return None


def _problem(line: dict) -> str | None:
    """Return what is wrong with a job's line on its own."""
    for name, (kind, words) in _FIELDS.items():
        if name not in line:
            return f"a job's line must have {name!r}"
        if not isinstance(line[name], kind):
            return f"{name!r} must be {words}, got {line[name]!r:.60}"
    rows = line["rows"]
    if not rows or not all(isinstance(row, dict) for row in rows):
        return f"'rows' must be a list of one or more tables, got {rows!r:.60}"
    try:
        key = job_key(line["job"])
    except ValueError as error:
        return f"'job' cannot be a job: {error}"
    if key != line["key"]:
        return f"the settings were edited: their key is {key}, the line's is {line['key']}"
    return None
