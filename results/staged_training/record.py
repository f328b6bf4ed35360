"""The race of this folder, recorded: networks of fixed size against networks that grow.

    python results/staged_training/record.py              # trains what runs.csv lacks
    python results/staged_training/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. Each arm is tuned first, on seeds of its
own, and then scored at its best rate. Networks of one arm and phase train side by side; their rows
are written at once, so whatever ends the process loses one such group. Said again, it goes on.
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
from scaling_utils.tasks import WaveTask

HERE = Path(__file__).resolve().parent
FUNCTIONS = {"dimension": 4, "ambient": 16, "bend": 0.0, "smoothness": 2.0, "octaves": 5.0}
POINTS = {"pool": 131_072, "held_out": 4096}
SETTING = Setting(width=8, batch=128, budget=2e9, warmup=50, decay=0.3)
ARMS = (  # in the order in which they run
    Arm("fixed 2", 2),  # the target size, from scratch
    Arm("zero 25", 2, 1, "zero", 0.25),
    Arm("stack 25", 2, 1, "stack", 0.25),
    Arm("fixed 1", 1),
    Arm("fixed 4", 4),
    Arm("zero 50", 2, 1, "zero", 0.5),
    Arm("stack 50", 2, 1, "stack", 0.5),
)
# Looked at after the score, to see where the loss went: with the share of the budget they have.
EXPLORED = (
    (Arm("short 2", 2), 0.75),
    (Arm("zero 5", 2, 1, "zero", 0.05), 1.0),
    (Arm("warm zero", 2, 1, "zero", 0.25, rewarm=True), 1.0),
    (Arm("warm stack", 2, 1, "stack", 0.25, rewarm=True), 1.0),
    (Arm("fixed 8", 8), 1.0),
    (Arm("zero 8", 8, 1, "zero", 0.5), 1.0),
    (Arm("stack 8", 8, 1, "stack", 0.5), 1.0),
)
RATES = (0.01, 0.02, 0.04, 0.08)
SEEDS = {"tuning": (100, 101), "scored": (0, 1, 2, 3, 4, 5)}
SEEDS["explored"] = SEEDS["scored"]
MARKS = 12  # measurements of a run that is not for tuning, evenly spaced in FLOPs


class Table:
    """runs.csv: rows of whole groups, each with where it comes from."""

    def __init__(self, folder: Path, origin: dict):
        self.file, self.origin = folder / "runs.csv", origin
        self.rows = read_rows(self.file) if self.file.exists() else []

    def losses(self, arm: Arm, phase: str) -> dict[float, list[float]]:
        """Return the final losses of an arm in a phase by rate; empty before it has run."""
        found = defaultdict(list)
        for row in self.rows:
            if row["arm"] == arm.name and row["phase"] == phase and row["last"]:
                found[row["rate"]].append(row["loss"])
        return dict(found)

    def add(self, phase: str, rows: list[dict], seconds: float) -> None:
        """Write a group's rows behind the earlier ones; the file is always whole."""
        last = {(row["seed"], row["rate"]): row for row in rows}
        for row in rows:
            is_last = int(row is last[row["seed"], row["rate"]])
            self.rows.append(
                {"phase": phase, **row, "last": is_last, "seconds": round(seconds, 1)} | self.origin
            )
        write_csv(self.rows, self.file)


def best_rate(losses: dict[float, list[float]]) -> float:
    """Return the rate of the lowest mean logarithm of the loss over the seeds."""
    return min(losses, key=lambda rate: sum(map(math.log, losses[rate])))


def missing_rate(losses: dict[float, list[float]]) -> float | None:
    """Return the rate beyond the end at which the best one lies; None where it is bracketed."""
    best = best_rate(losses)
    if best == max(losses):
        return 2 * best
    return best / 2 if best == min(losses) else None


class Record:
    """What is run, and where its rows go."""

    def __init__(self, table: Table, setting: Setting, tasks: dict[str, WaveTask]):
        self.table, self.setting, self.tasks = table, setting, tasks

    def group(self, arm: Arm, phase: str, rates: Sequence[float]) -> None:
        """Train one group and write it down."""
        begun = time.monotonic()
        marks = 0 if phase == "tuning" else MARKS
        rows = race(arm, self.setting, self.tasks[phase], rates, marks)
        seconds = time.monotonic() - begun
        self.table.add(phase, rows, seconds)
        print(f"{arm.name}, {phase} at {rates}: {seconds:.0f} s", flush=True)

    def tune(self, arm: Arm) -> float:
        """Train what is missing of an arm's ladder of rates; return its best, bracketed rate."""
        if not self.table.losses(arm, "tuning"):
            self.group(arm, "tuning", RATES)
        while (more := missing_rate(self.table.losses(arm, "tuning"))) is not None:
            self.group(arm, "tuning", (more,))
        return best_rate(self.table.losses(arm, "tuning"))

    def finish(self, arm: Arm, phase: str) -> None:
        """Tune an arm and train its runs of a later phase, unless they are there."""
        rate = self.tune(arm)
        if not self.table.losses(arm, phase):
            self.group(arm, phase, (rate,))


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny networks: does it run here?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    setting, points, seeds = SETTING, POINTS, SEEDS
    if asked.toy:
        setting = replace(SETTING, width=2, batch=8, budget=1e5, warmup=2)
        points, seeds = {"pool": 64, "held_out": 32}, {"tuning": (100,)}
        seeds["scored"] = seeds["explored"] = (0, 1)
    tasks = {phase: WaveTask(**FUNCTIONS, **points, seeds=seeds[phase]) for phase in seeds}
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    table = Table(asked.out, origin)
    for arm in ARMS:
        Record(table, setting, tasks).finish(arm, "scored")
    for arm, part in EXPLORED:
        less = replace(setting, budget=part * setting.budget)
        Record(table, less, tasks).finish(arm, "explored")


if __name__ == "__main__":
    main()
