"""An associative memory, recorded: PREREGISTRATION.md says what is run and why.

    python results/associative_memory/record.py                # trains what runs.csv lacks
    python results/associative_memory/record.py --toy --out FOLDER
    python results/associative_memory/record.py --list         # prints the cells

Two processes may share the list: each claims a cell by a lock, which its end gives back. The rows
of a cell are written as it ends, so whatever ends a process loses one cell. Said again, it goes on.
"""

# ruff: noqa: E402 - the package has to be found before it is imported
from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from scaling_utils.corpora.associations import OUTPUTS
from scaling_utils.experiments.associative import associative_memory, converged_memory
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

GS = (1.2, 1.5, 1.35, 1.8, 1.1)  # in the order of the runs
SIZES = (64, 128, 256, 512, 1024, 2048)
PARTS = ("fit", "size", "data", "slow", "x4", "x16", "x128")
FIT_LIMIT = 2**34  # N D of the largest fitted cells
LADDER = 1.5  # from one rate to the next
FIT_RATES, HELD_RATES, FAR_RATES = 5, 3, 2
EDGE = 3  # times that a ladder may be lengthened, by two rates each
HELD_OUT = {  # times the compute of the fit: widths, D follows
    4: (128, 512, 2048),
    16: (512, 2048),
    128: (1024, 4096),
}
CONVERGED_RATES = (0.015, 0.03)


