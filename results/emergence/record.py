"""The runs of this folder, recorded: a dictionary at several sizes, and recall from context.

    python results/emergence/record.py              # trains what the tables lack
    python results/emergence/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. Networks of one arm, size and rate train
side by side, and their rows are written at once. Said again, it goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dictionary
import recall
import torch

from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

HERE = Path(__file__).resolve().parent
WORDS = {"even": dictionary.Dictionary(), "zipf": dictionary.Dictionary(zipf=1.0)}
HIDDEN = (4, 6, 8, 11, 16, 23, 32)
WIDTHS = (8, 12, 16, 24, 32)
RATES = {"dictionary": (0.015, 0.03, 0.06), "recall": (0.0015, 0.003, 0.006)}
STEPS = {"dictionary": 600, "recall": 800}
TUNING = [100, 101]
SCORED = list(range(20))
WIDEST = 10  # seeds of the whole network at the largest width, see "Afterwards"
FEWER = {"zipf": 8, "one layer": 6, "one layer, given": 6, "no places": 6}  # seeds of these arms


class Table:
    """Rows of whole groups of one task, each with where it comes from.

    A part of its own until it is complete, so that both tasks can run at once.
    """

    def __init__(self, folder: Path, task: str, origin: dict):
        self.file, self.task, self.origin = folder / f"{task}.part.csv", task, origin
        stored = [self.file] if self.file.exists() else [*folder.glob("runs.csv")]
        self.rows = [row for file in stored for row in read_rows(file) if row["task"] == task]

    def found(self, **about) -> list[dict]:
        """Return the rows that agree with ``about``."""
        return [row for row in self.rows if all(row[k] == v for k, v in about.items())]

    def group(self, phase: str, arm: str, size: int, rate: float, run: Callable) -> list[dict]:
        """Return a group's rows; train and write them if they are not there."""
        about = {"phase": phase, "arm": arm, "size": size, "rate": rate}
        if not self.found(**about):
            begun, clock = time.process_time(), time.monotonic()
            rows = run()
            cpu, wall = time.process_time() - begun, time.monotonic() - clock
            rows = [
                {"task": self.task} | about | row | {"cpu_seconds": round(cpu, 1)} | self.origin
                for row in rows
            ]
            self.rows += rows
            write_csv(self.rows, self.file)
            print(f"{phase} {arm} {size} at {rate}: {cpu:.0f} s of {wall:.0f} s", flush=True)
        return self.found(**about)


def join(folder: Path) -> None:
    """Put the parts of both tasks into runs.csv; what a task does not measure stays empty."""
    parts = [folder / f"{task}.part.csv" for task in STEPS]
    if all(part.exists() for part in parts):
        rows = [row for part in parts for row in read_rows(part)]
        names = dict.fromkeys(name for row in rows for name in row)
        write_csv(
            [{name: row.get(name, "") for name in names} for row in rows], folder / "runs.csv"
        )


def tuned(table: Table, arm: str, size: int, rates: Sequence[float], learn: Callable) -> float:
    """Return the rate of the highest mean probability on the tuning seeds (geometric, of a token).

    That is the lowest mean loss: of the even dictionary and of recall, of all keys alike of the
    other.
    """
    means = {}
    for rate in rates:
        rows = table.group("tuning", arm, size, rate, lambda rate=rate: learn(rate))
        means[rate] = sum(row["geometric"] for row in rows) / len(rows)
    return max(means, key=means.get)


def seeds_of(arm: str, size: int) -> list[int]:
    """Return the seeds of the scored runs of an arm at a size."""
    widest = (arm, size) == ("two layers", WIDTHS[-1])
    return SCORED[: WIDEST if widest else FEWER.get(arm)]


def record_dictionary(table: Table, sizes: Sequence[int], steps: int) -> None:
    """Record what is missing of both dictionaries."""
    for arm, task in WORDS.items():
        for size in sizes:

            def learn(rate, seeds=TUNING, task=task, size=size):
                return dictionary.learn(task, size, rate, seeds, steps)

            rate = tuned(table, arm, size, RATES["dictionary"], learn)
            seeds = seeds_of(arm, size)
            table.group("scored", arm, size, rate, lambda go=learn, r=rate, s=seeds: go(r, s))


def record_recall(table: Table, sizes: Sequence[int], steps: int) -> None:
    """Record what is missing of recall: all widths of the whole network, one of the others."""
    for arm in recall.ARMS:
        whole = arm is recall.ARMS[0]
        for size in sizes if whole else sizes[-1:]:

            def learn(rate, seeds=TUNING, arm=arm, size=size):
                return recall.learn(arm, size, rate, seeds, steps)

            rate = tuned(table, arm.name, size, RATES["recall"], learn)
            seeds = seeds_of(arm.name, size)
            table.group("scored", arm.name, size, rate, lambda go=learn, r=rate, s=seeds: go(r, s))


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="a few steps: does it run here?")
    parser.add_argument("--only", choices=list(STEPS), help="one of the two tasks")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    parts = {"dictionary": record_dictionary, "recall": record_recall}
    for name in [asked.only] if asked.only else parts:
        sizes = {"dictionary": HIDDEN, "recall": WIDTHS}[name][: 2 if asked.toy else None]
        steps = 12 if asked.toy else STEPS[name]
        parts[name](Table(asked.out, name, origin), sizes, steps)
    join(asked.out)


if __name__ == "__main__":
    main()
