"""Keeping what was measured: cells, their rows on the disk, and the time that is left.

A part of the record is a list of cells. Each cell is measured once and written down at once, so
that whatever ends the process loses one cell.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLES = ("scaling_utils/data/accelerators.csv",)  # read by the code, so part of it
KEPT = ("done", "skipped")  # a cell with such a row is not measured again
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes
    ----------
    key : plain values that tell it from the other cells of its part.
    seconds : what it is expected to take on one H100.
    run : measures and returns columns; a column "status" of "skipped" needs a "reason".
    """

    key: Row
    seconds: float
    run: Callable[[], Row] = field(repr=False, compare=False)


class Budget:
    """The time that is left, on a clock that can be handed in.

    Parts share ``seconds`` in the given shares, in order. What one part leaves over, the
    next ones have: a part may go on until the sum of the shares up to its own.
    """

    def __init__(
        self,
        seconds: float,
        shares: dict[str, float],
        clock: Callable[[], float] = time.monotonic,
        begun: float | None = None,
    ):
        self.seconds, self.clock = seconds, clock
        self.begun = clock() if begun is None else begun
        whole, sum_, self.until = sum(shares.values()), 0.0, {}
        for name, share in shares.items():
            sum_ += share
            self.until[name] = seconds * sum_ / whole

    def left(self, part: str) -> float:
        """Return the seconds that a part still has."""
        return self.begun + self.until[part] - self.clock()


def code_digest(script: Path) -> str:
    """Return the SHA-256 of a script and of every file of this checkout that it imports.

    Imports are followed without running anything. A comment counts: what is recorded here takes
    minutes to record again, and an exact rule is easier to trust.
    """
    finder = ModuleFinder(path=[str(HERE), str(ROOT)])
    finder.run_script(str(script))
    files = {Path(module.__file__) for module in finder.modules.values() if module.__file__}
    digest = hashlib.sha256()
    for file in sorted({*files, *(ROOT / table for table in TABLES)}):
        digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def write_rows(file: Path, rows: Iterable[Row]) -> None:
    """Write JSON lines so that the file is always whole: a new one takes the old one's place."""
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(json.dumps(_plain(row), allow_nan=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, file)
    if os.name == "posix":  # the folder's entry, too, has to reach the disk
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _plain(value):
    """Return a value as JSON has it: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a file of JSON lines; none where there is no file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


class Part:
    """The rows of one part on the disk, all of one code and one device.

    Rows of other code, or of another device, are set aside under a name that carries the
    beginning of their code's digest, and ``say`` is told.
    """

    def __init__(self, folder: Path, name: str, origin: Row, say: Callable[[str], None] = print):
        self.name, self.origin, self.say = name, origin, say
        self.file = folder / f"{name}.jsonl"
        self.rows = read_rows(self.file)
        self._set_aside(folder)

    def _set_aside(self, folder: Path) -> None:
        found = {(row["code_sha256"][:8], row["device"]) for row in self.rows}
        found -= {(self.origin["code_sha256"][:8], self.origin["device"])}
        if not found:
            return
        (code, device), *_ = sorted(found)
        aside = folder / f"{self.name}.{code}.{time.time_ns()}.jsonl"
        os.replace(self.file, aside)
        self.say(
            f"{self.name}: {len(self.rows)} rows were recorded by code {code} on {device}, and "
            f"here are code {self.origin['code_sha256'][:8]} and {self.origin['device']}; they "
            f"lie in {aside.name} now, and every cell runs again"
        )
        self.rows = []

    def status(self, key: Row) -> str | None:
        """Return the status of a cell's row; None where there is none."""
        return next((row["status"] for row in self.rows if row["key"] == key), None)

    def keep(self, key: Row, columns: Row) -> None:
        """Write the row of a cell, in the place of an earlier one of that key."""
        row = {"part": self.name, "key": key, "status": "done"} | columns | self.origin
        self.rows = [other for other in self.rows if other["key"] != key] + [row]
        write_rows(self.file, self.rows)


def measure(
    part: Part,
    cells: list[Cell],
    budget: Budget,
    *,
    keep_failed: bool = False,
    alive: Callable[[], bool] = lambda: True,
    stamp: Callable[[], str] = lambda: "",
) -> Row:
    """Measure the cells that have no row yet, while they fit; return a summary of the part.

    How long a cell will take is its own estimate times what the cells before it have taken
    over theirs. The first one that does not fit ends the part, and all left are named.
    """
    kept = (*KEPT, "failed") if keep_failed else KEPT
    waiting = [cell for cell in cells if part.status(cell.key) not in kept]
    already, begun, taken, expected, failed = len(cells) - len(waiting), budget.clock(), 0, 0, 0
    if already:
        part.say(f"{part.name}: {already} of {len(cells)} cells are recorded and skipped")
    done = 0
    for cell in waiting:
        pace = taken / expected if expected else 1.0
        if cell.seconds * pace > budget.left(part.name):
            break
        start = budget.clock()
        columns = _tried(cell)
        seconds = budget.clock() - start
        if columns["status"] != "skipped":
            taken, expected = taken + seconds, expected + cell.seconds
        columns |= {"cell_seconds": seconds, "cell_seconds_expected": cell.seconds}
        part.keep(cell.key, columns | {"date_utc": stamp()})
        done, failed = done + 1, failed + (columns["status"] == "failed")
        part.say(f"{part.name} {json.dumps(cell.key)}: {columns['status']}, {seconds:.1f} s")
        if columns["status"] == "failed":
            part.say(f"  {columns['error']}")
            if not alive():
                raise DeviceLost(part.name)
    left = [cell.key for cell in waiting[done:]]
    status = "complete" if not left else "cut" if done + already else "not begun"
    if left:
        part.say(f"{part.name}: {status}, {len(left)} of {len(cells)} cells did not fit")
    return {
        "status": status,
        "cells": len(cells),
        "cells_recorded_before": already,
        "cells_measured": done,
        "cells_failed": failed,
        "cells_left": left,
        "seconds": budget.clock() - begun,
    }


class DeviceLost(RuntimeError):
    """The device answers no more, so that nothing else can be measured in this process."""


def _tried(cell: Cell) -> Row:
    try:
        return {"status": "done"} | cell.run()
    except Exception as error:  # whatever it is, it is written down and the next cell runs
        return {
            "status": "failed",
            "error": f"{type(error).__name__}: {error}"[:2000],
            "where": traceback.format_exc()[-2000:].replace(str(ROOT), "."),
        }
