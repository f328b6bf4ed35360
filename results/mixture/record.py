"""The race of this folder, recorded: dense networks against mixtures of experts.

    python results/mixture/record.py --price      # first: the ratio of step times, steps.csv
    python results/mixture/record.py              # trains what runs.csv lacks
    python results/mixture/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. Each arm is tuned first, on a seed of its
own, and then scored at its best rate. A row is written as soon as its run has ended, so whatever
ends the process loses one run. Said again, it goes on.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from race import BATCH, LANGUAGE, Arm, price, steps_of, train

from scaling_utils.memory import Experts
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks import LanguageWindows

HERE = Path(__file__).resolve().parent
BUDGET = 1.5e10  # FLOPs of a run at equal FLOPs
TOP_1 = Experts(count=8, active=1, d_expert=128)
ARMS = (  # in the order in which they run
    Arm("dense", 128),
    Arm("top 1 of 8", TOP_1),
    Arm("wide", 256),
    Arm("dense, equal time", 128, alike="top 1 of 8"),
    Arm("wide, equal time", 256, alike="top 1 of 8"),
    Arm("shared", Experts(count=15, active=1, d_expert=64, shared=1)),
)
# Looked at after the score: is a narrower network the better use of the budget?
EXPLORED = (
    Arm("narrow", 64),
    Arm("narrower", 32),
    Arm("top 1 of 8, narrow", Experts(count=8, active=1, d_expert=64)),
    Arm("top 1 of 8, narrower", Experts(count=8, active=1, d_expert=32)),
    Arm("narrowest", 16),
    Arm("top 1 of 8, narrowest", Experts(count=8, active=1, d_expert=16)),
)
RATES = (0.005, 0.01, 0.02, 0.04)
SEEDS = {"tuning": (100,), "scored": (0, 1, 2, 3)}
SEEDS["explored"] = SEEDS["scored"]
ROUNDS = 200  # steps of each network in the measurement of their price


class Table:
    """runs.csv: a row for each run, with where it comes from."""

    def __init__(self, file: Path, origin: dict):
        self.file, self.origin = file, origin
        self.rows = read_rows(file) if file.exists() else []

    def excess(self, arm: Arm, phase: str) -> dict[float, dict[int, float]]:
        """Return what an arm's runs of a phase have above the entropy, by rate and seed."""
        found = defaultdict(dict)
        for row in self.rows:
            if (row["arm"], row["phase"]) == (arm.name, phase):
                found[row["rate"]][row["seed"]] = row["excess"]
        return dict(found)

    def add(self, row: dict) -> None:
        """Write a row behind the earlier ones; the file is always whole."""
        self.rows.append(row | self.origin)
        write_csv(self.rows, self.file)


def best_rate(found: dict[float, dict[int, float]]) -> float:
    """Return the rate of the lowest mean logarithm of the excess."""
    return min(found, key=lambda rate: sum(map(math.log, found[rate].values())))


def missing_rate(found: dict[float, dict[int, float]]) -> float | None:
    """Return the rate beyond the end at which the best one lies; None where it is bracketed."""
    best = best_rate(found)
    if best == max(found):
        return 2 * best
    return best / 2 if best == min(found) else None


def ratio_of(rows: Sequence[dict], arm: str, to: str) -> float:
    """Return the median over turns of a step's time over that of another arm in the same turn."""
    times = {(row["arm"], row["turn"]): row["ms"] for row in rows}
    turns = {row["turn"] for row in rows}
    return round(median(times[arm, t] / times[to, t] for t in turns), 2)


class Record:
    """What is run, and where its rows go."""

    def __init__(self, table: Table, steps: dict[str, int], task: LanguageWindows, seeds: dict):
        self.table, self.steps, self.task, self.seeds = table, steps, task, seeds

    def runs(self, arm: Arm, phase: str, rate: float) -> None:
        """Train what is missing of an arm's seeds of a phase at a rate, and write it down."""
        steps = self.steps[arm.name]
        done = self.table.excess(arm, phase).get(rate, {})
        for seed in self.seeds[phase]:
            if seed in done:
                continue
            row = {"phase": phase, "arm": arm.name, "seed": seed, "rate": rate, "steps": steps}
            row["flops"] = steps * BATCH * arm.network(0).flops_per_token
            self.table.add(row | train(arm, self.task, rate, seed, steps))
            print(
                self.table.rows[-1]["arm"], phase, rate, self.table.rows[-1]["excess"], flush=True
            )

    def finish(self, arm: Arm, phase: str) -> None:
        """Tune an arm until its best rate is bracketed, then train its runs of a phase at it."""
        for rate in RATES:
            self.runs(arm, "tuning", rate)
        while (more := missing_rate(self.table.excess(arm, "tuning"))) is not None:
            self.runs(arm, "tuning", more)
        self.runs(arm, phase, best_rate(self.table.excess(arm, "tuning")))


def planned(arms: Sequence[Arm], budget: float, prices: Sequence[dict]) -> dict[str, int]:
    """Return the steps of each arm: by FLOPs, or as many seconds as the arm it is like."""
    names = {arm.hidden: arm.name for arm in reversed(arms)}  # the first arm of each network
    steps = {arm.name: steps_of(arm, budget) for arm in arms}
    for arm in arms:
        if arm.alike:
            ratio = ratio_of(prices, arm.alike, names[arm.hidden])
            steps[arm.name] = int(steps[arm.alike] * ratio)
    return steps


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny runs: does it run here?")
    parser.add_argument("--price", action="store_true", help="measure the times of steps, no more")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    budget, seeds, rounds, held_out = BUDGET, SEEDS, ROUNDS, 8192
    if asked.toy:
        budget, seeds, rounds, held_out = 5e8, {"tuning": (100,), "scored": (0, 1)}, 3, 64
        seeds["explored"] = seeds["scored"]
    task = LanguageWindows(LANGUAGE, held_out=held_out)
    file = asked.out / "steps.csv"
    if asked.price or not file.exists():
        write_csv(price([arm for arm in ARMS if not arm.alike], task, rounds), file)
    if asked.price:
        return
    steps = planned(ARMS + EXPLORED, budget, read_rows(file))
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    record = Record(Table(asked.out / "runs.csv", origin), steps, task, seeds)
    for arm in ARMS + EXPLORED:
        record.finish(arm, "scored" if arm in ARMS else "explored")


if __name__ == "__main__":
    main()
