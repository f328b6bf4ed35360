"""The rows of a ledger as one table, and as a CSV file."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

from scaling_utils.sweeps.ledger import read_ledger


def table(ledger: str | Path) -> list[dict]:
    """Return all rows of a ledger, sorted by the jobs' settings and then by row.

    The order does not depend on the order in which the jobs ended.

    Parameters
    ----------
    ledger : path
        The file that ``sweep`` has written.

    Returns
    -------
    list of dict
        The columns ``key`` and ``row`` (from 0), the job's settings, and what the experiment
        returned; a name that is in both has the experiment's value.

    Raises
    ------
    LedgerError
        If the file cannot be read or is not a ledger.
    """
    jobs, _ = read_ledger(ledger)
    return rows_of(sorted(jobs.values(), key=_order))


def rows_of(lines: Iterable[dict]) -> list[dict]:
    """Return the rows of the given jobs' lines of a ledger, in their order."""
    return [
        {"key": line["key"], "row": number, **line["job"], **row}
        for line in lines
        for number, row in enumerate(line["rows"])
    ]


def _order(line: dict) -> list[tuple]:
    return [(name, *_rank(line["job"][name])) for name in sorted(line["job"])]


def _rank(value) -> tuple[int, float, str]:
    """Numbers by size, then everything else by its JSON text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, value, "")
    return (1, 0, json.dumps(value, sort_keys=True))


def with_diverged(rows: list[dict]) -> list[dict]:
    """Return the rows, with a column ``diverged`` where one of them has a loss that is no number.

    It is true for the runs whose ``loss`` is NaN or infinite, and false for the others. Rows
    that say it themselves keep what they say.
    """
    losses = [row.get("loss") for row in rows]
    marks = [isinstance(loss, float) and not math.isfinite(loss) for loss in losses]
    if not any(marks):
        return rows
    return [
        row | {"diverged": row.get("diverged", mark)} for row, mark in zip(rows, marks, strict=True)
    ]


def check_writable(path: str | Path) -> None:
    """Raise unless a file can be written at a place; its folder is made where it is missing.

    Raises
    ------
    OSError
        If the path is a folder, or its folder cannot be made or written to.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    try:
        draft.touch()
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_csv(rows: list[dict], path: str | Path) -> None:
    """Write rows to a CSV file, which is replaced in one step.

    There is a column for each name that occurs, in the order of its first use. Lists and tables
    are written as JSON, and numbers that are not finite as nan, inf and -inf.

    Parameters
    ----------
    rows : list of dict
        A name that a row lacks leaves its cell empty.
    path : path
        Of the file; its folder is made where it is missing.

    Raises
    ------
    OSError
        If the place cannot be written, or the disk is full; an earlier file stays.
    """
    path = Path(path)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    draft = _draft(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _cell(value):
    return json.dumps(value) if isinstance(value, list | dict) else value
