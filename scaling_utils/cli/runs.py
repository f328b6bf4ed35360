"""Reading a table of runs from a CSV file, with errors that name file, row and column."""

from __future__ import annotations

import csv
import io
import math
import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_utils.cli._units import TableError, ask_about_units, in_units

SIZES = ("N", "D", "C")
MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-"})
# A fit compares every run with some thousand starts; more rows than this are resamples or steps.
MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class Runs:
    """The runs of a table that can be fitted, and what was done to get them.

    ``runs["N"]`` is the column N, and ``len(runs)`` the number of runs.

    Parameters
    ----------
    columns : mapping of str to array, shape (runs,)
        N (parameters), D (tokens), C (FLOPs) and loss (nats per token). C is 6 N D, whatever the
        table says: ``read_from`` names what was read.
    read_from : (str, str)
        The two of N, D and C that were read.
    lines : array of int, shape (runs,)
        The line of the file that each run stands on, from 1.
    left_out : mapping of str to int
        For each reason, how many rows were left out.
    six_nd_over_c : (float, float, float) or None
        Smallest, middle and largest ratio of 6 N D to the table's own C, where it has all three
        columns; None otherwise.
    """

    columns: Mapping[str, np.ndarray]
    read_from: tuple[str, str]
    lines: np.ndarray
    left_out: Mapping[str, int]
    six_nd_over_c: tuple[float, float, float] | None

    @property
    def disagrees(self) -> bool:
        """Whether 6 N D is more than a tenth off the table's own C somewhere."""
        ratio = self.six_nd_over_c
        return ratio is not None and not (ratio[0] > 0.9 and ratio[2] < 1.1)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self.columns["loss"])


def read_runs(
    path: str,
    *,
    sizes: tuple[str, str] | None = None,
    units: Mapping[str, float] | None = None,
) -> Runs:
    """Read the columns N (parameters), D (tokens), C (FLOPs) and loss (nats per token).

    Two of N, D and C are enough; the third follows from C = 6 N D. Rows without a loss or a
    size, as a diverged or a running job leaves them, are left out and counted. Other columns
    are ignored.

    Parameters
    ----------
    path : str
        Of a CSV file with a header line, or "-" for standard input.
    sizes : (str, str), optional
        Which two of N, D and C to use; by default the first two, in this order, that are there.
    units : mapping of str to float, optional
        How much one unit of a column is, such as ``{"N": 1e6}`` for millions. A column that is
        named here is taken at its word; numbers of the others that cannot be meant as they stand
        are asked about.

    Returns
    -------
    Runs
        At most a million, in parameters, tokens, FLOPs and nats.

    Raises
    ------
    TableError
        If the file cannot be read, a column is missing, a cell is no positive number, no run is
        left, there are too many, or the unit of a column must be said.
    """
    if path == "-":
        return _runs("standard input", _standard_input(), sizes, units or {})
    try:
        # utf-8-sig: spreadsheets put an invisible mark before the first column's name.
        with Path(path).open(newline="", encoding="utf-8-sig") as lines:
            return _runs(path, lines, sizes, units or {})
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not a text file in UTF-8") from error


def _standard_input() -> Iterable[str]:
    """The lines of standard input, without a byte-order mark."""
    bytes_ = getattr(sys.stdin, "buffer", None)
    if bytes_ is None:  # already text, as in a notebook
        return io.StringIO(sys.stdin.read().removeprefix("\ufeff"))
    return io.TextIOWrapper(bytes_, encoding="utf-8-sig", newline="")


def _runs(name, lines, sizes, units) -> Runs:
    try:
        table, read_from, left_out = _columns(name, lines, sizes)
        places = table.pop("line")
    except UnicodeDecodeError as error:
        raise TableError(f"{name}: is not a text file in UTF-8") from error
    table = in_units(table, units)
    ask_about_units(name, table, read_from, said=frozenset(units))
    N, D = _completed(table, read_from)
    ratio = None
    if "C" in table and set(SIZES) <= table.keys():
        ratios = 6 * table["N"] * table["D"] / table["C"]
        ratio = (float(ratios.min()), float(np.median(ratios)), float(ratios.max()))
    columns = {"N": N, "D": D, "C": 6 * N * D, "loss": table["loss"]}
    return Runs(columns, read_from, places, left_out, ratio)


