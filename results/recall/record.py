"""The runs of this folder, recorded: what attention layers of five kinds can look up.

    python results/recall/record.py              # trains what runs.csv lacks
    python results/recall/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. Each cell, an arm with a number of pairs,
is tuned first, on seeds of its own, and then scored at its best rate. The rows of one cell and
phase are written at once, so whatever ends the process loses one such group. Said again, it goes
on.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from race import Arm, Setting, race

from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

HERE = Path(__file__).resolve().parent
ARMS = (
    Arm("linear", 32),
    Arm("linear", 64),
    Arm("positive", 32),
    Arm("softmax", 32),
    Arm("softmax", 8),
)
PAIRS = (32, 64, 128)
SETTING = Setting(
    keys=256, values=128, value_width=32, batch=16, steps=500, warmup=50, decay=125, held_out=256
)
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TINY = 1e-12  # nats: a loss that fp32 rounds to 0
FIRST = (0.003, 0.01, 0.03)  # the rest is trained where the best lies at an end
SEEDS = {"tuning": (100, 101), "scored": (0, 1, 2, 3, 4, 5)}


def best_rate(losses: dict[float, list[float]]) -> float:
    """Return the rate of the lowest mean logarithm of the loss over the seeds."""
    return min(losses, key=lambda rate: sum(math.log(max(x, TINY)) for x in losses[rate]))


def missing_rate(losses: dict[float, list[float]]) -> float | None:
    """Return the rate beyond the end at which the best one lies; None where there is none."""
    best = best_rate(losses)
    place = RATES.index(best) + (best == max(losses)) - (best == min(losses))
    if not 0 <= place < len(RATES) or RATES[place] in losses:
        return None
    return RATES[place]


class Table:
    """runs.csv: rows of whole groups, each with where it comes from."""

    def __init__(self, folder: Path, origin: dict):
        self.file, self.origin = folder / "runs.csv", origin
        self.rows = read_rows(self.file) if self.file.exists() else []

    def losses(self, arm: Arm, pairs: int, phase: str) -> dict[float, list[float]]:
        """Return the losses of a cell in a phase by rate; empty before it has run."""
        found = defaultdict(list)
        for row in self.rows:
            if (row["arm"], row["pairs"], row["phase"]) == (arm.name, pairs, phase):
                found[row["rate"]].append(row["loss"])
        return dict(found)

    def add(self, rows: list[dict], seconds: float) -> None:
        """Write a group's rows behind the earlier ones; the file is always whole."""
        self.rows += [row | {"seconds": round(seconds, 1)} | self.origin for row in rows]
        write_csv(self.rows, self.file)


class Record:
    """What is run, and where its rows go."""

    def __init__(self, table: Table, setting: Setting, seeds: dict[str, tuple[int, ...]]):
        self.table, self.setting, self.seeds = table, setting, seeds

    def group(self, arm: Arm, pairs: int, phase: str, rates: Sequence[float]) -> None:
        """Train one group and write it down."""
        begun = time.process_time()
        rows = race(arm, pairs, self.setting, phase, self.seeds[phase], rates)
        seconds = time.process_time() - begun
        self.table.add(rows, seconds)
        print(f"{arm.name}, {pairs} pairs, {phase} at {rates}: {seconds:.0f} s", flush=True)

    def tune(self, arm: Arm, pairs: int) -> float:
        """Train what is missing of a cell's ladder of rates; return its best rate."""
        if not self.table.losses(arm, pairs, "tuning"):
            self.group(arm, pairs, "tuning", FIRST)
        while (more := missing_rate(self.table.losses(arm, pairs, "tuning"))) is not None:
            self.group(arm, pairs, "tuning", (more,))
        return best_rate(self.table.losses(arm, pairs, "tuning"))

    def finish(self, arm: Arm, pairs: int) -> None:
        """Tune a cell and train its scored runs, unless they are there."""
        rate = self.tune(arm, pairs)
        if not self.table.losses(arm, pairs, "scored"):
            self.group(arm, pairs, "scored", (rate,))


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny networks: does it run here?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    setting, seeds, sizes = SETTING, SEEDS, PAIRS
    if asked.toy:
        setting = replace(SETTING, keys=16, values=4, batch=2, steps=4, warmup=1, decay=1)
        setting = replace(setting, held_out=64)
        seeds, sizes = {"tuning": (100,), "scored": (0, 1)}, (4,)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    record = Record(Table(asked.out, origin), setting, seeds)
    for pairs in sizes:
        for arm in ARMS:
            record.finish(arm, pairs)


if __name__ == "__main__":
    main()
