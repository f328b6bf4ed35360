"""The ledger of a sweep: a file of JSON lines to which each job adds one line as it ends.

A line holds all rows of its job, so that a job is either in the ledger whole or not at all,
whatever is killed when. Lines of another kind say where the results come from; a job's line
names its own by ``provenance``. Numbers that are not finite are written as Python writes them:
NaN, Infinity, -Infinity.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path

from scaling_utils.sweeps._lock import lock


class LedgerError(ValueError):
    """A ledger that cannot be used; the message names the file and, where it can, the line."""


class LedgerWarning(UserWarning):
    """The last line of a ledger was cut short, and has been left out."""


class Ledger:
    """An open ledger, locked against other processes. Use it in a ``with`` statement.

    Parameters
    ----------
    path : the file; it is made, with its folder, where it is missing.

    Attributes
    ----------
    jobs : dict of the jobs' lines by key, in the order in which the jobs ended.

    Raises
    ------
    LedgerError : a file that another sweep has open, or that is not a ledger.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.jobs: dict[str, dict] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        except OSError as error:
            raise LedgerError(f"{path}: cannot be opened: {error.strerror or error}") from error
        try:
            if not lock(self._file, wait=False):
                raise LedgerError(f"{path}: another sweep is writing to it; wait for it to end")
            lines, length = _whole_lines(self.path)
            self._file.truncate(length)
            os.fsync(self._file.fileno())
            _sync_folder(self.path.parent)
        except BaseException:
            self._file.close()
            raise
        self._sources = {line["id"] for line in lines if line["kind"] == "provenance"}
        self.jobs = {line["key"]: line for line in lines if line["kind"] == "job"}

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def append(
        self,
        key: str,
        job: dict,
        rows: list[dict],
        *,
        experiment: str,
        seconds: float,
        provenance: dict,
    ) -> None:
        """Write a job that has ended, in one go; it is on the disk when this returns.

        Parameters
        ----------
        key, job : the job and its key.
        rows : one dict for each recorded run.
        experiment : "module:function" of what ran.
        seconds : wall-clock time of the call that ended the job.
        provenance : where the result comes from; it is written once for all jobs that share it.
        """
        source = hashlib.sha256(_line(provenance)).hexdigest()[:8]
        line = {
            "kind": "job",
            "key": key,
            "experiment": experiment,
            "job": job,
            "rows": rows,
            "seconds": seconds,
            "provenance": source,
        }
        text = _line(line)
        if source not in self._sources:
            text = _line({"kind": "provenance", "id": source, **provenance}) + text
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._sources.add(source)
        self.jobs[key] = line


def read_ledger(path: str | Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """Return the jobs' lines by key and the provenances by id, without changing the file.

    Raises
    ------
    LedgerError : a file that cannot be read or is not a ledger.
    """
    lines, _ = _whole_lines(Path(path))
    jobs = {line["key"]: line for line in lines if line["kind"] == "job"}
    return jobs, {line["id"]: line for line in lines if line["kind"] == "provenance"}


def _line(content: dict) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _whole_lines(path: Path) -> tuple[list[dict], int]:
    """Return the lines, and the length in bytes up to the end of the last whole one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines: list[dict] = []
    length = 0
    pieces = content.splitlines(keepends=True)
    for number, piece in enumerate(pieces, start=1):
        problem = _problem(piece)
        if problem is None:
            lines.append(json.loads(piece))
            length += len(piece)
        elif number == len(pieces) and problem != _FOREIGN:
            warnings.warn(
                f"{path}: line {number}, the last, was cut short; its job counts as not done",
                LedgerWarning,
                stacklevel=3,
            )
        else:
            raise LedgerError(f"{path}, line {number}: {problem}")
    return lines, length


_FOREIGN = "is not a line of a sweep's ledger"


def _problem(piece: bytes) -> str | None:
    if not piece.endswith(b"\n"):
        return "is cut short"
    try:
        content = json.loads(piece)
    except ValueError:
        return "is not JSON"
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind == "job" and {"key", "job", "rows", "experiment"} <= content.keys():
        return None
    return None if kind == "provenance" and "id" in content else _FOREIGN


def _sync_folder(folder: Path) -> None:
    """Make sure that a new file's name is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
