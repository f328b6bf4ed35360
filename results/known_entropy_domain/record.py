"""Known entropy inside its domain, recorded on a CPU: PREREGISTRATION.md says what and why.

    python results/known_entropy_domain/record.py                # trains what runs.csv lacks
    python results/known_entropy_domain/record.py --toy --out FOLDER

The cells and their training are those of results/gpu. Two processes may share the list: each
claims a cell by a lock, which its end gives back. Four rows are written as a cell ends, so whatever
ends a process loses one cell. Said again, it goes on.
"""

# ruff: noqa: E402 - the design has to be found before it is imported
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "gpu"), str(HERE.parents[1])]

import design
import known_entropy
from machine import find_machine

from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

LAST_LINE = 3e13  # FLOPs of one network
OTHER_SEEDS = 1000  # added to those of the design, which a GPU's runs have


def planned() -> list[design.Run]:
    """Return the cells in their order, with this study's own seeds."""
    return [
        replace(run, seeds=tuple(seed + OTHER_SEEDS for seed in run.seeds))
        for run in design.runs()
        if run.line <= LAST_LINE
    ]


def rows_of(run: design.Run, measured: dict) -> list[dict]:
    """Return a cell's rows, one for each network."""
    return [
        {
            "line": run.line,
            "width": run.width,
            "N": measured["N"],
            "N_total": measured["N_total"],
            "D": run.tokens,
            "flops": measured["flop"],
            "seed": member["seed"],
            "rate": member["rate"],
            "loss": member["loss_nats"],
            "excess": member["excess_nats"],
            "entropy": measured["entropy_nats"],
            "seconds": round(measured["training_seconds"], 1),
        }
        for member in measured["members"]
    ]


class Table:
    """runs.csv and its locks: one for the file, one for each cell that is being trained."""

    def __init__(self, folder: Path):
        self.file, self.locks = folder / "runs.csv", folder / ".locks"
        self.locks.mkdir(parents=True, exist_ok=True)
        self.whole = FileLock(self.locks / "runs")

    def claim(self, run: design.Run) -> FileLock | None:
        """Return the held lock of a cell that is neither recorded nor somebody else's."""
        lock = FileLock(self.locks / f"{run.line:g}-{run.width}", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        if (run.line, run.width) in self.recorded():
            lock.release()
            return None
        return lock

    def recorded(self) -> set[tuple[float, int]]:
        """Return line and width of the cells that are written down."""
        rows = read_rows(self.file) if self.file.exists() else []
        return {(row["line"], row["width"]) for row in rows}

    def add(self, rows: Sequence[dict]) -> None:
        """Write rows behind the earlier ones; the file is always whole."""
        with self.whole:
            earlier = read_rows(self.file) if self.file.exists() else []
            write_csv([*earlier, *rows], self.file)


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny runs: does it run here?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    here = find_machine("cpu", asked.toy)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    table = Table(asked.out)
    for run in known_entropy.TOY[:1] if asked.toy else planned():
        lock = table.claim(run)
        if lock is None:
            continue
        with lock:
            rows = rows_of(run, known_entropy.train_cell(here, run))
            table.add([row | origin for row in rows])
        print(f"{run.line:g} {run.width}: {rows[0]['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