def _columns(name: str, lines: Iterable[str], sizes):
    """Read row by row, keeping only the numbers: a table may be larger than memory as text."""
    reader = csv.reader(lines)
    try:
        rows = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        header = [cell.strip() for cell in next(rows, (0, []))[1]]
        if not header:
            raise TableError(f"{name}: is empty; it needs a header line and at least one run")
        places, read_from = _wanted(name, header, sizes)
        kept = {column: array("d") for column in places}
        numbers = array("q")
        left_out: dict[str, int] = {}
        number = 0
        for number, (line, row) in enumerate(rows, start=1):
            where = f"{name}, row {number} (line {line})"
            if len(row) != len(header):
                raise TableError(f"{where}: has {len(row)} cells, the header has {len(header)}")
            cells = {
                column: _cell(where, column, row[place], column in ("loss", *read_from))
                for column, place in places.items()
            }
            missing = [column for column in ("loss", *read_from) if cells[column] is None]
            if missing:
                reason = f"no {missing[0]}"
                left_out[reason] = left_out.get(reason, 0) + 1
                continue
            for column, value in cells.items():
                kept[column].append(math.nan if value is None else value)
            numbers.append(line)
            if len(numbers) > MOST_RUNS:
                raise TableError(f"{name}: has more than {MOST_RUNS:,} runs; fit a part of them")
    except csv.Error as error:
        raise TableError(f"{name}, line {reader.line_num}: {error}") from error
    if number == 0:
        raise TableError(f"{name}: has a header line but no runs")
    if not numbers:
        raise TableError(f"{name}: has no run with a loss and two sizes ({_counted(left_out)})")
    table = {column: np.frombuffer(values) for column, values in kept.items()}
    if "C" in table and "C" not in read_from and np.isnan(table["C"]).any():
        del table["C"]  # some runs lack it: nothing to compare with
    table["line"] = np.frombuffer(numbers, dtype=np.int64)
    return table, read_from, left_out


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} with {reason}" for reason, count in left_out.items())


def _wanted(name: str, header: list[str], sizes) -> tuple[dict[str, int], tuple[str, str]]:
    """Return the places of loss and of N, D and C, and which two sizes are read."""
    found = ", ".join(header)
    there = [column for column in SIZES if column in header]
    if "loss" not in header or len(there) < 2:
        raise TableError(
            f"{name}: needs a column loss and two of the columns N, D and C, found: {found}"
        )
    read_from = tuple(sizes or there[:2])
    absent = [column for column in read_from if column not in there]
    if absent:
        raise TableError(f"{name}: --sizes names column {absent[0]}, found: {found}")
    for column in ("loss", *there):
        if header.count(column) > 1:
            raise TableError(f"{name}: column {column} appears more than once")
    return {column: header.index(column) for column in ("loss", *there)}, read_from


def _cell(where: str, column: str, text: str, needed: bool) -> float | None:
    """Return a cell's number; None where the run has none, such as the loss of a diverged run.

    A cell of a column that is only compared may hold anything.
    """
    if text.strip().lower() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if column == "loss" and value == math.inf:
        return None
    if not (math.isfinite(value) and value > 0):
        if not needed:
            return None
        raise TableError(
            f"{where}, column {column}: must be a positive finite number, got {text.strip()!r}"
        )
    return value


def _completed(table: Mapping[str, np.ndarray], read_from) -> tuple[np.ndarray, np.ndarray]:
    """Return N and D, one of which may follow from C = 6 N D."""
    if "C" not in read_from:
        return table["N"], table["D"]
    if "N" in read_from:
        return table["N"], table["C"] / (6 * table["N"])
    return table["C"] / (6 * table["D"]), table["D"]
