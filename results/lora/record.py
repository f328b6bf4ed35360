"""Fine-tuning of this folder, recorded: all weights, adapters of low rank, biases, the head.

    python results/lora/record.py              # trains what runs.csv lacks
    python results/lora/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. Rows are written run by run, so whatever
ends the process loses one run. Said again, it goes on.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from scaling_utils.models import GPT, add_lora, pretrained, train_only, trainable
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks import TextSequences
from scaling_utils.training import Trainer, adamw, evaluate, wsd

HERE = Path(__file__).resolve().parent
BASE, SOURCE, TARGET = "bytes-56k", "python", "cpp"
LENGTH, BATCH, ALPHA = 128, 16, 16
EVERY = ("query", "key", "value", "out", "up", "down")
RATES = (0.004, 0.008, 0.016, 0.032)
SEEDS = {"tuning": (100, 101), "scored": (10, 11, 12, 13), "untuned": (10, 11, 12, 13), "toy": (0,)}
PATHS = {"full", "all-4", "all-16"}  # arms whose scored runs are measured on the way
THINNED = 8  # of so many held-out batches one is measured


@dataclass(frozen=True)
class Arm:
    """What is trained: "full", "bias", "head", or adapters of a rank at some matrices."""

    name: str
    rank: int = 0
    matrices: tuple[str, ...] = EVERY


ARMS = (
    Arm("full"),
    Arm("all-4", 4),
    Arm("qv-4", 4, ("query", "value")),
    Arm("all-1", 1),
    Arm("all-16", 16),
    Arm("head"),
    Arm("bias"),
    Arm("qv-16", 16, ("query", "value")),
)


def with_biases(model: GPT) -> GPT:
    """Return the same function as a model with biases, which are zero."""
    wider, state = GPT(replace(model.shape, bias=True)), model.state_dict()
    for name, weight in wider.state_dict().items():
        weight.copy_(state[name] if name in state else torch.zeros_like(weight))
    return wider


def prepared(arm: Arm, seed: int) -> GPT:
    """Return the pre-trained model with what the arm trains marked."""
    torch.manual_seed(seed)
    model, _ = pretrained(BASE)
    if arm.rank:
        return add_lora(model, arm.rank, ALPHA, arm.matrices)
    if arm.name == "bias":
        return train_only(with_biases(model), lambda name: name.endswith(".bias"))
    return train_only(model, lambda name: arm.name == "full" or name == "head.weight")


class Texts:
    """The two corpora: passages of the target, and held-out pieces of both."""

    def __init__(self, steps: int):
        self.steps = steps
        self.target, self.source = TextSequences(TARGET, LENGTH), TextSequences(SOURCE, LENGTH)

    def losses(self, model: GPT) -> dict[str, float]:
        """Return the held-out losses on both, nats per byte."""
        tasks = {"target": self.target, "source": self.source}
        return {
            name: round(evaluate(model, task._held_out[::THINNED]).loss, 6)
            for name, task in tasks.items()
        }


def run(arm: Arm, seed: int, rate: float, texts: Texts, every: int | None) -> list[dict]:
    """Fine-tune once; return a row for each measurement."""
    model = prepared(arm, seed)
    row = {"arm": arm.name, "seed": seed, "rate": rate}
    row |= {"parameters": sum(trainable(model).values())}
    rows = [row | {"step": 0} | texts.losses(model)] if every else []
    batches = texts.target.batches(seed, BATCH)
    trainer = Trainer(model, adamw(model, rate), batches, clip=1.0)
    schedule = wsd(texts.steps, min(10, texts.steps // 2), 0.5)
    trainer.train(texts.steps, schedule, every=every, evaluate=texts.losses)
    marks = [{key: mark[key] for key in ("step", "target", "source")} for mark in trainer.history]
    return rows + [row | mark for mark in marks]


class Table:
    """runs.csv: rows of whole runs, each with where it comes from."""

    def __init__(self, folder: Path, origin: dict):
        self.file, self.origin = folder / "runs.csv", origin
        self.rows = read_rows(self.file) if self.file.exists() else []

    def losses(self, phase: str, arm: str) -> dict[float, dict[int, float]]:
        """Return the last target losses of an arm in a phase: by rate, then by seed."""
        found = defaultdict(dict)
        for row in self.rows:
            if (row["phase"], row["arm"], row["last"]) == (phase, arm, 1):
                found[row["rate"]][row["seed"]] = row["target"]
        return found

    def add(self, phase: str, rows: list[dict], seconds: float) -> None:
        """Write a run behind the earlier ones; the file is always whole."""
        for row in rows:
            last = int(row is rows[-1])
            extra = {"last": last, "seconds": round(seconds, 1)} | self.origin
            self.rows.append({"phase": phase, **row} | extra)
        write_csv(self.rows, self.file)


def best_rate(losses: dict[float, dict[int, float]]) -> float:
    """Return the rate of the lowest mean loss over the seeds."""
    return min(losses, key=lambda rate: sum(losses[rate].values()))


def missing_rate(losses: dict[float, dict[int, float]]) -> float | None:
    """Return the rate beyond the end at which the best one lies; None where it is bracketed."""
    best = best_rate(losses)
    if best == max(losses):
        return 2 * best
    return best / 2 if best == min(losses) else None


class Record:
    """What is run, and where its rows go."""

    def __init__(self, table: Table, texts: Texts):
        self.table, self.texts = table, texts

    def runs(self, phase: str, arm: Arm, rate: float) -> None:
        """Train the seeds of a phase at one rate, as far as they are missing."""
        every = 4 if phase == "scored" and arm.name in PATHS else None
        for seed in SEEDS[phase]:
            if seed not in self.table.losses(phase, arm.name).get(rate, {}):
                begun = time.process_time()
                rows = run(arm, seed, rate, self.texts, every)
                self.table.add(phase, rows, time.process_time() - begun)
        print(phase, arm.name, rate, self.table.losses(phase, arm.name)[rate], flush=True)

    def tune(self, arm: Arm) -> float:
        """Train what is missing of an arm's ladder of rates; return its best, bracketed rate."""
        for rate in RATES:
            self.runs("tuning", arm, rate)
        while (more := missing_rate(self.table.losses("tuning", arm.name))) is not None:
            self.runs("tuning", arm, more)
        return best_rate(self.table.losses("tuning", arm.name))


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="two steps, two arms: does it run?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    record = Record(Table(asked.out, origin), Texts(2 if asked.toy else 60))
    if asked.toy:
        for arm in ARMS:
            record.runs("toy", arm, 0.01)
        return
    best = {}
    for arm in ARMS:
        best[arm.name] = record.tune(arm)
        record.runs("scored", arm, best[arm.name])
        if arm.name == "all-4":  # both are tuned: now each at the other's rate
            record.runs("untuned", arm, best["full"])
            record.runs("untuned", ARMS[0], best["all-4"])


if __name__ == "__main__":
    main()
