"""Seven shapes of equal size after few steps and after four times as many.

The chapter on shape compares them live after 300 steps. Both lengths are recorded here:

    python results/shape_budget/experiment.py            # writes runs.csv beside this file

One row for each shape, number of steps, function and rate: the held-out loss in units of the
target's variance at the end of a run of that length, with its own warm-up and decay, and where
it ran. Shapes, functions, points, rates and schedule are those of the chapter.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from scaling_utils.models.regressors import Regressors
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks.waves import WaveTask
from scaling_utils.training import MemberAdam, Trainer, wsd

BUDGETS = (300, 1200)  # optimiser steps
SEEDS, RATES, BATCH, INPUTS = (0, 1, 2, 3), (0.1, 0.03, 0.01, 0.003, 0.001), 128, 16
HIDDEN = {  # layers -> units of each; 3,000 parameters within 1 %
    1: [167],
    2: [46] * 2,
    3: [34] * 3,
    4: [28] * 3 + [30],
    6: [22] * 5 + [25],
    10: [17] * 9 + [14],
    16: [13] * 15 + [15],
}


def held_out_losses(task: WaveTask, hidden: list[int], steps: int) -> tuple[int, np.ndarray]:
    """Train each function at each rate; return N and the losses (functions, rates)."""
    rates = RATES * len(SEEDS)
    model = Regressors(hidden, task.inputs.numpy(), len(rates), seed=0)
    trainer = Trainer(model, MemberAdam(model, rates), task.batches(len(RATES), BATCH))
    trainer.train(steps, wsd(steps, warmup=50, decay=0.4))
    losses = np.reshape(task.measure(model, len(RATES)), (len(SEEDS), len(RATES)))
    return model.total_parameters, losses


def main() -> None:
    """Train all shapes at all budgets and write the table."""
    torch.set_num_threads(1)
    origin, rows = collect_provenance(), []
    task = WaveTask(4, INPUTS, 0.0, 2.0, 5, SEEDS, pool=32_768, held_out=4096)
    for layers, hidden in HIDDEN.items():
        for steps in BUDGETS:
            begun = time.monotonic()
            N, losses = held_out_losses(task, hidden, steps)
            seconds = round(time.monotonic() - begun, 1)
            for (function, rate), loss in np.ndenumerate(losses):
                row = {"layers": layers, "N": N, "steps": steps, "rate": RATES[rate]}
                row |= {"seed": SEEDS[function], "loss": float(f"{loss:.7g}"), "seconds": seconds}
                rows.append(row | origin)
            best = np.exp(np.log(losses).mean(0)).min()
            print(layers, steps, f"{best:.4f}, {seconds} s", flush=True)
    write_csv(rows, Path(__file__).with_name("runs.csv"))


if __name__ == "__main__":
    main()