@dataclass(frozen=True)
class Cell:
    """One width and one number of examples, at a ladder of rates."""

    part: str  # fit, size, data, slow (the other schedule), x4, x16, x128
    g: float
    n: int
    D: int

    @property
    def batch(self) -> int:
        """Examples of a step: 1,024 steps in the shortest runs, and at most 256 examples."""
        return min(256, max(16, self.D // 1024))

    @property
    def power(self) -> float:
        """Of the schedule (1 - t)^power."""
        return 3.0 if self.part == "slow" else 1.0

    @property
    def seed(self) -> int:
        """Of the source, one for each g."""
        return 36_000 + round(100 * self.g)

    @property
    def stream(self) -> int:
        """Of the examples: fitted cells share one, and every other part has its own but slow."""
        return PARTS.index("data" if self.part == "slow" else self.part)

    def rate(self, step: float) -> float:
        """Return Adam's rate that moves the logits of a context by ``step`` at each visit."""
        return step * math.sqrt(self.batch / (OUTPUTS * self.n))


def planned() -> list[Cell]:
    """Return the cells in their order; time may end the list anywhere."""
    cells = [cell for g in GS for cell in of_source(g)]
    late = [cell for cell in cells if cell.part == "x128" and cell.n == HELD_OUT[128][1]]
    return [cell for cell in cells if cell not in late] + late


def of_source(g: float) -> list[Cell]:
    """Return the cells of one Zipf exponent."""
    fit = [
        Cell("fit", g, n, 2**k)
        for n in SIZES
        for k in range(14, 21)
        if OUTPUTS * n * 2**k <= FIT_LIMIT
    ]
    data = [Cell("data", g, 4096, 2**k) for k in (14, 15, 16)]
    slow = [Cell("slow", g, 4096, 2**k) for k in (14, 16)] if g == 1.5 else []
    size = [Cell("size", g, n, 0) for n in (64, 128, 256, 512)]
    held = [
        Cell(f"x{times}", g, n, times * FIT_LIMIT // (OUTPUTS * n))
        for times, widths in HELD_OUT.items()
        for n in widths
    ]
    return fit + data + slow + size + held


def first_step(cell: Cell) -> float:
    """Return the middle of an early ladder, from a pilot of ten cells at g = 1.2 and 1.8."""
    u, w = math.log(cell.n / 64, 8), math.log(cell.D / 2**15, 8)
    t = min(1.0, (cell.g - 1.2) / 0.6)
    log = 0.53 + 0.43 * t + 0.57 * (1 - t) * u - (1.73 - 1.24 * t) * w + 1.04 * (1 - t) * u * w
    faster = 2 if cell.part == "slow" else 1  # its best steps are larger in theory
    return faster * max(0.25, math.exp(log))


def best(steps: Sequence[float], excess: Sequence[float]) -> tuple[float, float]:
    """Return the best step and its excess: a cubic in ln(step) through four, or a parabola."""
    x, y = np.log(steps), np.asarray(excess)
    order = np.argsort(x)
    x, y = x[order], y[order]
    i = int(y.argmin())
    start = max(0, min(i - 1 if i + 2 < len(x) else i - 2, len(x) - 4))
    x, y = x[start : start + 4], y[start : start + 4]
    fine = np.linspace(x[0], x[-1], 2001)
    values = np.polyval(np.polyfit(x - x.mean(), y, min(3, len(x) - 1)), fine - x.mean())
    return float(np.exp(fine[values.argmin()])), float(values.min())


def later_step(cell: Cell, rows: Sequence[dict]) -> float | None:
    """Return the middle of a later ladder: ln(best step) on 1, ln n, ln D and ln^2(D / N).

    Only fitted cells of at least a quarter of the largest N D count. None while any is missing.
    """
    points = []
    for one in (one for one in of_source(cell.g) if one.part == "fit"):
        mine = [row for row in rows if key(row) == ("fit", one.g, one.n, one.D)]
        if not mine:
            return None
        if 4 * OUTPUTS * one.n * one.D >= FIT_LIMIT:
            steps, excess = zip(*((row["step"], row["excess"]) for row in mine), strict=True)
            points.append((*terms(one), math.log(best(steps, excess)[0])))
    table = np.array(points)
    return float(np.exp(terms(cell) @ np.linalg.lstsq(table[:, :-1], table[:, -1])[0]))


def terms(cell: Cell) -> np.ndarray:
    """Return what ln(best step) depends on."""
    n, D = math.log(cell.n), math.log(cell.D)
    return np.array([1, n, D, (D - n - math.log(OUTPUTS)) ** 2])


def key(row: dict) -> tuple:
    """Return what tells a cell from the others."""
    return (row["part"], row["g"], row["n"], row["D"])


def train(cell: Cell, middle: float, samples: int = 1024) -> list[dict]:
    """Return a cell's rows; its ladder is lengthened while the best rate is at an edge."""
    if cell.part == "size":
        return [
            row | {"part": "size", "step": 0.0}
            for row in converged_memory(
                cell.g, cell.n, CONVERGED_RATES, steps=1000, seed=cell.seed, samples=samples
            )
        ]
    count = {"fit": FIT_RATES, "x128": FAR_RATES}.get(cell.part, HELD_RATES)
    exponents = np.arange(count) - (count - 1) / 2
    rows: list[dict] = []
    for _ in range(1 + (0 if cell.part == "x128" else EDGE)):
        steps = middle * LADDER**exponents
        rows += [
            row | {"part": cell.part, "step": float(step)}
            for step, row in zip(
                steps,
                associative_memory(
                    cell.g,
                    cell.n,
                    cell.D,
                    [cell.rate(step) for step in steps],
                    batch=cell.batch,
                    seed=cell.seed,
                    stream=cell.stream,
                    power=cell.power,
                    samples=samples,
                ),
                strict=True,
            )
        ]
        rows.sort(key=lambda row: row["step"])
        at = int(np.argmin([row["excess"] for row in rows]))
        low, high = (math.log(rows[i]["step"] / middle, LADDER) for i in (0, -1))
        if at == 0:
            exponents = np.array([low - 2, low - 1])
        elif at == len(rows) - 1:
            exponents = np.array([high + 1, high + 2])
        else:
            break
    return rows


class Table:
    """runs.csv and its locks: one for the file, one for each cell that is being trained."""

    def __init__(self, folder: Path):
        self.file, self.locks = folder / "runs.csv", folder / ".locks"
        self.locks.mkdir(parents=True, exist_ok=True)
        self.whole = FileLock(self.locks / "runs")

    def rows(self) -> list[dict]:
        """Return what is written down."""
        with self.whole:
            return read_rows(self.file) if self.file.exists() else []

    def claim(self, cell: Cell) -> FileLock | None:
        """Return the held lock of a cell that is neither recorded nor somebody else's."""
        lock = FileLock(self.locks / f"{cell.part}-{cell.g}-{cell.n}-{cell.D}", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        if (cell.part, cell.g, cell.n, cell.D) in {key(row) for row in self.rows()}:
            lock.release()
            return None
        return lock

    def add(self, rows: Sequence[dict]) -> None:
        """Write rows behind the earlier ones; the file is always whole."""
        with self.whole:
            earlier = read_rows(self.file) if self.file.exists() else []
            write_csv([*earlier, *rows], self.file)


def middle_of(cell: Cell, table: Table) -> float:
    """Return the middle of a ladder, waiting for fitted cells that another process has."""
    if cell.part in ("fit", "data", "slow"):
        return first_step(cell)
    if cell.part == "size":
        return 0.0
    while (found := later_step(cell, table.rows())) is None:
        time.sleep(5)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny runs: does it run here?")
    parser.add_argument("--list", action="store_true", help="print the cells")
    asked = parser.parse_args(words)
    cells = planned()
    if asked.list:
        for cell in cells:
            print(cell.part, cell.g, cell.n, cell.D, cell.batch, cell.seed)
        return
    if asked.toy:
        cells = [Cell("fit", 1.5, 16, 2**10), Cell("slow", 1.5, 16, 2**10)]
    torch.set_num_threads(1)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    table = Table(asked.out)
    for cell in cells:
        lock = table.claim(cell)
        if lock is None:
            continue
        with lock:
            rows = train(cell, middle_of(cell, table), 64 if asked.toy else 1024)
            table.add([row | origin for row in rows])
        seconds = sum({row["seconds"] for row in rows})
        print(f"{cell.part} {cell.g} {cell.n} {cell.D}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
