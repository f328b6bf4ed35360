"""The runs of this folder, recorded: what adapting hidden units adds, at three smoothnesses.

    python results/adapting/record.py              # trains what runs.csv lacks
    python results/adapting/record.py --toy --out FOLDER

PREREGISTRATION.md says what is run and how it is scored. A cell is a dimension, a target and a
width; its rows are written at once, so whatever ends the process loses one cell. Said again, it
goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from scaling_utils.models.regressors import Regressors
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks import WaveTask, solved_losses
from scaling_utils.training import MemberAdam, Trainer, wsd

HERE = Path(__file__).resolve().parent
TARGETS = {"rough": (1.0, 5), "s = 2": (2.0, 5), "analytic": (2.0, 1)}  # smoothness, octaves
WIDTHS = (8, 32, 128, 512)
CELLS = [(d, target, width) for d in (4, 8) for target in TARGETS for width in WIDTHS]
CELLS += [(2, "analytic", width) for width in (128, 512)]
RATES = (0.0009, 0.0025, 0.007, 0.02)
FIRST = {8: (0.007, 0.02), 32: (0.007, 0.02), 128: (0.0025, 0.007), 512: (0.0025, 0.007)}
WEIGHTS = 0  # the seed of the initial weights


@dataclass(frozen=True)
class Setting:
    """What all runs share."""

    seeds: tuple[int, ...] = tuple(range(20, 26))
    ambient: int = 16
    pool: int = 65_536
    held_out: int = 16_384
    solved_on: int = 32_768
    batch: int = 256
    steps: int = 4000
    warmup: int = 100


@lru_cache(maxsize=1)
def task_of(dimension: int, target: str, setting: Setting) -> WaveTask:
    """Return the points and the functions of a cell; its widths share them."""
    sizes = setting.pool, setting.held_out
    return WaveTask(dimension, setting.ambient, 0.0, *TARGETS[target], setting.seeds, *sizes)


def drawn(task: WaveTask, width: int) -> Regressors:
    """Return the networks as they are before training, one for each function."""
    return Regressors([width], task.inputs.numpy(), len(task.seeds), WEIGHTS)


def best_rate(losses: dict[float, Sequence[float]]) -> float:
    """Return the rate whose geometric mean of the loss over the functions is lowest."""
    return min(losses, key=lambda rate: np.log(losses[rate]).mean())


def missing_rate(losses: dict[float, Sequence[float]]) -> float | None:
    """Return the rate beyond the end at which the best one lies; None where there is none."""
    best = best_rate(losses)
    place = RATES.index(best) + (best == max(losses)) - (best == min(losses))
    if not 0 <= place < len(RATES) or RATES[place] in losses:
        return None
    return RATES[place]


def trained(task: WaveTask, width: int, rate: float, setting: Setting) -> Regressors:
    """Return the networks after training, each on its function."""
    model = drawn(task, width)
    batches = task.batches(task.seeds, setting.batch)
    trainer = Trainer(model, MemberAdam(model, [rate] * model.members), batches)
    trainer.train(setting.steps, wsd(setting.steps, warmup=setting.warmup, decay=0.4))
    return model


def cell(dimension: int, target: str, width: int, setting: Setting) -> list[dict]:
    """Train a cell at every rate that it needs; return a row for each rate and function.

    ``trained`` is the loss of the network. ``drawn`` and ``moved`` are those with the output
    weights solved for, on the hidden units before and after training. Only the rows of the best
    rate have them.
    """
    task, models, losses = task_of(dimension, target, setting), {}, {}
    more = list(FIRST[width])
    while more:
        rate = more.pop()
        models[rate] = trained(task, width, rate, setting)
        losses[rate] = task.measure(models[rate])["loss"]
        if not more and (beyond := missing_rate(losses)) is not None:
            more.append(beyond)
    best = best_rate(losses)
    kept = {"drawn": drawn(task, width), "moved": models[best]}
    solved = {name: solved_losses(task, model, setting.solved_on) for name, model in kept.items()}
    return [
        {
            "dimension": dimension,
            "target": target,
            "width": width,
            "N": kept["drawn"].total_parameters,
            "seed": seed,
            "rate": rate,
            "steps": setting.steps,
            "trained": float(f"{losses[rate][m]:.6g}"),
        }
        # Member m was trained on function m.
        | {k: float(f"{v[m, m]:.6g}") if rate == best else "" for k, v in solved.items()}
        for rate in sorted(losses)
        for m, seed in enumerate(task.seeds)
    ]


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="a few steps: does it run here?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    setting, cells = Setting(), CELLS
    if asked.toy:
        setting = replace(setting, seeds=(900, 901), pool=256, held_out=64, solved_on=128)
        setting = replace(setting, steps=6, warmup=1)
        cells = [(2, target, width) for target in TARGETS for width in (8, 32)]
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    file = asked.out / "runs.csv"
    rows = read_rows(file) if file.exists() else []
    for dimension, target, width in cells:
        name = {"dimension": dimension, "target": target, "width": width}
        if any(name.items() <= row.items() for row in rows):
            continue
        begun = time.process_time()
        found = cell(dimension, target, width, setting)
        seconds = round(time.process_time() - begun, 1)
        rows += [row | {"seconds": seconds} | origin for row in found]
        write_csv(rows, file)  # the file is always whole
        print(f"d = {dimension}, {target}, {width} units: {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
