"""How much of a sawtooth two networks of equal size learn, by the number of steps.

The chapter on shape trains 400 and 2,000 steps live. The longer budgets are recorded here:

    python results/depth_budget/experiment.py            # writes runs.csv beside this file

One row for each network, budget, rate and start: the share of the target's variance that is
left unexplained at the end of a run of that many steps, with its own warm-up and decay, and
where it ran. The three networks, the points and the schedule are those of the chapter.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from scaling_utils.models.regressors import Regressors
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.training import MemberAdam, Trainer, wsd

K, POINTS, STARTS = 5, 128, 6  # 2^K linear pieces
RATES = (0.03, 0.01, 0.003)
BUDGETS = (400, 2000, 6000, 16_000)  # optimiser steps
NETWORKS = {"exact": [2] * 5, "five": [16] * 5, "shallow": [379]}  # units of hidden layers


def sawtooth(x, k=K):
    """Return T_k(x), the tent applied k times, for x of shape (points, 1)."""
    for _ in range(k):
        x = 2 * np.maximum(x, 0) - 4 * np.maximum(x - 0.5, 0)
    return x


def unexplained(hidden: list[int], steps: int) -> tuple[int, np.ndarray]:
    """Train each start at each rate; return N and the unexplained shares (rates, starts)."""
    grid = (np.arange(POINTS) + 0.5)[:, None] / POINTS  # (points, 1)
    model = Regressors(hidden, grid, len(RATES) * STARTS, seed=0)
    at = torch.from_numpy(grid).float()  # (points, 1)
    wanted = torch.from_numpy(sawtooth(grid[:, 0])).float().expand(model.members, -1)
    trainer = Trainer(model, MemberAdam(model, np.repeat(RATES, STARTS)), lambda _: (at, wanted))
    trainer.train(steps, wsd(steps, warmup=50, decay=0.4))
    with torch.no_grad():
        left = model.loss(at, wanted) / wanted.var(1)  # (M,)
    return model.total_parameters, left.numpy().reshape(len(RATES), STARTS)


def main() -> None:
    """Train all budgets of all networks and write the table."""
    torch.set_num_threads(1)
    origin, rows = collect_provenance(), []
    for name, hidden in NETWORKS.items():
        for steps in BUDGETS:
            begun = time.monotonic()
            N, shares = unexplained(hidden, steps)
            seconds = round(time.monotonic() - begun, 1)
            for (rate, start), share in np.ndenumerate(shares):
                row = {"network": name, "N": N, "k": K, "steps": steps, "rate": RATES[rate]}
                row |= {"start": start, "unexplained": float(f"{share:.5g}"), "seconds": seconds}
                rows.append(row | origin)
            print(name, steps, np.median(shares, 1).round(3), f"{seconds} s", flush=True)
    write_csv(rows, Path(__file__).with_name("runs.csv"))


if __name__ == "__main__":
    main()
