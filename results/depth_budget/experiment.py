"""How much of a sawtooth two networks of equal size learn, by the number of steps.

The chapter on depth trains 400 and 2,000 steps live. The longer budgets are recorded here:

    python results/depth_budget/experiment.py 2          # on two processes; writes runs.csv here

One row for each network, budget, rate and start: the share of the target's variance that is
left unexplained at the end of a run of that many steps, with its own warm-up and decay, and
where it ran. The three networks, the points and the schedule are those of the chapter.
"""

from __future__ import annotations

import sys
import time
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from scaling_utils.models.regressors import Regressors
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.training import MemberAdam, Trainer, wsd

K, POINTS, STARTS = 5, 128, 3  # 2^K linear pieces
RATES = (0.03, 0.01, 0.003)
BUDGETS = (400, 2000, 6000, 16_000)  # optimiser steps
NETWORKS = {"exact": [2] * 5, "five": [16] * 5, "shallow": [379]}  # units of hidden layers


def sawtooth(x, k=K):
    """Return T_k(x), the tent applied k times, for x of shape (points, 1)."""
    for _ in range(k):
        x = 2 * np.maximum(x, 0) - 4 * np.maximum(x - 0.5, 0)
    return x


def unexplained(job: tuple[str, int, float]) -> list[dict]:
    """Train the starts of one network, number of steps and rate; return a row for each."""
    torch.set_num_threads(1)
    name, steps, rate = job
    begun = time.monotonic()
    grid = (np.arange(POINTS) + 0.5)[:, None] / POINTS  # (points, 1)
    model = Regressors(NETWORKS[name], grid, STARTS, seed=0)
    at = torch.from_numpy(grid).float()  # (points, 1)
    wanted = torch.from_numpy(sawtooth(grid[:, 0])).float().expand(model.members, -1)
    trainer = Trainer(model, MemberAdam(model, [rate] * STARTS), lambda _: (at, wanted))
    trainer.train(steps, wsd(steps, warmup=50, decay=0.4))
    with torch.no_grad():
        left = (model.loss(at, wanted) / wanted.var(1)).tolist()  # (starts,)
    row = {"network": name, "N": model.total_parameters, "k": K, "steps": steps, "rate": rate}
    seconds = round(time.monotonic() - begun, 1)
    print(*job, np.round(np.median(left), 3), f"{seconds} s", flush=True)
    return [
        {**row, "start": start, "unexplained": float(f"{share:.5g}"), "seconds": seconds}
        | collect_provenance()
        for start, share in enumerate(left)
    ]


def main(processes: int) -> None:
    """Train all budgets of all networks and write the table."""
    jobs = list(product(reversed(NETWORKS), reversed(BUDGETS), RATES))
    jobs.sort(key=lambda job: -job[1])  # the longest first
    with get_context("spawn").Pool(processes) as pool:
        rows = [row for found in pool.imap(unexplained, jobs, chunksize=1) for row in found]
    names = list(NETWORKS)
    rows.sort(key=lambda r: (names.index(r["network"]), r["steps"], -r["rate"], r["start"]))
    write_csv(rows, Path(__file__).with_name("runs.csv"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
