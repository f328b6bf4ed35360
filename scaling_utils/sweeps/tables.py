"""The rows of a ledger as one table, and as a CSV file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path

from scaling_utils.sweeps.ledger import read_ledger


def table(ledger: str | Path) -> list[dict]:
    """Return all rows of a ledger, sorted by the jobs' settings and then by row.

    The order does not depend on the order in which the jobs ended.

    Returns
    -------
    list of dicts: the columns ``key`` and ``row`` (from 0), the job's settings, and what the
    experiment returned; a name that is in both has the experiment's value.

    Raises
    ------
    LedgerError : a file that cannot be read or is not a ledger.
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


def write_csv(rows: list[dict], path: str | Path) -> None:
    """Write rows to a CSV file: a column for each name that occurs, in the order of its first
    use. Lists and tables are written as JSON. The file is replaced in one step.
    """
    path = Path(path)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _cell(value):
    return json.dumps(value) if isinstance(value, list | dict) else value
